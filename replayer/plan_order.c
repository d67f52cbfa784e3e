/*
 * Plans, second half: which object each reference means, and what each call must wait for.
 *
 * Calls are walked by intervals: a create takes effect at its end, a destroy at its begin, and a use looks at its begin. So a
 * destroy that began before the newest create of that handle ended finds the older generation. A dependency always points to a
 * call that began earlier, and so no replay can wait in a circle.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "replayer/plan_walk.h"

enum name_space { PROCESS_HANDLES, ADAPTERS, LUIDS, FILES, GEM_HANDLES, DMA_BUFS, NAMES, NT_HANDLES,
                  SHARES, RANGES, VMS, SUBMITTERS, LISTS, SYNCOBJS, SYNC_FDS, OFFSETS };
static const uint8_t space_of[REPLAY_OBJECT_KINDS] = {
    [REPLAY_ADAPTER] = ADAPTERS, [REPLAY_DEVICE] = PROCESS_HANDLES, [REPLAY_RESOURCE] = PROCESS_HANDLES,
    [REPLAY_ALLOCATION] = PROCESS_HANDLES, [REPLAY_CONTEXT] = PROCESS_HANDLES, [REPLAY_HW_CONTEXT] = PROCESS_HANDLES,
    [REPLAY_HW_QUEUE] = PROCESS_HANDLES, [REPLAY_PAGING_QUEUE] = PROCESS_HANDLES, [REPLAY_SYNC_OBJECT] = PROCESS_HANDLES,
    [REPLAY_LUID] = LUIDS, [REPLAY_FILE] = FILES, [REPLAY_BUFFER] = GEM_HANDLES,
    [REPLAY_DMA_BUF] = DMA_BUFS, [REPLAY_NAME] = NAMES, [REPLAY_NT_HANDLE] = NT_HANDLES, [REPLAY_SHARE] = SHARES,
    [REPLAY_VM] = VMS, [REPLAY_SUBMITTER] = SUBMITTERS, [REPLAY_LIST] = LISTS, [REPLAY_SYNCOBJ] = SYNCOBJS,
    [REPLAY_SYNC_FD] = SYNC_FDS, [REPLAY_OFFSET] = OFFSETS,
    [REPLAY_RANGE] = RANGES, /* not looked up in a map, nor are mappings: see plan_ranges.c, plan_mappings.c */
};

/* With what an object goes, the first that its maker names. */
enum { OWNER_KINDS = 3 };
static const uint8_t owner_kinds[REPLAY_OBJECT_KINDS][OWNER_KINDS] = {
    [REPLAY_RESOURCE] = {REPLAY_DEVICE},
    [REPLAY_ALLOCATION] = {REPLAY_RESOURCE, REPLAY_DEVICE},
    [REPLAY_CONTEXT] = {REPLAY_DEVICE},
    [REPLAY_HW_CONTEXT] = {REPLAY_DEVICE},
    [REPLAY_HW_QUEUE] = {REPLAY_HW_CONTEXT, REPLAY_CONTEXT},
    [REPLAY_PAGING_QUEUE] = {REPLAY_DEVICE},
    [REPLAY_SYNC_OBJECT] = {REPLAY_HW_QUEUE, REPLAY_PAGING_QUEUE, REPLAY_DEVICE}, /* a queue's fence goes with the queue */
    [REPLAY_BUFFER] = {REPLAY_FILE},
    [REPLAY_VM] = {REPLAY_FILE},
    [REPLAY_SUBMITTER] = {REPLAY_FILE},
    [REPLAY_LIST] = {REPLAY_FILE},
    [REPLAY_SYNCOBJ] = {REPLAY_FILE},
    [REPLAY_OFFSET] = {REPLAY_BUFFER}, /* a mapping has none: it outlives handle and file */
};

static int by_begin(const void *a, const void *b)
{
    const struct replay_call *x = a, *y = b;
    if (x->begin_ns != y->begin_ns)
        return x->begin_ns < y->begin_ns ? -1 : 1;
    return x->arrival < y->arrival ? -1 : 1;
}

static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->tie < y->tie ? -1 : x->tie > y->tie;
}

static int add_edge_unreduced(struct walk *w, uint32_t call, uint32_t on, enum replay_wait reason)
{
    const struct replay_call *other = &w->plan->calls[on];
    if (ga_array_room(&w->edges, &w->edge_room, w->edge_count + 1, sizeof *w->edges) < 0 || w->edge_count == INT32_MAX)
        return -ENOMEM;
    w->edges[w->edge_count++] = (struct edge){
        call, {.lane = (uint16_t)other->lane, .sequence = other->sequence, .reason = (uint8_t)reason}};
    return 0;
}

/* call waits for on, unless its lane has waited for that one or a later one of its lane. */
int walk_add_edge(struct walk *w, uint32_t call, uint32_t on, enum replay_wait reason)
{
    if (on == REPLAY_NONE)
        return 0;
    const struct replay_call *mine = &w->plan->calls[call], *other = &w->plan->calls[on];
    if (mine->lane == other->lane)
        return 0;
    uint32_t *known = &w->known[(size_t)mine->lane * w->plan->lane_count + other->lane];
    if (*known > other->sequence)
        return 0;
    *known = other->sequence + 1;
    return add_edge_unreduced(w, call, on, reason);
}

static int new_life(struct walk *w)
{
    while (w->life_count < w->plan->object_count) {
        if (ga_array_room(&w->lives, &w->life_room, w->life_count + 1, sizeof *w->lives) < 0)
            return -ENOMEM;
        w->lives[w->life_count++] =
            (struct life){.first_user = REPLAY_NONE, .first_child = REPLAY_NONE, .next_sibling = REPLAY_NONE, .space = REPLAY_NONE,
                          .binding = REPLAY_NONE, .pagings = REPLAY_NONE, .signals = REPLAY_NONE, .waits = REPLAY_NONE,
                          .ended_by = REPLAY_NONE, .name = REPLAY_NONE};
    }
    return 0;
}

uint32_t walk_new_object(struct walk *w, const struct replay_ref *ref, uint32_t maker)
{
    uint32_t object = replay_plan_new_object(w->plan, ref->kind);
    if (object == REPLAY_NONE || new_life(w) < 0)
        return REPLAY_NONE;
    struct replay_object *o = &w->plan->objects[object];
    o->maker = maker;
    o->recorded = ref->recorded;
    o->scope = ref->scope;
    return object;
}

/* Some names mean the same in every process and file. */
static uint64_t scope_of(uint8_t kind, uint64_t scope)
{
    return kind == REPLAY_DMA_BUF || kind == REPLAY_LUID || kind == REPLAY_FILE || kind == REPLAY_SHARE ? 0 : scope;
}

static uint64_t *find(struct walk *w, const struct replay_ref *ref)
{
    return ga_map_get(&w->spaces[space_of[ref->kind]], scope_of(ref->kind, ref->scope), ref->recorded);
}

int walk_enter(struct walk *w, const struct replay_ref *ref, uint32_t object)
{
    return ga_map_set(&w->spaces[space_of[ref->kind]], scope_of(ref->kind, ref->scope), ref->recorded, object);
}

/* The call names the object, and with it whatever owns it. */
static int note_user(struct walk *w, uint32_t object, uint32_t call)
{
    uint32_t lane = w->plan->calls[call].lane;
    for (; object != REPLAY_NONE; object = w->plan->objects[object].owner) {
        uint32_t u = w->lives[object].first_user;
        while (u != REPLAY_NONE && w->users[u].lane != lane)
            u = w->users[u].next;
        if (u != REPLAY_NONE) {
            if (w->users[u].call < call) /* a second import is noted at its end, when its thread may have gone on */
                w->users[u].call = call;
            continue;
        }
        if (ga_array_room(&w->users, &w->user_room, w->user_count + 1, sizeof *w->users) < 0 || w->user_count == INT32_MAX)
            return -ENOMEM;
        w->users[w->user_count] = (struct user){lane, call, w->lives[object].first_user};
        w->lives[object].first_user = (uint32_t)w->user_count++;
    }
    return 0;
}

static bool holds_memory(const struct replay_object *object)
{
    return object->kind == REPLAY_BUFFER || object->kind == REPLAY_ALLOCATION;
}

static void hold_memory(struct walk *w, uint32_t object)
{
    uint32_t memory = w->plan->objects[object].memory;
    if (!holds_memory(&w->plan->objects[object]) || w->lives[memory].holders++)
        return;
    w->alive_bytes += w->plan->objects[memory].size;
    if (w->alive_bytes > w->plan->peak_bytes)
        w->plan->peak_bytes = w->alive_bytes > UINT64_MAX ? UINT64_MAX : (uint64_t)w->alive_bytes;
}

static bool is_found_by_place(uint8_t kind) { return kind == REPLAY_RANGE || kind == REPLAY_MAPPING; }

/* The object and what it owns end, by a call or for a reason that was not recorded. Returns the bytes of its allocations. */
static uint64_t end_object(struct walk *w, uint32_t object, uint32_t call)
{
    struct replay_object *o = &w->plan->objects[object];
    if (w->lives[object].dead)
        return 0;
    w->lives[object].dead = true;
    w->lives[object].ended_by = call;
    struct replay_ref self = {.recorded = o->recorded, .scope = o->scope, .kind = o->kind};
    uint64_t *entry = is_found_by_place(o->kind) ? NULL : find(w, &self), bytes = 0;
    if (entry && *entry == object)
        ga_map_erase(&w->spaces[space_of[o->kind]], scope_of(o->kind, o->scope), o->recorded);
    if (holds_memory(o)) {
        bytes = w->plan->objects[o->memory].size;
        if (--w->lives[o->memory].holders == 0)
            w->alive_bytes -= bytes;
    }
    for (uint32_t child = w->lives[object].first_child; child != REPLAY_NONE; child = w->lives[child].next_sibling)
        if (__builtin_add_overflow(bytes, end_object(w, child, call), &bytes))
            bytes = UINT64_MAX;
    return bytes;
}

static bool resolves(const struct replay_call *call)
{
    return call->skip != REPLAY_SKIP_NESTED && call->skip != REPLAY_SKIP_RETRY && call->skip != REPLAY_SKIP_UNREADABLE;
}

/* What every device has, made before the recording began: the backend supplies one of its own. */
static bool supplied(const struct replay_call *call, const struct replay_ref *ref)
{
    return ref->kind == REPLAY_LUID || (!call->failed && (ref->kind == REPLAY_ADAPTER || ref->kind == REPLAY_DEVICE));
}

/* A name that nothing made. A failing call gets a handle that no driver gives, so that it fails again; what the backend cannot
   supply makes that any other call cannot be issued. */
static int stranger(struct walk *w, struct replay_call *call, struct replay_ref *ref)
{
    if (!call->failed && !supplied(call, ref)) {
        if (!call->skip)
            call->skip = replay_is_descriptor(ref->kind) || ref->kind == REPLAY_SHARE ? REPLAY_SKIP_OUTSIDE : REPLAY_SKIP_STRANGER;
        return 0;
    }
    ref->object = walk_new_object(w, ref, REPLAY_NONE);
    if (ref->object == REPLAY_NONE)
        return -ENOMEM;
    struct replay_object *object = &w->plan->objects[ref->object];
    object->supplied = supplied(call, ref);
    object->stranger = !object->supplied;
    object->other_kind = ref->kind == REPLAY_NT_HANDLE ? (int64_t)ref->recorded >= 0
                                                       : ref->kind == REPLAY_DMA_BUF && call->error != EBADF;
    return object->supplied ? walk_enter(w, ref, ref->object) : 0;
}

static void count_bytes(struct replay_call *call, uint64_t bytes)
{
    if (replay_row(call) && replay_row(call)->effect.kind == GA_EFFECT_CREATE)
        return;
    if (__builtin_add_overflow(call->bytes, bytes, &call->bytes))
        call->bytes = UINT64_MAX;
}

static int wait_for_users(struct walk *w, uint32_t call, uint32_t object)
{
    int result = 0;
    for (uint32_t u = w->lives[object].first_user; result == 0 && u != REPLAY_NONE; u = w->users[u].next)
        result = walk_add_edge(w, call, w->users[u].call, REPLAY_WAIT_USERS);
    return result;
}

/* A global name goes with the last handle of its buffer, which this may be: who opens the buffer by it has to be through. A dma-buf
   is there as long as its descriptor. */
static int wait_for_openers(struct walk *w, uint32_t call, uint32_t object)
{
    const struct replay_object *o = &w->plan->objects[object];
    uint32_t name = o->kind == REPLAY_BUFFER ? w->lives[o->memory].name : REPLAY_NONE;
    int result = name == REPLAY_NONE || w->lives[object].dead ? 0 : wait_for_users(w, call, name);
    for (uint32_t child = o->kind == REPLAY_FILE ? w->lives[object].first_child : REPLAY_NONE; result == 0 && child != REPLAY_NONE;
         child = w->lives[child].next_sibling)
        result = wait_for_openers(w, call, child);
    return result;
}

static int end_by_call(struct walk *w, uint32_t call, uint32_t object)
{
    int result = wait_for_users(w, call, object);
    if (result == 0)
        result = wait_for_openers(w, call, object);
    if (w->plan->objects[object].kind == REPLAY_RANGE)
        walk_range_end(w, object, call);
    count_bytes(&w->plan->calls[call], end_object(w, object, call));
    return result;
}

/* What a map or reserve asks for is the program's own choice when it lies in no range that is known. */
bool walk_chooses_address(const struct ga_row *row)
{
    return ga_row_id(row) == GA_ROW_d3dkmt_map_gpu_virtual_address || ga_row_id(row) == GA_ROW_d3dkmt_reserve_gpu_virtual_address;
}

/* The living object that a reference means, or REPLAY_NONE; where kinds are open, the reference gets the object's. */
static int look_up(struct walk *w, uint32_t number, struct replay_ref *ref, uint32_t *object)
{
    static const uint8_t meant[][2] = {
        {REPLAY_RESOURCE, REPLAY_SYNC_OBJECT}, {REPLAY_ADAPTER, REPLAY_PAGING_QUEUE}, {REPLAY_HW_CONTEXT, REPLAY_CONTEXT}};
    if (ref->kind == REPLAY_MAPPING) /* the walk has made the reference */
        return 0;
    *object = REPLAY_NONE;
    if (ref->kind == REPLAY_RANGE)
        return walk_range_find(w, number, ref, object);
    const uint8_t open = ref->kind;
    for (int i = 0; i < 2; i++) {
        ref->kind = open < REPLAY_OBJECT_KINDS ? open : meant[open - REPLAY_OBJECT_KINDS][i];
        uint64_t *known = ref->kind == REPLAY_FILE ? NULL : find(w, ref);
        if (known && w->plan->objects[*known].kind == ref->kind)
            *object = (uint32_t)*known;
        if (*object != REPLAY_NONE || open < REPLAY_OBJECT_KINDS)
            break;
    }
    if (ref->kind == REPLAY_OFFSET && *object == REPLAY_NONE) { /* a buffer of kfd's, that its render node maps */
        const uint64_t *known = ga_map_get(&w->spaces[OFFSETS], w->plan->lanes[w->plan->calls[number].lane].process, ref->recorded);
        *object = known ? (uint32_t)*known : REPLAY_NONE;
    }
    if (ref->kind == REPLAY_FILE)
        *object = w->plan->files[w->plan->calls[number].file].object;
    return ref->kind == REPLAY_NT_HANDLE ? walk_shared_find(w, number, ref, object) : 0;
}

/* Nothing is known by that name. */
static int unknown(struct walk *w, struct replay_call *call, struct replay_ref *ref)
{
    if (ref->kind != REPLAY_RANGE || !walk_chooses_address(replay_row(call)))
        return stranger(w, call, ref);
    memcpy(w->plan->images + call->image + ref->place, &ref->recorded, sizeof ref->recorded);
    call->own_address = true;
    return 0;
}

static enum replay_wait reason_of(uint8_t kind)
{
    return replay_is_descriptor(kind) || kind == REPLAY_NAME || kind == REPLAY_SHARE ? REPLAY_WAIT_SHARE : REPLAY_WAIT_MAKER;
}

static int resolve_before(struct walk *w, uint32_t number, struct replay_ref *ref)
{
    struct replay_call *call = &w->plan->calls[number];
    int result = look_up(w, number, ref, &ref->object);
    if (result == 0 && ref->object == REPLAY_NONE)
        result = unknown(w, call, ref);
    if (result < 0 || ref->object == REPLAY_NONE || w->plan->objects[ref->object].stranger)
        return result;
    result = walk_add_edge(w, number, w->plan->objects[ref->object].maker, reason_of(ref->kind));
    if (result == 0)
        result = note_user(w, ref->object, number);
    if (result == 0 && ref->role == REPLAY_ENDS && !call->failed && w->lives[ref->object].opens) {
        w->lives[ref->object].opens--;
        ref->role = REPLAY_USES;
    }
    if (ref->role == REPLAY_ENDS && ref->kind == REPLAY_RANGE && !walk_range_covered(w, call, ref))
        ref->role = REPLAY_USES;
    if (ref->kind == REPLAY_BUFFER || ref->kind == REPLAY_DMA_BUF || ref->kind == REPLAY_NAME)
        if (ref->role != REPLAY_ENDS || call->failed)
            count_bytes(call, w->plan->objects[w->plan->objects[ref->object].memory].size);
    return result;
}

/* The lane of a file's last close: that of its last user. */
static uint32_t closing_lane(struct walk *w, const struct replay_call *call)
{
    uint32_t newest = REPLAY_NONE;
    for (uint32_t u = w->lives[w->plan->files[call->file].object].first_user; u != REPLAY_NONE; u = w->users[u].next)
        if (newest == REPLAY_NONE || w->users[u].call > newest)
            newest = w->users[u].call;
    return newest == REPLAY_NONE ? 0 : w->plan->calls[newest].lane;
}

/* What is at GPU addresses changes in the recorded order, one address space at a time: that of an object, or the file's own. */
static int order_binding(struct walk *w, uint32_t number)
{
    const struct replay_call *call = &w->plan->calls[number];
    uint32_t space = walk_named(w, call, REPLAY_VM);
    if (space == REPLAY_NONE)
        space = w->plan->files[call->file].object;
    int result = walk_add_edge(w, number, w->lives[space].binding, REPLAY_WAIT_ADDRESSES);
    w->lives[space].binding = number;
    return result;
}

static int begin_call(struct walk *w, uint32_t number)
{
    struct replay_plan *plan = w->plan;
    struct replay_call *call = &plan->calls[number];
    if (call->lane == REPLAY_NONE)
        call->lane = closing_lane(w, call);
    call->sequence = plan->lanes[call->lane].count++;
    int result = 0;
    if (plan->memory_order == REPLAY_ORDER_MEMORY && replay_row(call) && replay_row(call)->effect.kind == GA_EFFECT_CREATE)
        for (uint32_t lane = 0; result == 0 && lane < plan->lane_count; lane++)
            result = walk_add_edge(w, number, w->last_free[lane], REPLAY_WAIT_MEMORY);
    if (!resolves(call))
        return result;
    if (result == 0 && replay_row(call) && ga_row_is_mapping(replay_row(call)))
        result = walk_mapping_begin(w, number);
    for (int ranges = 0; ranges < 2; ranges++) /* whose addresses they are, the other objects say */
        for (uint32_t r = call->refs; result == 0 && r < call->refs + call->ref_count; r++)
            if (plan->refs[r].role != REPLAY_MAKES && (plan->refs[r].kind == REPLAY_RANGE) == ranges)
                result = resolve_before(w, number, &plan->refs[r]);
    if (result == 0 && replay_row(call) && replay_row_binds(replay_row(call)))
        result = order_binding(w, number);
    if (result == 0)
        result = walk_waits_begin(w, number);
    for (uint32_t r = call->refs; result == 0 && !call->failed && r < call->refs + call->ref_count; r++)
        if (plan->refs[r].role == REPLAY_ENDS && plan->refs[r].object != REPLAY_NONE)
            result = end_by_call(w, number, plan->refs[r].object);
    return result;
}

/* The object of that kind that a call names or has made; REPLAY_NONE when none. */
uint32_t walk_named(const struct walk *w, const struct replay_call *call, enum replay_object_kind kind)
{
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        if (w->plan->refs[r].kind == kind && w->plan->refs[r].object != REPLAY_NONE)
            return w->plan->refs[r].object;
    return REPLAY_NONE;
}

static void adopt(struct walk *w, uint32_t object, const struct replay_call *call)
{
    struct replay_object *o = &w->plan->objects[object];
    for (int i = 0; i < OWNER_KINDS && o->owner == REPLAY_NONE && owner_kinds[o->kind][i]; i++)
        o->owner = walk_named(w, call, owner_kinds[o->kind][i]);
    if (o->owner == REPLAY_NONE)
        return;
    w->lives[object].next_sibling = w->lives[o->owner].first_child;
    w->lives[o->owner].first_child = object;
}

/* What memory the new object is a handle of: an import's is that of what it imports. */
static uint32_t memory_of(const struct walk *w, const struct replay_ref *ref, const struct replay_call *call)
{
    static const uint8_t sources[REPLAY_OBJECT_KINDS][2] = {
        [REPLAY_BUFFER] = {REPLAY_DMA_BUF, REPLAY_NAME}, [REPLAY_DMA_BUF] = {REPLAY_BUFFER}, [REPLAY_NAME] = {REPLAY_BUFFER},
        [REPLAY_OFFSET] = {REPLAY_BUFFER},
        [REPLAY_NT_HANDLE] = {REPLAY_RESOURCE, REPLAY_SYNC_OBJECT}, [REPLAY_RESOURCE] = {REPLAY_NT_HANDLE, REPLAY_SHARE},
        [REPLAY_SYNC_OBJECT] = {REPLAY_NT_HANDLE}, [REPLAY_SHARE] = {REPLAY_RESOURCE, REPLAY_SYNC_OBJECT}};
    for (int i = 0; i < 2 && sources[ref->kind][i]; i++) {
        uint32_t source = walk_named(w, call, sources[ref->kind][i]);
        if (source != REPLAY_NONE)
            return w->plan->objects[source].memory;
    }
    return REPLAY_NONE;
}

/* A handle came back that is alive. An adapter has one handle a process, and so has one memory in a file; else the handle's end was
   not recorded. */
static bool same_again(struct walk *w, const struct replay_ref *ref, uint32_t alive, uint32_t memory)
{
    const struct replay_object *o = &w->plan->objects[alive];
    bool one_handle = ref->kind == REPLAY_BUFFER || ref->kind == REPLAY_DMA_BUF || ref->kind == REPLAY_NAME ||
                      ref->kind == REPLAY_OFFSET;
    return o->kind == ref->kind && (ref->kind == REPLAY_LUID || ref->kind == REPLAY_ADAPTER ||
                                    (one_handle && memory != REPLAY_NONE && o->memory == memory));
}

/* What the whole trace says of its size, or else the call that made it. */
static void learn_size(const struct replay_plan *plan, struct replay_object *object, const struct replay_call *call)
{
    const uint64_t *known = object->kind == REPLAY_ALLOCATION
                                ? ga_map_get(&plan->builder->sizes, (uint64_t)call->lane << 32 | object->recorded, call->call)
                                : NULL;
    object->size = known ? *known >> 8 : call->bytes;
    object->origin = known ? *known & 0xff : GA_SIZE_UNKNOWN;
}

/* Bytes of all that a call made, when the size of each is known. */
static void sum_sizes(const struct replay_plan *plan, struct replay_call *call)
{
    uint64_t bytes = 0;
    for (uint32_t r = call->refs; !call->bytes && r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &plan->refs[r];
        if (ref->kind != REPLAY_ALLOCATION || ref->role != REPLAY_MAKES || ref->object == REPLAY_NONE)
            continue;
        uint64_t size = plan->objects[plan->objects[ref->object].memory].size;
        if (!size || __builtin_add_overflow(bytes, size, &bytes))
            return;
    }
    call->bytes = call->bytes ? call->bytes : bytes;
}

static int made(struct walk *w, uint32_t number, struct replay_ref *ref)
{
    struct replay_plan *plan = w->plan;
    struct replay_call *call = &plan->calls[number];
    if (ref->kind == REPLAY_RANGE)
        return walk_range_add(w, number, ref);
    uint32_t memory = memory_of(w, ref, call);
    uint64_t *known = find(w, ref);
    if (known && same_again(w, ref, (uint32_t)*known, memory)) {
        ref->object = (uint32_t)*known;
        ref->role = REPLAY_AGAIN;
        w->lives[ref->object].opens += ref->kind == REPLAY_ADAPTER;
        uint32_t maker = plan->objects[ref->object].maker;
        int result = note_user(w, ref->object, number);
        bool before = maker < number && plan->calls[maker].end_ns <= call->begin_ns;
        return result == 0 && before ? walk_add_edge(w, number, maker, REPLAY_WAIT_MAKER) : result;
    }
    if (known)
        end_object(w, (uint32_t)*known, REPLAY_NONE);
    ref->object = walk_new_object(w, ref, number);
    if (ref->object == REPLAY_NONE)
        return -ENOMEM;
    struct replay_object *o = &plan->objects[ref->object];
    if (memory != REPLAY_NONE) {
        o->memory = memory;
        o->size = plan->objects[memory].size;
        o->by_value = plan->objects[memory].by_value;
    } else if (holds_memory(o) || o->kind == REPLAY_DMA_BUF) { /* one that no buffer was exported to: a heap's */
        learn_size(plan, o, call);
    }
    if (o->kind == REPLAY_NAME)
        w->lives[o->memory].name = ref->object;
    adopt(w, ref->object, call);
    walk_range_space(w, ref->object, call, ref);
    hold_memory(w, ref->object);
    int result = ref->kind == REPLAY_NT_HANDLE ? walk_shared_add(w, ref->object) : 0;
    return result < 0 ? result : walk_enter(w, ref, ref->object);
}

static int end_call(struct walk *w, uint32_t number)
{
    struct replay_call *call = &w->plan->calls[number];
    int result = 0;
    bool freed = false;
    for (uint32_t i = 0; result == 0 && resolves(call) && i < 2 * call->ref_count; i++) { /* what is owned after its owner */
        struct replay_ref *ref = &w->plan->refs[call->refs + i % call->ref_count];
        freed |= ref->role == REPLAY_ENDS && ref->kind != REPLAY_ADAPTER && ref->kind != REPLAY_MAPPING;
        bool owned = ref->kind == REPLAY_ALLOCATION || ref->kind == REPLAY_OFFSET;
        if (ref->role != REPLAY_MAKES || owned != (i >= call->ref_count) || ref->kind == REPLAY_MAPPING)
            continue;
        if (call->failed) { /* a place for what it makes if it succeeds now */
            ref->object = walk_new_object(w, ref, number);
            result = ref->object == REPLAY_NONE ? -ENOMEM : 0;
        } else if (ref->recorded || replay_is_descriptor(ref->kind)) {
            result = made(w, number, ref);
        }
    }
    if (replay_row(call) && replay_row(call)->effect.kind == GA_EFFECT_CREATE && ga_row_is_d3dkmt(replay_row(call)))
        sum_sizes(w->plan, call);
    if (result == 0 && resolves(call) && replay_row(call) && ga_row_is_mapping(replay_row(call)))
        result = walk_mapping_end(w, number);
    if (result == 0 && resolves(call))
        result = walk_waits_end(w, number);
    if (freed && !call->failed)
        w->last_free[call->lane] = number;
    return result;
}

/* The call after which a descriptor is not needed closes it; it waits for the other lanes that use it. */
static int find_last_uses(struct walk *w)
{
    struct replay_plan *plan = w->plan;
    uint32_t *last = malloc(((size_t)plan->object_count + 1) * sizeof *last), *in_call = NULL;
    if (!last)
        return -ENOMEM;
    memset(last, 0xff, ((size_t)plan->object_count + 1) * sizeof *last);
    in_call = malloc(((size_t)plan->object_count + 1) * sizeof *in_call);
    int result = in_call ? 0 : -ENOMEM;
    for (uint32_t c = 0; result == 0 && c < plan->call_count; c++)
        for (uint32_t r = plan->calls[c].refs; r < plan->calls[c].refs + plan->calls[c].ref_count; r++)
            if (replay_is_descriptor(plan->refs[r].kind) && plan->refs[r].object != REPLAY_NONE) {
                last[plan->refs[r].object] = r;
                in_call[plan->refs[r].object] = c;
            }
    for (uint32_t o = 0; result == 0 && o < plan->object_count; o++) {
        if (!replay_is_descriptor(plan->objects[o].kind) || last[o] == REPLAY_NONE)
            continue;
        plan->refs[last[o]].how = REPLAY_HOW_LAST;
        for (uint32_t u = w->lives[o].first_user; result == 0 && u != REPLAY_NONE; u = w->users[u].next)
            if (w->users[u].call < in_call[o] && w->users[u].lane != plan->calls[in_call[o]].lane)
                result = add_edge_unreduced(w, in_call[o], w->users[u].call, REPLAY_WAIT_USERS);
    }
    free(in_call);
    free(last);
    return result;
}

static uint8_t how_of(const struct replay_plan *plan, const struct replay_call *call, const struct replay_ref *ref)
{
    uint8_t how = ref->how; /* whether it is the last use */
    if (ref->object == REPLAY_NONE || ref->kind == REPLAY_MAPPING)
        return how;
    if (ref->role == REPLAY_MAKES || ref->role == REPLAY_AGAIN)
        how |= REPLAY_HOW_KEEPS;
    else if (ref->kind != REPLAY_FILE) /* the call is issued on it: it is in no argument */
        how |= REPLAY_HOW_PUTS;
    if (ref->role == REPLAY_ENDS && !(call->failed && plan->objects[ref->object].stranger)) /* only what failed names strangers */
        how |= REPLAY_HOW_ENDS;
    bool plain = !replay_is_descriptor(ref->kind) && ref->kind != REPLAY_RANGE && ref->kind != REPLAY_OFFSET &&
                 ref->role != REPLAY_AGAIN && ref->width == sizeof(uint32_t);
    return plain ? how : how | REPLAY_HOW_WITH_CARE;
}

static void tell_how(struct replay_plan *plan)
{
    for (uint32_t c = 0; c < plan->call_count; c++)
        for (uint32_t r = plan->calls[c].refs; r < plan->calls[c].refs + plan->calls[c].ref_count; r++)
            plan->refs[r].how = how_of(plan, &plan->calls[c], &plan->refs[r]);
}

/* Edges into each call's run of plan.dependencies, by counting. */
static int place_edges(struct walk *w)
{
    struct replay_plan *plan = w->plan;
    plan->dependencies = calloc(w->edge_count + 1, sizeof *plan->dependencies);
    if (!plan->dependencies)
        return -ENOMEM;
    for (size_t e = 0; e < w->edge_count; e++)
        plan->calls[w->edges[e].call].dependency_count++;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        plan->calls[c].dependencies = plan->dependency_count;
        plan->dependency_count += plan->calls[c].dependency_count;
        plan->calls[c].dependency_count = 0;
    }
    for (size_t e = 0; e < w->edge_count; e++) {
        struct replay_call *call = &plan->calls[w->edges[e].call];
        plan->dependencies[call->dependencies + call->dependency_count++] = w->edges[e].on;
    }
    return 0;
}

/* As plan.c counted: each blob and each room begins at a multiple of 8. */
static uint32_t scratch_size_of(const struct replay_plan *plan, const struct replay_call *call)
{
    uint32_t size = call->image_size;
    for (uint32_t r = call->relocations; r < call->relocations + call->relocation_count; r++)
        if (plan->relocations[r].kind == REPLAY_TO_BLOB)
            size += (plan->blobs[plan->relocations[r].target].size + 7) & ~7u;
        else if (plan->relocations[r].kind == REPLAY_TO_ROOM)
            size += (plan->relocations[r].target + 15) & ~7u;
    return size;
}

static int place_lanes(struct replay_plan *plan)
{
    plan->order = calloc((size_t)plan->call_count + 1, sizeof *plan->order);
    if (!plan->order)
        return -ENOMEM;
    uint32_t first = 0;
    for (uint32_t l = 0; l < plan->lane_count; l++) {
        plan->lanes[l].first = first;
        first += plan->lanes[l].count;
    }
    for (uint32_t c = 0; c < plan->call_count; c++) {
        struct replay_lane *lane = &plan->lanes[plan->calls[c].lane];
        plan->order[lane->first + plan->calls[c].sequence] = c;
        uint32_t scratch_size = scratch_size_of(plan, &plan->calls[c]);
        if (lane->scratch_size < scratch_size)
            lane->scratch_size = scratch_size;
    }
    return 0;
}

static int prepare(struct walk *w, struct ga_error *error)
{
    struct replay_plan *plan = w->plan;
    size_t lanes = plan->lane_count;
    if (plan->call_count)
        qsort(plan->calls, plan->call_count, sizeof *plan->calls, by_begin);
    int result = walk_subset_cut(w, error);
    if (result < 0)
        return result;
    size_t calls = plan->call_count;
    w->events = malloc((2 * calls + 1) * sizeof *w->events);
    w->known = calloc(lanes * lanes + 1, sizeof *w->known);
    w->last_free = malloc((lanes + 1) * sizeof *w->last_free);
    if (!w->events || !w->known || !w->last_free || new_life(w) < 0)
        return ga_error_errno(error, ENOMEM, "finding the plan's objects");
    memset(w->last_free, 0xff, (lanes + 1) * sizeof *w->last_free);
    int64_t first = calls ? plan->calls[w->range_first].begin_ns : 0;
    for (uint32_t c = 0; c < calls; c++) {
        struct replay_call *call = &plan->calls[c];
        call->begin_ns = (int64_t)((uint64_t)call->begin_ns - (uint64_t)first);
        call->end_ns = (int64_t)((uint64_t)call->end_ns - (uint64_t)first);
        if (c >= w->range_first && (uint64_t)call->end_ns > plan->span_ns)
            plan->span_ns = (uint64_t)call->end_ns;
        w->events[2 * c] = (struct event){call->begin_ns, 2ull * call->arrival, c, false};
        w->events[2 * c + 1] = (struct event){call->end_ns, 2ull * call->arrival + 1, c, true};
    }
    qsort(w->events, 2 * calls, sizeof *w->events, by_time);
    return 0;
}

/* What names an object whose maker is left out as asked is left out too. */
static void spread_asked(struct replay_plan *plan)
{
    bool any = false;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        struct replay_call *call = &plan->calls[c];
        any |= call->skip == REPLAY_SKIP_ASKED;
        for (uint32_t r = call->refs; any && !call->skip && r < call->refs + call->ref_count; r++) {
            const struct replay_ref *ref = &plan->refs[r];
            uint32_t maker = ref->object == REPLAY_NONE ? REPLAY_NONE : plan->objects[ref->object].maker;
            if (maker == REPLAY_NONE || ref->role == REPLAY_MAKES || ref->role == REPLAY_AGAIN)
                continue;
            if (plan->calls[maker].skip == REPLAY_SKIP_ASKED || plan->calls[maker].skip == REPLAY_SKIP_ASKED_MAKER)
                call->skip = REPLAY_SKIP_ASKED_MAKER;
        }
    }
}

static int walk_calls(struct walk *w)
{
    int result = 0;
    for (size_t e = 0; result == 0 && e < 2 * (size_t)w->plan->call_count; e++) {
        const struct event *event = &w->events[e];
        if (!event->end && event->call == w->range_first && event->call)
            result = walk_subset_begin(w);
        if (result == 0)
            result = event->end ? end_call(w, event->call) : begin_call(w, event->call);
    }
    return result;
}

static int place_all(struct walk *w)
{
    int result = find_last_uses(w);
    tell_how(w->plan);
    if (result == 0)
        result = walk_waits_finish(w);
    if (result == 0)
        result = place_edges(w);
    if (result == 0)
        result = place_lanes(w->plan);
    if (result < 0 || !w->range_first)
        return result;
    result = walk_subset_keep(w);
    free(w->plan->order);
    w->plan->order = NULL;
    return result < 0 ? result : place_lanes(w->plan);
}

int replay_plan_resolve(struct replay_plan *plan, struct ga_error *error)
{
    struct walk w = {.plan = plan};
    int result = plan->call_count && !plan->lane_count ? ga_error_errno(error, EINVAL, "a plan without lanes") : prepare(&w, error);
    if (result == 0) {
        result = walk_calls(&w);
        if (result == 0)
            spread_asked(plan);
        if (result == 0)
            result = place_all(&w);
        if (result < 0)
            ga_error_errno(error, -result, "finding the plan's objects");
    }
    for (int i = 0; i < WALK_SPACES; i++)
        ga_map_release(&w.spaces[i]);
    walk_ranges_release(&w);
    walk_mappings_release(&w);
    walk_waits_release(&w);
    free(w.events);
    free(w.lives);
    free(w.users);
    free(w.edges);
    free(w.known);
    free(w.last_free);
    free(w.alive);
    return result;
}
