# For bats files about nbdmux-fetch: a web server, and what it serves.
#
#	setup_web               $WEB is its directory, $URL its address
#	setup_tls_web CERTIFICATE KEY  another one of it over TLS at $TLS_URL
#	fault PATH WORD...      what it does wrong from now on, see webserver.py
#	web_log                 "METHOD PATH STATUS RANGE BYTES" for each answer
#	source_export NAME FILE [LINE...]  the entry, of a file of the server
#	image_of NAME           the path that the entry names

setup_web()
{
	WEB=$DIR/web
	mkdir -p "$WEB"
	/usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/webserver.py" "$WEB" \
	    "$DIR/port" "$DIR/web.log" 2>"$DIR/web.err" 3>&- &
	WEBSERVER=$!
	wait_for 10 test -s "$DIR/port"
	URL=http://127.0.0.1:$(cat "$DIR/port")
	DATA=$STATE/data
	IMAGES=$DATA/images
	export WEB URL DATA IMAGES WEBSERVER
}

setup_tls_web()
{
	/usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/webserver.py" "$WEB" \
	    "$DIR/tls-port" "$DIR/web.log" "$@" 2>"$DIR/tls-web.err" 3>&- &
	TLS_WEBSERVER=$!
	wait_for 10 test -s "$DIR/tls-port"
	TLS_URL=https://localhost:$(cat "$DIR/tls-port")
	export TLS_URL TLS_WEBSERVER
}

stop_web()
{
	[ -z "${WEBSERVER:-}" ] || kill "$WEBSERVER" 2>/dev/null || true
	[ -z "${TLS_WEBSERVER:-}" ] || kill "$TLS_WEBSERVER" 2>/dev/null || true
}

fault()
{
	echo "$@" >>"$WEB/.faults"
}

no_faults()
{
	rm -f "$WEB/.faults"
}

web_log()
{
	cat "$DIR/web.log" 2>/dev/null
}

# make_image FILE [MIB]: bytes, a hole, bytes.
make_image()
{
	head -c "${2:-4}M" /dev/urandom >"$1"
	truncate -s "$((${2:-4} + 16))M" "$1"
	head -c 1M /dev/urandom >>"$1"
}

sha256()
{
	sha256sum "$1" | cut -d ' ' -f 1
}

source_export()
{
	local name=$1 file=$2

	shift 2
	{
		printf '[export]\nsource = %s/%s\n' "$URL" "$file"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$SPOOL/.$name.tmp"
	mv "$SPOOL/.$name.tmp" "$SPOOL/$name.ini"
}

image_of()
{
	sed -n 's/^image = //p' "$SPOOL/$1.ini"
}

# fetch_of NAME KEY: what its state says.
fetch_of()
{
	sed -n "s/^$2 = //p" "$STATE/fetch/$1.ini" 2>/dev/null
}

fetch_is()
{
	[ "$(fetch_of "$1" status)" = "$2" ]
}

# nothing_left: no part of a fetch, and no image that nobody names.
nothing_left()
{
	local file

	for file in "$IMAGES"/.[!.]*; do
		[ ! -e "$file" ] || { echo "left: $file"; return 1; }
	done
	for file in "$IMAGES"/*.img; do
		[ ! -e "$file" ] || grep -qxF "image = $file" "$SPOOL"/*.ini ||
		    { echo "left: $file"; return 1; }
	done
}
