/* listing: spool, state and counters become one picture; this test plays the
 * daemon. */
#include "tool/listing.h"

#include "spool_dir.h"
#include "tool/show.h"
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

static struct dir spool, state;
static int exportsfd, lockfd;
static struct stats *stats;
static struct tool tool;
static struct listing_source source;
static struct diag d;

static void
put(const char *name, const char *text)
{
	int fd = openat(spool.fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void
answer(const char *name, enum status status, const char *error,
    const char *description, uint64_t generation)
{
	struct state_export s = { .format = STATE_FORMAT, .status = status,
		.error = (char *)(uintptr_t)error,
		.description = (char *)(uintptr_t)description,
		.image = (char *)(uintptr_t)"/img", .size = 1 << 20,
		.generation = generation, .since = 86400 };

	s.builtin = strcmp(name, "probe") == 0;
	CHECK(state_write_export(exportsfd, name, &s, &d) == 1);
}

static void
start_daemon(void)
{
	struct state_daemon s = { .format = STATE_FORMAT, .pid = 1,
		.started = 86400, .version = (char *)(uintptr_t)"0.1.0",
		.spool = spool.path,
		.listen = (char *)(uintptr_t)"127.0.0.1:10809" };

	lockfd = state_lock(state.fd, &d);
	CHECK(lockfd != -1 && state_lock_pid(lockfd, 4711) == 0);
	CHECK(state_write_daemon(state.fd, &s, &d) == 1);
	stats = stats_create(state.fd, 16, 16, &d);
	CHECK(stats != NULL);
}

static char *
shown(const struct listing *l, int (*show)(const struct listing *, FILE *,
    size_t))
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (show != NULL)
		CHECK(show(l, f, 0) == 0);
	else
		show_json(l, &tool, f);
	fclose(f);
	return text;
}

static struct listing *
take(const struct listing *before)
{
	struct listing *l = listing_take(&source, before, &d);

	if (l == NULL) {
		printf("# %s\n", d.text);
		exit(1);
	}
	return l;
}

TEST(without_a_daemon_the_spool_is_listed_and_old_state_is_not)
{
	struct listing *l;
	char *text;

	answer("stale", STATUS_READY, NULL, NULL, 1);
	put("b.ini", "[export]\nimage = /img\nmode = rw\ndescription = d\n");
	put("c.ini", "[export]\nimage = img\n");
	l = take(NULL);
	CHECK(l->count == 2 && l->server.pid == 0);
	text = shown(l, show_exports);
	CHECK_STR(text,
	    "NAME  MODE  SIZE  STATUS    GEN  CLIENTS  READ/s  WRITE/s  "
	    "DESCRIPTION\n"
	    "b     rw       -  unserved  -          0       -        -  d\n"
	    "c     -        -  failed    -          0       -        -\n"
	    "    c.ini:2: \"image\": \"img\" is not an absolute path; write "
	    "the whole path, beginning with /\n");
	free(text);
	listing_free(l);
	unlinkat(exportsfd, "stale.ini", 0);
}

TEST(the_daemons_answers_and_what_it_has_not_answered_are_merged)
{
	struct listing *l;
	char *text;

	start_daemon();
	answer("a", STATUS_READY, NULL, "h\xc3\xa4", 3);
	answer("c", STATUS_FAILED, "no way", NULL, 0);
	answer("probe", STATUS_READY, NULL, NULL, 1);
	put("a.ini", "[export]\nimage = /img\nallow = ::1\n");
	l = take(NULL);
	CHECK(l->count == 4 && l->server.pid == 4711 && l->counted);
	text = shown(l, show_exports);
	CHECK_STR(text,
	    "NAME   MODE  SIZE  STATUS    GEN  CLIENTS  READ/s  WRITE/s  "
	    "DESCRIPTION\n"
	    "a      ro      1M  ready     3          0       -        -  "
	    "h\xc3\xa4\n"
	    "b      rw       -  unserved  -          0       -        -  d\n"
	    "c      ro      1M  failed    -          0       -        -\n"
	    "    no way\n"
	    "probe  ro      1M  ready     1          0       -        -  "
	    "(built in)\n");
	free(text);
	CHECK_STR(listing_nearest(l, "prob"), "probe");
	CHECK(listing_find(l, "zebra") == NULL);
	listing_free(l);
}

TEST(clients_of_old_generations_are_told_apart)
{
	uint32_t slot = stats_export_open(stats, "a");
	uint32_t two = conn_open(stats, slot, "a", 2, "[::1]:2", 1000);
	uint32_t also = conn_open(stats, slot, "a", 2, "[::1]:3", 1001);
	uint32_t three = conn_open(stats, slot, "a", 3, "[::1]:1", 2000);
	struct listing *l, *later;
	char *text;

	stats_add(&stats_conn_counters(stats, two)->bytes_read, 1 << 20);
	stats_add(&stats_conn_counters(stats, two)->requests[STATS_READ], 3);
	stats_conn_close(stats, also);
	l = take(NULL);
	CHECK(l->rows[0].clients == 2 && l->rows[0].read_rate < 0);
	text = shown(l, show_exports);
	CHECK(strstr(text, "ready     3, 2 ") != NULL);
	free(text);
	text = shown(l, show_connections);
	CHECK(strstr(text, "[::1]:2  a       2 (old)") != NULL);
	CHECK(strstr(text, "[::1]:1  a       3    ") != NULL);
	free(text);
	stats_add(&stats_conn_counters(stats, three)->bytes_written, 1 << 20);
	usleep(50000);
	later = take(l);
	/* A MiB in 50 ms, or a little more when the machine is busy. */
	CHECK(later->rows[0].write_rate > 0 &&
	    later->rows[0].write_rate <= 21.0 * (1 << 20));
	CHECK(later->rows[0].read_rate == 0);
	CHECK(later->rows[2].read_rate == 0);
	listing_free(l);
	text = shown(later, show_long);
	CHECK(strstr(text, " 1970-01-02T00:00:00Z  ::1    /img ") != NULL);
	free(text);
	listing_free(later);
	stats_conn_close(stats, two);
	stats_conn_close(stats, three);
}

TEST(json_has_everything)
{
	struct listing *l = take(NULL);
	char *text = shown(l, NULL);

	CHECK(strstr(text, "{\"format\":1,\"daemon\":{\"running\":true,") ==
	    text);
	CHECK(strstr(text, "\"pid\":4711,\"version\":\"0.1.0\","
	    "\"started\":\"1970-01-02T00:00:00Z\","
	    "\"listen\":[\"127.0.0.1:10809\"],\"tls\":\"off\","
	    "\"error\":null}") != NULL);
	CHECK(strstr(text, "\"error\":\"no way\"") != NULL);
	CHECK(strstr(text, "\"uri\":\"nbd://127.0.0.1/a\"") != NULL);
	CHECK(strstr(text, "\"bytes_read\":1048576") != NULL);
	CHECK(strstr(text, "\"allow\":[\"::1\"]") != NULL);
	CHECK(strstr(text, "\"connections\":[]}\n") != NULL);
	free(text);
	listing_free(l);
}

TEST(the_daemon_of_another_spool_is_not_believed)
{
	tool.places.spool = state.path;
	CHECK(listing_take(&source, NULL, &d) == NULL);
	CHECK(strstr(d.text, "-s and -S") != NULL);
	tool.places.spool = spool.path;
}

TEST(without_a_spool_there_is_still_what_the_daemon_says)
{
	char gone[PATH_MAX + 8];
	struct listing *l;

	snprintf(gone, sizeof(gone), "%s/gone", spool.path);
	tool.places.spool = gone;
	l = take(NULL);
	CHECK(l->view == NULL && l->count == 3);
	CHECK(strstr(l->view_error.text, "does not exist") != NULL);
	listing_free(l);
	close(lockfd);
	CHECK(listing_take(&source, NULL, &d) == NULL);
	tool.places.spool = spool.path;
}

int
main(void)
{
	dir_make(&spool);
	dir_make(&state);
	mkdirat(state.fd, STATE_EXPORTS, 0755);
	exportsfd = openat(state.fd, STATE_EXPORTS, O_RDONLY | O_DIRECTORY);
	tool_init(&tool, "unit");
	tool.places.spool = spool.path;
	tool.places.state = state.path;
	listing_begin(&source, &tool);
	RUN(without_a_daemon_the_spool_is_listed_and_old_state_is_not);
	RUN(the_daemons_answers_and_what_it_has_not_answered_are_merged);
	RUN(clients_of_old_generations_are_told_apart);
	RUN(json_has_everything);
	RUN(the_daemon_of_another_spool_is_not_believed);
	RUN(without_a_spool_there_is_still_what_the_daemon_says);
	listing_end(&source);
	stats_close(stats);
	tool_close(&tool);
	unlinkat(exportsfd, "a.ini", 0);
	unlinkat(exportsfd, "c.ini", 0);
	unlinkat(exportsfd, "probe.ini", 0);
	close(exportsfd);
	dir_remove(&state);
	dir_remove(&spool);
	return DONE();
}
