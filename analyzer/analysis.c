/* A set of analyses: their states, and handing on what goes by. */
#include "analysis.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/findings.h"
#include "base/array.h"
#include "deferred.h"
#include "groups.h"
#include "surfaces.h"
#include "table.h"

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
    bool learning; /* the set tells learnt; once it did, the analyses are told no more: there will be another pass */
    struct analysis_source source;
    struct surface_names names;
    struct analysis_findings findings;
    enum { BEFORE, WITHIN, AFTER } place; /* in the range */
    struct ga_map living; /* before the range: id to the address of what lives */
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

/* Whether the figures will not be used: see analysis_set_create_learning. */
static bool is_void(const struct analysis_set *set)
{
    return set->learning && ga_learnt_count(set->learnt);
}

static int tell_born(struct analysis_set *set, const struct ga_life *life, const struct ga_call *call)
{
    EACH(set, born, life, call);
}

static int born(void *user, struct ga_life *life, const struct ga_call *call)
{
    struct analysis_set *set = user;
    if (is_void(set))
        return 0;
    return set->place == BEFORE ? ga_map_set(&set->living, life->id, 0, (uintptr_t)life) : tell_born(set, life, call);
}

static int tell_died(struct analysis_set *set, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    EACH(set, died, life, how, call);
}

static int died(void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    struct analysis_set *set = user;
    if (is_void(set))
        return 0;
    if (set->place != BEFORE)
        return tell_died(set, life, how, call);
    ga_map_erase(&set->living, life->id, 0);
    return 0;
}

static int tell_used(struct analysis_set *set, const struct ga_life *life, const struct ga_call *call)
{
    EACH(set, used, life, call);
}

static int used(void *user, struct ga_life *life, const struct ga_call *call)
{
    struct analysis_set *set = user;
    return set->place == WITHIN && !is_void(set) ? tell_used(set, life, call) : 0;
}

static int tell_stranger(struct analysis_set *set, const struct ga_call *call, uint32_t handle)
{
    EACH(set, stranger, call, handle);
}

static int stranger(void *user, const struct ga_call *call, uint32_t handle)
{
    struct analysis_set *set = user;
    return set->place == WITHIN ? tell_stranger(set, call, handle) : 0;
}

static int blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    struct analysis_set *set = user;
    return set->blob ? set->blob(set->blob_user, hash, data, size) : -ENOENT;
}

static int sized(void *user, struct ga_life *life, uint64_t size_before, enum ga_size_origin origin_before)
{
    struct analysis_set *set = user;
    return ga_learnt_sized(set->learnt, life, size_before, origin_before);
}

static int named(void *user, struct ga_life *life, const char *name)
{
    struct analysis_set *set = user;
    return ga_learnt_named(set->learnt, life, name);
}

static int known(void *user, uint64_t id, struct ga_known *out)
{
    struct analysis_set *set = user;
    return ga_learnt_known(set->learnt, id, out);
}

static int create(struct analysis_set **out, const struct analysis *const *analyses, size_t count,
                  int (*blob_of)(void *user, uint64_t hash, const void **data, uint32_t *size), void *blob_user,
                  struct ga_learnt *learnt, bool learning)
{
    static const struct ga_lives_ops informed = {
        .born = born, .died = died, .used = used, .stranger = stranger, .known = known, .blob = blob};
    static const struct ga_lives_ops learns = {
        .born = born, .died = died, .used = used, .stranger = stranger, .sized = sized, .named = named, .blob = blob};
    struct analysis_set *set = calloc(1, sizeof *set + count * sizeof *set->states);
    if (!set)
        return -ENOMEM;
    set->analyses = analyses;
    set->blob = blob_of;
    set->blob_user = blob_user;
    set->learnt = learnt;
    set->learning = learning;
    set->place = WITHIN;
    int result = ga_lives_create(&set->lives, learning ? &learns : &informed, set);
    set->source = (struct analysis_source){set->lives, &set->names, blob, set, INT64_MIN, INT64_MAX};
    while (result >= 0 && set->count < count) {
        set->states[set->count] = calloc(1, analyses[set->count]->state_size);
        result = set->states[set->count] ? 0 : -ENOMEM;
        if (!result && analyses[set->count]->start)
            result = analyses[set->count]->start(set->states[set->count], &set->source);
        set->count++;
    }
    if (result < 0) {
        analysis_set_destroy(set);
        return result;
    }
    *out = set;
    return 0;
}

void analysis_set_range(struct analysis_set *set, int64_t from_ns, int64_t to_ns)
{
    set->source.from_ns = from_ns;
    set->source.to_ns = to_ns;
    set->place = from_ns > INT64_MIN ? BEFORE : WITHIN;
}

static int by_id(const void *a, const void *b)
{
    const struct ga_life *x = *(const struct ga_life *const *)a, *y = *(const struct ga_life *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int tell_range_begins(struct analysis_set *set)
{
    EACH(set, range_begins, set->source.from_ns);
}

/* The makers of memory that lives on under other handles are told as well: the bytes are theirs. */
static int living_makers(struct ga_map *living)
{
    struct ga_map makers = {0};
    size_t place = 0;
    int result = 0;
    for (struct ga_map_slot *slot; !result && (slot = ga_map_next(living, &place));) {
        const struct ga_life *maker = ga_life_maker((const struct ga_life *)(uintptr_t)slot->value);
        if (!ga_map_get(living, maker->id, 0))
            result = ga_map_set(&makers, maker->id, 0, (uintptr_t)maker);
    }
    place = 0;
    for (struct ga_map_slot *slot; !result && (slot = ga_map_next(&makers, &place));)
        result = ga_map_set(living, slot->a, 0, slot->value);
    ga_map_release(&makers);
    return result;
}

static int range_begins(struct analysis_set *set)
{
    int result = living_makers(&set->living);
    size_t count = 0, place = 0;
    const struct ga_life **lives = result ? NULL : calloc(set->living.count + 1, sizeof *lives);
    for (struct ga_map_slot *slot; lives && (slot = ga_map_next(&set->living, &place));)
        lives[count++] = (const struct ga_life *)(uintptr_t)slot->value;
    ga_map_release(&set->living);
    if (!lives)
        return -ENOMEM;
    qsort(lives, count, sizeof *lives, by_id);
    set->place = WITHIN;
    for (size_t i = 0; i < count && !result && !is_void(set); i++)
        result = tell_born(set, lives[i], NULL);
    free(lives);
    return result ? result : tell_range_begins(set);
}

/* Moves on to where ns is in the range. */
static int move_to(struct analysis_set *set, int64_t ns)
{
    if (set->place == BEFORE && ns >= set->source.from_ns) {
        int result = range_begins(set);
        if (result)
            return result;
    }
    if (set->place == WITHIN && ns >= set->source.to_ns)
        set->place = AFTER;
    return 0;
}

int analysis_set_create(struct analysis_set **set, const struct analysis *const *analyses, size_t count,
                        int (*blob_of)(void *user, uint64_t hash, const void **data, uint32_t *size), void *blob_user,
                        struct ga_learnt *learnt)
{
    return create(set, analyses, count, blob_of, blob_user, learnt, false);
}

int analysis_set_create_learning(struct analysis_set **set, const struct analysis *const *analyses, size_t count,
                                 int (*blob_of)(void *user, uint64_t hash, const void **data, uint32_t *size), void *blob_user,
                                 struct ga_learnt *learnt)
{
    return create(set, analyses, count, blob_of, blob_user, learnt, true);
}

static int tell_call(struct analysis_set *set, const struct ga_call *call)
{
    EACH(set, call, call);
}

int analysis_set_call(struct analysis_set *set, const struct ga_call *call)
{
    int result = move_to(set, call->end_ns);
    if (!result && set->place != AFTER)
        result = ga_lives_call(set->lives, call);
    return result < 0 || set->place != WITHIN || is_void(set) ? result : tell_call(set, call);
}

static int tell_event(struct analysis_set *set, const struct ga_row *row, const void *record, int64_t ns)
{
    EACH(set, event, row, record, ns);
}

/* What is said of processes, devices and names counts whenever it was said. */
int analysis_set_event(struct analysis_set *set, const struct ga_row *row, const void *record, int64_t ns)
{
    int result = move_to(set, ns);
    if (!result && set->place != AFTER)
        result = ga_lives_event(set->lives, row, record, ns);
    if (!result)
        result = surface_names_event(&set->names, row, record);
    return result < 0 || set->place == AFTER || is_void(set) ? result : tell_event(set, row, record, ns);
}

static int tell_finish(struct analysis_set *set, const struct analysis_trace *trace)
{
    EACH(set, finish, trace);
}

int analysis_set_finish(struct analysis_set *set, const struct analysis_trace *trace)
{
    int64_t last = trace->totals->last_ns;
    set->findings.partial = trace->incomplete || ga_reader_lossy(trace->totals);
    int result = move_to(set, last);
    if (result >= 0 && set->place == BEFORE)
        result = range_begins(set);
    if (result >= 0)
        result = ga_lives_finish(set->lives, last < set->source.to_ns ? last : set->source.to_ns);
    if (result >= 0)
        result = tell_finish(set, trace);
    for (size_t i = 0; i < set->count && result >= 0; i++) {
        set->findings.by = set->analyses[i]->name;
        if (set->analyses[i]->find)
            result = set->analyses[i]->find(set->states[i], &set->findings);
    }
    if (result >= 0)
        findings_sort(&set->findings);
    return result;
}

static bool is_whole(const struct analysis_set *set)
{
    size_t all = 0;
    while (analysis_table()[all])
        all++;
    return set->count == all;
}

/* The text of one analysis, or null when it has nothing to say. */
static char *text_of(const struct analysis_set *set, size_t i, const struct analysis_output *out)
{
    char *text = NULL;
    size_t size = 0;
    struct analysis_output copy = *out;
    copy.file = open_memstream(&text, &size);
    copy.asked = !is_whole(set);
    if (!copy.file)
        return NULL;
    set->analyses[i]->text(set->states[i], &copy);
    if (fclose(copy.file) == 0 && size)
        return text;
    free(text);
    return NULL;
}

/* What else there is to ask for. */
static void text_more(const struct analysis_set *set, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"--by", TABLE_LEFT}, {"shows", TABLE_LEFT}, {NULL}};
    fputc('\n', out->file);
    analysis_heading(out, "More: gpualloc report --by NAME");
    struct table *table = table_create(columns);
    for (size_t i = 0; i < set->count; i++)
        if (set->analyses[i]->on_request) {
            table_cell(table, "%s", set->analyses[i]->name);
            table_cell(table, "%s", set->analyses[i]->help);
        }
    table_print(table, out->file);
}

size_t analysis_set_count(const struct analysis_set *set)
{
    return set->count;
}

void analysis_set_text(const struct analysis_set *set, const struct analysis_output *out)
{
    bool whole = is_whole(set);
    if (whole)
        findings_text(&set->findings, out);
    bool any = whole;
    for (size_t i = 0; i < set->count; i++) {
        char *text = whole && set->analyses[i]->on_request ? NULL : text_of(set, i, out);
        if (text && any)
            fputc('\n', out->file);
        any = any || text;
        fputs(text ? text : "", out->file);
        free(text);
    }
    if (whole)
        text_more(set, out);
}

int analysis_set_json_deferred(const struct analysis_set *set, json_object *object)
{
    json_object *found = findings_json(&set->findings);
    if (!found || json_add(object, "findings", found))
        return -ENOMEM;
    for (size_t i = 0; i < set->count; i++) {
        json_object *member = set->analyses[i]->json(set->states[i]);
        if (!member || json_object_object_add(object, set->analyses[i]->name, member) < 0) {
            json_object_put(member);
            return -ENOMEM;
        }
    }
    return 0;
}

int analysis_set_json(const struct analysis_set *set, json_object *object)
{
    int result = analysis_set_json_deferred(set, object);
    return result < 0 ? result : deferred_make(object);
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
    surface_names_release(&set->names);
    findings_release(&set->findings);
    ga_map_release(&set->living);
    free(set);
}
