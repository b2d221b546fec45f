# A real browser, driven over WebDriver's HTTP (W3C) with curl and jq.
#
#	needs_browser           skip where chromium or its driver is missing
#	start_browser           in setup_file; stop_browser in teardown_file
#	go URL                  wait until it is loaded
#	js SCRIPT [ARG...]      runs it ("return ...", arguments[0]...), prints
#	                        what it returns: a string as it is, else JSON
#	wait_js SECONDS SCRIPT [ARG...]  until it returns something that is true
#	click CSS, type_in CSS TEXT, press KEY, text_of CSS
#	cdp COMMAND JSON        Chromium's own protocol: what WebDriver has not
#	theme light|dark, window WIDTH HEIGHT, scripts on|off
#	picture FILE [full]     a screenshot, full: of all of the page
#	said                    what the browser has logged since it was asked last
#
# Everything it keeps is in $BROWSER, of the file's own directory.

needs_browser()
{
	local why="no browser"

	if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null
	then
		why="chromium and chromium-driver are missing"
		[ -z "${CI:-}" ] || ! apt-cache show chromium-driver >/dev/null 2>&1 ||
		    { echo "$why"; return 1; }
		skip "$why"
	fi
	needs curl jq
}

driver_ready()
{
	DRIVER_PORT=$(sed -n 's/.*on port \([0-9]*\)\.$/\1/p' \
	    "$BROWSER/driver.out")
	[ -n "$DRIVER_PORT" ] || ! kill -0 "$DRIVER" 2>/dev/null
}

# With a home of its own: no profile, no cache of whoever runs it.
start_browser()
{
	local root=()

	BROWSER=$BATS_FILE_TMPDIR/browser
	mkdir -p "$BROWSER/home" "$BROWSER/profile"
	: >"$BROWSER/driver.out"
	HOME=$BROWSER/home XDG_CONFIG_HOME=$BROWSER/home \
	    XDG_CACHE_HOME=$BROWSER/home chromedriver --port=0 \
	    >"$BROWSER/driver.out" 2>&1 3>&- &
	DRIVER=$!
	wait_for 30 driver_ready
	DRIVER_URL=http://127.0.0.1:$DRIVER_PORT
	export BROWSER DRIVER DRIVER_URL
	[ "$(id -u)" -ne 0 ] || root=(--no-sandbox)
	SESSION=$(jq -n --arg profile "$BROWSER/profile" '{capabilities:
	    {alwaysMatch: {"goog:loggingPrefs": {browser: "ALL"},
	    "goog:chromeOptions": {binary: "/usr/bin/chromium", args: ($ARGS.positional +
	    ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage",
	    "--no-first-run", "--disable-background-networking",
	    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
	    "--no-proxy-server", "--force-device-scale-factor=1",
	    "--user-data-dir=" + $profile])}}}}' --args -- "${root[@]}" |
	    curl -s -m 60 --data-binary @- "$DRIVER_URL/session" |
	    tee "$BROWSER/session" | jq -r '.value.sessionId // empty')
	if [ -z "$SESSION" ]; then
		cat "$BROWSER/session" "$BROWSER/driver.out"
		return 1
	fi
	export SESSION
}

# The browser ends with its session, the driver by its pid.
stop_browser()
{
	[ -n "${DRIVER:-}" ] || return 0
	[ -z "${SESSION:-}" ] || curl -s -m 20 -X DELETE -o /dev/null \
	    "$DRIVER_URL/session/$SESSION" || true
	kill "$DRIVER" 2>/dev/null || true
	wait "$DRIVER" 2>/dev/null || true
	DRIVER=
}

# wd PATH [JSON]: the value of the answer; an error is one, and is told.
wd()
{
	local method=POST

	[ $# -gt 1 ] || method=GET
	curl -s -m 30 -X "$method" ${2:+--data-binary "$2"} \
	    "$DRIVER_URL/session/$SESSION/$1" >"$BROWSER/answer" || {
		echo "the driver does not answer: $1" >&2
		return 1
	}
	jq -r 'if .value | type == "object" and has("error") then
	    .value.error + ": " + .value.message + "\n" | halt_error(1)
	    else .value end' "$BROWSER/answer"
}

go()
{
	wd url "$(jq -n --arg url "$1" '{url: $url}')" >/dev/null
}

js()
{
	local script=$1

	shift
	wd execute/sync "$(jq -n --arg script "$script" \
	    '{script: $script, args: $ARGS.positional}' --args -- "$@")"
}

js_true()
{
	local value

	value=$(js "$@" 2>/dev/null) && [ -n "$value" ] &&
	    [ "$value" != false ] && [ "$value" != null ] && [ "$value" != 0 ]
}

# The browser itself looks again and again; another page is another try.
js_became_true()
{
	[ "$(wd execute/async "$(jq -n --arg script "
	    const args = [...arguments], done = args.pop();
	    const end = Date.now() + 4000, test = function () { $1 };
	    (async function again() {
		if (await test(...args))
			done(true);
		else if (Date.now() > end)
			done(false);
		else
			setTimeout(again, 50);
	    })()" '{script: $script, args: $ARGS.positional}' \
	    --args -- "${@:2}")" 2>/dev/null)" = true ]
}

wait_js()
{
	wait_for "$1" js_became_true "${@:2}" || {
		js 'return document.body.innerText' | head -60
		return 1
	}
}

element()
{
	wd element "$(jq -n --arg css "$1" \
	    '{using: "css selector", value: $css}')" | jq -r '.[]'
}

click()
{
	local element

	element=$(element "$1") || return
	wd "element/$element/click" '{}' >/dev/null
}

type_in()
{
	local element

	element=$(element "$1") || return
	wd "element/$element/value" "$(jq -n --arg text "$2" \
	    '{text: $text}')" >/dev/null
}

# press KEY: to what has the focus; WebDriver's code of a key without a letter.
press()
{
	wd actions "$(jq -n --arg key "$1" '{actions: [{type: "key", id: "k",
	    actions: [{type: "keyDown", value: $key},
	    {type: "keyUp", value: $key}]}]}')" >/dev/null
}
TAB=$(printf '\ue004') ENTER=$(printf '\ue007') ESCAPE=$(printf '\ue00c')

text_of()
{
	wd "element/$(element "$1")/text"
}

cdp()
{
	wd goog/cdp/execute "$(jq -n --arg cmd "$1" --argjson params "$2" \
	    '{cmd: $cmd, params: $params}')"
}

theme()
{
	cdp Emulation.setEmulatedMedia "$(jq -n --arg theme "$1" '{features:
	    [{name: "prefers-color-scheme", value: $theme}]}')" >/dev/null
}

window()
{
	cdp Emulation.setDeviceMetricsOverride "{\"width\": $1, \"height\": $2,
	    \"deviceScaleFactor\": ${3:-1}, \"mobile\": false}" >/dev/null
}

scripts()
{
	local off=false

	[ "$1" = on ] || off=true
	cdp Emulation.setScriptExecutionDisabled "{\"value\": $off}" >/dev/null
}

picture()
{
	local beyond=false

	[ "${2:-}" != full ] || beyond=true
	cdp Page.captureScreenshot "{\"captureBeyondViewport\": $beyond}" |
	    jq -r .data | base64 -d >"$1"
}

# A refused request is an answer like others; the console has it nevertheless.
said()
{
	wd se/log '{"type": "browser"}' |
	    jq -r '.[] | select(.source != "network") | .source + ": " + .message'
}
