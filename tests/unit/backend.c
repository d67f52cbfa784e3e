/* Backends' tables are whole; a call's image becomes the structure that the program passed, with the replay's own handles. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/d3dkmt.h"
#include "plan_calls.h"
#include "replayer/drm.h"
#include "replayer/mapped.h"
#include "replayer/standard.h"

static void every_backend_is_whole(void **state)
{
    (void)state;
    struct ga_error error;
    int count = 0;
    for (const struct replay_backend *const *backend = replay_backends; *backend; backend++, count++) {
        assert_int_equal(replay_backend_check(*backend, &error), 0);
        assert_ptr_equal(replay_backend_find((*backend)->name), *backend);
    }
    assert_true(count >= 6);
    struct replay_backend broken = *replay_backends[0];
    broken.issue = NULL;
    assert_int_equal(replay_backend_check(&broken, &error), -EINVAL);
    assert_non_null(strstr(error.text, "has no issue"));
    broken = *replay_backend_find("dumb");
    broken.settle = NULL;
    assert_int_equal(replay_backend_check(&broken, &error), -EINVAL);
    assert_non_null(strstr(error.text, "has no settle"));
}

static void drivers_have_their_backend(void **state)
{
    (void)state;
    assert_string_equal(replay_backend_for_driver("virtio_gpu")->name, "virtio_gpu");
    assert_string_equal(replay_backend_for_driver("softgpu")->name, "dxg");
    assert_string_equal(replay_backend_for_driver("bochs-drm")->name, "dumb");
    assert_null(replay_backend_for_driver(""));
}

static int some_data(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    (void)user;
    static const char bytes[] = "0123456789abcdef";
    *data = bytes;
    *size = 16;
    return hash == 0x77 ? 0 : -ENOENT;
}

static void a_create_is_as_the_program_passed_it(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct ga_error error;
    assert_int_equal(replay_plan_begin(&plan, &(struct replay_plan_options){0}), 0);
    add_create_device(&plan, (struct when){0, 1, 2}, 5);
    add_create(&plan, (struct when){0, 10, 20},
               (struct create){.device = 5, .resource = 6, .first = 7, .count = 2, .data = 0x77, .data_size = 16}, some_data);
    add_create(&plan, (struct when){0, 30, 40}, (struct create){.device = 5, .first = 20, .count = 1, .standard_size = 8192,
                                                                .memory = 0x7000123}, NULL);
    add_destroy(&plan, (struct when){0, 50, 60}, 5, 6, 0);
    assert_int_equal(replay_plan_finish(&plan, &error), 0);
    struct replay_requests requests;
    assert_int_equal(replay_requests_init(&requests, &plan, &error), 0);
    replay_requests_reset(&requests);

    assert_int_equal(replay_requests_prepare(&requests, 0, &plan.calls[1]), REPLAY_SKIP_ABSENT); /* its device is not made yet */
    struct D3DKMT_CREATEDEVICE *device = (void *)requests.scratch[0];
    assert_int_equal(replay_requests_prepare(&requests, 0, &plan.calls[0]), REPLAY_ISSUED);
    device->hDevice = 0x1111;
    replay_requests_finish(&requests, 0, &plan.calls[0], false);

    assert_int_equal(replay_requests_prepare(&requests, 0, &plan.calls[1]), REPLAY_ISSUED);
    struct D3DKMT_CREATEALLOCATION *create = (void *)requests.scratch[0];
    assert_int_equal(create->hDevice, 0x1111);
    assert_int_equal(create->hResource, 0);
    assert_int_equal(create->NumAllocations, 2);
    assert_int_equal(create->Flags, 1);
    assert_true(create->hPrivateRuntimeResourceHandle == 0xabcdef0123456789);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(create->pAllocationInfo2[i].hAllocation, 0);
        assert_int_equal(create->pAllocationInfo2[i].PrivateDriverDataSize, 16);
        assert_memory_equal(create->pAllocationInfo2[i].pPrivateDriverData, "0123456789abcdef", 16);
    }
    /* each element has bytes of its own: the driver may write there */
    assert_ptr_not_equal(create->pAllocationInfo2[0].pPrivateDriverData, create->pAllocationInfo2[1].pPrivateDriverData);
    memset(create->pAllocationInfo2[0].pPrivateDriverData, 'x', 16);
    create->hResource = 0x2222;
    create->pAllocationInfo2[0].hAllocation = 0x3333;
    create->pAllocationInfo2[1].hAllocation = 0x4444;
    replay_requests_finish(&requests, 0, &plan.calls[1], false);
    assert_int_equal(replay_requests_prepare(&requests, 0, &plan.calls[1]), REPLAY_ISSUED);
    assert_memory_equal(create->pAllocationInfo2[0].pPrivateDriverData, "0123456789abcdef", 16); /* and the next run has the input */

    assert_int_equal(replay_requests_prepare(&requests, 0, &plan.calls[2]), REPLAY_ISSUED);
    assert_int_equal(create->pStandardAllocation->ExistingHeapData.Size, 8192);
    assert_int_equal((uintptr_t)create->pAllocationInfo2[0].pSystemMem % 4096, 0x123); /* our memory, as misaligned as theirs */
    memset((void *)(uintptr_t)create->pAllocationInfo2[0].pSystemMem, 1, 8192);

    assert_int_equal(replay_requests_prepare(&requests, 0, &plan.calls[3]), REPLAY_ISSUED);
    struct D3DKMT_DESTROYALLOCATION2 *destroy = (void *)requests.scratch[0];
    assert_int_equal(destroy->hResource, 0x2222);
    assert_null(destroy->phAllocationList);
    replay_requests_finish(&requests, 0, &plan.calls[3], false);
    assert_int_equal(replay_requests_prepare(&requests, 0, &plan.calls[3]), REPLAY_SKIP_ABSENT);

    replay_requests_release(&requests);
    replay_plan_release(&plan);
}

/* A call that failed in the recording on a handle that was none must not hit an object of the replay. */
static void a_wrong_handle_stays_wrong(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct ga_error error;
    assert_int_equal(replay_plan_begin(&plan, &(struct replay_plan_options){0}), 0);
    add_create_device(&plan, (struct when){0, 1, 2}, 5);
    add_destroy_device(&plan, (struct when){0, 10, 20, EINVAL}, 9);
    add_destroy_device(&plan, (struct when){0, 30, 40}, 5);
    add_destroy_device(&plan, (struct when){0, 50, 60, EINVAL}, 5); /* once more */
    assert_int_equal(replay_plan_finish(&plan, &error), 0);
    struct replay_requests requests;
    assert_int_equal(replay_requests_init(&requests, &plan, &error), 0);
    replay_requests_reset(&requests);
    struct D3DKMT_CREATEDEVICE *device = (void *)requests.scratch[0];
    assert_int_equal(replay_requests_prepare(&requests, 0, &plan.calls[0]), REPLAY_ISSUED);
    device->hDevice = 9; /* the replay gets the very handle that was wrong in the recording */
    replay_requests_finish(&requests, 0, &plan.calls[0], false);
    const D3DKMT_HANDLE *named = (const void *)requests.scratch[0];
    for (uint32_t c = 1; c < 4; c++) {
        assert_int_equal(replay_requests_prepare(&requests, 0, &plan.calls[c]), REPLAY_ISSUED);
        assert_true((*named == 9) == (c == 2));
        replay_requests_finish(&requests, 0, &plan.calls[c], c != 2);
    }
    replay_requests_release(&requests);
    replay_plan_release(&plan);
}

/* Only what is certainly of the recorded driver alone becomes something else; each allocation a resource of its own size. */
static void another_drivers_data_becomes_standard_allocations(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct ga_error error;
    assert_int_equal(replay_plan_begin(&plan, &(struct replay_plan_options){0}), 0);
    add_create_device(&plan, (struct when){0, 1, 2}, 5);
    add_create(&plan, (struct when){0, 10, 20},
               (struct create){.device = 5, .resource = 6, .first = 7, .count = 2, .data = 0x99, .data_size = 16}, some_data);
    add_create(&plan, (struct when){0, 30, 40}, (struct create){.device = 5, .first = 20, .count = 1}, NULL);
    add_destroy(&plan, (struct when){0, 50, 60}, 5, 6, 0);
    add_destroy(&plan, (struct when){0, 70, 80}, 5, 0, 20);
    add_dumb(&plan, (struct when){0, 90, 91}, 1, 3, 64, 64);
    for (uint32_t handle = 7; handle < 9; handle++) {
        struct ga_life life = {.process = PROCESS, .create_call = 10, .handle = handle, .size = 4096 * handle + 1,
                               .origin = GA_SIZE_MAPPED};
        assert_int_equal(replay_plan_add_size(&plan, &life, &error), 0);
    }
    assert_int_equal(replay_plan_finish(&plan, &error), 0);
    assert_int_equal(plan.calls[1].skip, REPLAY_SKIP_NO_DATA);
    assert_int_equal(plan.calls[1].bytes, 4096 * 15 + 2);
    uint8_t skips[16] = {0};
    bool translated[16] = {false};
    struct replay_binding binding = {.skips = skips, .translated = translated};
    for (uint32_t c = 0; c < plan.call_count; c++)
        skips[c] = plan.calls[c].skip;
    struct replay_requests requests;
    struct replay_standard standard = {0};
    assert_int_equal(replay_requests_init(&requests, &plan, &error), 0);
    assert_int_equal(replay_standard_bind(&standard, &requests, &plan, &binding, &error), 0);
    assert_int_equal(binding.mode, REPLAY_STANDARD);
    static const struct {
        uint8_t skip;
        bool translated;
    } expected[] = {{REPLAY_ISSUED, false}, {REPLAY_ISSUED, true}, {REPLAY_SKIP_NO_SIZE, false},
                    {REPLAY_ISSUED, true},  {REPLAY_ISSUED, false}, {REPLAY_ISSUED, true}};
    for (uint32_t c = 0; c < plan.call_count; c++) {
        assert_int_equal(skips[c], expected[c].skip);
        assert_int_equal(translated[c], expected[c].translated);
    }
    assert_true(standard.needs_device); /* for the buffer of the other interface */
    replay_standard_release(&standard);
    replay_requests_release(&requests);
    replay_plan_release(&plan);
}

static bool is_mapped(uint64_t address)
{
    unsigned char there;
    return mincore((void *)(uintptr_t)address, 4096, &there) == 0;
}

static struct replay_outcome issue_mapping(struct replay_requests *requests, const struct replay_call *call, int fd)
{
    struct replay_outcome outcome = {0};
    assert_int_equal(replay_mapped_prepare(requests, 0, call, fd, 0), REPLAY_ISSUED);
    replay_mapped_issue(requests, 0, call, &outcome);
    replay_mapped_finish(requests, 0, call, &outcome);
    return outcome;
}

/* On a memfd in the device's place: the same parts go, wherever the kernel puts it, and nothing else ever does. */
static void mappings_are_made_again(void **state)
{
    (void)state;
    struct replay_plan plan;
    struct ga_error error;
    enum { ADDRESS = 0x700000, PAGE = 4096, FIXED = 16, ANONYMOUS = 32 };
    assert_int_equal(replay_plan_begin(&plan, &(struct replay_plan_options){0}), 0);
    add_dumb(&plan, (struct when){0, 1, 2}, 1, 3, 64, 64);
    add_map_dumb(&plan, (struct when){0, 3, 4}, 1, 3, 0x100001000);
    struct map map = {.file = 1, .offset = 0x100001000, .address = ADDRESS, .length = 4 * PAGE};
    add_mmap(&plan, (struct when){0, 5, 6}, map);
    add_munmap(&plan, (struct when){0, 7, 8}, (struct map){.address = ADDRESS + PAGE, .length = PAGE});
    add_mmap(&plan, (struct when){0, 9, 10}, (struct map){.address = ADDRESS, .length = PAGE, .flags = 2 | FIXED | ANONYMOUS});
    add_mremap(&plan, (struct when){0, 11, 12}, (struct map){.address = ADDRESS + 2 * PAGE, .length = 2 * PAGE}, ADDRESS, PAGE);
    add_munmap(&plan, (struct when){0, 13, 14, EINVAL}, (struct map){.address = ADDRESS + 8, .length = PAGE});
    assert_int_equal(replay_plan_finish(&plan, &error), 0);
    struct replay_requests requests;
    assert_int_equal(replay_requests_init(&requests, &plan, &error), 0);
    replay_requests_reset(&requests);
    int fd = memfd_create("device", MFD_CLOEXEC);
    assert_int_equal(replay_mapped_prepare(&requests, 0, &plan.calls[3], -1, 0), REPLAY_SKIP_ABSENT);
    assert_int_equal(issue_mapping(&requests, &plan.calls[2], -1).error, EBADF);
    assert_int_equal(replay_mapped_prepare(&requests, 0, &plan.calls[3], -1, 0), REPLAY_SKIP_ABSENT);
    assert_false(issue_mapping(&requests, &plan.calls[2], fd).failed);
    uint64_t address = replay_value(&requests, ref_to(&plan, 2, REPLAY_MAPPING)->object);
    assert_true(is_mapped(address) && is_mapped(address + PAGE) && is_mapped(address + 3 * PAGE));
    assert_false(issue_mapping(&requests, &plan.calls[3], -1).failed);
    assert_true(is_mapped(address) && !is_mapped(address + PAGE) && is_mapped(address + 2 * PAGE));
    void *ours = mmap((void *)(uintptr_t)(address + PAGE), PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_int_equal((uintptr_t)ours, address + PAGE); /* what comes to lie there later is none of the replay's */
    assert_false(issue_mapping(&requests, &plan.calls[4], -1).failed);
    assert_true(!is_mapped(address) && is_mapped(address + PAGE) && is_mapped(address + 2 * PAGE));
    assert_false(issue_mapping(&requests, &plan.calls[5], -1).failed);
    assert_true(is_mapped(address + 2 * PAGE) && !is_mapped(address + 3 * PAGE));
    assert_int_equal(issue_mapping(&requests, &plan.calls[6], -1).error, EINVAL);
    assert_true(is_mapped(address + 2 * PAGE));
    replay_mapped_end(&requests);
    assert_true(is_mapped(address + PAGE) && !is_mapped(address + 2 * PAGE));
    replay_mapped_end(&requests);
    munmap(ours, PAGE);
    close(fd);
    replay_requests_release(&requests);
    replay_plan_release(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_backend_is_whole),
        cmocka_unit_test(drivers_have_their_backend),
        cmocka_unit_test(a_create_is_as_the_program_passed_it),
        cmocka_unit_test(another_drivers_data_becomes_standard_allocations),
        cmocka_unit_test(a_wrong_handle_stays_wrong),
        cmocka_unit_test(mappings_are_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
