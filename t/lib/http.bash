# lighttpd with etc/lighttpd/nbdmux.conf, or another of that directory, on a
# free port, as the tests of the HTTP interface have it.
#
#	needs_http              skip where the program or lighttpd is missing
#	start_web [CONF [NAME=VALUE...]]
#	                        $URL is where the dashboard is; the values are in
#	                        the program's environment
#	                        $WEB_USER is who it becomes, if set; with $WEB_TLS
#	                        it speaks TLS, as the example says, with
#	                        $WEB_TLS-cert.pem and $WEB_TLS-key.pem
#	stop_web
#	ask, send               curl; $code and $body; what the program says of
#	                        errors is in $DIR/nbdmux.log

needs_http()
{
	[ -x "$NBDMUX_BIN/nbdmux.cgi" ] || skip "built without jansson"
	needs lighttpd curl jq
}

# web_conf CONF PORT NAME=VALUE...: what is installed, with our paths.
web_conf()
{
	local conf=$1 port=$2 pair env=

	shift 2
	for pair in "NBDMUX_SPOOL=$SPOOL" "NBDMUX_STATE=$STATE" \
	    "NBDMUX_CONF=$NBDMUX_CONF" "$@"; do
		env="$env\"${pair%%=*}\" => \"${pair#*=}\", "
	done
	cat <<END
server.modules = ( "mod_access", "mod_alias" )
server.document-root = "$DIR/www"
server.errorlog = "$DIR/lighttpd.log"
server.bind = "127.0.0.1"
server.port = $port
server.http-parseopts = ( "url-normalize-unreserved" => "enable",
	"url-normalize-required" => "enable", "url-ctrls-reject" => "enable",
	"url-path-2f-decode" => "enable", "url-path-dotseg-remove" => "enable" )
setenv.set-environment = ( $env )
END
	[ -z "${WEB_USER:-}" ] || echo "server.username = \"$WEB_USER\""
	sed -e "s|\":8082\"|\"127.0.0.1:$port\"|" \
	    -e "s|/usr/lib/cgi-bin/|$NBDMUX_BIN/|" \
	    -e "s|/var/lib/nbdmux/|$DATA/|" \
	    -e "s|/var/log/lighttpd/|$DIR/|" \
	    -e "s|/usr/share/nbdmux/www/|$BATS_TEST_DIRNAME/../etc/www/|" \
	    ${WEB_TLS:+-e "s|/etc/lighttpd/nbdmux-|$WEB_TLS-|"} \
	    ${WEB_TLS:+-e '/^#.*"mod_openssl"/s/#//' -e 's/#ssl\./ssl./'} \
	    "$BATS_TEST_DIRNAME/../etc/lighttpd/$conf"
}

web_listens()
{
	curl -sk -o /dev/null "http${WEB_TLS:+s}://127.0.0.1:$WEB_PORT/absent" ||
	    ! kill -0 "$WEB" 2>/dev/null
}

start_web()
{
	local conf=${1:-nbdmux.conf} path=

	[ $# -eq 0 ] || shift
	[ "$conf" = nbdmux.conf ] || path=/nbdmux
	WEB_PORT=$(free_port)
	mkdir -p "$DIR/www"
	[ -e "$DIR/nbdmux.log" ] || : >"$DIR/nbdmux.log"
	web_conf "$conf" "$WEB_PORT" "$@" >"$DIR/lighttpd.conf"
	lighttpd -D -f "$DIR/lighttpd.conf" 3>&- >"$DIR/lighttpd.out" 2>&1 &
	WEB=$!
	wait_for 10 web_listens
	if ! kill -0 "$WEB" 2>/dev/null; then
		cat "$DIR/lighttpd.out" "$DIR/lighttpd.log"
		return 1
	fi
	URL=http${WEB_TLS:+s}://127.0.0.1:$WEB_PORT$path
	export URL WEB WEB_PORT
}

stop_web()
{
	[ -n "${WEB:-}" ] || return 0
	kill "$WEB" 2>/dev/null
	wait "$WEB" 2>/dev/null || true
	WEB=
	if grep -E "Sanitizer|runtime error" "$DIR"/lighttpd.* "$DIR/nbdmux.log"; then
		return 1
	fi
}

# ask CURL-ARGS... PATH: $code, $body, and the headers in $DIR/headers.
ask()
{
	local path=${*: -1}

	code=$(curl -s -m 10 -o "$DIR/body" -D "$DIR/headers" -w '%{http_code}' \
	    "${@:1:$#-1}" "$URL$path") || code="$code (curl: $?)"
	body=$(tr -d '\0' <"$DIR/body" 2>/dev/null) || body=
	echo "$* -> $code: ${body:0:300}"
}

# send METHOD PATH [BODY [CURL-ARGS...]]: JSON.
send()
{
	local method=$1 path=$2 data=${3:-}

	shift 2
	[ $# -eq 0 ] || shift
	ask -X "$method" -H "Content-Type: application/json" \
	    --data-binary "$data" "$@" "$path"
}

header()
{
	tr -d '\r' <"$DIR/headers" | sed -n "s/^$1: //Ip"
}

# is FILTER: true of the body, for jq.
is()
{
	jq -e "$1" "$DIR/body" >/dev/null || { echo "not so: $1"; return 1; }
}

# hold PORT NAME: a client that stays; end it with kill $HOLDER.
hold()
{
	/usr/bin/python3 -B -c '
import sys, time, nbd
h = nbd.NBD()
h.connect_uri("nbd://127.0.0.1:%s/%s" % (sys.argv[1], sys.argv[2]))
h.pread(512, 0)
open(sys.argv[3], "w").close()
time.sleep(60)' "$1" "$2" "$DIR/held" 3>&- &
	HOLDER=$!
	wait_for 10 test -e "$DIR/held"
}
