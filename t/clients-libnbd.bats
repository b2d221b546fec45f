#!/usr/bin/env bats
# libnbd's tools as judges: nbdinfo and nbdcopy over IPv4, IPv6 and a unix socket.

load helper
load lib/clients

@test "nbdinfo lists every export with its size and description" {
	needs nbdinfo
	truncate -s 1M one
	truncate -s 3M two
	start
	add_export one "$PWD/one" ro \
	    'description = the first, "quoted" & größer'
	add_export two.img "$PWD/two" rw
	uris ""
	for uri in "${uris[@]}"; do
		nbdinfo --list --json "$uri" >list
		json '{e["export-name"]: e["export-size"] for e in d["exports"]} ==
		    {"one": 2**20, "probe": 2**20, "two.img": 3 * 2**20}' <list |
		    grep -x True
		json '[e["description"] for e in d["exports"]
		    if e["export-name"] == "one"][0]' <list |
		    grep -Fx 'the first, "quoted" & größer'
		nbdinfo --list "$uri" | grep -Fx 'export="two.img":'
	done
}

@test "nbdinfo finds a read-only export to be just that" {
	needs nbdinfo
	make_image image
	start
	add_export disk "$PWD/image" ro
	uris disk
	for uri in "${uris[@]}"; do
		[ "$(nbdinfo --size "$uri")" -eq 9437696 ]
		nbdinfo --is read-only "$uri"
		can "$uri" connect read multi-conn cache
		cannot "$uri" write trim zero fast-zero
	done
}

@test "nbdinfo finds a writable export to have every command" {
	needs nbdinfo
	make_image image
	start
	add_export disk "$PWD/image" rw
	uris disk
	for uri in "${uris[@]}"; do
		can "$uri" connect read write flush fua trim zero fast-zero \
		    cache multi-conn
		nbdinfo --json "$uri" >info
		json 'd["protocol"], d["exports"][0]["export-size"],
		    d["exports"][0]["is_read_only"]' <info |
		    grep -Fx "newstyle-fixed 9437696 False"
	done
}

@test "nbdinfo is told the block sizes of an export" {
	needs nbdinfo
	make_image image
	start
	add_export plain "$PWD/image" ro
	add_export blocks "$PWD/image" ro "block-min = 512" \
	    "block-preferred = 64K" "block-max = 4M"
	uris plain
	for uri in "${uris[@]}"; do
		nbdinfo --json "$uri" | json 'd["exports"][0]["block_size_minimum"],
		    d["exports"][0]["block_size_maximum"]' | grep -Fx '1 33554432'
	done
	uris blocks
	for uri in "${uris[@]}"; do
		nbdinfo --json "$uri" | json '[d["exports"][0]["block_size_" + k]
		    for k in ("minimum", "preferred", "maximum")]' |
		    grep -Fx '[512, 65536, 4194304]'
	done
}

@test "a name that is not served is refused, and the empty one without a default" {
	needs nbdinfo
	truncate -s 1M image
	start
	add_export disk "$PWD/image" ro
	uris nosuch DISK disk.ini ""
	for uri in "${uris[@]}"; do
		refused 'nbd_connect|nbd_opt' nbdinfo --size "$uri"
	done
}

@test "the empty name stands for the default export that is configured" {
	needs nbdinfo
	truncate -s 5M image
	start --default-export=disk
	add_export disk "$PWD/image" ro
	uris ""
	for uri in "${uris[@]}"; do
		[ "$(nbdinfo --size "$uri")" -eq 5242880 ]
	done
}

@test "nbdcopy reads an image whole, over one connection and over four" {
	needs nbdcopy
	make_image image
	start
	add_export disk "$PWD/image" ro
	uris disk
	for uri in "${uris[@]}"; do
		for connections in 1 4; do
			nbdcopy -C $connections "$uri" copy
			cmp image copy
			nbdcopy -C $connections --request-size=4096 "$uri" copy
			cmp image copy
			nbdcopy --synchronous "$uri" copy
			cmp image copy
		done
	done
}

@test "nbdcopy writes an image whole, over one connection and over four" {
	needs nbdcopy
	make_image source
	start
	letters x >image
	add_export disk "$PWD/image" rw
	uris disk
	for uri in "${uris[@]}"; do
		for connections in 1 4; do
			letters x 1<>image
			nbdcopy -C $connections --flush source "$uri"
			cmp source image
			nbdcopy -C $connections --allocated source "$uri"
			cmp source image
		done
	done
	# the same from a pipe, which has no holes and no length
	letters y | tee sent | nbdcopy - "${uris[0]}"
	cmp sent image
}

@test "nbdcopy from one export to another makes them equal" {
	needs nbdcopy
	make_image a
	head -c 9437696 /dev/urandom >b
	start
	add_export a "$PWD/a" ro
	add_export b "$PWD/b" rw
	nbdcopy -C 4 "nbd://127.0.0.1:$PORT/a" "nbd+unix:///b?socket=$SOCKET"
	cmp a b
}

@test "nbdcopy to a read-only export fails and leaves the image alone" {
	needs nbdcopy
	make_image image
	cp image before
	head -c 9437696 /dev/urandom >source
	start
	add_export disk "$PWD/image" ro
	uris disk
	for uri in "${uris[@]}"; do
		refused 'read-only|not permitted' nbdcopy source "$uri"
		cmp before image
	done
}
