/* ipxe: scripts are what iPXE and the booted systems read. */
#include "tool/ipxe.h"

#include <bsd/string.h>
#include <stdlib.h>

#include "unit.h"

static char *text;

static const char *
script(const char *host, const char *cmdline)
{
	struct view_entry entry = { .record.cmdline = (char *)cmdline };
	struct listing_row row = { .entry = &entry, .state.generation = 7 };
	struct ipxe x = { .base = "https://lab:8443/nbd", .host = host,
		.port = 10809 };
	size_t size;
	FILE *out;

	free(text);
	out = open_memstream(&text, &size);
	strlcpy(row.name, "disk.1", sizeof(row.name));
	ipxe_write(out, &x, &row);
	fclose(out);
	return text;
}

static bool
has_line(const char *line)
{
	const char *at = strstr(text, line);
	size_t n = strlen(line);

	if (at != NULL && (at == text || at[-1] == '\n') && at[n] == '\n')
		return true;
	printf("# no line \"%s\" in: %s\n", line, text);
	return false;
}

TEST(it_boots_kernel_and_initrd_of_the_export)
{
	CHECK(strncmp(script("192.0.2.1", NULL), "#!ipxe\n", 7) == 0);
	CHECK(has_line("# disk.1, generation 7"));
	CHECK(has_line("set base https://lab:8443/nbd/artifacts/disk.1"));
	CHECK(has_line("set nbd nbd://192.0.2.1:10809/disk.1"));
	CHECK(has_line("set bty tcp://192.0.2.1:10809"));
	CHECK(has_line("kernel ${base}/vmlinuz initrd=initrd nbdmux=${nbd} "
	    "bty.nbd=${bty} bty.image=disk.1 ip=dhcp || goto failed"));
	CHECK(has_line("initrd ${base}/initrd || goto failed"));
	CHECK(has_line("boot || goto failed"));
}

TEST(the_command_line_follows_what_names_the_export)
{
	script("lab", "root=/dev/nbd0p1 quiet");
	CHECK(has_line("kernel ${base}/vmlinuz initrd=initrd nbdmux=${nbd} "
	    "bty.nbd=${bty} bty.image=disk.1 ip=dhcp root=/dev/nbd0p1 quiet "
	    "|| goto failed"));
}

TEST(an_address_of_version_6_is_in_brackets)
{
	script("2001:db8::1", NULL);
	CHECK(has_line("set nbd nbd://[2001:db8::1]:10809/disk.1"));
	CHECK(has_line("set bty tcp://[2001:db8::1]:10809"));
}

TEST(an_export_that_the_spool_does_not_know_has_no_command_line)
{
	struct listing_row row = { .name = "x" };
	struct ipxe x = { .base = "http://a", .host = "a", .port = 1 };
	size_t size;
	FILE *out;

	free(text);
	text = NULL;
	out = open_memstream(&text, &size);
	ipxe_write(out, &x, &row);
	fclose(out);
	CHECK(strstr(text, "bty.image=x ip=dhcp || goto failed\n") != NULL);
}

int
main(void)
{
	RUN(it_boots_kernel_and_initrd_of_the_export);
	RUN(the_command_line_follows_what_names_the_export);
	RUN(an_address_of_version_6_is_in_brackets);
	RUN(an_export_that_the_spool_does_not_know_has_no_command_line);
	free(text);
	return DONE();
}
