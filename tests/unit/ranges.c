/* Address ranges against a map of pages: whatever is taken and given back, bytes, holes and the largest hole are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "analyzer/ranges.h"

enum { PAGES = 400 };

static struct ranges_state state_of(const unsigned char *pages)
{
    struct ranges_state state = {0};
    int first = -1, last = -1;
    for (int i = 0; i < PAGES; i++) {
        if (!pages[i])
            continue;
        uint64_t hole = last >= 0 ? (uint64_t)(i - last - 1) : 0;
        state.holes += hole != 0;
        state.hole_bytes += hole;
        state.largest_hole = hole > state.largest_hole ? hole : state.largest_hole;
        state.bytes++;
        first = first < 0 ? i : first;
        last = i;
    }
    state.span = first < 0 ? 0 : (uint64_t)(last - first + 1);
    return state;
}

static void check(const struct ranges *ranges, const unsigned char *pages)
{
    struct ranges_state expected = state_of(pages), found = ranges_state(ranges);
    assert_int_equal(found.bytes, expected.bytes);
    assert_int_equal(found.span, expected.span);
    assert_int_equal(found.holes, expected.holes);
    assert_int_equal(found.hole_bytes, expected.hole_bytes);
    assert_int_equal(found.largest_hole, expected.largest_hole);
}

static void as_a_map_of_pages(void **unused)
{
    (void)unused;
    uint64_t random = 1;
    for (int joined = 0; joined < 2; joined++) {
        struct ranges ranges = {0};
        unsigned char pages[PAGES] = {0};
        for (int i = 0; i < 20000; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            uint64_t base = (random >> 33) % PAGES, size = (random >> 20) % 24, bytes, before = 0;
            size = base + size > PAGES ? PAGES - base : size;
            bool add = random >> 63;
            for (uint64_t page = base; page < base + size; page++)
                before += pages[page];
            if (size)
                memset(pages + base, add, size);
            assert_int_equal((add ? ranges_add(&ranges, base, size, &bytes, joined) : ranges_cut(&ranges, base, size, &bytes)), 0);
            assert_int_equal(bytes, before);
            check(&ranges, pages);
        }
        ranges_release(&ranges);
        check(&ranges, (unsigned char[PAGES]){0});
    }
}

/* The owner of each page, and ranges that are theirs, through takings in the middle of others' and owners that leave. */
static void owners_keep_what_is_left_of_theirs(void **unused)
{
    enum { OWNERS = 8 };
    (void)unused;
    struct ranges ranges = {0};
    unsigned char pages[PAGES] = {0};
    uint64_t random = 7, bytes;
    for (int i = 0; i < 20000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint64_t base = (random >> 33) % (PAGES - 24), size = 1 + (random >> 20) % 23, owner = (random >> 50) % OWNERS;
        if (random >> 60 == 0 && owner) {
            uint64_t had = 0;
            for (size_t page = 0; page < PAGES; page++) {
                had += pages[page] == owner + 1;
                pages[page] = pages[page] == owner + 1 ? 0 : pages[page];
            }
            assert_int_equal(ranges_cut_owned(&ranges, owner, &bytes), 0);
            assert_int_equal(bytes, had);
        } else if (random >> 63) {
            assert_int_equal(ranges_cut(&ranges, base, size, &bytes), 0);
            memset(pages + base, 0, size);
        } else {
            assert_int_equal(ranges_add_owned(&ranges, &(struct range){base, size, owner}, &bytes), 0);
            memset(pages + base, (int)owner + 1, size);
        }
        check(&ranges, pages);
        struct range range = {0};
        for (uint64_t page = 0; page < PAGES; page++) {
            bool found = ranges_find(&ranges, page, &range);
            assert_int_equal(found && range.base <= page ? range.owner + 1 : 0, pages[page]);
        }
    }
    ranges_release(&ranges);
    assert_int_equal(ranges_cut_owned(&ranges, 1, &bytes), 0);
}

static void joined_ranges_are_one(void **unused)
{
    (void)unused;
    struct ranges apart = {0}, joined = {0};
    uint64_t bytes;
    for (uint64_t i = 0; i < 10; i++) {
        uint64_t place = i * 7 % 10 * 4096;
        assert_int_equal(ranges_add(&apart, place, 4096, &bytes, false), 0);
        assert_int_equal(ranges_add(&joined, place, 4096, &bytes, true), 0);
    }
    assert_int_equal(ranges_state(&apart).ranges, 10);
    assert_int_equal(ranges_state(&joined).ranges, 1);
    assert_int_equal(ranges_state(&joined).bytes, 40960);
    ranges_release(&apart);
    ranges_release(&joined);
}

static void the_end_of_the_address_space(void **unused)
{
    (void)unused;
    struct ranges ranges = {0};
    uint64_t bytes;
    assert_int_equal(ranges_add(&ranges, UINT64_MAX - 10, 4096, &bytes, true), 0);
    assert_int_equal(ranges_state(&ranges).bytes, 10);
    assert_int_equal(ranges_cut(&ranges, 0, UINT64_MAX, &bytes), 0);
    assert_int_equal(bytes, 10);
    ranges_release(&ranges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_a_map_of_pages),
        cmocka_unit_test(owners_keep_what_is_left_of_theirs),
        cmocka_unit_test(joined_ranges_are_one),
        cmocka_unit_test(the_end_of_the_address_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
