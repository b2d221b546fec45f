/*
 * keys_value: one value of a key table, as text, as a pair of number and
 * string, and as a member of a struct.  For keys*.c only.
 */
#ifndef BASE_KEYS_VALUE_H
#define BASE_KEYS_VALUE_H

#include "base/keys.h"

/* Rows for later have no member in the struct yet. */
static inline bool
key_later(const struct key *key)
{
	return (key->flags & KEY_LATER) != 0;
}

struct value {
	uint64_t number; /* KEY_SIZE, _COUNT, _SECONDS, _BOOL, _ENUM */
	char *text;      /* KEY_STRING, KEY_LIST; NULL: not set */
};

/* Text -> value, all checks made; the caller frees v->text.  0 or -1. */
int value_parse(const struct key *key, const char *text, struct value *v,
    struct diag *d);

/* The default, like value_parse(). */
int value_default(const struct key *key, struct value *v, struct diag *d);

/* Value -> text behind b; -1 with errno. */
int value_print(const struct key *key, const struct value *v, struct buf *b);

bool value_equal(const struct key *key, const struct value *a,
    const struct value *b);

/* From the struct: v->text is borrowed. */
struct value value_load(const struct key *key, const void *obj);

/* Into the struct: what was there is freed, v->text is handed over. */
void value_store(const struct key *key, void *obj, const struct value *v);

/* The types that are numbers: text -> number in range, number -> text. */
int number_parse(const struct key *key, const char *text, uint64_t *n,
    struct diag *d);
int number_print(const struct key *key, uint64_t n, struct buf *b);

#endif
