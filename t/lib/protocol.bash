# What the protocol's tests share: the exports that t/lib/nbdraw.py expects, and
# raw, which runs one of its cases against the daemon.

NBDRAW="$BATS_TEST_DIRNAME/lib/nbdraw.py"

# Freed memory that AddressSanitizer keeps is not what these tests measure.
export ASAN_OPTIONS="quarantine_size_mb=8:${ASAN_OPTIONS:-}"

# raw CASE [key=value ...]: prove a rule, or skip with the reason.
raw()
{
	local text status=0

	text=$(timeout 240 /usr/bin/python3 -B "$NBDRAW" "$1" 127.0.0.1 "$PORT" \
	    pid="$(cat "$STATE/nbdmuxd.pid")" images="$IMAGES" \
	    spool="$SPOOL" "${@:2}" 2>&1) || status=$?
	[ "$status" -ne 77 ] || skip "$text"
	[ "$status" -ne 124 ] || text="$1 did not end within 240 s. $text"
	[ -z "$text" ] || echo "$text"
	return "$status"
}

# all FILE-OF-RULES STYLE [CASE...]: all of its cases but these, in that style;
# $INSIDE may have more for raw.
all()
{
	local name ran=0 file=$1 style=$2

	while read -r name; do
		[[ " ${*:3} " != *" $name "* ]] || continue
		# shellcheck disable=SC2086 # a list of words
		(raw "$name" style="$style" ${INSIDE:-})
		ran=$((ran + 1))
	done < <(sed -n 's/^def \([A-Z][A-Z]_[0-9][0-9]\)(.*/\1/p' \
	    "$BATS_TEST_DIRNAME/lib/rules/$file.py")
	[ "$ran" -gt 10 ]
}

make_images()
{
	IMAGES=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/images
	export IMAGES
	mkdir -p "$IMAGES"
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

# Those with holes (t/lib/nbdmaps.py).
add_sparse_exports()
{
	local name

	/usr/bin/python3 -B "$NBDRAW" sparse "$IMAGES"
	for name in sparse tail thin void crumb; do
		add_export "$name" "$IMAGES/$name" rw
	done
	add_export frag "$IMAGES/frag"
	add_export tera "$IMAGES/tera"
	add_export coarse "$IMAGES/coarse" rw "block-min = 64K"
}

# A daemon with the exports.  Arguments are the daemon's.
protocol_daemon()
{
	setup_daemon "$@"
	make_images
	add_standard_exports
}

# The same, its images failing as the file $FAULTS says (t/lib/faultio.c).
faulty_daemon()
{
	local library=$NBDMUX_BUILD/t/lib/faultio.so

	[ -e "$library" ] || { echo "missing: $library"; return 1; }
	FAULTS=$BATS_TEST_TMPDIR/faults
	printf '%s\n' "${FAULT:-}" >"$FAULTS"
	# The sanitizers want to be first, and are not.
	# shellcheck disable=SC2034 # start_daemon's
	WRAPPER="env LD_PRELOAD=$library FAULTIO_FILE=$FAULTS
	    ASAN_OPTIONS=verify_asan_link_order=0:$ASAN_OPTIONS"
	# What is sent from the page cache is not read, and cannot fail.
	protocol_daemon --zero-copy=no "$@"
}

# own_network FUNCTION: run it where the loopback interface is nobody else's.
own_network()
{
	apart --net "ip link set lo up" "$1"
}

# own_disk SIZE FUNCTION: run it where $SMALL is a file system of that size.
own_disk()
{
	SMALL=$BATS_TEST_TMPDIR/small
	export SMALL
	mkdir -p "$SMALL"
	apart --mount "mount -t tmpfs -o size=$1 tmpfs $SMALL" "$2"
}

# apart NAMESPACE PREPARATION FUNCTION
apart()
{
	local private="unshare $1"

	[ "$(id -u)" -eq 0 ] ||
	    private="unshare --user --map-current-user --keep-caps $1"
	# shellcheck disable=SC2086 # words of a command
	$private $2 || skip "namespaces are not allowed here"
	export BATS_TEST_DIRNAME BATS_TEST_TMPDIR
	$private bash -e -c "
		trap '[ -z \"\$DAEMON\" ] || kill \$DAEMON' EXIT
		$2
		. '$BATS_TEST_DIRNAME/helper.bash'
		. '$BATS_TEST_DIRNAME/lib/protocol.bash'
		$(declare -f "$3")
		$3"
}
