/*
 * softgpu's sync objects: how they are made, opened, signalled and waited for by CPUs. What GPUs wait for is in queue.c. Checks and
 * their order are dxgkrnl's.
 *
 * A fence's value lies in the state's fences at the object's index, where programs may read it; a mutex has 1 there while it is owned,
 * a semaphore its count. A shared one's value lies at the shared object's index, so all its openers have one.
 */
#include <errno.h>

#include "softgpu/state.h"

enum { OBJECTS_SIGNALLED = 32 }; /* D3DDDI_MAX_OBJECT_SIGNALED */
enum {
    FLAG_SHARED = D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_Shared,
    FLAG_NT_SHARING = D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NtSecuritySharing
};

/* What processes share of a sync object, or itself. */
static uint32_t root_of(const struct softgpu *gpu, uint32_t sync)
{
    return gpu->objects[sync].backing ? gpu->objects[sync].backing : sync;
}

static bool is_monitored(const struct softgpu_object *sync)
{
    return sync->kind == 0 || sync->kind == D3DDDI_MONITORED_FENCE || sync->kind == D3DDDI_PERIODIC_MONITORED_FENCE;
}

/* ---- Entries: lists of sync objects with values ---------------------------------------------------------------------------- */

long softgpu_entries_read(struct softgpu_call *call, const D3DKMT_HANDLE *handles, const uint64_t *values, uint64_t single,
                          uint32_t count, uint8_t refused, bool cpu)
{
    struct softgpu *gpu = call->gpu;
    struct softgpu_entry *entries = (void *)gpu->scratch;
    /* Values come where entries are to be, but never behind the one that is made of them, as entries are made from the last on. */
    uint64_t *value = (void *)gpu->scratch;
    D3DKMT_HANDLE *handle = (void *)(entries + count);
    if (count > SOFTGPU_ENTRIES_MAX)
        return -EINVAL;
    long result = softgpu_read(call, handle, (uintptr_t)handles, count * sizeof *handle);
    if (result == 0 && values)
        result = softgpu_read(call, value, (uintptr_t)values, count * sizeof *value);
    for (uint32_t i = count; result == 0 && i--;) {
        uint64_t wanted = values ? value[i] : single;
        uint32_t sync = softgpu_object_find(gpu, call->place, SOFTGPU_SYNC, handle[i]);
        const struct softgpu_object *object = &gpu->objects[sync];
        if (!sync || object->options & refused || (cpu && !is_monitored(object)))
            return softgpu_invalid();
        uint32_t root = root_of(gpu, sync);
        entries[i] = (struct softgpu_entry){.sync = root, .serial = (uint32_t)gpu->objects[root].serial, .value = wanted};
    }
    return result;
}

/* An entry's object, or null when it is gone. */
static struct softgpu_object *object_of(struct softgpu *gpu, const struct softgpu_entry *entry)
{
    struct softgpu_object *object = &gpu->objects[entry->sync];
    bool lives = (object->type == SOFTGPU_SYNC || object->type == SOFTGPU_SHARED_SYNC) && (uint32_t)object->serial == entry->serial;
    return lives ? object : NULL;
}

/* Nobody waits for what is gone. */
static bool is_reached(struct softgpu *gpu, const struct softgpu_entry *entry)
{
    const struct softgpu_object *object = object_of(gpu, entry);
    uint64_t word = *softgpu_fence_word(gpu, entry->sync);
    if (!object)
        return true;
    switch (object->kind) {
    case D3DDDI_SYNCHRONIZATION_MUTEX:
        return word == 0;
    case D3DDDI_SEMAPHORE:
        return word > 0;
    default:
        return word >= entry->value;
    }
}

bool softgpu_entries_reached(struct softgpu *gpu, const struct softgpu_entry *entries, uint32_t count, bool any)
{
    for (uint32_t i = 0; i < count; i++)
        if (is_reached(gpu, &entries[i]) == any)
            return any;
    return !any;
}

void softgpu_entries_acquire(struct softgpu *gpu, const struct softgpu_entry *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct softgpu_object *object = object_of(gpu, &entries[i]);
        uint64_t *word = softgpu_fence_word(gpu, entries[i].sync);
        if (object && object->kind == D3DDDI_SYNCHRONIZATION_MUTEX)
            *word = 1;
        else if (object && object->kind == D3DDDI_SEMAPHORE && *word)
            --*word;
    }
}

/* Without rewind a fence only moves forward. */
void softgpu_entries_signal(struct softgpu_call *call, const struct softgpu_entry *entries, uint32_t count, bool rewind)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct softgpu_object *object = object_of(call->gpu, &entries[i]);
        uint64_t *word = softgpu_fence_word(call->gpu, entries[i].sync);
        if (!object)
            continue;
        if (object->kind == D3DDDI_SYNCHRONIZATION_MUTEX)
            *word = 0;
        else if (object->kind == D3DDDI_SEMAPHORE)
            *word += *word < object->note;
        else if (object->kind == D3DDDI_CPU_NOTIFICATION)
            softgpu_event_fire(call, object->process, object->event, true);
        else if (entries[i].value > *word || rewind)
            __atomic_store_n(word, entries[i].value, __ATOMIC_RELEASE);
    }
}

/* ---- Making and opening ---------------------------------------------------------------------------------------------------- */

/* Checks what the host would refuse, and the value to begin with. */
static uint32_t initial_value(const struct D3DDDI_SYNCHRONIZATIONOBJECTINFO2 *info, uint64_t *value, uint64_t *note)
{
    switch (info->Type) {
    case D3DDDI_SYNCHRONIZATION_MUTEX:
        *value = info->SynchronizationMutex.InitialState != 0;
        return 0;
    case D3DDDI_SEMAPHORE:
        *value = info->Semaphore.InitialCount;
        *note = info->Semaphore.MaxCount;
        return *note == 0 || *value > *note ? (uint32_t)STATUS_INVALID_PARAMETER : 0;
    case D3DDDI_FENCE:
        *value = info->Fence.FenceValue;
        return 0;
    case D3DDDI_CPU_NOTIFICATION: /* an event of one process */
        return info->Flags & FLAG_SHARED ? (uint32_t)STATUS_INVALID_PARAMETER : 0;
    case D3DDDI_MONITORED_FENCE:
        *value = info->MonitoredFence.InitialFenceValue;
        return 0;
    default: /* a periodic one too: its period is a display's, and there is none */
        return (uint32_t)STATUS_INVALID_PARAMETER;
    }
}

/* Monitored fences belong to their device, the others to the adapter: these outlive the device. */
static uint32_t make_view(struct softgpu_call *call, uint32_t device, uint32_t kind, uint8_t options, uint32_t shared)
{
    struct softgpu *gpu = call->gpu;
    uint32_t parent = kind == D3DDDI_MONITORED_FENCE ? device : 0;
    uint32_t sync = softgpu_object_create(gpu, SOFTGPU_SYNC, call->place, parent, gpu->objects[device].adapter);
    if (!sync)
        return 0;
    gpu->objects[sync].kind = (uint8_t)kind;
    gpu->objects[sync].options = options;
    if (shared)
        softgpu_object_back(gpu, sync, shared, true);
    return sync;
}

static uint32_t make_shared(struct softgpu *gpu, uint32_t device, const struct D3DDDI_SYNCHRONIZATIONOBJECTINFO2 *info)
{
    uint32_t shared = softgpu_object_create(gpu, SOFTGPU_SHARED_SYNC, SOFTGPU_COMMON, 0, gpu->objects[device].adapter);
    gpu->objects[shared].kind = (uint8_t)info->Type;
    gpu->objects[shared].options = (uint8_t)info->Flags;
    return shared;
}

/* Where the caller and the GPU find a fence's value. */
static bool find_addresses(const struct softgpu_call *call, uint32_t sync, void **cpu, uint64_t *gpu)
{
    size_t offset = root_of(call->gpu, sync) * sizeof(uint64_t);
    if (!call->memory->fence_address)
        return false;
    *cpu = (void *)(uintptr_t)call->memory->fence_address(call->memory->user, offset);
    *gpu = SOFTGPU_FENCE_GPU_ADDRESS + offset;
    return *cpu;
}

static long make_sync(struct softgpu_call *call, struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *args, uint32_t device, int event)
{
    struct softgpu *gpu = call->gpu;
    struct D3DDDI_SYNCHRONIZATIONOBJECTINFO2 *info = &args->Info;
    uint64_t value = 0, note = 0;
    uint32_t status = initial_value(info, &value, &note), shared = 0;
    if (status == 0 && info->Flags & FLAG_SHARED) {
        shared = make_shared(gpu, device, info);
        if (!shared)
            return -ENOMEM;
        info->SharedHandle = softgpu_object_handle(gpu, shared);
    }
    uint32_t sync = status ? 0 : make_view(call, device, info->Type, (uint8_t)info->Flags, shared);
    if (!sync) {
        if (shared)
            softgpu_object_destroy(gpu, shared);
        return status ? softgpu_status_result(status) : -ENOMEM;
    }
    uint32_t root = root_of(gpu, sync);
    gpu->objects[root].note = note;
    *softgpu_fence_word(gpu, root) = value;
    bool found = info->Type != D3DDDI_MONITORED_FENCE || find_addresses(call, sync, &info->MonitoredFence.FenceValueCPUVirtualAddress,
                                                                       &info->MonitoredFence.FenceValueGPUVirtualAddress);
    if (info->Type == D3DDDI_CPU_NOTIFICATION)
        info->CPUNotification.Event = gpu->objects[sync].serial; /* the event's number at the host, as dxgkrnl leaves it */
    args->hSyncObject = softgpu_object_handle(gpu, sync);
    long result = found ? softgpu_write(call, call->argument, args, sizeof *args)
                        : softgpu_status_result((uint32_t)STATUS_NOT_SUPPORTED);
    if (result)
        softgpu_object_destroy(gpu, sync);
    else
        gpu->objects[sync].event = (uint32_t)(event + 1);
    return result;
}

long softgpu_create_synchronization_object2(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *args = structure;
    uint32_t device = softgpu_object_find(call->gpu, call->place, SOFTGPU_DEVICE, args->hDevice);
    int event = -1;
    if (!device)
        return -EINVAL;
    if (call->gpu->removed)
        return -ENODEV;
    if ((args->Info.Flags & (FLAG_SHARED | FLAG_NT_SHARING)) == FLAG_SHARED)
        return -EINVAL;
    if (args->Info.Type == D3DDDI_CPU_NOTIFICATION) {
        if (!call->memory->take_event)
            return softgpu_status_result((uint32_t)STATUS_NOT_SUPPORTED);
        event = call->memory->take_event(call->memory->user, args->Info.CPUNotification.Event);
        if (event < 0)
            return -EINVAL;
    }
    long result = make_sync(call, args, device, event);
    if (result && event >= 0)
        call->memory->drop_event(call->memory->user, event);
    return result;
}

/* The fences of paging and hardware queues go with these, and aren't sync objects to dxgkrnl. */
static bool is_queues_own(const struct softgpu *gpu, uint32_t sync)
{
    uint32_t parent = gpu->objects[sync].parent;
    return parent && gpu->objects[parent].type != SOFTGPU_DEVICE;
}

long softgpu_destroy_synchronization_object(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_DESTROYSYNCHRONIZATIONOBJECT *args = structure;
    uint32_t sync = softgpu_object_find(call->gpu, call->place, SOFTGPU_SYNC, args->hSyncObject);
    if (!sync || is_queues_own(call->gpu, sync))
        return -EINVAL;
    softgpu_object_destroy(call->gpu, sync);
    softgpu_work_run(call);
    return 0;
}

long softgpu_open_sync_object_from_nt_handle2(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t device;
    long result = softgpu_live_find(call, SOFTGPU_DEVICE, args->hDevice, &device);
    if (result)
        return result;
    uint32_t shared = softgpu_shared_find(call, args->hNtHandle, SOFTGPU_SHARED_SYNC);
    if (!shared)
        return -EINVAL;
    if (gpu->objects[shared].adapter != gpu->objects[device].adapter)
        return softgpu_invalid();
    uint8_t options = (uint8_t)(gpu->objects[shared].options | args->Flags);
    uint32_t sync = make_view(call, device, gpu->objects[shared].kind, options, shared);
    if (!sync)
        return -ENOMEM;
    args->hSyncObject = softgpu_object_handle(gpu, sync);
    bool found = gpu->objects[shared].kind != D3DDDI_MONITORED_FENCE ||
                 find_addresses(call, sync, &args->MonitoredFence.FenceValueCPUVirtualAddress,
                                &args->MonitoredFence.FenceValueGPUVirtualAddress);
    result = found ? softgpu_write(call, call->argument, args, sizeof *args)
                        : softgpu_status_result((uint32_t)STATUS_NOT_SUPPORTED);
    if (result)
        softgpu_object_destroy(gpu, sync);
    return result;
}

/* ---- CPUs ------------------------------------------------------------------------------------------------------------------ */

bool softgpu_entries_may_signal(const struct softgpu *gpu, uint32_t count, bool has_values)
{
    const struct softgpu_entry *entries = (const void *)gpu->scratch;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t kind = gpu->objects[entries[i].sync].kind;
        if (is_queues_own(gpu, entries[i].sync) || (!has_values && (kind == D3DDDI_FENCE || kind == D3DDDI_MONITORED_FENCE)))
            return false;
    }
    return true;
}

long softgpu_signal_from_cpu(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU *args = structure;
    if (args->ObjectCount == 0 || args->ObjectCount > OBJECTS_SIGNALLED)
        return -EINVAL;
    if (!softgpu_object_find(call->gpu, call->place, SOFTGPU_DEVICE, args->hDevice))
        return -EINVAL;
    if (call->gpu->removed)
        return -ENODEV;
    long result = softgpu_entries_read(call, args->ObjectHandleArray, args->FenceValueArray, 0, args->ObjectCount, SYNC_NO_SIGNAL,
                                       true);
    if (result)
        return result;
    if (!softgpu_entries_may_signal(call->gpu, args->ObjectCount, args->FenceValueArray)) /* dxgkrnl itself wants no values */
        return softgpu_invalid();
    softgpu_entries_signal(call, (void *)call->gpu->scratch, args->ObjectCount, args->Flags & D3DDDICB_SIGNALFLAGS_AllowFenceRewind);
    softgpu_work_run(call);
    return 0;
}

/* Sleeps until the bell rings, a paging fence moves, or a signal comes. */
static long sleep_once(struct softgpu_call *call)
{
    struct softgpu *gpu = call->gpu;
    const struct softgpu_memory *memory = call->memory;
    uint64_t now = gpu->busy_queues ? softgpu_now() : 0;
    uint64_t next = gpu->busy_queues ? softgpu_fence_advance(gpu, now) : UINT64_MAX;
    uint64_t timeout = next == UINT64_MAX ? UINT64_MAX : next - now;
    uint32_t bell = gpu->bell;
    if (!memory->sleep) {
        uint64_t slice_ns = memory->signalled ? 20 * 1000 * 1000 : 1000 * 1000;
        return softgpu_wait(call, timeout < slice_ns ? timeout : slice_ns, true);
    }
    gpu->sleepers++;
    softgpu_unlock(gpu);
    long result = memory->sleep(memory->user, &gpu->bell, bell, timeout);
    softgpu_lock(gpu);
    gpu->sleepers -= gpu->sleepers > 0; /* a repair may have cleared it */
    return result;
}

/* Sleeps until the work is ready. It is gone when its device is, by another thread's doing. */
static long sleep_until_ready(struct softgpu_call *call, uint32_t work)
{
    struct softgpu *gpu = call->gpu;
    uint64_t serial = gpu->objects[work].serial;
    long result = 0;
    for (;;) {
        if (gpu->busy_queues)
            softgpu_fence_advance(gpu, softgpu_now());
        if (gpu->objects[work].type != SOFTGPU_WORK || gpu->objects[work].serial != serial)
            return gpu->processes[call->place].pid ? -EINVAL : -ENOTTY;
        bool ready = softgpu_work_is_ready(gpu, work);
        if (gpu->removed || ready || result)
            break;
        result = sleep_once(call);
    }
    bool ready = softgpu_work_is_ready(gpu, work);
    gpu->objects[work].kind = 0; /* it goes by its own will: nobody must wake */
    softgpu_object_destroy(gpu, work);
    return gpu->removed ? -ENODEV : ready ? 0 : result;
}

long softgpu_wait_from_cpu(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *args = structure;
    const struct softgpu_memory *memory = call->memory;
    int event = -1;
    uint32_t work = 0;
    if (args->ObjectCount == 0 || args->ObjectCount > DXG_BUS_PACKET_SIZE)
        return -EINVAL;
    if (args->hAsyncEvent) {
        if (!memory->take_event)
            return softgpu_status_result((uint32_t)STATUS_NOT_SUPPORTED);
        event = memory->take_event(memory->user, args->hAsyncEvent);
        if (event < 0)
            return -EINVAL;
    }
    uint32_t device = softgpu_object_find(call->gpu, call->place, SOFTGPU_DEVICE, args->hDevice);
    long result = !device ? -EINVAL : call->gpu->removed ? -ENODEV : 0;
    if (result == 0 && !args->FenceValueArray)
        result = -EFAULT;
    if (result == 0)
        result = softgpu_entries_read(call, args->ObjectHandleArray, args->FenceValueArray, 0, args->ObjectCount, SYNC_NO_WAIT, true);
    uint8_t any = args->Flags & D3DDDI_WAITFORSYNCHRONIZATIONOBJECTFROMCPU_FLAGS_WaitAny ? WORK_ANY : 0;
    if (result == 0)
        result = softgpu_work_await(call, event < 0 ? WORK_CPU : WORK_ASYNC, device, args->ObjectCount, (uint32_t)(event + 1), any,
                                    &work);
    if (result && event >= 0)
        memory->drop_event(memory->user, event);
    return result == 0 && work && event < 0 ? sleep_until_ready(call, work) : result;
}

/* ---- The end --------------------------------------------------------------------------------------------------------------- */

/* As Windows does when an adapter goes: who polls a fence sees it reached, unless that was not wanted. */
void softgpu_sync_remove(struct softgpu_call *call)
{
    struct softgpu *gpu = call->gpu;
    for (uint32_t i = 1; i < gpu->high_water; i++) {
        const struct softgpu_object *object = &gpu->objects[i];
        bool own = object->type == SOFTGPU_SHARED_SYNC || (object->type == SOFTGPU_SYNC && !object->backing);
        if (own && is_monitored(object) && !(object->options & SYNC_NO_MAX_ON_REMOVAL))
            __atomic_store_n(softgpu_fence_word(gpu, i), UINT64_MAX, __ATOMIC_RELEASE);
    }
    gpu->removal_told = 1;
    softgpu_work_run(call);
    softgpu_bell_ring(gpu);
}
