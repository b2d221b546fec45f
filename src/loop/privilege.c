/* privilege: root becomes the daemon's user, with no way back. */
#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "base/log.h"
#include "loop/privilege.h"

#define DESCRIPTORS_WANTED 1048576

int
privilege_find(struct identity *id, const struct config *c, struct diag *d)
{
	struct passwd *pw;
	struct group *gr;

	memset(id, 0, sizeof(*id));
	if (geteuid() != 0)
		return 0;
	pw = getpwnam(c->user);
	if (pw == NULL)
		return diag_set(d, "cannot become user \"%s\": there is none; "
		    "make it with \"useradd --system %s\" (or systemd-sysusers "
		    "and the file installed for it), or set \"user\"", c->user,
		    c->user);
	id->uid = pw->pw_uid;
	id->gid = pw->pw_gid;
	strlcpy(id->user, pw->pw_name, sizeof(id->user));
	id->change = id->uid != 0;
	if (c->group == NULL)
		return 0;
	gr = getgrnam(c->group);
	if (gr == NULL)
		return diag_set(d, "cannot become group \"%s\": there is none; "
		    "make it with \"groupadd --system %s\", or set \"group\"",
		    c->group, c->group);
	id->gid = gr->gr_gid;
	return 0;
}

/* A number, or a name's; false: there is none. */
static bool
find_uid(const char *text, uid_t *uid)
{
	const char *error;
	struct passwd *pw;

	*uid = (uid_t)strtonum(text, 0, UINT32_MAX - 1, &error);
	if (error == NULL)
		return true;
	pw = getpwnam(text);
	if (pw != NULL)
		*uid = pw->pw_uid;
	return pw != NULL;
}

static bool
find_gid(const char *text, gid_t *gid)
{
	const char *error;
	struct group *gr;

	*gid = (gid_t)strtonum(text, 0, UINT32_MAX - 1, &error);
	if (error == NULL)
		return true;
	gr = getgrnam(text);
	if (gr != NULL)
		*gid = gr->gr_gid;
	return gr != NULL;
}

int
privilege_sockets(struct sock_access *a, const struct config *c,
    const struct identity *id, struct diag *d)
{
	a->mode = config_mode(c->socket_mode);
	a->uid = id->change ? id->uid : (uid_t)-1;
	a->gid = id->change ? id->gid : (gid_t)-1;
	if (c->socket_owner != NULL && !find_uid(c->socket_owner, &a->uid))
		return diag_set(d, "\"socket-owner\": there is no user \"%s\"",
		    c->socket_owner);
	if (c->socket_group != NULL && !find_gid(c->socket_group, &a->gid))
		return diag_set(d, "\"socket-group\": there is no group "
		    "\"%s\"", c->socket_group);
	return 0;
}

int
privilege_drop(const struct identity *id, struct diag *d)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!id->change)
		return 0;
	if (initgroups(id->user, id->gid) == -1 ||
	    setresgid(id->gid, id->gid, id->gid) == -1 ||
	    setresuid(id->uid, id->uid, id->uid) == -1)
		return diag_errno(d, "cannot become user \"%s\"", id->user);
	if (setuid(0) == 0)
		return diag_set(d, "cannot give root up");
	return 0;
}

void
privilege_raise_descriptors(void)
{
	struct rlimit r, more;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return;
	more.rlim_cur = more.rlim_max = r.rlim_max > DESCRIPTORS_WANTED ?
	    r.rlim_max : DESCRIPTORS_WANTED;
	if (setrlimit(RLIMIT_NOFILE, &more) == 0)
		return;
	r.rlim_cur = r.rlim_max; /* without the right to raise the hard one */
	if (setrlimit(RLIMIT_NOFILE, &r) == -1)
		log_warning("start", "cannot raise the limit of descriptors: "
		    "%s", strerror(errno));
}
