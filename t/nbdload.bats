#!/usr/bin/env bats
# The load generator does what its figures are said to be of.

load helper
load lib/tls

# The built-in export probe has nbdkit's pattern, which -V knows.
setup()
{
	cd "$BATS_TEST_TMPDIR"
	NBDLOAD=$NBDMUX_BUILD/t/bench/nbdload
	TRACE=$BATS_TEST_TMPDIR/trace
	printf '%s\n' "# boot" "0 0 4096" "7 1048575 1" "9 512 300000" \
	    "20 65536 16384" "21 65536 16400" >"$TRACE"
}

teardown()
{
	[ -z "${NBDKIT:-}" ] || { kill "$NBDKIT"; wait "$NBDKIT" || :; }
	[ -z "${DAEMON:-}" ] || stop_daemon
}

# nbdload ARGUMENT...: leaves the values of its record in $got[KEY].
nbdload()
{
	local record

	record=$(timeout 60 "$NBDLOAD" --json "$@")
	echo "$record"
	declare -gA got=()
	while IFS='=' read -r key value; do
		got[$key]=$value
	done < <(/usr/bin/python3 -c 'import json, sys
for pair in json.load(sys.stdin).items():
    print("%s=%s" % pair)' <<<"$record")
}

# fails STATUS ARGUMENT...
fails()
{
	run timeout 60 "$NBDLOAD" "${@:2}"
	echo "$output"
	[ "$status" -eq "$1" ]
}

# logged ARGUMENT...: nbdkit's 1 MiB of memory, with all requests in $LOGFILE.
logged()
{
	needs nbdkit
	LOGFILE=$BATS_TEST_TMPDIR/requests
	SOCKET=$BATS_TEST_TMPDIR/socket
	nbdkit -f -U "$SOCKET" --filter=log "$@" logfile="$LOGFILE" 3>&- &
	NBDKIT=$!
	wait_for 10 test -S "$SOCKET"
}

requests()
{
	grep -cE "$1" "$LOGFILE"
}

@test "a trace is read by every connection, and its data verified" {
	setup_daemon --listen="127.0.0.1:0,unix:$BATS_TEST_TMPDIR/sock"
	for target in 127.0.0.1:$PORT "$BATS_TEST_TMPDIR/sock"; do
		for more in -d1 "-d3 -t2" "-d64 --structured"; do
			# shellcheck disable=SC2086
			nbdload --trace "$TRACE" -c 7 $more -V -P "$DAEMON" \
			    "$target" probe
			[ "${got[ops]}" -eq $((7 * 5)) ]
			[ "${got[pattern]}" = trace ]
			[ "${got[errors]}" -eq 0 ]
			[ "${got[server_peak_kib]}" -ge "${got[server_rss_kib]}" ]
			# shellcheck disable=SC2086
			nbdload --trace "$TRACE" -c 7 $more "$target" probe
			[ "${got[ops]}" -eq $((7 * 5)) ]
		done
	done
}

@test "a trace is read over TLS" {
	can_tls
	make_pki "$BATS_TEST_TMPDIR/pki"
	setup_daemon --tls=required --tls-certificate="$PKI/server-cert.pem" \
	    --tls-key="$PKI/server-key.pem"
	nbdload --trace "$TRACE" -c 3 -d 4 -V --tls="$PKI/ca-cert.pem" \
	    "127.0.0.1:$PORT" probe
	[ "${got[ops]}" -eq 15 ]
	nbdload --connect -n 5 --tls="$PKI/ca-cert.pem" "127.0.0.1:$PORT" probe
	[ "${got[conns]}" -eq 5 ]
}

@test "a trace is what the server is asked for, in its order" {
	logged memory 1M
	nbdload --trace "$TRACE" "$SOCKET"
	sed -n 's/.* Read id=[0-9]* offset=\(0x[0-9a-f]*\) count=\(0x[0-9a-f]*\) .*/\1 \2/p' \
	    "$LOGFILE" >asked
	while read -r offset length; do
		echo $((offset)) $((length))
	done <asked >decimal
	grep -v '#' "$TRACE" | cut -d ' ' -f 2- | cmp - decimal
}

@test "wrong data is noticed in a trace" {
	setup_daemon
	head -c 1M /dev/zero >"$BATS_TEST_TMPDIR/zero"
	add_export zero "$BATS_TEST_TMPDIR/zero"
	fails 1 --trace "$TRACE" -V "127.0.0.1:$PORT" zero
	[[ $output == *"wrong data at offset"* ]]
}

@test "a trace that is none, or goes beyond the export, is refused" {
	echo "3 4096" >bad
	fails 2 --trace bad /none
	[[ $output == *"bad:1: want MICROSECONDS OFFSET LENGTH"* ]]
	printf '%s\n' "0 0 1" "0 0 33554433" >bad
	fails 2 --trace bad /none
	[[ $output == *"bad:2: "* ]]
	fails 2 --trace /dev/null /none
	[[ $output == *"no request in it"* ]]
	fails 2 --trace "$TRACE" --connect /none
	fails 2 --trace "$TRACE" -o write /none

	setup_daemon
	echo "0 1048576 1" >bad
	fails 1 --trace bad "127.0.0.1:$PORT" probe
	[[ $output == *"the trace reads 1048577 bytes, the export has 1048576"* ]]
}

@test "connections are opened, read and left, one after another and many at a time" {
	setup_daemon
	for at_once in 1 20; do
		nbdload --connect -n 100 -d $at_once -V -P "$DAEMON" \
		    "127.0.0.1:$PORT" probe
		[ "${got[conns]}" -eq 100 ]
		[ "${got[at_once]}" -eq $at_once ]
		[ "${got[server_threads]}" -gt 0 ]
	done
	wait_for 5 sh -c "[ \$(grep -c ' disconnected ' '$LOG') -eq 200 ]"
	[ "$(grep -c ' connected ' "$LOG")" -eq 200 ]
	[ "$(grep ' disconnected ' "$LOG" | grep -c 'client disconnected')" -eq 200 ]
	fails 1 --connect -n 20 -d 5 "127.0.0.1:$PORT" none
	[[ $output == *'the server has no export "none"'* ]]
}

@test "idle connections are held for that long" {
	local begun=$EPOCHREALTIME

	setup_daemon
	nbdload --idle 0.3 -c 50 -P "$DAEMON" "127.0.0.1:$PORT" probe
	[ $((${EPOCHREALTIME/./} - ${begun/./})) -ge 300000 ]
	[ "${got[ops]}" -eq 50 ]
	[ "${got[server_rss_kib]}" -gt 0 ]
	[ -n "${got[idle_cpu_ms]}" ]
	[ "$(grep -c ' connected ' "$LOG")" -eq 50 ]
}

@test "writes are flushed, forced to the disk and mixed with reads as was said" {
	logged memory 1M
	nbdload -o write -n 100 -d 4 "$SOCKET"
	[ "$(requests ' Write id=.* fua=0 ')" -eq 100 ]
	[ "$(requests ' Flush id=' || :)" -eq 0 ]
	: >"$LOGFILE"
	nbdload -o write --fua -n 100 -d 4 "$SOCKET"
	[ "$(requests ' Write id=.* fua=1 ')" -eq 100 ]
	: >"$LOGFILE"
	nbdload -o write --flush 10 -c 2 -n 100 -d 4 "$SOCKET"
	[ "$(requests ' Write id=')" -eq 100 ]
	[ "$(requests ' Flush id=')" -eq "${got[flushes]}" ]
	[ "${got[flushes]}" -le 10 ]
	[ "${got[flushes]}" -ge 6 ]
	[ "${got[ops]}" -eq 100 ]
	: >"$LOGFILE"
	nbdload -o rw -n 2000 -d 16 "$SOCKET"
	[ $(($(requests ' Write id=') + $(requests ' Read id='))) -eq 2000 ]
	[ "$(requests ' Write id=')" -gt 400 ]
	[ "$(requests ' Write id=')" -lt 800 ]
}

@test "reads and writes together are verified" {
	setup_daemon
	/usr/bin/python3 -c 'import sys
sys.stdout.buffer.write(b"".join(n.to_bytes(8, "big")
    for n in range(0, 1 << 20, 8)))' >"$BATS_TEST_TMPDIR/disk"
	cp "$BATS_TEST_TMPDIR/disk" before
	add_export disk "$BATS_TEST_TMPDIR/disk" rw
	for more in "-b 4k -d 16" "-b 64k -d 4 -c 2 -t 2" "-b 20000 --structured"; do
		# shellcheck disable=SC2086
		nbdload -o rw -V --flush 50 --fua -n 1000 $more \
		    "127.0.0.1:$PORT" disk
		[ "${got[ops]}" -eq 1000 ]
		[ "${got[flushes]}" -gt 0 ]
	done
	cmp before "$BATS_TEST_TMPDIR/disk"
}

@test "what the export cannot do is not asked for" {
	logged eval get_size="echo 1M" pread="exit 1" can_write="exit 0" \
	    pwrite="cat >/dev/null" can_fua="echo none" can_flush="exit 3"
	fails 1 -o write --fua -n 10 "$SOCKET"
	[[ $output == *"knows no FUA"* ]]
	fails 1 -o write --flush 5 -n 10 "$SOCKET"
	[[ $output == *"knows no flushes"* ]]
	setup_daemon
	fails 1 -o rw -n 10 "127.0.0.1:$PORT" probe
	[[ $output == *"is read-only"* ]]
	fails 2 --fua /none
	[[ $output == *"want -o write or -o rw"* ]]
}

@test "the recorded boot is a trace, and is replayed" {
	local boot=$BATS_TEST_DIRNAME/bench/boot.trace end

	end=$(awk '!/^#/ && $2 + $3 > end { end = $2 + $3 }
	    END { printf "%d", end }' "$boot")
	setup_daemon
	truncate -s "$end" "$BATS_TEST_TMPDIR/disk"
	add_export disk "$BATS_TEST_TMPDIR/disk"
	nbdload --trace "$boot" -c 3 -d 4 "127.0.0.1:$PORT" disk
	[ "${got[ops]}" -eq $((3 * $(grep -vc '^#' "$boot"))) ]
	[[ ${got[fairness]} =~ ^[1-9][0-9]*\.[0-9]*$ ]]
}
