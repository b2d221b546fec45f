/*
 * page: what WebDriver asks of a page, for t/dashboard.bats.  Returns the list
 * of what a person could not read or not reach; empty: all is well.
 */
const wrong = [];
const visible = e => e.checkVisibility({ visibilityProperty: true,
    opacityProperty: true }) && e.getClientRects().length > 0;
const what = e => `<${e.tagName.toLowerCase()} ${e.id || e.className}> ` +
    `"${(e.textContent || e.value || "").trim().slice(0, 40)}"`;

/* --- contrast: WCAG 2.2, 1.4.3 --------------------------------------------- */

function color(text)
{
	const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);

	return { r, g, b, a };
}

function over(top, below)
{
	const mix = k => top[k] * top.a + below[k] * (1 - top.a);

	return { r: mix("r"), g: mix("g"), b: mix("b"), a: 1 };
}

function luminance({ r, g, b })
{
	const [x, y, z] = [r, g, b].map(v => v / 255).map(v =>
	    v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);

	return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}

function behind(e)
{
	const dark = matchMedia("(prefers-color-scheme: dark)").matches;
	const base = dark ? color("rgb(18, 18, 18)") : color("rgb(255, 255, 255)");

	return e === null ? base :
	    over(color(getComputedStyle(e).backgroundColor),
	    behind(e.parentElement));
}

function contrast(e, text)
{
	const back = behind(e);
	const [x, y] = [luminance(over(color(text), back)), luminance(back)]
	    .sort((a, b) => b - a);

	return (x + 0.05) / (y + 0.05);
}

let texts = 0;
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
	const e = walk.currentNode.parentElement;

	if (walk.currentNode.data.trim() === "" || !visible(e))
		continue;
	texts++;
	if (contrast(e, getComputedStyle(e).color) < 4.5)
		wrong.push(`contrast of ${what(e)}`);
}
for (const e of document.querySelectorAll("input")) {
	if (contrast(e, getComputedStyle(e).color) < 4.5 || (e.placeholder &&
	    contrast(e, getComputedStyle(e, "::placeholder").color) < 4.5))
		wrong.push(`contrast of ${what(e)}`);
	/* 1.4.11: its edge against what is around it */
	if (visible(e) && contrast(e.parentElement,
	    getComputedStyle(e).borderTopColor) < 3)
		wrong.push(`the edge of ${what(e)}`);
}
if (texts < 3)
	wrong.push(`there are but ${texts} texts`);

/* --- names, structure, size -------------------------------------------------- */

for (const e of document.querySelectorAll("input, select, textarea"))
	if (!e.hidden && e.labels.length === 0 && !e.ariaLabel)
		wrong.push(`no label of ${what(e)}`);
for (const e of document.querySelectorAll("button, summary, a[href]"))
	if (!(e.ariaLabel ?? e.textContent).trim())
		wrong.push(`no name of ${what(e)}`);
for (const e of document.querySelectorAll("[aria-label]"))
	if (visible(e) && e.textContent.trim() &&
	    !e.ariaLabel.toLowerCase().includes(e.textContent.trim().toLowerCase()) &&
	    e.tagName !== "svg")
		wrong.push(`the name of ${what(e)} is not what is seen`);
for (const e of document.querySelectorAll("[aria-describedby], [aria-labelledby]"))
	for (const id of `${e.getAttribute("aria-describedby") ?? ""} ${
	    e.getAttribute("aria-labelledby") ?? ""}`.trim().split(" "))
		if (document.getElementById(id) === null)
			wrong.push(`${what(e)} refers to ${id}`);
const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
for (const id of ids)
	if (ids.indexOf(id) !== ids.lastIndexOf(id))
		wrong.push(`the ID ${id} twice`);
let level = 0;
for (const e of document.querySelectorAll("h1, h2, h3, h4")) {
	if (Number(e.tagName[1]) > level + 1)
		wrong.push(`${what(e)} after level ${level}`);
	level = Number(e.tagName[1]);
}
if (document.querySelectorAll("h1").length !== 1)
	wrong.push("not one h1");
if (document.querySelectorAll("main").length !== 1)
	wrong.push("not one main");
if (document.documentElement.lang !== "en")
	wrong.push("no language");
if (document.title === "")
	wrong.push("no title");
const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth > width)
	wrong.push(`wider than ${width}`);
for (const e of document.querySelectorAll("main *"))
	if (visible(e) && !["path"].includes(e.tagName) &&
	    e.getBoundingClientRect().right > width + 1)
		wrong.push(`${what(e)} sticks out of ${width}`);
return wrong.join("\n");
