/* Numbers for people: sizes, times and counts at the edges of their units; and the one-line errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/units.h"

static void sizes_and_times_have_units(void **state)
{
    (void)state;
    assert_string_equal(ga_bytes(0).text, "0 B");
    assert_string_equal(ga_bytes(1023).text, "1023 B");
    assert_string_equal(ga_bytes(1024).text, "1 KiB");
    assert_string_equal(ga_bytes(4608).text, "4.50 KiB");
    assert_string_equal(ga_bytes(64u << 20).text, "64 MiB");
    assert_string_equal(ga_bytes((1u << 20) - 1).text, "1 MiB");
    assert_string_equal(ga_bytes(UINT64_MAX).text, "16 EiB");
    assert_string_equal(ga_duration(12).text, "12 ns");
    assert_string_equal(ga_duration(1720).text, "1.72 µs");
    assert_string_equal(ga_duration(999960).text, "1 ms");
    assert_string_equal(ga_duration(3.4e9).text, "3.40 s");
    assert_string_equal(ga_duration(119e9).text, "119 s");
    assert_string_equal(ga_duration(150e9).text, "2.50 min");
    assert_string_equal(ga_duration(3 * 3600e9).text, "3 h");
    assert_string_equal(ga_duration(36 * 3600e9).text, "36 h");
    assert_string_equal(ga_duration(95441509e9).text, "1105 d");
    assert_string_equal(ga_count(0).text, "0");
    assert_string_equal(ga_count(999).text, "999");
    assert_string_equal(ga_count(1234567).text, "1,234,567");
}

static void errors_grow_from_the_inside(void **state)
{
    (void)state;
    struct ga_error error;
    assert_int_equal(ga_error_errno(&error, ENOMEM, "dxg: CREATEALLOCATION"), -ENOMEM);
    assert_int_equal(ga_error_prefix(&error, -ENOMEM, "call %d", 18), -ENOMEM);
    assert_string_equal(error.text, "call 18: dxg: CREATEALLOCATION: Cannot allocate memory");
    char longer[1000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    ga_error_set(&error, EIO, "%s", longer);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_int_equal(ga_error_set(NULL, EIO, "nobody asks"), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_times_have_units),
        cmocka_unit_test(errors_grow_from_the_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
