"""P: DISC and shutdown.  Q: FLUSH, FUA and their order.  AA: the baseline."""

import os
import re
import signal
import subprocess
import tempfile
import threading
import time

from nbdraw import *
from rules import handshake, info, options, requests, writes
from rules.requests import set_faults
from rules.writes import JUNK


# --- P. NBD_CMD_DISC, shutdown and hard disconnect ---------------------------

def DI_01(server):
	"""DISC has no reply; the connection ends."""
	for _ in range(5):
		c = server.go()
		c.read(0, 512)
		c.disc()


def DI_02(server):
	"""DISC behind 64 WRITEs and 64 READs: all are answered before it."""
	at = 13 * MiB
	with server.go() as c:
		requests = b""
		for n in range(64):
			requests += c.packet(WRITE, at + 4096 * n, 4096, 0,
				bytes([n]) * 4096, n)
			requests += c.packet(READ, 4096 * n, 4096, 0, b"",
				64 + n)
		c.send(requests + c.packet(DISC, 0, 0, 0, b"", 999))
		seen = set()
		for _ in range(128):
			cookie, a = c.next_answer()
			equal(f"error of request {cookie}", a.error, 0)
			if cookie >= 64:
				equal("the data", a.data,
					pattern(4096 * (cookie - 64), 4096))
			seen.add(cookie)
		equal("the number of replies", len(seen), 128)
		c.fin("after DISC")
	want = b"".join(bytes([n]) * 4096 for n in range(64))
	equal("the image", server.bytes_of("disk", at, len(want)), want)
	with server.go() as c:
		c.write(at, pattern(at, len(want)))


def DI_03(server):
	"""DISC with flags, an offset or a length ends the connection too."""
	for flags, offset, length in ((FUA, 0, 0), (0xFFFF, 0, 0),
	    (0, 1 << 63, 0), (0, 0, 0xFFFFFFFF), (0, 0, 4096)):
		with server.go() as c:
			c.request(DISC, offset, length, flags,
				cookie=0xFFFFFFFFFFFFFFFF)
			c.closed(what="after DISC")
	server.alive()


def DI_04(server):
	"""What comes after DISC is ignored."""
	at = 13 * MiB
	with server.go() as c:
		c.send(c.packet(DISC, 0, 0, 0, b"", 1)
			+ c.packet(READ, 0, 512, 0, b"", 2)
			+ c.packet(WRITE, at, 4096, 0, JUNK * 4096, 3))
		c.closed(what="after DISC")
	equal("the image", server.bytes_of("disk", at, 4096),
		pattern(at, 4096))
	server.alive()


def DI_05(server):
	"""At SIGTERM requests in flight get their replies before the close.

	busy=EXPORT: reading it takes a second or more."""
	with server.go(server.option("busy"), timeout=30) as c:
		wanted = {c.request(READ, 4096 * n, 4096): 4096 * n
			for n in range(8)}
		time.sleep(0.2)
		os.kill(server.pid, signal.SIGTERM)
		while wanted:
			cookie, a = c.next_answer()
			error_in("a request in flight", a.error, (0, ESHUTDOWN))
			at = wanted.pop(cookie)
			if a.error == 0:
				equal("the data", a.data, pattern(at, 4096))
		c.closed(what="after the last reply")


def DI_06(server):
	"""No ordinary error ends the connection."""
	errors = set()
	for *_, error in requests.provoke(server):
		errors.add(error)
	check({EINVAL, ENOSPC, EPERM} <= errors,
		f"only {errors} could be provoked")


def DI_07(server):
	"""Removing an export lets its requests finish, and touches no other.

	rm=PROGRAM: nbdmux-rm; gone=NAME: the export, like "disk"."""
	name, total = server.option("gone"), 8 * MiB
	with server.go() as other, server.go(name) as c:
		inflight = c.request(READ, 0, total)
		os.unlink(os.path.join(server.option("spool"), name + ".ini"))
		until("the name unknown", lambda: unknown(server, name))
		a = c.answer(inflight)
		equal("the error", a.error, 0)
		equal("the data", a.data, pattern(0, total))
		other.serving()
		try:
			error, _ = c.try_read(0, 512)
			error_in("a later READ", error, (0, ESHUTDOWN))
		except Closed:
			pass
		subprocess.run([server.option("rm"), "--kick", name],
			check=True, stdout=subprocess.DEVNULL)
		c.closed(what="after nbdmux-rm --kick")
		other.serving()


def unknown(server, name):
	with server.hello() as c:
		return c.info(name).final == ERR_UNKNOWN


def DI_08(server):
	"""A client that vanishes without a word is given up.

	keepalive=S: the daemon's setting.  Takes the loopback interface down:
	run it in a network namespace of its own."""
	limit = float(server.option("keepalive"))
	server.alive()
	time.sleep(0.5)
	base = server.fds()
	idle, haggling, busy = server.go(), server.hello(), server.go("big")
	busy.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
	busy.request(READ, 0, 16 * MiB)
	time.sleep(0.2)
	check(server.fds() >= base + 3, "the clients are not there")
	subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
	try:
		server.settled(base, 2 * limit + 3)
	finally:
		subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
	for c in (idle, haggling, busy):
		c.close()
	server.alive()


# --- Q. NBD_CMD_FLUSH, ordering, FUA, multi-conn -----------------------------

CALLS = ("pwrite64,pwritev,pwritev2,fdatasync,fsync,fallocate,write,writev,"
	"sendto,sendmsg,sendmmsg")


class Trace:
	"""strace on the daemon: what it called, in which order."""

	def __init__(self, server, calls=CALLS):
		self.style = server.style()
		self.file = tempfile.NamedTemporaryFile("r")
		self.strace = subprocess.Popen(["strace", "-f", "-y", "-s", "64",
			"-e", "trace=" + calls, "-o", self.file.name, "-p",
			str(server.pid)], stderr=subprocess.PIPE, text=True)
		line = self.strace.stderr.readline()
		if "attached" not in line:
			self.strace.wait()
			raise Skip(f"strace cannot attach: {line.strip()}")

	def __enter__(self):
		return self

	def __exit__(self, *exc):
		self.strace.send_signal(signal.SIGINT)
		self.strace.communicate()

	def calls(self):
		"""(start, end, name, text), in the order of the starts; -1 is
		the end of a call that did not return."""
		started, calls = {}, []
		self.file.seek(0)
		for number, line in enumerate(self.file):
			pid, _, rest = line.strip().partition(" ")
			rest = rest.strip()
			again = re.match(r"<\.\.\. (\w+) resumed>", rest)
			if again:
				call = started.pop(pid, None)
				if call:
					call[1] = number
					call[3] += rest[again.end():]
				continue
			name = re.match(r"(\w+)\(", rest)
			if not name:
				continue
			call = [number, number, name[1], rest]
			if rest.endswith("<unfinished ...>"):
				call[1] = -1
				started[pid] = call
			calls.append(call)
		return calls


def find(calls, what, wanted, names=""):
	"""The first call that holds the text, among those named."""
	for call in calls:
		if wanted in call[3] and (not names or re.fullmatch(names,
		    call[2])):
			return call
	raise Fail(f"no {what} in the daemon's calls")


# How strace shows a reply without a payload, up to its cookie.
SUCCESS = {SIMPLE_REPLY: r"gDf\230\0\0\0\0", STRUCTURED: r"gDf\230\0\0\0\0",
	EXTENDED: r"n\212'\214\0\1\0\0"}


def persisted(trace, image, change, cookie):
	"""The image was synced after the change (names of calls) and before
	the reply with the cookie was sent."""
	calls = trace.calls()
	reply = find(calls, "reply", SUCCESS[trace.style] + cookie)
	changed = find(calls, "change of the image", f"{image}>", change)
	check(changed[1] != -1 and changed[1] < reply[0],
		f"{changed[2]} ended after the reply was sent")
	for start, end, name, words in calls:
		synced = name in ("fdatasync", "fsync") and start > changed[1]
		if name == "pwritev2" and "SYNC" in words:
			synced = True
		if (synced and f"{image}>" in words and end < reply[0]
		    and end != -1 and "= -1" not in words):
			return
	raise Fail("the reply was sent before the image was synced:\n" +
		"".join(f"    {words}\n" for *_, words in calls))


def cookie_of(word):
	return int.from_bytes(word.encode(), "big")


def WR_06(server):
	"""WRITE with FUA is persistent before its reply."""
	at = 14 * MiB
	with server.go() as c, Trace(server) as trace:
		for length, word in ((4096, "FUASMALL"), (700000, "FUALARGE")):
			c.answer(c.request(WRITE, at, length, FUA, pattern(at,
				length), cookie_of(word)))
	for word in ("FUASMALL", "FUALARGE"):
		persisted(trace, server.image("disk"), "pwrite.*", word)


def FL_01(server):
	"""FLUSH is answered after what was written before it is persistent."""
	at = 14 * MiB
	with server.go() as c, Trace(server) as trace:
		refilled = pattern(at, 4096)
		c.write(at, refilled)
		c.answer(c.request(FLUSH, cookie=cookie_of("FLUSHED!")))
	persisted(trace, server.image("disk"), "pwrite.*", "FLUSHED!")


def FL_02(server):
	"""FLUSH with an offset or a length does not end the connection."""
	with server.go() as c:
		for offset, length in ((512, 0), (0, 512), (1 << 63, 4096)):
			c.fails((0, EINVAL), FLUSH, offset, length)


def FL_03(server):
	"""FLUSH is answered, whether offered or not."""
	for name in ("disk", "ro", "odd", "big"):
		with server.go(name) as c:
			c.fails((0,) if c.flags & SEND_FLUSH else (0, EINVAL),
				FLUSH)


def FL_04(server):
	"""FLUSH of a read-only export succeeds."""
	with server.go("ro") as c:
		c.good(FLUSH)
		c.serving()


def FL_05(server):
	"""FLUSH on one connection covers what another has written."""
	at = 14 * MiB
	with server.go() as a, server.go() as b, Trace(server) as trace:
		check(a.flags & CAN_MULTI_CONN, "no CAN_MULTI_CONN")
		a.write(at, pattern(at, 4096))
		b.answer(b.request(FLUSH, cookie=cookie_of("OTHERONE")))
	persisted(trace, server.image("disk"), "pwrite.*", "OTHERONE")


def FL_06(server):
	"""What one connection has flushed, or written with FUA, others see."""
	at = 14 * MiB
	with server.go() as a, server.go() as b:
		for n in range(20):
			b.read(at, 4096)
			a.write(at, bytes([n]) * 4096, FUA if n % 2 else 0)
			if n % 2 == 0:
				a.good(FLUSH)
			equal("the data", b.read(at, 4096), bytes([n]) * 4096)
		a.write(at, pattern(at, 4096))


def FL_07(server):
	"""A FLUSH that failed stays failed.

	faults=FILE: where faults of the image are ordered."""
	at = 14 * MiB
	with server.go() as c, server.go() as other:
		c.write(at, pattern(at, 4096))
		set_faults(server.option("faults"), "fdatasync EIO */disk 1",
			"fsync EIO */disk 1")
		equal("the error", c.run(FLUSH), EIO)
		set_faults(server.option("faults"))
		equal("the error of the next FLUSH", c.run(FLUSH), EIO)
		equal("the error of another's FLUSH", other.run(FLUSH), EIO)
		c.serving()


def FL_08(server):
	"""FUA is accepted with every command where it is offered."""
	with server.go() as c:
		check(c.flags & SEND_FUA, "FUA is not offered")
		c.good(FLUSH, flags=FUA)
		c.good(TRIM, 14 * MiB, 4096, FUA)
		c.good(CACHE, 0, 4096, FUA)
		c.good(WRITE_ZEROES, 14 * MiB, 4096, FUA)
		c.write(14 * MiB, pattern(14 * MiB, 4096), FUA)
		equal("the data", c.read(0, 512, FUA), pattern(0, 512))


def FL_09(server):
	"""WRITE_ZEROES and TRIM with FUA are persistent before their reply."""
	at = 14 * MiB
	changes = "pwrite.*|fallocate"
	for command, word in ((WRITE_ZEROES, "FUA-ZERO"), (TRIM, "FUA-TRIM")):
		with server.go() as c:
			c.write(at, JUNK * 8192)
			c.good(FLUSH)
			with Trace(server) as trace:
				c.answer(c.request(command, at, 8192, FUA,
					cookie=cookie_of(word)))
			persisted(trace, server.image("disk"), changes, word)
			c.write(at, pattern(at, 8192))


# WZ-11 is the same for WRITE_ZEROES with each of its flags.
def WZ_11(server):
	"""WRITE_ZEROES with FUA is persistent before its reply."""
	at = 14 * MiB
	for flags, word in ((0, "FUA-NONE"), (NO_HOLE, "FUA-HOLE")):
		with server.go() as c:
			c.write(at, JUNK * 10000)
			c.good(FLUSH)
			with Trace(server) as trace:
				c.answer(c.request(WRITE_ZEROES, at + 1, 9000,
					FUA | flags, cookie=cookie_of(word)))
			persisted(trace, server.image("disk"),
				"pwrite.*|fallocate", word)
			c.write(at, pattern(at, 10000))


def FL_10(server):
	"""FLUSH covers writes already answered while others are held up.

	faults=FILE: where faults of the image are ordered."""
	at = 14 * MiB
	with server.go(timeout=20) as slow, server.go(timeout=20) as c:
		with Trace(server) as trace:
			set_faults(server.option("faults"),
				"pwrite* delay=1500 */disk 1")
			held = slow.request(WRITE, 15 * MiB, 4096, 0,
				pattern(15 * MiB, 4096))
			time.sleep(0.3)
			c.write(at, pattern(at, 4096))
			c.answer(c.request(FLUSH, cookie=cookie_of("FLUSHED!")))
			equal("the error of the held WRITE",
				slow.simple(held), 0)
		set_faults(server.option("faults"))
	flushed_after(trace, server.image("disk"), at)


def flushed_after(trace, image, at):
	"""As persisted(), for the write at an offset, which is not the
	first."""
	calls = trace.calls()
	reply = find(calls, "reply", r"gDf\230\0\0\0\0FLUSHED!")
	write = find([c for c in calls if f"{image}>" in c[3]], "WRITE",
		f"{at}", "pwrite.*")
	check(write[1] < reply[0], "FLUSH was answered before the write ended")
	check(any(c[2] in ("fdatasync", "fsync") and c[0] > write[1]
		and -1 < c[1] < reply[0] for c in calls),
		"FLUSH was answered without a sync after the WRITE")


# --- AA. Baseline ------------------------------------------------------------

def BL_01(server):
	"""The baseline works with default settings."""
	for case in (handshake.HS_01, handshake.HS_02, handshake.HS_04,
	    handshake.HS_06, handshake.HS_10, handshake.HS_11,
	    handshake.OF_01, handshake.OF_02, handshake.OF_03,
	    handshake.OF_04, handshake.OF_07, handshake.OF_08,
	    options.AB_01, options.LS_01, info.IG_01, info.IG_02, info.IG_03,
	    requests.RD_01, writes.WR_01, DI_01):
		try:
			case(server)
		except Fail as e:
			raise Fail(f"{case.__name__}: {e}") from e


def BL_02(server):
	"""EXPORT_NAME, FLUSH and FUA work, and nobody must ask for sizes."""
	for name in ("disk", "block"):
		with server.hello() as c:
			c.export_name(name)
			c.read(0, 4096)
		with server.hello() as c:
			c.go(name)
			check(c.flags & SEND_FLUSH and c.flags & SEND_FUA,
				f"{name}: flags {c.flags:#06x}")
			data = c.read(4096, 4096)
			c.write(4096, data, FUA)
			c.good(FLUSH)
