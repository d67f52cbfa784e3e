/*
 * GPU virtual addresses that D3DKMT calls took and gave back, a process each: how much, the holes between, and whether what was asked
 * for fitted into one. An address is taken from the map or reserve until the free.
 */
#include "analyzer/surfaces.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "analyzer/groups.h"
#include "analyzer/ranges.h"
#include "analyzer/table.h"
#include "base/array.h"

enum { PAGE = 4096, HOLES_MIN = 16, SHARE_MIN = 4 /* a quarter */ };
#define HOLE_BYTES_MIN (1ULL << 20)

/* A call that took addresses, and what there was after it. */
struct taking {
    struct ranges_state state;
    uint64_t bytes, surface, call;
    int64_t ns;
    uint32_t tid;
};

struct space {
    uint64_t process;
    uint32_t pid;
    struct ranges taken, ever;
    uint64_t takings, frees, again, again_bytes; /* again: takings of addresses that were taken before, and how many bytes of them */
    uint64_t no_hole;     /* takings larger than any hole, although the holes had as much in all */
    uint64_t peak_bytes;
    int64_t peak_ns;
    struct taking worst;  /* the one with most bytes in holes after it */
    struct ranges_state end;
};

struct state {
    const struct analysis_source *source;
    struct ga_map index; /* process to the place in spaces, plus 1 */
    struct space *spaces;
    size_t count, room;
};

static int start(void *user, const struct analysis_source *source)
{
    struct state *state = user;
    state->source = source;
    return 0;
}

static struct space *space_get(struct state *state, const struct ga_call *call)
{
    const uint64_t *place = ga_map_get(&state->index, call->header->process, 0);
    if (place)
        return &state->spaces[*place - 1];
    if (ga_array_room(&state->spaces, &state->room, state->count + 1, sizeof *state->spaces) < 0)
        return NULL;
    state->spaces[state->count++] = (struct space){.process = call->header->process, .pid = call->header->pid};
    return ga_map_set(&state->index, call->header->process, 0, state->count) < 0 ? NULL : &state->spaces[state->count - 1];
}

/* handle: the allocation that is mapped there, or 0. */
static int take(struct state *state, const struct ga_call *call, uint64_t address, uint64_t size, uint32_t handle)
{
    struct space *space = size ? space_get(state, call) : NULL;
    uint64_t same, before;
    if (!space)
        return size ? -ENOMEM : 0;
    struct ranges_state old = ranges_state(&space->taken);
    if (ranges_add(&space->taken, address, size, &same, false) < 0 || ranges_add(&space->ever, address, size, &before, true) < 0)
        return -ENOMEM;
    const struct ga_life *life = handle ? ga_lives_find_at(state->source->lives, space->process, handle, call->begin_ns) : NULL;
    struct taking taking = {ranges_state(&space->taken), size,         life ? life->surface : 0,
                            call->header->call,          call->end_ns, call->header->tid};
    space->takings++;
    space->again += before > same;
    space->again_bytes += before - same;
    space->no_hole += size > old.largest_hole && size <= old.hole_bytes && !same;
    if (taking.state.bytes > space->peak_bytes) {
        space->peak_bytes = taking.state.bytes;
        space->peak_ns = call->end_ns;
    }
    if (taking.state.hole_bytes > space->worst.state.hole_bytes)
        space->worst = taking;
    return 0;
}

static int give(struct state *state, const struct ga_call *call, uint64_t address, uint64_t size)
{
    struct space *space = space_get(state, call);
    uint64_t bytes;
    if (!space)
        return -ENOMEM;
    space->frees++;
    return ranges_cut(&space->taken, address, size, &bytes);
}

static int update(struct state *state, const struct ga_call *call)
{
    const struct ga_d3dkmt_update_gpu_virtual_address *record = call->record;
    struct ga_elements operations = ga_call_elements(call, ga_row_member(call->row, "Operations"), record);
    const struct ga_d3dkmt_gpu_virtual_address_operation *list = operations.records;
    int result = 0;
    for (uint32_t i = 0; i < operations.count && !result; i++) {
        if (list[i].OperationType == 0)
            result = take(state, call, list[i].Map_BaseAddress, list[i].Map_SizeInBytes, list[i].Map_hAllocation);
        else if (list[i].OperationType == 3)
            result = take(state, call, list[i].MapProtect_BaseAddress, list[i].MapProtect_SizeInBytes, list[i].MapProtect_hAllocation);
    }
    return result;
}

static int call(void *user, const struct ga_call *call)
{
    struct state *state = user;
    if (call->failed || call->header->marks & GA_MARK_NESTED)
        return 0;
    switch (ga_row_id(call->row)) {
    case GA_ROW_d3dkmt_map_gpu_virtual_address: {
        const struct ga_d3dkmt_map_gpu_virtual_address *record = call->record;
        return take(state, call, record->VirtualAddress, record->SizeInPages * PAGE, record->hAllocation);
    }
    case GA_ROW_d3dkmt_reserve_gpu_virtual_address: {
        const struct ga_d3dkmt_reserve_gpu_virtual_address *record = call->record;
        return take(state, call, record->VirtualAddress, record->Size, 0);
    }
    case GA_ROW_d3dkmt_free_gpu_virtual_address: {
        const struct ga_d3dkmt_free_gpu_virtual_address *record = call->record;
        return give(state, call, record->BaseAddress, record->Size);
    }
    case GA_ROW_d3dkmt_update_gpu_virtual_address:
        return update(state, call);
    default:
        return 0;
    }
}

static int by_peak(const void *a, const void *b)
{
    const struct space *x = a, *y = b;
    if (x->peak_bytes != y->peak_bytes)
        return x->peak_bytes > y->peak_bytes ? -1 : 1;
    return x->process < y->process ? -1 : x->process > y->process;
}

static int finish(void *user, const struct analysis_trace *trace)
{
    (void)trace;
    struct state *state = user;
    for (size_t i = 0; i < state->count; i++)
        state->spaces[i].end = ranges_state(&state->spaces[i].taken);
    if (state->count)
        qsort(state->spaces, state->count, sizeof *state->spaces, by_peak);
    return 0;
}

/* Many holes that are a good part of the addresses in use, none of them large, when more addresses were taken. */
static bool is_found(const struct ranges_state *worst)
{
    return worst->holes >= HOLES_MIN && worst->hole_bytes >= HOLE_BYTES_MIN && worst->hole_bytes >= worst->span / SHARE_MIN &&
           worst->largest_hole <= worst->hole_bytes / SHARE_MIN;
}

static int find(const void *user, struct analysis_findings *findings)
{
    const struct state *state = user;
    int result = 0;
    for (size_t i = 0; i < state->count && !result; i++) {
        const struct space *space = &state->spaces[i];
        const struct taking *worst = &space->worst;
        if (!is_found(&worst->state))
            continue;
        struct analysis_finding finding = {.kind = "fragmentation",
                                           .process = space->process,
                                           .surface = worst->surface,
                                           .tid = worst->tid,
                                           .bytes = worst->state.hole_bytes,
                                           .count = worst->state.holes,
                                           .call = worst->call,
                                           .weight = worst->state.hole_bytes};
        snprintf(finding.text, sizeof finding.text,
                 "%s of GPU addresses in %s holes, largest %s, when %s were mapped for %s, thread %" PRIu32,
                 ga_bytes(worst->state.hole_bytes).text, ga_count(worst->state.holes).text, ga_bytes(worst->state.largest_hole).text,
                 ga_bytes(worst->bytes).text, surface_text(state->source->names, worst->surface, space->process).text, worst->tid);
        result = analysis_findings_add(findings, &finding);
    }
    return result;
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"process", TABLE_RIGHT},        {"peak", TABLE_RIGHT},
                                                  {"maps", TABLE_RIGHT},           {"frees", TABLE_RIGHT},
                                                  {"used again", TABLE_RIGHT},     {"fitted no hole", TABLE_RIGHT},
                                                  {"most in holes", TABLE_RIGHT},  {"holes", TABLE_RIGHT},
                                                  {"largest", TABLE_RIGHT},        {"of span", TABLE_RIGHT},
                                                  {NULL}};
    const struct state *state = user;
    size_t shown = state->count < out->top ? state->count : (size_t)out->top;
    analysis_heading(out, "GPU virtual addresses: %s", state->count ? "taken by D3DKMT calls, by process" : "no call took any");
    struct table *table = shown ? table_create(columns) : NULL;
    for (size_t i = 0; i < shown; i++) {
        const struct space *space = &state->spaces[i];
        table_cell(table, "%" PRIu32, space->pid);
        table_cell(table, "%s", ga_bytes(space->peak_bytes).text);
        table_cell(table, "%s", ga_count(space->takings).text);
        table_cell(table, "%s", ga_count(space->frees).text);
        table_cell(table, "%s", ga_bytes(space->again_bytes).text);
        table_cell(table, "%s", ga_count(space->no_hole).text);
        table_cell(table, "%s", ga_bytes(space->worst.state.hole_bytes).text);
        table_cell(table, "%s", ga_count(space->worst.state.holes).text);
        table_cell(table, "%s", ga_bytes(space->worst.state.largest_hole).text);
        table_cell(table, "%s", ga_bytes(space->worst.state.span).text);
    }
    table_print(table, out->file);
    if (shown)
        fputs("  most in holes: after the map or reserve that left most between the lowest and the highest address taken\n"
              "  fitted no hole: larger than any hole, although the holes had as much in all\n", out->file);
}

static int add_ranges(json_object *object, const char *name, const struct ranges_state *state)
{
    json_object *member = json_object_new_object();
    return json_add(object, name, member) || !member || json_add_uint(member, "ranges", state->ranges) ||
           json_add_uint(member, "bytes", state->bytes) || json_add_uint(member, "span", state->span) ||
           json_add_uint(member, "holes", state->holes) || json_add_uint(member, "hole_bytes", state->hole_bytes) ||
           json_add_uint(member, "largest_hole", state->largest_hole);
}

static int space_json(const void *element, json_object *object)
{
    const struct space *space = element;
    return json_add_id(object, "process", space->process) || json_add_uint(object, "pid", space->pid) ||
           json_add_uint(object, "taken", space->takings) || json_add_uint(object, "freed", space->frees) ||
           json_add_uint(object, "used_again", space->again) || json_add_uint(object, "used_again_bytes", space->again_bytes) ||
           json_add_uint(object, "fitted_no_hole", space->no_hole) || json_add_uint(object, "peak_bytes", space->peak_bytes) ||
           json_add(object, "peak_ts", json_object_new_int64(space->peak_ns)) ||
           add_ranges(object, "worst", &space->worst.state) || add_ranges(object, "end", &space->end) ||
           json_add_uint(object, "worst_call", space->worst.call) || json_add_uint(object, "worst_tid", space->worst.tid) ||
           json_add(object, "worst_ts", json_object_new_int64(space->worst.ns)) ||
           json_add_uint(object, "worst_surface", space->worst.surface) ||
           json_add_uint(object, "worst_taken_bytes", space->worst.bytes);
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    return json_list(state->spaces, state->count, sizeof *state->spaces, space_json);
}

static void release(void *user)
{
    struct state *state = user;
    for (size_t i = 0; i < state->count; i++) {
        ranges_release(&state->spaces[i].taken);
        ranges_release(&state->spaces[i].ever);
    }
    free(state->spaces);
    ga_map_release(&state->index);
}

const struct analysis analysis_va = {
    .name = "va",
    .help = "GPU virtual addresses: taken, used again, and the holes between them",
    .order = 62,
    .on_request = true,
    .state_size = sizeof(struct state),
    .start = start,
    .call = call,
    .finish = finish,
    .find = find,
    .text = text,
    .json = json,
    .release = release,
};
