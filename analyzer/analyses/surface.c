/*
 * Allocations by the surface that they belong to: of D3DKMT by hPrivateRuntimeResourceHandle, the runtime's own name of it, with the
 * name that the program gave it (gpualloc/annotate.h); of DRM by that name, those of the same name in a process together.
 */
#include "analyzer/groups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/deferred.h"
#include "analyzer/surfaces.h"

struct state {
    struct groups surfaces, buffers; /* of D3DKMT; of DRM, by name */
    const struct surface_names *names;
};

static int start(void *user, const struct analysis_source *source)
{
    struct state *state = user;
    state->names = source->names;
    return 0;
}

/* The groups that a life belongs to, with its key; null: an unnamed buffer of DRM. Names are equal when their pointers are. */
static struct groups *groups_of(struct state *state, const struct ga_life *life, struct group_key *key)
{
    bool d3dkmt = ga_row_is_d3dkmt(life->row);
    *key = (struct group_key){d3dkmt ? life->surface : (uintptr_t)ga_life_name(life), life->process};
    return d3dkmt ? &state->surfaces : ga_life_name(life) ? &state->buffers : NULL;
}

static int born(void *user, const struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    struct group_key key;
    struct groups *groups = groups_of(user, life, &key);
    return groups ? groups_born(groups, key, life) : 0;
}

/* A named handle can be of memory whose maker has no name, and the other way round. */
static int died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    struct group_key key, maker_key;
    struct groups *groups = groups_of(user, life, &key), *maker = groups_of(user, ga_life_maker(life), &maker_key);
    int result = groups ? groups_ended(groups, key, life, how) : 0;
    return result || !maker ? result : groups_memory(maker, maker_key, life, how);
}

static int range_begins(void *user, int64_t ns)
{
    struct state *state = user;
    groups_range_begins(&state->surfaces, ns);
    groups_range_begins(&state->buffers, ns);
    return 0;
}

static int finish(void *user, const struct analysis_trace *trace)
{
    (void)trace;
    struct state *state = user;
    groups_sort(&state->surfaces, false);
    groups_sort(&state->buffers, false);
    return 0;
}

static void name_of_surface(const void *user, const struct group *group, char *text, size_t size)
{
    const struct state *state = user;
    const struct surface_name *named = surface_names_get(state->names, group->key.a, group->key.b);
    const char *cut;
    int length = named ? surface_name_shown(named->name, &cut) : 0;
    if (named)
        snprintf(text, size, "0x%" PRIx64 " %.*s%s%s", group->key.a, length, named->name, cut, named->others ? " (and others)" : "");
    else
        snprintf(text, size, group->key.a ? "0x%" PRIx64 : "none given", group->key.a);
}

static int surface_json(const void *user, const struct group *group, json_object *object)
{
    const struct state *state = user;
    const struct surface_name *named = surface_names_get(state->names, group->key.a, group->key.b);
    return json_add_uint(object, "hPrivateRuntimeResourceHandle", group->key.a) ||
                   json_add_id(object, "process", group->key.b) || json_add_string(object, "name", named ? named->name : NULL) ||
                   json_add_uint(object, "renamed", named ? named->others : 0)
               ? -ENOMEM
               : 0;
}

static void buffer_name(const void *user, const struct group *group, char *text, size_t size)
{
    (void)user;
    const char *name = (const char *)(uintptr_t)group->key.a, *cut;
    int length = surface_name_shown(name, &cut);
    snprintf(text, size, "%.*s%s", length, name, cut);
}

static int buffer_json(const void *user, const struct group *group, json_object *object)
{
    (void)user;
    int failed = json_add_string(object, "name", (const char *)(uintptr_t)group->key.a);
    return failed ? failed : json_add_id(object, "process", group->key.b);
}

static const struct groups_view surface_view = {
    .title = "Surfaces (hPrivateRuntimeResourceHandle)", .head = "surface", .name = name_of_surface, .json = surface_json};
static const struct groups_view buffer_view = {.title = "Named buffers", .head = "name", .name = buffer_name, .json = buffer_json};

static void text(const void *user, const struct analysis_output *out)
{
    const struct state *state = user;
    groups_text(&state->surfaces, &surface_view, state, out);
    if (!state->buffers.count)
        return;
    fputc('\n', out->file);
    groups_text(&state->buffers, &buffer_view, state, out);
}

/* One array: those of D3DKMT, then the named buffers. */
static int element_json(const void *context, size_t i, json_object *object)
{
    const struct state *state = *(const struct state *const *)context;
    size_t surfaces = state->surfaces.count;
    return i < surfaces ? groups_element_json(&state->surfaces, &surface_view, state, i, object)
                        : groups_element_json(&state->buffers, &buffer_view, state, i - surfaces, object);
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    return deferred_list(&state, sizeof state, state->surfaces.count + state->buffers.count, element_json);
}

static void release(void *user)
{
    struct state *state = user;
    groups_release(&state->surfaces);
    groups_release(&state->buffers);
}

const struct analysis analysis_surface = {
    .name = "surface",
    .help = "allocations by surface: D3DKMT's hPrivateRuntimeResourceHandle, and names that the program gave",
    .order = 50,
    .state_size = sizeof(struct state),
    .start = start,
    .born = born,
    .died = died,
    .range_begins = range_begins,
    .finish = finish,
    .text = text,
    .json = json,
    .release = release,
};
