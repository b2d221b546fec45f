"""
thousands: twenty honest clients in the middle of ten thousand hostile ones.
Run as cases of nbdraw.py.
"""

import subprocess
import threading
import traceback

from nbdraw import *

HOSTILE = 10000
HONEST, PROCESSES = 20, 4
SECONDS = 8


class Honest(threading.Thread):
	"""Reads and verifies, writes and reads back, leaves and comes again."""

	def __init__(self, server, number):
		super().__init__()
		self.server, self.number = server, number
		self.error, self.longest, self.done = None, 0.0, 0

	def run(self):
		global_end = self.server.end
		try:
			while time.monotonic() < global_end:
				with self.server.go(timeout=20) as c:
					for _ in range(20):
						self.once(c)
		except (Fail, OSError) as e:
			self.error = f"{e}\n{traceback.format_exc()}"

	def once(self, c):
		start = time.monotonic()
		at = (self.done * 37 + self.number) * 4096 % (SACRED - 4096)
		equal("the data", c.read(at, 4096), pattern(at, 4096))
		own = 2 * MiB + self.number * 65536 + self.done % 16 * 4096
		data = pattern(self.done * 4096, 4096)
		c.write(own, data)
		equal("what was written", c.read(own, 4096), data)
		self.longest = max(self.longest, time.monotonic() - start)
		self.done += 1
		time.sleep(0.02)


def honest_ones(server, number):
	"""In a process of its own: an exit status."""
	clients = [Honest(server, number * (HONEST // PROCESSES) + n)
		for n in range(HONEST // PROCESSES)]
	for c in clients:
		c.start()
	bad = 0
	for c in clients:
		c.join()
		if c.error or c.done < 20 or c.longest > 5:
			print(f"an honest client: {c.done} times served, at most "
				f"{c.longest:.1f} s for three requests; {c.error}")
			bad = 1
	sys.stdout.flush()
	return bad


def bound_of(server, connections):
	"""What nbdmuxd.conf(5) says that the daemon's memory is at most."""
	with open(server.option("manual")) as f:
		m = re.search(r"it is at most ([0-9]+) MiB,.*?and\n([0-9]+) KiB for "
			r"each\nconnection", f.read(), re.S)
	check(m, "the manual states no bound")
	return (int(m[1]) * MiB + int(server.option("max_memory"))
		+ int(m[2]) * KiB * connections)


def siege(server, seconds, *args):
	"""The horde, the honest ones among it; most memory and connections."""
	base = server.fds()
	horde = subprocess.Popen((server.option("horde"), "-c", str(HOSTILE),
		"-r", "4000", "-t", "120", *args, str(server.address[1]), "big"),
		stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.nice(15))
	try:
		equal("the horde", horde.stdout.readline(), "ready\n")
		server.end = time.monotonic() + seconds
		pids = []
		for n in range(PROCESSES):
			pid = os.fork()
			if pid == 0:
				os._exit(honest_ones(server, n))
			pids.append(pid)
		memory = most = 0
		while time.monotonic() < server.end:
			memory = max(memory, server.rss())
			most = max(most, server.fds() - base)
			time.sleep(0.1)
		equal("how many groups of honest clients met with trouble",
			sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
			for pid in pids), 0)
		# those of the addresses that nobody else has
		check(horde.poll() is None, "the horde has died")
	finally:
		horde.terminate()
		words = horde.communicate()[0]
	print(f"{most} connections at a time, {memory >> 20} MiB; {words}",
		file=sys.stderr, end="")
	server.settled(base, 30)
	server.alive()
	return memory, most


def thousands(server):
	"""Ten thousand of every kind: no honest client sees an error.

	horde=PROGRAM manual=PAGE max_memory=BYTES"""
	memory, most = siege(server, SECONDS)
	bound = bound_of(server, most)
	check(memory < bound, f"{memory >> 20} MiB of memory; the manual says "
		f"{bound >> 20} at most for {most} connections")


def thousands_held(server):
	"""All of them at the same time, where the limits allow that."""
	memory, most = siege(server, SECONDS, "-k",
		"silent,trickle,half,unread,options,mute-tls")
	check(most > HOSTILE * 3 // 4, f"only {most} connections at a time")
	bound = bound_of(server, most)
	check(memory < bound, f"{memory >> 20} MiB of memory; the manual says "
		f"{bound >> 20} at most for {most} connections")


def thousands_silent(server):
	"""Those who say nothing cost next to nothing."""
	before = server.rss()
	memory, most = siege(server, 3, "-k", "silent")
	check(most > HOSTILE * 3 // 4, f"only {most} connections at a time")
	check(memory - before < most * 8 * KiB, f"{(memory - before) // most} "
		"bytes for each of those who say nothing")


CASES = (thousands, thousands_held, thousands_silent)
