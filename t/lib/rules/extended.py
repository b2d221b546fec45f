"""
Y: extended headers.  What they share with structured replies is in
structured.py and status.py, which are run again with style=extended.
"""

import struct

from nbdmaps import *
from rules.options import VISIBLE

PAST_32 = 5 * GiB


def wide(server, name="disk", *contexts, **kw):
	return server.go(name, style=EXTENDED, contexts=contexts, **kw)


def EX_01(server):
	"""EXTENDED_HEADERS gets an ACK; headers are then of 32 bytes."""
	with server.hello() as c:
		got = c.ask(EXTENDED_HEADERS)
		equal("the replies", [(r.type, r.data) for r in got],
			[(ACK, b"")])
		c.style = EXTENDED
		c.go()
		equal("the data", c.read(4096, 512), pattern(4096, 512))
		c.write(4 * MiB, pattern(4 * MiB, 512))
		c.serving()
		c.disc()


def EX_02(server):
	"""EXTENDED_HEADERS with data is invalid, and changes nothing."""
	with server.hello() as c:
		for data in (b"\0", b"data", option_bytes(EXTENDED_HEADERS),
		    bytes(4096)):
			c.refused(ERR_INVALID, EXTENDED_HEADERS, data)
		c.haggling()
		c.go()
		equal("SEND_DF", c.flags & SEND_DF, 0)
		equal("the data", c.read(512, 64), pattern(512, 64))


def EX_03(server):
	"""It works without structured replies, and takes precedence."""
	for before in (False, True):
		with server.hello() as c:
			if before:
				c.structured()
			c.extended().go()
			equal("the data", c.read(512, 64), pattern(512, 64))
			c.serving()


def EX_04(server):
	"""STRUCTURED_REPLY afterwards gets ERR_EXT_HEADER_REQD."""
	for before in (False, True):
		with server.hello() as c:
			if before:
				c.structured()
			c.extended()
			c.refused(ERR_EXT_HEADER_REQD, STRUCTURED_REPLY)
			kind = c.final(EXTENDED_HEADERS)
			check(kind in (ACK, ERR_INVALID), "EXTENDED_HEADERS "
				f"again got {reply_name(kind)}")
			c.go().serving()


def EX_05(server):
	"""INFO and GO work afterwards."""
	for name in VISIBLE:
		with server.hello() as c:
			c.extended()
			info = c.accepted(name)
			c.go(name)
			equal(f"size of {name}", (c.size, c.size),
				(info.size, SIZES[name]))
			c.serving()


def EX_06(server):
	"""EXPORT_NAME afterwards ends the connection."""
	for name in (b"disk", b"nosuch", b""):
		with server.hello() as c:
			c.extended()
			c.option(EXPORT_NAME, name)
			c.closed(what="after EXPORT_NAME")
	server.alive()


def EX_07(server):
	"""Every reply is an extended chunk with the request's offset."""
	at = 12 * MiB
	with wide(server, "disk", ALLOCATION, DEPTH) as c:
		for request in ((READ, 4099, 700000, 0, b""),
		    (READ, 4099, 7000, DF, b""),
		    (WRITE, at + 3, 77, 0, pattern(at + 3, 77)),
		    (WRITE, at + 3, 77, FUA, pattern(at + 3, 77)),
		    (FLUSH, 0, 0, 0, b""), (TRIM, at, 4096, 0, b""),
		    (CACHE, at + 7, 4096, 0, b""), (99, at, 4096, 0, b""),
		    (WRITE_ZEROES, at + 1, 4096, 0, b""),
		    (BLOCK_STATUS, 4097, MiB, 0, b""),
		    (READ, c.size, 512, 0, b""), (READ, (1 << 64) - 1, 2, 0, b""),
		    (WRITE, c.size + 5, 512, 0, bytes(512)),
		    (TRIM, c.size + 5, 512, 0, b""),
		    (BLOCK_STATUS, c.size + 1, 512, 0, b""),
		    (READ, 77, 512, 1 << 15, b""),
		    (WRITE, 77, 512, 1 << 15, bytes(512)),
		    (RESIZE, 77, 0, 0, b"")):
			a = c.asks(*request)
			check(a.chunks and all(k.offset == request[1]
				for k in a.chunks), f"{a} got {a.chunks}")
		c.serving()


def EX_08(server):
	"""A WRITE has its payload; without PAYLOAD_LEN too, as QEMU's."""
	at = 5 * MiB
	with wide(server) as c:
		for bare, flags in ((False, 0), (False, FUA), (True, 0),
		    (True, FUA)):
			for n in (1, 28, 32, 4096, 3 * MiB + 7):
				before = server.bytes_of("disk", at + 1, n)
				data = (request_bytes(WRITE, 0, 8, 0, 1,
					EXT_REQUEST) * (n // 32 + 1))[:n]
				a = c.asks(WRITE, at + 1, n, flags, data,
					bare=bare)
				error_in(f"{a}", a.error, (0, EINVAL)
					if bare else (0,))
				equal("the data", server.bytes_of("disk",
					at + 1, n), before if a.error else data)
				c.serving()
		c.fails((0, EINVAL), WRITE, at, 0, 0, bare=True)
		c.write(at, pattern(at, 4 * MiB))
	with wide(server, "ro") as c:
		c.fails(EPERM, WRITE, 0, 4096, 0, b"\xEE" * 4096, bare=True)


def EX_09(server):
	"""A payload that a command has not got is skipped, with EINVAL."""
	at = 5 * MiB
	with wide(server, "disk", ALLOCATION) as c:
		before = c.read(at, 65536)
		for command in (READ, FLUSH, TRIM, CACHE, WRITE_ZEROES, RESIZE,
		    99, 0xFFFF):
			for n in (1, 28, 32, 4096, MiB):
				payload = request_bytes(WRITE, at, 8, 0, 1,
					EXT_REQUEST) * (n // 32 + 1)
				a = c.fails(EINVAL, command, at, n, PAYLOAD_LEN,
					payload[:n])
				equal(f"content for {a}", a.parts, [])
		for command in (READ, TRIM, BLOCK_STATUS, 99):
			error = c.run(command, at, 0, PAYLOAD_LEN)
			check(error, f"command {command} with PAYLOAD_LEN of "
				"nothing succeeded")
		equal("the data", c.read(at, 65536), before)


def EX_10(server):
	"""A payload longer than what is accepted ends the connection."""
	for command in (WRITE, TRIM, BLOCK_STATUS, 99):
		for length in (64 * MiB + 1, 1 << 32, (1 << 32) + 512,
		    1 << 63, (1 << 64) - 1):
			with wide(server, "disk", ALLOCATION) as c:
				c.request(command, 0, length, PAYLOAD_LEN)
				c.closed(what=f"after a payload of {length}")
	with wide(server) as c:
		c.request(WRITE, 0, 1 << 32, bare=True)
		c.closed(what="after a payload of 4 GiB")
	with wide(server, "big", timeout=60) as c:
		c.write(4096, bytes(32 * MiB))
		c.fails((0, EINVAL), WRITE, 4096, 64 * MiB, 0, bytes(64 * MiB))
		c.good(TRIM, 0, 128 * MiB)
	server.alive()


def EX_11(server):
	"""Commands without a payload take more than 32 bits of length."""
	with wide(server, "void", ALLOCATION, timeout=60) as c:
		for at in (0, 3 * GiB, 5 * GiB + 4096, c.size - 4096):
			c.write(at, b"\xA5" * 4096)
		for command, flags in ((CACHE, 0), (WRITE_ZEROES, 0),
		    (TRIM, 0), (TRIM, FUA), (WRITE_ZEROES, FUA)):
			for offset, length in ((0, c.size), (4096, PAST_32),
			    (c.size - PAST_32, PAST_32), (1, c.size - 1)):
				error = c.run(command, offset, length, flags)
				equal(f"command {command} of {length}",
					error, 0)
			if command == WRITE_ZEROES:
				for at in (0, 3 * GiB, 5 * GiB + 4096,
				    c.size - 4096):
					equal("zeroes", c.read(at, 4096),
						bytes(4096))
		got = c.status(0, c.size)[ALLOCATION]
		equal("the status", sum(n for n, _ in got), c.size)
		for command, error in ((TRIM, EINVAL), (WRITE_ZEROES, ENOSPC),
		    (CACHE, EINVAL), (BLOCK_STATUS, EINVAL)):
			for offset, length in ((0, c.size + 1),
			    (4096, c.size), (0, 1 << 63), (512, 1 << 63),
			    (4096, (1 << 64) - 4096), (1, (1 << 64) - 1)):
				c.fails(error, command, offset, length)


def EX_12(server):
	"""BLOCK_STATUS is told in extents of 64 bits."""
	for name, count in (("tera", 1), ("void", 1), ("frag", 4096)):
		real = real_map(server.image(name))
		with wide(server, name, ALLOCATION, DEPTH) as c:
			a = c.asks(BLOCK_STATUS, 0, c.size)
			equal("the chunks", [k.type for k in a.chunks
				if k.data], [STATUS_EXT] * 2)
			if count == 1:
				equal(f"the map of {name} at once",
					a.status[ALLOCATION],
					[(c.size, HOLE | ZERO)])
			map_is(name, a.status[ALLOCATION], 0, real)
			got = c.status(1, c.size - 1, REQ_ONE)[ALLOCATION]
			map_is(name, got, 1, real)
			equal(f"the map of {name}", status_map(c,
				step=c.size)[ALLOCATION], real)


def EX_13(server):
	"""The upper half of the status is 0."""
	for name in ("sparse", "tera", "disk"):
		with wide(server, name, ALLOCATION, DEPTH) as c:
			for context, got in c.status(0, c.size).items():
				for n, status in got:
					check(status < 1 << 32, f"{context}: "
						f"{status:#x}")


def bad_payloads(c):
	ids = list(c.contexts.values())
	unknown = next(n for n in range(1000, 2000) if n not in ids)
	yield "an unknown context", status_payload(4096, [unknown])
	yield "known and unknown", status_payload(4096, ids + [unknown])
	yield "a context twice", status_payload(4096, [ids[0]] * 2)
	yield "many contexts", status_payload(4096, ids * 5000)
	yield "63 MiB", status_payload(4096, ids[:1]) + bytes(63 * MiB)
	good = status_payload(4096, ids[:1])
	for n in (1, 4, 7, 9, 11, 13):
		yield f"{n} bytes", (good + bytes(4))[:n]
	yield "too much", good + b"\0"
	yield "a length past the end", status_payload(c.size + 1, ids[:1])
	yield "a huge length", status_payload((1 << 64) - 1, ids[:1])


def EX_14(server):
	"""BLOCK_STATUS with a payload selects contexts; a wrong one is skipped."""
	real = real_map(server.image("sparse"))
	with wide(server, "sparse", ALLOCATION, DEPTH) as c:
		check(c.flags & BLOCK_STATUS_PAYLOAD, "it is not offered")
		for name in (ALLOCATION, DEPTH):
			one = {name: c.contexts[name]}
			for flags in (0, REQ_ONE):
				got = c.status_of(one, 4096, c.size - 4096,
					flags)
				map_is(name, got[name], 4096, real
					if name == ALLOCATION else depths(real))
		equal("both", len(c.status_of(dict(reversed(
			c.contexts.items())), 1, c.size - 1)), 2)
		one = {ALLOCATION: c.contexts[ALLOCATION]}
		data = status_payload(c.size, one.values())
		c.dribble(c.packet(BLOCK_STATUS, 0, len(data), PAYLOAD_LEN,
			data, 77, contexts=one, effect=c.size))
		map_is("in many segments", c.answer(77).status[ALLOCATION], 0,
			real)
		for what, data in bad_payloads(c):
			a = c.asks(BLOCK_STATUS, 0, len(data), PAYLOAD_LEN,
				data, effect=4096)
			check(a.error == EINVAL, f"{what} got "
				f"{error_name(a.error)}")
			c.serving()
		data = status_payload(4096, [])
		error_in("no context", c.run(BLOCK_STATUS, 0, len(data),
			PAYLOAD_LEN, data), (EINVAL,))
	with wide(server, "sparse") as c:
		for n in (0, 1, 3):
			data = status_payload(4096, range(n))
			c.fails(EINVAL, BLOCK_STATUS, 0, len(data),
				PAYLOAD_LEN, data)


def EX_16(server):
	"""SEND_DF is offered with extended headers, and DF works."""
	for name in VISIBLE:
		with wide(server, name) as c:
			check(c.flags & SEND_DF, f"{name} does not offer it")
			a = c.asks(READ, 0, 65536, DF)
			equal("content chunks", len(a.parts), 1)


def EX_19(server):
	"""READ of more than 32 bits is refused, or answered right."""
	for flags in (0, DF):
		for offset, length in ((0, 1 << 32), (0, 1 << 32 | 512),
		    (0, PAST_32), (4096, 8 * GiB - 4096)):
			with wide(server, "void", timeout=60) as c:
				a = c.asks(READ, offset, length, flags)
				error_in(f"{a}", a.error, (0, EINVAL, EOVERFLOW))
				c.serving()
				for high in (1 << 63, (1 << 64) - 1):
					c.fails((EINVAL, EOVERFLOW), READ, 0,
						high, flags)


def EX_20(server):
	"""LIST_META and SET_META take extended headers for structured replies."""
	for before in (False, True):
		with server.hello() as c:
			if before:
				c.structured()
			c.extended()
			got, final = c.meta(LIST_META_CONTEXT, "disk")
			equal("the reply to LIST_META", reply_name(final), "ACK")
			check(ALLOCATION in dict(got), f"{got}")
			c.select("disk", ALLOCATION)
			c.go().status(0, 4096)
	for style in (SIMPLE_REPLY, STRUCTURED):
		with server.hello() as c:
			c.styled(style)
			for option in (LIST_META_CONTEXT, SET_META_CONTEXT):
				for queries in ((), ("base:",), (ALLOCATION,)):
					_, final = c.meta(option, "disk",
						queries)
					check(final != ERR_EXT_HEADER_REQD,
						"it got ERR_EXT_HEADER_REQD")


def EX_21(server):
	"""A compact request after the negotiation ends the connection."""
	for magic in (REQUEST, SIMPLE_REPLY, EXTENDED, STRUCTURED, 0):
		with wide(server) as c:
			c.send(struct.pack(">IHHQQQ", magic, 0, READ, 1, 0, 512))
			c.closed(what=f"after the magic {magic:#010x}")
	with server.go(style=STRUCTURED) as c:
		c.request(READ, 0, 512, magic=EXT_REQUEST)
		c.closed(what="after an extended request, not negotiated")


def TF_07(server):
	"""BLOCK_STATUS_PAYLOAD is offered with extended headers and a context
	only."""
	for name in VISIBLE:
		for style, contexts in ((SIMPLE_REPLY, ()), (STRUCTURED, ()),
		    (STRUCTURED, (ALLOCATION,)), (EXTENDED, ())):
			with server.go(name, style=style,
			    contexts=contexts) as c:
				equal(f"bit 12 of {name}", c.flags
					& BLOCK_STATUS_PAYLOAD, 0)
	with wide(server, "disk", ALLOCATION) as c:
		equal("bit 12", c.flags & BLOCK_STATUS_PAYLOAD,
			BLOCK_STATUS_PAYLOAD)
