/* The model of drm_buddy: see space.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "replayer/sim/space.h"

static unsigned order_of(uint64_t size) { return 63 - (unsigned)__builtin_clzll(size / SIM_PAGE); }
static uint64_t size_of(unsigned order) { return SIM_PAGE << order; }

static void put(struct sim_buddy *b, uint64_t offset, unsigned order) { sim_bits_set(&b->free_blocks[order], offset >> (order + 12)); }

int sim_buddy_init(struct sim_buddy *b, uint64_t size)
{
    *b = (struct sim_buddy){.size = size / SIM_PAGE * SIM_PAGE};
    b->free = b->size;
    b->order_count = order_of(b->size) + 1;
    for (unsigned order = 0; order < b->order_count; order++)
        if (sim_bits_init(&b->free_blocks[order], b->size >> (order + 12)) < 0)
            return -ENOMEM;
    for (uint64_t offset = 0; offset < b->size;) {
        unsigned order = order_of(b->size - offset);
        put(b, offset, order);
        offset += size_of(order);
    }
    return 0;
}

void sim_buddy_release(struct sim_buddy *b)
{
    for (unsigned order = 0; order < b->order_count; order++)
        sim_bits_release(&b->free_blocks[order]);
    *b = (struct sim_buddy){0};
}

/* The root that holds an offset: blocks do not merge beyond it. */
static unsigned root_order(const struct sim_buddy *b, uint64_t offset)
{
    uint64_t start = 0;
    for (;;) {
        unsigned order = order_of(b->size - start);
        if (offset - start < size_of(order))
            return order;
        start += size_of(order);
    }
}

static void give_back(struct sim_buddy *b, uint64_t offset, unsigned order)
{
    unsigned root = root_order(b, offset);
    b->free += size_of(order);
    for (; order < root; order++) {
        uint64_t buddy = offset ^ size_of(order);
        if (!sim_bits_test(&b->free_blocks[order], buddy >> (order + 12)))
            break;
        sim_bits_clear(&b->free_blocks[order], buddy >> (order + 12));
        offset &= ~size_of(order);
    }
    put(b, offset, order);
}

/* A free block of at least that order; false: there is none. */
static bool choose(const struct sim_buddy *b, unsigned order, bool top_down, uint64_t *offset, unsigned *found)
{
    bool any = false;
    for (unsigned o = order; o < b->order_count && (!any || top_down); o++) {
        uint64_t highest = sim_bits_highest(&b->free_blocks[o]);
        if (highest == SIM_BITS_NONE || (any && highest << (o + 12) <= *offset))
            continue;
        *offset = highest << (o + 12);
        *found = o;
        any = true;
    }
    return any;
}

/* Takes a block out of the free ones; of each split the upper half is used. */
static bool take(struct sim_buddy *b, unsigned order, bool top_down, uint64_t *offset)
{
    unsigned from = order;
    if (!choose(b, order, top_down, offset, &from))
        return false;
    sim_bits_clear(&b->free_blocks[from], *offset >> (from + 12));
    while (from > order) {
        from--;
        put(b, *offset, from);
        *offset += size_of(from);
    }
    b->free -= size_of(order);
    return true;
}

static int note(struct sim_pieces *pieces, uint64_t offset, uint64_t size)
{
    if (ga_array_room(&pieces->list, &pieces->room, pieces->count + 1, sizeof *pieces->list) < 0)
        return -ENOMEM;
    pieces->list[pieces->count++] = (struct sim_piece){offset, size};
    return 0;
}

/* Gives back the pieces from the first-th on. */
static void undo(struct sim_buddy *b, struct sim_pieces *pieces, size_t first)
{
    while (pieces->count > first) {
        const struct sim_piece *piece = &pieces->list[--pieces->count];
        give_back(b, piece->offset, order_of(piece->size));
    }
}

/* The last piece is this much too long: keeps the blocks that its beginning takes, and gives the rest back. */
static int trim(struct sim_buddy *b, struct sim_pieces *pieces, uint64_t excess)
{
    if (!excess)
        return 0;
    struct sim_piece whole = pieces->list[--pieces->count];
    uint64_t offset = whole.offset, left = whole.size - excess;
    int result = 0;
    while (result == 0 && left) {
        unsigned order = order_of(left);
        result = note(pieces, offset, size_of(order));
        offset += size_of(order);
        left -= size_of(order);
    }
    for (uint64_t end = whole.offset + whole.size; offset < end;) { /* what is left is cut into blocks that grow to the end */
        unsigned order = (unsigned)__builtin_ctzll(offset / SIM_PAGE);
        give_back(b, offset, order);
        offset += size_of(order);
    }
    return result;
}

int sim_buddy_alloc(struct sim_buddy *b, const struct sim_buddy_request *request, struct sim_pieces *pieces)
{
    uint64_t min_block = request->min_block, size = (request->size + min_block - 1) / min_block * min_block;
    if (request->size > b->size)
        return -ENOSPC;
    if (request->contiguous) {
        size = request->size == size_of(order_of(request->size)) ? request->size : size_of(order_of(request->size) + 1);
        min_block = size > min_block ? size : min_block;
        size = min_block;
    }
    if (size > b->size)
        return -ENOSPC;
    size_t first = pieces->count;
    uint64_t left = size, offset = 0;
    for (unsigned order = order_of(size); left;) {
        order = order_of(left) < order ? order_of(left) : order;
        while (!take(b, order, request->top_down, &offset))
            if (order-- == order_of(min_block)) {
                undo(b, pieces, first);
                return -ENOSPC;
            }
        if (note(pieces, offset, size_of(order)) < 0) {
            give_back(b, offset, order);
            undo(b, pieces, first);
            return -ENOMEM;
        }
        left -= size_of(order);
    }
    return trim(b, pieces, size - request->size);
}

void sim_buddy_free(struct sim_buddy *b, struct sim_pieces *pieces) { undo(b, pieces, 0); }

uint64_t sim_buddy_largest(const struct sim_buddy *b)
{
    for (unsigned order = b->order_count; order-- > 0;)
        if (sim_bits_highest(&b->free_blocks[order]) != SIM_BITS_NONE)
            return size_of(order);
    return 0;
}

void sim_pieces_release(struct sim_pieces *pieces)
{
    free(pieces->list);
    *pieces = (struct sim_pieces){0};
}
