# idle: what a thousand clients cost that do nothing any more.
# shellcheck shell=bash disable=SC2034,SC2154

# shellcheck source-path=SCRIPTDIR source=../own.bash
. "$here/own.bash"

scenario_idle_rounds=2

idle_of()
{
	own_start "$1" && crowd_hold 1000 img || return
	sleep 0.5
	own_cost
	crowd_release
	figure idle 1000-idle "$1" rss_mib "$(mebi $((said[rss] / 1024)))"
	figure idle 1000-idle "$1" threads "${said[threads]}"
}

scenario_idle()
{
	local server
	wanted 1000-idle || return 0
	for server in "${servers[@]}"; do
		idle_of "$server" || fail "idle: $server: $whynot"
		own_end
	done
}
