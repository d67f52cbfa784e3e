/*
 * Analyses: each a const table, all run together over one pass of a trace.
 *
 * An analysis keeps what it needs of the calls and lives that go by (memory bounded by what is alive, and by what it shows),
 * and says the result as text and as JSON. It is one file of analyses/ that ends in `const struct analysis analysis_NAME`; the
 * table is made from the file names. Whoever feeds a set (gpualloc report, a babeltrace2 component, a test) needs no more than
 * this.
 */
#ifndef GPUALLOC_ANALYZER_ANALYSIS_H
#define GPUALLOC_ANALYZER_ANALYSIS_H

#include <json-c/json.h>

#include "reader/lives.h"
#include "reader/learnt.h"

/* What the analyses are told about the trace as a whole, at the end. */
struct analysis_trace {
    const char *path;
    const struct ga_reader_totals *totals;
    const char *incomplete; /* why the trace could not be read to its end, or null */
};

/* Where text goes. */
struct analysis_output {
    FILE *file;
    bool colour;
    uint64_t top; /* rows of a table, at most */
    const struct analysis_trace *trace;
    bool asked; /* the set prints fewer than all analyses: in all their detail */
};

/* What an analysis can ask while it is fed; lives as long as the set. */
struct analysis_source {
    const struct ga_lives *lives;
    const struct surface_names *names; /* of D3DKMT's surfaces, as told so far (analyzer/surfaces.h) */
    int (*blob)(void *user, uint64_t hash, const void **data, uint32_t *size); /* as ga_reader_blob */
    void *blob_user;
    int64_t from_ns, to_ns; /* the range that is analysed, see analysis_set_range */
};

/* One thing that a user should look at: a line at the top of the page. */
struct analysis_finding {
    const char *kind;  /* "leak", "churn", … */
    uint64_t process, surface, bytes, count, call;
    uint32_t tid;
    uint64_t weight;   /* more is worse, among those of a kind */
    char text[360];    /* without kind and next step */
};
struct analysis_findings;
/* 0 or -ENOMEM. */
int analysis_findings_add(struct analysis_findings *findings, const struct analysis_finding *finding);

struct analysis {
    const char *name;  /* for --by, and its member in JSON */
    const char *help;  /* one line, no full stop */
    unsigned order;    /* place on the page: smaller is further up */
    bool on_request;   /* its text is no part of the default page: only of one on which it was asked for by name */
    /* The state of one run, of zeros; its size in bytes. */
    size_t state_size;
    /* All below are optional but text and json. Those that return int: 0, or a negative errno that ends the run. */
    int (*start)(void *state, const struct analysis_source *source);
    /* After the births, deaths and uses that the call makes. */
    int (*call)(void *state, const struct ga_call *call);
    int (*event)(void *state, const struct ga_row *row, const void *record, int64_t ns);
    /* call is null for what was made before the range (analysis_set_range). */
    int (*born)(void *state, const struct ga_life *life, const struct ga_call *call);
    /* life->memory->handles 0: its memory is gone as well. call is null for ends that no call made. */
    int (*died)(void *state, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call);
    int (*used)(void *state, const struct ga_life *life, const struct ga_call *call);
    int (*stranger)(void *state, const struct ga_call *call, uint32_t handle);
    /* The range begins: what lives, and was told as born, was made before it. Only where a range was set. */
    int (*range_begins)(void *state, int64_t from_ns);
    /* Every life has ended (those alive with GA_END_NOT). */
    int (*finish)(void *state, const struct analysis_trace *trace);
    /* After finish: adds what a user should look at. */
    int (*find)(const void *state, struct analysis_findings *findings);
    /* Prints nothing where there is nothing to say. */
    void (*text)(const void *state, const struct analysis_output *out);
    /* A new object or array, or null when memory ran out. Its lists may be deferred. */
    json_object *(*json)(const void *state);
    void (*release)(void *state);
};

/* All analyses, in the order of the page; ends with null. */
const struct analysis *const *analysis_table(void);

struct analysis_set;
/* analyses: borrowed. blob, blob_user: as in struct ga_lives_ops, may be null. learnt: what an earlier pass over the trace learnt,
   borrowed; null: sizes are those known at birth, names none. A life's size and name never change for an analysis. */
int analysis_set_create(struct analysis_set **set, const struct analysis *const *analyses, size_t count,
                        int (*blob)(void *user, uint64_t hash, const void **data, uint32_t *size), void *blob_user,
                        struct ga_learnt *learnt);
/* The same for a first pass: nothing is known, and the set tells learnt what is learnt after births. Once ga_learnt_count is not 0 the
   figures are not to be used: make another set and feed it once more. */
int analysis_set_create_learning(struct analysis_set **set, const struct analysis *const *analyses, size_t count,
                                 int (*blob)(void *user, uint64_t hash, const void **data, uint32_t *size), void *blob_user,
                                 struct ga_learnt *learnt);
/* Before the first event: analyses what happened from from_ns to to_ns (epoch, exclusive; INT64_MIN and INT64_MAX: no limit), by the
   end of a call. What was made before it and lives on is told as born at its beginning (then range_begins); what lives at its end is as
   alive at the end of the trace. */
void analysis_set_range(struct analysis_set *set, int64_t from_ns, int64_t to_ns);
/* Feed every call and event of a reader, in the order they come; then finish, once. */
int analysis_set_call(struct analysis_set *set, const struct ga_call *call);
int analysis_set_event(struct analysis_set *set, const struct ga_row *row, const void *record, int64_t ns);
int analysis_set_finish(struct analysis_set *set, const struct analysis_trace *trace);
size_t analysis_set_count(const struct analysis_set *set);
/* After finish. text: with a blank line between analyses; when the set has all analyses that there are, the findings first and without
   those on_request. json: adds the findings, and a member for each analysis; 0 or -ENOMEM. deferred: the lists in it are made while it
   is written (analyzer/deferred.h), before the set is destroyed. */
void analysis_set_text(const struct analysis_set *set, const struct analysis_output *out);
int analysis_set_json(const struct analysis_set *set, json_object *object);
int analysis_set_json_deferred(const struct analysis_set *set, json_object *object);
/* Null is fine. */
void analysis_set_destroy(struct analysis_set *set);

#endif
