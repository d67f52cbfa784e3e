/*
 * Standard translation: calls whose private data is for another driver, or that are another interface's, issued on /dev/dxg as
 * D3DKMT standard allocations of the learnt size, one resource each. They lie in system memory, never in video memory, and their
 * results are not compared with verbatim ones. Used by the dxg backend; threads and phases as in backend.h.
 */
#ifndef GPUALLOC_REPLAYER_STANDARD_H
#define GPUALLOC_REPLAYER_STANDARD_H

#include "replayer/requests.h"

/* Another interface's way to make and end one of so many bytes, by one ioctl each: what the ioctl returned. D3DKMT calls are then
   issued through it on that interface's device, and its own calls are left alone. */
struct replay_maker {
    int (*make)(void *user, int fd, uint64_t bytes, uint32_t *handle);
    int (*end)(void *user, int fd, uint32_t handle);
};

struct standard_work;
struct replay_standard {
    const struct replay_plan *plan; /* null: nothing is translated */
    struct replay_requests *requests;
    const struct replay_maker *maker; /* null: D3DKMT standard allocations */
    void *maker_user;
    uint8_t *forms;                 /* by call */
    uint32_t *first_child, *next;   /* by object: what a device, a resource or a file holds */
    _Atomic uint32_t *resources;    /* by object: the resource that stands for an allocation */
    struct standard_work *works;    /* by lane */
    uint32_t device;                /* hDevice for what was made on another interface, when needs_device; set before each run */
    bool needs_device;
};

/* Says of each call of the plan whether it is translated, issued as it is, or skipped. Zeros before, but for maker and its user.
   Release it also after a failure. */
int replay_standard_bind(struct replay_standard *standard, struct replay_requests *requests, const struct replay_plan *plan,
                         struct replay_binding *binding, struct ga_error *error);
void replay_standard_release(struct replay_standard *standard);
static inline bool replay_standard_translates(const struct replay_standard *standard, const struct replay_call *call)
{
    return standard->plan && standard->forms[call - standard->plan->calls]; /* 0: as recorded */
}
/* The phases of a call that is translated; issue makes one ioctl an allocation. */
enum replay_skip replay_standard_prepare(struct replay_standard *standard, uint32_t lane, const struct replay_call *call);
void replay_standard_issue(struct replay_standard *standard, int fd, uint32_t lane, const struct replay_call *call,
                           struct replay_outcome *outcome);
void replay_standard_finish(struct replay_standard *standard, int fd, uint32_t lane, const struct replay_call *call,
                            const struct replay_outcome *outcome);

#endif
