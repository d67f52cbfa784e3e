/*
 * The memory of runs, and what worker processes of a replay have in common: memory that is the same in all of them, and descriptors
 * that one has and another needs.
 */
#ifndef GPUALLOC_REPLAYER_SHARE_H
#define GPUALLOC_REPLAYER_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Zeros, at a multiple of 64, their pages there at once: none is met for the first time while calls are timed. shared: children that
   are forked from now on have the same memory, no copy. Null when memory is short. */
void *replay_share(size_t size, bool shared);
/* Null is fine. */
void replay_unshare(void *memory);

/* A descriptor of another process, here; or a negative errno. That process has said replay_lend_descriptors. */
int replay_fetch_descriptor(pid_t process, int fd);
void replay_lend_descriptors(void);
/* Whether this kernel, and what holds this process, let it be done at all. */
bool replay_can_fetch_descriptors(void);

#endif
