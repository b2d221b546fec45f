# table: reads from the page cache over TCP, from one connection to a thousand.
# shellcheck shell=bash disable=SC2154

# A single request in flight on two CPUs that are otherwise idle is a coin toss
# between 12k and 90k IOPS for any server, for it measures whether the scheduler
# put both on one CPU or has to wake a halted one each time: therefore -1cpu.
table_works=(1x1x4k-rand 1x1x4k-rand-1cpu 1x32x4k-rand 16x8x4k-rand
    1x8x256k-seq 4x4x1M-seq 200x4x16k-rand 1000x1x4k-rand)

scenario_table()
{
	local name server
	for name in "${table_works[@]}"; do
		for server in "${servers[@]}"; do
			run_spec "$server" "$name"
		done
	done
}
