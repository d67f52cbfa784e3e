/*
 * Objects by handle, with their older generations, in a tree of owners: what lives.c keeps of what is alive.
 *
 * A handle is found by scope (process instance or file) and number; adapters have a number space of their own, as in the
 * kernel. When a handle is given again before its destroy was seen, the older object waits behind the newer one.
 */
#ifndef GPUALLOC_READER_OBJECTS_H
#define GPUALLOC_READER_OBJECTS_H

#include "base/map.h"
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

struct object {
    enum object_kind kind;
    bool waiting; /* its handle was given again: for the destroy that is under way */
    uint32_t handle;
    uint64_t scope;
    int64_t born_ns;     /* end of its create; INT64_MIN when it was made before the recording */
    int64_t given_ns;    /* waiting: birth of the next generation */
    int64_t renewed_ns;  /* end of the newest import that gave this handle again, else born_ns */
    uint64_t luid;       /* adapter: AdapterLuid; device: its adapter's, 0 when not known */
    struct object *older; /* the next older generation of the handle */
    struct object *owner, *owned, *previous, *next;
    struct object *maker;    /* allocation: the object whose memory it is */
    struct ga_memory memory; /* maker only */
    struct object_name {
        uint64_t a, b; /* 0: none */
    } names[2];        /* maker only: what leads to it from other files: dma-buf inode, FLINK name */
    struct ga_life life;     /* allocation only */
    struct ga_object shown;  /* D3DKMT object that is no allocation */
};

struct objects {
    struct ga_map by_handle; /* (scope, space and number) to the newest object */
    struct object *top;      /* OBJECT_SCOPEs */
    struct object *kept;     /* dead makers of memory that lives on */
};

/* The newest object of a handle, waiting or not, or null. */
struct object *objects_newest(const struct objects *objects, enum object_kind kind, uint64_t scope, uint32_t handle);
/* The newest that was made by ns, or null. */
struct object *objects_at(const struct objects *objects, enum object_kind kind, uint64_t scope, uint32_t handle, int64_t ns);
/* Makes one and puts it among its generations and below its owner (null: at the top). Null: out of memory. */
struct object *objects_add(struct objects *objects, enum object_kind kind, uint64_t scope, uint32_t handle, int64_t born_ns,
                           struct object *owner);
/* Takes an object without children out of generations and tree. The caller frees it. */
void objects_remove(struct objects *objects, struct object *object);
/* Keeps a removed object in the list of dead makers; takes it out of there. */
void objects_keep(struct objects *objects, struct object *object);
void objects_unkeep(struct objects *objects, struct object *object);
/* Gives all that an object owns to another owner. */
void object_give(struct object *from, struct object *to);
/* Frees everything. */
void objects_release(struct objects *objects);

#endif
