/* The counters: slots, sums, threads, and files that are not ours. */
#include <sys/mount.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "base/clock.h"
#include "spool/places.h"
#include "spool/statsfile.h"
#include "spool_dir.h"
#include "unit.h"

static uint32_t
conn_open(struct stats *s, uint32_t export, const char *name,
    uint64_t generation, const char *address, uint64_t started)
{
	return stats_conn_open(s, export, &(struct stats_client) {
		.name = name,
		.generation = generation,
		.address = address,
		.started = started,
	});
}

static struct dir dir;

static struct stats *
create(uint32_t exports, uint32_t conns)
{
	struct diag d = { "" };
	struct stats *s = stats_create(dir.fd, exports, conns, &d);

	if (s == NULL) {
		printf("# %s\n", d.text);
		exit(1);
	}
	return s;
}

static struct stats *
reader(void)
{
	struct diag d = { "" };
	struct stats *s = stats_open(dir.fd, &d);

	if (s == NULL) {
		printf("# %s\n", d.text);
		exit(1);
	}
	return s;
}

static void
look(struct stats *r, struct stats_snapshot *o)
{
	struct diag d;

	if (stats_read(r, o, &d) == -1) {
		printf("# %s\n", d.text);
		exit(1);
	}
}

TEST(connections_and_their_export_are_shown_with_their_sums)
{
	struct stats_counters *c;
	struct stats_snapshot o;
	struct stats *s, *r;
	uint32_t a, b, x, y;

	dir_make(&dir);
	s = create(4, 4);
	r = reader();
	b = stats_export_open(s, "b");
	a = stats_export_open(s, "a");
	x = conn_open(s, a, "a", 3, "192.0.2.1:4711", 2000);
	y = conn_open(s, a, "a", 4, "[2001:db8::1]:1", 1000);
	c = stats_conn_counters(s, x);
	stats_add(&c->requests[STATS_READ], 10);
	stats_add(&c->bytes_read, 40960);
	c = stats_conn_counters(s, y);
	stats_add(&c->requests[STATS_READ], 1);
	stats_add(&c->requests[STATS_OTHER], 2);
	stats_add(&c->errors, 5);
	stats_add(&c->bytes_written, 7);

	look(r, &o);
	CHECK(o.nexports == 2 && o.nconns == 2);
	CHECK_STR(o.exports[0].name, "a");
	CHECK(o.exports[0].slot == a && o.exports[0].clients == 2);
	CHECK(o.exports[0].totals.requests[STATS_READ] == 11);
	CHECK(o.exports[0].totals.requests[STATS_OTHER] == 2);
	CHECK(o.exports[0].totals.errors == 5);
	CHECK(o.exports[0].totals.bytes_read == 40960);
	CHECK(o.exports[0].totals.bytes_written == 7);
	CHECK_STR(o.exports[1].name, "b");
	CHECK(o.exports[1].slot == b && o.exports[1].clients == 0);
	CHECK_STR(o.conns[0].address, "[2001:db8::1]:1");
	CHECK(o.conns[0].started == 1000 && o.conns[0].generation == 4);
	CHECK(o.conns[0].totals.errors == 5);
	CHECK_STR(o.conns[1].address, "192.0.2.1:4711");
	CHECK_STR(o.conns[1].name, "a");
	CHECK(o.conns[1].totals.bytes_read == 40960);
	CHECK(o.taken / 1000000000 + 5 > (uint64_t)time(NULL));
	stats_snapshot_free(&o);

	/* What a connection counted stays with its export. */
	stats_conn_close(s, x);
	look(r, &o);
	CHECK(o.nconns == 1 && o.exports[0].clients == 1);
	CHECK(o.exports[0].totals.requests[STATS_READ] == 11);
	CHECK(o.exports[0].totals.bytes_read == 40960);
	stats_snapshot_free(&o);
	stats_snapshot_free(&o);
	stats_close(s);
	stats_close(r);
	stats_close(NULL);
	dir_remove(&dir);
}

TEST(a_slot_that_is_used_again_begins_at_zero)
{
	struct stats_snapshot o;
	struct stats *s, *r;
	uint32_t e, c;

	dir_make(&dir);
	s = create(1, 1);
	r = reader();
	for (uint64_t i = 0; i < 100; i++) {
		e = stats_export_open(s, "x");
		c = conn_open(s, e, "x", i, "peer", i);
		CHECK(e == 0 && c == 0);
		stats_add(&stats_conn_counters(s, c)->bytes_read, i);
		look(r, &o);
		CHECK(o.nexports == 1 && o.nconns == 1);
		CHECK(o.exports[0].totals.bytes_read == i);
		CHECK(o.conns[0].totals.bytes_read == i);
		CHECK(o.conns[0].generation == i);
		stats_snapshot_free(&o);
		stats_conn_close(s, c);
		stats_export_close(s, e);
		look(r, &o);
		CHECK(o.nexports == 0 && o.nconns == 0);
		stats_snapshot_free(&o);
	}
	stats_close(s);
	stats_close(r);
	dir_remove(&dir);
}

TEST(a_slot_that_is_being_changed_is_not_shown)
{
	struct stats_snapshot o;
	struct stats *s, *r;
	uint32_t e, c;

	dir_make(&dir);
	s = create(2, 2);
	r = reader();
	e = stats_export_open(s, "x");
	c = conn_open(s, e, "x", 1, "p", 1);
	atomic_fetch_add(&s->conns[c].seq, 1);
	look(r, &o);
	CHECK(o.nexports == 1 && o.nconns == 0 && o.exports[0].clients == 0);
	stats_snapshot_free(&o);
	atomic_fetch_add(&s->conns[c].seq, 1);
	atomic_fetch_add(&s->exports[e].seq, 1);
	look(r, &o);
	CHECK(o.nexports == 0 && o.nconns == 1);
	stats_snapshot_free(&o);
	stats_close(s);
	stats_close(r);
	dir_remove(&dir);
}

TEST(when_all_slots_are_taken_there_is_nowhere_and_that_works)
{
	struct stats_snapshot o;
	struct stats *s, *r;
	uint32_t e, c;

	dir_make(&dir);
	s = create(1, 2);
	r = reader();
	e = stats_export_open(s, "x");
	CHECK(stats_export_open(s, "y") == STATS_NOWHERE);
	c = conn_open(s, STATS_NOWHERE, "y", 1, "p", 1);
	CHECK(c != STATS_NOWHERE);
	CHECK(conn_open(s, e, "x", 1, "q", 2) != STATS_NOWHERE);
	CHECK(conn_open(s, e, "x", 1, "r", 3) == STATS_NOWHERE);
	stats_add(&stats_conn_counters(s, STATS_NOWHERE)->bytes_read, 1);
	stats_add(&stats_conn_counters(s, c)->bytes_read, 1);
	look(r, &o);
	CHECK(o.nexports == 1 && o.nconns == 2);
	CHECK(o.exports[0].clients == 1);
	CHECK(o.exports[0].totals.bytes_read == 0);
	CHECK_STR(o.conns[1].name, "y");
	stats_snapshot_free(&o);
	stats_conn_close(s, STATS_NOWHERE);
	stats_export_close(s, STATS_NOWHERE);
	stats_conn_close(s, c);
	CHECK(conn_open(s, e, "x", 1, "r", 3) == c);
	stats_close(s);
	stats_close(r);
	dir_remove(&dir);
}

/* A removed export drains: its slot must not go to another one. */
TEST(an_export_closed_before_its_connections_is_shown_until_the_last)
{
	struct stats_snapshot o;
	struct stats *s, *r;
	uint32_t a, c;

	dir_make(&dir);
	s = create(2, 2);
	r = reader();
	a = stats_export_open(s, "a");
	c = conn_open(s, a, "a", 1, "p", 1);
	stats_export_close(s, a);
	CHECK(stats_export_open(s, "a") != a);
	CHECK(stats_export_open(s, "a") == STATS_NOWHERE);
	look(r, &o);
	CHECK(o.nexports == 2);
	CHECK(o.exports[0].clients == 1 && o.exports[1].clients == 0);
	stats_snapshot_free(&o);
	stats_conn_close(s, c);
	look(r, &o);
	CHECK(o.nexports == 1 && o.exports[0].clients == 0);
	stats_snapshot_free(&o);
	CHECK(stats_export_open(s, "b") == a);
	stats_close(s);
	stats_close(r);
	dir_remove(&dir);
}

TEST(names_and_addresses_that_are_too_long_are_cut)
{
	struct stats_snapshot o;
	struct stats *s, *r;
	char name[NAME_SIZE], address[300];
	uint32_t e;

	dir_make(&dir);
	s = create(1, 1);
	r = reader();
	memset(name, 'n', sizeof(name) - 1);
	name[NAME_MAX_LEN] = '\0';
	memset(address, 'a', sizeof(address) - 1);
	address[299] = '\0';
	e = stats_export_open(s, name);
	CHECK(conn_open(s, e, name, 1, address, 1) == 0);
	look(r, &o);
	CHECK_STR(o.exports[0].name, name);
	CHECK_STR(o.conns[0].name, name);
	CHECK(strlen(o.conns[0].address) == 127);
	stats_snapshot_free(&o);
	stats_close(s);
	stats_close(r);
	dir_remove(&dir);
}

TEST(slots_without_use_cost_no_memory)
{
	struct stats *s;
	struct stat st;

	dir_make(&dir);
	s = create(65536, 100000);
	CHECK(fstatat(dir.fd, STATE_STATS, &st, 0) == 0);
	CHECK(st.st_size > 30 * 1000 * 1000);
	CHECK(st.st_blocks * 512 <= 2 * (off_t)STATS_PAGE);
	CHECK((st.st_mode & 07777) == 0644);
	stats_export_open(s, "a");
	conn_open(s, 0, "a", 1, "p", 1);
	CHECK(fstatat(dir.fd, STATE_STATS, &st, 0) == 0);
	CHECK(st.st_blocks * 512 <= 4 * (off_t)STATS_PAGE);
	CHECK(dir_count(&dir, 0) == 1);
	stats_close(s);
	dir_remove(&dir);
}

/* A store into a hole of a full tmpfs would end the daemon with SIGBUS. */
TEST(a_full_file_system_gives_no_slots_and_kills_nobody)
{
	uint32_t slot = 0, n = 0;
	struct stats *s;
	struct diag d;

	dir_make(&dir);
	if (mount("tmpfs", dir.path, "tmpfs", 0, "size=256k") == -1) {
		printf("# skipped: no right to mount a tmpfs (%s)\n",
		    strerror(errno));
		dir_remove(&dir);
		return;
	}
	close(dir.fd);
	dir.fd = open(dir.path, O_RDONLY | O_DIRECTORY);
	s = create(65536, 65536);
	while ((slot = conn_open(s, STATS_NOWHERE, "a", 1, "p", 1)) !=
	    STATS_NOWHERE) {
		stats_add(&stats_conn_counters(s, slot)->errors, 1);
		n++;
	}
	CHECK(n > 100 && n < 1000);
	CHECK(stats_export_open(s, "a") == STATS_NOWHERE);
	CHECK(stats_create(dir.fd, 10, 10, &d) == NULL);
	CHECK(strstr(d.text, "No space left on device") != NULL);
	CHECK(dir_count(&dir, 0) == 1);
	stats_close(s);
	close(dir.fd);
	CHECK(umount(dir.path) == 0);
	dir.fd = open(dir.path, O_RDONLY | O_DIRECTORY);
	dir_remove(&dir);
}

TEST(a_reader_of_an_earlier_file_is_told_and_not_disturbed)
{
	struct stats_snapshot o;
	struct stats *s, *t, *r;
	struct diag d;

	dir_make(&dir);
	s = create(1, 1);
	r = reader();
	t = create(2, 2);
	stats_export_open(s, "old");
	CHECK(stats_read(r, &o, &d) == -1);
	CHECK(errno == ESTALE);
	CHECK(strstr(d.text, "started anew") != NULL);
	stats_close(r);
	r = reader();
	look(r, &o);
	CHECK(o.nexports == 0);
	stats_snapshot_free(&o);
	stats_close(r);
	stats_close(s);
	stats_close(t);
	dir_remove(&dir);
}

/* --- files that are not ours ----------------------------------------------- */

static const char *
refused(const void *data, size_t len)
{
	static struct diag d;
	struct stats *s;

	dir_put_bytes(&dir, STATE_STATS, data, len);
	strcpy(d.text, "NOT REFUSED");
	s = stats_open(dir.fd, &d);
	stats_close(s);
	CHECK(unlinkat(dir.fd, STATE_STATS, 0) == 0);
	return d.text;
}

TEST(files_that_are_not_ours_are_refused)
{
	static _Alignas(64) char file[STATS_PAGE * 3];
	struct stats_header good = { .magic = STATS_MAGIC,
		.version = STATS_VERSION, .header_size = sizeof(good),
		.export_size = sizeof(struct stats_export_slot),
		.conn_size = sizeof(struct stats_conn_slot),
		.exports = 1, .conns = 1 };
	struct stats_header *h = (struct stats_header *)file;
	struct diag d;

	dir_make(&dir);
	CHECK(stats_open(dir.fd, &d) == NULL);
	CHECK(errno == ENOENT);
	CHECK(strstr(refused("", 0), "is not a file of nbdmuxd's counters") !=
	    NULL);
	CHECK(strstr(refused("nbdmuxst", 8), "is not a file of") != NULL);
	memset(file, 'x', sizeof(file));
	CHECK(strstr(refused(file, sizeof(file)), "is not a file of") != NULL);
	memset(file, 0, sizeof(file));
	memcpy(h, &good, sizeof(good));
	CHECK_STR(refused(file, sizeof(file)), "NOT REFUSED");
	CHECK_STR(refused(file, sizeof(file) - 1),
	    "stats is damaged: its sizes cannot be true");
	h->version = 1;
	CHECK(strstr(refused(file, sizeof(file)), "stats has version 1 and "
	    "this program reads version 3") != NULL);
	h->version = STATS_VERSION;
	h->exports = UINT32_MAX;
	CHECK(strstr(refused(file, sizeof(file)), "damaged") != NULL);
	h->exports = 1;
	h->conns = UINT32_MAX;
	CHECK(strstr(refused(file, sizeof(file)), "damaged") != NULL);
	h->conns = 1;
	h->conn_size++;
	CHECK(strstr(refused(file, sizeof(file)), "damaged") != NULL);
	CHECK(mkdirat(dir.fd, STATE_STATS, 0755) == 0);
	CHECK(stats_open(dir.fd, &d) == NULL);
	CHECK(unlinkat(dir.fd, STATE_STATS, AT_REMOVEDIR) == 0);
	CHECK(mkfifoat(dir.fd, STATE_STATS, 0644) == 0);
	CHECK(stats_open(dir.fd, &d) == NULL);
	dir_remove(&dir);
}

TEST(slots_full_of_rubbish_crash_no_reader)
{
	static _Alignas(64) unsigned char file[STATS_PAGE * 4];
	struct stats_header *h = (struct stats_header *)file;
	struct stats_snapshot o;
	struct stats *s;
	struct diag d;
	int ok = 0;

	dir_make(&dir);
	srandom(3);
	for (int i = 0; i < 50; i++) {
		for (size_t j = 0; j < sizeof(file); j++)
			file[j] = (unsigned char)(i % 2 == 0 ? random() :
			    "\0\1\2a"[random() % 4]);
		*h = (struct stats_header) { .magic = STATS_MAGIC,
			.version = STATS_VERSION, .header_size = sizeof(*h),
			.export_size = sizeof(struct stats_export_slot),
			.conn_size = sizeof(struct stats_conn_slot),
			.exports = 100, .conns = 100,
			.exports_used = UINT32_MAX, .conns_used = UINT32_MAX,
			.epoch = i < 3 ? 1 : 2,
			.daemon = { .loops = UINT64_MAX } };
		dir_put_bytes(&dir, STATE_STATS, file, sizeof(file));
		s = stats_open(dir.fd, &d);
		CHECK(s != NULL);
		ok += stats_read(s, &o, &d) == 0;
		CHECK(o.nexports <= 100 && o.nconns <= 100);
		stats_snapshot_free(&o);
		stats_close(s);
	}
	CHECK(ok == 50);
	/* Cut while it is open. */
	s = reader();
	dir_put(&dir, STATE_STATS, "");
	CHECK(stats_read(s, &o, &d) == -1);
	CHECK(strstr(d.text, "damaged") != NULL);
	stats_close(s);
	dir_remove(&dir);
}

/* The bucket that a reply of so many ns is counted in. */
static int
bucket(uint64_t ns)
{
	struct stats_counters c = { 0 };
	int found = -1;

	stats_took(&c, ns, 3);
	CHECK(atomic_load(&c.latency_ns) == 3 * ns);
	for (int i = 0; i < STATS_LATENCIES; i++) {
		if (atomic_load(&c.latency[i]) == 0)
			continue;
		CHECK(found == -1 && atomic_load(&c.latency[i]) == 3);
		found = i;
	}
	return found;
}

TEST(a_reply_is_in_the_first_bucket_that_is_long_enough)
{
	CHECK(bucket(0) == 0 && bucket(1) == 0 && bucket(8000) == 0);
	CHECK(bucket(8001) == 1 && bucket(16000) == 1 && bucket(16001) == 2);
	for (int i = 0; i < STATS_LATENCIES - 1; i++) {
		CHECK(bucket(STATS_LATENCY_US(i) * 1000) == i);
		CHECK(bucket(STATS_LATENCY_US(i) * 1000 + 1) == i + 1);
	}
	CHECK(bucket(UINT64_MAX / 8) == STATS_LATENCIES - 1);
}

static uint64_t
lag(struct stats *r)
{
	struct stats_snapshot o;
	uint64_t ns;

	look(r, &o);
	CHECK(o.nloops == 2);
	CHECK(o.loops[1].lag == 0 && o.loops[1].rounds == 0);
	ns = o.loops[0].lag;
	stats_snapshot_free(&o);
	return ns;
}

TEST(the_longest_round_is_remembered_for_a_window_or_two)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC);
	struct stats *s, *r;
	struct stats_loop *l;

	dir_make(&dir);
	s = create(1, 1);
	r = reader();
	atomic_store(&stats_daemon(s)->loops, 2);
	l = &stats_daemon(s)->loop[0];
	/* Rounds of long ago, then of the window before, then of now. */
	stats_round(l, now - 3 * STATS_WINDOW, 900);
	CHECK(lag(r) == 0);
	stats_round(l, now - STATS_WINDOW * 5 / 4, 100);
	CHECK(lag(r) == 100);
	stats_round(l, now - STATS_WINDOW * 9 / 8, 300);
	stats_round(l, now - STATS_WINDOW * 9 / 8, 200);
	CHECK(lag(r) == 300);
	stats_round(l, now - STATS_WINDOW / 8, 50);
	CHECK(lag(r) == 300);
	stats_round(l, now, 400);
	CHECK(lag(r) == 400);
	CHECK(atomic_load(&l->rounds) == 6 && atomic_load(&l->busy) == 1950);
	stats_close(s);
	stats_close(r);
	dir_remove(&dir);
}

TEST(the_sum_of_all_keeps_what_is_gone)
{
	struct stats_snapshot o;
	struct stats *s, *r;
	uint32_t a, b, x, y;

	dir_make(&dir);
	s = create(2, 2);
	r = reader();
	a = stats_export_open(s, "a");
	b = stats_export_open(s, "b");
	x = conn_open(s, a, "a", 1, "1", 1);
	y = conn_open(s, b, "b", 1, "2", 1);
	stats_add(&stats_conn_counters(s, x)->bytes_read, 1);
	stats_took(stats_conn_counters(s, x), 5, 1);
	stats_add(&stats_conn_counters(s, y)->bytes_read, 10);
	look(r, &o);
	CHECK(o.all.bytes_read == 11 && o.all.latency[0] == 1);
	stats_snapshot_free(&o);
	stats_export_close(s, a); /* its connection is longer */
	stats_conn_close(s, x);
	look(r, &o);
	CHECK(o.nexports == 1 && o.all.bytes_read == 11);
	stats_snapshot_free(&o);
	stats_conn_close(s, y);
	stats_export_close(s, b);
	a = stats_export_open(s, "c"); /* in the place of one of them */
	look(r, &o);
	CHECK(o.nexports == 1 && o.exports[0].totals.bytes_read == 0);
	CHECK(o.all.bytes_read == 11 && o.all.latency[0] == 1 &&
	    o.all.latency_ns == 5);
	stats_snapshot_free(&o);
	stats_close(s);
	stats_close(r);
	dir_remove(&dir);
}

/* A daemon that died while a connection ended leaves the epoch odd. */
TEST(a_daemon_that_died_in_the_middle_keeps_nobody_waiting)
{
	struct stats_snapshot o;
	struct stats *s, *r;

	dir_make(&dir);
	s = create(1, 1);
	stats_export_open(s, "a");
	atomic_fetch_add(&s->header->epoch, 1);
	r = reader();
	look(r, &o);
	CHECK(o.nexports == 1);
	stats_snapshot_free(&o);
	stats_close(s);
	stats_close(r);
	dir_remove(&dir);
}

/* --- threads ---------------------------------------------------------------- */

#define WRITERS 4
#define MOVES 2000

/* Long, so that one could be seen half written. */
#define PEER_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PEER_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct shared {
	struct stats *s;
	uint32_t exports[2];
	atomic_bool stop;
	_Atomic uint64_t reads; /* that the writers have counted */
};

/* Connections come, count and go until the reader has seen enough. */
static void *
write_rounds(void *arg)
{
	struct shared *sh = arg;
	struct stats_counters *c;
	uint64_t reads = 0;
	uint32_t slot, which;

	for (uint32_t i = 0; !atomic_load(&sh->stop); i++) {
		which = i % 2;
		slot = conn_open(sh->s, sh->exports[which],
		    which ? "one" : "zero", which,
		    which ? PEER_B PEER_B : PEER_A PEER_A, which);
		c = stats_conn_counters(sh->s, slot);
		for (uint32_t n = i % 50; n > 0; n--, reads++) {
			stats_add(&c->requests[STATS_READ], 1);
			stats_add(&c->bytes_read, 4096);
		}
		stats_conn_close(sh->s, slot);
	}
	atomic_fetch_add(&sh->reads, reads);
	return NULL;
}

/* Totals of both exports; what is inconsistent is counted. */
static uint64_t
sum(const struct stats_snapshot *o)
{
	uint64_t reads = 0;

	CHECK(o->nexports == 2);
	CHECK(o->nconns <= WRITERS);
	for (size_t i = 0; i < o->nexports; i++)
		reads += o->exports[i].totals.requests[STATS_READ];
	for (size_t i = 0; i < o->nconns; i++) {
		const struct stats_conn_row *c = &o->conns[i];
		int which = strcmp(c->name, "one") == 0;

		CHECK(c->generation == (unsigned)which);
		CHECK(c->started == (unsigned)which);
		CHECK(strspn(c->address, which ? "b" : "a") == 127);
	}
	return reads;
}

TEST(totals_never_fall_and_end_exact_while_threads_come_and_go)
{
	uint64_t before[2] = { 0, 0 }, now, moved = 0;
	time_t limit = time(NULL) + 60;
	struct shared sh = { 0 };
	struct stats_snapshot o;
	pthread_t t[WRITERS];
	struct stats *r;

	dir_make(&dir);
	sh.s = create(2, 64);
	sh.exports[0] = stats_export_open(sh.s, "zero");
	sh.exports[1] = stats_export_open(sh.s, "one");
	r = reader();
	for (int i = 0; i < WRITERS; i++)
		CHECK(pthread_create(&t[i], NULL, write_rounds, &sh) == 0);
	while (moved < MOVES && time(NULL) < limit) {
		look(r, &o);
		sum(&o);
		for (size_t i = 0; i < o.nexports; i++) {
			now = o.exports[i].totals.requests[STATS_READ];
			CHECK(now >= before[i]);
			moved += now > before[i];
			before[i] = now;
		}
		stats_snapshot_free(&o);
	}
	CHECK(moved >= MOVES);
	atomic_store(&sh.stop, true);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	look(r, &o);
	CHECK(o.nconns == 0);
	CHECK(sum(&o) == atomic_load(&sh.reads));
	now = o.exports[0].totals.bytes_read + o.exports[1].totals.bytes_read;
	CHECK(now == atomic_load(&sh.reads) * 4096);
	stats_snapshot_free(&o);
	stats_close(r);
	stats_close(sh.s);
	dir_remove(&dir);
}

/*
 * The threads say before and after each addition what there is in all.  A
 * snapshot has at least what was there before it and at most what is there
 * after it.  Many idle connections make the reader slow, so that it does meet
 * connections that end.
 */
#define IDLE 300

struct exact {
	struct stats *s;
	uint32_t export;
	_Atomic uint64_t least, most;
	atomic_int stop;
};

static void *
count_exactly(void *arg)
{
	struct exact *e = arg;
	struct stats_counters *c;
	uint32_t slot;

	while (!atomic_load(&e->stop)) {
		slot = conn_open(e->s, e->export, "x", 1, "p", 1);
		c = stats_conn_counters(e->s, slot);
		for (int i = 0; i < 50; i++) {
			atomic_fetch_add(&e->most, 1000);
			stats_add(&c->bytes_read, 1000);
			atomic_fetch_add(&e->least, 1000);
		}
		stats_conn_close(e->s, slot);
		usleep(200);
	}
	return NULL;
}

TEST(a_snapshot_counts_no_connection_twice_or_not_at_all)
{
	uint64_t least, got, most;
	struct stats_snapshot o;
	struct exact e = { 0 };
	struct stats *r;
	pthread_t t[2];
	int wrong = 0;

	dir_make(&dir);
	e.s = create(1, IDLE + 2);
	e.export = stats_export_open(e.s, "x");
	for (int i = 0; i < IDLE; i++)
		conn_open(e.s, e.export, "x", 1, "idle", 1);
	r = reader();
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, count_exactly, &e) == 0);
	for (int i = 0; i < 1000; i++) {
		least = atomic_load(&e.least);
		look(r, &o);
		most = atomic_load(&e.most);
		got = o.exports[0].totals.bytes_read;
		wrong += got < least || got > most;
		stats_snapshot_free(&o);
	}
	atomic_store(&e.stop, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	CHECK(wrong == 0);
	look(r, &o);
	CHECK(o.exports[0].totals.bytes_read == atomic_load(&e.most));
	stats_snapshot_free(&o);
	stats_close(r);
	stats_close(e.s);
	dir_remove(&dir);
}

TEST(ten_thousand_connections_open_and_close_quickly)
{
	enum { MANY = 10000 };
	static uint32_t slots[MANY];
	struct timespec a, b, c;
	struct stats_snapshot o;
	struct stats *s, *r;
	uint32_t e;

	dir_make(&dir);
	s = create(1, MANY);
	r = reader();
	e = stats_export_open(s, "x");
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < MANY; i++)
		slots[i] = conn_open(s, e, "x", 1, "p", 1);
	clock_gettime(CLOCK_MONOTONIC, &b);
	look(r, &o);
	clock_gettime(CLOCK_MONOTONIC, &c);
	CHECK(o.nconns == MANY && o.exports[0].clients == MANY);
	stats_snapshot_free(&o);
	printf("# open: %.2f us each, snapshot: %.1f ms\n",
	    ((double)(b.tv_sec - a.tv_sec) * 1e9 +
	    (double)(b.tv_nsec - a.tv_nsec)) / MANY / 1e3,
	    ((double)(c.tv_sec - b.tv_sec) * 1e9 +
	    (double)(c.tv_nsec - b.tv_nsec)) / 1e6);
	for (int i = 0; i < MANY; i++)
		stats_conn_close(s, slots[i]);
	look(r, &o);
	CHECK(o.nconns == 0);
	stats_snapshot_free(&o);
	stats_close(r);
	stats_close(s);
	dir_remove(&dir);
}

int
main(void)
{
	RUN(connections_and_their_export_are_shown_with_their_sums);
	RUN(a_slot_that_is_used_again_begins_at_zero);
	RUN(a_slot_that_is_being_changed_is_not_shown);
	RUN(when_all_slots_are_taken_there_is_nowhere_and_that_works);
	RUN(an_export_closed_before_its_connections_is_shown_until_the_last);
	RUN(names_and_addresses_that_are_too_long_are_cut);
	RUN(slots_without_use_cost_no_memory);
	RUN(a_full_file_system_gives_no_slots_and_kills_nobody);
	RUN(a_reader_of_an_earlier_file_is_told_and_not_disturbed);
	RUN(files_that_are_not_ours_are_refused);
	RUN(slots_full_of_rubbish_crash_no_reader);
	RUN(a_reply_is_in_the_first_bucket_that_is_long_enough);
	RUN(the_longest_round_is_remembered_for_a_window_or_two);
	RUN(the_sum_of_all_keeps_what_is_gone);
	RUN(a_daemon_that_died_in_the_middle_keeps_nobody_waiting);
	RUN(totals_never_fall_and_end_exact_while_threads_come_and_go);
	RUN(a_snapshot_counts_no_connection_twice_or_not_at_all);
	RUN(ten_thousand_connections_open_and_close_quickly);
	return DONE();
}
