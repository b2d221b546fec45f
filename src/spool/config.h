/* config: nbdmuxd.conf, section [nbdmuxd]; every key is an option as well. */
#ifndef SPOOL_CONFIG_H
#define SPOOL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/keys.h"
#include "spool/places.h"

#define CONFIG_SECTION "nbdmuxd"
#define CONFIG_PORT 10809

enum config_tls { CONFIG_TLS_OFF, CONFIG_TLS_ON, CONFIG_TLS_REQUIRED };
enum config_verify { CONFIG_VERIFY_NO, CONFIG_VERIFY_OPTIONAL,
	CONFIG_VERIFY_REQUIRED };
enum config_log { CONFIG_LOG_STDERR, CONFIG_LOG_SYSLOG };

struct config {
	char *listen;         /* list of listen addresses */
	char *socket_mode;    /* octal */
	char *socket_owner, *socket_group; /* names or numbers, or NULL */
	uint64_t threads;     /* 0: one per CPU */
	uint64_t workers;
	uint64_t spin;        /* microseconds */
	uint64_t rescan;      /* seconds */
	char *user, *group;
	char *image_dirs;     /* list of absolute directories; NULL: anywhere */
	char *data_dir;       /* NULL: see places_data() */
	char *default_export; /* for the empty name; NULL: none */
	bool probe;           /* serve the built-in export */
	bool listing;         /* answer NBD_OPT_LIST */
	bool no_zeroes;       /* offer NBD_FLAG_NO_ZEROES */
	bool zero_copy;       /* send from the page cache without copying */
	uint64_t max_connections;
	uint64_t max_per_address;
	uint64_t max_handshakes; /* connections that have not entered yet */
	uint64_t max_requests;   /* in flight per connection */
	uint64_t max_queued;     /* bytes waiting per connection */
	uint64_t max_memory;     /* payload bytes in all */
	uint64_t max_options;    /* per handshake */
	uint64_t max_handshake;  /* bytes per handshake */
	uint64_t handshake_timeout; /* seconds, all of them */
	uint64_t keepalive;         /* a vanished client is gone after this */
	uint64_t fetches;     /* downloads at a time */
	char *fetch_from;     /* list of prefixes of URLs that strangers may
	                       * name; NULL: none */
	char *fetch_cache;    /* URL of a cache before all sources, or NULL */
	char *admin_password_file; /* of the CGI program; NULL: none */
	uint64_t drain_timeout;     /* SIGTERM waits this long for replies */
	unsigned tls;        /* enum config_tls */
	char *tls_certificate, *tls_key; /* files; NULL: none */
	char *tls_ca;        /* of the clients' certificates */
	unsigned tls_verify; /* enum config_verify */
	char *tls_psk_file;
	char *tls_priority;  /* NULL: TLS 1.2 and newer */
	unsigned log;
	unsigned log_level;
};

extern const struct key config_keys[];
extern const char *const config_tls_names[];

/* Cleared or zeroed -> defaults. */
void config_init(struct config *c);
void config_clear(struct config *c);

/*
 * Read the file over what c holds.  must_exist: a missing file is an error;
 * otherwise it means the defaults.  -1 with d "FILE:LINE: ..."; c is then to
 * be cleared.
 */
int config_read(struct config *c, const char *file, bool must_exist,
    struct diag *d);

/*
 * Settle p->data for a tool; the configuration is read if it takes that.  -1
 * with d set when it cannot be read or is wrong.
 */
int config_data(struct places *p, struct diag *d);

/* What keys say together; called after the file and the options. */
int config_check(const struct config *c, struct diag *d);
int config_check_tls(const struct config *c, struct diag *d); /* its part */

enum listen_kind {
	LISTEN_TCP,   /* "PORT", "HOST:PORT", "[IPv6]:PORT", "*:PORT" */
	LISTEN_UNIX,  /* "unix:/absolute/path", "unix:@abstract" */
	LISTEN_VSOCK, /* "vsock:PORT", "vsock:CID:PORT" */
	LISTEN_SYSTEMD /* "systemd", "systemd:NAME": sockets passed to us */
};

#define LISTEN_CID_ANY UINT32_MAX /* VMADDR_CID_ANY: all of this machine's */

/* One listen address; what its kind does not have is "" and 0. */
struct listen_addr {
	enum listen_kind kind;
	char host[64]; /* numeric; "" stands for both wildcards */
	unsigned port;
	uint32_t cid;
	char path[108]; /* unix: with the '@'; systemd: the name, or "" */
};
int config_listen(struct listen_addr *a, const char *text, struct diag *d);

/* "0660", checked before, as permission bits. */
unsigned config_mode(const char *text);

#endif
