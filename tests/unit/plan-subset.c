/* A part of a trace is a plan of its own: what is alive when it begins is made before, and nothing else is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan_calls.h"

static void begin(struct replay_plan *plan, const char *range, const char *skip)
{
    struct replay_plan_options options = {.order = REPLAY_ORDER_MEMORY};
    struct ga_error error = {""};
    if (replay_plan_ask(&options, range, &skip, skip != NULL, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(replay_plan_begin(plan, &options), 0);
}

static void finish(struct replay_plan *plan)
{
    struct ga_error error = {""};
    if (replay_plan_finish(plan, &error) < 0)
        fail_msg("%s", error.text);
    uint32_t count = 0, prologue = 0;
    for (uint32_t l = 0; l < plan->lane_count; l++) {
        assert_int_equal(plan->lanes[l].first, count);
        count += plan->lanes[l].count;
        prologue += plan->lanes[l].prologue;
    }
    assert_int_equal(count, plan->call_count);
    assert_int_equal(prologue, plan->prologue);
    for (uint32_t c = 0; c < plan->call_count; c++)
        assert_true((plan->calls[c].begin_ns < 0) == (c < plan->prologue));
}

/* A device with two allocations that live, one that died, a lock of each, and in the range a user of the first. */
static void add_scene(struct replay_plan *plan)
{
    add_create_device(plan, (struct when){0, 10, 20}, 5);
    add_create(plan, (struct when){0, 30, 40}, (struct create){.device = 5, .first = 7, .count = 1, .standard_size = 4096}, NULL);
    add_create(plan, (struct when){1, 50, 60}, (struct create){.device = 5, .first = 8, .count = 1, .standard_size = 8192}, NULL);
    add_create(plan, (struct when){1, 70, 80}, (struct create){.device = 5, .first = 9, .count = 1, .standard_size = 65536}, NULL);
    add_lock(plan, (struct when){1, 90, 100}, 5, 9);
    add_lock(plan, (struct when){1, 110, 120}, 5, 8);
    add_destroy(plan, (struct when){1, 130, 140}, 5, 0, 9);
    add_lock(plan, (struct when){0, 150, 160}, 5, 7); /* call 8 */
    add_create(plan, (struct when){2, 170, 180}, (struct create){.device = 5, .first = 9, .count = 1, .standard_size = 512}, NULL);
    add_destroy(plan, (struct when){0, 190, 200}, 5, 0, 8);
    add_destroy_device(plan, (struct when){0, 210, 220}, 5);
}

static void what_is_alive_is_made_before_and_nothing_else(void **state)
{
    (void)state;
    struct replay_plan plan;
    begin(&plan, "8..10", NULL);
    add_scene(&plan);
    finish(&plan);
    /* device, two allocations, and the lock of the one that lives on; not what died, nor what comes after */
    assert_int_equal(plan.recorded_count, 11);
    assert_int_equal(plan.call_count, 7);
    assert_int_equal(plan.prologue, 4);
    assert_string_equal(replay_call_name(&plan.calls[3]), "lock2");
    assert_string_equal(replay_call_name(&plan.calls[4]), "lock2");
    assert_string_equal(replay_call_name(&plan.calls[6]), "destroy_allocation");
    assert_int_equal(plan.calls[4].begin_ns, 0);
    assert_int_equal(plan.span_ns, 50);
    assert_int_equal(plan.peak_bytes, 4096 + 8192 + 512);
    assert_int_equal(plan.lane_count, 3);
    for (uint32_t c = 0; c < plan.call_count; c++)
        assert_int_equal(plan.calls[c].skip, REPLAY_ISSUED);
    assert_int_equal(plan.objects[ref_to(&plan, 6, REPLAY_ALLOCATION)->object].maker, 2);
    assert_int_equal(plan.objects[ref_to(&plan, 6, REPLAY_ALLOCATION)->object].size, 8192);
    assert_int_equal(plan.objects[ref_to(&plan, 4, REPLAY_ALLOCATION)->object].maker, 1);
    assert_true(waits_for(&plan, 6, 3)); /* the destroy for the lock of the other lane */
    assert_true(waits_for(&plan, 2, 0));
    assert_true(waits_for(&plan, 5, 0)); /* the recording's wait was for the free that went: what is before it in its lane stays */
    replay_plan_release(&plan);
}

static void times_count_from_the_first_call(void **state)
{
    (void)state;
    struct replay_plan by_number, by_time;
    begin(&by_number, "8..9", NULL);
    add_scene(&by_number);
    finish(&by_number);
    begin(&by_time, "140ns..160ns", NULL);
    add_scene(&by_time);
    finish(&by_time);
    assert_int_equal(by_number.call_count, 6);
    assert_int_equal(by_number.hash, by_time.hash);
    replay_plan_release(&by_number);
    replay_plan_release(&by_time);
}

static void an_open_range_goes_to_the_end(void **state)
{
    (void)state;
    struct replay_plan plan;
    begin(&plan, "8..", NULL);
    add_scene(&plan);
    finish(&plan);
    assert_int_equal(plan.call_count, 8);
    assert_int_equal(plan.prologue, 4);
    replay_plan_release(&plan);
    begin(&plan, "..2", NULL);
    add_scene(&plan);
    finish(&plan);
    assert_int_equal(plan.call_count, 2);
    assert_int_equal(plan.prologue, 0);
    assert_int_equal(plan.lane_count, 3); /* threads of the recording: two have nothing to do */
    replay_plan_release(&plan);
}

static void a_range_without_calls_is_refused(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct ga_error error = {""};
    begin(&plan, "20..30", NULL);
    add_scene(&plan);
    assert_int_equal(replay_plan_finish(&plan, &error), -ERANGE);
    assert_string_equal(error.text, "--range: no call began in it; the trace has 11 calls in 200 ns");
    replay_plan_release(&plan);
}

/* What a call that goes had waited for, the next of its lane waits for. */
static void waits_of_calls_that_go_are_inherited(void **state)
{
    (void)state;
    struct replay_plan plan;
    begin(&plan, "6..", NULL);
    add_create_device(&plan, (struct when){0, 10, 20}, 5);
    add_create(&plan, (struct when){0, 30, 40}, (struct create){.device = 5, .first = 7, .count = 1}, NULL);
    add_create(&plan, (struct when){1, 50, 60}, (struct create){.device = 5, .first = 8, .count = 1}, NULL);
    add_lock(&plan, (struct when){1, 70, 80}, 5, 7);
    add_destroy(&plan, (struct when){1, 90, 100}, 5, 0, 8);
    add_lock(&plan, (struct when){1, 110, 120}, 5, 7);
    finish(&plan);
    assert_int_equal(plan.call_count, 4); /* device, create of 7, both locks */
    assert_true(waits_for(&plan, 2, 1));
    replay_plan_release(&plan);
}

static void residency_and_its_fences_come_along(void **state)
{
    (void)state;
    struct replay_plan plan;
    begin(&plan, "6..", NULL);
    add_create_device(&plan, (struct when){0, 10, 20}, 5);
    add_paging_queue(&plan, (struct when){0, 30, 40}, 5, 3, 4);
    add_create(&plan, (struct when){0, 50, 60}, (struct create){.device = 5, .first = 7, .count = 1}, NULL);
    add_make_resident(&plan, (struct when){0, 70, 80}, 3, 7, 1);
    add_lock(&plan, (struct when){1, 90, 100}, 5, 7);
    add_destroy(&plan, (struct when){1, 110, 120}, 5, 0, 7);
    finish(&plan);
    assert_int_equal(plan.prologue, 5);
    assert_int_equal(plan.calls[4].fence_count, 1);
    assert_int_equal(plan.fences[plan.calls[4].fences], 3);
    assert_true(plan.calls[3].paging);
    replay_plan_release(&plan);
}

static void what_is_asked_to_be_skipped_takes_its_users_along(void **state)
{
    (void)state;
    struct replay_plan plan;
    begin(&plan, NULL, "create");
    add_scene(&plan);
    finish(&plan);
    assert_int_equal(plan.call_count, 11);
    assert_int_equal(plan.calls[0].skip, REPLAY_ISSUED);
    assert_int_equal(plan.calls[1].skip, REPLAY_SKIP_ASKED);
    assert_int_equal(plan.calls[4].skip, REPLAY_SKIP_ASKED_MAKER);
    assert_int_equal(plan.calls[9].skip, REPLAY_SKIP_ASKED_MAKER);
    assert_int_equal(plan.calls[10].skip, REPLAY_ISSUED);
    replay_plan_release(&plan);
    begin(&plan, NULL, "d3dkmt:lock2");
    add_scene(&plan);
    finish(&plan);
    for (uint32_t c = 0; c < plan.call_count; c++)
        assert_int_equal(plan.calls[c].skip, c == 4 || c == 5 || c == 7 ? REPLAY_SKIP_ASKED : REPLAY_ISSUED);
    replay_plan_release(&plan);
}

static void ranges_and_kinds_are_understood_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int unit;
        uint64_t from, to;
    } right[] = {
        {"1..2", REPLAY_RANGE_CALLS, 1, 2},
        {"100..", REPLAY_RANGE_CALLS, 100, UINT64_MAX},
        {"..7", REPLAY_RANGE_CALLS, 0, 7},
        {"1.5s..2s", REPLAY_RANGE_TIMES, 1500000000, 2000000000},
        {"20us..1ms", REPLAY_RANGE_TIMES, 20000, 1000000},
        {"0s..1min", REPLAY_RANGE_TIMES, 0, 60000000000},
    };
    static const char *const wrong[] = {"", "..", "5", "0..3", "3..2", "1..2s", "1s..2", "-1..2", "a..b", "1...2", "1.5..2.5",
                                        "1h..2h", "99999999999999999999..", "1s..1e300s"};
    struct replay_range range;
    struct replay_plan_options options = {0};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_int_equal(replay_range_parse(&range, right[i].text, NULL), 0);
        assert_int_equal(range.unit, right[i].unit);
        assert_int_equal(range.from, right[i].from);
        assert_int_equal(range.to, right[i].to);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (replay_range_parse(&range, wrong[i], NULL) != -EINVAL)
            fail_msg("'%s' is taken", wrong[i]);
    assert_int_equal(replay_skip_kind(&options, "creat", NULL), -EINVAL);
    assert_int_equal(replay_skip_kind(&options, "drm:lock2", NULL), -EINVAL);
    assert_int_equal(replay_skip_kind(&options, "allocation", NULL), -EINVAL); /* no call, but an element of one */
    for (int c = 0; c < REPLAY_CLASSES; c++)
        assert_int_equal(replay_skip_kind(&options, replay_class_names[c], NULL), 0);
    for (int r = 0; r < GA_ROW_COUNT; r++) /* the classes are all there is */
        assert_true(options.skips[r] == (ga_rows[r].kind == GA_ROW_CALL));
}

static void classes_are_as_their_names_say(void **state)
{
    (void)state;
    static const struct {
        uint16_t row;
        uint8_t class;
    } some[] = {
        {GA_ROW_d3dkmt_create_allocation, REPLAY_CREATES}, {GA_ROW_drm_mode_create_dumb, REPLAY_CREATES},
        {GA_ROW_d3dkmt_create_device, REPLAY_OTHER},       {GA_ROW_drm_gem_close, REPLAY_DESTROYS},
        {GA_ROW_d3dkmt_lock2, REPLAY_MAPS},                {GA_ROW_d3dkmt_unlock2, REPLAY_MAPS},
        {GA_ROW_drm_virtgpu_map, REPLAY_MAPS},             {GA_ROW_drm_prime_fd_to_handle, REPLAY_SHARES},
        {GA_ROW_d3dkmt_share_objects, REPLAY_SHARES},      {GA_ROW_d3dkmt_open_resource_from_nt_handle, REPLAY_SHARES},
        {GA_ROW_drm_virtgpu_wait, REPLAY_WAITS},           {GA_ROW_d3dkmt_submit_wait_for_sync_objects_to_hw_queue, REPLAY_WAITS},
        {GA_ROW_d3dkmt_submit_command, REPLAY_SUBMITS},    {GA_ROW_drm_amdgpu_cs, REPLAY_SUBMITS},
        {GA_ROW_drm_i915_gem_execbuffer2, REPLAY_SUBMITS}, {GA_ROW_d3dkmt_make_resident, REPLAY_OTHER},
        {GA_ROW_d3dkmt_submit_signal_sync_objects_to_hw_queue, REPLAY_OTHER}, {GA_ROW_drm_xe_exec_queue_create, REPLAY_OTHER},
    };
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        if (replay_class_of(&ga_rows[some[i].row]) != some[i].class)
            fail_msg("%s: %s", ga_rows[some[i].row].event, replay_class_names[replay_class_of(&ga_rows[some[i].row])]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_alive_is_made_before_and_nothing_else),
        cmocka_unit_test(times_count_from_the_first_call),
        cmocka_unit_test(an_open_range_goes_to_the_end),
        cmocka_unit_test(a_range_without_calls_is_refused),
        cmocka_unit_test(waits_of_calls_that_go_are_inherited),
        cmocka_unit_test(residency_and_its_fences_come_along),
        cmocka_unit_test(what_is_asked_to_be_skipped_takes_its_users_along),
        cmocka_unit_test(ranges_and_kinds_are_understood_or_refused),
        cmocka_unit_test(classes_are_as_their_names_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
