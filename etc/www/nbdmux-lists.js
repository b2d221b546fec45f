/*
 * nbdmux-lists: the dashboard's tables.  Rates are the difference of two
 * looks, by this machine's clock.
 */
import { age, bytes, details, far } from "./nbdmux-text.js";
import { by, fields, hide, mention, root, rows, say, set, show }
    from "./nbdmux-page.js";

const MINUTE = 60;       // s in a sparkline
const GAP = 5;           // s without a look: nothing is known of them
const CONNECTIONS = 500; // rows; PAGE_CONNECTIONS

/* --- rates ----------------------------------------------------------------- */

const counted = new Map(); // what was there at the last look

/* Bytes per second since the last look; null: there was none. */
function rates(key, item, at)
{
	const was = counted.get(key);
	const seconds = was ? (at - was.at) / 1000 : 0;
	const rate = { read: null, written: null };

	counted.set(key, { at, read: item.bytes_read,
	    written: item.bytes_written });
	/* Counters that are lower are another daemon's. */
	if (seconds > 0 && item.bytes_read >= was.read &&
	    item.bytes_written >= was.written) {
		rate.read = (item.bytes_read - was.read) / seconds;
		rate.written = (item.bytes_written - was.written) / seconds;
	}
	return rate;
}

/* Those that were not in the look of that time; without one, all. */
export function forget(at)
{
	for (const [key, value] of counted)
		if (value.at !== at)
			counted.delete(key);
}

const trends = new Map();

/* The throughput of the last minute, the newest last. */
function trend(name, rate, at)
{
	const list = (trends.get(name) ?? [])
	    .filter(p => at - p.at <= MINUTE * 1000);

	if (rate.read !== null)
		list.push({ at, value: rate.read + rate.written });
	trends.set(name, list);
	return list;
}

/* Pieces of a line, between the times when nobody looked. */
function pieces(list, at, top)
{
	const all = [];
	let before = -Infinity;

	for (const p of list) {
		if (p.at - before > GAP * 1000)
			all.push([]);
		before = p.at;
		all.at(-1).push([(MINUTE - (at - p.at) / 1000).toFixed(1),
		    (19 - p.value / top * 17).toFixed(1)]);
	}
	return all.filter(points => points.length > 1);
}

function spark(svg, list, name, at)
{
	const top = Math.max(...list.map(p => p.value), 1);
	const all = pieces(list, at, top);
	const [area, line] = svg.children;

	hide(svg, all.length === 0);
	if (all.length === 0)
		return;
	set(line, "d", all.map(points => `M${points.join("L")}`).join(""));
	set(area, "d", all.map(points => `M${points[0][0]},20` +
	    `L${points.join("L")}L${points.at(-1)[0]},20Z`).join(""));
	set(svg, "aria-label", `Throughput of ${name} in the last minute: ` +
	    `at most ${bytes(top)}/s`);
}

/* --- exports ---------------------------------------------------------------- */

const before = new Map(); // statuses, to tell of changes

function announce(r)
{
	const was = before.get(r.name);

	before.set(r.name, r.status);
	if (was === undefined || was === r.status)
		return;
	if (r.status === "failed")
		say(`${r.name} failed: ${r.error}`);
	else
		say(`${r.name} is ${r.status}`);
}

function copies(f, r)
{
	for (const way of ["nbd_client", "uri", "ipxe"]) {
		set(f[way], "data-copy", r[way]);
		hide(f[way], r[way] === null);
	}
}

function fetching(f, r)
{
	const idle = r.fetch === null || r.fetch === "queued";

	hide(f.fetch, idle);
	if (idle)
		return;
	set(f.progress, "value", r.progress === null ? null :
	    r.progress.toFixed(1));
	mention(f.far, far(r));
}

function fillExport(f, r, row, at, old)
{
	const rate = rates(`export ${r.name}`, r, at);

	show(f.name, r.name);
	show(f.which, r.name);
	mention(f.description, r.description);
	show(f.mode, r.mode);
	show(f.size, r.size ? bytes(r.size) : "-");
	show(f.status, r.status);
	set(f.status, "class", `status ${r.status}`);
	mention(f.error, r.error);
	fetching(f, r);
	show(f.generation, r.generation ? String(r.generation) : "-");
	mention(f.clients, String(r.clients));
	mention(f.old, old ? `(${old} old)` : "");
	if (rate.read !== null) {
		show(f.read, bytes(rate.read));
		show(f.written, bytes(rate.written));
	}
	spark(f.spark, trend(r.name, rate, at), r.name, at);
	copies(f, r);
	hide(f.remove, r.status === "draining");
	set(row.querySelector("form"), "action",
	    new URL(`admin/delete_export/${r.name}`, root).href);
	announce(r);
	return rate;
}

export function showExports(list, clients, at)
{
	const sum = { read: 0, written: 0 };
	const old = new Map();
	const f = fields(by("sums"));
	const failed = list.filter(r => r.status === "failed").length;
	const sampled = counted.size > 0 || list.length === 0;

	for (const c of clients)
		if (!c.current)
			old.set(c.export, (old.get(c.export) ?? 0) + 1);
	rows("exports", list, r => r.name, (cells, r, row) => {
		const rate = fillExport(cells, r, row, at, old.get(r.name));

		sum.read += rate.read ?? 0;
		sum.written += rate.written ?? 0;
	});
	filter();
	for (const names of [before, trends])
		if (names.size > list.length)
			prune(names, new Set(list.map(r => r.name)));
	show(f.exports, String(list.length));
	show(f.failed, String(failed));
	set(f.failed, "class", failed > 0 ? "failed" : "");
	show(f.clients, String(clients.length));
	if (sampled) {
		show(f.reading, bytes(sum.read));
		show(f.writing, bytes(sum.written));
	}
}

/* Those that are looked for; the sums are of all. */
export function filter()
{
	const text = by("filter").value.trim().toLowerCase();

	for (const row of by("exports").querySelector("tbody").rows) {
		const f = fields(row);

		hide(row, !`${f.name.textContent} ${f.description.textContent}`
		    .toLowerCase().includes(text));
	}
}

function prune(map, names)
{
	for (const name of map.keys())
		if (!names.has(name))
			map.delete(name);
}

/* --- connections and events -------------------------------------------------- */

export function showConnections(list, exports, at)
{
	const draining = new Set(exports.filter(r => r.status === "draining")
	    .map(r => r.name));

	hide(by("more"), list.length < CONNECTIONS);
	rows("connections", list.slice(0, CONNECTIONS), c => c.id, (f, c) => {
		const rate = rates(`client ${c.id} ${c.client}`, c, at);

		show(f.client, c.client);
		mention(f.tls, c.tls ? "TLS" : "");
		show(f.export, c.export);
		mention(f.generation, String(c.generation));
		mention(f.old, c.current ? "" :
		    draining.has(c.export) ? "(removed)" : "(old)");
		show(f.age, age(c.age));
		if (rate.read !== null) {
			show(f.read, bytes(rate.read));
			show(f.written, bytes(rate.written));
		}
		show(f.bytes_read, bytes(c.bytes_read));
		show(f.bytes_written, bytes(c.bytes_written));
	});
}

let seen = "";

export function showEvents(list)
{
	const text = JSON.stringify(list);
	const count = new Map();

	if (text === seen)
		return;
	seen = text;
	rows("events", list, e => {
		const key = JSON.stringify(e);
		const n = count.get(key) ?? 0;

		count.set(key, n + 1);
		return key + n;
	}, (f, e) => {
		show(f.time, (e.time ?? "").replace("T", " ")
		    .replace(/\..*/, ""));
		show(f.event, e.event ?? "");
		f.event.classList.toggle("failed",
		    (e.event ?? "").includes("failed"));
		show(f.export, e.export ?? "");
		show(f.who, e.who ?? "");
		show(f.details, details(e));
	});
}
