#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Section J: metadata contexts.

load helper
load lib/protocol

setup_file()
{
	protocol_daemon --default-export=ro
	add_sparse_exports
}

teardown_file()
{
	stop_daemon
}

@test "MC-01 LIST_META in the simple style is refused, in sync" {
	raw MC_01
}

@test "MC-02 SET_META in the simple style is refused, and selects nothing" {
	raw MC_02
}

@test "MC-03 LIST_META without queries lists every context" {
	raw MC_03
}

@test "MC-04 LIST_META of 'base:' lists base:allocation" {
	raw MC_04
}

@test "MC-05 LIST_META of 'base:allocation' lists exactly that" {
	raw MC_05
}

@test "MC-06 LIST_META gives no ids" {
	raw MC_06
}

@test "MC-07 queries of an unknown namespace are ignored" {
	raw MC_07
}

@test "MC-08 unknown contexts of known namespaces are ignored" {
	raw MC_08
}

@test "MC-09 SET_META of 'base:' selects nothing" {
	raw MC_09
}

@test "MC-10 SET_META of 'base:allocation' selects it" {
	raw MC_10
}

@test "MC-11 SET_META without queries selects nothing" {
	raw MC_11
}

@test "MC-12 SET_META forgets what was selected before, also when it fails" {
	raw MC_12
}

@test "MC-13 SET_META is for its own export only" {
	raw MC_13
}

@test "MC-14 a query longer than the option is invalid, and clears" {
	raw MC_14
}

@test "MC-15 lengths and counts that do not fit are invalid, at once" {
	raw MC_15
}

@test "MC-16 a query without a colon is invalid, or ignored" {
	raw MC_16
}

@test "MC-17 an unknown export gets an error, in sync" {
	raw MC_17
}

@test "MC-18 a context asked for twice is selected once; ids are unique" {
	raw MC_18
}

@test "MC-19 names of contexts are of namespaces that are registered" {
	raw MC_19
}

@test "MC-20 many queries: a right answer or ERR_TOO_BIG, and above the handshake's 128 KiB a close" {
	raw MC_20
}

@test "MC-21 long queries and those with a NUL are invalid or ignored, in sync" {
	raw MC_21
}

@test "MC-22 bytes after the last query are invalid" {
	raw MC_22
}

@test "MC-24 the default export's contexts go with the name they were set for" {
	raw MC_24 default=ro
}

@test "MC-25 'qemu:' is a wildcard of LIST_META, and selects nothing" {
	raw MC_25
}
