/* Lives: each call makes, uses or ends the right generation, whatever order two threads' calls completed in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "calls.h"
#include "reader/lives.h"

/* A run under test writes down what the callbacks told, one word an event: "+5" born, "-5@30freed" died, "=5" used, "?5"
   stranger, "~5:ORIGIN:SIZE>ORIGIN:SIZE" sized; #N is the generation's id. */
struct run {
    struct ga_lives *lives;
    struct made made;
    char told[4096];
    const void *blob;
    uint32_t blob_size;
};

static void tell(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct run *run, const char *format, ...)
{
    size_t used = strlen(run->told);
    va_list list;
    va_start(list, format);
    vsnprintf(run->told + used, sizeof run->told - used, format, list);
    va_end(list);
}

static int born(void *user, struct ga_life *life, const struct ga_call *call)
{
    assert_non_null(call);
    assert_null(life->user);
    tell(user, "+%u#%u ", life->handle, (unsigned)life->id);
    return 0;
}

static int died(void *user, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    assert_true(how == GA_END_FREED ? call != NULL : true);
    tell(user, "-%u#%u@%lld%s ", life->handle, (unsigned)life->id, (long long)(life->died_ns - EPOCH), ga_life_end_name(how));
    return 0;
}

static int sized(void *user, struct ga_life *life, uint64_t size_before, enum ga_size_origin origin_before)
{
    assert_true(life->size != size_before || life->origin != origin_before);
    assert_int_equal(ga_life_maker(life)->size, life->size);
    assert_int_equal(ga_life_maker(life)->origin, life->origin);
    tell(user, "~%u#%u:%s:%u>%s:%u ", life->handle, (unsigned)life->id, ga_size_origin_name(origin_before),
         (unsigned)size_before, ga_size_origin_name(life->origin), (unsigned)life->size);
    return 0;
}

static int use(void *user, struct ga_life *life, const struct ga_call *call)
{
    assert_non_null(call);
    tell(user, "=%u#%u ", life->handle, (unsigned)life->id);
    return 0;
}

static int stranger(void *user, const struct ga_call *call, uint32_t handle)
{
    assert_non_null(call);
    tell(user, "?%u ", handle);
    return 0;
}

static int blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    struct run *run = user;
    assert_int_equal(hash, 77);
    *data = run->blob;
    *size = run->blob_size;
    return 0;
}

static int start(void **state)
{
    static const struct ga_lives_ops ops = {.born = born, .died = died, .used = use, .stranger = stranger,
                                            .sized = sized, .blob = blob};
    static struct run run;
    run = (struct run){0};
    *state = &run;
    return ga_lives_create(&run.lives, &ops, &run);
}

static int stop(void **state)
{
    struct run *run = *state;
    ga_lives_destroy(run->lives);
    return 0;
}

static void expect(struct run *run, const char *told)
{
    assert_string_equal(run->told, told);
    run->told[0] = 0;
}

#define WHEN(t, b, e) ((struct when){.process = 7, .thread = (t), .begin = (b), .end = (e)})
#define ON_FILE(f, b, e) ((struct when){.process = 7, .begin = (b), .end = (e), .file = (f), .device = 226 << 8})
#define FEED(call) assert_int_equal(ga_lives_call(run->lives, (call)), 0)
#define MADE (&run->made)

static void event(struct run *run, enum ga_row_id row, const void *record, int64_t ns)
{
    assert_int_equal(ga_lives_event(run->lives, &ga_rows[row], record, ns), 0);
}

static void see_file(struct run *run, uint64_t process, uint64_t file, const char *driver)
{
    struct ga_gpualloc_file record = {.process = process, .file = file, .driver = driver};
    event(run, GA_ROW_gpualloc_file, &record, EPOCH);
}

static void close_file(struct run *run, uint64_t process, uint64_t file, uint64_t begin)
{
    struct ga_gpualloc_file_closed record = {.process = process, .file = file, .begin = begin};
    event(run, GA_ROW_gpualloc_file_closed, &record, (int64_t)begin + EPOCH + 5);
}

static void frees_by_list_and_by_resource(void **state)
{
    struct run *run = *state;
    FEED(made_device(MADE, WHEN(0, 1, 2), 1, 2));
    FEED(made_create(MADE, WHEN(0, 3, 4), 2, 0, 10, 0xabc, 11, 2));
    FEED(made_create(MADE, WHEN(0, 5, 6), 2, 10, 0, 0, 13, 1)); /* added to the resource */
    FEED(made_create(MADE, WHEN(0, 7, 8), 2, 0, 0, 0xdef, 20, 2));
    expect(run, "+11#0 +12#1 +13#2 +20#3 +21#4 ");
    struct ga_life *added = ga_lives_find(run->lives, 7, 13);
    assert_int_equal(added->resource, 10);
    assert_int_equal(added->surface, 0xabc); /* its resource's, as the call named none */
    assert_int_equal(added->owner, 2);
    assert_int_equal(added->origin, GA_SIZE_UNKNOWN);
    FEED(made_destroy(MADE, WHEN(0, 9, 10), 2, 0, 11, 1));
    FEED(made_destroy(MADE, WHEN(0, 11, 12), 2, 10, 0, 0));
    FEED(made_destroy(MADE, WHEN(0, 13, 14), 2, 0, 20, 1));
    expect(run, "-11#0@9freed -13#2@11freed -12#1@11freed -20#3@13freed ");
    assert_null(ga_lives_find(run->lives, 7, 13));
    FEED(made_destroy(MADE, WHEN(0, 15, 16), 2, 0, 99, 1));
    FEED(made_destroy(MADE, WHEN(0, 15, 16), 2, 98, 0, 0));
    expect(run, "?99 ?98 ");
    assert_int_equal(ga_lives_finish(run->lives, 100 + EPOCH), 0);
    expect(run, "-21#4@100alive ");
}

/* Thread 1 destroys 5; before its call has returned, thread 0 is given 5 again and its event comes first. */
static void destroy_that_began_earlier_ends_the_older_generation(void **state)
{
    struct run *run = *state;
    FEED(made_create(MADE, WHEN(0, 10, 20), 2, 0, 0, 0, 5, 1));
    FEED(made_create(MADE, WHEN(0, 40, 50), 2, 0, 0, 0, 5, 1));
    expect(run, "+5#0 +5#1 ");
    assert_int_equal(ga_lives_find(run->lives, 7, 5)->id, 1);
    assert_int_equal(ga_lives_find_at(run->lives, 7, 5, 49 + EPOCH)->id, 0);
    FEED(made_destroy(MADE, WHEN(1, 30, 60), 2, 0, 5, 1));
    expect(run, "-5#0@30freed ");
    assert_int_equal(ga_lives_find(run->lives, 7, 5)->id, 1);
    FEED(made_destroy(MADE, WHEN(1, 70, 80), 2, 0, 5, 1));
    expect(run, "-5#1@70freed ");
}

static void several_generations_wait_for_their_own_destroys(void **state)
{
    struct run *run = *state;
    FEED(made_create(MADE, WHEN(0, 10, 20), 2, 0, 0, 0, 5, 1));
    FEED(made_create(MADE, WHEN(0, 40, 50), 2, 0, 0, 0, 5, 1));
    FEED(made_create(MADE, WHEN(0, 70, 80), 2, 0, 0, 0, 5, 1));
    FEED(made_destroy(MADE, WHEN(0, 90, 91), 2, 0, 5, 1)); /* the newest first */
    expect(run, "+5#0 +5#1 +5#2 -5#2@90freed ");
    assert_null(ga_lives_find(run->lives, 7, 5)); /* what is left only waits */
    FEED(made_destroy(MADE, WHEN(1, 60, 95), 2, 0, 5, 1));
    FEED(made_destroy(MADE, WHEN(2, 30, 96), 2, 0, 5, 1));
    expect(run, "-5#1@60freed -5#0@30freed ");
    FEED(made_destroy(MADE, WHEN(2, 97, 98), 2, 0, 5, 1));
    expect(run, "?5 ");
}

/* What was made before the recording and freed across the first create of the same handle is nobody's life. */
static void destroy_of_an_unrecorded_older_generation_spares_the_newer(void **state)
{
    struct run *run = *state;
    FEED(made_create(MADE, WHEN(0, 40, 50), 2, 0, 0, 0, 5, 1));
    FEED(made_destroy(MADE, WHEN(1, 30, 60), 2, 0, 5, 1));
    expect(run, "+5#0 ?5 ");
}

static void a_resource_handle_has_generations_too(void **state)
{
    struct run *run = *state;
    FEED(made_create(MADE, WHEN(0, 10, 20), 2, 0, 10, 1, 11, 1));
    FEED(made_create(MADE, WHEN(0, 40, 50), 2, 0, 10, 2, 12, 1));
    FEED(made_destroy(MADE, WHEN(1, 30, 60), 2, 10, 0, 0));
    expect(run, "+11#0 +12#1 -11#0@30freed ");
    FEED(made_destroy(MADE, WHEN(1, 70, 80), 2, 10, 0, 0));
    expect(run, "-12#1@70freed ");
}

static void a_lost_destroy_is_noticed_and_does_not_pile_up(void **state)
{
    struct run *run = *state;
    const uint64_t second = 1000000000;
    for (uint64_t i = 0; i < 4; i++)
        FEED(made_create(MADE, WHEN(0, i * 20 * second, i * 20 * second + 1), 2, 0, 0, 0, 5, 1));
    expect(run, "+5#0 +5#1 +5#2 -5#0@20000000001lost +5#3 -5#1@40000000001lost ");
    assert_int_equal(ga_lives_finish(run->lives, 100), 0);
    assert_non_null(strstr(run->told, "-5#2@"));
    assert_non_null(strstr(run->told, "lost"));
}

/* Found by fuzz-lives: the device waits for a destroy that never comes, yet is named as the owner of what takes its handle. */
static void an_owner_in_use_is_not_lost(void **state)
{
    struct run *run = *state;
    const uint64_t second = 1000000000;
    FEED(made_device(MADE, WHEN(0, 1, 2), 1, 9));
    FEED(made_create(MADE, WHEN(0, 11 * second, 11 * second), 5, 0, 0, 0, 9, 1));
    FEED(made_create(MADE, WHEN(0, 25 * second, 25 * second), 9, 0, 9, 0, 11, 1));
    expect(run, "+9#0 +11#1 ");
    FEED(made_destroy_device(MADE, WHEN(0, 26 * second, 26 * second), 9));
    expect(run, "-11#1@26000000000with_owner ");
}

static void failed_calls_change_nothing(void **state)
{
    struct run *run = *state;
    FEED(made_failed(made_create(MADE, WHEN(0, 1, 2), 2, 0, 0, 0, 5, 1)));
    FEED(made_create(MADE, WHEN(0, 3, 4), 2, 0, 0, 0, 6, 1));
    FEED(made_failed(made_destroy(MADE, WHEN(0, 5, 6), 2, 0, 6, 1)));
    FEED(made_failed(made_destroy_device(MADE, WHEN(0, 5, 6), 2)));
    expect(run, "+6#0 ");
}

static void devices_and_adapters_take_what_they_own(void **state)
{
    struct run *run = *state;
    FEED(made_open_adapter(MADE, WHEN(0, 1, 2), 1, 0x100));
    FEED(made_device(MADE, WHEN(0, 3, 4), 1, 1)); /* adapters have a number space of their own */
    FEED(made_device(MADE, WHEN(0, 5, 6), 1, 2));
    FEED(made_create(MADE, WHEN(0, 7, 8), 1, 0, 10, 0, 11, 1));
    FEED(made_create(MADE, WHEN(0, 9, 10), 2, 0, 0, 0, 21, 1));
    FEED(made_create(MADE, WHEN(0, 9, 10), 3, 0, 0, 0, 31, 1)); /* on a device from before the recording */
    FEED(made_destroy_device(MADE, WHEN(0, 11, 12), 1));
    expect(run, "+11#0 +21#1 +31#2 -11#0@11with_owner ");
    FEED(made_close_adapter(MADE, WHEN(0, 13, 14), 1));
    expect(run, "-21#1@13with_owner ");
    FEED(made_destroy_device(MADE, WHEN(0, 15, 16), 3));
    expect(run, "-31#2@15with_owner ");
}

/* The kernel counts openings of an adapter by process: closing one handle of two ends nothing. */
static void devices_end_with_the_last_handle_of_their_adapter(void **state)
{
    struct run *run = *state;
    FEED(made_open_adapter(MADE, WHEN(0, 1, 2), 1, 0x100));
    FEED(made_open_adapter(MADE, WHEN(0, 1, 2), 2, 0x100));
    FEED(made_open_adapter(MADE, WHEN(0, 1, 2), 3, 0x999));
    FEED(made_device(MADE, WHEN(0, 3, 4), 1, 5));
    FEED(made_create(MADE, WHEN(0, 5, 6), 5, 0, 0, 0, 6, 1));
    FEED(made_close_adapter(MADE, WHEN(0, 7, 8), 1));
    FEED(made_close_adapter(MADE, WHEN(0, 7, 8), 3));
    expect(run, "+6#0 ");
    assert_int_equal(ga_lives_find(run->lives, 7, 6)->device, 0x100);
    FEED(made_close_adapter(MADE, WHEN(0, 9, 10), 2));
    expect(run, "-6#0@9with_owner ");
    FEED(made_open_adapter(MADE, WHEN(0, 11, 12), 1, 0x100)); /* the same handle twice is closed twice */
    FEED(made_open_adapter(MADE, WHEN(0, 11, 12), 1, 0x100));
    FEED(made_device(MADE, WHEN(0, 13, 14), 1, 5));
    FEED(made_create(MADE, WHEN(0, 15, 16), 5, 0, 0, 0, 6, 1));
    FEED(made_close_adapter(MADE, WHEN(0, 17, 18), 1));
    expect(run, "+6#1 ");
    FEED(made_close_adapter(MADE, WHEN(0, 19, 20), 1));
    expect(run, "-6#1@19with_owner ");
}

static void the_last_close_of_the_device_ends_a_process(void **state)
{
    struct run *run = *state;
    see_file(run, 7, 100, "softgpu");
    see_file(run, 7, 101, "softgpu");
    see_file(run, 7, 101, "softgpu"); /* told again by a rundown */
    see_file(run, 8, 100, "softgpu"); /* a child's copy holds nothing for the parent */
    FEED(made_create(MADE, WHEN(0, 5, 6), 5, 0, 0, 0, 6, 1));
    close_file(run, 7, 100, 10);
    expect(run, "+6#0 ");
    close_file(run, 7, 101, 20);
    expect(run, "-6#0@20closed ");
}

static void sizes_come_with_their_origin(void **state)
{
    struct run *run = *state;
    static const uint8_t data[32] = {'S', 'G', 'P', 'U', 0, 0, 0, 0, 0x00, 0x50};
    FEED(made_standard(MADE, WHEN(0, 1, 2), 2, 5, 8192));
    struct ga_life *life = ga_lives_find(run->lives, 7, 5);
    assert_int_equal(life->size, 8192);
    assert_int_equal(life->origin, GA_SIZE_STANDARD);
    run->blob = data;
    run->blob_size = sizeof data;
    made_create(MADE, WHEN(0, 1, 2), 2, 0, 0, 0, 6, 1);
    run->made.allocations[0].pPrivateDriverData_hash = 77;
    FEED(&run->made.call);
    life = ga_lives_find(run->lives, 7, 6);
    assert_int_equal(life->size, 0x5000);
    assert_int_equal(life->origin, GA_SIZE_DECODED);
    run->blob_size = 31; /* too short to be softgpu's */
    made_create(MADE, WHEN(0, 1, 2), 2, 0, 0, 0, 7, 1);
    run->made.allocations[0].pPrivateDriverData_hash = 77;
    FEED(&run->made.call);
    assert_int_equal(ga_lives_find(run->lives, 7, 7)->origin, GA_SIZE_UNKNOWN);
    FEED(made_dumb(MADE, ON_FILE(3, 1, 2), 1, 4096));
    assert_int_equal(ga_lives_find(run->lives, 3, 1)->origin, GA_SIZE_RETURNED);
    made_call(MADE, GA_ROW_drm_qxl_alloc_surf, ON_FILE(3, 1, 2));
    run->made.record.r_drm_qxl_alloc_surf.handle = 2;
    run->made.record.r_drm_qxl_alloc_surf.stride = -256;
    run->made.record.r_drm_qxl_alloc_surf.height = 16;
    FEED(&run->made.call);
    life = ga_lives_find(run->lives, 3, 2);
    assert_int_equal(life->size, 4096);
    assert_int_equal(life->origin, GA_SIZE_COMPUTED);
    made_call(MADE, GA_ROW_drm_qxl_alloc, ON_FILE(3, 1, 2));
    run->made.record.r_drm_qxl_alloc.handle = 3;
    run->made.record.r_drm_qxl_alloc.size = 65536;
    FEED(&run->made.call);
    assert_int_equal(ga_lives_find(run->lives, 3, 3)->origin, GA_SIZE_REQUESTED);
}

static void see_extent(struct run *run, uint32_t handle, uint64_t begin, uint64_t size)
{
    struct ga_gpualloc_lock_extent record = {.process = 7, .begin = begin, .hAllocation = handle, .pData = 4096, .size = size};
    event(run, GA_ROW_gpualloc_lock_extent, &record, 0);
}

/* The end of the largest mapping; 259 is success, a failed map and a size beyond 2^64 say nothing. */
static void a_gpu_mapping_is_a_lower_bound(void **state)
{
    struct run *run = *state;
    FEED(made_create(MADE, WHEN(0, 1, 2), 2, 0, 0, 0, 5, 1));
    FEED(made_map(MADE, WHEN(0, 3, 4), 5, 0, 2));
    FEED(made_map(MADE, WHEN(0, 5, 6), 5, 1, 1)); /* within what is known */
    FEED(made_map(MADE, WHEN(0, 7, 8), 5, 4, 1));
    FEED(made_failed(made_map(MADE, WHEN(0, 9, 10), 5, 0, 100)));
    FEED(made_map(MADE, WHEN(0, 9, 10), 5, UINT64_MAX, 1));
    FEED(made_map(MADE, WHEN(0, 9, 10), 5, 1, UINT64_MAX / 4096));
    FEED(made_map(MADE, WHEN(0, 9, 10), 5, 9, 0));
    FEED(made_map(MADE, WHEN(0, 9, 10), 0, 0, 16)); /* of nothing */
    FEED(made_map(MADE, WHEN(0, 9, 10), 99, 0, 16)); /* of a stranger */
    expect(run, "+5#0 ~5#0:unknown:0>mapped:8192 ~5#0:mapped:8192>mapped:20480 ");
    assert_true(ga_size_is_bound(ga_lives_find(run->lives, 7, 5)->origin));
    FEED(made_update(MADE, WHEN(0, 11, 12), 5, 65536, 4096, 3));
    expect(run, "~5#0:mapped:20480>mapped:69632 ~5#0:mapped:69632>mapped:77824 ");
    made_update(MADE, WHEN(0, 13, 14), 5, 1 << 20, 4096, 1);
    run->made.operations[0].header.size = 0; /* lost */
    FEED(&run->made.call);
    FEED(made_failed(made_update(MADE, WHEN(0, 13, 14), 5, 1 << 20, 4096, 1)));
    FEED(made_update(MADE, WHEN(0, 15, 16), 5, 1 << 20, 0, 1));
    expect(run, "");
}

static void a_better_origin_replaces_a_worse_one(void **state)
{
    struct run *run = *state;
    FEED(made_create(MADE, WHEN(0, 1, 2), 2, 0, 0, 0, 5, 1));
    FEED(made_map(MADE, WHEN(0, 3, 4), 5, 0, 4));
    see_extent(run, 5, 5, 8192); /* smaller, and better */
    FEED(made_map(MADE, WHEN(0, 7, 8), 5, 0, 16));
    see_extent(run, 5, 9, 65536); /* the first one stays */
    expect(run, "+5#0 ~5#0:unknown:0>mapped:16384 ~5#0:mapped:16384>locked:8192 ");
    FEED(made_standard(MADE, WHEN(0, 1, 2), 2, 6, 4096));
    FEED(made_map(MADE, WHEN(0, 7, 8), 6, 0, 16));
    see_extent(run, 6, 9, 65536);
    expect(run, "+6#1 ");
    assert_int_equal(ga_lives_find(run->lives, 7, 6)->origin, GA_SIZE_STANDARD);
}

/* Thread 1 maps and locks 5, which thread 0 is given anew before those calls are told: they meant the older one. */
static void a_size_is_learnt_of_the_generation_that_was_meant(void **state)
{
    struct run *run = *state;
    FEED(made_create(MADE, WHEN(0, 10, 20), 2, 0, 0, 0, 5, 1));
    FEED(made_create(MADE, WHEN(0, 40, 50), 2, 0, 0, 0, 5, 1));
    FEED(made_map(MADE, WHEN(1, 30, 60), 5, 0, 1));
    see_extent(run, 5, 35, 8192);
    expect(run, "+5#0 +5#1 ~5#0:unknown:0>mapped:4096 ~5#0:mapped:4096>locked:8192 ");
    FEED(made_destroy(MADE, WHEN(1, 31, 61), 2, 0, 5, 1));
    see_extent(run, 5, 70, 4096);
    expect(run, "-5#0@31freed ~5#1:unknown:0>locked:4096 ");
}

static int say_known(void *user, uint64_t id, struct ga_known *known)
{
    (void)user;
    if (id != 1 && id != 2)
        return 0;
    *known = (struct ga_known){.size = 12345, .origin = GA_SIZE_LOCKED, .name = "known"};
    return 1;
}

static void what_an_earlier_pass_learnt_holds_from_birth(void **state)
{
    struct run *run = *state;
    static const struct ga_lives_ops ops = {.born = born, .known = say_known};
    struct ga_lives *first = run->lives;
    assert_int_equal(ga_lives_create(&run->lives, &ops, run), 0);
    FEED(made_create(MADE, WHEN(0, 1, 2), 2, 0, 0, 0, 5, 2));
    FEED(made_map(MADE, WHEN(0, 3, 4), 5, 0, 4)); /* nobody asks for sizes after birth */
    assert_int_equal(ga_lives_find(run->lives, 7, 5)->origin, GA_SIZE_UNKNOWN);
    assert_int_equal(ga_lives_find(run->lives, 7, 6)->origin, GA_SIZE_LOCKED);
    assert_int_equal(ga_life_maker(ga_lives_find(run->lives, 7, 6))->size, 12345);
    assert_null(ga_life_name(ga_lives_find(run->lives, 7, 6))); /* names are DRM's */
    FEED(made_dumb(MADE, ON_FILE(60, 5, 6), 1, 4096));
    FEED(made_dumb(MADE, ON_FILE(60, 7, 8), 2, 4096));
    assert_string_equal(ga_life_name(ga_lives_find(run->lives, 60, 1)), "known");
    assert_null(ga_life_name(ga_lives_find(run->lives, 60, 2)));
    assert_int_equal(ga_lives_find(run->lives, 60, 1)->size, 4096);
    ga_lives_destroy(run->lives);
    run->lives = first;
}

/* What every driver's own requests make is born with its size and dies with GEM_CLOSE. */
static void every_drivers_buffers_are_born_and_die(void **state)
{
    struct run *run = *state;
    unsigned number = 0;
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        if (!ga_row_is_drm(row) || row->effect.kind != GA_EFFECT_CREATE)
            continue;
        made_call(MADE, ga_row_id(row), ON_FILE(3, 1, 2));
        char *record = (char *)&run->made.record;
        const struct ga_member *handle = ga_row_member(row, row->effect.handle), *size = ga_row_member(row, row->effect.size);
        const struct ga_member *times = ga_row_member(row, row->effect.times);
        assert_true(handle->out != GA_NONE);
        uint64_t five = 5, bytes = times ? 256 : 65536;
        memcpy(record + handle->out, &five, handle->width);
        memcpy(record + (size->out != GA_NONE ? size->out : size->in), &bytes, size->width);
        if (times)
            memcpy(record + times->in, &bytes, times->width);
        FEED(&run->made.call);
        struct ga_life *life = ga_lives_find(run->lives, 3, 5);
        if (!life || life->size != 65536 || life->origin == GA_SIZE_UNKNOWN)
            fail_msg("%s: born wrongly", row->event);
        FEED(made_gem_close(MADE, ON_FILE(3, 3, 4), 5));
        char told[64];
        snprintf(told, sizeof told, "+5#%u -5#%u@3freed ", number, number);
        number++;
        expect(run, told);
    }
    assert_true(number > 5);
}

static void handles_of_files_do_not_mix(void **state)
{
    struct run *run = *state;
    FEED(made_dumb(MADE, ON_FILE(3, 1, 2), 1, 4096));
    FEED(made_dumb(MADE, ON_FILE(4, 3, 4), 1, 4096));
    FEED(made_gem_close(MADE, ON_FILE(4, 5, 6), 1));
    expect(run, "+1#0 +1#1 -1#1@5freed ");
    close_file(run, 7, 3, 8);
    expect(run, "-1#0@8closed ");
}

static void forked_processes_share_a_file(void **state)
{
    struct run *run = *state;
    struct when child = ON_FILE(3, 10, 11);
    child.process = 8;
    see_file(run, 7, 3, "radeon");
    see_file(run, 8, 3, "radeon");
    FEED(made_dumb(MADE, ON_FILE(3, 1, 2), 1, 4096));
    FEED(made_dumb(MADE, ON_FILE(3, 1, 2), 2, 4096));
    FEED(made_gem_close(MADE, child, 1));
    close_file(run, 7, 3, 20); /* the child goes on */
    expect(run, "+1#0 +2#1 -1#0@10freed ");
    close_file(run, 8, 3, 30);
    expect(run, "-2#1@30closed ");
}

static void an_import_joins_the_memory_of_its_exporter(void **state)
{
    struct run *run = *state;
    FEED(made_dumb(MADE, ON_FILE(3, 1, 2), 1, 4096));
    FEED(made_export(MADE, ON_FILE(3, 3, 4), 1, 555));
    FEED(made_import(MADE, ON_FILE(3, 5, 6), 1, 555)); /* the same file: the handle that it has */
    expect(run, "+1#0 =1#0 =1#0 ");
    FEED(made_import(MADE, ON_FILE(4, 7, 8), 9, 555));
    struct ga_life *maker = ga_lives_find(run->lives, 3, 1), *life = ga_lives_find(run->lives, 4, 9);
    assert_true(life->imported);
    assert_int_equal(life->size, 4096);
    assert_int_equal(life->origin, GA_SIZE_IMPORTED);
    assert_ptr_equal(life->memory, maker->memory);
    assert_int_equal(life->memory->handles, 2);
    FEED(made_gem_close(MADE, ON_FILE(3, 9, 10), 1)); /* the memory lives on with the import */
    assert_int_equal(life->memory->handles, 1);
    assert_ptr_equal(ga_life_maker(life), maker);
    FEED(made_import(MADE, ON_FILE(5, 11, 12), 2, 555));
    assert_int_equal(life->memory->handles, 2);
    FEED(made_gem_close(MADE, ON_FILE(4, 13, 14), 9));
    FEED(made_gem_close(MADE, ON_FILE(5, 15, 16), 2));
    /* All handles are gone, the dma-buf perhaps not: its size is remembered. */
    FEED(made_import(MADE, ON_FILE(6, 17, 18), 3, 555));
    life = ga_lives_find(run->lives, 6, 3);
    assert_int_equal(life->size, 4096);
    assert_int_equal(life->origin, GA_SIZE_IMPORTED);
    assert_ptr_equal(ga_life_maker(life), life);
}

/* PRIME gives a file one handle for a dma-buf however often it is imported, and one GEM_CLOSE ends it. */
static void a_dma_buf_imported_twice_has_one_handle(void **state)
{
    struct run *run = *state;
    FEED(made_dumb(MADE, ON_FILE(3, 1, 2), 1, 4096));
    FEED(made_export(MADE, ON_FILE(3, 3, 4), 1, 555));
    FEED(made_import(MADE, ON_FILE(4, 5, 6), 9, 555));
    FEED(made_import(MADE, ON_FILE(4, 7, 8), 9, 555));
    assert_int_equal(ga_lives_find(run->lives, 3, 1)->memory->handles, 2);
    FEED(made_gem_close(MADE, ON_FILE(4, 9, 10), 9));
    assert_null(ga_lives_find(run->lives, 4, 9));
    assert_int_equal(ga_lives_find(run->lives, 3, 1)->memory->handles, 1);
    FEED(made_gem_close(MADE, ON_FILE(4, 11, 12), 9)); /* a mistake: there is none any more */
    expect(run, "+1#0 =1#0 +9#1 =9#1 -9#1@9freed ?9 ");
}

/* Handles that lead to the memory of this one; 0: it is not alive. */
static unsigned handles_of(struct run *run, uint64_t file, uint32_t handle)
{
    const struct ga_life *life = ga_lives_find(run->lives, file, handle);
    return life ? life->memory->handles : 0;
}

static struct when in_process(uint64_t process, uint64_t file, uint64_t begin)
{
    return (struct when){.process = process, .begin = begin, .end = begin + 1, .file = file, .device = 226 << 8};
}

/* In each file PRIME gives one handle, whichever process has the file; the buffer is one. */
static void a_dma_buf_imported_in_two_files_and_processes_is_one_buffer(void **state)
{
    struct run *run = *state;
    FEED(made_dumb(MADE, ON_FILE(3, 1, 2), 1, 4096));
    assert_false(ga_lives_find(run->lives, 3, 1)->memory->exported);
    FEED(made_export(MADE, ON_FILE(3, 3, 4), 1, 555));
    assert_true(ga_lives_find(run->lives, 3, 1)->memory->exported);
    FEED(made_import(MADE, ON_FILE(4, 5, 6), 9, 555));
    FEED(made_import(MADE, in_process(8, 14, 7), 1, 555));
    FEED(made_import(MADE, in_process(8, 14, 9), 1, 555));
    FEED(made_import(MADE, in_process(9, 15, 11), 1, 555));
    assert_int_equal(handles_of(run, 3, 1), 4);
    expect(run, "+1#0 =1#0 +9#1 +1#2 =1#2 +1#3 ");
    FEED(made_gem_close(MADE, in_process(8, 14, 13), 1));
    assert_int_equal(handles_of(run, 3, 1), 3);
    assert_int_equal(handles_of(run, 14, 1), 0);
    close_file(run, 9, 15, 15);
    assert_int_equal(handles_of(run, 4, 9), 2);
    expect(run, "-1#2@13freed -1#3@15closed ");
}

static void a_buffer_outlives_the_handle_that_made_it(void **state)
{
    struct run *run = *state;
    FEED(made_dumb(MADE, ON_FILE(3, 1, 2), 1, 4096));
    FEED(made_export(MADE, ON_FILE(3, 3, 4), 1, 555));
    FEED(made_import(MADE, in_process(8, 14, 5), 1, 555));
    FEED(made_gem_close(MADE, ON_FILE(3, 7, 8), 1)); /* the exporter first */
    const struct ga_life *life = ga_lives_find(run->lives, 14, 1);
    assert_int_equal(life->memory->handles, 1);
    assert_int_equal(ga_life_maker(life)->process, 7);
    assert_int_equal(ga_life_maker(life)->size, 4096);
    FEED(made_import(MADE, ON_FILE(3, 9, 10), 2, 555)); /* the maker's file takes it back, by another handle */
    assert_int_equal(handles_of(run, 3, 2), 2);
    assert_true(ga_lives_find(run->lives, 3, 2)->imported);
    FEED(made_gem_close(MADE, in_process(8, 14, 11), 1));
    assert_int_equal(handles_of(run, 3, 2), 1);
    FEED(made_gem_close(MADE, ON_FILE(3, 13, 14), 2));
    expect(run, "+1#0 =1#0 +1#1 -1#0@7freed +2#2 -1#1@11freed -2#2@13freed ");
}

/* Closing a dma-buf's descriptor is no call that is recorded: with a handle alive the kernel keeps the dma-buf, and gives it again. */
static void a_dma_buf_stays_while_a_handle_lives(void **state)
{
    struct run *run = *state;
    FEED(made_dumb(MADE, ON_FILE(3, 1, 2), 1, 4096));
    FEED(made_export(MADE, ON_FILE(3, 3, 4), 1, 555));
    FEED(made_export(MADE, ON_FILE(3, 5, 6), 1, 555)); /* after its close */
    FEED(made_import(MADE, ON_FILE(3, 7, 8), 1, 555)); /* one of its own making: the handle that it has */
    FEED(made_import(MADE, ON_FILE(4, 9, 10), 1, 555));
    assert_int_equal(handles_of(run, 3, 1), 2);
    FEED(made_gem_close(MADE, ON_FILE(3, 11, 12), 1));
    FEED(made_gem_close(MADE, ON_FILE(4, 13, 14), 1));
    /* No handle is left, but the descriptor: a new one is of the old memory, whose maker has gone. Two such are one buffer. */
    FEED(made_import(MADE, ON_FILE(4, 15, 16), 2, 555));
    FEED(made_import(MADE, in_process(8, 14, 17), 1, 555));
    const struct ga_life *life = ga_lives_find(run->lives, 14, 1);
    assert_int_equal(life->memory->handles, 2);
    assert_ptr_equal(ga_life_maker(life), ga_lives_find(run->lives, 4, 2));
    assert_int_equal(life->size, 4096);
    assert_true(life->memory->exported);
}

static void a_buffer_from_outside_the_recording_is_one_too(void **state)
{
    struct run *run = *state;
    FEED(made_import(MADE, ON_FILE(4, 1, 2), 9, 555));
    FEED(made_import(MADE, in_process(8, 14, 3), 1, 555));
    FEED(made_gem_open(MADE, ON_FILE(4, 5, 6), 42, 5, 8192));
    FEED(made_gem_open(MADE, in_process(8, 14, 7), 42, 6, 8192));
    assert_int_equal(handles_of(run, 4, 9), 2);
    assert_int_equal(handles_of(run, 4, 5), 2);
    assert_true(ga_life_maker(ga_lives_find(run->lives, 14, 1))->imported);
    FEED(made_gem_close(MADE, ON_FILE(4, 9, 10), 9));
    FEED(made_gem_close(MADE, in_process(8, 14, 11), 1));
    FEED(made_import(MADE, in_process(8, 14, 13), 1, 555));
    assert_int_equal(handles_of(run, 14, 1), 1);
}

/* The same buffer by name and by dma-buf: each GEM_OPEN gives the file one more handle, each PRIME import the one that it has. */
static void names_and_dma_bufs_lead_to_one_buffer(void **state)
{
    struct run *run = *state;
    FEED(made_dumb(MADE, ON_FILE(3, 1, 2), 1, 4096));
    FEED(made_flink(MADE, ON_FILE(3, 3, 4), 1, 42));
    assert_false(ga_lives_find(run->lives, 3, 1)->memory->exported); /* whoever opens the name has a handle */
    FEED(made_gem_open(MADE, in_process(8, 14, 5), 42, 1, 4096));
    FEED(made_gem_open(MADE, in_process(8, 14, 7), 42, 2, 4096));
    FEED(made_export(MADE, in_process(8, 14, 9), 2, 555));
    assert_true(ga_lives_find(run->lives, 3, 1)->memory->exported);
    FEED(made_import(MADE, in_process(8, 14, 11), 2, 555));
    FEED(made_import(MADE, ON_FILE(4, 13, 14), 7, 555));
    assert_int_equal(handles_of(run, 3, 1), 4);
    expect(run, "+1#0 =1#0 +1#1 +2#2 =2#2 =2#2 +7#3 ");
}

static void a_heaps_dma_buf_has_its_size(void **state)
{
    struct run *run = *state;
    made_call(MADE, GA_ROW_drm_dma_heap_alloc, ON_FILE(3, 1, 2));
    run->made.record.r_drm_dma_heap_alloc.len = 12288;
    run->made.record.r_drm_dma_heap_alloc.dma_buf = 777;
    FEED(&run->made.call);
    expect(run, "");
    FEED(made_import(MADE, ON_FILE(4, 3, 4), 2, 777));
    assert_int_equal(ga_lives_find(run->lives, 4, 2)->size, 12288);
    assert_int_equal(ga_lives_find(run->lives, 4, 2)->origin, GA_SIZE_IMPORTED);
}

static void a_dma_buf_of_parts_has_the_size_of_all(void **state)
{
    struct run *run = *state;
    static const struct ga_drm_udmabuf_part parts[] = {{.size = 4096}, {.size = 8192}};
    made_call(MADE, GA_ROW_drm_udmabuf_create_list, ON_FILE(3, 1, 2));
    run->made.record.r_drm_udmabuf_create_list.dma_buf = 778;
    run->made.call.elements[0] = (struct ga_elements){&ga_rows[GA_ROW_drm_udmabuf_part], parts, 2};
    FEED(&run->made.call);
    FEED(made_import(MADE, ON_FILE(4, 3, 4), 2, 778));
    assert_int_equal(ga_lives_find(run->lives, 4, 2)->size, 12288);
}

/* A surface of vmwgfx that has no memory names no buffer: 4294967295. */
static void a_surface_without_memory_is_no_buffer(void **state)
{
    struct run *run = *state;
    made_call(MADE, GA_ROW_drm_vmwgfx_gb_surface_create, ON_FILE(3, 1, 2));
    run->made.record.r_drm_vmwgfx_gb_surface_create.buffer_handle = UINT32_MAX;
    FEED(&run->made.call);
    expect(run, "");
    run->made.record.r_drm_vmwgfx_gb_surface_create.buffer_handle = 6;
    run->made.record.r_drm_vmwgfx_gb_surface_create.buffer_size = 8192;
    FEED(&run->made.call);
    assert_int_equal(ga_lives_find(run->lives, 3, 6)->size, 8192);
}

static void kfd_handles(struct run *run, enum ga_row_id row, uint64_t handle, int64_t ns)
{
    made_call(MADE, row, ON_FILE(3, ns, ns + 1));
    if (row == GA_ROW_drm_kfd_alloc_memory_of_gpu) {
        run->made.record.r_drm_kfd_alloc_memory_of_gpu.handle = handle;
        run->made.record.r_drm_kfd_alloc_memory_of_gpu.size = 4096;
    } else {
        run->made.record.r_drm_kfd_free_memory_of_gpu.handle = handle;
    }
    FEED(&run->made.call);
}

static void each_gpu_of_kfd_counts_its_own_handles(void **state)
{
    struct run *run = *state;
    kfd_handles(run, GA_ROW_drm_kfd_alloc_memory_of_gpu, 0x1100000001, 1);
    kfd_handles(run, GA_ROW_drm_kfd_alloc_memory_of_gpu, 0x2200000001, 3);
    kfd_handles(run, GA_ROW_drm_kfd_free_memory_of_gpu, 0x1100000001, 5);
    kfd_handles(run, GA_ROW_drm_kfd_free_memory_of_gpu, 0x2200000001, 7);
    expect(run, "+1#0 +1#1 -1#0@5freed -1#1@7freed ");
}

static void a_handle_given_again_for_another_dma_buf_is_a_new_life(void **state)
{
    struct run *run = *state;
    FEED(made_import(MADE, ON_FILE(4, 1, 2), 9, 555));
    FEED(made_import(MADE, ON_FILE(4, 5, 6), 9, 666));
    FEED(made_gem_close(MADE, ON_FILE(4, 3, 8), 9));
    expect(run, "+9#0 +9#1 -9#0@3freed ");
    FEED(made_import(MADE, ON_FILE(4, 12, 13), 9, 666)); /* closed by another thread meanwhile, and imported anew */
    FEED(made_gem_close(MADE, ON_FILE(4, 11, 15), 9));
    expect(run, "=9#1 ");
    FEED(made_gem_close(MADE, ON_FILE(4, 21, 25), 9));
    expect(run, "-9#1@21freed ");
}

static void gem_open_makes_a_new_handle_each_time(void **state)
{
    struct run *run = *state;
    FEED(made_dumb(MADE, ON_FILE(3, 1, 2), 1, 4096));
    FEED(made_flink(MADE, ON_FILE(3, 3, 4), 1, 42));
    FEED(made_gem_open(MADE, ON_FILE(3, 5, 6), 42, 2, 4096));
    FEED(made_gem_open(MADE, ON_FILE(4, 7, 8), 42, 1, 4096));
    expect(run, "+1#0 =1#0 +2#1 +1#2 ");
    assert_int_equal(ga_lives_find(run->lives, 4, 1)->memory->handles, 3);
    assert_int_equal(ga_lives_find(run->lives, 4, 1)->origin, GA_SIZE_RETURNED);
    struct when other = ON_FILE(5, 9, 10);
    other.device = 999; /* another device counts its own names */
    FEED(made_gem_open(MADE, other, 42, 1, 8192));
    assert_int_equal(ga_lives_find(run->lives, 5, 1)->memory->handles, 1);
}

/* A thunk and its ioctl, recorded both: one life, and no stranger at the end. */
static void a_nested_call_and_the_one_around_it_are_one(void **state)
{
    struct run *run = *state;
    made_create(MADE, WHEN(0, 11, 19), 2, 0, 0, 0, 5, 1);
    run->made.record.header.marks = GA_MARK_NESTED;
    FEED(&run->made.call);
    FEED(made_create(MADE, WHEN(0, 10, 20), 2, 0, 0, 0, 5, 1));
    made_destroy(MADE, WHEN(0, 31, 39), 2, 0, 5, 1);
    run->made.record.header.marks = GA_MARK_NESTED;
    FEED(&run->made.call);
    FEED(made_destroy(MADE, WHEN(0, 30, 40), 2, 0, 5, 1));
    expect(run, "+5#0 -5#0@31freed ");
    made_create(MADE, WHEN(0, 51, 59), 2, 0, 0, 0, 5, 1);
    run->made.record.header.marks = GA_MARK_NESTED;
    FEED(&run->made.call);
    FEED(made_create(MADE, WHEN(0, 70, 80), 2, 0, 0, 0, 6, 1)); /* not around it */
    expect(run, "+5#1 +6#2 ");
}

/* Objects that are no allocations: "{device 2<1" opened below 1, "}device 2@30freed" closed. */
static int opened(void *user, struct ga_object *object, const struct ga_call *call)
{
    assert_ptr_equal(object->row, call->row);
    tell(user, "{%s %u<%u ", ga_object_kind_name(object->kind), object->handle, object->owner);
    return 0;
}

static int closed(void *user, struct ga_object *object, enum ga_life_end how, const struct ga_call *call)
{
    assert_true(how == GA_END_FREED ? call != NULL : true);
    tell(user, "}%s %u@%lld%s ", ga_object_kind_name(object->kind), object->handle, (long long)(object->died_ns - EPOCH),
         ga_life_end_name(how));
    return 0;
}

static void objects_end_with_their_owners(void **state)
{
    struct run *run = *state;
    static const struct ga_lives_ops ops = {.opened = opened, .closed = closed, .born = born, .died = died};
    ga_lives_destroy(run->lives);
    assert_int_equal(ga_lives_create(&run->lives, &ops, run), 0);
    FEED(made_open_adapter(MADE, WHEN(0, 1, 2), 1, 5));
    FEED(made_device(MADE, WHEN(0, 3, 4), 1, 2));
    made_call(MADE, GA_ROW_d3dkmt_create_paging_queue, WHEN(0, 5, 6));
    run->made.record.r_d3dkmt_create_paging_queue.hDevice = 2;
    run->made.record.r_d3dkmt_create_paging_queue.hPagingQueue = 3;
    run->made.record.r_d3dkmt_create_paging_queue.hSyncObject = 4;
    FEED(&run->made.call);
    made_call(MADE, GA_ROW_d3dkmt_create_context_virtual, WHEN(0, 7, 8));
    run->made.record.r_d3dkmt_create_context_virtual.hDevice = 2;
    run->made.record.r_d3dkmt_create_context_virtual.hContext = 5;
    FEED(&run->made.call);
    FEED(made_create(MADE, WHEN(0, 9, 10), 2, 0, 6, 0xabc, 7, 1));
    expect(run, "{adapter 1<0 {device 2<1 {paging queue 3<2 {sync object 4<3 {context 5<2 {resource 6<2 +7#0 ");
    assert_int_equal(ga_lives_object_at(run->lives, GA_OBJECT_RESOURCE, 7, 6, EPOCH + 11)->surface, 0xabc);
    assert_null(ga_lives_object_at(run->lives, GA_OBJECT_CONTEXT, 7, 3, EPOCH + 11));
    made_call(MADE, GA_ROW_d3dkmt_destroy_paging_queue, WHEN(0, 11, 12));
    run->made.record.r_d3dkmt_destroy_paging_queue.hPagingQueue = 3;
    FEED(&run->made.call);
    expect(run, "}sync object 4@11with_owner }paging queue 3@11freed ");
    FEED(made_destroy_device(MADE, WHEN(0, 13, 14), 2));
    expect(run, "-7#0@13with_owner }resource 6@13with_owner }context 5@13with_owner }device 2@13freed ");
    assert_int_equal(ga_lives_finish(run->lives, EPOCH + 20), 0);
    expect(run, "}adapter 1@20alive ");
}

static void an_opened_resource_has_imported_allocations(void **state)
{
    struct run *run = *state;
    static struct ga_d3dkmt_open_allocation elements[2] = {{.hAllocation = 31}, {.hAllocation = 32}};
    FEED(made_device(MADE, WHEN(0, 1, 2), 1, 2));
    struct ga_call *call = made_call(MADE, GA_ROW_d3dkmt_open_resource_from_nt_handle, WHEN(0, 3, 4));
    run->made.record.r_d3dkmt_open_resource_from_nt_handle.hDevice = 2;
    run->made.record.r_d3dkmt_open_resource_from_nt_handle.hResource = 30;
    call->elements[0] =
        (struct ga_elements){.row = &ga_rows[GA_ROW_d3dkmt_open_allocation], .records = elements, .count = 2};
    FEED(call);
    expect(run, "+31#0 +32#1 ");
    assert_true(ga_lives_find(run->lives, 7, 31)->imported);
    FEED(made_destroy(MADE, WHEN(0, 5, 6), 2, 30, 0, 0));
    expect(run, "-32#1@5freed -31#0@5freed ");
}

static void a_shared_resources_allocations_are_exported(void **state)
{
    struct run *run = *state;
    FEED(made_create(MADE, WHEN(0, 1, 2), 2, 0, 10, 0xa, 11, 2));
    FEED(made_create(MADE, WHEN(0, 3, 4), 2, 0, 20, 0xb, 21, 1));
    made_call(MADE, GA_ROW_d3dkmt_share_objects, WHEN(0, 5, 6));
    run->made.record.r_d3dkmt_share_objects.ObjectHandleArray_list = run->made.list;
    run->made.record.r_d3dkmt_share_objects.ObjectHandleArray_length = 2;
    run->made.list[0] = 10;
    run->made.list[1] = 99; /* a sync object */
    FEED(&run->made.call);
    assert_true(ga_lives_find(run->lives, 7, 11)->memory->exported && ga_lives_find(run->lives, 7, 12)->memory->exported);
    assert_false(ga_lives_find(run->lives, 7, 21)->memory->exported);
}

static void churn_is_bounded_by_what_is_alive(void **state)
{
    struct run *run = *state;
    for (uint64_t i = 1; i < 100000; i++) {
        FEED(made_create(MADE, WHEN(0, 4 * i, 4 * i + 1), 2, 0, 10, i, 5, 1));
        FEED(made_destroy(MADE, WHEN(0, 4 * i + 2, 4 * i + 3), 2, 10, 0, 0));
        run->told[0] = 0;
    }
    assert_null(ga_lives_find(run->lives, 7, 5));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(frees_by_list_and_by_resource),
        TEST(destroy_that_began_earlier_ends_the_older_generation),
        TEST(several_generations_wait_for_their_own_destroys),
        TEST(destroy_of_an_unrecorded_older_generation_spares_the_newer),
        TEST(a_resource_handle_has_generations_too),
        TEST(a_lost_destroy_is_noticed_and_does_not_pile_up),
        TEST(an_owner_in_use_is_not_lost),
        TEST(failed_calls_change_nothing),
        TEST(devices_and_adapters_take_what_they_own),
        TEST(devices_end_with_the_last_handle_of_their_adapter),
        TEST(the_last_close_of_the_device_ends_a_process),
        TEST(sizes_come_with_their_origin),
        TEST(a_gpu_mapping_is_a_lower_bound),
        TEST(a_better_origin_replaces_a_worse_one),
        TEST(a_size_is_learnt_of_the_generation_that_was_meant),
        TEST(what_an_earlier_pass_learnt_holds_from_birth),
        TEST(every_drivers_buffers_are_born_and_die),
        TEST(handles_of_files_do_not_mix),
        TEST(forked_processes_share_a_file),
        TEST(an_import_joins_the_memory_of_its_exporter),
        TEST(a_dma_buf_imported_twice_has_one_handle),
        TEST(a_dma_buf_imported_in_two_files_and_processes_is_one_buffer),
        TEST(a_buffer_outlives_the_handle_that_made_it),
        TEST(a_dma_buf_stays_while_a_handle_lives),
        TEST(a_buffer_from_outside_the_recording_is_one_too),
        TEST(names_and_dma_bufs_lead_to_one_buffer),
        TEST(a_heaps_dma_buf_has_its_size),
        TEST(a_dma_buf_of_parts_has_the_size_of_all),
        TEST(a_surface_without_memory_is_no_buffer),
        TEST(each_gpu_of_kfd_counts_its_own_handles),
        TEST(a_handle_given_again_for_another_dma_buf_is_a_new_life),
        TEST(gem_open_makes_a_new_handle_each_time),
        TEST(a_nested_call_and_the_one_around_it_are_one),
        TEST(objects_end_with_their_owners),
        TEST(an_opened_resource_has_imported_allocations),
        TEST(a_shared_resources_allocations_are_exported),
        TEST(churn_is_bounded_by_what_is_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
