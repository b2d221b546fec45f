/*
 * limits: how many connections there are, in all and per address.  Loops
 * take connections away on their own threads, so all calls are safe from any.
 */
#ifndef LOOP_LIMITS_H
#define LOOP_LIMITS_H

#include "base/diag.h"
#include "export/allow.h"

struct limits;

enum limit { LIMIT_NONE, LIMIT_TOTAL, LIMIT_ADDRESS, LIMIT_MEMORY };

struct limits *limits_new(struct diag *d);
void limits_free(struct limits *l); /* NULL is allowed */

/* Count a connection, or say which limit it would break. */
enum limit limits_enter(struct limits *l, const struct peer *p, uint64_t total,
    uint64_t per_address);
void limits_leave(struct limits *l, const struct peer *p);
uint64_t limits_total(struct limits *l);
/* Have many connections ended, and most of all, since this was last so? */
bool limits_ebb(struct limits *l);
/* How many the address of p has. */
uint64_t limits_of(struct limits *l, const struct peer *p);

#endif
