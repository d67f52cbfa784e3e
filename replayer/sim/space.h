/*
 * Spaces: where in a segment of memory a buffer lies. Two models of the kernel's allocators, written from how they behave:
 * drm_buddy (blocks of a power of two) and drm_mm (ranges with holes between them). Both are exact and deterministic; what they
 * leave out stands in docs/sim.md.
 */
#ifndef GPUALLOC_REPLAYER_SIM_SPACE_H
#define GPUALLOC_REPLAYER_SIM_SPACE_H

#include <stdbool.h>
#include <stddef.h>

#include "replayer/sim/bits.h"

#define SIM_PAGE UINT64_C(4096) /* the least block, and what sizes are rounded up to */
enum { SIM_ORDERS = 40 };
#define SIM_SPACE_MAX (SIM_PAGE << 34) /* 64 TiB: the bitmaps of a larger buddy space would not fit a machine */

/* A part of a space. What is allocated is a list of them: several of a buddy's, one of drm_mm's. */
struct sim_piece {
    uint64_t offset, size;
};
struct sim_pieces {
    struct sim_piece *list;
    size_t count, room;
};
void sim_pieces_release(struct sim_pieces *pieces);

/*
 * drm_buddy: the space is cut into roots, the powers of two that add up to its size, the largest first. A request is met by the
 * largest blocks that it fills, split from larger ones; a block that is freed merges with its buddy as long as that is free too.
 * Of the free blocks of the smallest order that will do the highest is taken; from the top down, the highest of all that will do.
 */
struct sim_buddy {
    struct sim_bits free_blocks[SIM_ORDERS]; /* by order; a block's number is its offset over its size */
    uint64_t size, free;
    unsigned order_count;
};
struct sim_buddy_request {
    uint64_t size;      /* a multiple of SIM_PAGE */
    uint64_t min_block; /* a power of two, at least SIM_PAGE: alignment and least size of each block; sizes are rounded up to it */
    bool contiguous;    /* one block, of the next power of two; what is beyond the size is given back */
    bool top_down;
};
/* size in bytes, at least a page and at most SIM_SPACE_MAX, rounded down to pages. -ENOMEM; release it in either case. */
int sim_buddy_init(struct sim_buddy *buddy, uint64_t size);
void sim_buddy_release(struct sim_buddy *buddy);
/* Adds what was taken to pieces. -ENOSPC: there is no room, and nothing is taken; -ENOMEM: our own memory. */
int sim_buddy_alloc(struct sim_buddy *buddy, const struct sim_buddy_request *request, struct sim_pieces *pieces);
/* Gives all pieces back, and empties the list. */
void sim_buddy_free(struct sim_buddy *buddy, struct sim_pieces *pieces);
uint64_t sim_buddy_largest(const struct sim_buddy *buddy);

/*
 * drm_mm: holes between what is allocated. BEST takes the smallest hole that will do (of equals the newest) and its lower end,
 * LOW the lowest one, HIGH the highest and its upper end.
 */
struct sim_hole {
    uint64_t start, size, stamp;
};
enum sim_mm_mode { SIM_MM_BEST, SIM_MM_LOW, SIM_MM_HIGH };
struct sim_mm {
    struct sim_hole *by_address, *by_size; /* upwards; of one size the newest first. Holes are few: insertion moves what is behind */
    size_t count, address_room, size_room;
    size_t allocated; /* ranges; between them are at most one hole more */
    uint64_t size, free, stamp;
};
int sim_mm_init(struct sim_mm *mm, uint64_t size);
void sim_mm_release(struct sim_mm *mm);
/* alignment in bytes, any number; 0: none. As sim_buddy_alloc. */
int sim_mm_alloc(struct sim_mm *mm, uint64_t size, uint64_t alignment, enum sim_mm_mode mode, struct sim_pieces *pieces);
void sim_mm_free(struct sim_mm *mm, struct sim_pieces *pieces);
uint64_t sim_mm_largest(const struct sim_mm *mm);

#endif
