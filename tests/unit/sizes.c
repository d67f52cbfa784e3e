/* Sizes learnt by one pass and asked for by the next: the last that was told, by the order of births, beyond any one window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "calls.h"
#include "reader/sizes.h"

#define WHEN(b, e) ((struct when){.process = 7, .begin = (b), .end = (e)})

static void the_last_size_is_known_in_the_next_pass(void **state)
{
    (void)state;
    static struct made made;
    struct ga_sizes *sizes;
    uint64_t size = 1;
    enum ga_size_origin origin = GA_SIZE_UNKNOWN;
    enum { COUNT = 1000 };
    assert_int_equal(ga_sizes_create(&sizes, NULL, NULL), 0);
    assert_int_equal(ga_sizes_learnt(sizes), 0);
    assert_int_equal(ga_sizes_known(sizes, 0, &size, &origin), 0);
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_int_equal(ga_sizes_call(sizes, made_create(&made, WHEN(10 * i + 1, 10 * i + 2), 2, 0, 0, 0, 5, 1)), 0);
        if (i % 3)
            assert_int_equal(ga_sizes_call(sizes, made_map(&made, WHEN(10 * i + 3, 10 * i + 4), 5, 0, 1)), 0);
        if (i % 3 == 2)
            assert_int_equal(ga_sizes_call(sizes, made_map(&made, WHEN(10 * i + 5, 10 * i + 6), 5, i, 1)), 0);
        assert_int_equal(ga_sizes_call(sizes, made_destroy(&made, WHEN(10 * i + 7, 10 * i + 8), 2, 0, 5, 1)), 0);
    }
    assert_int_equal(ga_sizes_learnt(sizes), 333 + 2 * 333);
    for (uint64_t i = 0; i < COUNT + 300; i++) {
        int known = ga_sizes_known(sizes, i, &size, &origin);
        assert_int_equal(known, i < COUNT && i % 3 != 0);
        if (!known)
            continue;
        assert_int_equal(size, i % 3 == 1 ? 4096 : (i + 1) * 4096);
        assert_int_equal(origin, GA_SIZE_MAPPED);
    }
    assert_int_equal(ga_sizes_known(sizes, 1, &size, &origin), 1); /* backwards */
    assert_int_equal(size, 4096);
    ga_sizes_destroy(sizes);
    ga_sizes_destroy(NULL);
    assert_int_equal(ga_sizes_known(NULL, 1, &size, &origin), 0);
}

/* Where nothing can be written the pass fails; it does not go on with wrong sizes. */
static void no_room_for_the_file_is_an_error(void **state)
{
    (void)state;
    static struct made made;
    struct ga_sizes *sizes;
    char *old = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
    setenv("TMPDIR", "/proc/nowhere", 1);
    assert_int_equal(ga_sizes_create(&sizes, NULL, NULL), 0);
    assert_int_equal(ga_sizes_call(sizes, made_create(&made, WHEN(1, 2), 2, 0, 0, 0, 5, 1)), 0);
    assert_true(ga_sizes_call(sizes, made_map(&made, WHEN(3, 4), 5, 0, 1)) < 0);
    ga_sizes_destroy(sizes);
    if (old)
        setenv("TMPDIR", old, 1);
    else
        unsetenv("TMPDIR");
    free(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_size_is_known_in_the_next_pass),
        cmocka_unit_test(no_room_for_the_file_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
