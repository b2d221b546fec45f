#!/usr/bin/env bats
# Too many clients: those above a limit are turned away, the others served.

load helper
load lib/protocol

teardown()
{
	stop_daemon
}

@test "max-connections turns away what is above it, and serves the rest" {
	protocol_daemon --max-connections=40
	raw too_many max=40
}

@test "max-per-address turns away one address, and serves the others" {
	protocol_daemon --max-per-address=20
	raw per_address max=20
}

@test "max-handshakes: clients that say nothing keep nobody out" {
	protocol_daemon --max-connections=40 --handshake-timeout=600
	raw silent_strangers max=40
	grep 'warning refused kind=limit client=.* reason="max-handshakes reached, and it was slow"' "$LOG"
}

@test "max-handshakes: of more clients that come at the same moment each is served" {
	protocol_daemon --max-handshakes=10
	raw many_together handshakes=10
}
