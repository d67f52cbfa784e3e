/* D3DKMT allocations by the surface that they belong to: hPrivateRuntimeResourceHandle, the runtime's own name of it. */
#include "analyzer/groups.h"

#include <inttypes.h>
#include <string.h>

static bool has_surface(const struct ga_life *life)
{
    return ga_row_is_d3dkmt(life->row);
}

static struct group_key key(const struct ga_life *life)
{
    return (struct group_key){life->surface, life->process};
}

static int born(void *state, const struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    return has_surface(life) ? groups_born(state, key(life), life) : 0;
}

static int died(void *state, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    return has_surface(life) ? groups_died(state, key(life), key(life->memory->maker), life, how) : 0;
}

static int finish(void *state, const struct analysis_trace *trace)
{
    (void)trace;
    groups_sort(state, false);
    return 0;
}

static void name(const void *user, const struct group *group, char *text, size_t size)
{
    (void)user;
    if (group->key.a)
        snprintf(text, size, "0x%" PRIx64, group->key.a);
    else
        snprintf(text, size, "none given");
}

static int name_json(const void *user, const struct group *group, json_object *object)
{
    (void)user;
    int failed = json_add_uint(object, "hPrivateRuntimeResourceHandle", group->key.a);
    return failed ? failed : json_add_id(object, "process", group->key.b);
}

static const struct groups_view view = {
    .title = "Surfaces (hPrivateRuntimeResourceHandle)", .head = "surface", .name = name, .json = name_json};

static void text(const void *state, const struct analysis_output *out)
{
    groups_text(state, &view, state, out);
}

static json_object *json(const void *state)
{
    return groups_json(state, &view, state);
}

static void release(void *state)
{
    groups_release(state);
}

const struct analysis analysis_surface = {
    .name = "surface",
    .help = "D3DKMT allocations by hPrivateRuntimeResourceHandle, the runtime's name of a surface",
    .order = 50,
    .state_size = sizeof(struct groups),
    .born = born,
    .died = died,
    .finish = finish,
    .text = text,
    .json = json,
    .release = release,
};
