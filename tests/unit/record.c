/* record chooses buffers that fit /dev/shm, and the events that a selection needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "record/buffers.h"
#include "record/events.h"

#define KI ((uint64_t)1 << 10)
#define MI ((uint64_t)1 << 20)
#define GI ((uint64_t)1 << 30)

static struct record_buffers fit(uint64_t size, uint64_t count, unsigned cpus, uint64_t free_bytes, int expected)
{
    struct record_buffers buffers = {size, count};
    struct ga_error error = {0};
    assert_int_equal(record_buffers_fit(&buffers, cpus, free_bytes, &error), expected);
    assert_int_equal(!*error.text, expected == 0);
    return buffers;
}

static void buffers_are_8_of_1_mib_where_there_is_room(void **state)
{
    (void)state;
    struct record_buffers buffers = fit(0, 0, 4, 8 * GI, 0);
    assert_int_equal(buffers.subbuf_size, MI);
    assert_int_equal(buffers.subbufs, 8);
}

static void buffers_shrink_to_half_of_a_small_shm(void **state)
{
    (void)state;
    struct record_buffers buffers = fit(0, 0, 8, 64 * MI, 0); /* a container's default */
    assert_true(8 * buffers.subbuf_size * buffers.subbufs <= 32 * MI);
    assert_true(8 * buffers.subbuf_size * buffers.subbufs >= 16 * MI);
    buffers = fit(0, 0, 256, 500 * GI, 0);
    assert_true(256 * buffers.subbuf_size * buffers.subbufs <= 256 * MI);
    assert_true(buffers.subbuf_size >= RECORD_SUBBUF_SIZE_MIN);
}

static void buffers_asked_for_are_kept_or_refused(void **state)
{
    (void)state;
    struct record_buffers buffers = fit(4 * MI, 16, 8, 8 * GI, 0);
    assert_int_equal(buffers.subbuf_size, 4 * MI);
    assert_int_equal(buffers.subbufs, 16);
    fit(4 * MI, 16, 8, 500 * MI, -ENOSPC);
    fit(4 * MI, 0, 8, 64 * MI, -ENOSPC); /* 4 x 4 MiB x 8 CPUs */
    fit(0, 0, 8, 1 * MI, -ENOSPC);
    fit(3 * MI, 0, 1, GI, -EINVAL);
    fit(16 * KI, 0, 1, GI, -EINVAL);
    fit(0, 3, 1, GI, -EINVAL);
    fit(0, 1, 1, GI, -EINVAL);
    fit((uint64_t)1 << 63, (uint64_t)1 << 63, 1024, GI, -EINVAL);
}

static bool has(const struct record_events *events, const char *name)
{
    for (size_t i = 0; i < events->count; i++)
        if (!strcmp(events->names[i], name))
            return true;
    return false;
}

static void no_selection_is_everything(void **state)
{
    (void)state;
    struct record_events events;
    assert_int_equal(record_events_select(&events, &(struct ga_option_list){0}, NULL), 0);
    assert_true(events.all);
    assert_true(has(&events, "gpualloc:*") && has(&events, "d3dkmt:*") && has(&events, "drm:*"));
}

static void selected_call_brings_its_elements_and_private_data(void **state)
{
    (void)state;
    struct record_events events;
    struct ga_option_list list = {{"d3dkmt:create_allocation"}, 1};
    assert_int_equal(record_events_select(&events, &list, NULL), 0);
    assert_false(events.all);
    assert_true(has(&events, "gpualloc:*") && has(&events, "d3dkmt:create_allocation") && has(&events, "d3dkmt:allocation") &&
                has(&events, "d3dkmt:standard_allocation"));
    assert_false(has(&events, "d3dkmt:destroy_allocation") || has(&events, "drm:*") || has(&events, "d3dkmt:*"));
}

static void selection_takes_commas_and_repeats(void **state)
{
    (void)state;
    struct record_events events;
    struct ga_option_list list = {{"drm:gem_*,drm:prime_*", "d3dkmt:destroy_allocation"}, 2};
    assert_int_equal(record_events_select(&events, &list, NULL), 0);
    assert_true(has(&events, "drm:gem_close") && has(&events, "drm:prime_fd_to_handle") &&
                has(&events, "d3dkmt:destroy_allocation"));
    assert_false(has(&events, "drm:mode_create_dumb"));
}

static void selection_of_nothing_is_an_error(void **state)
{
    (void)state;
    struct record_events events;
    struct ga_error error;
    static const char *const wrong[] = {"drm", "drm:nosuch", "", "drm:*,", "kernel:*"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct ga_option_list list = {{wrong[i]}, 1};
        assert_int_equal(record_events_select(&events, &list, &error), -EINVAL);
        assert_non_null(strstr(error.text, "no event matches"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_are_8_of_1_mib_where_there_is_room),
        cmocka_unit_test(buffers_shrink_to_half_of_a_small_shm),
        cmocka_unit_test(buffers_asked_for_are_kept_or_refused),
        cmocka_unit_test(no_selection_is_everything),
        cmocka_unit_test(selected_call_brings_its_elements_and_private_data),
        cmocka_unit_test(selection_takes_commas_and_repeats),
        cmocka_unit_test(selection_of_nothing_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
