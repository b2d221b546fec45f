"""F: NBD_OPT_STARTTLS, and what other sections say of it.

pki=DIR has what t/lib/tls.bash makes: ca, server, client, other (of another
CA), expired.  The export "secret" has tls = require."""

import os
import signal
import socket
import ssl
import struct
import time

from nbdraw import *
from nbdtls import *

SR_ACK = (ACK, b"")


# --- before TLS ----------------------------------------------------------------

def TL_03(server):
	"""STARTTLS gets an empty ACK, and LIST works inside TLS."""
	with secure(server) as c:
		listed = c.list()
		check("disk" in listed, f"LIST has {listed}")
		c.go().serving()


def TL_05(server):
	"""STARTTLS with data is refused in clear and in sync."""
	with server.hello() as c:
		for data in (b"x", bytes(4096)):
			c.refused(ERR_INVALID, STARTTLS, data)
			c.haggling()
		ask(c)
		wrap(c, context(server.option("pki"))).haggling()


def required(server):
	"""Options that a server with tls = required answers to by TLS_REQD."""
	return ((LIST, b""), (INFO, info_data("disk")), (GO, info_data("disk")),
		(INFO, info_data("nosuch")), (STRUCTURED_REPLY, b""),
		(EXTENDED_HEADERS, b""), (SET_META_CONTEXT, bytes(8)),
		(LIST_META_CONTEXT, bytes(8)), (NO_OPTION, bytes(100)))


def TL_06(server):
	"""With tls = required every option gets ERR_TLS_REQD, in sync."""
	with server.hello() as c:
		for option, data in required(server):
			c.refused(ERR_TLS_REQD, option, data)
		ask(c)
		wrap(c, context(server.option("pki"))).haggling()


def TL_07(server):
	"""With tls = required EXPORT_NAME ends the connection."""
	for name in ("disk", "nosuch"):
		with server.hello() as c:
			c.option(EXPORT_NAME, text(name))
			c.closed(what="after EXPORT_NAME in clear")


def TL_08(server):
	"""With tls = required GO gets ERR_TLS_REQD and no INFO."""
	with server.hello() as c:
		got = c.ask(GO, info_data("disk", (INFO_BLOCK_SIZE,)))
		equal("the replies", [r.type for r in got], [ERR_TLS_REQD])
		c.quiet(what="after ERR_TLS_REQD")


def AB_04(server):
	"""With tls = required ABORT gets its ACK all the same."""
	with server.hello() as c:
		equal("the reply to ABORT", c.final(ABORT), ACK)
		c.fin("after ABORT")


# --- the handshake -------------------------------------------------------------

def TL_10(server):
	"""A handshake that fails ends the connection without a word in clear.

	who=NAME: with tls-verify = required, a certificate that is refused;
	"-": none."""
	pki, who = server.option("pki"), server.option("who", "")
	if who:
		contexts = [context(pki, None if who == "-" else who, v, v)
			for v in (V12, V13)]
		for ctx in contexts:
			with server.hello() as c:
				ask(c)
				handshake_fails(c, ctx)
		return
	with server.hello() as c:
		ask(c)
		handshake_fails(c, context(pki, None, V10, V11))
	for rubbish in (b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\xFF\xFF",
	    bytes(1000), b"\xFF" * 100000, option_bytes(LIST)):
		with server.hello() as c:
			ask(c)
			c.push(rubbish)
			c.sock.shutdown(socket.SHUT_WR)
			records(rest(c))
	server.alive()


def TL_11(server):
	"""What is sent in clear behind STARTTLS is never acted on."""
	pki = server.option("pki")
	for more in (option_bytes(LIST), option_bytes(GO, info_data("disk")),
	    option_bytes(ABORT), option_bytes(EXPORT_NAME, b"disk"), b"I",
	    option_bytes(STRUCTURED_REPLY) + option_bytes(LIST)):
		with server.hello() as c:
			c.push(option_bytes(STARTTLS) + more)
			got = rest(c)
			check(len(got) in (0, 20), "the server went on in "
				f"clear: {got[20:].hex(' ')}")
		# In a segment of its own it is no TLS either.
		with server.hello() as c:
			ask(c)
			c.push(more)
			c.sock.shutdown(socket.SHUT_WR)
			records(rest(c))
	# And not when a handshake that is right follows.
	with server.hello() as c:
		c.push(option_bytes(STARTTLS) + option_bytes(STRUCTURED_REPLY))
		try:
			c.recv(20, "ACK")
			wrap(c, context(pki))
		except (Closed, OSError):
			return
		raise Fail("a handshake behind injected bytes went well")


def TL_22(server):
	"""Clients with TLS 1.2 alone and with TLS 1.3 alone connect."""
	for version, name in ((V12, "TLSv1.2"), (V13, "TLSv1.3")):
		ctx = context(server.option("pki"), None, version, version)
		with secure(server, ctx) as c:
			equal("the version", c.sock.version(), name)
			c.go().serving()


def TL_23(server):
	"""Clients with TLS 1.0 or 1.1 alone are refused."""
	for version in (V10, V11):
		ctx = context(server.option("pki"), None, version, version)
		with server.hello() as c:
			ask(c)
			handshake_fails(c, ctx)


def TL_28(server):
	"""A client that stalls inside the handshake is dropped in time.

	handshake_timeout=SECONDS: the server's."""
	limit = float(server.option("handshake_timeout"))
	hello = ssl.MemoryBIO()
	tls = context(server.option("pki")).wrap_bio(ssl.MemoryBIO(), hello,
		server_hostname="localhost")
	try:
		tls.do_handshake()
	except ssl.SSLWantReadError:
		pass
	hello = hello.read()
	stalled = []
	for sent in (0, 1, len(hello) // 2, len(hello)):
		c = server.hello()
		ask(c)
		c.push(hello[:sent])
		stalled.append(c)
	begin = time.monotonic()
	with secure(server) as good:
		good.go()
		while time.monotonic() < begin + limit / 2:
			start = time.monotonic()
			good.read(0, 4096)
			check(time.monotonic() - start < 1, "another client "
				"waited")
	for c in stalled:
		c.sock.settimeout(limit + 5)
		records(rest(c))
		took = time.monotonic() - begin
		check(limit - 1.5 < took < limit + 4, f"dropped after {took:.1f}"
			f" s, the limit is {limit:g} s")


# --- what is forgotten ---------------------------------------------------------

def in_clear(server, *options):
	"""Options that are taken in clear; then TLS."""
	c = server.hello()
	for option, data in options:
		equal(f"option {option}", c.ask(option, data)[-1].type, ACK)
	ask(c)
	return wrap(c, context(server.option("pki")))


def meta(name, query):
	return (struct.pack(">I", len(name)) + name + struct.pack(">II", 1,
		len(query)) + query)


def TL_12(server):
	"""Structured replies of the time in clear are forgotten (CVE-2021-3716)."""
	with in_clear(server, (STRUCTURED_REPLY, b"")) as c:
		c.go()
		check(not c.flags & SEND_DF, "SEND_DF is still offered")
		c.read(0, 4096)
		equal("the error past the end",
			c.try_read(c.size, 1)[0], EINVAL)
		c.serving()


def TL_13(server):
	"""Metadata contexts of the time in clear are forgotten."""
	with in_clear(server, (STRUCTURED_REPLY, b""), (SET_META_CONTEXT,
	    meta(b"disk", b"base:allocation"))) as c:
		equal("STRUCTURED_REPLY", c.final(STRUCTURED_REPLY), ACK)
		c.go()
		c.request(BLOCK_STATUS, 0, 4096, 0, cookie=7)
		magic, flags, kind, cookie, length = struct.unpack(">IHHQI",
			c.recv(20, "a chunk"))
		data = c.recv(length, "the chunk's data")
		equal("the chunk's type", kind, 0x8001)
		equal("the error", struct.unpack(">I", data[:4])[0], EINVAL)


MC_23 = lambda server: TL_13(server)
MC_23.__doc__ = "STARTTLS forgets the metadata contexts."
MC_23.__name__ = "MC_23"


def TL_14(server):
	"""Extended headers of the time in clear are forgotten."""
	with in_clear(server, (EXTENDED_HEADERS, b"")) as c:
		c.go()
		c.read(0, 4096)
		c.serving()


EX_17 = lambda server: TL_14(server)
EX_17.__doc__ = "STARTTLS forgets extended headers."
EX_17.__name__ = "EX_17"


def TL_15(server):
	"""After STARTTLS structured replies are negotiated again."""
	with in_clear(server, (STRUCTURED_REPLY, b"")) as c:
		equal("STRUCTURED_REPLY", c.final(STRUCTURED_REPLY), ACK)
		c.go()
		check(c.flags & SEND_DF, "SEND_DF is not offered")


# --- inside TLS ----------------------------------------------------------------

def TL_04(server):
	"""STARTTLS inside TLS is refused with ERR_INVALID."""
	with secure(server) as c:
		c.refused(ERR_INVALID, STARTTLS)
		c.refused(ERR_INVALID, STARTTLS, b"data")
		c.haggling()


def TL_09(server):
	"""Inside TLS no option gets ERR_TLS_REQD."""
	with secure(server) as c:
		for option, data in (*required(server),
		    (INFO, info_data("secret")),
		    (SET_META_CONTEXT, meta(b"secret", b"base:allocation"))):
			if option == GO:
				continue
			kind = c.ask(option, data)[-1].type
			check(kind != ERR_TLS_REQD, f"option {option:#x} got "
				"ERR_TLS_REQD")
		c.go("secret")


def AB_05(server):
	"""Inside TLS: close_notify follows the ACK of ABORT, then FIN."""
	for version in (V12, V13):
		ctx = context(server.option("pki"), None, version, version)
		with secure(server, ctx) as c:
			equal("the reply to ABORT", c.final(ABORT), ACK)
			ended(c, "after ABORT")


def ended(c, what):
	"""close_notify (recv() raises at a bare FIN), and then FIN."""
	try:
		c.fin(what)
	except ssl.SSLEOFError:
		raise Fail(f"FIN without close_notify {what}") from None
	raw = c.sock.unwrap() if c.sock.version() else c.sock
	equal(f"bytes behind close_notify {what}", raw.recv(1), b"")


def TL_24(server):
	"""DISC inside TLS: all replies, then close_notify, then FIN."""
	for version in (V12, V13):
		ctx = context(server.option("pki"), None, version, version)
		with secure(server, ctx) as c:
			c.go()
			c.send(b"".join(request_bytes(READ, 0, MiB, 0, n)
				for n in range(8)) + request_bytes(DISC))
			for n in range(8):
				equal("the error", c.simple()[0], 0)
				equal("the data", c.recv(MiB, "data"),
					pattern(0, MiB))
			ended(c, "after DISC")


def TL_27(server):
	"""47 MiB read and written over TLS are intact."""
	size = 47 * MiB
	with secure(server) as c:
		c.go("big")
		data = os.urandom(MiB)
		for at in range(0, size, len(data)):
			c.write(at, data[at // MiB:] + data[:at // MiB])
		for at in range(0, size, 16 * MiB):
			n = min(16 * MiB, size - at)
			want = b"".join(data[i:] + data[:i] for i in
				range(at // MiB, (at + n) // MiB))
			equal("data read", c.read(at, n), want)
	equal("the file", server.bytes_of("big", 46 * MiB, MiB),
		data[46:] + data[:46])


def TL_29(server):
	"""The payload of a refused WRITE is skipped inside TLS, in sync."""
	with secure(server) as c:
		c.go("ro")
		c.fails(EPERM, WRITE, 0, 4096, 0, bytes(4096))
		c.fails(EPERM, WRITE, 0, MiB + 1, 0, bytes(MiB + 1))
	with secure(server) as c:
		c.go("disk")
		c.fails((ENOSPC, EINVAL), WRITE, c.size - 1, 100000, 0,
			bytes(100000))
		c.fails((EINVAL, EOVERFLOW, ENOSPC), WRITE, 0, 65 * MiB, 0,
			bytes(65 * MiB))
		c.write(2 * MiB, b"still in sync")
		equal("data read", c.read(2 * MiB, 13), b"still in sync")


# --- exports that need it ------------------------------------------------------

def TL_17(server):
	"""In clear: ERR_TLS_REQD for an export that needs TLS, others are served."""
	with server.hello() as c:
		for option in (INFO, GO):
			got = c.ask(option, info_data("secret"))
			equal("the replies", [r.type for r in got],
				[ERR_TLS_REQD])
		c.go("disk").serving()
	with secure(server) as c:
		c.accepted("secret")
		c.go("secret").serving()


def TL_18(server):
	"""In clear an unknown export is unknown, or like one that needs TLS."""
	with server.hello() as c:
		unknown = c.ask(GO, info_data("nosuch"))[-1]
		if unknown.type != ERR_UNKNOWN:
			secret = c.ask(GO, info_data("secret"))[-1]
			equal("the answer", unknown, secret)


def TL_19(server):
	"""In clear only INFO, GO and EXPORT_NAME ever need TLS."""
	with server.hello() as c:
		for option, data in ((LIST, b""), (STRUCTURED_REPLY, b""),
		    (LIST_META_CONTEXT, meta(b"disk", b"base:")),
		    (LIST_META_CONTEXT, meta(b"secret", b"base:")),
		    (SET_META_CONTEXT, meta(b"disk", b"base:allocation")),
		    (SET_META_CONTEXT, meta(b"secret", b"base:allocation")),
		    (EXTENDED_HEADERS, b""), (NO_OPTION, b"data")):
			kind = c.ask(option, data)[-1].type
			check(kind != ERR_TLS_REQD, f"option {option:#x} got "
				"ERR_TLS_REQD")


def TL_20(server):
	"""In clear EXPORT_NAME of an export that needs TLS ends the connection."""
	with server.hello() as c:
		c.option(EXPORT_NAME, b"secret")
		c.closed(what="after EXPORT_NAME in clear")


EN_09 = lambda server: TL_20(server)
EN_09.__doc__ = "EXPORT_NAME of an export that needs TLS: a close, no bytes."
EN_09.__name__ = "EN_09"


def LS_08(server):
	"""An export that needs TLS is listed inside TLS alone."""
	with server.hello() as c:
		listed = c.list()
		check("secret" not in listed and "disk" in listed,
			f"LIST in clear has {listed}")
	with secure(server) as c:
		listed = c.list()
		check("secret" in listed and "disk" in listed,
			f"LIST inside TLS has {listed}")


def TL_26(server):
	"""STARTTLS works, by whatever socket.

	unix=PATH: this one, too."""
	with secure(server) as c:
		c.go().serving()
	with secure(server, address=server.option("unix")) as c:
		c.go().serving()


# --- more than rules -------------------------------------------------------------

def TL_21(server):
	"""The mode stays as it is for the life of a connection.

	conf=FILE: the configuration; from=MODE, to=MODE: it changes there."""
	before, after = server.option("from"), server.option("to")
	change(server, before)
	old = server.hello()
	change(server, after)
	mode(server, old, before)
	mode(server, server.hello(), after)


def change(server, mode):
	"""Rewrite the configuration and wait until new connections have it."""
	with open(server.option("conf")) as f:
		lines = [l for l in f if not l.startswith("tls = ")]
	with open(server.option("conf"), "w") as f:
		f.writelines(lines + [f"tls = {mode}\n"])
	os.kill(server.pid, signal.SIGHUP)
	until("the new mode", lambda: mode_of(server) == mode)


def mode_of(server):
	with server.hello() as c:
		if c.final(NO_OPTION) == ERR_TLS_REQD:
			return "required"
		return "on" if c.final(STARTTLS) == ACK else "off"


def mode(server, c, mode):
	with c:
		kind = c.final(NO_OPTION)
		equal(f"the reply to an unknown option with tls = {mode}", kind,
			ERR_TLS_REQD if mode == "required" else ERR_UNSUP)
		if mode == "off":
			c.refused(ERR_POLICY, STARTTLS)
			c.go().serving()
			return
		ask(c)
		wrap(c, context(server.option("pki"))).go().serving()


def tls_flood(server):
	"""512 requests at once are answered, whatever the client reads first.

	max=VERSION: 1.2 or 1.3."""
	version = {"1.2": V12, "1.3": V13}[server.option("max")]
	ctx = context(server.option("pki"), None, version, version)
	with secure(server, ctx) as c:
		c.go()
		sizes = [1, 512, 4096, 16384, 16385, 65536, 300000, MiB]
		want = {}
		for n in range(64):
			for i, size in enumerate(sizes):
				want[n * 8 + i] = (n * 4096, size)
		c.send(b"".join(request_bytes(READ, at, size, 0, cookie)
			for cookie, (at, size) in want.items()))
		time.sleep(0.3)	# meanwhile its output is full
		while want:
			error, cookie = c.simple()
			equal("the error", error, 0)
			at, size = want.pop(cookie)
			equal("the data", c.recv(size, "data"),
				pattern(at, size))
		# Writes in one go with what reads them.
		c.send(b"".join(request_bytes(WRITE, 2 * MiB + n * 5000, 5000,
			0, n) + bytes([n % 251]) * 5000 for n in range(100)))
		for n in range(100):
			equal("the error", c.simple()[0], 0)
		for n in range(100):
			equal("what was written", c.read(2 * MiB + n * 5000,
				5000), bytes([n % 251]) * 5000)


def tls_odd(server):
	"""Records byte by byte and empty ones; ends in the middle of one."""
	pki = server.option("pki")
	for version in (V12, V13):
		ctx = context(pki, None, version, version)
		c = server.hello()
		ask(c)
		into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
		tls = ctx.wrap_bio(into, out, server_hostname="localhost")
		while True:
			try:
				tls.do_handshake()
				break
			except ssl.SSLWantReadError:
				c.dribble(out.read(), 0)
				into.write(c._some(65536))
		c.dribble(out.read(), 0)
		tls.write(option_bytes(LIST))
		c.dribble(out.read(), 0)
		while True:
			try:
				got = tls.read(65536)
				break
			except ssl.SSLWantReadError:
				into.write(c._some(65536))
		check(got[:8] == struct.pack(">Q", OPT_REPLY), "no reply to LIST")
		tls.write(option_bytes(LIST))
		c.send(out.read()[:-1])	# never complete
		c.close()
		# Rubbish inside an established connection.
		with secure(server, ctx) as bad:
			bad.go()
			raw = bad.sock.detach()
			with socket.socket(fileno=raw) as s:
				s.settimeout(10)
				s.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
				while s.recv(65536):
					pass
	server.alive()


def tls_stop(server):
	"""SIGTERM: replies to what has arrived, then close_notify and FIN."""
	idle, reading = secure(server).go(), secure(server).go()
	haggling = secure(server)
	reading.send(b"".join(request_bytes(READ, 0, MiB, 0, n)
		for n in range(16)))
	equal("the first reply", reading.simple(), (0, 0))
	os.kill(server.pid, signal.SIGTERM)
	equal("the data", reading.recv(MiB, "data"), pattern(0, MiB))
	for n in range(1, 16):
		error, cookie = reading.simple()
		if error == 0:
			equal("the data", reading.recv(MiB, "data"),
				pattern(0, MiB))
		else:
			equal("the error", error, ESHUTDOWN)
	for c in (reading, idle, haggling):
		ended(c, "at the daemon's end")


def half_hello(server):
	"""A client in the middle of a long message of the handshake."""
	c = server.hello()
	ask(c)
	body = b"\1" + (31 * KiB).to_bytes(3, "big") + bytes(31 * KiB - 100)
	for at in range(0, len(body), 16384):
		part = body[at:at + 16384]
		c.push(b"\x16\3\1" + struct.pack(">H", len(part)) + part)
	return c


def half_record(server):
	"""A client in the middle of a record."""
	c = secure(server).go("ro")
	c.sock = socket.socket(fileno=c.sock.detach())
	c.push(b"\x17\3\3\x40\x11" + bytes(16384))
	return c


def never_reads(server):
	"""A client that asks and asks, and takes nothing."""
	c = secure(server).go("ro")
	c.sock.settimeout(0)
	try:
		for n in range(1000):
			c.sock.send(request_bytes(READ, 0, MiB, 0, n) * 100)
	except (ssl.SSLWantWriteError, BlockingIOError):
		pass
	return c


def tls_memory(server):
	"""Clients that leave things unfinished cost no more than 96 KiB each.

	That is 80 of TLS, and the piece that everybody may have."""
	base = server.rss()
	clients = [kind(server) for n in range(70)
		for kind in (half_hello, half_record, never_reads)]
	time.sleep(1)
	each = (server.rss() - base - 2 * MiB) // len(clients)
	check(each <= 96 * KiB, f"{each // KiB} KiB for each of them")
	with secure(server) as c:
		c.go().serving()
	for c in clients:
		c.close()
