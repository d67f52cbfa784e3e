/*
 * softgpu's queues: contexts and hardware queues, what is submitted to them, and all work that waits for sync objects.
 *
 * Commands are done as soon as their queue comes to them; only waits hold a queue up. So an empty queue keeps nothing, and one that
 * waits keeps what came after the wait, as objects below it in the order of their serials. All work is in one list besides, which
 * is gone through after each signal. Work of CPUs that sleep or have asked for an event is in the list too.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "softgpu/state.h"

enum { WORK_MAX = 4096, QUEUES_MAX = 64 /* D3DDDI_MAX_BROADCAST_CONTEXT */, OBJECTS_WAITED_FOR = 32, OBJECTS_SIGNALLED = 32 };
enum { HISTORY_BUFFERS_MAX = 1024, FLAG_HW_QUEUE_SUPPORTED = 16 };

/* ---- The list of all work -------------------------------------------------------------------------------------------------- */

static void link_work(struct softgpu *gpu, uint32_t work)
{
    struct softgpu_object *object = &gpu->objects[work];
    object->work_previous = 0;
    object->work_next = gpu->work;
    if (gpu->work)
        gpu->objects[gpu->work].work_previous = work;
    gpu->work = work;
    gpu->work_count++;
}

void softgpu_work_unlink(struct softgpu *gpu, uint32_t work)
{
    const struct softgpu_object *object = &gpu->objects[work];
    *(object->work_previous ? &gpu->objects[object->work_previous].work_next : &gpu->work) = object->work_next;
    if (object->work_next)
        gpu->objects[object->work_next].work_previous = object->work_previous;
    gpu->work_count--;
    if (object->kind == WORK_CPU) /* its device goes while it sleeps */
        softgpu_bell_ring(gpu);
}

void softgpu_work_rebuild(struct softgpu *gpu)
{
    gpu->work = gpu->work_count = 0;
    for (uint32_t i = 1; i < gpu->high_water; i++)
        if (gpu->objects[i].type == SOFTGPU_WORK)
            link_work(gpu, i);
}

/* Makes work of the entries in scratch space, for these queues. Left half made it has no entries and keeps nobody waiting. */
static long make_work(struct softgpu_call *call, enum softgpu_work kind, uint32_t parent, uint32_t entry_count, const uint32_t *queues,
                      uint32_t queue_count, uint32_t *work)
{
    struct softgpu *gpu = call->gpu;
    if (gpu->work_count >= WORK_MAX)
        return -ENOMEM;
    *work = softgpu_object_create(gpu, SOFTGPU_WORK, call->place, parent, 0);
    if (!*work)
        return -ENOMEM;
    struct softgpu_object *object = &gpu->objects[*work];
    object->kind = (uint8_t)kind;
    link_work(gpu, *work);
    size_t entries_size = entry_count * sizeof(struct softgpu_entry), queues_size = queue_count * sizeof *queues;
    long result = softgpu_store_put(gpu, &object->data, gpu->scratch, entries_size);
    if (result == 0)
        result = softgpu_store_put(gpu, &object->data2, queues, queues_size);
    if (result)
        softgpu_object_destroy(gpu, *work);
    else
        object->data_size = (uint32_t)entries_size, object->data2_size = (uint32_t)queues_size;
    return result;
}

/* ---- Events ---------------------------------------------------------------------------------------------------------------- */

void softgpu_events_drop(struct softgpu_call *call)
{
    struct softgpu_process *process = &call->gpu->processes[call->place];
    while (process->dropped_count) {
        uint32_t event = process->dropped[--process->dropped_count];
        if (call->memory->drop_event)
            call->memory->drop_event(call->memory->user, (int)event - 1);
    }
}

/* Another process's becomes work that this process finds, woken by the bell. */
void softgpu_event_fire(struct softgpu_call *call, int place, uint32_t event, bool keep)
{
    struct softgpu *gpu = call->gpu;
    if (event == 0)
        return;
    if (place == call->place) {
        if (call->memory->signal_event)
            call->memory->signal_event(call->memory->user, (int)event - 1);
        return;
    }
    uint32_t due = softgpu_object_create(gpu, SOFTGPU_WORK, place, 0, 0);
    if (!due)
        return;
    gpu->objects[due].kind = WORK_DUE;
    gpu->objects[due].options = keep ? WORK_KEEP_EVENT : 0;
    gpu->objects[due].note = event;
    link_work(gpu, due);
}

/* Signals an event that this process has been left. */
static void deliver(struct softgpu_call *call, uint32_t due)
{
    struct softgpu_object *object = &call->gpu->objects[due];
    softgpu_event_fire(call, call->place, (uint32_t)object->note, true);
    if (!(object->options & WORK_KEEP_EVENT))
        object->event = (uint32_t)object->note; /* it goes with the object */
    softgpu_object_destroy(call->gpu, due);
}

/* The event of work that is done goes to its process, once. */
static void fire_own(struct softgpu_call *call, uint32_t work)
{
    struct softgpu_object *object = &call->gpu->objects[work];
    softgpu_event_fire(call, object->process, object->event, false);
    if (object->process != call->place)
        object->event = 0; /* now the due one's */
}

/* ---- Doing it -------------------------------------------------------------------------------------------------------------- */

static uint32_t read_entries(struct softgpu *gpu, const struct softgpu_object *object, struct softgpu_entry **entries)
{
    *entries = (void *)gpu->scratch;
    softgpu_store_get(gpu, object->data, *entries, object->data_size);
    return object->data_size / (uint32_t)sizeof **entries;
}

static bool has_older(const struct softgpu *gpu, uint32_t queue, uint64_t serial)
{
    for (uint32_t i = gpu->objects[queue].children; i; i = gpu->objects[i].next)
        if (gpu->objects[i].type == SOFTGPU_WORK && gpu->objects[i].serial < serial)
            return true;
    return false;
}

static bool is_queue(const struct softgpu *gpu, uint32_t index)
{
    return gpu->objects[index].type == SOFTGPU_CONTEXT || gpu->objects[index].type == SOFTGPU_HW_QUEUE;
}

/* Whether all queues that the work is for have come to it. */
static bool is_its_turn(const struct softgpu *gpu, const struct softgpu_object *object)
{
    uint32_t queues[QUEUES_MAX];
    softgpu_store_get(gpu, object->data2, queues, object->data2_size);
    for (uint32_t i = 0; i < object->data2_size / sizeof *queues; i++)
        if (is_queue(gpu, queues[i]) && gpu->objects[queues[i]].process == object->process &&
            has_older(gpu, queues[i], object->serial))
            return false;
    return true;
}

bool softgpu_work_is_ready(struct softgpu *gpu, uint32_t work)
{
    const struct softgpu_object *object = &gpu->objects[work];
    struct softgpu_entry *entries;
    if (!is_its_turn(gpu, object))
        return false;
    if (object->kind == WORK_SIGNAL)
        return true;
    uint32_t count = read_entries(gpu, object, &entries);
    return softgpu_entries_reached(gpu, entries, count, object->options & WORK_ANY);
}

/* Does work that is ready, and takes it away. A CPU that sleeps does that itself. */
static void do_work(struct softgpu_call *call, uint32_t work)
{
    struct softgpu *gpu = call->gpu;
    const struct softgpu_object *object = &gpu->objects[work];
    struct softgpu_entry *entries;
    uint32_t count = read_entries(gpu, object, &entries);
    if (object->kind == WORK_WAIT)
        softgpu_entries_acquire(gpu, entries, count);
    else if (object->kind == WORK_SIGNAL)
        softgpu_entries_signal(call, entries, count, object->options & WORK_REWIND);
    fire_own(call, work);
    softgpu_object_destroy(gpu, work);
}

/* One look at all work; whether something was done. */
static bool run_once(struct softgpu_call *call)
{
    struct softgpu *gpu = call->gpu;
    bool done = false;
    uint32_t next;
    for (uint32_t work = gpu->work; work; work = next) {
        next = gpu->objects[work].work_next;
        const struct softgpu_object *object = &gpu->objects[work];
        if (object->kind == WORK_DUE) {
            if (object->process == call->place)
                deliver(call, work);
        } else if (object->kind != WORK_CPU && softgpu_work_is_ready(gpu, work)) {
            do_work(call, work);
            done = true;
        }
    }
    return done;
}

void softgpu_work_run(struct softgpu_call *call)
{
    while (call->gpu->work && run_once(call))
        ;
    softgpu_bell_ring(call->gpu);
}

void softgpu_work_look(struct softgpu_call *call)
{
    bool done = false;
    while (call->gpu->work && run_once(call))
        done = true;
    if (done)
        softgpu_bell_ring(call->gpu);
}

void softgpu_bell_ring(struct softgpu *gpu)
{
    __atomic_add_fetch(&gpu->bell, 1, __ATOMIC_RELEASE);
    if (gpu->sleepers || gpu->tended)
        syscall(SYS_futex, &gpu->bell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void softgpu_work_note(struct softgpu *gpu, int place)
{
    bool to_tend = gpu->busy_queues;
    for (uint32_t work = gpu->work; work && !to_tend; work = gpu->objects[work].work_next)
        to_tend = gpu->objects[work].process == place && gpu->objects[work].kind != WORK_CPU;
    __atomic_store_n(&gpu->processes[place].to_tend, to_tend, __ATOMIC_RELAXED);
}

bool softgpu_needs_tending(const struct softgpu *gpu, int place)
{
    return __atomic_load_n(&gpu->processes[place].to_tend, __ATOMIC_RELAXED);
}

uint64_t softgpu_tend(struct softgpu *gpu, int place, const struct softgpu_memory *memory, const uint32_t **bell, uint32_t *value)
{
    struct softgpu_call call = {.gpu = gpu, .place = place, .memory = memory};
    bool busy = gpu->busy_queues;
    uint64_t next = busy ? softgpu_fence_advance(gpu, softgpu_now()) : UINT64_MAX;
    softgpu_work_look(&call);
    if (place >= 0)
        softgpu_events_drop(&call);
    if (busy)
        softgpu_bell_ring(gpu);
    gpu->tended = 1;
    *bell = &gpu->bell;
    *value = gpu->bell;
    return next;
}

/* ---- Submitting ------------------------------------------------------------------------------------------------------------ */

long softgpu_work_submit(struct softgpu_call *call, enum softgpu_work kind, const uint32_t *queues, uint32_t queue_count,
                         uint32_t entry_count, uint32_t event, uint8_t options)
{
    struct softgpu *gpu = call->gpu;
    struct softgpu_entry *entries = (void *)gpu->scratch;
    bool idle = true;
    for (uint32_t i = 0; i < queue_count; i++)
        idle &= !has_older(gpu, queues[i], UINT64_MAX);
    uint32_t work = 0;
    long result = 0;
    if (!idle || (kind == WORK_WAIT && !softgpu_entries_reached(gpu, entries, entry_count, false))) {
        /* Below the first queue that is held up, whose later work then comes after it. */
        uint32_t parent = queues[0];
        for (uint32_t i = 0; i < queue_count && !has_older(gpu, parent, UINT64_MAX); i++)
            parent = has_older(gpu, queues[i], UINT64_MAX) ? queues[i] : parent;
        result = make_work(call, kind, parent, entry_count, queues, queue_count, &work);
        if (result)
            return result;
        gpu->objects[work].event = event;
        gpu->objects[work].options = options;
        return 0;
    }
    if (kind == WORK_WAIT)
        softgpu_entries_acquire(gpu, entries, entry_count);
    else
        softgpu_entries_signal(call, entries, entry_count, options & WORK_REWIND);
    if (event) {
        softgpu_event_fire(call, call->place, event, false);
        call->memory->drop_event(call->memory->user, (int)event - 1);
    }
    softgpu_work_run(call);
    return 0;
}

long softgpu_work_await(struct softgpu_call *call, enum softgpu_work kind, uint32_t device, uint32_t entry_count, uint32_t event,
                        uint8_t options, uint32_t *work)
{
    struct softgpu *gpu = call->gpu;
    *work = 0;
    if (softgpu_entries_reached(gpu, (void *)gpu->scratch, entry_count, options & WORK_ANY)) {
        if (event) {
            softgpu_event_fire(call, call->place, event, false);
            call->memory->drop_event(call->memory->user, (int)event - 1);
        }
        return 0;
    }
    long result = make_work(call, kind, device, entry_count, NULL, 0, work);
    if (result == 0) {
        gpu->objects[*work].event = event;
        gpu->objects[*work].options = options;
    }
    return result;
}

/* ---- Requests of contexts -------------------------------------------------------------------------------------------------- */

/* Finds the queues that handles (in the caller's memory) name; the first was found by the guest driver, the rest is the host's. */
static long find_queues(struct softgpu_call *call, enum softgpu_type type, const D3DKMT_HANDLE *handles, uint32_t count,
                        uint32_t *queues)
{
    if (count > QUEUES_MAX)
        return softgpu_invalid();
    long result = softgpu_read(call, queues, (uintptr_t)handles, count * sizeof *queues);
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        queues[i] = softgpu_object_find(call->gpu, call->place, type, queues[i]);
        if (!queues[i])
            result = softgpu_invalid();
    }
    return result;
}

static bool may_wait(const struct softgpu *gpu, uint32_t count)
{
    const struct softgpu_entry *entries = (const void *)gpu->scratch;
    for (uint32_t i = 0; i < count; i++)
        if (gpu->objects[entries[i].sync].kind == D3DDDI_CPU_NOTIFICATION)
            return false;
    return true;
}

static long check_context(const struct softgpu_call *call, D3DKMT_HANDLE handle, uint32_t *context)
{
    *context = softgpu_object_find(call->gpu, call->place, SOFTGPU_CONTEXT, handle);
    if (!*context)
        return -EINVAL;
    return call->gpu->removed ? -ENODEV : 0;
}

static long signal_queues(struct softgpu_call *call, const D3DKMT_HANDLE *objects, const uint64_t *values, uint32_t count,
                          const uint32_t *queues, uint32_t queue_count, uint32_t flags)
{
    long result = softgpu_entries_read(call, objects, values, 0, count, SYNC_NO_SIGNAL, false);
    if (result)
        return result;
    if (!softgpu_entries_may_signal(call->gpu, count, values))
        return softgpu_invalid();
    uint8_t options = flags & D3DDDICB_SIGNALFLAGS_AllowFenceRewind ? WORK_REWIND : 0;
    return softgpu_work_submit(call, WORK_SIGNAL, queues, queue_count, count, 0, options);
}

long softgpu_signal_from_gpu(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU *args = structure;
    uint32_t context;
    if (args->ObjectCount == 0 || args->ObjectCount > DXG_BUS_PACKET_SIZE)
        return -EINVAL;
    long result = check_context(call, args->hContext, &context);
    if (result)
        return result;
    return signal_queues(call, args->ObjectHandleArray, args->MonitoredFenceValueArray, args->ObjectCount, &context, 1, 0);
}

long softgpu_signal_from_gpu2(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 *args = structure;
    const struct softgpu_memory *memory = call->memory;
    bool wants_event = args->Flags & D3DDDICB_SIGNALFLAGS_EnqueueCpuEvent;
    uint32_t queues[QUEUES_MAX], context;
    D3DKMT_HANDLE first;
    int event = -1;
    if (wants_event) {
        if (args->ObjectCount != 0 || args->CpuEventHandle == 0)
            return -EINVAL;
    } else if (args->ObjectCount == 0 || args->ObjectCount > DXG_BUS_PACKET_SIZE || args->BroadcastContextCount == 0 ||
               args->BroadcastContextCount > DXG_BUS_PACKET_SIZE) {
        return -EINVAL;
    }
    long result = softgpu_read(call, &first, (uintptr_t)args->BroadcastContextArray, sizeof first);
    if (result)
        return result;
    if (wants_event && !memory->take_event)
        return softgpu_status_result((uint32_t)STATUS_NOT_SUPPORTED);
    if (wants_event && (event = memory->take_event(memory->user, args->CpuEventHandle)) < 0)
        return -EINVAL;
    result = check_context(call, first, &context);
    if (result == 0)
        result = find_queues(call, SOFTGPU_CONTEXT, args->BroadcastContextArray, args->BroadcastContextCount, queues);
    if (result == 0 && wants_event) {
        if (args->BroadcastContextCount == 0) /* the host wants one */
            result = softgpu_invalid();
        else
            result = softgpu_work_submit(call, WORK_SIGNAL, queues, args->BroadcastContextCount, 0, (uint32_t)(event + 1), 0);
    } else if (result == 0) {
        result = signal_queues(call, args->ObjectHandleArray, args->MonitoredFenceValueArray, args->ObjectCount, queues,
                               args->BroadcastContextCount, args->Flags);
    }
    if (result && event >= 0)
        memory->drop_event(memory->user, event);
    return result;
}

/* Whether values or one value come with the objects, the first of these decides. */
long softgpu_wait_from_gpu(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU *args = structure;
    struct softgpu *gpu = call->gpu;
    D3DKMT_HANDLE *handles = (void *)gpu->scratch;
    if (args->ObjectCount == 0 || args->ObjectCount > DXG_BUS_PACKET_SIZE)
        return -EINVAL;
    uint32_t looked_at = args->ObjectCount < SOFTGPU_ENTRIES_MAX ? args->ObjectCount : SOFTGPU_ENTRIES_MAX;
    long result = softgpu_read(call, handles, (uintptr_t)args->ObjectHandleArray, looked_at * sizeof *handles);
    if (result)
        return result;
    uint32_t context = softgpu_object_find(gpu, call->place, SOFTGPU_CONTEXT, args->hContext);
    uint32_t sync = softgpu_object_find(gpu, call->place, SOFTGPU_SYNC, handles[0]);
    if (!context || !sync)
        return -EINVAL;
    uint8_t kind = gpu->objects[sync].kind;
    bool monitored = kind == 0 || kind == D3DDDI_MONITORED_FENCE;
    if (monitored)
        result = softgpu_read(call, handles, (uintptr_t)args->MonitoredFenceValueArray, looked_at * sizeof(uint64_t));
    if (result || gpu->removed)
        return result ? result : -ENODEV;
    if (args->ObjectCount > OBJECTS_WAITED_FOR)
        return -EINVAL;
    result = softgpu_entries_read(call, args->ObjectHandleArray, monitored ? args->MonitoredFenceValueArray : NULL, args->FenceValue,
                                  args->ObjectCount, SYNC_NO_WAIT, false);
    if (result == 0 && !may_wait(gpu, args->ObjectCount))
        result = softgpu_invalid();
    return result ? result : softgpu_work_submit(call, WORK_WAIT, &context, 1, args->ObjectCount, 0, 0);
}

/* Reads handles of allocations of a device: the host's check. */
static long check_allocations(struct softgpu_call *call, uint32_t device, const D3DKMT_HANDLE *handles, uint32_t count)
{
    const struct softgpu *gpu = call->gpu;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t allocation = softgpu_object_find(call->gpu, call->place, SOFTGPU_ALLOCATION, handles[i]);
        uint32_t parent = gpu->objects[allocation].parent;
        uint32_t owner = gpu->objects[parent].type == SOFTGPU_RESOURCE ? gpu->objects[parent].parent : parent;
        if (!allocation || owner != device)
            return softgpu_invalid();
    }
    return 0;
}

long softgpu_submit_command(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_SUBMITCOMMAND *args = structure;
    D3DKMT_HANDLE *handles = (void *)(call->gpu->scratch + DXG_BUS_PACKET_SIZE);
    uint32_t context;
    if (args->BroadcastContextCount == 0 || args->BroadcastContextCount > QUEUES_MAX ||
        args->PrivateDriverDataSize > DXG_BUS_PACKET_SIZE || args->NumHistoryBuffers > HISTORY_BUFFERS_MAX ||
        args->NumPrimaries > DXG_BUS_PACKET_SIZE)
        return -EINVAL;
    long result = check_context(call, args->BroadcastContext[0], &context);
    if (result)
        return result;
    result = softgpu_read(call, handles, (uintptr_t)args->HistoryBufferArray, args->NumHistoryBuffers * sizeof *handles);
    if (result == 0)
        result = softgpu_read(call, call->gpu->scratch, (uintptr_t)args->pPrivateDriverData, args->PrivateDriverDataSize);
    if (result)
        return result;
    for (uint32_t i = 0; i < args->BroadcastContextCount; i++)
        if (!softgpu_object_find(call->gpu, call->place, SOFTGPU_CONTEXT, args->BroadcastContext[i]))
            return softgpu_invalid();
    uint32_t device = call->gpu->objects[context].parent;
    if (args->NumPrimaries > D3DDDI_MAX_WRITTEN_PRIMARIES)
        return softgpu_invalid();
    result = check_allocations(call, device, handles, args->NumHistoryBuffers);
    return result ? result : check_allocations(call, device, args->WrittenPrimaries, args->NumPrimaries);
}

/* ---- Hardware queues ------------------------------------------------------------------------------------------------------- */

static long give_hw_queue(struct softgpu_call *call, struct D3DKMT_CREATEHWQUEUE *args, uint32_t queue, uint32_t fence)
{
    struct softgpu *gpu = call->gpu;
    size_t offset = fence * sizeof(uint64_t), from = offsetof(struct D3DKMT_CREATEHWQUEUE, hHwQueue);
    args->hHwQueue = softgpu_object_handle(gpu, queue);
    args->hHwQueueProgressFence = softgpu_object_handle(gpu, fence);
    args->HwQueueProgressFenceCPUVirtualAddress = (void *)(uintptr_t)call->memory->fence_address(call->memory->user, offset);
    args->HwQueueProgressFenceGPUVirtualAddress = SOFTGPU_FENCE_GPU_ADDRESS + offset;
    if (!args->HwQueueProgressFenceCPUVirtualAddress)
        return softgpu_status_result((uint32_t)STATUS_NOT_SUPPORTED);
    long result = softgpu_write(call, call->argument + from, (char *)args + from, sizeof *args - from);
    return result ? result : softgpu_write(call, (uintptr_t)args->pPrivateDriverData, gpu->scratch, args->PrivateDriverDataSize);
}

/* The handle is a context's that was made for hardware queues: CreateHwContext is not implemented by the driver (ENOTTY). */
long softgpu_create_hw_queue(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_CREATEHWQUEUE *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t context;
    long result = check_context(call, args->hHwContext, &context);
    if (result)
        return result;
    if (args->PrivateDriverDataSize > DXG_BUS_PACKET_SIZE)
        return -EINVAL;
    result = softgpu_read(call, gpu->scratch, (uintptr_t)args->pPrivateDriverData, args->PrivateDriverDataSize);
    if (result)
        return result;
    if (!(gpu->objects[context].note & FLAG_HW_QUEUE_SUPPORTED))
        return softgpu_invalid();
    if (!call->memory->fence_address)
        return softgpu_status_result((uint32_t)STATUS_NOT_SUPPORTED);
    uint32_t queue = softgpu_object_create(gpu, SOFTGPU_HW_QUEUE, call->place, context, gpu->objects[context].adapter);
    uint32_t fence = queue ? softgpu_object_create(gpu, SOFTGPU_SYNC, call->place, queue, gpu->objects[context].adapter) : 0;
    if (fence) {
        gpu->objects[fence].kind = D3DDDI_MONITORED_FENCE;
        gpu->objects[queue].note = fence;
        *softgpu_fence_word(gpu, fence) = 0;
    }
    result = fence ? give_hw_queue(call, args, queue, fence) : -ENOMEM;
    if (result && queue)
        softgpu_object_destroy(gpu, queue);
    return result;
}

long softgpu_destroy_hw_queue(struct softgpu_call *call, void *structure)
{
    const struct D3DKMT_DESTROYHWQUEUE *args = structure;
    uint32_t queue = softgpu_object_find(call->gpu, call->place, SOFTGPU_HW_QUEUE, args->hHwQueue);
    if (!queue)
        return -EINVAL;
    softgpu_object_destroy(call->gpu, queue);
    softgpu_work_run(call);
    return 0;
}

static long check_hw_queue(const struct softgpu_call *call, D3DKMT_HANDLE handle, uint32_t *queue)
{
    *queue = softgpu_object_find(call->gpu, call->place, SOFTGPU_HW_QUEUE, handle);
    if (!*queue)
        return -EINVAL;
    return call->gpu->removed ? -ENODEV : 0;
}

/* The progress fence moves when the queue has done the commands, which is when it comes to them. */
long softgpu_submit_command_to_hw_queue(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_SUBMITCOMMANDTOHWQUEUE *args = structure;
    struct softgpu *gpu = call->gpu;
    uint32_t queue;
    if (args->PrivateDriverDataSize > DXG_BUS_PACKET_SIZE || args->NumPrimaries > DXG_BUS_PACKET_SIZE)
        return -EINVAL;
    long result = check_hw_queue(call, args->hHwQueue, &queue);
    if (result)
        return result;
    if (args->NumPrimaries > D3DDDI_MAX_WRITTEN_PRIMARIES)
        return softgpu_invalid();
    D3DKMT_HANDLE primaries[D3DDDI_MAX_WRITTEN_PRIMARIES];
    result = softgpu_read(call, primaries, (uintptr_t)args->WrittenPrimaries, args->NumPrimaries * sizeof *primaries);
    if (result == 0)
        result = softgpu_read(call, gpu->scratch, (uintptr_t)args->pPrivateDriverData, args->PrivateDriverDataSize);
    if (result == 0)
        result = check_allocations(call, gpu->objects[gpu->objects[queue].parent].parent, primaries, args->NumPrimaries);
    if (result)
        return result;
    uint32_t fence = (uint32_t)gpu->objects[queue].note;
    *(struct softgpu_entry *)(void *)gpu->scratch = (struct softgpu_entry){
        .sync = fence, .serial = (uint32_t)gpu->objects[fence].serial, .value = args->HwQueueProgressFenceId};
    return softgpu_work_submit(call, WORK_SIGNAL, &queue, 1, 1, 0, 0);
}

long softgpu_submit_wait_to_hw_queue(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE *args = structure;
    uint32_t queue;
    if (args->ObjectCount == 0 || args->ObjectCount > OBJECTS_WAITED_FOR)
        return -EINVAL;
    /* Both lists are read before the queue is looked at. */
    long result = softgpu_read(call, call->gpu->scratch, (uintptr_t)args->ObjectHandleArray, args->ObjectCount * sizeof(D3DKMT_HANDLE));
    if (result == 0)
        result = softgpu_read(call, call->gpu->scratch, (uintptr_t)args->FenceValueArray, args->ObjectCount * sizeof(uint64_t));
    if (result == 0)
        result = check_hw_queue(call, args->hHwQueue, &queue);
    if (result == 0)
        result = softgpu_entries_read(call, args->ObjectHandleArray, args->FenceValueArray, 0, args->ObjectCount, SYNC_NO_WAIT, false);
    if (result == 0 && !may_wait(call->gpu, args->ObjectCount))
        result = softgpu_invalid();
    return result ? result : softgpu_work_submit(call, WORK_WAIT, &queue, 1, args->ObjectCount, 0, 0);
}

long softgpu_submit_signal_to_hw_queue(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE *args = structure;
    uint32_t queues[QUEUES_MAX], queue;
    D3DKMT_HANDLE first;
    if (args->BroadcastHwQueueCount == 0 || args->BroadcastHwQueueCount > QUEUES_MAX || args->ObjectCount == 0 ||
        args->ObjectCount > OBJECTS_SIGNALLED)
        return -EINVAL;
    long result = softgpu_read(call, &first, (uintptr_t)args->BroadcastHwQueueArray, sizeof first);
    if (result == 0)
        result = check_hw_queue(call, first, &queue);
    if (result == 0)
        result = find_queues(call, SOFTGPU_HW_QUEUE, args->BroadcastHwQueueArray, args->BroadcastHwQueueCount, queues);
    if (result)
        return result;
    return signal_queues(call, args->ObjectHandleArray, args->FenceValueArray, args->ObjectCount, queues, args->BroadcastHwQueueCount,
                         args->Flags);
}

/* ---- What the driver is told otherwise ------------------------------------------------------------------------------------- */

/* softgpu's driver knows one escape, which does nothing: any bytes of the driver's own type come back as they were. */
long softgpu_escape(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_ESCAPE *args = structure;
    struct softgpu *gpu = call->gpu;
    if (!softgpu_object_find(gpu, call->place, SOFTGPU_ADAPTER, args->hAdapter))
        return -EINVAL;
    if (gpu->removed)
        return -ENODEV;
    if (args->PrivateDriverDataSize > DXG_BUS_PACKET_SIZE)
        return -EINVAL;
    long result = softgpu_read(call, gpu->scratch, (uintptr_t)args->pPrivateDriverData, args->PrivateDriverDataSize);
    if (result)
        return result;
    if (args->Type != 0 || (args->hDevice && !softgpu_object_find(gpu, call->place, SOFTGPU_DEVICE, args->hDevice)) ||
        (args->hContext && !softgpu_object_find(gpu, call->place, SOFTGPU_CONTEXT, args->hContext)))
        return softgpu_invalid();
    return softgpu_write(call, (uintptr_t)args->pPrivateDriverData, gpu->scratch, args->PrivateDriverDataSize);
}

/* Nothing is pending here. */
long softgpu_flush_heap_transitions(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_FLUSHHEAPTRANSITIONS *args = structure;
    if (!softgpu_object_find(call->gpu, call->place, SOFTGPU_ADAPTER, args->hAdapter))
        return -EINVAL;
    return call->gpu->removed ? -ENODEV : softgpu_write(call, call->argument, args, sizeof *args);
}

/* There is no host with processes of its own; what is wrong with the handles is told first. */
long softgpu_share_object_with_host(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_SHAREOBJECTWITHHOST *args = structure;
    bool found = softgpu_object_find(call->gpu, call->place, SOFTGPU_RESOURCE, args->hObject) ||
                 softgpu_object_find(call->gpu, call->place, SOFTGPU_SYNC, args->hObject);
    if (!found || !softgpu_object_find(call->gpu, call->place, SOFTGPU_DEVICE, args->hDevice))
        return softgpu_invalid();
    return softgpu_status_result((uint32_t)STATUS_NOT_SUPPORTED);
}
