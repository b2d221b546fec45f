"""nbdmaps: images with holes, and the maps that the kernel and a server tell."""

import errno
import os

from nbdraw import *

# Exports under these names, all rw but "frag" and "tera", and "coarse" with
# block-min = 64K; (offset, length) of the data.
SPARSE = {
	# at odd places; the size is no multiple of anything
	"sparse": (40 * MiB + 1234, ((0, 12345), (MiB + 4096, 777),
		(3 * MiB + 1, 300 * KiB), (9 * MiB, 2 * MiB),
		(20 * MiB - 100, 200), (33 * MiB, 4096),
		(40 * MiB, 1234))),
	"coarse": (9 * MiB + 4097, ((5000, 70000), (MiB - 3, 6),
		(2 * MiB, 65536), (3 * MiB + 8192, 4096),
		(5 * MiB + 65536, MiB), (9 * MiB + 4096, 1))),
	"tail": (5 * MiB + 513, ((0, MiB),)),		# ends in a hole
	"thin": (16 * MiB, ((0, 8 * MiB),)),		# to be written to
	"void": (8 * GiB, ()),
	"tera": (1 << 40, ()),				# never written to
	"crumb": (700, ()),
	"frag": (8 * GiB, tuple((at + 8 * KiB * n, 4 * KiB)
		for at in (0, 8 * GiB - 8 * MiB) for n in range(1024))),
}


def make_sparse(directory):
	for name, (size, parts) in SPARSE.items():
		fd = os.open(os.path.join(directory, name),
			os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
		os.ftruncate(fd, size)
		for at, length in parts:
			os.pwrite(fd, pattern(at, length), at)
		os.close(fd)


def merged(extents):
	"""The same with equal neighbours joined."""
	out = []
	for length, flags in extents:
		if out and out[-1][1] == flags:
			length += out.pop()[0]
		out.append((length, flags))
	return out


def seek(fd, at, whence, size):
	try:
		return min(os.lseek(fd, at, whence), size)
	except OSError as e:
		if e.errno != errno.ENXIO:
			raise
		return size


def real_map(path, size=None):
	"""What the kernel knows of a file, as base:allocation would have it."""
	out, at = [], 0
	with open(path, "rb") as f:
		size = size or os.fstat(f.fileno()).st_size
		while at < size:
			data = seek(f.fileno(), at, os.SEEK_DATA, size)
			if data > at:
				out.append((data - at, HOLE | ZERO))
			hole = seek(f.fileno(), data, os.SEEK_HOLE, size)
			if hole > data:
				out.append((hole - data, 0))
			at = hole
	return merged(out)


def print_map(path):
	"""offset, length and type of each extent."""
	at = 0
	for n, flags in real_map(path):
		print(at, n, flags)
		at += n


def depths(extents):
	"""What qemu:allocation-depth tells of such a map: an image is one layer,
	its holes too, as of qemu-nbd."""
	return [(sum(n for n, _ in extents), 1)]


def part(extents, offset, length):
	"""The map of a part."""
	out, at = [], 0
	for n, flags in extents:
		low, high = max(at, offset), min(at + n, offset + length)
		if high > low:
			out.append((high - low, flags))
		at += n
	return out


def status_map(c, flags=0, step=None, contexts=None):
	"""The whole export's map by context, asked for again and again."""
	maps = {}
	for name, number in (contexts or c.contexts).items():
		got, at = [], 0
		while at < c.size:
			length = min(c.size - at, step or 0xFFFFFE00)
			extents = c.status(at, length, flags)[name]
			got += extents
			at += sum(n for n, _ in extents)
		equal(f"where {name} ends", at, c.size)
		maps[name] = merged(got)
	return maps


def forget_cached(path):
	"""Zeroes that the page cache has of holes may be sent as data."""
	with open(path, "rb") as f:
		os.fsync(f.fileno())
		os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def map_is(what, got, offset, real):
	"""Extents agree with the real map, from offset as far as they go."""
	total = sum(n for n, _ in got)
	equal(f"{what} from {offset}", merged(got),
		merged(part(real, offset, total)))
