/* pattern: a read-only disk whose bytes tell where they came from. */
#include <errno.h>
#include <stdlib.h>

#include "export/backend.h"

/* The bytes from at up to the end of its 8-byte word, at most left of them. */
static size_t
fill_word(unsigned char *p, uint64_t at, uint64_t left)
{
	uint64_t word = at & ~(uint64_t)7;
	unsigned first = at & 7;
	size_t n = 8 - first, i;

	if (n > left)
		n = (size_t)left;
	for (i = 0; i < n; i++)
		p[i] = (unsigned char)(word >> (8 * (7 - first - i)));
	return n;
}

static void
fill(unsigned char *p, uint64_t at, uint64_t left)
{
	size_t n;

	for (; left > 0; p += n, at += n, left -= n)
		n = fill_word(p, at, left);
}

static enum io_verdict
answer(struct backend *b, struct io *io)
{
	(void)b;
	switch (io->op) {
	case IO_READ:
		fill(io->data, io->offset, io->length);
		break;
	case IO_FLUSH:
	case IO_CACHE:
		break;
	default:
		io->error = EPERM;
	}
	return IO_DONE;
}

static int
read_now(struct backend *b, void *data, uint64_t offset, size_t len)
{
	(void)b;
	fill(data, offset, len);
	return 0;
}

static void
pattern_free(struct backend *b)
{
	free(b);
}

static const struct backend_ops pattern_ops = {
	.name = "pattern",
	.submit = answer,
	.work = answer,
	.free = pattern_free,
	.read_now = read_now,
};

struct backend *
pattern_backend(uint64_t size, struct diag *d)
{
	struct backend *b = calloc(1, sizeof *b);

	if (b == NULL) {
		diag_errno(d, "cannot make a pattern");
		return NULL;
	}
	b->ops = &pattern_ops;
	b->size = size;
	b->caps = BACKEND_FLUSH | BACKEND_FUA | BACKEND_CACHE |
	    BACKEND_MULTI_CONN;
	b->block_min = 1;
	b->block_preferred = 4096;
	return b;
}
