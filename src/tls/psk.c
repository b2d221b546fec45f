/*
 * psk: users and their keys, from psktool's file: lines "USER:KEY", the key in
 * hexadecimal; a user that begins with '#' is written in hexadecimal, too.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "tls/impl.h"

#define PSK_NAME_MAX 128 /* what GnuTLS's own programs take */

static int
by_name(const void *va, const void *vb)
{
	const struct psk_user *a = va, *b = vb;
	size_t n = a->name.size < b->name.size ? a->name.size : b->name.size;
	int order = memcmp(a->name.data, b->name.data, n);

	return order != 0 ? order :
	    (a->name.size > b->name.size) - (a->name.size < b->name.size);
}

static int
unhex(gnutls_datum_t *out, const char *text, size_t len)
{
	gnutls_datum_t in = { (unsigned char *)text, (unsigned)len };

	return len == 0 || gnutls_hex_decode2(&in, out) < 0 ? -1 : 0;
}

static int
copy(gnutls_datum_t *out, const char *text, size_t len)
{
	if (len == 0 || (out->data = gnutls_malloc(len)) == NULL)
		return -1;
	memcpy(out->data, text, len);
	out->size = (unsigned)len;
	return 0;
}

static int
parse_user(struct psk_user *u, const char *line, size_t len, struct diag *d)
{
	const char *colon = memchr(line, ':', len);
	size_t name = colon != NULL ? (size_t)(colon - line) : len;
	int rc;

	if (colon == NULL)
		return diag_set(d, "there is no colon; right is USER:KEY");
	if (name > PSK_NAME_MAX)
		return diag_set(d, "the user's name has %zu bytes; the most is "
		    "%d", name, PSK_NAME_MAX);
	rc = line[0] == '#' ? unhex(&u->name, line + 1, name - 1) :
	    copy(&u->name, line, name);
	if (rc == -1)
		return diag_set(d, "there is no user before the colon");
	if (unhex(&u->key, colon + 1, len - name - 1) == -1)
		return diag_set(d, "the key is not hexadecimal; psktool(1) "
		    "makes one");
	return 0;
}

/* One line; empty ones are none. */
static int
add(struct psk_table *t, const char *line, size_t len, struct diag *d)
{
	struct psk_user *users;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0)
		return 0;
	users = reallocarray(t->users, t->count + 1, sizeof(*users));
	if (users == NULL)
		return diag_set(d, "out of memory");
	t->users = users;
	memset(&users[t->count], 0, sizeof(*users));
	return parse_user(&users[t->count++], line, len, d);
}

static int
parse(struct psk_table *t, const char *text, size_t len, const char *file,
    struct diag *d)
{
	const char *end = text + len, *next;
	size_t n;

	for (unsigned line = 1; text < end; line++, text += n + 1) {
		next = memchr(text, '\n', (size_t)(end - text));
		n = (size_t)((next != NULL ? next : end) - text);
		if (add(t, text, n, d) == -1)
			return diag_prefix(d, "%s:%u", file, line);
	}
	if (t->count == 0)
		return diag_set(d, "%s: there is no user in it; psktool(1) "
		    "adds one", file);
	qsort(t->users, t->count, sizeof(*t->users), by_name);
	for (size_t i = 1; i < t->count; i++)
		if (by_name(&t->users[i - 1], &t->users[i]) == 0)
			return diag_set(d, "%s: the user \"%.*s\" stands there "
			    "twice", file, (int)t->users[i].name.size,
			    t->users[i].name.data);
	return 0;
}

int
psk_load(struct psk_table *t, const char *file, struct diag *d)
{
	struct buf b;
	int rc;

	buf_init(&b, TLS_FILE_MAX);
	rc = file_read(AT_FDCWD, file, false, &b, NULL, d);
	if (rc == 0)
		rc = parse(t, b.data != NULL ? b.data : "", b.len, file, d);
	if (b.data != NULL)
		explicit_bzero(b.data, b.len);
	buf_free(&b);
	return rc;
}

void
psk_clear(struct psk_table *t)
{
	for (size_t i = 0; i < t->count; i++) {
		if (t->users[i].key.data != NULL)
			explicit_bzero(t->users[i].key.data,
			    t->users[i].key.size);
		gnutls_free(t->users[i].name.data);
		gnutls_free(t->users[i].key.data);
	}
	free(t->users);
	memset(t, 0, sizeof(*t));
}

/*
 * 1 says that there is no such user: GnuTLS goes on with a random key then, so
 * that nobody learns who exists.
 */
int
psk_find(gnutls_session_t session, const gnutls_datum_t *name,
    gnutls_datum_t *key)
{
	const struct tls_channel *t = gnutls_session_get_ptr(session);
	const struct psk_table *users = &t->creds->users;
	struct psk_user wanted = { .name = *name }, *u;
	char shown[200];

	u = bsearch(&wanted, users->users, users->count, sizeof(*u), by_name);
	tls_channel_blame(session, u == NULL ? "no such user in tls-psk-file: "
	    "%s" : "wrong key of the user %s", text_escape(shown,
	    sizeof(shown), name->data, name->size));
	if (u == NULL)
		return 1;
	return copy(key, (const char *)u->key.data, u->key.size);
}
