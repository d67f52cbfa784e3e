/* Allocations by who made them, and the calls of each. */
#include "owners.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "table.h"

enum { THREADS_MAX = 1 << 11 }; /* with figures of their own */

static struct group_key key_of(const struct owners *owners, uint64_t process, uint32_t thread)
{
    return (struct group_key){process, owners->threads ? thread : 0};
}

static struct group_key key_of_life(const struct owners *owners, const struct ga_life *life)
{
    return key_of(owners, life->process, life->create_thread);
}

int owners_start_threads(void *user, const struct analysis_source *source)
{
    (void)source;
    struct owners *owners = user;
    owners->threads = true;
    owners->groups.limit = THREADS_MAX;
    return 0;
}

static uint64_t hash_of(const void *array, size_t number)
{
    const struct owner *list = array;
    return group_key_hash(list[number - 1].key);
}

/* Its place in the list; their count: it is not there. */
static size_t owner_find(const struct owners *owners, struct group_key key)
{
    size_t at = (size_t)group_key_hash(key);
    for (uint32_t number; (number = ga_index_at(&owners->index, at)); at++)
        if (group_key_is(owners->list[number - 1].key, key))
            return number - 1;
    return owners->count;
}

static int owner_new(struct owners *owners, struct group_key key, const struct ga_call_header *header)
{
    if (ga_array_room(&owners->list, &owners->room, owners->count + 1, sizeof *owners->list) < 0)
        return -ENOMEM;
    owners->list[owners->count] = (struct owner){.key = key, .pid = header->pid, .tid = header->tid};
    int result = ga_index_add(&owners->index, owners->list, hash_of);
    owners->count += !result;
    return result ? result : groups_touch(&owners->groups, key);
}

int owners_call(void *user, const struct ga_call *call)
{
    struct owners *owners = user;
    const struct ga_call_header *header = call->header;
    struct group_key key = key_of(owners, header->process, header->thread);
    struct owner *owner = &owners->others;
    size_t place = owners->last;
    if (!owners->count || !group_key_is(owners->list[place].key, key))
        place = owner_find(owners, key);
    bool other = place == groups_limit(&owners->groups);
    if (other ? groups_touch(&owners->groups, key) < 0 : place == owners->count && owner_new(owners, key, header) < 0)
        return -ENOMEM;
    if (!other)
        owner = &owners->list[owners->last = place];
    owner->calls++;
    owner->failed += call->failed;
    owner->time_ns += header->end > header->begin ? header->end - header->begin : 0;
    return 0;
}

int owners_born(void *user, const struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    struct owners *owners = user;
    return groups_born(&owners->groups, key_of_life(owners, life), life);
}

int owners_died(void *user, const struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    struct owners *owners = user;
    return groups_died(&owners->groups, key_of_life(owners, life), key_of_life(owners, ga_life_maker(life)), life, how);
}

int owners_range_begins(void *user, int64_t ns)
{
    struct owners *owners = user;
    groups_range_begins(&owners->groups, ns);
    return 0;
}

int owners_finish(void *user, const struct analysis_trace *trace)
{
    (void)trace;
    struct owners *owners = user;
    groups_sort(&owners->groups, false);
    return 0;
}

static const struct owner *owner_of(const struct owners *owners, const struct group *group)
{
    static const struct owner none;
    size_t place = owner_find(owners, group->key);
    return place < owners->count ? &owners->list[place] : &none;
}

static void name(const void *user, const struct group *group, char *text, size_t size)
{
    const struct owners *owners = user;
    const struct owner *owner = owner_of(owners, group);
    snprintf(text, size, "%" PRIu32, owners->threads ? owner->tid : owner->pid);
}

static int calls_json(const struct owner *owner, json_object *object)
{
    return json_add_uint(object, "calls", owner->calls) || json_add_uint(object, "failed", owner->failed) ||
           json_add_uint(object, "time_ns", owner->time_ns);
}

static int others_json(const void *user, json_object *object)
{
    const struct owners *owners = user;
    return calls_json(&owners->others, object);
}

static int name_json(const void *user, const struct group *group, json_object *object)
{
    const struct owners *owners = user;
    const struct owner *owner = owner_of(owners, group);
    return json_add_id(object, "process", group->key.a) || json_add_uint(object, "pid", owner->pid) ||
           (owners->threads && (json_add_uint(object, "thread", group->key.b) || json_add_uint(object, "tid", owner->tid))) ||
           calls_json(owner, object);
}

static const struct groups_view thread_view = {.title = "Threads", .head = "thread", .name = name, .json = name_json,
                                               .others = others_json};
static const struct groups_view process_view = {.title = "Processes", .head = "process", .name = name, .json = name_json,
                                                .others = others_json};

static const struct groups_view *view_of(const struct owners *owners)
{
    return owners->threads ? &thread_view : &process_view;
}

static int by_time(const void *a, const void *b)
{
    const struct owner *x = *(const struct owner *const *)a, *y = *(const struct owner *const *)b;
    if (x->time_ns != y->time_ns)
        return x->time_ns > y->time_ns ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void text_calls(const struct owners *owners, const struct analysis_output *out)
{
    static const struct table_column columns[] = {{"process", TABLE_RIGHT}, {"thread", TABLE_RIGHT_IF_ANY},  {"calls", TABLE_RIGHT},
                                                  {"failed", TABLE_RIGHT},  {"time in calls", TABLE_RIGHT}, {NULL}};
    const struct owner **sorted = calloc(owners->count + 1, sizeof *sorted);
    struct table *table = sorted && owners->count ? table_create(columns) : NULL;
    for (size_t i = 0; sorted && i < owners->count; i++)
        sorted[i] = &owners->list[i];
    if (sorted && owners->count)
        qsort(sorted, owners->count, sizeof *sorted, by_time);
    for (size_t i = 0; table && i < owners->count && i < out->top; i++) {
        table_cell(table, "%" PRIu32, sorted[i]->pid);
        table_cell(table, "%" PRIu32, owners->threads ? sorted[i]->tid : 0);
        table_cell(table, "%s", ga_count(sorted[i]->calls).text);
        table_cell(table, "%s", ga_count(sorted[i]->failed).text);
        table_cell(table, "%s", ga_duration((double)sorted[i]->time_ns).text);
    }
    table_print(table, out->file);
    free(sorted);
}

void owners_text(const void *user, const struct analysis_output *out)
{
    const struct owners *owners = user;
    groups_text(&owners->groups, view_of(owners), user, out);
    text_calls(owners, out);
}

json_object *owners_json(const void *user)
{
    const struct owners *owners = user;
    return groups_json(&owners->groups, view_of(owners), user);
}

void owners_release(void *user)
{
    struct owners *owners = user;
    groups_release(&owners->groups);
    ga_index_release(&owners->index);
    free(owners->list);
}
