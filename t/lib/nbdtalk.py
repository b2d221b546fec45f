"""
nbdtalk: the transmission phase of a connection, in the style that was
negotiated: simple replies, structured ones, or extended headers.
"""

import collections
import struct

from nbdchunk import *


class Talk:
	"""The transmission's half of Conn."""

	def begin(self, timeout):
		"""What every connection starts with, whatever it goes over."""
		self.timeout = timeout
		self.log = collections.deque(maxlen=10)
		self.cookie = 0x0102030405060700
		self.style = SIMPLE_REPLY
		self.size, self.flags, self.payload_max = None, 0, 32 * MiB
		self.pending, self.answered = {}, {}	# by cookie
		self.contexts = {}			# name -> id

	def request(self, command, offset=0, length=0, flags=0, payload=b"",
	    cookie=None, **kw):
		"""Send a request; the cookie that it has."""
		if cookie is None:
			self.cookie += 1
			cookie = self.cookie
		self.send(self.packet(command, offset, length, flags, payload,
			cookie, **kw))
		return cookie

	def packet(self, command, offset, length, flags, payload, cookie,
	    magic=None, contexts=None, effect=None, bare=False):
		"""The bytes of a request, whose answer is waited for then.

		In extended headers a WRITE gets its PAYLOAD_LEN, unless bare.
		contexts and effect: what the payload of a BLOCK_STATUS asks
		for, when that is not all contexts and length bytes."""
		extended = self.style == EXTENDED
		if extended and command == WRITE and not bare:
			flags |= PAYLOAD_LEN
		if magic is None:
			magic = EXT_REQUEST if extended else REQUEST
		self.pending[cookie] = Answer(command, offset,
			length if effect is None else effect, flags, extended,
			self.size, self.contexts if contexts is None
			else contexts, self.payload_max)
		return request_bytes(command, offset, length, flags, cookie,
			magic) + payload

	def simple(self, cookie=None):
		"""A simple reply's header: its error, and cookie if not given."""
		data = self.recv(16, "simple reply")
		magic, error, got = struct.unpack(">IIQ", data)
		check(magic == SIMPLE_REPLY, "the reply is not a simple one: "
			+ data.hex(" "))
		check(error in ERRORS, f"error {error} in a reply: NBD has no "
			"such error")
		self.pending.pop(got, None)
		if cookie is None:
			return error, got
		check(got == cookie, f"the reply's cookie is {got:#018x}, "
			f"the request's was {cookie:#018x}")
		return error

	# replies in any style

	def asked(self, cookie):
		check(cookie in self.pending, f"a reply with the cookie "
			f"{cookie:#018x}, which nobody waits for")
		return self.pending[cookie]

	def piece(self):
		"""A chunk or a simple reply: the cookie if that was the last."""
		magic = self.recv(4, "magic of a reply")
		if magic == struct.pack(">I", SIMPLE_REPLY):
			return self.simple_piece()
		extended = self.style == EXTENDED
		check(magic == struct.pack(">I", self.style), "the reply's "
			f"magic is {magic.hex(' ')}")
		header = self.recv(28 if extended else 16, "header of a chunk")
		if extended:
			flags, kind, cookie, offset, length = struct.unpack(
				">HHQQQ", header)
		else:
			flags, kind, cookie, length = struct.unpack(">HHQI",
				header)
			offset = None
		answer = self.asked(cookie)
		answer.room(kind, length)
		answer.add(Chunk(flags, kind, offset,
			self.recv(length, f"{chunk_name(kind)} chunk")))
		return cookie if flags & DONE else None

	def simple_piece(self):
		error, cookie = struct.unpack(">IQ", self.recv(12,
			"rest of a simple reply"))
		check(error in ERRORS, f"error {error} in a reply: NBD has no "
			"such error")
		answer = self.asked(cookie)
		answer.add_simple(error, self.style != SIMPLE_REPLY)
		if answer.command == READ and not error:
			answer.parts.append((answer.offset, answer.length,
				self.recv(answer.length, "data of READ")))
		return cookie

	def next_answer(self):
		"""Whichever reply is complete next: its cookie and Answer."""
		while True:
			cookie = self.piece()
			if cookie is not None:
				return cookie, self.pending.pop(cookie)

	def answer(self, cookie):
		"""The whole reply to this request; others are for later."""
		while cookie not in self.answered:
			got, answer = self.next_answer()
			self.answered[got] = answer
		return self.answered.pop(cookie)

	def asks(self, command, offset=0, length=0, flags=0, payload=b"", **kw):
		return self.answer(self.request(command, offset, length, flags,
			payload, **kw))

	# commands

	def run(self, command, offset=0, length=0, flags=0, payload=b""):
		"""A request without payload in the reply: its error."""
		return self.asks(command, offset, length, flags, payload).error

	def try_read(self, offset, length, flags=0):
		"""READ: (error, data)."""
		a = self.asks(READ, offset, length, flags)
		return (a.error, b"") if a.error else (0, a.data)

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

	def good(self, command, offset=0, length=0, flags=0, payload=b""):
		error = self.run(command, offset, length, flags, payload)
		check(error == 0, f"command {command} of {length} at {offset} "
			f"with flags {flags:#x} failed with "
			f"{error_name(error)}")

	def fails(self, errors, command, offset=0, length=0, flags=0,
	    payload=b"", **kw):
		"""The request fails with one of these, and we stay in sync."""
		if isinstance(errors, int):
			errors = (errors,)
		a = self.asks(command, offset, length, flags, payload, **kw)
		error_in(f"{a}", a.error, errors)
		self.serving()
		return a

	def status(self, offset, length, flags=0, **kw):
		"""BLOCK_STATUS: the extents by context."""
		a = self.asks(BLOCK_STATUS, offset, length, flags, **kw)
		check(a.error == 0, f"{a} failed with {error_name(a.error)}")
		return a.status

	def status_of(self, contexts, offset, length, flags=0):
		"""The same, by its payload, of some contexts only."""
		data = status_payload(length, list(contexts.values()))
		return self.status(offset, len(data), flags | PAYLOAD_LEN,
			payload=data, contexts=contexts, effect=length)

	def serving(self):
		"""Still in transmission and in sync: two READs are answered."""
		want = {self.request(READ, 0, n): n for n in (8, 24)}
		while want:
			cookie, a = self.next_answer()
			check(cookie in want, f"a late reply to {a}")
			check(a.error == 0, f"a following READ failed with "
				f"{error_name(a.error)}")
			equal("length of a following READ", len(a.data),
				want.pop(cookie))

	def disc(self):
		"""DISC, which has no reply; then the end of the file."""
		self.request(DISC)
		self.fin("after DISC")
		self.close()
