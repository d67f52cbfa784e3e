/* The schema's rows as capture wants them. */
#include "preload/shape.h"

#include <assert.h>
#include <string.h>

struct shape shapes[GA_ROW_COUNT];

/* The row's member of this name; a member that a row names is always there (tests/unit/capture-shape.c). */
static const struct ga_member *member_of(const struct ga_row *row, const char *name)
{
    return name ? ga_row_member(row, name) : NULL;
}

/* The call whose ELEMENTS member has this element row, for arms that ask the call. */
static const struct ga_row *call_of(enum ga_row_id element)
{
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++)
        for (const struct ga_member *m = row->kind == GA_ROW_CALL ? row->members() : NULL; m && m->name; m++)
            if (m->kind == GA_ELEMENTS && m->element == element)
                return row;
    return NULL;
}

/* Handles, counts and lists go from a thunk to its ioctl unchanged. Structures and text are converted, with their sizes, flags may
   be added to, and the arms of a union are not all there. */
static bool is_key(const struct ga_member *m)
{
    if (m->arm || !(m->direction & GA_IN) || m->offset == GA_NONE)
        return false;
    return (m->kind == GA_INT && m->show != GA_BYTES) || (m->kind == GA_ARRAY && !m->room);
}

static void step_fill(struct shape_step *step, const struct ga_row *row, const struct ga_member *m)
{
    *step = (struct shape_step){
        .offset = m->offset, .in = m->in, .out = m->out, .address = m->address, .kind = m->kind, .width = m->width,
        .direction = m->direction, .one = m->one, .element = m->element, .older_size = m->older_size,
        .arm_test = m->arm_test, .arm_value = m->arm_value, .arm_of_call = m->arm_of_call,
        .first = m->first, .at = m->at, .count_unit = m->count_unit, .layout = m->layout,
        .key = is_key(m), .length = m->length, .entry = m->entry, .room = m->room, .least_one = m->least_one,
    };
    const struct ga_member *count = member_of(row, m->count);
    if (count) {
        step->count_offset = count->offset;
        step->count_width = count->width;
    }
    const struct ga_member *stride = member_of(row, m->stride);
    if (stride) {
        step->stride_offset = stride->offset;
        step->stride_width = stride->width;
    }
    const struct ga_row *arm_row = m->arm_of_call ? call_of(ga_row_id(row)) : row;
    const struct ga_member *arm = m->arm && arm_row ? member_of(arm_row, m->arm) : NULL;
    if (arm) {
        step->arm_offset = arm->offset;
        step->arm_width = arm->width;
    }
}

static bool has_output(const struct ga_row *row)
{
    for (const struct ga_member *m = row->members(); m->name; m++)
        if (m->direction & GA_OUT && (m->kind == GA_INT || m->kind == GA_FLAGS || m->kind == GA_PTR))
            return true;
    return false;
}

static void shape_fill(struct shape *shape, const struct ga_row *row)
{
    shape->row = row;
    shape->reads_back = has_output(row);
    for (const struct ga_member *m = row->members(); m->name && shape->step_count < SHAPE_STEPS; m++) {
        struct shape_step *step = &shape->steps[shape->step_count++];
        step_fill(step, row, m);
        if (m->kind == GA_BLOB || m->kind == GA_ARRAY || m->kind == GA_ELEMENTS)
            shape->points = true;
    }
}

void shape_init(void)
{
    for (enum ga_row_id id = 0; id < GA_ROW_COUNT; id++)
        if (ga_rows[id].kind != GA_ROW_EVENT && !shapes[id].row)
            shape_fill(&shapes[id], &ga_rows[id]);
}
