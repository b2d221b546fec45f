"""
I: structured replies.  M: what chunks obey.  N: READ in chunks.

nbdchunk.py checks most of M of every reply; these cases make the server send
what there is to check, and look at the rest.  With style=extended they hold of
extended headers.
"""

import struct

from nbdmaps import *
from rules.options import VISIBLE
from rules.requests import PAST_64_BITS, set_faults

DENSE = ("disk", "ro", "odd")
RANGES = ((0, 1), (0, 512), (1, 511), (4095, 2), (511, 4098), (7, 65536),
	(123457, 54321), (0, 256 * KiB), (1, 256 * KiB), (262143, 262147),
	(0, 700001))


def chatty(server, name="disk", **kw):
	"""A connection whose replies come in chunks."""
	return server.go(name, style=STRUCTURED, **kw)


def ranges(c):
	"""Ranges of an export, to its very end."""
	yield from (r for r in RANGES if sum(r) <= c.size)
	for n in (1, 513, 65537):
		if n <= c.size:
			yield c.size - n, n


def read_all(server, c, name, flags=0):
	"""READs that are compared with the image; their Answers."""
	for offset, length in ranges(c):
		a = c.asks(READ, offset, length, flags)
		equal(f"the error of {a}", a.error, 0)
		equal(f"the data of {a}", a.data,
			server.bytes_of(name, offset, length))
		yield a


# --- B, C, K: what else the negotiation touches ------------------------------

def OF_10(server):
	"""Options that change state may come twice."""
	with server.hello() as c:
		c.structured()
		kind = c.final(STRUCTURED_REPLY)
		check(kind in (ACK, ERR_INVALID), "STRUCTURED_REPLY again got "
			f"{reply_name(kind)}")
		for _ in range(2):
			c.select("disk", ALLOCATION)
		c.haggling()
		c.go()
		c.serving()
		c.status(0, 4096)


def EN_08(server):
	"""EXPORT_NAME offers SEND_DF if and only if replies are structured."""
	with server.hello() as c:
		c.export_name("disk")
		equal("SEND_DF", c.flags & SEND_DF, 0)
		c.serving()
	with server.hello() as c:
		c.structured().export_name("disk")
		equal("SEND_DF", c.flags & SEND_DF, SEND_DF)
		c.serving()
		equal("the data", c.read(1, 4096, DF), pattern(1, 4096))


def TF_05(server):
	"""SEND_DF is offered if and only if replies come in chunks."""
	style = server.style(STRUCTURED)
	for name in VISIBLE:
		for negotiated in (SIMPLE_REPLY, style):
			with server.hello() as c:
				c.styled(negotiated)
				want = SEND_DF if negotiated == style else 0
				for option in (INFO, GO):
					got = c.accepted(name, (), option).flags
					equal(f"SEND_DF of {name}",
						got & SEND_DF, want)


# --- I. NBD_OPT_STRUCTURED_REPLY ---------------------------------------------

def SR_01(server):
	"""STRUCTURED_REPLY gets an ACK; then READ is answered in chunks."""
	with server.hello() as c:
		got = c.ask(STRUCTURED_REPLY)
		equal("the replies", [(r.type, r.data) for r in got],
			[(ACK, b"")])
		c.style = STRUCTURED
		c.go()
		a = c.asks(READ, 4096, 512)
		check(a.chunks, "no chunk")
		equal("the data", a.data, pattern(4096, 512))


def SR_02(server):
	"""STRUCTURED_REPLY with data is invalid, and changes nothing."""
	with server.hello() as c:
		for data in (b"\0", b"data", option_bytes(STRUCTURED_REPLY),
		    bytes(4096)):
			c.refused(ERR_INVALID, STRUCTURED_REPLY, data)
		c.haggling()
		c.go()
		equal("SEND_DF", c.flags & SEND_DF, 0)
		equal("the data", c.read(512, 64), pattern(512, 64))


def SR_03(server):
	"""STRUCTURED_REPLY again gets an ACK or ERR_INVALID, and stays."""
	with server.hello() as c:
		c.structured()
		for _ in range(3):
			kind = c.final(STRUCTURED_REPLY)
			check(kind in (ACK, ERR_INVALID), "it got "
				f"{reply_name(kind)}")
		c.go().serving()
		check(c.asks(READ, 0, 8).chunks, "no chunk")


# --- M. Structured reply rules -----------------------------------------------

def ST_01(server):
	"""Every reply is chunks with its cookie, the last one alone DONE."""
	for name in DENSE + ("sparse", "tail", "crumb"):
		with chatty(server, name) as c:
			for a in read_all(server, c, name):
				done = [k.done for k in a.chunks]
				equal(f"DONE in the reply to {a}", done,
					[False] * (len(done) - 1) + [True])
			c.quiet(0.1, "after the last reply")


def commands(c):
	"""Commands without a payload in the reply, that succeed."""
	return ((FLUSH, 0, 0, b""), (WRITE, 4 * MiB, 8, pattern(4 * MiB, 8)),
		(CACHE, 0, 4096, b""), (TRIM, 12 * MiB, 4096, b""),
		(WRITE_ZEROES, 12 * MiB, 4096, b""))


def ST_02(server):
	"""NONE has no payload, and is DONE."""
	with chatty(server) as c:
		kinds = [k.type for command, at, n, data in commands(c)
			for k in c.asks(command, at, n, 0, data).chunks]
		kinds += [k.type for k in c.asks(READ, 0, 0).chunks]
		check(NONE in kinds, "no NONE came, not even for a READ of "
			"nothing")
		check(set(kinds) == {NONE}, f"{kinds} came")
		c.serving()


def ST_03(server):
	"""No flag but DONE is set."""
	with chatty(server, "sparse", contexts=[ALLOCATION]) as c:
		for a in (c.asks(READ, 0, c.size), c.asks(READ, c.size, 1),
		    c.asks(BLOCK_STATUS, 0, MiB), c.asks(99)):
			check(a.chunks, f"no chunks in reply to {a}")
			check(all(k.flags in (0, DONE) for k in a.chunks),
				f"other flags in reply to {a}")


def ST_04(server):
	"""READ that fails gets an error chunk, and no content."""
	with chatty(server, "odd") as c:
		for offset, length, flags in ((c.size, 1, 0),
		    (c.size - 1, 2, 0), (0, 0x7FFFFFFF, 0), (0, 512, 1 << 15),
		    (0, 512, NO_HOLE), (0, 512, REQ_ONE),
		    (c.size - 1, 2, DF)) + tuple((offset, 512, 0)
		    for offset in PAST_64_BITS):
			a = c.fails((EINVAL, EOVERFLOW), READ, offset, length,
				flags)
			check(not a.simple, f"{a} got a simple reply")
			equal(f"content for {a}", a.parts, [])


def wrong(c):
	"""Commands other than READ, that fail."""
	return ((WRITE, c.size, 512, 0, bytes(512)), (WRITE, 0, 512, DF,
		bytes(512)), (TRIM, c.size, 512, 0, b""),
		(WRITE_ZEROES, c.size, 512, 0, b""),
		(CACHE, c.size, 512, 0, b""), (FLUSH, 0, 0, 1 << 15, b""),
		(BLOCK_STATUS, 0, 512, 0, b""), (RESIZE, 0, 512, 0, b""),
		(99, 0, 0, 0, b""))


def ST_05(server):
	"""Errors are as the specification has them, and say why."""
	with chatty(server) as c:
		for request in wrong(c) + ((READ, c.size, 512, 0, b""),
		    (READ, 0, 512, 1 << 15, b"")):
			a = c.asks(*request)
			equal(f"number of errors in reply to {a}",
				len(a.errors), 1)
			check(a.texts[0], f"the error of {a} has no text")
		c.serving()


def ST_06(server):
	"""An error with an offset has one inside the request.

	faults=FILE: where faults of the image are ordered."""
	control = server.option("faults")
	with chatty(server) as c:
		for command, call in ((READ, "pread*"), (WRITE, "pwrite*"),
		    (TRIM, "fallocate"), (WRITE_ZEROES, "*"), (CACHE, "*"),
		    (FLUSH, "fdatasync")):
			offset, length = 8 * MiB, 64 * KiB
			if command == FLUSH:
				offset = length = 0
			data = bytes(length) if command == WRITE else b""
			set_faults(control, f"{call} EIO */disk")
			a = c.asks(command, offset, length, 0, data)
			set_faults(control)
			error_in(f"{a}", a.error, (0, EIO) if command in
				(TRIM, CACHE) else (EIO,))
			c.serving()


def ST_07(server):
	"""Errors of other commands come as chunks, too."""
	for name in ("disk", "odd"):
		with chatty(server, name) as c:
			for request in wrong(c):
				a = c.asks(*request)
				check(a.error, f"{a} succeeded")
				check(not a.simple, f"{a} got a simple reply")
			c.serving()


def ST_08(server):
	"""Success of other commands is a simple reply or NONE."""
	with chatty(server) as c:
		for command, offset, length, data in commands(c):
			a = c.asks(command, offset, length, 0, data)
			equal(f"the error of {a}", a.error, 0)
			check(a.simple or [k.type for k in a.chunks] == [NONE],
				f"{a} got {a.chunks}")
		c.serving()


def ST_09(server):
	"""Replies to requests in flight mix only chunk by chunk."""
	with chatty(server, timeout=30) as c:
		wanted = {}
		for n in range(192):
			offset = n * 4099 % MiB
			length = (8, 4097, 600 * KiB, 12)[n % 4]
			length = min(length, 9 * MiB // 10)
			wanted[c.request(READ, offset, length)] = n
			if n % 8 == 0:
				wanted[c.request(99, n)] = None
		while wanted:
			cookie, a = c.next_answer()
			if wanted.pop(cookie) is None:
				equal(f"the error of {a}", a.error, EINVAL)
				continue
			equal(f"the error of {a}", a.error, 0)
			equal(f"the data of {a}", a.data, server.bytes_of(
				"disk", a.offset, a.length))


def ST_10(server):
	"""No chunk has more than the advertised maximum."""
	for name, length in (("block", MiB), ("disk", 16 * MiB),
	    ("big", 32 * MiB)):
		for flags in (0, DF):
			with chatty(server, name, requests=[INFO_BLOCK_SIZE],
			    timeout=60) as c:
				a = c.asks(READ, 0, length, flags)
				equal(f"the error of {a}", a.error, 0)
				most = max(len(k.data) for k in a.chunks)
				check(most <= c.payload_max + 8,
					f"a chunk of {most} bytes")


def with_faults(server, name, lengths, afters, flags=0):
	"""READs of an image that fails after so many calls: their Answers."""
	control = server.option("faults")
	for length in lengths:
		for after in afters:
			with chatty(server, name) as c:
				set_faults(control,
					f"pread* EIO */{name} * {after}")
				a = c.asks(READ, 0, length, flags)
				set_faults(control)
				yield a
				c.serving()
				equal("the same again, without the fault",
					c.asks(READ, 0, length).data,
					server.bytes_of(name, 0, length))


LATE = (MiB, 4 * MiB + 1), (0, 1, 2, 3, 9)


def ST_11(server):
	"""A reply has one ERROR at most, and not beside ERROR_OFFSET.

	faults=FILE: where faults of the image are ordered."""
	failed = 0
	for name in ("disk", "sparse"):
		for a in with_faults(server, name, *LATE):
			kinds = [k.type for k in a.chunks]
			check(kinds.count(CHUNK_ERROR) <= 1 and not (CHUNK_ERROR
				in kinds and CHUNK_ERROR_OFFSET in kinds),
				f"{a} got {a.chunks}")
			failed += bool(a.error)
	check(failed >= 4, f"only {failed} READs failed")


def ST_12(server):
	"""A READ that fails late has had no content that was DONE.

	faults=FILE: where faults of the image are ordered."""
	late = 0
	for a in with_faults(server, "disk", *LATE):
		if a.error:
			late += bool(a.parts)
			check(a.chunks[-1].done and not any(k.done
				for k in a.chunks[:-1]), f"{a} got {a.chunks}")
			check(a.chunks[-1].type not in (OFFSET_DATA,
				OFFSET_HOLE), f"{a} ends with {a.chunks[-1]}")
	check(late, "no READ failed after some of its content was sent")


# --- N. NBD_CMD_READ ---------------------------------------------------------

def RD_02(server):
	"""The content covers exactly what was asked for."""
	for name in DENSE + ("sparse", "tail", "crumb"):
		with chatty(server, name) as c:
			for a in read_all(server, c, name):
				equal(f"the content of {a}",
					sum(n for _, n, _ in a.parts), a.length)
	with chatty(server, "sparse") as c:
		a = c.asks(READ, 0, c.size)
		equal("the data of all of it", a.data,
			server.bytes_of("sparse", 0, c.size))


def RD_06(server):
	"""A data chunk has at least one byte, and its own."""
	with chatty(server) as c:
		for offset in (0, 1, 511, 4095, c.size - 1):
			a = c.asks(READ, offset, 1)
			equal(f"chunks of {a}", [(k.type, len(k.data))
				for k in a.chunks if k.data], [(OFFSET_DATA, 9)])
			equal(f"the data of {a}", a.data,
				server.bytes_of("disk", offset, 1))


def holes(server, name):
	"""READs of all of an export: (offset, length) of each hole sent."""
	forget_cached(server.image(name))
	with chatty(server, name) as c:
		for at in range(0, c.size, 8 * MiB):
			a = c.asks(READ, at, min(8 * MiB, c.size - at))
			yield from ((o, n) for o, n, data in a.parts
				if data is None)


def RD_07(server):
	"""A hole chunk has 12 bytes, a length, and zeroes behind it."""
	for name in ("sparse", "tail"):
		found = list(holes(server, name))
		check(found, f"{name} was sent without a hole")
		for offset, length in found:
			check(not any(server.bytes_of(name, offset, length)),
				f"{name} is not zero at {offset}")
		forget_cached(server.image(name))
		with chatty(server, name) as c:
			for at in range(0, c.size, 8 * MiB):
				a = c.asks(READ, at, min(8 * MiB, c.size - at))
				equal(f"the data of {a}", a.data,
					server.bytes_of(name, at, a.length))


def RD_08(server):
	"""Holes of the image are sent as such, and nothing else of size is."""
	for name in ("sparse", "tail"):
		sent = sum(n for _, n in holes(server, name))
		real = sum(n for n, flags in real_map(server.image(name))
			if flags)
		check(sent >= real - 8 * KiB * len(SPARSE[name][1]),
			f"{sent} bytes of {name} were sent as holes, {real} are")
	with chatty(server, "void") as c:
		a = c.asks(READ, 5 * GiB - 3, 16 * MiB)
		equal("the data sent for a hole", sum(n for _, n, data in a.parts
			if data is not None), 0)


def RD_09(server):
	"""With DF there is one chunk, zeroes and all."""
	for name in ("disk", "sparse", "tail", "void"):
		with chatty(server, name) as c:
			for offset, length in ((0, MiB), (4095, 20000),
			    (MiB, 8192), (2 * MiB, 2 * MiB),
			    (c.size - MiB - 1, MiB + 1)):
				a = c.asks(READ, offset, length, DF)
				equal(f"the error of {a}", a.error, 0)
				equal(f"content chunks of {a}", len(a.parts), 1)
				equal(f"the data of {a}", a.data,
					server.bytes_of(name, offset, length))
	with chatty(server, "sparse") as c:
		a = c.asks(READ, 0, MiB, DF)
		equal("chunks where there is data and a hole",
			[k.type for k in a.chunks if k.data], [OFFSET_DATA])


def RD_10(server):
	"""With DF a READ of up to 64 KiB always works."""
	for name in ("disk", "sparse", "tail", "void", "frag"):
		with chatty(server, name) as c:
			for offset in (0, 1, 4095, MiB - 5, c.size - 65536):
				for length in (1, 4096, 65536):
					equal("the data", c.read(offset, length,
						DF), server.bytes_of(name,
						offset, length))


def RD_11(server):
	"""With DF a READ that is too long gets EOVERFLOW, and no content."""
	with chatty(server, "big", timeout=60) as c:
		a = c.asks(READ, 1, 32 * MiB, DF)
		equal(f"the error of {a}", a.error, 0)
		equal("the chunks", len(a.parts), 1)
		for length in (32 * MiB + 1, 48 * MiB, 64 * MiB):
			a = c.fails(EOVERFLOW, READ, 0, length, DF)
			equal(f"content for {a}", a.parts, [])


def RD_14(server):
	"""A READ that fails late gets an error, and is in sync.

	faults=FILE: where faults of the image are ordered."""
	for name in ("disk", "sparse"):
		for a in with_faults(server, name, *LATE):
			error_in(f"{a}", a.error, (0, EIO))
			real = server.bytes_of(name, 0, a.length)
			at = [e[1] for e in a.errors if e[1] is not None]
			for offset, n, data in a.parts:
				# a chunk that the error is in is filled up
				if any(offset <= o < offset + n for o in at):
					continue
				if data is not None and a.error and (
				    (offset, n, data) == a.parts[-1]):
					data = data.rstrip(b"\0")
					n = len(data)
				equal(f"content at {offset}", data or bytes(n),
					real[offset:offset + n])
	for a in with_faults(server, "disk", *LATE, DF):
		error_in(f"{a}", a.error, (0, EIO))


def RD_15(server):
	"""Chunks start and end at multiples of 512, or with the request."""
	for name in ("disk", "sparse", "frag"):
		with chatty(server, name) as c:
			for offset, length in ((1, MiB), (511, 3 * MiB + 7),
			    (3 * MiB - 1, 2 * MiB), (8191, 300 * KiB)):
				a = c.asks(READ, offset, length)
				ends = {e for o, n, _ in a.parts
					for e in (o, o + n)}
				ends -= {offset, offset + length}
				check(not any(e % 512 for e in ends),
					f"{a} was split at {sorted(ends)}")
