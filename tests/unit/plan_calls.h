/* Hand-made calls for the tests of plans, engine and backends. */
#ifndef GPUALLOC_TESTS_PLAN_CALLS_H
#define GPUALLOC_TESTS_PLAN_CALLS_H

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "replayer/plan.h"

#define PROCESS UINT64_C(0xfeed)

/* When and by whom; ret -1 with error for a call that failed. */
struct when {
    uint32_t thread;
    uint64_t begin, end;
    int error;
};

static inline struct ga_call_header header_of(struct when when)
{
    return (struct ga_call_header){.process = PROCESS, .call = when.begin, .begin = when.begin, .end = when.end,
                                   .ret = when.error ? -1 : 0, .thread = when.thread, .error = when.error,
                                   .layer = GA_LAYER_IOCTL};
}

static inline int add_row(struct replay_plan *plan, enum ga_row_id row, struct ga_call_header *header, const void *record,
                          const struct ga_elements *elements, int element_count, replay_blob_source *blobs)
{
    static const struct ga_file_info file = {.path = (char *)"/dev/dri/card0", .driver = (char *)"virtio_gpu",
                                             .driver_version = (char *)""};
    struct ga_call call = {.row = &ga_rows[row], .header = header, .record = record};
    header->size = header->size ? header->size : call.row->abi_size;
    call.failed = ga_call_failed(call.row, header);
    call.status = ga_row_is_d3dkmt(call.row) ? ga_call_status(header) : 0;
    call.file = ga_row_is_drm(call.row) ? &file : NULL;
    for (int i = 0; i < element_count; i++)
        call.elements[i] = elements[i];
    struct ga_error error = {""};
    int result = replay_plan_add_call(plan, &call, blobs, NULL, &error);
    return result;
}

static inline int add_create_device(struct replay_plan *plan, struct when when, uint32_t device)
{
    struct ga_d3dkmt_create_device r = {.header = header_of(when), .hAdapter = 0, .hDevice = when.error ? 0 : device};
    return add_row(plan, GA_ROW_d3dkmt_create_device, &r.header, &r, NULL, 0, NULL);
}

static inline int add_destroy_device(struct replay_plan *plan, struct when when, uint32_t device)
{
    struct ga_d3dkmt_destroy_device r = {.header = header_of(when), .hDevice = device};
    return add_row(plan, GA_ROW_d3dkmt_destroy_device, &r.header, &r, NULL, 0, NULL);
}

/* count allocations, with handles from first on; resource 0: alone. data: hash of each one's private data, or 0. */
struct create {
    uint32_t device, resource, add_to, first, count;
    uint64_t data;
    uint32_t data_size;
    uint64_t standard_size, memory; /* a standard allocation of existing memory at that address */
};

static inline int add_create(struct replay_plan *plan, struct when when, struct create c, replay_blob_source *blobs)
{
    struct ga_d3dkmt_allocation *records = calloc(c.count + 1, sizeof *records);
    struct ga_d3dkmt_standard_allocation standard = {.Type = 1, .ExistingHeapData_Size = c.standard_size};
    standard.header.size = sizeof(uint64_t) * 3;
    for (uint32_t i = 0; i < c.count; i++) {
        records[i].header = (struct ga_element_header){.process = PROCESS, .index = i, .size = 96};
        records[i].hAllocation = when.error ? 0 : c.first + i;
        records[i].pSystemMem = c.memory;
        records[i].pPrivateDriverData = c.data ? 0x1000 : 0;
        records[i].pPrivateDriverData_hash = records[i].pPrivateDriverData_out_hash = c.data;
        records[i].PrivateDriverDataSize = c.data_size;
    }
    struct ga_d3dkmt_create_allocation r = {.header = header_of(when), .hDevice = c.device, .hResource = c.add_to,
                                            .hResource_out = c.resource ? c.resource : c.add_to,
                                            .NumAllocations = c.count, .pAllocationInfo2 = 0x2000,
                                            .pAllocationInfo2_captured = c.count, .Flags = c.resource ? 1 : 0,
                                            .hPrivateRuntimeResourceHandle = 0xabcdef0123456789};
    if (c.standard_size) {
        r.Flags |= 1u << 16 | (c.memory ? 1u << 5 : 0);
        r.pStandardAllocation = 0x3000;
        r.pStandardAllocation_captured = 1;
    }
    struct ga_elements elements[2] = {
        {&ga_rows[GA_ROW_d3dkmt_standard_allocation], &standard, c.standard_size ? 1 : 0},
        {&ga_rows[GA_ROW_d3dkmt_allocation], records,
         c.count},
    };
    int result = add_row(plan, GA_ROW_d3dkmt_create_allocation, &r.header, &r, elements, 2, blobs);
    free(records);
    return result;
}

static inline int add_destroy(struct replay_plan *plan, struct when when, uint32_t device, uint32_t resource, uint32_t allocation)
{
    struct ga_d3dkmt_destroy_allocation r = {.header = header_of(when), .hDevice = device, .hResource = resource};
    if (allocation) {
        r.phAllocationList = 0x4000;
        r.phAllocationList_length = r.AllocationCount = 1;
        r.phAllocationList_list = &allocation;
    }
    return add_row(plan, GA_ROW_d3dkmt_destroy_allocation, &r.header, &r, NULL, 0, NULL);
}

static inline int add_paging_queue(struct replay_plan *plan, struct when when, uint32_t device, uint32_t queue, uint32_t fence)
{
    struct ga_d3dkmt_create_paging_queue r = {.header = header_of(when), .hDevice = device, .hPagingQueue = queue,
                                              .hSyncObject = fence};
    return add_row(plan, GA_ROW_d3dkmt_create_paging_queue, &r.header, &r, NULL, 0, NULL);
}

static inline int add_destroy_paging_queue(struct replay_plan *plan, struct when when, uint32_t queue)
{
    struct ga_d3dkmt_destroy_paging_queue r = {.header = header_of(when), .hPagingQueue = queue};
    return add_row(plan, GA_ROW_d3dkmt_destroy_paging_queue, &r.header, &r, NULL, 0, NULL);
}

static inline int add_make_resident(struct replay_plan *plan, struct when when, uint32_t queue, uint32_t allocation, uint64_t fence)
{
    struct ga_d3dkmt_make_resident r = {.header = header_of(when), .hPagingQueue = queue, .NumAllocations = 1,
                                        .AllocationList = 0x5000, .AllocationList_length = 1, .AllocationList_list = &allocation,
                                        .PagingFenceValue = fence};
    r.header.ret = 259;
    return add_row(plan, GA_ROW_d3dkmt_make_resident, &r.header, &r, NULL, 0, NULL);
}

static inline int add_lock(struct replay_plan *plan, struct when when, uint32_t device, uint32_t allocation)
{
    struct ga_d3dkmt_lock2 r = {.header = header_of(when), .hDevice = device, .hAllocation = allocation};
    return add_row(plan, GA_ROW_d3dkmt_lock2, &r.header, &r, NULL, 0, NULL);
}

/* A map of pages; base 0: anywhere. */
static inline int add_map(struct replay_plan *plan, struct when when, uint32_t queue, uint32_t allocation, uint64_t base,
                          uint64_t pages, uint64_t address)
{
    struct ga_d3dkmt_map_gpu_virtual_address r = {.header = header_of(when), .hPagingQueue = queue, .hAllocation = allocation,
                                                  .BaseAddress = base, .SizeInPages = pages, .VirtualAddress = address};
    return add_row(plan, GA_ROW_d3dkmt_map_gpu_virtual_address, &r.header, &r, NULL, 0, NULL);
}

static inline int add_reserve(struct replay_plan *plan, struct when when, uint32_t queue, uint64_t size, uint64_t address)
{
    struct ga_d3dkmt_reserve_gpu_virtual_address r = {.header = header_of(when), .hPagingQueue = queue, .hAdapter = queue,
                                                      .Size = size, .VirtualAddress = address};
    return add_row(plan, GA_ROW_d3dkmt_reserve_gpu_virtual_address, &r.header, &r, NULL, 0, NULL);
}

static inline int add_free_range(struct replay_plan *plan, struct when when, uint32_t adapter, uint64_t base, uint64_t size)
{
    struct ga_d3dkmt_free_gpu_virtual_address r = {.header = header_of(when), .hAdapter = adapter, .BaseAddress = base,
                                                   .Size = size};
    return add_row(plan, GA_ROW_d3dkmt_free_gpu_virtual_address, &r.header, &r, NULL, 0, NULL);
}

static inline int add_fence(struct replay_plan *plan, struct when when, uint32_t device, uint32_t fence, uint64_t value)
{
    struct ga_d3dkmt_create_synchronization_object2 r = {.header = header_of(when), .hDevice = device, .Info_Type = 5,
                                                         .Info_MonitoredFence_InitialFenceValue = value, .hSyncObject = fence};
    return add_row(plan, GA_ROW_d3dkmt_create_synchronization_object2, &r.header, &r, NULL, 0, NULL);
}

static inline int add_cpu_wait(struct replay_plan *plan, struct when when, uint32_t device, uint32_t fence, uint64_t value,
                               uint64_t event)
{
    struct ga_d3dkmt_wait_for_synchronization_object_from_cpu r = {
        .header = header_of(when), .hDevice = device, .ObjectCount = 1, .ObjectHandleArray = 0x6000,
        .ObjectHandleArray_length = 1, .ObjectHandleArray_list = &fence, .FenceValueArray = 0x7000,
        .FenceValueArray_length = 1, .FenceValueArray_list = &value, .hAsyncEvent = event};
    return add_row(plan, GA_ROW_d3dkmt_wait_for_synchronization_object_from_cpu, &r.header, &r, NULL, 0, NULL);
}

static inline int add_cpu_signal(struct replay_plan *plan, struct when when, uint32_t device, uint32_t fence, uint64_t value)
{
    struct ga_d3dkmt_signal_synchronization_object_from_cpu r = {
        .header = header_of(when), .hDevice = device, .ObjectCount = 1, .ObjectHandleArray = 0x6000,
        .ObjectHandleArray_length = 1, .ObjectHandleArray_list = &fence, .FenceValueArray = 0x7000,
        .FenceValueArray_length = 1, .FenceValueArray_list = &value};
    return add_row(plan, GA_ROW_d3dkmt_signal_synchronization_object_from_cpu, &r.header, &r, NULL, 0, NULL);
}

static inline int add_share(struct replay_plan *plan, struct when when, uint32_t object, uint64_t fd)
{
    struct ga_d3dkmt_share_objects r = {.header = header_of(when), .ObjectCount = 1, .ObjectHandleArray = 0x6000,
                                        .ObjectHandleArray_length = 1, .ObjectHandleArray_list = &object,
                                        .pSharedNtHandle = 0x7000, .pSharedNtHandle_length = 1, .pSharedNtHandle_list = &fd};
    return add_row(plan, GA_ROW_d3dkmt_share_objects, &r.header, &r, NULL, 0, NULL);
}

static inline int add_open_shared(struct replay_plan *plan, struct when when, uint64_t process, uint32_t device, uint64_t fd,
                                  uint32_t resource, uint32_t first, uint32_t count)
{
    struct ga_d3dkmt_open_allocation records[4];
    memset(records, 0, sizeof records);
    for (uint32_t i = 0; i < count; i++) {
        records[i].header = (struct ga_element_header){.process = process, .index = i, .size = 80};
        records[i].hAllocation = first + i;
    }
    struct ga_d3dkmt_open_resource_from_nt_handle r = {
        .header = header_of(when), .hDevice = device, .hNtHandle = fd, .NumAllocations = count, .pOpenAllocationInfo2 = 0x2000,
        .pOpenAllocationInfo2_captured = count, .pTotalPrivateDriverDataBuffer = 0x3004, .TotalPrivateDriverDataBufferSize = 100,
        .hResource = resource};
    r.header.process = process;
    struct ga_elements elements = {&ga_rows[GA_ROW_d3dkmt_open_allocation], records, count};
    return add_row(plan, GA_ROW_d3dkmt_open_resource_from_nt_handle, &r.header, &r, &elements, 1, NULL);
}

static inline struct ga_call_header drm_header_of(struct when when, uint64_t file)
{
    struct ga_call_header header = header_of(when);
    header.file = file;
    header.device = 0xe200;
    return header;
}

static inline int add_dumb(struct replay_plan *plan, struct when when, uint64_t file, uint32_t handle, uint32_t width, uint32_t height)
{
    struct ga_drm_mode_create_dumb r = {.header = drm_header_of(when, file), .width = width, .height = height, .bpp = 32,
                                        .handle = handle, .pitch = width * 4, .size = (uint64_t)width * height * 4};
    return add_row(plan, GA_ROW_drm_mode_create_dumb, &r.header, &r, NULL, 0, NULL);
}

static inline int add_gem_close(struct replay_plan *plan, struct when when, uint64_t file, uint32_t handle)
{
    struct ga_drm_gem_close r = {.header = drm_header_of(when, file), .handle = handle};
    return add_row(plan, GA_ROW_drm_gem_close, &r.header, &r, NULL, 0, NULL);
}

static inline int add_export(struct replay_plan *plan, struct when when, uint64_t file, uint32_t handle, int fd, uint64_t inode)
{
    struct ga_drm_prime_handle_to_fd r = {.header = drm_header_of(when, file), .handle = handle, .fd = fd, .dma_buf = inode};
    return add_row(plan, GA_ROW_drm_prime_handle_to_fd, &r.header, &r, NULL, 0, NULL);
}

static inline int add_import(struct replay_plan *plan, struct when when, uint64_t file, uint32_t handle, int fd, uint64_t inode)
{
    struct ga_drm_prime_fd_to_handle r = {.header = drm_header_of(when, file), .handle = handle, .fd = fd, .dma_buf = inode};
    return add_row(plan, GA_ROW_drm_prime_fd_to_handle, &r.header, &r, NULL, 0, NULL);
}

static inline int add_flink(struct replay_plan *plan, struct when when, uint64_t file, uint32_t handle, uint32_t name)
{
    struct ga_drm_gem_flink r = {.header = drm_header_of(when, file), .handle = handle, .name = name};
    return add_row(plan, GA_ROW_drm_gem_flink, &r.header, &r, NULL, 0, NULL);
}

static inline int add_open(struct replay_plan *plan, struct when when, uint64_t file, uint32_t name, uint32_t handle, uint64_t size)
{
    struct ga_drm_gem_open r = {.header = drm_header_of(when, file), .handle = handle, .name = name, .size = size};
    return add_row(plan, GA_ROW_drm_gem_open, &r.header, &r, NULL, 0, NULL);
}

static inline int add_map_dumb(struct replay_plan *plan, struct when when, uint64_t file, uint32_t handle, uint64_t offset)
{
    struct ga_drm_mode_map_dumb r = {.header = drm_header_of(when, file), .handle = handle, .offset = offset};
    return add_row(plan, GA_ROW_drm_mode_map_dumb, &r.header, &r, NULL, 0, NULL);
}

/* By the child of a fork when it says so: its own process. */
#define CHILD UINT64_C(0xc41d)
struct map {
    uint64_t file, offset, address, length, dma_buf;
    uint32_t flags;
    bool child;
};
static inline int add_mmap(struct replay_plan *plan, struct when when, struct map map)
{
    struct ga_drm_mmap r = {.header = drm_header_of(when, map.file), .addr = map.flags & 16 ? map.address : 0, .length = map.length,
                            .prot = 3, .flags = map.flags ? map.flags : 1, .fd = 77, .offset = map.offset, .dma_buf = map.dma_buf};
    r.header.ret = when.error ? -1 : (int64_t)map.address;
    r.header.process = map.child ? CHILD : PROCESS;
    return add_row(plan, GA_ROW_drm_mmap, &r.header, &r, NULL, 0, NULL);
}

static inline int add_munmap(struct replay_plan *plan, struct when when, struct map map)
{
    struct ga_drm_munmap r = {.header = drm_header_of(when, 0), .addr = map.address, .length = map.length};
    r.header.process = map.child ? CHILD : PROCESS;
    return add_row(plan, GA_ROW_drm_munmap, &r.header, &r, NULL, 0, NULL);
}

static inline int add_mremap(struct replay_plan *plan, struct when when, struct map from, uint64_t address, uint64_t length)
{
    struct ga_drm_mremap r = {.header = drm_header_of(when, 0), .old_address = from.address, .old_size = from.length,
                              .new_size = length, .flags = 1};
    r.header.ret = when.error ? -1 : (int64_t)address;
    return add_row(plan, GA_ROW_drm_mremap, &r.header, &r, NULL, 0, NULL);
}

/* The reference of a call to an object of that kind, or null. */
static inline const struct replay_ref *ref_to(const struct replay_plan *plan, uint32_t call, enum replay_object_kind kind)
{
    for (uint32_t r = plan->calls[call].refs; r < plan->calls[call].refs + plan->calls[call].ref_count; r++)
        if (plan->refs[r].kind == kind)
            return &plan->refs[r];
    return NULL;
}

/* Whether a call waits until what another one moved is where it should be. */
static inline bool awaits(const struct replay_plan *plan, uint32_t call, uint32_t paging)
{
    for (uint32_t f = plan->calls[call].fences; f < plan->calls[call].fences + plan->calls[call].fence_count; f++)
        if (plan->fences[f] == paging)
            return true;
    return false;
}

/* Whether a call of the plan waits for another, by numbers of begin order. */
static inline bool waits_for(const struct replay_plan *plan, uint32_t call, uint32_t on)
{
    const struct replay_call *c = &plan->calls[call], *other = &plan->calls[on];
    for (uint32_t d = 0; d < c->dependency_count; d++)
        if (plan->dependencies[c->dependencies + d].lane == other->lane &&
            plan->dependencies[c->dependencies + d].sequence >= other->sequence)
            return true;
    return false;
}

#endif
