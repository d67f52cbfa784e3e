/* Calls by kind: how many, how many failed and why, how long they took, and how long it took until their memory was usable. */
#include "analyzer/groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/status.h"
#include "analyzer/table.h"
#include "reader/paging.h"

struct kind {
    uint64_t calls, failed, nested, retries;
    struct ga_histogram durations; /* ns, failed calls included */
    /* Calls that gave a paging fence's value: */
    uint64_t ready_at_once, ready, not_seen;
    struct ga_histogram ready_after; /* ns, from the call's begin until the fence was seen there: an upper bound */
};

struct failure {
    uint32_t row, code; /* code: NTSTATUS of d3dkmt, errno of drm */
    uint64_t count;
};

struct state {
    struct kind kinds[GA_ROW_COUNT];
    struct failure *failures;
    size_t failure_count;
    size_t order[GA_ROW_COUNT], shown; /* rows that were called, most calls first */
    struct ga_paging *paging;
};

static bool is_d3dkmt(uint32_t row)
{
    return ga_row_is_d3dkmt(&ga_rows[row]);
}

static int count_failure(struct state *state, uint32_t row, uint32_t code)
{
    for (size_t i = 0; i < state->failure_count; i++)
        if (state->failures[i].row == row && state->failures[i].code == code) {
            state->failures[i].count++;
            return 0;
        }
    struct failure *failures = reallocarray(state->failures, state->failure_count + 1, sizeof *failures);
    if (!failures)
        return -ENOMEM;
    state->failures = failures;
    failures[state->failure_count++] = (struct failure){row, code, 1};
    return 0;
}

static int ready(void *user, const struct ga_paging_wait *wait, int64_t after_ns, int64_t by_ns)
{
    struct state *state = user;
    struct kind *kind = &state->kinds[ga_row_id(wait->row)];
    (void)after_ns;
    kind->ready_at_once += wait->at_once;
    kind->ready += !wait->at_once;
    return wait->at_once ? 0 : ga_histogram_add(&kind->ready_after, (uint64_t)(by_ns - wait->begin_ns));
}

static int not_seen(void *user, const struct ga_paging_wait *wait)
{
    struct state *state = user;
    state->kinds[ga_row_id(wait->row)].not_seen++;
    return 0;
}

static int wait_for_paging(struct state *state, const struct ga_call *call)
{
    static const struct ga_paging_ops ops = {.ready = ready, .not_seen = not_seen};
    int result = state->paging ? 0 : ga_paging_create(&state->paging, &ops, state);
    return result ? result : ga_paging_call(state->paging, call);
}

static int event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    struct state *state = user;
    (void)ns;
    return state->paging ? ga_paging_event(state->paging, row, record) : 0;
}

static int call(void *user, const struct ga_call *call)
{
    struct state *state = user;
    uint32_t row = ga_row_id(call->row);
    struct kind *kind = &state->kinds[row];
    kind->calls++;
    kind->failed += call->failed;
    kind->nested += (call->header->marks & GA_MARK_NESTED) != 0;
    kind->retries += (call->header->marks & GA_MARK_RETRY) != 0;
    uint64_t begin = call->header->begin, end = call->header->end;
    int result = ga_histogram_add(&kind->durations, end > begin ? end - begin : 0);
    if (!result && ga_row_is_d3dkmt(call->row))
        result = wait_for_paging(state, call);
    if (result || !call->failed)
        return result;
    return count_failure(state, row, status_of(call));
}

static int finish(void *user, const struct analysis_trace *trace)
{
    (void)trace;
    struct state *state = user;
    for (size_t row = 0; row < GA_ROW_COUNT; row++) {
        if (!state->kinds[row].calls)
            continue;
        size_t place = state->shown++;
        for (; place && state->kinds[state->order[place - 1]].calls < state->kinds[row].calls; place--)
            state->order[place] = state->order[place - 1];
        state->order[place] = row;
    }
    return state->paging ? ga_paging_finish(state->paging) : 0;
}

/* How long after a call the memory that it asked for was usable. */
static void text_ready(const struct state *state, FILE *file)
{
    for (size_t i = 0; i < state->shown; i++) {
        const struct kind *kind = &state->kinds[state->order[i]];
        if (!kind->ready_at_once && !kind->ready && !kind->not_seen)
            continue;
        fprintf(file, "  usable after %s: %s at once", ga_rows[state->order[i]].request, ga_count(kind->ready_at_once).text);
        if (kind->ready)
            fprintf(file, ", %s within p50 %s, p99 %s, max %s", ga_count(kind->ready).text,
                    ga_duration((double)ga_histogram_percentile(&kind->ready_after, 500)).text,
                    ga_duration((double)ga_histogram_percentile(&kind->ready_after, 990)).text,
                    ga_duration((double)kind->ready_after.max).text);
        fprintf(file, ", %s not seen\n", ga_count(kind->not_seen).text);
    }
}

static void text_failures(const struct state *state, FILE *file)
{
    for (size_t i = 0; i < state->failure_count; i++) {
        const struct failure *failure = &state->failures[i];
        const char *name = status_name(&ga_rows[failure->row], failure->code);
        fprintf(file, "  failed: %s × %s, %s", ga_count(failure->count).text, ga_rows[failure->row].request,
                name ? name : "error");
        if (is_d3dkmt(failure->row))
            fprintf(file, " (0x%08X)\n", failure->code);
        else
            fprintf(file, " (%u: %s)\n", failure->code, strerrordesc_np((int)failure->code) ?: "no such errno");
    }
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"call", TABLE_LEFT},
                                                  {"calls", TABLE_RIGHT},
                                                  {"failed", TABLE_RIGHT},
                                                  {"retries", TABLE_RIGHT_IF_ANY},
                                                  {"nested", TABLE_RIGHT_IF_ANY},
                                                  {"took p50", TABLE_RIGHT},
                                                  {"p90", TABLE_RIGHT},
                                                  {"p99", TABLE_RIGHT},
                                                  {"max", TABLE_RIGHT},
                                                  {"in all", TABLE_RIGHT},
                                                  {NULL}};
    static const unsigned permilles[] = {500, 900, 990, 1000};
    const struct state *state = user;
    if (!state->shown) {
        analysis_heading(out, "Calls: none");
        return;
    }
    analysis_heading(out, "Calls: %zu kind%s, most frequent first", state->shown, state->shown == 1 ? "" : "s");
    struct table *table = table_create(columns);
    for (size_t i = 0; i < state->shown && i < out->top; i++) {
        const struct kind *kind = &state->kinds[state->order[i]];
        table_cell(table, "%s", ga_rows[state->order[i]].request);
        table_cell(table, "%s", ga_count(kind->calls).text);
        table_cell(table, "%s", ga_count(kind->failed).text);
        table_cell(table, "%s", ga_count(kind->retries).text);
        table_cell(table, "%s", ga_count(kind->nested).text);
        for (size_t p = 0; p < sizeof permilles / sizeof *permilles; p++)
            table_cell(table, "%s", ga_duration((double)ga_histogram_percentile(&kind->durations, permilles[p])).text);
        table_cell(table, "%s", ga_duration(kind->durations.sum).text);
    }
    table_print(table, out->file);
    if (state->shown > out->top)
        fprintf(out->file, "  and %zu more (--by calls)\n", state->shown - (size_t)out->top);
    text_ready(state, out->file);
    text_failures(state, out->file);
}

/* Only where a call gave a paging fence's value. */
static int ready_json(const struct kind *kind, json_object *object)
{
    if (!kind->ready_at_once && !kind->ready && !kind->not_seen)
        return 0;
    json_object *ready = json_object_new_object(), *after = json_object_new_object();
    return json_add(object, "ready", ready) || !ready || json_add_uint(ready, "at_once", kind->ready_at_once) ||
           json_add_uint(ready, "later", kind->ready) || json_add_uint(ready, "not_seen", kind->not_seen) ||
           json_add(ready, "within_ns", after) || !after ||
           json_add_uint(after, "p50", ga_histogram_percentile(&kind->ready_after, 500)) ||
           json_add_uint(after, "p90", ga_histogram_percentile(&kind->ready_after, 900)) ||
           json_add_uint(after, "p99", ga_histogram_percentile(&kind->ready_after, 990)) ||
           json_add_uint(after, "max", kind->ready_after.max);
}

static int kind_json(const struct state *state, size_t row, json_object *object)
{
    const struct kind *kind = &state->kinds[row];
    json_object *durations = json_object_new_object(), *failures = json_object_new_array();
    char event[96];
    snprintf(event, sizeof event, "%s:%s", ga_rows[row].provider, ga_rows[row].event);
    int failed = json_add(object, "duration_ns", durations) || json_add(object, "failures", failures) || !durations ||
                 !failures || json_add_string(object, "event", event) ||
                 json_add_string(object, "request", ga_rows[row].request) || json_add_uint(object, "calls", kind->calls) ||
                 json_add_uint(object, "failed", kind->failed) || json_add_uint(object, "retries", kind->retries) ||
                 json_add_uint(object, "nested", kind->nested) ||
                 json_add_uint(durations, "sum", (uint64_t)kind->durations.sum) ||
                 json_add_uint(durations, "p50", ga_histogram_percentile(&kind->durations, 500)) ||
                 json_add_uint(durations, "p90", ga_histogram_percentile(&kind->durations, 900)) ||
                 json_add_uint(durations, "p99", ga_histogram_percentile(&kind->durations, 990)) ||
                 json_add_uint(durations, "max", kind->durations.max) || ready_json(kind, object);
    for (size_t i = 0; i < state->failure_count && !failed; i++) {
        const struct failure *failure = &state->failures[i];
        if (failure->row != row)
            continue;
        json_object *entry = json_object_new_object();
        failed = !entry || json_object_array_add(failures, entry) ||
                 json_add_uint(entry, is_d3dkmt(failure->row) ? "status" : "errno", failure->code) ||
                 json_add_string(entry, "name", status_name(&ga_rows[failure->row], failure->code)) ||
                 json_add_uint(entry, "count", failure->count);
    }
    return failed;
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    json_object *array = json_object_new_array();
    int failed = !array;
    for (size_t i = 0; i < state->shown && !failed; i++) {
        json_object *object = json_object_new_object();
        failed = !object || json_object_array_add(array, object) || kind_json(state, state->order[i], object);
    }
    if (!failed)
        return array;
    json_object_put(array);
    return NULL;
}

static void release(void *user)
{
    struct state *state = user;
    for (size_t row = 0; row < GA_ROW_COUNT; row++)
        ga_histogram_release(&state->kinds[row].durations), ga_histogram_release(&state->kinds[row].ready_after);
    ga_paging_destroy(state->paging);
    free(state->failures);
}

const struct analysis analysis_calls = {
    .name = "calls",
    .help = "calls by kind, with their failures, durations, and time to resident",
    .order = 20,
    .state_size = sizeof(struct state),
    .call = call,
    .event = event,
    .finish = finish,
    .text = text,
    .json = json,
    .release = release,
};
