/*
 * The D3DKMT structures as we declare them, the schema's rows and the request numbers are those of the published interface, which
 * tests/data/d3dkmt-layout.tsv and dxg-ioctls.tsv hold. Every structure of the header is checked, or named here as unpublished.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/d3dkmt.h"
#include "abi/softgpu.h"
#include "schema/schema.h"

/* ---- The published data ----------------------------------------------------------------------------------------------------- */

struct published_member {
    char path[96];
    size_t offset, size;
    int bit, bits; /* bits 0: no bit field */
};

struct published {
    char name[64];
    size_t size, count;
    struct published_member members[64];
};

struct published_request {
    char thunk[64], structure[64];
    unsigned number;
    size_t size;
    unsigned long request;
};

static struct published structures[128];
static struct published_request requests[128];
static size_t structure_count, request_count;

static void read_lines(const char *path, void (*take)(const char *line))
{
    char line[512];
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s: cannot be opened", path);
    while (fgets(line, sizeof line, file))
        if (line[0] != '#' && line[0] != '\n')
            take(line);
    fclose(file);
}

static void take_layout(const char *line)
{
    if (line[0] != '\t') {
        assert_true(structure_count < sizeof structures / sizeof *structures);
        struct published *structure = &structures[structure_count++];
        assert_int_equal(sscanf(line, "struct\t%63s\t%zu", structure->name, &structure->size), 2);
        return;
    }
    struct published *structure = &structures[structure_count - 1];
    assert_true(structure->count < sizeof structure->members / sizeof *structure->members);
    struct published_member *member = &structure->members[structure->count++];
    int fields = sscanf(line, "\t%95s\t%zu\tbit %d:%d", member->path, &member->offset, &member->bit, &member->bits);
    if (fields != 4)
        assert_int_equal(sscanf(line, "\t%95s\t%zu\t%zu", member->path, &member->offset, &member->size), 3);
}

static void take_request(const char *line)
{
    assert_true(request_count < sizeof requests / sizeof *requests);
    struct published_request *request = &requests[request_count++];
    assert_int_equal(sscanf(line, "%63s\t%x\t%63s\t%zu\t%lx", request->thunk, &request->number, request->structure,
                            &request->size, &request->request),
                     5);
}

static const struct published *find_structure(const char *name)
{
    for (size_t i = 0; i < structure_count; i++)
        if (strcmp(structures[i].name, name) == 0)
            return &structures[i];
    return NULL;
}

static const struct published_member *find_member(const struct published *structure, const char *path)
{
    for (size_t i = 0; i < structure->count; i++)
        if (strcmp(structure->members[i].path, path) == 0)
            return &structure->members[i];
    return NULL;
}

static int read_published(void **state)
{
    (void)state;
    read_lines(SOURCE_DIR "/tests/data/d3dkmt-layout.tsv", take_layout);
    read_lines(SOURCE_DIR "/tests/data/dxg-ioctls.tsv", take_request);
    return structure_count > 50 && request_count > 60 ? 0 : -1;
}

/* ---- Our header ------------------------------------------------------------------------------------------------------------- */

/* P(structure, M(member)…): published, every member named. U(structure, size): not in the published data; the size is the one that
   the host asks for in QueryAdapterInfo, or follows from its members. */
#define LAYOUTS(P, U)                                                                                                       \
    U(D3DKMT_LUID, 8)                                                                                                       \
    P(D3DKMT_ADAPTERINFO, M(hAdapter) M(AdapterLuid.LowPart) M(AdapterLuid.HighPart) M(NumOfSources)                        \
      M(bPrecisePresentRegionsPreferred))                                                                                   \
    P(D3DKMT_ENUMADAPTERS2, M(NumAdapters) M(pAdapters))                                                                    \
    P(D3DKMT_ENUMADAPTERS3, M(Filter.Value) M(NumAdapters) M(pAdapters))                                                    \
    P(D3DKMT_OPENADAPTERFROMLUID, M(AdapterLuid.LowPart) M(AdapterLuid.HighPart) M(hAdapter))                               \
    P(D3DKMT_CLOSEADAPTER, M(hAdapter))                                                                                     \
    P(D3DKMT_QUERYADAPTERINFO, M(hAdapter) M(Type) M(pPrivateDriverData) M(PrivateDriverDataSize))                          \
    U(D3DKMT_UMDFILENAMEINFO, 1044)                                                                                         \
    U(D3DKMT_UMDFILENAMEINFO_UTF16, 524)                                                                                    \
    P(D3DKMT_SEGMENTSIZEINFO, M(DedicatedVideoMemorySize) M(DedicatedSystemMemorySize) M(SharedSystemMemorySize))           \
    P(D3DKMT_ADAPTERREGISTRYINFO, M(AdapterString) M(BiosString) M(DacType) M(ChipType))                                    \
    U(D3DKMT_ADAPTERREGISTRYINFO_UTF16, 2080)                                                                               \
    P(D3DKMT_ADAPTERTYPE, M(Value))                                                                                         \
    U(D3DKMT_WDDM_2_0_CAPS, 4)                                                                                              \
    P(D3DKMT_WDDM_2_7_CAPS, M(Value))                                                                                       \
    U(DXGK_NODEMETADATA, 138)                                                                                               \
    U(DXGK_NODEMETADATA_UTF16, 74)                                                                                          \
    U(D3DKMT_NODEMETADATA, 142)                                                                                             \
    U(D3DKMT_NODEMETADATA_UTF16, 78)                                                                                        \
    P(D3DKMT_DEVICE_IDS, M(VendorID) M(DeviceID) M(SubVendorID) M(SubSystemID) M(RevisionID) M(BusType))                    \
    P(D3DKMT_QUERY_DEVICE_IDS, M(PhysicalAdapterIndex) M(DeviceIds.VendorID) M(DeviceIds.DeviceID)                          \
      M(DeviceIds.SubVendorID) M(DeviceIds.SubSystemID) M(DeviceIds.RevisionID) M(DeviceIds.BusType))                       \
    P(D3DKMT_QUERY_ADAPTER_UNIQUE_GUID, M(AdapterUniqueGUID))                                                               \
    U(D3DKMT_QUERY_ADAPTER_UNIQUE_GUID_UTF16, 80)                                                                           \
    U(D3DKMT_DRIVER_DESCRIPTION, 16384)                                                                                     \
    U(D3DKMT_DRIVER_DESCRIPTION_UTF16, 8192)                                                                                \
    P(D3DKMT_QUERYVIDEOMEMORYINFO, M(hProcess) M(hAdapter) M(MemorySegmentGroup) M(Budget) M(CurrentUsage)                  \
      M(CurrentReservation) M(AvailableForReservation) M(PhysicalAdapterIndex))                                             \
    P(D3DKMT_CREATEDEVICE, M(hAdapter) M(pAdapter) M(Flags) M(hDevice) M(pCommandBuffer) M(CommandBufferSize)               \
      M(pAllocationList) M(AllocationListSize) M(pPatchLocationList) M(PatchLocationListSize))                              \
    P(D3DKMT_DESTROYDEVICE, M(hDevice))                                                                                     \
    P(D3DKMT_GETDEVICESTATE, M(hDevice) M(StateType) M(ExecutionState) M(ResetState.Value)                                  \
      M(PresentState.VidPnSourceId) M(PresentState.PresentStats.PresentCount)                                               \
      M(PresentState.PresentStats.PresentRefreshCount) M(PresentState.PresentStats.SyncRefreshCount)                        \
      M(PresentState.PresentStats.SyncQPCTime) M(PresentState.PresentStats.SyncGPUTime)                                     \
      M(PresentStateDWM.VidPnSourceId) M(PresentStateDWM.PresentStatsDWM.PresentCount)                                      \
      M(PresentStateDWM.PresentStatsDWM.PresentRefreshCount) M(PresentStateDWM.PresentStatsDWM.PresentQPCTime)              \
      M(PresentStateDWM.PresentStatsDWM.SyncRefreshCount) M(PresentStateDWM.PresentStatsDWM.SyncQPCTime)                    \
      M(PresentStateDWM.PresentStatsDWM.CustomPresentDuration) M(PageFaultState.FaultedPrimitiveAPISequenceNumber)          \
      M(PageFaultState.FaultedPipelineStage) M(PageFaultState.FaultedBindTableEntry) M(PageFaultState.PageFaultFlags)       \
      M(PageFaultState.FaultErrorCode) M(PageFaultState.FaultedVirtualAddress) M(PresentQueueState.VidPnSourceId)           \
      M(PresentQueueState.bQueuedPresentLimitReached))                                                                      \
    P(D3DKMT_CREATECONTEXTVIRTUAL, M(hDevice) M(NodeOrdinal) M(EngineAffinity) M(Flags) M(pPrivateDriverData)               \
      M(PrivateDriverDataSize) M(ClientHint) M(hContext))                                                                   \
    P(D3DKMT_DESTROYCONTEXT, M(hContext))                                                                                   \
    P(D3DKMT_CREATEPAGINGQUEUE, M(hDevice) M(Priority) M(hPagingQueue) M(hSyncObject) M(FenceValueCPUVirtualAddress)        \
      M(PhysicalAdapterIndex))                                                                                              \
    P(D3DDDI_DESTROYPAGINGQUEUE, M(hPagingQueue))                                                                           \
    P(D3DKMT_CREATESTANDARDALLOCATION, M(Type) M(ExistingHeapData.Size) M(Flags))                                           \
    P(D3DDDI_ALLOCATIONINFO, M(hAllocation) M(pSystemMem) M(pPrivateDriverData) M(PrivateDriverDataSize)                    \
      M(VidPnSourceId) M(Flags))                                                                                            \
    P(D3DDDI_ALLOCATIONINFO2, M(hAllocation) M(hSection) M(pSystemMem) M(pPrivateDriverData) M(PrivateDriverDataSize)       \
      M(VidPnSourceId) M(Flags) M(GpuVirtualAddress) M(Priority) M(Unused) M(Reserved))                                     \
    P(D3DKMT_CREATEALLOCATION, M(hDevice) M(hResource) M(hGlobalShare) M(pPrivateRuntimeData) M(PrivateRuntimeDataSize)     \
      M(pStandardAllocation) M(pPrivateDriverData) M(PrivateDriverDataSize) M(NumAllocations) M(pAllocationInfo)            \
      M(pAllocationInfo2) M(Flags) M(hPrivateRuntimeResourceHandle))                                                        \
    P(D3DKMT_DESTROYALLOCATION, M(hDevice) M(hResource) M(phAllocationList) M(AllocationCount))                             \
    P(D3DKMT_DESTROYALLOCATION2, M(hDevice) M(hResource) M(phAllocationList) M(AllocationCount) M(Flags))

struct member {
    const char *path;
    size_t offset, size;
};

#define M(path) {#path, offsetof(abi, path), sizeof(((abi *)0)->path)},
#define DEFINE(structure, ...)                                                                                              \
    static const struct member *members_##structure(void)                                                                   \
    {                                                                                                                       \
        typedef struct structure abi;                                                                                       \
        static const struct member table[] = {__VA_ARGS__{0}};                                                              \
        return table;                                                                                                       \
    }
#define NOTHING(...)
LAYOUTS(DEFINE, NOTHING)

static const struct layout {
    const char *name;
    size_t size, expected;
    const struct member *(*members)(void); /* null: unpublished */
} layouts[] = {
#define ROW_PUBLISHED(structure, ...) {#structure, sizeof(struct structure), 0, members_##structure},
#define ROW_UNPUBLISHED(structure, size) {#structure, sizeof(struct structure), size, NULL},
    LAYOUTS(ROW_PUBLISHED, ROW_UNPUBLISHED)};
enum { LAYOUT_COUNT = sizeof layouts / sizeof *layouts };

static bool is_under(const char *path, const char *parent)
{
    size_t length = strlen(parent);
    return strncmp(path, parent, length) == 0 && (path[length] == 0 || path[length] == '.');
}

/* Our member is the published one of its name, or the word that the published parts below its name lie in. */
static void check_member(const struct published *structure, const struct member *member)
{
    size_t parts = 0;
    for (size_t i = 0; i < structure->count; i++) {
        const struct published_member *known = &structure->members[i];
        if (!is_under(known->path, member->path))
            continue;
        parts++;
        bool whole = !known->bits && (strcmp(known->path, member->path) == 0 || strstr(known->path, "Value"));
        size_t size = known->bits ? 4 : known->size;
        if (known->offset < member->offset || known->offset + size > member->offset + member->size ||
            (whole && (known->offset != member->offset || known->size != member->size)))
            fail_msg("%s.%s: ours at %zu, %zu bytes; published %s at %zu, %zu bytes", structure->name, member->path,
                     member->offset, member->size, known->path, known->offset, size);
    }
    if (parts == 0)
        fail_msg("%s.%s: not a member of the published structure", structure->name, member->path);
}

/* Every published member has one of ours around it: of its name or the word that its bits lie in. */
static void check_covered(const struct published *structure, const struct member *members)
{
    for (size_t i = 0; i < structure->count; i++) {
        const struct published_member *known = &structure->members[i];
        bool covered = false;
        for (const struct member *member = members; member->path; member++)
            covered |= known->offset >= member->offset && known->offset < member->offset + member->size &&
                       (known->bits || is_under(known->path, member->path));
        if (!covered)
            fail_msg("%s.%s is published, and our header lacks it", structure->name, known->path);
    }
}

static void structures_are_laid_out_as_published(void **state)
{
    (void)state;
    for (size_t i = 0; i < LAYOUT_COUNT; i++) {
        const struct layout *layout = &layouts[i];
        const struct published *structure = find_structure(layout->name);
        if (!layout->members) {
            assert_null(structure); /* or it belongs in P */
            if (layout->size != layout->expected)
                fail_msg("%s: %zu bytes, not %zu", layout->name, layout->size, layout->expected);
            continue;
        }
        if (!structure)
            fail_msg("%s: not in the published data", layout->name);
        if (layout->size != structure->size)
            fail_msg("%s: %zu bytes, published %zu", layout->name, layout->size, structure->size);
        for (const struct member *member = layout->members(); member->path; member++)
            check_member(structure, member);
        check_covered(structure, layout->members());
    }
}

static size_t declared_count;
static void take_header_line(const char *line)
{
    char name[64];
    char brace;
    if (sscanf(line, "struct %63s %c", name, &brace) != 2 || brace != '{')
        return;
    declared_count++;
    for (size_t i = 0; i < LAYOUT_COUNT; i++)
        if (strcmp(layouts[i].name, name) == 0)
            return;
    fail_msg("struct %s is declared in abi/d3dkmt.h and not checked here", name);
}

static void every_structure_of_the_header_is_checked(void **state)
{
    (void)state;
    read_lines(SOURCE_DIR "/common/abi/d3dkmt.h", take_header_line);
    assert_int_equal(declared_count, LAYOUT_COUNT);
}

/* ---- Flag bits that the header names ---------------------------------------------------------------------------------------- */

static void named_bits_are_where_published(void **state)
{
    (void)state;
#define FLAG(structure, prefix, name) {#structure, prefix #name, structure##_##name}
    static const struct {
        const char *structure, *path;
        uint32_t mask;
    } flags[] = {
        FLAG(D3DKMT_ADAPTERTYPE, "", RenderSupported), FLAG(D3DKMT_ADAPTERTYPE, "", SoftwareDevice),
        FLAG(D3DKMT_ADAPTERTYPE, "", Paravirtualized), FLAG(D3DKMT_ADAPTERTYPE, "", ComputeOnly),
        FLAG(D3DKMT_CREATEALLOCATION, "Flags.", CreateResource), FLAG(D3DKMT_CREATEALLOCATION, "Flags.", CreateShared),
        FLAG(D3DKMT_CREATEALLOCATION, "Flags.", CreateProtected), FLAG(D3DKMT_CREATEALLOCATION, "Flags.", ExistingSysMem),
        FLAG(D3DKMT_CREATEALLOCATION, "Flags.", NtSecuritySharing),
        FLAG(D3DKMT_CREATEALLOCATION, "Flags.", StandardAllocation), FLAG(D3DKMT_CREATEALLOCATION, "Flags.", ExistingSection),
    };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        const struct published_member *bit = find_member(find_structure(flags[i].structure), flags[i].path);
        assert_non_null(bit);
        if (flags[i].mask != 1u << bit->bit)
            fail_msg("%s.%s is bit %d, not %#x", flags[i].structure, flags[i].path, bit->bit, flags[i].mask);
    }
}

/* ---- Requests and the schema ------------------------------------------------------------------------------------------------ */

static void requests_follow_from_number_and_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < request_count; i++) {
        const struct published_request *request = &requests[i];
        if (_IOC(_IOC_READ | _IOC_WRITE, DXG_IOCTL_TYPE, request->number, request->size) != request->request)
            fail_msg("%s: number %#x and %zu bytes do not make %#lx", request->thunk, request->number, request->size,
                     request->request);
        const struct published *structure = find_structure(request->structure);
        if (structure)
            assert_int_equal(structure->size, request->size);
    }
}

static const struct published_request *find_request(const char *thunk)
{
    for (size_t i = 0; i < request_count; i++)
        if (strcmp(requests[i].thunk, thunk) == 0)
            return &requests[i];
    return NULL;
}

/* Bits that drivers have by now and the published header calls reserved. */
static bool is_newer_bit(const char *name)
{
    return strcmp(name, "NoImplicitSynchronization") == 0;
}

static void check_row_flags(const struct published *structure, const struct ga_member *member)
{
    size_t published = 0, named = 0;
    size_t length = strlen(member->name);
    for (size_t i = 0; i < structure->count; i++) {
        const struct published_member *bit = &structure->members[i];
        published += bit->bits && strncmp(bit->path, member->name, length) == 0 && !strstr(bit->path, "Reserved");
    }
    for (const struct ga_flag_name *flag = member->flags; flag->name; flag++) {
        char path[128];
        if (is_newer_bit(flag->name))
            continue;
        snprintf(path, sizeof path, "%s.%s", member->name, flag->name);
        const struct published_member *bit = find_member(structure, path);
        if (!bit || bit->bits != 1 || bit->bit != flag->bit)
            fail_msg("schema: %s.%s is no bit %u of the published structure", structure->name, path, flag->bit);
        named++;
    }
    if (published != named)
        fail_msg("schema: %s.%s names %zu of %zu bits", structure->name, member->name, named, published);
}

/* A member's bytes: A[1] is an element of A. */
static void check_row_member(const struct published *structure, const struct ga_member *member)
{
    char path[96];
    size_t index = 0;
    snprintf(path, sizeof path, "%s", member->path);
    char *bracket = strchr(path, '[');
    if (bracket) {
        index = strtoul(bracket + 1, NULL, 10);
        *bracket = 0;
    }
    const struct published_member *known = find_member(structure, path);
    char value[112];
    snprintf(value, sizeof value, "%s.Value", path);
    if (!known)
        known = find_member(structure, value);
    if (!known && member->kind == GA_FLAGS) { /* bits only, without a member for the whole word */
        for (size_t i = 0; i < structure->count && !known; i++)
            if (is_under(structure->members[i].path, path))
                known = &structure->members[i];
        assert_non_null(known);
        assert_int_equal(known->offset, member->offset);
        assert_int_equal(member->width, 4);
    } else if (!known || known->offset + index * member->width != member->offset ||
               (bracket ? known->size % member->width != 0 : known->size != member->width)) {
        fail_msg("schema: %s.%s at %u, %u bytes is not as published", structure->name, member->path, member->offset,
                 member->width);
    }
    if (member->kind == GA_FLAGS)
        check_row_flags(structure, member);
}

/* Whether members of the row lie over every byte of a published member. */
static bool row_has(const struct ga_row *row, const struct published_member *known)
{
    if (strcmp(known->path, "pAdapter") == 0) /* the arm of hAdapter's union that only kernel-mode callers use */
        return true;
    size_t end = known->offset + (known->bits ? 4 : known->size);
    for (size_t byte = known->offset; byte < end; byte++) {
        bool covered = false;
        for (const struct ga_member *member = row->members(); member->name; member++)
            covered |= member->offset != GA_NONE && byte >= member->offset && byte < (size_t)member->offset + member->width;
        if (!covered)
            return false;
    }
    return true;
}

/* The row's structure has the published size, and each of its members is recorded, as what it is and from where it is. */
static void check_row(const struct ga_row *row, const char *name)
{
    const struct published *structure = find_structure(name);
    if (!structure)
        fail_msg("schema: %s describes %s, which is not published", row->event, name);
    assert_int_equal(row->abi_size, structure->size);
    for (const struct ga_member *member = row->members(); member->name; member++)
        if (member->offset != GA_NONE)
            check_row_member(structure, member);
    for (size_t i = 0; i < structure->count; i++)
        if (!row_has(row, &structure->members[i]))
            fail_msg("schema: %s does not record %s.%s", row->event, name, structure->members[i].path);
}

static void rows_describe_the_published_structures(void **state)
{
    (void)state;
    static const struct {
        const char *event, *structure;
    } elements[] = {
        {"d3dkmt:adapter_info", "D3DKMT_ADAPTERINFO"},
        {"d3dkmt:standard_allocation", "D3DKMT_CREATESTANDARDALLOCATION"},
        {"d3dkmt:allocation", "D3DDDI_ALLOCATIONINFO2"},
    };
    size_t calls = 0, rows = 0;
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        if (strcmp(row->provider, "d3dkmt") != 0)
            continue;
        rows++;
        if (row->kind != GA_ROW_CALL)
            continue;
        const struct published_request *request = find_request(row->request);
        if (!request)
            fail_msg("schema: %s is no published request", row->request);
        if (row->number != request->number)
            fail_msg("schema: %s is request %#x, published %#x", row->request, row->number, request->number);
        assert_ptr_equal(ga_row_dxg(request->number), row);
        assert_int_equal(row->abi_size, request->size);
        check_row(row, request->structure);
        calls++;
    }
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
        const struct ga_row *row = ga_row_by_name(elements[i].event);
        assert_non_null(row);
        check_row(row, elements[i].structure);
    }
    assert_true(calls >= 9);
    assert_int_equal(rows, calls + sizeof elements / sizeof *elements); /* a new element belongs in the table above */
}

static void older_elements_are_a_prefix(void **state)
{
    (void)state;
    assert_int_equal(offsetof(struct D3DDDI_ALLOCATIONINFO, Flags), offsetof(struct D3DDDI_ALLOCATIONINFO2, Flags));
    const struct ga_member *infos = ga_row_member(ga_row_by_name("d3dkmt:create_allocation"), "pAllocationInfo2");
    assert_int_equal(infos->older_size, sizeof(struct D3DDDI_ALLOCATIONINFO));
}

static void private_data_of_softgpu_is_32_bytes(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct softgpu_private_data), 32);
    assert_int_equal(offsetof(struct softgpu_private_data, reserved), 16);
    assert_int_equal(offsetof(struct softgpu_private_data, format), 28);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structures_are_laid_out_as_published),
        cmocka_unit_test(every_structure_of_the_header_is_checked),
        cmocka_unit_test(named_bits_are_where_published),
        cmocka_unit_test(requests_follow_from_number_and_size),
        cmocka_unit_test(rows_describe_the_published_structures),
        cmocka_unit_test(older_elements_are_a_prefix),
        cmocka_unit_test(private_data_of_softgpu_is_32_bytes),
    };
    return cmocka_run_group_tests(tests, read_published, NULL);
}
