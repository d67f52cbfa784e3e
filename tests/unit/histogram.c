/* A histogram's percentiles stay within 0.8 % of the exact ones, by the nearest rank. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/histogram.h"

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void percentiles_are_near_the_exact_ones(void **state)
{
    (void)state;
    enum { COUNT = 10007 };
    static uint64_t values[COUNT];
    struct ga_histogram histogram = {0};
    uint64_t random = 88172645463325252;
    for (size_t i = 0; i < COUNT; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        values[i] = random >> (random % 61);
        assert_int_equal(ga_histogram_add(&histogram, values[i]), 0);
    }
    qsort(values, COUNT, sizeof *values, by_value);
    for (unsigned permille = 0; permille <= 1000; permille++) {
        size_t rank = (COUNT * (size_t)permille + 999) / 1000;
        double exact = (double)values[rank ? rank - 1 : 0], found = (double)ga_histogram_percentile(&histogram, permille);
        assert_true(found <= exact * 1.008 && found >= exact * 0.992);
    }
    assert_int_equal(ga_histogram_percentile(&histogram, 1000), values[COUNT - 1]);
    assert_true(histogram.used <= 3776);
    ga_histogram_release(&histogram);
}

/* As if one had met the values of both. */
static void merged_ones_are_one(void **state)
{
    (void)state;
    struct ga_histogram both = {0}, parts[2] = {{0}}, merged = {0};
    uint64_t random = 88172645463325252;
    for (size_t i = 0; i < 5000; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        uint64_t value = random >> (random % 61);
        assert_int_equal(ga_histogram_add(&both, value), 0);
        assert_int_equal(ga_histogram_add(&parts[value % 2], value), 0);
    }
    assert_int_equal(ga_histogram_merge(&merged, &parts[0]) | ga_histogram_merge(&merged, &parts[1]), 0);
    assert_int_equal(merged.count, both.count);
    assert_int_equal(merged.used, both.used);
    assert_int_equal(merged.min, both.min);
    assert_int_equal(merged.max, both.max);
    for (size_t i = 0; i < both.used; i++) {
        const struct ga_histogram_step *x = &merged.steps[i], *y = &both.steps[i];
        assert_true(x->step == y->step && x->count == y->count && x->min == y->min && x->max == y->max);
        assert_true(!i || x->step > both.steps[i - 1].step);
    }
    ga_histogram_release(&both);
    ga_histogram_release(&parts[0]);
    ga_histogram_release(&parts[1]);
    ga_histogram_release(&merged);
}

static void few_small_values_are_exact(void **state)
{
    (void)state;
    struct ga_histogram histogram = {0};
    assert_int_equal(ga_histogram_percentile(&histogram, 500), 0);
    for (uint64_t value = 63; value > 0; value--)
        ga_histogram_add(&histogram, value);
    assert_int_equal(ga_histogram_percentile(&histogram, 500), 32);
    assert_int_equal(ga_histogram_percentile(&histogram, 990), 63);
    assert_int_equal(ga_histogram_percentile(&histogram, 0), 1);
    ga_histogram_release(&histogram);
    ga_histogram_add(&histogram, 1000003); /* one value is told as it is */
    assert_int_equal(ga_histogram_percentile(&histogram, 500), 1000003);
    ga_histogram_add(&histogram, UINT64_MAX);
    assert_int_equal(ga_histogram_percentile(&histogram, 1000), UINT64_MAX);
    ga_histogram_release(&histogram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_near_the_exact_ones),
        cmocka_unit_test(merged_ones_are_one),
        cmocka_unit_test(few_small_values_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
