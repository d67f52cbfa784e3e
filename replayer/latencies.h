/*
 * Latencies in bounded memory: a histogram as HdrHistogram's, of three significant digits. Numbers below 1024 are exact, above
 * them a step is at most 1/512 of its numbers, so that a quantile is within 0.1 % of the true one; mean and extremes are exact.
 */
#ifndef GPUALLOC_REPLAYER_LATENCIES_H
#define GPUALLOC_REPLAYER_LATENCIES_H

#include <stdint.h>

enum {
    REPLAY_LATENCY_BITS = 9,                                                   /* 512 steps an octave */
    REPLAY_LATENCY_SHIFTS = 27,                                                /* up to 2^36 ns: 68 s; more counts as that */
    REPLAY_LATENCY_STEPS = (REPLAY_LATENCY_SHIFTS + 1) << REPLAY_LATENCY_BITS, /* 112 KiB of counts, of which few pages are met */
};
#define REPLAY_LATENCY_MAX ((UINT64_C(1) << 36) - 1)

/* Zeros are an empty one. Of one thread at a time. */
struct replay_latencies {
    uint64_t n, sum, max, min; /* ns */
    uint64_t counts[REPLAY_LATENCY_STEPS];
};

static inline uint32_t replay_latency_step(uint64_t ns)
{
    uint32_t shift = 63u - (uint32_t)__builtin_clzll(ns | 1u << REPLAY_LATENCY_BITS) - REPLAY_LATENCY_BITS;
    return (shift << REPLAY_LATENCY_BITS) + (uint32_t)(ns >> shift);
}

/* No allocation, no lock. */
static inline void replay_latencies_add(struct replay_latencies *latencies, uint64_t ns)
{
    if (ns > REPLAY_LATENCY_MAX)
        ns = REPLAY_LATENCY_MAX;
    if (ns > latencies->max)
        latencies->max = ns;
    if (ns < latencies->min || !latencies->n)
        latencies->min = ns;
    latencies->n++;
    latencies->sum += ns;
    latencies->counts[replay_latency_step(ns)]++;
}

/* Adds what other has. */
void replay_latencies_merge(struct replay_latencies *latencies, const struct replay_latencies *other);
/* Empties it; costs as much as it has met. */
void replay_latencies_clear(struct replay_latencies *latencies);
/* q from 0 to 1, linear between neighbours, as replay_quantile; 0 when empty. */
double replay_latencies_quantile(const struct replay_latencies *latencies, double q);

/* count of them, empty; null when memory is short. Pages are had when they are met. */
struct replay_latencies *replay_latencies_create(uint32_t count);
/* The same; children that are forked from now on add to the same ones. */
struct replay_latencies *replay_latencies_create_shared(uint32_t count);
/* Makes the pages be there that numbers up to ns would meet, so that a run does not have to. */
void replay_latencies_warm(struct replay_latencies *latencies, uint64_t ns);
void replay_latencies_destroy(struct replay_latencies *latencies, uint32_t count);

#endif
