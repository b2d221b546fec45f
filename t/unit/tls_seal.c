/* Records that the channel makes itself, against GnuTLS's own client. */
#include <bsd/sys/endian.h>

#include "tls/impl.h"
#include "tls_client.h"
#include "unit.h"

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define SIZE (1u << 20)

static unsigned char text[SIZE], copy[SIZE], got[SIZE];

static void
prepare(struct client *c, const char *priority)
{
	struct tls_options o = { .certificate = cert_file, .key = key_file };

	client_open(c, &o, priority, NULL, NULL);
}

static void
opened(struct client *c, const char *priority)
{
	prepare(c, priority);
	CHECK(client_shake(c) == TLS_DONE);
}

/* All of the text arrives, and is afterwards what it was. */
static void
transfer(struct client *c)
{
	struct iovec iov[] = { { text, 100000 }, { text + 100000, 0 },
		{ text + 100000, 28 }, { text + 100028, SIZE - 100028 } };
	size_t have = 0, sent = 0;
	struct iovec *v = iov;
	ssize_t n = 1;

	memset(got, 0, sizeof(got));
	for (int i = 0; i < 10000 && have < SIZE; i++) {
		n = tls_channel_write(c->channel, v,
		    (size_t)(iov + 4 - v));
		CHECK(n >= 0);
		sent += (size_t)n;
		for (; v < iov + 4 && (size_t)n >= v->iov_len; v++)
			n -= (ssize_t)v->iov_len;
		if (v < iov + 4) {
			v->iov_base = (char *)v->iov_base + n;
			v->iov_len -= (size_t)n;
		}
		while (client_take(c))
			;
		while ((n = gnutls_record_recv(c->session, got + have,
		    SIZE - have)) > 0)
			have += (size_t)n;
	}
	CHECK(sent == SIZE && have == SIZE);
	CHECK(memcmp(got, copy, SIZE) == 0);
	CHECK(memcmp(text, copy, SIZE) == 0);
}

/* What the client decrypts with. */
static void
key_of(struct client *c, unsigned char key[32])
{
	gnutls_datum_t d;

	memset(key, 0, 32);
	CHECK(gnutls_record_get_state(c->session, 1, NULL, NULL, &d, NULL) ==
	    0);
	memcpy(key, d.data, d.size);
}

static bool
seals(const struct client *c)
{
	return c->channel->seal.aead != NULL;
}

TEST(every_cipher_is_spoken)
{
	static const char *const ciphers[] = { "AES-128-GCM", "AES-256-GCM",
		"CHACHA20-POLY1305" };
	char priority[100];
	struct client c;

	for (size_t i = 0; i < 3; i++) {
		snprintf(priority, sizeof(priority), TLS13 ":-CIPHER-ALL:+%s",
		    ciphers[i]);
		opened(&c, priority);
		CHECK_STR(gnutls_cipher_get_name(gnutls_cipher_get(
		    c.session)), ciphers[i]);
		transfer(&c);
		CHECK(seals(&c));
		client_close(&c);
	}
}

TEST(the_older_version_is_left_to_gnutls)
{
	struct client c;

	opened(&c, TLS12);
	transfer(&c);
	CHECK(!seals(&c));
	client_close(&c);
}

TEST(a_client_that_wants_short_records_gets_them)
{
	struct client c;

	prepare(&c, TLS13);
	CHECK(gnutls_record_set_max_recv_size(c.session, 2000) == 0);
	CHECK(client_shake(&c) == TLS_DONE);
	transfer(&c);
	CHECK(!seals(&c));
	client_close(&c);
}

TEST(new_keys_follow_when_the_client_asks_for_them)
{
	unsigned char before[32], after[32], byte;
	struct client c;

	opened(&c, TLS13);
	transfer(&c);
	key_of(&c, before);
	CHECK(gnutls_session_key_update(c.session, GNUTLS_KU_PEER) == 0);
	client_give(&c);
	CHECK(tls_channel_read(c.channel, &byte, 1) == -1 && errno == EAGAIN);
	transfer(&c);
	key_of(&c, after);
	CHECK(memcmp(before, after, 32) != 0);
	CHECK(memcmp(c.channel->seal.key, after, 16) == 0); /* goes on */
	client_close(&c);
}

TEST(no_key_serves_for_too_many_records)
{
	unsigned char before[32], after[32], number[8];
	struct client c;

	opened(&c, TLS13);
	transfer(&c);
	key_of(&c, before);
	be64enc(number, (UINT64_C(1) << 23) - 2);
	CHECK(gnutls_record_set_state(c.channel->session, 0, number) == 0);
	CHECK(gnutls_record_set_state(c.session, 1, number) == 0);
	transfer(&c);
	transfer(&c);
	key_of(&c, after);
	CHECK(memcmp(before, after, 32) != 0);
	CHECK(memcmp(c.channel->seal.key, after, 16) == 0);
	client_close(&c);
}

TEST(what_gnutls_says_itself_comes_with_the_next_number)
{
	struct client c;
	char byte;

	opened(&c, TLS13);
	transfer(&c);
	tls_channel_bye(c.channel);
	while (client_take(&c))
		;
	CHECK(gnutls_record_recv(c.session, &byte, 1) == 0);
	client_close(&c);
	opened(&c, TLS13);
	transfer(&c);
	CHECK(buf_add(&c.out, "\27\3\3\0\3xyz", 8) == 0);
	client_give(&c);
	CHECK(tls_channel_read(c.channel, &byte, 1) == -1 && errno == EPROTO);
	while (client_take(&c))
		;
	CHECK(gnutls_record_recv(c.session, &byte, 1) ==
	    GNUTLS_E_FATAL_ALERT_RECEIVED);
	client_close(&c);
}

int
main(void)
{
	for (size_t i = 0; i < SIZE; i++)
		text[i] = copy[i] = (unsigned char)(i * 7 + i / 251);
	client_make_files();
	RUN(every_cipher_is_spoken);
	RUN(the_older_version_is_left_to_gnutls);
	RUN(a_client_that_wants_short_records_gets_them);
	RUN(new_keys_follow_when_the_client_asks_for_them);
	RUN(no_key_serves_for_too_many_records);
	RUN(what_gnutls_says_itself_comes_with_the_next_number);
	client_remove_files();
	return DONE();
}
