/*
 * Objects: what calls name and what a replay numbers anew. The table in objects.c says which member of which request is the
 * handle of what; GEM handles are found from the schema's effects, so that a new DRM driver needs no line there.
 */
#ifndef GPUALLOC_REPLAYER_OBJECTS_H
#define GPUALLOC_REPLAYER_OBJECTS_H

#include "schema/schema.h"

enum replay_object_kind {
    REPLAY_ADAPTER,    /* D3DKMT, as all up to REPLAY_SYNC_OBJECT: the handle belongs to the process */
    REPLAY_DEVICE,
    REPLAY_RESOURCE,
    REPLAY_ALLOCATION,
    REPLAY_CONTEXT,
    REPLAY_HW_CONTEXT,
    REPLAY_HW_QUEUE,
    REPLAY_PAGING_QUEUE,
    REPLAY_SYNC_OBJECT,
    REPLAY_LUID,       /* an adapter's locally unique id, told by an enumeration */
    REPLAY_FILE,       /* an open file description of a DRM node */
    REPLAY_BUFFER,     /* a GEM handle: belongs to its file */
    REPLAY_DMA_BUF,    /* a descriptor; its recorded name is the inode number */
    REPLAY_NAME,       /* a global (flink) name: belongs to the device */
    REPLAY_NT_HANDLE,  /* D3DKMT: a descriptor that ShareObjects gave: belongs to the process */
    REPLAY_SHARE,      /* D3DKMT: a global share handle */
    REPLAY_RANGE,      /* D3DKMT: a range of GPU virtual addresses; its handle is where it begins */
    REPLAY_VM,         /* DRM, as all that follow: an address space; the handle belongs to the file */
    REPLAY_SUBMITTER,  /* a submission context or queue */
    REPLAY_LIST,       /* a list of buffers for submissions */
    REPLAY_SYNCOBJ,
    REPLAY_SYNC_FD,    /* a sync object's descriptor: belongs to the process; the trace has its number alone */
    REPLAY_OFFSET,     /* where mmap of the device finds a buffer: belongs to the file, or to the process (kfd) */
    REPLAY_MAPPING,    /* memory of the program's where a buffer is mapped, as much of it as goes at once; no name: the walk finds it
                          by its addresses. Its handle is where it begins */
    REPLAY_OBJECT_KINDS,
    /* What a member may name, not what is made: the object decides. */
    REPLAY_SHAREABLE = REPLAY_OBJECT_KINDS, /* a resource or a sync object */
    REPLAY_VA_PLACE,   /* an adapter or a paging queue */
    REPLAY_QUEUE_PLACE, /* a hardware context, or a context that has hardware queues */
    REPLAY_REFERENCE_KINDS
};
/* Objects whose value is a descriptor of the replay's. */
static inline bool replay_is_descriptor(uint8_t kind)
{
    return kind == REPLAY_DMA_BUF || kind == REPLAY_NT_HANDLE || kind == REPLAY_SYNC_FD;
}

enum replay_role {
    REPLAY_USES,
    REPLAY_MAKES, /* takes effect at the call's end */
    REPLAY_ENDS,  /* takes effect at the call's begin */
    REPLAY_AGAIN, /* made already: the same object comes back (a second import of one buffer) */
    REPLAY_SAME_PLACE, /* in the table only: another member at the same place names it */
};

struct replay_reference {
    uint16_t row; /* enum ga_row_id */
    uint8_t kind, role;
    uint8_t test; /* enum ga_arm_test: only when the member called when passes it with value */
    uint32_t value;
    const char *when;
    const char *member;
    const char *identity; /* the recorded name stands in this member instead (a dma-buf's inode number) */
};

/* Memory of the program's own that a member points to: the replayer brings its like. */
struct replay_supply {
    uint16_t row; /* enum ga_row_id */
    uint8_t test; /* as in struct replay_reference */
    uint32_t value;
    const char *when;
    const char *member;
    const char *size; /* member that says how much, or null: fixed bytes, 0: the trace does not have what is there */
    uint32_t fixed;
};

/* Whether a member of a row names an object. record: the row's, as the call passed it. */
bool replay_reference_of(const struct ga_row *row, const struct ga_member *member, bool before, const void *record,
                         struct replay_reference *reference);
/* What a member points to, if it is an address; null when it is none. */
const struct replay_supply *replay_supply_of(const struct ga_row *row, const struct ga_member *member, const void *record);
/* Whether the request changes what is at GPU addresses: those of one address space keep their order. */
bool replay_row_binds(const struct ga_row *row);
/* Whether replay knows what each member of the call's arguments means, so that nothing is issued with a stranger's handle. */
bool replay_row_known(const struct ga_row *row);
/* Whether a member is a descriptor of an event that the program wants signalled. */
bool replay_is_event(const struct ga_member *member);
/* Whether a member is the descriptor of a memfd of the program's own. */
bool replay_is_memfd(const struct ga_row *row, const struct ga_member *member);
/* "allocation", "GEM handle"… */
const char *replay_object_kind_name(enum replay_object_kind kind);

#endif
