#!/usr/bin/env bats
# nbdmuxd from its start to its end.

load helper
load lib/livetest

bats_require_minimum_version 1.5.0

setup()
{
	live_setup
	setup_dirs
	head -c 1M /dev/urandom >"$DIR/image"
}

teardown()
{
	local status=0

	stop_daemon || status=$?
	[ -z "${UNPRIVILEGED:-}" ] || rm -rf "$UNPRIVILEGED"
	return "$status"
}

# The daemon that is under test, as it would be started by hand.
daemon()
{
	timeout 20 "$NBDMUX_BIN/nbdmuxd" --user="$(id -un)" \
	    --listen=127.0.0.1:0 "$@" 3>&-
}

# --- start ---------------------------------------------------------------------

@test "a second daemon on the same state directory is refused" {
	start_daemon
	mkdir "$DIR/other"
	run -1 daemon -s "$DIR/other"
	[[ $output == *"already running"*"pid $DAEMON"*"-S"* ]]
	[ "$(state_of probe status)" = ready ]
}

@test "a second daemon on the same spool is refused" {
	start_daemon
	run -1 daemon -S "$DIR/other"
	[[ $output == *"another nbdmuxd serves the spool $SPOOL"*"-s"* ]]
}

@test "a directory that took the spool's place is locked as well" {
	start_daemon
	mv "$SPOOL" "$DIR/away"
	mkdir "$SPOOL"
	add_export disk "$DIR/image"
	run -1 --separate-stderr daemon -S "$DIR/other-state"
	[[ $stderr == *"another nbdmuxd serves the spool $SPOOL"* ]]
}

@test "after a crash the next daemon starts on what was left" {
	start_daemon
	add_export disk "$DIR/image"
	kill -KILL "$DAEMON"
	wait "$DAEMON" || true
	rm "$SPOOL/disk.ini"
	start_daemon
	[ ! -e "$STATE/exports/disk.ini" ]
	[ "$(cat "$STATE/nbdmuxd.pid")" = "$DAEMON" ]
}

@test "a wrong configuration names file, line and the nearest key" {
	printf '[nbdmuxd]\nlisten = 127.0.0.1:0\nrescam = 5\n' >"$NBDMUX_CONF"
	run -1 daemon
	[[ $output == *"$NBDMUX_CONF:3:"*rescam*rescan* ]]
	printf '[nbdmuxd]\nthreads = many\n' >"$NBDMUX_CONF"
	run -1 daemon
	[[ $output == *"$NBDMUX_CONF:2:"*threads*many* ]]
	printf '[nbdmuxd]\nrescan = 0\n' >"$NBDMUX_CONF"
	run -1 daemon
	[[ $output == *"$NBDMUX_CONF:2:"*rescan*1* ]]
	printf '[nbdmux]\nrescan = 1\n' >"$NBDMUX_CONF"
	run -1 daemon
	[[ $output == *"$NBDMUX_CONF:1:"*"[nbdmuxd]"* ]]
	[ "${#lines[@]}" -eq 1 ]
}

@test "a configuration that was named must exist, the default one need not" {
	rm "$NBDMUX_CONF"
	run -1 daemon -C "$DIR/none.conf"
	[[ $output == *"$DIR/none.conf"*"No such file"* ]]
	run -1 daemon
	[[ $output == *"$NBDMUX_CONF"*"No such file"* ]]
}

@test "wrong options are wrong usage, or name the option" {
	run -2 daemon --rescam=5
	[[ $output == *usage:* ]]
	run -2 daemon extra
	[[ $output == *"nbdmuxd: "*'"extra" is none'*usage:* ]]
	run -1 daemon --rescan=soon
	[[ $output == *--rescan*soon* ]]
	run -0 daemon --help
	[[ $output == *--max-memory=* ]]
	run -0 daemon --version
	[[ $output == "nbdmuxd (nbdmux) "[0-9]* ]]
}

@test "-t says what is wrong with the configuration and the spool, and exits" {
	put_export disk "$DIR/image"
	put_export other "$DIR/image" rw
	run -0 daemon -t
	[[ $output == *"2 exports"*"good"* ]]
	[ ! -e "$STATE/daemon.ini" ]
	put_export lost "$DIR/none"
	printf '[export]\nimgae = /x\n' >"$SPOOL/wrong.ini"
	run -1 daemon -t
	[[ $output == *'"lost"'*"$DIR/none"* ]]
	[[ $output == *'"wrong"'*wrong.ini:2:*imgae*image* ]]
	[[ $output == *"2 of 4 exports cannot be served"* ]]
	echo "rescam = 5" >>"$NBDMUX_CONF"
	run -1 daemon -t
	[[ $output == *"$NBDMUX_CONF:2:"*rescam* ]]
}

@test "-t can be asked while a daemon serves the same spool" {
	start_daemon
	add_export disk "$DIR/image"
	run -0 daemon -t
	[ "$(state_of disk status)" = ready ]
}

@test "-d comes back when clients can connect, and holds no pipe open" {
	local out

	cd "$DIR"
	put_export disk "$DIR/image"
	# The output ends although the daemon lives.
	out=$(timeout 20 "$NBDMUX_BIN/nbdmuxd" --user="$(id -un)" -d \
	    -s spool -S state -C nbdmuxd.conf --listen=unix:"$DIR/socket" \
	    2>"$LOG" 3>&-)
	[ -z "$out" ]
	DAEMON=$(cat "$STATE/nbdmuxd.pid")
	kill -0 "$DAEMON"
	[ "$(ps -o ppid= -p "$DAEMON" | tr -d ' ')" != $$ ]
	nbdinfo --size "nbd+unix:///disk?socket=$DIR/socket"
	BASELINE=$(descriptors)
	# The configuration, given by a relative path, is still found.
	echo "default-export = disk" >>nbdmuxd.conf
	kill -HUP "$DAEMON"
	wait_for 5 nbdinfo --size "nbd+unix:///?socket=$DIR/socket"
}

@test "a key that takes a restart keeps its value, and one that is put back needs none" {
	start_daemon
	printf '[nbdmuxd]\nmax-connections = 1\n' >"$NBDMUX_CONF"
	kill -HUP "$DAEMON"
	wait_for 5 grep -q "max-connections.*takes a restart" "$LOG"
	exec 7<>"/dev/tcp/127.0.0.1/$PORT"
	nbdinfo --size "nbd://127.0.0.1:$PORT/probe"
	exec 7>&-
	: >"$LOG"
	echo '[nbdmuxd]' >"$NBDMUX_CONF"
	kill -HUP "$DAEMON"
	wait_for 5 grep -q "read again" "$LOG"
	run grep "takes a restart" "$LOG"
	[ "$status" -eq 1 ]
}

@test "-d reports a start that failed, by message and exit status" {
	run -1 daemon -d --listen=192.0.2.1:10809
	[[ $output == *"cannot start"*192.0.2.1* ]]
	run -1 daemon -d -s "$DIR/none"
	[[ $output == *"cannot open the spool $DIR/none"*install* ]]
}

@test "what cannot be listened on is named" {
	start_daemon
	run -1 daemon -s "$DIR" -S "$DIR/state2" --listen="127.0.0.1:$PORT"
	[[ $output == *"127.0.0.1 port $PORT"*"in use"* ]]
	run -1 daemon -s "$DIR" -S "$DIR/state2" --listen=nonsense
	[[ $output == *nonsense* ]]
}

# --- listening -----------------------------------------------------------------

@test "it listens on IPv4, IPv6 and unix sockets at once" {
	local address

	start_daemon --listen="127.0.0.1:0, [::1]:0, unix:$DIR/a, unix:$DIR/b"
	add_export disk "$DIR/image"
	grep -q "^listen = 127.0.0.1:[0-9]*, \[::1\]:[0-9]*, unix:$DIR/a, unix:$DIR/b$" \
	    "$STATE/daemon.ini"
	for address in $(sed -n 's/^listen = //p' "$STATE/daemon.ini" |
	    tr -d ,); do
		case $address in
		unix:*)
			nbdinfo --size "nbd+unix:///disk?socket=${address#unix:}"
			;;
		*)
			nbdinfo --size "nbd://$address/disk"
			;;
		esac
	done
	kill -TERM "$DAEMON"
	ended
	DAEMON=
	[ ! -e "$DIR/a" ] && [ ! -e "$DIR/b" ]
}

@test "*:PORT is both families, each with its own socket" {
	local port

	port=$(free_port)
	start_daemon --listen="*:$port"
	nbdinfo --size "nbd://127.0.0.1:$port/probe"
	nbdinfo --size "nbd://[::1]:$port/probe"
}

@test "a unix socket that a dead daemon left is replaced, a live one is not" {
	start_daemon --listen="unix:$DIR/socket"
	nbdinfo --size "nbd+unix:///probe?socket=$DIR/socket"
	mkdir "$DIR/spool2"
	run -1 daemon -s "$DIR/spool2" -S "$DIR/state2" \
	    --listen="unix:$DIR/socket"
	[[ $output == *"unix:$DIR/socket"*"in use"* ]]
	nbdinfo --size "nbd+unix:///probe?socket=$DIR/socket"
	kill -KILL "$DAEMON"
	wait "$DAEMON" || true
	[ -S "$DIR/socket" ]
	start_daemon --listen="unix:$DIR/socket"
	nbdinfo --size "nbd+unix:///probe?socket=$DIR/socket"
}

@test "a file that is no socket is never replaced" {
	echo precious >"$DIR/file"
	run -1 daemon --listen="unix:$DIR/file"
	[[ $output == *"unix:$DIR/file"* ]]
	[ "$(cat "$DIR/file")" = precious ]
}

# --- who it is -----------------------------------------------------------------

# Directories that another user can reach, for a daemon that starts as root.
unprivileged()
{
	[ "$(id -u)" -eq 0 ] || skip "only root can become somebody else"
	UNPRIVILEGED=$(mktemp -d /tmp/nbdmux-user-XXXXXX)
	chmod 755 "$UNPRIVILEGED"
	DIR=$UNPRIVILEGED setup_dirs
	cp "$BATS_TEST_TMPDIR/image" "$UNPRIVILEGED/image"
	chmod 644 "$UNPRIVILEGED/image"
	IMAGE=$UNPRIVILEGED/image
}

@test "started as root it becomes its user, with nothing left of root" {
	local uid gid

	unprivileged
	start_daemon --user=nobody
	uid=$(id -u nobody) gid=$(id -g nobody)
	grep -qP "^Uid:\t$uid\t$uid\t$uid\t$uid$" "/proc/$DAEMON/status"
	grep -qP "^Gid:\t$gid\t$gid\t$gid\t$gid$" "/proc/$DAEMON/status"
	grep -qP "^Groups:\t($gid )?$" "/proc/$DAEMON/status"
	grep -qP "^CapEff:\t0+$" "/proc/$DAEMON/status"
	grep -qP "^CapPrm:\t0+$" "/proc/$DAEMON/status"
	grep -qP "^NoNewPrivs:\t1$" "/proc/$DAEMON/status"
	add_export disk "$IMAGE"
	[ "$(stat -c %U "$STATE/exports/disk.ini")" = nobody ]
	# What root alone may read it cannot serve.
	chmod 600 "$IMAGE"
	put_export secret "$IMAGE"
	wait_for 10 answers secret
	[ "$(state_of secret status)" = failed ]
	[[ $(state_of secret error) == *"Permission denied"* ]]
}

@test "what the user's links in its directories lead to is not given away" {
	unprivileged
	mkdir "$DIR/other" "$STATE"
	echo secret >"$DIR/secret"
	chmod 600 "$DIR/secret"
	ln -s "$DIR/other" "$STATE/data"
	chown -h nobody "$STATE" "$STATE/data"
	start_daemon --user=nobody
	grep -q "cannot give $STATE/data to user" "$LOG"
	stop_daemon
	[ "$(stat -c %U "$DIR/other")" = root ]
	rm -r "$STATE/exports"
	ln -s "$DIR/secret" "$STATE/exports"
	run -1 daemon --user=nobody
	[ "$(stat -c %U,%a "$DIR/secret")" = root,600 ]
	DAEMON=
}

@test "nobody has a file of others read to him by a link in the spool" {
	unprivileged
	start_daemon
	echo "password s3cret" >"$DIR/secret"
	chmod 600 "$DIR/secret"
	ln -s "$DIR/secret" "$DIR/secret.ini"
	chown -h nobody "$DIR/secret.ini"
	mv "$DIR/secret.ini" "$SPOOL"
	wait_for 10 test -e "$STATE/exports/secret.ini"
	[[ $(state_of secret error) == *"link to a file of somebody else"* ]]
	run nbdmux-ls secret
	[[ $output == *"somebody else"* && $output != *s3cret* ]]
	run nbdmux-add secret "$IMAGE"
	[[ $output == *"somebody else"* && $output != *s3cret* ]]
	run ! grep -r s3cret "$STATE" "$LOG"
}

@test "a user that does not exist is refused with what to do" {
	[ "$(id -u)" -eq 0 ] || skip "only root can become somebody else"
	run -1 daemon --user=no-such-user
	[[ $output == *no-such-user*useradd* ]]
	run -1 daemon --user=nobody --group=no-such-group
	[[ $output == *no-such-group*groupadd* ]]
}

@test "images outside of image-dirs are refused, by whatever link they come" {
	mkdir "$DIR/ok" "$DIR/out"
	cp "$DIR/image" "$DIR/ok/image"
	cp "$DIR/image" "$DIR/out/image"
	ln -s image "$DIR/ok/inside"
	ln -s ../out/image "$DIR/ok/link"
	ln -s "$DIR/out/image" "$DIR/ok/absolute"
	ln -s ../out "$DIR/ok/dir"
	ln -s "/proc/self/root$DIR/out" "$DIR/ok/magic"
	start_daemon --image-dirs="$DIR/ok"
	add_export good "$DIR/ok/image"
	add_export inside "$DIR/ok/inside"
	for name in out/image ok/../out/image ok/link ok/absolute \
	    ok/dir/image ok/magic/image; do
		put_export bad "$DIR/$name"
		wait_for 10 answers bad
		echo "$name: $(state_of bad error)"
		[ "$(state_of bad status)" = failed ]
		[[ $(state_of bad error) == *"not beneath image-dirs"* ||
		    $(state_of bad error) == *"leads out of $DIR/ok"* ]]
		rm "$SPOOL/bad.ini"
		wait_for 10 test ! -e "$STATE/exports/bad.ini"
	done
}

@test "the process says what it is, and has the descriptors that it needs" {
	local soft hard

	ulimit -S -n 256
	start_daemon
	tr '\0' ' ' <"/proc/$DAEMON/cmdline" | grep -q "nbdmuxd: spool $SPOOL"
	[ "$(cat "$STATE/nbdmuxd.pid")" = "$DAEMON" ]
	read -r _ _ _ soft hard _ < <(grep "Max open files" \
	    "/proc/$DAEMON/limits")
	[ "$soft" = "$hard" ]
	[ "$soft" -ge "$(ulimit -H -n)" ]
}

# ThreadSanitizer has a thread of its own in every process.
no_foreign_threads()
{
	! grep -q libtsan "/proc/$DAEMON/maps" ||
	    skip "ThreadSanitizer adds a thread that wakes up"
}

@test "threads=N is N loops; workers come when they are needed" {
	faulty
	start_daemon --threads=3 --workers=5
	add_export disk "$DIR/image"
	no_foreign_threads
	# The loops, the keeper and the recorder of events.
	[ "$(ls "/proc/$DAEMON/task" | wc -l)" -eq 5 ]
	echo "pread delay=300 */image" >"$DIR/faults.new"
	mv "$DIR/faults.new" "$DIR/faults"
	echo "preadv2 EAGAIN */image" >>"$DIR/faults"
	live many_slow_reads count=20
	# One image has three quarters of them.
	threads=$(ls "/proc/$DAEMON/task" | wc -l)
	[ "$threads" -ge 9 ]
	[ "$threads" -le 10 ]
}

@test "an idle daemon sleeps until the next rescan" {
	start_daemon --rescan=3600
	add_export disk "$DIR/image"
	no_foreign_threads
	live sleeps
}

@test "the service manager is told of start and end" {
	live notified
}

# --- the end -------------------------------------------------------------------

@test "SIGTERM: every request in flight is answered, then it ends with 0" {
	faulty "preadv2 EAGAIN */disk" "pread delay=700 */disk"
	start_daemon --threads=2
	live answered_at_the_end
	ended
	DAEMON=
}

@test "SIGTERM: a write whose payload is on its way is finished" {
	start_daemon --threads=2
	live written_at_the_end
	ended
	DAEMON=
}

@test "a second SIGTERM ends it at once" {
	faulty "preadv2 EAGAIN */disk" "pread delay=15000 */disk"
	start_daemon --threads=2
	live told_twice
	DAEMON=
}

@test "a file system that does not answer does not hold a second SIGTERM up" {
	faulty
	start_daemon
	live stuck_look
	DAEMON=
}

@test "a signal ends a start that has nobody to serve yet" {
	put_export disk "$DIR/image"
	faulty "renameat delay=60000 disk.ini"
	$WRAPPER "$NBDMUX_BIN/nbdmuxd" --user="$(id -un)" \
	    --listen=127.0.0.1:0 2>"$LOG" 3>&- &
	DAEMON=$!
	sleep 0.5
	kill -HUP "$DAEMON"
	sleep 0.2
	kill -0 "$DAEMON"
	[ "$(grep -c " ready " "$LOG")" -eq 0 ]
	kill -TERM "$DAEMON"
	wait_for 2 not_alive
	DAEMON=
}

@test "drain-timeout ends the wait, whichever loop the client is on" {
	start_daemon --threads=2 --drain-timeout=1
	live drain_timeout
	DAEMON=
}

@test "idle clients and handshakes do not hold the end up" {
	start_daemon --threads=2
	live idle_at_the_end
	ended
	DAEMON=
}

@test "SIGINT ends it like SIGTERM" {
	start_daemon
	kill -INT "$DAEMON"
	ended
	DAEMON=
	[ ! -e "$STATE/daemon.ini" ]
	[ ! -e "$STATE/stats" ]
}
