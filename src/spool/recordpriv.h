/* recordpriv: what the table of keys has of recordcheck. */
#ifndef SPOOL_RECORDPRIV_H
#define SPOOL_RECORDPRIV_H

#include "spool/record.h"

bool record_is_power(uint64_t n); /* of two */

/* One value each: 0, or -1 with d set. */
int record_check_path(const char *value, struct diag *d);
int record_check_cmdline(const char *value, struct diag *d);
int record_check_image(const char *value, struct diag *d);
int record_check_description(const char *value, struct diag *d);
int record_check_mode(const char *value, struct diag *d);
int record_check_sha256(const char *value, struct diag *d);
int record_check_sha512(const char *value, struct diag *d);
int record_check_power(const char *value, struct diag *d);

#endif
