/*
 * Plans: the CPU's mappings of buffers, by process and address. mmap makes one at its end; a munmap takes it out, or a part of it, at
 * its begin, and what is left on either side goes on as a mapping of its own. So each is made once and ends as a whole, by one call at
 * most. What a forked child has inherited is its parent's.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/mapping.h"
#include "base/array.h"
#include "replayer/plan_walk.h"

enum { PAGE = 4096 };

struct mapping {
    uint64_t process, begin, last; /* last: its last address */
    uint32_t object;
};

/* Mappings that overlap are equal, so that a search finds what lies there. */
static int by_place(const void *a, const void *b)
{
    const struct mapping *x = a, *y = b;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    return x->last < y->begin ? -1 : x->begin > y->last;
}

static bool range_of(uint64_t address, uint64_t length, uint64_t process, struct mapping *range)
{
    uint64_t begin = address & ~(uint64_t)(PAGE - 1), last;
    *range = (struct mapping){.process = process, .begin = begin};
    if (!length || __builtin_add_overflow(address, length - 1, &last))
        return false;
    range->last = last | (PAGE - 1);
    return true;
}

static uint64_t process_of(const struct walk *w, uint32_t number)
{
    return w->plan->lanes[w->plan->calls[number].lane].process;
}

/* One more reference of the call: its list is at the end of all, or goes there. */
static int add_ref(struct walk *w, uint32_t number, struct replay_ref ref)
{
    struct replay_plan *plan = w->plan;
    struct replay_call *call = &plan->calls[number];
    bool at_end = call->refs + call->ref_count == plan->ref_count;
    if (plan->ref_count > INT32_MAX - call->ref_count - 1 ||
        ga_array_room(&plan->refs, &plan->builder->ref_room, plan->ref_count + call->ref_count + 1u, sizeof *plan->refs) < 0)
        return -ENOMEM;
    if (!at_end) {
        memcpy(plan->refs + plan->ref_count, plan->refs + call->refs, call->ref_count * sizeof *plan->refs);
        call->refs = plan->ref_count;
        plan->ref_count += call->ref_count;
    }
    plan->refs[plan->ref_count++] = ref;
    call->ref_count++;
    return 0;
}

/* A mapping of the call's, and the reference to it. at: bytes into the one that it is left of. */
static int add_mapping(struct walk *w, uint32_t number, const struct mapping *range, enum replay_part part, uint64_t at)
{
    const struct replay_call *call = &w->plan->calls[number];
    struct replay_ref ref = {.recorded = at, .scope = range->last - range->begin + 1, .place = (uint32_t)part, .kind = REPLAY_MAPPING,
                             .role = REPLAY_MAKES};
    ref.object = walk_new_object(w, &ref, number);
    struct mapping *mapping = ref.object == REPLAY_NONE ? NULL : malloc(sizeof *mapping);
    if (!mapping)
        return -ENOMEM;
    w->plan->objects[ref.object].size = ref.scope;
    *mapping = *range;
    mapping->object = ref.object;
    if (call->failed || !tsearch(mapping, &w->mappings, by_place)) { /* a place for what it makes if it succeeds now */
        free(mapping);
        if (!call->failed)
            return -ENOMEM;
    }
    return add_ref(w, number, ref);
}

/* What stays of one on either side of a range. */
static int add_rest(struct walk *w, uint32_t number, const struct mapping *from, const struct mapping *range)
{
    struct mapping before = *from, behind = *from;
    before.last = range->begin - 1;
    behind.begin = range->last + 1;
    int result = from->begin < range->begin ? add_mapping(w, number, &before, REPLAY_PART_LEFT, 0) : 0;
    if (result == 0 && range->last < from->last)
        result = add_mapping(w, number, &behind, REPLAY_PART_LEFT, behind.begin - from->begin);
    return result;
}

/* Found when the call ended: it began before its maker did, perhaps, and cannot wait for it then. */
static int end_late(struct walk *w, uint32_t number, uint32_t object)
{
    uint32_t maker = w->plan->objects[object].maker;
    w->lives[object].dead = true;
    w->lives[object].ended_by = number;
    return maker < number ? walk_add_edge(w, number, maker, REPLAY_WAIT_USERS) : 0;
}

/* Takes out what is mapped in a range. late: at the call's end. */
static int cut(struct walk *w, uint32_t number, const struct mapping *range, enum replay_part part, bool late)
{
    const struct replay_call *call = &w->plan->calls[number];
    void **node;
    int result = 0;
    while (result == 0 && (node = tfind(range, &w->mappings, by_place))) {
        struct mapping *mapping = *node, found = *mapping;
        uint64_t begin = found.begin > range->begin ? found.begin : range->begin;
        uint64_t last = found.last < range->last ? found.last : range->last;
        if (!call->failed) {
            tdelete(mapping, &w->mappings, by_place);
            free(mapping);
        }
        result = add_ref(w, number, (struct replay_ref){
            .recorded = begin - found.begin, .scope = last - begin + 1, .place = (uint32_t)part, .object = found.object,
            .kind = REPLAY_MAPPING, .role = REPLAY_ENDS});
        if (result == 0)
            result = add_rest(w, number, &found, range);
        if (result == 0 && late)
            result = end_late(w, number, found.object);
        if (call->failed) /* one to try it on */
            break;
    }
    return result;
}

/* Recorded addresses have said what they can, and never come from the trace. How far into a page one was stays. */
static void forget(struct walk *w, uint32_t number, size_t place)
{
    unsigned char *address = w->plan->images + w->plan->calls[number].image + place;
    uint64_t in_page = ga_load(address, 8, false) & (PAGE - 1);
    memcpy(address, &in_page, sizeof in_page);
}

static bool names_part(const struct walk *w, const struct replay_call *call)
{
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        if (w->plan->refs[r].kind == REPLAY_MAPPING && w->plan->refs[r].place == REPLAY_PART_NAMED)
            return true;
    return false;
}

static bool maps_buffer(const struct walk *w, const struct replay_call *call)
{
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        if (w->plan->refs[r].kind == REPLAY_OFFSET || w->plan->refs[r].kind == REPLAY_DMA_BUF)
            return true;
    return false;
}

static int begin_mmap(struct walk *w, uint32_t number, const struct ga_mmap_arguments *map)
{
    const struct replay_call *call = &w->plan->calls[number];
    struct mapping range;
    bool buffer = maps_buffer(w, call), fixed = map->flags & MAP_FIXED;
    forget(w, number, offsetof(struct ga_mmap_arguments, addr));
    if (!fixed || call->failed || !range_of((uint64_t)call->ret, map->length, process_of(w, number), &range))
        return 0;
    return cut(w, number, &range, buffer ? REPLAY_PART_COVERED : REPLAY_PART_NAMED, false);
}

static int begin_munmap(struct walk *w, uint32_t number, const struct ga_munmap_arguments *unmap)
{
    struct mapping range;
    forget(w, number, offsetof(struct ga_munmap_arguments, addr));
    return range_of(unmap->addr, unmap->length, process_of(w, number), &range) ? cut(w, number, &range, REPLAY_PART_NAMED, false) : 0;
}

/* The kernel moves one mapping at a time. */
static int begin_mremap(struct walk *w, uint32_t number, const struct ga_mremap_arguments *move)
{
    const struct replay_call *call = &w->plan->calls[number];
    struct mapping from, to;
    forget(w, number, offsetof(struct ga_mremap_arguments, old_address));
    forget(w, number, offsetof(struct ga_mremap_arguments, new_address));
    int result = range_of(move->old_address, move->old_size, process_of(w, number), &from)
                     ? cut(w, number, &from, REPLAY_PART_NAMED, false) : 0;
    if (result == 0 && !call->failed && move->flags & MREMAP_FIXED &&
        range_of((uint64_t)call->ret, move->new_size, process_of(w, number), &to))
        result = cut(w, number, &to, REPLAY_PART_COVERED, false);
    return result;
}

int walk_mapping_begin(struct walk *w, uint32_t number)
{
    struct replay_call *call = &w->plan->calls[number];
    union {
        struct ga_mmap_arguments map;
        struct ga_munmap_arguments unmap;
        struct ga_mremap_arguments move;
    } arguments;
    memcpy(&arguments, w->plan->images + call->image, replay_row(call)->abi_size);
    int result = 0;
    switch (ga_row_id(replay_row(call))) {
    case GA_ROW_drm_mmap:
        result = begin_mmap(w, number, &arguments.map);
        break;
    case GA_ROW_drm_munmap:
        result = begin_munmap(w, number, &arguments.unmap);
        break;
    default:
        result = begin_mremap(w, number, &arguments.move);
        break;
    }
    if (!call->skip && !names_part(w, call) && !maps_buffer(w, call))
        call->skip = REPLAY_SKIP_UNPAIRED;
    return result;
}

/* Whatever still is where the new one lies ended unseen. */
static int map(struct walk *w, uint32_t number, uint64_t length)
{
    const struct replay_call *call = &w->plan->calls[number];
    struct mapping range;
    if (!range_of(call->failed ? 0 : (uint64_t)call->ret, length, process_of(w, number), &range))
        return 0;
    int result = call->failed ? 0 : cut(w, number, &range, REPLAY_PART_COVERED, true);
    return result < 0 ? result : add_mapping(w, number, &range, REPLAY_PART_NAMED, 0);
}

int walk_mapping_end(struct walk *w, uint32_t number)
{
    struct replay_call *call = &w->plan->calls[number];
    uint16_t row = (uint16_t)ga_row_id(replay_row(call));
    size_t place = row == GA_ROW_drm_mmap     ? offsetof(struct ga_mmap_arguments, length)
                   : row == GA_ROW_drm_mremap ? offsetof(struct ga_mremap_arguments, new_size)
                                              : offsetof(struct ga_munmap_arguments, length);
    uint64_t bytes = ga_load(w->plan->images + call->image + place, 8, false);
    bool makes = row == GA_ROW_drm_mmap ? maps_buffer(w, call) : row == GA_ROW_drm_mremap && names_part(w, call);
    call->bytes = 0;
    int result = makes ? map(w, number, bytes) : 0;
    if (result == 0)
        w->plan->calls[number].bytes = bytes;
    return result;
}

void walk_mappings_release(struct walk *w)
{
    tdestroy(w->mappings, free);
    w->mappings = NULL;
}
