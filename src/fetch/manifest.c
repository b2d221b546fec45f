/* manifest: those who make bundles put the sums at different places. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "fetch/manifest.h"

static int
check_sum(const json_t *value, enum netboot_file file,
    const struct manifest_file *f, struct diag *d)
{
	const char *text = json_string_value(value);

	if (text == NULL)
		return diag_set(d, "manifest.json: the SHA-256 of %s is no "
		    "string", netboot_names[file]);
	if (strncmp(text, "sha256:", 7) == 0)
		text += 7;
	if (strcasecmp(text, f->sha256) == 0)
		return 0;
	return diag_set(d, "manifest.json says that the SHA-256 of %s is "
	    "%.80s, but it is %s", netboot_names[file], text, f->sha256);
}

static int
check_size(const json_t *value, enum netboot_file file,
    const struct manifest_file *f, struct diag *d)
{
	if (json_is_integer(value) && json_integer_value(value) >= 0 &&
	    (uint64_t)json_integer_value(value) == f->size)
		return 0;
	return diag_set(d, "manifest.json says another size of %s than the "
	    "%" PRIu64 " bytes that it has", netboot_names[file], f->size);
}

/* value is what stands below the file's name, if anything does. */
static int
check_file(const json_t *value, enum netboot_file file,
    const struct manifest_file *f, struct diag *d)
{
	const json_t *sum, *size;

	if (json_is_string(value) && strlen(json_string_value(value)) ==
	    DIGEST_SHA256)
		return check_sum(value, file, f, d);
	if (!json_is_object(value))
		return 0;
	sum = json_object_get(value, "sha256");
	size = json_object_get(value, "size");
	if (sum != NULL && check_sum(sum, file, f, d) == -1)
		return -1;
	return size == NULL ? 0 : check_size(size, file, f, d);
}

static int
check_files(const json_t *place, const struct manifest_file *files,
    struct diag *d)
{
	for (unsigned i = 0; i < NETBOOT_MANIFEST; i++)
		if (check_file(json_object_get(place, netboot_names[i]),
		    (enum netboot_file)i, &files[i], d) == -1)
			return -1;
	return 0;
}

int
manifest_check(const char *text, size_t len,
    const struct manifest_file files[NETBOOT_MANIFEST], struct diag *d)
{
	json_error_t error;
	json_t *top = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	int rc = 0;

	if (top == NULL)
		return diag_set(d, "manifest.json is no JSON: %s, in line %d",
		    error.text, error.line);
	if (!json_is_object(top))
		rc = diag_set(d, "manifest.json is no JSON object");
	else if (check_files(top, files, d) == -1 ||
	    check_files(json_object_get(top, "sha256"), files, d) == -1 ||
	    check_files(json_object_get(top, "files"), files, d) == -1)
		rc = -1;
	json_decref(top);
	return rc;
}
