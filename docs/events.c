/* Prints docs/events.md from the schema's tables. `cmake --build build --target events-doc` writes it anew. */
#include <stdio.h>

#include "schema/schema.h"

static const char *const directions[] = {
    [GA_IN] = "in", [GA_OUT] = "out", [GA_INOUT] = "in, out", [GA_ECHO] = "in, back if changed"};

static const char *type_name(const struct ga_member *member, char *buffer, size_t size)
{
    static const char *const layouts[] = {
        [GA_LAYOUT_ARRAY] = "array of", [GA_LAYOUT_POINTERS] = "array of addresses of", [GA_LAYOUT_CHAIN] = "chain of",
        [GA_LAYOUT_HERE] = "behind it, array of"};
    static const char *const names[] = {[GA_PTR] = "address", [GA_BLOB] = "private data",
                                        [GA_INODE] = "inode number", [GA_STR] = "string",
                                        [GA_WORDS] = "array of u64"};
    if (member->kind == GA_INT || member->kind == GA_FLAGS)
        snprintf(buffer, size, "%s%u%s", member->is_signed ? "s" : "u", member->width * 8u,
                 member->kind == GA_FLAGS ? " flags" : "");
    else if (member->kind == GA_ARRAY)
        snprintf(buffer, size, "%s u%u%s", member->one ? "one" : "array of", member->entry * 8u, member->room ? " in place" : "");
    else if (member->kind == GA_ELEMENTS)
        snprintf(buffer, size, "%s %s", member->one ? "one" : layouts[member->layout], ga_rows[member->element].event);
    else
        snprintf(buffer, size, "%s", names[member->kind]);
    return buffer;
}

static const struct {
    const char *before, *between;
} tests[] = {
    [GA_ARM_ANY] = {"with", "at"},   [GA_ARM_NONE] = {"without", "at"},  [GA_ARM_IS] = {"with", "="},
    [GA_ARM_ABOVE] = {"with", ">"}, [GA_ARM_IS_NOT] = {"with", "other than"},
};

static void print_member(const struct ga_row *row, const struct ga_member *member)
{
    char type[64];
    printf("| `%s` | %s | %s | %s", member->path, type_name(member, type, sizeof type),
           row->kind == GA_ROW_EVENT ? "" : directions[member->direction], member->doc);
    if (member->count)
        printf("; %s `%s`", member->kind == GA_BLOB ? "its size is" : member->kind == GA_INODE ? "asked of" : "counted by",
               member->count);
    if (member->count_unit)
        printf(" in units of %u bytes", member->count_unit);
    if (member->stride)
        printf("; bytes of an element: `%s`", member->stride);
    if (member->older_name)
        printf("; older form: `%s`, elements of %u bytes", member->older_name, member->older_size);
    if (member->arm)
        printf("; only %s `%s`%s %s 0x%x", tests[member->arm_test].before, member->arm, member->arm_of_call ? " of the call" : "",
               tests[member->arm_test].between, member->arm_value);
    for (const struct ga_flag_name *flag = member->flags; flag && flag->name; flag++)
        printf("%s %u %s", flag == member->flags ? "; bits:" : ",", flag->bit, flag->name);
    puts(" |");
}

static void print_row(const struct ga_row *row)
{
    printf("\n### `%s:%s`\n%s", row->provider, row->event, row->doc);
    if (ga_row_is_mapping(row))
        printf("\n\nThe function `%s`.", row->request);
    else if (row->kind == GA_ROW_CALL)
        printf("\n\n`%s`, request 0x%02x, %u bytes%s%s.", row->request, row->number, row->abi_size,
               row->driver[0] ? ", driver " : "", row->driver);
    printf("\n\n| member | type | direction | meaning |\n|---|---|---|---|\n");
    for (const struct ga_member *member = row->members(); member->name; member++)
        print_member(row, member);
}

int main(void)
{
    puts("# Events\n\n"
         "Generated from `common/schema/*.def`; do not edit. How the fields are laid out in a trace:\n"
         "[trace-format.md](trace-format.md). Every call also carries process, call, begin, end, ret, pid, tid, thread,\n"
         "arg_size, error, layer and marks, and on drm file and device. Outputs are meaningful when the call succeeded.");
    const char *provider = "";
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        if (provider != row->provider)
            printf("\n## Provider `%s`\n", row->provider);
        provider = row->provider;
        print_row(row);
    }
    return 0;
}
