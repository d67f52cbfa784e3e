/* gpualloc export: a trace in the forms that other tools read. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/export/format.h"
#include "analyzer/outfile.h"
#include "base/verb.h"

extern const struct ga_verb verb_export;

static const char *format_name, *output, *bytes_name = "peak";

static const struct export_format *const formats[] = {&export_perfetto, &export_jsonl, &export_folded, &export_svg};

struct run {
    struct export export;
    const struct export_format *format;
    struct outfile out;
};

static void release(struct run *run)
{
    if (run->export.state && run->format->release)
        run->format->release(&run->export);
    free(run->export.state);
    run->export.state = NULL;
    labels_release(&run->export.labels);
}

static int on_begin(void *user, unsigned pass)
{
    struct run *run = user;
    release(run);
    int result = pass ? outfile_restart(&run->out) : 0;
    run->export.now_ns = 0;
    run->export.state = calloc(1, run->format->state_size);
    if (result < 0 || !run->export.state)
        return result < 0 ? result : -ENOMEM;
    return run->format->begin ? run->format->begin(&run->export) : 0;
}

static int on_before(void *user, const struct ga_call *call)
{
    struct run *run = user;
    if (call->end_ns > run->export.now_ns)
        run->export.now_ns = call->end_ns;
    return 0;
}

static int on_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    struct run *run = user;
    if (ns > run->export.now_ns)
        run->export.now_ns = ns;
    int result = labels_event(&run->export.labels, row, record);
    return result >= 0 && run->format->event ? run->format->event(&run->export, row, record, ns) : result;
}

static int on_born(void *user, struct ga_life *life, const struct ga_call *call)
{
    struct run *run = user;
    return run->format->born ? run->format->born(&run->export, life, call) : 0;
}

static int on_died(void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    struct run *run = user;
    return run->format->died ? run->format->died(&run->export, life, how, call) : 0;
}

static int on_after(void *user, const struct ga_call *call)
{
    struct run *run = user;
    int result = run->format->after ? run->format->after(&run->export, call) : 0;
    return result < 0 ? result : ferror(run->out.file) ? -EIO : 0;
}

static int on_end(void *user, const struct ga_reader_totals *totals)
{
    struct run *run = user;
    int result = run->format->end ? run->format->end(&run->export, totals) : 0;
    return result < 0 ? result : 0;
}

/* What could be read of a damaged trace is written, and is a failure all the same. */
static int export_trace(struct run *run, struct ga_error *error)
{
    static const struct follow_ops ops = {.begin = on_begin, .before = on_before, .event = on_event, .born = on_born,
                                          .died = on_died, .after = on_after, .end = on_end};
    if (run->format->binary && (!output || !strcmp(output, "-")) && isatty(STDOUT_FILENO))
        return ga_error_set(error, EINVAL, "%s is no text: give a file (-o)", run->format->name);
    int result = outfile_open(&run->out, output, error);
    if (result < 0)
        return result;
    run->export.file = run->out.file;
    struct ga_error damage = {""};
    result = follow_run("export", run->export.path, &ops, run, &run->export.follow, NULL, &damage);
    if (result < 0)
        *error = damage;
    if (result < 0 && result != -EIO)
        return result;
    if (run->format->done)
        run->format->done(&run->export);
    int written = outfile_commit(&run->out, result ? NULL : error);
    return result ? result : written;
}

static int run_export(int argc, char **argv)
{
    (void)argc;
    struct ga_error error = {""};
    struct run run = {.export = {.path = argv[0], .peak = !strcmp(bytes_name, "peak")}};
    for (size_t i = 0; format_name && i < sizeof formats / sizeof *formats; i++)
        if (!strcmp(formats[i]->name, format_name))
            run.format = formats[i];
    if (!run.format) {
        ga_error_set(&error, EINVAL, "say which form: --format perfetto, jsonl, folded or svg");
        ga_error_print("export", &error);
        return GA_EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    int result = export_trace(&run, &error);
    release(&run);
    outfile_discard(&run.out);
    if (result < 0)
        ga_error_print("export", &error);
    return result < 0 ? GA_EXIT_FAILURE : GA_EXIT_OK;
}

static const struct ga_option options[] = {
    {"format", 'f', GA_OPTION_CHOICE, "FORM", "what to write (required)", &format_name,
     (const char *const[]){"perfetto", "jsonl", "folded", "svg", NULL}},
    {"output", 'o', GA_OPTION_STRING, "FILE", "where to; replaced when it is complete (standard output)", &output, NULL},
    {"bytes", 'b', GA_OPTION_CHOICE, "WHICH", "folded, svg: bytes alive at the peak, or all that were made (peak)", &bytes_name,
     (const char *const[]){"peak", "made", NULL}},
    {0},
};

const struct ga_verb verb_export = {
    .name = "export",
    .summary = "Writes a trace for Perfetto, as a flame graph of bytes, or one JSON object an allocation",
    .synopsis = "--format perfetto|jsonl|folded|svg [-o FILE] TRACE",
    .description =
        "perfetto: for ui.perfetto.dev: calls with their arguments on a track a thread, live bytes by device, process, size\n"
        "class and surface, and a flow from each allocation's create to its destroy. jsonl: one object an allocation, when it\n"
        "ends. folded: a line a stack (process, thread, surface, call and size class) with bytes, for flamegraph.pl. svg: the\n"
        "same drawn, to be opened in a browser. Names in them are the program's. docs/export.md has every member.\n"
        "What was lost is said on standard error.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run_export,
};
