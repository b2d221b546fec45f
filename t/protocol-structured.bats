#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Sections I and M, READ in chunks, and what else structured replies touch.

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

@test "OF-10 options that change state may come twice" {
	raw OF_10
}

@test "EN-08 EXPORT_NAME offers SEND_DF if and only if replies are structured" {
	raw EN_08
}

@test "TF-05 SEND_DF is offered if and only if replies come in chunks" {
	raw TF_05
}

@test "SR-01 STRUCTURED_REPLY gets an ACK; then READ is answered in chunks" {
	raw SR_01
}

@test "SR-02 STRUCTURED_REPLY with data is invalid, and changes nothing" {
	raw SR_02
}

@test "SR-03 STRUCTURED_REPLY again gets an ACK or ERR_INVALID, and stays" {
	raw SR_03
}

@test "ST-01 every reply is chunks with its cookie, the last one alone DONE" {
	raw ST_01
}

@test "ST-02 NONE has no payload, and is DONE" {
	raw ST_02
}

@test "ST-03 no flag but DONE is set" {
	raw ST_03
}

@test "ST-04 READ that fails gets an error chunk, and no content" {
	raw ST_04
}

@test "ST-05 errors are as the specification has them, and say why" {
	raw ST_05
}

@test "ST-07 errors of other commands come as chunks, too" {
	raw ST_07
}

@test "ST-08 success of other commands is a simple reply or NONE" {
	raw ST_08
}

@test "ST-09 replies to requests in flight mix only chunk by chunk" {
	raw ST_09
}

@test "ST-10 no chunk has more than the advertised maximum" {
	raw ST_10
}

@test "RD-02 the content covers exactly what was asked for" {
	raw RD_02
}

@test "RD-06 a data chunk has at least one byte, and its own" {
	raw RD_06
}

@test "RD-07 a hole chunk has 12 bytes, a length, and zeroes behind it" {
	raw RD_07
}

@test "RD-08 holes of the image are sent as such, and nothing else of size is" {
	raw RD_08
}

@test "RD-09 with DF there is one chunk, zeroes and all" {
	raw RD_09
}

@test "RD-10 with DF a READ of up to 64 KiB always works" {
	raw RD_10
}

@test "RD-11 with DF a READ that is too long gets EOVERFLOW, and no content" {
	raw RD_11
}

@test "RD-15 chunks start and end at multiples of 512, or with the request" {
	raw RD_15
}

@test "nobody looks for holes in a dense image, and in others not per block" {
	raw mixed_seeks
}
