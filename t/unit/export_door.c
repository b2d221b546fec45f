/* Who is turned away at the door: whom every export would refuse, nobody else. */
#include <arpa/inet.h>

/* Not all that the spool's header has is needed here. */
#pragma GCC diagnostic ignored "-Wunused-function"

#include "base/clock.h"
#include "export_spool.h"

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
welcome(const char *address)
{
	struct peer p = peer(address);

	return registry_welcomes(reg, &p);
}

static void
export(const char *name, const char *allow)
{
	struct record *r = serve(name, "a");

	if (allow != NULL)
		r->allow = strdup(allow);
}

static void
begin_with_image(void)
{
	begin();
	image("a", 'a', IMAGE_SIZE);
}

TEST(without_exports_everybody_may_come)
{
	begin_with_image();
	CHECK(welcome("192.0.2.1"));
	apply();
	CHECK(welcome("192.0.2.1"));
	CHECK(welcome("2001:db8::1"));
	end();
}

TEST(whom_all_exports_refuse_is_not_welcome)
{
	begin_with_image();
	export("one", "10.0.0.0/8, 192.0.2.7");
	export("two", "2001:db8::/32");
	apply();
	CHECK(welcome("10.0.0.0"));
	CHECK(welcome("10.255.255.255"));
	CHECK(!welcome("11.0.0.0"));
	CHECK(!welcome("9.255.255.255"));
	CHECK(welcome("192.0.2.7"));
	CHECK(!welcome("192.0.2.6"));
	CHECK(!welcome("192.0.2.8"));
	CHECK(welcome("2001:db8:ffff::1"));
	CHECK(!welcome("2001:db9::"));
	CHECK(!welcome("::1"));
	end();
}

TEST(all_of_ipv6_does_not_let_in_virtual_machines)
{
	struct peer three = { 0 };

	peer_set_vsock(&three, 3);
	begin_with_image();
	export("one", "::/0, 10.0.0.0/8");
	apply();
	CHECK(!registry_welcomes(reg, &three));
	CHECK(welcome("2001:db8::1"));
	export("two", "vsock:*");
	apply();
	CHECK(registry_welcomes(reg, &three));
	CHECK(welcome("2001:db8::1"));
	CHECK(!welcome("192.0.2.1"));
	end();
}

TEST(one_export_for_everybody_opens_the_door)
{
	begin_with_image();
	export("one", "10.0.0.0/8");
	apply();
	CHECK(!welcome("192.0.2.1"));
	export("two", NULL);
	apply();
	CHECK(welcome("192.0.2.1"));
	drop("two");
	apply();
	CHECK(!welcome("192.0.2.1"));
	end();
}

TEST(the_probe_is_an_export_for_everybody)
{
	begin_with(true, NULL);
	image("a", 'a', IMAGE_SIZE);
	export("one", "10.0.0.0/8");
	apply();
	CHECK(welcome("192.0.2.1"));
	end();
}

TEST(an_export_that_has_failed_may_be_for_anybody)
{
	begin_with_image();
	export("one", "10.0.0.0/8");
	spoil("two", "bad");
	apply();
	CHECK(welcome("192.0.2.1"));
	end();
}

TEST(unix_sockets_are_always_welcome)
{
	begin_with_image();
	export("one", "10.0.0.0/8");
	apply();
	CHECK(registry_welcomes(reg, &local));
	end();
}

/* As in "allow": who writes ::/0 does not think of IPv4. */
TEST(all_of_ipv6_does_not_let_in_ipv4)
{
	begin_with_image();
	export("one", "::/0");
	apply();
	CHECK(welcome("2001:db8::1"));
	CHECK(!welcome("192.0.2.1"));
	export("one", "0.0.0.0/0");
	apply();
	CHECK(!welcome("2001:db8::1"));
	CHECK(welcome("192.0.2.1"));
	end();
}

TEST(a_list_that_changes_changes_the_door)
{
	begin_with_image();
	export("one", "10.0.0.0/8");
	apply();
	export("one", "192.0.2.0/24");
	apply();
	CHECK(welcome("192.0.2.1"));
	CHECK(!welcome("10.0.0.1"));
	end();
}

/* Lists at random, that overlap and touch: as each list says for itself. */
TEST(the_door_says_what_all_lists_together_say)
{
	struct allow *lists[40];
	char text[64], name[32];
	struct peer p;
	bool any;

	srand(3);
	begin_with_image();
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof text, i % 3 ? "10.0.%d.%d/%d" :
		    "2001:db8:0:0:0:0:%x:%x/%d", rand() % 3, rand() % 256,
		    i % 3 ? 24 + rand() % 9 : 110 + rand() % 19);
		snprintf(name, sizeof name, "e%d", i);
		CHECK(allow_parse(&lists[i], text, NULL) == 0);
		export(name, text);
	}
	apply();
	for (int i = 0; i < 3000; i++) {
		snprintf(text, sizeof text, i % 2 ? "10.0.%d.%d" :
		    "2001:db8:0:0:0:0:%x:%x", rand() % 4, rand() % 256);
		p = peer(text);
		any = false;
		for (int j = 0; j < 40; j++)
			any = any || allow_match(lists[j], &p);
		CHECK(registry_welcomes(reg, &p) == any);
	}
	for (int j = 0; j < 40; j++)
		allow_free(lists[j]);
	end();
}

TEST(ten_thousand_lists_cost_a_client_less_than_ten_microseconds)
{
	char text[64], name[32];
	uint64_t begun, took;
	unsigned in = 0;

	begin_with_image();
	for (int i = 0; i < 10000; i++) {
		snprintf(text, sizeof text, "10.%d.%d.7, 172.16.%d.0/30",
		    i / 250, i % 250, i % 256);
		snprintf(name, sizeof name, "e%05d", i);
		export(name, text);
	}
	apply();
	begun = clock_now(CLOCK_MONOTONIC);
	for (int i = 0; i < 100000; i++) {
		struct peer p = { .addr = { [10] = 0xff, 0xff, 10,
		    (uint8_t)(i % 40), (uint8_t)(i % 256), 7 } };

		in += registry_welcomes(reg, &p);
	}
	took = clock_now(CLOCK_MONOTONIC) - begun;
	CHECK(in > 90000 && in < 100000);
	CHECK(took < 100000 * UINT64_C(10000));
	printf("# %llu ns each\n", (unsigned long long)took / 100000);
	end();
}

int
main(void)
{
	RUN(without_exports_everybody_may_come);
	RUN(whom_all_exports_refuse_is_not_welcome);
	RUN(one_export_for_everybody_opens_the_door);
	RUN(the_probe_is_an_export_for_everybody);
	RUN(an_export_that_has_failed_may_be_for_anybody);
	RUN(unix_sockets_are_always_welcome);
	RUN(all_of_ipv6_does_not_let_in_ipv4);
	RUN(all_of_ipv6_does_not_let_in_virtual_machines);
	RUN(a_list_that_changes_changes_the_door);
	RUN(the_door_says_what_all_lists_together_say);
	RUN(ten_thousand_lists_cost_a_client_less_than_ten_microseconds);
	return DONE();
}
