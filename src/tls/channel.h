/*
 * channel: TLS of one connection, in memory: bytes from the network go in,
 * bytes of the application come out, and the other way round.  It knows no
 * sockets and never waits; whoever has the socket moves the bytes.
 *
 * Many records are collected before they leave, and many arrive at once, so
 * that system calls are few.  Its memory comes from the pool and is given back
 * when nothing is under way.
 */
#ifndef TLS_CHANNEL_H
#define TLS_CHANNEL_H

#include <sys/types.h>
#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/chunk.h"
#include "base/proof.h"
#include "tls/creds.h"

struct tls_channel;

/* The server's side.  Holds the creds; the pool is borrowed. */
struct tls_channel *tls_channel_new(struct tls_creds *creds,
    struct pool *pool);
void tls_channel_free(struct tls_channel *t); /* NULL is allowed */

/* --- the network's side --------------------------------------------------- */

/* Where to receive to: bytes of room, 0 when there is none for now. */
size_t tls_channel_space(struct tls_channel *t, void **place);
void tls_channel_filled(struct tls_channel *t, size_t n);
/* The client will send no more. */
void tls_channel_ended(struct tls_channel *t);

/* What is to be sent: how many bytes; then how many of them were. */
size_t tls_channel_output(const struct tls_channel *t, const void **data);
void tls_channel_sent(struct tls_channel *t, size_t n);

/* --- the application's side ----------------------------------------------- */

enum tls_step { TLS_DONE, TLS_AGAIN, TLS_FAILED };

/* Go on with the handshake, with what has been received. */
enum tls_step tls_channel_handshake(struct tls_channel *t);

/*
 * Bytes read: 0 at the end, -1 with errno EAGAIN when more must be received or
 * sent before, EPROTO when the channel has failed.
 */
ssize_t tls_channel_read(struct tls_channel *t, void *buf, size_t len);
/* Something can be read without waiting for the network. */
bool tls_channel_ready(const struct tls_channel *t);

/*
 * Take as many bytes as there is room for: how many, -1 with errno EPROTO
 * when the channel has failed.
 */
ssize_t tls_channel_write(struct tls_channel *t, const struct iovec *iov,
    size_t count);

/* Say that we send no more (close_notify), once, if there is room. */
void tls_channel_bye(struct tls_channel *t);

/* Why it failed: text from the network, valid as long as the channel. */
const char *tls_channel_error(const struct tls_channel *t);

/* After the handshake: "TLS1.3"; and who the client is, NULL for nobody that
 * we know of (also when memory ran out); the caller's then. */
const char *tls_channel_version(const struct tls_channel *t);
struct proof *tls_channel_proof(const struct tls_channel *t);

#endif
