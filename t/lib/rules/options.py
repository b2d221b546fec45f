"""C: EXPORT_NAME.  D: ABORT.  E: LIST.  F, I: what holds without TLS."""

import time

from nbdraw import *

BAD_NAMES = (b"disk\0", b"disk\0x", b"\0disk", b"\xFFdisk", b"disk\xC0\x80",
	b"disk\n", b"disk/", b"./disk", b"../disk", b"disk.ini", b"DISK",
	b"disk ", b" ")


# --- C. NBD_OPT_EXPORT_NAME --------------------------------------------------

def EN_01(server):
	"""EXPORT_NAME with NO_ZEROES gives exactly 10 bytes."""
	with server.hello() as c:
		c.export_name("disk")
		equal("the size", c.size, SIZES["disk"])
		c.quiet(0.2, "after the 10 bytes")
		c.serving()


def EN_02(server):
	"""EXPORT_NAME without NO_ZEROES gives 10 bytes and 124 zeroes."""
	with server.hello(FIXED_NEWSTYLE) as c:
		c.export_name("disk", 124)
		equal("the size", c.size, SIZES["disk"])
		c.quiet(0.2, "after the 134 bytes")
		c.serving()


def EN_03(server):
	"""EXPORT_NAME of an unknown export ends the connection."""
	with server.hello() as c:
		c.option(EXPORT_NAME, b"nosuch")
		c.closed(what="after an unknown name")


def EN_04(server):
	"""EXPORT_NAME of the empty name: the default export, or a close.

	default=NAME: the one that is configured, if any."""
	default = server.option("default", "-")
	with server.hello() as c:
		if default == "-":
			c.option(EXPORT_NAME)
			c.closed(what="after the empty name")
		else:
			c.export_name("")
			equal("the size", c.size, SIZES[default])
			c.serving()


def EN_05(server):
	"""Long names end the connection, whatever length they claim."""
	for claimed, sent in ((4096, 4096), (4097, 4097), (65536, 65536),
	    (0xFFFFFFFF, 256 * KiB), (0xFFFFFFFF, 0x80)):
		with server.hello() as c:
			c.push(option_bytes(EXPORT_NAME, b"d" * sent, claimed))
			c.closed(12, f"after a name of {claimed} bytes")
	server.alive()


def EN_06(server):
	"""EXPORT_NAME never takes a name for another that is like it."""
	for name in BAD_NAMES:
		with server.hello() as c:
			c.option(EXPORT_NAME, name)
			c.closed(what=f"after the name {name!r}")
	server.alive()


def EN_07(server):
	"""A READ in EXPORT_NAME's segment is answered after it."""
	with server.hello() as c:
		c.send(option_bytes(EXPORT_NAME, b"disk")
			+ request_bytes(READ, 512, 64, cookie=77))
		data = c.recv(10, "answer to EXPORT_NAME")
		equal("the size", int.from_bytes(data[:8], "big"),
			SIZES["disk"])
		equal("the error", c.simple(77), 0)
		equal("the data", c.recv(64, "data"), pattern(512, 64))
		c.serving()


def EN_10(server):
	"""EXPORT_NAME of an export with a minimum block is clean: a close, or
	errors for what is unaligned."""
	want = server.bytes_of("block", 0, 8192)
	with server.hello() as c:
		try:
			c.export_name("block")
		except Closed:
			return
		error_in("unaligned WRITE", c.try_write(512, b"\xEE" * 512),
			(0, EINVAL))
		error, data = c.try_read(0, 8192)
		equal("error of an aligned READ", error, 0)
		if data[512:1024] == b"\xEE" * 512:
			want = want[:512] + b"\xEE" * 512 + want[1024:]
		equal("the data", data, want)


def EN_11(server):
	"""EXPORT_NAME that is denied ends the connection."""
	with server.hello() as c:
		c.option(EXPORT_NAME, b"denied")
		c.closed(what="after a name that is denied")
	with server.go("single"), server.hello() as c:
		c.option(EXPORT_NAME, b"single")
		c.closed(what="above max-clients")


# --- D. NBD_OPT_ABORT --------------------------------------------------------

def AB_01(server):
	"""ABORT gets one ACK, then the end of the connection."""
	with server.hello() as c:
		got = c.ask(ABORT)
		equal("the replies", [(r.type, r.data) for r in got],
			[(ACK, b"")])
		c.fin("after ABORT")


def AB_02(server):
	"""ABORT with data gets its ACK as well."""
	with server.hello() as c:
		equal("the reply", c.final(ABORT, b"data"), ACK)
		c.fin("after ABORT")


def AB_03(server):
	"""ABORT and gone, by FIN or RST, harms nobody."""
	base = server.fds()
	for end in (Conn.close, Conn.reset):
		for _ in range(20):
			c = server.hello()
			c.option(ABORT)
			end(c)
	server.alive()
	server.settled(base)


# --- E. NBD_OPT_LIST ---------------------------------------------------------

# "single" is left to the cases that know that it has one place.
VISIBLE = ("disk", "ro", "odd", "big", "block")


def LS_01(server):
	"""LIST gives each export once, then an empty ACK."""
	with server.hello() as c:
		got = c.ask(LIST)
		equal("the final reply", (got[-1].type, got[-1].data),
			(ACK, b""))
		names = [server_reply(r)[0] for r in got[:-1]]
		for name in VISIBLE + ("single",):
			equal(f"how often {name} is listed", names.count(name),
				1)


def LS_02(server):
	"""Listed names are UTF-8 of at most 4096 bytes, inside their reply."""
	with server.hello() as c:
		check(c.list(), "nothing is listed")


def LS_03(server):
	"""LIST gives the description after the name."""
	with server.hello() as c:
		listed = c.list()
		equal("the description of disk", listed["disk"], DESCRIPTION)
		equal("the description of odd", listed["odd"], "")


def LS_04(server):
	"""LIST with data is refused as invalid, in sync."""
	with server.hello() as c:
		for data in (b"\0", b"disk", option_bytes(ABORT), bytes(4096)):
			c.refused(ERR_INVALID, LIST, data)
		c.list()


def LS_05(server):
	"""Every listed name works in INFO, GO and EXPORT_NAME."""
	with server.hello() as c:
		names = list(c.list())
		infos = {name: c.accepted(name) for name in names}
	for name in names:
		for enter in (Conn.go, Conn.export_name):
			equal(f"the size of {name}", until(f"entering {name}",
				lambda: size_of(server, enter, name)),
				infos[name].size)


def size_of(server, enter, name):
	"""None when refused: a place at "single" takes a moment to come back."""
	with server.hello() as c:
		try:
			return enter(c, name).size
		except Fail:
			return None


def LS_06(server):
	"""LIST without exports is an ACK alone."""
	with server.hello() as c:
		equal("the reply", c.final(LIST), ACK)


def LS_07(server):
	"""LIST that the configuration forbids gets ERR_POLICY."""
	with server.hello() as c:
		c.refused(ERR_POLICY, LIST)
		c.accepted("disk")


def LS_09(server):
	"""10,000 exports and the longest name are listed exactly.

	count=N: exports e00000 and so on; besides them longest=NAME."""
	count, longest = int(server.option("count")), server.option("longest")
	want = {f"e{n:05}" for n in range(count)} | {longest}
	with server.hello(timeout=60) as c:
		got = c.ask(LIST)
		names = [server_reply(r)[0] for r in got[:-1]]
		equal("the number of exports", len(names), len(want))
		equal("the names that are missing", want - set(names), set())
		c.accepted(longest)


def LS_10(server):
	"""LIST twice works, and what is added and removed shows up."""
	path = os.path.join(server.option("spool"), "late.ini")
	image = server.image("ro")
	with server.hello() as c:
		check("late" not in c.list(), "late is there too early")
		c.list()
		with open(path + ".tmp", "w") as f:
			f.write(f"[export]\nimage = {image}\n")
		os.rename(path + ".tmp", path)
		try:
			until("late in LIST", lambda: listed(server, "late"))
			check("late" in c.list(), "who listed before it came "
				"is not shown late")
		finally:
			os.unlink(path)
		until("late gone from LIST", lambda: not listed(server, "late"))
		check("late" not in c.list(), "who listed before it went is "
			"still shown late")


def listed(server, name):
	with server.hello() as c:
		first, second = c.list(), c.list()
		# Between the two the one in question may come or go.
		equal("the second LIST", second.keys() - {name},
			first.keys() - {name})
		return name in second


# --- F and I, as far as they hold without TLS and structured replies ---------

def TL_01(server):
	"""Without TLS, STARTTLS is refused and the haggling goes on."""
	with server.hello() as c:
		c.refused((ERR_POLICY, ERR_UNSUP, ERR_PLATFORM), STARTTLS)
		c.haggling()


def TL_02(server):
	"""Without TLS no option gets ERR_TLS_REQD.

	secret=NAME: an export that nobody can have without TLS, if any."""
	names = ("nosuch", "denied", server.option("secret", "nosuch"), "disk")
	with server.hello() as c:
		for option, data in ((LIST, b""), (STARTTLS, b""),
		    (STRUCTURED_REPLY, b""), (NO_OPTION, b"data"),
		    *((INFO, info_data(n)) for n in names),
		    *((SET_META_CONTEXT, meta_data(n, [ALLOCATION]))
		    for n in names), *((GO, info_data(n)) for n in names)):
			kind = c.ask(option, data)[-1].type
			check(kind != ERR_TLS_REQD, f"option {option:#x} got "
				"ERR_TLS_REQD")


def SR_04(server):
	"""Without structured replies every reply is a simple one."""
	with server.go() as c:
		c.read(0, 4096)
		equal("error of a READ past the end",
			c.try_read(c.size, 1)[0], EINVAL)
		equal("error of command 99", c.run(99), EINVAL)
		c.serving()


def SR_05(server):
	"""SEND_DF is not offered without structured replies."""
	with server.hello() as c:
		for name in VISIBLE:
			equal(f"SEND_DF of {name}",
				c.accepted(name).flags & SEND_DF, 0)


def TL_16(server):
	"""Plain newstyle never gets as far as TLS."""
	for flags in (0, NO_ZEROES):
		with server.hello(flags) as c:
			c.option(STARTTLS)
			try:
				kind = c.reply().type
			except Closed:
				continue
			check(kind & ERROR_BIT, f"STARTTLS got "
				f"{reply_name(kind)}")


def EX_18(server):
	"""GO without extended headers is never refused for that."""
	for name in VISIBLE:
		with server.hello() as c:
			kind = c.info(name, (), GO).final
			check(kind != ERR_EXT_HEADER_REQD, f"GO of {name} got "
				"ERR_EXT_HEADER_REQD")
