/*
 * Plans: which object an NT handle of another process means. The descriptor reached it over a socket, which no call tells: it is
 * found by what it is. A sync object is any that was shared and that the process has not opened; a resource must have as many
 * allocations and, where both calls told it, the same runtime data.
 */
#include <errno.h>

#include "base/array.h"
#include "replayer/plan_walk.h"

int walk_shared_add(struct walk *w, uint32_t object)
{
    if (ga_array_room(&w->shares, &w->share_room, w->share_count + 1, sizeof *w->shares) < 0)
        return -ENOMEM;
    struct share *share = &w->shares[w->share_count++];
    *share = (struct share){.object = object};
    uint32_t memory = w->plan->objects[object].memory;
    for (uint32_t child = w->lives[memory].first_child; child != REPLAY_NONE; child = w->lives[child].next_sibling)
        share->allocations += w->plan->objects[child].kind == REPLAY_ALLOCATION && !w->lives[child].dead;
    return 0;
}

static uint64_t shape(const struct walk *w, uint32_t call, uint64_t what)
{
    const uint64_t *value = call == REPLAY_NONE ? NULL : ga_map_get(&w->plan->builder->shapes, w->plan->calls[call].arrival, what);
    return value ? *value : 0;
}

static bool opens(const struct replay_call *call)
{
    return ga_row_id(replay_row(call)) == GA_ROW_d3dkmt_open_resource_from_nt_handle ||
           ga_row_id(replay_row(call)) == GA_ROW_d3dkmt_open_sync_object_from_nt_handle2;
}

static bool suits(const struct walk *w, uint32_t number, const struct share *share, bool by_data)
{
    const struct replay_object *memory = &w->plan->objects[w->plan->objects[share->object].memory];
    if (ga_row_id(replay_row(&w->plan->calls[number])) == GA_ROW_d3dkmt_open_sync_object_from_nt_handle2)
        return memory->kind == REPLAY_SYNC_OBJECT;
    uint64_t count = shape(w, number, 1), data = shape(w, number, 0), made_with = shape(w, memory->maker, 0);
    return memory->kind == REPLAY_RESOURCE && (!count || count == share->allocations) &&
           (!by_data || !data || !made_with || data == made_with);
}

/* The oldest that the process has not opened, or else the newest that it has. */
static uint32_t best(const struct walk *w, uint32_t number, uint64_t process, bool by_data)
{
    uint32_t opened = REPLAY_NONE;
    for (size_t s = 0; s < w->share_count; s++) {
        const struct share *share = &w->shares[s];
        if (w->plan->objects[share->object].scope == process || !suits(w, number, share, by_data))
            continue;
        if (!ga_map_get(&w->shares_opened, process, share->object))
            return share->object;
        opened = share->object;
    }
    return opened;
}

static bool still_suits(const struct walk *w, uint32_t number, uint32_t object)
{
    for (size_t s = w->share_count; s-- > 0;)
        if (w->shares[s].object == object)
            return suits(w, number, &w->shares[s], true);
    return false;
}

int walk_shared_find(struct walk *w, uint32_t number, const struct replay_ref *ref, uint32_t *object)
{
    const struct replay_call *call = &w->plan->calls[number];
    if (call->failed)
        return 0;
    bool own = *object != REPLAY_NONE && w->plan->objects[*object].scope == ref->scope;
    bool used_up = *object != REPLAY_NONE && !own && ga_map_get(&w->shares_opened, ref->scope, *object);
    bool fits = *object != REPLAY_NONE && still_suits(w, number, *object);
    if (!fits || used_up) { /* the number may lead elsewhere by now */
        uint32_t found = best(w, number, ref->scope, true);
        found = found != REPLAY_NONE ? found : best(w, number, ref->scope, false);
        *object = found != REPLAY_NONE ? found : fits || own ? *object : REPLAY_NONE;
    }
    if (*object == REPLAY_NONE)
        return 0;
    if (opens(call) && !own && ga_map_set(&w->shares_opened, ref->scope, *object, 1) < 0)
        return -ENOMEM;
    return w->plan->objects[*object].scope == ref->scope ? 0 : walk_enter(w, ref, *object);
}
