/* Formats of export: what is written as a trace goes by. A format is a file ending in a const table. */
#ifndef GPUALLOC_EXPORT_FORMAT_H
#define GPUALLOC_EXPORT_FORMAT_H

#include "analyzer/follow.h"
#include "analyzer/labels.h"

/* What a format is given. */
struct export {
    FILE *file; /* to write to; errors of writing are found by whoever opened it */
    struct follow *follow;
    struct labels labels;
    const char *path;   /* of the trace, as it was given */
    bool peak;          /* flame graphs: bytes alive at the peak, not all that were made */
    void *state;        /* the format's own, of zeros at a pass's begin */
    int64_t now_ns;     /* epoch: end of the newest call, never going back: when bytes come and go */
};

struct export_format {
    const char *name;
    bool binary;
    size_t state_size;
    /* All as in struct follow_ops; begin, end and release are called once a pass. */
    int (*begin)(struct export *export);
    int (*event)(struct export *export, const struct ga_row *row, const void *record, int64_t ns);
    int (*born)(struct export *export, struct ga_life *life, const struct ga_call *call);
    int (*died)(struct export *export, struct ga_life *life, enum ga_life_end how, const struct ga_call *call);
    int (*after)(struct export *export, const struct ga_call *call);
    int (*end)(struct export *export, const struct ga_reader_totals *totals);
    void (*release)(struct export *export);
    /* After the last pass: what is to be said on standard error. Optional. */
    void (*done)(const struct export *export);
};

extern const struct export_format export_perfetto, export_jsonl, export_folded, export_svg;

#endif
