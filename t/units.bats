#!/usr/bin/env bats
# The modules' own tests, t/unit/LAYER_what.c, layer by layer.

load helper

# layer NAME: run all of its programs; each prints what failed.
layer()
{
	local source name failed=0

	cd "$BATS_TEST_TMPDIR"
	for source in "$BATS_TEST_DIRNAME"/unit/"$1"_*.c; do
		name=$(basename "$source" .c)
		"$NBDMUX_BUILD/t/unit/$name" >out 2>&1 && grep -q '^ok' out &&
		    continue
		echo "$name:"
		grep -v '^ok' out
		failed=1
	done
	[ "$failed" -eq 0 ]
}

@test "the units of base do what their headers say" { layer base; }
@test "the units of wire do what their headers say" { layer wire; }
@test "the units of spool do what their headers say" { layer spool; }
@test "the units of export do what their headers say" { layer export; }
@test "the units of session do what their headers say" { layer session; }
@test "the units of tls do what their headers say" {
	has_tls || skip "built without GnuTLS"
	{ layer tls; }
}
@test "the units of loop do what their headers say" { layer loop; }
@test "the units of tool do what their headers say" { layer tool; }

@test "the units of fetch do what their headers say" {
	[ -x "$NBDMUX_BIN/nbdmux-fetch" ] || skip "built without libcurl"
	{ layer fetch; }
}

@test "the units of http do what their headers say" {
	[ -x "$NBDMUX_BIN/nbdmux.cgi" ] || skip "built without jansson"
	{ layer http; }
}

@test "every unit test belongs to a layer that is run above" {
	cd "$BATS_TEST_DIRNAME/unit"
	for source in *.c; do
		layer=${source%%_*}
		grep -q "{ layer $layer; }" "$BATS_TEST_FILENAME" ||
		    { echo "$source is not run"; false; }
	done
}
