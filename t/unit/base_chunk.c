/* chunk: capacities, reuse, the budget. */
#include "base/chunk.h"

#include <pthread.h>
#include <stdlib.h>

#include "unit.h"

TEST(a_chunk_has_at_least_the_bytes_asked_for_and_is_empty)
{
	static const size_t asked[] = { 0, 1, CHUNK_SMALL, CHUNK_SMALL + 1,
		CHUNK_PIECE, CHUNK_LARGE, CHUNK_LARGE + 1, CHUNK_WRITE, 3000000 };
	struct budget budget = { 0, UINT64_MAX };
	struct chunk *c;
	struct pool p;
	size_t i;

	pool_init(&p, &budget);
	for (i = 0; i < sizeof asked / sizeof *asked; i++) {
		c = chunk_get(&p, asked[i], false);
		CHECK(c != NULL && c->cap >= asked[i]);
		CHECK(c->start == 0 && c->end == 0);
		CHECK((uintptr_t)c->data % 64 == 0);
		CHECK(budget.used == c->cap);
		memset(c->data, 0x55, c->cap);
		c->start = 1;
		c->end = 2;
		chunk_put(&p, c);
		CHECK(budget.used == 0);
	}
	chunk_put(&p, NULL);
	pool_free(&p);
	pool_free(NULL);
}

TEST(a_chunk_is_not_twice_what_was_asked_for)
{
	struct budget budget = { 0, UINT64_MAX };
	struct chunk *c;
	struct pool p;

	pool_init(&p, &budget);
	for (size_t n = 1; n < 2 * CHUNK_WRITE; n += 997) {
		c = chunk_get(&p, n, false);
		CHECK(c != NULL && c->cap < 2 * n + 2);
		chunk_put(&p, c);
	}
	pool_free(&p);
}

TEST(a_small_chunk_is_one_allocation_of_64_kib)
{
	CHECK(sizeof(struct chunk) + CHUNK_SMALL == 65536);
}

TEST(the_last_chunk_put_back_goes_out_first)
{
	struct budget budget = { 0, UINT64_MAX };
	struct chunk *a, *b;
	struct pool p;

	pool_init(&p, &budget);
	a = chunk_get(&p, CHUNK_SMALL, false);
	b = chunk_get(&p, CHUNK_SMALL, false);
	CHECK(a != b);
	chunk_put(&p, a);
	chunk_put(&p, b);
	CHECK(chunk_get(&p, CHUNK_SMALL, false) == b);
	CHECK(chunk_get(&p, CHUNK_SMALL - 1, false) == a);
	CHECK(p.count[0] == 0);
	chunk_put(&p, a);
	chunk_put(&p, b);
	pool_free(&p);
	CHECK(p.count[0] == 0);
}

TEST(a_pool_keeps_a_few_free_chunks_and_not_more)
{
	struct budget budget = { 0, UINT64_MAX };
	struct chunk *small[32], *large[32];
	struct pool p;
	int i;

	pool_init(&p, &budget);
	for (i = 0; i < 32; i++) {
		small[i] = chunk_get(&p, CHUNK_SMALL, false);
		large[i] = chunk_get(&p, CHUNK_PIECE, false);
		CHECK(small[i] != NULL && large[i] != NULL);
	}
	CHECK(budget.used == 32 * (CHUNK_SMALL + CHUNK_LARGE));
	for (i = 0; i < 32; i++) {
		chunk_put(&p, small[i]);
		chunk_put(&p, large[i]);
	}
	CHECK(p.count[0] > 0 && p.count[0] <= 8);
	CHECK(p.count[1] > 0 && p.count[1] <= 4);
	CHECK(budget.used == 0);
	pool_free(&p);
}

TEST(the_budget_bounds_what_is_out_in_all_pools_together)
{
	struct budget budget = { 0, 2 * CHUNK_SMALL };
	struct chunk *a, *b, *forced;
	struct pool p, q;

	pool_init(&p, &budget);
	pool_init(&q, &budget);
	a = chunk_get(&p, CHUNK_SMALL, false);
	b = chunk_get(&q, CHUNK_SMALL, false);
	CHECK(a != NULL && b != NULL);
	CHECK(chunk_get(&p, CHUNK_SMALL, false) == NULL);
	CHECK(chunk_get(&q, CHUNK_SMALL, false) == NULL);
	forced = chunk_get(&p, CHUNK_SMALL, true);
	CHECK(forced != NULL && budget.used == 3 * CHUNK_SMALL);
	chunk_put(&q, a); /* another pool may take it back */
	CHECK(chunk_get(&p, CHUNK_SMALL, false) == NULL);
	chunk_put(&p, forced);
	a = chunk_get(&p, CHUNK_SMALL, false);
	CHECK(a != NULL);
	CHECK(chunk_get(&p, CHUNK_LARGE, false) == NULL);
	CHECK(chunk_get(&p, SIZE_MAX, false) == NULL);
	chunk_put(&p, a);
	chunk_put(&q, b);
	CHECK(budget.used == 0);
	pool_free(&p);
	pool_free(&q);
}

TEST(a_size_that_wraps_gives_nothing_and_costs_nothing)
{
	struct budget budget = { 0, UINT64_MAX };
	struct pool p;

	pool_init(&p, &budget);
	CHECK(chunk_get(&p, SIZE_MAX, true) == NULL);
	CHECK(chunk_get(&p, SIZE_MAX - 1, true) == NULL);
	CHECK(budget.used == 0);
	pool_free(&p);
}

#define THREADS 4

static void *
borrow(void *arg)
{
	struct budget *budget = arg;
	struct chunk *out[4];
	struct pool p;
	long over = 0;
	int i, j;

	pool_init(&p, budget);
	for (i = 0; i < 20000; i++) {
		for (j = 0; j < 4; j++)
			out[j] = chunk_get(&p, (i + j) % 2 ? 1 : CHUNK_PIECE,
			    false);
		over += budget->used > budget->limit;
		for (j = 0; j < 4; j++)
			chunk_put(&p, out[j]);
	}
	pool_free(&p);
	return (void *)over;
}

TEST(threads_never_get_more_than_the_budget_together)
{
	struct budget budget = { 0, 5 * CHUNK_LARGE };
	pthread_t threads[THREADS];
	void *over;
	int i;

	for (i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, borrow, &budget) == 0);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &over);
		CHECK(over == NULL);
	}
	CHECK(budget.used == 0);
}

int
main(void)
{
	RUN(a_chunk_has_at_least_the_bytes_asked_for_and_is_empty);
	RUN(a_chunk_is_not_twice_what_was_asked_for);
	RUN(a_small_chunk_is_one_allocation_of_64_kib);
	RUN(the_last_chunk_put_back_goes_out_first);
	RUN(a_pool_keeps_a_few_free_chunks_and_not_more);
	RUN(the_budget_bounds_what_is_out_in_all_pools_together);
	RUN(a_size_that_wraps_gives_nothing_and_costs_nothing);
	RUN(threads_never_get_more_than_the_budget_together);
	return DONE();
}
