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
