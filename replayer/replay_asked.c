/* The options of gpualloc replay: see replay_asked.h. */
#include "replayer/replay_asked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "replayer/engine.h"
#include "replayer/result.h"

static const char *const orders[] = {"memory", "resource", NULL};
static const char *const allocators[] = {"buddy", "mm", NULL};
static const char *const translations[] = {
    [REPLAY_TRANSLATE_AUTO] = "auto", [REPLAY_TRANSLATE_VERBATIM] = "verbatim", [REPLAY_TRANSLATE_STANDARD] = "standard", NULL};
static const char *const populates[] = {[REPLAY_POPULATE_NONE] = "none", [REPLAY_POPULATE_TOUCH] = "touch",
                                        [REPLAY_POPULATE_SUBMIT] = "submit", NULL};
static const char *const states[] = {"warm", "cold", NULL};

struct replay_asked replay_asked = {.order = "memory", .translate = "auto", .populate = "none", .runs = 1, .max_calls = 20000000,
                                    .speed = "asap", .loops = 1, .patience = REPLAY_PATIENCE_NS / 1e9};

const struct ga_option replay_asked_options[] = {
    {.name = "device", .letter = 'd', .kind = GA_OPTION_STRING, .argument = "NODE", .value = &replay_asked.device,
     .help = "device node: /dev/dri/cardN, /dev/dri/renderDN, /dev/dxg (default: one that suits the trace)"},
    {.name = "backend", .kind = GA_OPTION_STRING, .argument = "NAME", .value = &replay_asked.backend,
     .help = "issue the calls through this backend instead of the device's own; 'gpualloc devices' lists them"},
    {.name = "softgpu", .kind = GA_OPTION_FLAG, .value = &replay_asked.softgpu, .help = "replay on a /dev/dxg made of software"},
    {.name = "runs", .letter = 'n', .kind = GA_OPTION_COUNT, .argument = "N", .value = &replay_asked.runs,
     .help = "runs that are measured (default: 1; a comparison wants 5 or more)"},
    {.name = "warmup", .kind = GA_OPTION_COUNT, .argument = "N", .value = &replay_asked.warmup,
     .help = "runs before them that are not (default: 0)"},
    {.name = "loops", .kind = GA_OPTION_COUNT, .argument = "N", .value = &replay_asked.loops,
     .help = "passes over the trace in each run; what one leaves is freed before the next, untimed (default: 1)"},
    {.name = "speed", .kind = GA_OPTION_STRING, .argument = "HOW", .value = &replay_asked.speed,
     .help = "asap: as fast as possible (default); real: each call when it was issued in the recording; Nx: N times as fast"},
    {.name = "lanes", .kind = GA_OPTION_COUNT, .argument = "N", .value = &replay_asked.lanes,
     .help = "threads that issue; 1 issues all calls in the recorded order (default: one a recorded thread)"},
    {.name = "cpu-mask", .kind = GA_OPTION_STRING, .argument = "LIST", .value = &replay_asked.cpus,
     .help = "pin the threads to these CPUs in turn: 0-3,8"},
    {.name = "state", .kind = GA_OPTION_CHOICE, .argument = "HOW", .value = &replay_asked.state, .choices = states,
     .help = "warm: a run that is not measured first; cold: the device is opened anew for each run, and the kernel's caches are "
             "dropped (as root); results of different states are never compared"},
    {.name = "require-fidelity", .kind = GA_OPTION_STRING, .argument = "X", .value = &replay_asked.fidelity,
     .help = "0 to 1, or N%: a result below it is not called a benchmark, and the exit status is 6"},
    {.name = "issue-log", .kind = GA_OPTION_STRING, .argument = "FILE", .value = &replay_asked.issue_log,
     .help = "write when each call of each run was issued, as JSON lines"},
    {.name = "json", .kind = GA_OPTION_STRING, .argument = "FILE", .value = &replay_asked.json,
     .help = "write the result for 'gpualloc compare'; - is standard output, instead of the table"},
    {.name = "note", .kind = GA_OPTION_STRING, .argument = "TEXT", .value = &replay_asked.note,
     .help = "kept in the result; 'gpualloc compare' names it where it differs"},
    {.name = "order", .kind = GA_OPTION_CHOICE, .argument = "HOW", .value = &replay_asked.order, .choices = orders,
     .help = "what a create waits for besides the objects that it names: memory: frees recorded before it; resource: nothing"},
    {.name = "translate", .kind = GA_OPTION_CHOICE, .argument = "HOW", .value = &replay_asked.translate, .choices = translations,
     .help = "on /dev/dxg: verbatim: private data as recorded; standard: standard allocations of the size that was learnt; auto: "
             "standard when the trace is of another driver"},
    {.name = "populate", .kind = GA_OPTION_CHOICE, .argument = "HOW", .value = &replay_asked.populate, .choices = populates,
     .help = "on DRM devices: bring in a buffer's pages after its creation, timed as a call of its own: touch: a byte to each page; "
             "submit: by an empty batch, or touch where the driver has no safe one; none (default)"},
    {.name = "range", .kind = GA_OPTION_STRING, .argument = "FROM..TO", .value = &replay_asked.range,
     .help = "a part of the trace: calls as 'gpualloc list' prints them (100..200), or times since the first (1.5s..2s); what is alive "
             "when it begins is made before, untimed"},
    {.name = "skip", .kind = GA_OPTION_LIST, .argument = "KIND", .value = &replay_asked.skips,
     .help = "leave calls out, and what names what they make: create, destroy, map, share, wait, submit, other, or a call's name; "
             "may be given again"},
    {.name = "no-cache", .kind = GA_OPTION_FLAG, .value = &replay_asked.no_cache,
     .help = "compile the trace even if its plan was kept, and keep none"},
    {.name = "accept-loss", .kind = GA_OPTION_FLAG, .value = &replay_asked.accept_loss, .help = "replay a trace that lost events"},
    {.name = "max-bytes", .kind = GA_OPTION_SIZE, .argument = "SIZE", .value = &replay_asked.max_bytes,
     .help = "refuse a trace with more bytes alive at once (default: three quarters of the machine's memory)"},
    {.name = "max-calls", .kind = GA_OPTION_COUNT, .argument = "N", .value = &replay_asked.max_calls,
     .help = "refuse a trace with more calls (default: 20000000)"},
    {.name = "max-time", .kind = GA_OPTION_NUMBER, .argument = "SECONDS", .value = &replay_asked.max_time,
     .help = "end the replay after that time, with the results so far (default: no limit)"},
    {.name = "patience", .kind = GA_OPTION_NUMBER, .argument = "SECONDS", .value = &replay_asked.patience,
     .help = "interrupt a call that takes so much longer than in the recording (default: 10)"},
    {.name = "dry-run", .kind = GA_OPTION_FLAG, .value = &replay_asked.dry_run,
     .help = "say what would be issued, and issue nothing"},
    {.name = "vram", .kind = GA_OPTION_STRING, .argument = "SIZE", .value = &replay_asked.vram,
     .help = "--backend sim: device memory of the model (default: 8G); search: the smallest that evicts nothing"},
    {.name = "gtt", .kind = GA_OPTION_SIZE, .argument = "SIZE", .value = &replay_asked.gtt,
     .help = "--backend sim: system memory that the GPU reaches (default: no limit)"},
    {.name = "allocator", .kind = GA_OPTION_CHOICE, .argument = "WHICH", .value = &replay_asked.allocator, .choices = allocators,
     .help = "--backend sim: the kernel's allocator of device memory that is modelled (default: buddy)"},
    {.name = "verbose", .letter = 'v', .kind = GA_OPTION_FLAG, .value = &replay_asked.verbose,
     .help = "--vram search: tell of each size that is tried"},
    {0},
};

static const struct replay_asked *const asked = &replay_asked;

static bool parse_speed(const char *text)
{
    char *end;
    if (strcmp(text, "asap") == 0)
        return true;
    replay_asked.meant.speed = strcmp(text, "real") == 0 ? 1 : strtod(text, &end);
    bool valid = strcmp(text, "real") == 0 || (end != text && strcmp(end, "x") == 0);
    return valid && replay_asked.meant.speed >= 1e-6 && replay_asked.meant.speed <= 1e6;
}

/* "0-3,8" */
static bool parse_cpus(const char *text)
{
    for (const char *at = text;; at++) {
        char *end;
        unsigned long first = strtoul(at, &end, 10), last = first;
        if (end == at)
            return false;
        if (*end == '-') {
            at = end + 1;
            last = strtoul(at, &end, 10);
            if (end == at)
                return false;
        }
        if (last < first || last >= CPU_SETSIZE || replay_asked.meant.cpu_count + (last - first + 1) > CPU_SETSIZE)
            return false;
        for (unsigned long cpu = first; cpu <= last; cpu++)
            replay_asked.meant.cpus[replay_asked.meant.cpu_count++] = (uint16_t)cpu;
        if (*end != ',')
            return !*end;
        at = end;
    }
}

static bool parse_fidelity(const char *text)
{
    char *end;
    replay_asked.meant.fidelity = strtod(text, &end);
    if (strcmp(end, "%") == 0)
        replay_asked.meant.fidelity /= 100;
    return end != text && (!*end || strcmp(end, "%") == 0) && replay_asked.meant.fidelity >= 0 && replay_asked.meant.fidelity <= 1;
}

/* What is wrong with the options, or null. */
static const char *check_options(void)
{
    bool cold = asked->state && strcmp(asked->state, "cold") == 0;
    if (!asked->runs || !asked->loops)
        return "--runs and --loops cannot be 0; --dry-run issues nothing";
    _Static_assert(REPLAY_RESULT_RUNS_MAX == 100000, "said below");
    if (asked->runs > REPLAY_RESULT_RUNS_MAX)
        return "--runs is at most 100000; --loops makes a run longer";
    if (asked->softgpu && (asked->device || (asked->backend && strcmp(asked->backend, "dxg") != 0)))
        return "--softgpu is a device of its own; leave --device and --backend away";
    if (!parse_speed(asked->speed))
        return "--speed is asap, real or a number and x: 2x is twice as fast";
    if (asked->cpus && !parse_cpus(asked->cpus))
        return "--cpu-mask is a list of CPUs: 0-3,8";
    if (asked->fidelity && !parse_fidelity(asked->fidelity))
        return "--require-fidelity is from 0 to 1, or from 0% to 100%";
    if (!(asked->max_time >= 0 && asked->max_time < 1e9))
        return "--max-time is seconds, from 0 (no limit) to less than 1e9";
    if (!(asked->patience > 0 && asked->patience < 1e9))
        return "--patience is seconds, more than 0 and less than 1e9";
    if (cold && (asked->warmup || asked->loops > 1))
        return "--state cold has no warm-up, and one loop: what follows would find the device warm";
    if (asked->issue_log && strcmp(asked->issue_log, "-") == 0)
        return "--issue-log is a file: standard output has the results";
    if (asked->issue_log && asked->loops > 1)
        return "--issue-log is of whole runs: leave --loops away, and say --runs";
    return NULL;
}

/* Whether anything was asked that only an issued call can have. */
static bool asks_of_runs(void)
{
    return asked->device || asked->softgpu || asked->dry_run || asked->warmup || asked->runs > 1 || asked->loops > 1 || asked->lanes ||
           asked->cpus || asked->state || asked->issue_log || asked->fidelity || asked->max_time > 0 || strcmp(asked->speed, "asap") ||
           strcmp(asked->populate, "none");
}

static bool check_backend(void)
{
    if (!asked->backend || replay_backend_find(asked->backend))
        return true;
    fprintf(stderr, "gpualloc replay: unknown backend %s; there are:", asked->backend);
    for (const struct replay_backend *const *backend = replay_backends; *backend; backend++)
        fprintf(stderr, " %s", (*backend)->name);
    fputc('\n', stderr);
    return false;
}

/* A model issues nothing; what is no model has no memory of its own. */
static const char *check_model(void)
{
    bool model = asked->backend && replay_backend_find(asked->backend)->model;
    if (!model && (asked->vram || asked->gtt || asked->allocator))
        return "--vram, --gtt and --allocator are of a model's memory: they go with --backend sim";
    replay_asked.meant.search = asked->vram && strcmp(asked->vram, "search") == 0;
    if (asked->vram && !asked->meant.search && !ga_parse_size(asked->vram, &replay_asked.meant.vram))
        return "--vram is a size (8G, 512M) or 'search'";
    if (model && asks_of_runs())
        return "--backend sim issues nothing: options of devices and runs (--device, --dry-run, --runs, --speed, --populate, …) do "
               "not go with it";
    return NULL;
}

bool replay_asked_check(void)
{
    const char *wrong = check_options();
    if (!wrong && !check_backend())
        return false;
    if (!wrong)
        wrong = check_model();
    if (wrong)
        fprintf(stderr, "gpualloc replay: %s\n", wrong);
    while (!wrong && strcmp(translations[replay_asked.meant.translate], asked->translate) != 0)
        replay_asked.meant.translate++;
    while (!wrong && strcmp(populates[replay_asked.meant.populate], asked->populate) != 0)
        replay_asked.meant.populate++;
    return !wrong;
}
