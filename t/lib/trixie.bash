# A Debian 13 in a directory: clients and servers newer than the system's.
#
#	needs_trixie			make it, once, or skip with the reason
#	trixie COMMAND [ARGUMENT...]	run it there, in the present directory

TRIXIE=${NBDMUX_TRIXIE:-/var/cache/nbdmux-test/trixie}
TRIXIE_PACKAGES="qemu-utils libnbd-bin nbdkit"

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

# trixie_in TREE COMMAND...: with the present directory as /mnt.
trixie_in()
{
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --propagation private sh -euc '
		tree=$1
		shift
		mount --rbind /dev "$tree/dev"
		mount -t proc proc "$tree/proc" || mount --rbind /proc "$tree/proc"
		mount -t tmpfs tmpfs "$tree/tmp"
		mount --bind . "$tree/mnt"
		exec chroot "$tree" env -C /mnt LC_ALL=C.UTF-8 \
		    PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' trixie "$@"
}

trixie_make()
{
	local mirror tree=$TRIXIE.new

	mirror=$(trixie_mirror)
	[ -n "$mirror" ] || { echo "apt knows no Debian mirror"; return 1; }
	rm -rf --one-file-system "$tree"
	mkdir -p "$tree"
	debootstrap --variant=minbase trixie "$tree" "$mirror" || return
	trixie_settings "$tree"
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod 755 "$tree/usr/sbin/policy-rc.d"
	trixie_in "$tree" apt-get update -qq || return
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive trixie_in "$tree" apt-get install -y -qq \
	    --no-install-recommends $TRIXIE_PACKAGES || return
	trixie_in "$tree" apt-get clean
	mv "$tree" "$TRIXIE"
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

	[ ! -d "$TRIXIE" ] || return 0
	[ ! -e "$BATS_FILE_TMPDIR/no-trixie" ] || trixie_missing || return
	[ "$(id -u)" -eq 0 ] || trixie_missing "making it takes root" || return
	needs debootstrap unshare chroot
	mkdir -p "${TRIXIE%/*}"
	log=$(
		exec 9>"$TRIXIE.lock"
		flock 9
		[ -d "$TRIXIE" ] || (cd / && trixie_make) 2>&1
	) || true
	[ -d "$TRIXIE" ] || trixie_missing "${log##*$'\n'}" "$log"
}

trixie()
{
	trixie_in "$TRIXIE" "$@"
}
