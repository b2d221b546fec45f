#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# What holds in one style of headers holds in the others: the cases of other
# files, but for those about the headers themselves, once more.

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

# What is only said of simple replies, and what needs a daemon of its own.
REQUESTS="TX_03 TX_12 RD_12 RD_13 SZ_06"
WRITES="WR_10 WR_11"
ORDER="DI_05 DI_07 DI_08 FL_07 FL_10"

@test "requests are served and refused alike with structured replies" {
	all requests structured "$REQUESTS"
}

@test "requests are served and refused alike with extended headers" {
	all requests extended "$REQUESTS" TX_01 TX_08
}

@test "writes are the same with structured replies" {
	all writes structured "$WRITES"
}

@test "writes are the same with extended headers" {
	all writes extended "$WRITES"
}

@test "order and the end are the same with structured replies" {
	all order structured "$ORDER"
}

@test "order and the end are the same with extended headers" {
	all order extended "$ORDER"
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

@test "requests of all kinds in flight do what each would do alone, in every style" {
	for style in simple structured extended; do
		raw mixed_requests style=$style
	done
}
