"""J: metadata contexts, LIST_META_CONTEXT and SET_META_CONTEXT."""

import time

from nbdmaps import *

BOTH = (LIST_META_CONTEXT, SET_META_CONTEXT)


def asking(server):
	"""A connection that may ask for contexts."""
	return server.hello().styled(server.style(STRUCTURED))


def names(c, option, queries, name="disk"):
	"""What the queries list or select; that must succeed."""
	got, final = c.meta(option, name, queries)
	check(final == ACK, f"{queries} got {reply_name(final)}, expected ACK")
	return [n for n, _ in got]


def selected(c, number):
	"""Enter transmission: that many contexts are selected."""
	c.go()
	if number:
		equal("the number of contexts", len(c.status(0, 4096)), number)
	else:
		c.fails(EINVAL, BLOCK_STATUS, 0, 4096, contexts={})


def MC_01(server):
	"""LIST_META in the simple style is refused, in sync."""
	with server.hello() as c:
		for queries in ((), ("base:",), (ALLOCATION,)):
			c.refused(ERR_INVALID, LIST_META_CONTEXT,
				meta_data("disk", queries))
			c.haggling()


def MC_02(server):
	"""SET_META in the simple style is refused, and selects nothing."""
	with server.hello() as c:
		c.refused(ERR_INVALID, SET_META_CONTEXT,
			meta_data("disk", [ALLOCATION]))
		c.structured()
		selected(c, 0)


def MC_03(server):
	"""LIST_META without queries lists every context."""
	with asking(server) as c:
		for name in ("disk", "ro", "big", "sparse", "probe"):
			got = names(c, LIST_META_CONTEXT, (), name)
			check(ALLOCATION in got or name == "probe",
				f"{name} has only {got}")
			equal("each once", len(set(got)), len(got))


def MC_04(server):
	"""LIST_META of `base:` lists base:allocation."""
	with asking(server) as c:
		equal("the contexts", names(c, LIST_META_CONTEXT, ["base:"]),
			[ALLOCATION])


def MC_05(server):
	"""LIST_META of `base:allocation` lists exactly that."""
	with asking(server) as c:
		equal("the contexts", names(c, LIST_META_CONTEXT,
			[ALLOCATION]), [ALLOCATION])


def MC_06(server):
	"""LIST_META gives no ids."""
	with asking(server) as c:
		for queries in ((), ("base:", "qemu:"), (ALLOCATION,)):
			got, _ = c.meta(LIST_META_CONTEXT, "disk", queries)
			check(all(i == 0 for _, i in got), f"{got}")


def MC_07(server):
	"""Queries of an unknown namespace are ignored."""
	with asking(server) as c:
		for option in BOTH:
			for query in ("x-unknown:foo", "x-unknown:", "nbdmux:a",
			    "x-ünknown:ö", "base", "BASE:ALLOCATION"):
				if ":" in query:
					equal(f"{query} has",
						names(c, option, [query]), [])
			equal("the other one", names(c, option,
				["x-a:b", ALLOCATION, "x-c:d"]), [ALLOCATION])


def MC_08(server):
	"""Unknown contexts of known namespaces are ignored."""
	with asking(server) as c:
		for option in BOTH:
			for query in ("base:nosuch", "base:allocation2",
			    "base:allocatio", "base:Allocation", "base: ",
			    "qemu:nosuch", "qemu:allocation-depths"):
				equal(f"{query} has", names(c, option, [query]),
					[])


def MC_09(server):
	"""SET_META of `base:` selects nothing."""
	with asking(server) as c:
		equal("`base:` selects", names(c, SET_META_CONTEXT, ["base:"]),
			[])
		selected(c, 0)


def MC_10(server):
	"""SET_META of `base:allocation` selects it."""
	with asking(server) as c:
		got = c.ask(SET_META_CONTEXT, meta_data("disk", [ALLOCATION]))
		equal("the replies", [r.type for r in got],
			[META_CONTEXT, ACK])
		equal("the lengths", [len(r.data) for r in got], [4 + 15, 0])
		equal("the name", got[0].data[4:], text(ALLOCATION))
		c.contexts = dict([meta_reply(got[0])])
		selected(c, 1)


def MC_11(server):
	"""SET_META without queries selects nothing."""
	with asking(server) as c:
		equal("no queries select", names(c, SET_META_CONTEXT, ()), [])
		selected(c, 0)


def MC_12(server):
	"""SET_META forgets what was selected before, also when it fails."""
	for data, final in ((meta_data("disk"), ACK),
	    (meta_data("disk", ["base:"]), ACK),
	    (meta_data("disk", ["x-unknown:foo"]), ACK),
	    (meta_data("nosuch", [ALLOCATION]), ERR_UNKNOWN),
	    (meta_data("disk", [ALLOCATION], count=2), ERR_INVALID),
	    (meta_data("disk", [ALLOCATION]) + b"\0", ERR_INVALID),
	    (b"", ERR_INVALID)):
		with asking(server) as c:
			c.select("disk", ALLOCATION)
			equal(f"the reply to {data}", reply_name(c.ask(
				SET_META_CONTEXT, data)[-1].type),
				reply_name(final))
			selected(c, 0)
	with asking(server) as c:
		c.select("disk", ALLOCATION)
		names(c, LIST_META_CONTEXT, ())
		selected(c, 1)


def MC_13(server):
	"""SET_META is for its own export only."""
	with asking(server) as c:
		c.select("ro", ALLOCATION)
		selected(c, 0)
	with asking(server) as c:
		c.select("disk", ALLOCATION)
		c.accepted("ro")
		selected(c, 1)


def MC_14(server):
	"""A query longer than the option is invalid, and clears."""
	good = meta_data("disk", [ALLOCATION])
	at = len(good) - len(ALLOCATION) - 4
	for option in BOTH:
		for length in (16, 17, 4096, 0x7FFFFFFF, 0xFFFFFFFF):
			with asking(server) as c:
				c.select("disk", ALLOCATION)
				c.refused(ERR_INVALID, option, good[:at]
					+ length.to_bytes(4, "big")
					+ text(ALLOCATION))
				c.haggling()
				if option == SET_META_CONTEXT:
					selected(c, 0)


def MC_15(server):
	"""Lengths and counts that do not fit are invalid, at once."""
	base = server.rss()
	for option in BOTH:
		with asking(server) as c:
			start = time.monotonic()
			for n in range(8):
				c.refused(ERR_INVALID, option, bytes(n))
			for namelen in (1, 5, 8, 1000, 0x80000000, 0xFFFFFFFB,
			    0xFFFFFFFF):
				c.refused(ERR_INVALID, option, meta_data(
					"disk" if namelen != 1 else "", (),
					namelen))
			for count in (2, 3, 1 << 16, 0x40000000, 0x80000000,
			    0xFFFFFFFF):
				c.refused(ERR_INVALID, option, meta_data(
					"disk", [ALLOCATION], count=count))
			check(time.monotonic() - start < 2, "it took "
				f"{time.monotonic() - start:.1f} s")
			c.haggling()
	grown = server.rss() - base
	check(grown < 4 * MiB, f"{grown >> 10} KiB more memory")


def MC_16(server):
	"""A query without a colon is invalid, or ignored."""
	with asking(server) as c:
		for option in BOTH:
			for query in ("foo", "", "base", "allocation"):
				got, final = c.meta(option, "disk", [query])
				check(final in (ACK, ERR_INVALID) and not got,
					f"{query!r} got {got} and "
					f"{reply_name(final)}")
		c.haggling()


def MC_17(server):
	"""An unknown export gets an error, in sync."""
	with asking(server) as c:
		for option in BOTH:
			for name in ("nosuch", "DISK", "disk\0", b"\xFF",
			    "x" * 4096, "x" * 4097):
				for queries in ((), (ALLOCATION,)):
					got = c.ask(option, meta_data(name,
						queries))
					equal("number of replies", len(got), 1)
					check(got[0].type in (ERR_UNKNOWN,
						ERR_INVALID, ERR_TOO_BIG),
						f"{name!r} got "
						f"{reply_name(got[0].type)}")
			c.refused((ERR_POLICY, ERR_UNKNOWN), option,
				meta_data("denied", [ALLOCATION]))
		c.haggling()


def MC_18(server):
	"""A context asked for twice is selected once; ids are unique."""
	with asking(server) as c:
		everything = names(c, LIST_META_CONTEXT, ())
		got, final = c.meta(SET_META_CONTEXT, "disk",
			[ALLOCATION, ALLOCATION] + everything
			+ ["x-a:b", ALLOCATION])
		equal("the final reply", final, ACK)
		equal("the names", sorted(n for n, _ in got),
			sorted(set(everything)))
		equal("the number of ids", len({i for _, i in got}), len(got))
		c.contexts = dict(got)
		selected(c, len(got))


def MC_19(server):
	"""Names of contexts are of namespaces that are registered."""
	with asking(server) as c:
		for option, queries in ((LIST_META_CONTEXT, ()),
		    (LIST_META_CONTEXT, ("base:", "qemu:")),
		    (SET_META_CONTEXT, (ALLOCATION, DEPTH))):
			for name in names(c, option, queries):
				check(name.split(":")[0] in ("base", "qemu") or
					name.startswith("x-"), name)


def MC_20(server):
	"""Many queries: a right answer or ERR_TOO_BIG, and above the handshake's
	128 KiB a close."""
	server.alive()
	base = server.rss()
	for option in BOTH:
		for count, last in ((20000, ALLOCATION), (30000, "x:y"),
		    (100000, ALLOCATION)):
			queries = [""] * (count - 1) + [last]
			start = time.monotonic()
			with asking(server) as c:
				data = meta_data("disk", queries)
				try:
					got, final = c.meta(option, "disk",
						queries)
				except Closed:
					check(len(data) > 120 * KiB, "closed at "
						f"{len(data)} bytes")
				else:
					check(final in (ACK, ERR_TOO_BIG,
						ERR_INVALID),
						f"{reply_name(final)}")
					check(final != ACK or got or
						last == "x:y", "an empty list")
					c.haggling()
			check(time.monotonic() - start < 5, "it took "
				f"{time.monotonic() - start:.1f} s")
	grown = server.rss() - base
	check(grown < 8 * MiB, f"{grown >> 10} KiB more memory")
	server.alive()


def MC_21(server):
	"""Long queries and those with a NUL are invalid or ignored, in sync."""
	with asking(server) as c:
		for option in BOTH:
			for query in ("base:" + "a" * 4091, "base:" + "a" * 4092,
			    "base:" + "a" * 20000, "base:allocation\0",
			    "base:\0", "\0base:allocation",
			    b"base:\xFF\xFE", b"\xFF:" + b"a" * 100):
				got, final = c.meta(option, "disk", [query])
				check(final in (ACK, ERR_INVALID, ERR_TOO_BIG)
					and not got, f"{brief(query)} got {got} "
					f"and {reply_name(final)}")
			c.haggling()


def MC_22(server):
	"""Bytes after the last query are invalid."""
	with asking(server) as c:
		for option in BOTH:
			for queries in ((), (ALLOCATION,)):
				for more in (b"\0", bytes(4), b"\0\0\0\1:"):
					c.refused(ERR_INVALID, option,
						meta_data("disk", queries)
						+ more)
		c.haggling()


def MC_24(server):
	"""The default export's contexts go with the name they were set for.

	default=NAME: the default export."""
	default = server.option("default")
	with asking(server) as c:
		c.select("", ALLOCATION)
		c.go("").status(0, 4096)
	outcomes = set()
	for one, other in (("", default), (default, "")):
		with asking(server) as c:
			c.select(one, ALLOCATION)
			c.go(other)
			error = c.run(BLOCK_STATUS, 0, 4096)
			error_in("BLOCK_STATUS", error, (0, EINVAL))
			outcomes.add(error)
			c.serving()
	equal("outcomes by either name", len(outcomes), 1)


def MC_25(server):
	"""`qemu:` is a wildcard of LIST_META, and selects nothing."""
	with asking(server) as c:
		everything = names(c, LIST_META_CONTEXT, ())
		ours = [n for n in everything if n.startswith("qemu:")]
		equal("`qemu:` lists", names(c, LIST_META_CONTEXT, ["qemu:"]),
			ours)
		equal("`qemu:` selects", names(c, SET_META_CONTEXT, ["qemu:"]),
			[])
		for option in BOTH:
			equal("`qemu:dirty-bitmap:` has", names(c, option,
				["qemu:dirty-bitmap:"]), [])
		for name in ours:
			equal(f"`{name}` lists", names(c, LIST_META_CONTEXT,
				[name]), [name])
			equal(f"`{name}` selects", names(c, SET_META_CONTEXT,
				[name]), [name])
