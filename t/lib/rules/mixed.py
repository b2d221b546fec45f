"""
What no rule has: requests of all kinds at a time, held against a model of the
export, and what reading costs.
"""

import random

from nbdmaps import *
from rules.order import Trace

SLOT = 64 * KiB
ROUNDS = 60


def inside(rng, slot):
	"""A range in a slot: aligned, odd, or all of it."""
	kind = rng.randrange(3)
	if kind == 0:
		return slot * SLOT, SLOT
	if kind == 1:
		at = rng.randrange(16) * 4096
		return slot * SLOT + at, min(rng.randrange(1, 9) * 4096,
			SLOT - at)
	at = rng.randrange(SLOT)
	return slot * SLOT + at, rng.randrange(1, SLOT - at + 1)


class Model:
	def __init__(self, server, c, rng):
		self.server, self.c, self.rng = server, c, rng
		self.bytes = bytearray(server.bytes_of("thin", 0, c.size))
		self.checks = {}	# by cookie

	def ask(self, judge, command, offset=0, length=0, flags=0, payload=b"",
	    **kw):
		cookie = self.c.request(command, offset, length, flags, payload,
			**kw)
		self.checks[cookie] = judge

	def read(self, slot):
		at, n = inside(self.rng, slot)
		want = bytes(self.bytes[at:at + n])

		def judge(a):
			equal(f"the error of {a}", a.error, 0)
			equal(f"the data of {a}", a.data, want)
		self.ask(judge, READ, at, n, self.rng.choice((0, 0, DF))
			if self.c.style != SIMPLE_REPLY else 0)

	def write(self, slot):
		at, n = inside(self.rng, slot)
		data = self.rng.randbytes(n)
		self.bytes[at:at + n] = data
		self.ask(good, WRITE, at, n, self.rng.choice((0, 0, 0, FUA)),
			data)

	def zero(self, slot):
		at, n = inside(self.rng, slot)
		self.bytes[at:at + n] = bytes(n)
		self.ask(good, WRITE_ZEROES, at, n,
			self.rng.choice((0, NO_HOLE)))

	def trim(self, slot):
		"""What was trimmed may be anything: zeroes make it known."""
		at = slot * SLOT
		self.bytes[at:at + SLOT] = bytes(SLOT)
		self.ask(good, TRIM, at, SLOT)
		self.drain()
		self.ask(good, WRITE_ZEROES, at, SLOT)

	def status(self, slot):
		at, n = inside(self.rng, slot)
		want = bytes(self.bytes[at:at + n])

		def judge(a):
			equal(f"the error of {a}", a.error, 0)
			length, flags = a.status[ALLOCATION][0]
			check(not flags & ZERO or not any(want[:length]),
				f"{a} has {length} bytes of zeroes, where there "
				"is data")
		if self.c.contexts:
			self.ask(judge, BLOCK_STATUS, at, n, REQ_ONE)

	def wrong(self, slot):
		size = self.c.size
		command, at, n, flags, errors = self.rng.choice((
			(READ, size - 5, 6, 0, (EINVAL,)),
			(READ, 0, 8, 1 << 15, (EINVAL,)),
			(WRITE, size - 100, 4096, 0, (ENOSPC,)),
			(WRITE, slot * SLOT, SLOT, 1 << 14, (EINVAL,)),
			(TRIM, size, 4096, 0, (EINVAL,)),
			(99, slot * SLOT, 4096, 0, (EINVAL,)),
			(BLOCK_STATUS, size, 1, 0, (EINVAL,))))
		payload = bytes(n) if command == WRITE else b""
		self.ask(lambda a: error_in(f"{a}", a.error, errors), command,
			at, n, flags, payload)

	def other(self, slot):
		if self.rng.randrange(2):
			self.ask(good, FLUSH)
		else:
			self.ask(good, CACHE, slot * SLOT, SLOT)

	def drain(self):
		while self.checks:
			cookie, a = self.c.next_answer()
			self.checks.pop(cookie)(a)

	def round(self):
		slots = list(range(self.c.size // SLOT))
		self.rng.shuffle(slots)
		for slot in slots[:self.rng.randrange(1, 100)]:
			self.rng.choice((self.read, self.read, self.write,
				self.zero, self.status, self.wrong, self.other,
				self.read, self.trim if not self.rng.randrange(5)
				else self.write))(slot)
		self.drain()


def good(a):
	equal(f"the error of {a}", a.error, 0)


def mixed_requests(server):
	"""Requests of all kinds in flight do what each would do alone.

	seed=N: the same ones again."""
	seed = int(server.option("seed", str(random.randrange(1 << 32))))
	with server.go("thin", timeout=30, contexts=() if server.style() ==
	    SIMPLE_REPLY else (ALLOCATION, DEPTH)) as c:
		model = Model(server, c, random.Random(seed))
		try:
			for _ in range(ROUNDS):
				model.round()
		except Fail as e:
			raise Fail(f"{e} (with seed={seed})") from e
		c.serving()
		equal(f"the image (with seed={seed})", server.bytes_of("thin",
			0, c.size), bytes(model.bytes))


def mixed_seeks(server):
	"""Nobody looks for holes in a dense image; in others not per block."""
	for export, most in (("ro", 0), ("thin", 24)):
		forget_cached(server.image(export))
		with server.go(export, style=STRUCTURED) as c, \
		    Trace(server, "lseek,pread64,preadv2,sendfile") as trace:
			for at in range(0, 4 * MiB, MiB):
				equal("the data", c.read(at, MiB),
					server.bytes_of(export, at, MiB))
				for more in range(0, 64 * KiB, 4096):
					c.read(at + more, 4096)
			calls = trace.calls()
		check(any("read" in call[2] for call in calls), "strace saw no "
			"read")
		seeks = [words for *_, name, words in calls if name == "lseek"]
		check(len(seeks) <= most, f"{len(seeks)} seeks for 4 MiB of "
			f"{export}: {seeks[:4]}")
