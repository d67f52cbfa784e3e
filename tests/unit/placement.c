/* Ids of DRM objects are the replay's own, bindings keep their order, waits end; each class of memory is said by each driver in words
   that mean the same class when they are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include <libdrm/amdgpu_drm.h>

#include "plan_calls.h"
#include "replayer/capacity.h"
#include "replayer/placement.h"
#include "replayer/requests.h"

static int add_context(struct replay_plan *plan, struct when when, uint32_t op, uint32_t id)
{
    struct ga_drm_amdgpu_ctx r = {.header = header_of(when), .op = op, .ctx_id = op == 1 ? 0 : id, .new_ctx_id = op == 1 ? id : 0};
    return add_row(plan, GA_ROW_drm_amdgpu_ctx, &r.header, &r, NULL, 0, NULL);
}

static int add_clear(struct replay_plan *plan, struct when when, uint64_t address)
{
    struct ga_drm_amdgpu_gem_va r = {.header = header_of(when), .operation = 3, .va_address = address, .map_size = 4096};
    return add_row(plan, GA_ROW_drm_amdgpu_gem_va, &r.header, &r, NULL, 0, NULL);
}

static int add_amdgpu_create(struct replay_plan *plan, struct when when, uint32_t handle, uint64_t domains, uint64_t flags)
{
    struct ga_drm_amdgpu_gem_create r = {.header = header_of(when), .bo_size = 8192, .alignment = 65536, .domains = domains,
                                         .domain_flags = flags, .handle = handle};
    return add_row(plan, GA_ROW_drm_amdgpu_gem_create, &r.header, &r, NULL, 0, NULL);
}

static int add_wait_idle(struct replay_plan *plan, struct when when, uint32_t handle, uint64_t timeout)
{
    struct ga_drm_amdgpu_gem_wait_idle r = {.header = header_of(when), .handle = handle, .timeout = timeout};
    return add_row(plan, GA_ROW_drm_amdgpu_gem_wait_idle, &r.header, &r, NULL, 0, NULL);
}

static void begin(struct replay_plan *plan)
{
    assert_int_equal(replay_plan_begin(plan, &(struct replay_plan_options){.order = REPLAY_ORDER_RESOURCE}), 0);
}

static void finish(struct replay_plan *plan, struct replay_requests *requests)
{
    struct ga_error error = {""};
    assert_int_equal(replay_plan_finish(plan, &error), 0);
    assert_int_equal(replay_requests_init(requests, plan, &error), 0);
    replay_requests_reset(requests);
    replay_set_value(requests, plan->files[0].object, 3); /* its descriptor */
}

static void contexts_are_numbered_anew(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_requests requests;
    begin(&plan);
    add_context(&plan, (struct when){0, 10, 20}, 1, 3);
    add_context(&plan, (struct when){0, 30, 40}, 4, 3);
    add_context(&plan, (struct when){0, 50, 60}, 2, 3);
    add_context(&plan, (struct when){0, 70, 80}, 1, 3); /* the number is given again: another context */
    add_context(&plan, (struct when){0, 90, 95}, 4, 3);
    add_context(&plan, (struct when){0, 97, 98}, 4, 9); /* of which nothing is known */
    finish(&plan, &requests);
    union drm_amdgpu_ctx *context = (void *)requests.scratch[0];
    for (uint32_t c = 0; c < 5; c++) {
        uint32_t expected = c < 3 ? 100 : 200;
        assert_int_equal(plan.calls[c].skip, REPLAY_ISSUED);
        assert_int_equal(replay_requests_prepare(&requests, 0, &plan.calls[c]), REPLAY_ISSUED);
        if (c == 0 || c == 3)
            context->out.alloc.ctx_id = expected;
        else
            assert_int_equal(context->in.ctx_id, expected);
        replay_requests_finish(&requests, 0, &plan.calls[c], false);
    }
    assert_int_equal(plan.calls[5].skip, REPLAY_SKIP_STRANGER);
    replay_requests_release(&requests);
    replay_plan_release(&plan);
}

static bool depends(const struct replay_plan *plan, uint32_t call, uint32_t on)
{
    const struct replay_call *c = &plan->calls[call], *other = &plan->calls[on];
    for (uint32_t d = c->dependencies; d < c->dependencies + c->dependency_count; d++)
        if (plan->dependencies[d].lane == other->lane && plan->dependencies[d].sequence >= other->sequence)
            return true;
    return false;
}

static void bindings_of_threads_keep_their_order(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_requests requests;
    begin(&plan);
    add_clear(&plan, (struct when){0, 10, 20}, 0x1000);
    add_clear(&plan, (struct when){1, 30, 40}, 0x1000);
    add_clear(&plan, (struct when){0, 50, 60}, 0x1000);
    finish(&plan, &requests);
    assert_true(depends(&plan, 1, 0));
    assert_true(depends(&plan, 2, 1));
    replay_requests_release(&requests);
    replay_plan_release(&plan);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void waits_have_an_end(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_requests requests;
    begin(&plan);
    add_amdgpu_create(&plan, (struct when){0, 10, 20}, 7, 4, 0);
    add_wait_idle(&plan, (struct when){0, 1000, 1001}, 7, UINT64_MAX);       /* for ever */
    add_wait_idle(&plan, (struct when){0, 2000, 2001}, 7, 2000 + 50000000); /* 50 ms */
    add_wait_idle(&plan, (struct when){0, 3000, 3001}, 7, 2999);            /* over already */
    finish(&plan, &requests);
    replay_set_value(&requests, plan.refs[plan.calls[0].refs + 1].object, 70);
    static const uint64_t limits[] = {REPLAY_WAIT_MAX_NS, 50000000};
    const union drm_amdgpu_gem_wait_idle *wait = (void *)requests.scratch[0];
    for (uint32_t c = 1; c < 4; c++) {
        uint64_t before = now_ns();
        assert_int_equal(replay_requests_prepare(&requests, 0, &plan.calls[c]), REPLAY_ISSUED);
        if (c == 3)
            assert_int_equal(wait->in.timeout, 0);
        else
            assert_true(wait->in.timeout >= before + limits[c - 1] - 1000 && wait->in.timeout <= now_ns() + limits[c - 1]);
    }
    replay_requests_release(&requests);
    replay_plan_release(&plan);
}

static void amdgpu_places_are_read(void **state)
{
    (void)state;
    static const struct {
        uint64_t domains, flags;
        enum replay_place place;
    } cases[] = {{4, 0, REPLAY_LOCAL}, {4, 2, REPLAY_LOCAL}, {4 | 2, 1, REPLAY_VISIBLE}, {2, 4, REPLAY_SYSTEM}, {2, 0, REPLAY_COHERENT},
                 {1, 0, REPLAY_COHERENT}};
    struct replay_plan plan;
    struct replay_requests requests;
    begin(&plan);
    for (uint32_t i = 0; i < 6; i++)
        add_amdgpu_create(&plan, (struct when){0, 10 * i, 10 * i + 5}, i + 1, cases[i].domains, cases[i].flags);
    finish(&plan, &requests);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(replay_recorded_place(&plan, &plan.calls[i]), cases[i].place);
        assert_int_equal(replay_recorded_alignment(&plan, &plan.calls[i]), 65536);
    }
    replay_requests_release(&requests);
    replay_plan_release(&plan);
}

/* What a driver says is what it is read as: an argument becomes the image of a plan of one call. */
static void what_is_said_is_understood(void **state)
{
    (void)state;
    static const char *const drivers[] = {"amdgpu", "radeon", "nouveau", "xe"};
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
        for (int place = 0; place < REPLAY_PLACES; place++) {
            const struct replay_dialect *dialect = replay_dialect_of(drivers[i]);
            _Alignas(8) unsigned char argument[4096];
            assert_non_null(dialect);
            assert_true(replay_can_say(dialect, (enum replay_place)place));
            replay_say_create(dialect, argument, (enum replay_place)place, 10000, 0);
            const struct replay_call call = {.row = (uint16_t)ga_row_id(replay_create_row(dialect))};
            const struct replay_plan plan = {.images = argument};
            if (replay_recorded_place(&plan, &call) != (enum replay_place)place)
                fail_msg("%s: %s is read as %s", drivers[i], replay_place_name((enum replay_place)place),
                         replay_place_name(replay_recorded_place(&plan, &call)));
        }
    assert_null(replay_dialect_of("bochs-drm"));
    assert_false(replay_can_say(replay_dialect_of("qxl"), REPLAY_LOCAL));
}

/* Peaks by class, at the times at which calls took effect: a free that began before a create ended comes first. */
static void what_does_not_fit_is_said(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct replay_requests requests;
    begin(&plan);
    add_amdgpu_create(&plan, (struct when){0, 10, 20}, 1, 4, 2);
    add_amdgpu_create(&plan, (struct when){0, 30, 40}, 2, 4, 1);
    add_gem_close(&plan, (struct when){0, 55, 58}, 0, 1);
    add_amdgpu_create(&plan, (struct when){1, 50, 60}, 3, 4, 2);
    add_amdgpu_create(&plan, (struct when){0, 70, 80}, 4, 2, 0);
    finish(&plan, &requests);
    uint8_t skips[5] = {0}, places[5];
    bool translated[5] = {true, true, true, false, true};
    for (uint32_t c = 0; c < 5; c++)
        places[c] = ga_row_id(replay_row(&plan.calls[c])) == GA_ROW_drm_amdgpu_gem_create
                        ? (uint8_t)replay_recorded_place(&plan, &plan.calls[c]) : REPLAY_PLACES;
    struct replay_capacity capacity = {.bytes = {16384, 4096, 0, 0}, .known = {true, true, true, false}, .local_page = 65536};
    struct replay_binding binding = {.skips = skips, .translated = translated};
    assert_int_equal(replay_capacity_compare(&capacity, &plan, places, replay_dialect_of("xe"), "card0", &binding), 0);
    assert_int_equal(binding.memory[REPLAY_LOCAL].peak_bytes, 16384); /* with the visible one, and never three at once */
    assert_int_equal(binding.memory[REPLAY_VISIBLE].peak_bytes, 8192);
    assert_int_equal(binding.memory[REPLAY_SYSTEM].peak_bytes, 8192);
    assert_int_equal(binding.memory[REPLAY_COHERENT].largest_bytes, 8192);
    assert_int_equal(binding.limit_count, 3);
    assert_string_equal(binding.limits[0], "the recording has a buffer of 8 KiB in visible local memory, and card0 has 4 KiB of it: "
                                           "such buffers will be refused");
    assert_string_equal(binding.limits[1], "the recording has up to 8 KiB of system memory, and card0 has none");
    assert_string_equal(binding.limits[2], "4 creates ask for an alignment of up to 64 KiB, of which the driver of card0 cannot be "
                                           "told");
    capacity.bytes[REPLAY_LOCAL] = 12288;
    memset(translated, 0, sizeof translated);
    binding = (struct replay_binding){.skips = skips, .translated = translated};
    assert_int_equal(replay_capacity_compare(&capacity, &plan, places, replay_dialect_of("xe"), "card0", &binding), 0);
    assert_string_equal(binding.limits[0], "the recording has up to 16 KiB of local memory alive at once, and card0 has 12 KiB: "
                                           "buffers will move, or be refused");
    assert_string_equal(binding.limits[3], "3 creates in local memory: of sizes that are no multiple of 64 KiB, the smallest page of "
                                           "card0: refused");
    replay_requests_release(&requests);
    replay_plan_release(&plan);
}

/* A program's own memory is the replay's: as much of it, at the same offset in a page, and never the recorded address. */
static void own_memory_is_supplied(void **state)
{
    (void)state;
    enum { SIZE = 3 * 4096 };
    const uint64_t recorded = 0x123456789000;
    struct replay_plan plan;
    struct replay_requests requests;
    begin(&plan);
    struct ga_drm_amdgpu_gem_userptr amdgpu = {.header = header_of((struct when){0, 10, 20}), .addr = recorded, .size = SIZE,
                                           .handle = 1};
    struct ga_drm_radeon_gem_userptr radeon = {.header = header_of((struct when){0, 30, 40}), .addr = recorded, .size = SIZE,
                                           .handle = 2};
    struct ga_drm_i915_gem_userptr i915 = {.header = header_of((struct when){0, 50, 60}), .user_ptr = recorded, .user_size = SIZE,
                                           .handle = 3};
    add_row(&plan, GA_ROW_drm_amdgpu_gem_userptr, &amdgpu.header, &amdgpu, NULL, 0, NULL);
    add_row(&plan, GA_ROW_drm_radeon_gem_userptr, &radeon.header, &radeon, NULL, 0, NULL);
    add_row(&plan, GA_ROW_drm_i915_gem_userptr, &i915.header, &i915, NULL, 0, NULL);
    finish(&plan, &requests);
    for (uint32_t c = 0; c < 3; c++) {
        uint64_t address;
        assert_int_equal(replay_requests_prepare(&requests, 0, &plan.calls[c]), REPLAY_ISSUED);
        memcpy(&address, requests.scratch[0], sizeof address); /* the first member of each */
        assert_true(address && address != recorded && address % 4096 == 0);
        memset((void *)(uintptr_t)address, 1, SIZE);
    }
    replay_requests_release(&requests);
    replay_plan_release(&plan);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(contexts_are_numbered_anew), cmocka_unit_test(bindings_of_threads_keep_their_order),
        cmocka_unit_test(waits_have_an_end),          cmocka_unit_test(amdgpu_places_are_read),
        cmocka_unit_test(what_is_said_is_understood), cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(own_memory_is_supplied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
