/* Allocations by device: a D3DKMT adapter or a DRM node. */
#include "analyzer/groups.h"

#include "analyzer/labels.h"

struct state {
    struct groups groups;
    struct labels labels;
};

static bool is_drm(const struct ga_life *life)
{
    return ga_row_is_drm(life->row);
}

/* a: device number or AdapterLuid; b: whether it is a DRM node. */
static struct group_key key(const struct ga_life *life)
{
    return (struct group_key){life->device, is_drm(life)};
}

static int event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    (void)ns;
    struct state *state = user;
    return labels_event(&state->labels, row, record);
}

static int born(void *user, const struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    uint32_t label; /* as it is at the first birth */
    int result = labels_device(&state->labels, life, &label);
    return result ? result : groups_born(&state->groups, key(life), life);
}

static int died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    return groups_died(&state->groups, key(life), key(ga_life_maker(life)), life, how);
}

static int range_begins(void *user, int64_t ns)
{
    groups_range_begins(&((struct state *)user)->groups, ns);
    return 0;
}

static int finish(void *user, const struct analysis_trace *trace)
{
    (void)trace;
    struct state *state = user;
    groups_sort(&state->groups, false);
    return 0;
}

static const char *label_of(const struct state *state, const struct group *group)
{
    uint64_t *place = ga_map_get(&state->labels.devices, group->key.a, group->key.b);
    return place ? labels_text(&state->labels, (uint32_t)*place) : "";
}

static void name(const void *user, const struct group *group, char *text, size_t size)
{
    snprintf(text, size, "%s", label_of(user, group));
}

static int name_json(const void *user, const struct group *group, json_object *object)
{
    int failed = json_add_string(object, "name", label_of(user, group));
    return failed ? failed : json_add_uint(object, group->key.b ? "device" : "adapter_luid", group->key.a);
}

static const struct groups_view view = {.title = "Devices", .head = "device", .name = name, .json = name_json};

static void text(const void *user, const struct analysis_output *out)
{
    const struct state *state = user;
    groups_text(&state->groups, &view, user, out);
}

static json_object *json(const void *user)
{
    const struct state *state = user;
    return groups_json(&state->groups, &view, user);
}

static void release(void *user)
{
    struct state *state = user;
    labels_release(&state->labels);
    groups_release(&state->groups);
}

const struct analysis analysis_device = {
    .name = "device",
    .help = "allocations by device: a D3DKMT adapter or a DRM node",
    .order = 30,
    .on_request = true,
    .state_size = sizeof(struct state),
    .event = event,
    .born = born,
    .died = died,
    .range_begins = range_begins,
    .finish = finish,
    .text = text,
    .json = json,
    .release = release,
};
