/*
 * What the tracer keeps for each thread: ordinal, call number, stack bounds, scratch memory, unfinished thunks.
 *
 * In initial-exec TLS, so that the first use allocates nothing. A signal handler may run between any two instructions here and
 * make captured calls itself: what it takes it gives back before it returns, and nothing is held across a tracepoint.
 */
#ifndef GPUALLOC_PRELOAD_THREAD_H
#define GPUALLOC_PRELOAD_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/memory.h"
#include "schema/schema.h"

enum {
    THREAD_SCRATCH_SIZE = 2 * 1024 * 1024, /* bytes reserved for one call's arrays; pages come as they are touched */
    THREAD_SCRATCH_COUNT = 8,              /* calls in progress on one thread: one, and those of nested signal handlers */
    THREAD_THUNKS = 8,
};

/* Memory of one captured call. */
struct thread_scratch {
    _Atomic(char *) memory;   /* THREAD_SCRATCH_SIZE bytes, or null: not mapped yet */
    atomic_uintptr_t owner; /* frame address of the call that uses it, 0 free */
};

/* A D3DKMT thunk whose real function is running. */
struct thread_thunk {
    uintptr_t frame;
    uint64_t key; /* see dispatch.c */
    enum ga_row_id row;
    bool done; /* an inner ioctl that was taken for its own has succeeded */
};

struct capture_thread {
    uint64_t instance; /* process instance that the numbers below belong to; 0: none yet */
    atomic_ullong calls; /* atomic for signal handlers, which count too */
    uint32_t ordinal, tid;
    uintptr_t stack_low, stack_high; /* the thread's own stack; equal until it is known */
    uint8_t stack_attempts;
    bool has_scratch;
    /* The last attempt that was interrupted, for the retry mark. */
    uint64_t retry_request, retry_argument;
    int retry_fd; /* -1: none */
    uint32_t thunk_count;
    struct thread_thunk thunks[THREAD_THUNKS];
    struct thread_scratch scratch[THREAD_SCRATCH_COUNT];
};

/* Once, when the library comes up. */
void thread_init(void);
/* The calling thread's, with its numbers taken. */
struct capture_thread *thread_self(void);
/* The number of the thread's next call, from 1. */
static inline uint64_t thread_take_number(struct capture_thread *thread)
{
    return atomic_fetch_add_explicit(&thread->calls, 1, memory_order_relaxed) + 1;
}
/* The part of the thread's own stack that is live above frame; empty when frame is on another stack (a signal's, a coroutine's). */
struct memory_stack thread_stack(struct capture_thread *thread, uintptr_t frame);
/* Whether what was at frame `older` is certainly gone when code runs at frame `now`: both on the thread's own stack. */
bool thread_is_stale(const struct capture_thread *thread, uintptr_t older, uintptr_t now);
/* Scratch memory for the call at this frame, or null: none to be had. Contents are leftovers. */
struct thread_scratch *thread_scratch_acquire(struct capture_thread *thread, uintptr_t frame);
void thread_scratch_release(struct thread_scratch *scratch);

#endif
