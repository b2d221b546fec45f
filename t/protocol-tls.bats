#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Section F, TLS, and the rules elsewhere that speak of it.

load helper
load lib/protocol
load lib/tls

setup_file()
{
	! command -v certtool >/dev/null || make_pki "$BATS_FILE_TMPDIR/pki"
}

setup()
{
	can_tls
}

teardown()
{
	stop_daemon
}

tls()
{
	raw "$1" pki="$PKI" "${@:2}"
}

# --- the server offers TLS -------------------------------------------------------

@test "TL-03 STARTTLS gets an empty ACK, then LIST works inside TLS" {
	tls_daemon
	tls TL_03
}

@test "TL-04 STARTTLS inside TLS gets ERR_INVALID" {
	tls_daemon
	tls TL_04
}

@test "TL-05 STARTTLS with data is refused in clear and in sync" {
	tls_daemon
	tls TL_05
}

@test "TL-10 a handshake that fails ends the connection without a word in clear" {
	local who

	tls_daemon
	tls TL_10
	stop_daemon
	# shellcheck disable=SC2046 # a list of words
	start_daemon $(tls_options) --tls-verify=required \
	    --tls-ca="$PKI/ca-cert.pem"
	for who in other expired -; do
		tls TL_10 who="$who"
	done
	[ "$(grep -c 'refused kind=tls' "$LOG")" -eq 6 ]
}

@test "TL-11 what comes in clear behind STARTTLS is never acted on" {
	tls_daemon
	tls TL_11
	grep 'refused kind=tls .*in clear behind STARTTLS' "$LOG"
}

@test "TL-12 structured replies that were negotiated in clear are forgotten" {
	tls_daemon
	tls TL_12
}

@test "TL-13 metadata contexts that were negotiated in clear are forgotten" {
	tls_daemon
	tls TL_13
}

@test "MC-23 STARTTLS forgets the metadata contexts" {
	tls_daemon
	tls MC_23
}

@test "TL-14 extended headers that were negotiated in clear are forgotten" {
	tls_daemon
	tls TL_14
}

@test "EX-17 STARTTLS forgets extended headers" {
	tls_daemon
	tls EX_17
}

@test "TL-15 inside TLS structured replies are negotiated again" {
	tls_daemon
	tls TL_15
}

@test "TL-16 plain newstyle gets no TLS from a server that has it" {
	tls_daemon
	tls TL_16
}

@test "TL-22 clients with TLS 1.2 alone and with 1.3 alone connect" {
	tls_daemon
	tls TL_22
}

@test "TL-23 clients with TLS 1.0 or 1.1 alone are refused" {
	tls_daemon
	tls TL_23
}

@test "TL-24 DISC inside TLS: the replies, close_notify, FIN" {
	tls_daemon
	tls TL_24
}

@test "AB-05 ABORT inside TLS: the ACK, close_notify, FIN" {
	tls_daemon
	tls AB_05
}

@test "TL-26 STARTTLS works over unix sockets and by socket activation" {
	local socket=$BATS_TEST_TMPDIR/socket

	needs systemd-socket-activate nbdinfo
	tls_daemon --listen="unix:$socket,127.0.0.1:$(free_port)"
	tls TL_26 unix="$socket"
	stop_daemon
	# shellcheck disable=SC2046 # a list of words
	systemd-socket-activate -l "$socket.2" --setenv=NBDMUX_SPOOL \
	    --setenv=NBDMUX_STATE --setenv=NBDMUX_CONF \
	    "$NBDMUX_BIN/nbdmuxd" --user="$(id -un)" --listen=systemd \
	    $(tls_options) 2>"$LOG" 3>&- &
	DAEMON=$!
	wait_for 10 test -S "$socket.2"
	run nbdinfo --size \
	    "nbds+unix://localhost/probe?socket=$socket.2&tls-certificates=$PKI/client"
	[ "$output" = 1048576 ]
	BASELINE=$(descriptors)
}

@test "TL-27 47 MiB that are read and written over TLS are intact" {
	tls_daemon
	tls TL_27
}

@test "TL-28 a client that stalls in the TLS handshake is dropped, others go on" {
	tls_daemon --handshake-timeout=3
	tls TL_28 handshake_timeout=3
}

@test "TL-29 the payload of a refused WRITE is skipped inside TLS, in sync" {
	tls_daemon
	tls TL_29
}

# --- exports that need it ----------------------------------------------------------

@test "TL-17 in clear an export that needs TLS gets ERR_TLS_REQD, others are served" {
	tls_daemon
	tls TL_17
}

@test "TL-18 in clear an unknown export is unknown" {
	tls_daemon
	tls TL_18
}

@test "TL-19 in clear only INFO, GO and EXPORT_NAME ever need TLS" {
	tls_daemon
	tls TL_19
}

@test "TL-20 in clear EXPORT_NAME of an export that needs TLS ends the connection" {
	tls_daemon
	tls TL_20
}

@test "EN-09 EXPORT_NAME of an export that needs TLS: a close and no bytes" {
	tls_daemon
	tls EN_09
}

@test "LS-08 an export that needs TLS is listed inside TLS alone" {
	tls_daemon
	tls LS_08
}

# --- the server insists ------------------------------------------------------------

@test "TL-06 with tls = required every option gets ERR_TLS_REQD, in sync" {
	tls_daemon --tls=required
	tls TL_06
}

@test "TL-07 with tls = required EXPORT_NAME ends the connection" {
	tls_daemon --tls=required
	tls TL_07
}

@test "TL-08 with tls = required GO gets ERR_TLS_REQD and no INFO" {
	tls_daemon --tls=required
	tls TL_08
}

@test "TL-09 inside TLS no option gets ERR_TLS_REQD" {
	tls_daemon
	tls TL_09
	stop_daemon
	tls_daemon --tls=required
	tls TL_09
}

@test "AB-04 with tls = required ABORT gets its ACK" {
	tls_daemon --tls=required
	tls AB_04
}

@test "reads in chunks, and requests of all kinds, are the same inside TLS" {
	tls_daemon
	add_sparse_exports
	INSIDE="inside=tls pki=$PKI"
	all structured extended OF_10 EN_08 SR_01 SR_02 SR_03 \
	    ST_06 ST_11 ST_12 RD_14
	# shellcheck disable=SC2086 # a list of words
	raw mixed_requests style=structured $INSIDE
}
