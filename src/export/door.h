/*
 * door: the addresses that some export or other may be for, so that a client
 * which all would refuse is told from the others when it connects, without a
 * look at each export.  Immutable.
 */
#ifndef EXPORT_DOOR_H
#define EXPORT_DOOR_H

#include "export/registry.h"

struct door;

/*
 * Of the exports of a catalog, each with a list of addresses.  NULL: somebody
 * may come from anywhere, or memory ran out.
 */
struct door *door_new(const struct catalog *c);
void door_free(struct door *d); /* NULL is allowed */

/* An export that has failed, and one without a list, may be for anybody. */
bool door_needs_none(const struct generation *g);

bool door_lets_in(const struct door *d, const struct peer *p);

#endif
