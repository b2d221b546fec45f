/* sock: addresses of the configuration -> sockets -> text. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <linux/vm_sockets.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "base/file.h"
#include "base/text.h"
#include "loop/peer.h"
#include "loop/sock.h"

#define LISTEN_BACKLOG 4096

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_vm vm;
	struct sockaddr_storage ss;
};

/* "@name" is in the abstract namespace: a NUL in front and none behind. */
static socklen_t
unix_address(struct sockaddr_un *un, const char *path)
{
	un->sun_family = AF_UNIX;
	strlcpy(un->sun_path, path, sizeof(un->sun_path));
	if (path[0] != '@')
		return sizeof(*un);
	un->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(path));
}

static socklen_t
vsock_address(struct sockaddr_vm *vm, const struct listen_addr *a)
{
	vm->svm_family = AF_VSOCK;
	vm->svm_cid = a->cid;
	vm->svm_port = a->port == 0 ? VMADDR_PORT_ANY : a->port;
	return sizeof(*vm);
}

static socklen_t
tcp_address(union address *u, const struct listen_addr *a)
{
	if (inet_pton(AF_INET, a->host, &u->in.sin_addr) == 1) {
		u->in.sin_family = AF_INET;
		u->in.sin_port = htons((uint16_t)a->port);
		return sizeof(u->in);
	}
	inet_pton(AF_INET6, a->host, &u->in6.sin6_addr);
	u->in6.sin6_family = AF_INET6;
	u->in6.sin6_port = htons((uint16_t)a->port);
	return sizeof(u->in6);
}

static socklen_t
address_of(union address *u, const struct listen_addr *a)
{
	memset(u, 0, sizeof(*u));
	switch (a->kind) {
	case LISTEN_UNIX:
		return unix_address(&u->un, a->path);
	case LISTEN_VSOCK:
		return vsock_address(&u->vm, a);
	default:
		return tcp_address(u, a);
	}
}

/*
 * A unix socket that nobody answers on was left by a process that died.  A
 * file that is no socket refuses connections with the same error.
 */
static bool
stale(const union address *u)
{
	struct stat st;
	bool refused;
	int fd;

	if (lstat(u->un.sun_path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return false;
	refused = connect(fd, &u->sa, sizeof(u->un)) == -1 &&
	    errno == ECONNREFUSED;
	close(fd);
	return refused;
}

/* The umask makes the mode: there is no moment with another one. */
static int
bind_path(int fd, const union address *u, socklen_t len,
    const struct sock_access *access)
{
	mode_t before = umask(0777 & ~access->mode);
	int rc = bind(fd, &u->sa, len);

	if (rc == -1 && errno == EADDRINUSE) {
		if (stale(u)) {
			unlink(u->un.sun_path);
			rc = bind(fd, &u->sa, len);
		} else {
			errno = EADDRINUSE;
		}
	}
	umask(before);
	return rc;
}

/* Nobody can connect yet: that takes listen(2). */
static int
own_path(const union address *u, const struct sock_access *access)
{
	if (access->uid == (uid_t)-1 && access->gid == (gid_t)-1)
		return 0;
	return fchownat(AT_FDCWD, u->un.sun_path, access->uid, access->gid,
	    AT_SYMLINK_NOFOLLOW);
}

static int
bind_unix(int fd, const union address *u, socklen_t len,
    const struct sock_access *access)
{
	int error;

	if (u->un.sun_path[0] == '\0')
		return bind(fd, &u->sa, len);
	if (bind_path(fd, u, len, access) == -1)
		return -1;
	if (own_path(u, access) == 0)
		return 0;
	error = errno;
	unlink(u->un.sun_path);
	errno = error;
	return -1;
}

static int
bind_socket(int fd, const union address *u, socklen_t len,
    const struct sock_access *access)
{
	int on = 1;

	if (u->sa.sa_family == AF_UNIX)
		return bind_unix(fd, u, len, access);
	if (u->sa.sa_family != AF_VSOCK)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (u->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return bind(fd, &u->sa, len);
}

static int
failed(const struct listen_addr *a, struct diag *d)
{
	switch (a->kind) {
	case LISTEN_UNIX:
		return diag_errno(d, "cannot listen on unix:%s", a->path);
	case LISTEN_VSOCK:
		if (errno == EAFNOSUPPORT || errno == ENODEV)
			return diag_set(d, "cannot listen on vsock port %u: "
			    "this kernel has no vsock; load the module "
			    "vhost_vsock on a host of virtual machines, "
			    "vmw_vsock_virtio_transport in one", a->port);
		return diag_errno(d, "cannot listen on vsock port %u",
		    a->port);
	default:
		return diag_errno(d, "cannot listen on %s port %u", a->host,
		    a->port);
	}
}

int
sock_open(const struct listen_addr *a, const struct sock_access *access,
    struct diag *d)
{
	union address u;
	socklen_t len = address_of(&u, a);
	int fd = socket(u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);

	if (fd != -1 && bind_socket(fd, &u, len, access) == 0 &&
	    listen(fd, LISTEN_BACKLOG) == 0)
		return fd;
	if (fd != -1)
		file_close(fd);
	return failed(a, d);
}

/* Whoever passes a socket may call it what "listen" cannot say. */
static bool
sayable(const char *path, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)path[i] <= ' ' || path[i] == 0x7f ||
		    path[i] == ',')
			return false;
	return len > 0 && text_utf8(path, len);
}

static void
unix_text(const struct sockaddr_un *un, socklen_t len, char text[SOCK_TEXT])
{
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t n = len > head ? len - head : 0;
	bool abstract = n > 0 && un->sun_path[0] == '\0';
	const char *path = un->sun_path + abstract;

	n = abstract ? n - 1 : strnlen(path, n);
	if (sayable(path, n))
		snprintf(text, SOCK_TEXT, "unix:%s%.*s", abstract ? "@" : "",
		    (int)n, path);
	else
		strlcpy(text, "systemd", SOCK_TEXT);
}

/*
 * The CID by which a virtual machine is known to its host.  A host is 2 to all
 * of its own, as is taken for granted where none is told.
 */
static unsigned
own_cid(void)
{
	unsigned cid = VMADDR_CID_ANY;
	int fd = open("/dev/vsock", O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return VMADDR_CID_ANY;
	if (ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) == -1 ||
	    cid <= VMADDR_CID_HOST)
		cid = VMADDR_CID_ANY;
	close(fd);
	return cid;
}

static void
vsock_text(const struct sockaddr_vm *vm, char text[SOCK_TEXT])
{
	unsigned cid = vm->svm_cid == VMADDR_CID_ANY ? own_cid() :
	    vm->svm_cid;

	if (cid == VMADDR_CID_ANY)
		snprintf(text, SOCK_TEXT, "vsock:%u", vm->svm_port);
	else
		snprintf(text, SOCK_TEXT, "vsock:%u:%u", cid, vm->svm_port);
}

/* Of what was bound: port 0 has become a real one. */
void
sock_text(int fd, char text[SOCK_TEXT])
{
	union address u;
	socklen_t len = sizeof(u);
	struct peer p;

	memset(&u, 0, sizeof(u));
	getsockname(fd, &u.sa, &len);
	switch (u.sa.sa_family) {
	case AF_UNIX:
		unix_text(&u.un, len, text);
		break;
	case AF_VSOCK:
		vsock_text(&u.vm, text);
		break;
	default:
		peer_from(&p, &u.ss);
		strlcpy(text, p.text, SOCK_TEXT);
		break;
	}
}

int
sock_option(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == -1 ? -1 :
	                                                             value;
}
