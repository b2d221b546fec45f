#!/usr/bin/env bats
# nbdmuxd --stdio NAME: one export for one client on standard input and output,
# as inetd, ssh, other programs' tests and fuzzers run it.

bats_require_minimum_version 1.5.0
load helper

setup()
{
	cd "$BATS_TEST_TMPDIR" || return
	setup_dirs
	truncate -s 4M image
	put_export disk "$PWD/image" rw
	USER_OPTION=--user=$(id -un)
}

teardown()
{
	stop_daemon
}

# stdio CASE [OPTION...]: a case of t/lib/nbdstdio.py on the export "disk".
stdio()
{
	timeout 120 /usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/nbdstdio.py" \
	    "$1" disk "$USER_OPTION" "${@:2}"
}

# fails WORDS [OPTION...] NAME: exit status 1 and one line that has the words.
fails()
{
	run --separate-stderr nbdmuxd "$USER_OPTION" "${@:2:$#-2}" \
	    --stdio "${!#}" </dev/null
	[ "$status" -eq 1 ]
	[ -z "$output" ]
	# shellcheck disable=SC2154 # run's
	[ "${#stderr_lines[@]}" -eq 1 ]
	# shellcheck disable=SC2154 # run's
	[[ $stderr == "nbdmuxd: cannot serve \"${!#}\" on standard input and output: "* ]]
	[[ $stderr == *"$1"* ]]
}

# --- clients -------------------------------------------------------------------

@test "--stdio serves an export over pipes, and ends with 0 after NBD_CMD_DISC" {
	stdio soft_disconnect
}

@test "--stdio serves libnbd's connect_command" {
	/usr/bin/python3 -c 'import nbd' || needs python3-libnbd
	# Random bytes that no other test has left in the page cache.
	head -c 4M /dev/urandom >wanted
	/usr/bin/python3 - "$USER_OPTION" <<-'END'
	import sys, nbd
	h = nbd.NBD()
	h.set_export_name("disk")
	h.connect_command(["nbdmuxd", sys.argv[1], "--stdio", "disk"])
	assert h.get_size() == 4 << 20
	assert not h.is_read_only()
	data = open("wanted", "rb").read()
	h.pwrite(data, 0)
	h.flush()
	assert h.pread(4 << 20, 0) == data
	assert h.pread(777, 12345) == data[12345:12345 + 777]
	h.shutdown()
	END
	cmp wanted image
}

@test "--stdio serves each client of systemd-socket-activate --inetd" {
	needs nbdcopy nbdinfo systemd-socket-activate
	head -c 4M /dev/urandom >image
	systemd-socket-activate --inetd -a -l "$PWD/socket" \
	    --setenv=NBDMUX_SPOOL --setenv=NBDMUX_CONF \
	    "$NBDMUX_BIN/nbdmuxd" "$USER_OPTION" --stdio disk 2>log 3>&- &
	activate=$!
	wait_for 10 [ -S socket ]
	nbdinfo --list "nbd+unix:///?socket=$PWD/socket" | grep '^export='
	nbdcopy "nbd+unix:///disk?socket=$PWD/socket" copy
	kill "$activate"
	cmp image copy
	grep 'connected client=unix export=disk' log
}

@test "--stdio serves a socket that is all three descriptors, as inetd's" {
	stdio all_three_descriptors
}

@test "--stdio answers a recorded conversation from a file, the same each time" {
	stdio files
}

@test "--stdio streams large requests through a pipe" {
	stdio large_requests
}

@test "--stdio writes to a pipe that it cannot open again" {
	# Another user's pipe is such a one: /proc/self/fd/1 does not open.
	needs unshare mount
	unshare --mount --map-root-user true 2>/dev/null ||
	    skip "mount namespaces are not allowed here"
	! grep -q __asan_init "$NBDMUX_BIN/nbdmuxd" ||
	    skip "a sanitizer cannot do without /proc"
	# shellcheck disable=SC2016 # for the shell inside
	unshare --mount --map-root-user sh -c 'mount -t tmpfs none /proc &&
	    exec timeout 100 /usr/bin/python3 -B "$@"' sh \
	    "$BATS_TEST_DIRNAME/lib/nbdstdio.py" \
	    a_pipe_that_cannot_be_reopened disk "--user=root"
}

@test "--stdio leaves the flags of what it was given alone" {
	stdio leaves_flags_alone
}

# --- ends ------------------------------------------------------------------------

@test "--stdio ends with 0 when the input ends anywhere" {
	stdio end_of_input_anywhere
}

@test "--stdio answers what came before the end of the input" {
	stdio answered_after_the_end
}

@test "--stdio ends with 0 when the client reads no more and is gone" {
	stdio reader_gone
}

@test "--stdio ends with 0 after bytes that are no NBD, and logs the reason" {
	stdio rubbish
}

@test "--stdio gives a handshake handshake-timeout" {
	stdio silent_client
}

@test "--stdio ends in order at SIGTERM" {
	stdio sigterm
}

# --- what it serves ---------------------------------------------------------------

@test "--stdio serves its export alone, which is also the default one" {
	put_export other "$PWD/image"
	echo 'default-export = other' >>"$NBDMUX_CONF"
	stdio only_its_export
}

@test "--stdio serves the built-in probe, unless the configuration says no" {
	needs qemu-img
	run --separate-stderr nbdmuxd "$USER_OPTION" --stdio probe </dev/null
	[ "$status" -eq 0 ]
	fails "no such export" --probe=no probe
}

@test "--stdio reads its own entry of the spool and no other" {
	for i in {1..50}; do
		echo rubbish >"$SPOOL/bad$i.ini"
	done
	needs strace
	ASAN_OPTIONS=detect_leaks=0 strace -f -o trace nbdmuxd "$USER_OPTION" --stdio disk </dev/null >greeting
	[ "$(stat -c %s greeting)" -eq 18 ]
	grep -F 'disk.ini' trace
	run grep -E 'bad[0-9]+.ini' trace
	[ "$status" -eq 1 ]
}

@test "--stdio takes no lock: it runs beside a daemon and others of its kind" {
	needs nbdinfo
	start_daemon
	wait_for 10 answers disk
	stdio soft_disconnect
	stdio several
	nbdinfo --size "nbd://127.0.0.1:$PORT/disk"
}

@test "--stdio makes and needs no state directory" {
	stdio soft_disconnect -S /nowhere/state
	[ ! -e "$STATE" ]
}

@test "--stdio keeps to allow: a socket's address counts, pipes are admitted" {
	put_export disk "$PWD/image" rw "allow = 192.0.2.0/24"
	stdio address_refused
}

@test "--stdio takes a client that has gone before it began for no other one" {
	put_export disk "$PWD/image" rw "allow = 192.0.2.0/24"
	stdio gone_before
}

# --- refusals ----------------------------------------------------------------------

@test "--stdio says in one line why an export cannot be served" {
	fails "no such export: $SPOOL/nope.ini does not exist" nope
	printf '[export]\nimage = %s\nmod = rw\n' "$PWD/image" >"$SPOOL/bad.ini"
	fails "in $SPOOL: bad.ini:3: " bad
	put_export gone "$PWD/none"
	fails "\"$PWD/none\"" gone
	fails "must begin with a letter or digit" ../disk
	fails "cannot open the spool /nowhere" -s /nowhere disk
	fails "option --max-queued" --max-queued=0 disk
	echo 'mode = maybe' >>"$SPOOL/disk.ini"
	fails "disk.ini:4: " disk
}

@test "--stdio has no TLS, and refuses what requires it" {
	put_export secret "$PWD/image" ro "tls = require"
	fails "secret.ini in $SPOOL says \"tls = require\", and --stdio has no TLS" \
	    secret
	if nbdmuxd -t "$USER_OPTION" --tls=on --tls-psk-file=/dev/null 2>&1 |
	    grep "built without"; then
		skip "built without TLS"
	fi
	fails '"tls" is required, and --stdio has no TLS' --tls=required \
	    --tls-psk-file=/dev/null disk
}

@test "--stdio obeys image-dirs" {
	mkdir images
	fails "image-dirs" "--image-dirs=$PWD/images" disk
}

@test "--stdio says what it refuses as input or output" {
	stdio refused_descriptors
}

@test "--stdio tells a client on all three descriptors nothing about its start" {
	rm "$SPOOL/disk.ini"
	run stdio failing_start
	[ "$status" -eq 1 ]
	[[ $output == *"the exit status: 1, expected 0"* ]]
}

@test "--stdio goes neither with -t nor with -d, and wants a name" {
	for wrong in "--stdio disk -t" "-d --stdio disk" "--stdio"; do
		# shellcheck disable=SC2086 # words
		run nbdmuxd $wrong </dev/null
		[ "$status" -eq 2 ]
	done
}
