/* Names of surfaces, as the program gave them. */
#include "surfaces.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

enum { SHOWN = 40 }; /* bytes of a name in a table, about */

const struct surface_name *surface_names_get(const struct surface_names *names, uint64_t handle, uint64_t process)
{
    const uint64_t *place = names ? ga_map_get(&names->index, handle, process) : NULL;
    return place ? &names->list[*place - 1] : NULL;
}

static int add(struct surface_names *names, const struct ga_gpualloc_annotate_name *event)
{
    struct surface_name *named = (struct surface_name *)surface_names_get(names, event->handle, event->process);
    if (named && !strcmp(named->name, event->name))
        return 0; /* told again */
    if (!named && names->count >= SURFACE_NAMES_MAX)
        return 0;
    char *name = strdup(event->name);
    if (!name)
        return -ENOMEM;
    if (named) {
        free(named->name);
        *named = (struct surface_name){name, named->others + 1};
        return 0;
    }
    if (ga_array_room(&names->list, &names->room, names->count + 1, sizeof *names->list) < 0) {
        free(name);
        return -ENOMEM;
    }
    names->list[names->count++] = (struct surface_name){name, 0};
    return ga_map_set(&names->index, event->handle, event->process, names->count);
}

int surface_names_event(struct surface_names *names, const struct ga_row *row, const void *record)
{
    enum { SURFACE = 1 };
    const struct ga_gpualloc_annotate_name *told = record;
    if (ga_row_id(row) != GA_ROW_gpualloc_annotate_name || told->kind != SURFACE || !told->name || !*told->name)
        return 0;
    return add(names, told);
}

void surface_names_release(struct surface_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i].name);
    free(names->list);
    ga_map_release(&names->index);
    *names = (struct surface_names){0};
}

int surface_name_shown(const char *name, const char **cut)
{
    int length = (int)strlen(name);
    *cut = length > SHOWN ? "…" : "";
    if (length > SHOWN)
        for (length = SHOWN; length > SHOWN - 4 && ((unsigned char)name[length] & 0xc0) == 0x80;)
            length--;
    return length;
}

struct surface_text surface_text(const struct surface_names *names, uint64_t handle, uint64_t process)
{
    struct surface_text out = {"no surface"};
    const struct surface_name *named = surface_names_get(names, handle, process);
    const char *cut;
    if (named) {
        int length = surface_name_shown(named->name, &cut);
        snprintf(out.text, sizeof out.text, "surface 0x%" PRIx64 " %.*s%s", handle, length, named->name, cut);
    } else if (handle) {
        snprintf(out.text, sizeof out.text, "surface 0x%" PRIx64, handle);
    }
    return out;
}
