/* gpualloc run: a program with our libraries in place and no session of ours. */
#include "record/verbs.h"

#include <stdlib.h>

#include "base/error.h"
#include "launch/launch.h"

static bool softgpu;

static const struct ga_option options[] = {
    {.name = "softgpu", .kind = GA_OPTION_FLAG, .help = "put a /dev/dxg made of software behind the program", .value = &softgpu},
    {0},
};

/* How long the program's start may wait for session daemons, in ms: a stopped one would hold it up for UST's own 3 s. */
static char register_timeout[] = "LTTNG_UST_REGISTER_TIMEOUT=1000";

static int run(int argc, char **argv)
{
    (void)argc;
    struct ga_error error;
    struct ga_program program;
    char *environment[] = {getenv("LTTNG_UST_REGISTER_TIMEOUT") ? NULL : register_timeout, NULL};
    ga_program_hold_signals(&program);
    int result = ga_program_start(&program, argv, GA_LAUNCH_TRACE | (softgpu ? GA_LAUNCH_SOFTGPU : 0), environment, &error);
    if (result) {
        ga_program_release_signals(&program);
        ga_error_print("run", &error);
        return ga_program_failure_status(result);
    }
    ga_program_wait(&program);
    return program.status;
}

const struct ga_verb verb_run = {
    .name = "run",
    .summary = "Runs a program with the tracer in place, for a session of your own",
    .synopsis = "[--softgpu] -- PROGRAM [ARG…]",
    .description = "Preloads libgpualloc-trace.so and makes no session: whatever LTTng session of yours is active records\n"
                   "the events gpualloc:*, d3dkmt:* and drm:*. Exit status: the program's (128 + N when signal N ended it);\n"
                   "125 when gpualloc itself failed, 126 when the program cannot be executed, 127 when there is none.",
    .options = options,
    .min_args = 1,
    .max_args = -1,
    .starts_program = true,
    .run = run,
};
