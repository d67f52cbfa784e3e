/* What lint found, as text for people and as JSON (docs/lint.md). */
#include "lint.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "analyzer/groups.h"
#include "base/units.h"

static const char *event_name(const struct ga_row *row, char *text, size_t size)
{
    snprintf(text, size, "%s:%s", row->provider, row->event);
    return text;
}

static const char *kind_name(const struct lint_group *group)
{
    bool drm = group->first.row && ga_row_is_drm(group->first.row);
    return drm ? "GEM handle" : group->what.kind ? ga_object_kind_name(group->what.kind) : "handle";
}

static void print_where(const struct lint_group *group, int64_t first_ns, FILE *out)
{
    const struct lint_call *call = &group->first;
    bool drm = ga_row_is_drm(call->row);
    fprintf(out, "    %s: %s, call %" PRIu64 " of thread %" PRIu32 " in process %" PRIu32 ", +%s",
            group->count > 1 ? "first" : "where", call->row->request, call->call, call->tid, call->pid,
            ga_duration((double)(call->begin_ns - first_ns)).text);
    if (group->what.handle)
        fprintf(out, drm ? ", %s %" PRIu32 : ", %s 0x%" PRIx32, kind_name(group), group->what.handle);
    if (group->what.surface)
        fprintf(out, ", surface 0x%" PRIx64, group->what.surface);
    if (call->error)
        fprintf(out, "; it gave %s", strerrorname_np(call->error) ? strerrorname_np(call->error) : "an unknown errno");
    else if (call->failed)
        fprintf(out, "; it gave status 0x%08" PRIx32, call->status);
    fprintf(out, "\n           %s\n", group->detail);
}

static void print_group(const struct lint_group *group, int64_t first_ns, bool colour, FILE *out)
{
    static const char *const colours[LINT_SEVERITIES] = {"\033[36m", "\033[33m", "\033[31m"};
    const struct lint_rule *rule = group->rule;
    fprintf(out, "%s%s%s %s: %s", colour ? colours[rule->severity] : "", lint_severity_name(rule->severity), colour ? "\033[0m" : "",
            rule->id, rule->says);
    if (group->count > 1)
        fprintf(out, " (%s times)", ga_count(group->count).text);
    fprintf(out, ".\n");
    if (group->others)
        fputs("    Stands for several surfaces: there are too many to tell them apart.\n", out);
    print_where(group, first_ns, out);
    fprintf(out, "    do:    %s.\n\n", rule->advice);
}

/* The rules that were not checked, each reason once. */
static void print_unchecked(const struct lint *lint, FILE *out)
{
    const char *told[LINT_NEEDS_BOTH + 1] = {NULL};
    for (const struct lint_family *const *family = lint_families(); *family; family++)
        for (const struct lint_rule *rule = (*family)->rules; rule->id; rule++) {
            const char *why = lint_unchecked(lint, rule);
            bool is_told = !why;
            for (size_t i = 0; i <= LINT_NEEDS_BOTH && !is_told; i++)
                is_told = told[i] && strcmp(told[i], why) == 0;
            if (is_told)
                continue;
            told[rule->needs] = why;
            fprintf(out, "Not checked, because %s:", why);
            for (const struct lint_family *const *other = lint_families(); *other; other++)
                for (const struct lint_rule *same = (*other)->rules; same->id; same++)
                    if (lint_unchecked(lint, same) && strcmp(lint_unchecked(lint, same), why) == 0)
                        fprintf(out, " %s", same->id);
            fputc('\n', out);
        }
}

void lint_print_text(const struct lint *lint, int64_t first_ns, uint64_t top, bool colour, FILE *out)
{
    size_t count, shown;
    const struct lint_group *const *groups = lint_groups(lint, &count);
    shown = top && top < count ? top : count;
    for (size_t i = 0; i < shown; i++)
        print_group(groups[i], first_ns, colour, out);
    if (shown < count)
        fprintf(out, "… and %zu more kinds of findings: --top=0 shows all.\n\n", count - shown);
    print_unchecked(lint, out);
    uint64_t numbers[LINT_SEVERITIES];
    for (int severity = LINT_NOTE; severity <= LINT_ERROR; severity++)
        numbers[severity] = lint_count(lint, (enum lint_severity)severity);
    if (!count)
        fputs("Nothing found.\n", out);
    else
        fprintf(out, "%s errors, %s warnings, %s notes.\n", ga_count(numbers[LINT_ERROR]).text, ga_count(numbers[LINT_WARNING]).text,
                ga_count(numbers[LINT_NOTE]).text);
}

static int add_call(json_object *object, const struct lint_call *call)
{
    char event[96];
    bool d3dkmt = ga_row_is_d3dkmt(call->row);
    return json_add_string(object, "event", event_name(call->row, event, sizeof event)) ||
           json_add_string(object, "request", call->row->request) ||
           json_add(object, "ts", json_object_new_int64(call->begin_ns)) || json_add_uint(object, "pid", call->pid) ||
           json_add_uint(object, "tid", call->tid) || json_add_id(object, "process", call->process) ||
           json_add_uint(object, "call", call->call) || json_add(object, "failed", json_object_new_boolean(call->failed)) ||
           json_add_uint(object, "errno", (uint64_t)call->error) || (d3dkmt && json_add_uint(object, "status", call->status));
}

static int add_group(json_object *object, const struct lint_group *group)
{
    json_object *first = json_object_new_object();
    int failed = json_add_string(object, "rule", group->rule->id) ||
                 json_add_string(object, "severity", lint_severity_name(group->rule->severity)) ||
                 json_add_string(object, "message", group->rule->says) || json_add_string(object, "advice", group->rule->advice) ||
                 json_add_uint(object, "count", group->count) ||
                 (group->others && json_add(object, "others", json_object_new_boolean(true))) || json_add(object, "first", first);
    if (!failed)
        failed = add_call(first, &group->first);
    if (!failed && group->what.handle)
        failed = json_add_uint(first, "handle", group->what.handle) || json_add_string(first, "handle_kind", kind_name(group));
    if (!failed && group->what.surface)
        failed = json_add_uint(first, "surface", group->what.surface);
    return failed || json_add_string(first, "detail", group->detail);
}

static int add_findings(const struct lint *lint, json_object *array)
{
    size_t count;
    const struct lint_group *const *groups = lint_groups(lint, &count);
    int failed = !array;
    for (size_t i = 0; i < count && !failed; i++) {
        json_object *object = json_object_new_object();
        failed = !object || json_object_array_add(array, object) || add_group(object, groups[i]);
    }
    return failed;
}

static int add_unchecked(const struct lint *lint, json_object *object)
{
    int failed = !object;
    for (const struct lint_family *const *family = lint_families(); *family; family++)
        for (const struct lint_rule *rule = (*family)->rules; rule->id && !failed; rule++)
            if (lint_unchecked(lint, rule))
                failed = json_add_string(object, rule->id, lint_unchecked(lint, rule));
    return failed;
}

int lint_json(const struct lint *lint, json_object *object)
{
    json_object *findings = json_object_new_array(), *unchecked = json_object_new_object();
    int failed = json_add_uint(object, "errors", lint_count(lint, LINT_ERROR)) ||
                 json_add_uint(object, "warnings", lint_count(lint, LINT_WARNING)) ||
                 json_add_uint(object, "notes", lint_count(lint, LINT_NOTE));
    /* json_add takes them in any case. */
    failed |= json_add(object, "findings", findings);
    failed |= json_add(object, "unchecked", unchecked);
    return failed || add_findings(lint, findings) || add_unchecked(lint, unchecked) ? -ENOMEM : 0;
}

void lint_print_rules(FILE *out)
{
    for (const struct lint_family *const *family = lint_families(); *family; family++)
        for (const struct lint_rule *rule = (*family)->rules; rule->id; rule++)
            fprintf(out, "%-30s %-8s %s.\n", rule->id, lint_severity_name(rule->severity), rule->says);
}

json_object *lint_rules_json(void)
{
    json_object *array = json_object_new_array();
    int failed = !array;
    for (const struct lint_family *const *family = lint_families(); *family && !failed; family++)
        for (const struct lint_rule *rule = (*family)->rules; rule->id && !failed; rule++) {
            json_object *object = json_object_new_object();
            failed = !object || json_object_array_add(array, object) || json_add_string(object, "rule", rule->id) ||
                     json_add_string(object, "severity", lint_severity_name(rule->severity)) ||
                     json_add_string(object, "message", rule->says) || json_add_string(object, "advice", rule->advice);
        }
    if (!failed)
        return array;
    json_object_put(array);
    return NULL;
}
