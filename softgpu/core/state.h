/*
 * What lies in softgpu's region, and the functions that keep it. Internal to the core. Everything runs with the state locked.
 *
 * Every object that a handle can name has an entry in one table; a handle is instance (6 bits, always 0 here), index (24) and
 * unique (2, counted up at each reuse of the index). The entry's own members (type, process, parent, size) say everything: lists
 * of children, the free list and the counts of used bytes can be built again from them, which is done when a process died in the
 * middle of a call.
 */
#ifndef GPUALLOC_SOFTGPU_STATE_H
#define GPUALLOC_SOFTGPU_STATE_H

#include <pthread.h>

#include "abi/d3dkmt.h"
#include "softgpu/softgpu.h"

#define SOFTGPU_STATE_MAGIC 0x3230555047544653ull /* "SFTGPU02" */
#define SOFTGPU_PAGE 4096u
enum { SOFTGPU_OBJECTS = 1u << 20, SOFTGPU_PROCESSES = 256, SOFTGPU_SCRATCH_SIZE = 256 * 1024 };
/* The place beyond the processes' owns what processes share. Nobody's handle names what is in it. */
enum { SOFTGPU_COMMON = SOFTGPU_PROCESSES };
/* Where bytes of any length are kept (store.c). */
#define SOFTGPU_STORE_OFFSET ((size_t)(144u << 20))
#define SOFTGPU_STORE_SIZE ((size_t)(32u << 20))
enum { SOFTGPU_LIST_MAX = 10 * 1024 }; /* handles of one residency call, as dxgkrnl has it */
enum { SEGMENT_NONE, SEGMENT_LOCAL, SEGMENT_SYSTEM, SEGMENT_COUNT };

enum softgpu_type {
    SOFTGPU_FREE,
    SOFTGPU_ADAPTER, /* a process's handle of an adapter; parent: none */
    SOFTGPU_DEVICE,  /* parent: none */
    SOFTGPU_CONTEXT, /* parent: device */
    SOFTGPU_PAGING_QUEUE, /* parent: device */
    SOFTGPU_SYNC,         /* parent: paging queue, hardware queue, device (monitored fences), or none */
    SOFTGPU_RESOURCE,     /* parent: device */
    SOFTGPU_ALLOCATION,   /* parent: resource or device */
    SOFTGPU_RANGE,        /* of GPU addresses that the process holds; parent: none */
    SOFTGPU_MAPPING,      /* of GPU addresses to an allocation; parent: that */
    SOFTGPU_CONTENT,      /* bytes of an allocation that the CPU has locked; parent: that, or the shared one behind it */
    SOFTGPU_DOOMED_CONTENT, /* its allocation is gone, its memory is still to be let go of */
    SOFTGPU_DOOMED_LOCK,    /* an allocation that was locked when it went: it is still to be unmapped */
    SOFTGPU_HW_QUEUE,     /* parent: context. note: its progress fence, a sync object below it */
    SOFTGPU_WORK,         /* what waits for its turn (queue.c); parent: context, hardware queue, device, or none */
    /* What processes share: in SOFTGPU_COMMON. */
    SOFTGPU_SHARED_RESOURCE,   /* parent: none */
    SOFTGPU_SHARED_ALLOCATION, /* parent: shared resource */
    SOFTGPU_SHARED_SYNC,       /* parent: none */
    SOFTGPU_NT_HANDLE,         /* parent: a shared object. Stands for a descriptor */
};

struct softgpu_object {
    uint8_t type, unique, segment, adapter;
    uint8_t shared; /* resource: CreateShared, or opened */
    uint8_t sealed; /* shared resource: shared or opened, no more allocations */
    uint8_t ours;   /* allocation: its private data is softgpu's own */
    uint8_t listed; /* allocation: in the list of the call that is being made; paging queue: in the list of busy ones */
    uint16_t process; /* place */
    uint8_t offered;  /* allocation: the D3DKMT_OFFER_PRIORITY that it is offered at; 0: not offered */
    uint8_t lost;     /* allocation: what may become and became of it while it is offered (offer.c) */
    uint8_t opened;   /* allocation: another process's view of a shared one, counted with the process that created it */
    uint8_t kind;     /* sync: D3DDDI_SYNCHRONIZATIONOBJECT_TYPE, 0: a paging fence; work: enum softgpu_work */
    uint8_t options;  /* sync: the lower D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS; work: WORK_ bits */
    uint32_t parent;  /* index; 0: the process itself */
    uint32_t children, next, previous; /* lists, by index; 0 ends. In a free entry next is the next free one */
    uint32_t locks;   /* allocation: Lock2s that no Unlock2 has taken back */
    uint64_t size;    /* allocation: bytes counted in its segment; range, mapping, content: bytes */
    union {
        uint64_t surface; /* resource: hPrivateRuntimeResourceHandle */
        uint64_t address; /* allocation: pSystemMem; range, mapping: GPU address; content: offset into the contents */
        uint64_t issued;  /* paging queue: the fence value that its last operation was given */
    };
    union {
        struct {
            uint32_t residency; /* allocation: MakeResidents that no Evict has taken back */
            uint32_t priority;  /* allocation: as SetAllocationPriority left it */
        };
        struct {
            uint32_t left, right; /* range, mapping, content: tree of those in one space, by address */
        };
        uint32_t next_busy; /* paging queue: list of those whose operations are not done */
    };
    union {
        uint64_t spare;
        uint64_t offset; /* mapping: into the allocation */
        uint64_t mapped; /* allocation: where its process finds its content, or 0 */
        uint64_t due;    /* paging queue: when its last operation is done, by softgpu_now() */
    };
    uint64_t serial;    /* counted up from object to object: tells creations apart and in order */
    uint32_t backing;   /* resource, allocation: the shared one that this process knows under this handle; 0: none */
    uint32_t references; /* shared object: entries with it as backing */
    uint32_t data, data_size;   /* bytes in the store: shared resource's runtime data, shared allocation's driver data */
    uint32_t data2, data2_size; /* shared resource: its driver data */
    union {
        struct {
            uint32_t handles; /* shared object: NT handles made of it, less those seen closed */
            uint32_t content; /* allocation, shared or not: its content, or 0 */
        };
        struct {
            uint32_t work_next, work_previous; /* work: list of all of it */
        };
    };
    uint64_t note; /* NT handle: the front end's; semaphore: highest count; context: flags; hardware queue: progress fence */
    uint32_t event; /* the front end's event, plus 1; 0: none. CPU notification, work */
};

struct softgpu_process {
    uint64_t start; /* time the process started, in clock ticks since boot: tells a reused pid */
    uint32_t pid;   /* 0: free place */
    uint32_t objects; /* list, by index */
    uint32_t to_tend;       /* as softgpu_needs_tending tells */
    uint32_t dropped_count;
    uint32_t dropped[64]; /* events of objects that are gone, to be given back to the process */
    uint64_t used[SOFTGPU_ADAPTERS_MAX][SEGMENT_COUNT];
    uint64_t resident[SOFTGPU_ADAPTERS_MAX][SEGMENT_COUNT]; /* of those, what MakeResident keeps */
    uint64_t reserved[SOFTGPU_ADAPTERS_MAX][SEGMENT_COUNT]; /* as ChangeVideoMemoryReservation left it */
    uint32_t ranges[SOFTGPU_ADAPTERS_MAX], mappings[SOFTGPU_ADAPTERS_MAX]; /* trees, by index */
    uint64_t free_from[SOFTGPU_ADAPTERS_MAX]; /* GPU addresses below are held, as far as is known */
};

struct softgpu {
    uint64_t magic;
    pthread_mutex_t mutex; /* process-shared, robust */
    struct softgpu_config config;
    uint32_t removed;      /* the adapters are gone */
    uint32_t high_water;   /* objects beyond this index were never used */
    uint32_t free_object;  /* free list, last freed first: handles are reused soon */
    uint64_t local_used[SOFTGPU_ADAPTERS_MAX], system_used;
    uint64_t reserved[SOFTGPU_ADAPTERS_MAX][SEGMENT_COUNT]; /* by all processes */
    uint32_t offered_count; /* allocations that are offered */
    uint32_t contents;      /* tree, by index */
    uint32_t doomed;        /* list of what is to be let go of, by next */
    uint32_t busy_queues;   /* list, by next_busy */
    uint64_t identity;     /* random */
    uint64_t serial;       /* the last one given to an object */
    uint32_t unclaimed;    /* a shared object has lost its last opener since NT handles were looked at */
    uint32_t store_free, store_high_water; /* blocks */
    uint32_t work, work_count; /* list, by work_next */
    uint32_t removal_told;     /* who waits knows that the adapters are gone */
    uint32_t bell, sleepers;   /* counted up (a futex) when something happened that sleepers want to know */
    uint32_t tended;           /* there are threads that tend, and sleep as well */
    struct softgpu_process processes[SOFTGPU_PROCESSES + 1];
    unsigned char scratch[SOFTGPU_SCRATCH_SIZE]; /* of the call that holds the lock: callers' stacks may be small */
    struct softgpu_object objects[SOFTGPU_OBJECTS];
};

/* One call on its way. */
struct softgpu_call {
    struct softgpu *gpu;
    int place;
    uint64_t argument; /* the caller's address of the structure */
    const struct softgpu_memory *memory;
};

/* The errno (negative) by which the guest driver gives a host's status back; a success is passed on as the value. */
long softgpu_status_result(uint32_t status);
/* Of a call that the host refuses because of what it asks. */
static inline long softgpu_invalid(void)
{
    return softgpu_status_result((uint32_t)STATUS_INVALID_PARAMETER);
}

/* A new object at the head of its parent's list; its index, or 0 when the table is full. */
uint32_t softgpu_object_create(struct softgpu *gpu, enum softgpu_type type, int place, uint32_t parent, uint8_t adapter);
/* Frees it with all its children, and gives their bytes back. */
void softgpu_object_destroy(struct softgpu *gpu, uint32_t index);
/* Index of the object that a handle names, if it lives, is of this type and belongs to this process; else 0. */
uint32_t softgpu_object_find(struct softgpu *gpu, int place, enum softgpu_type type, D3DKMT_HANDLE handle);
/* The caller's object that a request hangs on, as the guest driver finds it before it asks the host: 0 and its index, -EINVAL when
   there is none, -ENODEV when the adapter is gone. */
long softgpu_live_find(const struct softgpu_call *call, enum softgpu_type type, D3DKMT_HANDLE handle, uint32_t *index);
D3DKMT_HANDLE softgpu_object_handle(const struct softgpu *gpu, uint32_t index);
/* Makes an allocation a process's view of a shared one, with its bytes counted for the process if it created them. */
void softgpu_object_back(struct softgpu *gpu, uint32_t index, uint32_t backing, bool opened);
/* Counts size bytes in a segment for an allocation; false when they don't fit. */
bool softgpu_object_charge(struct softgpu *gpu, uint32_t index, int segment, uint64_t size);

/* Takes them out again; the allocation keeps its size. */
void softgpu_object_uncharge(struct softgpu *gpu, uint32_t index);
/* Bytes of a segment that are not used. */
uint64_t softgpu_object_room(const struct softgpu *gpu, uint8_t adapter, int segment);
/* The device that an allocation belongs to. */
uint32_t softgpu_object_device(const struct softgpu *gpu, uint32_t allocation);
/* Gives the entry of an object that is in no list any more back. */
void softgpu_object_release(struct softgpu *gpu, uint32_t index);
/* Counts an allocation resident n times. */
void softgpu_object_set_residency(struct softgpu *gpu, uint32_t index, uint32_t residency);

/* Bytes of a segment that a process may keep resident. */
uint64_t softgpu_budget(const struct softgpu *gpu, int place, uint8_t adapter, int segment);

/* Spaces (space.c): trees of entries that don't overlap. Puts an entry (range, mapping, content) into its space, or takes it out. */
void softgpu_space_insert(struct softgpu *gpu, uint32_t index);
void softgpu_space_remove(struct softgpu *gpu, uint32_t index);
/* The first entry of a tree that ends above an address; 0: none. */
uint32_t softgpu_space_find(const struct softgpu *gpu, uint32_t tree, uint64_t address);
bool softgpu_space_is_free(const struct softgpu *gpu, uint32_t tree, uint64_t address, uint64_t size);
/* The lowest aligned address between from and to with size free bytes; UINT64_MAX: none. */
uint64_t softgpu_space_gap(const struct softgpu *gpu, uint32_t tree, uint64_t size, uint64_t alignment, uint64_t from, uint64_t to);

/* Lets offered allocations lose their content until a segment has room for size bytes; whether it has. */
bool softgpu_offer_make_room(struct softgpu_call *call, uint8_t adapter, int segment, uint64_t size);
/* An allocation's content is lost: it reads as zero from now on. */
void softgpu_lock_discard(const struct softgpu_call *call, uint32_t allocation);

/* Paging fences (fence.c). Nanoseconds of the monotonic clock, one for all processes. */
uint64_t softgpu_now(void);
/* An operation begins on a paging queue: the value that the queue's fence has when it is done. */
uint64_t softgpu_fence_issue(struct softgpu *gpu, uint32_t queue);
/* Whether all that was issued on a queue is done. */
bool softgpu_fence_idle(const struct softgpu *gpu, uint32_t queue);
/* Where a sync object's value lies, by its index. */
uint64_t *softgpu_fence_word(struct softgpu *gpu, uint32_t sync);
/* A queue goes away, or its list entry was lost. */
void softgpu_fence_forget(struct softgpu *gpu, uint32_t queue);
/* Keeps bytes: 0 and the place in *data, or -ENOMEM. A place is 0 when there are none. It is written last, so that a death on the way
   leaves none. What no living entry names is free again after softgpu_store_rebuild. */
int softgpu_store_put(struct softgpu *gpu, uint32_t *data, const void *bytes, size_t size);
void softgpu_store_get(const struct softgpu *gpu, uint32_t data, void *bytes, size_t size);
void softgpu_store_drop(struct softgpu *gpu, uint32_t *data);
void softgpu_store_rebuild(struct softgpu *gpu);

/* Sync objects (sync.c) and what they let go on (queue.c). */
enum softgpu_work {
    WORK_WAIT = 1, /* a queue waits until its entries are reached */
    WORK_SIGNAL,   /* a queue signals its entries, and its event if it has one */
    WORK_ASYNC,    /* a CPU has asked for its event when its entries are reached */
    WORK_CPU,      /* a CPU sleeps until its entries are reached */
    WORK_DUE,      /* an event whose time has come, which its own process has to signal */
};
/* What sync.c and queue.c use of D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS, and where the GPU would find the fences. */
enum { SYNC_NO_SIGNAL = 16, SYNC_NO_WAIT = 32, SYNC_NO_MAX_ON_REMOVAL = 64 };
#define SOFTGPU_FENCE_GPU_ADDRESS 0xf000000000ull
enum { WORK_ANY = 1, WORK_REWIND = 2, WORK_KEEP_EVENT = 4 };
struct softgpu_entry {
    uint32_t sync;   /* index; of a shared one that of the shared object */
    uint32_t serial; /* lower half of its serial: it may be gone */
    uint64_t value;
};
/* Lists of entries come into scratch space, from its begin. */
#define SOFTGPU_ENTRIES_MAX 10900u /* with handle and value each, they fit a bus packet */
/* Reads count handles, and values unless they are at 0 (then each has the value single), and finds the sync objects: none may have one
   of the options in refused, and cpu takes monitored fences only. */
long softgpu_entries_read(struct softgpu_call *call, const D3DKMT_HANDLE *handles, const uint64_t *values, uint64_t single,
                          uint32_t count, uint8_t refused, bool cpu);
/* Whether the entries in scratch space may be signalled: paging and hardware queues' fences by these alone, no fence without a
   value. */
bool softgpu_entries_may_signal(const struct softgpu *gpu, uint32_t count, bool has_values);
bool softgpu_entries_reached(struct softgpu *gpu, const struct softgpu_entry *entries, uint32_t count, bool any);
/* Takes what waiting takes: mutexes, semaphore counts. */
void softgpu_entries_acquire(struct softgpu *gpu, const struct softgpu_entry *entries, uint32_t count);
void softgpu_entries_signal(struct softgpu_call *call, const struct softgpu_entry *entries, uint32_t count, bool rewind);
/* A process's event: signalled now by its own call, else later by itself. */
void softgpu_event_fire(struct softgpu_call *call, int place, uint32_t event, bool keep);
void softgpu_events_drop(struct softgpu_call *call);
/* Work for queues (contexts, hardware queues): what is in scratch space as entries is done at once or when the queues come to it. */
long softgpu_work_submit(struct softgpu_call *call, enum softgpu_work kind, const uint32_t *queues, uint32_t queue_count,
                         uint32_t entry_count, uint32_t event, uint8_t options);
/* The same for a CPU; its index in *work, 0 when there is nothing to wait for. */
long softgpu_work_await(struct softgpu_call *call, enum softgpu_work kind, uint32_t device, uint32_t entry_count, uint32_t event,
                        uint8_t options, uint32_t *work);
bool softgpu_work_is_ready(struct softgpu *gpu, uint32_t work);
void softgpu_work_unlink(struct softgpu *gpu, uint32_t work);
void softgpu_work_rebuild(struct softgpu *gpu);
/* Does all work whose time has come, and rings the bell. After anything was signalled; look: rings only when something was done. */
void softgpu_work_run(struct softgpu_call *call);
void softgpu_work_look(struct softgpu_call *call);
/* Keeps what softgpu_needs_tending tells. */
void softgpu_work_note(struct softgpu *gpu, int place);
void softgpu_bell_ring(struct softgpu *gpu);
/* The adapters have gone: fences show their highest value, sleepers wake. */
void softgpu_sync_remove(struct softgpu_call *call);

/* Reads and writes the caller's memory: 0 or -EFAULT. */
static inline int softgpu_read(const struct softgpu_call *call, void *to, uint64_t from, size_t size)
{
    return size ? call->memory->read(call->memory->user, to, from, size) : 0;
}
static inline int softgpu_write(const struct softgpu_call *call, uint64_t to, const void *from, size_t size)
{
    return size ? call->memory->write(call->memory->user, to, from, size) : 0;
}

/* Waits, with the state unlocked meanwhile: 0, or -EINTR when the caller dies, or (interruptible) has any signal to handle. */
long softgpu_wait(const struct softgpu_call *call, uint64_t wait_ns, bool interruptible);

/* What the faults asked for make of this call: 1 and *result when it fails here; *delay_ns to wait before it is made. */
int softgpu_fault_apply(struct softgpu *gpu, unsigned number, long *result, uint64_t *delay_ns);

/* The requests, each with its structure already read. Returns as softgpu_ioctl. */
long softgpu_enum_adapters2(struct softgpu_call *call, void *structure);
long softgpu_enum_adapters3(struct softgpu_call *call, void *structure);
long softgpu_open_adapter_from_luid(struct softgpu_call *call, void *structure);
long softgpu_close_adapter(struct softgpu_call *call, void *structure);
long softgpu_query_adapter_info(struct softgpu_call *call, void *structure);
long softgpu_query_video_memory_info(struct softgpu_call *call, void *structure);
long softgpu_create_device(struct softgpu_call *call, void *structure);
long softgpu_destroy_device(struct softgpu_call *call, void *structure);
long softgpu_get_device_state(struct softgpu_call *call, void *structure);
long softgpu_create_context_virtual(struct softgpu_call *call, void *structure);
long softgpu_destroy_context(struct softgpu_call *call, void *structure);
long softgpu_create_paging_queue(struct softgpu_call *call, void *structure);
long softgpu_destroy_paging_queue(struct softgpu_call *call, void *structure);
long softgpu_create_allocation(struct softgpu_call *call, void *structure);
long softgpu_destroy_allocation(struct softgpu_call *call, void *structure);
long softgpu_make_resident(struct softgpu_call *call, void *structure);
long softgpu_evict(struct softgpu_call *call, void *structure);
long softgpu_query_allocation_residency(struct softgpu_call *call, void *structure);
long softgpu_set_allocation_priority(struct softgpu_call *call, void *structure);
long softgpu_get_allocation_priority(struct softgpu_call *call, void *structure);
long softgpu_share_objects(struct softgpu_call *call, void *structure);
long softgpu_query_resource_info_from_nt_handle(struct softgpu_call *call, void *structure);
long softgpu_open_resource_from_nt_handle(struct softgpu_call *call, void *structure);
long softgpu_create_synchronization_object2(struct softgpu_call *call, void *structure);
long softgpu_destroy_synchronization_object(struct softgpu_call *call, void *structure);
long softgpu_open_sync_object_from_nt_handle2(struct softgpu_call *call, void *structure);
long softgpu_signal_from_cpu(struct softgpu_call *call, void *structure);
long softgpu_signal_from_gpu(struct softgpu_call *call, void *structure);
long softgpu_signal_from_gpu2(struct softgpu_call *call, void *structure);
long softgpu_wait_from_cpu(struct softgpu_call *call, void *structure);
long softgpu_wait_from_gpu(struct softgpu_call *call, void *structure);
long softgpu_create_hw_queue(struct softgpu_call *call, void *structure);
long softgpu_destroy_hw_queue(struct softgpu_call *call, void *structure);
long softgpu_submit_command(struct softgpu_call *call, void *structure);
long softgpu_submit_command_to_hw_queue(struct softgpu_call *call, void *structure);
long softgpu_submit_wait_to_hw_queue(struct softgpu_call *call, void *structure);
long softgpu_submit_signal_to_hw_queue(struct softgpu_call *call, void *structure);
long softgpu_escape(struct softgpu_call *call, void *structure);
long softgpu_flush_heap_transitions(struct softgpu_call *call, void *structure);
long softgpu_share_object_with_host(struct softgpu_call *call, void *structure);
/* What a descriptor stands for: a shared object of this kind, or 0. */
uint32_t softgpu_shared_find(const struct softgpu_call *call, uint64_t descriptor, enum softgpu_type type);

long softgpu_reserve_gpu_va(struct softgpu_call *call, void *structure);
long softgpu_map_gpu_va(struct softgpu_call *call, void *structure);
long softgpu_free_gpu_va(struct softgpu_call *call, void *structure);
long softgpu_update_gpu_va(struct softgpu_call *call, void *structure);
long softgpu_lock2(struct softgpu_call *call, void *structure);
long softgpu_unlock2(struct softgpu_call *call, void *structure);
long softgpu_invalidate_cache(struct softgpu_call *call, void *structure);
long softgpu_offer_allocations(struct softgpu_call *call, void *structure);
long softgpu_reclaim_allocations2(struct softgpu_call *call, void *structure);
long softgpu_update_allocation_property(struct softgpu_call *call, void *structure);
long softgpu_change_video_memory_reservation(struct softgpu_call *call, void *structure);

#endif
