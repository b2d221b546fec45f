/* daemontest: nbdmuxd -t, all that the daemon would find wrong at its start. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "export/registry.h"
#include "loop/daemon.h"
#include "loop/privilege.h"
#include "loop/settings.h"
#include "spool/view.h"

static int
test_spool(const struct daemon_options *o, struct registry *r, size_t *count,
    struct diag *d)
{
	int fd = open(o->places.spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct changes changes = { 0 };
	struct view *v = NULL;
	int bad = 0;

	if (fd == -1)
		return diag_errno(d, "cannot open the spool %s",
		    o->places.spool);
	if (view_read(fd, NULL, &v, d) == -1 ||
	    registry_apply(r, v, &changes, d) == -1)
		bad = -1;
	close(fd);
	for (size_t i = 0; i < changes.count; i++) {
		*count += !changes.list[i].state.builtin;
		if (changes.list[i].state.error == NULL)
			continue;
		fprintf(stderr, "nbdmuxd: export \"%s\" in %s: %s\n",
		    changes.list[i].name, o->places.spool,
		    changes.list[i].state.error);
		bad++;
	}
	changes_free(&changes);
	view_free(v);
	return bad;
}

static void
nothing(void *arg)
{
	(void)arg;
}

/* As the user that the daemon would be: it must be able to read the images. */
static int
become_user(struct settings *st, struct diag *d)
{
	struct sock_access access;
	struct identity id;

	if (privilege_find(&id, &st->config, d) == -1 ||
	    privilege_sockets(&access, &st->config, &id, d) == -1)
		return -1;
	privilege_raise_descriptors();
	if (privilege_drop(&id, d) == -1)
		return -1;
	return settings_secure(st, d);
}

static int
test_all(const struct daemon_options *o, struct settings *st, size_t *count,
    struct diag *d)
{
	struct registry_options ro;
	struct registry *r;
	int bad;

	if (st == NULL || become_user(st, d) == -1)
		return -1;
	ro = settings_registry(st);
	r = registry_new(&ro, NULL, nothing, NULL, d);
	if (r == NULL)
		return -1;
	bad = test_spool(o, r, count, d);
	registry_free(r);
	return bad;
}

int
daemon_test(const struct daemon_options *o)
{
	struct diag d = { "" };
	size_t count = 0;
	struct settings *st = settings_load(o, &d);
	int bad = test_all(o, st, &count, &d);

	settings_unref(st);
	if (bad == -1)
		fprintf(stderr, "nbdmuxd: the test failed: %s\n", d.text);
	else if (bad > 0)
		fprintf(stderr, "nbdmuxd: %d of %zu exports cannot be served\n",
		    bad, count);
	else
		printf("nbdmuxd: the configuration and %zu exports in %s are "
		    "good\n", count, o->places.spool);
	return bad == 0 ? 0 : 1;
}
