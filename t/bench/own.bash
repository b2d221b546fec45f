# own.bash: servers that a scenario starts for itself, so that they remember
# nothing of what was before, and crowds of clients for them.  Sourced by
# scenarios.
#
#	own_start SERVER	$image as "img"; it is pid[own] and port[own]
#	own_many SERVER N	N exports, e0 on, each of a file of its own
#	own_more N		so many by now, of the same server
#	own_end
#	crowd_hold N EXPORT [EXPORTS]	so many clients that are in, and stay
#	crowd_churn SECONDS EXPORT [EXPORTS]	clients that come and go
#	crowd_release
#
# All are for one server at a time and fail with a reason in "whynot".  What
# nbdcrowd and nbdscale say is in the array "said".
# shellcheck shell=bash disable=SC2034,SC2154

declare -gA said=()
own=
own_exports=0

# tell COMMAND...: its words key=value into "said"
tell()
{
	local text word
	if ! text=$("$@" 2>"$work/tell.log"); then
		whynot=$(tail -n 1 "$work/tell.log")
		return 1
	fi
	said=()
	for word in $text; do
		said[${word%%=*}]=${word#*=}
	done
}

own_cost() { tell "$bin/nbdscale" cost "${pid[own]}"; }

own_nbdmux()
{
	local tls=()
	[[ ! -e $work/tls/server-cert.pem ]] ||
	    tls=(--tls=on --tls-certificate="$work/tls/server-cert.pem"
		--tls-key="$work/tls/server-key.pem")
	launch own "$NBDMUX_BIN/nbdmuxd" -f -s "$work/own/spool" \
	    -S "$work/own/state" --listen="127.0.0.1:${port[own]}" \
	    --max-connections=20000 --max-per-address=20000 \
	    --user="$(id -un)" "${tls[@]}"
}

own_directories()
{
	own=$1
	own_exports=0
	port[own]=$(free_port)
	rm -rf "$work/own"
	mkdir -p "$work/own/spool" "$work/own/state" "$work/own/images"
}

own_ready()
{
	if ! came_up own is_open "${port[own]}"; then
		whynot=${why[own]}
		return 1
	fi
	[[ $own != nbdmux ]] || tell "$bin/nbdscale" ready \
	    "$work/own/state/exports" "$1" 60 "${pid[own]}"
}

own_start()
{
	own_directories "$1"
	case $1 in
	nbdmux)
		printf '[export]\nimage = %s\nmode = rw\n' "$image" \
		    >"$work/own/spool/img.ini"
		own_nbdmux ;;
	nbdkit) launch_nbdkit own -i 127.0.0.1 -p "${port[own]}" ;;
	qemu-nbd) launch_qemu-nbd own -b 127.0.0.1 -p "${port[own]}" ;;
	nbd-server)
		launch_nbd-server own "listenaddr = 127.0.0.1" \
		    "port = ${port[own]}" ;;
	esac
	own_ready 1
}

# Links to the image: files of their own for whoever goes by names.
own_write()
{
	(($1 > own_exports)) || return 0
	/usr/bin/python3 - "$image" "$work/own" "$own_exports" "$1" <<-'EOF'
		import os, sys
		image, own = sys.argv[1:3]
		for i in range(int(sys.argv[3]), int(sys.argv[4])):
		    path = "%s/images/e%d" % (own, i)
		    os.link(image, path)
		    with open("%s/spool/e%d.ini" % (own, i), "w") as file:
		        file.write("[export]\nimage = %s\n" % path)
	EOF
	own_exports=$1
}

own_many()
{
	own_directories "$1"
	own_write "$2"
	case $1 in
	nbdmux) own_nbdmux ;;
	nbdkit)
		launch_peer own nbdkit -f -i 127.0.0.1 -p "${port[own]}" \
		    file "dir=$peer_dir/own/images" ;;
	esac
	own_ready "$2"
}

own_more()
{
	own_write "$1"
	own_ready "$1"
}

own_end()
{
	[[ -n ${pid[own]-} ]] || return 0
	end_process "${pid[own]}"
	unset "pid[own]"
	rm -rf "$work/own"
}

crowd_hold()
{
	rm -f "$work/stay" "$work/crowd"
	mkfifo "$work/stay"
	"$bin/nbdcrowd" hold "$1" "127.0.0.1:${port[own]}" "${@:2}" \
	    <"$work/stay" >"$work/crowd" 2>"$work/crowd.log" &
	crowd=$!
	exec {crowd_fd}>"$work/stay"
	wait_for 60 crowd_is_in || true
	if ! tell cat "$work/crowd" || [[ -z ${said[connects]-} ]]; then
		whynot=$(tail -n 1 "$work/crowd.log")
		crowd_release
		return 1
	fi
}

crowd_is_in() { [[ -s $work/crowd ]] || ! kill -0 "$crowd" 2>/dev/null; }

crowd_release()
{
	exec {crowd_fd}>&-
	wait "$crowd" 2>/dev/null
	return 0
}

crowd_churn()
{
	tell "$bin/nbdcrowd" churn "$1" "127.0.0.1:${port[own]}" "${@:2}"
}
