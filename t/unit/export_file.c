/*
 * The file backend on the file systems at hand: one on disk (TMPDIR or /tmp)
 * and tmpfs (/dev/shm), which differ in nearly everything it tries.
 */
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "export/filepriv.h"
#include "export_loopdev.h"
#include "unit.h"

#define MIB (1024 * 1024)

static const char *where; /* directory of the run */
static int fd = -1;       /* the backend's file, through another descriptor */

static struct backend *
make_file(uint64_t size, bool writable)
{
	char path[256];
	struct backend *b;
	int mine;

	snprintf(path, sizeof path, "%s/nbdmux-export-file-XXXXXX", where);
	fd = mkstemp(path);
	if (fd == -1 || ftruncate(fd, (off_t)size) == -1)
		abort();
	mine = open(path, writable ? O_RDWR : O_RDONLY);
	unlink(path);
	b = file_backend(mine, size, writable, NULL);
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

static void
fill(char c, uint64_t offset, size_t length)
{
	char *data = malloc(length);

	memset(data, c, length);
	if (pwrite(fd, data, length, (off_t)offset) != (ssize_t)length)
		abort();
	free(data);
}

/* All of the range is c, as the file itself says. */
static bool
all(char c, uint64_t offset, size_t length)
{
	char *data = malloc(length);
	bool same;
	size_t i;

	same = pread(fd, data, length, (off_t)offset) == (ssize_t)length;
	for (i = 0; same && i < length; i++)
		same = data[i] == c;
	free(data);
	return same;
}

static uint64_t
allocated(void)
{
	struct stat st;

	if (fsync(fd) == -1 || fstat(fd, &st) == -1)
		abort();
	return (uint64_t)st.st_blocks * 512;
}

TEST(what_was_written_is_read_back)
{
	struct backend *b = make_file(MIB, true);
	char in[5000], out[5000];
	size_t i;

	for (i = 0; i < sizeof in; i++)
		in[i] = (char)(i * 7);
	CHECK(run(b, IO_WRITE, 0, 12345, sizeof in, in) == 0);
	memset(out, 0, sizeof out);
	CHECK(run(b, IO_READ, 0, 12345, sizeof out, out) == 0);
	CHECK(memcmp(in, out, sizeof in) == 0);
	in[0] = 'x';
	CHECK(run(b, IO_WRITE, IO_FUA, MIB - sizeof in, sizeof in, in) == 0);
	CHECK(run(b, IO_READ, 0, MIB - sizeof in, sizeof in, out) == 0);
	CHECK(memcmp(in, out, sizeof in) == 0);
	CHECK(run(b, IO_FLUSH, 0, 0, 0, NULL) == 0);
	end(b);
}

TEST(cached_data_is_read_without_a_worker)
{
	struct backend *b = make_file(MIB, false);
	char out[4096] = "";
	struct io io = { .op = IO_READ, .offset = 8192, .length = 4096,
		.data = out };

	fill('c', 0, MIB);
	CHECK(backend_submit(b, &io) == IO_DONE);
	CHECK(io.error == 0 && out[0] == 'c' && out[4095] == 'c');
	memset(out, 0, sizeof out);
	CHECK(backend_read_now(b, out, 8192, 4096) == 0);
	CHECK(out[0] == 'c' && out[4095] == 'c');
	end(b);
}

TEST(a_file_that_shrank_is_an_error_and_no_zeroes)
{
	struct backend *b = make_file(MIB, true);
	char out[8192];

	fill('a', 0, MIB);
	CHECK(ftruncate(fd, MIB / 2) == 0);
	memset(out, 'z', sizeof out);
	CHECK(run(b, IO_READ, 0, MIB / 2 - 4096, 8192, out) == EIO);
	CHECK(run(b, IO_READ, 0, MIB - 4096, 4096, out) == EIO);
	CHECK(backend_read_now(b, out, MIB / 2 - 4096, 8192) == EAGAIN);
	CHECK(run(b, IO_READ, 0, MIB / 2 - 4096, 4096, out) == 0);
	CHECK(run(b, IO_CACHE, 0, 0, MIB, NULL) == 0);
	end(b);
}

TEST(what_is_in_the_page_cache_can_be_sent_from_there)
{
	struct backend *b = make_file(MIB, true);
	bool memory = strcmp(where, "/dev/shm") == 0;
	int cached;

	fill('c', 0, MIB);
	cached = backend_cached(b, 4096, 65536);
	if (cached == -1) /* the kernel does not say: never wrong */
		CHECK(!memory);
	CHECK(backend_cached(b, MIB - 4096, 8192) == -1);
	CHECK(fsync(fd) == 0 &&
	    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	if (!memory)
		CHECK(backend_cached(b, 4096, 65536) == -1);
	CHECK(ftruncate(fd, MIB / 2) == 0);
	CHECK(backend_cached(b, MIB / 2 - 4096, 8192) == -1);
	end(b);
}

TEST(a_trim_leaves_its_neighbours_alone)
{
	struct backend *b = make_file(MIB, true);
	uint64_t before;

	fill('t', 0, MIB);
	before = allocated();
	CHECK(run(b, IO_TRIM, 0, 4096 * 3 + 100, 4096 * 64 + 17, NULL) == 0);
	CHECK(all('t', 0, 4096 * 3 + 100));
	CHECK(all('t', 4096 * 67 + 117, MIB - (4096 * 67 + 117)));
	CHECK(allocated() < before);
	CHECK(run(b, IO_TRIM, IO_FUA, 0, MIB, NULL) == 0);
	CHECK(all(0, 0, MIB));
	end(b);
}

TEST(zeroes_are_exactly_where_they_were_asked_for)
{
	static const unsigned flags[] = { 0, IO_NO_HOLE, IO_FUA,
		IO_FUA | IO_NO_HOLE };
	static const struct { uint64_t offset, length; } ranges[] = {
		{ 0, 4096 }, { 1, 1 }, { 4095, 2 }, { 4096 * 3 + 100, 70001 },
		{ MIB - 513, 513 }, { 0, MIB },
	};
	struct backend *b = make_file(MIB, true);
	size_t i, j;

	for (i = 0; i < sizeof flags / sizeof flags[0]; i++)
		for (j = 0; j < sizeof ranges / sizeof ranges[0]; j++) {
			uint64_t at = ranges[j].offset, n = ranges[j].length;

			fill('k', 0, MIB);
			CHECK(run(b, IO_ZERO, flags[i], at, n, NULL) == 0);
			CHECK(all('k', 0, at));
			CHECK(all(0, at, n));
			CHECK(all('k', at + n, MIB - at - n));
		}
	end(b);
}

TEST(zeroes_make_holes_unless_told_not_to)
{
	struct backend *b = make_file(4 * MIB, true);

	fill('h', 0, 4 * MIB);
	CHECK(run(b, IO_ZERO, 0, 0, 4 * MIB, NULL) == 0);
	CHECK(allocated() < MIB);
	CHECK(run(b, IO_ZERO, IO_NO_HOLE, 0, 2 * MIB, NULL) == 0);
	CHECK(allocated() >= 2 * MIB);
	CHECK(all(0, 0, 4 * MIB));
	end(b);
}

TEST(fast_zeroes_are_fast_or_refused_without_a_change)
{
	struct backend *b = make_file(MIB, true);
	int error;

	fill('f', 0, MIB);
	CHECK(run(b, IO_ZERO, IO_FAST, 0, MIB / 2, NULL) == 0);
	CHECK(all(0, 0, MIB / 2));
	error = run(b, IO_ZERO, IO_FAST | IO_NO_HOLE, MIB / 2, 4096, NULL);
	CHECK(error == 0 || error == ENOTSUP);
	CHECK(all(error == 0 ? 0 : 'f', MIB / 2, 4096));
	CHECK(all('f', MIB / 2 + 4096, MIB / 2 - 4096));
	end(b);
}

/* A file system that has neither holes nor ranges, whatever this one has. */
TEST(without_holes_zeroes_are_written_and_trims_are_hints)
{
	struct backend *b = make_file(3 * MIB, true);

	fill('w', 0, 3 * MIB);
	file_lacking((struct file *)b, LACK_PUNCH);
	file_lacking((struct file *)b, LACK_ZERO_RANGE);
	CHECK(run(b, IO_TRIM, 0, 0, MIB, NULL) == 0);
	CHECK(all('w', 0, MIB));
	CHECK(run(b, IO_ZERO, IO_FAST, 0, MIB, NULL) == ENOTSUP);
	CHECK(all('w', 0, MIB));
	CHECK(run(b, IO_ZERO, 0, 5, 2 * MIB + 70000, NULL) == 0);
	CHECK(all('w', 0, 5));
	CHECK(all(0, 5, 2 * MIB + 70000));
	CHECK(all('w', 2 * MIB + 70005, MIB - 70005));
	end(b);
}

/* As on a device, whose blocks cannot be zeroed in part by fallocate. */
TEST(only_whole_blocks_of_a_device_are_trimmed_or_zeroed_by_it)
{
	struct backend *b = make_file(MIB, true);

	((struct file *)b)->align = 4096;
	fill('d', 0, MIB);
	CHECK(run(b, IO_TRIM, 0, 100, 3 * 4096, NULL) == 0);
	CHECK(all('d', 0, 4096));
	CHECK(all(0, 4096, 2 * 4096));
	CHECK(all('d', 3 * 4096, 4096));
	CHECK(run(b, IO_TRIM, 0, 100, 200, NULL) == 0);
	CHECK(all('d', 0, 4096));
	CHECK(run(b, IO_ZERO, IO_FAST, 5 * 4096 + 1, 100, NULL) == ENOTSUP);
	CHECK(all('d', 5 * 4096, 4096));
	CHECK(run(b, IO_ZERO, 0, 5 * 4096 + 1, 3 * 4096, NULL) == 0);
	CHECK(all('d', 5 * 4096, 1));
	CHECK(all(0, 5 * 4096 + 1, 3 * 4096));
	CHECK(all('d', 8 * 4096 + 1, 4095));
	end(b);
}

TEST(a_huge_range_is_zeroed_in_one_request)
{
	struct backend *b = make_file(160 * MIB, true);

	fill('e', 0, 4096);
	fill('e', 160 * MIB - 4096, 4096);
	CHECK(run(b, IO_ZERO, 0, 0, 160 * MIB, NULL) == 0);
	CHECK(all(0, 0, 4096) && all(0, 160 * MIB - 4096, 4096));
	fill('e', 80 * MIB, 4096);
	file_lacking((struct file *)b, LACK_PUNCH);
	file_lacking((struct file *)b, LACK_ZERO_RANGE);
	CHECK(run(b, IO_ZERO, 0, 0, 160 * MIB, NULL) == 0);
	CHECK(all(0, 80 * MIB, 4096));
	CHECK(allocated() >= 160ULL * MIB);
	end(b);
}

TEST(requests_of_no_length_change_nothing)
{
	struct backend *b = make_file(MIB, true);

	fill('n', 0, MIB);
	CHECK(run(b, IO_TRIM, IO_FUA, 0, 0, NULL) == 0);
	CHECK(run(b, IO_ZERO, IO_FAST, MIB, 0, NULL) == 0);
	CHECK(run(b, IO_WRITE, 0, 5, 0, NULL) == 0);
	CHECK(run(b, IO_READ, 0, 5, 0, NULL) == 0);
	CHECK(all('n', 0, MIB));
	end(b);
}

TEST(a_read_only_file_says_so_and_is_not_written)
{
	struct backend *b = make_file(MIB, false);
	char c[16] = "";

	CHECK(!(b->caps & (BACKEND_WRITE | BACKEND_TRIM | BACKEND_ZERO |
	    BACKEND_FAST_ZERO)));
	CHECK((b->caps & BACKEND_FLUSH) && (b->caps & BACKEND_MULTI_CONN));
	CHECK(run(b, IO_WRITE, 0, 0, 16, c) == EPERM);
	CHECK(run(b, IO_ZERO, 0, 0, 16, NULL) == EPERM);
	CHECK(run(b, IO_FLUSH, 0, 0, 0, NULL) == 0);
	CHECK(run(b, IO_CACHE, 0, 0, MIB, NULL) == 0);
	end(b);
}

TEST(preferred_blocks_are_a_power_of_two_in_bounds)
{
	struct backend *b = make_file(MIB, true);
	uint32_t n = b->block_preferred;

	CHECK(b->block_min == 1 && b->size == MIB);
	CHECK(n >= 4096 && n <= 32 * MIB && (n & (n - 1)) == 0);
	end(b);
}

/* --- losing data --------------------------------------------------------- */

TEST(a_flush_that_failed_stays_failed)
{
	struct backend *b = make_file(MIB, true);
	struct file *f = (struct file *)b;
	int good = f->fd, out[2];

	if (pipe(out) == -1)
		abort();
	f->fd = out[1]; /* fdatasync fails here: EINVAL */
	CHECK(run(b, IO_FLUSH, 0, 0, 0, NULL) == EINVAL);
	f->fd = good;
	CHECK(run(b, IO_FLUSH, 0, 0, 0, NULL) == EINVAL);
	close(out[0]);
	close(out[1]);
	end(b);
}

TEST(a_write_without_room_is_the_clients_alone)
{
	struct rlimit old, small = { MIB / 2, MIB / 2 };
	struct backend *b = make_file(MIB, true);
	char data[4096] = "q";

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHECK(run(b, IO_WRITE, 0, MIB - 4096, 4096, data) == EFBIG);
	CHECK(run(b, IO_WRITE, IO_FUA, MIB - 4096, 4096, data) == EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	CHECK(run(b, IO_FLUSH, 0, 0, 0, NULL) == 0);
	end(b);
}

/* --- several together ---------------------------------------------------- */

#define LIST 300

static struct io ios[LIST];
static char written[LIST][512];
static unsigned answers;

static void
answered(struct io *io)
{
	(void)io;
	answers++;
}

/* 512 bytes of a letter of its own. */
static struct io *
a_write(unsigned i, uint64_t offset, unsigned flags)
{
	memset(written[i], 'a' + (int)(i % 26), 512);
	ios[i] = (struct io){ .op = IO_WRITE, .flags = flags,
		.offset = offset, .length = 512, .data = written[i],
		.error = -1, .done = answered };
	return &ios[i];
}

static void
run_list(struct backend *b, unsigned n)
{
	for (unsigned i = 0; i + 1 < n; i++)
		ios[i].job.next = &ios[i + 1].job;
	ios[n - 1].job.next = NULL;
	answers = 0;
	backend_work_list(b, &ios[0].job);
	CHECK(answers == n);
}

static unsigned
errors(unsigned from, unsigned to, int error)
{
	unsigned n = 0;

	for (; from < to; from++)
		n += ios[from].error == error;
	return n;
}

TEST(a_list_of_writes_is_written_whatever_their_order)
{
	static const unsigned flags[] = { 0, IO_FUA };
	struct backend *b = make_file(MIB, true);
	unsigned good = 0;

	for (unsigned f = 0; f < 2; f++) {
		/* Runs of ten, the later ones first, and of all a flush. */
		for (unsigned i = 0; i < LIST - 1; i++)
			a_write(i, 512 * (uint64_t)((LIST / 10 - i / 10) * 10 +
			    i % 10), flags[f]);
		ios[LIST - 1] = (struct io){ .op = IO_FLUSH, .error = -1,
			.done = answered };
		run_list(b, LIST);
		CHECK(errors(0, LIST, 0) == LIST);
		for (unsigned i = 0; i < LIST - 1; i++)
			good += all((char)('a' + i % 26), ios[i].offset, 512);
		fill('-', 0, MIB);
	}
	CHECK(good == 2 * (LIST - 1));
	end(b);
}

TEST(an_error_in_a_list_is_of_that_request_alone)
{
	struct rlimit old, small = { MIB / 2 + 256, MIB / 2 };
	struct backend *b = make_file(MIB, true);

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	for (unsigned f = 0; f < 2; f++) {
		/* One run, over the limit in the middle of the fourth. */
		for (unsigned i = 0; i < 6; i++)
			a_write(i, MIB / 2 - 3 * 512 + 512 * i, f * IO_FUA);
		a_write(6, 4096, f * IO_FUA);
		a_write(7, 2 * MIB, f * IO_FUA); /* behind the end */
		ios[8] = (struct io){ .op = IO_FLUSH, .error = -1,
			.done = answered };
		CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
		run_list(b, 9);
		setrlimit(RLIMIT_FSIZE, &old);
		CHECK(errors(0, 3, 0) == 3 && errors(3, 6, EFBIG) == 3);
		CHECK(ios[6].error == 0 && all('g', 4096, 512));
		CHECK(ios[7].error == EINVAL && ios[8].error == 0);
		CHECK(all('c', MIB / 2 - 512, 512));
	}
	CHECK(run(b, IO_FLUSH, 0, 0, 0, NULL) == 0);
	end(b);
}

TEST(a_sync_that_fails_is_an_error_of_all_that_shared_it)
{
	struct backend *b = make_file(MIB, true);
	struct file *f = (struct file *)b;
	int good = f->fd;

	f->fd = open("/dev/full", O_RDWR); /* no syncs there: EINVAL */
	for (unsigned i = 0; i < 4; i++)
		ios[i] = (struct io){ .op = IO_FLUSH, .error = -1,
			.done = answered };
	run_list(b, 4);
	CHECK(errors(0, 4, EINVAL) == 4);
	close(f->fd);
	f->fd = good;
	a_write(0, 0, 0);
	a_write(1, 512, IO_FUA);
	a_write(2, 1024, IO_FUA);
	ios[3] = (struct io){ .op = IO_FLUSH, .error = -1, .done = answered };
	run_list(b, 4);
	CHECK(errors(0, 3, 0) == 3 && ios[3].error == EINVAL);
	end(b);
}

TEST(a_list_of_reads_is_answered_each_with_its_data)
{
	struct backend *b = make_file(MIB, true);

	for (unsigned lacks = 0; lacks < 2; lacks++) {
		for (unsigned i = 0; i < 9; i++) {
			fill((char)('0' + i), i * 8192, 512);
			a_write(i, i * 8192, 0)->op = IO_READ;
		}
		ios[8].offset = MIB - 256;
		if (lacks)
			file_lacking((struct file *)b, LACK_TRY_READ);
		run_list(b, 9);
		CHECK(errors(0, 8, 0) == 8 && ios[8].error == EINVAL);
		for (unsigned i = 0; i < 8; i++)
			CHECK(written[i][0] == (char)('0' + i) &&
			    memcmp(written[i], written[i] + 1, 511) == 0);
	}
	end(b);
}

/* --- block devices ------------------------------------------------------- */

static void
check_device(struct backend *b)
{
	CHECK(((struct file *)b)->device);
	CHECK(((struct file *)b)->align >= 512);
	fill('D', 0, 4 * MIB);
	CHECK(run(b, IO_ZERO, 0, 1000, 2 * MIB, NULL) == 0);
	CHECK(all('D', 0, 1000));
	CHECK(all(0, 1000, 2 * MIB));
	CHECK(all('D', 2 * MIB + 1000, MIB));
	CHECK(run(b, IO_ZERO, IO_NO_HOLE | IO_FAST, 0, MIB, NULL) == ENOTSUP);
	CHECK(all('D', 0, 1000));
	CHECK(run(b, IO_TRIM, 0, 3 * MIB + 1, 4096, NULL) == 0);
	CHECK(all('D', 3 * MIB, 1));
	CHECK(run(b, IO_FLUSH, 0, 0, 0, NULL) == 0);
	CHECK(run(b, IO_CACHE, 0, 0, 4 * MIB, NULL) == 0);
}

TEST(a_block_device_is_served)
{
	struct loopdev l;
	struct backend *b;

	if (loopdev_make(&l, "/tmp", 4 * MIB) == -1)
		return;
	fd = open(l.dev, O_RDWR);
	b = file_backend(open(l.dev, O_RDWR), 4 * MIB, true, NULL);
	check_device(b);
	end(b);
	loopdev_end(&l);
}

/* Twice: the kernel tells of lost data once, the backend remembers. */
static void
check_losses(struct backend *b, unsigned fua)
{
	char *data = malloc(2 * MIB);

	memset(data, 'L', 2 * MIB);
	CHECK((run(b, IO_WRITE, fua, 0, 2 * MIB, data) != 0) == (fua != 0));
	CHECK(run(b, IO_FLUSH, 0, 0, 0, NULL) != 0);
	CHECK(run(b, IO_FLUSH, 0, 0, 0, NULL) != 0);
	CHECK(run(b, IO_READ, 0, 0, 4096, data) == 0);
	free(data);
}

/* A device whose writes are taken and then lost: its file has no room. */
TEST(data_lost_behind_the_cache_fails_every_later_flush)
{
	static const unsigned fua[] = { 0, IO_FUA };
	char dir[] = "/tmp/nbdmux-export-small-XXXXXX";
	struct loopdev l;
	struct backend *b;
	size_t i;

	if (mkdtemp(dir) == NULL)
		abort();
	if (mount("none", dir, "tmpfs", 0, "size=1m") == -1) {
		printf("# skipped: no file system can be mounted here\n");
		rmdir(dir);
		return;
	}
	for (i = 0; i < 2 && loopdev_make(&l, dir, 4 * MIB) == 0; i++) {
		fd = open(l.dev, O_RDWR);
		b = file_backend(open(l.dev, O_RDWR), 4 * MIB, true, NULL);
		check_losses(b, fua[i]);
		end(b);
		loopdev_end(&l);
	}
	CHECK(umount2(dir, MNT_DETACH) == 0);
	rmdir(dir);
}

static void
run_all(void)
{
	RUN(what_was_written_is_read_back);
	RUN(cached_data_is_read_without_a_worker);
	RUN(a_file_that_shrank_is_an_error_and_no_zeroes);
	RUN(what_is_in_the_page_cache_can_be_sent_from_there);
	RUN(a_trim_leaves_its_neighbours_alone);
	RUN(zeroes_are_exactly_where_they_were_asked_for);
	RUN(zeroes_make_holes_unless_told_not_to);
	RUN(fast_zeroes_are_fast_or_refused_without_a_change);
	RUN(without_holes_zeroes_are_written_and_trims_are_hints);
	RUN(only_whole_blocks_of_a_device_are_trimmed_or_zeroed_by_it);
	RUN(a_huge_range_is_zeroed_in_one_request);
	RUN(requests_of_no_length_change_nothing);
	RUN(a_read_only_file_says_so_and_is_not_written);
	RUN(preferred_blocks_are_a_power_of_two_in_bounds);
	RUN(a_flush_that_failed_stays_failed);
	RUN(a_write_without_room_is_the_clients_alone);
	RUN(a_list_of_writes_is_written_whatever_their_order);
	RUN(an_error_in_a_list_is_of_that_request_alone);
	RUN(a_sync_that_fails_is_an_error_of_all_that_shared_it);
	RUN(a_list_of_reads_is_answered_each_with_its_data);
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
	RUN(a_block_device_is_served);
	RUN(data_lost_behind_the_cache_fails_every_later_flush);
	return DONE();
}
