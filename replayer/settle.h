/*
 * Settling: a driver may free memory after the last close has returned, and the next run would then meet a fuller device than the
 * first. Between runs it is waited, for a bounded time, until the memory in use is back at its base.
 */
#ifndef GPUALLOC_REPLAYER_SETTLE_H
#define GPUALLOC_REPLAYER_SETTLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct replay_settle {
    const char *how;    /* what is looked at, for people; null: nothing, as the recording is too small to be told from the rest */
    char paths[2][160]; /* files whose numbers are added up; "": of the whole machine, from meminfo */
    const char *root;   /* before every path */
    uint64_t base, tolerance; /* bytes */
};

/* Takes the base, before the first run. node: the device's, or ""; peak: bytes that a run has alive at most. root "" is the system
   itself, and is kept. */
void replay_settle_init(struct replay_settle *settle, const char *root, const char *node, uint64_t peak);
/* Waits at most limit_ms. Returns bytes above the base that are left then (the new base), or 0: it is back. */
uint64_t replay_settle_wait(struct replay_settle *settle, unsigned limit_ms, const atomic_bool *stop);

#endif
