/* The schema's tables are whole: what members refer to exists, and DRM rows agree with the kernel's own request constants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#include "schema/records.h"
#define GA_SCHEMA_INCLUDES
#include "schema/all.inc"
#undef GA_SCHEMA_INCLUDES

static void members_refer_to_what_exists(void **state)
{
    (void)state;
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        assert_true(row->record_size <= sizeof(union ga_record));
        for (const struct ga_member *m = row->members(); m->name; m++) {
            assert_true(m->in == GA_NONE || m->in < row->record_size);
            assert_true(m->out == GA_NONE || m->out < row->record_size);
            assert_true(m->offset == GA_NONE || m->offset + m->width <= row->abi_size);
            assert_ptr_equal(ga_row_member(row, m->name), m); /* no name twice */
            if (m->count && !m->one)
                assert_non_null(ga_row_member(row, m->count));
            if (m->kind == GA_ELEMENTS)
                assert_int_equal(ga_rows[m->element].kind, GA_ROW_ELEMENT);
            if (row->kind == GA_ROW_ELEMENT && m->kind == GA_ARRAY)
                fail_msg("%s.%s: capture takes lists of numbers from calls alone", row->event, m->name);
            if (m->arm && !m->arm_of_call)
                assert_non_null(ga_row_member(row, m->arm));
        }
        const char *named[] = {row->effect.handle, row->effect.size, row->effect.times};
        for (size_t i = 0; i < sizeof named / sizeof *named; i++)
            assert_true(!named[i] || ga_row_member(row, named[i]));
    }
}

static void rows_are_found_by_name_and_number(void **state)
{
    (void)state;
    const struct ga_row *row = ga_row_by_name("d3dkmt:create_allocation");
    assert_ptr_equal(row, &ga_rows[GA_ROW_d3dkmt_create_allocation]);
    assert_ptr_equal(ga_row_dxg(0x06), row);
    assert_null(ga_row_by_name("d3dkmt:create"));
    assert_null(ga_row_by_name("create_allocation"));
    assert_null(ga_row_dxg(0xff));
    assert_ptr_equal(ga_row_drm("qxl", 0x40), &ga_rows[GA_ROW_drm_qxl_alloc]);
    assert_null(ga_row_drm("radeon", 0x40)); /* private numbers mean nothing without the driver */
    assert_ptr_equal(ga_row_drm("radeon", 0x09), &ga_rows[GA_ROW_drm_gem_close]);
    assert_ptr_equal(ga_row_drm("a driver unheard of", 0xb2), &ga_rows[GA_ROW_drm_mode_create_dumb]);
}

/* Those of other devices, under the same prefix. */
#define DRM_IOCTL_AMDKFD_IOC_ACQUIRE_VM AMDKFD_IOC_ACQUIRE_VM
#define DRM_IOCTL_AMDKFD_IOC_ALLOC_MEMORY_OF_GPU AMDKFD_IOC_ALLOC_MEMORY_OF_GPU
#define DRM_IOCTL_AMDKFD_IOC_FREE_MEMORY_OF_GPU AMDKFD_IOC_FREE_MEMORY_OF_GPU
#define DRM_IOCTL_AMDKFD_IOC_MAP_MEMORY_TO_GPU AMDKFD_IOC_MAP_MEMORY_TO_GPU
#define DRM_IOCTL_AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU
#define DRM_IOCTL_AMDKFD_IOC_IMPORT_DMABUF AMDKFD_IOC_IMPORT_DMABUF
#define DRM_IOCTL_AMDKFD_IOC_AVAILABLE_MEMORY AMDKFD_IOC_AVAILABLE_MEMORY
#define DRM_IOCTL_AMDKFD_IOC_EXPORT_DMABUF AMDKFD_IOC_EXPORT_DMABUF
#define DRM_IOCTL_DMA_HEAP_IOCTL_ALLOC DMA_HEAP_IOCTL_ALLOC
#define DRM_IOCTL_UDMABUF_CREATE UDMABUF_CREATE
#define DRM_IOCTL_UDMABUF_CREATE_LIST UDMABUF_CREATE_LIST

static void drm_rows_agree_with_the_kernels_headers(void **state)
{
    (void)state;
    unsigned checked = 0;
#define FLAG_NAMES(...)
#define ELEMENT(...)
#define CALL(event, request_, number_, structure, ...)                                                                      \
    assert_int_equal(_IOC_NR(DRM_IOCTL_##request_), number_);                                                               \
    assert_true(_IOC_SIZE(DRM_IOCTL_##request_) <= sizeof(structure)); /* the system's header may be older */               \
    checked++;
#define GA_PROVIDER drm
#include "schema/drm.def"
#include "schema/drivers.inc"
#undef GA_PROVIDER
#include "schema/undef.inc"
    assert_true(checked >= 16);
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++)
        if (row->kind == GA_ROW_CALL && ga_row_is_drm(row) && !ga_row_is_mapping(row))
            assert_ptr_equal(ga_row_drm(row->driver, row->number), row);
}

static void union_arms_follow_their_flags(void **state)
{
    (void)state;
    const struct ga_row *row = &ga_rows[GA_ROW_d3dkmt_create_allocation];
    const struct ga_member *standard = ga_row_member(row, "pStandardAllocation");
    const struct ga_member *private_data = ga_row_member(row, "pPrivateDriverData");
    struct ga_d3dkmt_create_allocation call = {.Flags = 1u << 16};
    assert_true(ga_member_present(row, standard, &call, 72, NULL, NULL));
    assert_false(ga_member_present(row, private_data, &call, 72, NULL, NULL));
    call.Flags = 0;
    assert_false(ga_member_present(row, standard, &call, 72, NULL, NULL));
    assert_true(ga_member_present(row, private_data, &call, 72, NULL, NULL));

    const struct ga_row *element = &ga_rows[GA_ROW_d3dkmt_allocation];
    struct ga_d3dkmt_allocation allocation = {0};
    const struct ga_member *section = ga_row_member(element, "hSection"), *unused = ga_row_member(element, "Unused");
    assert_false(ga_member_present(element, section, &allocation, 96, row, &call));
    call.Flags = 1u << 17; /* ExistingSection, asked of the call */
    assert_true(ga_member_present(element, section, &allocation, 96, row, &call));
    assert_true(ga_member_present(element, unused, &allocation, 96, row, &call));
    assert_false(ga_member_present(element, unused, &allocation, 40, row, &call)); /* the older, shorter element */
}

static void statuses_are_those_of_libdxg(void **state)
{
    (void)state;
    const struct ga_row *row = &ga_rows[GA_ROW_d3dkmt_create_allocation];
    struct ga_call_header header = {.ret = -1, .error = EINVAL};
    assert_int_equal(ga_call_status(&header), 0xC000000D);
    assert_true(ga_call_failed(row, &header));
    header.error = EAGAIN; /* STATUS_TIMEOUT is no negative number, yet the ioctl failed */
    assert_int_equal(ga_call_status(&header), 0x102);
    assert_true(ga_call_failed(row, &header));
    header.error = EIO;
    assert_int_equal(ga_call_status(&header), 0xC0000001);
    header = (struct ga_call_header){.ret = 259};
    assert_false(ga_call_failed(row, &header));
    header.ret = (int32_t)0xC000000D; /* an NTSTATUS as the ioctl's value, errno untouched */
    assert_true(ga_call_failed(row, &header));
    assert_int_equal(ga_call_status(&header), 0xC000000D);
    header = (struct ga_call_header){.ret = -2};
    assert_false(ga_call_failed(&ga_rows[GA_ROW_drm_gem_close], &header));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_refer_to_what_exists),
        cmocka_unit_test(rows_are_found_by_name_and_number),
        cmocka_unit_test(drm_rows_agree_with_the_kernels_headers),
        cmocka_unit_test(union_arms_follow_their_flags),
        cmocka_unit_test(statuses_are_those_of_libdxg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
