"""nbdwire: NBD's numbers and the bytes of what a client sends."""

import struct

NBDMAGIC = b"NBDMAGIC"
IHAVEOPT = b"IHAVEOPT"
OLDSTYLE = bytes.fromhex("0000420281861253")
OPT_REPLY = 0x0003E889045565A9
REQUEST = 0x25609513
EXT_REQUEST = 0x21E41C71
SIMPLE_REPLY = 0x67446698
STRUCTURED = 0x668E33EF		# also what a connection's style is called
EXTENDED = 0x6E8A278C

FIXED_NEWSTYLE, NO_ZEROES = 1, 2

(EXPORT_NAME, ABORT, LIST, PEEK_EXPORT, STARTTLS, INFO, GO, STRUCTURED_REPLY,
 LIST_META_CONTEXT, SET_META_CONTEXT, EXTENDED_HEADERS) = range(1, 12)
NO_OPTION = 0x7654321		# nobody knows this one

ACK, SERVER, REP_INFO, META_CONTEXT = 1, 2, 3, 4
ERROR_BIT = 1 << 31
(ERR_UNSUP, ERR_POLICY, ERR_INVALID, ERR_PLATFORM, ERR_TLS_REQD, ERR_UNKNOWN,
 ERR_SHUTDOWN, ERR_BLOCK_SIZE_REQD, ERR_TOO_BIG, ERR_EXT_HEADER_REQD) = (
	ERROR_BIT + n for n in range(1, 11))
REPLY_NAMES = {
	ACK: "ACK", SERVER: "SERVER", REP_INFO: "INFO",
	META_CONTEXT: "META_CONTEXT", ERR_UNSUP: "ERR_UNSUP",
	ERR_POLICY: "ERR_POLICY", ERR_INVALID: "ERR_INVALID",
	ERR_PLATFORM: "ERR_PLATFORM", ERR_TLS_REQD: "ERR_TLS_REQD",
	ERR_UNKNOWN: "ERR_UNKNOWN", ERR_SHUTDOWN: "ERR_SHUTDOWN",
	ERR_BLOCK_SIZE_REQD: "ERR_BLOCK_SIZE_REQD",
	ERR_TOO_BIG: "ERR_TOO_BIG", ERR_EXT_HEADER_REQD: "ERR_EXT_HEADER_REQD",
}

INFO_EXPORT, INFO_NAME, INFO_DESCRIPTION, INFO_BLOCK_SIZE = range(4)

(HAS_FLAGS, READ_ONLY, SEND_FLUSH, SEND_FUA, ROTATIONAL, SEND_TRIM,
 SEND_WRITE_ZEROES, SEND_DF, CAN_MULTI_CONN, SEND_RESIZE, SEND_CACHE,
 SEND_FAST_ZERO, BLOCK_STATUS_PAYLOAD) = (1 << n for n in range(13))

READ, WRITE, DISC, FLUSH, TRIM, CACHE, WRITE_ZEROES, BLOCK_STATUS, RESIZE = (
	range(9))
FUA, NO_HOLE, DF, REQ_ONE, FAST_ZERO, PAYLOAD_LEN = (1 << n for n in range(6))

(NONE, OFFSET_DATA, OFFSET_HOLE, STATUS, STATUS_EXT, CHUNK_ERROR,
 CHUNK_ERROR_OFFSET) = 0, 1, 2, 5, 6, 0x8001, 0x8002
CHUNK_NAMES = {
	NONE: "NONE", OFFSET_DATA: "OFFSET_DATA", OFFSET_HOLE: "OFFSET_HOLE",
	STATUS: "BLOCK_STATUS", STATUS_EXT: "BLOCK_STATUS_EXT",
	CHUNK_ERROR: "ERROR", CHUNK_ERROR_OFFSET: "ERROR_OFFSET",
}
DONE = 1
HOLE, ZERO = 1, 2		# base:allocation
ALLOCATION, DEPTH = "base:allocation", "qemu:allocation-depth"

EPERM, EIO, ENOMEM, EINVAL, ENOSPC, EOVERFLOW, ENOTSUP, ESHUTDOWN = (
	1, 5, 12, 22, 28, 75, 95, 108)
ERRORS = {
	0: "success", EPERM: "EPERM", EIO: "EIO", ENOMEM: "ENOMEM",
	EINVAL: "EINVAL", ENOSPC: "ENOSPC", EOVERFLOW: "EOVERFLOW",
	ENOTSUP: "ENOTSUP", ESHUTDOWN: "ESHUTDOWN",
}

KiB, MiB, GiB = 1 << 10, 1 << 20, 1 << 30
STRING_MAX = 4096		# "Strings": nothing longer is to be sent


def reply_name(number):
	return REPLY_NAMES.get(number, f"reply {number:#x}")


def error_name(number):
	return ERRORS.get(number, f"error {number}, which NBD does not have,")


def chunk_name(number):
	return CHUNK_NAMES.get(number, f"chunk type {number:#x}")


def text(name):
	return name.encode() if isinstance(name, str) else name


def option_bytes(option, data=b"", length=None, magic=IHAVEOPT):
	return magic + struct.pack(">II", option,
		len(data) if length is None else length) + data


def info_data(name, requests=(), namelen=None, count=None):
	name = text(name)
	return (struct.pack(">I", len(name) if namelen is None else namelen)
		+ name
		+ struct.pack(">H", len(requests) if count is None else count)
		+ b"".join(struct.pack(">H", r) for r in requests))


def meta_data(name, queries=(), namelen=None, count=None):
	"""The data of LIST_META_CONTEXT and SET_META_CONTEXT."""
	name, queries = text(name), [text(q) for q in queries]
	return (struct.pack(">I", len(name) if namelen is None else namelen)
		+ name
		+ struct.pack(">I", len(queries) if count is None else count)
		+ b"".join(struct.pack(">I", len(q)) + q for q in queries))


def request_bytes(command, offset=0, length=0, flags=0, cookie=1,
    magic=REQUEST):
	return struct.pack(">IHHQQQ" if magic == EXT_REQUEST else ">IHHQQI",
		magic, flags, command, cookie, offset, length)


def status_payload(length, ids):
	"""The payload form of BLOCK_STATUS."""
	return struct.pack(f">Q{len(ids)}I", length, *ids)
