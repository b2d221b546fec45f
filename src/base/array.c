/* array: how lists grow, in one place. */
#include "base/array.h"

#include <stdlib.h>

#define FIRST 64

void *
array_more(void *list, size_t count, size_t *room, size_t size)
{
	size_t bigger = *room != 0 ? *room * 2 : FIRST;
	void *more;

	if (count < *room)
		return list;
	more = reallocarray(list, bigger, size);
	if (more != NULL)
		*room = bigger;
	return more;
}
