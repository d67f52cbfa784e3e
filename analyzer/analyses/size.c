/* Allocations by size class: powers of four from 4 KiB. */
#include "analyzer/groups.h"

static struct group_key key(const struct ga_life *life)
{
    return group_size_class(life->size, life->origin != GA_SIZE_UNKNOWN);
}

static int born(void *state, const struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    return groups_born(state, key(life), life);
}

static int died(void *state, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    return groups_died(state, key(life), key(ga_life_maker(life)), life, how);
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
    snprintf(text, size, "%s", group_size_class_text(group->key).text);
}

static int name_json(const void *user, const struct group *group, json_object *object)
{
    (void)user;
    return group_size_class_json(group->key, object);
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
