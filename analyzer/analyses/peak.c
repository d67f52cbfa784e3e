/*
 * Live bytes over time, and what was alive at their peak, by surface, size class and thread.
 *
 * What is alive at the peak is exact without a look at all that lives whenever a new peak is reached: each key notes its own state at
 * the last peak just before it changes for the first time after it.
 */
#include "analyzer/surfaces.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/deferred.h"
#include "analyzer/groups.h"
#include "analyzer/table.h"
#include "base/array.h"

enum { SURFACES, NAMES, SIZES, THREADS, DIMENSIONS }; /* NAMES: of DRM's buffers */
enum { BUCKETS = 512, SMALLEST_SHIFT = 16, COLUMNS = 72 };

struct entry {
    struct group_key key;
    uint64_t bytes, count;       /* now */
    uint64_t at_bytes, at_count; /* at the peak with the number seen */
    uint64_t seen;
    uint32_t tid;
    bool others;
};

struct dimension {
    struct ga_index index; /* of the list */
    struct entry *list;
    size_t count, room, last; /* last: the one asked for before, often asked for again */
};

struct bucket {
    uint64_t max, end;
};

struct state {
    const struct analysis_source *source;
    struct dimension dimensions[DIMENSIONS];
    uint64_t bytes, count, unknown, bounds; /* now */
    uint64_t peak_bytes, peak_count, peak_unknown, peak_bounds, peaks;
    int64_t peak_ns, now_ns;
    struct bucket buckets[BUCKETS]; /* of 2^shift ns each, from first on */
    int64_t first;                  /* epoch, in buckets */
    unsigned shift;
    size_t used;
};

static int start(void *user, const struct analysis_source *source)
{
    struct state *state = user;
    state->source = source;
    state->shift = SMALLEST_SHIFT;
    state->now_ns = INT64_MIN;
    return 0;
}

/* Twice the width, two buckets in one. */
static void widen(struct state *state)
{
    struct bucket old[BUCKETS];
    int64_t first = state->first >> 1;
    size_t used = 0;
    memcpy(old, state->buckets, sizeof old);
    for (size_t i = 0; i < state->used; i++) {
        size_t place = (size_t)(((state->first + (int64_t)i) >> 1) - first);
        struct bucket *bucket = &state->buckets[place];
        bool fresh = place + 1 > used;
        bucket->max = !fresh && bucket->max > old[i].max ? bucket->max : old[i].max;
        bucket->end = old[i].end;
        used = place + 1;
    }
    state->first = first;
    state->used = used;
    state->shift++;
}

/* The bytes now are so many at this time. */
static void note(struct state *state, int64_t ns)
{
    state->now_ns = ns > state->now_ns ? ns : state->now_ns;
    if (!state->used)
        state->first = state->now_ns >> state->shift;
    while ((state->now_ns >> state->shift) - state->first >= BUCKETS)
        widen(state);
    size_t place = (size_t)((state->now_ns >> state->shift) - state->first);
    for (; state->used <= place; state->used++) {
        uint64_t before = state->used ? state->buckets[state->used - 1].end : 0;
        state->buckets[state->used] = (struct bucket){before, before};
    }
    struct bucket *bucket = &state->buckets[place];
    bucket->end = state->bytes;
    bucket->max = state->bytes > bucket->max ? state->bytes : bucket->max;
}

static uint64_t hash_of(const void *array, size_t number)
{
    const struct entry *list = array;
    return group_key_hash(list[number - 1].key);
}

static struct entry *entry_get(struct dimension *dimension, struct group_key key)
{
    struct entry *last = dimension->count ? &dimension->list[dimension->last] : NULL;
    if (last && group_key_is(last->key, key) && !last->others)
        return last;
    size_t at = (size_t)group_key_hash(key);
    for (uint32_t number; (number = ga_index_at(&dimension->index, at)); at++)
        if (group_key_is(dimension->list[number - 1].key, key))
            return &dimension->list[dimension->last = number - 1];
    if (dimension->count > GROUPS_MAX)
        return &dimension->list[GROUPS_MAX];
    if (ga_array_room(&dimension->list, &dimension->room, dimension->count + 1, sizeof *dimension->list) < 0)
        return NULL;
    bool others = dimension->count == GROUPS_MAX;
    dimension->list[dimension->count] = (struct entry){.key = key, .others = others};
    if (!others && ga_index_add(&dimension->index, dimension->list, hash_of) < 0)
        return NULL;
    return &dimension->list[dimension->count++];
}

static struct group_key key_of(const struct ga_life *life, size_t dimension)
{
    switch (dimension) {
    case SURFACES:
        return (struct group_key){life->surface, life->process};
    case NAMES:
        return (struct group_key){(uintptr_t)ga_life_name(life), life->process}; /* equal names are at the same address */
    case SIZES:
        return group_size_class(life->size, life->origin != GA_SIZE_UNKNOWN);
    default:
        return (struct group_key){life->create_thread, life->process};
    }
}

static void settle(const struct state *state, struct entry *entry)
{
    if (entry->seen == state->peaks)
        return;
    entry->at_bytes = entry->bytes;
    entry->at_count = entry->count;
    entry->seen = state->peaks;
}

/* One allocation more (by 1) or less (by -1). */
static int change(struct state *state, const struct ga_life *life, int64_t by)
{
    bool known = life->origin != GA_SIZE_UNKNOWN;
    uint64_t bytes = known ? life->size * (uint64_t)by : 0;
    for (size_t i = 0; i < DIMENSIONS; i++) {
        if (i == (ga_row_is_d3dkmt(life->row) ? NAMES : SURFACES))
            continue;
        struct entry *entry = entry_get(&state->dimensions[i], key_of(life, i));
        if (!entry)
            return -ENOMEM;
        settle(state, entry);
        entry->bytes += bytes;
        entry->count += (uint64_t)by;
        entry->tid = life->tid;
    }
    state->bytes += bytes;
    state->count += (uint64_t)by;
    state->unknown += known ? 0 : (uint64_t)by;
    state->bounds += ga_size_is_bound(life->origin) ? (uint64_t)by : 0;
    return 0;
}

static int born(void *user, const struct ga_life *life, const struct ga_call *call)
{
    struct state *state = user;
    if (life->imported)
        return 0;
    int result = change(state, life, 1);
    if (result)
        return result;
    note(state, call ? call->end_ns : state->source->from_ns);
    if (state->bytes > state->peak_bytes) {
        state->peak_bytes = state->bytes;
        state->peak_count = state->count;
        state->peak_unknown = state->unknown;
        state->peak_bounds = state->bounds;
        state->peak_ns = state->now_ns;
        state->peaks++;
    }
    return 0;
}

static int died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    struct state *state = user;
    const struct ga_life *maker = ga_life_maker(life);
    if (life->memory->handles || how == GA_END_NOT || maker->imported)
        return 0;
    int result = change(state, maker, -1);
    note(state, call ? call->end_ns : life->died_ns);
    return result;
}

static int by_bytes(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->at_bytes != y->at_bytes)
        return x->at_bytes > y->at_bytes ? -1 : 1;
    if (x->at_count != y->at_count)
        return x->at_count > y->at_count ? -1 : 1;
    if (x->key.b != y->key.b)
        return x->key.b < y->key.b ? -1 : 1;
    return x->key.a < y->key.a ? -1 : x->key.a > y->key.a;
}

/* From here on the lists hold what was alive at the peak, most bytes first. */
static int finish(void *user, const struct analysis_trace *trace)
{
    (void)trace;
    struct state *state = user;
    for (size_t i = 0; i < DIMENSIONS; i++) {
        struct dimension *dimension = &state->dimensions[i];
        ga_index_release(&dimension->index);
        size_t kept = 0;
        for (size_t e = 0; e < dimension->count; e++) {
            settle(state, &dimension->list[e]);
            if (dimension->list[e].at_count && state->peaks)
                dimension->list[kept++] = dimension->list[e];
        }
        dimension->count = kept;
        if (kept)
            qsort(dimension->list, kept, sizeof *dimension->list, by_bytes);
    }
    return 0;
}

static void entry_name(const struct state *state, size_t dimension, const struct entry *entry, char *text, size_t size)
{
    const char *name = dimension == NAMES ? (const char *)(uintptr_t)entry->key.a : NULL, *cut;
    int length = name ? surface_name_shown(name, &cut) : 0;
    if (entry->others)
        snprintf(text, size, "all others");
    else if (dimension == SIZES)
        snprintf(text, size, "%s", group_size_class_text(entry->key).text);
    else if (dimension == THREADS)
        snprintf(text, size, "thread %" PRIu32, entry->tid);
    else if (name)
        snprintf(text, size, "buffer \"%.*s%s\"", length, name, cut);
    else if (dimension == NAMES)
        snprintf(text, size, "buffers without a name");
    else
        snprintf(text, size, "%s", surface_text(state->source->names, entry->key.a, entry->key.b).text);
}

/* The live bytes from the first change to the last, drawn in a line. */
static void text_curve(const struct state *state, const struct analysis_output *out)
{
    static const char *const bars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    size_t columns = state->used < COLUMNS ? state->used : COLUMNS;
    fprintf(out->file, "  |");
    for (size_t column = 0; column < columns; column++) {
        uint64_t max = 0;
        for (size_t i = column * state->used / columns; i < (column + 1) * state->used / columns; i++)
            max = state->buckets[i].max > max ? state->buckets[i].max : max;
        double share = state->peak_bytes ? (double)max / (double)state->peak_bytes * 8 : 0;
        fputs(bars[max ? (size_t)share < 1 ? 1 : (size_t)share : 0], out->file);
    }
    fprintf(out->file, "| %s\n", ga_duration((double)state->used * (double)(1ULL << state->shift)).text);
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"alive at the peak", TABLE_LEFT}, {"bytes", TABLE_RIGHT}, {"share", TABLE_RIGHT},
                                                  {"allocations", TABLE_RIGHT},       {NULL}};
    const struct state *state = user;
    if (!state->peaks) {
        analysis_heading(out, "Live bytes over time: no size is known");
        return;
    }
    analysis_heading(out, "Live bytes over time: peak %s in %s allocation%s",
                     group_bytes(state->peak_bytes, state->peak_count, state->peak_unknown, state->peak_bounds).text,
                     ga_count(state->peak_count).text, state->peak_count == 1 ? "" : "s");
    text_curve(state, out);
    struct table *table = table_create(columns);
    size_t shown = out->top < 4 ? out->top : (size_t)out->top / 2;
    for (size_t i = 0; i < DIMENSIONS; i++)
        for (size_t e = 0; e < state->dimensions[i].count && e < shown; e++) {
            const struct entry *entry = &state->dimensions[i].list[e];
            char name[128];
            entry_name(state, i, entry, name, sizeof name);
            table_cell(table, "%s", name);
            table_cell(table, "%s", entry->at_bytes ? ga_bytes(entry->at_bytes).text : "unknown");
            table_cell(table, "%.0f %%", 100.0 * (double)entry->at_bytes / (double)state->peak_bytes);
            table_cell(table, "%s", ga_count(entry->at_count).text);
        }
    table_print(table, out->file);
}

static int entry_json(size_t dimension, const struct entry *entry, json_object *object)
{
    int failed = json_add_uint(object, "bytes", entry->at_bytes) || json_add_uint(object, "allocations", entry->at_count);
    if (failed || entry->others)
        return failed ? failed : json_add(object, "others", json_object_new_boolean(true));
    if (dimension == SIZES)
        return group_size_class_json(entry->key, object);
    failed = json_add_id(object, "process", entry->key.b);
    if (dimension == THREADS)
        return failed || json_add_uint(object, "thread", entry->key.a) || json_add_uint(object, "tid", entry->tid);
    if (dimension == NAMES)
        return failed || json_add_string(object, "name", (const char *)(uintptr_t)entry->key.a);
    return failed || json_add_uint(object, "hPrivateRuntimeResourceHandle", entry->key.a);
}

/* Of one dimension. */
struct alive {
    const struct entry *list;
    size_t dimension;
};

static int alive_json(const void *context, size_t i, json_object *object)
{
    const struct alive *alive = context;
    return entry_json(alive->dimension, &alive->list[i], object);
}

static int add_dimension(const struct state *state, size_t dimension, const char *name, json_object *object)
{
    struct alive alive = {state->dimensions[dimension].list, dimension};
    json_object *array = deferred_list(&alive, sizeof alive, state->dimensions[dimension].count, alive_json);
    return array ? json_add(object, name, array) : -ENOMEM;
}

static int add_curve(const struct state *state, json_object *object)
{
    json_object *curve = json_object_new_object(), *max = json_object_new_array(), *end = json_object_new_array();
    int failed = json_add(object, "over_time", curve) || !curve || json_add(curve, "max_bytes", max) || !max ||
                 json_add(curve, "end_bytes", end) || !end ||
                 json_add(curve, "first_ts", json_object_new_int64(state->used ? state->first << state->shift : 0)) ||
                 json_add_uint(curve, "bucket_ns", 1ULL << state->shift);
    for (size_t i = 0; i < state->used && !failed; i++)
        failed = json_object_array_add(max, json_object_new_uint64(state->buckets[i].max)) ||
                 json_object_array_add(end, json_object_new_uint64(state->buckets[i].end));
    return failed;
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    json_object *object = json_object_new_object(), *at_peak = json_object_new_object();
    if (object && !json_add(object, "at_peak", at_peak) && at_peak && !json_add_uint(object, "bytes", state->peak_bytes) &&
        !json_add_uint(object, "allocations", state->peak_count) && !json_add_uint(object, "unknown_size", state->peak_unknown) &&
        !json_add_uint(object, "lower_bounds", state->peak_bounds) &&
        !json_add(object, "ts", state->peaks ? json_object_new_int64(state->peak_ns) : NULL) &&
        !add_dimension(state, SURFACES, "surface", at_peak) && !add_dimension(state, NAMES, "buffer", at_peak) &&
        !add_dimension(state, SIZES, "size", at_peak) && !add_dimension(state, THREADS, "thread", at_peak) &&
        !add_curve(state, object))
        return object;
    json_object_put(object);
    return NULL;
}

static void release(void *user)
{
    struct state *state = user;
    for (size_t i = 0; i < DIMENSIONS; i++) {
        ga_index_release(&state->dimensions[i].index);
        free(state->dimensions[i].list);
    }
}

const struct analysis analysis_peak = {
    .name = "peak",
    .help = "live bytes over time, and what was alive at their peak by surface, size class and thread",
    .order = 12,
    .state_size = sizeof(struct state),
    .start = start,
    .born = born,
    .died = died,
    .finish = finish,
    .text = text,
    .json = json,
    .release = release,
};
