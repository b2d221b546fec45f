#!/usr/bin/env bats
# Exports for one client at a time: a second one is refused, a dead one is
# found and replaced.

load helper
load lib/protocol

teardown()
{
	stop_daemon
}

exclusive_daemon()
{
	protocol_daemon
	truncate -s 16M "$DIR/mine.img"
	add_export mine "$DIR/mine.img" rw "exclusive = yes"
}

# in_network CASE [END]: a daemon in a network of its own, and the case there.
in_network()
{
	set -- "$1" "${2:-stop_daemon}"
	eval "alone()
	{
		$(declare -f exclusive_daemon)
		exclusive_daemon
		raw $1
		$2
	}"
	own_network alone
}

@test "a second client of an exclusive export is refused at once, and told who has it" {
	exclusive_daemon
	raw one_at_a_time
	grep 'refused kind=export client=.* export=mine reason="export is in exclusive use by 127.0.0.1:[0-9]*"' "$LOG"
}

@test "a holder that was killed is replaced in seconds" {
	exclusive_daemon
	raw killed
}

@test "a holder that is stopped stays" {
	exclusive_daemon
	raw stopped
}

@test "a holder that does not read its replies stays, and nobody else waits" {
	exclusive_daemon
	raw full
}

@test "a holder on a unix socket stays as long as it has the socket" {
	setup_dirs
	start_daemon --listen="127.0.0.1:0, unix:$DIR/socket"
	truncate -s 16M "$DIR/mine.img"
	add_export mine "$DIR/mine.img" rw "exclusive = yes"
	local uri="nbd+unix:///mine?socket=$DIR/socket"
	raw on_unix_socket unix="$DIR/socket"
	wait_for 5 nbdinfo --size "$uri"
}

@test "a crowd that wants an exclusive export holds nobody up" {
	exclusive_daemon
	raw crowd
}

@test "an idle holder behind a vanished network is replaced in seconds" {
	in_network vanished_idle
}

@test "a holder whose replies do not arrive is replaced in seconds" {
	in_network vanished_reading
}

@test "of those who wait for a dead holder's end one gets the export" {
	in_network vanished_waiting
}

@test "a daemon that ends does not wait for who waits" {
	in_network waiting_at_the_end "ended; DAEMON="
}

@test "nbdcopy uses one connection to an exclusive export" {
	needs nbdcopy
	exclusive_daemon
	head -c 16M /dev/urandom >"$DIR/data"
	nbdcopy --connections=4 "$DIR/data" "nbd://127.0.0.1:$PORT/mine"
	cmp "$DIR/data" "$DIR/mine.img"
}

@test "an export that becomes exclusive has no new client until the old ones are gone" {
	protocol_daemon
	truncate -s 16M "$DIR/mine.img"
	add_export mine "$DIR/mine.img" rw
	raw becomes
}
