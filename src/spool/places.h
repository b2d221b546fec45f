/*
 * places: where configuration, spool and state are.  Every program honours
 * -C, -s and -S before NBDMUX_CONF, NBDMUX_SPOOL and NBDMUX_STATE before the
 * defaults.  The directories' files have these names.
 */
#ifndef SPOOL_PLACES_H
#define SPOOL_PLACES_H

#define PLACES_CONF "/etc/nbdmux/nbdmuxd.conf"
#define PLACES_SPOOL "/var/spool/nbdmux"
#define PLACES_STATE "/run/nbdmux"

#define STATE_EXPORTS "exports"    /* directory: NAME.ini, one per export */
#define STATE_DAEMON "daemon.ini"  /* what runs, and where it listens */
#define STATE_PID "nbdmuxd.pid"    /* locked while the daemon lives */
#define STATE_STATS "stats"        /* memory-mapped counters */

struct places {
	const char *conf;  /* borrowed, all of them */
	const char *spool;
	const char *state;
	int conf_given; /* a configuration that was named must exist */
};

/* The environment's, else the defaults. */
void places_init(struct places *p);

#endif
