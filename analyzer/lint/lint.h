/*
 * Lint: rules as checks over a trace, all in one pass.
 *
 * A family of rules is one file of rules/ that ends in `const struct lint_family lint_family_NAME`; the table is made from the file
 * names. A family sees each call before it takes effect (lives then say what was alive), each birth and end, and reports findings.
 * Equal findings are one group: the same rule, process, kind of call, surface and error. Who feeds a lint (the verb, a test, a fuzz
 * harness) needs the functions at the end only.
 *
 * What is certain is told, nothing else: rules that conclude from what is not in the trace (a destroy that never came, a handle that
 * nobody made) are dropped, and named as not checked, when the trace lost events or was recorded in part.
 */
#ifndef GPUALLOC_ANALYZER_LINT_H
#define GPUALLOC_ANALYZER_LINT_H

#include <json-c/json.h>

#include "base/verb.h"
#include "reader/lives.h"

enum lint_severity { LINT_NOTE, LINT_WARNING, LINT_ERROR, LINT_SEVERITIES };
/* "note", "warning", "error". */
const char *lint_severity_name(enum lint_severity severity);

/* What a rule must know to be checked. */
enum lint_needs {
    LINT_NEEDS_CALL, /* the call alone: any trace will do */
    LINT_NEEDS_D3DKMT, /* all calls of D3DKMT */
    LINT_NEEDS_DRM,    /* all calls of DRM */
    LINT_NEEDS_BOTH,
};

struct lint_rule {
    const char *id; /* null ends a table */
    enum lint_severity severity;
    enum lint_needs needs;
    const char *says;   /* what is wrong, one sentence without full stop */
    const char *advice; /* what to do, one sentence without full stop */
};

/* A call, kept beyond the call. */
struct lint_call {
    const struct ga_row *row; /* null: none */
    uint64_t process, call;
    int64_t begin_ns, end_ns, ret;
    uint32_t thread, pid, tid, status;
    int32_t error;
    uint8_t layer;
    bool failed;
};
struct lint_call lint_call_of(const struct ga_call *call);
struct lint_call lint_call_of_life(const struct ga_life *life);       /* the one that made it; without its result */
struct lint_call lint_call_of_object(const struct ga_object *object); /* the same */

/* The errno that a refused call had, or that its NTSTATUS was made from (ga_status_error); 0 for a call that succeeded. */
int lint_error_of(const struct ga_call *call);

/* What a finding is about. */
struct lint_what {
    enum ga_object_kind kind; /* GA_OBJECT_SCOPE: no handle */
    uint32_t handle;
    uint64_t surface;
};

/* What lint keeps of an allocation that is alive, besides its life; made when a rule first needs it. */
struct lint_life {
    uint32_t locks, resident;          /* counts that Lock2 and MakeResident raise */
    uint32_t returns;                  /* times in a row that it was made resident soon after it was evicted */
    int64_t evicted_ns, returned_ns;   /* end of its last Evict; of its last return */
    bool offered;
    struct lint_call locked, used;     /* the first Lock2 that is not undone; the call that named it and returned last */
    struct lint_call lock_refused, resident_refused, destroy_refused;
    struct lint_range *ranges;         /* GPU addresses that it is mapped at (rules/addresses.c) */
};

/* What lint keeps of another object of D3DKMT. */
struct lint_object {
    bool shared, sealed, removed, offered;
    struct lint_call destroy_refused;
};

struct lint;

/* How a named handle was found when the call began. */
enum lint_found {
    LINT_ALIVE,
    LINT_NULL,       /* the handle is 0, where an object must be named */
    LINT_DEAD,       /* it was alive, and ended */
    LINT_OTHER_KIND, /* it is alive, and something else */
    LINT_STRANGER,   /* nothing recorded had given it to this process (drm: to this file) */
};

/* A handle that ended lately. */
struct lint_dead {
    uint64_t scope;
    uint32_t handle;
    enum ga_object_kind kind;
    uint64_t surface;
    int64_t begin_ns, end_ns;  /* of the call that ended it */
    struct lint_call ended_by; /* row null: by no call */
    bool explicitly;           /* by its own destroy */
};

/* A handle that a call names. */
struct lint_name {
    const struct ga_member *member;
    enum ga_object_kind kind; /* that it should be; GA_OBJECT_SCOPE: any */
    uint32_t handle;
    bool destroys; /* the call ends it */
    enum lint_found found;
    struct ga_life *life;         /* alive allocation */
    struct ga_object *object;     /* alive other object */
    enum ga_object_kind is;       /* LINT_OTHER_KIND: what it is */
    const struct lint_dead *dead; /* LINT_DEAD */
};

struct lint_family {
    const struct lint_rule *rules; /* ends with a null id */
    size_t state_size;             /* of zeros, one for each lint */
    /* All are optional. 0, or a negative errno that ends the run. */
    int (*call)(struct lint *lint, void *state, const struct ga_call *call);
    /* Each handle that the call names, before call. */
    int (*named)(struct lint *lint, void *state, const struct ga_call *call, const struct lint_name *name);
    /* After all families' call. */
    int (*after)(struct lint *lint, void *state, const struct ga_call *call);
    int (*event)(struct lint *lint, void *state, const struct ga_row *row, const void *record, int64_t ns);
    int (*died)(struct lint *lint, void *state, struct ga_life *life, enum ga_life_end how, const struct ga_call *call);
    int (*opened)(struct lint *lint, void *state, struct ga_object *object, const struct ga_call *call);
    int (*closed)(struct lint *lint, void *state, struct ga_object *object, enum ga_life_end how, const struct ga_call *call);
    int (*finish)(struct lint *lint, void *state);
    void (*release)(void *state);
};

/* All families; ends with null. */
const struct lint_family *const *lint_families(void);
/* The rule of an id, or null. */
const struct lint_rule *lint_rule_find(const char *id);

/* For families. Reports a finding; the detail is a sentence about this one, without full stop. 0 or -ENOMEM. */
int lint_report(struct lint *lint, const struct lint_rule *rule, const struct lint_call *call, struct lint_what what,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Findings while the call that goes by is told. */
uint64_t lint_reported_now(const struct lint *lint);
const struct ga_lives *lint_lives(const struct lint *lint);
/* What lint keeps of one; null: out of memory. Gone after died or closed. */
struct lint_life *lint_life(struct ga_life *life);
struct lint_object *lint_object(struct ga_object *object);
struct lint_what lint_what_life(const struct ga_life *life);
struct lint_what lint_what_object(const struct ga_object *object);
/* The device that a call works on: its hDevice, or the device of its paging queue or context; 0 when not known. */
uint32_t lint_device_of(const struct lint *lint, const struct ga_call *call);
/* Whether a process was recorded from its start, so that a handle which nobody made is a stranger. */
bool lint_knows_process(const struct lint *lint, const struct ga_call *call);
/* Whether this handle is alive in another process (drm: another file of the same one): the process or file, or 0. */
uint64_t lint_holder_elsewhere(const struct lint *lint, const struct ga_call *call, const struct lint_name *name);
/* The handle of a member among names: 0 when the row has none. */
uint32_t lint_handle_in(const struct ga_call *call, const char *member);

/* names.c: calls tell for each handle that a call names, in the order of its members. */
int lint_names(const struct ga_call *call, int (*tell)(void *user, struct lint_name *name), void *user);

/* ---- For who feeds a lint ---- */

struct lint_options {
    const bool *enabled; /* by lint_rule_index; null: all */
    int (*blob)(void *user, uint64_t hash, const void **data, uint32_t *size); /* as in struct ga_lives_ops; may be null */
    void *blob_user;
};
enum { LINT_RULES_MAX = 96, LINT_DETAIL_SIZE = 192 };
/* Place of a rule in all families' rules, and how many there are. */
size_t lint_rule_index(const struct lint_rule *rule);
size_t lint_rule_count(void);

/* Why rules were not checked; null: they were. */
struct lint_gaps {
    const char *d3dkmt, *drm;
};

/* Findings of a kind: most serious first once finished. */
struct lint_group {
    const struct lint_rule *rule;
    uint64_t count;
    bool others; /* stands for the groups of this rule beyond LINT_GROUPS_MAX: what follows is of the first of them */
    struct lint_call first;
    struct lint_what what;
    char detail[LINT_DETAIL_SIZE];
};
enum { LINT_GROUPS_MAX = 1024 }; /* of one rule */

int lint_create(struct lint **lint, const struct lint_options *options);
/* Feed every call and event of a reader, in the order they come; then finish, once. */
int lint_feed_call(struct lint *lint, const struct ga_call *call);
int lint_feed_event(struct lint *lint, const struct ga_row *row, const void *record, int64_t ns);
/* Ends every life and sorts the groups. Rules that a gap concerns lose their groups. */
int lint_finish(struct lint *lint, int64_t last_ns, const struct lint_gaps *gaps);
/* After finish: the groups, and the number of findings of a severity. */
const struct lint_group *const *lint_groups(const struct lint *lint, size_t *count);
uint64_t lint_count(const struct lint *lint, enum lint_severity severity);
/* Why a rule was not checked, or null. */
const char *lint_unchecked(const struct lint *lint, const struct lint_rule *rule);
/* Null is fine. */
void lint_destroy(struct lint *lint);

/* print.c */
void lint_print_text(const struct lint *lint, int64_t first_ns, uint64_t top, bool colour, FILE *out);
/* Adds the members of a result; 0 or -ENOMEM. */
int lint_json(const struct lint *lint, json_object *object);
void lint_print_rules(FILE *out);
/* The table of rules as a JSON array; null: out of memory. */
json_object *lint_rules_json(void);

#endif
