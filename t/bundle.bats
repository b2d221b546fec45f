#!/usr/bin/env bats
# Netboot bundles, given or found in a cache's catalog: unpacked with care,
# published as a whole, served over HTTP, and withdrawn with their export.

bats_require_minimum_version 1.5.0
load helper
load lib/fetch

setup()
{
	[ -x "$NBDMUX_BIN/nbdmux-fetch" ] || skip "built without libcurl"
	setup_dirs
	cd "$BATS_TEST_TMPDIR" || return
	truncate -s 1M a.img
	BOOT=$DATA/artifacts/a
}

teardown()
{
	stop_web
	stop_daemon
	[ -z "${SMALL:-}" ] || umount "$SMALL"
}

# bundle FILE KIND [VERSION]
bundle()
{
	/usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/bundle.py" "$@"
}

# boots VERSION: these files are published, all of them, for everybody.
boots()
{
	[ "$(head -c 10 "$BOOT/vmlinuz")" = "kernel $1" ]
	[ "$(head -c 10 "$BOOT/initrd")" = "initrd $1" ]
	[ "$(stat -c %s "$BOOT/vmlinuz") $(stat -c %s "$BOOT/initrd")" = "300000 700000" ]
	grep -q "\"version\": \"$1\"" "$BOOT/manifest.json"
	[ "$(stat -c %a "$BOOT"/* | sort -u)" = 644 ]
	[ "$(ls "$BOOT")" = $'initrd\nmanifest.json\nvmlinuz' ]
	nothing_half
}

# Nothing that is not in its place, there and with the images.
nothing_half()
{
	[ -z "$(find "$DATA" -mindepth 2 -maxdepth 2 -name '.*')" ]
}

# cgi METHOD PATH: what the CGI program answers, in answer.
cgi()
{
	env -i GATEWAY_INTERFACE=CGI/1.1 NBDMUX_SPOOL="$SPOOL" \
	    NBDMUX_STATE="$STATE" NBDMUX_CONF="$NBDMUX_CONF" \
	    ${ASAN_OPTIONS:+ASAN_OPTIONS="$ASAN_OPTIONS"} \
	    REQUEST_METHOD="$1" PATH_INFO="$2" HTTP_HOST=lab.example:8082 \
	    REMOTE_ADDR=192.0.2.1 "$NBDMUX_BIN/nbdmux.cgi" </dev/null \
	    2>cgi.log | tr -d '\r' >answer
	! grep -E "Sanitizer|runtime error" cgi.log
}

body()
{
	sed '1,/^$/d' answer
}

# --- given -------------------------------------------------------------------------

@test "a bundle is published whatever its compression and kind of tar" {
	local tool kind

	put_export a "$PWD/a.img"
	bundle plain good
	for tool in gzip xz zstd bzip2 lz4; do
		needs $tool
		$tool -c <plain >"$tool.bin"
		rm -rf "$BOOT"
		run nbdmux-fetch --netboot="$tool.bin" a
		[ "$status $output" = "0 published a" ]
		boots one
	done
	for kind in gnu ustar extras sized; do
		bundle "$kind" "$kind"
		nbdmux-fetch --netboot "$kind" a
		boots one
	done
	[ ! -e "$DATA/artifacts/a/doc" ]
	[ "$(stat -c '%u %a' "$BOOT/initrd")" = "$(id -u) 644" ]
}

@test "what is in a hostile archive is refused, and what was there stays" {
	local kind said

	put_export a "$PWD/a.img"
	bundle good good
	nbdmux-fetch -q --netboot=good a
	echo untouched >evil
	while read -r kind said; do
		bundle bad "$kind" two
		run nbdmux-fetch --netboot=bad a
		echo "$kind: $output"
		[ "$status" -eq 1 ]
		[[ $output == "nbdmux-fetch: cannot publish $PWD/bad: "*"$said"* ]]
		[ "$(wc -l <<<"$output")" -eq 1 ]
		boots one
	done <<-'END'
		absolute "/tmp/evil" has a name that leads out of the archive
		dotdot "../evil" has a name that leads out
		dotdot-inside "a/../b" has a name that leads out
		symlink "vmlinuz" is a symbolic link
		symlink-other "x" is a symbolic link
		hardlink "initrd" is a link to another member
		device "initrd" is a device
		fifo "x" is neither a file nor a directory
		twice "vmlinuz" is there twice
		twice-dot "initrd" is there twice
		directory "vmlinuz" is a directory, not a file
		many it has more than 64 members
		huge "initrd" is larger than 4G
		huge-other "other" is larger than 4G
		hollow "vmlinuz" is empty
		no-kernel it has no vmlinuz
		no-initrd it has no initrd
		no-manifest it has no manifest.json
		manifest-large "manifest.json" is larger than 1M
		manifest-text manifest.json is no JSON
		manifest-array manifest.json is no JSON object
		manifest-twice manifest.json is no JSON
		manifest-deep manifest.json is no JSON
		manifest-sum manifest.json says that the SHA-256 of initrd is
		manifest-size manifest.json says another size of vmlinuz
		manifest-no-sum the SHA-256 of initrd is no string
		empty it is empty
		nothing it is
		text it is no tar archive
		cut-kernel it is truncated or damaged
		cut-behind it has no initrd
		cut-header it is truncated or damaged
		cut-manifest it is truncated or damaged
	END
	[ ! -e /tmp/evil ] && [ "$(cat evil)" = untouched ]
	[ "$(ls "$DATA/artifacts")" = a ]
}

@test "a compressed bundle that is cut or damaged is refused" {
	local tool

	put_export a "$PWD/a.img"
	bundle plain good
	for tool in gzip xz zstd bzip2; do
		needs $tool
		$tool -c <plain >whole
		head -c $(($(stat -c %s whole) / 2)) whole >bad
		run nbdmux-fetch --netboot=bad a
		[ "$status" -eq 1 ]
		[[ $output == *"truncated or damaged"* ||
		    $output == *"no tar archive, or damaged"* ]]
	done
	[ ! -e "$BOOT" ]
	nothing_half
}

@test "the same bundle again is unchanged, another one replaces it" {
	put_export a "$PWD/a.img"
	bundle one.tar good one
	bundle two.tar good two
	nbdmux-fetch --netboot=one.tar a
	run nbdmux-fetch --netboot=one.tar --check a
	[ "$status $output" = "0 unchanged a" ]
	inode=$(stat -c %i "$BOOT")
	run nbdmux-fetch --netboot=one.tar a
	[ "$status $output" = "0 unchanged a" ]
	[ "$(stat -c %i "$BOOT")" = "$inode" ]
	run nbdmux-fetch --netboot=two.tar --check a
	[ "$status $output" = "0 published a" ]
	boots one
	run nbdmux-fetch -q --netboot=two.tar a
	[ "$status $output" = "0 published a" ]
	boots two
	# What somebody has damaged is not the same.
	rm "$BOOT/initrd"
	nbdmux-fetch -q --netboot=two.tar a
	boots two
}

@test "a bundle is for an export that wants it" {
	mkdir images
	echo kernel | tee vmlinuz >initrd
	bundle good.tar good
	run -3 nbdmux-fetch --netboot=good.tar a
	[[ $output == *"there is no export a" ]]
	nbdmux-add --kernel=vmlinuz --initrd=initrd a a.img
	run -1 nbdmux-fetch --netboot=good.tar a
	[[ $output == *"the entry says with kernel and initrd what boots a"* ]]
	nbdmux-add a a.img
	mkdir -p "$BOOT"
	echo mine >"$BOOT/vmlinuz"
	for check in "" --check; do
		run -1 nbdmux-fetch --netboot=good.tar $check a
		[[ $output == *"was not made by nbdmux"* ]]
	done
	rm -r "$BOOT"
	for bad in none . images; do
		run -1 nbdmux-fetch --netboot=$bad a
	done
	run -2 nbdmux-fetch --netboot=good.tar
	run -2 nbdmux-fetch --netboot=good.tar a b
	run -2 nbdmux-fetch --netboot=good.tar --refresh a
	run -2 nbdmux-fetch --check a
	run -2 nbdmux-add --netboot=good.tar --kernel=vmlinuz a a.img
	echo "image-dirs = $PWD/images" >>"$NBDMUX_CONF"
	run -1 nbdmux-fetch --netboot=good.tar a
	[[ $output == *"image-dirs"* ]]
	mv good.tar images
	nbdmux-fetch --netboot=images/good.tar a
	boots one
}

@test "nbdmux-add publishes a bundle with the export, or does nothing" {
	setup_daemon
	bundle good.tar good
	bundle bad.tar no-initrd
	run nbdmux-add --netboot=bad.tar a a.img
	[ "$status" -eq 1 ]
	[[ $output == "nbdmux-add: cannot add a: cannot publish $PWD/bad.tar: it has no initrd" ]]
	[ ! -e "$SPOOL/a.ini" ] && [ ! -e "$BOOT" ]
	run nbdmux-add --check --netboot=good.tar a a.img
	[ "$status" -eq 0 ] && [[ $output == added* ]]
	[ ! -e "$SPOOL/a.ini" ] && [ ! -e "$BOOT" ]
	run --separate-stderr nbdmux-add --netboot good.tar a a.img
	[ "$status $output" = "0 added nbd://127.0.0.1:$PORT/a" ]
	[ -z "$stderr" ]
	boots one
	run nbdmux-add --netboot=good.tar a a.img
	[ "$status" -eq 0 ] && [[ $output == unchanged* ]]
	# It stays with the export, until it is another's or none.
	nbdmux-add -d described a a.img
	boots one
	nbdmux-events --json a | grep '"fetch-netboot"' | grep -q "$PWD/good.tar"
	nbdmux-rm a
	[ ! -e "$BOOT" ]
	nothing_half
}

# killed_at CALL N FILE: nbdmux-fetch --netboot dies in its Nth CALL; 1 when
# there are not as many.  (strace counts each kind of call by itself.)
killed_at()
{
	local status=0

	ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" strace -f -qq -o /dev/null \
	    -e trace="$1" -e inject="$1:signal=KILL:when=$2" \
	    nbdmux-fetch -q --netboot="$3" a >/dev/null || status=$?
	[ "$status" -eq 137 ] && return
	[ "$status" -eq 0 ] || echo "$1 $2: it ended with $status"
	return 1
}

# one_of VERSION...: all of one of these boots it.
one_of()
{
	local version

	version=$(head -c 10 "$BOOT/vmlinuz" | tail -c 3)
	[[ " $* " == *" $version "* ]]
	[ "$(head -c 10 "$BOOT/initrd")" = "initrd $version" ]
	[ "$(stat -c %s "$BOOT/vmlinuz" "$BOOT/initrd" | xargs)" = "300000 700000" ]
	grep -q "\"version\": \"$version\"" "$BOOT/manifest.json"
}

@test "killed in any call, the old files or the new ones boot it, and nothing is left" {
	local call n killed=0

	needs strace
	put_export a "$PWD/a.img"
	bundle one.tar good one
	bundle two.tar good two
	for call in mkdirat write fchmod fsync renameat2 unlinkat flock; do
		for ((n = 1; ; n++)); do
			nbdmux-fetch -q --netboot=one.tar a >/dev/null
			boots one
			killed_at $call $n two.tar || break
			killed=$((killed + 1))
			one_of one two
			nbdmux-fetch -q --netboot=two.tar a >/dev/null
			boots two
		done
		boots two
	done
	[ "$killed" -ge 20 ]
	# What is left of the dead goes with the export, too.
	killed_at fchmod 1 one.tar
	[ -n "$(find "$DATA/artifacts" -mindepth 1 -maxdepth 1 -name '.*')" ]
	nbdmux-rm a
	[ -z "$(ls -A "$DATA/artifacts")" ]
}

@test "started as root it becomes the owner of the data directory, and has the file open by then" {
	[ "$(id -u)" = 0 ] || skip "only root can become somebody else"
	put_export a "$PWD/a.img"
	bundle good.tar good
	chmod 600 good.tar
	mkdir -p "$DATA"
	chown -R nobody "$DATA" "$SPOOL"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR" "$STATE"
	nbdmux-fetch -q --netboot=good.tar a
	boots one
	[ "$(stat -c %U "$BOOT" "$BOOT"/* | sort -u)" = nobody ]
}

@test "a bundle for which there is no room is refused, and leaves what there is" {
	[ "$(id -u)" = 0 ] || skip "only root can mount a small file system"
	mkdir -p "$DATA"
	mount -t tmpfs -o size=3m tmpfs "$DATA" || skip "no tmpfs"
	SMALL=$DATA
	put_export a "$PWD/a.img"
	bundle one.tar good one
	nbdmux-fetch -q --netboot=one.tar a
	head -c 1500K /dev/zero >"$DATA/used"
	bundle two.tar good two
	run -1 nbdmux-fetch -q --netboot=two.tar a
	[[ $output == *"there is no room"* ]]
	boots one
}

@test "over HTTP an export with a bundle is ready to boot, and without export there is none" {
	[ -x "$NBDMUX_BIN/nbdmux.cgi" ] || skip "built without jansson"
	needs jq
	setup_daemon
	bundle good.tar good
	nbdmux-add a a.img
	cgi GET /export/a
	body | jq -e '.netboot_ready == false and .netboot_ref == null'
	cgi GET /artifacts/a/vmlinuz
	head -n 1 answer | grep "Status: 404"
	nbdmux-fetch --netboot=good.tar a
	cgi GET /export/a
	body | jq -e ".netboot_ready == true and .netboot_ref == \"$PWD/good.tar\""
	cgi GET /artifacts/a/manifest.json
	body | jq -e '.variant == "test"'
	cgi GET /ipxe/a
	body | grep -x "set base http://lab.example:8082/artifacts/a"
	cgi DELETE /exports/a
	head -n 1 answer | grep "Status: 204"
	[ ! -e "$BOOT" ]
}

# --- from a catalog -------------------------------------------------------------------

# cached URL FILE: the cache has that for the address.
cached()
{
	mkdir -p "$WEB/b"
	cp "$2" "$WEB/b/$(printf %s "$1" | base64 -w 0 | tr '+/' '-_' | tr -d =)"
}

# setup_cache: images and bundles that a cache has, and its catalog.
setup_cache()
{
	setup_web
	make_image image 1
	cached https://images.invalid/a.img image
	cached https://images.invalid/b.img image
	bundle one.tar good one
	gzip one.tar
	cached oras://images.invalid/a:boot one.tar.gz
	cat >"$WEB/catalog" <<-'END'
		{"entries": [
		{"name": "a image", "src": "https://images.invalid/a.img",
		 "format": "img", "netboot_ref": "a bundle"}, 7, {"src": 3},
		{"name": "b image", "src": "oras://images.invalid/b",
		 "resolved_src": "https://images.invalid/b.img"},
		{"name": "a bundle", "src": "oras://images.invalid/a:boot"}]}
	END
	export NBDMUX_WITHCACHE_URL=$URL
}

# wants NAME FILE [LINE...]: an entry with a source behind the cache.
wants()
{
	printf '[export]\nsource = https://images.invalid/%s\n' "$2" >"$SPOOL/$1.ini"
}

bundles_sent()
{
	web_log | grep -c "/b/b3Jhczov.* 200 "
}

@test "the bundle that the cache's catalog has for an image is fetched with it" {
	setup_cache
	wants a a.img
	wants b b.img
	run --separate-stderr nbdmux-fetch -q
	[ "$status" -eq 0 ] && [ -z "$stderr" ]
	boots one
	nothing_left
	[ ! -e "$DATA/artifacts/b" ]
	# For all of them the catalog is asked once.
	[ "$(web_log | grep -c "GET /catalog 200")" -eq 1 ]
	fetch_is a ready
	[ "$(fetch_of a bytes-done)" = "$(stat -c %s image)" ]
	grep -qx "bundle a bundle" "$BOOT/.nbdmux"
	run nbdmux-fetch a
	[ "$output" = "unchanged a" ]
	[ "$(web_log | grep -c "GET /catalog")" -eq 1 ]
}

@test "an image that only a cache can fetch is fetched through it, and not without" {
	needs jq
	setup_cache
	cached oras://images.invalid/b:2026 image
	jq '.entries[3] |= (.src = "oras://images.invalid/b:2026" |
	    .netboot_ref = "a bundle")' "$WEB/catalog" >catalog
	cp catalog "$WEB/catalog"
	NBDMUX_WITHCACHE_URL='' run nbdmux-add a oras://images.invalid/b:2026
	[ "$status" -eq 1 ]
	[[ $output == *"oras://images.invalid/b:2026 is fetched through a cache, and there is none; name it as fetch-cache"* ]]
	nbdmux-fetch -q a
	cmp "$(image_of a)" image
	boots one
	nothing_left
}

@test "refresh takes a new version of the bundle, and what the catalog has no more goes" {
	setup_cache
	wants a a.img
	nbdmux-fetch -q
	run nbdmux-fetch --refresh a
	[ "$output" = "unchanged a" ]
	[ "$(bundles_sent)" -eq 1 ]
	bundle two.tar good two
	cached oras://images.invalid/a:boot two.tar
	run nbdmux-fetch -q --refresh a
	[ "$output" = "fetched a" ]
	boots two
	# Another image, which has none.
	wants a b.img
	nbdmux-fetch -q a
	[ ! -e "$BOOT" ]
	nothing_left
}

@test "a bundle of another image boots nothing, whatever can be had for this one" {
	local spoil bundle

	setup_cache
	bundle=$WEB/b/$(printf %s oras://images.invalid/a:boot | base64 -w 0 | tr -d =)
	# b has the same bundle.
	sed -i 's/"resolved/"netboot_ref": "a bundle", &/' "$WEB/catalog"
	cp "$WEB/catalog" catalog
	for spoil in 'fault /catalog status=500' 'rm $WEB/catalog' 'rm $bundle'; do
		wants a a.img
		nbdmux-fetch -q a
		boots one
		eval "$spoil"
		nbdmux-fetch -q --refresh --tries=1 a || true
		boots one
		wants a b.img
		nbdmux-fetch -q --tries=1 a
		[ ! -e "$BOOT" ]
		no_faults
		cp catalog "$WEB/catalog"
		cp one.tar.gz "$bundle"
	done
	nbdmux-fetch -q a
	boots one
	grep -qx "image https://images.invalid/b.img" "$BOOT/.nbdmux"
	wants a a.img
	nbdmux-fetch -q a
	boots one
	grep -qx "image https://images.invalid/a.img" "$BOOT/.nbdmux"
	# Without a cache nobody knows, and a file has no bundle of a catalog.
	cp image "$WEB/c.img"
	source_export a c.img
	NBDMUX_WITHCACHE_URL='' nbdmux-fetch -q a
	[ ! -e "$BOOT" ]
	wants a a.img
	nbdmux-fetch -q a
	boots one
	nbdmux-add a a.img
	[ ! -e "$BOOT" ]
}

@test "a bundle that cannot be had leaves the image served, and is told" {
	needs jq
	setup_cache
	setup_daemon
	bundle bad.tar symlink
	cached oras://images.invalid/a:boot bad.tar
	run nbdmux-add a https://images.invalid/a.img
	[ "$status" -eq 0 ]
	[[ $output == *"a: what boots it is not published: a bundle: its member \"vmlinuz\" is a symbolic link"* ]]
	nbdmux-ls --json a | jq -e '.exports[0] | .status == "ready" and
	    (.error | contains("what boots it is not published"))'
	nbdmux-events --json a | grep '"fetch-netboot"' | grep -q symbolic
	[ ! -e "$BOOT" ]
	nothing_half
	# It is there now; who asks again gets it.
	cached oras://images.invalid/a:boot one.tar.gz
	run nbdmux-fetch -q a
	[ "$output" = "fetched a" ]
	boots one
	nbdmux-ls --json a | jq -e '.exports[0].error == null'
	stop_daemon
}

@test "a catalog that is none, or leads nowhere, is no harm" {
	local text

	setup_cache
	wants a a.img
	rm "$WEB/catalog"
	run --separate-stderr nbdmux-fetch -q a
	[ "$status $output$stderr" = "0 fetched a" ]
	while read -r text; do
		echo "$text" >"$WEB/catalog"
		run nbdmux-fetch -q a
		echo "$text: $output"
		[ "$status" -eq 0 ]
		[[ $output == "nbdmux-fetch: a: what boots it is not known: "* ]]
		[ ! -e "$BOOT" ]
	done <<-'END'
		<html>
		[]
		{"entries": 3}
		{"entries": [{"src": "https://images.invalid/a.img", "netboot_ref": "none"}]}
		{"entries": [{"src": "https://images.invalid/a.img", "netboot_ref": "a"}, {"name": "a"}]}
		{"entries": [{"src": "https://images.invalid/a.img", "netboot_ref": "a"}, {"name": "a", "src": "http://a/\nb"}]}
	END
	for text in '{}' '{"entries": []}' '{"entries": [{"src": "https://images.invalid/a.img", "netboot_ref": null}]}'; do
		echo "$text" >"$WEB/catalog"
		run nbdmux-fetch -q a
		[ "$status" -eq 0 ]
	done
	fault /catalog status=500
	run nbdmux-fetch -q --tries=1 a
	[ "$status" -eq 0 ]
	[[ $output == *"the server says 500"* ]]
}

@test "what somebody has given or put there comes before a catalog" {
	setup_cache
	wants a a.img
	bundle mine.tar good six
	nbdmux-fetch -q --netboot=mine.tar a
	nbdmux-fetch -q --refresh a
	boots six
	nbdmux-rm a
	wants a a.img
	mkdir -p "$BOOT"
	echo mine >"$BOOT/vmlinuz"
	run --separate-stderr nbdmux-fetch -q a
	[ "$status $output$stderr" = "0 fetched a" ]
	[ "$(cat "$BOOT/vmlinuz")" = mine ]
	[ "$(bundles_sent)" -eq 0 ]
}

@test "an export that is removed while its bundle is on the way has none afterwards" {
	setup_cache
	wants a a.img
	fault "/b/$(printf %s oras://images.invalid/a:boot | base64 -w 0 | tr -d =)" rate=2000
	nbdmux-fetch -q a >said 2>&1 &
	pid=$!
	wait_for 20 grep -q '^image' "$SPOOL/a.ini"
	wait_for 20 test -e "$IMAGES/.a~boot"
	nbdmux-rm a
	no_faults
	wait $pid
	grep -q "there is no export a" said
	[ ! -e "$BOOT" ]
	nothing_half
}

@test "when the daemon ends while it has a bundle fetched, the next one goes on" {
	needs jq
	setup_cache
	fault "/b/$(printf %s oras://images.invalid/a:boot | base64 -w 0 | tr -d =)" rate=2000
	setup_daemon
	nbdmux-add --no-wait a https://images.invalid/a.img
	wait_for 20 test -s "$IMAGES/.a~boot.ini"
	pid=$(fetch_of a pid)
	kill -TERM "$DAEMON"
	ended
	run kill -0 "$pid"
	[ "$status" -ne 0 ] && [ ! -e "$BOOT" ]
	no_faults
	start_daemon
	wait_for 20 test -e "$BOOT"
	boots one
	wait_for 10 nothing_left
	# Nor is it forgotten when the program is killed, or the export removed.
	bundle two.tar good two
	cached oras://images.invalid/a:boot two.tar
	fault "/b/$(printf %s oras://images.invalid/a:boot | base64 -w 0 | tr -d =)" rate=2000
	nbdmux-fetch -q --refresh a 2>/dev/null 3>&- &
	pid=$!
	wait_for 20 test -s "$IMAGES/.a~boot.ini"
	kill -KILL $pid
	wait $pid || true
	no_faults
	nbdmux-fetch -q a
	boots two
	nothing_left
	fault "/b/$(printf %s oras://images.invalid/a:boot | base64 -w 0 | tr -d =)" rate=2000
	nbdmux-add --no-wait b https://images.invalid/a.img
	wait_for 20 test -s "$IMAGES/.b~boot.ini"
	nbdmux-rm b
	wait_for 20 nothing_left
	[ ! -e "$DATA/artifacts/b" ]
	no_faults
}
