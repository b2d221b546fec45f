#!/usr/bin/env bats
# What users install from etc/: the configuration and the example entry say what
# the programs' tables say, the unit and its snippets are sound, and the two
# ways to publish an image work.

bats_require_minimum_version 1.5.0
load helper
load lib/fetch

setup()
{
	cd "$BATS_TEST_TMPDIR" || return
	ETC=$BATS_TEST_DIRNAME/../etc
	MAN=$BATS_TEST_DIRNAME/../man
	setup_dirs
}

teardown()
{
	stop_daemon
	stop_web
}

# help PROGRAM: its keys, "key|default|words".
help()
{
	"$1" --help | /usr/bin/python3 -c '
import re, sys
text = re.split(r"^(?:Every key|What the export).*\n", sys.stdin.read(),
	flags=re.M)[1]
for key, words in re.findall(r"^  --([a-z0-9-]+)=\S+ +(.*)", text, re.M):
	m = re.fullmatch(r"(.*?)(?: \[((?:[^][]|\[[^]]*\])*)\])?", words)
	print(key, m[2] or "", m[1], sep="|")'
}

# table FILE: what a file shows, in the same form.
table()
{
	/usr/bin/python3 -c '
import re, sys
for words, key, value in re.findall(r"^# (.*)\n#?([a-z0-9-]+) = ?(.*)$",
		open(sys.argv[1]).read(), re.M):
	print(key, value, words.replace(" (restart)", ""), sep="|")' "$1"
}

uncomment()
{
	sed 's/^#\([a-z0-9-]* =\)/\1/' "$1" |
	    if has_tls; then cat; else sed '/^tls/d'; fi
}

# --- configuration and entry -------------------------------------------------

@test "nbdmuxd.conf has every key of nbdmuxd --help, commented out at its default" {
	help nbdmuxd >wanted
	[ "$(wc -l <wanted)" -ge 20 ]
	table "$ETC/nbdmuxd.conf" >shown
	# Without a default there is an example.
	awk -F'|' -v OFS='|' 'NR == FNR { d[$1] = $2; next }
	    d[$1] == "" && $2 != "" { $2 = "" } 1' wanted shown >got
	diff -u wanted got
	[ "$(cut -d'|' -f2 shown | grep -c .)" -eq "$(wc -l <wanted)" ]
	[ "$(grep -c '^[a-z]' "$ETC/nbdmuxd.conf")" -eq 0 ]
	[ "$(grep -c '=' "$ETC/nbdmuxd.conf")" -eq "$(wc -l <wanted)" ]
}

@test "nbdmuxd.conf is accepted as it is, and with every key uncommented" {
	nbdmuxd -t -C "$ETC/nbdmuxd.conf" --user="$(id -un)"
	uncomment "$ETC/nbdmuxd.conf" |
	    sed "s/^group =.*/group = $(id -gn)/" >all.conf
	[ "$(grep -c '^[a-z]' all.conf)" -ge 20 ]
	nbdmuxd -t -C all.conf --user="$(id -un)"
}

@test "uncommenting the defaults of nbdmuxd.conf changes nothing that takes a restart" {
	cp "$ETC/nbdmuxd.conf" "$NBDMUX_CONF"
	setup_daemon
	uncomment "$ETC/nbdmuxd.conf" | sed '/^group/d; /^socket-[og]/d; /^image-dirs/d; /^data-dir/d
	    /^default-export/d' >"$NBDMUX_CONF"
	kill -HUP "$DAEMON"
	wait_for 10 grep "read again" "$LOG"
	run grep "takes a restart" "$LOG"
	[ "$status" -eq 1 ]
}

@test "nbdmuxd.conf marks the keys that nbdmuxd.conf(5) marks with Restart" {
	sed -n '/^# .*(restart)$/{n;s/^#\([a-z-]*\) =.*/\1/p}' \
	    "$ETC/nbdmuxd.conf" | sort >got
	awk '/^\.It Cm [a-z-]+ =/ { key = $3 } /^Restart\.$/ { print key }' \
	    "$MAN/nbdmuxd.conf.5" | sort >wanted
	[ -s wanted ]
	diff -u wanted got
}

@test "the example entry has every key of nbdmux-add --help in the same words" {
	help nbdmux-add | sed 's/^[^|]*|[^|]*|/&/; s/ ([0-9A-Z]*)$//
	    s/, 0 for any number//' >wanted
	table "$ETC/export.ini.example" | grep -vE '^(image|source)[|]' >got
	cut -d'|' -f1 wanted >keys.wanted
	cut -d'|' -f1 got >keys.got
	[ "$(wc -l <keys.wanted)" -ge 7 ]
	diff -u keys.wanted keys.got
	while IFS='|' read -r key _ words; do
		grep "^$key|" got | grep -qF "|$words"
	done <wanted
}

@test "the example entry is served, as it is and with every key uncommented" {
	truncate -s 1M image
	sed "s,^image = .*,image = $PWD/image," "$ETC/export.ini.example" \
	    >"$SPOOL/some.ini"
	uncomment "$SPOOL/some.ini" >"$SPOOL/all.ini"
	[ "$(grep -c '^[a-z]' "$SPOOL/all.ini")" -ge 8 ]
	run nbdmuxd -t --user="$(id -un)"
	[ "$status" -eq 0 ]
	[[ $output == *" 2 exports "*" are good"* ]]
	# What it shows is what holds without it.
	setup_daemon
	nbdmux-ls --json some >some.json
	[ "$(state_of some status)$(state_of all status)" = readyready ]
	[ "$(state_of some mode)" = "$(state_of all mode)" ]
}

# --- systemd -----------------------------------------------------------------

# The unit with the program of this build.
unit()
{
	sed "s,/usr/sbin/nbdmuxd,$NBDMUX_BIN/nbdmuxd," \
	    "$ETC/systemd/nbdmuxd.service" >nbdmuxd.service
	grep -q "^ExecStart=$NBDMUX_BIN/nbdmuxd" nbdmuxd.service
}

@test "systemd finds nothing wrong with the unit" {
	needs systemd-analyze
	unit
	systemd-analyze verify --man=no "$PWD/nbdmuxd.service" >out 2>&1
	cat out
	[ ! -s out ]
}

@test "systemd calls the unit well protected" {
	needs systemd-analyze
	unit
	# In tenths of its points: 0 is perfect, 100 no protection at all.
	systemd-analyze security --offline=true --threshold=25 \
	    "$PWD/nbdmuxd.service"
}

@test "the unit leaves the daemon and what it runs the calls that they make" {
	needs systemd-analyze nbdcopy qemu-img xz
	[[ $NBDMUX_BUILD != *-?san ]] || skip "sanitizers make other calls"
	setup_web
	mkdir "$STATE"
	printf 'image-dirs = %s\ndata-dir = %s\n' "$PWD" "$DATA" >>"$NBDMUX_CONF"
	WRAPPER="/usr/bin/python3 -B $BATS_TEST_DIRNAME/lib/unitcalls.py \
	    $ETC/systemd/nbdmuxd.service" start_daemon
	head -c 1M /dev/urandom >a.img
	xz -c a.img >"$WEB/b"
	qemu-img convert -O qcow2 a.img "$WEB/c"
	nbdmux-add -w a a.img
	nbdcopy a.img "nbd://127.0.0.1:$PORT/a"
	nbdcopy "nbd://127.0.0.1:$PORT/a" copy
	cmp a.img copy
	[ -x "$NBDMUX_BIN/nbdmux-fetch" ] || return 0
	for name in b c; do
		nbdmux-add "$name" "$URL/$name"
		nbdcopy "nbd://127.0.0.1:$PORT/$name" copy
		cmp a.img copy
	done
	# Whoever may change the spool may remove images.
	[ "$(stat -c %a "$DATA/images")" = 2775 ]
}

@test "the unit's places are the programs' defaults, and its user is theirs" {
	local unit=$ETC/systemd/nbdmuxd.service

	grep -qx "ReadWritePaths=-$(nbdmuxd --help |
	    sed -n 's/.*--spool=.*\[\(.*\)\]/\1/p')" "$unit"
	grep -qx "RuntimeDirectory=$(nbdmuxd --help |
	    sed -n 's,.*--state=.*\[/run/\(.*\)\],\1,p')" "$unit"
	grep -qx "User=$(nbdmuxd --help |
	    sed -n 's/^  --user=.*\[\(.*\)\]/\1/p')" "$unit"
}

@test "sysusers and tmpfiles make the user, the group and the directories" {
	needs systemd-sysusers systemd-tmpfiles
	[ "$(id -u)" = 0 ] || skip "only root can give files to others"
	mkdir -p root/etc
	systemd-sysusers --root="$PWD/root" "$ETC/sysusers.d/nbdmux.conf"
	grep -q '^nbdmux:x:[0-9]*:[0-9]*:NBD server:' root/etc/passwd
	grep -q '^nbdmux:x:' root/etc/group
	systemd-tmpfiles --root="$PWD/root" --create "$ETC/tmpfiles.d/nbdmux.conf"
	uid=$(sed -n 's/^nbdmux:x:\([0-9]*\):.*/\1/p' root/etc/passwd)
	gid=$(sed -n 's/^nbdmux:x:\([0-9]*\):.*/\1/p' root/etc/group)
	[ "$(stat -c '%a %u %g' root/var/spool/nbdmux)" = "2775 0 $gid" ]
	[ "$(stat -c '%a %u %g' root/var/lib/nbdmux)" = "2775 $uid $gid" ]
	[ "$(stat -c '%a %u %g' root/run/nbdmux)" = "755 $uid $gid" ]
}

# listen_notify ADDRESS: what is said to a service manager's socket, in the
# file said, a datagram a line.
listen_notify()
{
	/usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", "\0", 1))
open("listening", "w").close()
s.settimeout(60)
with open("said", "w", buffering=1) as f:
	while True:
		print(s.recv(4096).decode(), file=f)' "$1" 3>&- &
	MANAGER=$!
	wait_for 10 test -e listening
}

# When clients can connect, and not before.
notified()
{
	listen_notify "$1"
	NOTIFY_SOCKET=$1 setup_daemon
	wait_for 10 grep -qx READY=1 said
	[ "$(cat said)" = READY=1 ]
	(: <>"/dev/tcp/127.0.0.1/$PORT")
	stop_daemon
	wait_for 10 grep -qx STOPPING=1 said
	kill "$MANAGER"
	[ "$(tr '\n' ' ' <said)" = "READY=1 STOPPING=1 " ]
}

@test "the service manager is told when clients can connect, and of the end" {
	notified "$PWD/notify"
}

@test "the service manager is told through an abstract socket, too" {
	notified "@nbdmux-test-$$-$BATS_TEST_NUMBER"
}

@test "the daemon starts without a service manager that was named" {
	NOTIFY_SOCKET=$PWD/nobody setup_daemon
	grep -q "notify" "$LOG"
}

@test "what systemd does at a reload makes the daemon read its configuration" {
	setup_daemon
	sh -c "$(sed -n 's/^ExecReload=//p' "$ETC/systemd/nbdmuxd.service" |
	    sed "s/\$MAINPID/$DAEMON/")"
	wait_for 10 grep "read again" "$LOG"
}

# --- publishing ---------------------------------------------------------------

publish()
{
	DEFAULTS=$PWD/defaults "$ETC/cron/nbdmux-publish"
}

@test "the cron job publishes an image, and only when there is a new one" {
	needs nbdinfo
	setup_daemon
	mkdir images
	printf 'SOURCE=%s\nIMAGE=%s\nNAME=nightly\n' "$PWD/build.img" \
	    "$PWD/images/nightly.img" >defaults
	head -c 1M /dev/urandom >build.img
	publish
	[ "$(state_of nightly generation)" = 1 ]
	cmp build.img images/nightly.img
	inode=$(stat -c %i images/nightly.img)
	publish
	[ "$(stat -c %i images/nightly.img)" = "$inode" ]
	# The next build: another file, so a client of the old one keeps that.
	exec {old}<images/nightly.img
	head -c 2M /dev/urandom >build.img
	publish
	[ "$(stat -L -c %s /dev/fd/$old)" = 1048576 ]
	cmp build.img images/nightly.img
	[ "$(ls images)" = nightly.img ]
	nbdinfo --size "nbd://127.0.0.1:$PORT/nightly" | grep -x 2097152
	wait_for 10 grep -qx "generation = 2" "$STATE/exports/nightly.ini"
}

@test "a cron job that fails leaves the old image, and nothing else" {
	setup_daemon
	mkdir images
	printf 'SOURCE=%s\nIMAGE=%s\nNAME=nightly\n' "$PWD/build.img" \
	    "$PWD/images/nightly.img" >defaults
	truncate -s 1M build.img
	publish
	rm build.img
	run publish
	[ "$status" -ne 0 ]
	[[ $output == *build.img* ]]
	[ "$(ls images)" = nightly.img ]
	[ "$(state_of nightly status)" = ready ]
}

@test "the Ansible playbook publishes an image, and a second run changes nothing" {
	command -v ansible-playbook >/dev/null || skip "missing: ansible-playbook"
	setup_daemon
	truncate -s 1M built.img
	cat >hosts.yml <<-END
	nbd_servers:
	  hosts:
	    localhost:
	      ansible_connection: local
	      ansible_python_interpreter: /usr/bin/python3
	      ansible_remote_tmp: $PWD/ansible
	      ansible_become: false
	END
	export HOME=$PWD ANSIBLE_NOCOLOR=1
	ansible-playbook -i hosts.yml --syntax-check \
	    "$ETC/ansible/publish-image.yml"
	playbook() {
		ansible-playbook -i hosts.yml -e export_name=debian \
		    -e "export_image=$PWD/built.img" \
		    -e "image_dir=$PWD/images" "$ETC/ansible/publish-image.yml"
	}
	playbook
	[ "$(state_of debian status)" = ready ]
	[ "$(state_of debian description)" = built.img ]
	playbook | tee second
	grep -E 'changed=0 .*failed=0' second
	cmp built.img images/debian.img
}

@test "lighttpd takes its configurations behind Debian's own, each and both" {
	needs lighttpd
	local debian=/etc/lighttpd/lighttpd.conf

	[ -e "$debian" ] || skip "no Debian's lighttpd"
	for conf in nbdmux nbdmux-subpath; do
		cat "$debian" "$ETC/lighttpd/$conf.conf" >whole.conf
		lighttpd -tt -f whole.conf
	done
	cat "$debian" "$ETC"/lighttpd/nbdmux{,-subpath}.conf >whole.conf
	lighttpd -tt -f whole.conf
	cat "$debian" "$ETC"/lighttpd/nbdmux{-subpath,}.conf >whole.conf
	lighttpd -tt -f whole.conf
}

@test "make install puts what lighttpd needs where nbdmux.cgi(8) says" {
	local bin=$NBDMUX_BIN file

	[ -x "$bin/nbdmux.cgi" ] || skip "built without jansson"
	make -s -C "$BATS_TEST_DIRNAME/.." install BUILD="$NBDMUX_BUILD" \
	    BIN="$bin" DESTDIR="$PWD/made" prefix=/usr >made.log
	sed -n 's|^\.It Pa \(/usr/.*\)|\1|p' "$BATS_TEST_DIRNAME/../man/nbdmux.cgi.8" >files
	[ "$(wc -l <files)" -ge 3 ]
	while read -r file; do
		[ -e "made$file" ] || { echo "not there: $file"; return 1; }
	done <files
	grep -hv '^#' made/usr/share/nbdmux/lighttpd/* |
	    grep -oE '/usr/[^"]*' | sort -u >named
	[ "$(wc -l <named)" -ge 2 ]
	while read -r file; do
		[ -e "made${file%/}" ] || { echo "not there: $file"; return 1; }
	done <named
	grep -x /usr/share/nbdmux/lighttpd files
}

# --- deploying ------------------------------------------------------------------

@test "the role and the Containerfile install what t/packages does, and what that links" {
	local role=$ETC/ansible/roles/nbdmux/defaults/main.yml

	# list NAME: of the role.
	list() {
		sed -n "/^$1:/,/^$/s/^  - //p" "$role" | sort
	}
	# step N: what the Nth apt-get of the Containerfile installs.
	step() {
		awk -v n="$1" '/apt-get install/ { at++; next }
		    at == n && /^ *&&/ { exit } at == n' \
		    "$ETC/container/Containerfile" | grep -oE '[a-z][a-z0-9.+-]+' |
		    sed 's/t64$//' | sort
	}
	sed -n '/^build="/,/"$/p' "$BATS_TEST_DIRNAME/packages" |
	    sed 's/build=//; s/"//g' | tr -s ' \t\n' '\n' | grep . | sort >wanted
	[ "$(wc -l <wanted)" -ge 10 ]
	list nbdmux_build_packages | diff wanted -
	step 1 | diff wanted -
	list nbdmux_run_packages >wanted
	[ "$(wc -l <wanted)" -ge 5 ]
	step 2 | grep -vxE 'ca-certificates|lighttpd' | diff wanted -
	# A -dev package's name begins as the library's does, where it has one.
	list nbdmux_build_packages | grep -- -dev | grep -v libc6 |
	    sed 's/-dev$//; s/-openssl//; s/[0-9]*$//; s/^nettle/libnettle/' |
	    while read -r library; do
		grep -q "^${library}[0-9]*\$" wanted ||
		    { echo "$library is not installed"; exit 1; }
	done
}

# --- make run ------------------------------------------------------------------

@test "make run serves what it says, apart from what is configured here" {
	local run page

	printf '[nbdmuxd]\ndata-dir = %s\nprobe = no\nnonsense = 1\n' \
	    "$PWD/installed" >"$NBDMUX_CONF"
	mkdir tmp
	# It wants certain ports, and these tests may run twice at a time.
	exec 9<"$BATS_TEST_DIRNAME"
	flock 9
	NBDMUX_DATA=$PWD/installed TMPDIR=$PWD/tmp \
	    "$BATS_TEST_DIRNAME/run" "$NBDMUX_BIN" >out 2>&1 3>&- 9<&- &
	run=$!
	wait_for 20 grep -q "Ctrl-C ends it" out
	eval "$(grep "^  export " out)"
	nbdmux-ls | grep -q "^sample .* ready "
	[ "$(nbdinfo --size "$(grep -o 'nbd://[^ ]*/sample' out | head -n 1)")" = \
	    67108864 ]
	page=$(grep -o 'http://[^ ]*' out) || [ -z "${CI:-}" ] ||
	    ss -ltn | grep -q ":8082 "
	[ -z "$page" ] || curl -sS "$page" | grep -q sample
	nbdmux-add mine "$(ls -d "$PWD"/tmp/*/sample.img)"
	kill -TERM "$run"
	wait "$run"
	[ -z "$(ls tmp)" ]
	[ ! -e installed ]
}
