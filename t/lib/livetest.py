#!/usr/bin/python3
"""
livetest: a daemon under change, seen from its clients and its files.

	livetest.py CASE HOST PORT key=value ...

A case is a function of livetest_*.py.  Keys: pid=N (the daemon), dir=DIR (for
images), spool=DIR, state=DIR, log=FILE, conf=FILE, bin=DIR; some take more,
which their docstrings name.  Exit status 0: it holds, 1: it does not, 77: it
cannot be tested here.
"""

import array
import glob
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from nbdraw import *
import nbdraw

EXPORT_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.ini")


def content(version, size, offset=0):
	"""Bytes of an image that tell their version and their place."""
	words = array.array("Q", range((version << 40) + offset,
		(version << 40) + offset + size, 8))
	if sys.byteorder == "little":
		words.byteswap()
	return words.tobytes()[:size]


def read_ini(path):
	"""The keys of a one-section file, or None."""
	try:
		with open(path) as f:
			return dict(line.rstrip("\n").split(" = ", 1)
				for line in f if " = " in line)
	except FileNotFoundError:
		return None


class Daemon(Server):
	"""The daemon under test, with its spool, its state and its images."""

	def path(self, name):
		return os.path.join(self.option("dir"), name)

	def spool(self, name):
		return os.path.join(self.option("spool"), name)

	def image(self, name, version, size=256 * KiB):
		"""A new image under this name, by rename; its path."""
		path = self.path(name)
		with open(path + ".new", "wb") as f:
			f.write(content(version, size))
		os.rename(path + ".new", path)
		return path

	def text(self, image, mode="ro", **keys):
		lines = ["[export]", f"image = {image}", f"mode = {mode}"]
		lines += [f"{key.replace('_', '-')} = {value}"
			for key, value in keys.items()]
		return "\n".join(lines) + "\n"

	def put(self, name, text):
		"""The spool file, by rename."""
		with open(self.spool(f".{name}.tmp"), "w") as f:
			f.write(text)
		os.rename(self.spool(f".{name}.tmp"), self.spool(name + ".ini"))

	def add(self, name, text):
		"""The same, and wait until the daemon has answered it."""
		self.put(name, text)
		until(f"an answer to {name}.ini", lambda: self.answered(name),
			10)
		return self.state(name)

	def serve(self, name, version=1, mode="ro", size=256 * KiB, **keys):
		"""An export with an image of its own, served; its image."""
		path = self.image(name, version, size)
		state = self.add(name, self.text(path, mode, **keys))
		equal(f"the status of {name}", state["status"], "ready")
		return path

	def remove(self, name):
		os.unlink(self.spool(name + ".ini"))

	def state(self, name):
		return read_ini(os.path.join(self.option("state"), "exports",
			name + ".ini"))

	def answered(self, name):
		"""Does the state answer the present spool file?"""
		state = self.state(name)
		try:
			st = os.stat(self.spool(name + ".ini"))
		except FileNotFoundError:
			return state is None
		return (state is not None and "spool-ino" in state
			and int(state["spool-ino"]) == st.st_ino
			and int(state["spool-mtime"]) == st.st_mtime_ns)

	def states(self):
		return {f[:-4] for f in os.listdir(os.path.join(
			self.option("state"), "exports"))
			if EXPORT_FILE.fullmatch(f)}

	def version(self, c, offset=4096):
		"""Which version of an image a connection reads."""
		data = c.read(offset, 4096)
		version = int.from_bytes(data[:3], "big")
		equal("the data", data, content(version, 4096, offset))
		return version

	def refused_as(self, name, allowed):
		with self.hello() as c:
			c.refused(allowed, GO, info_data(name))

	def logged(self, words, seconds=5):
		def there():
			with open(self.option("log")) as f:
				return any(all(w in line for w in words)
					for line in f)
		until(f"{' '.join(words)!r} in the log", there, seconds)

	def configure(self, *lines):
		with open(self.option("conf"), "w") as f:
			f.write("\n".join(("[nbdmuxd]",) + lines) + "\n")

	def reload(self, *lines):
		"""New configuration, and wait until it is in force."""
		self.configure(*lines)
		before = self.log_count("configuration")
		os.kill(self.pid, signal.SIGHUP)
		until("the reload", lambda:
			self.log_count("configuration") > before)

	def log_count(self, word):
		with open(self.option("log")) as f:
			return sum(word in line for line in f)

	def ls(self, *args):
		"""What nbdmux-ls --json says."""
		out = subprocess.run([os.path.join(self.option("bin"),
			"nbdmux-ls"), "--json", *args], check=True,
			stdout=subprocess.PIPE)
		return json.loads(out.stdout)

	def ended(self, seconds=10):
		"""The process is gone."""
		until("the daemon's end", lambda: not running(self.pid),
			seconds)


def running(pid):
	try:
		with open(f"/proc/{pid}/stat") as f:
			return f.read().rsplit(")", 1)[1].split()[0] != "Z"
	except (FileNotFoundError, ProcessLookupError):
		return False


def cases():
	found = {}
	here = os.path.dirname(os.path.abspath(__file__))
	for path in sorted(glob.glob(here + "/livetest_*.py")):
		module = importlib.import_module(os.path.basename(path)[:-3])
		found.update((case.__name__, case) for case in module.CASES)
	return found


def main(argv):
	known = cases()
	if len(argv) < 2 or argv[1] not in known:
		raise SystemExit(__doc__ + "\nCases: " + " ".join(known))
	nbdraw.Server = Daemon
	return nbdraw.run(known[argv[1]], argv[2:])


if __name__ == "__main__":
	import livetest
	sys.exit(livetest.main(sys.argv))
