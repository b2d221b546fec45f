/* A loop device over a file, where there are privileges for one. */
#ifndef T_EXPORT_LOOPDEV_H
#define T_EXPORT_LOOPDEV_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct loopdev {
	char dev[64];
	char file[64];
};

static void
loopdev_end(struct loopdev *l)
{
	char cmd[128];

	if (l->dev[0] != '\0') {
		snprintf(cmd, sizeof cmd, "losetup -d %s", l->dev);
		if (system(cmd) != 0)
			printf("# %s failed\n", cmd);
	}
	unlink(l->file);
}

/* Over a sparse file in dir: 0, or -1 and a line that says why not. */
static int
loopdev_make(struct loopdev *l, const char *dir, size_t size)
{
	char cmd[160];
	FILE *p;
	int fd;

	memset(l, 0, sizeof *l);
	snprintf(l->file, sizeof l->file, "%s/nbdmux-export-loop-XXXXXX", dir);
	fd = mkstemp(l->file);
	if (fd == -1 || ftruncate(fd, (off_t)size) == -1)
		abort();
	close(fd);
	snprintf(cmd, sizeof cmd, "losetup --show -f %s 2>/dev/null",
	    l->file);
	p = popen(cmd, "r");
	if (p != NULL) {
		if (fgets(l->dev, sizeof l->dev, p) == NULL)
			l->dev[0] = '\0';
		l->dev[strcspn(l->dev, "\n")] = '\0';
		pclose(p);
	}
	if (l->dev[0] != '\0' && access(l->dev, R_OK | W_OK) == 0)
		return 0;
	printf("# skipped: no loop device can be made here\n");
	loopdev_end(l);
	return -1;
}

#endif
