/* Statistics: see statistics.h. */
#include "replayer/statistics.h"

#include <errno.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double replay_quantile(const double *sorted, size_t count, double q)
{
    if (!count)
        return 0;
    double place = q * (double)(count - 1);
    size_t low = (size_t)place;
    if (low + 1 >= count)
        return sorted[count - 1];
    return sorted[low] + (place - (double)low) * (sorted[low + 1] - sorted[low]);
}

double replay_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return replay_quantile(values, count, 0.5);
}

struct replay_figures replay_figures_of(const struct replay_latencies *latencies)
{
    if (!latencies->n)
        return (struct replay_figures){0};
    return (struct replay_figures){
        .n = latencies->n,
        .total = (double)latencies->sum,
        .mean = (double)latencies->sum / (double)latencies->n,
        .p50 = replay_latencies_quantile(latencies, 0.5),
        .p90 = replay_latencies_quantile(latencies, 0.9),
        .p99 = replay_latencies_quantile(latencies, 0.99),
        .p999 = replay_latencies_quantile(latencies, 0.999),
        .max = (double)latencies->max,
    };
}

int replay_statistics_init(struct replay_statistics *s, const struct replay_kinds *kinds, uint32_t runs)
{
    *s = (struct replay_statistics){.kinds = kinds, .run_room = runs};
    s->figures = calloc((size_t)runs * kinds->count + 1, sizeof *s->figures);
    s->resident = calloc((size_t)runs * kinds->count + 1, sizeof *s->resident);
    s->runs = calloc(runs + 1u, sizeof *s->runs);
    return s->figures && s->resident && s->runs ? 0 : -ENOMEM;
}

void replay_statistics_add(struct replay_statistics *s, const struct replay_run *run)
{
    uint32_t r = s->run_count++, kinds = s->kinds->count;
    s->runs[r] = (struct replay_summary){.wall_ns = run->wall_ns, .passes = run->passes, .end = run->end, .counts = run->counts,
                                         .fidelity = replay_fidelity_of(run)};
    for (uint32_t k = 0; k < kinds; k++) {
        s->figures[(size_t)r * kinds + k] = replay_figures_of(&run->latencies[k]);
        s->resident[(size_t)r * kinds + k] = replay_figures_of(&run->resident[k]);
    }
}

const char *replay_populated_name(const struct replay_statistics *s, enum replay_populate asked)
{
    bool touched = false, submitted = false;
    for (uint32_t r = 0; r < s->run_count; r++) {
        touched |= s->runs[r].counts.populated[REPLAY_POPULATE_TOUCH] != 0;
        submitted |= s->runs[r].counts.populated[REPLAY_POPULATE_SUBMIT] != 0;
    }
    if (touched && submitted)
        return "submit+touch";
    return replay_populate_name(touched ? REPLAY_POPULATE_TOUCH : submitted ? REPLAY_POPULATE_SUBMIT : asked);
}

void replay_statistics_release(struct replay_statistics *s)
{
    free(s->figures);
    free(s->resident);
    free(s->runs);
    *s = (struct replay_statistics){0};
}
