#!/usr/bin/env bats
# Images by URL with a daemon: nbdmux-add follows, the daemon queues, and what
# was served is served until the new image is complete.

bats_require_minimum_version 1.5.0
load helper
load lib/fetch

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
	stop_daemon
}

status_is()
{
	[ "$(nbdmux-ls --json "$1" | jq -r '.exports[0].status')" = "$2" ]
}

# served NAME FILE: clients get that file's bytes.
served()
{
	qemu-img compare -q -f raw -F raw "nbd://127.0.0.1:$PORT/$1" "$2"
}

served_now()
{
	served "$@" 2>/dev/null
}

@test "nbdmux-add with a URL waits until the image is served" {
	needs qemu-img jq
	setup_daemon
	make_image image 2
	xz -0 -c image >"$WEB/a.xz"
	(cd "$WEB" && sha512sum a.xz >SHA512SUMS)
	run --separate-stderr nbdmux-add a "$URL/a.xz" --sha512=SHA512SUMS \
	    --format=img.xz
	[ "$status $output" = "0 added nbd://127.0.0.1:$PORT/a" ]
	[ -z "$stderr" ]
	served a image
	run nbdmux-add a "$URL/a.xz" --sha512=SHA512SUMS --format=img.xz
	[ "$status $output" = "0 unchanged nbd://127.0.0.1:$PORT/a" ]
	[ "$(web_log | grep -c a.xz)" -eq 1 ]
	nothing_left
	[ "$(nbdmux-events --json a | jq -r .event | grep fetch | sort | tr '\n' ' ')" = \
	    "fetch-done fetch-started " ]
}

@test "nbdmux-add tells what is wrong, and the entry waits for another try" {
	needs jq
	setup_daemon
	run nbdmux-add --json a "$URL/a.img"
	[ "$status" -eq 1 ]
	[[ $output == *"the server says 404 (there is no such file); the daemon \
tries again at 20"* ]]
	status_is a failed
	[ "$(fetch_of a retry)" -gt "$(date +%s)" ]
	make_image "$WEB/a.img" 1
	nbdmux-add a "$URL/a.img"
	status_is a ready
	run nbdmux-add b "$URL/a.img" --sha256="$(sha256 /dev/null)"
	[ "$status" -eq 1 ]
	[ "$(fetch_of b retry)" = "" ]
	run nbdmux-add c ftp://127.0.0.1/x
	[ "$status" -eq 1 ]
	[ ! -e "$SPOOL/c.ini" ]
}

@test "the daemon tries again by itself" {
	needs jq
	setup_daemon
	run nbdmux-add a "$URL/a.img"
	[ "$status" -eq 1 ]
	make_image "$WEB/a.img" 1
	wait_for 25 status_is a ready
}

@test "an entry with a source is fetched, one at a time, the others are queued" {
	needs jq
	setup_daemon
	for name in a b c; do
		make_image "$WEB/$name.img" 2
		fault /$name.img rate=6000000
		source_export $name $name.img
	done
	wait_for 10 fetch_is a fetching
	fetch_is b queued
	fetch_is c queued
	nbdmux-ls --json | jq -e '[.exports[].status] == ["fetching", "queued",
	    "queued", "ready"]'
	run nbdmux-ls a
	[[ $output == *"fetching "* ]]
	no_faults
	wait_for 30 status_is a ready
	wait_for 10 status_is b ready
	wait_for 10 status_is c ready
	nothing_left
}

@test "a new source is served when it is complete, the old image until then, through a restart" {
	needs qemu-img jq
	setup_daemon
	make_image "$WEB/a.img" 2
	make_image "$WEB/b.img" 3
	nbdmux-add a "$URL/a.img"
	first=$(image_of a)
	fault /b.img rate=6000000
	nbdmux-add --no-wait a "$URL/b.img"
	wait_for 10 fetch_is a fetching
	served a "$WEB/a.img"
	kill -KILL "$DAEMON"
	wait "$DAEMON" || true
	start_daemon
	served a "$WEB/a.img"
	wait_for 10 fetch_is a fetching
	no_faults
	wait_for 30 served_now a "$WEB/b.img"
	wait_for 10 test ! -e "$first"
	web_log | grep ' 206 '
	wait_for 10 status_is a ready
	nothing_left
}

@test "a fetch that fails leaves what was served, and says so" {
	needs qemu-img jq
	setup_daemon
	make_image image 1
	make_image "$WEB/a.img" 1
	nbdmux-add a image
	run nbdmux-add a "$URL/a.img" --sha256="$(sha256 image)"
	[ "$status" -eq 1 ]
	served a image
	status_is a ready
	nbdmux-ls --json a | jq -r '.exports[0].error' >said
	grep -q "cannot fetch it: .* not $(sha256 image); generation 1 is still served" said
	run nbdmux-add a "$URL/a.img"
	[ "$status" -eq 0 ]
	served a "$WEB/a.img"
	[ -e image ]
}

@test "a refresh is the next generation, behind the back of clients" {
	needs qemu-img jq
	setup_daemon
	make_image "$WEB/a.img" 1
	nbdmux-add a "$URL/a.img"
	[ "$(state_of a generation)" -eq 1 ]
	cp "$WEB/a.img" before
	make_image new 1
	mv new "$WEB/a.img"
	fault /a.img rate=10000000
	nbdmux-fetch -q --refresh a &
	pid=$!
	wait_for 10 fetch_is a fetching
	status_is a ready
	served a before
	wait $pid
	served a "$WEB/a.img"
	[ "$(state_of a generation)" -eq 2 ]
	nothing_left
}

@test "a fetched image goes with its export, an operator's own file never" {
	setup_daemon
	make_image "$WEB/a.img" 1
	make_image mine 1
	nbdmux-add a "$URL/a.img"
	nbdmux-add b mine
	nbdmux-add c "$(image_of a)"
	cp mine "$IMAGES/a-77.img"
	nbdmux-rm a b
	# Another export serves it.
	[ -e "$(image_of c)" ]
	[ -e mine ] && [ -e "$IMAGES/a-77.img" ]
	nbdmux-rm c
	nbdmux-add a "$URL/a.img"
	image=$(image_of a)
	nbdmux-rm a
	[ ! -e "$image" ]
	[ -e "$IMAGES/a-77.img" ]
	wait_for 5 test ! -e "$STATE/fetch/a.ini"
}

@test "what is removed while it is fetched is not fetched any more" {
	needs jq
	setup_daemon
	make_image "$WEB/a.img" 4
	fault /a.img rate=2000000
	nbdmux-add --no-wait a "$URL/a.img"
	wait_for 10 fetch_is a fetching
	nbdmux-rm a
	wait_for 10 test ! -e "$STATE/fetch/a.ini"
	wait_for 10 nothing_left
	[ -z "$(ls "$SPOOL")" ]
}

@test "a change of the source ends the fetch of the old one" {
	needs qemu-img
	setup_daemon
	make_image "$WEB/a.img" 4
	make_image "$WEB/b.img" 1
	fault /a.img rate=1000000
	nbdmux-add --no-wait a "$URL/a.img"
	wait_for 10 fetch_is a fetching
	nbdmux-add a "$URL/b.img"
	served a "$WEB/b.img"
	nothing_left
}

@test "nbdmux-fetch killed under the daemon is told, and tried again" {
	needs jq
	setup_daemon
	make_image "$WEB/a.img" 2
	fault /a.img rate=1000000
	nbdmux-add --no-wait a "$URL/a.img"
	wait_for 10 fetch_is a fetching
	kill -KILL "$(fetch_of a pid)"
	wait_for 10 fetch_is a failed
	[ "$(fetch_of a error)" = "nbdmux-fetch was ended by signal 9" ]
	no_faults
	nbdmux-add a "$URL/a.img"
	web_log | grep ' 206 ' || [ "$(web_log | wc -l)" -eq 2 ]
	status_is a ready
}

@test "when the daemon ends its fetch ends, and the next one goes on" {
	needs jq
	setup_daemon
	make_image "$WEB/a.img" 4
	fault /a.img rate=4000000
	nbdmux-add --no-wait a "$URL/a.img"
	wait_for 10 fetch_is a fetching
	pid=$(fetch_of a pid)
	sleep 1.5
	kill -TERM "$DAEMON"
	ended
	run kill -0 "$pid"
	[ "$status" -ne 0 ]
	no_faults
	start_daemon
	wait_for 20 status_is a ready
	web_log | grep ' 206 '
}

@test "without a daemon nbdmux-add fetches by itself, or leaves it" {
	make_image "$WEB/a.img" 1
	run --separate-stderr nbdmux-add a "$URL/a.img"
	[ "$status $output" = "0 added" ]
	cmp "$(image_of a)" "$WEB/a.img"
	run nbdmux-add --no-wait b "$URL/a.img"
	[ "$status" -eq 0 ]
	[[ $output == *"no daemon runs; b will be fetched when nbdmuxd is started"* ]]
	[ -z "$(image_of b)" ]
	setup_daemon
	wait_for 10 test -n "$(image_of a)"
	wait_for 10 grep -q '^image' "$SPOOL/b.ini"
}

@test "with fetches = 0 the daemon leaves it to others, and says so" {
	echo 'fetches = 0' >>"$NBDMUX_CONF"
	setup_daemon
	make_image "$WEB/a.img" 1
	run nbdmux-add a "$URL/a.img"
	[ "$status" -eq 0 ]
	[[ $output == *'a is queued: "fetches" is 0'* ]]
	nbdmux-fetch -q a
	cmp "$(image_of a)" "$WEB/a.img"
	wait_for 5 grep -q "^status = ready" "$STATE/exports/a.ini"
}

@test "image-dirs lets fetched images be served" {
	mkdir allowed
	echo "image-dirs = $PWD/allowed" >>"$NBDMUX_CONF"
	setup_daemon
	make_image "$WEB/a.img" 1
	nbdmux-add a "$URL/a.img"
	[ "$(state_of a status)" = ready ]
}

@test "another web server is no different" {
	needs lighttpd qemu-img
	setup_daemon
	make_image "$WEB/a.img" 4
	port=$(free_port)
	printf 'server.document-root = "%s"\nserver.port = %s\n' "$WEB" "$port" >conf
	printf 'server.bind = "127.0.0.1"\nserver.range-requests = "enable"\n' >>conf
	lighttpd -D -f conf 3>&- &
	LIGHTTPD=$!
	wait_for 10 curl_ok "$port"
	printf '[export]\nsource = http://127.0.0.1:%s/a.img\n' "$port" >"$SPOOL/b.ini"
	for i in {1..6}; do
		timeout -s KILL 0.0"$i" nbdmux-fetch -q b || true
	done
	nbdmux-add a "http://127.0.0.1:$port/a.img"
	served a "$WEB/a.img"
	run nbdmux-fetch --refresh a
	[ "$output" = "unchanged a" ]
	wait_for 10 served_now b "$WEB/a.img"
	kill $LIGHTTPD
}

curl_ok()
{
	/usr/bin/python3 -c 'import sys, urllib.request
urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/a.img").read(1)' "$1" 2>/dev/null
}
