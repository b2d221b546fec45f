/* fetchwork: files of a fetch in progress, beside the images. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "spool/fetch.h"
#include "spool/fetched.h"

void
fetched_work(char file[WORK_FILE_SIZE], const char *name, const char *suffix)
{
	snprintf(file, WORK_FILE_SIZE, ".%s%s", name, suffix);
}

bool
fetched_unbooted(int imagesfd, const char *name)
{
	char file[WORK_FILE_SIZE];

	fetched_work(file, name, WORK_BUNDLE_FACTS);
	return faccessat(imagesfd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The facts are the last, for they tell that there is something. */
void
fetched_clean_bundle(int imagesfd, const char *name)
{
	static const char *const suffixes[] = { WORK_BUNDLE,
		WORK_BUNDLE_FACTS };
	char file[WORK_FILE_SIZE];

	for (size_t i = 0; i < 2; i++) {
		fetched_work(file, name, suffixes[i]);
		unlinkat(imagesfd, file, 0);
	}
}

void
fetched_clean(int imagesfd, const char *name)
{
	static const char *const suffixes[] = { WORK_PART, WORK_FACTS,
		WORK_IMAGE, WORK_RAW };
	char file[WORK_FILE_SIZE];
	int lock = fetch_lock(imagesfd, name, NULL);

	if (lock == -1)
		return;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		fetched_work(file, name, suffixes[i]);
		unlinkat(imagesfd, file, 0);
	}
	fetched_clean_bundle(imagesfd, name);
	fetch_unlock(imagesfd, name, lock);
}
