#!/usr/bin/python3
"""
nbdstdio: nbdmuxd --stdio as other programs run it, one case at a time.

	nbdstdio.py CASE NAME [nbdmuxd's options ...]

NAME is a writable export of at least 4 MiB.  A case is a function below.
"""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback

from nbdconn import *


class Pipes(Conn):
	"""A connection over two descriptors that are no socket."""

	def __init__(self, reading, writing, timeout=10.0):
		self.begin(timeout)
		self.reading, self.writing = reading, writing
		self.sock = self

	def settimeout(self, seconds):
		self.patience = seconds

	patience = 10.0

	def sendall(self, data):
		while data:
			_, ready, _ = select.select([], [self.writing], [],
				self.patience)
			if not ready:
				raise TimeoutError
			data = data[os.write(self.writing, data[:65536]):]

	def recv_some(self, n):
		ready, _, _ = select.select([self.reading], [], [],
			self.patience)
		if not ready:
			raise TimeoutError
		return os.read(self.reading, n)

	def _some(self, n):
		data = self.recv_some(n)
		self.log.append(("got", len(data), data[:64]))
		return data

	def close(self):
		for fd in self.reading, self.writing:
			with contextlib.suppress(OSError):
				os.close(fd)

	def hang_up(self):
		"""No more input for the server; its output is still read."""
		os.close(self.writing)

	def rest(self):
		data = b""
		while piece := self._some(65536):
			data += piece
		return data


class Server:
	"""The process, in a with statement; it must end within 10 s."""

	def __init__(self, *options, **how):
		self.options, self.how = options, how

	def __enter__(self):
		self.stderr = tempfile.TemporaryFile()
		self.how.setdefault("stderr", self.stderr)
		self.process = subprocess.Popen(command(*self.options),
			**self.how)
		return self

	def __exit__(self, *exc):
		if exc[0] is not None:
			self.process.kill()
		self.status = self.process.wait(10)

	def said(self):
		self.stderr.seek(0)
		return self.stderr.read().decode()


def command(*options):
	return ["nbdmuxd", "--stdio", NAME, *OPTIONS, *options]


@contextlib.contextmanager
def served(*options, status=0):
	"""A conversation over pipes; afterwards the exit status is checked."""
	with Server(*options, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
			bufsize=0) as server:
		c = Pipes(os.dup(server.process.stdout.fileno()),
			os.dup(server.process.stdin.fileno()))
		server.process.stdout.close()
		server.process.stdin.close()
		c.server = server
		with c:
			yield c
	equal("the exit status", server.status, status)
	if "runtime error" in server.said() or "Sanitizer" in server.said():
		raise Fail(server.said())


def bytes_for(n):
	return bytes(range(251)) * (n // 251 + 1)


def transmission(c):
	c.hello()
	c.go(NAME)
	return c


# --- cases -------------------------------------------------------------------

def soft_disconnect():
	"""What is written is read back, DISC ends it with 0."""
	with served() as c:
		transmission(c)
		data = bytes_for(3 * MiB)[:3 * MiB]
		c.write(4096, data)
		c.good(FLUSH)
		equal("the data", c.read(4096, len(data)), data)
		c.request(DISC)
		equal("what follows DISC", c.rest(), b"")
	said = c.server.said()
	for words in ("connected client=stdio", "disconnected client=stdio",
			f"export={NAME}", f"written={len(data)}"):
		check(words in said, f"the log has no {words}: {said}")


def several():
	"""Several at once."""
	with contextlib.ExitStack() as stack:
		clients = [stack.enter_context(served()) for _ in range(5)]
		for c in clients:
			transmission(c)
		for c in clients:
			c.read(0, 65536)


def only_its_export():
	"""The list has NAME alone, the empty name means it, no other is one."""
	with served() as c:
		c.hello()
		equal("the list", [r.data[4:].decode() for r in
			c.ask(LIST) if r.type == SERVER], [NAME])
		for name in "other", "probe", NAME + "x":
			c.refused({ERR_UNKNOWN}, GO, struct.pack(">I",
				len(name)) + name.encode() + b"\0\0")
		c.go("")
		c.read(0, 512)
	with served() as c:
		c.hello()
		c.export_name("")
		c.read(0, 512)


def end_of_input_anywhere():
	"""Cut a conversation at every byte: it ends with 0."""
	data = bytes_for(100)[:100]
	words = struct.pack(">I", 3) + option(GO, go_data(NAME)) + request(
		READ, 0, 512) + request(WRITE, 512, 100) + data
	for cut in range(len(words)):
		with served("--log-level=error") as c:
			c.send(words[:cut])
			c.hang_up()
			got = c.rest()
			equal("the greeting", got[:16], NBDMAGIC + IHAVEOPT)
			equal("what it says", c.server.said(), "")


def option(number, data):
	return IHAVEOPT + struct.pack(">II", number, len(data)) + data


def go_data(name):
	return struct.pack(">I", len(name)) + name.encode() + b"\0\0"


def request(command, offset, length, cookie=1):
	return struct.pack(">IHHQQI", REQUEST, 0, command, cookie, offset,
		length)


def answered_after_the_end():
	"""Requests before the end of the input have their replies."""
	with served() as c:
		transmission(c)
		for i in range(8):
			c.send(request(READ, i * 65536, 65536, i))
		c.hang_up()
		replies = c.rest()
		equal("the bytes of eight replies", len(replies),
			8 * (16 + 65536))


def recording():
	return (struct.pack(">I", 3) + option(LIST, b"") +
		option(GO, go_data(NAME)) + request(WRITE, 0, 4096, 7) +
		bytes_for(4096)[:4096] + b"".join(request(READ, 512 * i, 4096,
			i) for i in range(200)) + request(DISC, 0, 0))


def files():
	"""A recorded conversation is answered into a file, each time the same."""
	outputs = []
	for _ in range(4):
		with tempfile.TemporaryFile() as source, \
				tempfile.TemporaryFile() as sink:
			source.write(recording())
			source.seek(0)
			with Server(stdin=source, stdout=sink) as server:
				pass
			equal("the exit status", server.status, 0)
			sink.seek(0)
			outputs.append(sink.read())
	outputs.pop(0)		# it found another image than the others
	check(len(outputs[0]) > 200 * 4096, "replies are missing")
	check(outputs[0] == outputs[1] == outputs[2], "they differ")


def flags(*fds):
	return [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in fds]


def leaves_flags_alone():
	"""The flags of pipes and sockets are the starter's, before and after."""
	for make in os.pipe, lambda: [s.detach() for s in socket.socketpair()]:
		theirs, ours = make(), make()
		ends = theirs + ours if make is os.pipe else theirs
		stdin, stdout = (theirs[0], ours[1]) if make is os.pipe else (
			theirs[0], theirs[0])
		before = flags(stdin, stdout)
		with Server(stdin=stdin, stdout=stdout) as server:
			c = Pipes(ours[0] if make is os.pipe else theirs[1],
				theirs[1])
			transmission(c).read(0, 65536)
			equal("the flags while it serves", flags(stdin, stdout),
				before)
			c.request(DISC)
		equal("the exit status", server.status, 0)
		equal("the flags afterwards", flags(stdin, stdout), before)
		for fd in {*theirs, *ours}:
			os.close(fd)


def large_requests():
	"""Ten reads of 4 MiB at once, from a pipe that takes little."""
	with served() as c:
		transmission(c)
		data = bytes_for(4 * MiB)[:4 * MiB]
		c.write(0, data)
		for i in range(10):
			c.send(request(READ, 0, 4 * MiB, i))
		for i in range(10):
			head = c.recv(16, "a reply")
			equal("the reply", head, struct.pack(">IIQ",
				SIMPLE_REPLY, 0, i))
			equal("the data", c.recv(4 * MiB, "data"), data)
		c.request(DISC)


def a_pipe_that_cannot_be_reopened():
	"""Without /proc what a pipe surely takes is written, piece by piece."""
	large_requests()


def silent_client():
	"""A handshake that does not come ends in handshake-timeout."""
	start = time.monotonic()
	with served("--handshake-timeout=1", "--log-level=debug") as c:
		c.greeting()
		equal("what follows", c.rest(), b"")
	check(0.8 < time.monotonic() - start < 5, "not after a second")
	check("handshake took too long" in c.server.said(), c.server.said())


def reader_gone():
	"""A client that reads no more, and is gone, is the end: with 0."""
	with served() as c:
		transmission(c)
		os.close(c.reading)
		c.push(request(READ, 0, 65536))
		c.server.process.wait(10)
	check("while sending" in c.server.said(), c.server.said())


def rubbish():
	"""What is no NBD is the client's fault: it ends with 0, and says why."""
	with served() as c:
		transmission(c)
		c.send(b"x" * 28)
		equal("the answer", c.rest(), b"")
	check("magic" in c.server.said(), c.server.said())


def sigterm():
	"""SIGTERM between requests is an orderly end, in a handshake too."""
	for begin in transmission, Pipes.hello:
		with served() as c:
			begin(c)
			if begin == transmission:
				c.write(0, bytes_for(65536)[:65536])
			c.server.process.send_signal(signal.SIGTERM)
			equal("what follows", c.rest(), b"")


def inetd(family=socket.AF_INET, **options):
	"""A client's socket as all three descriptors."""
	with socket.socket(family) as s:
		if family == socket.AF_UNIX:
			s.bind("")	# an abstract name of the kernel's choice
		else:
			s.bind(("127.0.0.1", 0))
		s.listen()
		c = Conn.__new__(Conn)
		c.begin(10.0)
		c.sock = socket.socket(family)
		c.sock.settimeout(10)
		c.sock.connect(s.getsockname())
		client, _ = s.accept()
	with Server(stdin=client, stdout=client, stderr=client) as server, c:
		client.close()
		yield c
	equal("the exit status", server.status, 0)


def all_three_descriptors():
	"""inetd's way: nothing but NBD goes to the client."""
	for family in socket.AF_INET, socket.AF_UNIX:
		for c in inetd(family):
			transmission(c)
			data = bytes_for(MiB)[:MiB]
			c.write(0, data)
			equal("the data", c.read(0, MiB), data)
			c.request(DISC)
			c.fin("after DISC")


def address_refused():
	"""The address at the other end of a socket is looked at."""
	for c in inetd():
		c.hello()
		c.refused({ERR_POLICY}, GO, go_data(NAME))
	with served() as c:
		transmission(c).read(0, 512)


def gone_before():
	"""A client that has reset its connection before the start: no failure."""
	with socket.socket() as s:
		s.bind(("127.0.0.1", 0))
		s.listen()
		c = socket.create_connection(s.getsockname())
		client, _ = s.accept()
	c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RST)
	c.close()
	with Server("--log-level=debug", stdin=client, stdout=client) as server:
		client.close()
	equal("the exit status", server.status, 0)
	check("disconnected client=gone" in server.said(), server.said())


def failing_start():
	"""The one line goes to the log, not to an NBD client."""
	for c in inetd():
		equal("what the client gets", c._some(100), b"")


def refused_descriptors():
	"""Descriptors on which NBD cannot be spoken are refused with words."""
	with socket.socket() as s:
		s.bind(("127.0.0.1", 0))
		s.listen()
		refused("listening socket", stdin=s)
	a, b = socket.socketpair(type=socket.SOCK_DGRAM)
	with a, b:
		refused("datagrams", stdin=a)
	refused("standard input is not open", preexec_fn=lambda: os.close(0))
	refused("standard output is not open", preexec_fn=lambda: os.close(1))


def refused(words, **how):
	how.setdefault("stdin", subprocess.DEVNULL)
	how.setdefault("stdout", subprocess.DEVNULL)
	with Server(**how) as server:
		pass
	equal("the exit status", server.status, 1)
	lines = server.said().splitlines()
	check(len(lines) == 1 and words in lines[0] and
		lines[0].startswith("nbdmuxd: cannot serve"),
		f"{words} expected: {server.said()}")


if __name__ == "__main__":
	CASE, NAME, *OPTIONS = sys.argv[1:]
	try:
		globals()[CASE]()
	except Fail as e:
		traceback.print_exc(limit=-4, file=sys.stdout)
		sys.exit(f"{CASE}: {e}")
