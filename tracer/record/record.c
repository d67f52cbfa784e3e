/* gpualloc record: a session of its own around one program, and what it came to. */
#include "record/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "launch/launch.h"
#include "record/buffers.h"
#include "record/daemon.h"
#include "record/output.h"
#include "record/session.h"
#include "record/summary.h"

static struct {
    const char *output;
    bool softgpu, lossless, json;
    struct ga_option_list events;
    uint64_t subbuf_size, subbufs;
} asked;

static const struct ga_option options[] = {
    {.name = "output", .letter = 'o', .kind = GA_OPTION_STRING, .argument = "DIR", .value = &asked.output,
     .help = "where the trace goes: a new or empty directory (default: gpualloc-PROGRAM-DATE)"},
    {.name = "softgpu", .kind = GA_OPTION_FLAG, .value = &asked.softgpu,
     .help = "put a /dev/dxg made of software behind the program"},
    {.name = "lossless", .kind = GA_OPTION_FLAG, .value = &asked.lossless,
     .help = "let the program wait when the buffers are full, instead of losing events"},
    {.name = "events", .kind = GA_OPTION_LIST, .argument = "PATTERN", .value = &asked.events,
     .help = "record these calls only: d3dkmt:*, drm:gem_*; may be repeated"},
    {.name = "subbuf-size", .kind = GA_OPTION_SIZE, .argument = "SIZE", .value = &asked.subbuf_size,
     .help = "bytes of a sub-buffer, a power of two (default: 1M, less where /dev/shm is small)"},
    {.name = "subbufs", .kind = GA_OPTION_COUNT, .argument = "N", .value = &asked.subbufs,
     .help = "sub-buffers a CPU, a power of two (default: 8)"},
    {.name = "json", .kind = GA_OPTION_FLAG, .value = &asked.json, .help = "print the summary as one line of JSON on stderr"},
    {0},
};

/* One recording, in the order in which its parts are acquired. */
struct recording {
    const char *program_name;
    struct record_session session;
    struct record_output output;
    struct record_daemon daemon;
    struct ga_program program;
};

/* How long the program's start may wait for session daemons, in ms. Ours has just answered, and calls made before it is ready
   would be lost; another one that was stopped must not hold the program up for ever. */
static char register_timeout[] = "LTTNG_UST_REGISTER_TIMEOUT=5000";
static char allow_blocking[] = "LTTNG_UST_ALLOW_BLOCKING=1";

/* Calls that LTTng does not hear of are numbered too, and so are a loss; but not beside a selection, where they need be none. */
static char number_all[] = "GPUALLOC_NUMBER_ALL=1", number_some[] = "GPUALLOC_NUMBER_ALL=0";

static bool numbers_all(const struct recording *recording, const char *outer)
{
    const char *outer_does = getenv("GPUALLOC_NUMBER_ALL");
    return recording->session.events.all && (!outer || (outer_does && !strcmp(outer_does, "1")));
}

/* Runs the program in the session. 0, or a negative errno of ga_program_start. */
static int run_program(struct recording *recording, char **argv, struct ga_error *error)
{
    char *environment[5] = {0}, names[512];
    size_t count = 0;
    /* A session records all programs of the user; by this the reader tells which are of this recording. They can be nested. */
    const char *outer = getenv("GPUALLOC_RECORDING");
    snprintf(names, sizeof names, "GPUALLOC_RECORDING=%s%s%s", recording->session.name, outer ? ":" : "", outer ? outer : "");
    environment[count++] = names;
    environment[count++] = numbers_all(recording, outer) ? number_all : number_some;
    if (!getenv("LTTNG_UST_REGISTER_TIMEOUT"))
        environment[count++] = register_timeout;
    if (asked.lossless)
        environment[count++] = allow_blocking;
    unsigned libraries = GA_LAUNCH_TRACE | (asked.softgpu ? GA_LAUNCH_SOFTGPU : 0);
    int signal = ga_program_held_signal();
    if (signal) {
        ga_error_set(error, EINTR, "ended by signal %d (%s) before the program ran", signal, strsignal(signal));
        return -EAGAIN;
    }
    int result = ga_program_start(&recording->program, argv, libraries, environment, error);
    if (!result)
        ga_program_wait(&recording->program);
    return result;
}

/* From the daemon to the end of the session. The output directory exists. Returns as run_program does. */
static int run_session(struct recording *recording, char **argv, struct ga_error *error)
{
    if (record_daemon_acquire(&recording->daemon, &recording->program.mask, error))
        return -EAGAIN;
    int result = record_session_start(&recording->session, error) ? -EAGAIN : 0;
    record_daemon_unlock(&recording->daemon);
    if (!result) {
        result = run_program(recording, argv, error);
        struct ga_error ending;
        if (record_session_stop(&recording->session, &ending))
            ga_error_print("record", &ending);
    }
    struct ga_error leaving;
    if (record_daemon_release(&recording->daemon, &leaving))
        ga_error_print("record", &leaving);
    return result;
}

static int prepare(struct recording *recording, char **argv, struct ga_error *error)
{
    const char *slash = strrchr(argv[0], '/');
    recording->program_name = slash ? slash + 1 : argv[0];
    record_session_name(&recording->session, recording->program_name);
    recording->session.lossless = asked.lossless;
    recording->session.buffers = (struct record_buffers){asked.subbuf_size, asked.subbufs};
    int result = record_events_select(&recording->session.events, &asked.events, error);
    if (!result)
        result = record_buffers_choose(&recording->session.buffers, error);
    if (!result)
        result = record_output_make(&recording->output, asked.output, recording->program_name, error);
    if (result)
        return result;
    memcpy(recording->session.output, recording->output.path, sizeof recording->session.output);
    result = record_output_describe(&recording->output, &recording->session, &asked.events, argv, error);
    if (result)
        record_output_remove(&recording->output);
    return result;
}

static void summarize(const struct recording *recording)
{
    struct record_summary summary;
    struct ga_error error;
    if (record_summary_read(&summary, recording->output.path, &error))
        ga_error_print("record", &error);
    (asked.json ? record_summary_print_json : record_summary_print)(&summary, &recording->output, &recording->session,
                                                                    &recording->daemon, &recording->program);
}

static int run(int argc, char **argv)
{
    (void)argc;
    struct ga_error error;
    struct recording *recording = calloc(1, sizeof *recording);
    if (!recording)
        return GA_EXIT_OWN;
    ga_program_hold_signals(&recording->program);
    int result = prepare(recording, argv, &error) ? -EAGAIN : 0, status;
    if (!result && (result = run_session(recording, argv, &error)) != 0)
        record_output_remove(&recording->output);
    if (result) {
        ga_error_print("record", &error);
        status = ga_program_failure_status(result);
    }
    ga_program_release_signals(&recording->program);
    if (!result) {
        summarize(recording);
        status = recording->program.status;
    }
    free(recording);
    return status;
}

const struct ga_verb verb_record = {
    .name = "record",
    .summary = "Runs a program and records its GPU allocation calls",
    .synopsis = "[-o DIR] [--softgpu] [--lossless] [options] -- PROGRAM [ARG…]",
    .description = "Uses the LTTng session daemon that runs, or starts one for the time of the recording. The program's output is\n"
                   "its own: what gpualloc has to say goes to stderr. Exit status: the program's (128 + N when signal N ended\n"
                   "it); 125 when gpualloc itself failed before the program ran, 126 when the program cannot be executed, 127\n"
                   "when there is none. SIGINT, SIGTERM, SIGHUP and SIGQUIT go to the program; the recording ends with it.",
    .options = options,
    .min_args = 1,
    .max_args = -1,
    .starts_program = true,
    .run = run,
};
