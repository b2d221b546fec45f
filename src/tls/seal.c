/*
 * seal: records of TLS 1.3 (RFC 8446, 5.2), encrypted from where the payload
 * is to where it is sent from.  GnuTLS would take memory for each record, and
 * copy it afterwards: 0.23 s of CPU time per GiB; this takes 0.17, which is
 * what the cipher alone does (AES-128-GCM, 2026).
 *
 * Its keys and numbers are borrowed from GnuTLS for the time of one call of
 * tls_channel_write() and the numbers given back, so that whatever GnuTLS
 * sends itself (alerts, new keys, the bye) has the next one: none is used
 * twice.  Everything else than data in TLS 1.3 stays its own.
 */
#include <bsd/sys/endian.h>

#include <string.h>

#include "tls/impl.h"

#define HEADER 5
#define AROUND 64 /* header, type and tag, and some more */
#define TYPE_DATA 23
/* RFC 8446, 5.5: new keys in time; AES-GCM is good for 2^24.5 records. */
#define RECORDS (UINT64_C(1) << 23)

/* Its handle stays as long as the key. */
static int
use_key(struct tls_channel *t, const gnutls_datum_t *key)
{
	gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(t->session);
	struct seal *s = &t->seal;
	int rc;

	if (s->aead != NULL && s->key_size == key->size &&
	    memcmp(s->key, key->data, key->size) == 0)
		return 0;
	seal_clear(s);
	if (key->size > sizeof(s->key))
		return -1;
	if ((rc = gnutls_aead_cipher_init(&s->aead, cipher, key)) < 0) {
		s->aead = NULL;
		return rc;
	}
	memcpy(s->key, key->data, key->size);
	s->key_size = key->size;
	s->tag = gnutls_cipher_get_tag_size(cipher);
	return 0;
}

static int
borrow(struct tls_channel *t)
{
	gnutls_datum_t iv, key;
	unsigned char number[8];
	int rc = gnutls_record_get_state(t->session, 0, NULL, &iv, &key,
	    number);

	if (rc < 0)
		return rc;
	if (iv.size != sizeof(t->seal.iv))
		return -1;
	if ((rc = use_key(t, &key)) < 0)
		return rc;
	memcpy(t->seal.iv, iv.data, iv.size);
	t->seal.number = be64dec(number);
	return 0;
}

/*
 * Not before GnuTLS has sent a full record, since only it knows whether the
 * client wants shorter ones; nor when the client waits for new keys of ours,
 * which GnuTLS sends with its next record.
 */
bool
seal_begin(struct tls_channel *t)
{
	if (!t->full || t->rekey ||
	    gnutls_protocol_get_version(t->session) != GNUTLS_TLS1_3 ||
	    borrow(t) < 0)
		return false;
	if (t->seal.number < RECORDS)
		return true;
	return gnutls_session_key_update(t->session, 0) == 0 &&
	    borrow(t) == 0;
}

int
seal_end(struct tls_channel *t)
{
	unsigned char number[8];

	be64enc(number, t->seal.number);
	return gnutls_record_set_state(t->session, 0, number);
}

void
seal_clear(struct seal *s)
{
	if (s->aead != NULL)
		gnutls_aead_cipher_deinit(s->aead);
	explicit_bzero(s, sizeof(*s));
}

/* One record from text, len bytes with the type behind them. */
static int
encrypt(struct tls_channel *t, const unsigned char *text, size_t len)
{
	struct seal *s = &t->seal;
	unsigned char *p = t->out->data + t->out->end;
	size_t body = len + s->tag;
	unsigned char nonce[sizeof(s->iv)], number[8];
	int rc;

	be64enc(number, s->number);
	memcpy(nonce, s->iv, sizeof(nonce));
	for (size_t i = 0; i < 8; i++)
		nonce[sizeof(nonce) - 8 + i] ^= number[i];
	p[0] = TYPE_DATA;
	p[1] = p[2] = 3;
	p[3] = (unsigned char)(body >> 8);
	p[4] = (unsigned char)body;
	rc = gnutls_aead_cipher_encrypt(s->aead, nonce, sizeof(nonce), p,
	    HEADER, s->tag, text, len, p + HEADER, &body);
	if (rc < 0)
		return rc;
	s->number++;
	t->out->end += HEADER + body;
	return 0;
}

/* A full record in the middle of a piece: the type stands behind it for now. */
static int
encrypt_there(struct tls_channel *t, unsigned char *text)
{
	unsigned char behind = text[TLS_RECORD];
	int rc;

	text[TLS_RECORD] = TYPE_DATA;
	rc = encrypt(t, text, TLS_RECORD + 1);
	text[TLS_RECORD] = behind;
	return rc;
}

/* So that the last record of a piece, if short, leaves with the others. */
size_t
seal_room(const struct cursor *c)
{
	size_t n = c->iov->iov_len - c->at;

	return AROUND + (n < TLS_RECORD ? n : TLS_RECORD);
}

ssize_t
seal_record(struct tls_channel *t, struct cursor *c)
{
	unsigned char *to = t->out->data + t->out->end + HEADER;
	size_t len = 0, n, most = t->out->cap - t->out->end - AROUND;
	int rc;

	if (most > TLS_RECORD)
		most = TLS_RECORD;
	if (c->iov->iov_len - c->at > TLS_RECORD) {
		rc = encrypt_there(t, (unsigned char *)c->iov->iov_base +
		    c->at);
		cursor_move(c, TLS_RECORD);
		return rc < 0 ? rc : TLS_RECORD;
	}
	for (; c->count > 0 && len < most; len += n) {
		n = c->iov->iov_len - c->at;
		if (n > most - len)
			n = most - len;
		memcpy(to + len, (char *)c->iov->iov_base + c->at, n);
		cursor_move(c, n);
	}
	to[len] = TYPE_DATA;
	rc = encrypt(t, to, len + 1);
	return rc < 0 ? rc : (ssize_t)len;
}
