"""plots: a run of bench drawn by gnuplot: bars of ratios for works, curves where
the works of a scenario are numbers, and one of them as text."""
import os
import shutil
import subprocess

from figures import MORE_IS_BETTER, OURS, key_of
from tables import NOT_SHOWN, PAIRS, comparable

COLOURS = ("#1b6e3c", "#3b6fb6", "#d08a1e", "#9a9a9a", "#a04080", "#505050")
LETTERS = "*ox+#@"
MISSING = "NaN"


class Missing(Exception):
	pass


def gnuplot(script):
	program = shutil.which("gnuplot")
	if program is None:
		raise Missing("gnuplot is not installed "
		    "(Debian's package gnuplot-nox)")
	done = subprocess.run([program], input=script, text=True,
	    capture_output=True, check=False)
	if done.returncode != 0:
		print("report: gnuplot:", done.stderr.strip())
	return done.stdout


def quoted(text):
	return '"%s"' % text.replace("\\", "").replace('"', "")


def number(value):
	return MISSING if value is None else "%.6g" % value


def block(rows):
	return "$data << END\n%s\nEND\n" % "\n".join(" ".join(r) for r in rows)


def svg(path, width, height):
	return ("set terminal svg noenhanced size %d,%d font 'sans-serif,13' "
	    "background 'white'\nset output %s\n" %
	    (width, height, quoted(path)))


STYLE = """set grid ytics lc rgb '#dddddd'
set border 3 lc rgb '#777777'
set tics nomirror textcolor rgb '#333333'
set key top left horizontal
"""


# --- bars: ratios over the best peer, a group for each work --------------------


def target_of(run, scenario, work, key):
	for target, name, _, _, _ in run.verdicts():
		if (target.scenario, name) == (scenario, work) and \
		    target.relative and \
		    run.resolve(scenario, work, target.key) == key:
			return target.number
	return None


def bar_rows(run, scenario, works, what):
	"""A row for each work that has it: label, servers' ratios, target."""
	rows = []
	for work in works:
		key = run.resolve(scenario, work, what)
		ratio = run.times if what == "rate" else run.ratio
		ratios = [ratio(scenario, work, s, key) for s in run.servers]
		if key and ratios[run.servers.index(OURS)] is not None:
			rows.append([quoted(work), *map(number, ratios),
			    number(target_of(run, scenario, work, key))])
	return rows


def draw_bars(run, scenario, works, what, title):
	rows = bar_rows(run, scenario, works, what)
	if not rows:
		return None
	name = "%s-%s.svg" % (scenario, what)
	bars = ["$data using %d:xtic(1) title %s lc rgb '%s'" %
	    (i + 2, quoted(s), COLOURS[i % len(COLOURS)])
	    for i, s in drawn(run, rows)]
	last = len(run.servers) + 2
	if any(row[-1] != MISSING for row in rows):
		# above nbdmux's bar, the first of those around the work
		n = len(drawn(run, rows))
		bars.append("$data using ($0 - %g):%d with points pt 2 ps 1.2 "
		    "lw 2 lc rgb '#c00000' title 'to reach'" %
		    ((n - 1) / 2 / (n + 1), last))
	gnuplot(svg(os.path.join(run.results, name), 1000, 380) + STYLE +
	    "set style data histograms\nset style histogram clustered gap 1\n"
	    "set style fill solid 0.9 noborder\nset title %s\n"
	    "set yrange [0:*]\nset offset 0,0,graph 0.15,0\n"
	    "set xtics rotate by -20\n" % quoted(title) + block(rows) +
	    "plot 1 lc rgb '#777777' dt 2 notitle, " + ", ".join(bars) + "\n")
	return name


# --- curves: a figure over a number --------------------------------------------


def curve_rows(run, scenario, points, key):
	return [[str(n), *(number(run.median(scenario, work, s, key))
	    for s in run.servers)] for n, work in points]


def drawn(run, rows):
	"""The columns of servers that have a figure at all."""
	return [(i, s) for i, s in enumerate(run.servers)
	    if any(row[i + 1] != MISSING for row in rows)]


def draw_curve(run, scenario, what, points, key):
	rows = curve_rows(run, scenario, points, key)
	name = "%s-%s-%s.svg" % (scenario, what, key)
	lines = ["$data using 1:%d with linespoints lw 2 pt 7 ps 0.6 "
	    "lc rgb '%s' title %s" %
	    (i + 2, COLOURS[i % len(COLOURS)], quoted(s))
	    for i, s in drawn(run, rows)]
	if not lines:
		return None
	y = "set yrange [0:*]\nset format y '%.0s%c'\n" \
	    if key in MORE_IS_BETTER else "set logscale y 10\n"
	key = key_of(key)
	gnuplot(svg(os.path.join(run.results, name), 490, 340) + STYLE + y +
	    "set logscale x 2\nset title %s\nset xlabel %s\n"
	    "set xtics rotate by -45\nset key bottom right vertical\n" %
	    (quoted("%s, %s" % (key.head, key.unit or "number")), quoted(what))
	    + block(rows) + "plot " + ", ".join(lines) + "\n")
	return name


def curve_keys(run, scenario, points):
	keys = run.keys(scenario, points[0][1])
	drop = set(NOT_SHOWN) | {pair[1] for pair in PAIRS if pair[0] in keys}
	return [k for k in keys if k not in drop]


def draw(run):
	"""{scenario: [names of SVG files]}"""
	images = {}
	for scenario in run.works:
		works = comparable(run, scenario)
		names = [draw_bars(run, scenario, works, what, title)
		    for what, title in (
			("rate", "rate, best peer = 1: more is better"),
			("cpu", "the server's CPU time, best peer = 1: "
			    "less is better"),
			("p99_us", "99th percentile of latency, best peer = 1:"
			    " less is better"))]
		for what, points in run.curves(scenario).items():
			names += [draw_curve(run, scenario, what, points, key)
			    for key in curve_keys(run, scenario, points)]
		images[scenario] = [name for name in names if name]
	return images


# --- as text -------------------------------------------------------------------


def first_curve(run):
	"""The growth of a rate, where the run has that."""
	for scenario in run.works:
		for what, points in run.curves(scenario).items():
			key = run.rate_key(scenario, points[0][1])
			if key and run.median(scenario, points[0][1], OURS, key):
				return scenario, what, points, key
	return None


def text_curve(run, scenario, what, points, key):
	rows = curve_rows(run, scenario, points, key)
	lines = ["$data using 1:%d with points pt '%s' title %s" %
	    (i + 2, LETTERS[i % len(LETTERS)], quoted(s))
	    for i, s in drawn(run, rows)]
	key = key_of(key)
	return ("set logscale x 2\nset format y '%%.0s%%c'\nset yrange [0:*]\n"
	    "set xlabel %s\nset title %s\n" % (quoted(what),
	    quoted("%s: %s by %s" % (scenario, key.unit or key.head, what))) +
	    block(rows) + "plot " + ", ".join(lines) + "\n")


def text_bars(run):
	"""A bar for each of the first scenario's works but their variants,
	-1cpu and the like, for which there is no room."""
	for scenario in run.works:
		works = [work for work in comparable(run, scenario)
		    if work.count("-") < 2]
		rows = [[quoted(row[0].strip('"').split("-")[0]), row[1]]
		    for row in bar_rows(run, scenario, works, "rate")]
		if rows:
			return ("set yrange [0:*]\nset xtics nomirror\n"
			    "set style fill solid\nset boxwidth 0.5\n"
			    "set title %s\n" % quoted("%s: nbdmux's rate, the "
			    "best peer's is 1" % scenario) + block(rows) +
			    "plot $data using 0:2:xtic(1) with boxes notitle, "
			    "1 with lines notitle\n")
	return None


def text_plot(run):
	"""Lines of text for the README, or none without anything to draw."""
	curve = first_curve(run)
	script = text_curve(run, *curve) if curve else text_bars(run)
	if script is None:
		return []
	out = gnuplot("set terminal dumb noenhanced mono size 76,18\n"
	    "set key outside bottom center horizontal\n" + script)
	return [line.rstrip() for line in out.replace("\f", "").splitlines()
	    if line.strip()]
