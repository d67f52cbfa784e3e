/* Fields of each event, worked out from the schema's tables. */
#include "trace/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct layout *layout, struct layout_field field, const char *name, const char *suffix)
{
    if (field.offset == GA_NONE)
        return;
    if ((size_t)snprintf(field.name, sizeof field.name, "%s%s", name, suffix) >= sizeof field.name ||
        layout->count == LAYOUT_FIELDS_MAX)
        abort(); /* the limits are ours to raise */
    layout->fields[layout->count++] = field;
}

#define HEADER(type, member, name, base_, signed_)                                                                             \
    add(layout,                                                                                                                \
        (struct layout_field){                                                                                                 \
            .width = sizeof((type){0}.member), .base = base_, .is_signed = signed_, .offset = offsetof(type, member)},         \
        name, "")

static void add_call_header(struct layout *layout, bool drm)
{
    HEADER(struct ga_call_header, process, "process", 16, false);
    HEADER(struct ga_call_header, call, "call", 10, false);
    HEADER(struct ga_call_header, begin, "begin", 10, false);
    HEADER(struct ga_call_header, end, "end", 10, false);
    HEADER(struct ga_call_header, ret, "ret", 10, true);
    HEADER(struct ga_call_header, pid, "pid", 10, false);
    HEADER(struct ga_call_header, tid, "tid", 10, false);
    HEADER(struct ga_call_header, thread, "thread", 10, false);
    HEADER(struct ga_call_header, size, "arg_size", 10, false);
    HEADER(struct ga_call_header, error, "error", 10, true);
    HEADER(struct ga_call_header, layer, "layer", 10, false);
    HEADER(struct ga_call_header, marks, "marks", 16, false);
    if (!drm)
        return;
    HEADER(struct ga_call_header, file, "file", 16, false);
    HEADER(struct ga_call_header, device, "device", 16, false);
}

static void add_element_header(struct layout *layout)
{
    HEADER(struct ga_element_header, process, "process", 16, false);
    HEADER(struct ga_element_header, call, "call", 10, false);
    HEADER(struct ga_element_header, thread, "thread", 10, false);
    HEADER(struct ga_element_header, index, "index", 10, false);
    HEADER(struct ga_element_header, size, "element_size", 10, false);
}

static void add_member(struct layout *layout, const struct ga_member *member)
{
    struct layout_field address = {.width = 8, .base = 16, .offset = member->address}, hash = address;
    struct layout_field value = {.width = member->width,
                                 .base = member->show == GA_HEX && member->kind != GA_INODE ? 16 : 10,
                                 .is_signed = member->is_signed,
                                 .offset = member->in};
    switch (member->kind) {
    case GA_BLOB:
        add(layout, address, member->name, "");
        hash.offset = member->in;
        add(layout, hash, member->name, "_hash");
        hash.offset = member->out;
        add(layout, hash, member->name, "_out_hash");
        break;
    case GA_ELEMENTS:
        add(layout, address, member->name, "");
        add(layout, (struct layout_field){.width = 4, .base = 10, .offset = member->in}, member->name, "_captured");
        add(layout, (struct layout_field){.width = 4, .base = 10, .offset = member->first}, member->name, "_first");
        break;
    case GA_ARRAY:
    case GA_WORDS:
        add(layout, address, member->name, "");
        add(layout,
            (struct layout_field){
                .kind = FIELD_LIST, .width = member->entry, .base = 16, .is_signed = member->is_signed, .offset = member->in,
                .length = member->length},
            member->name, "_list");
        break;
    case GA_STR:
        add(layout, (struct layout_field){.kind = FIELD_STRING, .offset = member->in}, member->name, "");
        break;
    default:
        add(layout, value, member->name, "");
        value.offset = member->out;
        add(layout, value, member->name, member->in == GA_NONE ? "" : "_out");
    }
}

const struct layout *layout_get(const struct ga_row *row)
{
    static struct layout layouts[GA_ROW_COUNT];
    struct layout *layout = &layouts[ga_row_id(row)];
    if (layout->count)
        return layout;
    if (row->kind == GA_ROW_CALL)
        add_call_header(layout, ga_row_is_drm(row));
    if (row->kind == GA_ROW_ELEMENT)
        add_element_header(layout);
    for (const struct ga_member *member = row->members(); member->name; member++)
        add_member(layout, member);
    return layout;
}

const struct layout_field *layout_find(const struct ga_row *row, const char *name)
{
    const struct layout *layout = layout_get(row);
    for (size_t i = 0; i < layout->count; i++)
        if (!strcmp(layout->fields[i].name, name))
            return &layout->fields[i];
    return NULL;
}
