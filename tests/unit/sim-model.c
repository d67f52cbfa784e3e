/* The model of a device's memory: eviction by last use, costs and fragmentation by hand, the search against trying every size. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan_calls.h"
#include "replayer/result.h"
#include "replayer/sim/report.h"

#define KiB UINT64_C(1024)
#define MiB (KiB * 1024)

static const struct sim_buffer of_4k = {.size = 4 * KiB, .local = true}, of_8k = {.size = 8 * KiB, .local = true},
                               of_16k = {.size = 16 * KiB, .local = true}, of_system = {.size = 16 * KiB};

/* A step of a call of its own, unless it is said to be the same call as before. */
static void say(struct sim_script *script, enum sim_action action, uint32_t buffer, bool same_call)
{
    uint32_t call = script->step_count ? script->steps[script->step_count - 1].call + !same_call : 0;
    struct sim_step step = {.ns = (int64_t)call * 1000, .call = call, .buffer = buffer, .action = (uint8_t)action};
    assert_int_equal(sim_script_add_step(script, &step), 0);
    script->span_ns = (uint64_t)step.ns;
}

static uint32_t make(struct sim_script *script, const struct sim_buffer *buffer)
{
    uint32_t number = sim_script_add_buffer(script, buffer);
    assert_int_not_equal(number, REPLAY_NONE);
    say(script, SIM_CREATE, number, false);
    return number;
}

static struct sim_outcome run(const struct sim_script *script, uint64_t vram, uint64_t gtt, enum sim_allocator allocator)
{
    struct sim_options options = {.vram = vram, .gtt = gtt, .allocator = allocator, .costs = sim_costs_usual};
    struct sim_outcome outcome;
    struct ga_error error = {""};
    if (sim_run(script, &options, &outcome, &error) < 0)
        fail_msg("%s", error.text);
    return outcome;
}

/* Three of 16 KiB where two fit: the one not used for longest goes, and comes back in the place of the next. */
static void the_least_recently_used_is_evicted(void **state)
{
    (void)state;
    struct sim_script script = {0};
    uint32_t a = make(&script, &of_16k), b = make(&script, &of_16k);
    say(&script, SIM_TOUCH, a, false);
    uint32_t c = make(&script, &of_16k); /* b goes */
    say(&script, SIM_NEED, a, false);    /* is there */
    struct sim_outcome o = run(&script, 32 * KiB, 0, SIM_BUDDY);
    assert_int_equal(o.evicted.count, 1);
    assert_int_equal(o.restored.count, 0);
    assert_int_equal(o.first_evicted, 3);
    say(&script, SIM_NEED, b, false); /* c goes: a was used later */
    say(&script, SIM_NEED, a, false); /* so this is nothing */
    o = run(&script, 32 * KiB, 0, SIM_BUDDY);
    assert_int_equal(o.evicted.count, 2);
    assert_int_equal(o.restored.count, 1);
    say(&script, SIM_NEED, c, false); /* b goes */
    o = run(&script, 32 * KiB, 0, SIM_MM);
    assert_int_equal(o.evicted.count, 3);
    assert_int_equal(o.evicted.bytes, 48 * KiB);
    assert_int_equal(o.restored.count, 2);
    assert_int_equal(o.peak[SIM_VRAM], 32 * KiB);
    assert_int_equal(o.peak[SIM_GTT], 16 * KiB);
    /* 3 creates of 4 pages cleared and mapped; 5 moves of 4 pages copied and mapped. */
    assert_int_equal(o.ns_cleared, 3 * 4 * sim_costs_usual.clear_vram);
    assert_int_equal(o.ns_copied, 5 * 4 * sim_costs_usual.copy);
    assert_int_equal(o.ns_mapped, (3 + 5) * 4 * sim_costs_usual.map);
    assert_int_equal(o.ns_swapped, 0);
    assert_int_equal(run(&script, 48 * KiB, 0, SIM_MM).evicted.count, 0);
    sim_script_release(&script);
}

/* A submission's buffers do not make room for each other: the third stays where it is. */
static void a_submission_does_not_evict_its_own(void **state)
{
    (void)state;
    struct sim_script script = {0};
    uint32_t a = make(&script, &of_16k), b = make(&script, &of_16k), c = make(&script, &of_16k); /* a goes */
    say(&script, SIM_NEED, c, false);
    say(&script, SIM_NEED, b, true);
    say(&script, SIM_NEED, a, true);
    struct sim_outcome o = run(&script, 32 * KiB, 0, SIM_BUDDY);
    assert_int_equal(o.evicted.count, 1);
    assert_int_equal(o.restored.count, 0);
    assert_int_equal(o.displaced.count, 1);
    sim_script_release(&script);
}

/* What MakeResident holds goes last, what Evict gave up goes first. */
static void residency_decides_before_last_use(void **state)
{
    (void)state;
    struct sim_script script = {0};
    uint32_t a = make(&script, &of_16k);
    say(&script, SIM_HOLD, a, false);
    uint32_t b = make(&script, &of_16k);
    say(&script, SIM_HOLD, b, false);
    say(&script, SIM_RELEASE, b, false);
    make(&script, &of_16k); /* b goes, though a is the older one */
    say(&script, SIM_HOLD, a, false); /* nothing to do */
    struct sim_outcome o = run(&script, 32 * KiB, 0, SIM_BUDDY);
    assert_int_equal(o.evicted.count, 1);
    assert_int_equal(o.restored.count, 0);
    say(&script, SIM_HOLD, b, false); /* b comes back in the third's place */
    o = run(&script, 32 * KiB, 0, SIM_BUDDY);
    assert_int_equal(o.evicted.count, 2);
    assert_int_equal(o.restored.count, 1);
    sim_script_release(&script);
}

/* Device memory of 16 KiB, system memory of 32: the third of three goes through the second to swap. */
static void what_the_system_cannot_hold_is_swapped(void **state)
{
    (void)state;
    struct sim_script script = {0};
    uint32_t a = make(&script, &of_16k);
    make(&script, &of_16k);
    uint32_t c = make(&script, &of_16k);
    uint32_t d = make(&script, &of_system); /* a, the oldest in system memory, is swapped out */
    struct sim_outcome o = run(&script, 16 * KiB, 32 * KiB, SIM_BUDDY);
    assert_int_equal(o.evicted.count, 2);
    assert_int_equal(o.swapped_out.count, 1);
    assert_int_equal(o.peak[SIM_SWAP], 16 * KiB);
    say(&script, SIM_NEED, a, false); /* back, c is evicted, b is swapped for it */
    o = run(&script, 16 * KiB, 32 * KiB, SIM_BUDDY);
    assert_int_equal(o.swapped_in.count, 1);
    assert_int_equal(o.swapped_out.count, 2);
    assert_int_equal(o.evicted.count, 3);
    assert_int_equal(o.ns_swapped, 3 * 4 * sim_costs_usual.swap);
    assert_int_equal(o.ns_cleared, 3 * 4 * sim_costs_usual.clear_vram + 4 * sim_costs_usual.clear_system);
    say(&script, SIM_FREE, c, false);
    say(&script, SIM_FREE, d, false);
    say(&script, SIM_FREE, a, false);
    o = run(&script, 16 * KiB, 32 * KiB, SIM_BUDDY);
    assert_int_equal(o.failed.count, 0);
    sim_script_release(&script);
}

/* What no memory can take fails, its later uses are nothing, and what only system memory can take lies there. */
static void what_fits_nowhere_fails(void **state)
{
    (void)state;
    struct sim_script script = {0};
    struct sim_buffer large = {.size = 64 * KiB, .local = true}, medium = {.size = 24 * KiB, .local = true};
    uint32_t a = make(&script, &large);
    say(&script, SIM_NEED, a, false);
    say(&script, SIM_FREE, a, false);
    make(&script, &medium);
    struct sim_outcome o = run(&script, 16 * KiB, 32 * KiB, SIM_BUDDY);
    assert_int_equal(o.failed.count, 1);
    assert_int_equal(o.failed.bytes, 64 * KiB);
    assert_int_equal(o.first_failed, 0);
    assert_int_equal(o.displaced.count, 2);
    assert_int_equal(o.evicted.count, 0);
    assert_int_equal(o.peak[SIM_VRAM], 0);
    assert_int_equal(o.peak[SIM_GTT], 24 * KiB);
    assert_false(sim_sufficed(&o));
    sim_script_release(&script);
}

/* 32 KiB filled with pages from the top down; every second one freed leaves four free pages, none beside another: 1 - 4/16. */
static void fragmentation_is_as_computed_by_hand(void **state)
{
    (void)state;
    struct sim_script script = {0};
    uint32_t pages[8];
    for (int i = 0; i < 8; i++)
        pages[i] = make(&script, &of_4k);
    for (int i = 0; i < 8; i += 2)
        say(&script, SIM_FREE, pages[i], false);
    for (int allocator = SIM_BUDDY; allocator <= SIM_MM; allocator++) {
        struct sim_outcome o = run(&script, 32 * KiB, 0, (enum sim_allocator)allocator);
        assert_float_equal(o.vram.worst, 0.75, 1e-12);
        assert_float_equal(o.vram.at_end, 0.75, 1e-12);
        assert_int_equal(o.vram.worst_ns, 11000);
        assert_int_equal(o.vram.worst_free, 16 * KiB);
        assert_int_equal(o.vram.worst_largest, 4 * KiB);
        assert_int_equal(o.vram.least_largest, 0); /* when it was full */
        assert_int_equal(o.peak_ns[SIM_VRAM], 7000);
        assert_in_range(o.stretch_count, 2, SIM_STRETCHES);
        assert_float_equal(o.stretches[o.stretch_count - 1].fragmentation, 0.75, 1e-12);
    }
    uint32_t contiguous = sim_script_add_buffer(&script, &(struct sim_buffer){.size = 8 * KiB, .local = true, .contiguous = true});
    say(&script, SIM_CREATE, contiguous, false);
    struct sim_outcome o = run(&script, 32 * KiB, 0, SIM_BUDDY);
    assert_int_equal(o.evicted.count, 1); /* the oldest of those that are left lies between two free pages */
    sim_script_release(&script);
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static void at_random(struct sim_script *script, uint64_t seed)
{
    enum { LIVE = 24 };
    uint32_t live[LIVE];
    uint64_t bytes = 0;
    memset(live, 0xff, sizeof live);
    for (int i = 0; i < 400; i++) {
        uint64_t slot = next(&seed) % LIVE;
        struct sim_buffer buffer = {.size = (1 + next(&seed) % 24) * SIM_PAGE, .local = true, .visible = next(&seed) % 3 == 0,
                                    .contiguous = next(&seed) % 5 == 0};
        if (live[slot] != REPLAY_NONE && next(&seed) % 3 == 0) {
            say(script, next(&seed) % 2 ? SIM_NEED : SIM_TOUCH, live[slot], false);
        } else if (live[slot] != REPLAY_NONE) {
            bytes -= script->buffers[live[slot]].size;
            say(script, SIM_FREE, live[slot], false);
            live[slot] = REPLAY_NONE;
        } else {
            live[slot] = make(script, &buffer);
            bytes += buffer.size;
            script->local_peak = bytes > script->local_peak ? bytes : script->local_peak;
        }
    }
}

/* Every size from a page on, upwards: the first that evicts nothing. */
static uint64_t by_brute_force(const struct sim_script *script, uint64_t step, enum sim_allocator allocator)
{
    for (uint64_t size = step;; size += step) {
        struct sim_outcome o = run(script, size, 0, allocator);
        if (sim_sufficed(&o))
            return size;
    }
}

static void count_trial(void *user, uint64_t size, bool sufficed)
{
    (void)size, (void)sufficed;
    ++*(uint32_t *)user;
}

static void the_search_finds_the_smallest(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct sim_script script = {0};
        at_random(&script, seed);
        enum sim_allocator allocator = seed % 2 ? SIM_BUDDY : SIM_MM;
        struct sim_options options = {.allocator = allocator, .costs = sim_costs_usual};
        struct ga_error error = {""};
        uint32_t told = 0;
        struct sim_search search = {.tried = count_trial, .user = &told}, again = {0};
        assert_int_equal(sim_find_vram(&script, &options, &search, &error), 0);
        assert_true(search.exhaustive);
        assert_int_equal(search.step, SIM_PAGE);
        assert_int_equal(search.size, by_brute_force(&script, SIM_PAGE, allocator));
        assert_int_equal(told, search.trials);
        assert_int_equal(sim_find_vram(&script, &options, &again, &error), 0);
        assert_int_equal(again.size, search.size);
        assert_int_equal(again.trials, search.trials);
        sim_script_release(&script);
    }
}

static void the_same_script_gives_the_same_figures(void **state)
{
    (void)state;
    struct sim_script script = {0};
    at_random(&script, 99);
    struct sim_outcome a = run(&script, 512 * KiB, 256 * KiB, SIM_BUDDY), b = run(&script, 512 * KiB, 256 * KiB, SIM_BUDDY);
    assert_true(a.evicted.count > 0);
    assert_int_equal(a.evicted.count, b.evicted.count);
    assert_int_equal(a.evicted.bytes, b.evicted.bytes);
    assert_int_equal(sim_time(&a), sim_time(&b));
    assert_float_equal(a.vram.worst, b.vram.worst, 0);
    sim_script_release(&script);
}

/* --- plans -------------------------------------------------------------------------------------------------------------------- */

static void finish(struct replay_plan *plan)
{
    struct ga_error error = {""};
    if (replay_plan_finish(plan, &error) < 0)
        fail_msg("%s", error.text);
}

static int actions(const struct sim_script *script, enum sim_action action)
{
    int count = 0;
    for (size_t i = 0; i < script->step_count; i++)
        count += script->steps[i].action == action;
    return count;
}

/* Two files share a buffer: one memory, until the last handle is closed. With a device end its allocations. */
static void a_plan_says_what_lived_how_long(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct sim_script script;
    struct ga_error error;
    assert_int_equal(replay_plan_begin(&plan, &(struct replay_plan_options){0}), 0);
    add_dumb(&plan, (struct when){0, 10, 20}, 1, 5, 64, 64);
    add_export(&plan, (struct when){0, 30, 40}, 1, 5, 9, 777);
    add_import(&plan, (struct when){1, 50, 60}, 2, 3, 9, 777);
    add_gem_close(&plan, (struct when){0, 70, 80}, 1, 5);
    add_gem_close(&plan, (struct when){1, 90, 100}, 2, 3);
    add_create_device(&plan, (struct when){0, 110, 120}, 5);
    add_create(&plan, (struct when){0, 130, 140}, (struct create){.device = 5, .first = 20, .count = 1, .standard_size = 5000}, NULL);
    add_create(&plan, (struct when){0, 150, 160}, (struct create){.device = 5, .first = 30, .count = 1, .standard_size = 4096,
                                                                  .memory = 0x7000000}, NULL);
    add_destroy_device(&plan, (struct when){0, 170, 180}, 5);
    finish(&plan);
    assert_int_equal(sim_script_build(&script, &plan, &error), 0);
    assert_int_equal(script.buffer_count, 3);
    assert_int_equal(script.unknown, 0);
    assert_int_equal(script.buffers[0].size, 64 * 64 * 4);
    assert_false(script.buffers[0].local); /* virtio_gpu has no memory of its own */
    assert_true(script.buffers[1].local);
    assert_int_equal(script.buffers[1].size, 8192);
    assert_false(script.buffers[2].local); /* the program's own */
    assert_true(script.buffers[2].users);
    assert_int_equal(script.local_peak, 8192);
    assert_int_equal(actions(&script, SIM_CREATE), 3);
    assert_int_equal(actions(&script, SIM_FREE), 3);
    assert_int_equal(actions(&script, SIM_CALL), 9);
    struct sim_outcome o = run(&script, 1 * MiB, 0, SIM_BUDDY);
    assert_int_equal(o.peak[SIM_VRAM], 8192);
    assert_int_equal(o.peak[SIM_GTT], 64 * 64 * 4);
    assert_int_equal(o.ns_calls, 9 * sim_costs_usual.call);
    assert_int_equal(o.ns_cleared, 4 * sim_costs_usual.clear_system + 2 * sim_costs_usual.clear_vram);
    sim_script_release(&script);
    replay_plan_release(&plan);
}

/* The whole report, as JSON: it calls itself a model. */
static void the_report_says_that_it_is_a_model(void **state)
{
    (void)state;
    struct replay_plan plan = {0};
    struct sim_script script = {0};
    make(&script, &of_8k);
    struct sim_options options = {.vram = 1 * MiB, .costs = sim_costs_usual};
    struct sim_outcome outcome = run(&script, options.vram, 0, SIM_BUDDY);
    struct sim_report report = {"trace", &plan, &script, &options, &outcome, NULL};
    char *json = sim_report_json(&report);
    assert_non_null(json);
    assert_non_null(strstr(json, "\"model\": true"));
    struct replay_result result;
    struct ga_error error = {""};
    assert_int_equal(replay_result_parse(&result, json, strlen(json), &error), -EINVAL);
    assert_non_null(strstr(error.text, "computed, not measured"));
    replay_result_release(&result);
    free(json);
    sim_script_release(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_recently_used_is_evicted),
        cmocka_unit_test(a_submission_does_not_evict_its_own),
        cmocka_unit_test(residency_decides_before_last_use),
        cmocka_unit_test(what_the_system_cannot_hold_is_swapped),
        cmocka_unit_test(what_fits_nowhere_fails),
        cmocka_unit_test(fragmentation_is_as_computed_by_hand),
        cmocka_unit_test(the_search_finds_the_smallest),
        cmocka_unit_test(the_same_script_gives_the_same_figures),
        cmocka_unit_test(a_plan_says_what_lived_how_long),
        cmocka_unit_test(the_report_says_that_it_is_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
