# unix: the table again, over unix sockets.
# shellcheck shell=bash disable=SC2034,SC2154

scenario_unix_rounds=3
unix_works=(1x1x4k-rand 1x32x4k-rand 16x8x4k-rand 1x8x256k-seq 4x4x1M-seq
    200x4x16k-rand 1000x1x4k-rand)
[[ -z $quick ]] || unix_works=(1x1x4k-rand 1x32x4k-rand 4x4x1M-seq)

# Those that listen on one as well have it already.
scenario_unix_start()
{
	local s
	for s in "${servers[@]}"; do
		! declare -F "start_$s-unix" >/dev/null || "start_$s-unix"
	done
}

scenario_unix()
{
	local name server via=unix
	for name in "${unix_works[@]}"; do
		for server in "${servers[@]}"; do
			wanted "$name" || continue
			if [[ -n ${socket[$server]-} ]]; then
				run_spec "$server" "$name"
			else
				leave_out "$server" "$name" \
				    "${why[$server-unix]}"
			fi
		done
	done
}
