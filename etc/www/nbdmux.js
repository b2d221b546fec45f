/*
 * nbdmux: keeps the dashboard of nbdmux.cgi(8) up to date, in place.  The page
 * works without it.  What it shows comes from the routes of nbdmux-http(7);
 * rows are made of the page's templates, and an element with data-f="FIELD"
 * shows that field.
 */
import { age } from "./nbdmux-text.js";
import { by, hide, root, say, set, show, trouble } from "./nbdmux-page.js";
import { filter, forget, showConnections, showEvents, showExports }
    from "./nbdmux-lists.js";
import { add, copy, remove } from "./nbdmux-forms.js";

const EVERY = 1000;     // ms from one look to the next
const PATIENCE = 5000;  // ms until a server that says nothing is lost
const EVENTS = 20;      // rows; PAGE_EVENTS

/* --- health ------------------------------------------------------------------ */

/* now is the server's: clocks differ. */
function showHealth(y, now)
{
	const well = y.status === "ok";
	const up = ((now || Date.now()) - Date.parse(y.started_at)) / 1000;
	const was = by("health").className;

	set(by("health"), "class", well ? "well" : "ill");
	show(by("health"), well ? `The daemon answers; up ${age(up)}, ` +
	    `listening at ${y.listen}` : y.error);
	if (well && was === "ill")
		say("The daemon answers again.");
	else if (!well && was === "well")
		say(y.error);
}

/* --- looking ------------------------------------------------------------------ */

class Lost extends Error {}

async function get(path)
{
	try {
		const answer = await fetch(new URL(path, root), {
			signal: AbortSignal.timeout(PATIENCE),
			headers: { Accept: "application/json" },
			cache: "no-store",
		});

		return { ok: answer.ok, status: answer.status,
		    date: answer.headers.get("Date"),
		    body: await answer.json() };
	} catch (error) {
		throw new Lost(error.message);
	}
}

let gone = null; // since when nobody answers
let timer = null;
let looking = false;

async function look()
{
	const began = performance.now();
	const [health, exports, clients, events] = await Promise.all([
		get("healthz"), get("exports"), get("clients"),
		get(`events?limit=${EVENTS}`)]);
	const at = (began + performance.now()) / 2;
	const wrong = [exports, clients, events].find(a => !a.ok);

	if (document.hidden)
		return;
	if (health.body.status !== undefined)
		showHealth(health.body, Date.parse(health.date));
	if (exports.ok && clients.ok) {
		showExports(exports.body, clients.body, at);
		showConnections(clients.body, exports.body, at);
		forget(at);
	}
	if (events.ok)
		showEvents(events.body);
	trouble(wrong ? wrong.body.error ??
	    `The server answers with status ${wrong.status}.` : "");
}

function lost()
{
	gone ??= new Date().toISOString().slice(11, 19);
	trouble(`The web server has not answered since ${gone} UTC; what ` +
	    "stands here is older. Trying again.");
	set(by("health"), "class", "ill");
	show(by("health"), "The web server cannot be reached.");
}

/* One look at a time, and never more work for the server than rest. */
async function again()
{
	const began = performance.now();

	clearTimeout(timer);
	if (looking || document.hidden)
		return;
	looking = true;
	try {
		await look();
		if (gone !== null)
			say("The web server answers again.");
		gone = null;
	} catch (error) {
		if (!(error instanceof Lost))
			console.error(error); // our mistake
		else if (!document.hidden)
			lost();
	}
	looking = false;
	timer = setTimeout(again, Math.max(EVERY - (performance.now() - began),
	    performance.now() - began, 100));
}

/* Hidden it rests; rates do not reach over that. */
function changed()
{
	if (document.hidden) {
		clearTimeout(timer);
		forget();
	} else
		again();
}

/* --- the page ------------------------------------------------------------------ */

function closeOthers(details)
{
	for (const other of document.querySelectorAll("details[open]"))
		if (other !== details)
			other.open = false;
}

function begin()
{
	const form = by("add").querySelector("form");

	hide(by("add"), false);
	hide(by("filter"), false);
	by("filter").addEventListener("input", filter);
	form.noValidate = true;
	form.addEventListener("submit", async event => {
		event.preventDefault();
		if (await add(form))
			again();
	});
	by("exports").addEventListener("submit", async event => {
		event.preventDefault();
		if (await remove(event.target))
			again();
	});
	by("exports").addEventListener("click", event => {
		const button = event.target.closest("button.copy");

		if (button !== null)
			copy(button);
	});
	document.addEventListener("toggle", event => {
		if (event.target.open)
			closeOthers(event.target);
	}, true);
	document.addEventListener("keydown", event => {
		const open = document.querySelector("details[open]");

		if (event.key === "Escape" && open !== null) {
			open.open = false;
			open.querySelector("summary").focus();
		}
	});
	document.addEventListener("visibilitychange", changed);
	again();
}

begin();
