/* The verb lint: runs the rules over a trace and prints what they found. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "lint.h"

enum { SCHEMA_VERSION = 1 };

static struct ga_option_list only, ignored;
static uint64_t top = 20;
static bool as_json, list_rules, accept_loss;
static const char *fail_on = "warning";
static const char *const fail_on_choices[] = {"error", "warning", "note", "never", NULL};

struct run {
    struct ga_reader *reader;
    struct lint *lint;
    bool enabled[LINT_RULES_MAX];
};

static int on_call(void *user, const struct ga_call *call)
{
    struct run *run = user;
    return lint_feed_call(run->lint, call);
}

static int on_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    struct run *run = user;
    return lint_feed_event(run->lint, row, record, ns);
}

static int on_blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    struct run *run = user;
    return ga_reader_blob(run->reader, hash, data, size);
}

/* Sets what an option's rules, separated by commas, stand for. */
static int set_rules(const struct ga_option_list *list, bool value, bool *enabled, struct ga_error *error)
{
    for (size_t i = 0; i < list->count; i++)
        for (const char *at = list->items[i], *end; *at; at = *end ? end + 1 : end) {
            char id[64];
            end = at + strcspn(at, ",");
            snprintf(id, sizeof id, "%.*s", (int)(end - at), at);
            const struct lint_rule *rule = lint_rule_find(id);
            if (!rule)
                return ga_error_set(error, EINVAL, "there is no rule '%s'; 'gpualloc lint --list' names them", id);
            enabled[lint_rule_index(rule)] = value;
        }
    return 0;
}

static int choose_rules(bool *enabled, struct ga_error *error)
{
    for (size_t i = 0; i < lint_rule_count(); i++)
        enabled[i] = !only.count;
    int result = set_rules(&only, true, enabled, error);
    return result ? result : set_rules(&ignored, false, enabled, error);
}

/* Why what is not in the trace says nothing: events were lost, or the recording left some out. */
static const char *gap_of(const struct run *run, const char *provider, const char *incomplete, char *text, size_t size)
{
    const struct ga_reader_totals *totals = ga_reader_totals(run->reader);
    if (incomplete)
        return "the trace could not be read to its end";
    if (totals->discarded_events || totals->discarded_packets || totals->missing_calls || totals->missing_elements) {
        snprintf(text, size, "the trace lost events (%" PRIu64 " discarded, %" PRIu64 " calls missing)", totals->discarded_events,
                 totals->missing_calls);
        return text;
    }
    for (size_t i = 0; i < GA_ROW_COUNT; i++)
        if (ga_rows[i].kind == GA_ROW_CALL && !strcmp(ga_rows[i].provider, provider) &&
            !ga_reader_records(run->reader, (enum ga_row_id)i)) {
            snprintf(text, size, "the recording left out %s:%s", provider, ga_rows[i].event);
            return text;
        }
    return NULL;
}

static void print_text(const struct run *run, const struct ga_reader_totals *totals)
{
    const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
    bool colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && !(terminal && strcmp(terminal, "dumb") == 0);
    lint_print_text(run->lint, totals->first_ns, top, colour, stdout);
}

static int print_json(const struct run *run, const char *path)
{
    json_object *object = json_object_new_object();
    int result = -ENOMEM;
    if (object && json_object_object_add(object, "schema_version", json_object_new_int(SCHEMA_VERSION)) == 0 &&
        json_object_object_add(object, "trace", json_object_new_string(path)) == 0)
        result = lint_json(run->lint, object);
    const char *text = result < 0 ? NULL
                                  : json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (text)
        puts(text);
    json_object_put(object);
    return text ? 0 : -ENOMEM;
}

/* Reads the trace and prints. A damaged trace (-EIO) is judged as far as it goes, and is a failure all the same. *lossy: rules were
   not checked. */
static int check(struct run *run, const char *path, bool *lossy, struct ga_error *error)
{
    static const struct ga_reader_ops ops = {.call = on_call, .event = on_event};
    struct lint_options options = {.enabled = run->enabled, .blob = on_blob, .blob_user = run};
    int result = ga_reader_open(&run->reader, path, error);
    if (result < 0)
        return result;
    result = lint_create(&run->lint, &options);
    if (result < 0)
        return ga_error_errno(error, -result, "%s", path);
    int read = ga_reader_run(run->reader, &ops, run, error);
    const struct ga_reader_totals *totals = ga_reader_totals(run->reader);
    if (read < 0 && (read != -EIO || !totals->calls))
        return read;
    char texts[2][128];
    const char *incomplete = read < 0 ? error->text : NULL;
    struct lint_gaps gaps = {gap_of(run, "d3dkmt", incomplete, texts[0], sizeof texts[0]),
                             gap_of(run, "drm", incomplete, texts[1], sizeof texts[1])};
    *lossy = totals->discarded_events || totals->discarded_packets || totals->missing_calls || totals->missing_elements;
    result = lint_finish(run->lint, totals->last_ns, &gaps);
    if (result >= 0 && as_json)
        result = print_json(run, path);
    else if (result >= 0)
        print_text(run, totals);
    if (result >= 0 && (fflush(stdout) != 0 || ferror(stdout)))
        return ga_error_errno(error, EIO, "standard output");
    return result < 0 ? ga_error_errno(error, -result, "%s", path) : read;
}

/* Findings that --fail-on asks for. */
static bool has_failing(const struct lint *lint)
{
    bool fails = false;
    for (int severity = LINT_ERROR; severity >= LINT_NOTE && strcmp(fail_on, "never"); severity--) {
        fails |= lint_count(lint, (enum lint_severity)severity) != 0;
        if (strcmp(fail_on, lint_severity_name((enum lint_severity)severity)) == 0)
            break;
    }
    return fails;
}

static int print_list(void)
{
    json_object *rules = as_json ? lint_rules_json() : NULL;
    if (!as_json)
        lint_print_rules(stdout);
    else if (rules)
        puts(json_object_to_json_string_ext(rules, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    bool printed = !as_json || rules;
    json_object_put(rules);
    return printed ? GA_EXIT_OK : GA_EXIT_FAILURE;
}

static int run_lint(int argc, char **argv)
{
    struct ga_error error = {""};
    struct run run = {0};
    bool lossy = false;
    if (list_rules)
        return print_list();
    if (argc < 1) {
        fputs("gpualloc lint: too few arguments: expected a TRACE; see 'gpualloc lint -h'\n", stderr);
        return GA_EXIT_USAGE;
    }
    if (choose_rules(run.enabled, &error) < 0) {
        ga_error_print("lint", &error);
        return GA_EXIT_USAGE;
    }
    int result = check(&run, argv[0], &lossy, &error);
    bool fails = result >= 0 && has_failing(run.lint);
    lint_destroy(run.lint);
    ga_reader_close(run.reader);
    if (result < 0) {
        ga_error_print("lint", &error);
        return GA_EXIT_FAILURE;
    }
    if (fails)
        return GA_EXIT_FINDINGS;
    return lossy && !accept_loss ? GA_EXIT_LOSSY : GA_EXIT_OK;
}

static const struct ga_option options[] = {
    {"rule", 'r', GA_OPTION_LIST, "IDS", "check these rules only: ids, with commas between (may be given again)", &only, NULL},
    {"ignore", 'i', GA_OPTION_LIST, "IDS", "do not check these rules (the same)", &ignored, NULL},
    {"list", 'l', GA_OPTION_FLAG, NULL, "print the rules, each with its severity and a sentence, and no trace", &list_rules, NULL},
    {"fail-on", 0, GA_OPTION_CHOICE, "SEVERITY", "lowest severity that gives exit status 5 (warning)", &fail_on, fail_on_choices},
    {"accept-loss", 0, GA_OPTION_FLAG, NULL, "a trace that lost events gives no exit status 4", &accept_loss, NULL},
    {"top", 'n', GA_OPTION_COUNT, "N", "kinds of findings that are shown, at most (20; 0: all)", &top, NULL},
    {"json", 0, GA_OPTION_FLAG, NULL, "print JSON, all findings (see docs/lint.md)", &as_json, NULL},
    {0},
};

const struct ga_verb verb_lint = {
    .name = "lint",
    .summary = "Says what a program does wrong with its allocations",
    .synopsis = "[options] TRACE",
    .description = "Checks each call of a trace against the rules of D3DKMT and DRM: arguments that the kernel refuses, handles that\n"
                   "were never given or are gone, objects used on the wrong device, leaks, needless paging, refusals that the\n"
                   "program ignored. Each kind of finding is printed once, the most serious first, with its first offender, the\n"
                   "number of times, and what to do. Severities: errors are wrong by the interface's own rules, warnings are\n"
                   "mistakes in all likelihood, notes are worth a look.\n\n"
                   "Exit status: 0 nothing found, 5 something of --fail-on's severity or above, 4 nothing found but the trace\n"
                   "lost events, so that not all rules could be checked (see --accept-loss), 1 the trace could not be read.",
    .options = options,
    .min_args = 0,
    .max_args = 1,
    .run = run_lint,
};
