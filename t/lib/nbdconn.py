"""
nbdconn: one NBD connection that sends exactly what it is told, and says in
Fail what was expected of the server and what came.
"""

import collections
import socket
import ssl
import struct
import time

from nbdtalk import *

Reply = collections.namedtuple("Reply", "option type data")
Info = collections.namedtuple("Info", "final infos size flags")
LINGER_RST = struct.pack("ii", 1, 0)


class Conn(Talk):
	"""A connection; every method says in Fail what was expected."""

	def __init__(self, address, timeout=10.0, source=None):
		self.begin(timeout)
		if isinstance(address, str):
			self.sock = socket.socket(socket.AF_UNIX)
			self.sock.settimeout(timeout)
			self.sock.connect(address)
		else:
			self.sock = socket.create_connection(address, timeout,
				source)
			self.sock.setsockopt(socket.IPPROTO_TCP,
				socket.TCP_NODELAY, 1)

	def __enter__(self):
		return self

	def __exit__(self, *exc):
		self.close()

	def close(self):
		self.sock.close()

	def reset(self):
		"""Close with RST instead of FIN."""
		if self.sock.family != socket.AF_UNIX:
			self.sock.setsockopt(socket.SOL_SOCKET,
				socket.SO_LINGER, LINGER_RST)
		self.sock.close()

	# bytes

	def send(self, data):
		self.log.append(("sent", len(data), bytes(data[:64])))
		try:
			self.sock.sendall(data)
		except TimeoutError:
			raise Fail(f"the server took no input for "
				f"{self.timeout:g} s") from None
		except (ConnectionError, ssl.SSLEOFError) as e:
			raise Closed(f"closed while we were sending: {e}") \
				from None

	def push(self, data):
		"""Send where a close is allowed: whether all of it went."""
		try:
			self.send(data)
		except Closed:
			return False
		return True

	def dribble(self, data, pause=0.001):
		"""One byte per segment."""
		for i in range(len(data)):
			self.send(data[i:i + 1])
			time.sleep(pause)

	def _some(self, n):
		try:
			data = self.sock.recv(n)
		except ConnectionError:
			data = b""
		if data or not self.log or self.log[-1][0] != "got":
			self.log.append(("got", len(data), data[:64]))
		return data

	def recv(self, n, what):
		data = bytearray()
		while len(data) < n:
			try:
				piece = self._some(n - len(data))
			except TimeoutError:
				raise Fail(f"no {what} within "
					f"{self.timeout:g} s: {len(data)} of "
					f"{n} bytes came") from None
			if not piece:
				raise Closed("closed instead of sending "
					f"{what}: {len(data)} of {n} bytes "
					"came")
			data += piece
		return bytes(data)

	def closed(self, seconds=5.0, what="after that"):
		"""The server closes and sends not one byte more."""
		self.sock.settimeout(seconds)
		try:
			data = self._some(4096)
		except TimeoutError:
			raise Fail(f"not closed within {seconds:g} s {what}") \
				from None
		finally:
			self.sock.settimeout(self.timeout)
		check(not data, f"the server sent {data[:64].hex(' ')} {what}, "
			"where it should only close")

	def is_closed(self):
		"""Whether the server has closed it by now."""
		self.sock.setblocking(False)
		try:
			while self._some(4096):
				pass
			return True
		except BlockingIOError:
			return False
		finally:
			self.sock.settimeout(self.timeout)

	def fin(self, what="after that"):
		"""As closed(), and by FIN: an orderly end of file."""
		try:
			data = self.sock.recv(1)
		except ConnectionResetError:
			raise Fail(f"RST instead of FIN {what}") from None
		except TimeoutError:
			raise Fail(f"no end of file {what}") from None
		check(not data, f"a byte {data.hex()} {what}, where the "
			"connection should end")

	def quiet(self, seconds=0.2, what="unasked"):
		"""The server sends nothing and does not close."""
		self.sock.settimeout(seconds)
		try:
			data = self._some(4096)
		except TimeoutError:
			return
		finally:
			self.sock.settimeout(self.timeout)
		check(data, f"closed {what}")
		raise Fail(f"{data[:64].hex(' ')} {what}")

	# handshake

	def greeting(self):
		data = self.recv(18, "greeting")
		equal("the greeting", data[:16], NBDMAGIC + IHAVEOPT)
		return struct.unpack(">H", data[16:])[0]

	def hello(self, flags=FIXED_NEWSTYLE | NO_ZEROES):
		self.greeting()
		self.send(struct.pack(">I", flags))
		return self

	def option(self, option, data=b"", length=None, magic=IHAVEOPT):
		self.send(option_bytes(option, data, length, magic))

	def reply(self):
		"""One reply to an option; any text in it is checked (OF-07)."""
		magic, option, kind, length = struct.unpack(">QIII",
			self.recv(20, "reply to an option"))
		check(magic == OPT_REPLY, f"the reply's magic is {magic:#018x}")
		check(length <= 64 * KiB, f"{reply_name(kind)} is {length} "
			"bytes long")
		data = self.recv(length, f"data of {reply_name(kind)}")
		if kind & ERROR_BIT:
			check_string(f"the text of {reply_name(kind)}", data)
		return Reply(option, kind, data)

	def replies(self, option):
		"""All replies to an option, up to the final one."""
		got = []
		while True:
			r = self.reply()
			check(r.option == option, f"a reply to option "
				f"{r.option:#x}, expected one to {option:#x}")
			got.append(r)
			if r.type == ACK or r.type & ERROR_BIT:
				return got

	def ask(self, option, data=b"", length=None):
		"""Send an option; its replies."""
		self.option(option, data, length)
		return self.replies(option)

	def final(self, option, data=b"", length=None):
		"""Send an option; the type of the only reply."""
		got = self.ask(option, data, length)
		check(len(got) == 1, f"option {option:#x} got "
			+ ", ".join(reply_name(r.type) for r in got)
			+ " instead of one reply")
		return got[0].type

	def refused(self, allowed, option, data=b"", length=None):
		"""The option is refused with one of these errors, in sync."""
		if isinstance(allowed, int):
			allowed = (allowed,)
		kind = self.final(option, data, length)
		check(kind in allowed, f"option {option:#x} with {len(data)} "
			f"bytes of data got {reply_name(kind)}, expected "
			+ " or ".join(reply_name(k) for k in allowed))

	def info(self, name, requests=(), option=INFO):
		"""INFO or GO, whatever the outcome."""
		got = self.ask(option, info_data(name, requests))
		infos, size, flags = [], None, None
		for r in got[:-1]:
			check(r.type == REP_INFO, f"{reply_name(r.type)} in "
				"reply to INFO or GO")
			check(len(r.data) >= 2, "an INFO reply of "
				f"{len(r.data)} bytes")
			kind, = struct.unpack(">H", r.data[:2])
			infos.append((kind, r.data[2:]))
			if kind == INFO_EXPORT:
				equal("length of NBD_INFO_EXPORT",
					len(r.data), 12)
				size, flags = struct.unpack(">QH", r.data[2:])
		return Info(got[-1].type, infos, size, flags)

	def accepted(self, name, requests=(), option=INFO):
		"""INFO or GO that must succeed."""
		i = self.info(name, requests, option)
		check(i.final == ACK, f"option {option} for {name!r} got "
			f"{reply_name(i.final)}, expected ACK")
		check(i.size is not None, "ACK without NBD_INFO_EXPORT")
		return i

	def go(self, name="disk", requests=()):
		"""Enter transmission; size and flags are then ours."""
		i = self.accepted(name, requests, GO)
		self.size, self.flags = i.size, i.flags
		for kind, data in i.infos:
			if kind == INFO_BLOCK_SIZE:
				self.payload_max, = struct.unpack(">I", data[8:])
		return self

	def export_name(self, name, padding=0):
		"""Enter transmission the old way."""
		self.option(EXPORT_NAME, text(name))
		data = self.recv(10 + padding, "answer to EXPORT_NAME")
		self.size, self.flags = struct.unpack(">QH", data[:10])
		equal("the padding", data[10:], bytes(padding))
		return self

	def list(self):
		"""LIST: name -> description, in the server's order."""
		got = self.ask(LIST)
		check(got[-1].type == ACK, f"LIST got "
			f"{reply_name(got[-1].type)}, expected ACK")
		equal("data of LIST's ACK", got[-1].data, b"")
		return dict(server_reply(r) for r in got[:-1])

	def structured(self):
		"""Structured replies from now on."""
		equal("the reply to STRUCTURED_REPLY",
			reply_name(self.final(STRUCTURED_REPLY)), "ACK")
		self.style = STRUCTURED
		return self

	def extended(self):
		"""Extended headers from now on."""
		equal("the reply to EXTENDED_HEADERS",
			reply_name(self.final(EXTENDED_HEADERS)), "ACK")
		self.style = EXTENDED
		return self

	def styled(self, style):
		"""Whichever of these is asked for."""
		if style == STRUCTURED:
			self.structured()
		elif style == EXTENDED:
			self.extended()
		return self

	def meta(self, option, name, queries=()):
		"""LIST_META or SET_META: [(name, id)], and the final reply."""
		got = self.ask(option, meta_data(name, queries))
		return [meta_reply(r) for r in got[:-1]], got[-1].type

	def select(self, name, *queries):
		"""SET_META that selects something: it is ours then."""
		got, final = self.meta(SET_META_CONTEXT, name, queries)
		check(final == ACK, f"SET_META_CONTEXT of {queries} got "
			f"{reply_name(final)}, expected ACK")
		self.contexts = dict(got)
		equal("the number of contexts", len(self.contexts), len(got))
		equal("the number of context ids",
			len(set(self.contexts.values())), len(got))
		return self

	def haggling(self):
		"""Still haggling and in sync: INFO of "disk" is answered."""
		self.accepted("disk")


def server_reply(r):
	"""(name, description) of one REP_SERVER."""
	check(r.type == SERVER, f"LIST got {reply_name(r.type)}, expected "
		"SERVER")
	check(len(r.data) >= 4, f"a SERVER reply of {len(r.data)} bytes")
	length, = struct.unpack(">I", r.data[:4])
	check(length <= len(r.data) - 4, f"a name of {length} bytes in "
		f"{len(r.data)} bytes of SERVER reply")
	return (check_string("an export's name", r.data[4:4 + length]),
		check_string("a description", r.data[4 + length:]))


def meta_reply(r):
	"""(name, id) of one REP_META_CONTEXT."""
	check(r.type == META_CONTEXT, f"{reply_name(r.type)}, expected "
		"META_CONTEXT")
	check(len(r.data) > 4, f"a META_CONTEXT of {len(r.data)} bytes")
	name = check_string("a context's name", r.data[4:])
	check(":" in name[1:-1], f"a context's name is {name!r}")
	return name, int.from_bytes(r.data[:4], "big")
