/* The calls and allocations of a trace as the columns of a page. */
#include "analyzer/timeline/timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

enum {
    MARK_FAILED = 1, /* call_marks */
    MARK_NESTED = 2,
    MARK_RETRY = 4,
    FLAG_CALL = 8,      /* flags; below: enum ga_life_end. The call before `end` ended it, else `died` says when */
    FLAG_IMPORTED = 16,
    FLAG_BOUND = 32,
    FLAG_OUTLIVED = 64, /* its memory outlived its handle: handle_died, handle_end */
    PASSES_MAX = 3,
};

/* life->user of what is kept: the number of its call in the page, plus 1; how many the call had made before it; and, when the handle
   went before the memory, how, and gone. */
enum { ELEMENT_SHIFT = 40, ELEMENT_MASK = 0xffff, HOW_SHIFT = 56 };
static const uintptr_t gone = (uintptr_t)1 << 63, create_mask = ((uintptr_t)1 << ELEMENT_SHIFT) - 1;

#define PUT(timeline, name, value) column_put(&(timeline)->columns[TIMELINE_##name], value)
#define DIFFERENCE(timeline, name, value) column_difference(&(timeline)->columns[TIMELINE_##name], value)
#define SIGNED(timeline, name, value) column_signed(&(timeline)->columns[TIMELINE_##name], value)

/* Filters. */

/* Keeps the `limit` largest of a histogram's values. */
static struct timeline_filter filter_of(const struct ga_histogram *histogram, uint64_t limit)
{
    uint64_t above = 0;
    for (size_t i = histogram->used; i-- > 0;) {
        const struct ga_histogram_step *step = &histogram->steps[i];
        if (above + step->count > limit)
            return (struct timeline_filter){step->max, step->min, (uint32_t)((limit - above) * 65536 / step->count)};
        above += step->count;
    }
    return (struct timeline_filter){0, 0, 65536};
}

/* number: what decides within the threshold, the same in each pass. */
static bool filter_keeps(const struct timeline_filter *filter, uint64_t value, uint64_t number)
{
    return value > filter->above || (value >= filter->from && (uint32_t)(number * 0x9e3779b97f4a7c15u >> 48) < filter->part);
}

static bool keeps(const struct timeline *timeline, const struct ga_life *life)
{
    return !timeline->filtered || filter_keeps(&timeline->sizes, life->origin == GA_SIZE_UNKNOWN ? 0 : life->size, life->id);
}

/* Numbers in the page. */

static int number_new(struct ga_map *map, uint64_t a, uint64_t b, size_t count)
{
    return ga_map_set(map, a, b, count);
}

static int process_number(struct timeline *timeline, uint64_t process, uint32_t pid, uint32_t *number)
{
    const uint64_t *place = ga_map_get(&timeline->processes, process, 0);
    if (place) {
        *number = (uint32_t)*place - 1;
        return 0;
    }
    if (ga_array_room(&timeline->process_list, &timeline->process_room, timeline->process_count + 1,
                      sizeof *timeline->process_list) < 0)
        return -ENOMEM;
    *number = (uint32_t)timeline->process_count;
    timeline->process_list[timeline->process_count++] = (struct timeline_process){process, pid};
    return number_new(&timeline->processes, process, 0, timeline->process_count);
}

static int thread_number(struct timeline *timeline, const struct ga_call_header *header, uint32_t *number)
{
    const uint64_t *place = ga_map_get(&timeline->threads, header->process, header->thread);
    if (place) {
        *number = (uint32_t)*place - 1;
        return 0;
    }
    struct timeline_thread thread = {.ordinal = header->thread, .tid = header->tid};
    int result = process_number(timeline, header->process, header->pid, &thread.process);
    if (result < 0)
        return result;
    if (ga_array_room(&timeline->thread_list, &timeline->thread_room, timeline->thread_count + 1, sizeof *timeline->thread_list) < 0)
        return -ENOMEM;
    *number = (uint32_t)timeline->thread_count;
    timeline->thread_list[timeline->thread_count++] = thread;
    return number_new(&timeline->threads, header->process, header->thread, timeline->thread_count);
}

static uint32_t kind_number(struct timeline *timeline, const struct ga_row *row)
{
    uint32_t *kind = &timeline->kinds[ga_row_id(row)];
    if (!*kind) {
        timeline->kind_rows[timeline->kind_count++] = ga_row_id(row);
        *kind = timeline->kind_count;
    }
    return *kind - 1;
}

static int device_number(struct timeline *timeline, const struct ga_life *life, uint32_t *number)
{
    uint32_t label;
    int result = labels_device(&timeline->labels, life, &label);
    const uint64_t *place = ga_map_get(&timeline->devices, label, 0);
    if (result < 0 || place) {
        *number = place ? (uint32_t)*place - 1 : 0;
        return result;
    }
    if (ga_array_room(&timeline->device_list, &timeline->device_room, timeline->device_count + 1, sizeof *timeline->device_list) < 0)
        return -ENOMEM;
    *number = (uint32_t)timeline->device_count;
    timeline->device_list[timeline->device_count++] = label;
    return number_new(&timeline->devices, label, 0, timeline->device_count);
}

/* A surface is an address with a name in a process: an address that is used again under another name is another one. */
static int surface_number(struct timeline *timeline, const struct ga_life *life, uint64_t *number)
{
    uint32_t name, process;
    int result = labels_surface_name(&timeline->labels, life, &name);
    if (result >= 0)
        result = process_number(timeline, life->process, life->pid, &process);
    if (result < 0)
        return result;
    bool d3dkmt = ga_row_is_d3dkmt(life->row);
    uint64_t key = (uint64_t)process << 32 | name << 1 | d3dkmt;
    const uint64_t *place = ga_map_get(&timeline->surfaces, life->surface, key);
    if (place) {
        *number = *place - 1;
        return 0;
    }
    *number = timeline->surface_count++;
    PUT(timeline, surface_address, life->surface);
    PUT(timeline, surface_name, (uint64_t)name << 1 | d3dkmt);
    PUT(timeline, surface_process, process);
    return number_new(&timeline->surfaces, life->surface, key, timeline->surface_count);
}

/* The curve of what is not kept singly. */
static void rest_change(struct timeline *timeline, const struct ga_life *maker, int sign)
{
    if (maker->imported || maker->origin == GA_SIZE_UNKNOWN)
        return;
    timeline->rest_bytes += sign > 0 ? maker->size : -maker->size;
    int64_t span = timeline->last_ns - timeline->first_ns + 1;
    double part = span > 0 ? (double)(timeline->now_ns - timeline->first_ns) / (double)span : 0;
    size_t at = part <= 0 ? 0 : part >= 1 ? TIMELINE_RESTS - 1 : (size_t)(part * TIMELINE_RESTS);
    for (; timeline->rest_count < at; timeline->rest_count++) /* nothing changed there: as it was */
        timeline->rest_peaks[timeline->rest_count + 1] = timeline->rest_bytes + (sign > 0 ? -maker->size : maker->size);
    if (timeline->rest_bytes > timeline->rest_peaks[at])
        timeline->rest_peaks[at] = timeline->rest_bytes;
}

/* Allocations. */

static int on_born(void *user, struct ga_life *life, const struct ga_call *call)
{
    struct timeline *timeline = user;
    timeline->allocations++;
    timeline->unknown += !life->imported && life->origin == GA_SIZE_UNKNOWN;
    timeline->bounds += !life->imported && ga_size_is_bound(life->origin);
    if (ga_histogram_add(&timeline->size_steps, life->origin == GA_SIZE_UNKNOWN ? 0 : life->size) < 0)
        return -ENOMEM;
    if (!timeline->filtered && timeline->allocations > timeline->limit)
        timeline->full = true;
    if (timeline->full)
        return 0;
    if (!keeps(timeline, life)) {
        rest_change(timeline, life, 1);
        return 0;
    }
    life->user = (void *)(uintptr_t)((timeline->written_calls + 1) | timeline->made_by_call++ << ELEMENT_SHIFT);
    timeline->needed = true;
    (void)call;
    return 0;
}

/* The row of an allocation that is over, memory and handle. with_call: the call being followed ended it. */
static int write_row(struct timeline *timeline, const struct ga_life *life, enum ga_life_end how, int64_t died_ns, bool with_call)
{
    uintptr_t kept = (uintptr_t)life->user;
    uint64_t surface;
    uint32_t device;
    int result = surface_number(timeline, life, &surface);
    if (result >= 0)
        result = device_number(timeline, life, &device);
    if (result < 0)
        return result;
    DIFFERENCE(timeline, create, (kept & create_mask) - 1);
    DIFFERENCE(timeline, end, timeline->written_calls + with_call);
    PUT(timeline, element, kept >> ELEMENT_SHIFT & ELEMENT_MASK);
    PUT(timeline, flags, how | (with_call ? FLAG_CALL : 0u) | (life->imported ? FLAG_IMPORTED : 0u) |
                             (ga_size_is_bound(life->origin) ? FLAG_BOUND : 0u) | (kept & gone ? FLAG_OUTLIVED : 0u));
    PUT(timeline, origin, life->origin);
    PUT(timeline, size, life->origin == GA_SIZE_UNKNOWN ? 0 : life->size);
    DIFFERENCE(timeline, handle, life->handle);
    DIFFERENCE(timeline, owner, life->owner);
    DIFFERENCE(timeline, resource, life->resource);
    DIFFERENCE(timeline, surface, surface);
    PUT(timeline, device, device);
    PUT(timeline, dma_buf, life->is_drm ? ga_life_drm(life)->dma_buf : 0);
    if (!with_call && how != GA_END_NOT)
        SIGNED(timeline, died, died_ns - timeline->origin_ns);
    if (kept & gone) {
        SIGNED(timeline, handle_died, life->died_ns - timeline->origin_ns);
        PUT(timeline, handle_end, (kept & ~gone) >> HOW_SHIFT);
    }
    timeline->needed |= with_call;
    timeline->written++;
    return 0;
}

static int on_died(void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    struct timeline *timeline = user;
    const struct ga_life *maker = ga_life_maker(life);
    int result = 0;
    if (timeline->full)
        return 0;
    if (life->user && maker == life && !life->imported && life->memory->handles) { /* its row comes with the memory's end */
        life->user = (void *)((uintptr_t)life->user | gone | (uintptr_t)how << HOW_SHIFT);
        return 0;
    }
    if (life->user)
        result = write_row(timeline, life, how, life->died_ns, call != NULL);
    if (result < 0 || life->memory->handles || maker->imported)
        return result;
    if (!maker->user && how != GA_END_NOT)
        rest_change(timeline, maker, -1);
    else if (maker->user && maker != life)
        result = write_row(timeline, maker, how, life->died_ns, call != NULL);
    return result;
}

/* Calls. */

static int on_before(void *user, const struct ga_call *call)
{
    struct timeline *timeline = user;
    if (!timeline->begun) {
        timeline->begun = true;
        timeline->origin_ns = call->begin_ns;
    }
    if (call->end_ns > timeline->now_ns)
        timeline->now_ns = call->end_ns;
    timeline->needed = false;
    timeline->made_by_call = 0;
    return 0;
}

static int write_call(struct timeline *timeline, const struct ga_call *call)
{
    const struct ga_call_header *header = call->header;
    uint32_t number;
    int result = thread_number(timeline, header, &number);
    if (result < 0)
        return result;
    struct timeline_thread *thread = &timeline->thread_list[number];
    DIFFERENCE(timeline, call_begin, (uint64_t)(call->begin_ns - timeline->origin_ns));
    PUT(timeline, call_duration, call->end_ns > call->begin_ns ? (uint64_t)(call->end_ns - call->begin_ns) : 0);
    PUT(timeline, call_kind, kind_number(timeline, call->row));
    PUT(timeline, call_thread, number);
    SIGNED(timeline, call_number, (int64_t)(header->call - thread->number - 1));
    PUT(timeline, call_marks, (call->failed ? MARK_FAILED : 0u) | (header->marks & GA_MARK_NESTED ? MARK_NESTED : 0u) |
                                  (header->marks & GA_MARK_RETRY ? MARK_RETRY : 0u));
    if (call->failed)
        PUT(timeline, call_code, ga_row_is_d3dkmt(call->row) ? call->status : (uint32_t)header->error);
    thread->number = header->call;
    timeline->written_calls++;
    return 0;
}

/* A call that made or ended what is in the page is in it; of others the slowest. */
static int on_after(void *user, const struct ga_call *call)
{
    struct timeline *timeline = user;
    uint64_t duration = call->end_ns > call->begin_ns ? (uint64_t)(call->end_ns - call->begin_ns) : 0;
    timeline->calls++;
    if (ga_histogram_add(&timeline->duration_steps, duration) < 0)
        return -ENOMEM;
    if (!timeline->filtered && timeline->written_calls > 2 * timeline->limit + timeline->limit / 2)
        timeline->full = true;
    if (timeline->full)
        return 0;
    if (!timeline->needed && timeline->filtered && !filter_keeps(&timeline->durations, duration, timeline->calls))
        return 0;
    return write_call(timeline, call);
}

static int on_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    struct timeline *timeline = user;
    if (ns > timeline->now_ns)
        timeline->now_ns = ns;
    return labels_event(&timeline->labels, row, record);
}

/* Passes. */

static void pass_release(struct timeline *timeline)
{
    for (size_t i = 0; i < TIMELINE_COLUMN_COUNT; i++)
        column_release(&timeline->columns[i]);
    labels_release(&timeline->labels);
    ga_histogram_release(&timeline->size_steps);
    ga_histogram_release(&timeline->duration_steps);
    ga_map_release(&timeline->threads);
    ga_map_release(&timeline->processes);
    ga_map_release(&timeline->devices);
    ga_map_release(&timeline->surfaces);
    free(timeline->thread_list);
    free(timeline->process_list);
    free(timeline->device_list);
}

void timeline_release(struct timeline *timeline)
{
    pass_release(timeline);
    *timeline = (struct timeline){0};
}

static int on_begin(void *user, unsigned pass)
{
    struct timeline *timeline = user, kept = *timeline;
    if (pass)
        pass_release(timeline);
    memset(timeline, 0, sizeof *timeline);
    timeline->path = kept.path;
    timeline->limit = kept.limit;
    timeline->page = kept.page;
    timeline->filtered = kept.filtered;
    timeline->sizes = kept.sizes;
    timeline->durations = kept.durations;
    timeline->first_ns = kept.origin_ns;
    timeline->last_ns = kept.now_ns;
    int result = 0;
    for (size_t i = 0; i < TIMELINE_COLUMN_COUNT && result >= 0; i++)
        result = column_init(&timeline->columns[i]);
    return result;
}

/* Sizes that were learnt in the first pass change what is largest: then it may take a third to come within the limit. */
static int on_end(void *user, const struct ga_reader_totals *totals)
{
    struct timeline *timeline = user;
    (void)totals;
    timeline->end_ns = timeline->now_ns;
    if (!timeline->begun)
        timeline->origin_ns = timeline->end_ns;
    bool again = timeline->full || (timeline->filtered && timeline->written > timeline->limit + timeline->limit / 8 + PASSES_MAX);
    if (!again)
        return 0;
    timeline->filtered = true;
    timeline->sizes = filter_of(&timeline->size_steps, timeline->limit);
    timeline->durations = filter_of(&timeline->duration_steps, timeline->limit / 2);
    return 1;
}

const struct follow_ops timeline_ops = {.begin = on_begin, .before = on_before, .event = on_event, .born = on_born, .died = on_died,
                                        .after = on_after, .end = on_end};
