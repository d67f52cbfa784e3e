/* gpualloc replay: a trace's calls issued again, timed. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "base/verb.h"
#include "launch/launch.h"
#include "replayer/devices.h"
#include "replayer/result.h"
#include "replayer/verbs.h"

static const char *const orders[] = {"memory", "resource", NULL};
static const char *const allocators[] = {"buddy", "mm", NULL};
static const char *const translations[] = {
    [REPLAY_TRANSLATE_AUTO] = "auto", [REPLAY_TRANSLATE_VERBATIM] = "verbatim", [REPLAY_TRANSLATE_STANDARD] = "standard", NULL};

static const char *const populates[] = {[REPLAY_POPULATE_NONE] = "none", [REPLAY_POPULATE_TOUCH] = "touch",
                                        [REPLAY_POPULATE_SUBMIT] = "submit", NULL};

static struct {
    const char *device, *backend, *json, *order, *translate, *populate, *range;
    uint64_t runs, warmup, max_bytes, max_calls;
    struct ga_option_list skips;
    bool softgpu, accept_loss, dry_run, no_cache, verbose;
    const char *vram, *allocator; /* of a model's memory, with gtt */
    uint64_t gtt;
} asked = {.order = "memory", .translate = "auto", .populate = "none", .runs = 1, .max_calls = 20000000};

static const struct ga_option options[] = {
    {.name = "device", .letter = 'd', .kind = GA_OPTION_STRING, .argument = "NODE", .value = &asked.device,
     .help = "device node: /dev/dri/cardN, /dev/dri/renderDN, /dev/dxg (default: one that suits the trace)"},
    {.name = "backend", .kind = GA_OPTION_STRING, .argument = "NAME", .value = &asked.backend,
     .help = "issue the calls through this backend instead of the device's own; 'gpualloc devices' lists them"},
    {.name = "softgpu", .kind = GA_OPTION_FLAG, .value = &asked.softgpu, .help = "replay on a /dev/dxg made of software"},
    {.name = "runs", .letter = 'n', .kind = GA_OPTION_COUNT, .argument = "N", .value = &asked.runs,
     .help = "runs that are measured (default: 1; a comparison wants 5 or more)"},
    {.name = "warmup", .kind = GA_OPTION_COUNT, .argument = "N", .value = &asked.warmup,
     .help = "runs before them that are not (default: 0)"},
    {.name = "json", .kind = GA_OPTION_STRING, .argument = "FILE", .value = &asked.json,
     .help = "write the result for 'gpualloc compare'; - is standard output, instead of the table"},
    {.name = "order", .kind = GA_OPTION_CHOICE, .argument = "HOW", .value = &asked.order, .choices = orders,
     .help = "what a create waits for besides the objects that it names: memory: frees recorded before it; resource: nothing"},
    {.name = "translate", .kind = GA_OPTION_CHOICE, .argument = "HOW", .value = &asked.translate, .choices = translations,
     .help = "on /dev/dxg: verbatim: private data as recorded; standard: standard allocations of the size that was learnt; auto: "
             "standard when the trace is of another driver"},
    {.name = "populate", .kind = GA_OPTION_CHOICE, .argument = "HOW", .value = &asked.populate, .choices = populates,
     .help = "on DRM devices: bring in a buffer's pages after its creation, timed as a call of its own: touch: a byte to each page; "
             "submit: by an empty batch, or touch where the driver has no safe one; none (default)"},
    {.name = "range", .kind = GA_OPTION_STRING, .argument = "FROM..TO", .value = &asked.range,
     .help = "a part of the trace: calls as 'gpualloc list' prints them (100..200), or times since the first (1.5s..2s); what is alive "
             "when it begins is made before, untimed"},
    {.name = "skip", .kind = GA_OPTION_LIST, .argument = "KIND", .value = &asked.skips,
     .help = "leave calls out, and what names what they make: create, destroy, map, share, wait, submit, other, or a call's name; "
             "may be given again"},
    {.name = "no-cache", .kind = GA_OPTION_FLAG, .value = &asked.no_cache,
     .help = "compile the trace even if its plan was kept, and keep none"},
    {.name = "accept-loss", .kind = GA_OPTION_FLAG, .value = &asked.accept_loss, .help = "replay a trace that lost events"},
    {.name = "max-bytes", .kind = GA_OPTION_SIZE, .argument = "SIZE", .value = &asked.max_bytes,
     .help = "refuse a trace with more bytes alive at once (default: three quarters of the machine's memory)"},
    {.name = "max-calls", .kind = GA_OPTION_COUNT, .argument = "N", .value = &asked.max_calls,
     .help = "refuse a trace with more calls (default: 20000000)"},
    {.name = "dry-run", .kind = GA_OPTION_FLAG, .value = &asked.dry_run,
     .help = "say what would be issued, and issue nothing"},
    {.name = "vram", .kind = GA_OPTION_STRING, .argument = "SIZE", .value = &asked.vram,
     .help = "--backend sim: device memory of the model (default: 8G); search: the smallest that evicts nothing"},
    {.name = "gtt", .kind = GA_OPTION_SIZE, .argument = "SIZE", .value = &asked.gtt,
     .help = "--backend sim: system memory that the GPU reaches (default: no limit)"},
    {.name = "allocator", .kind = GA_OPTION_CHOICE, .argument = "WHICH", .value = &asked.allocator, .choices = allocators,
     .help = "--backend sim: the kernel's allocator of device memory that is modelled: buddy (default), mm"},
    {.name = "verbose", .letter = 'v', .kind = GA_OPTION_FLAG, .value = &asked.verbose,
     .help = "--vram search: tell of each size that is tried"},
    {0},
};

static atomic_bool stop;
static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
    stop_signal = number;
    atomic_store_explicit(&stop, true, memory_order_relaxed);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}, hangup;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* nohup(1) */
        sigaction(SIGHUP, &action, NULL);
}

static void progress(uint64_t run, uint64_t of, const char *what)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%s %ju of %ju", what, (uintmax_t)run, (uintmax_t)of);
}

static void progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

/* What would be issued, without a device's answer: counts by reason. */
static void print_dry_run(const struct replay_session *session)
{
    const struct replay_plan *plan = session->plan;
    uint64_t counts[REPLAY_SKIPS] = {0}, translated = 0;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        counts[session->binding.skips[c]]++;
        translated += session->binding.translated[c] && !session->binding.skips[c];
    }
    printf("%s calls of %s threads would be issued on backend %s (%s), %s of them translated\n",
           ga_count(counts[REPLAY_ISSUED]).text, ga_count(plan->lane_count).text, session->backend->name,
           replay_mode_name(session->binding.mode), ga_count(translated).text);
    for (int skip = 1; skip < REPLAY_SKIPS; skip++)
        if (counts[skip])
            printf("  skipped %s: %s\n", ga_count(counts[skip]).text, replay_skip_text((enum replay_skip)skip));
    printf("%s objects, %s waits between threads, at most %s alive at once in the recording\n", ga_count(plan->object_count).text,
           ga_count(plan->dependency_count).text, ga_bytes(plan->peak_bytes).text);
}

/* A replay that issues nothing measured nothing: the commonest reason is said. */
static int check_any(const struct replay_session *session, struct ga_error *error)
{
    uint64_t counts[REPLAY_SKIPS] = {0};
    int commonest = 1;
    for (uint32_t c = 0; c < session->plan->call_count; c++)
        counts[session->binding.skips[c]]++;
    for (int skip = 1; skip < REPLAY_SKIPS; skip++)
        if (counts[skip] > counts[commonest])
            commonest = skip;
    if (counts[REPLAY_ISSUED])
        return 0;
    return ga_error_set(error, ENOTSUP, "none of the %u calls can be issued on backend %s; most: %s%s", session->plan->call_count,
                        session->backend->name, replay_skip_text((enum replay_skip)commonest),
                        commonest == REPLAY_SKIP_OTHER_DRIVER ? " (--backend dumb issues them by size)" : "");
}

static int measure(struct replay_session *session, struct replay_report *report, struct replay_statistics *statistics,
                   struct ga_error *error)
{
    struct replay_run run;
    if (asked.runs > REPLAY_RESULT_RUNS_MAX ||
        replay_statistics_init(statistics, session->plan, (uint32_t)asked.runs, session->populate) < 0 ||
        replay_run_init(&run, session->plan) < 0)
        return ga_error_errno(error, ENOMEM, "%ju runs", (uintmax_t)asked.runs);
    int result = 0;
    report->clock_cost_ns = replay_clock_cost_ns();
    for (uint64_t i = 0; result == 0 && i < asked.warmup; i++) {
        progress(i + 1, asked.warmup, "warm-up run");
        result = replay_session_run(session, &run, &stop, error);
    }
    for (uint64_t i = 0; result == 0 && i < asked.runs; i++) {
        progress(i + 1, asked.runs, "run");
        result = replay_session_run(session, &run, &stop, error);
        if (result == 0)
            replay_statistics_add(statistics, session->plan, &run);
    }
    progress_end();
    replay_run_release(&run);
    return result;
}

static int replay_on(struct replay_session *session, const char *trace, struct ga_error *error)
{
    struct replay_statistics statistics = {0};
    struct replay_report report = {.trace = trace, .session = session, .statistics = &statistics, .warmup = asked.warmup};
    int result = check_any(session, error);
    if (*session->binding.limits)
        fprintf(stderr, "gpualloc replay: note: %s\n", session->binding.limits);
    if (result == 0 && asked.json && !asked.dry_run)
        result = replay_can_write_file(asked.json, error);
    if (result == 0 && asked.dry_run)
        print_dry_run(session);
    else if (result == 0)
        result = measure(session, &report, &statistics, error);
    if (result == 0 && !asked.dry_run && asked.json)
        result = replay_result_write(&report, asked.json, error);
    if (result == 0 && !asked.dry_run && !(asked.json && strcmp(asked.json, "-") == 0))
        replay_result_print(&report, stdout);
    replay_statistics_release(&statistics);
    return result;
}

/* The model works through the plan by itself: it has no runs. */
static int ask_model(const struct replay_backend *backend, const struct replay_plan *plan, const char *trace, struct ga_error *error)
{
    const struct replay_question question = {.trace = trace, .vram = asked.vram, .gtt = asked.gtt, .allocator = asked.allocator,
                                             .json = asked.json, .verbose = asked.verbose};
    int result = asked.json ? replay_can_write_file(asked.json, error) : 0;
    return result < 0 ? result : backend->model(plan, &question, error);
}

static int replay_trace(const char *trace, struct ga_error *error)
{
    const struct replay_backend *model = asked.backend ? replay_backend_find(asked.backend) : NULL;
    model = model && model->model ? model : NULL;
    struct replay_plan plan = {0};
    struct replay_plan_options limits = {
        .no_cache = asked.no_cache,
        .max_calls = asked.max_calls,
        .max_bytes = asked.max_bytes || model ? asked.max_bytes
                     : (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE) / 4 * 3,
        .order = strcmp(asked.order, "resource") == 0 ? REPLAY_ORDER_RESOURCE : REPLAY_ORDER_MEMORY,
    };
    struct replay_choice choice;
    struct replay_session session = {0};
    int result = replay_plan_ask(&limits, asked.range, asked.skips.items, asked.skips.count, error);
    if (result == 0)
        result = replay_plan_load(&plan, trace, &limits, asked.accept_loss, error);
    if (result == 0 && model) {
        result = ask_model(model, &plan, trace, error);
        replay_plan_release(&plan);
        return result;
    }
    if (result == 0)
        result = replay_choose(&plan, asked.device, asked.backend, asked.softgpu, &choice, error);
    if (result == 0) {
        while (strcmp(translations[choice.target.translate], asked.translate) != 0)
            choice.target.translate++;
        while (strcmp(populates[choice.target.populate], asked.populate) != 0)
            choice.target.populate++;
        catch_signals();
        result = replay_session_open(&session, choice.backend, &choice.target, &plan, error);
    }
    if (result == 0)
        result = replay_on(&session, trace, error);
    replay_session_close(&session);
    replay_plan_release(&plan);
    return result;
}

static int run(int argc, char **argv)
{
    (void)argc;
    struct ga_error error = {""};
    if (!asked.runs) {
        fputs("gpualloc replay: --runs cannot be 0; --dry-run issues nothing\n", stderr);
        return GA_EXIT_USAGE;
    }
    if (asked.softgpu && (asked.device || (asked.backend && strcmp(asked.backend, "dxg") != 0))) {
        fputs("gpualloc replay: --softgpu is a device of its own; leave --device and --backend away\n", stderr);
        return GA_EXIT_USAGE;
    }
    if (asked.backend && !replay_backend_find(asked.backend)) {
        fprintf(stderr, "gpualloc replay: unknown backend %s; there are:", asked.backend);
        for (const struct replay_backend *const *backend = replay_backends; *backend; backend++)
            fprintf(stderr, " %s", (*backend)->name);
        fputc('\n', stderr);
        return GA_EXIT_USAGE;
    }
    bool model = asked.backend && replay_backend_find(asked.backend)->model;
    if (!model && (asked.vram || asked.gtt || asked.allocator)) {
        fputs("gpualloc replay: --vram, --gtt and --allocator are of a model's memory: they go with --backend sim\n", stderr);
        return GA_EXIT_USAGE;
    }
    if (model && (asked.device || asked.dry_run || asked.warmup || asked.runs > 1)) {
        fputs("gpualloc replay: --backend sim issues nothing: --device, --dry-run, --warmup and --runs do not go with it\n", stderr);
        return GA_EXIT_USAGE;
    }
    int result = asked.softgpu ? ga_launch_reexec(GA_LAUNCH_SOFTGPU, &error) : 0;
    if (result == 0)
        result = replay_trace(argv[0], &error);
    if (result < 0)
        ga_error_print("replay", &error);
    if (stop_signal)
        return 128 + stop_signal;
    return result == 0 ? GA_EXIT_OK : result == -ENODATA ? GA_EXIT_LOSSY : GA_EXIT_FAILURE;
}

const struct ga_verb verb_replay = {
    .name = "replay",
    .summary = "Issues a trace's allocation calls again and measures them",
    .synopsis = "[--device NODE | --backend NAME | --softgpu] [options] TRACE",
    .description =
        "Each captured thread is a thread again; calls wait for what they need from other threads, and are issued as fast as\n"
        "possible. After each run everything is freed, also after SIGINT or SIGTERM (exit status 128 + the signal).\n"
        "A lossy trace is refused with exit status 4. Results that only software gave are marked as such.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
