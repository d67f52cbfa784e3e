/*
 * A trace followed from end to end for a verb that writes a file of it: calls, and the lives of allocations as they were known at
 * the end. What is told only after a birth (sizes by mappings, names) needs another pass over the trace; so does a verb that finds
 * out only at the end what is worth writing.
 */
#ifndef GPUALLOC_ANALYZER_FOLLOW_H
#define GPUALLOC_ANALYZER_FOLLOW_H

#include "reader/lives.h"

/* All get the user given to follow_run; 0, or a negative errno that ends the run. */
struct follow_ops {
    /* A pass begins, from 0 on: what an earlier one made is to be forgotten. Required. */
    int (*begin)(void *user, unsigned pass);
    /* As of a reader; before: before lives are told because of the call. Optional. */
    int (*before)(void *user, const struct ga_call *call);
    int (*event)(void *user, const struct ga_row *row, const void *record, int64_t ns);
    /* As in struct ga_lives_ops; sizes and names never change. Optional. */
    int (*born)(void *user, struct ga_life *life, const struct ga_call *call);
    int (*died)(void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call);
    /* A call was followed: lives have heard of it. Optional. */
    int (*after)(void *user, const struct ga_call *call);
    /* The pass is through, and every life ended: 1 for one more, whatever was learnt. Optional. */
    int (*end)(void *user, const struct ga_reader_totals *totals);
};

/* Private data by hash, during callbacks: as ga_reader_blob. */
struct follow;
struct ga_reader *follow_reader(const struct follow *follow);

/* Follows the trace at path. 0; -EIO: damaged, and followed as far as it can be read; or a negative errno. Progress goes to a terminal,
   the losses to standard error (verb: for these). *now holds the run while callbacks are called; totals: of the last pass. Both may
   be null. */
int follow_run(const char *verb, const char *path, const struct follow_ops *ops, void *user, struct follow **now,
               struct ga_reader_totals *totals, struct ga_error *error);

#endif
