#!/usr/bin/env bats
# The role of etc/ansible, by Debian's ansible on this machine, below a directory
# instead of /.

bats_require_minimum_version 1.5.0
load helper

setup()
{
	case $NBDMUX_BUILD in
	*-?san) skip "the sanitizers' build is not what is deployed" ;;
	esac
	needs ansible-playbook jq nbdinfo
	[ "$(id -u)" = 0 ] || skip "a daemon of another root is started by root"
	cd "$BATS_TEST_TMPDIR" || return
	SOURCE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	ROOT=$PWD/root
	BUILT=$NBDMUX_BIN
	export HOME=$PWD ANSIBLE_NOCOLOR=1 ANSIBLE_PIPELINING=1
	cat >hosts.yml <<-END
	nbd_servers:
	  hosts:
	    localhost:
	      ansible_connection: local
	      ansible_python_interpreter: /usr/bin/python3
	      ansible_remote_tmp: $PWD/ansible
	      ansible_become: false
	END
	truncate -s 1M a.img
	truncate -s 2M b.img
	cat >common.yml <<-END
	nbdmux_root: $ROOT
	nbdmux_prefix: /usr
	nbdmux_admin_password: open sesame
	nbdmux_config:
	  listen: 127.0.0.1:0
	  image_dirs: [$PWD]
	  log-level: warning
	  listing: true
	END
}

teardown()
{
	stop_daemon
}

# declare_exports: those that are read, for play.
declare_exports()
{
	{
		echo "nbdmux_exports:"
		cat
	} >exports.yml
}

# play ARGUMENTS...: with what was declared; its recap in $recap.
play()
{
	local status=0

	ansible-playbook -i hosts.yml -e @common.yml -e @exports.yml "$@" \
	    "$SOURCE/etc/ansible/nbdmux.yml" >out 2>&1 || status=$?
	cat out
	recap=$(grep '^localhost .*ok=' out)
	return "$status"
}

# picture DIRECTORY: its files, and which versions of them.
picture()
{
	find "$1" ! -type d -printf '%p %m %i %T@ %l\n' | sort
}

# The same text is written again when an image is as young as its export.
entries()
{
	grep -r . "$SPOOL" | sort
}

from_source()
{
	play -e "nbdmux_source=$SOURCE" \
	    -e "{\"nbdmux_make\": \"BUILD=$NBDMUX_BUILD BIN=$BUILT\"}"
}

# The daemon of the root that was made.
start_installed()
{
	DIR=$ROOT
	SPOOL=$ROOT/var/spool/nbdmux
	STATE=$ROOT/run/nbdmux
	DATA=$ROOT/var/lib/nbdmux
	LOG=$PWD/nbdmuxd.log
	NBDMUX_BIN=$ROOT/usr/sbin
	PATH=$NBDMUX_BIN:$PATH
	export NBDMUX_CONF=$ROOT/etc/nbdmux/nbdmuxd.conf NBDMUX_SPOOL=$SPOOL \
	    NBDMUX_STATE=$STATE NBDMUX_DATA=$DATA
	start_daemon --log-level=info
}

@test "the role installs, configures and declares; a second run changes nothing" {
	declare_exports <<-END
	- {name: a, file: $PWD/a.img, description: "The first, with \"quotes\""}
	- name: b
	  file: $PWD/b.img
	  mode: rw
	  max_clients: 3
	  exclusive: false
	  allow: [127.0.0.0/8, "::1"]
	END
	# Looked at only, from what was made elsewhere: nothing is there after it.
	make -C "$SOURCE" install DESTDIR="$PWD/made" prefix=/usr \
	    BUILD="$NBDMUX_BUILD" BIN="$BUILT" >make.log 2>&1
	tar -C made -czf made.tar.gz .
	play --check --diff -e "nbdmux_archive=$PWD/made.tar.gz"
	grep -q '^+image-dirs = ' out
	grep -q 'changed: .*=> (item=b)' out
	[ ! -e "$ROOT" ]

	# In earnest, from the source.
	from_source
	[[ $recap != *"changed=0 "* ]]
	[[ $recap == *"failed=0 "* ]]
	(cd made && find . ! -type d ! -name nbdmuxd.conf) >files
	[ "$(wc -l <files)" -ge 20 ]
	while read -r file; do
		[ -L "made/$file" ] || cmp "made/$file" "$ROOT/$file"
		[ "$(stat -c %A "made/$file")" = "$(stat -c %A "$ROOT/$file")" ]
	done <files
	[ "$(stat -c %a "$ROOT/var/spool/nbdmux")" = 2775 ]
	[ "$(stat -c %a "$ROOT/etc/nbdmux/password")" = 640 ]
	[ "$(cat "$ROOT/etc/nbdmux/password")" = "open sesame" ]
	if grep -q "open sesame" out; then return 1; fi

	# It is what was declared, and is served.
	start_installed
	grep -qx "listing = yes" "$NBDMUX_CONF"
	wait_for 10 nbdinfo --size "nbd://127.0.0.1:$PORT/b"
	nbdmux-ls --json | jq -e '[.exports[] | select(.builtin | not) |
	    [.name, .status, .mode, .size]] == [["a", "ready", "ro", 1048576],
	    ["b", "ready", "rw", 2097152]]'
	grep -qx 'description = The first, with "quotes"' "$SPOOL/a.ini"
	grep -qx 'allow = 127.0.0.0/8, ::1' "$SPOOL/b.ini"

	# lighttpd takes its part, and finds it there.
	if command -v lighttpd; then
		{
			printf 'server.modules = ( "mod_access", "mod_alias" )\n'
			printf 'server.document-root = "%s"\n' "$PWD"
			cat "$ROOT"/etc/lighttpd/conf-enabled/*.conf
		} >lighttpd.conf
		lighttpd -tt -f lighttpd.conf
		grep -qF "\"NBDMUX_SPOOL\" => \"$SPOOL\"" lighttpd.conf
		[ -x "$(sed -n 's/.*alias.url = .*"\(.*nbdmux.cgi\)\/".*/\1/p' \
		    lighttpd.conf)" ]
	fi

	# Again, with a daemon that judges.
	picture "$ROOT/usr" >before
	entries >>before
	from_source
	[[ $recap == *"changed=0 "* ]]
	[[ $recap == *"failed=0 "* ]]
	picture "$ROOT/usr" >after
	entries >>after
	diff before after
}

@test "exports alone: what differs is changed, what is absent removed, what is wrong named" {
	mkdir -p "$ROOT/usr" "$ROOT/etc/nbdmux" "$ROOT/var/spool/nbdmux"
	ln -s "$BUILT" "$ROOT/usr/sbin"
	printf '[nbdmuxd]\nimage-dirs = %s\n' "$PWD" \
	    >"$ROOT/etc/nbdmux/nbdmuxd.conf"
	start_installed
	declare_exports <<-END
	- {name: a, file: $PWD/a.img}
	- {name: b, file: $PWD/b.img, mode: ro}
	- {name: gone, file: $PWD/a.img}
	END
	play --tags nbdmux_exports
	[[ $recap == *"changed=1 "* ]]
	entries >before

	# What would be done is shown, and not done; then it is.
	declare_exports <<-END
	- {name: a, file: $PWD/a.img}
	- {name: b, file: $PWD/b.img, mode: rw}
	- {name: gone, state: absent}
	- {name: never, state: absent}
	END
	play --tags nbdmux_exports --check --diff
	grep -qx '+mode = rw' out
	grep -qx -- "-image = $PWD/a.img" out
	grep ' => (item=' out >told
	entries | diff before -
	play --tags nbdmux_exports
	grep ' => (item=' out | diff told -
	sed 's/:.*item=/ /; s/)$//' told | tr '\n' ' ' |
	    grep -x "ok a changed b changed gone ok never "
	nbdmux-ls --names | tr '\n' ' ' | grep -x "a b probe "
	[ "$(state_of b mode)" = rw ]

	# One error, which names the export and what would be right; the others
	# are as they were declared.
	entries >before
	declare_exports <<-END
	- {name: a, file: $PWD/a.img}
	- {name: b, file: $PWD/b.img, mood: rw}
	- {name: c, file: /etc/passwd, raw: true}
	- {name: d, file: $PWD/a.img, url: "http://127.0.0.1/"}
	- {name: e}
	- {file: $PWD/a.img}
	END
	run ! play --tags nbdmux_exports
	cat out
	[ "$(grep -c '^failed: ' out)" -eq 5 ]
	grep 'ok: .*(item=a)' out
	grep '^failed: .*(item=b) .*"msg": "export b: nbdmux-add: .* option --mood; ' out
	grep '^failed: .*(item=c) .*"msg": "export c: .*image-dirs' out
	grep '^failed: .*(item=d) .*"msg": "export d: either a file or a url, not both"' out
	grep '^failed: .*(item=e) .*"msg": "export e: a file or a url is needed"' out
	grep '^failed: .*(item=without a name) .*"msg": "export \\"\\": ' out
	entries | diff before -
}

# in_machine COMMAND...: as root of this machine, so to speak: what is written
# goes elsewhere, and systemctl writes down what it is asked for.
in_machine()
{
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --propagation private bash -euc '
		tree=$1 etc=$2
		shift 2
		mount -t overlay overlay "$tree" \
		    -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work"
		mkdir -p "$tree$PWD" "$tree$etc"
		mount --bind "$PWD" "$tree$PWD"
		mount --bind "$etc" "$tree$etc"
		mount --bind "$PWD/run" "$tree/run"
		mount --rbind /dev "$tree/dev"
		mount --rbind /proc "$tree/proc"
		exec chroot "$tree" env -C "$PWD" PATH="$PWD/fake:$PATH" "$@"' \
	    in_machine "$PWD/tree" "$SOURCE/etc/ansible" "$@"
}

fake_systemctl()
{
	mkdir -p fake
	cat >fake/systemctl <<-'END'
	#!/bin/sh
	cd "${0%/*}/.."
	echo "$*" >>systemctl.log
	case $1 in
	show)
		active=inactive
		! grep -qx "start $2" systemctl.log || active=active
		printf '%s\n' LoadState=loaded ActiveState=$active ;;
	is-enabled)
		grep -qx "enable $2" systemctl.log ;;
	esac
	END
	chmod 755 fake/systemctl
	# What manages services is known by it.
	mkdir -p run/systemd/system
}

@test "with systemd there are users, units and services, and only what changed is restarted" {
	needs unshare systemd-sysusers lighttpd
	mkdir upper work tree
	unshare --mount mount -t overlay overlay tree \
	    -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" ||
	    skip "no overlays can be made here"
	fake_systemctl
	make -C "$SOURCE" install DESTDIR="$PWD/made" prefix=/usr \
	    BUILD="$NBDMUX_BUILD" BIN="$BUILT" >make.log 2>&1
	sed -i '/^nbdmux_root/d' common.yml
	cat >>common.yml <<-END
	nbdmux_stage: $PWD/made
	nbdmux_packages: false
	nbdmux_system: true
	END
	declare_exports <<-END
	- {name: a, file: $PWD/a.img}
	END
	ansible=$(command -v ansible-playbook)
	ansible-playbook() { in_machine "$ansible" "$@"; }
	play
	[[ $recap == *"failed=0 "* ]]
	in_machine getent passwd nbdmux | grep ':/var/lib/nbdmux:'
	in_machine getent group nbdmux | grep ':www-data$'
	gid=$(in_machine getent group nbdmux | cut -d: -f3)
	[ "$(stat -c '%a %g' upper/var/spool/nbdmux)" = "2775 $gid" ]
	[ "$(stat -c '%a %g' upper/etc/nbdmux/password)" = "640 $gid" ]
	[ -e upper/usr/lib/systemd/system/nbdmuxd.service ]
	grep -qx "image = $PWD/a.img" upper/var/spool/nbdmux/a.ini
	for done in daemon-reload "enable nbdmuxd" "start nbdmuxd" \
	    "start lighttpd" "restart lighttpd"; do
		grep -qx "$done" systemctl.log
	done

	# Another configuration is read again, the web server does without it; the
	# daemon and its clients stay.
	mv systemctl.log log.old
	grep -E '^(start|enable) ' log.old >systemctl.log
	before=$(wc -l <systemctl.log)
	sed -i 's/warning/error/' common.yml
	play -e nbdmux_web=no
	[[ $recap == *"changed=4 "* ]]
	tail -n +$((before + 1)) systemctl.log |
	    grep -vE '^(show|is-enabled) ' >told
	[ "$(tr '\n' ' ' <told)" = "reload nbdmuxd restart lighttpd " ]
	[ ! -e upper/etc/lighttpd/conf-enabled/50-nbdmux.conf ]
}

@test "nbdmux-deploy(7) has the variables of the role" {
	local role=$SOURCE/etc/ansible/roles/nbdmux

	sed -n 's/^\.It Va \([a-z_]*\)$/\1/p' "$SOURCE/man/nbdmux-deploy.7" |
	    sort >page
	[ "$(wc -l <page)" -ge 15 ]
	sed -n 's/^      \(nbdmux_[a-z_]*\): .*/\1/p' \
	    "$role/meta/argument_specs.yml" | sort | diff page -
	while read -r variable; do
		grep -q "^$variable:" "$role/defaults/main.yml"
	done <page
}
