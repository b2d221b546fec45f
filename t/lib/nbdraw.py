#!/usr/bin/python3
"""
nbdraw: NBD byte by byte, to prove the protocol's rules one at a time.

	nbdraw.py CASE HOST PORT [key=value ...]
	nbdraw.py CASE unix:/PATH [key=value ...]
	nbdraw.py images DIRECTORY		make the images the cases expect
	nbdraw.py sparse DIRECTORY		and those with holes (nbdmaps.py)
	nbdraw.py map IMAGE			a file's map, as nbdinfo has it
	nbdraw.py cases				list all cases

A case is a function in rules/*.py, hostile.py or cves.py named after its rule.  Exit
status 0: the rule holds, 1: it does not, 77: it cannot be tested here.

Keys: pid=N (the daemon), images=DIR, spool=DIR, unix=PATH, style=simple,
structured or extended (how to talk, where the case leaves that open), inside=tls
with pki=DIR (STARTTLS first); some cases take more, which their docstrings name.
"""

import array
import glob
import importlib
import os
import re
import sys
import traceback

from nbdconn import *

# --- what the cases expect to be served --------------------------------------

# Exports under these names; the first MiB of "disk" is never written.
SIZES = {
	"disk": 16 * MiB,	# rw, with a description
	"ro": 4 * MiB,		# ro
	"odd": 1000003,		# rw, no multiple of anything
	"big": 5 * GiB,		# rw, all hole
	"block": MiB,		# rw, block-min = 4096, and block-max = 1M
	"denied": 64 * KiB,	# allow: nobody that the tests could be
	"single": 64 * KiB,	# max-clients = 1
}
SACRED = MiB
STYLES = {"simple": SIMPLE_REPLY, "structured": STRUCTURED,
	"extended": EXTENDED}
DESCRIPTION = "Platte für rohe Pakete"


def pattern(offset, length):
	"""Each 8-byte word holds its own offset, big-endian."""
	first, last = offset // 8, (offset + length + 7) // 8
	words = array.array("Q", range(8 * first, 8 * last, 8))
	if sys.byteorder == "little":
		words.byteswap()
	return words.tobytes()[offset - 8 * first:][:length]


def make_images(directory):
	for name, size in SIZES.items():
		with open(os.path.join(directory, name), "wb") as f:
			if name != "big":
				f.write(pattern(0, size))
			f.truncate(size)


# --- the server under test ---------------------------------------------------

class Server:
	"""What a case gets: the address, and what the command line said."""

	def __init__(self, address, options):
		self.address = address
		self.options = options
		self.conns = []

	def option(self, key, default=None):
		if key in self.options:
			return self.options[key]
		if default is None:
			raise Skip(f"needs {key}= on the command line")
		return default

	@property
	def pid(self):
		return int(self.option("pid"))

	def connect(self, timeout=10.0, address=None, source=None):
		c = Conn(address or self.address, timeout, source)
		self.conns.append(c)
		return c

	def hello(self, flags=FIXED_NEWSTYLE | NO_ZEROES, **kw):
		c = self.connect(**kw).hello(flags)
		if self.option("inside", "") == "tls":
			tls = importlib.import_module("nbdtls")
			tls.ask(c)
			c.sock = tls.context(self.option("pki")).wrap_socket(
				c.sock, server_hostname="localhost")
		return c

	def style(self, default=SIMPLE_REPLY):
		given = self.option("style", "")
		return STYLES[given] if given else default

	def go(self, name="disk", requests=(), style=SIMPLE_REPLY, contexts=(),
	    **kw):
		"""In transmission: in this style, unless style= says another."""
		c = self.hello(**kw).styled(self.style(style))
		if contexts:
			c.select(name, *contexts)
		return c.go(name, requests)

	def image(self, name):
		return os.path.join(self.option("images"), name)

	def bytes_of(self, name, offset, length):
		"""What is in the file behind an export."""
		with open(self.image(name), "rb") as f:
			return os.pread(f.fileno(), length, offset)

	def fds(self):
		return len(os.listdir(f"/proc/{self.pid}/fd"))

	def rss(self):
		"""Resident memory in bytes."""
		with open(f"/proc/{self.pid}/status") as f:
			for line in f:
				if line.startswith("VmRSS:"):
					return int(line.split()[1]) * KiB
		raise Fail("the daemon is a zombie")

	def alive(self):
		"""The daemon lives and serves a new client."""
		with self.go() as c:
			c.serving()

	def settled(self, base, seconds=10.0):
		"""All descriptors that connections had are closed again."""
		try:
			until("descriptors", lambda: self.fds() <= base, seconds)
		except Fail:
			raise Fail(f"the daemon has {self.fds()} descriptors, "
				f"{base} before the connections") from None


# --- running a case ----------------------------------------------------------

def cases():
	"""All cases by name: XX_nn of rules/*.py, hostile.CASES, and CVE_* of
	cves.py."""
	here = os.path.dirname(os.path.abspath(__file__))
	found = {}
	for path in sorted(glob.glob(here + "/rules/*.py")):
		name = "rules." + os.path.basename(path)[:-3]
		for key, value in vars(importlib.import_module(name)).items():
			if re.fullmatch("[A-Z]{2}_[0-9]{2}|(tls|mixed)_[a-z]+", key):
				found[key] = value
	for module in ("hostile", "access", "exclusive",
	    "sending", "thousands", "limits"):
		for case in importlib.import_module(module).CASES:
			found[case.__name__] = case
	for key, value in vars(importlib.import_module("cves")).items():
		if key.startswith("CVE_"):
			found[key] = value
	return found


def report(case, server, error):
	where = traceback.extract_tb(error.__traceback__)
	frame = next((f for f in reversed(where) if "/rules/" in f.filename
		or "hostile" in f.filename), where[-1])
	print(f"{case.__name__.replace('_', '-')}: {case.__doc__.splitlines()[0]}\n"
		f"  failed: {error}\n"
		f"  at {os.path.basename(frame.filename)}:{frame.lineno}: "
		f"{frame.line}")
	if server.conns:
		for direction, length, data in server.conns[-1].log:
			dots = " ..." if length > len(data) else ""
			print(f"  {direction:4} {length:7}: {data.hex(' ')}"
				f"{dots}")


def address_of(words):
	"""unix:PATH or HOST PORT, and the words that are left."""
	if words and words[0].startswith("unix:"):
		return words[0][5:], words[1:]
	if len(words) < 2:
		raise SystemExit(__doc__)
	return (words[0], int(words[1])), words[2:]


def run(case, words):
	address, words = address_of(words)
	server = Server(address, dict(w.split("=", 1) for w in words))
	try:
		case(server)
	except Skip as e:
		print(e)
		return 77
	except (Fail, OSError) as e:
		report(case, server, e)
		return 1
	return 0


def main(argv):
	if len(argv) < 2 or argv[1] in ("-h", "--help"):
		raise SystemExit(__doc__)
	if argv[1] == "images":
		make_images(argv[2])
		return 0
	if argv[1] == "sparse":
		importlib.import_module("nbdmaps").make_sparse(argv[2])
		return 0
	if argv[1] == "map":
		importlib.import_module("nbdmaps").print_map(argv[2])
		return 0
	known = cases()
	if argv[1] == "cases":
		for name in sorted(known):
			print(f"{name:15}", known[name].__doc__.splitlines()[0])
		return 0
	if argv[1] not in known:
		raise SystemExit(f"nbdraw.py: no case {argv[1]}")
	return run(known[argv[1]], argv[2:])


if __name__ == "__main__":
	sys.dont_write_bytecode = True
	sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
	import nbdraw
	sys.exit(nbdraw.main(sys.argv))
