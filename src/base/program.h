/* program: another program of ours, which is beside this one. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include <limits.h>

#include "base/diag.h"

/* Its path, wherever this one was installed or built; -1 with d set. */
int program_find(char path[PATH_MAX], const char *name, struct diag *d);

#endif
