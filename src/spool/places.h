/*
 * places: where configuration, spool, state and data are.  Every program
 * honours -C, -s and -S before NBDMUX_CONF, NBDMUX_SPOOL and NBDMUX_STATE
 * before the defaults; data has no option but the daemon's key "data-dir".
 * The directories' files have these names.
 */
#ifndef SPOOL_PLACES_H
#define SPOOL_PLACES_H

#include <limits.h>
#include <stdbool.h>

#include "base/diag.h"

#define PLACES_CONF "/etc/nbdmux/nbdmuxd.conf"
#define PLACES_SPOOL "/var/spool/nbdmux"
#define PLACES_STATE "/run/nbdmux"
#define PLACES_DATA "/var/lib/nbdmux"
#define PLACES_DATA_BELOW "data" /* in a state directory of one's own */

#define STATE_EXPORTS "exports"    /* directory: NAME.ini, one per export */
#define STATE_DAEMON "daemon.ini"  /* what runs, and where it listens */
#define STATE_PID "nbdmuxd.pid"    /* locked while the daemon lives */
#define STATE_STATS "stats"        /* memory-mapped counters */

#define DATA_IMAGES "images"       /* directory: images that were fetched */
#define DATA_ARTIFACTS "artifacts" /* directory: NAME/vmlinuz, ... */
#define DATA_HTTP "http"           /* directory: the CGI program's own */

struct places {
	const char *conf;  /* borrowed, as are spool and state */
	const char *spool;
	const char *state;
	int conf_given; /* a configuration that was named must exist */
	char data[PATH_MAX]; /* what outlives a restart; "": not known yet */
};

/* The environment's, else the defaults; data only by one of these: */
void places_init(struct places *p);

/*
 * Settle data, once the others are known: NBDMUX_DATA, else what the
 * configuration says (NULL: nothing), else STATE/data when the state directory
 * is one's own, else the default.  One that is known stays.  -1 with d set:
 * too long.  config_data() reads the configuration for it.
 */
int places_data(struct places *p, const char *configured, struct diag *d);

/* Whether it takes no configuration to know it. */
bool places_data_given(const struct places *p);

#endif
