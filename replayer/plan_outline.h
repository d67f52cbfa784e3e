/*
 * What a plan is: its lanes and what they wait for, what would be issued, translated or left out and why, its largest calls, and
 * whether a device could take it. `gpualloc plan` and `gpualloc replay --dry-run` print the same.
 */
#ifndef GPUALLOC_REPLAYER_PLAN_OUTLINE_H
#define GPUALLOC_REPLAYER_PLAN_OUTLINE_H

#include <stdio.h>

#include "replayer/engine.h"

enum { REPLAY_BIGGEST = 10 };

struct replay_outline_kind {
    uint64_t calls, issued, translated, bytes; /* bytes: of those that make memory */
    uint64_t skips[REPLAY_SKIPS];
};

struct replay_outline_lane {
    uint64_t issued, waits[REPLAY_WAIT_REASONS];
};

struct replay_outline {
    const char *trace;
    const struct replay_plan *plan;
    const struct replay_session *session; /* null: without a device */
    uint64_t skips[REPLAY_SKIPS];         /* the first: issued */
    uint64_t translated;
    uint64_t waits[REPLAY_WAIT_REASONS], fences;
    struct replay_outline_kind kinds[GA_ROW_COUNT + 1]; /* by row; the last: files' last closes */
    struct replay_outline_lane *lanes;
    uint32_t biggest[REPLAY_BIGGEST], biggest_count;    /* calls that make the most bytes */
    char obstacle[256];   /* why it would not run on the session's device; "": it would */
};

/* session: bound to the plan, or null. max_bytes: what the user allows to be alive at once; 0: anything. Both must outlive the outline.
   Release it also after a failure. */
int replay_outline_init(struct replay_outline *outline, const char *trace, const struct replay_plan *plan,
                        const struct replay_session *session, uint64_t max_bytes, struct ga_error *error);
void replay_outline_release(struct replay_outline *outline);
void replay_outline_print(const struct replay_outline *outline, FILE *out);
/* JSON (docs/plan.md) to path; "-" is stdout. */
int replay_outline_write(const struct replay_outline *outline, const char *path, struct ga_error *error);
/* JSON lines: one object a call of the plan, by lane and then in the lane's order; ends early when out takes no more. */
void replay_outline_write_calls(const struct replay_outline *outline, FILE *out);

#endif
