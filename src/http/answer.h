/*
 * answer: what goes back, with the headers that every answer has.  The one
 * place that knows them.
 */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define ANSWER_JSON "application/json"
#define ANSWER_HTML "text/html; charset=utf-8"
#define ANSWER_TEXT "text/plain; charset=utf-8"

struct answer {
	unsigned status;
	const char *type;     /* of the body; NULL: there is none */
	FILE *out;            /* the body goes here */
	char *body;           /* owned */
	size_t len;
	char location[1024];  /* headers, where not "" */
	char cookie[512];
	char allow[64];
	unsigned retry;       /* Retry-After in s, when not 0 */
	int fd;               /* -1; else a file that is the body */
	unsigned long long size; /* of it */
};

/* -1: no memory. */
int answer_init(struct answer *a);
void answer_free(struct answer *a);

/* Begin a body of this type, in place of what was there. */
FILE *answer_begin(struct answer *a, unsigned status, const char *type);

/* {"error": text, "detail": text}: what programs get. */
void answer_error(struct answer *a, unsigned status, const char *text);

/* 303 to a path of ours. */
void answer_redirect(struct answer *a, const char *base, const char *path);

/* The words behind a status. */
const char *answer_reason(unsigned status);

/* All of it; head: without the body.  0, or -1 when it could not be sent. */
int answer_send(struct answer *a, FILE *to, bool head);

#endif
