/*
 * Who holds how much: bytes told apart, for the whole trace, each device and each process, into exclusive, shared and imported ones.
 *
 * The words are the kernel's (Documentation/gpu/drm-usage-stats.rst), each buffer counted once by a holder, however many handles of it
 * the holder has. exclusive: its own, with one handle and never exported, which nobody else can hold. shared: its own, with several
 * handles or exported. imported: it has handles, and another holder made the memory, or nobody in the trace. Their sum is the kernel's
 * drm-total, shared and imported together its drm-shared.
 */
#include "analyzer/groups.h"

#include <errno.h>
#include <stdlib.h>

#include "analyzer/deferred.h"
#include "analyzer/labels.h"
#include "analyzer/table.h"
#include "base/array.h"

enum part { TOTAL, EXCLUSIVE, SHARED, IMPORTED, PARTS, NOT_HELD = PARTS };
static const char *const part_names[PARTS] = {"total", "exclusive", "shared", "imported"};

enum kind { ALL, DEVICE, PROCESS, KINDS };
static const char *const kind_names[KINDS] = {"all", "device", "process"};

struct figure {
    uint64_t buffers, unknown, bounds;  /* that were ever counted here; of these */
    uint64_t now, now_unknown, now_bounds, bytes;
    uint64_t peak_bytes;
    int64_t peak_ns;
};

struct holder {
    enum kind kind;
    bool drm;       /* device */
    uint64_t id;    /* device number or AdapterLuid; process instance */
    uint32_t pid;   /* process */
    uint32_t label;
    struct figure parts[PARTS];
};

/* A holder's handles of a buffer. */
struct hold {
    struct holder *holder;
    uint32_t handles;
    enum part part;
    bool counted[PARTS]; /* among the figure's buffers */
};

/* Kept of buffers that have, or had, more than one handle, or were exported. All others are lone: exclusive, or imported. */
struct buffer {
    const struct ga_memory *memory;
    uint64_t handles;
    struct hold *holds;
    size_t count, room;
};

struct state {
    struct labels labels;
    struct ga_map index;    /* (id, kind and interface) to struct holder */
    struct ga_map buffers;  /* (id of the maker, 0) to struct buffer */
    struct holder **list;
    size_t count, room;
};

static int event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    (void)ns;
    struct state *state = user;
    return labels_event(&state->labels, row, record);
}

static int label_of(struct labels *labels, enum kind kind, const struct ga_life *life, uint32_t *label)
{
    uint32_t program;
    if (kind == ALL)
        return labels_get(labels, "all", label);
    return kind == DEVICE ? labels_device(labels, life, label) : labels_process(labels, life->process, life->pid, label, &program);
}

static uint64_t holder_id(enum kind kind, const struct ga_life *life)
{
    return kind == ALL ? 0 : kind == DEVICE ? life->device : life->process;
}

/* The holder of a kind that a handle is of; null: out of memory. */
static struct holder *holder_get(struct state *state, enum kind kind, const struct ga_life *life)
{
    bool drm = kind == DEVICE && ga_row_is_drm(life->row);
    uint64_t id = holder_id(kind, life), *place = ga_map_get(&state->index, id, kind + drm * KINDS);
    if (place)
        return (struct holder *)(uintptr_t)*place;
    if (ga_array_room(&state->list, &state->room, state->count + 1, sizeof *state->list) < 0)
        return NULL;
    struct holder *holder = calloc(1, sizeof *holder);
    if (!holder)
        return NULL;
    *holder = (struct holder){.kind = kind, .drm = drm, .id = id, .pid = life->pid};
    if (label_of(&state->labels, kind, life, &holder->label) < 0 ||
        ga_map_set(&state->index, id, kind + drm * KINDS, (uintptr_t)holder) < 0) {
        free(holder);
        return NULL;
    }
    return state->list[state->count++] = holder;
}

/* Null: a lone one. */
static struct buffer *buffer_find(const struct state *state, const struct ga_memory *memory)
{
    uint64_t *place = state->buffers.count ? ga_map_get(&state->buffers, ga_memory_maker(memory)->id, 0) : NULL;
    return place ? (struct buffer *)(uintptr_t)*place : NULL;
}

static struct buffer *buffer_new(struct state *state, const struct ga_memory *memory)
{
    struct buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer || ga_map_set(&state->buffers, ga_memory_maker(memory)->id, 0, (uintptr_t)buffer) < 0) {
        free(buffer);
        return NULL;
    }
    buffer->memory = memory;
    return buffer;
}

static struct hold *hold_get(struct buffer *buffer, struct holder *holder)
{
    for (size_t i = 0; i < buffer->count; i++)
        if (buffer->holds[i].holder == holder)
            return &buffer->holds[i];
    if (ga_array_room(&buffer->holds, &buffer->room, buffer->count + 1, sizeof *buffer->holds) < 0)
        return NULL;
    buffer->holds[buffer->count] = (struct hold){.holder = holder, .part = NOT_HELD};
    return &buffer->holds[buffer->count++];
}

static void enter(struct hold *hold, enum part part, const struct ga_memory *memory, int64_t ns)
{
    struct figure *figure = &hold->holder->parts[part];
    bool unknown = ga_memory_maker(memory)->origin == GA_SIZE_UNKNOWN, bound = ga_size_is_bound(ga_memory_maker(memory)->origin);
    if (!hold->counted[part]) {
        hold->counted[part] = true;
        figure->buffers++;
        figure->unknown += unknown;
        figure->bounds += bound;
    }
    figure->now++;
    figure->now_unknown += unknown;
    figure->now_bounds += bound;
    figure->bytes += unknown ? 0 : ga_memory_maker(memory)->size;
    if (figure->bytes > figure->peak_bytes) {
        figure->peak_bytes = figure->bytes;
        figure->peak_ns = ns;
    }
}

static void leave(struct hold *hold, enum part part, const struct ga_memory *memory)
{
    struct figure *figure = &hold->holder->parts[part];
    figure->now--;
    figure->now_unknown -= ga_memory_maker(memory)->origin == GA_SIZE_UNKNOWN;
    figure->now_bounds -= ga_size_is_bound(ga_memory_maker(memory)->origin);
    figure->bytes -= ga_memory_maker(memory)->origin == GA_SIZE_UNKNOWN ? 0 : ga_memory_maker(memory)->size;
}

static enum part part_of(const struct buffer *buffer, const struct hold *hold)
{
    const struct ga_life *maker = ga_memory_maker(buffer->memory);
    const struct holder *holder = hold->holder;
    bool own = holder->id == holder_id(holder->kind, maker) && (holder->kind != DEVICE || holder->drm == ga_row_is_drm(maker->row));
    if (!hold->handles)
        return NOT_HELD;
    if (maker->imported || !own)
        return IMPORTED;
    return buffer->handles > 1 || buffer->memory->exported ? SHARED : EXCLUSIVE;
}

/* After a change of a buffer's handles: what each holder has of it now. Holds without handles go. */
static void update(struct buffer *buffer, int64_t ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < buffer->count; i++) {
        struct hold *hold = &buffer->holds[i];
        enum part part = part_of(buffer, hold), before = hold->part;
        if (part != before && before != NOT_HELD)
            leave(hold, before, buffer->memory);
        if (part == NOT_HELD) {
            leave(hold, TOTAL, buffer->memory);
            continue;
        }
        if (before == NOT_HELD)
            enter(hold, TOTAL, buffer->memory, ns);
        if (part != before)
            enter(hold, part, buffer->memory, ns);
        hold->part = part;
        buffer->holds[kept++] = *hold;
    }
    buffer->count = kept;
}

/* One more handle of a buffer, or (-1) one less: how many its holders have then. */
static int count_handle(struct state *state, struct buffer *buffer, const struct ga_life *life, int by)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        struct holder *holder = holder_get(state, kind, life);
        struct hold *hold = holder ? hold_get(buffer, holder) : NULL;
        if (!hold)
            return -ENOMEM;
        hold->handles += (uint32_t)by;
    }
    buffer->handles += (uint64_t)(int64_t)by;
    return 0;
}

/* A lone buffer comes (true) or goes, with its only handle: all its holders are the maker's. */
static int lone_change(struct state *state, const struct ga_life *life, bool comes)
{
    enum part part = life->imported ? IMPORTED : EXCLUSIVE;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        struct hold hold = {.holder = holder_get(state, kind, life)};
        if (!hold.holder)
            return -ENOMEM;
        if (comes) {
            enter(&hold, TOTAL, life->memory, life->born_ns);
            enter(&hold, part, life->memory, life->born_ns);
        } else {
            leave(&hold, part, life->memory);
            leave(&hold, TOTAL, life->memory);
        }
    }
    return 0;
}

/* What is kept of a buffer; one that was lone until now is put in as it was. Null: out of memory. */
static struct buffer *buffer_get(struct state *state, const struct ga_memory *memory)
{
    const struct ga_life *maker = ga_memory_maker(memory);
    struct buffer *buffer = buffer_find(state, memory);
    if (buffer)
        return buffer;
    buffer = buffer_new(state, memory);
    if (!buffer || count_handle(state, buffer, maker, 1) < 0)
        return NULL;
    for (size_t i = 0; i < buffer->count; i++) {
        struct hold *hold = &buffer->holds[i];
        hold->part = maker->imported ? IMPORTED : EXCLUSIVE;
        hold->counted[TOTAL] = hold->counted[hold->part] = true;
    }
    return buffer;
}

static int born(void *user, const struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    bool first = ga_life_maker(life) == life;
    if (first && (life->imported || !life->memory->exported))
        return lone_change(state, life, true);
    struct buffer *buffer = first ? buffer_new(state, life->memory) : buffer_get(state, life->memory);
    if (!buffer || count_handle(state, buffer, life, 1) < 0)
        return -ENOMEM;
    update(buffer, life->born_ns);
    return 0;
}

static int used(void *user, const struct ga_life *life, const struct ga_call *call)
{
    struct state *state = user;
    if (call->row->effect.kind != GA_EFFECT_EXPORT)
        return 0;
    struct buffer *buffer = buffer_get(state, life->memory);
    if (!buffer)
        return -ENOMEM;
    update(buffer, call->end_ns);
    return 0;
}

static int died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    if (how == GA_END_NOT)
        return 0; /* it is there at the end */
    struct buffer *buffer = buffer_find(state, life->memory);
    if (!buffer)
        return lone_change(state, life, false);
    if (count_handle(state, buffer, life, -1) < 0)
        return -ENOMEM;
    update(buffer, life->died_ns);
    if (buffer->handles)
        return 0;
    ga_map_erase(&state->buffers, ga_life_maker(life)->id, 0);
    free(buffer->holds);
    free(buffer);
    return 0;
}

/* All, devices, processes; of each kind the largest first. */
static int by_peak(const void *a, const void *b)
{
    const struct holder *x = *(const struct holder *const *)a, *y = *(const struct holder *const *)b;
    uint64_t one = x->parts[TOTAL].peak_bytes, other = y->parts[TOTAL].peak_bytes;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (one != other)
        return one > other ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int finish(void *user, const struct analysis_trace *trace)
{
    (void)trace;
    struct state *state = user;
    if (state->count)
        qsort(state->list, state->count, sizeof *state->list, by_peak);
    return 0;
}

static struct ga_text peak_of(const struct figure *figure)
{
    return group_bytes(figure->peak_bytes, figure->buffers, figure->unknown, figure->bounds);
}

static void holder_row(struct table *table, const struct holder *holder, const struct labels *labels)
{
    const struct figure *total = &holder->parts[TOTAL];
    table_cell(table, "%s", labels_text(labels, holder->label));
    table_cell(table, "%s", ga_count(total->buffers).text);
    for (enum part part = 0; part < PARTS; part++)
        table_cell(table, "%s", peak_of(&holder->parts[part]).text);
    if (total->now)
        table_cell(table, "%s (%s)", group_bytes(total->bytes, total->now, total->now_unknown, total->now_bounds).text,
                   ga_count(total->now).text);
    else
        table_cell(table, "-");
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"held by", TABLE_LEFT},     {"buffers", TABLE_RIGHT}, {"total", TABLE_RIGHT},
                                                  {"exclusive", TABLE_RIGHT}, {"shared", TABLE_RIGHT},  {"imported", TABLE_RIGHT},
                                                  {"at end (n)", TABLE_RIGHT}, {NULL}};
    const struct state *state = user;
    const struct figure *all = state->count ? state->list[0]->parts : NULL;
    if (!out->asked && (!all || !(all[SHARED].buffers + all[IMPORTED].buffers)))
        return; /* each allocation is its maker's: the other tables have it all */
    if (!all) {
        analysis_heading(out, "Held, each buffer once by a holder: nothing");
        return;
    }
    analysis_heading(out, "Held, each buffer once by a holder; most at a time, each column for itself");
    struct table *table = table_create(columns);
    uint64_t shown[KINDS] = {0}, more = 0;
    for (size_t i = 0; i < state->count; i++) {
        if (shown[state->list[i]->kind]++ < out->top)
            holder_row(table, state->list[i], &state->labels);
        else
            more++;
    }
    table_print(table, out->file);
    if (more)
        fprintf(out->file, "  and %s more\n", ga_count(more).text);
}

/* Bytes of so many buffers: null when none of their sizes is known. */
static int add_bytes(json_object *object, const char *name, uint64_t bytes, uint64_t count, uint64_t unknown)
{
    return count && count == unknown ? json_add(object, name, NULL) : json_add_uint(object, name, bytes);
}

static int figure_json(const struct figure *figure, json_object *object)
{
    return json_add_uint(object, "buffers", figure->buffers) || json_add_uint(object, "unknown_size", figure->unknown) ||
           json_add_uint(object, "lower_bounds", figure->bounds) ||
           add_bytes(object, "peak_bytes", figure->peak_bytes, figure->buffers, figure->unknown) ||
           (figure->peak_bytes && json_add(object, "peak_ts", json_object_new_int64(figure->peak_ns))) ||
           json_add_uint(object, "at_end", figure->now) || json_add_uint(object, "at_end_unknown_size", figure->now_unknown) ||
           json_add_uint(object, "at_end_lower_bounds", figure->now_bounds) ||
           add_bytes(object, "at_end_bytes", figure->bytes, figure->now, figure->now_unknown);
}

static int holder_json(const struct holder *holder, const struct labels *labels, json_object *object)
{
    int failed = json_add_string(object, "holder", kind_names[holder->kind]);
    if (!failed && holder->kind != ALL)
        failed = json_add_string(object, "name", labels_text(labels, holder->label));
    if (!failed && holder->kind == DEVICE)
        failed = json_add_uint(object, holder->drm ? "device" : "adapter_luid", holder->id);
    if (!failed && holder->kind == PROCESS)
        failed = json_add_id(object, "process", holder->id) || json_add_uint(object, "pid", holder->pid);
    for (enum part part = 0; part < PARTS && !failed; part++) {
        json_object *member = json_object_new_object();
        failed = !member || json_add(object, part_names[part], member) || figure_json(&holder->parts[part], member);
    }
    return failed;
}

static int element_json(const void *context, size_t i, json_object *object)
{
    const struct state *state = *(const struct state *const *)context;
    return holder_json(state->list[i], &state->labels, object);
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    return deferred_list(&state, sizeof state, state->count, element_json);
}

static void release(void *user)
{
    struct state *state = user;
    struct ga_map_slot *slot;
    for (size_t place = 0; (slot = ga_map_next(&state->buffers, &place));) {
        struct buffer *buffer = (struct buffer *)(uintptr_t)slot->value;
        free(buffer->holds);
        free(buffer);
    }
    for (size_t i = 0; i < state->count; i++)
        free(state->list[i]);
    free(state->list);
    ga_map_release(&state->index);
    ga_map_release(&state->buffers);
    labels_release(&state->labels);
}

const struct analysis analysis_holder = {
    .name = "holder",
    .help = "who holds how much: exclusive, shared and imported bytes of each device and process",
    .order = 35,
    .state_size = sizeof(struct state),
    .event = event,
    .born = born,
    .used = used,
    .died = died,
    .finish = finish,
    .text = text,
    .json = json,
    .release = release,
};
