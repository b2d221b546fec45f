/* source: what kind of file an image is, by its first bytes. */
#include <sys/stat.h>

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "tool/source.h"

/*
 * Formats that are not a disk's own bytes.  A raw disk starts with a boot
 * sector or a file system, none of which begins with these.
 */
static const struct format {
	const char *name;
	const char *command; /* what converts it: %1 the file, %2 the result */
	const char *suffix;  /* of the result */
	size_t offset, len;
	const char *magic;
} formats[] = {
#define CONVERT "qemu-img convert -O raw %1 %2"
	{ "qcow2", CONVERT, ".raw", 0, 4, "QFI\xfb" },
	{ "QED", CONVERT, ".raw", 0, 4, "QED\0" },
	{ "VMDK", CONVERT, ".raw", 0, 4, "KDMV" },
	{ "VMDK", CONVERT, ".raw", 0, 4, "COWD" },
	{ "VMDK", CONVERT, ".raw", 0, 21, "# Disk DescriptorFile" },
	{ "VHDX", CONVERT, ".raw", 0, 8, "vhdxfile" },
	{ "VHD", CONVERT, ".raw", 0, 8, "conectix" },
	{ "VDI", CONVERT, ".raw", 64, 4, "\x7f\x10\xda\xbe" },
	{ "gzip", "gzip -d -c %1 > %2", "", 0, 3, "\x1f\x8b\x08" },
	{ "xz", "xz -d -c %1 > %2", "", 0, 6, "\xfd" "7zXZ\0" },
	{ "zstd", "zstd -d %1 -o %2", "", 0, 4, "\x28\xb5\x2f\xfd" },
	/* pzstd begins with a frame that is to be skipped. */
	{ "zstd", "zstd -d %1 -o %2", "", 0, 4, "\x50\x2a\x4d\x18" },
	{ "lz4", "lz4 -d %1 %2", "", 0, 4, "\x04\x22\x4d\x18" },
	{ "lz4", "lz4 -d %1 %2", "", 0, 4, "\x02\x21\x4c\x18" }, /* -l */
	{ "bzip2", "bzip2 -d -c %1 > %2", "", 4, 6, "1AY&SY" },
#undef CONVERT
};
#define FORMATS (sizeof(formats) / sizeof(formats[0]))

static const struct format *
format_of(const unsigned char *head, size_t len)
{
	for (const struct format *f = formats; f < formats + FORMATS; f++)
		if (len >= f->offset + f->len &&
		    memcmp(head + f->offset, f->magic, f->len) == 0)
			return f;
	return NULL;
}

const char *
source_format(const void *head, size_t len)
{
	const struct format *f = format_of(head, len);

	return f != NULL ? f->name : NULL;
}

/* --- the command that would help ------------------------------------------ */

/* A word of a shell command, quoted when it has to be. */
static void
shell_word(char *dst, size_t size, const char *text)
{
	size_t used = 0;

	if (text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_-+:,@%=")] == '\0') {
		strlcpy(dst, text, size);
		return;
	}
	dst[used++] = '\'';
	for (; *text != '\0' && used + 6 < size; text++) {
		if (*text == '\'') {
			memcpy(dst + used, "'\\''", 4);
			used += 4;
		} else
			dst[used++] = *text;
	}
	dst[used++] = '\'';
	dst[used] = '\0';
}

/* "disk.qcow2" -> "disk.raw"; "disk.img.gz" -> "disk.img". */
static void
result_name(char *dst, size_t size, const char *path, const struct format *f)
{
	const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	size_t stem = dot != NULL && dot > base ? (size_t)(dot - path) :
	    strlen(path);

	snprintf(dst, size, "%.*s%s", (int)stem, path, f->suffix);
	if (strcmp(dst, path) == 0)
		strlcat(dst, ".raw", size);
}

static int
not_raw(const char *path, const struct format *f, struct diag *d)
{
	char from[512], to[512], name[512];
	char command[1100] = "";

	result_name(name, sizeof(name), path, f);
	shell_word(from, sizeof(from), path);
	shell_word(to, sizeof(to), name);
	for (const char *c = f->command; *c != '\0'; c++) {
		char one[2] = { *c, '\0' };

		if (*c == '%')
			strlcat(command, *++c == '1' ? from : to,
			    sizeof(command));
		else
			strlcat(command, one, sizeof(command));
	}
	return diag_set(d, "%s is %s, not a raw disk image; convert it with: "
	    "%s (or serve its bytes as they are with --raw)", path, f->name,
	    command);
}

/* --- looking -------------------------------------------------------------- */

static int
look_at_file(int fd, const char *path, bool raw, struct diag *d)
{
	unsigned char head[SOURCE_HEAD];
	const struct format *f;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return diag_errno(d, "cannot look at %s", path);
	if (S_ISDIR(st.st_mode))
		return diag_set(d, "%s is a directory; name an image file in "
		    "it or a block device", path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return diag_set(d, "%s is neither a regular file nor a block "
		    "device", path);
	if ((n = pread(fd, head, sizeof(head), 0)) == -1)
		return diag_errno(d, "cannot read %s", path);
	if (n == 0)
		return diag_set(d, "%s is empty; a disk needs a size (truncate "
		    "-s 1G %s makes a blank one)", path, path);
	if (!raw && (f = format_of(head, (size_t)n)) != NULL)
		return not_raw(path, f, d);
	return 0;
}

int
source_look(const char *path, bool raw, struct diag *d)
{
	/* Non-blocking, so that a FIFO cannot hold us. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int result;

	if (fd == -1 && (errno == EACCES || errno == EPERM))
		return diag_errno(d, "cannot read %s (the daemon must be able "
		    "to, too)", path);
	if (fd == -1)
		return diag_errno(d, "cannot open %s", path);
	result = look_at_file(fd, path, raw, d);
	close(fd);
	return result;
}

/* --- paths ---------------------------------------------------------------- */

static bool
is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 &&
	    (len == 1 || path[len] == '/');
}

bool
source_within(const char *list, const char *path)
{
	char real[PATH_MAX], dir[PATH_MAX], item[PATH_MAX];
	const char *cursor = list, *one;
	size_t len;

	if (list == NULL || realpath(path, real) == NULL)
		return list == NULL || errno == EACCES;
	while ((one = text_item(&cursor, &len)) != NULL) {
		if (len >= sizeof(item))
			continue;
		memcpy(item, one, len);
		item[len] = '\0';
		if (realpath(item, dir) != NULL && is_below(real, dir))
			return true;
	}
	return false;
}

/* "memory:1G", "nbd://host/x": a scheme, and no file of that name. */
static bool
is_other_kind(const char *image)
{
	size_t n = strspn(image, "abcdefghijklmnopqrstuvwxyz+");

	return n > 0 && image[n] == ':' && access(image, F_OK) != 0;
}

char *
source_absolute(const char *image, struct diag *d)
{
	char *cwd, *path = NULL;

	if (image[0] == '/' || is_other_kind(image)) {
		if ((path = strdup(image)) == NULL)
			diag_errno(d, "cannot name %s", image);
		return path;
	}
	while (strncmp(image, "./", 2) == 0)
		image += 1 + strspn(image + 1, "/");
	if ((cwd = getcwd(NULL, 0)) == NULL) {
		diag_errno(d, "cannot tell the working directory; give an "
		    "absolute path instead of %s", image);
		return NULL;
	}
	if (asprintf(&path, "%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd,
	    image) == -1) {
		diag_errno(d, "cannot name %s", image);
		path = NULL;
	}
	free(cwd);
	return path;
}
