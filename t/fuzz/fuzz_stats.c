/*
 * fuzz_stats: the file of counters as another process may have left it.  The
 * input is what a good one differs in: a length, then patches, each an offset
 * of 16 bits into one of its three parts, a count and bytes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spool/places.h"
#include "spool/statsfile.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define SLOTS 4
#define PART STATS_PAGE /* so few slots take no more than a page */
#define WHOLE (3 * PART)

static char directory[] = "/tmp/nbdmux-fuzz-stats-XXXXXX";
static int dir = -1;
static _Alignas(64) unsigned char good[WHOLE];
static _Alignas(64) unsigned char bent[WHOLE];

static void
require(bool truth)
{
	if (!truth)
		abort();
}

static void
clean_up(void)
{
	unlinkat(dir, STATE_STATS, 0);
	rmdir(directory);
}

/* Two exports, three connections, one of which has ended. */
static void
make_good(void)
{
	static const char *const names[] = { "disk", "pattern" };
	struct stats *s = stats_create(dir, SLOTS, SLOTS, NULL);
	uint32_t slot[2], conn = 0;
	int fd;

	require(s != NULL);
	for (unsigned i = 0; i < 2; i++)
		slot[i] = stats_export_open(s, names[i]);
	for (unsigned i = 0; i < 3; i++) {
		struct stats_client c = { names[i % 2], i, "192.0.2.1:4711",
			i == 1, i == 1 ? "somebody" : NULL, 1000 + i };

		conn = stats_conn_open(s, slot[i % 2], &c);
		stats_add(&stats_conn_counters(s, conn)->bytes_read, 4096);
	}
	stats_conn_close(s, conn);
	fd = openat(dir, STATE_STATS, O_RDONLY);
	require(fd != -1 && pread(fd, good, WHOLE, 0) == WHOLE);
	close(fd);
	stats_close(s);
}

static void
init(void)
{
	if (dir != -1)
		return;
	require(mkdtemp(directory) != NULL);
	dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	require(dir != -1);
	atexit(clean_up);
	make_good();
}

/* The patched file; how long it is. */
static size_t
bend(const unsigned char *data, size_t size)
{
	struct stats_header *h = (void *)bent;
	size_t whole = WHOLE - (size_t)(data[0] | data[1] << 8) % 4 * 4096;
	size_t at, n;

	memcpy(bent, good, WHOLE);
	for (data += 2, size -= 2; size > 4; data += 4 + n, size -= 4 + n) {
		at = (size_t)(data[0] % 3) * PART + data[1] +
		    (size_t)data[2] * 256;
		n = data[3] % 33;
		if (n > size - 4)
			n = size - 4;
		if (n > WHOLE - at)
			n = WHOLE - at;
		memcpy(bent + at, data + 4, n);
	}
	/* A reader waits for an epoch that is odd: no time for that here. */
	atomic_store(&h->epoch, atomic_load(&h->epoch) & ~UINT64_C(1));
	return whole;
}

static void
check(const struct stats_snapshot *o, const struct stats_snapshot *before)
{
	for (size_t i = 0; i < o->nexports; i++) {
		require(name_valid(o->exports[i].name));
		require(i == 0 || strcmp(o->exports[i - 1].name,
		    o->exports[i].name) <= 0);
	}
	for (size_t i = 0; i < o->nconns; i++) {
		require(name_valid(o->conns[i].name));
		require(memchr(o->conns[i].address, '\0',
		    sizeof(o->conns[i].address)) != NULL);
		require(memchr(o->conns[i].identity, '\0',
		    sizeof(o->conns[i].identity)) != NULL);
	}
	require(o->nexports <= STATS_SLOTS_MAX && o->nconns <= STATS_SLOTS_MAX);
	require(o->nexports == before->nexports);
	for (size_t i = 0; i < o->nexports; i++)
		require(o->exports[i].totals.bytes_read >=
		    before->exports[i].totals.bytes_read);
}

static void
read_twice(struct stats *s)
{
	struct stats_snapshot first, second;
	struct diag d;

	if (stats_read(s, &first, &d) == -1)
		return;
	require(stats_read(s, &second, &d) == 0);
	check(&second, &first);
	stats_snapshot_free(&first);
	stats_snapshot_free(&second);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct diag d = { "" };
	struct stats *s;
	size_t whole;
	int fd;

	if (size < 2)
		return 0;
	init();
	whole = bend(data, size);
	fd = openat(dir, STATE_STATS, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	require(fd != -1 && pwrite(fd, bent, whole, 0) == (ssize_t)whole);
	close(fd);
	s = stats_open(dir, &d);
	if (s == NULL) {
		require(d.text[0] != '\0');
		return 0;
	}
	read_twice(s);
	stats_close(s);
	return 0;
}
