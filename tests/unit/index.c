/* An index finds each element of its array, and nothing else, also while both grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/index.h"
#include "base/map.h"

enum { COUNT = 10000 };
static uint64_t keys[COUNT];

static uint64_t hash_of(const void *array, size_t number)
{
    const uint64_t *list = array;
    return ga_map_hash(list[number - 1], 0);
}

/* All hashes alike: each look-up goes through all elements before. */
static uint64_t same_hash(const void *array, size_t number)
{
    (void)array, (void)number;
    return UINT64_MAX; /* the walk passes the end of the table */
}

/* The element's number; 0: it is not there. */
static uint32_t find(const struct ga_index *index, uint64_t hash, uint64_t key)
{
    size_t at = (size_t)hash;
    for (uint32_t number; (number = ga_index_at(index, at)); at++)
        if (keys[number - 1] == key)
            return number;
    return 0;
}

static void each_is_found_while_it_grows(void **state)
{
    (void)state;
    struct ga_index index = {0};
    assert_int_equal(find(&index, ga_map_hash(7, 0), 7), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        keys[i] = (uint64_t)i * 64;
        assert_int_equal(ga_index_add(&index, keys, hash_of), 0);
        assert_int_equal(index.count, i + 1);
        uint32_t other = i / 3;
        assert_int_equal(find(&index, ga_map_hash(keys[other], 0), keys[other]), other + 1);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(find(&index, ga_map_hash(keys[i], 0), keys[i]), i + 1);
        assert_int_equal(find(&index, ga_map_hash(keys[i] + 1, 0), keys[i] + 1), 0);
    }
    assert_true(index.capacity * 3 >= index.count * 4 && index.capacity < index.count * 4);
    ga_index_release(&index);
    assert_int_equal(find(&index, 0, 0), 0);
}

static void equal_hashes_are_told_apart_by_their_keys(void **state)
{
    (void)state;
    struct ga_index index = {0};
    for (uint32_t i = 0; i < 100; i++) {
        keys[i] = i;
        assert_int_equal(ga_index_add(&index, keys, same_hash), 0);
    }
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(find(&index, UINT64_MAX, i), i + 1);
    assert_int_equal(find(&index, UINT64_MAX, 100), 0);
    ga_index_release(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_found_while_it_grows),
        cmocka_unit_test(equal_hashes_are_told_apart_by_their_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
