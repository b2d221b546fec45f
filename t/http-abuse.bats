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
	[ -z "${SMALL:-}" ] || umount -l "$SMALL" 2>/dev/null || true
	stop_web
	stop_daemon
}

# verifier N: a client that reads what has to be there, again and again.
verifier()
{
	/usr/bin/python3 -B -c '
import sys, os, time, nbd
want = open(sys.argv[2], "rb").read()
h = nbd.NBD()
h.connect_uri("nbd://127.0.0.1:%s/data" % sys.argv[1])
reads = 0
while not os.path.exists(sys.argv[3]) or reads < 10:
	at = (reads * 4096) % len(want)
	assert bytes(h.pread(4096, at)) == want[at:at + 4096]
	reads += 1
	time.sleep(0.002)
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
	there() { ask /clients; is "length == $1"; }
	wait_for 60 there 20
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
	    curl -s -m 120 -o /dev/null -w '%{http_code}\n' >"$DIR/codes" || true
	there 20
	touch "$DIR/stop"
	for i in "${pids[@]}"; do
		wait "$i"
	done
	sort "$DIR/codes" | uniq -c
	[ "$(grep -cx 200 "$DIR/codes")" = 200 ]
	all() { ask /exports; is '[.[] | select(.status == "ready")] | length == 41'; }
	wait_for 10 all
}

@test "changes of one export at the same time are made one after the other" {
	local i

	start_web
	for ((i = 0; i < 12; i++)); do
		echo "{\"name\":\"x\",\"file\":\"$DIR/a.img\",\"description\":\"no. $i\"}" >"$DIR/$i.json"
		[ $((i % 3)) -ne 0 ] ||
		    echo "-X DELETE -w 'D%{http_code}\n' $URL/exports/x"
		echo "-w '%{http_code}\n' -H Content-Type:application/json -d @$DIR/$i.json $URL/exports"
	done >"$DIR/requests"
	xargs -P 16 -L 1 -a "$DIR/requests" curl -s -m 60 -o /dev/null >"$DIR/codes"
	sort "$DIR/codes" | uniq -c
	[ "$(grep -cx 200 "$DIR/codes")" = 12 ]
	[ "$(grep -cxE 'D(204|404)' "$DIR/codes")" = 4 ]
	# Others may come in between: that is their right, and is said.
	while [ ! -e "$DIR/enough" ]; do
		put_export x "$DIR/a.img" ro "description = $RANDOM" || break
	done 3>&- &
	for ((i = 0; i < 50; i++)); do
		send POST /exports "@$DIR/1.json"
		[ "$code" = 200 ] || break
	done
	touch "$DIR/enough"
	wait $!
	[ "$code" = 409 ]
	is '.error == .detail and (.error | test("somebody else"))'
}

# What the spool has, to the nanosecond.
spool()
{
	find "$SPOOL" -printf '%P %i %s %T@ %m\n' | sort
}

@test "rubbish of every kind is refused cleanly and changes nothing" {
	start_web nbdmux.conf "NBDMUX_ADMIN_PASSWORD=open sesame"
	add_export kept "$DIR/a.img"
	spool >before
	/usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/rubbish.py" "$WEB_PORT" \
	    "open sesame" 5 200
	spool | diff before -
	rm before
	[ -z "$(nbdmux-events --json --limit=10000 | jq -r 'select(.program ==
	    "nbdmux.cgi" and .event != "login-failed") | .event')" ]
	ask /exports
	is 'length == 1 and .[0].status == "ready" and .[0].generation == 1'
}

# signed EXPIRES SECRET: a cookie's value, made as the program does.
signed()
{
	/usr/bin/python3 -c '
import hmac, sys
expires, secret, password = sys.argv[1:]
key = hmac.digest(secret.encode(), password.encode(), "sha256")
text = "1." + expires
print(text + "." + hmac.digest(key, text.encode(), "sha256").hex())
' "$1" "$2" "open sesame"
}

@test "a cookie counts while it is ours and not expired" {
	local secret=0123456789abcdef now

	start_web nbdmux.conf "NBDMUX_ADMIN_PASSWORD=open sesame" \
	    "NBDMUX_SESSION_SECRET=$secret"
	now=$(date +%s)
	put() {
		send POST /exports "{\"name\": \"x\", \"file\": \"$DIR/a.img\"}" \
		    -b "nbdmux-token=$1"
	}
	for value in "$(signed $((now - 1)) "$secret")" "$(signed 0 "$secret")" \
	    "$(signed $((now + 100)) "another$secret")" \
	    "$(signed +$((now + 100)) "$secret")" \
	    "$(signed 99999999999999999999999 "$secret")" \
	    "$(signed $((now + 100)) "$secret" | tr a-f A-F)"; do
		put "$value"
		[ "$code" = 401 ]
	done
	[ -z "$(ls "$SPOOL")" ]
	put "$(signed $((now + 100)) "$secret")"
	[ "$code" = 200 ]
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

# fails_at CALL N METHOD PATH [BODY]: the program, whose Nth CALL fails; $output
# is what it answers.  1 when there are not as many.
fails_at()
{
	local error=EIO inject

	[ "$1" != write ] || error=ENOSPC
	inject=$1:error=$error:when=$2

	export GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=$3 PATH_INFO=$4 \
	    CONTENT_TYPE=application/json CONTENT_LENGTH=${#5} REMOTE_ADDR=127.0.0.1
	output=$(printf %s "$5" | ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" \
	    strace -qq -o "$DIR/calls" -e trace="$1" -e inject="$inject" \
	    "$NBDMUX_BIN/nbdmux.cgi" 2>"$DIR/said") || true
	unset GATEWAY_INTERFACE
	grep -q INJECTED "$DIR/calls"
}

@test "whatever call fails there is an answer, and the spool has all of an entry or none" {
	local call n body tries=0

	needs strace
	body="{\"name\": \"x\", \"file\": \"$DIR/a.img\", \"description\": \"whole\"}"
	for call in renameat linkat fchmod fsync write unlinkat faccessat2 fcntl \
	    inotify_add_watch openat read; do
		# The first ones are the loader's.
		n=1
		[[ $call != openat && $call != read ]] || n=$((20 + RANDOM % 4))
		while rm -f "$SPOOL/x.ini"; fails_at "$call" "$n" POST /exports "$body"; do
			tries=$((tries + 1))
			[[ $output == "Status: "[245]* || $call == write ]] ||
			    { tail "$DIR/calls" "$DIR/said"; return 1; }
			if grep -E "Sanitizer|runtime error" "$DIR/said"; then
				return 1
			fi
			[ -z "$(find "$SPOOL" -name '.*' -type f)" ]
			[ ! -e "$SPOOL/x.ini" ] ||
			    [ "$(grep -c -e '^image = ' -e '= whole' "$SPOOL/x.ini")" = 2 ]
			n=$((n + (n < 4 ? 1 : 4)))
		done
	done
	[ "$tries" -ge 20 ]
}

@test "events that cannot be recorded cost no request" {
	start_web
	rm -f "$DATA/events.jsonl"
	mkdir "$DATA/events.jsonl"
	send POST /exports "{\"name\": \"one\", \"file\": \"$DIR/a.img\"}"
	[ "$code" = 200 ]
	grep "events.jsonl" "$DIR/nbdmux.log"
}

@test "with ten thousand exports clients have what they want in time" {
	stop_daemon
	/usr/bin/python3 -c '
import sys
for n in range(10000):
	with open("%s/e%d.ini" % (sys.argv[1], n), "w") as f:
		f.write("[export]\nimage = %s\ndescription = no. %d\n" %
		    (sys.argv[2], n))
' "$SPOOL" "$DIR/a.img"
	start_daemon
	start_web
	# The sanitizers take their time.
	[[ $NBDMUX_BUILD != *-asan ]] || patience=10
	/usr/bin/python3 -B - "$URL" "$DIR/a.img" "${patience:-1}" <<'END'
import json, sys, time, urllib.request
url, image, patience = sys.argv[1:]
def call(method, path, timeout, payload=None):
	r = urllib.request.Request(url + path, method=method, headers={
	    "Content-Type": "application/json"}, data=payload and
	    json.dumps(payload).encode())
	began = time.monotonic()
	with urllib.request.urlopen(r, timeout=timeout * int(patience)) as answer:
		body = answer.read()
	print(method, path, len(body), "%.3f s" % (time.monotonic() - began))
	return body
names = [r["name"] for r in json.loads(call("GET", "/exports", 2))
    if r["status"] == "ready"]
assert names == sorted(names) and len(names) == 10000, len(names)
assert json.loads(call("GET", "/export/e77", 2))["description"] == "no. 77"
record = json.loads(call("POST", "/exports", 5, {"name": "new", "file": image}))
assert record["name"] == "new", record
assert b"e9999" in call("GET", "/", 5)
assert call("GET", "/healthz", 2) == b"ok\n"
assert b'nbdmux_exports{status="ready"} 1000' in call("GET", "/metrics", 5)
call("DELETE", "/exports/new", 5)
END
	removed() { ask /export/new; [ "$code" = 404 ]; }
	wait_for 20 removed
	[ "$(find "$SPOOL" -name '*.ini' | wc -l)" = 10000 ]
	# To take them all away first would take longer than all of this.
	kill -TERM "$DAEMON"
	ended
	DAEMON=
}

@test "slow clients are cut off and others served meanwhile" {
	start_web
	/usr/bin/python3 -B - "$WEB_PORT" <<'END'
import socket, sys, time, urllib.request
port = int(sys.argv[1])
slow = []
for n in range(300):
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
