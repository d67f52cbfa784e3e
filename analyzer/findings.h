/*
 * Findings: what a report says first, a line each with a next step. Analyses add theirs (analysis.find); docs/report.md tells at which
 * thresholds.
 */
#ifndef GPUALLOC_ANALYZER_FINDINGS_H
#define GPUALLOC_ANALYZER_FINDINGS_H

#include "analysis.h"

struct analysis_findings {
    struct finding {
        struct analysis_finding what;
        const char *by; /* the analysis that tells more */
    } * list;
    size_t count, room;
    const char *by; /* of those that are added now */
    bool partial;   /* the trace has lost something, or is damaged */
};

/* By analysis, the worst of each first. */
void findings_sort(struct analysis_findings *findings);
/* The worst two of each kind, so that all kinds stand in the page's first lines. */
void findings_text(const struct analysis_findings *findings, const struct analysis_output *out);
/* An array of objects, or null when memory ran out. */
json_object *findings_json(const struct analysis_findings *findings);
void findings_release(struct analysis_findings *findings);

#endif
