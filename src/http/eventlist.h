/* eventlist: the newest events, for pages and programs. */
#ifndef HTTP_EVENTLIST_H
#define HTTP_EVENTLIST_H

#include "http/http.h"
#include "tool/eventlog.h"

#define EVENTLIST_LIMIT 100  /* when nothing is said */
#define EVENTLIST_MOST 10000

/* None where there is no file yet.  0, or -1 with d set; free it. */
int eventlist_read(const struct http *h, struct eventlog *l, size_t limit,
    const char *since, struct diag *d);

#endif
