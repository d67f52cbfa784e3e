/*
 * softgpu's sync objects, contexts and hardware queues behave as the real driver's: what is refused and in which order, whose turn it
 * is, who is woken by what, and how a wait ends. Threads of this program play the processes that sleep; events are counters.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "softgpu-pair.h"

#define NT_SHARED (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_Shared | D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NtSecuritySharing)
enum { NO_SIGNAL = 16, NO_WAIT = 32, NO_MAX_ON_REMOVAL = 64, HW_QUEUE_SUPPORTED = 16 };

/* ---- Events: descriptors 5000 on, counted; and sleep ----------------------------------------------------------------------- */

enum { FIRST_EVENT = 5000, EVENT_COUNT = 4 };
static int taken[EVENT_COUNT], signalled[EVENT_COUNT]; /* references, signals */

static int take_event(void *user, uint64_t descriptor)
{
    (void)user;
    if (descriptor < FIRST_EVENT || descriptor >= FIRST_EVENT + EVENT_COUNT)
        return -EINVAL;
    taken[descriptor - FIRST_EVENT]++;
    return (int)descriptor - FIRST_EVENT;
}

static void signal_event(void *user, int event) { (void)user, signalled[event]++; }
static void drop_event(void *user, int event) { (void)user, taken[event]--; }

static int interrupt_at; /* the sleep of this number is interrupted; 0: none */
static int sleeps;

static int sleep_on(void *user, const uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
    (void)user;
    if (__atomic_add_fetch(&sleeps, 1, __ATOMIC_RELAXED) == __atomic_load_n(&interrupt_at, __ATOMIC_RELAXED))
        return -EINTR;
    struct timespec limit = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
    syscall(SYS_futex, word, FUTEX_WAIT, value, timeout_ns == UINT64_MAX ? NULL : &limit, NULL, 0);
    return 0;
}

/* ---- A process with a context and what it asks for ------------------------------------------------------------------------- */

struct side {
    struct fixture f;
    D3DKMT_HANDLE context;
};

static void add_context(struct fixture *f, uint32_t flags, D3DKMT_HANDLE *context)
{
    struct D3DKMT_CREATECONTEXTVIRTUAL args = {.hDevice = f->device, .Flags = flags};
    assert_int_equal(CALL(f, 0x04, &args), 0);
    *context = args.hContext;
}

static void start_sides(struct side *a, struct side *b)
{
    struct pair p;
    start_pair(&p);
    p.a.memory.take_event = p.b.memory.take_event = take_event;
    p.a.memory.signal_event = p.b.memory.signal_event = signal_event;
    p.a.memory.drop_event = p.b.memory.drop_event = drop_event;
    p.a.memory.sleep = p.b.memory.sleep = sleep_on;
    memset(taken, 0, sizeof taken);
    memset(signalled, 0, sizeof signalled);
    interrupt_at = sleeps = 0;
    a->f = p.a;
    add_context(&a->f, 0, &a->context);
    if (b) {
        b->f = p.b;
        add_context(&b->f, 0, &b->context);
    }
}

static struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 sync_of(const struct side *s, uint32_t type, uint32_t flags)
{
    return (struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2){.hDevice = s->f.device, .Info = {.Type = type, .Flags = flags}};
}

static long make_sync(struct side *s, struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *args) { return CALL(&s->f, 0x10, args); }

/* A monitored fence and where its value is. */
static D3DKMT_HANDLE make_fence(struct side *s, uint32_t flags, const uint64_t **value)
{
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = sync_of(s, D3DDDI_MONITORED_FENCE, flags);
    assert_int_equal(make_sync(s, &args), 0);
    if (value)
        *value = args.Info.MonitoredFence.FenceValueCPUVirtualAddress;
    return args.hSyncObject;
}

static D3DKMT_HANDLE make_semaphore(struct side *s, uint32_t count, uint32_t most)
{
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = sync_of(s, D3DDDI_SEMAPHORE, 0);
    args.Info.Semaphore.InitialCount = count;
    args.Info.Semaphore.MaxCount = most;
    assert_int_equal(make_sync(s, &args), 0);
    return args.hSyncObject;
}

static long signal_cpu(struct side *s, D3DKMT_HANDLE fence, uint64_t value, uint32_t flags)
{
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = s->f.device,
                                                             .ObjectCount = 1,
                                                             .ObjectHandleArray = &fence,
                                                             .FenceValueArray = &value,
                                                             .Flags = flags};
    return CALL(&s->f, 0x31, &args);
}

static long wait_cpu(struct side *s, D3DKMT_HANDLE fence, uint64_t value, uint64_t event)
{
    struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = s->f.device,
                                                              .ObjectCount = 1,
                                                              .ObjectHandleArray = &fence,
                                                              .FenceValueArray = &value,
                                                              .hAsyncEvent = event};
    return CALL(&s->f, 0x3a, &args);
}

static long signal_gpu(struct side *s, D3DKMT_HANDLE object, uint64_t value)
{
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU args = {
        .hContext = s->context, .ObjectCount = 1, .ObjectHandleArray = &object, .MonitoredFenceValueArray = &value};
    return CALL(&s->f, 0x32, &args);
}

static long wait_gpu(struct side *s, D3DKMT_HANDLE object, uint64_t value)
{
    struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU args = {
        .hContext = s->context, .ObjectCount = 1, .ObjectHandleArray = &object, .MonitoredFenceValueArray = &value};
    return CALL(&s->f, 0x3b, &args);
}

static long destroy_sync(struct side *s, D3DKMT_HANDLE object)
{
    return CALL(&s->f, 0x1d, &(struct D3DKMT_DESTROYSYNCHRONIZATIONOBJECT){object});
}

static uint64_t share_sync(struct side *s, D3DKMT_HANDLE object)
{
    uint64_t nt_handle = 0;
    struct D3DKMT_SHAREOBJECTS args = {.ObjectCount = 1, .ObjectHandleArray = &object, .pSharedNtHandle = &nt_handle};
    assert_int_equal(CALL(&s->f, 0x3f, &args), 0);
    return nt_handle;
}

static D3DKMT_HANDLE open_sync(struct side *s, uint64_t nt_handle, const uint64_t **value)
{
    struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 args = {.hNtHandle = nt_handle, .hDevice = s->f.device};
    assert_int_equal(CALL(&s->f, 0x40, &args), 0);
    *value = args.MonitoredFence.FenceValueCPUVirtualAddress;
    return args.hSyncObject;
}

/* ---- Making ---------------------------------------------------------------------------------------------------------------- */

static void every_type_is_made_but_a_displays(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = sync_of(&a, D3DDDI_SYNCHRONIZATION_MUTEX, 0);
    assert_int_equal(make_sync(&a, &args), 0);
    args = sync_of(&a, D3DDDI_FENCE, 0);
    assert_int_equal(make_sync(&a, &args), 0);
    make_semaphore(&a, 1, 1);
    args = sync_of(&a, D3DDDI_MONITORED_FENCE, 0);
    args.Info.MonitoredFence.InitialFenceValue = 41;
    assert_int_equal(make_sync(&a, &args), 0);
    assert_int_not_equal(args.hSyncObject, 0);
    assert_int_equal(*(uint64_t *)args.Info.MonitoredFence.FenceValueCPUVirtualAddress, 41);
    assert_int_not_equal(args.Info.MonitoredFence.FenceValueGPUVirtualAddress, 0);
    args = sync_of(&a, D3DDDI_CPU_NOTIFICATION, 0);
    args.Info.CPUNotification.Event = FIRST_EVENT;
    assert_int_equal(make_sync(&a, &args), 0);
    assert_int_not_equal(args.Info.CPUNotification.Event, FIRST_EVENT); /* replaced by the host's number of it */
    assert_int_equal(taken[0], 1);
    assert_int_equal(destroy_sync(&a, args.hSyncObject), 0);
    assert_int_equal(taken[0], 0);
    args = sync_of(&a, D3DDDI_PERIODIC_MONITORED_FENCE, 0); /* no display, no period */
    assert_int_equal(make_sync(&a, &args), -EINVAL);
    args = sync_of(&a, 7, 0);
    assert_int_equal(make_sync(&a, &args), -EINVAL);
    stop(&a.f);
}

static void sync_objects_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = sync_of(&a, D3DDDI_MONITORED_FENCE, 0);
    args.hDevice = a.f.adapter;
    assert_int_equal(make_sync(&a, &args), -EINVAL);
    args = sync_of(&a, D3DDDI_MONITORED_FENCE, D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_Shared); /* by a global handle */
    assert_int_equal(make_sync(&a, &args), -EINVAL);
    args = sync_of(&a, D3DDDI_CPU_NOTIFICATION, 0);
    args.Info.CPUNotification.Event = 3; /* no eventfd */
    assert_int_equal(make_sync(&a, &args), -EINVAL);
    args = sync_of(&a, D3DDDI_SEMAPHORE, 0);
    args.Info.Semaphore.InitialCount = 2;
    args.Info.Semaphore.MaxCount = 1;
    assert_int_equal(make_sync(&a, &args), -EINVAL);
    args = sync_of(&a, D3DDDI_MONITORED_FENCE, 0);
    unwritable = (uintptr_t)&args.hSyncObject;
    assert_int_equal(make_sync(&a, &args), -EFAULT);
    unwritable = UINT64_MAX;
    a.f.memory.fence_address = NULL; /* front ends that lack what it takes */
    assert_int_equal(make_sync(&a, &args), -EPERM);
    a.f.memory.take_event = NULL;
    args = sync_of(&a, D3DDDI_CPU_NOTIFICATION, 0);
    assert_int_equal(make_sync(&a, &args), -EPERM);
    assert_int_equal(destroy_sync(&a, 0x40), -EINVAL);
    stop(&a.f);
}

static void only_monitored_fences_go_with_their_device(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    D3DKMT_HANDLE fence = make_fence(&a, 0, NULL), semaphore = make_semaphore(&a, 0, 1);
    assert_int_equal(CALL(&a.f, 0x19, &(struct D3DKMT_DESTROYDEVICE){a.f.device}), 0);
    assert_int_equal(destroy_sync(&a, fence), -EINVAL);
    assert_int_equal(destroy_sync(&a, semaphore), 0);
    stop(&a.f);
}

static void a_paging_fence_is_no_sync_object(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    struct D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = a.f.device};
    assert_int_equal(CALL(&a.f, 0x07, &queue), 0);
    assert_int_equal(destroy_sync(&a, queue.hSyncObject), -EINVAL);
    assert_int_equal(signal_cpu(&a, queue.hSyncObject, 1, 0), -EINVAL);
    assert_int_equal(wait_cpu(&a, queue.hSyncObject, 0, 0), 0); /* but it can be waited for */
    stop(&a.f);
}

/* ---- CPUs ------------------------------------------------------------------------------------------------------------------ */

static void a_cpu_moves_fences_forward(void **state)
{
    (void)state;
    struct side a;
    const uint64_t *value;
    start_sides(&a, NULL);
    D3DKMT_HANDLE fence = make_fence(&a, 0, &value);
    assert_int_equal(signal_cpu(&a, fence, 5, 0), 0);
    assert_int_equal(*value, 5);
    assert_int_equal(signal_cpu(&a, fence, 3, 0), 0);
    assert_int_equal(*value, 5);
    assert_int_equal(signal_cpu(&a, fence, 3, D3DDDICB_SIGNALFLAGS_AllowFenceRewind), 0);
    assert_int_equal(*value, 3);
    stop(&a.f);
}

static void what_a_cpu_cannot_signal_is_refused(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    D3DKMT_HANDLE fences[33] = {make_fence(&a, 0, NULL)};
    uint64_t values[33] = {1};
    for (int i = 1; i < 33; i++)
        fences[i] = fences[0];
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {
        .hDevice = a.f.device, .ObjectCount = 33, .ObjectHandleArray = fences, .FenceValueArray = values};
    assert_int_equal(CALL(&a.f, 0x31, &args), -EINVAL);
    args.ObjectCount = 0;
    assert_int_equal(CALL(&a.f, 0x31, &args), -EINVAL);
    args.ObjectCount = 32;
    assert_int_equal(CALL(&a.f, 0x31, &args), 0);
    args.hDevice = 0;
    args.ObjectHandleArray = BAD_POINTER;
    assert_int_equal(CALL(&a.f, 0x31, &args), -EINVAL); /* the device first */
    args.hDevice = a.f.device;
    assert_int_equal(CALL(&a.f, 0x31, &args), -EFAULT);
    args.ObjectHandleArray = fences;
    args.FenceValueArray = BAD_POINTER;
    assert_int_equal(CALL(&a.f, 0x31, &args), -EFAULT);
    args.FenceValueArray = NULL;
    assert_int_equal(CALL(&a.f, 0x31, &args), -EINVAL);
    assert_int_equal(signal_cpu(&a, make_semaphore(&a, 0, 1), 1, 0), -EINVAL); /* a GPU's */
    assert_int_equal(signal_cpu(&a, make_fence(&a, NO_SIGNAL, NULL), 1, 0), -EINVAL);
    stop(&a.f);
}

static void what_a_cpu_cannot_wait_for_is_refused(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    D3DKMT_HANDLE fence = make_fence(&a, 0, NULL);
    uint64_t value = 0;
    struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {
        .hDevice = a.f.device, .ObjectHandleArray = &fence, .FenceValueArray = &value};
    assert_int_equal(CALL(&a.f, 0x3a, &args), -EINVAL);
    args.ObjectCount = 128 * 1024 + 1;
    assert_int_equal(CALL(&a.f, 0x3a, &args), -EINVAL);
    args.ObjectCount = 1;
    args.hAsyncEvent = 3;
    args.hDevice = 0;
    assert_int_equal(CALL(&a.f, 0x3a, &args), -EINVAL);
    args.hAsyncEvent = FIRST_EVENT;
    assert_int_equal(CALL(&a.f, 0x3a, &args), -EINVAL);
    assert_int_equal(taken[0], 0);
    args.hDevice = a.f.device;
    args.FenceValueArray = BAD_POINTER;
    assert_int_equal(CALL(&a.f, 0x3a, &args), -EFAULT);
    assert_int_equal(taken[0], 0);
    args.FenceValueArray = NULL;
    assert_int_equal(CALL(&a.f, 0x3a, &args), -EFAULT);
    fence = make_semaphore(&a, 1, 1);
    args.FenceValueArray = &value;
    assert_int_equal(CALL(&a.f, 0x3a, &args), -EINVAL);
    assert_int_equal(wait_cpu(&a, make_fence(&a, NO_WAIT, NULL), 0, 0), -EINVAL);
    a.f.memory.take_event = NULL;
    assert_int_equal(wait_cpu(&a, make_fence(&a, 0, NULL), 0, FIRST_EVENT), -EPERM);
    stop(&a.f);
}

/* A thread that waits, and its result. */
struct sleeper {
    struct side side;
    D3DKMT_HANDLE fences[2];
    uint64_t values[2];
    uint32_t count, flags;
    long result;
    pthread_t thread;
};

static void *sleep_for_fences(void *argument)
{
    struct sleeper *s = argument;
    struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = s->side.f.device,
                                                              .ObjectCount = s->count,
                                                              .ObjectHandleArray = s->fences,
                                                              .FenceValueArray = s->values,
                                                              .Flags = s->flags};
    s->result = CALL(&s->side.f, 0x3a, &args);
    return NULL;
}

static void start_sleeper(struct sleeper *s)
{
    int before = __atomic_load_n(&sleeps, __ATOMIC_RELAXED);
    s->result = 1234;
    assert_int_equal(pthread_create(&s->thread, NULL, sleep_for_fences, s), 0);
    while (__atomic_load_n(&sleeps, __ATOMIC_RELAXED) == before) /* until it sleeps */
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

static long end_sleeper(struct sleeper *s)
{
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    return s->result;
}

static void a_cpu_sleeps_until_all_are_reached(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    struct sleeper s = {.side = a, .values = {3, 4}, .count = 2};
    s.fences[0] = make_fence(&a, 0, NULL);
    s.fences[1] = make_fence(&a, 0, NULL);
    start_sleeper(&s);
    assert_int_equal(signal_cpu(&a, s.fences[0], 3, 0), 0); /* the state is not locked meanwhile */
    assert_int_equal(signal_cpu(&a, s.fences[1], 3, 0), 0);
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    assert_int_equal(s.result, 1234);
    assert_int_equal(signal_cpu(&a, s.fences[1], 4, 0), 0);
    assert_int_equal(end_sleeper(&s), 0);
    stop(&a.f);
}

static void wait_any_ends_at_the_first(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    struct sleeper s = {.side = a, .values = {3, 4}, .count = 2, .flags = D3DDDI_WAITFORSYNCHRONIZATIONOBJECTFROMCPU_FLAGS_WaitAny};
    s.fences[0] = make_fence(&a, 0, NULL);
    s.fences[1] = make_fence(&a, 0, NULL);
    start_sleeper(&s);
    assert_int_equal(signal_cpu(&a, s.fences[1], 9, 0), 0);
    assert_int_equal(end_sleeper(&s), 0);
    stop(&a.f);
}

static void a_signal_ends_a_sleep_with_eintr(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    D3DKMT_HANDLE fence = make_fence(&a, 0, NULL);
    interrupt_at = 1;
    assert_int_equal(wait_cpu(&a, fence, 1, 0), -EINTR);
    assert_int_equal(signal_cpu(&a, fence, 1, 0), 0);
    assert_int_equal(wait_cpu(&a, fence, 1, 0), 0);
    stop(&a.f);
}

static void a_sleeper_ends_when_its_fence_or_device_goes(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    struct sleeper s = {.side = a, .fences = {make_fence(&a, 0, NULL)}, .values = {1}, .count = 1};
    start_sleeper(&s);
    assert_int_equal(destroy_sync(&a, s.fences[0]), 0);
    assert_int_equal(end_sleeper(&s), 0);
    s.fences[0] = make_fence(&a, 0, NULL);
    start_sleeper(&s);
    assert_int_equal(CALL(&a.f, 0x19, &(struct D3DKMT_DESTROYDEVICE){a.f.device}), 0);
    assert_int_equal(end_sleeper(&s), -EINVAL);
    stop(&a.f);
}

static void a_paging_fence_that_takes_its_time_is_waited_for(void **state)
{
    (void)state;
    struct softgpu_config slow = one_gib;
    slow.paging_ns = 3000000;
    struct side a;
    const uint64_t *value;
    start_sides(&a, NULL);
    struct softgpu_memory memory = a.f.memory;
    stop(&a.f);
    a.f = start_with_device(&slow);
    a.f.memory = memory;
    a.f.memory.user = a.f.gpu;
    D3DKMT_HANDLE allocation = create_one(&a.f, 0);
    struct D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = a.f.device};
    assert_int_equal(CALL(&a.f, 0x07, &queue), 0);
    value = queue.FenceValueCPUVirtualAddress;
    struct D3DDDI_MAKERESIDENT make = {.hPagingQueue = queue.hPagingQueue, .NumAllocations = 1, .AllocationList = &allocation};
    assert_int_equal(CALL(&a.f, 0x0b, &make), STATUS_PENDING);
    assert_true(*value < make.PagingFenceValue);
    assert_int_equal(wait_cpu(&a, queue.hSyncObject, make.PagingFenceValue, 0), 0);
    assert_int_equal(*value, make.PagingFenceValue);
    stop(&a.f);
}

static void an_event_is_signalled_when_all_are_reached(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    D3DKMT_HANDLE fence = make_fence(&a, 0, NULL);
    assert_int_equal(wait_cpu(&a, fence, 2, FIRST_EVENT + 1), 0);
    assert_int_equal(signal_cpu(&a, fence, 1, 0), 0);
    assert_int_equal(signalled[1], 0);
    assert_int_equal(signal_cpu(&a, fence, 2, 0), 0);
    assert_int_equal(signalled[1], 1);
    assert_int_equal(taken[1], 0);
    assert_int_equal(wait_cpu(&a, fence, 2, FIRST_EVENT + 1), 0); /* at once */
    assert_int_equal(signalled[1], 2);
    assert_int_equal(taken[1], 0);
    assert_int_equal(wait_cpu(&a, fence, 3, FIRST_EVENT + 1), 0);
    assert_int_equal(CALL(&a.f, 0x19, &(struct D3DKMT_DESTROYDEVICE){a.f.device}), 0); /* nobody waits any more */
    assert_int_equal(signalled[1], 2);
    assert_int_equal(taken[1], 0);
    stop(&a.f);
}

/* ---- Queues ---------------------------------------------------------------------------------------------------------------- */

static void a_context_that_waits_keeps_its_signals_back(void **state)
{
    (void)state;
    struct side a;
    const uint64_t *first_value, *second_value;
    start_sides(&a, NULL);
    D3DKMT_HANDLE first = make_fence(&a, 0, &first_value), second = make_fence(&a, 0, &second_value);
    assert_int_equal(signal_gpu(&a, second, 1), 0); /* nothing waits: at once */
    assert_int_equal(*second_value, 1);
    assert_int_equal(wait_gpu(&a, first, 1), 0);
    assert_int_equal(signal_gpu(&a, second, 2), 0);
    assert_int_equal(wait_gpu(&a, first, 2), 0);
    assert_int_equal(signal_gpu(&a, second, 3), 0);
    assert_int_equal(*second_value, 1);
    assert_int_equal(signal_cpu(&a, first, 1, 0), 0);
    assert_int_equal(*second_value, 2); /* in order, no further than the next wait */
    struct side other = a;
    add_context(&a.f, 0, &other.context);
    assert_int_equal(signal_gpu(&other, second, 9), 0); /* another context does not wait */
    assert_int_equal(*second_value, 9);
    assert_int_equal(signal_cpu(&a, first, 2, 0), 0);
    assert_int_equal(*second_value, 9); /* 3 is behind it */
    stop(&a.f);
}

static void contexts_let_each_other_go_on(void **state)
{
    (void)state;
    struct side a;
    const uint64_t *value;
    start_sides(&a, NULL);
    struct side b = a;
    add_context(&a.f, 0, &b.context);
    D3DKMT_HANDLE ping = make_fence(&a, 0, NULL), pong = make_fence(&a, 0, &value);
    for (uint64_t i = 1; i <= 20; i++) {
        assert_int_equal(wait_gpu(&a, ping, i), 0);
        assert_int_equal(signal_gpu(&a, pong, i), 0);
        assert_int_equal(wait_gpu(&b, pong, i), 0);
        assert_int_equal(signal_gpu(&b, ping, i + 1), 0);
    }
    assert_int_equal(*value, 0);
    assert_int_equal(signal_cpu(&a, ping, 1, 0), 0);
    assert_int_equal(*value, 20);
    stop(&a.f);
}

static void semaphores_and_mutexes_are_taken_and_given(void **state)
{
    (void)state;
    struct side a;
    const uint64_t *value;
    start_sides(&a, NULL);
    struct side b = a;
    add_context(&a.f, 0, &b.context);
    D3DKMT_HANDLE fence = make_fence(&a, 0, &value), semaphore = make_semaphore(&a, 1, 1);
    assert_int_equal(wait_gpu(&a, semaphore, 0), 0); /* takes it */
    assert_int_equal(wait_gpu(&b, semaphore, 0), 0); /* waits */
    assert_int_equal(signal_gpu(&b, fence, 1), 0);
    assert_int_equal(*value, 0);
    assert_int_equal(signal_gpu(&a, semaphore, 0), 0);
    assert_int_equal(*value, 1); /* and has it now */
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = sync_of(&a, D3DDDI_SYNCHRONIZATION_MUTEX, 0);
    args.Info.SynchronizationMutex.InitialState = 1; /* owned */
    assert_int_equal(make_sync(&a, &args), 0);
    assert_int_equal(wait_gpu(&b, args.hSyncObject, 0), 0);
    assert_int_equal(signal_gpu(&b, fence, 2), 0);
    assert_int_equal(*value, 1);
    assert_int_equal(signal_gpu(&a, args.hSyncObject, 0), 0);
    assert_int_equal(*value, 2);
    stop(&a.f);
}

static void a_notification_tells_the_cpu_of_a_gpus_signal(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = sync_of(&a, D3DDDI_CPU_NOTIFICATION, 0);
    args.Info.CPUNotification.Event = FIRST_EVENT;
    assert_int_equal(make_sync(&a, &args), 0);
    assert_int_equal(signal_gpu(&a, args.hSyncObject, 0), 0);
    assert_int_equal(signal_gpu(&a, args.hSyncObject, 0), 0);
    assert_int_equal(signalled[0], 2);
    assert_int_equal(taken[0], 1);
    assert_int_equal(wait_gpu(&a, args.hSyncObject, 0), -EINVAL);
    stop(&a.f);
}

static void a_queued_event_comes_in_its_turn(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    D3DKMT_HANDLE fence = make_fence(&a, 0, NULL);
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 args = {.Flags = D3DDDICB_SIGNALFLAGS_EnqueueCpuEvent,
                                                              .BroadcastContextCount = 1,
                                                              .BroadcastContextArray = &a.context,
                                                              .CpuEventHandle = FIRST_EVENT};
    assert_int_equal(CALL(&a.f, 0x33, &args), 0);
    assert_int_equal(signalled[0], 1);
    assert_int_equal(wait_gpu(&a, fence, 1), 0);
    assert_int_equal(CALL(&a.f, 0x33, &args), 0);
    assert_int_equal(signalled[0], 1);
    assert_int_equal(signal_cpu(&a, fence, 1, 0), 0);
    assert_int_equal(signalled[0], 2);
    assert_int_equal(taken[0], 0);
    args.ObjectCount = 1; /* an event or objects, not both */
    assert_int_equal(CALL(&a.f, 0x33, &args), -EINVAL);
    args.ObjectCount = 0;
    args.CpuEventHandle = 0;
    assert_int_equal(CALL(&a.f, 0x33, &args), -EINVAL);
    args.CpuEventHandle = 3;
    assert_int_equal(CALL(&a.f, 0x33, &args), -EINVAL);
    stop(&a.f);
}

static void a_broadcast_waits_for_all_its_contexts(void **state)
{
    (void)state;
    struct side a;
    const uint64_t *value;
    start_sides(&a, NULL);
    struct side b = a;
    add_context(&a.f, 0, &b.context);
    D3DKMT_HANDLE fence = make_fence(&a, 0, &value), gates[] = {make_fence(&a, 0, NULL), make_fence(&a, 0, NULL)};
    D3DKMT_HANDLE contexts[] = {a.context, b.context};
    uint64_t one = 1;
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 args = {.ObjectCount = 1,
                                                              .ObjectHandleArray = &fence,
                                                              .BroadcastContextCount = 2,
                                                              .BroadcastContextArray = contexts,
                                                              .MonitoredFenceValueArray = &one};
    assert_int_equal(wait_gpu(&a, gates[0], 1), 0);
    assert_int_equal(wait_gpu(&b, gates[1], 1), 0);
    assert_int_equal(CALL(&a.f, 0x33, &args), 0);
    assert_int_equal(signal_cpu(&a, gates[0], 1, 0), 0);
    assert_int_equal(*value, 0);
    assert_int_equal(signal_cpu(&a, gates[1], 1, 0), 0);
    assert_int_equal(*value, 1);
    contexts[1] = a.f.device;
    assert_int_equal(CALL(&a.f, 0x33, &args), -EINVAL);
    args.BroadcastContextCount = 0;
    assert_int_equal(CALL(&a.f, 0x33, &args), -EINVAL);
    args.BroadcastContextCount = 1;
    args.BroadcastContextArray = BAD_POINTER;
    assert_int_equal(CALL(&a.f, 0x33, &args), -EFAULT);
    stop(&a.f);
}

static void what_a_gpu_cannot_do_is_refused(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    D3DKMT_HANDLE fences[33] = {make_fence(&a, 0, NULL)};
    uint64_t values[33] = {0};
    for (int i = 1; i < 33; i++)
        fences[i] = fences[0];
    struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU args = {
        .hContext = a.context, .ObjectCount = 33, .ObjectHandleArray = fences, .MonitoredFenceValueArray = values};
    assert_int_equal(CALL(&a.f, 0x3b, &args), -EINVAL);
    args.MonitoredFenceValueArray = BAD_POINTER;
    assert_int_equal(CALL(&a.f, 0x3b, &args), -EFAULT); /* the values are read before they are counted */
    args.MonitoredFenceValueArray = values;
    args.ObjectCount = 32;
    assert_int_equal(CALL(&a.f, 0x3b, &args), 0);
    args.hContext = a.f.device;
    assert_int_equal(CALL(&a.f, 0x3b, &args), -EINVAL);
    args.ObjectHandleArray = BAD_POINTER;
    assert_int_equal(CALL(&a.f, 0x3b, &args), -EFAULT); /* the handles before the context */
    assert_int_equal(wait_gpu(&a, a.context, 0), -EINVAL);
    assert_int_equal(wait_gpu(&a, make_fence(&a, NO_WAIT, NULL), 0), -EINVAL);
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {.hContext = a.context, .ObjectHandleArray = fences};
    assert_int_equal(CALL(&a.f, 0x32, &signal), -EINVAL);
    signal.ObjectCount = 1;
    assert_int_equal(CALL(&a.f, 0x32, &signal), -EINVAL); /* a fence without a value */
    signal.ObjectHandleArray = BAD_POINTER;
    assert_int_equal(CALL(&a.f, 0x32, &signal), -EFAULT);
    signal.hContext = 0;
    assert_int_equal(CALL(&a.f, 0x32, &signal), -EINVAL);
    assert_int_equal(signal_gpu(&a, make_fence(&a, NO_SIGNAL, NULL), 1), -EINVAL);
    stop(&a.f);
}

static void waiting_work_has_a_bound(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    D3DKMT_HANDLE fence = make_fence(&a, 0, NULL);
    long result = 0;
    int made = 0;
    for (; result == 0 && made < 10000; made++)
        result = wait_cpu(&a, fence, 1, FIRST_EVENT);
    assert_int_equal(result, -ENOMEM);
    assert_int_equal(made - 1, 4096);
    assert_int_equal(taken[0], 4096);
    assert_int_equal(signal_cpu(&a, fence, 1, 0), 0);
    assert_int_equal(signalled[0], 4096);
    assert_int_equal(wait_cpu(&a, fence, 2, FIRST_EVENT), 0);
    stop(&a.f);
}

/* ---- Hardware queues and submission ---------------------------------------------------------------------------------------- */

static struct D3DKMT_CREATEHWQUEUE make_hw_queue(struct side *a)
{
    D3DKMT_HANDLE context;
    add_context(&a->f, HW_QUEUE_SUPPORTED, &context);
    struct D3DKMT_CREATEHWQUEUE args = {.hHwContext = context};
    assert_int_equal(CALL(&a->f, 0x18, &args), 0);
    return args;
}

static void a_hardware_queues_fence_tells_its_progress(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    struct D3DKMT_CREATEHWQUEUE queue = make_hw_queue(&a);
    const uint64_t *progress = queue.HwQueueProgressFenceCPUVirtualAddress;
    assert_int_equal(*progress, 0);
    assert_int_not_equal(queue.HwQueueProgressFenceGPUVirtualAddress, 0);
    D3DKMT_HANDLE gate = make_fence(&a, 0, NULL), allocation = create_one(&a.f, 0);
    struct D3DKMT_SUBMITCOMMANDTOHWQUEUE submit = {
        .hHwQueue = queue.hHwQueue, .HwQueueProgressFenceId = 1, .NumPrimaries = 1, .WrittenPrimaries = &allocation};
    assert_int_equal(CALL(&a.f, 0x34, &submit), 0);
    assert_int_equal(*progress, 1);
    uint64_t one = 1;
    struct D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE wait = {
        .hHwQueue = queue.hHwQueue, .ObjectCount = 1, .ObjectHandleArray = &gate, .FenceValueArray = &one};
    assert_int_equal(CALL(&a.f, 0x36, &wait), 0);
    submit.HwQueueProgressFenceId = 2;
    assert_int_equal(CALL(&a.f, 0x34, &submit), 0);
    assert_int_equal(*progress, 1); /* held up */
    assert_int_equal(wait_cpu(&a, queue.hHwQueueProgressFence, 2, FIRST_EVENT), 0);
    assert_int_equal(signal_cpu(&a, gate, 1, 0), 0);
    assert_int_equal(*progress, 2);
    assert_int_equal(signalled[0], 1);
    assert_int_equal(signal_cpu(&a, queue.hHwQueueProgressFence, 9, 0), -EINVAL); /* the queue's own */
    assert_int_equal(destroy_sync(&a, queue.hHwQueueProgressFence), -EINVAL);
    assert_int_equal(CALL(&a.f, 0x1b, &(struct D3DKMT_DESTROYHWQUEUE){queue.hHwQueue}), 0);
    assert_int_equal(CALL(&a.f, 0x1b, &(struct D3DKMT_DESTROYHWQUEUE){queue.hHwQueue}), -EINVAL);
    assert_int_equal(wait_cpu(&a, queue.hHwQueueProgressFence, 0, 0), -EINVAL);
    stop(&a.f);
}

static void a_hardware_queue_signals_in_its_turn(void **state)
{
    (void)state;
    struct side a;
    const uint64_t *value;
    start_sides(&a, NULL);
    struct D3DKMT_CREATEHWQUEUE queue = make_hw_queue(&a);
    D3DKMT_HANDLE gate = make_fence(&a, 0, NULL), fence = make_fence(&a, 0, &value);
    uint64_t one = 1;
    struct D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE wait = {
        .hHwQueue = queue.hHwQueue, .ObjectCount = 1, .ObjectHandleArray = &gate, .FenceValueArray = &one};
    struct D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE signal = {.BroadcastHwQueueCount = 1,
                                                             .BroadcastHwQueueArray = &queue.hHwQueue,
                                                             .ObjectCount = 1,
                                                             .ObjectHandleArray = &fence,
                                                             .FenceValueArray = &one};
    assert_int_equal(CALL(&a.f, 0x36, &wait), 0);
    assert_int_equal(CALL(&a.f, 0x35, &signal), 0);
    assert_int_equal(*value, 0);
    assert_int_equal(signal_cpu(&a, gate, 1, 0), 0);
    assert_int_equal(*value, 1);
    signal.ObjectCount = 33;
    assert_int_equal(CALL(&a.f, 0x35, &signal), -EINVAL);
    signal.ObjectCount = 0;
    assert_int_equal(CALL(&a.f, 0x35, &signal), -EINVAL);
    signal.ObjectCount = 1;
    signal.BroadcastHwQueueCount = 65;
    assert_int_equal(CALL(&a.f, 0x35, &signal), -EINVAL);
    signal.BroadcastHwQueueCount = 1;
    signal.BroadcastHwQueueArray = &a.context;
    assert_int_equal(CALL(&a.f, 0x35, &signal), -EINVAL);
    signal.BroadcastHwQueueArray = BAD_POINTER;
    assert_int_equal(CALL(&a.f, 0x35, &signal), -EFAULT);
    wait.ObjectCount = 33;
    assert_int_equal(CALL(&a.f, 0x36, &wait), -EINVAL);
    wait.ObjectCount = 1;
    wait.FenceValueArray = BAD_POINTER;
    wait.hHwQueue = 0;
    assert_int_equal(CALL(&a.f, 0x36, &wait), -EFAULT); /* the lists before the queue */
    wait.FenceValueArray = &one;
    assert_int_equal(CALL(&a.f, 0x36, &wait), -EINVAL);
    stop(&a.f);
}

static void hardware_queues_need_a_context_for_them(void **state)
{
    (void)state;
    struct side a;
    char data[4] = "abc";
    start_sides(&a, NULL);
    struct D3DKMT_CREATEHWCONTEXT hw_context = {.hDevice = a.f.device};
    assert_int_equal(CALL(&a.f, 0x17, &hw_context), -ENOTTY); /* the driver does not implement them */
    assert_int_equal(CALL(&a.f, 0x1a, &(struct D3DKMT_DESTROYHWCONTEXT){1}), -ENOTTY);
    struct D3DKMT_CREATEHWQUEUE args = {.hHwContext = a.context};
    assert_int_equal(CALL(&a.f, 0x18, &args), -EINVAL);
    args.hHwContext = a.f.device;
    assert_int_equal(CALL(&a.f, 0x18, &args), -EINVAL);
    add_context(&a.f, HW_QUEUE_SUPPORTED, &args.hHwContext);
    args.PrivateDriverDataSize = 128 * 1024 + 1;
    assert_int_equal(CALL(&a.f, 0x18, &args), -EINVAL);
    args.PrivateDriverDataSize = sizeof data;
    args.pPrivateDriverData = BAD_POINTER;
    assert_int_equal(CALL(&a.f, 0x18, &args), -EFAULT);
    args.pPrivateDriverData = data;
    assert_int_equal(CALL(&a.f, 0x18, &args), 0);
    assert_string_equal(data, "abc");
    stop(&a.f);
}

static void submissions_are_checked(void **state)
{
    (void)state;
    struct side a;
    start_sides(&a, NULL);
    D3DKMT_HANDLE allocation = create_one(&a.f, 0), history = create_one(&a.f, 0);
    char data[8] = {0};
    struct D3DKMT_SUBMITCOMMAND good = {.Commands = 0x10000,
                                        .CommandLength = 64,
                                        .BroadcastContextCount = 1,
                                        .BroadcastContext = {a.context},
                                        .pPrivateDriverData = data,
                                        .PrivateDriverDataSize = sizeof data,
                                        .NumPrimaries = 1,
                                        .WrittenPrimaries = {allocation},
                                        .NumHistoryBuffers = 1,
                                        .HistoryBufferArray = &history};
    struct D3DKMT_SUBMITCOMMAND args = good;
    assert_int_equal(CALL(&a.f, 0x0f, &args), 0);
    args.BroadcastContextCount = 0;
    assert_int_equal(CALL(&a.f, 0x0f, &args), -EINVAL);
    args.BroadcastContextCount = 65;
    assert_int_equal(CALL(&a.f, 0x0f, &args), -EINVAL);
    args = good;
    args.PrivateDriverDataSize = 128 * 1024 + 1;
    assert_int_equal(CALL(&a.f, 0x0f, &args), -EINVAL);
    args = good;
    args.NumHistoryBuffers = 1025;
    assert_int_equal(CALL(&a.f, 0x0f, &args), -EINVAL);
    args = good;
    args.NumPrimaries = 17;
    assert_int_equal(CALL(&a.f, 0x0f, &args), -EINVAL);
    args = good;
    args.BroadcastContext[0] = a.f.device;
    args.HistoryBufferArray = BAD_POINTER;
    assert_int_equal(CALL(&a.f, 0x0f, &args), -EINVAL); /* the context first */
    args.BroadcastContext[0] = a.context;
    assert_int_equal(CALL(&a.f, 0x0f, &args), -EFAULT);
    args = good;
    args.pPrivateDriverData = BAD_POINTER;
    assert_int_equal(CALL(&a.f, 0x0f, &args), -EFAULT);
    args = good;
    args.WrittenPrimaries[0] = a.context;
    assert_int_equal(CALL(&a.f, 0x0f, &args), -EINVAL);
    args = good;
    assert_int_equal(destroy(&a.f, 0, &history, 1), 0);
    assert_int_equal(CALL(&a.f, 0x0f, &args), -EINVAL);
    stop(&a.f);
}

static void the_driver_echoes_its_escapes(void **state)
{
    (void)state;
    struct side a;
    char data[4] = "abc";
    start_sides(&a, NULL);
    struct D3DKMT_ESCAPE good = {.hAdapter = a.f.adapter, .pPrivateDriverData = data, .PrivateDriverDataSize = sizeof data};
    struct D3DKMT_ESCAPE args = good;
    assert_int_equal(CALL(&a.f, 0x0d, &args), 0);
    assert_string_equal(data, "abc");
    args.hDevice = a.f.device;
    args.hContext = a.context;
    assert_int_equal(CALL(&a.f, 0x0d, &args), 0);
    args.hContext = a.f.device;
    assert_int_equal(CALL(&a.f, 0x0d, &args), -EINVAL);
    args = good;
    args.Type = 1;
    assert_int_equal(CALL(&a.f, 0x0d, &args), -EINVAL);
    args = good;
    args.PrivateDriverDataSize = 128 * 1024 + 1;
    assert_int_equal(CALL(&a.f, 0x0d, &args), -EINVAL);
    args.PrivateDriverDataSize = 4;
    args.pPrivateDriverData = BAD_POINTER;
    assert_int_equal(CALL(&a.f, 0x0d, &args), -EFAULT);
    args.hAdapter = a.f.device;
    assert_int_equal(CALL(&a.f, 0x0d, &args), -EINVAL);
    struct D3DKMT_FLUSHHEAPTRANSITIONS flush = {a.f.adapter};
    assert_int_equal(CALL(&a.f, 0x1f, &flush), 0);
    flush.hAdapter = a.f.device;
    assert_int_equal(CALL(&a.f, 0x1f, &flush), -EINVAL);
    struct D3DKMT_SHAREOBJECTWITHHOST host = {.hDevice = a.f.device, .hObject = make_fence(&a, 0, NULL)};
    assert_int_equal(CALL(&a.f, 0x44, &host), -EPERM); /* there is no host */
    host.hObject = a.f.device;
    assert_int_equal(CALL(&a.f, 0x44, &host), -EINVAL);
    stop(&a.f);
}

/* ---- Several processes ----------------------------------------------------------------------------------------------------- */

static void a_shared_fence_is_one_for_all(void **state)
{
    (void)state;
    struct side a, b;
    const uint64_t *a_value, *b_value;
    start_sides(&a, &b);
    D3DKMT_HANDLE fence = make_fence(&a, NT_SHARED, &a_value), opened = open_sync(&b, share_sync(&a, fence), &b_value);
    assert_int_equal(signal_cpu(&b, opened, 7, 0), 0);
    assert_int_equal(*a_value, 7);
    assert_ptr_equal(a_value, b_value); /* here both processes are one program */
    assert_int_equal(destroy_sync(&a, fence), 0);
    assert_int_equal(signal_cpu(&b, opened, 8, 0), 0);
    assert_int_equal(*b_value, 8);
    stop(&a.f);
}

static void a_sync_object_is_opened_by_a_device_from_its_handle(void **state)
{
    (void)state;
    struct side a, b;
    start_sides(&a, &b);
    uint64_t nt_handle = share_sync(&a, make_fence(&a, NT_SHARED, NULL));
    struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 good = {.hNtHandle = nt_handle, .hDevice = b.f.device};
    struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 args = good;
    args.hDevice = 0;
    assert_int_equal(CALL(&b.f, 0x40, &args), -EINVAL);
    args.hDevice = a.f.adapter;
    assert_int_equal(CALL(&b.f, 0x40, &args), -EINVAL);
    args = good;
    args.hNtHandle = 3;
    assert_int_equal(CALL(&b.f, 0x40, &args), -EINVAL);
    args = good;
    unwritable = (uintptr_t)&args.hSyncObject;
    assert_int_equal(CALL(&b.f, 0x40, &args), -EFAULT);
    unwritable = UINT64_MAX;
    struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = {.hDevice = b.f.device, .hNtHandle = nt_handle};
    assert_int_equal(CALL(&b.f, 0x41, &query), -EINVAL); /* no resource's */
    struct D3DKMT_SHAREOBJECTS share = {.ObjectCount = 1, .pSharedNtHandle = &nt_handle};
    D3DKMT_HANDLE unshared = make_fence(&a, 0, NULL);
    share.ObjectHandleArray = &unshared;
    assert_int_equal(CALL(&a.f, 0x3f, &share), -EINVAL);
    stop(&a.f);
}

static void a_shared_fence_lives_with_its_handle(void **state)
{
    (void)state;
    struct side a, b;
    const uint64_t *value;
    start_sides(&a, &b);
    D3DKMT_HANDLE fence = make_fence(&a, NT_SHARED, NULL);
    uint64_t nt_handle = share_sync(&a, fence);
    assert_int_equal(signal_cpu(&a, fence, 5, 0), 0);
    assert_int_equal(destroy_sync(&a, fence), 0);
    D3DKMT_HANDLE opened = open_sync(&b, nt_handle, &value);
    assert_int_equal(*value, 5);
    take_number(NULL, (int)nt_handle);
    assert_int_equal(destroy_sync(&b, opened), 0);
    struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 args = {.hNtHandle = nt_handle, .hDevice = b.f.device};
    assert_int_equal(CALL(&b.f, 0x40, &args), -EINVAL);
    stop(&a.f);
}

static void one_process_wakes_anothers_sleeper(void **state)
{
    (void)state;
    struct side a, b;
    const uint64_t *value;
    start_sides(&a, &b);
    struct sleeper s = {.side = a, .fences = {make_fence(&a, NT_SHARED, NULL)}, .values = {1}, .count = 1};
    D3DKMT_HANDLE opened = open_sync(&b, share_sync(&a, s.fences[0]), &value);
    start_sleeper(&s);
    assert_int_equal(signal_gpu(&b, opened, 1), 0);
    assert_int_equal(end_sleeper(&s), 0);
    stop(&a.f);
}

static void another_processs_event_is_left_to_it(void **state)
{
    (void)state;
    struct side a, b;
    const uint64_t *value;
    const uint32_t *bell;
    uint32_t before;
    start_sides(&a, &b);
    D3DKMT_HANDLE fence = make_fence(&a, NT_SHARED, NULL), opened = open_sync(&b, share_sync(&a, fence), &value);
    assert_false(softgpu_needs_tending(a.f.gpu, a.f.place));
    assert_int_equal(wait_cpu(&a, fence, 1, FIRST_EVENT), 0);
    assert_true(softgpu_needs_tending(a.f.gpu, a.f.place));
    softgpu_lock(a.f.gpu);
    assert_int_equal(softgpu_tend(a.f.gpu, a.f.place, &a.f.memory, &bell, &before), UINT64_MAX);
    softgpu_unlock(a.f.gpu);
    assert_int_equal(signalled[0], 0);
    assert_int_equal(signal_cpu(&b, opened, 1, 0), 0);
    assert_int_equal(signalled[0], 0); /* not by b */
    assert_int_not_equal(*bell, before);
    softgpu_lock(a.f.gpu);
    softgpu_tend(a.f.gpu, a.f.place, &a.f.memory, &bell, &before);
    softgpu_unlock(a.f.gpu);
    assert_int_equal(signalled[0], 1);
    assert_int_equal(taken[0], 0);
    assert_int_equal(wait_cpu(&a, fence, 2, FIRST_EVENT), 0);
    assert_int_equal(signal_cpu(&b, opened, 2, 0), 0);
    CALL(&a.f, 0x1d, &(struct D3DKMT_DESTROYSYNCHRONIZATIONOBJECT){0}); /* any call of its own does it too */
    assert_int_equal(signalled[0], 2);
    assert_int_equal(taken[0], 0);
    stop(&a.f);
}

/* ---- The device goes ------------------------------------------------------------------------------------------------------- */

static void remove_device(struct side *a)
{
    softgpu_lock(a->f.gpu);
    softgpu_unlock(a->f.gpu);
    struct D3DKMT_GETDEVICESTATE query = {.hDevice = a->f.device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    assert_int_equal(CALL(&a->f, 0x0e, &query), -ENODEV);
}

static void start_that_will_be_removed(struct side *a)
{
    struct softgpu_config config = one_gib;
    config.fault_count = 1;
    config.faults[0] = (struct softgpu_fault){.request = 0x0e, .kind = SOFTGPU_FAULT_REMOVE, .when = SOFTGPU_FAULT_AT, .nth = 1};
    start_sides(a, NULL);
    struct softgpu_memory memory = a->f.memory;
    stop(&a->f);
    a->f = start_with_device(&config);
    a->f.memory = memory;
    a->f.memory.user = a->f.gpu;
    add_context(&a->f, 0, &a->context);
}

static void a_removed_device_wakes_sleepers(void **state)
{
    (void)state;
    struct side a;
    const uint64_t *value, *kept;
    start_that_will_be_removed(&a);
    struct sleeper s = {.side = a, .fences = {make_fence(&a, 0, &value)}, .values = {1}, .count = 1};
    struct sleeper t = {.side = a, .fences = {make_fence(&a, NO_MAX_ON_REMOVAL, &kept)}, .values = {1}, .count = 1};
    assert_int_equal(wait_cpu(&a, s.fences[0], 9, FIRST_EVENT), 0);
    start_sleeper(&s);
    start_sleeper(&t);
    remove_device(&a);
    assert_int_equal(end_sleeper(&s), -ENODEV);
    assert_int_equal(end_sleeper(&t), -ENODEV);
    assert_int_equal(*value, UINT64_MAX); /* who polls ends too */
    assert_int_equal(*kept, 0);
    assert_int_equal(signalled[0], 1);
    assert_int_equal(taken[0], 0);
    stop(&a.f);
}

static void a_removed_device_does_nothing_more(void **state)
{
    (void)state;
    struct side a;
    start_that_will_be_removed(&a);
    struct D3DKMT_CREATEHWQUEUE queue = make_hw_queue(&a);
    D3DKMT_HANDLE fence = make_fence(&a, 0, NULL);
    uint64_t one = 1;
    remove_device(&a);
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 sync = sync_of(&a, D3DDDI_MONITORED_FENCE, 0);
    assert_int_equal(make_sync(&a, &sync), -ENODEV);
    assert_int_equal(signal_cpu(&a, fence, 1, 0), -ENODEV);
    assert_int_equal(wait_cpu(&a, fence, 1, 0), -ENODEV);
    assert_int_equal(wait_cpu(&a, fence, 1, FIRST_EVENT), -ENODEV);
    assert_int_equal(taken[0], 0);
    assert_int_equal(signal_gpu(&a, fence, 1), -ENODEV);
    assert_int_equal(wait_gpu(&a, fence, 1), -ENODEV);
    struct D3DKMT_SUBMITCOMMANDTOHWQUEUE submit = {.hHwQueue = queue.hHwQueue};
    assert_int_equal(CALL(&a.f, 0x34, &submit), -ENODEV);
    struct D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE wait = {
        .hHwQueue = queue.hHwQueue, .ObjectCount = 1, .ObjectHandleArray = &fence, .FenceValueArray = &one};
    assert_int_equal(CALL(&a.f, 0x36, &wait), -ENODEV);
    struct D3DKMT_SUBMITCOMMAND command = {.BroadcastContextCount = 1, .BroadcastContext = {a.context}};
    assert_int_equal(CALL(&a.f, 0x0f, &command), -ENODEV);
    assert_int_equal(CALL(&a.f, 0x18, &queue), -ENODEV);
    assert_int_equal(CALL(&a.f, 0x0d, &(struct D3DKMT_ESCAPE){.hAdapter = a.f.adapter}), -ENODEV);
    assert_int_equal(CALL(&a.f, 0x1f, &(struct D3DKMT_FLUSHHEAPTRANSITIONS){a.f.adapter}), -ENODEV);
    assert_int_equal(destroy_sync(&a, fence), 0);
    assert_int_equal(CALL(&a.f, 0x1b, &(struct D3DKMT_DESTROYHWQUEUE){queue.hHwQueue}), 0);
    stop(&a.f);
}

static void faults_and_delays_hold_for_waits(void **state)
{
    (void)state;
    struct softgpu_config config = one_gib;
    config.fault_count = 2;
    config.faults[0] = (struct softgpu_fault){
        .request = 0x3a, .kind = SOFTGPU_FAULT_STATUS, .when = SOFTGPU_FAULT_AT, .nth = 2, .status = (uint32_t)STATUS_NO_MEMORY};
    config.faults[1] = (struct softgpu_fault){
        .request = 0x31, .kind = SOFTGPU_FAULT_DELAY, .when = SOFTGPU_FAULT_AT, .nth = 1, .delay_ns = 2000000};
    struct side a;
    start_sides(&a, NULL);
    stop(&a.f);
    a.f = start_with_device(&config);
    D3DKMT_HANDLE fence = make_fence(&a, 0, NULL);
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(signal_cpu(&a, fence, 1, 0), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 2000000);
    assert_int_equal(wait_cpu(&a, fence, 1, 0), 0);
    assert_int_equal(wait_cpu(&a, fence, 1, 0), -ENOMEM);
    assert_int_equal(wait_cpu(&a, fence, 1, 0), 0);
    stop(&a.f);
}

static void *die_with_the_lock(void *gpu)
{
    softgpu_lock(gpu);
    return NULL;
}

static void work_survives_a_death_under_the_lock(void **state)
{
    (void)state;
    struct side a;
    const uint64_t *value;
    start_sides(&a, NULL);
    D3DKMT_HANDLE gate = make_fence(&a, 0, NULL), fence = make_fence(&a, 0, &value);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(wait_gpu(&a, gate, i), 0);
        assert_int_equal(signal_gpu(&a, fence, i), 0);
    }
    assert_int_equal(wait_cpu(&a, fence, 2, FIRST_EVENT), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, die_with_the_lock, a.f.gpu), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(signal_cpu(&a, gate, 1, 0), 0);
    assert_int_equal(*value, 1); /* in order still */
    assert_int_equal(signal_cpu(&a, gate, 2, 0), 0);
    assert_int_equal(*value, 2);
    assert_int_equal(signalled[0], 1);
    stop(&a.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_made_but_a_displays),
        cmocka_unit_test(sync_objects_that_cannot_be_are_refused),
        cmocka_unit_test(only_monitored_fences_go_with_their_device),
        cmocka_unit_test(a_paging_fence_is_no_sync_object),
        cmocka_unit_test(a_cpu_moves_fences_forward),
        cmocka_unit_test(what_a_cpu_cannot_signal_is_refused),
        cmocka_unit_test(what_a_cpu_cannot_wait_for_is_refused),
        cmocka_unit_test(a_cpu_sleeps_until_all_are_reached),
        cmocka_unit_test(wait_any_ends_at_the_first),
        cmocka_unit_test(a_signal_ends_a_sleep_with_eintr),
        cmocka_unit_test(a_sleeper_ends_when_its_fence_or_device_goes),
        cmocka_unit_test(a_paging_fence_that_takes_its_time_is_waited_for),
        cmocka_unit_test(an_event_is_signalled_when_all_are_reached),
        cmocka_unit_test(a_context_that_waits_keeps_its_signals_back),
        cmocka_unit_test(contexts_let_each_other_go_on),
        cmocka_unit_test(semaphores_and_mutexes_are_taken_and_given),
        cmocka_unit_test(a_notification_tells_the_cpu_of_a_gpus_signal),
        cmocka_unit_test(a_queued_event_comes_in_its_turn),
        cmocka_unit_test(a_broadcast_waits_for_all_its_contexts),
        cmocka_unit_test(what_a_gpu_cannot_do_is_refused),
        cmocka_unit_test(waiting_work_has_a_bound),
        cmocka_unit_test(a_hardware_queues_fence_tells_its_progress),
        cmocka_unit_test(a_hardware_queue_signals_in_its_turn),
        cmocka_unit_test(hardware_queues_need_a_context_for_them),
        cmocka_unit_test(submissions_are_checked),
        cmocka_unit_test(the_driver_echoes_its_escapes),
        cmocka_unit_test(a_shared_fence_is_one_for_all),
        cmocka_unit_test(a_sync_object_is_opened_by_a_device_from_its_handle),
        cmocka_unit_test(a_shared_fence_lives_with_its_handle),
        cmocka_unit_test(one_process_wakes_anothers_sleeper),
        cmocka_unit_test(another_processs_event_is_left_to_it),
        cmocka_unit_test(a_removed_device_wakes_sleepers),
        cmocka_unit_test(a_removed_device_does_nothing_more),
        cmocka_unit_test(faults_and_delays_hold_for_waits),
        cmocka_unit_test(work_survives_a_death_under_the_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
