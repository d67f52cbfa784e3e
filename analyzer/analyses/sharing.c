/*
 * Sharing: which process got at memory that another made, by which calls; and who exported. Memory that nothing recorded had made came
 * from outside: a compositor, a display server, or another adapter's driver.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "analyzer/groups.h"
#include "analyzer/table.h"
#include "base/array.h"

struct edge {
    uint64_t from, to; /* process instances; from 0: outside the recording */
    const struct ga_row *row;
    uint64_t count, bytes, unknown;
    uint32_t from_pid, to_pid;
    bool is_export; /* to: who exported; count: calls */
};

struct state {
    struct ga_map index[GA_ROW_COUNT]; /* (from, to) to the place in list, plus 1 */
    struct edge *list;
    size_t count, room;
};

static struct edge *edge_get(struct state *state, const struct ga_row *row, uint64_t from, uint64_t to)
{
    struct ga_map *index = &state->index[ga_row_id(row)];
    const uint64_t *place = ga_map_get(index, from, to);
    if (place)
        return &state->list[*place - 1];
    if (ga_array_room(&state->list, &state->room, state->count + 1, sizeof *state->list) < 0)
        return NULL;
    state->list[state->count++] = (struct edge){.from = from, .to = to, .row = row};
    return ga_map_set(index, from, to, state->count) < 0 ? NULL : &state->list[state->count - 1];
}

static int born(void *user, const struct ga_life *life, const struct ga_call *call)
{
    const struct ga_life *maker = ga_life_maker(life);
    if (!life->imported || !call)
        return 0;
    struct edge *edge = edge_get(user, life->row, maker->imported ? 0 : maker->process, life->process);
    if (!edge)
        return -ENOMEM;
    edge->count++;
    edge->bytes += life->origin == GA_SIZE_UNKNOWN ? 0 : life->size;
    edge->unknown += life->origin == GA_SIZE_UNKNOWN;
    edge->from_pid = maker->imported ? 0 : maker->pid;
    edge->to_pid = life->pid;
    return 0;
}

static int call(void *user, const struct ga_call *call)
{
    if (call->row->effect.kind != GA_EFFECT_EXPORT || call->failed || call->header->marks & GA_MARK_NESTED)
        return 0;
    struct edge *edge = edge_get(user, call->row, 0, call->header->process);
    if (!edge)
        return -ENOMEM;
    edge->is_export = true;
    edge->count++;
    edge->to_pid = call->header->pid;
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;
    if (x->is_export != y->is_export)
        return x->is_export ? 1 : -1;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int finish(void *user, const struct analysis_trace *trace)
{
    (void)trace;
    struct state *state = user;
    if (state->count)
        qsort(state->list, state->count, sizeof *state->list, by_bytes);
    return 0;
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"made by", TABLE_LEFT},  {"got by", TABLE_LEFT}, {"call", TABLE_LEFT},
                                                  {"times", TABLE_RIGHT}, {"bytes", TABLE_RIGHT}, {NULL}};
    const struct state *state = user;
    analysis_heading(out, "Sharing: %s", state->count ? "which process got at memory of which" : "nothing was exported or imported");
    struct table *table = state->count ? table_create(columns) : NULL;
    for (size_t i = 0; i < state->count && i < out->top; i++) {
        const struct edge *edge = &state->list[i];
        if (edge->is_export)
            table_cell(table, "process %" PRIu32, edge->to_pid);
        else
            table_cell(table, edge->from ? "process %" PRIu32 : "outside the recording", edge->from_pid);
        table_cell(table, edge->is_export ? "(exported)" : edge->from == edge->to ? "itself" : "process %" PRIu32, edge->to_pid);
        table_cell(table, "%s", edge->row->request);
        table_cell(table, "%s", ga_count(edge->count).text);
        table_cell(table, "%s", edge->is_export ? "" : group_bytes(edge->bytes, edge->count, edge->unknown, 0).text);
    }
    table_print(table, out->file);
}

static int edge_json(const void *element, json_object *object)
{
    const struct edge *edge = element;
    char event[96];
    snprintf(event, sizeof event, "%s:%s", edge->row->provider, edge->row->event);
    if (json_add_string(object, "event", event))
        return -ENOMEM;
    if (edge->is_export)
        return json_add_id(object, "exporter", edge->to) || json_add_uint(object, "calls", edge->count);
    return (edge->from ? json_add_id(object, "from", edge->from) : json_add(object, "from", NULL)) ||
           json_add_id(object, "to", edge->to) || json_add_uint(object, "handles", edge->count) ||
           json_add_uint(object, "bytes", edge->bytes) || json_add_uint(object, "unknown_size", edge->unknown);
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    return json_list(state->list, state->count, sizeof *state->list, edge_json);
}

static void release(void *user)
{
    struct state *state = user;
    for (size_t row = 0; row < GA_ROW_COUNT; row++)
        ga_map_release(&state->index[row]);
    free(state->list);
}

const struct analysis analysis_sharing = {
    .name = "sharing",
    .help = "who exported memory, and who imported it, across processes",
    .order = 64,
    .on_request = true,
    .state_size = sizeof(struct state),
    .call = call,
    .born = born,
    .finish = finish,
    .text = text,
    .json = json,
    .release = release,
};
