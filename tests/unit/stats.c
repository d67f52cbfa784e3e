/* Statistics of a run: quantiles, figures of latencies, kinds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plan_calls.h"
#include "replayer/statistics.h"

static void near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g is not %.9g", value, expected);
}

static void figures_of_known_latencies(void **state)
{
    (void)state;
    struct replay_latencies *latencies = replay_latencies_create(1);
    for (uint32_t i = 0; i <= 1000; i++)
        replay_latencies_add(latencies, 1000 - i);
    struct replay_figures f = replay_figures_of(latencies);
    assert_int_equal(f.n, 1001);
    near(f.mean, 500, 1e-9);
    near(f.p50, 500, 1e-9);
    near(f.p90, 900, 1e-9);
    near(f.p99, 990, 1e-9);
    near(f.p999, 999, 1e-9);
    near(f.max, 1000, 0);
    double even[] = {4, 1, 3, 2};
    near(replay_median(even, 4), 2.5, 0);
    replay_latencies_clear(latencies);
    assert_int_equal(replay_figures_of(latencies).n, 0);
    replay_latencies_destroy(latencies, 1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Against the exact quantiles of numbers of all sizes; merged from two halves, as from two lanes. */
static void quantiles_have_three_digits(void **state)
{
    (void)state;
    enum { COUNT = 20011 };
    static double values[COUNT];
    struct replay_latencies *halves = replay_latencies_create(2), *all = replay_latencies_create(1);
    uint64_t random = 88172645463325252, sum = 0;
    for (size_t i = 0; i < COUNT; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        uint64_t ns = (random >> 28) >> (random % 30);
        sum += ns;
        values[i] = (double)ns;
        replay_latencies_add(&halves[i % 2], ns);
    }
    replay_latencies_merge(all, &halves[0]);
    replay_latencies_merge(all, &halves[1]);
    qsort(values, COUNT, sizeof *values, by_value);
    for (int i = 0; i <= 1000; i++) {
        double exact = replay_quantile(values, COUNT, i / 1000.0), found = replay_latencies_quantile(all, i / 1000.0);
        near(found, exact, exact * 0.001);
    }
    assert_int_equal(all->sum, sum);
    near((double)all->max, values[COUNT - 1], 0);
    replay_latencies_add(all, UINT64_MAX); /* what is out of range counts as its end */
    assert_int_equal(all->max, REPLAY_LATENCY_MAX);
    replay_latencies_clear(all);
    for (size_t i = 0; i < REPLAY_LATENCY_STEPS; i++)
        assert_int_equal(all->counts[i], 0);
    replay_latencies_destroy(halves, 2);
    replay_latencies_destroy(all, 1);
}

static void kinds_are_apart(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct ga_error error;
    assert_int_equal(replay_plan_begin(&plan, &(struct replay_plan_options){0}), 0);
    add_dumb(&plan, (struct when){0, 10, 20}, 1, 3, 64, 64);
    add_dumb(&plan, (struct when){0, 30, 40}, 1, 4, 64, 64);
    add_dumb(&plan, (struct when){0, 50, 60}, 1, 5, 64, 65);
    add_gem_close(&plan, (struct when){0, 70, 80}, 1, 3);
    assert_int_equal(replay_plan_finish(&plan, &error), 0);
    struct replay_kinds kinds;
    assert_int_equal(replay_kinds_init(&kinds, &plan, false), 0);
    assert_int_equal(kinds.count, 3);
    assert_string_equal(kinds.kinds[0].name, "gem_close");
    assert_int_equal(kinds.kinds[1].size_class, 16384);
    assert_int_equal(kinds.kinds[2].size_class, 32768);
    static const uint16_t of[] = {1, 1, 2, 0};
    assert_memory_equal(kinds.of, of, sizeof of);
    struct replay_statistics s;
    assert_int_equal(replay_statistics_init(&s, &kinds, 1), 0);
    struct replay_run run = {.latencies = replay_latencies_create(3), .resident = replay_latencies_create(3),
                             .lateness = replay_latencies_create(1), .counts = {.failed = 1}};
    run.counts.outcomes[REPLAY_ISSUED] = 4;
    replay_latencies_add(&run.latencies[1], 100);
    replay_latencies_add(&run.latencies[1], 300);
    replay_latencies_add(&run.latencies[0], 700);
    replay_statistics_add(&s, &run);
    near(s.figures[0].p50, 700, 0);
    assert_int_equal(s.figures[1].n, 2);
    near(s.figures[1].mean, 200, 0);
    assert_int_equal(s.figures[2].n, 0);
    near(s.runs[0].fidelity.answered, 0.75, 1e-9);
    replay_latencies_destroy(run.latencies, 3);
    replay_latencies_destroy(run.resident, 3);
    replay_latencies_destroy(run.lateness, 1);
    replay_statistics_release(&s);
    replay_kinds_release(&kinds);
    replay_plan_release(&plan);
}

/* Bringing in a buffer's pages is a kind of its own, by the size of what was made. */
static void populating_is_a_kind(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct ga_error error;
    assert_int_equal(replay_plan_begin(&plan, &(struct replay_plan_options){0}), 0);
    add_dumb(&plan, (struct when){0, 10, 20}, 1, 3, 64, 64);
    add_dumb(&plan, (struct when){0, 30, 40}, 1, 4, 64, 64);
    add_gem_close(&plan, (struct when){0, 70, 80}, 1, 3);
    assert_int_equal(replay_plan_finish(&plan, &error), 0);
    struct replay_kinds kinds;
    assert_int_equal(replay_kinds_init(&kinds, &plan, true), 0);
    assert_int_equal(kinds.count, 3);
    assert_string_equal(kinds.kinds[2].name, "populate");
    assert_int_equal(kinds.kinds[2].size_class, 16384);
    assert_int_equal(kinds.populate_of[0], 2);
    assert_int_equal(kinds.populate_of[1], 2);
    struct replay_summary runs[1] = {0};
    struct replay_statistics s = {.kinds = &kinds, .runs = runs, .run_count = 1};
    assert_string_equal(replay_populated_name(&s, REPLAY_POPULATE_SUBMIT), "submit");
    runs[0].counts.populated[REPLAY_POPULATE_TOUCH] = 1;
    assert_string_equal(replay_populated_name(&s, REPLAY_POPULATE_SUBMIT), "touch");
    runs[0].counts.populated[REPLAY_POPULATE_SUBMIT] = 1;
    assert_string_equal(replay_populated_name(&s, REPLAY_POPULATE_SUBMIT), "submit+touch");
    replay_kinds_release(&kinds);
    replay_plan_release(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_known_latencies),
        cmocka_unit_test(quantiles_have_three_digits),
        cmocka_unit_test(kinds_are_apart),
        cmocka_unit_test(populating_is_a_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
