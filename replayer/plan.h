/*
 * Plans: a trace compiled for replay. Flat arrays, objects numbered anew, private data resolved, one lane a captured thread,
 * and what each call must wait for. Building parses and allocates; what runs from a plan does neither.
 * A finished plan is one piece of memory, which is also its form in a file.
 *
 * A call is an image: the argument structure followed by the arrays that it points to, as they were before the call, handles
 * zero. refs say where handles go and come from, relocations where pointers go. A plan is read-only once finished.
 */
#ifndef GPUALLOC_REPLAYER_PLAN_H
#define GPUALLOC_REPLAYER_PLAN_H

#include "reader/lives.h"
#include "reader/reader.h"
#include "replayer/objects.h"

#define REPLAY_NONE UINT32_MAX
#define REPLAY_NO_ROW UINT16_MAX
enum {
    REPLAY_ANSWERS_MAX = 16,                    /* by which the recorded adapters are known */
    REPLAY_LANES_MAX = 1024,                    /* each is a thread */
    REPLAY_CALL_DATA_MAX = 64 * 1024 * 1024,    /* bytes of one call with all its private data */
};
#define REPLAY_WAIT_MAX_NS INT64_C(5000000000)  /* what a call may wait whose recorded limit is none, or longer */
#define REPLAY_PLAN_BYTES_MAX (8ull << 30)      /* bytes of all images, and of all private data */

/* Why a call is not issued. The first is: it is. */
enum replay_skip {
    REPLAY_ISSUED,
    REPLAY_SKIP_RETRY,
    REPLAY_SKIP_NESTED,
    REPLAY_SKIP_UNREADABLE,
    REPLAY_SKIP_NO_DATA,
    REPLAY_SKIP_TOO_LARGE,
    REPLAY_SKIP_STRANGER,
    REPLAY_SKIP_OUTSIDE,
    REPLAY_SKIP_MEMORY,
    REPLAY_SKIP_OTHER_DRIVER,
    REPLAY_SKIP_OTHER_INTERFACE,
    REPLAY_SKIP_NO_SIZE,
    REPLAY_SKIP_NO_COUNTERPART,
    REPLAY_SKIP_EFFECT,
    REPLAY_SKIP_COMMANDS,
    REPLAY_SKIP_NO_SIGNAL,
    REPLAY_SKIP_NO_MAKER,
    REPLAY_SKIP_ABSENT,
    REPLAY_SKIP_STUCK,
    REPLAY_SKIP_STOPPED,
    REPLAY_SKIP_UNPAIRED,
    REPLAY_SKIP_QUESTION,
    REPLAY_SKIP_NOT_YET,
    REPLAY_SKIP_ASKED,
    REPLAY_SKIP_ASKED_MAKER,
    REPLAY_SKIPS
};
/* For people ("names an object that was made before the recording") and for JSON ("stranger"). */
const char *replay_skip_text(enum replay_skip skip);
const char *replay_skip_name(enum replay_skip skip);

enum replay_order { REPLAY_ORDER_MEMORY, REPLAY_ORDER_RESOURCE };

/* What kind of call: for --skip, and for figures of a plan. */
enum replay_class { REPLAY_CREATES, REPLAY_DESTROYS, REPLAY_MAPS, REPLAY_SHARES, REPLAY_WAITS, REPLAY_SUBMITS, REPLAY_OTHER,
                    REPLAY_CLASSES };

struct replay_object {
    uint8_t kind;        /* enum replay_object_kind */
    bool stranger;       /* never made: named by a failing call, it gets a handle that no driver gives */
    bool supplied;       /* made before the recording, or told by nobody: an adapter, its id or a device, which the backend supplies */
    bool other_kind;     /* a stranger that was there, but no such object: a descriptor that is no dma-buf or NT handle */
    bool by_value;       /* sync object: waited for and signalled by one value, not by an array of them (no monitored fence) */
    uint8_t origin;      /* allocation: enum ga_size_origin, where its size was learnt */
    uint32_t owner;      /* object that takes it along when it ends, or REPLAY_NONE */
    uint32_t maker;      /* call, or REPLAY_NONE */
    uint32_t memory;     /* of what this is a handle: the object that the memory, resource or sync object was made as */
    uint64_t recorded;   /* its handle in the recording */
    uint64_t scope;      /* process instance, file or device that the handle belonged to */
    uint64_t size;       /* bytes; 0 when unknown */
};

/* A mapping's part in a call: the place of a reference to it. */
enum replay_part {
    REPLAY_PART_NAMED,   /* what mmap makes, munmap ends, mremap moves (and makes) */
    REPLAY_PART_COVERED, /* what mapping something else in its place ends */
    REPLAY_PART_LEFT,    /* what stays of the one that ended before it in the list, as a mapping of its own */
};

struct replay_ref {
    uint64_t recorded; /* handle in the recording; of a mapping: bytes into the one that ended */
    uint64_t scope;    /* of a mapping: bytes */
    uint32_t place;  /* bytes into the image; of a mapping: enum replay_part */
    uint32_t object; /* REPLAY_NONE: left as it is */
    uint8_t kind, role, width;
    uint8_t how;     /* what a replay does with it: */
};
/* Nearly all are handles of 32 bits that go in as they are and come out as they are; the rest is handled with care. */
enum { REPLAY_HOW_PUTS = 1, REPLAY_HOW_KEEPS = 2, REPLAY_HOW_ENDS = 4, REPLAY_HOW_WITH_CARE = 8,
       REPLAY_HOW_LAST = 16 /* the recording does not use the object again: its descriptor is closed after this call */ };

enum replay_target_kind {
    REPLAY_TO_IMAGE,   /* target: bytes into the image */
    REPLAY_TO_BLOB,    /* target: blob */
    REPLAY_TO_MEMORY,  /* target: memory */
    REPLAY_TO_ROOM,    /* target: bytes that the driver writes; skew: past a multiple of 8 */
    REPLAY_TO_NOWHERE, /* an address that cannot be read */
    REPLAY_TO_EVENT,   /* no pointer: the descriptor of an event; target 1: one that is none */
    REPLAY_TO_FENCE,   /* no pointer: the fence value that paging call target was given in this run */
    REPLAY_TO_DEADLINE, /* no pointer: so many µs from now, on CLOCK_MONOTONIC in ns */
    REPLAY_TO_MEMFD,   /* no pointer: 32 bits, the descriptor of a memfd: memory target, or one that is none */
    REPLAY_TO_NOTHING, /* left as it is */
};
struct replay_relocation {
    uint32_t place;  /* bytes into the image: 64 bits */
    uint32_t target;
    uint8_t kind, skew;
};

struct replay_blob {
    uint64_t offset; /* in plan.data */
    uint64_t digest; /* of its bytes */
    uint32_t size;
};

/* Memory that the program brought along (pSystemMem): supplied by the replayer. */
struct replay_memory {
    uint64_t size;
    uint32_t skew; /* bytes past a page boundary */
    bool memfd;    /* a file of memory instead, that cannot shrink: for /dev/udmabuf */
};

/* Why a call waits for one of another lane. */
enum replay_wait {
    REPLAY_WAIT_MAKER,
    REPLAY_WAIT_USERS,
    REPLAY_WAIT_MEMORY,
    REPLAY_WAIT_FENCE,
    REPLAY_WAIT_SHARE,
    REPLAY_WAIT_ADDRESSES,
    REPLAY_WAIT_REASONS
};
/* For people ("it names what the other makes") and for JSON ("maker"). */
const char *replay_wait_text(enum replay_wait reason);
const char *replay_wait_name(enum replay_wait reason);

struct replay_dependency {
    uint32_t sequence; /* wait until this call of that lane is done */
    uint16_t lane;
    uint8_t reason;    /* enum replay_wait: the first that was found */
    uint8_t unused;    /* 0: an image has no bytes of chance */
};

struct replay_file {
    uint32_t object;
    char driver[32];
    bool render; /* opened on a render node */
    char node[64]; /* of a device that makes dma-bufs and is no GPU, /dev/udmabuf or /dev/dma_heap/NAME: its own; "": any other's */
};

struct replay_call {
    int64_t begin_ns, end_ns; /* since the first timed call began: of the prologue's, below 0 */
    uint64_t image;           /* in plan.images */
    uint32_t image_size;
    uint32_t argument_size;   /* bytes of the structure as the program passed it */
    uint32_t lane, sequence;
    uint32_t arrival;         /* place in the order of completion */
    uint32_t file;            /* plan.files, or REPLAY_NONE */
    uint32_t refs, ref_count, relocations, relocation_count, dependencies, dependency_count;
    uint32_t fences, fence_count; /* in plan.fences: paging calls that must have taken effect before */
    uint32_t signals, signal_count; /* in plan.signals: calls without which a wait would not end */
    uint32_t paging;          /* what it asks for is there when a paging queue's fence says so: its place in a run's values, from 1 */
    uint32_t queue;           /* then: object of the paging queue, or REPLAY_NONE */
    uint64_t call;            /* number in its thread, for messages */
    uint64_t bytes;           /* of what it makes, ends or names; 0 when unknown */
    int64_t ret;              /* as recorded */
    int32_t error;
    uint32_t status;          /* d3dkmt: NTSTATUS */
    bool failed;
    bool own_address;         /* names a GPU address of the program's own choice: when refused, any other will do */
    uint8_t skip;             /* enum replay_skip, as far as the plan knows */
    uint16_t row;             /* enum ga_row_id, or REPLAY_NO_ROW: see replay_row */
};
/* The request; null: the last close of a file. A number in the plan, so that a plan in a file means the same in every process. */
static inline const struct ga_row *replay_row(const struct replay_call *call)
{
    return call->row == REPLAY_NO_ROW ? NULL : &ga_rows[call->row];
}

struct replay_lane {
    uint64_t process;
    uint32_t thread, tid;
    uint32_t first, count; /* in plan.order */
    uint32_t prologue;     /* so many of them, the first, are not timed */
    uint32_t scratch_size; /* of its largest call: the image with its blobs */
};

struct replay_plan {
    struct replay_call *calls; /* in the order of their begin */
    struct replay_lane *lanes;
    uint32_t *order;           /* calls by lane, each lane's in program order */
    int64_t *live;             /* by call: bytes of the recording's allocations that are alive after it: see curve.h */
    struct replay_object *objects;
    struct replay_ref *refs;
    struct replay_relocation *relocations;
    struct replay_dependency *dependencies;
    uint32_t *fences, *signals; /* calls */
    struct replay_blob *blobs;
    struct replay_memory *memories;
    struct replay_file *files;
    unsigned char *images, *data;
    uint32_t prologue;       /* the first so many calls make what is alive when the range begins: issued before it, not timed; all of
                                them are done before the first call of the range begins */
    uint32_t recorded_count; /* calls of the trace; those that neither are in the range nor make anything for it are not in calls */
    uint32_t call_count, lane_count, object_count, file_count, blob_count, memory_count;
    uint32_t ref_count, relocation_count, dependency_count, fence_count, signal_count, paging_count;
    struct {
        uint32_t type, blob; /* KMTQUERYADAPTERINFOTYPE, and the driver's answer: plan.blobs */
    } answers[REPLAY_ANSWERS_MAX];
    uint32_t answer_count;
    char dxg_driver[32]; /* driver of the recorded /dev/dxg: "dxg", "softgpu"; "" when the trace does not say */
    uint64_t images_size, data_size;
    uint64_t hash;        /* of what is issued and in which order; the same for the same trace and options */
    uint64_t peak_bytes;  /* recorded bytes alive at most, of sizes that are known */
    uint64_t live_peak;   /* the most in live */
    uint64_t span_ns;     /* from the first timed call's begin to the last one's end */
    enum replay_order memory_order;
    void *mapping;        /* of a finished plan: all of its arrays, see plan_image.h; read-only */
    size_t mapping_size;
    struct replay_plan_builder *builder; /* null once finished */
};

/* A part of a trace. Calls count from 1, as `gpualloc list` prints them; times are ns since the first call's begin. A call is in it
   that began neither before call FROM did, or the time FROM, nor after TO. */
struct replay_range {
    enum { REPLAY_RANGE_ALL, REPLAY_RANGE_CALLS, REPLAY_RANGE_TIMES } unit;
    uint64_t from, to;
};

struct replay_plan_options {
    uint64_t max_calls; /* a trace with more is refused; 0: no limit but 2^31 */
    uint64_t max_bytes; /* a trace with more recorded bytes alive at once is refused; 0: no limit */
    enum replay_order order;
    struct replay_range range;
    bool skips[GA_ROW_COUNT + 1]; /* requests that are not issued, by row; the last entry: files' last closes */
    const char *verb;   /* who says what was lost; null: replay */
    bool no_cache;      /* replay_plan_load: neither look for the plan in the user's cache folder nor keep it there */
};

/* "100..200", "1.5s..2s", "..2000", "10ms..". */
int replay_range_parse(struct replay_range *range, const char *text, struct ga_error *error);
/* A class ("create"), a call ("create_allocation", "d3dkmt:create_allocation") or "close". May be called again. */
int replay_skip_kind(struct replay_plan_options *options, const char *kind, struct ga_error *error);
/* What a verb's options --range (null: all) and --skip say. */
int replay_plan_ask(struct replay_plan_options *options, const char *range, const char *const *skips, size_t skip_count,
                    struct ga_error *error);
/* row: null for a file's last close. */
enum replay_class replay_class_of(const struct ga_row *row);
/* "create", …; null after the last. */
extern const char *const replay_class_names[REPLAY_CLASSES + 1];

/* Finds the bytes of private data; as ga_reader_blob. */
typedef int replay_blob_source(void *user, uint64_t hash, const void **data, uint32_t *size);

/* A trace in, a finished plan out; release it also after a failure. A lossy trace is -ENODATA unless accept_loss. Losses are
   printed to stderr in either case. */
int replay_plan_load(struct replay_plan *plan, const char *trace, const struct replay_plan_options *options, bool accept_loss,
                     struct ga_error *error);

/* Its parts: begin, then calls and events in the order in which they completed, then finish. */
int replay_plan_begin(struct replay_plan *plan, const struct replay_plan_options *options);
int replay_plan_add_call(struct replay_plan *plan, const struct ga_call *call, replay_blob_source *blobs, void *user,
                         struct ga_error *error);
int replay_plan_add_event(struct replay_plan *plan, const struct ga_row *row, const void *record, struct ga_error *error);
/* What became known of the size of an allocation that a call made, by thread and number of the call. Before finish. */
int replay_plan_add_size(struct replay_plan *plan, const struct ga_life *life, struct ga_error *error);
int replay_plan_finish(struct replay_plan *plan, struct ga_error *error);
/* Refuses a plan that is more than the options' limits allow: -EFBIG. finish and load have asked. */
int replay_plan_check(const struct replay_plan *plan, const struct replay_plan_options *options, struct ga_error *error);
/* A plan of zeros is fine. */
void replay_plan_release(struct replay_plan *plan);
/* A plan from the cache is read from its file when it is touched: this touches all of it, so that no run reads a file. */
void replay_plan_populate(const struct replay_plan *plan);

/* The fence value that the recording's paging call was given is where its structure has it: bytes into the image. */
uint32_t replay_fence_place(const struct ga_row *row);
/* Skips what cannot be issued because something else is not: calls whose object no issued call makes, and waits that no issued call
   ends. skips: one a call, enum replay_skip; by_size: one a call, issued for the allocations that it names alone; or null. */
void replay_plan_spread_skips(const struct replay_plan *plan, uint8_t *skips, const bool *by_size);
/* Why a request is never issued, on any device; REPLAY_ISSUED: it is, where its driver's backend or another's takes it. */
enum replay_skip replay_row_never(const struct ga_row *row);
/* The event's name without its provider ("create_allocation"), or "close" for a file's last close. */
const char *replay_call_name(const struct replay_call *call);

#endif
