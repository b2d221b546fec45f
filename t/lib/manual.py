"""
manual: what the manual pages say, as lists that tests compare with what the
programs say; and the pages' examples, run.

	manual.py keys PAGE           key default range restart, of .It Cm
	manual.py help PROGRAM keys   the same, as the program's --help has them
	manual.py options PAGE        of .It Fl
	manual.py help PROGRAM options
	manual.py members PAGE SECTION   of .It Cm in a section
	manual.py block PAGE TAG N    the Nth example that is marked so
	manual.py run PAGE TAG        run those examples, compare what they print
	manual.py stats PAGE FILE     counters, read by the page's tables alone
"""

import json
import os
import re
import struct
import subprocess
import sys

TEXT = {r"\e": "\\", r"\(dq": '"', r"\&": "", r"\-": "-"}


def plain(text):
	return re.sub(r"\\(?:e|\(dq|&|-)", lambda m: TEXT[m.group()], text)


def lines(page):
	with open(page) as f:
		return f.read().splitlines()


def items(page, macro):
	"""Each outer .It MACRO: its words, and the lines of its body."""
	found, body, depth = [], [], 0
	for line in lines(page):
		depth += {".Bl": 1, ".El": -1}.get(line[:3], 0)
		if depth == 1 and line.startswith(".It "):
			body = []
			if line.startswith(f".It {macro} "):
				found.append((line.split()[1:], body))
		else:
			body.append(line)
	return found


# --- keys --------------------------------------------------------------------

def number(text):
	"""A count, a size or a time as the pages and the programs write it."""
	m = re.fullmatch(r"(\d+)([KMGTsmh]?)", text)
	scale = {"": 1, "s": 1, "m": 60, "h": 3600, "K": 2**10, "M": 2**20,
		"G": 2**30, "T": 2**40}
	return str(int(m[1]) * scale[m[2]])


def page_keys(page):
	for words, body in items(page, "Cm"):
		if len(words) < 3 or words[2] != "=":
			continue
		text = "\n".join(body)
		default = re.search(r"^The default is\n\.Ql (.*?)(?: [.;,])?$",
			text, re.M)
		between = re.search(r"from (\w+)\s+to\s+(\d+[KMGT]?)", text)
		yield (words[1], default[1] if default else "-",
			" ".join(map(number, between.groups())) if between else "-")


def default_of(text):
	"""What stands in the bracket at the end of a line of --help."""
	if not text.endswith("]"):
		return "-"
	depth = 0
	for at in range(len(text) - 1, -1, -1):
		depth += {"]": 1, "[": -1}.get(text[at], 0)
		if depth == 0:
			return text[at + 1:-1]


def range_of(program, key, arg):
	"""What the program says of a number that is too large."""
	if not re.fullmatch("COUNT|SIZE|SECONDS", arg):
		return "-"
	command = {"nbdmuxd": ["nbdmuxd", "-t", f"--{key}=17000000000000000000"],
		"nbdmux-add": ["nbdmux-add", f"--{key}=17000000000000000000"]}
	said = subprocess.run(command[program], stderr=subprocess.PIPE,
		stdout=subprocess.DEVNULL, text=True).stderr
	m = re.search(r"is out of range; write (\w+) to (\w+)", said)
	return " ".join(map(number, m.groups())) if m else "-"


def help_rows(program):
	"""Options, their value's name, the text; and whether they are keys."""
	text = subprocess.run([program, "--help"], stdout=subprocess.PIPE,
		text=True, check=True).stdout
	key = False
	for line in text.splitlines():
		key = key or line.startswith(("Every key", "What the export's"))
		m = re.match(r"  (?:-(\w)|  )?(?:, |  | )?(?:--([a-z0-9-]+))?"
			r"(?:[= ](\S+))?  +(.*)", line)
		if m and (m[1] or m[2]):
			yield m[1], m[2], m[3] or "", m[4], key


def help_keys(program):
	for _, name, arg, text, key in help_rows(program):
		if key:
			yield name, default_of(text), range_of(program, name, arg)


# --- options -----------------------------------------------------------------

def page_options(page):
	for words, _ in items(page, "Fl"):
		for at, word in enumerate(words):
			# A lone hyphen is "--key=value", told in nbdmuxd.conf(5).
			if at > 0 and words[at - 1] == "Fl" and word != "-":
				yield "-" + word


def help_options(program):
	for letter, name, _, _, key in help_rows(program):
		if program == "nbdmuxd" and key:
			continue
		if letter:
			yield "-" + letter
		if name:
			yield "--" + name


def members(page, section):
	inside = False
	for line in lines(page):
		if line.startswith((".Sh ", ".Ss ")):
			inside = line[4:] == section
		if inside and line.startswith(".It ") and line[4:7] in ("Cm ", "Sy "):
			yield from re.findall(r"[\w-]+", line[7:])


# --- examples ----------------------------------------------------------------

def blocks(page, tag):
	"""The literal blocks behind a comment that ends with the tag."""
	inside = marked = False
	for line in lines(page):
		if line.startswith('.\\" '):
			marked = line[4:] == tag
		elif line.startswith(".Bd -literal") and marked:
			inside, block = True, []
		elif line == ".Ed" and inside:
			yield block
			inside = marked = False
		elif inside:
			block.append(plain(line))


def commands(page, tag):
	"""Commands and what they print; lines that end in \\ are one."""
	found = []
	for block in blocks(page, tag):
		joined = re.sub(r"\\\n +", "", "\n".join(block)).split("\n")
		for line in joined:
			if line.startswith("$ "):
				found.append((line[2:], []))
			else:
				found[-1][1].append(line)
	return found


def same(text):
	"""What differs from machine to machine made equal."""
	# The pages' reader is an ordinary user; who tests may be root.
	text = re.sub(r".*running as root, as .*\n", "", text)
	for name, path in (("NBDMUX_SPOOL", "/var/spool/nbdmux"),
			("NBDMUX_CONF", "/etc/nbdmux/nbdmuxd.conf")):
		text = text.replace(os.environ.get(name, path), path)
	text = text.replace(os.getcwd(), "/srv/images")
	text = re.sub(r"nbd://[^/\s]+/", "nbd://HOST/", text)
	return "\n".join(" ".join(line.split()) for line in text.splitlines())


def run(page, tag):
	todo = commands(page, tag)
	port = os.environ.get("EXAMPLE_PORT", "10900")
	if not todo:
		sys.exit(f"{page}: there is no example marked {tag}")
	with open("script", "w") as script:
		for n, (command, _) in enumerate(todo):
			# The last status is kept for the next command's $?.
			script.write(f"(exit ${{status:-0}})\n{{ {command}\n}} "
				f">out.{n} 2>&1 </dev/null 3>&-; status=$?\n"
				.replace("10900", port))
	subprocess.run(["sh", "script"], check=False, timeout=60,
		stdin=subprocess.DEVNULL)
	for n, (command, wanted) in enumerate(todo):
		with open(f"out.{n}") as f:
			got = same(f.read())
		wanted = same("\n".join(wanted).replace("10900", port))
		if got != wanted:
			sys.exit(f"{page}: $ {command}\nis to print:\n{wanted}\n"
				f"and prints:\n{got}")


# --- counters ----------------------------------------------------------------

def tables(page):
	"""The tables of offsets: lists of (offset, bytes or None, name)."""
	found, rows = [], None
	for line in lines(page):
		if line.startswith(".It Sy offset"):
			rows = []
			found.append(rows)
		elif line == ".El":
			rows = None
		elif rows is not None and line.startswith(".It "):
			cell = line[4:].split(" Ta ")
			rows.append((int(cell[0]),
				int(cell[1]) if len(cell) > 2 else None,
				cell[2] if len(cell) > 2 else cell[1]))
	return found


def fields(data, at, rows):
	got = {}
	for offset, size, name in rows:
		raw = data[at + offset:at + offset + size]
		if size in (4, 8) and name != "magic":
			got[name] = int.from_bytes(raw, sys.byteorder)
		else:
			got[name] = raw
	return got


def text(raw):
	return raw.split(b"\0")[0].decode()


def counters(raw, rows):
	values = struct.unpack(f"={len(rows)}Q", raw)
	return dict(zip((name for _, _, name in rows), values))


def stats(page, path):
	"""The totals of each export, as the page says that they are to be read."""
	counter, header, loop, export, conn = tables(page)
	with open(path, "rb") as f:
		data = f.read()
	h = fields(data, 0, header)
	if h["magic"] != b"nbdmuxst" or h["version"] != 3 or h["epoch"] % 2:
		sys.exit("the header is not what the page says")
	all_of = counters(h["gone"], counter)
	loops = [fields(h["loop"], 64 * n, loop) for n in range(h["loops"])]
	totals, clients = {}, []
	conns = -(-(65536 + h["exports"] * h["export_size"]) // 65536) * 65536
	for n in range(h["exports_used"]):
		e = fields(data, 65536 + n * h["export_size"], export)
		if e["seq"] % 2 == 0 and e["used"] == 1:
			totals[n] = (text(e["name"]), counters(e["ended"], counter))
	for n in range(h["conns_used"]):
		c = fields(data, conns + n * h["conn_size"], conn)
		if c["seq"] % 2 or c["used"] != 1:
			continue
		for name, value in counters(c["counters"], counter).items():
			totals[c["export"]][1][name] += value
		clients.append([text(c["address"]), text(c["name"]),
			c["generation"], c["started"] // 10**9, c["tls"] == 1,
			text(c["identity"]) or None])
	for _, values in totals.values():
		for name, value in values.items():
			all_of[name] += value
	print(json.dumps({"exports": dict(totals.values()), "clients": clients,
		"all": all_of, "loops": loops, "workers": h["workers"]}))


def main(verb, *args):
	if verb == "keys":
		rows = [" | ".join(r) for r in page_keys(*args)]
	elif verb == "help" and args[1] == "keys":
		rows = [" | ".join(r) for r in help_keys(args[0])]
	elif verb == "options":
		rows = page_options(*args)
	elif verb == "help":
		rows = help_options(args[0])
	elif verb == "members":
		rows = members(*args)
	elif verb == "block":
		rows = list(blocks(args[0], args[1]))[int(args[2])]
		return print("\n".join(rows))
	else:
		return {"run": run, "stats": stats}[verb](*args)
	return print("\n".join(sorted(rows)))


main(*sys.argv[1:])
