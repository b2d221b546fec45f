"""
hostile: clients that mean harm, or are merely broken.  Run as the cases of
nbdraw.py.
"""

import os
import random
import select
import socket
import threading
import time

from nbdraw import *

HANDSHAKE = b"\0\0\0\3" + option_bytes(LIST) + option_bytes(GO,
	info_data("disk", [0, 1, 2, 3]))


class Witness(threading.Thread):
	"""An honest client: reads and verifies all the time."""

	def __init__(self, server):
		super().__init__(daemon=True)
		self.server = server
		self.stop = threading.Event()
		self.error, self.reads, self.longest = None, 0, 0.0

	def run(self):
		try:
			while not self.stop.is_set():
				self.once(self.conn)
		except (Fail, OSError) as e:
			self.error = e

	def once(self, c):
		offset = self.reads * 4096 % (SACRED - 4096)
		start = time.monotonic()
		equal("the data", c.read(offset, 4096), pattern(offset, 4096))
		self.longest = max(self.longest, time.monotonic() - start)
		self.reads += 1

	def __enter__(self):
		self.conn = self.server.go(timeout=20)
		self.start()
		return self

	def __exit__(self, kind, *rest):
		self.stop.set()
		self.join()
		self.conn.close()
		if kind is not None:
			return
		check(self.error is None, f"an honest client meanwhile: "
			f"{self.error}")
		check(self.reads > 0, "an honest client was not served at all")
		check(self.longest < 5, f"an honest client waited "
			f"{self.longest:.1f} s for 4 KiB")


def gone(server, base):
	"""After the attack: alive, and every descriptor is closed again."""
	server.settled(base, 20)
	server.alive()
	server.settled(base, 5)


def calm(server):
	"""Before an attack: the descriptors that there are."""
	server.alive()
	time.sleep(0.3)
	return server.fds()


def byte_at_a_time(server):
	"""A whole session that comes a byte at a time is served."""
	with server.connect() as c:
		c.greeting()
		c.dribble(HANDSHAKE, 0.0005)
		c.replies(LIST)
		equal("the reply to GO", c.replies(GO)[-1].type, ACK)
		at, data = 3 * MiB, pattern(3 * MiB, 300)
		c.dribble(request_bytes(WRITE, at, 300, cookie=1) + data,
			0.0005)
		equal("the error of WRITE", c.simple(1), 0)
		c.dribble(request_bytes(READ, at, 300, cookie=2), 0.0005)
		equal("the error of READ", c.simple(2), 0)
		equal("the data", c.recv(300, "data"), data)
		c.dribble(request_bytes(DISC), 0.0005)
		c.fin("after DISC")


def ends_everywhere(server):
	"""FIN and RST at every byte of a handshake and of requests."""
	session = (HANDSHAKE + request_bytes(WRITE, 3 * MiB, 64)
		+ pattern(3 * MiB, 64) + request_bytes(READ, 0, 64)
		+ request_bytes(FLUSH) + request_bytes(DISC))
	base = calm(server)
	for end in (Conn.close, Conn.reset, half_close):
		for n in range(len(session) + 1):
			c = server.connect()
			c.push(session[:n])
			end(c)
		server.alive()
	gone(server, base)


def half_close(c):
	"""FIN from us; what the server still has to say is not read."""
	try:
		c.sock.shutdown(socket.SHUT_WR)
	except OSError:
		pass
	c.close()


def huge_lengths(server):
	"""Lengths of 0xffffffff anywhere cost no memory and no other client."""
	base, memory = calm(server), server.rss()
	lies = (0xFFFFFFFF, 0xFFFFFFFE, 0x80000000, 0x7FFFFFFF)
	with Witness(server):
		for option in (EXPORT_NAME, ABORT, LIST, STARTTLS, INFO, GO,
		    STRUCTURED_REPLY, LIST_META_CONTEXT, SET_META_CONTEXT,
		    NO_OPTION):
			for length in lies:
				c = server.hello()
				c.push(option_bytes(option, info_data("disk",
					namelen=length), length))
				c.push(bytes(256 * KiB))
				c.close()
		for command in (READ, WRITE, TRIM, CACHE, WRITE_ZEROES, 99):
			for length in lies:
				c = server.go("big")
				c.request(command, 0, length)
				c.push(bytes(4096))
				c.reset()
		grown = server.rss() - memory
		check(grown < 16 * MiB, f"{grown >> 20} MiB more memory")
	gone(server, base)


def garbage(server):
	"""Random bytes in every state end in an error or a close."""
	dice = random.Random(20809)
	starts = (b"", b"\0\0\0\3", b"\0\0\0\3" + IHAVEOPT,
		b"\0\0\0\3" + IHAVEOPT + b"\0\0\0\7",
		b"\0\0\0\3" + option_bytes(GO, info_data("ro")),
		b"\0\0\0\3" + option_bytes(GO, info_data("ro"))
			+ (REQUEST).to_bytes(4, "big"))
	base = calm(server)
	with Witness(server):
		for n in range(600):
			c = server.connect()
			c.push(dice.choice(starts)
				+ dice.randbytes(dice.randrange(2000)))
			if n % 3 == 0:
				c.sock.settimeout(0.01)
				try:
					while c.sock.recv(65536):
						pass
				except OSError:
					pass
			(c.reset if n % 2 else c.close)()
	gone(server, base)


def mutations(server):
	"""A good session with a few bytes changed never harms the daemon."""
	dice = random.Random(10809)
	session = (b"\0\0\0\3" + option_bytes(LIST)
		+ option_bytes(INFO, info_data("odd", [0, 1, 2, 3]))
		+ option_bytes(NO_OPTION, b"data")
		+ option_bytes(GO, info_data("ro"))
		+ b"".join(request_bytes(n % 12, 512 * n, 512, 1 << n % 8)
			for n in range(40)))
	base = calm(server)
	with Witness(server):
		for n in range(600):
			data = bytearray(session)
			for _ in range(dice.randrange(1, 6)):
				data[dice.randrange(len(data))] = (
					dice.randrange(256))
			c = server.connect()
			for at in range(0, len(data), 97):
				if not c.push(bytes(data[at:at + 97])):
					break
			(c.reset if n % 2 else c.close)()
	gone(server, base)


PAST_END = {READ: EINVAL, WRITE: ENOSPC, CACHE: EINVAL}


def any_request(dice, cookie):
	"""(command, offset, length, payload, error), all in nobody's way."""
	kind = dice.choice((READ, READ, READ, WRITE, FLUSH, CACHE, 99))
	length = dice.choice((1, 511, 4096, 30000, 70001, 300000, 900000))
	if kind in (FLUSH, 99):
		return kind, 0, 0, b"", EINVAL if kind == 99 else 0
	at, error = dice.randrange(SACRED - length), 0
	if kind == WRITE:
		at, length = 2 * MiB + 16384 * cookie, length % 16384
	if dice.randrange(20) == 0:
		at, error = 1 << 62, PAST_END[kind]
	payload = dice.randbytes(length) if kind == WRITE else b""
	return kind, at, length, payload, error


def all_at_once(server):
	"""800 requests of all kinds and sizes in flight are each answered
	exactly."""
	dice = random.Random(809)
	todo = {n: any_request(dice, n) for n in range(800)}
	written = [r for r in todo.values() if r[0] == WRITE and r[4] == 0]
	stream = b"".join(request_bytes(kind, at, length, 0, n) + payload
		for n, (kind, at, length, payload, _) in todo.items())
	with server.go(timeout=30) as c:
		sender = threading.Thread(target=c.push, args=(stream,))
		sender.start()
		while todo:
			got, cookie = c.simple()
			check(cookie in todo, f"a reply with the cookie "
				f"{cookie}, which nobody waits for")
			kind, at, length, _, error = todo.pop(cookie)
			equal(f"error of command {kind} of {length} at {at}",
				got, error)
			if kind == READ and got == 0:
				equal(f"{length} bytes at {at}", c.recv(length,
					"data"), pattern(at, length))
		sender.join()
		c.serving()
		for _, at, length, payload, _ in written:
			equal(f"what was written at {at}", c.read(at, length),
				payload)


def many_options(server):
	"""Options without end are ended: 64 of them, 128 KiB in all."""
	base = calm(server)
	with server.hello() as c:
		answered = 0
		try:
			for _ in range(1000):
				c.refused(ERR_UNSUP, NO_OPTION)
				answered += 1
		except Closed:
			pass
		check(20 <= answered < 1000, f"{answered} options were answered")
	with server.hello() as c:
		sent = 0
		piece = option_bytes(NO_OPTION, bytes(32 * KiB))
		while sent < 4 * MiB and c.push(piece):
			sent += len(piece)
			time.sleep(0.01)
		check(sent < 4 * MiB, f"{sent >> 20} MiB of options were taken")
	gone(server, base)


def option_flood(server):
	"""LIST again and again without reading the answers costs no memory."""
	base, memory = calm(server), server.rss()
	clients = [server.hello() for _ in range(8)]
	with Witness(server):
		for c in clients:
			c.sock.settimeout(0.5)
			c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
				4096)
			try:
				c.push(option_bytes(LIST) * 60)
			except Fail:
				pass		# it takes no more: very well
		time.sleep(1)
		grown = server.rss() - memory
		check(grown < 16 * MiB, f"{grown >> 20} MiB more memory")
	for c in clients:
		c.close()
	gone(server, base)


def slow_readers(server):
	"""Queues full of replies that nobody reads: memory stays bounded.

	max_queued=BYTES: the daemon's setting."""
	limit = 16 * int(server.option("max_queued"))
	base, memory = calm(server), server.rss()
	clients = [server.go("big", timeout=10) for _ in range(16)]
	with Witness(server):
		for n, c in enumerate(clients):
			fill(c, MiB if n % 2 else 128 * KiB)
		peak, end = 0, time.monotonic() + 3
		while time.monotonic() < end:
			peak = max(peak, server.rss() - memory)
			time.sleep(0.05)
	check(peak < limit + 32 * MiB, f"{peak >> 20} MiB more memory for "
		f"{len(clients)} slow readers; their queues together may hold "
		f"{limit >> 20} MiB")
	# They are slow, not lost: one of them reads on, and gets it all.
	c = clients.pop()
	for _ in range(32):
		error, _cookie = c.simple()
		equal("the error", error, 0)
		check(c.recv(MiB, "data") == bytes(MiB), "the data differs")
	c.close()
	for n, c in enumerate(clients):
		(c.reset if n % 2 else c.close)()
	gone(server, base)


def fill(c, length):
	"""4096 reads, or as many as the server takes; nothing is read."""
	data = b"".join(request_bytes(READ, n % 1024 * MiB, length, cookie=n)
		for n in range(4096))
	c.sock.setblocking(False)
	try:
		for _ in range(20):
			data = data[c.sock.send(data):]
			if not data:
				break
	except BlockingIOError:
		pass
	c.sock.settimeout(c.timeout)


def slow_writers(server):
	"""WRITEs that stop in their payload hold no memory and no one up."""
	base, memory = calm(server), server.rss()
	clients = [server.go("big") for _ in range(64)]
	with Witness(server):
		for c in clients:
			c.request(WRITE, 0, 32 * MiB)
			c.push(bytes(200 * KiB))
		time.sleep(1)
		grown = server.rss() - memory
		check(grown < 64 * MiB, f"{grown >> 20} MiB more memory for "
			f"{len(clients)} writers that stopped")
	for n, c in enumerate(clients):
		(c.reset if n % 2 else c.close)()
	gone(server, base)


def flood(server):
	"""100,000 connections opened and dropped, by FIN and by RST.

	count=N: how many."""
	count = int(server.option("count", "100000"))
	base, memory = calm(server), server.rss()
	per = count // 4
	with Witness(server):
		workers = []
		for n in range(4):
			pid = os.fork()
			if pid == 0:
				os._exit(drop_many(server.address, per, n))
			workers.append(pid)
		for pid in workers:
			_, status = os.waitpid(pid, 0)
			equal("the exit status of a client", status, 0)
	grown = server.rss() - memory
	check(grown < 32 * MiB, f"{grown >> 20} MiB more memory after "
		f"{count} connections")
	gone(server, base)


def drop_many(address, count, worker):
	"""In a process of its own; an exit status.  Every address of 127/8 is
	ours, so that no port runs out, and no cap per address is met."""
	partial = (b"", HANDSHAKE[:3], HANDSHAKE[:4], HANDSHAKE[:15],
		HANDSHAKE)
	end = time.monotonic() + 120
	for n in range(count):
		if time.monotonic() > end:
			print(f"{n} connections took more than 120 s")
			return 1
		with socket.socket() as s:
			s.settimeout(20)
			try:
				s.bind((f"127.{worker + 1}.{n // 250 % 250}."
					f"{n % 250 + 1}", 0))
				s.connect(address)
			except OSError as e:
				print(f"connection {n}: {e}")
				return 1
			if n % 10:
				s.setsockopt(socket.SOL_SOCKET,
					socket.SO_LINGER, LINGER_RST)
			try:
				if n % 16 == 0:
					s.recv(18)	# it has accepted us
				if n % 3 == 0:
					s.send(partial[n % len(partial)])
				if n % 160 == 0:
					s.send(HANDSHAKE)
					s.recv(40)	# it has answered
			except ConnectionError:
				pass		# shown the door at once
	return 0


def too_many(server):
	"""More connections than max-connections are turned away, not the
	rest.

	max=N: the daemon's setting."""
	limit = int(server.option("max"))
	base = calm(server)
	with Witness(server):
		crowd = [server.connect() for _ in range(3)]
		served = 1 + len(crowd)
		for _ in range(limit + 20):
			c = server.connect()
			crowd.append(c)
			try:
				c.hello().go("ro")
				served += 1
			except Closed:
				pass
		check(limit - 2 <= served <= limit, f"{served} of "
			f"{len(crowd)} were served; the limit is {limit}")
		for c in crowd:
			c.close()
	gone(server, base)


def greeted(c):
	"""Whether the server speaks to us, rather than close or wait."""
	ready, _, _ = select.select([c.sock], [], [], 0.3)
	try:
		return bool(ready and c.sock.recv(18))
	except ConnectionError:
		return False


def silent_strangers(server):
	"""Those who connect and say nothing keep nobody out.

	max=N: the daemon's max-connections, with a long handshake-timeout."""
	limit = int(server.option("max"))
	base = calm(server)
	with Witness(server):
		crowd = []
		for n in range(4 * limit):
			crowd.append(server.connect())
			time.sleep(0.02)
			if n % 10 == 0:
				server.alive()
		ended = sum(1 for c in crowd if c.is_closed())
		check(ended >= 3 * limit, f"{ended} of {len(crowd)} silent "
			"clients were disconnected")
		for c in crowd:
			c.close()
	gone(server, base)


def many_together(server):
	"""Clients that come at the same moment are all served, although they
	are more than max-handshakes.

	handshakes=N: the daemon's setting."""
	base = calm(server)
	crowd = [server.connect() for _ in range(
		4 * int(server.option("handshakes")))]
	for c in crowd:
		c.hello().go("ro").serving()
	for c in crowd:
		c.close()
	gone(server, base)


def per_address(server):
	"""One address gets no more than max-per-address; others do.

	max=N: the daemon's setting."""
	limit = int(server.option("max"))
	base = calm(server)
	crowd = [server.connect(source=("127.0.0.2", 0))
		for _ in range(limit + 10)]
	served = sum(greeted(c) for c in crowd)
	equal("how many of one address are served", served, limit)
	server.alive()
	for c in crowd:
		c.close()
	until("a place for that address", lambda: greeted(server.connect(
		source=("127.0.0.2", 0))))
	for c in server.conns:
		c.close()
	gone(server, base)


CASES = (byte_at_a_time, ends_everywhere, huge_lengths, garbage, mutations,
	all_at_once, many_options, option_flood, slow_readers, slow_writers, flood,
	too_many, per_address, silent_strangers, many_together)
