/* Compare: see compare.h. */
#include "replayer/compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/units.h"

/* Fewer runs a side than this cannot show a difference at COMPARE_ALPHA: 2 / C(8, 4) is 0.029. */
enum { RUNS_LEAST = 4 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The values that are there; returns how many. */
static uint32_t present(const double *values, uint32_t count, double *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            out[n++] = values[i];
    return n;
}

static double spread(const double *sorted, size_t count, double median)
{
    return median > 0 ? (replay_quantile(sorted, count, 0.75) - replay_quantile(sorted, count, 0.25)) / 2 / median : 0;
}

/* Sorts both. */
static struct compare_row compare_values(double *base, uint32_t base_count, double *next, uint32_t next_count)
{
    struct compare_row row = {.base_runs = base_count, .next_runs = next_count};
    row.p = replay_mann_whitney(base, base_count, next, next_count);
    row.base = replay_median(base, base_count);
    row.next = replay_median(next, next_count);
    row.base_spread = spread(base, base_count, row.base);
    row.next_spread = spread(next, next_count, row.next);
    row.change = row.base > 0 ? row.next / row.base - 1 : 0;
    return row;
}

static const struct replay_result_kind *find(const struct replay_result *result, const struct replay_result_kind *kind)
{
    for (uint32_t k = 0; k < result->kind_count; k++)
        if (result->kinds[k].size_class == kind->size_class && result->kinds[k].failed == kind->failed &&
            strcmp(result->kinds[k].name, kind->name) == 0)
            return &result->kinds[k];
    return NULL;
}

static int check(const struct replay_result *base, const struct replay_result *next, struct ga_error *error)
{
    if (strcmp(base->mode, next->mode) != 0)
        return ga_error_set(error, EINVAL, "one result is %s and the other %s: their calls are different requests, so their times "
                                           "say nothing about each other", base->mode, next->mode);
    if (strcmp(base->order, next->order) != 0)
        return ga_error_set(error, EINVAL, "one result is of --order %s and the other of --order %s", base->order, next->order);
    if (strcmp(base->plan, next->plan) != 0)
        return ga_error_set(error, EINVAL, "the results are of different traces (plan %s and %s): replay one trace twice",
                            base->plan, next->plan);
    return 0;
}

/* Geometric mean over the rows of a run's medians; NaN when the run lacks one. */
static double geomean_of_run(const struct comparison *c, const struct replay_result *result, uint32_t run)
{
    double sum = 0;
    for (uint32_t r = 0; r < c->row_count; r++) {
        double median = find(result, c->rows[r].kind)->medians[run];
        if (!(median > 0))
            return NAN;
        sum += log(median);
    }
    return c->row_count ? exp(sum / c->row_count) : NAN;
}

static uint32_t geomeans(const struct comparison *c, const struct replay_result *result, double *values)
{
    uint32_t count = 0;
    for (uint32_t run = 0; run < result->run_count; run++) {
        double value = geomean_of_run(c, result, run);
        if (!isnan(value))
            values[count++] = value;
    }
    return count;
}

static int by_p(const void *a, const void *b)
{
    const struct compare_row *const *x = a, *const *y = b;
    return (*x)->p < (*y)->p ? -1 : (*x)->p > (*y)->p;
}

/* Benjamini-Hochberg: of the rows in order of p, all up to the last whose p is at most its share of alpha. */
static int correct_for_number(struct comparison *c)
{
    struct compare_row **sorted = calloc(c->row_count + 1u, sizeof *sorted);
    if (!sorted)
        return -ENOMEM;
    for (uint32_t r = 0; r < c->row_count; r++)
        sorted[r] = &c->rows[r];
    qsort(sorted, c->row_count, sizeof *sorted, by_p);
    uint32_t last = c->row_count;
    while (last && sorted[last - 1]->p > COMPARE_ALPHA * last / c->row_count)
        last--;
    for (uint32_t r = 0; r < last; r++)
        sorted[r]->significant = true;
    free(sorted);
    return 0;
}

static uint32_t count_outliers(const struct replay_result *result, double *values)
{
    memcpy(values, result->wall_ns, result->run_count * sizeof *values);
    qsort(values, result->run_count, sizeof *values, by_value);
    double low = replay_quantile(values, result->run_count, 0.25), high = replay_quantile(values, result->run_count, 0.75);
    uint32_t outliers = 0;
    for (uint32_t r = 0; result->run_count >= RUNS_LEAST && r < result->run_count; r++)
        outliers += values[r] > high + 3 * (high - low) || values[r] < low - 3 * (high - low);
    return outliers;
}

static void compare_kinds(struct comparison *c, const struct replay_result *base, const struct replay_result *next, double *a,
                          double *b)
{
    for (uint32_t k = 0; k < base->kind_count; k++) {
        const struct replay_result_kind *mine = &base->kinds[k], *other = find(next, mine);
        uint32_t n = present(mine->medians, base->run_count, a), m = other ? present(other->medians, next->run_count, b) : 0;
        if (!n || !m) {
            c->base_only++;
            continue;
        }
        c->rows[c->row_count] = compare_values(a, n, b, m);
        c->rows[c->row_count++].kind = mine;
    }
    for (uint32_t k = 0; k < next->kind_count; k++)
        c->next_only += !find(base, &next->kinds[k]);
}

int compare_results(struct comparison *c, const struct replay_result *base, const struct replay_result *next, double threshold,
                    struct ga_error *error)
{
    *c = (struct comparison){0};
    int result = check(base, next, error);
    if (result < 0)
        return result;
    c->rows = calloc(base->kind_count + 1u, sizeof *c->rows);
    double *a = calloc(base->run_count + 1u, sizeof *a), *b = calloc(next->run_count + 1u, sizeof *b);
    result = c->rows && a && b ? 0 : ga_error_errno(error, ENOMEM, "compare");
    if (result == 0) {
        compare_kinds(c, base, next, a, b);
        if (!c->row_count)
            result = ga_error_set(error, EINVAL, "the results have no kind of call in common");
    }
    if (result == 0 && correct_for_number(c) < 0)
        result = ga_error_errno(error, ENOMEM, "compare");
    if (result == 0) {
        uint32_t n = geomeans(c, base, a), m = geomeans(c, next, b);
        c->primary = compare_values(a, n, b, m);
        c->primary.significant = c->primary.p < COMPARE_ALPHA;
        c->one_boot = strcmp(base->kernel, next->kernel) != 0 && (!base->by_boot || !next->by_boot);
        c->regressed = !c->one_boot && c->primary.significant && c->primary.change > threshold;
        c->outliers = count_outliers(base, a) + count_outliers(next, b);
    }
    free(a);
    free(b);
    return result;
}

void comparison_release(struct comparison *c)
{
    free(c->rows);
    *c = (struct comparison){0};
}

/* Pads by columns: µ, ± and ≤ are several bytes each. */
static void pad(FILE *out, const char *text, int width)
{
    int columns = 0;
    for (const char *c = text; *c; c++)
        columns += (*c & 0xc0) != 0x80;
    fprintf(out, "%s%*s", text, width > columns ? width - columns : 0, "");
}

static void print_row(const struct compare_row *row, const char *name, const char *size, FILE *out)
{
    char text[64];
    pad(out, name, 28);
    pad(out, size, 12);
    snprintf(text, sizeof text, "%s ± %.0f%%", ga_duration(row->base).text, row->base_spread * 100);
    pad(out, text, 18);
    snprintf(text, sizeof text, "%s ± %.0f%%", ga_duration(row->next).text, row->next_spread * 100);
    pad(out, text, 18);
    if (row->significant)
        snprintf(text, sizeof text, "%+.1f%%", row->change * 100);
    else
        snprintf(text, sizeof text, "~");
    fprintf(out, "%8s (p=%.3f n=%u+%u)\n", text, row->p, row->base_runs, row->next_runs);
}

void comparison_print(const struct comparison *c, const struct replay_result *base, const struct replay_result *next,
                      double threshold, FILE *out)
{
    char text[512];
    replay_result_describe(base, text, sizeof text);
    fprintf(out, "base: %s\n", text);
    replay_result_describe(next, text, sizeof text);
    fprintf(out, "new:  %s\n\n", text);
    pad(out, "call", 28);
    pad(out, "size", 12);
    pad(out, "base", 18);
    fprintf(out, "new\n");
    for (uint32_t r = 0; r < c->row_count; r++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", c->rows[r].kind->name, c->rows[r].kind->failed ? " (fails)" : "");
        print_row(&c->rows[r], name, replay_size_class_text(c->rows[r].kind->size_class).text, out);
    }
    print_row(&c->primary, "geomean", "", out);
    fputc('\n', out);
    if (c->base_only || c->next_only)
        fprintf(out, "%u kinds of calls are in one result only and are left out\n", c->base_only + c->next_only);
    if (c->outliers)
        fprintf(out, "%u runs took much longer or shorter than the others: something else was going on\n", c->outliers);
    if (base->run_count < RUNS_LEAST || next->run_count < RUNS_LEAST)
        fprintf(out, base->by_boot && next->by_boot ? "too few boots to show a difference: 4 or more, on both sides\n"
                                                    : "too few runs to show a difference: 'replay --runs 5' or more, on both sides\n");
    if (*base->boot_id && strcmp(base->boot_id, next->boot_id) == 0 && strcmp(base->kernel, next->kernel) != 0)
        fprintf(out, "the kernels differ within one boot: one of the files was edited\n");
    if (c->one_boot)
        fprintf(out, "no verdict: the kernels differ and runs of one boot say little of another; replay in several boots of each "
                     "(docs/compare-kernels.md)\n");
    else if (c->regressed)
        fprintf(out, "regressed: the geomean is %.1f%% slower, more than %.1f%%\n", c->primary.change * 100, threshold * 100);
    else
        fprintf(out, "no regression of more than %.1f%%\n", threshold * 100);
}

static struct json_object *row_object(const struct compare_row *row)
{
    struct json_object *object = json_object_new_object();
    if (row->kind) {
        json_object_object_add(object, "kind", json_object_new_string(row->kind->name));
        json_object_object_add(object, "size_class", json_object_new_uint64(row->kind->size_class));
        json_object_object_add(object, "failed", json_object_new_boolean(row->kind->failed));
    }
    json_object_object_add(object, "base_ns", json_object_new_double(row->base));
    json_object_object_add(object, "new_ns", json_object_new_double(row->next));
    json_object_object_add(object, "base_spread", json_object_new_double(row->base_spread));
    json_object_object_add(object, "new_spread", json_object_new_double(row->next_spread));
    json_object_object_add(object, "change", json_object_new_double(row->change));
    json_object_object_add(object, "p", json_object_new_double(row->p));
    json_object_object_add(object, "base_runs", json_object_new_uint64(row->base_runs));
    json_object_object_add(object, "new_runs", json_object_new_uint64(row->next_runs));
    json_object_object_add(object, "significant", json_object_new_boolean(row->significant));
    return object;
}

static struct json_object *side_object(const struct replay_result *result)
{
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "backend", json_object_new_string(result->backend));
    json_object_object_add(object, "node", json_object_new_string(result->node));
    json_object_object_add(object, "driver", json_object_new_string(result->driver));
    json_object_object_add(object, "software", json_object_new_boolean(result->software));
    json_object_object_add(object, "kernel", json_object_new_string(result->kernel));
    json_object_object_add(object, "boot_id", json_object_new_string(result->boot_id));
    json_object_object_add(object, "by_boot", json_object_new_boolean(result->by_boot));
    json_object_object_add(object, "runs", json_object_new_uint64(result->run_count));
    return object;
}

char *comparison_json(const struct comparison *c, const struct replay_result *base, const struct replay_result *next,
                      double threshold)
{
    struct json_object *root = json_object_new_object(), *rows = json_object_new_array();
    json_object_object_add(root, "schema_version", json_object_new_int(1));
    json_object_object_add(root, "base", side_object(base));
    json_object_object_add(root, "new", side_object(next));
    json_object_object_add(root, "plan", json_object_new_string(base->plan));
    json_object_object_add(root, "mode", json_object_new_string(base->mode));
    for (uint32_t r = 0; r < c->row_count; r++)
        json_object_array_add(rows, row_object(&c->rows[r]));
    json_object_object_add(root, "rows", rows);
    json_object_object_add(root, "primary", row_object(&c->primary));
    json_object_object_add(root, "threshold", json_object_new_double(threshold));
    json_object_object_add(root, "outliers", json_object_new_uint64(c->outliers));
    json_object_object_add(root, "one_sided_kinds", json_object_new_uint64(c->base_only + c->next_only));
    json_object_object_add(root, "verdict", json_object_new_boolean(!c->one_boot));
    json_object_object_add(root, "regressed", json_object_new_boolean(c->regressed));
    const char *json = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE);
    size_t size = strlen(json);
    char *text = malloc(size + 2);
    if (text) {
        memcpy(text, json, size);
        memcpy(text + size, "\n", 2);
    }
    json_object_put(root);
    return text;
}
