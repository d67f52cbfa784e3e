/*
 * The session daemon: the one that liblttng-ctl finds, else one that we start, under a lock shared by all records of this user.
 *
 * A daemon that gpualloc started (its pid is in gpualloc-sessiond.pid beside LTTng's sockets) is stopped by the last record that
 * leaves it, whichever that is, and only when no session is left in it. A daemon of anybody else is never stopped.
 */
#ifndef GPUALLOC_RECORD_DAEMON_H
#define GPUALLOC_RECORD_DAEMON_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct record_daemon {
    char place[PATH_MAX]; /* where LTTng keeps its sockets for this user */
    int lock;             /* descriptor of the lock while we hold it, or -1 */
    pid_t pid;            /* of the daemon in use; 0 when it cannot be told */
    bool started;         /* by this record */
    bool ours;            /* by gpualloc: this record or another */
    sigset_t mask;        /* the daemon's signal mask, not ours with its held signals */
};

/* Finds a daemon or starts one, and returns with the lock held: unlock it when the session exists, so that nobody stops the
   daemon before. -ETIMEDOUT: it does not answer (stopped, perhaps); other negative errnos: none is to be had. */
int record_daemon_acquire(struct record_daemon *daemon, const sigset_t *mask, struct ga_error *error);
void record_daemon_unlock(struct record_daemon *daemon);
/* After the session is gone: stops the daemon when it is gpualloc's and no session is left. Null error: quietly. */
int record_daemon_release(struct record_daemon *daemon, struct ga_error *error);

#endif
