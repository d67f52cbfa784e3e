/*
 * softgpu's core: a /dev/dxg made of software, without globals. All state lies in one region of shared memory that a front end
 * provides (a preload library, a CUSE server); inside, everything is found by number, so each process may map it anywhere.
 *
 * A front end maps SOFTGPU_STATE_SIZE zeroed bytes, formats them once (softgpu_init), registers the processes that open the
 * device, and hands their ioctls to softgpu_ioctl. Requests, checks, their order and their errors are the real driver's.
 * Any number of threads and processes may call at once. A caller that can be interrupted by signal handlers which call again
 * must block signals around each call: the state has one lock.
 */
#ifndef GPUALLOC_SOFTGPU_SOFTGPU_H
#define GPUALLOC_SOFTGPU_SOFTGPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOFTGPU_ADAPTERS_MAX 8u
#define SOFTGPU_FAULTS_MAX 16u

/* Bytes of a state, most of them never touched (a sparse file), and where in it the fence values lie that programs may read.
   Both are multiples of the page size. */
#define SOFTGPU_STATE_SIZE ((size_t)(192u << 20))
#define SOFTGPU_FENCES_OFFSET ((size_t)(136u << 20))
#define SOFTGPU_FENCES_SIZE ((size_t)(8u << 20))

struct softgpu; /* the region, as mapped here */

enum softgpu_fault_kind { SOFTGPU_FAULT_STATUS, SOFTGPU_FAULT_REMOVE, SOFTGPU_FAULT_DELAY };
enum softgpu_fault_when { SOFTGPU_FAULT_AT, SOFTGPU_FAULT_FROM, SOFTGPU_FAULT_EACH };

struct softgpu_fault {
    uint8_t request; /* number of the request; 0: any */
    uint8_t kind, when;
    uint32_t status;   /* host NTSTATUS */
    uint64_t nth;      /* from 1 */
    uint64_t delay_ns;
    uint64_t seen;     /* calls counted so far */
};

struct softgpu_config {
    uint64_t local_size;  /* bytes of local memory of each adapter */
    uint64_t system_size; /* bytes of system memory that the device may use */
    uint64_t local_budget, system_budget; /* bytes that each process may keep resident; 0: all there is */
    uint64_t paging_ns;   /* how long a paging operation takes; 0: done when the call returns */
    uint64_t contents_size; /* room for what the CPU locks; the front end may make it less, and has to keep it */
    uint32_t adapters;    /* 1 to SOFTGPU_ADAPTERS_MAX */
    uint32_t fault_count;
    struct softgpu_fault faults[SOFTGPU_FAULTS_MAX];
};

/* What a caller that waits has pending: nothing, a signal that it would handle, or its death. */
enum softgpu_signal { SOFTGPU_SIGNAL_NONE, SOFTGPU_SIGNAL_ANY, SOFTGPU_SIGNAL_FATAL };

/* What an NT handle (a descriptor) stands for: a shared object of one state. Carried by the descriptor, in its own way. */
struct softgpu_name {
    uint64_t state;  /* random: which device */
    uint64_t serial; /* of the entry that stands for this descriptor */
    uint32_t index;
    uint32_t resource; /* 1: a resource; 0: a sync object */
    uint64_t note;     /* of the front end that made the descriptor, for its own use: kept, and given to held() */
};

/* How the core reaches the caller. Called with the state locked (but signalled), on the thread that called softgpu_ioctl. */
struct softgpu_memory {
    void *user;
    /* Copies bytes from or to the caller's memory; 0 or -EFAULT. Required. */
    int (*read)(void *user, void *to, uint64_t from, size_t size);
    int (*write)(void *user, uint64_t to, const void *from, size_t size);
    /* Where the caller finds the fence value at this offset into the state's fences. Optional: without it (or when it returns 0)
       CreatePagingQueue answers STATUS_NOT_SUPPORTED. */
    uint64_t (*fence_address)(void *user, size_t offset);
    /* Contents: bytes of allocations that the CPU locks, by offset (both a multiple of the page) into config.contents_size bytes that
       the front end keeps. Maps a content into the caller, for reading and writing: its address, or 0. Unmaps it again. Lets go of its
       memory: it reads as zero from then on. All three or none: then Lock2 answers STATUS_NOT_SUPPORTED. */
    uint64_t (*map)(void *user, uint64_t offset, uint64_t size);
    void (*unmap)(void *user, uint64_t address, uint64_t size);
    void (*clear)(void *user, uint64_t offset, uint64_t size);
    /* Whether a process lives: asked when memory runs out, to let go of what the dead left. Optional. */
    bool (*alive)(void *user, uint32_t pid, uint64_t start);
    /* Asked every few milliseconds while a call waits, with the state unlocked. Optional: without it a wait lasts to its end. */
    enum softgpu_signal (*signalled)(void *user);
    /* NT handles: all of them, or none, then nothing can be shared (ShareObjects answers STATUS_NOT_SUPPORTED).
       A new close-on-exec descriptor that carries the name (but for its note), or a negative errno; and its end, when the call
       fails after all. */
    int (*share)(void *user, struct softgpu_name *name);
    void (*unshare)(void *user, int descriptor);
    /* The name that the caller's descriptor carries; -EINVAL when it is none or carries none. */
    int (*shared)(void *user, uint64_t descriptor, struct softgpu_name *name);
    /* Whether a descriptor with this name is still open anywhere, be it on its way through a socket. When that can't be known: true. */
    bool (*held)(void *user, const struct softgpu_name *name);
    /* Events (eventfd descriptors) of the caller: all of them, or none, then what needs one answers STATUS_NOT_SUPPORTED.
       An event of its own for the descriptor's, a small number, or -EINVAL when it is none; its signal; and its end. */
    int (*take_event)(void *user, uint64_t descriptor);
    void (*signal_event)(void *user, int event);
    void (*drop_event)(void *user, int event);
    /* Sleeps, with the state unlocked, until the word (in the state) is no longer value, the time is over (UINT64_MAX: none), or a
       signal came, then -EINTR. Optional: without it a sleeping call looks at `signalled` every few milliseconds. */
    int (*sleep)(void *user, const uint32_t *word, uint32_t value, uint64_t timeout_ns);
};

/* Defaults, then what the environment says (abi/softgpu.h); get is getenv or alike. 0, or -EINVAL and the variable at fault. */
int softgpu_config_read(struct softgpu_config *config, const char *(*get)(const char *name), const char **wrong);

/* Formats a zeroed region. 0 or a negative errno. */
int softgpu_init(struct softgpu *gpu, const struct softgpu_config *config);
/* Whether the region is formatted, by a softgpu of this version. */
bool softgpu_is_formatted(const struct softgpu *gpu);

/* The state's lock, for a front end that must join steps of its own with those below. Not recursive; survives the death of its
   holder (what the dead call left half done is undone). */
void softgpu_lock(struct softgpu *gpu);
void softgpu_unlock(struct softgpu *gpu);

/* The place of a process (a thread group), by its id and start time; made when it has none. -ENOMEM when all places are taken by
   processes that live. With the state locked. */
int softgpu_process_enter(struct softgpu *gpu, uint32_t pid, uint64_t start);
/* Destroys all that a process owns, and gives its place back, when it has one: its last close, or its death. With the state
   locked. */
void softgpu_process_leave(struct softgpu *gpu, uint32_t pid, uint64_t start);
/* Brings all paging fences to what they are at this time of the monotonic clock (ns): those of operations that are done by then
   are reached. When the next one will be, or UINT64_MAX. Whoever waits for a fence calls it, unlocked or not busy; each ioctl does
   by itself. With the state locked. */
uint64_t softgpu_fence_advance(struct softgpu *gpu, uint64_t now);

/*
 * What a front end does for a process besides its calls, on a thread of its own, once softgpu_needs_tending says so after a call:
 * softgpu_tend, with the state locked, brings paging fences up to date, lets go on what waits for them, and signals the process's
 * events whose time has come, whoever made it come. It returns when to do it next (monotonic, ns; UINT64_MAX: not by time), and the
 * word that changes when there is something to do. place -1: the process has none just now.
 */
bool softgpu_needs_tending(const struct softgpu *gpu, int place);
uint64_t softgpu_tend(struct softgpu *gpu, int place, const struct softgpu_memory *memory, const uint32_t **bell, uint32_t *value);

/* Lets go of each process that alive() denies. With the state locked. */
void softgpu_reap(struct softgpu *gpu, bool (*alive)(void *user, uint32_t pid, uint64_t start), void *user);
/* Lets go of shared objects that nobody has open and no NT handle stands for any more (held() is asked). With the state locked. */
void softgpu_reap_shared(struct softgpu *gpu, const struct softgpu_memory *memory);

/* Unmaps and clears what the calling process's leave has left of contents: after softgpu_process_leave, before the state is unlocked.
   Each ioctl does it for what it destroyed. */
void softgpu_tidy(struct softgpu *gpu, const struct softgpu_memory *memory);
/* A process has lost all its mappings without a word (exec): nothing is locked any more. With the state locked. */
void softgpu_process_unlock(struct softgpu *gpu, uint32_t pid, uint64_t start);

/* What a GPU finds at an address of a process's space: the allocation and the offset into it, or nothing. With the state locked. */
bool softgpu_va_find(const struct softgpu *gpu, int place, uint8_t adapter, uint64_t address, uint32_t *allocation, uint64_t *offset);

/* One ioctl, as the kernel would answer it: a value (0 or an NTSTATUS), or a negative errno of -4095 to -1. Takes the lock. */
long softgpu_ioctl(struct softgpu *gpu, int place, unsigned long request, uint64_t argument,
                   const struct softgpu_memory *memory);

#endif
