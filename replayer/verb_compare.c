/* gpualloc compare: whether one replay of a trace was faster than another. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "replayer/compare.h"
#include "replayer/verbs.h"

static struct {
    const char *json;
    double threshold;
} asked = {.threshold = 5};

static const struct ga_option options[] = {
    {.name = "threshold", .kind = GA_OPTION_NUMBER, .argument = "PERCENT", .value = &asked.threshold,
     .help = "how much slower is a regression (default: 5)"},
    {.name = "json", .kind = GA_OPTION_STRING, .argument = "FILE", .value = &asked.json,
     .help = "write JSON; - is standard output, instead of the table"},
    {0},
};

static int report(const struct comparison *comparison, const struct replay_result *base, const struct replay_result *next,
                  struct ga_error *error)
{
    bool to_stdout = asked.json && asked.json[0] == '-' && !asked.json[1];
    if (!to_stdout)
        comparison_print(comparison, base, next, asked.threshold / 100, stdout);
    if (!asked.json)
        return 0;
    char *json = comparison_json(comparison, base, next, asked.threshold / 100);
    int result = json ? replay_write_file(asked.json, json, error) : ga_error_errno(error, ENOMEM, "compare");
    free(json);
    return result;
}

static int run(int argc, char **argv)
{
    (void)argc;
    struct replay_result base = {0}, next = {0};
    struct comparison comparison = {0};
    struct ga_error error = {""};
    int result = asked.threshold < 0 ? ga_error_set(&error, EINVAL, "--threshold cannot be negative") : 0;
    if (result == 0)
        result = replay_result_read(&base, argv[0], &error);
    if (result == 0)
        result = replay_result_read(&next, argv[1], &error);
    if (result == 0)
        result = compare_results(&comparison, &base, &next, asked.threshold / 100, &error);
    if (result == 0)
        result = report(&comparison, &base, &next, &error);
    int status = result == 0 ? (comparison.regressed ? GA_EXIT_REGRESSED : GA_EXIT_OK) : GA_EXIT_FAILURE;
    if (result < 0)
        ga_error_print("compare", &error);
    comparison_release(&comparison);
    replay_result_release(&base);
    replay_result_release(&next);
    return status;
}

const struct ga_verb verb_compare = {
    .name = "compare",
    .summary = "Says whether one replay was faster than another",
    .synopsis = "[--threshold PERCENT] [--json FILE] BASE.json NEW.json",
    .description =
        "Each line is a kind of call in a class of sizes: the median over the runs of a run's median latency, its spread (half the\n"
        "interquartile range), the change, and the p of a Mann-Whitney U test over the runs; ~ is a change that is not\n"
        "significant at 5 %, corrected for the number of lines. The verdict is on the geometric mean of all lines: exit status 3\n"
        "when it is significantly slower by more than the threshold. Results of different traces, and verbatim with translated\n"
        "ones, are not compared. Between two kernels the runs of one boot give no verdict: docs/compare-kernels.md.",
    .options = options,
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
