# What the tests of TLS share: certificates and keys, made once per file in
# $PKI, and a daemon that uses them.

# certificate NAME CA LINE...: NAME-cert.pem and NAME-key.pem, signed by CA.
certificate()
{
	local name=$1 ca=$2

	printf '%s\n' "${@:3}" >"$name.tmpl"
	certtool --generate-privkey --key-type=ecdsa --curve=secp256r1 \
	    --outfile "$name-key.pem" 2>/dev/null
	if [ "$ca" = self ]; then
		certtool --generate-self-signed --load-privkey "$name-key.pem" \
		    --template "$name.tmpl" --outfile "$name-cert.pem"
	else
		certtool --generate-certificate --load-privkey "$name-key.pem" \
		    --load-ca-certificate "$ca-cert.pem" \
		    --load-ca-privkey "$ca-key.pem" \
		    --template "$name.tmpl" --outfile "$name-cert.pem"
	fi 2>/dev/null
}

# can_tls: skip where TLS cannot be tested.
can_tls()
{
	has_tls || skip "built without GnuTLS"
	needs certtool psktool
}

# make_pki DIRECTORY
make_pki()
{
	local server=(dns_name=localhost ip_address=127.0.0.1 tls_www_server
	    signing_key)

	PKI=$1
	export PKI
	mkdir -p "$PKI/client" "$PKI/stranger" "$PKI/nobody"
	pushd "$PKI" >/dev/null
	certificate ca self "cn = CA" ca cert_signing_key expiration_days=30
	certificate otherca self "cn = Other CA" ca cert_signing_key \
	    expiration_days=30
	certificate server ca "cn = localhost" expiration_days=30 \
	    "${server[@]}"
	certificate next ca "cn = localhost" "organization = Next" \
	    expiration_days=30 "${server[@]}"
	certificate client ca "cn = build7" "dns_name = lab.example" \
	    expiration_days=30 tls_www_client signing_key
	certificate other otherca "cn = build7" expiration_days=30 \
	    tls_www_client signing_key
	certificate expired ca "cn = build7" \
	    'activation_date = "2020-01-01 00:00:00"' \
	    'expiration_date = "2020-02-01 00:00:00"' tls_www_client signing_key
	psktool -u alice -p keys.psk >/dev/null
	psktool -u bob -p keys.psk >/dev/null
	sed 's/^alice:.*/alice:00112233445566778899aabbccddeeff/' keys.psk \
	    >wrong.psk
	printf 'mallory:00112233445566778899aabbccddeeff\n' >unknown.psk
	chmod 644 ./*.psk ./*-key.pem
	# As clients of libnbd and qemu want them.
	for who in client stranger nobody; do
		cp ca-cert.pem "$who/"
	done
	cp client-cert.pem client-key.pem client/
	cp other-cert.pem stranger/client-cert.pem
	cp other-key.pem stranger/client-key.pem
	popd >/dev/null
}

# The options of a daemon with TLS; more may follow, and win.
tls_options()
{
	echo --tls=on --tls-certificate="$PKI/server-cert.pem" \
	    --tls-key="$PKI/server-key.pem"
}

# tls_daemon [OPTION...]: with the exports of the protocol's tests and secret.
tls_daemon()
{
	# shellcheck disable=SC2046 # a list of words
	protocol_daemon $(tls_options) "$@"
	add_export secret "$IMAGES/ro" ro "tls = require"
}

# nbds EXPORT WHO [USER]: the URI of a client.
nbds()
{
	echo "nbds://localhost:$PORT/$1?tls-certificates=$PKI/$2"
}

# psk EXPORT USER FILE
psk()
{
	echo "nbds://$2@localhost:$PORT/$1?tls-psk-file=$PKI/$3"
}
