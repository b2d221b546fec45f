/* check: what a deployment lacks, seen as the web server's user. */
#ifndef HTTP_CHECK_H
#define HTTP_CHECK_H

#include "http/http.h"

#define CHECK_USER "www-data"

/*
 * A line for each thing on standard output.  Started by root it becomes user
 * first.  TOOL_OK when nothing is missing, else TOOL_FAILED.
 */
int check_run(struct http *h, const char *user);

#endif
