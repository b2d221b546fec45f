/*
 * streams DIRECTORY FILE...: inputs of fuzz_session as what their clients send,
 * each in DIRECTORY under its own name.
 */
#include <stdio.h>
#include <string.h>

#include "talk.h"

/* Longer ones say nothing new to a fuzzer that has no short form. */
#define STREAM_MAX 65536

static int
put(const char *directory, const char *name, const struct buf *b)
{
	const char *base = strrchr(name, '/');
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, base != NULL ?
	    base + 1 : name);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(b->data, 1, b->len, f) != b->len ||
	    fclose(f) != 0) {
		perror(path);
		return -1;
	}
	return 0;
}

static int
unfold(const char *directory, const char *name)
{
	static unsigned char data[1 << 20];
	FILE *f = fopen(name, "rb");
	struct buf b;
	size_t n;
	int rc = 0;

	if (f == NULL) {
		perror(name);
		return -1;
	}
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	if (n < TALK_CONFIG)
		return 0;
	buf_init(&b, SIZE_MAX / 2);
	talk_stream(&b, data, n);
	if (b.len <= STREAM_MAX)
		rc = put(directory, name, &b);
	buf_free(&b);
	return rc;
}

int
main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: streams DIRECTORY FILE...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		if (unfold(argv[1], argv[i]) == -1)
			return 1;
	return 0;
}
