/* Lint: hands calls and lives to the families, resolves handles, keeps findings in groups. */
#include "lint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/map.h"

#define FAMILY(name) extern const struct lint_family lint_family_##name;
#include "analyzer/lint-rules.inc" /* generated from the names of rules/ */
#undef FAMILY

enum {
    FAMILIES_MAX = 16,
    DEAD_MAX = 65536, /* ended handles that are remembered: they are reused, so a program has far fewer */
};
/* A process that announced itself later than this after its start was recorded from the middle. LTTng's registration takes a few
   ms, and up to 3 s beside a daemon that does not answer. */
static const int64_t late_ns = 5LL * 1000 * 1000 * 1000;

/* A process or file whose handles we follow. */
struct scope {
    uint64_t id, process, parent; /* a file's process: one that has it */
    int64_t announced_ns;
    uint64_t start;
    bool is_file, untraced; /* a request without a row was made on it, and may have given handles */
    struct scope *next;
};

struct lint {
    struct lint_options options;
    struct ga_lives *lives;
    struct ga_map dead;              /* (scope, space and handle) to an index of dead_list */
    struct lint_dead *dead_list;     /* a ring */
    size_t dead_count, dead_room;
    struct scope *scopes;
    struct ga_map groups;            /* (key, key) to struct lint_group */
    struct lint_group **list;
    size_t count, room;
    uint32_t groups_of[LINT_RULES_MAX];
    struct lint_group *others[LINT_RULES_MAX];
    const char *gaps[LINT_NEEDS_BOTH + 1];
    uint64_t counts[LINT_SEVERITIES];
    uint64_t reported_now;
    int64_t epoch_offset_ns;
    const struct ga_call *now;       /* while it is told */
    void *states[FAMILIES_MAX];
};

/* ---- Tables ---- */

const char *lint_severity_name(enum lint_severity severity)
{
    static const char *const names[LINT_SEVERITIES] = {"note", "warning", "error"};
    return names[severity];
}

const struct lint_family *const *lint_families(void)
{
    static const struct lint_family *const table[] = {
#define FAMILY(name) &lint_family_##name,
#include "analyzer/lint-rules.inc"
#undef FAMILY
        NULL};
    _Static_assert(sizeof table / sizeof *table <= FAMILIES_MAX + 1, "FAMILIES_MAX");
    return table;
}

size_t lint_rule_index(const struct lint_rule *rule)
{
    size_t before = 0;
    for (const struct lint_family *const *family = lint_families(); *family; family++) {
        size_t count = 0;
        while ((*family)->rules[count].id)
            count++;
        if (rule >= (*family)->rules && rule < (*family)->rules + count)
            return before + (size_t)(rule - (*family)->rules);
        before += count;
    }
    return before;
}

size_t lint_rule_count(void)
{
    return lint_rule_index(NULL);
}

const struct lint_rule *lint_rule_find(const char *id)
{
    for (const struct lint_family *const *family = lint_families(); *family; family++)
        for (const struct lint_rule *rule = (*family)->rules; rule->id; rule++)
            if (strcmp(rule->id, id) == 0)
                return rule;
    return NULL;
}

/* Calls a function of each family that has it, up to the first error. */
#define EACH(lint, function, ...)                                                                                           \
    do {                                                                                                                    \
        for (size_t each = 0; lint_families()[each]; each++) {                                                              \
            const struct lint_family *each_family = lint_families()[each];                                                  \
            int each_result = each_family->function ? each_family->function((lint), (lint)->states[each], __VA_ARGS__) : 0; \
            if (each_result < 0)                                                                                            \
                return each_result;                                                                                         \
        }                                                                                                                   \
        return 0;                                                                                                           \
    } while (0)

/* ---- Calls and objects, kept ---- */

int lint_error_of(const struct ga_call *call)
{
    if (!call->failed)
        return 0;
    return call->header->error || !ga_row_is_d3dkmt(call->row) ? call->header->error : ga_status_error(call->status);
}

struct lint_call lint_call_of(const struct ga_call *call)
{
    const struct ga_call_header *header = call->header;
    return (struct lint_call){.row = call->row,
                              .process = header->process,
                              .call = header->call,
                              .begin_ns = call->begin_ns,
                              .end_ns = call->end_ns,
                              .ret = header->ret,
                              .thread = header->thread,
                              .pid = header->pid,
                              .tid = header->tid,
                              .status = call->status,
                              .error = header->error,
                              .layer = header->layer,
                              .failed = call->failed};
}

struct lint_call lint_call_of_life(const struct ga_life *life)
{
    return (struct lint_call){.row = life->row,
                              .process = life->process,
                              .call = life->create_call,
                              .begin_ns = life->asked_ns,
                              .end_ns = life->born_ns,
                              .thread = life->create_thread,
                              .pid = life->pid,
                              .tid = life->tid};
}

struct lint_call lint_call_of_object(const struct ga_object *object)
{
    return (struct lint_call){.row = object->row,
                              .process = object->process,
                              .call = object->create_call,
                              .begin_ns = object->asked_ns,
                              .end_ns = object->born_ns,
                              .thread = object->create_thread,
                              .pid = object->pid,
                              .tid = object->tid};
}

struct lint_what lint_what_life(const struct ga_life *life)
{
    return (struct lint_what){GA_OBJECT_ALLOCATION, life->handle, life->surface};
}

struct lint_what lint_what_object(const struct ga_object *object)
{
    return (struct lint_what){object->kind, object->handle, object->surface};
}

struct lint_life *lint_life(struct ga_life *life)
{
    if (!life->user)
        life->user = calloc(1, sizeof(struct lint_life));
    return life->user;
}

struct lint_object *lint_object(struct ga_object *object)
{
    if (!object->user)
        object->user = calloc(1, sizeof(struct lint_object));
    return object->user;
}

const struct ga_lives *lint_lives(const struct lint *lint)
{
    return lint->lives;
}

uint64_t lint_reported_now(const struct lint *lint)
{
    return lint->reported_now;
}

uint32_t lint_device_of(const struct lint *lint, const struct ga_call *call)
{
    static const struct {
        const char *member;
        enum ga_object_kind kind;
    } ways[] = {{"hPagingQueue", GA_OBJECT_PAGING_QUEUE}, {"hContext", GA_OBJECT_CONTEXT}};
    uint32_t device = lint_handle_in(call, "hDevice");
    for (size_t i = 0; !device && i < sizeof ways / sizeof *ways; i++) {
        uint32_t handle = lint_handle_in(call, ways[i].member);
        const struct ga_object *object =
            handle ? ga_lives_object_at(lint->lives, ways[i].kind, call->header->process, handle, call->begin_ns) : NULL;
        if (object && object->owner_kind == GA_OBJECT_DEVICE)
            device = object->owner;
    }
    return device;
}

/* ---- Groups of findings ---- */

static bool is_enabled(const struct lint *lint, const struct lint_rule *rule)
{
    return !lint->options.enabled || lint->options.enabled[lint_rule_index(rule)];
}

static struct lint_group *add_group(struct lint *lint, const struct lint_rule *rule)
{
    if (ga_array_room(&lint->list, &lint->room, lint->count + 1, sizeof *lint->list) < 0)
        return NULL;
    struct lint_group *group = calloc(1, sizeof *group);
    if (!group)
        return NULL;
    group->rule = rule;
    lint->list[lint->count++] = group;
    return group;
}

/* The group of a finding: the same rule, process, kind of call, surface and error. Null: out of memory. */
static struct lint_group *group_of(struct lint *lint, const struct lint_rule *rule, const struct lint_call *call,
                                   const struct lint_what *what)
{
    size_t index = lint_rule_index(rule);
    uint64_t row = call->row ? ga_row_id(call->row) : GA_ROW_COUNT;
    uint64_t error = call->error ? (uint32_t)call->error : call->status;
    uint64_t a = call->process * 0x9e3779b97f4a7c15u + (index << 48 | row << 32 | error), b = what->surface;
    uint64_t *place = ga_map_get(&lint->groups, a, b);
    if (place)
        return (struct lint_group *)(uintptr_t)*place;
    if (lint->others[index])
        return lint->others[index];
    struct lint_group *group = add_group(lint, rule);
    if (!group)
        return NULL;
    if (++lint->groups_of[index] == LINT_GROUPS_MAX) {
        group->others = true;
        return lint->others[index] = group;
    }
    return ga_map_set(&lint->groups, a, b, (uintptr_t)group) < 0 ? NULL : group;
}

int lint_report(struct lint *lint, const struct lint_rule *rule, const struct lint_call *call, struct lint_what what,
                const char *format, ...)
{
    lint->reported_now += lint->now != NULL;
    if (!is_enabled(lint, rule))
        return 0;
    struct lint_group *group = group_of(lint, rule, call, &what);
    if (!group)
        return -ENOMEM;
    /* The earliest is shown: leaks are found at the end, newest first. */
    if (!group->count++ || call->begin_ns < group->first.begin_ns) {
        group->first = *call;
        group->what = what;
        va_list list;
        va_start(list, format);
        vsnprintf(group->detail, sizeof group->detail, format, list);
        va_end(list);
    }
    return 0;
}

/* ---- Handles that ended, and whose they are ---- */

static uint64_t space_of(enum ga_object_kind kind, uint32_t handle)
{
    return (uint64_t)(kind == GA_OBJECT_ADAPTER) << 32 | handle;
}

static int bury(struct lint *lint, const struct lint_dead *dead)
{
    if (lint->dead_count < DEAD_MAX &&
        ga_array_room(&lint->dead_list, &lint->dead_room, lint->dead_count + 1, sizeof *lint->dead_list) < 0)
        return -ENOMEM;
    uint64_t key = space_of(dead->kind, dead->handle), *place = ga_map_get(&lint->dead, dead->scope, key);
    size_t index = place ? (size_t)*place : lint->dead_count % lint->dead_room;
    if (!place) {
        struct lint_dead *older = &lint->dead_list[index];
        if (lint->dead_count >= lint->dead_room)
            ga_map_erase(&lint->dead, older->scope, space_of(older->kind, older->handle));
        lint->dead_count++;
    }
    lint->dead_list[index] = *dead;
    return place ? 0 : ga_map_set(&lint->dead, dead->scope, key, index);
}

static const struct lint_dead *dead_of(const struct lint *lint, uint64_t scope, enum ga_object_kind kind, uint32_t handle)
{
    uint64_t *place = ga_map_get(&lint->dead, scope, space_of(kind, handle));
    return place ? &lint->dead_list[*place] : NULL;
}

/* Ends that a call made, other than its being lost or the end of the trace. */
static struct lint_dead make_dead(uint64_t scope, struct lint_what what, enum ga_life_end how, int64_t died_ns,
                                  const struct ga_call *call)
{
    struct lint_dead dead = {.scope = scope,
                             .handle = what.handle,
                             .kind = what.kind,
                             .surface = what.surface,
                             .begin_ns = died_ns,
                             .end_ns = call ? call->end_ns : died_ns,
                             .explicitly = how == GA_END_FREED};
    if (call)
        dead.ended_by = lint_call_of(call);
    return dead;
}

static struct scope *scope_of(const struct lint *lint, uint64_t id, bool is_file)
{
    struct scope *scope = lint->scopes;
    while (scope && (scope->id != id || scope->is_file != is_file))
        scope = scope->next;
    return scope;
}

static int add_scope(struct lint *lint, struct scope new)
{
    if (scope_of(lint, new.id, new.is_file))
        return 0;
    struct scope *scope = malloc(sizeof *scope);
    if (!scope)
        return -ENOMEM;
    *scope = new;
    scope->next = lint->scopes;
    lint->scopes = scope;
    return 0;
}

static void forget_file(struct lint *lint, uint64_t file, uint64_t process)
{
    struct scope **place = &lint->scopes;
    while (*place && !((*place)->is_file && (*place)->id == file && (*place)->process == process))
        place = &(*place)->next;
    struct scope *gone = *place;
    if (gone)
        *place = gone->next;
    free(gone);
}

/* Whether a request without a row may give GEM handles: a driver's own, or GETFB and GETFB2. */
static bool may_give_handles(uint32_t request)
{
    uint32_t number = request & 0xff; /* _IOC_NR */
    return (number >= 0x40 && number < 0xa0) || number == 0xad || number == 0xce;
}

static int scope_event(struct lint *lint, const struct ga_row *row, const void *record, int64_t ns)
{
    if (ga_row_id(row) == GA_ROW_gpualloc_process) {
        const struct ga_gpualloc_process *process = record;
        return add_scope(lint, (struct scope){.id = process->process,
                                              .parent = process->parent,
                                              .announced_ns = ns,
                                              .start = process->start});
    }
    if (ga_row_id(row) == GA_ROW_gpualloc_file) {
        const struct ga_gpualloc_file *file = record;
        return add_scope(lint, (struct scope){.id = file->file, .process = file->process, .is_file = true});
    }
    if (ga_row_id(row) == GA_ROW_gpualloc_file_closed) {
        const struct ga_gpualloc_file_closed *closed = record;
        forget_file(lint, closed->file, closed->process);
    } else if (ga_row_id(row) == GA_ROW_gpualloc_untraced) {
        const struct ga_gpualloc_untraced *untraced = record;
        struct scope *file = scope_of(lint, untraced->file, true);
        if (file && may_give_handles(untraced->request))
            file->untraced = true;
    }
    return 0;
}

bool lint_knows_process(const struct lint *lint, const struct ga_call *call)
{
    const struct scope *scope = scope_of(lint, call->header->process, false);
    if (!scope || scope->announced_ns - lint->epoch_offset_ns - (int64_t)scope->start > late_ns)
        return false;
    if (ga_row_is_d3dkmt(call->row))
        return true;
    const struct scope *file = scope_of(lint, call->header->file, true);
    return file && !file->untraced;
}

static bool is_alive(const struct lint *lint, uint64_t scope, const struct lint_name *name, int64_t ns)
{
    if (name->kind == GA_OBJECT_ALLOCATION)
        return ga_lives_find_at(lint->lives, scope, name->handle, ns);
    return name->kind && ga_lives_object_at(lint->lives, name->kind, scope, name->handle, ns);
}

uint64_t lint_holder_elsewhere(const struct lint *lint, const struct ga_call *call, const struct lint_name *name)
{
    bool drm = !ga_row_is_d3dkmt(call->row);
    uint64_t own = drm ? call->header->file : call->header->process;
    for (const struct scope *scope = lint->scopes; scope; scope = scope->next)
        if (scope->is_file == drm && scope->id != own && (!drm || scope->process == call->header->process) &&
            is_alive(lint, scope->id, name, call->begin_ns))
            return scope->id;
    return 0;
}

/* ---- What goes by ---- */

/* Which kind of object a handle leads to, when it is not the one asked for. */
static enum ga_object_kind other_kind(const struct lint *lint, uint64_t scope, const struct lint_name *name, int64_t ns)
{
    if (name->kind == GA_OBJECT_ADAPTER)
        return GA_OBJECT_SCOPE;
    for (enum ga_object_kind kind = GA_OBJECT_DEVICE; kind < GA_OBJECT_KINDS; kind++) {
        struct lint_name as = {.kind = kind, .handle = name->handle};
        if (kind != name->kind && is_alive(lint, scope, &as, ns))
            return kind;
    }
    return GA_OBJECT_SCOPE;
}

static void find_alive(const struct lint *lint, uint64_t scope, struct lint_name *name, int64_t ns)
{
    enum ga_object_kind from = name->kind ? name->kind : GA_OBJECT_DEVICE, to = name->kind ? name->kind : GA_OBJECT_KINDS - 1;
    for (enum ga_object_kind kind = from; kind <= to && !name->life && !name->object; kind++) {
        if (kind == GA_OBJECT_ALLOCATION)
            name->life = ga_lives_find_at(lint->lives, scope, name->handle, ns);
        else
            name->object = ga_lives_object_at(lint->lives, kind, scope, name->handle, ns);
    }
}

static int resolve(void *user, struct lint_name *name)
{
    struct lint *lint = user;
    const struct ga_call *call = lint->now;
    bool drm = !ga_row_is_d3dkmt(call->row);
    uint64_t scope = drm ? call->header->file : call->header->process;
    if (!name->handle) {
        name->found = LINT_NULL;
    } else {
        find_alive(lint, scope, name, call->begin_ns);
        name->dead = dead_of(lint, scope, name->kind, name->handle);
        name->is = name->life || name->object || drm ? GA_OBJECT_SCOPE : other_kind(lint, scope, name, call->begin_ns);
        name->found = name->life || name->object ? LINT_ALIVE : name->is ? LINT_OTHER_KIND : name->dead ? LINT_DEAD : LINT_STRANGER;
    }
    EACH(lint, named, call, name);
}

static int tell_call(struct lint *lint, const struct ga_call *call)
{
    EACH(lint, call, call);
}

static int tell_after(struct lint *lint, const struct ga_call *call)
{
    EACH(lint, after, call);
}

static int on_died(void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    struct lint *lint = user;
    int result = 0;
    for (size_t i = 0; lint_families()[i] && !result; i++)
        if (lint_families()[i]->died)
            result = lint_families()[i]->died(lint, lint->states[i], life, how, call);
    free(life->user);
    life->user = NULL;
    if (how == GA_END_NOT || how == GA_END_LOST || result < 0)
        return result;
    struct lint_dead dead = make_dead(ga_life_scope(life), lint_what_life(life), how, life->died_ns, call);
    return bury(lint, &dead);
}

static int on_opened(void *user, struct ga_object *object, const struct ga_call *call)
{
    EACH((struct lint *)user, opened, object, call);
}

static int on_closed(void *user, struct ga_object *object, enum ga_life_end how, const struct ga_call *call)
{
    struct lint *lint = user;
    int result = 0;
    for (size_t i = 0; object->row && lint_families()[i] && !result; i++)
        if (lint_families()[i]->closed)
            result = lint_families()[i]->closed(lint, lint->states[i], object, how, call);
    free(object->user);
    object->user = NULL;
    if (!object->row || how == GA_END_NOT || how == GA_END_LOST || result < 0)
        return result;
    struct lint_dead dead = make_dead(object->process, lint_what_object(object), how, object->died_ns, call);
    return bury(lint, &dead);
}

static int on_blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    struct lint *lint = user;
    return lint->options.blob ? lint->options.blob(lint->options.blob_user, hash, data, size) : -ENOENT;
}

int lint_create(struct lint **out, const struct lint_options *options)
{
    static const struct ga_lives_ops ops = {
        .opened = on_opened, .closed = on_closed, .died = on_died, .blob = on_blob};
    struct lint *lint = calloc(1, sizeof *lint);
    if (!lint)
        return -ENOMEM;
    lint->options = *options;
    int result = ga_lives_create(&lint->lives, &ops, lint);
    for (size_t i = 0; lint_families()[i] && result >= 0; i++)
        if (lint_families()[i]->state_size && !(lint->states[i] = calloc(1, lint_families()[i]->state_size)))
            result = -ENOMEM;
    if (result < 0) {
        lint_destroy(lint);
        return result;
    }
    *out = lint;
    return 0;
}

/* Whether a program made the call: a nested one is told again by the call around it. */
static bool is_programs(const struct ga_call *call)
{
    return !(call->header->marks & GA_MARK_NESTED);
}

int lint_feed_call(struct lint *lint, const struct ga_call *call)
{
    lint->epoch_offset_ns = call->begin_ns - (int64_t)call->header->begin;
    lint->reported_now = 0;
    lint->now = is_programs(call) ? call : NULL;
    int result = lint->now ? lint_names(call, resolve, lint) : 0;
    if (!result && lint->now)
        result = tell_call(lint, call);
    if (!result && lint->now)
        result = tell_after(lint, call);
    lint->now = NULL;
    return result ? result : ga_lives_call(lint->lives, call);
}

static int tell_event(struct lint *lint, const struct ga_row *row, const void *record, int64_t ns)
{
    EACH(lint, event, row, record, ns);
}

int lint_feed_event(struct lint *lint, const struct ga_row *row, const void *record, int64_t ns)
{
    int result = scope_event(lint, row, record, ns);
    if (!result)
        result = ga_lives_event(lint->lives, row, record, ns);
    return result ? result : tell_event(lint, row, record, ns);
}

/* ---- The end ---- */

/* Most serious first; then the most frequent, then the earliest. */
static int by_weight(const void *a, const void *b)
{
    const struct lint_group *x = *(const struct lint_group *const *)a, *y = *(const struct lint_group *const *)b;
    if (x->rule->severity != y->rule->severity)
        return x->rule->severity > y->rule->severity ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->first.begin_ns < y->first.begin_ns ? -1 : x->first.begin_ns > y->first.begin_ns;
}

/* Why a group cannot be known: a rule of both interfaces asks for the calls of the one that its finding is of. */
static const char *gap_of(const struct lint *lint, const struct lint_group *group)
{
    if (group->rule->needs != LINT_NEEDS_BOTH)
        return lint->gaps[group->rule->needs];
    return lint->gaps[ga_row_is_drm(group->first.row) ? LINT_NEEDS_DRM : LINT_NEEDS_D3DKMT];
}

static void drop_unchecked(struct lint *lint)
{
    size_t kept = 0;
    for (size_t i = 0; i < lint->count; i++)
        if (gap_of(lint, lint->list[i]))
            free(lint->list[i]);
        else
            lint->list[kept++] = lint->list[i];
    lint->count = kept;
}

static int tell_finish(struct lint *lint)
{
    for (size_t i = 0; lint_families()[i]; i++) {
        int result = lint_families()[i]->finish ? lint_families()[i]->finish(lint, lint->states[i]) : 0;
        if (result < 0)
            return result;
    }
    return 0;
}

int lint_finish(struct lint *lint, int64_t last_ns, const struct lint_gaps *gaps)
{
    int result = ga_lives_finish(lint->lives, last_ns);
    if (!result)
        result = tell_finish(lint);
    lint->gaps[LINT_NEEDS_D3DKMT] = gaps->d3dkmt;
    lint->gaps[LINT_NEEDS_DRM] = gaps->drm;
    lint->gaps[LINT_NEEDS_BOTH] = gaps->drm ? gaps->d3dkmt : NULL; /* one interface is enough to check it there */
    drop_unchecked(lint);
    if (lint->count)
        qsort(lint->list, lint->count, sizeof(struct lint_group *), by_weight);
    for (size_t i = 0; i < lint->count; i++)
        lint->counts[lint->list[i]->rule->severity] += lint->list[i]->count;
    return result;
}

const struct lint_group *const *lint_groups(const struct lint *lint, size_t *count)
{
    *count = lint->count;
    return (const struct lint_group *const *)lint->list;
}

uint64_t lint_count(const struct lint *lint, enum lint_severity severity)
{
    return lint->counts[severity];
}

const char *lint_unchecked(const struct lint *lint, const struct lint_rule *rule)
{
    return is_enabled(lint, rule) ? lint->gaps[rule->needs] : NULL;
}

void lint_destroy(struct lint *lint)
{
    if (!lint)
        return;
    /* Lives free what lint keeps of them: an end for each that is still there. */
    if (lint->lives) {
        lint->options.enabled = NULL;
        ga_lives_finish(lint->lives, INT64_MAX);
    }
    ga_lives_destroy(lint->lives);
    for (size_t i = 0; lint_families()[i]; i++) {
        if (lint_families()[i]->release && lint->states[i])
            lint_families()[i]->release(lint->states[i]);
        free(lint->states[i]);
    }
    for (size_t i = 0; i < lint->count; i++)
        free(lint->list[i]);
    free(lint->list);
    while (lint->scopes) {
        struct scope *next = lint->scopes->next;
        free(lint->scopes);
        lint->scopes = next;
    }
    free(lint->dead_list);
    ga_map_release(&lint->dead);
    ga_map_release(&lint->groups);
    free(lint);
}
