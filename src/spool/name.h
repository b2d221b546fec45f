/* name: what an export may be called, and the file that holds it. */
#ifndef SPOOL_NAME_H
#define SPOOL_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

#define NAME_MAX_LEN 64
#define NAME_SIZE (NAME_MAX_LEN + 1)
#define NAME_FILE_SIZE (NAME_MAX_LEN + sizeof(".ini"))

/* [A-Za-z0-9][A-Za-z0-9._-]{0,63}.  The second says what is wrong: 0 or -1. */
bool name_valid(const char *name);
int name_check(const char *name, struct diag *d);

/* "disk" -> "disk.ini" */
void name_to_file(char file[NAME_FILE_SIZE], const char *name);

/*
 * "disk.ini" -> "disk" (suffix ".ini"), or false when the file does not
 * count: another suffix, a temporary file, an editor's backup.
 */
bool name_from_file(char name[NAME_SIZE], const char *file, const char *suffix);

#endif
