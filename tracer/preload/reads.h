/*
 * The reads of a captured call: collected, and done by one system call a stage; private data is hashed and sent on the way. All that
 * they need is in the call's scratch memory, which is acquired with the first.
 */
#ifndef GPUALLOC_PRELOAD_READS_H
#define GPUALLOC_PRELOAD_READS_H

#include "preload/capture.h"

/* Room in the scratch memory, until the call's end; null when it is full, which was said then. */
void *reads_room(struct capture_call *call, uint64_t size);
/* Queues a read. hash: private data, whose hash goes there; else result is where its enum memory_result goes. */
void reads_add(struct capture_call *call, struct memory_read r, uint64_t *hash, uint8_t *result);
/* Does what is queued. */
void reads_flush(struct capture_call *call);
/* Queues private data; its hash arrives with reads_flush at the latest. */
void reads_blob(struct capture_call *call, uint64_t from, uint64_t size, uint64_t *hash);
/* The same after the call. What was no content before it (null, empty, too large) is none now. */
void reads_blob_after(struct capture_call *call, uint64_t from, uint64_t size, uint64_t before, uint64_t *hash);

#endif
