/* error: errno to the error field of a reply, in one table. */
#include <errno.h>
#include <stddef.h>

#include "wire/proto.h"

static const struct {
	int error;
	uint32_t nbd;
} table[] = {
	{ 0, NBD_SUCCESS },
	{ EPERM, NBD_EPERM },
	{ EACCES, NBD_EPERM },
	{ EROFS, NBD_EPERM },
	{ EIO, NBD_EIO },
	{ ENOMEM, NBD_ENOMEM },
	{ EINVAL, NBD_EINVAL },
	{ ENOSPC, NBD_ENOSPC },
	{ EDQUOT, NBD_ENOSPC },
	{ EFBIG, NBD_ENOSPC },
	{ EOVERFLOW, NBD_EOVERFLOW },
	{ EOPNOTSUPP, NBD_ENOTSUP },
	{ ESHUTDOWN, NBD_ESHUTDOWN },
};

uint32_t
nbd_error_from_errno(int error)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].error == error)
			return table[i].nbd;
	return NBD_EIO;
}
