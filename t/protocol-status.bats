#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Sections U and V: BLOCK_STATUS and base:allocation.

load helper
load lib/protocol

setup_file()
{
	protocol_daemon
	add_sparse_exports
}

teardown_file()
{
	stop_daemon
}

@test "BS-01 there is one chunk of status for each context that was selected" {
	raw BS_01
}

@test "BS-02 extents are whole and have a length" {
	raw BS_02
}

@test "BS-03 no more extents come than the request is long" {
	raw BS_03
}

@test "BS-04 with REQ_ONE one extent comes, not longer than the request" {
	raw BS_04
}

@test "BS-05 neighbouring extents differ" {
	raw BS_05
}

@test "BS-06 extents end at multiples of 512 and of the minimum block, or with the request or the export" {
	raw BS_06
}

@test "BS-07 BLOCK_STATUS past the end gets EINVAL" {
	raw BS_07
}

@test "BS-09 BLOCK_STATUS of 0 bytes gets a reply" {
	raw BS_09
}

@test "BS-10 a fragmented image: a bounded reply, and asking on covers it all" {
	raw BS_10
}

@test "BS-11 a status of 4 GiB - 1 of a larger hole is no more than 32 bits" {
	raw BS_11
}

@test "BS-12 asking on by the lengths that came ends at the export's end" {
	raw BS_12
}

@test "BS-14 extents start where the request does, unaligned too" {
	raw BS_14
}

@test "BA-01 what is said to be zero reads as zero" {
	raw BA_01
}

@test "BA-02 a hole is HOLE and ZERO, data is neither" {
	raw BA_02
}

@test "BA-04 bits of the status that have no meaning are 0" {
	raw BA_04
}

@test "BA-05 WRITE, WRITE_ZEROES and TRIM show in the status at once" {
	raw BA_05
}
