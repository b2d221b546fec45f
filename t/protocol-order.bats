#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Sections P and Q: DISC, FLUSH, FUA, and what must come before what.

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

@test "DI-01 DISC has no reply; the connection ends" {
	raw DI_01
}

@test "DI-02 DISC behind 64 WRITEs and 64 READs: all are answered before it" {
	raw DI_02
}

@test "DI-03 DISC with flags, an offset or a length ends the connection too" {
	raw DI_03
}

@test "DI-04 what comes after DISC is ignored" {
	raw DI_04
}

@test "DI-06 no ordinary error ends the connection" {
	raw DI_06
}

@test "FL-01 FLUSH is answered after what was written before it is persistent" {
	raw FL_01
}

@test "FL-02 FLUSH with an offset or a length does not end the connection" {
	raw FL_02
}

@test "FL-03 FLUSH is answered, whether offered or not" {
	raw FL_03
}

@test "FL-04 FLUSH of a read-only export succeeds" {
	raw FL_04
}

@test "FL-05 FLUSH on one connection covers what another has written" {
	raw FL_05
}

@test "FL-06 what one connection has flushed, or written with FUA, others see" {
	raw FL_06
}

@test "FL-08 FUA is accepted with every command where it is offered" {
	raw FL_08
}

@test "FL-09 WRITE_ZEROES and TRIM with FUA are persistent before their reply" {
	raw FL_09
}
