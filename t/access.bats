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
