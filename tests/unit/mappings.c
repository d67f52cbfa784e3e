/* Mappings as the reader follows them: which handle each is of, and what of it is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reader/mappings.h"
#include "schema/records.h"

enum { PROCESS = 5, FILE_ID = 9, BASE = 0x10000000 };

static struct ga_mappings mappings;
static int64_t now;
static struct {
    uint64_t mapped, unmapped, bytes, gone;
    uint64_t id;
    uint32_t handle;
    bool elsewhere;
} told;

static int mapped(void *user, const struct ga_mapping *mapping, const struct ga_call *call)
{
    (void)user, (void)call;
    told.mapped++;
    told.handle = mapping->handle;
    told.id = mapping->id;
    told.elsewhere = mapping->elsewhere;
    return 0;
}

static int unmapped(void *user, const struct ga_mapping *mapping, uint64_t bytes, const struct ga_call *call)
{
    (void)user, (void)call;
    told.unmapped++;
    told.bytes += bytes;
    told.gone += !mapping->bytes;
    return 0;
}

/* A call that takes 10 ns, and began `early` ns before the newest one ended. */
static void feed(enum ga_row_id row, union ga_record *record, int64_t ret, uint64_t file, int64_t early)
{
    static const struct ga_mappings_ops ops = {.mapped = mapped, .unmapped = unmapped};
    record->header.process = PROCESS;
    record->header.ret = ret;
    record->header.file = file;
    record->header.size = ga_rows[row].abi_size;
    struct ga_call call = {.row = &ga_rows[row], .header = &record->header, .record = record};
    call.begin_ns = now - early;
    call.end_ns = now += 10;
    call.failed = ga_call_failed(call.row, call.header);
    assert_int_equal(ga_mappings_call(&mappings, &call, &ops, NULL), 0);
    now += 10;
}

static void give_offset(uint32_t handle, uint64_t offset)
{
    union ga_record record = {.r_drm_mode_map_dumb = {.handle = handle, .offset = offset}};
    feed(GA_ROW_drm_mode_map_dumb, &record, 0, FILE_ID, 0);
}

static void map(uint64_t addr, uint64_t length, uint64_t offset, uint64_t file)
{
    union ga_record record = {.r_drm_mmap = {.length = length, .offset = offset}};
    feed(GA_ROW_drm_mmap, &record, (int64_t)addr, file, 0);
}

static void unmap_begun(uint64_t addr, uint64_t length, int64_t early)
{
    union ga_record record = {.r_drm_munmap = {.addr = addr, .length = length}};
    feed(GA_ROW_drm_munmap, &record, 0, 0, early);
}

static void unmap(uint64_t addr, uint64_t length) { unmap_begun(addr, length, 0); }

static size_t alive(void)
{
    size_t place = 0, count = 0;
    while (ga_mappings_next(&mappings, &place))
        count++;
    return count;
}

static int setup(void **state)
{
    (void)state;
    ga_mappings_release(&mappings);
    memset(&told, 0, sizeof told);
    now = 1000;
    return 0;
}

static void an_offset_leads_to_its_handle(void **state)
{
    (void)state;
    give_offset(7, 0x5000);
    map(BASE, 100, 0x5000, FILE_ID);
    assert_int_equal(told.handle, 7);
    map(BASE + 0x1000, 4096, 0x5000, FILE_ID + 1); /* another file's offsets are its own */
    assert_int_equal(told.handle, 0);
    assert_int_equal(alive(), 2);
    unmap(BASE, 0x2000);
    assert_int_equal(told.gone, 2);
    assert_int_equal(told.bytes, 8192);
    assert_int_equal(alive(), 0);
}

static void a_hole_leaves_two_parts_of_one(void **state)
{
    (void)state;
    map(BASE, 0x5000, 0, FILE_ID);
    unmap(BASE + 0x2000, 0x1000);
    assert_int_equal(told.bytes, 4096);
    assert_int_equal(alive(), 1);
    unmap(BASE, 0x2000);
    assert_int_equal(told.gone, 0);
    unmap(BASE + 0x2000, 0x10000);
    assert_int_equal(told.gone, 1);
    assert_int_equal(told.bytes, 0x5000);
}

static void what_is_mapped_over_it_ends_it(void **state)
{
    (void)state;
    map(BASE, 0x3000, 0, FILE_ID);
    map(BASE + 0x1000, 0x1000, 0, 0); /* memory of no device */
    assert_int_equal(told.mapped, 1);
    assert_int_equal(told.bytes, 4096);
    map(BASE, 0x3000, 0, FILE_ID);
    assert_int_equal(told.gone, 1);
    assert_int_equal(alive(), 1);
}

/* Another thread had the room before the munmap came back. */
static void a_late_munmap_is_of_the_older_one(void **state)
{
    (void)state;
    map(BASE, 0x1000, 0, FILE_ID);
    map(BASE, 0x1000, 0, FILE_ID);
    unmap_begun(BASE, 0x1000, 15);
    assert_int_equal(told.gone, 1);
    assert_int_equal(alive(), 1);
    unmap(BASE, 0x1000);
    assert_int_equal(told.gone, 2);
}

static void a_move_keeps_the_handle(void **state)
{
    (void)state;
    give_offset(3, 0x9000);
    map(BASE, 0x4000, 0x9000, FILE_ID);
    uint64_t id = told.id;
    union ga_record record = {.r_drm_mremap = {.old_address = BASE, .old_size = 0x4000, .new_size = 0x1000}};
    feed(GA_ROW_drm_mremap, &record, BASE + 0x100000, 0, 0);
    assert_int_equal(alive(), 1);
    assert_int_equal(told.handle, 3);
    assert_int_equal(told.id, id);
    assert_false(told.elsewhere);
    unmap(BASE, 0x4000);
    assert_int_equal(alive(), 1);
    unmap(BASE + 0x100000, 0x1000);
    assert_int_equal(alive(), 0);
}

/* kfd gives the offset, the render node's descriptor is mapped. */
static void kfd_offsets_are_of_the_process(void **state)
{
    (void)state;
    union ga_record record = {
        .r_drm_kfd_alloc_memory_of_gpu = {.handle = 0xabc00000004, .mmap_offset = 0x77000, .size = 4096, .flags = 1}};
    feed(GA_ROW_drm_kfd_alloc_memory_of_gpu, &record, 0, FILE_ID + 4, 0);
    map(BASE, 0x1000, 0x77000, FILE_ID);
    assert_int_equal(told.handle, 4);
    assert_true(told.elsewhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_offset_leads_to_its_handle, setup),
        cmocka_unit_test_setup(a_hole_leaves_two_parts_of_one, setup),
        cmocka_unit_test_setup(what_is_mapped_over_it_ends_it, setup),
        cmocka_unit_test_setup(a_late_munmap_is_of_the_older_one, setup),
        cmocka_unit_test_setup(a_move_keeps_the_handle, setup),
        cmocka_unit_test_setup(kfd_offsets_are_of_the_process, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
