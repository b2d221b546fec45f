/* listenopen: sockets for the addresses of the configuration. */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "base/log.h"
#include "base/text.h"
#include "loop/listenpriv.h"

/* What the walk along the list needs. */
struct opening {
	struct listeners *listeners;
	struct passed *passed;
	const struct sock_access *access;
};

/* fd is the listener's then, also on failure. */
static struct listener *
add(struct listeners *l, int fd, struct diag *d)
{
	struct listener *k, *list = reallocarray(l->list, l->count + 1,
	    sizeof(*list));

	if (list == NULL) {
		close(fd);
		diag_errno(d, "cannot listen");
		return NULL;
	}
	l->list = list;
	k = &l->list[l->count++];
	memset(k, 0, sizeof(*k));
	k->fd = fd;
	sock_text(fd, k->text);
	return k;
}

/* Remember the file that we made: at the end it may be another's. */
static void
own_file(struct listener *k, const struct listen_addr *a)
{
	struct stat st;

	if (a->kind != LISTEN_UNIX || a->path[0] == '@' ||
	    lstat(a->path, &st) == -1)
		return;
	strlcpy(k->path, a->path, sizeof(k->path));
	k->dev = st.st_dev;
	k->ino = st.st_ino;
}

static int
add_own(struct opening *o, const struct listen_addr *a, struct diag *d)
{
	struct listener *k;
	int fd = sock_open(a, o->access, d);

	if (fd == -1)
		return -1;
	k = add(o->listeners, fd, d);
	if (k == NULL)
		return -1;
	own_file(k, a);
	return 0;
}

static bool
wildcard(const struct listen_addr *a)
{
	return a->kind == LISTEN_TCP && (strcmp(a->host, "::") == 0 ||
	    strcmp(a->host, "0.0.0.0") == 0);
}

/* A wildcard of a family that the machine has not got is no error. */
static int
add_family(struct opening *o, const struct listen_addr *a, struct diag *d)
{
	if (add_own(o, a, d) == 0)
		return 0;
	if (wildcard(a) && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
		log_info("listen", "%s", d->text);
		return 0;
	}
	return -1;
}

/* Without a host both wildcards are meant. */
static int
add_tcp(struct opening *o, struct listen_addr *a, struct diag *d)
{
	if (a->host[0] != '\0')
		return add_family(o, a, d);
	strlcpy(a->host, "::", sizeof(a->host));
	if (add_family(o, a, d) == -1)
		return -1;
	strlcpy(a->host, "0.0.0.0", sizeof(a->host));
	return add_family(o, a, d);
}

static int
none_passed(const struct opening *o, const char *name, struct diag *d)
{
	struct buf b;

	if (o->passed->count == 0)
		return diag_set(d, "cannot listen on systemd%s%s: the service "
		    "manager passed no sockets; start nbdmuxd through its "
		    ".socket unit", name[0] != '\0' ? ":" : "", name);
	if (name[0] == '\0')
		return 0; /* others have named them all */
	buf_init(&b, 512);
	passed_names(o->passed, &b);
	diag_set(d, "cannot listen on systemd:%s: the service manager passed "
	    "no other socket of that name; the names are %s "
	    "(FileDescriptorName=)", name, b.len > 0 ? b.data : "too long");
	buf_free(&b);
	return -1;
}

/* All that were passed and not yet taken, or those of the name. */
static int
add_passed(struct opening *o, const char *name, struct diag *d)
{
	struct passed_socket *s;
	size_t found = 0;
	int fd;

	for (size_t i = 0; i < o->passed->count; i++) {
		s = &o->passed->list[i];
		if (s->fd == -1 || (name[0] != '\0' &&
		    strcmp(s->name, name) != 0))
			continue;
		if (passed_check(s, d) == -1)
			return -1;
		fd = s->fd;
		s->fd = -1;
		if (add(o->listeners, fd, d) == NULL)
			return -1;
		found++;
	}
	return found > 0 ? 0 : none_passed(o, name, d);
}

static int
add_addr(struct opening *o, struct listen_addr *a, struct diag *d)
{
	switch (a->kind) {
	case LISTEN_TCP:
		return add_tcp(o, a, d);
	case LISTEN_SYSTEMD:
		return add_passed(o, a->path, d);
	default:
		return add_own(o, a, d);
	}
}

/* Names are told before "systemd" alone takes the rest, wherever it stands. */
static bool
is_rest(const struct listen_addr *a)
{
	return a->kind == LISTEN_SYSTEMD && a->path[0] == '\0';
}

static int
add_list(struct opening *o, const char *list, bool rest, struct diag *d)
{
	struct listen_addr a;
	const char *item;
	char text[256];
	size_t len;

	while ((item = text_item(&list, &len)) != NULL) {
		if (len >= sizeof(text))
			return diag_set(d, "listen address is too long");
		memcpy(text, item, len);
		text[len] = '\0';
		if (config_listen(&a, text, d) == -1 ||
		    (is_rest(&a) == rest && add_addr(o, &a, d) == -1))
			return -1;
	}
	return 0;
}

static int
add_all(struct opening *o, const char *list, struct diag *d)
{
	if (add_list(o, list, false, d) == -1 ||
	    add_list(o, list, true, d) == -1)
		return -1;
	if (o->listeners->count == 0)
		return diag_set(d, "no address to listen on could be opened");
	return 0;
}

static void
tell_unused(const struct passed *p)
{
	char text[SOCK_TEXT];

	for (size_t i = 0; i < p->count; i++) {
		if (p->list[i].fd == -1)
			continue;
		sock_text(p->list[i].fd, text);
		log_warning("listen", "the service manager passed the socket "
		    "%s as \"%s\", but \"listen\" does not name it; add "
		    "systemd:%s", text, p->list[i].name, p->list[i].name);
	}
}

struct listeners *
listeners_open(const char *list, struct passed *passed,
    const struct sock_access *access, struct diag *d)
{
	struct listeners *l = calloc(1, sizeof(*l));
	struct opening o = { l, passed, access };

	if (l == NULL) {
		diag_errno(d, "cannot listen");
		return NULL;
	}
	if (add_all(&o, list, d) == -1) {
		listeners_free(l);
		return NULL;
	}
	tell_unused(passed);
	passed_free(passed);
	return l;
}

static void
remove_file(const struct listener *k)
{
	struct stat st;

	if (k->path[0] != '\0' && lstat(k->path, &st) == 0 &&
	    st.st_dev == k->dev && st.st_ino == k->ino)
		unlink(k->path);
}

void
listeners_close(struct listeners *l)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->list[i].fd == -1)
			continue;
		/* Before the close: a stale socket may be replaced at once. */
		remove_file(&l->list[i]);
		close(l->list[i].fd);
		l->list[i].fd = -1;
	}
}

void
listeners_free(struct listeners *l)
{
	if (l == NULL)
		return;
	listeners_close(l);
	free(l->list);
	free(l);
}

int
listeners_text(const struct listeners *l, struct buf *b)
{
	for (size_t i = 0; i < l->count; i++)
		if (buf_addf(b, "%s%s", i > 0 ? ", " : "",
		    l->list[i].text) == -1)
			return -1;
	return 0;
}
