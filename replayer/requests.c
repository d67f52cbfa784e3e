/* Requests: see requests.h. */
#include "replayer/requests.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "replayer/schedule.h"
#include "replayer/share.h"

enum { PAGE = 4096, NOWHERE = 8 /* an address below what any kernel maps */ };

struct fetched {
    int *fds;
    uint32_t count, room;
};

/* As /dev/udmabuf wants it: it cannot shrink. Its pages come when a dma-buf is made of them. */
static int make_memfd(uint64_t size, struct ga_error *error)
{
    int fd = memfd_create("gpualloc replay: udmabuf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0) {
        int result = ga_error_errno(error, errno, "a memfd of %s", ga_bytes(size).text);
        if (fd >= 0)
            close(fd);
        return result;
    }
    return fd;
}

static int map_memories(struct replay_requests *requests, struct ga_error *error)
{
    const struct replay_plan *plan = requests->plan;
    for (uint32_t m = 0; m < plan->memory_count; m++) {
        requests->memfds[m] = plan->memories[m].memfd ? make_memfd(plan->memories[m].size, error) : -1;
        if (plan->memories[m].memfd && requests->memfds[m] < 0)
            return requests->memfds[m];
        if (plan->memories[m].memfd)
            continue;
        size_t size = plan->memories[m].size + 2 * PAGE;
        void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED)
            return ga_error_errno(error, errno, "%s of memory that the program brought along",
                                  ga_bytes(plan->memories[m].size).text);
        requests->memories[m] = memory;
    }
    return 0;
}

/* As many as a call names at most. */
static int make_room(struct replay_requests *requests)
{
    const struct replay_plan *plan = requests->plan;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        struct fetched *fetched = &requests->fetched[plan->calls[c].lane];
        uint32_t count = 0;
        for (uint32_t r = plan->calls[c].refs; r < plan->calls[c].refs + plan->calls[c].ref_count; r++)
            count += replay_is_descriptor(plan->refs[r].kind);
        fetched->room = count > fetched->room ? count : fetched->room;
    }
    for (uint32_t l = 0; l < plan->lane_count; l++)
        if (!(requests->fetched[l].fds = calloc(requests->fetched[l].room + 1u, sizeof *requests->fetched[l].fds)))
            return -ENOMEM;
    return 0;
}

static struct replay_ready ready_of(const struct replay_plan *plan, const struct replay_call *call)
{
    struct replay_ready ready = {.image = call->image, .image_size = call->image_size,
                                 .file = call->file == REPLAY_NONE ? REPLAY_NONE : plan->files[call->file].object};
    uint8_t all = call->paging ? REPLAY_HOW_WITH_CARE | REPLAY_HOW_KEEPS : 0; /* its fence is kept */
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        if (!(plan->refs[r].how & ~REPLAY_HOW_WITH_CARE))
            continue;
        ready.refs = ready.ref_count ? ready.refs : r;
        ready.ref_count = r + 1 - ready.refs;
        all |= plan->refs[r].how;
    }
    if (!call->relocation_count && call->image_size <= REPLAY_PLAIN_BYTES && !(all & (REPLAY_HOW_WITH_CARE | REPLAY_HOW_LAST)))
        ready.is |= REPLAY_READY_PLAIN;
    if (all & (REPLAY_HOW_KEEPS | REPLAY_HOW_ENDS | REPLAY_HOW_LAST))
        ready.is |= REPLAY_READY_KEEPS;
    return ready;
}

/* So that runs need not look at all objects. */
static void list_special(struct replay_requests *requests)
{
    const struct replay_plan *plan = requests->plan;
    for (uint32_t o = 0; o < plan->object_count; o++)
        if (plan->objects[o].stranger || plan->objects[o].supplied || plan->objects[o].kind == REPLAY_MAPPING ||
            replay_is_descriptor(plan->objects[o].kind))
            requests->special[requests->special_count++] = o;
}

int replay_requests_init(struct replay_requests *requests, const struct replay_plan *plan, struct ga_error *error)
{
    bool several = replay_plan_is_of_several(plan);
    *requests = (struct replay_requests){
        .plan = plan,
        .refs = plan->refs,
        .images = plan->images,
        .calls = plan->calls,
        .ready = calloc(plan->call_count + 1u, sizeof *requests->ready),
        .values = replay_share((plan->object_count + 1u) * sizeof *requests->values, several),
        .holders = replay_share((plan->object_count + 1u) * sizeof *requests->holders, several),
        .fetched = calloc(plan->lane_count + 1u, sizeof *requests->fetched),
        .returned = replay_share((plan->lane_count + 1u) * sizeof *requests->returned, several),
        .older = replay_share((plan->object_count + 1u) * sizeof *requests->older, several),
        .scratch = calloc(plan->lane_count + 1u, sizeof *requests->scratch),
        .memories = calloc(plan->memory_count + 1u, sizeof *requests->memories),
        .memfds = calloc(plan->memory_count + 1u, sizeof *requests->memfds),
        .fence_values = replay_share((plan->paging_count + 1u) * sizeof *requests->fence_values, several),
        .special = calloc(plan->object_count + 1u, sizeof *requests->special),
        .plain_file = memfd_create("gpualloc replay: no dma-buf", MFD_CLOEXEC),
        .event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    if (!requests->ready || !requests->fence_values || !requests->values || !requests->holders || !requests->fetched ||
        !requests->returned || !requests->older || !requests->scratch || !requests->memories || !requests->memfds ||
        !requests->special || (several && make_room(requests) < 0))
        return ga_error_errno(error, ENOMEM, "replay");
    for (uint32_t c = 0; c < plan->call_count; c++)
        requests->ready[c] = ready_of(plan, &plan->calls[c]);
    list_special(requests);
    memset(requests->memfds, 0xff, plan->memory_count * sizeof *requests->memfds);
    for (uint32_t l = 0; l < plan->lane_count; l++) {
        size_t size = ((size_t)plan->lanes[l].scratch_size + PAGE) & ~(size_t)63;
        requests->scratch[l] = aligned_alloc(64, size);
        if (!requests->scratch[l])
            return ga_error_errno(error, ENOMEM, "%s for a thread's calls", ga_bytes(size).text);
        memset(requests->scratch[l], 0, size); /* its pages are there before anything is timed */
    }
    return map_memories(requests, error);
}

void replay_requests_release(struct replay_requests *requests)
{
    const struct replay_plan *plan = requests->plan;
    for (uint32_t l = 0; plan && requests->scratch && l < plan->lane_count; l++)
        free(requests->scratch[l]);
    for (uint32_t l = 0; plan && requests->fetched && l < plan->lane_count; l++)
        free(requests->fetched[l].fds);
    for (uint32_t m = 0; plan && requests->memfds && m < plan->memory_count; m++)
        if (requests->memfds[m] > 0)
            close(requests->memfds[m]);
    for (uint32_t m = 0; plan && requests->memories && m < plan->memory_count; m++)
        if (requests->memories[m])
            munmap(requests->memories[m], plan->memories[m].size + 2 * PAGE);
    if (plan && requests->plain_file >= 0)
        close(requests->plain_file);
    if (plan && requests->event >= 0)
        close(requests->event);
    replay_unshare(requests->fence_values);
    replay_unshare(requests->values);
    replay_unshare(requests->holders);
    replay_unshare(requests->returned);
    replay_unshare(requests->older);
    free(requests->ready);
    free(requests->fetched);
    free(requests->scratch);
    free(requests->memories);
    free(requests->memfds);
    free(requests->special);
    *requests = (struct replay_requests){0};
}

/* A handle that no driver gives, so that what failed on a wrong handle fails again, for the same reason, and harms nothing. */
static uint64_t stranger_value(const struct replay_requests *requests, uint32_t number)
{
    const struct replay_object *object = &requests->plan->objects[number];
    if (!replay_is_descriptor(object->kind))
        return 0xfffff000u | (number & 0xfff);
    return (uint32_t)(object->other_kind ? requests->plain_file : -1); /* 64 bits of -1 are REPLAY_ABSENT */
}

void replay_requests_reset(struct replay_requests *requests)
{
    memset(requests->values, 0xff, requests->plan->object_count * sizeof *requests->values); /* REPLAY_ABSENT; no lane runs */
    memset(requests->holders, 0, requests->plan->object_count * sizeof *requests->holders);
    for (uint32_t s = 0; s < requests->special_count; s++)
        if (requests->plan->objects[requests->special[s]].stranger)
            replay_set_value(requests, requests->special[s], stranger_value(requests, requests->special[s]));
    for (uint32_t l = 0; l < requests->plan->lane_count; l++)
        atomic_store_explicit(&requests->returned[l], REPLAY_NONE, memory_order_relaxed);
    for (uint32_t p = 0; p <= requests->plan->paging_count; p++)
        atomic_store_explicit(&requests->fence_values[p], 0, memory_order_relaxed);
}

/* Puts one in that few calls have; *used: bytes of the scratch memory that are taken. */
static __attribute__((noinline)) void put_rare_pointer(const struct replay_requests *requests, unsigned char *scratch,
                                                       const struct replay_relocation *relocation, size_t *used)
{
    const struct replay_plan *plan = requests->plan;
    uint32_t target = relocation->target;
    uint64_t address = NOWHERE;
    switch (relocation->kind) {
    case REPLAY_TO_MEMORY:
        address = (uintptr_t)requests->memories[target] + plan->memories[target].skew;
        break;
    case REPLAY_TO_ROOM:
        address = (uintptr_t)scratch + *used + relocation->skew;
        *used += ((size_t)target + 15) & ~(size_t)7;
        break;
    case REPLAY_TO_EVENT:
        address = (uint64_t)(int64_t)(target ? -1 : requests->event);
        break;
    case REPLAY_TO_FENCE:
        address = atomic_load_explicit(&requests->fence_values[plan->calls[target].paging], memory_order_acquire);
        break;
    case REPLAY_TO_DEADLINE: {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        address = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + target * UINT64_C(1000);
        break;
    }
    case REPLAY_TO_MEMFD:
        memcpy(scratch + relocation->place, target == REPLAY_NONE ? &requests->plain_file : &requests->memfds[target], sizeof(int));
        return;
    case REPLAY_TO_NOTHING:
        return;
    default:
        break;
    }
    memcpy(scratch + relocation->place, &address, sizeof address);
}

/* Handles are of four or eight bytes, with very few exceptions. */
static inline void put(unsigned char *to, uint64_t value, uint8_t width)
{
    uint32_t low = (uint32_t)value;
    if (width == sizeof low)
        memcpy(to, &low, sizeof low);
    else if (width == sizeof value)
        memcpy(to, &value, sizeof value);
    else
        memcpy(to, &value, width);
}

static inline uint64_t get(const unsigned char *from, uint8_t width)
{
    uint64_t value = 0;
    uint32_t low;
    if (width == sizeof low) {
        memcpy(&low, from, sizeof low);
        return low;
    }
    memcpy(&value, from, width);
    return value;
}

static void put_pointers(const struct replay_requests *requests, unsigned char *scratch, const struct replay_call *call)
{
    const struct replay_plan *plan = requests->plan;
    const struct replay_relocation *end = plan->relocations + call->relocations + call->relocation_count;
    size_t used = call->image_size;
    for (const struct replay_relocation *to = plan->relocations + call->relocations; to < end; to++) {
        uint64_t address = (uintptr_t)scratch + to->target;
        if (to->kind == REPLAY_TO_BLOB) {
            const struct replay_blob *blob = &plan->blobs[to->target];
            address = (uintptr_t)scratch + used;
            memcpy(scratch + used, plan->data + blob->offset, blob->size);
            used += (blob->size + 7u) & ~7u;
        } else if (to->kind != REPLAY_TO_IMAGE) {
            put_rare_pointer(requests, scratch, to, &used);
            continue;
        }
        memcpy(scratch + to->place, &address, sizeof address);
    }
}

void replay_requests_enter(struct replay_requests *requests) { requests->self = getpid(); }

uint64_t replay_requests_descriptor(struct replay_requests *requests, uint32_t lane, uint32_t object)
{
    uint64_t value = replay_value(requests, object);
    if (value == REPLAY_ABSENT || !replay_is_elsewhere(requests, object))
        return value;
    struct fetched *fetched = &requests->fetched[lane];
    int fd = fetched->count == fetched->room
                 ? -EMFILE
                 : replay_fetch_descriptor(atomic_load_explicit(&requests->holders[object], memory_order_relaxed), (int)value);
    if (fd < 0)
        return REPLAY_ABSENT;
    fetched->fds[fetched->count++] = fd;
    return (uint64_t)fd;
}

static void close_fetched(struct replay_requests *requests, uint32_t lane)
{
    struct fetched *fetched = &requests->fetched[lane];
    while (fetched->count)
        close(fetched->fds[--fetched->count]);
}

/* To the lane that made it, which closes it before its next call. */
static void give_back(struct replay_requests *requests, uint32_t object)
{
    uint32_t maker = requests->plan->objects[object].maker;
    if (maker == REPLAY_NONE)
        return;
    _Atomic uint32_t *newest = &requests->returned[requests->plan->calls[maker].lane];
    requests->older[object] = atomic_load_explicit(newest, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(newest, &requests->older[object], object))
        ;
}

static void close_returned(struct replay_requests *requests, uint32_t lane)
{
    for (uint32_t o = atomic_exchange(&requests->returned[lane], REPLAY_NONE), older; o != REPLAY_NONE; o = older) {
        older = requests->older[o];
        close((int)replay_value(requests, o));
        replay_set_value(requests, o, REPLAY_ABSENT);
    }
}

void replay_requests_tidy(struct replay_requests *requests, uint32_t lane)
{
    if (!requests->self)
        return;
    close_fetched(requests, lane);
    if (atomic_load_explicit(&requests->returned[lane], memory_order_relaxed) != REPLAY_NONE)
        close_returned(requests, lane);
}

/* False: the object is not there. */
static __attribute__((noinline)) bool put_with_care(struct replay_requests *requests, uint32_t lane, const struct replay_ref *ref)
{
    const struct replay_object *object = &requests->plan->objects[ref->object];
    uint64_t value = replay_is_descriptor(ref->kind) ? replay_requests_descriptor(requests, lane, ref->object)
                                                     : replay_value(requests, ref->object);
    if (value == REPLAY_ABSENT)
        return false;
    if (ref->kind == REPLAY_RANGE && !object->stranger) /* as far into the range as the program was */
        value += ref->recorded - object->recorded;
    put(requests->scratch[lane] + ref->place, value, ref->width);
    return true;
}

enum replay_skip replay_requests_prepare(struct replay_requests *requests, uint32_t lane, const struct replay_call *call)
{
    const struct replay_ready *ready = replay_ready(requests, call);
    const struct replay_ref *ref = requests->refs + ready->refs, *end = ref + ready->ref_count;
    unsigned char *scratch = requests->scratch[lane];
    __builtin_prefetch(ref); /* while the image is copied */
    replay_requests_tidy(requests, lane);
    memcpy(scratch, requests->images + ready->image, ready->image_size);
    put_pointers(requests, scratch, call);
    for (; ref < end; ref++) {
        bool care = ref->how & REPLAY_HOW_WITH_CARE;
        if (ref->how & REPLAY_HOW_PUTS &&
            !(care ? put_with_care(requests, lane, ref) : replay_put_handle(requests, scratch, ref)))
            return REPLAY_SKIP_ABSENT;
    }
    return REPLAY_ISSUED;
}

/* What another worker has it closes itself. */
static void close_descriptor(struct replay_requests *requests, uint32_t object)
{
    uint64_t fd = replay_value(requests, object);
    if (fd == REPLAY_ABSENT || requests->plan->objects[object].stranger || replay_is_elsewhere(requests, object))
        return;
    close((int)fd);
    replay_set_value(requests, object, REPLAY_ABSENT);
}

/* After its last use. */
static void end_descriptor(struct replay_requests *requests, uint32_t object)
{
    if (replay_is_elsewhere(requests, object) && replay_value(requests, object) != REPLAY_ABSENT)
        give_back(requests, object);
    else
        close_descriptor(requests, object);
}

static __attribute__((noinline)) void keep_with_care(struct replay_requests *requests, const unsigned char *scratch,
                                                     const struct replay_ref *ref)
{
    uint64_t value = get(scratch + ref->place, ref->width);
    if (ref->role == REPLAY_MAKES || ref->kind == REPLAY_OFFSET) {
        replay_set_value(requests, ref->object, value || replay_is_descriptor(ref->kind) ? value : REPLAY_ABSENT);
        if (replay_is_descriptor(ref->kind))
            replay_hold(requests, ref->object);
    } else if (ref->kind == REPLAY_DMA_BUF &&
               (value != replay_value(requests, ref->object) || replay_is_elsewhere(requests, ref->object)))
        close((int)value); /* one descriptor of a dma-buf is enough */
}

void replay_requests_finish(struct replay_requests *requests, uint32_t lane, const struct replay_call *call, bool failed)
{
    const struct replay_ready *ready = replay_ready(requests, call);
    const unsigned char *scratch = requests->scratch[lane];
    const struct replay_ref *end = requests->refs + ready->refs + ready->ref_count;
    const uint8_t concerns = failed ? REPLAY_HOW_LAST : REPLAY_HOW_LAST | REPLAY_HOW_ENDS | REPLAY_HOW_KEEPS;
    for (const struct replay_ref *ref = requests->refs + ready->refs; ref < end; ref++) {
        uint8_t how = ref->how & concerns;
        if (how & REPLAY_HOW_ENDS) {
            replay_set_value(requests, ref->object, REPLAY_ABSENT);
        } else if (how & REPLAY_HOW_KEEPS && ref->how & REPLAY_HOW_WITH_CARE) {
            keep_with_care(requests, scratch, ref);
        } else if (how & REPLAY_HOW_KEEPS) {
            replay_keep_handle(requests, scratch, ref);
        }
        if (how & REPLAY_HOW_LAST)
            end_descriptor(requests, ref->object);
    }
    if (requests->self)
        close_fetched(requests, lane);
    uint64_t fence = 0;
    if (call->paging && !failed) {
        memcpy(&fence, scratch + replay_fence_place(replay_row(call)), sizeof fence);
        atomic_store_explicit(&requests->fence_values[call->paging], fence, memory_order_release);
    }
}

void replay_requests_close_descriptors(struct replay_requests *requests)
{
    for (uint32_t s = 0; s < requests->special_count; s++)
        if (replay_is_descriptor(requests->plan->objects[requests->special[s]].kind))
            close_descriptor(requests, requests->special[s]);
}
