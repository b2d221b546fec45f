"""
nbdchunk: a reply in chunks, and what every one of them must obey whatever was
asked: rules ST-*, RD-02, RD-06, RD-07, RD-09, RD-11, RD-15, BS-01 to BS-06,
EX-07, EX-12 and EX-13 are checked here, of every reply to every case.
"""

import struct

from nbdcheck import *

# Commands whose errors may say where.
HAVE_OFFSET = (READ, WRITE, TRIM, CACHE, WRITE_ZEROES, BLOCK_STATUS)
EXTENTS_MAX = 1 << 20
FIXED = {OFFSET_DATA: 8, STATUS: 4, STATUS_EXT: 8}


class Chunk:
	"""A chunk as it came; offset is the header's, None without one."""

	def __init__(self, flags, kind, offset, data):
		self.flags, self.type = flags, kind
		self.offset, self.data = offset, data

	@property
	def done(self):
		return bool(self.flags & DONE)

	def __repr__(self):
		return (f"{chunk_name(self.type)} of {len(self.data)} bytes"
			+ (" DONE" if self.done else ""))


class Answer:
	"""A request, and the reply to it as far as it came.

	error is 0 or the first error; texts those of errors; parts what a
	READ got, as (offset, length, data or None for a hole); status the
	extents by context."""

	def __init__(self, command, offset, length, flags=0, extended=False,
	    size=None, contexts=None, most=32 * MiB):
		self.command, self.flags = command, flags
		self.offset, self.length = offset, length
		self.extended, self.size, self.most = extended, size, most
		self.contexts = {} if contexts is None else contexts
		self.chunks, self.parts, self.status = [], [], {}
		self.error, self.errors, self.texts = 0, [], []
		self.simple = False

	def __repr__(self):
		return (f"command {self.command} of {self.length} at "
			f"{self.offset} with flags {self.flags:#x}")

	def check(self, condition, text):
		check(condition, f"reply to {self}: {text}")

	@property
	def end(self):
		return self.offset + self.length

	@property
	def data(self):
		"""What a READ got, in order."""
		return b"".join(bytes(n) if data is None else data
			for _, n, data in sorted(self.parts,
				key=lambda part: part[0]))

	# what comes

	def add_simple(self, error, structured):
		"""A simple reply; structured: chunks were negotiated."""
		self.simple = True
		self.error = error
		self.check(not self.chunks, "a simple reply after chunks")
		if not structured:
			return
		self.check(not self.extended, "a simple reply, though extended "
			"headers were negotiated")
		self.check(self.command not in (READ, BLOCK_STATUS) or
			self.command == BLOCK_STATUS and error,
			"a simple reply, though structured ones were negotiated")
		self.check(error == 0, f"the error {error_name(error)} in a "
			"simple reply, though structured ones were negotiated")

	def room(self, kind, length):
		"""May a chunk have that many bytes?  Asked before they come."""
		most = self.most if kind in (OFFSET_DATA, STATUS, STATUS_EXT) \
			else STRING_MAX + 14
		self.check(length <= most + FIXED.get(kind, 0),
			f"{chunk_name(kind)} of {length} bytes")

	def add(self, chunk):
		self.chunks.append(chunk)
		self.check(chunk.type in TAKE, f"unknown {chunk!r}")
		self.check(chunk.flags & ~DONE == 0, f"unknown reply flags "
			f"{chunk.flags:#06x}")
		self.check(chunk.offset in (None, self.offset),
			f"its header has the offset {chunk.offset}")
		TAKE[chunk.type](self, chunk)
		if chunk.done:
			self.finish()

	def take_none(self, chunk):
		self.check(chunk.done, "NONE without DONE")
		self.check(not chunk.data, f"{chunk!r}")

	def content(self, offset, length, data):
		self.check(self.command == READ, "content")
		self.check(length > 0, "content of no bytes")
		self.check(offset >= self.offset and offset + length <= self.end,
			f"content of {length} bytes at {offset}, outside")
		self.check(not self.flags & DF or not self.parts,
			"a second content chunk, with DF")
		for at in (offset, offset + length):
			self.check(at in (self.offset, self.end) or
				at % 512 == 0, f"content of {length} bytes at "
				f"{offset}: neither a multiple of 512 nor an end")
		for other, n, _ in self.parts:
			self.check(offset >= other + n or offset + length <= other,
				f"content of {length} bytes at {offset} overlaps "
				f"that of {n} at {other}")
		for _, at in self.errors:
			self.check(at is None or not offset <= at < offset + length,
				f"content over the error at {at}")
		self.parts.append((offset, length, data))

	def take_data(self, chunk):
		self.check(len(chunk.data) >= 9, f"{chunk!r}")
		offset, = struct.unpack(">Q", chunk.data[:8])
		self.content(offset, len(chunk.data) - 8, chunk.data[8:])

	def take_hole(self, chunk):
		self.check(len(chunk.data) == 12, f"{chunk!r}")
		self.content(*struct.unpack(">QI", chunk.data), None)

	def take_error(self, chunk, offset=False):
		tail = 8 if offset else 0
		self.check(len(chunk.data) >= 6 + tail, f"{chunk!r}")
		error, length = struct.unpack(">IH", chunk.data[:6])
		self.check(error in ERRORS and error != 0,
			f"{chunk!r} with the error {error}")
		self.check(length <= len(chunk.data) - 6 - tail,
			f"{chunk!r} with {length} bytes of text")
		self.texts.append(check_string(f"text of the error in reply to "
			f"{self}", chunk.data[6:6 + length]))
		at = None
		if offset:
			at, = struct.unpack(">Q", chunk.data[6 + length:][:8])
		self.check(offset or not self.errors, "ERROR is not alone")
		self.check(not offset or all(o is not None
			for _, o in self.errors), "ERROR and ERROR_OFFSET")
		self.errors.append((error, at))
		self.error = self.error or error

	def take_error_offset(self, chunk):
		self.check(self.command in HAVE_OFFSET, f"{chunk!r}")
		self.take_error(chunk, True)
		at = self.errors[-1][1]
		self.check(self.offset <= at < self.end,
			f"an error at {at}, outside")

	def take_status(self, chunk):
		self.check(not self.extended, f"{chunk!r}, though extended "
			"headers were negotiated")
		self.check(len(chunk.data) >= 12 and len(chunk.data) % 8 == 4,
			f"{chunk!r}")
		self.extents(chunk, 4, ">II")

	def take_status_ext(self, chunk):
		self.check(self.extended, f"{chunk!r} without extended headers")
		self.check(len(chunk.data) >= 24 and len(chunk.data) % 16 == 8,
			f"{chunk!r}")
		count, = struct.unpack(">I", chunk.data[4:8])
		self.check(count == len(chunk.data) // 16,
			f"{chunk!r} says that it has {count} extents")
		self.extents(chunk, 8, ">QQ")

	def extents(self, chunk, header, layout):
		self.check(self.command == BLOCK_STATUS, f"{chunk!r}")
		number, = struct.unpack(">I", chunk.data[:4])
		self.check(number in self.contexts.values(), f"status of the "
			f"context {number}, which was not selected")
		name = next(n for n, i in self.contexts.items() if i == number)
		self.check(name not in self.status, f"status of {name} twice")
		got = list(struct.iter_unpack(layout, chunk.data[header:]))
		self.status[name] = got
		check_extents(self, name, got)

	def finish(self):
		if self.error:
			self.check(not self.flags & DF or not self.parts or
				self.error != EOVERFLOW,
				"EOVERFLOW, but content")
			return
		if self.command == READ:
			got = sum(n for _, n, _ in self.parts)
			self.check(got == self.length, f"content of {got} bytes, "
				"with success")
		elif self.command == BLOCK_STATUS:
			self.check(self.status.keys() == self.contexts.keys(),
				f"the status of {list(self.status)}, but "
				f"{list(self.contexts)} are selected")


def check_extents(answer, name, got):
	"""BS-02 to BS-06 for one context's extents."""
	ok, at = answer.check, answer.offset
	ok(len(got) <= EXTENTS_MAX, f"{name}: {len(got)} extents")
	ok(all(n for n, _ in got), f"{name}: an extent without length")
	total = sum(n for n, _ in got)
	if answer.flags & REQ_ONE:
		ok(len(got) == 1 and total <= answer.length,
			f"{name}: {len(got)} extents of {total} bytes, with "
			"REQ_ONE")
	ok(total - got[-1][0] < answer.length or len(got) == 1,
		f"{name}: {len(got)} extents where fewer would do")
	ok(answer.size is None or at + total <= answer.size,
		f"{name}: extents up to {at + total}, past the end")
	for (n, flags), following in zip(got, got[1:]):
		ok(flags != following[1], f"{name}: neighbours at {at + n} are "
			f"both {flags}")
		at += n
		ok(at % 512 == 0, f"{name}: an extent ends at {at}")
	if name == ALLOCATION:
		ok(all(flags <= (HOLE | ZERO) for _, flags in got),
			f"{name}: flags that it does not have")


TAKE = {
	NONE: Answer.take_none, OFFSET_DATA: Answer.take_data,
	OFFSET_HOLE: Answer.take_hole, STATUS: Answer.take_status,
	STATUS_EXT: Answer.take_status_ext, CHUNK_ERROR: Answer.take_error,
	CHUNK_ERROR_OFFSET: Answer.take_error_offset,
}
