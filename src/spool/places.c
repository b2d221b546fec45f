/* places: the environment's, else the defaults. */
#include <stdlib.h>

#include "spool/places.h"

/* An empty variable is as good as none. */
static const char *
env(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : otherwise;
}

void
places_init(struct places *p)
{
	p->conf = env("NBDMUX_CONF", PLACES_CONF);
	p->spool = env("NBDMUX_SPOOL", PLACES_SPOOL);
	p->state = env("NBDMUX_STATE", PLACES_STATE);
	p->conf_given = env("NBDMUX_CONF", NULL) != NULL;
}
