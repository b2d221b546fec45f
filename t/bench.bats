#!/usr/bin/env bats
# The benchmark itself: what it measures becomes figures, tables and a page, and
# what it could not measure is said.  How fast anything is, is not tested.

load helper

setup()
{
	needs nbdkit
	setup_dirs
	mkdir "$DIR/bin"
	export BENCH_BIN=$NBDMUX_BUILD/t/bench BENCH_RESULTS=$DIR/results
	export BENCH_DIR=$DIR BENCH_SIZE=$((16 << 20)) BENCH_PEERS=system
	export BENCH_ROUNDS=1 BENCH_SECONDS=0.2 BENCH_SERVERS="nbdmux nbdkit"
	export BENCH_SCENARIOS=table BENCH_WORKS=16x8x4k-rand
}

# bench: a run of it; its directory in RESULTS.
bench()
{
	PATH=$DIR/bin:$PATH run "$BATS_TEST_DIRNAME/bench/bench"
	RESULTS=$(echo "$BENCH_RESULTS"/*)
}

# nbdkit_is: what is on standard input is run for nbdkit.
nbdkit_is()
{
	cat >"$DIR/bin/nbdkit"
	chmod 755 "$DIR/bin/nbdkit"
}

@test "a run has a line for every figure, tables and a page" {
	bench
	[ "$status" -eq 0 ]
	[ "$(head -n 1 "$RESULTS/figures.csv")" = \
	    "round,scenario,work,server,key,value" ]
	for server in nbdmux nbdkit; do
		for key in iops mib_s p50_us p99_us rss_mib threads; do
			[ "$(grep -c "^1,table,$BENCH_WORKS,$server,$key," \
			    "$RESULTS/figures.csv")" -eq 1 ]
		done
	done
	strange=$(tail -n +2 "$RESULTS/figures.csv" | grep -vE \
	    '^1,table,16x8x4k-rand,(nbdmux|nbdkit),[a-z0-9_]+,[0-9.]+$') || true
	[ -z "$strange" ]
	[[ $output == *"16x8x4k-rand  nbdmux "*" IOPS "*nbdkit* ]]
	grep -q '^table,16x8x4k-rand,nbdkit,iops,.*,1,nbdkit,1.000$' \
	    "$RESULTS/summary.csv"
	grep -q '^table  *16x8x4k-rand  *rate  *>= 1.7x ' "$RESULTS/tables.txt"
	grep -q '<td>16x8x4k-rand</td><td class="name">nbdmux</td>' \
	    "$RESULTS/index.html"
	grep -q '^nbdkit: nbdkit 1' "$RESULTS/machine.txt"
	[ ! -e "$RESULTS/failures.txt" ]
	[ -z "$(find "$DIR" -name 'nbdmux-bench.*')" ]
}

@test "a server that does not start is left out, with what it said" {
	nbdkit_is <<-'EOF2'
		#!/bin/sh
		echo "nbdkit: out of luck"
		exit 1
	EOF2
	bench
	[ "$status" -eq 0 ]
	why="nbdkit is left out: did not start: nbdkit: out of luck"
	[[ $output == *"$why"* ]]
	grep -qF "$why" "$RESULTS/tables.txt"
	grep -qF "$why" "$RESULTS/index.html"
	grep -q '^1,table,16x8x4k-rand,nbdmux,iops,' "$RESULTS/figures.csv"
}

@test "a server that fails under load is said to, and so is the run" {
	nbdkit_is <<-'EOF2'
		#!/usr/bin/python3
		import socket, sys
		if "-p" not in sys.argv: sys.exit("nbdkit 0")
		port = int(sys.argv[sys.argv.index("-p") + 1])
		listener = socket.create_server(("127.0.0.1", port))
		while True: listener.accept()[0].close()
	EOF2
	bench
	[ "$status" -eq 1 ]
	why="table 16x8x4k-rand: nbdkit failed: "
	[[ $output == *"$why"*"1 runs failed"* ]]
	grep -q '^1,table,16x8x4k-rand,nbdkit,failed,1$' "$RESULTS/figures.csv"
	grep -qE '^ *nbdkit .*failed in 1 round$' "$RESULTS/tables.txt"
	grep -qF "$why" "$RESULTS/tables.txt"
	grep -qF "$why" "$RESULTS/index.html"
}

@test "the report goes without gnuplot, and says so" {
	mkdir "$DIR/run"
	printf '%s\n' round,scenario,work,server,key,value \
	    1,table,1x1x4k-rand,nbdmux,iops,3 1,table,1x1x4k-rand,nbdmux,iops,9 \
	    2,table,1x1x4k-rand,nbdmux,iops,4 1,table,1x1x4k-rand,a,iops,2 \
	    1,table,1x1x4k-rand,b,iops,1 >"$DIR/run/figures.csv"
	PATH=$DIR run "$BATS_TEST_DIRNAME/bench/report" "$DIR/run"
	[ "$status" -eq 0 ]
	[[ $output == *"no plots: gnuplot is not installed"* ]]
	# medians, and over the best of the others
	grep -qx 'table,1x1x4k-rand,nbdmux,iops,4,3,9,3,a,2.000' \
	    "$DIR/run/summary.csv"
	grep -qx 'table,1x1x4k-rand,b,iops,1,1,1,1,a,0.500' \
	    "$DIR/run/summary.csv"
	grep -qE '1x1x4k-rand  rate  >= 1.2x  +2.00  +a  +met$' <<<"$output"
}

@test "curves are drawn where works are numbers" {
	needs gnuplot
	mkdir "$DIR/run"
	{
		echo round,scenario,work,server,key,value
		for n in 1 8 64; do
			echo "1,growth,$n,nbdmux,iops,$((n * 1000))"
			echo "1,growth,$n,nbdkit,iops,$((n * 500))"
		done
	} >"$DIR/run/figures.csv"
	"$BATS_TEST_DIRNAME/bench/report" "$DIR/run"
	grep -q '<svg' "$DIR/run/growth-connections-iops.svg"
	grep -q 'src="growth-connections-iops.svg"' "$DIR/run/index.html"
	grep -q 'growth: IOPS by connections' "$DIR/run/table.txt"
}

@test "the README's part is replaced between its marks, and nothing else" {
	mkdir "$DIR/run"
	printf '%s\n' "  the table" "  the plot" >"$DIR/run/table.txt"
	printf '%s\n' before "  -- made by make bench" old "  --" after \
	    >"$DIR/README"
	"$BATS_TEST_DIRNAME/bench/readme" "$DIR/run" "$DIR/README"
	printf '%s\n' before "  -- made by make bench" "" "  the table" \
	    "  the plot" "" "  --" after | diff - "$DIR/README"
	sed -i '/^  --$/d' "$DIR/README"
	run "$BATS_TEST_DIRNAME/bench/readme" "$DIR/run" "$DIR/README"
	[ "$status" -eq 1 ]
	[[ $output == *'no line "  --"'* || $output == *'line "  --" ends'* ]]
	[ "$(wc -l <"$DIR/README")" -eq 7 ]
}
