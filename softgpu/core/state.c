/* softgpu's state: format, lock, processes, and the one table of objects with its handles and counts. */
#include "softgpu/state.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

_Static_assert(sizeof(struct softgpu) <= SOFTGPU_FENCES_OFFSET, "the state runs into its fences");
_Static_assert(SOFTGPU_FENCES_OFFSET + SOFTGPU_FENCES_SIZE <= SOFTGPU_STATE_SIZE, "the fences run out of the region");
_Static_assert(SOFTGPU_OBJECTS * sizeof(uint64_t) <= SOFTGPU_FENCES_SIZE, "one fence value an object");
_Static_assert(SOFTGPU_FENCES_OFFSET + SOFTGPU_FENCES_SIZE <= SOFTGPU_STORE_OFFSET, "the fences run into the store");
_Static_assert(SOFTGPU_STORE_OFFSET + SOFTGPU_STORE_SIZE <= SOFTGPU_STATE_SIZE, "the store runs out of the region");
_Static_assert(sizeof(struct softgpu_object) == 128, "an object is two cache lines");

int softgpu_init(struct softgpu *gpu, const struct softgpu_config *config)
{
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);
    if (error)
        return -error;
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    error = pthread_mutex_init(&gpu->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    if (error)
        return -error;
    gpu->config = *config;
    if (getrandom(&gpu->identity, sizeof gpu->identity, GRND_NONBLOCK) != sizeof gpu->identity)
        gpu->identity = (uintptr_t)gpu; /* too early after the machine's start for random numbers */
    gpu->processes[SOFTGPU_COMMON].pid = UINT32_MAX;
    gpu->high_water = 1; /* index 0 is no object: a handle of 0 is never valid */
    __atomic_store_n(&gpu->magic, SOFTGPU_STATE_MAGIC, __ATOMIC_RELEASE);
    return 0;
}

bool softgpu_is_formatted(const struct softgpu *gpu)
{
    return __atomic_load_n(&gpu->magic, __ATOMIC_ACQUIRE) == SOFTGPU_STATE_MAGIC;
}

static void link_object(struct softgpu *gpu, uint32_t index)
{
    struct softgpu_object *object = &gpu->objects[index];
    uint32_t *head = object->parent ? &gpu->objects[object->parent].children : &gpu->processes[object->process].objects;
    object->previous = 0;
    object->next = *head;
    if (object->next)
        gpu->objects[object->next].previous = index;
    *head = index;
}

static void unlink_object(struct softgpu *gpu, uint32_t index)
{
    struct softgpu_object *object = &gpu->objects[index];
    uint32_t *head = object->parent ? &gpu->objects[object->parent].children : &gpu->processes[object->process].objects;
    if (object->previous)
        gpu->objects[object->previous].next = object->next;
    else
        *head = object->next;
    if (object->next)
        gpu->objects[object->next].previous = object->previous;
}

static void count_bytes(struct softgpu *gpu, const struct softgpu_object *object, int64_t size)
{
    if (object->segment == SEGMENT_NONE)
        return;
    if (!object->backing) /* what several processes see is there once */
        *(object->segment == SEGMENT_LOCAL ? &gpu->local_used[object->adapter] : &gpu->system_used) += (uint64_t)size;
    struct softgpu_process *process = &gpu->processes[object->process];
    if (!object->opened)
        process->used[object->adapter][object->segment] += (uint64_t)size;
    if (object->residency)
        process->resident[object->adapter][object->segment] += (uint64_t)size;
}

/* Whether an entry is whole: its process and its parents live. What a call left half done is not. */
static bool is_whole(const struct softgpu *gpu, uint32_t index)
{
    const struct softgpu_object *object = &gpu->objects[index];
    bool takes_space = object->type == SOFTGPU_RANGE || object->type == SOFTGPU_MAPPING || object->type == SOFTGPU_CONTENT;
    if (object->type == SOFTGPU_DOOMED_CONTENT || object->type == SOFTGPU_DOOMED_LOCK || (takes_space && !object->size))
        return false;
    for (int depth = 0; depth < 4; depth++) {
        if (object->type == SOFTGPU_FREE || !gpu->processes[object->process].pid)
            return false;
        if (!object->parent)
            return true;
        object = &gpu->objects[object->parent];
    }
    return false;
}

static bool is_shared(const struct softgpu_object *object)
{
    return object->type == SOFTGPU_SHARED_RESOURCE || object->type == SOFTGPU_SHARED_SYNC;
}

/* Frees shared objects that nobody has open and no descriptor stands for. */
static void drop_unreferenced(struct softgpu *gpu)
{
    for (uint32_t i = gpu->high_water - 1; i; i--) {
        const struct softgpu_object *object = &gpu->objects[i];
        bool has_handle = false;
        for (uint32_t child = object->children; child; child = gpu->objects[child].next)
            has_handle |= gpu->objects[child].type == SOFTGPU_NT_HANDLE;
        if (is_shared(object) && !object->references && !has_handle)
            softgpu_object_destroy(gpu, i);
    }
}

/* What a process has reserved, added to the sum or taken from it. */
static void count_reserved(struct softgpu *gpu, int place, int sign)
{
    if (!gpu->processes[place].pid)
        return;
    for (int adapter = 0; adapter < (int)SOFTGPU_ADAPTERS_MAX; adapter++)
        for (int segment = 0; segment < SEGMENT_COUNT; segment++)
            gpu->reserved[adapter][segment] += (uint64_t)sign * gpu->processes[place].reserved[adapter][segment];
}

/* Puts a whole object back into what is kept besides its parent's list. */
static void rebuild_object(struct softgpu *gpu, uint32_t index)
{
    struct softgpu_object *object = &gpu->objects[index];
    switch (object->type) {
    case SOFTGPU_PAGING_QUEUE:
        if (object->due) {
            object->listed = 1; /* if it isn't busy, the next look takes it out */
            object->next_busy = gpu->busy_queues;
            gpu->busy_queues = index;
        }
        break;
    case SOFTGPU_ALLOCATION:
        gpu->offered_count += object->offered != 0;
        break;
    case SOFTGPU_RANGE:
    case SOFTGPU_MAPPING:
    case SOFTGPU_CONTENT:
        object->left = object->right = 0;
        softgpu_space_insert(gpu, index);
        if (object->type == SOFTGPU_CONTENT)
            gpu->objects[object->parent].content = index;
        break;
    default:
        break;
    }
}

/* Makes lists and counts again from the entries: a process died while it held the lock. */
static void rebuild(struct softgpu *gpu)
{
    memset(gpu->local_used, 0, sizeof gpu->local_used);
    gpu->system_used = 0;
    gpu->free_object = gpu->busy_queues = gpu->contents = gpu->doomed = gpu->offered_count = 0;
    memset(gpu->reserved, 0, sizeof gpu->reserved);
    for (int place = 0; place <= SOFTGPU_COMMON; place++) {
        gpu->processes[place].objects = 0;
        memset(gpu->processes[place].used, 0, sizeof gpu->processes[place].used);
        memset(gpu->processes[place].resident, 0, sizeof gpu->processes[place].resident);
        memset(gpu->processes[place].ranges, 0, sizeof gpu->processes[place].ranges);
        memset(gpu->processes[place].mappings, 0, sizeof gpu->processes[place].mappings);
        memset(gpu->processes[place].free_from, 0, sizeof gpu->processes[place].free_from);
        count_reserved(gpu, place, 1);
    }
    for (uint32_t i = 1; i < gpu->high_water; i++) {
        gpu->objects[i].children = gpu->objects[i].next = gpu->objects[i].previous = gpu->objects[i].listed =
            gpu->objects[i].references = 0;
        gpu->objects[i].content = 0; /* a content that is whole tells its allocation */
    }
    for (uint32_t i = gpu->high_water - 1; i; i--) {
        struct softgpu_object *object = &gpu->objects[i];
        if (is_whole(gpu, i)) {
            link_object(gpu, i);
            count_bytes(gpu, object, (int64_t)object->size);
            rebuild_object(gpu, i);
            gpu->objects[object->backing].references += object->backing != 0;
        }
    }
    for (uint32_t i = gpu->high_water - 1; i; i--) {
        struct softgpu_object *object = &gpu->objects[i];
        if (!is_whole(gpu, i)) {
            object->type = SOFTGPU_FREE;
            object->next = gpu->free_object;
            gpu->free_object = i;
        }
    }
    softgpu_store_rebuild(gpu);
    softgpu_work_rebuild(gpu);
    drop_unreferenced(gpu);
}

void softgpu_lock(struct softgpu *gpu)
{
    if (pthread_mutex_lock(&gpu->mutex) == EOWNERDEAD) {
        rebuild(gpu);
        pthread_mutex_consistent(&gpu->mutex);
    }
}

void softgpu_unlock(struct softgpu *gpu)
{
    pthread_mutex_unlock(&gpu->mutex);
}

int softgpu_process_enter(struct softgpu *gpu, uint32_t pid, uint64_t start)
{
    int free_place = -ENOMEM;
    for (int place = SOFTGPU_PROCESSES - 1; place >= 0; place--) {
        const struct softgpu_process *process = &gpu->processes[place];
        if (process->pid == pid && process->start == start)
            return place;
        if (!process->pid)
            free_place = place;
    }
    if (free_place >= 0) {
        gpu->processes[free_place] = (struct softgpu_process){.start = start};
        gpu->processes[free_place].pid = pid;
    }
    return free_place;
}

static void empty_place(struct softgpu *gpu, struct softgpu_process *process)
{
    while (process->objects)
        softgpu_object_destroy(gpu, process->objects);
    count_reserved(gpu, (int)(process - gpu->processes), -1);
    process->pid = 0;
}

void softgpu_process_leave(struct softgpu *gpu, uint32_t pid, uint64_t start)
{
    for (int place = 0; place < SOFTGPU_PROCESSES; place++)
        if (gpu->processes[place].pid == pid && gpu->processes[place].start == start)
            empty_place(gpu, &gpu->processes[place]);
}

void softgpu_reap(struct softgpu *gpu, bool (*alive)(void *user, uint32_t pid, uint64_t start), void *user)
{
    for (int place = 0; place < SOFTGPU_PROCESSES; place++) {
        struct softgpu_process *process = &gpu->processes[place];
        if (process->pid && !alive(user, process->pid, process->start)) {
            uint32_t before = gpu->doomed;
            empty_place(gpu, process);
            for (uint32_t i = gpu->doomed; i != before; i = gpu->objects[i].next)
                gpu->objects[i].mapped = 0; /* its memory went with it */
        }
    }
}

uint32_t softgpu_object_create(struct softgpu *gpu, enum softgpu_type type, int place, uint32_t parent, uint8_t adapter)
{
    uint32_t index = gpu->free_object;
    if (index)
        gpu->free_object = gpu->objects[index].next;
    else if (gpu->high_water < SOFTGPU_OBJECTS)
        index = gpu->high_water++;
    else
        return 0;
    struct softgpu_object *object = &gpu->objects[index];
    *object = (struct softgpu_object){.unique = (object->unique + 1) & 3, .adapter = adapter, .process = (uint16_t)place,
                                      .parent = parent, .serial = ++gpu->serial};
    link_object(gpu, index);
    object->type = (uint8_t)type;
    return index;
}

/* One entry less has it as backing. Without any it goes, unless descriptors stand for it: these are looked at later. */
static void unback(struct softgpu *gpu, uint32_t index)
{
    struct softgpu_object *object = &gpu->objects[index];
    if (--object->references || !is_shared(object))
        return;
    uint32_t child = object->children;
    while (child && gpu->objects[child].type != SOFTGPU_NT_HANDLE)
        child = gpu->objects[child].next;
    if (child)
        gpu->unclaimed = 1;
    else
        softgpu_object_destroy(gpu, index);
}

void softgpu_object_release(struct softgpu *gpu, uint32_t index)
{
    gpu->objects[index].type = SOFTGPU_FREE;
    gpu->objects[index].next = gpu->free_object;
    gpu->free_object = index;
}

/* What holds memory keeps its entry, and its place, until the front end has let go of that (softgpu_tidy). */
static void doom(struct softgpu *gpu, uint32_t index)
{
    struct softgpu_object *object = &gpu->objects[index];
    object->type = object->type == SOFTGPU_CONTENT ? SOFTGPU_DOOMED_CONTENT : SOFTGPU_DOOMED_LOCK;
    object->next = gpu->doomed;
    gpu->doomed = index;
}

void softgpu_object_destroy(struct softgpu *gpu, uint32_t index)
{
    struct softgpu_object *object = &gpu->objects[index];
    while (object->children)
        softgpu_object_destroy(gpu, object->children);
    if (object->type == SOFTGPU_PAGING_QUEUE && object->listed)
        softgpu_fence_forget(gpu, index);
    unlink_object(gpu, index);
    if (object->type == SOFTGPU_RANGE || object->type == SOFTGPU_MAPPING)
        softgpu_space_remove(gpu, index);
    gpu->offered_count -= object->type == SOFTGPU_ALLOCATION && object->offered;
    if (object->type == SOFTGPU_WORK)
        softgpu_work_unlink(gpu, index);
    struct softgpu_process *process = &gpu->processes[object->process];
    if (object->event && process->dropped_count < sizeof process->dropped / sizeof *process->dropped)
        process->dropped[process->dropped_count++] = object->event;
    if (object->type == SOFTGPU_SYNC && gpu->work) /* somebody may wait for it */
        softgpu_bell_ring(gpu);
    count_bytes(gpu, object, -(int64_t)object->size);
    softgpu_store_drop(gpu, &object->data);
    softgpu_store_drop(gpu, &object->data2);
    uint32_t backing = object->backing;
    if (object->type == SOFTGPU_CONTENT || (object->type == SOFTGPU_ALLOCATION && object->mapped))
        doom(gpu, index);
    else
        softgpu_object_release(gpu, index);
    if (backing)
        unback(gpu, backing);
}

void softgpu_object_back(struct softgpu *gpu, uint32_t index, uint32_t backing, bool opened)
{
    struct softgpu_object *object = &gpu->objects[index], *shared = &gpu->objects[backing];
    object->backing = backing;
    object->opened = opened;
    object->segment = shared->segment;
    object->size = shared->size;
    object->ours = shared->ours;
    shared->references++;
    count_bytes(gpu, object, (int64_t)object->size);
}

uint32_t softgpu_object_find(struct softgpu *gpu, int place, enum softgpu_type type, D3DKMT_HANDLE handle)
{
    uint32_t index = handle >> 6 & 0xffffff;
    if (!index || index >= gpu->high_water)
        return 0;
    const struct softgpu_object *object = &gpu->objects[index];
    bool named = object->type == type && object->process == place && softgpu_object_handle(gpu, index) == handle;
    return named ? index : 0;
}

long softgpu_live_find(const struct softgpu_call *call, enum softgpu_type type, D3DKMT_HANDLE handle, uint32_t *index)
{
    *index = softgpu_object_find(call->gpu, call->place, type, handle);
    return !*index ? -EINVAL : call->gpu->removed ? -ENODEV : 0;
}

D3DKMT_HANDLE softgpu_object_handle(const struct softgpu *gpu, uint32_t index)
{
    return (D3DKMT_HANDLE)gpu->objects[index].unique << 30 | index << 6;
}

uint64_t softgpu_object_room(const struct softgpu *gpu, uint8_t adapter, int segment)
{
    uint64_t used = segment == SEGMENT_LOCAL ? gpu->local_used[adapter] : gpu->system_used;
    uint64_t limit = segment == SEGMENT_LOCAL ? gpu->config.local_size : gpu->config.system_size;
    return used < limit ? limit - used : 0;
}

bool softgpu_object_charge(struct softgpu *gpu, uint32_t index, int segment, uint64_t size)
{
    struct softgpu_object *object = &gpu->objects[index];
    if (size > softgpu_object_room(gpu, object->adapter, segment))
        return false;
    object->segment = (uint8_t)segment;
    object->size = size;
    count_bytes(gpu, object, (int64_t)size);
    return true;
}

void softgpu_object_uncharge(struct softgpu *gpu, uint32_t index)
{
    struct softgpu_object *object = &gpu->objects[index];
    count_bytes(gpu, object, -(int64_t)object->size);
    object->segment = SEGMENT_NONE;
}

uint32_t softgpu_object_device(const struct softgpu *gpu, uint32_t allocation)
{
    uint32_t parent = gpu->objects[allocation].parent;
    return gpu->objects[parent].type == SOFTGPU_RESOURCE ? gpu->objects[parent].parent : parent;
}

void softgpu_object_set_residency(struct softgpu *gpu, uint32_t index, uint32_t residency)
{
    struct softgpu_object *object = &gpu->objects[index];
    uint64_t *resident = &gpu->processes[object->process].resident[object->adapter][object->segment];
    if (object->segment != SEGMENT_NONE && !object->residency != !residency)
        *resident += residency ? object->size : -object->size;
    object->residency = residency;
}
