#!/usr/bin/env bats
# Clients that mean harm: afterwards the daemon lives, serves, and has no more
# descriptors than before, and nobody else has waited.

load helper
load lib/protocol

QUEUE=$((512 * 1024))

setup_file()
{
	protocol_daemon --max-memory=64M --max-queued=$QUEUE --handshake-timeout=5
}

teardown_file()
{
	stop_daemon
}

@test "a session that comes a byte at a time is served" {
	raw byte_at_a_time
}

@test "FIN, RST and half a close at every byte of a session harm nobody" {
	raw ends_everywhere
}

@test "lengths of 0xffffffff anywhere cost no memory and no other client" {
	raw huge_lengths
}

@test "garbage in every state ends in an error or a close" {
	raw garbage
}

@test "a good session with a few bytes changed harms nobody" {
	raw mutations
}

@test "800 requests of all kinds and sizes in flight are each answered exactly" {
	raw all_at_once
}

@test "options without end are ended" {
	raw many_options
}

@test "LIST without end, its answers unread, costs no memory" {
	raw option_flood
}

@test "queues of 4096 reads that nobody reads are bounded, others are served" {
	raw slow_readers max_queued=$QUEUE
}

@test "writes that stop in their payload hold no memory and no one up" {
	raw slow_writers
}

@test "100,000 connections opened and dropped leave nothing behind" {
	raw flood count=100000
}
