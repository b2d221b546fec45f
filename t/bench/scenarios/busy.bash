# busy: the machine has other work to do, too: a process for each CPU computes.
# A server that polls, or gives its CPU away, is overtaken by one that sleeps.
# shellcheck shell=bash disable=SC2034,SC2154

scenario_busy_rounds=3

busy_works=(1x1x4k-rand 1x32x4k-rand 16x8x4k-rand)
[[ -z $quick ]] || busy_works=(1x32x4k-rand)

compute()
{
	while :; do
		:
	done
}

scenario_busy()
{
	local name server i cpus any=
	for name in "${busy_works[@]}"; do
		wanted "$name" && any=1
	done
	[[ -n $any ]] || return 0
	cpus=$(nproc)
	for ((i = 0; i < cpus; i++)); do
		launch "busy-$i" bash -c "$(declare -f compute); compute"
	done
	for name in "${busy_works[@]}"; do
		for server in "${servers[@]}"; do
			run_spec "$server" "$name"
		done
	done
	for ((i = 0; i < cpus; i++)); do
		end_process "${pid[busy-$i]}"
		unset "pid[busy-$i]"
	done
}
