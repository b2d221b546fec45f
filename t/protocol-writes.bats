#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Sections O, R, S, T: WRITE, TRIM, CACHE, WRITE_ZEROES.

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

@test "WR-01 what is written is read back and in the image, nothing else is" {
	raw WR_01
}

@test "WR-02 WRITE of 0 bytes gets a reply" {
	raw WR_02
}

@test "WR-03 WRITE past the end gets ENOSPC, and the image does not grow" {
	raw WR_03
}

@test "WR-04 WRITE to a read-only export gets EPERM, payload skipped" {
	raw WR_04
}

@test "WR-05 WRITE at offsets that overflow 64 bits writes nothing" {
	raw WR_05
}

@test "WR-06 WRITE with FUA is persistent before its reply" {
	raw WR_06
}

@test "WR-07 FUA is refused where it is not offered, and honoured elsewhere" {
	raw WR_07
}

@test "WR-08 WRITE of 32 MiB, and of the 64 MiB that are accepted, works" {
	raw WR_08
}

@test "WR-09 WRITE above the maximum: EINVAL up to 1 GiB, a close beyond" {
	raw WR_09
}

@test "TR-01 TRIM succeeds and leaves its neighbours alone" {
	raw TR_01
}

@test "TR-02 TRIM past the end gets EINVAL" {
	raw TR_02
}

@test "TR-03 TRIM of a read-only export gets EPERM" {
	raw TR_03
}

@test "TR-04 TRIM of 0 bytes gets a reply" {
	raw TR_04
}

@test "TR-05 TRIM of 4 GiB and of a whole export does not end the connection" {
	raw TR_05
}

@test "TR-06 TRIM that is not aligned leaves its neighbours alone" {
	raw TR_06
}

@test "CA-01 CACHE changes nothing that is read" {
	raw CA_01
}

@test "CA-02 CACHE with a flag that it does not have gets EINVAL" {
	raw CA_02
}

@test "CA-03 CACHE past the end gets EINVAL" {
	raw CA_03
}

@test "CA-04 CACHE gets a reply whether it is offered or not" {
	raw CA_04
}

@test "WZ-01 WRITE_ZEROES zeroes its range and nothing else" {
	raw WZ_01
}

@test "WZ-02 WRITE_ZEROES with NO_HOLE leaves its range allocated" {
	raw WZ_02
}

@test "WZ-03 WRITE_ZEROES past the end gets ENOSPC" {
	raw WZ_03
}

@test "WZ-04 WRITE_ZEROES of a read-only export gets EPERM" {
	raw WZ_04
}

@test "WZ-05 WRITE_ZEROES of 0 bytes gets a reply" {
	raw WZ_05
}

@test "WZ-06 FAST_ZERO zeroes, or gets ENOTSUP and changes nothing" {
	raw WZ_06
}

@test "WZ-07 without FAST_ZERO nothing gets ENOTSUP" {
	raw WZ_07
}

@test "WZ-08 FAST_ZERO where it is not offered is EINVAL, never ENOTSUP" {
	raw WZ_08
}

@test "WZ-09 FAST_ZERO of a huge length does not get EOVERFLOW" {
	raw WZ_09
}

@test "WZ-10 WRITE_ZEROES of 4 GiB does not end the connection" {
	raw WZ_10
}

@test "WZ-11 WRITE_ZEROES with FUA is persistent before its reply" {
	raw WZ_11
}

@test "WZ-12 WRITE_ZEROES of 160 MiB leaves no old data, or fails" {
	raw WZ_12
}
