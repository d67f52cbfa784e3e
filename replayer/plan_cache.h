/*
 * Plans kept in files, so that a large trace is compiled once: $XDG_CACHE_HOME/gpualloc/plans (~/.cache/gpualloc/plans), never a
 * trace's own folder. A plan is found by what it was made of: the bytes of the trace's files, the options that change it, and the
 * build of the program. A folder that cannot be used, or that others could write to, is as good as none.
 */
#ifndef GPUALLOC_REPLAYER_PLAN_CACHE_H
#define GPUALLOC_REPLAYER_PLAN_CACHE_H

#include "replayer/plan_image.h"

#define REPLAY_CACHE_BYTES (8ull << 30) /* of all plans together: those that were used longest ago go first */

struct replay_cache {
    int folder;          /* descriptor; -1: there is none that can be used */
    uint64_t max_bytes;  /* of all that is kept: REPLAY_CACHE_BYTES */
    unsigned char state[16]; /* of the trace's files: names, sizes, times */
    struct replay_plan_key key;
};

/* Looks for a usable folder and finds out what the trace's files hold. Never fails: then the cache is none. Close it. */
void replay_cache_open(struct replay_cache *cache, const char *trace, const struct replay_plan_options *options);
/* The plan, if it is there: 0, or -ENOENT. */
int replay_cache_load(const struct replay_cache *cache, struct replay_plan *plan);
/* Keeps a plan that was sealed with cache.key, unless the trace has changed meanwhile, and makes room by removing the oldest. */
void replay_cache_store(const struct replay_cache *cache, const char *trace, const struct replay_plan *plan);
void replay_cache_close(struct replay_cache *cache);

/* The program's build id; of one that was linked without, the hash of its file. Bytes beyond theirs are left alone. 0, or -ENOENT. */
int replay_build_id(unsigned char build[20]);
/* Two digits a byte, and the end. */
void replay_hex(char *out, const unsigned char *bytes, size_t count);

#endif
