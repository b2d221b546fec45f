#!/usr/bin/env bats
# Exports that change while clients use them.

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

@test "2,000 edits of the spool under 20 clients: not one client error" {
	setup_daemon --threads=2 --rescan=1
	live edits
}

@test "who reads an image that is replaced reads it to its end" {
	setup_daemon --rescan=3600
	live image_replaced
}

@test "many generations live as long as their clients" {
	setup_daemon --rescan=3600
	live image_and_file_replaced
}

@test "a change of mode is for new clients" {
	setup_daemon --rescan=3600
	live mode_changed
}

@test "a removed export ends for new clients, not for those it has" {
	setup_daemon --rescan=3600
	live drained
}

@test "a kick ends all clients of what was removed, and only those" {
	setup_daemon --rescan=3600
	live kicked
}

@test "a kick ends a client that reads no replies" {
	setup_daemon --drain-timeout=1
	live kicked_while_it_sleeps
}

@test "bad text leaves what is served alone, and the state says why" {
	setup_daemon --rescan=3600
	live bad_text
}

@test "an export that was never good is failed until its image comes" {
	setup_daemon --rescan=1
	live bad_from_the_start
}

@test "what inotify cannot see is found at the next rescan" {
	setup_daemon --rescan=1
	live rescanned
}

@test "SIGHUP takes a good configuration up, a bad one changes nothing" {
	setup_daemon -C "$BATS_TEST_TMPDIR/nbdmuxd.conf"
	live reloaded
	: >"$NBDMUX_CONF"
}

@test "without a change no state file is touched" {
	setup_daemon --rescan=1
	live nothing_rewritten
}
