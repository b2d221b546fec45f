# sparse: what is not there: reads of holes, copies of a sparse image, zeroes.
# shellcheck shell=bash disable=SC2034,SC2154

scenario_sparse_rounds=3

# hole    100 GiB without any data
# pieces  20 GiB with 200 MiB of data in 3,200 pieces
# part    1 GiB, the same in 160 pieces; for who is asked to read all of it
sparse_images=(hole pieces part)
declare -gA sparse_pid=() sparse_socket=()

sparse_image()
{
	truncate -s "$2" "$work/$1.img" &&
	    /usr/bin/python3 -c 'import os, sys
fd, n = os.open(sys.argv[1], os.O_RDWR), int(sys.argv[2])
size, data = os.fstat(fd).st_size, os.urandom(65536)
for i in range(n):
	os.pwrite(fd, data, i * size // n // 65536 * 65536)' "$work/$1.img" "$3"
}

# sparse_start SERVER IMAGE: sets sparse_pid and sparse_socket of SERVER-IMAGE
sparse_start()
{
	local at=$1-$2 image=$work/$2.img
	sparse_socket[$at]=$work/$at.sock
	case $1 in
	nbdmux)
		printf '[export]\nimage = %s\nmode = rw\n' "$image" \
		    >"$work/spool/$2.ini"
		sparse_socket[$at]=${socket[nbdmux]}
		sparse_pid[$at]=${pid[nbdmux]}
		wait_for 10 nbdmux_ready "$2" ||
		    fail "sparse: nbdmux does not serve $2"
		return
		;;
	nbdkit) launch_nbdkit "$at" -U "$peer_dir/$at.sock" ;;
	qemu-nbd) launch_qemu-nbd "$at" --discard=unmap -k "$peer_dir/$at.sock" ;;
	esac
	came_up "$at" test -S "$work/$at.sock" ||
	    fail "sparse: $1 ${why[$at]}"
	sparse_pid[$at]=${pid[$at]-}
}

scenario_sparse_start()
{
	local server name
	if ! sparse_image hole 100G 0 || ! sparse_image pieces 20G 3200 ||
	    ! sparse_image part 1G 160; then
		fail "sparse: cannot make the images"
		return
	fi
	for server in "${servers[@]}"; do
		[[ $server != nbd-server ]] || continue
		for name in "${sparse_images[@]}"; do
			sparse_start "$server" "$name"
		done
	done
}

# sparse_can SERVER WORK IMAGE
sparse_can()
{
	wanted "$2" || return
	[[ -n ${sparse_pid[$1-$3]-} ]] && return
	leave_out "$1" "$2" "it knows no structured replies"
	return 1
}

# sparse_read WORK NBDLOAD-ARGUMENT...: from the hole
sparse_read()
{
	local server
	for server in "${servers[@]}"; do
		sparse_can "$server" "$1" hole || continue
		run_load "$server" "$1" -P "${sparse_pid[$server-hole]}" \
		    --structured -p seq "${@:2}" \
		    -- "${sparse_socket[$server-hole]}" \
		    "$(sparse_export "$server" hole)"
	done
}

# What an image is called there.
sparse_export()
{
	case $1 in
	nbdmux) echo "$2" ;;
	*) echo img ;;
	esac
}

sparse_cpu_ms()
{
	awk -v hz="$(getconf CLK_TCK)" \
	    '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / hz) }' \
	    "/proc/$1/stat"
}

# sparse_copy WORK IMAGE NBDCOPY-ARGUMENT...: URI in there stands for the image.
# The time is nbdcopy's from its start to its end.
sparse_copy()
{
	local server name=$1 uri at took cpu args
	for server in "${servers[@]}"; do
		at=$server-$2
		sparse_can "$server" "$name" "$2" || continue
		uri="nbd+unix:///$(sparse_export "$server" "$2")"
		uri+="?socket=${sparse_socket[$at]##*/}"
		args=("${@:3}")
		args=("${args[@]/#URI/$uri}")
		cpu=$(sparse_cpu_ms "${sparse_pid[$at]}")
		# shellcheck disable=SC2016 # for the inner shell
		if ! took=$(cd "$work" && "${peer[@]}" timeout 60 bash -c '
		    TIMEFORMAT=%R; time nbdcopy "$@"' copy "${args[@]}" 2>&1); then
			fail "sparse $name: $server failed: ${took%%$'\n'*}"
			continue
		fi
		figure sparse "$name" "$server" seconds "$took"
		figure sparse "$name" "$server" cpu_ms \
		    $(($(sparse_cpu_ms "${sparse_pid[$at]}") - cpu))
	done
}

scenario_sparse()
{
	sparse_read hole-1x4x1M-seq -d 4 -b 1M
	sparse_read hole-1x4x32M-seq -d 4 -b 32M
	if ! peer_has nbdcopy; then
		leave_out nbdcopy copies "it is not there (Debian's libnbd-bin)"
		return
	fi
	# nbdcopy asks what is data, and reads that
	sparse_copy nbdcopy-pieces pieces URI null:
	# does not ask: 1 GiB is read, of which holes may be told
	sparse_copy nbdcopy-no-extents part --no-extents URI null:
	# a WRITE_ZEROES or TRIM after the other: 100 GiB
	truncate -s 100G "$work/zeroes"
	sparse_copy nbdcopy-zeroes hole zeroes URI
}
