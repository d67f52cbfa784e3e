/*
 * Calls made by hand, as the reader would give them: for tests of what stands behind the reader. Times are in ns, the epoch is
 * the trace's clock plus 1000. Each maker fills the caller's struct made and returns its call.
 */
#ifndef GPUALLOC_TESTS_CALLS_H
#define GPUALLOC_TESTS_CALLS_H

#include <errno.h>
#include <string.h>

#include "reader/reader.h"

enum { MADE_ELEMENTS = 16, EPOCH = 1000 };

struct made {
    struct ga_call call;
    union ga_record record;
    struct ga_d3dkmt_allocation allocations[MADE_ELEMENTS];
    struct ga_d3dkmt_standard_allocation standard;
    struct ga_d3dkmt_adapter_info adapters[MADE_ELEMENTS];
    struct ga_d3dkmt_gpu_virtual_address_operation operations[MADE_ELEMENTS];
    uint32_t list[MADE_ELEMENTS];
};

/* Who calls, and when. */
struct when {
    uint64_t process;
    uint32_t thread;
    uint64_t begin, end;
    uint64_t file, device; /* drm */
};

static inline struct ga_call *made_call(struct made *made, enum ga_row_id row, struct when when)
{
    memset(made, 0, sizeof *made);
    made->record.header = (struct ga_call_header){.process = when.process,
                                                  .thread = when.thread,
                                                  .begin = when.begin,
                                                  .end = when.end,
                                                  .file = when.file,
                                                  .device = when.device,
                                                  .pid = (uint32_t)when.process,
                                                  .tid = (uint32_t)when.process + when.thread,
                                                  .size = ga_rows[row].abi_size};
    made->call = (struct ga_call){.row = &ga_rows[row],
                                  .header = &made->record.header,
                                  .record = &made->record,
                                  .begin_ns = (int64_t)when.begin + EPOCH,
                                  .end_ns = (int64_t)when.end + EPOCH};
    return &made->call;
}

static inline struct ga_call *made_failed(struct ga_call *call)
{
    struct ga_call_header *header = (struct ga_call_header *)(uintptr_t)call->header;
    header->ret = -1;
    header->error = ENOMEM;
    call->failed = true;
    call->status = ga_call_status(header);
    return call;
}

static inline struct ga_call *made_device(struct made *made, struct when when, uint32_t adapter, uint32_t device)
{
    made_call(made, GA_ROW_d3dkmt_create_device, when);
    made->record.r_d3dkmt_create_device.hAdapter = adapter;
    made->record.r_d3dkmt_create_device.hDevice = device;
    return &made->call;
}

static inline struct ga_call *made_destroy_device(struct made *made, struct when when, uint32_t device)
{
    made_call(made, GA_ROW_d3dkmt_destroy_device, when);
    made->record.r_d3dkmt_destroy_device.hDevice = device;
    return &made->call;
}

/* count allocations with handles first, first + 1, …; resource_out is the new resource, resource_in one to add to. */
static inline struct ga_call *made_create(struct made *made, struct when when, uint32_t device, uint32_t resource_in,
                                          uint32_t resource_out, uint64_t surface, uint32_t first, uint32_t count)
{
    made_call(made, GA_ROW_d3dkmt_create_allocation, when);
    struct ga_d3dkmt_create_allocation *create = &made->record.r_d3dkmt_create_allocation;
    create->hDevice = device;
    create->hResource = resource_in;
    create->hResource_out = resource_out;
    create->Flags = create->Flags_out = resource_out ? 1 : 0;
    create->hPrivateRuntimeResourceHandle = surface;
    create->NumAllocations = create->pAllocationInfo2_captured = count;
    for (uint32_t i = 0; i < count; i++)
        made->allocations[i] = (struct ga_d3dkmt_allocation){
            .header = {.process = when.process, .thread = when.thread, .index = i, .size = 96}, .hAllocation = first + i};
    made->call.elements[1] = (struct ga_elements){.row = &ga_rows[GA_ROW_d3dkmt_allocation],
                                                  .records = made->allocations,
                                                  .count = count};
    return &made->call;
}

/* The same as a standard allocation of size bytes. */
static inline struct ga_call *made_standard(struct made *made, struct when when, uint32_t device, uint32_t handle,
                                            uint64_t size)
{
    made_create(made, when, device, 0, 0, 0, handle, 1);
    made->record.r_d3dkmt_create_allocation.Flags |= 1u << 16;
    made->standard = (struct ga_d3dkmt_standard_allocation){.Type = 1, .ExistingHeapData_Size = size};
    made->call.elements[0] = (struct ga_elements){.row = &ga_rows[GA_ROW_d3dkmt_standard_allocation],
                                                  .records = &made->standard,
                                                  .count = 1};
    return &made->call;
}

/* resource, or when it is 0 the list first, first + 1, … */
static inline struct ga_call *made_destroy(struct made *made, struct when when, uint32_t device, uint32_t resource,
                                           uint32_t first, uint32_t count)
{
    made_call(made, GA_ROW_d3dkmt_destroy_allocation, when);
    struct ga_d3dkmt_destroy_allocation *destroy = &made->record.r_d3dkmt_destroy_allocation;
    destroy->hDevice = device;
    destroy->hResource = resource;
    destroy->AllocationCount = destroy->phAllocationList_length = count;
    destroy->phAllocationList_list = made->list;
    for (uint32_t i = 0; i < count; i++)
        made->list[i] = first + i;
    return &made->call;
}

static inline struct ga_call *made_open_adapter(struct made *made, struct when when, uint32_t adapter, uint32_t luid)
{
    made_call(made, GA_ROW_d3dkmt_open_adapter_from_luid, when);
    made->record.r_d3dkmt_open_adapter_from_luid.hAdapter = adapter;
    made->record.r_d3dkmt_open_adapter_from_luid.AdapterLuid_LowPart = luid;
    return &made->call;
}

static inline struct ga_call *made_close_adapter(struct made *made, struct when when, uint32_t adapter)
{
    made_call(made, GA_ROW_d3dkmt_close_adapter, when);
    made->record.r_d3dkmt_close_adapter.hAdapter = adapter;
    return &made->call;
}

static inline struct ga_call *made_map(struct made *made, struct when when, uint32_t allocation, uint64_t offset_pages,
                                       uint64_t pages)
{
    made_call(made, GA_ROW_d3dkmt_map_gpu_virtual_address, when);
    made->record.r_d3dkmt_map_gpu_virtual_address.hAllocation = allocation;
    made->record.r_d3dkmt_map_gpu_virtual_address.OffsetInPages = offset_pages;
    made->record.r_d3dkmt_map_gpu_virtual_address.SizeInPages = pages;
    made->record.header.ret = 259;
    return &made->call;
}

/* count operations: a map, an unmap, a map with protection, and so on; each next one of the mapped parts is a page further. */
static inline struct ga_call *made_update(struct made *made, struct when when, uint32_t allocation, uint64_t offset,
                                          uint64_t size, uint32_t count)
{
    made_call(made, GA_ROW_d3dkmt_update_gpu_virtual_address, when);
    for (uint32_t i = 0; i < count; i++)
        made->operations[i] = (struct ga_d3dkmt_gpu_virtual_address_operation){
            .header = {.process = when.process, .thread = when.thread, .index = i, .size = 56},
            .OperationType = i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : 3,
            .Map_hAllocation = i % 3 == 0 ? allocation : 0,
            .Map_AllocationOffsetInBytes = i % 3 == 0 ? offset + i * 4096u : 0,
            .Map_AllocationSizeInBytes = i % 3 == 0 ? size : 0,
            .MapProtect_hAllocation = i % 3 == 2 ? allocation : 0,
            .MapProtect_AllocationOffsetInBytes = i % 3 == 2 ? offset + i * 4096u : 0,
            .MapProtect_AllocationSizeInBytes = i % 3 == 2 ? size : 0,
        };
    made->call.elements[0] = (struct ga_elements){.row = &ga_rows[GA_ROW_d3dkmt_gpu_virtual_address_operation],
                                                  .records = made->operations,
                                                  .count = count};
    return &made->call;
}

static inline struct ga_call *made_dumb(struct made *made, struct when when, uint32_t handle, uint64_t size)
{
    made_call(made, GA_ROW_drm_mode_create_dumb, when);
    made->record.r_drm_mode_create_dumb.handle = handle;
    made->record.r_drm_mode_create_dumb.size = size;
    return &made->call;
}

static inline struct ga_call *made_gem_close(struct made *made, struct when when, uint32_t handle)
{
    made_call(made, GA_ROW_drm_gem_close, when);
    made->record.r_drm_gem_close.handle = handle;
    return &made->call;
}

static inline struct ga_call *made_export(struct made *made, struct when when, uint32_t handle, uint64_t inode)
{
    made_call(made, GA_ROW_drm_prime_handle_to_fd, when);
    made->record.r_drm_prime_handle_to_fd.handle = handle;
    made->record.r_drm_prime_handle_to_fd.dma_buf = inode;
    return &made->call;
}

static inline struct ga_call *made_import(struct made *made, struct when when, uint32_t handle, uint64_t inode)
{
    made_call(made, GA_ROW_drm_prime_fd_to_handle, when);
    made->record.r_drm_prime_fd_to_handle.handle = handle;
    made->record.r_drm_prime_fd_to_handle.dma_buf = inode;
    return &made->call;
}

static inline struct ga_call *made_flink(struct made *made, struct when when, uint32_t handle, uint32_t name)
{
    made_call(made, GA_ROW_drm_gem_flink, when);
    made->record.r_drm_gem_flink.handle = handle;
    made->record.r_drm_gem_flink.name = name;
    return &made->call;
}

static inline struct ga_call *made_gem_open(struct made *made, struct when when, uint32_t name, uint32_t handle, uint64_t size)
{
    made_call(made, GA_ROW_drm_gem_open, when);
    made->record.r_drm_gem_open.handle = handle;
    made->record.r_drm_gem_open.name = name;
    made->record.r_drm_gem_open.size = size;
    return &made->call;
}

#endif
