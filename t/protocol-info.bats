#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Sections G, H, K: INFO and GO, what they say, the transmission flags.

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

@test "IG-01 INFO gives NBD_INFO_EXPORT and an ACK, and the haggling goes on" {
	raw IG_01
}

@test "IG-02 GO is followed by no padding, also without NO_ZEROES" {
	raw IG_02
}

@test "IG-03 an unknown name gets ERR_UNKNOWN alone; a second GO works" {
	raw IG_03
}

@test "IG-04 the empty name is the default export, or unknown" {
	raw IG_04
}

@test "IG-05 a name longer than the option is invalid, in sync" {
	raw IG_05
}

@test "IG-06 a name of 0xffffffff bytes is invalid, or ends the connection" {
	raw IG_06
}

@test "IG-07 INFO and GO with less than 6 bytes are invalid, in sync" {
	raw IG_07
}

@test "IG-08 a count of requests that does not fit the option is invalid" {
	raw IG_08
}

@test "IG-09 unknown information requests are ignored" {
	raw IG_09
}

@test "IG-10 an information asked for twice is given once, or is invalid" {
	raw IG_10
}

@test "IG-11 INFO and then GO of the same give the same" {
	raw IG_11
}

@test "IG-12 a name of 4096 bytes is unknown, a longer one an error" {
	raw IG_12
}

@test "IG-13 INFO and GO never take a name for another that is like it" {
	raw IG_13
}

@test "IG-14 INFO of one export and GO of another give the other" {
	raw IG_14
}

@test "IG-15 INFO and GO report the same size, which is the image's" {
	raw IG_15
}

@test "IG-16 who asks for the block size never gets ERR_BLOCK_SIZE_REQD" {
	raw IG_16
}

@test "IG-17 ERR_BLOCK_SIZE_REQD comes after the block sizes" {
	raw IG_17
}

@test "IG-18 an export with default block sizes never requires asking" {
	raw IG_18
}

@test "IG-19 a request in GO's segment is served after the ACK" {
	raw IG_19
}

@test "IG-20 GO that is denied gets ERR_POLICY or ERR_UNKNOWN, not a close" {
	raw IG_20
}

@test "IG-21 30,000 information requests are handled in time and memory" {
	raw IG_21
}

@test "IT-01 NBD_INFO_EXPORT is 12 bytes" {
	raw IT_01
}

@test "IT-02 NBD_INFO_NAME is the name that LIST gives" {
	raw IT_02
}

@test "IT-03 NBD_INFO_DESCRIPTION is the description that LIST gives" {
	raw IT_03
}

@test "IT-04 NBD_INFO_BLOCK_SIZE is 14 bytes" {
	raw IT_04
}

@test "IT-05 block sizes other than the default are sent to who asks" {
	raw IT_05
}

@test "IT-06 each information type comes once at most" {
	raw IT_06
}

@test "IT-07 the minimum block is a power of two of at most 64 KiB" {
	raw IT_07
}

@test "IT-08 the preferred block is a power of two, not below the minimum" {
	raw IT_08
}

@test "IT-09 the maximum payload is at least the preferred block, and 1 MiB" {
	raw IT_09
}

@test "IT-10 the size is a multiple of the minimum block" {
	raw IT_10
}

@test "TF-01 HAS_FLAGS is set for every export, however entered" {
	raw TF_01
}

@test "TF-02 a read-only export says so, and all ways of writing get EPERM" {
	raw TF_02
}

@test "TF-03 what the flags offer works" {
	raw TF_03
}

@test "TF-04 FAST_ZERO is offered only together with WRITE_ZEROES" {
	raw TF_04
}

@test "TF-06 exports whose connections share one cache offer CAN_MULTI_CONN" {
	raw TF_06
}

@test "TF-08 EXPORT_NAME, INFO and GO give the same flags" {
	raw TF_08
}

@test "TF-09 flags that have no meaning are clear" {
	raw TF_09
}

@test "TF-10 a command that is not offered gets an error, in sync" {
	raw TF_10
}

@test "TF-11 ROTATIONAL is set only where the device under the image says so" {
	raw TF_11
}
