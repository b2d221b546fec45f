"""
nbdconn: one NBD connection that sends exactly what it is told, and says in
Fail what was expected of the server and what came.
"""

import collections
import socket
import struct
import time

from nbdwire import *

# --- verdicts ----------------------------------------------------------------

class Fail(Exception):
	"""The rule does not hold."""


class Closed(Fail):
	"""The server closed the connection where it should not have."""


class Skip(Exception):
	"""The rule cannot be tested here; says why."""


def check(condition, text):
	if not condition:
		raise Fail(text)


def equal(what, got, want):
	if isinstance(got, (bytes, bytearray)) and got != want:
		at = next((i for i, (a, b) in enumerate(zip(got, want))
			if a != b), min(len(got), len(want)))
		raise Fail(f"{what}: {len(got)} bytes, {len(want)} expected; "
			f"different at {at}: {got[at:at + 16].hex(' ')}, "
			f"expected {want[at:at + 16].hex(' ')}")
	check(got == want, f"{what}: {brief(got)}, expected {brief(want)}")


def brief(value):
	words = repr(value)
	return words if len(words) < 400 else words[:400] + " ..."


def error_in(what, got, allowed):
	check(got in allowed, f"{what}: {error_name(got)}, expected "
		+ " or ".join(ERRORS[e] for e in allowed))


def until(what, condition, seconds=5.0):
	"""Wait for a condition; returns its value."""
	end = time.monotonic() + seconds
	while True:
		value = condition()
		if value:
			return value
		if time.monotonic() > end:
			raise Fail(f"{what}: not within {seconds:g} s")
		time.sleep(0.02)


Reply = collections.namedtuple("Reply", "option type data")
Info = collections.namedtuple("Info", "final infos size flags")
LINGER_RST = struct.pack("ii", 1, 0)


class Conn:
	"""A connection; every method says in Fail what was expected."""

	def __init__(self, address, timeout=10.0, source=None):
		self.timeout = timeout
		self.log = collections.deque(maxlen=10)
		self.cookie = 0x0102030405060700
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
		except ConnectionError as e:
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

	def haggling(self):
		"""Still haggling and in sync: INFO of "disk" is answered."""
		self.accepted("disk")

	# transmission

	def request(self, command, offset=0, length=0, flags=0, payload=b"",
	    cookie=None, magic=REQUEST):
		"""Send a request; the cookie that it has."""
		if cookie is None:
			self.cookie += 1
			cookie = self.cookie
		self.send(request_bytes(command, offset, length, flags,
			cookie, magic) + payload)
		return cookie

	def simple(self, cookie=None):
		"""A simple reply's header: its error, and cookie if not given."""
		data = self.recv(16, "simple reply")
		magic, error, got = struct.unpack(">IIQ", data)
		check(magic == SIMPLE_REPLY, "the reply is not a simple one: "
			+ data.hex(" "))
		check(error in ERRORS, f"error {error} in a reply: NBD has no "
			"such error")
		if cookie is None:
			return error, got
		check(got == cookie, f"the reply's cookie is {got:#018x}, "
			f"the request's was {cookie:#018x}")
		return error

	def run(self, command, offset=0, length=0, flags=0, payload=b""):
		"""A request without payload in the reply: its error."""
		return self.simple(self.request(command, offset, length, flags,
			payload))

	def try_read(self, offset, length, flags=0):
		"""READ: (error, data)."""
		error = self.simple(self.request(READ, offset, length, flags))
		if error:
			return error, b""
		return 0, self.recv(length, "data of READ")

	def read(self, offset, length, flags=0):
		error, data = self.try_read(offset, length, flags)
		check(error == 0, f"READ of {length} at {offset} failed with "
			f"{error_name(error)}")
		return data

	def try_write(self, offset, data, flags=0):
		return self.run(WRITE, offset, len(data), flags, data)

	def write(self, offset, data, flags=0):
		error = self.try_write(offset, data, flags)
		check(error == 0, f"WRITE of {len(data)} at {offset} failed "
			f"with {error_name(error)}")

	def good(self, command, offset=0, length=0, flags=0):
		error = self.run(command, offset, length, flags)
		check(error == 0, f"command {command} of {length} at {offset} "
			f"with flags {flags:#x} failed with "
			f"{error_name(error)}")

	def fails(self, errors, command, offset=0, length=0, flags=0,
	    payload=b""):
		"""The request fails with one of these, and we stay in sync."""
		if isinstance(errors, int):
			errors = (errors,)
		cookie = self.request(command, offset, length, flags, payload)
		error = self.simple(cookie)
		if command == READ and error == 0:
			self.recv(length, "data of READ")
		error_in(f"command {command} of {length} at {offset} with "
			f"flags {flags:#x}", error, errors)
		self.serving()

	def serving(self):
		"""Still in transmission and in sync: two READs are answered."""
		first, second = (self.request(READ, 0, n) for n in (8, 24))
		want = {first: 8, second: 24}
		while want:
			error, cookie = self.simple()
			check(cookie in want, f"a reply with the cookie "
				f"{cookie:#018x}, which nobody waits for")
			check(error == 0, f"a following READ failed with "
				f"{error_name(error)}")
			self.recv(want.pop(cookie), "data of READ")

	def disc(self):
		"""DISC, which has no reply; then the end of the file."""
		self.request(DISC)
		self.fin("after DISC")
		self.close()


def check_string(what, data):
	check(len(data) <= STRING_MAX, f"{what} is {len(data)} bytes long")
	check(b"\0" not in data, f"{what} has a NUL: {data[:64]!r}")
	try:
		return data.decode()
	except UnicodeDecodeError:
		raise Fail(f"{what} is not UTF-8: {data[:64]!r}") from None


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
