#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Sections C, D, E: EXPORT_NAME, ABORT, LIST; of F and I what holds without TLS.

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

@test "EN-01 EXPORT_NAME with NO_ZEROES gives exactly 10 bytes" {
	raw EN_01
}

@test "EN-02 EXPORT_NAME without NO_ZEROES gives 10 bytes and 124 zeroes" {
	raw EN_02
}

@test "EN-03 EXPORT_NAME of an unknown export ends the connection" {
	raw EN_03
}

@test "EN-04 EXPORT_NAME of the empty name: the default export, or a close" {
	raw EN_04
}

@test "EN-05 long names end the connection, whatever length they claim" {
	raw EN_05
}

@test "EN-06 EXPORT_NAME never takes a name for another that is like it" {
	raw EN_06
}

@test "EN-07 a READ in EXPORT_NAME's segment is answered after it" {
	raw EN_07
}

@test "EN-10 EXPORT_NAME of an export with a minimum block never corrupts data" {
	raw EN_10
}

@test "EN-11 EXPORT_NAME that is denied ends the connection" {
	raw EN_11
}

@test "AB-01 ABORT gets one ACK, then the end of the connection" {
	raw AB_01
}

@test "AB-02 ABORT with data gets its ACK as well" {
	raw AB_02
}

@test "AB-03 ABORT and gone, by FIN or RST, harms nobody" {
	raw AB_03
}

@test "LS-01 LIST gives each export once, then an empty ACK" {
	raw LS_01
}

@test "LS-02 listed names are UTF-8 of at most 4096 bytes, inside their reply" {
	raw LS_02
}

@test "LS-03 LIST gives the description after the name" {
	raw LS_03
}

@test "LS-04 LIST with data is refused as invalid, in sync" {
	raw LS_04
}

@test "LS-05 every listed name works in INFO, GO and EXPORT_NAME" {
	raw LS_05
}

@test "LS-10 LIST twice works, and what is added and removed shows up" {
	raw LS_10
}

@test "TL-01 without TLS, STARTTLS is refused and the haggling goes on" {
	raw TL_01
}

@test "TL-02 without TLS no option gets ERR_TLS_REQD" {
	raw TL_02
}

@test "SR-04 without structured replies every reply is a simple one" {
	raw SR_04
}

@test "SR-05 SEND_DF is not offered without structured replies" {
	raw SR_05
}

@test "TL-16 plain newstyle never gets as far as TLS" {
	raw TL_16
}

@test "EX-18 GO without extended headers is never refused for that" {
	raw EX_18
}
