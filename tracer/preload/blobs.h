/*
 * Private data on its way into the trace: hashed, and sent once for each distinct content.
 *
 * What was sent is remembered in a lock-free cache of hashes: forgetting one costs a repeat, never a loss. It is emptied at every
 * rundown and every 10 s, because a tracepoint cannot know that its event was discarded.
 */
#ifndef GPUALLOC_PRELOAD_BLOBS_H
#define GPUALLOC_PRELOAD_BLOBS_H

#include <stdint.h>

/* Hash of the bytes, as the trace names them; sends them as gpualloc:blob events first unless that was done. bytes must be
   readable up to the next multiple of 8 (the pad is overwritten with zeros). */
uint64_t blobs_send(void *bytes, uint32_t size);
/* Empties the cache. */
void blobs_forget(void);

#endif
