/*
 * Eight threads in each of two processes do everything that softgpu shares and synchronises, at random, at once, on what the others
 * have made, while some of it is destroyed below them; then one process is killed in the middle. Nothing may hang or answer with what
 * no call answers, and in the end everything is free again. Under the thread sanitizer this also shows what the lock does not cover.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "softgpu-process.h"

enum { THREADS = 8, HANDLES = 16, NT_HANDLES = 32, RUN_MS = 1500, UNTIL_KILLED_MS = 600000 };
enum kind { FENCE, RESOURCE, CONTEXT, KINDS };

/* What both processes see. NT handles are numbers here; used with the state locked, as the ops are called so. */
struct common {
    struct {
        struct softgpu_name name;
        bool open;
    } nt_handles[NT_HANDLES];
    uint32_t next;
    uint64_t calls;
};
static struct common *common;

static int share(void *user, struct softgpu_name *name)
{
    (void)user;
    uint32_t number = common->next++ % NT_HANDLES; /* and closes the oldest */
    name->note = 1;
    common->nt_handles[number].name = *name;
    common->nt_handles[number].open = true;
    return (int)number;
}

static void unshare_number(void *user, int number) { (void)user, common->nt_handles[number].open = false; }

static int read_shared(void *user, uint64_t number, struct softgpu_name *name)
{
    (void)user;
    if (number >= NT_HANDLES || !common->nt_handles[number].open)
        return -EINVAL;
    *name = common->nt_handles[number].name;
    return 0;
}

static bool is_held(void *user, const struct softgpu_name *name)
{
    (void)user;
    for (int i = 0; i < NT_HANDLES; i++)
        if (common->nt_handles[i].open && common->nt_handles[i].name.serial == name->serial)
            return true;
    return false;
}

static int take_event(void *user, uint64_t descriptor) { return (void)user, (int)(descriptor % 4); }
static void use_event(void *user, int event) { (void)user, (void)event; }

/* A sleep of a millisecond, then a signal: nobody may signal the fence any more. */
static int sleep_on(void *user, const uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
    (void)user, (void)timeout_ns;
    struct timespec limit = {.tv_nsec = 1000000};
    return syscall(SYS_futex, word, FUTEX_WAIT, value, &limit, NULL, 0) == 0 ? 0 : -EINTR;
}

struct player {
    struct fixture f;
    D3DKMT_HANDLE made[KINDS][HANDLES];
    unsigned random;
    uint64_t calls;
    long wrong; /* an answer that none gives */
};

static unsigned draw(struct player *p, unsigned most) { return (unsigned)rand_r(&p->random) / 7 % most; }

static D3DKMT_HANDLE *pick(struct player *p, enum kind kind) { return &p->made[kind][draw(p, HANDLES)]; }

static long make_fence(struct player *p)
{
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {.hDevice = p->f.device,
                                                       .Info = {.Type = D3DDDI_MONITORED_FENCE, .Flags = draw(p, 2) ? 3 : 0}};
    long result = CALL(&p->f, 0x10, &args);
    *pick(p, FENCE) = args.hSyncObject;
    return result;
}

static long open_fence(struct player *p)
{
    struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 args = {.hNtHandle = draw(p, NT_HANDLES), .hDevice = p->f.device};
    long result = CALL(&p->f, 0x40, &args);
    *pick(p, FENCE) = args.hSyncObject;
    return result;
}

static long destroy_fence(struct player *p)
{
    return CALL(&p->f, 0x1d, &(struct D3DKMT_DESTROYSYNCHRONIZATIONOBJECT){*pick(p, FENCE)});
}

static long share_something(struct player *p)
{
    uint64_t nt_handle;
    struct D3DKMT_SHAREOBJECTS args = {
        .ObjectCount = 1, .ObjectHandleArray = pick(p, draw(p, 2) ? FENCE : RESOURCE), .pSharedNtHandle = &nt_handle};
    return CALL(&p->f, 0x3f, &args);
}

static long make_resource(struct player *p)
{
    struct creation c;
    prepare(&c, &p->f, 0x43);
    c.args.pPrivateRuntimeData = &c;
    c.args.PrivateRuntimeDataSize = draw(p, sizeof c);
    long result = create(&p->f, &c);
    *pick(p, RESOURCE) = c.args.hResource;
    return result;
}

static long open_resource(struct player *p)
{
    char runtime[sizeof(struct creation)], total[64];
    struct D3DDDI_OPENALLOCATIONINFO2 info;
    struct D3DKMT_OPENRESOURCEFROMNTHANDLE args = {.hDevice = p->f.device,
                                                   .hNtHandle = draw(p, NT_HANDLES),
                                                   .NumAllocations = 1,
                                                   .pOpenAllocationInfo2 = &info,
                                                   .PrivateRuntimeDataSize = sizeof runtime,
                                                   .pPrivateRuntimeData = runtime,
                                                   .TotalPrivateDriverDataBufferSize = sizeof total,
                                                   .pTotalPrivateDriverDataBuffer = total};
    long result = CALL(&p->f, 0x42, &args);
    *pick(p, RESOURCE) = args.hResource;
    return result;
}

static long destroy_resource(struct player *p) { return destroy(&p->f, *pick(p, RESOURCE), NULL, 0); }

static long make_context(struct player *p)
{
    struct D3DKMT_CREATECONTEXTVIRTUAL args = {.hDevice = p->f.device};
    long result = CALL(&p->f, 0x04, &args);
    *pick(p, CONTEXT) = args.hContext;
    return result;
}

static long destroy_context(struct player *p) { return CALL(&p->f, 0x05, &(struct D3DKMT_DESTROYCONTEXT){*pick(p, CONTEXT)}); }

static long signal_fence(struct player *p)
{
    uint64_t value = draw(p, 100);
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {
        .hDevice = p->f.device, .ObjectCount = 1, .ObjectHandleArray = pick(p, FENCE), .FenceValueArray = &value};
    args.Flags = draw(p, 2) * D3DDDICB_SIGNALFLAGS_AllowFenceRewind;
    return CALL(&p->f, 0x31, &args);
}

static long wait_fences(struct player *p)
{
    uint64_t values[2] = {draw(p, 100), draw(p, 100)};
    D3DKMT_HANDLE fences[2] = {*pick(p, FENCE), *pick(p, FENCE)};
    struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = p->f.device,
                                                              .ObjectCount = 1 + draw(p, 2),
                                                              .ObjectHandleArray = fences,
                                                              .FenceValueArray = values,
                                                              .hAsyncEvent = draw(p, 3),
                                                              .Flags = draw(p, 2)};
    return CALL(&p->f, 0x3a, &args);
}

static long queue_wait(struct player *p)
{
    uint64_t value = draw(p, 60);
    struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU args = {
        .hContext = *pick(p, CONTEXT), .ObjectCount = 1, .ObjectHandleArray = pick(p, FENCE), .MonitoredFenceValueArray = &value};
    return CALL(&p->f, 0x3b, &args);
}

static long queue_signal(struct player *p)
{
    uint64_t value = draw(p, 100);
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU args = {
        .hContext = *pick(p, CONTEXT), .ObjectCount = 1, .ObjectHandleArray = pick(p, FENCE), .MonitoredFenceValueArray = &value};
    return CALL(&p->f, 0x32, &args);
}

/* Now and then the device goes, with all that hangs on it, under the feet of the others in this process. */
static long change_device(struct player *p)
{
    if (draw(p, 20))
        return 0;
    CALL(&p->f, 0x19, &(struct D3DKMT_DESTROYDEVICE){p->f.device});
    struct D3DKMT_CREATEDEVICE args = {.hAdapter = p->f.adapter};
    long result = CALL(&p->f, 0x02, &args);
    p->f.device = args.hDevice;
    return result;
}

static long (*const actions[])(struct player *p) = {
    make_fence,    open_fence,   destroy_fence,   share_something, share_something, make_resource, open_resource, destroy_resource,
    make_context,  signal_fence, destroy_context, signal_fence,    wait_fences,     wait_fences,   queue_wait,    queue_signal,
    change_device, open_fence,   open_resource,   signal_fence,
};

static uint64_t run_ms = RUN_MS;

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *play(void *argument)
{
    struct player *p = argument;
    for (uint64_t end = now_ms() + run_ms; now_ms() < end && !p->wrong; p->calls++) {
        long result = actions[draw(p, sizeof actions / sizeof *actions)](p);
        if (result != 0 && result != -EINVAL && result != -ENOMEM && result != -EINTR)
            p->wrong = result;
    }
    return NULL;
}

/* One process: its threads share its device at first. The sum of wrong answers. */
static long play_all(struct fixture *f, unsigned seed)
{
    static struct player players[THREADS];
    pthread_t threads[THREADS];
    long wrong = 0;
    open_device(f);
    for (unsigned i = 0; i < THREADS; i++) {
        players[i] = (struct player){.f = *f, .random = seed * 1000 + i};
        assert_int_equal(pthread_create(&threads[i], NULL, play, &players[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        __atomic_add_fetch(&common->calls, players[i].calls, __ATOMIC_RELAXED);
        wrong = players[i].wrong ? players[i].wrong : wrong;
    }
    return wrong;
}

static void expect_all_free(struct fixture *f)
{
    struct creation c;
    softgpu_lock(f->gpu);
    softgpu_process_leave(f->gpu, 100, 1);
    softgpu_process_leave(f->gpu, 200, 1);
    for (int i = 0; i < NT_HANDLES; i++)
        common->nt_handles[i].open = false;
    softgpu_reap_shared(f->gpu, &f->memory);
    f->place = softgpu_process_enter(f->gpu, 300, 1);
    softgpu_unlock(f->gpu);
    open_device(f);
    prepare(&c, f, 0);
    c.data.size = 1ull << 30;
    c.data.flags = SOFTGPU_ALLOCATION_LOCAL;
    assert_int_equal(create(f, &c), 0);
    stop(f);
}

static struct fixture start_stress(void)
{
    struct fixture f = start(&one_gib);
    memset(common, 0, sizeof *common);
    f.memory.share = share;
    f.memory.unshare = unshare_number;
    f.memory.shared = read_shared;
    f.memory.held = is_held;
    f.memory.take_event = take_event;
    f.memory.signal_event = f.memory.drop_event = use_event;
    f.memory.sleep = sleep_on;
    return f;
}

static pid_t start_child(const struct fixture *f, uint64_t for_ms)
{
    pid_t child = fork();
    if (child == 0) {
        struct fixture own = *f;
        run_ms = for_ms;
        softgpu_lock(own.gpu);
        own.place = softgpu_process_enter(own.gpu, 200, 1);
        softgpu_unlock(own.gpu);
        _exit(play_all(&own, 2) == 0 ? 0 : 1);
    }
    return child;
}

static void two_processes_of_eight_threads_do_everything(void **state)
{
    (void)state;
    struct fixture f = start_stress();
    int status;
    pid_t child = start_child(&f, RUN_MS);
    assert_int_equal(play_all(&f, 1), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(common->calls > 1000);
    expect_all_free(&f);
}

static void a_process_is_killed_in_the_middle(void **state)
{
    (void)state;
    struct fixture f = start_stress();
    int status;
    pid_t child = start_child(&f, UNTIL_KILLED_MS);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    kill(child, SIGKILL);
    assert_int_equal(play_all(&f, 3), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    expect_all_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_processes_of_eight_threads_do_everything),
        cmocka_unit_test(a_process_is_killed_in_the_middle),
    };
    common = mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return common == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
