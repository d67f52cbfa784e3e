/*
 * Annotations: names and uses that the program itself tells (include/gpualloc/annotate.h).
 *
 * Names are kept, the newest for each surface or buffer, so that a session that begins later hears them too: a bounded table, without
 * locks. Strings are the program's and read as all memory that it names. No malloc, errno kept, any thread, signal handlers too.
 */
#ifndef GPUALLOC_PRELOAD_ANNOTATE_H
#define GPUALLOC_PRELOAD_ANNOTATE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ANNOTATE_NAME_SIZE = 256, /* bytes with the final 0; what is longer ends in "…" */
    ANNOTATE_NAMES = 1024,    /* kept for rundowns; beyond it older ones give way */
};

/* What the header calls, with the frame address of the hook. kind: enum gpualloc_kind. */
void annotate_name(uint32_t kind, int fd, uint64_t handle, const char *name, uintptr_t frame);
void annotate_part(uint32_t kind, int fd, uint64_t handle, uint64_t object, uint64_t offset, uint64_t size, uint32_t usage,
                   uint32_t semantic, bool mapped);
/* Tells the names that are kept. */
void annotate_rundown(void);

#endif
