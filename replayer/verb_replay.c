/* gpualloc replay: a trace's calls issued again, timed. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "base/verb.h"
#include "launch/launch.h"
#include "replayer/devices.h"
#include "replayer/issue_log.h"
#include "replayer/plan_outline.h"
#include "replayer/replay_asked.h"
#include "replayer/result.h"
#include "replayer/settle.h"
#include "replayer/verbs.h"

enum { SETTLE_MS = 2000 /* between runs, at most */ };

static const struct replay_asked *const asked = &replay_asked;
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

/* What 'gpualloc plan' says. */
static int dry_run(const struct replay_session *session, const char *trace, struct ga_error *error)
{
    static struct replay_outline outline;
    int result = replay_outline_init(&outline, trace, session->plan, session, 0, error);
    if (result == 0 && asked->json)
        result = replay_outline_write(&outline, asked->json, error);
    if (result == 0 && !(asked->json && strcmp(asked->json, "-") == 0))
        replay_outline_print(&outline, stdout);
    replay_outline_release(&outline);
    return result;
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

/* Caches and page pools that the kernel can do without; the pools of drivers are among them. Only root may. */
static bool drop_caches(void)
{
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
    bool dropped = fd >= 0 && write(fd, "3", 1) == 1;
    if (fd >= 0)
        close(fd);
    return dropped;
}

/* A replay: its session, and what is kept of its runs. */
struct replay {
    struct replay_session session;
    struct replay_choice choice;
    struct replay_statistics statistics;
    struct replay_report report;
    struct replay_settle settle;
    struct replay_run run;
    FILE *issue_log;
};

/* Before each measured run: the device as the state asked for has it. */
static int set_state(struct replay *replay, uint64_t number, struct ga_error *error)
{
    if (number && replay->statistics.run_count)
        replay->statistics.runs[replay->statistics.run_count - 1].left_bytes = replay_settle_wait(&replay->settle, SETTLE_MS, &stop);
    if (!asked->state || strcmp(asked->state, "cold") != 0)
        return 0;
    int result = number ? replay_session_reopen(&replay->session, &replay->choice.target, error) : 0;
    replay->report.caches_dropped = drop_caches();
    return result;
}

static int measure_run(struct replay *replay, uint64_t number, struct ga_error *error)
{
    int result = set_state(replay, number, error);
    if (result < 0)
        return result;
    replay->run.passes = 0;
    result = replay_session_run(&replay->session, &replay->run, &stop, error);
    if (!replay->run.passes) /* it could not even be begun */
        return result;
    replay_statistics_add(&replay->statistics, &replay->run);
    if (replay->issue_log && result == 0)
        result = replay_issue_log_write(replay->issue_log, &replay->run, (uint32_t)number + 1, error);
    return result;
}

static int measure(struct replay *replay, struct ga_error *error)
{
    struct replay_session *session = &replay->session;
    if (asked->runs > REPLAY_RESULT_RUNS_MAX ||
        replay_statistics_init(&replay->statistics, &session->kinds, (uint32_t)asked->runs) < 0 ||
        replay_run_init(&replay->run, session) < 0)
        return ga_error_errno(error, ENOMEM, "%ju runs", (uintmax_t)asked->runs);
    int result = 0;
    replay->report.processes = replay->run.apart ? replay->run.crew_count : 1;
    replay->report.clock_cost_ns = replay_clock_cost_ns();
    replay_settle_init(&replay->settle, "", session->identity.node, session->plan->live_peak);
    replay->report.base = replay->settle.how;
    for (uint64_t i = 0; result == 0 && i < replay->report.warmup; i++) {
        progress(i + 1, replay->report.warmup, "warm-up run");
        result = replay_session_run(session, &replay->run, &stop, error);
    }
    for (uint64_t i = 0; result == 0 && i < asked->runs; i++) {
        progress(i + 1, asked->runs, "run");
        result = measure_run(replay, i, error);
    }
    progress_end();
    replay->report.end = result == 0 ? REPLAY_WHOLE : replay->run.end != REPLAY_WHOLE ? replay->run.end : REPLAY_END_ERROR;
    if (result == 0)
        replay->report.engine_ns = replay_engine_cost_ns(session, &stop);
    return result;
}

/* Results so far are results: an early end is said in them. */
static int write_results(const struct replay *replay, struct ga_error *error)
{
    int result = asked->json ? replay_result_write(&replay->report, asked->json, error) : 0;
    if (!(asked->json && strcmp(asked->json, "-") == 0))
        replay_result_print(&replay->report, stdout);
    return result;
}

/* A thread that cannot be put on its CPU would be told of by number and "Invalid argument" only. */
static int check_cpus(const struct replay_settings *settings, struct ga_error *error)
{
    cpu_set_t before, one;
    int result = 0;
    if (!settings->cpu_count || sched_getaffinity(0, sizeof before, &before) < 0)
        return 0;
    for (uint32_t i = 0; result == 0 && i < settings->cpu_count; i++) {
        CPU_ZERO(&one);
        CPU_SET(settings->cpus[i], &one);
        if (sched_setaffinity(0, sizeof one, &one) < 0)
            result = ga_error_set(error, errno, "--cpu-mask: CPU %u is not there, is off, or is not for this program",
                                  settings->cpus[i]);
    }
    sched_setaffinity(0, sizeof before, &before);
    return result;
}

static int check_files(struct replay *replay, struct ga_error *error)
{
    int result = asked->json ? replay_can_write_file(asked->json, error) : 0;
    if (result == 0 && asked->issue_log && !(replay->issue_log = fopen(asked->issue_log, "we")))
        result = ga_error_errno(error, errno, "--issue-log %s", asked->issue_log);
    return result;
}

static void set_settings(struct replay *replay, const char *trace)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct replay_settings *settings = &replay->session.settings;
    settings->speed = asked->meant.speed;
    settings->threads = (uint32_t)(asked->lanes > UINT32_MAX ? UINT32_MAX : asked->lanes);
    settings->loops = asked->loops;
    settings->cpus = asked->meant.cpus;
    settings->cpu_count = asked->meant.cpu_count;
    settings->patience_ns = (int64_t)(asked->patience * 1e9);
    settings->end_ns = asked->max_time > 0 ? now.tv_sec * INT64_C(1000000000) + now.tv_nsec + (int64_t)(asked->max_time * 1e9) : 0;
    settings->keep_samples = asked->issue_log != NULL;
    uint64_t warmup = asked->warmup ? asked->warmup : asked->state && strcmp(asked->state, "warm") == 0;
    replay->report = (struct replay_report){
        .trace = trace, .session = &replay->session, .statistics = &replay->statistics, .warmup = warmup, .speed = asked->speed,
        .state = asked->state ? asked->state : warmup ? "warm" : "as found", .engine_ns = NAN, .require = asked->meant.fidelity,
        .note = asked->note, .end = REPLAY_END_ERROR};
}

static int replay_on(struct replay *replay, const char *trace, struct ga_error *error)
{
    struct replay_session *session = &replay->session;
    set_settings(replay, trace);
    int result = check_any(session, error);
    for (uint32_t l = 0; l < session->binding.limit_count; l++)
        fprintf(stderr, "gpualloc replay: note: %s\n", session->binding.limits[l]);
    if (result == 0 && asked->dry_run)
        return dry_run(session, trace, error);
    if (result == 0)
        result = check_cpus(&session->settings, error);
    if (result == 0)
        result = check_files(replay, error);
    if (result < 0)
        return result;
    result = measure(replay, error);
    struct ga_error unwritten;
    if (result == 0 || replay->statistics.run_count || replay->run.end != REPLAY_WHOLE)
        if (write_results(replay, &unwritten) < 0) {
            result = result < 0 ? result : -EIO;
            *error = unwritten;
        }
    return result;
}

/* The model works through the plan by itself: it has no runs. */
static int ask_model(const struct replay_backend *backend, const struct replay_plan *plan, const char *trace, struct ga_error *error)
{
    const struct replay_question question = {.trace = trace, .search = asked->meant.search, .gtt = asked->gtt,
                                             .vram = asked->vram && !asked->meant.search ? &asked->meant.vram : NULL,
                                             .allocator = asked->allocator, .json = asked->json, .verbose = asked->verbose};
    int result = asked->json ? replay_can_write_file(asked->json, error) : 0;
    return result < 0 ? result : backend->model(plan, &question, error);
}

/* The exit status of a replay that failed, or was ended early. */
static int status_of_end(const struct replay *replay)
{
    switch (replay->run.end) {
    case REPLAY_END_TIME:
        return GA_EXIT_TIME;
    case REPLAY_END_REMOVED:
        return GA_EXIT_REMOVED;
    case REPLAY_END_HUNG:
        return GA_EXIT_HUNG;
    case REPLAY_END_DIED:
        return GA_EXIT_DIED;
    default:
        return GA_EXIT_FAILURE;
    }
}

/* The exit status of one whose runs are whole. */
static int status_of(const struct replay *replay)
{
    uint64_t exhausted = 0, stuck = 0;
    for (uint32_t r = 0; r < replay->statistics.run_count; r++) {
        exhausted += replay->statistics.runs[r].counts.exhausted;
        stuck += replay->statistics.runs[r].counts.outcomes[REPLAY_SKIP_STUCK];
    }
    double fidelity = replay_report_fidelity(&replay->report);
    if (fidelity < asked->meant.fidelity)
        fprintf(stderr, "gpualloc replay: fidelity %.4f is below the %.4f asked for: this is no benchmark of the recording\n", fidelity,
                asked->meant.fidelity);
    else if (stuck)
        fprintf(stderr, "gpualloc replay: %ju calls had not come back in time and were interrupted\n", (uintmax_t)stuck);
    else if (exhausted)
        fprintf(stderr, "gpualloc replay: the device had no memory for %ju creates; the results are of the others\n",
                (uintmax_t)exhausted);
    return fidelity < asked->meant.fidelity ? GA_EXIT_UNFAITHFUL : stuck ? GA_EXIT_HUNG : exhausted ? GA_EXIT_EXHAUSTED : GA_EXIT_OK;
}

/* The exit status. */
static int replay_trace(const char *trace, struct ga_error *error)
{
    static struct replay replay; /* of large parts */
    const struct replay_backend *model = asked->backend ? replay_backend_find(asked->backend) : NULL;
    model = model && model->model ? model : NULL;
    struct replay_plan plan = {0};
    struct replay_plan_options limits = {
        .no_cache = asked->no_cache,
        .max_calls = asked->max_calls,
        .max_bytes = asked->max_bytes || model ? asked->max_bytes
                     : (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE) / 4 * 3,
        .order = strcmp(asked->order, "resource") == 0 ? REPLAY_ORDER_RESOURCE : REPLAY_ORDER_MEMORY,
    };
    int result = replay_plan_ask(&limits, asked->range, asked->skips.items, asked->skips.count, error);
    if (result < 0) {
        ga_error_print("replay", error);
        return GA_EXIT_USAGE;
    }
    result = replay_plan_load(&plan, trace, &limits, asked->accept_loss, error);
    if (result == 0 && model) {
        result = ask_model(model, &plan, trace, error);
        replay_plan_release(&plan);
        if (result < 0)
            ga_error_print("replay", error);
        return result < 0 ? GA_EXIT_FAILURE : GA_EXIT_OK;
    }
    if (result == 0)
        result = replay_choose(&plan, asked->device, asked->backend, asked->softgpu, &replay.choice, error);
    if (result == 0) {
        replay.choice.target.translate = asked->meant.translate;
        replay.choice.target.populate = asked->meant.populate;
        catch_signals();
        if (!asked->dry_run)
            replay_plan_populate(&plan);
        result = replay_session_open(&replay.session, replay.choice.backend, &replay.choice.target, &plan, error);
    }
    if (result == 0)
        result = replay_on(&replay, trace, error);
    int status = result < 0 ? status_of_end(&replay) : asked->dry_run ? GA_EXIT_OK : status_of(&replay);
    if (replay.issue_log)
        fclose(replay.issue_log);
    if (replay.session.abandoned) { /* a thread is still in the kernel, with our memory */
        ga_error_print("replay", error);
        fflush(NULL);
        _exit(status);
    }
    replay_run_release(&replay.run);
    replay_statistics_release(&replay.statistics);
    replay_session_close(&replay.session);
    replay_plan_release(&plan);
    if (result < 0)
        ga_error_print("replay", error);
    return result == -ENODATA ? GA_EXIT_LOSSY : status;
}

static int run(int argc, char **argv)
{
    (void)argc;
    struct ga_error error = {""};
    if (!replay_asked_check())
        return GA_EXIT_USAGE;
    if (asked->softgpu && ga_launch_reexec(GA_LAUNCH_SOFTGPU, &error) < 0) {
        ga_error_print("replay", &error);
        return GA_EXIT_FAILURE;
    }
    int status = replay_trace(argv[0], &error);
    return stop_signal ? 128 + stop_signal : status;
}

const struct ga_verb verb_replay = {
    .name = "replay",
    .summary = "Issues a trace's allocation calls again and measures them",
    .synopsis = "[--device NODE | --backend NAME | --softgpu] [options] TRACE",
    .description =
        "Each captured thread is a thread again, and on /dev/dxg each captured process a process; calls wait for what they need\n"
        "from other threads, and are issued as fast as possible, or as --speed says. After each run everything is freed, whatever\n"
        "ended it, and the results so far are written, marked as incomplete. Results that only software gave are marked as such.\n\n"
        "Exit status: 4: a lossy trace is refused; 6: fidelity is below --require-fidelity; 7: the device was removed; 8: it had\n"
        "no memory for what the recording's device had; 9: a call did not come back in time; 10: --max-time was over; 11: a worker\n"
        "process died; 128 + the signal after SIGINT, SIGTERM or SIGHUP.",
    .options = replay_asked_options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
