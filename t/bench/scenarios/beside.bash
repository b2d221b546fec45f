# beside: one client reads 4 KiB anywhere in what is in the page cache, 32 at a
# time, alone and then beside another one that reads from the disk: 4 KiB
# anywhere, 4 or 32 (which takes all that two CPUs have) at a time, or 1 MiB
# after 1 MiB; from the same export, and (nbdmux has several) from another one.
# "ratio" is the first client's p99 beside the other over that alone.
# shellcheck shell=bash disable=SC2034,SC2154

scenario_beside_rounds=2
beside_hot=$((64 << 20)) # bytes at the image's beginning

# beside_trace FILE READS FROM TO: 4 KiB each, anywhere there
beside_trace()
{
	awk -v n="$2" -v from="$3" -v to="$4" -v seed="$2" 'BEGIN {
		srand(seed)
		blocks = (to - from) / 4096
		for (i = 0; i < n; i++)
			printf "0 %d 4096\n", from + int(rand() * blocks) * 4096
	}' >"$1"
}

# beside_rows FILE FROM TO: 1 MiB each, one after the other
beside_rows()
{
	seq "$2" $((1 << 20)) $(($3 - (1 << 20))) |
	    awk '{ print "0", $1, 1048576 }' >"$1"
}

scenario_beside_start()
{
	local size
	size=$(stat -c %s "$image")
	beside_trace "$work/hot.trace" 100000 0 "$beside_hot"
	beside_trace "$work/rand.trace" 400000 "$beside_hot" "$size"
	beside_rows "$work/seq.trace" "$beside_hot" "$size"
	[[ -n ${pid[nbdmux]-} ]] || return 0
	printf '[export]\nimage = %s\n' "$image" >"$work/spool/beside.ini"
	wait_for 10 nbdmux_ready beside || fail "beside: nbdmux has no 2nd export"
}

# Only what the first client reads is in the page cache.
beside_prepare()
{
	dd of="$image" oflag=nocache conv=notrunc,fdatasync count=0 status=none
	dd if="$image" of=/dev/null bs=1M count=$((beside_hot >> 20)) status=none
}

# beside_p99 WORK SERVER: of this round, as it was reported
beside_p99()
{
	awk -F, -v key="$round,beside,$1,$2,p99_us" \
	    '$1 "," $2 "," $3 "," $4 "," $5 == key { v = $6 } END { print v }' \
	    "$results/figures.csv"
}

# beside_one SERVER WORK [PATTERN DEPTH EXPORT]: what the other client reads
beside_one()
{
	local server=$1 name=$2 alone p99
	wanted "$name" || return 0
	beside_prepare
	if [[ -n ${3-} ]]; then
		launch beside-load "$bin/nbdload" -d "$4" \
		    --trace "$work/$3.trace" "127.0.0.1:${port[$server]}" "$5"
		sleep 0.1
	fi
	run_load "$server" "$name" -d 32 --trace "$work/hot.trace" || :
	[[ -n ${3-} ]] || return 0
	if ! is_alive beside-load; then
		leave_out "$server" "$name" "the other client had all it wanted first"
		unset "pid[beside-load]"
		return 0
	fi
	end_process "${pid[beside-load]}"
	unset "pid[beside-load]"
	alone=$(beside_p99 alone "$server") p99=$(beside_p99 "$name" "$server")
	[[ -z $alone || -z $p99 ]] || figure beside "$name" "$server" ratio \
	    "$(awk -v a="$alone" -v b="$p99" 'BEGIN { printf "%.2f", b / a }')"
}

scenario_beside()
{
	local server
	for server in "${servers[@]}"; do
		beside_one "$server" alone
		beside_one "$server" beside-4-rand rand 4 img
		beside_one "$server" beside-2-seq seq 2 img
		beside_one "$server" flood-32-rand rand 32 img
		[[ $server != nbdmux ]] ||
		    beside_one "$server" beside-4-rand-other rand 4 beside
	done
	cat "$image" >/dev/null
}
