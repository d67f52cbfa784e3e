/*
 * Lives: which allocation a call makes, uses or ends, by intervals.
 *
 * A create takes effect at its end, a destroy, close or unmap at its begin. Calls of several threads can complete in another
 * order than they took effect: a destroy that began before the newest create of that handle ended belongs to the older
 * generation. This is the one place that knows; plans, lint and analyses are built on it.
 * Memory is bounded by what is alive. One thread at a time.
 */
#ifndef GPUALLOC_READER_LIVES_H
#define GPUALLOC_READER_LIVES_H

#include "reader/reader.h"

/* Where a size was learnt. D3DKMT names none. */
enum ga_size_origin {
    GA_SIZE_UNKNOWN,
    GA_SIZE_REQUESTED,  /* a member of the request */
    GA_SIZE_RETURNED,   /* a member that the driver wrote */
    GA_SIZE_COMPUTED,   /* a product of members (stride and height) */
    GA_SIZE_STANDARD,   /* D3DKMT standard allocation */
    GA_SIZE_DECODED,    /* decoded from private data by a driver's decoder */
    GA_SIZE_IMPORTED,   /* known from the exporter of the same dma-buf or name */
};
const char *ga_size_origin_name(enum ga_size_origin origin);

enum ga_life_end {
    GA_END_NOT,     /* alive at the end of the trace */
    GA_END_FREED,   /* by a destroy call of its own, or its resource's */
    GA_END_OWNER,   /* with its device */
    GA_END_CLOSED,  /* with the last close of its file */
};

/* One allocation: a D3DKMT allocation, or a GEM handle in a file. */
struct ga_life {
    uint64_t id;       /* dense, from 0, in the order of creation */
    uint64_t process;  /* instance that made it */
    uint64_t scope;    /* name space of its handle: process instance (d3dkmt) or file (drm) */
    uint32_t handle;
    uint32_t owner;    /* d3dkmt: hDevice; drm: 0 */
    uint32_t resource; /* d3dkmt: hResource, 0 when alone */
    uint64_t surface;  /* hPrivateRuntimeResourceHandle; 0 on drm */
    uint64_t device;   /* drm: device number; d3dkmt: 0 */
    uint64_t dma_buf;  /* inode number once shared, else 0 */
    uint64_t size;     /* bytes, meaningful unless the origin is unknown */
    enum ga_size_origin origin;
    bool imported;     /* a handle to memory made elsewhere: do not count its bytes twice */
    const struct ga_row *row;  /* of the call that made it */
    uint64_t create_call;      /* number in its thread */
    uint32_t create_thread, pid, tid;
    int64_t born_ns;           /* epoch: end of the create */
    int64_t died_ns;           /* epoch: begin of what ended it; meaningful at died */
    const struct ga_file_info *file; /* drm, or null */
    void *user;                /* the caller's, zero at birth */
};

struct ga_lives_ops {
    /* An allocation began. Optional. */
    int (*born)(void *user, struct ga_life *life, const struct ga_call *call);
    /* It ended; life is gone afterwards. call is null for ends that no call made (file_closed, end of the trace). Optional. */
    int (*died)(void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call);
    /* A successful call named a living allocation that it neither made nor ended (map, export, lock, …). Optional. */
    int (*used)(void *user, struct ga_life *life, const struct ga_call *call);
    /* A call ended a handle that nothing recorded had made (made before the session, or lost). Optional. */
    int (*stranger)(void *user, const struct ga_call *call, uint32_t handle);
};

struct ga_lives;
int ga_lives_create(struct ga_lives **lives, const struct ga_lives_ops *ops, void *user);
/* Feed every call and every event of a reader, in the order they come. */
int ga_lives_call(struct ga_lives *lives, const struct ga_call *call);
int ga_lives_event(struct ga_lives *lives, const struct ga_row *row, const void *record, int64_t ns);
/* The end of the trace: everything alive dies with GA_END_NOT. */
int ga_lives_finish(struct ga_lives *lives, int64_t ns);
/* The living allocation of a handle, newest generation, or null; borrowed. scope as in struct ga_life. */
struct ga_life *ga_lives_find(const struct ga_lives *lives, uint64_t scope, uint32_t handle);
/* Null is fine; calls no callback. */
void ga_lives_destroy(struct ga_lives *lives);

#endif
