/*
 * Sites: allocations that one thread makes by one kind of call in one size, which is what a place in a program's source looks like in
 * a trace. Leaks and churn are told of sites. Surfaces are no part of the key: they are addresses, and each object has its own.
 */
#ifndef GPUALLOC_ANALYZER_SITES_H
#define GPUALLOC_ANALYZER_SITES_H

#include "groups.h"
#include "surfaces.h"

enum { SITES_MAX = 1 << 14 }; /* further ones are one site, others */

struct site {
    uint64_t process, size; /* size: of an unknown one 0 */
    uint32_t thread, tid, pid;
    const struct ga_row *row;
    enum ga_size_origin origin; /* of the first */
    bool others;
    uint64_t surface;    /* the first that was told, see site_surface */
    bool other_surfaces;
    char *name;          /* of a named buffer of DRM, or null */
    const struct ga_file_info *file; /* drm */
};

/* Entries begin with a struct site. Of zeros, but for entry_size: empty. */
struct sites {
    size_t entry_size;
    struct ga_index index; /* of the list until it is sorted */
    void **list;
    size_t count, room;
    struct site *others;
};

/* The entry of a life's site, made when it is new; null when memory is short. */
void *sites_get(struct sites *sites, const struct ga_life *life);
/* Notes whose surface it was. 0 or -ENOMEM. */
int site_surface(struct site *site, const struct ga_life *life);
void sites_release(struct sites *sites);

/* "surface 0x5000 shadow map and others, thread 12"; of DRM "buffer \"name\"" or "device card0". */
struct site_text {
    char text[176];
};
struct site_text site_text(const struct site *site, const struct surface_names *names);
/* "64 KiB", "unknown size". */
struct ga_text site_size(const struct site *site);
/* Members that name the site; 0 or -ENOMEM. */
int site_json(const struct site *site, json_object *object);

/* What a call cost, told once: 0 for the further lives that it makes or ends. Of zeros: none told. */
struct site_cost {
    uint64_t process, call;
    uint32_t thread;
};
uint64_t site_cost(struct site_cost *last, const struct ga_call *call);

#endif
