/*
 * part: written in large pieces, so that long runs of zeroes become holes
 * when the download is the image itself.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fetch/part.h"
#include "fetch/sparse.h"
#include "spool/publish.h"

#define SECTION "part"
#define BUFFER (256 * 1024)
#define SYNC_EVERY (UINT64_C(64) << 20) /* bytes a crash can take away */
#define ROOM_EVERY (UINT64_C(1) << 20)
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

#define AT(member) .offset = offsetof(struct part_facts, member)

static const struct key facts_keys[] = {
	{ .name = "source", .type = KEY_STRING, AT(source) },
	{ .name = "etag", .type = KEY_STRING, AT(etag) },
	{ .name = "modified", .type = KEY_STRING, AT(modified) },
	{ .name = "total", .type = KEY_COUNT, AT(total) },
	{ .name = "safe", .type = KEY_COUNT, AT(safe) },
	{ .name = "boot", .type = KEY_STRING, AT(boot) },
	{ 0 }
};

/* --- facts ---------------------------------------------------------------- */

static void
boot_id(char dst[64])
{
	struct buf b;

	buf_init(&b, 63);
	dst[0] = '\0';
	if (file_read(AT_FDCWD, BOOT_ID, false, &b, NULL, NULL) == 0 &&
	    b.len > 0) {
		memcpy(dst, b.data, b.len + 1);
		dst[strcspn(dst, "\n")] = '\0';
	}
	buf_free(&b);
}

/* Not synced: "safe" is only told when the bytes are. */
static int
write_facts(struct part *p, struct diag *d)
{
	struct buf b;
	int rc;

	buf_init(&b, 64 * 1024);
	rc = keys_format(facts_keys, &p->facts, SECTION, &b, d);
	if (rc == 0)
		rc = publish_file(p->imagesfd, p->facts_file, b.data, b.len,
		    0644, PUBLISH_VOLATILE, d);
	buf_free(&b);
	return rc;
}

static int
read_facts(struct part *p)
{
	struct buf b;
	int rc;

	buf_init(&b, 64 * 1024);
	rc = file_read(p->imagesfd, p->facts_file, true, &b, NULL, NULL);
	if (rc == 0)
		rc = keys_parse(facts_keys, &p->facts, SECTION,
		    b.len > 0 ? b.data : "", b.len, p->facts_file, NULL);
	buf_free(&b);
	return rc;
}

static int
set(char **where, const char *text, struct diag *d)
{
	char *copy = text != NULL ? strdup(text) : NULL;

	if (text != NULL && copy == NULL)
		return diag_errno(d, "cannot fetch");
	free(*where);
	*where = copy;
	return 0;
}

/* --- opening -------------------------------------------------------------- */

/* How much of the file is the download's: after a crash what was synced. */
static uint64_t
trusted(const struct part *p, const char *source, const char *boot)
{
	struct stat st;
	uint64_t size;

	if (p->facts.source == NULL || strcmp(p->facts.source, source) != 0 ||
	    fstat(p->fd, &st) == -1)
		return 0;
	size = (uint64_t)st.st_size;
	if (p->facts.boot == NULL || boot[0] == '\0' ||
	    strcmp(p->facts.boot, boot) != 0)
		return p->facts.safe < size ? p->facts.safe : size;
	return size;
}

static int
begin(struct part *p, const char *source, struct diag *d)
{
	char boot[64];

	boot_id(boot);
	p->buffer = malloc(BUFFER);
	if (p->buffer == NULL || keys_init(facts_keys, &p->facts, d) == -1)
		return diag_errno(d, "cannot fetch");
	if (read_facts(p) == -1) {
		keys_clear(facts_keys, &p->facts);
		keys_init(facts_keys, &p->facts, d);
	}
	p->len = trusted(p, source, boot);
	if (set(&p->facts.boot, boot[0] != '\0' ? boot : NULL, d) == -1)
		return -1;
	if (p->len == 0 && (part_restart(p, d) == -1 ||
	    set(&p->facts.source, source, d) == -1))
		return -1;
	if (ftruncate(p->fd, (off_t)p->len) == -1)
		return diag_errno(d, "cannot write %s", p->file);
	p->there = p->begun = p->len;
	return write_facts(p, d);
}

int
part_open(struct part *p, int imagesfd, const char *name, const char *source,
    struct diag *d)
{
	memset(p, 0, sizeof(*p));
	p->imagesfd = imagesfd;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	fetched_work(p->file, name, WORK_PART);
	fetched_work(p->facts_file, name, WORK_FACTS);
	p->fd = openat(imagesfd, p->file, O_RDWR | O_CREAT | O_NOFOLLOW |
	    O_CLOEXEC, 0644);
	if (p->fd == -1)
		diag_errno(d, "cannot make %s", p->file);
	else if (begin(p, source, d) == 0)
		return 0;
	part_close(p);
	return -1;
}

void
part_close(struct part *p)
{
	int saved = errno;

	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
	free(p->buffer);
	p->buffer = NULL;
	keys_clear(facts_keys, &p->facts);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	errno = saved;
}

/* --- the writer ----------------------------------------------------------- */

int
part_restart(struct part *p, struct diag *d)
{
	pthread_mutex_lock(&p->lock);
	p->epoch++;
	p->there = 0;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	p->len = p->begun = 0;
	p->used = 0;
	p->facts.safe = p->facts.total = 0;
	if (set(&p->facts.etag, NULL, d) == -1 ||
	    set(&p->facts.modified, NULL, d) == -1)
		return -1;
	return ftruncate(p->fd, 0) == 0 ? 0 : diag_errno(d, "cannot write %s",
	    p->file);
}

int
part_describe(struct part *p, const char *etag, const char *modified,
    uint64_t total, struct diag *d)
{
	p->facts.total = total;
	if (set(&p->facts.etag, etag, d) == -1 ||
	    set(&p->facts.modified, modified, d) == -1)
		return -1;
	return write_facts(p, d);
}

bool
part_resumable(const struct part *p)
{
	return p->len > 0 && (p->facts.modified != NULL ||
	    (p->facts.etag != NULL && p->facts.etag[0] == '"'));
}

static int
sync_some(struct part *p, struct diag *d)
{
	if (p->there - p->facts.safe < SYNC_EVERY)
		return 0;
	if (fdatasync(p->fd) == -1)
		return diag_errno(d, "cannot write %s", p->file);
	p->facts.safe = p->there;
	return write_facts(p, d);
}

int
part_flush(struct part *p, struct diag *d)
{
	uint64_t at = p->len - p->used;

	if (p->used == 0)
		return 0;
	if ((at / ROOM_EVERY != p->len / ROOM_EVERY || at == 0) &&
	    sparse_room(p->fd, 0, d) == -1)
		return -1;
	if (sparse_write(p->fd, p->buffer, p->used, at) == -1 ||
	    sparse_end(p->fd, p->len) == -1)
		return diag_errno(d, "cannot write %s", p->file);
	p->used = 0;
	pthread_mutex_lock(&p->lock);
	p->there = p->len;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	return sync_some(p, d);
}

int
part_write(struct part *p, const void *data, size_t len, struct diag *d)
{
	const char *at = data;

	while (len > 0) {
		size_t n = BUFFER - p->used < len ? BUFFER - p->used : len;

		memcpy(p->buffer + p->used, at, n);
		p->used += n;
		p->len += n;
		at += n;
		len -= n;
		if (p->used == BUFFER && part_flush(p, d) == -1)
			return -1;
	}
	return 0;
}

void
part_end(struct part *p)
{
	pthread_mutex_lock(&p->lock);
	p->ended = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
}

/* --- the reader ----------------------------------------------------------- */

/* Wait until there is something; how much may be read, 0: look why. */
static size_t
await_bytes(struct part *p, unsigned epoch, uint64_t offset, size_t size,
    enum part_read *why)
{
	size_t n = 0;

	pthread_mutex_lock(&p->lock);
	while (!p->aborted && p->epoch == epoch && p->there <= offset &&
	    !p->ended)
		pthread_cond_wait(&p->more, &p->lock);
	if (p->aborted)
		*why = PART_ABORTED;
	else if (p->epoch != epoch)
		*why = PART_ANEW;
	else if (p->there <= offset)
		*why = PART_END;
	else
		n = p->there - offset < size ? (size_t)(p->there - offset) :
		    size;
	pthread_mutex_unlock(&p->lock);
	return n;
}

enum part_read
part_read(struct part *p, unsigned epoch, uint64_t offset, void *dst,
    size_t size, size_t *got)
{
	enum part_read why = PART_DATA;
	size_t n = await_bytes(p, epoch, offset, size, &why);
	ssize_t rc;

	*got = 0;
	if (n == 0)
		return why;
	while ((rc = pread(p->fd, dst, n, (off_t)offset)) == -1)
		if (errno != EINTR)
			return PART_ERROR;
	/* It was cut off just now. */
	if (rc == 0)
		return part_epoch(p) != epoch ? PART_ANEW : PART_ERROR;
	*got = (size_t)rc;
	return PART_DATA;
}

unsigned
part_epoch(struct part *p)
{
	unsigned epoch;

	pthread_mutex_lock(&p->lock);
	epoch = p->epoch;
	pthread_mutex_unlock(&p->lock);
	return epoch;
}

void
part_abort(struct part *p)
{
	pthread_mutex_lock(&p->lock);
	p->aborted = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
}

bool
part_aborted(struct part *p)
{
	bool aborted;

	pthread_mutex_lock(&p->lock);
	aborted = p->aborted;
	pthread_mutex_unlock(&p->lock);
	return aborted;
}
