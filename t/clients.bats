#!/usr/bin/env bats
# The clients that people use, as judges: libnbd's tools, QEMU's, fio and
# nbd-client, each over IPv4, IPv6 and a unix socket.

load helper

setup()
{
	cd "$BATS_TEST_TMPDIR"
	SOCKET=$BATS_TEST_TMPDIR/socket
}

teardown()
{
	stop_daemon
}

# needs PROGRAM...: skip where it is missing, but not in CI.
needs()
{
	local program

	for program; do
		command -v "$program" >/dev/null && continue
		[ -z "${CI:-}" ] || { echo "missing: $program"; return 1; }
		skip "missing: $program"
	done
}

# uris NAME...: each way to these exports, in the array of that name.
uris()
{
	local name

	uris=()
	for name; do
		uris+=("nbd://127.0.0.1:$PORT/$name")
		! has_ipv6 || uris+=("nbd://[::1]:$PORT/$name")
		uris+=("nbd+unix:///$name?socket=$SOCKET")
	done
}

has_ipv6()
{
	grep -qs '^0*1 .* lo$' /proc/net/if_inet6 || [ -n "${CI:-}" ]
}

# start [OPTION...]: the daemon, listening on all of them.
start()
{
	local listen=unix:$SOCKET

	PORT=$(free_port)
	! has_ipv6 || listen="[::1]:$PORT, $listen"
	setup_daemon "--listen=127.0.0.1:$PORT, $listen" "$@"
}

# Random bytes with a hole and zeroes inside: 9 MiB + 512.
make_image()
{
	head -c 2M /dev/urandom >"$1"
	truncate -s 4M "$1"
	head -c 1M /dev/urandom >>"$1"
	head -c 1M /dev/zero >>"$1"
	head -c 3146240 /dev/urandom >>"$1"
}

# Of the same size: one letter throughout.
letters()
{
	head -c 9437696 /dev/zero | tr '\0' "$1"
}

# can URI PROPERTY...: as nbdinfo sees it; cannot likewise.
can()
{
	local uri=$1 what
	shift
	for what; do
		nbdinfo --can "$what" "$uri" || { echo "$uri: $what"; return 1; }
	done
}

cannot()
{
	local uri=$1 what status
	shift
	for what; do
		status=0
		nbdinfo --can "$what" "$uri" || status=$?
		[ $status -eq 2 ] || { echo "$uri: $what: $status"; return 1; }
	done
}

# refused WORDS COMMAND...: it fails and its output says why.
refused()
{
	local words=$1
	shift
	run "$@"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" =~ $words ]]
}

# json EXPRESSION: of the document d on stdin.
json()
{
	/usr/bin/python3 -c "import json, sys; d = json.load(sys.stdin); print($1)"
}

@test "nbdinfo lists every export with its size and description" {
	needs nbdinfo
	truncate -s 1M one
	truncate -s 3M two
	start
	add_export one "$PWD/one" ro \
	    'description = the first, "quoted" & größer'
	add_export two.img "$PWD/two" rw
	uris ""
	for uri in "${uris[@]}"; do
		nbdinfo --list --json "$uri" >list
		json '{e["export-name"]: e["export-size"] for e in d["exports"]} ==
		    {"one": 2**20, "probe": 2**20, "two.img": 3 * 2**20}' <list |
		    grep -x True
		json '[e["description"] for e in d["exports"]
		    if e["export-name"] == "one"][0]' <list |
		    grep -Fx 'the first, "quoted" & größer'
		nbdinfo --list "$uri" | grep -Fx 'export="two.img":'
	done
}

@test "nbdinfo finds a read-only export to be just that" {
	needs nbdinfo
	make_image image
	start
	add_export disk "$PWD/image" ro
	uris disk
	for uri in "${uris[@]}"; do
		[ "$(nbdinfo --size "$uri")" -eq 9437696 ]
		nbdinfo --is read-only "$uri"
		can "$uri" connect read multi-conn cache
		cannot "$uri" write trim zero fast-zero
	done
}

@test "nbdinfo finds a writable export to have every command" {
	needs nbdinfo
	make_image image
	start
	add_export disk "$PWD/image" rw
	uris disk
	for uri in "${uris[@]}"; do
		can "$uri" connect read write flush fua trim zero fast-zero \
		    cache multi-conn
		nbdinfo --json "$uri" >info
		json 'd["protocol"], d["exports"][0]["export-size"],
		    d["exports"][0]["is_read_only"]' <info |
		    grep -Fx "newstyle-fixed 9437696 False"
	done
}

@test "nbdinfo is told the block sizes of an export" {
	needs nbdinfo
	make_image image
	start
	add_export plain "$PWD/image" ro
	add_export blocks "$PWD/image" ro "block-min = 512" \
	    "block-preferred = 64K" "block-max = 4M"
	uris plain
	for uri in "${uris[@]}"; do
		nbdinfo --json "$uri" | json 'd["exports"][0]["block_size_minimum"],
		    d["exports"][0]["block_size_maximum"]' | grep -Fx '1 33554432'
	done
	uris blocks
	for uri in "${uris[@]}"; do
		nbdinfo --json "$uri" | json '[d["exports"][0]["block_size_" + k]
		    for k in ("minimum", "preferred", "maximum")]' |
		    grep -Fx '[512, 65536, 4194304]'
	done
}

@test "a name that is not served is refused, and the empty one without a default" {
	needs nbdinfo
	truncate -s 1M image
	start
	add_export disk "$PWD/image" ro
	uris nosuch DISK disk.ini ""
	for uri in "${uris[@]}"; do
		refused 'nbd_connect|nbd_opt' nbdinfo --size "$uri"
	done
}

@test "the empty name stands for the default export that is configured" {
	needs nbdinfo
	truncate -s 5M image
	start --default-export=disk
	add_export disk "$PWD/image" ro
	uris ""
	for uri in "${uris[@]}"; do
		[ "$(nbdinfo --size "$uri")" -eq 5242880 ]
	done
}

@test "nbdcopy reads an image whole, over one connection and over four" {
	needs nbdcopy
	make_image image
	start
	add_export disk "$PWD/image" ro
	uris disk
	for uri in "${uris[@]}"; do
		for connections in 1 4; do
			nbdcopy -C $connections "$uri" copy
			cmp image copy
			nbdcopy -C $connections --request-size=4096 "$uri" copy
			cmp image copy
			nbdcopy --synchronous "$uri" copy
			cmp image copy
		done
	done
}

@test "nbdcopy writes an image whole, over one connection and over four" {
	needs nbdcopy
	make_image source
	start
	letters x >image
	add_export disk "$PWD/image" rw
	uris disk
	for uri in "${uris[@]}"; do
		for connections in 1 4; do
			letters x 1<>image
			nbdcopy -C $connections --flush source "$uri"
			cmp source image
			nbdcopy -C $connections --allocated source "$uri"
			cmp source image
		done
	done
	# the same from a pipe, which has no holes and no length
	letters y >letters
	cat letters | nbdcopy - "${uris[0]}"
	cmp letters image
}

@test "nbdcopy from one export to another makes them equal" {
	needs nbdcopy
	make_image a
	head -c 9437696 /dev/urandom >b
	start
	add_export a "$PWD/a" ro
	add_export b "$PWD/b" rw
	nbdcopy -C 4 "nbd://127.0.0.1:$PORT/a" "nbd+unix:///b?socket=$SOCKET"
	cmp a b
}

@test "nbdcopy to a read-only export fails and leaves the image alone" {
	needs nbdcopy
	make_image image
	cp image before
	head -c 9437696 /dev/urandom >source
	start
	add_export disk "$PWD/image" ro
	uris disk
	for uri in "${uris[@]}"; do
		refused 'read-only|not permitted' nbdcopy source "$uri"
		cmp before image
	done
}

@test "qemu-img shows, compares and converts an export" {
	needs qemu-img
	make_image image
	start
	add_export disk "$PWD/image" ro
	uris disk
	for uri in "${uris[@]}"; do
		qemu-img info --output=json "$uri" |
		    json 'd["virtual-size"], d["format"]' |
		    grep -Fx "9437696 raw"
		qemu-img compare -f raw -F raw image "$uri"
		qemu-img convert -f raw -O qcow2 "$uri" copy.qcow2
		qemu-img compare -f qcow2 -F raw copy.qcow2 "$uri"
		qemu-img convert -f qcow2 -O raw copy.qcow2 copy
		cmp image copy
	done
}

@test "qemu-img compare sees one byte that differs" {
	needs qemu-img
	make_image image
	cp image other
	printf x | dd of=other bs=1 seek=7000001 conv=notrunc status=none
	cmp -s image other && printf y |
	    dd of=other bs=1 seek=7000001 conv=notrunc status=none
	start
	add_export disk "$PWD/image" ro
	uris disk
	for uri in "${uris[@]}"; do
		refused 'Content mismatch' \
		    qemu-img compare -f raw -F raw other "$uri"
	done
}

@test "qemu-img converts into a writable export, zeroes and holes included" {
	needs qemu-img
	make_image source
	start
	: >image
	truncate -s 9437696 image
	add_export disk "$PWD/image" rw
	uris disk
	for uri in "${uris[@]}"; do
		letters x 1<>image
		qemu-img convert -n -f raw -O raw -W -m 16 source "$uri"
		cmp source image
	done
}

@test "qemu-io reads back what it wrote, unaligned, zeroed and discarded" {
	needs qemu-io
	start
	truncate -s 8M image
	add_export disk "$PWD/image" rw
	uris disk
	for uri in "${uris[@]}"; do
		qemu_io "$uri" \
		    'write -P 0x11 0 8M' \
		    'read -P 0x11 0 8M' \
		    'write -P 0x22 1 1' \
		    'write -P 0x33 65535 65538' \
		    'write -f -P 0x44 1000000 4096' \
		    'write -z 2M 1M' \
		    'write -z -u 4M 1M' \
		    'write -z 5242881 4094' \
		    'discard 6M 64k' \
		    'flush' \
		    'read -P 0x11 0 1' \
		    'read -P 0x22 1 1' \
		    'read -P 0x11 2 65533' \
		    'read -P 0x33 65535 65538' \
		    'read -P 0x11 131073 1000' \
		    'read -P 0x44 1000000 4096' \
		    'read -P 0x11 2097151 1' \
		    'read -P 0 2M 1M' \
		    'read -P 0x11 3M 1M' \
		    'read -P 0 4M 1M' \
		    'read -P 0x11 5242880 1' \
		    'read -P 0 5242881 4094' \
		    'read -P 0x11 5246975 1' \
		    'read -P 0x11 6291455 1' \
		    'read -P 0x11 6356992 1'
		# the file has what the client saw
		qemu_io image 'read -P 0x33 65535 65538' 'read -P 0 2M 1M' \
		    'read -P 0x11 3M 1M'
	done
}

# qemu_io FILE COMMAND...: each succeeds and finds its pattern.
qemu_io()
{
	local file=$1 command commands=()
	shift
	for command; do
		commands+=(-c "$command")
	done
	qemu-io -f raw "${commands[@]}" "$file" >qemu-io.out 2>&1 || {
		cat qemu-io.out
		return 1
	}
	! grep -iE 'fail|error|verif' qemu-io.out
}

@test "qemu-io keeps many requests in flight" {
	needs qemu-io
	start
	truncate -s 16M image
	add_export disk "$PWD/image" rw
	uris disk
	for uri in "${uris[@]}"; do
		commands=()
		for ((i = 0; i < 64; i++)); do
			commands+=("aio_write -P $((i + 1)) $((i * 200000 + 7)) 150000")
		done
		commands+=(aio_flush)
		for ((i = 0; i < 64; i++)); do
			commands+=("aio_read -P $((i + 1)) $((i * 200000 + 7)) 150000")
		done
		qemu_io "$uri" "${commands[@]}" aio_flush
		grep -c '^read 150000/150000' qemu-io.out | grep -x 64
		head -c 16M /dev/zero 1<>image
	done
}

@test "qemu-io is refused a read-only export for writing" {
	needs qemu-io
	make_image image
	cp image before
	start
	add_export disk "$PWD/image" ro
	uris disk
	for uri in "${uris[@]}"; do
		refused 'read-only|denied|not permitted' \
		    qemu-io -f raw -c 'write 0 4k' "$uri"
		qemu-io -r -f raw -c 'read 0 4k' "$uri"
		cmp before image
	done
}

@test "fio verifies what it wrote" {
	needs fio
	start
	truncate -s 32M image
	add_export disk "$PWD/image" rw
	uris disk
	for uri in "${uris[@]}"; do
		fio_verify "$uri" --rw=randwrite --bs=4k
		fio_verify "$uri" --rw=write --bsrange=512-256k --bs_unaligned
		fio_verify "$uri" --rw=randrw --bs=16k --fsync=32
	done
}

fio_verify()
{
	local uri=$1
	shift
	fio --name=verify --ioengine=nbd --uri="$uri" --size=32M --io_size=32M \
	    --iodepth=32 --verify=crc32c --verify_fatal=1 --verify_state_save=0 \
	    --randseed=$RANDOM "$@" >fio.out 2>&1 || {
		cat fio.out
		return 1
	}
	grep -q 'READ: .*io=' fio.out
	! grep -E 'verify: bad' fio.out
}

@test "nbd-client lists the names" {
	needs nbd-client
	truncate -s 1M image
	start
	add_export one "$PWD/image" ro
	add_export two.img "$PWD/image" rw
	hosts=127.0.0.1
	! has_ipv6 || hosts="$hosts ::1"
	for host in $hosts; do
		nbd-client -l $host $PORT >list
		grep -x one list
		grep -x two.img list
		[ "$(grep -vc 'Negotiation' list)" -eq 3 ]
	done
	nbd-client -l -u "$SOCKET" >list
	grep -x two.img list
}
