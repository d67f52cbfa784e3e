/* gpualloc compare: whether one side's replays of a trace were faster than the other's. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "replayer/compare.h"
#include "replayer/verbs.h"

enum { FILES_MAX = 4096 }; /* a side */

static struct {
    const char *json, *markdown, *html, *metric, *figure;
    double threshold;
} asked = {.threshold = 5, .metric = "geomean", .figure = "p50"};

static const struct ga_option options[] = {
    {.name = "metric", .kind = GA_OPTION_STRING, .argument = "NAME", .value = &asked.metric,
     .help = "what the verdict is on: geomean (of all lines, the default), wall (a run's time), or a kind of call"},
    {.name = "figure", .kind = GA_OPTION_CHOICE, .argument = "WHICH", .value = &asked.figure, .choices = replay_figure_names,
     .help = "of a run's calls of a kind (default: p50, the median)"},
    {.name = "threshold", .kind = GA_OPTION_NUMBER, .argument = "PERCENT", .value = &asked.threshold,
     .help = "how much slower is a regression (default: 5)"},
    {.name = "json", .kind = GA_OPTION_STRING, .argument = "FILE", .value = &asked.json,
     .help = "write JSON; - is standard output, instead of the table"},
    {.name = "markdown", .kind = GA_OPTION_STRING, .argument = "FILE", .value = &asked.markdown, .help = "write Markdown; - as above"},
    {.name = "html", .kind = GA_OPTION_STRING, .argument = "FILE", .value = &asked.html,
     .help = "write a page that shows each run, and needs no network; - as above"},
    {0},
};

static int add_file(struct compare_side *side, const char *path, struct ga_error *error)
{
    if (side->count == FILES_MAX)
        return ga_error_set(error, E2BIG, "more than %d results on a side", FILES_MAX);
    struct replay_result *results = realloc(side->results, (side->count + 1u) * sizeof *results);
    if (!results)
        return ga_error_errno(error, ENOMEM, "compare");
    side->results = results;
    return replay_result_read(&results[side->count++], path, error);
}

static int is_json(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + length - 5, ".json") == 0;
}

/* All results in a folder, such as bench leaves. */
static int add_folder(struct compare_side *side, const char *path, struct ga_error *error)
{
    struct dirent **names;
    int count = scandir(path, &names, is_json, alphasort), result = 0;
    if (count < 0)
        return ga_error_errno(error, errno, "%s", path);
    if (!count)
        result = ga_error_set(error, ENOENT, "%s: a folder without results (*.json)", path);
    for (int i = 0; i < count; i++) {
        char file[PATH_MAX];
        if (result == 0 && snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name) >= (int)sizeof file)
            result = ga_error_errno(error, ENAMETOOLONG, "%s", path);
        if (result == 0)
            result = add_file(side, file, error);
        free(names[i]);
    }
    free(names);
    return result;
}

static int read_side(struct compare_side *side, char **paths, int count, struct ga_error *error)
{
    int result = 0;
    for (int i = 0; result == 0 && i < count; i++) {
        struct stat status;
        bool folder = stat(paths[i], &status) == 0 && S_ISDIR(status.st_mode);
        result = folder ? add_folder(side, paths[i], error) : add_file(side, paths[i], error);
    }
    return result;
}

static void release_side(struct compare_side *side)
{
    for (uint32_t r = 0; r < side->count; r++)
        replay_result_release(&side->results[r]);
    free(side->results);
}

static char *as_text(const struct comparison *c, void (*print)(const struct comparison *, FILE *))
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    print(c, out);
    fclose(out);
    return text;
}

static int report(const struct comparison *c, struct ga_error *error)
{
    const struct {
        const char *path;
        void (*print)(const struct comparison *, FILE *); /* null: JSON */
    } forms[] = {{asked.json, NULL}, {asked.markdown, comparison_markdown}, {asked.html, comparison_html}};
    bool table = true;
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof forms / sizeof *forms; i++) {
        if (!forms[i].path)
            continue;
        table &= strcmp(forms[i].path, "-") != 0;
        char *text = forms[i].print ? as_text(c, forms[i].print) : comparison_json(c);
        result = text ? replay_write_file(forms[i].path, text, error) : ga_error_errno(error, ENOMEM, "compare");
        free(text);
    }
    if (result == 0 && table)
        comparison_print(c, stdout);
    return result;
}

static enum replay_figure figure_asked(void)
{
    int figure = 0;
    while (strcmp(replay_figure_names[figure], asked.figure) != 0)
        figure++;
    return (enum replay_figure)figure;
}

static bool on_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

/* How many of the arguments are the base's: those before "--", or the first of two. 0: neither. */
static int base_count(int argc, char **argv)
{
    int place = 0;
    while (place < argc && strcmp(argv[place], "--") != 0)
        place++;
    return place < argc ? place : argc == 2;
}

static int run(int argc, char **argv)
{
    struct compare_side base = {0}, next = {0};
    struct comparison comparison = {0};
    struct ga_error error = {""};
    int count = base_count(argc, argv), skip = count < argc && strcmp(argv[count], "--") == 0;
    if (!count || count + skip == argc) {
        fputs("gpualloc compare: put -- between the base's results and the new ones: compare BASE… -- NEW…\n", stderr);
        return GA_EXIT_USAGE;
    }
    if (asked.threshold < 0) {
        fputs("gpualloc compare: --threshold cannot be negative\n", stderr);
        return GA_EXIT_USAGE;
    }
    if (on_stdout(asked.json) + on_stdout(asked.markdown) + on_stdout(asked.html) > 1) {
        fputs("gpualloc compare: only one of --json, --markdown and --html can be standard output\n", stderr);
        return GA_EXIT_USAGE;
    }
    struct compare_options how = {.threshold = asked.threshold / 100, .metric = asked.metric, .figure = figure_asked()};
    int result = read_side(&base, argv, count, &error);
    if (result == 0)
        result = read_side(&next, argv + count + skip, argc - count - skip, &error);
    if (result == 0)
        result = compare_results(&comparison, &base, &next, &how, &error);
    if (result == 0)
        result = report(&comparison, &error);
    int status = result < 0 ? GA_EXIT_FAILURE : comparison.verdict == COMPARE_REGRESSED ? GA_EXIT_REGRESSED : GA_EXIT_OK;
    if (result < 0)
        ga_error_print("compare", &error);
    comparison_release(&comparison);
    release_side(&base);
    release_side(&next);
    return status;
}

const struct ga_verb verb_compare = {
    .name = "compare",
    .summary = "Says whether one side's replays of a trace were faster",
    .synopsis = "[options] BASE NEW | [options] BASE… -- NEW…",
    .description =
        "Each argument is a result of 'replay --json', or a folder of them, such as 'bench -o' leaves; all results of a side are\n"
        "one sample. Each line is a kind of call in a class of sizes: the median over the runs of a run's median latency and\n"
        "how far its 95% interval reaches, the change, and the p of an exact Mann-Whitney U test over the runs, corrected for\n"
        "the number of lines (Holm); ~ is a change that is not significant at 5%. Across kernels the boot is the unit, and one\n"
        "boot a side gets no verdict. What differs between the machines is said, and what spoils a measurement.\n"
        "Exit status 3: the metric, named beforehand, is significantly slower, by more than the threshold. Results of different\n"
        "traces, verbatim with translated ones, and what was replayed in another way (--order, --speed, --loops, --lanes, --state,\n"
        "--populate) are not compared.",
    .options = options,
    .keeps_separator = true,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
