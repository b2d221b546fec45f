"""
livetest_load: much of everything, and that nothing is left of it.
"""

from livetest import *


def load(server, *args):
	"""t/bench/nbdload as a JSON record."""
	out = subprocess.run([server.option("nbdload"), "--json", *args],
		stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
	check(out.returncode == 0, f"nbdload {' '.join(args)}: {out.stdout}")
	return json.loads(out.stdout)


def target(server):
	return f"{server.address[0]}:{server.address[1]}"


def sanitized(server):
	"""Sanitizers keep freed memory: only their own leak check counts."""
	with open(f"/proc/{server.pid}/maps") as f:
		return re.search("lib[at]san", f.read()) is not None


# --- leaks --------------------------------------------------------------------

def edit(server, n):
	name = f"edit{n % 50}"
	path = server.path(f"image{n % 3}")
	kind = n % 7
	if kind == 0:
		server.put(name, "rubbish")
	elif kind == 1:
		try:
			server.remove(name)
		except FileNotFoundError:
			pass
	elif kind == 2:
		server.image(f"image{n % 3}", n)
	else:
		server.put(name, server.text(path, ("ro", "rw")[n % 2],
			description=f"edit {n}", allow="127.0.0.0/8"))


def round_of(server, connections, edits):
	"""So many connections, with so many edits meanwhile."""
	clients = subprocess.Popen([server.option("clients"), "connect",
		str(server.address[1]), str(connections), "disk"],
		stdout=subprocess.PIPE, text=True)
	for n in range(edits):
		edit(server, n)
		time.sleep(0.001)
	said, _ = clients.communicate()
	print(said, end="")
	equal("the clients' exit status", clients.returncode, 0)


def nothing_left(server):
	"""10,000 connections and 2,000 edits leave no memory behind."""
	for n in range(3):
		server.image(f"image{n}", n)
	server.serve("disk", 1)
	round_of(server, 3000, 500)
	time.sleep(0.5)
	before, fds = server.rss(), server.fds()
	round_of(server, 10000, 2000)
	time.sleep(0.5)
	grown = server.rss() - before
	print(f"{before >> 10} KiB before, {grown >> 10} KiB more")
	if not sanitized(server):
		check(grown < 2 * MiB, f"{grown >> 10} KiB more memory")
	# Some of the 50 exports are served now that were not before.
	until("descriptors", lambda: server.fds() <= fds + 50)
	with server.go() as c:
		equal("the version", server.version(c), 1)


# --- fairness -----------------------------------------------------------------

def fair(server):
	"""Who asks for much does not starve who asks for little: one loop."""
	args = ("-c1", "-d1", "-b4k", "-w0.2", "-T1", target(server), "probe")
	alone = load(server, *args)
	path = server.path("big")
	with open(path, "wb") as f:
		f.write(pattern(0, 16 * MiB))
	server.add("big", server.text(path))
	greedy = subprocess.Popen([server.option("nbdload"), "-c2", "-d128",
		"-b1m", "-T20", target(server), "big"],
		stdout=subprocess.DEVNULL)
	try:
		time.sleep(0.3)
		among = load(server, *args)
		check(greedy.poll() is None, "the greedy client has ended")
	finally:
		greedy.kill()
		greedy.wait()
	print(f"alone {alone['iops']:.0f}/s, p99 {alone['p99_us']:.0f} us; "
		f"among greedy ones {among['iops']:.0f}/s, "
		f"p99 {among['p99_us']:.0f} us")
	check(among["iops"] > alone["iops"] / 100, "it is starved")
	check(among["p99_us"] < 200000, "it waits too long")


# --- memory -------------------------------------------------------------------

def bounded(server):
	"""Fifty clients that ask for all and take nothing; one that works.

	max_memory=BYTES: the daemon's."""
	limit = int(server.option("max_memory"))
	server.serve("disk", 1, size=8 * MiB)
	before = server.rss()
	crowd = [server.go() for _ in range(50)]
	for n, c in enumerate(crowd):
		c.send(b"".join(request_bytes(READ, 0, (4096, 65536, MiB,
			8 * MiB)[n % 4], cookie=i) for i in range(100)))
	time.sleep(0.5)
	with server.go() as c:
		begun = time.monotonic()
		for _ in range(200):
			equal("the version", server.version(c), 1)
		equal("the data", c.read(0, 8 * MiB), content(1, 8 * MiB))
		took = time.monotonic() - begun
	grown = server.rss() - before
	print(f"{grown >> 10} KiB more, {took:.2f} s for the honest one")
	if not sanitized(server):
		# Each connection may have one piece over the budget.
		most = limit + 51 * 264 * KiB + 4 * MiB
		check(grown < most, f"{grown >> 10} KiB more memory")
	for n, c in enumerate(crowd):
		size = (4096, 65536, MiB, 8 * MiB)[n % 4]
		for _ in range(100 if size < MiB else 3):
			equal("the error", c.simple()[0], 0)
			equal("the data", c.recv(size, "data"),
				content(1, size))
		c.close()


# --- verified load ------------------------------------------------------------

def verified(server):
	"""Reads and writes of all sizes on many connections, each verified."""
	path = server.path("pattern")
	with open(path, "wb") as f:
		f.write(pattern(0, 32 * MiB))
	server.add("disk", server.text(path, "rw"))
	seconds = server.option("seconds", "0.7")
	for connections, depth, size, op in ((4, 32, "4k", "read"),
	    (4, 8, "64k", "read"), (2, 16, "1m", "read"), (8, 4, "3000",
	    "read"), (4, 16, "4k", "write"), (2, 4, "1m", "write"),
	    (4, 16, "20000", "read")):
		record = load(server, f"-c{connections}", f"-d{depth}",
			f"-b{size}", "-o", op, "-V", "-t2", "-w0",
			f"-T{seconds}", target(server), "disk")
		check(record["ops"] > 0, "nothing was done")
	with open(path, "rb") as f:
		check(f.read() == pattern(0, 32 * MiB), "the image differs")


CASES = (nothing_left, fair, bounded, verified)
