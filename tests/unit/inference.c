/* Inference against SciPy 1.10, R's manual, published tables and enumeration. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "replayer/inference.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g is not %.9g", value, expected);
}

/* Two-sided p from all ways to choose which values are a's: twice the smaller tail. */
static double brute_force(const double *all, int n, int m)
{
    double below = 0, above = 0, ways = 0, observed = 0;
    for (unsigned mask = (1u << n) - 1, first = 1; mask < 1u << (n + m); mask = first ? 0 : mask + 1, first = 0) {
        if (__builtin_popcount(mask) != n)
            continue;
        double u = 0;
        for (int i = 0; i < n + m; i++)
            for (int j = 0; j < n + m; j++)
                if ((mask >> i & 1) && !(mask >> j & 1))
                    u += all[i] > all[j] ? 1 : all[i] == all[j] ? 0.5 : 0;
        if (first) { /* a's are those that come first */
            observed = u;
            continue;
        }
        ways++;
        below += u <= observed;
        above += u >= observed;
    }
    return fmin(1, 2 * fmin(below, above) / ways);
}

static void exact_p_equals_enumeration(void **state)
{
    (void)state;
    srand(7);
    for (int n = 1; n <= 6; n++)
        for (int m = 1; m <= 6; m++)
            for (int round = 0; round < 6; round++) {
                double all[12];
                for (int i = 0; i < n + m; i++)
                    all[i] = round < 3 ? rand() + i * 1e-6 + (i < n ? round * 3e8 : 0) : rand() % (round * 2); /* ties */
                near(replay_mann_whitney(all, (size_t)n, all + n, (size_t)m), brute_force(all, n, m), 1e-9);
            }
}

/* scipy.stats.mannwhitneyu(method='exact'); of ties: permutation_test(n_resamples=inf) of its statistic; method='asymptotic'. */
static void p_equals_scipy(void **state)
{
    (void)state;
    const double a[] = {19.2, 21.4, 18.7, 20.1, 22.3, 19.9, 20.8}, b[] = {21.9, 23.4, 20.5, 24.1, 22.8, 25.0, 21.1, 23.0};
    near(replay_mann_whitney(a, 7, b, 8), 0.009324009324009324, 1e-12);
    const double c[] = {10.1, 10.4, 9.8, 10.0, 10.3, 9.9, 10.2, 10.6, 9.7, 10.5};
    const double d[] = {10.35, 10.9, 10.15, 10.7, 10.45, 11.0, 10.25, 10.8, 9.95, 10.55};
    near(replay_mann_whitney(c, 10, d, 10), 0.035462989023360536, 1e-12);
    const double ties_a[] = {1, 2, 2, 3, 3, 3, 5}, ties_b[] = {2, 3, 4, 4, 5, 5, 6, 6};
    near(replay_mann_whitney(ties_a, 7, ties_b, 8), 0.04537684537684538, 1e-12);
    double large_a[30], large_b[28];
    for (int i = 0; i < 30; i++)
        large_a[i] = i;
    for (int i = 0; i < 25; i++)
        large_b[i] = i * 1.1 + 4;
    near(replay_mann_whitney(large_a, 30, large_b, 25), 0.25739571773083003, 1e-12);
    for (int i = 0; i < 30; i++)
        large_a[i] = i % 7;
    for (int i = 0; i < 28; i++)
        large_b[i] = i * 3 % 8 + 1;
    near(replay_mann_whitney(large_a, 30, large_b, 28), 0.017530259162956738, 1e-12);
}

static void p_of_known_samples(void **state)
{
    (void)state;
    double low[] = {1, 2, 3, 4, 5}, high[] = {6, 7, 8, 9, 10}, same[] = {3, 3, 3, 3, 3};
    near(replay_mann_whitney(low, 5, high, 5), 2.0 / 252, 1e-12); /* the p=0.008 of n=5+5 */
    near(replay_mann_whitney(high, 5, low, 5), 2.0 / 252, 1e-12);
    near(replay_least_p(5, 5), 2.0 / 252, 1e-12);
    near(replay_mann_whitney(low, 1, high, 1), 1, 0);
    near(replay_mann_whitney(low, 0, high, 5), 1, 0);
    near(replay_mann_whitney(same, 5, same, 5), 1, 0);
    near(replay_least_p(3, 3), 0.1, 1e-12);
    near(replay_least_p(0, 3), 1, 0);
}

/* R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm"). */
static void holm_equals_r(void **state)
{
    (void)state;
    const double p[] = {0.01, 0.04, 0.03, 0.005, 0.9}, expected[] = {0.03, 0.06, 0.06, 0.02};
    double corrected[5];
    assert_int_equal(replay_holm(p, 4, corrected), 0);
    for (int i = 0; i < 4; i++)
        near(corrected[i], expected[i], 1e-12);
    assert_int_equal(replay_holm(p, 5, corrected), 0);
    near(corrected[4], 0.9, 1e-12);
    near(corrected[3], 0.025, 1e-12);
    assert_int_equal(replay_holm(p, 0, corrected), 0);
}

/* scipy.stats.binom: how many values are outside the interval at each end. */
static void median_intervals_are_the_binomial_distributions(void **state)
{
    (void)state;
    const struct {
        size_t count, first, last; /* from 1 */
    } known[] = {{6, 1, 6}, {8, 1, 8}, {10, 2, 9}, {20, 6, 15}, {30, 10, 21}, {101, 41, 61}};
    double values[101];
    for (int i = 0; i < 101; i++)
        values[i] = i + 1;
    for (size_t k = 0; k < COUNT(known); k++) {
        struct replay_interval interval = replay_median_interval(values, known[k].count);
        near(interval.low, (double)known[k].first, 0);
        near(interval.high, (double)known[k].last, 0);
    }
    assert_true(isnan(replay_median_interval(values, 5).low));
    assert_true(isnan(replay_median_interval(values, 0).low));
}

/* R's own example of wilcox.test (Hollander and Wolfe 1973, p. 69): -0.15 to 0.76, p = 0.2544. */
static void shift_interval_equals_r(void **state)
{
    (void)state;
    const double x[] = {0.73, 0.80, 0.83, 1.04, 1.38, 1.45, 1.46, 1.64, 1.89, 1.91}, y[] = {0.74, 0.88, 0.90, 1.15, 1.21};
    struct replay_interval interval = replay_shift_interval(y, 5, x, 10);
    near(interval.low, -0.15, 1e-9);
    near(interval.high, 0.76, 1e-9);
    near(replay_mann_whitney(x, 10, y, 5), 0.2544, 5e-5);
    assert_true(isnan(replay_shift_interval(x, 3, y, 3).low));
    assert_true(isnan(replay_shift_interval(x, 0, y, 3).low));
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Critical U of the tables for 5 % two-sided, and then the sorted differences. */
static void shift_intervals_cut_at_the_tables_critical_values(void **state)
{
    (void)state;
    const struct {
        size_t n, m, critical;
    } table[] = {{4, 4, 0}, {5, 5, 2}, {7, 8, 10}, {10, 10, 23}, {20, 20, 127}, {5, 20, 20}};
    double a[20], b[20], differences[400];
    srand(3);
    for (size_t t = 0; t < COUNT(table); t++) {
        size_t n = table[t].n, m = table[t].m;
        for (size_t i = 0; i < 20; i++) {
            a[i] = rand() % 100000;
            b[i] = rand() % 100000 + 3000;
        }
        qsort(a, n, sizeof *a, by_value);
        qsort(b, m, sizeof *b, by_value);
        for (size_t i = 0; i < n * m; i++)
            differences[i] = b[i % m] - a[i / m];
        qsort(differences, n * m, sizeof *differences, by_value);
        struct replay_interval interval = replay_shift_interval(a, n, b, m);
        near(interval.low, differences[table[t].critical], 1e-6);
        near(interval.high, differences[n * m - table[t].critical - 1], 1e-6);
    }
}

/* A generator of our own, so that the numbers are the same everywhere. */
static uint64_t seed;
static double uniform(void)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return ((double)(seed >> 11) + 0.5) / 9007199254740992.0;
}
static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * 3.14159265358979 * uniform());
}

static void intervals_cover_as_often_as_they_say(void **state)
{
    (void)state;
    int median = 0, shift = 0, trials = 2000;
    seed = 11;
    for (int t = 0; t < trials; t++) {
        double a[10], b[10];
        for (int i = 0; i < 10; i++) {
            a[i] = normal();
            b[i] = normal() + 3;
        }
        qsort(a, 10, sizeof *a, by_value);
        qsort(b, 10, sizeof *b, by_value);
        struct replay_interval m = replay_median_interval(a, 10), s = replay_shift_interval(a, 10, b, 10);
        median += m.low <= 0 && m.high >= 0;
        shift += s.low <= 3 && s.high >= 3;
    }
    assert_in_range(median, trials * 968 / 1000, trials * 988 / 1000); /* 97.9 %: the least above 95 that 10 values give */
    assert_in_range(shift, trials * 943 / 1000, trials * 970 / 1000);  /* 95.7 % */
}

static void trends_and_outliers(void **state)
{
    (void)state;
    double rising[12], shuffled[] = {5, 1, 9, 3, 12, 7, 2, 11, 6, 10, 4, 8};
    for (int i = 0; i < 12; i++)
        rising[i] = i;
    assert_true(replay_trend_p(rising, 12) < 0.01);
    assert_true(replay_trend_p(shuffled, 12) > 0.1);
    assert_true(replay_trend_p(rising, 3) == 1);
    double swapped[] = {3, 1, 2, 5, 4, 6, 8, 7, 9, 12, 10, 11}; /* scipy.stats.spearmanr: 0.9440559 */
    near(replay_trend_p(swapped, 12), erfc(0.9440559440559443 * sqrt(11) / sqrt(2)), 1e-9);
    double sorted[] = {10, 11, 12, 13, 14, 15, 16, 40};
    assert_true(replay_is_outlier(sorted, 8, 40));
    assert_false(replay_is_outlier(sorted, 8, 16));
    assert_false(replay_is_outlier(sorted, 3, 40));
    int trends = 0;
    seed = 5;
    for (int t = 0; t < 2000; t++) {
        double values[10];
        for (int i = 0; i < 10; i++)
            values[i] = normal();
        trends += replay_trend_p(values, 10) < 0.01;
    }
    assert_in_range(trends, 0, 20); /* at most 1 % */
}

static void two_modes_are_told_from_one(void **state)
{
    (void)state;
    double values[20];
    int found = 0, wrong = 0;
    seed = 17;
    for (int t = 0; t < 1000; t++) {
        for (int i = 0; i < 20; i++)
            values[i] = 100 + normal() + (i < 8 ? 20 : 0);
        qsort(values, 20, sizeof *values, by_value);
        struct replay_modes modes = replay_modes_of(values, 20);
        found += modes.low_count == 12 && modes.high_count == 8 && fabs(modes.low - 100) < 2 && fabs(modes.high - 120) < 2;
        for (int i = 0; i < 20; i++)
            values[i] = t % 2 ? 100 + normal() : exp(normal() / 2);
        qsort(values, 20, sizeof *values, by_value);
        wrong += replay_modes_of(values, 20).low_count != 0;
    }
    assert_in_range(found, 990, 1000);
    assert_in_range(wrong, 0, 10);
    for (int i = 0; i < 20; i++)
        values[i] = i < 10 ? 1 : 2;
    assert_int_equal(replay_modes_of(values, 20).low_count, 10); /* clocks are coarse: no spread within a mode */
    assert_int_equal(replay_modes_of(values, 10).low_count, 0);
    assert_int_equal(replay_modes_of(values, 0).low_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_p_equals_enumeration),
        cmocka_unit_test(p_equals_scipy),
        cmocka_unit_test(p_of_known_samples),
        cmocka_unit_test(holm_equals_r),
        cmocka_unit_test(median_intervals_are_the_binomial_distributions),
        cmocka_unit_test(shift_interval_equals_r),
        cmocka_unit_test(shift_intervals_cut_at_the_tables_critical_values),
        cmocka_unit_test(intervals_cover_as_often_as_they_say),
        cmocka_unit_test(trends_and_outliers),
        cmocka_unit_test(two_modes_are_told_from_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
