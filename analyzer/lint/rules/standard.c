/* Standard allocations: what CreateAllocation asks of one, as WSL2's dxgkrnl checks it. */
#include "analyzer/lint/lint.h"

#include <inttypes.h>

enum {
    EXISTING_SYS_MEM = 1u << 5, /* D3DKMT_CREATEALLOCATIONFLAGS */
    STANDARD_ALLOCATION = 1u << 16,
    EXISTING_HEAP = 1, /* D3DKMT_STANDARDALLOCATIONTYPE */
    CROSS_ADAPTER = 2,
    PAGE = 4096,
};

enum { MISSING, TYPE, COUNT, SIZE, DATA, HEAP, CROSS };
static const struct lint_rule rules[] = {
    [MISSING] = {"standard-missing", LINT_ERROR, LINT_NEEDS_CALL,
                 "StandardAllocation is set, but pStandardAllocation is null or leads nowhere",
                 "Point it at a D3DKMT_CREATESTANDARDALLOCATION, or clear the flag"},
    [TYPE] = {"standard-type", LINT_ERROR, LINT_NEEDS_CALL, "A standard allocation is of a type that the kernel does not know",
              "Use 1 (existing heap) or 2 (cross-adapter)"},
    [COUNT] = {"standard-count", LINT_ERROR, LINT_NEEDS_CALL, "A create of a standard allocation has not exactly one element",
               "Set NumAllocations to 1, and make one call for each"},
    [SIZE] = {"standard-size", LINT_ERROR, LINT_NEEDS_CALL,
              "The size of a standard allocation is 0, or no multiple of a page of 4096 bytes",
              "Round ExistingHeapData.Size up to whole pages"},
    [DATA] = {"standard-private-data", LINT_ERROR, LINT_NEEDS_CALL, "A standard allocation has private driver data",
              "Set PrivateDriverDataSize to 0 in the call and in its element: no driver reads it"},
    [HEAP] = {"standard-heap-memory", LINT_ERROR, LINT_NEEDS_CALL,
              "An existing heap lacks ExistingSysMem or a page-aligned pSystemMem",
              "Set Flags.ExistingSysMem, and pSystemMem to the heap's first page"},
    [CROSS] = {"standard-cross-adapter-memory", LINT_ERROR, LINT_NEEDS_CALL,
               "A cross-adapter allocation was given ExistingSysMem or a pSystemMem",
               "Leave both out: the kernel brings the memory"},
    {NULL},
};

static const void *record_of(const struct ga_call *call, enum ga_row_id row)
{
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX; i++) {
        const struct ga_elements *elements = &call->elements[i];
        if (elements->row == &ga_rows[row] && elements->count && ((const struct ga_element_header *)elements->records)->size)
            return elements->records;
    }
    return NULL;
}

/* What depends on the type. */
static int check_type(struct lint *lint, const struct ga_call *call, const struct ga_d3dkmt_standard_allocation *standard,
                      const struct lint_call *now, struct lint_what what)
{
    const struct ga_d3dkmt_create_allocation *create = call->record;
    const struct ga_d3dkmt_allocation *element = record_of(call, GA_ROW_d3dkmt_allocation);
    bool existing = create->Flags & EXISTING_SYS_MEM;
    if (standard->Type != EXISTING_HEAP && standard->Type != CROSS_ADAPTER)
        return lint_report(lint, &rules[TYPE], now, what, "Type is %" PRIu32, standard->Type);
    if (!element)
        return 0; /* there is none, or it was lost */
    if (standard->Type == EXISTING_HEAP && (!existing || !element->pSystemMem || element->pSystemMem % PAGE))
        return lint_report(lint, &rules[HEAP], now, what, "ExistingSysMem is %s, pSystemMem is 0x%" PRIx64,
                           existing ? "set" : "not set", element->pSystemMem);
    if (standard->Type == CROSS_ADAPTER && (existing || element->pSystemMem))
        return lint_report(lint, &rules[CROSS], now, what, "ExistingSysMem is %s, pSystemMem is 0x%" PRIx64,
                           existing ? "set" : "not set", element->pSystemMem);
    return 0;
}

static int on_call(struct lint *lint, void *state, const struct ga_call *call)
{
    (void)state;
    const struct ga_d3dkmt_create_allocation *create = call->record;
    if (ga_row_id(call->row) != GA_ROW_d3dkmt_create_allocation || call->header->marks & GA_MARK_UNREADABLE ||
        !(create->Flags & STANDARD_ALLOCATION))
        return 0;
    const struct ga_d3dkmt_standard_allocation *standard = record_of(call, GA_ROW_d3dkmt_standard_allocation);
    const struct ga_d3dkmt_allocation *element = record_of(call, GA_ROW_d3dkmt_allocation);
    struct lint_what what = {.surface = create->hPrivateRuntimeResourceHandle};
    struct lint_call now = lint_call_of(call);
    int result = 0;
    if (!create->pStandardAllocation || (!standard && !create->pStandardAllocation_captured))
        result = lint_report(lint, &rules[MISSING], &now, what, "pStandardAllocation is 0x%" PRIx64, create->pStandardAllocation);
    if (!result && create->NumAllocations != 1)
        result = lint_report(lint, &rules[COUNT], &now, what, "NumAllocations is %" PRIu32, create->NumAllocations);
    uint32_t size = create->PrivateDriverDataSize, element_size = element ? element->PrivateDriverDataSize : 0;
    if (!result && (size || element_size))
        result = lint_report(lint, &rules[DATA], &now, what, "PrivateDriverDataSize is %" PRIu32 " in the %s",
                             size ? size : element_size, size ? "call" : "element");
    if (!result && standard && (!standard->ExistingHeapData_Size || standard->ExistingHeapData_Size % PAGE))
        result = lint_report(lint, &rules[SIZE], &now, what, "ExistingHeapData.Size is %" PRIu64, standard->ExistingHeapData_Size);
    return result || !standard ? result : check_type(lint, call, standard, &now, what);
}

const struct lint_family lint_family_standard = {.rules = rules, .call = on_call};
