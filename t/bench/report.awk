# report.awk: runs.csv to a table of medians, spreads and ratios, and to
# summary.csv.  A ratio is a server's figure over the best of the peers (every
# server but nbdmux) in the same run: the highest rate, the lowest CPU time.

function median(list, n,    v, i, j, t)
{
	n = split(list, v, " ")
	for (i = 2; i <= n; i++) {
		t = v[i] + 0
		for (j = i - 1; j > 0 && v[j] + 0 > t; j--)
			v[j + 1] = v[j]
		v[j + 1] = t
	}
	low = v[1] + 0
	high = v[n] + 0
	return n % 2 ? v[(n + 1) / 2] + 0 : (v[n / 2] + v[n / 2 + 1]) / 2
}

function of(w, s, name) { return median(values[w, s, name]) }

# large blocks are told by bandwidth, small ones by requests
function rate_of(w) { return w ~ /-seq/ ? "mib_s" : "iops" }

function number(x) { return x >= 10000 ? sprintf("%.1fk", x / 1000) : sprintf("%.0f", x) }

function ratio(a, b) { return b > 0 ? sprintf("%.2f", a / b) : "-" }

BEGIN { FS = "," }

FNR == 1 {
	for (i = 1; i <= NF; i++)
		column[i] = $i
	next
}

{
	if (!($2 in work_seen)) {
		work_seen[$2] = 1
		work[++works] = $2
	}
	if (!($3 in server_seen)) {
		server_seen[$3] = 1
		server[++servers] = $3
	}
	for (i = 4; i <= NF; i++)
		values[$2, $3, column[i]] = values[$2, $3, column[i]] " " $i
}

END {
	head = "%-16s %-11s %8s %-17s %6s %9s %9s %10s %10s %8s %8s\n"
	printf head, "", "", "median", "   (min - max)", "", "p50", "p99",
	    "CPU us/op", "CPU s/GiB", "rate", "CPU"
	printf "work,server,unit,median,min,max,p50_us,p99_us,p999_us," \
	    "server_us_op,server_s_gib,rate_ratio,cpu_ratio\n" >summary
	for (w = 1; w <= works; w++)
		print_work(work[w])
	print ""
	print "rate, CPU: over the best peer's of the same run (highest rate," \
	    " lowest CPU time per operation)"
	if (compared > 0)
		printf("nbdmux reaches the best peer's rate in %d of %d works%s\n",
		    compared - behind, compared,
		    (behind > 0 ? "; behind in" behind_list : ""))
}

function print_work(w,    i, s, m, best, best_cpu, unit, key, cpu, label)
{
	key = rate_of(w)
	unit = key == "iops" ? "IOPS" : "MiB/s"
	for (i = 1; i <= servers; i++) {
		s = server[i]
		if (s == "nbdmux" || !((w, s, key) in values))
			continue
		m = of(w, s, key)
		if (m > best)
			best = m
		cpu = of(w, s, "server_us_op")
		if (best_cpu == 0 || cpu < best_cpu)
			best_cpu = cpu
	}
	label = w
	for (i = 1; i <= servers; i++) {
		s = server[i]
		if (!((w, s, key) in values))
			continue
		m = of(w, s, key)
		min = low
		max = high
		cpu = of(w, s, "server_us_op")
		printf head, label, s, number(m),
		    "(" number(min) " - " number(max) ")", unit,
		    sprintf("%.0f us", of(w, s, "p50_us")),
		    sprintf("%.0f us", of(w, s, "p99_us")),
		    sprintf("%.2f", cpu),
		    sprintf("%.3f", of(w, s, "server_s_gib")),
		    ratio(m, best), ratio(cpu, best_cpu)
		printf "%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s\n", w, s, unit,
		    m, min, max, of(w, s, "p50_us"), of(w, s, "p99_us"),
		    of(w, s, "p999_us"), cpu, of(w, s, "server_s_gib"),
		    ratio(m, best), ratio(cpu, best_cpu) >summary
		if (s == "nbdmux" && best > 0) {
			compared++
			if (m < best) {
				behind++
				behind_list = behind_list " " w " (" \
				    ratio(m, best) ")"
			}
		}
		label = ""
	}
}
