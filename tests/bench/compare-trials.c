/*
 * What compare's statistics are worth, by trials with fixed seeds: how often a difference is said where there is none, and how often
 * one that is there is found. Each figure stands beside its peer: what theory says, or the plain t-test that others use.
 * The figures are the same on every machine, so as a test it fails when one is outside its bounds.
 */
#include <time.h>

#include "../unit/made_results.h"
#include "base/units.h"

enum { TRIALS = 1000, N = 10 };
static int failures;

static void figure(const char *what, double got, const char *peer, double low, double high)
{
    bool fine = got >= low && got <= high;
    printf("%-66s %9.1f%%  %-28s %s\n", what, got, peer, fine ? "" : "OUT OF BOUNDS");
    failures += !fine;
}

static double median(double *values, size_t count) { return replay_median(values, count); }

/* Whether |t| of two samples of ten is beyond the 5 % point of 18 degrees of freedom. */
static bool t_test(const double *a, const double *b)
{
    double mean[2] = {0}, square[2] = {0};
    for (int i = 0; i < N; i++) {
        mean[0] += a[i] / N;
        mean[1] += b[i] / N;
    }
    for (int i = 0; i < N; i++) {
        square[0] += pow(a[i] - mean[0], 2);
        square[1] += pow(b[i] - mean[1], 2);
    }
    double deviation = sqrt((square[0] + square[1]) / (N - 1) / N);
    return fabs(mean[0] - mean[1]) / deviation > 2.10092;
}

enum shape { NORMAL, SKEWED, OUTLYING, SHAPES };

/* A run's value: 2 % of noise; skewed as times are; or with one run in ten that something disturbed. */
static double draw(enum shape shape)
{
    double noise = 0.02 * normal();
    if (shape == SKEWED)
        return 1000 * exp(0.2 * normal());
    return 1000 * (1 + noise + (shape == OUTLYING && uniform() < 0.1 ? 0.5 * uniform() : 0));
}

/* How often p < 0.05, in %, by Mann and Whitney's test and by the t-test. */
static void rates(enum shape shape, double shift, double *ours, double *theirs)
{
    *ours = *theirs = 0;
    for (int t = 0; t < TRIALS; t++) {
        double a[N], b[N];
        for (int i = 0; i < N; i++) {
            a[i] = draw(shape);
            b[i] = draw(shape) * (1 + shift);
        }
        *ours += replay_mann_whitney(a, N, b, N) < COMPARE_ALPHA;
        *theirs += t_test(a, b);
    }
    *ours *= 100.0 / TRIALS;
    *theirs *= 100.0 / TRIALS;
}

static void samples(void)
{
    static const char *const names[SHAPES] = {"normal, 2 % noise", "lognormal", "one run in ten disturbed"};
    char what[96], peer[64];
    double ours, theirs;
    for (int shape = 0; shape < SHAPES; shape++) {
        rates((enum shape)shape, 0, &ours, &theirs);
        snprintf(what, sizeof what, "one distribution, %s: 'significant'", names[shape]);
        snprintf(peer, sizeof peer, "t-test %.1f%%, theory 4.3%%", theirs);
        figure(what, ours, peer, 3, 7);
    }
    for (int shape = NORMAL; shape < SHAPES; shape += OUTLYING) {
        rates((enum shape)shape, 0.05, &ours, &theirs);
        snprintf(what, sizeof what, "5 %% slower, %s: found", names[shape]);
        snprintf(peer, sizeof peer, "t-test %.1f%%", theirs);
        figure(what, ours, peer, shape == NORMAL ? 99 : 85, 100);
    }
}

/* The whole of compare, on results of eight kinds. */
static void comparisons(void)
{
    struct tally tally = compare_many(TRIALS, 0, 0);
    figure("A/A of 8 kinds: the metric 'significant'", tally.primary * 100.0 / TRIALS, "theory 4.3%", 3, 7);
    figure("A/A of 8 kinds: any line of the table 'significant' (Holm)", tally.any_row * 100.0 / TRIALS, "promised: at most 5%",
           0, 5);
    tally = compare_many(TRIALS, 0, 0.05);
    figure("all kinds 5 % slower: the metric says so", tally.primary * 100.0 / TRIALS, "", 99, 100);
    tally = compare_many(TRIALS, 0.1, 0);
    figure("one kind of 8 is 10 % slower: found and named", tally.named * 100.0 / TRIALS, "", 99, 100);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Warnings on samples that deserve none, and on such that do. */
static void warnings(void)
{
    int modes[2] = {0}, trends[2] = {0}, outliers[2] = {0};
    for (int t = 0; t < TRIALS; t++)
        for (int planted = 0; planted < 2; planted++) {
            double drifting[N], two[N], far[N];
            for (int i = 0; i < N; i++) {
                far[i] = 1000 + 5 * normal();
                drifting[i] = 1000 + 5 * normal() + planted * 5 * i;
                two[i] = 1000 + 5 * normal() + planted * (i % 2) * 60;
            }
            far[0] += planted * 100;
            trends[planted] += replay_trend_p(drifting, N) < 0.01;
            qsort(two, N, sizeof *two, by_value);
            qsort(far, N, sizeof *far, by_value);
            modes[planted] += replay_modes_of(two, N).low_count != 0;
            outliers[planted] += replay_is_outlier(far, N, far[N - 1]);
        }
    const double percent = 100.0 / TRIALS;
    figure("drift in samples without any", trends[0] * percent, "theory 1%", 0, 2);
    figure("two modes in samples of one", modes[0] * percent, "", 0, 2);
    figure("an outlier above in samples without any", outliers[0] * percent, "Tukey's fences", 0, 5);
    figure("drift of a deviation a run: named", trends[1] * percent, "", 95, 100);
    figure("two modes 12 deviations apart: named", modes[1] * percent, "", 95, 100);
    figure("a run 20 deviations off: named", outliers[1] * percent, "", 95, 100);
}

static void speed(void)
{
    double times[5];
    for (int i = 0; i < 5; i++) {
        struct timespec begin, end;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        compare_many(20, 0, 0);
        clock_gettime(CLOCK_MONOTONIC, &end);
        times[i] = ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / 20;
    }
    printf("%-66s %10s  (with reading both results; nobody judges it)\n", "a comparison of 8 kinds, 10 runs a side, takes",
           ga_duration(median(times, 5)).text);
}

int main(void)
{
    chance = 20261122;
    printf("%d trials each, %d runs a side, seeds fixed\n", TRIALS, N);
    samples();
    comparisons();
    warnings();
    speed();
    return failures != 0;
}
