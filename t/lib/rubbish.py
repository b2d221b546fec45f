"""
rubbish: requests that no client should send, made from a seed; each one gets a
clean refusal, and none an error of the server.

	rubbish.py PORT PASSWORD SEED COUNT

Nothing of it could be done: the only image that is ever named is not there.
"""

import json
import random
import re
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

PORT, PASSWORD, SEED, COUNT = (int(sys.argv[1]), sys.argv[2].encode(),
	int(sys.argv[3]), int(sys.argv[4]))
BEARER = (b"Authorization", b"Bearer " + PASSWORD)
JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"
NOWHERE = b"/nowhere/that/is/a.img"
POLICY = "default-src 'none'"
# What the web server says by itself.
PLAIN = {400, 403, 404, 405, 408, 411, 413, 414, 417, 431, 501, 505}


class Rubbish:
	def __init__(self, what, method, path, headers=(), body=b"", length=None,
	    version=b"HTTP/1.1", host=b"127.0.0.1", may=()):
		self.what, self.method, self.path = what, method, path
		lines = [method + b" " + path + b" " + version]
		if host is not None:
			lines.append(b"Host: " + host)
		lines += [k + b": " + v for k, v in headers]
		if length is None and (body or method in (b"POST", b"PUT")):
			length = (b"%d" % len(body),)
		lines += [b"Content-Length: " + n for n in length or ()]
		lines.append(b"Connection: close")
		self.bytes = b"\r\n".join(lines) + b"\r\n\r\n" + body
		self.may = may  # statuses besides 4xx


def exchange(data):
	"""All that is answered."""
	with socket.create_connection(("127.0.0.1", PORT), 20) as s:
		answer = b""
		try:
			s.sendall(data)
			s.shutdown(socket.SHUT_WR)
			while block := s.recv(65536):
				answer += block
		except ConnectionError:
			pass
		return answer


def judge(r):
	answer = exchange(r.bytes)
	if not answer:
		return 0  # cut off by the web server
	head, _, body = answer.partition(b"\r\n\r\n")
	lines = head.decode("latin-1").split("\r\n")
	status = int(lines[0].split()[1])
	headers = {}
	for line in lines[1:]:
		key, _, value = line.partition(":")
		assert key.lower() not in headers or key.lower() == "set-cookie", line
		headers[key.lower()] = value.strip()
	if "referrer-policy" in headers:
		ours(r, status, headers, body)
	else:
		assert status in PLAIN, (r.what, r.bytes[:300], answer[:500])
	return status


def ours(r, status, headers, body):
	where = (r.what, r.bytes[:300], status, headers, body[:500])
	assert 400 <= status < 500 or status in r.may, where
	assert headers["x-content-type-options"] == "nosniff", where
	assert "cache-control" in headers, where
	assert headers["content-security-policy"].startswith(POLICY), where
	assert "unsafe" not in headers["content-security-policy"], where
	assert "set-cookie" not in headers or r.path.endswith(b"out"), where
	if status != 204 and r.method != b"HEAD":
		assert int(headers["content-length"]) == len(body), where
	if status == 303:
		assert re.fullmatch("/(ui/login)?", headers["location"]), where
	if status == 405:
		assert headers["allow"], where
	if headers.get("content-type") == "application/json" and body:
		said = json.loads(body)
		if status >= 400:
			assert said["error"] == said["detail"] != "", where
	elif body and headers["content-type"].startswith("text/html"):
		text = body.decode("utf-8")
		assert "<script>alert" not in text and "\0" not in text, where


# --- bodies --------------------------------------------------------------------


def post(what, body, kind=JSON, path=b"/exports", **more):
	return Rubbish(what, b"POST", path, [(b"Content-Type", kind), BEARER],
		body, **more)


def members(**more):
	good = {"name": "x", "file": NOWHERE.decode(), "readonly": True}
	good.update(more)
	return json.dumps(good).encode()


def json_bodies():
	odd = [None, True, 5, -1, 1e308, [], {}, [[]], "", "\0", "\ud800", "a\nb",
		"\x7f", "x" * 60000, "../x", "..", ".", "x/y", "x y", "%2e%2e", "ä",
		"a" * 65, "-x", "<script>alert(1)</script>", "'; DROP", "${x}"]
	for value in odd:
		yield "name", members(name=value)
		yield "file", members(file=value)
		yield "src_url", members(src_url=value)
		if not isinstance(value, bool) and value is not None:
			yield "readonly", members(readonly=value)
	yield "format", members(file="", src_url="http://127.0.0.1:1/a", format="exe")
	yield "sha256", members(file="", src_url="http://127.0.0.1:1/a", sha256="0f" * 31)
	yield "sha512", members(file="", src_url="http://127.0.0.1:1/a", sha512=[])
	yield "both", members(src_url="http://127.0.0.1:1/a")
	good = members()
	for text in (b"", b" ", b"null", b"true", b"1", b'"x"', b"[]", b"[" + good + b"]",
	    b"NaN", b"{", b"}", b'{"name"}', b'{"name":}', b"{'name': 'x'}", b"\xff\xfe",
	    b"\xef\xbb\xbf" + good, good.decode().encode("utf-16"), good + b"x",
	    good + good, good[:-1], good + b"\0", b"\0" + good,
	    b"[" * 60000, b'{"a":' * 10000, b'{"a":' * 10000 + b"1" + b"}" * 10000,
	    b"[" * 1000 + b"]" * 1000, b"9" * 60000, b"-" * 100, b"1e999999999",
	    b'{"name": 1' + b"0" * 400 + b"}", b'{"name": "\\u00"}',
	    b'{"name": "\\x41"}', b'{"name": "a\tb"}', b'{"name": "\xc0\xaf"}',
	    b'{"name": "\xed\xa0\x80"}', b'{"name": "\xf5\x80\x80\x80"}',
	    b'{"name": "x", "name": "y", "file": "' + NOWHERE + b'"}',
	    b'{"": 1, "": 2}', b'{"\\u0000name": "x"}', b" " * 65537,
	    b" " * 65535 + b"{}", b" " * 200000):
		yield "json", text


def form_bodies():
	base = b"name=x&file=" + NOWHERE
	for text in (b"", b"&", b"=", b"&&==&", b"name", b"name=", b"=x", b"name=%",
	    b"name=%0", b"name=%zz&file=/", b"name=%00", b"name=%ff", b"name=x%00y",
	    b"name=%c0%af", b"name=\xff", b"name=\0", b"name=+", b"name=..%2f..%2fx",
	    b"name=<script>alert(1)</script>", base + b"&readonly=maybe",
	    base + b"&src_url=http://127.0.0.1:1/", base + b"&name=y",
	    b"&".join(b"f%d=%d" % (n, n) for n in range(40)), b"a=b&" * 9000,
	    b"%" * 60000, b"name=" + b"%41" * 20000, b"x" * 65537, base[:-3] + b"%"):
		yield "form", text


def mutated(rng, body):
	body = bytearray(body)
	for _ in range(rng.randint(1, 6)):
		at = rng.randrange(len(body) + 1)
		what = rng.randrange(4)
		if what == 0 and at < len(body):
			body[at] = rng.randrange(256)
		elif what == 1:
			del body[at:at + rng.randint(1, 9)]
		elif what == 2:
			body[at:at] = rng.randbytes(5)
		else:
			body[at:at] = rng.choice((b"%00", b"\0", b"{[", b"\xff\xfe", b"&&=",
				b"../", b"\\u0000", b"1e999", b"%", b'"', b"\\", b"}"))
	return bytes(body)


# --- all but bodies --------------------------------------------------------------


def paths():
	for path in (b"", b"//", b"/.", b"/..", b"/%2e%2e/%2e%2e/etc/passwd", b"/%",
	    b"/%zz", b"/%00", b"/exports%00", b"/export/%00", b"/export/%ff%fe",
	    b"/export/..", b"/export/%2e%2e", b"/export/x%2f..%2fy", b"/export/a%20b",
	    b"/export/" + b"a" * 65, b"/export/" + b"a" * 5000, b"/" * 5000,
	    b"/" + b"a/" * 2000, b"/export/x/y", b"/exports/", b"/exports;x",
	    b"/export/%0d%0aSet-Cookie:%20a=b", b"/export/\xff\xfe", b"/export/a\x01b",
	    b"/artifacts/x/../../events.jsonl", b"/artifacts/x/vmlinuz/",
	    b"/artifacts/%2e%2e/vmlinuz", b"/artifacts/x/%76mlinu%7a", b"/ipxe/..",
	    b"/ipxe/x", b"/assets/../nbdmux.cgi", b"/assets/%2e%2e/x", b"/assets/",
	    b"/nbdmux.cgi", b"/ui", b"/ui/", b"/ui/login/x", b"/admin/create_export/",
	    b"/admin/delete_export/", b"/events?limit=x", b"/events?limit=-1",
	    b"/events?limit=" + b"9" * 400, b"/events?since=%00", b"/events?since=%zz",
	    b"/events?since=99999999999999999999d", b"/events?a=%ff", b"/events?" +
	    b"a&" * 40, b"http://127.0.0.1/nothing", b"x", b"*"):
		yield path


def requests(rng):
	for path in paths():
		# Some are, when the web server has read them, the address "/".
		yield Rubbish("path", b"GET", path, may={303})
		yield Rubbish("path", b"DELETE", path, [BEARER])
	for method in (b"PUT", b"PATCH", b"TRACE", b"CONNECT", b"PROPFIND", b"get",
	    b"G\0T", b"X" * 300, b"\xff"):
		yield Rubbish("method", method, b"/exports", [BEARER])
	for what, body in json_bodies():
		yield post(what, body)
	for what, body in form_bodies():
		yield post(what, body, FORM, b"/admin/create_export")
	for kind in (b"", b"text/plain", b"application/jsonx", b"application", b"/",
	    b"multipart/form-data; boundary=x", b"\xff", b"a" * 4000, FORM,
	    b"application/json; charset=utf-16"):
		yield post("type", members(), kind)
	for length in (b"-1", b"+5", b"abc", b"1e3", b"0x10", b"5, 5", b"", b" ",
	    b"9" * 30, b"18446744073709551616", b"70000", b"1"):
		yield post("length", members(), length=(length,))
	yield post("lengths", members(), length=(b"5", b"6"))
	for coding, body in ((b"chunked", b"zz\r\n"), (b"chunked", b"5\r\nab"),
	    (b"chunked", b"ffffffffffffffff\r\nx"), (b"gzip", b"x"),
	    (b"chunked, chunked", b"0\r\n\r\n"), (b"\x0bchunked", b"0\r\n\r\n")):
		yield Rubbish("coding", b"POST", b"/exports", [(b"Content-Type", JSON),
			BEARER, (b"Transfer-Encoding", coding)], body, length=())
	for header in ((b"Cookie", b"nbdmux-token=" + b"a" * 7000), (b"Cookie", b";;==;"),
	    (b"Cookie", b"nbdmux-token=\xff\x80"), (b"Cookie", b"nbdmux-token=1..;"),
	    (b"Cookie", b"nbdmux-token=1.99999999999." + b"0" * 64),
	    (b"Authorization", b""), (b"Authorization", b"Bearer"),
	    (b"Authorization", b"Basic \xff"), (b"Origin", b"http://evil.example"),
	    (b"Origin", b"\xff"), (b"Sec-Fetch-Site", b"cross-site"),
	    (b"X" * 9000, b"x"), (b"X", b"\0"), (b"No colon \x01", b"x"),
	    (b" folded", b"x"), (b"Expect", b"300-nothing"), (b"Range", b"bytes=-9"),
	    (b"Content-Encoding", b"gzip")):
		yield Rubbish("header", b"POST", b"/exports", [(b"Content-Type", JSON),
			header], b"{}")
	for host in (None, b"", b"a b", b"\xff", b"[::1", b"a:99999999", b"a" * 5000,
	    b"<script>alert(1)</script>", b"a@b", b"../x"):
		yield Rubbish("host", b"GET", b"/ipxe/x", host=host)
	for version in (b"HTTP/9.9", b"HTTP/1.", b"HTTP", b"", b"\xff"):
		yield Rubbish("version", b"GET", b"/nothing", version=version)
	bases = ((b"/exports", JSON, members()),
		(b"/admin/create_export", FORM, b"name=x&readonly=no&file=" + NOWHERE))
	for _ in range(COUNT):
		path, kind, body = rng.choice(bases)
		yield post("mutated", mutated(rng, body), kind, path)


# Without the password, and last: who guesses has to wait.
def guesses(rng):
	for what, body in form_bodies():
		yield Rubbish(what, b"POST", b"/ui/login", [(b"Content-Type", FORM)], body)
	for n in range(20):
		yield Rubbish("guess", b"POST", b"/ui/login", [(b"Content-Type", FORM)],
			b"password=" + (mutated(rng, b"friend") if n > 5 else b"%d" % n))


def main():
	rng, seen = random.Random(SEED), {}
	with ThreadPoolExecutor(4) as pool:
		for part in (requests(rng), guesses(rng)):
			for status in pool.map(judge, part):
				seen[status] = seen.get(status, 0) + 1
	print(dict(sorted(seen.items())))
	assert seen[400] > 100, seen
	for status in (401, 403, 404, 405, 413, 415, 429):
		assert seen.get(status), (status, seen)


main()
