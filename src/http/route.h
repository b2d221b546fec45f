/* route: which handler a method and a path have. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include <stddef.h>

struct http;

enum route_who {
	WHO_ANYONE,
	WHO_ADMIN,   /* a program: else 401 */
	WHO_OPERATOR /* a person: else to the login */
};

enum route_body { BODY_NONE, BODY_JSON, BODY_FORM };

#define ROUTE_ARGS 2
#define ROUTE_ARG_SIZE 128

struct route {
	const char *method;
	const char *pattern; /* "*" is any one component of the path */
	enum route_who who;
	enum route_body body;
	void (*run)(struct http *h);
};

struct route_match {
	const struct route *route;
	char args[ROUTE_ARGS][ROUTE_ARG_SIZE]; /* what the stars were */
	char allow[64]; /* methods that the path has, when it is not this one */
};

/*
 * In a table whose last row is zeroes; HEAD is GET.  200 with the route; 404,
 * or 405 with allow.
 */
unsigned route_find(struct route_match *m, const struct route *table,
    const char *method, const char *path);

#endif
