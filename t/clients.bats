#!/usr/bin/env bats
# QEMU's tools, fio and nbd-client as judges, over IPv4, IPv6 and a unix socket.

load helper
load lib/clients

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
		nbd-client -l "$host" "$PORT" >list
		grep -x one list
		grep -x two.img list
		[ "$(grep -vc 'Negotiation' list)" -eq 3 ]
	done
	nbd-client -l -u "$SOCKET" >list
	grep -x two.img list
}
