/*
 * Maps of files: what the file backend tells of holes and data, on a disk's
 * file system (TMPDIR or /tmp) and on tmpfs (/dev/shm).
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "export/filepriv.h"
#include "export_loopdev.h"
#include "unit.h"

#define MIB (1024 * 1024)
#define TIB ((uint64_t)MIB * MIB)
#define BLOCK ((uint64_t)64 * 1024) /* a multiple of any file system's */
#define HOLE (EXTENT_HOLE | EXTENT_ZERO)

static const char *where; /* directory of the run */
static int fd = -1;       /* the backend's file, through another descriptor */

/* Whether it looks for holes. */
static bool
is_sparse(struct backend *b)
{
	return atomic_load(&((struct file *)b)->sparse);
}

/* An empty file, to be filled before its backend is made. */
static void
begin(uint64_t size)
{
	char path[256];

	snprintf(path, sizeof path, "%s/nbdmux-export-map-XXXXXX", where);
	fd = mkstemp(path);
	if (fd == -1 || ftruncate(fd, (off_t)size) == -1)
		abort();
	unlink(path);
}

static struct backend *
serve(uint64_t size, bool writable)
{
	char path[64];
	struct backend *b;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	b = file_backend(open(path, writable ? O_RDWR : O_RDONLY), size,
	    writable, NULL);
	if (b == NULL)
		abort();
	return b;
}

static void
end(struct backend *b)
{
	backend_free(b);
	close(fd);
}

static void
fill(uint64_t offset, uint64_t length)
{
	char *data = malloc(length);

	memset(data, 'm', length);
	if (pwrite(fd, data, length, (off_t)offset) != (ssize_t)length)
		abort();
	free(data);
}

static int
run(struct backend *b, enum io_op op, unsigned flags, uint64_t offset,
    uint64_t length, void *data)
{
	struct io io = { .op = op, .flags = flags, .offset = offset,
		.length = length, .data = data, .error = -1 };

	if (backend_submit(b, &io) == IO_BLOCK)
		CHECK(backend_work(b, &io) == IO_DONE);
	return io.error;
}

/* The map as words: "data 65536, hole 4096"; or the error's number. */
static const char *
map_most(struct backend *b, size_t max, uint64_t offset, uint64_t length)
{
	static char words[1024];
	struct extents *e = malloc(sizeof *e + max * sizeof e->list[0]);
	size_t i, n = 0;
	int error;

	e->max = max;
	e->count = 99; /* whatever was there before */
	error = run(b, IO_MAP, 0, offset, length, e);
	snprintf(words, sizeof words, "error %d", error);
	CHECK(error != 0 || (e->count >= 1 && e->count <= max));
	for (i = 0; error == 0 && i < e->count; i++)
		n += (size_t)snprintf(words + n, sizeof words - n, "%s%s %llu",
		    i > 0 ? ", " : "",
		    e->list[i].flags == HOLE ? "hole" :
		    e->list[i].flags == 0 ? "data" : "wrong",
		    (unsigned long long)e->list[i].length);
	free(e);
	return words;
}

static const char *
map(struct backend *b, uint64_t offset, uint64_t length)
{
	return map_most(b, 20, offset, length);
}

TEST(a_dense_file_is_one_extent_and_not_sparse)
{
	struct backend *b;

	begin(MIB);
	fill(0, MIB);
	b = serve(MIB, false);
	CHECK(b->caps & BACKEND_MAP);
	CHECK(!is_sparse(b));
	CHECK_STR(map(b, 0, MIB), "data 1048576");
	CHECK_STR(map(b, 0, 1), "data 1048576");
	CHECK_STR(map(b, MIB - 1, 1), "data 1");
	end(b);
}

TEST(a_file_without_data_is_one_hole)
{
	struct backend *b;

	begin(TIB);
	b = serve(TIB, false);
	CHECK(is_sparse(b));
	CHECK_STR(map(b, 0, TIB), "hole 1099511627776");
	CHECK_STR(map(b, 1000, 1), "hole 1099511626776");
	CHECK_STR(map(b, TIB - 1, 1), "hole 1");
	end(b);
}

static void
alternate(void)
{
	for (uint64_t i = 0; i < 16; i += 2)
		fill(i * BLOCK, BLOCK);
}

TEST(holes_and_data_alternate_as_in_the_file)
{
	struct backend *b;

	begin(16 * BLOCK);
	alternate();
	b = serve(16 * BLOCK, false);
	CHECK(is_sparse(b));
	CHECK_STR(map(b, 0, 4 * BLOCK),
	    "data 65536, hole 65536, data 65536, hole 65536");
	CHECK_STR(map(b, BLOCK, 2 * BLOCK), "hole 65536, data 65536");
	CHECK_STR(map(b, 14 * BLOCK, 2 * BLOCK), "data 65536, hole 65536");
	end(b);
}

TEST(a_map_begins_where_it_was_asked_to)
{
	struct backend *b;

	begin(16 * BLOCK);
	alternate();
	b = serve(16 * BLOCK, false);
	CHECK_STR(map(b, 1, BLOCK), "data 65535, hole 65536");
	CHECK_STR(map(b, BLOCK + 513, 1), "hole 65023");
	CHECK_STR(map(b, 2 * BLOCK - 1, 2), "hole 1, data 65536");
	end(b);
}

/* Steps of the search find a hole and the data behind it. */
TEST(no_more_extents_come_than_there_is_room_for)
{
	struct backend *b;

	begin(16 * BLOCK);
	alternate();
	b = serve(16 * BLOCK, false);
	CHECK_STR(map_most(b, 1, 0, 16 * BLOCK), "data 65536");
	CHECK_STR(map_most(b, 1, BLOCK, 15 * BLOCK), "hole 65536");
	CHECK_STR(map_most(b, 2, BLOCK, 15 * BLOCK), "hole 65536, data 65536");
	CHECK_STR(map_most(b, 3, BLOCK, 15 * BLOCK),
	    "hole 65536, data 65536, hole 65536");
	CHECK(strlen(map_most(b, 16, 0, 16 * BLOCK)) ==
	    16 * sizeof "data 65536," - 2);
	end(b);
}

TEST(extents_end_where_the_export_does)
{
	struct backend *b;

	begin(16 * BLOCK);
	fill(0, 4 * BLOCK);
	fill(12 * BLOCK, 4 * BLOCK);
	b = serve(14 * BLOCK - 100, false); /* the file is longer */
	CHECK_STR(map(b, 13 * BLOCK, 1), "data 65436");
	backend_free(b);
	b = serve(10 * BLOCK - 100, false);
	CHECK_STR(map(b, 4 * BLOCK, 1), "hole 393116");
	CHECK_STR(map(b, 0, 10 * BLOCK - 100), "data 262144, hole 393116");
	end(b);
}

TEST(a_punched_hole_is_found_and_a_write_into_it)
{
	static const unsigned char data[65536] = { 1 };
	struct backend *b;

	begin(16 * BLOCK);
	fill(0, 16 * BLOCK);
	b = serve(16 * BLOCK, true);
	CHECK(!is_sparse(b));
	CHECK_STR(map(b, 0, 16 * BLOCK), "data 1048576");
	CHECK(run(b, IO_TRIM, 0, 4 * BLOCK, 2 * BLOCK, NULL) == 0);
	CHECK(is_sparse(b));
	CHECK_STR(map(b, 0, 16 * BLOCK),
	    "data 262144, hole 131072, data 655360");
	CHECK(run(b, IO_WRITE, 0, 5 * BLOCK, BLOCK, (void *)data) == 0);
	CHECK_STR(map(b, 0, 16 * BLOCK),
	    "data 262144, hole 65536, data 720896");
	CHECK(run(b, IO_ZERO, 0, 8 * BLOCK, 8 * BLOCK, NULL) == 0);
	CHECK_STR(map(b, 5 * BLOCK, 11 * BLOCK), "data 196608, hole 524288");
	end(b);
}

/* Reads would be zeroes, so that is told, however the space is kept. */
TEST(what_is_zeroed_without_a_hole_reads_as_the_map_says)
{
	struct backend *b;
	const char *words;

	begin(16 * BLOCK);
	fill(0, 16 * BLOCK);
	b = serve(16 * BLOCK, true);
	CHECK(run(b, IO_ZERO, IO_NO_HOLE, 0, 8 * BLOCK, NULL) == 0);
	words = map(b, 0, 16 * BLOCK);
	CHECK(strcmp(words, "hole 524288, data 524288") == 0 ||
	    strcmp(words, "data 1048576") == 0);
	if (words[0] == 'h')
		CHECK(is_sparse(b));
	end(b);
}

TEST(allocated_space_that_was_never_written_is_no_data)
{
	struct backend *b;

	begin(16 * BLOCK);
	if (fallocate(fd, 0, 0, 16 * BLOCK) == -1) {
		printf("# skipped: no fallocate here\n");
		close(fd);
		return;
	}
	fill(3 * BLOCK, BLOCK);
	b = serve(16 * BLOCK, false);
	CHECK_STR(map(b, 0, 16 * BLOCK),
	    "hole 196608, data 65536, hole 786432");
	CHECK(is_sparse(b));
	end(b);
}

TEST(a_file_that_shrank_has_no_zeroes_behind_its_end)
{
	struct backend *b;

	begin(16 * BLOCK);
	fill(0, 4 * BLOCK);
	b = serve(16 * BLOCK, false);
	CHECK(ftruncate(fd, 8 * BLOCK) == 0);
	CHECK_STR(map(b, 0, 16 * BLOCK), "data 262144, hole 262144");
	CHECK_STR(map(b, 6 * BLOCK, 10 * BLOCK), "hole 131072");
	CHECK(strcmp(map(b, 8 * BLOCK, 1), "error 5") == 0);
	CHECK(strcmp(map(b, 12 * BLOCK, BLOCK), "error 5") == 0);
	CHECK(ftruncate(fd, 2 * BLOCK) == 0);
	CHECK_STR(map(b, 0, 16 * BLOCK), "data 131072");
	CHECK(strcmp(map(b, 2 * BLOCK, 1), "error 5") == 0);
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(strcmp(map(b, 0, 16 * BLOCK), "error 5") == 0);
	end(b);
}

TEST(what_is_outside_or_nothing_has_no_map)
{
	struct backend *b;

	begin(MIB);
	b = serve(MIB, false);
	CHECK_STR(map(b, MIB, 0), "error 22");
	CHECK_STR(map(b, 5, 0), "error 22");
	CHECK_STR(map(b, MIB - 1, 2), "error 22");
	CHECK_STR(map(b, UINT64_MAX, 2), "error 22");
	end(b);
}

TEST(looking_for_holes_is_left_to_a_worker)
{
	struct extents *e = calloc(1, sizeof *e + sizeof e->list[0]);
	struct io io = { .op = IO_MAP, .length = MIB, .data = e };
	struct backend *b;

	e->max = 1;
	begin(MIB);
	b = serve(MIB, false);
	CHECK(backend_submit(b, &io) == IO_BLOCK);
	CHECK(backend_work(b, &io) == IO_DONE && io.error == 0);
	CHECK(e->count == 1);
	end(b);
	free(e);
}

TEST(a_delayed_backend_has_a_map_like_what_is_in_it)
{
	struct backend *b;

	begin(MIB);
	b = delay_backend(serve(MIB, true), 1, NULL);
	CHECK(b->caps & BACKEND_MAP);
	end(b);
	b = delay_backend(pattern_backend(MIB, NULL), 1, NULL);
	CHECK(!(b->caps & BACKEND_MAP));
	backend_free(b);
}

/* A descriptor that cannot seek, as a file system that knows of no holes. */
TEST(a_search_that_fails_is_an_error_or_all_is_data)
{
	struct backend *b;
	struct file *f;
	int good, out[2], text;

	begin(MIB);
	b = serve(MIB, false);
	f = (struct file *)b;
	good = f->fd;
	text = open("/proc/self/status", O_RDONLY);
	if (text == -1 || pipe(out) == -1)
		abort();
	f->fd = out[0]; /* ESPIPE */
	CHECK_STR(map(b, 0, MIB), "error 29");
	f->fd = text; /* EINVAL */
	CHECK_STR(map(b, 100, MIB - 100), "data 1048476");
	f->fd = good;
	close(out[0]);
	close(out[1]);
	close(text);
	end(b);
}

static struct io
read_sparse(struct backend *b, uint64_t offset, uint64_t length)
{
	char *data = malloc(length);
	struct io io = { .op = IO_READ, .flags = IO_SPARSE, .offset = offset,
		.length = length, .data = data };

	if (backend_submit(b, &io) == IO_BLOCK)
		CHECK(backend_work(b, &io) == IO_DONE);
	free(data);
	return io;
}

/* How many zeroes such a read tells instead of them; -1: an error. */
static int64_t
skipped(struct backend *b, uint64_t offset, uint64_t length)
{
	struct io io = read_sparse(b, offset, length);

	return io.error != 0 ? -1 : (int64_t)io.zeroes;
}

static uint64_t
data_end(struct backend *b, uint64_t offset, uint64_t length)
{
	return read_sparse(b, offset, length).data_end;
}

TEST(a_read_that_may_skip_tells_how_far_its_hole_goes)
{
	struct backend *b;
	char zeroes[64];
	struct io io = { .op = IO_READ, .length = sizeof zeroes,
		.data = zeroes };

	begin(10 * BLOCK);
	fill(4 * BLOCK, BLOCK);
	b = serve(10 * BLOCK, false);
	CHECK(skipped(b, 0, BLOCK) == (int64_t)(4 * BLOCK));
	CHECK(skipped(b, 100, BLOCK) == (int64_t)(4 * BLOCK - 100));
	CHECK(skipped(b, 4 * BLOCK, BLOCK) == 0);
	CHECK(skipped(b, 4 * BLOCK - 1, 2) == 0); /* the hole ends within */
	CHECK(skipped(b, 5 * BLOCK, BLOCK) == (int64_t)(5 * BLOCK));
	CHECK(skipped(b, 10 * BLOCK - 1, 1) == 1);
	CHECK(data_end(b, 4 * BLOCK, BLOCK) == 5 * BLOCK);
	CHECK(data_end(b, 4 * BLOCK + 1, BLOCK) == 5 * BLOCK);
	CHECK(data_end(b, 0, BLOCK) == 0);
	memset(zeroes, 1, sizeof zeroes); /* who did not ask gets the bytes */
	if (backend_submit(b, &io) == IO_BLOCK)
		CHECK(backend_work(b, &io) == IO_DONE);
	CHECK(io.error == 0 && io.zeroes == 0 && zeroes[0] == 0);
	CHECK(ftruncate(fd, 6 * BLOCK) == 0);
	CHECK(skipped(b, 7 * BLOCK, BLOCK) == -1); /* invented by nobody */
	end(b);
}

/* "zeroes, data, zeroes" of a read that may come in parts, in blocks. */
static const char *
parts(struct backend *b, uint64_t first, uint64_t count)
{
	static char text[64];
	uint64_t length = count * BLOCK, i;
	char *data = malloc(length), *there = malloc(length);
	struct io io = { .op = IO_READ, .flags = IO_SPARSE | IO_PARTS,
		.offset = first * BLOCK, .length = length, .data = data };

	memset(data, 0, length);
	if (backend_submit(b, &io) == IO_BLOCK)
		CHECK(backend_work(b, &io) == IO_DONE);
	CHECK(io.error == 0 && io.zeroes + io.tail <= length);
	CHECK(pread(fd, there, length, (off_t)io.offset) == (ssize_t)length);
	CHECK(memcmp(data, there, length) == 0);
	i = length - io.zeroes - io.tail;
	snprintf(text, sizeof text, "%ju, %ju, %ju",
	    (uintmax_t)(io.zeroes / BLOCK), (uintmax_t)(i / BLOCK),
	    (uintmax_t)(io.tail / BLOCK));
	free(data);
	free(there);
	return text;
}

TEST(a_read_in_parts_has_no_hole_before_or_behind_its_data)
{
	struct backend *b;

	begin(10 * BLOCK);
	fill(4 * BLOCK, BLOCK);
	fill(7 * BLOCK, BLOCK);
	b = serve(10 * BLOCK, false);
	CHECK_STR(parts(b, 3, 3), "1, 1, 1");
	CHECK_STR(parts(b, 0, 5), "4, 1, 0");
	CHECK_STR(parts(b, 4, 3), "0, 1, 2");
	CHECK_STR(parts(b, 7, 3), "0, 1, 2");
	CHECK_STR(parts(b, 4, 1), "0, 1, 0");
	CHECK_STR(parts(b, 3, 5), "1, 4, 0"); /* one between: it is read */
	CHECK_STR(parts(b, 3, 6), "1, 5, 0");
	CHECK(skipped(b, 3 * BLOCK, 2 * BLOCK) == 0); /* all or nothing */
	end(b);
}

TEST(a_kind_without_a_map_is_all_data)
{
	struct backend *b = pattern_backend(MIB, NULL);

	CHECK(!(b->caps & BACKEND_MAP));
	CHECK_STR(map(b, 0, 1), "data 1048576");
	CHECK_STR(map(b, MIB - 5, 5), "data 5");
	CHECK_STR(map(b, 0, 0), "error 22");
	backend_free(b);
}

TEST(a_block_device_is_all_data)
{
	struct loopdev l;
	struct backend *b;

	if (loopdev_make(&l, "/tmp", 4 * MIB) == -1)
		return;
	fd = open(l.dev, O_RDWR);
	b = file_backend(open(l.dev, O_RDWR), 4 * MIB, true, NULL);
	CHECK(!(b->caps & BACKEND_MAP) && !is_sparse(b));
	CHECK_STR(map(b, 4096, 1), "data 4190208");
	CHECK(run(b, IO_ZERO, 0, 0, MIB, NULL) == 0);
	CHECK(!is_sparse(b));
	end(b);
	loopdev_end(&l);
}

/*
 * Where a run of data ends is known until the file changes, whoever changes
 * it; a change so soon after the look that no clock shows it is waited out.
 */
TEST(a_long_run_of_data_is_looked_for_once_until_the_file_changes)
{
	struct backend *b;
	struct file *f;

	begin(4 * MIB);
	fill(0, 4 * MIB);
	b = serve(4 * MIB, false);
	f = (struct file *)b;
	CHECK_STR(map(b, 4096, MIB), "data 4190208");
	CHECK(f->known.start == 4096 && f->known.end == 4 * MIB);
	f->known.end = 3 * MIB; /* as if: to see that it is believed */
	CHECK_STR(map(b, 2 * MIB, MIB), "data 1048576");
	CHECK_STR(map(b, 2 * MIB, 2 * MIB), "data 2097152");
	CHECK_STR(map(b, 0, 1), "data 4194304");
	usleep(20000);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, MIB,
	    MIB) == 0)
		CHECK_STR(map(b, 0, 4 * MIB),
		    "data 1048576, hole 1048576, data 2097152");
	usleep(20000);
	CHECK(ftruncate(fd, 3 * MIB) == 0);
	CHECK_STR(map(b, 2 * MIB, 2 * MIB), "data 1048576");
	CHECK_STR(map(b, 3 * MIB, 1), "error 5");
	end(b);
}

static void
run_all(void)
{
	RUN(a_dense_file_is_one_extent_and_not_sparse);
	RUN(a_file_without_data_is_one_hole);
	RUN(holes_and_data_alternate_as_in_the_file);
	RUN(a_map_begins_where_it_was_asked_to);
	RUN(no_more_extents_come_than_there_is_room_for);
	RUN(extents_end_where_the_export_does);
	RUN(a_punched_hole_is_found_and_a_write_into_it);
	RUN(what_is_zeroed_without_a_hole_reads_as_the_map_says);
	RUN(allocated_space_that_was_never_written_is_no_data);
	RUN(a_file_that_shrank_has_no_zeroes_behind_its_end);
	RUN(what_is_outside_or_nothing_has_no_map);
	RUN(looking_for_holes_is_left_to_a_worker);
	RUN(a_delayed_backend_has_a_map_like_what_is_in_it);
	RUN(a_search_that_fails_is_an_error_or_all_is_data);
	RUN(a_long_run_of_data_is_looked_for_once_until_the_file_changes);
}

int
main(void)
{
	where = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
	printf("# on %s\n", where);
	run_all();
	if (access("/dev/shm", W_OK) == 0) {
		where = "/dev/shm";
		printf("# on %s\n", where);
		run_all();
	}
	RUN(a_read_that_may_skip_tells_how_far_its_hole_goes);
	RUN(a_read_in_parts_has_no_hole_before_or_behind_its_data);
	RUN(a_kind_without_a_map_is_all_data);
	RUN(a_block_device_is_all_data);
	return DONE();
}
