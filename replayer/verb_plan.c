/* gpualloc plan: what a replay would do, without doing it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/verb.h"
#include "launch/launch.h"
#include "replayer/devices.h"
#include "replayer/plan_outline.h"
#include "replayer/verbs.h"

static const char *const orders[] = {"memory", "resource", NULL};

static struct {
    const char *device, *backend, *order, *range;
    uint64_t max_bytes, max_calls;
    struct ga_option_list skips;
    bool softgpu, json, calls, accept_loss, no_cache;
} asked = {.order = "memory", .max_calls = 20000000};

static const struct ga_option options[] = {
    {.name = "device", .letter = 'd', .kind = GA_OPTION_STRING, .argument = "NODE", .value = &asked.device,
     .help = "also say whether this device could take it: a node, as for 'gpualloc replay'"},
    {.name = "backend", .kind = GA_OPTION_STRING, .argument = "NAME", .value = &asked.backend,
     .help = "the same of a backend; 'gpualloc devices' lists them"},
    {.name = "softgpu", .kind = GA_OPTION_FLAG, .value = &asked.softgpu, .help = "the same of a /dev/dxg made of software"},
    {.name = "json", .kind = GA_OPTION_FLAG, .value = &asked.json, .help = "print one JSON object"},
    {.name = "calls", .kind = GA_OPTION_FLAG, .value = &asked.calls,
     .help = "print each call of the plan as a JSON line: its lane, its objects, what it waits for"},
    {.name = "order", .kind = GA_OPTION_CHOICE, .argument = "HOW", .value = &asked.order, .choices = orders,
     .help = "what a create waits for besides the objects that it names: memory: frees recorded before it; resource: nothing"},
    {.name = "range", .kind = GA_OPTION_STRING, .argument = "FROM..TO", .value = &asked.range,
     .help = "a part of the trace: calls as 'gpualloc list' prints them (100..200), or times since the first (1.5s..2s)"},
    {.name = "skip", .kind = GA_OPTION_LIST, .argument = "KIND", .value = &asked.skips,
     .help = "leave calls out: create, destroy, map, share, wait, submit, other, or a call's name; may be given again"},
    {.name = "no-cache", .kind = GA_OPTION_FLAG, .value = &asked.no_cache,
     .help = "compile the trace even if its plan was kept, and keep none"},
    {.name = "accept-loss", .kind = GA_OPTION_FLAG, .value = &asked.accept_loss, .help = "plan a trace that lost events"},
    {.name = "max-bytes", .kind = GA_OPTION_SIZE, .argument = "SIZE", .value = &asked.max_bytes,
     .help = "bytes alive at once that the device's verdict allows (default: three quarters of the machine's memory)"},
    {.name = "max-calls", .kind = GA_OPTION_COUNT, .argument = "N", .value = &asked.max_calls,
     .help = "refuse a trace with more calls (default: 20000000)"},
    {0},
};

static int print_plan(const char *trace, const struct replay_plan *plan, const struct replay_session *session, bool *runs,
                      struct ga_error *error)
{
    static struct replay_outline outline;
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE) / 4 * 3;
    int result = replay_outline_init(&outline, trace, plan, session, asked.max_bytes ? asked.max_bytes : machine, error);
    *runs = !*outline.obstacle;
    if (result == 0 && asked.calls)
        replay_outline_write_calls(&outline, stdout);
    else if (result == 0 && asked.json)
        result = replay_outline_write(&outline, "-", error);
    else if (result == 0)
        replay_outline_print(&outline, stdout);
    replay_outline_release(&outline);
    return result;
}

static int plan_trace(const char *trace, const struct replay_plan_options *wanted, bool *runs, struct ga_error *error)
{
    struct replay_plan plan = {0};
    struct replay_choice choice;
    struct replay_session session = {0};
    bool on_device = asked.device || asked.backend || asked.softgpu;
    int result = replay_plan_load(&plan, trace, wanted, asked.accept_loss, error);
    if (result == 0 && on_device)
        result = replay_choose(&plan, asked.device, asked.backend, asked.softgpu, &choice, error);
    if (result == 0 && on_device)
        result = replay_session_open(&session, choice.backend, &choice.target, &plan, error);
    if (result == 0)
        result = print_plan(trace, &plan, on_device ? &session : NULL, runs, error);
    replay_session_close(&session);
    replay_plan_release(&plan);
    return result;
}

static int run(int argc, char **argv)
{
    (void)argc;
    struct ga_error error = {""};
    bool runs = false;
    if (asked.softgpu && (asked.device || (asked.backend && strcmp(asked.backend, "dxg") != 0))) {
        fputs("gpualloc plan: --softgpu is a device of its own; leave --device and --backend away\n", stderr);
        return GA_EXIT_USAGE;
    }
    if (asked.backend && !replay_backend_find(asked.backend)) {
        fprintf(stderr, "gpualloc plan: unknown backend %s; 'gpualloc devices' lists them\n", asked.backend);
        return GA_EXIT_USAGE;
    }
    if (asked.backend && replay_backend_find(asked.backend)->model) {
        fprintf(stderr, "gpualloc plan: backend %s is a model, no device: ask it by 'gpualloc replay --backend %s'\n", asked.backend,
                asked.backend);
        return GA_EXIT_USAGE;
    }
    struct replay_plan_options wanted = {
        .max_calls = asked.max_calls,
        .order = strcmp(asked.order, "resource") == 0 ? REPLAY_ORDER_RESOURCE : REPLAY_ORDER_MEMORY,
        .verb = "plan",
        .no_cache = asked.no_cache,
    };
    if (replay_plan_ask(&wanted, asked.range, asked.skips.items, asked.skips.count, &error) < 0) {
        ga_error_print("plan", &error);
        return GA_EXIT_USAGE;
    }
    int result = asked.softgpu ? ga_launch_reexec(GA_LAUNCH_SOFTGPU, &error) : 0;
    if (result == 0)
        result = plan_trace(argv[0], &wanted, &runs, &error);
    if (result < 0)
        ga_error_print("plan", &error);
    return result == -ENODATA ? GA_EXIT_LOSSY : result < 0 || !runs ? GA_EXIT_FAILURE : GA_EXIT_OK;
}

const struct ga_verb verb_plan = {
    .name = "plan",
    .summary = "Shows what a replay of a trace would issue, skip and wait for",
    .synopsis = "[--device NODE | --backend NAME | --softgpu] [options] TRACE",
    .description =
        "The trace is compiled as for 'gpualloc replay', and nothing is issued: each captured thread (a lane), what threads wait for,\n"
        "calls by kind, and the largest. With a device it also says whether a replay on it would run; when it would not, the exit\n"
        "status is 1. A lossy trace is refused with exit status 4.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
