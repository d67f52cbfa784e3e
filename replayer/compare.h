/*
 * Compare: two results of one trace. The unit is the run. A row is a call kind and size class; the primary metric is named
 * beforehand: the geometric mean, over all rows, of a run's medians.
 */
#ifndef GPUALLOC_REPLAYER_COMPARE_H
#define GPUALLOC_REPLAYER_COMPARE_H

#include "replayer/result.h"

#define COMPARE_ALPHA 0.05 /* a difference is significant when p is below */

/* One metric of both results. */
struct compare_row {
    const struct replay_result_kind *kind; /* null: the primary metric */
    double base, next;                     /* medians over the runs, ns */
    double base_spread, next_spread;       /* half the interquartile range over the median */
    double change;                         /* next / base - 1 */
    double p;                              /* two-sided, of this row alone */
    uint32_t base_runs, next_runs;
    bool significant; /* rows: with their number corrected for (Benjamini-Hochberg) */
};

struct comparison {
    struct compare_row primary, *rows;
    uint32_t row_count, base_only, next_only; /* kinds that only one result has */
    bool one_boot;  /* the kernels differ and a side is a single boot, of which runs say little: there is no verdict */
    bool regressed; /* the primary metric is significantly slower, by more than the threshold */
    uint32_t outliers; /* runs whose wall time lies far outside the others' (three interquartile ranges) */
};

/* -EINVAL with a line when the two cannot be compared: other traces or plans, verbatim and translated. threshold: 0.05 is 5 %. */
int compare_results(struct comparison *comparison, const struct replay_result *base, const struct replay_result *next,
                    double threshold, struct ga_error *error);
void comparison_release(struct comparison *comparison);
/* "1.72 µs ± 1%  1.42 µs ± 1%  -17.2% (p=0.008 n=5+5)". */
void comparison_print(const struct comparison *comparison, const struct replay_result *base, const struct replay_result *next,
                      double threshold, FILE *out);
/* The same as JSON; the caller frees it. Null without memory. */
char *comparison_json(const struct comparison *comparison, const struct replay_result *base, const struct replay_result *next,
                      double threshold);

#endif
