/*
 * Residency and budget of D3DKMT: what MakeResident asked to be resident and Evict gave up, and what QueryVideoMemoryInfo said of the
 * budget. An allocation is resident while it was made so more often than it was evicted.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/groups.h"
#include "analyzer/table.h"
#include "base/array.h"

/* A segment group of an adapter, as a process asked about it. */
struct budget {
    uint64_t process, queries, over; /* over: answers with more usage than budget */
    uint64_t budget_least, budget_last, usage_most, usage_last;
    uint32_t pid, adapter, group, tid; /* tid: of the answer with the most usage */
};

struct state {
    const struct analysis_source *source;
    uint32_t *counts; /* by ga_life_number: how often it was made resident and not evicted */
    size_t count, room;
    uint64_t makes, made, evicts, evicted, to_trim_most;
    uint64_t resident, bytes, unknown, peak_bytes; /* now */
    int64_t peak_ns;
    struct budget *budgets;
    size_t budget_count, budget_room;
};

static int start(void *user, const struct analysis_source *source)
{
    struct state *state = user;
    state->source = source;
    return 0;
}

/* by: 1 begins to be resident, -1 ends. */
static void change(struct state *state, const struct ga_life *life, int64_t by)
{
    bool known = life->origin != GA_SIZE_UNKNOWN;
    state->resident += (uint64_t)by;
    state->unknown += known ? 0 : (uint64_t)by;
    state->bytes += known ? life->size * (uint64_t)by : 0;
}

/* Null: out of memory, or with no room to be made, of one that was never made resident. */
static uint32_t *count_of(struct state *state, const struct ga_life *life, bool make)
{
    size_t number = ga_life_number(life);
    if (number >= state->count) {
        if (!make || ga_array_room(&state->counts, &state->room, number + 1, sizeof *state->counts) < 0)
            return NULL;
        memset(state->counts + state->count, 0, (number + 1 - state->count) * sizeof *state->counts);
        state->count = number + 1;
    }
    return &state->counts[number];
}

static int make_resident(struct state *state, const struct ga_call *call)
{
    const struct ga_d3dkmt_make_resident *record = call->record;
    state->makes++;
    state->made += record->NumAllocations_out;
    if (record->NumBytesToTrim > state->to_trim_most)
        state->to_trim_most = record->NumBytesToTrim;
    for (uint32_t i = 0; record->AllocationList_list && i < record->AllocationList_length && i < record->NumAllocations_out; i++) {
        uint64_t process = call->header->process, handle = record->AllocationList_list[i];
        const struct ga_life *life = ga_lives_find_at(state->source->lives, process, (uint32_t)handle, call->begin_ns);
        uint32_t *count = life ? count_of(state, life, true) : NULL;
        if (!life)
            continue;
        if (!count)
            return -ENOMEM;
        if (!(*count)++)
            change(state, life, 1);
    }
    if (state->bytes > state->peak_bytes) {
        state->peak_bytes = state->bytes;
        state->peak_ns = call->end_ns;
    }
    return 0;
}

static int evict(struct state *state, const struct ga_call *call)
{
    const struct ga_d3dkmt_evict *record = call->record;
    state->evicts++;
    state->evicted += record->NumAllocations;
    for (uint32_t i = 0; record->AllocationList_list && i < record->AllocationList_length; i++) {
        uint64_t process = call->header->process, handle = record->AllocationList_list[i];
        const struct ga_life *life = ga_lives_find_at(state->source->lives, process, (uint32_t)handle, call->begin_ns);
        uint32_t *count = life ? count_of(state, life, false) : NULL;
        if (count && *count && !--*count)
            change(state, life, -1);
    }
    return 0;
}

static struct budget *budget_get(struct state *state, const struct ga_call *call)
{
    const struct ga_d3dkmt_query_video_memory_info *record = call->record;
    for (size_t i = 0; i < state->budget_count; i++) {
        struct budget *budget = &state->budgets[i];
        if (budget->process == call->header->process && budget->adapter == record->hAdapter &&
            budget->group == record->MemorySegmentGroup)
            return budget;
    }
    if (ga_array_room(&state->budgets, &state->budget_room, state->budget_count + 1, sizeof *state->budgets) < 0)
        return NULL;
    state->budgets[state->budget_count] = (struct budget){.process = call->header->process,
                                                          .pid = call->header->pid,
                                                          .adapter = record->hAdapter,
                                                          .group = record->MemorySegmentGroup,
                                                          .budget_least = UINT64_MAX};
    return &state->budgets[state->budget_count++];
}

static int query(struct state *state, const struct ga_call *call)
{
    const struct ga_d3dkmt_query_video_memory_info *record = call->record;
    struct budget *budget = budget_get(state, call);
    if (!budget)
        return -ENOMEM;
    budget->queries++;
    budget->over += record->CurrentUsage > record->Budget;
    budget->budget_least = record->Budget < budget->budget_least ? record->Budget : budget->budget_least;
    if (record->CurrentUsage > budget->usage_most || budget->queries == 1) {
        budget->usage_most = record->CurrentUsage;
        budget->tid = call->header->tid;
    }
    budget->budget_last = record->Budget;
    budget->usage_last = record->CurrentUsage;
    return 0;
}

static int call(void *user, const struct ga_call *call)
{
    struct state *state = user;
    if (call->failed || call->header->marks & GA_MARK_NESTED)
        return 0;
    switch (ga_row_id(call->row)) {
    case GA_ROW_d3dkmt_make_resident:
        return make_resident(state, call);
    case GA_ROW_d3dkmt_evict:
        return evict(state, call);
    case GA_ROW_d3dkmt_query_video_memory_info:
        return query(state, call);
    default:
        return 0;
    }
}

static int died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    uint32_t *count = how != GA_END_NOT && ga_row_is_d3dkmt(life->row) ? count_of(state, life, false) : NULL;
    if (count && *count) {
        *count = 0;
        change(state, life, -1);
    }
    return 0;
}


static int find(const void *user, struct analysis_findings *findings)
{
    const struct state *state = user;
    int result = 0;
    for (size_t i = 0; i < state->budget_count && !result; i++) {
        const struct budget *budget = &state->budgets[i];
        struct analysis_finding finding = {.kind = "over budget",
                                           .process = budget->process,
                                           .tid = budget->tid,
                                           .bytes = budget->usage_most,
                                           .count = budget->over,
                                           .weight = budget->usage_most};
        if (!budget->over)
            continue;
        snprintf(finding.text, sizeof finding.text, "%s of %s memory used, budget %s at least, process %" PRIu32 ", thread %" PRIu32,
                 ga_bytes(budget->usage_most).text, budget->group ? "system" : "local", ga_bytes(budget->budget_least).text,
                 budget->pid, budget->tid);
        result = analysis_findings_add(findings, &finding);
    }
    return result;
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"process", TABLE_RIGHT},  {"adapter", TABLE_RIGHT},     {"memory", TABLE_LEFT},
                                                  {"asked", TABLE_RIGHT},    {"least budget", TABLE_RIGHT}, {"most used", TABLE_RIGHT},
                                                  {"used last", TABLE_RIGHT}, {"over budget", TABLE_RIGHT}, {NULL}};
    const struct state *state = user;
    analysis_heading(out, "Residency: %s", state->makes ? "what MakeResident asked for" : "no call asked for it");
    if (state->makes)
        fprintf(out->file, "  %s made resident by %s call%s, %s evicted by %s; resident at most %s%s; at the end %s allocation%s\n",
                ga_count(state->made).text, ga_count(state->makes).text, state->makes == 1 ? "" : "s", ga_count(state->evicted).text,
                ga_count(state->evicts).text, state->unknown ? "≥" : "", ga_bytes(state->peak_bytes).text,
                ga_count(state->resident).text, state->resident == 1 ? "" : "s");
    if (state->to_trim_most)
        fprintf(out->file, "  the process was asked to trim up to %s\n", ga_bytes(state->to_trim_most).text);
    struct table *table = state->budget_count ? table_create(columns) : NULL;
    for (size_t i = 0; i < state->budget_count && i < out->top; i++) {
        const struct budget *budget = &state->budgets[i];
        table_cell(table, "%" PRIu32, budget->pid);
        table_cell(table, "0x%" PRIx32, budget->adapter);
        table_cell(table, "%s", budget->group ? "system" : "local");
        table_cell(table, "%s", ga_count(budget->queries).text);
        table_cell(table, "%s", ga_bytes(budget->budget_least).text);
        table_cell(table, "%s", ga_bytes(budget->usage_most).text);
        table_cell(table, "%s", ga_bytes(budget->usage_last).text);
        table_cell(table, "%s", ga_count(budget->over).text);
    }
    table_print(table, out->file);
    if (state->makes)
        fputs("  until it was usable: see --by calls\n", out->file);
}

static int budget_json(const void *element, json_object *object)
{
    const struct budget *budget = element;
    return json_add_id(object, "process", budget->process) || json_add_uint(object, "pid", budget->pid) ||
           json_add_uint(object, "hAdapter", budget->adapter) || json_add_uint(object, "MemorySegmentGroup", budget->group) ||
           json_add_uint(object, "queries", budget->queries) || json_add_uint(object, "over_budget", budget->over) ||
           json_add_uint(object, "budget_least", budget->budget_least) || json_add_uint(object, "budget_last", budget->budget_last) ||
           json_add_uint(object, "usage_most", budget->usage_most) || json_add_uint(object, "usage_last", budget->usage_last);
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    json_object *object = json_object_new_object();
    int failed = !object ||
                 json_add_list(object, "budgets", state->budgets, state->budget_count, sizeof *state->budgets, budget_json) ||
                 json_add_uint(object, "make_resident_calls", state->makes) ||
                 json_add_uint(object, "made_resident", state->made) || json_add_uint(object, "evict_calls", state->evicts) ||
                 json_add_uint(object, "evicted", state->evicted) || json_add_uint(object, "peak_bytes", state->peak_bytes) ||
                 json_add(object, "peak_ts", state->peak_bytes ? json_object_new_int64(state->peak_ns) : NULL) ||
                 json_add_uint(object, "at_end", state->resident) || json_add_uint(object, "at_end_bytes", state->bytes) ||
                 json_add_uint(object, "to_trim_most", state->to_trim_most);
    if (!failed)
        return object;
    json_object_put(object);
    return NULL;
}

static void release(void *user)
{
    struct state *state = user;
    free(state->counts);
    free(state->budgets);
}

const struct analysis analysis_residency = {
    .name = "residency",
    .help = "what was asked to be resident, and what the budget was (D3DKMT)",
    .order = 63,
    .on_request = true,
    .state_size = sizeof(struct state),
    .start = start,
    .call = call,
    .died = died,
    .find = find,
    .text = text,
    .json = json,
    .release = release,
};
