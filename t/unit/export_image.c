/* Images: what is one, and where image-dirs lets them be. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "export/image.h"
#include "export_loopdev.h"
#include "unit.h"

static char root[] = "/tmp/nbdmux-export-image-XXXXXX";
static struct diag d;

/* A path beneath the test's directory; eight may be in use together. */
static const char *
at(const char *name)
{
	static char text[8][512];
	static unsigned turn;
	char *p = text[turn++ % 8];

	snprintf(p, sizeof text[0], "%s/%s", root, name);
	return p;
}

static void
make(const char *name, size_t size)
{
	int fd = open(at(name), O_CREAT | O_WRONLY | O_TRUNC, 0644);

	if (fd == -1 || ftruncate(fd, (off_t)size) == -1)
		abort();
	close(fd);
}

static bool
opens(const char *path, const char *dirs)
{
	struct image_id a, b;
	int fd = image_open(path, false, dirs, &a, &d);

	if (fd == -1)
		return false;
	CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	CHECK(image_look(path, dirs, &b, &d) == 0);
	CHECK(image_same(&a, &b));
	return true;
}

/* Neither served nor looked at, and the words say why. */
static bool
refused(const char *path, const char *dirs, const char *words)
{
	struct image_id id;

	if (image_open(path, false, dirs, &id, &d) != -1)
		return false;
	if (strstr(d.text, words) == NULL || strstr(d.text, path) == NULL) {
		printf("# %s\n", d.text);
		return false;
	}
	return image_look(path, dirs, &id, &d) == -1 &&
	    strstr(d.text, words) != NULL;
}

static void
set_up(void)
{
	if (mkdtemp(root) == NULL || mkdir(at("in"), 0755) == -1 ||
	    mkdir(at("in/sub"), 0755) == -1 || mkdir(at("out"), 0755) == -1)
		abort();
	make("in/disk", 4096);
	make("in/sub/disk", 8192);
	make("in/empty", 0);
	make("out/disk", 4096);
	if (mkfifo(at("in/fifo"), 0644) == -1 ||
	    symlink("disk", at("in/link")) == -1 ||
	    symlink("sub/../disk", at("in/winding")) == -1 ||
	    symlink("../out/disk", at("in/leads-out")) == -1 ||
	    symlink(at("in/disk"), at("in/absolute")) == -1 ||
	    symlink("../out", at("in/dir-out")) == -1 ||
	    symlink("in", at("alias")) == -1 ||
	    symlink("loop", at("in/loop")) == -1)
		abort();
}

static void
tear_down(void)
{
	char cmd[256];

	snprintf(cmd, sizeof cmd, "rm -rf '%s'", root);
	if (system(cmd) != 0)
		abort();
}

TEST(a_regular_file_is_an_image)
{
	struct image_id id;

	CHECK(opens(at("in/disk"), NULL));
	CHECK(opens(at("in/leads-out"), NULL));
	CHECK(image_look(at("in/sub/disk"), NULL, &id, &d) == 0);
	CHECK(id.size == 8192);
}

TEST(anything_else_is_refused_by_name)
{
	CHECK(refused(at("in/none"), NULL, "No such file"));
	CHECK(refused(at("in"), NULL, "directory; an image is a regular"));
	CHECK(refused(at("in/fifo"), NULL, "FIFO"));
	CHECK(refused("/dev/null", NULL, "character device"));
	CHECK(refused(at("in/empty"), NULL, "empty"));
	CHECK(refused(at("in/disk/x"), NULL, "Not a directory"));
	CHECK(refused(at("in/loop"), NULL, "links"));
	CHECK(refused("in/disk", NULL, "absolute"));
}

TEST(the_same_is_refused_beneath_image_dirs)
{
	const char *in = at("in");

	CHECK(refused(at("in/none"), in, "No such file"));
	CHECK(refused(at("in/sub"), in, "directory"));
	CHECK(refused(in, in, "directory"));
	CHECK(refused(at("in/fifo"), in, "FIFO"));
	CHECK(refused(at("in/empty"), in, "empty"));
	CHECK(refused(at("in/loop"), in, "links"));
}

TEST(image_dirs_let_in_what_is_beneath)
{
	const char *in = at("in");

	CHECK(opens(at("in/disk"), in));
	CHECK(opens(at("in/sub/disk"), in));
	CHECK(opens(at("in/link"), in));
	CHECK(opens(at("in/winding"), in));
	CHECK(opens(at("in/sub/../disk"), in));
	CHECK(opens(at("in//./disk"), at("in/")));
	CHECK(opens(at("in/disk"), "/"));
	CHECK(opens(at("alias/disk"), at("alias")));
}

TEST(image_dirs_keep_out_what_leads_out)
{
	const char *in = at("in");

	CHECK(refused(at("in/leads-out"), in, "leads out of"));
	CHECK(refused(at("in/dir-out/disk"), in, "leads out of"));
	CHECK(refused(at("in/absolute"), in, "leads out of"));
	CHECK(refused(at("in/../out/disk"), in, "leads out of"));
	CHECK(refused(at("in/sub/../../out/disk"), in, "leads out of"));
}

TEST(image_dirs_are_compared_by_whole_names)
{
	CHECK(refused(at("out/disk"), at("in"), "not beneath image-dirs"));
	CHECK(refused(at("in/disk"), at("i"), "not beneath"));
	CHECK(refused(at("in/disk"), at("in/sub"), "not beneath"));
	CHECK(refused(at("alias/disk"), at("in"), "not beneath"));
	CHECK(refused(at("in/disk"), "", "not beneath"));
}

TEST(magic_links_are_not_followed_beneath_image_dirs)
{
	int fd = open(at("in/disk"), O_RDONLY);
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	CHECK(opens(path, NULL));
	CHECK(refused(path, "/", "links"));
	close(fd);
}

TEST(any_of_several_image_dirs_will_do)
{
	char dirs[1100];

	snprintf(dirs, sizeof dirs, "%s, %s %s", at("none"), at("out"),
	    at("in"));
	CHECK(opens(at("in/disk"), dirs));
	CHECK(opens(at("out/disk"), dirs));
	CHECK(refused(at("none/disk"), dirs, "of image-dirs"));
	/* Out of the inner directory, but beneath the outer one. */
	snprintf(dirs, sizeof dirs, "%s %s", at("in"), root);
	CHECK(opens(at("in/leads-out"), dirs));
}

TEST(an_identity_changes_with_file_and_size_alone)
{
	struct image_id a, b;

	make("in/changing", 4096);
	CHECK(image_look(at("in/changing"), NULL, &a, &d) == 0);
	CHECK(chmod(at("in/changing"), 0600) == 0);
	CHECK(image_look(at("in/changing"), NULL, &b, &d) == 0);
	CHECK(image_same(&a, &b));
	CHECK(truncate(at("in/changing"), 8192) == 0);
	CHECK(image_look(at("in/changing"), NULL, &b, &d) == 0);
	CHECK(!image_same(&a, &b));
	make("in/other", 4096);
	CHECK(rename(at("in/other"), at("in/changing")) == 0);
	CHECK(image_look(at("in/changing"), NULL, &b, &d) == 0);
	CHECK(!image_same(&a, &b));
}

/* Nothing is told of file systems that might have to ask: "local" says so. */
TEST(that_an_image_is_still_there_is_known_from_memory)
{
	struct image_id id;
	int fd;

	make("in/still", 4096);
	fd = image_open(at("in/still"), false, at("in"), &id, &d);
	CHECK(fd != -1);
	CHECK(image_is_still(at("in/still"), NULL, &id) == id.local);
	CHECK(image_is_still(at("in/still"), at("in"), &id) == id.local);
	CHECK(!image_is_still(at("in/still"), at("out"), &id));
	CHECK(!image_is_still(at("in/leads-out"), at("in"), &id));
	CHECK(truncate(at("in/still"), 8192) == 0);
	CHECK(!image_is_still(at("in/still"), NULL, &id));
	CHECK(truncate(at("in/still"), 4096) == 0);
	CHECK(image_is_still(at("in/still"), NULL, &id) == id.local);
	make("in/next", 4096);
	CHECK(rename(at("in/next"), at("in/still")) == 0);
	CHECK(!image_is_still(at("in/still"), NULL, &id));
	CHECK(unlink(at("in/still")) == 0);
	CHECK(!image_is_still(at("in/still"), NULL, &id));
	close(fd);
}

TEST(write_access_is_asked_for_when_it_is_needed)
{
	struct image_id id;
	int fd = image_open(at("in/disk"), true, at("in"), &id, &d);

	CHECK(fd != -1 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
	close(fd);
	fd = image_open(at("in/disk"), false, at("in"), &id, &d);
	CHECK(fd != -1 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
	close(fd);
}

TEST(who_may_not_is_told_who_asks)
{
	struct image_id id;
	uid_t me = geteuid();

	CHECK(chmod(root, 0755) == 0 && chmod(at("in/disk"), 0400) == 0);
	if (me == 0 && seteuid(65534) == -1)
		abort();
	if (me != 0)
		CHECK(chmod(at("in/disk"), 0) == 0);
	CHECK(image_open(at("in/disk"), false, NULL, &id, &d) == -1);
	CHECK(errno == EACCES);
	CHECK(strstr(d.text, "Permission denied") != NULL);
	CHECK(strstr(d.text, "the daemon runs as user") != NULL);
	if (me == 0) {
		CHECK(strstr(d.text, "nobody") != NULL);
		CHECK(seteuid(0) == 0);
	}
	CHECK(chmod(at("in/disk"), 0644) == 0);
}

TEST(a_block_device_is_an_image)
{
	struct image_id id, other;
	struct loopdev l;

	if (loopdev_make(&l, "/tmp", 1024 * 1024) == -1)
		return;
	CHECK(image_look(l.dev, NULL, &id, &d) == 0);
	CHECK(id.size == 1024 * 1024 && id.rdev != 0);
	CHECK(opens(l.dev, "/dev"));
	CHECK(image_look(l.file, NULL, &other, &d) == 0);
	CHECK(!image_same(&id, &other));
	loopdev_end(&l);
	CHECK(refused(l.file, NULL, "No such file"));
}

int
main(void)
{
	set_up();
	RUN(a_regular_file_is_an_image);
	RUN(anything_else_is_refused_by_name);
	RUN(the_same_is_refused_beneath_image_dirs);
	RUN(image_dirs_let_in_what_is_beneath);
	RUN(image_dirs_keep_out_what_leads_out);
	RUN(image_dirs_are_compared_by_whole_names);
	RUN(magic_links_are_not_followed_beneath_image_dirs);
	RUN(any_of_several_image_dirs_will_do);
	RUN(an_identity_changes_with_file_and_size_alone);
	RUN(that_an_image_is_still_there_is_known_from_memory);
	RUN(write_access_is_asked_for_when_it_is_needed);
	RUN(who_may_not_is_told_who_asks);
	RUN(a_block_device_is_an_image);
	tear_down();
	return DONE();
}
