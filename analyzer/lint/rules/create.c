/* What CreateAllocation asks of its arguments, a standard allocation's rules aside. Sources: the D3DKMT reference, and the checks of
   WSL2's dxgkrnl. A call that was refused for several of them is told each. */
#include "analyzer/lint/lint.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
    CREATE_RESOURCE = 1u << 0, /* D3DKMT_CREATEALLOCATIONFLAGS */
    CREATE_SHARED = 1u << 1,
    CREATE_PROTECTED = 1u << 3,
    STANDARD_ALLOCATION = 1u << 16,
    EXISTING_SECTION = 1u << 17,
    ALLOCATIONS_MAX = 1024,
    PAGE = 4096,
    /* One packet on WSL2's bus: everything of a create has to fit, with these many bytes for the header and each element. */
    PACKET_SIZE = 128 * 1024,
    PACKET_HEADER_SIZE = 64,
    PACKET_ELEMENT_SIZE = 12,
};

enum { SHARED, REFUSED_FLAG, COUNT, DATA_SIZE, DATA_POINTER, MEMORY_ALIGNMENT, MEMORY_MIXED, UNKNOWN_FLAGS, RESERVED };
static const struct lint_rule rules[] = {
    [SHARED] = {"shared-without-resource", LINT_ERROR, LINT_NEEDS_CALL,
                "CreateShared was set without CreateResource: only a resource can be shared",
                "Set Flags.CreateResource beside CreateShared and NtSecuritySharing"},
    [REFUSED_FLAG] = {"refused-flag", LINT_ERROR, LINT_NEEDS_CALL,
                      "CreateProtected or ExistingSection was set, which WSL2's kernel refuses",
                      "Clear the flag; for memory of the program's own use ExistingSysMem and a standard allocation"},
    [COUNT] = {"allocation-count", LINT_ERROR, LINT_NEEDS_CALL,
               "A create asked for no allocation, or for more than 1024 in one call",
               "Pass 1 to 1024 elements; a resource without allocations is not to be had on WSL2"},
    [DATA_SIZE] = {"private-data-size", LINT_ERROR, LINT_NEEDS_CALL,
                   "A create carries more data than one 128 KiB packet of WSL2's bus holds",
                   "Split the create, or make the private and runtime data smaller: all elements together count"},
    [DATA_POINTER] = {"private-data-pointer", LINT_ERROR, LINT_NEEDS_CALL,
                      "Private data was given a size, but its pointer is null or leads nowhere",
                      "Set the size to 0 where there is no data, and keep the memory readable until the call returns"},
    [MEMORY_ALIGNMENT] = {"system-memory-alignment", LINT_ERROR, LINT_NEEDS_CALL, "pSystemMem is not aligned to a page of 4096 bytes",
                          "Allocate the memory with mmap or aligned_alloc(4096, …)"},
    [MEMORY_MIXED] = {"system-memory-mixed", LINT_ERROR, LINT_NEEDS_CALL,
                      "Some allocations of one create have a pSystemMem and others have none",
                      "Make those on existing memory in a call of their own"},
    [UNKNOWN_FLAGS] = {"unknown-flags", LINT_NOTE, LINT_NEEDS_CALL,
                       "Flag bits are set that have no name in the published interface",
                       "Clear them, unless the driver at hand is known to take them: older kernels refuse or ignore them"},
    [RESERVED] = {"reserved-not-zero", LINT_NOTE, LINT_NEEDS_CALL, "Members that are reserved or padding are not zero",
                  "Clear the structure before filling it: a later kernel may give these bytes a meaning"},
    {NULL},
};

static const struct ga_elements *elements_of(const struct ga_call *call)
{
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX; i++)
        if (call->elements[i].row == &ga_rows[GA_ROW_d3dkmt_allocation])
            return &call->elements[i];
    return NULL;
}

/* Null, empty and contents are as they should be; refused is the tracer's own limit. */
static bool bad_data(uint64_t address, uint64_t hash, uint32_t size)
{
    return size && (!address || hash == GA_BLOB_UNREADABLE);
}

static int check_elements(struct lint *lint, const struct ga_call *call, const struct lint_call *now, struct lint_what what)
{
    const struct ga_elements *elements = elements_of(call);
    const struct ga_d3dkmt_allocation *first = NULL, *records = elements ? elements->records : NULL;
    bool mixed = false, told_alignment = false, told_pointer = false;
    int result = 0;
    for (uint32_t i = 0; elements && i < elements->count && !result; i++) {
        const struct ga_d3dkmt_allocation *element = &records[i];
        if (!element->header.size)
            continue; /* lost */
        first = first ? first : element;
        if (element->pSystemMem % PAGE && !told_alignment) {
            told_alignment = true;
            result = lint_report(lint, &rules[MEMORY_ALIGNMENT], now, what, "pSystemMem of element %" PRIu32 " is 0x%" PRIx64, i,
                                 element->pSystemMem);
        }
        if (!result && !first->pSystemMem != !element->pSystemMem && !mixed) {
            mixed = true;
            result = lint_report(lint, &rules[MEMORY_MIXED], now, what, "element 0 has %s, element %" PRIu32 " has %s",
                                 first->pSystemMem ? "one" : "none", i, element->pSystemMem ? "one" : "none");
        }
        if (!result && !told_pointer &&
            bad_data(element->pPrivateDriverData, element->pPrivateDriverData_hash, element->PrivateDriverDataSize)) {
            told_pointer = true;
            result = lint_report(lint, &rules[DATA_POINTER], now, what,
                                 "pPrivateDriverData of element %" PRIu32 " is 0x%" PRIx64 ", its size %" PRIu32, i,
                                 element->pPrivateDriverData, element->PrivateDriverDataSize);
        }
    }
    return result;
}

static int check_sizes(struct lint *lint, const struct ga_call *call, const struct lint_call *now, struct lint_what what)
{
    const struct ga_d3dkmt_create_allocation *create = call->record;
    const struct ga_elements *elements = elements_of(call);
    const struct ga_d3dkmt_allocation *records = elements ? elements->records : NULL;
    uint64_t total = PACKET_HEADER_SIZE + create->PrivateRuntimeDataSize;
    total += create->Flags & STANDARD_ALLOCATION ? 0 : create->PrivateDriverDataSize;
    for (uint32_t i = 0; elements && i < elements->count; i++) {
        uint32_t size = records[i].PrivateDriverDataSize;
        if (size >= PACKET_SIZE)
            return lint_report(lint, &rules[DATA_SIZE], now, what,
                               "element %" PRIu32 " alone has %" PRIu32 " bytes of private data, and 131071 is the most", i, size);
        total += PACKET_ELEMENT_SIZE + size;
    }
    return total <= PACKET_SIZE ? 0
                                : lint_report(lint, &rules[DATA_SIZE], now, what,
                                              "the call's packet is %" PRIu64 " bytes long, and 131072 is the most", total);
}

static int check_create(struct lint *lint, const struct ga_call *call, const struct lint_call *now)
{
    const struct ga_d3dkmt_create_allocation *create = call->record;
    struct lint_what what = {.surface = create->hPrivateRuntimeResourceHandle};
    uint32_t flags = create->Flags;
    int result = 0;
    if (flags & CREATE_SHARED && !(flags & CREATE_RESOURCE))
        result = lint_report(lint, &rules[SHARED], now, what, "Flags is 0x%" PRIx32, flags);
    if (!result && flags & (CREATE_PROTECTED | EXISTING_SECTION))
        result = lint_report(lint, &rules[REFUSED_FLAG], now, what, "%s is set",
                             flags & CREATE_PROTECTED ? "CreateProtected" : "ExistingSection");
    if (!result && (!create->NumAllocations || create->NumAllocations > ALLOCATIONS_MAX))
        result = lint_report(lint, &rules[COUNT], now, what, "NumAllocations is %" PRIu32, create->NumAllocations);
    bool runtime = bad_data(create->pPrivateRuntimeData, create->pPrivateRuntimeData_hash, create->PrivateRuntimeDataSize);
    bool driver = !(flags & STANDARD_ALLOCATION) &&
                  bad_data(create->pPrivateDriverData, create->pPrivateDriverData_hash, create->PrivateDriverDataSize);
    if (!result && (runtime || driver))
        result = lint_report(lint, &rules[DATA_POINTER], now, what, "the call's own %s",
                             runtime ? "pPrivateRuntimeData" : "pPrivateDriverData");
    if (!result)
        result = check_sizes(lint, call, now, what);
    return result ? result : check_elements(lint, call, now, what);
}

/* ---- Any call: flags without a name, what must be zero ---- */

static uint64_t named_bits(const struct ga_flag_name *flags)
{
    uint64_t bits = 0;
    for (; flags->name; flags++)
        bits |= 1ULL << flags->bit;
    return bits;
}

/* Segment preferences and driver protections are numbers in bits; only tables that name single choices say what is unknown. */
static bool says_all(const struct ga_member *member)
{
    return member->kind == GA_FLAGS && member->flags && member->flags->name && strcmp(member->name, "Flags") == 0;
}

static bool is_reserved(const struct ga_member *member)
{
    if (member->kind != GA_INT)
        return false;
    return !strcmp(member->name, "pad") || !strncmp(member->name, "Reserved", 8) || !strcmp(member->doc, "must be 0");
}

static int check_record(struct lint *lint, const struct ga_call *call, const struct ga_row *row, const void *record, uint32_t size,
                        const struct lint_call *now)
{
    int result = 0;
    bool told = false;
    for (const struct ga_member *member = row->members(); member->name && !result; member++) {
        if (member->in == GA_NONE || !(says_all(member) || is_reserved(member)) ||
            !ga_member_present(row, member, record, size, call->row, call->record))
            continue;
        uint64_t value = ga_member_in(member, record);
        if (member->kind == GA_FLAGS && value & ~named_bits(member->flags))
            result = lint_report(lint, &rules[UNKNOWN_FLAGS], now, (struct lint_what){0}, "%s has 0x%" PRIx64 " besides its names",
                                 member->path, value & ~named_bits(member->flags));
        else if (member->kind == GA_INT && value && !told) {
            told = true;
            result = lint_report(lint, &rules[RESERVED], now, (struct lint_what){0}, "%s is 0x%" PRIx64, member->path, value);
        }
    }
    return result;
}

static int on_call(struct lint *lint, void *state, const struct ga_call *call)
{
    (void)state;
    if (call->header->marks & GA_MARK_UNREADABLE)
        return 0;
    struct lint_call now = lint_call_of(call);
    int result = ga_row_id(call->row) == GA_ROW_d3dkmt_create_allocation ? check_create(lint, call, &now) : 0;
    if (!result)
        result = check_record(lint, call, call->row, call->record, call->header->size, &now);
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX && !result; i++)
        for (uint32_t j = 0; j < call->elements[i].count && !result; j++) {
            const struct ga_element_header *element =
                (const void *)((const char *)call->elements[i].records + (size_t)j * call->elements[i].row->record_size);
            if (element->size)
                result = check_record(lint, call, call->elements[i].row, element, element->size, &now);
        }
    return result;
}

const struct lint_family lint_family_create = {.rules = rules, .call = on_call};
