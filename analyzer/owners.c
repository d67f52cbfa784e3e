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

/* Null when memory is short. */
static struct owner *owner_get(struct owners *owners, const struct ga_call_header *header)
{
    const struct group *group = groups_get(&owners->groups, key_of(owners, header->process, header->thread));
    if (!group)
        return NULL;
    if (group->number >= owners->count) {
        if (ga_array_room(&owners->list, &owners->room, group->number + 1u, sizeof *owners->list) < 0)
            return NULL;
        while (owners->count <= group->number)
            owners->list[owners->count++] = (struct owner){0};
    }
    struct owner *owner = &owners->list[group->number];
    if (!owner->calls)
        *owner = (struct owner){.pid = header->pid, .tid = header->tid, .others = group->others};
    return owner;
}

int owners_call(void *user, const struct ga_call *call)
{
    const struct ga_call_header *header = call->header;
    struct owner *owner = owner_get(user, header);
    if (!owner)
        return -ENOMEM;
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
    return group->number < owners->count ? &owners->list[group->number] : &none;
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

static int others_json(const void *user, const struct group *group, json_object *object)
{
    return calls_json(owner_of(user, group), object);
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
    size_t count = 0;
    for (size_t i = 0; sorted && i < owners->count; i++)
        if (owners->list[i].calls && !owners->list[i].others)
            sorted[count++] = &owners->list[i];
    struct table *table = count ? table_create(columns) : NULL;
    if (count)
        qsort(sorted, count, sizeof *sorted, by_time);
    for (size_t i = 0; table && i < count && i < out->top; i++) {
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
    free(owners->list);
}
