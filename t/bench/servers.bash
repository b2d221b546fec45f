# servers.bash: start, find ready and end the servers of the benchmark.  Each
# serves $image as "img", read-write, on loopback and a unix socket, with what
# its package has as defaults.  The peers are in peers.bash.
#
# start_NAME sets pid[NAME] and port[NAME], or why[NAME] to say what is missing;
# start_NAME-unix makes socket[NAME], and pid[NAME-unix] where that takes a
# process of its own.
# shellcheck shell=bash disable=SC2034,SC2154

declare -A pid=() port=() socket=() why=()
work=

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

# A directory for the image ($1 bytes) and everything else.  A real file
# system comes first: tmpfs cannot read without blocking (RWF_NOWAIT), so
# servers that ask for that would be measured on a path that images on a disk
# do not take.
make_work()
{
	local dir
	for dir in ${BENCH_DIR:-/var/tmp /tmp /dev/shm}; do
		[[ -d $dir && -w $dir ]] || continue
		(($(df --output=avail -B1 "$dir" | tail -n 1) > $1 + (256 << 20))) ||
		    continue
		work=$(mktemp -d "$dir/nbdmux-bench.XXXXXX") && return
	done
	die "no directory has room for $1 bytes; BENCH_DIR=DIR names one that has"
}

end_process()
{
	local i
	kill "$1" 2>/dev/null || return 0
	for ((i = 0; i < 50; i++)); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.1
	done
	kill -9 "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	return 0
}

cleanup()
{
	local name
	for name in "${!pid[@]}"; do
		end_process "${pid[$name]}"
	done
	[[ -n $work ]] && rm -rf "$work"
}

is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port()
{
	local p
	for ((;;)); do
		p=$((20000 + RANDOM % 10000))
		is_open "$p" || { echo "$p"; return; }
	done
}

# wait_for SECONDS COMMAND...
wait_for()
{
	local i n=$(($1 * 20))
	shift
	for ((i = 0; i < n; i++)); do
		"$@" && return
		sleep 0.05
	done
	return 1
}

# launch NAME COMMAND...: in the background and in $work, its output in a file
launch()
{
	local name=$1
	shift
	(cd "$work" && exec "$@") >"$work/$name.log" 2>&1 </dev/null &
	pid[$name]=$!
}

is_alive() { [[ -n ${pid[$1]-} ]] && kill -0 "${pid[$1]}" 2>/dev/null; }

# came_up NAME CONDITION...
came_up()
{
	local name=$1 i
	shift
	for ((i = 0; i < 200; i++)); do
		"$@" && return
		is_alive "$name" || break
		sleep 0.05
	done
	why[$name]="did not start: $(tail -n 1 "$work/$name.log")"
	[[ -n ${pid[$name]-} ]] && end_process "${pid[$name]}"
	unset "pid[$name]"
	return 1
}

# The certificate that all of them show, in $work/tls; its name is localhost.
make_certificate()
{
	local who
	if ! command -v certtool >/dev/null; then
		no_tls="certtool is not installed (Debian's package gnutls-bin)"
		return
	fi
	mkdir "$work/tls"
	printf '%s\n' "cn = CA" ca cert_signing_key >"$work/tls/ca.tmpl"
	printf '%s\n' "cn = localhost" dns_name=localhost \
	    ip_address=127.0.0.1 tls_www_server signing_key \
	    >"$work/tls/server.tmpl"
	for who in ca server; do
		certtool --generate-privkey --key-type=rsa --bits=2048 \
		    --outfile "$work/tls/$who-key.pem"
	done >/dev/null 2>&1
	certtool --generate-self-signed --template "$work/tls/ca.tmpl" \
	    --load-privkey "$work/tls/ca-key.pem" \
	    --outfile "$work/tls/ca-cert.pem" 2>/dev/null
	certtool --generate-certificate --template "$work/tls/server.tmpl" \
	    --load-privkey "$work/tls/server-key.pem" \
	    --load-ca-certificate "$work/tls/ca-cert.pem" \
	    --load-ca-privkey "$work/tls/ca-key.pem" \
	    --outfile "$work/tls/server-cert.pem" 2>/dev/null
	[[ -s $work/tls/server-cert.pem ]] || no_tls="certtool made no certificate"
}

# nbdmux_ready EXPORT...: the daemon says that it serves them
nbdmux_ready()
{
	local name
	for name; do
		grep -qs '^status = ready$' "$work/state/exports/$name.ini" ||
		    return
	done
}

# An empty spool and state; the caller fills the spool and launches.
nbdmux_spool()
{
	rm -rf "$work/spool" "$work/state"
	mkdir "$work/spool" "$work/state"
}

nbdmux_launch()
{
	local tls=()
	[[ ! -e $work/tls/server-cert.pem ]] ||
	    tls=(--tls=on --tls-certificate="$work/tls/server-cert.pem"
		--tls-key="$work/tls/server-key.pem")
	port[nbdmux]=$(free_port)
	socket[nbdmux]=$work/nbdmux.sock
	launch nbdmux "$NBDMUX_BIN/nbdmuxd" -f -s "$work/spool" \
	    -S "$work/state" \
	    --listen="127.0.0.1:${port[nbdmux]},unix:${socket[nbdmux]}" \
	    --user="$(id -un)" "${tls[@]}"
}

start_nbdmux()
{
	if [[ ! -x $NBDMUX_BIN/nbdmuxd ]]; then
		why[nbdmux]="$NBDMUX_BIN/nbdmuxd is not built"
		return
	fi
	nbdmux_spool
	printf '[export]\nimage = %s\nmode = rw\n' "$image" >"$work/spool/img.ini"
	nbdmux_launch
	came_up nbdmux nbdmux_ready img
}
