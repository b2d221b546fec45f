"""nbdtls: TLS under an NBD connection, with Python's ssl."""

import os
import ssl
import struct
import warnings

from nbdconn import *

# Records of TLS that a server sends: ChangeCipherSpec, alert, handshake, data.
RECORDS = range(20, 24)

V10, V11 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def context(pki, who=None, low=V12, high=V13):
	"""A client that trusts our CA; who: the files of its certificate."""
	c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
	c.load_verify_locations(os.path.join(pki, "ca-cert.pem"))
	with warnings.catch_warnings():
		warnings.simplefilter("ignore")	# old versions are deprecated
		c.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
		c.maximum_version = high
		c.minimum_version = low
	if low < V12:
		c.set_ciphers("ALL:@SECLEVEL=0")
	if who is not None:
		c.load_cert_chain(os.path.join(pki, who + "-cert.pem"),
			os.path.join(pki, who + "-key.pem"))
	return c


def ask(c):
	"""STARTTLS, which must get an empty ACK."""
	r = c.ask(STARTTLS)
	equal("replies to STARTTLS", [(x.type, x.data) for x in r], [(ACK, b"")])


def wrap(c, ctx):
	"""Shake hands.  A FIN without close_notify is an error from now on."""
	c.sock = ctx.wrap_socket(c.sock, server_hostname="localhost",
		suppress_ragged_eofs=False)
	c.log.append(("tls", 0, c.sock.version().encode()))
	return c


def secure(server, ctx=None, **kw):
	"""A connection that haggles inside TLS."""
	c = server.hello(**kw)
	ask(c)
	return wrap(c, ctx or context(server.option("pki")))


def records(data):
	"""The types of the records in what the server sent."""
	types = []
	while data:
		check(len(data) >= 5 and data[0] in RECORDS and data[1] == 3,
			f"{data[:32].hex(' ')} is no record of TLS")
		length, = struct.unpack(">H", data[3:5])
		check(len(data) >= 5 + length, "half a record of TLS")
		types.append(data[0])
		data = data[5 + length:]
	return types


def rest(c):
	"""All that comes until the connection ends."""
	data = b""
	while True:
		try:
			piece = c.sock.recv(65536)
		except ConnectionError:
			piece = b""
		except TimeoutError:
			raise Fail("the connection was not closed") from None
		if not piece:
			return data
		data += piece


def handshake_fails(c, ctx):
	"""
	After the ACK: the handshake fails, and whatever the server says is TLS.
	In TLS 1.3 a client learns last whether its certificate was good.
	"""
	into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
	tls = ctx.wrap_bio(into, out, server_hostname="localhost")
	seen = b""
	shaken = False
	while True:
		try:
			if not shaken:
				tls.do_handshake()
				shaken = True
				tls.write(option_bytes(LIST))
			else:
				raise Fail("the handshake went well: "
					f"{tls.read(4096).hex(' ')}")
		except ssl.SSLWantReadError:
			pass
		except ssl.SSLError:
			break
		if not c.push(out.read()):
			break
		try:
			piece = c._some(65536)
		except TimeoutError:
			raise Fail("neither an answer nor an end") from None
		if not piece:
			break
		seen += piece
		into.write(piece)
	c.push(out.read())
	return records(seen + rest(c))
