"""figures: a run of bench as its directory of results has it: figures.csv by
scenario, work, server and key, as medians and as ratios over the best peer."""
import csv
import fnmatch
import os
import re
import statistics

OURS = "nbdmux"
SERVERS = (OURS, "nbdkit", "qemu-nbd", "nbd-server")
MORE_IS_BETTER = ("iops", "mib_s")
FAILED = "failed"


class Key:
	"""What is measured: its heading, unit and how many digits it has."""

	def __init__(self, name, head, unit="", digits=0):
		self.name, self.head, self.unit, self.digits = \
		    name, head, unit, digits

	def text(self, value):
		if self.name == "iops" and value >= 9999.5:
			return "%.1fk" % (value / 1000)
		if 0 < value < 0.1 and self.digits > 0:
			return "%.3g" % value
		return "%.*f" % (self.digits, value)


KEYS = {key.name: key for key in (
    Key("iops", "rate", "IOPS"),
    Key("mib_s", "rate", "MiB/s"),
    Key("seconds", "time", "s", 2),
    Key("p50_us", "p50", "us"),
    Key("p99_us", "p99", "us"),
    Key("server_us_op", "CPU", "us/op", 2),
    Key("server_s_gib", "CPU", "s/GiB", 3),
    Key("cpu_ms", "CPU", "ms", 1),
    Key("rss_mib", "memory", "MiB", 1),
    Key("peak_mib", "at most", "MiB", 1),
    Key("threads", "threads"),
    Key("ratio", "ratio", "", 2),
    Key("p999_us", "p99.9", "us"),
    Key("max_us", "max", "us"))}


UNITS = {unit.lower(): unit for unit in ("ms", "us", "s", "MiB", "KiB", "B")}


def key_of(name):
	"""Scenarios may have keys of their own: NAME or NAME_UNIT."""
	if name in KEYS:
		return KEYS[name]
	head, _, unit = name.rpartition("_")
	if head and unit in UNITS:
		return Key(name, head.replace("_", " "), UNITS[unit], 2)
	return Key(name, name.replace("_", " "), "", 2)


def lines(path):
	try:
		with open(path, encoding="utf-8") as file:
			return file.read().splitlines()
	except FileNotFoundError:
		return []


def gathered(remarks, all_works):
	"""Remarks "SCENARIO, WORK: TEXT", those with the same text in one."""
	works = {}
	for remark in remarks:
		match = re.fullmatch(r"(\w+), ([^:]+): (.*)", remark)
		at = (match[1], match[3]) if match else (None, remark)
		works.setdefault(at, []).append(match[2] if match else None)
	return [text if scenario is None else
	    "%s, %s: %s" % (scenario, "all works"
		if set(names) >= set(all_works.get(scenario, ("",)))
		else ", ".join(names), text)
	    for (scenario, text), names in works.items()]


class Target:
	"""A line of targets: SCENARIO WORK KEY SIGN NUMBER [PEER]; a number
	with an x behind it is a ratio, over the best peer or over PEER."""

	def __init__(self, line):
		words = line.split()
		self.scenario, self.work, self.key, self.sign, number = \
		    words[:5]
		self.peer = words[5] if len(words) > 5 else None
		self.relative = number.endswith("x")
		self.number = float(number.rstrip("x"))

	def met(self, value):
		if self.sign == ">=":
			return value >= self.number
		return value <= self.number

	def text(self):
		return "%s %g%s" % (self.sign, self.number,
		    "x" if self.relative else "")


class Run:
	def __init__(self, results, targets):
		self.results = results
		self.values, self.works, servers = {}, {}, []
		with open(os.path.join(results, "figures.csv"), newline="",
		    encoding="utf-8") as file:
			for row in csv.DictReader(file):
				self._add(row)
				if row["server"] not in servers:
					servers.append(row["server"])
		self.servers = [s for s in SERVERS if s in servers] + \
		    [s for s in servers if s not in SERVERS]
		self.machine = lines(os.path.join(results, "machine.txt"))
		self.left_out = gathered(
		    lines(os.path.join(results, "left-out.txt")), self.works)
		self.failures = lines(os.path.join(results, "failures.txt"))
		self.targets = [Target(line) for line in lines(targets)
		    if line.strip() and not line.startswith("#")]

	def _add(self, row):
		at = tuple(row[k] for k in ("scenario", "work", "server", "key"))
		self.values.setdefault(at, []).append(float(row["value"]))
		works = self.works.setdefault(at[0], [])
		if at[1] not in works:
			works.append(at[1])

	def median(self, scenario, work, server, key):
		"""None where there is no such figure."""
		values = self.values.get((scenario, work, server, key))
		return statistics.median(values) if values else None

	def spread(self, scenario, work, server, key):
		values = self.values[scenario, work, server, key]
		return min(values), max(values)

	def keys(self, scenario, work=None):
		"""Those that it has, known ones first and in their order."""
		have = {k: None for (s, w, _, k) in self.values
		    if s == scenario and work in (None, w)}
		return [k for k in KEYS if k in have] + \
		    [k for k in have if k not in KEYS and k != FAILED]

	def servers_of(self, scenario, work):
		return [s for s in self.servers if any(
		    (scenario, work, s, k) in self.values
		    for k in self.keys(scenario, work) + [FAILED])]

	def best_peer(self, scenario, work, key):
		"""(server, median), or None without a peer that has it."""
		have = [(self.median(scenario, work, s, key), s)
		    for s in self.servers if s != OURS and
		    (scenario, work, s, key) in self.values]
		if not have:
			return None
		value, server = (max if key in MORE_IS_BETTER else min)(have)
		return server, value

	def ratio(self, scenario, work, server, key, peer=None):
		"""Over the best peer, or that one; None where that is not to
		be had."""
		value = self.median(scenario, work, server, key)
		best = self.best_peer(scenario, work, key)
		if peer is not None:
			best = peer, self.median(scenario, work, peer, key)
		if value is None or not best or not best[1] or best[1] < 0:
			return None
		return value / best[1]

	def times(self, scenario, work, server, key, peer=None):
		"""How many times better it is, whatever better is."""
		ratio = self.ratio(scenario, work, server, key, peer)
		if ratio is None or key in MORE_IS_BETTER:
			return ratio
		return 1 / ratio if ratio > 0 else None

	def rate_key(self, scenario, work):
		"""Large blocks are told by bandwidth, small ones by requests."""
		have = self.keys(scenario, work)
		order = ("mib_s", "iops") if is_large(work) else ("iops", "mib_s")
		return next((k for k in order + ("seconds",) if k in have), None)

	def main_key(self, scenario, work):
		"""What the work is about: its rate, or what else comes first."""
		return self.rate_key(scenario, work) or \
		    next(iter(self.keys(scenario, work)), None)

	def cpu_key(self, scenario, work):
		have = self.keys(scenario, work)
		order = ("server_us_op", "server_s_gib", "cpu_ms")
		if is_large(work):
			order = order[1:]
		return next((k for k in order if k in have), None)

	def resolve(self, scenario, work, key):
		"""rate and cpu are keys that depend on the work."""
		if key == "rate":
			return self.rate_key(scenario, work)
		if key == "main":
			return self.main_key(scenario, work)
		if key == "cpu":
			return self.cpu_key(scenario, work)
		return key

	def verdicts(self):
		"""(target, work, value, best peer, met) of every target that
		the run has something to say of; value None: no figure."""
		for target in self.targets:
			for work in self.works.get(target.scenario, ()):
				if fnmatch.fnmatchcase(work, target.work):
					yield self._verdict(target, work)

	def _verdict(self, target, work):
		key = self.resolve(target.scenario, work, target.key)
		at = target.scenario, work, OURS, key
		best = (target.peer,) if target.peer else \
		    self.best_peer(target.scenario, work, key)
		if not target.relative:
			value, best = self.median(*at), None
		elif target.sign == ">=":
			value = self.times(*at, target.peer)
		else:
			value = self.ratio(*at, target.peer)
		return (target, work, value, best[0] if best else None,
		    value is not None and target.met(value))

	def curves(self, scenario):
		"""{what: [(number, work)]}: works named N or WHAT-N, three of
		them at least, are points of a curve."""
		found = {}
		for work in self.works[scenario]:
			match = re.fullmatch(r"(?:(.*)-)?(\d+)", work)
			if match:
				found.setdefault(match[1] or "connections",
				    []).append((int(match[2]), work))
		return {what: sorted(points)
		    for what, points in found.items() if len(points) >= 3}


def size_of(work):
	"""The block size that a work's name has, or 0."""
	match = re.search(r"x(\d+)([kM])", work)
	if not match:
		return 0
	return int(match[1]) << (10 if match[2] == "k" else 20)


def is_large(work):
	return "-seq" in work or size_of(work) >= 128 << 10
