/*
 * softgpu's locks: what Lock2 and Unlock2 count, refuse and keep, with contents in a file of the test's that it really maps.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "softgpu-pair.h"

enum { PAGE = 4096, CONTENTS = 64 * PAGE };

static int file;
static int mapped;      /* mappings that there are */
static bool out_of_maps; /* no more is given */

static uint64_t map(void *user, uint64_t offset, uint64_t size)
{
    (void)user;
    assert_true(offset <= CONTENTS && size <= CONTENTS - offset && offset % PAGE == 0 && size % PAGE == 0);
    if (out_of_maps)
        return 0;
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)offset);
    assert_ptr_not_equal(address, MAP_FAILED);
    mapped++;
    return (uintptr_t)address;
}

static void unmap(void *user, uint64_t address, uint64_t size)
{
    (void)user;
    assert_int_equal(munmap((void *)(uintptr_t)address, size), 0);
    mapped--;
}

static void clear(void *user, uint64_t offset, uint64_t size)
{
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)offset);
    (void)user;
    assert_ptr_not_equal(at, MAP_FAILED);
    memset(at, 0, size);
    munmap(at, size);
}

static struct fixture start_locking(void)
{
    struct softgpu_config config = one_gib;
    config.contents_size = CONTENTS;
    struct fixture f = start_with_device(&config);
    f.memory.map = map;
    f.memory.unmap = unmap;
    f.memory.clear = clear;
    file = memfd_create("contents", MFD_CLOEXEC);
    assert_int_equal(ftruncate(file, CONTENTS), 0);
    mapped = 0;
    out_of_maps = false;
    return f;
}

static void stop_locking(struct fixture *f)
{
    close(file);
    stop(f);
}

static long lock(struct fixture *f, D3DKMT_HANDLE allocation, char **data)
{
    struct D3DKMT_LOCK2 args = {.hDevice = f->device, .hAllocation = allocation};
    long result = CALL(f, 0x25, &args);
    *data = args.pData;
    return result;
}

static long unlock(struct fixture *f, D3DKMT_HANDLE allocation)
{
    struct D3DKMT_UNLOCK2 args = {.hDevice = f->device, .hAllocation = allocation};
    return CALL(f, 0x37, &args);
}

static void locks_are_counted(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    D3DKMT_HANDLE allocation = create_one(&f, 0);
    char *first, *second;
    assert_int_equal(lock(&f, allocation, &first), 0);
    assert_int_equal(lock(&f, allocation, &second), 0);
    assert_ptr_equal(first, second);
    assert_int_equal(mapped, 1);
    assert_int_equal(unlock(&f, allocation), 0);
    first[5000] = 1; /* still there: as many bytes as were asked for */
    assert_int_equal(unlock(&f, allocation), 0);
    assert_int_equal(mapped, 0);
    assert_int_equal(unlock(&f, allocation), -EINVAL);
    stop_locking(&f);
}

static void content_is_zeroed_first_and_kept_between_locks(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    D3DKMT_HANDLE allocation = create_one(&f, 0), other = create_one(&f, 0);
    char *data, *others;
    assert_int_equal(lock(&f, allocation, &data), 0);
    assert_int_equal(data[17], 0);
    strcpy(data, "kept");
    assert_int_equal(unlock(&f, allocation), 0);
    assert_int_equal(lock(&f, other, &others), 0);
    assert_int_equal(others[0], 0);
    assert_int_equal(lock(&f, allocation, &data), 0);
    assert_string_equal(data, "kept");
    assert_int_equal(destroy(&f, 0, &allocation, 1), 0);
    allocation = create_one(&f, 0); /* the place in the file is used again, its bytes are not */
    assert_int_equal(lock(&f, allocation, &data), 0);
    assert_int_equal(data[0], 0);
    stop_locking(&f);
}

static void contents_lie_apart(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    char *data, *all = mmap(NULL, CONTENTS, PROT_READ, MAP_SHARED, file, 0);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(lock(&f, create_one(&f, 0), &data), 0);
        memset(data, 'x', 2 * PAGE);
    }
    for (int i = 0; i < 8 * 3; i++) /* two pages, and one that is nobody's */
        assert_int_equal(all[i * PAGE], i % 3 < 2 ? 'x' : 0);
    munmap(all, CONTENTS);
    stop_locking(&f);
}

static void what_is_destroyed_is_unmapped(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    D3DKMT_HANDLE one = create_one(&f, 0), resource = create_resource(&f, 0, NULL), of_resource = create_one(&f, resource);
    char *data;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lock(&f, one, &data), 0);
        assert_int_equal(lock(&f, of_resource, &data), 0);
    }
    assert_int_equal(lock(&f, create_one(&f, 0), &data), 0);
    assert_int_equal(mapped, 3);
    assert_int_equal(destroy(&f, 0, &one, 1), 0);
    assert_int_equal(mapped, 2);
    assert_int_equal(destroy(&f, resource, NULL, 0), 0);
    assert_int_equal(mapped, 1);
    struct D3DKMT_DESTROYDEVICE device = {f.device};
    assert_int_equal(CALL(&f, 0x19, &device), 0);
    assert_int_equal(mapped, 0);
    stop_locking(&f);
}

static void the_last_close_unmaps(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    char *data;
    assert_int_equal(lock(&f, create_one(&f, 0), &data), 0);
    softgpu_lock(f.gpu);
    softgpu_process_leave(f.gpu, 100, 1);
    softgpu_tidy(f.gpu, &f.memory);
    softgpu_unlock(f.gpu);
    assert_int_equal(mapped, 0);
    stop_locking(&f);
}

static bool nobody_lives(void *user, uint32_t pid, uint64_t start)
{
    (void)user, (void)start;
    return pid != 100;
}

static void the_locks_of_the_dead_unmap_nothing_here(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    char *data;
    assert_int_equal(lock(&f, create_one(&f, 0), &data), 0);
    softgpu_lock(f.gpu);
    int place = softgpu_process_enter(f.gpu, 200, 2);
    softgpu_reap(f.gpu, nobody_lives, NULL);
    softgpu_unlock(f.gpu);
    f.place = place;
    open_device(&f);
    assert_int_equal(lock(&f, create_one(&f, 0), &data), 0);
    assert_int_equal(mapped, 2); /* the dead process's, as the test lives, and ours */
    stop_locking(&f);
}

static void after_an_exec_nothing_is_locked(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    D3DKMT_HANDLE allocation = create_one(&f, 0);
    char *data;
    assert_int_equal(lock(&f, allocation, &data), 0);
    softgpu_lock(f.gpu);
    softgpu_process_unlock(f.gpu, 100, 1);
    softgpu_unlock(f.gpu);
    assert_int_equal(unlock(&f, allocation), -EINVAL);
    assert_int_equal(mapped, 1);
    stop_locking(&f);
}

static void the_caller_s_own_memory_locks_to_itself(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    void *own = aligned_alloc(PAGE, 2 * PAGE);
    struct creation c;
    prepare(&c, &f, D3DKMT_CREATEALLOCATION_StandardAllocation | D3DKMT_CREATEALLOCATION_ExistingSysMem);
    c.info = (struct D3DDDI_ALLOCATIONINFO2){.pSystemMem = own};
    c.standard = (struct D3DKMT_CREATESTANDARDALLOCATION){.Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP,
                                                          .ExistingHeapData.Size = 2 * PAGE};
    c.args.pStandardAllocation = &c.standard;
    assert_int_equal(create(&f, &c), 0);
    char *data;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lock(&f, c.info.hAllocation, &data), 0);
        assert_ptr_equal(data, own);
    }
    for (int i = 0; i < 3; i++) /* not counted */
        assert_int_equal(unlock(&f, c.info.hAllocation), 0);
    assert_int_equal(mapped, 0);
    D3DKMT_HANDLE device = f.device;
    f.device = 0x40; /* the device isn't looked at by the lock, it is by the unlock */
    assert_int_equal(lock(&f, c.info.hAllocation, &data), 0);
    assert_int_equal(unlock(&f, c.info.hAllocation), -EINVAL);
    f.device = device;
    assert_int_equal(destroy(&f, 0, &c.info.hAllocation, 1), 0);
    free(own);
    stop_locking(&f);
}

static void locks_are_found_again_after_a_death(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    D3DKMT_HANDLE allocation = create_one(&f, 0), closed = create_one(&f, 0);
    char *data, *again;
    assert_int_equal(lock(&f, closed, &data), 0);
    strcpy(data, "kept");
    assert_int_equal(unlock(&f, closed), 0);
    assert_int_equal(lock(&f, allocation, &data), 0);
    assert_int_equal(lock(&f, allocation, &data), 0);
    let_the_holder_die(&f);
    assert_int_equal(unlock(&f, allocation), 0);
    assert_int_equal(mapped, 1);
    assert_int_equal(unlock(&f, allocation), 0);
    assert_int_equal(mapped, 0);
    assert_int_equal(lock(&f, closed, &again), 0);
    assert_string_equal(again, "kept");
    assert_int_equal(lock(&f, create_one(&f, 0), &data), 0); /* its place is another one */
    assert_int_equal(data[0], 0);
    data[0] = 'x';
    assert_string_equal(again, "kept");
    stop_locking(&f);
}

/* Two processes with one resource of one allocation: its handle in each. */
static void share_one(struct pair *p, D3DKMT_HANDLE *first, D3DKMT_HANDLE *second, uint64_t *nt_handle)
{
    D3DKMT_HANDLE resource = create_resource(
        &p->a, D3DKMT_CREATEALLOCATION_CreateShared | D3DKMT_CREATEALLOCATION_NtSecuritySharing, first);
    struct D3DKMT_SHAREOBJECTS share = {.ObjectCount = 1, .ObjectHandleArray = &resource, .pSharedNtHandle = nt_handle};
    assert_int_equal(CALL(&p->a, 0x3f, &share), 0);
    struct D3DDDI_OPENALLOCATIONINFO2 info;
    unsigned char data[sizeof(struct softgpu_private_data)];
    struct D3DKMT_OPENRESOURCEFROMNTHANDLE open = {.hDevice = p->b.device,
                                                   .hNtHandle = *nt_handle,
                                                   .NumAllocations = 1,
                                                   .pOpenAllocationInfo2 = &info,
                                                   .TotalPrivateDriverDataBufferSize = sizeof data,
                                                   .pTotalPrivateDriverDataBuffer = data};
    assert_int_equal(CALL(&p->b, 0x42, &open), 0);
    *second = info.hAllocation;
}

static void processes_lock_the_same_bytes_of_what_they_share(void **state)
{
    (void)state;
    struct pair p;
    start_pair(&p);
    munmap(p.a.gpu, SOFTGPU_STATE_SIZE);
    struct fixture locking = start_locking(); /* with the pair's NT handles */
    locking.memory.share = p.a.memory.share, locking.memory.unshare = p.a.memory.unshare;
    locking.memory.shared = p.a.memory.shared, locking.memory.held = p.a.memory.held;
    p.a = p.b = locking;
    softgpu_lock(p.a.gpu);
    p.b.place = softgpu_process_enter(p.a.gpu, 200, 2);
    softgpu_unlock(p.a.gpu);
    open_device(&p.b);
    D3DKMT_HANDLE first, second;
    uint64_t nt_handle;
    share_one(&p, &first, &second, &nt_handle);
    char *ours, *theirs;
    assert_int_equal(lock(&p.a, first, &ours), 0);
    strcpy(ours, "shared");
    assert_int_equal(lock(&p.b, second, &theirs), 0);
    assert_ptr_not_equal(ours, theirs);
    assert_string_equal(theirs, "shared");
    assert_int_equal(mapped, 2);
    assert_int_equal(unlock(&p.a, first), 0); /* each counts its own */
    assert_int_equal(unlock(&p.a, first), -EINVAL);
    softgpu_lock(p.a.gpu);
    softgpu_process_leave(p.a.gpu, 100, 1); /* the creator goes, the opener keeps it */
    softgpu_tidy(p.a.gpu, &p.a.memory);
    softgpu_unlock(p.a.gpu);
    assert_string_equal(theirs, "shared");
    D3DKMT_HANDLE other = create_one(&p.b, 0);
    char *others;
    assert_int_equal(lock(&p.b, other, &others), 0);
    memset(others, 'x', 2 * PAGE);
    assert_string_equal(theirs, "shared");
    struct D3DKMT_OFFERALLOCATIONS offer = {
        .hDevice = p.b.device, .HandleList = &second, .NumAllocations = 1, .Priority = D3DKMT_OFFER_PRIORITY_LOW};
    assert_int_equal(unlock(&p.b, second), 0);
    assert_int_equal(CALL(&p.b, 0x27, &offer), -EINVAL); /* what is shared can't be offered */
    stop_locking(&p.a);
}

static void lock_looks_at_allocation_device_and_flags(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    D3DKMT_HANDLE allocation = create_one(&f, 0);
    struct D3DKMT_LOCK2 args = {.hDevice = f.device, .hAllocation = f.device};
    assert_int_equal(CALL(&f, 0x25, &args), -EINVAL);
    args = (struct D3DKMT_LOCK2){.hDevice = allocation, .hAllocation = allocation};
    assert_int_equal(CALL(&f, 0x25, &args), -EINVAL);
    args = (struct D3DKMT_LOCK2){.hDevice = f.device, .hAllocation = allocation, .Flags = 1};
    assert_int_equal(CALL(&f, 0x25, &args), -EINVAL);
    struct D3DKMT_CREATEDEVICE second = {.hAdapter = f.adapter};
    assert_int_equal(CALL(&f, 0x02, &second), 0);
    args = (struct D3DKMT_LOCK2){.hDevice = second.hDevice, .hAllocation = allocation}; /* another device's */
    assert_int_equal(CALL(&f, 0x25, &args), -EINVAL);
    args.hDevice = f.device;
    assert_int_equal(CALL(&f, 0x25, &args), 0);
    args = (struct D3DKMT_LOCK2){.hDevice = 0x40, .hAllocation = allocation, .Flags = 1}; /* locked: only the handle matters */
    assert_int_equal(CALL(&f, 0x25, &args), 0);
    stop_locking(&f);
}

static void the_last_unlock_looks_at_the_device_too_late(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    D3DKMT_HANDLE allocation = create_one(&f, 0);
    char *data;
    assert_int_equal(lock(&f, allocation, &data), 0);
    struct D3DKMT_UNLOCK2 args = {.hDevice = 0x40, .hAllocation = allocation};
    assert_int_equal(CALL(&f, 0x37, &args), -EINVAL);
    assert_int_equal(mapped, 0);
    args.hDevice = f.device;
    assert_int_equal(CALL(&f, 0x37, &args), -EINVAL); /* it is unlocked by now */
    stop_locking(&f);
}

static void a_lock_that_fails_leaves_nothing(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    D3DKMT_HANDLE allocation = create_one(&f, 0);
    struct D3DKMT_LOCK2 args = {.hDevice = f.device, .hAllocation = allocation};
    out_of_maps = true;
    assert_int_equal(CALL(&f, 0x25, &args), -ENOMEM);
    out_of_maps = false;
    unwritable = (uintptr_t)&args.pData;
    assert_int_equal(CALL(&f, 0x25, &args), -EFAULT);
    unwritable = UINT64_MAX;
    assert_int_equal(mapped, 0);
    assert_int_equal(unlock(&f, allocation), -EINVAL);
    struct creation big; /* more than the contents have room for */
    prepare(&big, &f, 0);
    big.data.size = CONTENTS;
    assert_int_equal(create(&f, &big), 0);
    args.hAllocation = big.info.hAllocation;
    assert_int_equal(CALL(&f, 0x25, &args), -ENOMEM);
    stop_locking(&f);
}

static void without_mappings_lock_is_not_supported(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    D3DKMT_HANDLE allocation = create_one(&f, 0);
    char *data;
    f.memory.map = NULL;
    assert_int_equal(lock(&f, allocation, &data), -EPERM);
    assert_int_equal(unlock(&f, allocation), -EINVAL);
    stop_locking(&f);
}

static void invalidate_cache_stays_within_the_allocation(void **state)
{
    (void)state;
    struct fixture f = start_locking();
    struct D3DKMT_INVALIDATECACHE args = {.hDevice = f.device, .hAllocation = create_one(&f, 0), .Length = 2 * PAGE};
    assert_int_equal(CALL(&f, 0x24, &args), 0);
    args.Offset = 1;
    assert_int_equal(CALL(&f, 0x24, &args), -EINVAL);
    args.Offset = UINT64_MAX;
    assert_int_equal(CALL(&f, 0x24, &args), -EINVAL);
    args.Offset = 2 * PAGE, args.Length = 0;
    assert_int_equal(CALL(&f, 0x24, &args), 0);
    args.hAllocation = 0x40;
    assert_int_equal(CALL(&f, 0x24, &args), -EINVAL);
    args.hDevice = 0x40;
    assert_int_equal(CALL(&f, 0x24, &args), -EINVAL);
    stop_locking(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locks_are_counted),
        cmocka_unit_test(content_is_zeroed_first_and_kept_between_locks),
        cmocka_unit_test(contents_lie_apart),
        cmocka_unit_test(what_is_destroyed_is_unmapped),
        cmocka_unit_test(the_last_close_unmaps),
        cmocka_unit_test(the_locks_of_the_dead_unmap_nothing_here),
        cmocka_unit_test(after_an_exec_nothing_is_locked),
        cmocka_unit_test(the_caller_s_own_memory_locks_to_itself),
        cmocka_unit_test(locks_are_found_again_after_a_death),
        cmocka_unit_test(processes_lock_the_same_bytes_of_what_they_share),
        cmocka_unit_test(lock_looks_at_allocation_device_and_flags),
        cmocka_unit_test(the_last_unlock_looks_at_the_device_too_late),
        cmocka_unit_test(a_lock_that_fails_leaves_nothing),
        cmocka_unit_test(without_mappings_lock_is_not_supported),
        cmocka_unit_test(invalidate_cache_stays_within_the_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
