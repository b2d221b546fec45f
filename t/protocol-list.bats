#!/usr/bin/env bats
# protocol.list names every rule of the protocol once, and tests that exist.

setup()
{
	cd "$BATS_TEST_DIRNAME" || return
}

# The rules: how many each section has, numbered from 01.
RULES="HS:14 OF:12 EN:11 AB:5 LS:10 TL:29 IG:21 IT:10 SR:5 MC:25 TF:11 TX:12 ST:12
RD:19 WR:12 DI:8 FL:10 TR:6 CA:4 WZ:12 BS:14 BA:5 SZ:6 ER:4 EX:21 RZ:4 BL:2 CL:16"

all_rules()
{
	local rule

	for rule in $RULES; do
		seq -f "${rule%:*}-%02g" "${rule#*:}"
	done
}

listed()
{
	grep -v '^#' protocol.list
}

@test "protocol.list has every rule exactly once, in order" {
	[ "$(all_rules | wc -l)" -eq 320 ]
	diff <(all_rules) <(listed | cut -d' ' -f1)
}

@test "every rule names its test or says why there is none" {
	run grep -vE '^(#|[A-Z]{2}-[0-9]{2} ([a-z-]+\.bats|- [a-z].+)$)' \
	    protocol.list
	[ -z "$output" ] || { echo "$output"; false; }
}

@test "nothing is put off" {
	run grep -iE ' - .*(later|todo|to be done|not yet)' protocol.list
	[ -z "$output" ] || { echo "$output"; false; }
}

@test "every test that is named exists, under the rule's name" {
	local id file bad=0

	while read -r id file _; do
		[ "$file" != - ] || continue
		grep -qs "^@test \"$id " "$file" && continue
		echo "$id: $file has no such test"
		bad=1
	done < <(listed)
	[ "$bad" -eq 0 ]
}

@test "every test of a rule is listed" {
	local id bad=0

	while read -r id; do
		listed | grep -q "^$id [a-z]" && continue
		echo "$id has a test, and protocol.list does not know it"
		bad=1
	done < <(sed -n 's/^@test "\([A-Z][A-Z]-[0-9][0-9]\) .*/\1/p' ./*.bats)
	[ "$bad" -eq 0 ]
}

@test "every raw case is run by a test" {
	local name bad=0

	while read -r name _; do
		grep -qE "[[:space:]]$name( |\$)" ./*.bats && continue
		echo "nobody runs $name"
		bad=1
	done < <(/usr/bin/python3 -B lib/nbdraw.py cases)
	[ "$bad" -eq 0 ]
}
