/*
 * Compare: many results of one trace, on two sides. A row is a call kind and size class. The unit of statistics is the run, and
 * across kernels the boot; the primary metric is named beforehand, so that its test stands alone. docs/compare.md has the methods.
 */
#ifndef GPUALLOC_REPLAYER_COMPARE_H
#define GPUALLOC_REPLAYER_COMPARE_H

#include "replayer/inference.h"
#include "replayer/result.h"

#define COMPARE_ALPHA (1 - REPLAY_CONFIDENCE)

enum compare_side_name { COMPARE_BASE, COMPARE_NEW, COMPARE_SIDES };

struct compare_side {
    struct replay_result *results; /* sorted by time when compared */
    uint32_t count;
};

struct compare_options {
    double threshold;   /* 0.05: a regression is more than 5 % slower */
    const char *metric; /* "geomean" of all rows, "wall", or a call kind: the geomean of its rows */
    enum replay_figure figure;
};

/* One side's values of a metric: one a unit, in the order of time. */
struct compare_sample {
    double *values, *sorted;
    uint32_t count, outliers;
    double median;
    struct replay_interval interval; /* of the median */
    double drift;                    /* last third over first third, - 1; 0 without a trend */
    struct replay_modes modes;
};

struct compare_row {
    const char *name; /* of a result, or the metric's */
    uint64_t size_class;
    bool failed;
    struct compare_sample sides[COMPARE_SIDES];
    double change;                   /* new / base - 1, of the medians; NaN: there is none, or the base's is 0 */
    struct replay_interval interval; /* of the change */
    double p, corrected;             /* corrected for the number of rows; of the primary metric the same */
    bool significant;
};

enum compare_verdict { COMPARE_UNDECIDED, COMPARE_SAME, COMPARE_FASTER, COMPARE_SLOWER, COMPARE_REGRESSED };
/* "undecided", "same", … */
extern const char *const compare_verdict_names[];

/* A fact about the machine that is not the same on all sides. */
struct compare_difference {
    const char *name;
    char *values[COMPARE_SIDES]; /* all that the side's results say */
};

struct comparison {
    struct compare_options options;
    struct compare_side sides[COMPARE_SIDES]; /* borrowed */
    struct compare_row primary, *rows;
    uint32_t row_count;
    uint32_t one_sided;             /* kinds that only one side has */
    uint32_t runs[COMPARE_SIDES], boots[COMPARE_SIDES];
    bool by_boot;                   /* the unit is the boot */
    enum compare_verdict verdict;
    char because[256];              /* why it is undecided */
    struct compare_difference *differences;
    uint32_t difference_count;
    char **warnings;                /* sentences */
    uint32_t warning_count;
};

/* -EINVAL with a line when they cannot be compared: other traces or plans, verbatim and translated, an unknown metric.
   The sides must outlive the comparison. Release it also after a failure. */
int compare_results(struct comparison *comparison, const struct compare_side *base, const struct compare_side *next,
                    const struct compare_options *options, struct ga_error *error);
void comparison_release(struct comparison *comparison);

/* What a row is called ("create_allocation (fails)"), and one sentence of the verdict, in buffers of size bytes. */
void compare_row_name(const struct compare_row *row, char *text, size_t size);
void compare_verdict_text(const struct comparison *comparison, char *text, size_t size);
/* "dxg on /dev/dxg (softgpu, made of software), kernel 6.1, 10 runs of 2 files". */
void compare_side_text(const struct comparison *comparison, enum compare_side_name side, char *text, size_t size);
/* "1.72 µs ± 1%": the median and how far its interval reaches. */
void compare_sample_text(const struct compare_sample *sample, char *text, size_t size);
/* "-17.2%", or "~" when it is not significant. Without a verdict always the figure. */
void compare_change_text(const struct comparison *comparison, const struct compare_row *row, char *text, size_t size);
/* "(p=0.008 n=5+5)". */
void compare_test_text(const struct comparison *comparison, const struct compare_row *row, char *text, size_t size);

void comparison_print(const struct comparison *comparison, FILE *out);
void comparison_markdown(const struct comparison *comparison, FILE *out);
/* A page that needs nothing else, with each run as a point. */
void comparison_html(const struct comparison *comparison, FILE *out);
/* The caller frees it. Null without memory. */
char *comparison_json(const struct comparison *comparison);

#endif
