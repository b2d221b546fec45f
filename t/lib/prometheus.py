"""
prometheus: a strict reader of the text format (version 0.0.4): fails, with the
line, on whatever a scraper may stumble over.  Standard input.
"""

import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")
UNITS = {"counter": ("_total",), "histogram": ("_seconds",)}


def family(name, types):
	"""The metric that a sample belongs to."""
	for end in ("_bucket", "_sum", "_count"):
		if name.endswith(end) and types.get(name[:-len(end)]) == "histogram":
			return name[:-len(end)]
	return name


def histogram(name, samples):
	"""Bounds rise to +Inf, counts do not fall, and the last is _count."""
	groups = {}
	for sample, labels, value in samples:
		rest = tuple((k, v) for k, v in labels if k != "le")
		g = groups.setdefault(rest, {"buckets": []})
		if sample.endswith("_bucket"):
			g["buckets"].append((float(dict(labels)["le"]), value))
		else:
			g[sample[len(name):]] = value
	for g in groups.values():
		bounds = [b for b, _ in g["buckets"]]
		counts = [c for _, c in g["buckets"]]
		assert bounds == sorted(set(bounds)), (name, bounds)
		assert bounds[-1] == float("inf"), (name, bounds)
		assert counts == sorted(counts), (name, counts)
		assert counts[-1] == g["_count"], (name, g)
		assert g["_sum"] >= 0, (name, g)


def main():
	helps, types, samples, done, now = set(), {}, {}, set(), None
	data = sys.stdin.buffer.read()
	text = data.decode("utf-8")
	assert text.endswith("\n") and "\r" not in text
	for line in text.split("\n")[:-1]:
		m = re.fullmatch(rf"# (HELP|TYPE) ({NAME}) (.+)", line)
		if m and m[1] == "HELP":
			assert m[2] not in helps, line
			helps.add(m[2])
			continue
		if m:
			assert m[2] in helps and m[2] not in types, line
			assert m[3] in ("counter", "gauge", "histogram"), line
			assert m[2].endswith(UNITS.get(m[3], "")), line
			types[m[2]] = m[3]
			continue
		m = SAMPLE.fullmatch(line)
		assert m, line
		name, value = family(m[1], types), float(m[m.lastindex])
		labels = tuple(re.findall(LABEL, m[2] or ""))
		assert name in types, "no TYPE: " + line
		assert value >= 0, line
		if name != now:
			assert name not in done, "not together: " + line
			done.add(name)
			now = name
		before = samples.setdefault(name, {})
		assert (m[1], labels) not in before, "twice: " + line
		before[m[1], labels] = value
	for name, kind in types.items():
		if kind == "histogram" and name in samples:
			histogram(name, [(n, l, v) for (n, l), v in samples[name].items()])
	assert samples


main()
