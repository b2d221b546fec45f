/*
 * replay FILE...: a fuzz target without a fuzzer.  Each file is an input; one
 * that it does not like ends the process, after its name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static int
replay(const char *name)
{
	static unsigned char data[1 << 20];
	FILE *f = fopen(name, "rb");
	unsigned char *copy;
	size_t n;

	if (f == NULL) {
		perror(name);
		return -1;
	}
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	printf("%s\n", name);
	fflush(stdout);
	/* Of its own size, so that reads beyond it are seen. */
	copy = malloc(n > 0 ? n : 1);
	if (copy == NULL)
		return -1;
	memcpy(copy, data, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	return 0;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay(argv[i]) == -1)
			return 1;
	return 0;
}
