/* Hints: which changes of a directory are worth a look, and how soon. */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "loop/watch.h"
#include "unit.h"

static char root[64], dir[96];
static struct watch w;

static char *
at(const char *name)
{
	static char text[4][256];
	static unsigned turn;
	char *p = text[turn++ % 4];

	snprintf(p, sizeof(text[0]), "%s/%s", dir, name);
	return p;
}

static void
look(void)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return;
	watch_directory(&w, fd, dir);
	close(fd);
}

static void
begin(void)
{
	strcpy(root, "/tmp/nbdmux-watch-XXXXXX");
	if (mkdtemp(root) == NULL)
		abort();
	snprintf(dir, sizeof(dir), "%s/spool", root);
	mkdir(dir, 0755);
	watch_open(&w);
	look();
}

static void
end(void)
{
	char cmd[128];

	watch_close(&w);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
	if (system(cmd) != 0)
		abort();
}

static void
create(const char *name)
{
	int fd = open(at(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	if (fd != -1)
		close(fd);
}

TEST(a_file_that_is_complete_is_looked_at_now)
{
	begin();
	create(".x.tmp");
	watch_read(&w);
	rename(at(".x.tmp"), at("x.ini"));
	CHECK(watch_read(&w) == HINT_NOW);
	create("y.ini");
	CHECK(watch_read(&w) == HINT_NOW);
	create("y.kick");
	CHECK(watch_read(&w) == HINT_NOW);
	chmod(at("x.ini"), 0600);
	CHECK(watch_read(&w) == HINT_NOW);
	end();
}

TEST(what_may_be_half_of_a_change_can_wait_for_the_rest)
{
	int fd;

	begin();
	fd = open(at("x.ini"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	CHECK(watch_read(&w) == HINT_SOON);
	close(fd);
	CHECK(watch_read(&w) == HINT_NOW);
	rename(at("x.ini"), at("x.ini~"));
	CHECK(watch_read(&w) == HINT_SOON);
	create("x.ini");
	CHECK(watch_read(&w) == HINT_NOW);
	unlink(at("x.ini"));
	CHECK(watch_read(&w) == HINT_SOON);
	end();
}

TEST(files_that_do_not_count_are_no_reason_to_look)
{
	static const char *const names[] = { ".x.ini.swp", "4913", "x.ini~",
		"x.tmp", ".x.ini", "-x.ini", "x y.ini", "x.INI", ".kick" };

	begin();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		create(names[i]);
		unlink(at(names[i]));
		CHECK(watch_read(&w) == HINT_NONE);
	}
	end();
}

TEST(a_directory_that_goes_is_a_hint_and_another_is_followed)
{
	begin();
	rename(dir, at("../away"));
	CHECK(watch_read(&w) == HINT_SOON);
	CHECK(w.wd == -1);
	mkdir(dir, 0755);
	look();
	watch_read(&w);
	create("x.ini");
	CHECK(watch_read(&w) == HINT_NOW);
	unlink(at("x.ini"));
	watch_read(&w);
	rmdir(dir);
	CHECK(watch_read(&w) == HINT_SOON);
	mkdir(dir, 0755);
	look();
	watch_read(&w);
	create("x.ini");
	CHECK(watch_read(&w) == HINT_NOW);
	end();
}

/* 10,000 looks, one watch: no descriptor and no watch is used up. */
TEST(to_look_again_costs_nothing)
{
	int wd;

	begin();
	wd = w.wd;
	for (int i = 0; i < 10000; i++)
		look();
	CHECK(w.wd == wd && watch_read(&w) == HINT_NONE);
	end();
}

TEST(without_inotify_there_are_no_hints)
{
	begin();
	watch_close(&w);
	CHECK(watch_read(&w) == HINT_NONE);
	look(); /* it is tried again */
	create("x.ini");
	CHECK(watch_read(&w) == HINT_NOW);
	end();
}

int
main(void)
{
	log_set_level(LEVEL_ERROR);
	RUN(a_file_that_is_complete_is_looked_at_now);
	RUN(what_may_be_half_of_a_change_can_wait_for_the_rest);
	RUN(files_that_do_not_count_are_no_reason_to_look);
	RUN(a_directory_that_goes_is_a_hint_and_another_is_followed);
	RUN(to_look_again_costs_nothing);
	RUN(without_inotify_there_are_no_hints);
	return DONE();
}
