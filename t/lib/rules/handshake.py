"""A: the greeting and the client's flags.  B: framing of options."""

import ctypes
import errno
import os
import signal
import time

from nbdraw import *


# --- A. Connection and initial handshake -------------------------------------

def HS_01(server):
	"""The greeting is 18 bytes, and nothing follows unasked."""
	with server.connect() as c:
		flags = c.greeting()
		check(flags & FIXED_NEWSTYLE, f"flags {flags:#06x} lack "
			"FIXED_NEWSTYLE")
		c.quiet(0.3, "after the greeting")


def HS_02(server):
	"""No handshake flags but the two that are defined are set."""
	with server.connect() as c:
		flags = c.greeting()
		equal("the unknown handshake flags", flags & ~3, 0)


def HS_03(server):
	"""NO_ZEROES is offered."""
	with server.connect() as c:
		flags = c.greeting()
		check(flags & NO_ZEROES, f"flags {flags:#06x} lack NO_ZEROES")


def HS_04(server):
	"""An unknown client flag ends the connection without a byte."""
	for bit in range(2, 32):
		with server.hello(1 << bit | FIXED_NEWSTYLE) as c:
			c.closed(what=f"after client flag bit {bit}")


def HS_05(server):
	"""NO_ZEROES that was not offered ends the connection."""
	with server.connect() as c:
		equal("the handshake flags", c.greeting(), FIXED_NEWSTYLE)
		c.send(b"\0\0\0\3")
		c.closed(what="after NO_ZEROES that was not offered")
	with server.hello(FIXED_NEWSTYLE) as c:
		c.go()
		c.serving()


def HS_06(server):
	"""Plain newstyle: EXPORT_NAME gives 10 + 124 bytes, then READ works."""
	with server.hello(0) as c:
		c.export_name("disk", 124)
		equal("the size", c.size, SIZES["disk"])
		equal("the data", c.read(4096, 512), pattern(4096, 512))


def HS_07(server):
	"""Plain newstyle refuses other options or closes; never TLS."""
	for flags in (0, NO_ZEROES):
		for option in (LIST, INFO, GO, STARTTLS):
			data = info_data("disk") if option in (INFO, GO) else b""
			with server.hello(flags) as c:
				c.option(option, data)
				try:
					kind = c.reply().type
				except Closed:
					continue
				check(kind & ERROR_BIT, f"option {option} "
					f"with client flags {flags} got "
					f"{reply_name(kind)}")
	server.alive()


def HS_08(server):
	"""The greeting is never the oldstyle one, on any listener."""
	addresses = [server.address]
	addresses += [p for p in [server.option("unix", "")] if p]
	for address in addresses:
		with server.connect(address=address) as c:
			data = c.recv(16, "greeting")
			check(data[8:] != OLDSTYLE, f"oldstyle on {address}")
			equal("the second magic", data[8:], IHAVEOPT)


def HS_10(server):
	"""A handshake of one byte per segment succeeds like a whole one."""
	with server.connect() as c:
		c.greeting()
		c.dribble(b"\0\0\0\3" + option_bytes(INFO, info_data("disk")))
		equal("the reply to INFO", c.replies(INFO)[-1].type, ACK)
		c.dribble(option_bytes(GO, info_data("disk")))
		equal("the reply to GO", c.replies(GO)[-1].type, ACK)
		c.serving()


def HS_11(server):
	"""Client flags and the first option may share a segment."""
	with server.connect() as c:
		c.greeting()
		c.send(b"\0\0\0\3" + option_bytes(GO, info_data("disk")))
		equal("the reply to GO", c.replies(GO)[-1].type, ACK)
		c.serving()


def HS_12(server):
	"""FIN and RST at every byte of the handshake harm nobody else."""
	sent = b"\0\0\0\3" + option_bytes(INFO, info_data("disk", [1, 3]))
	server.alive()
	base = server.fds()
	for end in (Conn.close, Conn.reset):
		for received in range(19):
			c = server.connect()
			c.recv(received, "greeting")
			end(c)
		for n in range(len(sent) + 1):
			c = server.connect()
			c.greeting()
			c.push(sent[:n])
			end(c)
		server.alive()
	server.settled(base)


def HS_13(server):
	"""A silent or slow handshake is dropped; others are not delayed.

	handshake_timeout=S: the daemon's setting, in seconds."""
	limit = float(server.option("handshake_timeout"))
	silent, slow = server.connect(), server.connect()
	slow.greeting()
	slow_bytes = iter(b"\0\0\0\3" + option_bytes(LIST) * 100)
	start = time.monotonic()
	sending, longest = True, 0.0
	while time.monotonic() < start + limit + 2:
		if sending:
			sending = slow.push(bytes([next(slow_bytes)]))
		before = time.monotonic()
		server.alive()
		longest = max(longest, time.monotonic() - before)
		if time.monotonic() < start + limit - 0.5:
			check(sending, "dropped before its time")
		time.sleep(limit / 20)
	check(longest < 1, f"another client waited {longest:.1f} s meanwhile")
	check(not sending, f"a byte now and then held the handshake open for "
		f"more than {limit:g} s")
	silent.greeting()
	silent.closed(0.1, f"though silent for {limit + 2:g} s")


def HS_14(server):
	"""TCP_NODELAY is set, and no round trip waits for a delayed ACK."""
	with server.go() as c:
		times = []
		for _ in range(100):
			start = time.monotonic()
			c.read(0, 4096)
			times.append(time.monotonic() - start)
		slow = sum(t > 0.035 for t in times)
		check(slow < 10, f"{slow} of 100 reads of 4 KiB took more than "
			f"35 ms, the longest {max(times) * 1e3:.0f} ms")
		with their_socket(server, c) as s:
			check(s.getsockopt(socket.IPPROTO_TCP,
				socket.TCP_NODELAY), "TCP_NODELAY is not set")


def their_socket(server, c):
	"""The daemon's end of our connection, by pidfd_getfd(2)."""
	pidfd_getfd = 438		# the same on every architecture
	libc = ctypes.CDLL(None, use_errno=True)
	pidfd = os.pidfd_open(server.pid)
	try:
		for name in os.listdir(f"/proc/{server.pid}/fd"):
			fd = libc.syscall(pidfd_getfd, pidfd, int(name), 0)
			if fd == -1 and ctypes.get_errno() == errno.EPERM:
				raise Skip("not allowed to look at the daemon's "
					"sockets; its round trips are quick")
			if fd == -1:
				continue
			if is_peer(fd, c):
				return socket.socket(fileno=fd)
			os.close(fd)
	finally:
		os.close(pidfd)
	raise Fail("the daemon has no socket of ours")


def is_peer(fd, c):
	try:
		with socket.socket(fileno=os.dup(fd)) as s:
			return s.getpeername() == c.sock.getsockname()
	except OSError:
		return False


# --- B. Option framing and haggling ------------------------------------------

# Known to the protocol, not to us: NBD_OPT_PEEK_EXPORT was withdrawn from it.
NOT_IMPLEMENTED = (4,)


def OF_01(server):
	"""A wrong option magic ends the connection."""
	for magic in (bytes(8), OPT_REPLY.to_bytes(8, "big")):
		with server.hello() as c:
			c.option(LIST, magic=magic)
			c.closed(what=f"after the magic {magic.hex()}")


def OF_02(server):
	"""Every reply has the reply magic and echoes the option."""
	with server.hello() as c:
		for option in (NO_OPTION, 0xFFFFFFFF):
			c.refused(ERR_UNSUP, option)
		c.list()
		c.refused(ERR_UNKNOWN, INFO, info_data("nosuch"))
		c.accepted("disk")


def OF_03(server):
	"""An unknown option is refused and its data is skipped."""
	for length in (0, 4, 65536):
		with server.hello() as c:
			c.refused(ERR_UNSUP, NO_OPTION, b"\xAA" * length)
			c.list()
			equal("the reply to ABORT", c.final(ABORT), ACK)


def OF_04(server):
	"""PEEK_EXPORT and option 0 are unknown."""
	with server.hello() as c:
		for option in (PEEK_EXPORT, 0):
			c.refused(ERR_UNSUP, option, b"disk")
			c.haggling()


def OF_05(server):
	"""Options that are not implemented are refused, data skipped."""
	with server.hello() as c:
		for option in NOT_IMPLEMENTED:
			c.refused(ERR_UNSUP, option)
			c.refused(ERR_UNSUP, option, b"IHAVEOPT" * 10)
			c.haggling()


def OF_06(server):
	"""Endless data for an unknown option costs the server no memory."""
	server.alive()
	base = server.rss()
	with server.hello() as c:
		c.option(NO_OPTION, length=0xFFFFFFFF)
		piece, sent = bytes(64 * KiB), 0
		while sent < 64 * MiB and c.push(piece):
			sent += len(piece)
		grown = server.rss() - base
		check(grown < MiB, f"{grown >> 10} KiB more memory after "
			f"{sent >> 10} KiB of data")
	server.alive()


def OF_07(server):
	"""The text of every error is UTF-8 of at most 4096 bytes."""
	with server.hello() as c:
		for option, data in (
		    (NO_OPTION, b""),
		    (NO_OPTION, b"\xFF\0\xFE" * 100),
		    (LIST, b"\xFF\0"),
		    (INFO, b""),
		    (INFO, info_data(b"\xFF\xFE\xFD")),
		    (GO, info_data(b"\x1B[31m\0")),
		    (GO, info_data(b"%s%n" * 1000)),
		    (GO, info_data("é" * 2048)),
		    (INFO, info_data("x" + "é" * 2047)),
		    (INFO, info_data("nosuch", namelen=4000))):
			check(c.final(option, data) & ERROR_BIT,
				f"option {option:#x} was accepted")
		c.haggling()


def OF_08(server):
	"""Twenty unwelcome options get twenty errors, not a close."""
	with server.hello() as c:
		for n in range(20):
			c.refused(ERR_UNSUP, NO_OPTION + n)
		c.haggling()


def OF_09(server):
	"""While the server shuts down options get ERR_SHUTDOWN, ABORT an ACK.

	busy=EXPORT: reading it takes a second or more."""
	haggling = server.hello()
	haggling.haggling()
	busy = server.go(server.option("busy"))
	cookie = busy.request(READ, 0, 4096)
	time.sleep(0.2)
	os.kill(server.pid, signal.SIGTERM)
	time.sleep(0.2)
	haggling.refused(ERR_SHUTDOWN, LIST)
	haggling.refused(ERR_SHUTDOWN, GO, info_data("disk"))
	haggling.refused(ERR_SHUTDOWN, NO_OPTION, b"data")
	equal("the reply to ABORT", haggling.final(ABORT), ACK)
	error_in("the request in flight", busy.simple(cookie), (0, ESHUTDOWN))


def OF_11(server):
	"""An option that the configuration forbids gets ERR_POLICY."""
	with server.hello() as c:
		c.refused(ERR_POLICY, LIST)
		c.haggling()


def OF_12(server):
	"""Options sent ahead of their time are answered one after the other."""
	with server.hello() as c:
		wanted = (LIST, INFO, NO_OPTION, LIST, ABORT)
		c.send(b"".join(option_bytes(o,
			info_data("disk") if o == INFO else b"")
			for o in wanted))
		for option in wanted:
			c.replies(option)
		c.fin("after ABORT")
