#!/usr/bin/env bats
# Who may change exports over HTTP, and the pages for people.

load helper
load lib/http

setup()
{
	needs_http
	setup_daemon
	truncate -s 1M "$DIR/a.img"
}

teardown()
{
	stop_web
	stop_daemon
	[ -z "${OWN:-}" ] || rm -rf "$OWN"
}

start_locked()
{
	start_web nbdmux.conf "NBDMUX_ADMIN_PASSWORD=open sesame" "$@"
}

# login: $cookie is ours.
login()
{
	ask --data-urlencode "password=open sesame" /ui/login
	[ "$code" = 303 ]
	cookie=$(header set-cookie)
	cookie=${cookie%%;*}
}

# added NAME CURL-ARGS...
post()
{
	local name=$1

	shift
	send POST /exports "{\"name\": \"$name\", \"file\": \"$DIR/a.img\"}" "$@"
}

failures()
{
	find "$DATA/http" -name 'failed-*' -printf '%s\n' 2>/dev/null
}

@test "without a password everybody may, and is warned" {
	start_web
	post x
	[ "$code" = 200 ]
	ask /
	[ "$code" = 200 ]
	[[ $body == *"No admin password is set"* ]]
	ask /ui/login
	[ "$code" = 303 ]
	grep "no admin password is set" "$DIR/nbdmux.log"
}

@test "with a password who does not know it may only read" {
	start_locked
	ask /exports
	[ "$code" = 200 ]
	post x
	[ "$code" = 401 ]
	is '.error == .detail'
	[[ $(header www-authenticate) == Bearer* ]]
	send DELETE /exports/x
	[ "$code" = 401 ]
	for path in / /ui/dashboard; do
		ask "$path"
		[ "$code" = 303 ] && [ "$(header location)" = /ui/login ]
	done
	ask -d "name=x&file=$DIR/a.img" /admin/create_export
	[ "$code" = 303 ] && [ "$(header location)" = /ui/login ]
	ask -d "" /admin/delete_export/x
	[ "$code" = 303 ] && [ "$(header location)" = /ui/login ]
	[ -z "$(ls "$SPOOL")" ]
}

@test "the password as bearer is enough for a program" {
	start_locked
	post x -H "Authorization: Bearer open sesame"
	[ "$code" = 200 ]
	post y -H "authorization: bearer open sesame"
	[ "$code" = 200 ]
	post z -H "Authorization: Bearer open sesam"
	[ "$code" = 401 ]
	post z -H "Authorization: Basic b3BlbiBzZXNhbWU="
	[ "$code" = 401 ]
	send DELETE /exports/x "" -H "Authorization: Bearer open sesame"
	[ "$code" = 204 ]
}

@test "a login's cookie is enough for a person, until the logout" {
	start_locked
	ask /ui/login
	[ "$code" = 200 ]
	[[ $body == *'type="password"'* ]]
	login
	[[ $(header set-cookie) == nbdmux-token=*"; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax" ]]
	post x -b "$cookie"
	[ "$code" = 200 ]
	ask -b "$cookie" /
	[ "$code" = 200 ]
	[[ $body == *"Log out"* && $body != *"No admin password"* ]]
	ask -b "$cookie" -d "" /ui/logout
	[ "$code" = 303 ] && [ "$(header location)" = /ui/login ]
	[[ $(header set-cookie) == "nbdmux-token=; "*"Max-Age=0;"* ]]
}

@test "a wrong password is told, recorded, and slows down" {
	start_locked
	for ((i = 0; i < 3; i++)); do
		ask -d password=wrong /ui/login
		[ "$code" = 401 ]
		[[ $body == *"the password is wrong"* ]]
		[ -z "$(header set-cookie)" ]
	done
	# However busy the machine is, the last one was just now.
	touch -d "1 minute" "$DATA"/http/failed-*
	ask --data-urlencode "password=open sesame" /ui/login
	[ "$code" = 429 ] && [ "$(header retry-after)" -eq 1 ]
	post x -H "Authorization: Bearer open sesame"
	[ "$code" = 429 ]
	[ "$(failures)" = 3 ]
	touch -d "2 seconds ago" "$DATA"/http/failed-*
	login
	[ -z "$(failures)" ]
	[ "$(nbdmux-events --json --event=login-failed | jq -r .who | sort -u)" = \
	    "127.0.0.1 over HTTP" ]
	[ "$(nbdmux-events --json --event=login-failed | wc -l)" -eq 3 ]
	[ "$(nbdmux-events --json --event=login | jq -r .who)" = \
	    "admin from 127.0.0.1 over HTTP" ]
}

@test "where failures cannot be counted guessing is slow, too, and the log says why" {
	start_locked
	mkdir -p "$DATA"
	touch "$DATA/http"
	ask -d password=wrong /ui/login
	[ "$code" = 401 ]
	grep -q "$DATA/http: Not a directory; who guesses waits a second" "$DIR/nbdmux.log"
	post x -H "Authorization: Bearer open sesame"
	[ "$code" = 200 ]
	ask --data-urlencode "password=open sesame" /ui/login
	[ "$code" = 503 ]
	[[ $body == *"Not a directory"* ]]
	rm "$DATA/http"
}

@test "many guesses at a time gain nothing" {
	start_locked
	seq 40 | xargs -P 40 -I{} curl -s -o /dev/null -w '%{http_code}\n' \
	    -d "password=guess{}" "$URL/ui/login" >"$DIR/codes"
	sort "$DIR/codes" | uniq -c
	# Three, and with time more: after 1, 2, 4, ... seconds.
	[ "$(grep -c 401 "$DIR/codes")" -le 7 ]
	[ "$(grep -c 429 "$DIR/codes")" -ge 33 ]
}

@test "who knows the password does not wait for others who know it" {
	start_locked
	for ((i = 0; i < 60; i++)); do
		echo "-X DELETE -H 'Authorization: Bearer open sesame' $URL/exports/x"
	done | xargs -P 60 -L 1 curl -s -m 20 -o /dev/null -w '%{http_code}\n' |
	    sort | uniq -c | grep -x " *60 404"
}

@test "a cookie that is wrong, expired or another's is none" {
	start_locked "NBDMUX_SESSION_SECRET=0123456789abcdef"
	login
	post x -b "$cookie"
	[ "$code" = 200 ]
	value=${cookie#*=}
	mac=${value##*.}
	for bad in "" "x" "1.." "1.99999999999.$mac" "2.${value#1.}" \
	    "$value.x" "${value%?}" "1.0.$mac" "$(head -c 5000 /dev/zero | tr '\0' a)"; do
		post y -b "nbdmux-token=$bad"
		[ "$code" = 401 ]
	done
	for bad in ";;;=" "nbdmux-token" "$(printf 'nbdmux-token=\x01')" \
	    "other=$value" "nbdmux-tokenx=$value"; do
		post y -b "$bad"
		[ "$code" = 401 ] || [ "$code" = 400 ]
	done
	[ ! -e "$SPOOL/y.ini" ]
	stop_web
	start_locked "NBDMUX_SESSION_SECRET=fedcba9876543210"
	post y -b "$cookie"
	[ "$code" = 401 ]
	stop_web
	start_web nbdmux.conf "NBDMUX_ADMIN_PASSWORD=changed" \
	    "NBDMUX_SESSION_SECRET=0123456789abcdef"
	post y -b "$cookie"
	[ "$code" = 401 ]
	stop_web
	start_locked "NBDMUX_SESSION_SECRET=0123456789abcdef"
	post y -b "$cookie"
	[ "$code" = 200 ]
	[ -z "$(failures)" ]
}

@test "the secret is made once and outlives the web server" {
	start_locked
	login
	[ "$(stat -c %a "$DATA/http/secret")" = 600 ]
	stop_web
	start_locked
	post x -b "$cookie"
	[ "$code" = 200 ]
	chmod 644 "$DATA/http/secret"
	ask --data-urlencode "password=open sesame" /ui/login
	[ "$code" = 503 ]
	[[ $body == *0600* ]]
}

@test "the password may be in a file, and one that cannot be read lets nobody in" {
	echo "from a file" >"$DIR/password"
	echo "admin-password-file = $DIR/password" >>"$NBDMUX_CONF"
	start_web
	post x
	[ "$code" = 401 ]
	post x -H "Authorization: Bearer from a file"
	[ "$code" = 200 ]
	: >"$DIR/password"
	post y
	[ "$code" = 500 ]
	rm "$DIR/password"
	post y -H "Authorization: Bearer "
	[ "$code" = 500 ]
	echo "nonsense = 1" >>"$NBDMUX_CONF"
	post y
	[ "$code" = 500 ]
	[ ! -e "$SPOOL/y.ini" ]
	ask /exports
	[ "$code" = 200 ]
}

@test "forms of other sites are refused" {
	start_locked
	login
	for from in "Origin: http://evil.example" "Origin: null" \
	    "Sec-Fetch-Site: cross-site" "Sec-Fetch-Site: same-site"; do
		ask -b "$cookie" -H "$from" -d "name=x&file=$DIR/a.img" \
		    /admin/create_export
		[ "$code" = 403 ]
		post x -b "$cookie" -H "$from"
		[ "$code" = 403 ]
	done
	[ -z "$(ls "$SPOOL")" ]
	ask -b "$cookie" -H "Origin: $URL" -d "name=x&file=$DIR/a.img" \
	    /admin/create_export
	[ "$code" = 303 ]
}

@test "the dashboard's forms add and remove" {
	start_locked
	login
	ask -b "$cookie" --data-urlencode "name=disk" \
	    --data-urlencode "file=$DIR/a.img" \
	    --data-urlencode "description=<b>\"a\" & b" -d "readonly=no&src_url=" \
	    /admin/create_export
	[ "$code" = 303 ] && [ "$(header location)" = / ]
	[ "$(state_of disk mode)" = rw ]
	ask -b "$cookie" /
	[[ $body == *'data-f="name">disk</span>'* ]]
	[[ $body == *'&lt;b&gt;&quot;a&quot; &amp; b'* && $body != *'<b>"a"'* ]]
	ask -b "$cookie" -d "" /admin/delete_export/disk
	[ "$code" = 303 ]
	[ ! -e "$SPOOL/disk.ini" ]
	ask -b "$cookie" -d "" /admin/delete_export/disk
	[ "$code" = 404 ]
	[[ $body == *"there is no export disk"* ]]
}

@test "an error stands beside its field, with what was typed" {
	start_web
	ask --data-urlencode 'name="><script>alert(1)</script>' \
	    --data-urlencode "file=/none" /admin/create_export
	[ "$code" = 400 ]
	grep -q 'id="name-error"' "$DIR/body"
	grep -q 'aria-describedby="name-error hint-name"' "$DIR/body"
	grep -q 'value="/none"' "$DIR/body"
	grep -q 'value="&quot;&gt;&lt;script&gt;' "$DIR/body"
	[ "$(grep -c '<script' "$DIR/body")" -eq 1 ]
	grep -q '<script type="module" src="../assets/nbdmux.js' "$DIR/body"
	ask -d "name=x&file=/none" /admin/create_export
	grep -q 'id="file-error"' "$DIR/body"
	ask -d "name=%ff" /admin/create_export
	[ "$code" = 400 ]
}

@test "the web server's user needs the spool's group and nothing else" {
	local group

	[ "$(id -u)" = 0 ] || skip "only root can be another"
	id www-data >/dev/null || skip "no www-data"
	stop_daemon
	OWN=$(mktemp -d /tmp/nbdmux-http.XXXXXX)
	chmod 755 "$OWN"
	mkdir "$OWN/bin"
	cp "$NBDMUX_BIN/nbdmux.cgi" "$OWN/bin"
	group=$(id -gn www-data)
	DIR=$OWN
	setup_dirs
	install -d -m 2775 -g "$group" "$SPOOL" "$DATA"
	start_daemon
	truncate -s 1M "$DIR/a.img"
	chmod 600 "$DIR/a.img"
	: >"$DIR/lighttpd.log"
	: >"$DIR/nbdmux.log"
	chown www-data "$DIR/lighttpd.log" "$DIR/nbdmux.log"
	echo "open sesame" >"$DIR/password"
	chgrp "$group" "$DIR/password"
	chmod 640 "$DIR/password"
	echo "admin-password-file = $DIR/password" >>"$NBDMUX_CONF"
	WEB_USER=www-data NBDMUX_BIN=$OWN/bin start_web
	post x -H "Authorization: Bearer open sesame"
	[ "$code" = 200 ]
	is '.status == "ready"'
	login
	[ "$(stat -c '%U %a' "$DATA/http/secret")" = "www-data 600" ]
	send DELETE /exports/x "" -b "$cookie"
	[ "$code" = 204 ]
	run "$NBDMUX_BIN/nbdmux.cgi" --check
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"ok       user: checked as www-data"* ]]
	chmod g-w "$SPOOL"
	post x -H "Authorization: Bearer open sesame"
	[ "$code" = 503 ]
	[[ $body == *"Permission denied; its group is to have the right"* ]]
	run "$NBDMUX_BIN/nbdmux.cgi" --check
	[ "$status" -eq 1 ]
	[[ $output == *"MISSING  spool: "*"the web server's user to be in it"* ]]
	chmod g+w "$SPOOL"
}
