/*
 * Paging fences: the values that a program polls in memory, looked at when it calls anyway.
 *
 * MakeResident and its like say which value of their paging queue's fence means that the work is done; the queue said where the CPU
 * reads that fence. While a value is awaited, each captured D3DKMT call looks at it, before and after, and gpualloc:paging_fence tells
 * when it moved. No thread, no timer, no call of our own to the device. The memory is the program's and may be gone: it is read as
 * all memory that a program names.
 */
#ifndef GPUALLOC_PRELOAD_FENCES_H
#define GPUALLOC_PRELOAD_FENCES_H

#include <stdbool.h>

#include "schema/records.h"

/* Before the real call: a destroyed queue's fence is looked at no more (its memory goes away). */
void fences_begin(enum ga_row_id row, const union ga_record *record);
/* After the call's own event: a queue or an awaited value more, or the destroy did not happen. */
void fences_end(enum ga_row_id row, const union ga_record *record, bool failed);
/* Looks at the fences that are awaited. Nothing awaited: one load. */
void fences_look(void);
/* In a forked child: its queues are its parent's. */
void fences_forget(void);

#endif
