#!/usr/bin/env bats
# The protocol, rule by rule, with raw packets.
# Rules about an image that fails, by way of t/lib/faultio.c.

load helper
load lib/protocol

setup()
{
	faulty_daemon
}

teardown()
{
	: >"$FAULTS"
	stop_daemon
}

@test "TX-12 every error is one of those that NBD has" {
	raw TX_12 faults="$FAULTS" \
	    errnos=EIO,ENXIO,ESTALE,EBADF,ENOMEM,EOPNOTSUPP,ETIMEDOUT,EPERM,EACCES,EROFS,ENOSPC,EDQUOT,EFBIG,EREMOTEIO,ENODEV,EILSEQ
}

@test "RD-12 READ that fails has an error and no payload" {
	raw RD_12 faults="$FAULTS"
}

@test "RD-13 READ that fails after its header went out ends the connection" {
	raw RD_13 faults="$FAULTS"
}

@test "WR-10 errors of the image become those of NBD" {
	raw WR_10 faults="$FAULTS"
}

@test "WR-11 a short write is completed, or an error" {
	raw WR_11 faults="$FAULTS"
}

@test "WZ-07 without FAST_ZERO nothing gets ENOTSUP, also where the file system cannot zero" {
	raw WZ_07 faults="$FAULTS"
}

@test "FL-07 a FLUSH that failed stays failed" {
	raw FL_07 faults="$FAULTS"
}

@test "FL-10 FLUSH covers writes already answered while others are held up" {
	raw FL_10 faults="$FAULTS"
}

@test "ST-06 an error with an offset has one inside the request" {
	add_sparse_exports
	raw ST_06 faults="$FAULTS"
}

@test "ST-11 a reply has one ERROR at most, and not beside ERROR_OFFSET" {
	add_sparse_exports
	raw ST_11 faults="$FAULTS"
}

@test "ST-12 a READ that fails late has had no content that was DONE" {
	add_sparse_exports
	raw ST_12 faults="$FAULTS"
}

@test "RD-14 a READ that fails late gets an error, and is in sync" {
	add_sparse_exports
	raw RD_14 faults="$FAULTS"
}

@test "BS-13 where the image's map cannot be had there is an error, or data" {
	add_sparse_exports
	raw BS_13 faults="$FAULTS"
}

@test "an image that fails does so alike in every style" {
	local style

	add_sparse_exports
	for style in structured extended; do
		raw TX_12 style=$style faults="$FAULTS" \
		    errnos=EIO,ENXIO,EOPNOTSUPP,EPERM,ENOSPC
		for name in RD_12 WR_10 WR_11 WZ_07 FL_07; do
			raw "$name" style=$style faults="$FAULTS"
		done
	done
	for name in ST_06 ST_11 ST_12 RD_14 BS_13; do
		raw "$name" style=extended faults="$FAULTS"
	done
}

@test "short and slow calls of the image change nothing, with requests of all kinds in flight" {
	local style

	add_sparse_exports
	printf '%s\n' "pwrite* short=5000 */thin" "pread short=3000 */thin" \
	    "preadv* delay=2 */thin" "f*sync delay=5 */thin" >"$FAULTS.new"
	mv "$FAULTS.new" "$FAULTS"
	for style in simple structured extended; do
		raw mixed_requests style=$style
	done
}
