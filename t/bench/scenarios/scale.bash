# scale: what many exports cost, and how soon a new one is there.
# shellcheck shell=bash disable=SC2034,SC2154

scenario_scale_rounds=1

scenario_scale()
{
	local exports=(1000)
	[[ -n $quick ]] || exports+=(10000)
	"$here/scale" "${exports[@]}" | tee "$results/scale.txt"
	((PIPESTATUS[0] == 0)) || fail "scale: it failed"
}
