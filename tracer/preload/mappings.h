/*
 * Which pages of the program are mappings of a GPU device or dma-buf: what munmap has to know of a range.
 *
 * One bit a page, in a fixed table of 2 MiB pieces of the address space. Neither locks nor memory of others: threads and signal
 * handlers may all be here at once. A piece, once in the table, stays; the program's mappings come back to the same places.
 */
#ifndef GPUALLOC_PRELOAD_MAPPINGS_H
#define GPUALLOC_PRELOAD_MAPPINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

extern atomic_long mappings_pages; /* marked ones */

/* All that munmap costs a program without mappings. */
static inline bool mappings_any(void) { return atomic_load_explicit(&mappings_pages, memory_order_relaxed) != 0; }

/* Marks the pages of a range. Full: counted as a trouble, and the unmap of the rest is not seen. */
void mappings_add(uint64_t address, uint64_t length);
/* Unmarks the pages of a range before they go, so that another thread's new mapping there is not taken for them; whether any was
   marked. A range that is none (not at a page, empty, beyond the end) has none. */
bool mappings_take(uint64_t address, uint64_t length);
/* The call failed: marks the range again. Pages beside the mapping may be marked with it, and their unmap recorded: readers know
   the mappings themselves. */
void mappings_restore(uint64_t address, uint64_t length);
/* In a forked child: the mappings are its parent's. */
void mappings_forget(void);

#endif
