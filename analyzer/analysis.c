/* A set of analyses: their states, and handing on what goes by. */
#include "analysis.h"

#include <errno.h>
#include <stdlib.h>

#define ANALYSIS(name) extern const struct analysis analysis_##name;
#include "analyzer/analyses.inc" /* generated from the names of analyses/ */
#undef ANALYSIS

struct analysis_set {
    const struct analysis *const *analyses;
    size_t count;
    struct ga_lives *lives;
    int (*blob)(void *user, uint64_t hash, const void **data, uint32_t *size);
    void *blob_user;
    struct ga_learnt *learnt;
    void *states[];
};

static int by_order(const void *a, const void *b)
{
    const struct analysis *x = *(const struct analysis *const *)a, *y = *(const struct analysis *const *)b;
    return x->order < y->order ? -1 : x->order > y->order;
}

const struct analysis *const *analysis_table(void)
{
    static const struct analysis *table[] = {
#define ANALYSIS(name) &analysis_##name,
#include "analyzer/analyses.inc"
#undef ANALYSIS
        NULL};
    qsort(table, sizeof table / sizeof *table - 1, sizeof *table, by_order);
    return table;
}

/* Calls a function of each analysis that has it, up to the first error. */
#define EACH(set, function, ...)                                                                                            \
    do {                                                                                                                    \
        for (size_t each = 0; each < (set)->count; each++) {                                                                \
            int each_result = (set)->analyses[each]->function                                                               \
                                  ? (set)->analyses[each]->function((set)->states[each], __VA_ARGS__)                       \
                                  : 0;                                                                                      \
            if (each_result < 0)                                                                                            \
                return each_result;                                                                                         \
        }                                                                                                                   \
        return 0;                                                                                                           \
    } while (0)

static int born(void *user, struct ga_life *life, const struct ga_call *call)
{
    struct analysis_set *set = user;
    EACH(set, born, life, call);
}

static int died(void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    struct analysis_set *set = user;
    EACH(set, died, life, how, call);
}

static int used(void *user, struct ga_life *life, const struct ga_call *call)
{
    struct analysis_set *set = user;
    EACH(set, used, life, call);
}

static int stranger(void *user, const struct ga_call *call, uint32_t handle)
{
    struct analysis_set *set = user;
    EACH(set, stranger, call, handle);
}

static int blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    struct analysis_set *set = user;
    return set->blob ? set->blob(set->blob_user, hash, data, size) : -ENOENT;
}

static int known(void *user, uint64_t id, struct ga_known *out)
{
    struct analysis_set *set = user;
    return ga_learnt_known(set->learnt, id, out);
}

int analysis_set_create(struct analysis_set **out, const struct analysis *const *analyses, size_t count,
                        int (*blob_of)(void *user, uint64_t hash, const void **data, uint32_t *size), void *blob_user,
                        struct ga_learnt *learnt)
{
    static const struct ga_lives_ops ops = {
        .born = born, .died = died, .used = used, .stranger = stranger, .known = known, .blob = blob};
    struct analysis_set *set = calloc(1, sizeof *set + count * sizeof *set->states);
    if (!set)
        return -ENOMEM;
    set->analyses = analyses;
    set->blob = blob_of;
    set->blob_user = blob_user;
    set->learnt = learnt;
    int result = ga_lives_create(&set->lives, &ops, set);
    while (result >= 0 && set->count < count) {
        set->states[set->count] = calloc(1, analyses[set->count]->state_size);
        result = set->states[set->count++] ? 0 : -ENOMEM;
    }
    if (result < 0) {
        analysis_set_destroy(set);
        return result;
    }
    *out = set;
    return 0;
}

static int tell_call(struct analysis_set *set, const struct ga_call *call)
{
    EACH(set, call, call);
}

int analysis_set_call(struct analysis_set *set, const struct ga_call *call)
{
    int result = ga_lives_call(set->lives, call);
    return result < 0 ? result : tell_call(set, call);
}

static int tell_event(struct analysis_set *set, const struct ga_row *row, const void *record, int64_t ns)
{
    EACH(set, event, row, record, ns);
}

int analysis_set_event(struct analysis_set *set, const struct ga_row *row, const void *record, int64_t ns)
{
    int result = ga_lives_event(set->lives, row, record, ns);
    return result < 0 ? result : tell_event(set, row, record, ns);
}

static int tell_finish(struct analysis_set *set, const struct analysis_trace *trace)
{
    EACH(set, finish, trace);
}

int analysis_set_finish(struct analysis_set *set, const struct analysis_trace *trace)
{
    int result = ga_lives_finish(set->lives, trace->totals->last_ns);
    return result < 0 ? result : tell_finish(set, trace);
}

size_t analysis_set_count(const struct analysis_set *set)
{
    return set->count;
}

void analysis_set_text(const struct analysis_set *set, const struct analysis_output *out)
{
    for (size_t i = 0; i < set->count; i++) {
        if (i)
            fputc('\n', out->file);
        set->analyses[i]->text(set->states[i], out);
    }
}

int analysis_set_json(const struct analysis_set *set, json_object *object)
{
    for (size_t i = 0; i < set->count; i++) {
        json_object *member = set->analyses[i]->json(set->states[i]);
        if (!member || json_object_object_add(object, set->analyses[i]->name, member) < 0) {
            json_object_put(member);
            return -ENOMEM;
        }
    }
    return 0;
}

void analysis_set_destroy(struct analysis_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++) {
        if (set->analyses[i]->release && set->states[i])
            set->analyses[i]->release(set->states[i]);
        free(set->states[i]);
    }
    ga_lives_destroy(set->lives);
    free(set);
}
