# What the tests of real clients share: a daemon that listens on IPv4, IPv6 and a
# unix socket, the URIs of its exports, and images to compare with.

setup()
{
	cd "$BATS_TEST_TMPDIR"
	SOCKET=$BATS_TEST_TMPDIR/socket
}

teardown()
{
	stop_daemon
}

# uris NAME...: each way to these exports, in the array of that name.
uris()
{
	local name

	uris=()
	for name; do
		uris+=("nbd://127.0.0.1:$PORT/$name")
		! has_ipv6 || uris+=("nbd://[::1]:$PORT/$name")
		uris+=("nbd+unix:///$name?socket=$SOCKET")
	done
}

has_ipv6()
{
	grep -qs '^0*1 .* lo$' /proc/net/if_inet6 || [ -n "${CI:-}" ]
}

# start [OPTION...]: the daemon, listening on all of them.
start()
{
	local listen=unix:$SOCKET

	PORT=$(free_port)
	! has_ipv6 || listen="[::1]:$PORT, $listen"
	setup_daemon "--listen=127.0.0.1:$PORT, $listen" "$@"
}

# Random bytes with a hole and zeroes inside: 9 MiB + 512.
make_image()
{
	head -c 2M /dev/urandom >"$1"
	truncate -s 4M "$1"
	{
		head -c 1M /dev/urandom
		head -c 1M /dev/zero
		head -c 3146240 /dev/urandom
	} >>"$1"
}

# Of the same size: one letter throughout.
letters()
{
	head -c 9437696 /dev/zero | tr '\0' "$1"
}

# can URI PROPERTY...: as nbdinfo sees it; cannot likewise.
can()
{
	local uri=$1 what
	shift
	for what; do
		nbdinfo --can "$what" "$uri" || { echo "$uri: $what"; return 1; }
	done
}

cannot()
{
	local uri=$1 what status
	shift
	for what; do
		status=0
		nbdinfo --can "$what" "$uri" || status=$?
		[ $status -eq 2 ] || { echo "$uri: $what: $status"; return 1; }
	done
}

# refused WORDS COMMAND...: it fails and its output says why.
refused()
{
	local words=$1
	shift
	run "$@"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" =~ $words ]]
}

# json EXPRESSION: of the document d on stdin.
json()
{
	/usr/bin/python3 -c "import json, sys; d = json.load(sys.stdin); print($1)"
}
