/* The registry's other side: negotiations, catalog, counters, threads. */
#include <arpa/inet.h>

#include <pthread.h>
#include <time.h>

#include "export_spool.h"

static struct peer
tcp_peer(const char *address)
{
	struct peer p = { .addr = { [10] = 0xff, [11] = 0xff } };

	inet_pton(AF_INET, address, p.addr + 12);
	return p;
}

/* Why, and that the words tell a client nothing about the server's files. */
static bool
refused(const char *name, size_t len, const struct peer *p, bool joining,
    enum refusal want)
{
	struct generation *g = (struct generation *)&g;
	struct diag d = { "" };
	enum refusal why = registry_acquire(reg, name, len, p, joining, &g, &d);

	return why == want && g == NULL && d.text[0] != '\0' &&
	    strchr(d.text, '/') == NULL;
}

TEST(only_the_exact_bytes_of_a_name_match)
{
	struct generation *g;
	char longest[NAME_SIZE + 8];

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	memset(longest, 'x', sizeof longest);
	longest[NAME_MAX_LEN] = '\0';
	serve(longest, "a");
	apply();
	CHECK(refused("disk\0", 5, &local, true, REFUSE_UNKNOWN));
	CHECK(refused("disk\0x", 6, &local, true, REFUSE_UNKNOWN));
	CHECK(refused("dis", 3, &local, true, REFUSE_UNKNOWN));
	CHECK(refused("Disk", 4, &local, true, REFUSE_UNKNOWN));
	CHECK(refused("", 0, &local, true, REFUSE_UNKNOWN));
	CHECK(registry_acquire(reg, "disks", 4, &local, true, &g, NULL) ==
	    REFUSE_NOT);
	registry_leave(g);
	CHECK(registry_acquire(reg, longest, NAME_MAX_LEN, &local, true, &g,
	    NULL) == REFUSE_NOT);
	registry_leave(g);
	longest[NAME_MAX_LEN] = 'x';
	CHECK(refused(longest, NAME_MAX_LEN + 1, &local, true,
	    REFUSE_UNKNOWN));
	CHECK(refused(longest, sizeof longest, &local, true, REFUSE_UNKNOWN));
	end();
}

TEST(addresses_that_are_not_allowed_are_refused)
{
	struct peer in = tcp_peer("10.1.2.3"), out = tcp_peer("192.0.2.1");

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a")->allow = strdup("10.0.0.0/8");
	serve("lost", "none")->allow = strdup("10.0.0.0/8");
	apply();
	CHECK(refusal("disk", &in, true) == REFUSE_NOT);
	CHECK(refusal("disk", &local, true) == REFUSE_NOT);
	CHECK(refused("disk", 4, &out, true, REFUSE_DENIED));
	CHECK(refused("disk", 4, &out, false, REFUSE_DENIED));
	CHECK(refused("lost", 4, &out, true, REFUSE_FAILED));
	end();
}

TEST(max_clients_counts_the_clients_of_all_generations)
{
	struct generation *a, *b, *info;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a")->max_clients = 2;
	apply();
	a = join("disk");
	image("a", 'b', IMAGE_SIZE);
	b = join("disk");
	CHECK(a->number == 1 && b->number == 2);
	CHECK(refused("disk", 4, &local, true, REFUSE_FULL));
	CHECK(registry_acquire(reg, "disk", 4, &local, false, &info, NULL) ==
	    REFUSE_NOT);
	generation_unref(info);
	registry_leave(a);
	a = join("disk");
	CHECK(a != NULL && a->number == 2);
	registry_leave(a);
	registry_leave(b);
	end();
}

TEST(an_exclusive_export_has_one_client_and_says_who_it_is)
{
	struct peer first = tcp_peer("10.1.2.3"), second = tcp_peer("10.1.2.4");
	struct generation *a, *b;
	struct diag d;
	uint64_t answered;

	strcpy(first.text, "10.1.2.3:4711");
	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a")->exclusive = true;
	apply();
	CHECK(!registry_busy(reg, "disk", 4, &answered));
	CHECK(registry_acquire(reg, "disk", 4, &first, true, &a, &d) ==
	    REFUSE_NOT);
	CHECK(registry_acquire(reg, "disk", 4, &second, true, &b, &d) ==
	    REFUSE_BUSY);
	CHECK_STR(d.text, "export is in exclusive use by 10.1.2.3:4711");
	CHECK(refusal("disk", &second, false) == REFUSE_NOT);
	CHECK(registry_busy(reg, "disk", 4, &answered) && answered == 0);
	registry_answered(a, 17);
	CHECK(registry_busy(reg, "disk", 4, &answered) && answered == 17);
	registry_leave(a);
	CHECK(!registry_busy(reg, "disk", 4, &answered));
	CHECK(refusal("disk", &second, true) == REFUSE_NOT);
	CHECK(!registry_busy(reg, "none", 4, &answered));
	end();
}

TEST(clients_from_before_it_was_exclusive_count)
{
	struct generation *a, *b;
	struct diag d;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	a = join("disk");
	b = join("disk");
	serve("disk", "a")->exclusive = true;
	apply();
	CHECK(refused("disk", 4, &local, true, REFUSE_BUSY));
	registry_leave(a);
	CHECK(registry_acquire(reg, "disk", 4, &local, true, &a, &d) ==
	    REFUSE_BUSY);
	CHECK_STR(d.text, "export is for one client at a time, and still has 1");
	registry_leave(b);
	CHECK(refusal("disk", &local, true) == REFUSE_NOT);
	end();
}

TEST(who_only_asks_is_no_client)
{
	struct generation *g;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	CHECK(registry_acquire(reg, "disk", 4, &local, false, &g, NULL) ==
	    REFUSE_NOT);
	CHECK(g->clients == 0);
	drop("disk");
	CHECK(apply() == 1 && said_kind("disk", CHANGE_GONE));
	CHECK(first_byte(g) == 'a');
	generation_unref(g);
	end();
}

/* REFUSE_NOT with nothing in g: it takes a look. */
static enum refusal
at_once(const char *name, struct generation **g)
{
	enum refusal refusal;
	struct diag d;

	return registry_acquire_now(reg, name, strlen(name), &local, true,
	    &refusal, g, &d) ? refusal : REFUSE_NOT;
}

TEST(what_takes_no_look_is_told_at_once)
{
	struct generation *a, *g;
	bool local_files;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	serve("one", "a")->exclusive = true;
	apply();
	a = join("one");
	local_files = a->id.local;
	CHECK(at_once("none", &g) == REFUSE_UNKNOWN && g == NULL);
	CHECK(at_once("one", &g) == REFUSE_NOT && g == NULL); /* busy: not told */
	registry_leave(a);
	CHECK(at_once("disk", &g) == REFUSE_NOT);
	CHECK((g != NULL) == local_files);
	if (g != NULL) {
		CHECK(g->clients == 1 && first_byte(g) == 'a');
		registry_leave(g);
	}
	image("a", 'b', IMAGE_SIZE);
	CHECK(at_once("disk", &g) == REFUSE_NOT && g == NULL);
	a = join("disk");
	CHECK(a->clients == 1 && first_byte(a) == 'b');
	registry_leave(a);
	end();
}

TEST(a_replaced_generation_is_closed_with_its_last_user)
{
	struct generation *g;
	struct catalog *c;
	char path[64];
	int fd;

	begin();
	image("a", 'a', IMAGE_SIZE);
	/* The image's descriptor will be the lowest that is free. */
	fd = dup(0);
	close(fd);
	serve("disk", "a");
	apply();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	CHECK(access(path, F_OK) == 0);
	g = join("disk");
	c = registry_catalog(reg);
	serve("disk", "a")->description = strdup("x");
	apply();
	CHECK(access(path, F_OK) == 0);
	registry_leave(g);
	CHECK(access(path, F_OK) == 0);
	catalog_unref(c);
	CHECK(access(path, F_OK) == -1);
	end();
}

TEST(the_catalog_is_sorted_and_has_failed_ones_too)
{
	struct generation *g;
	struct catalog *c;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("b", "a");
	serve("a", "a");
	serve("c", "none");
	serve("d", "a");
	apply();
	g = join("d");
	drop("d");
	apply();
	c = registry_catalog(reg);
	CHECK(c->count == 3);
	CHECK_STR(c->entries[0].name, "a");
	CHECK_STR(c->entries[1].name, "b");
	CHECK_STR(c->entries[2].name, "c");
	CHECK(c->entries[0].generation->number == 1);
	CHECK(c->entries[2].generation == NULL);
	catalog_unref(c);
	registry_leave(g);
	end();
}

TEST(a_catalog_stays_what_it_was)
{
	struct catalog *before, *again, *after;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("a", "a");
	apply();
	before = registry_catalog(reg);
	again = registry_catalog(reg);
	CHECK(before == again);
	serve("a", "a");
	CHECK(apply() == 1 && said_kind("a", CHANGE_SAME));
	after = registry_catalog(reg);
	CHECK(after == before);
	catalog_unref(after);
	drop("a");
	serve("b", "a");
	apply();
	after = registry_catalog(reg);
	CHECK(before->count == 1 && after->count == 1);
	CHECK_STR(before->entries[0].name, "a");
	CHECK_STR(after->entries[0].name, "b");
	CHECK(first_byte(before->entries[0].generation) == 'a');
	catalog_unref(before);
	catalog_unref(again);
	catalog_unref(after);
	catalog_unref(NULL);
	end();
}

TEST(a_catalog_shows_what_a_negotiation_found)
{
	struct catalog *c;

	begin();
	image("a", 'a', IMAGE_SIZE);
	serve("a", "a");
	apply();
	catalog_unref(registry_catalog(reg));
	image("a", 'b', IMAGE_SIZE);
	CHECK(refusal("a", &local, true) == REFUSE_NOT);
	c = registry_catalog(reg);
	CHECK(c->entries[0].generation->number == 2);
	catalog_unref(c);
	end();
}

/* Slots of exports of that name; -1 when the counters cannot be read. */
static int
counted(struct stats *reader, const char *name)
{
	struct stats_snapshot snap;
	int n = 0;
	size_t i;

	if (stats_read(reader, &snap, NULL) == -1)
		return -1;
	for (i = 0; i < snap.nexports; i++)
		n += strcmp(snap.exports[i].name, name) == 0;
	stats_snapshot_free(&snap);
	return n;
}

TEST(an_export_has_a_slot_for_its_counters_as_long_as_it_lives)
{
	char dir[] = "/tmp/nbdmux-export-stats-XXXXXX", cmd[128];
	struct stats *stats, *reader;
	struct generation *g;
	int fd;

	CHECK(mkdtemp(dir) != NULL);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	stats = stats_create(fd, 16, 16, NULL);
	reader = stats_open(fd, NULL);
	CHECK(stats != NULL && reader != NULL);
	begin_with(false, stats);
	image("a", 'a', IMAGE_SIZE);
	serve("disk", "a");
	apply();
	g = join("disk");
	CHECK(g->stats_slot != STATS_NOWHERE);
	CHECK(counted(reader, "disk") == 1);
	drop("disk");
	apply();
	CHECK(counted(reader, "disk") == 1);
	registry_leave(g);
	apply();
	CHECK(counted(reader, "disk") == 0);
	end();
	stats_close(reader);
	stats_close(stats);
	close(fd);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
	CHECK(system(cmd) == 0);
}

/* --- many threads --------------------------------------------------------- */

#define CLIENTS 4
#define ROUNDS 2000
#define LIMIT 3

static atomic_bool stop;
static atomic_uint inside, most, served, wrong;

/* Joins, reads, leaves; who got in never saw more than the limit inside. */
static void *
client(void *arg)
{
	static const char *const names[] = { "one", "two", "limited" };
	struct generation *g;
	struct catalog *c;
	unsigned i = (unsigned)(size_t)arg, n, max;

	for (; !atomic_load(&stop); i++) {
		const char *name = names[i % 3];
		bool limited = i % 3 == 2;

		c = registry_catalog(reg);
		catalog_unref(c);
		if (registry_acquire(reg, name, strlen(name), &local, true, &g,
		    NULL) != REFUSE_NOT)
			continue;
		n = limited ? atomic_fetch_add(&inside, 1) + 1 : 0;
		max = atomic_load(&most);
		while (n > max &&
		    !atomic_compare_exchange_weak(&most, &max, n))
			;
		if (first_byte(g) < 'a')
			atomic_fetch_add(&wrong, 1);
		atomic_fetch_add(&served, 1);
		if (limited)
			atomic_fetch_sub(&inside, 1);
		registry_leave(g);
	}
	return NULL;
}

static void
edit(unsigned round)
{
	switch (round % 6) {
	case 0:
		image("a", (char)('a' + round % 26), IMAGE_SIZE);
		break;
	case 1:
		drop("one");
		break;
	case 2:
		serve("one", "a");
		break;
	case 3:
		spoil("two", "two.ini:1: bad");
		break;
	case 4:
		serve("two", "a")->mode = round % 4 ? MODE_RW : MODE_RO;
		break;
	case 5:
		image("a", (char)('a' + round % 26), IMAGE_SIZE * 2);
		kick("one");
	}
}

TEST(clients_come_and_go_under_two_thousand_changes)
{
	pthread_t threads[CLIENTS];
	unsigned i, round;

	begin_with(true, NULL);
	atomic_store(&stop, false);
	image("a", 'a', IMAGE_SIZE);
	serve("one", "a");
	serve("two", "a");
	serve("limited", "a")->max_clients = LIMIT;
	apply();
	for (i = 0; i < CLIENTS; i++)
		if (pthread_create(&threads[i], NULL, client,
		    (void *)(size_t)i) != 0)
			abort();
	for (round = 0; round < ROUNDS; round++) {
		edit(round);
		apply();
		view.nkick = 0;
	}
	atomic_store(&stop, true);
	for (i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
	printf("# %u served, %u wrong\n", served, wrong);
	CHECK(served > 100);
	CHECK(wrong == 0);
	CHECK(most >= 1 && most <= LIMIT);
	/* All have left, so what is removed now is gone at once. */
	serve("one", "a");
	apply();
	CHECK(apply() == 0);
	drop("one");
	drop("two");
	drop("limited");
	CHECK(apply() == 3 && said_kind("two", CHANGE_GONE));
	end();
}

static atomic_uint newest; /* version of the image that is surely there */

static uint32_t
version(struct generation *g)
{
	uint32_t v = 0;
	struct io io = { .op = IO_READ, .length = sizeof v, .data = &v };

	if (backend_submit(g->backend, &io) == IO_BLOCK)
		backend_work(g->backend, &io);
	return v;
}

static void *
checker(void *arg)
{
	struct generation *g;
	uint32_t before;

	(void)arg;
	while (!atomic_load(&stop)) {
		before = atomic_load(&newest);
		if (registry_acquire(reg, "disk", 4, &local, true, &g, NULL) !=
		    REFUSE_NOT) {
			atomic_fetch_add(&wrong, 1);
			continue;
		}
		if (version(g) < before)
			atomic_fetch_add(&wrong, 1);
		atomic_fetch_add(&served, 1);
		registry_leave(g);
	}
	return NULL;
}

static void *
applier(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		apply();
	return NULL;
}

static void
publish(uint32_t v)
{
	int fd = open(at(".v"), O_CREAT | O_TRUNC | O_WRONLY, 0644);

	if (write(fd, &v, sizeof v) != sizeof v ||
	    rename(at(".v"), at("a")) == -1)
		abort();
	close(fd);
	atomic_store(&newest, v);
}

TEST(no_client_gets_an_older_image_than_there_was_when_it_asked)
{
	pthread_t threads[CLIENTS + 1];
	uint32_t v = 1;
	unsigned i;

	begin();
	atomic_store(&stop, false);
	atomic_store(&served, 0);
	atomic_store(&wrong, 0);
	publish(v);
	serve("disk", "a");
	apply();
	for (i = 0; i <= CLIENTS; i++)
		if (pthread_create(&threads[i], NULL,
		    i < CLIENTS ? checker : applier, NULL) != 0)
			abort();
	while (v < 2 * ROUNDS)
		publish(++v);
	atomic_store(&stop, true);
	for (i = 0; i <= CLIENTS; i++)
		pthread_join(threads[i], NULL);
	CHECK(served > 100 && wrong == 0);
	end();
}

/* --- many exports --------------------------------------------------------- */

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

TEST(many_exports_are_one_view)
{
	struct catalog *c;
	char name[NAME_SIZE];
	double t0, t1, t2;
	unsigned i;

	begin();
	image("a", 'a', IMAGE_SIZE);
	for (i = 0; i < 900; i++) {
		snprintf(name, sizeof name, "disk-%05u", i);
		serve(name, "a");
	}
	t0 = now();
	CHECK(apply() == 900);
	t1 = now();
	CHECK(apply() == 0);
	t2 = now();
	printf("# 900 exports: first apply %.1f ms, again %.1f ms\n", t1 - t0,
	    t2 - t1);
	c = registry_catalog(reg);
	CHECK(c->count == 900);
	CHECK_STR(c->entries[899].name, "disk-00899");
	catalog_unref(c);
	end();
}

int
main(void)
{
	RUN(only_the_exact_bytes_of_a_name_match);
	RUN(addresses_that_are_not_allowed_are_refused);
	RUN(max_clients_counts_the_clients_of_all_generations);
	RUN(an_exclusive_export_has_one_client_and_says_who_it_is);
	RUN(clients_from_before_it_was_exclusive_count);
	RUN(who_only_asks_is_no_client);
	RUN(what_takes_no_look_is_told_at_once);
	RUN(a_replaced_generation_is_closed_with_its_last_user);
	RUN(the_catalog_is_sorted_and_has_failed_ones_too);
	RUN(a_catalog_stays_what_it_was);
	RUN(a_catalog_shows_what_a_negotiation_found);
	RUN(an_export_has_a_slot_for_its_counters_as_long_as_it_lives);
	RUN(clients_come_and_go_under_two_thousand_changes);
	RUN(no_client_gets_an_older_image_than_there_was_when_it_asked);
	RUN(many_exports_are_one_view);
	return DONE();
}
