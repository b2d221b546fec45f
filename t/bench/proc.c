/* proc: CPU time, memory and threads of a process tree. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t/bench/proc.h"

#define CHILDREN_TEXT (64 * 1024) /* some 8,000 children */

static ssize_t
slurp(const char *path, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return (ssize_t)len;
}

/* A line "KEY: NUMBER kB" of a file of the process, in bytes; 0 without it. */
static uint64_t
kilobytes(pid_t pid, const char *file, const char *key)
{
	char path[64], text[4096], *p;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, file);
	if (slurp(path, text, sizeof(text)) <= 0 ||
	    (p = strstr(text, key)) == NULL)
		return 0;
	return strtoull(p + strlen(key), NULL, 10) * 1024;
}

/*
 * The process's own figures: fields 14 to 17, 20 and 24 of stat, proc(5).  The
 * time of children that have ended counts: the sum must not shrink when they do.
 */
static int
add_process(pid_t pid, struct proc_usage *u)
{
	unsigned long utime, stime, cutime, cstime, threads, rss;
	char path[64], text[2048], *p;
	uint64_t tick;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (slurp(path, text, sizeof(text)) <= 0)
		return -1;
	/* the name in parentheses may hold anything, so count from its end */
	if ((p = strrchr(text, ')')) == NULL)
		return -1;
	if (sscanf(p + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu"
		" %*d %*d %lu %*d %*u %*u %lu",
		&utime, &stime, &cutime, &cstime, &threads, &rss) != 6)
		return -1;
	tick = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
	u->cpu_ns += (utime + stime + cutime + cstime) * tick;
	u->rss += (uint64_t)rss * (uint64_t)sysconf(_SC_PAGESIZE);
	/* since proc_reset_peak(), if ever */
	u->peak += kilobytes(pid, "status", "\nVmHWM:");
	u->threads += (unsigned)threads;
	u->processes++;
	return 0;
}

/*
 * A child per connection runs for less than a tick of 10 ms, and a thousand of
 * them would sum up to nothing: they are read exactly.  So is their memory, or
 * the libraries that they share would be counted a thousand times.
 */
static int
add_child(pid_t pid, struct proc_usage *u)
{
	uint64_t cpu = u->cpu_ns, rss = u->rss, exact = 0, share, shared;

	if (add_process(pid, u) == -1)
		return -1;
	if (proc_cpu_exact(pid, &exact, NULL) == 0)
		u->cpu_ns = cpu + exact;
	share = kilobytes(pid, "smaps_rollup", "\nPss:");
	if (share > 0 && share < u->rss - rss) {
		shared = u->rss - rss - share;
		u->rss -= shared;
		u->peak -= shared < u->peak ? shared : u->peak;
	}
	return 0;
}

/* Children are listed per thread that made them; the peers fork in main. */
static void
add_children(pid_t pid, struct proc_usage *u)
{
	char path[64], *text, *word, *save = NULL;
	pid_t child;

	if ((text = malloc(CHILDREN_TEXT)) == NULL)
		return;
	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)pid,
	    (long)pid);
	if (slurp(path, text, CHILDREN_TEXT) > 0) {
		for (word = strtok_r(text, " ", &save); word != NULL;
		     word = strtok_r(NULL, " ", &save)) {
			child = (pid_t)strtol(word, NULL, 10);
			if (child > 0 && add_child(child, u) == 0)
				add_children(child, u);
		}
	}
	free(text);
}

int
proc_usage(pid_t pid, struct proc_usage *u, struct diag *d)
{
	memset(u, 0, sizeof(*u));
	if (add_process(pid, u) == -1)
		return diag_set(d, "no process %ld to measure", (long)pid);
	add_children(pid, u);
	return 0;
}

void
proc_reset_peak(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/clear_refs", (long)pid);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return;
	if (write(fd, "5", 1) == -1) {
		/* then it is since the process began */
	}
	close(fd);
}

int
proc_cpu_exact(pid_t pid, uint64_t *ns, struct diag *d)
{
	char path[320], text[128];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
	if ((dir = opendir(path)) == NULL)
		return diag_set(d, "no process %ld to measure", (long)pid);
	*ns = 0;
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%ld/task/%s/schedstat",
		    (long)pid, e->d_name);
		if (slurp(path, text, sizeof(text)) > 0)
			*ns += strtoull(text, NULL, 10);
	}
	closedir(dir);
	return 0;
}
