"""
livetest_edits: thousands of edits of the spool, by all the habits of editors
and scripts, while clients read; then spool, state and registry must agree.
"""

import random

from livetest import *

STABLE = [f"s{n}" for n in range(5)]	# served all the time
KICKED = [f"k{n}" for n in range(5)]	# may end at any time
OTHERS = [f"e{n}" for n in range(20)]
SIZE = 512 * KiB
BAD = ("", "[export]\n", "rubbish\n", "[export]\nimage = relative\n",
	"[export]\nimage = /nonexistent/image\n", "[other]\nimage = /x\n",
	"[export]\nimgae = /x\n", "[export]\nimage = /x\nimage = /y\n",
	"[export]\nimage = /dev/null\n", "[export]\nimage = /x\nmode = wr\n",
	"\0\1\2\3", "[export]\n" + "# " + "x" * 70000 + "\n")


class Editor:
	"""Somebody at the spool who knows what should come of it."""

	def __init__(self, server, seed):
		self.server, self.dice = server, random.Random(seed)
		self.versions = 0
		self.good = {}		# name -> description, of good text
		self.done = dict.fromkeys(
			(f.__name__ for f in self.habits()), 0)

	def habits(self):
		return (self.publish, self.in_place, self.in_two_steps,
			self.swap_file, self.backup, self.remove, self.move,
			self.link, self.spoil, self.image, self.touch,
			self.same_again, self.kick, self.odd_files)

	def name(self, of=STABLE + KICKED + OTHERS):
		return self.dice.choice(of)

	def file(self, name):
		return self.server.spool(name + ".ini")

	def text(self, name):
		self.good[name] = f"edit {self.versions} of {name}"
		return self.server.text(self.server.path(self.name()),
			self.dice.choice(("ro", "ro", "rw")),
			description=self.good[name])

	def write(self, path, text, step=None):
		with open(path, "w") as f:
			for at in range(0, len(text), step or len(text) or 1):
				f.write(text[at:at + (step or len(text))])
				f.flush()

	# the habits

	def publish(self):
		name = self.name()
		self.server.put(name, self.text(name))

	def in_place(self):
		"""Truncate and write, as a shell's > does."""
		name = self.name()
		self.unlink_links(name)
		self.write(self.file(name), self.text(name))

	def in_two_steps(self):
		"""Half a file is there for a moment."""
		name = self.name()
		self.unlink_links(name)
		self.write(self.file(name), self.text(name), 30)

	def swap_file(self):
		"""vi: a swap file, 4913 to try the directory, a backup."""
		name = self.name(OTHERS)
		swap = self.server.spool(f".{name}.ini.swp")
		self.write(swap, "b0VIM 9.0")
		self.write(self.server.spool("4913"), "")
		os.unlink(self.server.spool("4913"))
		self.backup(name)
		os.unlink(swap)

	def backup(self, name=None):
		"""The old file is renamed, a new one is created."""
		name = name or self.name(OTHERS)
		if os.path.lexists(self.file(name)):
			os.rename(self.file(name), self.file(name) + "~")
		self.write(self.file(name), self.text(name))
		if os.path.lexists(self.file(name) + "~"):
			os.unlink(self.file(name) + "~")

	def remove(self):
		name = self.name(OTHERS + KICKED)
		if os.path.lexists(self.file(name)):
			os.unlink(self.file(name))
		self.good.pop(name, None)

	def move(self):
		"""One name becomes another, whose file is gone then."""
		old, new = self.name(OTHERS), self.name(OTHERS)
		if old == new or not os.path.lexists(self.file(old)):
			return
		os.rename(self.file(old), self.file(new))
		# Of two links to one file rename(2) leaves both.
		if os.path.lexists(self.file(old)):
			os.unlink(self.file(old))
		self.good.pop(new, None)
		if old in self.good:
			self.good[new] = self.good.pop(old)

	def link(self):
		"""One file under two names."""
		old, new = self.name(OTHERS), self.name(OTHERS)
		if old == new or not os.path.isfile(self.file(old)):
			return
		if os.path.lexists(self.file(new)):
			os.unlink(self.file(new))
		self.good.pop(new, None)
		os.link(self.file(old), self.file(new))
		if old in self.good:
			self.good[new] = self.good[old]

	def unlink_links(self, name):
		"""What is written in place is not to change its other name."""
		path = self.file(name)
		if os.path.islink(path) or (os.path.exists(path)
			and os.stat(path).st_nlink > 1):
			os.unlink(path)

	def spoil(self):
		"""What is served stays, and the state says why."""
		name = self.name()
		self.server.put(name, self.dice.choice(BAD))
		self.good.pop(name, None)

	def image(self):
		"""The image alone is replaced."""
		self.versions += 1
		self.server.image(self.name(), self.versions, SIZE)

	def touch(self):
		name = self.name()
		if os.path.exists(self.file(name)):
			os.utime(self.file(name))
			os.chmod(self.file(name), self.dice.choice((0o644,
				0o640)))

	def same_again(self):
		name = self.name()
		try:
			with open(self.file(name)) as f:
				text = f.read()
		except (FileNotFoundError, UnicodeDecodeError):
			return
		self.server.put(name, text)

	def kick(self):
		name = self.name(KICKED)
		self.write(self.server.spool(name + ".kick"), "")
		if os.path.lexists(self.file(name)):
			os.unlink(self.file(name))
		self.good.pop(name, None)

	def odd_files(self):
		"""Directories, links and names that do not count."""
		for name in ("-x.ini", ".ini", "a b.ini", "x.ini.tmp", "#x.ini#",
		    "x.INI", "y" * 65 + ".ini", "ö.ini"):
			self.write(self.server.spool(name), "[export]\n")
			os.unlink(self.server.spool(name))

	# the work

	def edit(self, count, pause):
		for _ in range(count):
			habit = self.dice.choice(self.habits())
			habit()
			self.done[habit.__name__] += 1
			time.sleep(self.dice.random() * 2 * pause)


def disagreement(server, good):
	"""What spool, states and the list tell differently; "" if nothing."""
	files = {f[:-4] for f in os.listdir(server.option("spool"))
		if EXPORT_FILE.fullmatch(f)}
	if files | {"probe"} != server.states():
		return f"states {sorted(server.states() ^ files)}"
	ready = {"probe"}
	for name in files:
		state = server.state(name)
		if not server.answered(name):
			return f"{name}: the state answers another file"
		if state["status"] == "ready":
			ready.add(name)
		if name in good:
			if state["status"] != "ready" or "error" in state:
				return f"{name} is good, but {state}"
			if state["description"] != good[name]:
				return f"{name} should be {good[name]}: {state}"
		elif "error" not in state:
			return f"{name} is bad, but {state}"
	with server.hello() as c:
		listed = c.list()
	for name in good:
		if listed.get(name) != good[name]:
			return f"{name} is listed as {listed.get(name)}"
	if set(listed) != ready:
		return f"listed {sorted(set(listed) ^ ready)}"
	shown = {e["name"] for e in server.ls()["exports"]}
	if shown != files | {"probe"}:
		return f"nbdmux-ls {sorted(shown ^ files)}"
	return ""


def agree(server, good, seconds=15):
	end = time.monotonic() + seconds
	while True:
		text = disagreement(server, good)
		if not text:
			return
		check(time.monotonic() < end, f"in the end: {text}")
		time.sleep(0.1)


def edits(server):
	"""2,000 edits under 20 clients: not one client error.

	clients=FILE: the program; count=N edits, pause=S between them."""
	editor = Editor(server, 2000)
	for name in STABLE + KICKED + OTHERS:
		server.image(name, 0, SIZE)
	for name in STABLE + KICKED + OTHERS:
		server.put(name, editor.text(name))
	agree(server, editor.good)
	clients = subprocess.Popen([server.option("clients"), "clients",
		str(server.address[1]), server.option("conns", "20")]
		+ STABLE + KICKED + OTHERS, stdout=subprocess.PIPE, text=True)
	try:
		editor.edit(int(server.option("count", "2000")),
			float(server.option("pause", "0.004")))
	finally:
		clients.terminate()
		said, _ = clients.communicate()
	print(said, end="")
	print(" ".join(f"{k}={v}" for k, v in editor.done.items()))
	equal("the clients' exit status", clients.returncode, 0)
	agree(server, editor.good)


CASES = (edits,)
