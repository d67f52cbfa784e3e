/*
 * Allocations by a key: how many, how many bytes at the peak and at the end, how long they lived, and how they ended. What
 * `report --by` shows; an analysis gives the key and its name.
 *
 * Bytes are counted in the order in which calls completed: from the create's completion to that of the call that took the
 * memory's last handle, for the group of the handle that made the memory. An imported handle (memory made in another file, or
 * outside the recording) is a number of its own: it is not in made, nor in any byte count. Lifetimes go from the end of the
 * create to the begin of what ended it, of those that ended within the recording.
 */
#ifndef GPUALLOC_ANALYZER_GROUPS_H
#define GPUALLOC_ANALYZER_GROUPS_H

#include "analysis.h"
#include "base/histogram.h"
#include "base/index.h"
#include "base/map.h"
#include "base/units.h"

struct group_key {
    uint64_t a, b;
};
static inline uint64_t group_key_hash(struct group_key key) { return ga_map_hash(key.a, key.b); }
static inline bool group_key_is(struct group_key x, struct group_key y) { return x.a == y.a && x.b == y.b; }

struct group {
    struct group_key key;
    bool others; /* stands for all groups beyond the limit */
    uint32_t number; /* from 0, in the order in which they were met */
    uint64_t made, imported;
    uint64_t at_start, at_start_bytes, at_start_unknown, at_start_bounds; /* lived when the range began, and are not in made */
    uint64_t bytes_made;                             /* of known sizes and lower bounds, as all bytes here */
    uint64_t bounds;                                 /* of made: only a lower bound of the size is known */
    uint64_t origins[GA_SIZE_ORIGINS];               /* of made, by where the size was learnt; their bytes */
    uint64_t origin_bytes[GA_SIZE_ORIGINS];
    uint64_t live, live_bytes, live_unknown, live_bounds; /* now, and when finished: at the end */
    uint64_t peak_bytes, peak_live;                  /* most bytes; allocations alive then */
    int64_t peak_ns;                                 /* end of the create that reached it */
    struct group_end {
        uint64_t count, bytes, unknown, bounds;
    } ends[GA_ENDS];                                 /* of made */
    uint64_t imported_alive;                         /* at the end */
    struct ga_histogram lifetimes;                   /* ns */
};

/* Surfaces are named by addresses, which a program can use up without end: beyond this many keys (or a limit) the rest is one group. */
enum { GROUPS_MAX = 1 << 14 };

/* Of zeros: empty. */
struct groups {
    struct ga_index index; /* by key; of the list until it is sorted */
    struct group **list;
    size_t count, room, limit; /* limit: 0 is GROUPS_MAX */
    struct group *others, *last; /* last: the one asked for before, often asked for again */
};

/* An analysis calls these from its own born and died, with the keys of the life and of its memory's maker. */
int groups_born(struct groups *groups, struct group_key key, const struct ga_life *life);
int groups_died(struct groups *groups, struct group_key key, struct group_key maker_key, const struct ga_life *life,
                enum ga_life_end how);
/* The group of a key, made when there is none: one that nothing was made in. Null when memory is short. */
struct group *groups_get(struct groups *groups, struct group_key key);
/* What was told as born so far was made before the range. */
void groups_range_begins(struct groups *groups, int64_t ns);
/* The halves of groups_died: what ended, and in another group or none, whose memory may have gone with it. */
int groups_ended(struct groups *groups, struct group_key key, const struct ga_life *life, enum ga_life_end how);
int groups_memory(struct groups *groups, struct group_key maker_key, const struct ga_life *life, enum ga_life_end how);
/* Sorts the list, after which nothing more is told: by peak bytes, then count, largest first; or by key. */
void groups_sort(struct groups *groups, bool by_key);
void groups_release(struct groups *groups);

/* Bytes as text with what is not known about them: "64 MiB", "≥64 MiB" when some of the count sizes are unknown or lower bounds,
   "unknown" when all are unknown. */
struct ga_text group_bytes(uint64_t bytes, uint64_t count, uint64_t unknown, uint64_t bounds);

/* Size classes: powers of four from 4 KiB. a: the largest size of the class, UINT64_MAX above the largest class; b: 1 when the size is
   unknown. */
struct group_key group_size_class(uint64_t size, bool known);
/* "≤ 64 KiB", "> 4 GiB", "unknown". */
struct ga_text group_size_class_text(struct group_key key);
/* Members above and up_to, null for what has no bound. 0, or -ENOMEM. */
int group_size_class_json(struct group_key key, json_object *object);

/* How groups are shown. user is the analysis's state. */
struct groups_view {
    const char *title; /* "Surfaces" */
    const char *head;  /* of the column of names */
    void (*name)(const void *user, const struct group *group, char *text, size_t size);
    /* Adds members that name the group. */
    int (*json)(const void *user, const struct group *group, json_object *object);
    /* Adds what else is told of the others than the figures of a group, or null. */
    int (*others)(const void *user, const struct group *group, json_object *object);
};
void groups_text(const struct groups *groups, const struct groups_view *view, const void *user,
                 const struct analysis_output *out);
/* The members of one group, its name included. 0, or -ENOMEM. */
int groups_element_json(const struct groups *groups, const struct groups_view *view, const void *user, size_t i, json_object *object);
/* An array of objects, one a group; deferred (analyzer/deferred.h), as all lists of the report. */
json_object *groups_json(const struct groups *groups, const struct groups_view *view, const void *user);
/* The members of one group that are its figures; 0, or -ENOMEM. */
int group_json(const struct group *group, json_object *object);

/* A heading: bold on a terminal. */
void analysis_heading(const struct analysis_output *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds a member; frees it when that fails. 0, or -ENOMEM. */
int json_add(json_object *object, const char *name, json_object *member);
/* A deferred array of objects, one an element of a list: fill adds the members. The list is borrowed. Null when memory ran out. */
json_object *json_list(const void *list, size_t count, size_t size, int (*fill)(const void *element, json_object *object));
/* The same as a member of an object. 0, or -ENOMEM. */
int json_add_list(json_object *object, const char *name, const void *list, size_t count, size_t size,
                  int (*fill)(const void *element, json_object *object));
int json_add_uint(json_object *object, const char *name, uint64_t value);
/* An id (process instance, file) as list writes it: 16 hexadecimal digits in a string. */
int json_add_id(json_object *object, const char *name, uint64_t id);
int json_add_string(json_object *object, const char *name, const char *value);

#endif
