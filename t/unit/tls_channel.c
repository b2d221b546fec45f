/* The channel against GnuTLS's own client, in memory. */
#include "tls_client.h"
#include "unit.h"

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define PSK13 "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK:+PSK"
#define PSK12 "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK:+PSK"
#define MiB (1u << 20)

static const char *const versions[] = { TLS12, TLS13 };

static struct tls_options
options(void)
{
	return (struct tls_options) { .certificate = cert_file,
		.key = key_file, .ca = cert_file,
		.verify = TLS_VERIFY_REQUIRED };
}

static void
opened(struct client *c, const char *priority)
{
	struct tls_options o = options();

	client_open(c, &o, priority, NULL, NULL);
	CHECK(client_shake(c) == TLS_DONE);
}

static void
fill(unsigned char *p, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (unsigned char)(i * 7 + i / 251 + seed);
}

/* The client says it all at once; the channel is given it in steps. */
static void
to_the_channel(struct client *c, size_t len, size_t piece)
{
	unsigned char *sent = malloc(len), *got = malloc(len);
	size_t at = 0;
	ssize_t n;

	fill(sent, len, 1);
	while (at < len)
		at += (size_t)gnutls_record_send(c->session, sent + at,
		    len - at);
	for (at = 0; at < len;) {
		n = tls_channel_read(c->channel, got + at,
		    len - at < piece ? len - at : piece);
		if (n > 0)
			at += (size_t)n;
		else if (n == 0 || errno != EAGAIN || !client_give(c))
			break;
	}
	CHECK(at == len && memcmp(sent, got, len) == 0);
	free(sent);
	free(got);
}

static void
from_the_channel(struct client *c, size_t len)
{
	unsigned char *sent = malloc(len), *got = malloc(len);
	size_t at = 0, have = 0;
	struct iovec iov[3];
	ssize_t n;

	fill(sent, len, 2);
	while (have < len) {
		/* In three uneven pieces, as a session has them. */
		iov[0].iov_base = sent + at;
		iov[0].iov_len = (len - at) / 3;
		iov[1].iov_base = sent + at + iov[0].iov_len;
		iov[1].iov_len = (len - at) / 2;
		iov[2].iov_base = sent + at + iov[0].iov_len + iov[1].iov_len;
		iov[2].iov_len = len - at - iov[0].iov_len - iov[1].iov_len;
		n = at < len ? tls_channel_write(c->channel, iov, 3) : 0;
		CHECK(n >= 0);
		at += (size_t)n;
		while (client_take(c))
			;
		while ((n = gnutls_record_recv(c->session, got + have,
		    len - have)) > 0)
			have += (size_t)n;
		if (n != GNUTLS_E_AGAIN && have < len)
			break;
	}
	CHECK(have == len && memcmp(sent, got, len) == 0);
	free(sent);
	free(got);
}

TEST(bytes_pass_both_ways_in_both_versions)
{
	static const size_t steps[] = { SIZE_MAX, 4096, 16401, 1 };
	struct client c;

	for (size_t v = 0; v < 2; v++)
		for (size_t i = 0; i < 4; i++) {
			opened(&c, versions[v]);
			c.step = steps[i];
			to_the_channel(&c, steps[i] == 1 ? 20000 : 3 * MiB,
			    70000);
			from_the_channel(&c, steps[i] == 1 ? 20000 : 3 * MiB);
			to_the_channel(&c, 5, 2);
			CHECK_STR(tls_channel_version(c.channel),
			    v == 0 ? "TLS1.2" : "TLS1.3");
			client_close(&c);
		}
}

TEST(a_handshake_byte_by_byte_goes_well)
{
	struct tls_options o = options();
	struct client c;

	for (size_t v = 0; v < 2; v++) {
		client_open(&c, &o, versions[v], NULL, NULL);
		c.step = 1;
		CHECK(client_shake(&c) == TLS_DONE);
		to_the_channel(&c, 100, 100);
		client_close(&c);
	}
}

TEST(output_that_nobody_takes_has_a_bound)
{
	static unsigned char data[4 * MiB];
	struct iovec iov = { data, sizeof(data) };
	const void *waiting;
	struct client c;
	ssize_t n;

	opened(&c, TLS13);
	n = tls_channel_write(c.channel, &iov, 1);
	CHECK(n > 0 && n < (ssize_t)MiB);
	CHECK(tls_channel_output(c.channel, &waiting) < MiB);
	CHECK(tls_channel_write(c.channel, &iov, 1) == 0);
	client_close(&c);
}

TEST(memory_is_held_only_while_something_is_under_way)
{
	uint64_t before = atomic_load(&client_budget.used);
	struct client c;

	opened(&c, TLS13);
	CHECK(atomic_load(&client_budget.used) == before);
	from_the_channel(&c, MiB);
	to_the_channel(&c, MiB, MiB);
	CHECK(atomic_load(&client_budget.used) == before);
	client_close(&c);
}

TEST(without_a_budget_it_goes_on_record_by_record)
{
	struct client c;

	client_budget.limit = 0;
	opened(&c, TLS13);
	from_the_channel(&c, MiB);
	to_the_channel(&c, MiB, MiB);
	client_close(&c);
	client_budget.limit = 64 * MiB;
}

TEST(what_is_ready_is_told)
{
	struct client c;
	char byte[10];

	opened(&c, TLS13);
	CHECK(!tls_channel_ready(c.channel));
	gnutls_record_send(c.session, "0123456789", 10);
	client_give(&c);
	CHECK(tls_channel_ready(c.channel));
	CHECK(tls_channel_read(c.channel, byte, 3) == 3);
	CHECK(tls_channel_ready(c.channel));
	CHECK(tls_channel_read(c.channel, byte, 10) == 7);
	CHECK(!tls_channel_ready(c.channel));
	CHECK(tls_channel_read(c.channel, byte, 10) == -1 && errno == EAGAIN);
	client_close(&c);
}

TEST(byes_are_said_and_heard)
{
	struct client c;
	char byte;

	for (size_t v = 0; v < 2; v++) {
		opened(&c, versions[v]);
		tls_channel_bye(c.channel);
		tls_channel_bye(c.channel);
		while (client_take(&c))
			;
		CHECK(gnutls_record_recv(c.session, &byte, 1) == 0);
		gnutls_bye(c.session, GNUTLS_SHUT_WR);
		client_give(&c);
		CHECK(tls_channel_read(c.channel, &byte, 1) == 0);
		CHECK(tls_channel_read(c.channel, &byte, 1) == 0);
		client_close(&c);
	}
}

TEST(an_end_without_a_bye_is_an_end)
{
	struct client c;
	char byte;

	opened(&c, TLS13);
	tls_channel_ended(c.channel);
	CHECK(tls_channel_read(c.channel, &byte, 1) == 0);
	client_close(&c);
}

TEST(rubbish_fails_the_channel_and_stays_a_failure)
{
	static const unsigned char rubbish[] = { 0x17, 3, 3, 0, 20, 1, 2, 3, 4,
		5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 };
	struct iovec iov = { (void *)(uintptr_t)"x", 1 };
	struct client c;
	char byte;

	opened(&c, TLS13);
	CHECK(buf_add(&c.out, rubbish, sizeof(rubbish)) == 0);
	client_give(&c);
	CHECK(tls_channel_read(c.channel, &byte, 1) == -1 && errno == EPROTO);
	CHECK(tls_channel_error(c.channel)[0] != '\0');
	CHECK(tls_channel_read(c.channel, &byte, 1) == -1 && errno == EPROTO);
	CHECK(tls_channel_write(c.channel, &iov, 1) == -1 && errno == EPROTO);
	CHECK(client_take(&c)); /* the alert */
	client_close(&c);
}

TEST(new_keys_are_taken_and_a_flood_of_them_is_not)
{
	struct client c;
	ssize_t n = -1;
	char byte;

	opened(&c, TLS13);
	for (int i = 0; i < 4; i++)
		gnutls_session_key_update(c.session, GNUTLS_KU_PEER);
	to_the_channel(&c, 1000, 1000);
	from_the_channel(&c, 1000);
	for (int i = 0; i < 1000; i++)
		gnutls_session_key_update(c.session, 0);
	for (int i = 0; i < 1000 && (client_give(&c) ||
	    tls_channel_ready(c.channel)); i++)
		n = tls_channel_read(c.channel, &byte, 1);
	CHECK(n == -1 && errno == EPROTO);
	client_close(&c);
}

TEST(nobody_renegotiates)
{
	struct client c;
	char byte;

	opened(&c, TLS12);
	CHECK(gnutls_handshake(c.session) == GNUTLS_E_AGAIN);
	client_give(&c);
	CHECK(tls_channel_read(c.channel, &byte, 1) == -1 && errno == EPROTO);
	CHECK(strstr(tls_channel_error(c.channel), "renegotiate") != NULL);
	client_close(&c);
}

TEST(a_certificate_proves_its_names)
{
	const char *name = NULL;
	struct client c;
	struct proof *p;

	opened(&c, TLS13);
	p = tls_channel_proof(c.channel);
	CHECK(p != NULL && p->kind == PROOF_CERTIFICATE);
	CHECK_STR(p->text, "CN=Unit");
	CHECK_STR(name = proof_next(p, name), "Unit");
	CHECK_STR(name = proof_next(p, name), "unit.example");
	CHECK(proof_next(p, name) == NULL);
	proof_free(p);
	client_close(&c);
}

TEST(users_prove_themselves_by_their_key)
{
	static const char *const priorities[] = { PSK12, PSK13 };
	struct tls_options o = { .psk_file = psk_file };
	struct client c;
	struct proof *p;

	for (size_t i = 0; i < 2; i++) {
		client_open(&c, &o, priorities[i], "alice", CLIENT_KEY);
		CHECK(client_shake(&c) == TLS_DONE);
		to_the_channel(&c, 100, 100);
		p = tls_channel_proof(c.channel);
		CHECK(p != NULL && p->kind == PROOF_PSK);
		CHECK_STR(p->text, "psk:alice");
		CHECK_STR(proof_next(p, NULL), "alice");
		proof_free(p);
		client_close(&c);
		client_open(&c, &o, priorities[i], "alice",
		    "ffffffffffffffffffffffffffffffff");
		CHECK(client_shake(&c) == TLS_FAILED);
		CHECK(strstr(tls_channel_error(c.channel),
		    "wrong key of the user alice") != NULL);
		client_close(&c);
		client_open(&c, &o, priorities[i], "mal\nlory", CLIENT_KEY);
		CHECK(client_shake(&c) == TLS_FAILED);
		CHECK(strstr(tls_channel_error(c.channel),
		    "no such user in tls-psk-file: mal\\nlory") != NULL);
		client_close(&c);
	}
}

TEST(who_is_not_asked_has_proved_nothing)
{
	struct tls_options o = { .certificate = cert_file, .key = key_file };
	struct client c;

	client_open(&c, &o, TLS13, NULL, NULL);
	CHECK(client_shake(&c) == TLS_DONE);
	CHECK(tls_channel_proof(c.channel) == NULL);
	client_close(&c);
}

int
main(void)
{
	client_make_files();
	RUN(bytes_pass_both_ways_in_both_versions);
	RUN(a_handshake_byte_by_byte_goes_well);
	RUN(output_that_nobody_takes_has_a_bound);
	RUN(memory_is_held_only_while_something_is_under_way);
	RUN(without_a_budget_it_goes_on_record_by_record);
	RUN(what_is_ready_is_told);
	RUN(byes_are_said_and_heard);
	RUN(an_end_without_a_bye_is_an_end);
	RUN(rubbish_fails_the_channel_and_stays_a_failure);
	RUN(new_keys_are_taken_and_a_flood_of_them_is_not);
	RUN(nobody_renegotiates);
	RUN(a_certificate_proves_its_names);
	RUN(users_prove_themselves_by_their_key);
	RUN(who_is_not_asked_has_proved_nothing);
	client_remove_files();
	return DONE();
}
