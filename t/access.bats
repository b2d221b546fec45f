#!/usr/bin/env bats
# Who is let in, who is turned away, and what the administrator is told of it.

bats_require_minimum_version 1.5.0
load helper
load lib/protocol

teardown()
{
	stop_daemon
}

# refusals KIND: the lines of that kind, without the one that sums up.
refusals()
{
	grep " refused kind=$1 client=" "$LOG"
}

@test "300 strangers are 20 lines of each kind and one that says how many more" {
	protocol_daemon
	raw strangers
	[ "$(refusals handshake | wc -l)" -eq 20 ]
	[ "$(refusals export | wc -l)" -eq 20 ]
	refusals handshake | grep -q ' info .* client=127.0.0.1:[0-9]* reason="bad magic of an option"$'
	refusals handshake | grep -q ' reason="client flags that were not offered"$'
	refusals export | grep -q 'export=no-such-export reason="no such export"$'
	kill -TERM "$DAEMON"
	ended
	DAEMON=
	grep ' refused kind=handshake more=180 reason="so many more like this' "$LOG"
	grep ' refused kind=export more=80 reason="so many more like this' "$LOG"
}

@test "a handshake that takes too long is logged with the client and the reason" {
	protocol_daemon --handshake-timeout=1
	exec 9<>"/dev/tcp/127.0.0.1/$PORT"
	wait_for 5 grep -q 'refused kind=handshake client=127.0.0.1:[0-9]* reason="handshake took too long"' "$LOG"
	exec 9>&-
}

@test "who comes and goes without a word is not logged as refused" {
	protocol_daemon
	exec 9<>"/dev/tcp/127.0.0.1/$PORT"
	exec 9>&-
	nbdmux-ls >/dev/null
	nbdinfo --list "nbd://127.0.0.1:$PORT/" >/dev/null
	sleep 0.2
	run ! grep " refused " "$LOG"
}

@test "at the level debug every refusal is logged" {
	protocol_daemon --log-level=debug
	raw strangers
	[ "$(refusals handshake | wc -l)" -eq 200 ]
	[ "$(refusals export | wc -l)" -eq 100 ]
}

# knock ADDRESS: what the server says to a client of that address, in bytes.
knock()
{
	/usr/bin/python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[2])), 5,
	(sys.argv[1], 0))
try:
	print(len(s.recv(18)))
except ConnectionResetError:
	print(0)' "$1" "$PORT"
}

greeted()
{
	[ "$(knock "$1")" -eq 18 ]
}

# lines_about ADDRESS: how often it was logged.
lines_about()
{
	grep -c "refused kind=address client=$1:" "$LOG" || true
}

@test "an address that all exports refuse is disconnected before the greeting, and logged once" {
	local n

	setup_daemon --probe=no
	truncate -s 1M "$DIR/image"
	add_export mine "$DIR/image" ro "allow = 127.0.0.2"
	for n in {1..30}; do
		[ "$(knock 127.0.0.3)" -eq 0 ]
	done
	[ "$(knock 127.0.0.2)" -eq 18 ]
	[ "$(lines_about 127.0.0.3)" -eq 1 ]
	[ "$(lines_about 127.0.0.2)" -eq 0 ]
	kill -TERM "$DAEMON"
	ended
	DAEMON=
	grep 'refused kind=address client=127.0.0.3:[0-9]* more=29 reason="no export is for this address"' "$LOG"
}

@test "a thousand addresses that are refused are at most 84 lines" {
	local n

	setup_daemon --probe=no
	truncate -s 1M "$DIR/image"
	add_export mine "$DIR/image" ro "allow = 192.0.2.1"
	/usr/bin/python3 -c 'import socket, sys
for n in range(1000):
	with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5,
			(f"127.9.{n // 250}.{n % 250 + 1}", 0)) as s:
		try:
			assert s.recv(1) == b""
		except ConnectionResetError:
			pass' "$PORT"
	n=$(grep -c "refused kind=address client=" "$LOG")
	[ "$n" -gt 64 ] && [ "$n" -le 84 ]
}

@test "who may use the probe, or any export, is not disconnected" {
	setup_daemon
	truncate -s 1M "$DIR/image"
	add_export mine "$DIR/image" ro "allow = 192.0.2.1"
	[ "$(knock 127.0.0.3)" -eq 18 ]
}

@test "an empty spool disconnects nobody" {
	setup_daemon --probe=no
	[ "$(knock 127.0.0.3)" -eq 18 ]
	truncate -s 1M "$DIR/image"
	add_export mine "$DIR/image" ro "allow = 192.0.2.1"
	[ "$(knock 127.0.0.3)" -eq 0 ]
	rm "$SPOOL/mine.ini"
	wait_for 10 greeted 127.0.0.3
}

@test "no address is refused on a unix socket" {
	setup_dirs
	start_daemon --probe=no --listen="127.0.0.1:0, unix:$DIR/socket"
	truncate -s 1M "$DIR/image"
	add_export mine "$DIR/image" ro "allow = 192.0.2.1"
	[ "$(nbdinfo --size "nbd+unix:///mine?socket=$DIR/socket")" -eq 1048576 ]
}

@test "clients that come and go without end are 600 lines a minute, and one more" {
	protocol_daemon
	raw come_and_go
	[ "$(grep -c " info connected client=" "$LOG")" -eq 600 ]
	[ "$(grep -c " info disconnected client=" "$LOG")" -le 600 ]
	kill -TERM "$DAEMON"
	ended
	DAEMON=
	grep ' info connected more=[0-9]* reason="so many more like this' "$LOG"
}
