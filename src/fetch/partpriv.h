/* partpriv: what the files of part share. */
#ifndef FETCH_PARTPRIV_H
#define FETCH_PARTPRIV_H

#include "fetch/part.h"

#define PART_BUFFER (256 * 1024)

/* Not synced: "safe" is only told when the bytes are. */
int part_write_facts(struct part *p, struct diag *d);

/* Replace one of the facts' strings; NULL is none. */
int part_set(char **where, const char *text, struct diag *d);

#endif
