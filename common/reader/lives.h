/*
 * Lives: which allocation a call makes, uses or ends, by intervals.
 *
 * A create takes effect at its end, a destroy, close or unmap at its begin. Calls of several threads can complete in another
 * order than they took effect: a destroy that began before the newest create of that handle ended belongs to the older
 * generation. This is the one place that knows; plans, lint and analyses are built on it.
 * A nested call (GA_MARK_NESTED) counts for itself, and the call of the same row around it, in the same thread, is passed over.
 * Memory is bounded by what is alive. One thread at a time.
 */
#ifndef GPUALLOC_READER_LIVES_H
#define GPUALLOC_READER_LIVES_H

#include "reader/reader.h"

/* Where a size was learnt. D3DKMT names none. */
enum __attribute__((packed)) ga_size_origin {
    GA_SIZE_UNKNOWN,    /* never to be shown as 0 bytes */
    GA_SIZE_REQUESTED,  /* a member of the request */
    GA_SIZE_RETURNED,   /* a member that the driver wrote */
    GA_SIZE_COMPUTED,   /* a product of members (stride and height) */
    GA_SIZE_STANDARD,   /* D3DKMT standard allocation */
    GA_SIZE_DECODED,    /* decoded from private data by a driver's decoder */
    GA_SIZE_IMPORTED,   /* known from the exporter of the same dma-buf or name */
    GA_SIZE_LOCKED,     /* extent of the CPU's mapping, in whole pages; learnt after birth, as the next one */
    GA_SIZE_MAPPED,     /* end of the largest GPU mapping: a lower bound */
    GA_SIZE_ORIGINS,
};
/* "unknown", "requested", "returned", "computed", "standard", "decoded", "imported", "locked", "mapped". */
const char *ga_size_origin_name(enum ga_size_origin origin);
/* Whether a size of this origin is only a lower bound, to be shown as such. */
static inline bool ga_size_is_bound(enum ga_size_origin origin) { return origin == GA_SIZE_MAPPED; }

enum ga_life_end {
    GA_END_NOT,     /* alive at the end of the trace */
    GA_END_FREED,   /* by a destroy call of its own, or its resource's */
    GA_END_OWNER,   /* with its device */
    GA_END_CLOSED,  /* with the last close of its file */
    GA_END_LOST,    /* its handle was given again, and no call that ended it is in the trace */
    GA_ENDS,
};
/* "alive", "freed", "with_owner", "closed", "lost". */
const char *ga_life_end_name(enum ga_life_end end);

/* What handles lead to. One of d3dkmt has one handle; a GEM buffer can have several, in several files, by PRIME and FLINK. Its
   bytes are to be counted once: from the birth that makes handles 1 to the death that makes it 0. */
struct ga_memory {
    uint32_t handles : 31; /* that are alive; at born with the new one, at died without the old one */
    uint32_t exported : 1; /* a dma-buf or an NT handle was made of it, which others may hold without a handle; told by used */
};

/* What handles of DRM have beside it. */
struct ga_life_drm {
    uint64_t scope;    /* name space of the handle, by its file */
    uint64_t dma_buf;  /* inode number once shared, else 0 */
    const char *name;  /* that the program gave, as an earlier pass learnt it; else null */
    const struct ga_file_info *file; /* or null */
};

/* One allocation: a D3DKMT allocation, or a GEM handle in a file. Millions can be alive: it has no gaps, and no rare members. */
struct ga_life {
    uint64_t id : 48;  /* dense, from 0, in the order of creation */
    enum ga_size_origin origin;
    bool imported : 1; /* a handle to memory made elsewhere: do not count its bytes twice */
    bool is_drm : 1;   /* what handles of DRM have stands behind it: ga_life_drm */
    uint32_t handle;
    uint32_t create_thread, pid, tid;
    uint32_t owner;    /* d3dkmt: hDevice; drm: 0 */
    uint32_t resource; /* d3dkmt: hResource, 0 when alone */
    uint64_t process;  /* instance that made it; of d3dkmt the name space of its handle */
    uint64_t surface;  /* hPrivateRuntimeResourceHandle; 0 on drm */
    uint64_t device;   /* drm: device number; d3dkmt: AdapterLuid (HighPart above LowPart), 0 when not known */
    uint64_t size;     /* bytes, meaningful unless the origin is unknown; as known now: see sized below */
    const struct ga_memory *memory;
    const struct ga_row *row;  /* of the call that made it */
    uint64_t create_call;      /* number in its thread */
    int64_t asked_ns;          /* epoch: begin of the create */
    int64_t born_ns;           /* epoch: end of the create */
    int64_t died_ns;           /* epoch: begin of what ended it; meaningful at died */
    void *user;                /* the caller's, zero at birth */
};
_Static_assert(sizeof(struct ga_life) == 120, "a life has a gap");

/* The first handle to a memory, which stands before it; kept as long as the memory, whose size is its. An imported one: made outside
   the recording. */
static inline const struct ga_life *ga_memory_maker(const struct ga_memory *memory) { return (const void *)(memory + 1); }
static inline const struct ga_life *ga_life_maker(const struct ga_life *life) { return ga_memory_maker(life->memory); }
/* Null: of d3dkmt. */
static inline const struct ga_life_drm *ga_life_drm(const struct ga_life *life)
{
    return life->is_drm ? (const void *)(life + 1) : NULL;
}
/* The name that the program gave to a buffer of DRM, and the file of its handle; else null. */
static inline const char *ga_life_name(const struct ga_life *life) { return life->is_drm ? ga_life_drm(life)->name : NULL; }
static inline const struct ga_file_info *ga_life_file(const struct ga_life *life)
{
    return life->is_drm ? ga_life_drm(life)->file : NULL;
}
/* Name space of its handle: process instance (d3dkmt) or by the file (drm). */
static inline uint64_t ga_life_scope(const struct ga_life *life) { return life->is_drm ? ga_life_drm(life)->scope : life->process; }

/* What a D3DKMT handle leads to. */
enum __attribute__((packed)) ga_object_kind {
    GA_OBJECT_SCOPE, /* a process's D3DKMT handles, or a DRM file: no handle leads to it, and nobody is told of it */
    GA_OBJECT_ADAPTER,
    GA_OBJECT_DEVICE,
    GA_OBJECT_RESOURCE,
    GA_OBJECT_ALLOCATION, /* struct ga_life tells of it */
    GA_OBJECT_CONTEXT,
    GA_OBJECT_HW_CONTEXT,
    GA_OBJECT_HW_QUEUE,
    GA_OBJECT_PAGING_QUEUE,
    GA_OBJECT_SYNC_OBJECT,
    GA_OBJECT_KINDS,
};
/* "adapter", "device", "resource", "allocation", "context", "hardware context", "hardware queue", "paging queue", "sync object". */
const char *ga_object_kind_name(enum ga_object_kind kind);

/* One object of D3DKMT that is no allocation. */
struct ga_object {
    enum ga_object_kind kind;
    enum ga_object_kind owner_kind;
    uint32_t handle;
    uint32_t owner;   /* handle of the object that ends it with itself; 0: the process */
    uint32_t opens;   /* adapter: times that it was opened and not closed */
    uint64_t process; /* instance that made it */
    uint64_t surface; /* resource: hPrivateRuntimeResourceHandle */
    uint64_t luid;    /* adapter, and device where it is known: AdapterLuid (HighPart above LowPart) */
    int64_t born_ns;  /* epoch: end of the create; INT64_MIN: made before the recording */
    /* From here on: only when opened or closed is told. */
#define GA_OBJECT_BRIEF row
    const struct ga_row *row; /* of the call that made it; null: made before the recording, and known from a call that named it */
    uint64_t create_call;     /* number in its thread */
    uint32_t create_thread, pid, tid;
    int64_t asked_ns; /* epoch: begin of the create */
    int64_t died_ns;  /* epoch: begin of what ended it; meaningful at closed */
    void *user;       /* the caller's, zero at birth */
};

/* What an earlier pass over a trace learnt of an allocation. */
struct ga_known {
    uint64_t size;
    enum ga_size_origin origin; /* unknown: nothing of its size */
    const char *name;           /* or null */
};

struct ga_lives_ops {
    /* An object that is no allocation began (before the allocations that the same call made); it ended, after all that it owned.
       Those made before the recording (row null) are not told, but for the end of one with a user. how: GA_END_FREED by its own
       destroy, GA_END_OWNER with what it belongs to.
       Optional. */
    int (*opened)(void *user, struct ga_object *object, const struct ga_call *call);
    int (*closed)(void *user, struct ga_object *object, enum ga_life_end how, const struct ga_call *call);
    /* An allocation began. Optional. */
    int (*born)(void *user, struct ga_life *life, const struct ga_call *call);
    /* It ended; life is gone afterwards, and stays as its memory's maker if it is; of GA_END_NOT all can be read until
       ga_lives_destroy. call is the one that ended it, or null for ends that no call made (file_closed, lost, end of the trace).
       Optional. */
    int (*died)(void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call);
    /* A successful call named a living allocation that it neither made nor ended (map, export, lock, …). Optional. */
    int (*used)(void *user, struct ga_life *life, const struct ga_call *call);
    /* A call ended a handle that nothing recorded had made (made before the session, or lost). Optional. */
    int (*stranger)(void *user, const struct ga_call *call, uint32_t handle);
    /* More is known of the size of a living allocation: life has it; before it, it was what is named here. A size known from the
       call that made it (or from its private data) never changes; a lock's extent replaces a lower bound, a larger bound a
       smaller one. Optional: without it sizes stay as they were at birth, so that who counts bytes needs no more than born and
       died, with `known` for what a pass before learnt. */
    int (*sized)(void *user, struct ga_life *life, uint64_t size_before, enum ga_size_origin origin_before);
    /* The program named a GEM buffer, or took the name back (""). Surfaces of D3DKMT are named by their handles, with no regard to
       allocations: see gpualloc:annotate_name. Optional. */
    int (*named)(void *user, struct ga_life *life, const char *name);
    /* What an earlier pass over the same trace learnt of the life with this id (reader/learnt.h): 1 when it did, 0 when not, or a
       negative errno. Optional. */
    int (*known)(void *user, uint64_t id, struct ga_known *known);
    /* Bytes of private data by hash, for the decoders of sizes: as ga_reader_blob. Optional: without it nothing is decoded. */
    int (*blob)(void *user, uint64_t hash, const void **data, uint32_t *size);
};

/* A small number that no other living allocation of D3DKMT has (none of DRM, of DRM's); it is given again after the end. */
uint32_t ga_life_number(const struct ga_life *life);

struct ga_lives;
int ga_lives_create(struct ga_lives **lives, const struct ga_lives_ops *ops, void *user);
/* Feed every call and every event of a reader, in the order they come. 0, or a negative errno: a callback's, or -ENOMEM. */
int ga_lives_call(struct ga_lives *lives, const struct ga_call *call);
int ga_lives_event(struct ga_lives *lives, const struct ga_row *row, const void *record, int64_t ns);
/* The end of the trace: everything alive dies with GA_END_NOT. */
int ga_lives_finish(struct ga_lives *lives, int64_t ns);
/* The living allocation of a handle, newest generation, or null; borrowed. scope as in struct ga_life. */
struct ga_life *ga_lives_find(const struct ga_lives *lives, uint64_t scope, uint32_t handle);
/* The same for a call that began at begin_ns: the newest generation made by then, so perhaps one whose destroy is under way. */
struct ga_life *ga_lives_find_at(const struct ga_lives *lives, uint64_t scope, uint32_t handle, int64_t begin_ns);
/* The newest D3DKMT object of a kind that a handle of a process meant at begin_ns, or null; borrowed. Not for allocations. */
struct ga_object *ga_lives_object_at(const struct ga_lives *lives, enum ga_object_kind kind, uint64_t process, uint32_t handle,
                                     int64_t begin_ns);
/* Whether a process still has a DRM file open: false once file_closed was fed for the last of them. */
bool ga_lives_file_is_open(const struct ga_lives *lives, uint64_t file);
/* Null is fine; calls no callback. */
void ga_lives_destroy(struct ga_lives *lives);

#endif
