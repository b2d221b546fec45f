/* array: growing keeps what is there, and fails without harm. */
#include "base/array.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "unit.h"

TEST(an_array_grows_and_keeps_what_it_has)
{
	size_t room = 0, count = 0, moved = 0, last = 0;
	int *list = NULL, *more;

	while (count < 1000) {
		more = array_more(list, count, &room, sizeof(*more));
		CHECK(more != NULL && room > count);
		list = more;
		moved += room != last;
		last = room;
		list[count] = (int)count;
		count++;
	}
	CHECK(moved < 10);
	while (count-- > 0)
		CHECK(list[count] == (int)count);
	free(list);
}

TEST(an_array_that_cannot_grow_stays_as_it_is)
{
	size_t room = SIZE_MAX / 4;
	int some = 0;

	CHECK(array_more(&some, room, &room, sizeof(some)) == NULL);
	CHECK(errno == ENOMEM);
	CHECK(room == SIZE_MAX / 4);
	CHECK(array_more(&some, 0, &room, sizeof(some)) == &some);
}

int
main(void)
{
	RUN(an_array_grows_and_keeps_what_it_has);
	RUN(an_array_that_cannot_grow_stays_as_it_is);
	return DONE();
}
