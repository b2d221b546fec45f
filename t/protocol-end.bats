#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Rules about the daemon's end, and about networks that end.

load helper
load lib/protocol

teardown()
{
	stop_daemon
}

# A daemon whose export ro takes a second and a half to read.
slow_daemon()
{
	FAULT="pread* delay=1500 */ro" faulty_daemon
}

# The case has ended the daemon: it must have done so in order.
daemon_ends()
{
	ended
	export DAEMON=
}

@test "OF-09 while the server shuts down options get ERR_SHUTDOWN, ABORT an ACK" {
	slow_daemon
	raw OF_09 busy=ro
	daemon_ends
}

@test "DI-05 at SIGTERM requests in flight get their replies before the close" {
	slow_daemon
	raw DI_05 busy=ro
	daemon_ends
}

@test "the end of the daemon is the same with structured replies and extended headers" {
	local style

	for style in structured extended; do
		slow_daemon
		raw DI_05 busy=ro style=$style
		daemon_ends
	done
}

default_port()
{
	setup_dirs
	"$NBDMUX_BIN/nbdmuxd" --user="$(id -un)" 2>"$LOG" 3>&- &
	DAEMON=$!
	wait_for 20 daemon_ready
	BASELINE=$(descriptors)
	export DAEMON BASELINE PORT=10809
	make_images
	add_standard_exports
	raw HS_01
	stop_daemon
}

@test "HS-09 without a configured port the listener is on 10809" {
	own_network default_port
}

vanish()
{
	protocol_daemon --keepalive=5
	raw DI_08 keepalive=5
	stop_daemon
}

@test "DI-08 a client that vanishes without a word is given up" {
	own_network vanish
}
