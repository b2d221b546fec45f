/* entry: what a tool wrote can be put back, and is not mistaken for another. */
#include "tool/entry.h"

#include "spool_dir.h"
#include "unit.h"

static struct dir dir;
static struct tool tool;
static struct diag d;

static void
put(const char *name, const char *text)
{
	int fd = openat(dir.fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static const char *
content(const char *name)
{
	static char text[4096];
	int fd = openat(dir.fd, name, O_RDONLY);
	ssize_t n = fd != -1 ? read(fd, text, sizeof(text) - 1) : -1;

	if (n < 0)
		return "(none)";
	text[n] = '\0';
	close(fd);
	return text;
}

static struct record
image(const char *path)
{
	struct record r;

	record_init(&r);
	CHECK(keys_set(record_keys, &r, "image", path, &d) == 0);
	return r;
}

TEST(a_new_entry_is_removed_when_it_is_put_back)
{
	struct record r = image("/new");
	struct entry e;

	CHECK(entry_open(&e, &tool, "disk", &d) == 0);
	CHECK(!e.existed && !entry_says(&e, &r));
	CHECK(entry_write(&e, &r, &d) == 0);
	CHECK_STR(content("disk.ini"), "[export]\nimage = /new\n");
	CHECK(entry_current(&e));
	CHECK(entry_restore(&e, &d) == 1);
	CHECK(dir_count(&dir, 0) == 0);
	entry_close(&e);
	record_clear(&r);
}

TEST(an_old_entry_comes_back_to_the_byte_even_a_bad_one)
{
	static const char old[] = "; by hand\n[export]\nimage=/old\nodd\n";
	struct record r = image("/new");
	struct stat st;
	struct entry e;

	put("disk.ini", old);
	CHECK(entry_open(&e, &tool, "disk", &d) == 0);
	CHECK(e.existed && !entry_says(&e, &r));
	CHECK(entry_write(&e, &r, &d) == 0);
	CHECK(fstatat(dir.fd, "disk.ini", &st, 0) == 0);
	CHECK((st.st_mode & 0777) == 0644);
	CHECK(entry_restore(&e, &d) == 1);
	CHECK_STR(content("disk.ini"), old);
	CHECK(fstatat(dir.fd, "disk.ini", &st, 0) == 0);
	CHECK((st.st_mode & 0777) == 0640);
	CHECK(dir_count(&dir, 1) == 1);
	entry_close(&e);
	record_clear(&r);
}

TEST(comments_and_order_make_no_other_entry)
{
	struct record r = image("/x");
	struct entry e;

	put("disk.ini", "# hello\n[export]\nmode = ro\n  \nimage=  /x  \n");
	CHECK(entry_open(&e, &tool, "disk", &d) == 0);
	CHECK(entry_says(&e, &r));
	entry_close(&e);
	record_clear(&r);
	dir_count(&dir, 1);
}

TEST(another_writers_change_is_never_undone)
{
	struct record r = image("/new");
	struct entry e;

	CHECK(entry_open(&e, &tool, "disk", &d) == 0);
	CHECK(entry_write(&e, &r, &d) == 0);
	put("other", "[export]\nimage = /other\n");
	CHECK(renameat(dir.fd, "other", dir.fd, "disk.ini") == 0);
	CHECK(!entry_current(&e));
	CHECK(!entry_adopt(&e, "disk", &r));
	CHECK(entry_restore(&e, &d) == 0);
	CHECK_STR(content("disk.ini"), "[export]\nimage = /other\n");
	/* But the same words from somebody else are as good as ours. */
	put("other", "[export]\nimage = /new\n");
	CHECK(renameat(dir.fd, "other", dir.fd, "disk.ini") == 0);
	CHECK(entry_adopt(&e, "disk", &r));
	CHECK(entry_current(&e));
	entry_close(&e);
	record_clear(&r);
	dir_count(&dir, 1);
}

TEST(what_could_not_be_put_back_is_not_replaced)
{
	struct record r = image("/x");
	struct entry e;

	CHECK(symlinkat("elsewhere", dir.fd, "disk.ini") == 0);
	CHECK(entry_open(&e, &tool, "disk", &d) == -1);
	put("elsewhere", "[export]\nimage = /x\n");
	CHECK(entry_open(&e, &tool, "disk", &d) == 0);
	CHECK(entry_says(&e, &r));
	CHECK(entry_write(&e, &r, &d) == -1);
	CHECK(strstr(d.text, "symbolic link") != NULL);
	entry_close(&e);
	dir_count(&dir, 1);
	CHECK(mkdirat(dir.fd, "disk.ini", 0700) == 0);
	CHECK(entry_open(&e, &tool, "disk", &d) == -1);
	dir_count(&dir, 1);
	record_clear(&r);
}

int
main(void)
{
	dir_make(&dir);
	tool_init(&tool, "unit");
	tool.places.spool = dir.path;
	tool.spoolfd = dir.fd;
	RUN(a_new_entry_is_removed_when_it_is_put_back);
	RUN(an_old_entry_comes_back_to_the_byte_even_a_bad_one);
	RUN(comments_and_order_make_no_other_entry);
	RUN(another_writers_change_is_never_undone);
	RUN(what_could_not_be_put_back_is_not_replaced);
	dir_remove(&dir);
	return DONE();
}
