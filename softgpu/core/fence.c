/*
 * softgpu's paging fences. Operations of a paging queue are made one after the other, each taking the time that the environment
 * asks for (none by default: done at once). So a queue's state is two numbers, the value that its last operation was given and the
 * time when that is done; what the fence shows follows from the clock. It is brought up to date by whoever looks: each ioctl, each
 * waiter, and the front end for programs that only read the memory.
 */
#include <time.h>

#include "softgpu/state.h"

uint64_t softgpu_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t *softgpu_fence_word(struct softgpu *gpu, uint32_t sync)
{
    return (uint64_t *)(void *)((char *)gpu + SOFTGPU_FENCES_OFFSET) + sync;
}

/* The value that a queue's fence has at a time: of what was issued, all but the operations for which there was no time yet. */
static uint64_t value_at(const struct softgpu *gpu, const struct softgpu_object *queue, uint64_t now)
{
    if (queue->due <= now || gpu->config.paging_ns == 0)
        return queue->issued;
    uint64_t waiting = (queue->due - now + gpu->config.paging_ns - 1) / gpu->config.paging_ns;
    return waiting < queue->issued ? queue->issued - waiting : 0;
}

/* Shows a queue's value; never one behind what was shown. */
static void show(struct softgpu *gpu, uint32_t queue, uint64_t now)
{
    uint64_t value = value_at(gpu, &gpu->objects[queue], now), *word = softgpu_fence_word(gpu, gpu->objects[queue].children);
    if (value > *word)
        __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

uint64_t softgpu_fence_issue(struct softgpu *gpu, uint32_t index)
{
    struct softgpu_object *queue = &gpu->objects[index];
    uint64_t now = gpu->config.paging_ns ? softgpu_now() : 0;
    queue->issued++;
    queue->due = (queue->due > now ? queue->due : now) + gpu->config.paging_ns;
    show(gpu, index, now);
    if (gpu->config.paging_ns && !queue->listed) {
        queue->listed = 1;
        queue->next_busy = gpu->busy_queues;
        gpu->busy_queues = index;
        softgpu_bell_ring(gpu); /* whoever sleeps until the next fence is due has to know of this one */
    }
    return queue->issued;
}

bool softgpu_fence_idle(const struct softgpu *gpu, uint32_t queue)
{
    return !gpu->objects[queue].listed;
}

uint64_t softgpu_fence_advance(struct softgpu *gpu, uint64_t now)
{
    uint64_t soonest = UINT64_MAX;
    uint32_t *link = &gpu->busy_queues;
    while (*link) {
        uint32_t index = *link;
        struct softgpu_object *queue = &gpu->objects[index];
        show(gpu, index, now);
        if (queue->due <= now) {
            queue->listed = 0;
            *link = queue->next_busy;
            continue;
        }
        uint64_t next = queue->due - (queue->due - now - 1) / gpu->config.paging_ns * gpu->config.paging_ns;
        soonest = next < soonest ? next : soonest;
        link = &queue->next_busy;
    }
    return soonest;
}

void softgpu_fence_forget(struct softgpu *gpu, uint32_t index)
{
    uint32_t *link = &gpu->busy_queues;
    while (*link && *link != index)
        link = &gpu->objects[*link].next_busy;
    if (*link)
        *link = gpu->objects[index].next_busy;
    gpu->objects[index].listed = 0;
}
