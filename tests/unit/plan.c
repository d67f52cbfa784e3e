/* A plan knows which object each call means, what it waits for, and what it must refuse. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abi/mapping.h"
#include "plan_calls.h"

static const struct replay_plan_options memory_order = {.order = REPLAY_ORDER_MEMORY};
static const struct replay_plan_options resource_order = {.order = REPLAY_ORDER_RESOURCE};

static void finish(struct replay_plan *plan)
{
    struct ga_error error = {""};
    if (replay_plan_finish(plan, &error) < 0)
        fail_msg("%s", error.text);
}

static void users_wait_for_the_creator_and_the_destroyer_for_users(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_create_device(&plan, (struct when){0, 10, 20}, 5);
    add_create(&plan, (struct when){1, 30, 40}, (struct create){.device = 5, .resource = 6, .first = 7, .count = 2}, NULL);
    add_destroy(&plan, (struct when){2, 50, 60}, 5, 6, 0);
    add_destroy_device(&plan, (struct when){0, 70, 80}, 5);
    finish(&plan);
    assert_int_equal(plan.lane_count, 3);
    assert_true(waits_for(&plan, 1, 0));
    assert_true(waits_for(&plan, 2, 1));
    assert_true(waits_for(&plan, 3, 2));
    assert_int_equal(ref_to(&plan, 1, REPLAY_DEVICE)->object, ref_to(&plan, 0, REPLAY_DEVICE)->object);
    assert_int_equal(ref_to(&plan, 2, REPLAY_RESOURCE)->object, ref_to(&plan, 1, REPLAY_RESOURCE)->object);
    for (uint32_t c = 0; c < plan.call_count; c++)
        assert_int_equal(plan.calls[c].skip, REPLAY_ISSUED);
    replay_plan_release(&plan);
}

/* A destroy that began before the newest create of its handle ended means the older generation. */
static void a_reused_handle_means_the_right_generation(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_create_device(&plan, (struct when){0, 10, 20}, 5);
    add_create(&plan, (struct when){0, 30, 40}, (struct create){.device = 5, .first = 7, .count = 1}, NULL);
    /* the new create completes, and is reported, before the destroy that let it have the handle */
    add_create(&plan, (struct when){1, 55, 60}, (struct create){.device = 5, .first = 7, .count = 1}, NULL);
    add_destroy(&plan, (struct when){0, 50, 70}, 5, 0, 7);
    add_destroy(&plan, (struct when){1, 80, 90}, 5, 0, 7);
    finish(&plan);
    uint32_t old = ref_to(&plan, 1, REPLAY_ALLOCATION)->object, new = ref_to(&plan, 3, REPLAY_ALLOCATION)->object;
    assert_int_not_equal(old, new);
    assert_int_equal(ref_to(&plan, 2, REPLAY_ALLOCATION)->object, old); /* begin 50 */
    assert_int_equal(ref_to(&plan, 4, REPLAY_ALLOCATION)->object, new);
    replay_plan_release(&plan);
}

static void memory_order_makes_creates_wait_for_earlier_frees(void **state)
{
    (void)state;
    for (int pass = 0; pass < 2; pass++) {
        struct replay_plan plan;
        assert_int_equal(replay_plan_begin(&plan, pass ? &resource_order : &memory_order), 0);
        add_create_device(&plan, (struct when){0, 10, 20}, 5);
        add_create(&plan, (struct when){0, 30, 40}, (struct create){.device = 5, .first = 7, .count = 1}, NULL);
        add_create_device(&plan, (struct when){1, 41, 42}, 9);
        add_destroy(&plan, (struct when){0, 50, 60}, 5, 0, 7);
        add_create(&plan, (struct when){1, 70, 80}, (struct create){.device = 9, .first = 8, .count = 1}, NULL);
        add_create(&plan, (struct when){1, 90, 95}, (struct create){.device = 9, .first = 10, .count = 1}, NULL);
        finish(&plan);
        assert_true(waits_for(&plan, 4, 3) == (pass == 0));
        assert_int_equal(plan.calls[5].dependency_count, 0); /* its lane has waited already */
        replay_plan_release(&plan);
    }
}

static void destroying_a_device_ends_what_it_owns(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_create_device(&plan, (struct when){0, 10, 20}, 5);
    add_create(&plan, (struct when){0, 30, 40},
               (struct create){.device = 5, .resource = 6, .first = 7, .count = 1, .standard_size = 8192}, NULL);
    add_destroy_device(&plan, (struct when){0, 50, 60}, 5);
    add_destroy(&plan, (struct when){0, 70, 80, EINVAL}, 5, 0, 7); /* fails: all of it is gone */
    finish(&plan);
    assert_int_equal(plan.peak_bytes, 8192);
    assert_int_equal(plan.calls[2].bytes, 8192);
    const struct replay_ref *ref = ref_to(&plan, 3, REPLAY_ALLOCATION);
    assert_true(plan.objects[ref->object].stranger);
    assert_int_equal(plan.calls[3].skip, REPLAY_ISSUED); /* its failing is compared */
    replay_plan_release(&plan);
}

static void what_the_recording_did_not_make_is_skipped(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_create(&plan, (struct when){0, 10, 20}, (struct create){.device = 5, .add_to = 6, .first = 7, .count = 1}, NULL);
    add_import(&plan, (struct when){0, 30, 40}, 1, 3, 9, 777);
    finish(&plan);
    assert_int_equal(plan.calls[0].skip, REPLAY_SKIP_STRANGER);
    assert_int_equal(plan.calls[1].skip, REPLAY_SKIP_OUTSIDE);
    replay_plan_release(&plan);
}

/* A session that began in the middle: the backend supplies the device, once. */
static void a_device_made_before_the_recording_is_supplied(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_create(&plan, (struct when){0, 10, 20}, (struct create){.device = 5, .first = 7, .count = 1}, NULL);
    add_create(&plan, (struct when){1, 30, 40}, (struct create){.device = 5, .first = 8, .count = 1}, NULL);
    add_destroy_device(&plan, (struct when){0, 50, 60}, 5);
    add_create(&plan, (struct when){0, 70, 80, EINVAL}, (struct create){.device = 5, .first = 9, .count = 1}, NULL);
    finish(&plan);
    const struct replay_ref *device = ref_to(&plan, 0, REPLAY_DEVICE);
    assert_true(plan.objects[device->object].supplied);
    assert_int_equal(ref_to(&plan, 1, REPLAY_DEVICE)->object, device->object);
    assert_int_equal(ref_to(&plan, 2, REPLAY_DEVICE)->object, device->object);
    assert_true(waits_for(&plan, 2, 1));
    assert_true(plan.objects[ref_to(&plan, 3, REPLAY_DEVICE)->object].stranger);
    for (uint32_t c = 0; c < plan.call_count; c++)
        assert_int_equal(plan.calls[c].skip, REPLAY_ISSUED);
    replay_plan_release(&plan);
}

static int one_blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    (void)user;
    *data = "private";
    *size = 8;
    return hash == 0x1234 ? 0 : -ENOENT;
}

static void private_data_is_kept_once(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_create_device(&plan, (struct when){0, 1, 2}, 5);
    struct create create = {.device = 5, .first = 7, .count = 3, .data = 0x1234, .data_size = 8};
    add_create(&plan, (struct when){0, 10, 20}, create, one_blob);
    create.first = 20;
    add_create(&plan, (struct when){0, 30, 40}, create, one_blob);
    create.data = 0x9999; /* not in the trace */
    create.first = 30;
    add_create(&plan, (struct when){0, 50, 60}, create, one_blob);
    create.data = 0x1234;
    create.data_size = 9; /* longer than the bytes that were kept */
    create.first = 40;
    add_create(&plan, (struct when){0, 70, 80}, create, one_blob);
    finish(&plan);
    assert_int_equal(plan.blob_count, 1);
    assert_int_equal(plan.data_size, 8);
    assert_memory_equal(plan.data, "private", 8);
    assert_int_equal(plan.calls[2].skip, REPLAY_ISSUED);
    assert_int_equal(plan.calls[3].skip, REPLAY_SKIP_NO_DATA);
    assert_int_equal(plan.calls[4].skip, REPLAY_SKIP_NO_DATA);
    replay_plan_release(&plan);
}

/* A second import of one dma-buf in a file gives the handle that the file has: one object, closed once. */
static void a_second_import_is_the_same_object(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_dumb(&plan, (struct when){0, 10, 20}, 1, 3, 64, 64);
    add_export(&plan, (struct when){0, 30, 40}, 1, 3, 11, 777);
    add_import(&plan, (struct when){1, 50, 60}, 2, 8, 12, 777);
    add_import(&plan, (struct when){1, 70, 80}, 2, 8, 13, 777);
    add_import(&plan, (struct when){0, 90, 95}, 1, 3, 11, 777);
    add_gem_close(&plan, (struct when){1, 96, 97}, 2, 8);
    add_gem_close(&plan, (struct when){0, 98, 99}, 1, 3);
    finish(&plan);
    for (uint32_t c = 0; c < plan.call_count; c++)
        assert_int_equal(plan.calls[c].skip, REPLAY_ISSUED);
    assert_int_equal(ref_to(&plan, 2, REPLAY_BUFFER)->role, REPLAY_MAKES);
    assert_int_equal(ref_to(&plan, 3, REPLAY_BUFFER)->role, REPLAY_AGAIN);
    assert_int_equal(ref_to(&plan, 3, REPLAY_BUFFER)->object, ref_to(&plan, 2, REPLAY_BUFFER)->object);
    assert_int_equal(ref_to(&plan, 4, REPLAY_BUFFER)->object, ref_to(&plan, 0, REPLAY_BUFFER)->object);
    assert_int_equal(plan.peak_bytes, 64 * 64 * 4); /* one memory, however many handles */
    assert_int_equal(plan.calls[5].bytes, 64 * 64 * 4);
    assert_false(ref_to(&plan, 3, REPLAY_DMA_BUF)->how & REPLAY_HOW_LAST);
    assert_true(ref_to(&plan, 4, REPLAY_DMA_BUF)->how & REPLAY_HOW_LAST);
    assert_true(waits_for(&plan, 4, 3)); /* it closes the descriptor */
    replay_plan_release(&plan);
}

static void names_lead_to_the_memory(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_dumb(&plan, (struct when){0, 10, 20}, 1, 3, 64, 64);
    add_flink(&plan, (struct when){0, 30, 40}, 1, 3, 1);
    add_flink(&plan, (struct when){0, 41, 42}, 1, 3, 1);
    add_open(&plan, (struct when){1, 50, 60}, 2, 1, 4, 16384);
    add_gem_close(&plan, (struct when){0, 70, 80}, 1, 3);
    add_gem_close(&plan, (struct when){1, 90, 91}, 2, 4);
    add_dumb(&plan, (struct when){0, 92, 93}, 1, 3, 32, 32); /* the name is free again, and another memory's */
    add_flink(&plan, (struct when){0, 94, 95}, 1, 3, 1);
    finish(&plan);
    assert_int_equal(ref_to(&plan, 2, REPLAY_NAME)->role, REPLAY_AGAIN);
    assert_int_equal(ref_to(&plan, 3, REPLAY_NAME)->object, ref_to(&plan, 1, REPLAY_NAME)->object);
    assert_int_equal(plan.objects[ref_to(&plan, 3, REPLAY_BUFFER)->object].memory, ref_to(&plan, 0, REPLAY_BUFFER)->object);
    assert_true(waits_for(&plan, 3, 1));
    assert_true(waits_for(&plan, 4, 3)); /* it may be the last handle, and the name ends with that */
    assert_int_equal(ref_to(&plan, 7, REPLAY_NAME)->role, REPLAY_MAKES);
    assert_int_not_equal(ref_to(&plan, 7, REPLAY_NAME)->object, ref_to(&plan, 1, REPLAY_NAME)->object);
    assert_int_equal(plan.peak_bytes, 16384);
    replay_plan_release(&plan);
}

static void a_file_is_closed_when_its_names_were_opened(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct ga_error error;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_dumb(&plan, (struct when){0, 10, 20}, 1, 3, 64, 64);
    add_flink(&plan, (struct when){0, 30, 40}, 1, 3, 1);
    add_open(&plan, (struct when){1, 50, 60}, 2, 1, 4, 16384);
    struct ga_gpualloc_file_closed closed = {.process = PROCESS, .file = 1, .begin = 70};
    assert_int_equal(replay_plan_add_event(&plan, &ga_rows[GA_ROW_gpualloc_file_closed], &closed, &error), 0);
    finish(&plan);
    assert_true(waits_for(&plan, 3, 2));
    replay_plan_release(&plan);
}

static void closing_a_file_ends_its_handles(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct ga_error error;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_dumb(&plan, (struct when){0, 10, 20}, 1, 3, 64, 64);
    add_dumb(&plan, (struct when){1, 30, 40}, 1, 4, 64, 64);
    struct ga_gpualloc_file_closed closed = {.process = PROCESS, .file = 1, .begin = 50};
    assert_int_equal(replay_plan_add_event(&plan, &ga_rows[GA_ROW_gpualloc_file_closed], &closed, &error), 0);
    add_gem_close(&plan, (struct when){0, 60, 70}, 1, 3);
    finish(&plan);
    assert_int_equal(plan.call_count, 4);
    assert_null(replay_row(&plan.calls[2]));
    assert_int_equal(plan.calls[2].lane, plan.calls[1].lane); /* its last user's */
    assert_true(waits_for(&plan, 2, 0));
    assert_int_equal(plan.calls[2].bytes, 2 * 64 * 64 * 4);
    assert_int_equal(plan.calls[3].skip, REPLAY_SKIP_STRANGER);
    replay_plan_release(&plan);
}

static void caps_are_kept(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct ga_error error = {""};
    struct replay_plan_options options = {.max_calls = 2, .max_bytes = 20000};
    assert_int_equal(replay_plan_begin(&plan, &options), 0);
    assert_int_equal(add_dumb(&plan, (struct when){0, 10, 20}, 1, 3, 64, 64), 0);
    assert_int_equal(add_dumb(&plan, (struct when){0, 30, 40}, 1, 4, 64, 64), 0);
    assert_int_equal(add_dumb(&plan, (struct when){0, 50, 60}, 1, 5, 64, 64), -EFBIG);
    assert_int_equal(replay_plan_finish(&plan, &error), -EFBIG);
    assert_string_equal(error.text, "the recording has 32 KiB alive at once, and --max-bytes allows 19.5 KiB");
    replay_plan_release(&plan);

    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    for (uint32_t thread = 0; thread < REPLAY_LANES_MAX; thread++)
        assert_int_equal(add_dumb(&plan, (struct when){thread, thread, thread + 1}, 1, thread + 1, 1, 1), 0);
    assert_int_equal(add_dumb(&plan, (struct when){REPLAY_LANES_MAX, 1, 2}, 1, 9999, 1, 1), -EMFILE);
    replay_plan_release(&plan);
}

static uint64_t hash_of(uint32_t handle, uint32_t width, uint64_t begin)
{
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_dumb(&plan, (struct when){0, begin, begin + 10}, 1, handle, width, 64);
    add_gem_close(&plan, (struct when){0, begin + 20, begin + 40}, 1, handle);
    finish(&plan);
    uint64_t hash = plan.hash;
    replay_plan_release(&plan);
    return hash;
}

static void the_hash_is_of_what_is_issued(void **state)
{
    (void)state;
    assert_int_equal(hash_of(1, 64, 10), hash_of(7, 64, 5000)); /* handles and times are not in it */
    assert_int_not_equal(hash_of(1, 64, 10), hash_of(1, 65, 10));
}

static void gpu_addresses_are_objects(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_create_device(&plan, (struct when){0, 1, 2}, 5);
    add_paging_queue(&plan, (struct when){0, 3, 4}, 5, 8, 9);
    add_create(&plan, (struct when){0, 5, 6}, (struct create){.device = 5, .first = 7, .count = 1}, NULL);
    add_reserve(&plan, (struct when){0, 10, 11}, 8, 0x100000, 0x700000);
    add_map(&plan, (struct when){1, 20, 21}, 8, 7, 0x710000, 4, 0x710000); /* inside: names the range */
    add_map(&plan, (struct when){1, 30, 31}, 8, 7, 0, 4, 0x10000);         /* anywhere */
    add_map(&plan, (struct when){0, 40, 41}, 8, 7, 0x900000, 4, 0x900000); /* the program's own choice */
    add_free_range(&plan, (struct when){1, 50, 51}, 0, 0x710000, 0x4000);  /* a part: the range lives */
    add_free_range(&plan, (struct when){0, 60, 61}, 0, 0x700000, 0x100000);
    add_map(&plan, (struct when){1, 70, 71}, 8, 7, 0x710000, 4, 0x710000); /* where it was */
    add_free_range(&plan, (struct when){1, 80, 81, EINVAL}, 0, 0x1000, 0x1000);
    finish(&plan);
    uint32_t range = ref_to(&plan, 3, REPLAY_RANGE)->object;
    assert_int_equal(ref_to(&plan, 4, REPLAY_RANGE)->object, range);
    assert_int_equal(plan.calls[4].ref_count, 4); /* queue, address, allocation, and the address that came back: in the range */
    assert_false(plan.calls[4].own_address);
    assert_int_not_equal(ref_to(&plan, 5, REPLAY_RANGE)->object, range);
    assert_int_equal(plan.objects[ref_to(&plan, 5, REPLAY_RANGE)->object].size, 4 * 4096);
    assert_true(plan.calls[6].own_address);
    uint64_t base;
    memcpy(&base, plan.images + plan.calls[6].image + 8, sizeof base);
    assert_int_equal(base, 0x900000);
    assert_int_equal(ref_to(&plan, 7, REPLAY_RANGE)->role, REPLAY_USES);
    assert_int_equal(ref_to(&plan, 8, REPLAY_RANGE)->role, REPLAY_ENDS);
    assert_true(waits_for(&plan, 8, 7));
    assert_true(plan.calls[9].own_address);
    assert_true(waits_for(&plan, 9, 8)); /* its addresses must be free */
    assert_true(plan.objects[ref_to(&plan, 10, REPLAY_RANGE)->object].stranger);
    for (uint32_t c = 0; c < plan.call_count; c++)
        assert_int_equal(plan.calls[c].skip, REPLAY_ISSUED);
    replay_plan_release(&plan);
}

static void a_shared_resource_is_found_in_another_process(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_create_device(&plan, (struct when){0, 1, 2}, 5);
    add_create(&plan, (struct when){0, 10, 20}, (struct create){.device = 5, .resource = 6, .first = 7, .count = 1}, NULL);
    add_create(&plan, (struct when){0, 21, 22}, (struct create){.device = 5, .resource = 16, .first = 17, .count = 2}, NULL);
    add_share(&plan, (struct when){0, 30, 31}, 6, 40);
    add_share(&plan, (struct when){0, 32, 33}, 16, 41);
    add_open_shared(&plan, (struct when){0, 50, 60}, PROCESS, 5, 40, 26, 27, 1);           /* in the same process */
    add_open_shared(&plan, (struct when){9, 70, 80}, PROCESS + 1, 5, 3, 36, 37, 2);        /* by what it is */
    add_open_shared(&plan, (struct when){9, 90, 91}, PROCESS + 1, 5, 3, 46, 47, 3);        /* nothing like it was shared */
    finish(&plan);
    assert_int_equal(ref_to(&plan, 3, REPLAY_RESOURCE)->object, ref_to(&plan, 1, REPLAY_RESOURCE)->object);
    assert_int_equal(ref_to(&plan, 5, REPLAY_NT_HANDLE)->object, ref_to(&plan, 3, REPLAY_NT_HANDLE)->object);
    assert_int_equal(ref_to(&plan, 6, REPLAY_NT_HANDLE)->object, ref_to(&plan, 4, REPLAY_NT_HANDLE)->object);
    assert_true(waits_for(&plan, 6, 4));
    assert_true(ref_to(&plan, 5, REPLAY_NT_HANDLE)->how & REPLAY_HOW_LAST);
    uint32_t opened = ref_to(&plan, 6, REPLAY_RESOURCE)->object;
    assert_int_equal(plan.objects[opened].memory, ref_to(&plan, 2, REPLAY_RESOURCE)->object);
    assert_int_equal(plan.objects[ref_to(&plan, 6, REPLAY_ALLOCATION)->object].owner, opened);
    assert_int_equal(plan.calls[6].skip, REPLAY_ISSUED);
    assert_int_equal(plan.calls[7].skip, REPLAY_SKIP_OUTSIDE);
    replay_plan_release(&plan);
}

/* What ends a queue waits for its fences; a wait for a fence gets the run's own value. */
static void paging_fences_are_awaited(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &resource_order), 0);
    add_create_device(&plan, (struct when){0, 1, 2}, 5);
    add_paging_queue(&plan, (struct when){0, 3, 4}, 5, 8, 9);
    add_create(&plan, (struct when){0, 5, 6}, (struct create){.device = 5, .resource = 6, .first = 7, .count = 1}, NULL);
    add_make_resident(&plan, (struct when){0, 10, 11}, 8, 7, 41);
    add_cpu_wait(&plan, (struct when){1, 20, 21}, 5, 9, 41, 0);
    add_destroy(&plan, (struct when){1, 30, 31}, 5, 6, 0); /* the resource: its allocation was moved */
    add_destroy_paging_queue(&plan, (struct when){2, 40, 41}, 8);
    finish(&plan);
    for (uint32_t c = 0; c < plan.call_count; c++)
        assert_int_equal(plan.calls[c].skip, REPLAY_ISSUED);
    assert_true(awaits(&plan, 5, 3));
    assert_true(awaits(&plan, 6, 3));
    assert_int_equal(plan.calls[4].signal_count, 1);
    assert_int_equal(plan.signals[plan.calls[4].signals], 3);
    assert_true(waits_for(&plan, 4, 3));
    bool taken = false;
    for (uint32_t r = plan.calls[4].relocations; r < plan.calls[4].relocations + plan.calls[4].relocation_count; r++)
        taken |= plan.relocations[r].kind == REPLAY_TO_FENCE && plan.relocations[r].target == 3;
    assert_true(taken);
    replay_plan_release(&plan);
}

/* Each D3DKMT call can be planned, or is left out for a reason of its own. */
/* Mappings by a call's references: role and size of each, as text. */
static const char *mappings_of(const struct replay_plan *plan, uint32_t call)
{
    static char text[200];
    size_t used = 0;
    text[0] = 0;
    for (uint32_t r = plan->calls[call].refs; r < plan->calls[call].refs + plan->calls[call].ref_count; r++)
        if (plan->refs[r].kind == REPLAY_MAPPING)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%u %s %u+%u", used ? ", " : "", plan->refs[r].object,
                                     plan->refs[r].role == REPLAY_ENDS ? "ends" : "makes", (unsigned)plan->refs[r].recorded / 4096,
                                     (unsigned)plan->refs[r].scope / 4096);
    return text;
}

static void mappings_are_of_their_buffers(void **state)
{
    (void)state;
    struct replay_plan plan;
    enum { ADDRESS = 0x700000 };
    assert_int_equal(replay_plan_begin(&plan, &(struct replay_plan_options){0}), 0);
    add_dumb(&plan, (struct when){0, 1, 2}, 1, 3, 64, 64);
    add_map_dumb(&plan, (struct when){0, 3, 4}, 1, 3, 0x100001000);
    add_map_dumb(&plan, (struct when){0, 5, 6}, 1, 3, 0x100001000);                                             /* once more */
    add_mmap(&plan, (struct when){1, 10, 11}, (struct map){.file = 1, .offset = 0x100001000, .address = ADDRESS, .length = 16000});
    add_munmap(&plan, (struct when){0, 20, 21}, (struct map){.address = ADDRESS + 4096, .length = 4096});       /* a part */
    add_gem_close(&plan, (struct when){0, 30, 31}, 1, 3);                                                       /* ends no mapping */
    add_munmap(&plan, (struct when){0, 40, 41}, (struct map){.address = ADDRESS, .length = 16384});             /* what is left */
    add_munmap(&plan, (struct when){0, 50, 51}, (struct map){.address = ADDRESS, .length = 4096});              /* nothing is there */
    finish(&plan);
    const struct replay_ref *offset = ref_to(&plan, 1, REPLAY_OFFSET), *named = ref_to(&plan, 3, REPLAY_OFFSET);
    assert_int_equal(offset->object, named->object);
    assert_int_equal(ref_to(&plan, 2, REPLAY_OFFSET)->role, REPLAY_AGAIN);
    assert_int_equal(plan.objects[named->object].owner, ref_to(&plan, 0, REPLAY_BUFFER)->object);
    assert_true(waits_for(&plan, 3, 1)); /* the map waits for the offset, the part's end for the map, and the buffer's for its users */
    assert_true(waits_for(&plan, 4, 3));
    uint32_t whole = ref_to(&plan, 3, REPLAY_MAPPING)->object;
    char expected[200];
    snprintf(expected, sizeof expected, "%u makes 0+4", whole);
    assert_string_equal(mappings_of(&plan, 3), expected);
    snprintf(expected, sizeof expected, "%u ends 1+1, %u makes 0+1, %u makes 2+2", whole, whole + 1, whole + 2);
    assert_string_equal(mappings_of(&plan, 4), expected);
    assert_null(ref_to(&plan, 5, REPLAY_MAPPING));
    assert_non_null(strstr(mappings_of(&plan, 6), "ends 0+1"));
    assert_non_null(strstr(mappings_of(&plan, 6), "ends 0+2"));
    assert_int_equal(plan.calls[7].skip, REPLAY_SKIP_UNPAIRED);
    assert_int_equal(plan.calls[3].bytes, 16000);
    assert_int_equal(plan.peak_bytes, 64 * 64 * 4); /* a mapping is no memory of its own */
    for (uint32_t c = 0; c < 7; c++)
        assert_int_equal(plan.calls[c].skip, REPLAY_ISSUED);
    replay_plan_release(&plan);
}

/* A dma-buf's by its descriptor; what the trace does not pair; what moves; what another mapping covers. */
static void mappings_move_and_are_covered(void **state)
{
    (void)state;
    struct replay_plan plan;
    enum { ADDRESS = 0x700000, ELSEWHERE = 0x900000, INODE = 55, FIXED = 16, ANONYMOUS = 32 };
    assert_int_equal(replay_plan_begin(&plan, &(struct replay_plan_options){0}), 0);
    add_dumb(&plan, (struct when){0, 1, 2}, 1, 3, 64, 64);
    add_export(&plan, (struct when){0, 3, 4}, 1, 3, 9, INODE);
    add_mmap(&plan, (struct when){0, 5, 6}, (struct map){.dma_buf = INODE, .offset = 8192, .address = ADDRESS, .length = 8192});
    add_munmap(&plan, (struct when){0, 7, 8}, (struct map){.address = ADDRESS, .length = 8192, .child = true}); /* inherited */
    add_mremap(&plan, (struct when){0, 9, 10}, (struct map){.address = ADDRESS, .length = 8192}, ELSEWHERE, 4096);
    add_munmap(&plan, (struct when){0, 11, 12}, (struct map){.address = ADDRESS, .length = 8192});              /* it moved away */
    add_mmap(&plan, (struct when){0, 13, 14}, (struct map){.address = ELSEWHERE, .length = 4096, .flags = 2 | FIXED | ANONYMOUS});
    add_mmap(&plan, (struct when){0, 15, 16}, (struct map){.file = 1, .offset = 0x5000, .address = ADDRESS, .length = 4096});
    add_mremap(&plan, (struct when){0, 17, 18, EFAULT}, (struct map){.address = ADDRESS, .length = 4096}, 0, 8192);
    finish(&plan);
    const struct ga_mmap_arguments *map = (const void *)(plan.images + plan.calls[2].image);
    assert_int_equal(map->offset, 8192);
    assert_int_equal(map->addr | map->dma_buf, 0); /* what the recording named does not get into the replay */
    assert_true(ref_to(&plan, 2, REPLAY_DMA_BUF)->how & REPLAY_HOW_LAST);
    assert_int_equal(plan.calls[3].skip, REPLAY_SKIP_UNPAIRED);
    const struct ga_mremap_arguments *move = (const void *)(plan.images + plan.calls[4].image);
    assert_int_equal(move->old_address, 0);
    assert_non_null(strstr(mappings_of(&plan, 4), "ends 0+2, "));
    assert_non_null(strstr(mappings_of(&plan, 4), "makes 0+1"));
    assert_int_equal(plan.calls[5].skip, REPLAY_SKIP_UNPAIRED);
    assert_int_equal(plan.calls[6].skip, REPLAY_ISSUED);
    assert_non_null(strstr(mappings_of(&plan, 6), "ends 0+1"));
    assert_int_equal(plan.calls[7].skip, REPLAY_SKIP_STRANGER); /* nobody gave that offset */
    assert_int_equal(plan.calls[8].skip, REPLAY_ISSUED);        /* it failed, and may fail again */
    replay_plan_release(&plan);
}

/* What docs/drivers.md calls 'not yet' is what nobody has looked at: nothing of a driver that we have a table of. */
static void every_drm_call_is_judged(void **state)
{
    (void)state;
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++)
        if (row->kind == GA_ROW_CALL && ga_row_is_drm(row) && replay_row_never(row) == REPLAY_SKIP_NOT_YET)
            fail_msg("%s of %s: replay does not know it", row->request, row->driver);
}

/* A sync object's descriptor is known by its number, in its process, until another has it. */
static void sync_objects_are_shared_by_descriptors(void **state)
{
    (void)state;
    struct replay_plan plan;
    assert_int_equal(replay_plan_begin(&plan, &(struct replay_plan_options){0}), 0);
    struct ga_drm_syncobj_create make = {.header = drm_header_of((struct when){0, 1, 2}, 1), .handle = 5};
    struct ga_drm_syncobj_handle_to_fd give = {.header = drm_header_of((struct when){0, 3, 4}, 1), .handle = 5, .fd = 8};
    struct ga_drm_syncobj_fd_to_handle take = {.header = drm_header_of((struct when){0, 5, 6}, 2), .fd = 8, .handle_out = 1};
    struct ga_drm_syncobj_fd_to_handle unknown = {.header = drm_header_of((struct when){0, 7, 8}, 2), .fd = 9, .handle_out = 2};
    struct ga_drm_syncobj_handle_to_fd file = {.header = drm_header_of((struct when){0, 9, 10}, 1), .handle = 5, .fd = 9, .flags = 1};
    add_row(&plan, GA_ROW_drm_syncobj_create, &make.header, &make, NULL, 0, NULL);
    add_row(&plan, GA_ROW_drm_syncobj_handle_to_fd, &give.header, &give, NULL, 0, NULL);
    add_row(&plan, GA_ROW_drm_syncobj_fd_to_handle, &take.header, &take, NULL, 0, NULL);
    add_row(&plan, GA_ROW_drm_syncobj_fd_to_handle, &unknown.header, &unknown, NULL, 0, NULL);
    add_row(&plan, GA_ROW_drm_syncobj_handle_to_fd, &file.header, &file, NULL, 0, NULL);
    finish(&plan);
    assert_int_equal(ref_to(&plan, 1, REPLAY_SYNCOBJ)->object, ref_to(&plan, 0, REPLAY_SYNCOBJ)->object);
    assert_int_equal(ref_to(&plan, 2, REPLAY_SYNC_FD)->object, ref_to(&plan, 1, REPLAY_SYNC_FD)->object);
    assert_true(ref_to(&plan, 2, REPLAY_SYNC_FD)->how & REPLAY_HOW_LAST); /* and is closed then */
    assert_int_equal(ref_to(&plan, 2, REPLAY_SYNCOBJ)->role, REPLAY_MAKES);
    assert_int_equal(plan.calls[3].skip, REPLAY_SKIP_OUTSIDE);
    assert_int_equal(plan.calls[4].skip, REPLAY_SKIP_NO_SIGNAL);
    replay_plan_release(&plan);
}

static void every_d3dkmt_call_is_known(void **state)
{
    (void)state;
    for (int row = 0; row < GA_ROW_COUNT; row++)
        if (ga_rows[row].kind == GA_ROW_CALL && ga_row_is_d3dkmt(&ga_rows[row]) && !replay_row_known(&ga_rows[row]) &&
            row != GA_ROW_d3dkmt_escape && row != GA_ROW_d3dkmt_share_object_with_host)
            fail_msg("%s is not known to replay", ga_rows[row].event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_wait_for_the_creator_and_the_destroyer_for_users),
        cmocka_unit_test(a_reused_handle_means_the_right_generation),
        cmocka_unit_test(memory_order_makes_creates_wait_for_earlier_frees),
        cmocka_unit_test(destroying_a_device_ends_what_it_owns),
        cmocka_unit_test(what_the_recording_did_not_make_is_skipped),
        cmocka_unit_test(a_device_made_before_the_recording_is_supplied),
        cmocka_unit_test(private_data_is_kept_once),
        cmocka_unit_test(a_second_import_is_the_same_object),
        cmocka_unit_test(names_lead_to_the_memory),
        cmocka_unit_test(a_file_is_closed_when_its_names_were_opened),
        cmocka_unit_test(closing_a_file_ends_its_handles),
        cmocka_unit_test(caps_are_kept),
        cmocka_unit_test(the_hash_is_of_what_is_issued),
        cmocka_unit_test(gpu_addresses_are_objects),
        cmocka_unit_test(a_shared_resource_is_found_in_another_process),
        cmocka_unit_test(paging_fences_are_awaited),
        cmocka_unit_test(mappings_are_of_their_buffers),
        cmocka_unit_test(mappings_move_and_are_covered),
        cmocka_unit_test(every_d3dkmt_call_is_known),
        cmocka_unit_test(every_drm_call_is_judged),
        cmocka_unit_test(sync_objects_are_shared_by_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
