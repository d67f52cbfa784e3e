/*
 * Live-byte curves: how many bytes of the recorded allocations are alive, over the progress of a replay (the share of the plan's
 * calls that are through, issued or not). Each lane keeps its own in bounded memory: what happened in 1024 slots of time, which
 * double in length when the run grows out of them.
 */
#ifndef GPUALLOC_REPLAYER_CURVE_H
#define GPUALLOC_REPLAYER_CURVE_H

#include "replayer/plan.h"

enum { REPLAY_CURVE_BITS = 10, REPLAY_CURVE_SLOTS = 1 << REPLAY_CURVE_BITS, REPLAY_CURVE_SHIFT = 6 /* at first: 64 ns a slot */ };

struct replay_curve {
    uint32_t shift; /* a slot is 1 << shift ns; 0: empty */
    struct replay_curve_slot {
        uint64_t calls;
        int64_t bytes; /* more alive than before */
    } slots[REPLAY_CURVE_SLOTS];
};

/* Makes its slots that long, or longer. */
void replay_curve_stretch(struct replay_curve *curve, uint32_t shift);

/* A call was through so many ns after the start. */
static inline void replay_curve_add(struct replay_curve *curve, int64_t ns, int64_t bytes)
{
    uint64_t slot = (uint64_t)ns >> curve->shift;
    if (__builtin_expect(slot >= REPLAY_CURVE_SLOTS || !curve->shift, 0)) {
        uint32_t shift = curve->shift ? curve->shift : REPLAY_CURVE_SHIFT;
        while (ns > 0 && (uint64_t)ns >> shift >= REPLAY_CURVE_SLOTS)
            shift++;
        replay_curve_stretch(curve, shift);
        slot = ns > 0 ? (uint64_t)ns >> shift : 0;
    }
    curve->slots[slot].calls++;
    curve->slots[slot].bytes += bytes;
}

/* Adds the other's. */
void replay_curve_merge(struct replay_curve *curve, const struct replay_curve *other);

/* The recording's own curve: fills plan.live, in the order of the calls' begins, and plan.live_peak. 0 or -ENOMEM. */
int replay_curve_record(struct replay_plan *plan);

/* A call's part in it: bytes that are alive after it and were not before, in the recording. */
static inline int64_t replay_curve_step(const struct replay_plan *plan, uint32_t call)
{
    return plan->live[call] - (call ? plan->live[call - 1] : 0);
}

/* The mean of |replayed - recorded| over the progress, in recorded peaks. A run that was cut short is judged as far as it went. 0
   when nothing was ever alive. */
double replay_curve_distance(const struct replay_curve *curve, const struct replay_plan *plan);

#endif
