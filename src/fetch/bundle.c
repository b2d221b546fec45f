/* bundle: libarchive's tar and filters; where bytes go is decided here. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "fetch/bundle.h"
#include "fetch/manifest.h"
#include "fetch/member.h"
#include "fetch/sparse.h"

#define PIECE (256 * 1024)

struct unpacking {
	struct bundle *b;
	struct archive *archive;
	char *input, *piece; /* of PIECE bytes */
	struct digest digest;
	unsigned members;
	uint64_t total;      /* bytes of all members */
	bool there[NETBOOT_FILES];
	struct manifest_file files[NETBOOT_MANIFEST];
	struct buf manifest;
	struct diag *d;
};

/* --- the archive's bytes -------------------------------------------------- */

static la_ssize_t
on_read(struct archive *a, void *arg, const void **data)
{
	struct unpacking *u = arg;
	ssize_t n = -1;

	*data = u->input;
	errno = EINTR;
	while (!*u->b->stop && n == -1 && errno == EINTR)
		n = read(u->b->fd, u->input, PIECE);
	if (n == -1) {
		archive_set_error(a, errno, "%s", *u->b->stop ?
		    "interrupted" : strerror(errno));
		return -1;
	}
	digest_add(&u->digest, u->input, (size_t)n);
	u->b->bytes += (uint64_t)n;
	return n;
}

/* What is behind the archive belongs to the sum of the file. */
static int
drain(struct unpacking *u)
{
	const void *data;
	la_ssize_t n;

	while ((n = on_read(u->archive, u, &data)) > 0)
		;
	return n == 0 ? 0 : diag_set(u->d, "%s",
	    archive_error_string(u->archive));
}

static int
damaged(const struct unpacking *u)
{
	const char *why = archive_error_string(u->archive);

	return diag_set(u->d, u->members == 0 ? "it is no tar archive, or "
	    "damaged: %s" : "it is truncated or damaged: %s", why != NULL ?
	    why : "it cannot be read");
}

/* --- a member ------------------------------------------------------------- */

static int
refuse(struct unpacking *u, const char *name, const char *why)
{
	char shown[200];

	return diag_set(u->d, "its member \"%s\" %s", text_escape(shown,
	    sizeof(shown), name, strlen(name)), why);
}

static const char *
other_kind(struct archive_entry *e)
{
	if (archive_entry_hardlink(e) != NULL)
		return "is a link to another member, which no bundle has";
	switch (archive_entry_filetype(e)) {
	case AE_IFLNK:
		return "is a symbolic link, which no bundle has";
	case AE_IFCHR:
	case AE_IFBLK:
		return "is a device, which no bundle has";
	case AE_IFREG:
	case AE_IFDIR:
		return NULL;
	default:
		return "is neither a file nor a directory";
	}
}

/* One piece of a member's data: to the file, and the sum. */
static int
take_piece(struct unpacking *u, enum netboot_file file, int fd, size_t len,
    struct digest *sum)
{
	digest_add(sum, u->piece, len);
	if (file == NETBOOT_MANIFEST && buf_add(&u->manifest, u->piece, len) ==
	    -1)
		return diag_errno(u->d, "cannot read manifest.json");
	if (fd != -1 && file_write_all(fd, u->piece, len) == -1)
		return diag_errno(u->d, "cannot write %s", netboot_names[file]);
	return 0;
}

static int
copy(struct unpacking *u, enum netboot_file file, int fd, uint64_t size)
{
	char sha256[DIGEST_SIZE], unused[DIGEST_SIZE];
	struct digest sum;
	uint64_t done = 0;
	la_ssize_t n;

	digest_begin(&sum, false);
	while ((n = archive_read_data(u->archive, u->piece, PIECE)) > 0) {
		done += (uint64_t)n;
		if (done > size)
			return refuse(u, netboot_names[file], "is longer than "
			    "the archive says");
		if (take_piece(u, file, fd, (size_t)n, &sum) == -1)
			return -1;
	}
	if (n < 0 || done != size)
		return damaged(u);
	digest_end(&sum, sha256, unused);
	if (file != NETBOOT_MANIFEST) {
		u->files[file].size = size;
		memcpy(u->files[file].sha256, sha256, sizeof(sha256));
	}
	return 0;
}

static int
write_file(struct unpacking *u, enum netboot_file file, uint64_t size)
{
	int fd = netboot_create(u->b->to, file, u->d), rc;

	if (fd == -1)
		return -1;
	rc = sparse_room(fd, size, u->d);
	if (rc == 0)
		rc = copy(u, file, fd, size);
	if (netboot_close(u->b->to, file, fd, rc == 0 ? u->d : NULL) == -1)
		rc = -1;
	return rc;
}

static int
take_file(struct unpacking *u, struct archive_entry *e,
    enum netboot_file file)
{
	const char *name = netboot_names[file];
	la_int64_t size = archive_entry_size(e);

	if (archive_entry_filetype(e) == AE_IFDIR)
		return refuse(u, name, "is a directory, not a file");
	if (u->there[file])
		return refuse(u, name, "is there twice");
	if (size <= 0)
		return refuse(u, name, "is empty");
	if (file == NETBOOT_MANIFEST && size > MANIFEST_MOST)
		return refuse(u, name, "is larger than 1M");
	u->there[file] = true;
	return u->b->to != NULL ? write_file(u, file, (uint64_t)size) :
	    copy(u, file, -1, (uint64_t)size);
}

/* Also what we do not want costs time to get past. */
static int
count(struct unpacking *u, struct archive_entry *e, const char *name)
{
	la_int64_t size = archive_entry_size(e);

	if (++u->members > BUNDLE_MEMBERS)
		return diag_set(u->d, "it has more than %d members",
		    BUNDLE_MEMBERS);
	if (size < 0 || (uint64_t)size > NETBOOT_MOST)
		return refuse(u, name, "is larger than 4G");
	u->total += (uint64_t)size;
	if (u->total > BUNDLE_MOST)
		return diag_set(u->d, "it has more than 9G when unpacked");
	return 0;
}

static int
take(struct unpacking *u, struct archive_entry *e)
{
	const char *name = archive_entry_pathname(e), *kind;
	enum netboot_file file;

	if (name == NULL)
		name = archive_entry_pathname_utf8(e);
	if (name == NULL)
		name = "";
	if (count(u, e, name) == -1)
		return -1;
	kind = other_kind(e);
	if (kind != NULL)
		return refuse(u, name, kind);
	switch (member_look(name, &file)) {
	case MEMBER_FILE:
		return take_file(u, e, file);
	case MEMBER_OTHER:
		return 0;
	default:
		return refuse(u, name, "has a name that leads out of the "
		    "archive");
	}
}

/* --- all of them ---------------------------------------------------------- */

static int
take_all(struct unpacking *u)
{
	struct archive_entry *e;
	int rc;

	while ((rc = archive_read_next_header(u->archive, &e)) ==
	    ARCHIVE_OK || rc == ARCHIVE_WARN)
		if (take(u, e) == -1)
			return -1;
	if (rc != ARCHIVE_EOF)
		return damaged(u);
	if (u->members == 0)
		return diag_set(u->d, "it is empty");
	for (unsigned i = 0; i < NETBOOT_FILES; i++)
		if (!u->there[i])
			return diag_set(u->d, "it has no %s",
			    netboot_names[i]);
	return 0;
}

static int
unpack(struct unpacking *u)
{
	struct archive *a = u->archive;

	archive_read_support_filter_gzip(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_format_tar(a);
	if (archive_read_open(a, u, NULL, on_read, NULL) != ARCHIVE_OK)
		return damaged(u);
	if (take_all(u) == -1 || drain(u) == -1)
		return -1;
	return manifest_check(u->manifest.data, u->manifest.len, u->files,
	    u->d);
}

int
bundle_unpack(struct bundle *b, struct diag *d)
{
	struct unpacking u = { .b = b, .d = d, .input = malloc(PIECE),
		.piece = malloc(PIECE), .archive = archive_read_new() };
	char unused[DIGEST_SIZE];
	int rc = -1;

	b->bytes = 0;
	buf_init(&u.manifest, MANIFEST_MOST);
	digest_begin(&u.digest, false);
	if (u.input == NULL || u.piece == NULL || u.archive == NULL)
		diag_set(d, "out of memory");
	else
		rc = unpack(&u);
	digest_end(&u.digest, b->sha256, unused);
	archive_read_free(u.archive);
	buf_free(&u.manifest);
	free(u.input);
	free(u.piece);
	return rc;
}
