/*
 * softgpu-cuse keeps the rules of /dev/dxg as the kernel's character device, whatever happens to its callers: large calls, many
 * at once, processes that are killed in the middle, and its own end. Run in a guest where the server has made the node.
 *
 *     vm-cuse-node plain     the device as it comes up, with 1 GiB of local memory
 *     vm-cuse-node faults    with FAULTS (printed by vm-cuse-node env); SERVER is the server's pid, which is ended
 *     vm-cuse-node killed    the same, and the server is killed
 *     vm-cuse-node alias X   one call on X, another node of the device
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "abi/softgpu.h"
#include "dxg.h"

#define FAULTS "DestroyContext:/1:1000s,CreateContextVirtual:/1:300ms,GetDeviceState:1:0x103"
#define CALL(fd, number, args) ioctl(fd, DXG_IOCTL(number, __typeof__(*(args))), args)
enum { LOCAL_MIB = 1024 };

static long create_sized(const struct dxg *dxg, uint64_t size, D3DKMT_HANDLE *allocation)
{
    struct softgpu_private_data data = {.magic = SOFTGPU_MAGIC, .flags = SOFTGPU_ALLOCATION_LOCAL, .size = size};
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &data, .PrivateDriverDataSize = sizeof data};
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = dxg->device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    int result = CALL(dxg->fd, 0x06, &args);
    *allocation = info.hAllocation;
    return result;
}

static uint64_t used(const struct dxg *dxg)
{
    struct D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = dxg->adapter};
    assert_int_equal(CALL(dxg->fd, 0x0a, &info), 0);
    return info.CurrentUsage;
}

/* Whether nobody has any of the local memory: all of it can be had. */
static bool all_is_free(void)
{
    struct dxg dxg = dxg_open();
    D3DKMT_HANDLE allocation;
    bool had = create_sized(&dxg, (uint64_t)LOCAL_MIB << 20, &allocation) == 0;
    close(dxg.fd);
    return had;
}

/* Ends within seconds, or the test does not. */
static int wait_for(pid_t child)
{
    int status = -1;
    struct timespec slice = {.tv_nsec = 10000000};
    for (int i = 0; i < 3000; i++) {
        if (waitpid(child, &status, WNOHANG) == child)
            return status;
        nanosleep(&slice, NULL);
    }
    fail_msg("process %d did not end in 30 s", child);
    return -1;
}

static void expect_success(pid_t child)
{
    assert_int_equal(wait_for(child), 0);
}

/* A child that says a byte when it is ready. */
struct child {
    pid_t pid;
    int said;
};

static struct child start(void (*run)(int say))
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct child child = {fork(), ends[0]};
    if (child.pid == 0) {
        close(ends[0]);
        run(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    return child;
}

static void expect_said(struct child *child)
{
    char byte;
    assert_int_equal(read(child->said, &byte, 1), 1);
    close(child->said);
}

/* Waits until the child is inside an ioctl, and the server has surely taken it. */
static void expect_in_ioctl(pid_t child)
{
    char path[32], text[16] = "";
    snprintf(path, sizeof path, "/proc/%d/syscall", child);
    for (int i = 0; i < 3000; i++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t size = read(fd, text, sizeof text - 1);
        close(fd);
        text[size > 0 ? size : 0] = 0;
        if (atoi(text) == SYS_ioctl) {
            for (int turn = 0; turn < 50; turn++) /* each lets the server run, also when the machine stood still meanwhile */
                usleep(10000);
            return;
        }
        usleep(10000);
    }
    fail_msg("process %d makes no ioctl: %s", child, text);
}

static void say(int to)
{
    if (write(to, "x", 1) != 1)
        _exit(4);
}

/* ---- Calls ------------------------------------------------------------------------------------------------------------------ */

static void calls_with_1024_allocations(void **state)
{
    (void)state;
    enum { COUNT = DXG_MAX_ALLOCATIONS };
    struct dxg dxg = dxg_open();
    struct softgpu_private_data *data = calloc(COUNT, sizeof *data);
    struct D3DDDI_ALLOCATIONINFO2 *infos = calloc(COUNT, sizeof *infos);
    D3DKMT_HANDLE *list = calloc(COUNT, sizeof *list);
    for (unsigned i = 0; i < COUNT; i++) {
        data[i] = (struct softgpu_private_data){.magic = SOFTGPU_MAGIC, .size = 4096 * (1 + i % 3), .format = i};
        infos[i] = (struct D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = &data[i], .PrivateDriverDataSize = sizeof *data};
    }
    struct D3DKMT_CREATEALLOCATION create = {.hDevice = dxg.device, .NumAllocations = COUNT, .pAllocationInfo2 = infos};
    assert_int_equal(CALL(dxg.fd, 0x06, &create), 0);
    uint64_t bytes = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_not_equal(infos[i].hAllocation, 0);
        assert_int_equal(data[i].reserved, 4096 * (1 + i % 3));
        assert_int_equal(data[i].format, i);
        list[i] = infos[i].hAllocation;
        bytes += data[i].reserved;
    }
    assert_int_equal(used(&dxg), bytes);
    struct D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = dxg.device, .phAllocationList = list, .AllocationCount = COUNT};
    assert_int_equal(CALL(dxg.fd, 0x13, &destroy), 0);
    assert_int_equal(used(&dxg), 0);
    create.NumAllocations = COUNT + 1;
    assert_int_equal(CALL(dxg.fd, 0x06, &create), -1);
    assert_int_equal(errno, EINVAL);
    close(dxg.fd);
    free(data), free(infos), free(list);
}

static int create_with(const struct dxg *dxg, unsigned char *data, uint32_t size)
{
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = data, .PrivateDriverDataSize = size};
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = dxg->device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    return CALL(dxg->fd, 0x06, &args);
}

static void private_data_up_to_the_bus_packet(void **state)
{
    (void)state;
    struct dxg dxg = dxg_open();
    unsigned char *data = calloc(1, DXG_BUS_PACKET_SIZE);
    struct softgpu_private_data head = {.magic = SOFTGPU_MAGIC, .size = 1};
    assert_non_null(data);
    memset(data, 0xa5, DXG_BUS_PACKET_SIZE);
    memcpy(data, &head, sizeof head);
    assert_int_equal(create_with(&dxg, data, DXG_BUS_PACKET_SIZE - 1024), 0);
    memcpy(&head, data, sizeof head);
    assert_int_equal(head.reserved, 4096); /* written by the device */
    for (size_t i = sizeof head; i < DXG_BUS_PACKET_SIZE; i++)
        assert_int_equal(data[i], 0xa5);
    assert_int_equal(create_with(&dxg, data, DXG_BUS_PACKET_SIZE - 1), -1);
    assert_int_equal(errno, EOVERFLOW);
    assert_int_equal(create_with(&dxg, data, DXG_BUS_PACKET_SIZE), -1);
    assert_int_equal(errno, EINVAL);
    free(data);
    close(dxg.fd);
}

/* NOT_SUPPORTED comes as EPERM, as the guest driver gives it back. */
static void what_needs_the_callers_address_space_is_not_supported(void **state)
{
    (void)state;
    struct dxg dxg = dxg_open();
    struct D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = dxg.device};
    assert_int_equal(CALL(dxg.fd, 0x07, &queue), -1);
    assert_int_equal(errno, EPERM);
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.hDevice = dxg.device, .Info.Type = D3DDDI_MONITORED_FENCE};
    assert_int_equal(CALL(dxg.fd, 0x10, &fence), -1);
    assert_int_equal(errno, EPERM);
    struct D3DKMT_LOCK2 lock = {.hDevice = dxg.device};
    assert_int_equal(create_sized(&dxg, 4096, &lock.hAllocation), 0);
    assert_int_equal(CALL(dxg.fd, 0x25, &lock), -1);
    assert_int_equal(errno, EPERM);
    assert_null(lock.pData);
    close(dxg.fd);
}

static void nothing_can_be_shared(void **state)
{
    (void)state;
    struct dxg dxg = dxg_open();
    struct softgpu_private_data data = {.magic = SOFTGPU_MAGIC, .size = 4096};
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &data, .PrivateDriverDataSize = sizeof data};
    struct D3DKMT_CREATEALLOCATION create = {.hDevice = dxg.device, .NumAllocations = 1, .pAllocationInfo2 = &info,
                                             .Flags = D3DKMT_CREATEALLOCATION_CreateResource |
                                                      D3DKMT_CREATEALLOCATION_CreateShared |
                                                      D3DKMT_CREATEALLOCATION_NtSecuritySharing};
    assert_int_equal(CALL(dxg.fd, 0x06, &create), 0);
    uint64_t handle = 0;
    struct D3DKMT_SHAREOBJECTS share = {.ObjectCount = 1, .ObjectHandleArray = &create.hResource, .pSharedNtHandle = &handle};
    assert_int_equal(CALL(dxg.fd, 0x3f, &share), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(handle, 0);
    close(dxg.fd);
}

static void other_operations_are_the_drivers(void **state)
{
    (void)state;
    struct dxg dxg = dxg_open();
    char byte = 0;
    int fd = open("/dev/dxg", O_RDWR | O_CLOEXEC);
    assert_int_equal(read(fd, &byte, 1), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(write(fd, &byte, 1), -1);
    assert_int_equal(errno, EINVAL);
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(errno, ENODEV);
    struct pollfd asked = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&asked, 1, 60000), 1);
    assert_int_equal(ioctl(fd, _IOWR('G', 0x7f, int), &byte), -1);
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(ioctl(fd, _IOWR('G', 0x02, int), &byte), -1); /* a structure of another size */
    assert_int_equal(errno, ENOTTY);
    close(fd), close(dxg.fd);
}

#ifdef __x86_64__
/* An ioctl as a 32-bit program makes it, with its argument below 4 GiB: the result, or a negative errno. */
static int ioctl_of_32_bits(int fd, unsigned request, void *argument)
{
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(54), "b"(fd), "c"(request), "d"(argument) : "memory");
    return result;
}

static void programs_of_32_bits_are_refused(void **state)
{
    (void)state;
    struct dxg dxg = dxg_open();
    struct D3DKMT_ENUMADAPTERS2 *list = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    assert_ptr_not_equal(list, MAP_FAILED);
    assert_int_equal(ioctl_of_32_bits(dxg.fd, (unsigned)DXG_IOCTL(0x14, struct D3DKMT_ENUMADAPTERS2), list), -ENOTTY);
    assert_int_equal(CALL(dxg.fd, 0x14, list), 0);
    munmap(list, 4096);
    close(dxg.fd);
}
#else
static void programs_of_32_bits_are_refused(void **state)
{
    (void)state;
    skip();
}
#endif

/* ---- Many at once ------------------------------------------------------------------------------------------------------------ */

enum { CROWD = 32, ROUNDS = 40 };

static void churn(const struct dxg *dxg, uint64_t own)
{
    for (int i = 0; i < ROUNDS; i++) {
        D3DKMT_HANDLE allocation;
        if (create_sized(dxg, own, &allocation) != 0)
            dxg_die("CREATEALLOCATION");
        dxg_destroy(dxg, allocation);
    }
}

static int gate[2]; /* all wait until it is closed */

static void one_of_a_crowd(int ready)
{
    struct dxg dxg = dxg_open();
    char byte;
    D3DKMT_HANDLE kept;
    uint64_t own = 4096u * (1 + (unsigned)getpid() % 64);
    close(gate[1]);
    say(ready);
    if (read(gate[0], &byte, 1) != 0 || create_sized(&dxg, own, &kept) != 0)
        _exit(5);
    churn(&dxg, own);
    _exit(used(&dxg) == own ? 0 : 6);
}

static void processes_call_at_once(void **state)
{
    (void)state;
    struct child children[CROWD];
    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < CROWD; i++)
        children[i] = start(one_of_a_crowd);
    for (int i = 0; i < CROWD; i++)
        expect_said(&children[i]);
    close(gate[1]);
    for (int i = 0; i < CROWD; i++)
        expect_success(children[i].pid);
    close(gate[0]);
    assert_true(all_is_free());
}

static void *churn_on_thread(void *user)
{
    churn(user, 8192);
    return NULL;
}

static void threads_call_at_once(void **state)
{
    (void)state;
    struct dxg dxg = dxg_open();
    pthread_t threads[CROWD];
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn_on_thread, &dxg), 0);
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(used(&dxg), 0);
    close(dxg.fd);
}

static void memory_runs_out_and_comes_back(void **state)
{
    (void)state;
    static D3DKMT_HANDLE list[LOCAL_MIB];
    struct dxg dxg = dxg_open();
    for (int round = 0; round < 2; round++) {
        unsigned count = 0;
        while (create_sized(&dxg, 16 << 20, &list[count]) == 0)
            count++;
        assert_int_equal(errno, EINVAL); /* the guest driver knows no errno for STATUS_GRAPHICS_NO_VIDEO_MEMORY */
        assert_int_equal(count, LOCAL_MIB / 16);
        while (count)
            dxg_destroy(&dxg, list[--count]);
    }
    assert_int_equal(used(&dxg), 0);
    close(dxg.fd);
}

/* ---- Death ------------------------------------------------------------------------------------------------------------------- */

static void take_all(int ready)
{
    struct dxg dxg = dxg_open();
    D3DKMT_HANDLE allocation;
    if (create_sized(&dxg, (uint64_t)LOCAL_MIB << 20, &allocation) != 0)
        dxg_die("CREATEALLOCATION");
    say(ready);
    pause();
}

static void a_killed_process_leaves_nothing(void **state)
{
    (void)state;
    struct child child = start(take_all);
    expect_said(&child);
    assert_false(all_is_free());
    kill(child.pid, SIGKILL);
    assert_int_equal(wait_for(child.pid), SIGKILL);
    assert_true(all_is_free());
}

static void *churn_for_ever(void *user)
{
    for (;;)
        churn(user, 1 << 20);
    return NULL;
}

static void churn_on_threads(int ready)
{
    static struct dxg dxg;
    pthread_t thread;
    dxg = dxg_open();
    for (int i = 0; i < 8; i++)
        pthread_create(&thread, NULL, churn_for_ever, &dxg);
    say(ready);
    pause();
}

static void killed_in_the_middle_of_calls_leaves_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        struct child child = start(churn_on_threads);
        expect_said(&child);
        usleep(20000 + 5000 * (unsigned)i);
        kill(child.pid, SIGKILL);
        assert_int_equal(wait_for(child.pid), SIGKILL);
    }
    assert_true(all_is_free());
}

/* More than the device knows at once. */
static void places_of_the_dead_are_given_again(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        pid_t child = fork();
        if (child == 0) {
            dxg_open();
            raise(SIGKILL);
        }
        assert_int_equal(wait_for(child), SIGKILL);
    }
    assert_true(all_is_free());
}

/* Holds all local memory, and leaves its descriptor to a child that lives on. */
static void leave_to_a_child(int ready)
{
    struct dxg dxg = dxg_open();
    D3DKMT_HANDLE allocation;
    if (create_sized(&dxg, (uint64_t)LOCAL_MIB << 20, &allocation) != 0)
        dxg_die("CREATEALLOCATION");
    if (fork() == 0) {
        char byte;
        struct D3DKMT_ENUMADAPTERS2 list = {0};
        if (CALL(dxg.fd, 0x14, &list) == -1 && errno == ENOTTY)
            say(ready);
        (void)!read(gate[0], &byte, 1); /* until the test is over */
        _exit(0);
    }
}

static void death_counts_though_a_child_has_the_descriptor(void **state)
{
    (void)state;
    assert_int_equal(pipe(gate), 0);
    struct child child = start(leave_to_a_child);
    expect_said(&child);
    expect_success(child.pid);
    assert_true(all_is_free());
    assert_int_equal(write(gate[1], "x", 1), 1);
    close(gate[0]), close(gate[1]);
}

/* ---- Waiting calls (faults) -------------------------------------------------------------------------------------------------- */

/* Faults give values: a success of its own, and errors, as the guest driver passes them on. */
static void values_come_unchanged(void **state)
{
    (void)state;
    struct dxg dxg = dxg_open();
    errno = 77;
    struct D3DKMT_GETDEVICESTATE device_state = {.hDevice = dxg.device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    assert_int_equal(CALL(dxg.fd, 0x0e, &device_state), STATUS_PENDING);
    assert_int_equal(CALL(dxg.fd, 0x0e, &device_state), 0);
    struct D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = 77, .ExistingHeapData.Size = 4096};
    struct D3DDDI_ALLOCATIONINFO2 info = {0};
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = dxg.device, .NumAllocations = 1, .pAllocationInfo2 = &info,
                                           .Flags = D3DKMT_CREATEALLOCATION_StandardAllocation |
                                                    D3DKMT_CREATEALLOCATION_CreateResource,
                                           .pStandardAllocation = &standard};
    assert_int_equal(CALL(dxg.fd, 0x06, &args), (int)0xC000000D);
    assert_int_equal(errno, 77);
    close(dxg.fd);
}

static volatile sig_atomic_t handled;
static void count_signal(int number)
{
    (void)number;
    handled++;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void a_handled_signal_does_not_cut_a_delay(void **state)
{
    (void)state;
    struct dxg dxg = dxg_open();
    struct sigaction action = {.sa_handler = count_signal};
    struct itimerval soon = {{0, 50000}, {0, 50000}}, never = {0};
    sigaction(SIGALRM, &action, NULL);
    struct D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = dxg.device};
    double begin = seconds();
    setitimer(ITIMER_REAL, &soon, NULL);
    int result = CALL(dxg.fd, 0x04, &context), error = errno;
    setitimer(ITIMER_REAL, &never, NULL);
    if (result)
        fail_msg("%d, errno %d", result, error);
    assert_true(seconds() - begin >= 0.3);
    assert_true(handled > 0);
    close(dxg.fd);
}

static void wait_for_ever(const struct dxg *dxg)
{
    struct D3DKMT_DESTROYCONTEXT args = {.hContext = 0};
    _exit(CALL(dxg->fd, 0x05, &args) == -1 && errno == EINTR ? 0 : 7);
}

static void wait_in_a_call(int ready)
{
    struct dxg dxg = dxg_open();
    say(ready);
    wait_for_ever(&dxg);
}

static void wait_in_a_call_that_is_lost(int ready)
{
    struct dxg dxg = dxg_open();
    struct D3DKMT_DESTROYCONTEXT args = {.hContext = 0};
    say(ready);
    _exit(CALL(dxg.fd, 0x05, &args) == -1 && errno == ECONNABORTED ? 0 : 7);
}

static void *wait_on_thread(void *user)
{
    wait_for_ever(user);
    return NULL;
}

static atomic_int refused;
static void *wait_or_be_refused(void *user)
{
    const struct dxg *dxg = user;
    struct D3DKMT_DESTROYCONTEXT args = {.hContext = 0};
    if (CALL(dxg->fd, 0x05, &args) == -1 && errno == ENOMEM)
        refused++;
    return NULL;
}

/* Many threads wait; the process ends by itself. */
static void exit_while_threads_wait(int ready)
{
    static struct dxg dxg;
    pthread_t thread;
    dxg = dxg_open();
    for (int i = 0; i < 20; i++)
        pthread_create(&thread, NULL, wait_on_thread, &dxg);
    usleep(200000);
    say(ready);
    _exit(0);
}

/* Meets a signal first, of which the kernel tells; of a second one it would not. */
static void wait_with_a_handler(int ready)
{
    struct sigaction action = {.sa_handler = count_signal};
    sigaction(SIGALRM, &action, NULL);
    alarm(1);
    wait_in_a_call(ready);
}

static void killed_callers_end_at_once(void **state)
{
    (void)state;
    struct child children[CROWD];
    for (int i = 0; i < CROWD; i++)
        children[i] = start(wait_in_a_call);
    for (int i = 0; i < CROWD; i++)
        expect_said(&children[i]);
    expect_in_ioctl(children[CROWD - 1].pid);
    struct dxg dxg = dxg_open(); /* others are answered meanwhile */
    assert_int_equal(used(&dxg), 0);
    for (int i = 0; i < CROWD; i++)
        kill(children[i].pid, i % 2 ? SIGKILL : SIGTERM);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(wait_for(children[i].pid), i % 2 ? SIGKILL : SIGTERM);
    close(dxg.fd);
}

static void killed_after_a_handled_signal(void **state)
{
    (void)state;
    struct child child = start(wait_with_a_handler);
    expect_said(&child);
    usleep(1500000);
    assert_int_equal(waitpid(child.pid, NULL, WNOHANG), 0);
    kill(child.pid, SIGKILL);
    assert_int_equal(wait_for(child.pid), SIGKILL);
}

static void a_process_may_exit_while_its_threads_wait(void **state)
{
    (void)state;
    struct child child = start(exit_while_threads_wait);
    expect_said(&child);
    expect_success(child.pid);
}

/* More calls wait than the server has threads for: the rest are refused, and no kill is missed. */
static void wait_on_too_many_threads(int ready)
{
    enum { TOO_MANY = 1100, REFUSED_AT_LEAST = 50 };
    static struct dxg dxg;
    static pthread_t threads[TOO_MANY];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 * 1024);
    dxg = dxg_open();
    for (int i = 0; i < TOO_MANY; i++)
        if (pthread_create(&threads[i], &small, wait_or_be_refused, &dxg) != 0)
            _exit(8);
    while (refused < REFUSED_AT_LEAST)
        usleep(10000);
    say(ready);
    pause();
}

static void too_many_calls_are_refused(void **state)
{
    (void)state;
    struct child child = start(wait_on_too_many_threads);
    expect_said(&child);
    kill(child.pid, SIGKILL);
    assert_int_equal(wait_for(child.pid), SIGKILL);
    struct dxg dxg = dxg_open();
    assert_int_equal(used(&dxg), 0);
    close(dxg.fd);
}

static void the_server_may_end_while_calls_wait(void **state)
{
    (void)state;
    struct child children[4];
    pid_t server = (pid_t)atoi(getenv("SERVER"));
    for (int i = 0; i < 4; i++) {
        children[i] = start(wait_in_a_call);
        expect_said(&children[i]);
    }
    for (int i = 0; i < 4; i++)
        expect_in_ioctl(children[i].pid);
    kill(server, SIGTERM);
    for (int i = 0; i < 4; i++)
        expect_success(children[i].pid); /* EINTR */
    for (int i = 0; i < 3000 && access("/dev/dxg", F_OK) == 0; i++)
        usleep(10000);
    assert_int_equal(open("/dev/dxg", O_RDONLY), -1);
    assert_int_equal(errno, ENOENT);
}

/* The kernel ends the calls, and takes the node away. */
static void the_server_may_be_killed_while_calls_wait(void **state)
{
    (void)state;
    struct dxg dxg = dxg_open();
    struct child child = start(wait_in_a_call_that_is_lost);
    expect_said(&child);
    expect_in_ioctl(child.pid);
    kill((pid_t)atoi(getenv("SERVER")), SIGKILL);
    expect_success(child.pid);
    struct D3DKMT_ENUMADAPTERS2 list = {0};
    assert_int_equal(CALL(dxg.fd, 0x14, &list), -1);
    assert_int_equal(errno, ENOTCONN);
    close(dxg.fd);
}

/* Another node of the same device, to be recorded. */
static int count_adapters(const char *path)
{
    struct D3DKMT_ENUMADAPTERS2 list = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || CALL(fd, 0x14, &list) != 0)
        dxg_die(path);
    return list.NumAdapters == 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest plain[] = {
        cmocka_unit_test(calls_with_1024_allocations),
        cmocka_unit_test(private_data_up_to_the_bus_packet),
        cmocka_unit_test(what_needs_the_callers_address_space_is_not_supported),
        cmocka_unit_test(nothing_can_be_shared),
        cmocka_unit_test(other_operations_are_the_drivers),
        cmocka_unit_test(programs_of_32_bits_are_refused),
        cmocka_unit_test(processes_call_at_once),
        cmocka_unit_test(threads_call_at_once),
        cmocka_unit_test(memory_runs_out_and_comes_back),
        cmocka_unit_test(a_killed_process_leaves_nothing),
        cmocka_unit_test(killed_in_the_middle_of_calls_leaves_nothing),
        cmocka_unit_test(places_of_the_dead_are_given_again),
        cmocka_unit_test(death_counts_though_a_child_has_the_descriptor),
    };
    const struct CMUnitTest faults[] = {
        cmocka_unit_test(values_come_unchanged),
        cmocka_unit_test(a_handled_signal_does_not_cut_a_delay),
        cmocka_unit_test(killed_callers_end_at_once),
        cmocka_unit_test(killed_after_a_handled_signal),
        cmocka_unit_test(a_process_may_exit_while_its_threads_wait),
        cmocka_unit_test(too_many_calls_are_refused),
        cmocka_unit_test(the_server_may_end_while_calls_wait),
    };
    const struct CMUnitTest killed[] = {
        cmocka_unit_test(the_server_may_be_killed_while_calls_wait),
    };
    const char *part = argc == 2 ? argv[1] : "";
    if (argc == 3 && strcmp(argv[1], "alias") == 0)
        return count_adapters(argv[2]);
    if (strcmp(part, "env") == 0)
        return puts(SOFTGPU_ENV_FAULTS "=" FAULTS) < 0;
    cmocka_set_message_output(CM_OUTPUT_TAP);
    if (strcmp(part, "plain") == 0)
        return cmocka_run_group_tests(plain, NULL, NULL);
    if (strcmp(part, "faults") == 0)
        return cmocka_run_group_tests(faults, NULL, NULL);
    if (strcmp(part, "killed") == 0)
        return cmocka_run_group_tests(killed, NULL, NULL);
    fputs("Usage: vm-cuse-node plain|faults|killed|env|alias NODE\n", stderr);
    return 2;
}
