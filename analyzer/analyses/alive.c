/* What was never freed: the allocations that were alive at the end of the trace, largest first. */
#include "analyzer/groups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/table.h"
#include "base/array.h"

struct entry {
    uint64_t process, surface, size, device, create_call;
    int64_t born_ns;
    uint32_t pid, tid, handle, resource, owner;
    enum ga_size_origin origin;
    bool imported;
    const struct ga_row *row;
};

struct state {
    struct entry *entries;
    size_t count, room, imported;
    int64_t first_ns;
};

static int died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    if (how != GA_END_NOT)
        return 0;
    state->imported += life->imported;
    if (ga_array_room(&state->entries, &state->room, state->count + 1, sizeof *state->entries) < 0)
        return -ENOMEM;
    state->entries[state->count++] = (struct entry){.process = life->process,
                                                    .surface = life->surface,
                                                    .size = life->size,
                                                    .device = life->device,
                                                    .create_call = life->create_call,
                                                    .born_ns = life->born_ns,
                                                    .pid = life->pid,
                                                    .tid = life->tid,
                                                    .handle = life->handle,
                                                    .resource = life->resource,
                                                    .owner = life->owner,
                                                    .origin = life->origin,
                                                    .imported = life->imported,
                                                    .row = life->row};
    return 0;
}

/* Known sizes first, largest first; then the oldest first. */
static int by_size(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    bool x_known = x->origin != GA_SIZE_UNKNOWN, y_known = y->origin != GA_SIZE_UNKNOWN;
    if (x_known != y_known)
        return x_known ? -1 : 1;
    if (x_known && x->size != y->size)
        return x->size > y->size ? -1 : 1;
    if (x->born_ns != y->born_ns)
        return x->born_ns < y->born_ns ? -1 : 1;
    return x->handle < y->handle ? -1 : x->handle > y->handle;
}

static int finish(void *user, const struct analysis_trace *trace)
{
    struct state *state = user;
    state->first_ns = trace->totals->first_ns;
    if (state->count)
        qsort(state->entries, state->count, sizeof *state->entries, by_size);
    return 0;
}

static void text_entry(struct table *table, const struct state *state, const struct entry *entry)
{
    static const char *const origins[GA_SIZE_ORIGINS] = {
        [GA_SIZE_UNKNOWN] = "-",         [GA_SIZE_REQUESTED] = "request",     [GA_SIZE_RETURNED] = "driver",
        [GA_SIZE_COMPUTED] = "product",  [GA_SIZE_STANDARD] = "standard",     [GA_SIZE_DECODED] = "private data",
        [GA_SIZE_IMPORTED] = "exporter", [GA_SIZE_LOCKED] = "lock",           [GA_SIZE_MAPPED] = "GPU mapping"};
    bool d3dkmt = ga_row_is_d3dkmt(entry->row);
    table_cell(table, d3dkmt ? "0x%" PRIx32 : "%" PRIu32, entry->handle);
    table_cell(table, "%s", group_bytes(entry->size, 1, entry->origin == GA_SIZE_UNKNOWN, ga_size_is_bound(entry->origin)).text);
    table_cell(table, "%s", origins[entry->origin]);
    table_cell(table, "+%s", ga_duration((double)(entry->born_ns - state->first_ns)).text);
    table_cell(table, "%s", entry->row->request);
    table_cell(table, "%" PRIu32, entry->tid);
    table_cell(table, "%" PRIu64, entry->create_call);
    if (entry->surface)
        table_cell(table, "0x%" PRIx64, entry->surface);
    else
        table_cell(table, "%s", "");
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"handle", TABLE_RIGHT}, {"size", TABLE_RIGHT},  {"known from", TABLE_LEFT},
                                                  {"made at", TABLE_RIGHT}, {"by", TABLE_LEFT},    {"thread", TABLE_RIGHT},
                                                  {"call", TABLE_RIGHT},   {"surface", TABLE_RIGHT_IF_ANY}, {NULL}};
    const struct state *state = user;
    size_t shown = state->count < out->top ? state->count : out->top;
    if (!state->count) {
        analysis_heading(out, "Never freed: nothing");
        return;
    }
    char imported[64] = "";
    if (state->imported)
        snprintf(imported, sizeof imported, " (%s imported)", ga_count(state->imported).text);
    if (shown < state->count)
        analysis_heading(out, "Never freed, alive at the end: the largest %zu of %s%s", shown, ga_count(state->count).text,
                         imported);
    else
        analysis_heading(out, "Never freed, alive at the end: %s%s", ga_count(state->count).text, imported);
    struct table *table = table_create(columns);
    for (size_t i = 0; i < shown; i++)
        text_entry(table, state, &state->entries[i]);
    table_print(table, out->file);
}

static int entry_json(const void *element, json_object *object)
{
    const struct entry *entry = element;
    bool known = entry->origin != GA_SIZE_UNKNOWN, d3dkmt = ga_row_is_d3dkmt(entry->row);
    char event[96];
    snprintf(event, sizeof event, "%s:%s", entry->row->provider, entry->row->event);
    int failed = json_add_uint(object, "handle", entry->handle) || json_add_id(object, "process", entry->process) ||
                 json_add_uint(object, "pid", entry->pid) || json_add_uint(object, "tid", entry->tid) ||
                 json_add_string(object, "event", event) || json_add_uint(object, "call", entry->create_call) ||
                 json_add(object, "ts", json_object_new_int64(entry->born_ns)) ||
                 (known ? json_add_uint(object, "size", entry->size) : json_add(object, "size", NULL)) ||
                 json_add_string(object, "size_origin", ga_size_origin_name(entry->origin)) ||
                 json_add(object, "imported", json_object_new_boolean(entry->imported)) ||
                 json_add_uint(object, d3dkmt ? "adapter_luid" : "device", entry->device);
    if (!failed && d3dkmt)
        failed = json_add_uint(object, "hDevice", entry->owner) || json_add_uint(object, "hResource", entry->resource) ||
                 json_add_uint(object, "hPrivateRuntimeResourceHandle", entry->surface);
    return failed;
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    return json_list(state->entries, state->count, sizeof *state->entries, entry_json);
}

static void release(void *user)
{
    struct state *state = user;
    free(state->entries);
}

const struct analysis analysis_alive = {
    .name = "alive",
    .help = "what was never freed: allocations alive at the end of the trace",
    .order = 60,
    .state_size = sizeof(struct state),
    .died = died,
    .finish = finish,
    .text = text,
    .json = json,
    .release = release,
};
