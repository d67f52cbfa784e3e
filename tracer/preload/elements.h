/*
 * The structures that a call's argument points to, and theirs in turn: read level by level before the call, read again after it, and
 * sent as one event each. They may lie in an array, at addresses in an array, or in a chain; see enum ga_layout.
 */
#ifndef GPUALLOC_PRELOAD_ELEMENTS_H
#define GPUALLOC_PRELOAD_ELEMENTS_H

#include "preload/capture.h"

/* An ELEMENTS member of the call's structure: notes where its elements are, and queues their reads. */
void elements_begin(struct capture_call *call, const struct shape_step *step);
/* Reads them, and what they point to. */
void elements_read(struct capture_call *call);
/* After the call: queues the reads of what came back. */
void elements_read_after(struct capture_call *call, bool failed);
/* Sends them, and says in the call's record how many there are. */
void elements_emit(struct capture_call *call, bool failed);

#endif
