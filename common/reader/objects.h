/*
 * Objects by handle, with their older generations, in a tree of owners: what lives.c keeps of what is alive.
 *
 * A handle is found by scope (process instance or file) and number; adapters have a number space of their own, as in the
 * kernel. When a handle is given again before its destroy was seen, the older object waits behind the newer one.
 * A trace can leave millions of them alive, so they are small: they stand in pools and name each other by numbers of 32 bits, what only
 * few need stands beside them, and of a kind each has no more than its members.
 */
#ifndef GPUALLOC_READER_OBJECTS_H
#define GPUALLOC_READER_OBJECTS_H

#include "reader/lives.h"

enum object_kind {
    OBJECT_SCOPE = GA_OBJECT_SCOPE,
    OBJECT_ADAPTER = GA_OBJECT_ADAPTER,
    OBJECT_DEVICE = GA_OBJECT_DEVICE,
    OBJECT_RESOURCE = GA_OBJECT_RESOURCE,
    OBJECT_ALLOCATION = GA_OBJECT_ALLOCATION,
    OBJECT_CONTEXT = GA_OBJECT_CONTEXT,
    OBJECT_HW_CONTEXT = GA_OBJECT_HW_CONTEXT,
    OBJECT_HW_QUEUE = GA_OBJECT_HW_QUEUE,
    OBJECT_PAGING_QUEUE = GA_OBJECT_PAGING_QUEUE,
    OBJECT_SYNC_OBJECT = GA_OBJECT_SYNC_OBJECT,
};

/* The number of an object in its pools; 0: none. */
typedef uint32_t object_number;

struct object {
    object_number self;
    object_number older; /* the next older generation of the handle */
    object_number owner, previous, next;
    object_number rare;  /* struct object_rare, of those that need one */
    uint8_t kind;        /* enum object_kind */
    bool waiting;        /* its handle was given again: for the destroy that is under way */
    union {
        struct ga_memory memory; /* allocations: when it is the maker */
        object_number owned;     /* the others */
    };
    union {
        struct {
            struct ga_life life;
            struct ga_life_drm drm; /* DRM only */
        };
        struct ga_object shown; /* without what follows GA_OBJECT_BRIEF, when nobody is told of it */
    };
};
_Static_assert(offsetof(struct object, life) == offsetof(struct object, memory) + sizeof(struct ga_memory), "see ga_memory_maker");
_Static_assert(offsetof(struct object, drm) == offsetof(struct object, life) + sizeof(struct ga_life), "see ga_life_drm");

/* What few objects need. */
struct object_rare {
    int64_t given_ns;   /* waiting: birth of the next generation */
    int64_t renewed_ns; /* end of the newest import that gave this handle again, else INT64_MIN */
    struct object_name {
        uint64_t a, b; /* 0: none */
    } names[2];        /* maker only: what leads to it from other files: dma-buf inode, FLINK name */
};

enum { POOL_OTHERS, POOL_D3DKMT, POOL_DRM, POOL_RARE, POOLS };

struct objects {
    struct object_pool {
        char **blocks; /* the first of them alone, the others in slabs */
        size_t block_count, room, alone;
        char **slabs;
        size_t slab_count, slab_room, slab_left; /* left: bytes of the last one that are in no block */
        uint32_t size;   /* bytes of one */
        uint32_t unused; /* slots from here on were never used */
        object_number free;
    } pools[POOLS];
    struct object_slot {
        object_number newest; /* 0: free */
        uint32_t hash;        /* of scope, space and number */
    } * table;
    size_t count, capacity;
    object_number top;    /* OBJECT_SCOPEs */
    object_number kept;   /* dead makers of memory that lives on */
};

/* brief: objects that are no allocations are without what follows GA_OBJECT_BRIEF. */
void objects_init(struct objects *objects, bool brief);
/* The object of a number; null for 0. */
struct object *object_at(const struct objects *objects, object_number number);
/* That of an allocation. */
static inline struct object *object_of(const struct ga_life *life)
{
    return (struct object *)((uintptr_t)life - offsetof(struct object, life));
}
/* End of its create; INT64_MIN when it was made before the recording. */
static inline int64_t object_born(const struct object *object)
{
    return object->kind == OBJECT_ALLOCATION ? object->life.born_ns : object->shown.born_ns;
}
/* What few need: null when it has none; made when it has none, null when memory is short. */
struct object_rare *object_rare(const struct objects *objects, const struct object *object);
struct object_rare *object_rare_get(struct objects *objects, struct object *object);

/* The newest object of a handle, waiting or not, or null. */
struct object *objects_newest(const struct objects *objects, enum object_kind kind, uint64_t scope, uint32_t handle);
/* The newest that was made by ns, or null. */
struct object *objects_at(const struct objects *objects, enum object_kind kind, uint64_t scope, uint32_t handle, int64_t ns);
/* Makes one (drm: an allocation of DRM) and puts it among its generations and below its owner (null: at the top). Null: out of
   memory. */
struct object *objects_add(struct objects *objects, enum object_kind kind, bool drm, uint64_t scope, uint32_t handle, int64_t born_ns,
                           struct object *owner);
/* Takes an object without children out of generations and tree. The caller frees it. */
void objects_remove(struct objects *objects, struct object *object);
void objects_free(struct objects *objects, struct object *object);
/* Keeps a removed object in the list of dead makers; takes it out of there. */
void objects_keep(struct objects *objects, struct object *object);
void objects_unkeep(struct objects *objects, struct object *object);
/* Gives all that an object owns to another owner. */
void object_give(const struct objects *objects, struct object *from, struct object *to);
/* Frees everything. */
void objects_release(struct objects *objects);

#endif
