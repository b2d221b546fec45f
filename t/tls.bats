#!/usr/bin/env bats
# TLS as people use it: certificates, keys, identities, reloads, other
# implementations, and what a mistake in the configuration is answered with.

bats_require_minimum_version 1.5.0
load helper
load lib/protocol
load lib/tls

setup_file()
{
	! command -v certtool >/dev/null || make_pki "$BATS_FILE_TMPDIR/pki"
}

setup()
{
	can_tls
	needs nbdinfo nbdcopy
	cd "$BATS_TEST_TMPDIR" || return
}

teardown()
{
	stop_daemon
}

# served URI / not_served URI WORDS: what a client gets, and what the log says.
served()
{
	nbdinfo --size "$1"
}

not_served()
{
	run nbdinfo --size "$1"
	echo "$output"
	[ "$status" -ne 0 ]
	wait_for 5 grep -q "$2" "$LOG" || { cat "$LOG"; false; }
}

# rest_of_start OPTION...: what a daemon that does not start says.
refused_start()
{
	setup_dirs
	run nbdmuxd -f --user="$(id -un)" --listen=127.0.0.1:0 "$@"
	[ "$status" -eq 1 ]
	echo "$output"
}

# --- who may come in ---------------------------------------------------------------

@test "TL-25 with tls-verify = required a client shows a good certificate, or is refused" {
	tls_daemon --tls-verify=required --tls-ca="$PKI/ca-cert.pem"
	served "$(nbds disk client)"
	grep 'connected .*identity="\?CN=build7"\? export=disk' "$LOG"
	not_served "$(nbds disk nobody)" 'kind=tls .*reason="No certificate was found\|kind=tls .*Certificate is required'
	raw TL_10 pki="$PKI" who=other
	grep 'kind=tls .*certificate is refused: .*issuer is unknown' "$LOG"
}

@test "TL-25 an expired certificate is refused" {
	tls_daemon --tls-verify=required --tls-ca="$PKI/ca-cert.pem"
	raw TL_10 pki="$PKI" who=expired
	grep 'kind=tls .*certificate is refused: .*expired' "$LOG"
}

@test "TL-25 a server's certificate is none of a client" {
	tls_daemon --tls-verify=required --tls-ca="$PKI/ca-cert.pem"
	raw TL_10 pki="$PKI" who=server
	grep 'kind=tls .*certificate is refused: .*purpose' "$LOG"
}

@test "with tls-verify = optional none is needed, and a bad one is refused" {
	tls_daemon --tls-verify=optional --tls-ca="$PKI/ca-cert.pem"
	served "$(nbds disk client)"
	served "$(nbds disk nobody)"
	grep 'connected .*identity=unknown export=disk' "$LOG"
	raw TL_10 pki="$PKI" who=other
	grep 'kind=tls .*certificate is refused' "$LOG"
}

@test "without tls-verify nobody is asked, and nobody has proved anything" {
	tls_daemon
	served "$(nbds disk stranger)"
	grep 'connected .*identity=unknown export=disk' "$LOG"
}

@test "TL-25 with a key of tls-psk-file alone, known users are served, others refused" {
	protocol_daemon --tls=required --tls-psk-file="$PKI/keys.psk"
	served "$(psk disk alice keys.psk)"
	grep 'connected .*identity=psk:alice export=disk' "$LOG"
	not_served "$(psk disk alice wrong.psk)" 'kind=tls .*wrong key of the user alice'
	not_served "$(psk disk mallory unknown.psk)" 'kind=tls .*no such user in tls-psk-file: mallory'
}

@test "certificates and keys work side by side" {
	tls_daemon --tls-verify=required --tls-ca="$PKI/ca-cert.pem" \
	    --tls-psk-file="$PKI/keys.psk"
	served "$(psk disk bob keys.psk)"
	served "$(nbds disk client)"
	not_served "$(nbds disk nobody)" 'kind=tls'
}

@test "TL-25 allow takes names beside addresses" {
	tls_daemon --tls-verify=optional --tls-ca="$PKI/ca-cert.pem" \
	    --tls-psk-file="$PKI/keys.psk"
	add_export names "$IMAGES/ro" ro "allow = cn:BUILD*, psk:al*"
	add_export dns "$IMAGES/ro" ro "allow = 192.0.2.0/24 cn:lab.example"
	add_export here "$IMAGES/ro" ro "allow = 127.0.0.0/8, cn:nobody"
	add_export users "$IMAGES/ro" ro "allow = psk:ALICE, psk:bob"
	served "$(nbds names client)"
	served "$(psk names alice keys.psk)"
	not_served "$(psk names bob keys.psk)" 'export=names .*neither your address'
	not_served "$(nbds names nobody)" 'export=names .*neither your address'
	not_served "nbd://localhost:$PORT/names" 'export=names .*needs TLS'
	served "$(nbds dns client)"
	not_served "$(psk dns alice keys.psk)" 'identity=psk:alice export=dns'
	served "nbd://127.0.0.1:$PORT/here"
	served "$(psk users bob keys.psk)"
	not_served "$(psk users alice keys.psk)" 'identity=psk:alice export=users'
	not_served "$(nbds users client)" 'export=users'
	# Lists show what one could use.
	nbdinfo --list "$(nbds '' client)" | grep -o 'export="[^"]*"' | sort |
	    tr '\n' ' ' | grep 'dns.*here.*names'
	run ! grep names <(nbdinfo --list "nbd://127.0.0.1:$PORT")
}

@test "on a unix socket addresses fit, names have to be proved" {
	tls_daemon --listen="unix:$PWD/socket,127.0.0.1:$(free_port)" \
	    --tls-verify=optional --tls-ca="$PKI/ca-cert.pem"
	add_export names "$IMAGES/ro" ro "allow = cn:build7"
	add_export mixed "$IMAGES/ro" ro "allow = 192.0.2.1, cn:nobody"
	served "nbd+unix:///mixed?socket=$PWD/socket"
	not_served "nbd+unix:///names?socket=$PWD/socket" 'export=names .*needs TLS'
	served "nbds+unix://localhost/names?socket=$PWD/socket&tls-certificates=$PKI/client"
	not_served "nbds+unix://localhost/names?socket=$PWD/socket&tls-certificates=$PKI/nobody" 'client=unix export=names .*neither'
}

@test "an export that needs TLS fails on a server without, with the reason" {
	local name

	protocol_daemon
	add_export mixed "$IMAGES/ro" ro "allow = 192.0.2.1, cn:build7"
	put_export secret "$IMAGES/ro" ro "tls = require"
	put_export named "$IMAGES/ro" ro "allow = cn:build7"
	for name in secret named; do
		wait_for 10 answers "$name"
		not_served "nbd://localhost:$PORT/$name" \
		    "export=$name .*cannot be served"
		[[ $(state_of $name error) == *'must encrypt'*'"tls = off"'* ]]
	done
	raw TL_02 secret=secret
	raw TL_02 secret=mixed
	run ! grep secret <(nbdinfo --list "nbd://127.0.0.1:$PORT")
	run nbdmuxd -t --user="$(id -un)"
	[ "$status" -eq 1 ]
	[[ $output == *'"secret"'*'must encrypt'* ]]
	nbdmux-add open "$IMAGES/ro"
	run nbdmux-add --tls=require open "$IMAGES/ro"
	[ "$status" -eq 4 ]
	[[ $output == *'"tls = off"'*"the spool is as it was" ]]
	nbdinfo --size "nbd://localhost:$PORT/open"
	# With TLS it is there, without a change of its own.
	[ "$(state_of secret status)" = failed ]
	printf '[nbdmuxd]\ntls = on\ntls-psk-file = %s\n' "$PKI/keys.psk" \
	    >"$NBDMUX_CONF"
	kill -HUP "$DAEMON"
	wait_for 10 eval '[ "$(state_of secret status)" = ready ]'
	served "$(psk secret alice keys.psk)"
	printf '[nbdmuxd]\n' >"$NBDMUX_CONF"
	kill -HUP "$DAEMON"
	wait_for 10 eval '[ "$(state_of secret status)" = failed ]'
}

@test "nbdmux-ls lists who is there, and how" {
	needs jq
	tls_daemon --tls-verify=optional --tls-ca="$PKI/ca-cert.pem"
	exec {hold}> >(/usr/bin/python3 -B - "$BATS_TEST_DIRNAME/lib" "$PORT" \
	    "$PKI" <<'END'
import sys, time
sys.path.insert(0, sys.argv[1])
from nbdtls import *
conns = []
for who in ("client", None, False):
	c = Conn(("127.0.0.1", int(sys.argv[2]))).hello()
	if who is not False:
		ask(c)
		wrap(c, context(sys.argv[3], who))
	conns.append(c.go())
open("there", "w").close()
while True:
	time.sleep(0.1)
	try:
		open("there")
	except OSError:
		break
END
	)
	wait_for 20 test -e there
	nbdmux-ls --json >ls.json
	nbdmux-ls -c >table
	rm there
	exec {hold}>&-
	jq -c '[.connections[] | [.tls, .identity]]' ls.json >got
	[ "$(cat got)" = '[[true,"CN=build7"],[true,null],[false,null]]' ]
	[[ $(head -1 table) == CLIENT*IDENTITY ]]
	grep 'CN=build7$' table
	grep '(TLS)$' table
	grep ' -$' table
}

# --- changes while it runs -----------------------------------------------------------

# subject: what the server's certificate says.
subject()
{
	/usr/bin/python3 -B - "$BATS_TEST_DIRNAME/lib" "$PORT" "$PKI" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from nbdtls import *
c = Conn(("127.0.0.1", int(sys.argv[2]))).hello()
ask(c)
wrap(c, context(sys.argv[3]))
print(dict(x[0] for x in c.sock.getpeercert()["subject"]))
END
}

reload()
{
	local before

	before=$(grep -c ' reload ' "$LOG" || true)
	kill -HUP "$DAEMON"
	wait_for 10 eval '[ "$(grep -c " reload " "$LOG")" -gt '"$before"' ]'
}

@test "SIGHUP takes up another certificate; connections keep theirs" {
	setup_dirs
	cp "$PKI"/{server,ca}-*.pem .
	PORT=
	setup_daemon --tls=on --tls-certificate="$PWD/server-cert.pem" \
	    --tls-key="$PWD/server-key.pem"
	[[ $(subject) != *Next* ]]
	mkfifo line
	/usr/bin/python3 -B - "$BATS_TEST_DIRNAME/lib" "$PORT" "$PKI" <<'END' &
import sys
sys.path.insert(0, sys.argv[1])
from nbdtls import *
c = Conn(("127.0.0.1", int(sys.argv[2]))).hello()
ask(c)
wrap(c, context(sys.argv[3])).go("probe").read(0, 512)
open("connected", "w").close()
open("line").read()
c.read(0, 512)
open("ended", "w").close()
END
	CLIENT=$!
	wait_for 10 test -e connected
	cp "$PKI/next-cert.pem" server-cert.pem
	cp "$PKI/next-key.pem" server-key.pem
	reload
	grep "read again" "$LOG"
	[[ $(subject) == *Next* ]]
	: >line
	wait "$CLIENT"
	[ -e ended ]
}

@test "SIGHUP with a bad certificate keeps the old one and says what is wrong" {
	cp "$PKI"/server-*.pem .
	setup_daemon --tls=on --tls-certificate="$PWD/server-cert.pem" \
	    --tls-key="$PWD/server-key.pem"
	cp "$PKI/next-cert.pem" server-cert.pem
	reload
	grep "error reload .*key $PWD/server-key.pem does not belong to the certificate $PWD/server-cert.pem; the old configuration stays" "$LOG"
	[[ $(subject) != *Next* ]]
	rm server-cert.pem
	reload
	grep "error reload .*cannot read $PWD/server-cert.pem: No such file" "$LOG"
	[[ $(subject) != *Next* ]]
}

@test "TL-21 a change of tls holds for new connections only" {
	setup_dirs
	make_images
	printf '[nbdmuxd]\nuser = %s\ntls-certificate = %s\ntls-key = %s\ntls = on\n' \
	    "$(id -un)" "$PKI/server-cert.pem" "$PKI/server-key.pem" \
	    >"$NBDMUX_CONF"
	start_daemon
	add_standard_exports
	raw TL_21 pki="$PKI" conf="$NBDMUX_CONF" from=on to=off
	raw TL_21 pki="$PKI" conf="$NBDMUX_CONF" from=off to=required
	raw TL_21 pki="$PKI" conf="$NBDMUX_CONF" from=required to=off
}

@test "at the daemon's end clients get their replies and a close_notify" {
	tls_daemon
	raw tls_stop pki="$PKI"
	ended
	BASELINE=
	DAEMON=
	grep 'disconnected .*reason="server is shutting down"' "$LOG"
}

# --- other implementations, and much data --------------------------------------------

@test "nbdcopy copies both ways over TLS, with several connections" {
	tls_daemon --tls=required
	head -c 50M /dev/urandom >random
	truncate -s 50M copy
	put_export random "$PWD/random"
	add_export copy "$PWD/copy" rw
	nbdcopy --connections=4 "$(nbds random client)" back
	cmp random back
	nbdcopy --connections=4 --requests=32 random "$(nbds copy client)"
	cmp random copy
}

@test "qemu-img reads and writes over TLS, with a certificate and with a key" {
	local x509 psk

	needs qemu-img
	tls_daemon --tls=required --tls-verify=required \
	    --tls-ca="$PKI/ca-cert.pem" --tls-psk-file="$PKI/keys.psk"
	x509="tls-creds-x509,id=t,endpoint=client,dir=$PKI/client"
	mkdir qpsk
	cp "$PKI/keys.psk" qpsk/keys.psk
	psk="tls-creds-psk,id=t,endpoint=client,dir=$PWD/qpsk,username=alice"
	for object in "$x509" "$psk"; do
		qemu-img convert --object "$object" --image-opts -O raw \
		    "driver=nbd,host=localhost,port=$PORT,export=ro,tls-creds=t" out
		cmp out "$IMAGES/ro"
	done
	qemu-io --object "$x509" --image-opts \
	    "driver=nbd,host=localhost,port=$PORT,export=disk,tls-creds=t" \
	    -c 'write -P 0x5a 2M 1M' -c 'read -P 0x5a 2M 1M' -c flush >io
	grep 'wrote 1048576/1048576' io
	run ! grep -i 'verification failed' io
}

@test "many requests in flight over TLS, with TLS 1.2 and 1.3" {
	local max

	tls_daemon
	for max in 1.2 1.3; do
		raw tls_flood pki="$PKI" max="$max"
	done
}

@test "records that come byte by byte, half ones, and rubbish among them" {
	tls_daemon
	raw tls_odd pki="$PKI"
	[ "$(grep -c 'disconnected .*reason="Decryption has failed' "$LOG")" -eq 2 ]
}

@test "what clients leave unfinished inside TLS has a bound that the manual states" {
	! ldd "$NBDMUX_BIN/nbdmuxd" | grep -qE "[at]san" ||
	    skip "sanitizers need memory of their own"
	grep -A1 "^at most 80 KiB more" "$BATS_TEST_DIRNAME/../man/nbdmuxd.conf.5"
	tls_daemon --max-memory=1M --handshake-timeout=60
	raw tls_memory pki="$PKI"
}

# --- mistakes ------------------------------------------------------------------------

@test "what cannot be read or does not fit is refused at the start, with the file" {
	local cert=--tls-certificate=$PKI/server-cert.pem
	local key=--tls-key=$PKI/server-key.pem

	refused_start --tls=on
	[[ $output == *"\"tls\" is on, and there is nothing to prove who we are; write tls-certificate and tls-key, or tls-psk-file"* ]]
	refused_start --tls=on "$cert"
	[[ $output == *"\"tls-certificate\" is of no use without \"tls-key\""* ]]
	refused_start --tls=on "$cert" --tls-key="$PKI/client-key.pem"
	[[ $output == *"the key $PKI/client-key.pem does not belong to the certificate $PKI/server-cert.pem"* ]]
	refused_start --tls=on "$cert" --tls-key=/nowhere
	[[ $output == *"cannot read /nowhere: No such file or directory"* ]]
	refused_start --tls=on --tls-certificate=/dev/null "$key"
	[[ $output == *"/dev/null"* ]]
	refused_start --tls=on --tls-certificate="$PKI/keys.psk" "$key"
	[[ $output == *"$PKI/keys.psk: no certificate in PEM format"* ]]
	refused_start --tls=on "$cert" --tls-key="$PKI/ca-cert.pem"
	[[ $output == *"$PKI/ca-cert.pem: no private key in PEM format"* ]]
	refused_start --tls=on "$cert" "$key" --tls-verify=required
	[[ $output == *"\"tls-verify\" needs \"tls-ca\""* ]]
	refused_start --tls=on "$cert" "$key" --tls-ca="$PKI/ca-cert.pem"
	[[ $output == *"\"tls-ca\" is there, but \"tls-verify\" is no"* ]]
	refused_start --tls=on "$cert" "$key" --tls-verify=optional \
	    --tls-ca="$PKI/keys.psk"
	[[ $output == *"$PKI/keys.psk: no certificate in PEM format"* ]]
	refused_start --tls=on "$cert" "$key" --tls-priority=NORMAL:+NONSENSE
	[[ $output == *"does not understand the priorities at \"+NONSENSE\""* ]]
	refused_start --tls=on --tls-certificate=server.pem "$key"
	[[ $output == *"\"server.pem\" is not an absolute path"* ]]
}

@test "a file of keys is refused with the line that is wrong" {
	local i line words

	while IFS='|' read -r line words; do
		printf 'alice:0011\n%b\n' "$line" >keys.psk
		refused_start --tls=on --tls-psk-file="$PWD/keys.psk"
		[[ $output == *"\"tls-psk-file\": $PWD/keys.psk$words"* ]]
	done <<-'END'
		nonsense|:2: there is no colon
		:0011|:2: there is no user before the colon
		bob:|:2: the key is not hexadecimal
		bob:xyz|:2: the key is not hexadecimal
		alice:2233|: the user "alice" stands there twice
	END
	printf '\n' >keys.psk
	refused_start --tls=on --tls-psk-file="$PWD/keys.psk"
	[[ $output == *"there is no user in it"* ]]
}

@test "nbdmuxd -t looks at the files, too" {
	setup_dirs
	# shellcheck disable=SC2046 # a list of words
	nbdmuxd -t --user="$(id -un)" $(tls_options)
	# shellcheck disable=SC2046
	run nbdmuxd -t --user="$(id -un)" $(tls_options) --tls-key=/nowhere
	[ "$status" -eq 1 ]
	[[ $output == *"cannot read /nowhere"* ]]
}

@test "the example of nbdmuxd.conf(5) is accepted with these files" {
	setup_dirs
	/usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/manual.py" block \
	    "$BATS_TEST_DIRNAME/../man/nbdmuxd.conf.5" "file: tls" 0 |
	    sed "s,/etc/nbdmux/tls/,$PKI/," >conf
	nbdmuxd -t -C conf --user="$(id -un)"
}

@test "the files that nbdmuxd.conf(5) makes serve clients with both" {
	local page=$BATS_TEST_DIRNAME/../man/nbdmuxd.conf.5

	commands()
	{
		/usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/manual.py" block \
		    "$page" "shell: $1" 0 | sed 's/^\$ //'
	}
	mkdir made
	commands tls | sed 's/nbd\.example/localhost/' >script
	(cd made && sh -e ../script) >out 2>&1 || { cat out; false; }
	setup_daemon --tls=required --tls-certificate="$PWD/made/server-cert.pem" \
	    --tls-key="$PWD/made/server-key.pem" \
	    --tls-psk-file="$PWD/made/keys.psk"
	commands client | sed "s,nbd\.example/debian12,localhost:$PORT/probe,
	    s,/etc/pki/lab,$PWD/made,; s,/etc/keys.psk,$PWD/made/keys.psk," >script
	[ "$(wc -l <script)" -eq 2 ]
	sh -e script >out
	[ "$(grep -c 'protocol: newstyle-fixed with TLS' out)" -eq 2 ]
}

@test "a build without GnuTLS serves, and refuses every key of TLS with the reason" {
	local key

	env -u MAKEFLAGS -u MFLAGS make -s -C "$BATS_TEST_DIRNAME/.." TLS=no \
	    BUILD="$BATS_TEST_TMPDIR/plain" CFLAGS=-O0 all >make.log 2>&1 ||
	    { cat make.log; false; }
	NBDMUX_BIN=$BATS_TEST_TMPDIR/plain/bin
	run ! grep -l gnutls <(ldd "$NBDMUX_BIN/nbdmuxd")
	PATH=$NBDMUX_BIN:$PATH
	for key in --tls=on --tls-certificate=/x --tls-key=/x --tls-ca=/x \
	    --tls-verify=optional --tls-psk-file=/x --tls-priority=NORMAL; do
		refused_start "$key"
		[[ $output == *"built without GnuTLS"* ]]
	done
	setup_daemon
	make_images
	add_standard_exports
	raw TL_01
	raw TL_02
	nbdinfo --size "nbd://127.0.0.1:$PORT/disk"
	run nbdmux-add --tls=require disk "$IMAGES/disk"
	[ "$status" -eq 4 ]
	[[ $output == *"must encrypt"* ]]
}
