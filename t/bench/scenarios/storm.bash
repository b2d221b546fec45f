# storm: a lab is switched on: a thousand machines read, as fast as they can and
# four requests at a time, what one reads while it boots (boot.trace, made by
# record).  "fairness" is the time of the last to be done over that of the first.
# shellcheck shell=bash disable=SC2034,SC2154

scenario_storm_rounds=1
storm_trace=$here/boot.trace

# How long the image has to be: the highest end of a read.
storm_end()
{
	awk '!/^#/ && $2 + $3 > end { end = $2 + $3 } END { printf "%d", end }' \
	    "$storm_trace"
}

scenario_storm()
{
	local server clients=1000
	[[ -z $quick ]] || clients=50
	if (($(stat -c %s "$image") < $(storm_end))); then
		note left-out.txt "storm: the image is shorter than the trace"
		return
	fi
	for server in "${servers[@]}"; do
		# a thousand clients of its one thread are no use that it has
		[[ $server != qemu-nbd ]] || continue
		run_load "$server" "$clients-clients" -c "$clients" -d 4 \
		    --trace "$storm_trace" || :
	done
}
