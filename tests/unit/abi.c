/*
 * The D3DKMT structures as we declare them, the schema's rows and the request numbers are those of the published interface, which
 * tests/data/d3dkmt-layout.tsv and dxg-ioctls.tsv hold. Every structure of the header is checked, or named here as unpublished.
 */
#include "published.h"

#include "abi/d3dkmt.h"
#include "abi/softgpu.h"

/* ---- The published data ----------------------------------------------------------------------------------------------------- */

static int read_published(void **state)
{
    (void)state;
    read_lines(SOURCE_DIR "/tests/data/d3dkmt-layout.tsv", take_layout);
    read_lines(SOURCE_DIR "/tests/data/dxg-ioctls.tsv", take_request);
    return structure_count > 50 && request_count > 60 ? 0 : -1;
}

/* ---- Our header ------------------------------------------------------------------------------------------------------------- */

/* Flag words that the interface also names as structures of their own. */
struct D3DKMT_CREATEALLOCATIONFLAGS {
    uint32_t Value;
};
struct D3DDDICB_DESTROYALLOCATION2FLAGS {
    uint32_t Value;
};

/* Every published structure with every member, made of the data by cmake/layout.cmake: what the header lacks does not compile. */
static void structures_are_laid_out_as_published(void **state)
{
    (void)state;
    size_t declared = 0;
#define STRUCT(name, size_)                                                                                                 \
    _Static_assert(sizeof(struct name) == (size_), "size of " #name);                                                       \
    declared++;
#define MEMBER(name, path, offset_, size_)                                                                                  \
    _Static_assert(offsetof(struct name, path) == (offset_), "offset of " #name "." #path);                                 \
    _Static_assert(sizeof(((struct name *)0)->path) == (size_), "size of " #name "." #path);
#define BIT(...)
#include "tests/d3dkmt-layout.inc"
#undef STRUCT
#undef MEMBER
#undef BIT
    assert_int_equal(declared, structure_count);
}

/* Structures of the header that the layout data leaves out. The size is that of the request, the one that the host asks for in
   QueryAdapterInfo, or follows from the members. */
static const struct unpublished {
    const char *name;
    size_t size, expected;
} unpublished[] = {
#define U(structure, expected_) {#structure, sizeof(struct structure), expected_},
    U(D3DKMT_LUID, 8)
    U(D3DKMT_UMDFILENAMEINFO, 1044)
    U(D3DKMT_UMDFILENAMEINFO_UTF16, 524)
    U(D3DKMT_ADAPTERREGISTRYINFO_UTF16, 2080)
    U(D3DKMT_WDDM_2_0_CAPS, 4)
    U(DXGK_NODEMETADATA, 138)
    U(DXGK_NODEMETADATA_UTF16, 74)
    U(D3DKMT_NODEMETADATA, 142)
    U(D3DKMT_NODEMETADATA_UTF16, 78)
    U(D3DKMT_QUERY_ADAPTER_UNIQUE_GUID_UTF16, 80)
    U(D3DKMT_DRIVER_DESCRIPTION, 16384)
    U(D3DKMT_DRIVER_DESCRIPTION_UTF16, 8192)
    U(D3DDDI_SYNCHRONIZATIONOBJECTINFO2, 80)
    U(D3DKMT_OPENSYNCHRONIZATIONOBJECT, 72)
#undef U
};
enum { UNPUBLISHED_COUNT = sizeof unpublished / sizeof *unpublished };

static bool is_unpublished(const char *name)
{
    for (size_t i = 0; i < UNPUBLISHED_COUNT; i++)
        if (strcmp(unpublished[i].name, name) == 0)
            return true;
    return false;
}

static void other_structures_have_their_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNPUBLISHED_COUNT; i++) {
        assert_null(find_structure(unpublished[i].name)); /* or it does not belong here */
        if (unpublished[i].size != unpublished[i].expected)
            fail_msg("%s: %zu bytes, not %zu", unpublished[i].name, unpublished[i].size, unpublished[i].expected);
    }
}

static bool is_under(const char *path, const char *parent)
{
    size_t length = strlen(parent);
    return strncmp(path, parent, length) == 0 && (path[length] == 0 || path[length] == '.');
}

static void take_header_line(const char *line)
{
    char name[64];
    char brace;
    if (sscanf(line, "struct %63s %c", name, &brace) != 2 || brace != '{')
        return;
    if (!find_structure(name) && !is_unpublished(name))
        fail_msg("struct %s is declared in abi/d3dkmt.h and not checked here", name);
}

static void every_structure_of_the_header_is_checked(void **state)
{
    (void)state;
    read_lines(SOURCE_DIR "/common/abi/d3dkmt.h", take_header_line);
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
        FLAG(D3DKMT_ADAPTERTYPE, "", RenderSupported), FLAG(D3DKMT_ADAPTERTYPE, "", DisplaySupported),
        FLAG(D3DKMT_ADAPTERTYPE, "", SoftwareDevice), FLAG(D3DKMT_ADAPTERTYPE, "", PostDevice),
        FLAG(D3DKMT_ADAPTERTYPE, "", HybridDiscrete), FLAG(D3DKMT_ADAPTERTYPE, "", HybridIntegrated),
        FLAG(D3DKMT_ADAPTERTYPE, "", IndirectDisplayDevice), FLAG(D3DKMT_ADAPTERTYPE, "", Paravirtualized),
        FLAG(D3DKMT_ADAPTERTYPE, "", ACGSupported), FLAG(D3DKMT_ADAPTERTYPE, "", SupportSetTimingsFromVidPn),
        FLAG(D3DKMT_ADAPTERTYPE, "", Detachable), FLAG(D3DKMT_ADAPTERTYPE, "", ComputeOnly),
        FLAG(D3DKMT_ADAPTERTYPE, "", Prototype), FLAG(D3DKMT_ADAPTERTYPE, "", RuntimePowerManagement),
        FLAG(D3DKMT_WDDM_2_7_CAPS, "", HwSchSupported), FLAG(D3DKMT_WDDM_2_7_CAPS, "", HwSchEnabled),
        FLAG(D3DKMT_WDDM_2_7_CAPS, "", HwSchEnabledByDefault), FLAG(D3DKMT_WDDM_2_7_CAPS, "", IndependentVidPnVSyncControl),
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
            fail_msg("%s: number %#x and %zu bytes do not make %#lx", request->name, request->number, request->size,
                     request->request);
        const struct published *structure = find_structure(request->structure);
        if (structure)
            assert_int_equal(structure->size, request->size);
    }
}

static const struct published_request *find_request(const char *thunk)
{
    for (size_t i = 0; i < request_count; i++)
        if (strcmp(requests[i].name, thunk) == 0)
            return &requests[i];
    return NULL;
}

/* Bits that drivers have by now and the published header calls reserved. */
static bool is_newer_bit(const char *name)
{
    return strcmp(name, "NoImplicitSynchronization") == 0;
}

/* Whether a published bit lies in the flags member: by its path, or by its place where the published word has no name. */
static bool is_bit_of(const struct published_member *bit, const struct ga_member *member)
{
    size_t word = strcspn(member->path, ".");
    bool named = strncmp(bit->path, member->path, word) == 0 && bit->path[word] == '.';
    return bit->bits && bit->offset == member->offset && (named || !strchr(bit->path, '.'));
}

/* The last part of a path. */
static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* Each published bit has its name at its place, and no other has a name. */
static void check_row_flags(const struct published *structure, const struct ga_member *member)
{
    size_t published = 0, named = 0;
    for (size_t i = 0; i < structure->count; i++)
        published += is_bit_of(&structure->members[i], member) && structure->members[i].bits == 1 &&
                     strncmp(last_part(structure->members[i].path), "Reserved", 8) != 0;
    for (const struct ga_flag_name *flag = member->flags; flag->name; flag++) {
        const struct published_member *bit = NULL;
        if (is_newer_bit(flag->name))
            continue;
        for (size_t i = 0; i < structure->count && !bit; i++)
            if (is_bit_of(&structure->members[i], member) && strcmp(last_part(structure->members[i].path), flag->name) == 0)
                bit = &structure->members[i];
        if (!bit || bit->bits != 1 || bit->bit != flag->bit)
            fail_msg("schema: %s.%s.%s is no bit %u of the published structure", structure->name, member->path, flag->name,
                     flag->bit);
        named++;
    }
    if (published != named)
        fail_msg("schema: %s.%s names %zu of %zu bits", structure->name, member->path, named, published);
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
    static const char *const wholes[] = {"Value", "QuadPart"}; /* of a union of the word and its parts */
    for (size_t i = 0; i < 2 && !known; i++) {
        char whole[112];
        snprintf(whole, sizeof whole, "%s.%s", path, wholes[i]);
        known = find_member(structure, whole);
    }
    if (!known && !bracket) { /* bits only, without a member for the whole word */
        for (size_t i = 0; i < structure->count && !known; i++)
            if (is_under(structure->members[i].path, path))
                known = &structure->members[i];
        assert_non_null(known);
        assert_int_equal(known->offset, member->offset);
        assert_int_equal(member->width, 4);
    } else if (!known || known->offset + index * member->width != member->offset ||
               (bracket ? known->size % member->width != 0 : known->size != bytes_of(member))) {
        fail_msg("schema: %s.%s at %u, %u bytes is not as published", structure->name, member->path, member->offset,
                 member->width);
    }
    if (member->kind == GA_FLAGS)
        check_row_flags(structure, member);
}

/* The row's structure has the published size, and each of its members is recorded, as what it is and from where it is. */
static void check_row(const struct ga_row *row, const char *name)
{
    const struct published *structure = find_structure(name);
    if (!structure && is_unpublished(name))
        return;
    if (!structure)
        fail_msg("schema: %s describes %s, which is not published", row->event, name);
    assert_int_equal(row->abi_size, structure->size);
    for (const struct ga_member *member = row->members(); member->name; member++)
        if (member->offset != GA_NONE)
            check_row_member(structure, member);
    for (size_t i = 0; i < structure->count; i++)
        /* pAdapter: the arm of hAdapter's union that only kernel-mode callers use */
        if (strcmp(structure->members[i].path, "pAdapter") != 0 && !row_has(row, &structure->members[i]))
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
        {"d3dkmt:open_allocation", "D3DDDI_OPENALLOCATIONINFO2"},
        {"d3dkmt:gpu_virtual_address_operation", "D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION"},
    };
    size_t calls = 0, rows = 0;
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        if (!ga_row_is_d3dkmt(row))
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
    assert_true(calls >= 50);
    assert_int_equal(rows, calls + sizeof elements / sizeof *elements); /* a new element belongs in the table above */
}

static void older_elements_are_a_prefix(void **state)
{
    (void)state;
    assert_int_equal(offsetof(struct D3DDDI_ALLOCATIONINFO, Flags), offsetof(struct D3DDDI_ALLOCATIONINFO2, Flags));
    const struct ga_member *infos = ga_row_member(ga_row_by_name("d3dkmt:create_allocation"), "pAllocationInfo2");
    assert_int_equal(infos->older_size, sizeof(struct D3DDDI_ALLOCATIONINFO));
    assert_int_equal(offsetof(struct D3DDDI_OPENALLOCATIONINFO, PrivateDriverDataSize),
                     offsetof(struct D3DDDI_OPENALLOCATIONINFO2, PrivateDriverDataSize));
    infos = ga_row_member(ga_row_by_name("d3dkmt:open_resource"), "pOpenAllocationInfo2");
    assert_int_equal(infos->older_size, sizeof(struct D3DDDI_OPENALLOCATIONINFO));
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
        cmocka_unit_test(other_structures_have_their_size),
        cmocka_unit_test(every_structure_of_the_header_is_checked),
        cmocka_unit_test(named_bits_are_where_published),
        cmocka_unit_test(requests_follow_from_number_and_size),
        cmocka_unit_test(rows_describe_the_published_structures),
        cmocka_unit_test(older_elements_are_a_prefix),
        cmocka_unit_test(private_data_of_softgpu_is_32_bytes),
    };
    return cmocka_run_group_tests(tests, read_published, NULL);
}
