"""
access: who is let in, who is turned away, and what that costs.  Run as cases
of nbdraw.py.
"""

from nbdraw import *


def strangers(server):
	"""Handshakes that are none, 100 each of three kinds, all ended."""
	for _ in range(100):
		with server.connect() as c:
			c.greeting()
			c.push(b"\xff\xff\xff\xff")
			c.closed(what="after client flags of nobody")
		with server.hello() as c:
			c.push(b"GET / HTTP/1.1\r\n\r\n")
			c.closed(what="after something else than an option")
		with server.hello() as c:
			c.refused(ERR_UNKNOWN, GO, info_data("no-such-export"))


def come_and_go(server):
	"""700 clients that enter an export and leave it."""
	for _ in range(700):
		server.go("ro").disc()


CASES = (strangers, come_and_go)
