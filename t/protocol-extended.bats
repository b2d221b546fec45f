#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Section Y: extended headers.

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

@test "EX-01 EXTENDED_HEADERS gets an ACK; headers are then of 32 bytes" {
	raw EX_01
}

@test "EX-02 EXTENDED_HEADERS with data is invalid, and changes nothing" {
	raw EX_02
}

@test "EX-03 it works without structured replies, and takes precedence" {
	raw EX_03
}

@test "EX-04 STRUCTURED_REPLY afterwards gets ERR_EXT_HEADER_REQD" {
	raw EX_04
}

@test "EX-05 INFO and GO work afterwards" {
	raw EX_05
}

@test "EX-06 EXPORT_NAME afterwards ends the connection" {
	raw EX_06
}

@test "EX-07 every reply is an extended chunk with the request's offset" {
	raw EX_07
}

@test "EX-08 a WRITE has its payload; without PAYLOAD_LEN too, as QEMU's" {
	raw EX_08
}

@test "EX-09 a payload that a command has not got is skipped, with EINVAL" {
	raw EX_09
}

@test "EX-10 a payload longer than what is accepted ends the connection" {
	raw EX_10
}

@test "EX-11 commands without a payload take more than 32 bits of length" {
	raw EX_11
}

@test "EX-12 BLOCK_STATUS is told in extents of 64 bits" {
	raw EX_12
}

@test "EX-13 the upper half of the status is 0" {
	raw EX_13
}

@test "EX-14 BLOCK_STATUS with a payload selects contexts; a wrong one is skipped" {
	raw EX_14
}

@test "EX-16 SEND_DF is offered with extended headers, and DF works" {
	raw EX_16
}

@test "EX-19 READ of more than 32 bits is refused, or answered right" {
	raw EX_19
}

@test "EX-20 LIST_META and SET_META take extended headers for structured replies" {
	raw EX_20
}

@test "EX-21 a compact request after the negotiation ends the connection" {
	raw EX_21
}

@test "TF-07 BLOCK_STATUS_PAYLOAD is offered with extended headers and a context only" {
	raw TF_07
}
