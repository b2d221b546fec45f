/* The export format: what is read, what is written, what is refused. */
#include <stdlib.h>

#include "spool/record.h"
#include "unit.h"

static int
parse(struct record *r, const char *text, struct diag *d)
{
	memset(r, 0, sizeof(*r));
	return record_parse(r, text, strlen(text), "x.ini", d);
}

/* The reason for which "[export]" with these lines is refused. */
static const char *
refused(const char *lines)
{
	static struct diag d;
	char text[16384];
	struct record r;

	strcpy(d.text, "NOT REFUSED");
	snprintf(text, sizeof(text), "[export]\n%s", lines);
	if (parse(&r, text, &d) == 0)
		record_clear(&r);
	else
		CHECK(r.image == NULL && r.description == NULL &&
		    r.allow == NULL);
	return d.text;
}

TEST(an_image_alone_gets_the_defaults)
{
	struct record_blocks b;
	struct diag d;
	struct record r;

	CHECK(parse(&r, "[export]\nimage = /srv/a b.img\n", &d) == 0);
	CHECK_STR(r.image, "/srv/a b.img");
	CHECK(r.description == NULL && r.allow == NULL);
	CHECK(r.mode == MODE_RO);
	CHECK(r.block_min == 0 && r.block_preferred == 0 && r.block_max == 0);
	CHECK(r.max_clients == 0 && !r.exclusive);
	record_blocks(&r, &b);
	CHECK(b.min == 1 && b.preferred == 4096 && b.max == 32 << 20);
	record_clear(&r);
	CHECK(r.image == NULL);
	record_clear(&r);
}

TEST(every_key_is_read)
{
	struct diag d;
	struct record r;

	CHECK(parse(&r, "# comment\n[export]\nimage=/dev/sdb\n"
	    "description = Größe ; # \"x\" \nmode = rw\nblock-min = 512\n"
	    "block-preferred = 64k\nblock-max = 1M\nmax-clients = 3\n"
	    "exclusive = yes\n"
	    "allow = 10.0.0.0/8 ::1,192.0.2.7\n", &d) == 0);
	CHECK_STR(r.image, "/dev/sdb");
	CHECK_STR(r.description, "Größe ; # \"x\"");
	CHECK(r.mode == MODE_RW);
	CHECK(r.block_min == 512 && r.block_preferred == 65536);
	CHECK(r.block_max == 1 << 20);
	CHECK(r.max_clients == 3 && r.exclusive);
	CHECK_STR(r.allow, "10.0.0.0/8, ::1, 192.0.2.7");
	record_clear(&r);
}

TEST(an_image_that_is_no_path_is_refused_with_what_would_be_right)
{
	CHECK_STR(refused(""), "x.ini: there is no image; write image = and "
	    "the absolute path of a file or block device, or source = and a "
	    "URL");
	CHECK_STR(refused("image = disk.img\n"), "x.ini:2: \"image\": "
	    "\"disk.img\" is not an absolute path; write the whole path, "
	    "beginning with /");
	CHECK(strstr(refused("image =\n"), "x.ini:2: \"image\": the value is "
	    "empty") != NULL);
	CHECK_STR(refused("image = memory:1G\n"), "x.ini:2: \"image\": "
	    "\"memory:1G\" is an image in memory, which is not supported yet; "
	    "write the absolute path of a file or block device");
	CHECK(strstr(refused("image = rbd:pool/image@snap\n"),
	    "an RBD image, which is not supported yet") != NULL);
	CHECK(strstr(refused("image = nbd://host/x\n"), "another NBD server, "
	    "which is not supported yet") != NULL);
	CHECK(strstr(refused("image = nbd+unix:///x?socket=/s\n"),
	    "not supported yet") != NULL);
	CHECK(strstr(refused("image = https://host/x\n"), "is an address, "
	    "not a path; write it as source = https://host/x") != NULL);
	CHECK(strstr(refused("image = ftp://host/x\n"), "\"ftp://host/x\" is "
	    "an address that is not fetched from; right is one that begins "
	    "with https:// or http://, or an absolute path") != NULL);
}

TEST(a_path_longer_than_the_kernel_takes_is_refused)
{
	char line[6000] = "image = /";

	memset(line + 9, 'a', 4094);
	CHECK_STR(refused(line), "NOT REFUSED");
	memset(line + 9, 'a', 4095);
	CHECK(strstr(refused(line), "the path has 4096 bytes; the most is "
	    "4095") != NULL);
}

TEST(a_relative_path_of_any_length_still_says_what_is_wrong)
{
	char line[6000] = "image = ";

	memset(line + 8, 'a', 5000);
	CHECK(strstr(refused(line), "is not an absolute path") != NULL);
}

TEST(what_clients_could_not_take_is_refused)
{
	char line[8000] = "image = /a\ndescription = ";

	memset(line + strlen(line), 'a', 4096);
	CHECK_STR(refused(line), "NOT REFUSED");
	strcat(line, "a");
	CHECK(strstr(refused(line), "x.ini:3: \"description\": the description "
	    "has 4097 bytes; clients take at most 4096") != NULL);
	CHECK(strstr(refused("image = /a\ndescription = \xff\n"),
	    "not valid UTF-8") != NULL);
}

TEST(modes_are_ro_and_rw)
{
	CHECK_STR(refused("image = /a\nmode = ro\n"), "NOT REFUSED");
	CHECK_STR(refused("image = /a\nmode = rw\n"), "NOT REFUSED");
	CHECK_STR(refused("image = /a\nmode = cow\n"), "x.ini:3: \"mode\": "
	    "\"cow\" is not supported yet; write ro or rw");
	CHECK(strstr(refused("image = /a\nmode = RW\n"), "x.ini:3:") != NULL);
}

TEST(block_sizes_follow_the_specification)
{
	static const struct {
		const char *lines, *why;
	} t[] = {
		{ "block-min = 3", "\"3\" is not a power of two; the nearest "
		    "are 2 and 4" },
		{ "block-min = 1000", "the nearest are 512 and 1K" },
		{ "block-min = 0", "x.ini:3: \"block-min\"" },
		{ "block-min = 128K", "x.ini:3: \"block-min\"" },
		{ "block-preferred = 256", "x.ini:3: \"block-preferred\"" },
		{ "block-preferred = 64M", "x.ini:3: \"block-preferred\"" },
		{ "block-preferred = 5000", "not a power of two" },
		{ "block-max = 64M", "x.ini:3: \"block-max\"" },
		{ "block-max = 100", "x.ini:3: \"block-max\"" },
		{ "block-max = -1", "x.ini:3: \"block-max\"" },
		{ "block-min = 4096\nblock-preferred = 512", "x.ini: "
		    "block-preferred (512) is smaller than block-min (4096)" },
		{ "block-preferred = 4k\nblock-max = 2048", "block-max (2048) is smaller than "
		    "block-preferred (4096)" },
		{ "block-min = 4096\nblock-max = 10000", "block-max (10000) is "
		    "not a multiple of block-min (4096)" },
	};
	char lines[256];

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		snprintf(lines, sizeof(lines), "image = /a\n%s\n", t[i].lines);
		if (strstr(refused(lines), t[i].why) == NULL) {
			printf("# %s: %s\n", t[i].lines, refused(lines));
			CHECK(!"the message");
		}
	}
	CHECK_STR(refused("image = /a\nblock-min = 64k\nblock-max = 192k"),
	    "NOT REFUSED");
	CHECK_STR(refused("image = /a\nblock-max = 10000"), "NOT REFUSED");
	CHECK_STR(refused("image = /a\nblock-max = 512"), "NOT REFUSED");
	CHECK_STR(refused("image = /a\nblock-preferred=512\nblock-max = 512"),
	    "NOT REFUSED");
}

TEST(the_preferred_block_follows_a_larger_minimum)
{
	struct record r = { .block_min = 65536 };
	struct record_blocks b;

	record_blocks(&r, &b);
	CHECK(b.min == 65536 && b.preferred == 65536 && b.max == 32 << 20);
}

TEST(a_source_is_as_good_as_an_image)
{
	struct diag d;
	struct record r, s;

	CHECK(parse(&r, "[export]\nsource = https://host/a.img.xz\n"
	    "sha512 = SHA512SUMS\nformat = img.xz\n", &d) == 0);
	CHECK(r.image == NULL);
	CHECK_STR(r.source, "https://host/a.img.xz");
	CHECK_STR(record_content_names[r.format], "img.xz");
	CHECK(parse(&s, "[export]\nsource = https://host/a.img.xz\n"
	    "sha512 = SHA512SUMS\nformat = img.xz\nimage = /a\n", &d) == 0);
	CHECK(record_fetches_same(&r, &s) && !record_serves_same(&r, &s));
	record_clear(&s);
	CHECK(parse(&s, "[export]\nsource = https://host/a.img.xz\n", &d) ==
	    0);
	CHECK(!record_fetches_same(&r, &s) && record_serves_same(&r, &s));
	record_clear(&s);
	record_clear(&r);
}

TEST(what_is_to_be_fetched_is_checked)
{
	CHECK(strstr(refused("source = ftp://host/x\n"),
	    "https:// or http://") != NULL);
	CHECK(strstr(refused("source = file:///etc/passwd\n"),
	    "https:// or http://") != NULL);
	CHECK(strstr(refused("source = http://a:b@host/x\n"), "netrc") !=
	    NULL);
	CHECK(strstr(refused("source =\n"), "empty") != NULL);
	CHECK(strstr(refused("image = /a\nsha256 = SHA256SUMS\n"),
	    "there is no source") != NULL);
	CHECK(strstr(refused("image = /a\nformat = raw\n"),
	    "there is no source") != NULL);
	CHECK(strstr(refused("source = http://h/x\nsha256 = "
	    "0123456789012345678901234567890123456789\n"), "has 40 digits; "
	    "this sum has 64") != NULL);
	CHECK(strstr(refused("source = http://h/x\nsha256 = a b\n"),
	    "neither a sum") != NULL);
	CHECK(strstr(refused("source = http://h/x\nformat = tar\n"),
	    "is not known") != NULL);
}

TEST(keys_of_later_versions_are_refused_by_name)
{
	static const char *const later[] = { "partition", "alias",
		"expires" };
	char lines[256], why[256];

	for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++) {
		snprintf(lines, sizeof(lines), "image = /a\n%s = 1\n",
		    later[i]);
		snprintf(why, sizeof(why), "x.ini:3: \"%s\" is not supported "
		    "yet", later[i]);
		CHECK_STR(refused(lines), why);
	}
}

TEST(kernel_and_initrd_come_together)
{
	CHECK(strstr(refused("image = /a\nkernel = /k\n"),
	    "a kernel and no initrd") != NULL);
	CHECK(strstr(refused("image = /a\ninitrd = /k\n"),
	    "an initrd and no kernel") != NULL);
	CHECK(strstr(refused("image = /a\nkernel = k\ninitrd = /i\n"),
	    "not an absolute path") != NULL);
}

TEST(a_command_line_has_nothing_that_ipxe_takes_as_its_own)
{
	CHECK(strstr(refused("image = /a\ncmdline = a || b\n"), "\"||\"") !=
	    NULL);
	CHECK(strstr(refused("image = /a\ncmdline = && a\n"), "\"&&\"") !=
	    NULL);
	CHECK(strstr(refused("image = /a\ncmdline = a #b c\n"), "\"#b\"") !=
	    NULL);
	CHECK(strstr(refused("image = /a\ncmdline = a=${b}\n"), "${") !=
	    NULL);
}

TEST(an_unknown_key_names_the_nearest)
{
	CHECK_STR(refused("image = /a\ndescripton = x\n"),
	    "x.ini:3: unknown key \"descripton\"; did you mean "
	    "\"description\"?");
	CHECK(strstr(refused("image = /a\nimage = /b\n"), "x.ini:3: \"image\" "
	    "is set twice") != NULL);
}

TEST(addresses_and_networks_are_strict)
{
	static const char *const good[] = { "10.0.0.0/8", "10.1.2.3",
		"0.0.0.0/0", "192.0.2.1/32", "::/0", "::1", "2001:db8::/32",
		"2001:db8:8000::/33", "fe80::1/128", "::ffff:10.0.0.0/104",
		"vsock:3", "vsock:*", "vsock:0", "vsock:4294967294" };
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "10.0.0.1/8", "\"10.0.0.1/8\" has bits outside its prefix; "
		    "write 10.0.0.0/8" },
		{ "10.0.0.128/24", "write 10.0.0.0/24" },
		{ "192.168.77.0/21", "write 192.168.72.0/21" },
		{ "1.2.3.4/0", "write 0.0.0.0/0" },
		{ "2001:db8::1/32", "write 2001:db8::/32" },
		{ "10.0.0.0/33", "a number from 0 to 32" },
		{ "::/129", "a number from 0 to 128" },
		{ "10.0.0.0/", "a number from 0 to 32" },
		{ "10.0.0.0/08", "a number from 0 to 32" },
		{ "10.0.0.0/+8", "a number from 0 to 32" },
		{ "10.0.0.0/8/8", "a number from 0 to 32" },
		{ "10.0.0.0/4294967304", "a number from 0 to 32" },
		{ "10.0.0", "is not an IPv4 or IPv6 address" },
		{ "010.0.0.1", "is not an IPv4 or IPv6 address" },
		{ "10.0.0.256", "is not an IPv4 or IPv6 address" },
		{ "host.example", "is not an IPv4 or IPv6 address" },
		{ "fe80::1%eth0", "is not an IPv4 or IPv6 address" },
		{ "[::1]", "is not an IPv4 or IPv6 address" },
		{ "", "is not an IPv4 or IPv6 address" },
		{ "vsock:", "must be the CID" },
		{ "vsock:4294967295", "must be the CID" },
		{ "vsock:99999999999999999999", "must be the CID" },
		{ "vsock:3/8", "must be the CID" },
		{ "vsock:3:1", "must be the CID" },
		{ "vsock:**", "must be the CID" },
		{ "/8", "is not an IPv4 or IPv6 address" },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc",
		    "is not an IPv4 or IPv6 address" },
	};
	struct diag d;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		CHECK(record_check_cidr(good[i], &d) == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		strcpy(d.text, "NOT REFUSED");
		CHECK(record_check_cidr(bad[i].text, &d) == -1);
		if (strstr(d.text, bad[i].why) == NULL) {
			printf("# %s: %s\n", bad[i].text, d.text);
			CHECK(!"the message");
		}
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		CHECK(record_check_allow(good[i], &d) == 0);
	CHECK(record_check_allow("cn:build*", &d) == 0);
	CHECK(record_check_allow("psk:alice", &d) == 0);
	CHECK(record_check_allow("cn:", &d) == -1);
	CHECK(strstr(d.text, "there is no name behind \"cn:\"") != NULL);
	CHECK(record_check_allow("CN:x", &d) == -1);
	CHECK(strstr(refused("image = /a\nallow = ::1, 10.0.0.1/8\n"),
	    "x.ini:3: \"allow\": \"10.0.0.1/8\" has bits") != NULL);
}

/* --- what is written reads back the same ---------------------------------- */

static unsigned
pick(unsigned n)
{
	return (unsigned)random() % n;
}

/* Text that tempts an INI reader, of up to max bytes. */
static char *
random_text(const char *first, size_t max)
{
	static const char *const bits[] = { "a", "Z", "0", " ", "  ", ";", " ;",
		"#", " #", "=", "[", "]", "[export]", "\"", "'", "\\", "\\n",
		":", ",", "%s", "ö", "€", "𝄞", "image = /b", "..", "/" };
	char *s = calloc(1, max + 32);
	size_t goal = pick(8) == 0 ? max : pick(40);

	strcpy(s, first);
	while (strlen(s) < goal)
		strcat(s, bits[pick(sizeof(bits) / sizeof(*bits))]);
	while (strlen(s) > max || (strlen(s) > 0 &&
	    (strchr(" \t", s[strlen(s) - 1]) != NULL ||
	    (signed char)s[strlen(s) - 1] < 0)))
		s[strlen(s) - 1] = '\0';
	memmove(s, s + strspn(s, " \t"), strlen(s + strspn(s, " \t")) + 1);
	return s;
}

static void
random_record(struct record *r)
{
	static const char *const lists[] = { "::1", "10.0.0.0/8, ::/0",
		"192.0.2.1, 192.0.2.2, 2001:db8::/32" };

	record_init(r);
	r->image = random_text("/", 4095);
	if (pick(2))
		r->description = random_text("", 4096);
	r->mode = pick(2);
	if (pick(2))
		r->block_min = UINT64_C(1) << pick(17);
	if (pick(2))
		r->block_preferred = UINT64_C(512) << pick(17);
	if (pick(2))
		r->block_max = 512 + pick(65536) * UINT64_C(512);
	if (pick(2))
		r->max_clients = pick(1000001);
	r->exclusive = pick(2);
	if (pick(2))
		r->allow = strdup(lists[pick(3)]);
}

TEST(what_is_written_reads_back_the_same)
{
	struct record a, b;
	struct diag d;
	struct buf text;
	int written = 0;

	srandom(1);
	for (int i = 0; i < 20000; i++) {
		random_record(&a);
		memset(&b, 0, sizeof(b));
		buf_init(&text, RECORD_FILE_MAX);
		/* Some have block sizes that do not go together. */
		if (record_format(&a, &text, &d) == 0) {
			written++;
			if (record_parse(&b, text.data, text.len, "x.ini",
			    &d) == -1 || !record_equal(&a, &b)) {
				printf("# %s\n# %s\n", d.text, text.data);
				CHECK(!"the same record");
			}
		} else {
			CHECK(strncmp(d.text, "block-", 6) == 0);
		}
		buf_free(&text);
		record_clear(&a);
		record_clear(&b);
	}
	CHECK(written > 5000);
}

TEST(what_could_not_be_read_back_is_not_written)
{
	static const char *const bad[] = { "/a\nmode = rw", "/a\r", " /a", "/a ",
		"/a\tb", "/a\x01", "", "a", "memory:1G" };
	struct diag d;
	struct buf b;

	buf_init(&b, RECORD_FILE_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct record r = { .image = (char *)bad[i] };

		d.text[0] = '\0';
		CHECK(record_format(&r, &b, &d) == -1);
		CHECK(d.text[0] != '\0');
		CHECK(b.len == 0);
	}
	buf_free(&b);
}

TEST(a_copy_is_equal_and_its_own)
{
	struct record a, b = { 0 };
	struct diag d;

	CHECK(parse(&a, "[export]\nimage = /a\nallow = ::1\n", &d) == 0);
	CHECK(record_copy(&b, &a) == 0);
	CHECK(record_equal(&a, &b));
	CHECK(a.image != b.image);
	free(b.image);
	b.image = strdup("/b");
	CHECK(!record_equal(&a, &b));
	record_clear(&a);
	CHECK_STR(b.allow, "::1");
	record_clear(&b);
}

TEST(every_key_has_help_and_every_default_is_valid)
{
	for (const struct key *k = record_keys; k->name != NULL; k++) {
		CHECK(k->help != NULL && k->help[0] != '\0');
		CHECK(k->arg != NULL && k->arg[0] != '\0');
	}
	struct record r;
	record_init(&r);
	CHECK(r.mode == MODE_RO);
	record_clear(&r);
}

int
main(void)
{
	RUN(an_image_alone_gets_the_defaults);
	RUN(every_key_is_read);
	RUN(an_image_that_is_no_path_is_refused_with_what_would_be_right);
	RUN(a_path_longer_than_the_kernel_takes_is_refused);
	RUN(a_relative_path_of_any_length_still_says_what_is_wrong);
	RUN(what_clients_could_not_take_is_refused);
	RUN(modes_are_ro_and_rw);
	RUN(block_sizes_follow_the_specification);
	RUN(the_preferred_block_follows_a_larger_minimum);
	RUN(a_source_is_as_good_as_an_image);
	RUN(what_is_to_be_fetched_is_checked);
	RUN(keys_of_later_versions_are_refused_by_name);
	RUN(kernel_and_initrd_come_together);
	RUN(a_command_line_has_nothing_that_ipxe_takes_as_its_own);
	RUN(an_unknown_key_names_the_nearest);
	RUN(addresses_and_networks_are_strict);
	RUN(what_is_written_reads_back_the_same);
	RUN(what_could_not_be_read_back_is_not_written);
	RUN(a_copy_is_equal_and_its_own);
	RUN(every_key_has_help_and_every_default_is_valid);
	return DONE();
}
