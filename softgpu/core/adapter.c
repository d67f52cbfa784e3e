/* softgpu's adapters: listing, opening, closing, and what they answer to QueryAdapterInfo and QueryVideoMemoryInfo. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "softgpu/state.h"

#define LUID_LOW 0x53470001u /* of adapter 0; the next ones count up */
enum { ADAPTERS_ASKED_MAX = 64, QUERY_SIZE_MAX = DXG_BUS_PACKET_SIZE };

static uint32_t adapter_count(const struct softgpu *gpu)
{
    return gpu->removed ? 0 : gpu->config.adapters;
}

/* A handle of adapter number for the caller, and what the lists tell of it. */
static uint32_t open_adapter(struct softgpu_call *call, uint32_t number, struct D3DKMT_ADAPTERINFO *info)
{
    uint32_t index = softgpu_object_create(call->gpu, SOFTGPU_ADAPTER, call->place, 0, (uint8_t)number);
    if (index)
        *info = (struct D3DKMT_ADAPTERINFO){.hAdapter = softgpu_object_handle(call->gpu, index),
                                            .AdapterLuid.LowPart = LUID_LOW + number};
    return index;
}

/* Opens every adapter and writes the list, then the count at count_address; all are closed again when that fails. */
static long list_adapters(struct softgpu_call *call, void *list, uint64_t count_address)
{
    struct D3DKMT_ADAPTERINFO infos[SOFTGPU_ADAPTERS_MAX];
    uint32_t indexes[SOFTGPU_ADAPTERS_MAX], count = 0;
    long result = 0;
    while (count < adapter_count(call->gpu) && (indexes[count] = open_adapter(call, count, &infos[count])))
        count++;
    if (count < adapter_count(call->gpu))
        result = -ENOMEM;
    if (result == 0)
        result = softgpu_write(call, count_address, &count, sizeof count);
    if (result == 0)
        result = softgpu_write(call, (uintptr_t)list, infos, count * sizeof *infos);
    while (result && count)
        softgpu_object_destroy(call->gpu, indexes[--count]);
    return result;
}

long softgpu_enum_adapters2(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_ENUMADAPTERS2 *args = structure;
    uint32_t count = adapter_count(call->gpu);
    uint64_t count_address = call->argument + offsetof(struct D3DKMT_ENUMADAPTERS2, NumAdapters);
    if (!args->pAdapters)
        return softgpu_write(call, count_address, &count, sizeof count);
    if (args->NumAdapters < count)
        return -EOVERFLOW;
    if (args->NumAdapters > ADAPTERS_ASKED_MAX)
        return -EINVAL;
    return list_adapters(call, args->pAdapters, count_address);
}

long softgpu_enum_adapters3(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_ENUMADAPTERS3 *args = structure;
    uint32_t count = adapter_count(call->gpu);
    uint64_t count_address = call->argument + offsetof(struct D3DKMT_ENUMADAPTERS3, NumAdapters);
    if (!args->pAdapters || args->NumAdapters == 0)
        return softgpu_write(call, count_address, &count, sizeof count);
    if (args->NumAdapters > 0xffff)
        return -EINVAL;
    if (args->NumAdapters < count) {
        long result = softgpu_write(call, count_address, &count, sizeof count);
        return result ? result : -EOVERFLOW;
    }
    return list_adapters(call, args->pAdapters, count_address);
}

long softgpu_open_adapter_from_luid(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_OPENADAPTERFROMLUID *args = structure;
    uint32_t number = args->AdapterLuid.LowPart - LUID_LOW;
    if (args->AdapterLuid.HighPart || number >= adapter_count(call->gpu))
        return -EINVAL;
    struct D3DKMT_ADAPTERINFO info;
    uint32_t index = open_adapter(call, number, &info);
    if (!index)
        return -ENOMEM;
    long result = softgpu_write(call, call->argument + offsetof(struct D3DKMT_OPENADAPTERFROMLUID, hAdapter), &info.hAdapter,
                                sizeof info.hAdapter);
    if (result)
        softgpu_object_destroy(call->gpu, index);
    return result;
}

/* Devices made on the adapter live on: each holds its adapter by itself. */
long softgpu_close_adapter(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_CLOSEADAPTER *args = structure;
    uint32_t index = softgpu_object_find(call->gpu, call->place, SOFTGPU_ADAPTER, args->hAdapter);
    if (!index)
        return -EINVAL;
    softgpu_object_destroy(call->gpu, index);
    return 0;
}

static void put_text(uint16_t *to, const char *text)
{
    for (size_t i = 0; i == 0 || text[i - 1]; i++)
        to[i] = (unsigned char)text[i];
}

/* The answers. Each gets the answer's structure with what the caller wrote into it, and the adapter's number; 0 or a status. */
static uint32_t umd_file_name(const struct softgpu *gpu, unsigned adapter, void *answer)
{
    (void)gpu, (void)adapter;
    struct D3DKMT_UMDFILENAMEINFO_UTF16 *info = answer;
    if (info->Version > 3)
        return (uint32_t)STATUS_INVALID_PARAMETER;
    put_text(info->UmdFileName, "softgpu"); /* names no file: there is no user-mode driver */
    return 0;
}

static uint32_t segment_size(const struct softgpu *gpu, unsigned adapter, void *answer)
{
    (void)adapter;
    *(struct D3DKMT_SEGMENTSIZEINFO *)answer = (struct D3DKMT_SEGMENTSIZEINFO){
        .DedicatedVideoMemorySize = gpu->config.local_size, .SharedSystemMemorySize = gpu->config.system_size};
    return 0;
}

static uint32_t registry_info(const struct softgpu *gpu, unsigned adapter, void *answer)
{
    (void)gpu, (void)adapter;
    struct D3DKMT_ADAPTERREGISTRYINFO_UTF16 *info = answer;
    memset(info, 0, sizeof *info);
    put_text(info->AdapterString, "softgpu");
    put_text(info->BiosString, "none");
    put_text(info->DacType, "none");
    put_text(info->ChipType, "software");
    return 0;
}

static uint32_t adapter_type(const struct softgpu *gpu, unsigned adapter, void *answer)
{
    (void)gpu, (void)adapter;
    ((struct D3DKMT_ADAPTERTYPE *)answer)->Value =
        D3DKMT_ADAPTERTYPE_RenderSupported | D3DKMT_ADAPTERTYPE_SoftwareDevice | D3DKMT_ADAPTERTYPE_Paravirtualized;
    return 0;
}

static uint32_t wddm_2_0_caps(const struct softgpu *gpu, unsigned adapter, void *answer)
{
    (void)gpu, (void)adapter;
    ((struct D3DKMT_WDDM_2_0_CAPS *)answer)->Value = 1u << 1; /* GpuMmuSupported */
    return 0;
}

static uint32_t node_metadata(const struct softgpu *gpu, unsigned adapter, void *answer)
{
    (void)gpu, (void)adapter;
    struct D3DKMT_NODEMETADATA_UTF16 *info = answer;
    if (info->NodeOrdinalAndAdapterIndex != 0) /* one node on one physical adapter */
        return (uint32_t)STATUS_INVALID_PARAMETER;
    memset(&info->NodeData, 0, sizeof info->NodeData);
    info->NodeData.EngineType = 1; /* 3D */
    info->NodeData.GpuMmuSupported = 1;
    return 0;
}

static uint32_t device_ids(const struct softgpu *gpu, unsigned adapter, void *answer)
{
    (void)gpu;
    struct D3DKMT_QUERY_DEVICE_IDS *info = answer;
    if (info->PhysicalAdapterIndex != 0)
        return (uint32_t)STATUS_INVALID_PARAMETER;
    info->DeviceIds = (struct D3DKMT_DEVICE_IDS){.VendorID = 0x5347, .DeviceID = 1, .RevisionID = adapter}; /* no PCI vendor */
    return 0;
}

static uint32_t unique_guid(const struct softgpu *gpu, unsigned adapter, void *answer)
{
    (void)gpu;
    char text[40];
    snprintf(text, sizeof text, "{53475055-0000-4000-8000-%012x}", adapter);
    put_text(((struct D3DKMT_QUERY_ADAPTER_UNIQUE_GUID_UTF16 *)answer)->AdapterUniqueGUID, text);
    return 0;
}

static uint32_t driver_description(const struct softgpu *gpu, unsigned adapter, void *answer)
{
    (void)gpu, (void)adapter;
    memset(answer, 0, sizeof(struct D3DKMT_DRIVER_DESCRIPTION_UTF16));
    put_text(((struct D3DKMT_DRIVER_DESCRIPTION_UTF16 *)answer)->DriverDescription,
             "softgpu: a dxg device made of software (gpualloc)");
    return 0;
}

static uint32_t wddm_2_7_caps(const struct softgpu *gpu, unsigned adapter, void *answer)
{
    (void)gpu, (void)adapter;
    ((struct D3DKMT_WDDM_2_7_CAPS *)answer)->Value = 3; /* HwSchSupported, HwSchEnabled: there are hardware queues */
    return 0;
}

static const struct {
    uint32_t type, size;
    uint32_t (*answer)(const struct softgpu *gpu, unsigned adapter, void *answer);
} answers[] = {
    {KMTQAITYPE_UMDRIVERNAME, sizeof(struct D3DKMT_UMDFILENAMEINFO_UTF16), umd_file_name},
    {KMTQAITYPE_GETSEGMENTSIZE, sizeof(struct D3DKMT_SEGMENTSIZEINFO), segment_size},
    {KMTQAITYPE_ADAPTERREGISTRYINFO, sizeof(struct D3DKMT_ADAPTERREGISTRYINFO_UTF16), registry_info},
    {KMTQAITYPE_ADAPTERTYPE, sizeof(struct D3DKMT_ADAPTERTYPE), adapter_type},
    {KMTQAITYPE_WDDM_2_0_CAPS, sizeof(struct D3DKMT_WDDM_2_0_CAPS), wddm_2_0_caps},
    {KMTQAITYPE_NODEMETADATA, sizeof(struct D3DKMT_NODEMETADATA_UTF16), node_metadata},
    {KMTQAITYPE_PHYSICALADAPTERDEVICEIDS, sizeof(struct D3DKMT_QUERY_DEVICE_IDS), device_ids},
    {KMTQAITYPE_ADAPTERTYPE_RENDER, sizeof(struct D3DKMT_ADAPTERTYPE), adapter_type},
    {KMTQAITYPE_QUERY_ADAPTER_UNIQUE_GUID, sizeof(struct D3DKMT_QUERY_ADAPTER_UNIQUE_GUID_UTF16), unique_guid},
    {KMTQAITYPE_DRIVER_DESCRIPTION, sizeof(struct D3DKMT_DRIVER_DESCRIPTION_UTF16), driver_description},
    {KMTQAITYPE_WDDM_2_7_CAPS, sizeof(struct D3DKMT_WDDM_2_7_CAPS), wddm_2_7_caps},
};

long softgpu_query_adapter_info(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_QUERYADAPTERINFO *args = structure;
    if (args->PrivateDriverDataSize == 0 || args->PrivateDriverDataSize > QUERY_SIZE_MAX)
        return -EINVAL;
    uint32_t index;
    long result = softgpu_live_find(call, SOFTGPU_ADAPTER, args->hAdapter, &index);
    if (result)
        return result;
    void *answer = call->gpu->scratch;
    result = softgpu_read(call, answer, (uintptr_t)args->pPrivateDriverData, args->PrivateDriverDataSize);
    if (result)
        return result;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (answers[i].type != args->Type || answers[i].size != args->PrivateDriverDataSize)
            continue;
        result = softgpu_status_result(answers[i].answer(call->gpu, call->gpu->objects[index].adapter, answer));
        return result ? result : softgpu_write(call, (uintptr_t)args->pPrivateDriverData, answer, answers[i].size);
    }
    return softgpu_invalid(); /* a type, or a size for it, that the host doesn't know */
}

long softgpu_query_video_memory_info(struct softgpu_call *call, void *structure)
{
    struct D3DKMT_QUERYVIDEOMEMORYINFO *args = structure;
    if (args->hProcess != 0) /* another process's */
        return -EINVAL;
    uint32_t index;
    long result = softgpu_live_find(call, SOFTGPU_ADAPTER, args->hAdapter, &index);
    if (result)
        return result;
    if (args->MemorySegmentGroup > 1 || args->PhysicalAdapterIndex != 0)
        return softgpu_invalid();
    int segment = args->MemorySegmentGroup == 0 ? SEGMENT_LOCAL : SEGMENT_SYSTEM;
    uint8_t adapter = call->gpu->objects[index].adapter;
    args->Budget = softgpu_budget(call->gpu, call->place, adapter, segment);
    args->CurrentUsage = call->gpu->processes[call->place].used[adapter][segment];
    args->CurrentReservation = call->gpu->processes[call->place].reserved[adapter][segment];
    args->AvailableForReservation = args->Budget / 2;
    size_t from = offsetof(struct D3DKMT_QUERYVIDEOMEMORYINFO, Budget);
    size_t to = offsetof(struct D3DKMT_QUERYVIDEOMEMORYINFO, PhysicalAdapterIndex);
    return softgpu_write(call, call->argument + from, (char *)args + from, to - from);
}
