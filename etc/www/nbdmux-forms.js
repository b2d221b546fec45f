/* nbdmux-forms: copying, adding, removing. */
import { by, fields, mention, root, say } from "./nbdmux-page.js";

const PATIENCE = 10000; // ms

/* --- copying ---------------------------------------------------------------- */

/* Browsers have a clipboard for secure origins alone, else there is this. */
function copyOld(text)
{
	const area = document.createElement("textarea");
	const focus = document.activeElement;

	area.value = text;
	area.className = "away";
	area.setAttribute("aria-hidden", "true");
	document.body.append(area);
	area.select();
	const done = document.execCommand("copy");
	area.remove();
	focus?.focus();
	return done;
}

export async function copy(button)
{
	const text = button.dataset.copy;
	let done = false;

	try {
		await navigator.clipboard.writeText(text);
		done = true;
	} catch {
		done = copyOld(text);
	}
	say(done ? `Copied: ${text}` : `It cannot be copied: ${text}`);
}

/* --- changing ---------------------------------------------------------------- */

async function send(method, path, body)
{
	const answer = await fetch(new URL(path, root), {
		method,
		signal: AbortSignal.timeout(PATIENCE),
		headers: body ? { "Content-Type": "application/json" } : {},
		body: body && JSON.stringify(body),
	}).catch(() => null);

	if (answer === null)
		return "The web server cannot be reached.";
	if (answer.ok)
		return null;
	if (answer.status === 401)
		return "You are not logged in any more: reload the page.";
	return (await answer.json().catch(() => ({}))).error ??
	    `The server answers with status ${answer.status}.`;
}

function clean(form)
{
	for (const e of form.querySelectorAll(".error"))
		mention(e, "");
	for (const e of form.querySelectorAll("[aria-invalid]"))
		e.removeAttribute("aria-invalid");
}

/* An error begins with the field that it is about. */
function complain(form, error)
{
	const [, name, text] = /^(\w+): (.*)$/s.exec(error) ?? [];
	const input = name ? form.elements.namedItem(name) : null;
	const place = name ? by(`${name}-error`) : null;

	if (input === null || place === null) {
		mention(by("add-error"), error);
		return;
	}
	mention(place, text);
	input.setAttribute("aria-invalid", "true");
	input.focus();
}

/* The form's fields are the members of POST /exports.  True: it is done. */
export async function add(form)
{
	const data = Object.fromEntries([...new FormData(form)]
	    .map(([key, value]) => [key, value.trim()])
	    .filter(([, value]) => value !== ""));
	const button = form.querySelector("button");

	if (button.getAttribute("aria-disabled") === "true")
		return false;
	button.setAttribute("aria-disabled", "true");
	clean(form);
	const error = await send("POST", "exports", { ...data,
	    readonly: data.readonly !== "no" });
	button.removeAttribute("aria-disabled");
	if (error !== null) {
		complain(form, error);
		return false;
	}
	form.reset();
	say(`Added ${data.name}.`);
	return true;
}

export async function remove(form)
{
	const row = form.closest("tr");
	const f = fields(row);
	const name = row.dataset.key;

	mention(f.refused, "");
	const error = await send("DELETE", `exports/${name}`);
	if (error !== null) {
		mention(f.refused, error);
		return false;
	}
	f.remove.open = false;
	say(`Removed ${name}.`);
	by("exports-title").focus();
	return true;
}
