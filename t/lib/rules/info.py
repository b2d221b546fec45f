"""G: INFO and GO.  H: what they say.  K: the transmission flags."""

import os
import struct

from nbdraw import *
from rules.options import BAD_NAMES, VISIBLE

ALL_INFOS = (INFO_EXPORT, INFO_NAME, INFO_DESCRIPTION, INFO_BLOCK_SIZE)


# --- G. NBD_OPT_INFO and NBD_OPT_GO ------------------------------------------

def IG_01(server):
	"""INFO gives NBD_INFO_EXPORT and an ACK, and the haggling goes on."""
	with server.hello() as c:
		equal("the size", c.accepted("disk").size, SIZES["disk"])
		c.haggling()


def IG_02(server):
	"""GO is followed by no padding, also without NO_ZEROES."""
	with server.hello(FIXED_NEWSTYLE) as c:
		c.go()
		c.quiet(0.2, "after GO's ACK")
		c.serving()


def IG_03(server):
	"""An unknown name gets ERR_UNKNOWN alone; a second GO works."""
	with server.hello() as c:
		for option in (INFO, GO):
			c.refused(ERR_UNKNOWN, option, info_data("nosuch"))
		c.go()
		c.serving()


def IG_04(server):
	"""The empty name is the default export, or unknown.

	default=NAME: the one that is configured, if any."""
	default = server.option("default", "-")
	with server.hello() as c:
		if default == "-":
			c.refused(ERR_UNKNOWN, INFO, info_data(""))
			c.refused(ERR_UNKNOWN, GO, info_data(""))
			c.haggling()
		else:
			equal("the size", c.accepted("").size, SIZES[default])
			c.go("").serving()


def IG_05(server):
	"""A name longer than the option is invalid, in sync."""
	with server.hello() as c:
		for option in (INFO, GO):
			for more in (1, 2, 1000):
				c.refused(ERR_INVALID, option,
					info_data("disk", namelen=4 + more))
				c.haggling()


def IG_06(server):
	"""A name of 0xffffffff bytes is invalid, or ends the connection."""
	for option in (INFO, GO):
		for namelen in (0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFA, 0x80000000):
			with server.hello() as c:
				try:
					c.refused(ERR_INVALID, option,
						info_data("disk",
						namelen=namelen))
					c.haggling()
				except Closed:
					pass
	server.alive()


def IG_07(server):
	"""INFO and GO with less than 6 bytes are invalid, in sync."""
	with server.hello() as c:
		for option in (INFO, GO):
			for length in range(6):
				c.refused(ERR_INVALID, option, bytes(length))
		c.haggling()


def IG_08(server):
	"""A count of requests that does not fit the option is invalid."""
	with server.hello() as c:
		for option in (INFO, GO):
			for count in (0, 1, 3, 0xFFFF):
				c.refused(ERR_INVALID, option, info_data(
					"disk", [0, 1], count=count))
			c.refused(ERR_INVALID, option,
				info_data("disk", [0, 1]) + b"\0")
		c.haggling()


def IG_09(server):
	"""Unknown information requests are ignored."""
	with server.hello() as c:
		c.accepted("disk", [0x7777, 0xFFFF])
		c.go("disk", [0x7777, 0xFFFF]).serving()


def IG_10(server):
	"""An information asked for twice is given once, or is invalid."""
	with server.hello() as c:
		i = c.info("disk", ALL_INFOS * 2)
		if i.final != ERR_INVALID:
			equal("the reply", reply_name(i.final), "ACK")
			once(i)
		c.haggling()


def IG_11(server):
	"""INFO and then GO of the same give the same."""
	for name in VISIBLE:
		for requests in ((), (INFO_BLOCK_SIZE,), ALL_INFOS):
			with server.hello() as c:
				first = c.info(name, requests)
				second = c.info(name, requests, GO)
				equal(f"GO of {name} after INFO",
					sorted(second.infos),
					sorted(first.infos))


def IG_12(server):
	"""A name of 4096 bytes is unknown, a longer one an error."""
	with server.hello() as c:
		for option in (INFO, GO):
			c.refused(ERR_UNKNOWN, option, info_data("n" * 4096))
			kind = c.final(option, info_data("n" * 4097))
			check(kind & ERROR_BIT, f"got {reply_name(kind)}")
		c.haggling()


def IG_13(server):
	"""INFO and GO never take a name for another that is like it."""
	with server.hello() as c:
		for name in BAD_NAMES:
			c.refused((ERR_INVALID, ERR_UNKNOWN), INFO,
				info_data(name))
			c.refused((ERR_INVALID, ERR_UNKNOWN), GO,
				info_data(name))
		c.haggling()


def IG_14(server):
	"""INFO of one export and GO of another give the other."""
	with server.hello() as c:
		c.accepted("disk", ALL_INFOS)
		ro = c.accepted("ro")
		c.accepted("disk", ALL_INFOS)
		c.go("ro")
		equal("the size", c.size, SIZES["ro"])
		equal("the flags", c.flags, ro.flags)


def IG_15(server):
	"""INFO and GO report the same size, which is the image's."""
	for name in VISIBLE:
		with server.hello() as c:
			size = c.accepted(name).size
			equal(f"the size of {name} in GO", c.go(name).size,
				size)
			if name != "block":
				equal(f"the size of {name}", size, SIZES[name])


def IG_16(server):
	"""Who asks for the block size never gets ERR_BLOCK_SIZE_REQD."""
	for option in (INFO, GO):
		with server.hello() as c:
			c.accepted("block", [INFO_BLOCK_SIZE], option)
		with server.hello() as c:
			kind = c.info("block", (), option).final
			check(kind in (ACK, ERR_BLOCK_SIZE_REQD), "GO without "
				f"BLOCK_SIZE got {reply_name(kind)}")


def IG_17(server):
	"""ERR_BLOCK_SIZE_REQD comes after the block sizes."""
	with server.hello() as c:
		i = c.info("block", (), INFO)
		if i.final == ERR_BLOCK_SIZE_REQD:
			check(block_sizes(i), "ERR_BLOCK_SIZE_REQD without "
				"NBD_INFO_BLOCK_SIZE before it")


def IG_18(server):
	"""An export with default block sizes never requires asking."""
	for name in ("disk", "ro", "odd", "big"):
		with server.hello() as c:
			c.go(name).read(0, 512)


def IG_19(server):
	"""A request in GO's segment is served after the ACK."""
	with server.hello() as c:
		c.send(option_bytes(GO, info_data("disk"))
			+ request_bytes(READ, 8, 8, cookie=5))
		equal("the reply", c.replies(GO)[-1].type, ACK)
		equal("the error", c.simple(5), 0)
		equal("the data", c.recv(8, "data"), pattern(8, 8))
		c.serving()


def IG_20(server):
	"""GO that is denied gets ERR_POLICY or ERR_UNKNOWN, not a close."""
	denials = (ERR_POLICY, ERR_UNKNOWN)
	with server.go("single"), server.hello() as c:
		c.refused(denials, GO, info_data("denied"))
		c.refused(denials, INFO, info_data("denied"))
		check("denied" not in c.list(), "listed, though denied")
		c.refused(denials, GO, info_data("single"))
		c.go().serving()


def IG_21(server):
	"""30,000 information requests are handled in time and memory."""
	base = server.rss()
	with server.hello(timeout=5) as c:
		i = c.info("disk", [n % 4 for n in range(30000)])
		check(i.final in (ACK, ERR_INVALID, ERR_TOO_BIG),
			f"got {reply_name(i.final)}")
		once(i)
		c.haggling()
		grown = server.rss() - base
		check(grown < 2 * MiB, f"{grown >> 10} KiB more memory")


# --- H. Payloads of NBD_REP_INFO ---------------------------------------------

def once(i):
	kinds = [kind for kind, _ in i.infos]
	equal("the information types", sorted(kinds), sorted(set(kinds)))


def block_sizes(i):
	"""(minimum, preferred, maximum), or None."""
	for kind, data in i.infos:
		if kind == INFO_BLOCK_SIZE:
			equal("length of NBD_INFO_BLOCK_SIZE", 2 + len(data),
				14)
			return struct.unpack(">III", data)
	return None


def sizes_of(server, name):
	with server.hello() as c:
		i = c.accepted(name, [INFO_BLOCK_SIZE])
		return i, block_sizes(i)


def one_info(server, name, kind):
	with server.hello() as c:
		return dict(c.accepted(name, [kind]).infos).get(kind)


def IT_01(server):
	"""NBD_INFO_EXPORT is 12 bytes."""
	for name in VISIBLE:
		with server.hello() as c:
			c.accepted(name, ALL_INFOS)	# which checks it


def IT_02(server):
	"""NBD_INFO_NAME is the name that LIST gives."""
	with server.hello() as c:
		check("disk" in c.list(), "disk is not listed")
	equal("the name", one_info(server, "disk", INFO_NAME), b"disk")


def IT_03(server):
	"""NBD_INFO_DESCRIPTION is the description that LIST gives."""
	with server.hello() as c:
		listed = c.list()["disk"]
	got = one_info(server, "disk", INFO_DESCRIPTION)
	check(got is not None, "no description")
	equal("the description", check_string("the description", got), listed)
	equal("the description", listed, DESCRIPTION)


def IT_04(server):
	"""NBD_INFO_BLOCK_SIZE is 14 bytes."""
	for name in VISIBLE:
		sizes_of(server, name)		# which checks it


def IT_05(server):
	"""Block sizes other than the default are sent to who asks."""
	_, sizes = sizes_of(server, "block")
	check(sizes, "no NBD_INFO_BLOCK_SIZE")
	equal("the minimum", sizes[0], 4096)


def IT_06(server):
	"""Each information type comes once at most."""
	for name in VISIBLE:
		for requests in ((), ALL_INFOS):
			with server.hello() as c:
				once(c.accepted(name, requests))


def power_of_two(what, n):
	check(n and n & (n - 1) == 0, f"{what} {n} is no power of two")


def IT_07(server):
	"""The minimum block is a power of two of at most 64 KiB."""
	for name in VISIBLE:
		_, sizes = sizes_of(server, name)
		if sizes:
			power_of_two("the minimum", sizes[0])
			check(sizes[0] <= 64 * KiB, f"minimum {sizes[0]}")


def IT_08(server):
	"""The preferred block is a power of two, not below the minimum."""
	for name in VISIBLE:
		_, sizes = sizes_of(server, name)
		if sizes:
			power_of_two("the preferred block", sizes[1])
			check(sizes[1] >= max(sizes[0], 512), f"preferred "
				f"{sizes[1]} with minimum {sizes[0]}")


def IT_09(server):
	"""The maximum payload is at least the preferred block, and 1 MiB."""
	for name in VISIBLE:
		i, sizes = sizes_of(server, name)
		if sizes:
			check(sizes[2] >= sizes[1], f"maximum {sizes[2]} below "
				f"preferred {sizes[1]}")
			check(sizes[2] >= MiB or i.size < MiB,
				f"maximum {sizes[2]} of a {i.size} bytes")


def IT_10(server):
	"""The size is a multiple of the minimum block."""
	for name in VISIBLE:
		i, sizes = sizes_of(server, name)
		if sizes:
			equal(f"what is left of {name} after whole blocks",
				i.size % sizes[0], 0)


# --- K. Transmission flags ---------------------------------------------------

def flags_of(server, name):
	with server.hello() as c:
		return c.accepted(name).flags


def TF_01(server):
	"""HAS_FLAGS is set for every export, however entered."""
	for name in VISIBLE:
		check(flags_of(server, name) & HAS_FLAGS, f"INFO of {name}")
		with server.hello() as c:
			check(c.go(name).flags & HAS_FLAGS, f"GO of {name}")
		with server.hello() as c:
			check(c.export_name(name).flags & HAS_FLAGS,
				f"EXPORT_NAME of {name}")


def TF_02(server):
	"""A read-only export says so, and all ways of writing get EPERM."""
	before = server.bytes_of("ro", 0, 8192)
	with server.go("ro") as c:
		check(c.flags & READ_ONLY, f"flags {c.flags:#06x}")
		c.fails(EPERM, WRITE, 0, 4096, payload=b"\xEE" * 4096)
		c.fails(EPERM, WRITE, 0, 4096, FUA, payload=b"\xEE" * 4096)
		c.fails(EPERM, WRITE_ZEROES, 0, 4096)
		c.fails(EPERM, WRITE_ZEROES, 0, 4096, NO_HOLE)
		c.fails(EPERM, TRIM, 0, 4096)
		equal("the data", c.read(0, 8192), before)
	equal("the image", server.bytes_of("ro", 0, 8192), before)
	equal("READ_ONLY of disk", flags_of(server, "disk") & READ_ONLY, 0)


def TF_03(server):
	"""What the flags offer works."""
	at = 2 * MiB
	for name in ("disk", "ro", "odd", "big"):
		with server.go(name) as c:
			writable = not c.flags & READ_ONLY
			at = 64 * KiB if name in ("odd", "ro") else 2 * MiB
			for flag, command, flags, writes in (
			    (SEND_FLUSH, FLUSH, 0, False),
			    (SEND_TRIM, TRIM, 0, True),
			    (SEND_WRITE_ZEROES, WRITE_ZEROES, 0, True),
			    (SEND_WRITE_ZEROES, WRITE_ZEROES, NO_HOLE, True),
			    (SEND_CACHE, CACHE, 0, False)):
				if not c.flags & flag:
					continue
				check(writable or not writes, f"{name} offers "
					f"command {command} though read-only")
				length = 0 if command == FLUSH else 4096
				c.good(command, at if length else 0, length,
					flags)
			if c.flags & SEND_FUA and writable:
				c.write(at, pattern(at, 4096), FUA)
			c.serving()


def TF_04(server):
	"""FAST_ZERO is offered only together with WRITE_ZEROES."""
	for name in VISIBLE:
		flags = flags_of(server, name)
		check(not flags & SEND_FAST_ZERO or flags & SEND_WRITE_ZEROES,
			f"flags of {name} are {flags:#06x}")


def TF_06(server):
	"""Exports whose connections share one cache offer CAN_MULTI_CONN."""
	for name in ("disk", "ro"):
		check(flags_of(server, name) & CAN_MULTI_CONN,
			f"{name} does not offer it")


def TF_08(server):
	"""EXPORT_NAME, INFO and GO give the same flags."""
	for name in ("disk", "ro", "odd", "big"):
		for style in STYLES.values():
			with server.hello() as c:
				c.styled(style)
				info = c.accepted(name).flags
				go = c.go(name).flags
			equal(f"flags of {name} in INFO and GO", go, info)
			if style == EXTENDED:	# which EXPORT_NAME cannot follow
				continue
			with server.hello() as c:
				old = c.styled(style).export_name(name).flags
			equal(f"flags of {name} in EXPORT_NAME", old, info)


def TF_09(server):
	"""Flags that have no meaning are clear."""
	for name in VISIBLE:
		equal(f"bits 9 and 13 to 15 of {name}",
			flags_of(server, name) & (SEND_RESIZE | 0xE000), 0)


def TF_10(server):
	"""A command that is not offered gets an error, in sync."""
	for name in VISIBLE:
		with server.go(name, [INFO_BLOCK_SIZE]) as c:
			ro = (EPERM,) if c.flags & READ_ONLY else ()
			for flag, command, errors in (
			    (SEND_FLUSH, FLUSH, (EINVAL, 0)),
			    (SEND_TRIM, TRIM, (EINVAL,) + ro),
			    (SEND_WRITE_ZEROES, WRITE_ZEROES, (EINVAL,) + ro),
			    (SEND_CACHE, CACHE, (EINVAL, 0)),
			    (SEND_RESIZE, RESIZE, (EINVAL,)),
			    (0, BLOCK_STATUS, (EINVAL,))):
				if c.flags & flag:
					continue
				length = 0 if command == FLUSH else 4096
				error = c.run(command, 0, length)
				error_in(f"command {command} on {name}", error,
					errors)
				c.read(0, 4096)


def TF_11(server):
	"""ROTATIONAL is set only where the device under the image says so."""
	device = os.stat(server.image("disk")).st_dev
	path = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
	says = False
	for queue in (f"{path}/queue", f"{path}/../queue"):
		if os.path.exists(f"{queue}/rotational"):
			with open(f"{queue}/rotational") as f:
				says = f.read().strip() == "1"
			break
	for name in VISIBLE:
		check(says or not flags_of(server, name) & ROTATIONAL,
			f"{name} claims to be rotational")
