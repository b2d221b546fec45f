#!/usr/bin/env bats
# The fuzzers' targets (t/fuzz) without fuzzing: every input of the corpora, and
# every one that ever failed, passes.  In the builds with sanitizers these are
# watched as they are by the fuzzers.

load helper

FUZZ="$BATS_TEST_DIRNAME/fuzz"

# replay DIRECTORY: all inputs of each target in DIRECTORY/TARGET.
replay()
{
	local target name inputs=0

	for target in "$FUZZ"/fuzz_*.c; do
		name=$(basename "$target" .c)
		[ -d "$1/${name#fuzz_}" ] || continue
		# Built without jansson there is none.
		[ "$name" != fuzz_http ] || [ -x "$NBDMUX_BIN/nbdmux.cgi" ] ||
		    continue
		set -- "$1" "$1/${name#fuzz_}"/*
		inputs=$((inputs + $# - 1))
		"$NBDMUX_BUILD/t/fuzz/$name" "${@:2}" \
		    >"$BATS_TEST_TMPDIR/out" 2>&1 || {
			tail -30 "$BATS_TEST_TMPDIR/out"
			return 1
		}
		[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -eq $(($# - 1)) ]
	done
	[ "$inputs" -gt 0 ]
}

@test "what the fuzzers ever found does no harm any more" {
	replay "$FUZZ/regressions"
}

@test "the fuzzers' corpora pass" {
	replay "$FUZZ/corpus"
}

@test "every fuzz target has a corpus, and every corpus a target" {
	for target in "$FUZZ"/fuzz_*.c; do
		name=$(basename "$target" .c)
		[ -d "$FUZZ/corpus/${name#fuzz_}" ] ||
		    { echo "$name has no corpus"; false; }
	done
	for corpus in "$FUZZ"/corpus/* "$FUZZ"/regressions/*; do
		[ -e "$FUZZ/fuzz_$(basename "$corpus").c" ] ||
		    { echo "$corpus belongs to no target"; false; }
	done
}

# t/unit/session_mutate.c holds against the mutator that it keeps conversations
# alive; without it libFuzzer hardly comes to the second message.
@test "the corpora are small: nothing in them is there for its length" {
	[ "$(du -sk --apparent-size "$FUZZ/corpus" "$FUZZ/regressions" |
	    awk '{ n += $1 } END { print n }')" -le 1024 ]
}
