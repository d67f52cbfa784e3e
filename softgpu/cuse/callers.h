/*
 * The processes that have the CUSE device open, and how softgpu reaches them: a server answers for others, so whose call it is,
 * where its memory lies and whether it was interrupted is asked of the kernel.
 *
 * A process is a thread group, known by its folder in /proc, which is kept open: a reused number is never taken for it. Memory is
 * read and written by process_vm_readv and process_vm_writev on the thread that calls, which its ioctl holds in place.
 */
#ifndef GPUALLOC_SOFTGPU_CUSE_CALLERS_H
#define GPUALLOC_SOFTGPU_CUSE_CALLERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "softgpu/softgpu.h"

struct caller; /* a process, as long as it has the device open */

/* What a call is made with: the user pointer of softgpu_memory. */
struct caller_call {
    pid_t thread;
    bool (*interrupted)(void *request); /* whether the kernel said that a signal waits for the thread */
    bool (*ending)(void *request);      /* whether the server ends */
    void *request;
};

/* One open more, by a thread of the process. 0 or a negative errno: -EPERM for a caller that /proc does not show. */
int caller_open(struct softgpu *gpu, pid_t thread, struct caller **caller);
/* One open less; with the last one all that the process has on the device is destroyed. */
void caller_close(struct softgpu *gpu, struct caller *caller);
/* Whether a thread is one of the process's: not those of a forked child, or of who was sent the descriptor. */
bool caller_has(const struct caller *caller, pid_t thread);
int caller_place(const struct caller *caller);
/* The ops for softgpu_ioctl; call lives as long as they do. */
struct softgpu_memory caller_memory(struct caller_call *call);

#endif
