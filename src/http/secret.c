/* secret: the first request makes it, the others of that moment take it. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#include "base/file.h"
#include "http/secret.h"

#define BYTES 32
#define SHORTEST 16 /* of one that is pinned */

static int
read_it(int dirfd, struct buf *b, struct diag *d)
{
	struct stat st;

	if (file_read(dirfd, SECRET_FILE, true, b, &st, d) != 0)
		return -1;
	if ((st.st_mode & 077) != 0 || b->len < 2 * BYTES) {
		errno = EINVAL;
		return diag_set(d, "%s is %s; remove it, and a new one is "
		    "made", SECRET_FILE, (st.st_mode & 077) != 0 ?
		    "not ours alone (its mode is to be 0600)" : "too short");
	}
	return 0;
}

/* Under its name only when it is whole, and only if there is none yet. */
static int
make(int dirfd, struct diag *d)
{
	unsigned char bytes[BYTES];
	char text[2 * BYTES + 2], temp[64];
	int fd, rc = -1;

	arc4random_buf(bytes, sizeof(bytes));
	for (size_t i = 0; i < BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	text[2 * BYTES] = '\n';
	snprintf(temp, sizeof(temp), ".%s.%ld.%08x", SECRET_FILE,
	    (long)getpid(), (unsigned)arc4random());
	fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd != -1 && file_write_all(fd, text, 2 * BYTES + 1) == 0 &&
	    fsync(fd) == 0 && (linkat(dirfd, temp, dirfd, SECRET_FILE, 0) ==
	    0 || errno == EEXIST))
		rc = 0;
	else
		diag_errno(d, "cannot keep the session secret");
	if (fd != -1) {
		unlinkat(dirfd, temp, 0);
		close(fd);
	}
	explicit_bzero(text, sizeof(text));
	return rc;
}

int
secret_get(int dirfd, const struct diag *why, struct buf *b, struct diag *d)
{
	const char *pinned = getenv("NBDMUX_SESSION_SECRET");

	if (pinned != NULL && pinned[0] != '\0') {
		if (strlen(pinned) < SHORTEST)
			return diag_set(d, "NBDMUX_SESSION_SECRET is shorter "
			    "than %d characters", SHORTEST);
		return buf_add(b, pinned, strlen(pinned));
	}
	if (dirfd == -1)
		return diag_set(d, "there is no place for the session secret: "
		    "%s", why->text);
	if (read_it(dirfd, b, d) == 0)
		return 0;
	if (errno != ENOENT || make(dirfd, d) != 0)
		return -1;
	buf_reset(b);
	return read_it(dirfd, b, d);
}
