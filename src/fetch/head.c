/* head: magic numbers, on top of those that nbdmux-add refuses. */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "fetch/head.h"
#include "tool/source.h"

/* What tool/source calls it, the entry's format, and who takes it apart. */
static const struct kind {
	const char *name, *content;
	enum head_kind kind;
	const char *driver;
} kinds[] = {
	{ "gzip", "img.gz", HEAD_FILTER, NULL },
	{ "xz", "img.xz", HEAD_FILTER, NULL },
	{ "zstd", "img.zst", HEAD_FILTER, NULL },
	{ "bzip2", "img.bz2", HEAD_FILTER, NULL },
	{ "lz4", "img.lz4", HEAD_FILTER, NULL },
	{ "qcow2", "qcow2", HEAD_DISK, "qcow2" },
	{ "QED", "", HEAD_DISK, "qed" },
	{ "VMDK", "vmdk", HEAD_DISK, "vmdk" },
	{ "VHDX", "vhdx", HEAD_DISK, "vhdx" },
	{ "VHD", "vhd", HEAD_DISK, "vpc" },
	{ "VDI", "vdi", HEAD_DISK, "vdi" },
};

/* What servers send that is no image at all. */
static const struct {
	size_t offset;
	const char *magic, *what;
} others[] = {
	{ 0, "<!doctype", "a web page" },
	{ 0, "<html", "a web page" },
	{ 0, "<!--", "a web page" },
	{ 0, "<?xml", "an XML document" },
	{ 0, "PK\3\4", "a zip archive" },
	{ 0, "7z\xbc\xaf\x27\x1c", "a 7z archive" },
	{ 0, "Rar!", "a RAR archive" },
	{ 0, "-----BEGIN PGP", "a PGP message" },
	{ 257, "ustar", "a tar archive" },
	{ 0, "# Disk Descript", "the description of a VMDK image in other "
	    "files" },
	{ 0, "COWD", "an old VMDK image" },
};

/* How much of it is before the first letter of a text, as of web pages. */
static size_t
lead(const char *data, size_t len)
{
	size_t n = len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	while (n < len && data[n] != '\0' && strchr(" \t\r\n", data[n]) != NULL)
		n++;
	return n;
}

static int
check_others(const char *data, size_t len, struct diag *d)
{
	size_t skip = lead(data, len);

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		size_t n = strlen(others[i].magic), at = others[i].offset;

		if (others[i].magic[0] == '<')
			at = skip;
		if (len >= at + n && strncasecmp(data + at, others[i].magic,
		    n) == 0)
			return diag_set(d, "it is %s, not a disk image",
			    others[i].what);
	}
	return 0;
}

static bool
none(const unsigned char *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n == 0;
}

/*
 * An image that is a part of what its maker has in other files.  Looking at it
 * with qemu-img opens these, whatever they are.
 */
static bool
is_part(const char *driver, const unsigned char *p, size_t len)
{
	if (len < HEAD_SIZE)
		return false; /* not even a header */
	if (strcmp(driver, "qcow2") == 0) /* backing file, external data */
		return !none(p + 8, 8) || (p[7] >= 3 && (p[79] & 4) != 0);
	if (strcmp(driver, "qed") == 0)
		return (p[16] & 1) != 0;
	if (strcmp(driver, "vmdk") == 0) /* no capacity: a description's */
		return none(p + 12, 8);
	return false;
}

static const struct kind *
find(const void *data, size_t len)
{
	const char *name = source_format(data, len);

	for (const struct kind *k = kinds; name != NULL &&
	    k < kinds + sizeof(kinds) / sizeof(*kinds); k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

int
head_part(const char *what, struct diag *d)
{
	return diag_set(d, "it is %s that names another file, of which it is "
	    "only a part; convert it to one that is whole", what);
}

int
head_inside(const void *data, size_t len, enum head_kind *kind,
    const char **driver, struct diag *d)
{
	const struct kind *k = find(data, len);

	if (len == 0)
		return diag_set(d, "it is empty");
	/* Also of what qemu-img would take: it would look for these files. */
	if ((k == NULL || k->kind == HEAD_DISK) &&
	    check_others(data, len, d) == -1)
		return -1;
	if (k != NULL && k->kind == HEAD_DISK && is_part(k->driver, data, len))
		return head_part(k->name, d);
	*kind = k != NULL ? k->kind : HEAD_RAW;
	*driver = k != NULL ? k->driver : NULL;
	return 0;
}

int
head_look(const void *data, size_t len, unsigned content,
    enum head_kind *kind, const char **driver, struct diag *d)
{
	const struct kind *k = find(data, len);
	const char *wanted = record_content_names[content];

	*kind = HEAD_RAW;
	*driver = NULL;
	if (content == CONTENT_RAW)
		return len > 0 ? 0 : diag_set(d, "it is empty");
	if (head_inside(data, len, kind, driver, d) == -1)
		return -1;
	if (content != CONTENT_AUTO && strcmp(wanted, k != NULL ? k->content :
	    "img") != 0)
		return diag_set(d, "it is %s, not %s as \"format\" says",
		    k != NULL ? k->name : "a raw disk image", wanted);
	return 0;
}

/* Frame_Content_Size of RFC 8878, 3.1.1.1. */
uint64_t
head_size(const void *data, size_t len)
{
	static const size_t dictionary[] = { 0, 1, 2, 4 };
	static const size_t sizes[] = { 0, 2, 4, 8 };
	const unsigned char *p = data;
	size_t n, at;
	uint64_t size = 0;
	bool single;

	if (len < 18 || memcmp(p, "\x28\xb5\x2f\xfd", 4) != 0)
		return 0;
	single = (p[4] & 0x20) != 0;
	n = sizes[p[4] >> 6];
	if (n == 0 && single)
		n = 1;
	at = 5 + (single ? 0 : 1) + dictionary[p[4] & 3];
	for (size_t i = n; i > 0; i--)
		size = size << 8 | p[at + i - 1];
	return n == 2 ? size + 256 : size;
}
