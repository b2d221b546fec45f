#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Sections A and B: the greeting, the client's flags, how options are framed.

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

@test "HS-01 the greeting is 18 bytes, and nothing follows unasked" {
	raw HS_01
}

@test "HS-02 no handshake flags but the two that are defined are set" {
	raw HS_02
}

@test "HS-03 NO_ZEROES is offered" {
	raw HS_03
}

@test "HS-04 an unknown client flag ends the connection without a byte" {
	raw HS_04
}

@test "HS-06 plain newstyle: EXPORT_NAME gives 10 + 124 bytes, then READ works" {
	raw HS_06
}

@test "HS-07 plain newstyle refuses other options or closes; never TLS" {
	raw HS_07
}

@test "HS-08 the greeting is never the oldstyle one, on any listener" {
	raw HS_08
}

@test "HS-10 a handshake of one byte per segment succeeds like a whole one" {
	raw HS_10
}

@test "HS-11 client flags and the first option may share a segment" {
	raw HS_11
}

@test "HS-12 FIN and RST at every byte of the handshake harm nobody else" {
	raw HS_12
}

@test "HS-14 no round trip waits for a delayed ACK" {
	raw HS_14
}

@test "OF-01 a wrong option magic ends the connection" {
	raw OF_01
}

@test "OF-02 every reply has the reply magic and echoes the option" {
	raw OF_02
}

@test "OF-03 an unknown option is refused and its data is skipped" {
	raw OF_03
}

@test "OF-04 PEEK_EXPORT and option 0 are unknown" {
	raw OF_04
}

@test "OF-05 options that are not implemented are refused, data skipped" {
	raw OF_05
}

@test "OF-06 endless data for an unknown option costs the server no memory" {
	raw OF_06
}

@test "OF-07 the text of every error is UTF-8 of at most 4096 bytes" {
	raw OF_07
}

@test "OF-08 twenty unwelcome options get twenty errors, not a close" {
	raw OF_08
}

@test "OF-12 options sent ahead of their time are answered one after the other" {
	raw OF_12
}
