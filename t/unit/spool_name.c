/* Names of exports, and places. */
#include <stdlib.h>

#include "spool/name.h"
#include "spool/places.h"
#include "unit.h"

static const char *
why(const char *name)
{
	static struct diag d;

	strcpy(d.text, "NOT REFUSED");
	CHECK(name_check(name, &d) == (name_valid(name) ? 0 : -1));
	return d.text;
}

TEST(names_are_letters_digits_and_three_others)
{
	static const char *const good[] = { "a", "0", "A.b_c-d", "a.ini",
		"debian-12.raw", "a..", "x--" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		CHECK_STR(why(good[i]), "NOT REFUSED");
	CHECK(strstr(why(""), "is empty") != NULL);
	CHECK(strstr(why(".a"), "must begin with a letter or digit") != NULL);
	CHECK(strstr(why("-a"), "must begin with a letter or digit") != NULL);
	CHECK(strstr(why("_a"), "must begin with a letter or digit") != NULL);
	CHECK(strstr(why(".."), "must begin") != NULL);
	CHECK(strstr(why("a/b"), "\"a/b\" may have only letters") != NULL);
	CHECK(strstr(why("a b"), "may have only") != NULL);
	CHECK(strstr(why("a\n"), "\"a\\n\" may have only") != NULL);
	CHECK(strstr(why("\xc3\xb6"), "must begin") != NULL);
	CHECK(strstr(why("a\xc3\xb6"), "may have only") != NULL);
}

TEST(names_have_at_most_64_bytes)
{
	char name[200];

	memset(name, 'a', sizeof(name));
	name[64] = '\0';
	CHECK(name_valid(name));
	name[64] = 'a';
	name[65] = '\0';
	CHECK(strstr(why(name), "has 65 bytes; the most is 64") != NULL);
	name[65] = 'a';
	name[199] = '\0';
	CHECK(!name_valid(name));
}

TEST(files_that_are_not_exports_do_not_count)
{
	static const char *const bad[] = { ".ini", "a", "a.in", "a.ini~",
		".a.ini", "a.ini.swp", ".a.ini.swp", "#a.ini#", ".#a.ini",
		"a.INI", "4913", ".nbdmux-0011", "a b.ini", "a.ini.bak",
		"a.kick", "" };
	char name[NAME_SIZE], file[NAME_FILE_SIZE], text[200];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(!name_from_file(name, bad[i], ".ini"));
	CHECK(name_from_file(name, "a.kick", ".kick"));
	CHECK_STR(name, "a");
	CHECK(name_from_file(name, "a.ini.ini", ".ini"));
	CHECK_STR(name, "a.ini");
	memset(text, 'x', 64);
	strcpy(text + 64, ".ini");
	CHECK(name_from_file(name, text, ".ini"));
	name_to_file(file, name);
	CHECK_STR(file, text);
	strcpy(text + 64, "x.ini");
	CHECK(!name_from_file(name, text, ".ini"));
}

TEST(places_come_from_the_environment)
{
	struct places p;

	unsetenv("NBDMUX_CONF");
	unsetenv("NBDMUX_SPOOL");
	unsetenv("NBDMUX_STATE");
	places_init(&p);
	CHECK_STR(p.conf, "/etc/nbdmux/nbdmuxd.conf");
	CHECK_STR(p.spool, "/var/spool/nbdmux");
	CHECK_STR(p.state, "/run/nbdmux");
	CHECK(!p.conf_given);
	setenv("NBDMUX_CONF", "/c", 1);
	setenv("NBDMUX_SPOOL", "/s", 1);
	setenv("NBDMUX_STATE", "", 1);
	places_init(&p);
	CHECK_STR(p.conf, "/c");
	CHECK_STR(p.spool, "/s");
	CHECK_STR(p.state, "/run/nbdmux");
	CHECK(p.conf_given);
}

/* The data directory; NULL: not set. */
static const char *
data_of(const char *variable, const char *state, const char *configured)
{
	static struct places p;
	static struct diag d;

	if (variable != NULL)
		setenv("NBDMUX_DATA", variable, 1);
	else
		unsetenv("NBDMUX_DATA");
	setenv("NBDMUX_STATE", state, 1);
	places_init(&p);
	return places_data(&p, configured, &d) == 0 ? p.data : d.text;
}

TEST(data_is_the_variables_the_configurations_or_beside_the_state)
{
	char path[PATH_MAX + 8];

	CHECK_STR(data_of(NULL, "", NULL), "/var/lib/nbdmux");
	CHECK_STR(data_of(NULL, "/run/nbdmux", NULL), "/var/lib/nbdmux");
	CHECK_STR(data_of(NULL, "/own", NULL), "/own/data");
	CHECK_STR(data_of(NULL, "/own", "/conf"), "/conf");
	CHECK_STR(data_of("", "/own", "/conf"), "/conf");
	CHECK_STR(data_of("/env", "/own", "/conf"), "/env");
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	CHECK(strstr(data_of(NULL, path, NULL), "too long") != NULL);
	path[PATH_MAX - 3] = '\0'; /* with /data it is */
	CHECK(strstr(data_of(NULL, path, NULL), "too long") != NULL);
	unsetenv("NBDMUX_DATA");
}

TEST(known_data_stay_as_they_are)
{
	struct places p;

	setenv("NBDMUX_DATA", "/env", 1);
	places_init(&p);
	CHECK(places_data_given(&p));
	strcpy(p.data, "/option");
	CHECK(places_data(&p, "/conf", NULL) == 0);
	CHECK_STR(p.data, "/option");
	unsetenv("NBDMUX_DATA");
	CHECK(places_data_given(&p));
	places_init(&p);
	CHECK(!places_data_given(&p));
}

int
main(void)
{
	RUN(names_are_letters_digits_and_three_others);
	RUN(names_have_at_most_64_bytes);
	RUN(files_that_are_not_exports_do_not_count);
	RUN(places_come_from_the_environment);
	RUN(data_is_the_variables_the_configurations_or_beside_the_state);
	RUN(known_data_stay_as_they_are);
	return DONE();
}
