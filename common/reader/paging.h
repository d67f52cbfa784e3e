/*
 * Time to resident: from a call that gave a PagingFenceValue to when its paging queue's fence was seen there.
 *
 * MakeResident, MapGpuVirtualAddress and their like return before the memory is usable. The tracer looks at the fence when the program
 * calls, so an answer is an interval: not yet ready at after_ns, ready by by_ns. Memory is bounded by the values that are awaited.
 */
#ifndef GPUALLOC_READER_PAGING_H
#define GPUALLOC_READER_PAGING_H

#include "reader/reader.h"

/* A call that gave a value. */
struct ga_paging_wait {
    const struct ga_row *row;
    uint64_t process, call, value;
    uint32_t thread, queue;
    int64_t begin_ns, end_ns; /* epoch: of the call */
    bool at_once;             /* it returned success, not STATUS_PENDING: there was nothing to wait for */
};

struct ga_paging_ops {
    /* It was ready between after_ns (at least the call's begin) and by_ns (epoch). */
    int (*ready)(void *user, const struct ga_paging_wait *wait, int64_t after_ns, int64_t by_ns);
    /* The fence was not seen there before its queue was destroyed or the trace ended. Optional. */
    int (*not_seen)(void *user, const struct ga_paging_wait *wait);
};

struct ga_paging;
int ga_paging_create(struct ga_paging **paging, const struct ga_paging_ops *ops, void *user);
/* Feed every call and event of a reader, in the order they come. 0, or a negative errno: a callback's, or -ENOMEM. */
int ga_paging_call(struct ga_paging *paging, const struct ga_call *call);
int ga_paging_event(struct ga_paging *paging, const struct ga_row *row, const void *record);
/* The end of the trace: what is still awaited was not seen. */
int ga_paging_finish(struct ga_paging *paging);
/* Null is fine; calls no callback. */
void ga_paging_destroy(struct ga_paging *paging);

#endif
