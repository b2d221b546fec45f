/* Metrics: labels are escaped, buckets add up, what is not known is not told. */
#include <stdlib.h>

#include "tool/metrics.h"
#include "unit.h"

static const char *
printed(const struct listing *l)
{
	static char *text;
	size_t size;
	FILE *out;

	free(text);
	out = open_memstream(&text, &size);
	metrics_print(l, out);
	fclose(out);
	return text;
}

static bool
says(const struct listing *l, const char *line)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	return strstr(printed(l), whole) != NULL;
}

TEST(labels_are_escaped)
{
	char version[] = "1 \"2\" \\ 3\n4\xc3\xa4";
	struct listing l = { .server = { .pid = 1, .state = {
		.version = version, .started = 5 } } };

	CHECK(says(&l, "nbdmux_build_info{version=\"1 \\\"2\\\" \\\\ "
	    "3\\n4\xc3\xa4\"} 1"));
	CHECK(says(&l, "nbdmux_start_time_seconds 5"));
	CHECK(strstr(printed(&l), "_total") == NULL); /* nothing is counted */
}

TEST(buckets_add_up_to_the_count)
{
	struct listing_row row = { .name = "disk", .totals = {
		.latency = { 1, 2, [STATS_LATENCIES - 1] = 4 },
		.latency_ns = UINT64_C(12000000005) } };
	struct listing l = { .server = { .pid = 1 }, .counted = true,
		.count = 1, .rows = &row };

#define D "nbdmux_export_request_duration_seconds"
	CHECK(says(&l, D "_bucket{export=\"disk\",le=\"0.000008\"} 1"));
	CHECK(says(&l, D "_bucket{export=\"disk\",le=\"0.000016\"} 3"));
	CHECK(says(&l, D "_bucket{export=\"disk\",le=\"4.194304\"} 3"));
	CHECK(says(&l, D "_bucket{export=\"disk\",le=\"+Inf\"} 7"));
	CHECK(says(&l, D "_sum{export=\"disk\"} 12.000000005"));
	CHECK(says(&l, D "_count{export=\"disk\"} 7"));
	memset(&row.totals, 0, sizeof(row.totals));
	CHECK(strstr(printed(&l), D "_") == NULL);
	CHECK(says(&l, "nbdmux_request_duration_seconds_count 0"));
	row.hidden = true;
	CHECK(strstr(printed(&l), "export=") == NULL);
}

TEST(fetches_are_counted_by_how_far_they_are)
{
	struct listing_row rows[] = {
		{ .name = "a", .fetching = true,
		    .fetch = { .status = STATUS_FETCHING } },
		{ .name = "b", .fetching = true,
		    .fetch = { .status = STATUS_FAILED } },
		{ .name = "c", .fetching = true,
		    .fetch = { .status = STATUS_READY } },
		{ .name = "d", .fetching = true,
		    .fetch = { .status = STATUS_FETCHING } },
		{ .name = "e", .fetch = { .status = STATUS_QUEUED } },
	};
	struct listing l = { .count = 5, .rows = rows };

	CHECK(says(&l, "nbdmux_fetches{status=\"fetching\"} 2"));
	CHECK(says(&l, "nbdmux_fetches{status=\"failed\"} 1"));
	CHECK(says(&l, "nbdmux_fetches{status=\"queued\"} 0"));
}

int
main(void)
{
	RUN(labels_are_escaped);
	RUN(buckets_add_up_to_the_count);
	RUN(fetches_are_counted_by_how_far_they_are);
	return DONE();
}
