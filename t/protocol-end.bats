#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Rules about the daemon's end, and about networks that end.

load helper
load lib/protocol

# A daemon whose export ro takes a second and a half to read.
setup_slow()
{
	FAULTS=$BATS_TEST_TMPDIR/faults
	echo "pread* delay=1500 */ro" >"$FAULTS"
	with_faults "$FAULTS" protocol_daemon
}

@test "OF-09 while the server shuts down options get ERR_SHUTDOWN, ABORT an ACK" {
	setup_slow
	raw OF_09 busy=ro
	daemon_ends
}

@test "DI-05 at SIGTERM requests in flight get their replies before the close" {
	setup_slow
	raw DI_05 busy=ro
	daemon_ends
}

@test "HS-09 without a configured port the listener is on 10809" {
	skip "later"
}

@test "DI-08 a client that vanishes without a word is given up" {
	skip "later"
}
