# growth: the same load, 64 requests of 4 KiB in flight or one per connection
# where these are more, with more and more connections and exports.
# shellcheck shell=bash disable=SC2034,SC2154

# shellcheck source-path=SCRIPTDIR source=../own.bash
. "$here/own.bash"

scenario_growth_rounds=1
growth_together=64

# worst_step WHAT SERVER: the largest factor by which the rate falls from one
# point to the next; 1 is a rate that never falls
worst_step()
{
	grep "^$round,growth,$1-[0-9]*,$2,iops," "$results/figures.csv" |
	    awk -F, '{ if (NR > 1 && last / $6 > worst) worst = last / $6
	        last = $6 }
	    END { if (NR > 1) printf "%.3f\n", (worst > 1 ? worst : 1) }' |
	    while read -r worst; do
		    figure growth "$1-worst-step" "$2" ratio "$worst"
	    done
}

# grow_load SERVER WORK CONNECTIONS ARGUMENT... EXPORT
grow_load()
{
	local depth=$((growth_together / $3))
	run_load "$1" "$2" -c "$3" -d "$((depth > 0 ? depth : 1))" -w 0.1 \
	    -P "${pid[own]}" "${@:4:$#-4}" -- "127.0.0.1:${port[own]}" \
	    "${@: -1}"
}

# nbdkit has 17 threads for a connection, and a kernel has so many at most.
too_many()
{
	[[ $1 == nbdkit ]] && (($2 * 17 > $(</proc/sys/kernel/pid_max)))
}

# connections SERVER N...
grow_connections()
{
	local server=$1 n
	shift
	own_start "$server" || return
	for n; do
		if too_many "$server" "$n"; then
			leave_out "$server" "connections-$n" \
			    "it would need $((n * 17)) threads"
		else
			grow_load "$server" "connections-$n" "$n" img
		fi
	done
	worst_step connections "$server"
}

# exports SERVER N...: 64 connections to them, as far as there are so many
grow_exports()
{
	local server=$1 n
	shift
	own_many "$server" 1 || return
	for n; do
		own_more "$n" || return
		grow_load "$server" "exports-$n" 64 --exports "$n" e
	done
	worst_step exports "$server"
}

scenario_growth()
{
	local server what points=(1 2 4 8 16 32 64 128 256 512 1024 2048 4096)
	local seconds=0.5
	[[ -z $quick ]] || points=(1 16 256) seconds=0.2
	for server in "${servers[@]}"; do
		[[ $server == nbdmux || $server == nbdkit ]] || continue
		for what in connections exports; do
			"grow_$what" "$server" "${points[@]}" ||
			    fail "growth: $server: $whynot"
			own_end
		done
	done
}
