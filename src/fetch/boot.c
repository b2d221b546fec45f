/*
 * boot: unpacked while the export's lock is ours, and put in place when the
 * entry, looked at with that lock, still wants it: whoever removes the export
 * removes the entry before what boots it.
 */
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "fetch/boot.h"
#include "tool/entry.h"
#include "tool/tell.h"

/* --- is it wanted? -------------------------------------------------------- */

static int
check_record(const struct boot *b, const struct record *r, struct diag *d)
{
	if (r->kernel != NULL)
		return diag_set(d, "the entry says with kernel and initrd what "
		    "boots %s; take them out of it first", b->name);
	if (b->record != NULL && !record_fetches_same(r, b->record))
		return diag_set(d, "somebody changed what %s is to be "
		    "meanwhile", b->name);
	return 0;
}

static int
check_entry(const struct boot *b, struct diag *d)
{
	struct record r = { 0 };
	struct entry e;
	int rc = -1;

	if (entry_open(&e, b->tool, b->name, d) == -1)
		return -1;
	if (!e.existed)
		diag_set(d, "there is no export %s", b->name);
	else if (record_parse(&r, e.old.len > 0 ? e.old.data : "", e.old.len,
	    e.file, d) == 0)
		rc = check_record(b, &r, d);
	entry_close(&e);
	record_clear(&r);
	return rc;
}

/* What somebody has given is not replaced by what a catalog names. */
static int
check_old(const struct boot *b, const struct netboot_mark *old,
    struct diag *d)
{
	if (b->record != NULL && old->ref != NULL && old->source == NULL)
		return diag_set(d, "somebody has given another one meanwhile");
	return 0;
}

static bool
is_same(const struct boot *b, const struct netboot_mark *old)
{
	return old->ref != NULL && strcmp(old->ref, b->mark.ref) == 0 &&
	    old->sha256 != NULL && strcmp(old->sha256, b->bundle.sha256) ==
	    0 && text_same(old->image, b->mark.image);
}

/* --- publishing ----------------------------------------------------------- */

static int
commit(struct boot *b, struct netboot *n, struct diag *d)
{
	struct buf text;
	int rc;

	b->mark.sha256 = b->bundle.sha256;
	buf_init(&text, NETBOOT_MARK_MAX - 1);
	rc = netboot_mark_format(&b->mark, &text);
	if (rc == -1)
		diag_errno(d, "cannot note what it is of");
	else
		rc = netboot_commit(n, text.data, d);
	buf_free(&text);
	return rc;
}

/* With the lock. */
static enum boot_result
publish(struct boot *b, struct netboot *n, struct diag *d)
{
	enum boot_result result = BOOT_FAILED;
	struct netboot_mark old;

	if (bundle_unpack(&b->bundle, d) == -1)
		return BOOT_FAILED;
	netboot_owner(n->artifactsfd, b->name, &old);
	if (check_entry(b, d) == -1 || check_old(b, &old, d) == -1)
		result = BOOT_FAILED;
	else if (is_same(b, &old) && netboot_ready(n->artifactsfd, b->name))
		result = BOOT_SAME;
	else if (commit(b, n, d) == 0)
		result = BOOT_DONE;
	netboot_mark_clear(&old);
	return result;
}

enum boot_result
boot_publish(struct boot *b, struct diag *d)
{
	enum boot_result result;
	struct netboot n;

	if (check_entry(b, d) == -1 ||
	    netboot_begin(&n, &b->tool->places, b->name, d) == -1)
		return BOOT_FAILED;
	b->bundle = (struct bundle) { .fd = b->fd, .to = &n, .stop = b->stop };
	result = publish(b, &n, d);
	netboot_end(&n);
	b->bundle.to = NULL;
	return result;
}

enum boot_result
boot_check(struct boot *b, struct diag *d)
{
	int artifactsfd = netboot_open(&b->tool->places);
	enum boot_result result = BOOT_FAILED;
	struct netboot_mark old = { 0 };

	b->bundle = (struct bundle) { .fd = b->fd, .stop = b->stop };
	if (netboot_owner(artifactsfd, b->name, &old) == NETBOOT_OPERATOR)
		diag_set(d, DATA_ARTIFACTS "/%s was not made by nbdmux; move "
		    "it away to have it made", b->name);
	else if (bundle_unpack(&b->bundle, d) == 0)
		result = is_same(b, &old) && netboot_ready(artifactsfd,
		    b->name) ? BOOT_SAME : BOOT_DONE;
	netboot_mark_clear(&old);
	if (artifactsfd != -1)
		close(artifactsfd);
	return result;
}

void
boot_tell(const struct boot *b, const char *error)
{
	struct event e;

	tell_begin(&e, b->tool, "fetch-netboot", b->name);
	json_string(&e.json, "ref", b->mark.ref);
	json_string(&e.json, "source", b->mark.source);
	if (error != NULL)
		json_string(&e.json, "error", error);
	else
		json_string(&e.json, "sha256", b->bundle.sha256);
	tell_end(&e, b->tool);
}
