# tls: reads from the page cache over TLS, all with the same cipher.
# shellcheck shell=bash disable=SC2034,SC2154

scenario_tls_start()
{
	if [[ -n ${no_tls-} ]]; then
		note left-out.txt "tls: $no_tls"
		return
	fi
	[[ -z ${pid[qemu-nbd]-} ]] || start_qemu-nbd-tls
}

tls_can()
{
	case $1 in
	nbd-server)
		leave_out "$1" "all works" "it wants certificates of clients"
		return 1 ;;
	qemu-nbd)
		[[ -n ${pid[qemu-nbd-tls]-} ]] && return
		leave_out "$1" "all works" "${why[qemu-nbd-tls]}"
		return 1 ;;
	esac
}

scenario_tls()
{
	local name server via=tls
	[[ -z ${no_tls-} ]] || return 0
	for name in 1x4x1M-seq 4x4x1M-seq 1x32x4k-rand; do
		for server in "${servers[@]}"; do
			tls_can "$server" && run_spec "$server" "$name"
		done
	done
}
