/* Handles: named before they were given, after they ended, in another process, for an object of another kind. What is judged is
   a refused call: when the kernel took a handle, it was one, however it came to be. */
#include "analyzer/lint/lint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/units.h"

enum { NULL_HANDLE, STRANGER, TWICE, AFTER, UNKNOWN, ELSEWHERE, KIND, RACE, IGNORED };
static const struct lint_rule rules[] = {
    [NULL_HANDLE] = {"null-handle", LINT_ERROR, LINT_NEEDS_CALL, "A call names handle 0 where an object must be named",
                     "Check that what should have given the handle succeeded, and was asked for at all"},
    [STRANGER] = {"destroy-stranger", LINT_ERROR, LINT_NEEDS_BOTH, "A destroy names a handle that the program was never given",
                  "Destroy only what a create, open or import returned; look for an uninitialised or truncated variable"},
    [TWICE] = {"destroyed-twice", LINT_ERROR, LINT_NEEDS_BOTH, "An object is destroyed that was already gone",
               "Clear the handle after its destroy: handles are reused, so the second destroy can hit a new object"},
    [AFTER] = {"use-after-destroy", LINT_ERROR, LINT_NEEDS_BOTH, "A call names an object after it was destroyed",
               "Destroy it after its last use has returned, or drop the handle that was kept"},
    [UNKNOWN] = {"unknown-handle", LINT_ERROR, LINT_NEEDS_BOTH, "A call names a handle that the program was never given",
                 "Use what a create, open or import returned; look for an uninitialised or truncated variable"},
    [ELSEWHERE] = {"other-owner-handle", LINT_ERROR, LINT_NEEDS_BOTH,
                   "A call names a handle that belongs to another process or, on DRM, to another open file",
                   "Share the object: ShareObjects and OpenResourceFromNtHandle on D3DKMT, PRIME on DRM"},
    [KIND] = {"wrong-handle-kind", LINT_ERROR, LINT_NEEDS_BOTH, "A call names an object of another kind than it asks for",
              "Pass the handle of the right kind: all kinds but adapters share one number space"},
    [RACE] = {"destroy-races-use", LINT_WARNING, LINT_NEEDS_BOTH,
              "An object is destroyed by one thread while a call of another is using it",
              "Make the destroy wait for the other thread: which of the two comes first is chance"},
    [IGNORED] = {"refused-call-ignored", LINT_WARNING, LINT_NEEDS_BOTH,
                 "The kernel refused a call, and the program went on as if it had not",
                 "Check what the call returns: its result was needed later"},
    {NULL},
};

/* The last refused create of a kind in a thread, until one succeeds. */
struct thread {
    uint64_t process;
    uint32_t thread;
    struct lint_call refused[GA_OBJECT_KINDS];
};

struct state {
    struct ga_map threads; /* (process, thread) to struct thread */
};

/* What a call makes: kind of object, or GA_OBJECT_SCOPE for none. */
static enum ga_object_kind makes(const struct ga_row *row)
{
    switch (ga_row_id(row)) {
    case GA_ROW_d3dkmt_open_adapter_from_luid: return GA_OBJECT_ADAPTER;
    case GA_ROW_d3dkmt_create_device: return GA_OBJECT_DEVICE;
    case GA_ROW_d3dkmt_create_context_virtual: return GA_OBJECT_CONTEXT;
    case GA_ROW_d3dkmt_create_hw_context: return GA_OBJECT_HW_CONTEXT;
    case GA_ROW_d3dkmt_create_hw_queue: return GA_OBJECT_HW_QUEUE;
    case GA_ROW_d3dkmt_create_paging_queue: return GA_OBJECT_PAGING_QUEUE;
    case GA_ROW_d3dkmt_create_synchronization_object2: return GA_OBJECT_SYNC_OBJECT;
    default:
        return row->effect.kind == GA_EFFECT_CREATE || row->effect.kind == GA_EFFECT_IMPORT ? GA_OBJECT_ALLOCATION : GA_OBJECT_SCOPE;
    }
}

static struct thread *thread_of(const struct state *state, const struct ga_call *call)
{
    uint64_t *place = ga_map_get(&state->threads, call->header->process, call->header->thread);
    return place ? (struct thread *)(uintptr_t)*place : NULL;
}

/* Remembers a refused create, and forgets it when another one of the kind succeeds. */
static int note_create(struct state *state, const struct ga_call *call)
{
    enum ga_object_kind kind = makes(call->row);
    struct thread *thread = kind ? thread_of(state, call) : NULL;
    if (!kind || (!thread && !call->failed))
        return 0;
    if (!thread) {
        thread = calloc(1, sizeof *thread);
        if (!thread || ga_map_set(&state->threads, call->header->process, call->header->thread, (uintptr_t)thread) < 0) {
            free(thread);
            return -ENOMEM;
        }
    }
    thread->refused[kind] = call->failed ? lint_call_of(call) : (struct lint_call){0};
    return 0;
}

static const char *noun(const struct ga_call *call, enum ga_object_kind kind)
{
    return !kind ? "object" : ga_row_is_d3dkmt(call->row) ? ga_object_kind_name(kind) : "buffer";
}

static struct lint_what what_of(const struct lint_name *name)
{
    return (struct lint_what){name->kind, name->handle, name->dead ? name->dead->surface : 0};
}

static int null_handle(struct lint *lint, const struct state *state, const struct ga_call *call, const struct lint_name *name)
{
    struct thread *thread = thread_of(state, call);
    enum ga_object_kind kind = name->kind ? name->kind : GA_OBJECT_ALLOCATION;
    struct lint_call now = lint_call_of(call);
    /* A resource comes from the same create as its allocations. */
    struct lint_call *refused = thread ? &thread->refused[kind == GA_OBJECT_RESOURCE ? GA_OBJECT_ALLOCATION : kind] : NULL;
    if (!refused || !refused->row)
        return lint_report(lint, &rules[NULL_HANDLE], &now, what_of(name), "%s is 0", name->member->path);
    /* The refused create is the offender; it must not be told again for each use of what it did not give. */
    struct lint_call offender = *refused;
    return lint_report(lint, &rules[IGNORED], &offender, (struct lint_what){.kind = kind},
                       "then call %" PRIu64 " (%s) used 0 as the %s that it should have given", now.call, call->row->request,
                       noun(call, kind));
}

static const char *ended_by(const struct lint_dead *dead)
{
    return dead->ended_by.row ? dead->ended_by.row->request : "the last close of its device";
}

/* Refusals that say nothing about handles: memory, budget, waiting, an answer's size, a device that is gone. */
static bool may_mean_handle(const struct ga_call *call)
{
    static const int others[] = {ENOMEM, EFAULT,    ENODEV, EINTR, EAGAIN, EOVERFLOW, ETIME,
                                 ENOSPC, ETIMEDOUT, EBUSY,  EIO,   EMFILE, ENOTTY};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (lint_error_of(call) == others[i])
            return false;
    return call->failed;
}

static int dead_handle(struct lint *lint, const struct ga_call *call, const struct lint_name *name)
{
    const struct lint_dead *dead = name->dead;
    struct lint_call now = lint_call_of(call);
    bool same_thread = dead->ended_by.row && dead->ended_by.process == now.process && dead->ended_by.thread == now.thread;
    if (call->begin_ns > dead->end_ns) {
        if (!may_mean_handle(call))
            return 0;
        double since = (double)(call->begin_ns - dead->end_ns);
        return lint_report(lint, &rules[name->destroys ? TWICE : AFTER], &now, what_of(name),
                           "the %s ended %s before by %s (call %" PRIu64 " of thread %" PRIu32 ")", noun(call, dead->kind),
                           ga_duration(since).text, ended_by(dead), dead->ended_by.call, dead->ended_by.tid);
    }
    if (same_thread || !dead->ended_by.row || call->end_ns < dead->begin_ns)
        return 0;
    return lint_report(lint, &rules[RACE], &now, what_of(name), "%s of thread %" PRIu32 " (call %" PRIu64 ") was under way",
                       ended_by(dead), dead->ended_by.tid, dead->ended_by.call);
}

static int stranger(struct lint *lint, const struct ga_call *call, const struct lint_name *name)
{
    struct lint_call now = lint_call_of(call);
    if (!may_mean_handle(call) || !lint_knows_process(lint, call))
        return 0;
    uint64_t holder = lint_holder_elsewhere(lint, call, name);
    if (holder)
        return lint_report(lint, &rules[ELSEWHERE], &now, what_of(name), "%s is 0x%" PRIx32 ", which %s %016" PRIx64 " has",
                           name->member->path, name->handle, ga_row_is_d3dkmt(call->row) ? "process" : "open file", holder);
    return lint_report(lint, &rules[name->destroys ? STRANGER : UNKNOWN], &now, what_of(name), "%s is 0x%" PRIx32,
                       name->member->path, name->handle);
}

/* The end of use of an allocation, for a destroy that comes while it is used. */
static int note_use(struct lint *lint, const struct ga_call *call, const struct lint_name *name)
{
    if (!name->life)
        return 0;
    struct lint_life *life = lint_life(name->life);
    if (!life)
        return -ENOMEM;
    bool other_thread = life->used.row && (life->used.thread != call->header->thread || life->used.process != call->header->process);
    if (name->destroys && !call->failed && other_thread && life->used.end_ns > call->begin_ns) {
        struct lint_call now = lint_call_of(call);
        return lint_report(lint, &rules[RACE], &now, lint_what_life(name->life),
                           "%s of thread %" PRIu32 " (call %" PRIu64 ") was under way", life->used.row->request, life->used.tid,
                           life->used.call);
    }
    if (name->destroys && call->failed)
        life->destroy_refused = lint_call_of(call);
    if (!name->destroys && call->end_ns > life->used.end_ns)
        life->used = lint_call_of(call);
    return 0;
}

static int note_refused_close(const struct ga_call *call, const struct lint_name *name)
{
    if (!name->object || !name->destroys || !call->failed)
        return 0;
    struct lint_object *object = lint_object(name->object);
    if (!object)
        return -ENOMEM;
    object->destroy_refused = lint_call_of(call);
    return 0;
}

static int named(struct lint *lint, void *state, const struct ga_call *call, const struct lint_name *name)
{
    struct lint_call now = lint_call_of(call);
    switch (name->found) {
    case LINT_NULL:
        return may_mean_handle(call) ? null_handle(lint, state, call, name) : 0;
    case LINT_DEAD:
        return dead_handle(lint, call, name);
    case LINT_STRANGER:
        return stranger(lint, call, name);
    case LINT_OTHER_KIND:
        if (!may_mean_handle(call))
            return 0;
        return lint_report(lint, &rules[KIND], &now, what_of(name), "%s is 0x%" PRIx32 ", which is a %s", name->member->path,
                           name->handle, ga_object_kind_name(name->is));
    case LINT_ALIVE:
        break;
    }
    int result = note_refused_close(call, name);
    return result ? result : note_use(lint, call, name);
}

static int on_call(struct lint *lint, void *user, const struct ga_call *call)
{
    (void)lint;
    return note_create(user, call);
}

/* An object whose destroy was refused, and that nobody tried to destroy again. */
static int died(struct lint *lint, void *state, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)state, (void)call;
    const struct lint_life *kept = life->user;
    if (how != GA_END_NOT || !kept || !kept->destroy_refused.row)
        return 0;
    return lint_report(lint, &rules[IGNORED], &kept->destroy_refused, lint_what_life(life),
                       "the allocation that it should have destroyed was never freed");
}

static int closed(struct lint *lint, void *state, struct ga_object *object, enum ga_life_end how, const struct ga_call *call)
{
    (void)state, (void)call;
    const struct lint_object *kept = object->user;
    if (how != GA_END_NOT || !kept || !kept->destroy_refused.row)
        return 0;
    return lint_report(lint, &rules[IGNORED], &kept->destroy_refused, lint_what_object(object),
                       "the %s that it should have ended was never freed", ga_object_kind_name(object->kind));
}

static void release(void *user)
{
    struct state *state = user;
    size_t place = 0;
    for (struct ga_map_slot *slot; (slot = ga_map_next(&state->threads, &place));)
        free((void *)(uintptr_t)slot->value);
    ga_map_release(&state->threads);
}

const struct lint_family lint_family_handles = {.rules = rules,
                                                .state_size = sizeof(struct state),
                                                .named = named,
                                                .call = on_call,
                                                .died = died,
                                                .closed = closed,
                                                .release = release};
