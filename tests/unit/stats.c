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
    uint32_t latencies[1001];
    for (uint32_t i = 0; i <= 1000; i++)
        latencies[i] = 1000 - i;
    struct replay_figures f = replay_figures_of(latencies, 1001);
    assert_int_equal(f.n, 1001);
    near(f.mean, 500, 1e-9);
    near(f.p50, 500, 1e-9);
    near(f.p90, 900, 1e-9);
    near(f.p99, 990, 1e-9);
    near(f.p999, 999, 1e-9);
    near(f.max, 1000, 0);
    double even[] = {4, 1, 3, 2};
    near(replay_median(even, 4), 2.5, 0);
    assert_int_equal(replay_figures_of(latencies, 0).n, 0);
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
    struct replay_statistics s;
    assert_int_equal(replay_statistics_init(&s, &plan, 1, false), 0);
    assert_int_equal(s.kind_count, 3);
    assert_string_equal(s.kinds[0].name, "gem_close");
    assert_int_equal(s.kinds[1].size_class, 16384);
    assert_int_equal(s.kinds[2].size_class, 32768);
    struct replay_run run;
    assert_int_equal(replay_run_init(&run, &plan), 0);
    run.samples[0].latency_ns = 100;
    run.samples[1].latency_ns = 300;
    run.samples[2].latency_ns = 500;
    run.samples[3].latency_ns = 700;
    run.samples[2].differs = true; /* not in the figures */
    replay_statistics_add(&s, &plan, &run);
    near(s.figures[0].p50, 700, 0);
    assert_int_equal(s.figures[1].n, 2);
    near(s.figures[1].mean, 200, 0);
    assert_int_equal(s.figures[2].n, 0);
    assert_int_equal(s.differs[0], 1);
    assert_int_equal(s.outcomes[0][REPLAY_ISSUED], 4);
    replay_run_release(&run);
    replay_statistics_release(&s);
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
    struct replay_statistics s;
    assert_int_equal(replay_statistics_init(&s, &plan, 1, true), 0);
    assert_int_equal(s.kind_count, 3);
    assert_string_equal(s.kinds[2].name, "populate");
    assert_int_equal(s.kinds[2].size_class, 16384);
    assert_string_equal(replay_populated_name(&s, REPLAY_POPULATE_SUBMIT), "submit");
    struct replay_run run;
    assert_int_equal(replay_run_init(&run, &plan), 0);
    run.samples[0].latency_ns = run.samples[1].latency_ns = run.samples[2].latency_ns = 100;
    run.samples[0].populated = REPLAY_POPULATE_TOUCH;
    run.samples[0].populate_ns = 900;
    run.samples[1].populated = REPLAY_POPULATE_FAILED;
    replay_statistics_add(&s, &plan, &run);
    assert_int_equal(s.figures[2].n, 1);
    near(s.figures[2].p50, 900, 0);
    near(s.figures[1].mean, 100, 0);
    assert_int_equal(s.populated[0][REPLAY_POPULATE_TOUCH], 1);
    assert_int_equal(s.populated[0][REPLAY_POPULATE_FAILED], 1);
    assert_string_equal(replay_populated_name(&s, REPLAY_POPULATE_SUBMIT), "touch");
    s.populated[0][REPLAY_POPULATE_SUBMIT] = 1;
    assert_string_equal(replay_populated_name(&s, REPLAY_POPULATE_SUBMIT), "submit+touch");
    replay_run_release(&run);
    replay_statistics_release(&s);
    replay_plan_release(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_known_latencies),
        cmocka_unit_test(kinds_are_apart),
        cmocka_unit_test(populating_is_a_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
