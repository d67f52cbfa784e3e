/* Comparisons: medians over runs, significance corrected for the number of rows, the verdict, and what is refused. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replayer/compare.h"

/* A result of runs whose median of "create" is create[run], and of "destroy" 100 ns. */
static struct replay_result result_of(const char *mode, const char *plan, const double *create, size_t runs)
{
    char text[8192];
    int used = snprintf(text, sizeof text,
                        "{\"schema_version\": 1, \"trace\": \"T\", \"backend\": \"null\", \"mode\": \"%s\","
                        "\"plan\": {\"hash\": \"%s\", \"order\": \"memory\"}, \"device\": {\"node\": \"\", \"driver\": \"null\"},"
                        "\"system\": {\"kernel\": \"6.1\"}, \"runs\": [",
                        mode, plan);
    for (size_t r = 0; r < runs; r++)
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "%s{\"wall_ns\": %zu, \"kinds\": [{\"kind\": \"create\", \"size_class\": 4096, \"p50_ns\": %f},"
                         "{\"kind\": \"destroy\", \"size_class\": 0, \"failed\": false, \"p50_ns\": 100}]}",
                         r ? "," : "", 1000 + r, create[r]);
    snprintf(text + used, sizeof text - (size_t)used, "]}");
    struct replay_result result;
    struct ga_error error = {""};
    if (replay_result_parse(&result, text, strlen(text), &error) < 0)
        fail_msg("%s", error.text);
    return result;
}

static const double base_values[] = {1000, 1010, 990, 1005, 995};
static const double slow_values[] = {2000, 2020, 1980, 2010, 1990};

/* Runs of one boot of one kernel against those of another: a change, and no verdict. Boots that are runs have one. */
static void kernels_are_judged_by_boots(void **state)
{
    (void)state;
    struct replay_result base = result_of("verbatim", "1", base_values, 5), slow = result_of("verbatim", "1", slow_values, 5);
    struct comparison c;
    struct ga_error error;
    slow.kernel[0] = '5';
    assert_int_equal(compare_results(&c, &base, &slow, 0.05, &error), 0);
    assert_true(c.primary.significant);
    assert_true(c.one_boot);
    assert_false(c.regressed);
    comparison_release(&c);
    base.by_boot = true;
    assert_int_equal(compare_results(&c, &base, &slow, 0.05, &error), 0);
    assert_true(c.one_boot);
    comparison_release(&c);
    slow.by_boot = true;
    assert_int_equal(compare_results(&c, &base, &slow, 0.05, &error), 0);
    assert_false(c.one_boot);
    assert_true(c.regressed);
    comparison_release(&c);
    replay_result_release(&base);
    replay_result_release(&slow);
}

static void near(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-9))
        fail_msg("%.12g is not %.12g", value, expected);
}

static void twice_as_slow_is_a_regression(void **state)
{
    (void)state;
    struct replay_result base = result_of("verbatim", "1", base_values, 5), slow = result_of("verbatim", "1", slow_values, 5);
    struct comparison c;
    struct ga_error error;
    assert_int_equal(compare_results(&c, &base, &slow, 0.05, &error), 0);
    assert_int_equal(c.row_count, 2);
    near(c.rows[0].base, 1000);
    near(c.rows[0].next, 2000);
    near(c.rows[0].change, 1);
    near(c.rows[0].p, 2.0 / 252);
    assert_true(c.rows[0].significant);
    near(c.rows[1].p, 1);
    assert_false(c.rows[1].significant);
    near(c.primary.change, sqrt(2) - 1); /* of two rows, one twice as slow */
    assert_true(c.regressed);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    comparison_print(&c, &base, &slow, 0.05, out);
    fclose(out);
    assert_non_null(strstr(text, "1 µs ± 0%         2 µs ± 0%          +100.0% (p=0.008 n=5+5)"));
    assert_non_null(strstr(text, "~ (p=1.000 n=5+5)"));
    assert_non_null(strstr(text, "regressed: the geomean is 41.4% slower, more than 5.0%"));
    free(text);
    comparison_release(&c);
    assert_int_equal(compare_results(&c, &base, &slow, 0.5, &error), 0);
    assert_false(c.regressed); /* allowed */
    comparison_release(&c);
    assert_int_equal(compare_results(&c, &slow, &base, 0.05, &error), 0);
    assert_true(c.primary.significant);
    assert_false(c.regressed); /* faster */
    comparison_release(&c);
    replay_result_release(&base);
    replay_result_release(&slow);
}

static void few_runs_show_nothing(void **state)
{
    (void)state;
    struct replay_result base = result_of("verbatim", "1", base_values, 3), slow = result_of("verbatim", "1", slow_values, 3);
    struct comparison c;
    struct ga_error error;
    assert_int_equal(compare_results(&c, &base, &slow, 0.05, &error), 0);
    assert_false(c.regressed);
    assert_false(c.primary.significant);
    comparison_release(&c);
    replay_result_release(&base);
    replay_result_release(&slow);
}

static void what_cannot_be_compared_is_refused(void **state)
{
    (void)state;
    struct replay_result base = result_of("verbatim", "1", base_values, 5), dumb = result_of("dumb", "1", slow_values, 5),
                         other = result_of("verbatim", "2", slow_values, 5);
    struct comparison c;
    struct ga_error error;
    assert_int_equal(compare_results(&c, &base, &dumb, 0.05, &error), -EINVAL);
    assert_non_null(strstr(error.text, "one result is verbatim and the other dumb"));
    comparison_release(&c);
    assert_int_equal(compare_results(&c, &base, &other, 0.05, &error), -EINVAL);
    assert_non_null(strstr(error.text, "different traces"));
    comparison_release(&c);
    replay_result_release(&base);
    replay_result_release(&dumb);
    replay_result_release(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twice_as_slow_is_a_regression),
        cmocka_unit_test(kernels_are_judged_by_boots),
        cmocka_unit_test(few_runs_show_nothing),
        cmocka_unit_test(what_cannot_be_compared_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
