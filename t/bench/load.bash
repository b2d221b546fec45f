# load.bash: what scenarios are made of: runs of nbdload and other measuring,
# and what becomes of it in $results.  Sourced by bench.
#
#	figure SCENARIO WORK SERVER KEY VALUE	a line of figures.csv
#	run_load SERVER WORK ARGUMENT...	run nbdload against a server
#	run_spec SERVER WORK [ARGUMENT...]	the same; WORK says what to run
#	wanted WORK				whether BENCH_WORKS has it
#	leave_out SERVER WORK REASON		say why there is no figure
#	fail MESSAGE				a run that was to work did not
# shellcheck shell=bash disable=SC2154

failures=0
load_where=
load_cpus=$(taskset -pc $$)
load_cpus=${load_cpus##*: }

figure()
{
	echo "$round,$1,$2,$3,$4,$5" >>"$results/figures.csv"
}

# note FILE TEXT: once
note()
{
	grep -qsxF -- "$2" "$results/$1" && return
	say "bench: $2"
	echo "$2" >>"$results/$1"
}

leave_out() { note left-out.txt "$scenario, $2: $1 is left out: $3"; }

fail()
{
	note failures.txt "$*"
	failures=$((failures + 1))
}

wanted()
{
	[[ -z ${BENCH_WORKS-} || " $BENCH_WORKS " == *" $1 "* ]]
}

# report_load WORK SERVER KEY=VALUE...: nbdload's line as figures
report_load()
{
	local name=$1 server=$2 word key value
	shift 2
	for word; do
		key=${word%%=*} value=${word#*=}
		case $key in
		iops | mib_s | p50_us | p99_us | p999_us | max_us) ;;
		server_us_op | server_s_gib)
			# less than the kernel's tick of accounting
			[[ $value == *[1-9]* ]] || continue
			;;
		server_rss_kib) key=rss_mib value=$(mebi "$value") ;;
		server_threads) key=threads ;;
		# of traces
		last_s) key=seconds ;;
		fairness) ;;
		server_peak_kib) key=peak_mib value=$(mebi "$value") ;;
		*) continue ;;
		esac
		figure "$scenario" "$name" "$server" "$key" "$value"
	done
}

# Of KiB, with one digit.
mebi() { echo "$(($1 / 1024)).$(($1 % 1024 * 10 / 1024))"; }

# place SERVER: on the CPUs in $load_where, or on all.
place()
{
	taskset -apc "${load_where:-$load_cpus}" "$1" >/dev/null 2>&1
}

# run_load SERVER WORK NBDLOAD-ARGUMENT... [-- TARGET EXPORT]
#
# With via=tls or via=unix set, by that, and with the server's instance for it.
# The target is that of the server unless it is said.  What a scenario gives
# comes last, so that it counts: -T, -s (and -P PID, for a server of its own).
run_load()
{
	local server=$1 name=$2 line at=$1 target
	local args=(-T "$seconds" -s "$round")
	shift 2
	wanted "$name" || return 0
	[[ -z ${via-} || -z ${pid[$at-$via]-} ]] || at+=-$via
	target=127.0.0.1:${port[$at]-}
	[[ ${via-} != unix ]] || target=${socket[$server]}
	[[ ${via-} != tls ]] || args+=(--tls="$work/tls/ca-cert.pem")
	if [[ -n ${pid[$at]-} ]]; then
		args+=(-P "${pid[$at]}")
		place "${pid[$at]}"
	fi
	[[ -z $quick ]] || args+=(-w 0.15)
	args+=("$@")
	[[ " $* " == *" -- "* ]] || args+=(-- "$target" img)
	if ! line=$(taskset -c "${load_where:-$load_cpus}" "$bin/nbdload" \
	    "${args[@]}" 2>"$work/nbdload.log"); then
		figure "$scenario" "$name" "$server" failed 1
		fail "$scenario $name: $server failed:" \
		    "$(head -n 1 "$work/nbdload.log")"
		return 1
	fi
	# shellcheck disable=SC2086 # words
	report_load "$name" "$server" $line
}

# A work's name says what it is: CONNECTIONSxDEPTHxBLOCK-PATTERN, and -1cpu
# when server and client share one CPU.
run_spec()
{
	local server=$1 name=$2 spec load_where=
	shift 2
	IFS=x- read -ra spec <<<"$name"
	[[ $name != *-1cpu ]] || load_where=${load_cpus%%[,-]*}
	run_load "$server" "$name" -c "${spec[0]}" -d "${spec[1]}" \
	    -b "${spec[2]}" -p "${spec[3]}" "$@"
}
