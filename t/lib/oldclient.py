# The way programs for the Python nbdmux talk: urllib, 2 and 5 seconds, the
# password as bearer, 404 on delete taken as success, "error" or "detail" read.
#
#	oldclient.py URL list|show NAME|add NAME FILE|fetch NAME SRC|delete NAME
#	oldclient.py URL health|boot NAME|watch|page NAME FILE
#
# The second line: what load balancers, machines that boot, monitors and people
# ask for.  $OLDCLIENT_LOG gets a line "METHOD PATH" for each request.
import http.cookiejar
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

PASSWORD = os.environ.get("NBDMUX_ADMIN_PASSWORD")


def note(method, path):
	if os.environ.get("OLDCLIENT_LOG"):
		with open(os.environ["OLDCLIENT_LOG"], "a") as log:
			print(method, path.partition("?")[0], file=log)


def call(method, path, payload=None, timeout=2, headers=()):
	headers = dict(headers)
	if payload is not None:
		headers["Content-Type"] = "application/json"
	if PASSWORD:
		headers["Authorization"] = "Bearer " + PASSWORD
	data = None if payload is None else json.dumps(payload).encode()
	request = urllib.request.Request(sys.argv[1] + path, data=data,
	    headers=headers, method=method)
	note(method, path)
	with urllib.request.urlopen(request, timeout=timeout) as answer:
		return answer.status, answer.read()


def delete(name):
	try:
		status, body = call("DELETE", "/exports/" + name, timeout=5)
	except urllib.error.HTTPError as error:
		if error.code != 404:
			raise
		status, body = error.code, error.read()
	assert body == b"", body
	return status


def health():
	assert call("GET", "/healthz") == (200, b"ok\n")
	said = json.loads(call("GET", "/healthz",
	    headers={"Accept": "application/json"})[1])
	assert said["status"] == "ok" and said["service"] == "nbdmux", said
	return said["version"]


def boot(name):
	record = json.loads(call("GET", "/export/" + name)[1])
	assert record["netboot_ready"] is True, record
	script = call("GET", "/ipxe/" + name)[1].decode()
	assert script.startswith("#!ipxe\n"), script
	for file in ("vmlinuz", "initrd"):
		assert call("GET", "/artifacts/%s/%s?mac=52:54:00:12:34:56" %
		    (name, file), timeout=5)[1], file
	return sorted(json.loads(call("GET", "/artifacts/%s/manifest.json" %
	    name)[1]))


def watch():
	text = call("GET", "/metrics")[1].decode()
	assert re.search(r"^nbdmux_up 1$", text, re.M), text
	assert isinstance(json.loads(call("GET", "/clients")[1]), list)
	events = json.loads(call("GET", "/events?limit=5&since=1h")[1])
	assert len(events) == 5 and events[0]["time"] > events[4]["time"], events
	return " ".join(e["event"] for e in events)


class Person:
	"""With a cookie instead of the password."""

	def __init__(self):
		self.jar = http.cookiejar.CookieJar()
		self.opener = urllib.request.build_opener(
		    urllib.request.HTTPCookieProcessor(self.jar))

	def go(self, path, **fields):
		"""The page that one ends up at."""
		data = urllib.parse.urlencode(fields).encode() if fields or \
		    path.startswith(("/admin/", "/ui/logout")) else None
		note("GET" if data is None else "POST", path)
		with self.opener.open(sys.argv[1] + path, data, 5) as answer:
			return answer.url[len(sys.argv[1]):], answer.read().decode()


def page(name, file):
	person = Person()
	assert person.go("/")[0] == "/ui/login"
	try:
		person.go("/ui/login", password="wrong")
		raise AssertionError("let in")
	except urllib.error.HTTPError as error:
		assert error.code == 401 and "is wrong" in error.read().decode()
	assert "password" in person.go("/ui/login")[1]
	assert person.go("/ui/login", password=PASSWORD)[0] == "/"
	assert len(person.jar) == 1
	where, text = person.go("/admin/create_export", name=name, file=file)
	assert where == "/" and name in text, text
	assert name in person.go("/ui/dashboard")[1]
	assert person.go("/admin/delete_export/" + name)[0] == "/"
	try:
		person.go("/admin/delete_export/" + name)
	except urllib.error.HTTPError as error:
		assert error.code == 404, error
	assert person.go("/ui/logout")[0] == "/ui/login"
	assert len(person.jar) == 0
	return person.go("/ui/dashboard")[0]


def main():
	what, rest = sys.argv[2], sys.argv[3:]
	if what == "list":
		for record in json.loads(call("GET", "/exports")[1]):
			print(record["name"], record["status"], record["nbd_port"])
	elif what == "show":
		print(json.loads(call("GET", "/export/" + rest[0])[1])["status"])
	elif what in ("add", "fetch"):
		member = "file" if what == "add" else "src_url"
		status, body = call("POST", "/exports", {"name": rest[0],
		    member: rest[1], "readonly": True}, timeout=5)
		print(status, json.loads(body)["status"])
	else:
		print({"delete": delete, "health": health, "boot": boot,
		    "watch": watch, "page": page}[what](*rest))


try:
	main()
except urllib.error.HTTPError as error:
	text = error.read()
	said = json.loads(text)
	assert said["error"] == said["detail"], text
	print(error.code, said["error"])
	sys.exit(1)
