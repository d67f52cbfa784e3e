/*
 * The walk over a plan's calls in the order in which they took effect, while the plan is built. Shared by plan_order.c (objects and
 * dependencies), plan_ranges.c (GPU addresses), plan_mappings.c (the CPU's) and plan_waits.c (paging fences, signals and waits).
 */
#ifndef GPUALLOC_REPLAYER_PLAN_WALK_H
#define GPUALLOC_REPLAYER_PLAN_WALK_H

#include "replayer/plan_builder.h"

enum { WALK_SPACES = 16 }; /* of names */

struct event {
    int64_t time;
    uint64_t tie; /* twice the arrival, plus one for the end: what is reported first is taken first */
    uint32_t call;
    bool end;
};

struct life { /* of an object, by its number */
    uint32_t first_user, first_child, next_sibling;
    uint32_t holders; /* handles that keep this memory */
    uint32_t opens;   /* adapter: times that its handle was given again; as many closes leave it open */
    uint32_t space;   /* adapter, device: the adapter's id, whose GPU addresses these are; or REPLAY_NONE */
    uint32_t binding; /* address space, file: the newest call that changed what is at its addresses */
    uint32_t pagings; /* walk.pagings: the newest calls after which it is where it should be */
    uint32_t signals; /* walk.signals: the newest call that sets a fence (or that a paging queue got) */
    uint32_t waits;   /* walk.pending: waits for values that nothing has set so far */
    uint32_t ended_by; /* call, or REPLAY_NONE */
    uint32_t name;    /* memory: its global name, which ends with its last handle; or REPLAY_NONE */
    uint64_t initial; /* sync object: its value at first */
    bool dead;
};

struct user { /* the newest call of a lane that names an object */
    uint32_t lane, call, next;
};

struct edge {
    uint32_t call;
    struct replay_dependency on;
};

/* A call that moves an object, by the queue and the lane that it came from. */
struct paging {
    uint32_t call, queue, next;
};

struct signal {
    uint64_t value;
    uint32_t call, next;
};

/* A call that waits for a value of an object, in the list of the object; remaining: see struct wait. */
struct pending {
    uint64_t value;
    uint32_t wait, next;
};
struct wait {
    uint32_t call, remaining; /* objects that it still waits for */
    bool any;                 /* one of them is enough */
};

struct share {
    uint32_t object, allocations;
};

struct walk {
    struct replay_plan *plan;
    struct ga_map spaces[WALK_SPACES];
    struct event *events;
    struct life *lives;
    struct user *users;
    struct edge *edges;
    uint32_t *known;      /* [lane][lane]: calls of the second that the first has waited for already */
    uint32_t *last_free;  /* by lane: its newest call that freed memory, or REPLAY_NONE */
    struct share *shares; /* NT handles, see plan_shares.c */
    struct ga_map shares_opened; /* process, NT handle: it has been opened there */
    size_t share_room, share_count;
    void *ranges;         /* GPU addresses: see plan_ranges.c */
    void *mappings;       /* the CPU's: see plan_mappings.c */
    struct ga_map awaited; /* lane and issuing lane, queue: paging calls of it that the first has awaited */
    struct paging *pagings;
    struct signal *signals;
    struct pending *pending;
    struct wait *waits;
    struct edge *fences, *needs; /* onto calls: on.sequence is the call's number */
    size_t paging_room, paging_count, signal_room, signal_count, pending_room, pending_count, wait_room, wait_count;
    size_t fence_room, fence_count, need_room, need_count;
    size_t life_room, life_count, user_room, user_count, edge_room, edge_count;
    unsigned __int128 alive_bytes;
    uint32_t range_first; /* the first call of the range: those before it are there for what they leave */
    uint8_t *alive;       /* by object: whether it is when the range begins; null: see plan_subset.c */
    uint32_t alive_count;
};

/* call waits for on, which began earlier; REPLAY_NONE is nothing. 0 or -ENOMEM, as all here. */
int walk_add_edge(struct walk *walk, uint32_t call, uint32_t on, enum replay_wait reason);
/* The object of that kind that a call names or has made; REPLAY_NONE when none. */
uint32_t walk_named(const struct walk *walk, const struct replay_call *call, enum replay_object_kind kind);
/* A new object for what a reference makes. */
uint32_t walk_new_object(struct walk *walk, const struct replay_ref *ref, uint32_t maker);

/* The name means the object from now on. */
int walk_enter(struct walk *walk, const struct replay_ref *ref, uint32_t object);

/* Whether the walk may write into the call's image: what a map asks for, a value where a pointer could be. */
bool walk_changes_image(const struct ga_row *row);
/* Whether the call may ask for GPU addresses of the program's own choice. */
bool walk_chooses_address(const struct ga_row *row);

/* GPU addresses. */

/* The range that holds an address which the call names, if it is alive; else REPLAY_NONE, and the call waits for its free. */
int walk_range_find(struct walk *walk, uint32_t call, const struct replay_ref *ref, uint32_t *object);
/* The call makes the range, of call.bytes; none that are left of older ones overlap it from now on. */
int walk_range_add(struct walk *walk, uint32_t call, struct replay_ref *ref);
/* Whether a free's reference takes the whole range. */
bool walk_range_covered(const struct walk *walk, const struct replay_call *call, const struct replay_ref *ref);
/* The range ended with that call. */
void walk_range_end(struct walk *walk, uint32_t object, uint32_t call);
/* A new adapter's or device's addresses are whose? */
void walk_range_space(struct walk *walk, uint32_t object, const struct replay_call *call, const struct replay_ref *ref);
void walk_ranges_release(struct walk *walk);

/* The CPU's mappings of buffers: at the begin and at the end of an mmap, munmap or mremap. */
int walk_mapping_begin(struct walk *walk, uint32_t call);
int walk_mapping_end(struct walk *walk, uint32_t call);
void walk_mappings_release(struct walk *walk);

/* Shared objects. */

/* An NT handle was made. */
int walk_shared_add(struct walk *walk, uint32_t object);
/* Looks at what the handle's number leads to in the process (*object, or REPLAY_NONE), and for what another process shared. */
int walk_shared_find(struct walk *walk, uint32_t call, const struct replay_ref *ref, uint32_t *object);

/* A part of the trace. */

/* Cuts off what began after the range and finds where it begins. Calls are sorted; times are the trace's. */
int walk_subset_cut(struct walk *walk, struct ga_error *error);
/* The range begins here: what is alive? */
int walk_subset_begin(struct walk *walk);
/* When all is resolved and placed: leaves what is in the range, and before it what makes and shapes what was alive. */
int walk_subset_keep(struct walk *walk);

/* Fences, signals and waits: at each call's begin, once its references are resolved, and at its end. */
int walk_waits_begin(struct walk *walk, uint32_t call);
int walk_waits_end(struct walk *walk, uint32_t call);
/* When all calls are through: what nothing signals is skipped; fills plan.fences and plan.signals. */
int walk_waits_finish(struct walk *walk);
void walk_waits_release(struct walk *walk);

#endif
