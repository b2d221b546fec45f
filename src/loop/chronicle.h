/* chronicle: what the daemon has to tell, as events; see nbdmux-events(8). */
#ifndef LOOP_CHRONICLE_H
#define LOOP_CHRONICLE_H

#include "export/registry.h"
#include "loop/recorder.h"

struct conn;

/*
 * The first look at the spool is one event, with how many exports there are:
 * ten thousand that were there before are no news.
 */
void chronicle_started(struct recorder *r, const struct changes *changes);
void chronicle_stopped(struct recorder *r);

/* A key of the configuration, as it was and as it is written. */
struct setting_change {
	const char *name, *from, *to; /* "": not set */
	bool restart;                 /* until then the old value stays */
};
void chronicle_setting(struct recorder *r, const struct setting_change *c);

void chronicle_change(struct recorder *r, const struct change *c);

/*
 * A client has entered an export, or has gone; who never entered one is not
 * told of.  c->logged: whether it is one of those that the rate of the log
 * allows; the others are counted.
 */
void chronicle_connected(struct recorder *r, const struct conn *c,
    const struct generation *g);
void chronicle_ended(struct recorder *r, const struct conn *c,
    const struct stats_counters *n, const char *reason);

#endif
