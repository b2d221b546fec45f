"""
livetest_faults: what breaks around the daemon, and how it gets over it.
"""

import errno
import resource
import shutil

from livetest import *
from livetest_edits import agree


def faults(server, *rules):
	"""From now on files fail like this (t/lib/faultio.c)."""
	path = server.option("faults")
	with open(path + ".new", "w") as f:
		f.write("".join(rule + "\n" for rule in rules))
	os.rename(path + ".new", path)


# --- images -------------------------------------------------------------------

def truncated(server):
	"""An image that shrinks costs an error or a connection, no more."""
	path = server.serve("disk", 1, size=4 * MiB)
	with server.go() as c, server.go("probe") as other:
		equal("the version", server.version(c), 1)
		os.truncate(path, 600 * KiB)
		equal("the error", c.try_read(MiB, 4096)[0], EIO)
		equal("the error", c.try_read(596 * KiB, 8192)[0], EIO)
		equal("the error", c.try_read(500 * KiB, 200 * KiB)[0], EIO)
		equal("the data", c.read(4096, 4096), content(1, 4096, 4096))
		c.request(READ, 0, 4 * MiB)	# its header goes out first
		got, error = b"", c.simple()[0]
		equal("the error", error, 0)
		while data := c.sock.recv(65536):
			got += data
		check(len(got) <= 600 * KiB, f"{len(got)} bytes of a file "
			"of 600 KiB")
		equal("the data", got, content(1, len(got)))
		other.serving()
	until("the new size", lambda: server.state("disk")["size"]
		== str(600 * KiB))
	with server.go() as c:
		equal("the size", c.size, 600 * KiB)
	os.truncate(path, 0)
	until("the error", lambda: "error" in server.state("disk"))
	server.go("probe").serving()


def io_errors(server):
	"""EIO of an image is EIO of its requests, and of no others."""
	server.serve("disk", 1, "rw")
	server.serve("other", 2, "rw")
	faults(server, "preadv2 EAGAIN */disk", "pread EIO */disk",
		"pwrite* EIO */disk")
	with server.go() as c, server.go("other") as other:
		for n in range(20):
			equal("the error", c.try_read(n * 4096, 4096)[0], EIO)
			equal("the error", c.try_write(0, b"x" * 512), EIO)
			equal("the version", server.version(other), 2)
		faults(server)
		equal("the version", server.version(c), 1)
		c.write(0, b"y" * 512)


def flush_failed(server):
	"""A flush that failed stays failed, for its generation only."""
	server.serve("disk", 1, "rw")
	faults(server, "fdatasync EIO */disk 1")
	with server.go() as old, server.go() as also:
		old.write(0, b"x" * 4096)
		equal("the first FLUSH", old.run(FLUSH), EIO)
		for c in (old, also, old):
			equal("a later FLUSH", c.run(FLUSH), EIO)
		server.image("disk", 2)
		with server.go() as new:
			equal("the version", server.version(new), 2)
			new.write(0, b"z" * 512)
			equal("FLUSH of the next generation", new.run(FLUSH), 0)
		equal("a later FLUSH", also.run(FLUSH), EIO)


def write_many(c, count):
	"""FUA writes; the first is slow, the others wait for it together."""
	for n in range(count):
		c.request(WRITE, n * 8192, 4096, FUA, bytes([65 + n]) * 4096,
			cookie=n)
		if n == 0:
			time.sleep(0.3)	# until a worker has it


def shared_sync(server):
	"""FUA writes that share a sync are answered after it, not before."""
	path = server.serve("disk", 1, "rw")
	faults(server, "pwritev2 delay=1000 */disk 1",
		"fdatasync delay=1000 */disk 1", "fdatasync EIO */disk")
	with server.go() as c, server.go() as other:
		begun = time.monotonic()
		write_many(c, 8)
		other.request(FLUSH, cookie=77)
		equal("the error", c.simple(0), 0)
		for n in range(7):
			error, cookie = c.simple()
			check(0 < cookie < 8, f"cookie {cookie}")
			equal("the error", error, 0)
			check(time.monotonic() - begun > 1.9, "a reply before "
				"the sync")
		equal("the error", other.simple(77), 0)
		with open(path, "rb") as f:
			for n in range(8):
				f.seek(n * 8192)
				equal("the data", f.read(4096),
					bytes([65 + n]) * 4096)
		# Nobody syncs twice for them: that would have been EIO.


def shared_sync_failed(server):
	"""All that shared a sync that failed are told, and every later FLUSH."""
	server.serve("disk", 1, "rw")
	faults(server, "pwritev2 delay=1000 */disk 1", "fdatasync EIO */disk 1")
	with server.go() as c, server.go() as other:
		write_many(c, 5)
		other.request(FLUSH, cookie=77)
		equal("the error", c.simple(0), 0)
		for n in range(4):
			equal("the error", c.simple()[0], EIO)
		equal("FLUSH with them", other.simple(77), EIO)
		equal("a later FLUSH", c.run(FLUSH), EIO)
		other.write(0, b"p" * 512)
		equal("a later FLUSH", other.run(FLUSH), EIO)


def syncs_in_turn(server):
	"""A sync that failed is told of before the next one is answered."""
	server.serve("disk", 1, "rw")
	for op in (WRITE_ZEROES, TRIM):
		server.image("disk", 1)
		faults(server, "fdatasync delay=1000 */disk 1",
			"fdatasync EIO */disk 1")
		with server.go() as c, server.go() as other:
			c.request(op, 0, 65536, FUA, cookie=1)
			time.sleep(0.3)	# until a worker has it
			begun = time.monotonic()
			other.request(FLUSH, cookie=2)
			equal("FLUSH", other.simple(2), EIO)
			check(time.monotonic() - begun > 0.4, "two at a time")
			equal("the one before", c.simple(1), 0)
			equal("one with FUA after it", other.run(op, 0, 4096, FUA), 0)
			equal("a later FLUSH", c.run(FLUSH), EIO)


def error_in_batch(server):
	"""What one write of several at once fails with is told of that one."""
	server.serve("disk", 1, "rw")
	faults(server, "pwritev2 delay=1000 */disk 1",
		"pwritev2 ENOSPC */disk 2")
	with server.go() as c:
		write_many(c, 8)
		equal("the first", c.simple(0), 0)
		got = dict(reversed(c.simple()) for n in range(7))
		equal("the answers", sorted(got), list(range(1, 8)))
		equal("the errors", sorted(got.values()),
			[0] * 5 + [ENOSPC] * 2)
		for n, error in got.items():
			if error == 0:
				equal("the data", c.read(n * 8192, 4096),
					bytes([65 + n]) * 4096)
		equal("FLUSH", c.run(FLUSH), 0)


def error_behind_payload(server):
	"""A write that fails is answered when all of it has been received.

	libnbd takes an earlier reply for one to nothing, and disconnects."""
	server.serve("disk", 1, "rw", size=4 * MiB)
	server.serve("ro", 1, "ro", size=4 * MiB)
	faults(server, "pwrite* ENOSPC */disk")
	for name, error in (("disk", ENOSPC), ("ro", EPERM)):
		with server.go(name) as c:
			c.send(request_bytes(WRITE, 0, 3 * MiB)
				+ b"x" * (3 * MiB - 1))
			c.quiet(0.5, what="before the payload is complete")
			c.send(b"x")
			equal(f"the error of {name}", c.simple()[0], error)
			equal("the version", server.version(c), 1)


def stuck(server):
	"""A request that waits for its disk holds up neither loop nor client."""
	server.serve("disk", 1)
	server.serve("other", 2)
	faults(server, "preadv2 EAGAIN */disk", "pread delay=1500 */disk")
	with server.go() as c, server.go("other") as other:
		c.request(READ, 4096, 4096, cookie=1)
		begun = time.monotonic()
		for _ in range(200):
			equal("the version", server.version(other), 2)
		check(time.monotonic() - begun < 1.4, "others had to wait")
		equal("the error", c.simple(1), 0)
		equal("the data", c.recv(4096, "data"), content(1, 4096, 4096))


def hung(server):
	"""An image whose disk hangs leaves workers to the others."""
	server.serve("disk", 1)
	server.serve("other", 2)
	faults(server, "preadv2 EAGAIN *", "pread delay=3000 */disk")
	with server.go() as c:
		for n in range(32):
			c.request(READ, n * 4096, 4096, cookie=n)
		time.sleep(0.3)	# they have all the workers that they get
		begun = time.monotonic()
		for _ in range(5):
			with server.go("other") as other:
				equal("the version", server.version(other), 2)
		check(time.monotonic() - begun < 2.5, "others had to wait")
		for _ in range(32):
			equal("the error", c.simple()[0], 0)
			c.recv(4096, "data")


# --- the state directory ------------------------------------------------------

def remove_tree(path):
	shutil.rmtree(path)


def remove_contents(path):
	for name in os.listdir(path):
		name = os.path.join(path, name)
		(shutil.rmtree if os.path.isdir(name) else os.unlink)(name)


def remove_states(path):
	shutil.rmtree(os.path.join(path, "exports"))


def move_away(path):
	shutil.rmtree(path + ".away", ignore_errors=True)
	os.rename(path, path + ".away")


def replace_states(path):
	remove_states(path)
	os.mkdir(os.path.join(path, "exports"))


def state_lost(server):
	"""However the state is lost, it comes back, and counts on."""
	state = server.option("state")
	server.serve("disk", 1)
	server.add("bad", "rubbish")
	with server.go() as c:
		for n, lose in enumerate((remove_tree, remove_contents,
		    remove_states, move_away, replace_states)):
			for _ in range(10):
				equal("the version", server.version(c), 1)
			lose(state)
			equal("the version", server.version(c), 1)
			whole_again(server, lose.__name__, 11 * (n + 1))
	server.serve("late", 2)
	server.remove("bad")
	until("its state's end", lambda: server.state("bad") is None)


def whole_again(server, how, reads):
	state = server.option("state")
	good = {"disk", "bad", "probe"}
	try:
		until("the states", lambda: os.path.exists(state) and
			os.path.exists(state + "/exports") and
			server.states() == good and
			server.answered("disk") and server.answered("bad"))
		until("the rest", lambda: {"daemon.ini", "nbdmuxd.pid",
			"stats"} <= set(os.listdir(state)))
		row = server.ls("disk")
		equal("the daemon", (row["daemon"]["running"],
			row["daemon"]["pid"]), (True, server.pid))
		equal("the clients", row["exports"][0]["clients"], 1)
		equal("the reads counted",
			row["exports"][0]["requests"]["read"], reads)
	except Fail as e:
		raise Fail(f"{how}: {e}") from None


def disk_full(server):
	"""What cannot be published is served, and published when it can be."""
	state = server.option("state")
	with open(state + "/ballast", "wb", buffering=0) as f:
		try:
			while f.write(bytes(4096)):
				pass
		except OSError as e:
			equal("the error", e.errno, errno.ENOSPC)
	for n in range(40):
		server.image(f"new{n}", n)
		server.put(f"new{n}", server.text(server.path(f"new{n}"),
			description="d" * 3000))
	until("the new exports", lambda: listed(server) >= 41)
	check(server.states() != {"probe"} |
		{f"new{n}" for n in range(40)}, "the disk is not full")
	server.logged((" error state", "No space left"))
	with server.go("new3") as c:
		equal("the version", server.version(c), 3)
	os.unlink(state + "/ballast")
	agree(server, {f"new{n}": "d" * 3000 for n in range(40)})


def listed(server):
	with server.hello() as c:
		return len(c.list())


# --- the spool ----------------------------------------------------------------

def hup(server):
	before = server.log_count("configuration was read")
	os.kill(server.pid, signal.SIGHUP)
	until("the reload", lambda:
		server.log_count("configuration was read") > before)


def watched(server, name):
	"""A new export is seen at once, by inotify."""
	begun = time.monotonic()
	server.serve(name, 9)
	took = time.monotonic() - begun
	check(took < 2, f"{name} was served after {took:.1f} s")


def spool_lost(server):
	"""Without its spool the daemon serves on, and finds it again."""
	spool = server.option("spool")
	server.serve("disk", 1)
	with server.go() as c:
		os.rename(spool, spool + ".away")
		server.logged((" error spool", spool, "No such file"))
		hup(server)
		equal("the version", server.version(c), 1)
		with server.go() as new:
			equal("the version", server.version(new), 1)
		check("No such file" in read_ini(server.option("state")
			+ "/daemon.ini")["error"], "daemon.ini has no error")
		os.rename(spool + ".away", spool)
		hup(server)
		until("no error", lambda: "error" not in
			read_ini(server.option("state") + "/daemon.ini"))
		watched(server, "back")
		os.rename(spool, spool + ".old")	# another takes its place
		os.mkdir(spool)
		hup(server)
		until("draining", lambda:
			server.state("disk")["status"] == "draining")
		equal("the version", server.version(c), 1)
		watched(server, "new")
		shutil.rmtree(spool)			# and is removed
		hup(server)
		with server.go("new") as new:
			equal("the version", server.version(new), 9)
		os.mkdir(spool)
		hup(server)
		watched(server, "newest")
	shutil.rmtree(spool + ".old")


def unwatched(server):
	"""Without inotify changes are seen at the rescan, --rescan=1.

	limits=FILE,...: what forbids it, in the daemon's user namespace."""
	server.logged((" warning watch", "next rescan only"))
	server.serve("disk", 1)
	server.serve("disk", 2)
	server.remove("disk")
	until("the removal", lambda: server.state("disk") is None)
	equal("how often it was said", server.log_count("next rescan only"), 1)
	for limit in server.option("limits").split(","):
		subprocess.run(["nsenter", f"--target={server.pid}", "--user",
			"--preserve-credentials", "sh", "-c",
			f"echo 100 >/proc/sys/user/{limit}"], check=True)
	time.sleep(1.3)
	for n in range(5):		# five rescans would take longer
		begun = time.monotonic()
		server.serve(f"disk{n}", n)
		if time.monotonic() - begun < 0.3:
			return
	raise Fail("it is not watched when it could be again")


def overflow(server):
	"""More events than the queue holds: what counts is the directory."""
	path = server.image("image", 1)
	good = {}
	os.kill(server.pid, signal.SIGSTOP)
	try:
		for n in range(10000):
			name = f"disk{n * 7919 % 200}"
			good[name] = f"edit {n}"
			server.put(name, server.text(path,
				description=good[name]))
			if n % 5 == 0:
				name = f"disk{n * 31 % 200}"
				good.pop(name, None)
				try:
					server.remove(name)
				except FileNotFoundError:
					pass
	finally:
		os.kill(server.pid, signal.SIGCONT)
	agree(server, good)
	watched(server, "after")


def ten_thousand(server):
	"""10,000 files: each is served, an edit is seen at once, all can go.

	They were there when the daemon started."""
	with server.hello() as c:
		equal("how many are listed", len(c.list()), 10001)
	for n in (0, 4711, 9999):
		with server.go(f"disk{n:05}") as c:
			equal("the version", server.version(c), 1)
	begun = time.monotonic()
	server.serve("disk04711", 2)
	took = time.monotonic() - begun
	check(took < 3, f"an edit was answered after {took:.1f} s")
	for n in range(10000):
		server.remove(f"disk{n:05}")
	until("the end of all", lambda: server.states() == {"probe"}, 20)


# --- descriptors --------------------------------------------------------------

def limit_for(server, count):
	"""The limit that lets so many descriptors more be opened."""
	used = {int(fd) for fd in os.listdir(f"/proc/{server.pid}/fd")}
	limit = 0
	while count > 0 or limit in used:
		count -= limit not in used
		limit += 1
	return limit


def exhausted(server):
	"""Out of descriptors, clients wait in the backlog and come in later."""
	server.serve("disk", 1)
	old = server.go()
	time.sleep(0.3)
	hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
	resource.prlimit(server.pid, resource.RLIMIT_NOFILE,
		(limit_for(server, 4), hard))
	crowd = [server.connect(timeout=3) for _ in range(10)]
	served = []
	for c in crowd:
		try:
			c.timeout = 0.5
			c.sock.settimeout(0.5)
			c.hello()
			served.append(c)
		except Fail:
			pass
	equal("how many were let in", len(served), 4)
	equal("the version", server.version(old), 1)
	server.logged((" error accept", "Too many open files"))
	served.pop().close()		# one goes, one comes in
	waiting = [c for c in crowd if c not in served][1:]
	until("the next one", lambda: any(greeted(c) for c in waiting))
	resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
	for c in crowd + [old]:
		c.close()
	with server.go() as c:
		equal("the version", server.version(c), 1)
	equal("how often it was said", server.log_count(" error accept"), 1)


def greeted(c):
	try:
		c.hello()
		return True
	except (Fail, OSError):
		return False


def look_without_descriptors(server):
	"""A look at the spool that fails for want of descriptors is made again."""
	server.serve("disk", 1)
	hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
	resource.prlimit(server.pid, resource.RLIMIT_NOFILE,
		(limit_for(server, 0), hard))
	path = server.image("other", 2)
	server.put("other", server.text(path))
	time.sleep(1.5)
	check(server.state("other") is None or "Too many open files" in
		server.state("other").get("error", ""), "it was not short")
	check("error" not in server.state("disk"), server.state("disk"))
	resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
	until("the new export", lambda: server.state("other") is not None
		and server.state("other")["status"] == "ready")
	with server.go("other") as c:
		equal("the version", server.version(c), 2)


CASES = (shared_sync, shared_sync_failed, syncs_in_turn, error_in_batch,
	error_behind_payload,
	truncated, io_errors, flush_failed, stuck, hung, state_lost, disk_full,
	spool_lost, unwatched, overflow, ten_thousand, exhausted,
	look_without_descriptors)
