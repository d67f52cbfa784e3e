/* Time to resident: each call that gave a paging fence's value is ready once, within the interval that the trace allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reader/paging.h"

enum { OFFSET = 1000000, QUEUE = 0x40, PENDING = 259 };

static struct {
    struct ga_paging_wait wait;
    int64_t after_ns, by_ns;
} readies[16];
static unsigned ready_count, not_seen_count;

static int ready(void *user, const struct ga_paging_wait *wait, int64_t after_ns, int64_t by_ns)
{
    (void)user;
    readies[ready_count].wait = *wait;
    readies[ready_count].after_ns = after_ns - OFFSET;
    readies[ready_count++].by_ns = by_ns - OFFSET;
    return 0;
}

static int not_seen(void *user, const struct ga_paging_wait *wait)
{
    (void)user, (void)wait;
    not_seen_count++;
    return 0;
}

static struct ga_paging *paging;

static int setup(void **state)
{
    static const struct ga_paging_ops ops = {ready, not_seen};
    (void)state;
    ready_count = not_seen_count = 0;
    return ga_paging_create(&paging, &ops, NULL);
}

static int teardown(void **state)
{
    (void)state;
    ga_paging_destroy(paging);
    return 0;
}

static void feed(enum ga_row_id row, void *record, uint64_t begin, uint32_t status)
{
    struct ga_call_header *header = record;
    *header = (struct ga_call_header){.process = 1, .begin = begin, .end = begin + 10, .ret = status};
    struct ga_call call = {.row = &ga_rows[row], .header = header, .record = record, .begin_ns = (int64_t)begin + OFFSET,
                           .end_ns = (int64_t)begin + 10 + OFFSET, .failed = status >= 0x80000000, .status = status};
    assert_int_equal(ga_paging_call(paging, &call), 0);
}

static void make_resident(uint64_t begin, uint64_t value, uint32_t status)
{
    struct ga_d3dkmt_make_resident record = {.hPagingQueue = QUEUE, .PagingFenceValue = value};
    feed(GA_ROW_d3dkmt_make_resident, &record, begin, status);
}

static void fence(uint64_t lower_at, uint64_t seen_at, uint64_t value)
{
    struct ga_gpualloc_paging_fence record = {
        .process = 1, .hPagingQueue = QUEUE, .value = value, .seen_at = seen_at, .lower_at = lower_at};
    assert_int_equal(ga_paging_event(paging, &ga_rows[GA_ROW_gpualloc_paging_fence], &record), 0);
}

static void assert_ready(unsigned n, uint64_t value, int64_t after, int64_t by)
{
    assert_int_equal(readies[n].wait.value, value);
    assert_int_equal(readies[n].after_ns, after);
    assert_int_equal(readies[n].by_ns, by);
}

static void ready_between_two_looks(void **state)
{
    (void)state;
    make_resident(100, 1, PENDING);
    make_resident(200, 2, PENDING);
    assert_int_equal(ready_count, 0);
    fence(150, 300, 1); /* 2 is still awaited */
    assert_int_equal(ready_count, 1);
    assert_ready(0, 1, 150, 300);
    fence(350, 400, 2);
    assert_ready(1, 2, 350, 400);
    assert_int_equal(ga_paging_finish(paging), 0);
    assert_int_equal(ready_count, 2);
    assert_int_equal(not_seen_count, 0);
}

static void a_look_before_the_call_says_nothing_about_it(void **state)
{
    (void)state;
    make_resident(100, 1, PENDING);
    fence(50, 120, 1);
    assert_ready(0, 1, 100, 120);
}

static void seen_by_another_thread_first(void **state)
{
    (void)state;
    make_resident(10, 1, PENDING);
    fence(105, 130, 2); /* sent before the call that gave the 2 */
    make_resident(100, 2, PENDING);
    assert_int_equal(ready_count, 2);
    assert_ready(1, 2, 105, 130);
}

static void success_is_ready_at_once(void **state)
{
    (void)state;
    make_resident(100, 7, 0);
    assert_int_equal(ready_count, 1);
    assert_true(readies[0].wait.at_once);
    assert_ready(0, 7, 100, 110);
    make_resident(200, 8, 0xC000000D); /* failed: no value */
    assert_int_equal(ready_count, 1);
}

static void what_was_not_seen_is_said(void **state)
{
    (void)state;
    struct ga_d3dkmt_destroy_paging_queue destroy = {.hPagingQueue = QUEUE};
    make_resident(100, 1, PENDING);
    feed(GA_ROW_d3dkmt_destroy_paging_queue, &destroy, 200, 0);
    assert_int_equal(not_seen_count, 1);
    make_resident(300, 1, PENDING); /* of a queue that got the handle again */
    fence(0, 320, 1);
    assert_int_equal(ready_count, 1);
    make_resident(400, 2, PENDING);
    assert_int_equal(ga_paging_finish(paging), 0);
    assert_int_equal(not_seen_count, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(ready_between_two_looks),
        TEST(a_look_before_the_call_says_nothing_about_it),
        TEST(seen_by_another_thread_first),
        TEST(success_is_ready_at_once),
        TEST(what_was_not_seen_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
