/*
 * softgpu shares resources between processes as the real driver does: what is refused and in which order, what the opener is given,
 * when a shared resource is sealed, and how long it lives. NT handles are numbers of this program's own; descriptors that really
 * travel between processes are in softgpu-processes.c.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "softgpu-pair.h"

#define SHARED                                                                                                              \
    (D3DKMT_CREATEALLOCATION_CreateResource | D3DKMT_CREATEALLOCATION_CreateShared | D3DKMT_CREATEALLOCATION_NtSecuritySharing)

/* A shared resource of three allocations with data of three lengths. */
struct surface {
    struct softgpu_private_data data[3];
    unsigned char more[5000];
    struct D3DDDI_ALLOCATIONINFO2 infos[3];
    struct D3DKMT_CREATEALLOCATION args;
};
static const char runtime_data[] = "the runtime's own words", resource_data[] = "what the driver says of the resource";

static void make_surface(struct fixture *f, struct surface *s)
{
    *s = (struct surface){.args = {.hDevice = f->device,
                                   .NumAllocations = 3,
                                   .pAllocationInfo2 = s->infos,
                                   .pPrivateRuntimeData = runtime_data,
                                   .PrivateRuntimeDataSize = sizeof runtime_data,
                                   .pPrivateDriverData = resource_data,
                                   .PrivateDriverDataSize = sizeof resource_data,
                                   .Flags = SHARED}};
    for (int i = 0; i < 3; i++) {
        s->data[i] = (struct softgpu_private_data){.magic = SOFTGPU_MAGIC, .size = 4096u << i};
        s->infos[i] = (struct D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = &s->data[i],
                                                      .PrivateDriverDataSize = sizeof s->data[i]};
    }
    memset(s->more, 0x5a, sizeof s->more);
    s->infos[1].pPrivateDriverData = s->more;
    s->infos[1].PrivateDriverDataSize = sizeof s->more;
    assert_int_equal(CALL(f, 0x06, &s->args), 0);
}

static long share(struct fixture *f, D3DKMT_HANDLE object, uint64_t *nt_handle)
{
    struct D3DKMT_SHAREOBJECTS args = {.ObjectCount = 1, .ObjectHandleArray = &object, .pSharedNtHandle = nt_handle};
    return CALL(f, 0x3f, &args);
}

static uint64_t make_shared(struct fixture *f, struct surface *s)
{
    uint64_t nt_handle = 0;
    make_surface(f, s);
    assert_int_equal(share(f, s->args.hResource, &nt_handle), 0);
    return nt_handle;
}

static struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query_of(const struct fixture *f, uint64_t nt_handle)
{
    return (struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE){.hDevice = f->device, .hNtHandle = nt_handle};
}

/* An open with just as much room as it takes. */
struct opening {
    struct D3DDDI_OPENALLOCATIONINFO2 infos[3];
    char runtime[sizeof runtime_data], resource[sizeof resource_data];
    unsigned char total[5064];
    struct D3DKMT_OPENRESOURCEFROMNTHANDLE args;
};

static void prepare_open(struct opening *o, const struct fixture *f, uint64_t nt_handle)
{
    *o = (struct opening){.args = {.hDevice = f->device,
                                   .hNtHandle = nt_handle,
                                   .NumAllocations = 3,
                                   .pOpenAllocationInfo2 = o->infos,
                                   .PrivateRuntimeDataSize = sizeof o->runtime,
                                   .pPrivateRuntimeData = o->runtime,
                                   .ResourcePrivateDriverDataSize = sizeof o->resource,
                                   .pResourcePrivateDriverData = o->resource,
                                   .TotalPrivateDriverDataBufferSize = sizeof o->total,
                                   .pTotalPrivateDriverDataBuffer = o->total}};
}

static long open_resource(struct fixture *f, struct opening *o) { return CALL(f, 0x42, &o->args); }

static void leave(struct fixture *f, uint32_t pid, uint64_t start_time)
{
    softgpu_lock(f->gpu);
    softgpu_process_leave(f->gpu, pid, start_time);
    softgpu_reap_shared(f->gpu, &f->memory);
    softgpu_unlock(f->gpu);
}

/* Bytes of local memory that all processes together use: what a create of all there is leaves out. */
static bool all_is_free(struct fixture *f)
{
    struct creation c;
    prepare(&c, f, 0);
    c.data.size = 1ull << 30;
    c.data.flags = SOFTGPU_ALLOCATION_LOCAL;
    if (create(f, &c) != 0)
        return false;
    assert_int_equal(destroy(f, 0, &c.info.hAllocation, 1), 0);
    return true;
}

/* ---- What the opener is given ---------------------------------------------------------------------------------------------- */

static void an_opener_is_given_all_that_the_creator_passed(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    struct opening o;
    start_pair(&p);
    uint64_t nt_handle = make_shared(&p.a, &s);
    struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = query_of(&p.b, nt_handle);
    assert_int_equal(CALL(&p.b, 0x41, &query), 0);
    assert_int_equal(query.NumAllocations, 3);
    assert_int_equal(query.PrivateRuntimeDataSize, sizeof runtime_data);
    assert_int_equal(query.ResourcePrivateDriverDataSize, sizeof resource_data);
    assert_int_equal(query.TotalPrivateDriverDataSize, 32 + 5000 + 32);
    prepare_open(&o, &p.b, nt_handle);
    assert_int_equal(open_resource(&p.b, &o), 0);
    assert_int_not_equal(o.args.hResource, 0);
    assert_string_equal(o.runtime, runtime_data);
    assert_string_equal(o.resource, resource_data);
    assert_int_equal(o.args.TotalPrivateDriverDataBufferSize, 5064);
    static const uint32_t sizes[] = {32, 5000, 32}, offsets[] = {0, 32, 5032};
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(o.infos[i].hAllocation, 0);
        assert_int_equal(o.infos[i].PrivateDriverDataSize, sizes[i]);
        assert_ptr_equal(o.infos[i].pPrivateDriverData, o.total + offsets[i]);
    }
    struct softgpu_private_data first = {.magic = SOFTGPU_MAGIC, .size = 4096}, third = {.magic = SOFTGPU_MAGIC, .size = 16384};
    assert_memory_equal(o.total, &first, 32); /* as passed: without what the driver wrote into it then */
    assert_memory_equal(o.total + 32, s.more, 5000);
    assert_memory_equal(o.total + 5032, &third, 32);
    stop(&p.a);
}

static void a_process_may_open_its_own(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    struct opening o;
    start_pair(&p);
    prepare_open(&o, &p.a, make_shared(&p.a, &s));
    assert_int_equal(open_resource(&p.a, &o), 0);
    assert_int_not_equal(o.args.hResource, s.args.hResource);
    assert_int_equal(used(&p.a, 0), 4096 + SOFTGPU_FOREIGN_SIZE + 16384); /* once */
    assert_int_equal(destroy(&p.a, s.args.hResource, NULL, 0), 0);
    assert_int_equal(destroy(&p.a, o.args.hResource, NULL, 0), 0);
    stop(&p.a);
}

static void standard_allocations_have_the_drivers_data(void **state)
{
    (void)state;
    struct pair p;
    start_pair(&p);
    struct creation c;
    prepare(&c, &p.a, SHARED | D3DKMT_CREATEALLOCATION_StandardAllocation);
    c.info = (struct D3DDDI_ALLOCATIONINFO2){0};
    c.standard = (struct D3DKMT_CREATESTANDARDALLOCATION){.Type = D3DKMT_STANDARDALLOCATIONTYPE_CROSSADAPTER,
                                                          .ExistingHeapData = {.Size = 8192}};
    c.args.pStandardAllocation = &c.standard;
    assert_int_equal(create(&p.a, &c), 0);
    uint64_t nt_handle;
    assert_int_equal(share(&p.a, c.args.hResource, &nt_handle), 0);
    struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = query_of(&p.b, nt_handle);
    assert_int_equal(CALL(&p.b, 0x41, &query), 0);
    assert_int_equal(query.ResourcePrivateDriverDataSize, 0);
    assert_int_equal(query.TotalPrivateDriverDataSize, sizeof(struct softgpu_private_data));
    struct opening o;
    prepare_open(&o, &p.b, nt_handle);
    o.args.NumAllocations = 1;
    assert_int_equal(open_resource(&p.b, &o), 0);
    struct softgpu_private_data data;
    memcpy(&data, o.total, sizeof data);
    assert_int_equal(data.size, 8192);
    stop(&p.a);
}

/* ---- Sealing --------------------------------------------------------------------------------------------------------------- */

static long add_to(struct fixture *f, D3DKMT_HANDLE resource)
{
    struct creation c;
    prepare(&c, f, 0);
    c.args.hResource = resource;
    return create(f, &c);
}

static void a_share_seals(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    uint64_t nt_handle;
    start_pair(&p);
    make_surface(&p.a, &s);
    assert_int_equal(add_to(&p.a, s.args.hResource), 0);
    assert_int_equal(share(&p.a, s.args.hResource, &nt_handle), 0);
    assert_int_equal(add_to(&p.a, s.args.hResource), -EINVAL);
    struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = query_of(&p.b, nt_handle);
    assert_int_equal(CALL(&p.b, 0x41, &query), 0);
    assert_int_equal(query.NumAllocations, 4); /* with the one that was added in time */
    stop(&p.a);
}

static void what_was_opened_is_sealed(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    struct opening o;
    start_pair(&p);
    prepare_open(&o, &p.b, make_shared(&p.a, &s));
    assert_int_equal(open_resource(&p.b, &o), 0);
    assert_int_equal(add_to(&p.b, o.args.hResource), -EINVAL);
    stop(&p.a);
}

/* dxgkrnl has sealed it by the time it finds nothing to seal. */
static void a_share_without_driver_data_is_refused_once(void **state)
{
    (void)state;
    struct pair p;
    struct creation c;
    uint64_t nt_handle = 5;
    start_pair(&p);
    prepare(&c, &p.a, SHARED);
    c.info.PrivateDriverDataSize = 0;
    assert_int_equal(create(&p.a, &c), 0);
    assert_int_equal(share(&p.a, c.args.hResource, &nt_handle), -EINVAL);
    assert_int_equal(nt_handle, 5);
    assert_false(numbers[0].open);
    assert_int_equal(share(&p.a, c.args.hResource, &nt_handle), 0);
    struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = query_of(&p.b, nt_handle);
    assert_int_equal(CALL(&p.b, 0x41, &query), 0);
    assert_int_equal(query.TotalPrivateDriverDataSize, 0);
    assert_int_equal(query.NumAllocations, 1);
    stop(&p.a);
}

/* ---- What is refused ------------------------------------------------------------------------------------------------------- */

static void share_takes_one_shared_object(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    uint64_t nt_handle;
    start_pair(&p);
    make_surface(&p.a, &s);
    D3DKMT_HANDLE objects[2] = {s.args.hResource, s.args.hResource};
    struct D3DKMT_SHAREOBJECTS args = {.ObjectCount = 2, .ObjectHandleArray = objects, .pSharedNtHandle = &nt_handle};
    assert_int_equal(CALL(&p.a, 0x3f, &args), -EINVAL);
    args.ObjectCount = 0;
    assert_int_equal(CALL(&p.a, 0x3f, &args), -EINVAL);
    args.ObjectCount = 1;
    args.ObjectHandleArray = BAD_POINTER;
    assert_int_equal(CALL(&p.a, 0x3f, &args), -EFAULT);
    args.ObjectHandleArray = objects;
    args.pSharedNtHandle = BAD_POINTER;
    assert_int_equal(CALL(&p.a, 0x3f, &args), -EFAULT);
    assert_false(numbers[0].open); /* nothing is left of it */
    assert_int_equal(share(&p.a, s.infos[0].hAllocation, &nt_handle), -EINVAL);
    assert_int_equal(share(&p.a, p.a.device, &nt_handle), -EINVAL);
    assert_int_equal(share(&p.b, s.args.hResource, &nt_handle), -EINVAL); /* another process's handle */
    D3DKMT_HANDLE own = create_resource(&p.a, 0, NULL);
    assert_int_equal(share(&p.a, own, &nt_handle), -EINVAL); /* not created shared */
    stop(&p.a);
}

static void share_without_descriptors_is_not_recoverable(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    uint64_t nt_handle;
    start_pair(&p);
    make_surface(&p.a, &s);
    none_left = true;
    assert_int_equal(share(&p.a, s.args.hResource, &nt_handle), -ENOTRECOVERABLE);
    none_left = false;
    assert_int_equal(share(&p.a, s.args.hResource, &nt_handle), 0);
    p.a.memory.share = NULL; /* a front end that cannot */
    assert_int_equal(share(&p.a, s.args.hResource, &nt_handle), -EPERM);
    stop(&p.a);
}

static void queries_need_the_handle_and_a_device(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    start_pair(&p);
    uint64_t nt_handle = make_shared(&p.a, &s);
    struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = query_of(&p.b, nt_handle + 1);
    assert_int_equal(CALL(&p.b, 0x41, &query), -EINVAL);
    query = query_of(&p.b, nt_handle);
    query.hDevice = 0x40;
    assert_int_equal(CALL(&p.b, 0x41, &query), -EINVAL);
    query = query_of(&p.b, nt_handle);
    unwritable = (uintptr_t)&query.NumAllocations;
    assert_int_equal(CALL(&p.b, 0x41, &query), -EFAULT);
    unwritable = UINT64_MAX;
    numbers[0].name.state++; /* of another device */
    query = query_of(&p.b, nt_handle);
    assert_int_equal(CALL(&p.b, 0x41, &query), -EINVAL);
    stop(&p.a);
}

static void opens_need_room_for_everything(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    struct opening o;
    start_pair(&p);
    uint64_t nt_handle = make_shared(&p.a, &s);
    uint32_t *const sizes[] = {&o.args.NumAllocations, &o.args.PrivateRuntimeDataSize, &o.args.ResourcePrivateDriverDataSize,
                               &o.args.TotalPrivateDriverDataBufferSize};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        prepare_open(&o, &p.b, nt_handle);
        --*sizes[i];
        assert_int_equal(open_resource(&p.b, &o), -EINVAL);
        assert_int_equal(o.args.hResource, 0);
    }
    prepare_open(&o, &p.b, nt_handle);
    o.args.NumAllocations++; /* this one must be exact */
    assert_int_equal(open_resource(&p.b, &o), -EINVAL);
    prepare_open(&o, &p.b, nt_handle);
    o.args.hDevice = 0;
    assert_int_equal(open_resource(&p.b, &o), -EINVAL);
    prepare_open(&o, &p.b, 3);
    assert_int_equal(open_resource(&p.b, &o), -EINVAL);
    stop(&p.a);
}

/* Whatever cannot be written, nothing of the open is left. */
static void an_open_that_cannot_tell_leaves_nothing(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    struct opening o;
    start_pair(&p);
    uint64_t nt_handle = make_shared(&p.a, &s);
    void *const places[] = {o.runtime, o.resource, o.total, &o.total[5063], &o.infos[2].hAllocation, &o.args.hResource,
                            &o.args.TotalPrivateDriverDataBufferSize};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        prepare_open(&o, &p.b, nt_handle);
        unwritable = (uintptr_t)places[i];
        assert_int_equal(open_resource(&p.b, &o), -EFAULT);
    }
    unwritable = UINT64_MAX;
    assert_int_equal(destroy(&p.a, s.args.hResource, NULL, 0), 0);
    take_number(NULL, (int)nt_handle);
    prepare_open(&o, &p.b, nt_handle);
    assert_int_equal(open_resource(&p.b, &o), -EINVAL);
    leave(&p.b, 200, 2);
    assert_true(all_is_free(&p.a));
    stop(&p.a);
}

static void global_handles_are_enotty(void **state)
{
    (void)state;
    struct fixture f = start_with_device(&one_gib);
    struct D3DKMT_OPENRESOURCE open = {.hDevice = f.device};
    struct D3DKMT_QUERYRESOURCEINFO query = {.hDevice = f.device};
    struct D3DKMT_OPENSYNCHRONIZATIONOBJECT open_sync = {0};
    assert_int_equal(CALL(&f, 0x28, &open), -ENOTTY);
    assert_int_equal(CALL(&f, 0x2b, &query), -ENOTTY);
    assert_int_equal(CALL(&f, 0x29, &open_sync), -ENOTTY);
    stop(&f);
}

static void a_removed_device_opens_nothing(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    struct opening o;
    start_pair(&p);
    uint64_t nt_handle = make_shared(&p.a, &s);
    struct softgpu_config config = one_gib;
    config.fault_count = 1;
    config.faults[0] = (struct softgpu_fault){.request = 0x41, .kind = SOFTGPU_FAULT_REMOVE, .nth = 1};
    struct pair q;
    start_pair(&q);
    stop(&q.a);
    q.a = start_with_device(&config);
    q.a.memory = p.a.memory;
    nt_handle = make_shared(&q.a, &s);
    struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = query_of(&q.a, nt_handle);
    assert_int_equal(CALL(&q.a, 0x41, &query), -ENODEV);
    prepare_open(&o, &q.a, nt_handle);
    assert_int_equal(open_resource(&q.a, &o), -ENODEV);
    prepare_open(&o, &q.a, 3); /* the handle is looked at first */
    assert_int_equal(open_resource(&q.a, &o), -EINVAL);
    stop(&q.a);
    stop(&p.a);
}

/* ---- How long it lives ----------------------------------------------------------------------------------------------------- */

static void opened_allocations_go_together(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    struct opening o;
    start_pair(&p);
    prepare_open(&o, &p.b, make_shared(&p.a, &s));
    assert_int_equal(open_resource(&p.b, &o), 0);
    assert_int_equal(destroy(&p.b, 0, &o.infos[0].hAllocation, 1), -EINVAL);
    assert_int_equal(destroy(&p.a, 0, &s.infos[0].hAllocation, 1), -EINVAL);
    assert_int_equal(destroy(&p.b, o.args.hResource, NULL, 0), 0);
    assert_int_equal(destroy(&p.b, o.args.hResource, NULL, 0), -EINVAL);
    stop(&p.a);
}

static void an_opener_keeps_it_alive(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    struct opening o;
    start_pair(&p);
    uint64_t nt_handle = make_shared(&p.a, &s);
    prepare_open(&o, &p.b, nt_handle);
    assert_int_equal(open_resource(&p.b, &o), 0);
    assert_int_equal(used(&p.b, 0), 0); /* the creator pays for it */
    take_number(NULL, (int)nt_handle);
    leave(&p.a, 100, 1);
    assert_false(all_is_free(&p.b)); /* the memory is there as long as the opener */
    assert_int_equal(destroy(&p.b, o.args.hResource, NULL, 0), 0);
    assert_true(all_is_free(&p.b));
    stop(&p.a);
}

static void a_handle_keeps_it_alive(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    struct opening o;
    start_pair(&p);
    uint64_t nt_handle = make_shared(&p.a, &s), second;
    assert_int_equal(share(&p.a, s.args.hResource, &second), 0);
    assert_int_not_equal(nt_handle, second);
    leave(&p.a, 100, 1); /* the creator has gone, the handle is on its way */
    take_number(NULL, (int)nt_handle);
    assert_false(all_is_free(&p.b));
    prepare_open(&o, &p.b, second);
    assert_int_equal(open_resource(&p.b, &o), 0);
    assert_string_equal(o.runtime, runtime_data);
    take_number(NULL, (int)second);
    assert_int_equal(destroy(&p.b, o.args.hResource, NULL, 0), 0);
    assert_true(all_is_free(&p.b));
    stop(&p.a);
}

static void a_handle_that_was_closed_is_noticed_when_memory_runs_out(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    start_pair(&p);
    uint64_t nt_handle = make_shared(&p.a, &s);
    assert_int_equal(destroy(&p.a, s.args.hResource, NULL, 0), 0);
    assert_false(all_is_free(&p.a));
    take_number(NULL, (int)nt_handle); /* the front end doesn't hear of it */
    assert_true(all_is_free(&p.a));
    stop(&p.a);
}

static void closed_handles_of_one_resource_are_forgotten(void **state)
{
    (void)state;
    struct pair p;
    struct surface s;
    uint64_t nt_handle;
    start_pair(&p);
    make_surface(&p.a, &s);
    for (int i = 0; i < NUMBERS; i++) {
        assert_int_equal(share(&p.a, s.args.hResource, &nt_handle), 0);
        if (i)
            take_number(NULL, (int)nt_handle);
    }
    struct opening o;
    prepare_open(&o, &p.b, FIRST_NUMBER); /* the first is still good */
    assert_int_equal(open_resource(&p.b, &o), 0);
    stop(&p.a);
}

/* Kept data has a bound: beyond it a create fails, and takes nothing with it. */
static void kept_data_is_bounded(void **state)
{
    (void)state;
    struct pair p;
    struct creation c;
    static char large[100000];
    start_pair(&p);
    D3DKMT_HANDLE first = 0;
    long result;
    int made = 0;
    do {
        prepare(&c, &p.a, SHARED);
        c.args.pPrivateRuntimeData = large;
        c.args.PrivateRuntimeDataSize = sizeof large;
        result = create(&p.a, &c);
        first = first ? first : c.args.hResource;
        made += result == 0;
    } while (result == 0 && made < 1000);
    assert_int_equal(result, -ENOMEM);
    assert_in_range(made, 300, 400); /* 32 MiB */
    uint64_t before = used(&p.a, 0);
    assert_int_equal(create(&p.a, &c), -ENOMEM);
    assert_int_equal(used(&p.a, 0), before);
    assert_int_equal(destroy(&p.a, first, NULL, 0), 0);
    prepare(&c, &p.a, SHARED);
    c.args.pPrivateRuntimeData = large;
    c.args.PrivateRuntimeDataSize = sizeof large;
    assert_int_equal(create(&p.a, &c), 0);
    stop(&p.a);
}

static void *die_with_the_lock(void *gpu)
{
    softgpu_lock(gpu);
    return NULL;
}

static void sharing_survives_a_death_under_the_lock(void **state)
{
    (void)state;
    struct pair p;
    struct surface s, orphan;
    struct opening o;
    start_pair(&p);
    uint64_t nt_handle = make_shared(&p.a, &s);
    make_surface(&p.a, &orphan);
    prepare_open(&o, &p.b, nt_handle);
    assert_int_equal(open_resource(&p.b, &o), 0);
    uint64_t before = used(&p.a, 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, die_with_the_lock, p.a.gpu), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(used(&p.a, 0), before);
    struct opening again;
    prepare_open(&again, &p.b, nt_handle);
    assert_int_equal(open_resource(&p.b, &again), 0);
    assert_memory_equal(again.total, o.total, sizeof o.total);
    leave(&p.a, 100, 1);
    take_number(NULL, (int)nt_handle);
    assert_int_equal(destroy(&p.b, o.args.hResource, NULL, 0), 0);
    assert_false(all_is_free(&p.b));
    assert_int_equal(destroy(&p.b, again.args.hResource, NULL, 0), 0);
    assert_true(all_is_free(&p.b));
    stop(&p.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_opener_is_given_all_that_the_creator_passed),
        cmocka_unit_test(a_process_may_open_its_own),
        cmocka_unit_test(standard_allocations_have_the_drivers_data),
        cmocka_unit_test(a_share_seals),
        cmocka_unit_test(what_was_opened_is_sealed),
        cmocka_unit_test(a_share_without_driver_data_is_refused_once),
        cmocka_unit_test(share_takes_one_shared_object),
        cmocka_unit_test(share_without_descriptors_is_not_recoverable),
        cmocka_unit_test(queries_need_the_handle_and_a_device),
        cmocka_unit_test(opens_need_room_for_everything),
        cmocka_unit_test(an_open_that_cannot_tell_leaves_nothing),
        cmocka_unit_test(global_handles_are_enotty),
        cmocka_unit_test(a_removed_device_opens_nothing),
        cmocka_unit_test(opened_allocations_go_together),
        cmocka_unit_test(an_opener_keeps_it_alive),
        cmocka_unit_test(a_handle_keeps_it_alive),
        cmocka_unit_test(a_handle_that_was_closed_is_noticed_when_memory_runs_out),
        cmocka_unit_test(closed_handles_of_one_resource_are_forgotten),
        cmocka_unit_test(kept_data_is_bounded),
        cmocka_unit_test(sharing_survives_a_death_under_the_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
