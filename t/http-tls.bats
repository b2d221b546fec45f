#!/usr/bin/env bats
# The HTTP interface behind TLS: lighttpd with the lines of the example, and a
# certificate made as the manual says.

load helper
load lib/http

setup()
{
	needs_http
	needs openssl
	[ -e /usr/lib/lighttpd/mod_openssl.so ] || [ -n "${CI:-}" ] ||
	    skip "missing: lighttpd-mod-openssl"
	setup_daemon
	truncate -s 1M "$DIR/a.img"
	make_certificate
	export CURL_CA_BUNDLE=$DIR/nbdmux-cert.pem SSL_CERT_FILE=$DIR/nbdmux-cert.pem
	WEB_TLS=$DIR/nbdmux start_web nbdmux.conf "NBDMUX_ADMIN_PASSWORD=sesame"
}

teardown()
{
	stop_web
	stop_daemon
}

# The manual's command, for an address instead of a name.
make_certificate()
{
	sed -n '/^openssl req/,/^\.Ed/p' "$BATS_TEST_DIRNAME/../man/nbdmux.cgi.8" |
	    sed -e '/^\.Ed/d' -e 's/\\e$/\\/' -e "s|/etc/lighttpd|$DIR|" \
	        -e 's/DNS:lab\.example/IP:127.0.0.1/' >"$DIR/certificate.sh"
	grep -q "IP:127.0.0.1" "$DIR/certificate.sh"
	sh "$DIR/certificate.sh" 2>/dev/null
}

# login: $cookie is ours.
login()
{
	ask -d password=sesame /ui/login
	[ "$code" = 303 ]
	cookie=$(header set-cookie)
}

old()
{
	NBDMUX_ADMIN_PASSWORD=sesame /usr/bin/python3 -B \
	    "$BATS_TEST_DIRNAME/lib/oldclient.py" "$URL" "$@"
}

@test "a login's cookie goes over TLS alone" {
	login
	[[ $cookie == nbdmux-token=*"; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure" ]]
	ask -b "${cookie%%;*}" /
	[ "$code" = 200 ]
	[[ $body == *"Log out"* ]]
	ask -b "${cookie%%;*}" -d "" /ui/logout
	[[ $(header set-cookie) == *"Max-Age=0;"*"; Secure" ]]
	# Who speaks in clear gets nothing at all.
	run curl -s -m 5 "http://127.0.0.1:$WEB_PORT/exports"
	[[ $status -ne 0 || $output != *"["* ]]
}

@test "forms come from the page itself, which came over TLS" {
	login
	for from in "http://127.0.0.1:$WEB_PORT" https://evil.example null \
	    "https://127.0.0.1" "https://127.0.0.1:$WEB_PORT.evil.example"; do
		ask -b "${cookie%%;*}" -H "Origin: $from" \
		    -d "name=disk&file=$DIR/a.img" /admin/create_export
		[ "$code" = 403 ]
	done
	[ -z "$(ls "$SPOOL")" ]
	ask -b "${cookie%%;*}" -H "Origin: $URL" -H "Sec-Fetch-Site: same-origin" \
	    -d "name=disk&file=$DIR/a.img" /admin/create_export
	[ "$code" = 303 ]
	ask /export/disk
	is '.status == "ready"'
}

@test "over HTTP/2 and HTTP/1.1 answers are the same" {
	local version

	for version in --http1.1 --http2; do
		ask "$version" -w '%{http_version} %{http_code}' /healthz
		[ "${code%% *}" = "$([ $version = --http2 ] && echo 2 || echo 1.1)" ]
		[ "${code##* }" = 200 ] && [ "$body" = ok ]
		[ "$(header cache-control)" = no-store ]
		ask "$version" -H "Content-Type: application/json" -d x /exports
		[ "$code" = 401 ]
		is '.error == .detail'
	done
}

@test "programs for the Python nbdmux work over https, and check the certificate" {
	[ "$(old add disk "$DIR/a.img")" = "200 ready" ]
	[ "$(old list)" = "disk ready $PORT" ]
	[ "$(old delete disk)" = 204 ]
	SSL_CERT_FILE=/dev/null run old list
	[ "$status" -ne 0 ]
	[[ $output == *CERTIFICATE_VERIFY_FAILED* ]]
}

@test "the script for iPXE leads to where it came from" {
	[ "$(old add disk "$DIR/a.img")" = "200 ready" ]
	mkdir -p "$DATA/artifacts/disk"
	touch "$DATA/artifacts/disk/"{vmlinuz,initrd,manifest.json}
	ask /ipxe/disk
	grep -qx "set base $URL/artifacts/disk" "$DIR/body"
	ask /artifacts/disk/vmlinuz
	[ "$code" = 200 ]
	[ "$(header x-content-type-options)" = nosniff ]
}
