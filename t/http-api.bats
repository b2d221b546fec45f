#!/usr/bin/env bats
# The HTTP interface as programs use it: nbdmux.cgi under lighttpd.

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
	stop_web
	stop_daemon
}

add()
{
	send POST /exports "{\"name\": \"$1\", \"file\": \"$2\"}"
	[ "$code" = 200 ]
}

old()
{
	/usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/oldclient.py" "$URL" "$@"
}

@test "an export that is posted is served and listed" {
	start_web
	add disk "$DIR/a.img"
	is '.name == "disk" and .status == "ready" and .readonly == true'
	is ".nbd_port == $PORT and .file == \"$DIR/a.img\" and .size == 1048576"
	nbdinfo "nbd://127.0.0.1:$PORT/disk"
	ask /export/disk
	is '.generation == 1 and .error == null and .src_url == null'
	ask /exports
	is 'length == 1 and .[0].name == "disk"'
	[ "$(header content-type)" = application/json ]
	[ "$(nbdmux-ls --json | jq -r '.exports[] | select(.name == "disk") | .status')" = ready ]
}

@test "a record has all members of the contract with their types" {
	start_web
	add disk "$DIR/a.img"
	ask /export/disk
	is '[.name, .file, .status, .mode, .uri] | all(type == "string")'
	is '[.readonly, .netboot_ready] | all(type == "boolean")'
	is '[.nbd_port, .size, .generation, .clients] | all(type == "number")'
	is '.fetch == null and .bytes_rate == null and .bytes_read == 0 and .bytes_written == 0 and .ipxe == null'
	is ".nbd_client == \"nbd-client 127.0.0.1 $PORT /dev/nbd0 -N disk\""
	is '[has("error", "src_url", "format", "bytes_total", "bytes_done", "progress", "netboot_ref", "enqueued_at", "started_at", "completed_at", "updated_at", "image", "description")] | all'
	is '.updated_at | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$")'
	# The page has no other members, and all of these.
	jq -r 'keys[]' "$DIR/body" | sort >members
	sed -n '/^\.Ss The record/,/^\.Ss Who/s/^\.It Cm //p' \
	    "$BATS_TEST_DIRNAME/../man/nbdmux-http.7" | tr -d ' ' |
	    tr ',' '\n' | sort | diff - members
	rm members
}

@test "posting a known name makes the next generation" {
	start_web
	add disk "$DIR/a.img"
	truncate -s 2M "$DIR/b.img"
	send POST /exports "{\"name\": \"disk\", \"file\": \"$DIR/b.img\", \"readonly\": false, \"description\": \"ä \\\"b\\\"\"}"
	[ "$code" = 200 ]
	is '.generation == 2 and .size == 2097152 and .readonly == false'
	is '.description == "ä \"b\""'
	[ "$(state_of disk mode)" = rw ]
}

@test "a removed export is gone, and the operator's file is not" {
	start_web
	add disk "$DIR/a.img"
	send DELETE /exports/disk
	[ "$code" = 204 ] && [ ! -s "$DIR/body" ]
	ask /export/disk
	[ "$code" = 404 ]
	send DELETE /exports/disk
	[ "$code" = 404 ] && [ ! -s "$DIR/body" ]
	[ -e "$DIR/a.img" ]
	[ ! -e "$SPOOL/disk.ini" ]
}

@test "who is removed under its clients drains" {
	start_web
	add disk "$DIR/a.img"
	hold "$PORT" disk
	send DELETE /exports/disk
	[ "$code" = 204 ]
	ask /export/disk
	is '.status == "draining" and .clients == 1'
	kill "$HOLDER"
	wait "$HOLDER" || true
	gone() { ask /export/disk; [ "$code" = 404 ]; }
	wait_for 10 gone
}

@test "what cannot be is refused with a sentence, twice" {
	local data

	start_web
	echo '[nbdmuxd]' >"$NBDMUX_CONF"
	while read -r data; do
		send POST /exports "$data"
		[ "$code" = 400 ]
		is '.error == .detail and (.error | length > 10)'
		[ -z "$(ls "$SPOOL")" ]
	done <<-END

	x
	[]
	"a"
	{}
	{"name": "x"}
	{"name": "x", "file": ""}
	{"name": "../x", "file": "$DIR/a.img"}
	{"name": ".x", "file": "$DIR/a.img"}
	{"name": "x y", "file": "$DIR/a.img"}
	{"name": 5, "file": "$DIR/a.img"}
	{"name": "x", "file": "a.img"}
	{"name": "x", "file": "$DIR/none.img"}
	{"name": "x", "file": "$DIR"}
	{"name": "x", "file": "/dev/null"}
	{"name": "x", "file": "$DIR/a.img", "readonly": "no"}
	{"name": "x", "file": "$DIR/a.img", "src_url": "http://a/b"}
	{"name": "x", "file": "$DIR/a.img", "description": "a\nb"}
	{"name": "x", "file": "$DIR/a.img", "description": "\u0000"}
	{"name": "x", "file": "$DIR/a.img", "sha256": "abc"}
	{"name": "x", "src_url": "ftp://a/b"}
	{"name": "x", "src_url": "http://user:secret@a/b"}
	END
	# One about a member begins with its name.
	send POST /exports "{\"name\": 5, \"file\": \"$DIR/a.img\"}"
	is '.error == "name: this is to be a string"'
	send POST /exports "{\"name\": \"x\", \"file\": \"$DIR/a.img\", \"readonly\": 1}"
	is '.error == "readonly: this is to be true or false"'
}

@test "image-dirs holds for what is posted, links included" {
	mkdir "$DIR/in"
	mv "$DIR/a.img" "$DIR/in/"
	truncate -s 1M "$DIR/out.img"
	ln -s ../out.img "$DIR/in/link.img"
	printf '[nbdmuxd]\nimage-dirs = %s\n' "$DIR/in" >"$NBDMUX_CONF"
	kill -HUP "$DAEMON"
	wait_for 10 grep "read again" "$LOG"
	start_web
	add disk "$DIR/in/a.img"
	for path in out.img in/link.img in/../out.img; do
		send POST /exports "{\"name\": \"x\", \"file\": \"$DIR/$path\"}"
		[ "$code" = 400 ]
		[[ $body == *image-dirs* ]]
	done
}

@test "paths, methods, types and sizes that are wrong have their status" {
	start_web
	for path in /nothing /exports/ /export /admin /export/a/b /ui; do
		ask "$path"
		[ "$code" = 404 ]
		is '.error == .detail'
	done
	ask -X PUT /exports
	[ "$code" = 405 ] && [ "$(header allow)" = "GET, HEAD, POST" ]
	ask /exports/x
	[ "$code" = 405 ] && [ "$(header allow)" = DELETE ]
	ask -d '{}' /exports
	[ "$code" = 415 ]
	ask -d '{}' -H "Content-Type:" /exports
	[ "$code" = 415 ]
	head -c 66000 /dev/zero | tr '\0' ' ' >"$DIR/big"
	send POST /exports "@$DIR/big"
	[ "$code" = 413 ]
	is '.error == .detail'
	ask -I /exports
	[ "$code" = 200 ]
}

@test "healthz makes a real handshake" {
	start_web
	ask /healthz
	[ "$code" = 200 ] && [ "$body" = ok ]
	[[ $(header content-type) == text/plain* ]]
	ask -H "Accept: application/json" /healthz
	is '.status == "ok" and .service == "nbdmux" and (.version | length > 0)'
	is ".listen == \"127.0.0.1:$PORT\" and .warning == null"
	is '.started_at | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$")'
	kill -STOP "$DAEMON"
	ask /healthz
	kill -CONT "$DAEMON"
	[ "$code" = 503 ]
	[[ $body == *greeting* ]]
	stop_daemon
	ask /healthz
	[ "$code" = 503 ]
	[[ $body == *"does not run"* ]]
}

@test "healthz is well where no export is for the web server's address" {
	stop_daemon
	start_daemon --probe=no
	add_export far "$DIR/a.img" ro "allow = 192.0.2.0/24"
	start_web
	wait_for 5 eval '! nbdinfo --list "nbd://127.0.0.1:$PORT"'
	ask /healthz
	[ "$code" = 200 ] && [ "$body" = ok ]
}

# greeted FLAGS: $flags is what healthz sends to such a greeting.
greeted()
{
	local other server

	other=$(free_port)
	/usr/bin/python3 -c 'import socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
s.settimeout(10)
c = s.accept()[0]
c.sendall(b"NBDMAGICIHAVEOPT" + bytes.fromhex(sys.argv[2]))
got = c.recv(20, socket.MSG_WAITALL)
c.sendall(bytes.fromhex("0003e889045565a9") + got[12:16] + bytes([0, 0, 0, 1]) +
    bytes(4))
print(got.hex())' "$other" "$1" >greeted 3>&- &
	server=$!
	wait_for 5 eval "ss -Hltn 'sport = :$other' | grep -q ."
	sed -i "s/^listen = .*/listen = 127.0.0.1:$other/" "$STATE/daemon.ini"
	ask /healthz
	[ "$code" = 200 ]
	wait "$server"
	flags=$(cut -c-8 greeted)
}

@test "CL-01 healthz ignores unknown flags, and sends NO_ZEROES only if it is offered" {
	cd "$BATS_TEST_TMPDIR"
	start_web
	greeted ffff
	[ "$flags" = 00000003 ]
	greeted fffd
	[ "$flags" = 00000001 ]
}

@test "without a daemon an export is queued until there is one" {
	stop_daemon
	start_web
	add disk "$DIR/a.img"
	is '.status == "queued" and (.error | test("does not run"))'
	start_daemon
	served() { ask /export/disk; is '.status == "ready" and .error == null'; }
	wait_for 10 served
}

@test "every answer has the headers that protect its reader" {
	start_web
	for path in / /exports /nothing /healthz /metrics /events /clients; do
		ask "$path"
		[ "$(header x-content-type-options)" = nosniff ]
		[ "$(header cache-control)" = no-store ]
		[[ $(header content-security-policy) == *"default-src 'none'"* ]]
		[[ $(header content-security-policy) != *unsafe* ]]
		[ "$(header content-length)" = "$(stat -c %s "$DIR/body")" ]
	done
	# Files come from the web server itself.
	mkdir -p "$DATA/artifacts/disk"
	echo kernel >"$DATA/artifacts/disk/vmlinuz"
	for path in /assets/nbdmux.css /artifacts/disk/vmlinuz; do
		ask "$path"
		[ "$code" = 200 ]
		[ "$(header x-content-type-options)" = nosniff ]
		[ "$(header content-security-policy)" = "default-src 'none'" ]
		[ -n "$(header cache-control)" ] && [ -n "$(header etag)" ]
		ask -X DELETE "$path"
		[ "$code" = 404 ] || [ "$code" = 405 ]
		is '.error == .detail'
	done
}

@test "artifacts are files with three names and no others" {
	start_web
	add disk "$DIR/a.img"
	is '.netboot_ready == false'
	mkdir -p "$DATA/artifacts/disk"
	for file in vmlinuz initrd; do
		echo "this is $file" >"$DATA/artifacts/disk/$file"
	done
	echo '{"a": 1}' >"$DATA/artifacts/disk/manifest.json"
	echo secret >"$DATA/artifacts/disk/other"
	ask /artifacts/disk/vmlinuz
	[ "$code" = 200 ] && [ "$body" = "this is vmlinuz" ]
	ask "/artifacts/disk/initrd?x=1&y"
	[ "$code" = 200 ] && [ "$body" = "this is initrd" ]
	ask /artifacts/disk/manifest.json
	is '.a == 1'
	ask /export/disk
	is '.netboot_ready == true'
	for path in disk/other disk/../disk/other none/vmlinuz disk/ ../events.jsonl; do
		ask --path-as-is "/artifacts/$path"
		[ "$code" = 404 ]
		is '.error == .detail'
	done
}

@test "an export with artifacts has a script for iPXE" {
	start_web
	add disk "$DIR/a.img"
	ask /ipxe/disk
	[ "$code" = 404 ]
	mkdir -p "$DATA/artifacts/disk"
	touch "$DATA/artifacts/disk/"{vmlinuz,initrd,manifest.json}
	ask /ipxe/disk
	[ "$code" = 200 ]
	[ "$(head -n 1 "$DIR/body")" = "#!ipxe" ]
	grep -qx "set base $URL/artifacts/disk" "$DIR/body"
	grep -qx "set nbd nbd://127.0.0.1:$PORT/disk" "$DIR/body"
	ask -H 'Host: a"b' /ipxe/disk
	[ "$code" = 400 ]
	ask /ipxe/none
	[ "$code" = 404 ]
}

@test "events tell who did what from where" {
	start_web
	add disk "$DIR/a.img"
	send DELETE /exports/disk
	ask "/events?limit=50"
	is '[.[] | select(.program == "nbdmux.cgi") | .event] == ["export-removed", "export-added"]'
	is '[.[] | select(.program == "nbdmux.cgi") | .who | test("127.0.0.1 over HTTP")] | all'
	ask "/events?limit=1"
	is 'length == 1'
	ask "/events?since=1h&event=export-a*&export=disk"
	is 'length > 0 and all(.event == "export-added")'
	for query in limit=x limit=-1 limit=99999999 since=soon "since=%zz" "a=%00"; do
		ask "/events?$query"
		[ "$code" = 400 ]
	done
}

@test "metrics and clients are there" {
	start_web
	add disk "$DIR/a.img"
	ask /metrics
	[ "$code" = 200 ]
	[[ $(header content-type) == "text/plain; version=0.0.4"* ]]
	[[ $body == *'{export="disk"}'* ]]
	/usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/prometheus.py" <"$DIR/body"
	hold "$PORT" disk
	ask /clients
	is 'length == 1 and .[0].export == "disk" and .[0].current'
	is '.[0].id | test("^[0-9a-f]+$")'
	ask /export/disk
	is '.clients == 1 and .bytes_read == 512'
	kill "$HOLDER"
	wait "$HOLDER" || true
}

@test "below a path all of it works, too" {
	start_web nbdmux-subpath.conf "NBDMUX_ADMIN_PASSWORD=sesame"
	ask /exports
	[ "$code" = 200 ]
	ask ""
	[ "$code" = 303 ] && [ "$(header location)" = /nbdmux/ ]
	ask /
	[ "$code" = 303 ] && [ "$(header location)" = /nbdmux/ui/login ]
	ask -d password=sesame /ui/login
	[ "$code" = 303 ] && [ "$(header location)" = /nbdmux/ ]
	[[ $(header set-cookie) == *"Path=/nbdmux/;"* ]]
	ask -b "$(header set-cookie)" /
	[ "$code" = 200 ]
	# What a proxy puts before the path it keeps.
	[[ $body == *'action="./admin/create_export"'* ]]
	run grep -E '(href|action|src)="(/|http)' "$DIR/body"
	[ "$status" -eq 1 ]
	ask /assets/nbdmux.css
	[ "$code" = 200 ] && [[ $(header content-type) == text/css* ]]
	ask /artifacts/x/vmlinuz
	[ "$code" = 404 ]
}

@test "programs for the Python nbdmux work as they are, on every route" {
	local method path

	export NBDMUX_ADMIN_PASSWORD=sesame OLDCLIENT_LOG=$DIR/asked
	start_web nbdmux.conf "NBDMUX_ADMIN_PASSWORD=sesame"
	[ "$(old add disk "$DIR/a.img")" = "200 ready" ]
	[ "$(old add disk "$DIR/a.img")" = "200 ready" ]
	[ "$(old list)" = "disk ready $PORT" ]
	[ "$(old show disk)" = ready ]
	[[ $(old health) == [0-9]* ]]
	mkdir -p "$DATA/artifacts/disk"
	echo kernel | tee "$DATA/artifacts/disk/vmlinuz" >"$DATA/artifacts/disk/initrd"
	echo '{"files": {}}' >"$DATA/artifacts/disk/manifest.json"
	[ "$(old boot disk)" = "['files']" ]
	run old add bad "$DIR/none.img"
	[[ $output == "400 file: "*"none.img"* ]]
	run old fetch bad ftp://nowhere.invalid/a.img
	[[ $output == "400 src_url: "* ]]
	run old show bad
	[[ $output == "404 "*bad* ]]
	[ "$(old fetch later http://127.0.0.1:1/a.img)" = "200 queued" ]
	[ "$(old delete later)" = 204 ]
	[ "$(old delete disk)" = 204 ]
	[ "$(old delete disk)" = 404 ]
	[ "$(old list)" = "" ]
	[ "$(old page more "$DIR/a.img")" = /ui/login ]
	[[ $(old watch) == *export-removed* ]]
	NBDMUX_ADMIN_PASSWORD=wrong run old add disk "$DIR/a.img"
	[[ $output == "401 "* ]]
	# Nothing that there is was left out.
	sed -n 's/^\t{ "\([A-Z]*\)", "\([^"]*\)", WHO_.*/\1 \2/p' \
	    "$BATS_TEST_DIRNAME/../src/http/http.c" >routes
	[ "$(wc -l <routes)" -ge 17 ]
	while read -r method path; do
		grep -qxE "$method ${path//\*/[^/]+}" "$OLDCLIENT_LOG" ||
		    { echo "not asked: $method $path"; return 1; }
	done <routes
	rm routes
}

@test "what is fetched is queued at once, and ready when it is there" {
	[ -x "$NBDMUX_BIN/nbdmux-fetch" ] || skip "built without libcurl"
	echo '[nbdmuxd]' >"$NBDMUX_CONF"
	start_web nbdmux.conf "NBDMUX_ADMIN_PASSWORD=sesame"
	mkdir "$DIR/www/pub"
	head -c 1M /dev/urandom >"$DIR/www/pub/a.img"
	cat >>"$DIR/lighttpd.conf" <<-END
	\$SERVER["socket"] == "127.0.0.1:$(free_port | tee "$DIR/other")" { }
	END
	stop_web
	WEB_PORT=$(sed -n 's/^server.port = //p' "$DIR/lighttpd.conf")
	lighttpd -D -f "$DIR/lighttpd.conf" 3>&- >"$DIR/lighttpd.out" 2>&1 &
	WEB=$!
	wait_for 10 web_listens
	src=http://127.0.0.1:$(cat "$DIR/other")/pub/a.img
	send POST /exports "{\"name\": \"got\", \"src_url\": \"$src\"}" \
	    -H "Authorization: Bearer sesame"
	[ "$code" = 200 ]
	is "(.status == \"queued\" or .status == \"ready\") and .src_url == \"$src\""
	fetched() { ask /export/got; is '.status == "ready" and .progress == 100'; }
	wait_for 20 fetched
	cmp "$DIR/www/pub/a.img" "$(jq -r .file "$DIR/body")"
	image=$(jq -r .file "$DIR/body")
	send DELETE /exports/got "" -H "Authorization: Bearer sesame"
	[ "$code" = 204 ] && [ ! -e "$image" ]
}

@test "without a password only fetch-from may be fetched" {
	start_web
	echo '[nbdmuxd]' >"$NBDMUX_CONF"
	send POST /exports '{"name": "x", "src_url": "http://127.0.0.1:9/a/b"}'
	[ "$code" = 403 ]
	[ ! -e "$SPOOL/x.ini" ]
	echo 'fetch-from = http://127.0.0.1:9/a' >>"$NBDMUX_CONF"
	send POST /exports '{"name": "x", "src_url": "http://127.0.0.1:9/c"}'
	[ "$code" = 403 ]
	for list in http://127.0.0.1:9/c/SUMS ../c/SUMS /c/SUMS %2e%2e .. //127.0.0.1:8/a/S; do
		for sum in sha256 sha512; do
			send POST /exports "{\"name\": \"x\", \"src_url\": \"http://127.0.0.1:9/a/b\", \"$sum\": \"$list\"}"
			[ "$code" = 403 ]
			[[ $body == *"$sum: "* ]]
		done
	done
	[ ! -e "$SPOOL/x.ini" ]
	for list in http://127.0.0.1:9/a/SUMS SHA256SUMS; do
		send POST /exports "{\"name\": \"x\", \"src_url\": \"http://127.0.0.1:9/a/b\", \"sha256\": \"$list\"}"
		[ "$code" = 200 ]
		send DELETE /exports/x
	done
}

@test "--check says what a deployment has and lacks" {
	run nbdmux.cgi --check --user="$(id -un)"
	[ "$status" -eq 0 ]
	[[ $output == *"WARNING  admin password"* ]]
	[ "$(grep -c '^ok ' <<<"$output")" -ge 6 ]
	# Who checks is not always who serves: what it made would be in the way.
	[ ! -e "$DATA/http" ]
	[[ $output == *"ok       http directory: $DATA/http will be made"* ]]
	stop_daemon
	run nbdmux.cgi --check --user="$(id -un)" -s "$DIR/nowhere"
	[ "$status" -eq 1 ]
	[[ $output == *"MISSING  spool: "*"$DIR/nowhere"* ]]
	[[ $output == *"MISSING  daemon: "* ]]
	rm -rf "$DATA/http"
	touch "$DATA/http"
	run nbdmux.cgi --check --user="$(id -un)"
	[[ $output == *"MISSING  http directory: "*"$DATA/http: Not a directory"* ]]
	rm "$DATA/http"
	echo "admin-password-file = $DIR/none" >>"$NBDMUX_CONF"
	run nbdmux.cgi --check --user="$(id -un)"
	[[ $output == *"MISSING  admin password: "*"$DIR/none"* ]]
}
