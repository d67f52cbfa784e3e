/*
 * Inference: what samples of runs say. Everything is by ranks and orders, as run times are no normal distribution; which method,
 * why, and its source stand in docs/compare.md. A sample's values are of independent runs, in the order of the runs unless it
 * says sorted (upwards).
 */
#ifndef GPUALLOC_REPLAYER_INFERENCE_H
#define GPUALLOC_REPLAYER_INFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#define REPLAY_CONFIDENCE 0.95 /* of intervals; a difference is significant when p is below 1 - this */

struct replay_interval {
    double low, high; /* NaN: too few values for any */
};

/* Two-sided p that a and b are of one distribution (Mann-Whitney U, mid-ranks): exact, ties included, up to 40 values together;
   else the normal approximation with correction for ties and continuity. 1 when there is nothing to test. */
double replay_mann_whitney(const double *a, size_t count_a, const double *b, size_t count_b);
/* The least p that samples of these sizes can give. */
double replay_least_p(size_t count_a, size_t count_b);
/* Holm's step-down: p of each of count tests, corrected for their number. -ENOMEM. */
int replay_holm(const double *p, size_t count, double *corrected);
/* Of the median: between two values of the sample, chosen by the binomial distribution; none below 6 values. */
struct replay_interval replay_median_interval(const double *sorted, size_t count);
/* Of how much b lies above a: the differences of all pairs, cut where the Mann-Whitney test cuts (Hodges and Lehmann). */
struct replay_interval replay_shift_interval(const double *sorted_a, size_t count_a, const double *sorted_b, size_t count_b);

/* Whether a value lies more than three interquartile ranges outside the quartiles (Tukey's 'far out'). */
bool replay_is_outlier(const double *sorted, size_t count, double value);
/* Two-sided p that the order of the values says nothing about them (Spearman's rank correlation with the order). */
double replay_trend_p(const double *values, size_t count);
/* Two groups far apart: medians and sizes; counts are 0 when the sample is one group, or less than 10 values. */
struct replay_modes {
    double low, high;
    size_t low_count, high_count;
};
struct replay_modes replay_modes_of(const double *sorted, size_t count);

#endif
