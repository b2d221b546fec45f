/* nbdmux-text: numbers and times, written as nbdmux.cgi writes them. */

/* "1.5G": three figures, powers of 1024. */
export function bytes(n)
{
	let power = 0;

	if (n < 1024)
		return String(Math.round(n));
	while (power === 0 || n >= 999.5) {
		n /= 1024;
		power++;
	}
	return Number(n.toPrecision(3)) + "BKMGTPE"[power];
}

const two = n => String(n).padStart(2, "0");

/* "59s", "4m08s", "3h12m", "5d03h". */
export function age(seconds)
{
	const s = Math.max(0, Math.floor(seconds));

	if (s < 60)
		return `${s}s`;
	if (s < 3600)
		return `${Math.floor(s / 60)}m${two(s % 60)}s`;
	if (s < 86400)
		return `${Math.floor(s / 3600)}h${two(Math.floor(s / 60) % 60)}m`;
	return `${Math.floor(s / 86400)}d${two(Math.floor(s / 3600) % 24)}h`;
}

/* "45%, 1.2G of 2.7G, 85M/s, 17s left", as far as it is known. */
export function far(r)
{
	const known = [];

	if (r.fetch === "queued")
		return "";
	if (r.progress !== null)
		known.push(`${Math.floor(r.progress)}%`,
		    `${bytes(r.bytes_done)} of ${bytes(r.bytes_total)}`);
	else if (r.bytes_done)
		known.push(bytes(r.bytes_done));
	if (known.length > 0 && r.bytes_rate !== null)
		known.push(`${bytes(r.bytes_rate)}/s`);
	if (r.bytes_rate !== null && r.bytes_total > r.bytes_done)
		known.push(`${age((r.bytes_total - r.bytes_done) /
		    r.bytes_rate)} left`);
	return known.join(", ");
}

const elsewhere = new Set(["time", "event", "program", "export", "who"]);

/* "generation 2, size 64M": what has no column of its own. */
export function details(event)
{
	return Object.entries(event)
	    .filter(([key, value]) => value !== null && value !== false &&
		!elsewhere.has(key))
	    .map(([key, value]) => key.replaceAll("_", " ") + " " +
		(key === "size" || key.startsWith("bytes") ? bytes(value) :
		value))
	    .join(", ");
}
