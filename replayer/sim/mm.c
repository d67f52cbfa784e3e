/* The model of drm_mm: see space.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "replayer/sim/space.h"

/* The first hole that does not begin below start. */
static size_t find_address(const struct sim_mm *mm, uint64_t start)
{
    size_t low = 0, high = mm->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mm->by_address[middle].start < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first hole, by size, that is not before one of that size and stamp. */
static size_t find_size(const struct sim_mm *mm, uint64_t size, uint64_t stamp)
{
    size_t low = 0, high = mm->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct sim_hole *hole = &mm->by_size[middle];
        if (hole->size < size || (hole->size == size && hole->stamp > stamp))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert(struct sim_hole *holes, size_t count, size_t place, const struct sim_hole *hole)
{
    memmove(&holes[place + 1], &holes[place], (count - place) * sizeof *holes);
    holes[place] = *hole;
}

/* There is room: see reserve. */
static void add_hole(struct sim_mm *mm, uint64_t start, uint64_t size)
{
    if (!size)
        return;
    struct sim_hole hole = {start, size, ++mm->stamp};
    insert(mm->by_address, mm->count, find_address(mm, start), &hole);
    insert(mm->by_size, mm->count, find_size(mm, size, hole.stamp), &hole);
    mm->count++;
}

static struct sim_hole remove_hole(struct sim_mm *mm, size_t by_address)
{
    struct sim_hole hole = mm->by_address[by_address];
    size_t by_size = find_size(mm, hole.size, hole.stamp);
    mm->count--;
    memmove(&mm->by_address[by_address], &mm->by_address[by_address + 1], (mm->count - by_address) * sizeof hole);
    memmove(&mm->by_size[by_size], &mm->by_size[by_size + 1], (mm->count - by_size) * sizeof hole);
    return hole;
}

/* Room for all holes that there can be beside so many ranges, so that freeing needs none. */
static int reserve(struct sim_mm *mm, size_t ranges)
{
    return ga_array_room(&mm->by_address, &mm->address_room, ranges + 1, sizeof *mm->by_address) < 0 ||
                   ga_array_room(&mm->by_size, &mm->size_room, ranges + 1, sizeof *mm->by_size) < 0
               ? -ENOMEM : 0;
}

int sim_mm_init(struct sim_mm *mm, uint64_t size)
{
    *mm = (struct sim_mm){.size = size / SIM_PAGE * SIM_PAGE};
    mm->free = mm->size;
    if (reserve(mm, 0) < 0)
        return -ENOMEM;
    add_hole(mm, 0, mm->size);
    return 0;
}

void sim_mm_release(struct sim_mm *mm)
{
    free(mm->by_address);
    free(mm->by_size);
    *mm = (struct sim_mm){0};
}

/* Where in the hole it would lie; false: it does not fit. */
static bool fits(const struct sim_hole *hole, uint64_t size, uint64_t alignment, bool at_end, uint64_t *start)
{
    if (hole->size < size)
        return false;
    if (at_end) {
        *start = (hole->start + hole->size - size) / alignment * alignment;
        return *start >= hole->start;
    }
    *start = (hole->start + alignment - 1) / alignment * alignment;
    return *start - hole->start <= hole->size - size;
}

static const struct sim_hole *find_hole(const struct sim_mm *mm, uint64_t size, uint64_t alignment, enum sim_mm_mode mode,
                                        uint64_t *start)
{
    size_t first = mode == SIM_MM_BEST ? find_size(mm, size, UINT64_MAX) : 0;
    for (size_t i = first; i < mm->count; i++) {
        const struct sim_hole *hole = mode == SIM_MM_BEST  ? &mm->by_size[i]
                                      : mode == SIM_MM_LOW ? &mm->by_address[i]
                                                           : &mm->by_address[mm->count - 1 - i];
        if (fits(hole, size, alignment, mode == SIM_MM_HIGH, start))
            return hole;
    }
    return NULL;
}

int sim_mm_alloc(struct sim_mm *mm, uint64_t size, uint64_t alignment, enum sim_mm_mode mode, struct sim_pieces *pieces)
{
    uint64_t start;
    alignment = alignment ? alignment : 1;
    const struct sim_hole *found = size <= mm->free ? find_hole(mm, size, alignment, mode, &start) : NULL;
    if (!found)
        return -ENOSPC;
    size_t place = find_address(mm, found->start);
    if (reserve(mm, mm->allocated + 1) < 0 || ga_array_room(&pieces->list, &pieces->room, pieces->count + 1, sizeof *pieces->list) < 0)
        return -ENOMEM;
    struct sim_hole hole = remove_hole(mm, place);
    add_hole(mm, hole.start, start - hole.start);
    add_hole(mm, start + size, hole.start + hole.size - start - size);
    pieces->list[pieces->count++] = (struct sim_piece){start, size};
    mm->allocated++;
    mm->free -= size;
    return 0;
}

/* A hole takes in those at both of its ends. */
static void give_back(struct sim_mm *mm, struct sim_piece piece)
{
    size_t next = find_address(mm, piece.offset);
    mm->free += piece.size;
    mm->allocated--;
    if (next < mm->count && mm->by_address[next].start == piece.offset + piece.size)
        piece.size += remove_hole(mm, next).size;
    if (next && mm->by_address[next - 1].start + mm->by_address[next - 1].size == piece.offset) {
        struct sim_hole before = remove_hole(mm, next - 1);
        piece.offset = before.start;
        piece.size += before.size;
    }
    add_hole(mm, piece.offset, piece.size);
}

void sim_mm_free(struct sim_mm *mm, struct sim_pieces *pieces)
{
    while (pieces->count)
        give_back(mm, pieces->list[--pieces->count]);
}

uint64_t sim_mm_largest(const struct sim_mm *mm) { return mm->count ? mm->by_size[mm->count - 1].size : 0; }
