/* program: the kernel knows where this one is. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "base/program.h"

int
program_find(char path[PATH_MAX], const char *name, struct diag *d)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	strlcpy(path, self, PATH_MAX);
	slash = strrchr(path, '/');
	if (slash == NULL)
		return diag_errno(d, "cannot find %s: /proc/self/exe", name);
	slash[1] = '\0';
	if (strlcat(path, name, PATH_MAX) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return diag_errno(d, "cannot find %s", name);
	}
	return access(path, X_OK) == 0 ? 0 : diag_errno(d, "cannot run %s",
	    path);
}
