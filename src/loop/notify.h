/* notify: the service manager's datagram protocol (sd_notify(3)). */
#ifndef LOOP_NOTIFY_H
#define LOOP_NOTIFY_H

/* Send "READY=1" and the like to $NOTIFY_SOCKET, if there is one. */
void notify(const char *text);

#endif
