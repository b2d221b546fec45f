#!/usr/bin/env bats
# What happens is recorded, by the daemon and the tools, and nbdmux-events
# prints it: after rotations, full disks and restarts, too.

bats_require_minimum_version 1.5.0
load helper

setup()
{
	cd "$BATS_TEST_TMPDIR" || return
	setup_dirs
	unset SSH_CLIENT SUDO_USER
	truncate -s 1M image
}

teardown()
{
	[ -z "${FOLLOWER:-}" ] || kill "$FOLLOWER" 2>/dev/null || true
	stop_daemon
	! mountpoint -q "$DATA" || umount -l "$DATA"
}

# recorded FILTER: the events for which the jq expression is true.
recorded()
{
	[ -e "$DATA/events.jsonl" ] || return 1
	jq -c "select($1)" "$DATA/events.jsonl" | grep .
}

# names NAME: its events by the daemon, on one line.
names()
{
	jq -r "select(.export == \"$1\" and .program == \"nbdmuxd\") | .event" \
	    "$DATA/events.jsonl" | tr '\n' ' '
}

# put COUNT [EXPORT]: events of one's own making.
put()
{
	/usr/bin/python3 - "$@" >>"$DATA/events.jsonl" <<'END'
import sys
name = sys.argv[2] if len(sys.argv) > 2 else "disk"
for i in range(int(sys.argv[1])):
	print('{"time":"2026-11-20T00:%02d:%02d.%03dZ","event":"export-served",'
		'"program":"nbdmuxd","who":null,"export":"%s","generation":%d}'
		% (i // 60000, i // 1000 % 60, i % 1000, name, i))
END
}

# --- the daemon ----------------------------------------------------------------

@test "the daemon records what becomes of an export" {
	needs jq nbdinfo
	setup_daemon
	add_export disk "$PWD/image"
	wait_for 5 recorded '.event == "export-served"'
	truncate -s 2M other
	mv other image
	nbdinfo --size "nbd://127.0.0.1:$PORT/disk"
	wait_for 5 recorded '.event == "export-served" and .generation == 2'
	put_export disk "$PWD/image" ro "description = another"
	wait_for 5 recorded '.event == "export-changed"'
	put_export disk "$PWD/nowhere"
	wait_for 5 recorded '.event == "export-failed"'
	rm "$SPOOL/disk.ini"
	wait_for 5 recorded '.event == "export-removed"'
	[ "$(names disk | sed 's/client-[a-z]* //g')" = "export-added\
 export-served export-served export-changed export-served export-changed\
 export-failed export-removed " ]
	recorded '.event == "export-failed" and (.error | test("nowhere.*is still served")) and .generation == 3'
	recorded '.event == "export-served" and .size == 2097152 and .image == "'"$PWD/image"'"'
}

@test "a setting that was changed is recorded, as it was and as it is" {
	needs jq
	setup_daemon
	kill -HUP "$DAEMON"
	wait_for 5 grep -q "read again" "$LOG"
	printf '[nbdmuxd]\nmax-per-address = 77\nthreads = 3\n' >"$NBDMUX_CONF"
	kill -HUP "$DAEMON"
	wait_for 5 recorded '.event == "setting-changed" and .setting == "threads" and .to == "3" and .restart'
	recorded '.event == "setting-changed" and .setting == "max-per-address" and .to == "77" and .restart == false'
	printf '[nbdmuxd]\n' >"$NBDMUX_CONF"
	kill -HUP "$DAEMON"
	wait_for 5 recorded '.setting == "max-per-address" and .from == "77"'
	[ "$(recorded '.event == "setting-changed"' | wc -l)" -eq 4 ]
}

@test "a client's coming and going is recorded, with bytes and reason" {
	needs jq qemu-io
	add() { add_export disk "$PWD/image" rw; }
	setup_daemon
	add
	qemu-io -f raw -c "write 0 64k" -c "read 0 128k" \
	    "nbd://127.0.0.1:$PORT/disk"
	wait_for 5 recorded '.event == "client-ended" and .export == "disk" and .bytes_read == 131072 and
	    .bytes_written == 65536 and .errors == 0 and .requests >= 2 and
	    .reason == "client disconnected" and .generation == 1'
	recorded '.event == "client-connected" and (.who | startswith("127.0.0.1:")) and .tls == false'
	# Who enters no export is no client.
	bash -c ": <>/dev/tcp/127.0.0.1/$PORT"
	wait_for 5 grep -q "reason=\"client closed" "$LOG" || true
	[ "$(recorded '.event == "client-ended"' | wc -l)" -eq 1 ]
}

@test "a restart is two events, however many exports there are" {
	needs jq
	for i in {1..50}; do
		put_export "disk$i" "$PWD/image"
	done
	put_export bad "$PWD/nowhere"
	setup_daemon
	kill -TERM "$DAEMON"
	ended
	start_daemon
	wait_for 5 recorded '.event == "server-stopped"'
	wait_for 5 [ "$(wc -l <"$DATA/events.jsonl")" -eq 3 ]
	[ "$(recorded '.event == "server-started" and .exports == 51 and .failed == 1' | wc -l)" -eq 2 ]
}

@test "the end of the daemon comes after the end of its clients" {
	needs jq
	setup_daemon
	add_export disk "$PWD/image"
	/usr/bin/python3 -c 'import nbd, sys, time
h = nbd.NBD()
h.connect_uri(sys.argv[1])
open("there", "w")
time.sleep(60)' "nbd://127.0.0.1:$PORT/disk" 3>&- &
	FOLLOWER=$!
	wait_for 20 test -e there
	kill -TERM "$DAEMON"
	ended
	tail -2 "$DATA/events.jsonl" | jq -r .event >last
	[ "$(tr '\n' ' ' <last)" = "client-ended server-stopped " ]
	DAEMON=
}

@test "ten thousand clients an hour fill no disk: what is left out is counted" {
	needs jq
	setup_daemon
	add_export disk "$PWD/image"
	/usr/bin/python3 -c 'import nbd, sys
for i in range(700):
	h = nbd.NBD()
	h.connect_uri(sys.argv[1])
	h.shutdown()' "nbd://127.0.0.1:$PORT/disk"
	[ "$(recorded '.event == "client-connected"' | wc -l)" -eq 600 ]
	# The next one tells: 100 that came and went.
	rm "$SPOOL/disk.ini"
	wait_for 5 recorded '.event == "export-removed" and .lost == 200'
}

@test "a data directory that cannot be written costs events, and nothing else" {
	needs jq nbdinfo
	mkdir -p "$STATE"
	echo no directory >"$DATA"
	setup_daemon
	add_export disk "$PWD/image"
	nbdinfo --size "nbd://127.0.0.1:$PORT/disk"
	nbdmux-add -d another disk image 2>said
	grep "what was done is done" said
	[ "$(grep -c "what happens is lost" "$LOG")" -eq 1 ]
	# It comes back with the next event, which says how many are missing.
	rm "$DATA"
	rm "$SPOOL/disk.ini"
	wait_for 5 recorded '.event == "export-removed" and .lost >= 5'
	BASELINE=$((BASELINE + 1)) # the file, which is open from now on
}

@test "a full disk cuts lines off, and the next ones are whole" {
	needs jq
	[ "$(id -u)" = 0 ] || skip "only root can mount a small file system"
	mkdir -p "$DATA"
	mount -t tmpfs -o size=8k tmpfs "$DATA" || skip "cannot mount a tmpfs"
	setup_daemon
	head -c 1M /dev/zero >"$DATA/filler" 2>/dev/null || true
	for i in {1..60}; do
		add_export "disk$i" "$PWD/image"
	done
	[ "$(grep -c "what happens is lost" "$LOG")" -eq 1 ]
	rm "$DATA/filler"
	mount -o remount,size=1m "$DATA"
	add_export last "$PWD/image"
	wait_for 5 grep -q '"export":"last".*"lost":' "$DATA/events.jsonl"
	nbdmux-events --json last >some
	jq -se 'map(.lost // 0) | add > 0' some
	nbdmux-events --json >all
	[ "$(jq -c . <all | wc -l)" -eq "$(wc -l <all)" ]
	stop_daemon
}

# --- who did it ----------------------------------------------------------------

@test "the tools record who added, changed and removed" {
	needs jq
	setup_daemon
	nbdmux-add disk image
	SSH_CLIENT="192.0.2.7 4711 22" nbdmux-add -d words disk image
	nbdmux-add -d words disk image
	SUDO_USER=alice nbdmux-rm --kick disk
	nbdmux-rm disk
	jq -r 'select(.program != "nbdmuxd") | "\(.program) \(.event) \(.who)"' \
	    "$DATA/events.jsonl" >got
	me=$(id -un)
	cat >wanted <<-END
	nbdmux-add export-added $me
	nbdmux-add export-changed $me from 192.0.2.7
	nbdmux-rm export-removed $me (sudo by alice)
	END
	diff -u wanted got
	recorded '.program == "nbdmux-rm" and .draining == false'
}

@test "an export that the daemon refuses is recorded as that" {
	needs jq
	head -c 1M /dev/zero >secret
	chmod 0 secret
	setup_daemon "--image-dirs=$PWD/images"
	run nbdmux-add disk image
	[ "$status" -eq 4 ]
	recorded '.program == "nbdmux-add" and .event == "export-failed" and
	    (.error | test("image-dirs"))'
	run ! recorded '.program == "nbdmux-add" and .event == "export-added"'
}

@test "a dry run records nothing" {
	setup_daemon
	nbdmux-add --check disk image
	nbdmux-rm --check disk
	run grep nbdmux- "$DATA/events.jsonl"
	[ "$status" -eq 1 ]
}

# --- nbdmux-events --------------------------------------------------------------

@test "events are lines for people, oldest first" {
	needs jq
	setup_daemon
	add_export disk "$PWD/image"
	nbdmux-add -d words disk image
	wait_for 5 recorded '.program == "nbdmux-add"'
	nbdmux-events >out
	cat out
	head -1 out | grep -E '^20[0-9-]{8} [0-9:]{8}Z  server-started    -             version='
	grep -E "^[^a-z]*export-changed    disk          who=$(id -un)  image=$PWD/image  mode=ro\$" out
	grep -E 'export-served     disk          generation=1  size=1M' out
	cut -c1-20 out | sort -c
}

@test "--json gives the lines as they are written" {
	setup_daemon
	add_export disk "$PWD/image"
	wait_for 5 recorded '.event == "export-served"'
	nbdmux-events --json >out
	diff -u "$DATA/events.jsonl" out
}

@test "--event and names select, as patterns, too" {
	needs jq
	mkdir -p "$DATA"
	put 3 alpha
	put 2 beta
	echo '{"time":"2026-11-20T01:00:00.000Z","event":"login","program":"x","who":"y","export":null}' >>"$DATA/events.jsonl"
	[ "$(nbdmux-events alpha | wc -l)" -eq 3 ]
	[ "$(nbdmux-events '*a' | wc -l)" -eq 5 ]
	[ "$(nbdmux-events gamma beta | wc -l)" -eq 2 ]
	[ "$(nbdmux-events --event=login | wc -l)" -eq 1 ]
	[ "$(nbdmux-events --event='export-*' --event=log | wc -l)" -eq 5 ]
	[ "$(nbdmux-events --event=login alpha | wc -l)" -eq 0 ]
}

@test "the newest hundred are shown, or as many as --limit says" {
	needs jq
	mkdir -p "$DATA"
	put 5000
	[ "$(nbdmux-events | wc -l)" -eq 100 ]
	nbdmux-events --json --limit=3 | jq .generation >got
	[ "$(tr '\n' ' ' <got)" = "4997 4998 4999 " ]
	[ "$(nbdmux-events --limit=0 | wc -l)" -eq 0 ]
	[ "$(nbdmux-events --limit=1000000 | wc -l)" -eq 5000 ]
}

@test "--since takes a point in time, or how long ago" {
	needs jq
	mkdir -p "$DATA"
	put 5000
	[ "$(nbdmux-events --since=2026-11-20T00:00:04Z | wc -l)" -eq 1000 ]
	[ "$(nbdmux-events --since=2026-11-20T00:00:04.500 | wc -l)" -eq 500 ]
	[ "$(nbdmux-events --since='2026-11-20 00:00:04' --limit 7 | wc -l)" -eq 7 ]
	[ "$(nbdmux-events --since=2026-11-20 | wc -l)" -eq 5000 ]
	setup_daemon
	wait_for 5 recorded '.event == "server-started"'
	[ "$(nbdmux-events --since=10m | wc -l)" -eq 1 ]
	[ "$(nbdmux-events --since=99999d | wc -l)" -eq 5001 ]
	run nbdmux-events --since=yesterday
	[ "$status" -eq 2 ]
	[[ $output == *"use 10m"* ]]
	run nbdmux-events --limit=-1
	[ "$status" -eq 2 ]
}

@test "rotated files are read, in the order of their age" {
	needs jq
	mkdir -p "$DATA"
	put 2 oldest
	mv "$DATA/events.jsonl" "$DATA/events.jsonl.2"
	put 2 old
	mv "$DATA/events.jsonl" "$DATA/events.jsonl-20261120"
	put 2 new
	touch -d "2 days ago" "$DATA/events.jsonl.2"
	touch -d "1 day ago" "$DATA/events.jsonl-20261120"
	put 2 backup
	head -c 100 /dev/urandom >"$DATA/events.jsonl.3.gz"
	cp "$DATA/events.jsonl" "$DATA/events.jsonl.bak"
	nbdmux-events --json | jq -r .export | uniq >got
	[ "$(tr '\n' ' ' <got)" = "oldest old new backup " ]
	nbdmux-events --json --limit=5 | jq -r .export | uniq >got
	[ "$(tr '\n' ' ' <got)" = "old new backup " ]
}

@test "what is no event is passed over" {
	mkdir -p "$DATA"
	put 1
	{
		printf '{"time":"2026-11-20T00:00:00.000Z","eve\n\n'
		printf 'rubbish \377\n{"time":1,"event":"x"}\n'
		head -c 300000 /dev/zero | tr '\0' x
		printf '\n{"time":"2026-11-20T00:00:00.000Z","event":["x"]}\n'
		for rest in '"who":nul' '"n":01' '"n":1.' '"n":-' '"n":1e+' '"n":e5' \
		    '"who":"\377"' '"who":"\300\257"' '"n":1,'; do
			printf '{"time":"2026-11-20T00:00:00.000Z","event":"x",%b}\n' "$rest"
		done
	} >>"$DATA/events.jsonl"
	put 1
	printf '{"time":"2026-11-20T00:00:00.000Z"' >>"$DATA/events.jsonl"
	[ "$(nbdmux-events | wc -l)" -eq 2 ]
	nbdmux-events --json | jq -e . >/dev/null
}

@test "what a client or a file brings cannot write to the terminal" {
	mkdir -p "$DATA"
	printf '%s\n' '{"time":"2026-11-20T00:00:00.000Z","event":"login-failed","program":"x","who":"\u001b[2J \"x\"=\u000a","export":"a\u0007b"}' \
	    >"$DATA/events.jsonl"
	nbdmux-events >out
	cat -v out
	run ! grep -P '[\x00-\x09\x0b-\x1f]' out
	grep -F 'who="\x1b[2J' out
}

# follow OPTION...: nbdmux-events -f into the file followed.
follow()
{
	nbdmux-events -f "$@" >followed 3>&- &
	FOLLOWER=$!
}

said()
{
	grep -q "$1" followed
}

@test "-f goes on with what comes, from when it began, across rotations" {
	needs jq
	mkdir -p "$DATA"
	put 20 before
	follow --json
	wait_for 10 said before
	[ "$(wc -l <followed)" -eq 10 ]
	put 1 first
	wait_for 10 said first
	mv "$DATA/events.jsonl" "$DATA/events.jsonl.1"
	# A writer that was late.
	put 1 late
	cat "$DATA/events.jsonl" >>"$DATA/events.jsonl.1"
	rm "$DATA/events.jsonl"
	put 1 second
	wait_for 10 said second
	cp "$DATA/events.jsonl" "$DATA/events.jsonl.2"
	: >"$DATA/events.jsonl"
	sleep 0.5
	put 1 third
	wait_for 10 said third
	rm "$DATA/events.jsonl"
	put 1 fourth
	wait_for 10 said fourth
	jq -r .export followed | tail -n +11 >got
	[ "$(tr '\n' ' ' <got)" = "first late second third fourth " ]
}

@test "-f shows the daemon's events as they come, only those that are wanted" {
	needs jq
	setup_daemon
	wait_for 5 recorded '.event == "server-started"'
	follow --limit=0 --event=export-served 'd*'
	wait_for 10 test -e followed
	add_export other "$PWD/image"
	add_export disk "$PWD/image"
	wait_for 10 said disk
	[ "$(wc -l <followed)" -eq 1 ]
}

@test "-f waits for a file that is not there yet, and ends with its reader" {
	mkdir -p "$DATA"
	mkfifo pipe
	nbdmux-events -f >pipe 3>&- &
	FOLLOWER=$!
	exec 7<pipe
	put 1
	read -r -t 10 line <&7
	[[ $line == *disk* ]]
	exec 7<&-
	gone() { ! kill -0 "$FOLLOWER" 2>/dev/null; }
	wait_for 10 gone
}

@test "without a data directory nbdmux-events says where it looked" {
	run nbdmux-events
	[ "$status" -eq 1 ]
	[[ $output == *"$DATA"*NBDMUX_DATA* ]]
	NBDMUX_DATA=$PWD/own run nbdmux-events
	[[ $output == *"$PWD/own"* ]]
	mkdir own
	echo "data-dir = $PWD/own" >>"$NBDMUX_CONF"
	nbdmux-events
}

@test "logrotate's example rotates under a daemon that goes on" {
	needs logrotate jq
	setup_daemon
	wait_for 5 recorded '.event == "server-started"'
	sed "s,/var/lib/nbdmux,$DATA,; s/^\(\s*su\) .*/\1 $(id -un) $(id -gn)/
	    s/^\(\s*create\) .*/\1 0664 $(id -un) $(id -gn)/" \
	    "$BATS_TEST_DIRNAME/../etc/logrotate/nbdmux" >rotate.conf
	grep -q "$DATA/events.jsonl" rotate.conf
	logrotate -f -s "$PWD/rotate.state" rotate.conf
	[ -e "$DATA"/events.jsonl.1 ] || ls "$DATA"/events.jsonl-*
	add_export disk "$PWD/image"
	wait_for 5 recorded '.event == "export-served"'
	run ! recorded '.event == "server-started"'
	[ "$(nbdmux-events --json | jq -r .event | head -1)" = server-started ]
}
