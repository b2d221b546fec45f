#!/usr/bin/env bats
# Much of everything: what is left of it, who gets how much.

load helper
load lib/livetest

setup()
{
	live_setup
}

teardown()
{
	stop_daemon
}

@test "reads and writes of all sizes on many connections are verified" {
	setup_daemon --threads=2
	live verified
}

@test "10,000 connections and 2,000 edits leave no memory or descriptor" {
	setup_daemon --threads=2
	live nothing_left
}

@test "who asks for much does not starve who asks for little" {
	setup_daemon --threads=1
	live fair
}

@test "memory is bounded while fifty clients take none of their replies" {
	setup_daemon --threads=2 --max-memory=8M
	live bounded max_memory=$((8 << 20))
}
