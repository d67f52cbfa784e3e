/* The GPU's address space: ranges that MapGpuVirtualAddress and ReserveGpuVirtualAddress gave, until FreeGpuVirtualAddress takes them
   back. What is mapped inside a reservation is the reservation's. A mapping ends with its allocation, all of them with the last
   handle of their adapter. */
#include "analyzer/lint/lint.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>

#include "base/units.h"

enum { PAGE = 4096 };

enum { LEAKED, NOT_MAPPED, ALIGNMENT, BEYOND };
static const struct lint_rule rules[] = {
    [LEAKED] = {"leaked-mapping", LINT_WARNING, LINT_NEEDS_D3DKMT, "A range of GPU addresses was mapped or reserved and never freed",
                "Call FreeGpuVirtualAddress with the whole range"},
    [NOT_MAPPED] = {"free-not-mapped", LINT_ERROR, LINT_NEEDS_D3DKMT, "GPU addresses are freed that were never mapped or reserved",
                    "Pass the VirtualAddress and the size of a Map or Reserve that succeeded, once"},
    [ALIGNMENT] = {"address-alignment", LINT_ERROR, LINT_NEEDS_CALL,
                   "A range of GPU addresses is empty, or not aligned to pages of 4096 bytes", "Round address and size to whole pages"},
    [BEYOND] = {"map-beyond-end", LINT_ERROR, LINT_NEEDS_D3DKMT, "More of an allocation is mapped than there is of it",
                "Keep OffsetInPages + SizeInPages within the allocation"},
    {NULL},
};

struct lint_range {
    uint64_t process, luid, base, size;
    bool reserved;
    struct lint_call made;
    struct ga_life *life; /* null: of nothing */
    struct lint_range *next_of_life, *previous, *next;
};

struct state {
    void *tree;               /* no two of a process and adapter overlap */
    struct lint_range *first; /* all of them */
};

/* Ranges that overlap are equal: what no others overlap can be found by any part of it. */
static int compare(const void *a, const void *b)
{
    const struct lint_range *x = a, *y = b;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    if (x->luid != y->luid)
        return x->luid < y->luid ? -1 : 1;
    if (x->base + (x->size - 1) < y->base)
        return -1;
    return y->base + (y->size - 1) < x->base ? 1 : 0;
}

static struct lint_range *range_find(const struct state *state, const struct lint_range *like)
{
    struct lint_range **found = tfind(like, &state->tree, compare);
    return found ? *found : NULL;
}

static void range_unlink_life(struct lint_range *range)
{
    struct lint_life *kept = range->life ? range->life->user : NULL;
    struct lint_range **place = kept ? &kept->ranges : NULL;
    while (place && *place && *place != range)
        place = &(*place)->next_of_life;
    if (place && *place)
        *place = range->next_of_life;
}

static void range_remove(struct state *state, struct lint_range *range)
{
    tdelete(range, &state->tree, compare);
    range_unlink_life(range);
    *(range->previous ? &range->previous->next : &state->first) = range->next;
    if (range->next)
        range->next->previous = range->previous;
    free(range);
}

/* Adds a range, unless it lies in or over one that is there. */
static int range_add(struct state *state, const struct lint_range *like)
{
    if (!like->size || like->base + (like->size - 1) < like->base || range_find(state, like))
        return 0;
    struct lint_life *kept = like->life ? lint_life(like->life) : NULL;
    struct lint_range *range = malloc(sizeof *range);
    if (!range || (like->life && !kept)) {
        free(range);
        return -ENOMEM;
    }
    *range = *like;
    if (!tsearch(range, &state->tree, compare)) {
        free(range);
        return -ENOMEM;
    }
    range->previous = NULL;
    range->next = state->first;
    if (range->next)
        range->next->previous = range;
    state->first = range;
    if (kept) {
        range->next_of_life = kept->ranges;
        kept->ranges = range;
    }
    return 0;
}

/* The adapter behind a paging queue or an adapter's handle: its luid. */
static uint64_t luid_of(const struct lint *lint, const struct ga_call *call, uint32_t handle)
{
    uint64_t process = call->header->process;
    const struct ga_lives *lives = lint_lives(lint);
    const struct ga_object *queue = ga_lives_object_at(lives, GA_OBJECT_PAGING_QUEUE, process, handle, call->begin_ns);
    const struct ga_object *device =
        queue ? ga_lives_object_at(lives, GA_OBJECT_DEVICE, process, queue->owner, call->begin_ns) : NULL;
    const struct ga_object *adapter =
        queue ? NULL : ga_lives_object_at(lives, GA_OBJECT_ADAPTER, process, handle, call->begin_ns);
    return device ? device->luid : adapter ? adapter->luid : 0;
}

static int mapped(struct lint *lint, struct state *state, const struct ga_call *call)
{
    const struct ga_d3dkmt_map_gpu_virtual_address *map = call->record;
    struct lint_call now = lint_call_of(call);
    struct ga_life *life =
        map->hAllocation ? ga_lives_find_at(lint_lives(lint), now.process, map->hAllocation, call->begin_ns) : NULL;
    struct lint_what what = life ? lint_what_life(life) : (struct lint_what){0};
    int result = 0;
    if (map->BaseAddress % PAGE || !map->SizeInPages)
        result = lint_report(lint, &rules[ALIGNMENT], &now, what, "BaseAddress is 0x%" PRIx64 ", SizeInPages is %" PRIu64,
                             map->BaseAddress, map->SizeInPages);
    bool sized = life && (life->origin == GA_SIZE_STANDARD || life->origin == GA_SIZE_DECODED);
    uint64_t pages = sized ? life->size / PAGE + !!(life->size % PAGE) : 0;
    if (!result && sized && (map->OffsetInPages > pages || map->SizeInPages > pages - map->OffsetInPages))
        result = lint_report(lint, &rules[BEYOND], &now, what,
                             "pages %" PRIu64 " to %" PRIu64 " of an allocation of %" PRIu64 " pages", map->OffsetInPages,
                             map->OffsetInPages + map->SizeInPages, pages);
    if (result || call->failed || map->SizeInPages > UINT64_MAX / PAGE)
        return result;
    return range_add(state, &(struct lint_range){.process = now.process,
                                                 .luid = luid_of(lint, call, map->hPagingQueue),
                                                 .base = map->VirtualAddress,
                                                 .size = map->SizeInPages * PAGE,
                                                 .made = now,
                                                 .life = life});
}

static int reserved(struct lint *lint, struct state *state, const struct ga_call *call)
{
    const struct ga_d3dkmt_reserve_gpu_virtual_address *reserve = call->record;
    struct lint_call now = lint_call_of(call);
    int result = 0;
    if (reserve->BaseAddress % PAGE || reserve->Size % PAGE || !reserve->Size)
        result = lint_report(lint, &rules[ALIGNMENT], &now, (struct lint_what){0},
                             "BaseAddress is 0x%" PRIx64 ", Size is %" PRIu64, reserve->BaseAddress, reserve->Size);
    if (result || call->failed)
        return result;
    return range_add(state, &(struct lint_range){.process = now.process,
                                                 .luid = luid_of(lint, call, reserve->hPagingQueue),
                                                 .base = reserve->VirtualAddress,
                                                 .size = reserve->Size,
                                                 .reserved = true,
                                                 .made = now});
}

static int freed(struct lint *lint, struct state *state, const struct ga_call *call)
{
    const struct ga_d3dkmt_free_gpu_virtual_address *record = call->record;
    struct lint_call now = lint_call_of(call);
    struct lint_range like = {.process = now.process,
                              .luid = luid_of(lint, call, record->hAdapter),
                              .base = record->BaseAddress,
                              .size = record->Size};
    if (like.base % PAGE || like.size % PAGE || !like.size)
        return lint_report(lint, &rules[ALIGNMENT], &now, (struct lint_what){0}, "BaseAddress is 0x%" PRIx64 ", Size is %" PRIu64,
                           like.base, like.size);
    if (like.base + (like.size - 1) < like.base)
        return 0;
    struct lint_range *range = range_find(state, &like);
    if (!range && call->failed && lint_knows_process(lint, call))
        return lint_report(lint, &rules[NOT_MAPPED], &now, (struct lint_what){0}, "0x%" PRIx64 ", %s", like.base,
                           ga_bytes(like.size).text);
    while (range && !call->failed) {
        /* A mapping within a reservation is freed: the reservation stays. */
        bool within = range->reserved && (range->base < like.base || range->size > like.size);
        if (within)
            break;
        range_remove(state, range);
        range = range_find(state, &like);
    }
    return 0;
}

static int on_call(struct lint *lint, void *state, const struct ga_call *call)
{
    if (call->header->marks & GA_MARK_UNREADABLE)
        return 0;
    switch (ga_row_id(call->row)) {
    case GA_ROW_d3dkmt_map_gpu_virtual_address: return mapped(lint, state, call);
    case GA_ROW_d3dkmt_reserve_gpu_virtual_address: return reserved(lint, state, call);
    case GA_ROW_d3dkmt_free_gpu_virtual_address: return freed(lint, state, call);
    default: return 0;
    }
}

static int leaked(struct lint *lint, const struct lint_range *range)
{
    return lint_report(lint, &rules[LEAKED], &range->made, range->life ? lint_what_life(range->life) : (struct lint_what){0},
                       "0x%" PRIx64 ", %s, still %s at the end of the recording", range->base, ga_bytes(range->size).text,
                       range->reserved ? "reserved" : "mapped");
}

static int died(struct lint *lint, void *state, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    struct lint_life *kept = life->user;
    int result = 0;
    while (kept && kept->ranges) {
        if (how == GA_END_NOT && !result)
            result = leaked(lint, kept->ranges);
        range_remove(state, kept->ranges);
    }
    return result;
}

static int closed(struct lint *lint, void *user, struct ga_object *object, enum ga_life_end how, const struct ga_call *call)
{
    (void)lint, (void)call;
    struct state *state = user;
    if (object->kind != GA_OBJECT_ADAPTER || how == GA_END_NOT)
        return 0;
    for (struct lint_range *range = state->first, *next; range; range = next) {
        next = range->next;
        if (range->process == object->process && range->luid == object->luid)
            range_remove(state, range);
    }
    return 0;
}

static int finish(struct lint *lint, void *user)
{
    struct state *state = user;
    int result = 0;
    while (state->first) {
        if (!result)
            result = leaked(lint, state->first);
        range_remove(state, state->first);
    }
    return result;
}

static void release(void *user)
{
    struct state *state = user;
    while (state->first)
        range_remove(state, state->first);
}

const struct lint_family lint_family_addresses = {.rules = rules,
                                                  .state_size = sizeof(struct state),
                                                  .call = on_call,
                                                  .died = died,
                                                  .closed = closed,
                                                  .finish = finish,
                                                  .release = release};
