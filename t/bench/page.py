"""page: a run of bench as a page: the machine, what is to be reached, and for
each scenario its tables and plots."""
from html import escape

from figures import OURS, key_of
from tables import columns, ratio_text, server_cells, titles

HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>nbdmux: make bench</title>
<style>
body { font: 15px/1.5 sans-serif; max-width: 64em; margin: 2em auto;
	padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse; margin: .5em 0 1.5em;
	font-variant-numeric: tabular-nums }
th, td { padding: .15em .7em; text-align: right; white-space: nowrap }
th { border-bottom: 2px solid #999; font-weight: 600 }
th:first-child, td:first-child, td.name, th.name { text-align: left }
tr.first td { border-top: 1px solid #ccc }
tr.ours td { background: #eef6f0; font-weight: 600 }
td.spread { color: #777; font-weight: 400 !important }
td:last-child { color: #b00000 }
td.met { color: #1b6e3c !important } td.missed { font-weight: 600 }
.wide { overflow-x: auto }
img { max-width: 100%; vertical-align: top }
dt { float: left; clear: left; width: 6em; color: #666 }
dd { margin-left: 7em }
h2 { margin-top: 2em; border-bottom: 1px solid #ccc }
</style>
<h1>make bench</h1>
"""


def tag(name, text, kind=""):
	return "<%s%s>%s</%s>" % (name, ' class="%s"' % kind if kind else "",
	    escape(text), name)


def row(cells, kind=""):
	return "<tr%s>%s" % (' class="%s"' % kind if kind else "",
	    "".join(cells))


def table(rows):
	return '<div class="wide"><table>\n%s\n</table></div>' % "\n".join(rows)


def machine(run):
	items = [line.split(": ", 1) for line in run.machine if ": " in line]
	return "<dl>%s</dl>" % "".join(
	    tag("dt", key) + tag("dd", value) for key, value in items)


def targets(run):
	rows = [row(tag("th", text, kind) for text, kind in (("scenario", ""),
	    ("work", "name"), ("figure", "name"), ("to reach", ""),
	    ("reached", ""), ("best peer", ""), ("", "")))]
	for target, work, value, best, met in run.verdicts():
		key = run.resolve(target.scenario, work, target.key)
		verdict = "not measured" if value is None else \
		    "met" if met else "not met"
		rows.append(row([tag("td", target.scenario),
		    tag("td", work, "name"),
		    tag("td", key_of(key).head if key else target.key, "name"),
		    tag("td", target.text()), tag("td", ratio_text(value)),
		    tag("td", best or "-"),
		    tag("td", verdict, "met" if met else "missed")]))
	return "<h2>To reach</h2>" + table(rows) if len(rows) > 1 else ""


def scenario_table(run, scenario):
	heads = columns(run, scenario)
	rows = [row(tag("th", text, kind) for text, kind in (("work", ""),
	    ("server", "name"), *((title, "") for title in titles(heads))))]
	for work in run.works[scenario]:
		for i, server in enumerate(run.servers_of(scenario, work)):
			cells = server_cells(run, scenario, work, server, heads)
			rows.append(row([tag("td", work if i == 0 else ""),
			    tag("td", server, "name"),
			    *(tag("td", text, "spread" if j == 1 else "")
				for j, text in enumerate(cells))],
			    " ".join((["first"] if i == 0 else []) +
			    (["ours"] if server == OURS else []))))
	return table(rows)


def remarks(run):
	out = ""
	for head, what in (("Failed", run.failures),
	    ("Left out", run.left_out)):
		if what:
			out += tag("h2", head) + "<ul>%s</ul>" % "".join(
			    tag("li", line) for line in what)
	return out


def page(run, images):
	out = [HEAD, machine(run), "<p>Medians; a ratio is over the best "
	    "peer's median of the same run: the highest rate, the lowest of "
	    "all else.", targets(run), remarks(run)]
	if not any(images.values()):
		out.append("<p>There are no plots: gnuplot was not there.")
	for scenario in run.works:
		out.append(tag("h2", scenario))
		out += ['<img src="%s" alt="%s">' % (escape(name), escape(name))
		    for name in images.get(scenario, ())]
		out.append(scenario_table(run, scenario))
	return "\n".join(out).splitlines()
