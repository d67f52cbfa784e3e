/* Devices that are none of DRM's and hand out GPU memory or dma-bufs: /dev/kfd, /dev/dma_heap, /dev/udmabuf. */
#include "capture_harness.h"

#include <fcntl.h>
#include <libdrm/drm.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <sys/stat.h>

#include "abi/kfd.h"

static int dma_buf = -1;

static uint64_t inode(void)
{
    struct stat status;
    assert_int_equal(fstat(dma_buf, &status), 0);
    return status.st_ino;
}

static int answers(int fd, unsigned long request, void *argument)
{
    (void)fd;
    switch (request) {
    case AMDKFD_IOC_ALLOC_MEMORY_OF_GPU: {
        struct kfd_ioctl_alloc_memory_of_gpu_args *a = argument;
        a->handle = 0x1234500000007;
        if (!(a->flags & 4))
            a->mmap_offset = 0x98000;
        return 0;
    }
    case AMDKFD_IOC_MAP_MEMORY_TO_GPU:
        ((struct kfd_ioctl_map_memory_to_gpu_args *)argument)->n_success = 2;
        return 0;
    case DMA_HEAP_IOCTL_ALLOC:
        ((struct dma_heap_allocation_data *)argument)->fd = (uint32_t)dma_buf;
        return 0;
    case UDMABUF_CREATE:
        return dma_buf;
    default:
        return 0;
    }
}

static int setup(void **state)
{
    dma_buf = memfd_create("dma-buf", 0);
    assert_int_equal(harness_setup(state), 0);
    answer = answers;
    return 0;
}

static void kfd_memory_is_recorded(void **state)
{
    (void)state;
    int kfd = device_open("kfd-1");
    struct kfd_ioctl_alloc_memory_of_gpu_args alloc = {.va_addr = 0x7f0000000000, .size = 65536, .gpu_id = 0x12345,
                                                       .flags = 1u << 31 | 1};
    assert_int_equal(hooked(kfd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &alloc), 0);
    const struct ga_drm_kfd_alloc_memory_of_gpu *a =
        &event_find(GA_ROW_drm_kfd_alloc_memory_of_gpu, 0)->record.r_drm_kfd_alloc_memory_of_gpu;
    assert_int_equal(a->handle, 0x1234500000007);
    assert_int_equal(a->mmap_offset, 0x98000);
    assert_int_equal(a->size, 65536);
    assert_int_equal(a->gpu_id, 0x12345);
    struct kfd_ioctl_alloc_memory_of_gpu_args user = {.size = 4096, .mmap_offset = 0x555000, .flags = 4};
    assert_int_equal(hooked(kfd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &user), 0);
    a = &event_find(GA_ROW_drm_kfd_alloc_memory_of_gpu, 1)->record.r_drm_kfd_alloc_memory_of_gpu;
    assert_int_equal(a->userptr, 0x555000);
    const uint32_t gpus[] = {0x12345, 0x777};
    struct kfd_ioctl_map_memory_to_gpu_args map = {.handle = alloc.handle, .device_ids_array_ptr = (uintptr_t)gpus, .n_devices = 2};
    assert_int_equal(hooked(kfd, AMDKFD_IOC_MAP_MEMORY_TO_GPU, &map), 0);
    const struct ga_drm_kfd_map_memory_to_gpu *m =
        &event_find(GA_ROW_drm_kfd_map_memory_to_gpu, 0)->record.r_drm_kfd_map_memory_to_gpu;
    assert_int_equal(m->device_ids_array_ptr_length, 2);
    assert_int_equal(m->device_ids_array_ptr_list[1], 0x777);
    assert_int_equal(m->n_success_out, 2);
    struct kfd_ioctl_free_memory_of_gpu_args release = {alloc.handle};
    assert_int_equal(hooked(kfd, AMDKFD_IOC_FREE_MEMORY_OF_GPU, &release), 0);
    assert_int_equal(event_number(GA_ROW_drm_kfd_free_memory_of_gpu), 1);
    /* DRM's requests with the same numbers are none of kfd's. */
    hooked(kfd, DRM_IOCTL_GEM_CLOSE, &(struct drm_gem_close){0});
    assert_int_equal(event_number(GA_ROW_drm_gem_close), 0);
    hooked_close(kfd);
}

static void heaps_and_memfds_give_dma_bufs(void **state)
{
    (void)state;
    int heap = device_open("dma_heap-2"), udmabuf = device_open("udmabuf-3");
    struct dma_heap_allocation_data data = {.len = 8192, .fd_flags = O_RDWR | O_CLOEXEC};
    assert_int_equal(hooked(heap, DMA_HEAP_IOCTL_ALLOC, &data), 0);
    const struct ga_drm_dma_heap_alloc *a = &event_find(GA_ROW_drm_dma_heap_alloc, 0)->record.r_drm_dma_heap_alloc;
    assert_int_equal(a->dma_buf, inode());
    assert_int_equal(a->len, 8192);
    assert_true(files_is_dma_buf(dma_buf));
    hooked_close(dma_buf);
    dma_buf = memfd_create("another", 0);
    struct udmabuf_create create = {.memfd = 3, .flags = 1, .offset = 4096, .size = 12288};
    assert_int_equal(hooked(udmabuf, UDMABUF_CREATE, &create), dma_buf);
    const struct ga_drm_udmabuf_create *u = &event_find(GA_ROW_drm_udmabuf_create, 0)->record.r_drm_udmabuf_create;
    assert_int_equal(u->dma_buf, inode());
    assert_int_equal(u->size, 12288);
    assert_true(files_is_dma_buf(dma_buf));
    hooked_close(heap);
    hooked_close(udmabuf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(kfd_memory_is_recorded, setup),
        cmocka_unit_test_setup(heaps_and_memfds_give_dma_bufs, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
