#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Sections L, N, W, X, AA: requests and replies, READ, sizes, errors, baseline; of U,
# Y and Z what holds without structured replies.

load helper
load lib/protocol

setup_file()
{
	protocol_daemon
}

teardown_file()
{
	stop_daemon
}

@test "TX-01 a wrong request magic ends the connection" {
	raw TX_01
}

@test "TX-02 cookies come back bit-exact" {
	raw TX_02
}

@test "TX-03 two requests in flight with one cookie get two replies" {
	raw TX_03
}

@test "TX-04 only a READ without error has a payload after its reply" {
	raw TX_04
}

@test "TX-05 unknown commands get EINVAL, not a close" {
	raw TX_05
}

@test "TX-06 unknown commands have no payload, whatever length they claim" {
	raw TX_06
}

@test "TX-07 an unknown flag gets EINVAL; a WRITE's payload is skipped" {
	raw TX_07
}

@test "TX-08 a flag that is not the command's gets EINVAL" {
	raw TX_08
}

@test "TX-09 requests in 28 segments, and 100 in one, are answered" {
	raw TX_09
}

@test "TX-10 4096 READs whose replies wait are all answered, in bounded memory" {
	raw TX_10
}

@test "TX-11 an end in a header, payload or reply harms nobody; half a WRITE changes nothing" {
	raw TX_11
}

@test "RD-01 READ gives exactly the bytes, also unaligned, one, and the last" {
	raw RD_01
}

@test "RD-03 READ of 0 bytes gets a reply" {
	raw RD_03
}

@test "RD-04 READ past the end gets EINVAL and no payload" {
	raw RD_04
}

@test "RD-05 READ at offsets that overflow 64 bits gets EINVAL" {
	raw RD_05
}

@test "RD-16 READ of 32 MiB, and of the 64 MiB that are accepted, works" {
	raw RD_16
}

@test "RD-17 READ of 4 GiB is refused, and costs no memory" {
	raw RD_17
}

@test "RD-18 READ with FUA works where FUA is offered" {
	raw RD_18
}

@test "RD-19 READ of an image that was truncated gets EIO, and others go on" {
	raw RD_19
}

@test "SZ-01 without block sizes, requests of 1 byte and of 32 MiB work" {
	raw SZ_01
}

@test "SZ-02 what is not aligned to an advertised minimum gets EINVAL" {
	raw SZ_02
}

@test "SZ-03 who did not ask for the block sizes never corrupts data" {
	raw SZ_03
}

@test "SZ-04 requests of exactly the advertised maximum work" {
	raw SZ_04
}

@test "SZ-05 requests above the maximum, up to 32 MiB, get an error or more" {
	raw SZ_05
}

@test "ER-01 errors are those that the specification asks for" {
	raw ER_01
}

@test "ER-02 EOVERFLOW is only for over-long commands without payload" {
	raw ER_02
}

@test "ER-03 ENOTSUP is only for FAST_ZERO" {
	raw ER_03
}

@test "ER-04 ENOMEM is not how ordinary limits are reported" {
	raw ER_04
}

@test "BL-01 the baseline works with default settings" {
	raw BL_01
}

@test "BL-02 EXPORT_NAME, FLUSH and FUA work, and nobody must ask for sizes" {
	raw BL_02
}

@test "BS-08 BLOCK_STATUS without a context gets EINVAL, not a close" {
	raw BS_08
}

@test "EX-15 bit 12 of the flags is clear without extended headers" {
	raw EX_15
}

@test "RZ-01 RESIZE, which is not offered, gets EINVAL and changes nothing" {
	raw RZ_01
}
