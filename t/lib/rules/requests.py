"""L: requests and replies.  N: READ.  W, X: sizes and errors."""

import struct
import threading
import time

from nbdraw import *
from rules.info import block_sizes, sizes_of
from rules.options import VISIBLE

PAST_64_BITS = ((1 << 64) - 1, 1 << 63, (1 << 64) - 512)


# --- L. Requests and simple replies ------------------------------------------

def TX_01(server):
	"""A wrong request magic ends the connection."""
	for magic in (0, 0x12560953, 0x21E41C71, SIMPLE_REPLY):
		with server.go() as c:
			c.request(READ, 0, 512, magic=magic)
			c.closed(what=f"after the magic {magic:#010x}")


def TX_02(server):
	"""Cookies come back bit-exact."""
	cookies = (0, 1, 1 << 63, (1 << 64) - 1, 0x0123456789ABCDEF,
		0xFF00000000000001, 0x00000000FFFFFFFF, 0x8000000000000001)
	with server.go() as c:
		for cookie in cookies:
			for command in (READ, FLUSH, 99):
				c.asks(command, 0, 0 if command != READ else 8,
					cookie=cookie)


def TX_03(server):
	"""Two requests in flight with one cookie get two replies."""
	with server.go() as c:
		c.send(request_bytes(READ, 0, 512, cookie=9) * 2)
		for _ in range(2):
			equal("the error", c.simple(9), 0)
			equal("the data", c.recv(512, "data"), pattern(0, 512))
		c.serving()


def TX_04(server):
	"""Only a READ without error has a payload after its reply."""
	with server.go() as c:
		for command, offset, length, payload in (
		    (WRITE, 4 * MiB, 8, pattern(4 * MiB, 8)),
		    (READ, c.size, 512, b""),
		    (FLUSH, 0, 0, b""),
		    (99, 0, 0, b"")):
			c.asks(command, offset, length, 0, payload)
			c.quiet(0.1, f"after the reply to command {command}")
		c.serving()


def TX_05(server):
	"""Unknown commands get EINVAL, not a close."""
	with server.go() as c:
		for command in (8, 9, 99, 0xFFFF):
			c.fails(EINVAL, command)


def TX_06(server):
	"""Unknown commands have no payload, whatever length they claim."""
	with server.go() as c:
		for length in (1, 4096, 0xFFFFFFFF):
			c.fails(EINVAL, 99, 0, length)


def TX_07(server):
	"""An unknown flag gets EINVAL; a WRITE's payload is skipped."""
	with server.go() as c:
		before = c.read(5 * MiB, 4096)
		for flag in (1 << 15, 1 << 14, 1 << 6):
			c.fails(EINVAL, READ, 0, 512, flag)
			c.fails(EINVAL, FLUSH, 0, 0, flag)
			c.fails(EINVAL, TRIM, 5 * MiB, 4096, flag)
			c.fails(EINVAL, WRITE_ZEROES, 5 * MiB, 4096, flag)
			c.fails(EINVAL, WRITE, 5 * MiB, 4096, flag,
				b"\xEE" * 4096)
		equal("the data", c.read(5 * MiB, 4096), before)


def TX_08(server):
	"""A flag that is not the command's gets EINVAL."""
	with server.go() as c:
		before = c.read(5 * MiB, 4096)
		for command, flags in (
		    (READ, NO_HOLE), (WRITE, NO_HOLE), (WRITE, DF),
		    (READ, REQ_ONE), (WRITE, FAST_ZERO), (READ, FAST_ZERO),
		    (TRIM, NO_HOLE), (TRIM, FAST_ZERO), (WRITE_ZEROES, DF),
		    (WRITE_ZEROES, REQ_ONE), (FLUSH, NO_HOLE),
		    (READ, PAYLOAD_LEN), (WRITE, PAYLOAD_LEN)):
			length = 0 if command == FLUSH else 4096
			at = 0 if command == FLUSH else 5 * MiB
			payload = b"\xEE" * 4096 if command == WRITE else b""
			c.fails(EINVAL, command, at, length, flags, payload)
		equal("the data", c.read(5 * MiB, 4096), before)


def TX_09(server):
	"""Requests in 28 segments, and 100 in one, are answered."""
	with server.go() as c:
		c.dribble(c.packet(READ, 4096, 512, 0, b"", 1), 0.002)
		collect(c, {1: (4096, 512)})
		c.send(b"".join(c.packet(READ, 8 * n, 8, 0, b"", n)
			for n in range(100)))
		collect(c, {n: (8 * n, 8) for n in range(100)})
		c.serving()


def collect(c, wanted):
	"""Replies to READs of the first MiB, in any order: data as expected."""
	while wanted:
		cookie, a = c.next_answer()
		check(cookie in wanted, f"a reply with the cookie {cookie}")
		equal(f"error of request {cookie}", a.error, 0)
		equal(f"data of request {cookie}", a.data,
			pattern(*wanted.pop(cookie)))


def TX_10(server):
	"""4096 READs before the first reply is read are all answered, in
	bounded memory, while others are served."""
	count, length = 4096, 16 * KiB
	server.alive()
	base = server.rss()
	with server.go(timeout=30) as c:
		c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KiB)
		wanted = {n: (n % 64 * length, length) for n in range(count)}
		unsent = b"".join(c.packet(READ, *wanted[n], 0, b"", n)
			for n in range(count))
		c.sock.setblocking(False)
		start = time.monotonic()
		while unsent and time.monotonic() < start + 2:
			try:
				unsent = unsent[c.sock.send(unsent):]
			except BlockingIOError:
				time.sleep(0.02)
		c.sock.settimeout(30)
		server.alive()
		grown = server.rss() - base
		check(grown < 32 * MiB, f"{grown >> 20} MiB more memory for "
			"one client that does not read")
		if unsent:
			sender = threading.Thread(target=c.sock.sendall,
				args=(unsent,))
			sender.start()
		collect(c, wanted)


def TX_11(server):
	"""An end in a header, a payload or a reply harms nobody, and a WRITE
	that came in part changes nothing."""
	base = server.fds()
	length = 512 * KiB	# the longest that is all or nothing
	before = server.bytes_of("disk", 6 * MiB, length)
	cuts = (1, 4, 27, 28, 29, 28 + 4096, 28 + 300000, -1)
	for end in (Conn.close, Conn.reset):
		for cut in cuts:
			c = server.go()
			c.send(c.packet(WRITE, 6 * MiB, length, 0,
				b"\xEE" * length, 1)[:cut])
			time.sleep(0.01)
			end(c)
		for received in (0, 1, 15, 16, 17, 5000):
			c = server.go()
			c.request(READ, 0, 8 * MiB)
			c.recv(received, "part of a reply")
			end(c)
		server.alive()
	server.settled(base)
	equal("the image", server.bytes_of("disk", 6 * MiB, length), before)


def TX_12(server):
	"""Every error is one of those that NBD has.

	errnos=N,...: a fault of the image for each; faults=FILE takes them."""
	control = server.option("faults")
	for name in server.option("errnos").split(","):
		with server.go() as c:
			set_faults(control, f"pread* {name} */disk",
				f"pwrite* {name} */disk")
			error, _ = c.try_read(0, 512)	# which checks it
			check(error, f"{name} of pread became success")
			error = c.try_write(4 * MiB, pattern(4 * MiB, 512))
			check(error, f"{name} of pwrite became success")
			set_faults(control)
			c.serving()


def set_faults(control, *lines):
	with open(control + ".new", "w") as f:
		f.write("".join(line + "\n" for line in lines))
	os.rename(control + ".new", control)


# --- N. NBD_CMD_READ ---------------------------------------------------------

def RD_01(server):
	"""READ gives exactly the bytes, also unaligned, one, and the last."""
	for name in ("disk", "ro", "odd"):
		with server.go(name) as c:
			for offset, length in ((0, 4096), (512, 512), (1, 1),
			    (4095, 2), (7, 65536), (123457, 54321),
			    (262143, 262147), (0, 900000), (c.size - 1, 1),
			    (c.size - 4097, 4097)):
				equal(f"{length} bytes of {name} at {offset}",
					c.read(offset, length),
					server.bytes_of(name, offset, length))


def RD_03(server):
	"""READ of 0 bytes gets a reply."""
	with server.go() as c:
		for offset in (0, 512, c.size):
			c.try_read(offset, 0)
		c.serving()


def RD_04(server):
	"""READ past the end gets EINVAL and no payload."""
	for name in ("disk", "odd", "big"):
		with server.go(name) as c:
			for offset, length in ((c.size, 1), (c.size - 1, 2),
			    (c.size - 512, 513), (c.size + 4 * GiB, 512),
			    (0, min(c.size + 1, 0xFFFFFFFF))):
				c.fails(EINVAL, READ, offset, length)


def RD_05(server):
	"""READ at offsets that overflow 64 bits gets EINVAL."""
	with server.go() as c:
		for offset in PAST_64_BITS:
			for length in (1, 512, 4096):
				c.fails(EINVAL, READ, offset, length)


def RD_12(server):
	"""READ that fails has an error and no payload.

	faults=FILE: where faults of the image are ordered."""
	control = server.option("faults")
	with server.go() as c:
		for length in (512, 64 * KiB, MiB):
			set_faults(control, "pread* EIO */disk")
			error, _ = c.try_read(0, length)
			set_faults(control)
			equal(f"the error of a READ of {length}", error, EIO)
			c.serving()


def RD_13(server):
	"""READ that fails after its header went out ends the connection.

	faults=FILE: where faults of the image are ordered."""
	control, length = server.option("faults"), 8 * MiB
	for after in (1, 3, 8):
		set_faults(control, f"pread* EIO */disk * {after}")
		with server.go() as c:
			error = c.simple(c.request(READ, 0, length))
			got = 0 if error else rest(c, length)
		set_faults(control)
		error_in("READ", error, (0, EIO))
		check(got < length, "all of the payload came, with success")
	server.alive()


def rest(c, most):
	"""How many bytes come before the end of the connection."""
	got = 0
	while got < most:
		try:
			data = c.sock.recv(MiB)
		except ConnectionError:
			return got
		except TimeoutError:
			raise Fail(f"stuck after {got} bytes of payload") \
				from None
		if not data:
			return got
		got += len(data)
	return got


def RD_16(server):
	"""READ of 32 MiB, and of the 64 MiB that are accepted, works."""
	for length in (32 * MiB, 64 * MiB):
		with server.go("big", timeout=60) as c:
			check(c.read(4096, length) == bytes(length),
				"the data differs")
			c.serving()


def RD_17(server):
	"""READ of 4 GiB is refused, and costs no memory."""
	base = server.rss()
	for length in (64 * MiB + 1, GiB, 0xFFFFFFFF):
		with server.go("big") as c:
			try:
				c.fails((EINVAL, EOVERFLOW), READ, 0, length)
			except Closed:
				check(length > GiB, f"closed at {length}")
	grown = server.rss() - base
	check(grown < 32 * MiB, f"{grown >> 20} MiB more memory")


def RD_18(server):
	"""READ with FUA works where FUA is offered."""
	for name in ("disk", "ro"):
		with server.go(name) as c:
			if c.flags & SEND_FUA:
				equal("the data", c.read(512, 512, FUA),
					pattern(512, 512))


def RD_19(server):
	"""READ of an image that was truncated gets EIO, and others go on."""
	path = server.image("odd")
	size = os.path.getsize(path)
	content = server.bytes_of("odd", 0, size)
	with server.go("odd") as c:
		before = c.read(0, 512)
		os.truncate(path, 4096)
		try:
			error, data = c.try_read(65536, 4096)
			if error == 0:
				equal("the data", data, bytes(4096))
			else:
				equal("the error", error, EIO)
			equal("what is left", c.read(0, 512), before)
			error, _ = c.try_read(0, 8192)
			error_in("READ over the new end", error, (0, EIO))
			equal("what is left", c.read(0, 512), before)
		finally:
			with open(path, "r+b") as f:
				f.write(content)
	server.alive()


# --- W. Size constraints -----------------------------------------------------

def SZ_01(server):
	"""Without block sizes, requests of 1 byte and of 32 MiB work."""
	with server.go("big", timeout=60) as c:
		c.write(7, b"x")
		equal("one byte", c.read(7, 1), b"x")
		c.write(7, b"\0")
		c.read(1, 32 * MiB)


def SZ_02(server):
	"""What is not aligned to an advertised minimum gets EINVAL."""
	before = server.bytes_of("block", 0, 16384)
	with server.go("block", [INFO_BLOCK_SIZE]) as c:
		for offset, length in ((512, 4096), (0, 512), (1, 1),
		    (4096, 4097), (4095, 4096)):
			for command in (READ, WRITE, TRIM, WRITE_ZEROES):
				payload = (b"\xEE" * length if command == WRITE
					else b"")
				error = c.run(command, offset, length, 0,
					payload)
				equal(f"error of command {command} of {length} "
					f"at {offset}", error, EINVAL)
		equal("the data", c.read(0, 16384), before)
		c.write(4096, before[4096:8192])
	equal("the image", server.bytes_of("block", 0, 16384), before)


def SZ_03(server):
	"""Who did not ask for the block sizes never corrupts data."""
	with server.hello() as c:
		if c.info("block", (), GO).final != ACK:
			return
		before = c.read(0, 16384)
		written = bytearray(before)
		for offset, length in ((512, 512), (4095, 2), (8192, 4096)):
			error = c.try_write(offset, b"\xEE" * length)
			error_in("WRITE", error, (0, EINVAL))
			if error == 0:
				written[offset:offset + length] = (
					b"\xEE" * length)
		equal("the data", c.read(0, 16384), bytes(written))
		for at in range(0, 16384, 4096):
			c.write(at, before[at:at + 4096])
		equal("the data", c.read(0, 16384), before)


def SZ_04(server):
	"""Requests of exactly the advertised maximum work."""
	for name in ("disk", "block", "big"):
		i, sizes = sizes_of(server, name)
		if not sizes:
			continue
		length = min(sizes[2], i.size)
		with server.go(name, [INFO_BLOCK_SIZE], timeout=60) as c:
			data = c.read(0, length)
			if name != "disk":
				c.write(0, data)
			c.read(0, 4096)


def SZ_05(server):
	"""Requests above the maximum, up to 32 MiB, get an error or more."""
	_, sizes = sizes_of(server, "block")
	with server.go("block", [INFO_BLOCK_SIZE], timeout=60) as c:
		before = c.read(0, 4096)
		for length in (sizes[2] + 4096, 32 * MiB):
			error = c.run(READ, 0, length)
			error_in("READ", error, (EINVAL, EOVERFLOW))
			error = c.try_write(0, b"\xEE" * length)
			error_in("WRITE", error, (EINVAL, ENOSPC))
		equal("the data", c.read(0, 4096), before)


def SZ_06(server):
	"""A size that is no multiple of the minimum is rounded, or its tail
	can be read.

	size=N: of the image behind the export "tail", block-min = 4096."""
	size = int(server.option("size"))
	with server.go("tail", [INFO_BLOCK_SIZE]) as c:
		if c.size % 4096 == 0:
			check(size - 4096 < c.size <= size, f"the size is "
				f"{c.size}, the image has {size}")
			c.read(c.size - 4096, 4096)
		else:
			equal("the size", c.size, size)
			c.read(size // 4096 * 4096, size % 4096)


# --- X. Error values ---------------------------------------------------------

def ER_01(server):
	"""Errors are those that the specification asks for."""
	with server.go() as c:
		c.fails(ENOSPC, WRITE, c.size, 512, 0, bytes(512))
		c.fails(ENOSPC, WRITE_ZEROES, c.size - 512, 1024)
		c.fails(EINVAL, READ, c.size, 512)
		c.fails(EINVAL, TRIM, c.size, 512)
	with server.go("ro") as c:
		c.fails(EPERM, WRITE, 0, 512, 0, bytes(512))
		c.fails(EPERM, TRIM, 0, 512)


PROVOKED = (
	(READ, 0, 0, 0), (READ, 1 << 60, 512, 0), (READ, 0, 0xFFFFFFFF, 0),
	(READ, 0, 512, DF), (WRITE, 1 << 60, 512, 0), (WRITE, 0, 512, 1 << 15),
	(FLUSH, 1, 1, 0), (TRIM, 1 << 60, 512, 0), (TRIM, 0, 0xFFFFFFFF, 0),
	(CACHE, 1 << 60, 512, 0), (WRITE_ZEROES, 1 << 60, 512, 0),
	(WRITE_ZEROES, 0, 512, 1 << 15), (BLOCK_STATUS, 0, 512, 0),
	(RESIZE, 0, 512, 0), (99, 0, 512, 0),
)


def provoke(server):
	"""(command, flags, length, error) of much that is wrong."""
	for name in ("odd", "ro"):
		with server.go(name) as c:
			for command, offset, length, flags in PROVOKED:
				payload = bytes(length) if command == WRITE \
					else b""
				error = c.run(command, offset, length, flags,
					payload)
				yield command, flags, length, error
			c.serving()


def ER_02(server):
	"""EOVERFLOW is only for over-long commands without payload."""
	for command, _, length, error in provoke(server):
		if error == EOVERFLOW:
			check(length > 32 * MiB and command not in
				(WRITE, FLUSH), f"EOVERFLOW for command "
				f"{command} of {length}")


def ER_03(server):
	"""ENOTSUP is only for FAST_ZERO."""
	for command, flags, _, error in provoke(server):
		check(error != ENOTSUP or flags & FAST_ZERO,
			f"ENOTSUP for command {command}")


def ER_04(server):
	"""ENOMEM is not how ordinary limits are reported."""
	for command, _, length, error in provoke(server):
		check(error != ENOMEM, f"ENOMEM for command {command} of "
			f"{length}")


# --- U, Y, Z, as far as they hold without what the next issue brings ----------

def BS_08(server):
	"""BLOCK_STATUS without a context gets EINVAL, not a close."""
	with server.go() as c:
		for length, flags in ((4096, 0), (4096, REQ_ONE), (0, 0)):
			c.fails(EINVAL, BLOCK_STATUS, 0, length, flags)


def EX_15(server):
	"""Bit 12 of the flags is clear without extended headers."""
	for name in VISIBLE:
		with server.go(name) as c:
			equal(f"bit 12 of {name}", c.flags & 1 << 12, 0)


def RZ_01(server):
	"""RESIZE, which is not offered, gets EINVAL and changes nothing."""
	with server.go() as c:
		for size in (0, c.size // 2, c.size * 2):
			c.fails(EINVAL, RESIZE, size)
		equal("the last byte", c.read(c.size - 1, 1), b"\xF8")
