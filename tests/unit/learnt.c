/* What one pass learns and the next asks for: the last that was told, by the order of births, beyond any one window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "calls.h"
#include "reader/learnt.h"

#define WHEN(b, e) ((struct when){.process = 7, .begin = (b), .end = (e)})

static void the_last_size_is_known_in_the_next_pass(void **state)
{
    (void)state;
    static struct made made;
    struct ga_learnt *learnt;
    struct ga_known known;
    enum { COUNT = 1000 };
    assert_int_equal(ga_learnt_create(&learnt, NULL, NULL), 0);
    assert_int_equal(ga_learnt_count(learnt), 0);
    assert_int_equal(ga_learnt_known(learnt, 0, &known), 0);
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_int_equal(ga_learnt_call(learnt, made_create(&made, WHEN(10 * i + 1, 10 * i + 2), 2, 0, 0, 0, 5, 1)), 0);
        if (i % 3)
            assert_int_equal(ga_learnt_call(learnt, made_map(&made, WHEN(10 * i + 3, 10 * i + 4), 5, 0, 1)), 0);
        if (i % 3 == 2)
            assert_int_equal(ga_learnt_call(learnt, made_map(&made, WHEN(10 * i + 5, 10 * i + 6), 5, i, 1)), 0);
        assert_int_equal(ga_learnt_call(learnt, made_destroy(&made, WHEN(10 * i + 7, 10 * i + 8), 2, 0, 5, 1)), 0);
    }
    assert_int_equal(ga_learnt_count(learnt), 333 + 2 * 333);
    for (uint64_t i = 0; i < COUNT + 300; i++) {
        int found = ga_learnt_known(learnt, i, &known);
        assert_int_equal(found, i < COUNT && i % 3 != 0);
        if (!found)
            continue;
        assert_int_equal(known.size, i % 3 == 1 ? 4096 : (i + 1) * 4096);
        assert_int_equal(known.origin, GA_SIZE_MAPPED);
    }
    assert_int_equal(ga_learnt_known(learnt, 1, &known), 1); /* backwards */
    assert_int_equal(known.size, 4096);
    ga_learnt_destroy(learnt);
    ga_learnt_destroy(NULL);
    assert_int_equal(ga_learnt_known(NULL, 1, &known), 0);
}

static void name_gem(struct ga_learnt *learnt, uint64_t file, uint32_t handle, const char *name, uint64_t at)
{
    struct ga_gpualloc_annotate_name event = {.process = 7, .kind = 2, .file = file, .handle = handle, .name = name};
    assert_int_equal(ga_learnt_event(learnt, &ga_rows[GA_ROW_gpualloc_annotate_name], &event, (int64_t)at + EPOCH), 0);
}

static void names_of_buffers_are_kept_once_each(void **state)
{
    (void)state;
    static struct made made;
    struct ga_learnt *learnt;
    struct ga_known known, other;
    assert_int_equal(ga_learnt_create(&learnt, NULL, NULL), 0);
    for (uint32_t i = 0; i < 40; i++) {
        struct when when = {.process = 7, .begin = 10 * i + 1, .end = 10 * i + 2, .file = 3};
        char name[16];
        snprintf(name, sizeof name, "buffer %u", i % 5);
        assert_int_equal(ga_learnt_call(learnt, made_dumb(&made, when, i + 1, 4096)), 0);
        name_gem(learnt, 3, i + 1, "first", 10 * i + 3);
        name_gem(learnt, 3, i + 1, name, 10 * i + 3);
        name_gem(learnt, 4, i + 1, "of another file", 10 * i + 4);
    }
    name_gem(learnt, 3, 8, "", 1000);
    name_gem(learnt, 3, 9, "before it was made", 0);
    assert_int_equal(ga_learnt_known(learnt, 0, &known), 1);
    assert_string_equal(known.name, "buffer 0");
    assert_int_equal(known.origin, GA_SIZE_UNKNOWN); /* its size was known at birth */
    assert_int_equal(ga_learnt_known(learnt, 5, &other), 1);
    assert_ptr_equal(known.name, other.name);
    assert_int_equal(ga_learnt_known(learnt, 7, &other), 0); /* taken back */
    assert_int_equal(ga_learnt_known(learnt, 8, &other), 1);
    assert_string_equal(other.name, "buffer 3");
    ga_learnt_destroy(learnt);
}

/* Where nothing can be written the pass fails; it does not go on with wrong sizes. */
static void no_room_for_the_file_is_an_error(void **state)
{
    (void)state;
    static struct made made;
    struct ga_learnt *learnt;
    char *old = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
    setenv("TMPDIR", "/proc/nowhere", 1);
    assert_int_equal(ga_learnt_create(&learnt, NULL, NULL), 0);
    assert_int_equal(ga_learnt_call(learnt, made_create(&made, WHEN(1, 2), 2, 0, 0, 0, 5, 1)), 0);
    assert_true(ga_learnt_call(learnt, made_map(&made, WHEN(3, 4), 5, 0, 1)) < 0);
    ga_learnt_destroy(learnt);
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
        cmocka_unit_test(names_of_buffers_are_kept_once_each),
        cmocka_unit_test(no_room_for_the_file_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
