/*
 * Plans of a part of a trace. What began after the range is cut off before the walk. Before it, calls stay that made what is alive
 * when it begins, that changed it for good (residency, bindings, locks), and what those need; all others go, and everything is numbered
 * anew.
 *
 * A call that goes may have waited for others on behalf of its lane: the lane's next call that stays inherits that.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "replayer/plan_walk.h"

/* Calls with these in their names leave nothing behind: they ask, or concern the contents of memory. */
static const char *const passing[] = {"query", "get_",  "getparam", "_info", "enum_",    "invalidate", "flush",
                                      "busy",  "pread", "pwrite",   "cpu_",  "transfer", "update_area", "escape"};

struct keep {
    struct walk *w;
    uint32_t *calls;   /* new numbers, or REPLAY_NONE; while they are found: 0: it stays */
    uint32_t *objects; /* likewise */
    uint32_t *blobs, *memories, *lanes;
    uint32_t *stack, depth; /* calls that stay, whose needs are to be looked at */
    uint32_t *places;  /* [call]: how many calls of its lane stay before it */
    uint32_t *carried; /* [lane]: a lane's inherited waits: sequence + 1 */
    uint8_t *reasons;  /* [lane]: of these */
};

static uint32_t first_at(const struct replay_plan *plan, uint64_t ns)
{
    uint32_t low = 0, high = plan->call_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if ((uint64_t)plan->calls[middle].begin_ns < ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int walk_subset_cut(struct walk *w, struct ga_error *error)
{
    struct replay_plan *plan = w->plan;
    const struct replay_plan_builder *b = plan->builder;
    const struct replay_range *range = &b->options.range;
    uint64_t from = b->from_ns, to = b->to_ns, first = plan->call_count ? (uint64_t)plan->calls[0].begin_ns : 0;
    if (range->unit == REPLAY_RANGE_ALL)
        return 0;
    if (range->unit == REPLAY_RANGE_TIMES) {
        from = range->from > INT64_MAX - first ? INT64_MAX : first + range->from;
        to = range->to > INT64_MAX - first ? INT64_MAX : first + range->to;
    }
    if (range->to == UINT64_MAX)
        to = INT64_MAX;
    uint32_t begin = b->from_found || range->unit == REPLAY_RANGE_TIMES ? first_at(plan, from) : plan->call_count;
    uint32_t end = first_at(plan, to + 1);
    if (begin >= end) {
        double last = plan->call_count ? (double)plan->calls[plan->call_count - 1].begin_ns - (double)first : 0;
        return ga_error_set(error, ERANGE, "--range: no call began in it; the trace has %" PRIu64 " calls in %s", b->number,
                            ga_duration(last).text);
    }
    plan->call_count = end;
    w->range_first = begin;
    return 0;
}

int walk_subset_begin(struct walk *w)
{
    struct replay_plan *plan = w->plan;
    w->alive = malloc(plan->object_count + 1u);
    if (!w->alive)
        return -ENOMEM;
    w->alive_count = plan->object_count;
    for (uint32_t o = 0; o < plan->object_count; o++)
        w->alive[o] = !w->lives[o].dead;
    plan->peak_bytes = w->alive_bytes > UINT64_MAX ? UINT64_MAX : (uint64_t)w->alive_bytes;
    return 0;
}

static void keep_call(struct keep *k, uint32_t call)
{
    if (call == REPLAY_NONE || k->calls[call] != REPLAY_NONE)
        return;
    k->calls[call] = 0;
    k->stack[k->depth++] = call;
}

static bool was_alive(const struct walk *w, uint32_t object) { return object < w->alive_count && w->alive[object]; }

/* A name for what is alive anyway, or not: it counts when something names it. */
static bool is_name(uint8_t kind)
{
    return replay_is_descriptor(kind) || kind == REPLAY_NAME || kind == REPLAY_SHARE || kind == REPLAY_LUID ||
           kind == REPLAY_OFFSET;
}

/* Whether a call before the range changed what is alive when it begins, and made nothing. */
static bool shapes(const struct walk *w, const struct replay_call *call)
{
    const struct ga_row *row = replay_row(call);
    enum replay_class class = replay_class_of(row);
    if (!row || call->failed || call->skip || class == REPLAY_WAITS || class == REPLAY_SUBMITS || class == REPLAY_SHARES ||
        (class == REPLAY_MAPS && ga_row_is_drm(row)))
        return false;
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (strstr(row->event, passing[i]))
            return false;
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &w->plan->refs[r];
        if (ref->role == REPLAY_MAKES || ref->object == REPLAY_NONE || !was_alive(w, ref->object))
            return false;
    }
    return true;
}

/* Its objects' makers; what it waits for; and when something that it made ended before the range, that end. */
static void keep_needs(struct keep *k, uint32_t number)
{
    const struct walk *w = k->w;
    const struct replay_plan *plan = w->plan;
    const struct replay_call *call = &plan->calls[number];
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        uint32_t object = plan->refs[r].object;
        if (object == REPLAY_NONE)
            continue;
        keep_call(k, plan->objects[object].maker);
        keep_call(k, plan->objects[plan->objects[object].memory].maker);
        uint32_t ended_by = w->lives[object].ended_by;
        if (plan->refs[r].role == REPLAY_MAKES && ended_by != REPLAY_NONE && ended_by < w->range_first)
            keep_call(k, ended_by);
    }
    for (uint32_t f = call->fences; f < call->fences + call->fence_count; f++)
        keep_call(k, plan->fences[f]);
    for (uint32_t s = call->signals; s < call->signals + call->signal_count; s++)
        keep_call(k, plan->signals[s]);
    for (uint32_t r = call->relocations; r < call->relocations + call->relocation_count; r++)
        if (plan->relocations[r].kind == REPLAY_TO_FENCE)
            keep_call(k, plan->relocations[r].target);
}

/* There is a place for what a failing call would make. */
static bool failed_to_make(const struct replay_plan *plan, uint32_t object)
{
    uint32_t maker = plan->objects[object].maker;
    return maker != REPLAY_NONE && plan->calls[maker].failed;
}

static void choose_calls(struct keep *k)
{
    const struct walk *w = k->w;
    const struct replay_plan *plan = w->plan;
    for (uint32_t c = w->range_first; c < plan->call_count; c++)
        keep_call(k, c);
    for (uint32_t o = 0; o < w->alive_count; o++)
        if (w->alive[o] && !is_name(plan->objects[o].kind) && !failed_to_make(plan, o))
            keep_call(k, plan->objects[o].maker);
    for (uint32_t c = 0; c < w->range_first; c++)
        if (plan->calls[c].end_ns >= 0 || shapes(w, &plan->calls[c])) /* under way when the range begins */
            keep_call(k, c);
    while (k->depth)
        keep_needs(k, k->stack[--k->depth]);
}

/* Waits for another lane: for as many of its calls as stay. */
static void carry(struct keep *k, const struct replay_dependency *on)
{
    const struct replay_plan *plan = k->w->plan;
    uint32_t other = plan->order[plan->lanes[on->lane].first + on->sequence];
    uint32_t stays = k->places[other] + (k->calls[other] != REPLAY_NONE);
    if (k->carried[on->lane] >= stays)
        return;
    k->carried[on->lane] = stays;
    k->reasons[on->lane] = on->reason;
}

struct lists {
    struct replay_dependency *dependencies;
    uint32_t *fences, *signals;
    uint32_t dependency_count, fence_count, signal_count;
};

static void put_waits(struct keep *k, struct replay_call *call, struct lists *to)
{
    call->dependencies = to->dependency_count;
    for (uint32_t l = 0; l < k->w->plan->lane_count; l++) {
        if (k->carried[l])
            to->dependencies[to->dependency_count++] = (struct replay_dependency){
                .sequence = k->carried[l] - 1, .lane = (uint16_t)k->lanes[l], .reason = k->reasons[l]};
        k->carried[l] = 0;
    }
    call->dependency_count = to->dependency_count - call->dependencies;
}

/* One lane's waits, in its order. fences: of calls that went, from there on. */
static void keep_lane_waits(struct keep *k, const struct replay_lane *lane, struct lists *to)
{
    struct replay_plan *plan = k->w->plan;
    uint32_t inherited = to->fence_count;
    bool waits = false;
    for (uint32_t s = 0; s < lane->count; s++) {
        uint32_t number = plan->order[lane->first + s];
        struct replay_call *call = &plan->calls[number];
        for (uint32_t d = call->dependencies; d < call->dependencies + call->dependency_count; d++, waits = true)
            carry(k, &plan->dependencies[d]);
        for (uint32_t f = call->fences; f < call->fences + call->fence_count; f++)
            if (k->calls[plan->fences[f]] != REPLAY_NONE)
                to->fences[to->fence_count++] = k->calls[plan->fences[f]];
        if (k->calls[number] == REPLAY_NONE)
            continue;
        call->fences = inherited;
        call->fence_count = to->fence_count - inherited;
        inherited = to->fence_count;
        uint32_t signals = to->signal_count;
        for (uint32_t i = call->signals; i < call->signals + call->signal_count; i++)
            to->signals[to->signal_count++] = k->calls[plan->signals[i]];
        call->signals = signals;
        if (waits)
            put_waits(k, call, to);
        waits = false;
    }
    memset(k->carried, 0, plan->lane_count * sizeof *k->carried);
}

static int keep_waits(struct keep *k)
{
    struct replay_plan *plan = k->w->plan;
    struct lists to = {.dependencies = calloc(plan->dependency_count + 1u, sizeof *to.dependencies),
                       .fences = calloc(plan->fence_count + 1u, sizeof *to.fences),
                       .signals = calloc(plan->signal_count + 1u, sizeof *to.signals)};
    if (!to.dependencies || !to.fences || !to.signals) {
        free(to.dependencies);
        free(to.fences);
        free(to.signals);
        return -ENOMEM;
    }
    for (uint32_t l = 0; l < plan->lane_count; l++)
        keep_lane_waits(k, &plan->lanes[l], &to);
    free(plan->dependencies);
    free(plan->fences);
    free(plan->signals);
    plan->dependencies = to.dependencies;
    plan->fences = to.fences;
    plan->signals = to.signals;
    plan->dependency_count = to.dependency_count;
    plan->fence_count = to.fence_count;
    plan->signal_count = to.signal_count;
    return 0;
}

static void keep_object(struct keep *k, uint32_t object)
{
    const struct replay_plan *plan = k->w->plan;
    for (; object != REPLAY_NONE && k->objects[object] == REPLAY_NONE; object = plan->objects[object].owner) {
        k->objects[object] = 0;
        keep_object(k, plan->objects[object].memory);
    }
}

static uint32_t renumbered(const uint32_t *numbers, uint32_t number) { return number == REPLAY_NONE ? REPLAY_NONE : numbers[number]; }

/* Marks become numbers, in the old order. Returns how many. */
static uint32_t number(uint32_t *marks, uint32_t count)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < count; i++)
        marks[i] = marks[i] == REPLAY_NONE ? REPLAY_NONE : next++;
    return next;
}

static bool names_memory(const struct replay_relocation *relocation)
{
    return relocation->kind == REPLAY_TO_MEMORY || (relocation->kind == REPLAY_TO_MEMFD && relocation->target != REPLAY_NONE);
}

/* What calls that stay name, and where they begin in their lanes. */
static void choose_others(struct keep *k)
{
    const struct replay_plan *plan = k->w->plan;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        const struct replay_call *call = &plan->calls[c];
        k->places[c] = k->carried[call->lane];
        if (k->calls[c] == REPLAY_NONE)
            continue;
        k->carried[call->lane]++;
        k->lanes[call->lane] = 0;
        for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
            keep_object(k, plan->refs[r].object);
        for (uint32_t r = call->relocations; r < call->relocations + call->relocation_count; r++)
            if (plan->relocations[r].kind == REPLAY_TO_BLOB)
                k->blobs[plan->relocations[r].target] = 0;
            else if (names_memory(&plan->relocations[r]))
                k->memories[plan->relocations[r].target] = 0;
        keep_object(k, call->queue);
    }
    for (uint32_t f = 0; f < plan->file_count; f++)
        keep_object(k, plan->files[f].object);
    for (uint32_t a = 0; a < plan->answer_count; a++)
        k->blobs[plan->answers[a].blob] = 0;
    memset(k->carried, 0, plan->lane_count * sizeof *k->carried);
}

/* Entries of an array that stay move to its front: at most as far as they are. */
static void pack_objects(struct keep *k)
{
    struct replay_plan *plan = k->w->plan;
    for (uint32_t o = 0; o < plan->object_count; o++) {
        if (k->objects[o] == REPLAY_NONE)
            continue;
        struct replay_object object = plan->objects[o];
        object.maker = renumbered(k->calls, object.maker);
        object.owner = renumbered(k->objects, object.owner);
        object.memory = k->objects[object.memory];
        plan->objects[k->objects[o]] = object;
    }
    for (uint32_t f = 0; f < plan->file_count; f++)
        plan->files[f].object = renumbered(k->objects, plan->files[f].object);
}

static void pack_data(struct keep *k)
{
    struct replay_plan *plan = k->w->plan;
    uint64_t end = 0;
    for (uint32_t b = 0; b < plan->blob_count; b++) { /* they lie in the order of their numbers */
        if (k->blobs[b] == REPLAY_NONE)
            continue;
        struct replay_blob blob = plan->blobs[b];
        memmove(plan->data + end, plan->data + blob.offset, blob.size);
        blob.offset = end;
        end += blob.size;
        plan->blobs[k->blobs[b]] = blob;
    }
    plan->data_size = end;
    for (uint32_t m = 0; m < plan->memory_count; m++)
        if (k->memories[m] != REPLAY_NONE)
            plan->memories[k->memories[m]] = plan->memories[m];
    for (uint32_t a = 0; a < plan->answer_count; a++)
        plan->answers[a].blob = k->blobs[plan->answers[a].blob];
}

static void pack_relocation(const struct keep *k, struct replay_relocation *relocation)
{
    if (relocation->kind == REPLAY_TO_BLOB)
        relocation->target = k->blobs[relocation->target];
    else if (names_memory(relocation))
        relocation->target = k->memories[relocation->target];
    else if (relocation->kind == REPLAY_TO_FENCE)
        relocation->target = k->calls[relocation->target];
}

/* Images, references and relocations into arrays of their own: calls lie in another order than these. */
static int pack_calls(struct keep *k)
{
    struct replay_plan *plan = k->w->plan;
    uint64_t images = 0, refs = 0, relocations = 0;
    for (uint32_t c = 0; c < plan->call_count; c++)
        if (k->calls[c] != REPLAY_NONE) {
            images += plan->calls[c].image_size;
            refs += plan->calls[c].ref_count;
            relocations += plan->calls[c].relocation_count;
        }
    unsigned char *new_images = malloc(images + 1);
    struct replay_ref *new_refs = malloc((refs + 1) * sizeof *new_refs);
    struct replay_relocation *new_relocations = malloc((relocations + 1) * sizeof *new_relocations);
    if (!new_images || !new_refs || !new_relocations) {
        free(new_images);
        free(new_refs);
        free(new_relocations);
        return -ENOMEM;
    }
    images = refs = relocations = 0;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        if (k->calls[c] == REPLAY_NONE)
            continue;
        struct replay_call *call = &plan->calls[k->calls[c]];
        *call = plan->calls[c];
        memcpy(new_images + images, plan->images + call->image, call->image_size);
        call->image = images;
        images += call->image_size;
        for (uint32_t r = 0; r < call->ref_count; r++) {
            new_refs[refs + r] = plan->refs[call->refs + r];
            new_refs[refs + r].object = renumbered(k->objects, new_refs[refs + r].object);
        }
        call->refs = (uint32_t)refs;
        refs += call->ref_count;
        for (uint32_t r = 0; r < call->relocation_count; r++) {
            new_relocations[relocations + r] = plan->relocations[call->relocations + r];
            pack_relocation(k, &new_relocations[relocations + r]);
        }
        call->relocations = (uint32_t)relocations;
        relocations += call->relocation_count;
        call->sequence = k->places[c];
        call->lane = k->lanes[call->lane];
        call->queue = renumbered(k->objects, call->queue);
    }
    free(plan->images);
    free(plan->refs);
    free(plan->relocations);
    plan->images = new_images;
    plan->refs = new_refs;
    plan->relocations = new_relocations;
    plan->images_size = images;
    plan->ref_count = (uint32_t)refs;
    plan->relocation_count = (uint32_t)relocations;
    return 0;
}

static void pack_lanes(struct keep *k, uint32_t lanes)
{
    struct replay_plan *plan = k->w->plan;
    for (uint32_t l = 0; l < plan->lane_count; l++)
        if (k->lanes[l] != REPLAY_NONE)
            plan->lanes[k->lanes[l]] = plan->lanes[l];
    plan->lane_count = lanes;
    for (uint32_t l = 0; l < lanes; l++)
        plan->lanes[l].count = plan->lanes[l].prologue = plan->lanes[l].scratch_size = 0;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        struct replay_lane *lane = &plan->lanes[plan->calls[c].lane];
        lane->count++;
        lane->prologue += c < plan->prologue;
    }
}

static int renumber(struct keep *k)
{
    struct replay_plan *plan = k->w->plan;
    choose_others(k);
    uint32_t old_calls = plan->call_count, calls = number(k->calls, plan->call_count), lanes = number(k->lanes, plan->lane_count);
    uint32_t objects = number(k->objects, plan->object_count), blobs = number(k->blobs, plan->blob_count);
    uint32_t memories = number(k->memories, plan->memory_count);
    int result = keep_waits(k);
    if (result == 0)
        result = pack_calls(k);
    if (result < 0)
        return result;
    pack_objects(k);
    pack_data(k);
    plan->prologue = calls - (old_calls - k->w->range_first);
    plan->call_count = calls;
    plan->object_count = objects;
    plan->blob_count = blobs;
    plan->memory_count = memories;
    pack_lanes(k, lanes);
    return 0;
}

static uint32_t *all_none(size_t count)
{
    uint32_t *numbers = malloc((count + 1) * sizeof *numbers);
    if (numbers)
        memset(numbers, 0xff, (count + 1) * sizeof *numbers);
    return numbers;
}

int walk_subset_keep(struct walk *w)
{
    struct replay_plan *plan = w->plan;
    if (!w->range_first)
        return 0;
    struct keep k = {.w = w, .calls = all_none(plan->call_count), .objects = all_none(plan->object_count),
                     .blobs = all_none(plan->blob_count), .memories = all_none(plan->memory_count), .lanes = all_none(plan->lane_count),
                     .stack = all_none(plan->call_count), .places = all_none(plan->call_count),
                     .carried = calloc(plan->lane_count + 1u, sizeof *k.carried), .reasons = calloc(plan->lane_count + 1u, 1)};
    bool has_all = k.calls && k.objects && k.blobs && k.memories && k.lanes && k.stack && k.places && k.carried && k.reasons;
    int result = has_all ? 0 : -ENOMEM;
    if (result == 0) {
        choose_calls(&k);
        result = renumber(&k);
    }
    free(k.calls);
    free(k.objects);
    free(k.blobs);
    free(k.memories);
    free(k.lanes);
    free(k.stack);
    free(k.places);
    free(k.carried);
    free(k.reasons);
    return result;
}
