#!/usr/bin/env bats
# nbdmux-ls --prometheus: right to the letter for a strict reader, and true.

bats_require_minimum_version 1.5.0
load helper

setup()
{
	cd "$BATS_TEST_TMPDIR" || return
	truncate -s 8M image
}

teardown()
{
	stop_daemon
}

# metrics [NAME...]: into the file metrics, after both judges have read them.
metrics()
{
	nbdmux-ls --prometheus "$@" >metrics
	/usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/prometheus.py" <metrics
	if command -v promtool >/dev/null; then
		run promtool check metrics <"$PWD/metrics"
		[ "$status$output" = 0 ] || { echo "$output"; return 1; }
	fi
}

# value SAMPLE: of "nbdmux_x{...}", as it is written.
value()
{
	awk -v sample="$1" '$1 == sample { print $2 }' metrics
}

# is SAMPLE VALUE...
is()
{
	while [ $# -gt 0 ]; do
		[ "$(value "$1")" = "$2" ] ||
		    { echo "$1 is $(value "$1"), not $2"; return 1; }
		shift 2
	done
}

# talk SCRIPT: Python with the connected libnbd handle h.
talk()
{
	/usr/bin/python3 -c "import nbd, os, sys, time
h = nbd.NBD()
h.connect_uri(sys.argv[1])
$1" "nbd://127.0.0.1:$PORT/disk"
}

@test "what clients do is counted, per export and in all" {
	setup_daemon
	add_export disk "$PWD/image" rw
	talk 'h.pwrite(b"x" * 8192, 0)
for i in range(5): h.pread(4096, i * 4096)
h.flush()
try: h.trim(512, 1 << 40)
except nbd.Error: pass
h.set_strict_mode(0)
try: h.pread(512, 1 << 40)
except nbd.Error: pass
h.shutdown()'
	wait_for 5 grep -q disconnected "$LOG"
	metrics
	for prefix in nbdmux_ nbdmux_export_; do
		label='' only=''
		[ $prefix = nbdmux_ ] || { label='export="disk",' only='{export="disk"}'; }
		is "${prefix}requests_total{${label}command=\"read\"}" 6 \
		    "${prefix}requests_total{${label}command=\"write\"}" 1 \
		    "${prefix}requests_total{${label}command=\"flush\"}" 1 \
		    "${prefix}request_errors_total$only" 1 \
		    "${prefix}read_bytes_total$only" 20480 \
		    "${prefix}written_bytes_total$only" 8192 \
		    "${prefix}request_duration_seconds_count$only" 8
	done
	is 'nbdmux_export_clients{export="disk"}' 0 nbdmux_clients 0 nbdmux_up 1
}

@test "the gauges say what is there now" {
	setup_daemon --workers=7
	add_export disk "$PWD/image"
	put_export bad "$PWD/nowhere"
	truncate -s 9M other
	mv other image
	wait_for 10 answers bad
	talk 'h.pread(512, 0)
sys.stdout.flush()
os.system("nbdmux-ls --prometheus >with")'
	mv with metrics
	is 'nbdmux_export_clients{export="disk"}' 1 nbdmux_clients 1
	metrics
	is 'nbdmux_exports{status="ready"}' 2 'nbdmux_exports{status="failed"}' 1 \
	    'nbdmux_export_status{export="bad",status="failed"}' 1 \
	    'nbdmux_export_generation{export="disk"}' 2 \
	    'nbdmux_export_generation{export="bad"}' 0 \
	    'nbdmux_export_size_bytes{export="disk"}' 9437184 \
	    nbdmux_workers 7 nbdmux_workers_busy 0 nbdmux_workers_queued 0
	grep -q 'nbdmux_loop_lag_seconds{loop="0"} 0\.0' metrics
	grep -q 'nbdmux_build_info{version="[0-9.]*"} 1' metrics
	[ "$(value nbdmux_start_time_seconds)" -gt 1700000000 ]
}

@test "a slow disk shows in the histogram, in the workers and not in the loops" {
	load lib/livetest
	head -c 8M /dev/urandom >image
	setup_dirs
	faulty
	start_daemon --workers=3
	add_export disk "$DIR/image"
	printf 'preadv2 EAGAIN */image\npread delay=700 */image\n' >faults.new
	mv faults.new "$DIR/faults"
	talk 'buf = [nbd.Buffer(4096) for i in range(8)]
for i in range(8): h.aio_pread(buf[i], i * 65536)
while h.aio_in_flight() > 7: h.poll(-1)
os.system("nbdmux-ls --prometheus >busy")
while h.aio_in_flight() > 0: h.poll(-1)
h.shutdown()'
	mv busy metrics
	[ "$(value nbdmux_workers_busy)" -ge 1 ]
	[ "$(value nbdmux_workers_queued)" -ge 1 ]
	metrics disk
	is 'nbdmux_export_request_duration_seconds_bucket{export="disk",le="0.524288"}' 0 \
	    'nbdmux_export_request_duration_seconds_count{export="disk"}' 8
	awk '$1 == "nbdmux_export_request_duration_seconds_sum{export=\"disk\"}" &&
	    $2 > 5 { found = 1 } END { exit !found }' metrics
	is nbdmux_workers_busy 0 nbdmux_workers_queued 0
}

@test "in all nothing is forgotten when an export goes" {
	setup_daemon
	add_export disk "$PWD/image"
	talk 'h.pread(65536, 0)
h.shutdown()'
	rm "$SPOOL/disk.ini"
	gone() { ! nbdmux-ls disk >/dev/null 2>&1; }
	wait_for 10 gone
	metrics
	is nbdmux_read_bytes_total 65536 nbdmux_request_duration_seconds_count 1
	run ! grep 'export="disk"' metrics
	# Another one in its place begins with nothing.
	add_export disk "$PWD/image"
	metrics
	is 'nbdmux_export_read_bytes_total{export="disk"}' 0 nbdmux_read_bytes_total 65536
}

@test "only the exports that are named are listed" {
	setup_daemon
	add_export one "$PWD/image"
	add_export two "$PWD/image"
	metrics one
	grep -q '{export="one"' metrics
	run ! grep -E '{export="(two|probe)"' metrics
	run nbdmux-ls --prometheus three
	[ "$status" -eq 3 ]
	run nbdmux-ls -w --prometheus
	[ "$status" -eq 2 ]
}

@test "without a daemon there are no counters, and it is down" {
	setup_dirs
	put_export disk "$PWD/image"
	metrics 2>/dev/null
	is nbdmux_up 0 'nbdmux_exports{status="unserved"}' 1
	run ! grep _total metrics
}

@test "the metrics are those of nbdmux-ls(8)" {
	setup_daemon
	metrics
	sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' metrics | sort >got
	sed -n '/^\.Ss Metrics/,/^\.Sh ENV/p' "$BATS_TEST_DIRNAME/../man/nbdmux-ls.8" |
	    grep -oE 'nbdmux_[a-z_]*[a-z]' | grep -v '^nbdmux_export$' | sort -u >page
	# The page says of the counters once that each export has them.
	grep -vE '^nbdmux_export_(request|read_|written_)' got | diff -u page -
	sed -n 's/^nbdmux_export_\(request.*\|read_.*\|written_.*\)/nbdmux_\1/p' got >again
	[ "$(wc -l <again)" -eq 5 ]
	[ "$(sort again got | uniq -d | wc -l)" -eq 5 ]
}
