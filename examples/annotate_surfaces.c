/*
 * annotate_surfaces: names its surfaces with gpualloc/annotate.h, and packs two objects into one allocation. Try
 *     gpualloc record --softgpu -o T -- annotate_surfaces && gpualloc report --by surface T
 * It runs the same without the tracer, and says what a name costs.
 */
#include <stdio.h>
#include <time.h>

#include <gpualloc/annotate.h>

#include "abi/d3dkmt.h"
#include "abi/softgpu.h"
#include "d3dkmt/d3dkmt-thunks.h"

/* What a runtime would have as a surface: its address is the handle. */
struct surface {
    const char *name;
    uint64_t size;
    D3DKMT_HANDLE allocation;
};

static struct surface surfaces[] = {
    {.name = "back buffer", .size = 8 << 20}, {.name = "shadow map", .size = 4 << 20}, {.name = "small objects", .size = 64 << 10}};
enum { SURFACES = sizeof surfaces / sizeof *surfaces };

static int failed(NTSTATUS status, const char *what)
{
    if (!NT_SUCCESS(status))
        fprintf(stderr, "annotate_surfaces: %s: status %#x\n", what, (unsigned)status);
    return !NT_SUCCESS(status);
}

static int surface_create(struct surface *surface, D3DKMT_HANDLE device)
{
    struct softgpu_private_data data = {.magic = SOFTGPU_MAGIC, .size = surface->size};
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &data, .PrivateDriverDataSize = sizeof data};
    struct D3DKMT_CREATEALLOCATION create = {.hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info,
                                             .hPrivateRuntimeResourceHandle = (uintptr_t)surface};
    gpualloc_name_surface((uintptr_t)surface, surface->name);
    if (failed(D3DKMTCreateAllocation2(&create), "D3DKMTCreateAllocation2"))
        return 1;
    surface->allocation = info.hAllocation;
    return 0;
}

static int surface_destroy(struct surface *surface, D3DKMT_HANDLE device)
{
    struct D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = device, .phAllocationList = &surface->allocation, .AllocationCount = 1};
    int result = failed(D3DKMTDestroyAllocation2(&destroy), "D3DKMTDestroyAllocation2");
    gpualloc_name_surface((uintptr_t)surface, NULL); /* the address may be another surface's soon */
    return result;
}

/* Two objects of the program share the last allocation; the rest of it is the driver's own for uploads. */
static void pack(void)
{
    static int vertices, indices;
    D3DKMT_HANDLE allocation = surfaces[SURFACES - 1].allocation;
    gpualloc_map_allocation((uintptr_t)&vertices, allocation, 0, 4096, GPUALLOC_USAGE_PACKED, GPUALLOC_SEMANTIC_NONE);
    gpualloc_map_allocation((uintptr_t)&indices, allocation, 4096, 8192, GPUALLOC_USAGE_PACKED, GPUALLOC_SEMANTIC_NONE);
    gpualloc_map_allocation(0, allocation, 12288, 53248, GPUALLOC_USAGE_PACKED, GPUALLOC_SEMANTIC_UPLOAD_STAGING);
    gpualloc_unmap_allocation((uintptr_t)&vertices, allocation, 0, 4096, GPUALLOC_USAGE_PACKED, GPUALLOC_SEMANTIC_NONE);
}

static double name_cost_ns(void)
{
    enum { TIMES = 100000 };
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < TIMES; i++)
        gpualloc_map_allocation(1, 0, 0, 0, 0, 0); /* of no allocation */
    clock_gettime(CLOCK_MONOTONIC, &end);
    return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / TIMES;
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) { /* any argument: only measure, without a device */
        printf("one annotation takes %.1f ns\n", name_cost_ns());
        return 0;
    }
    struct D3DKMT_ADAPTERINFO adapters[16];
    struct D3DKMT_ENUMADAPTERS2 enumerate = {.NumAdapters = 16, .pAdapters = adapters};
    if (failed(D3DKMTEnumAdapters2(&enumerate), "D3DKMTEnumAdapters2") || !enumerate.NumAdapters)
        return 1;
    struct D3DKMT_CREATEDEVICE create = {.hAdapter = adapters[0].hAdapter};
    if (failed(D3DKMTCreateDevice(&create), "D3DKMTCreateDevice"))
        return 1;
    int result = 0;
    for (int i = 0; i < SURFACES && !result; i++)
        result = surface_create(&surfaces[i], create.hDevice);
    if (!result)
        pack();
    for (int i = 0; i < SURFACES && !result; i++)
        result = surface_destroy(&surfaces[i], create.hDevice);
    struct D3DKMT_DESTROYDEVICE destroy = {.hDevice = create.hDevice};
    return failed(D3DKMTDestroyDevice(&destroy), "D3DKMTDestroyDevice") || result;
}
