#!/usr/bin/env bats
# Limits, hit: what is above one is turned away, all else is served.  The
# table of nbdmuxd.conf(5) says which test hits which.

load helper
load lib/protocol

teardown()
{
	[ -z "${FAULTS:-}" ] || : >"$FAULTS"
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

@test "max-options: so many options are answered, and not one more" {
	protocol_daemon --max-options=5
	raw most_options max=5
}

@test "max-options is 64 where nothing is said" {
	protocol_daemon
	raw most_options max=64
}

@test "max-handshake: so many bytes of options are taken, and not one more" {
	protocol_daemon --max-handshake=8K
	raw most_of_a_handshake max=8192
}

@test "max-handshake is 128K where nothing is said" {
	protocol_daemon
	raw most_of_a_handshake max=131072
}

@test "max-requests: so many requests are worked on at a time" {
	FAULT="pread* delay=200 */disk" faulty_daemon --max-requests=3
	raw most_requests max=3
}

@test "max-memory: when it is used up, everybody is served, if slowly" {
	protocol_daemon --max-memory=8M --zero-copy=no
	raw scarce_memory max=$((8 << 20))
}

@test "a description of 4096 bytes is served, a longer one an error that says so" {
	protocol_daemon
	add_export long "$IMAGES/ro" ro \
	    "description = $(printf '%04096d' 0)"
	put_export longer "$IMAGES/ro" ro \
	    "description = $(printf '%04097d' 0)"
	wait_for 10 answers longer
	[ "$(state_of longer status)" = failed ]
	[[ $(state_of longer error) == *"description has 4097 bytes"*4096* ]]
}

@test "an entry of more than 64 KiB is an error that says so" {
	protocol_daemon
	{
		printf '[export]\nimage = %s\n' "$IMAGES/ro"
		for _ in {1..66}; do
			printf '# %01000d\n' 0
		done
	} >"$SPOOL/.large.tmp"
	mv "$SPOOL/.large.tmp" "$SPOOL/large.ini"
	wait_for 10 answers large
	[ "$(state_of large status)" = failed ]
	[[ $(state_of large error) == *65536* ]]
}

@test "of a map of 5000 extents 2000 are told at a time" {
	protocol_daemon
	truncate -s 327680000 "$IMAGES/holes"
	add_export holes "$IMAGES/holes"
	raw most_extents
}
