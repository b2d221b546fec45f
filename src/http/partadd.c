/* partadd: the dashboard's form, with what is wrong beside each field. */
#include <string.h>

#include "http/html.h"
#include "http/page.h"
#include "http/piece.h"

static const struct field {
	const char *name, *label, *hint, *more;
} fields[] = {
	{ "name", "Name", "Letters, digits, and . _ - within.",
	    "required maxlength=\"64\" pattern=\"[A-Za-z0-9][A-Za-z0-9._\\-]*\""
	    " autocapitalize=\"off\"" },
	{ "file", "File", "An image or block device on the server; or:",
	    "placeholder=\"/srv/images/disk.img\" autocapitalize=\"off\"" },
	{ "src_url", "URL", "It is fetched from there, and may be compressed.",
	    "inputmode=\"url\" autocapitalize=\"off\" "
	    "placeholder=\"https://example.org/disk.img.xz\"" },
	{ "sha256", "SHA-256 of the URL's file", "Optional; what differs is "
	    "not served.", "autocapitalize=\"off\"" },
	{ "description", "Description", NULL, "" },
};
#define FIELDS (sizeof(fields) / sizeof(*fields))

/* Errors begin with the field that they are about. */
static bool
is_about(const struct page *p, const char *name)
{
	size_t len = strlen(name);

	return p->form != NULL && p->error != NULL &&
	    strncmp(p->error, name, len) == 0 && p->error[len] == ':';
}

static void
field(const struct page *p, const struct field *f)
{
	const char *value = p->form != NULL ? form_get(p->form, f->name) : NULL;
	bool wrong = is_about(p, f->name);

	fprintf(p->out, "<div class=\"field\"><label for=\"%s\">%s</label>\n"
	    "<input id=\"%s\" name=\"%s\" autocomplete=\"off\" "
	    "spellcheck=\"false\" %s", f->name, f->label, f->name, f->name,
	    f->more);
	if (value != NULL)
		piece_attribute(p->out, "value", value);
	if (wrong)
		fputs(" aria-invalid=\"true\"", p->out);
	fprintf(p->out, " aria-describedby=\"%s-error%s%s\">\n", f->name,
	    f->hint != NULL ? " hint-" : "", f->hint != NULL ? f->name : "");
	fprintf(p->out, "<span class=\"error\" role=\"alert\" id=\"%s-error\""
	    "%s>", f->name, wrong ? "" : " hidden");
	if (wrong)
		html_text(p->out, p->error + strlen(f->name) + 2);
	fputs("</span>\n", p->out);
	if (f->hint != NULL)
		fprintf(p->out, "<span class=\"hint\" id=\"hint-%s\">%s"
		    "</span>\n", f->name, f->hint);
	fputs("</div>\n", p->out);
}

static void
mode_field(const struct page *p)
{
	const char *value = p->form != NULL ? form_get(p->form, "readonly") :
	    NULL;
	bool writable = value != NULL && strcmp(value, "no") == 0;

	fprintf(p->out, "<div class=\"field\"><label for=\"readonly\">Clients "
	    "may</label>\n<select id=\"readonly\" name=\"readonly\">"
	    "<option value=\"yes\">read</option><option value=\"no\"%s>"
	    "read and write</option></select></div>\n",
	    writable ? " selected" : "");
}

/* Without scripts a page that refreshes itself must not have it. */
void
part_add(const struct page *p)
{
	bool told = p->form == NULL;

	for (size_t i = 0; i < FIELDS; i++)
		told = told || is_about(p, fields[i].name);
	fprintf(p->out, "<section id=\"add\" aria-labelledby=\"add-title\"%s>\n"
	    "<h2 id=\"add-title\" tabindex=\"-1\">Add an export</h2>\n"
	    "<form method=\"post\" action=\"%sadmin/create_export\">\n"
	    "<p class=\"error\" role=\"alert\" id=\"add-error\"%s>",
	    p->still ? "" : " hidden", p->root, told ? " hidden" : "");
	if (!told)
		html_text(p->out, p->error);
	fputs("</p>\n<div class=\"fields\">\n", p->out);
	for (size_t i = 0; i < FIELDS; i++)
		field(p, &fields[i]);
	mode_field(p);
	fputs("</div>\n<button type=\"submit\" class=\"main\">Add</button>\n<span "
	    "class=\"quiet\">A name that is there already gets its next "
	    "generation.</span>\n</form></section>\n", p->out);
}
