/* Statistics: see statistics.h. */
#include "replayer/statistics.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/units.h"

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int by_latency(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
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

static double latency_quantile(const uint32_t *sorted, size_t count, double q)
{
    double place = q * (double)(count - 1);
    size_t low = (size_t)place;
    if (low + 1 >= count)
        return sorted[count - 1];
    return sorted[low] + (place - (double)low) * ((double)sorted[low + 1] - sorted[low]);
}

struct replay_figures replay_figures_of(uint32_t *latencies, size_t count)
{
    struct replay_figures f = {.n = count};
    if (!count)
        return f;
    qsort(latencies, count, sizeof *latencies, by_latency);
    for (size_t i = 0; i < count; i++)
        f.total += latencies[i];
    f.mean = f.total / (double)count;
    f.p50 = latency_quantile(latencies, count, 0.5);
    f.p90 = latency_quantile(latencies, count, 0.9);
    f.p99 = latency_quantile(latencies, count, 0.99);
    f.p999 = latency_quantile(latencies, count, 0.999);
    f.max = latencies[count - 1];
    return f;
}

static uint64_t size_class(uint64_t bytes)
{
    if (!bytes || bytes > UINT64_C(1) << 63)
        return bytes ? UINT64_C(1) << 63 : 0;
    uint64_t class = 4096;
    while (class < bytes)
        class *= 2;
    return class;
}

struct ga_text replay_size_class_text(uint64_t class)
{
    struct ga_text text = {""};
    if (class)
        snprintf(text.text, sizeof text.text, "≤ %.20s", ga_bytes(class).text);
    return text;
}

static struct replay_kind kind_of(const struct replay_call *call)
{
    return (struct replay_kind){replay_call_name(call), call->failed ? 0 : size_class(call->bytes), call->failed};
}

static struct replay_kind populate_kind_of(const struct replay_call *call)
{
    return (struct replay_kind){"populate", size_class(call->bytes), false};
}

static bool creates(const struct replay_call *call)
{
    return replay_row(call) && replay_row(call)->effect.kind == GA_EFFECT_CREATE && !call->failed;
}

static int by_kind(const void *a, const void *b)
{
    const struct replay_kind *x = a, *y = b;
    int name = strcmp(x->name, y->name);
    if (name)
        return name;
    if (x->size_class != y->size_class)
        return x->size_class < y->size_class ? -1 : 1;
    return (int)x->failed - (int)y->failed;
}

/* There are at most some hundred kinds: rows times 64 classes. */
static int add_kind(struct replay_statistics *s, size_t *room, const struct replay_kind *kind)
{
    for (uint32_t k = 0; k < s->kind_count; k++)
        if (by_kind(&s->kinds[k], kind) == 0)
            return 0;
    if (ga_array_room(&s->kinds, room, s->kind_count + 1u, sizeof *s->kinds) < 0)
        return -ENOMEM;
    s->kinds[s->kind_count++] = *kind;
    return 0;
}

static uint32_t number_of(const struct replay_statistics *s, const struct replay_kind *kind)
{
    const struct replay_kind *found = bsearch(kind, s->kinds, s->kind_count, sizeof *kind, by_kind);
    return found ? (uint32_t)(found - s->kinds) : 0;
}

static int find_kinds(struct replay_statistics *s, const struct replay_plan *plan, bool populate)
{
    size_t room = 0;
    int result = 0;
    for (uint32_t c = 0; result == 0 && c < plan->call_count; c++) {
        struct replay_kind kind = kind_of(&plan->calls[c]), step = populate_kind_of(&plan->calls[c]);
        result = add_kind(s, &room, &kind);
        if (result == 0 && populate && creates(&plan->calls[c]))
            result = add_kind(s, &room, &step);
    }
    qsort(s->kinds, s->kind_count, sizeof *s->kinds, by_kind);
    for (uint32_t c = 0; c < plan->call_count; c++) {
        struct replay_kind kind = kind_of(&plan->calls[c]), step = populate_kind_of(&plan->calls[c]);
        s->kind_of[c] = number_of(s, &kind);
        s->populate_kind_of[c] = number_of(s, &step);
    }
    return result;
}

int replay_statistics_init(struct replay_statistics *s, const struct replay_plan *plan, uint32_t runs, bool populate)
{
    *s = (struct replay_statistics){.run_room = runs};
    s->kind_of = calloc(plan->call_count + 1u, sizeof *s->kind_of);
    s->populate_kind_of = calloc(plan->call_count + 1u, sizeof *s->populate_kind_of);
    s->scratch = calloc(plan->call_count + 1u, sizeof *s->scratch);
    if (!s->kind_of || !s->populate_kind_of || !s->scratch || find_kinds(s, plan, populate) < 0)
        return -ENOMEM;
    s->figures = calloc((size_t)runs * s->kind_count + 1, sizeof *s->figures);
    s->resident = calloc((size_t)runs * s->kind_count + 1, sizeof *s->resident);
    s->remapped = calloc(runs + 1u, sizeof *s->remapped);
    s->exhausted = calloc(runs + 1u, sizeof *s->exhausted);
    s->populated = calloc(runs + 1u, sizeof *s->populated);
    s->wall_ns = calloc(runs + 1u, sizeof *s->wall_ns);
    s->outcomes = calloc(runs + 1u, sizeof *s->outcomes);
    s->differs = calloc(runs + 1u, sizeof *s->differs);
    s->violations = calloc(runs + 1u, sizeof *s->violations);
    bool all = s->figures && s->resident && s->remapped && s->exhausted && s->populated && s->wall_ns && s->outcomes && s->differs &&
               s->violations;
    return all ? 0 : -ENOMEM;
}

/* Takes a sample's figure, or false: the call was not issued, or not answered as recorded. */
typedef bool figure_pick(const struct replay_sample *sample, uint32_t *ns);

static bool pick_latency(const struct replay_sample *sample, uint32_t *ns)
{
    *ns = sample->latency_ns;
    return !sample->skip && !sample->differs && !sample->remapped;
}

static bool pick_resident(const struct replay_sample *sample, uint32_t *ns)
{
    *ns = atomic_load_explicit(&sample->resident_ns, memory_order_relaxed);
    return *ns && !sample->skip && !sample->differs && !sample->remapped;
}

static bool pick_populate(const struct replay_sample *sample, uint32_t *ns)
{
    *ns = sample->populate_ns;
    return *ns && !sample->skip && !sample->differs;
}

/* Figures of each kind that has any in a run, by the call's kind; ends: room for a number a kind. */
static void sort_out(struct replay_statistics *s, const struct replay_plan *plan, const struct replay_run *run, figure_pick *pick,
                     const uint32_t *kind_of_call, uint32_t *ends, struct replay_figures *figures)
{
    uint32_t ns, picked = 0;
    memset(ends, 0, s->kind_count * sizeof *ends);
    for (uint32_t c = 0; c < plan->call_count; c++) {
        bool taken = pick(&run->samples[c], &ns);
        ends[kind_of_call[c]] += taken;
        picked += taken;
    }
    for (uint32_t k = 1; k < s->kind_count; k++)
        ends[k] += ends[k - 1];
    for (uint32_t c = plan->call_count; c-- > 0;)
        if (pick(&run->samples[c], &ns))
            s->scratch[--ends[kind_of_call[c]]] = ns;
    for (uint32_t k = 0; k < s->kind_count; k++) { /* now ends[k] is where kind k begins */
        uint32_t end = k + 1 < s->kind_count ? ends[k + 1] : picked;
        if (end > ends[k])
            figures[k] = replay_figures_of(s->scratch + ends[k], end - ends[k]);
    }
}

/* The device had no memory left for what the call makes. */
static bool exhausted(const struct replay_call *call, const struct replay_sample *sample)
{
    return creates(call) && !sample->skip && sample->failed && (sample->error == ENOMEM || sample->error == ENOSPC);
}

void replay_statistics_add(struct replay_statistics *s, const struct replay_plan *plan, const struct replay_run *run)
{
    uint32_t r = s->run_count++;
    s->wall_ns[r] = run->wall_ns;
    s->violations[r] = run->order_violations;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        s->outcomes[r][run->samples[c].skip]++;
        s->differs[r] += run->samples[c].differs;
        s->remapped[r] += run->samples[c].remapped;
        s->populated[r][run->samples[c].populated % REPLAY_POPULATES]++;
        s->exhausted[r] += exhausted(&plan->calls[c], &run->samples[c]);
    }
    uint32_t *ends = calloc(s->kind_count + 1u, sizeof *ends);
    if (!ends)
        return;
    sort_out(s, plan, run, pick_latency, s->kind_of, ends, &s->figures[(size_t)r * s->kind_count]);
    sort_out(s, plan, run, pick_populate, s->populate_kind_of, ends, &s->figures[(size_t)r * s->kind_count]);
    sort_out(s, plan, run, pick_resident, s->kind_of, ends, &s->resident[(size_t)r * s->kind_count]);
    free(ends);
}

const char *replay_populated_name(const struct replay_statistics *s, enum replay_populate asked)
{
    bool touched = false, submitted = false;
    for (uint32_t r = 0; r < s->run_count; r++) {
        touched |= s->populated[r][REPLAY_POPULATE_TOUCH] != 0;
        submitted |= s->populated[r][REPLAY_POPULATE_SUBMIT] != 0;
    }
    if (touched && submitted)
        return "submit+touch";
    return replay_populate_name(touched ? REPLAY_POPULATE_TOUCH : submitted ? REPLAY_POPULATE_SUBMIT : asked);
}

void replay_statistics_release(struct replay_statistics *s)
{
    free(s->kinds);
    free(s->kind_of);
    free(s->populate_kind_of);
    free(s->populated);
    free(s->scratch);
    free(s->figures);
    free(s->resident);
    free(s->remapped);
    free(s->exhausted);
    free(s->wall_ns);
    free(s->outcomes);
    free(s->differs);
    free(s->violations);
    *s = (struct replay_statistics){0};
}
