/*
 * One test a kind of D3DKMT call, at the ioctl and at the function: every member before and after the call, every list, element and
 * byte of private data, under each arm of its unions. tests/unit/abi.c holds the members against the published structures.
 */
#include "capture_harness.h"

enum { COUNT = 3, BLOB = 24, TESTS_MAX = 160, ARM_VALUES = 16 };

struct kind {
    const struct ga_row *row;
    uint32_t size; /* of its structure */
    bool function, older;
    char name[96];
};

static const struct kind *kind;            /* under test */
static union shape_abi before, after;      /* the structure, as the driver found and left it */
static char *memories[SHAPE_STEPS];       /* what the members point to, in their order */
static char memories_before[sizeof memories / sizeof *memories][COUNT * 128];
static char *datas[COUNT];                 /* private data of the elements */

static bool is_value(const struct ga_member *m)
{
    return m->offset != GA_NONE && (m->kind == GA_INT || m->kind == GA_FLAGS || m->kind == GA_PTR);
}

/* Whether some list, blob or union depends on the member. */
static bool steers(const struct ga_row *row, const struct ga_member *m)
{
    for (const struct ga_member *other = row->members(); other->name; other++)
        if ((other->count && !strcmp(other->count, m->name)) || (other->arm && !strcmp(other->arm, m->name)))
            return true;
    return false;
}

static void put(char *structure, const struct ga_member *m, uint64_t value)
{
    memcpy(structure + m->offset, &value, m->width);
}

static void put_named(char *structure, const struct ga_row *row, const char *name, uint64_t value)
{
    const struct ga_member *m = name ? ga_row_member(row, name) : NULL;
    if (m)
        put(structure, m, value);
}

static void fill(char *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(seed + i * 5 + 1);
}

/* Bytes at a pointer, of which not one more may be read. */
static size_t memory_size(const struct ga_member *m)
{
    if (m->kind == GA_BLOB)
        return BLOB;
    if (m->kind == GA_ARRAY)
        return (m->one ? 1u : COUNT) * m->entry;
    const struct ga_row *row = &ga_rows[m->element];
    return (m->one ? 1u : COUNT) * (kind->older && m->older_size ? m->older_size : row->abi_size);
}

static bool points(const struct ga_member *m)
{
    return m->kind == GA_BLOB || m->kind == GA_ELEMENTS || (m->kind == GA_ARRAY && !m->room);
}

static void fill_elements(const struct ga_member *m, char *memory)
{
    const struct ga_row *row = &ga_rows[m->element];
    size_t size = memory_size(m) / (m->one ? 1 : COUNT);
    for (unsigned i = 0; i < (m->one ? 1u : COUNT); i++)
        for (const struct ga_member *e = row->members(); e->name; e++) {
            if (e->kind != GA_BLOB)
                continue;
            fill(datas[i] = tail_alloc(BLOB), BLOB, 40 + i);
            put(memory + i * size, e, (uintptr_t)datas[i]);
            put_named(memory + i * size, row, e->count, BLOB);
        }
}

/* The structure that is passed: no two bytes alike, but for what steers. */
static void make_argument(char *structure, const struct ga_member *arm, uint64_t arm_value)
{
    const struct ga_row *row = kind->row;
    fill(structure, sizeof before, 7);
    for (const struct ga_member *m = row->members(); m->name; m++)
        if (is_value(m) && steers(row, m))
            put(structure, m, 0);
    for (const struct ga_member *m = row->members(); m->name; m++)
        if (m->count)
            put_named(structure, row, m->count, m->kind == GA_BLOB ? BLOB : COUNT);
    if (arm)
        put(structure, arm, arm_value);
    unsigned n = 0;
    for (const struct ga_member *m = row->members(); m->name; m++, n++) {
        if (!points(m))
            continue;
        bool active = true;
        if (m->arm) {
            const struct ga_member *chooser = ga_row_member(row, m->arm);
            uint64_t value = ga_load(structure + chooser->offset, chooser->width, false);
            active = ga_arm_active((enum ga_arm_test)m->arm_test, value, m->arm_value);
        }
        memories[n] = NULL;
        if (!active || m->offset + 8u > kind->size)
            continue;
        memories[n] = tail_alloc(memory_size(m));
        fill(memories[n], memory_size(m), 90 + n);
        if (m->kind == GA_ELEMENTS)
            fill_elements(m, memories[n]);
        memcpy(memories_before[n], memories[n], memory_size(m));
        put(structure, m, (uintptr_t)memories[n]);
    }
}

/* The driver: every output differs from what was there, and private data that may be written is. */
static int writes_everything(int fd, unsigned long request, void *argument)
{
    (void)fd, (void)request;
    char *structure = argument;
    const struct ga_row *row = kind->row;
    memcpy(before.bytes, structure, kind->size);
    unsigned n = 0;
    for (const struct ga_member *m = row->members(); m->name; m++, n++) {
        bool fits = m->offset != GA_NONE && m->offset + m->width <= kind->size;
        if (is_value(m) && fits && m->direction & GA_OUT && !steers(row, m))
            for (unsigned i = 0; i < m->width; i++)
                structure[m->offset + i] ^= 0x5a;
        else if (points(m) && memories[n] && m->direction & GA_OUT && m->kind != GA_ELEMENTS)
            memories[n][0] ^= 0x5a;
    }
    if (row == &ga_rows[GA_ROW_d3dkmt_create_allocation])
        datas[0][0] ^= 0x5a;
    memcpy(after.bytes, structure, kind->size);
    return 0;
}

static NTSTATUS real_thunk(void *arguments) { return writes_everything(-1, 0, arguments); }

__attribute__((noinline)) static NTSTATUS called(void *structure)
{
    const struct dispatch_thunk thunk = {ga_row_id(kind->row), kind->size, kind->older};
    return dispatch_thunk(&thunk, structure, (uintptr_t)__builtin_frame_address(0), real_thunk);
}

static void check_list(const struct ga_member *m, const char *record, const char *structure, unsigned n)
{
    uint32_t length = (uint32_t)ga_load(record + m->length, 4, false);
    const char *expected = m->room                 ? structure + m->offset
                           : m->direction == GA_OUT ? memories[n]
                                                    : memories_before[n];
    const void *list;
    memcpy(&list, record + m->in, sizeof list);
    assert_int_equal(length, m->one ? 1 : m->room && !m->count ? m->room : COUNT);
    assert_memory_equal(list, expected, length * m->entry);
}

static void check_blob(const struct ga_member *m, const char *record, unsigned n)
{
    if (m->in != GA_NONE)
        assert_blob(ga_load(record + m->in, 8, false), memories_before[n], BLOB);
    if (m->out != GA_NONE)
        assert_blob(ga_load(record + m->out, 8, false), memories[n], BLOB);
}

static void check_elements(const struct ga_member *m, unsigned n)
{
    const struct ga_row *row = &ga_rows[m->element];
    unsigned count = m->one ? 1 : COUNT;
    size_t size = memory_size(m) / count;
    assert_int_equal(event_number((enum ga_row_id)m->element), count);
    for (unsigned i = 0; i < count; i++) {
        const union ga_record *record = &event_find((enum ga_row_id)m->element, i)->record;
        assert_int_equal(record->element.index, i);
        assert_int_equal(record->element.size, size);
        for (const struct ga_member *e = row->members(); e->name; e++) {
            if (!is_value(e) || e->arm || e->offset + e->width > size)
                continue;
            if (e->in != GA_NONE)
                assert_int_equal(ga_member_in(e, record), ga_load(memories_before[n] + i * size + e->offset, e->width, e->is_signed));
            if (e->out != GA_NONE)
                assert_int_equal(ga_member_out(e, record), ga_load(memories[n] + i * size + e->offset, e->width, e->is_signed));
        }
    }
}

static void check_record(const char *record)
{
    const struct ga_row *row = kind->row;
    unsigned n = 0;
    for (const struct ga_member *m = row->members(); m->name; m++, n++) {
        if (!ga_member_present(row, m, record, kind->size, row, record)) {
            assert_int_equal(is_value(m) ? ga_member_in(m, record) | ga_member_out(m, record) : 0, 0);
            continue;
        }
        if (is_value(m)) {
            if (m->in != GA_NONE)
                assert_int_equal(ga_member_in(m, record), ga_load(before.bytes + m->offset, m->width, m->is_signed));
            if (m->out != GA_NONE)
                assert_int_equal(ga_member_out(m, record), ga_load(after.bytes + m->offset, m->width, m->is_signed));
        } else if (m->kind == GA_ARRAY) {
            check_list(m, record, before.bytes, n);
        } else if (m->kind == GA_BLOB) {
            check_blob(m, record, n);
        } else if (m->kind == GA_ELEMENTS) {
            check_elements(m, n);
        }
    }
}

static void call_once(const struct ga_member *arm, uint64_t value)
{
    char *structure = tail_alloc(kind->size);
    union shape_abi argument;
    events_clear();
    blobs_forget();
    answered = 0;
    make_argument(argument.bytes, arm, value);
    memcpy(structure, argument.bytes, kind->size);
    if (kind->function)
        assert_int_equal(called(structure), 0);
    else
        assert_int_equal(hooked(dxg, _IOC(_IOC_READ | _IOC_WRITE, DXG_IOCTL_TYPE, kind->row->number, kind->size), structure), 0);
    assert_int_equal(event_number(ga_row_id(kind->row)), 1);
    const struct ga_call_header *header = &event_find(ga_row_id(kind->row), 0)->record.header;
    assert_int_equal(header->layer, kind->function ? GA_LAYER_API : GA_LAYER_IOCTL);
    assert_int_equal(header->size, kind->size);
    assert_int_equal(header->marks, kind->older ? GA_MARK_OLDER : 0);
    check_record((const char *)header);
}

/* The values of the member that selects a union's arm: each that an arm is asked by, and none. */
static unsigned arm_values(const struct ga_row *row, const struct ga_member *chooser, uint64_t values[ARM_VALUES])
{
    unsigned count = 0;
    values[count++] = 0;
    for (const struct ga_member *m = row->members(); m->name; m++) {
        uint64_t value = m->arm_value + (m->arm_test == GA_ARM_ABOVE);
        bool known = !m->arm || m->arm_of_call || strcmp(m->arm, chooser->name) != 0;
        for (unsigned i = 0; i < count; i++)
            known |= values[i] == value;
        if (!known)
            values[count++] = value;
        assert_true(count < ARM_VALUES);
    }
    return count;
}

static void one_kind(void **state)
{
    kind = *state;
    (void)harness_setup(state);
    answer = writes_everything;
    const struct ga_member *chooser = NULL;
    for (const struct ga_member *m = kind->row->members(); m->name && !chooser; m++)
        if (m->arm)
            chooser = ga_row_member(kind->row, m->arm);
    uint64_t values[ARM_VALUES];
    unsigned count = chooser ? arm_values(kind->row, chooser, values) : 0;
    call_once(NULL, 0);
    for (unsigned i = 0; i < count; i++)
        call_once(chooser, values[i]);
}

static struct kind kinds[TESTS_MAX];
static struct CMUnitTest tests[TESTS_MAX];
static size_t test_count;

static void add(const char *name, const struct ga_row *row, uint32_t size, bool function, bool older)
{
    struct kind *k = &kinds[test_count];
    *k = (struct kind){.row = row, .size = size, .function = function, .older = older};
    snprintf(k->name, sizeof k->name, "%s as %s", name, function ? "a function" : "an ioctl");
    tests[test_count++] = (struct CMUnitTest){.name = k->name, .test_func = one_kind, .initial_state = k};
}

int main(void)
{
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++)
        if (row->kind == GA_ROW_CALL && ga_row_is_d3dkmt(row))
            add(row->request, row, row->abi_size, false, false);
#define THUNK(function, event, structure)                                                                                   \
    add("D3DKMT" #function, &ga_rows[GA_ROW_d3dkmt_##event], sizeof(struct structure), true, false);
#define THUNK_OLDER(function, event, size) add("D3DKMT" #function, &ga_rows[GA_ROW_d3dkmt_##event], size, true, true);
#include "preload/thunks.inc"
    THUNK(ShareObjects, share_objects, D3DKMT_SHAREOBJECTS)
    return _cmocka_run_group_tests("kinds", tests, test_count, NULL, NULL);
}
