/* One recording session in the session daemon: per-uid channels, our events, a trace directory. Every step is bounded in time. */
#ifndef GPUALLOC_RECORD_SESSION_H
#define GPUALLOC_RECORD_SESSION_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "record/events.h"

struct record_buffers {
    uint64_t subbuf_size; /* bytes, a power of two */
    uint64_t subbufs;     /* a power of two; each CPU has so many */
};

struct record_session {
    char name[200];
    char output[PATH_MAX]; /* absolute */
    struct record_buffers buffers;
    bool lossless;
    struct record_events events;
};

#define RECORD_SESSION_PREFIX "gpualloc-"

/* The session's name for a program, unique on this machine: gpualloc-PROGRAM-PID-MILLISECONDS. */
void record_session_name(struct record_session *session, const char *program);
/* Makes the session and starts it; when that fails, no session is left. */
int record_session_start(const struct record_session *session, struct ga_error *error);
/* Stops, waits for the data up to 5 s, destroys. -ETIMEDOUT: not all of it came; the session is destroyed nevertheless unless the
   daemon does not answer. */
int record_session_stop(const struct record_session *session, struct ga_error *error);

#endif
