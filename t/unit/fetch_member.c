/* Names in archives: what is ours, what is harmless, what leads out. */
#include <limits.h>
#include <stdlib.h>

#include "fetch/member.h"
#include "unit.h"

static enum member
look(const char *name)
{
	enum netboot_file file = NETBOOT_KERNEL;

	return member_look(name, &file);
}

static const char *
file_of(const char *name)
{
	enum netboot_file file = NETBOOT_KERNEL;

	return member_look(name, &file) == MEMBER_FILE ? netboot_names[file] :
	    "none";
}

TEST(the_files_of_a_bundle_are_at_the_top)
{
	CHECK_STR(file_of("vmlinuz"), "vmlinuz");
	CHECK_STR(file_of("./initrd"), "initrd");
	CHECK_STR(file_of(".//.///manifest.json"), "manifest.json");
	CHECK_STR(file_of("vmlinuz/"), "vmlinuz");
	CHECK_STR(file_of("initrd/."), "initrd");
}

TEST(other_names_are_harmless)
{
	static const char *const names[] = { "vmlinuz.old", "vmlinu", "VMLINUZ",
		"a/vmlinuz", "vmlinuz/a", ".", "./", "...", "..a", "a..", "a/...",
		"~/x", "c:\\x", "..\\x", " vmlinuz", "vmlinuz ", "\xc3\xbc", "\xff" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (look(names[i]) != MEMBER_OTHER)
			printf("# \"%s\"\n", names[i]);
		CHECK(look(names[i]) == MEMBER_OTHER);
	}
}

TEST(what_leads_out_is_bad)
{
	static const char *const names[] = { "", "/", "/vmlinuz", "//vmlinuz",
		"..", "../", "../vmlinuz", "./../vmlinuz", "a/..", "a/../vmlinuz",
		"vmlinuz/..", "vmlinuz/../initrd", "a/b/../../../c", "./..", ".//.." };
	char *name = malloc(PATH_MAX + 1);

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (look(names[i]) != MEMBER_BAD)
			printf("# \"%s\"\n", names[i]);
		CHECK(look(names[i]) == MEMBER_BAD);
	}
	memset(name, 'x', PATH_MAX);
	name[PATH_MAX] = '\0';
	CHECK(look(name) == MEMBER_BAD);
	name[PATH_MAX - 1] = '\0';
	CHECK(look(name) == MEMBER_OTHER);
	free(name);
}

/* The same question asked in another way: as a tree walks, by its depth. */
static enum member
walk(const char *name, const char **last)
{
	char copy[64], *rest = copy, *word;
	int depth = 0;

	*last = "";
	if (name[0] == '\0' || name[0] == '/')
		return MEMBER_BAD;
	strcpy(copy, name);
	while ((word = strsep(&rest, "/")) != NULL) {
		if (strcmp(word, "..") == 0)
			return MEMBER_BAD;
		if (word[0] == '\0' || strcmp(word, ".") == 0)
			continue;
		depth++;
		for (size_t i = 0; i < NETBOOT_FILES; i++)
			if (strcmp(word, netboot_names[i]) == 0)
				*last = netboot_names[i];
	}
	return depth == 1 && (*last)[0] != '\0' ? MEMBER_FILE : MEMBER_OTHER;
}

TEST(any_row_of_pieces_is_what_it_is_to_a_walk)
{
	static const char *const pieces[] = { "/", "/", ".", "..", "vmlinuz",
		"initrd", "a", "manifest.json", "" };
	unsigned seed = 6;

	for (int i = 0; i < 200000; i++) {
		char name[64] = "";
		const char *last;
		enum member want;

		for (int n = 0; n < 4; n++) {
			seed = seed * 1103515245 + 12345;
			strcat(name, pieces[(seed >> 16) % 9]);
		}
		want = walk(name, &last);
		if (look(name) != want) {
			printf("# \"%s\"\n", name);
			CHECK(look(name) == want);
		}
		if (want == MEMBER_FILE)
			CHECK_STR(file_of(name), last);
	}
}

int
main(void)
{
	RUN(the_files_of_a_bundle_are_at_the_top);
	RUN(other_names_are_harmless);
	RUN(what_leads_out_is_bad);
	RUN(any_row_of_pieces_is_what_it_is_to_a_walk);
	return DONE();
}
