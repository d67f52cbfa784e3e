/*
 * The model: a device's memory without the device. It runs a script on segments of given sizes: places buffers as the kernel's
 * allocators would, evicts the least recently used as TTM does (device memory → system memory that the GPU reaches → swap), and
 * adds up what that would cost by a table of costs. Nothing is measured: the same script and options give the same figures.
 */
#ifndef GPUALLOC_REPLAYER_SIM_MODEL_H
#define GPUALLOC_REPLAYER_SIM_MODEL_H

#include "replayer/sim/script.h"
#include "replayer/sim/space.h"

enum sim_allocator { SIM_BUDDY, SIM_MM };
enum sim_segment { SIM_VRAM, SIM_GTT, SIM_SWAP, SIM_NOWHERE, SIM_SEGMENTS };
/* "vram", "gtt", "swap"; "buddy", "mm". */
const char *sim_segment_name(enum sim_segment segment);
extern const char *const sim_allocator_names[]; /* ends with null */

/* ns: of a request, and of a page of 4 KiB that is … */
struct sim_costs {
    uint64_t call;
    uint64_t clear_vram, clear_system; /* cleared, by the GPU, by a CPU */
    uint64_t copy;                     /* copied between the device's and the system's memory */
    uint64_t swap;                     /* written to or read from swap */
    uint64_t map;                      /* entered into the GPU's page tables */
};
extern const struct sim_costs sim_costs_usual; /* where they come from: docs/sim.md */

struct sim_options {
    uint64_t vram, gtt; /* bytes; gtt 0: no limit */
    enum sim_allocator allocator;
    struct sim_costs costs;
    bool only_whether; /* ends as soon as the device's memory was too small */
};

struct sim_count {
    uint64_t count, bytes;
};

/* How broken up a segment's free memory is: 1 - largest free block / free bytes; 0 when nothing is free. */
struct sim_fragmentation {
    double worst, at_end;
    int64_t worst_ns;            /* in the recording */
    uint64_t worst_free, worst_largest;
    uint64_t least_largest;      /* of any time */
};

/* A stretch of the recording: the highest use and the smallest largest free block of the device's memory in it. */
struct sim_stretch {
    int64_t ns; /* where it begins */
    uint64_t used, largest;
    double fragmentation; /* the worst */
};
enum { SIM_STRETCHES = 100 };

struct sim_outcome {
    uint64_t size[SIM_SEGMENTS]; /* GTT 0: no limit */
    uint64_t peak[SIM_SEGMENTS]; /* bytes at most */
    int64_t peak_ns[SIM_SEGMENTS];
    struct sim_fragmentation vram, gtt;
    struct sim_count evicted;  /* moved from the device's memory to make room */
    struct sim_count restored; /* moved back when a submission or MakeResident asked for them */
    struct sim_count displaced; /* placed in system memory, or left there, as the device's had no room even so */
    struct sim_count swapped_out, swapped_in;
    struct sim_count failed;   /* creates for which there was no memory anywhere */
    uint32_t first_failed;     /* call of the plan, or REPLAY_NONE */
    uint32_t first_evicted;    /* the call that made the first eviction, or REPLAY_NONE */
    uint64_t ns_calls, ns_cleared, ns_copied, ns_swapped, ns_mapped;
    struct sim_stretch stretches[SIM_STRETCHES];
    uint32_t stretch_count;
};
uint64_t sim_time(const struct sim_outcome *outcome);
/* Whether all that belongs into the device's memory was there all the time. */
bool sim_sufficed(const struct sim_outcome *outcome);

/* -ENOMEM: our own memory ran out; -EINVAL: a segment of no size, or too large. */
int sim_run(const struct sim_script *script, const struct sim_options *options, struct sim_outcome *outcome, struct ga_error *error);

/* A search for the smallest device memory in which nothing is evicted or displaced. */
struct sim_search {
    uint64_t size;      /* the smallest that was found to do */
    uint64_t step;      /* sizes are multiples of it */
    uint64_t least;     /* below it there cannot be one: the bytes alive at once, in steps */
    bool exhaustive;    /* every size from least to size was tried: there is no smaller one */
    uint32_t trials;
    void (*tried)(void *user, uint64_t size, bool sufficed); /* told of each; may be null */
    void *user;
};
int sim_find_vram(const struct sim_script *script, const struct sim_options *options, struct sim_search *search,
                  struct ga_error *error);

#endif
