#!/usr/bin/env bats
# What breaks around the daemon: disks, directories, limits.

load helper
load lib/livetest

setup()
{
	live_setup
}

teardown()
{
	local status=0

	[ ! -e "$DIR/faults" ] || : >"$DIR/faults"
	stop_daemon || status=$?
	[ -z "${MOUNTED:-}" ] || umount -l "$MOUNTED"
	return "$status"
}

# --- images ----------------------------------------------------------------------

@test "an image that shrinks while it is read costs an error, no more" {
	setup_daemon --rescan=1
	live truncated
}

@test "EIO of an image is EIO of its requests, and of no others" {
	faulty
	setup_daemon
	live io_errors
}

@test "a flush that failed stays failed, for its generation only" {
	faulty
	setup_daemon
	live flush_failed
}

@test "writes that share a sync are answered after it" {
	faulty
	setup_daemon
	live shared_sync
}

@test "a shared sync that fails is an error of all that shared it" {
	faulty
	setup_daemon
	live shared_sync_failed
}

@test "syncs come one after the other, and each knows what was lost before" {
	faulty
	setup_daemon
	live syncs_in_turn
}

@test "an error of one write of several done together is its own" {
	faulty
	setup_daemon
	live error_in_batch
}

@test "a write that fails is answered behind its payload" {
	faulty
	setup_daemon
	live error_behind_payload
}

@test "an image whose disk hangs leaves workers to the others" {
	faulty
	setup_daemon
	live hung
}

@test "a request that waits for its disk holds up nobody else" {
	faulty
	setup_daemon --threads=1
	live stuck
}

# --- the state directory ---------------------------------------------------------

@test "a state directory that is lost comes back whole, and counts on" {
	setup_daemon --rescan=1
	live state_lost
}

@test "on a full disk exports are served, and published when there is room" {
	setup_dirs
	mkdir -p "$STATE"
	mount -t tmpfs -o size=40m nbdmux-test "$STATE" 2>/dev/null ||
	    skip "file systems cannot be mounted here"
	MOUNTED=$STATE
	start_daemon --rescan=1 --max-connections=100
	live disk_full
}

@test "a tool that cannot sync says so and changes nothing" {
	local library=$NBDMUX_BUILD/t/lib/faultio.so

	setup_daemon
	head -c 1M /dev/urandom >"$IMAGES/a"
	cp "$IMAGES/a" "$IMAGES/b"
	add_export disk "$IMAGES/a"
	cp "$SPOOL/disk.ini" "$DIR/before"
	printf 'f*sync EIO *\n' >"$DIR/faults"
	run env LD_PRELOAD="$library" FAULTIO_FILE="$DIR/faults" \
	    ASAN_OPTIONS="verify_asan_link_order=0:${ASAN_OPTIONS:-}" \
	    nbdmux-add disk "$IMAGES/b"
	[ "$status" -eq 1 ]
	[[ $output == *"nput/output error"* ]]
	cmp "$SPOOL/disk.ini" "$DIR/before"
	[ "$(ls -A "$SPOOL")" = disk.ini ]
}

# --- the spool -------------------------------------------------------------------

@test "without its spool the daemon serves on, and finds it again" {
	setup_daemon --rescan=3600
	live spool_lost
}

# no_inotify LIMIT=VALUE: in a user namespace of its own, with that limit.
no_inotify()
{
	local limit=/proc/sys/user/${1%=*}

	unshare --user --map-root-user sh -c "echo ${1#*=} >$limit" ||
	    skip "user namespaces are not allowed here"
	cat >"$DIR/limited" <<-END
		#!/bin/sh
		echo ${1#*=} >$limit
		exec "\$@"
	END
	chmod +x "$DIR/limited"
	WRAPPER="unshare --user --map-root-user $DIR/limited"
}

@test "without a watch, for want of inotify watches, the rescan must do" {
	no_inotify max_inotify_watches=0
	setup_daemon --user=root --rescan=1
	live unwatched limits=max_inotify_watches
}

@test "without a watch, for want of inotify instances, the rescan must do" {
	no_inotify max_inotify_instances=0
	setup_daemon --user=root --rescan=1
	live unwatched limits=max_inotify_instances
	BASELINE=$((BASELINE + 1)) # now it has one
}

@test "an overflow of inotify's queue loses nothing: 10,000 edits at once" {
	setup_daemon --rescan=3600
	live overflow
}

@test "10,000 files are served, seen changing, and seen going" {
	[ "$(ulimit -H -n)" -gt 11000 ] || skip "too few descriptors"
	setup_dirs
	"$NBDMUX_BUILD/t/lib/livetest" image "$IMAGES/image" 65536 1
	printf '[export]\nimage = %s\n' "$IMAGES/image" >"$DIR/text"
	( cd "$SPOOL" && seq -f 'disk%05g.ini' 0 9999 |
	    xargs -n 2500 sh -c 'tee "$@" <"$0" >/dev/null' "$DIR/text" )
	start_daemon --rescan=1
	live ten_thousand
}

# --- descriptors -----------------------------------------------------------------

@test "out of descriptors, clients wait and come in later" {
	setup_daemon --rescan=3600
	live exhausted
}

@test "a look that failed for want of descriptors is made again" {
	setup_daemon --rescan=1
	live look_without_descriptors
}
