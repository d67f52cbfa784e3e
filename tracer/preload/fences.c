/* Paging fences: a fixed table of queues, without locks; threads and signal handlers may all be here at once. */
#include "preload/fences.h"

#include <stdatomic.h>
#include <stddef.h>

#include "preload/memory.h"
#include "preload/ops.h"
#include "preload/process.h"

enum { SLOTS = 64 }; /* paging queues of a process; a program has a few a device */

enum { FREE, FILLING, LIVE, ENDING };

struct fence {
    atomic_uint state;
    uint32_t queue, device;
    uint64_t address;
    atomic_ullong awaited;  /* highest value that a call said is coming; 0: none */
    atomic_ullong seen;     /* newest value that was told of */
    atomic_ullong lower_at; /* trace clock: when it was last looked at and had not moved */
};

static struct fence fences[SLOTS];
static atomic_uint awaited_count; /* queues with a value that has not come */

static void queue_add(const struct ga_d3dkmt_create_paging_queue *r)
{
    for (struct fence *f = fences; r->FenceValueCPUVirtualAddress && f < fences + SLOTS; f++) {
        unsigned expected = FREE;
        if (!atomic_compare_exchange_strong(&f->state, &expected, FILLING))
            continue;
        f->queue = r->hPagingQueue;
        f->device = r->hDevice;
        f->address = r->FenceValueCPUVirtualAddress;
        atomic_store(&f->awaited, 0);
        atomic_store(&f->seen, 0);
        atomic_store(&f->lower_at, 0);
        atomic_store(&f->state, LIVE);
        return;
    }
}

static void awaited_end(struct fence *f)
{
    if (atomic_exchange(&f->awaited, 0))
        atomic_fetch_sub(&awaited_count, 1);
}

/* A value is coming. What came already is not waited for: fences only grow. */
static void await(uint32_t queue, uint64_t value)
{
    for (struct fence *f = fences; f < fences + SLOTS; f++) {
        if (atomic_load(&f->state) != LIVE || f->queue != queue || value <= atomic_load(&f->seen))
            continue;
        unsigned long long old = atomic_load(&f->awaited);
        while (old < value && !atomic_compare_exchange_weak(&f->awaited, &old, value))
            ;
        if (old == 0)
            atomic_fetch_add(&awaited_count, 1);
        return;
    }
}

/* The queues that a destroy call ends go from one state to another. */
static void destroyed(enum ga_row_id row, const union ga_record *record, unsigned from, unsigned to)
{
    for (struct fence *f = fences; f < fences + SLOTS; f++) {
        unsigned expected = from;
        if (atomic_load(&f->state) != from ||
            (row == GA_ROW_d3dkmt_destroy_device ? f->device != record->r_d3dkmt_destroy_device.hDevice
                                                 : f->queue != record->r_d3dkmt_destroy_paging_queue.hPagingQueue))
            continue;
        if (to == FREE)
            awaited_end(f);
        atomic_compare_exchange_strong(&f->state, &expected, to);
    }
}

void fences_begin(enum ga_row_id row, const union ga_record *record)
{
    if (row == GA_ROW_d3dkmt_destroy_paging_queue || row == GA_ROW_d3dkmt_destroy_device)
        destroyed(row, record, LIVE, ENDING);
}

void fences_end(enum ga_row_id row, const union ga_record *record, bool failed)
{
    if (row == GA_ROW_d3dkmt_destroy_paging_queue || row == GA_ROW_d3dkmt_destroy_device)
        destroyed(row, record, ENDING, failed ? LIVE : FREE);
    else if (row == GA_ROW_d3dkmt_create_paging_queue && !failed)
        queue_add(&record->r_d3dkmt_create_paging_queue);
    struct ga_paging_promise promise;
    if (!failed && ga_paging_promise_of(row, record, &promise))
        await(promise.queue, promise.value);
}

/* A value that has moved is told once, by whoever sees it first. */
static void moved(struct fence *f, uint64_t value, uint64_t before)
{
    unsigned long long seen = atomic_load(&f->seen);
    uint64_t lower_at = atomic_load(&f->lower_at);
    if (value <= seen) {
        atomic_store(&f->lower_at, before);
        return;
    }
    while (value > seen)
        if (atomic_compare_exchange_weak(&f->seen, &seen, value)) {
            struct ga_gpualloc_paging_fence record = {
                .process = capture_process.instance,
                .hPagingQueue = f->queue,
                .value = value,
                .seen_at = capture_ops->clock(),
                .lower_at = lower_at,
            };
            capture_ops->emit(GA_ROW_gpualloc_paging_fence, &record);
            break;
        }
    unsigned long long awaited = atomic_load(&f->awaited);
    while (awaited && awaited <= value)
        if (atomic_compare_exchange_weak(&f->awaited, &awaited, 0)) {
            atomic_fetch_sub(&awaited_count, 1);
            break;
        }
    if (awaited > value)
        atomic_store(&f->lower_at, before); /* the next value has not come yet */
}

void fences_look(void)
{
    if (!atomic_load_explicit(&awaited_count, memory_order_relaxed) || !capture_ops->enabled(GA_ROW_gpualloc_paging_fence))
        return;
    struct memory_read reads[SLOTS];
    struct iovec vector[2 * SLOTS];
    uint64_t values[SLOTS];
    struct fence *looked[SLOTS];
    unsigned count = 0;
    for (struct fence *f = fences; f < fences + SLOTS; f++)
        if (atomic_load(&f->awaited) && atomic_load(&f->state) == LIVE) {
            reads[count] = (struct memory_read){.from = f->address, .to = &values[count], .size = sizeof *values};
            looked[count++] = f;
        }
    uint64_t before = capture_ops->clock();
    memory_read(reads, count, (struct memory_stack){0, 0}, vector, SLOTS);
    for (unsigned i = 0; i < count; i++) {
        if (reads[i].result == MEMORY_OK)
            moved(looked[i], values[i], before);
        else
            awaited_end(looked[i]); /* gone, or not to be read here: not looked at until a call says a value again */
    }
}

void fences_forget(void)
{
    for (struct fence *f = fences; f < fences + SLOTS; f++) {
        atomic_store(&f->awaited, 0);
        atomic_store(&f->state, FREE);
    }
    atomic_store(&awaited_count, 0);
}
