/* array: lists of elements that grow by doubling. */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include <stddef.h>

/*
 * Room for one more than the count elements of size bytes in list, which has
 * room for *room: list itself, or the bigger allocation that has replaced it.
 * NULL with errno when there is none; then list and *room are as they were.
 */
void *array_more(void *list, size_t count, size_t *room, size_t size);

#endif
