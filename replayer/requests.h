/*
 * Requests: a plan's calls made ready for ioctl, for backends that issue them as recorded. Before a call its image is copied to
 * the lane's scratch memory and handles and pointers are put in; after it the handles that came back are kept.
 * Lanes use it at once; what they share are the objects' values, which the engine's order protects.
 */
#ifndef GPUALLOC_REPLAYER_REQUESTS_H
#define GPUALLOC_REPLAYER_REQUESTS_H

#include <stdatomic.h>
#include <sys/types.h>

#include "replayer/backend.h"

#define REPLAY_ABSENT UINT64_MAX /* the value of an object that is not there */

struct replay_requests {
    const struct replay_plan *plan;
    _Atomic uint64_t *values; /* by object: handle, descriptor, name */
    unsigned char **scratch;  /* by lane */
    void **memories;          /* by plan.memories: what stands for the program's own memory */
    int *memfds;              /* likewise, or -1 */
    _Atomic uint64_t *fence_values; /* by call.paging: what the call was given in this run */
    int plain_file;           /* what stands for a descriptor that is no dma-buf or NT handle */
    int event;                /* what stands for the program's events */
    _Atomic pid_t *holders;   /* by object: the worker process that has the descriptor; 0: this process, without workers */
    int *fetched;             /* by object, of this process alone: the descriptor here of what another worker has, plus 1 */
    pid_t self;               /* this worker; 0: there are none */
};

/* Allocates all that runs need. Release it also after a failure; zeros are fine. */
int replay_requests_init(struct replay_requests *requests, const struct replay_plan *plan, struct ga_error *error);
/* Before a run: no object is there. */
void replay_requests_reset(struct replay_requests *requests);
/* In a worker process, before its calls: descriptors that it makes are its own. */
void replay_requests_enter(struct replay_requests *requests);
/* Makes the lane's scratch memory the call's argument. REPLAY_SKIP_ABSENT when an object that it names is not there. */
enum replay_skip replay_requests_prepare(struct replay_requests *requests, uint32_t lane, const struct replay_call *call);
/* Whether finish has anything to do for the call. */
bool replay_requests_keeps(const struct replay_plan *plan, const struct replay_call *call);
/* Keeps what came back in the scratch memory, and forgets what has ended. */
void replay_requests_finish(struct replay_requests *requests, uint32_t lane, const struct replay_call *call, bool failed);
/* After a run: closes the descriptors that are left. */
void replay_requests_close_descriptors(struct replay_requests *requests);
void replay_requests_release(struct replay_requests *requests);

static inline uint64_t replay_value(const struct replay_requests *requests, uint32_t object)
{
    return atomic_load_explicit(&requests->values[object], memory_order_relaxed);
}
static inline void replay_set_value(struct replay_requests *requests, uint32_t object, uint64_t value)
{
    atomic_store_explicit(&requests->values[object], value, memory_order_relaxed);
}

#endif
