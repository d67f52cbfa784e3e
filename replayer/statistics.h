/*
 * Statistics of a run: per call kind and size class, over the calls that were issued and answered as recorded. The unit of a
 * comparison is the run, not the call: calls of one run are not independent.
 */
#ifndef GPUALLOC_REPLAYER_STATISTICS_H
#define GPUALLOC_REPLAYER_STATISTICS_H

#include "replayer/engine.h"

/* A call kind: what is compared between results. */
struct replay_kind {
    const char *name;    /* "create_allocation" */
    uint64_t size_class; /* bytes: the power of two that the size does not exceed; 0: none or unknown */
    bool failed;         /* calls that fail, as in the recording */
};

/* Latencies in ns of one kind in one run. */
struct replay_figures {
    uint64_t n;
    double mean, p50, p90, p99, p999, max, total;
};

struct replay_statistics {
    struct replay_kind *kinds;       /* by name, class, failed */
    uint32_t kind_count;
    struct replay_figures *figures;  /* [run][kind] */
    struct replay_figures *resident; /* [run][kind]: of paging calls, from their begin until they had taken effect */
    uint64_t *wall_ns;               /* [run] */
    uint64_t (*outcomes)[REPLAY_SKIPS]; /* [run]: calls issued, and skipped by reason */
    uint64_t *differs, *violations, *remapped; /* [run] */
    uint64_t (*populated)[REPLAY_POPULATES]; /* [run]: calls whose buffer's pages were brought in, by how */
    uint64_t *exhausted; /* [run]: creates that the device had no memory for, where the recording's had */
    uint32_t run_count, run_room;
    uint32_t *kind_of;               /* by call */
    uint32_t *populate_kind_of;      /* by call: the kind "populate" of its size class */
    uint32_t *scratch;
};

/* populate: what creates make is brought in as a kind of its own. */
int replay_statistics_init(struct replay_statistics *statistics, const struct replay_plan *plan, uint32_t runs, bool populate);
/* Takes a run in. */
void replay_statistics_add(struct replay_statistics *statistics, const struct replay_plan *plan, const struct replay_run *run);
void replay_statistics_release(struct replay_statistics *statistics);

/* Of values sorted upwards; q from 0 to 1, linear between neighbours; 0 without values. */
double replay_quantile(const double *sorted, size_t count, double q);
/* Sorts in place. */
double replay_median(double *values, size_t count);
/* Figures of latencies; sorts them in place. */
struct replay_figures replay_figures_of(uint32_t *latencies, size_t count);
/* What was done to populate, over all runs: "none", "touch", "submit", "submit+touch"; asked where there was no buffer. */
const char *replay_populated_name(const struct replay_statistics *statistics, enum replay_populate asked);
/* "≤ 64 KiB", or "" for no class. */
struct ga_text replay_size_class_text(uint64_t size_class);

#endif
