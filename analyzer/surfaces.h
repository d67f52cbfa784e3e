/*
 * Names of D3DKMT's surfaces: what the program called each hPrivateRuntimeResourceHandle (gpualloc/annotate.h). A name that was taken
 * back was the surface's all the same; an address that is used again for another surface has several, of which the newest is kept.
 */
#ifndef GPUALLOC_ANALYZER_SURFACES_H
#define GPUALLOC_ANALYZER_SURFACES_H

#include "base/map.h"
#include "reader/reader.h"

enum { SURFACE_NAMES_MAX = 1 << 18 }; /* surfaces with names, at most; further ones have none */

struct surface_name {
    char *name;
    uint64_t others; /* times that it was given another name */
};

/* Of zeros: empty. */
struct surface_names {
    struct ga_map index; /* (handle, process) to the place in list, plus 1 */
    struct surface_name *list;
    size_t count, room;
};

/* Feed every event. 0 or -ENOMEM. */
int surface_names_event(struct surface_names *names, const struct ga_row *row, const void *record);
/* Null: it was given none. */
const struct surface_name *surface_names_get(const struct surface_names *names, uint64_t handle, uint64_t process);
void surface_names_release(struct surface_names *names);

/* The bytes of a name that fit a table, cut between characters; *cut ("…" or "") says whether it is longer. */
int surface_name_shown(const char *name, const char **cut);
/* "surface 0x5000 shadow map", "no surface". */
struct surface_text {
    char text[96];
};
struct surface_text surface_text(const struct surface_names *names, uint64_t handle, uint64_t process);

#endif
