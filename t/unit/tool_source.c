/* source: what is not a disk is refused, with what would help. */
#include "tool/source.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

static char dir[] = "/tmp/nbdmux-unit.XXXXXX";
static struct diag d;

static void
make(const char *name, const void *data, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(write(fd, data, len) == (ssize_t)len);
	close(fd);
}

static bool
says(const char *word)
{
	if (strstr(d.text, word) != NULL)
		return true;
	printf("# \"%s\" is not in: %s\n", word, d.text);
	return false;
}

TEST(formats_are_known_by_their_first_bytes)
{
	static const struct {
		const char *want, *head;
		size_t len;
	} heads[] = {
		{ "qcow2", "QFI\xfb\0\0\0\3", 8 },
		{ "VMDK", "KDMV\1\0\0\0", 8 },
		{ "VMDK", "# Disk DescriptorFile\n", 22 },
		{ "VHDX", "vhdxfile", 8 },
		{ "gzip", "\x1f\x8b\x08\0", 4 },
		{ "xz", "\xfd" "7zXZ\0\0", 7 },
		{ "zstd", "\x28\xb5\x2f\xfd\x04", 5 },
		{ "zstd", "\x50\x2a\x4d\x18\4\0\0\0", 8 },
		{ "lz4", "\x04\x22\x4d\x18\x64", 5 },
		{ "lz4", "\x02\x21\x4c\x18", 4 },
		{ "bzip2", "BZh91AY&SY", 10 },
	};

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		CHECK_STR(source_format(heads[i].head, heads[i].len),
		    heads[i].want);
	/* A boot sector, zeroes, a magic that is cut, one in its middle. */
	CHECK(source_format("\xeb\x63\x90", 3) == NULL);
	CHECK(source_format("\0\0\0\0\0\0\0\0", 8) == NULL);
	CHECK(source_format("QFI", 3) == NULL);
	CHECK(source_format(" vhdxfile", 9) == NULL);
	CHECK(source_format("", 0) == NULL);
}

TEST(a_refusal_names_the_command_that_converts)
{
	make("a b.qcow2", "QFI\xfb", 4);
	CHECK(source_look("a b.qcow2", false, &d) == -1);
	CHECK(says("qemu-img convert -O raw 'a b.qcow2' 'a b.raw'"));
	make("d.img.gz", "\x1f\x8b\x08", 3);
	CHECK(source_look("./d.img.gz", false, &d) == -1);
	CHECK(says("gzip -d -c ./d.img.gz > ./d.img "));
	make("it's.zst", "\x28\xb5\x2f\xfd", 4);
	CHECK(source_look("./it's.zst", false, &d) == -1);
	CHECK(says("zstd -d './it'\\''s.zst' -o './it'\\''s'"));
	make("x", "\xfd" "7zXZ\0", 6);
	CHECK(source_look("x", false, &d) == -1);
	CHECK(says("xz -d -c x > x.raw"));
	CHECK(source_look("x", true, &d) == 0);
}

TEST(what_is_no_image_is_refused)
{
	make("empty", "", 0);
	CHECK(source_look("empty", false, &d) == -1);
	CHECK(says("is empty"));
	CHECK(source_look("empty", true, &d) == -1);
	CHECK(source_look("nosuch", false, &d) == -1);
	CHECK(says("No such file"));
	CHECK(source_look(".", false, &d) == -1);
	CHECK(says("directory"));
	CHECK(mkfifo("fifo", 0600) == 0);
	CHECK(source_look("fifo", false, &d) == -1); /* and does not wait */
	CHECK(says("neither"));
	make("good", "\xeb", 1);
	CHECK(source_look("good", false, &d) == 0);
}

static bool
becomes(const char *image, const char *want)
{
	char *got = source_absolute(image, &d);
	bool same = got != NULL && strcmp(got, want) == 0;

	if (!same)
		printf("# %s became %s\n", image, got != NULL ? got : "NULL");
	free(got);
	return same;
}

TEST(relative_paths_become_absolute_and_links_stay)
{
	char want[128];

	snprintf(want, sizeof(want), "%s/good", dir);
	CHECK(becomes("good", want));
	CHECK(becomes("./good", want));
	CHECK(becomes(".//./good", want));
	CHECK(becomes(want, want));
	CHECK(symlink("good", "link") == 0);
	snprintf(want, sizeof(want), "%s/link", dir);
	CHECK(becomes("link", want));
	CHECK(becomes("memory:1G", "memory:1G"));
	CHECK(becomes("nbd://host/x", "nbd://host/x"));
	make("odd:name", "x", 1);
	snprintf(want, sizeof(want), "%s/odd:name", dir);
	CHECK(becomes("odd:name", want));
	CHECK(chdir("/") == 0);
	CHECK(becomes("good", "/good"));
	CHECK(chdir(dir) == 0);
}

int
main(void)
{
	static const char *const files[] = { "a b.qcow2", "d.img.gz",
		"it's.zst", "x", "empty", "fifo", "good", "link", "odd:name" };

	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		return 1;
	RUN(formats_are_known_by_their_first_bytes);
	RUN(a_refusal_names_the_command_that_converts);
	RUN(what_is_no_image_is_refused);
	RUN(relative_paths_become_absolute_and_links_stay);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		unlink(files[i]);
	rmdir(dir);
	return DONE();
}
