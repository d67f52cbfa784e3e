/*
 * The DRM rows of the schema and the structures that they describe, ours and the system's, are those of the kernel's published headers,
 * which tests/data/drm-layout.tsv, drm-requests.tsv and drm-flags.tsv hold: numbers, sizes, offsets, flags, and that no member and no
 * flag is left out.
 */
#include "published.h"

#include "schema/records.h"
#define GA_SCHEMA_INCLUDES
#include "schema/all.inc"
#undef GA_SCHEMA_INCLUDES

/* A bit of one of the schema's tables of flags. */
struct published_flag {
    char table[32], name[32];
    unsigned bit;
    bool found;
};

static struct published_flag flags[512];
static size_t flag_count;

static void take_flag(const char *line)
{
    assert_true(flag_count < sizeof flags / sizeof *flags);
    struct published_flag *flag = &flags[flag_count++];
    assert_int_equal(sscanf(line, "%31s\t%u\t%31s", flag->table, &flag->bit, flag->name), 3);
}

static int read_published(void **state)
{
    (void)state;
    read_lines(SOURCE_DIR "/tests/data/drm-flags.tsv", take_flag);
    read_lines(SOURCE_DIR "/tests/data/drm-layout.tsv", take_layout);
    read_lines(SOURCE_DIR "/tests/data/drm-requests.tsv", take_request);
    return structure_count > 20 && request_count > 20 && flag_count > 20 ? 0 : -1;
}

/* What the schema was compiled with: made of the data by cmake/layout.cmake, so that a difference does not compile. */
static void structures_are_laid_out_as_published(void **state)
{
    (void)state;
    size_t declared = 0;
#define SIZED(type, size_)                                                                                                  \
    _Static_assert(sizeof(type) == (size_), "size of " #type);                                                              \
    declared++;
#define PLACED(type, path, offset_, size_)                                                                                  \
    _Static_assert(offsetof(type, path) == (offset_), "offset of " #type "." #path);                                        \
    _Static_assert(sizeof(((type *)0)->path) == (size_), "size of " #type "." #path);
#define STRUCT(name, size_) SIZED(struct name, size_)
#define UNIONSTRUCT(name, size_) SIZED(union name, size_)
#define MEMBER(name, ...) PLACED(struct name, __VA_ARGS__)
#define UNIONMEMBER(name, ...) PLACED(union name, __VA_ARGS__)
#define drm_syncobj_wait newer_drm_syncobj_wait
#define drm_syncobj_timeline_wait newer_drm_syncobj_timeline_wait
#include "tests/drm-layout.inc"
#undef drm_syncobj_wait
#undef drm_syncobj_timeline_wait
#undef SIZED
#undef PLACED
#undef STRUCT
#undef UNIONSTRUCT
#undef MEMBER
#undef UNIONMEMBER
    assert_int_equal(declared, structure_count);
}

/* The structure that each DRM row describes. */
static const char *const described[GA_ROW_COUNT] = {
#define FLAG_NAMES(...)
#define EVENT(...)
#define CALL(event, request, number, structure, ...) [GA_JOIN(GA_ROW_, GA_PROVIDER, event)] = #structure,
#define ELEMENT(event, structure, ...) [GA_JOIN(GA_ROW_, GA_PROVIDER, event)] = #structure,
#define GA_PROVIDER drm
#include "schema/drm.def"
#include "schema/drivers.inc"
#undef GA_PROVIDER
#include "schema/undef.inc"
};

/* The published name of it: ours begin with newer_ where a system's header has an older form. */
static const char *name_of(enum ga_row_id row)
{
    const char *name = strchr(described[row], ' ') + 1;
    return strncmp(name, "newer_", 6) == 0 ? name + 6 : name;
}

static void check_member(const struct ga_row *row, const struct published *structure, const struct ga_member *member)
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
    if (!known)
        fail_msg("schema: %s: %s has no member %s", row->event, structure->name, path);
    if (known->offset + index * member->width != member->offset || (!bracket && known->size != bytes_of(member)))
        fail_msg("schema: %s.%s at %u, %zu bytes is not as published", row->event, member->path, member->offset, bytes_of(member));
}

/* An extension is seen first as what all extensions begin with, then as its own kind: that beginning is recorded once. */
static bool is_seen_here(const struct ga_row *element)
{
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++)
        for (const struct ga_member *member = row->members(); member->name; member++)
            if (member->kind == GA_ELEMENTS && member->layout == GA_LAYOUT_HERE && &ga_rows[member->element] == element)
                return true;
    return false;
}

static void check_row(const struct ga_row *row)
{
    const char *name = described[ga_row_id(row)];
    assert_non_null(name);
    if (strncmp(name, "struct ga_word", 14) == 0) /* ours: an entry of an array of numbers in a structure that is pointed to */
        return;
    const struct published *structure = find_structure(name_of(ga_row_id(row)));
    if (!structure)
        fail_msg("schema: %s describes %s, which is not published", row->event, name);
    assert_int_equal(row->abi_size, structure->size);
    for (const struct ga_member *member = row->members(); member->name; member++)
        if (member->offset != GA_NONE)
            check_member(row, structure, member);
    for (size_t i = 0; i < structure->count; i++)
        if (!row_has(row, &structure->members[i]) &&
            !(strncmp(structure->members[i].path, "base.", 5) == 0 && is_seen_here(row)))
            fail_msg("schema: %s does not record %s.%s", row->event, structure->name, structure->members[i].path);
}

static void rows_describe_the_published_structures(void **state)
{
    (void)state;
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++)
        if (ga_row_is_drm(row) && !ga_row_is_mapping(row))
            check_row(row);
}

static const struct published_request *find_request(const char *name)
{
    for (size_t i = 0; i < request_count; i++)
        if (strcmp(requests[i].name, name) == 0)
            return &requests[i];
    return NULL;
}

static void rows_have_the_published_numbers(void **state)
{
    (void)state;
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        if (!ga_row_is_drm(row) || row->kind != GA_ROW_CALL || ga_row_is_mapping(row))
            continue;
        const struct published_request *request = find_request(row->request);
        if (!request)
            fail_msg("schema: %s is no published request", row->request);
        if (row->number != request->number || row->abi_size != request->size)
            fail_msg("schema: %s is request %#x of %u bytes, published %#x of %zu", row->request, row->number, row->abi_size,
                     request->number, request->size);
        assert_string_equal(name_of(ga_row_id(row)), request->structure);
        assert_ptr_equal(ga_row_drm(row->driver, row->number), row);
        assert_int_equal(request->request & ~(3ul << 30), _IOC(0, (unsigned)ga_driver_type(row->driver), request->number,
                                                                   request->size));
    }
}

static void check_flag(const char *table, unsigned bit, const char *name)
{
    for (struct published_flag *flag = flags; flag < flags + flag_count; flag++)
        if (strcmp(flag->table, table) == 0 && strcmp(flag->name, name) == 0 && flag->bit == bit) {
            flag->found = true;
            return;
        }
    fail_msg("schema: %s: bit %u, %s, is not published", table, bit, name);
}

/* As the .def files have them, not as they arrive in the tables: a name there that is a macro would be another one by then. */
static void flags_have_the_published_names_and_bits(void **state)
{
    (void)state;
#define BIT(n, flag) check_flag(table, n, #flag);
#define FLAG_NAMES(table_, bits)                                                                                            \
    {                                                                                                                       \
        const char *table = #table_;                                                                                        \
        bits                                                                                                                \
    }
#define EVENT(...)
#define CALL(...)
#define ELEMENT(...)
#define GA_PROVIDER drm
#include "schema/drm.def"
#include "schema/drivers.inc"
#undef GA_PROVIDER
#include "schema/undef.inc"
#undef BIT
    for (const struct published_flag *flag = flags; flag < flags + flag_count; flag++)
        if (!flag->found)
            fail_msg("schema: %s has no bit %u, %s", flag->table, flag->bit, flag->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structures_are_laid_out_as_published),
        cmocka_unit_test(rows_describe_the_published_structures),
        cmocka_unit_test(rows_have_the_published_numbers),
        cmocka_unit_test(flags_have_the_published_names_and_bits),
    };
    return cmocka_run_group_tests(tests, read_published, NULL);
}
