#!/usr/bin/env bats
# Where nbdmuxd listens: unix sockets with their permissions, sockets that
# systemd or libnbd passes, vsock; and the URIs that lead there.

bats_require_minimum_version 1.5.0
load helper
load lib/protocol

setup()
{
	cd "$BATS_TEST_TMPDIR" || return
	setup_dirs
	OPEN=
}

teardown()
{
	local status=0

	stop_daemon || status=$?
	[ -z "$OPEN" ] || rm -rf "$OPEN"
	return "$status"
}

# The daemon that is under test, as it would be started by hand; it ends soon.
daemon()
{
	timeout 20 nbdmuxd --user="$(id -un)" "$@" 3>&-
}

# fails_to_start WORDS OPTION...: one line that has the words.
fails_to_start()
{
	run -1 --separate-stderr daemon "${@:2}"
	# shellcheck disable=SC2154 # run's
	said=$(grep -v 'warning start .*running as root' <<<"$stderr")
	[ "$(wc -l <<<"$said")" -eq 1 ]
	[[ $said == "nbdmuxd: cannot start: "*"$1"* ]]
}

passing()
{
	timeout 20 /usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/passfds.py" "$@"
}

# start_passed WHAT... -- [OPTION...]: a daemon that gets these.
start_passed()
{
	local what=()

	while [ "$1" != -- ]; do
		what+=("$1")
		shift
	done
	shift
	: >"$LOG"
	/usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/passfds.py" "${what[@]}" \
	    -- nbdmuxd --user="$(id -un)" "$@" 2>>"$LOG" 3>&- &
	DAEMON=$!
	wait_for 20 daemon_ready
	daemon_alive || { cat "$LOG"; return 1; }
	BASELINE=$(descriptors)
	bound
}

# $listen: where the daemon listens, as it says itself.
bound()
{
	listen=$(sed -n 's/^listen = //p' "$STATE/daemon.ini")
}

# A directory that everybody can enter.
open_directory()
{
	OPEN=$(mktemp -d /tmp/nbdmux-listen-XXXXXX)
	chmod 755 "$OPEN"
}

only_root()
{
	[ "$(id -u)" -eq 0 ] || skip "only root can become somebody else"
}

mode_of()
{
	stat -c %a:%U:%G "$1"
}

# --- unix sockets --------------------------------------------------------------

@test "a unix socket is the daemon's user's and group's, whatever the umask is" {
	local mask

	for mask in 000 077; do
		umask "$mask"
		start_daemon --listen="unix:$PWD/socket"
		[ "$(mode_of socket)" = "660:$(id -un):$(id -gn)" ]
		stop_daemon
	done
}

@test "socket-mode is the mode of a unix socket" {
	start_daemon --listen="unix:$PWD/socket" --socket-mode=0602
	[ "$(mode_of socket)" = "602:$(id -un):$(id -gn)" ]
	nbdinfo --size "nbd+unix:///probe?socket=$PWD/socket"
}

@test "a mode that is none is refused with what would be right" {
	local wrong

	for wrong in 1660 0668 rw-rw---- 06600 -1; do
		fails_to_start "is no mode of a socket; right are octal" \
		    --socket-mode="$wrong"
	done
	fails_to_start '"socket-mode": there is no mode' --socket-mode=
}

@test "started as root, a unix socket belongs to the user it becomes" {
	only_root
	open_directory
	DIR=$OPEN setup_dirs
	start_daemon --user=nobody --listen="unix:$OPEN/socket"
	[ "$(mode_of "$OPEN/socket")" = "660:nobody:$(id -gn nobody)" ]
}

@test "socket-owner and socket-group are names or numbers" {
	only_root
	start_daemon --listen="unix:$PWD/socket" --socket-owner=daemon \
	    --socket-group=12345
	[ "$(stat -c %U:%g socket)" = daemon:12345 ]
	stop_daemon
	start_daemon --listen="unix:$PWD/socket" --socket-owner=54321 \
	    --socket-group=daemon
	[ "$(stat -c %u:%G socket)" = 54321:daemon ]
	stop_daemon
	fails_to_start 'no user "nobody-at-all"' --listen="unix:$PWD/socket" \
	    --socket-owner=nobody-at-all
	fails_to_start 'no group "nobody-at-all"' \
	    --listen="unix:$PWD/socket" --socket-group=nobody-at-all
	run -1 nbdmuxd -t --user="$(id -un)" --socket-group=nobody-at-all
	[[ $output == *'"socket-group": there is no group "nobody-at-all"'* ]]
}

@test "a daemon that cannot give its socket away says so, and leaves no file" {
	only_root
	needs setpriv
	run -1 setpriv --bounding-set=-chown timeout 20 nbdmuxd --user=root \
	    --listen="unix:$PWD/socket" --socket-owner=12345 3>&-
	[[ $output == *"cannot listen on unix:$PWD/socket: Operation not permitted"* ]]
	[ ! -e socket ]
}

# connect_as UID GID: what happens to somebody who connects.
connect_as()
{
	setpriv --reuid="$1" --regid="$2" --clear-groups /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
	s.connect(sys.argv[1])
	print(s.recv(8).decode())
except OSError as e:
	print(e.strerror)' "$OPEN/socket"
}

@test "who is in the group may connect, others may not" {
	only_root
	needs setpriv
	open_directory
	start_daemon --listen="unix:$OPEN/socket" --socket-group=54321
	[ "$(connect_as 65534 54321)" = NBDMAGIC ]
	[ "$(connect_as 65534 65534)" = "Permission denied" ]
}

@test "nobody can connect to a unix socket before it has its mode and owner" {
	only_root
	needs strace
	WRAPPER="env ASAN_OPTIONS=detect_leaks=0 strace -f -o $PWD/trace
	    -e trace=umask,bind,fchownat,listen" start_daemon \
	    --listen="unix:$PWD/socket" --socket-mode=0600 --socket-owner=1
	DAEMON=$(cat "$STATE/nbdmuxd.pid")
	BASELINE=$(descriptors)
	sed -n '/socket"/{s/^[0-9]* *//;s/(.*//;p}
	    s/^[0-9]* *listen(.*/listen/p
	    s/^[0-9]* *\(umask(0177)\).*/\1/p' trace >order
	[ "$(tr '\n' ' ' <order)" = "umask(0177) bind fchownat listen " ]
}

@test "what is at a unix socket's path and no stale socket stays" {
	local file owner

	mkdir directory
	echo precious >file
	ln -s file link
	ln -s nowhere dangling
	mkfifo fifo
	/usr/bin/python3 -c 'import socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("datagrams")
time.sleep(60)' 3>&- &
	owner=$!
	wait_for 10 test -S datagrams
	/usr/bin/python3 -c 'import socket
s = socket.socket(socket.AF_UNIX)
s.bind("stale")'
	ln -s stale linked
	for file in directory file link dangling fifo datagrams linked; do
		stat -c '%i %F %s' "$file" >before
		fails_to_start "cannot listen on unix:$PWD/$file: Address already in use" \
		    --listen="unix:$PWD/$file"
		stat -c '%i %F %s' "$file" | diff before -
	done
	kill "$owner"
	start_daemon --listen="unix:$PWD/stale"
	nbdinfo --size "nbd+unix:///probe?socket=$PWD/stale"
}

@test "at the end a unix socket is removed, unless it is another one by now" {
	start_daemon --listen="unix:$PWD/one, unix:$PWD/two"
	rm two
	/usr/bin/python3 -c 'import socket
socket.socket(socket.AF_UNIX).bind("two")'
	stop_daemon
	[ ! -e one ]
	[ -S two ]
}

@test "an abstract socket is listened on, and found by its URI" {
	local name=nbdmux-test-$$-$BATS_TEST_NUMBER

	start_daemon --listen="unix:@$name"
	bound
	[ "$listen" = "unix:@$name" ]
	nbdmux-ls --json probe | jq -r '.exports[0].uri' >uri
	[ "$(cat uri)" = "nbd+unix:///probe?socket=%00$name" ]
	/usr/bin/python3 -c 'import socket, sys, urllib.parse as u
query = u.parse_qs(u.urlsplit(sys.argv[1]).query)
s = socket.socket(socket.AF_UNIX)
s.connect(query["socket"][0])
assert s.recv(8) == b"NBDMAGIC"' "$(cat uri)"
}

# --- sockets that are passed ---------------------------------------------------

@test "libnbd's tools start the daemon with a socket of their own" {
	needs nbdinfo nbdcopy
	nbdinfo --json -- [ nbdmuxd --user="$(id -un)" \
	    --default-export=probe ] >info
	[ "$(jq '.exports[0]["export-size"]' info)" = 1048576 ]
	truncate -s 8M image
	put_export disk "$PWD/image" rw
	head -c 8M /dev/urandom >source
	nbdcopy source -- [ nbdmuxd --user="$(id -un)" --default-export=disk ]
	cmp source image
}

@test "libnbd's connect_systemd_socket_activation reaches an export by name" {
	/usr/bin/python3 -c 'import nbd' || needs python3-libnbd
	/usr/bin/python3 -c 'import nbd, sys
h = nbd.NBD()
h.set_export_name("probe")
h.connect_systemd_socket_activation(["nbdmuxd", sys.argv[1]])
assert h.pread(8, 4096) == (4096).to_bytes(8, "big")
h.shutdown()' "--user=$(id -un)"
}

@test "sockets that are passed are the default, all of them, and nothing else" {
	start_passed tcp "unix:$PWD/a" "abstract:nbdmux-$$-$BATS_TEST_NUMBER" --
	[[ $listen =~ ^127\.0\.0\.1:[0-9]+,\ unix:$PWD/a,\ unix:@nbdmux-$$-$BATS_TEST_NUMBER$ ]]
	nbdinfo --size "nbd://${listen%%,*}/probe"
	nbdinfo --size "nbd+unix:///probe?socket=$PWD/a"
	grep " ready .*listen=\"\?$listen" "$LOG"
	run grep warning "$LOG"
	[ "$(grep -vc 'running as root' <<<"$output")" -le 1 ]
	# A reload finds the same default.
	kill -HUP "$DAEMON"
	wait_for 10 grep "read again" "$LOG"
	run grep "takes a restart" "$LOG"
	[ "$status" -eq 1 ]
}

@test "the file of a socket that was passed stays when the daemon ends" {
	start_passed "unix:$PWD/a" --
	stop_daemon
	[ -S a ]
}

@test "systemd-socket-activate passes several sockets with names" {
	needs systemd-socket-activate
	systemd-socket-activate -l "$PWD/a" -l "$PWD/b" --fdname=front:back \
	    --setenv=NBDMUX_SPOOL --setenv=NBDMUX_STATE --setenv=NBDMUX_CONF \
	    "$NBDMUX_BIN/nbdmuxd" --user="$(id -un)" --listen=systemd:back \
	    2>"$LOG" 3>&- &
	DAEMON=$!
	wait_for 10 test -S b
	nbdinfo --size "nbd+unix:///probe?socket=$PWD/b"
	BASELINE=$(descriptors)
	grep "warning listen .*unix:$PWD/a as .*front.* does not name it; add systemd:front" "$LOG"
	bound
	[ "$listen" = "unix:$PWD/b" ]
}

@test "passed sockets stand beside addresses, by name or as the rest" {
	start_passed a=tcp b="unix:$PWD/b" c="unix:$PWD/c" a="unix:$PWD/a" -- \
	    --listen="systemd, unix:$PWD/own, systemd:a"
	[[ $listen == "unix:$PWD/own, 127.0.0.1:"*", unix:$PWD/a, unix:$PWD/b, unix:$PWD/c" ]]
	for socket in a b c own; do
		nbdinfo --size "nbd+unix:///probe?socket=$PWD/$socket"
	done
	stop_daemon
	[ -S a ] && [ -S b ] && [ -S c ] && [ ! -e own ]
}

@test "an address that is set wins over passed sockets, which are warned of" {
	echo "listen = unix:$PWD/own" >>"$NBDMUX_CONF"
	start_passed x="unix:$PWD/a" --
	[ "$listen" = "unix:$PWD/own" ]
	grep "warning listen .*unix:$PWD/a.*does not name it; add systemd:x" "$LOG"
}

@test "what is passed and cannot be listened on is refused" {
	local what

	for what in datagram unbound file; do
		run -1 passing tcp bad=$what -- nbdmuxd \
		    --user="$(id -un)"
		[[ $output == *'descriptor 4, passed as "bad", is not a listening stream socket; ListenStream='* ]]
	done
	run -1 passing tcp closed -- nbdmuxd --user="$(id -un)"
	[[ $output == *"LISTEN_FDS tells of 2 sockets, but descriptor 4 is not open"* ]]
}

@test "sockets that are wanted and not there are an error that names those that are" {
	fails_to_start "systemd: the service manager passed no sockets; start nbdmuxd through its .socket unit" \
	    --listen=systemd
	fails_to_start "systemd:x: the service manager passed no sockets" \
	    --listen=systemd:x
	run -1 passing a=tcp b=tcp -- nbdmuxd --user="$(id -un)" \
	    --listen=systemd:c
	[[ $output == *"systemd:c: the service manager passed no other socket of that name; the names are a, b"* ]]
	# shellcheck disable=SC2016 # the inner shell's number
	run -1 env LISTEN_FDS=many timeout 20 bash -c \
	    'LISTEN_PID=$$ exec nbdmuxd --listen=127.0.0.1:0'
	[[ $output == *'LISTEN_FDS is "many"; right is a number'* ]]
}

@test "variables that are meant for another process are nobody's sockets" {
	export LISTEN_FDS=2 LISTEN_PID=1 LISTEN_FDNAMES=a:b
	start_daemon
	nbdinfo --size "nbd://127.0.0.1:$PORT/probe"
	unset LISTEN_FDS LISTEN_PID LISTEN_FDNAMES
}

@test "a passed socket that cannot be written down is served all the same" {
	needs jq
	start_passed "unix:$PWD/a, b" x="unix:$(printf '%s/\377' "$PWD")" --
	[ "$listen" = "systemd, systemd" ]
	nbdinfo --size "nbd+unix:///probe?socket=$PWD/a,%20b"
	[ "$(nbdmux-ls --json probe | jq '.exports[0].uri')" = null ]
}

@test "passed sockets go with -d to the background" {
	passing "unix:$PWD/a" -- nbdmuxd --user="$(id -un)" -d 2>>"$LOG" 3>&-
	DAEMON=$(cat "$STATE/nbdmuxd.pid")
	# shellcheck disable=SC2034 # stop_daemon's
	BASELINE=$(descriptors)
	nbdinfo --size "nbd+unix:///probe?socket=$PWD/a"
}

@test "passed sockets are not inherited by anything" {
	start_passed tcp "unix:$PWD/a" --
	for fd in 3 4; do
		# O_CLOEXEC
		grep -E '^flags:.*[2367]......$' "/proc/$DAEMON/fdinfo/$fd"
	done
}

@test "IPv4 clients of a socket for both families are known by their address" {
	[ -e /proc/net/if_inet6 ] || skip "no IPv6 here"
	truncate -s 1M image
	start_passed dual --
	add_export disk "$PWD/image" ro "allow = 127.0.0.0/8"
	add_export six "$PWD/image" ro "allow = ::1"
	nbdinfo --size "nbd://127.0.0.1:${listen##*:}/disk"
	nbdinfo --size "nbd://[::1]:${listen##*:}/six"
	run nbdinfo --size "nbd://127.0.0.1:${listen##*:}/six"
	[ "$status" -ne 0 ]
	grep "connected client=127.0.0.1:" "$LOG"
}

@test "nbdmuxd.socket is sound, and its sockets are the unit's" {
	needs systemd-analyze
	cp "$BATS_TEST_DIRNAME"/../etc/systemd/nbdmuxd.* .
	sed -i "s,/usr/sbin/nbdmuxd,$NBDMUX_BIN/nbdmuxd," nbdmuxd.service
	systemd-analyze verify --man=no "$PWD/nbdmuxd.socket" >out 2>&1
	cat out
	[ ! -s out ]
}

# --- vsock -----------------------------------------------------------------------

vsock()
{
	/usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_VSOCK)
s.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
print(s.getsockname()[1])' 2>/dev/null || skip "this kernel has no vsock"
}

@test "a vsock port is listened on and told; clients reach it where that is possible" {
	needs nbdinfo jq
	port=$(vsock)
	start_daemon --listen="vsock:$port, vsock:0"
	bound
	[[ $listen =~ ^vsock:([0-9]+:)?$port,\ vsock:([0-9]+:)?[0-9]+$ ]]
	# In a virtual machine it is its CID, on a host what guests see it as.
	cid=${BASH_REMATCH[1]:-2:}
	[ "$(uri_of probe)" = "nbd+vsock://$cid$port/probe" ]
	timeout 3 /usr/bin/python3 -c 'import socket, sys
socket.socket(socket.AF_VSOCK).connect((1, int(sys.argv[1])))' "$port" ||
	    skip "no loopback of vsock here (vsock_loopback); see t/kernel.bats"
	nbdinfo --size "nbd+vsock://1:$port/probe"
	wait_for 5 grep "connected client=vsock:1:" "$LOG"
}

@test "without vsock in the kernel the daemon says what to load" {
	if vsock >/dev/null; then
		skip "this kernel has vsock"
	fi
	fails_to_start "this kernel has no vsock; load the module" \
	    --listen=vsock:10809
}

# --- URIs ------------------------------------------------------------------------

# parts URI: what RFC 3986's rules (Python's parser) make of it, a line each:
# scheme, host, port, the export's name, the socket.
parts()
{
	/usr/bin/python3 -c 'import sys, urllib.parse as u
p = u.urlsplit(sys.argv[1])
print(p.scheme, p.hostname, p.port or "", u.unquote(p.path[1:]),
	u.parse_qs(p.query, strict_parsing=bool(p.query)).get("socket", [""])[0],
	sep="\n")' "$1"
}

# uri_of NAME: as nbdmux-ls tells it, which is as nbdmux-add does.
uri_of()
{
	nbdmux-ls --json "$1" | jq -r '.exports[0].uri'
}

# leads_to URI NAME: libnbd's parser finds the export that has this size.
leads_to()
{
	[ "$(nbdinfo --size "$1")" -eq "$(stat -c %s "$PWD/image")" ]
}

@test "CL-14 the URI that is printed leads to the export, on every kind of address" {
	local socket address name=A-z_0.9-b

	needs nbdinfo jq
	truncate -s 3M image
	# shellcheck disable=SC1003 # a backslash it is
	for socket in plain 'per%cent' 'q?mark&amp=x#hash+plus' 'größe' \
	    'quote"single'\''back\'; do
		start_daemon --listen="unix:$PWD/$socket"
		nbdmux-add "$name" image | tee added
		[ "$(cat added)" = "added $(uri_of "$name")" ]
		[ "$(parts "$(uri_of "$name")")" = \
		    "$(printf 'nbd+unix\nNone\n\n%s\n%s' "$name" "$PWD/$socket")" ]
		leads_to "$(uri_of "$name")"
		stop_daemon
	done
	for address in 127.0.0.1 ::1; do
		[ "$address" != ::1 ] || [ -e /proc/net/if_inet6 ] || continue
		[ "$address" != ::1 ] || socket="[::1]:0"
		[ "$address" = ::1 ] || socket="127.0.0.1:0"
		start_daemon --listen="$socket"
		bound
		nbdmux-add "$name" image
		[ "$(parts "$(uri_of "$name")")" = \
		    "$(printf 'nbd\n%s\n%s\n%s\n ' "$address" "${listen##*:}" \
		    "$name" | sed '$d')" ]
		leads_to "$(uri_of "$name")"
		stop_daemon
	done
}

@test "CL-15 the path of a URI that is printed is the export's name, to libnbd and to RFC 3986" {
	local name uri

	needs nbdinfo jq
	truncate -s 3M image
	start_daemon
	for name in a 0 A-z_0.9-b "$(printf 'n%063d' 1)"; do
		nbdmux-add "$name" image
		uri=$(uri_of "$name")
		[ "$(parts "$uri" | sed -n 4p)" = "$name" ]
		[ "$(nbdinfo --json "$uri" |
		    jq -r '.exports[0]["export-name"]')" = "$name" ]
	done
}

on_the_default_port()
{
	cd "$BATS_TEST_TMPDIR" || return
	truncate -s 3M image
	start_daemon --listen="127.0.0.1:10809"
	[ "$(nbdmux-add disk image)" = "added nbd://127.0.0.1/disk" ]
	[ "$(nbdinfo --size nbd://127.0.0.1/disk)" -eq 3145728 ]
	stop_daemon
	start_daemon --listen="[::1]:10809"
	[ "$(nbdmux-add disk image)" = "added nbd://[::1]/disk" ]
	[ "$(nbdinfo --size "nbd://[::1]/disk")" -eq 3145728 ]
	stop_daemon
}

@test "CL-14 the port is left out of a URI when it is NBD's own" {
	needs nbdinfo
	own_network on_the_default_port
}

@test "a wildcard address is told as the machine's name" {
	needs jq
	start_daemon --listen="*:0"
	[[ $(uri_of probe) =~ ^nbd://$(uname -n):[0-9]+/probe$ ]]
}

# A key that everybody may know, for the user "alice".
psk()
{
	printf 'alice:%064d\n' 4711 >keys.psk
	run nbdmuxd -t --user="$(id -un)" --tls=on --tls-psk-file="$PWD/keys.psk"
	[[ $output != *"without TLS"* ]] || skip "built without TLS"
	[ "$status" -eq 0 ]
}

@test "CL-14 where clients must encrypt the URI says nbds, and leads there with a key" {
	local uri

	needs nbdinfo jq
	psk
	truncate -s 3M image
	start_daemon --listen="127.0.0.1:0, unix:$PWD/socket" --tls=on \
	    --tls-psk-file="$PWD/keys.psk"
	[[ $(nbdmux-add disk image) == "added nbd://127.0.0.1:"* ]]
	[[ $(nbdmux-add --tls=require disk image) == "changed nbds://127.0.0.1:"* ]]
	[[ $(uri_of disk) == "nbds://127.0.0.1:"*/disk ]]
	uri=$(uri_of disk)
	leads_to "nbds://alice@${uri#nbds://}?tls-psk-file=$PWD/keys.psk"
	run nbdinfo --size "nbd://${uri#nbds://}"
	[ "$status" -ne 0 ]
	[[ $(nbdmux-add --allow=psk:alice named image) == "added nbds://127.0.0.1:"* ]]
	[[ $(uri_of named) == "nbds://127.0.0.1:"*/named ]]
	[[ $(nbdmux-add --allow=psk:alice,127.0.0.1 mixed image) == "added nbd://"* ]]
	leads_to "$(uri_of mixed)"
	stop_daemon
	start_daemon --listen="unix:$PWD/socket" --tls=required \
	    --tls-psk-file="$PWD/keys.psk"
	[ "$(nbdmux-add disk image)" = "added nbds+unix:///disk?socket=$PWD/socket" ]
	leads_to "nbds+unix://alice@/disk?socket=$PWD/socket&tls-psk-file=$PWD/keys.psk"
}
