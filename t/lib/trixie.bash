# A Debian 13 in a directory: clients and servers newer than the system's.
#
#	needs_trixie			make it, once, or skip with the reason
#	trixie_ready			the same for others: or say why not, and fail
#	trixie COMMAND [ARGUMENT...]	run it there, in the present directory
#	trixie_base_ready		make $TRIXIE.base, the least of a Debian 13,
#					or say why not, and fail
#
# "${trixie_shell[@]}" "$TRIXIE" COMMAND... is what trixie does, as one process
# that becomes the command's.

TRIXIE=${NBDMUX_TRIXIE:-/var/cache/nbdmux-test/trixie}
TRIXIE_PACKAGES="qemu-utils libnbd-bin nbdkit nbd-server"

# Where this system's apt has Debian from.
trixie_mirror()
{
	apt-cache policy | sed -n 's,^ *[0-9]* \(https*://[^ ]*\) [a-z]*/main .*,\1,p' |
	    grep -v security | head -1
}

# What this system's apt needs to reach it: proxies, accounts, certificates.
trixie_settings()
{
	local file tree=$1

	mkdir -p "$tree/etc/apt/apt.conf.d" "$tree/etc/apt/auth.conf.d" \
	    "$tree/etc/ssl/certs"
	for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
		if [ -f "$file" ] && grep -q '^Acquire' "$file"; then
			cp "$file" "$tree/etc/apt/apt.conf.d/99${file##*/}"
		fi
	done
	cp -a /etc/apt/auth.conf.d/. "$tree/etc/apt/auth.conf.d"
	for file in /etc/apt/auth.conf /etc/resolv.conf /etc/hosts \
	    /etc/ssl/certs/ca-certificates.crt; do
		[ ! -f "$file" ] || cp -L "$file" "$tree$file"
	done
}

# shellcheck disable=SC2016 # for the inner shell
trixie_shell=(unshare --mount --propagation private sh -euc '
	tree=$1
	shift
	mount --rbind /dev "$tree/dev"
	mount -t proc proc "$tree/proc" || mount --rbind /proc "$tree/proc"
	mount -t tmpfs tmpfs "$tree/tmp"
	mount --bind . "$tree/mnt"
	exec chroot "$tree" env -C /mnt LC_ALL=C.UTF-8 \
	    PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' trixie)

# trixie_in TREE COMMAND...: with the present directory as /mnt.
trixie_in()
{
	"${trixie_shell[@]}" "$@"
}

trixie_install()
{
	trixie_in "$1" apt-get update -qq || return
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive trixie_in "$1" apt-get install -y -qq \
	    --no-install-recommends $TRIXIE_PACKAGES || return
	trixie_in "$1" apt-get clean
}

# The least of it, which the other one begins with.
trixie_make_base()
{
	local mirror tree=$TRIXIE.base.new

	mirror=$(trixie_mirror)
	[ -n "$mirror" ] || { echo "apt knows no Debian mirror"; return 1; }
	rm -rf --one-file-system "$tree"
	mkdir -p "$tree"
	debootstrap --variant=minbase trixie "$tree" "$mirror" || return
	trixie_settings "$tree"
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod 755 "$tree/usr/sbin/policy-rc.d"
	echo force-unsafe-io >"$tree/etc/dpkg/dpkg.cfg.d/unsafe-io"
	trixie_in "$tree" apt-get clean
	mv "$tree" "$TRIXIE.base"
}

trixie_make()
{
	local tree=$TRIXIE.new

	[ -d "$TRIXIE.base" ] || trixie_make_base || return
	rm -rf --one-file-system "$tree"
	cp -a "$TRIXIE.base" "$tree"
	trixie_install "$tree" || return
	mv "$tree" "$TRIXIE"
}

# Whether it is there with all its packages; one that an older tree has made
# may lack some.
trixie_complete()
{
	local package

	for package in $TRIXIE_PACKAGES; do
		[ -e "$TRIXIE/var/lib/dpkg/info/$package.list" ] || return
	done
}

trixie_make_or_add()
{
	if [ -d "$TRIXIE" ]; then
		trixie_install "$TRIXIE"
	else
		trixie_make
	fi
}

# trixie_possible PROGRAM...
trixie_possible()
{
	local program

	[ "$(id -u)" -eq 0 ] || { echo "running it takes root"; return 1; }
	for program; do
		command -v "$program" >/dev/null ||
		    { echo "missing: $program"; return 1; }
	done
	mkdir -p "${TRIXIE%/*}"
}

# Prints what went wrong, the reason last.
trixie_ready()
{
	trixie_possible unshare chroot || return
	! trixie_complete || return 0
	trixie_possible debootstrap || return
	(
		exec 9>"$TRIXIE.lock"
		flock 9
		trixie_complete || (cd / && trixie_make_or_add) 2>&1
	)
}

trixie_base_ready()
{
	trixie_possible unshare chroot debootstrap || return
	(
		exec 9>"$TRIXIE.lock"
		flock 9
		[ -d "$TRIXIE.base" ] || (cd / && trixie_make_base) 2>&1
	)
}

# Only CI insists on it.  Why not is found out once per file.
trixie_missing()
{
	local why=$BATS_FILE_TMPDIR/no-trixie

	[ -e "$why" ] || printf '%s\n' "$@" >"$why"
	cat "$why"
	[ -z "${CI:-}" ] || return 1
	skip "no Debian 13: $(head -n 1 "$why")"
}

needs_trixie()
{
	local log

	! trixie_complete || return 0
	[ ! -e "$BATS_FILE_TMPDIR/no-trixie" ] || trixie_missing || return
	log=$(trixie_ready) || trixie_missing "${log##*$'\n'}" "$log"
}

trixie()
{
	trixie_in "$TRIXIE" "$@"
}
