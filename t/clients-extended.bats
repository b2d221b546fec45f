#!/usr/bin/env bats
# Clients that ask what is allocated: libnbd and QEMU of Debian 13, which speak
# extended headers, and those of this system.

load helper
load lib/clients
load lib/protocol
load lib/trixie

setup_file()
{
	export DIR=$BATS_FILE_TMPDIR
	cd "$DIR"
	setup_daemon
	make_images
	add_standard_exports
	add_sparse_exports
	# QEMU rounds sizes up to a multiple of 512.
	cp --sparse=always "$IMAGES/sparse" "$IMAGES/even"
	truncate -s 41943552 "$IMAGES/even"
	add_export even "$IMAGES/even"
	truncate -s 1T "$IMAGES/big"
	local at
	for at in 0 5 1234 700000 1048575; do
		head -c 1M /dev/urandom |
		    dd of="$IMAGES/big" bs=1M seek=$at conv=notrunc status=none
	done
	add_export huge "$IMAGES/big"
}

teardown_file()
{
	stop_daemon
}

setup()
{
	needs nbdinfo nbdcopy qemu-img jq
	needs_trixie
	cd "$BATS_TEST_TMPDIR"
	URI=nbd://127.0.0.1:$PORT
}

teardown()
{
	daemon_alive
}

# here COMMAND...: this system's own, as trixie is Debian 13's.
here()
{
	"$@"
}

# requests EXPORT KEY: so many the daemon has counted.
requests()
{
	nbdmux-ls --json | jq ".exports[] | select(.name == \"$1\") | .$2"
}

# Offset, length and type of each extent, as the kernel tells.
real_map()
{
	/usr/bin/python3 -B "$NBDRAW" map "$1"
}

info_map()
{
	awk '{ print $1, $2, $3 }'
}

# The zeroes of a file are all that QEMU tells of, as 1 or 3.
qemu_map()
{
	jq -r '.[] | "\(.start) \(.length) \(if .zero then 3 else 0 end)"'
}

@test "Debian 13's clients agree on extended headers, Debian 12's on structured replies" {
	trixie nbdinfo --no-content --json "$URI/sparse" >info
	jq -e '.extended and .structured' info
	jq -e '.exports[0] | .can_df and
	    .contexts == ["base:allocation", "qemu:allocation-depth"] and
	    ."export-size" == 41944274' info
	trixie nbdinfo --can structured-reply "$URI/sparse"
	nbdinfo --can structured-reply "$URI/sparse"
	nbdinfo --json "$URI/sparse" | jq -e '.structured'
	trixie nbdinfo --no-content --list --json "$URI" |
	    jq -r '.exports[] | "\(."export-name") \(."export-size")"' >listed
	grep -x "frag 8589934592" listed
	grep -x "sparse 41944274" listed
}

@test "nbdinfo --map tells the map that the file has" {
	for name in disk odd sparse tail crumb frag void; do
		real_map "$IMAGES/$name" >real
		for debian in here trixie; do
			$debian nbdinfo --map "$URI/$name" | info_map >told
			diff real told || { echo "$debian: $name"; false; }
		done
	done
	grep -c . real
}

@test "qemu-img map tells the map that the file has" {
	for name in disk even frag void tera; do
		real_map "$IMAGES/$name" >real
		for debian in here trixie; do
			$debian qemu-img map -f raw --output=json \
			    "$URI/$name" | qemu_map >told
			diff real told || { echo "$debian: $name"; false; }
		done
	done
}

@test "qemu-img map has the depth of an image that is one layer" {
	for debian in here trixie; do
		$debian qemu-img map --output=json --image-opts \
		    "driver=nbd,host=127.0.0.1,port=$PORT,export=even,x-dirty-bitmap=qemu:allocation-depth" |
		    jq -e 'map(.length) | add == 41943552'
	done
	for debian in here trixie; do
		[ "$($debian nbdinfo --map=qemu:allocation-depth \
		    "$URI/sparse" | info_map)" = "0 41944274 1" ]
	done
}

@test "with extended headers one request tells of a hole of 1 TiB" {
	local before after

	before=$(requests tera requests.status)
	[ "$(trixie nbdinfo --map "$URI/tera" | info_map)" = \
	    "0 1099511627776 3" ]
	after=$(requests tera requests.status)
	[ "$after" -eq $((before + 1)) ]
	[ "$(nbdinfo --map "$URI/tera" | info_map)" = "0 1099511627776 3" ]
	[ "$(requests tera requests.status)" -gt $((after + 250)) ]
}

# copied COMMAND...: huge becomes ./copy, and few bytes were read for that.
copied()
{
	local before after

	before=$(requests huge bytes_read)
	"$@"
	after=$(requests huge bytes_read)
	[ $((after - before)) -le $((8 << 20)) ]
	[ "$(stat -c %s copy)" -eq 1099511627776 ]
	[ "$(du -k copy | cut -f1)" -le 8192 ]
	diff <(real_map "$IMAGES/big") <(real_map copy)
	for at in 0 5 1234 700000 1048575; do
		cmp -n 1048576 -i $((at << 20)) "$IMAGES/big" copy
	done
	rm copy
}

@test "a sparse image of 1 TiB is copied by reading its data alone" {
	for debian in here trixie; do
		copied $debian nbdcopy "$URI/huge" copy
		copied $debian nbdcopy -C 4 "$URI/huge" copy
		copied $debian qemu-img convert -f raw -O raw "$URI/huge" copy
	done
}

@test "a sparse image of 1 TiB is compared with its file" {
	for debian in here trixie; do
		cp --sparse=always "$IMAGES/sparse" copy
		$debian qemu-img compare -f raw -F raw copy "$URI/sparse"
		printf x | dd of=copy bs=1 seek=41000000 conv=notrunc status=none
		refused 'Content mismatch' $debian qemu-img compare \
		    -f raw -F raw copy "$URI/sparse"
	done
	(cd "$IMAGES" && trixie qemu-img compare -f raw -F raw big "$URI/huge")
}

@test "nbdcopy and qemu-img write an image with its holes" {
	cp --sparse=always "$IMAGES/even" source
	for debian in here trixie; do
		for tool in "nbdcopy --flush" "nbdcopy -C 4" \
		    "qemu-img convert -n -f raw -O raw"; do
			head -c 41943552 /dev/zero | tr '\0' x >image
			put_export fresh "$PWD/image" rw
			wait_for 10 answers fresh
			# shellcheck disable=SC2086 # words of a command
			$debian $tool source "$URI/fresh"
			cmp source image
			[ "$(du -k image | cut -f1)" -le 4096 ]
			rm image "$SPOOL/fresh.ini"
		done
	done
}

@test "nbdcopy from an export to another makes them equal, by 64-bit lengths" {
	truncate -s 8G image
	printf x | dd of=image bs=1 seek=6G conv=notrunc status=none
	put_export target "$PWD/image" rw
	wait_for 10 answers target
	trixie nbdcopy --flush "$URI/frag" "$URI/target"
	diff <(real_map "$IMAGES/frag") <(real_map image)
	cmp -n 8388608 "$IMAGES/frag" image
	rm image "$SPOOL/target.ini"
}
