"""
webserver: HTTP for tests of nbdmux-fetch, with what servers do and what they
do wrong.

	webserver.py DIR PORTFILE LOG [CERTIFICATE KEY]

serves DIR on a free port of 127.0.0.1, which is written into PORTFILE, and
logs a line "METHOD PATH STATUS RANGE BYTES" for each answer; with a certificate
over TLS.  DIR/.faults has
lines "PATH KEY[=VALUE]...", read for each request:

	cut=N        close the connection after N bytes of each body
	rate=N       bytes per second
	live         until the line is gone
	stall=N      after N bytes send nothing more
	claim=N      say that there are N bytes more than there are
	chunked      no Content-Length
	status=N     answer with that status, and nothing else
	redirect=URL
	as=N         answer as ever, but with that status
	norange      no ranges, and no mark of the version
	weak         a mark of the version that is good for no range
	careless     a time, but no mark, and any range of whatever is there now
	badrange     an answer to a range that begins elsewhere
	times=N      all this for the first N requests only
"""

import email.utils
import hashlib
import http.server
import os
import re
import ssl
import sys
import threading
import time

lock = threading.Lock()
counts = {}


def faults(path):
	try:
		with open(os.path.join(root, ".faults")) as f:
			lines = f.read().splitlines()
	except FileNotFoundError:
		return {}
	for line in lines:
		words = line.split()
		if not words or words[0] != path:
			continue
		found = dict((w.split("=", 1) + [""])[:2] for w in words[1:])
		with lock:
			counts[line] = counts.get(line, 0) + 1
			if counts[line] <= int(found.get("times", 1 << 30)):
				return found
	return {}


class Handler(http.server.BaseHTTPRequestHandler):
	protocol_version = "HTTP/1.1"
	wbufsize = 0

	def note(self, status, sent):
		with lock, open(log, "a") as f:
			f.write(f"{self.command} {self.path} {status} "
				f"{self.headers.get('Range', '-')} {sent}\n")

	def log_message(self, *args):
		pass

	def empty(self, status, *headers):
		self.send_response(status)
		for key, value in headers:
			self.send_header(key, value)
		self.send_header("Content-Length", "0")
		self.end_headers()
		self.note(status, 0)

	def version(self, file):
		st = os.stat(file)
		etag = hashlib.md5(f"{st.st_ino} {st.st_size} {st.st_mtime_ns}"
			.encode()).hexdigest()
		return f'"{etag}"', email.utils.formatdate(st.st_mtime, usegmt=True)

	def unchanged(self, etag, modified):
		if "If-None-Match" in self.headers:
			return self.headers["If-None-Match"] == etag
		return self.headers.get("If-Modified-Since") == modified

	def span(self, size, etag, modified, fault):
		"""The first byte of the answer, and its status."""
		m = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
		if not m or "norange" in fault:
			return 0, 200
		if "careless" not in fault and \
				self.headers.get("If-Range", etag) not in (etag, modified):
			return 0, 200
		return int(m[1]), 206 if int(m[1]) < size else 416

	def do_HEAD(self):
		self.do_GET()

	def do_GET(self):
		fault = faults(self.path)
		if "redirect" in fault:
			return self.empty(302, ("Location", fault["redirect"]))
		if "status" in fault:
			return self.empty(int(fault["status"]))
		file = os.path.join(root, self.path.lstrip("/"))
		if not os.path.isfile(file):
			return self.empty(404)
		etag, modified = self.version(file)
		if "weak" in fault:
			etag, modified = "W/" + etag, None
		if "norange" not in fault and self.unchanged(etag, modified):
			return self.empty(304, ("ETag", etag))
		size = os.path.getsize(file)
		start, status = self.span(size, etag, modified, fault)
		if status == 416:
			return self.empty(416, ("Content-Range", f"bytes */{size}"))
		if "badrange" in fault and status == 206:
			start += 1
		return self.answer(file, start, size, status, etag, modified, fault)

	def answer(self, file, start, size, status, etag, modified, fault):
		self.send_response(int(fault.get("as", status)))
		if status == 206:
			self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
		if "norange" not in fault:
			if "careless" not in fault:
				self.send_header("ETag", etag)
			if modified:
				self.send_header("Last-Modified", modified)
		chunked = "chunked" in fault
		if chunked:
			self.send_header("Transfer-Encoding", "chunked")
		else:
			length = size - start + int(fault.get("claim", 0))
			self.send_header("Content-Length", str(length))
		self.end_headers()
		sent = 0
		try:
			if self.command == "GET":
				sent = self.body(file, start, chunked, fault)
		except OSError:
			self.close_connection = True
		self.note(status, sent)

	def body(self, file, start, chunked, fault):
		cut = int(fault.get("cut", 1 << 60))
		stall = int(fault.get("stall", 1 << 60))
		rate = int(fault.get("rate", 0))
		piece = min(65536, max(rate // 20, 1)) if rate else 65536
		sent = 0
		with open(file, "rb") as f:
			f.seek(start)
			while True:
				data = f.read(min(piece, cut - sent, stall - sent))
				if data and chunked:
					self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
				elif data:
					self.wfile.write(data)
				sent += len(data)
				if sent >= stall:
					time.sleep(600)
				if sent >= cut or (not data and "claim" in fault):
					self.close_connection = True
					return sent
				if not data:
					break
				if rate:
					time.sleep(len(data) / rate)
				if "live" in fault and not faults(self.path):
					rate = 0
		if chunked:
			self.wfile.write(b"0\r\n\r\n")
		return sent


class Server(http.server.ThreadingHTTPServer):
	daemon_threads = True

	def handle_error(self, request, client_address):
		pass


root, portfile, log = sys.argv[1:4]
server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) > 4:
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	context.load_cert_chain(*sys.argv[4:6])
	# The handshake is the thread's, not the listener's.
	server.socket = context.wrap_socket(server.socket, server_side=True,
		do_handshake_on_connect=False)
with open(portfile + ".new", "w") as f:
	f.write(f"{server.server_address[1]}\n")
os.rename(portfile + ".new", portfile)
server.serve_forever()
