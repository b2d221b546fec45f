/* places: the environment's, else the configuration's, else the defaults. */
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

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
	memset(p, 0, sizeof(*p));
	p->conf = env("NBDMUX_CONF", PLACES_CONF);
	p->spool = env("NBDMUX_SPOOL", PLACES_SPOOL);
	p->state = env("NBDMUX_STATE", PLACES_STATE);
	p->conf_given = env("NBDMUX_CONF", NULL) != NULL;
}

bool
places_data_given(const struct places *p)
{
	return p->data[0] != '\0' || env("NBDMUX_DATA", NULL) != NULL;
}

int
places_data(struct places *p, const char *configured, struct diag *d)
{
	const char *dir = env("NBDMUX_DATA", configured), *below = "";

	if (p->data[0] != '\0')
		return 0;
	if (dir == NULL && strcmp(p->state, PLACES_STATE) != 0) {
		dir = p->state;
		below = "/" PLACES_DATA_BELOW;
	}
	if (dir == NULL)
		dir = PLACES_DATA;
	if (strlcpy(p->data, dir, sizeof(p->data)) < sizeof(p->data) &&
	    strlcat(p->data, below, sizeof(p->data)) < sizeof(p->data))
		return 0;
	p->data[0] = '\0';
	return diag_set(d, "the path of the data directory is too long");
}
