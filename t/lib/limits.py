"""
limits: each limit of the handshake and of requests, hit exactly.  Run as cases
of nbdraw.py.
"""

from nbdraw import *


def most_options(server):
	"""So many options are answered, and not one more.

	max=N: the daemon's max-options."""
	limit = int(server.option("max"))
	with server.hello() as c:
		for _ in range(limit):
			c.refused(ERR_UNSUP, NO_OPTION)
		c.option(NO_OPTION)
		c.closed(what="after one option more than max-options")
	with server.hello() as c:
		for _ in range(limit - 1):
			c.refused(ERR_UNSUP, NO_OPTION)
		c.go().serving()


def most_of_a_handshake(server):
	"""So many bytes of options are taken, and not one more.

	max=BYTES: the daemon's max-handshake."""
	limit = int(server.option("max"))
	header = 16
	with server.hello() as c:
		c.refused(ERR_UNSUP, NO_OPTION, bytes(limit - header))
		c.option(NO_OPTION)
		c.closed(what="after more than max-handshake")
	with server.hello() as c:
		c.push(option_bytes(NO_OPTION, bytes(limit - header + 1)))
		c.closed(what="after an option of more than max-handshake")
	with server.hello() as c:
		half = (limit - 2 * header) // 2
		c.refused(ERR_UNSUP, NO_OPTION, bytes(half))
		c.refused(ERR_UNSUP, NO_OPTION, bytes(half))
		c.push(option_bytes(NO_OPTION))
		c.closed(what="after the third option")


def most_requests(server):
	"""So many requests are worked on at a time, the others wait.

	max=N: the daemon's max-requests, where each takes 200 ms."""
	limit = int(server.option("max"))
	with server.go(timeout=30) as c:
		start = time.monotonic()
		for n in range(4 * limit):
			c.request(READ, n * 4096, 4096)
		for n in range(4 * limit):
			error, _cookie = c.simple()
			equal("the error", error, 0)
			c.recv(4096, "data")
			rounds = n // limit + 1
			check(time.monotonic() - start > 0.19 * rounds,
				f"reply {n} came after "
				f"{time.monotonic() - start:.2f} s: more than "
				f"{limit} were worked on")
		took = time.monotonic() - start
		check(took < 0.2 * 4 * limit, f"it took {took:.1f} s: fewer "
			f"than {limit} were worked on")


def scarce_memory(server):
	"""With max-memory used up everybody is served, if slowly.

	max=BYTES: the daemon's max-memory."""
	limit = int(server.option("max"))
	before = server.rss()
	unread = [server.go("big", timeout=30)
		for _ in range(4 * limit // MiB)]
	for c in unread:
		for n in range(8):
			c.request(READ, n * MiB, MiB)
	time.sleep(1)
	grown = server.rss() - before
	check(grown < 2 * limit + 64 * KiB * len(unread) + 8 * MiB,
		f"{grown >> 20} MiB more memory with max-memory of "
		f"{limit >> 20}")
	with server.go() as c:
		data = pattern(0, 1000000)
		equal("a long read", c.read(0, len(data)), data)
		c.write(3 * MiB, data)
		equal("what a long write wrote", c.read(3 * MiB, len(data)),
			data)
	for c in unread:
		for n in range(8):
			error, _cookie = c.simple()
			equal("the error", error, 0)
			check(c.recv(MiB, "data") == bytes(MiB), "other data")
		c.close()


def most_extents(server):
	"""Of a map of 5000 extents a reply has 2000, and all come in the end."""
	path, step = server.image("holes"), 65536
	with open(path, "wb") as f:
		for n in range(2500):
			f.seek(2 * n * step)
			f.write(b"x" * step)
		f.truncate(2 * 2500 * step)
	with server.go("holes", style=STRUCTURED, contexts=(ALLOCATION,)) as c:
		at, counts, flags = 0, [], []
		while at < c.size:
			got = c.status(at, c.size - at)[ALLOCATION]
			counts.append(len(got))
			flags += [f for _, f in got]
			at += sum(n for n, _ in got)
	equal("extents in each reply", counts, [2000, 2000, 1000])
	equal("their kinds", flags, 2500 * [0, 3])


CASES = (most_extents, most_options, most_of_a_handshake, most_requests, scarce_memory)
