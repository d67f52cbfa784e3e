/* Time to resident, by paging fences. */
#include "reader/paging.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/map.h"

enum { PENDING = 259 /* STATUS_PENDING */ };

struct queue {
    uint64_t value; /* the fence, as it was seen last */
    int64_t after_ns, by_ns;
    struct ga_paging_wait *waits;
    size_t count, room;
};

struct ga_paging {
    struct ga_paging_ops ops;
    void *user;
    struct ga_map queues; /* (process, handle): struct queue */
    int64_t epoch_offset_ns;
};

int ga_paging_create(struct ga_paging **paging, const struct ga_paging_ops *ops, void *user)
{
    *paging = calloc(1, sizeof **paging);
    if (!*paging)
        return -ENOMEM;
    (*paging)->ops = *ops;
    (*paging)->user = user;
    return 0;
}

static void queue_free(struct queue *queue)
{
    free(queue->waits);
    free(queue);
}

void ga_paging_destroy(struct ga_paging *paging)
{
    if (!paging)
        return;
    size_t place = 0;
    for (struct ga_map_slot *slot; (slot = ga_map_next(&paging->queues, &place));)
        queue_free((struct queue *)(uintptr_t)slot->value);
    ga_map_release(&paging->queues);
    free(paging);
}

/* The queue of a handle; one that nothing recorded had made is put in. */
static struct queue *queue_of(struct ga_paging *paging, uint64_t process, uint32_t handle)
{
    uint64_t *place = ga_map_get(&paging->queues, process, handle);
    if (place)
        return (struct queue *)(uintptr_t)*place;
    struct queue *queue = calloc(1, sizeof *queue);
    if (queue && ga_map_set(&paging->queues, process, handle, (uintptr_t)queue) < 0) {
        free(queue);
        return NULL;
    }
    return queue;
}

static int not_seen(struct ga_paging *paging, const struct queue *queue)
{
    int result = 0;
    for (size_t i = 0; paging->ops.not_seen && i < queue->count && result == 0; i++)
        result = paging->ops.not_seen(paging->user, &queue->waits[i]);
    return result;
}

/* A queue of this handle is no more, or another one is. */
static int queue_end(struct ga_paging *paging, uint64_t process, uint32_t handle)
{
    uint64_t *place = ga_map_get(&paging->queues, process, handle);
    if (!place)
        return 0;
    struct queue *queue = (struct queue *)(uintptr_t)*place;
    ga_map_erase(&paging->queues, process, handle);
    int result = not_seen(paging, queue);
    queue_free(queue);
    return result;
}

static int ready(struct ga_paging *paging, const struct ga_paging_wait *wait, int64_t after_ns, int64_t by_ns)
{
    after_ns = after_ns > wait->begin_ns ? after_ns : wait->begin_ns;
    return paging->ops.ready(paging->user, wait, after_ns, by_ns > after_ns ? by_ns : after_ns);
}

static int await(struct ga_paging *paging, const struct ga_paging_wait *wait)
{
    if (wait->at_once)
        return ready(paging, wait, wait->begin_ns, wait->end_ns);
    struct queue *queue = queue_of(paging, wait->process, wait->queue);
    if (!queue)
        return -ENOMEM;
    if (queue->value >= wait->value) /* another thread saw it before this call's event came */
        return ready(paging, wait, queue->after_ns, queue->by_ns);
    if (ga_array_room(&queue->waits, &queue->room, queue->count + 1, sizeof *queue->waits) < 0)
        return -ENOMEM;
    queue->waits[queue->count++] = *wait;
    return 0;
}

int ga_paging_call(struct ga_paging *paging, const struct ga_call *call)
{
    const struct ga_call_header *header = call->header;
    struct ga_paging_promise promise;
    paging->epoch_offset_ns = call->begin_ns - (int64_t)header->begin;
    if (!ga_row_is_d3dkmt(call->row) || call->failed || header->marks & GA_MARK_UNREADABLE)
        return 0;
    switch (ga_row_id(call->row)) {
    case GA_ROW_d3dkmt_create_paging_queue:
        return queue_end(paging, header->process, ((const struct ga_d3dkmt_create_paging_queue *)call->record)->hPagingQueue);
    case GA_ROW_d3dkmt_destroy_paging_queue:
        return queue_end(paging, header->process, ((const struct ga_d3dkmt_destroy_paging_queue *)call->record)->hPagingQueue);
    default:
        break;
    }
    if (header->marks & GA_MARK_NESTED || !ga_paging_promise_of(ga_row_id(call->row), call->record, &promise))
        return 0;
    return await(paging, &(struct ga_paging_wait){.row = call->row, .process = header->process, .call = header->call,
                                                  .value = promise.value, .thread = header->thread, .queue = promise.queue,
                                                  .begin_ns = call->begin_ns, .end_ns = call->end_ns,
                                                  .at_once = call->status != PENDING});
}

int ga_paging_event(struct ga_paging *paging, const struct ga_row *row, const void *record)
{
    const struct ga_gpualloc_paging_fence *fence = record;
    if (ga_row_id(row) != GA_ROW_gpualloc_paging_fence)
        return 0;
    struct queue *queue = queue_of(paging, fence->process, fence->hPagingQueue);
    if (!queue)
        return -ENOMEM;
    queue->value = fence->value;
    queue->after_ns = fence->lower_at ? (int64_t)fence->lower_at + paging->epoch_offset_ns : INT64_MIN;
    queue->by_ns = (int64_t)fence->seen_at + paging->epoch_offset_ns;
    int result = 0;
    for (size_t i = 0; i < queue->count && result == 0;) {
        struct ga_paging_wait wait = queue->waits[i];
        if (wait.value > queue->value) {
            i++;
            continue;
        }
        queue->waits[i] = queue->waits[--queue->count];
        result = ready(paging, &wait, queue->after_ns, queue->by_ns);
    }
    return result;
}

int ga_paging_finish(struct ga_paging *paging)
{
    size_t place = 0;
    int result = 0;
    for (struct ga_map_slot *slot; result == 0 && (slot = ga_map_next(&paging->queues, &place));) {
        struct queue *queue = (struct queue *)(uintptr_t)slot->value;
        result = not_seen(paging, queue);
        queue->count = 0;
    }
    return result;
}
