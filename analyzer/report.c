/* The verb report: runs the analyses over a trace and prints a page of text, or JSON (docs/report-json.md). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/verb.h"
#include "page.h"
#include "run.h"

static const char *by;
static uint64_t top;
static bool as_json;
static const char *from, *to;

static const char *const by_choices[] = {
#define ANALYSIS(name) #name,
#include "analyzer/analyses.inc" /* generated from the names of analyses/ */
#undef ANALYSIS
    NULL};

/* "1.5s", "200ms", "30us", "5ns", "2m": ns from the trace's start. */
static int parse_time(const char *option, const char *text, int64_t *out, struct ga_error *error)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    char *end = NULL;
    double value = text ? strtod(text, &end) : 0;
    if (!text)
        return 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (end != text && !strcmp(end, units[i].name) && value >= 0 && value * units[i].ns < 4e18) {
            *out = (int64_t)(value * units[i].ns + 0.5);
            return 0;
        }
    return ga_error_set(error, EINVAL, "--%s %s: say a time after the trace's start with its unit (ns, us, ms, s, m, h), as 1.5s",
                        option, text);
}

static int parse_range(struct analysis_run *run, struct ga_error *error)
{
    int result = parse_time("from", from, &run->from_ns, error);
    result = result ? result : parse_time("to", to, &run->to_ns, error);
    if (!result && from && run->from_ns >= run->to_ns)
        result = ga_error_set(error, EINVAL, "--from %s is not before --to %s", from, to);
    return result;
}

/* A damaged trace (-EIO) is reported as far as it goes, and is a failure all the same. */
static int report(struct analysis_run *run, const char *path, const struct analysis **chosen, struct ga_error *error)
{
    struct page_options options = {stdout, top, as_json, page_in_colour()};
    int read = analysis_run(run, path, chosen, page_choose(chosen, &by, by != NULL), error);
    if (read < 0 && read != -EIO)
        return read;
    int result = page_print(run->set, &run->trace, &options);
    if (result == -EIO)
        return ga_error_errno(error, EIO, "standard output");
    return result < 0 ? ga_error_errno(error, -result, "%s", path) : read;
}

static int run_report(int argc, char **argv)
{
    (void)argc;
    struct ga_error error = {""};
    const struct analysis *chosen[PAGE_ANALYSES_MAX]; /* as long as the run */
    struct analysis_run run = {.from_ns = INT64_MIN, .to_ns = INT64_MAX};
    if (parse_range(&run, &error)) {
        ga_error_print("report", &error);
        return GA_EXIT_USAGE;
    }
    int result = report(&run, argv[0], chosen, &error);
    analysis_run_end(&run);
    if (result < 0)
        ga_error_print("report", &error);
    return result < 0 ? GA_EXIT_FAILURE : GA_EXIT_OK;
}

static const struct ga_option options[] = {
    {"by", 'b', GA_OPTION_CHOICE, "WHAT", "the summary and one analysis only", &by, by_choices},
    {"top", 'n', GA_OPTION_COUNT, "N", "rows of each table, at most (8; with --by 30)", &top, NULL},
    {"from", 0, GA_OPTION_STRING, "TIME", "only what happened from then on, counted from the trace's start: 1.5s, 200ms", &from, NULL},
    {"to", 0, GA_OPTION_STRING, "TIME", "only what happened before then", &to, NULL},
    {"json", 0, GA_OPTION_FLAG, NULL, "print JSON, all rows (see docs/report-json.md)", &as_json, NULL},
    {NULL},
};

const struct ga_verb verb_report = {
    .name = "report",
    .summary = "Says who allocated what, when, how large, for how long, and what was never freed",
    .synopsis = "[--by WHAT] [--top N] [--from TIME] [--to TIME] [--json] TRACE",
    .description =
        "Bytes are counted from a create's completion to that of the call that freed it, an imported handle's only where\n"
        "the memory was made. D3DKMT names no sizes: they come from standard allocations, from private data that gpualloc can\n"
        "decode, from what a lock mapped, and from GPU mappings, which give a lower bound (\"≥\"). What is not known is\n"
        "called unknown and is in no byte count. Percentiles are within 0.8 %.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run_report,
};
