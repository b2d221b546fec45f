# What the protocol's tests share: the exports that t/lib/nbdraw.py expects, and
# raw, which runs one of its cases against the daemon.

NBDRAW="$BATS_TEST_DIRNAME/lib/nbdraw.py"

# raw CASE [key=value ...]: prove a rule, or skip with the reason.
raw()
{
	local text status=0

	text=$(/usr/bin/python3 -B "$NBDRAW" "$1" 127.0.0.1 "$PORT" \
	    pid="$(cat "$STATE/nbdmuxd.pid")" images="$IMAGES" \
	    spool="$SPOOL" "${@:2}" 2>&1) || status=$?
	[ "$status" -ne 77 ] || skip "$text"
	[ -z "$text" ] || echo "$text"
	return "$status"
}

make_images()
{
	IMAGES=$(mktemp -d "${BATS_FILE_TMPDIR:?}/images.XXXXXX")
	export IMAGES
	/usr/bin/python3 -B "$NBDRAW" images "$IMAGES"
}

add_standard_exports()
{
	add_export disk "$IMAGES/disk" rw "description = Platte für rohe Pakete"
	add_export ro "$IMAGES/ro"
	add_export odd "$IMAGES/odd" rw
	add_export big "$IMAGES/big" rw
	add_export block "$IMAGES/block" rw "block-min = 4096" \
	    "block-max = 1M"
	add_export denied "$IMAGES/denied" ro "allow = 192.0.2.0/24"
	add_export single "$IMAGES/single" ro "max-clients = 1"
}

# One daemon for all tests of a file.  Arguments are the daemon's.
protocol_daemon()
{
	setup_daemon "$@"
	make_images
	add_standard_exports
}
