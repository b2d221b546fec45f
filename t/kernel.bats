#!/usr/bin/env bats
# A real kernel as the client: QEMU boots Debian's cloud kernel with the
# initramfs of t/kernel, whose scripts attach an export with nbd-client.  Emulated in
# software, so that it runs where KVM does not.

load helper

# Leaves in MISSING what a guest cannot be built without.
setup_file()
{
	local cache=${NBDMUX_KERNEL_CACHE:-$BATS_TEST_DIRNAME/../build/kernel}
	local program

	export MISSING='' KERNEL='' INITRD=$BATS_FILE_TMPDIR/initrd
	for program in qemu-system-x86_64 nbd-client busybox cpio mke2fs \
	    sfdisk e2fsck debugfs; do
		command -v $program >/dev/null || MISSING="$MISSING $program"
	done
	[ -z "$MISSING" ] || return 0
	KERNEL=$("$BATS_TEST_DIRNAME"/kernel/getkernel "$cache") ||
	    MISSING=" Debian's cloud kernel"
	[ -n "$MISSING" ] ||
	    "$BATS_TEST_DIRNAME"/kernel/mkinitramfs "$KERNEL" "$INITRD"
}

# What is missing is a skip on somebody's desk and an error where it is CI's.
setup()
{
	if [ -n "$MISSING" ]; then
		[ -z "${CI:-}" ] || { echo "missing:$MISSING"; return 1; }
		skip "missing:$MISSING"
	fi
	cd "$BATS_TEST_TMPDIR"
	CONSOLE=$BATS_TEST_TMPDIR/console
	: >"$CONSOLE"
}

teardown()
{
	if [ -n "${QEMU:-}" ]; then
		kill "$QEMU" 2>/dev/null || :
		wait "$QEMU" || :
	fi
	[ -n "$MISSING" ] || stop_daemon
}

# serve NAME IMAGE MODE
serve()
{
	setup_daemon
	add_export "$1" "$2" "$3"
	EXPORT=$1
}

# boot SCRIPT [WORD=VALUE...]: start the guest, its console goes to $CONSOLE.
boot()
{
	local script=$1
	shift
	timeout 180 qemu-system-x86_64 -accel tcg -cpu qemu64,+rdrand -m 256 \
	    -nodefaults -no-user-config -display none -no-reboot \
	    -serial "file:$CONSOLE" -kernel "$KERNEL/vmlinuz" -initrd "$INITRD" \
	    -netdev user,id=net -device virtio-net-pci,netdev=net,romfile= \
	    -append "console=ttyS0 quiet panic=-1 nbds_max=2 guest=$script \
nbdport=$PORT nbdexport=$EXPORT $*" 3>&- &
	QEMU=$!
}

# The guest powered off having done all that its script says.
guest_ends()
{
	local status=0

	wait "$QEMU" || status=$?
	QEMU=
	tr -d '\r' <"$CONSOLE"
	[ $status -eq 0 ]
	guest_said "ok: the end"
	! grep -aiE 'guest: FAILED|I/O error|blk_update_request|Oops|panic' "$CONSOLE"
}

guest_said()
{
	tr -d '\r' <"$CONSOLE" | grep -aqFx "guest: $1"
}

# Wait until it says so.
guest_says()
{
	local i

	for ((i = 0; i < 600; i++)); do
		! guest_said "$1" || return 0
		kill -0 "$QEMU" || break
		sleep 0.1
	done
	cat "$CONSOLE"
	return 1
}

sum()
{
	sha256sum <"$1" | cut -d ' ' -f 1
}

# make_image FILE: GPT, partition 2 an ext4 root file system that boots on.
# Leaves ROOTSTART and ROOTSIZE, in sectors, and DATASUM.
make_image()
{
	local tree=$BATS_TEST_TMPDIR/tree i

	rm -rf "$tree"
	mkdir -p "$tree"/{bin,sbin,dev,proc,etc/many}
	cp "$(command -v busybox)" "$tree/bin/busybox"
	for i in sh sha256sum cut tail cat rm sync echo poweroff sleep; do
		ln -s busybox "$tree/bin/$i"
	done
	cp "$BATS_TEST_DIRNAME/kernel/rootinit" "$tree/sbin/init"
	for ((i = 0; i < 50; i++)); do
		echo "$i" >"$tree/etc/many/$i"
	done
	head -c 5000000 /dev/urandom >"$tree/data"
	DATASUM=$(sum "$tree/data")

	ROOTSTART=6144 ROOTSIZE=49152
	rm -f "$1"
	truncate -s 32M "$1"
	sfdisk -q "$1" <<-END
		label: gpt
		start=2048, size=4096, type=uefi
		start=$ROOTSTART, size=$ROOTSIZE, type=linux
	END
	mke2fs -q -F -t ext4 -d "$tree" -E offset=$((ROOTSTART * 512)) \
	    "$1" $((ROOTSIZE / 2))k
}

@test "a kernel boots on from a read-only export and leaves its image as it was" {
	make_image image
	before=$(sum image)
	serve root "$PWD/image" ro
	boot readonly rootstart=$ROOTSTART rootsize=$ROOTSIZE "datasum=$DATASUM"
	guest_ends
	guest_said "ok: partition 2's first sector is $ROOTSTART"
	guest_said "ok: overlayfs is above it"
	guest_said "ok: the image's data is right"
	guest_said "ok: written above the image"
	[ "$(sum image)" = "$before" ]
}

@test "a kernel makes a file system on a writable export and the image holds it" {
	truncate -s 64M image
	serve disk "$PWD/image" rw
	boot readwrite
	guest_ends
	guest_said "ok: free space is discarded"
	guest_said "ok: detached"

	e2fsck -fn image
	debugfs -R "dump numbers $PWD/numbers" image
	seq 1 300000 | cmp - numbers
	debugfs -R "dump random $PWD/random" image
	guest_said "sum: $(sum random)"
	debugfs -R "rdump many $PWD" image
	for ((i = 1; i <= 100; i++)); do
		echo "file $i" | cmp - many/$i
	done
	[ "$(ls many | wc -l)" -eq 100 ]
	run debugfs -R "stat gone" image
	[[ $output == *"not found"* ]]
}

@test "a kernel keeps the old image that it mounted when a new one replaces it" {
	make_image image
	serve root "$PWD/image" ro
	boot replaced "datasum=$DATASUM"
	guest_says "ok: ready to be replaced"
	truncate -s 16M new
	printf 'new-image\n' | dd of=new conv=notrunc status=none
	mv new image
	guest_ends
	guest_said "ok: the new image is attached"
	guest_said "ok: the sum of the data, read again is $DATASUM"
}

@test "a machine's vsock clients are served, and known by their CID" {
	local more

	needs nbdinfo nbdcopy
	more=$BATS_TEST_TMPDIR/initrd.vsock
	"$BATS_TEST_DIRNAME"/kernel/mkinitramfs "$KERNEL" "$more" nbdmuxd \
	    nbdinfo nbdcopy
	PORT=0 EXPORT='' INITRD=$more boot vsock
	guest_ends
	guest_said "ok: what it listens on is listen = vsock:10809, vsock:1:20000"
	guest_said "ok: the size by the default port is 1048576"
	guest_said "ok: exports of others are refused"
	guest_said "ok: the log has the client's CID"
	guest_said "ok: written and read"
}
