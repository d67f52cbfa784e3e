/*
 * Requests: a plan's calls made ready for ioctl, for backends that issue them as recorded. Before a call its image is copied to
 * the lane's scratch memory and handles and pointers are put in; after it the handles that came back are kept.
 * Lanes use it at once; what they share are the objects' values, which the engine's order protects.
 */
#ifndef GPUALLOC_REPLAYER_REQUESTS_H
#define GPUALLOC_REPLAYER_REQUESTS_H

#include <stdatomic.h>
#include <string.h>
#include <sys/types.h>

#include "replayer/backend.h"

#define REPLAY_ABSENT UINT64_MAX /* the value of an object that is not there */

/* What a call is to its lane, so that nothing of the plan is looked up while calls are timed, but what is named here. */
struct replay_ready {
    uint64_t image;           /* in plan.images */
    uint32_t image_size;
    uint32_t refs, ref_count; /* in plan.refs: from the first of those that are put in, kept or ended, to the last */
    uint32_t file;            /* object, or REPLAY_NONE */
    uint32_t request;         /* of the ioctl: the backend's */
    uint32_t is;
};
enum {
    REPLAY_READY_PLAIN = 1, /* a few words, without pointers; handles of 32 bits go in as they are and come out as they are */
    REPLAY_READY_KEEPS = 2, /* something is to be kept of what came back, or forgotten */
    REPLAY_READY_OWN = 4,   /* this bit and those above it are the backend's */
};
enum { REPLAY_PLAIN_BYTES = 64 };

struct replay_requests {
    const struct replay_plan *plan;
    const unsigned char *images; /* the plan's, one step away: a page less to be found again after each call */
    const struct replay_ref *refs;
    const struct replay_call *calls;
    struct replay_ready *ready; /* by call */
    _Atomic uint64_t *values; /* by object: handle, descriptor, name */
    unsigned char **scratch;  /* by lane */
    void **memories;          /* by plan.memories: what stands for the program's own memory */
    int *memfds;              /* likewise, or -1 */
    _Atomic uint64_t *fence_values; /* by call.paging: what the call was given in this run */
    int plain_file;           /* what stands for a descriptor that is no dma-buf or NT handle */
    int event;                /* what stands for the program's events */
    _Atomic pid_t *holders;   /* by object: the worker process that has the file, descriptor or mapping; 0: this one, without workers */
    struct fetched *fetched;  /* by lane: descriptors of other workers', here for a call */
    _Atomic uint32_t *returned; /* by lane: the newest of the descriptors that it made and nobody needs any more; or REPLAY_NONE */
    uint32_t *older;          /* by object, then: the one before it */
    pid_t self;               /* this worker; 0: there are none */
    uint32_t *special;        /* objects that a run's beginning or end sees to: strangers, supplied ones, descriptors, mappings */
    uint32_t special_count;
};

/* Allocates all that runs need; what is the backend's of calls is still to be said. Release it also after a failure; zeros are
   fine. */
int replay_requests_init(struct replay_requests *requests, const struct replay_plan *plan, struct ga_error *error);
/* Before a run: no object is there. */
void replay_requests_reset(struct replay_requests *requests);
/* In a worker process, before its calls: descriptors that it makes are its own. */
void replay_requests_enter(struct replay_requests *requests);
/* Before a call of the lane's: closes what only its last one needed. prepare has done so. */
void replay_requests_tidy(struct replay_requests *requests, uint32_t lane);
/* A descriptor's number in this process, for a call of the lane's: another worker's is fetched, and closed after the call.
   REPLAY_ABSENT when it is not there. */
uint64_t replay_requests_descriptor(struct replay_requests *requests, uint32_t lane, uint32_t object);
/* After a run: closes the descriptors that are left. */
void replay_requests_close_descriptors(struct replay_requests *requests);
void replay_requests_release(struct replay_requests *requests);

static inline struct replay_ready *replay_ready(const struct replay_requests *requests, const struct replay_call *call)
{
    return &requests->ready[call - requests->calls];
}

static inline uint64_t replay_value(const struct replay_requests *requests, uint32_t object)
{
    return atomic_load_explicit(&requests->values[object], memory_order_relaxed);
}
static inline void replay_set_value(struct replay_requests *requests, uint32_t object, uint64_t value)
{
    atomic_store_explicit(&requests->values[object], value, memory_order_relaxed);
}

/* Makes the lane's scratch memory the call's argument. REPLAY_SKIP_ABSENT when an object that it names is not there. */
enum replay_skip replay_requests_prepare(struct replay_requests *requests, uint32_t lane, const struct replay_call *call);
/* Keeps what came back in the scratch memory, and forgets what has ended. */
void replay_requests_finish(struct replay_requests *requests, uint32_t lane, const struct replay_call *call, bool failed);

/* A plain handle into the argument. False: its object is not there. */
static inline bool replay_put_handle(const struct replay_requests *requests, unsigned char *scratch, const struct replay_ref *ref)
{
    uint64_t value = replay_value(requests, ref->object);
    uint32_t handle = (uint32_t)value;
    memcpy(scratch + ref->place, &handle, sizeof handle);
    return value != REPLAY_ABSENT;
}

/* The one that came back; 0 is none. */
static inline void replay_keep_handle(struct replay_requests *requests, const unsigned char *scratch, const struct replay_ref *ref)
{
    uint32_t handle;
    memcpy(&handle, scratch + ref->place, sizeof handle);
    replay_set_value(requests, ref->object, handle ? handle : REPLAY_ABSENT);
}

/* The same, shorter, of a call that is REPLAY_READY_PLAIN. */
static inline bool replay_is_plain(const struct replay_requests *requests, const struct replay_ready *ready)
{
    return ready->is & REPLAY_READY_PLAIN && !requests->self;
}
static inline enum replay_skip replay_plain_prepare(struct replay_requests *requests, uint32_t lane, const struct replay_ready *ready)
{
    const struct replay_ref *ref = requests->refs + ready->refs, *end = ref + ready->ref_count;
    const unsigned char *image = requests->images + ready->image;
    unsigned char *scratch = requests->scratch[lane];
    size_t size = ready->image_size;
    __builtin_prefetch(ref); /* while the image is copied */
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) /* images have whole words */
        memcpy(scratch + at, image + at, sizeof(uint64_t));
    for (; ref < end; ref++)
        if (ref->how & REPLAY_HOW_PUTS && !replay_put_handle(requests, scratch, ref))
            return REPLAY_SKIP_ABSENT;
    return REPLAY_ISSUED;
}
/* Of one that has not failed. */
static inline void replay_plain_finish(struct replay_requests *requests, uint32_t lane, const struct replay_ready *ready)
{
    const struct replay_ref *ref = requests->refs + ready->refs, *end = ref + ready->ref_count;
    for (; ref < end; ref++)
        if (ref->how & REPLAY_HOW_ENDS)
            replay_set_value(requests, ref->object, REPLAY_ABSENT);
        else if (ref->how & REPLAY_HOW_KEEPS)
            replay_keep_handle(requests, requests->scratch[lane], ref);
}

/* What this worker has made: it ends it. */
static inline void replay_hold(struct replay_requests *requests, uint32_t object)
{
    atomic_store_explicit(&requests->holders[object], requests->self, memory_order_relaxed);
}
static inline bool replay_is_elsewhere(const struct replay_requests *requests, uint32_t object)
{
    pid_t holder = atomic_load_explicit(&requests->holders[object], memory_order_relaxed);
    return holder && holder != requests->self;
}

#endif
