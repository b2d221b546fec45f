#!/usr/bin/env bats
# The direction of includes, as DESIGN has it: a layer includes itself and what
# is below it, nothing above.

SRC=$BATS_TEST_DIRNAME/../src

# What a layer may include.
below()
{
	case $1 in
	base) echo base ;;
	wire) echo wire ;;
	spool) echo base spool ;;
	export) echo base spool export ;;
	session) echo base wire spool export session ;;
	tls) echo base tls ;;
	loop) echo base wire spool export session tls loop ;;
	tool) echo base spool tool ;;
	fetch) echo base spool tool fetch ;;
	http) echo base wire spool tool http ;;
	main-nbdmux.cgi) echo base spool tool http ;;
	main-nbdmux-fetch) echo base spool tool fetch ;;
	main-nbdmuxd) echo base spool loop ;;
	main-*) echo base spool tool ;;
	*) echo "unknown layer: $1" >&2; return 1 ;;
	esac
}

# check LAYER FILE...: prints each include that runs up.
check()
{
	local layer=$1 file target

	shift
	allowed=" $(below "$layer") " || return 1
	for file; do
		while read -r target; do
			[[ $allowed == *" $target "* ]] ||
			    echo "$file includes $target/, which is not below"
		done < <(sed -n 's|^# *include "\([^/"]*\)/.*|\1|p' "$file")
	done
}

@test "no layer includes one above it" {
	cd "$SRC"
	for layer in */; do
		layer=${layer%/}
		[ "$layer" != main ] || continue
		run check "$layer" "$layer"/*.[ch]
		[ "$status" -eq 0 ] && [ -z "$output" ] ||
		    { echo "$output"; false; }
	done
}

@test "a program includes only what it may" {
	cd "$SRC"
	for file in main/*.c; do
		run check "main-$(basename "$file" .c)" "$file"
		[ "$status" -eq 0 ] && [ -z "$output" ] ||
		    { echo "$output"; false; }
	done
}

@test "an include that runs up is found" {
	mkdir -p "$BATS_TEST_TMPDIR/base"
	cd "$BATS_TEST_TMPDIR"
	echo '#include "spool/view.h"' >base/x.c
	run check base base/x.c
	[ "$output" = "base/x.c includes spool/, which is not below" ]
}

# nowhere ARGUMENT...: what grep finds is printed, and is a failure.
nowhere()
{
	local status=0

	grep "$@" || status=$?
	[ "$status" -eq 1 ]
}

@test "own headers are included with their layer" {
	cd "$SRC"
	nowhere -nE '^# *include "[^/"]*"' -- */*.[ch]
}

@test "only tls includes GnuTLS" {
	cd "$SRC"
	run grep -lE '^# *include <gnutls/' -- */*.[ch]
	[ -n "$output" ]
	nowhere -v '^tls/' <<<"$output"
}

@test "only fetch includes libcurl and libarchive, only it and http nettle" {
	cd "$SRC"
	run grep -lE '^# *include <(curl/|archive)' -- */*.[ch]
	[ -n "$output" ]
	nowhere -v '^fetch/' <<<"$output"
	run grep -lE '^# *include <nettle/' -- */*.[ch]
	[ -n "$output" ]
	nowhere -vE '^(fetch|http)/' <<<"$output"
}

@test "only four files include jansson, whose names are like those of base/json" {
	cd "$SRC"
	run grep -lE '^# *include <jansson' -- */*.[ch]
	[ "$output" = "$(printf '%s\n' fetch/catalog.c fetch/convert.c \
	    fetch/manifest.c http/jsonbody.c)" ]
}

@test "only loop includes ev.h, only base includes ini.h" {
	cd "$SRC"
	run grep -lE '^# *include <ev.h>' -- */*.[ch]
	[ -n "$output" ]
	nowhere -v '^loop/' <<<"$output"
	run grep -lE '^# *include <ini.h>' -- */*.[ch]
	[ -n "$output" ]
	nowhere -v '^base/' <<<"$output"
}

@test "wire has no malloc and no descriptor; export and session no socket" {
	cd "$SRC"
	nowhere -nE '(malloc|calloc|realloc|free|open|read|write)\(' wire/*.c
	nowhere -nE 'sys/socket.h|netinet/' export/*.[ch] session/*.[ch]
}

@test "after start-up nothing calls exit" {
	cd "$SRC"
	nowhere -nE '(^|[^_a-z])(exit|abort|err|errx)\(' base/*.c wire/*.c \
	    spool/*.c export/*.c session/*.c tls/*.c loop/*.c
}
