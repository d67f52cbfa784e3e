/*
 * Backends: what a plan is issued on. Each is one file in backends/ that ends in a const struct replay_backend, named
 * replay_backend_FILENAME; the table of them is generated from the folder.
 *
 * One device is opened for a replay and serves its runs one after the other. Calls of a run come from several threads (lanes) at
 * once, those of one lane in order; the engine has made them wait for what they depend on.
 */
#ifndef GPUALLOC_REPLAYER_BACKEND_H
#define GPUALLOC_REPLAYER_BACKEND_H

#include <stdatomic.h>
#include <sys/ioctl.h>

#include "base/error.h"
#include "replayer/placement.h"
#include "replayer/plan.h"

/* How a D3DKMT device treats private data that may not be for it. AUTO: verbatim unless the recorded driver is another one. */
enum replay_translate { REPLAY_TRANSLATE_AUTO, REPLAY_TRANSLATE_VERBATIM, REPLAY_TRANSLATE_STANDARD };

/* How the pages of a buffer are brought in after its creation: asked for, and what was done. */
enum replay_populate {
    REPLAY_POPULATE_NONE,
    REPLAY_POPULATE_TOUCH,  /* a byte to each page */
    REPLAY_POPULATE_SUBMIT, /* named by an empty batch; asked for: touched where there is none */
    REPLAY_POPULATE_FAILED, /* what was done alone: neither could be */
    REPLAY_POPULATES
};
const char *replay_populate_name(enum replay_populate populate);

/* What a user asked for; all members may be null. */
struct replay_target {
    const char *node;   /* device node */
    const char *driver; /* of the node, when it has been asked already */
    enum replay_translate translate;
    enum replay_populate populate;
};

/* What a device says of itself, for results. Never null, "" when unknown; lives as long as the device. */
struct replay_identity {
    char node[64], driver[32], version[64];
    bool software; /* made of software, or answers nothing real: a result from it is no hardware's */
};

/* How calls are issued: the same requests, or by size. Results of different modes are never compared. */
enum replay_mode { REPLAY_VERBATIM, REPLAY_DUMB, REPLAY_STANDARD, REPLAY_NATIVE };
const char *replay_mode_name(enum replay_mode mode);
/* Where the memory lies: "as recorded", "system memory". */
const char *replay_mode_placement(enum replay_mode mode);

struct replay_outcome {
    int64_t ret;    /* what the ioctl returned */
    int32_t error;  /* errno after -1, else 0 */
    bool failed;
    int64_t more_bytes; /* that what it made has here beyond the recorded ones, or what it ended had; negative: fewer */
    bool remapped;  /* a GPU address was refused, and finish got another */
    const atomic_bool *give_up; /* by the engine: a call that a signal interrupts is repeated unless this is set, or null */
};

/* The ioctl that a call is. */
struct replay_ioctl {
    int fd;
    uint32_t request; /* 0: it is none */
    void *argument;
    const void *own;  /* the backend's, for finish */
};

/* What issued creates need of a class of memory, and what the device has of it. local counts visible local memory too, and system
   coherent memory. */
struct replay_memory_use {
    uint64_t peak_bytes, largest_bytes; /* recorded bytes alive at most, of one buffer at most */
    uint64_t device_bytes;
    bool known;                         /* device_bytes */
};
enum { REPLAY_LIMITS_MAX = 12 };

/* What a backend makes of a plan, by call. */
struct replay_binding {
    uint8_t *skips;   /* enum replay_skip: why it cannot be issued; the plan's own reasons are in already */
    bool *translated; /* issued as another request that does the same job */
    enum replay_mode mode;
    uint32_t moves[REPLAY_PLACES][REPLAY_PLACES]; /* translated creates, by where the recorded one and the issued one puts the buffer */
    const bool *by_size; /* by call, or null; the backend's: a call of another interface, of which its allocations alone are issued */
    uint32_t unplaced[REPLAY_PLACES]; /* translated allocations of which the recording tells no class, by where they are put */
    struct replay_memory_use memory[REPLAY_PLACES];
    char limits[REPLAY_LIMITS_MAX][200]; /* what the recording needs and the device does not have, as far as it can be asked */
    uint32_t limit_count;
};

/* What is asked of a model; texts may be null. */
struct replay_question {
    const char *trace;
    const uint64_t *vram;  /* bytes of device memory; null: the model's usual */
    bool search;           /* for the smallest that evicts nothing, instead */
    uint64_t gtt;          /* bytes of system memory that the GPU reaches; 0: no limit */
    const char *allocator; /* "buddy", "mm" */
    const char *json;      /* file for the result; "-" is stdout */
    bool verbose;          /* tells of each step of a search on stderr */
};

struct replay_device; /* each backend's own */

/* The lanes that a worker process issues: those of which of[lane] is number, the first of them. */
struct replay_crew {
    const uint32_t *of;
    uint32_t number;
};
/* Null: of one process, all of them. */
static inline bool replay_crew_has(const struct replay_crew *crew, uint32_t lane) { return !crew || crew->of[lane] == crew->number; }

struct replay_backend {
    const char *name;    /* as --backend takes it; the file's name */
    const char *summary; /* one line */
    const char *const *drivers; /* kernel drivers that it serves, ending with null; null: only when asked for by name */

    bool again; /* a call that ends with EAGAIN is to be made once more, as everywhere in DRM; with EINTR it always is */
    bool unmet; /* it has met fake devices only, or a device made of software: said with every result */

    /* Opens a device; self is this table (several may share functions). Main thread. Required. identity is zeros before. */
    int (*open)(struct replay_device **device, const struct replay_backend *self, const struct replay_target *target,
                struct replay_identity *identity, struct ga_error *error);
    /* Looks at the plan once, before any run: may allocate whatever runs will need, and says of each call whether and how it is
       issued (binding is as if all were, verbatim). Main thread. Required. */
    int (*bind)(struct replay_device *device, const struct replay_plan *plan, struct replay_binding *binding,
                struct ga_error *error);
    /* Before each run. Main thread, no lane runs. Optional. */
    int (*begin)(struct replay_device *device, struct ga_error *error);
    /* In place of begin and end, where each recorded process is a process again. clear, before they are forked: no object is there.
       Main thread. enter, in each of them: what begin does, for the calls of those lanes; end is called there too. Optional, both or
       none: without them all calls are issued by one process. */
    void (*clear)(struct replay_device *device);
    int (*enter)(struct replay_device *device, const struct replay_crew *crew, struct ga_error *error);
    /* Just before a call, not timed: puts handles into its arguments, and says which ioctl it is (request and own are 0 before).
       REPLAY_ISSUED, or why it cannot be issued now. Lane's thread. No allocation, lock or output, as in issue and finish. Optional. */
    enum replay_skip (*prepare)(struct replay_device *device, uint32_t lane, const struct replay_call *call,
                                struct replay_ioctl *make);
    /* A call that is no ioctl, or several: all of it is timed. outcome is zeros before, but for give_up. Lane's thread. Required. */
    void (*issue)(struct replay_device *device, uint32_t lane, const struct replay_call *call, struct replay_outcome *outcome);
    /* Just after it, not timed: keeps the handles that came back. own is prepare's. Lane's thread. Optional. */
    void (*finish)(struct replay_device *device, uint32_t lane, const struct replay_call *call, const void *own,
                   struct replay_outcome *outcome);
    /* Brings in the pages of what a call has made, where the target asked for it: a step that is timed by itself. Then settle, not
       timed, takes away what that needed. Lane's thread, after finish of a call that did not fail. Optional, both or none: without
       them only a target that asks for none can be opened. */
    enum replay_populate (*populate)(struct replay_device *device, uint32_t lane, const struct replay_call *call);
    void (*settle)(struct replay_device *device, uint32_t lane);
    /* Whether what a paging call (call->paging) asked for has taken effect, after it was issued. Any lane's thread, often. Optional:
       without it, when the call returns. */
    bool (*reached)(struct replay_device *device, const struct replay_call *call);
    /* After each run, also a failed one: frees all that the run made. Main thread, no lane runs. Optional. */
    void (*end)(struct replay_device *device);
    /* Ends the device; null is fine. Main thread. Required. */
    void (*close)(struct replay_device *device);
    /* Works through the plan by itself and reports, instead of all that is above. Optional: of models, which are no device. */
    int (*model)(const struct replay_plan *plan, const struct replay_question *question, struct ga_error *error);
};

/* Fills the outcome but for give_up: where that is set, or null, an ioctl is not made again that was interrupted. */
void replay_ioctl_failed(const struct replay_backend *backend, const struct replay_ioctl *make, int result,
                         struct replay_outcome *outcome);
static inline void replay_make_ioctl(const struct replay_backend *backend, const struct replay_ioctl *make,
                                     struct replay_outcome *outcome)
{
    int result = ioctl(make->fd, make->request, make->argument);
    outcome->ret = result;
    outcome->error = 0;
    outcome->failed = outcome->remapped = false;
    outcome->more_bytes = 0;
    if (__builtin_expect(result < 0, false)) /* -1 with errno, or dxgkrnl's NTSTATUS */
        replay_ioctl_failed(backend, make, result, outcome);
}

/* All of them, ending with null. */
extern const struct replay_backend *const replay_backends[];
const struct replay_backend *replay_backend_find(const char *name);
/* The one that serves a kernel driver; "dumb" for any other that is not null; null when there is none. */
const struct replay_backend *replay_backend_for_driver(const char *driver);
/* Whether a table has all that it must. */
int replay_backend_check(const struct replay_backend *backend, struct ga_error *error);

#endif
