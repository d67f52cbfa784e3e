/* The walk over a call. What the tables say is worked out once a row (struct shape), as this runs for each call. */
#include "analyzer/list/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 6 };

/* A step of a member's path: A.B[1] is the steps A, B, [1]. */
struct step {
    const char *text;
    size_t length;
    bool index;
};

struct shape_member {
    const struct ga_member *member;
    const struct ga_member *arm;   /* flags member that selects it, of the row or of the call's; null: always */
    const struct ga_member *count; /* member that holds its entries, or null */
    struct step steps[STEPS_MAX];  /* the last one is the member's own */
    unsigned step_count;
};

struct shape {
    const struct ga_row *row, *call_row;
    struct shape_member *members;
    size_t count;
};

struct walk {
    const struct walk_ops *ops;
    void *user;
    struct shape *shapes[GA_ROW_COUNT];
    const struct ga_call *call;
    const struct step *open; /* steps of the member before; the first open_count are containers that are open */
    unsigned open_count;
};

/* Shapes. */

static unsigned path_steps(const char *path, struct step steps[STEPS_MAX])
{
    unsigned count = 0;
    while (*path && count < STEPS_MAX) {
        bool index = *path == '[';
        size_t length = strcspn(path, index ? "]" : ".[");
        steps[count++] = (struct step){path, length, index};
        path += length;
        if (*path == ']')
            path++;
        if (*path == '.')
            path++;
    }
    return count;
}

static struct shape *shape_get(struct walk *walk, const struct ga_row *row, const struct ga_row *call_row)
{
    struct shape **place = &walk->shapes[ga_row_id(row)], *shape = *place;
    if (shape && shape->call_row == call_row)
        return shape;
    size_t count = 0;
    while (row->members()[count].name)
        count++;
    if (!shape) {
        shape = *place = calloc(1, sizeof *shape);
        if (!shape || !(shape->members = calloc(count + 1, sizeof *shape->members)))
            return NULL;
    }
    shape->row = row;
    shape->call_row = call_row;
    shape->count = count;
    for (size_t i = 0; i < count; i++) {
        const struct ga_member *member = &row->members()[i];
        struct shape_member *at = &shape->members[i];
        at->member = member;
        at->arm = ga_row_member(member->arm_of_call ? call_row : row, member->arm);
        at->count = ga_row_member(row, member->count);
        at->step_count = path_steps(member->path, at->steps);
    }
    return shape;
}

/* Containers. */

static struct walk_key step_key(const struct step *step, const char *suffix)
{
    return (struct walk_key){.name = step->index ? NULL : step->text, .length = step->length, .suffix = suffix};
}

static bool step_same(const struct step *a, const struct step *b)
{
    return a->length == b->length && !memcmp(a->text, b->text, a->length);
}

static void close_to(struct walk *walk, unsigned count)
{
    while (walk->open_count > count) {
        bool array = walk->open[walk->open_count].index;
        walk->open_count--;
        walk->ops->close(walk->user, array ? ']' : '}');
    }
}

/* Opens the containers that a member is in, closes those that it is not in; its own key. */
static struct walk_key enter(struct walk *walk, const struct shape_member *at, const char *suffix)
{
    unsigned depth = at->step_count - 1, common = 0;
    if (walk->open_count || depth) {
        while (common < depth && common < walk->open_count && step_same(&at->steps[common], &walk->open[common]))
            common++;
        close_to(walk, common);
        for (walk->open = at->steps; walk->open_count < depth; walk->open_count++)
            walk->ops->open(walk->user, step_key(&at->steps[walk->open_count], ""),
                            at->steps[walk->open_count + 1].index ? '[' : '{');
    }
    return step_key(&at->steps[depth], suffix);
}

/* Members. */

static bool present(const struct shape_member *at, const void *record, uint32_t size, const void *call_record)
{
    const struct ga_member *member = at->member;
    if (member->offset != GA_NONE && (uint32_t)member->offset + member->width > size)
        return false;
    if (!member->arm)
        return true;
    uint64_t value = at->arm ? ga_member_in(at->arm, member->arm_of_call ? call_record : record) : 0;
    return ga_arm_active((enum ga_arm_test)member->arm_test, value, member->arm_value);
}

static void put_integer(struct walk *walk, const struct shape_member *at, const void *record)
{
    const struct ga_member *member = at->member;
    uint64_t in = ga_member_in(member, record), out = ga_member_out(member, record);
    if (member->in != GA_NONE)
        walk->ops->integer(walk->user, enter(walk, at, ""), member, in);
    if (member->out == GA_NONE || walk->call->failed || (member->direction == GA_ECHO && in == out))
        return;
    struct walk_key key = enter(walk, at, member->in == GA_NONE ? "" : "_out");
    if (member->kind == GA_INODE && !out)
        walk->ops->null(walk->user, key);
    else
        walk->ops->integer(walk->user, key, member, out);
}

static void put_blob(struct walk *walk, const struct shape_member *at, const void *record)
{
    const struct ga_member *member = at->member;
    uint64_t in = ga_member_in(member, record), out = ga_member_out(member, record);
    if (member->in != GA_NONE)
        walk->ops->blob(walk->user, enter(walk, at, ""), in);
    if (member->out == GA_NONE || walk->call->failed)
        return;
    if (member->in == GA_NONE)
        walk->ops->blob(walk->user, enter(walk, at, ""), out);
    else if (in != out && out != GA_BLOB_NULL)
        walk->ops->blob(walk->user, enter(walk, at, "_out"), out);
}

static void put_array(struct walk *walk, const struct shape_member *at, const void *record)
{
    const struct ga_member *member = at->member;
    const char *base = record;
    uint32_t length = (uint32_t)ga_load(base + member->length, 4, false);
    uint64_t wanted = member->one ? 1 : at->count ? ga_member_in(at->count, record) : length;
    if (member->room && wanted > member->room)
        wanted = member->room;
    if (member->direction == GA_OUT && walk->call->failed)
        return;
    if (!member->room && !ga_load(base + member->address, 8, false)) {
        walk->ops->null(walk->user, enter(walk, at, ""));
        return;
    }
    if (!length && wanted)
        walk->ops->null(walk->user, enter(walk, at, ""));
    else
        walk->ops->words(walk->user, enter(walk, at, ""), member, *(const void *const *)(base + member->in), length);
    if (length < wanted)
        walk->ops->text(walk->user, enter(walk, at, "_error"), length ? "cut" : "unreadable");
}

static int put_members(struct walk *walk, const struct shape *shape, const void *record, uint32_t size);

static int put_element(struct walk *walk, const struct ga_elements *elements, uint32_t index, struct walk_key key)
{
    const struct shape *shape = shape_get(walk, elements->row, walk->call->row);
    const struct ga_element_header *element =
        (const void *)((const char *)elements->records + (size_t)index * elements->row->record_size);
    if (!shape)
        return -ENOMEM;
    if (!element->size) { /* lost */
        walk->ops->null(walk->user, key);
        return 0;
    }
    walk->ops->open(walk->user, key, '{');
    int result = put_members(walk, shape, element, element->size);
    walk->ops->close(walk->user, '}');
    return result;
}

/* The pointer under its own name as an integer, its elements as an array; one structure, or an array of the pointer's own name,
   stand in the pointer's place. */
static int put_elements(struct walk *walk, const struct shape_member *at, const void *record)
{
    const struct ga_member *member = at->member;
    const struct ga_elements all = ga_call_elements(walk->call, member, record), *elements = &all;
    const struct ga_element_header *first = elements->count ? elements->records : NULL;
    uint64_t address = ga_load((const char *)record + member->address, 8, false);
    bool own_place = !strcmp(member->json, member->path), output = member->direction == GA_OUT;
    uint64_t wanted = member->one ? address != 0 : at->count && address ? ga_member_in(at->count, record) : 0;
    if (member->count_unit)
        wanted = wanted * member->count_unit / elements->row->abi_size;
    struct walk_key key = enter(walk, at, "");
    int result = 0;
    if (member->older_name &&
        (first ? first->size == member->older_size : (walk->call->header->marks & GA_MARK_OLDER) != 0))
        key = (struct walk_key){.name = member->older_name, .length = strlen(member->older_name), .suffix = ""};
    if (!own_place)
        walk->ops->integer(walk->user, key, member, address);
    if (output && walk->call->failed)
        return 0;
    if (!own_place)
        key = (struct walk_key){.name = member->json, .length = strlen(member->json), .suffix = ""};
    if ((own_place && !address) || (member->one && !elements->count)) {
        walk->ops->null(walk->user, key);
    } else if (member->one) {
        result = put_element(walk, elements, 0, key);
    } else {
        walk->ops->open(walk->user, key, '[');
        for (uint32_t i = 0; i < elements->count && result >= 0; i++)
            result = put_element(walk, elements, i, (struct walk_key){.suffix = ""});
        walk->ops->close(walk->user, ']');
    }
    key.suffix = "_error";
    if (!output && elements->count < wanted)
        walk->ops->text(walk->user, key, elements->count ? "cut" : "unreadable");
    return result;
}

static int put_members(struct walk *walk, const struct shape *shape, const void *record, uint32_t size)
{
    const struct step *outer_open = walk->open;
    unsigned outer_count = walk->open_count;
    int result = 0;
    walk->open_count = 0;
    for (const struct shape_member *at = shape->members; at < shape->members + shape->count && result >= 0; at++) {
        if (!present(at, record, size, walk->call->record))
            continue;
        switch (at->member->kind) {
        case GA_BLOB:
            put_blob(walk, at, record);
            break;
        case GA_ARRAY:
            put_array(walk, at, record);
            break;
        case GA_ELEMENTS:
            result = put_elements(walk, at, record);
            break;
        default:
            put_integer(walk, at, record);
        }
    }
    close_to(walk, 0);
    walk->open = outer_open;
    walk->open_count = outer_count;
    return result;
}

int walk_call(struct walk *walk, const struct ga_call *call)
{
    const struct shape *shape = shape_get(walk, call->row, call->row);
    if (!shape)
        return -ENOMEM;
    walk->call = call;
    if (call->header->marks & GA_MARK_UNREADABLE)
        return 0;
    return put_members(walk, shape, call->record, call->header->size);
}

int walk_create(struct walk **walk, const struct walk_ops *ops, void *user)
{
    if (!(*walk = calloc(1, sizeof **walk)))
        return -ENOMEM;
    (*walk)->ops = ops;
    (*walk)->user = user;
    return 0;
}

void walk_destroy(struct walk *walk)
{
    if (!walk)
        return;
    for (size_t i = 0; i < GA_ROW_COUNT; i++)
        if (walk->shapes[i]) {
            free(walk->shapes[i]->members);
            free(walk->shapes[i]);
        }
    free(walk);
}
