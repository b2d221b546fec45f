/*
 * nbdmux-page: elements of the page.  What has not changed is not touched, so
 * what has the focus, or is selected, stays as it is.
 */

/* Where the routes are: the page may be below any path. */
export const root = new URL("..", import.meta.url);
export const by = id => document.getElementById(id);

export function show(element, text)
{
	if (element.textContent !== text)
		element.textContent = text;
}

export function set(element, name, value)
{
	if (value === null)
		element.removeAttribute(name);
	else if (element.getAttribute(name) !== value)
		element.setAttribute(name, value);
}

export function hide(element, hidden)
{
	if (element.hasAttribute("hidden") !== hidden)
		element.toggleAttribute("hidden", hidden);
}

/* Text, or nothing to be seen. */
export function mention(element, text)
{
	show(element, text ?? "");
	hide(element, !text);
}

const known = new WeakMap();

/* The fields of a row, by name. */
export function fields(element)
{
	if (!known.has(element))
		known.set(element, Object.fromEntries(
		    [...element.querySelectorAll("[data-f]")]
			.map(e => [e.dataset.f, e])));
	return known.get(element);
}

/*
 * Rows of a section for items in their order: rows that are there stay, new
 * ones come in between, others go.
 */
export function rows(section, items, key, fill)
{
	const body = by(section).querySelector("tbody");
	const wanted = new Set(items.map(key));
	const old = new Map();

	for (const row of [...body.rows])
		if (wanted.has(row.dataset.key) && !old.has(row.dataset.key))
			old.set(row.dataset.key, row);
		else
			leave(row, section);
	let at = body.firstElementChild;
	for (const item of items) {
		const name = key(item);
		const row = old.get(name) ?? make(section, name);

		/* One that is in its place is not moved: that would take its
		 * focus away. */
		old.delete(name);
		if (row === at)
			at = at.nextElementSibling;
		else
			body.insertBefore(row, at);
		fill(fields(row), item, row);
	}
	hide(by(section).querySelector(".empty"), items.length > 0);
}

function make(section, name)
{
	const row = by(`${section}-row`).content.firstElementChild
	    .cloneNode(true);

	row.dataset.key = name;
	for (const e of row.querySelectorAll("[aria-label]"))
		set(e, "aria-label", e.getAttribute("aria-label").trim() +
		    ` ${name}`);
	return row;
}

/* Who was in it goes on from the section's heading. */
function leave(row, section)
{
	const inside = row.contains(document.activeElement);

	row.remove();
	if (inside)
		by(`${section}-title`).focus();
}

/* Read aloud, and seen for a while. */
let silence;
export function say(text)
{
	show(by("say"), text);
	clearTimeout(silence);
	silence = setTimeout(() => show(by("say"), ""), 6000);
}

export function trouble(text)
{
	if (by("trouble").textContent !== text) {
		show(by("trouble"), text);
		hide(by("trouble"), text === "");
		document.body.classList.toggle("lost", text !== "");
	}
}
