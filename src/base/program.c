/* program: the kernel knows where this one is. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "base/program.h"

int
program_find(char path[PATH_MAX], const char *name, struct diag *d)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
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
