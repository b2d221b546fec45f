/*
 * artifacts: DATA/artifacts/NAME, what boots an export.  The web server is to
 * serve these files itself; whoever has one that does not gets them here.
 */
#ifndef HTTP_ARTIFACTS_H
#define HTTP_ARTIFACTS_H

#include "http/http.h"

/* The directory, or -1. */
int artifacts_open(const struct http *h);

#endif
