/*
 * The CPU's mappings of buffers: which GEM handle each belongs to, and how much of it is still there.
 *
 * A request gave the offset for mmap (the schema's MMAP_OFFSET), mmap names it again. A munmap takes effect at its begin, an mmap at
 * its end: one that began before a mapping was made does not touch it. Mappings that a forked child inherits are its parent's. Memory
 * is bounded by what is mapped and by the offsets that were given. One thread at a time.
 */
#ifndef GPUALLOC_READER_MAPPINGS_H
#define GPUALLOC_READER_MAPPINGS_H

#include "base/map.h"
#include "reader/reader.h"

struct ga_mapping {
    uint64_t id;      /* of the mmap, from 1 on: kept when it is moved, and by what stays when only a part is */
    uint64_t process; /* instance that made it */
    uint64_t file, device; /* 0: of a dma-buf */
    uint64_t dma_buf; /* inode number, or 0 */
    uint64_t offset, addr, length; /* as asked for, in whole pages; where it is */
    uint64_t bytes;   /* of it that are still mapped */
    uint32_t handle;  /* GEM handle in the file; 0: a dma-buf's, or no recorded request gave the offset */
    bool elsewhere;   /* the handle is another device's: kfd's, whose buffers are mapped by the render node */
    uint32_t pid, tid;
    uint64_t call;    /* number in its thread */
    int64_t born_ns;  /* epoch: end of the mmap */
    const struct ga_file_info *info; /* of the file, or null */
};

struct ga_mappings_ops {
    /* One began, or was moved. Optional. */
    int (*mapped)(void *user, const struct ga_mapping *mapping, const struct ga_call *call);
    /* So many bytes of one ended; mapping->bytes are left, 0 means that it is gone. Optional. */
    int (*unmapped)(void *user, const struct ga_mapping *mapping, uint64_t bytes, const struct ga_call *call);
};

struct ga_mapping_piece;

/* Of zeros: empty. */
struct ga_mappings {
    uint64_t made;         /* mappings, so far */
    struct ga_map offsets; /* (file or process, offset) to the handle */
    struct ga_mapping_piece *pieces; /* by process and address */
    size_t count, room;
};

/* Feed every call in the order they come. 0, or a negative errno: a callback's, or -ENOMEM. */
int ga_mappings_call(struct ga_mappings *mappings, const struct ga_call *call, const struct ga_mappings_ops *ops, void *user);
/* What is mapped, each once, in no order: start with *place 0; null at the end. */
const struct ga_mapping *ga_mappings_next(const struct ga_mappings *mappings, size_t *place);
void ga_mappings_release(struct ga_mappings *mappings);

#endif
