# peers.bash: the servers that nbdmux is compared with, as their users run them:
# nbdkit with its file plugin and 16 threads per connection, qemu-nbd -t -e 0
# with the cache that writes back as the others' does (its default, too), and
# nbd-server with flush and FUA.  They are Debian 13's, from the directory that
# the tests make (t/lib/trixie.bash), or this system's.  Sourced by bench.
# shellcheck shell=bash disable=SC2034,SC2154

# shellcheck source-path=SCRIPTDIR source=../lib/trixie.bash
. "${BASH_SOURCE[0]%/bench/*}/lib/trixie.bash"

peer=()    # what a peer's command begins with
peer_dir=  # $work as a peer sees it

find_peers()
{
	local log
	peer_dir=$work
	[[ ${BENCH_PEERS-} != system ]] || return 0
	trixie_complete ||
	    say "bench: making a Debian 13 for the peers in $TRIXIE, once"
	if log=$(trixie_ready 2>&1); then
		peer=("${trixie_shell[@]}" "$TRIXIE")
		peer_dir=/mnt
	else
		note left-out.txt \
		    "Debian 13's peers, this system's instead: ${log##*$'\n'}"
	fi
}

peer_has()
{
	if ((${#peer[@]} > 0)); then
		[[ -x $TRIXIE/usr/bin/$1 ]]
	else
		command -v "$1" >/dev/null
	fi
}

peer_version()
{
	peer_has "$1" && printf '%s: %s\n' "$1" \
	    "$(cd "$work" && "${peer[@]}" "$@" 2>&1 | head -n 1)"
}

peer_versions()
{
	local s os=/etc/os-release
	((${#peer[@]} == 0)) || os=$TRIXIE$os
	printf 'peers: of %s\n' "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' "$os")"
	for s in "${servers[@]}"; do
		case $s in
		nbdkit | qemu-nbd) peer_version "$s" --version ;;
		nbd-server) peer_version "$s" -V ;;
		esac
	done
}

# missing NAME PROGRAM PACKAGE
missing()
{
	peer_has "$2" && return 1
	why[$1]="$2 is not installed (Debian's package $3)"
}

# launch_peer NAME COMMAND...
launch_peer() { launch "$1" "${peer[@]}" "${@:2}"; }

# The image as a peer sees it; it is in $work.
peer_image() { echo "$peer_dir/${image##*/}"; }

# --- nbdkit ------------------------------------------------------------------

# launch_nbdkit NAME OPTION...
launch_nbdkit()
{
	local tls=()
	[[ -n ${no_tls-} ]] ||
	    tls=(--tls=on --tls-certificates="$peer_dir/tls")
	launch_peer "$1" nbdkit -f "${@:2}" "${tls[@]}" file "$(peer_image)"
}

start_nbdkit()
{
	missing nbdkit nbdkit nbdkit && return
	port[nbdkit]=$(free_port)
	launch_nbdkit nbdkit -i 127.0.0.1 -p "${port[nbdkit]}"
	came_up nbdkit is_open "${port[nbdkit]}"
}

start_nbdkit-unix()
{
	launch_nbdkit nbdkit-unix -U "$peer_dir/nbdkit.sock"
	came_up nbdkit-unix test -S "$work/nbdkit.sock" &&
	    socket[nbdkit]=$work/nbdkit.sock
}

# --- qemu-nbd ----------------------------------------------------------------

# launch_qemu-nbd NAME OPTION...
launch_qemu-nbd()
{
	launch_peer "$1" qemu-nbd -t -e 0 -f raw --cache=writeback -x img \
	    "${@:2}" "$(peer_image)"
}

start_qemu-nbd()
{
	missing qemu-nbd qemu-nbd qemu-utils && return
	port[qemu-nbd]=$(free_port)
	launch_qemu-nbd qemu-nbd -b 127.0.0.1 -p "${port[qemu-nbd]}"
	came_up qemu-nbd is_open "${port[qemu-nbd]}"
}

start_qemu-nbd-unix()
{
	launch_qemu-nbd qemu-nbd-unix -k "$peer_dir/qemu-nbd.sock"
	came_up qemu-nbd-unix test -S "$work/qemu-nbd.sock" &&
	    socket[qemu-nbd]=$work/qemu-nbd.sock
}

# With credentials it insists on TLS, so this is another one.
start_qemu-nbd-tls()
{
	port[qemu-nbd-tls]=$(free_port)
	launch_qemu-nbd qemu-nbd-tls --tls-creds t --object \
	    "tls-creds-x509,id=t,endpoint=server,dir=$peer_dir/tls,verify-peer=off" \
	    -b 127.0.0.1 -p "${port[qemu-nbd-tls]}"
	came_up qemu-nbd-tls is_open "${port[qemu-nbd-tls]}"
}

# --- nbd-server --------------------------------------------------------------

# launch_nbd-server NAME [LINE...]: it forks for a client only as a daemon; its
# pid is in a file.
launch_nbd-server()
{
	local name=$1
	printf '%s\n' "[generic]" "${@:2}" "[img]" \
	    "exportname = $(peer_image)" "flush = true" "fua = true" \
	    >"$work/$name.conf"
	(cd "$work" && exec "${peer[@]}" nbd-server -C "$peer_dir/$name.conf" \
	    -p "$peer_dir/$name.pid") >"$work/$name.log" 2>&1 </dev/null
	wait_for 5 test -s "$work/$name.pid" &&
	    read -r "pid[$name]" <"$work/$name.pid"
}

start_nbd-server()
{
	missing nbd-server nbd-server nbd-server && return
	port[nbd-server]=$(free_port)
	launch_nbd-server nbd-server "listenaddr = 127.0.0.1" \
	    "port = ${port[nbd-server]}"
	came_up nbd-server is_open "${port[nbd-server]}"
}

# With a unix socket it does not listen on TCP.
start_nbd-server-unix()
{
	launch_nbd-server nbd-server-unix "unixsock = $peer_dir/nbd-server.sock"
	came_up nbd-server-unix test -S "$work/nbd-server.sock" &&
	    socket[nbd-server]=$work/nbd-server.sock
}
