/*
 * Capture of one call: its inputs before the real call, its results after it, and then its events: blobs, elements, the call.
 *
 * Driven by the shapes alone: nothing here knows a request. No malloc, no lock, errno kept. The argument structure and all that it
 * points to are untrusted.
 */
#ifndef GPUALLOC_PRELOAD_CAPTURE_H
#define GPUALLOC_PRELOAD_CAPTURE_H

#include "preload/memory.h"
#include "preload/shape.h"
#include "preload/thread.h"

/* What is being called. */
struct capture_target {
    enum ga_row_id row;
    uint32_t size;   /* bytes of the argument structure that the program passed, at most the row's abi_size */
    uint64_t argument; /* its address */
    uint64_t file, device; /* DRM only */
    uintptr_t frame; /* frame address of the hook */
    uint8_t layer, marks;
    bool older;      /* the elements have their older form */
    bool own;        /* the argument is the tracer's: it is read directly */
};

struct capture_elements; /* see elements.h */

/* A call between capture_begin and capture_end; on the hook's stack. */
struct capture_call {
    const struct shape *shape;
    struct capture_thread *thread;
    struct thread_scratch *scratch;
    struct memory_stack stack;
    uint64_t argument;
    uint32_t size, used; /* bytes of the structure; of the scratch memory */
    uint64_t budget;     /* bytes of private data that may still be read */
    bool readable, older;
    struct capture_elements *elements, *last_elements; /* a list, in the order in which they are read */
    union shape_abi in, out;
    union ga_record record;
};

/* Takes the call's number, reads its inputs, sends its private data; the last thing it does is to read the clock. */
void capture_begin(struct capture_call *call, const struct capture_target *target);
/* Reads the clock, then the results, and emits. error: errno when the call returned -1, else 0. */
void capture_end(struct capture_call *call, int64_t ret, int error);

/* For the parts of capture. Whether a member is in a structure of this size, and its union arm the active one. */
bool capture_present(const struct shape_step *step, uint32_t size, const char *structure, const struct capture_call *call);
/* A value after the call: an output only of a call that did not fail. What cannot be read back (out is null) stays 0, or as it was. */
void capture_end_value(const struct shape_step *step, void *record, const char *in, const char *out, bool failed);

#endif
