/* secret: what cookies are signed with, made once. */
#ifndef HTTP_SECRET_H
#define HTTP_SECRET_H

#include "base/buf.h"
#include "base/diag.h"

#define SECRET_FILE "secret"

/*
 * NBDMUX_SESSION_SECRET, else what is in the directory (-1: there is none, and
 * this is why), else a new one, which is put there for the next time.  Appended
 * to b.  -1 with d set.
 */
int secret_get(int dirfd, const struct diag *why, struct buf *b,
    struct diag *d);

#endif
