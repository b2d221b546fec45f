#!/usr/bin/env bats
# How replies leave, and what waits for clients that do not take them.

load helper
load lib/protocol

teardown()
{
	[ -z "${FAULTS:-}" ] || : >"$FAULTS"
	stop_daemon
}

@test "a file system without sendfile costs no client its connection" {
	faulty_daemon --zero-copy=yes
	raw no_sendfile faults="$FAULTS"
}

@test "what sendfile refuses is read from a slow disk by a worker" {
	faulty_daemon --zero-copy=yes
	raw no_sendfile_slow faults="$FAULTS"
}

@test "what can be neither sent nor read ends the connection" {
	faulty_daemon --zero-copy=yes
	raw no_sendfile_no_read faults="$FAULTS"
	grep 'disconnected .* reason="read error in the middle of a reply"' "$LOG"
}

@test "long reads from the page cache are sent without a copy" {
	faulty_daemon --zero-copy=yes
	raw sendfile_is_used faults="$FAULTS"
}

@test "a client that never reads holds less than half a MiB of the kernel's memory" {
	needs ss
	protocol_daemon
	raw unread_replies
}
