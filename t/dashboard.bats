#!/usr/bin/env bats
# The dashboard in a real browser: Debian's chromium, driven over WebDriver.

load helper
load lib/http
load lib/webdriver

setup_file()
{
	needs_http
	needs_browser
	start_browser
}

teardown_file()
{
	stop_browser
}

setup()
{
	setup_daemon
	truncate -s 1M "$DIR/a.img"
	window 1280 900
}

# Whatever a test does, the browser has nothing to complain of.
teardown()
{
	local complaints

	[ -z "${BROWSER:-}" ] || complaints=$(go about:blank; said)
	[ -z "${SLOW:-}" ] || kill "$SLOW" 2>/dev/null || true
	[ -z "${HOLDER:-}" ] || kill "$HOLDER" 2>/dev/null || true
	stop_web
	stop_daemon
	[ -z "${complaints:-}" ] || { echo "$complaints"; return 1; }
}

# The program does here what it does in others.
only_scripts()
{
	[[ $NBDMUX_BUILD != *-asan ]] || skip "this is about the scripts alone"
}

# open_page: the dashboard, and its script at work.
open_page()
{
	go "$URL/"
	wait_js 20 'return !document.getElementById("add").hidden'
}

# row NAME, no_row NAME: of the exports, for wait_js.
row='return document.querySelector(`#exports tr[data-key="${arguments[0]}"]`)'
cell="$row?.querySelector(\`[data-f=\${arguments[1]}]\`).textContent"

cell_of()
{
	js "$cell" "$@"
}

cell_is()
{
	wait_js 20 "$cell === arguments[2]" "$@" || {
		echo "$1's $2 is not $3 but $(cell_of "$1" "$2")"
		return 1
	}
}

# hears TEXT: what is read aloud, and seen for a while.
hears()
{
	wait_js 20 'return document.querySelector("#say").textContent === arguments[0]' "$1"
}

focused()
{
	[ "$(js 'return document.activeElement.id')" = "$1" ]
}

# fill FIELD TEXT...
fill()
{
	while [ $# -gt 0 ]; do
		type_in "#$1" "$2"
		shift 2
	done
}

# slow_server: $SLOW serves an image slowly at $SOURCE, until faster is called.
slow_server()
{
	mkdir "$DIR/slow"
	head -c 3M /dev/urandom >"$DIR/slow/disk.img"
	echo "/disk.img rate=200000 live" >"$DIR/slow/.faults"
	/usr/bin/python3 -B "$BATS_TEST_DIRNAME/lib/webserver.py" "$DIR/slow" \
	    "$DIR/slow.port" "$DIR/slow.log" 3>&- &
	SLOW=$!
	wait_for 20 test -s "$DIR/slow.port"
	SOURCE=http://127.0.0.1:$(cat "$DIR/slow.port")/disk.img
}

faster()
{
	rm "$DIR/slow/.faults"
}

# reader NAME: $HOLDER reads all the time.
reader()
{
	/usr/bin/python3 -B -c '
import sys, time, nbd
h = nbd.NBD()
h.connect_uri("nbd://127.0.0.1:%s/%s" % (sys.argv[1], sys.argv[2]))
while True:
	h.pread(65536, 0)
	time.sleep(0.01)' "$PORT" "$1" 3>&- 2>/dev/null &
	HOLDER=$!
}

@test "the password lets in, a wrong one is told beside its field, and logging out ends it" {
	start_web nbdmux.conf "NBDMUX_ADMIN_PASSWORD=open sesame"
	go "$URL/"
	[ "$(js 'return location.pathname')" = /ui/login ]
	focused password
	fill password wrong
	click button
	[ "$(text_of '#wrong')" = "the password is wrong" ]
	[ "$(js 'return document.activeElement.getAttribute("aria-describedby")')" = wrong ]
	fill password "open sesame"
	press "$ENTER"
	wait_js 20 'return location.pathname === "/"'
	[ "$(text_of h1)" = nbdmux ]
	[[ $(text_of '#health') == "The daemon answers; up "*"listening at 127.0.0.1:$PORT" ]]
	click '.logout button'
	wait_js 20 'return location.pathname === "/ui/login"'
	go "$URL/"
	[ "$(js 'return location.pathname')" = /ui/login ]
	# Who was logged out elsewhere is told, and keeps what was typed.
	fill password "open sesame"
	press "$ENTER"
	wait_js 20 'return location.pathname === "/" && !document.getElementById("add").hidden'
	cdp Network.clearBrowserCookies '{}'
	fill name disk file "$DIR/a.img"
	click '#add .main'
	wait_js 20 'return /not logged in/.test(document.querySelector("#add-error").textContent)'
	[ "$(js 'return document.querySelector("#name").value')" = disk ]
	[ ! -e "$SPOOL/disk.ini" ]
}

@test "what is wrong stands beside its field, what is right is listed at once" {
	start_web
	open_page
	js 'window.mark = document.querySelector("#exports")'
	[ "$(text_of '#exports .empty')" = "There are no exports yet." ]
	fill name "a b" file "$DIR/a.img" description '<img src=x onerror=alert(1)>'
	click '#add .main'
	wait_js 20 'return document.querySelector("#name-error").textContent'
	[[ $(text_of '#name-error') == *'"a b" may have only letters'* ]]
	[ "$(js 'return document.querySelector("#name").ariaInvalid')" = true ]
	focused name
	js 'document.querySelector("#name").value = "disk";
	    document.querySelector("#file").value = arguments[0]' "$DIR/none.img"
	click '#add .main'
	wait_js 20 'return document.querySelector("#file-error").textContent'
	[[ $(text_of '#file-error') == *none.img* ]]
	[ "$(js 'return document.querySelector("#name-error").hidden')" = true ]
	focused file
	js 'document.querySelector("#file").value = arguments[0]' "$DIR/a.img"
	press "$ENTER"
	hears "Added disk."
	cell_is disk status ready
	cell_is disk size 1M
	[ "$(cell_of disk description)" = '<img src=x onerror=alert(1)>' ]
	[ -z "$(js 'return document.querySelector("#name").value')" ]
	[ "$(js 'return window.mark.isConnected')" = true ]
	[ "$(cell_of disk mode)" = ro ]
	wait_js 20 'return [...document.querySelectorAll("#events [data-f=event]")]
	    .some(e => e.textContent === "export-served")'
}

@test "what is fetched shows how far it is, how fast and how long it takes, until it is ready" {
	[ -x "$NBDMUX_BIN/nbdmux-fetch" ] || skip "built without libcurl"
	start_web nbdmux.conf "NBDMUX_ADMIN_PASSWORD=sesame"
	slow_server
	go "$URL/"
	fill password sesame
	press "$ENTER"
	wait_js 20 'return location.pathname === "/" && !document.getElementById("add").hidden'
	fill name disk src_url "$SOURCE"
	click '#add .main'
	wait_js 20 "return /^[0-9]+%, .* of 3M, .*[KM]\/s, .*s left$/.test(
	    document.querySelector('tr[data-key=disk] [data-f=far]')?.textContent)"
	[ "$(cell_of disk status)" = fetching ]
	js_true 'return document.querySelector("tr[data-key=disk] progress").value < 100'
	faster
	hears "disk is ready"
	cell_is disk status ready
	cell_is disk size 3M
	[ "$(js 'return document.querySelector("tr[data-key=disk] .fetch").hidden')" = true ]
}

@test "a client appears with its rate, and is marked when the image is replaced" {
	start_web
	add_export disk "$DIR/a.img"
	open_page
	reader disk
	wait_js 20 'return /^[0-9.]+[KM]$/.test(document.querySelector(
	    "#connections [data-f=read]")?.textContent)'
	cell_is disk clients 1
	wait_js 20 'return /[KM]$/.test(document.querySelector(
	    "tr[data-key=disk] [data-f=read]").textContent)'
	wait_js 20 'return /L60[.]0,[0-9.]+$/.test(document.querySelector(
	    "tr[data-key=disk] .line").getAttribute("d"))'
	[ "$(text_of '#connections [data-f=generation]')" = 1 ]
	js_true 'return document.querySelector("#connections [data-f=old]").hidden'
	# A browser without scripts gets rates, too.
	curl -s "$URL/" | grep -qE 'data-f="read">[0-9.]+[KM]<'
	truncate -s 2M "$DIR/b.img"
	mv "$DIR/b.img" "$DIR/a.img"
	add_export disk "$DIR/a.img"
	cell_is disk generation 2
	wait_js 20 'return document.querySelector("#connections [data-f=old]").textContent === "(old)"'
	cell_is disk old "(1 old)"
	kill "$HOLDER"
	wait_js 20 'return document.querySelector("#connections tbody").rows.length === 0'
	cell_is disk clients 0
}

@test "removing asks first, by mouse and by keyboard" {
	only_scripts
	start_web
	add_export disk "$DIR/a.img"
	add_export other "$DIR/a.img"
	open_page
	js 'document.querySelector("tr[data-key=disk] summary").focus()'
	press "$ENTER"
	wait_js 20 'return document.querySelector("tr[data-key=disk] .danger").checkVisibility()'
	press "$ESCAPE"
	wait_js 20 'return !document.querySelector("tr[data-key=disk] .danger").checkVisibility()'
	js_true 'return document.activeElement.matches("tr[data-key=disk] summary")'
	[ -e "$SPOOL/disk.ini" ]
	press "$ENTER"
	press "$TAB"
	js_true 'return document.activeElement.matches("tr[data-key=disk] .danger")'
	press "$ENTER"
	wait_js 20 'return !document.querySelector("#exports tr[data-key=disk]")'
	focused exports-title
	[ ! -e "$SPOOL/disk.ini" ]
	[ -e "$SPOOL/other.ini" ]
	click 'tr[data-key=other] summary'
	rm "$SPOOL/other.ini"
	wait_js 20 'return !document.querySelector("#exports tr[data-key=other]")'
}

@test "what is typed, focused and selected stays while the page goes on, and hidden it rests" {
	only_scripts
	start_web
	add_export disk "$DIR/a.img" ro "description = one"
	open_page
	js 'window.row = document.querySelector("tr[data-key=disk]");
	    getSelection().selectAllChildren(row.querySelector("[data-f=name]"))'
	add_export a "$DIR/a.img"
	add_export z "$DIR/a.img"
	wait_js 20 'return document.querySelector("tr[data-key=a]") && document.querySelector("tr[data-key=z]")'
	js_true 'return window.row.isConnected && getSelection().toString() === "disk"'
	[ "$(js 'return [...document.querySelectorAll("#exports tbody tr")].map(r => r.dataset.key).join(" ")')" = "a disk z" ]
	fill description "half a sen"
	rm "$SPOOL/a.ini"
	add_export disk "$DIR/a.img" ro "description = two"
	cell_is disk description two
	wait_js 20 'return !document.querySelector("tr[data-key=a]")'
	js 'document.querySelector("#filter").value = "TWO";
	    document.querySelector("#filter").dispatchEvent(new Event("input"))'
	js_true 'return document.querySelector("tr[data-key=disk]").checkVisibility() &&
	    !document.querySelector("tr[data-key=z]").checkVisibility()'
	focused description
	[ "$(js 'return document.activeElement.value')" = "half a sen" ]
	[ "$(js 'return document.activeElement.selectionStart')" = 10 ]
	js 'Object.defineProperty(document, "hidden", { configurable: true, value: true });
	    document.dispatchEvent(new Event("visibilitychange"))'
	# What was asked before may still be answered.
	wait_js 20 'performance.clearResourceTimings();
	    return new Promise(r => setTimeout(() =>
		r(performance.getEntriesByType("resource").length === 0), 1500))'
	js 'Object.defineProperty(document, "hidden", { configurable: true, value: false });
	    document.dispatchEvent(new Event("visibilitychange"))'
	wait_js 20 'return performance.getEntriesByType("resource").length > 0'
}

@test "it is told when the daemon or the web server is gone, and when it is back" {
	start_web
	open_page
	stop_daemon
	wait_js 20 'return document.querySelector("#health.ill")'
	[[ $(text_of '#health') == *"nbdmuxd does not run"* ]]
	start_daemon
	wait_js 20 'return document.querySelector("#health.well")'
	stop_web
	wait_js 20 'return document.querySelector("#trouble").checkVisibility()'
	[[ $(text_of '#trouble') == "The web server has not answered since "* ]]
	lighttpd -D -f "$DIR/lighttpd.conf" 3>&- >>"$DIR/lighttpd.out" 2>&1 &
	WEB=$!
	wait_js 30 'return document.querySelector("#trouble").hidden'
	wait_js 20 'return document.querySelector("#health.well")'
}

@test "how to get to an export is copied, where the browser has a clipboard and where not" {
	only_scripts
	start_web
	mkdir -p "$DATA/artifacts/disk"
	touch "$DATA/artifacts/disk"/{vmlinuz,initrd,manifest.json}
	add_export disk "$DIR/a.img"
	add_export other "$DIR/a.img"
	cdp Browser.grantPermissions '{"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}'
	open_page
	wait_js 20 'return document.querySelector("tr[data-key=disk] [data-f=ipxe]").checkVisibility()'
	copied() { js_true 'return navigator.clipboard.readText().then(t => t === arguments[0])' "$1"; }
	click 'tr[data-key=disk] [data-f=ipxe]'
	wait_for 20 copied "$URL/ipxe/disk"
	click 'tr[data-key=disk] [data-f=uri]'
	hears "Copied: nbd://127.0.0.1:$PORT/disk"
	copied "nbd://127.0.0.1:$PORT/disk"
	js 'window.clipboard = navigator.clipboard;
	    Object.defineProperty(navigator, "clipboard", { value: undefined })'
	click 'tr[data-key=disk] [data-f=nbd_client]'
	copied_old() { js_true 'return window.clipboard.readText().then(t => t === arguments[0])' "$1"; }
	wait_for 20 copied_old "nbd-client 127.0.0.1 $PORT /dev/nbd0 -N disk"
	js_true 'return document.querySelector("tr[data-key=other] [data-f=ipxe]").hidden'
	js_true 'return document.activeElement.matches("tr[data-key=disk] [data-f=nbd_client]")'
}

@test "without scripts it can all be done, and nothing typed is lost" {
	scripts off
	start_web nbdmux.conf "NBDMUX_ADMIN_PASSWORD=sesame"
	go "$URL/"
	fill password sesame
	click button
	js_true 'return document.querySelector("meta[http-equiv=refresh]").content === "10; url=./"'
	js_true 'return document.getElementById("add").hidden'
	click 'noscript a'
	js_true 'return !document.querySelector("meta[http-equiv=refresh]")'
	fill name disk file /none.img
	click '#add .main'
	[[ $(text_of '#file-error') == *"/none.img"* ]]
	js_true 'return !document.querySelector("meta[http-equiv=refresh]")'
	js 'document.querySelector("#file").value = arguments[0]' "$DIR/a.img"
	click '#add .main'
	wait_for 20 js_true 'return location.pathname === "/"'
	[ "$(cell_of disk status)" = ready ]
	js_true 'return !document.querySelector(".trend").checkVisibility()'
	[[ $(text_of 'tr[data-key=disk] .ways') == "nbd-client 127.0.0.1 $PORT /dev/nbd0 -N disk"*URI* ]]
	click 'tr[data-key=disk] summary'
	click 'tr[data-key=disk] .danger'
	[ "$(text_of '#exports .empty')" = "There are no exports yet." ]
	[ ! -e "$SPOOL/disk.ini" ]
	click '.logout button'
	[ "$(js 'return location.pathname')" = /ui/login ]
	scripts on
}

@test "everybody can read it and reach all of it, on narrow and wide screens, light and dark" {
	local width theme name

	only_scripts
	start_web
	name=$(printf 'a_very_long_name_%.0s' 1 2 3)0123456789abc
	add_export "$name" "$DIR/a.img" rw "description = $(printf 'many words %.0s' {1..30})"
	add_export disk "$DIR/a.img"
	put_export broken "$DIR/none.img"
	# One that is fetched, for ever.
	printf '[export]\nsource = http://127.0.0.1:%s/x.img\n' "$(free_port)" >"$SPOOL/slow.ini"
	wait_for 20 answers broken
	hold "$PORT" disk
	truncate -s 2M "$DIR/b.img"
	mv "$DIR/b.img" "$DIR/a.img"
	add_export disk "$DIR/a.img"
	go "$URL/ui/dashboard"
	wait_js 20 'return document.querySelectorAll("#exports tbody tr").length >= 3 &&
	    !document.getElementById("add").hidden'
	click '#add .main'
	wait_js 20 'return document.querySelector("#name-error").textContent'
	click "tr[data-key=$name] summary"
	for width in 1280 700 390; do
		window "$width" 900
		for theme in light dark; do
			theme "$theme"
			run js "$(cat "$BATS_TEST_DIRNAME/lib/page.js")"
			echo "$width $theme: $output"
			[ "$status" -eq 0 ] && [ -z "$output" ]
		done
	done
	# Tab goes through all there is in the order in which it stands there,
	# and it is seen where it is.
	js 'window.all = [...document.querySelectorAll("a[href], button, input, select, summary")]
		.filter(e => e.checkVisibility());
	    window.all[0].focus()'
	[ "$(js 'return window.all.length')" -gt 15 ]
	js_true 'return document.activeElement.matches(".skip") &&
	    document.activeElement.getBoundingClientRect().left >= 0'
	for ((i = 1; i < 8; i++)); do
		press "$TAB"
		js_true "return document.activeElement === window.all[$i] &&
		    getComputedStyle(document.activeElement).outlineWidth === '3px'"
	done
}

@test "below a path it finds everything, and the login page can be read, too" {
	only_scripts
	start_web nbdmux-subpath.conf "NBDMUX_ADMIN_PASSWORD=sesame"
	go "$URL/"
	for theme in light dark; do
		theme "$theme"
		run js "$(cat "$BATS_TEST_DIRNAME/lib/page.js")"
		echo "$theme: $output"
		[ "$status" -eq 0 ] && [ -z "$output" ]
	done
	fill password sesame
	press "$ENTER"
	wait_js 20 'return location.pathname === "/nbdmux/" && !document.getElementById("add").hidden'
	fill name disk file "$DIR/a.img"
	click '#add .main'
	cell_is disk status ready
	js_true 'return getComputedStyle(document.querySelector("table")).borderCollapse === "collapse"'
	click '.logout button'
	wait_js 20 'return location.pathname === "/nbdmux/ui/login"'
}
