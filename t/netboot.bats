#!/usr/bin/env bats
# What boots an export: published with it, replaced as a whole, and withdrawn.

bats_require_minimum_version 1.5.0
load helper

setup()
{
	setup_dirs
	cd "$BATS_TEST_TMPDIR" || return
	truncate -s 1M a.img
	head -c 300000 /dev/urandom >vmlinuz.src
	head -c 700000 /dev/urandom >initrd.src
	DISK=$DATA/artifacts/disk
}

teardown()
{
	stop_daemon
}

add()
{
	nbdmux-add --kernel=vmlinuz.src --initrd=initrd.src "$@" disk a.img
}

# published KERNEL INITRD: exactly these, for everybody to read.
published()
{
	cmp "$DISK/vmlinuz" "$1"
	cmp "$DISK/initrd" "$2"
	[ "$(ls "$DISK")" = $'initrd\nmanifest.json\nvmlinuz' ]
	[ "$(stat -c %a "$DISK"/* | sort -u)" = 644 ]
	nothing_half
}

# Nothing that is not in its place.
nothing_half()
{
	[ -z "$(find "$DATA/artifacts" -mindepth 1 -maxdepth 1 -name '.*')" ]
}

manifest()
{
	jq -e "$1" "$DISK/manifest.json" >jq.out || { cat jq.out; return 1; }
}

# --- kernel and initrd -------------------------------------------------------------

@test "kernel and initrd are published with their sums when the export is added" {
	needs jq
	start_daemon
	add --cmdline="root=/dev/nbd0 quiet"
	published vmlinuz.src initrd.src
	manifest '.name == "disk" and .cmdline == "root=/dev/nbd0 quiet" and .generation == 1'
	manifest ".vmlinuz == {size: 300000, sha256: \"$(sha256sum <vmlinuz.src | cut -d' ' -f1)\"}"
	manifest ".initrd == {size: 700000, sha256: \"$(sha256sum <initrd.src | cut -d' ' -f1)\"}"
	grep -qx "kernel = $PWD/vmlinuz.src" "$SPOOL/disk.ini"
	grep -qx "initrd = $PWD/initrd.src" "$SPOOL/disk.ini"
	nbdmux-ls --json disk | jq -e \
	    ".exports[0].spool | .kernel == \"$PWD/vmlinuz.src\" and .cmdline == \"root=/dev/nbd0 quiet\""
	run nbdmux-ls -l disk
	[ "${lines[2]}" = "    kernel = $PWD/vmlinuz.src" ]
	[ "${lines[3]}" = "    initrd = $PWD/initrd.src" ]
	[ "${lines[4]}" = "    cmdline = root=/dev/nbd0 quiet" ]
	run nbdmux-ls disk
	[ "${#lines[@]}" -eq 2 ]
}

@test "a new kernel is no new generation, and replaces the old one" {
	start_daemon
	add
	echo "a new kernel" >vmlinuz.src
	run add
	[ "$status" -eq 0 ] && [[ $output == unchanged* ]]
	published vmlinuz.src initrd.src
	run add --cmdline=quiet
	[ "$status" -eq 0 ] && [[ $output == changed* ]]
	[ "$(state_of disk generation)" = 1 ]
	grep -q '"quiet"' "$DISK/manifest.json"
}

@test "without a daemon they are published, too" {
	run add
	[ "$status" -eq 0 ]
	published vmlinuz.src initrd.src
	grep -q '"generation":null' "$DISK/manifest.json"
}

@test "what boots an export goes with it, and with its keys" {
	start_daemon
	add
	nbdmux-rm disk
	[ ! -e "$DISK" ]
	add
	nbdmux-add disk a.img
	[ ! -e "$DISK" ]
	add
	rm "$SPOOL/disk.ini"
	nbdmux-rm disk
	[ ! -e "$DISK" ]
	nothing_half
}

@test "an operator's own files are neither replaced nor removed" {
	start_daemon
	mkdir -p "$DISK"
	echo mine | tee "$DISK/vmlinuz" "$DISK/initrd" >"$DISK/manifest.json"
	run add
	[ "$status" -eq 1 ] && [[ $output == *"was not made by nbdmux"* ]]
	nbdmux-add disk a.img
	nbdmux-rm disk
	[ "$(cat "$DISK"/*)" = $'mine\nmine\nmine' ]
	rm -r "$DISK"
	add
	echo mine >"$DISK/other"
	run add
	[ "$status" -eq 1 ] && [[ $output == *"did not make (other)"* ]]
	run nbdmux-rm disk
	[ "$status" -eq 0 ] && [[ $output == *"what boots disk stays"* ]]
	[ "$(cat "$DISK/other")" = mine ]
	[ ! -e "$DISK/vmlinuz" ]
}

@test "a kernel that cannot be is refused, and nothing is done" {
	local bad

	start_daemon
	: >empty
	mkfifo fifo
	for bad in none empty fifo . ; do
		run nbdmux-add --kernel="$bad" --initrd=initrd.src disk a.img
		[ "$status" -eq 1 ]
		[[ $output == *"cannot add disk: "*"$PWD/${bad#.}"* ]]
	done
	run nbdmux-add --kernel=vmlinuz.src disk a.img
	[ "$status" -eq 1 ] && [[ $output == *"a kernel and no initrd"* ]]
	for bad in 'a || b' '#x' 'a ${net0/ip}' 'a && b'; do
		run nbdmux-add --cmdline="$bad" disk a.img
		[ "$status" -eq 2 ]
	done
	[ ! -e "$SPOOL/disk.ini" ] && [ ! -e "$DISK" ]
}

@test "kernels are within image-dirs, wherever links lead" {
	mkdir images
	mv a.img initrd.src images
	ln -s ../vmlinuz.src images/link
	printf '[nbdmuxd]\nimage-dirs = %s\n' "$PWD/images" >"$NBDMUX_CONF"
	start_daemon
	run nbdmux-add --kernel=images/link --initrd=images/initrd.src disk \
	    images/a.img
	[ "$status" -eq 1 ] && [[ $output == *"image-dirs"* ]]
	[ ! -e "$DISK" ]
	mv vmlinuz.src images
	ln -sf vmlinuz.src images/link
	nbdmux-add --kernel=images/link --initrd=images/initrd.src disk \
	    images/a.img
	published images/vmlinuz.src images/initrd.src
}

@test "an image that the daemon refuses has nothing published" {
	mkdir images
	printf '[nbdmuxd]\nimage-dirs = %s\n' "$PWD/images" >"$NBDMUX_CONF"
	cp vmlinuz.src initrd.src images
	start_daemon
	run nbdmux-add --kernel=images/vmlinuz.src --initrd=images/initrd.src \
	    disk a.img
	[ "$status" -eq 4 ]
	[ ! -e "$DISK" ]
}

# kills COMMAND...: at any moment of it, what is published is one or the other.
kills()
{
	local i pid

	for i in $(seq 25); do
		"$@" >/dev/null 2>&1 3>&- &
		pid=$!
		sleep "0.00$((i % 10))$((i % 3))"
		kill -9 $pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
		whole
	done
}

# Of two versions, and never of both.
whole()
{
	local version

	version=$(head -c 3 "$DISK/vmlinuz")
	[ "$(head -c 3 "$DISK/initrd")" = "$version" ]
	[ "$(stat -c %s "$DISK/vmlinuz" "$DISK/initrd" | sort -u)" = 3000000 ]
	[ -s "$DISK/manifest.json" ]
}

@test "killed at any moment, the old ones or the new ones are published" {
	local v

	for v in one two; do
		yes "$v" | head -c 3000000 >"kernel.$v"
		cp "kernel.$v" "initrd.$v"
	done
	nbdmux-add --kernel=kernel.one --initrd=initrd.one disk a.img
	whole
	kills nbdmux-add --kernel=kernel.two --initrd=initrd.two disk a.img
	nbdmux-add --kernel=kernel.one --initrd=initrd.one disk a.img
	published kernel.one initrd.one
}
