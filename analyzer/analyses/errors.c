/* Errors: failed calls by kind and by what they failed with, and the first and the last of each. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/groups.h"
#include "analyzer/status.h"
#include "analyzer/table.h"
#include "base/array.h"

struct failure {
    const struct ga_row *row;
    uint32_t code;
    uint64_t count, process, call; /* process, call: of the first */
    uint32_t tid;
    int64_t first_ns, last_ns;
};

struct state {
    struct ga_map index; /* (row, code) to the place in list, plus 1 */
    struct failure *list;
    size_t count, room;
    uint64_t calls;
    int64_t start_ns;
};

static int call(void *user, const struct ga_call *call)
{
    struct state *state = user;
    if (!call->failed)
        return 0;
    uint32_t code = status_of(call);
    const uint64_t *place = ga_map_get(&state->index, ga_row_id(call->row), code);
    if (!place) {
        if (ga_array_room(&state->list, &state->room, state->count + 1, sizeof *state->list) < 0)
            return -ENOMEM;
        state->list[state->count++] = (struct failure){.row = call->row,
                                                       .code = code,
                                                       .process = call->header->process,
                                                       .call = call->header->call,
                                                       .tid = call->header->tid,
                                                       .first_ns = call->begin_ns};
        if (ga_map_set(&state->index, ga_row_id(call->row), code, state->count) < 0)
            return -ENOMEM;
    }
    struct failure *failure = &state->list[place ? *place - 1 : state->count - 1];
    failure->count++;
    failure->last_ns = call->begin_ns;
    state->calls++;
    return 0;
}

static int by_count(const void *a, const void *b)
{
    const struct failure *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return x->code < y->code ? -1 : x->code > y->code;
}

static int finish(void *user, const struct analysis_trace *trace)
{
    struct state *state = user;
    state->start_ns = trace->totals->first_ns;
    if (state->count)
        qsort(state->list, state->count, sizeof *state->list, by_count);
    return 0;
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"failed", TABLE_RIGHT}, {"call", TABLE_LEFT},  {"with", TABLE_LEFT},
                                                  {"code", TABLE_RIGHT},   {"first", TABLE_RIGHT}, {"last", TABLE_RIGHT},
                                                  {"thread", TABLE_RIGHT}, {"number", TABLE_RIGHT}, {NULL}};
    const struct state *state = user;
    size_t shown = state->count < out->top ? state->count : (size_t)out->top;
    analysis_heading(out, "Errors: %s", state->calls ? ga_count(state->calls).text : "no call failed");
    struct table *table = shown ? table_create(columns) : NULL;
    for (size_t i = 0; i < shown; i++) {
        const struct failure *failure = &state->list[i];
        const char *name = status_name(failure->row, failure->code);
        table_cell(table, "%s", ga_count(failure->count).text);
        table_cell(table, "%s", failure->row->request);
        table_cell(table, "%s", name ? name : "-");
        table_cell(table, ga_row_is_d3dkmt(failure->row) ? "0x%08" PRIX32 : "%" PRIu32, failure->code);
        table_cell(table, "+%s", ga_duration((double)(failure->first_ns - state->start_ns)).text);
        table_cell(table, "+%s", ga_duration((double)(failure->last_ns - state->start_ns)).text);
        table_cell(table, "%" PRIu32, failure->tid);
        table_cell(table, "%" PRIu64, failure->call);
    }
    table_print(table, out->file);
    if (shown)
        fputs("  thread, number: of the first\n", out->file);
}

static int failure_json(const void *element, json_object *object)
{
    const struct failure *failure = element;
    char event[96];
    snprintf(event, sizeof event, "%s:%s", failure->row->provider, failure->row->event);
    return json_add_string(object, "event", event) ||
           json_add_uint(object, ga_row_is_d3dkmt(failure->row) ? "status" : "errno", failure->code) ||
           json_add_string(object, "name", status_name(failure->row, failure->code)) ||
           json_add_uint(object, "count", failure->count) || json_add_id(object, "process", failure->process) ||
           json_add_uint(object, "tid", failure->tid) || json_add_uint(object, "call", failure->call) ||
           json_add(object, "first_ts", json_object_new_int64(failure->first_ns)) ||
           json_add(object, "last_ts", json_object_new_int64(failure->last_ns));
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    return json_list(state->list, state->count, sizeof *state->list, failure_json);
}

static void release(void *user)
{
    struct state *state = user;
    free(state->list);
    ga_map_release(&state->index);
}

const struct analysis analysis_errors = {
    .name = "errors",
    .help = "failed calls by kind and by what they failed with",
    .order = 61,
    .on_request = true,
    .state_size = sizeof(struct state),
    .call = call,
    .finish = finish,
    .text = text,
    .json = json,
    .release = release,
};
