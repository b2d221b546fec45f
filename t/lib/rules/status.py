"""
U: BLOCK_STATUS.  V: base:allocation.

The maps are compared with the kernel's own of the image.  With style=extended
they hold of extended headers.
"""

import os

from nbdmaps import *
from rules.requests import PAST_64_BITS, set_faults

MAPPED = ("disk", "odd", "sparse", "tail", "crumb", "void", "frag", "big")


def mapping(server, name, *contexts, **kw):
	return server.go(name, style=STRUCTURED,
		contexts=contexts or (ALLOCATION,), **kw)


def offsets(c):
	"""(offset, length) here and there."""
	for offset in (0, 1, 511, 512, 4095, 4096, MiB - 1, MiB + 4096,
	    9 * MiB + 7, 33 * MiB, c.size // 2, c.size - 1):
		for length in (1, 512, 4096, MiB, 32 * MiB, 0xFFFFFFFF):
			if offset < c.size:
				yield offset, min(length, c.size - offset)


def BS_01(server):
	"""There is one chunk of status for each context that was selected."""
	for contexts in ((ALLOCATION,), (DEPTH,), (ALLOCATION, DEPTH),
	    (DEPTH, ALLOCATION)):
		with mapping(server, "sparse", *contexts) as c:
			for flags in (0, REQ_ONE):
				got = c.status(0, c.size, flags)
				equal("the contexts", sorted(got),
					sorted(contexts))


def BS_02(server):
	"""Extents are whole and have a length."""
	for name in MAPPED:
		with mapping(server, name) as c:
			for offset, length in offsets(c):
				c.status(offset, length)	# which checks


def BS_03(server):
	"""No more extents come than the request is long."""
	for name in ("sparse", "frag"):
		with mapping(server, name) as c:
			for offset, length in offsets(c):
				got = c.status(offset, length)[ALLOCATION]
				check(sum(n for n, _ in got[:-1]) < length,
					f"{len(got)} extents for {length}")


def BS_04(server):
	"""With REQ_ONE one extent comes, not longer than the request."""
	for name in MAPPED:
		real = real_map(server.image(name))
		with mapping(server, name, ALLOCATION, DEPTH) as c:
			for offset, length in offsets(c):
				got = c.status(offset, length, REQ_ONE)
				map_is(name, got[ALLOCATION], offset, real)


def BS_05(server):
	"""Neighbouring extents differ."""
	for name in ("sparse", "tail", "frag", "disk"):
		with mapping(server, name, ALLOCATION, DEPTH) as c:
			for offset, length in offsets(c):
				c.status(offset, length)	# which checks


def BS_06(server):
	"""Extents end at multiples of 512 and of the minimum block, or with
	the request or the export."""
	for name, unit in (("sparse", 512), ("tail", 512), ("block", 4096),
	    ("odd", 512), ("coarse", 64 * KiB)):
		requests = [INFO_BLOCK_SIZE] if unit > 512 else []
		with mapping(server, name, requests=requests) as c:
			for offset, length in offsets(c):
				if unit > 512:
					offset = offset // unit * unit
				length = max(length // unit, 1) * unit
				length = min(length, c.size - offset)
				at = offset
				for n, _ in c.status(offset, length)[ALLOCATION]:
					at += n
					check(at % unit == 0 or at in
						(offset + length, c.size),
						f"{name}: an extent ends at {at}")
	with mapping(server, "coarse", requests=[INFO_BLOCK_SIZE]) as c:
		coarse = status_map(c, step=c.size)[ALLOCATION]
		check(any(f == 0 for _, f in coarse), f"no data in {coarse}")
		check(any(f & ZERO for _, f in coarse), f"no hole in {coarse}")
		at = 0
		for n, flags in coarse:
			check(not flags & ZERO or not any(server.bytes_of(
				"coarse", at, n)), f"{n} bytes at {at} are not "
				"zero")
			check(not flags & HOLE or all(f & HOLE for _, f in part(
				real_map(server.image("coarse")), at, n)),
				f"{n} bytes at {at} are not a hole")
			at += n


def BS_07(server):
	"""BLOCK_STATUS past the end gets EINVAL."""
	for name in ("disk", "odd", "void"):
		with mapping(server, name) as c:
			for offset, length in ((c.size, 1), (c.size - 1, 2),
			    (c.size + 4 * GiB, 512)) + tuple((offset, 512)
			    for offset in PAST_64_BITS):
				for flags in (0, REQ_ONE):
					c.fails(EINVAL, BLOCK_STATUS, offset,
						length, flags)


def BS_09(server):
	"""BLOCK_STATUS of 0 bytes gets a reply."""
	with mapping(server, "sparse") as c:
		for offset in (0, 4096, c.size):
			for flags in (0, REQ_ONE):
				error = c.answer(c.request(BLOCK_STATUS, offset,
					0, flags)).error
				error_in("BLOCK_STATUS", error, (0, EINVAL))
		c.serving()


def BS_10(server):
	"""A fragmented image: a bounded reply, and asking on covers it all."""
	real = real_map(server.image("frag"))
	check(len(real) >= 4096, f"the image has only {len(real)} extents: "
		"this file system has no small holes")
	with mapping(server, "frag") as c:
		count = len(c.status(0, 0xFFFFFE00)[ALLOCATION])
		check(count <= EXTENTS_MAX, f"{count} extents")
		equal("the map", status_map(c)[ALLOCATION], real)


def BS_11(server):
	"""A status of 4 GiB - 1 of a larger hole is no more than 32 bits."""
	for name in ("big", "void"):
		with mapping(server, name, ALLOCATION, DEPTH) as c:
			for offset in (0, 1, 4096, c.size - 0xFFFFFFFF):
				for length in (0xFFFFFFFF, 0xFFFFFE00,
				    0xFFFFF000, 0x80000000):
					for flags in (0, REQ_ONE):
						one_hole(c, offset, length,
							flags)


def one_hole(c, offset, length, flags):
	got = c.status(offset, length, flags)
	equal("the status", [f for _, f in got[ALLOCATION]], [HOLE | ZERO])
	n = got[ALLOCATION][0][0]
	check(n > GiB, f"an extent of {n} bytes for {length}")
	check((offset + n) % 512 == 0 or offset + n in (offset + length,
		c.size), f"the extent ends at {offset + n}")


def BS_12(server):
	"""Asking on by the lengths that came ends at the export's end."""
	for name in MAPPED:
		real = real_map(server.image(name))
		with mapping(server, name) as c:
			equal(f"the map of {name}",
				status_map(c)[ALLOCATION], real)
	with mapping(server, "sparse") as c:
		real = real_map(server.image("sparse"))
		for flags, step in ((REQ_ONE, None), (0, 100000),
		    (REQ_ONE, 65537)):
			equal("the map of sparse", status_map(c, flags,
				step)[ALLOCATION], real)


def BS_13(server):
	"""Where the image's map cannot be had there is an error, or data.

	faults=FILE: where faults of the image are ordered."""
	control = server.option("faults")
	for after in (0, 1, 2, 3):
		with mapping(server, "sparse") as c:
			set_faults(control, f"lseek EIO */sparse * {after}")
			a = c.asks(BLOCK_STATUS, 0, c.size)
			read = c.asks(READ, 0, 2 * MiB)
			set_faults(control)
			error_in(f"{a}", a.error, (0, EIO))
			error_in(f"{read}", read.error, (0, EIO))
			if not read.error:
				equal("the data", read.data, server.bytes_of(
					"sparse", 0, 2 * MiB))
			at = 0
			for n, flags in a.status.get(ALLOCATION, ()):
				check(not flags & ZERO or not any(
					server.bytes_of("sparse", at, n)),
					f"{n} bytes at {at} are not zero")
				at += n
			c.serving()
			equal("the map afterwards", status_map(c)[ALLOCATION],
				real_map(server.image("sparse")))


def BS_14(server):
	"""Extents start where the request does, unaligned too."""
	for name in MAPPED + ("coarse",):
		real = real_map(server.image(name))
		with mapping(server, name) as c:
			for offset, length in offsets(c):
				map_is(name, c.status(offset, length)
					[ALLOCATION], offset, real)


# --- V. base:allocation ------------------------------------------------------

def BA_01(server):
	"""What is said to be zero reads as zero."""
	for name in ("sparse", "tail", "crumb", "frag", "thin"):
		with mapping(server, name) as c:
			at = zeroes = 0
			for n, flags in status_map(c)[ALLOCATION]:
				if flags & ZERO:
					zeroes += 1
					for part_at in (at, at + n // 2,
					    at + n - min(n, MiB)):
						length = min(n, MiB,
							at + n - part_at)
						check(not any(c.read(part_at,
							length)), f"{name} has "
							f"data at {part_at}")
				at += n
				if zeroes > 200:
					break
			check(zeroes, f"{name} has no zeroes")


def BA_02(server):
	"""A hole is HOLE and ZERO, data is neither."""
	for name in ("disk", "sparse", "tail", "thin", "void"):
		real = real_map(server.image(name))
		with mapping(server, name, ALLOCATION, DEPTH) as c:
			got = status_map(c)
			equal(f"the map of {name}", got[ALLOCATION], real)
			equal(f"the depths of {name}", got[DEPTH],
				depths(real))
	with mapping(server, "probe", ALLOCATION, DEPTH) as c:
		equal("the map of probe", status_map(c), {
			ALLOCATION: [(c.size, 0)], DEPTH: [(c.size, 1)]})


def BA_03(server):
	"""What is not a hole has its space, also when there is no more.

	full=COMMAND: fills the file system behind the export thin."""
	with mapping(server, "thin") as c:
		check(os.system(server.option("full")) == 0, "cannot fill it")
		at, data, hole = 0, 0, None
		for n, flags in status_map(c)[ALLOCATION]:
			if not flags & HOLE:
				for part_at in range(at, at + n, MiB):
					c.write(part_at, b"\xA5" * min(MiB,
						at + n - part_at), FUA)
				data += n
			elif hole is None:
				hole = at
			at += n
		check(data, "there is no data to write over")
		error = c.try_write(hole, b"\xA5" * MiB, FUA)
		equal("WRITE into a hole", error_name(error), "ENOSPC")
		c.serving()


def BA_04(server):
	"""Bits of the status that have no meaning are 0."""
	for name in MAPPED:
		with mapping(server, name) as c:
			flags = {f for _, f in status_map(c)[ALLOCATION]}
			check(flags <= {0, HOLE, ZERO, HOLE | ZERO},
				f"{name} has {flags}")


def BA_05(server):
	"""WRITE, WRITE_ZEROES and TRIM show in the status at once."""
	with mapping(server, "thin") as c:
		for command, flags, at, payload, wanted in (
		    (WRITE_ZEROES, 0, MiB, b"", (HOLE | ZERO,)),
		    (TRIM, 0, 3 * MiB, b"", (HOLE | ZERO, 0)),
		    (WRITE_ZEROES, NO_HOLE, 5 * MiB, b"", (ZERO, 0, HOLE | ZERO)),
		    (WRITE, 0, 11 * MiB, b"\xA5" * 65536, (0,)),
		    (WRITE, 0, MiB, b"\xA5" * 65536, (0,))):
			c.status(at, 65536)
			c.good(command, at, 65536, flags, payload)
			got = c.status(at, 65536, REQ_ONE)[ALLOCATION]
			check(got[0][1] in wanted, f"after command {command} "
				f"the status is {got[0]}, expected one of {wanted}")
			equal("the map", status_map(c)[ALLOCATION],
				real_map(server.image("thin")))
