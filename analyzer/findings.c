/* Findings: what a report says first. */
#include "findings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "groups.h"
#include "table.h"

enum { SHOWN_OF_A_KIND = 2 };

int analysis_findings_add(struct analysis_findings *findings, const struct analysis_finding *finding)
{
    if (ga_array_room(&findings->list, &findings->room, findings->count + 1, sizeof *findings->list) < 0)
        return -ENOMEM;
    findings->list[findings->count++] = (struct finding){*finding, findings->by};
    return 0;
}

/* The analyses have an order already: that of their first finding in the list. */
static int worst_first(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->what.weight != y->what.weight)
        return x->what.weight > y->what.weight ? -1 : 1;
    if (x->what.surface != y->what.surface)
        return x->what.surface < y->what.surface ? -1 : 1;
    return x->what.call < y->what.call ? -1 : x->what.call > y->what.call;
}

void findings_sort(struct analysis_findings *findings)
{
    for (size_t first = 0, next; first < findings->count; first = next) {
        for (next = first; next < findings->count && findings->list[next].by == findings->list[first].by;)
            next++;
        qsort(&findings->list[first], next - first, sizeof *findings->list, worst_first);
    }
}

void findings_text(const struct analysis_findings *findings, const struct analysis_output *out)
{
    if (!findings->count && findings->partial) {
        analysis_heading(out, "Findings: none in what there is of the trace (what is missing: see Loss)");
        return;
    }
    if (!findings->count) {
        analysis_heading(out, "Findings: none (no leak, no churn, no fragmentation, no slow call)");
        return;
    }
    analysis_heading(out, "Findings: %s%s", ga_count(findings->count).text,
                     findings->partial ? ", of a trace that is not whole (see Loss)" : "");
    size_t of_kind = 0;
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->list[i];
        bool last = i + 1 == findings->count || findings->list[i + 1].by != finding->by;
        if (of_kind++ < SHOWN_OF_A_KIND) {
            char text[sizeof finding->what.text];
            memcpy(text, finding->what.text, sizeof text);
            fprintf(out->file, "  %s%s%s: %s; ", out->colour ? "\033[1;33m" : "", finding->what.kind, out->colour ? "\033[0m" : "",
                    table_clean(text));
            if (of_kind == SHOWN_OF_A_KIND && !last)
                fprintf(out->file, "this and others: --by %s\n", finding->by);
            else
                fprintf(out->file, "see --by %s\n", finding->by);
        }
        of_kind = last ? 0 : of_kind;
    }
}

json_object *findings_json(const struct analysis_findings *findings)
{
    json_object *array = json_object_new_array();
    int failed = !array;
    for (size_t i = 0; i < findings->count && !failed; i++) {
        const struct finding *finding = &findings->list[i];
        json_object *object = json_object_new_object();
        failed = !object || json_object_array_add(array, object) || json_add_string(object, "kind", finding->what.kind) ||
                 json_add_string(object, "by", finding->by) || json_add_string(object, "text", finding->what.text) ||
                 json_add_id(object, "process", finding->what.process) || json_add_uint(object, "tid", finding->what.tid) ||
                 json_add_uint(object, "surface", finding->what.surface) || json_add_uint(object, "bytes", finding->what.bytes) ||
                 json_add_uint(object, "count", finding->what.count) || json_add_uint(object, "call", finding->what.call);
    }
    if (!failed)
        return array;
    json_object_put(array);
    return NULL;
}

void findings_release(struct analysis_findings *findings)
{
    free(findings->list);
    *findings = (struct analysis_findings){0};
}
