/*
 * The extent of the CPU's mapping of a locked allocation: a call names no size, and the kernel maps the whole allocation.
 *
 * Looked up in /proc/self/maps after the first successful Lock2 of an allocation whose create was recorded; once, as reading maps
 * costs up to milliseconds in a large process. No malloc, no lock, errno kept; nothing is asked of the device.
 */
#ifndef GPUALLOC_PRELOAD_EXTENTS_H
#define GPUALLOC_PRELOAD_EXTENTS_H

#include "schema/schema.h"

/* A record of a call that succeeded, or of one of its elements, has been sent: makers of allocations are noted, locks looked up. */
void extents_sent(enum ga_row_id row, const void *record);

#endif
