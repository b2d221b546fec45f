/* fetched: names, the file of facts, and which images nobody wants. */
#include <sys/stat.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/file.h"
#include "base/text.h"
#include "spool/fetched.h"
#include "spool/publish.h"

#define SECTION "image"
#define FILE_MAX (64 * 1024)

#define AT(member) .offset = offsetof(struct fetched, member)

const struct key fetched_keys[] = {
	{ .name = "format", .type = KEY_COUNT, AT(format),
	    .flags = KEY_REQUIRED, .help = "version of this format" },
	{ .name = "source", .type = KEY_STRING, AT(source),
	    .flags = KEY_REQUIRED, .help = "where it was fetched from" },
	{ .name = "sha256", .type = KEY_STRING, AT(sha256),
	    .help = "what the entry said of the download" },
	{ .name = "sha512", .type = KEY_STRING, AT(sha512),
	    .help = "what the entry said of the download" },
	{ .name = "content", .type = KEY_ENUM, AT(content), .value = "auto",
	    .choices = record_content_names,
	    .help = "the entry's format" },
	{ .name = "etag", .type = KEY_STRING, AT(etag),
	    .help = "the server's mark of this version" },
	{ .name = "modified", .type = KEY_STRING, AT(modified),
	    .help = "the server's time of this version" },
	{ .name = "digest", .type = KEY_STRING, AT(digest),
	    .help = "SHA-256 of the download" },
	{ .name = "bytes", .type = KEY_COUNT, AT(bytes),
	    .help = "bytes that were downloaded" },
	{ .name = "size", .type = KEY_COUNT, AT(size),
	    .help = "bytes of the image" },
	{ .name = "completed", .type = KEY_COUNT, AT(completed),
	    .help = "when it was complete, s since the epoch" },
	{ 0 }
};

/* --- names ---------------------------------------------------------------- */

void
fetched_dir(const struct places *p, char path[PATH_MAX])
{
	char plain[PATH_MAX + sizeof(DATA_IMAGES)];

	snprintf(plain, sizeof(plain), "%s/%s", p->data, DATA_IMAGES);
	if (realpath(plain, path) == NULL)
		strlcpy(path, plain, PATH_MAX);
}

void
fetched_file(char file[FETCHED_FILE_SIZE], const char *name, uint64_t n,
    const char *suffix)
{
	snprintf(file, FETCHED_FILE_SIZE, "%s-%" PRIu64 "%s", name, n, suffix);
}

bool
fetched_parse(const char *file, char name[NAME_SIZE], uint64_t *n,
    const char *suffix)
{
	char again[FETCHED_FILE_SIZE];
	const char *dash = strrchr(file, '-');
	size_t len = dash != NULL ? (size_t)(dash - file) : NAME_SIZE;

	if (len >= NAME_SIZE)
		return false;
	memcpy(name, file, len);
	name[len] = '\0';
	*n = strtoull(dash + 1, NULL, 10);
	fetched_file(again, name, *n, suffix);
	return *n != 0 && name_valid(name) && strcmp(again, file) == 0;
}

/* --- facts ---------------------------------------------------------------- */

void
fetched_clear(struct fetched *f)
{
	keys_clear(fetched_keys, f);
}

int
fetched_read(int imagesfd, const char *name, uint64_t n, struct fetched *f,
    struct diag *d)
{
	char file[FETCHED_FILE_SIZE];
	struct buf b;
	int rc;

	memset(f, 0, sizeof(*f));
	fetched_file(file, name, n, ".ini");
	buf_init(&b, FILE_MAX);
	rc = file_read(imagesfd, file, true, &b, NULL, d);
	if (rc == -1 && errno == ENOENT)
		rc = 0;
	else if (rc == 0)
		rc = keys_init(fetched_keys, f, d) == -1 ||
		    keys_parse(fetched_keys, f, SECTION, b.len > 0 ? b.data :
		    "", b.len, file, d) == -1 ? -1 : 1;
	buf_free(&b);
	return rc;
}

int
fetched_write(int imagesfd, const char *name, uint64_t n,
    const struct fetched *f, struct diag *d)
{
	char file[FETCHED_FILE_SIZE];
	struct buf b;
	int rc;

	fetched_file(file, name, n, ".ini");
	buf_init(&b, FILE_MAX);
	rc = keys_format(fetched_keys, f, SECTION, &b, d);
	if (rc == 0)
		rc = publish_file(imagesfd, file, b.data, b.len, 0644, 0, d);
	buf_free(&b);
	return rc;
}

bool
fetched_fits(const struct fetched *f, const struct record *r)
{
	return text_same(f->source, r->source) && text_same(f->sha256, r->sha256) &&
	    text_same(f->sha512, r->sha512) && f->content == r->format;
}

uint64_t
fetched_number(const struct record *r, const char *name, const char *dir)
{
	size_t len = strlen(dir);
	char owner[NAME_SIZE];
	uint64_t n;

	if (r->image == NULL || strncmp(r->image, dir, len) != 0 ||
	    r->image[len] != '/' || !fetched_parse(r->image + len + 1, owner,
	    &n, ".img") || strcmp(owner, name) != 0)
		return 0;
	return n;
}

bool
fetched_wanted(const struct record *r, const char *name, const char *dir)
{
	struct fetched f = { 0 };
	uint64_t n;
	bool there;
	int fd;

	if (r->source == NULL)
		return false;
	n = fetched_number(r, name, dir);
	if (n == 0 || access(r->image, F_OK) == -1)
		return true;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return true;
	there = fetched_read(fd, name, n, &f, NULL) == 1 &&
	    fetched_fits(&f, r);
	fetched_clear(&f);
	close(fd);
	return !there;
}

/* --- all of an export ----------------------------------------------------- */

static int
ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool
has(const uint64_t *list, size_t count, uint64_t n)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == n)
			return true;
	return false;
}

int
fetched_list(int imagesfd, const char *name, uint64_t **list, size_t *count,
    struct diag *d)
{
	int fd = openat(imagesfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	char owner[NAME_SIZE];
	const struct dirent *e;
	size_t room = 0;
	uint64_t n, *more;

	*list = NULL;
	*count = 0;
	if (dir == NULL) {
		file_close(fd);
		return diag_errno(d, "cannot read the directory of images");
	}
	while ((e = readdir(dir)) != NULL) {
		if ((!fetched_parse(e->d_name, owner, &n, ".img") &&
		    !fetched_parse(e->d_name, owner, &n, ".ini")) ||
		    strcmp(owner, name) != 0 || has(*list, *count, n))
			continue;
		more = array_more(*list, *count, &room, sizeof(n));
		if (more == NULL)
			break;
		*list = more;
		(*list)[(*count)++] = n;
	}
	closedir(dir);
	if (*count > 0)
		qsort(*list, *count, sizeof(n), ascending);
	return 0;
}

static bool
named(const struct view *v, const char *dir, const char *file)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dir, file) >=
	    (int)sizeof(path))
		return true;
	for (size_t i = 0; i < v->count; i++)
		if (v->entries[i]->bad || (v->entries[i]->record.image != NULL &&
		    strcmp(v->entries[i]->record.image, path) == 0))
			return true;
	return false;
}

/* An image without facts is not ours. */
static int
remove_one(int fd, const char *dir, const char *name, uint64_t n,
    const struct view *v, struct diag *d)
{
	char image[FETCHED_FILE_SIZE], facts[FETCHED_FILE_SIZE];

	fetched_file(image, name, n, ".img");
	fetched_file(facts, name, n, ".ini");
	if (named(v, dir, image) || faccessat(fd, facts, F_OK,
	    AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	if (publish_remove(fd, image, d) == -1 ||
	    publish_remove(fd, facts, d) == -1)
		return diag_prefix(d, "%s", dir);
	return 1;
}

int
fetched_remove(const char *dir, const char *name, const struct view *v,
    struct diag *d)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int gone = 0, one, rc = 0;
	uint64_t *list;
	size_t count;

	if (fd == -1)
		return errno == ENOENT ? 0 : diag_errno(d, "cannot open %s",
		    dir);
	if (fetched_list(fd, name, &list, &count, d) == -1)
		rc = -1;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		one = remove_one(fd, dir, name, list[i], v, d);
		rc = one == -1 ? -1 : 0;
		gone += one == 1;
	}
	free(list);
	close(fd);
	return rc == -1 ? -1 : gone;
}
