/* Every row of the schema fits the shapes that capture works with, whatever a .def file says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "preload/shape.h"
#include "preload/thread.h"

static unsigned members_of_kind(const struct ga_row *row, enum ga_member_kind kind)
{
    unsigned n = 0;
    for (const struct ga_member *m = row->members(); m->name; m++)
        n += m->kind == kind;
    return n;
}

static void every_member_becomes_a_step(void **state)
{
    (void)state;
    shape_init();
    for (enum ga_row_id id = 0; id < GA_ROW_COUNT; id++) {
        const struct ga_row *row = &ga_rows[id];
        if (row->kind == GA_ROW_EVENT)
            continue;
        unsigned members = 0;
        for (const struct ga_member *m = row->members(); m->name; m++) {
            const struct shape_step *step = &shapes[id].steps[members++];
            assert_true(members <= SHAPE_STEPS);
            assert_int_equal(step->offset, m->offset);
            /* Names that a row gives must name its members, or the step would silently have no count or no arm. */
            if (m->count)
                assert_true(step->count_width > 0);
            if (m->arm)
                assert_true(step->arm_width > 0);
        }
        assert_int_equal(shapes[id].step_count, members);
    }
}

static void rows_stay_within_the_limits_of_capture(void **state)
{
    (void)state;
    for (enum ga_row_id id = 0; id < GA_ROW_COUNT; id++) {
        const struct ga_row *row = &ga_rows[id];
        if (row->kind == GA_ROW_EVENT)
            continue;
        assert_true(row->abi_size <= sizeof(union shape_abi));
        if (row->kind == GA_ROW_ELEMENT) {
            assert_true(members_of_kind(row, GA_BLOB) <= SHAPE_BLOBS);
            assert_int_equal(members_of_kind(row, GA_ARRAY), 0);
            /* Both snapshots of a full array and its hashes fit the scratch memory beside the batch. */
            assert_true((uint64_t)row->abi_size * GA_ELEMENTS_MAX * 2 + 2 * 8 * GA_ELEMENTS_MAX < THREAD_SCRATCH_SIZE - 600 * 1024);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_becomes_a_step),
        cmocka_unit_test(rows_stay_within_the_limits_of_capture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
