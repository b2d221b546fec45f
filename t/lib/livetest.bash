# What the tests of the daemon under change share: images in $IMAGES, and live,
# which runs a case of t/lib/livetest_*.py against the daemon.

# For setup().
live_setup()
{
	export DIR=$BATS_TEST_TMPDIR
	IMAGES=$DIR/images
	mkdir "$IMAGES"
}

# live CASE [key=value ...]: the case holds, or the test is skipped with the
# reason why it cannot be tried here.
live()
{
	local status=0 text

	text=$(/usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/livetest.py" "$1" \
	    127.0.0.1 "${PORT:-0}" pid="${DAEMON:-0}" dir="$IMAGES" \
	    spool="$SPOOL" state="$STATE" log="$LOG" conf="$NBDMUX_CONF" \
	    bin="$NBDMUX_BIN" faults="$DIR/faults" \
	    clients="$NBDMUX_BUILD/t/lib/livetest" \
	    nbdload="$NBDMUX_BUILD/t/bench/nbdload" "${@:2}" 2>&1) ||
	    status=$?
	[ "$status" -ne 77 ] || skip "$text"
	[ -z "$text" ] || echo "$text"
	return "$status"
}

# faulty [RULE...]: the next daemon's files fail as $DIR/faults says, see
# t/lib/faultio.c.
faulty()
{
	local library=$NBDMUX_BUILD/t/lib/faultio.so

	[ -e "$library" ] || { echo "missing: $library"; return 1; }
	: >"$DIR/faults"
	[ $# -eq 0 ] || printf '%s\n' "$@" >"$DIR/faults"
	# The sanitizers want to be first, and are not.
	WRAPPER="env LD_PRELOAD=$library FAULTIO_FILE=$DIR/faults
	    ASAN_OPTIONS=verify_asan_link_order=0:${ASAN_OPTIONS:-}"
}
