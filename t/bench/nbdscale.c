/*
 * nbdscale: the questions that t/bench/scale asks of a daemon with many
 * exports, where a shell's clock would be too coarse.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "t/bench/client.h"
#include "t/bench/proc.h"

#define POLL_NS 200000  /* between attempts: an idle daemon stays idle */
#define GIVE_UP 10.0    /* s until an export has to be visible */
#define STATE_TEXT 8192 /* of a state file, that is enough */
#define SUFFIX ".ini"

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
nap(long ns)
{
	struct timespec ts = {.tv_nsec = ns};

	nanosleep(&ts, NULL);
}

static void
target(struct target *t, const char *text)
{
	struct diag d;

	if (target_parse(t, text, &d) == -1)
		errx(2, "%s", d.text);
}

/* --- visible: from writing NAME.ini to a client that has the export ------- */

/* As nbdmux-add does it: temporary file, fsync, rename, fsync. */
static void
publish(int spool, const char *name, const char *image)
{
	char temporary[300], final[300], text[4096];
	int fd, len;

	snprintf(temporary, sizeof(temporary), ".%s.tmp", name);
	snprintf(final, sizeof(final), "%s" SUFFIX, name);
	len = snprintf(text, sizeof(text), "[export]\nimage = %s\n", image);
	fd = openat(
	    spool, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd == -1 || write(fd, text, (size_t)len) != len ||
	    fsync(fd) == -1 || close(fd) == -1 ||
	    renameat(spool, temporary, spool, final) == -1 ||
	    fsync(spool) == -1)
		err(1, "cannot write %s into the spool", final);
}

static void
wait_visible(const struct target *t, const char *name)
{
	double limit = now() + GIVE_UP;
	struct client c;
	struct diag d;
	int known;

	for (;;) {
		if (client_open(&c, t, &d) == -1)
			errx(1, "%s", d.text);
		known = client_go(&c, name, &d);
		client_close(&c);
		if (known == 0)
			return;
		if (known == -1)
			errx(1, "%s", d.text);
		if (now() > limit)
			errx(1, "export %s is not there after %.0f s", name,
			    GIVE_UP);
		nap(POLL_NS);
	}
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* TARGET SPOOL IMAGE N: median, p99 and maximum in ms. */
static int
visible(char **arg)
{
	long i, n = strtol(arg[3], NULL, 10);
	struct target t;
	char name[64];
	double *ms, start;
	int spool;

	target(&t, arg[0]);
	if (n < 1 || (ms = calloc((size_t)n, sizeof(*ms))) == NULL)
		errx(2, "%s: want a number of exports", arg[3]);
	spool = open(arg[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (spool == -1)
		err(1, "%s", arg[1]);
	for (i = 0; i < n; i++) {
		snprintf(
		    name, sizeof(name), "added-%ld-%ld", (long)getpid(), i);
		start = now();
		publish(spool, name, arg[2]);
		wait_visible(&t, name);
		ms[i] = (now() - start) * 1e3;
		nap(20000000); /* the daemon is idle again */
	}
	qsort(ms, (size_t)n, sizeof(*ms), compare);
	printf("median_ms=%.2f p99_ms=%.2f max_ms=%.2f\n", ms[n / 2],
	    ms[(n * 99 - 1) / 100], ms[n - 1]);
	close(spool);
	free(ms);
	return 0;
}

/* --- ready: until the state says so of every export ----------------------- */

static bool
is_ready(int dir, const char *file)
{
	char text[STATE_TEXT];
	ssize_t n;
	int fd;

	if ((fd = openat(dir, file, O_RDONLY | O_CLOEXEC)) == -1)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return strstr(text, "\nstatus = ready\n") != NULL;
}

/* How many state files there are, or with read how many say ready. */
static long
count_states(const char *path, bool read_them)
{
	struct dirent *e;
	long count = 0;
	size_t len;
	DIR *dir;

	if ((dir = opendir(path)) == NULL)
		return 0;
	while ((e = readdir(dir)) != NULL) {
		len = strlen(e->d_name);
		if (e->d_name[0] == '.' || len < sizeof(SUFFIX) ||
		    strcmp(e->d_name + len - strlen(SUFFIX), SUFFIX) != 0)
			continue;
		if (!read_them || is_ready(dirfd(dir), e->d_name))
			count++;
	}
	closedir(dir);
	return count;
}

/* STATE-EXPORTS N SECONDS PID: 0 once N are ready. */
static int
ready(char **arg)
{
	long n = strtol(arg[1], NULL, 10);
	double limit = now() + strtod(arg[2], NULL);
	pid_t pid = (pid_t)strtol(arg[3], NULL, 10);
	struct proc_usage u;

	/* files are only counted until there are enough of them to read */
	for (;;) {
		if (count_states(arg[0], false) >= n &&
		    count_states(arg[0], true) >= n)
			return 0;
		if (proc_usage(pid, &u, NULL) == -1)
			errx(1, "the daemon has ended");
		if (now() > limit)
			errx(1, "%ld of %ld exports are ready after %s s",
			    count_states(arg[0], true), n, arg[2]);
		nap(5000000);
	}
}

/* --- list, cost ------------------------------------------------------------
 */

/* TARGET N: the best, median of N listings in ms, and how long they are. */
static int
list(char **arg)
{
	long i, n = strtol(arg[1], NULL, 10);
	struct target t;
	struct client c;
	struct diag d;
	int64_t count = 0;
	double *ms, start;

	target(&t, arg[0]);
	if (n < 1 || (ms = calloc((size_t)n, sizeof(*ms))) == NULL)
		errx(2, "%s: want a number of listings", arg[1]);
	for (i = 0; i < n; i++) {
		if (client_open(&c, &t, &d) == -1)
			errx(1, "%s", d.text);
		start = now();
		if ((count = client_list(&c, &d)) == -1)
			errx(1, "%s", d.text);
		ms[i] = (now() - start) * 1e3;
		client_close(&c);
	}
	qsort(ms, (size_t)n, sizeof(*ms), compare);
	printf("exports=%lld median_ms=%.2f max_ms=%.2f\n", (long long)count,
	    ms[n / 2], ms[n - 1]);
	free(ms);
	return 0;
}

/* PID: CPU time so far in ns, resident memory in bytes, threads. */
static int
cost(char **arg)
{
	pid_t pid = (pid_t)strtol(arg[0], NULL, 10);
	struct proc_usage u;
	struct diag d;
	uint64_t ns;

	if (proc_usage(pid, &u, &d) == -1 || proc_cpu_exact(pid, &ns, &d) == -1)
		errx(1, "%s", d.text);
	printf("cpu_ns=%llu rss=%llu threads=%u\n", (unsigned long long)ns,
	    (unsigned long long)u.rss, u.threads);
	return 0;
}

static const struct question {
	const char *name, *args;
	int nargs;
	int (*ask)(char **);
} questions[] = {
    {"visible", "HOST:PORT SPOOL IMAGE N", 4, visible},
    {"ready", "STATE/exports N SECONDS PID", 4, ready},
    {"list", "HOST:PORT N", 2, list},
    {"cost", "PID", 1, cost},
};

int
main(int argc, char **argv)
{
	const size_t n = sizeof(questions) / sizeof(questions[0]);
	size_t i;

	for (i = 0; i < n; i++)
		if (argc > 1 && strcmp(argv[1], questions[i].name) == 0 &&
		    argc - 2 == questions[i].nargs)
			return questions[i].ask(argv + 2);
	for (i = 0; i < n; i++)
		fprintf(stderr, "%s nbdscale %s %s\n",
		    i == 0 ? "usage:" : "      ", questions[i].name,
		    questions[i].args);
	return 2;
}
