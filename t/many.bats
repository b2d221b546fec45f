#!/usr/bin/env bats
# Many connections and exports: what they cost while nothing happens, and what
# an edit costs among them.

load helper

CROWD=$NBDMUX_BUILD/t/bench/nbdcrowd

setup()
{
	setup_dirs
	head -c 64K /dev/urandom >"$DIR/img"
}

teardown()
{
	leave
	stop_daemon
}

# hold N EXPORT [EXPORTS]: so many clients that are in and stay
hold()
{
	[ -x "$CROWD" ] || skip "$CROWD is not built"
	mkfifo "$DIR/stay"
	"$CROWD" hold "$1" "127.0.0.1:$PORT" "${@:2}" <"$DIR/stay" \
	    >"$DIR/crowd" 2>&1 3>&- &
	HELD=$!
	exec 9>"$DIR/stay"
	wait_for 30 grep -q "connects=$1 " "$DIR/crowd"
}

leave()
{
	[ -n "${HELD:-}" ] || return 0
	exec 9>&-
	wait "$HELD"
	HELD=
	rm "$DIR/stay"
}

# How often any thread of the daemon has slept or was put to sleep.
switches()
{
	cat "/proc/$DAEMON"/task/*/status |
	    awk '/ctxt_switches/ { n += $2 } END { print n }'
}

threads()
{
	sed -n 's/^Threads:[[:space:]]*//p' "/proc/$DAEMON/status"
}

# KiB that are its own and no file's
memory()
{
	sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\) kB/\1/p' \
	    "/proc/$DAEMON/status"
}

@test "with 1,000 idle clients the daemon sleeps from rescan to rescan" {
	local before

	start_daemon --rescan=3600
	add_export img "$DIR/img"
	hold 1000 img
	sleep 1
	before=$(switches)
	sleep 8
	[ "$(switches)" -eq "$before" ]
}

@test "threads are loops and workers, however many clients there are" {
	local before

	start_daemon --threads=2 --workers=3
	add_export img "$DIR/img"
	before=$(threads)
	hold 2000 img
	[ "$(threads)" -le $((before + 3)) ]
}

@test "an edit among 100 exports and 1,000 clients changes one state file" {
	local i

	for ((i = 0; i < 100; i++)); do
		put_export "e$i" "$DIR/img"
	done
	start_daemon
	hold 1000 e 100
	wait_for 10 answers e99
	find "$STATE" -name '*.ini' -printf '%P %i %T@\n' | sort >"$DIR/before"
	add_export e7 "$DIR/img" ro "description = changed"
	find "$STATE" -name '*.ini' -printf '%P %i %T@\n' | sort >"$DIR/after"
	run diff "$DIR/before" "$DIR/after"
	[ "$(grep -c '^>' <<<"$output")" -eq 1 ]
	[[ $output == *"> exports/e7.ini "* ]]
}

@test "memory of clients that have gone goes back" {
	local empty full

	! grep -q __asan_init "$NBDMUX_BIN/nbdmuxd" ||
	    skip "sanitizers keep memory for themselves"
	! grep -q __tsan_init "$NBDMUX_BIN/nbdmuxd" ||
	    skip "sanitizers keep memory for themselves"
	put_export img "$DIR/img"
	start_daemon
	empty=$(memory)
	hold 4000 img
	full=$(memory)
	[ $((full - empty)) -gt 2000 ] # it is what is looked at
	leave
	wait_for 20 no_leak
	kill -HUP "$DAEMON"
	gave_back() { [ $(($(memory) - empty)) -lt $(((full - empty) / 3)) ]; }
	wait_for 10 gave_back
}
