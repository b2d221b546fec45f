/*
 * auth: who may change things.  With a password: who knows it, or has the
 * cookie that shows that he knew it; without one: everybody.
 */
#ifndef HTTP_AUTH_H
#define HTTP_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "http/request.h"
#include "spool/config.h"

#define AUTH_COOKIE "nbdmux-token"

enum auth_verdict {
	AUTH_YES,
	AUTH_NO,    /* nothing was shown, or a cookie that is none */
	AUTH_WRONG, /* a wrong password */
	AUTH_WAIT,  /* too many of them: not looked at */
	AUTH_BROKEN /* nobody can be told from another; see error */
};

struct auth {
	bool open;        /* there is no password */
	char *password;   /* owned; NULL: open, or broken */
	char dir[PATH_MAX]; /* DATA/http */
	int dirfd;        /* -1: not opened, or it cannot be */
	struct diag dir_error;
	struct diag error; /* why it is broken; or what cannot be counted */
	unsigned wait;     /* AUTH_WAIT: s */
};

/* config may be NULL: it could not be read, for reasons in d. */
void auth_init(struct auth *a, const struct config *config, const char *data,
    const struct diag *d);
void auth_free(struct auth *a);

/* By cookie or bearer. */
enum auth_verdict auth_request(struct auth *a, const struct request *r);

/* By password. */
enum auth_verdict auth_password(struct auth *a, const char *address,
    const char *given);

/* The Set-Cookie header of who may; -1 with a->error set. */
int auth_cookie(struct auth *a, const struct request *r, char *dst,
    size_t size);
/* The one that takes it away. */
void auth_cookie_end(const struct request *r, char *dst, size_t size);

/* The directory, opened if need be; -1 with dir_error set. */
int auth_dir(struct auth *a);

/* The secret can be had; for --check.  -1 with d set. */
int auth_key_check(struct auth *a, struct diag *d);

#endif
