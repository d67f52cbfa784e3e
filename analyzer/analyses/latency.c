/*
 * How long calls took, by kind and by the size class of what they made, used or ended; and the slowest calls of all, with their thread,
 * surface and bytes.
 */
#include "analyzer/surfaces.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/groups.h"
#include "analyzer/table.h"
#include "base/array.h"

enum { SLOWEST = 64, KIND_MIN = 10, TIMES_MEDIAN = 20, NO_SIZE = 2 };
#define SLOW_NS 50000000 /* a slow call: so long, and so many times the median of its kind, of which there were enough */

/* What a call was about: the allocations that it made, used or ended. */
struct about {
    uint64_t process, call, bytes, count, unknown, surface;
    uint32_t thread, handle;
    const char *name; /* of a buffer of DRM, or null */
};

struct slow {
    struct about about;
    const struct ga_row *row;
    uint64_t duration;
    int64_t begin_ns;
    uint32_t pid, tid;
    bool failed;
};

struct class {
    uint32_t row;
    struct group_key size; /* b: NO_SIZE of calls about no allocation */
    struct ga_histogram durations;
};

struct state {
    const struct analysis_source *source;
    struct about about; /* of the call that is under way */
    struct ga_histogram kinds[GA_ROW_COUNT]; /* when finished: of all sizes */
    struct ga_map index; /* (row, size class) to the place in classes, plus 1 */
    struct class *classes;
    size_t class_count, room;
    size_t last[GA_ROW_COUNT]; /* place of the class asked for before, often asked for again */
    struct slow slowest[SLOWEST]; /* slowest first */
    size_t slow_count;
};

static int start(void *user, const struct analysis_source *source)
{
    struct state *state = user;
    state->source = source;
    return 0;
}

static void note(struct state *state, const struct ga_life *life, const struct ga_call *call)
{
    struct about *about = &state->about;
    const struct ga_call_header *header = call->header;
    if (about->process != header->process || about->thread != header->thread || about->call != header->call)
        *about = (struct about){.process = header->process, .thread = header->thread, .call = header->call};
    if (!about->count++) {
        about->handle = life->handle;
        about->surface = life->surface;
        about->name = ga_life_name(life);
    }
    about->bytes += life->origin == GA_SIZE_UNKNOWN ? 0 : life->size;
    about->unknown += life->origin == GA_SIZE_UNKNOWN;
}

static int born(void *user, const struct ga_life *life, const struct ga_call *call)
{
    if (call)
        note(user, life, call);
    return 0;
}

static int died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)how;
    return born(user, life, call);
}

static int used(void *user, const struct ga_life *life, const struct ga_call *call)
{
    return born(user, life, call);
}

/* D3DKMT's calls that use allocations by their handles, one or a list. */
static const struct {
    const char *handle, *list;
} uses[GA_ROW_COUNT] = {
    [GA_ROW_d3dkmt_lock2] = {.handle = "hAllocation"},
    [GA_ROW_d3dkmt_unlock2] = {.handle = "hAllocation"},
    [GA_ROW_d3dkmt_map_gpu_virtual_address] = {.handle = "hAllocation"},
    [GA_ROW_d3dkmt_update_allocation_property] = {.handle = "hAllocation"},
    [GA_ROW_d3dkmt_make_resident] = {.list = "AllocationList"},
    [GA_ROW_d3dkmt_evict] = {.list = "AllocationList"},
};

static void note_handle(struct state *state, const struct ga_call *call, uint32_t handle)
{
    const struct ga_life *life = handle ? ga_lives_find_at(state->source->lives, call->header->process, handle, call->begin_ns) : NULL;
    if (life)
        note(state, life, call);
}

static void note_uses(struct state *state, const struct ga_call *call)
{
    uint32_t row = ga_row_id(call->row);
    if (uses[row].handle) {
        note_handle(state, call, (uint32_t)ga_member_in(ga_row_member(call->row, uses[row].handle), call->record));
    } else if (uses[row].list) {
        const struct ga_member *member = ga_row_member(call->row, uses[row].list);
        uint32_t length = (uint32_t)ga_load((const char *)call->record + member->length, sizeof length, false);
        const uint32_t *list = *(const uint32_t *const *)((const char *)call->record + member->in);
        for (uint32_t i = 0; list && i < length; i++)
            note_handle(state, call, list[i]);
    }
}

static struct class *class_get(struct state *state, uint32_t row, struct group_key size)
{
    struct class *last = state->class_count ? &state->classes[state->last[row]] : NULL;
    if (last && last->row == row && last->size.a == size.a && last->size.b == size.b)
        return last;
    uint64_t low = size.b ? size.b : size.a, *place = ga_map_get(&state->index, row, low);
    if (place)
        return &state->classes[state->last[row] = *place - 1];
    if (ga_array_room(&state->classes, &state->room, state->class_count + 1, sizeof *state->classes) < 0)
        return NULL;
    state->classes[state->class_count++] = (struct class){.row = row, .size = size};
    return ga_map_set(&state->index, row, low, state->class_count) < 0 ? NULL : &state->classes[state->class_count - 1];
}

/* Keeps it when it is among the slowest; of equals the earlier. */
static void rank(struct state *state, const struct slow *slow)
{
    size_t place = state->slow_count;
    if (place == SLOWEST && slow->duration <= state->slowest[SLOWEST - 1].duration)
        return;
    place = place < SLOWEST ? state->slow_count++ : SLOWEST - 1;
    for (; place && state->slowest[place - 1].duration < slow->duration; place--)
        state->slowest[place] = state->slowest[place - 1];
    state->slowest[place] = *slow;
}

static int call(void *user, const struct ga_call *call)
{
    struct state *state = user;
    const struct ga_call_header *header = call->header;
    if (!call->failed)
        note_uses(state, call);
    struct about about = state->about, none = {.process = header->process, .call = header->call, .thread = header->thread};
    if (about.process != header->process || about.thread != header->thread || about.call != header->call)
        about = none;
    state->about = (struct about){0};
    struct group_key size = {0, NO_SIZE};
    if (about.count)
        size = group_size_class(about.bytes, about.unknown < about.count);
    uint64_t duration = header->end > header->begin ? header->end - header->begin : 0;
    struct class *class = class_get(state, ga_row_id(call->row), size);
    if (!class || ga_histogram_add(&class->durations, duration) < 0)
        return -ENOMEM;
    rank(state, &(struct slow){about, call->row, duration, call->begin_ns, header->pid, header->tid, call->failed});
    return 0;
}

static int by_kind(const void *a, const void *b)
{
    const struct class *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    if (x->size.b != y->size.b)
        return x->size.b < y->size.b ? -1 : 1;
    return x->size.a < y->size.a ? -1 : x->size.a > y->size.a;
}

static int finish(void *user, const struct analysis_trace *trace)
{
    (void)trace;
    struct state *state = user;
    if (state->class_count)
        qsort(state->classes, state->class_count, sizeof *state->classes, by_kind);
    for (size_t i = 0; i < state->class_count; i++)
        if (ga_histogram_merge(&state->kinds[state->classes[i].row], &state->classes[i].durations) < 0)
            return -ENOMEM;
    return 0;
}

/* Calls whose purpose is to wait, or to hand over work, may take their time. */
static bool may_be_slow(const struct ga_row *row)
{
    static const char *const words[] = {"wait", "submit", "signal", "exec", "mmap"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(row->event, words[i]))
            return true;
    return false;
}

static bool is_found(const struct state *state, const struct slow *slow)
{
    const struct ga_histogram *kind = &state->kinds[ga_row_id(slow->row)];
    return slow->duration >= SLOW_NS && kind->count >= KIND_MIN && !may_be_slow(slow->row) &&
           slow->duration >= TIMES_MEDIAN * ga_histogram_percentile(kind, 500);
}

static struct surface_text about_text(const struct state *state, const struct about *about)
{
    struct surface_text out = {""};
    const char *cut;
    if (about->name) {
        int length = surface_name_shown(about->name, &cut);
        snprintf(out.text, sizeof out.text, "buffer \"%.*s%s\"", length, about->name, cut);
        return out;
    }
    return about->count ? surface_text(state->source->names, about->surface, about->process) : out;
}

/* One finding a kind of call and thread: the slowest, which comes first. */
static int find(const void *user, struct analysis_findings *findings)
{
    const struct state *state = user;
    int result = 0;
    for (size_t i = 0; i < state->slow_count && !result; i++) {
        const struct slow *slow = &state->slowest[i];
        uint64_t others = 0;
        bool told = !is_found(state, slow);
        for (size_t k = 0; k < state->slow_count; k++) {
            const struct slow *other = &state->slowest[k];
            bool same = other->row == slow->row && other->tid == slow->tid && other->about.process == slow->about.process;
            told = told || (same && k < i);
            others += same && k > i && is_found(state, other);
        }
        if (told)
            continue;
        struct analysis_finding finding = {.kind = "slow call",
                                           .process = slow->about.process,
                                           .surface = slow->about.surface,
                                           .tid = slow->tid,
                                           .bytes = slow->about.bytes,
                                           .count = 1 + others,
                                           .call = slow->about.call,
                                           .weight = slow->duration};
        char bytes[48] = "", more[48] = "";
        if (slow->about.count)
            snprintf(bytes, sizeof bytes, " of %s", group_bytes(slow->about.bytes, slow->about.count, slow->about.unknown, 0).text);
        if (others)
            snprintf(more, sizeof more, " (and %s more)", ga_count(others).text);
        struct surface_text surface = about_text(state, &slow->about);
        snprintf(finding.text, sizeof finding.text, "%s%s took %s, median %s%s, %s%sthread %" PRIu32 ", call %" PRIu64,
                 slow->row->request, bytes, ga_duration((double)slow->duration).text,
                 ga_duration((double)ga_histogram_percentile(&state->kinds[ga_row_id(slow->row)], 500)).text, more, surface.text,
                 *surface.text ? ", " : "", slow->tid, slow->about.call);
        result = analysis_findings_add(findings, &finding);
    }
    return result;
}

static void text_slowest(const struct state *state, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"took", TABLE_RIGHT},   {"call", TABLE_LEFT},    {"bytes", TABLE_RIGHT},
                                                  {"thread", TABLE_RIGHT}, {"number", TABLE_RIGHT}, {"for", TABLE_LEFT},
                                                  {NULL}};
    size_t shown = state->slow_count < out->top ? state->slow_count : (size_t)out->top;
    analysis_heading(out, "Slowest calls: %s", shown ? "of all kinds" : "none");
    struct table *table = shown ? table_create(columns) : NULL;
    for (size_t i = 0; i < shown; i++) {
        const struct slow *slow = &state->slowest[i];
        table_cell(table, "%s", ga_duration((double)slow->duration).text);
        table_cell(table, "%s%s", slow->row->request, slow->failed ? " (failed)" : "");
        table_cell(table, "%s", group_bytes(slow->about.bytes, slow->about.count, slow->about.unknown, 0).text);
        table_cell(table, "%" PRIu32, slow->tid);
        table_cell(table, "%" PRIu64, slow->about.call);
        table_cell(table, "%s", about_text(state, &slow->about).text);
    }
    table_print(table, out->file);
}

static struct ga_text class_text(const struct class *class)
{
    struct ga_text none = {"-"};
    return class->size.b == NO_SIZE ? none : group_size_class_text(class->size);
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"call", TABLE_LEFT},      {"of size", TABLE_RIGHT}, {"calls", TABLE_RIGHT},
                                                  {"took p50", TABLE_RIGHT}, {"p90", TABLE_RIGHT},     {"p99", TABLE_RIGHT},
                                                  {"max", TABLE_RIGHT},      {NULL}};
    static const unsigned permilles[] = {500, 900, 990, 1000};
    const struct state *state = user;
    text_slowest(state, out);
    if (!out->asked || !state->class_count)
        return;
    fputc('\n', out->file);
    analysis_heading(out, "Calls by kind and size");
    struct table *table = table_create(columns);
    for (size_t i = 0; i < state->class_count; i++) {
        const struct class *class = &state->classes[i];
        table_cell(table, "%s", ga_rows[class->row].request);
        table_cell(table, "%s", class_text(class).text);
        table_cell(table, "%s", ga_count(class->durations.count).text);
        for (size_t p = 0; p < sizeof permilles / sizeof *permilles; p++)
            table_cell(table, "%s", ga_duration((double)ga_histogram_percentile(&class->durations, permilles[p])).text);
    }
    table_print(table, out->file);
}

static int event_json(const struct ga_row *row, json_object *object)
{
    char event[96];
    snprintf(event, sizeof event, "%s:%s", row->provider, row->event);
    return json_add_string(object, "event", event);
}

static int class_json(const void *element, json_object *object)
{
    const struct class *class = element;
    json_object *durations = json_object_new_object();
    bool sized = class->size.b != NO_SIZE;
    return json_add(object, "duration_ns", durations) || !durations || event_json(&ga_rows[class->row], object) ||
           json_add(object, "about_allocations", json_object_new_boolean(sized)) ||
           (sized && group_size_class_json(class->size, object)) || json_add_uint(object, "calls", class->durations.count) ||
           json_add_uint(durations, "p50", ga_histogram_percentile(&class->durations, 500)) ||
           json_add_uint(durations, "p90", ga_histogram_percentile(&class->durations, 900)) ||
           json_add_uint(durations, "p99", ga_histogram_percentile(&class->durations, 990)) ||
           json_add_uint(durations, "max", class->durations.max);
}

static int slow_json(const void *element, json_object *object)
{
    const struct slow *slow = element;
    const struct about *about = &slow->about;
    return json_add_uint(object, "duration_ns", slow->duration) || event_json(slow->row, object) ||
           json_add_id(object, "process", about->process) || json_add_uint(object, "pid", slow->pid) ||
           json_add_uint(object, "tid", slow->tid) || json_add_uint(object, "call", about->call) ||
           json_add(object, "ts", json_object_new_int64(slow->begin_ns)) ||
           json_add(object, "failed", json_object_new_boolean(slow->failed)) ||
           json_add_uint(object, "allocations", about->count) || json_add_uint(object, "unknown_size", about->unknown) ||
           json_add_uint(object, "bytes", about->bytes) || json_add_uint(object, "handle", about->handle) ||
           json_add_uint(object, "surface", about->surface) || json_add_string(object, "name", about->name);
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    json_object *object = json_object_new_object();
    int failed = !object ||
                 json_add_list(object, "by_kind_and_size", state->classes, state->class_count, sizeof *state->classes, class_json) ||
                 json_add_list(object, "slowest", state->slowest, state->slow_count, sizeof *state->slowest, slow_json);
    if (!failed)
        return object;
    json_object_put(object);
    return NULL;
}

static void release(void *user)
{
    struct state *state = user;
    for (size_t row = 0; row < GA_ROW_COUNT; row++)
        ga_histogram_release(&state->kinds[row]);
    for (size_t i = 0; i < state->class_count; i++)
        ga_histogram_release(&state->classes[i].durations);
    free(state->classes);
    ga_map_release(&state->index);
}

const struct analysis analysis_latency = {
    .name = "latency",
    .help = "the slowest calls, and how long calls took by kind and size class",
    .order = 65,
    .state_size = sizeof(struct state),
    .start = start,
    .call = call,
    .born = born,
    .died = died,
    .used = used,
    .finish = finish,
    .find = find,
    .text = text,
    .json = json,
    .release = release,
};
