/* The map keeps what it was given through growth, erasing and reuse of slots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"

static void keeps_entries_through_growth_and_erasing(void **state)
{
    (void)state;
    struct ga_map map = {0};
    assert_null(ga_map_get(&map, 1, 2));
    assert_false(ga_map_erase(&map, 1, 2));
    for (uint64_t i = 0; i < 10000; i++)
        assert_int_equal(ga_map_set(&map, i, i % 7, i * 3), 0);
    for (uint64_t i = 0; i < 10000; i += 2)
        assert_true(ga_map_erase(&map, i, i % 7));
    assert_int_equal(map.count, 5000);
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t *value = ga_map_get(&map, i, i % 7);
        if (i % 2)
            assert_int_equal(*value, i * 3);
        else
            assert_null(value);
    }
    ga_map_release(&map);
}

static void churn_does_not_grow(void **state)
{
    (void)state;
    struct ga_map map = {0};
    for (uint64_t i = 0; i < 100000; i++) {
        assert_int_equal(ga_map_set(&map, i, 0, i), 0);
        assert_true(ga_map_erase(&map, i, 0));
    }
    assert_true(map.capacity <= 64);
    assert_int_equal(map.used, 0); /* nothing is left for a search to pass over */
    ga_map_release(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_entries_through_growth_and_erasing),
        cmocka_unit_test(churn_does_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
