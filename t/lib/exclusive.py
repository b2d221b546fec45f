"""
exclusive: exports for one client at a time.  Run as cases of nbdraw.py, with
an export "mine" that is exclusive.
"""

import signal
import subprocess

from hostile import Witness
from nbdraw import *

HOLDER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from nbdconn import *
c = Conn((sys.argv[2], int(sys.argv[3])), 10).hello(3).go("mine")
c.serving()
print(c.sock.getsockname()[1], flush=True)
time.sleep(1000)
"""


class Holder:
	"""A client in a process of its own, which can be killed and stopped."""

	def __init__(self, server):
		host, port = server.address
		self.process = subprocess.Popen([sys.executable, "-B", "-c",
			HOLDER, os.path.dirname(__file__), host, str(port)],
			stdout=subprocess.PIPE, text=True)
		self.port = int(self.process.stdout.readline())

	def __enter__(self):
		return self

	def __exit__(self, *exc):
		self.process.kill()
		self.process.wait()
		self.process.stdout.close()


def wanted(server, seconds, **kw):
	"""A newcomer's GO: (its type, the text of an error), in that time."""
	with server.hello(timeout=seconds, **kw) as c:
		r = c.ask(GO, info_data("mine"))[-1]
		return r.type, r.data.decode()


def taken(server, address, seconds=10):
	kind, words = wanted(server, seconds)
	check(kind == ERR_POLICY, f"a second client got {reply_name(kind)}, "
		"expected ERR_POLICY")
	equal("the reason", words, f"export is in exclusive use by {address}")


def got(server, seconds):
	"""The newcomer enters, within that time."""
	start = time.monotonic()
	with server.go("mine", timeout=seconds) as c:
		c.serving()
		check(time.monotonic() - start < seconds, "it took "
			f"{time.monotonic() - start:.1f} s")
	until("the newcomer's end", lambda: True)


def address_of(c):
	return "{}:{}".format(*c.sock.getsockname()[:2])


def one_at_a_time(server):
	"""A second client is refused at once, and told who is in."""
	with server.go("mine") as c:
		check(not c.flags & CAN_MULTI_CONN, "CAN_MULTI_CONN is offered")
		start = time.monotonic()
		taken(server, address_of(c))
		took = time.monotonic() - start
		check(took < 2, f"it had to wait {took:.1f} s, although the "
			"holder answers")
		with server.hello() as d:
			equal("INFO", d.info("mine").final, ACK)
		c.serving()
		c.disc()
	until("a place", lambda: wanted(server, 10)[0] == ACK)


def killed(server):
	"""A holder that was killed is replaced in seconds."""
	with Holder(server) as h:
		taken(server, f"127.0.0.1:{h.port}")
		h.process.kill()
		got(server, 3)


def stopped(server):
	"""A holder that is stopped is alive, and stays."""
	with Holder(server) as h:
		h.process.send_signal(signal.SIGSTOP)
		taken(server, f"127.0.0.1:{h.port}")
		h.process.send_signal(signal.SIGCONT)
		taken(server, f"127.0.0.1:{h.port}")


def full(server):
	"""A holder that does not read its replies is alive, and stays; others
	do not wait meanwhile."""
	with server.go("mine", timeout=20) as c, Witness(server):
		for _ in range(16):
			c.request(READ, 0, 4 * MiB)
		time.sleep(1)
		taken(server, address_of(c), 20)
		for _ in range(16):
			error, _cookie = c.simple()
			equal("the error", error, 0)
			c.recv(4 * MiB, "data")


def on_unix_socket(server):
	"""One on a unix socket has it as long as the socket is open.

	unix=PATH: the socket."""
	address = server.option("unix")
	with server.go("mine", address=address):
		start = time.monotonic()
		kind, words = wanted(server, 10)
		equal("the answer", kind, ERR_POLICY)
		check(words.startswith("export is in exclusive use by unix"),
			words)
		check(time.monotonic() - start < 2, "it had to wait")


def becomes(server):
	"""An export that becomes exclusive has no new client until all old
	ones are gone."""
	old = [server.go("mine") for _ in range(2)]
	path = os.path.join(server.option("spool"), "mine.ini")
	with open(path) as f:
		lines = f.read()
	with open(path + ".tmp", "w") as f:
		f.write(lines + "exclusive = yes\n")
	os.rename(path + ".tmp", path)
	until("exclusive", lambda: wanted(server, 10)[0] == ERR_POLICY)
	_, words = wanted(server, 10)
	equal("the reason", words, "export is for one client at a time, and "
		"still has 2")
	old.pop().disc()
	until("one fewer", lambda: wanted(server, 10)[1].endswith("has 1"))
	old.pop().disc()
	until("a place", lambda: wanted(server, 10)[0] == ACK)


def crowd(server):
	"""Thirty newcomers at once: each is told, and nobody else waits."""
	with server.go("mine") as c, Witness(server):
		new = [server.hello() for _ in range(30)]
		for n in new:
			n.option(GO, info_data("mine"))
		for n in new:
			equal("the answer", n.replies(GO)[-1].type, ERR_POLICY)
			n.close()
		c.serving()


# --- in a network namespace of its own ---------------------------------------

AWAY = "10.99.0.1"


def ip(*words):
	subprocess.run(("ip",) + words, check=True)


class Far:
	"""An address whose network can vanish: nothing gets there any more."""

	def __enter__(self):
		ip("addr", "add", AWAY + "/32", "dev", "lo")
		return self

	def vanish(self):
		ip("addr", "del", AWAY + "/32", "dev", "lo")
		ip("route", "add", "blackhole", AWAY + "/32")

	def __exit__(self, *exc):
		subprocess.run(("ip", "route", "del", "blackhole", AWAY + "/32"))


def vanished_idle(server):
	"""An idle holder behind a vanished network is replaced in seconds."""
	with Far() as far, server.go("mine", source=(AWAY, 0)) as c:
		taken(server, address_of(c))
		time.sleep(0.2)
		far.vanish()
		got(server, 6)


def vanished_reading(server):
	"""One that waits for replies is replaced as well."""
	with Far() as far, server.go("mine", source=(AWAY, 0)) as c:
		c.serving()
		far.vanish()
		for n in range(20):
			c.request(READ, n * 4096, 64 * KiB)
		time.sleep(0.5)
		got(server, 8)


def vanished_waiting(server):
	"""Newcomers who wait in a row: one gets it, the others are told who."""
	with Far() as far, server.go("mine", source=(AWAY, 0)), \
	    Witness(server):
		far.vanish()
		new = [server.hello() for _ in range(10)]
		for n in new:
			n.option(GO, info_data("mine"))
		kinds = [n.replies(GO)[-1].type for n in new]
		equal("how many got it", kinds.count(ACK), 1)
		equal("how many did not", kinds.count(ERR_POLICY), 9)


def waiting_at_the_end(server):
	"""The daemon is told to end while a newcomer waits."""
	with Far() as far, server.go("mine", source=(AWAY, 0)):
		far.vanish()
		with server.hello() as c:
			c.option(GO, info_data("mine"))
			time.sleep(0.5)
			os.kill(server.pid, signal.SIGTERM)
			kind = c.replies(GO)[-1].type
			check(kind in (ERR_POLICY, ERR_SHUTDOWN), "it was "
				f"answered with {reply_name(kind)}")


CASES = (one_at_a_time, killed, stopped, full, on_unix_socket, becomes, crowd, vanished_idle,
	vanished_reading, vanished_waiting, waiting_at_the_end)
