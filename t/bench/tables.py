"""tables: a run of bench as text: all of it, what is to be reached, and the
part of the README."""
import csv
import textwrap

from figures import FAILED, KEYS, OURS, key_of

PAIRS = (("iops", "mib_s"), ("server_us_op", "server_s_gib"))
NOT_SHOWN = ("p999_us", "max_us")
WIDTH = 78


def grid(rows, left=2, indent=""):
	"""Rows of cells as lines, the first "left" columns flush left."""
	if not rows:
		return []
	width = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
	return [(indent + "  ".join(
	    cell.ljust(width[i]) if i < left else cell.rjust(width[i])
	    for i, cell in enumerate(row))).rstrip() for row in rows]


def ratio_text(value):
	return "-" if value is None else "%.2f" % value


# --- everything ---------------------------------------------------------------


def shown_keys(run, scenario, work):
	"""The rate that fits the work, the CPU time that fits it, the rest."""
	drop = set(NOT_SHOWN)
	rate, cpu = run.rate_key(scenario, work), run.cpu_key(scenario, work)
	for pair, use in zip(PAIRS, (rate, cpu)):
		drop |= {k for k in pair if k != use}
	return [k for k in run.keys(scenario, work) if k not in drop]


def cell(run, scenario, work, server, key):
	value = run.median(scenario, work, server, key)
	if value is None:
		return "-"
	key = key_of(key)
	return (key.text(value) + " " + key.unit).rstrip()


def spread_cell(run, scenario, work, server, key):
	if run.median(scenario, work, server, key) is None:
		return ""
	return "(%s - %s)" % tuple(
	    key_of(key).text(v) for v in run.spread(scenario, work, server, key))


def heads_of(run, scenario, work):
	"""{heading: key}"""
	return {key_of(k).head: k for k in shown_keys(run, scenario, work)}


def columns(run, scenario):
	"""Headings of all its works: the alternatives of a rate, and of CPU
	time, are one column, and so are rates and times of different works."""
	order = [key.head for key in KEYS.values()]
	heads = []
	for work in run.works[scenario]:
		have = heads_of(run, scenario, work)
		heads += [h for h in have if h not in heads]
	heads.sort(key=lambda h: order.index(h) if h in order else len(order))
	if not any({"rate", "time"} <= heads_of(run, scenario, work).keys()
	    for work in run.works[scenario]) and heads[:2] == ["rate", "time"]:
		heads[:2] = ["rate/time"]
	return heads


def failed_text(run, scenario, work, server):
	rounds = len(run.values.get((scenario, work, server, FAILED), ()))
	return "failed in %d %s" % (rounds, "round" if rounds == 1
	    else "rounds") if rounds else ""


def server_cells(run, scenario, work, server, heads):
	"""A cell for each heading, behind the first one its spread and ratio,
	behind CPU its ratio, and last whether it failed."""
	keys = heads_of(run, scenario, work)
	keys["rate/time"] = keys.get("rate", keys.get("time"))
	out = []
	for i, head in enumerate(heads):
		at = scenario, work, server, keys.get(head)
		have = keys.get(head) is not None
		out.append(cell(run, *at) if have else "")
		if i == 0:
			out.append(spread_cell(run, *at) if have else "")
		if i == 0 or head == "CPU":
			out.append(ratio_text(run.ratio(*at)) if have else "")
	return out + [failed_text(run, scenario, work, server)]


def titles(heads):
	out = []
	for i, head in enumerate(heads):
		out.append(head)
		if i == 0:
			out.append("(min - max)")
		if i == 0 or head == "CPU":
			out.append("ratio")
	return out + [""]


def scenario_rows(run, scenario):
	heads = columns(run, scenario)
	rows = [["", "", *titles(heads)]]
	for work in run.works[scenario]:
		for i, server in enumerate(run.servers_of(scenario, work)):
			rows.append([work if i == 0 else "", server,
			    *server_cells(run, scenario, work, server, heads)])
	return rows


def all_tables(run):
	out = []
	for scenario in run.works:
		out += ["", scenario.upper(),
		    *grid(scenario_rows(run, scenario))]
	return out + ["", "A ratio is a median over the best peer's median of "
	    "the same run: highest rate,", "lowest of all else."]


def verdict_lines(run):
	rows = [["scenario", "work", "", "to reach", "reached", "best peer", ""]]
	for target, work, value, best, met in run.verdicts():
		key = run.resolve(target.scenario, work, target.key)
		rows.append([target.scenario, work,
		    key_of(key).head if key else target.key, target.text(),
		    ratio_text(value), best or "-", "not measured"
		    if value is None else "met" if met else "NOT MET"])
	return grid(rows, 4) if len(rows) > 1 else []


def remarks(run):
	out = []
	for head, what in (("Failed:", run.failures),
	    ("Left out:", run.left_out)):
		if what:
			out += ["", head] + ["  " + line for line in what]
	return out


def write_summary(run, path):
	with open(path, "w", newline="", encoding="utf-8") as file:
		out = csv.writer(file, lineterminator="\n")
		out.writerow(("scenario", "work", "server", "key", "median",
		    "min", "max", "runs", "best_peer", "ratio"))
		for at, values in run.values.items():
			scenario, work, _, key = at
			best = run.best_peer(scenario, work, key)
			ratio = run.ratio(*at)
			out.writerow((*at, "%.6g" % run.median(*at),
			    *("%.6g" % v for v in run.spread(*at)),
			    len(values), best[0] if best else "",
			    "" if ratio is None else "%.3f" % ratio))


# --- the README's -------------------------------------------------------------


def main_figure(run, scenario, work, server):
	"""As the README has it: 642k, 9.3 GiB/s, 0.21 s, 7.2 MiB."""
	key = run.main_key(scenario, work)
	value = run.median(scenario, work, server, key)
	if value is None:
		return "-"
	if key == "mib_s":
		return "%.1f GiB/s" % (value / 1024)
	if key == "iops":
		return "%.*fk" % (0 if value >= 9950 else 1, value / 1000)
	return cell(run, scenario, work, server, key)


def comparable(run, scenario):
	"""Works, but for points of curves, that a peer has done, too."""
	points = {work for curve in run.curves(scenario).values()
	    for _, work in curve}
	return [work for work in run.works[scenario] if work not in points and
	    run.ratio(scenario, work, OURS, run.main_key(scenario, work))]


def readme_row(run, scenario, work):
	main, cpu = run.main_key(scenario, work), run.cpu_key(scenario, work)
	best = run.best_peer(scenario, work, main)
	row = [work, main_figure(run, scenario, work, OURS),
	    "%s %s" % (main_figure(run, scenario, work, best[0]), best[0])]
	return row + [ratio_text(run.times(scenario, work, OURS, main))] + [
	    ratio_text(run.ratio(scenario, work, OURS, key))
	    for key in (cpu, "p99_us")]


def readme_table(run):
	rows = []
	for scenario in run.works:
		works = comparable(run, scenario)
		if works:
			rows.append([scenario, "nbdmux", "best peer", "times",
			    "CPU", "p99"])
			rows += [readme_row(run, scenario, work)
			    for work in works]
			rows[-len(works):] = [["  " + row[0], *row[1:]]
			    for row in rows[-len(works):]]
	return grid(rows, 1, "    ")


def not_better(run):
	"""What was not better than the best peer, and what is not reached."""
	rows = []
	for scenario in run.works:
		for work in comparable(run, scenario):
			for what in ("main", "cpu", "p99_us"):
				key = run.resolve(scenario, work, what)
				better = run.times(scenario, work, OURS, key)
				if better is None:
					continue
				value = better if what == "main" else \
				    run.ratio(scenario, work, OURS, key)
				if better < 1:
					rows.append([scenario, work,
					    key_of(key).head,
					    ratio_text(value)])
	missed = [[target.scenario, work, key_of(run.resolve(target.scenario,
	    work, target.key)).head, ratio_text(value), target.text()]
	    for target, work, value, _, met in run.verdicts()
	    if value is not None and not met]
	return rows, missed


def wrapped(head, items):
	text = " ".join([head, ", ".join(items)]).rstrip() + "."
	return textwrap.wrap(text, WIDTH,
	    initial_indent="  ", subsequent_indent="  ",
	    break_on_hyphens=False)


def readme_text(run, plot):
	machine = dict(line.split(": ", 1) for line in run.machine
	    if ": " in line)
	out = wrapped("One run of it, %s, on %s, %s, medians %s.  times: the "
	    "rate over the best peer's, or how many times less time or memory "
	    "it takes; CPU (per operation) and p99: over the lowest of a peer" % (
	    machine.get("date", "?")[:10], machine.get("cpu", "?"),
	    machine.get("kernel", "?"), machine.get("medians", "?")), [])
	out += [""]
	out += readme_table(run) + [""]
	if plot:
		out += plot + [""]
	rows, missed = not_better(run)
	out += wrapped("Not better than the best peer:",
	    ["%s %s %s (%s)" % tuple(row) for row in rows] or ["nothing"])
	if missed:
		out += wrapped("Better, but not as much as was to be reached:"
		    if not rows else "Not as much as was to be reached:",
		    ["%s %s %s (%s, %s)" % tuple(row) for row in missed])
	return out
