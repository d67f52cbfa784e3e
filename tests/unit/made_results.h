/* Results made by hand or by chance, and comparisons of them: for the tests of compare and for tests/bench/compare. */
#ifndef GPUALLOC_TESTS_MADE_RESULTS_H
#define GPUALLOC_TESTS_MADE_RESULTS_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replayer/compare.h"

static const struct compare_options usual = {.threshold = 0.05, .metric = "geomean"};

/* A made result that is none is our own mistake. */
static inline void made_wrong(const char *text)
{
    fprintf(stderr, "a made result: %s\n", text);
    abort();
}

enum { KINDS = 8, RUNS = 40 };

/* A result to be: runs whose median of "create" is create[run], of "destroy" 100 ns, of more kinds what values says. */
struct made {
    const char *mode, *plan, *kernel, *boot, *time, *system; /* system: more members, with a comma before each … */
    const char *settings;                                    /* … and so of the whole */
    const double *create;
    double (*more)[RUNS]; /* kinds "kind0", …, instead of create and destroy */
    uint32_t kinds, runs, exhausted; /* exhausted: creates without memory, in each run */
    uint32_t issued;                 /* calls a run; 0: 10 */
};

static inline struct replay_result result_of(const struct made *made)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "{\"schema_version\": 1, \"trace\": \"T\", \"backend\": \"dxg\", \"mode\": \"%s\","
                 "\"plan\": {\"hash\": \"%s\", \"order\": \"memory\"}, \"device\": {\"node\": \"\", \"driver\": \"x\"},"
                 "\"system\": {\"kernel\": \"%s\", \"boot_id\": \"%s\", \"time\": \"%s\"%s}%s, \"runs\": [",
            made->mode ? made->mode : "verbatim", made->plan ? made->plan : "1", made->kernel ? made->kernel : "6.1",
            made->boot ? made->boot : "b", made->time ? made->time : "", made->system ? made->system : "",
            made->settings ? made->settings : "");
    for (uint32_t r = 0; r < made->runs; r++) {
        fprintf(out, "%s{\"wall_ns\": %u, \"issued\": %u, \"differs\": 0, \"out_of_memory\": %u, \"kinds\": [", r ? "," : "",
                1000 + r % 3, made->issued ? made->issued : 10, made->exhausted);
        for (uint32_t k = 0; k < made->kinds; k++)
            fprintf(out, "%s{\"kind\": \"kind%u\", \"size_class\": 4096, \"p50_ns\": %f}", k ? "," : "", k, made->more[k][r]);
        if (!made->kinds)
            fprintf(out, "{\"kind\": \"create\", \"size_class\": 4096, \"p50_ns\": %f, \"max_ns\": %f},"
                         "{\"kind\": \"destroy\", \"size_class\": 0, \"failed\": false, \"p50_ns\": 100, \"max_ns\": 100}",
                    made->create[r], 5000 - made->create[r]);
        fputs("]}", out);
    }
    fputs("]}", out);
    fclose(out);
    struct replay_result result;
    struct ga_error error = {""};
    if (replay_result_parse(&result, text, size, &error) < 0)
        made_wrong(error.text);
    free(text);
    return result;
}

/* Two results compared, which are freed by done(). */
struct pair {
    struct replay_result base, next;
    struct comparison c;
    struct ga_error error;
    int status;
};

static inline void compare_made(struct pair *pair, const struct made *base, const struct made *next,
                                const struct compare_options *options)
{
    pair->base = result_of(base);
    pair->next = result_of(next);
    pair->status = compare_results(&pair->c, &(struct compare_side){&pair->base, 1}, &(struct compare_side){&pair->next, 1}, options,
                                   &pair->error);
}

static inline void done(struct pair *pair)
{
    comparison_release(&pair->c);
    replay_result_release(&pair->base);
    replay_result_release(&pair->next);
}

/* A generator of our own, so that the numbers are the same everywhere. */
static uint64_t chance;
static inline double uniform(void)
{
    chance = chance * 6364136223846793005 + 1442695040888963407;
    return ((double)(chance >> 11) + 0.5) / 9007199254740992.0;
}
static inline double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * 3.14159265358979 * uniform());
}

struct tally {
    int primary, any_row, named;
};

/* Pairs of results with ten runs a side whose kinds vary by 2 % from run to run; of next, kind 3 is slower by so much, or all are. */
static inline struct tally compare_many(int trials, double one_slower, double all_slower)
{
    struct tally tally = {0};
    for (int t = 0; t < trials; t++) {
        double values[2][KINDS][RUNS];
        for (int side = 0; side < 2; side++)
            for (int k = 0; k < KINDS; k++)
                for (int r = 0; r < 10; r++)
                    values[side][k][r] = 1000 * (k + 1) * (1 + 0.02 * normal()) *
                                         (side ? (1 + all_slower) * (k == 3 ? 1 + one_slower : 1) : 1);
        struct pair pair;
        compare_made(&pair, &(struct made){.more = values[0], .kinds = KINDS, .runs = 10},
                     &(struct made){.more = values[1], .kinds = KINDS, .runs = 10}, &usual);
        if (pair.status < 0)
            made_wrong(pair.error.text);
        bool any = false;
        for (uint32_t r = 0; r < pair.c.row_count; r++)
            any |= pair.c.rows[r].significant && strcmp(pair.c.rows[r].name, "kind3") != 0;
        tally.primary += pair.c.primary.significant;
        tally.named += pair.c.rows[3].significant && pair.c.rows[3].change > 0;
        tally.any_row += any || pair.c.rows[3].significant;
        done(&pair);
    }
    return tally;
}

#endif
