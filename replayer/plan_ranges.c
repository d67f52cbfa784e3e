/*
 * Plans: ranges of GPU virtual addresses, by process and adapter. A map or reserve that asks for no address makes one; maps and
 * frees inside it name it. A range that ended stays known, with the call that ended it, until a new one overlaps it: who takes its
 * addresses waits for that call.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>

#include "replayer/plan_walk.h"

struct range {
    uint64_t scope, begin, last; /* last: its last address, so that none lies beyond all addresses */
    uint32_t space, object;
    uint32_t ender; /* call, or REPLAY_NONE: alive */
};

/* Ranges that overlap are equal, so that a search finds what lies there. */
static int by_place(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    if (x->scope != y->scope)
        return x->scope < y->scope ? -1 : 1;
    if (x->space != y->space)
        return x->space < y->space ? -1 : 1;
    return x->last < y->begin ? -1 : x->begin > y->last;
}

static uint64_t last_of(uint64_t begin, uint64_t size)
{
    uint64_t last;
    return !size ? begin : __builtin_add_overflow(begin, size - 1, &last) ? UINT64_MAX : last;
}

/* Whose addresses a call means: those of the adapter of the device that its context or queue belongs to. */
static uint32_t space_of_call(const struct walk *w, const struct replay_call *call)
{
    static const uint8_t places[] = {REPLAY_DEVICE, REPLAY_PAGING_QUEUE, REPLAY_ADAPTER, REPLAY_CONTEXT, REPLAY_HW_QUEUE};
    for (size_t i = 0; i < sizeof places; i++)
        for (uint32_t o = walk_named(w, call, places[i]); o != REPLAY_NONE; o = w->plan->objects[o].owner)
            if (w->lives[o].space != REPLAY_NONE)
                return w->lives[o].space;
    return REPLAY_NONE;
}

void walk_range_space(struct walk *w, uint32_t object, const struct replay_call *call, const struct replay_ref *ref)
{
    const struct replay_ref *before = ref > &w->plan->refs[call->refs] ? ref - 1 : NULL;
    uint32_t adapter;
    switch (ref->kind) {
    case REPLAY_ADAPTER: /* opened by its id; an enumeration tells the id after it */
        adapter = walk_named(w, call, REPLAY_LUID);
        w->lives[object].space = adapter != REPLAY_NONE && replay_row(call)->effect.kind == GA_EFFECT_OPEN ? adapter : object;
        break;
    case REPLAY_LUID:
        if (before && before->kind == REPLAY_ADAPTER && before->object != REPLAY_NONE)
            w->lives[before->object].space = object;
        break;
    case REPLAY_DEVICE:
        adapter = walk_named(w, call, REPLAY_ADAPTER);
        w->lives[object].space = adapter == REPLAY_NONE                      ? REPLAY_NONE
                                 : w->lives[adapter].space == REPLAY_NONE ? adapter
                                                                              : w->lives[adapter].space;
        break;
    default:
        break;
    }
}

static struct range *range_at(const struct walk *w, uint64_t scope, uint32_t space, uint64_t begin, uint64_t last)
{
    struct range key = {.scope = scope, .space = space, .begin = begin, .last = last};
    void *const *node = tfind(&key, &w->ranges, by_place);
    return node ? *node : NULL;
}

/* In the call's own space, or where the device was not known whose it is. */
static struct range *range_of(const struct walk *w, const struct replay_call *call, const struct replay_ref *ref)
{
    uint32_t space = space_of_call(w, call);
    struct range *range = range_at(w, ref->scope, space, ref->recorded, ref->recorded);
    return range || space == REPLAY_NONE ? range : range_at(w, ref->scope, REPLAY_NONE, ref->recorded, ref->recorded);
}

int walk_range_find(struct walk *w, uint32_t number, const struct replay_ref *ref, uint32_t *object)
{
    const struct range *range = range_of(w, &w->plan->calls[number], ref);
    if (range && range->ender != REPLAY_NONE)
        return walk_add_edge(w, number, range->ender, REPLAY_WAIT_ADDRESSES);
    *object = range ? range->object : REPLAY_NONE;
    return 0;
}

bool walk_range_covered(const struct walk *w, const struct replay_call *call, const struct replay_ref *ref)
{
    const struct range *range = range_of(w, call, ref);
    return range && ref->recorded <= range->begin && last_of(ref->recorded, call->bytes) >= range->last;
}

void walk_range_end(struct walk *w, uint32_t object, uint32_t call)
{
    const struct replay_object *o = &w->plan->objects[object];
    struct range *range = range_at(w, o->scope, w->lives[object].space, o->recorded, o->recorded);
    if (range && range->object == object)
        range->ender = call;
}

int walk_range_add(struct walk *w, uint32_t number, struct replay_ref *ref)
{
    struct replay_call *call = &w->plan->calls[number];
    if (walk_named(w, call, REPLAY_RANGE) != REPLAY_NONE) /* inside one that the call names */
        return 0;
    uint32_t space = space_of_call(w, call);
    uint64_t last = last_of(ref->recorded, call->bytes);
    for (struct range *older; (older = range_at(w, ref->scope, space, ref->recorded, last));) {
        bool waits = older->ender != REPLAY_NONE && older->ender < number;
        int result = waits ? walk_add_edge(w, number, older->ender, REPLAY_WAIT_ADDRESSES) : 0;
        tdelete(older, &w->ranges, by_place);
        free(older);
        if (result < 0)
            return result;
    }
    struct range *range = malloc(sizeof *range);
    ref->object = range ? walk_new_object(w, ref, number) : REPLAY_NONE;
    if (ref->object == REPLAY_NONE) {
        free(range);
        return -ENOMEM;
    }
    w->lives[ref->object].space = space;
    w->plan->objects[ref->object].size = call->bytes;
    *range = (struct range){ref->scope, ref->recorded, last, space, ref->object, REPLAY_NONE};
    if (tsearch(range, &w->ranges, by_place))
        return 0;
    free(range);
    return -ENOMEM;
}

void walk_ranges_release(struct walk *w)
{
    tdestroy(w->ranges, free);
    w->ranges = NULL;
}
