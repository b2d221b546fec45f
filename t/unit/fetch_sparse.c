/* Holes: the bytes are the same, and whole blocks of zeroes take no room. */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fetch/sparse.h"
#include "unit.h"

#define SIZE (1 << 20)

static int
temporary(void)
{
	char name[] = "sparse.XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	return fd;
}

TEST(any_pieces_of_any_bytes_are_what_was_written)
{
	static char want[SIZE], got[SIZE];
	unsigned seed = 7;

	for (int round = 0; round < 50; round++) {
		int fd = temporary();
		size_t at = 0;

		memset(want, 0, SIZE);
		for (int i = 0; i < 40; i++) {
			size_t from = (size_t)rand_r(&seed) % SIZE;
			size_t n = (size_t)rand_r(&seed) % 9000;

			for (size_t k = from; k < SIZE && k < from + n; k++)
				want[k] = (char)rand_r(&seed);
		}
		while (at < SIZE) {
			size_t n = 1 + (size_t)rand_r(&seed) % 50000;

			if (n > SIZE - at)
				n = SIZE - at;
			CHECK(sparse_write(fd, want + at, n, at) == 0);
			at += n;
		}
		CHECK(sparse_end(fd, SIZE) == 0);
		CHECK(pread(fd, got, SIZE, 0) == SIZE);
		CHECK(memcmp(want, got, SIZE) == 0);
		close(fd);
	}
}

TEST(zeroes_are_holes)
{
	static char zeroes[SIZE];
	int fd = temporary();
	struct stat st;

	CHECK(sparse_write(fd, zeroes, SIZE, 0) == 0);
	CHECK(sparse_write(fd, "x", 1, SIZE) == 0);
	CHECK(sparse_write(fd, zeroes, SIZE, SIZE + 1) == 0);
	CHECK(sparse_end(fd, 2 * SIZE + 1) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 2 * SIZE + 1);
	CHECK(st.st_blocks * 512 <= 16384);
	close(fd);
}

TEST(room_that_there_is_not_is_an_error)
{
	int fd = temporary();
	struct diag d = { "" };

	CHECK(sparse_room(fd, UINT64_C(1) << 60, &d) == -1);
	CHECK(strstr(d.text, "there is no room: 1E are needed") != NULL);
	close(fd);
}

int
main(void)
{
	RUN(any_pieces_of_any_bytes_are_what_was_written);
	RUN(zeroes_are_holes);
	RUN(room_that_there_is_not_is_an_error);
	return DONE();
}
