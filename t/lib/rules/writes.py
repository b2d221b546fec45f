"""O: WRITE.  R: TRIM.  S: CACHE.  T: WRITE_ZEROES."""

import os
import time

from nbdraw import *
from rules.requests import PAST_64_BITS, set_faults

JUNK = b"\xEE"


def refill(c, offset, length):
	c.write(offset, pattern(offset, length))


# --- O. NBD_CMD_WRITE --------------------------------------------------------

def WR_01(server):
	"""What is written is read back and in the image, nothing else is."""
	for offset, length in ((7 * MiB, 4096), (7 * MiB + 1, 1),
	    (7 * MiB + 511, 1026), (8 * MiB - 4095, 8191),
	    (8 * MiB + 3, 700001), (SIZES["disk"] - 1, 1)):
		first = offset - 64
		with server.go() as c:
			image = server.bytes_of("disk", first, length + 128)
			want = (image[:64] + JUNK * length + image[64 + length:])
			c.write(offset, JUNK * length)
			equal("the data", c.read(first, min(len(want),
				c.size - first)), want)
			c.good(FLUSH)
			equal("the image", server.bytes_of("disk", first,
				length + 128), want)
			refill(c, offset, length)


def WR_02(server):
	"""WRITE of 0 bytes gets a reply."""
	with server.go() as c:
		for offset in (0, 7 * MiB, c.size):
			c.try_write(offset, b"")
		c.serving()


def WR_03(server):
	"""WRITE past the end gets ENOSPC, and the image does not grow."""
	for name in ("disk", "odd"):
		size = os.path.getsize(server.image(name))
		with server.go(name) as c:
			before = c.read(c.size - 512, 512)
			for offset, length in ((c.size, 1), (c.size - 511, 512),
			    (c.size + 4 * GiB, 4096), (c.size, 300000),
			    (c.size - 200000, 300000)):
				c.fails(ENOSPC, WRITE, offset, length, 0,
					JUNK * length)
			equal("the data", c.read(c.size - 512, 512), before)
		equal("the image's size", os.path.getsize(server.image(name)),
			size)


def WR_04(server):
	"""WRITE to a read-only export gets EPERM, payload skipped."""
	with server.go("ro") as c:
		for length in (1, 4096, 300000):
			c.fails(EPERM, WRITE, 0, length, 0, JUNK * length)
		equal("the data", c.read(0, 4096), pattern(0, 4096))


def WR_05(server):
	"""WRITE at offsets that overflow 64 bits writes nothing."""
	with server.go() as c:
		for offset in PAST_64_BITS:
			c.fails((ENOSPC, EINVAL), WRITE, offset, 4096, 0,
				JUNK * 4096)
		for at in (0, c.size - 4096):
			equal("the data", c.read(at, 4096), pattern(at, 4096))


def WR_07(server):
	"""FUA is refused where it is not offered, and honoured elsewhere."""
	for name in ("disk", "ro", "odd"):
		with server.go(name) as c:
			if c.flags & READ_ONLY:
				want = (EPERM, EINVAL)
			else:
				want = (0,) if c.flags & SEND_FUA else (EINVAL,)
			at = 0x10000
			c.fails(want, WRITE, at, 4096, FUA, server.bytes_of(
				name, at, 4096))


def WR_08(server):
	"""WRITE of 32 MiB, and of the 64 MiB that are accepted, works."""
	for length in (32 * MiB, 64 * MiB):
		with server.go("big", timeout=60) as c:
			data = pattern(0, length)
			c.write(512, data)
			equal("the end of the data", c.read(512 + length - 4096,
				4096), data[-4096:])
			c.good(WRITE_ZEROES, 0, length + 4096)


def WR_09(server):
	"""WRITE above the maximum: EINVAL up to 1 GiB, a close beyond."""
	base = server.rss()
	with server.go("big", timeout=60) as c:
		for length in (64 * MiB + 1, 100 * MiB):
			if c.style == EXTENDED:
				break	# which would have it closed
			error = c.try_write(0, bytes(length))
			equal("the error", error, EINVAL)
			c.serving()
	with server.go("big") as c:
		c.request(WRITE, 0, GiB + 1)
		c.push(bytes(64 * KiB))
		c.closed(what="after a WRITE of 1 GiB and a byte")
	grown = server.rss() - base
	check(grown < 8 * MiB, f"{grown >> 20} MiB more memory")


def WR_10(server):
	"""Errors of the image become those of NBD.

	faults=FILE: where faults of the image are ordered."""
	want = {"ENOSPC": ENOSPC, "EDQUOT": ENOSPC, "EFBIG": ENOSPC,
		"EIO": EIO, "EROFS": EPERM, "EPERM": EPERM}
	for name, error in want.items():
		for length in (512, 700000):
			with server.go() as c:
				set_faults(server.option("faults"),
					f"pwrite* {name} */disk")
				got = c.try_write(8 * MiB, JUNK * length)
				set_faults(server.option("faults"))
				equal(f"what {name} became", got, error)
				c.serving()


def WR_11(server):
	"""A short write is completed, or an error.

	faults=FILE: where faults of the image are ordered."""
	for fault in ("short=100 */disk 1", "short=1 */disk 3",
	    "short=0 */disk 1", "short=4096 */disk *", "EINTR */disk 2"):
		with server.go() as c:
			set_faults(server.option("faults"), "pwrite* " + fault)
			error = c.try_write(9 * MiB, JUNK * 30000)
			set_faults(server.option("faults"))
			if error == 0:
				equal(f"the data after {fault}",
					c.read(9 * MiB, 30000), JUNK * 30000)
			c.serving()
			refill(c, 9 * MiB, 30000)


# --- R. NBD_CMD_TRIM ---------------------------------------------------------

def around(c, command, offset, length, flags=0, zeroes=False):
	"""Run a command in the middle of junk; its neighbours stay."""
	first, total = offset - 8192, length + 16384
	c.write(first, JUNK * total)
	c.good(command, offset, length, flags)
	data = c.read(first, total)
	equal(f"the bytes before {offset}", data[:8192], JUNK * 8192)
	equal(f"the bytes after {offset} + {length}", data[-8192:],
		JUNK * 8192)
	if zeroes:
		equal(f"{length} bytes at {offset}", data[8192:-8192],
			bytes(length))
	refill(c, first, total)


def TR_01(server):
	"""TRIM succeeds and leaves its neighbours alone."""
	with server.go() as c:
		for length in (4096, 65536, MiB):
			around(c, TRIM, 10 * MiB, length)


def TR_02(server):
	"""TRIM past the end gets EINVAL."""
	with server.go() as c:
		for offset, length in ((c.size, 512), (c.size - 512, 1024),
		    (1 << 63, 512), ((1 << 64) - 512, 512)):
			c.fails(EINVAL, TRIM, offset, length)
		equal("the data", c.read(c.size - 512, 512),
			pattern(c.size - 512, 512))


def TR_03(server):
	"""TRIM of a read-only export gets EPERM."""
	with server.go("ro") as c:
		c.fails(EPERM, TRIM, 0, 4096)
		equal("the data", c.read(0, 4096), pattern(0, 4096))


def TR_04(server):
	"""TRIM of 0 bytes gets a reply."""
	with server.go() as c:
		c.run(TRIM, 0, 0)
		c.run(TRIM, c.size, 0)
		c.serving()
		equal("the data", c.read(0, 4096), pattern(0, 4096))


def TR_05(server):
	"""TRIM of 4 GiB and of a whole export does not end the connection."""
	with server.go("big", timeout=60) as c:
		c.write(4 * GiB, JUNK)
		for offset, length in ((0, 0xFFFFFFFF), (4 * GiB, GiB)):
			c.fails((0, EOVERFLOW, EINVAL), TRIM, offset, length)
		c.write(4 * GiB, b"\0")


def TR_06(server):
	"""TRIM that is not aligned leaves its neighbours alone."""
	with server.go() as c:
		for offset, length in ((1, 4094), (4095, 2), (1, 8190),
		    (100, 70000)):
			around(c, TRIM, 10 * MiB + offset, length)


# --- S. NBD_CMD_CACHE --------------------------------------------------------

def CA_01(server):
	"""CACHE changes nothing that is read."""
	for name in ("disk", "ro", "big"):
		with server.go(name) as c:
			before = c.read(0, 65536)
			for offset, length in ((0, 4096), (1, 1), (0, MiB)):
				error = c.run(CACHE, offset, length)
				error_in("CACHE", error, (0, EINVAL))
			equal("the data", c.read(0, 65536), before)


def CA_02(server):
	"""CACHE with a flag that it does not have gets EINVAL."""
	with server.go() as c:
		for flag in (NO_HOLE, DF, FAST_ZERO, 1 << 15):
			c.fails(EINVAL, CACHE, 0, 4096, flag)


def CA_03(server):
	"""CACHE past the end gets EINVAL."""
	with server.go() as c:
		for offset, length in ((c.size, 512), (c.size - 1, 2),
		    (1 << 63, 512), ((1 << 64) - 512, 1024)):
			c.fails(EINVAL, CACHE, offset, length)


def CA_04(server):
	"""CACHE gets a reply whether it is offered or not."""
	for name in ("disk", "ro", "odd", "big"):
		with server.go(name) as c:
			before = c.read(0, 4096)
			c.fails((0,) if c.flags & SEND_CACHE else (0, EINVAL),
				CACHE, 0, 4096)
			equal("the data", c.read(0, 4096), before)


# --- T. NBD_CMD_WRITE_ZEROES -------------------------------------------------

def WZ_01(server):
	"""WRITE_ZEROES zeroes its range and nothing else."""
	with server.go() as c:
		for flags in (0, NO_HOLE):
			for offset, length in ((0, 4096), (0, MiB), (1, 1),
			    (511, 2), (1, 8190), (4095, 4098), (100, 70000)):
				around(c, WRITE_ZEROES, 11 * MiB + offset,
					length, flags, zeroes=True)


def allocated(server, name, offset, length):
	"""Whether the image has no hole in the range."""
	with open(server.image(name), "rb") as f:
		return os.lseek(f.fileno(), offset, os.SEEK_HOLE) >= (
			offset + length)


def WZ_02(server):
	"""WRITE_ZEROES with NO_HOLE leaves its range allocated."""
	with server.go("big") as c:
		blocks = os.stat(server.image("big")).st_blocks
		c.good(WRITE_ZEROES, 16 * MiB, MiB, NO_HOLE)
		c.good(FLUSH)
		now = os.stat(server.image("big")).st_blocks
		check(now - blocks >= MiB // 512, f"{now - blocks} blocks of "
			f"{MiB // 512} were allocated in a hole")
		c.write(32 * MiB, JUNK * MiB)
		c.good(FLUSH)
		blocks = os.stat(server.image("big")).st_blocks
		c.good(WRITE_ZEROES, 32 * MiB, MiB, NO_HOLE)
		c.good(FLUSH)
		now = os.stat(server.image("big")).st_blocks
		check(now >= blocks, f"{blocks - now} blocks were freed")
		equal("the data", c.read(32 * MiB, MiB), bytes(MiB))
		c.good(TRIM, 16 * MiB, 32 * MiB)


def WZ_03(server):
	"""WRITE_ZEROES past the end gets ENOSPC."""
	size = os.path.getsize(server.image("disk"))
	with server.go() as c:
		for offset, length in ((c.size, 512), (c.size - 512, 1024),
		    (c.size + 4 * GiB, 512)):
			c.fails(ENOSPC, WRITE_ZEROES, offset, length)
			c.fails(ENOSPC, WRITE_ZEROES, offset, length, NO_HOLE)
		for offset in PAST_64_BITS:
			c.fails((ENOSPC, EINVAL), WRITE_ZEROES, offset, 1024)
		equal("the data", c.read(c.size - 512, 512),
			pattern(c.size - 512, 512))
	equal("the image's size", os.path.getsize(server.image("disk")), size)


def WZ_04(server):
	"""WRITE_ZEROES of a read-only export gets EPERM."""
	with server.go("ro") as c:
		c.fails(EPERM, WRITE_ZEROES, 0, 4096)
		equal("the data", c.read(0, 4096), pattern(0, 4096))


def WZ_05(server):
	"""WRITE_ZEROES of 0 bytes gets a reply."""
	with server.go() as c:
		c.run(WRITE_ZEROES, 0, 0)
		c.run(WRITE_ZEROES, c.size, 0)
		c.serving()
		equal("the data", c.read(0, 4096), pattern(0, 4096))


def WZ_06(server):
	"""FAST_ZERO zeroes, or gets ENOTSUP and changes nothing."""
	at = 12 * MiB
	with server.go() as c:
		check(c.flags & SEND_FAST_ZERO, "FAST_ZERO is not offered")
		for flags in (FAST_ZERO, FAST_ZERO | NO_HOLE):
			c.write(at, JUNK * MiB)
			start = time.monotonic()
			error = c.run(WRITE_ZEROES, at, MiB, flags)
			took = time.monotonic() - start
			error_in("FAST_ZERO", error, (0, ENOTSUP))
			equal("the data", c.read(at, MiB),
				JUNK * MiB if error else bytes(MiB))
			check(not error or took < 1, f"ENOTSUP after {took} s")
		refill(c, at, MiB)


def WZ_07(server):
	"""Without FAST_ZERO nothing gets ENOTSUP.

	faults=FILE: where faults of the image are ordered, if any."""
	at = 12 * MiB
	with server.go() as c:
		if server.option("faults", "-") != "-":
			set_faults(server.option("faults"),
				"fallocate EOPNOTSUPP */disk")
		for flags in (0, NO_HOLE, FUA):
			c.write(at, JUNK * 100000)
			error = c.run(WRITE_ZEROES, at, 100000, flags)
			equal(f"the error with flags {flags}", error, 0)
			equal("the data", c.read(at, 100000), bytes(100000))
		refill(c, at, 100000)
	if server.option("faults", "-") != "-":
		set_faults(server.option("faults"))


def WZ_08(server):
	"""FAST_ZERO where it is not offered is EINVAL, never ENOTSUP."""
	tried = 0
	for name in ("disk", "ro", "odd", "block"):
		with server.go(name, [INFO_BLOCK_SIZE]) as c:
			if c.flags & SEND_FAST_ZERO:
				continue
			tried += 1
			ro = (EPERM,) if c.flags & READ_ONLY else ()
			c.fails((EINVAL,) + ro, WRITE_ZEROES, 0, 4096,
				FAST_ZERO)
	check(tried, "all exports offer FAST_ZERO, also the read-only one")


def WZ_09(server):
	"""FAST_ZERO of a huge length does not get EOVERFLOW."""
	with server.go("big", timeout=60) as c:
		check(c.flags & SEND_FAST_ZERO, "FAST_ZERO is not offered")
		error = c.run(WRITE_ZEROES, 0, 0xFFFFFFFF, FAST_ZERO)
		error_in("FAST_ZERO of 4 GiB", error, (0, ENOTSUP, EINVAL))
		c.serving()


def WZ_10(server):
	"""WRITE_ZEROES of 4 GiB does not end the connection."""
	with server.go("big", timeout=60) as c:
		c.write(3 * GiB, JUNK)
		error = c.run(WRITE_ZEROES, 0, 0xFFFFFFFF)
		error_in("WRITE_ZEROES of 4 GiB", error,
			(0, EOVERFLOW, EINVAL))
		check(error or c.read(3 * GiB, 1) == b"\0",
			"success, with old data left")
		c.serving()
		c.write(3 * GiB, b"\0")


def WZ_12(server):
	"""WRITE_ZEROES of 160 MiB leaves no old data, or fails."""
	spots = [n * MiB for n in (10, 70, 100, 150)]
	with server.go("big", timeout=60) as c:
		for flags in (0, NO_HOLE):
			for at in spots:
				c.write(at, JUNK * 4096)
			error = c.run(WRITE_ZEROES, 0, 160 * MiB, flags)
			error_in("WRITE_ZEROES of 160 MiB", error,
				(0, EINVAL, EOVERFLOW))
			for at in spots:
				equal(f"the data at {at}", c.read(at, 4096),
					JUNK * 4096 if error else bytes(4096))
		c.good(TRIM, 0, 160 * MiB)
