/* The CPU's mappings in a run: see mapped.h. */
#include "replayer/mapped.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/mapping.h"

/* Of a trace's flags, what says how to map, not where. */
enum { MAP_HOW = MAP_TYPE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK };

static bool is_part(const struct replay_ref *ref, enum replay_part part)
{
    return ref->kind == REPLAY_MAPPING && ref->object != REPLAY_NONE && ref->place == (uint32_t)part;
}

static bool ends_part(const struct replay_ref *ref) { return is_part(ref, REPLAY_PART_NAMED) && ref->role == REPLAY_ENDS; }

enum replay_skip replay_mapped_prepare(struct replay_requests *requests, uint32_t lane, const struct replay_call *call, int fd,
                                       uint64_t offset)
{
    const struct replay_plan *plan = requests->plan;
    unsigned char *scratch = requests->scratch[lane];
    replay_requests_tidy(requests, lane);
    memcpy(scratch, plan->images + call->image, call->image_size);
    struct ga_mmap_arguments *map = ga_row_id(replay_row(call)) == GA_ROW_drm_mmap ? (void *)scratch : NULL;
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &plan->refs[r];
        if (ends_part(ref) && replay_value(requests, ref->object) == REPLAY_ABSENT)
            return REPLAY_SKIP_ABSENT;
        if (map && ref->kind == REPLAY_OFFSET) {
            map->fd = fd;
            map->offset = offset;
        } else if (map && ref->kind == REPLAY_DMA_BUF && ref->object != REPLAY_NONE) {
            uint64_t value = replay_requests_descriptor(requests, lane, ref->object);
            if (value == REPLAY_ABSENT)
                return REPLAY_SKIP_ABSENT;
            map->fd = (int)value;
        }
    }
    return REPLAY_ISSUED;
}

/* The next of the parts that the call ends; null after the last. */
static const struct replay_ref *next_part(const struct replay_plan *plan, const struct replay_call *call, uint32_t *place)
{
    while (*place < call->ref_count) {
        const struct replay_ref *ref = &plan->refs[call->refs + (*place)++];
        if (ends_part(ref))
            return ref;
    }
    return NULL;
}

static char *part_address(const struct replay_requests *requests, const struct replay_ref *ref)
{
    return (char *)(uintptr_t)(replay_value(requests, ref->object) + ref->recorded);
}

/* The kernel rounds to pages: a length that means the whole part is passed as it was. */
static size_t part_length(const struct replay_ref *ref, uint64_t recorded)
{
    enum { PAGE = 4096 };
    return recorded <= ref->scope && ref->scope - recorded < PAGE ? recorded : ref->scope;
}

/* All parts that the recorded call ended, one after the other: *done of them. */
static int unmap_parts(struct replay_requests *requests, const struct replay_call *call, const struct ga_munmap_arguments *unmap,
                       uint64_t *done)
{
    uint32_t place = 0;
    int result = 0;
    *done = 0;
    for (const struct replay_ref *ref; result == 0 && (ref = next_part(requests->plan, call, &place)); *done += result == 0)
        result = munmap(part_address(requests, ref) + unmap->addr, part_length(ref, unmap->length));
    return result;
}

/* Something that is no buffer was mapped over them: memory of no file stands for it. */
static int cover_parts(struct replay_requests *requests, const struct replay_call *call, const struct ga_mmap_arguments *map,
                       uint64_t *done)
{
    uint32_t place = 0;
    int flags = (int)(map->flags & MAP_HOW) | MAP_FIXED | MAP_ANONYMOUS, result = 0;
    *done = 0;
    for (const struct replay_ref *ref; result == 0 && (ref = next_part(requests->plan, call, &place)); *done += result == 0)
        result = mmap(part_address(requests, ref), ref->scope, (int)map->prot, flags, -1, 0) == MAP_FAILED ? -1 : 0;
    return result;
}

static void *move_part(const struct replay_requests *requests, const struct replay_call *call, const struct ga_mremap_arguments *move)
{
    uint32_t place = 0;
    const struct replay_ref *ref = next_part(requests->plan, call, &place);
    return mremap(part_address(requests, ref) + move->old_address, part_length(ref, move->old_size), move->new_size,
                  (int)(move->flags & MREMAP_MAYMOVE));
}

static bool covers(const struct replay_plan *plan, const struct replay_call *call)
{
    uint32_t place = 0;
    return ga_row_id(replay_row(call)) == GA_ROW_drm_mmap && next_part(plan, call, &place);
}

/* The scratch memory's first number is the result: an address, or how many parts are done. */
void replay_mapped_issue(struct replay_requests *requests, uint32_t lane, const struct replay_call *call,
                         struct replay_outcome *outcome)
{
    unsigned char *scratch = requests->scratch[lane];
    const struct ga_mmap_arguments *map = (const void *)scratch;
    uint64_t result;
    bool failed;
    switch (ga_row_id(replay_row(call))) {
    case GA_ROW_drm_munmap:
        failed = unmap_parts(requests, call, (const void *)scratch, &result) < 0;
        break;
    case GA_ROW_drm_mremap:
        result = (uintptr_t)move_part(requests, call, (const void *)scratch);
        failed = result == (uintptr_t)MAP_FAILED;
        break;
    default:
        if (covers(requests->plan, call)) {
            failed = cover_parts(requests, call, map, &result) < 0;
            break;
        }
        result = (uintptr_t)mmap(NULL, map->length, (int)map->prot, (int)(map->flags & MAP_HOW), map->fd, (off_t)map->offset);
        failed = result == (uintptr_t)MAP_FAILED;
        break;
    }
    int error = failed ? errno : 0;
    memcpy(scratch, &result, sizeof result);
    *outcome = (struct replay_outcome){.ret = failed ? -1 : 0, .error = error, .failed = failed};
}

static void put_part(struct replay_requests *requests, uint32_t object, uint64_t address)
{
    replay_set_value(requests, object, address);
    replay_hold(requests, object);
}

/* One has ended: where it was, or REPLAY_ABSENT. */
static uint64_t take(struct replay_requests *requests, uint32_t object)
{
    uint64_t value = replay_value(requests, object);
    replay_set_value(requests, object, REPLAY_ABSENT);
    return value;
}

void replay_mapped_finish(struct replay_requests *requests, uint32_t lane, const struct replay_call *call,
                          const struct replay_outcome *outcome)
{
    uint64_t result = ga_load(requests->scratch[lane], 8, false), parts = 0, from = REPLAY_ABSENT;
    bool by_part = ga_row_id(replay_row(call)) == GA_ROW_drm_munmap || covers(requests->plan, call);
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &requests->plan->refs[r];
        if (ends_part(ref)) {
            bool done = by_part ? parts++ < result : !outcome->failed;
            from = done ? take(requests, ref->object) : REPLAY_ABSENT;
            if (done && covers(requests->plan, call))
                munmap((void *)(uintptr_t)(from + ref->recorded), ref->scope);
        } else if (is_part(ref, REPLAY_PART_COVERED)) { /* what is new lies elsewhere here */
            from = outcome->failed ? REPLAY_ABSENT : take(requests, ref->object);
            if (from != REPLAY_ABSENT)
                munmap((void *)(uintptr_t)(from + ref->recorded), ref->scope);
        } else if (is_part(ref, REPLAY_PART_LEFT)) {
            put_part(requests, ref->object, from == REPLAY_ABSENT ? REPLAY_ABSENT : from + ref->recorded);
        } else if (is_part(ref, REPLAY_PART_NAMED)) {
            put_part(requests, ref->object, outcome->failed ? REPLAY_ABSENT : result);
        }
    }
}

void replay_mapped_end(struct replay_requests *requests)
{
    for (uint32_t s = 0; s < requests->special_count; s++) {
        uint32_t o = requests->special[s];
        const struct replay_object *object = &requests->plan->objects[o];
        bool ours = object->kind == REPLAY_MAPPING && !replay_is_elsewhere(requests, o);
        uint64_t address = ours ? take(requests, o) : REPLAY_ABSENT;
        if (address != REPLAY_ABSENT)
            munmap((void *)(uintptr_t)address, object->size);
    }
}
