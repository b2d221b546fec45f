/* auth: the password, and what proves that somebody knew it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>

#include "base/file.h"
#include "http/auth.h"
#include "http/guard.h"
#include "http/secret.h"
#include "http/token.h"
#include "http/turn.h"
#include "spool/places.h"

#define PASSWORD_MAX 1024
#define SLOW 1 /* s, when failures cannot be counted */

/* --- the password --------------------------------------------------------- */

/* Its first line. */
static char *
read_password(const char *file, struct diag *d)
{
	struct buf b;
	char *text = NULL;

	buf_init(&b, PASSWORD_MAX);
	if (file_read(AT_FDCWD, file, false, &b, NULL, d) == 0) {
		if (b.len > 0)
			b.data[strcspn(b.data, "\r\n")] = '\0';
		if (b.len == 0 || b.data[0] == '\0')
			diag_set(d, "%s is empty; write a password in its "
			    "first line", file);
		else
			text = buf_take(&b);
	}
	buf_free(&b);
	return text;
}

void
auth_init(struct auth *a, const struct config *config, const char *data,
    const struct diag *d)
{
	const char *given = getenv("NBDMUX_ADMIN_PASSWORD");

	memset(a, 0, sizeof(*a));
	a->dirfd = -1;
	snprintf(a->dir, sizeof(a->dir), "%.*s/%s", PATH_MAX - 16, data,
	    DATA_HTTP);
	if (given != NULL && given[0] != '\0') {
		if ((a->password = strdup(given)) == NULL)
			diag_errno(&a->error, "cannot keep the password");
	} else if (config == NULL)
		a->error = *d;
	else if (config->admin_password_file == NULL)
		a->open = true;
	else
		a->password = read_password(config->admin_password_file,
		    &a->error);
	if (a->password == NULL && !a->open)
		diag_prefix(&a->error, "the admin password is not known");
}

void
auth_free(struct auth *a)
{
	if (a->password != NULL)
		explicit_bzero(a->password, strlen(a->password));
	free(a->password);
	if (a->dirfd != -1)
		close(a->dirfd);
	a->password = NULL;
	a->dirfd = -1;
}

int
auth_dir(struct auth *a)
{
	if (a->dirfd != -1)
		return a->dirfd;
	a->dirfd = open(a->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->dirfd == -1 && errno == ENOENT &&
	    file_mkdirs(a->dir, 0700, &a->dir_error) == 0)
		a->dirfd = open(a->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->dirfd == -1)
		diag_errno(&a->dir_error, "cannot open %s", a->dir);
	return a->dirfd;
}

/* --- cookies -------------------------------------------------------------- */

static int
make_key(struct auth *a, unsigned char key[TOKEN_KEY], struct diag *d)
{
	struct buf secret;
	int rc;

	buf_init(&secret, PASSWORD_MAX);
	auth_dir(a);
	rc = secret_get(a->dirfd, &a->dir_error, &secret, d);
	if (rc == 0)
		token_key(key, secret.data, secret.len, a->password != NULL ?
		    a->password : "");
	else if (a->dirfd != -1)
		diag_prefix(d, "%s", a->dir);
	if (secret.data != NULL)
		explicit_bzero(secret.data, secret.len);
	buf_free(&secret);
	return rc;
}

int
auth_key_check(struct auth *a, struct diag *d)
{
	unsigned char key[TOKEN_KEY];

	return make_key(a, key, d);
}

static bool
has_cookie(struct auth *a, const struct request *r)
{
	char token[TOKEN_SIZE];
	unsigned char key[TOKEN_KEY];

	return request_cookie(r->cookie, AUTH_COOKIE, token, sizeof(token)) &&
	    make_key(a, key, &a->error) == 0 &&
	    token_valid(token, key, (uint64_t)time(NULL));
}

static void
format_cookie(const struct request *r, const char *token, unsigned age,
    char *dst, size_t size)
{
	snprintf(dst, size, AUTH_COOKIE "=%s; Path=%s/; Max-Age=%u; HttpOnly; "
	    "SameSite=Lax%s", token, r->base, age, r->https ? "; Secure" : "");
}

int
auth_cookie(struct auth *a, const struct request *r, char *dst, size_t size)
{
	unsigned char key[TOKEN_KEY];
	char token[TOKEN_SIZE];

	if (make_key(a, key, &a->error) != 0)
		return -1;
	token_make(token, key, (uint64_t)time(NULL) + TOKEN_SECONDS);
	format_cookie(r, token, TOKEN_SECONDS, dst, size);
	return 0;
}

void
auth_cookie_end(const struct request *r, char *dst, size_t size)
{
	format_cookie(r, "", 0, dst, size);
}

/* --- deciding ------------------------------------------------------------- */

enum auth_verdict
auth_password(struct auth *a, const char *address, const char *given)
{
	enum auth_verdict verdict = AUTH_YES;
	char name[GUARD_NAME_SIZE];
	struct diag *why = &a->error;
	struct guard g;
	int wait, turn;

	if (a->open)
		return AUTH_YES;
	if (a->password == NULL)
		return AUTH_BROKEN;
	if (auth_dir(a) == -1) {
		a->error = a->dir_error;
		why = NULL;
	}
	/* Many guesses at a time are counted one after the other, too. */
	guard_name(name, address);
	turn = turn_take(a->dirfd, name);
	wait = guard_begin(&g, a->dirfd, address, why);
	if (wait > 0) {
		a->wait = (unsigned)wait;
		verdict = AUTH_WAIT;
	} else if (token_equal(given, a->password)) {
		guard_pass(&g);
	} else {
		verdict = AUTH_WRONG;
		if (guard_fail(&g, why) != 0)
			sleep(SLOW);
	}
	guard_end(&g);
	if (turn != -1)
		close(turn);
	return verdict;
}

enum auth_verdict
auth_request(struct auth *a, const struct request *r)
{
	static const char bearer[] = "Bearer ";
	const char *given = r->authorization;

	if (a->open)
		return AUTH_YES;
	if (a->password == NULL)
		return AUTH_BROKEN;
	if (strncasecmp(given, bearer, strlen(bearer)) == 0)
		return auth_password(a, r->address, given + strlen(bearer));
	return has_cookie(a, r) ? AUTH_YES : AUTH_NO;
}
