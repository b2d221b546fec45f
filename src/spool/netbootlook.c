/* netbootlook: what there is to boot an export, and who has put it there. */
#include <sys/stat.h>

#include <bsd/string.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "spool/netbootpriv.h"

const char *const netboot_names[NETBOOT_FILES] = { "vmlinuz", "initrd",
	"manifest.json" };

int
netboot_dir(int dirfd, const char *name)
{
	return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
}

bool
netboot_whole(int dirfd)
{
	struct stat st;

	for (size_t i = 0; i < NETBOOT_FILES; i++)
		if (fstatat(dirfd, netboot_names[i], &st,
		    AT_SYMLINK_NOFOLLOW) == -1 || !S_ISREG(st.st_mode) ||
		    faccessat(dirfd, netboot_names[i], R_OK, 0) == -1)
			return false;
	return true;
}

bool
netboot_ready(int artifactsfd, const char *name)
{
	int fd = artifactsfd != -1 ? netboot_dir(artifactsfd, name) : -1;
	bool ready = fd != -1 && netboot_whole(fd);

	if (fd != -1)
		close(fd);
	return ready;
}

enum netboot_owner
netboot_owner(int artifactsfd, const char *name, struct netboot_mark *m)
{
	int fd = artifactsfd != -1 ? netboot_dir(artifactsfd, name) : -1;
	bool ours;

	memset(m, 0, sizeof(*m));
	if (fd == -1)
		return NETBOOT_NOBODY;
	ours = netboot_mark_read(m, fd);
	close(fd);
	return ours ? NETBOOT_OURS : NETBOOT_OPERATOR;
}

bool
netboot_ref(int artifactsfd, const char *name, char *ref, size_t size)
{
	struct netboot_mark m;
	bool found;

	netboot_owner(artifactsfd, name, &m);
	found = m.ref != NULL;
	if (found)
		strlcpy(ref, m.ref, size);
	netboot_mark_clear(&m);
	return found;
}
