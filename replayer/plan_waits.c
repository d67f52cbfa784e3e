/*
 * Plans: what takes effect after its call. Paging calls (residency, GPU addresses) are done when their queue's fence says so:
 * whoever names what they moved waits for that. And waits for fences end only if something signals them: a call that does is found
 * for each, so that a replay that does not issue it does not wait.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "replayer/plan_walk.h"

enum { LOOK_BACK = 4096 }; /* signals of one fence that are looked at for one wait */

static int add_paging(struct walk *w, uint32_t object, uint32_t number, uint32_t queue)
{
    uint32_t lane = w->plan->calls[number].lane;
    for (uint32_t p = w->lives[object].pagings; p != REPLAY_NONE; p = w->pagings[p].next)
        if (w->pagings[p].queue == queue && w->plan->calls[w->pagings[p].call].lane == lane) {
            w->pagings[p].call = number; /* a queue's fence counts up */
            return 0;
        }
    if (ga_array_room(&w->pagings, &w->paging_room, w->paging_count + 1, sizeof *w->pagings) < 0 || w->paging_count == INT32_MAX)
        return -ENOMEM;
    w->pagings[w->paging_count] = (struct paging){number, queue, w->lives[object].pagings};
    w->lives[object].pagings = (uint32_t)w->paging_count++;
    return 0;
}

static int add_pair(struct edge **edges, size_t *room, size_t *count, uint32_t call, uint32_t on)
{
    if (ga_array_room(edges, room, *count + 1, sizeof **edges) < 0 || *count == INT32_MAX)
        return -ENOMEM;
    (*edges)[(*count)++] = (struct edge){call, {.sequence = on}};
    return 0;
}

/* call must find the object where the paging calls put it. */
static int await(struct walk *w, uint32_t number, uint32_t object)
{
    const struct replay_plan *plan = w->plan;
    uint32_t lane = plan->calls[number].lane;
    int result = 0;
    for (uint32_t p = w->lives[object].pagings; result == 0 && p != REPLAY_NONE; p = w->pagings[p].next) {
        const struct paging *paging = &w->pagings[p];
        const struct replay_call *on = &plan->calls[paging->call];
        uint64_t lanes = (uint64_t)lane << 32 | on->lane;
        const uint64_t *known = ga_map_get(&w->awaited, lanes, paging->queue);
        if (known && *known > on->sequence)
            continue;
        result = ga_map_set(&w->awaited, lanes, paging->queue, on->sequence + 1ull);
        if (result == 0)
            result = walk_add_edge(w, number, paging->call, REPLAY_WAIT_FENCE);
        if (result == 0)
            result = add_pair(&w->fences, &w->fence_room, &w->fence_count, number, paging->call);
    }
    return result;
}

static int await_children(struct walk *w, uint32_t number, uint32_t object, enum replay_object_kind kind)
{
    int result = 0;
    for (uint32_t child = w->lives[object].first_child; result == 0 && child != REPLAY_NONE; child = w->lives[child].next_sibling)
        if (w->plan->objects[child].kind == kind)
            result = await(w, number, child);
    return result;
}

static int await_named(struct walk *w, uint32_t number, const struct replay_ref *ref)
{
    uint32_t object = ref->object;
    int result = 0;
    switch (w->plan->objects[object].kind) {
    case REPLAY_RANGE:
        return await(w, number, object);
    case REPLAY_ALLOCATION:
        result = await(w, number, object);
        object = w->plan->objects[object].owner;
        return result == 0 && object != REPLAY_NONE && w->plan->objects[object].kind == REPLAY_RESOURCE ? await(w, number, object)
                                                                                                        : result;
    case REPLAY_RESOURCE:
        result = await(w, number, object);
        return result == 0 ? await_children(w, number, object, REPLAY_ALLOCATION) : result;
    case REPLAY_PAGING_QUEUE: /* its fence goes with it */
        return ref->role == REPLAY_ENDS ? await(w, number, object) : 0;
    case REPLAY_DEVICE:
        return ref->role == REPLAY_ENDS ? await_children(w, number, object, REPLAY_PAGING_QUEUE) : 0;
    default:
        return 0;
    }
}

/* Where the array at a pointer begins in the image; -1 when the call has none. */
static int64_t array_of(const struct replay_plan *plan, const struct replay_call *call, const char *name)
{
    const struct ga_member *member = ga_row_member(replay_row(call), name);
    for (uint32_t r = call->relocations; member && r < call->relocations + call->relocation_count; r++)
        if (plan->relocations[r].place == member->offset && plan->relocations[r].kind == REPLAY_TO_IMAGE)
            return plan->relocations[r].target;
    return -1;
}

static uint64_t value_at(const struct replay_plan *plan, const struct replay_call *call, uint64_t place)
{
    uint64_t value = 0;
    if (place + sizeof value <= call->image_size)
        memcpy(&value, plan->images + call->image + place, sizeof value);
    return value;
}

static uint64_t member_at(const struct replay_plan *plan, const struct replay_call *call, const char *name)
{
    const struct ga_member *member = ga_row_member(replay_row(call), name);
    return member ? value_at(plan, call, member->offset) : 0;
}

/* What a call does to fences. */
struct fence_use {
    uint16_t row;
    bool waits, signals;
    const char *objects, *values, *value; /* arrays of handles and values; the value where there is one for all */
};
static const struct fence_use fence_uses[] = {
    {GA_ROW_d3dkmt_wait_for_synchronization_object_from_cpu, true, false, "ObjectHandleArray", "FenceValueArray", NULL},
    {GA_ROW_d3dkmt_wait_for_synchronization_object_from_gpu, true, false, "ObjectHandleArray", "MonitoredFenceValueArray",
     "FenceValue"},
    {GA_ROW_d3dkmt_submit_wait_for_sync_objects_to_hw_queue, true, false, "ObjectHandleArray", "FenceValueArray", NULL},
    {GA_ROW_d3dkmt_signal_synchronization_object_from_cpu, false, true, "ObjectHandleArray", "FenceValueArray", NULL},
    {GA_ROW_d3dkmt_signal_synchronization_object_from_gpu, false, true, "ObjectHandleArray", "MonitoredFenceValueArray", NULL},
    {GA_ROW_d3dkmt_signal_synchronization_object_from_gpu2, false, true, "ObjectHandleArray", "MonitoredFenceValueArray",
     "FenceValue"},
    {GA_ROW_d3dkmt_submit_signal_sync_objects_to_hw_queue, false, true, "ObjectHandleArray", "FenceValueArray", NULL},
    {GA_ROW_d3dkmt_update_gpu_virtual_address, true, true, "hFenceObject", NULL, "FenceValue"},
};

static const struct fence_use *use_of(const struct replay_call *call)
{
    for (size_t i = 0; replay_row(call) && i < sizeof fence_uses / sizeof *fence_uses; i++)
        if (ga_row_id(replay_row(call)) == fence_uses[i].row)
            return &fence_uses[i];
    return NULL;
}

bool walk_changes_image(const struct ga_row *row)
{
    for (size_t i = 0; i < sizeof fence_uses / sizeof *fence_uses; i++)
        if (ga_row_id(row) == fence_uses[i].row)
            return true;
    return walk_chooses_address(row) || ga_row_is_mapping(row);
}

/* One word is a pointer to values or a value: the object decides which. */
static void settle_union(struct walk *w, struct replay_call *call, const struct fence_use *use)
{
    struct replay_plan *plan = w->plan;
    const struct ga_member *values = use->values && use->value ? ga_row_member(replay_row(call), use->values) : NULL;
    uint32_t object = walk_named(w, call, REPLAY_SYNC_OBJECT);
    if (!values)
        return;
    bool by_value = object != REPLAY_NONE && plan->objects[object].by_value;
    for (uint32_t r = call->relocations; r < call->relocations + call->relocation_count; r++) {
        struct replay_relocation *relocation = &plan->relocations[r];
        if (relocation->place != values->offset)
            continue;
        if (!by_value && relocation->kind == REPLAY_TO_NOWHERE && !call->failed && !call->skip)
            call->skip = REPLAY_SKIP_NO_DATA;
        if (by_value)
            relocation->kind = REPLAY_TO_NOTHING;
        else /* an address never comes from the trace */
            memset(plan->images + call->image + relocation->place, 0, sizeof(uint64_t));
    }
}

/* Handle i of the call's fences: its object's memory and the value; false when it is none, or the value is not there. */
static bool fence_of(const struct walk *w, const struct replay_call *call, const struct fence_use *use, const struct replay_ref *ref,
                     uint32_t *memory, uint64_t *value, uint64_t *place)
{
    const struct replay_plan *plan = w->plan;
    if (ref->kind != REPLAY_SYNC_OBJECT || ref->role != REPLAY_USES || ref->object == REPLAY_NONE ||
        plan->objects[ref->object].stranger)
        return false;
    *memory = plan->objects[ref->object].memory;
    int64_t values = use->values ? array_of(plan, call, use->values) : -1, objects = array_of(plan, call, use->objects);
    *place = 0;
    if (use->value && (!use->values || plan->objects[ref->object].by_value)) {
        *value = member_at(plan, call, use->value);
        return true;
    }
    if (values < 0 || objects < 0)
        return false;
    *place = (uint64_t)values + (ref->place - (uint64_t)objects) / 4 * 8;
    *value = value_at(plan, call, *place);
    return true;
}

/* A signal that takes the fence to the value or above: the oldest of those in a row that do. */
static uint32_t signal_for(const struct walk *w, uint32_t memory, uint64_t value, uint32_t waiter)
{
    uint32_t found = REPLAY_NONE, looked = 0;
    for (uint32_t s = w->lives[memory].signals; s != REPLAY_NONE && looked < LOOK_BACK; s = w->signals[s].next, looked++) {
        if (w->signals[s].call == waiter) /* one call can do both: wait first */
            continue;
        if (w->signals[s].value >= value)
            found = w->signals[s].call;
        else if (found != REPLAY_NONE)
            break;
    }
    return found;
}

static int satisfied(struct walk *w, struct wait *wait, uint32_t by)
{
    if (!wait->remaining)
        return 0;
    wait->remaining = wait->any ? 0 : wait->remaining - 1;
    return by == REPLAY_NONE ? 0 : add_pair(&w->needs, &w->need_room, &w->need_count, wait->call, by);
}

static int add_signal(struct walk *w, uint32_t memory, uint64_t value, uint32_t call)
{
    if (ga_array_room(&w->signals, &w->signal_room, w->signal_count + 1, sizeof *w->signals) < 0 || w->signal_count == INT32_MAX)
        return -ENOMEM;
    w->signals[w->signal_count] = (struct signal){value, call, w->lives[memory].signals};
    w->lives[memory].signals = (uint32_t)w->signal_count++;
    int result = 0;
    for (uint32_t *link = &w->lives[memory].waits; result == 0 && *link != REPLAY_NONE;) {
        const struct pending *pending = &w->pending[*link];
        if (pending->value > value) {
            link = &w->pending[*link].next;
            continue;
        }
        result = satisfied(w, &w->waits[pending->wait], call);
        *link = pending->next;
    }
    return result;
}

/* The values of a paging queue's fence are the device's own in each run: those of the calls that were given them. */
static void take_from_paging(struct walk *w, const struct replay_call *call, uint64_t place, uint32_t paging)
{
    for (uint32_t r = call->relocations; r < call->relocations + call->relocation_count; r++)
        if (w->plan->relocations[r].place == place && w->plan->relocations[r].kind == REPLAY_TO_NOTHING) {
            w->plan->relocations[r].kind = REPLAY_TO_FENCE;
            w->plan->relocations[r].target = paging;
        }
}

static int wait_for_one(struct walk *w, uint32_t number, uint32_t wait, uint32_t memory, uint64_t value, uint64_t place)
{
    const struct replay_object *object = &w->plan->objects[memory];
    if (w->lives[memory].initial >= value)
        return satisfied(w, &w->waits[wait], REPLAY_NONE);
    bool of_paging = object->owner != REPLAY_NONE && w->plan->objects[object->owner].kind == REPLAY_PAGING_QUEUE;
    uint32_t by = signal_for(w, memory, value, number);
    if (by != REPLAY_NONE && of_paging) {
        take_from_paging(w, &w->plan->calls[number], place, by);
        int result = walk_add_edge(w, number, by < number ? by : REPLAY_NONE, REPLAY_WAIT_FENCE);
        if (result < 0)
            return result;
    }
    if (by != REPLAY_NONE)
        return satisfied(w, &w->waits[wait], by);
    if (ga_array_room(&w->pending, &w->pending_room, w->pending_count + 1, sizeof *w->pending) < 0 || w->pending_count == INT32_MAX)
        return -ENOMEM;
    w->pending[w->pending_count] = (struct pending){value, wait, w->lives[memory].waits};
    w->lives[memory].waits = (uint32_t)w->pending_count++;
    return 0;
}

static bool blocks(const struct replay_plan *plan, const struct replay_call *call)
{
    const struct ga_member *event = ga_row_member(replay_row(call), "hAsyncEvent");
    for (uint32_t r = call->relocations; event && r < call->relocations + call->relocation_count; r++)
        if (plan->relocations[r].place == event->offset && plan->relocations[r].kind == REPLAY_TO_EVENT)
            return false;
    return true;
}

/* Whether a call names something that is not there: it fails before it waits. */
static bool names_stranger(const struct replay_plan *plan, const struct replay_call *call)
{
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        if (plan->refs[r].object != REPLAY_NONE && plan->objects[plan->refs[r].object].stranger)
            return true;
    return false;
}

/* At the end of a wait all that let it end has begun; what the GPU waits for may come later. */
static int add_waits(struct walk *w, uint32_t number, const struct fence_use *use)
{
    struct replay_plan *plan = w->plan;
    struct replay_call *call = &plan->calls[number];
    const struct ga_member *flags = ga_row_member(replay_row(call), "Flags");
    if (call->skip || !blocks(plan, call) || names_stranger(plan, call))
        return 0;
    if (ga_array_room(&w->waits, &w->wait_room, w->wait_count + 1, sizeof *w->waits) < 0 || w->wait_count == INT32_MAX)
        return -ENOMEM;
    uint32_t wait = (uint32_t)w->wait_count++;
    bool from_cpu = fence_uses[0].row == ga_row_id(replay_row(call));
    w->waits[wait] = (struct wait){number, 0, from_cpu && flags && (value_at(plan, call, flags->offset) & 1)};
    int result = 0;
    uint32_t memory;
    uint64_t value, place;
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        w->waits[wait].remaining += fence_of(w, call, use, &plan->refs[r], &memory, &value, &place);
    for (uint32_t r = call->refs; result == 0 && r < call->refs + call->ref_count; r++)
        if (w->waits[wait].remaining && fence_of(w, call, use, &plan->refs[r], &memory, &value, &place))
            result = wait_for_one(w, number, wait, memory, value, place);
    return result;
}

static int add_signals(struct walk *w, uint32_t number, const struct fence_use *use)
{
    struct replay_plan *plan = w->plan;
    const struct replay_call *call = &plan->calls[number];
    int result = 0;
    uint32_t memory;
    uint64_t value, place;
    for (uint32_t r = call->refs; result == 0 && r < call->refs + call->ref_count; r++)
        if (fence_of(w, call, use, &plan->refs[r], &memory, &value, &place))
            result = add_signal(w, memory, use->waits ? value + 1 : value, number);
    return result;
}

/* A submission takes its queue's progress fence to the value that it names. */
static int add_progress(struct walk *w, uint32_t number)
{
    const struct replay_call *call = &w->plan->calls[number];
    uint32_t queue = walk_named(w, call, REPLAY_HW_QUEUE);
    int result = 0;
    if (queue == REPLAY_NONE)
        return 0;
    uint64_t value = member_at(w->plan, call, "HwQueueProgressFenceId");
    for (uint32_t child = w->lives[queue].first_child; result == 0 && child != REPLAY_NONE; child = w->lives[child].next_sibling)
        if (w->plan->objects[child].kind == REPLAY_SYNC_OBJECT)
            result = add_signal(w, child, value, number);
    return result;
}

int walk_waits_begin(struct walk *w, uint32_t number)
{
    struct replay_plan *plan = w->plan;
    struct replay_call *call = &plan->calls[number];
    const struct fence_use *use = use_of(call);
    int result = 0;
    for (uint32_t r = call->refs; result == 0 && r < call->refs + call->ref_count; r++)
        if (plan->refs[r].role != REPLAY_MAKES && plan->refs[r].object != REPLAY_NONE)
            result = await_named(w, number, &plan->refs[r]);
    if (use)
        settle_union(w, call, use);
    if (result == 0 && use && use->signals && !call->failed)
        result = add_signals(w, number, use);
    if (result == 0 && replay_row(call) && ga_row_id(replay_row(call)) == GA_ROW_d3dkmt_submit_command_to_hw_queue && !call->failed)
        result = add_progress(w, number);
    return result;
}

/* A new sync object's kind and value. */
static void note_sync_object(struct walk *w, const struct replay_call *call)
{
    enum { MUTEX = 1, SEMAPHORE, FENCE, CPU_NOTIFICATION, MONITORED_FENCE };
    uint32_t object = walk_named(w, call, REPLAY_SYNC_OBJECT);
    if (ga_row_id(replay_row(call)) != GA_ROW_d3dkmt_create_synchronization_object2 || object == REPLAY_NONE)
        return;
    uint32_t type = (uint32_t)member_at(w->plan, call, "Info_Type");
    w->plan->objects[object].by_value = type < MONITORED_FENCE;
    if (type == FENCE)
        w->lives[object].initial = member_at(w->plan, call, "Info_Fence_FenceValue");
    else if (type == MONITORED_FENCE)
        w->lives[object].initial = member_at(w->plan, call, "Info_MonitoredFence_InitialFenceValue");
    else /* counted, or in step with a display: nothing says when it is free */
        w->lives[object].initial = UINT64_MAX;
}

/* What the call moves is there when its fence says so; the fence itself gets a value to be waited for. */
static int add_pagings(struct walk *w, uint32_t number)
{
    const struct replay_plan *plan = w->plan;
    struct replay_call *call = &w->plan->calls[number];
    int result = 0;
    call->queue = walk_named(w, call, REPLAY_PAGING_QUEUE);
    if (call->queue == REPLAY_NONE) {
        call->paging = 0;
        return 0;
    }
    for (uint32_t r = call->refs; result == 0 && r < call->refs + call->ref_count; r++) {
        uint8_t kind = plan->refs[r].kind;
        if (plan->refs[r].object != REPLAY_NONE && (kind == REPLAY_ALLOCATION || kind == REPLAY_RESOURCE || kind == REPLAY_RANGE ||
                                                    kind == REPLAY_PAGING_QUEUE))
            result = add_paging(w, plan->refs[r].object, number, call->queue);
    }
    for (uint32_t child = w->lives[call->queue].first_child; result == 0 && child != REPLAY_NONE;
         child = w->lives[child].next_sibling)
        if (plan->objects[child].kind == REPLAY_SYNC_OBJECT)
            result = add_signal(w, child, plan->builder->fence_values[call->paging], number);
    return result;
}

int walk_waits_end(struct walk *w, uint32_t number)
{
    const struct replay_call *call = &w->plan->calls[number];
    const struct fence_use *use = use_of(call);
    int result = 0;
    if (!replay_row(call))
        return 0;
    note_sync_object(w, call);
    if (call->paging && !call->skip)
        result = add_pagings(w, number);
    if (result == 0 && use && use->waits)
        result = add_waits(w, number, use);
    return result;
}

static int by_call(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;
    return x->call != y->call ? (x->call < y->call ? -1 : 1) : (x->on.sequence > y->on.sequence) - (x->on.sequence < y->on.sequence);
}

static int place(struct edge *edges, size_t count, uint32_t **list, uint32_t *list_count)
{
    *list = calloc(count + 1, sizeof **list);
    if (!*list)
        return -ENOMEM;
    if (count)
        qsort(edges, count, sizeof *edges, by_call);
    for (size_t e = 0; e < count; e++)
        (*list)[e] = edges[e].on.sequence;
    *list_count = (uint32_t)count;
    return 0;
}

int walk_waits_finish(struct walk *w)
{
    struct replay_plan *plan = w->plan;
    for (size_t i = 0; i < w->wait_count; i++)
        if (w->waits[i].remaining && !plan->calls[w->waits[i].call].skip)
            plan->calls[w->waits[i].call].skip = REPLAY_SKIP_NO_SIGNAL;
    if (place(w->fences, w->fence_count, &plan->fences, &plan->fence_count) < 0 ||
        place(w->needs, w->need_count, &plan->signals, &plan->signal_count) < 0)
        return -ENOMEM;
    for (size_t e = w->fence_count; e-- > 0;) {
        plan->calls[w->fences[e].call].fences = (uint32_t)e;
        plan->calls[w->fences[e].call].fence_count++;
    }
    for (size_t e = w->need_count; e-- > 0;) {
        plan->calls[w->needs[e].call].signals = (uint32_t)e;
        plan->calls[w->needs[e].call].signal_count++;
    }
    return 0;
}

void walk_waits_release(struct walk *w)
{
    ga_map_release(&w->awaited);
    ga_map_release(&w->shares_opened);
    free(w->shares);
    free(w->pagings);
    free(w->signals);
    free(w->pending);
    free(w->waits);
    free(w->fences);
    free(w->needs);
}
