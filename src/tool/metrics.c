/*
 * metrics: one function per metric, since all samples of a metric stand
 * together.  Names and units are Prometheus': seconds, bytes, _total.
 */
#include <inttypes.h>
#include <string.h>

#include "tool/metrics.h"

/* By enum stats_command. */
static const char *const commands[STATS_COMMANDS] = { "read", "write", "flush",
	"trim", "cache", "write_zeroes", "block_status", "other" };

static void
head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP nbdmux_%s %s\n# TYPE nbdmux_%s %s\n", name, help,
	    name, type);
}

/* A label's value: any UTF-8, with these three escaped. */
static void
quote(FILE *out, const char *value)
{
	fputc('"', out);
	for (; *value != '\0'; value++)
		if (*value == '\n')
			fputs("\\n", out);
		else {
			if (*value == '"' || *value == '\\')
				fputc('\\', out);
			fputc(*value, out);
		}
	fputc('"', out);
}

/* "nbdmux_NAME{export="E",KEY="VALUE"} "; what is NULL is left out. */
static void
sample(FILE *out, const char *name, const char *export, const char *key,
    const char *value)
{
	fprintf(out, "nbdmux_%s", name);
	if (export != NULL || key != NULL)
		fputc('{', out);
	if (export != NULL) {
		fputs("export=", out);
		quote(out, export);
	}
	if (key != NULL && value != NULL) {
		fprintf(out, "%s%s=", export != NULL ? "," : "", key);
		quote(out, value);
	}
	fputs(export != NULL || key != NULL ? "} " : " ", out);
}

static void
whole(FILE *out, uint64_t value)
{
	fprintf(out, "%" PRIu64 "\n", value);
}

/* ns as seconds, exactly. */
static void
seconds(FILE *out, uint64_t ns)
{
	fprintf(out, "%" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000,
	    ns % 1000000000);
}

static void
gauge(FILE *out, const char *name, const char *help, uint64_t value)
{
	head(out, name, "gauge", help);
	sample(out, name, NULL, NULL, NULL);
	whole(out, value);
}

/* --- what exports and the whole have alike -------------------------------- */

struct subject {
	const char *export; /* NULL: all of them */
	const struct stats_totals *totals;
};

static void
put_requests(FILE *out, const char *name, const struct subject *s)
{
	for (size_t i = 0; i < STATS_COMMANDS; i++) {
		sample(out, name, s->export, "command", commands[i]);
		whole(out, s->totals->requests[i]);
	}
}

static void
put_errors(FILE *out, const char *name, const struct subject *s)
{
	sample(out, name, s->export, NULL, NULL);
	whole(out, s->totals->errors);
}

static void
put_read(FILE *out, const char *name, const struct subject *s)
{
	sample(out, name, s->export, NULL, NULL);
	whole(out, s->totals->bytes_read);
}

static void
put_written(FILE *out, const char *name, const struct subject *s)
{
	sample(out, name, s->export, NULL, NULL);
	whole(out, s->totals->bytes_written);
}

static void
put_bucket(FILE *out, const char *name, const struct subject *s, size_t i,
    uint64_t count)
{
	char bound[32] = "+Inf", bucket[64];

	if (i + 1 < STATS_LATENCIES)
		snprintf(bound, sizeof(bound), "%.6f",
		    (double)STATS_LATENCY_US(i) / 1e6);
	snprintf(bucket, sizeof(bucket), "%s_bucket", name);
	sample(out, bucket, s->export, "le", bound);
	whole(out, count);
}

/* Of an export that was never used there is none: ten thousand are many. */
static void
put_duration(FILE *out, const char *name, const struct subject *s)
{
	const struct stats_totals *t = s->totals;
	char part[64];
	uint64_t count = 0;

	for (size_t i = 0; i < STATS_LATENCIES; i++)
		count += t->latency[i];
	if (count == 0 && s->export != NULL)
		return;
	count = 0;
	for (size_t i = 0; i < STATS_LATENCIES; i++)
		put_bucket(out, name, s, i, count += t->latency[i]);
	snprintf(part, sizeof(part), "%s_sum", name);
	sample(out, part, s->export, NULL, NULL);
	seconds(out, t->latency_ns);
	snprintf(part, sizeof(part), "%s_count", name);
	sample(out, part, s->export, NULL, NULL);
	whole(out, count);
}

static const struct {
	const char *name; /* behind "nbdmux_" or "nbdmux_export_" */
	const char *type, *help;
	void (*put)(FILE *out, const char *name, const struct subject *s);
} counted[] = {
	{ "requests_total", "counter", "Requests that were answered.",
	    put_requests },
	{ "request_errors_total", "counter",
	    "Requests that were answered with an error.", put_errors },
	{ "read_bytes_total", "counter", "Bytes of data sent to clients.",
	    put_read },
	{ "written_bytes_total", "counter",
	    "Bytes of data written by clients.", put_written },
	{ "request_duration_seconds", "histogram",
	    "From when a request was taken up to when its reply was sent or "
	    "queued.", put_duration },
};
#define COUNTED (sizeof(counted) / sizeof(*counted))

static void
all_counters(const struct listing *l, FILE *out)
{
	struct subject s = { .totals = &l->stats.all };

	for (size_t i = 0; i < COUNTED; i++) {
		head(out, counted[i].name, counted[i].type, counted[i].help);
		counted[i].put(out, counted[i].name, &s);
	}
}

/* --- exports -------------------------------------------------------------- */

#define EACH_ROW(l, r) \
	(const struct listing_row *r = (l)->rows; \
	    r < (l)->rows + (l)->count; r++) if (!r->hidden)

static void
export_counters(const struct listing *l, FILE *out)
{
	char name[64];

	for (size_t i = 0; i < COUNTED; i++) {
		snprintf(name, sizeof(name), "export_%s", counted[i].name);
		head(out, name, counted[i].type, counted[i].help);
		for EACH_ROW(l, r) {
			struct subject s = { r->name, &r->totals };

			counted[i].put(out, name, &s);
		}
	}
}

static void
export_gauges(const struct listing *l, FILE *out)
{
	static const char *const names[] = { "export_clients",
		"export_generation", "export_size_bytes" };

	head(out, names[0], "gauge", "Clients that are connected.");
	for EACH_ROW(l, r) {
		sample(out, names[0], r->name, NULL, NULL);
		whole(out, r->clients);
	}
	head(out, names[1], "gauge",
	    "Number of the content that new clients get.");
	for EACH_ROW(l, r) {
		sample(out, names[1], r->name, NULL, NULL);
		whole(out, r->state.generation);
	}
	head(out, names[2], "gauge", "Bytes that clients see.");
	for EACH_ROW(l, r) {
		sample(out, names[2], r->name, NULL, NULL);
		whole(out, r->state.size);
	}
	head(out, "export_status", "gauge",
	    "1 for the status that the export has.");
	for EACH_ROW(l, r) {
		sample(out, "export_status", r->name, "status",
		    listing_status(r));
		whole(out, 1);
	}
}

static uint64_t
with_status(const struct listing *l, const char *status)
{
	uint64_t count = 0;

	for EACH_ROW(l, r)
		count += strcmp(listing_status(r), status) == 0;
	return count;
}

static void
by_status(const struct listing *l, FILE *out)
{
	head(out, "exports", "gauge", "Exports, by their status.");
	for (const char *const *s = status_names; *s != NULL; s++) {
		sample(out, "exports", NULL, "status", *s);
		whole(out, with_status(l, *s));
	}
	sample(out, "exports", NULL, "status", "unserved");
	whole(out, with_status(l, "unserved"));
}

static void
fetches(const struct listing *l, FILE *out)
{
	static const unsigned statuses[] = { STATUS_QUEUED, STATUS_FETCHING,
		STATUS_DECOMPRESSING, STATUS_FAILED };

	head(out, "fetches", "gauge", "Images that are being fetched, or could "
	    "not be, by how far that is.");
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		uint64_t count = 0;

		for EACH_ROW(l, r)
			count += r->fetching &&
			    r->fetch.status == statuses[i];
		sample(out, "fetches", NULL, "status",
		    status_names[statuses[i]]);
		whole(out, count);
	}
}

/* --- the daemon ----------------------------------------------------------- */

static void
loops(const struct stats_snapshot *s, FILE *out)
{
	char number[24];

	head(out, "loop_busy_seconds_total", "counter",
	    "Time that an event loop has worked.");
	for (size_t i = 0; i < s->nloops; i++) {
		snprintf(number, sizeof(number), "%zu", i);
		sample(out, "loop_busy_seconds_total", NULL, "loop", number);
		seconds(out, s->loops[i].busy);
	}
	head(out, "loop_lag_seconds", "gauge",
	    "Longest round of an event loop in the last 10 to 20 seconds: so "
	    "long a client may have waited for others.");
	for (size_t i = 0; i < s->nloops; i++) {
		snprintf(number, sizeof(number), "%zu", i);
		sample(out, "loop_lag_seconds", NULL, "loop", number);
		seconds(out, s->loops[i].lag);
	}
}

static void
daemon_gauges(const struct listing *l, FILE *out)
{
	const struct stats_snapshot *s = &l->stats;

	gauge(out, "start_time_seconds",
	    "When the daemon was started, since the epoch.",
	    l->server.state.started);
	head(out, "build_info", "gauge", "1, with the daemon's version.");
	sample(out, "build_info", NULL, "version",
	    l->server.state.version != NULL ? l->server.state.version : "");
	whole(out, 1);
	if (!l->counted)
		return;
	gauge(out, "clients", "Clients that are connected.", s->nconns);
	gauge(out, "workers", "Threads that there may be to wait for disks.",
	    s->workers);
	gauge(out, "workers_busy", "Threads that wait for disks.",
	    s->workers_busy);
	gauge(out, "workers_queued", "Requests that wait for such a thread.",
	    s->workers_queued);
	loops(s, out);
	all_counters(l, out);
}

void
metrics_print(const struct listing *l, FILE *out)
{
	gauge(out, "up", "Whether the daemon runs.", l->server.pid != 0);
	if (l->server.pid != 0)
		daemon_gauges(l, out);
	by_status(l, out);
	fetches(l, out);
	export_gauges(l, out);
	if (l->counted)
		export_counters(l, out);
}
