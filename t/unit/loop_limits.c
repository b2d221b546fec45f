/* Limits of connections: in all, and per address or network of them. */
#include <arpa/inet.h>

#include "loop/limits.h"
#include "unit.h"

static struct peer
from(const char *text)
{
	struct peer p = { .addr = { [10] = 0xff, [11] = 0xff } };

	if (inet_pton(AF_INET, text, p.addr + 12) != 1)
		inet_pton(AF_INET6, text, p.addr);
	return p;
}

TEST(an_address_gets_no_more_than_its_share)
{
	struct limits *l = limits_new(NULL);
	struct peer a = from("192.0.2.1"), b = from("192.0.2.2");

	CHECK(limits_enter(l, &a, 100, 2) == LIMIT_NONE);
	CHECK(limits_enter(l, &a, 100, 2) == LIMIT_NONE);
	CHECK(limits_enter(l, &a, 100, 2) == LIMIT_ADDRESS);
	CHECK(limits_enter(l, &b, 100, 2) == LIMIT_NONE);
	CHECK(limits_total(l) == 3);
	CHECK(limits_of(l, &a) == 2 && limits_of(l, &b) == 1);
	limits_leave(l, &a);
	CHECK(limits_enter(l, &a, 100, 2) == LIMIT_NONE);
	CHECK(limits_enter(l, &a, 100, 2) == LIMIT_ADDRESS);
	limits_free(l);
}

TEST(all_together_get_no_more_than_the_total)
{
	struct limits *l = limits_new(NULL);
	struct peer p = { .is_unix = true };
	char text[32];

	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "10.0.0.%d", i);
		p = from(text);
		CHECK(limits_enter(l, &p, 10, 1) == LIMIT_NONE);
	}
	p = from("10.0.0.99");
	CHECK(limits_enter(l, &p, 10, 1) == LIMIT_TOTAL);
	p = from("10.0.0.3");
	limits_leave(l, &p);
	CHECK(limits_enter(l, &p, 10, 1) == LIMIT_NONE);
	limits_free(l);
}

TEST(a_network_of_ipv6_counts_as_one_address)
{
	struct limits *l = limits_new(NULL);
	struct peer a = from("2001:db8:1:2::1"), b = from("2001:db8:1:2:9::7"),
	            other = from("2001:db8:1:3::1");

	CHECK(limits_enter(l, &a, 100, 1) == LIMIT_NONE);
	CHECK(limits_enter(l, &b, 100, 1) == LIMIT_ADDRESS);
	CHECK(limits_enter(l, &other, 100, 1) == LIMIT_NONE);
	limits_leave(l, &a);
	CHECK(limits_enter(l, &b, 100, 1) == LIMIT_NONE);
	limits_free(l);
}

TEST(unix_sockets_have_no_address_to_count)
{
	struct limits *l = limits_new(NULL);
	struct peer p = { .is_unix = true };

	for (int i = 0; i < 50; i++)
		CHECK(limits_enter(l, &p, 50, 1) == LIMIT_NONE);
	CHECK(limits_enter(l, &p, 50, 1) == LIMIT_TOTAL);
	for (int i = 0; i < 50; i++)
		limits_leave(l, &p);
	CHECK(limits_total(l) == 0);
	limits_free(l);
}

TEST(a_virtual_machine_is_counted_by_its_cid)
{
	struct limits *l = limits_new(NULL);
	struct peer three = { 0 }, four = { 0 };

	peer_set_vsock(&three, 3);
	peer_set_vsock(&four, 4);
	CHECK(limits_enter(l, &three, 10, 1) == LIMIT_NONE);
	CHECK(limits_enter(l, &three, 10, 1) == LIMIT_ADDRESS);
	CHECK(limits_enter(l, &four, 10, 1) == LIMIT_NONE);
	limits_leave(l, &three);
	limits_leave(l, &four);
	limits_free(l);
}

TEST(an_ebb_is_told_once)
{
	struct limits *l = limits_new(NULL);
	struct peer p = { .is_unix = true };

	for (int i = 0; i < 200; i++)
		CHECK(limits_enter(l, &p, 1000, 1000) == LIMIT_NONE);
	CHECK(!limits_ebb(l));
	for (int i = 0; i < 99; i++)
		limits_leave(l, &p);
	CHECK(!limits_ebb(l)); /* more than half are still there */
	limits_leave(l, &p);
	CHECK(limits_ebb(l));
	CHECK(!limits_ebb(l));
	for (int i = 0; i < 63; i++)
		limits_leave(l, &p);
	CHECK(!limits_ebb(l)); /* these were few */
	limits_leave(l, &p);
	CHECK(limits_ebb(l));
	limits_free(l);
}

int
main(void)
{
	RUN(an_address_gets_no_more_than_its_share);
	RUN(all_together_get_no_more_than_the_total);
	RUN(a_network_of_ipv6_counts_as_one_address);
	RUN(a_virtual_machine_is_counted_by_its_cid);
	RUN(unix_sockets_have_no_address_to_count);
	RUN(an_ebb_is_told_once);
	return DONE();
}
