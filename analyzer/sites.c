/* Sites: by thread, kind of call, and size. */
#include "sites.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static uint64_t hash_of_key(uint64_t process, uint32_t thread, const struct ga_row *row, uint64_t size)
{
    return ga_map_hash(ga_map_hash(process, size), (uint64_t)thread << 32 | ga_row_id(row));
}

static uint64_t hash_of(const void *array, size_t number)
{
    const struct site *const *list = array, *site = list[number - 1];
    return hash_of_key(site->process, site->thread, site->row, site->size);
}

static struct site *site_new(struct sites *sites, const struct site *site)
{
    if (ga_array_room(&sites->list, &sites->room, sites->count + 1, sizeof *sites->list) < 0)
        return NULL;
    struct site *entry = calloc(1, sites->entry_size);
    if (!entry)
        return NULL;
    *entry = *site;
    sites->list[sites->count] = entry;
    if (!site->others && ga_index_add(&sites->index, sites->list, hash_of) < 0) {
        free(entry);
        return NULL;
    }
    sites->count++;
    return entry;
}

void *sites_get(struct sites *sites, const struct ga_life *life)
{
    bool unknown = life->origin == GA_SIZE_UNKNOWN;
    uint64_t size = unknown ? 0 : life->size;
    size_t at = (size_t)hash_of_key(life->process, life->create_thread, life->row, size);
    for (uint32_t number; (number = ga_index_at(&sites->index, at)); at++) {
        struct site *site = sites->list[number - 1];
        if (site->process == life->process && site->thread == life->create_thread && site->row == life->row && site->size == size &&
            (site->origin == GA_SIZE_UNKNOWN) == unknown)
            return site;
    }
    if (sites->others)
        return sites->others;
    struct site *site = site_new(sites, &(struct site){.process = life->process,
                                                       .size = size,
                                                       .thread = life->create_thread,
                                                       .tid = life->tid,
                                                       .pid = life->pid,
                                                       .row = life->row,
                                                       .origin = life->origin,
                                                       .file = ga_life_file(life),
                                                       .others = sites->count == SITES_MAX});
    if (site && site->others)
        sites->others = site;
    return site;
}

int site_surface(struct site *site, const struct ga_life *life)
{
    const char *name = site->name ? NULL : ga_life_name(life);
    if (name && *name && !(site->name = strdup(name)))
        return -ENOMEM;
    if (!site->surface)
        site->surface = life->surface;
    site->other_surfaces |= life->surface && life->surface != site->surface;
    return 0;
}

void sites_release(struct sites *sites)
{
    for (size_t i = 0; i < sites->count; i++)
        free(((struct site *)sites->list[i])->name), free(sites->list[i]);
    free(sites->list);
    ga_index_release(&sites->index);
    *sites = (struct sites){.entry_size = sites->entry_size};
}

struct site_text site_text(const struct site *site, const struct surface_names *names)
{
    struct site_text out;
    const char *cut, *many = site->other_surfaces ? " …" : "";
    if (site->others)
        snprintf(out.text, sizeof out.text, "all other places");
    else if (ga_row_is_d3dkmt(site->row))
        snprintf(out.text, sizeof out.text, "%s%s, thread %" PRIu32, surface_text(names, site->surface, site->process).text, many,
                 site->tid);
    else if (site->name) {
        int length = surface_name_shown(site->name, &cut);
        snprintf(out.text, sizeof out.text, "buffer \"%.*s%s\", thread %" PRIu32, length, site->name, cut, site->tid);
    } else {
        snprintf(out.text, sizeof out.text, "buffers without a name on %.64s, thread %" PRIu32,
                 site->file ? basename(site->file->path) : "a DRM device", site->tid);
    }
    return out;
}

struct ga_text site_size(const struct site *site)
{
    struct ga_text out = {"unknown size"};
    return site->origin == GA_SIZE_UNKNOWN ? out : group_bytes(site->size, 1, 0, ga_size_is_bound(site->origin));
}

int site_json(const struct site *site, json_object *object)
{
    char event[96];
    if (site->others)
        return json_add(object, "others", json_object_new_boolean(true));
    snprintf(event, sizeof event, "%s:%s", site->row->provider, site->row->event);
    return json_add_id(object, "process", site->process) || json_add_uint(object, "pid", site->pid) ||
                   json_add_uint(object, "thread", site->thread) || json_add_uint(object, "tid", site->tid) ||
                   json_add_string(object, "event", event) ||
                   (site->origin == GA_SIZE_UNKNOWN ? json_add(object, "size", NULL) : json_add_uint(object, "size", site->size)) ||
                   json_add_uint(object, "surface", site->surface) ||
                   json_add(object, "other_surfaces", json_object_new_boolean(site->other_surfaces)) ||
                   json_add_string(object, "name", site->name)
               ? -ENOMEM
               : 0;
}

uint64_t site_cost(struct site_cost *last, const struct ga_call *call)
{
    const struct ga_call_header *header = call->header;
    if (last->process == header->process && last->thread == header->thread && last->call == header->call)
        return 0;
    *last = (struct site_cost){header->process, header->call, header->thread};
    return header->end > header->begin ? header->end - header->begin : 0;
}
