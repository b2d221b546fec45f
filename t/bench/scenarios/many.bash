# many: clients that come and go, ten thousand of them that stay, and ten
# thousand exports: what they cost and how soon one is there.
# shellcheck shell=bash disable=SC2034,SC2154

# shellcheck source-path=SCRIPTDIR source=../own.bash
. "$here/own.bash"

scenario_many_rounds=1

# settle: until the server is idle; its CPU time so far (ns) in settled
settle()
{
	local before=-1 i
	for ((i = 0; i < 50; i++)); do
		own_cost
		settled=${said[cpu_ns]}
		((before >= 0 && settled - before < 200000)) && return
		before=$settled
		sleep 0.1
	done
	whynot="it is busy without anything to do"
	return 1
}

# cpu_of WORK COMMAND...: CPU time of all threads for what it sets off, ms,
# the median of three
cpu_of()
{
	local i before name=$1 list=()
	shift
	for ((i = 0; i < 3; i++)); do
		settle || return
		before=$settled
		"$@"
		sleep 0.1
		settle || return
		list+=($(((settled - before) / 1000)))
	done
	i=$(printf '%s\n' "${list[@]}" | sort -n | sed -n 2p)
	figure many "$name" nbdmux cpu_ms "$((i / 1000)).$((i % 1000 / 100))"
}

look_again() { kill -HUP "${pid[own]}"; }

edit_one()
{
	printf '[export]\nimage = %s\ndescription = %s\n' \
	    "$work/own/images/e7" "$RANDOM$RANDOM" >"$work/own/spool/.new"
	mv "$work/own/spool/.new" "$work/own/spool/e7.ini"
}

# memory WORK COUNT BEFORE: in all, and of each of so many
memory()
{
	figure many "$1" nbdmux rss_mib "$(mebi $((said[rss] / 1024)))"
	figure many "$1" nbdmux each_kib \
	    "$(mebi $(((said[rss] - $3) / $2)))"
	figure many "$1" nbdmux threads "${said[threads]}"
}

# Connects, and the time until the first byte.
connects()
{
	local key
	for key in iops p50_us p99_us; do
		figure many "$1" "$2" "$key" "${said[$key]}"
	done
}

come_and_go()
{
	local before
	own_start "$1" && own_cost || return
	before=${said[cpu_ns]}
	crowd_churn "$seconds" img || return
	connects connects "$1"
}

many_exports()
{
	local n=$1 empty since=${EPOCHREALTIME/[.,]/}
	own_many nbdmux 1 && own_cost || return
	empty=${said[rss]}
	own_end
	own_directories nbdmux
	own_write "$n"
	since=${EPOCHREALTIME/[.,]/}
	own_nbdmux && own_ready "$n" || return
	since=$(((${EPOCHREALTIME/[.,]/} - since) / 10000))
	figure many "$n-exports" nbdmux seconds \
	    "$((since / 100)).$(printf %02d $((since % 100)))"
	settle && own_cost || return
	memory "$n-exports" "$n" "$empty"
	cpu_of "$n-exports-rescan" look_again || return
	((n == 1000)) || cpu_of "$n-exports-edit" edit_one || return
	tell "$bin/nbdscale" visible "127.0.0.1:${port[own]}" \
	    "$work/own/spool" "$image" 10 || return
	figure many "$n-exports-add" nbdmux seconds \
	    "$(awk "BEGIN { print ${said[median_ms]} / 1000 }")"
}

# Of fewer exports: each has a descriptor, too, and 20,000 is all that a system
# may give to a process.
many_connections()
{
	local n=$1 exports=1000 empty
	own_many nbdmux "$exports" && settle && own_cost || return
	cpu_of "$exports-exports-edit" edit_one || return
	empty=${said[rss]}
	crowd_hold "$n" e "$exports" || return
	connects "$n-connections" nbdmux
	settle && own_cost && memory "$n-connections" "$n" "$empty" &&
	    cpu_of "$n-connections-edit" edit_one &&
	    crowd_churn "$seconds" e "$exports" &&
	    connects "$n-connections-more" nbdmux
	set -- $?
	crowd_release
	return "$1"
}

scenario_many()
{
	local server n=10000
	[[ -z $quick ]] || n=1000
	for server in "${servers[@]}"; do
		come_and_go "$server" || fail "many: $server: $whynot"
		own_end
	done
	[[ " ${servers[*]} " == *" nbdmux "* ]] || return 0
	many_exports "$n" || fail "many: nbdmux: $whynot"
	own_end
	many_connections "$n" || fail "many: nbdmux: $whynot"
	own_end
}
