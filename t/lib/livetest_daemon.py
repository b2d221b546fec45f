"""
livetest_daemon: the daemon's start and end as clients and managers see them.
"""

import socket
import threading

from livetest import *


def many_slow_reads(server):
	"""Requests that wait for a disk start workers, but no more than told.

	count=N: how many requests at a time."""
	with server.go() as c:
		count = int(server.option("count"))
		for n in range(count):
			c.request(READ, n * 4096, 4096)
		for _ in range(count):
			error, _cookie = c.simple()
			equal("the error", error, 0)
			c.recv(4096, "data")


def sleeps(server):
	"""No thread of an idle daemon wakes up."""
	def switches():
		total = 0
		for task in os.listdir(f"/proc/{server.pid}/task"):
			with open(f"/proc/{server.pid}/task/{task}/status"
			    ) as f:
				total += sum(int(line.split()[1]) for line in f
					if "voluntary_ctxt" in line)
		return total
	with server.go():		# an idle client costs nothing either
		time.sleep(0.7)
		before = switches()
		time.sleep(2)
		woken = switches() - before
	check(woken <= 1, f"{woken} wake-ups in 2 s")


def notified(server):
	"""READY=1 when clients can connect, STOPPING=1 when it ends."""
	path = server.path("notify")
	manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	manager.bind(path)
	manager.settimeout(20)
	daemon = subprocess.Popen([os.path.join(server.option("bin"),
		"nbdmuxd"), "--user=root", f"--listen=unix:{path}.nbd"],
		env=dict(os.environ, NOTIFY_SOCKET=path),
		stderr=subprocess.DEVNULL)
	equal("the first word", manager.recv(100), b"READY=1")
	with Conn(path + ".nbd") as c:
		c.hello().accepted("probe")
	daemon.terminate()
	equal("the last word", manager.recv(100), b"STOPPING=1")
	equal("the exit status", daemon.wait(20), 0)


def answered_at_the_end(server):
	"""Requests in flight at SIGTERM get their replies, then the end."""
	server.serve("disk", 1)
	clients = [server.go() for _ in range(4)]
	for c in clients:
		for n in range(8):
			c.request(READ, n * 4096, 4096, cookie=n)
	time.sleep(0.2)
	os.kill(server.pid, signal.SIGTERM)
	for c in clients:
		for _ in range(8):
			error, n = c.simple()
			equal("the error", error, 0)
			equal("the data", c.recv(4096, "data"),
				content(1, 4096, n * 4096))
		c.fin("after the last reply")


def written_at_the_end(server):
	"""A WRITE that has begun is carried out, and on the disk."""
	path = server.serve("disk", 1, "rw", 4 * MiB)
	with server.go() as c, server.go() as other:
		data = content(7, 3 * MiB)
		c.request(WRITE, 0, len(data), payload=data[:MiB], cookie=9)
		time.sleep(0.2)
		os.kill(server.pid, signal.SIGTERM)
		other.fin("of an idle client")
		c.send(data[MiB:])
		equal("the error", c.simple(9), 0)
		c.fin("after the reply")
	with open(path, "rb") as f:
		check(f.read(len(data)) == data, "the file differs")


def exit_soon(server, most):
	start = time.monotonic()
	server.ended(most)
	return time.monotonic() - start


def told_twice(server):
	"""The second SIGTERM does not wait for anybody."""
	server.serve("disk", 1)
	with server.go() as c:
		c.request(READ, 0, 4096)
		time.sleep(0.2)
		os.kill(server.pid, signal.SIGTERM)
		time.sleep(0.5)
		check(running(server.pid), "it ended with a request in flight")
		os.kill(server.pid, signal.SIGTERM)
		server.ended(2)
	server.logged(("told twice",))


def drain_timeout(server):
	"""A client that keeps its request to itself is given up in time.

	It is on the second loop, so that the first has nobody left."""
	server.serve("disk", 1, "rw")
	first = server.go()
	with server.go() as c:
		c.request(WRITE, 0, 65536, payload=b"a little")
		time.sleep(0.1)
		first.close()
		time.sleep(0.1)
		os.kill(server.pid, signal.SIGTERM)
		time.sleep(0.3)
		check(running(server.pid), "it did not wait")
		server.ended(5)
	server.logged(("drain-timeout",))


def idle_at_the_end(server):
	"""Who is idle, or still haggles, is let go at once."""
	server.serve("disk", 1)
	idle = [server.go() for _ in range(3)]
	silent = server.connect()
	haggling = server.hello()
	haggling.accepted("disk")
	half = server.go()
	half.send(request_bytes(READ, 0, 4096)[:20])
	time.sleep(0.2)
	start = time.monotonic()
	os.kill(server.pid, signal.SIGTERM)
	for c in idle:
		c.fin("of an idle client")
	server.ended(5)
	took = time.monotonic() - start
	check(took < 3, f"it took {took:.1f} s")
	for c in (silent, haggling, half):
		c.close()


def stuck_look(server):
	"""A file system that does not answer does not hold the end up.

	faults=FILE: the rules of t/lib/faultio.c."""
	server.serve("disk", 1)
	with open(server.option("faults"), "w") as f:
		f.write("renameat delay=60000 disk.ini\n")
	server.put("disk", server.text(server.path("disk"), "rw"))
	time.sleep(0.5)
	os.kill(server.pid, signal.SIGTERM)
	time.sleep(0.7)
	check(running(server.pid), "it did not wait for a moment")
	os.kill(server.pid, signal.SIGTERM)
	server.ended(2)


CASES = (stuck_look, many_slow_reads, sleeps, notified, answered_at_the_end,
	written_at_the_end, told_twice, drain_timeout, idle_at_the_end)
