#!/usr/bin/env bats
# The tools and the spool, without a daemon: words, exit statuses, and files
# that are whole or not there.  tools-daemon.bats has the daemon's part.

bats_require_minimum_version 1.5.0
load helper

setup()
{
	setup_dirs
	cd "$BATS_TEST_TMPDIR"
	truncate -s 1M image
}

teardown()
{
	cd /
	[ -z "${place:-}" ] || rm -rf "$place"
}

# A picture of the spool in which every change shows.
spool_picture()
{
	find "$SPOOL" -printf '%P %i %T@ %m %s\n' | sort
	find "$SPOOL" -type f -exec cat {} +
}

json()
{
	/usr/bin/python3 -c 'import json, sys
d = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"
}

# as_nobody COMMAND...: without root's powers.
as_nobody()
{
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}

# --- nbdmux-add ---------------------------------------------------------------

@test "add says added, unchanged, changed, and that no daemon runs" {
	run --separate-stderr nbdmux-add disk image
	[ "$status" -eq 0 ]
	[ "$output" = added ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "nbdmux-add: no daemon runs; disk will be served when"* ]]
	run --separate-stderr nbdmux-add disk "$PWD/image"
	[ "$status $output" = "0 unchanged" ]
	run --separate-stderr nbdmux-add -w disk image
	[ "$status $output" = "0 changed" ]
}

@test "add writes what its options say" {
	nbdmux-add -w -d "Grün; \"x\" = #1" -a 10.0.0.0/8,::1 --block-min=4k \
	    --max-clients=3 --exclusive=yes disk ./image
	run cat "$SPOOL/disk.ini"
	[ "$output" = "[export]
image = $PWD/image
description = Grün; \"x\" = #1
mode = rw
block-min = 4K
max-clients = 3
exclusive = yes
allow = 10.0.0.0/8, ::1" ]
	[ "$(stat -c %a "$SPOOL/disk.ini")" = 644 ]
	umask 077
	nbdmux-add disk image
	[ "$(stat -c %a "$SPOOL/disk.ini")" = 644 ]
	run cat "$SPOOL/disk.ini"
	[ "$output" = "[export]
image = $PWD/image" ]
}

@test "add leaves a file alone that says the same in other words" {
	printf '# mine\n[export]\n  \nimage=%s\nmode = ro\n' "$PWD/image" \
	    >"$SPOOL/disk.ini"
	before=$(spool_picture)
	run --separate-stderr nbdmux-add disk image
	[ "$status $output" = "0 unchanged" ]
	[ "$(spool_picture)" = "$before" ]
}

@test "add --check says what it would do and changes nothing" {
	nbdmux-add disk image
	touch "$SPOOL/disk.kick" "$SPOOL/.nbdmux-0011"
	touch -d '1 day ago' "$SPOOL/.nbdmux-0011"
	before=$(spool_picture)
	run --separate-stderr nbdmux-add --check disk image
	[ "$status $output" = "0 unchanged" ]
	run --separate-stderr nbdmux-add --check -w disk image
	[ "$status $output" = "0 changed" ]
	run --separate-stderr nbdmux-add --check new image
	[ "$status $output" = "0 added" ]
	run --separate-stderr nbdmux-rm --check disk new
	[ "$status" -eq 0 ]
	[ "$output" = "removed disk
absent new" ]
	[ "$(spool_picture)" = "$before" ]
}

@test "add --json is one object" {
	nbdmux-add --json disk image 2>/dev/null >out
	[ "$(wc -l <out)" -eq 1 ]
	[ "$(json 'd["format"], d["name"], d["result"], d["served"], d["uri"]' \
	    <out)" = "(1, 'disk', 'added', False, None)" ]
}

@test "wrong usage exits with 2, says what is wrong, and changes nothing" {
	nbdmux-add disk image 2>/dev/null
	before=$(spool_picture)
	while IFS='|' read -r command want; do
		eval "run $command"
		echo "$command: $status: $output"
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == "${command%% *}: "*"$want"* ]]
	done <<-'END'
	nbdmux-add|a name and an image are needed
	nbdmux-add disk|a name and an image are needed
	nbdmux-add disk image more|one name and one image
	nbdmux-add --mod=x disk image|ro
	nbdmux-add --modes=rw disk image|did you mean --mode?
	nbdmux-add --mode=cow disk image|not supported yet
	nbdmux-add --partition=1 disk image|unknown
	nbdmux-add -a 10.0.0.0/33 disk image|10.0.0.0/33
	nbdmux-add --block-min=3 disk image|power of two
	nbdmux-add --timeout=soon disk image|not a time
	nbdmux-add -d|needs a value
	nbdmux-add --json=yes disk image|takes no value
	nbdmux-add -q disk image|-q
	nbdmux-add ../disk image|../disk
	nbdmux-add .disk image|letter or digit
	nbdmux-rm|a name is needed
	nbdmux-rm disk a/b|a/b
	nbdmux-ls -w --json|--json
	nbdmux-ls -w|not a terminal
	nbdmux-ls a/b|a/b
	END
	[ "$(spool_picture)" = "$before" ]
}

@test "add refuses what is no image with the command that would help" {
	qemu-img create -q -f qcow2 a.qcow2 1M
	qemu-img create -q -f vmdk a.vmdk 1M
	qemu-img create -q -f vhdx a.vhdx 1M
	gzip -k image
	xz -k image
	zstd -q image
	while read -r file want; do
		run nbdmux-add disk "$file"
		echo "$file: $status: $output"
		[ "$status" -eq 1 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == *"$want"* ]]
		[ ! -e "$SPOOL/disk.ini" ]
	done <<-END
	a.qcow2 qemu-img convert -O raw $PWD/a.qcow2 $PWD/a.raw
	a.vmdk qemu-img convert -O raw $PWD/a.vmdk $PWD/a.raw
	a.vhdx qemu-img convert -O raw $PWD/a.vhdx $PWD/a.raw
	image.gz gzip -d -c $PWD/image.gz > $PWD/image
	image.xz xz -d -c $PWD/image.xz > $PWD/image
	image.zst zstd -d $PWD/image.zst -o $PWD/image
	END
	run --separate-stderr nbdmux-add --raw disk a.qcow2
	[ "$status $output" = "0 added" ]
}

@test "the command that add names makes an image that add takes" {
	mkdir "with 'odd' names"
	cd "with 'odd' names"
	qemu-img create -q -f qcow2 'a b.qcow2' 1M
	printf x | gzip >'c $d.img.gz'
	for file in 'a b.qcow2' 'c $d.img.gz'; do
		run nbdmux-add disk "$file"
		[ "$status" -eq 1 ]
		command=${output#*convert it with: }
		eval "${command%% (or serve*}"
	done
	nbdmux-add disk 'a b.raw'
	nbdmux-add disk 'c $d.img'
}

@test "add refuses an image that is missing, empty, or no file" {
	: >empty
	mkfifo fifo
	for file in nosuch empty fifo . /dev/null; do
		run nbdmux-add --timeout 1 disk "$file"
		echo "$file: $status: $output"
		[ "$status" -eq 1 ]
		[ "${#lines[@]}" -eq 1 ]
		[ ! -e "$SPOOL/disk.ini" ]
	done
}

@test "add finds a configuration with a mistake before it does anything" {
	printf '[nbdmuxd]\nbogus = 1\n' >"$NBDMUX_CONF"
	run -1 --separate-stderr nbdmux-add disk image
	[ -z "$output" ]
	[[ $stderr == "nbdmux-add: cannot add disk: $NBDMUX_CONF:2: unknown key \"bogus\""* ]]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[ ! -e "$SPOOL/disk.ini" ]
}

@test "an error stays one line and harmless, whatever was typed" {
	for command in add\ disk add rm ls "add -C" "add -d"; do
		# shellcheck disable=SC2086 # a list of words
		run nbdmux-$command $'no\nsuch\033[2J'
		[ "$status" -ne 0 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output != *$'\033'* ]]
	done
	run nbdmux-add --$'mode\033' disk image
	[[ $output != *$'\033'* ]]
}

@test "add removes what writers who died left behind, and the kick marker" {
	touch "$SPOOL/disk.kick" "$SPOOL/other.kick"
	touch "$SPOOL/.nbdmux-00112233" "$SPOOL/.nbdmux-44556677"
	touch -d '1 day ago' "$SPOOL/.nbdmux-00112233"
	nbdmux-add disk image
	[ ! -e "$SPOOL/disk.kick" ]
	[ -e "$SPOOL/other.kick" ]
	[ ! -e "$SPOOL/.nbdmux-00112233" ]
	[ -e "$SPOOL/.nbdmux-44556677" ]
}

# --- nbdmux-rm ----------------------------------------------------------------

@test "rm says removed or absent; absent is an error with --strict" {
	nbdmux-add disk image
	run nbdmux-rm disk
	[ "$status $output" = "0 removed disk" ]
	run nbdmux-rm disk
	[ "$status $output" = "0 absent disk" ]
	run --separate-stderr nbdmux-rm --strict disk
	[ "$status $output" = "3 absent disk" ]
	[[ $stderr == *"no export disk"* ]]
}

@test "rm takes several names, also from standard input; the worst status wins" {
	for name in a b c d; do
		nbdmux-add $name image
	done
	run --separate-stderr nbdmux-rm --strict a nosuch - < <(printf 'b\n\nc\r\n')
	[ "$status" -eq 3 ]
	[ "$output" = "removed a
absent nosuch
removed b
removed c" ]
	run nbdmux-ls --names
	[ "$output" = d ]
	nbdmux-rm --json d d >out
	[ "$(json '[(r["name"], r["result"]) for r in d["results"]]' <out)" = \
	    "[('d', 'removed')]" ]
}

@test "rm looks at all names before it removes the first" {
	nbdmux-add a image
	run nbdmux-rm a - < <(echo ../b)
	[ "$status" -eq 2 ]
	[ -e "$SPOOL/a.ini" ]
}

# --- the spool ----------------------------------------------------------------

@test "a tool that is killed at any instant leaves the old file or the new" {
	nbdmux-add disk image 2>/dev/null
	cp "$SPOOL/disk.ini" old
	text=$(printf 'x%.0s' {1..3000})
	start=$(date +%s%N)
	nbdmux-add -w -d "$text" disk image 2>/dev/null
	took=$((($(date +%s%N) - start) / 1000))
	cp "$SPOOL/disk.ini" new
	killed=0 old=0 new=0
	for i in {1..150}; do
		cp old "$SPOOL/disk.ini"
		nbdmux-add -w -d "$text" disk image >/dev/null 2>&1 &
		# From at once to twice as late as it should take.
		sleep "$(printf '0.%06d' $((took * 2 * i / 150)))"
		kill -KILL $! 2>/dev/null && killed=$((killed + 1)) || true
		wait $! || true
		if cmp -s old "$SPOOL/disk.ini"; then
			old=$((old + 1))
		else
			cmp new "$SPOOL/disk.ini"
			new=$((new + 1))
		fi
		[ "$(nbdmux-ls --names)" = disk ]
	done
	echo "killed $killed, old $old, new $new"
	[ "$old" -gt 0 ] && [ "$new" -gt 0 ]
	# What may be left does not count, and goes in time.
	find "$SPOOL" -name '.nbdmux-*' -exec touch -d '1 day ago' {} +
	nbdmux-add disk image
	[ "$(ls -A "$SPOOL")" = disk.ini ]
}

@test "a tool that is killed at every system call leaves the old file or the new" {
	command -v strace >/dev/null || skip "missing: strace"
	strace -o log nbdmux-add -w disk image 2>/dev/null ||
	    skip "strace may not trace here"
	printf '[export]\nimage = /old\n' >old
	cp "$SPOOL/disk.ini" new
	for call in openat write fchmod fsync linkat renameat close; do
		for when in 1 2 3 4 5 6; do
			cp old "$SPOOL/disk.ini"
			strace -o log -e inject=$call:signal=KILL:when=$when \
			    nbdmux-add -w disk image >/dev/null 2>&1 || true
			cmp -s old "$SPOOL/disk.ini" || cmp new "$SPOOL/disk.ini"
			[ "$(nbdmux-ls --names 2>/dev/null)" = disk ]
		done
	done
}

@test "on a full disk add fails, and the old file stays" {
	[ "$(id -u)" = 0 ] || skip "only root can mount a small disk"
	mkdir full
	mount -t tmpfs -o size=16k none full || skip "cannot mount a tmpfs here"
	export NBDMUX_SPOOL=$PWD/full
	nbdmux-add disk image 2>/dev/null
	cp full/disk.ini old
	dd if=/dev/zero of=full/fill bs=1k 2>/dev/null || true
	run nbdmux-add -w disk image
	ls -A full >names
	cmp old full/disk.ini && same=yes || same=no
	umount full
	echo "$output"
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"No space left on device"* ]]
	[ "$same" = yes ]
	[ "$(cat names)" = "disk.ini
fill" ]
}

@test "a user without permission gets one line with the remedy" {
	# Where others can get to.
	place=$(mktemp -d)
	cd "$place"
	mkdir spool
	chmod 755 . spool
	SPOOL=$place/spool
	export NBDMUX_SPOOL=$SPOOL NBDMUX_STATE=$place/state
	truncate -s 1M image
	nbdmux-add disk image
	cp "$NBDMUX_BIN"/nbdmux-{add,rm,ls} .
	as_nobody ./nbdmux-ls --names >out || skip "others cannot get here"
	[ "$(cat out)" = disk ]
	[ "$(id -u)" = 0 ] || chmod 555 "$SPOOL"
	before=$(spool_picture)
	for command in "add -w disk image" "rm disk" "add --check -w disk image"; do
		# shellcheck disable=SC2086 # a list of words
		run as_nobody ./nbdmux-$command
		echo "$command: $status: $output"
		[ "$status" -eq 1 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == *"$SPOOL"*"Permission denied; run it with sudo"* ]]
	done
	[ "$(spool_picture)" = "$before" ]
}

@test "without a spool the tools say how to get one" {
	for command in "add disk image" "rm disk" ls; do
		# shellcheck disable=SC2086 # a list of words
		run nbdmux-$command -s "$PWD/nosuch"
		[ "$status" -eq 1 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == *"$PWD/nosuch does not exist; create it"* ]]
	done
	run nbdmux-ls -s image
	[ "$status" -eq 1 ]
	[[ $output == *"not a directory"* ]]
}

# --- nbdmux-ls ----------------------------------------------------------------

@test "ls lists the spool when no daemon runs, and says so" {
	nbdmux-add -w -d "Grün" b image 2>/dev/null
	printf '[export]\nimage = relative\n' >"$SPOOL/a.ini"
	: >"$SPOOL/b.ini~"
	run --separate-stderr nbdmux-ls
	[ "$status" -eq 0 ]
	[[ $stderr == "nbdmux-ls: no daemon runs; "* ]]
	[ "${#lines[@]}" -eq 4 ]
	[[ ${lines[0]} == NAME*MODE*SIZE*STATUS*GEN*CLIENTS*READ/s*WRITE/s*DESCRIPTION ]]
	[[ ${lines[1]} == "a "*" failed "* ]]
	[[ ${lines[2]} == "    a.ini:2: "*absolute* ]]
	[[ ${lines[3]} == "b "*" rw "*" unserved "*" Grün" ]]
	run nbdmux-ls --names
	[ "$output" = "a
b" ]
	run --separate-stderr nbdmux-ls -l b
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[1]} == "b "*" all "*" $PWD/image "* ]]
}

@test "ls names the nearest when there is no such export" {
	nbdmux-add disk image 2>/dev/null
	nbdmux-add other image 2>/dev/null
	run --separate-stderr nbdmux-ls dsik other
	[ "$status" -eq 3 ]
	[[ ${lines[1]} == other* ]]
	[[ $stderr == *"no export dsik; the nearest name is disk" ]]
	run --separate-stderr nbdmux-ls --json zzzzzz
	[ "$status" -eq 3 ]
	[ "$(json 'd["exports"]' <<<"$output")" = "[]" ]
}

@test "ls --json says what the spool says" {
	nbdmux-add -d $'Gr\u00fcn "x" \\' -a ::1,10.0.0.0/8 disk image 2>/dev/null
	printf 'nonsense\n' >"$SPOOL/bad.ini"
	nbdmux-ls --json 2>/dev/null >out
	[ "$(json 'd["format"], d["daemon"]["running"]' <out)" = "(1, False)" ]
	# shellcheck disable=SC1003 # a backslash, no escape
	[ "$(json 'd["exports"][1]["description"]' <out)" = 'Grün "x" \' ]
	[ "$(json 'd["exports"][1]["spool"]["allow"]' <out)" = \
	    "['::1', '10.0.0.0/8']" ]
	[ "$(json '[(e["name"], e["status"]) for e in d["exports"]]' <out)" = \
	    "[('bad', 'failed'), ('disk', 'unserved')]" ]
	[[ $(json 'd["exports"][0]["error"]' <out) == bad.ini:1:* ]]
}

@test "a reader that goes away is no error, a full disk is" {
	for i in {1..50}; do
		printf '[export]\nimage = /x\n' >"$SPOOL/a$i.ini"
	done
	run bash -c 'nbdmux-ls -l 2>&1 | true; exit "${PIPESTATUS[0]}"'
	[ -z "$output" ]
	run bash -c 'trap "" PIPE; nbdmux-ls --names | sleep 0.1; exit "${PIPESTATUS[0]}"'
	[ "$status" -eq 0 ]
	run nbdmux-ls --names >/dev/full
	run bash -c 'nbdmux-ls --names >/dev/full'
	[ "$status" -eq 1 ]
	[[ $output == *"No space left on device"* ]]
}

# --- all of them --------------------------------------------------------------

@test "--help shows every option, --version the version" {
	for tool in add rm ls; do
		run nbdmux-$tool --version
		[ "$status" -eq 0 ]
		[[ $output =~ ^nbdmux-$tool\ \(nbdmux\)\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
		run nbdmux-$tool --help
		[ "$status" -eq 0 ]
		[[ ${lines[0]} == "usage: nbdmux-$tool [options] "* ]]
		for option in "-C FILE" "-s DIR" "-S DIR" --help --version --json; do
			[[ $output == *"  $option "* ]]
		done
	done
	run nbdmux-add --help
	for option in -w -d -a --raw --check --timeout= --description= --mode= \
	    --block-min= --block-preferred= --block-max= --max-clients= --exclusive= --allow=; do
		[[ $output == *"  $option"* ]]
	done
	[[ $output != *--image* ]]
	[[ $output != *--partition* ]]
}

@test "-s and -S come before the environment" {
	mkdir other
	nbdmux-add -s other -S "$PWD/none" disk image 2>/dev/null
	[ -e other/disk.ini ]
	[ ! -e "$SPOOL/disk.ini" ]
	[ "$(nbdmux-ls --names -s other)" = disk ]
	[ -z "$(nbdmux-ls --names)" ]
}
