/* The models of drm_buddy and drm_mm: cases by hand, and what must hold whatever is asked of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replayer/sim/space.h"

#define KiB UINT64_C(1024)
#define MiB (KiB * 1024)

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static uint64_t ask(struct sim_buddy *buddy, uint64_t size, struct sim_pieces *pieces)
{
    struct sim_buddy_request request = {.size = size, .min_block = SIM_PAGE};
    assert_int_equal(sim_buddy_alloc(buddy, &request, pieces), 0);
    return pieces->list[0].offset;
}

/* 64 KiB: of the smallest block that will do the upper half is used, as drm_buddy does. */
static void a_buddy_splits_and_merges(void **state)
{
    (void)state;
    struct sim_buddy buddy;
    struct sim_pieces a = {0}, b = {0}, c = {0};
    assert_int_equal(sim_buddy_init(&buddy, 64 * KiB), 0);
    assert_int_equal(sim_buddy_largest(&buddy), 64 * KiB);
    assert_int_equal(ask(&buddy, 4 * KiB, &a), 60 * KiB); /* leaves 32, 16, 8, 4 */
    assert_int_equal(sim_buddy_largest(&buddy), 32 * KiB);
    assert_int_equal(ask(&buddy, 4 * KiB, &b), 56 * KiB); /* the 4 that was left, not a split of 8 */
    assert_int_equal(ask(&buddy, 8 * KiB, &c), 48 * KiB);
    assert_int_equal(buddy.free, 48 * KiB);
    sim_buddy_free(&buddy, &a);
    assert_int_equal(sim_buddy_largest(&buddy), 32 * KiB); /* its buddy is taken */
    sim_buddy_free(&buddy, &b);
    sim_buddy_free(&buddy, &c);
    assert_int_equal(sim_buddy_largest(&buddy), 64 * KiB);
    assert_int_equal(buddy.free, 64 * KiB);
    sim_pieces_release(&a), sim_pieces_release(&b), sim_pieces_release(&c);
    sim_buddy_release(&buddy);
}

/* 28 KiB are blocks of 16, 8 and 4; a least block of 16 rounds 20 KiB to two of them and trims the second to 4. */
static void a_request_is_the_largest_blocks_that_it_fills(void **state)
{
    (void)state;
    struct sim_buddy buddy;
    struct sim_pieces a = {0};
    assert_int_equal(sim_buddy_init(&buddy, 64 * KiB), 0);
    ask(&buddy, 28 * KiB, &a);
    assert_int_equal(a.count, 3);
    assert_int_equal(a.list[0].size, 16 * KiB);
    assert_int_equal(a.list[1].size, 8 * KiB);
    assert_int_equal(a.list[2].size, 4 * KiB);
    sim_buddy_free(&buddy, &a);
    struct sim_buddy_request aligned = {.size = 20 * KiB, .min_block = 16 * KiB};
    assert_int_equal(sim_buddy_alloc(&buddy, &aligned, &a), 0);
    assert_int_equal(a.count, 2);
    assert_int_equal(a.list[0].offset % (16 * KiB), 0);
    assert_int_equal(a.list[1].offset % (16 * KiB), 0);
    assert_int_equal(a.list[1].size, 4 * KiB);
    assert_int_equal(buddy.free, 44 * KiB);
    sim_buddy_free(&buddy, &a);
    assert_int_equal(sim_buddy_largest(&buddy), 64 * KiB);
    sim_pieces_release(&a);
    sim_buddy_release(&buddy);
}

/* Every second page of 8 is taken: 16 KiB are free, and no two pages of them together. */
static void a_broken_up_buddy_gives_pieces_and_nothing_contiguous(void **state)
{
    (void)state;
    struct sim_buddy buddy;
    struct sim_pieces pages[8] = {{0}}, a = {0};
    assert_int_equal(sim_buddy_init(&buddy, 32 * KiB), 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(ask(&buddy, 4 * KiB, &pages[i]), (uint64_t)(7 - i) * 4 * KiB);
    for (int i = 0; i < 8; i += 2)
        sim_buddy_free(&buddy, &pages[i]);
    assert_int_equal(buddy.free, 16 * KiB);
    assert_int_equal(sim_buddy_largest(&buddy), 4 * KiB);
    struct sim_buddy_request whole = {.size = 8 * KiB, .min_block = SIM_PAGE, .contiguous = true};
    assert_int_equal(sim_buddy_alloc(&buddy, &whole, &a), -ENOSPC);
    assert_int_equal(buddy.free, 16 * KiB);
    ask(&buddy, 16 * KiB, &a);
    assert_int_equal(a.count, 4);
    sim_buddy_free(&buddy, &a);
    for (int i = 0; i < 8; i++) {
        sim_buddy_free(&buddy, &pages[i]);
        sim_pieces_release(&pages[i]);
    }
    assert_int_equal(sim_buddy_largest(&buddy), 32 * KiB);
    sim_pieces_release(&a);
    sim_buddy_release(&buddy);
}

/* Contiguous 20 KiB are the beginning of a block of 32; the rest is given back. */
static void a_contiguous_request_is_trimmed(void **state)
{
    (void)state;
    struct sim_buddy buddy;
    struct sim_pieces a = {0};
    struct sim_buddy_request request = {.size = 20 * KiB, .min_block = SIM_PAGE, .contiguous = true};
    assert_int_equal(sim_buddy_init(&buddy, 64 * KiB), 0);
    assert_int_equal(sim_buddy_alloc(&buddy, &request, &a), 0);
    assert_int_equal(a.count, 2);
    assert_int_equal(a.list[0].offset, 32 * KiB);
    assert_int_equal(a.list[1].offset, 48 * KiB);
    assert_int_equal(a.list[1].size, 4 * KiB);
    assert_int_equal(buddy.free, 44 * KiB);
    sim_buddy_free(&buddy, &a);
    assert_int_equal(sim_buddy_largest(&buddy), 64 * KiB);
    sim_pieces_release(&a);
    sim_buddy_release(&buddy);
}

/* 96 KiB are roots of 64 and 32. From the top down the highest block is split, else the smallest that will do. */
static void top_down_takes_the_highest(void **state)
{
    (void)state;
    struct sim_buddy buddy;
    struct sim_pieces a = {0}, b = {0}, c = {0};
    struct sim_buddy_request top = {.size = 4 * KiB, .min_block = SIM_PAGE, .top_down = true};
    assert_int_equal(sim_buddy_init(&buddy, 96 * KiB), 0);
    assert_int_equal(ask(&buddy, 32 * KiB, &a), 64 * KiB); /* the small root */
    assert_int_equal(ask(&buddy, 4 * KiB, &b), 60 * KiB);  /* leaves a page at 56 */
    sim_buddy_free(&buddy, &a);
    assert_int_equal(sim_buddy_alloc(&buddy, &top, &c), 0);
    assert_int_equal(c.list[0].offset, 92 * KiB);
    assert_int_equal(ask(&buddy, 4 * KiB, &a), 88 * KiB); /* two pages are free alone: the higher one */
    sim_buddy_free(&buddy, &a), sim_buddy_free(&buddy, &b), sim_buddy_free(&buddy, &c);
    assert_int_equal(sim_buddy_largest(&buddy), 64 * KiB); /* roots do not merge */
    assert_int_equal(buddy.free, 96 * KiB);
    sim_pieces_release(&a), sim_pieces_release(&b), sim_pieces_release(&c);
    sim_buddy_release(&buddy);
}

static uint64_t ask_mm(struct sim_mm *mm, uint64_t size, uint64_t alignment, enum sim_mm_mode mode, struct sim_pieces *pieces)
{
    assert_int_equal(sim_mm_alloc(mm, size, alignment, mode, pieces), 0);
    return pieces->list[0].offset;
}

/* Five buffers, the second and the fourth freed: holes of 16 KiB at 8, of 8 KiB at 32, and the rest. */
static void mm_chooses_its_hole(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {8, 16, 8, 8, 8};
    struct sim_mm mm;
    struct sim_pieces a[5] = {{0}}, b = {0};
    assert_int_equal(sim_mm_init(&mm, 128 * KiB), 0);
    for (int i = 0; i < 5; i++)
        ask_mm(&mm, sizes[i] * KiB, 0, SIM_MM_BEST, &a[i]);
    assert_int_equal(a[4].list[0].offset, 40 * KiB);
    sim_mm_free(&mm, &a[1]);
    sim_mm_free(&mm, &a[3]);
    const struct {
        enum sim_mm_mode mode;
        uint64_t size, alignment, where;
    } cases[] = {
        {SIM_MM_BEST, 4, 0, 32}, {SIM_MM_LOW, 4, 0, 8}, {SIM_MM_HIGH, 4, 0, 124}, {SIM_MM_BEST, 12, 0, 8}, {SIM_MM_BEST, 20, 0, 48},
        {SIM_MM_BEST, 8, 16, 32}, {SIM_MM_LOW, 8, 16, 16}, {SIM_MM_BEST, 4, 64, 64},
        {SIM_MM_HIGH, 4, 64, 64},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t where = ask_mm(&mm, cases[i].size * KiB, cases[i].alignment * KiB, cases[i].mode, &b);
        if (where != cases[i].where * KiB)
            fail_msg("case %zu lies at %ju KiB", i, (uintmax_t)(where / KiB));
        sim_mm_free(&mm, &b);
    }
    assert_int_equal(sim_mm_alloc(&mm, 96 * KiB, 0, SIM_MM_BEST, &b), -ENOSPC);
    assert_int_equal(sim_mm_largest(&mm), 80 * KiB);
    assert_int_equal(mm.count, 3);
    for (int i = 0; i < 5; i++) {
        sim_mm_free(&mm, &a[i]);
        sim_pieces_release(&a[i]);
    }
    assert_int_equal(mm.count, 1);
    assert_int_equal(sim_mm_largest(&mm), 128 * KiB);
    sim_pieces_release(&b);
    sim_mm_release(&mm);
}

enum { LIVE = 200, ROUNDS = 20000, PAGES = 1500 /* 1024 + 256 + 128 + 64 + 16 + 8 + 4: seven roots */ };

/* Takes or gives back the pages of a buffer in a map of who has them. */
static void paint(uint16_t *owners, const struct sim_pieces *pieces, uint16_t from, uint16_t to)
{
    for (size_t i = 0; i < pieces->count; i++)
        for (uint64_t n = 0; n < pieces->list[i].size / SIM_PAGE; n++) {
            uint64_t page = pieces->list[i].offset / SIM_PAGE + n;
            assert_true(page < PAGES);
            assert_int_equal(owners[page], from);
            owners[page] = to;
        }
}

static uint64_t free_pages(const uint16_t *owners)
{
    uint64_t count = 0;
    for (int page = 0; page < PAGES; page++)
        count += !owners[page];
    return count;
}

static void buddies_never_overlap_and_merge_to_the_roots(void **state)
{
    (void)state;
    struct sim_buddy buddy;
    struct sim_pieces live[LIVE] = {{0}};
    uint16_t owners[PAGES] = {0};
    uint64_t seed = 1;
    assert_int_equal(sim_buddy_init(&buddy, PAGES * SIM_PAGE), 0);
    for (int round = 0; round < ROUNDS; round++) {
        uint16_t slot = (uint16_t)(next(&seed) % LIVE);
        if (live[slot].count) {
            paint(owners, &live[slot], slot + 1, 0);
            sim_buddy_free(&buddy, &live[slot]);
        } else {
            struct sim_buddy_request request = {.size = (1 + next(&seed) % 40) * SIM_PAGE, .min_block = SIM_PAGE << next(&seed) % 4,
                                                .contiguous = next(&seed) % 4 == 0, .top_down = next(&seed) % 2};
            int result = sim_buddy_alloc(&buddy, &request, &live[slot]);
            if (result == 0) {
                uint64_t size = 0;
                for (size_t i = 0; i < live[slot].count; i++)
                    size += live[slot].list[i].size;
                assert_int_equal(size, request.size);
            } else { /* and then there really is no such block */
                assert_int_equal(result, -ENOSPC);
                assert_int_equal(live[slot].count, 0);
                assert_true(request.contiguous || request.min_block > SIM_PAGE || buddy.free < request.size);
            }
            paint(owners, &live[slot], 0, slot + 1);
        }
        assert_int_equal(buddy.free, free_pages(owners) * SIM_PAGE);
    }
    for (int slot = 0; slot < LIVE; slot++) {
        sim_buddy_free(&buddy, &live[slot]);
        sim_pieces_release(&live[slot]);
    }
    assert_int_equal(sim_buddy_largest(&buddy), 1024 * SIM_PAGE);
    for (int bit = 0; bit < 11; bit++) /* one free block for each root, no more */
        assert_int_equal(sim_bits_highest(&buddy.free_blocks[bit]) != SIM_BITS_NONE, PAGES >> bit & 1);
    sim_buddy_release(&buddy);
}

/* The smallest hole that will do, from the map of pages. */
static uint64_t best_hole(const uint16_t *owners, uint64_t pages)
{
    uint64_t best = UINT64_MAX;
    for (int page = 0; page < PAGES;) {
        int end = page;
        while (end < PAGES && !owners[end])
            end++;
        if ((uint64_t)(end - page) >= pages && (uint64_t)(end - page) < best)
            best = (uint64_t)(end - page);
        page = end == page ? page + 1 : end;
    }
    return best;
}

static void mm_never_overlaps_fits_best_and_merges(void **state)
{
    (void)state;
    struct sim_mm mm;
    struct sim_pieces live[LIVE] = {{0}};
    uint16_t owners[PAGES] = {0};
    uint64_t seed = 2;
    assert_int_equal(sim_mm_init(&mm, PAGES * SIM_PAGE), 0);
    for (int round = 0; round < ROUNDS; round++) {
        uint16_t slot = (uint16_t)(next(&seed) % LIVE);
        if (live[slot].count) {
            paint(owners, &live[slot], slot + 1, 0);
            sim_mm_free(&mm, &live[slot]);
        } else {
            uint64_t pages = 1 + next(&seed) % 30, alignment = next(&seed) % 3 ? 0 : SIM_PAGE << next(&seed) % 4;
            enum sim_mm_mode mode = (enum sim_mm_mode)(next(&seed) % 3);
            uint64_t hole = best_hole(owners, pages);
            int result = sim_mm_alloc(&mm, pages * SIM_PAGE, alignment, mode, &live[slot]);
            assert_true(result == 0 || (result == -ENOSPC && (hole == UINT64_MAX || alignment)));
            if (result == 0) {
                assert_int_equal(live[slot].list[0].offset % (alignment ? alignment : 1), 0);
                uint64_t first = live[slot].list[0].offset / SIM_PAGE, end = first;
                while (end < PAGES && !owners[end])
                    end++;
                if (mode == SIM_MM_BEST && !alignment) { /* at the beginning of a hole of the least size */
                    assert_true(first == 0 || owners[first - 1]);
                    assert_int_equal(end - first, hole);
                }
            }
            paint(owners, &live[slot], 0, slot + 1);
        }
        assert_int_equal(mm.free, free_pages(owners) * SIM_PAGE);
    }
    for (int slot = 0; slot < LIVE; slot++) {
        sim_mm_free(&mm, &live[slot]);
        sim_pieces_release(&live[slot]);
    }
    assert_int_equal(mm.count, 1);
    assert_int_equal(sim_mm_largest(&mm), PAGES * SIM_PAGE);
    sim_mm_release(&mm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buddy_splits_and_merges),
        cmocka_unit_test(a_request_is_the_largest_blocks_that_it_fills),
        cmocka_unit_test(a_broken_up_buddy_gives_pieces_and_nothing_contiguous),
        cmocka_unit_test(a_contiguous_request_is_trimmed),
        cmocka_unit_test(top_down_takes_the_highest),
        cmocka_unit_test(mm_chooses_its_hole),
        cmocka_unit_test(buddies_never_overlap_and_merge_to_the_roots),
        cmocka_unit_test(mm_never_overlaps_fits_best_and_merges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
