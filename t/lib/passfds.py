#!/usr/bin/python3
"""
passfds: open descriptors and pass them on as systemd does (sd_listen_fds(3)).

	passfds.py [NAME=]WHAT ... -- COMMAND [ARGUMENT ...]

WHAT is tcp (IPv4 loopback, any port), dual (both families), unix:PATH (its
file is made anew), abstract:NAME, or something that cannot be listened on:
datagram, unbound (a socket that does not listen), file, closed (nothing at
all).  Names are passed on when one is given.
"""

import os
import socket
import sys
import tempfile


def listening(family, address):
	s = socket.socket(family)
	if family == socket.AF_INET6:
		s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
	s.bind(address)
	s.listen()
	return s


def make(what):
	kind, _, rest = what.partition(":")
	return {
		"tcp": lambda: listening(socket.AF_INET, ("127.0.0.1", 0)),
		"dual": lambda: listening(socket.AF_INET6, ("::", 0)),
		"unix": lambda: listening(socket.AF_UNIX, rest),
		"abstract": lambda: listening(socket.AF_UNIX, "\0" + rest),
		"datagram": lambda: socket.socket(socket.AF_UNIX,
			socket.SOCK_DGRAM),
		"unbound": lambda: socket.socket(),
		"file": tempfile.TemporaryFile,
		"closed": lambda: None,
	}[kind]()


def main(arguments):
	at = arguments.index("--")
	names, made = [], []
	for word in arguments[:at]:
		name, equals, what = word.partition("=")
		names.append(name if equals else "unknown")
		made.append(make(what if equals else word))
	# Out of the way of the numbers that they are to have.
	high = [f and os.dup2(f.fileno(), 100 + i) for i, f in enumerate(made)]
	os.closerange(3, 100)
	for i, fd in enumerate(high):
		if fd is not None:
			os.dup2(fd, 3 + i, inheritable=True)
	environ = {**os.environ, "LISTEN_PID": str(os.getpid()),
		"LISTEN_FDS": str(len(made))}
	if set(names) != {"unknown"}:
		environ["LISTEN_FDNAMES"] = ":".join(names)
	os.execvpe(arguments[at + 1], arguments[at + 1:], environ)


main(sys.argv[1:])
