# writes: into the page cache, and with syncs: -fua has each write on the disk
# before its reply, -flushN a flush after every N.
# shellcheck shell=bash disable=SC2034,SC2154

scenario_writes_rounds=2

writes_works=(1x32x4k-rand 16x32x4k-rand 1x4x1M-seq 1x32x4k-rand-flush32
    1x4x1M-seq-flush4 1x32x4k-rand-fua 16x32x4k-rand-fua 1x4x1M-seq-fua)
[[ -z $quick ]] || writes_works=(1x32x4k-rand 1x32x4k-rand-fua)

scenario_writes()
{
	local name server args
	for name in "${writes_works[@]}"; do
		wanted "$name-write" || continue
		args=(-o write -w 0.1)
		[[ $name != *-fua ]] || args+=(--fua)
		[[ $name != *-flush* ]] || args+=(--flush "${name##*-flush}")
		for server in "${servers[@]}"; do
			# what the one before left is not to be paid for by this one
			sync "$image"
			writes_one "$server" "$name" "${args[@]}" || :
		done
	done
	sync "$image"
}

# writes_one SERVER WORK NBDLOAD-ARGUMENT...
writes_one()
{
	local spec
	IFS=x- read -ra spec <<<"$2"
	run_load "$1" "$2-write" -c "${spec[0]}" -d "${spec[1]}" \
	    -b "${spec[2]}" -p "${spec[3]}" "${@:3}"
}
