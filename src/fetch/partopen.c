/*
 * partopen: what an earlier process has left of a download, and how much of
 * that can be believed.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fetch/partpriv.h"
#include "spool/publish.h"

#define SECTION "part"
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

int
part_write_facts(struct part *p, struct diag *d)
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

int
part_set(char **where, const char *text, struct diag *d)
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
	p->buffer = malloc(PART_BUFFER);
	if (p->buffer == NULL || keys_init(facts_keys, &p->facts, d) == -1)
		return diag_errno(d, "cannot fetch");
	if (read_facts(p) == -1) {
		keys_clear(facts_keys, &p->facts);
		keys_init(facts_keys, &p->facts, d);
	}
	p->len = trusted(p, source, boot);
	if (part_set(&p->facts.boot, boot[0] != '\0' ? boot : NULL, d) == -1)
		return -1;
	if (p->len == 0 && (part_restart(p, d) == -1 ||
	    part_set(&p->facts.source, source, d) == -1))
		return -1;
	if (ftruncate(p->fd, (off_t)p->len) == -1)
		return diag_errno(d, "cannot write %s", p->file);
	p->there = p->begun = p->len;
	return part_write_facts(p, d);
}

int
part_open(struct part *p, int imagesfd, const char *name, enum part_kind kind,
    const char *source, struct diag *d)
{
	memset(p, 0, sizeof(*p));
	p->imagesfd = imagesfd;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	fetched_work(p->file, name, kind == PART_IMAGE ? WORK_PART :
	    WORK_BUNDLE);
	fetched_work(p->facts_file, name, kind == PART_IMAGE ? WORK_FACTS :
	    WORK_BUNDLE_FACTS);
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
