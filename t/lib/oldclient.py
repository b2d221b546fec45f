# The way programs for the Python nbdmux talk: urllib, 2 and 5 seconds, the
# password as bearer, 404 on delete taken as success, "error" or "detail" read.
#
#	oldclient.py URL list|show NAME|add NAME FILE|fetch NAME SRC|delete NAME
import json
import os
import sys
import urllib.error
import urllib.request


def call(method, path, payload=None, timeout=2):
	headers = {}
	if payload is not None:
		headers["Content-Type"] = "application/json"
	password = os.environ.get("NBDMUX_ADMIN_PASSWORD")
	if password:
		headers["Authorization"] = "Bearer " + password
	data = None if payload is None else json.dumps(payload).encode()
	request = urllib.request.Request(sys.argv[1] + path, data=data,
	    headers=headers, method=method)
	with urllib.request.urlopen(request, timeout=timeout) as answer:
		return answer.status, answer.read()



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
	elif what == "delete":
		try:
			status, body = call("DELETE", "/exports/" + rest[0], timeout=5)
		except urllib.error.HTTPError as error:
			if error.code != 404:
				raise
			status, body = error.code, error.read()
		assert body == b"", body
		print(status)


try:
	main()
except urllib.error.HTTPError as error:
	text = error.read()
	said = json.loads(text)
	assert said["error"] == said["detail"], text
	print(error.code, said["error"])
	sys.exit(1)
