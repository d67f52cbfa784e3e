/*
 * GPU virtual addresses that calls took and gave back, an address space each: how much, the holes between, and whether what was asked
 * for fitted into one. An address is taken from the map or reserve until the free, or the end of the space. Which request does what
 * tells analyzer/addresses.h.
 */
#include "analyzer/surfaces.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "analyzer/addresses.h"
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
    uint32_t tid, handle;
};

struct space {
    uint64_t scope, vm; /* as in struct address_change */
    uint64_t process;   /* that first used it */
    uint32_t pid;
    const char *driver; /* of DRM's; "" of D3DKMT */
    size_t next;        /* the next one of the scope, plus 1 */
    int64_t begin_ns;   /* of the first call that used it */
    bool ends_with_handle, over;
    struct ranges taken, ever, reserved; /* reserved: stays taken when what was put into it goes */
    uint64_t takings, frees, again, again_bytes; /* again: takings of addresses that were taken before, and how many bytes of them */
    uint64_t no_hole;     /* takings larger than any hole, although the holes had as much in all */
    uint64_t peak_bytes;
    int64_t peak_ns;
    struct taking worst;  /* the one with most bytes in holes after it */
    struct ranges_state end;
};

struct state {
    const struct analysis_source *source;
    struct ga_map index;  /* (scope, vm) to the place of the newest in spaces, plus 1 */
    struct ga_map scopes; /* (scope, 0) to that of the first of its list */
    struct space *spaces;
    size_t count, room;
};

static int start(void *user, const struct analysis_source *source)
{
    struct state *state = user;
    state->source = source;
    return 0;
}

/* One that is not over, or null. */
static struct space *space_find(const struct state *state, uint64_t scope, uint64_t vm)
{
    const uint64_t *place = ga_map_get(&state->index, scope, vm);
    struct space *space = place ? &state->spaces[*place - 1] : NULL;
    return space && !space->over ? space : NULL;
}

/* Null: out of memory. */
static struct space *space_get(struct state *state, const struct ga_call *call, const struct address_change *change)
{
    struct space *space = space_find(state, change->scope, change->vm);
    if (space)
        return space;
    if (ga_array_room(&state->spaces, &state->room, state->count + 1, sizeof *state->spaces) < 0)
        return NULL;
    const uint64_t *next = ga_map_get(&state->scopes, change->scope, 0);
    state->spaces[state->count++] = (struct space){.scope = change->scope,
                                                   .vm = change->vm,
                                                   .process = call->header->process,
                                                   .pid = call->header->pid,
                                                   .driver = ga_row_is_drm(call->row) ? call->row->driver : "",
                                                   .next = next ? (size_t)*next : 0,
                                                   .begin_ns = call->begin_ns,
                                                   .ends_with_handle = change->ends_with_handle};
    if (ga_map_set(&state->index, change->scope, change->vm, state->count) < 0 ||
        ga_map_set(&state->scopes, change->scope, 0, state->count) < 0)
        return NULL;
    return &state->spaces[state->count - 1];
}

/* Its figures stay. */
static void space_end(struct space *space)
{
    ranges_release(&space->taken);
    ranges_release(&space->ever);
    ranges_release(&space->reserved);
    space->over = true;
}

/* Whose a range is: the memory's behind all its handles. That of D3DKMT is given back by its address alone. */
static uint64_t owner_of(const struct address_change *change, const struct ga_life *life)
{
    if (life)
        return life->is_drm ? ga_life_maker(life)->id + 1 : 0;
    return change->handle ? 1ULL << 63 | change->handle : 0;
}

/* size: not 0. */
static int take(struct space *space, const struct ga_call *call, const struct address_change *change, const struct ga_life *life,
                uint64_t size)
{
    const struct range range = {change->address, size, owner_of(change, life)};
    uint64_t same, before;
    struct ranges_state old = ranges_state(&space->taken);
    if (ranges_add_owned(&space->taken, &range, &same) < 0 || ranges_add(&space->ever, range.base, size, &before, true) < 0)
        return -ENOMEM;
    struct taking taking = {ranges_state(&space->taken), size,         life ? life->surface : 0, call->header->call,
                            call->end_ns,                call->header->tid, change->handle};
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

/* What an allocation has at one address alone: nothing is new when it had it. */
static int has(struct space *space, const struct ga_call *call, const struct address_change *change, const struct ga_life *life,
               uint64_t size)
{
    struct range range;
    uint64_t owner = owner_of(change, life), ignored;
    if (ranges_find(&space->taken, change->address, &range) && range.base == change->address && range.owner == owner)
        return 0;
    if (!change->address)
        space->frees++;
    int result = ranges_cut_owned(&space->taken, owner, &ignored);
    return result || !change->address ? result : take(space, call, change, life, size);
}

static int give(struct space *space, uint64_t address, uint64_t size)
{
    uint64_t ignored, end = address + size < address ? UINT64_MAX : address + size;
    struct range range;
    int result = ranges_cut(&space->taken, address, size, &ignored);
    while (!result && ranges_find(&space->reserved, address, &range) && range.base < end) {
        uint64_t base = range.base > address ? range.base : address;
        address = range.base + range.size;
        result = ranges_add(&space->taken, base, (address < end ? address : end) - base, &ignored, false);
    }
    return result;
}

static int give_at(struct space *space, uint64_t address)
{
    struct range range;
    uint64_t ignored;
    if (!ranges_find(&space->taken, address, &range) || range.base != address)
        return 0;
    return ranges_cut(&space->taken, address, range.size, &ignored);
}

static int apply_taking(struct state *state, const struct ga_call *call, const struct address_change *change,
                        const struct ga_life *life)
{
    uint64_t size = change->size, ignored;
    if (change->whole)
        size = life && life->origin != GA_SIZE_UNKNOWN ? (life->size + PAGE - 1) & ~(uint64_t)(PAGE - 1) : 0;
    struct space *space = size ? space_get(state, call, change) : NULL;
    if (!space)
        return size ? -ENOMEM : 0;
    if (change->kind == ADDRESS_HAS)
        return has(space, call, change, life, size);
    if (change->kind == ADDRESS_RESERVE && ranges_add(&space->reserved, change->address, size, &ignored, false) < 0)
        return -ENOMEM;
    return take(space, call, change, life, size);
}

static int apply_giving(struct state *state, const struct ga_call *call, const struct address_change *change,
                        const struct ga_life *life)
{
    struct space *space = space_get(state, call, change);
    uint64_t ignored;
    if (!space)
        return -ENOMEM;
    space->frees++;
    if (change->kind == ADDRESS_GIVE_AT)
        return give_at(space, change->address);
    if (change->kind == ADDRESS_GIVE_ALL)
        return ranges_cut_owned(&space->taken, owner_of(change, life), &ignored);
    int result = change->kind == ADDRESS_UNRESERVE ? ranges_cut(&space->reserved, change->address, change->size, &ignored) : 0;
    return result ? result : give(space, change->address, change->size);
}

static int apply(void *user, const struct ga_call *call, const struct address_change *change)
{
    struct state *state = user;
    struct space *space = space_find(state, change->scope, change->vm);
    const struct ga_life *life =
        change->handle ? ga_lives_find_at(state->source->lives, change->scope, change->handle, call->begin_ns) : NULL;
    switch (change->kind) {
    case ADDRESS_BEGIN:
    case ADDRESS_END: /* one that began before the space was used is of an older one with its number */
        if (space && (change->kind == ADDRESS_BEGIN || call->begin_ns >= space->begin_ns))
            space_end(space);
        return 0;
    case ADDRESS_TAKE:
    case ADDRESS_HAS:
    case ADDRESS_RESERVE:
        return apply_taking(state, call, change, life);
    default:
        return apply_giving(state, call, change, life);
    }
}

static int call(void *user, const struct ga_call *call)
{
    if (call->failed || call->header->marks & (GA_MARK_NESTED | GA_MARK_UNREADABLE))
        return 0;
    return address_changes(call, apply, user);
}

/* Another handle of the same memory in the same file (GEM_OPEN of a name of its own) is rare enough to be passed over. */
static int died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    struct space *space = life->is_drm && how != GA_END_NOT ? space_find(state, ga_life_scope(life), ADDRESS_ONE_SPACE) : NULL;
    uint64_t ignored;
    return space && space->ends_with_handle ? ranges_cut_owned(&space->taken, ga_life_maker(life)->id + 1, &ignored) : 0;
}

static int event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    (void)ns;
    struct state *state = user;
    if (ga_row_id(row) != GA_ROW_gpualloc_file_closed)
        return 0;
    const struct ga_gpualloc_file_closed *closed = record;
    const uint64_t *first = ga_map_get(&state->scopes, closed->file, 0);
    if (first && !ga_lives_file_is_open(state->source->lives, closed->file))
        for (size_t place = *first; place; place = state->spaces[place - 1].next)
            space_end(&state->spaces[place - 1]);
    return 0;
}

static int by_peak(const void *a, const void *b)
{
    const struct space *x = a, *y = b;
    if (x->peak_bytes != y->peak_bytes)
        return x->peak_bytes > y->peak_bytes ? -1 : 1;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    if (x->scope != y->scope)
        return x->scope < y->scope ? -1 : 1;
    return x->next < y->next ? -1 : x->next > y->next; /* of a scope, in the order in which they were first used */
}

/* "D3DKMT", "xe 0x3c vm 2". */
struct space_name {
    char text[64];
};
static struct space_name space_name(const struct space *space)
{
    struct space_name name = {"D3DKMT"};
    int length = space->driver[0] ? snprintf(name.text, sizeof name.text, "%s 0x%" PRIx64, space->driver, space->scope) : 0;
    if (space->vm != ADDRESS_ONE_SPACE)
        snprintf(name.text + length, sizeof name.text - (size_t)length, " vm %" PRIu64, space->vm);
    return name;
}

/* What the worst taking was for: "surface 0x5000 shadow map", "buffer 5 of xe 0x3c vm 2". */
static struct surface_text worst_text(const struct state *state, const struct space *space)
{
    if (!space->driver[0])
        return surface_text(state->source->names, space->worst.surface, space->process);
    struct surface_text out;
    snprintf(out.text, sizeof out.text, "buffer %" PRIu32 " of %s", space->worst.handle, space_name(space).text);
    return out;
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
                 ga_bytes(worst->bytes).text, worst_text(state, space).text, worst->tid);
        result = analysis_findings_add(findings, &finding);
    }
    return result;
}

static void text(const void *user, const struct analysis_output *out)
{
    static const struct table_column columns[] = {
        {"process", TABLE_RIGHT},  {"space", TABLE_LEFT},     {"peak", TABLE_RIGHT},       {"maps", TABLE_RIGHT, 1},
        {"frees", TABLE_RIGHT, 2}, {"again", TABLE_RIGHT, 3}, {"no hole", TABLE_RIGHT, 4}, {"in holes", TABLE_RIGHT},
        {"holes", TABLE_RIGHT},    {"largest", TABLE_RIGHT},  {"of span", TABLE_RIGHT},    {NULL}};
    const struct state *state = user;
    size_t shown = state->count < out->top ? state->count : (size_t)out->top;
    analysis_heading(out, "GPU virtual addresses: %s", state->count ? "taken by calls, by address space" : "no call took any");
    struct table *table = shown ? table_create(columns) : NULL;
    for (size_t i = 0; i < shown; i++) {
        const struct space *space = &state->spaces[i];
        table_cell(table, "%" PRIu32, space->pid);
        table_cell(table, "%s", space_name(space).text);
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
        fputs("  in holes: after the map or reserve that left most between the lowest and the highest address taken\n"
              "  again: taken, given back and taken again; no hole: larger than any, although the holes had as much in all\n",
              out->file);
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
    bool drm = space->driver[0], several = space->vm != ADDRESS_ONE_SPACE;
    return json_add_id(object, "process", space->process) || json_add_uint(object, "pid", space->pid) ||
           (drm && (json_add_string(object, "driver", space->driver) || json_add_id(object, "file", space->scope))) ||
           (several && json_add_uint(object, "vm", space->vm)) ||
           json_add_uint(object, "taken", space->takings) || json_add_uint(object, "freed", space->frees) ||
           json_add_uint(object, "used_again", space->again) || json_add_uint(object, "used_again_bytes", space->again_bytes) ||
           json_add_uint(object, "fitted_no_hole", space->no_hole) || json_add_uint(object, "peak_bytes", space->peak_bytes) ||
           json_add(object, "peak_ts", json_object_new_int64(space->peak_ns)) ||
           add_ranges(object, "worst", &space->worst.state) || add_ranges(object, "end", &space->end) ||
           json_add_uint(object, "worst_call", space->worst.call) || json_add_uint(object, "worst_tid", space->worst.tid) ||
           json_add(object, "worst_ts", json_object_new_int64(space->worst.ns)) ||
           json_add_uint(object, drm ? "worst_handle" : "worst_surface", drm ? space->worst.handle : space->worst.surface) ||
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
    for (size_t i = 0; i < state->count; i++)
        space_end(&state->spaces[i]);
    free(state->spaces);
    ga_map_release(&state->index);
    ga_map_release(&state->scopes);
}

const struct analysis analysis_va = {
    .name = "va",
    .help = "GPU virtual addresses: taken, used again, and the holes between them",
    .order = 62,
    .on_request = true,
    .state_size = sizeof(struct state),
    .start = start,
    .call = call,
    .event = event,
    .died = died,
    .finish = finish,
    .find = find,
    .text = text,
    .json = json,
    .release = release,
};
