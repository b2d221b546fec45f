/* when: an age, or a date and perhaps a time of day. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "tool/when.h"

#define LAST (UINT64_MAX / CLOCK_SECOND - 1) /* s that ns can count: 2554 */

static bool
ago(const char *text, double *seconds)
{
	static const struct {
		const char *suffix;
		double factor;
	} units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	size_t digits = strspn(text, "0123456789");

	for (size_t i = 0; digits > 0 && digits < 10 && i < 4; i++)
		if (strcmp(text + digits, units[i].suffix) == 0) {
			*seconds = strtod(text, NULL) * units[i].factor;
			return true;
		}
	return false;
}

/* The point in time, or false. */
static bool
point(const char *text, uint64_t *ns)
{
	static const char *const formats[] = { "%Y-%m-%dT%H:%M:%S",
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M",
		"%Y-%m-%d" };
	const char *rest = NULL;
	struct tm tm;
	double part = 0;
	time_t t;

	for (size_t i = 0; rest == NULL && i < 5; i++) {
		memset(&tm, 0, sizeof(tm));
		rest = strptime(text, formats[i], &tm);
	}
	if (rest != NULL && *rest == '.') {
		size_t digits = strspn(rest + 1, "0123456789");

		part = strtod(rest, NULL);
		rest += 1 + digits;
	}
	if (rest == NULL || (strcmp(rest, "") != 0 && strcmp(rest, "Z") != 0) ||
	    (t = timegm(&tm)) < 0)
		return false;
	if ((uint64_t)t > LAST)
		t = LAST;
	*ns = (uint64_t)t * CLOCK_SECOND + (uint64_t)(part * 1e9);
	return true;
}

int
when_parse(const char *text, uint64_t now, uint64_t *ns, struct diag *d)
{
	double seconds;

	if (ago(text, &seconds)) {
		*ns = seconds * 1e9 < (double)now ?
		    now - (uint64_t)(seconds * 1e9) : 0;
		return 0;
	}
	if (point(text, ns))
		return 0;
	return diag_set(d, "\"%s\" is not a time; use 10m, 2h or 3d for so "
	    "long ago, or 2026-11-22T03:04:05Z", text);
}
