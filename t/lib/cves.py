"""
cves: what once broke NBD servers, each replayed by what its class of client
sends.  Run as the cases of nbdraw.py; the comment above a case says what the
bug was.
"""

import itertools
import os
import signal
import socket
import struct
import time

from hostile import HANDSHAKE, Witness, calm, gone
from nbdraw import *
from nbdtls import ask, context, rest, wrap

SILLY = (0xFFFFFFFF, 0xFFFFFFFE, 0x80000000, 0x7FFFFFFF)
# Around the sizes that buffers have, and their headers' lengths.
NEAR = sorted({n + d for n in (64 * KiB, 128 * KiB, 256 * KiB, MiB, 2 * MiB)
	for d in (-28, -16, -1, 0, 1, 16, 28)})


# --- nbd-server --------------------------------------------------------------

# nbd-server 2.7.5: a READ's length was held against the size of the buffer,
# but the reply's header was put into that buffer too: bytes past its end.
def CVE_2005_3534(server):
	"""A READ as long as a buffer is exact, a longer one refused."""
	with server.go("ro", timeout=30) as c:
		for length in NEAR:
			equal(f"READ of {length}", c.read(3, length),
				pattern(3, length))
	with server.go("big", timeout=30) as c:
		for length in (32 * MiB + 16, 64 * MiB - 16, 64 * MiB):
			check(c.read(GiB, length) == bytes(length),
				f"READ of {length} is not all zeroes")
		for length in (64 * MiB + 1, 64 * MiB + 16, *SILLY):
			c.fails((EINVAL, EOVERFLOW), READ, 0, length)


# nbd-server 2.9.20: the check of CVE-2005-3534 had been lost again, for
# WRITEs too: their payload was received into a buffer of fixed size.
def CVE_2011_0530(server):
	"""A WRITE as long as a buffer arrives whole, a longer one nowhere."""
	at = 2 * GiB
	with server.go("big", timeout=30) as c:
		for length in NEAR:
			c.write(at + 5, pattern(at, length))
			equal(f"what a WRITE of {length} wrote",
				c.read(at, length + 10),
				bytes(5) + pattern(at, length) + bytes(5))
			c.good(WRITE_ZEROES, at, 4 * MiB)
		length = 64 * MiB + 16
		c.fails((EINVAL, EOVERFLOW), WRITE, at, length, 0,
			bytes(length))
		equal("what a refused WRITE wrote", c.read(at, MiB), bytes(MiB))
	for length in SILLY:
		with server.go("big") as c:
			c.request(WRITE, at, length)
			while c.push(bytes(MiB)) and length > 0:
				length -= MiB
				check(length > 0, "a WRITE of gigabytes was "
					"received")
	server.alive()


# nbd-server 2.9.21: what a failed negotiation gave back was used without a
# look: naming an export that is not there was a NULL pointer.
def CVE_2011_1925(server):
	"""Naming an export that is not there harms nobody, however often."""
	base = calm(server)
	with Witness(server):
		for n in range(200):
			c = server.hello((FIXED_NEWSTYLE | NO_ZEROES, 0,
				FIXED_NEWSTYLE, NO_ZEROES)[n % 4])
			c.option(EXPORT_NAME, b"nosuch%d" % n)
			c.closed(what="after an unknown name")
			c.close()
	gone(server, base)


# nbd-server 3.4: addresses of clients were compared with those that may come
# in by as many characters as the latter had: 127.0.0.1 let 127.0.0.10 in.
def CVE_2013_6410(server):
	"""An address that only begins like an allowed one is not allowed.

	Exports one: 127.0.0.1, many: 127.0.0.16/28, some: 127.0.0.2, 127.0.0.20"""
	allowed = {
		"one": lambda n: n == 1,
		"many": lambda n: 16 <= n < 32,
		"some": lambda n: n in (2, 20),
	}
	for n in (1, 2, 3, 10, 11, 12, 15, 16, 19, 20, 21, 31, 32, 100, 101, 116,
	    160, 200, 201, 255):
		for name, may in allowed.items():
			source = (f"127.0.0.{n}", 0)
			with server.hello(source=source) as c:
				kind = c.info(name).final
				check((kind == ACK) == may(n), f"127.0.0.{n} "
					f"asking for {name} got "
					+ reply_name(kind))
			with server.hello(source=source) as c:
				c.option(EXPORT_NAME, text(name))
				if may(n):
					c.recv(10, "answer to EXPORT_NAME")
				else:
					c.closed(what="though it may not come")


# nbd-server 3.3: negotiation was the root process's, which ended with it: when
# the client hung up during it, or named an export that is not there.
def CVE_2013_7441(server):
	"""Hanging up at any byte of the negotiation ends nobody else's."""
	base = calm(server)
	session = HANDSHAKE[:4] + option_bytes(EXPORT_NAME, b"nosuch")
	with Witness(server):
		for end in (Conn.close, Conn.reset):
			for whole in (HANDSHAKE, session):
				for n in range(len(whole) + 1):
					c = server.connect()
					c.push(whole[:n])
					end(c)
	gone(server, base)


# nbd-server 3.10: signal handlers took locks and logged: a signal at a wrong
# moment, and the end of a client made one, was a deadlock for everybody.
def CVE_2015_0847(server):
	"""Signals at any moment stop nobody, while clients come and go."""
	base, end = calm(server), time.monotonic() + 3
	kinds = (signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGCONT,
		signal.SIGURG, signal.SIGWINCH)
	sent = 0
	with Witness(server):
		while time.monotonic() < end:
			c = server.go("disk" if sent % 2 else "ro")
			for kind in kinds:
				os.kill(server.pid, kind)
				sent += 1
			equal("the data", c.read(8, 8), pattern(8, 8))
			(c.reset if sent % 4 else c.close)()
	check(sent > 100, f"only {sent} signals were sent")
	gone(server, base)


def lying_name(c, option, claimed, name):
	"""INFO or GO whose name claims to be so long, without more ado."""
	got = c.final(option, info_data(name, [], claimed))
	check(got in (ERR_INVALID, ERR_TOO_BIG, ERR_UNKNOWN), "a name that "
		f"claims {claimed} bytes got {reply_name(got)}")


# nbd-server 3.23: a name's length plus one wrapped to 0, so that nothing was
# allocated and 4 GiB were read into it.
def CVE_2022_26495(server):
	"""A name of 0xffffffff bytes is refused, in step or by the end."""
	base, memory = calm(server), server.rss()
	with Witness(server):
		for claimed in SILLY:
			for option in (INFO, GO):
				with server.hello() as c:
					lying_name(c, option, claimed, b"disk")
					lying_name(c, option, claimed, b"")
					c.haggling()
			for option in (INFO, GO, EXPORT_NAME):
				with server.hello() as c:
					c.push(option_bytes(option, info_data(
						b"a" * 4096, [], claimed),
						claimed) + bytes(KiB))
					c.closed(what="after an option of "
						f"{claimed} bytes")
	grown = server.rss() - memory
	check(grown < 16 * MiB, f"{grown >> 20} MiB more memory")
	gone(server, base)


# nbd-server 3.23: a name's length was believed though the option was shorter,
# and as much was read onto the stack.
def CVE_2022_26496(server):
	"""A name longer than its option is refused, and the next option read."""
	for name in (b"", b"disk", b"a" * 1000):
		for more in (1, 2, 3, 4, 100, 1024, 4096, 65536):
			for option in (INFO, GO):
				with server.hello() as c:
					lying_name(c, option, len(name) + more,
						name)
					c.haggling()
	# The count of infos, likewise.
	for count in (1, 2, 0x7FFF, 0xFFFF):
		with server.hello() as c:
			got = c.final(INFO, info_data(b"disk", [], None, count))
			equal(f"{count} infos that are not there", got,
				ERR_INVALID)
			c.haggling()


# --- qemu --------------------------------------------------------------------

# QEMU 2.9: when the server had to wait for more of an option it did so on
# behalf of a request, which there was not yet: an assertion.
def CVE_2017_7539(server):
	"""Data that nobody expects, and late, is thrown away in step."""
	base = calm(server)
	data = bytes(range(256)) * 16
	for option in (ABORT + 100, PEEK_EXPORT, RESIZE + 90, NO_OPTION):
		with server.hello() as c:
			whole = option_bytes(option, data)
			for cut in (1, 8, 15, 16, 17, 1000, 4000):
				c.send(whole[:cut])
				time.sleep(0.02)
				c.send(whole[cut:])
				equal("the reply", c.reply().type, ERR_UNSUP)
			c.haggling()
	with server.hello() as c:
		for cut in (1, 17, 2000):
			whole = option_bytes(LIST, data)
			c.send(whole[:cut])
			time.sleep(0.02)
			c.send(whole[cut:])
			equal("the reply", c.reply().type, ERR_INVALID)
		c.haggling()
	for junk in (bytes(300), b"GET / HTTP/1.0\r\n\r\n" * 20, data):
		c = server.connect()
		c.push(junk)
		c.close()
	gone(server, base)


# QEMU 2.9, qemu-nbd: a client that went before the negotiation was over, as
# port scanners do, was taken out of a list that it had never been in.
def CVE_2017_9524(server):
	"""A port scan ends nobody."""
	base = calm(server)
	with Witness(server):
		for n in range(400):
			c = server.connect()
			if n % 4 == 1:
				c.greeting()
			if n % 4 == 2:
				c.push(b"\0\0\0\3" + option_bytes(ABORT))
			if n % 4 == 3:
				c.push(b"\0\0\0\x7f")
			(c.reset if n % 8 < 4 else c.close)()
	gone(server, base)


def long_names(server, lengths):
	"""INFO, GO and EXPORT_NAME of names that are not there."""
	for n in lengths:
		allowed = (ERR_UNKNOWN,) if n <= 4096 else (ERR_INVALID,
			ERR_TOO_BIG, ERR_UNKNOWN)
		with server.hello() as c:
			for option in (INFO, GO):
				c.refused(allowed + (ERR_INVALID,), option,
					info_data(b"a" * n))
			c.haggling()
		with server.hello() as c:
			c.push(option_bytes(EXPORT_NAME, b"a" * n))
			c.closed(what=f"after a name of {n} bytes")


# QEMU 2.10: names had a buffer of 256 bytes on the stack, INFO and GO read up
# to 4096 into it.
def CVE_2017_15118(server):
	"""Names of any length have their place, or are refused."""
	base = calm(server)
	long_names(server, (63, 64, 65, 255, 256, 257, 1023, 1024, 3000, 4095,
		4096, 4097, 5000, 20000))
	gone(server, base)


# QEMU 2.10: up to 4 GiB of an option's data were read only to be thrown away,
# and the one thread was busy with that.
def CVE_2017_15119(server):
	"""An option of gigabytes is not read, and keeps nobody waiting."""
	base = calm(server)
	with Witness(server):
		for option in (NO_OPTION, LIST, GO, EXPORT_NAME, ABORT):
			for length in (*SILLY, 256 * MiB):
				c = server.hello()
				c.push(option_bytes(option, b"", length))
				sent, most = 0, 64 * MiB
				while sent < most and c.push(bytes(64 * KiB)):
					sent += 64 * KiB
				check(sent < most, f"{sent >> 20} MiB of an "
					f"option of {length} bytes were taken")
				c.close()
	gone(server, base)


# QEMU 5.0: a name just short of 4096 bytes is allowed; with the words of the
# error around it the text was longer, which an assertion forbade.
def CVE_2020_10761(server):
	"""A refusal is no longer than a text may be, however long the name."""
	long_names(server, (*range(4000, 4060, 7), *range(4060, 4098)))
	with server.hello() as c:
		for option in (INFO, GO):
			got = c.ask(option, info_data("é" * 2048))
			check(len(got[-1].data) <= STRING_MAX, "the text of "
				f"the refusal has {len(got[-1].data)} bytes")
		c.haggling()


def ended(pid):
	"""The process has: it is no more, or waits for its parent."""
	try:
		with open(f"/proc/{pid}/stat") as f:
			return f.read().rsplit(")", 1)[1].split()[0] == "Z"
	except FileNotFoundError:
		return True


# QEMU 9.0: when the server was told to stop, clients that had not finished
# the handshake were not waited for nor closed, and then met what was freed.
def CVE_2024_7409(server):
	"""Clients that keep their sockets open do not keep the server, nor harm
	it, when it is told to stop.

	The daemon has ended afterwards."""
	starts = [HANDSHAKE[:n] for n in (0, 3, 4, 12, 20, 30)]
	clients = []
	for n in range(60):
		c = server.connect()
		c.push(starts[n % len(starts)])
		clients.append(c)
	for n in range(10):
		c = server.go("big")
		c.push(request_bytes(READ, 0, 32 * MiB, cookie=n) * 4
			if n % 2 else request_bytes(WRITE, 0, MiB) + b"half")
		clients.append(c)
	with server.go("disk") as c:
		c.serving()
	time.sleep(0.3)
	os.kill(server.pid, signal.SIGTERM)
	# Who has not finished the handshake is not waited for.
	for n, c in enumerate(clients[:60]):
		c.push(HANDSHAKE[len(starts[n % len(starts)]):][:16])
		c.sock.settimeout(2)
		rest(c)
	check(not ended(server.pid), "it ended before its drain-timeout, with "
		"requests in the middle of their payload")
	# Longer than its drain-timeout for those in the middle of something.
	until("the end of the daemon", lambda: ended(server.pid), 15)


# --- nbdkit ------------------------------------------------------------------

def held(server):
	"""What the daemon has open beside sockets, and its threads."""
	links = []
	for fd in os.listdir(f"/proc/{server.pid}/fd"):
		try:
			links.append(os.readlink(f"/proc/{server.pid}/fd/{fd}"))
		except FileNotFoundError:
			pass
	return (sorted(l for l in links if not l.startswith("socket:")),
		len(os.listdir(f"/proc/{server.pid}/task")))


# nbdkit 1.15: the backend was opened, at any cost, when a connection came in,
# before its client had said anything or shown who it was.
def CVE_2019_14850(server):
	"""A connection alone makes the server open nothing."""
	base = calm(server)
	before = held(server)
	clients = [server.connect() for _ in range(100)]
	for n, c in enumerate(clients):
		c.greeting()
		if n % 2:
			c.push(b"\0\0\0\3")
	time.sleep(0.2)
	files, threads = held(server)
	equal("files open for clients that said nothing", files, before[0])
	check(threads <= before[1], f"{threads} threads, {before[1]} before")
	check(server.fds() <= base + len(clients), f"{server.fds() - base} more "
		f"descriptors for {len(clients)} connections")
	for c in clients:
		c.close()
	gone(server, base)


# nbdkit 1.15.2: since the mending of CVE-2019-14850 the backend was opened by
# INFO, and once more by what came after it: an assertion.
def CVE_2019_14851(server):
	"""Options in any order, before any end, are answered."""
	base = calm(server)
	steps = (("disk", INFO), ("ro", INFO), ("nosuch", INFO), ("nosuch", GO),
		("denied", INFO), (None, LIST), (None, STRUCTURED_REPLY))
	ends = (("disk", GO), ("ro", EXPORT_NAME), (None, ABORT),
		("nosuch", EXPORT_NAME), (None, None))
	orders = [o for n in range(4) for o in itertools.product(steps, repeat=n)]
	for i, order in enumerate(orders):
		c = server.hello()
		for name, option in order:
			c.ask(option, b"" if name is None else info_data(name,
				[3]))
		name, option = ends[i % len(ends)]
		if option == GO:
			c.accepted(name, (), GO)
		elif option == EXPORT_NAME and name == "ro":
			c.export_name(name)
		elif option is not None:
			c.option(option, text(name or ""))
		(c.close if i % 2 else c.reset)()
	gone(server, base)


def simple_only(c):
	"""READ is answered by a simple reply: nothing else was agreed on."""
	c.accepted("ro", (), GO)
	c.send(request_bytes(READ, 8, 512, cookie=99))
	head = c.recv(16, "reply to READ")
	equal("the reply to READ", head, struct.pack(">IIQ", SIMPLE_REPLY, 0, 99))
	equal("the data", c.recv(512, "data of READ"), pattern(8, 512))


# nbdkit 1.26: what a client, or whoever was in between, had asked for in clear
# was still agreed on inside TLS, where the client knew nothing of it: replies
# that it could not read.
def CVE_2021_3716(server):
	"""What was agreed on in clear is forgotten in TLS, and what was slipped in
	behind STARTTLS is not done.

	pki=DIR: see nbdtls.py"""
	ctx = context(server.option("pki"))
	meta = (struct.pack(">I", 2) + b"ro" + struct.pack(">II", 1, 15)
		+ b"base:allocation")
	for options in (((STRUCTURED_REPLY, b""),), ((EXTENDED_HEADERS, b""),),
	    ((STRUCTURED_REPLY, b""), (SET_META_CONTEXT, meta))):
		with server.hello() as c:
			for option, data in options:
				equal("the last reply in clear",
					c.ask(option, data)[-1].type, ACK)
			ask(c)
			wrap(c, ctx)
			c.refused(ERR_INVALID, SET_META_CONTEXT, meta)
			simple_only(c)
	for slipped in (option_bytes(STRUCTURED_REPLY),
	    option_bytes(EXTENDED_HEADERS), option_bytes(ABORT),
	    option_bytes(GO, info_data("ro"))):
		c = server.hello()
		c.send(option_bytes(STARTTLS) + slipped)
		c.sock.shutdown(socket.SHUT_WR)
		said = rest(c).split(OPT_REPLY.to_bytes(8, "big"))
		check(len(said) <= 2, f"{len(said) - 1} replies in clear, one "
			"of them to an option behind STARTTLS")
		c.close()
	server.alive()


def hole_told(c, offset, length, flags=0):
	"""BLOCK_STATUS of what is one hole: what of it is told."""
	got = c.status(offset, length, flags)[ALLOCATION]
	equal(f"the extents at {offset}", [f for _, f in got], [HOLE | ZERO])
	told = got[0][0]
	check(0 < told <= c.size - offset, f"an extent of {told} bytes at "
		f"{offset}")
	if flags & REQ_ONE:
		check(told <= length, f"{told} bytes told of {length}")
	return told


# nbdkit 1.41: when a plugin's extent was longer than a request of nearly 2^32
# bytes, cutting it to 32 bits gave an extent of nothing: an assertion.
def CVE_2025_47711(server):
	"""The status of 2^32 - 1 bytes of a hole that goes on is told.

	The export void is 1 TiB, all hole."""
	for style, lengths in ((STRUCTURED, (0xFFFFFFFF,)),
	    (EXTENDED, (0xFFFFFFFF, 1 << 32, (1 << 32) + 1, 1 << 39))):
		with server.go("void", style=style,
		    contexts=(ALLOCATION,)) as c:
			for n in (*lengths, 0xFFFFFFFE, 0xFFFFFE00, 0xFFFFF000,
			    0x80000000, 0x7FFFFFFF):
				for at in (0, 1, 511, 4096, 1 << 32, c.size - n):
					for flags in (0, REQ_ONE):
						hole_told(c, at, n, flags)
			at, steps = 0, 0
			while at < c.size:
				at += hole_told(c, at, min(c.size - at,
					0xFFFFFFFF))
				steps += 1
			check(steps <= 300, f"a map of 1 TiB took {steps} "
				"requests")
			c.serving()


# nbdkit 1.41, filter blocksize: rounding the length of a block status request
# up to whole blocks went past 2^32 and came back as 0: an assertion.
def CVE_2025_47712(server):
	"""The status of nearly 2^32 bytes is told where blocks are whole.

	The export blocks is 1 TiB, all hole, with block-min = 4096."""
	for style in (STRUCTURED, EXTENDED):
		for infos in ((), (INFO_BLOCK_SIZE,)):
			with server.go("blocks", infos, style=style,
			    contexts=(ALLOCATION,)) as c:
				for at in (0, 4096, 1 << 32, (1 << 39) + 4096):
					hole_told(c, at, (1 << 32) - 4096)
				for length in ((1 << 32) - 4095, (1 << 32) - 512,
				    (1 << 32) - 1):
					for at in (0, 4096, 1, 512):
						crooked(c, at, length, infos)
				if style == EXTENDED:
					wrapping(c)


def crooked(c, at, length, infos):
	"""No whole blocks: an error to those who asked for block sizes."""
	if infos:
		refused(c, at, length)
	else:
		hole_told(c, at, length)


def wrapping(c):
	"""Lengths that come back as 0 when they are rounded or added."""
	for length in ((1 << 64) - 1, (1 << 64) - 4096, (1 << 63),
	    (1 << 64) - 4095):
		for at in (0, 4096, (1 << 64) - 4096):
			refused(c, at, length)


def refused(c, at, length):
	a = c.asks(BLOCK_STATUS, at, length)
	equal(f"the error of {a}", a.error, EINVAL)
	check(c.read(4096, 4096) == bytes(4096), "a READ behind it is wrong")
