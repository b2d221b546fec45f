#!/usr/bin/env bats
# The container: the Containerfile's own steps, taken one by one in a Debian in a
# directory, and what they make run as compose.yaml says, without an engine.

bats_require_minimum_version 1.5.0
load helper
load lib/trixie

CONTAINER=$BATS_TEST_DIRNAME/lib/container.py
CONTEXT=$BATS_TEST_DIRNAME/..
ETC=$CONTEXT/etc/container

# impossible: why it cannot be done here, if so.
impossible()
{
	local dir=$BATS_FILE_TMPDIR/overlay

	trixie_base_ready >"$BATS_FILE_TMPDIR/base.log" ||
	    { tail -n 1 "$BATS_FILE_TMPDIR/base.log"; return; }
	mkdir -p "$dir/tree" "$dir/upper" "$dir/work"
	unshare --mount --pid --net --ipc --fork mount -t overlay overlay \
	    -o "lowerdir=$TRIXIE.base,upperdir=$dir/upper,workdir=$dir/work" \
	    "$dir/tree" 2>/dev/null ||
	    echo "no namespaces and overlays can be made here"
}

build()
{
	flock "${TRIXIE%/*}/layers.lock" unshare --mount --propagation private \
	    /usr/bin/python3 -B "$CONTAINER" build "$@"
}

setup_file()
{
	case $NBDMUX_BUILD in
	*-?san)
		echo "the sanitizers' build is not what is deployed" \
		    >"$BATS_FILE_TMPDIR/not"
		return ;;
	esac
	impossible >"$BATS_FILE_TMPDIR/not"
	[ ! -s "$BATS_FILE_TMPDIR/not" ] || return 0
	# The compiler has nothing to prove: half the time.
	build "$ETC/Containerfile" "$CONTEXT" "$TRIXIE.base" \
	    "${TRIXIE%/*}/layers" "$BATS_FILE_TMPDIR/image" \
	    "CFLAGS=-O0 -U_FORTIFY_SOURCE" >"$BATS_FILE_TMPDIR/build.log" 2>&1 || :
}

setup()
{
	needs unshare nsenter setpriv ip curl jq nbdcopy
	[ ! -s "$BATS_FILE_TMPDIR/not" ] || skip "$(cat "$BATS_FILE_TMPDIR/not")"
	cd "$BATS_TEST_TMPDIR" || return
	IMAGE=$BATS_FILE_TMPDIR/image
	VOLUME=$PWD/nbdmux
	export NBDMUX_ADMIN_PASSWORD=sesame
}

teardown()
{
	[ -z "${ENGINE:-}" ] || kill -KILL "$ENGINE" 2>/dev/null || true
	[ ! -e log ] || cat log
}

# start: $ENGINE holds the container, $INIT is its process 1.
start()
{
	unshare --mount --pid --net --ipc --fork --propagation private \
	    --kill-child /usr/bin/python3 -B "$CONTAINER" run "$IMAGE" \
	    "${COMPOSE:-$ETC/compose.yaml}" nbdmux "$PWD" >>log 2>&1 3>&- &
	ENGINE=$!
	wait_for 20 has_init
	INIT=$(children "$ENGINE")
}

children()
{
	tr ' ' '\n' <"/proc/$1/task/$1/children" | grep .
}

has_init()
{
	children "$ENGINE" >/dev/null || ! kill -0 "$ENGINE" 2>/dev/null
}

inside()
{
	/usr/bin/python3 -B "$CONTAINER" exec "$IMAGE" "$INIT" "$@"
}

# net COMMAND...: this machine's, in the container's network.
net()
{
	nsenter --target "$INIT" --net "$@"
}

healthy()
{
	inside --health >health 2>&1
}

# post CURL-ARGS...: add disk, and print the code.
post()
{
	net curl -s -m 10 -w '%{http_code}' -o answer "$@" \
	    -H "Content-Type: application/json" \
	    -d '{"name":"disk","file":"/var/lib/nbdmux/images/disk.img"}' \
	    http://127.0.0.1:8082/exports
}

# program NAME: its process.
program()
{
	pgrep -P "$INIT" -x "$1"
}

# ended STATUS: the container, with that.
ended()
{
	local status=0

	wait "$ENGINE" || status=$?
	ENGINE=
	[ "$status" -eq "$1" ] || { echo "ended with $status"; return 1; }
}

# --- the image -----------------------------------------------------------------

@test "the Containerfile's steps make an image that runs as nobody else" {
	cat "$BATS_FILE_TMPDIR/build.log"
	jq -e '.user == "10809:10809" and .entrypoint == ["nbdmux-container"] and
	    .expose == [10809, 8082] and .volumes == ["/var/lib/nbdmux"]' \
	    "$IMAGE/image.json"
	# What the compose file says of it is true, and takes away all else.
	/usr/bin/python3 -c 'import json, sys, yaml
image = json.load(open(sys.argv[1]))
s = yaml.safe_load(open(sys.argv[2]))["services"]["nbdmux"]
assert s["ports"] == ["%d:%d" % (p, p) for p in image["expose"]], s
assert [v.split(":")[1] for v in s["volumes"]] == image["volumes"], s
assert s["cap_drop"] == ["ALL"] and s["read_only"] is True, s
assert "user" not in s and "privileged" not in s, s
health = dict(s["healthcheck"])
test, command = health.pop("test"), image["health"].pop("command")
assert test == ["CMD"] + command, test
assert {k.replace("_", "-"): str(v) for k, v in health.items()} == \
    image["health"], health' \
	    "$IMAGE/image.json" "$ETC/compose.yaml"
}

@test "no password is no start with compose" {
	unset NBDMUX_ADMIN_PASSWORD
	start
	ended 1
	grep "NBDMUX_ADMIN_PASSWORD: set a password" log
}

@test "steps that are not understood are refused with their line" {
	while IFS='|' read -r step why; do
		printf '# a comment\nFROM debian:trixie-slim\n%s\n' "$step" >file
		run /usr/bin/python3 -B "$CONTAINER" show file
		echo "$step: $output"
		[ "$status" -eq 1 ]
		[ "$output" = "container.py: file:3: $why" ]
	done <<-'END'
	ONBUILD RUN true|instruction ONBUILD is not known
	copy a b|instruction copy is not known
	RUN <<EOF|here-documents are not known
	RUN --mount=type=cache,target=/x true|flag --mount=type=cache,target=/x is not known
	COPY --link a b|flag --link is not known
	COPY ../a b|COPY ../a b leaves the context
	FROM alpine|FROM alpine: only debian:trixie-slim is there
	USER nbdmux|USER nbdmux: numbers are wanted
	END
}

# --- the container -------------------------------------------------------------

@test "it serves without privileges on a read-only root, ends in time, and forgets nothing" {
	start
	wait_for 30 healthy
	[ "$(cat health)" = "200 ok" ]
	# Who it is.
	grep -xP 'Uid:(\t10809){4}' "/proc/$INIT/status"
	grep -xP 'CapBnd:\t0+' "/proc/$INIT/status"
	grep -xP 'NoNewPrivs:\t1' "/proc/$INIT/status"
	run inside touch /etc/nbdmux/mine
	[[ $output == *"Read-only file system"* ]]
	# Nothing is missing.
	for program in nbdmuxd nbdmux-add nbdmux-rm nbdmux-ls nbdmux-events \
	    nbdmux-fetch /usr/lib/cgi-bin/nbdmux.cgi; do
		inside "$program" --version
	done
	inside /usr/lib/cgi-bin/nbdmux.cgi --check
	# An image of the volume, by HTTP; who does not know the password may not.
	head -c 1M /dev/urandom >disk.img
	install -m 644 disk.img "$VOLUME/images/disk.img"
	[ "$(post)" = 401 ]
	[ "$(post -H "Authorization: Bearer sesame")" = 200 ]
	net nbdcopy nbd://127.0.0.1/disk copy.img
	cmp disk.img copy.img
	# Outside of what is meant for it nothing is served.
	run inside nbdmux-add --raw passwd /etc/passwd
	[ "$status" -eq 4 ]
	# What others leave is reaped.
	inside sh -c 'sleep 0.1 & sleep 0.1 & exit 0'
	no_orphans() { ! pgrep -P "$INIT" -x sleep; }
	wait_for 10 no_orphans
	# The end, as "docker stop" has it, with a client that stays.
	net /usr/bin/python3 -B -c 'import nbd, sys, time
h = nbd.NBD()
h.connect_uri("nbd://127.0.0.1/disk")
open("held", "w").close()
time.sleep(60)' 3>&- &
	client=$!
	wait_for 10 test -e held
	SECONDS=0
	kill -TERM "$INIT"
	ended 0
	[ "$SECONDS" -lt 10 ]
	kill "$client"
	# What is on the volume is served by the next one.
	start
	wait_for 30 healthy
	net nbdcopy nbd://127.0.0.1/disk - | cmp - disk.img
	inside nbdmux-events --json | grep '"event":"export-added".*"export":"disk"'
	inside nbdmux-rm disk
	kill -TERM "$INIT"
	ended 0
}

@test "it fetches images, and hands out what boots them" {
	mkdir web
	head -c 1M /dev/urandom >disk.img
	gzip -c disk.img >web/disk.img.gz
	start
	net /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory web 8000 \
	    >web.log 2>&1 3>&- &
	web=$!
	wait_for 30 healthy
	wait_for 10 net curl -s -o listing http://127.0.0.1:8000/
	inside nbdmux-add disk http://127.0.0.1:8000/disk.img.gz
	kill "$web"
	net nbdcopy nbd://127.0.0.1/disk - | cmp - disk.img
	# Its files are lighttpd's to serve, from the volume and from the image.
	echo kernel >"$VOLUME/images/vmlinuz"
	echo initrd >"$VOLUME/images/initrd"
	inside sh -c 'cd /var/lib/nbdmux/images &&
	    nbdmux-add --kernel=vmlinuz --initrd=initrd boots disk-1.img'
	get() {
		net curl -s -f -m 10 "http://127.0.0.1:8082$1"
	}
	[ "$(get /artifacts/boots/vmlinuz)" = kernel ]
	get /ipxe/boots | grep '^#!ipxe'
	get /assets/nbdmux.css | cmp - "$CONTEXT/etc/www/nbdmux.css"
	kill -TERM "$INIT"
	ended 0
}

@test "it is not healthy without an answer, and ends when one of its programs does" {
	# With the password from a file, as engines mount secrets.
	COMPOSE=$PWD/compose.yaml
	sed 's|NBDMUX_ADMIN_PASSWORD: .*|NBDMUX_ADMIN_PASSWORD_FILE: /var/lib/nbdmux/secret|' \
	    "$ETC/compose.yaml" >compose.yaml
	install -d -o 10809 "$VOLUME" "$VOLUME/images"
	: >"$VOLUME/secret"
	start
	ended 1
	grep -x "nbdmux-container: there is no password in /var/lib/nbdmux/secret" log
	printf 'open sesame\nno more\n' >"$VOLUME/secret"
	truncate -s 1M "$VOLUME/images/disk.img"
	start
	wait_for 30 healthy
	[ "$(post -H "Authorization: Bearer sesame")" = 401 ]
	[ "$(post -H "Authorization: Bearer open sesame")" = 200 ]
	kill -HUP "$INIT"
	wait_for 10 grep -q "read again" log
	daemon=$(program nbdmuxd)
	kill -STOP "$daemon"
	run inside --health
	kill -CONT "$daemon"
	[ "$status" -eq 1 ]
	[[ $output == "503 "* ]]
	kill -KILL "$(program lighttpd)"
	ended 137
	grep "lighttpd has ended with 137; so does the rest" log
	grep ' stopped reason="all connections have ended"' log
}

@test "a volume that is somebody else's is told, and is the end" {
	install -d -m 755 "$VOLUME"
	start
	ended 1
	grep -x "nbdmux-container: user 10809 cannot write in /var/lib/nbdmux: the volume is to be that user's" log
}
