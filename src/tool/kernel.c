/* kernel: copies and their sums first, then the manifest that has them. */
#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "spool/config.h"
#include "spool/netboot.h"
#include "tool/kernel.h"
#include "tool/source.h"

#define PIECE (256 * 1024)

struct copied {
	uint64_t size;
	char sha256[SHA256_DIGEST_STRING_LENGTH];
};

/* --- looking -------------------------------------------------------------- */

static int
open_source(const char *path, struct diag *d)
{
	struct stat st;
	int fd = file_open_regular(AT_FDCWD, path, false, &st, d);

	if (fd == -1)
		return -1;
	if (st.st_size == 0)
		diag_set(d, "%s is empty", path);
	else if ((uint64_t)st.st_size > NETBOOT_MOST)
		diag_set(d, "%s is larger than 4G", path);
	else
		return fd;
	close(fd);
	return -1;
}

static int
look(const char *path, const char *dirs, struct diag *d)
{
	int fd = open_source(path, d);

	if (fd == -1)
		return -1;
	close(fd);
	if (source_within(dirs, path))
		return 0;
	return diag_set(d, "%s is in none of the directories that images must "
	    "be in (image-dirs)", path);
}

int
kernel_look(const struct tool *t, const struct record *r, struct diag *d)
{
	struct config c;
	int rc;

	if (r->kernel == NULL || r->initrd == NULL)
		return 0;
	config_init(&c);
	rc = config_read(&c, t->places.conf, t->places.conf_given, d);
	if (rc == 0 && (look(r->kernel, c.image_dirs, d) == -1 ||
	    look(r->initrd, c.image_dirs, d) == -1))
		rc = -1;
	config_clear(&c);
	return rc;
}

/* --- publishing ----------------------------------------------------------- */

static int
copy_bytes(int from, int to, char *piece, struct copied *c, struct diag *d)
{
	SHA2_CTX sum;
	ssize_t n;

	SHA256Init(&sum);
	while ((n = read(from, piece, PIECE)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return diag_errno(d, "cannot read it");
		c->size += (uint64_t)n;
		if (c->size > NETBOOT_MOST)
			return diag_set(d, "it is larger than 4G");
		SHA256Update(&sum, (const uint8_t *)piece, (size_t)n);
		if (file_write_all(to, piece, (size_t)n) == -1)
			return diag_errno(d, "cannot copy it to "
			    DATA_ARTIFACTS);
	}
	SHA256End(&sum, c->sha256);
	return 0;
}

static int
copy_fd(struct netboot *n, enum netboot_file file, int from, struct copied *c,
    struct diag *d)
{
	char *piece = malloc(PIECE);
	int to = piece != NULL ? netboot_create(n, file, d) : -1, rc = -1;

	if (piece == NULL)
		diag_errno(d, "cannot copy it");
	if (to != -1) {
		rc = copy_bytes(from, to, piece, c, d);
		if (netboot_close(n, file, to, rc == 0 ? d : NULL) == -1)
			rc = -1;
	}
	free(piece);
	return rc;
}

static int
copy(struct netboot *n, enum netboot_file file, const char *path,
    struct copied *c, struct diag *d)
{
	int from = open_source(path, d), rc;

	if (from == -1)
		return -1;
	rc = copy_fd(n, file, from, c, d);
	close(from);
	return rc == 0 ? 0 : diag_prefix(d, "%s", path);
}

static void
put_file(struct json *j, enum netboot_file file, const struct copied *c)
{
	json_open(j, netboot_names[file], '{');
	json_number(j, "size", c->size);
	json_string(j, "sha256", c->sha256);
	json_close(j, '}');
}

static int
write_manifest(struct netboot *n, const struct record *r, uint64_t generation,
    const struct copied *c, struct diag *d)
{
	int fd = netboot_create(n, NETBOOT_MANIFEST, d), again;
	struct json j = { 0 };
	bool good;

	if (fd == -1)
		return -1;
	again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (again == -1 || (j.out = fdopen(again, "w")) == NULL) {
		diag_errno(d, "cannot write the manifest");
		if (again != -1)
			close(again);
		close(fd);
		return -1;
	}
	json_open(&j, NULL, '{');
	json_number(&j, "format", 1);
	json_string(&j, "name", n->name);
	if (generation != 0)
		json_number(&j, "generation", generation);
	else
		json_null(&j, "generation");
	json_string(&j, "cmdline", r->cmdline);
	put_file(&j, NETBOOT_KERNEL, &c[NETBOOT_KERNEL]);
	put_file(&j, NETBOOT_INITRD, &c[NETBOOT_INITRD]);
	json_close(&j, '}');
	fputc('\n', j.out);
	good = !ferror(j.out);
	if (fclose(j.out) == 0 && good)
		return netboot_close(n, NETBOOT_MANIFEST, fd, d);
	diag_errno(d, "cannot write the manifest");
	close(fd);
	return -1;
}

int
kernel_publish(const struct tool *t, const char *name,
    const struct record *r, uint64_t generation, struct diag *d)
{
	struct copied c[2] = { { 0 } };
	struct netboot n;
	int rc = -1;

	if (r->kernel == NULL || r->initrd == NULL) {
		/*
		 * The export does not need it: it was added all the same.  Of
		 * a new source nbdmux-fetch knows what boots it.
		 */
		if (netboot_remove(&t->places, name, r->source != NULL ?
		    NETBOOT_OF_KEYS : NETBOOT_NOT_GIVEN, d) == -1)
			tool_say(t, "what boots %s stays: %s", name, d->text);
		d->text[0] = '\0';
		return 0;
	}
	if (netboot_begin(&n, &t->places, name, d) == -1)
		return -1;
	if (copy(&n, NETBOOT_KERNEL, r->kernel, &c[NETBOOT_KERNEL], d) == 0 &&
	    copy(&n, NETBOOT_INITRD, r->initrd, &c[NETBOOT_INITRD], d) == 0 &&
	    write_manifest(&n, r, generation, c, d) == 0)
		rc = netboot_commit(&n, NETBOOT_KEYS, d);
	netboot_end(&n);
	return rc;
}
