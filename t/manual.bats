#!/usr/bin/env bats
# The manual pages against the programs: the same keys, options, defaults and
# ranges on both sides, formats as they are described, examples that work.

bats_require_minimum_version 1.5.0
load helper

setup()
{
	cd "$BATS_TEST_TMPDIR" || return
	MAN=$BATS_TEST_DIRNAME/../man
	SRC=$BATS_TEST_DIRNAME/../src
	setup_dirs
}

teardown()
{
	stop_daemon
}

manual()
{
	/usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/manual.py" "$@"
}

# agree FILE FILE: neither is empty, and they are the same.
agree()
{
	[ -s "$1" ]
	diff -u "$1" "$2"
}

# examples PAGE TAG: with the configuration that makes this user's daemon start.
examples()
{
	needs nbdinfo jq
	mkdir images
	cd images || return
	manual run "$MAN/$1" "$2"
}

# --- the pages as such ---------------------------------------------------------

@test "every page is clean in mandoc's eyes, and has no quote within a quote" {
	local page

	needs mandoc
	for page in "$MAN"/*.[578]; do
		# Whether other packages' pages are installed is no matter.
		mandoc -Tlint "$page" >lint 2>/dev/null || true
		if grep -v "referenced manual not found" lint; then
			return 1
		fi
		# "In a" of a title is an include file to it, and no mistake.
		if mandoc -Tutf8 "$page" | col -b | grep -E "^ *<"; then
			return 1
		fi
		# A macro that quotes takes the rest of its line.
		if mandoc -Tutf8 -O width=500 "$page" | LC_ALL=C.UTF-8 \
		    grep -n "‘[^’]*‘"; then
			return 1
		fi
	done
}

@test "every page that another one refers to is there, and so is every program's" {
	local name section

	sed -n 's/^\.Xr \(nbdmux[^ ]*\) \([0-9]\).*/\1 \2/p' "$MAN"/* |
	    sort -u >references
	sed -n 's/^\.It Xr \(nbdmux[^ ]*\) \([0-9]\).*/\1 \2/p' "$MAN"/* |
	    sort -u >programs
	[ -s references ]
	while read -r name section; do
		[ -e "$MAN/$name.$section" ]
	done <references
	basename -s .c "$SRC"/main/*.c | sed 's/$/ 8/' | sort >built
	agree built programs
	while read -r name section; do
		[ -e "$MAN/$name.$section" ]
	done <built
}

@test "every place on nbdmux(7) is the programs' default" {
	local place

	for place in CONF SPOOL STATE; do
		grep -q "Ta Pa $(sed -n "s/^#define PLACES_$place \"\(.*\)\"/\1/p" \
		    "$SRC/spool/places.h") Ta Fl . Ta Ev NBDMUX_$place\$" \
		    "$MAN/nbdmux.7"
	done
	place=$(sed -n 's/^#define PLACES_DATA "\(.*\)"/\1/p' \
	    "$SRC/spool/places.h")
	grep -qx "\.It data Ta Pa $place Ta Ta Ev NBDMUX_DATA" "$MAN/nbdmux.7"
}

# --- keys and options ------------------------------------------------------------

@test "nbdmuxd.conf(5) has the keys of nbdmuxd --help with their defaults and ranges" {
	manual keys "$MAN/nbdmuxd.conf.5" >page
	manual help nbdmuxd keys >helped
	agree page helped
}

@test "nbdmux-export(5) has the keys of nbdmux-add --help with their defaults and ranges" {
	manual keys "$MAN/nbdmux-export.5" >page
	grep '^image |' page
	grep '^source |' page
	manual help nbdmux-add keys >helped
	grep -vE '^(image|source) [|]' page >options
	agree options helped
}

@test "the keys that nbdmux-export(5) calls not supported yet are refused as that" {
	local key

	sed -n '/^The keys$/,/^the mode$/p' "$MAN/nbdmux-export.5" |
	    grep '^\.Cm' | grep -oE '[a-z][a-z0-9-]+' | sort >page
	grep -B1 KEY_LATER "$SRC/spool/record.c" |
	    sed -n 's/.*\.name = "\([^"]*\)".*/\1/p' | sort >later
	agree page later
	while read -r key; do
		printf '[export]\nimage = /dev/null\n%s = 1\n' "$key" \
		    >"$SPOOL/later.ini"
		run nbdmuxd -t --user="$(id -un)"
		[ "$status" -eq 1 ]
		[[ $output == *"later.ini:3: \"$key\" is not supported yet"* ]]
	done <page
}

@test "nbdmux-state(5) has the keys of the state files" {
	local section

	sed -n '/state_export_keys\[\] = {/,/^};/p' "$SRC/spool/state.c" >export.c
	sed -n '/state_daemon_keys\[\] = {/,/^};/p' "$SRC/spool/state.c" >daemon.c
	sed -n '/fetch_keys\[\] = {/,/^};/p' "$SRC/spool/fetch.c" >fetch.c
	sed -n '/fetched_keys\[\] = {/,/^};/p' "$SRC/spool/fetched.c" >fetched.c
	for section in export daemon fetch fetched; do
		sed -n 's/.*\.name = "\([^"]*\)".*/\1/p' $section.c | sort >$section
	done
	manual members "$MAN/nbdmux-state.5" daemon.ini >page
	agree page daemon
	manual members "$MAN/nbdmux-state.5" exports/NAME.ini |
	    grep -vxE 'ready|failed|draining|queued' >page
	agree page export
	manual members "$MAN/nbdmux-state.5" fetch/NAME.ini |
	    grep -vxE 'queued|fetching|decompressing|failed|ready' >page
	agree page fetch
	manual members "$MAN/nbdmux-state.5" images/NAME-N.ini >page
	agree page fetched
}

@test "every option of --help is in the program's page, and the other way round" {
	local program

	for program in nbdmuxd nbdmux-add nbdmux-rm nbdmux-ls \
	    nbdmux-events nbdmux-fetch nbdmux.cgi; do
		[ -x "$NBDMUX_BIN/$program" ] || continue
		manual options "$MAN/$program.8" >page
		manual help $program options >helped
		agree page helped
	done
}

@test "the keys that nbdmuxd.conf(5) marks with Restart are those that a reload refuses" {
	/usr/bin/python3 - "$MAN/nbdmuxd.conf.5" >marked <<'END'
import re, sys
text = open(sys.argv[1]).read()
for item in re.split(r"^\.It Cm (?=[a-z-]+ = )", text, flags=re.M)[1:]:
	if re.search(r"^Restart\.$", item, re.M):
		print(item.split()[0])
END
	printf '[nbdmuxd]\nlisten = unix:%s\nuser = %s\n' "$PWD/one" \
	    "$(id -un)" >"$NBDMUX_CONF"
	nbdmuxd 2>"$LOG" 3>&- &
	DAEMON=$!
	wait_for 20 daemon_ready
	BASELINE=$(descriptors)
	export BASELINE
	# Each key gets another value than it has.
	nbdmuxd --help | if has_tls; then cat; else grep -v -- --tls; fi |
	    /usr/bin/python3 -c '
import re, sys
print("[nbdmuxd]")
strings = {"listen": "unix:" + sys.argv[1] + "/two",
	"user": "nobody" if sys.argv[2] == "root" else "root",
	"group": "nogroup", "image-dirs": "/", "data-dir": "/", "default-export": "probe",
	"tls": "off", "tls-certificate": "/crt", "tls-key": "/key",
	"admin-password-file": "/password", "fetch-from": "https://a/", "fetch-cache": "http://b/",
	"tls-ca": "/ca", "tls-psk-file": "/psk", "tls-priority": "SECURE256"}
for line in sys.stdin:
	m = re.match(r"  --([a-z-]+)=(\S+) +.*?(?: \[([a-zA-Z0-9]*)\])?$", line)
	if not m or m[1] in ("config", "spool", "state"):
		continue
	key, arg, value = m.groups()
	if key in strings:
		new = strings[key]
	elif "|" in arg:
		new = [word for word in arg.split("|") if word != value][0]
	else:
		new = {"max-queued": "64K", "max-memory": "64M",
			"max-handshake": "64K"}.get(key, "7")
	# The answer is to be seen.
	new = "debug" if key == "log-level" else new
	print(key, "=", new)
' "$PWD" "$(id -un)" >"$NBDMUX_CONF"
	kill -HUP "$DAEMON"
	wait_for 10 grep "read again" "$LOG"
	sed -n 's/.*change of \\"\([a-z-]*\)\\" takes a restart.*/\1/p' "$LOG" \
	    >refused
	sort -o marked marked
	sort -o refused refused
	agree marked refused
}

# limits: name, number and test of each row of the table of limits.
limits()
{
	/usr/bin/python3 - "$MAN/nbdmuxd.conf.5" <<'END'
import re, sys
text = open(sys.argv[1]).read()
table = re.search(r"^\.Sh LIMITS$.*?^\.Bl -column.*?^(.*?)^\.El$", text,
	re.M | re.S)[1]
rows = table.split(".It ")[2:]
for row in rows:
	m = re.fullmatch(r'(.*?) Ta (.*?) Ta .*\n\.\\" test: (\S+): (.*)\n', row)
	assert m, "no test is named for: " + row
	print(*m.groups(), sep="|")
END
}

@test "each limit on nbdmuxd.conf(5) has a test that hits it" {
	local name number file title

	limits >rows
	[ "$(wc -l <rows)" -ge 20 ]
	while IFS='|' read -r name number file title; do
		grep -qF "@test \"$title" "$BATS_TEST_DIRNAME/$file" ||
		    { echo "$name: $file has no test \"$title\""; return 1; }
	done <rows
}

@test "every key with a limit is in the table of limits, with its default" {
	limits | sed -n 's/^Cm \([^|]*\)|\([^|]*\)|.*/\1 \2/p' |
	    sed 's/ s$//' | sort >table
	nbdmuxd --help |
	    sed -n 's/^  --\([a-z-]*\)=.*\[\(.*\)\]$/\1 \2/p' |
	    grep -E '^(max-[a-z-]*|handshake-timeout|keepalive|drain-timeout) ' |
	    sort >keys
	agree table keys
}

@test "the numbers in the table of limits are those of the source" {
	local constant file number row

	limits | cut -d '|' -f 1-2 >rows
	while IFS='|' read -r constant file number row; do
		grep -qF "#define $constant $number" "$SRC/$file"
		grep -qxF "$row" rows
	done <<-'END'
		REFUSALS_PER_MINUTE|loop/refusals.h|20 |lines about refusals, a kind|20 a minute
		REFUSALS_ENTRIES|loop/refusals.h|600 |lines about clients|600 a minute
		REFUSALS_ADDRESSES|loop/refusals.h|64 |refused addresses with lines|64
		STATUS_EXTENTS|session/status.c|2000 |extents in a reply|2000
		NBD_STRING_MAX|wire/proto.h|4096 |name that a client asks for|4096 bytes
		NBD_STRING_MAX|wire/proto.h|4096 |query of a metadata context|4096 bytes
		STRING_MAX|spool/recordcheck.c|4096|description|4096 bytes
		RECORD_FILE_MAX|spool/record.h|(64 * 1024)|entry of the spool|64K
		UNSENT_MAX|loop/peer.c|(256 * 1024)|unsent bytes in the kernel|256K
		SESSION_MAX_ACCEPTED|session/impl.h|(64u << 20)|length of a read|64M
		SESSION_MAX_SKIPPED|session/impl.h|(1u << 30)|payload that is skipped|1G
		WAIT_MAX|loop/acquire.c|5.0 |wait for an exclusive one|5 s
	END
}

# --- what programs print -----------------------------------------------------------

# members_of JSON: the names of all members, of objects in it, too.
members_of()
{
	/usr/bin/python3 -c 'import json, sys
def walk(x):
	for key, value in x.items() if isinstance(x, dict) else ():
		# The keys of an entry are told on a page of their own.
		if key not in ("spool", "requests") or not isinstance(value, dict):
			walk(value)
		names.add(key)
	for value in x if isinstance(x, list) else ():
		walk(value)
names = set()
for file in sys.argv[1:]:
	walk(json.load(open(file)))
print("\n".join(sorted(names)))' "$@"
}

# A client that stays until the end of the test.
hold()
{
	/usr/bin/python3 -c 'import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
name = sys.argv[2].encode()
data = s.recv(18, socket.MSG_WAITALL)
s.sendall(struct.pack(">I8sII", 3, b"IHAVEOPT", 1, len(name)) + name)
s.recv(10, socket.MSG_WAITALL)
s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, 0, 0, 4096))
s.recv(16 + 4096, socket.MSG_WAITALL)
open("held", "w").close()
s.recv(1)' "$PORT" "$1" 3>&- &
	CLIENT=$!
	wait_for 10 test -e held
}

@test "the members of nbdmux-ls --json are those of its page" {
	setup_daemon
	truncate -s 1M image
	nbdmux-add image image
	hold image
	nbdmux-ls --json >ls.json
	kill "$CLIENT"
	members_of ls.json >json
	# Of the daemon the page tells in a paragraph.
	{
		manual members "$MAN/nbdmux-ls.8" JSON
		sed -n '/^\.It Cm daemon$/,/^\.It Cm exports$/p' "$MAN/nbdmux-ls.8" |
		    sed -n 's/^\.Cm \([a-z]*\).*/\1/p'
	} | sort -u >page
	agree page json
	/usr/bin/python3 -c 'import json
e = json.load(open("ls.json"))["exports"][0]
print("\n".join(sorted(e["spool"])))' >spool.keys
	manual keys "$MAN/nbdmux-export.5" | sed 's/ |.*//' >page
	agree page spool.keys
	/usr/bin/python3 -c 'import json
e = json.load(open("ls.json"))["exports"][0]
print(" , ".join(e["requests"]))' >requests
	grep -qF ".Cm $(cat requests) " "$MAN/nbdmux-ls.8"
}

@test "the members of nbdmux-add --json and nbdmux-rm --json are those of their pages" {
	setup_daemon
	truncate -s 1M image
	nbdmux-add --json image image >add.json
	nbdmux-rm --json image >rm.json
	members_of add.json >json
	manual members "$MAN/nbdmux-add.8" JSON >page
	agree page json
	members_of rm.json >json
	manual members "$MAN/nbdmux-rm.8" JSON >page
	agree page json
}

@test "the events of the log are those of nbdmuxd(8)" {
	/usr/bin/python3 -c 'import glob, re, sys
events = set()
for file in glob.glob(sys.argv[1] + "/*/*.c"):
	for call in re.findall(r"\blog_(?:begin|error|warning|info|debug)\((.*?);",
			open(file).read(), re.S):
		events |= set(re.findall(r"^[^\"]*\"([a-z]+)\"", call))
print("\n".join(sorted(events)))' "$SRC" >source
	manual members "$MAN/nbdmuxd.8" Log >listed
	agree listed source
}

@test "a reader that knows nbdmux-state(5) alone finds the counters and the clients" {
	setup_daemon
	truncate -s 1M image
	nbdmux-add -w image image
	hold image
	kill "$CLIENT"
	rm held
	hold image
	# The first client's counters have moved to the export.
	wait_for 10 test "$(nbdmux-ls --json image |
	    grep -o '"clients":1' | head -1)" = '"clients":1'
	manual stats "$MAN/nbdmux-state.5" "$STATE/stats" >stats.json
	nbdmux-ls --json >ls.json
	kill "$CLIENT"
	/usr/bin/python3 -c 'import calendar, json, time
seen, told = json.load(open("stats.json")), json.load(open("ls.json"))
names = {"requests: read": "read", "requests: write": "write",
	"requests: flush": "flush", "requests: trim": "trim",
	"requests: cache": "cache", "requests: write zeroes": "zero",
	"requests: block status": "status", "requests: other": "other"}
wanted = {}
for e in told["exports"]:
	c = {name: e["requests"][key] for name, key in names.items()}
	c["error replies"] = e["errors"]
	c["bytes sent to clients"] = e["bytes_read"]
	c["bytes written by clients"] = e["bytes_written"]
	wanted[e["name"]] = c
times = {}
for name, c in seen["exports"].items():
	times[name] = {k: c.pop(k) for k in list(c) if k not in wanted[name]}
	replies = sum(v for k, v in times[name].items() if "replies: " in k)
	assert replies == sum(c[k] for k in names), (name, c, times)
assert seen["exports"] == wanted, (seen["exports"], wanted)
assert seen["all"]["requests: read"] == 2 and seen["workers"] == 16, seen
assert sum(l["rounds"] for l in seen["loops"]) > 4, seen["loops"]
took = times["image"]["ns of all replies together"]
assert sum(l["busy"] for l in seen["loops"]) >= took > 0, (took, seen["loops"])
assert wanted["image"]["requests: read"] == 2, wanted
clients = [[c["client"], c["export"], c["generation"], calendar.timegm(
	time.strptime(c["since"], "%Y-%m-%dT%H:%M:%SZ")), c["tls"],
	c["identity"]]
	for c in told["connections"]]
assert len(clients) == 1 and seen["clients"] == clients, (seen, clients)'
}

# --- examples ------------------------------------------------------------------------

# The files of examples name images that are not there: all else is right.
@test "the examples of entries and configurations are accepted" {
	local n

	for n in 0 1; do
		manual block "$MAN/nbdmux-export.5" "file: export" $n |
		    sed "s,^image = .*,image = $PWD/image," >"$SPOOL/e$n.ini"
	done
	truncate -s 1M image
	nbdmuxd -t --user="$(id -un)"
	for n in 0 1; do
		manual block "$MAN/nbdmuxd.conf.5" "file: conf" $n >conf
		nbdmuxd -t -C conf --user="$(id -un)" --image-dirs=/
	done
}

@test "the tour of nbdmux(7) works, and prints what stands there" {
	printf '[nbdmuxd]\nuser = %s\n' "$(id -un)" >"$NBDMUX_CONF"
	EXAMPLE_PORT=$(free_port) examples nbdmux.7 "run: tour"
	wait_for 10 test ! -e state/daemon.ini
	[ "$(grep -c '^\$ ' "$MAN/nbdmux.7")" -le 12 ]
}

@test "the examples of nbdmuxd(8) work" {
	printf '[nbdmuxd]\nuser = %s\n' "$(id -un)" >"$NBDMUX_CONF"
	examples nbdmuxd.8 "run: daemon"
	wait_for 10 test ! -e private/state/daemon.ini
}

@test "the examples of nbdmux-add(8) work" {
	setup_daemon
	examples nbdmux-add.8 "run: add"
}

@test "the examples of nbdmux-rm(8) work" {
	setup_daemon
	examples nbdmux-rm.8 "run: rm"
}

@test "the examples of nbdmux-ls(8) work" {
	setup_daemon
	examples nbdmux-ls.8 "run: ls"
}

@test "the examples of nbdmux-events(8) work" {
	setup_daemon
	examples nbdmux-events.8 "run: events"
}

@test "the events that are recorded are those of nbdmux-events(8)" {
	local page=$MAN/nbdmux-events.8

	sed -n '/^The events, with/,/^Who was refused/p' "$page" |
	    sed -n 's/^\.It Sy //p' | tr -d ' ' | tr ',' '\n' | sort >listed
	# The configuration has keys of such names.
	grep -hoE --exclude=config.c \
	    '"(export|client|server|fetch|login|setting)(-[a-z]+)+"' "$SRC"/*/*.c >quoted
	grep -hoE '"login"' "$SRC/http/login.c" >>quoted
	tr -d '"' <quoted | sort -u >source
	agree listed source
}

@test "the examples of nbdmux-export(5) and nbdmux-state(5) work" {
	setup_daemon
	examples nbdmux-export.5 "run: export"
	wait_for 10 answers blank
	[ "$(state_of blank status)" = ready ]
	manual run "$MAN/nbdmux-state.5" "run: state"
}

@test "the pages agree with the source on the longest write that is all or nothing" {
	local kib page

	kib=$(sed -n 's/^#define CHUNK_WRITE (\([0-9]*\) \* 1024).*/\1/p' \
	    "$SRC/base/chunk.h")
	for page in nbdmux-protocol.7 nbdmux-export.5; do
		grep -q "^Up to $kib KiB are written" "$MAN/$page"
	done
	grep -q "^A WRITE of more than $kib KiB" "$MAN/nbdmux-protocol.7"
}

@test "nbdmux-protocol(7) speaks of every option, command, flag, type and error" {
	local list name

	for list in NBD_HANDSHAKE_FLAGS NBD_TRANSMISSION_FLAGS NBD_OPTIONS \
	    NBD_INFOS NBD_COMMANDS NBD_COMMAND_FLAGS NBD_REPLY_TYPES \
	    NBD_STATES NBD_ERRORS; do
		sed -n "/^#define $list(X)/,/[^\\\\]\$/s/.*X(\(NBD_[A-Z_]*\),.*/\1/p" \
		    "$SRC/wire/proto.h" >names
		[ -s names ]
		while read -r name; do
			[ "$name" != NBD_SUCCESS ] || continue
			grep -q "\<$name\>" "$MAN/nbdmux-protocol.7" ||
			    { echo "$name of $list is not there"; return 1; }
		done <names
	done
}
