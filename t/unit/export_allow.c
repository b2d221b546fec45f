/* Address lists: who is in, who is not, and what is no list. */
#include <arpa/inet.h>

#include "export/allow.h"
#include "unit.h"

static struct peer
peer(const char *text)
{
	struct peer p = { 0 };

	if (inet_pton(AF_INET6, text, p.addr) != 1) {
		p.addr[10] = p.addr[11] = 0xff;
		inet_pton(AF_INET, text, p.addr + 12);
	}
	return p;
}

static bool
allowed(const char *list, const char *address)
{
	struct peer p = peer(address);
	struct allow *a = NULL;
	struct diag d;
	bool yes;

	if (allow_parse(&a, list, &d) == -1) {
		printf("# %s\n", d.text);
		unit_bad++;
		return false;
	}
	yes = allow_match(a, &p);
	allow_free(a);
	return yes;
}

static bool
refused(const char *list, const char *words)
{
	struct allow *a = (struct allow *)&a;
	struct diag d = { "" };

	if (allow_parse(&a, list, &d) == 0 || a != NULL) {
		allow_free(a);
		return false;
	}
	if (strstr(d.text, words) == NULL)
		printf("# %s\n", d.text);
	return strstr(d.text, words) != NULL;
}

TEST(no_list_allows_everybody)
{
	CHECK(allowed(NULL, "192.0.2.1"));
	CHECK(allowed("", "2001:db8::1"));
	CHECK(allowed(" , ", "2001:db8::1"));
}

TEST(an_address_alone_is_itself_only)
{
	CHECK(allowed("192.0.2.7", "192.0.2.7"));
	CHECK(!allowed("192.0.2.7", "192.0.2.6"));
	CHECK(allowed("2001:db8::7", "2001:db8::7"));
	CHECK(!allowed("2001:db8::7", "2001:db8::8"));
	CHECK(!allowed("::1", "127.0.0.1"));
}

TEST(networks_end_at_their_prefix_to_the_bit)
{
	CHECK(allowed("10.0.0.0/8", "10.255.255.255"));
	CHECK(!allowed("10.0.0.0/8", "11.0.0.0"));
	CHECK(allowed("192.0.2.128/25", "192.0.2.128"));
	CHECK(!allowed("192.0.2.128/25", "192.0.2.127"));
	CHECK(allowed("192.0.2.4/31", "192.0.2.5"));
	CHECK(!allowed("192.0.2.4/31", "192.0.2.6"));
	CHECK(allowed("192.0.2.4/32", "192.0.2.4"));
	CHECK(allowed("2001:db8::/33", "2001:db8:7fff::1"));
	CHECK(!allowed("2001:db8::/33", "2001:db8:8000::1"));
}

TEST(bits_behind_the_prefix_do_not_count)
{
	CHECK(allowed("10.1.2.3/8", "10.9.9.9"));
	CHECK(allowed("2001:db8::1/32", "2001:db8:1::"));
}

TEST(all_of_ipv4_and_all_of_ipv6_are_two_things)
{
	CHECK(allowed("0.0.0.0/0", "203.0.113.9"));
	CHECK(!allowed("0.0.0.0/0", "2001:db8::1"));
	CHECK(allowed("::/0", "2001:db8::1"));
	CHECK(!allowed("::/0", "203.0.113.9"));
	CHECK(allowed("0.0.0.0/0, ::/0", "203.0.113.9"));
}

TEST(mapped_networks_are_ipv4)
{
	CHECK(allowed("::ffff:10.0.0.0/104", "10.1.1.1"));
	CHECK(!allowed("::ffff:10.0.0.0/104", "11.1.1.1"));
	CHECK(allowed("::ffff:192.0.2.1", "192.0.2.1"));
	CHECK(allowed("10.0.0.0/8", "::ffff:10.1.1.1"));
}

TEST(any_item_of_a_list_will_do)
{
	CHECK(allowed("10.0.0.0/8,192.0.2.1 2001:db8::/32", "192.0.2.1"));
	CHECK(allowed("10.0.0.0/8,192.0.2.1 2001:db8::/32", "2001:db8::5"));
	CHECK(!allowed("10.0.0.0/8,192.0.2.1 2001:db8::/32", "192.0.2.2"));
}

TEST(a_unix_socket_is_always_allowed)
{
	struct peer p = { .is_unix = true };
	struct allow *a = NULL;

	CHECK(allow_parse(&a, "192.0.2.1", NULL) == 0);
	CHECK(allow_match(a, &p));
	allow_free(a);
}

TEST(virtual_machines_are_allowed_by_their_cid_alone)
{
	static const struct {
		const char *list;
		bool cid3, cid4;
	} t[] = {
		{ "vsock:3", true, false },
		{ "vsock:*", true, true },
		{ "10.0.0.0/8, vsock:4", false, true },
		{ "::/0", false, false },
		{ "0.0.0.0/0, ::/0", false, false },
		{ "::/8", false, false },
		{ "0:7673:0:3::/64", true, false }, /* how it is kept */
		{ "vsock:4294967294", false, false },
	};
	struct peer three = { 0 }, four = { 0 };
	struct allow *a;

	peer_set_vsock(&three, 3);
	peer_set_vsock(&four, 4);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CHECK(allow_parse(&a, t[i].list, NULL) == 0);
		CHECK(allow_match(a, &three) == t[i].cid3);
		CHECK(allow_match(a, &four) == t[i].cid4);
		allow_free(a);
	}
	CHECK(!allowed("vsock:*", "127.0.0.1"));
	CHECK(!allowed("vsock:*", "2001:db8::1"));
	CHECK(peer_family(&three) == FAMILY_VSOCK);
}

/* Whether a list lets in whoever has proved these names, NULL at the end. */
static bool
proved(const char *list, enum proof_kind kind, const char *const *names)
{
	struct peer p = peer("203.0.113.9");
	struct proof *proof = proof_new(kind);
	struct allow *a = NULL;
	bool yes;

	for (; *names != NULL; names++)
		proof_name(proof, *names, strlen(*names));
	p.proof = proof;
	CHECK(allow_parse(&a, list, NULL) == 0);
	yes = allow_match(a, &p);
	CHECK(allow_names(a));
	CHECK(allow_may_be_anybody(a)); /* an address does not tell */
	allow_free(a);
	proof_free(proof);
	return yes;
}

TEST(names_have_to_be_proved_in_their_own_way)
{
	static const char *const machine[] = { "Build7", "lab.example", NULL };
	static const char *const user[] = { "alice", NULL };

	CHECK(proved("cn:build7", PROOF_CERTIFICATE, machine));
	CHECK(proved("cn:LAB.example", PROOF_CERTIFICATE, machine));
	CHECK(proved("cn:build?", PROOF_CERTIFICATE, machine));
	CHECK(proved("10.0.0.0/8, cn:nobody cn:*.example", PROOF_CERTIFICATE,
	    machine));
	CHECK(!proved("cn:build", PROOF_CERTIFICATE, machine));
	CHECK(!proved("cn:example, psk:*", PROOF_CERTIFICATE, machine));
	CHECK(proved("psk:alice", PROOF_PSK, user));
	CHECK(proved("psk:a*", PROOF_PSK, user));
	CHECK(!proved("psk:Alice", PROOF_PSK, user));
	CHECK(!proved("cn:alice, cn:*", PROOF_PSK, user));
	CHECK(proved("cn:alice, 203.0.113.0/24", PROOF_PSK, user));
}

TEST(who_has_proved_nothing_is_no_name)
{
	struct peer local = { .is_unix = true };
	struct allow *a = NULL;

	CHECK(!allowed("cn:*, psk:*", "192.0.2.1"));
	CHECK(allowed("cn:*, 192.0.2.1", "192.0.2.1"));
	CHECK(allow_parse(&a, "cn:*", NULL) == 0);
	CHECK(!allow_match(a, &local));
	allow_free(a);
	CHECK(allow_parse(&a, "cn:*, 192.0.2.1", NULL) == 0);
	CHECK(allow_match(a, &local));
	allow_free(a);
	CHECK(allow_parse(&a, "10.0.0.0/8", NULL) == 0);
	CHECK(!allow_names(a) && !allow_names(NULL));
	allow_free(a);
}

TEST(rubbish_is_refused_with_the_word_that_is_wrong)
{
	CHECK(refused("10.0.0.0/33", "10.0.0.0/33"));
	CHECK(refused("2001:db8::/129", "0 to 128"));
	CHECK(refused("10.0.0.0/", "10.0.0.0/"));
	CHECK(refused("10.0.0.0/8x", "prefix length"));
	CHECK(refused("10.0.0.0/-1", "prefix length"));
	CHECK(refused("10.0.0.0/4294967304", "prefix length"));
	CHECK(refused("10.0.0/8", "not an address"));
	CHECK(refused("localhost", "localhost"));
	CHECK(refused("cn:", "cn:"));
	CHECK(refused("cn:a, psk:", "psk:"));
	CHECK(refused("dn:a", "dn:a"));
	CHECK(refused("192.0.2.1, nonsense", "nonsense"));
	CHECK(refused("fe80::1%lo", "fe80::1%lo"));
	CHECK(refused("1111111111111111111111111111111111111111111111111111111"
	    "1111111111111111111111111", "too long"));
}

int
main(void)
{
	RUN(no_list_allows_everybody);
	RUN(an_address_alone_is_itself_only);
	RUN(networks_end_at_their_prefix_to_the_bit);
	RUN(bits_behind_the_prefix_do_not_count);
	RUN(all_of_ipv4_and_all_of_ipv6_are_two_things);
	RUN(mapped_networks_are_ipv4);
	RUN(any_item_of_a_list_will_do);
	RUN(a_unix_socket_is_always_allowed);
	RUN(virtual_machines_are_allowed_by_their_cid_alone);
	RUN(names_have_to_be_proved_in_their_own_way);
	RUN(who_has_proved_nothing_is_no_name);
	RUN(rubbish_is_refused_with_the_word_that_is_wrong);
	return DONE();
}
