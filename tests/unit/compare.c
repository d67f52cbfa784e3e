/* Comparisons: units, significance corrected for the number of rows, the verdict, what is said besides, and what is refused. */
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

#include "made_results.h"

static const double base_values[] = {1000, 1010, 990, 1005, 995, 1001, 999, 1002, 998, 1003};
static const double slow_values[] = {2000, 2020, 1980, 2010, 1990, 2001, 1999, 2002, 1998, 2003};

static void near(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-9))
        fail_msg("%.12g is not %.12g", value, expected);
}

static bool warned(const struct comparison *c, const char *words)
{
    for (uint32_t w = 0; w < c->warning_count; w++)
        if (strstr(c->warnings[w], words))
            return true;
    return false;
}

static char *text_of(const struct comparison *c, void (*print)(const struct comparison *, FILE *))
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    print(c, out);
    fclose(out);
    return text;
}

static void twice_as_slow_is_a_regression(void **state)
{
    (void)state;
    struct made base = {.create = base_values, .runs = 5}, slow = {.create = slow_values, .runs = 5};
    struct pair pair;
    compare_made(&pair, &base, &slow, &usual);
    assert_int_equal(pair.status, 0);
    const struct comparison *c = &pair.c;
    assert_int_equal(c->row_count, 2);
    near(c->rows[0].sides[COMPARE_BASE].median, 1000);
    near(c->rows[0].sides[COMPARE_NEW].median, 2000);
    near(c->rows[0].change, 1);
    near(c->rows[0].p, 2.0 / 252);
    near(c->rows[0].corrected, 4.0 / 252); /* of two rows */
    assert_true(c->rows[0].significant);
    near(c->rows[1].p, 1);
    assert_false(c->rows[1].significant);
    near(c->primary.change, sqrt(2) - 1); /* of two rows, one twice as slow */
    assert_true(c->primary.interval.low > 0.4 && c->primary.interval.high < 0.43);
    assert_int_equal(c->verdict, COMPARE_REGRESSED);
    char *text = text_of(c, comparison_print);
    assert_non_null(strstr(text, "1 µs ± ∞          2 µs ± ∞           +100.0% (p=0.016 n=5+5)"));
    assert_non_null(strstr(text, "~ (p=1.000 n=5+5)"));
    assert_non_null(strstr(text, "regressed: the geomean of medians is 41.4% slower, more than 5.0% (p=0.008, 95% interval +4"));
    free(text);
    done(&pair);
    compare_made(&pair, &base, &slow, &(struct compare_options){.threshold = 0.5, .metric = "geomean"});
    assert_int_equal(pair.c.verdict, COMPARE_SLOWER); /* allowed */
    done(&pair);
    compare_made(&pair, &slow, &base, &usual);
    assert_int_equal(pair.c.verdict, COMPARE_FASTER);
    done(&pair);
}

static void metric_is_what_was_named(void **state)
{
    (void)state;
    struct made base = {.create = base_values, .runs = 10}, slow = {.create = slow_values, .runs = 10};
    struct pair pair;
    compare_made(&pair, &base, &slow, &(struct compare_options){.threshold = 0.05, .metric = "create"});
    near(pair.c.primary.change, 2000.5 / 1000.5 - 1);
    assert_int_equal(pair.c.verdict, COMPARE_REGRESSED);
    done(&pair);
    compare_made(&pair, &base, &slow, &(struct compare_options){.threshold = 0.05, .metric = "destroy"});
    assert_int_equal(pair.c.verdict, COMPARE_SAME);
    done(&pair);
    compare_made(&pair, &base, &slow, &(struct compare_options){.threshold = 0.05, .metric = "wall"});
    near(pair.c.primary.sides[COMPARE_BASE].median, 1001);
    assert_int_equal(pair.c.verdict, COMPARE_SAME);
    done(&pair);
    compare_made(&pair, &base, &slow, &(struct compare_options){.threshold = 0.05, .metric = "create", .figure = REPLAY_MAX});
    near(pair.c.primary.sides[COMPARE_NEW].median, 2999.5);
    assert_int_equal(pair.c.verdict, COMPARE_FASTER);
    done(&pair);
    compare_made(&pair, &base, &slow, &(struct compare_options){.threshold = 0.05, .metric = "dance"});
    assert_int_equal(pair.status, -EINVAL);
    assert_non_null(strstr(pair.error.text, "--metric dance: no such kind of call on both sides"));
    done(&pair);
}

static void few_runs_give_no_verdict(void **state)
{
    (void)state;
    struct pair pair;
    compare_made(&pair, &(struct made){.create = base_values, .runs = 3}, &(struct made){.create = slow_values, .runs = 3}, &usual);
    assert_int_equal(pair.status, 0);
    assert_int_equal(pair.c.verdict, COMPARE_UNDECIDED);
    char *text = text_of(&pair.c, comparison_print);
    assert_non_null(strstr(text, "no verdict: the geomean of medians changed by +41.4%, but 3 and 3 runs are too few"));
    free(text);
    done(&pair);
}

/* Files of a side: each of its own boot and kernel, with runs around a value. */
static uint32_t make_boots(struct replay_result *results, uint32_t count, const char *kernel, double value)
{
    for (uint32_t i = 0; i < count; i++) {
        double runs[10];
        char boot[32];
        for (int r = 0; r < 10; r++)
            runs[r] = value + i * 3 + r;
        snprintf(boot, sizeof boot, "%s-%u", kernel, i);
        results[i] = result_of(&(struct made){.create = runs, .runs = 10, .kernel = kernel, .boot = boot});
    }
    return count;
}

static void across_kernels_the_boot_is_the_unit(void **state)
{
    (void)state;
    for (uint32_t boots = 1; boots <= 5; boots += 4) {
        struct replay_result base[5], next[5];
        make_boots(base, boots, "6.1", 1000);
        make_boots(next, boots, "6.12", 2000);
        struct comparison c;
        struct ga_error error;
        const struct compare_side sides[] = {{base, boots}, {next, boots}};
        assert_int_equal(compare_results(&c, &sides[0], &sides[1], &usual, &error), 0);
        assert_true(c.by_boot);
        assert_int_equal(c.rows[0].sides[COMPARE_BASE].count, boots);
        assert_int_equal(c.runs[COMPARE_NEW], boots * 10);
        char *text = text_of(&c, comparison_print);
        if (boots == 1) { /* the change is shown, and no verdict */
            assert_int_equal(c.verdict, COMPARE_UNDECIDED);
            assert_null(strstr(text, "p="));
            assert_non_null(strstr(text, "+99.6%"));
            assert_non_null(strstr(text, "no verdict: the geomean of medians changed by +41.3%, but one boot a side"));
        } else {
            near(c.rows[0].sides[COMPARE_BASE].median, 1000 + 2 * 3 + 4.5);
            assert_int_equal(c.verdict, COMPARE_REGRESSED);
            assert_non_null(strstr(text, "n=5+5"));
        }
        assert_int_equal(c.difference_count, 1);
        assert_string_equal(c.differences[0].name, "kernel");
        free(text);
        comparison_release(&c);
        for (uint32_t i = 0; i < boots; i++) {
            replay_result_release(&base[i]);
            replay_result_release(&next[i]);
        }
    }
}

static void files_of_a_side_are_one_sample_in_the_order_of_time(void **state)
{
    (void)state;
    const double late[] = {5, 6}, early[] = {1, 2};
    struct replay_result base[] = {result_of(&(struct made){.create = late, .runs = 2, .time = "2026-02-01T00:00:00Z"}),
                                   result_of(&(struct made){.create = early, .runs = 2, .time = "2026-01-01T00:00:00Z"})},
                         next = result_of(&(struct made){.create = base_values, .runs = 10});
    struct comparison c;
    struct ga_error error;
    assert_int_equal(compare_results(&c, &(struct compare_side){base, 2}, &(struct compare_side){&next, 1}, &usual, &error), 0);
    const double expected[] = {1, 2, 5, 6};
    assert_int_equal(c.rows[0].sides[COMPARE_BASE].count, 4);
    assert_memory_equal(c.rows[0].sides[COMPARE_BASE].values, expected, sizeof expected);
    comparison_release(&c);
    replay_result_release(&base[0]);
    replay_result_release(&base[1]);
    replay_result_release(&next);
}

static void differences_and_what_spoils_are_named(void **state)
{
    (void)state;
    struct pair pair;
    compare_made(&pair,
                 &(struct made){.create = base_values, .runs = 10,
                                .system = ",\"governor\": \"performance\", \"debug_options\": [], \"load\": \"0.1\", \"cpus\": 4,"
                                          "\"tracing\": null, \"memory_bytes\": 8000000000"},
                 &(struct made){.create = base_values, .runs = 10,
                                .system = ",\"governor\": \"powersave\", \"debug_options\": [\"KASAN\", \"LOCKDEP\"], \"load\": \"9\","
                                          "\"cpus\": 4, \"tracing\": [\"ftrace: tracer function\"], \"memory_bytes\": 8000000001"},
                 &usual);
    assert_int_equal(pair.c.difference_count, 3); /* not load, nor a byte of memory */
    assert_string_equal(pair.c.differences[0].name, "governor");
    assert_string_equal(pair.c.differences[0].values[COMPARE_BASE], "performance");
    assert_string_equal(pair.c.differences[0].values[COMPARE_NEW], "powersave");
    assert_true(warned(&pair.c, "new: the kernel has debug options, its times are not those of a kernel in use (debug_options: KASAN, "
                                "LOCKDEP)"));
    assert_true(warned(&pair.c, "new: tracing was switched on, and is part of the times (tracing: ftrace: tracer function)"));
    assert_true(warned(&pair.c, "new: the machine was busy (load 2.2 a CPU)"));
    assert_false(warned(&pair.c, "base: the"));
    void (*const forms[])(const struct comparison *, FILE *) = {comparison_print, comparison_markdown, comparison_html};
    for (size_t i = 0; i < 3; i++) {
        char *text = text_of(&pair.c, forms[i]);
        assert_non_null(strstr(text, "governor"));
        assert_non_null(strstr(text, "powersave"));
        assert_non_null(strstr(text, "LOCKDEP"));
        free(text);
    }
    done(&pair);
}

static void outliers_drift_and_modes_are_named(void **state)
{
    (void)state;
    const double outlier[] = {1000, 1001, 999, 1002, 998, 1003, 997, 1001, 9000, 1000},
                 drift[] = {1000, 1011, 1020, 1033, 1040, 1051, 1063, 1070, 1084, 1090},
                 modes[] = {1000, 1501, 1001, 1500, 999, 1499, 1002, 1502, 1000, 1498};
    struct pair pair;
    compare_made(&pair, &(struct made){.create = outlier, .runs = 10}, &(struct made){.create = drift, .runs = 10}, &usual);
    assert_true(warned(&pair.c, "base: create ≤ 4 KiB: 1 of 10 runs far from the others"));
    assert_true(warned(&pair.c, "new: create ≤ 4 KiB: drifts: the last third of the runs is 7.2% slower than the first"));
    assert_false(warned(&pair.c, "two modes"));
    done(&pair);
    compare_made(&pair, &(struct made){.create = modes, .runs = 10}, &(struct made){.create = base_values, .runs = 10}, &usual);
    assert_true(warned(&pair.c, "base: create ≤ 4 KiB: two modes, the median is between or in one of them: 5 runs near 1 µs, "
                                "5 near 1.50 µs"));
    assert_false(warned(&pair.c, "drifts"));
    done(&pair);
}

static void a_side_without_memory_is_named(void **state)
{
    (void)state;
    struct pair pair;
    compare_made(&pair, &(struct made){.create = base_values, .runs = 5},
                 &(struct made){.create = base_values, .runs = 5, .exhausted = 3}, &usual);
    assert_int_equal(pair.c.verdict, COMPARE_SAME);
    assert_true(warned(&pair.c, "new: the device had no memory for 15 creates"));
    assert_false(warned(&pair.c, "base: the device had no memory"));
    done(&pair);
}

/* Each warning at its limit: one value makes it, the value beside it does not. */
static void warnings_have_their_limits(void **state)
{
    (void)state;
    const struct {
        const char *words; /* of the warning on the row */
        bool expected;
        uint32_t runs;
        double values[10];
    } cases[] = {
        /* Quartiles 999.25 and 1001.75, so that far out begins at 1009.25. */
        {"far from the others", true, 10, {1000, 1001, 999, 1002, 998, 1003, 997, 1001, 1009.5, 1000}},
        {"far from the others", false, 10, {1000, 1001, 999, 1002, 998, 1003, 997, 1001, 1009, 1000}},
        {"far from the others", false, 3, {1000, 1001, 9000}},
        /* By a thousandth a run: the last third lies 0.7 % above the first; by two 1.4 %. */
        {"drifts", true, 10, {1000, 1002, 1004, 1006, 1008, 1010, 1012, 1014, 1016, 1018}},
        {"drifts", false, 10, {1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009}},
        {"drifts", false, 7, {1000, 1020, 1040, 1060, 1080, 1100, 1120}},
        {"drifts", true, 8, {1000, 1020, 1040, 1060, 1080, 1100, 1120, 1140}},
        /* The same values in another order: a correlation of 0.83 (p 0.013), where 0.86 (0.0099) would do. */
        {"drifts", false, 10, {1004, 1000, 1010, 1002, 1008, 1006, 1018, 1012, 1014, 1016}},
        /* Groups of five, 1.58 of deviation each: seven of those are 11.1. */
        {"two modes", true, 10, {998, 1010, 999, 1011, 1000, 1012, 1001, 1013, 1002, 1014}},
        {"two modes", false, 10, {998, 1009, 999, 1010, 1000, 1011, 1001, 1012, 1002, 1013}},
        {"two modes", true, 10, {998, 1050, 999, 1051, 1000, 1052, 1001, 1000, 1002, 999}},
        {"two modes", false, 10, {998, 1050, 999, 1051, 1000, 1000, 1001, 1000, 1002, 999}}, /* two are too few */
        {"two modes", false, 9, {998, 1050, 999, 1051, 1000, 1052, 1001, 1000, 1002}},
        {"two modes", false, 10, {1000, 1009, 1000, 1009, 1000, 1009, 1000, 1009, 1000, 1009}}, /* less than 1 % apart */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char words[96];
        struct pair pair;
        bool outlier = strcmp(cases[i].words, "far from the others") == 0;
        snprintf(words, sizeof words, "base: create ≤ 4 KiB: %s%s", outlier ? "1 of 10 runs " : "", cases[i].words);
        compare_made(&pair, &(struct made){.create = cases[i].values, .runs = cases[i].runs},
                     &(struct made){.create = base_values, .runs = 10}, &usual);
        if (warned(&pair.c, words) != cases[i].expected)
            fail_msg("case %zu: '%s' is %s", i, words, cases[i].expected ? "missing" : "there");
        done(&pair);
    }
}

static void false_alarms_are_at_most_one_in_twenty(void **state)
{
    (void)state;
    chance = 2026;
    struct tally tally = compare_many(1000, 0, 0);
    print_message("A/A, 1000 pairs: primary significant %d, any of %d rows %d\n", tally.primary, KINDS, tally.any_row);
    assert_in_range(tally.primary, 30, 50); /* 4.3 %: the exact test of 10 and 10 has no level nearer to 5 */
    assert_in_range(tally.any_row, 0, 50);
}

static void what_is_planted_is_found_and_named(void **state)
{
    (void)state;
    chance = 1;
    struct tally tally = compare_many(300, 0.1, 0);
    print_message("one kind 10%% slower, 300 pairs: named %d\n", tally.named);
    assert_in_range(tally.named, 297, 300);
    tally = compare_many(300, 0, 0.05);
    print_message("all 5%% slower, 300 pairs: found %d\n", tally.primary);
    assert_in_range(tally.primary, 297, 300);
}

static void what_cannot_be_compared_is_refused(void **state)
{
    (void)state;
    struct made base = {.create = base_values, .runs = 5}, dumb = {.mode = "dumb", .create = slow_values, .runs = 5},
                other = {.plan = "2", .create = slow_values, .runs = 5};
    struct pair pair;
    compare_made(&pair, &base, &dumb, &usual);
    assert_int_equal(pair.status, -EINVAL);
    assert_non_null(strstr(pair.error.text, "one result is verbatim and the other dumb"));
    done(&pair);
    compare_made(&pair, &base, &other, &usual);
    assert_int_equal(pair.status, -EINVAL);
    assert_non_null(strstr(pair.error.text, "different traces"));
    done(&pair);
}

/* What changes a call's time, and no machine is to blame for. An old result does not say how many loops: it had one. */
static void settings_that_differ_are_refused_or_named(void **state)
{
    (void)state;
    const struct {
        const char *base, *next, *refusal; /* null: compared */
    } cases[] = {
        {",\"loops\": 1", ",\"loops\": 5", "one result is of --loops 1 and the other of --loops 5"},
        {"", ",\"loops\": 2", "one result is of --loops 1 and the other of --loops 2"},
        {",\"threads\": 1", ",\"threads\": 2", "one result is of --lanes 1 and the other of --lanes 2"},
        {",\"processes\": 1", ",\"processes\": 2", "of one result were issued by 1 processes and of the other by 2"},
        {",\"speed\": \"asap\"", ",\"speed\": \"real\"", "one result is of --speed asap and the other of --speed real"},
        {",\"state\": \"cold\"", "", "one result is of --state cold and the other of --state as found"},
        {"", ",\"loops\": 1, \"processes\": 2", NULL},
        {",\"cpus\": [0,1]", ",\"cpus\": []", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair pair;
        compare_made(&pair, &(struct made){.create = base_values, .runs = 5, .settings = cases[i].base},
                     &(struct made){.create = base_values, .runs = 5, .settings = cases[i].next}, &usual);
        assert_int_equal(pair.status, cases[i].refusal ? -EINVAL : 0);
        if (cases[i].refusal && !strstr(pair.error.text, cases[i].refusal))
            fail_msg("case %zu: %s", i, pair.error.text);
        if (!cases[i].refusal)
            assert_int_equal(pair.c.difference_count, strstr(cases[i].base, "cpus") != NULL);
        if (pair.c.difference_count) {
            assert_string_equal(pair.c.differences[0].name, "replay_cpus");
            assert_string_equal(pair.c.differences[0].values[COMPARE_BASE], "0, 1");
            assert_string_equal(pair.c.differences[0].values[COMPARE_NEW], "none");
        }
        done(&pair);
    }
}

static void a_result_counts_once(void **state)
{
    (void)state;
    const struct made base = {.create = base_values, .runs = 5, .time = "2026-01-01T00:00:00.000Z"},
                      next = {.create = slow_values, .runs = 5, .time = "2026-01-01T00:00:01.000Z"};
    struct replay_result results[] = {result_of(&base), result_of(&base), result_of(&next), result_of(&next)};
    struct comparison c;
    struct ga_error error;
    const struct compare_side twice = {results, 2}, once = {results + 2, 1}, again = {results + 3, 1};
    assert_int_equal(compare_results(&c, &twice, &once, &usual, &error), -EINVAL);
    assert_non_null(strstr(error.text, "are one result on one side: its runs would count twice"));
    comparison_release(&c);
    assert_int_equal(compare_results(&c, &once, &twice, &usual, &error), -EINVAL);
    comparison_release(&c);
    assert_int_equal(compare_results(&c, &once, &again, &usual, &error), 0);
    assert_true(warned(&c, "is on both sides: it is compared with itself"));
    comparison_release(&c);
    assert_int_equal(compare_results(&c, &(struct compare_side){results, 1}, &once, &usual, &error), 0);
    assert_false(warned(&c, "both sides"));
    comparison_release(&c);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        replay_result_release(&results[i]);
}

static void what_a_result_lacks_is_named(void **state)
{
    (void)state;
    struct pair pair;
    compare_made(&pair, &(struct made){.create = base_values, .runs = 5, .settings = ",\"benchmark\": true, \"fidelity\": 0.99"},
                 &(struct made){.create = base_values, .runs = 5, .issued = 4,
                                .settings = ",\"benchmark\": false, \"fidelity\": 0.9, \"require_fidelity\": 0.95"},
                 &usual);
    assert_true(warned(&pair.c, "its fidelity is 0.9000, and 0.9500 was asked for: it is not called a benchmark"));
    assert_true(warned(&pair.c, "a run of base issued 10 calls, and of new 4: they did not do the same work"));
    assert_int_equal(pair.c.warning_count, 2);
    done(&pair);
}

static void runs_that_were_ended_early_are_left_out_and_named(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"schema_version\":2,\"trace\":\"T\",\"backend\":\"dxg\",\"mode\":\"verbatim\","
        "\"plan\":{\"hash\":\"1\",\"order\":\"memory\"},"
        "\"device\":{\"node\":\"\",\"driver\":\"x\"},\"ended_by\":\"time\",\"runs\":["
        "{\"complete\":true,\"wall_ns\":1,\"kinds\":[{\"kind\":\"create\",\"size_class\":0,\"p50_ns\":5}]},"
        "{\"complete\":false,\"wall_ns\":1,\"kinds\":[]}]}\n",
        "{\"schema_version\":2,\"trace\":\"T\",\"backend\":\"dxg\",\"mode\":\"verbatim\","
        "\"plan\":{\"hash\":\"1\",\"order\":\"memory\"},"
        "\"device\":{\"node\":\"\",\"driver\":\"x\"},\"ended_by\":\"time\",\"runs\":[]}",
        "{\"schema_version\":2,\"runs\":[]}{}",
    };
    struct replay_result result, other = result_of(&(struct made){.create = base_values, .runs = 5});
    struct ga_error error;
    assert_int_equal(replay_result_parse(&result, texts[0], strlen(texts[0]), &error), 0);
    struct comparison c;
    const struct compare_side early = {&result, 1}, whole = {&other, 1};
    assert_int_equal(compare_results(&c, &early, &whole, &usual, &error), -EINVAL);
    comparison_release(&c); /* other is of another size class */
    assert_int_equal(result.left_out, 1);
    assert_int_equal(compare_results(&c, &early, &early, &usual, &error), 0);
    assert_true(warned(&c, "base: a result: 1 of 2 runs were ended early: time, and are left out"));
    comparison_release(&c);
    replay_result_release(&result);
    assert_int_equal(replay_result_parse(&result, texts[1], strlen(texts[1]), &error), -EINVAL);
    assert_non_null(strstr(error.text, "none of its runs is whole: the replay was ended early: time"));
    replay_result_release(&result);
    assert_int_equal(replay_result_parse(&result, texts[2], strlen(texts[2]), &error), -EINVAL);
    assert_non_null(strstr(error.text, "something stands after its end, at byte 30"));
    replay_result_release(&result);
    replay_result_release(&other);
}

static void no_change_is_made_up(void **state)
{
    (void)state;
    const double zeros[5] = {0};
    struct pair pair;
    compare_made(&pair, &(struct made){.create = zeros, .runs = 5}, &(struct made){.create = base_values, .runs = 5}, &usual);
    assert_int_equal(pair.status, 0);
    assert_true(isnan(pair.c.primary.change)); /* no run of base has a geometric mean */
    assert_true(isnan(pair.c.rows[0].change));
    assert_int_equal(pair.c.verdict, COMPARE_UNDECIDED);
    void (*const forms[])(const struct comparison *, FILE *) = {comparison_print, comparison_markdown, comparison_html};
    for (size_t i = 0; i < 3; i++) {
        char *text = text_of(&pair.c, forms[i]);
        assert_non_null(strstr(text, "no verdict: the geomean of medians cannot be compared: no run of one side has all"));
        assert_null(strstr(text, "nan"));
        assert_null(strstr(text, "changed by"));
        free(text);
    }
    char *json = comparison_json(&pair.c);
    assert_non_null(strstr(json, "\"change\": null"));
    free(json);
    done(&pair);
}

/* Up to three rows are told one by one; more are a sentence, and the metric's own row stands for itself. */
static void many_odd_rows_are_one_sentence(void **state)
{
    (void)state;
    for (uint32_t odd = 3; odd <= 4; odd++) {
        double values[2][KINDS][RUNS];
        for (int side = 0; side < 2; side++)
            for (uint32_t k = 0; k < KINDS; k++)
                for (uint32_t r = 0; r < 10; r++)
                    values[side][k][r] = 1000 + (double)r - (side == 0 && k < odd && r == 4 ? 500 : 0);
        struct pair pair;
        compare_made(&pair, &(struct made){.more = values[0], .kinds = KINDS, .runs = 10},
                     &(struct made){.more = values[1], .kinds = KINDS, .runs = 10}, &usual);
        assert_true(warned(&pair.c, "base: geomean: 1 of 10 runs far from the others"));
        assert_int_equal(warned(&pair.c, "base: kind0 ≤ 4 KiB: 1 of 10 runs far from the others"), odd == 3);
        assert_int_equal(warned(&pair.c, "base: 4 of 8 rows have some runs far from the others"), odd == 4);
        done(&pair);
    }
}

/* What a stranger's file says reaches a terminal, a page and Markdown as text. */
static void texts_of_a_file_are_only_text(void **state)
{
    (void)state;
    struct pair pair;
    compare_made(&pair, &(struct made){.create = base_values, .runs = 5},
                 &(struct made){.create = base_values, .runs = 5, .system = ",\"<script>\": \"\\u001b[2J<b>|\""}, &usual);
    char *text = text_of(&pair.c, comparison_print), *page = text_of(&pair.c, comparison_html);
    assert_null(strchr(text, 27));
    assert_non_null(strstr(text, "differs: <script>: not told | ?[2J<b>|"));
    assert_null(strstr(page, "<script>:"));
    assert_null(strstr(page, "<b>|"));
    assert_non_null(strstr(page, "&lt;script&gt;"));
    free(text);
    free(page);
    done(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twice_as_slow_is_a_regression),
        cmocka_unit_test(metric_is_what_was_named),
        cmocka_unit_test(few_runs_give_no_verdict),
        cmocka_unit_test(across_kernels_the_boot_is_the_unit),
        cmocka_unit_test(files_of_a_side_are_one_sample_in_the_order_of_time),
        cmocka_unit_test(differences_and_what_spoils_are_named),
        cmocka_unit_test(outliers_drift_and_modes_are_named),
        cmocka_unit_test(a_side_without_memory_is_named),
        cmocka_unit_test(warnings_have_their_limits),
        cmocka_unit_test(settings_that_differ_are_refused_or_named),
        cmocka_unit_test(a_result_counts_once),
        cmocka_unit_test(what_a_result_lacks_is_named),
        cmocka_unit_test(runs_that_were_ended_early_are_left_out_and_named),
        cmocka_unit_test(many_odd_rows_are_one_sentence),
        cmocka_unit_test(no_change_is_made_up),
        cmocka_unit_test(false_alarms_are_at_most_one_in_twenty),
        cmocka_unit_test(what_is_planted_is_found_and_named),
        cmocka_unit_test(what_cannot_be_compared_is_refused),
        cmocka_unit_test(texts_of_a_file_are_only_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
