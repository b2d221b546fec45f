#!/usr/bin/env bats
# The tools and a running daemon: its answer is heard, in time or not, a
# refusal leaves the spool as it was, and clients drain or are disconnected.

bats_require_minimum_version 1.5.0
load helper

# Images that the daemon may serve are in ok/, others are not.
setup()
{
	cd "$BATS_TEST_TMPDIR"
	mkdir ok
	truncate -s 1M ok/image bad
	truncate -s 2M ok/image2
	setup_daemon --image-dirs="$PWD/ok"
	printf '%s\n' "$HOLD" >hold
}

teardown()
{
	kill -CONT "$DAEMON" 2>/dev/null || true
	# shellcheck disable=SC2086 # a list of words
	[ -z "${CLIENTS:-}" ] || kill $CLIENTS 2>/dev/null || true
	stop_daemon
}

# A client that has negotiated an export and stays until it is disconnected;
# each line on its standard input makes it read 4 KiB.
HOLD='import select, socket, struct, sys
def get(n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more: sys.exit(0)
        data += more
    return data
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
get(18)
s.sendall(struct.pack(">I8sII", 3, b"IHAVEOPT", 1, len(sys.argv[2])) +
    sys.argv[2].encode())
get(10)
open(sys.argv[3], "w").close()
while True:
    if s in select.select([s, sys.stdin], [], [])[0]: get(1)
    if not sys.stdin.readline(): sys.exit(0)
    s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, 0, 0, 4096))
    get(16 + 4096)
'

# hold NAME: such a client, whose pid is then in $CLIENT; it has a line of
# input to read with "echo >&$INPUT".
hold()
{
	rm -f held pipe
	mkfifo pipe
	exec {INPUT}<>pipe
	/usr/bin/python3 hold "$PORT" "$1" held <pipe 3>&- &
	CLIENT=$!
	CLIENTS+=" $!"
	await "[ -e held ]"
}

# await CONDITION: until it is true, 5 seconds at most.
await()
{
	local i

	for ((i = 0; i < 250; i++)); do
		eval "$1" && return
		sleep 0.02
	done
	echo "never: $1"
	return 1
}

json()
{
	/usr/bin/python3 -c 'import json, sys
d = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"
}

spool_picture()
{
	find "$SPOOL" ! -name '.nbdmux-*' -printf '%P %m %s\n' | sort
	find "$SPOOL" -type f -exec cat {} +
}

# --- nbdmux-add ---------------------------------------------------------------

@test "add prints the URI of an export that is served" {
	run --separate-stderr nbdmux-add disk ok/image
	[ "$status" -eq 0 ]
	[ "$output" = "added nbd://127.0.0.1:$PORT/disk" ]
	[ -z "$stderr" ]
	[ "$(nbdinfo --size "${output#added }")" = 1048576 ]
	run nbdmux-add disk ok/image
	[ "$status $output" = "0 unchanged nbd://127.0.0.1:$PORT/disk" ]
	nbdmux-add --json -w disk ok/image >out
	[ "$(json 'd["result"], d["served"], d["uri"], d["size"], d["generation"]' <out)" = \
	    "('changed', True, 'nbd://127.0.0.1:$PORT/disk', 1048576, 2)" ]
}

@test "when add returns, clients get exactly what it was told" {
	for i in {1..20}; do
		nbdmux-add disk ok/image
		[ "$(nbdinfo --size "nbd://127.0.0.1:$PORT/disk")" = 1048576 ]
		nbdmux-add disk ok/image2
		[ "$(nbdinfo --size "nbd://127.0.0.1:$PORT/disk")" = 2097152 ]
	done
}

@test "a new export that the daemon refuses is taken out of the spool again" {
	before=$(spool_picture)
	run nbdmux-add disk bad
	echo "$output"
	[ "$status" -eq 4 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "nbdmux-add: the daemon refuses disk: "*"$PWD/bad"*"; the spool is as it was" ]]
	[ "$(spool_picture)" = "$before" ]
	await '! nbdmux-ls disk >/dev/null 2>&1'
	run --separate-stderr nbdmux-add --json disk bad
	[ "$status" -eq 4 ]
	[ "$(json 'd["result"], d["served"]' <<<"$output")" = "('refused', False)" ]
}

@test "an old export that a refused one would replace is back to the byte" {
	printf '; mine\n[export]\nimage=%s\n' "$PWD/ok/image" >"$SPOOL/disk.ini"
	chmod 640 "$SPOOL/disk.ini"
	before=$(spool_picture)
	hold disk
	run nbdmux-add -w disk bad
	[ "$status" -eq 4 ]
	[ "$(spool_picture)" = "$before" ]
	await 'nbdmux-ls --json disk | json "d[\"exports\"][0][\"error\"]" | grep -qx None'
	[ "$(nbdinfo --size "nbd://127.0.0.1:$PORT/disk")" = 1048576 ]
	kill -0 "$CLIENT"
}

@test "an export that failed is looked at again when its image has come" {
	printf '[export]\nimage = %s\n' "$PWD/ok/late" >"$SPOOL/disk.ini"
	await 'nbdmux-ls disk 2>/dev/null | grep -q failed'
	truncate -s 3M ok/late
	run nbdmux-add disk ok/late
	[ "$status $output" = "0 unchanged nbd://127.0.0.1:$PORT/disk" ]
	[ "$(nbdinfo --size "nbd://127.0.0.1:$PORT/disk")" = 3145728 ]
}

@test "a daemon that does not answer is waited for as long as told" {
	kill -STOP "$DAEMON"
	start=$(date +%s%N)
	run nbdmux-add --timeout 0.5 disk ok/image
	took=$((($(date +%s%N) - start) / 1000000))
	kill -CONT "$DAEMON"
	echo "$took ms: $output"
	[ "$status" -eq 5 ]
	[ "$took" -ge 500 ] && [ "$took" -lt 2000 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"pid $DAEMON"*"within 0.5 s"*"disk.ini stays"* ]]
	[ -e "$SPOOL/disk.ini" ]
	await 'nbdmux-ls disk | grep -q ready'
}

@test "a signal while add waits leaves the new file whole" {
	kill -STOP "$DAEMON"
	for signal in INT TERM HUP; do
		rm -f "$SPOOL/disk.ini"
		# bash ignores INT for what it starts in the background.
		/usr/bin/python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' nbdmux-add disk ok/image 2>err &
		adding=$!
		await '[ -e "$SPOOL/disk.ini" ]'
		sleep 0.1
		kill -$signal $adding
		wait $adding && status=0 || status=$?
		[ "$status" -eq $((128 + $(kill -l $signal))) ]
		[ "$(cat err)" = "nbdmux-add: interrupted; disk.ini stays in the spool" ]
		[ "$(ls -A "$SPOOL")" = disk.ini ]
	done
	kill -CONT "$DAEMON"
	await 'nbdmux-ls disk | grep -q ready'
}

@test "add says when somebody else's change came in between" {
	kill -STOP "$DAEMON"
	nbdmux-add disk ok/image 2>err &
	adding=$!
	await '[ -e "$SPOOL/disk.ini" ]'
	printf '[export]\nimage = %s\n' "$PWD/ok/image2" >theirs
	mv theirs "$SPOOL/disk.ini"
	wait $adding && status=0 || status=$?
	[ "$status" -eq 1 ]
	[[ $(cat err) == *"somebody else changed disk.ini"* ]]
	grep -q image2 "$SPOOL/disk.ini"
}

@test "a daemon of another spool is not waited for" {
	mkdir other
	run nbdmux-add -s "$PWD/other" disk ok/image
	[ "$status" -eq 1 ]
	[[ $output == *"serves the spool $SPOOL, not $PWD/other"* ]]
	[ -z "$(ls -A other)" ]
	run --separate-stderr nbdmux-add -s other -S "$PWD/none" disk ok/image
	[ "$status $output" = "0 added" ]
}

# --- nbdmux-rm ----------------------------------------------------------------

@test "rm returns when no new client can come, and lets the others finish" {
	nbdmux-add disk ok/image
	hold disk
	run nbdmux-rm disk
	[ "$status $output" = "0 removed disk" ]
	run nbdinfo "nbd://127.0.0.1:$PORT/disk"
	[ "$status" -ne 0 ]
	run nbdmux-ls disk
	[[ ${lines[1]} == "disk "*" draining "* ]]
	run nbdmux-ls -c disk
	[[ ${lines[1]} == 127.0.0.1:*disk*"1 (removed)"* ]]
	echo >&"$INPUT"
	await 'nbdmux-ls --json disk | json "d[\"exports\"][0][\"bytes_read\"]" | grep -qx 4096'
	kill -0 "$CLIENT"
	kill "$CLIENT"
	await '! nbdmux-ls disk >/dev/null 2>&1'
}

@test "rm --wait returns when the last client has gone" {
	nbdmux-add disk ok/image
	hold disk
	run nbdmux-rm --wait --timeout 0.3 disk
	[ "$status" -eq 5 ]
	[[ $output == *"disk still has clients after 0.3 s"* ]]
	nbdmux-rm --wait disk >out &
	removing=$!
	sleep 0.5
	kill -0 $removing
	kill "$CLIENT"
	wait $removing
	[ "$(cat out)" = "absent disk" ]
	run nbdmux-ls disk
	[ "$status" -eq 3 ]
}

@test "rm --kick disconnects the clients, only those, and leaves no marker" {
	nbdmux-add disk ok/image
	nbdmux-add other ok/image
	hold other
	other=$CLIENT
	hold disk
	run nbdmux-rm --kick disk
	[ "$status $output" = "0 removed disk" ]
	await '! kill -0 $CLIENT 2>/dev/null'
	kill -0 "$other"
	[ "$(ls -A "$SPOOL")" = other.ini ]
	run nbdmux-ls disk
	[ "$status" -eq 3 ]
}

@test "rm --kick disconnects those whom an earlier rm left" {
	nbdmux-add disk ok/image
	hold disk
	nbdmux-rm disk
	kill -0 "$CLIENT"
	run nbdmux-rm --kick disk
	[ "$status $output" = "0 absent disk" ]
	await '! kill -0 $CLIENT 2>/dev/null'
	[ -z "$(ls -A "$SPOOL")" ]
}

@test "rm --kick that is interrupted or too late takes its marker away" {
	nbdmux-add disk ok/image
	kill -STOP "$DAEMON"
	nbdmux-rm --kick disk 2>err &
	removing=$!
	await '[ ! -e "$SPOOL/disk.ini" ]'
	[ -e "$SPOOL/disk.kick" ]
	kill -TERM $removing
	wait $removing && status=0 || status=$?
	[ "$status" -eq 143 ]
	[ -z "$(ls -A "$SPOOL")" ]
	cp /dev/null "$SPOOL/disk.ini"
	run nbdmux-rm --kick --timeout 0.3 disk
	[ "$status" -eq 5 ]
	[[ $output == *"not taken that up within 0.3 s"* ]]
	[ -z "$(ls -A "$SPOOL")" ]
}

@test "many exports are removed in the time of one" {
	for i in {1..50}; do
		printf '[export]\nimage = %s\n' "$PWD/ok/image" >"$SPOOL/d$i.ini"
	done
	await '[ "$(nbdmux-ls | grep -c ready)" -eq 51 ]'
	nbdmux-ls --names | grep -vx probe | nbdmux-rm - >out
	[ "$(grep -c '^removed d' out)" -eq 50 ]
	[ "$(nbdmux-ls --names)" = probe ]
}

@test "rm of the built-in export says how to be rid of it" {
	run --separate-stderr nbdmux-rm probe
	[ "$status $output" = "0 absent probe" ]
	[[ $stderr == *"probe is built in; probe = no"* ]]
}

@test "add after a new image was renamed over the old one hears of the new one" {
	nbdmux-add disk ok/image
	cp ok/image2 ok/new
	mv ok/new ok/image
	run --separate-stderr nbdmux-add --json disk ok/image
	[ "$status" -eq 0 ]
	[ "$(json '(d["result"], d["size"], d["generation"])' <<<"$output")" = \
	    "('unchanged', 2097152, 2)" ]
	mv bad ok/image
	: >ok/image
	run --separate-stderr nbdmux-add disk ok/image
	[ "$status" -ne 0 ]
	[[ $stderr == *empty* ]]
	[ -e "$SPOOL/disk.ini" ]
}

# --- nbdmux-ls ----------------------------------------------------------------

@test "ls shows what clients do, and who uses an old generation" {
	nbdmux-add disk ok/image
	hold disk
	nbdmux-add -w disk ok/image
	echo >&"$INPUT"
	await 'nbdmux-ls --json disk | json "d[\"exports\"][0][\"requests\"][\"read\"]" | grep -qx 1'
	run nbdmux-ls disk
	[[ ${lines[1]} =~ ^disk\ +rw\ +1M\ +ready\ +2,\ 1\ +1\ +0\ +0$ ]]
	run nbdmux-ls -l disk
	[[ ${lines[1]} =~ ^disk\ +rw\ +1M\ +ready\ +2,\ 1\ +1\ +4K\ +0\ +1\ +0\ +20.*Z\ +all\ +"$PWD/ok/image"$ ]]
	run nbdmux-ls -c
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[1]} =~ ^127.0.0.1:[0-9]+\ +disk\ +1\ \(old\)\ +[0-9]+s\ +4K\ +0\ +1\ +-$ ]]
	nbdmux-ls --json disk >out
	[ "$(json 'd["daemon"]["running"], d["daemon"]["pid"]' <out)" = "(True, $DAEMON)" ]
	[ "$(json '(lambda e: (e["generation"], e["old_generations"], e["clients"], e["bytes_read"]))(d["exports"][0])' <out)" = \
	    "(2, [1], 1, 4096)" ]
	[ "$(json '(lambda c: (c["export"], c["generation"], c["current"], c["bytes_read"]))(d["connections"][0])' <out)" = \
	    "('disk', 1, False, 4096)" ]
}

@test "ls measures rates" {
	nbdmux-add disk ok/image
	hold disk
	( for i in {1..100}; do echo >&"$INPUT"; sleep 0.02; done ) &
	sleep 0.2
	nbdmux-ls --json --interval 0.5 disk >out
	kill $!
	cat out
	rate=$(json 'int(d["exports"][0]["read_rate"])' <out)
	# 50 reads of 4 KiB a second at most; a busy machine makes fewer.
	[ "$rate" -gt 4096 ] && [ "$rate" -le 230000 ]
}

@test "ls shows why an export failed" {
	printf '[export]\nimage = %s\nmoed = rw\n' "$PWD/ok/image" >"$SPOOL/disk.ini"
	await 'nbdmux-ls disk 2>/dev/null | grep -q failed'
	run nbdmux-ls disk
	[ "$status" -eq 0 ]
	[[ ${lines[2]} == "    disk.ini:3: "*moed*mode* ]]
}

@test "ls says that the daemon is gone when it was killed" {
	nbdmux-add disk ok/image
	kill -KILL "$DAEMON"
	DAEMON=
	await 'nbdmux-ls 2>&1 | grep -q "no daemon runs"'
	run --separate-stderr nbdmux-ls
	[ "$status" -eq 0 ]
	[[ ${lines[1]} == "disk "*" unserved "* ]]
	run --separate-stderr nbdmux-add disk ok/image
	[ "$status $output" = "0 unchanged" ]
}
