/*
 * Statistics of runs: per call kind and size class, over the calls that were issued and answered as recorded. The unit of a
 * comparison is the run, not the call: calls of one run are not independent.
 */
#ifndef GPUALLOC_REPLAYER_STATISTICS_H
#define GPUALLOC_REPLAYER_STATISTICS_H

#include "replayer/fidelity.h"

/* Latencies in ns of one kind in one run. */
struct replay_figures {
    uint64_t n;
    double mean, p50, p90, p99, p999, max, total;
};

/* What is kept of a run. */
struct replay_summary {
    uint64_t wall_ns, passes;
    enum replay_end end;
    struct replay_counts counts;
    struct replay_fidelity fidelity;
    uint64_t left_bytes; /* what the device's memory was above its base when waiting for it was given up; 0: it was back */
};

struct replay_statistics {
    const struct replay_kinds *kinds; /* the session's, or a test's */
    struct replay_figures *figures;   /* [run][kind] */
    struct replay_figures *resident;  /* [run][kind]: of paging calls, from their begin until they had taken effect */
    struct replay_summary *runs;      /* [run] */
    uint32_t run_count, run_room;
};

/* kinds: must outlive them. */
int replay_statistics_init(struct replay_statistics *statistics, const struct replay_kinds *kinds, uint32_t runs);
/* Takes a run in. */
void replay_statistics_add(struct replay_statistics *statistics, const struct replay_run *run);
void replay_statistics_release(struct replay_statistics *statistics);

/* Of values sorted upwards; q from 0 to 1, linear between neighbours; 0 without values. */
double replay_quantile(const double *sorted, size_t count, double q);
/* Sorts in place. */
double replay_median(double *values, size_t count);
/* What was done to populate, over all runs: "none", "touch", "submit", "submit+touch"; asked where there was no buffer. */
const char *replay_populated_name(const struct replay_statistics *statistics, enum replay_populate asked);
struct replay_figures replay_figures_of(const struct replay_latencies *latencies);

#endif
