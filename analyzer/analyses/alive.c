/* What was never freed: the allocations that were alive at the end of the trace, largest first. */
#include "analyzer/groups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/table.h"
#include "base/array.h"

struct state {
    const struct ga_life **lives; /* which can be read as long as there are lives */
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
    if (ga_array_room(&state->lives, &state->room, state->count + 1, sizeof *state->lives) < 0)
        return -ENOMEM;
    state->lives[state->count++] = life;
    return 0;
}

/* Known sizes first, largest first; then the oldest first. */
static int by_size(const void *a, const void *b)
{
    const struct ga_life *x = *(const struct ga_life *const *)a, *y = *(const struct ga_life *const *)b;
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
        qsort(state->lives, state->count, sizeof *state->lives, by_size);
    return 0;
}

static void text_life(struct table *table, const struct state *state, const struct ga_life *life)
{
    static const char *const origins[GA_SIZE_ORIGINS] = {
        [GA_SIZE_UNKNOWN] = "-",         [GA_SIZE_REQUESTED] = "request",     [GA_SIZE_RETURNED] = "driver",
        [GA_SIZE_COMPUTED] = "product",  [GA_SIZE_STANDARD] = "standard",     [GA_SIZE_DECODED] = "private data",
        [GA_SIZE_IMPORTED] = "exporter", [GA_SIZE_LOCKED] = "lock",           [GA_SIZE_MAPPED] = "GPU mapping"};
    bool d3dkmt = ga_row_is_d3dkmt(life->row);
    table_cell(table, d3dkmt ? "0x%" PRIx32 : "%" PRIu32, life->handle);
    table_cell(table, "%s", group_bytes(life->size, 1, life->origin == GA_SIZE_UNKNOWN, ga_size_is_bound(life->origin)).text);
    table_cell(table, "%s", origins[life->origin]);
    table_cell(table, "+%s", ga_duration((double)(life->born_ns - state->first_ns)).text);
    table_cell(table, "%s", life->row->request);
    table_cell(table, "%" PRIu32, life->tid);
    table_cell(table, "%" PRIu64, life->create_call);
    if (life->surface)
        table_cell(table, "0x%" PRIx64, life->surface);
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
        text_life(table, state, state->lives[i]);
    table_print(table, out->file);
}

static int life_json(const void *element, json_object *object)
{
    const struct ga_life *life = *(const struct ga_life *const *)element;
    bool known = life->origin != GA_SIZE_UNKNOWN, d3dkmt = ga_row_is_d3dkmt(life->row);
    char event[96];
    snprintf(event, sizeof event, "%s:%s", life->row->provider, life->row->event);
    int failed = json_add_uint(object, "handle", life->handle) || json_add_id(object, "process", life->process) ||
                 json_add_uint(object, "pid", life->pid) || json_add_uint(object, "tid", life->tid) ||
                 json_add_string(object, "event", event) || json_add_uint(object, "call", life->create_call) ||
                 json_add(object, "ts", json_object_new_int64(life->born_ns)) ||
                 (known ? json_add_uint(object, "size", life->size) : json_add(object, "size", NULL)) ||
                 json_add_string(object, "size_origin", ga_size_origin_name(life->origin)) ||
                 json_add(object, "imported", json_object_new_boolean(life->imported)) ||
                 json_add_uint(object, d3dkmt ? "adapter_luid" : "device", life->device);
    if (!failed && d3dkmt)
        failed = json_add_uint(object, "hDevice", life->owner) || json_add_uint(object, "hResource", life->resource) ||
                 json_add_uint(object, "hPrivateRuntimeResourceHandle", life->surface);
    return failed;
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    return json_list(state->lives, state->count, sizeof *state->lives, life_json);
}

static void release(void *user)
{
    struct state *state = user;
    free(state->lives);
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
