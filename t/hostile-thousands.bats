#!/usr/bin/env bats
# Ten thousand hostile clients of every kind (t/lib/horde.c), and twenty honest
# ones among them, who are to notice nothing.

load helper
load lib/protocol
load lib/tls

MEMORY=$((64 * 1024 * 1024))

teardown()
{
	stop_daemon
}

# The options for TLS, where it is built in, in $options.
with_tls()
{
	options=()
	has_tls || return 0
	make_pki "$BATS_TEST_TMPDIR/pki"
	read -ra options < <(tls_options)
}

besieged()
{
	raw "$1" horde="$NBDMUX_BUILD/t/lib/horde" max_memory=$MEMORY \
	    manual="$BATS_TEST_DIRNAME/../man/nbdmuxd.conf.5"
}

# What they say is bounded as well.
few_lines()
{
	[ "$(grep -c " refused " "$LOG")" -le 300 ]
}

@test "twenty honest clients notice nothing of ten thousand hostile ones" {
	with_tls
	protocol_daemon --max-memory=$MEMORY "${options[@]}"
	besieged thousands
	few_lines
}

@test "nor when all ten thousand are held at the same time, unread replies copied" {
	with_tls
	protocol_daemon --max-memory=$MEMORY --zero-copy=no "${options[@]}" \
	    --max-connections=20000 --max-handshakes=20000 \
	    --max-per-address=20000 --handshake-timeout=60
	besieged thousands_held
	few_lines
}

@test "ten thousand clients that say nothing cost less than 8 KiB each" {
	protocol_daemon --max-memory=$MEMORY \
	    --max-connections=20000 --max-handshakes=20000 \
	    --max-per-address=20000 --handshake-timeout=60
	besieged thousands_silent
}
