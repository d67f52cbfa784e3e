/* What the environment asks of softgpu: sizes, adapters, faults. The words are described in abi/softgpu.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/softgpu.h"
#include "softgpu/softgpu.h"

/* Names by which faults call the requests: the thunk's name without D3DKMT. */
static const struct {
    const char *name;
    uint8_t number;
} names[] = {
    {"*", 0},
    {"OpenAdapterFromLuid", 0x01},
    {"CreateDevice", 0x02},
    {"CreateContextVirtual", 0x04},
    {"DestroyContext", 0x05},
    {"CreateAllocation2", 0x06},
    {"CreatePagingQueue", 0x07},
    {"ReserveGpuVirtualAddress", 0x08},
    {"QueryAdapterInfo", 0x09},
    {"QueryVideoMemoryInfo", 0x0a},
    {"MakeResident", 0x0b},
    {"MapGpuVirtualAddress", 0x0c},
    {"GetDeviceState", 0x0e},
    {"DestroyAllocation2", 0x13},
    {"EnumAdapters2", 0x14},
    {"CloseAdapter", 0x15},
    {"ChangeVideoMemoryReservation", 0x16},
    {"DestroyDevice", 0x19},
    {"DestroyPagingQueue", 0x1c},
    {"Evict", 0x1e},
    {"FreeGpuVirtualAddress", 0x20},
    {"InvalidateCache", 0x24},
    {"Lock2", 0x25},
    {"OfferAllocations", 0x27},
    {"QueryAllocationResidency", 0x2a},
    {"ReclaimAllocations2", 0x2c},
    {"SetAllocationPriority", 0x2e},
    {"Unlock2", 0x37},
    {"UpdateAllocationProperty", 0x38},
    {"UpdateGpuVirtualAddress", 0x39},
    {"GetAllocationPriority", 0x3c},
    {"EnumAdapters3", 0x3e},
    {"ShareObjects", 0x3f},
    {"Escape", 0x0d},
    {"SubmitCommand", 0x0f},
    {"CreateSynchronizationObject2", 0x10},
    {"CreateHwQueue", 0x18},
    {"DestroyHwQueue", 0x1b},
    {"DestroySynchronizationObject", 0x1d},
    {"FlushHeapTransitions", 0x1f},
    {"SignalSynchronizationObjectFromCpu", 0x31},
    {"SignalSynchronizationObjectFromGpu", 0x32},
    {"SignalSynchronizationObjectFromGpu2", 0x33},
    {"SubmitCommandToHwQueue", 0x34},
    {"SubmitSignalSyncObjectsToHwQueue", 0x35},
    {"SubmitWaitForSyncObjectsToHwQueue", 0x36},
    {"WaitForSynchronizationObjectFromCpu", 0x3a},
    {"WaitForSynchronizationObjectFromGpu", 0x3b},
    {"OpenSyncObjectFromNtHandle2", 0x40},
    {"ShareObjectWithHost", 0x44},
    {"QueryResourceInfoFromNtHandle", 0x41},
    {"OpenResourceFromNtHandle", 0x42},
};

struct unit {
    const char *name;
    uint64_t factor;
};
static const struct unit sizes[] = {{"", 1}, {"K", 1ull << 10}, {"M", 1ull << 20}, {"G", 1ull << 30}, {"T", 1ull << 40}, {0}};
static const struct unit times[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {0}};

/* A whole number with a unit that must follow it. */
static bool parse(const char *text, const struct unit *units, uint64_t *value)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 0);
    for (const struct unit *unit = units; unit->name && errno == 0; unit++)
        if (strcmp(end, unit->name) == 0)
            return !__builtin_mul_overflow((uint64_t)number, unit->factor, value);
    return false;
}

static bool parse_when(struct softgpu_fault *fault, char *text)
{
    size_t length = strlen(text);
    fault->when = SOFTGPU_FAULT_AT;
    if (text[0] == '/') {
        fault->when = SOFTGPU_FAULT_EACH;
        text++;
    } else if (length && text[length - 1] == '+') {
        fault->when = SOFTGPU_FAULT_FROM;
        text[length - 1] = 0;
    }
    return parse(text, (const struct unit[]){{"", 1}, {0}}, &fault->nth) && fault->nth != 0;
}

static bool parse_what(struct softgpu_fault *fault, const char *text)
{
    uint64_t status;
    if (strcmp(text, "remove") == 0) {
        fault->kind = SOFTGPU_FAULT_REMOVE;
        return true;
    }
    if (parse(text, times, &fault->delay_ns)) {
        fault->kind = SOFTGPU_FAULT_DELAY;
        return true;
    }
    if (!parse(text, (const struct unit[]){{"", 1}, {0}}, &status) || status > UINT32_MAX)
        return false;
    fault->kind = SOFTGPU_FAULT_STATUS;
    fault->status = (uint32_t)status;
    return true;
}

/* One CALL:WHEN:WHAT; text is cut up. */
static bool parse_fault(struct softgpu_fault *fault, char *text)
{
    char *when = strchr(text, ':');
    char *what = when ? strchr(when + 1, ':') : NULL;
    if (!what)
        return false;
    *when = *what = 0;
    *fault = (struct softgpu_fault){.request = UINT8_MAX};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i].name) == 0)
            fault->request = names[i].number;
    return fault->request != UINT8_MAX && parse_when(fault, when + 1) && parse_what(fault, what + 1);
}

static bool parse_faults(struct softgpu_config *config, const char *list)
{
    while (*list) {
        char text[128];
        size_t length = strcspn(list, ",");
        if (length >= sizeof text || config->fault_count == SOFTGPU_FAULTS_MAX)
            return false;
        memcpy(text, list, length);
        text[length] = 0;
        if (!parse_fault(&config->faults[config->fault_count++], text))
            return false;
        list += length + (list[length] == ',');
    }
    return true;
}

/* Room for the contents of all that can be allocated, twice, as it is not moved together: a sparse file. */
static uint64_t contents_size(const struct softgpu_config *config)
{
    uint64_t most = 1ull << 42, local = config->local_size < most ? config->local_size : most;
    uint64_t system = config->system_size < most ? config->system_size : most;
    uint64_t size = 2 * (local * config->adapters + system);
    return size < most ? (size + 0xffff) & ~0xffffull : most;
}

int softgpu_config_read(struct softgpu_config *config, const char *(*get)(const char *name), const char **wrong)
{
    *config = (struct softgpu_config){.local_size = 1ull << 30, .system_size = 4ull << 30, .adapters = 1};
    const struct {
        const char *name;
        const struct unit *units;
        uint64_t *value;
    } numbers[] = {{SOFTGPU_ENV_LOCAL, sizes, &config->local_size},
                   {SOFTGPU_ENV_SYSTEM, sizes, &config->system_size},
                   {SOFTGPU_ENV_LOCAL_BUDGET, sizes, &config->local_budget},
                   {SOFTGPU_ENV_SYSTEM_BUDGET, sizes, &config->system_budget},
                   {SOFTGPU_ENV_PAGING, times, &config->paging_ns}};
    const char *text;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        text = get(*wrong = numbers[i].name);
        if (text && !parse(text, numbers[i].units, numbers[i].value))
            return -EINVAL;
    }
    uint64_t adapters = 1;
    text = get(*wrong = SOFTGPU_ENV_ADAPTERS);
    if (text && (!parse(text, (const struct unit[]){{"", 1}, {0}}, &adapters) || !adapters || adapters > SOFTGPU_ADAPTERS_MAX))
        return -EINVAL;
    config->adapters = (uint32_t)adapters;
    text = get(*wrong = SOFTGPU_ENV_FAULTS);
    if (text && !parse_faults(config, text))
        return -EINVAL;
    *wrong = NULL;
    config->contents_size = contents_size(config);
    return 0;
}
