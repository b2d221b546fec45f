/* stage: who we are, where things are, and what the operator says. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fetch/stage.h"
#include "spool/config.h"
#include "spool/fetch.h"
#include "spool/url.h"

#define CACHE_ENV "NBDMUX_WITHCACHE_URL"
#define MODE_DIR 02775 /* the group's, as the data directory is */

/* --- places and user ------------------------------------------------------ */

/* Where its user has put a link, what that leads to is not given away. */
static int
give(const char *path, const struct stat *owner, struct diag *d)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int rc = 0;

	if (fd == -1)
		return errno == ENOTDIR || errno == ELOOP ? 0 :
		    diag_errno(d, "cannot open %s", path);
	if (fstat(fd, &st) == 0 && st.st_uid != owner->st_uid &&
	    fchown(fd, owner->st_uid, owner->st_gid) == -1)
		rc = diag_errno(d, "cannot give %s to its user", path);
	close(fd);
	return rc;
}

static int
make_dir(const char *path, const struct stat *owner, struct diag *d)
{
	if (file_mkdirs(path, 0755, d) == -1)
		return -1;
	return geteuid() == 0 ? give(path, owner, d) : 0;
}

/*
 * What comes from servers is no business of root's, and what it leaves behind
 * is to be the daemon's: whoever owns the data directory does it.
 */
static int
become(const struct stat *owner, struct diag *d)
{
	const struct passwd *pw;

	if (geteuid() != 0 || owner->st_uid == 0)
		return 0;
	pw = getpwuid(owner->st_uid);
	if ((pw != NULL ? initgroups(pw->pw_name, owner->st_gid) :
	    setgroups(0, NULL)) == -1 ||
	    setresgid(owner->st_gid, owner->st_gid, owner->st_gid) == -1 ||
	    setresuid(owner->st_uid, owner->st_uid, owner->st_uid) == -1)
		return diag_errno(d, "cannot become the user of the data "
		    "directory");
	return 0;
}

static int
make_below(const char *dir, const char *name, const struct stat *owner,
    struct diag *d)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return make_dir(path, owner, d);
}

/*
 * Not by the umask: who may change the spool may remove images.  Not as root,
 * either, unless it is root's: whose it is can put a link there.
 */
static void
share(const char *dir, const char *name)
{
	char path[PATH_MAX + 16];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (stat(path, &st) == 0 && st.st_uid == geteuid())
		chmod(path, MODE_DIR);
}

int
stage_prepare(struct tool *t, bool images, struct diag *d)
{
	const struct places *p = &t->places;
	struct stat owner;

	if (config_data(&t->places, d) == -1 ||
	    file_mkdirs(p->data, 0775, d) == -1)
		return -1;
	if (stat(p->data, &owner) == -1)
		return diag_errno(d, "cannot look at %s", p->data);
	if (images && (make_below(p->state, STATE_FETCH, &owner, d) == -1 ||
	    make_below(p->data, DATA_IMAGES, &owner, d) == -1))
		return -1;
	if (make_below(p->data, DATA_ARTIFACTS, &owner, d) == -1 ||
	    become(&owner, d) == -1)
		return -1;
	share(p->data, DATA_IMAGES);
	share(p->data, DATA_ARTIFACTS);
	return tool_open_spool(t, images, d);
}

/* --- settings ------------------------------------------------------------- */

void
stage_clear(struct settings_fetch *s)
{
	free(s->cache);
	free(s->from);
	free(s->image_dirs);
	memset(s, 0, sizeof(*s));
}

static int
copy(char **dst, const char *src, struct diag *d)
{
	*dst = src != NULL ? strdup(src) : NULL;
	return src == NULL || *dst != NULL ? 0 : diag_errno(d,
	    "cannot read the configuration");
}

static int
take(struct settings_fetch *s, const struct config *c, struct diag *d)
{
	const char *env = getenv(CACHE_ENV);
	bool set = env != NULL && env[0] != '\0';

	if (set && url_check_cache(env, d) == -1)
		return diag_prefix(d, CACHE_ENV);
	if (copy(&s->cache, set ? env : c->fetch_cache, d) == -1 ||
	    copy(&s->from, c->fetch_from, d) == -1 ||
	    copy(&s->image_dirs, c->image_dirs, d) == -1)
		return -1;
	return 0;
}

int
stage_settings(const struct tool *t, struct settings_fetch *s,
    struct diag *d)
{
	struct config c;
	int rc;

	memset(s, 0, sizeof(*s));
	config_init(&c);
	rc = config_read(&c, t->places.conf, t->places.conf_given, d);
	if (rc == 0)
		rc = take(s, &c, d);
	config_clear(&c);
	if (rc == -1)
		stage_clear(s);
	return rc;
}
