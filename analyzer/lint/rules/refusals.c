/* Calls that the kernel refused, and what that may mean. What another rule explains is not told again. */
#include "analyzer/lint/lint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/units.h"

enum { NO_MEMORY, REMOVED, FORKED, RENDER_NODE, REFUSED };
static const struct lint_rule rules[] = {
    [NO_MEMORY] = {"einval-may-be-no-memory", LINT_WARNING, LINT_NEEDS_CALL,
                   "EINVAL without a fault in the arguments: on WSL2 it may mean that video memory ran out",
                   "Ask QueryVideoMemoryInfo, free or evict, and try again: WSL2's kernel knows no errno for STATUS_NO_VIDEO_MEMORY"},
    [REMOVED] = {"removed-device-used", LINT_WARNING, LINT_NEEDS_CALL, "Calls go on on a device that was removed",
                 "After DEVICE_REMOVED (ENODEV) destroy the device with all that it owns, and make a new one"},
    [FORKED] = {"forked-descriptor", LINT_WARNING, LINT_NEEDS_D3DKMT,
                "A forked process uses the device that its parent opened: the kernel answers ENOTTY",
                "Open /dev/dxg again after fork, and make all objects anew"},
    [RENDER_NODE] = {"dumb-on-render-node", LINT_WARNING, LINT_NEEDS_CALL,
                     "A dumb buffer was asked of a render node, which may not make any (EACCES)",
                     "Open the card node, or use a request of the device's own driver"},
    [REFUSED] = {"refused-call", LINT_NOTE, LINT_NEEDS_CALL, "The kernel refused a call, and no other rule says why",
                 "See the error; 'gpualloc list' shows the call's arguments"},
    {NULL},
};

struct usage {
    uint64_t budget, used;
};

struct process {
    struct usage usage[2]; /* newest answers of QueryVideoMemoryInfo: local, non-local */
    bool worked;           /* one call on D3DKMT succeeded */
};

struct state {
    struct ga_map processes; /* (process, 0) to struct process */
    struct ga_map forked;    /* (process, 0): it is a child of a traced process */
};

static struct process *process_of(struct state *state, uint64_t id)
{
    uint64_t *place = ga_map_get(&state->processes, id, 0);
    struct process *process = place ? (struct process *)(uintptr_t)*place : calloc(1, sizeof *process);
    if (place || !process)
        return process;
    if (ga_map_set(&state->processes, id, 0, (uintptr_t)process) == 0)
        return process;
    free(process);
    return NULL;
}

static bool is_end(const struct ga_row *row)
{
    return row->effect.kind == GA_EFFECT_CLOSE || row->effect.kind == GA_EFFECT_DESTROY;
}

/* A device that answered ENODEV once, and what is called on it later. */
static int removed(struct lint *lint, const struct ga_call *call)
{
    uint32_t handle = lint_device_of(lint, call);
    struct ga_object *device =
        handle ? ga_lives_object_at(lint_lives(lint), GA_OBJECT_DEVICE, call->header->process, handle, call->begin_ns) : NULL;
    if (!device || lint_error_of(call) != ENODEV || ga_row_id(call->row) == GA_ROW_d3dkmt_get_device_state)
        return 0;
    struct lint_object *kept = lint_object(device);
    if (!kept)
        return -ENOMEM;
    bool again = kept->removed && !is_end(call->row);
    kept->removed = true;
    struct lint_call now = lint_call_of(call);
    return again ? lint_report(lint, &rules[REMOVED], &now, lint_what_object(device), "an earlier call had said so") : 0;
}

static int note_usage(struct process *process, const struct ga_call *call)
{
    const struct ga_d3dkmt_query_video_memory_info *query = call->record;
    if (ga_row_id(call->row) == GA_ROW_d3dkmt_query_video_memory_info && !call->failed && query->MemorySegmentGroup < 2)
        process->usage[query->MemorySegmentGroup] = (struct usage){query->Budget, query->CurrentUsage};
    return 0;
}

static bool needs_memory(enum ga_row_id row)
{
    return row == GA_ROW_d3dkmt_create_allocation || row == GA_ROW_d3dkmt_make_resident ||
           row == GA_ROW_d3dkmt_map_gpu_virtual_address;
}

static int maybe_no_memory(struct lint *lint, const struct process *process, const struct ga_call *call)
{
    struct lint_call now = lint_call_of(call);
    const struct usage *usage = &process->usage[0];
    char known[120] = "the program had not asked for its budget";
    if (usage->budget)
        snprintf(known, sizeof known, "when last asked, %s of %s were used", ga_bytes(usage->used).text,
                 ga_bytes(usage->budget).text);
    const struct ga_d3dkmt_create_allocation *create = call->record;
    bool is_create = ga_row_id(call->row) == GA_ROW_d3dkmt_create_allocation;
    struct lint_what what = {.surface = is_create ? create->hPrivateRuntimeResourceHandle : 0};
    return lint_report(lint, &rules[NO_MEMORY], &now, what, "%s", known);
}

/* Part of how the interfaces are used: interrupted, not ready yet, too little room for an answer, a device that goes away, a request
   that the driver does not have. */
static bool is_usual(const struct ga_call *call)
{
    static const int usual[] = {EINTR, EAGAIN, ETIME, ETIMEDOUT, ENODEV, ENOSYS, EOPNOTSUPP};
    int error = lint_error_of(call);
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (error == usual[i])
            return true;
    return error == EOVERFLOW && call->row->effect.kind == GA_EFFECT_QUERY;
}

static const char *error_text(const struct ga_call *call, char *text, size_t size)
{
    if (call->header->error)
        snprintf(text, size, "errno %d (%s)", call->header->error, strerrordesc_np(call->header->error));
    else
        snprintf(text, size, "status 0x%08" PRIx32, call->status);
    return text;
}

static int refused(struct lint *lint, const struct ga_call *call)
{
    struct lint_call now = lint_call_of(call);
    char text[96];
    if (ga_row_id(call->row) == GA_ROW_drm_mode_create_dumb && call->header->error == EACCES && call->file &&
        strstr(call->file->path, "renderD"))
        return lint_report(lint, &rules[RENDER_NODE], &now, (struct lint_what){0}, "the node is %.80s", call->file->path);
    return lint_report(lint, &rules[REFUSED], &now, (struct lint_what){0}, "%s", error_text(call, text, sizeof text));
}

/* /dev/dxg knows its own process only. A library that notices, as libdxg does, opens it anew and asks again. */
static int forked(struct lint *lint, const struct state *state, const struct process *process, const struct ga_call *call, bool *told)
{
    bool asks = ga_row_id(call->row) == GA_ROW_d3dkmt_enum_adapters2 || ga_row_id(call->row) == GA_ROW_d3dkmt_enum_adapters3 ||
                ga_row_id(call->row) == GA_ROW_d3dkmt_open_adapter_from_luid;
    *told = lint_error_of(call) == ENOTTY && !process->worked && ga_map_get(&state->forked, call->header->process, 0);
    if (!*told || asks)
        return 0;
    struct lint_call now = lint_call_of(call);
    return lint_report(lint, &rules[FORKED], &now, (struct lint_what){0}, "no call of this process has succeeded yet");
}

static int after(struct lint *lint, void *user, const struct ga_call *call)
{
    struct state *state = user;
    bool d3dkmt = ga_row_is_d3dkmt(call->row);
    struct process *process = process_of(state, call->header->process);
    if (!process)
        return -ENOMEM;
    if (!call->failed) {
        process->worked |= d3dkmt;
        return d3dkmt ? note_usage(process, call) : 0;
    }
    bool told = false;
    int result = d3dkmt ? forked(lint, state, process, call, &told) : 0;
    if (!result && d3dkmt)
        result = removed(lint, call);
    if (result || told || lint_reported_now(lint) || is_usual(call))
        return result;
    /* At the ioctl a value of STATUS_INVALID_PARAMETER is the guest driver's own check. */
    bool by_value = call->header->layer == GA_LAYER_IOCTL && !call->header->error;
    if (lint_error_of(call) == EINVAL && !by_value && needs_memory(ga_row_id(call->row)))
        return maybe_no_memory(lint, process, call);
    return refused(lint, call);
}

static int event(struct lint *lint, void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    (void)lint, (void)ns;
    struct state *state = user;
    const struct ga_gpualloc_process *process = record;
    if (ga_row_id(row) != GA_ROW_gpualloc_process || !process->parent)
        return 0;
    return ga_map_set(&state->forked, process->process, 0, 1);
}

static void release(void *user)
{
    struct state *state = user;
    size_t place = 0;
    for (struct ga_map_slot *slot; (slot = ga_map_next(&state->processes, &place));)
        free((void *)(uintptr_t)slot->value);
    ga_map_release(&state->processes);
    ga_map_release(&state->forked);
}

const struct lint_family lint_family_refusals = {
    .rules = rules, .state_size = sizeof(struct state), .after = after, .event = event, .release = release};
