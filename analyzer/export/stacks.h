/*
 * Bytes by stack: process, thread, surface, call and size class. For flame graphs: what was made in all, or what was alive when most
 * was. Bytes are counted as report counts them: in the order in which calls completed, once for each memory, for who made it.
 */
#ifndef GPUALLOC_EXPORT_STACKS_H
#define GPUALLOC_EXPORT_STACKS_H

#include "analyzer/export/format.h"

enum {
    STACK_FRAMES = 4,
    STACKS_MAX = 1 << 18, /* beyond these, new surfaces are one together */
};

struct stack {
    uint32_t frames[STACK_FRAMES]; /* labels */
    uint64_t made, live, at_peak;  /* bytes */
    uint64_t made_count, live_count, peak_count;
    uint64_t peak;                 /* number of the peak that at_peak is of */
};

struct stacks {
    struct ga_map index;
    struct stack *list;
    size_t count, room;
    uint64_t total, peak_total, peaks; /* bytes alive, most so far, how often it rose */
    int64_t peak_ns;                   /* epoch */
    uint64_t unknown;                  /* allocations of unknown size: in no figure */
};

int stacks_born(struct stacks *stacks, struct export *export, struct ga_life *life);
int stacks_died(struct stacks *stacks, const struct ga_life *life, enum ga_life_end how);
/* Brings at_peak of all up to date, and sorts them by frames. */
void stacks_finish(struct stacks *stacks);
void stacks_release(struct stacks *stacks);

#endif
