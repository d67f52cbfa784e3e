/*
 * A histogram of whole numbers for percentiles: exact below 64, above in 64 steps an octave, so that a percentile is within
 * 0.8 % of the true one. Memory grows with the number of distinct steps that were met (3,776 at most), not with the count.
 */
#ifndef GPUALLOC_BASE_HISTOGRAM_H
#define GPUALLOC_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

struct ga_histogram {
    uint64_t count, min, max;
    double sum;
    struct ga_histogram_step {
        uint64_t step : 16, count : 48;
        uint64_t min, max; /* of what fell into it */
    } * steps;                    /* by step */
    size_t used, room;
    uint16_t *octaves; /* where each octave's steps begin, once there are many: null before */
};

/* A histogram of zeros is an empty one. 0, or -ENOMEM. */
int ga_histogram_add(struct ga_histogram *histogram, uint64_t value);
/* Adds what another has met. 0, or -ENOMEM: then some of it is missing. */
int ga_histogram_merge(struct ga_histogram *histogram, const struct ga_histogram *other);
/* The smallest value that at least permille / 1000 of all values do not exceed (nearest rank): the middle of what was met in
   its step, so a lonely value is exact. 0 when empty. */
uint64_t ga_histogram_percentile(const struct ga_histogram *histogram, unsigned permille);
void ga_histogram_release(struct ga_histogram *histogram);

#endif
