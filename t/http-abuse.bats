#!/usr/bin/env bats
# The HTTP interface under load, with rubbish, and when things are broken: no
# request does half of something, and NBD clients notice nothing.

load helper
load lib/http

setup()
{
	needs_http
	setup_daemon
	truncate -s 1M "$DIR/a.img"
}

teardown()
{
	[ -z "${SMALL:-}" ] || umount "$SMALL" 2>/dev/null || true
	stop_web
	stop_daemon
}

# verifier N: a client that reads what has to be there, again and again.
verifier()
{
	/usr/bin/python3 -B -c '
import sys, os, nbd
want = open(sys.argv[2], "rb").read()
h = nbd.NBD()
h.connect_uri("nbd://127.0.0.1:%s/data" % sys.argv[1])
reads = 0
while not os.path.exists(sys.argv[3]) or reads < 10:
	at = (reads * 4096) % len(want)
	assert bytes(h.pread(4096, at)) == want[at:at + 4096]
	reads += 1
h.shutdown()' "$PORT" "$DIR/data.img" "$DIR/stop" 3>&- &
}

@test "200 requests at a time while clients verify" {
	local i pids=()

	head -c 256K /dev/urandom >"$DIR/data.img"
	add_export data "$DIR/data.img"
	start_web
	for ((i = 0; i < 20; i++)); do
		verifier
		pids+=($!)
	done
	for ((i = 0; i < 200; i++)); do
		case $((i % 5)) in
		0)
			echo "{\"name\":\"e$i\",\"file\":\"$DIR/a.img\"}" >"$DIR/$i.json"
			echo "-H Content-Type:application/json -d @$DIR/$i.json $URL/exports"
			;;
		1) echo "$URL/exports" ;;
		2) echo "$URL/export/data" ;;
		3) echo "$URL/" ;;
		4) echo "$URL/healthz" ;;
		esac
	done >"$DIR/requests"
	xargs -P 200 -L 1 -a "$DIR/requests" \
	    curl -s -m 60 -o /dev/null -w '%{http_code}\n' >"$DIR/codes" || true
	touch "$DIR/stop"
	for i in "${pids[@]}"; do
		wait "$i"
	done
	sort "$DIR/codes" | uniq -c
	[ "$(grep -cx 200 "$DIR/codes")" = 200 ]
	all() { ask /exports; is '[.[] | select(.status == "ready")] | length == 41'; }
	wait_for 10 all
}

@test "rubbish for a body is refused and leaves nothing behind" {
	start_web
	/usr/bin/python3 -B - "$URL" "$DIR/a.img" <<'END'
import random, sys, urllib.error, urllib.request
url, image = sys.argv[1:]
random.seed(5)
good = b'{"name": "x", "file": "%s", "readonly": true}' % image.encode()
form = b"name=x&file=%s&readonly=no" % image.encode()
seen = {}
for n in range(150):
	path, kind, body = random.choice((
	    ("/exports", "application/json", good),
	    ("/admin/create_export", "application/x-www-form-urlencoded", form),
	    ("/ui/login", "application/x-www-form-urlencoded", b"password=a")))
	body = bytearray(body)
	for _ in range(random.randint(1, 6)):
		at = random.randrange(len(body))
		what = random.randrange(4)
		if what == 0:
			body[at] = random.randrange(256)
		elif what == 1:
			del body[at:at + random.randint(1, 9)]
		elif what == 2:
			body[at:at] = bytes(random.randrange(256) for _ in range(5))
		else:
			body[at:at] = random.choice((b"%00", b"\0", b"{[", b"\xff\xfe",
			    b"&&=", b"../", b"\\u0000", b"1e999", b"%"))
		body = body or bytearray(b"x")
	headers = {"Content-Type": kind, "Cookie": bytes(random.randrange(33, 127)
	    for _ in range(40)).decode()}
	try:
		code = urllib.request.urlopen(urllib.request.Request(url + path,
		    data=bytes(body), headers=headers), timeout=5).status
	except urllib.error.HTTPError as e:
		code = e.code
	seen[code] = seen.get(code, 0) + 1
print(seen)
assert set(seen) <= {200, 303, 400, 404}, seen
END
	# What was taken after all is what a good request would be.
	[ -z "$(find "$SPOOL" -name '.*' -type f)" ]
	for file in "$SPOOL"/*.ini; do
		[ ! -e "$file" ] || grep -q '^image = ' "$file"
	done
	ask /exports
	is 'type == "array"'
}

@test "paths of every kind lead nowhere" {
	start_web
	mkdir -p "$DATA/artifacts/x"
	echo secret >"$DATA/artifacts/secret"
	for path in /../../etc/passwd /export/../../x /artifacts/../secret \
	    /artifacts/x/../secret /artifacts/x/..%2fsecret /export/%2e%2e/x \
	    /export/a%00b /export/%ff%fe /export/%zz "/export/$(printf 'a%.0s' {1..300})" \
	    /assets/../nbdmux.cgi /assets/..%2f..%2fMakefile //exports// \
	    /export/%0d%0aSet-Cookie:%20a=b /ipxe/%0a /nbdmux.cgi; do
		ask --path-as-is "$path"
		[ "$code" = 404 ] || [ "$code" = 400 ] || [ "$code" = 403 ]
		[[ $body != *secret* && $body != *root:* ]]
		[ -z "$(header set-cookie)" ]
	done
}

@test "what the web server hands over wrongly is an answer, too" {
	run env -i GATEWAY_INTERFACE=CGI/1.1 NBDMUX_CONF="$NBDMUX_CONF" \
	    "$NBDMUX_BIN/nbdmux.cgi" --check
	[ "$status" -eq 0 ]
	[[ $output == "Status: 303"* ]]
	run env -i GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD= PATH_INFO=/exports \
	    "$NBDMUX_BIN/nbdmux.cgi" </dev/null
	[[ $output == "Status: 405"* ]]
	run env -i GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST \
	    PATH_INFO=/ui/login CONTENT_TYPE=application/x-www-form-urlencoded \
	    CONTENT_LENGTH=100 "$NBDMUX_BIN/nbdmux.cgi" <<<"password=a"
	[[ $output == "Status: 400"* ]]
}

@test "a spool that cannot be written is said, and nothing is half done" {
	local small=$DIR/small

	mkdir "$small"
	mount -t tmpfs -o size=64k,nr_inodes=100 none "$small" 2>/dev/null ||
	    skip "cannot mount"
	SMALL=$small
	stop_daemon
	rmdir "$SPOOL"
	ln -s "$small" "$SPOOL"
	start_daemon
	start_web
	send POST /exports "{\"name\": \"one\", \"file\": \"$DIR/a.img\"}"
	[ "$code" = 200 ]
	cat /dev/zero >"$small/fill" 2>/dev/null || true
	send POST /exports "{\"name\": \"two\", \"file\": \"$DIR/a.img\"}"
	[ "$code" = 503 ]
	[[ $body == *"No space left"* ]]
	is '.error == .detail'
	[ "$(find "$small" -type f -name '*one*' -o -type f -name '*two*')" = "$small/one.ini" ]
	rm "$small/fill"
	mount -o remount,ro "$small"
	send POST /exports "{\"name\": \"two\", \"file\": \"$DIR/a.img\"}"
	[ "$code" = 503 ]
	[[ $body == *"ead-only"* ]]
	send DELETE /exports/one
	[ "$code" = 503 ]
	[[ $body == *"ead-only"* ]]
	ask /export/one
	is '.status == "ready"'
	ask -d "name=two&file=$DIR/a.img" /admin/create_export
	[ "$code" = 503 ]
	[[ $body == *"ead-only"* ]]
	stop_web
	mount -o remount,rw "$small"
	stop_daemon
	umount "$small"
	rm "$SPOOL"
	mkdir "$SPOOL"
	SMALL=
}

@test "events that cannot be recorded cost no request" {
	start_web
	rm -f "$DATA/events.jsonl"
	mkdir "$DATA/events.jsonl"
	send POST /exports "{\"name\": \"one\", \"file\": \"$DIR/a.img\"}"
	[ "$code" = 200 ]
	grep "events.jsonl" "$DIR/nbdmux.log"
}

@test "a thousand exports are listed whole" {
	local i

	for ((i = 0; i < 1000; i++)); do
		printf '[export]\nimage = %s\n' "$DIR/a.img" >"$SPOOL/e$i.ini"
	done
	start_web
	all() { ask /exports; is '[.[] | select(.status == "ready")] | length == 1000'; }
	wait_for 20 all
	is '[.[].name] == ([.[].name] | sort)'
}

@test "slow clients are cut off and others served meanwhile" {
	start_web
	/usr/bin/python3 -B - "$WEB_PORT" <<'END'
import socket, sys, time, urllib.request
port = int(sys.argv[1])
slow = []
for n in range(100):
	s = socket.create_connection(("127.0.0.1", port))
	s.sendall(b"GET /exports HTTP/1.1\r\nHost: x\r\n" if n % 2 else
	    b"POST /exports HTTP/1.1\r\nHost: x\r\nContent-Type: application/json"
	    b"\r\nContent-Length: 1000\r\n\r\n{")
	slow.append(s)
for n in range(5):
	assert urllib.request.urlopen("http://127.0.0.1:%d/healthz" % port,
	    timeout=2).status == 200
end = time.monotonic() + 20
for s in slow:
	s.settimeout(max(0.1, end - time.monotonic()))
	while s.recv(4096):
		pass
END
}
