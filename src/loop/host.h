/* host: what a connection's session asks of the server. */
#ifndef LOOP_HOST_H
#define LOOP_HOST_H

#include "session/session.h"

extern const struct session_host conn_host; /* arg is the struct conn */

#endif
