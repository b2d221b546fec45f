/*
 * faultio: an LD_PRELOAD library that makes file calls fail, end short or take
 * long, as the file named in FAULTIO_FILE says at that moment:
 *
 *	CALL OUTCOME PATH [TIMES [AFTER]]
 *
 * CALL and PATH are shell patterns for the call's name (pread, pwritev2,
 * fdatasync, ... without a "64") and the file's path.  OUTCOME is an errno
 * ("EIO"), "short=N" (at most N bytes) or "delay=MS".  The fault comes TIMES
 * times ("*", the default: always) after AFTER calls that pass.  The first line
 * that matches wins.  Replace the file by rename: counting then starts anew.
 */
/* The plain functions are to be defined here, not their checked inlines. */
#undef _FORTIFY_SOURCE

#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RULES_MAX 32

#ifdef RWF_NOWAIT
#define NOWAIT RWF_NOWAIT
#else
#define NOWAIT 8
#endif

struct rule {
	char call[32], outcome[32], path[PATH_MAX];
	long times; /* left; LONG_MAX: always */
	long after; /* calls that still pass */
};

static struct rule rules[RULES_MAX];
static int nrules;
static struct timespec rules_time;
static ino_t rules_ino;
static pthread_mutex_t rules_lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int busy; /* our own calls pass */

static void
read_rules(FILE *f)
{
	char line[PATH_MAX + 128], times[32];
	struct rule *r;
	int n;

	nrules = 0;
	while (nrules < RULES_MAX && fgets(line, sizeof(line), f) != NULL) {
		r = &rules[nrules];
		r->after = 0;
		strcpy(times, "*");
		n = sscanf(line, "%31s %31s %4095s %31s %ld", r->call,
		    r->outcome, r->path, times, &r->after);
		if (n < 3 || *r->call == '#')
			continue;
		r->times = *times == '*' ? LONG_MAX : atol(times);
		nrules++;
	}
}

static void
refresh(void)
{
	const char *name = getenv("FAULTIO_FILE");
	struct stat st;
	FILE *f;

	if (name == NULL || stat(name, &st) == -1) {
		nrules = 0;
		return;
	}
	if (st.st_ino == rules_ino &&
	    st.st_mtim.tv_sec == rules_time.tv_sec &&
	    st.st_mtim.tv_nsec == rules_time.tv_nsec)
		return;
	if ((f = fopen(name, "re")) == NULL)
		return;
	read_rules(f);
	fclose(f);
	rules_ino = st.st_ino;
	rules_time = st.st_mtim;
}

static int
matches(const struct rule *r, const char *call, const char *path)
{
	return r->times > 0 && fnmatch(r->call, call, 0) == 0 &&
	    fnmatch(r->path, path, 0) == 0;
}

/* The outcome ordered for this call, "" for none. */
static void
look_up(const char *call, const char *path, int nowait, char outcome[32])
{
	struct rule *r;
	int i;

	*outcome = '\0';
	pthread_mutex_lock(&rules_lock);
	refresh();
	for (i = 0; i < nrules; i++) {
		r = &rules[i];
		if (!matches(r, call, path))
			continue;
		if (r->after > 0) {
			r->after--;
			break;
		}
		memcpy(outcome, r->outcome, sizeof(r->outcome));
		/* What waits is not for a caller that will not. */
		if (nowait && strncmp(outcome, "delay=", 6) == 0)
			memcpy(outcome, "EAGAIN", sizeof("EAGAIN"));
		else if (r->times != LONG_MAX)
			r->times--;
		break;
	}
	pthread_mutex_unlock(&rules_lock);
}

static int
errno_of(const char *name)
{
	const char *known;
	int e;

	for (e = 1; e < 256; e++)
		if ((known = strerrorname_np(e)) != NULL &&
		    strcmp(known, name) == 0)
			return e;
	if (strcmp(name, "ENOTSUP") == 0)
		return ENOTSUP;
	return atoi(name) > 0 ? atoi(name) : EIO;
}

static void
sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		;
}

/*
 * Whether the call is to fail: errno is set.  most: no more bytes than this
 * may be moved.
 */
static int
fault(const char *call, const char *path, int nowait, size_t *most)
{
	char outcome[32];
	int saved = errno;

	*most = SIZE_MAX;
	if (busy)
		return 0;
	busy = 1;
	look_up(call, path, nowait, outcome);
	busy = 0;
	errno = saved;
	if (*outcome == '\0')
		return 0;
	if (sscanf(outcome, "short=%zu", most) == 1)
		return 0;
	if (strncmp(outcome, "delay=", 6) == 0) {
		sleep_ms(atol(outcome + 6));
		errno = saved;
		return 0;
	}
	errno = errno_of(outcome);
	return 1;
}

static int
fault_fd(const char *call, int fd, int nowait, size_t *most)
{
	char name[64], path[PATH_MAX];
	ssize_t n;
	int saved = errno;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	errno = saved;
	/* "socket:[4711]" and the like: libev's signal handler writes there,
	 * and must not meet a lock. */
	if (path[0] != '/') {
		*most = SIZE_MAX;
		return 0;
	}
	return fault(call, path, nowait, most);
}

static void *
real(const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	if (p == NULL)
		abort();
	return p;
}
#define REAL(name) ((__typeof__(&name))real(#name))

/* A copy of the vector that is cut after so many bytes. */
static int
cut(struct iovec *out, const struct iovec *v, int n, size_t most)
{
	int i;

	for (i = 0; i < n && most > 0; i++) {
		out[i] = v[i];
		if (out[i].iov_len > most)
			out[i].iov_len = most;
		most -= out[i].iov_len;
	}
	if (i == 0 && n > 0) {
		out[0].iov_base = v[0].iov_base;
		out[0].iov_len = 0;
		i = 1;
	}
	return i;
}

/* --- the calls ----------------------------------------------------------- */

#define FLAT(func, name, buffer)                                          \
ssize_t                                                                   \
func(int fd, buffer data, size_t len, off_t offset)                       \
{                                                                         \
	size_t most;                                                      \
                                                                          \
	if (fault_fd(name, fd, 0, &most))                                 \
		return -1;                                                \
	return REAL(func)(fd, data, len < most ? len : most, offset);     \
}

#define VECTOR(func, name)                                                \
ssize_t                                                                   \
func(int fd, const struct iovec *v, int n, off_t offset)                  \
{                                                                         \
	struct iovec less[IOV_MAX];                                       \
	size_t most;                                                      \
                                                                          \
	if (fault_fd(name, fd, 0, &most))                                 \
		return -1;                                                \
	if (most == SIZE_MAX || n > IOV_MAX)                              \
		return REAL(func)(fd, v, n, offset);                      \
	return REAL(func)(fd, less, cut(less, v, n, most), offset);       \
}

#define VECTOR2(func, name)                                               \
ssize_t                                                                   \
func(int fd, const struct iovec *v, int n, off_t offset, int flags)       \
{                                                                         \
	struct iovec less[IOV_MAX];                                       \
	size_t most;                                                      \
                                                                          \
	if (fault_fd(name, fd, flags & NOWAIT, &most))                    \
		return -1;                                                \
	if (most == SIZE_MAX || n > IOV_MAX)                              \
		return REAL(func)(fd, v, n, offset, flags);               \
	return REAL(func)(fd, less, cut(less, v, n, most), offset, flags); \
}

#define SYNC(func)                                                        \
int                                                                       \
func(int fd)                                                              \
{                                                                         \
	size_t most;                                                      \
                                                                          \
	if (fault_fd(#func, fd, 0, &most))                                \
		return -1;                                                \
	return REAL(func)(fd);                                            \
}

FLAT(pread, "pread", void *)
FLAT(pread64, "pread", void *)
FLAT(pwrite, "pwrite", const void *)
FLAT(pwrite64, "pwrite", const void *)
VECTOR(preadv, "preadv")
VECTOR(preadv64, "preadv")
VECTOR(pwritev, "pwritev")
VECTOR(pwritev64, "pwritev")
VECTOR2(preadv2, "preadv2")
VECTOR2(preadv64v2, "preadv2")
VECTOR2(pwritev2, "pwritev2")
VECTOR2(pwritev64v2, "pwritev2")
SYNC(fdatasync)
SYNC(fsync)

/* What _FORTIFY_SOURCE makes of pread. */
ssize_t __pread_chk(int, void *, size_t, off_t, size_t);
ssize_t __pread64_chk(int, void *, size_t, off_t, size_t);

ssize_t
__pread_chk(int fd, void *data, size_t len, off_t offset, size_t size)
{
	if (len > size)
		abort();
	return pread(fd, data, len, offset);
}

ssize_t
__pread64_chk(int fd, void *data, size_t len, off_t offset, size_t size)
{
	return __pread_chk(fd, data, len, offset, size);
}

ssize_t
write(int fd, const void *data, size_t len)
{
	size_t most;

	if (fault_fd("write", fd, 0, &most))
		return -1;
	return REAL(write)(fd, data, len < most ? len : most);
}

/* The fault is the file's that is sent, not the socket's. */
ssize_t
sendfile(int to, int from, off_t *offset, size_t len)
{
	size_t most;

	if (fault_fd("sendfile", from, 0, &most))
		return -1;
	return REAL(sendfile)(to, from, offset, len < most ? len : most);
}

ssize_t
sendfile64(int to, int from, off64_t *offset, size_t len)
{
	return sendfile(to, from, offset, len);
}

int
fallocate(int fd, int mode, off_t offset, off_t len)
{
	size_t most;

	if (fault_fd("fallocate", fd, 0, &most))
		return -1;
	return REAL(fallocate)(fd, mode, offset, len);
}

int
fallocate64(int fd, int mode, off64_t offset, off64_t len)
{
	return fallocate(fd, mode, offset, len);
}

off_t
lseek(int fd, off_t offset, int whence)
{
	size_t most;

	if (fault_fd("lseek", fd, 0, &most))
		return -1;
	return REAL(lseek)(fd, offset, whence);
}

off64_t
lseek64(int fd, off64_t offset, int whence)
{
	return lseek(fd, offset, whence);
}

int
rename(const char *from, const char *to)
{
	size_t most;

	if (fault("rename", to, 0, &most))
		return -1;
	return REAL(rename)(from, to);
}

int
renameat(int fromfd, const char *from, int tofd, const char *to)
{
	size_t most;

	if (fault("renameat", to, 0, &most))
		return -1;
	return REAL(renameat)(fromfd, from, tofd, to);
}

/* Opening takes the path as it was given, which may be relative. */
static mode_t
mode_of(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

#define OPEN(func)                                                        \
int                                                                       \
func(const char *path, int flags, ...)                                    \
{                                                                         \
	size_t most;                                                      \
	va_list ap;                                                       \
	mode_t mode;                                                      \
                                                                          \
	va_start(ap, flags);                                              \
	mode = mode_of(flags, ap);                                        \
	va_end(ap);                                                       \
	if (fault("open", path, 0, &most))                                \
		return -1;                                                \
	return REAL(func)(path, flags, mode);                             \
}

#define OPENAT(func)                                                      \
int                                                                       \
func(int fd, const char *path, int flags, ...)                            \
{                                                                         \
	size_t most;                                                      \
	va_list ap;                                                       \
	mode_t mode;                                                      \
                                                                          \
	va_start(ap, flags);                                              \
	mode = mode_of(flags, ap);                                        \
	va_end(ap);                                                       \
	if (fault("openat", path, 0, &most))                              \
		return -1;                                                \
	return REAL(func)(fd, path, flags, mode);                         \
}

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
