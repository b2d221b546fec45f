# cold: reads from the disk: the page cache has nothing of the image.
# shellcheck shell=bash disable=SC2034,SC2154

scenario_cold_rounds=2

cold_works=(1x32x4k-rand 1x4x1M-seq)

# The kernel forgets what it has of the image, once that is on the disk.
cold_drop()
{
	dd of="$image" oflag=nocache conv=notrunc,fdatasync count=0 status=none
}

scenario_cold()
{
	local name server spec
	for name in "${cold_works[@]}"; do
		IFS=x- read -ra spec <<<"$name"
		for server in "${servers[@]}"; do
			wanted "$name-cold" && cold_drop
			run_load "$server" "$name-cold" -c "${spec[0]}" \
			    -d "${spec[1]}" -b "${spec[2]}" -p "${spec[3]}" \
			    -w 0 || :
		done
	done
	cat "$image" >/dev/null
}
