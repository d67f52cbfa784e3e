/* The extent of the CPU's mapping of a locked allocation. */
#include "preload/extents.h"

#include <stdatomic.h>

#include "preload/memory.h"
#include "preload/ops.h"
#include "preload/process.h"
#include "schema/records.h"

/*
 * Handles that were made and not locked since, by their index in the kernel's table (the bits above the lowest 6), which is dense.
 * Of two alive that share a place the older is forgotten: its size stays unknown, it is never looked up twice.
 */
enum { PLACES = 65536, INDEX_SHIFT = 6 };
static atomic_uint waiting[PLACES];

static void made(uint32_t handle)
{
    if (handle)
        atomic_store_explicit(&waiting[(handle >> INDEX_SHIFT) % PLACES], handle, memory_order_relaxed);
}

static void locked(const struct ga_d3dkmt_lock2 *lock)
{
    unsigned handle = lock->hAllocation;
    uintptr_t low, high;
    if (!lock->pData || !handle || !capture_ops->enabled(GA_ROW_gpualloc_lock_extent) ||
        !atomic_compare_exchange_strong(&waiting[(handle >> INDEX_SHIFT) % PLACES], &handle, 0) ||
        !memory_mapping((uintptr_t)lock->pData, &low, &high))
        return;
    struct ga_gpualloc_lock_extent record = {
        .process = capture_process.instance,
        .begin = lock->header.begin,
        .hAllocation = lock->hAllocation,
        .pData = lock->pData,
        .size = high - lock->pData,
    };
    capture_ops->emit(GA_ROW_gpualloc_lock_extent, &record);
}

void extents_sent(enum ga_row_id row, const void *record)
{
    if (row == GA_ROW_d3dkmt_allocation)
        made(((const struct ga_d3dkmt_allocation *)record)->hAllocation);
    else if (row == GA_ROW_d3dkmt_open_allocation)
        made(((const struct ga_d3dkmt_open_allocation *)record)->hAllocation);
    else if (row == GA_ROW_d3dkmt_lock2)
        locked(record);
}
