/*
 * proto: the numbers of the NBD protocol (doc/proto.md), as enums, each
 * table once: the same list makes the constant and its printable name.
 */
#ifndef WIRE_PROTO_H
#define WIRE_PROTO_H

#include <stdint.h>

#define NBD_MAGIC UINT64_C(0x4e42444d41474943)       /* "NBDMAGIC" */
#define NBD_OPTION_MAGIC UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */
#define NBD_REPLY_MAGIC UINT64_C(0x0003e889045565a9) /* replies to options */
#define NBD_REQUEST_MAGIC UINT32_C(0x25609513)
#define NBD_EXTENDED_REQUEST_MAGIC UINT32_C(0x21e41c71)
#define NBD_SIMPLE_REPLY_MAGIC UINT32_C(0x67446698)
#define NBD_STRUCTURED_REPLY_MAGIC UINT32_C(0x668e33ef)
#define NBD_EXTENDED_REPLY_MAGIC UINT32_C(0x6e8a278c)

#define NBD_STRING_MAX 4096 /* names, descriptions, error texts */
#define NBD_ZEROES 124      /* padding after NBD_OPT_EXPORT_NAME */

/* X(name, value) */
#define NBD_HANDSHAKE_FLAGS(X)                                            \
	X(NBD_FLAG_FIXED_NEWSTYLE, 1 << 0)                                \
	X(NBD_FLAG_NO_ZEROES, 1 << 1)

#define NBD_CLIENT_FLAGS(X)                                               \
	X(NBD_FLAG_C_FIXED_NEWSTYLE, 1 << 0)                              \
	X(NBD_FLAG_C_NO_ZEROES, 1 << 1)

#define NBD_TRANSMISSION_FLAGS(X)                                         \
	X(NBD_FLAG_HAS_FLAGS, 1 << 0)                                     \
	X(NBD_FLAG_READ_ONLY, 1 << 1)                                     \
	X(NBD_FLAG_SEND_FLUSH, 1 << 2)                                    \
	X(NBD_FLAG_SEND_FUA, 1 << 3)                                      \
	X(NBD_FLAG_ROTATIONAL, 1 << 4)                                    \
	X(NBD_FLAG_SEND_TRIM, 1 << 5)                                     \
	X(NBD_FLAG_SEND_WRITE_ZEROES, 1 << 6)                             \
	X(NBD_FLAG_SEND_DF, 1 << 7)                                       \
	X(NBD_FLAG_CAN_MULTI_CONN, 1 << 8)                                \
	X(NBD_FLAG_SEND_RESIZE, 1 << 9)                                   \
	X(NBD_FLAG_SEND_CACHE, 1 << 10)                                   \
	X(NBD_FLAG_SEND_FAST_ZERO, 1 << 11)                               \
	X(NBD_FLAG_BLOCK_STATUS_PAYLOAD, 1 << 12)

#define NBD_OPTIONS(X)                                                    \
	X(NBD_OPT_EXPORT_NAME, 1)                                         \
	X(NBD_OPT_ABORT, 2)                                               \
	X(NBD_OPT_LIST, 3)                                                \
	X(NBD_OPT_PEEK_EXPORT, 4)                                         \
	X(NBD_OPT_STARTTLS, 5)                                            \
	X(NBD_OPT_INFO, 6)                                                \
	X(NBD_OPT_GO, 7)                                                  \
	X(NBD_OPT_STRUCTURED_REPLY, 8)                                    \
	X(NBD_OPT_LIST_META_CONTEXT, 9)                                   \
	X(NBD_OPT_SET_META_CONTEXT, 10)                                   \
	X(NBD_OPT_EXTENDED_HEADERS, 11)

#define NBD_REPLIES(X)                                                    \
	X(NBD_REP_ACK, 1)                                                 \
	X(NBD_REP_SERVER, 2)                                              \
	X(NBD_REP_INFO, 3)                                                \
	X(NBD_REP_META_CONTEXT, 4)                                        \
	X(NBD_REP_ERR_UNSUP, 0x80000001)                                  \
	X(NBD_REP_ERR_POLICY, 0x80000002)                                 \
	X(NBD_REP_ERR_INVALID, 0x80000003)                                \
	X(NBD_REP_ERR_PLATFORM, 0x80000004)                               \
	X(NBD_REP_ERR_TLS_REQD, 0x80000005)                               \
	X(NBD_REP_ERR_UNKNOWN, 0x80000006)                                \
	X(NBD_REP_ERR_SHUTDOWN, 0x80000007)                               \
	X(NBD_REP_ERR_BLOCK_SIZE_REQD, 0x80000008)                        \
	X(NBD_REP_ERR_TOO_BIG, 0x80000009)                                \
	X(NBD_REP_ERR_EXT_HEADER_REQD, 0x8000000a)

#define NBD_INFOS(X)                                                      \
	X(NBD_INFO_EXPORT, 0)                                             \
	X(NBD_INFO_NAME, 1)                                               \
	X(NBD_INFO_DESCRIPTION, 2)                                        \
	X(NBD_INFO_BLOCK_SIZE, 3)

#define NBD_COMMANDS(X)                                                   \
	X(NBD_CMD_READ, 0)                                                \
	X(NBD_CMD_WRITE, 1)                                               \
	X(NBD_CMD_DISC, 2)                                                \
	X(NBD_CMD_FLUSH, 3)                                               \
	X(NBD_CMD_TRIM, 4)                                                \
	X(NBD_CMD_CACHE, 5)                                               \
	X(NBD_CMD_WRITE_ZEROES, 6)                                        \
	X(NBD_CMD_BLOCK_STATUS, 7)                                        \
	X(NBD_CMD_RESIZE, 8)

#define NBD_COMMAND_FLAGS(X)                                              \
	X(NBD_CMD_FLAG_FUA, 1 << 0)                                       \
	X(NBD_CMD_FLAG_NO_HOLE, 1 << 1)                                   \
	X(NBD_CMD_FLAG_DF, 1 << 2)                                        \
	X(NBD_CMD_FLAG_REQ_ONE, 1 << 3)                                   \
	X(NBD_CMD_FLAG_FAST_ZERO, 1 << 4)                                 \
	X(NBD_CMD_FLAG_PAYLOAD_LEN, 1 << 5)

#define NBD_REPLY_FLAGS(X)                                                \
	X(NBD_REPLY_FLAG_DONE, 1 << 0)

#define NBD_REPLY_TYPES(X)                                                \
	X(NBD_REPLY_TYPE_NONE, 0)                                         \
	X(NBD_REPLY_TYPE_OFFSET_DATA, 1)                                  \
	X(NBD_REPLY_TYPE_OFFSET_HOLE, 2)                                  \
	X(NBD_REPLY_TYPE_BLOCK_STATUS, 5)                                 \
	X(NBD_REPLY_TYPE_BLOCK_STATUS_EXT, 6)                             \
	X(NBD_REPLY_TYPE_ERROR, 0x8001)                                   \
	X(NBD_REPLY_TYPE_ERROR_OFFSET, 0x8002)

/* Status flags of the context base:allocation. */
#define NBD_STATES(X)                                                     \
	X(NBD_STATE_HOLE, 1 << 0)                                         \
	X(NBD_STATE_ZERO, 1 << 1)

#define NBD_ERRORS(X)                                                     \
	X(NBD_SUCCESS, 0)                                                 \
	X(NBD_EPERM, 1)                                                   \
	X(NBD_EIO, 5)                                                     \
	X(NBD_ENOMEM, 12)                                                 \
	X(NBD_EINVAL, 22)                                                 \
	X(NBD_ENOSPC, 28)                                                 \
	X(NBD_EOVERFLOW, 75)                                              \
	X(NBD_ENOTSUP, 95)                                                \
	X(NBD_ESHUTDOWN, 108)

#define NBD_X_CONSTANT(name, value) name = (value),
enum nbd_handshake_flag { NBD_HANDSHAKE_FLAGS(NBD_X_CONSTANT) };
enum nbd_client_flag { NBD_CLIENT_FLAGS(NBD_X_CONSTANT) };
enum nbd_transmission_flag { NBD_TRANSMISSION_FLAGS(NBD_X_CONSTANT) };
enum nbd_option { NBD_OPTIONS(NBD_X_CONSTANT) };
enum nbd_reply { NBD_REPLIES(NBD_X_CONSTANT) };
enum nbd_info { NBD_INFOS(NBD_X_CONSTANT) };
enum nbd_command { NBD_COMMANDS(NBD_X_CONSTANT) };
enum nbd_command_flag { NBD_COMMAND_FLAGS(NBD_X_CONSTANT) };
enum nbd_reply_flag { NBD_REPLY_FLAGS(NBD_X_CONSTANT) };
enum nbd_reply_type { NBD_REPLY_TYPES(NBD_X_CONSTANT) };
enum nbd_state { NBD_STATES(NBD_X_CONSTANT) };
enum nbd_error { NBD_ERRORS(NBD_X_CONSTANT) };

/*
 * The constant's name as in the specification; "unknown" for other values.
 * Static text.
 */
const char *nbd_option_name(uint32_t option);
const char *nbd_reply_name(uint32_t type);
const char *nbd_info_name(uint16_t type);
const char *nbd_command_name(uint16_t command);
const char *nbd_reply_type_name(uint16_t type);
const char *nbd_error_name(uint32_t error);
/* One flag bit's name. */
const char *nbd_handshake_flag_name(uint16_t bit);
const char *nbd_client_flag_name(uint32_t bit);
const char *nbd_transmission_flag_name(uint16_t bit);
const char *nbd_command_flag_name(uint16_t bit);

/*
 * errno <-> the error field of a reply ("Error values").  What the protocol
 * has no number for is NBD_EIO.
 */
uint32_t nbd_error_from_errno(int error);

#endif
