/* Allocations by size class: powers of four from 4 KiB. */
#include "analyzer/groups.h"

#include <inttypes.h>

enum { SMALLEST_BITS = 12, LARGEST_BITS = 32 };

/* a: the class's largest size, 2^64-1 above the largest class; b: 1 when unknown. */
static struct group_key key(const struct ga_life *life)
{
    if (life->origin == GA_SIZE_UNKNOWN)
        return (struct group_key){UINT64_MAX, 1};
    for (unsigned bits = SMALLEST_BITS; bits <= LARGEST_BITS; bits += 2)
        if (life->size <= 1ULL << bits)
            return (struct group_key){1ULL << bits, 0};
    return (struct group_key){UINT64_MAX, 0};
}

static int born(void *state, const struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    return groups_born(state, key(life), life);
}

static int died(void *state, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    return groups_died(state, key(life), key(life->memory->maker), life, how);
}

static int range_begins(void *user, int64_t ns)
{
    groups_range_begins(user, ns);
    return 0;
}

static int finish(void *state, const struct analysis_trace *trace)
{
    (void)trace;
    groups_sort(state, true);
    return 0;
}

static void name(const void *user, const struct group *group, char *text, size_t size)
{
    (void)user;
    if (group->key.b)
        snprintf(text, size, "unknown");
    else if (group->key.a == UINT64_MAX)
        snprintf(text, size, "> %s", ga_bytes(1ULL << LARGEST_BITS).text);
    else
        snprintf(text, size, "≤ %s", ga_bytes(group->key.a).text);
}

/* Null for what has no bound: unknown, and above the largest class. */
static int name_json(const void *user, const struct group *group, json_object *object)
{
    (void)user;
    bool known = !group->key.b, bounded = group->key.a != UINT64_MAX;
    uint64_t above = !bounded ? 1ULL << LARGEST_BITS : group->key.a == 1ULL << SMALLEST_BITS ? 0 : group->key.a / 4;
    int failed = known ? json_add_uint(object, "above", above) : json_add(object, "above", NULL);
    if (failed)
        return failed;
    return bounded ? json_add_uint(object, "up_to", group->key.a) : json_add(object, "up_to", NULL);
}

static const struct groups_view view = {.title = "Size classes", .head = "size", .name = name, .json = name_json};

static void text(const void *state, const struct analysis_output *out)
{
    struct analysis_output all = *out;
    all.top = UINT64_MAX; /* few, and in their own order */
    groups_text(state, &view, state, &all);
}

static json_object *json(const void *state)
{
    return groups_json(state, &view, state);
}

static void release(void *state)
{
    groups_release(state);
}

const struct analysis analysis_size = {
    .name = "size",
    .help = "allocations by size class",
    .order = 40,
    .state_size = sizeof(struct groups),
    .born = born,
    .died = died,
    .range_begins = range_begins,
    .finish = finish,
    .text = text,
    .json = json,
    .release = release,
};
