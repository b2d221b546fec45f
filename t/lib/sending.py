"""
sending: how replies leave, and what waits for clients that do not take them.
Run as cases of nbdraw.py.
"""

import subprocess

from nbdraw import *


def fault(server, *lines):
	"""See t/lib/faultio.c; faults=FILE is where the daemon looks."""
	path = server.option("faults")
	with open(path + ".new", "w") as f:
		f.write("".join(line + "\n" for line in lines))
	os.rename(path + ".new", path)


def no_sendfile(server):
	"""A file system without sendfile(2) costs no client its connection, and
	is not asked again."""
	fault(server, "sendfile EINVAL */disk 1", "sendfile EIO */disk")
	with server.go() as c:
		reads = {c.request(READ, n * 64 * KiB, 512 * KiB):
			n * 64 * KiB for n in range(8)}
		while reads:
			error, cookie = c.simple()
			equal("the error", error, 0)
			at = reads.pop(cookie)
			equal("the data", c.recv(512 * KiB, "data"),
				pattern(at, 512 * KiB))
		c.serving()
	with server.go() as c:
		equal("the data of another client", c.read(0, SACRED),
			pattern(0, SACRED))
	fault(server)


def no_sendfile_slow(server):
	"""The same when the bytes must come from a slow disk."""
	fault(server, "sendfile EINVAL */disk 1", "sendfile EIO */disk",
		"pread* delay=300 */disk")
	with server.go(timeout=30) as c:
		start = time.monotonic()
		equal("the data", c.read(0, 512 * KiB), pattern(0, 512 * KiB))
		check(time.monotonic() - start > 0.3, "it was not read from the "
			"slow disk")
		equal("the data", c.read(0, 512 * KiB), pattern(0, 512 * KiB))
	fault(server)


def no_sendfile_no_read(server):
	"""When the bytes cannot be read either, the connection ends: the reply
	has begun."""
	fault(server, "sendfile EINVAL */disk", "pread* EIO */disk")
	with server.go() as c:
		c.request(READ, 0, 512 * KiB)
		c.simple()
		c.closed(what="after a read error in the middle of a reply")
	fault(server)
	server.alive()


def sendfile_is_used(server):
	"""The cases above are about something."""
	fault(server, "sendfile EIO */disk")
	with server.go() as c:
		c.request(READ, 0, 512 * KiB)
		c.simple()
		c.closed(what="where sendfile fails with EIO")
	fault(server)


def unread_replies(server):
	"""What waits in the kernel for one that never reads is bounded."""
	with server.go("big") as c:
		for n in range(64):
			c.request(READ, n * MiB, MiB)
		time.sleep(1)
		port = c.sock.getsockname()[1]
		line = subprocess.run(("ss", "-tmnH", f"dport = :{port}"),
			capture_output=True, text=True, check=True).stdout
		held = int(re.search(r"skmem:\(.*,w([0-9]+),", line)[1])
		check(128 * KiB < held < 512 * KiB, f"{held >> 10} KiB wait in "
			"the kernel")
		for _ in range(64):
			error, _cookie = c.simple()
			equal("the error", error, 0)
			check(c.recv(MiB, "data") == bytes(MiB), "other data")


CASES = (no_sendfile, no_sendfile_slow, no_sendfile_no_read, sendfile_is_used,
	unread_replies)
