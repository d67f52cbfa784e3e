/* Allocations by a key, and how they are shown. */
#include "groups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/utf8.h"
#include "deferred.h"
#include "table.h"

static uint64_t hash_of(const void *array, size_t number)
{
    struct group *const *list = array;
    return group_key_hash(list[number - 1]->key);
}

static struct group *group_new(struct groups *groups, struct group_key key, bool others)
{
    if (ga_array_room(&groups->list, &groups->room, groups->count + 1, sizeof *groups->list) < 0)
        return NULL;
    struct group *group = calloc(1, sizeof *group);
    if (!group)
        return NULL;
    group->key = key;
    group->others = others;
    group->number = (uint32_t)groups->count;
    groups->list[groups->count] = group;
    if (!others && ga_index_add(&groups->index, groups->list, hash_of) < 0) {
        free(group);
        return NULL;
    }
    groups->count++;
    return group;
}

struct group *groups_get(struct groups *groups, struct group_key key)
{
    if (groups->last && group_key_is(groups->last->key, key) && !groups->last->others)
        return groups->last;
    size_t at = (size_t)group_key_hash(key);
    for (uint32_t number; (number = ga_index_at(&groups->index, at)); at++)
        if (group_key_is(groups->list[number - 1]->key, key))
            return groups->last = groups->list[number - 1];
    if (groups->others)
        return groups->others;
    struct group *group = group_new(groups, key, groups->count == (groups->limit ? groups->limit : GROUPS_MAX));
    if (group && group->others)
        groups->others = group;
    return group;
}

int groups_born(struct groups *groups, struct group_key key, const struct ga_life *life)
{
    struct group *group = groups_get(groups, key);
    if (!group)
        return -ENOMEM;
    if (life->imported) {
        group->imported++;
        return 0;
    }
    group->made++;
    group->live++;
    group->origins[life->origin]++;
    if (life->origin == GA_SIZE_UNKNOWN) {
        group->live_unknown++;
        return 0;
    }
    bool bound = ga_size_is_bound(life->origin);
    group->bounds += bound;
    group->live_bounds += bound;
    group->bytes_made += life->size;
    group->origin_bytes[life->origin] += life->size;
    group->live_bytes += life->size;
    if (group->live_bytes > group->peak_bytes) {
        group->peak_bytes = group->live_bytes;
        group->peak_live = group->live;
        group->peak_ns = life->born_ns;
    }
    return 0;
}

void groups_range_begins(struct groups *groups, int64_t ns)
{
    for (size_t i = 0; i < groups->count; i++) {
        struct group *group = groups->list[i], before = *group;
        *group = (struct group){.key = before.key,
                                .others = before.others,
                                .number = before.number,
                                .at_start = before.live,
                                .at_start_bytes = before.live_bytes,
                                .at_start_unknown = before.live_unknown,
                                .at_start_bounds = before.live_bounds,
                                .live = before.live,
                                .live_bytes = before.live_bytes,
                                .live_unknown = before.live_unknown,
                                .live_bounds = before.live_bounds,
                                .peak_bytes = before.live_bytes,
                                .peak_live = before.live,
                                .peak_ns = ns};
    }
}

/* Those that lived in the range, made in it or before; how many of them are of unknown size, or of a lower bound. */
struct group_known {
    uint64_t count, unknown, bounds;
};
static struct group_known group_lived(const struct group *group)
{
    return (struct group_known){group->made + group->at_start, group->origins[GA_SIZE_UNKNOWN] + group->at_start_unknown,
                                group->bounds + group->at_start_bounds};
}

static void memory_gone(struct group *group, const struct ga_life *maker)
{
    if (maker->imported)
        return;
    group->live--;
    if (maker->origin == GA_SIZE_UNKNOWN) {
        group->live_unknown--;
        return;
    }
    group->live_bytes -= maker->size;
    group->live_bounds -= ga_size_is_bound(maker->origin);
}

int groups_memory(struct groups *groups, struct group_key maker_key, const struct ga_life *life, enum ga_life_end how)
{
    struct group *maker = groups_get(groups, maker_key);
    if (!maker)
        return -ENOMEM;
    if (!life->memory->handles && how != GA_END_NOT)
        memory_gone(maker, ga_life_maker(life));
    return 0;
}

int groups_ended(struct groups *groups, struct group_key key, const struct ga_life *life, enum ga_life_end how)
{
    struct group *group = groups_get(groups, key);
    if (!group)
        return -ENOMEM;
    if (life->imported) {
        group->imported_alive += how == GA_END_NOT;
        return 0;
    }
    struct group_end *end = &group->ends[how];
    end->count++;
    end->bytes += life->origin == GA_SIZE_UNKNOWN ? 0 : life->size;
    end->unknown += life->origin == GA_SIZE_UNKNOWN;
    end->bounds += ga_size_is_bound(life->origin);
    if (how == GA_END_NOT || how == GA_END_LOST)
        return 0;
    return ga_histogram_add(&group->lifetimes, (uint64_t)(life->died_ns - life->born_ns));
}

int groups_died(struct groups *groups, struct group_key key, struct group_key maker_key, const struct ga_life *life,
                enum ga_life_end how)
{
    int result = groups_memory(groups, maker_key, life, how);
    return result ? result : groups_ended(groups, key, life, how);
}

static int by_key(const void *a, const void *b)
{
    const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
    if (x->others != y->others)
        return x->others ? 1 : -1;
    if (x->key.a != y->key.a)
        return x->key.a < y->key.a ? -1 : 1;
    return x->key.b < y->key.b ? -1 : x->key.b > y->key.b;
}

static int by_peak(const void *a, const void *b)
{
    const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
    if (x->others != y->others || (x->peak_bytes == y->peak_bytes && x->made == y->made))
        return by_key(a, b);
    if (x->peak_bytes != y->peak_bytes)
        return x->peak_bytes > y->peak_bytes ? -1 : 1;
    return x->made > y->made ? -1 : 1;
}

void groups_sort(struct groups *groups, bool key)
{
    if (groups->count)
        qsort(groups->list, groups->count, sizeof(struct group *), key ? by_key : by_peak);
}

void groups_release(struct groups *groups)
{
    for (size_t i = 0; i < groups->count; i++) {
        ga_histogram_release(&groups->list[i]->lifetimes);
        free(groups->list[i]);
    }
    free(groups->list);
    ga_index_release(&groups->index);
    *groups = (struct groups){0};
}

/* Text. */

struct ga_text group_bytes(uint64_t bytes, uint64_t count, uint64_t unknown, uint64_t bounds)
{
    struct ga_text out = {"-"}, known = ga_bytes(bytes);
    if (count && unknown == count)
        strcpy(out.text, "unknown");
    else if (count)
        snprintf(out.text, sizeof out.text, "%s%.20s", unknown || bounds ? "≥" : "", known.text);
    return out;
}

enum { SMALLEST_BITS = 12, LARGEST_BITS = 32 };

struct group_key group_size_class(uint64_t size, bool known)
{
    if (!known)
        return (struct group_key){UINT64_MAX, 1};
    for (unsigned bits = SMALLEST_BITS; bits <= LARGEST_BITS; bits += 2)
        if (size <= 1ULL << bits)
            return (struct group_key){1ULL << bits, 0};
    return (struct group_key){UINT64_MAX, 0};
}

struct ga_text group_size_class_text(struct group_key key)
{
    struct ga_text out = {"unknown"};
    if (!key.b)
        snprintf(out.text, sizeof out.text, key.a == UINT64_MAX ? "> %.20s" : "≤ %.20s",
                 ga_bytes(key.a == UINT64_MAX ? 1ULL << LARGEST_BITS : key.a).text);
    return out;
}

int group_size_class_json(struct group_key key, json_object *object)
{
    bool known = !key.b, bounded = key.a != UINT64_MAX;
    uint64_t above = !bounded ? 1ULL << LARGEST_BITS : key.a == 1ULL << SMALLEST_BITS ? 0 : key.a / 4;
    int failed = known ? json_add_uint(object, "above", above) : json_add(object, "above", NULL);
    if (failed)
        return failed;
    return bounded ? json_add_uint(object, "up_to", key.a) : json_add(object, "up_to", NULL);
}

void analysis_heading(const struct analysis_output *out, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs(out->colour ? "\033[1m" : "", out->file);
    vfprintf(out->file, format, list);
    fputs(out->colour ? "\033[0m\n" : "\n", out->file);
    va_end(list);
}

static void cell_count(struct table *table, uint64_t count)
{
    table_cell(table, "%s", ga_count(count).text);
}

static void cell_lifetime(struct table *table, const struct ga_histogram *lifetimes, unsigned permille)
{
    if (lifetimes->count)
        table_cell(table, "%s", ga_duration((double)ga_histogram_percentile(lifetimes, permille)).text);
    else
        table_cell(table, "-");
}

static void group_row(struct table *table, const struct group *group, const char *name)
{
    uint64_t unknown = group->origins[GA_SIZE_UNKNOWN];
    static const unsigned permilles[] = {500, 900, 990, 1000};
    table_cell(table, "%s", name);
    cell_count(table, group->at_start);
    cell_count(table, group->made);
    struct group_known lived = group_lived(group);
    table_cell(table, "%s", group_bytes(group->peak_bytes, lived.count, lived.unknown, lived.bounds).text);
    if (group->live)
        table_cell(table, "%s (%s)", group_bytes(group->live_bytes, group->live, group->live_unknown, group->live_bounds).text,
                   ga_count(group->live).text);
    else
        table_cell(table, "-");
    cell_count(table, unknown);
    for (size_t i = 0; i < sizeof permilles / sizeof *permilles; i++)
        cell_lifetime(table, &group->lifetimes, permilles[i]);
    cell_count(table, group->ends[GA_END_OWNER].count);
    cell_count(table, group->ends[GA_END_CLOSED].count);
    cell_count(table, group->ends[GA_END_LOST].count);
    cell_count(table, group->imported);
}

void groups_text(const struct groups *groups, const struct groups_view *view, const void *user,
                 const struct analysis_output *out)
{
    const struct table_column columns[] = {{view->head, TABLE_LEFT},
                                           {"at start", TABLE_RIGHT_IF_ANY},
                                           {"made", TABLE_RIGHT},
                                           {"peak", TABLE_RIGHT},
                                           {"at end (n)", TABLE_RIGHT},
                                           {"unsized", TABLE_RIGHT_IF_ANY, 1},
                                           {"life p50", TABLE_RIGHT},
                                           {"p90", TABLE_RIGHT, 3},
                                           {"p99", TABLE_RIGHT, 2},
                                           {"max", TABLE_RIGHT},
                                           {"by device", TABLE_RIGHT_IF_ANY},
                                           {"at close", TABLE_RIGHT_IF_ANY},
                                           {"end lost", TABLE_RIGHT_IF_ANY},
                                           {"imported", TABLE_RIGHT_IF_ANY},
                                           {NULL}};
    size_t shown = groups->count < out->top ? groups->count : out->top;
    if (shown < groups->count)
        analysis_heading(out, "%s: the first %zu of %s by peak bytes", view->title, shown, ga_count(groups->count).text);
    else
        analysis_heading(out, "%s: %s", view->title, groups->count ? ga_count(groups->count).text : "none");
    if (!groups->count)
        return;
    struct table *table = table_create(columns);
    for (size_t i = 0; i < shown; i++) {
        char name[96] = "all others";
        if (!groups->list[i]->others)
            view->name(user, groups->list[i], name, sizeof name);
        group_row(table, groups->list[i], name);
    }
    table_print(table, out->file);
}

/* JSON. */

int json_add(json_object *object, const char *name, json_object *member)
{
    if (json_object_object_add(object, name, member) == 0)
        return 0;
    json_object_put(member);
    return -ENOMEM;
}

struct list {
    const char *elements;
    size_t size;
    int (*fill)(const void *element, json_object *object);
};

static int list_element(const void *context, size_t i, json_object *object)
{
    const struct list *list = context;
    return list->fill(list->elements + i * list->size, object);
}

json_object *json_list(const void *list, size_t count, size_t size, int (*fill)(const void *element, json_object *object))
{
    struct list elements = {list, size, fill};
    return deferred_list(&elements, sizeof elements, count, list_element);
}

int json_add_list(json_object *object, const char *name, const void *list, size_t count, size_t size,
                  int (*fill)(const void *element, json_object *object))
{
    json_object *array = json_list(list, count, size, fill);
    return array ? json_add(object, name, array) : -ENOMEM;
}

int json_add_uint(json_object *object, const char *name, uint64_t value)
{
    json_object *member = json_object_new_uint64(value);
    return member ? json_add(object, name, member) : -ENOMEM;
}

int json_add_id(json_object *object, const char *name, uint64_t id)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, id);
    return json_add_string(object, name, text);
}

int json_add_string(json_object *object, const char *name, const char *value)
{
    char *clean = value ? ga_utf8_clean(value) : NULL;
    json_object *member = clean ? json_object_new_string(clean) : NULL;
    free(clean);
    return member || !value ? json_add(object, name, member) : -ENOMEM;
}

/* Bytes of count allocations, of which some are of unknown size: null when all are, for that is not 0. */
static int add_bytes(json_object *object, const char *name, uint64_t bytes, uint64_t count, uint64_t unknown)
{
    return count && count == unknown ? json_add(object, name, NULL) : json_add_uint(object, name, bytes);
}

static int add_object(json_object *object, const char *name, json_object **member)
{
    *member = json_object_new_object();
    return *member ? json_add(object, name, *member) : -ENOMEM;
}

static int add_origins(const struct group *group, json_object *object)
{
    json_object *origins, *bytes;
    int failed = add_object(object, "size_origins", &origins) || add_object(object, "size_origin_bytes", &bytes);
    for (unsigned i = 0; i < GA_SIZE_ORIGINS && !failed; i++)
        if (group->origins[i])
            failed = json_add_uint(origins, ga_size_origin_name(i), group->origins[i]) ||
                     (i != GA_SIZE_UNKNOWN && json_add_uint(bytes, ga_size_origin_name(i), group->origin_bytes[i]));
    return failed;
}

static int add_ends(const struct group *group, json_object *object)
{
    json_object *ends, *end;
    int failed = add_object(object, "ends", &ends);
    for (unsigned i = 0; i < GA_ENDS && !failed; i++)
        failed = add_object(ends, ga_life_end_name(i), &end) || json_add_uint(end, "count", group->ends[i].count) ||
                 add_bytes(end, "bytes", group->ends[i].bytes, group->ends[i].count, group->ends[i].unknown) ||
                 json_add_uint(end, "unknown_size", group->ends[i].unknown) ||
                 json_add_uint(end, "lower_bounds", group->ends[i].bounds);
    return failed;
}

static int add_lifetimes(const struct ga_histogram *lifetimes, json_object *object)
{
    json_object *life;
    int failed = add_object(object, "lifetime_ns", &life) || json_add_uint(life, "count", lifetimes->count);
    if (!failed && lifetimes->count)
        failed = json_add_uint(life, "p50", ga_histogram_percentile(lifetimes, 500)) ||
                 json_add_uint(life, "p90", ga_histogram_percentile(lifetimes, 900)) ||
                 json_add_uint(life, "p99", ga_histogram_percentile(lifetimes, 990)) ||
                 json_add_uint(life, "max", lifetimes->max);
    return failed;
}

int group_json(const struct group *group, json_object *object)
{
    uint64_t unknown = group->origins[GA_SIZE_UNKNOWN];
    struct group_known lived = group_lived(group);
    int failed =
        json_add_uint(object, "made", group->made) || json_add_uint(object, "imported", group->imported) ||
        json_add_uint(object, "imported_at_end", group->imported_alive) || json_add_uint(object, "unknown_size", unknown) ||
        json_add_uint(object, "lower_bounds", group->bounds) ||
        add_bytes(object, "bytes_made", group->bytes_made, group->made, unknown) ||
        (group->at_start && (json_add_uint(object, "at_start", group->at_start) ||
                             add_bytes(object, "at_start_bytes", group->at_start_bytes, group->at_start, group->at_start_unknown))) ||
        add_bytes(object, "peak_bytes", group->peak_bytes, lived.count, lived.unknown) ||
        (group->peak_bytes && json_add(object, "peak_ts", json_object_new_int64(group->peak_ns))) ||
        json_add_uint(object, "at_end", group->live) || json_add_uint(object, "at_end_unknown_size", group->live_unknown) ||
        json_add_uint(object, "at_end_lower_bounds", group->live_bounds) ||
        add_bytes(object, "at_end_bytes", group->live_bytes, group->live, group->live_unknown) ||
        add_lifetimes(&group->lifetimes, object) || add_ends(group, object) || add_origins(group, object);
    return failed ? -ENOMEM : 0;
}

int groups_element_json(const struct groups *groups, const struct groups_view *view, const void *user, size_t i, json_object *object)
{
    const struct group *group = groups->list[i];
    int failed = group->others ? json_add(object, "others", json_object_new_boolean(true)) : view->json(user, group, object);
    if (!failed && group->others && view->others)
        failed = view->others(user, group, object);
    return failed ? failed : group_json(group, object);
}

struct shown {
    const struct groups *groups;
    const struct groups_view *view;
    const void *user;
};

static int shown_element(const void *context, size_t i, json_object *object)
{
    const struct shown *shown = context;
    return groups_element_json(shown->groups, shown->view, shown->user, i, object);
}

json_object *groups_json(const struct groups *groups, const struct groups_view *view, const void *user)
{
    struct shown shown = {groups, view, user};
    return deferred_list(&shown, sizeof shown, groups->count, shown_element);
}
