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

# all FILE-OF-RULES STYLE [CASE...]: all of its cases but these, in that style.
all()
{
	local name ran=0 file=$1 style=$2

	while read -r name; do
		[[ " ${*:3} " != *" $name "* ]] || continue
		(raw "$name" style="$style")
		ran=$((ran + 1))
	done < <(sed -n 's/^def \([A-Z][A-Z]_[0-9][0-9]\)(.*/\1/p' \
	    "$BATS_TEST_DIRNAME/lib/rules/$file.py")
	[ "$ran" -gt 10 ]
}

@test "what holds of structured replies holds of extended headers" {
	# the negotiation, what needs faults, and EXPORT_NAME
	all structured extended OF_10 EN_08 SR_01 SR_02 SR_03 \
	    ST_06 ST_11 ST_12 RD_14
}

@test "metadata contexts and their status are the same with extended headers" {
	all meta extended MC_01 MC_02 MC_24
	all status extended BS_11 BS_13 BA_03
}
