/*
 * The CPU's mappings of GEM buffers. A mapping keeps its buffer's memory: closing the last handle frees nothing while one is there. A
 * mapping that is still there when the recording ends, of a buffer that a call closed, is a leak that nobody has a handle to any more.
 *
 * Judged at the end only: a munmap may come after the close. A buffer that ended with its file is left alone, as other rules do; so are
 * mappings of dma-bufs, whose descriptors may be open still, and of kfd's buffers.
 */
#include "analyzer/lint/lint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "reader/mappings.h"

static const struct lint_rule rules[] = {
    {"leaked-cpu-mapping", LINT_WARNING, LINT_NEEDS_DRM,
     "A buffer was closed while the CPU's mapping of it stayed, to the end of the recording",
     "Call munmap before GEM_CLOSE (DESTROY_DUMB for a dumb buffer): the mapping alone keeps all of the buffer's memory"},
    {NULL},
};

/* What was mapped by one mmap, wherever it was moved since. */
struct mapped {
    uint64_t id, addr, bytes;
    const struct ga_memory *memory; /* null: it has ended */
    struct lint_call made;
    struct lint_what what;
    bool closed; /* a call closed its buffer's last handle: this one */
    uint64_t closed_by;
    uint32_t closed_tid;
    struct mapped *previous, *next; /* of the same memory; without one, of all such */
    struct mapped *next_emptied;
    bool emptied;
};

struct state {
    struct ga_mappings mappings;
    struct ga_map by_id;     /* (id, 0) to struct mapped */
    struct ga_map by_memory; /* (struct ga_memory, 0) to its newest struct mapped */
    struct mapped *orphans;  /* whose memory has ended */
    bool unseen;             /* the tracer told that it did not see some munmap */
};

/* What a call's callbacks need. */
struct now {
    struct lint *lint;
    struct state *state;
    struct mapped *emptied; /* nothing of them is there any more, unless the call moved it */
};

static struct mapped *mapped_of(const struct state *state, uint64_t id)
{
    uint64_t *place = ga_map_get(&state->by_id, id, 0);
    return place ? (struct mapped *)(uintptr_t)*place : NULL;
}

/* Puts it first in a list. */
static void push(struct mapped **list, struct mapped *mapped)
{
    mapped->previous = NULL;
    mapped->next = *list;
    if (mapped->next)
        mapped->next->previous = mapped;
    *list = mapped;
}

static int push_to_memory(struct state *state, struct mapped *mapped)
{
    uint64_t *place = ga_map_get(&state->by_memory, (uintptr_t)mapped->memory, 0);
    struct mapped *list = place ? (struct mapped *)(uintptr_t)*place : NULL;
    push(&list, mapped);
    return ga_map_set(&state->by_memory, (uintptr_t)mapped->memory, 0, (uintptr_t)list);
}

static void forget(struct state *state, struct mapped *mapped)
{
    if (mapped->next)
        mapped->next->previous = mapped->previous;
    if (mapped->previous)
        mapped->previous->next = mapped->next;
    else if (!mapped->memory)
        state->orphans = mapped->next;
    else if (mapped->next)
        ga_map_set(&state->by_memory, (uintptr_t)mapped->memory, 0, (uintptr_t)mapped->next); /* the key is there: it cannot fail */
    else
        ga_map_erase(&state->by_memory, (uintptr_t)mapped->memory, 0);
    ga_map_erase(&state->by_id, mapped->id, 0);
    free(mapped);
}

static int on_mapped(void *user, const struct ga_mapping *mapping, const struct ga_call *call)
{
    struct now *now = user;
    struct mapped *mapped = mapped_of(now->state, mapping->id);
    const struct ga_life *life = mapped || !mapping->handle || mapping->elsewhere ? NULL
        : ga_lives_find_at(lint_lives(now->lint), mapping->file, mapping->handle, call->begin_ns);
    if (life) {
        mapped = calloc(1, sizeof *mapped);
        if (!mapped || ga_map_set(&now->state->by_id, mapping->id, 0, (uintptr_t)mapped) < 0) {
            free(mapped);
            return -ENOMEM;
        }
        *mapped = (struct mapped){
            .id = mapping->id, .memory = life->memory, .made = lint_call_of(call), .what = lint_what_life(life)};
        if (push_to_memory(now->state, mapped) < 0)
            return -ENOMEM;
    }
    if (mapped) {
        mapped->bytes += mapping->bytes;
        mapped->addr = mapping->addr;
    }
    return 0;
}

static int on_unmapped(void *user, const struct ga_mapping *mapping, uint64_t bytes, const struct ga_call *call)
{
    (void)call;
    struct now *now = user;
    struct mapped *mapped = mapped_of(now->state, mapping->id);
    if (!mapped)
        return 0;
    mapped->bytes -= bytes;
    if (!mapped->bytes && !mapped->emptied) {
        mapped->emptied = true;
        mapped->next_emptied = now->emptied;
        now->emptied = mapped;
    }
    return 0;
}

static int on_call(struct lint *lint, void *user, const struct ga_call *call)
{
    static const struct ga_mappings_ops ops = {.mapped = on_mapped, .unmapped = on_unmapped};
    struct state *state = user;
    struct now now = {.lint = lint, .state = state};
    int result = ga_mappings_call(&state->mappings, call, &ops, &now);
    while (now.emptied) {
        struct mapped *mapped = now.emptied;
        now.emptied = mapped->next_emptied;
        mapped->emptied = false;
        if (!mapped->bytes)
            forget(state, mapped);
    }
    return result;
}

static int on_event(struct lint *lint, void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    (void)lint, (void)ns;
    struct state *state = user;
    const struct ga_gpualloc_trouble *trouble = record;
    if (ga_row_id(row) == GA_ROW_gpualloc_trouble && trouble->what && strstr(trouble->what, "unmap"))
        state->unseen = true;
    return 0;
}

/* The mappings of a memory whose last handle has gone. */
static int died(struct lint *lint, void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)lint;
    struct state *state = user;
    uint64_t *place = life->memory->handles ? NULL : ga_map_get(&state->by_memory, (uintptr_t)life->memory, 0);
    struct mapped *mapped = place ? (struct mapped *)(uintptr_t)*place : NULL;
    if (mapped)
        ga_map_erase(&state->by_memory, (uintptr_t)life->memory, 0);
    while (mapped) {
        struct mapped *next = mapped->next;
        mapped->memory = NULL;
        mapped->closed = how == GA_END_FREED && call;
        if (mapped->closed) {
            mapped->closed_by = call->header->call;
            mapped->closed_tid = call->header->tid;
        }
        push(&state->orphans, mapped);
        mapped = next;
    }
    return 0;
}

static int finish(struct lint *lint, void *user)
{
    const struct state *state = user;
    int result = 0;
    for (const struct mapped *mapped = state->orphans; mapped && !result && !state->unseen; mapped = mapped->next)
        if (mapped->closed)
            result = lint_report(lint, &rules[0], &mapped->made, mapped->what,
                                 "%s are still mapped at 0x%" PRIx64 "; call %" PRIu64 " of thread %" PRIu32 " closed the buffer",
                                 ga_bytes(mapped->bytes).text, mapped->addr, mapped->closed_by, mapped->closed_tid);
    return result;
}

static void release(void *user)
{
    struct state *state = user;
    size_t place = 0;
    for (struct ga_map_slot *slot; (slot = ga_map_next(&state->by_id, &place));)
        free((void *)(uintptr_t)slot->value);
    ga_map_release(&state->by_id);
    ga_map_release(&state->by_memory);
    ga_mappings_release(&state->mappings);
}

const struct lint_family lint_family_mappings = {
    .rules = rules,
    .state_size = sizeof(struct state),
    .call = on_call,
    .event = on_event,
    .died = died,
    .finish = finish,
    .release = release,
};
