/* settings: a refcounted configuration, and how it is come by. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "loop/settings.h"
#include "spool/fetched.h"

struct settings *
settings_new(struct config *c)
{
	struct settings *s = malloc(sizeof(*s));

	if (s == NULL)
		return NULL;
	atomic_init(&s->refs, 1);
	s->config = *c;
	s->tls = NULL;
	memset(c, 0, sizeof(*c));
	return s;
}

struct settings *
settings_ref(struct settings *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void
settings_unref(struct settings *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	config_clear(&s->config);
	tls_creds_unref(s->tls);
	free(s);
}

static enum session_tls
session_tls(const struct config *cf)
{
	static const enum session_tls modes[] = {
		[CONFIG_TLS_OFF] = SESSION_TLS_OFF,
		[CONFIG_TLS_ON] = SESSION_TLS_ON,
		[CONFIG_TLS_REQUIRED] = SESSION_TLS_REQUIRED,
	};

	return modes[cf->tls];
}

struct session_config
settings_session(const struct settings *s)
{
	const struct config *c = &s->config;

	return (struct session_config){
		.default_export = c->default_export,
		.listing = c->listing,
		.no_zeroes = c->no_zeroes,
		.send_files = c->zero_copy,
		.tls = session_tls(c),
		.max_options = (unsigned)c->max_options,
		.max_handshake = c->max_handshake,
		.max_requests = (unsigned)c->max_requests,
		.max_queued = c->max_queued,
	};
}

struct registry_options
settings_registry(const struct settings *s)
{
	return (struct registry_options){
		.image_dirs = s->config.image_dirs,
		.probe = s->config.probe,
		.no_tls = s->config.tls == CONFIG_TLS_OFF,
	};
}

static int
override(struct config *c, const struct daemon_options *o, struct diag *d)
{
	for (size_t i = 0; i < o->count; i++)
		if (keys_set(config_keys, c, o->overrides[i].name,
		    o->overrides[i].value, d) == -1)
			return diag_prefix(d, "option --%s",
			    o->overrides[i].name);
	if (o->verbose)
		c->log_level = LEVEL_DEBUG;
	return 0;
}

/* "" is no value that could be read: it says that there was none. */
static int
forget_listen(struct config *c, struct diag *d)
{
	free(c->listen);
	c->listen = strdup("");
	return c->listen == NULL ? diag_errno(d, "cannot read the "
	    "configuration") : 0;
}

/* Sockets that are passed are a default of their own. */
static int
default_listen(struct config *c, const struct daemon_options *o,
    struct diag *d)
{
	const char *value = o->passed ? "systemd" :
	    keys_find(config_keys, "listen")->value;

	if (c->listen == NULL || c->listen[0] != '\0')
		return 0;
	return keys_set(config_keys, c, "listen", value, d);
}

/* What nbdmux-fetch made may be served, wherever else images must be. */
static int
allow_fetched(struct config *c, const struct daemon_options *o,
    struct diag *d)
{
	struct places p = o->places;
	char dir[PATH_MAX], *dirs;

	if (c->image_dirs == NULL)
		return 0;
	if (places_data(&p, c->data_dir, d) == -1)
		return -1;
	fetched_dir(&p, dir);
	/* A list has no other separators, and a relative path no meaning. */
	if (dir[0] != '/' || strpbrk(dir, ", \t") != NULL)
		return 0;
	if (asprintf(&dirs, "%s, %s", c->image_dirs, dir) == -1)
		return diag_errno(d, "cannot read the configuration");
	free(c->image_dirs);
	c->image_dirs = dirs;
	return 0;
}

/* Without GnuTLS none of its keys is taken: who writes one counts on it. */
static int
check_built(const struct config *c, struct diag *d)
{
	if (c->tls == CONFIG_TLS_OFF && c->tls_verify == CONFIG_VERIFY_NO &&
	    c->tls_certificate == NULL && c->tls_key == NULL &&
	    c->tls_ca == NULL && c->tls_psk_file == NULL &&
	    c->tls_priority == NULL)
		return 0;
	return tls_available(d);
}

struct settings *
settings_load(const struct daemon_options *o, struct diag *d)
{
	struct settings *s = NULL;
	struct config c;

	config_init(&c);
	if (forget_listen(&c, d) == 0 &&
	    config_read(&c, o->places.conf, o->places.conf_given, d) == 0 &&
	    override(&c, o, d) == 0 && default_listen(&c, o, d) == 0 &&
	    check_built(&c, d) == 0 && config_check(&c, d) == 0 &&
	    allow_fetched(&c, o, d) == 0) {
		s = settings_new(&c);
		if (s == NULL)
			diag_errno(d, "cannot keep the configuration");
	}
	config_clear(&c);
	return s;
}

int
settings_secure(struct settings *s, struct diag *d)
{
	static const enum tls_verify verify[] = {
		[CONFIG_VERIFY_NO] = TLS_VERIFY_NO,
		[CONFIG_VERIFY_OPTIONAL] = TLS_VERIFY_OPTIONAL,
		[CONFIG_VERIFY_REQUIRED] = TLS_VERIFY_REQUIRED,
	};
	const struct config *c = &s->config;
	struct tls_options o = {
		.certificate = c->tls_certificate,
		.key = c->tls_key,
		.ca = c->tls_ca,
		.psk_file = c->tls_psk_file,
		.priority = c->tls_priority,
		.verify = verify[c->tls_verify],
	};

	if (c->tls == CONFIG_TLS_OFF)
		return 0;
	s->tls = tls_creds_load(&o, d);
	return s->tls != NULL ? 0 : diag_prefix(d, "TLS");
}
