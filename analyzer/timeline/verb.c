/* gpualloc timeline: a trace as one page for a browser. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/outfile.h"
#include "analyzer/timeline/timeline.h"
#include "base/verb.h"

extern const struct ga_verb verb_timeline;

static const char *output;
static uint64_t limit = 1000000;

struct run {
    struct timeline timeline; /* first: it is the user of timeline_ops */
    struct outfile out;
};

/* What could be read of a damaged trace is shown, and is a failure all the same. */
static int make_page(struct run *run, const char *path, struct ga_error *error)
{
    if ((!output || !strcmp(output, "-")) && isatty(STDOUT_FILENO))
        return ga_error_set(error, EINVAL, "a page is for a browser: give a file (-o page.html)");
    int result = outfile_open(&run->out, output, error);
    if (result < 0)
        return result;
    run->timeline.path = path;
    run->timeline.page = run->out.file;
    run->timeline.limit = limit ? limit : 1;
    struct ga_error damage = {""};
    struct ga_reader_totals totals;
    result = follow_run("timeline", path, &timeline_ops, &run->timeline, NULL, &totals, &damage);
    if (result < 0)
        *error = damage;
    if (result < 0 && result != -EIO)
        return result;
    int written = timeline_write(&run->timeline, &totals, result ? damage.text : NULL);
    if (written < 0)
        return ga_error_errno(error, -written, "%s", output ? output : "standard output");
    written = outfile_commit(&run->out, result ? NULL : error);
    return result ? result : written;
}

static int run_timeline(int argc, char **argv)
{
    (void)argc;
    static struct run run;
    struct ga_error error = {""};
    signal(SIGPIPE, SIG_IGN);
    int result = make_page(&run, argv[0], &error);
    timeline_release(&run.timeline);
    outfile_discard(&run.out);
    if (result < 0)
        ga_error_print("timeline", &error);
    return result < 0 ? GA_EXIT_FAILURE : GA_EXIT_OK;
}

static const struct ga_option options[] = {
    {"output", 'o', GA_OPTION_STRING, "FILE", "the page; replaced when it is complete (standard output)", &output, NULL},
    {"limit", 'l', GA_OPTION_COUNT, "N", "allocations to show singly, the largest ones (1000000)", &limit, NULL},
    {0},
};

const struct ga_verb verb_timeline = {
    .name = "timeline",
    .summary = "Makes a page that shows memory, allocations and calls over time",
    .synopsis = "-o FILE.html [--limit N] TRACE",
    .description =
        "One file for a browser, which needs nothing else and asks nothing of any network: live bytes stacked by surface, size\n"
        "class, thread, process or device; the life of each allocation as a line; the duration of each call as a point. Zoom,\n"
        "search, and what is under the cursor: docs/timeline.md. Of a larger trace the largest N allocations are shown singly,\n"
        "and the bytes of the others as one band. What was lost is said on standard error, and in the page.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run_timeline,
};
