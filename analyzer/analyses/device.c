/* Allocations by device: a D3DKMT adapter or a DRM node. */
#include "analyzer/groups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

struct state {
    struct groups groups;
    struct ga_map drivers; /* (process, 0) to the driver of its D3DKMT device, a string of d3dkmt_drivers */
    struct ga_map labels;  /* key of a group to its char *, as it was at the first birth */
};

static const char *const d3dkmt_drivers[] = {"dxg", "softgpu"};

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
    const struct ga_gpualloc_file *file = record;
    if (ga_row_id(row) != GA_ROW_gpualloc_file || !file->driver)
        return 0;
    for (size_t i = 0; i < sizeof d3dkmt_drivers / sizeof *d3dkmt_drivers; i++)
        if (strcmp(file->driver, d3dkmt_drivers[i]) == 0)
            return ga_map_set(&state->drivers, file->process, 0, (uintptr_t)d3dkmt_drivers[i]);
    return 0;
}

static char *label(const struct state *state, const struct ga_life *life)
{
    char *text = NULL;
    int length;
    uint64_t *driver = ga_map_get(&state->drivers, life->process, 0);
    if (is_drm(life) && life->file)
        length = asprintf(&text, "%s %s", *life->file->driver ? life->file->driver : "drm", basename(life->file->path));
    else if (is_drm(life))
        length = asprintf(&text, "DRM node %u:%u", major(life->device), minor(life->device));
    else if (!life->device)
        length = asprintf(&text, "%s, adapter not known", driver ? (const char *)(uintptr_t)*driver : "dxg");
    else
        length = asprintf(&text, "%s %" PRIx64 ":%" PRIx64, driver ? (const char *)(uintptr_t)*driver : "dxg",
                          life->device >> 32, life->device & UINT32_MAX);
    return length < 0 ? NULL : text;
}

static int born(void *user, const struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    struct group_key group = key(life);
    if (!ga_map_get(&state->labels, group.a, group.b)) {
        char *text = label(state, life);
        if (!text || ga_map_set(&state->labels, group.a, group.b, (uintptr_t)text) < 0) {
            free(text);
            return -ENOMEM;
        }
    }
    return groups_born(&state->groups, group, life);
}

static int died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    struct state *state = user;
    return groups_died(&state->groups, key(life), key(life->memory->maker), life, how);
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
    uint64_t *place = ga_map_get(&state->labels, group->key.a, group->key.b);
    return place ? (const char *)(uintptr_t)*place : "";
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
    size_t place = 0;
    for (struct ga_map_slot *slot; (slot = ga_map_next(&state->labels, &place));)
        free((void *)(uintptr_t)slot->value);
    ga_map_release(&state->labels);
    ga_map_release(&state->drivers);
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
