# What all bats files share: a private daemon per test.
#
#	setup_dirs              private $SPOOL and $STATE, no daemon
#	setup_daemon [OPT...]   the same, and nbdmuxd on a free loopback port
#	add_export NAME IMAGE [MODE [LINE...]]
#	                        write the spool file, wait until it is served
#	wait_for SECONDS COMMAND...
#	stop_daemon             at the end of every test: the daemon is alive, has
#	                        leaked no descriptor and ends with 0
#
# $PORT is the port, $DAEMON the process, $LOG what it says.

NBDMUX_BIN=${NBDMUX_BIN:-$BATS_TEST_DIRNAME/../bin}
NBDMUX_BIN=$(cd "$NBDMUX_BIN" && pwd)
NBDMUX_BUILD=${NBDMUX_BUILD:-$BATS_TEST_DIRNAME/../build}
[ ! -d "$NBDMUX_BUILD" ] || NBDMUX_BUILD=$(cd "$NBDMUX_BUILD" && pwd)
export NBDMUX_BIN NBDMUX_BUILD
PATH=$NBDMUX_BIN:$PATH:/usr/sbin:/sbin

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		if [ "$SECONDS" -gt "$end" ]; then
			echo "waited in vain for: $*"
			return 1
		fi
		sleep 0.02
	done
}

# needs PROGRAM...: skip where it is missing, but not in CI.
needs()
{
	local program

	for program; do
		command -v "$program" >/dev/null && continue
		[ -z "${CI:-}" ] || { echo "missing: $program"; return 1; }
		skip "missing: $program"
	done
}

# Whether the daemon was built with GnuTLS.
has_tls()
{
	ldd "$NBDMUX_BIN/nbdmuxd" | grep -q gnutls
}

setup_dirs()
{
	DIR=${DIR:-${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}}
	SPOOL=$DIR/spool
	STATE=$DIR/state
	LOG=$DIR/nbdmuxd.log
	NBDMUX_SPOOL=$SPOOL
	NBDMUX_STATE=$STATE
	NBDMUX_CONF=$DIR/nbdmuxd.conf
	DATA=$STATE/data
	export SPOOL STATE DATA LOG NBDMUX_SPOOL NBDMUX_STATE NBDMUX_CONF
	unset NBDMUX_DATA
	mkdir -p "$SPOOL"
	[ -e "$NBDMUX_CONF" ] || echo "[nbdmuxd]" >"$NBDMUX_CONF"
}

# A port that nobody listens on; for daemons with several addresses.
free_port()
{
	/usr/bin/python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

descriptors()
{
	ls "/proc/$DAEMON/fd" | wc -l
}

daemon_alive()
{
	kill -0 "$DAEMON" 2>/dev/null
}

daemon_ready()
{
	grep -q " ready " "$LOG" || ! daemon_alive
}

# start_daemon [OPT...]: on the directories that are there.
start_daemon()
{
	: >"$LOG"
	${WRAPPER:-} "$NBDMUX_BIN/nbdmuxd" --user="$(id -un)" \
	    --listen=127.0.0.1:0 "$@" 2>>"$LOG" 3>&- &
	DAEMON=$!
	wait_for 20 daemon_ready
	if ! daemon_alive || ! grep -q " ready " "$LOG"; then
		echo "nbdmuxd did not start:"
		cat "$LOG"
		return 1
	fi
	PORT=$(sed -n 's/^listen = .*[^:]*:\([0-9]\{1,5\}\)\(,.*\)\{0,1\}$/\1/p' \
	    "$STATE/daemon.ini")
	BASELINE=$(descriptors)
	export DAEMON PORT BASELINE
}

setup_daemon()
{
	setup_dirs
	start_daemon "$@"
}

# state_of NAME KEY: what the daemon says.
state_of()
{
	sed -n "s/^$2 = //p" "$STATE/exports/$1.ini" 2>/dev/null
}

# answers NAME: does the state answer the present spool file?
answers()
{
	local version

	# The inode alone may be that of a file which was there before.
	version=$(stat -c %i.%.9Y "$SPOOL/$1.ini")
	[ "$(state_of "$1" spool-ino)$(state_of "$1" spool-mtime)" = \
	    "${version//./}" ]
}

# put_export NAME IMAGE [MODE [LINE...]]: the spool file alone, by rename.
put_export()
{
	local name=$1 image=$2 mode=${3:-ro}

	shift 2
	[ $# -eq 0 ] || shift
	{
		printf '[export]\nimage = %s\nmode = %s\n' "$image" "$mode"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$SPOOL/.$name.tmp"
	mv "$SPOOL/.$name.tmp" "$SPOOL/$name.ini"
}

add_export()
{
	put_export "$@"
	wait_for 10 answers "$1"
	[ "$(state_of "$1" status)" = ready ] && [ -z "$(state_of "$1" error)" ]
}

# Only what was there at the start, and no sockets of clients.
no_leak()
{
	! daemon_alive || [ "$(descriptors)" -le "$BASELINE" ]
}

not_alive()
{
	! daemon_alive
}

# The exit status is 0; of a daemon of another shell the log tells.
ended()
{
	local status=0

	wait_for 20 not_alive || return 1
	wait "$DAEMON" 2>/dev/null || status=$?
	if [ "$status" -eq 127 ]; then
		grep -q " stopped " "$LOG" && return 0
	fi
	[ "$status" -eq 0 ] || echo "nbdmuxd ended with $status"
	return "$status"
}

stop_daemon()
{
	local status=0

	[ -n "${DAEMON:-}" ] || return 0
	if ! daemon_alive; then
		echo "nbdmuxd has died:"
		tail -50 "$LOG"
		return 1
	fi
	mkdir -p "$SPOOL"
	rm -f "$SPOOL"/*.ini
	kill -HUP "$DAEMON"
	if ! wait_for 20 no_leak; then
		echo "descriptors: $BASELINE before, $(descriptors) now:"
		ls -l "/proc/$DAEMON/fd"
		status=1
	fi
	kill -TERM "$DAEMON"
	ended || status=1
	DAEMON=
	if grep -E "Sanitizer|runtime error" "$LOG"; then
		status=1
	fi
	[ "$status" -eq 0 ] || tail -50 "$LOG"
	return "$status"
}
