/* answer: a body in memory, or a file, behind its headers. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "http/answer.h"

/*
 * Nothing but our own style sheet and scripts: no inline ones, nothing of
 * others, and no frames of others around us.
 */
#define POLICY "default-src 'none'; style-src 'self'; script-src 'self'; " \
	"img-src 'self' data:; connect-src 'self'; form-action 'self'; " \
	"base-uri 'none'; frame-ancestors 'none'"

int
answer_init(struct answer *a)
{
	memset(a, 0, sizeof(*a));
	a->fd = -1;
	a->out = open_memstream(&a->body, &a->len);
	return a->out != NULL ? 0 : -1;
}

void
answer_free(struct answer *a)
{
	if (a->out != NULL)
		fclose(a->out);
	if (a->fd != -1)
		close(a->fd);
	free(a->body);
	memset(a, 0, sizeof(*a));
	a->fd = -1;
}

FILE *
answer_begin(struct answer *a, unsigned status, const char *type)
{
	a->status = status;
	a->type = type;
	rewind(a->out);
	return a->out;
}

void
answer_error(struct answer *a, unsigned status, const char *text)
{
	struct json j = { .out = answer_begin(a, status, ANSWER_JSON) };

	json_open(&j, NULL, '{');
	json_string(&j, "error", text);
	json_string(&j, "detail", text);
	json_close(&j, '}');
	fputc('\n', a->out);
}

void
answer_redirect(struct answer *a, const char *base, const char *path)
{
	answer_begin(a, 303, NULL);
	snprintf(a->location, sizeof(a->location), "%s%s", base, path);
}

const char *
answer_reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" }, { 204, "No Content" }, { 303, "See Other" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" },
		{ 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

static void
headers(const struct answer *a, FILE *to, unsigned long long size)
{
	fprintf(to, "Status: %u %s\r\n", a->status, answer_reason(a->status));
	if (a->type != NULL)
		fprintf(to, "Content-Type: %s\r\n", a->type);
	if (a->status != 204)
		fprintf(to, "Content-Length: %llu\r\n", size);
	if (a->location[0] != '\0')
		fprintf(to, "Location: %s\r\n", a->location);
	if (a->cookie[0] != '\0')
		fprintf(to, "Set-Cookie: %s\r\n", a->cookie);
	if (a->allow[0] != '\0')
		fprintf(to, "Allow: %s\r\n", a->allow);
	if (a->retry != 0)
		fprintf(to, "Retry-After: %u\r\n", a->retry);
	if (a->status == 401)
		fputs("WWW-Authenticate: Bearer realm=\"nbdmux\"\r\n", to);
	fputs("Cache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Referrer-Policy: same-origin\r\n"
	    "Content-Security-Policy: " POLICY "\r\n\r\n", to);
}

static int
send_file(const struct answer *a, FILE *to)
{
	unsigned long long left = a->size;
	char block[65536];
	ssize_t n;

	for (; left > 0; left -= (unsigned long long)n) {
		n = read(a->fd, block, left < sizeof(block) ? left :
		    sizeof(block));
		if (n <= 0 || fwrite(block, 1, (size_t)n, to) != (size_t)n)
			return -1;
	}
	return 0;
}

int
answer_send(struct answer *a, FILE *to, bool head)
{
	int rc = 0;

	if (a->type == NULL)
		rewind(a->out);
	if (fflush(a->out) != 0 || ferror(a->out)) {
		a->fd = -1;
		a->type = NULL;
		a->status = 503; /* no memory for the body */
		a->len = 0;
	}
	headers(a, to, a->fd != -1 ? a->size : a->len);
	if (!head && a->fd != -1)
		rc = send_file(a, to);
	else if (!head && a->len > 0)
		fwrite(a->body, 1, a->len, to);
	return fflush(to) != 0 || ferror(to) ? -1 : rc;
}
