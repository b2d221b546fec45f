#!/usr/bin/env bats
# What once broke NBD servers, by the numbers that it got, replayed.  What each
# bug was stands in t/lib/cves.py.  The daemon is the same for all of them, so
# that what one leaves behind the next one meets; teardown_file proves that it
# is alive and has leaked nothing.

load helper
load lib/protocol
load lib/tls

setup_file()
{
	needs certtool psktool
	make_pki "$BATS_FILE_TMPDIR/pki"
	tls_daemon --max-memory=256M
	truncate -s 1T "$IMAGES/void"
	add_export void "$IMAGES/void" rw
	add_export blocks "$IMAGES/void" ro "block-min = 4096"
	add_export one "$IMAGES/ro" ro "allow = 127.0.0.1"
	add_export many "$IMAGES/ro" ro "allow = 127.0.0.16/28"
	add_export some "$IMAGES/ro" ro "allow = 127.0.0.2, 127.0.0.20"
}

teardown_file()
{
	stop_daemon
}

@test "CVE-2005-3534 a READ as long as a buffer is exact, a longer one refused" {
	raw CVE_2005_3534
}

@test "CVE-2011-0530 a WRITE as long as a buffer arrives whole, a longer one nowhere" {
	raw CVE_2011_0530
}

@test "CVE-2011-1925 naming an export that is not there harms nobody" {
	raw CVE_2011_1925
}

@test "CVE-2013-6410 an address that only begins like an allowed one is not allowed" {
	raw CVE_2013_6410
}

@test "CVE-2013-7441 hanging up at any byte of the negotiation ends nobody else's" {
	raw CVE_2013_7441
}

@test "CVE-2015-0847 signals at any moment stop nobody" {
	raw CVE_2015_0847
}

@test "CVE-2017-7539 data that nobody expects, and late, is thrown away in step" {
	raw CVE_2017_7539
}

@test "CVE-2017-9524 a port scan ends nobody" {
	raw CVE_2017_9524
}

@test "CVE-2017-15118 names of any length have their place, or are refused" {
	raw CVE_2017_15118
}

@test "CVE-2017-15119 an option of gigabytes is not read" {
	raw CVE_2017_15119
}

@test "CVE-2019-14850 a connection alone makes the server open nothing" {
	raw CVE_2019_14850
}

@test "CVE-2019-14851 options in any order, before any end, are answered" {
	raw CVE_2019_14851
}

@test "CVE-2020-10761 a refusal is no longer than a text may be, however long the name" {
	raw CVE_2020_10761
}

@test "CVE-2021-3716 what was agreed on in clear is forgotten in TLS" {
	raw CVE_2021_3716 pki="$PKI"
}

@test "CVE-2022-26495 a name of 0xffffffff bytes is refused" {
	raw CVE_2022_26495
}

@test "CVE-2022-26496 a name longer than its option is refused, and the next option read" {
	raw CVE_2022_26496
}

@test "CVE-2025-47711 the status of 2^32 - 1 bytes of a hole that goes on is told" {
	raw CVE_2025_47711
}

@test "CVE-2025-47712 the status of nearly 2^32 bytes is told where blocks are whole" {
	raw CVE_2025_47712
}

# With a daemon of its own.  It ends with 1, since some were not answered.
@test "CVE-2024-7409 clients that keep their sockets open neither keep nor harm a server that stops" {
	local status=0

	protocol_daemon --drain-timeout=4
	raw CVE_2024_7409
	wait "$DAEMON" || status=$?
	DAEMON=
	[ "$status" -eq 1 ] || { echo "ended with $status"; cat "$LOG"; false; }
	grep -q " stopped " "$LOG"
	if grep -E "Sanitizer|runtime error" "$LOG"; then
		false
	fi
}
