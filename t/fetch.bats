#!/usr/bin/env bats
# nbdmux-fetch by itself: what it takes, what it refuses, what it survives.
# fetch-daemon.bats has the daemon's and nbdmux-add's part.

bats_require_minimum_version 1.5.0
load helper
load lib/fetch
load lib/tls

setup()
{
	[ -x "$NBDMUX_BIN/nbdmux-fetch" ] || skip "built without libcurl"
	setup_dirs
	setup_web
	cd "$BATS_TEST_TMPDIR" || return
}

teardown()
{
	stop_web
	[ -z "${SMALL:-}" ] || umount "$SMALL"
}

# fetched NAME FILE: it was, and is that file's bytes.
fetched()
{
	local image

	image=$(image_of "$1")
	[ -n "$image" ] && cmp "$image" "$2"
	nothing_left
}

# ends_with STATUS PID: a background process of this shell does.
ends_with()
{
	local status=0

	wait "$2" || status=$?
	[ "$status" -eq "$1" ] || { echo "it ended with $status"; return 1; }
}

# --- what is fetched -------------------------------------------------------------

@test "a raw image is fetched with its holes" {
	make_image "$WEB/a.img"
	source_export a a.img
	run nbdmux-fetch -q a
	[ "$status $output" = "0 fetched a" ]
	fetched a "$WEB/a.img"
	[ "$(du -k "$(image_of a)" | cut -f 1)" -lt 6000 ]
	run nbdmux-fetch -q a
	[ "$status $output" = "0 " ]
	run nbdmux-fetch a
	[ "$status $output" = "0 unchanged a" ]
	[ "$(web_log | wc -l)" -eq 1 ]
}

@test "gzip, xz, zstd, bzip2 and lz4 are known by their content, not by their names" {
	local tool

	make_image image
	for tool in gzip xz zstd bzip2 lz4; do
		needs $tool
		$tool -c <image >"$WEB/$tool.img"
		source_export $tool $tool.img
		nbdmux-fetch -q $tool
		fetched $tool image
		[ "$(du -k "$(image_of $tool)" | cut -f 1)" -lt 6000 ]
	done
	# Several streams behind each other are one image.
	{ head -c 1M image | gzip; tail -c +1048577 image | gzip; } >"$WEB/two"
	source_export two two
	nbdmux-fetch -q two
	fetched two image
	# What the same tools have written otherwise.
	needs pzstd
	pzstd -q -c image >"$WEB/parallel"
	lz4 -q -l -c image >"$WEB/legacy"
	for tool in parallel legacy; do
		source_export $tool $tool
		nbdmux-fetch -q $tool
		fetched $tool image
	done
}

@test "sums are compared, given or from a list beside the source" {
	make_image "$WEB/a.img" 1
	xz -0 "$WEB/a.img"
	(cd "$WEB" && sha256sum ./*.xz >SHA256SUMS &&
	    sha512sum --tag a.img.xz >sums)
	source_export a a.img.xz "sha256 = $(sha256 "$WEB/a.img.xz" | tr a-f A-F)"
	source_export b a.img.xz "sha256 = SHA256SUMS" "sha512 = $URL/sums"
	nbdmux-fetch -q
	xz -d "$WEB/a.img.xz"
	fetched a "$WEB/a.img"
	fetched b "$WEB/a.img"
}

@test "what has another sum is not served, and not kept" {
	make_image "$WEB/a.img" 1
	source_export a a.img "sha256 = $(sha256 /dev/null)"
	run -4 nbdmux-fetch -q a
	[[ $output == *"its SHA-256 is $(sha256 "$WEB/a.img"), not $(sha256 \
	    /dev/null)"* ]]
	[ -z "$(image_of a)" ]
	nothing_left
	echo "$(sha256 /dev/null)  b.img" >"$WEB/SHA256SUMS"
	source_export a a.img "sha256 = SHA256SUMS"
	run -1 nbdmux-fetch -q a
	[[ $output == *"SHA256SUMS: there is no sum of 64 digits for \"a.img\""* ]]
	fault /SHA256SUMS status=404
	run -1 nbdmux-fetch -q a
	[[ $output == *"SHA256SUMS: the server says 404"* ]]
}

@test "qcow2 and its like are converted, compressed or not" {
	needs qemu-img
	make_image image 1
	truncate -s 18M image
	qemu-img convert -q -O qcow2 image "$WEB/a.qcow2"
	qemu-img convert -q -O vmdk image "$WEB/b.vmdk"
	gzip -k "$WEB/a.qcow2"
	for file in a.qcow2 b.vmdk a.qcow2.gz; do
		source_export "$file" "$file"
		nbdmux-fetch -q "$file"
		fetched "$file" image
		[ "$(du -k "$(image_of "$file")" | cut -f 1)" -lt 4000 ]
	done
}

# stub_qemu_img COMMAND: ./qemu-img, which runs it here.
stub_qemu_img()
{
	printf '#!/bin/sh\ncd %q\n%s\n' "$PWD" "$1" >qemu-img
	chmod +x qemu-img
}

@test "a qcow2 image that names another file is refused" {
	needs qemu-img
	echo secret >secret
	truncate -s 1M secret
	qemu-img create -q -f qcow2 -F raw -b "$PWD/secret" "$WEB/a.qcow2"
	qemu-img create -q -f qcow2 -o data_file="$PWD/data",data_file_raw=on \
	    "$WEB/b.qcow2" 1M
	qemu-img create -q -f qed -F raw -b "$PWD/secret" "$WEB/c.qcow2"
	# Which opens the file that the second names, to tell about it.
	stub_qemu_img ': >asked'
	for name in a b c; do
		source_export $name $name.qcow2
		PATH=$PWD:$PATH run -4 nbdmux-fetch -q $name
		[[ $output == *"names another file"* ]]
	done
	[ ! -e asked ]
	nothing_left
}

@test "what qemu-img says of an image is read to its end, and whom it names" {
	needs qemu-img
	qemu-img create -q -f qcow2 "$WEB/a.qcow2" 1M
	source_export a a.qcow2
	stub_qemu_img 'printf "{ \"virtual-size\": 1, \"children\": [ { \"info\":
	    { \"filename\": \"/etc/passwd\" } } ] }"'
	PATH=$PWD:$PATH run -4 nbdmux-fetch -q a
	[[ $output == *"names another file"* ]]
	# More than a pipe holds.
	for i in {1..80}; do
		qemu-img bitmap --add "$WEB/a.qcow2" "$(printf '%01000d' "$i")"
	done
	nbdmux-fetch -q a
	cmp "$(image_of a)" <(head -c 1M /dev/zero)
	nothing_left
}

@test "a VMDK image whose extents are other files is refused" {
	needs qemu-img
	head -c 4096 /dev/zero >secret
	# Such a description may stand in an image, or in a file by itself.
	/usr/bin/python3 - "$PWD/secret" >"$WEB/a.vmdk" <<-'EOF'
	import struct, sys
	head = struct.pack("<4sIIQQQQIQQQ", b"KDMV", 1, 3, 0, 128, 1, 20, 512,
	    0, 0, 128)
	text = b"""# Disk DescriptorFile
	version=1
	CID=fffffffe
	parentCID=ffffffff
	createType="monolithicFlat"
	RW 8 FLAT "%s" 0
	ddb.adapterType = "ide"
	""" % sys.argv[1].encode()
	sys.stdout.buffer.write(head.ljust(512, b"\0") + text.ljust(10240, b"\0"))
	EOF
	qemu-img info -f vmdk "$WEB/a.vmdk" | grep -q "$PWD/secret"
	source_export a a.vmdk
	stub_qemu_img ': >asked'
	PATH=$PWD:$PATH run -4 nbdmux-fetch -q a
	[[ $output == *"names another file"* ]]
	[ ! -e asked ]
	tail -c +513 "$WEB/a.vmdk" | tr -d '\0' >"$WEB/b.vmdk"
	source_export b b.vmdk
	run -4 nbdmux-fetch -q b
	[[ $output == *"it is the description of a VMDK image in other files"* ]]
	nothing_left
}

@test "what qemu-img does not take is refused with its reason" {
	needs qemu-img
	qemu-img create -q -f qcow2 "$WEB/a.qcow2" 1M
	printf '\0\0\0\7' | dd of="$WEB/a.qcow2" bs=4 seek=1 conv=notrunc
	source_export a a.qcow2
	run -4 nbdmux-fetch -q a
	[[ $output == *"qemu-img cannot convert it: "*"version 7"* ]]
	nothing_left
}

@test "without qemu-img a qcow2 image is refused with what would help" {
	needs qemu-img
	qemu-img create -q -f qcow2 "$WEB/a.qcow2" 1M
	source_export a a.qcow2
	PATH=$NBDMUX_BIN:/nowhere run -4 "$NBDMUX_BIN/nbdmux-fetch" -q a
	[[ $output == *"it is qcow2, and qemu-img, which would convert it, is not \
installed"* ]]
}

@test "what is no image is refused" {
	echo '<!DOCTYPE html><title>Not here</title>' >"$WEB/page"
	tar cf "$WEB/tar" port
	gzip <"$WEB/page" >"$WEB/page.gz"
	printf 'PK\3\4........' >"$WEB/zip"
	: >"$WEB/empty"
	gzip <"$WEB/empty" >"$WEB/empty.gz"
	{ printf '\xef\xbb\xbf \r\n\t\n'; cat "$WEB/page"; } >"$WEB/blanks"
	{ printf '\n<!-- of the portal -->'; cat "$WEB/page"; } >"$WEB/comment"
	for name in page tar page.gz zip empty empty.gz blanks comment; do
		source_export $name $name
		run -4 nbdmux-fetch -q $name
		echo "$output"
		[[ $output == *"$URL/$name: it is "* ]]
	done
	nothing_left
}

@test "format says what is to come, and raw takes anything" {
	make_image image 1
	gzip <image >"$WEB/a"
	source_export a a "format = img.xz"
	run -4 nbdmux-fetch -q a
	[[ $output == *"it is gzip, not img.xz as \"format\" says"* ]]
	source_export a a "format = img.gz"
	nbdmux-fetch -q a
	fetched a image
	source_export a a "format = raw"
	nbdmux-fetch -q a
	fetched a "$WEB/a"
}

@test "what is truncated or damaged is not served" {
	make_image image 1
	for tool in gzip xz zstd bzip2; do
		$tool -c <image | head -c 500000 >"$WEB/$tool"
		source_export $tool $tool
		run -4 nbdmux-fetch -q $tool
		[[ $output == *"$URL/$tool: it is truncated or damaged"* ]]
	done
	nothing_left
}

# --- servers ----------------------------------------------------------------------

@test "a connection that is cut is gone on with where it was" {
	make_image "$WEB/a.img" 4
	fault /a.img cut=6000000
	source_export a a.img "sha256 = $(sha256 "$WEB/a.img")"
	nbdmux-fetch -q a
	fetched a "$WEB/a.img"
	web_log
	[ "$(web_log | grep -c ' 206 ')" -eq 3 ]
	[ "$(web_log | grep -c ' 200 ')" -eq 1 ]
}

@test "without a mark of the version it begins anew, and another version is not mixed in" {
	make_image "$WEB/a.img" 2
	fault /a.img norange cut=3000000 times=1
	source_export a a.img
	nbdmux-fetch -q a
	fetched a "$WEB/a.img"
	[ "$(web_log | grep -c ' 206 ')" -eq 0 ]
	make_image "$WEB/b.img" 2
	make_image b2 2
	fault /b.img cut=9000000 rate=20000000
	source_export b b.img
	nbdmux-fetch -q b &
	wait_for 10 grep -q "GET /b.img 200" "$DIR/web.log"
	no_faults
	mv b2 "$WEB/b.img"
	wait $!
	fetched b "$WEB/b.img"
}

@test "a server that sends the rest of whatever it has now is not believed" {
	make_image "$WEB/a.img" 2
	make_image new 2
	touch -d yesterday "$WEB/a.img"
	source_export a a.img
	fault /a.img careless cut=3000000
	run -1 nbdmux-fetch -q --tries=1 a
	mv new "$WEB/a.img"
	fault /a.img careless
	nbdmux-fetch -q a
	fetched a "$WEB/a.img"
	# The server's own line comes when it has noticed.
	wait_for 5 grep -q ' 206 ' "$DIR/web.log"
}

@test "an answer to a range that begins elsewhere is not taken" {
	make_image "$WEB/a.img" 2
	fault /a.img cut=3000000 times=1
	source_export a a.img
	run -1 nbdmux-fetch -q --tries=1 a
	no_faults
	fault /a.img badrange times=1
	nbdmux-fetch -q a
	fetched a "$WEB/a.img"
}

@test "lengths that are not true, and no length at all" {
	make_image "$WEB/a.img" 1
	fault /a.img claim=1000 norange
	source_export a a.img
	run -1 nbdmux-fetch -q --tries=2 a
	[ -z "$(image_of a)" ]
	no_faults
	# Asked for the rest, this one says that there is none.
	fault /a.img claim=1000
	nbdmux-fetch -q a
	fetched a "$WEB/a.img"
	no_faults
	fault /a.img chunked
	source_export a a.img
	nbdmux-fetch -q a
	fetched a "$WEB/a.img"
}

@test "a server that is silent is given up" {
	make_image "$WEB/a.img" 1
	fault /a.img stall=100000
	source_export a a.img
	run -1 nbdmux-fetch -q --stall=1 --tries=1 a
	[[ $output == *"$URL/a.img: Operation too slow"* ]]
}

@test "an error of the server that may pass is waited for, another is told" {
	make_image "$WEB/a.img" 1
	fault /a.img status=503 times=2
	source_export a a.img
	nbdmux-fetch -q a
	fetched a "$WEB/a.img"
	source_export b b.img
	run -1 nbdmux-fetch -q b
	[[ $output == *"$URL/b.img: the server says 404 (there is no such file)" ]]
	[ "$(web_log | grep -c b.img)" -eq 1 ]
	fault /c.img status=500
	source_export c c.img
	run -1 nbdmux-fetch -q --tries=2 c
	[[ $output == *"the server says 500"* ]]
	[ "$(web_log | grep -c c.img)" -eq 2 ]
}

@test "redirections are followed, but not for ever, and to no file" {
	make_image "$WEB/a.img" 1
	fault /b.img redirect=/a.img
	fault /c.img redirect=/c.img
	fault /d.img redirect=file:///etc/passwd
	source_export b b.img
	source_export c c.img
	source_export d d.img
	nbdmux-fetch -q b
	fetched b "$WEB/a.img"
	run -1 nbdmux-fetch -q c
	[[ $output == *"leads on more than 10 times" ]]
	run -1 nbdmux-fetch -q d
	[[ $output == *"leads to an address that is not followed"* ]]
	nothing_left
}

@test "a redirection does not lead out of fetch-from, nor does a list of sums" {
	local name port=${URL##*:} list

	mkdir "$WEB/ok"
	make_image "$WEB/ok/a.img" 1
	cp "$WEB/ok/a.img" "$WEB/secret"
	(cd "$WEB/ok" && sha256sum a.img | tee SHA256SUMS >../SHA256SUMS)
	printf '[nbdmuxd]\nfetch-from = %s/ok\n' "$URL" >"$NBDMUX_CONF"
	fault /ok/in redirect=/ok/on
	fault /ok/on redirect="$URL/ok/a.img#there"
	fault /ok/out redirect=/secret
	fault /ok/up redirect=../secret
	fault /ok/far redirect="http://localhost:$port/ok/a.img"
	fault /ok/twice redirect=/ok/out
	fault /free redirect="http://localhost:$port/secret"
	source_export in ok/in
	source_export a ok/a.img "sha256 = SHA256SUMS"
	nbdmux-fetch -q in a
	fetched in "$WEB/ok/a.img"
	for name in out up far twice; do
		source_export $name ok/$name
		run -1 nbdmux-fetch -q $name
		[[ $output == *"leads to an address that is not followed: http://"*"is not allowed by fetch-from" ]]
		[ -z "$(image_of $name)" ]
	done
	for list in ../SHA256SUMS "http://localhost:$port/ok/SHA256SUMS"; do
		source_export list ok/a.img "sha256 = $list"
		run -1 nbdmux-fetch -q list
		[[ $output == *"SHA256SUMS: fetch-from does not allow it"* ]]
	done
	[ "$(web_log | grep -cE ' (/secret|/SHA)')" -eq 0 ]
	# Strangers cannot have named this one.
	source_export free free
	nbdmux-fetch -q free
	fetched free "$WEB/secret"
	# A cache may lead to itself, and to what is allowed.
	printf '[nbdmuxd]\nfetch-from = https://nowhere.invalid/\n' >"$NBDMUX_CONF"
	printf '[export]\nsource = https://nowhere.invalid/a\n' >"$SPOOL/c.ini"
	fault /c/b/aHR0cHM6Ly9ub3doZXJlLmludmFsaWQvYQ redirect=/c/a.img
	mkdir "$WEB/c"
	cp "$WEB/ok/a.img" "$WEB/c/a.img"
	NBDMUX_WITHCACHE_URL=$URL/c nbdmux-fetch -q c
	fetched c "$WEB/c/a.img"
	no_faults
	fault /c/b/aHR0cHM6Ly9ub3doZXJlLmludmFsaWQvYQ redirect=/secret
	sed -i '/^image/d' "$SPOOL/c.ini"
	rm "$IMAGES"/c-*
	NBDMUX_WITHCACHE_URL=$URL/c run -1 nbdmux-fetch -q c
	[[ $output == *"/secret is not allowed by fetch-from" ]]
}

@test "an answer that leads on without saying where, or talks for ever, is an error" {
	make_image "$WEB/a.img" 4
	fault /a.img as=302
	source_export a a.img
	run -1 nbdmux-fetch -q a
	[[ $output == *"is not followed: there is too much with it" ]]
	[ -z "$(image_of a)" ]
	head -c 1000 "$WEB/a.img" >"$WEB/b.img"
	fault /b.img as=307
	source_export b b.img
	run -1 nbdmux-fetch -q b
	[[ $output == *"is not followed: it does not say where" ]]
	nothing_left
}

@test "a server whose certificate nobody trusts is refused, and who to trust can be said" {
	can_tls
	make_pki "$PWD/pki"
	setup_tls_web "$PKI/server-cert.pem" "$PKI/server-key.pem"
	make_image "$WEB/a.img" 1
	printf '[export]\nsource = %s/a.img\n' "$TLS_URL" >"$SPOOL/a.ini"
	unset CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR
	run -1 nbdmux-fetch -q a
	[[ $output == "nbdmux-fetch: cannot fetch a: $TLS_URL/a.img: the server's certificate is not trusted: "* ]]
	[ "$(wc -l <<<"$output")" -eq 1 ]
	CURL_CA_BUNDLE=$PKI/otherca-cert.pem run -1 nbdmux-fetch -q a
	[[ $output == *"is not trusted"* ]]
	CURL_CA_BUNDLE=$PWD/none run -1 nbdmux-fetch -q --tries=1 a
	nothing_left
	CURL_CA_BUNDLE=$PKI/ca-cert.pem nbdmux-fetch -q a
	fetched a "$WEB/a.img"
	printf '[export]\nsource = %s/a.img\n' "$TLS_URL" >"$SPOOL/b.ini"
	SSL_CERT_FILE=$PKI/ca-cert.pem nbdmux-fetch -q b
	fetched b "$WEB/a.img"
	# Another name than the certificate's is no better.
	printf '[export]\nsource = %s/a.img\n' "${TLS_URL/localhost/127.0.0.2}" >"$SPOOL/c.ini"
	CURL_CA_BUNDLE=$PKI/ca-cert.pem run -1 nbdmux-fetch -q --tries=1 c
	# Nor is an http address that https leads to.
	fault /d.img redirect="$URL/a.img"
	printf '[export]\nsource = %s/d.img\n' "$TLS_URL" >"$SPOOL/d.ini"
	CURL_CA_BUNDLE=$PKI/ca-cert.pem run -1 nbdmux-fetch -q d
	[[ $output == *"leads to an address that is not followed"* ]]
}

@test "a cache in front is asked for the address in base64" {
	local path

	make_image "$WEB/a.img" 1
	printf '[export]\nsource = https://nowhere.invalid/x/a.img?b=ü\n' |
	    sed 's/ü/%C3%BC~/' >"$SPOOL/a.ini"
	path=/b/$(sed -n 's/^source = //p' "$SPOOL/a.ini" | tr -d '\n' |
	    base64 -w 0 | tr '+/' '-_' | tr -d =)
	fault "$path" redirect=/a.img
	NBDMUX_WITHCACHE_URL=$URL/ nbdmux-fetch -q a
	fetched a "$WEB/a.img"
	printf '[nbdmuxd]\nfetch-cache = %s\n' "$URL" >"$NBDMUX_CONF"
	sed -i '/^image/d' "$SPOOL/a.ini"
	nbdmux-fetch -q a
	fetched a "$WEB/a.img"
}

# --- refresh ------------------------------------------------------------------------

@test "refresh fetches what has changed, and the one before goes" {
	local first

	make_image "$WEB/a.img" 1
	source_export a a.img
	nbdmux-fetch -q a
	first=$(image_of a)
	run nbdmux-fetch --refresh
	[ "$output" = "unchanged a" ]
	[ "$(web_log | grep -c ' 304 ')" -eq 1 ]
	# Another mark of the same bytes is nothing new.
	touch -d tomorrow "$WEB/a.img"
	run nbdmux-fetch -q --refresh
	[ "$output" = "" ]
	[ "$(image_of a)" = "$first" ]
	make_image "$WEB/a.img" 1
	run nbdmux-fetch -q --refresh
	[ "$output" = "fetched a" ]
	[ "$(image_of a)" != "$first" ]
	[ ! -e "$first" ]
	fetched a "$WEB/a.img"
}

@test "refresh asks the list of sums first, and leaves alone what has its sum in the entry" {
	make_image "$WEB/a.img" 1
	(cd "$WEB" && sha256sum a.img >SHA256SUMS)
	source_export a a.img "sha256 = SHA256SUMS"
	source_export b a.img "sha256 = $(sha256 "$WEB/a.img")"
	nbdmux-fetch -q
	web_log >before
	run nbdmux-fetch --refresh
	[ "$output" = "unchanged a"$'\n'"unchanged b" ]
	web_log | tail -n +$(($(wc -l <before) + 1)) >after
	[ "$(cat after)" = "GET /SHA256SUMS 200 - 72" ]
	make_image "$WEB/a.img" 1
	(cd "$WEB" && sha256sum a.img >SHA256SUMS)
	run nbdmux-fetch -q --refresh
	[ "$output" = "fetched a" ]
	fetched a "$WEB/a.img"
}

@test "a refresh that fails leaves what is there" {
	local first

	make_image "$WEB/a.img" 1
	cp "$WEB/a.img" first
	source_export a a.img
	nbdmux-fetch -q a
	first=$(image_of a)
	echo "<html>" >"$WEB/a.img"
	run -4 nbdmux-fetch -q --refresh
	rm "$WEB/a.img"
	run -1 nbdmux-fetch -q --refresh
	[ "$(image_of a)" = "$first" ]
	fetched a first
}

# --- interruptions --------------------------------------------------------------------

@test "killed at any moment it goes on, and is done in the end" {
	local i=0 status=1

	make_image "$WEB/a.img" 6
	xz -0 -k "$WEB/a.img"
	fault /a.img rate=30000000
	fault /a.img.xz rate=8000000
	for file in a.img a.img.xz; do
		source_export "$file" "$file" \
		    "sha256 = $(sha256 "$WEB/$file")"
		for i in {1..15}; do
			status=0
			timeout --foreground -s KILL "0.$((RANDOM % 4 + 1))$((RANDOM % 10))" \
			    nbdmux-fetch -q "$file" || status=$?
			[ "$status" -ne 0 ] || break
			# 124: its time was up in the moment when it was done.
			[ "$status" -eq 137 ] || [ "$status" -eq 124 ]
			# Never half of one.
			[ -z "$(image_of "$file")" ] ||
			    cmp "$(image_of "$file")" "$WEB/a.img"
		done
		[ "$status" -eq 0 ] || nbdmux-fetch -q "$file"
		fetched "$file" "$WEB/a.img"
	done
	web_log
	[ "$(web_log | grep -c ' 206 ')" -ge 2 ]
}

# killed_at CALL N [OPTION...]: nbdmux-fetch of a, which dies in its Nth CALL; 1
# when there are not as many.  (strace counts each kind of call by itself.)
killed_at()
{
	local inject="$1:signal=KILL:when=$2" status=0 call=$1

	shift 2
	ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" strace -f -qq -o /dev/null \
	    -e trace="$call" -e inject="$inject" nbdmux-fetch -q "$@" a \
	    >/dev/null || status=$?
	# Half a file of the dead is removed when nobody can be writing it.
	find "$IMAGES" "$SPOOL" "$STATE/fetch" -name '.nbdmux-*' \
	    -exec touch -d yesterday {} +
	[ "$status" -eq 137 ] && return
	[ "$status" -eq 0 ] || echo "$inject: it ended with $status"
	return 1
}

@test "killed in any call, it is done the next time, and the old image is not lost" {
	local call n killed=0

	needs strace
	head -c 200K /dev/urandom >"$WEB/old"
	head -c 200K /dev/urandom >"$WEB/new"
	gzip -k "$WEB/old" "$WEB/new"
	# There are five of each, at least; another of them each time.
	for call in renameat linkat unlinkat ftruncate pwrite64 write fchmod fsync; do
		n=$((RANDOM % 5 + 1))
		cp "$WEB/old.gz" "$WEB/a"
		source_export a a
		rm -rf "$IMAGES"
		if killed_at $call $n; then
			killed=$((killed + 1))
			[ -z "$(image_of a)" ] || cmp "$(image_of a)" "$WEB/old"
			nbdmux-fetch -q a
		fi
		fetched a "$WEB/old"
		cp "$WEB/new.gz" "$WEB/a.new"
		mv "$WEB/a.new" "$WEB/a"
		if killed_at $call $n --refresh; then
			killed=$((killed + 1))
			cmp "$(image_of a)" "$WEB/old" || cmp "$(image_of a)" "$WEB/new"
			nbdmux-fetch -q --refresh a
		fi
		fetched a "$WEB/new"
	done
	[ "$killed" -ge 12 ]
	[ -z "$(find "$SPOOL" "$STATE/fetch" -name '.*' -type f)" ]
}

@test "a converter whose parent was killed spoils nothing" {
	needs qemu-img
	mkdir bin
	cat >bin/qemu-img <<-END
		#!/bin/bash
		if [ "\$1" = convert ] && mkdir "$PWD/first" 2>/dev/null; then
			exec 9>"\${*: -1}"
			kill -KILL \$PPID
			until [ -e "$PWD/go" ]; do sleep 0.02; done
			echo garbage >&9
			touch "$PWD/gone"
		fi
		exec $(command -v qemu-img) "\$@"
	END
	chmod +x bin/qemu-img
	make_image image 1
	qemu-img convert -q -O qcow2 image "$WEB/a"
	source_export a a
	PATH=$PWD/bin:$PATH run -137 nbdmux-fetch -q a
	PATH=$PWD/bin:$PATH nbdmux-fetch -q a
	touch go
	wait_for 10 test -e gone
	fetched a image
}

@test "after a crash of the machine only what was on the disk counts" {
	make_image "$WEB/a.img" 4
	fault /a.img cut=9000000
	source_export a a.img "sha256 = $(sha256 "$WEB/a.img")"
	run -1 nbdmux-fetch -q --tries=1 a
	no_faults
	# Another boot, and zeroes where the bytes were lost.
	sed -i 's/^boot = .*/boot = another/' "$IMAGES/.a.ini"
	dd if=/dev/zero of="$IMAGES/.a.part" bs=1M count=2 conv=notrunc 2>/dev/null
	nbdmux-fetch -q a
	fetched a "$WEB/a.img"
}

@test "an image that was complete when its maker died is taken over" {
	make_image "$WEB/a.img" 1
	source_export a a.img
	nbdmux-fetch -q a
	sed -i '/^image/d' "$SPOOL/a.ini"
	run nbdmux-fetch -q a
	[ "$output" = "fetched a" ]
	fetched a "$WEB/a.img"
	[ "$(web_log | wc -l)" -eq 1 ]
}

@test "interrupted by a signal it says so, and keeps what there is" {
	make_image "$WEB/a.img" 4
	fault /a.img rate=4000000
	source_export a a.img
	nbdmux-fetch -q a 2>said &
	pid=$!
	wait_for 10 fetch_is a fetching
	sleep 1.5
	kill -TERM $pid
	ends_with 1 $pid
	grep -q "interrupted; what there is of a is kept" said
	[ -s "$IMAGES/.a.part" ]
	fetch_is a queued
	no_faults
	nbdmux-fetch -q a
	fetched a "$WEB/a.img"
	web_log | grep ' 206 '
}

@test "two at a time do not get in each other's way" {
	make_image "$WEB/a.img" 4
	fault /a.img rate=10000000
	source_export a a.img
	nbdmux-fetch -q a &
	first=$!
	wait_for 10 fetch_is a fetching
	run -5 nbdmux-fetch -q a
	[[ $output == *"a is being fetched by another program" ]]
	wait $first
	fetched a "$WEB/a.img"
}

@test "an entry that is removed or changed meanwhile stays as it is" {
	make_image "$WEB/a.img" 4
	fault /a.img rate=20000000
	source_export a a.img
	nbdmux-fetch -q a 2>said &
	pid=$!
	wait_for 10 fetch_is a fetching
	rm "$SPOOL/a.ini"
	ends_with 3 $pid
	grep -q "removed meanwhile" said
	[ ! -e "$SPOOL/a.ini" ]
	source_export a a.img
	nbdmux-fetch -q a 2>said &
	pid=$!
	wait_for 10 fetch_is a fetching
	source_export a b.img
	ends_with 1 $pid
	[ -z "$(image_of a)" ]
	nothing_left
}

# --- room -----------------------------------------------------------------------------

small_disk()
{
	[ "$(id -u)" = 0 ] || skip "only root can mount a small file system"
	SMALL=$DATA
	mkdir -p "$SMALL"
	mount -t tmpfs -o size="$1" tmpfs "$SMALL" || { SMALL=; skip "no tmpfs"; }
}

@test "an image for which there is no room is refused before it is fetched" {
	small_disk 16m
	head -c 20M /dev/urandom >"$WEB/a.img"
	source_export a a.img
	run -1 nbdmux-fetch -q a
	[[ $output == *"there is no room: 20M are needed, and of the "* ]]
	[ "$(web_log | sed 's/.* //')" -lt 10000000 ]
	nothing_left
}

@test "a file that says that it will be too large is not unpacked, one that does not say is stopped" {
	local free

	small_disk 32m
	yes | head -c 200M >big
	zstd -q big -o "$WEB/told"
	zstd -q <big >"$WEB/untold"
	gzip <big >"$WEB/bomb"
	source_export told told
	source_export untold untold
	source_export bomb bomb
	free=$(df --output=avail "$SMALL" | tail -1)
	run -1 nbdmux-fetch -q told
	[[ $output == *"there is no room: 200M are needed"* ]]
	run -1 nbdmux-fetch -q untold
	[[ $output == *"the disk is full"* ]]
	run -1 nbdmux-fetch -q bomb
	[[ $output == *"the disk is full"* ]]
	nothing_left
	[ "$(df --output=avail "$SMALL" | tail -1)" -ge $((free - 200)) ]
}

@test "zeroes take no room, however many" {
	small_disk 16m
	truncate -s 4G zeroes
	echo end >>zeroes
	zstd -q <zeroes >"$WEB/a"
	source_export a a
	nbdmux-fetch -q a
	[ "$(stat -c %s "$(image_of a)")" -eq "$(stat -c %s zeroes)" ]
	[ "$(tail -c 4 "$(image_of a)")" = end ]
}

# under_way NAME: some of it is there.
under_way()
{
	[ -n "$(fetch_of "$1" bytes-done)" ]
}

rate_known()
{
	[ "$(fetch_of "$1" bytes-rate)" -gt 0 ]
}

# --- people -----------------------------------------------------------------------------

@test "progress is a line every ten seconds where there is no terminal, and the state always tells" {
	make_image "$WEB/a.img" 4
	fault /a.img rate=8000000
	source_export a a.img
	nbdmux-fetch a >said 2>&1 &
	wait_for 10 fetch_is a fetching
	wait_for 10 under_way a
	[ "$(fetch_of a bytes-total)" = "$(stat -c %s "$WEB/a.img")" ]
	wait_for 10 rate_known a
	run nbdmux-ls a
	[[ $output == *"fetching "*"%"* ]]
	wait $!
	[ "$(cat said)" = "fetched a" ]
	fetch_is a ready
}

@test "on a terminal progress is one line that is wiped away" {
	needs script
	make_image "$WEB/a.img" 4
	fault /a.img rate=8000000
	source_export a a.img
	script -qec "nbdmux-fetch a" typescript >/dev/null
	grep -q $'\ra: fetching [0-9]*%, [0-9.]*[KMG] of 21M, .*/s, [0-9]*s left' \
	    typescript
	tail -1 typescript >last
	grep -aq "fetched a" typescript
}

@test "started as root it becomes the owner of the data directory" {
	[ "$(id -u)" = 0 ] || skip "only root can become somebody else"
	make_image "$WEB/a.img" 1
	source_export a a.img
	mkdir -p "$DATA"
	chown -R nobody "$DATA" "$SPOOL"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR" "$STATE"
	nbdmux-fetch -q a
	[ "$(stat -c %U "$(image_of a)" "$SPOOL/a.ini" | sort -u)" = nobody ]
	# Its group may remove what is there.
	[ "$(stat -c %U,%a "$IMAGES")" = nobody,2775 ]
}

@test "root gives away no directory that the data directory's user links to" {
	[ "$(id -u)" = 0 ] || skip "only root can give something away"
	make_image "$WEB/a.img" 1
	source_export a a.img
	mkdir -p "$DATA" "$STATE/fetch" roots others
	ln -s "$PWD/roots" "$IMAGES"
	ln -s "$PWD/others" "$DATA/artifacts"
	chown -hR nobody "$DATA" "$SPOOL" "$STATE/fetch"
	run -1 nbdmux-fetch -q a
	[[ $output == *"Permission denied"* ]]
	[ "$(stat -c %U,%a roots others | sort -u)" = root,755 ]
}

@test "an export without a source, or that is not there, is an error" {
	: >image
	truncate -s 1M image
	put_export a "$PWD/image"
	run -1 nbdmux-fetch a
	[[ $output == *"a has no source to be fetched from" ]]
	run -3 nbdmux-fetch b
	[[ $output == *"there is no export b" ]]
	run -2 nbdmux-fetch --job a b
	run -0 nbdmux-fetch
	[ -z "$output" ]
}
