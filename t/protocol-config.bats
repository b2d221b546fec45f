#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Rules of which the configuration decides, and the end of the daemon.

load helper
load lib/protocol

teardown()
{
	stop_daemon
}

@test "HS-05 NO_ZEROES that was not offered ends the connection" {
	protocol_daemon --no-zeroes=no
	raw HS_05
}

@test "HS-08 the greeting is never the oldstyle one, on TCP and unix sockets" {
	protocol_daemon --listen="unix:$BATS_TEST_TMPDIR/socket,127.0.0.1:$(free_port)"
	raw HS_08 unix="$BATS_TEST_TMPDIR/socket"
}

@test "HS-13 a silent or slow handshake is dropped; others are not delayed" {
	protocol_daemon --handshake-timeout=3
	raw HS_13 handshake_timeout=3
}

@test "OF-11 an option that the configuration forbids gets ERR_POLICY" {
	protocol_daemon --listing=no
	raw OF_11
}

@test "EN-04 EXPORT_NAME of the empty name is the default export, if there is one" {
	protocol_daemon --default-export=ro
	raw EN_04 default=ro
}

@test "IG-04 INFO and GO of the empty name are the default export, if there is one" {
	protocol_daemon --default-export=ro
	raw IG_04 default=ro
}

@test "LS-06 LIST without exports is an ACK alone" {
	setup_daemon --probe=no
	make_images
	raw LS_06
}

@test "LS-07 LIST that the configuration forbids gets ERR_POLICY" {
	protocol_daemon --listing=no
	raw LS_07
}

@test "LS-09 10,000 exports and the longest name are listed exactly" {
	local n longest

	setup_daemon --probe=no
	make_images
	longest=$(printf 'n%.0s' {1..64})
	for n in {00000..09999}; do
		printf '[export]\nimage = %s\n' "$IMAGES/ro" \
		    >"$SPOOL/e$n.ini"
	done
	wait_for 60 answers e09999
	add_export "$longest" "$IMAGES/ro"
	raw LS_09 count=10000 longest="$longest"
}

@test "SZ-06 a size that is no multiple of the minimum is rounded, or its tail can be read" {
	setup_daemon
	make_images
	head -c 100001 "$IMAGES/disk" >"$IMAGES/tail"
	add_export tail "$IMAGES/tail" rw "block-min = 4096"
	raw SZ_06 size=100001
}

@test "DI-07 removing an export lets its requests finish, and touches no other" {
	protocol_daemon
	add_export gone "$IMAGES/disk"
	for style in simple structured extended; do
		wait_for 10 answers gone
		raw DI_07 gone=gone rm="$NBDMUX_BIN/nbdmux-rm" style=$style
		add_export gone "$IMAGES/disk"
	done
}

full_disk()
{
	setup_dirs
	/usr/bin/python3 -B "$NBDRAW" sparse "$SMALL"
	find "$SMALL" -type f ! -name thin -delete
	start_daemon
	add_export thin "$SMALL/thin" rw
	raw BA_03 full="dd if=/dev/zero of=$SMALL/rest bs=64K 2>/dev/null;:"
	stop_daemon
}

@test "BA-03 what is not a hole has its space, also when there is no more" {
	own_disk 32M full_disk
}
