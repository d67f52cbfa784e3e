/* Kinds of calls: see kinds.h. */
#include "replayer/kinds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/map.h"

static uint64_t size_class(uint64_t bytes)
{
    if (!bytes || bytes > UINT64_C(1) << 63)
        return bytes ? UINT64_C(1) << 63 : 0;
    uint64_t class = 4096;
    while (class < bytes)
        class *= 2;
    return class;
}

struct ga_text replay_size_class_text(uint64_t class)
{
    struct ga_text text = {""};
    if (class)
        snprintf(text.text, sizeof text.text, "≤ %.20s", ga_bytes(class).text);
    return text;
}

static struct replay_kind kind_of(const struct replay_call *call)
{
    return (struct replay_kind){replay_call_name(call), call->failed ? 0 : size_class(call->bytes), call->failed};
}

static int by_kind(const void *a, const void *b)
{
    const struct replay_kind *x = a, *y = b;
    int name = strcmp(x->name, y->name);
    if (name)
        return name;
    if (x->size_class != y->size_class)
        return x->size_class < y->size_class ? -1 : 1;
    return (int)x->failed - (int)y->failed;
}

/* Classes are powers of two of 4096 on, so the lowest bit is free for 'fails'. */
static uint64_t key_of(const struct replay_kind *kind) { return kind->size_class | kind->failed; }

bool replay_call_creates(const struct replay_call *call)
{
    return replay_row(call) && replay_row(call)->effect.kind == GA_EFFECT_CREATE && !call->failed;
}

static struct replay_kind populate_kind_of(const struct replay_call *call)
{
    return (struct replay_kind){"populate", size_class(call->bytes), false};
}

/* Each distinct kind once; number: its place so far. */
static int take(struct replay_kinds *kinds, size_t *room, struct ga_map *seen, struct replay_kind kind, uint16_t *number)
{
    uint64_t *known = ga_map_get(seen, (uintptr_t)kind.name, key_of(&kind));
    if (known) {
        *number = (uint16_t)*known;
        return 0;
    }
    if (kinds->count == UINT16_MAX || ga_array_room(&kinds->kinds, room, kinds->count + 1u, sizeof kind) < 0 ||
        ga_map_set(seen, (uintptr_t)kind.name, key_of(&kind), kinds->count) < 0)
        return -ENOMEM;
    *number = (uint16_t)kinds->count;
    kinds->kinds[kinds->count++] = kind;
    return 0;
}

static int collect(struct replay_kinds *kinds, const struct replay_plan *plan)
{
    struct {
        struct replay_kind kind;
        uint16_t number;
    } newest[GA_ROW_COUNT + 1] = {0}; /* by request, the last for none: nearly always it is of the same kind again */
    struct ga_map seen = {0};
    size_t room = 0;
    int result = 0;
    for (uint32_t c = 0; result == 0 && c < plan->call_count; c++) {
        const struct replay_call *call = &plan->calls[c];
        const uint32_t row = call->row == REPLAY_NO_ROW ? GA_ROW_COUNT : call->row;
        const struct replay_kind kind = kind_of(call);
        if (newest[row].kind.name != kind.name || key_of(&newest[row].kind) != key_of(&kind))
            result = take(kinds, &room, &seen, kind, &newest[row].number);
        newest[row].kind = kind;
        kinds->of[c] = newest[row].number;
        if (result == 0 && kinds->populate_of && replay_call_creates(call))
            result = take(kinds, &room, &seen, populate_kind_of(call), &kinds->populate_of[c]);
    }
    ga_map_release(&seen);
    return result;
}

/* Sorts the kinds, and says of each where it is now. */
static int sort(struct replay_kinds *kinds, uint16_t *places)
{
    struct replay_kind *unsorted = calloc(kinds->count + 1u, sizeof *unsorted);
    if (!unsorted)
        return -ENOMEM;
    for (uint32_t k = 0; k < kinds->count; k++)
        unsorted[k] = kinds->kinds[k];
    if (kinds->count)
        qsort(kinds->kinds, kinds->count, sizeof *kinds->kinds, by_kind);
    for (uint32_t k = 0; k < kinds->count; k++) {
        const struct replay_kind *found = bsearch(&unsorted[k], kinds->kinds, kinds->count, sizeof *found, by_kind);
        places[k] = (uint16_t)(found - kinds->kinds);
    }
    free(unsorted);
    return 0;
}

int replay_kinds_init(struct replay_kinds *kinds, const struct replay_plan *plan, bool populate)
{
    *kinds = (struct replay_kinds){.of = calloc(plan->call_count + 1u, sizeof *kinds->of)};
    if (populate)
        kinds->populate_of = calloc(plan->call_count + 1u, sizeof *kinds->populate_of);
    if (!kinds->of || (populate && !kinds->populate_of) || collect(kinds, plan) < 0)
        return -ENOMEM;
    uint16_t *places = calloc(kinds->count + 1u, sizeof *places);
    int result = places ? sort(kinds, places) : -ENOMEM;
    for (uint32_t c = 0; result == 0 && c < plan->call_count; c++) {
        kinds->of[c] = places[kinds->of[c]];
        if (populate)
            kinds->populate_of[c] = places[kinds->populate_of[c]];
    }
    free(places);
    return result;
}

void replay_kinds_release(struct replay_kinds *kinds)
{
    free(kinds->kinds);
    free(kinds->of);
    free(kinds->populate_of);
    *kinds = (struct replay_kinds){0};
}
