/*
 * gpualloc bench: two devices, or two states of one, measured in turns. Each run is a replay in a process of its own, and the end is
 * a comparison: both are this program again, started as a user would.
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "launch/launch.h"
#include "replayer/result.h"
#include "replayer/verbs.h"

enum { SIDES = 2, ARGUMENTS_MAX = 128, RUNS_MAX = 9999, PATIENCE_MS = 5000 };

static struct {
    struct ga_option_list devices;
    const char *setups[SIDES], *folder, *metric, *figure, *json, *markdown, *html, *populate;
    uint64_t runs, warmup;
    double threshold;
} asked = {.runs = 10, .warmup = 1, .threshold = 5, .metric = "geomean", .figure = "p50"};

static const char *const populates[] = {"none", "touch", "submit", NULL};

static const struct ga_option options[] = {
    {.name = "device", .letter = 'd', .kind = GA_OPTION_LIST, .argument = "A", .value = &asked.devices,
     .help = "given twice, the base and the new device: a node, softgpu, or a backend's name; once: both"},
    {.name = "setup-a", .kind = GA_OPTION_STRING, .argument = "CMD", .value = &asked.setups[0],
     .help = "shell command before each run of the base"},
    {.name = "setup-b", .kind = GA_OPTION_STRING, .argument = "CMD", .value = &asked.setups[1],
     .help = "shell command before each run of the new side"},
    {.name = "runs", .letter = 'n', .kind = GA_OPTION_COUNT, .argument = "N", .value = &asked.runs,
     .help = "runs a side (default: 10)"},
    {.name = "warmup", .kind = GA_OPTION_COUNT, .argument = "N", .value = &asked.warmup,
     .help = "runs before each that are not measured (default: 1)"},
    {.name = "output", .letter = 'o', .kind = GA_OPTION_STRING, .argument = "DIR", .value = &asked.folder,
     .help = "keep the results: DIR/a and DIR/b, for 'gpualloc compare DIR/a DIR/b'"},
    {.name = "populate", .kind = GA_OPTION_CHOICE, .argument = "HOW", .value = &asked.populate, .choices = populates,
     .help = "as of replay: none, touch or submit (default: none)"},
    {.name = "metric", .kind = GA_OPTION_STRING, .argument = "NAME", .value = &asked.metric,
     .help = "as of compare (default: geomean)"},
    {.name = "figure", .kind = GA_OPTION_CHOICE, .argument = "WHICH", .value = &asked.figure, .choices = replay_figure_names,
     .help = "as of compare (default: p50)"},
    {.name = "threshold", .kind = GA_OPTION_NUMBER, .argument = "PERCENT", .value = &asked.threshold,
     .help = "how much slower is a regression (default: 5)"},
    {.name = "json", .kind = GA_OPTION_STRING, .argument = "FILE", .value = &asked.json, .help = "write the comparison as JSON"},
    {.name = "markdown", .kind = GA_OPTION_STRING, .argument = "FILE", .value = &asked.markdown, .help = "write it as Markdown"},
    {.name = "html", .kind = GA_OPTION_STRING, .argument = "FILE", .value = &asked.html, .help = "write it as a page"},
    {0},
};

struct bench {
    const char *trace;
    char *const *replay_options; /* after "--" */
    int replay_option_count;
    char self[PATH_MAX], folder[PATH_MAX], log[PATH_MAX + 8];
    struct ga_program program;
    int64_t spent_ns; /* by the runs so far */
    int signal;       /* that asked us to stop, or 0 */
};

static const char side_letters[] = "ab";

/* Signals each process below us; orphans of a setup come to us too, as we are their reaper. False: there is none. */
static bool signal_children(int number)
{
    char path[64];
    bool any = false;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    FILE *file = fopen(path, "re");
    for (long pid; file && fscanf(file, "%ld", &pid) == 1; any = true)
        kill((pid_t)pid, number);
    if (file)
        fclose(file);
    return any;
}

/* Interrupted: a replay frees what it holds, and whatever a setup started ends with us. They are asked, and then told. */
static void end_children(void)
{
    for (int waited = 0; waited < 2 * PATIENCE_MS; waited += 10) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (!signal_children(waited >= PATIENCE_MS ? SIGKILL : waited % 1000 == 0 ? SIGTERM : 0))
            return;
        poll(NULL, 0, 10);
    }
}

/* Waits for the program's end: its exit status as a shell gives it, or -EINTR when we were asked to stop, and it was stopped. */
static int wait_program(struct bench *bench)
{
    sigset_t set;
    sigemptyset(&set);
    const int awaited[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD};
    for (size_t i = 0; i < sizeof awaited / sizeof *awaited; i++)
        sigaddset(&set, awaited[i]);
    for (;;) {
        int number = sigwaitinfo(&set, NULL), status;
        if (number > 0 && number != SIGCHLD) {
            bench->signal = number;
            end_children();
            return -EINTR;
        }
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
            if (pid == bench->program.pid)
                return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Starts a program and waits. Its exit status, or a negative errno: -EINTR when we were asked to stop. */
static int run_program(struct bench *bench, const char *const *arguments, struct ga_error *error)
{
    int64_t begin = now_ns();
    int result = ga_program_start(&bench->program, (char *const *)arguments, 0, NULL, error);
    if (result == 0)
        result = wait_program(bench);
    bench->spent_ns += now_ns() - begin;
    return result;
}

static int run_setup(struct bench *bench, int side, struct ga_error *error)
{
    if (!asked.setups[side])
        return 0;
    /* What it prints is no result. */
    const char *const arguments[] = {"sh", "-c", "exec 1>&2; eval \"$1\"", "sh", asked.setups[side], NULL};
    int status = run_program(bench, arguments, error);
    return status > 0 ? ga_error_set(error, EIO, "--setup-%c failed: exit status %d: %s", side_letters[side], status,
                                     asked.setups[side]) : status;
}

/* The last line that a replay left, without its newline. */
static void last_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    *text = 0;
    for (char line[512]; file && fgets(line, sizeof line, file);)
        snprintf(text, size, "%.*s", (int)strcspn(line, "\n"), line);
    if (file)
        fclose(file);
}

/* How replay is told of a device. */
static int add_device(const char **arguments, int count, const char *device)
{
    if (strcmp(device, "softgpu") == 0) {
        arguments[count++] = "--softgpu";
        return count;
    }
    arguments[count++] = strchr(device, '/') ? "--device" : "--backend";
    arguments[count++] = device;
    return count;
}

static const char *device_of(int side)
{
    return asked.devices.items[side < (int)asked.devices.count ? side : 0];
}

static int run_replay(struct bench *bench, int side, uint64_t run, struct ga_error *error)
{
    const char *arguments[ARGUMENTS_MAX + 24];
    char file[PATH_MAX + 32], warmup[24], line[400];
    int count = 0;
    snprintf(file, sizeof file, "%s/%c/run-%04ju.json", bench->folder, side_letters[side], (uintmax_t)run + 1);
    snprintf(warmup, sizeof warmup, "%ju", (uintmax_t)asked.warmup);
    const char *const head[] = {"sh", "-c", "exec \"$@\" >/dev/null 2>\"$0\"", bench->log, bench->self, "replay"};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        arguments[count++] = head[i];
    for (int i = 0; i < bench->replay_option_count; i++)
        arguments[count++] = bench->replay_options[i];
    if (asked.populate) {
        arguments[count++] = "--populate";
        arguments[count++] = asked.populate;
    }
    if (asked.setups[side]) {
        arguments[count++] = "--note";
        arguments[count++] = asked.setups[side];
    }
    count = add_device(arguments, count, device_of(side));
    const char *const tail[] = {"--runs", "1", "--warmup", warmup, "--json", file, "--", bench->trace};
    for (size_t i = 0; i < sizeof tail / sizeof *tail; i++)
        arguments[count++] = tail[i];
    arguments[count] = NULL;
    int status = run_program(bench, arguments, error);
    if (status == GA_EXIT_EXHAUSTED) /* its runs are whole, and compare says it */
        status = 0;
    if (status <= 0)
        return status;
    last_line(bench->log, line, sizeof line);
    return ga_error_set(error, EIO, "run %ju on %s: %s%s", (uintmax_t)run + 1, device_of(side), *line ? line : "replay failed",
                        status >= 128 ? ", killed by a signal" : "");
}

static void progress(const struct bench *bench, uint64_t step, int side)
{
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r\033[Krun %ju of %ju: %s", (uintmax_t)step + 1, (uintmax_t)asked.runs * 2, device_of(side));
    if (step)
        fprintf(stderr, ", about %s left",
                ga_duration((double)bench->spent_ns / (double)step * (double)(asked.runs * 2 - step)).text);
}

static void progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

/* The exit status of compare: of one that prints, or of a try that only tells what is wrong. */
static int compare(struct bench *bench, bool prints, struct ga_error *error)
{
    const char *arguments[32];
    char threshold[40], base[PATH_MAX + 4], next[PATH_MAX + 4];
    int count = 0;
    snprintf(threshold, sizeof threshold, "%.17g", asked.threshold);
    snprintf(base, sizeof base, "%s/a", bench->folder);
    snprintf(next, sizeof next, "%s/b", bench->folder);
    const struct {
        const char *option, *value;
    } given[] = {{"--metric", asked.metric}, {"--figure", asked.figure}, {"--threshold", threshold},
                 {"--json", prints ? asked.json : NULL}, {"--markdown", prints ? asked.markdown : NULL},
                 {"--html", prints ? asked.html : NULL}};
    const char *const head[] = {"sh", "-c", "exec \"$@\" >/dev/null", "sh"};
    for (size_t i = 0; !prints && i < sizeof head / sizeof *head; i++)
        arguments[count++] = head[i];
    arguments[count++] = bench->self;
    arguments[count++] = "compare";
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (given[i].value) {
            arguments[count++] = given[i].option;
            arguments[count++] = given[i].value;
        }
    const char *const sides[] = {base, "--", next, NULL};
    memcpy(arguments + count, sides, sizeof sides);
    return run_program(bench, arguments, error);
}

/* What cannot be compared (another driver's requests, a metric that is none of these calls) is said after a run of each, not after
   all. */
static int check_first(struct bench *bench, struct ga_error *error)
{
    int64_t spent = bench->spent_ns;
    int status = compare(bench, false, error);
    bench->spent_ns = spent;
    if (status <= 0 || status == GA_EXIT_REGRESSED)
        return status < 0 ? status : 0;
    return ga_error_set(error, EINVAL, "ended after the first run of each: there is nothing to compare");
}

/* A B, B A, A B, …: a machine that grows slower does so for both. */
static int measure(struct bench *bench, struct ga_error *error)
{
    int result = 0;
    for (uint64_t step = 0; result == 0 && step < asked.runs * 2; step++) {
        int side = (int)((step ^ step / 2) & 1);
        progress(bench, step, side);
        result = run_setup(bench, side, error);
        if (result == 0)
            result = run_replay(bench, side, step / 2, error);
        if (result == 0 && step == 1 && asked.runs > 1)
            result = check_first(bench, error);
    }
    progress_end();
    return result;
}

static bool is_empty(const char *path)
{
    DIR *folder = opendir(path);
    bool empty = folder != NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        empty &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (folder)
        closedir(folder);
    return empty;
}

static int make_folder(struct bench *bench, struct ga_error *error)
{
    const char *temporary = getenv("TMPDIR");
    int length = asked.folder ? snprintf(bench->folder, sizeof bench->folder - 16, "%s", asked.folder)
                              : snprintf(bench->folder, sizeof bench->folder - 16, "%s/gpualloc-bench.XXXXXX",
                                         temporary && *temporary ? temporary : "/tmp");
    if (length >= (int)sizeof bench->folder - 16)
        return ga_error_errno(error, ENAMETOOLONG, "-o");
    if (!asked.folder && !mkdtemp(bench->folder))
        return ga_error_errno(error, errno, "%s: making a folder for the results", bench->folder);
    if (asked.folder && mkdir(bench->folder, 0777) < 0 && errno != EEXIST)
        return ga_error_errno(error, errno, "-o %s", asked.folder);
    if (!is_empty(bench->folder))
        return ga_error_set(error, EEXIST, "-o %s: it is no empty folder; name a new one", asked.folder);
    snprintf(bench->log, sizeof bench->log, "%s/log", bench->folder);
    for (int side = 0; side < SIDES; side++) {
        char path[PATH_MAX + 4];
        snprintf(path, sizeof path, "%s/%c", bench->folder, side_letters[side]);
        if (mkdir(path, 0777) < 0)
            return ga_error_errno(error, errno, "%s", path);
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    remove(path);
    return 0;
}

/* A page or file that cannot be written is said before the runs, not after. */
static int check_files(struct ga_error *error)
{
    const char *const files[] = {asked.json, asked.markdown, asked.html};
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof files / sizeof *files; i++)
        result = files[i] ? replay_can_write_file(files[i], error) : 0;
    return result;
}

/* The exit status. */
static int run_bench(struct bench *bench, struct ga_error *error)
{
    ssize_t length = readlink("/proc/self/exe", bench->self, sizeof bench->self - 1);
    int result = length < 0 ? ga_error_errno(error, errno, "/proc/self/exe") : check_files(error);
    if (result == 0)
        result = make_folder(bench, error);
    if (result < 0) {
        ga_error_print("bench", error);
        return GA_EXIT_FAILURE;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    ga_program_hold_signals(&bench->program);
    result = measure(bench, error);
    unlink(bench->log);
    bool measured = result == 0;
    if (measured)
        result = compare(bench, true, error);
    int status = result >= 0 ? result : GA_EXIT_FAILURE;
    if (result == -EINTR) {
        status = 128 + bench->signal;
    } else if (result < 0) {
        ga_error_print("bench", error);
    }
    bool compared = status == GA_EXIT_OK || status == GA_EXIT_REGRESSED;
    if (!asked.folder && measured && !compared)
        fprintf(stderr, "gpualloc bench: the results are in %s\n", bench->folder);
    else if (!asked.folder)
        nftw(bench->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    /* Signals stay held: what came since was for us, and we are at the end. */
    return status;
}

/* The option of replay that bench sets itself, or that leaves no result, which an argument after "--" is; or null. */
static const char *own_option(const char *argument)
{
    static const struct {
        const char *name;
        char letter;
    } own[] = {{"device", 'd'}, {"backend", 0}, {"softgpu", 0}, {"runs", 'n'}, {"warmup", 0}, {"json", 0}, {"dry-run", 0},
               {"help", 'h'}};
    size_t length = strcspn(argument, "="); /* a long name may be cut short */
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if ((length > 2 && strncmp(argument, "--", 2) == 0 && strncmp(argument + 2, own[i].name, length - 2) == 0) ||
            (own[i].letter && argument[0] == '-' && argument[1] == own[i].letter))
            return own[i].name;
    return NULL;
}

static int usage(const char *text)
{
    fprintf(stderr, "gpualloc bench: %s; see 'gpualloc bench -h'\n", text);
    return GA_EXIT_USAGE;
}

static int run(int argc, char **argv)
{
    static struct bench bench; /* long paths */
    struct ga_error error = {""};
    if (strcmp(argv[0], "--") == 0 || (argc > 1 && strcmp(argv[1], "--") != 0))
        return usage("expected one TRACE, and options of replay after --");
    if (!asked.devices.count || asked.devices.count > SIDES)
        return usage("name one or two devices with --device");
    if (!asked.runs || asked.runs > RUNS_MAX)
        return usage("--runs is from 1 to 9999");
    if (asked.threshold < 0)
        return usage("--threshold cannot be negative");
    if (argc - 2 > ARGUMENTS_MAX)
        return usage("too many options of replay");
    for (int i = 2; i < argc; i++)
        if (own_option(argv[i])) {
            fprintf(stderr, "gpualloc bench: --%s is not for after --: bench chooses devices and runs, and reads each result\n",
                    own_option(argv[i]));
            return GA_EXIT_USAGE;
        }
    bench.trace = argv[0];
    bench.replay_options = argv + 2;
    bench.replay_option_count = argc > 2 ? argc - 2 : 0;
    return run_bench(&bench, &error);
}

const struct ga_verb verb_bench = {
    .name = "bench",
    .summary = "Measures two devices in turns and says which is faster",
    .synopsis = "--device A [--device B] [options] TRACE [-- REPLAY-OPTION…]",
    .description =
        "Replays the trace on A and B in turns (A B, B A, …), each run in a process of its own, then compares. One device with\n"
        "--setup-a and --setup-b compares two states of it; without these it shows what noise looks like. Options after -- go to\n"
        "'gpualloc replay'. Ctrl-C ends the run, frees its memory and leaves nothing running; what a setup started in the\n"
        "background ends too. A replay that ends with another status than 0 ends the bench, but for 8: a device that had no memory\n"
        "for some creates did the others, and the comparison names how many. Exit status: compare's (3: B is significantly slower),\n"
        "or 128 + the signal.",
    .options = options,
    .keeps_separator = true,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
