/* Compare: see compare.h. */
#include "replayer/compare.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

/* A drift or a mode is worth a word from this share of the median. */
#define WORTH_A_WORD 0.01
/* Trends are looked for on every row and side: rarely seen where there is none. */
#define TREND_P 0.01
/* Odd rows of a side that are told one by one; more are one sentence. */
enum { ROWS_TOLD = 3 };

const char *const compare_verdict_names[] = {[COMPARE_UNDECIDED] = "undecided", [COMPARE_SAME] = "same", [COMPARE_FASTER] = "faster",
                                             [COMPARE_SLOWER] = "slower", [COMPARE_REGRESSED] = "regressed"};
static const char *const side_names[] = {[COMPARE_BASE] = "base", [COMPARE_NEW] = "new"};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_time(const void *a, const void *b)
{
    const struct replay_result *x = a, *y = b;
    return strcmp(x->time, y->time);
}

/* --- what may be compared ------------------------------------------------------------------------------------------------- */

static int check_pair(const struct replay_result *first, const struct replay_result *other, struct ga_error *error)
{
    if (strcmp(first->mode, other->mode) != 0)
        return ga_error_set(error, EINVAL, "one result is %s and the other %s: their calls are different requests, so their times "
                                           "say nothing about each other", first->mode, other->mode);
    const struct {
        const char *option, *first, *other;
    } settings[] = {{"order", first->order, other->order}, {"speed", first->speed, other->speed},
                    {"populate", first->populate, other->populate}, {"state", first->state, other->state},
                    {"lanes", first->threads, other->threads}, {"loops", first->loops, other->loops}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strcmp(settings[i].first, settings[i].other) != 0)
            return ga_error_set(error, EINVAL, "one result is of --%s %s and the other of --%s %s", settings[i].option,
                                settings[i].first, settings[i].option, settings[i].other);
    if (strcmp(first->plan, other->plan) != 0)
        return ga_error_set(error, EINVAL, "the results are of different traces (plan %s and %s): replay one trace twice",
                            first->plan, other->plan);
    if (*first->processes && *other->processes && strcmp(first->processes, other->processes) != 0)
        return ga_error_set(error, EINVAL, "the calls of one result were issued by %s processes and of the other by %s",
                            first->processes, other->processes);
    return 0;
}

/* Whether they are one replay: two would have begun at one moment, and taken as long to the nanosecond. */
static bool same_replay(const struct replay_result *a, const struct replay_result *b)
{
    return *a->time && strcmp(a->time, b->time) == 0 && strcmp(a->boot_id, b->boot_id) == 0 && a->run_count == b->run_count &&
           memcmp(a->wall_ns, b->wall_ns, a->run_count * sizeof *a->wall_ns) == 0;
}

static const char *path_of(const struct replay_result *result)
{
    return result->path ? result->path : "a result";
}

/* Runs that count twice make any difference look certain. */
static int check_once(const struct compare_side *side, struct ga_error *error)
{
    for (uint32_t r = 0; r < side->count; r++)
        for (uint32_t i = 0; i < r; i++)
            if (same_replay(&side->results[i], &side->results[r]))
                return ga_error_set(error, EINVAL, "%s and %s are one result on one side: its runs would count twice",
                                    path_of(&side->results[i]), path_of(&side->results[r]));
    return 0;
}

static int check(const struct comparison *c, struct ga_error *error)
{
    const struct replay_result *first = c->sides[COMPARE_BASE].results;
    for (int side = 0; side < COMPARE_SIDES; side++)
        for (uint32_t r = 0; r < c->sides[side].count; r++) {
            const struct replay_result *other = &c->sides[side].results[r];
            int result = check_pair(first, other, error);
            if (result < 0)
                return other->path ? ga_error_prefix(error, result, "%s", other->path) : result;
        }
    int result = check_once(&c->sides[COMPARE_BASE], error);
    return result < 0 ? result : check_once(&c->sides[COMPARE_NEW], error);
}

/* --- units ----------------------------------------------------------------------------------------------------------------- */

/* Whether an earlier result of this side is of the same boot. */
static bool boot_seen(const struct compare_side *side, uint32_t r)
{
    for (uint32_t i = 0; i < r; i++)
        if (!side->results[i].by_boot && strcmp(side->results[i].boot_id, side->results[r].boot_id) == 0)
            return true;
    return false;
}

static bool same_kernel(const struct replay_result *a, const struct replay_result *b)
{
    return strcmp(a->kernel, b->kernel) == 0 && strcmp(a->kernel_version, b->kernel_version) == 0;
}

/* Across kernels, and where a side has several boots, runs of one boot are not independent. */
static void choose_unit(struct comparison *c)
{
    bool one_kernel = true;
    for (int side = 0; side < COMPARE_SIDES; side++) {
        const struct compare_side *s = &c->sides[side];
        for (uint32_t r = 0; r < s->count; r++) {
            c->runs[side] += s->results[r].run_count;
            c->boots[side] += s->results[r].by_boot ? s->results[r].run_count : !boot_seen(s, r);
            one_kernel &= same_kernel(&s->results[r], c->sides[COMPARE_BASE].results);
        }
    }
    c->by_boot = !one_kernel || c->boots[COMPARE_BASE] > 1 || c->boots[COMPARE_NEW] > 1;
}

/* A metric's value in one run of a result; NaN when it has none. */
typedef double metric_value(const struct comparison *c, const void *what, const struct replay_result *result, uint32_t run);

/* Values of all runs of a boot, or of one result when boot is null, appended at values; NaN left out. */
static uint32_t collect(const struct comparison *c, const struct replay_result *result, metric_value *metric, const void *what,
                        double *values)
{
    uint32_t count = 0;
    for (uint32_t run = 0; run < result->run_count; run++) {
        double value = metric(c, what, result, run);
        if (!isnan(value))
            values[count++] = value;
    }
    return count;
}

/* The side's units; values has room for its runs twice. */
static uint32_t units_of(const struct comparison *c, const struct compare_side *side, metric_value *metric, const void *what,
                         double *values)
{
    uint32_t units = 0;
    for (uint32_t r = 0; r < side->count; r++) {
        if (!c->by_boot || side->results[r].by_boot) {
            units += collect(c, &side->results[r], metric, what, values + units);
            continue;
        }
        if (boot_seen(side, r))
            continue;
        uint32_t runs = 0;
        for (uint32_t i = r; i < side->count; i++)
            if (!side->results[i].by_boot && strcmp(side->results[i].boot_id, side->results[r].boot_id) == 0)
                runs += collect(c, &side->results[i], metric, what, values + units + runs);
        if (runs) {
            values[units] = replay_median(values + units, runs);
            units++;
        }
    }
    return units;
}

/* --- a row ----------------------------------------------------------------------------------------------------------------- */

/* The last third of the values over the first, when they have a trend. */
static double drift_of(const struct compare_sample *s)
{
    uint32_t third = s->count / 3;
    if (s->count < 8 || replay_trend_p(s->values, s->count) >= TREND_P)
        return 0;
    double *part = malloc(third * sizeof *part);
    if (!part)
        return 0;
    memcpy(part, s->values, third * sizeof *part);
    double first = replay_median(part, third);
    memcpy(part, s->values + s->count - third, third * sizeof *part);
    double last = replay_median(part, third);
    free(part);
    return first > 0 && fabs(last / first - 1) >= WORTH_A_WORD ? last / first - 1 : 0;
}

static int describe_sample(struct compare_sample *s)
{
    s->sorted = malloc((s->count + 1u) * sizeof *s->sorted);
    if (!s->sorted)
        return -ENOMEM;
    memcpy(s->sorted, s->values, s->count * sizeof *s->sorted);
    s->median = replay_median(s->sorted, s->count);
    s->interval = replay_median_interval(s->sorted, s->count);
    for (uint32_t i = 0; i < s->count; i++)
        s->outliers += replay_is_outlier(s->sorted, s->count, s->values[i]);
    s->drift = drift_of(s);
    s->modes = replay_modes_of(s->sorted, s->count);
    if (s->modes.low_count && s->modes.high < s->modes.low * (1 + WORTH_A_WORD))
        s->modes = (struct replay_modes){0};
    return 0;
}

/* The interval of the change: of the logarithms' shift. Logarithms are in place of sorted values, and then values again. */
static struct replay_interval change_interval(struct compare_sample *base, struct compare_sample *next)
{
    struct compare_sample *both[] = {base, next};
    struct replay_interval none = {NAN, NAN};
    for (int side = 0; side < COMPARE_SIDES; side++)
        if (!both[side]->count || !(both[side]->sorted[0] > 0))
            return none;
    for (int side = 0; side < COMPARE_SIDES; side++)
        for (uint32_t i = 0; i < both[side]->count; i++)
            both[side]->sorted[i] = log(both[side]->sorted[i]);
    struct replay_interval shift = replay_shift_interval(base->sorted, base->count, next->sorted, next->count);
    for (int side = 0; side < COMPARE_SIDES; side++) {
        memcpy(both[side]->sorted, both[side]->values, both[side]->count * sizeof(double));
        qsort(both[side]->sorted, both[side]->count, sizeof(double), by_value);
    }
    return isnan(shift.low) ? none : (struct replay_interval){expm1(shift.low), expm1(shift.high)};
}

/* Fills the row's samples and its test. */
static int measure_row(const struct comparison *c, struct compare_row *row, metric_value *metric, const void *what)
{
    struct compare_sample *base = &row->sides[COMPARE_BASE], *next = &row->sides[COMPARE_NEW];
    for (int side = 0; side < COMPARE_SIDES; side++) {
        struct compare_sample *s = &row->sides[side];
        s->values = malloc((2u * c->runs[side] + 1) * sizeof *s->values);
        if (!s->values)
            return -ENOMEM;
        s->count = units_of(c, &c->sides[side], metric, what, s->values);
        int result = describe_sample(s);
        if (result < 0)
            return result;
    }
    row->p = row->corrected = replay_mann_whitney(base->values, base->count, next->values, next->count);
    row->change = base->count && next->count && base->median > 0 ? next->median / base->median - 1 : NAN;
    row->interval = change_interval(base, next);
    return 0;
}

static void release_row(struct compare_row *row)
{
    for (int side = 0; side < COMPARE_SIDES; side++) {
        free(row->sides[side].values);
        free(row->sides[side].sorted);
    }
}

static double value_of_row(const struct comparison *c, const void *what, const struct replay_result *result, uint32_t run)
{
    const struct compare_row *row = what;
    const struct replay_result_kind *kind = replay_result_find(result, row->name, row->size_class, row->failed);
    return kind ? replay_result_value(result, kind, c->options.figure, run) : NAN;
}

/* --- all rows -------------------------------------------------------------------------------------------------------------- */

static bool has_row(const struct comparison *c, const struct replay_result_kind *kind)
{
    for (uint32_t r = 0; r < c->row_count; r++)
        if (c->rows[r].size_class == kind->size_class && c->rows[r].failed == kind->failed && strcmp(c->rows[r].name, kind->name) == 0)
            return true;
    return false;
}

/* Whether an earlier kind of the side, or of the base, is the same: each is looked at once. */
static bool kind_seen(const struct comparison *c, int side, uint32_t r, const struct replay_result_kind *kind)
{
    for (int s = 0; s <= side; s++)
        for (uint32_t i = 0; i < (s < side ? c->sides[s].count : r); i++)
            if (replay_result_find(&c->sides[s].results[i], kind->name, kind->size_class, kind->failed))
                return true;
    return false;
}

static int add_row(struct comparison *c, const struct replay_result_kind *kind)
{
    struct compare_row *row = &c->rows[c->row_count];
    *row = (struct compare_row){.name = kind->name, .size_class = kind->size_class, .failed = kind->failed};
    int result = measure_row(c, row, value_of_row, row);
    if (result == 0 && row->sides[COMPARE_BASE].count && row->sides[COMPARE_NEW].count) {
        c->row_count++;
        return 0;
    }
    release_row(row);
    c->one_sided++;
    return result;
}

static int find_rows(struct comparison *c)
{
    size_t room = 1;
    for (int side = 0; side < COMPARE_SIDES; side++)
        for (uint32_t r = 0; r < c->sides[side].count; r++)
            room += c->sides[side].results[r].kind_count;
    c->rows = calloc(room, sizeof *c->rows);
    if (!c->rows)
        return -ENOMEM;
    for (int side = 0; side < COMPARE_SIDES; side++)
        for (uint32_t r = 0; r < c->sides[side].count; r++)
            for (uint32_t k = 0; k < c->sides[side].results[r].kind_count; k++) {
                const struct replay_result_kind *kind = &c->sides[side].results[r].kinds[k];
                int result = has_row(c, kind) || kind_seen(c, side, r, kind) ? 0 : add_row(c, kind);
                if (result < 0)
                    return result;
            }
    return 0;
}

/* Smallest p that any row of these sizes can give. */
static double least_p(const struct compare_row *row)
{
    return replay_least_p(row->sides[COMPARE_BASE].count, row->sides[COMPARE_NEW].count);
}

static int correct_for_number(struct comparison *c)
{
    double *p = calloc(2u * c->row_count + 1, sizeof *p);
    if (!p)
        return -ENOMEM;
    for (uint32_t r = 0; r < c->row_count; r++)
        p[r] = c->rows[r].p;
    int result = replay_holm(p, c->row_count, p + c->row_count);
    for (uint32_t r = 0; result == 0 && r < c->row_count; r++) {
        c->rows[r].corrected = p[c->row_count + r];
        c->rows[r].significant = c->rows[r].corrected < COMPARE_ALPHA;
    }
    free(p);
    return result;
}

/* --- the primary metric ---------------------------------------------------------------------------------------------------- */

/* Geometric mean over the rows (of a call kind, when one is named) of a run's values. */
static double geomean_of_run(const struct comparison *c, const void *kind, const struct replay_result *result, uint32_t run)
{
    double sum = 0, count = 0;
    for (uint32_t r = 0; r < c->row_count; r++) {
        if (kind && strcmp(kind, c->rows[r].name) != 0)
            continue;
        double value = value_of_row(c, &c->rows[r], result, run);
        if (!(value > 0))
            return NAN;
        sum += log(value);
        count++;
    }
    return count > 0 ? exp(sum / count) : NAN;
}

static double wall_of_run(const struct comparison *c, const void *what, const struct replay_result *result, uint32_t run)
{
    (void)c, (void)what;
    return result->wall_ns[run];
}

static int measure_primary(struct comparison *c, struct ga_error *error)
{
    const char *metric = c->options.metric;
    c->primary.name = metric;
    int result;
    if (strcmp(metric, "wall") == 0) {
        result = measure_row(c, &c->primary, wall_of_run, NULL);
    } else if (strcmp(metric, "geomean") == 0) {
        result = measure_row(c, &c->primary, geomean_of_run, NULL);
    } else {
        bool known = false;
        for (uint32_t r = 0; r < c->row_count; r++)
            known |= strcmp(c->rows[r].name, metric) == 0;
        if (!known)
            return ga_error_set(error, EINVAL, "--metric %s: no such kind of call on both sides; it can be geomean, wall, or a kind: "
                                "%s%s", metric, c->rows[0].name, c->row_count > 1 ? ", …" : "");
        result = measure_row(c, &c->primary, geomean_of_run, metric);
    }
    return result < 0 ? ga_error_errno(error, -result, "compare") : 0;
}

static bool undecided(struct comparison *c)
{
    const struct compare_sample *base = &c->primary.sides[COMPARE_BASE], *next = &c->primary.sides[COMPARE_NEW];
    const char *unit = c->by_boot ? "boot" : "run";
    if (!base->count || !next->count)
        snprintf(c->because, sizeof c->because, "no run of one side has all of the metric's kinds of calls");
    else if (c->by_boot && base->count == 1 && next->count == 1)
        snprintf(c->because, sizeof c->because,
                 "one boot a side: what differs may be the boot, not the kernel; replay in 4 boots or more of each "
                 "(docs/compare-kernels.md)");
    else if (isnan(c->primary.change))
        snprintf(c->because, sizeof c->because, "the base's median is 0, of which nothing is a share");
    else if (least_p(&c->primary) >= COMPARE_ALPHA)
        snprintf(c->because, sizeof c->because, "%u and %u %ss are too few to show any difference; 4 a side at least, better 10",
                 base->count, next->count, unit);
    return *c->because;
}

static void decide(struct comparison *c)
{
    if (undecided(c)) {
        for (uint32_t r = 0; r < c->row_count; r++)
            c->rows[r].significant = false;
        return;
    }
    struct compare_row *p = &c->primary;
    p->significant = p->p < COMPARE_ALPHA;
    c->verdict = !p->significant || p->change == 0 ? COMPARE_SAME
                 : p->change < 0                   ? COMPARE_FASTER
                 : p->change > c->options.threshold ? COMPARE_REGRESSED
                                                    : COMPARE_SLOWER;
}

/* --- what is said besides -------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static int warn(struct comparison *c, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char **warnings = realloc(c->warnings, (c->warning_count + 1u) * sizeof *warnings);
    if (!warnings)
        return -ENOMEM;
    c->warnings = warnings;
    warnings[c->warning_count] = strdup(text);
    return warnings[c->warning_count] ? (c->warning_count++, 0) : -ENOMEM;
}

static const char *fact_of(const struct replay_result *result, const char *name)
{
    for (uint32_t f = 0; f < result->fact_count; f++)
        if (strcmp(result->facts[f].name, name) == 0)
            return result->facts[f].value;
    return strcmp(name, "driver_version") == 0 && *result->driver_version ? result->driver_version : "not told";
}

/* What all results of a side say of a fact, each text once. The caller frees it. */
static char *values_of(const struct compare_side *side, const char *name)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    for (uint32_t r = 0; out && r < side->count; r++) {
        bool seen = false;
        for (uint32_t i = 0; i < r && !seen; i++)
            seen = strcmp(fact_of(&side->results[i], name), fact_of(&side->results[r], name)) == 0;
        if (!seen)
            fprintf(out, "%s%s", r ? "; " : "", fact_of(&side->results[r], name));
    }
    if (out)
        fclose(out);
    return text;
}

/* Changes all the time, or is said elsewhere. */
static bool is_passing(const char *name)
{
    static const char *const passing[] = {"time", "load", "boot_id", "boots", "gpu_hidden_processes", "gpu_vram_used_bytes"};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        if (strcmp(name, passing[i]) == 0)
            return true;
    return false;
}

static int compare_fact(struct comparison *c, const char *name)
{
    for (uint32_t d = 0; d < c->difference_count; d++)
        if (strcmp(c->differences[d].name, name) == 0)
            return 0;
    const char *first = fact_of(c->sides[COMPARE_BASE].results, name);
    bool same = true;
    for (int side = 0; side < COMPARE_SIDES; side++)
        for (uint32_t r = 0; r < c->sides[side].count; r++)
            same &= strcmp(first, fact_of(&c->sides[side].results[r], name)) == 0;
    if (same || is_passing(name))
        return 0;
    struct compare_difference *differences = realloc(c->differences, (c->difference_count + 1u) * sizeof *differences);
    if (!differences)
        return -ENOMEM;
    c->differences = differences;
    struct compare_difference *d = &differences[c->difference_count++];
    *d = (struct compare_difference){.name = name};
    for (int side = 0; side < COMPARE_SIDES; side++)
        if (!(d->values[side] = values_of(&c->sides[side], name)))
            return -ENOMEM;
    return 0;
}

static int compare_environments(struct comparison *c)
{
    int result = compare_fact(c, "driver_version");
    for (int side = 0; result == 0 && side < COMPARE_SIDES; side++)
        for (uint32_t r = 0; result == 0 && r < c->sides[side].count; r++)
            for (uint32_t f = 0; result == 0 && f < c->sides[side].results[r].fact_count; f++)
                result = compare_fact(c, c->sides[side].results[r].facts[f].name);
    return result;
}

/* Facts that spoil a measurement wherever they stand: the value that is harmless, and what to say of others. */
static const struct {
    const char *name, *harmless, *text;
} spoilers[] = {
    {"debug_options", "none", "the kernel has debug options, its times are not those of a kernel in use"},
    {"tracing", "none", "tracing was switched on, and is part of the times"},
    {"power", "mains", "on battery: clocks are held down"},
    {"gpu_other_clients", "0", "other programs had the GPU open"},
};

static int warn_of_spoilers(struct comparison *c, const char *side, const struct compare_side *results)
{
    int result = 0;
    for (size_t s = 0; result == 0 && s < sizeof spoilers / sizeof *spoilers; s++)
        for (uint32_t r = 0; r < results->count; r++) {
            const char *value = fact_of(&results->results[r], spoilers[s].name);
            if (strcmp(value, "not told") == 0 || strcmp(value, spoilers[s].harmless) == 0)
                continue;
            result = warn(c, "%s: %s (%s: %s)", side, spoilers[s].text, spoilers[s].name, value);
            break;
        }
    double most = 0;
    for (uint32_t r = 0; r < results->count; r++)
        most = fmax(most, strtod(fact_of(&results->results[r], "load"), NULL) /
                              fmax(1, strtod(fact_of(&results->results[r], "cpus"), NULL)));
    /* Our own replay is a load of its lanes, one or a few. */
    return result == 0 && most > 1 ? warn(c, "%s: the machine was busy (load %.1f a CPU)", side, most) : result;
}

static int warn_of_answers(struct comparison *c, const char *side, const struct compare_side *results)
{
    double issued = 0, differs = 0, violations = 0, exhausted = 0;
    for (uint32_t r = 0; r < results->count; r++) {
        issued += results->results[r].issued;
        differs += results->results[r].differs;
        violations += results->results[r].violations;
        exhausted += results->results[r].exhausted;
    }
    int result = violations > 0 ? warn(c, "%s: %.0f calls began before what they depend on", side, violations) : 0;
    if (result == 0 && differs > 0.01 * issued)
        result = warn(c, "%s: %.1f%% of the calls were answered otherwise than recorded, and are in no figure", side,
                      100 * differs / issued);
    if (result == 0 && exhausted > 0)
        result = warn(c, "%s: the device had no memory for %.0f creates: the figures are of the others", side, exhausted);
    return result;
}

/* What a result says of itself: runs that are not in it, and too little of the recording. */
static int warn_of_results(struct comparison *c, const char *side, const struct compare_side *results)
{
    int status = 0;
    for (uint32_t r = 0; status == 0 && r < results->count; r++) {
        const struct replay_result *result = &results->results[r];
        if (result->left_out)
            status = warn(c, "%s: %s: %u of %u runs were ended early%s%s, and are left out", side, path_of(result), result->left_out,
                          result->left_out + result->run_count, *result->ended_by ? ": " : "", result->ended_by);
        if (status == 0 && result->unfaithful)
            status = warn(c, "%s: %s: its fidelity is %.4f, and %.4f was asked for: it is not called a benchmark of the recording",
                          side, path_of(result), result->fidelity, result->required);
    }
    return status;
}

/* The same plan, but a device that lacks something does less of it. */
static int warn_of_work(struct comparison *c)
{
    double issued[COMPARE_SIDES] = {0};
    for (int side = 0; side < COMPARE_SIDES; side++) {
        for (uint32_t r = 0; r < c->sides[side].count; r++)
            issued[side] += c->sides[side].results[r].issued;
        issued[side] /= c->runs[side];
    }
    if (fabs(issued[COMPARE_BASE] - issued[COMPARE_NEW]) < 0.5)
        return 0;
    return warn(c, "a run of base issued %.0f calls, and of new %.0f: they did not do the same work", issued[COMPARE_BASE],
                issued[COMPARE_NEW]);
}

static int warn_of_itself(struct comparison *c)
{
    for (uint32_t b = 0; b < c->sides[COMPARE_BASE].count; b++)
        for (uint32_t n = 0; n < c->sides[COMPARE_NEW].count; n++)
            if (same_replay(&c->sides[COMPARE_BASE].results[b], &c->sides[COMPARE_NEW].results[n]))
                return warn(c, "%s is on both sides: it is compared with itself", path_of(&c->sides[COMPARE_NEW].results[n]));
    return 0;
}

static int warn_of_outliers(struct comparison *c, const char *side, const char *row, const struct compare_sample *s)
{
    return warn(c, "%s: %s: %u of %u %s far from the others: something else was going on", side, row, s->outliers, s->count,
                c->by_boot ? "boots" : "runs");
}

static int warn_of_drift(struct comparison *c, const char *side, const char *row, const struct compare_sample *s)
{
    return warn(c, "%s: %s: drifts: the last third of the %s is %.1f%% %s than the first", side, row, c->by_boot ? "boots" : "runs",
                fabs(s->drift) * 100, s->drift > 0 ? "slower" : "faster");
}

static int warn_of_modes(struct comparison *c, const char *side, const char *row, const struct compare_sample *s)
{
    return warn(c, "%s: %s: two modes, the median is between or in one of them: %zu %s near %s, %zu near %s", side, row,
                s->modes.low_count, c->by_boot ? "boots" : "runs", ga_duration(s->modes.low).text, s->modes.high_count,
                ga_duration(s->modes.high).text);
}

static bool has_outliers(const struct compare_sample *s) { return s->outliers > 0; }
static bool has_drift(const struct compare_sample *s) { return s->drift != 0; }
static bool has_modes(const struct compare_sample *s) { return s->modes.low_count > 0; }

/* What may be odd about a sample, and what is said of it: of each row, or in one sentence when it is of many. */
static const struct {
    bool (*has)(const struct compare_sample *sample);
    int (*warn)(struct comparison *c, const char *side, const char *row, const struct compare_sample *sample);
    const char *many;
} oddities[] = {
    {has_outliers, warn_of_outliers, "have some %s far from the others: something else was going on"},
    {has_drift, warn_of_drift, "drift from the first %s to the last"},
    {has_modes, warn_of_modes, "have two modes among the %s: their medians are between or in one of them"},
};

/* The metric's own row is always told by itself; a disturbed machine shows in dozens of the others. */
static int warn_of_oddity(struct comparison *c, size_t oddity, int side)
{
    uint32_t odd = 0;
    int result = 0;
    for (uint32_t r = 0; r < c->row_count; r++)
        odd += oddities[oddity].has(&c->rows[r].sides[side]);
    for (uint32_t r = 0; result == 0 && r <= c->row_count; r++) {
        const struct compare_row *row = r ? &c->rows[r - 1] : &c->primary;
        char name[128], text[192];
        if (!oddities[oddity].has(&row->sides[side]) || (r && odd > ROWS_TOLD))
            continue;
        compare_row_name(row, name, sizeof name);
        snprintf(text, sizeof text, "%s%s%s", name, row->size_class ? " " : "", replay_size_class_text(row->size_class).text);
        result = oddities[oddity].warn(c, side_names[side], text, &row->sides[side]);
    }
    if (result < 0 || odd <= ROWS_TOLD)
        return result;
    char many[128];
    snprintf(many, sizeof many, oddities[oddity].many, c->by_boot ? "boots" : "runs");
    return warn(c, "%s: %u of %u rows %s", side_names[side], odd, c->row_count, many);
}

static int warn_of_rows(struct comparison *c)
{
    int result = 0;
    for (int side = 0; side < COMPARE_SIDES; side++)
        for (size_t oddity = 0; result == 0 && oddity < sizeof oddities / sizeof *oddities; oddity++)
            result = warn_of_oddity(c, oddity, side);
    return result;
}

static int warn_of_all(struct comparison *c)
{
    const struct replay_result *base = c->sides[COMPARE_BASE].results, *next = c->sides[COMPARE_NEW].results;
    int result = 0;
    if (*base->boot_id && strcmp(base->boot_id, next->boot_id) == 0 && !same_kernel(base, next))
        result = warn(c, "the kernels differ within one boot: one of the files was edited");
    else if (!c->by_boot && strcmp(base->boot_id, next->boot_id) != 0)
        result = warn(c, "the sides are of two boots: what differs between boots of one kernel counts as a difference");
    if (result == 0 && base->software + next->software)
        result = warn(c, "%s made of software: no hardware was measured", base->software && next->software ? "both sides are"
                      : base->software ? "base is" : "new is");
    for (int side = 0; result == 0 && side < COMPARE_SIDES; side++)
        if (strcmp(c->sides[side].results->backend, "null") == 0)
            result = warn(c, "%s is of backend null: it issues nothing, and shows what the replayer itself takes", side_names[side]);
    if (result == 0 && c->one_sided)
        result = warn(c, "%u kinds of calls are on one side only and are left out", c->one_sided);
    if (result == 0 && c->verdict != COMPARE_UNDECIDED && c->row_count && least_p(c->rows) * c->row_count >= COMPARE_ALPHA)
        result = warn(c, "%u rows with so few %ss: no row alone can be significant", c->row_count, c->by_boot ? "boot" : "run");
    if (result == 0)
        result = warn_of_itself(c);
    if (result == 0)
        result = warn_of_work(c);
    for (int side = 0; result == 0 && side < COMPARE_SIDES; side++) {
        result = warn_of_spoilers(c, side_names[side], &c->sides[side]);
        result = result < 0 ? result : warn_of_results(c, side_names[side], &c->sides[side]);
        result = result < 0 ? result : warn_of_answers(c, side_names[side], &c->sides[side]);
    }
    return result < 0 ? result : warn_of_rows(c);
}

/* --- the whole ------------------------------------------------------------------------------------------------------------- */

int compare_results(struct comparison *c, const struct compare_side *base, const struct compare_side *next,
                    const struct compare_options *options, struct ga_error *error)
{
    *c = (struct comparison){.options = *options, .sides = {*base, *next}};
    if (!base->count || !next->count)
        return ga_error_set(error, EINVAL, "a side without results");
    int result = check(c, error);
    if (result < 0)
        return result;
    for (int side = 0; side < COMPARE_SIDES; side++)
        qsort(c->sides[side].results, c->sides[side].count, sizeof *c->sides[side].results, by_time);
    choose_unit(c);
    if (find_rows(c) < 0)
        return ga_error_errno(error, ENOMEM, "compare");
    if (!c->row_count)
        return ga_error_set(error, EINVAL, "the results have no kind of call in common");
    result = measure_primary(c, error);
    if (result < 0)
        return result;
    if (correct_for_number(c) < 0)
        return ga_error_errno(error, ENOMEM, "compare");
    decide(c);
    if (compare_environments(c) < 0 || warn_of_all(c) < 0)
        return ga_error_errno(error, ENOMEM, "compare");
    return 0;
}

void comparison_release(struct comparison *c)
{
    for (uint32_t r = 0; r < c->row_count; r++)
        release_row(&c->rows[r]);
    release_row(&c->primary);
    free(c->rows);
    for (uint32_t d = 0; d < c->difference_count; d++)
        for (int side = 0; side < COMPARE_SIDES; side++)
            free(c->differences[d].values[side]);
    free(c->differences);
    for (uint32_t w = 0; w < c->warning_count; w++)
        free(c->warnings[w]);
    free(c->warnings);
    *c = (struct comparison){0};
}
