/*
 * record: the keys of an export's file, and what they must say together.
 * The table is the format: reader, writer, options and manual follow it.
 */
#include <string.h>

#include "spool/recordpriv.h"
#include "spool/url.h"

/* The protocol's rules on block sizes. */
#define BLOCK_MIN_MAX 65536
#define BLOCK_PREFERRED_MIN 512
#define BLOCK_PREFERRED 4096
#define BLOCK_MAX (32 * 1024 * 1024)

const char *const mode_names[] = { "ro", "rw", "cow", NULL };

const char *const record_tls_names[] = { "optional", "require", NULL };

const char *const record_content_names[] = { "auto", "raw", "img", "img.gz",
	"img.xz", "img.zst", "img.bz2", "img.lz4", "qcow2", "vmdk", "vdi",
	"vhd", "vhdx", NULL };

const struct key record_keys[] = {
	{ .name = "image", .type = KEY_STRING,
	    .offset = offsetof(struct record, image),
	    .check = record_check_image, .flags = KEY_FILLED, .arg = "PATH",
	    .help = "file or block device to serve, an absolute path" },
	{ .name = "description", .type = KEY_STRING,
	    .offset = offsetof(struct record, description),
	    .check = record_check_description, .flags = KEY_UTF8, .arg = "TEXT",
	    .help = "shown in listings and sent to clients" },
	{ .name = "mode", .type = KEY_ENUM,
	    .offset = offsetof(struct record, mode), .value = "ro",
	    .choices = mode_names, .check = record_check_mode, .arg = "ro|rw",
	    .help = "whether clients may only read, or read and write" },
	{ .name = "block-min", .type = KEY_SIZE,
	    .offset = offsetof(struct record, block_min),
	    .min = 1, .max = BLOCK_MIN_MAX, .check = record_check_power,
	    .arg = "SIZE",
	    .help = "smallest block that clients may address (1)" },
	{ .name = "block-preferred", .type = KEY_SIZE,
	    .offset = offsetof(struct record, block_preferred),
	    .min = BLOCK_PREFERRED_MIN, .max = BLOCK_MAX,
	    .check = record_check_power, .arg = "SIZE",
	    .help = "block size that serves clients best" },
	{ .name = "block-max", .type = KEY_SIZE,
	    .offset = offsetof(struct record, block_max),
	    .min = BLOCK_PREFERRED_MIN, .max = BLOCK_MAX, .arg = "SIZE",
	    .help = "longest read or write that clients may send (32M)" },
	{ .name = "max-clients", .type = KEY_COUNT,
	    .offset = offsetof(struct record, max_clients),
	    .min = 0, .max = 1000000, .arg = "COUNT",
	    .help = "most clients at a time, 0 for any number" },
	{ .name = "exclusive", .type = KEY_BOOL,
	    .offset = offsetof(struct record, exclusive),
	    .value = "no", .arg = "yes|no",
	    .help = "one client at a time; one that is dead is replaced" },
	{ .name = "allow", .type = KEY_LIST,
	    .offset = offsetof(struct record, allow),
	    .check = record_check_allow, .flags = KEY_FILLED,
	    .arg = "CIDR|cn:NAME|psk:USER,...",
	    .help = "addresses, networks and identities that may connect" },
	{ .name = "tls", .type = KEY_ENUM,
	    .offset = offsetof(struct record, tls), .value = "optional",
	    .choices = record_tls_names, .arg = "optional|require",
	    .help = "whether clients must encrypt" },
	{ .name = "source", .type = KEY_STRING,
	    .offset = offsetof(struct record, source),
	    .check = url_check, .flags = KEY_FILLED | KEY_BESIDE, .arg = "URL",
	    .help = "where the image is fetched from" },
	{ .name = "sha256", .type = KEY_STRING,
	    .offset = offsetof(struct record, sha256),
	    .check = record_check_sha256, .flags = KEY_FILLED | KEY_BESIDE,
	    .arg = "HEX|FILE",
	    .help = "SHA-256 of what is fetched, or the list beside it" },
	{ .name = "sha512", .type = KEY_STRING,
	    .offset = offsetof(struct record, sha512),
	    .check = record_check_sha512, .flags = KEY_FILLED | KEY_BESIDE,
	    .arg = "HEX|FILE",
	    .help = "SHA-512 of what is fetched, or the list beside it" },
	{ .name = "format", .type = KEY_ENUM,
	    .offset = offsetof(struct record, format), .value = "auto",
	    .flags = KEY_BESIDE,
	    .choices = record_content_names, .arg = "FORMAT",
	    .help = "what is fetched, by default as its bytes say" },
	{ .name = "kernel", .type = KEY_STRING,
	    .offset = offsetof(struct record, kernel),
	    .check = record_check_path, .flags = KEY_FILLED | KEY_BESIDE,
	    .arg = "PATH", .help = "kernel that boots with the image" },
	{ .name = "initrd", .type = KEY_STRING,
	    .offset = offsetof(struct record, initrd),
	    .check = record_check_path, .flags = KEY_FILLED | KEY_BESIDE,
	    .arg = "PATH", .help = "initial RAM disk that boots with the image" },
	{ .name = "cmdline", .type = KEY_STRING,
	    .offset = offsetof(struct record, cmdline),
	    .check = record_check_cmdline, .flags = KEY_FILLED | KEY_BESIDE |
	    KEY_UTF8, .arg = "TEXT", .help = "more for the kernel's command line" },

	{ .name = "partition", .flags = KEY_LATER, .arg = "NUMBER|root",
	    .help = "serve only this partition of the image" },
	{ .name = "alias", .flags = KEY_LATER, .arg = "NAME",
	    .help = "serve another export under this name" },
	{ .name = "expires", .flags = KEY_LATER, .arg = "TIME",
	    .help = "when the export removes itself" },
	{ 0 }
};

void
record_init(struct record *r)
{
	memset(r, 0, sizeof(*r));
	keys_init(record_keys, r, NULL);
}

void
record_clear(struct record *r)
{
	keys_clear(record_keys, r);
}

bool
record_equal(const struct record *a, const struct record *b)
{
	return keys_equal(record_keys, a, b);
}

static bool
same_values(const struct record *a, const struct record *b, const char *names)
{
	struct key one[2] = { { 0 }, { 0 } };

	for (const struct key *k = record_keys; k->name != NULL; k++) {
		one[0] = *k;
		if ((names != NULL ? strstr(names, k->name) != NULL :
		    !(k->flags & KEY_BESIDE)) && !keys_equal(one, a, b))
			return false;
	}
	return true;
}

bool
record_serves_same(const struct record *a, const struct record *b)
{
	return same_values(a, b, NULL);
}

bool
record_fetches_same(const struct record *a, const struct record *b)
{
	return same_values(a, b, "source sha256 sha512 format");
}

int
record_copy(struct record *dst, const struct record *src)
{
	return keys_copy(record_keys, dst, src);
}

/*
 * An export that says nothing gets the specification's defaults; the
 * preferred size follows a larger minimum and a smaller maximum.
 */
void
record_blocks(const struct record *r, struct record_blocks *b)
{
	b->min = r->block_min != 0 ? r->block_min : 1;
	b->max = r->block_max != 0 ? r->block_max : BLOCK_MAX;
	b->preferred = r->block_preferred;
	if (b->preferred != 0)
		return;
	b->preferred = BLOCK_PREFERRED;
	while (b->preferred > b->max && b->preferred > BLOCK_PREFERRED_MIN)
		b->preferred /= 2;
	if (b->preferred < b->min)
		b->preferred = b->min;
}

/* proto.md, "Size constraints". */
static int
check_blocks(const struct record_blocks *b, struct diag *d)
{
	if (!record_is_power(b->min) || b->min > BLOCK_MIN_MAX)
		return diag_set(d, "block-min is %llu; it must be a power of "
		    "two up to %d", (unsigned long long)b->min, BLOCK_MIN_MAX);
	if (!record_is_power(b->preferred) ||
	    b->preferred < BLOCK_PREFERRED_MIN)
		return diag_set(d, "block-preferred is %llu; it must be a "
		    "power of two from %d", (unsigned long long)b->preferred,
		    BLOCK_PREFERRED_MIN);
	if (b->preferred < b->min)
		return diag_set(d, "block-preferred (%llu) is smaller than "
		    "block-min (%llu)", (unsigned long long)b->preferred,
		    (unsigned long long)b->min);
	if (b->max < b->preferred)
		return diag_set(d, "block-max (%llu) is smaller than "
		    "block-preferred (%llu)", (unsigned long long)b->max,
		    (unsigned long long)b->preferred);
	if (b->max > BLOCK_MAX)
		return diag_set(d, "block-max is %llu; the most is %d",
		    (unsigned long long)b->max, BLOCK_MAX);
	if (b->max % b->min != 0)
		return diag_set(d, "block-max (%llu) is not a multiple of "
		    "block-min (%llu)", (unsigned long long)b->max,
		    (unsigned long long)b->min);
	return 0;
}

int
record_check(const struct record *r, struct diag *d)
{
	struct record_blocks b;

	if ((r->image == NULL || r->image[0] == '\0') && r->source == NULL)
		return diag_set(d, "there is no image; write image = and the "
		    "absolute path of a file or block device, or source = and "
		    "a URL");
	if (r->source == NULL && (r->sha256 != NULL || r->sha512 != NULL ||
	    r->format != CONTENT_AUTO))
		return diag_set(d, "\"%s\" is of what is fetched, and there "
		    "is no source; write source = and a URL", r->sha256 != NULL
		    ? "sha256" : r->sha512 != NULL ? "sha512" : "format");
	if ((r->kernel == NULL) != (r->initrd == NULL))
		return diag_set(d, "there is a%s; write both, or none, for "
		    "they boot together", r->kernel != NULL ? " kernel and no "
		    "initrd" : "n initrd and no kernel");
	record_blocks(r, &b);
	return check_blocks(&b, d);
}

int
record_parse(struct record *r, const char *text, size_t len, const char *file,
    struct diag *d)
{
	record_init(r);
	if (keys_parse(record_keys, r, RECORD_SECTION, text, len, file, d) ==
	    -1)
		goto bad;
	if (record_check(r, d) == -1) {
		diag_prefix(d, "%s", file);
		goto bad;
	}
	return 0;
bad:
	record_clear(r);
	return -1;
}

int
record_format(const struct record *r, struct buf *b, struct diag *d)
{
	if (record_check(r, d) == -1)
		return -1;
	return keys_format(record_keys, r, RECORD_SECTION, b, d);
}
