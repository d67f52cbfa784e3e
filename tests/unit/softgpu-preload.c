/*
 * The preload library gives unmodified programs a /dev/dxg: it is found and opened like a device, its descriptors come and go as
 * descriptors do, fork and signal handlers find it as the real driver's, and bad pointers are EFAULT. This program starts itself
 * again with the library preloaded. With SOFTGPU_NODE set it asks the same of the node that is there, which softgpu-cuse made.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/d3dkmt.h"
#include "abi/softgpu.h"
#include "base/error.h"
#include "launch/launch.h"

#define REQUEST(number, args) _IOC(_IOC_READ | _IOC_WRITE, 'G', number, sizeof *(args))
#define CALL(fd, number, args) ioctl(fd, REQUEST(number, args), args)

/* Before any constructor, ours and the preload's: libdxg opens the device in a static initialiser. */
static int early_fd = -2;
static void open_early(void) { early_fd = open("/dev/dxg", O_RDONLY | O_CLOEXEC); }
__attribute__((section(".preinit_array"), used)) static void (*const before_constructors)(void) = open_early;

struct device {
    int fd;
    D3DKMT_HANDLE adapter, device;
};

static int open_dxg(void)
{
    int fd = open("/dev/dxg", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static struct device make_device(int fd)
{
    struct D3DKMT_ADAPTERINFO info;
    struct D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 1, .pAdapters = &info};
    assert_int_equal(CALL(fd, 0x14, &list), 0);
    struct D3DKMT_CREATEDEVICE device = {.hAdapter = info.hAdapter};
    assert_int_equal(CALL(fd, 0x02, &device), 0);
    return (struct device){fd, info.hAdapter, device.hDevice};
}

static int create(const struct device *device, uint64_t size, D3DKMT_HANDLE *allocation)
{
    struct softgpu_private_data data = {.magic = SOFTGPU_MAGIC, .size = size};
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &data, .PrivateDriverDataSize = sizeof data};
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = device->device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    int result = CALL(device->fd, 0x06, &args);
    *allocation = info.hAllocation;
    return result;
}

static int destroy(const struct device *device, D3DKMT_HANDLE allocation)
{
    struct D3DKMT_DESTROYALLOCATION2 args = {
        .hDevice = device->device, .phAllocationList = &allocation, .AllocationCount = 1};
    return CALL(device->fd, 0x13, &args);
}

static uint64_t used(const struct device *device)
{
    struct D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = device->adapter};
    assert_int_equal(CALL(device->fd, 0x0a, &info), 0);
    return info.CurrentUsage;
}

/* Whether the handle of a device is known through this descriptor. */
static bool knows(int fd, D3DKMT_HANDLE device)
{
    struct D3DKMT_GETDEVICESTATE state = {.hDevice = device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    return CALL(fd, 0x0e, &state) == 0;
}

static void expect_child_success(pid_t child)
{
    int status;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- Finding and opening ---------------------------------------------------------------------------------------------------- */

static void is_there_before_constructors(void **state)
{
    (void)state;
    assert_true(early_fd >= 0);
    make_device(early_fd);
    assert_int_equal(close(early_fd), 0);
}

static void looks_like_a_device(void **state)
{
    (void)state;
    struct stat status;
    struct statx statx_status;
    assert_int_equal(stat("/dev/dxg", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    assert_int_equal(lstat("/dev/dxg", &status), 0);
    assert_int_equal(fstatat(AT_FDCWD, "/dev/dxg", &status, 0), 0);
    assert_int_equal(statx(AT_FDCWD, "/dev/dxg", 0, STATX_BASIC_STATS, &statx_status), 0);
    assert_true(S_ISCHR(statx_status.stx_mode));
    assert_int_equal(access("/dev/dxg", R_OK | W_OK), 0);
    assert_int_equal(faccessat(AT_FDCWD, "/dev/dxg", F_OK, 0), 0);
    assert_int_equal(access("/dev/dxg", X_OK), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(access("/dev/null", R_OK), 0); /* others are as they were */
    assert_int_equal(stat("/nonexistent", &status), -1);
    assert_int_equal(errno, ENOENT);
}

static void opens_as_asked(void **state)
{
    (void)state;
    char link[64] = "", path[32];
    errno = 77;
    int fd = open("/dev/dxg", O_RDONLY | O_CLOEXEC);
    assert_int_equal(errno, 77);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert_true(readlink(path, link, sizeof link - 1) > 0);
    assert_string_equal(link, getenv("SOFTGPU_NODE") ? "/dev/dxg" : "/memfd:softgpu:/dev/dxg (deleted)");
    int second = openat(AT_FDCWD, "/dev/dxg", O_RDWR);
    assert_int_equal(second, fd + 1); /* the lowest number that is free, and no other is taken */
    assert_int_equal(fcntl(second, F_GETFL) & O_ACCMODE, O_RDWR);
    assert_int_equal(fcntl(second, F_GETFD), 0);
    int third = open("/dev/null", O_RDONLY);
    assert_int_equal(third, second + 1);
    assert_int_equal(write(second, "x", 1), -1); /* sealed */
    assert_int_equal(open("/dev/dxg", O_RDWR | O_CREAT | O_EXCL, 0600), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(open("/dev/dxg", O_RDONLY | O_DIRECTORY), -1);
    assert_int_equal(errno, ENOTDIR);
    close(third), close(second), close(fd);
}

/* ---- Descriptors ------------------------------------------------------------------------------------------------------------ */

static void all_opens_share_one_table_until_the_last_close(void **state)
{
    (void)state;
    int first = open_dxg(), second = open_dxg();
    struct device device = make_device(first);
    assert_true(knows(second, device.device));
    close(first);
    assert_true(knows(second, device.device));
    close(second);
    int again = open_dxg();
    assert_false(knows(again, device.device));
    close(again);
}

static void duplicates_are_the_device_too(void **state)
{
    (void)state;
    int fd = open_dxg();
    struct device device = make_device(fd);
    int copies[] = {dup(fd), fcntl(fd, F_DUPFD_CLOEXEC, 200), fcntl(fd, F_DUPFD, 1100), dup2(fd, 300), dup3(fd, 301, O_CLOEXEC)};
    close(fd);
    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) {
        assert_true(copies[i] >= 0);
        assert_true(knows(copies[i], device.device));
        if (i + 1 < sizeof copies / sizeof *copies)
            close(copies[i]);
    }
    int null = open("/dev/null", O_RDONLY);
    assert_int_equal(dup2(null, 301), 301); /* the last one is closed by being replaced */
    assert_false(knows(301, device.device));
    assert_int_equal(errno, ENOTTY);
    fd = open_dxg();
    assert_false(knows(fd, device.device));
    close(fd), close(301), close(null);
}

/* In a child, as everything from the device's descriptor on is closed: 0, or which step failed. */
static int close_ranges(void)
{
    int fd = open_dxg();
    struct device device = make_device(fd);
    if (close_range((unsigned)fd, ~0u, 0) != 0 || knows(fd, device.device) || errno != EBADF)
        return 1;
    fd = open_dxg();
    if (knows(fd, device.device)) /* it was the last one: all was destroyed */
        return 2;
    device = make_device(fd);
    closefrom(fd);
    if (knows(fd, device.device) || errno != EBADF)
        return 3;
    return knows(open_dxg(), device.device) ? 4 : 0;
}

static void ranges_close_it(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(close_ranges());
    expect_child_success(child);
}

static void a_number_that_was_the_device_is_forgotten(void **state)
{
    (void)state;
    int fd = open_dxg();
    make_device(fd);
    close(fd);
    int null = open("/dev/null", O_RDONLY);
    assert_int_equal(null, fd);
    struct D3DKMT_ENUMADAPTERS2 list = {0};
    assert_int_equal(CALL(null, 0x14, &list), -1);
    assert_int_equal(errno, ENOTTY);
    close(null);
    assert_int_equal(CALL(null, 0x14, &list), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(close(null), -1);
    assert_int_equal(errno, EBADF);
}

/* ---- Other processes -------------------------------------------------------------------------------------------------------- */

static void a_forked_child_gets_enotty_and_may_open(void **state)
{
    (void)state;
    int fd = open_dxg();
    struct device device = make_device(fd);
    D3DKMT_HANDLE allocation;
    assert_int_equal(create(&device, 4096, &allocation), 0);
    pid_t child = fork();
    if (child == 0) {
        struct D3DKMT_ENUMADAPTERS2 list = {0};
        if (CALL(fd, 0x14, &list) != -1 || errno != ENOTTY)
            _exit(1);
        int own = open_dxg();
        if (knows(own, device.device) || CALL(own, 0x14, &list) != 0)
            _exit(2);
        struct device mine = make_device(own);
        if (create(&mine, 8192, &allocation) != 0 || used(&mine) != 8192)
            _exit(3);
        close(fd); /* the parent's stays the parent's */
        close(own);
        _exit(0);
    }
    expect_child_success(child);
    assert_true(knows(fd, device.device));
    assert_int_equal(used(&device), 4096);
    assert_int_equal(destroy(&device, allocation), 0);
    close(fd);
}

static void a_descriptor_from_a_socket_is_enotty(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    pid_t child = fork();
    if (child == 0) { /* the other process: opens, and sends its descriptor */
        int fd = open_dxg();
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
        _exit(sendmsg(pair[1], &message, 0) == 1 ? 0 : 1);
    }
    assert_int_equal(recvmsg(pair[0], &message, 0), 1);
    int fd;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    struct D3DKMT_ENUMADAPTERS2 list = {0};
    assert_int_equal(CALL(fd, 0x14, &list), -1);
    assert_int_equal(errno, ENOTTY);
    expect_child_success(child);
    close(fd), close(pair[0]), close(pair[1]);
}

/* ---- Pointers --------------------------------------------------------------------------------------------------------------- */

static void bad_pointers_are_efault(void **state)
{
    (void)state;
    struct device device = make_device(open_dxg());
    char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    mprotect(pages + 4096, 4096, PROT_NONE);
    mprotect(pages + 8192, 4096, PROT_READ);
    struct D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 1};
    void *const bad[] = {NULL, (void *)1, pages + 4096, pages + 4096 - 8, (void *)UINTPTR_MAX, (void *)0xffff800000000000};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ioctl(device.fd, REQUEST(0x14, &list), bad[i]), -1);
        assert_int_equal(errno, EFAULT);
        if (bad[i]) {
            list.pAdapters = bad[i];
            assert_int_equal(CALL(device.fd, 0x14, &list), -1);
            assert_int_equal(errno, EFAULT);
        }
    }
    list.pAdapters = (void *)(pages + 8192); /* readable, not writable */
    assert_int_equal(CALL(device.fd, 0x14, &list), -1);
    assert_int_equal(errno, EFAULT);
    list.pAdapters = (void *)pages;
    assert_int_equal(CALL(device.fd, 0x14, &list), 0);
    close(device.fd);
    munmap(pages, 3 * 4096);
}

static struct softgpu_private_data static_data = {.magic = SOFTGPU_MAGIC, .size = 1};
static const struct softgpu_private_data constant_data = {.magic = SOFTGPU_MAGIC, .size = 1};

static int create_from(const struct device *device, const void *data, uint32_t size)
{
    struct D3DDDI_ALLOCATIONINFO2 *info = calloc(1, sizeof *info);
    struct D3DKMT_CREATEALLOCATION *args = calloc(1, sizeof *args);
    info->pPrivateDriverData = (void *)data;
    info->PrivateDriverDataSize = size;
    *args = (struct D3DKMT_CREATEALLOCATION){.hDevice = device->device, .NumAllocations = 1, .pAllocationInfo2 = info};
    int result = CALL(device->fd, 0x06, args);
    free(args);
    free(info);
    return result;
}

/* Memory of every kind is read and written rightly: stack, heap, the program's data, mappings, constants. */
static void memory_of_every_kind_is_reached(void **state)
{
    (void)state;
    struct device device = make_device(open_dxg());
    struct softgpu_private_data local = static_data, *heap = malloc(sizeof *heap), *large = malloc(1 << 20);
    *heap = *large = static_data;
    struct softgpu_private_data *const writable[] = {&local, heap, large, &static_data};
    for (size_t i = 0; i < sizeof writable / sizeof *writable; i++) {
        assert_int_equal(create_from(&device, writable[i], sizeof local), 0);
        assert_int_equal(writable[i]->reserved, 4096);
        assert_int_equal(writable[i]->segment, SOFTGPU_SEGMENT_LOCAL);
    }
    assert_int_equal(create_from(&device, "another driver's data, longer than softgpu's is", 44), 0);
    errno = 0;
    assert_int_equal(create_from(&device, &constant_data, sizeof constant_data), -1); /* the driver's answer cannot be written */
    assert_int_equal(errno, EFAULT);
    free(large);
    free(heap);
    close(device.fd);
}

static void errno_is_left_alone(void **state)
{
    (void)state;
    errno = 77;
    struct device device = make_device(open_dxg());
    D3DKMT_HANDLE allocation;
    assert_int_equal(create(&device, 1, &allocation), 0);
    assert_int_equal(destroy(&device, allocation), 0);
    close(device.fd);
    assert_int_equal(errno, 77);
}

static void a_paging_fence_can_be_read_only(void **state)
{
    (void)state;
    struct device device = make_device(open_dxg());
    struct D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = device.device};
    assert_int_equal(CALL(device.fd, 0x07, &queue), 0);
    assert_int_equal(*(volatile uint64_t *)queue.FenceValueCPUVirtualAddress, 0);
    struct D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 1, .pAdapters = queue.FenceValueCPUVirtualAddress};
    assert_int_equal(CALL(device.fd, 0x14, &list), -1); /* not even softgpu writes it for the program */
    assert_int_equal(errno, EFAULT);
    close(device.fd);
}

/* ---- Signals and threads ---------------------------------------------------------------------------------------------------- */

static struct device signal_device;
static volatile sig_atomic_t handled, handler_failed;

static void call_in_handler(int number)
{
    (void)number;
    int before = errno;
    D3DKMT_HANDLE allocation;
    if (create(&signal_device, 4096, &allocation) != 0 || destroy(&signal_device, allocation) != 0)
        handler_failed = 1;
    close(open("/dev/dxg", O_RDONLY | O_CLOEXEC));
    handled++;
    errno = before;
}

static void signal_handlers_may_call(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    /* The library blocks signals while it holds its lock. The sanitizer keeps a signal that came before, and delivers it inside
       its pthread_mutex_lock all the same: the handler then waits for the lock that its own thread holds. */
    skip();
#endif
    signal_device = make_device(open_dxg());
    struct sigaction action = {.sa_handler = call_in_handler, .sa_flags = SA_RESTART}, old;
    sigaction(SIGALRM, &action, &old);
    struct itimerval often = {{0, 200}, {0, 200}}, never = {0};
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 200000 && handled < 50; i++) {
        D3DKMT_HANDLE allocation;
        assert_int_equal(create(&signal_device, 4096, &allocation), 0);
        assert_int_equal(destroy(&signal_device, allocation), 0);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &old, NULL);
    assert_true(handled >= 50);
    assert_false(handler_failed);
    assert_int_equal(used(&signal_device), 0);
    close(signal_device.fd);
}

static void *open_and_close(void *user)
{
    for (int i = 0; i < 50; i++) {
        int fd = open("/dev/dxg", O_RDONLY | O_CLOEXEC);
        struct D3DKMT_ENUMADAPTERS2 list = {0};
        if (fd < 0 || CALL(fd, 0x14, &list) != 0 || list.NumAdapters != 1 || close(fd) != 0)
            return user;
    }
    return NULL;
}

static void threads_open_and_close_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    struct device device = make_device(open_dxg());
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, threads), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_true(knows(device.fd, device.device));
    close(device.fd);
}

/* ---- The environment -------------------------------------------------------------------------------------------------------- */

/* Runs this program anew for one role, with one more variable; its exit status. */
static int run_role(const char *role, const char *name, const char *value)
{
    pid_t child = fork();
    if (child == 0) {
        setenv("SOFTGPU_ROLE", role, 1);
        setenv(name, value, 1);
        execl("/proc/self/exe", "softgpu-preload", NULL);
        _exit(99);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* With paging that takes time, in a process of its own: a fence is reached without another call. */
static int page_slowly(struct device device)
{
    struct D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = device.device};
    D3DKMT_HANDLE allocation;
    if (CALL(device.fd, 0x07, &queue) || create(&device, 4096, &allocation))
        return 1;
    struct D3DDDI_MAKERESIDENT make = {.hPagingQueue = queue.hPagingQueue, .NumAllocations = 1, .AllocationList = &allocation};
    const volatile uint64_t *fence = queue.FenceValueCPUVirtualAddress;
    if (CALL(device.fd, 0x0b, &make) != STATUS_PENDING || *fence != 0)
        return 2;
    for (int i = 0; i < 5000 && *fence < make.PagingFenceValue; i++)
        usleep(1000);
    return *fence == make.PagingFenceValue ? 0 : 3;
}

/* What the started-anew program does. */
static int play_role(const char *role)
{
    int fd = open("/dev/dxg", O_RDONLY | O_CLOEXEC);
    if (strcmp(role, "refused") == 0)
        return fd == -1 && errno == EINVAL ? 0 : 1;
    if (fd < 0)
        return 2;
    if (early_fd >= 0)
        close(early_fd);
    D3DKMT_HANDLE allocation;
    struct device device = make_device(fd);
    if (strcmp(role, "fail-second") == 0)
        return create(&device, 1, &allocation) == 0 && create(&device, 1, &allocation) == -1 && errno == ENOMEM ? 0 : 3;
    if (strcmp(role, "take-most") == 0) { /* of a shared device, and is killed */
        if (create(&device, 900 << 20, &allocation) != 0)
            return 4;
        raise(SIGKILL);
    }
    if (strcmp(role, "hold") == 0) { /* the same, told on stdout, until nobody reads there */
        signal(SIGPIPE, SIG_IGN);
        if (create(&device, 900 << 20, &allocation) != 0)
            return 8;
        while (write(STDOUT_FILENO, "x", 1) == 1)
            usleep(10000);
        return 0;
    }
    if (strcmp(role, "find-taken") == 0) /* while another process has most of it; 4 GiB of system memory are left */
        return create(&device, 900 << 20, &allocation) == 0 && used(&device) == 0 ? 0 : 5;
    if (strcmp(role, "page-slowly") == 0)
        return page_slowly(device);
    if (strcmp(role, "find-free") == 0)
        return create(&device, 900 << 20, &allocation) == 0 && used(&device) == 900 << 20 ? 0 : 6;
    return 7;
}

static void what_is_not_understood_is_refused(void **state)
{
    (void)state;
    assert_int_equal(run_role("refused", SOFTGPU_ENV_LOCAL, "plenty"), 0);
    assert_int_equal(run_role("refused", SOFTGPU_ENV_FAULTS, "CreateAllocation2:1"), 0);
    assert_int_equal(run_role("refused", SOFTGPU_ENV_STATE, "/proc/self/exe"), 1); /* not ours to write: another errno */
    assert_int_equal(run_role("fail-second", SOFTGPU_ENV_FAULTS, "CreateAllocation2:2:0xC0000017"), 0);
}

static void processes_share_a_named_state(void **state)
{
    (void)state;
    char path[] = "/tmp/softgpu-test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(run_role("find-free", SOFTGPU_ENV_STATE, path), 0);
    assert_int_equal(run_role("take-most", SOFTGPU_ENV_STATE, path), 128 + SIGKILL);
    assert_int_equal(run_role("find-free", SOFTGPU_ENV_STATE, path), 0); /* what the dead one had is free again */
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t holder = fork();
    if (holder == 0) {
        dup2(ready[1], STDOUT_FILENO);
        close(ready[0]), close(ready[1]);
        _exit(run_role("hold", SOFTGPU_ENV_STATE, path));
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(run_role("find-taken", SOFTGPU_ENV_STATE, path), 0);
    close(ready[1]), close(ready[0]); /* its last write fails, and it ends */
    expect_child_success(holder);
    assert_int_equal(run_role("find-free", SOFTGPU_ENV_STATE, path), 0);
    if (!getenv("SOFTGPU_NODE")) {
        assert_int_equal(ftruncate(fd, 4096), 0); /* a file of another size is no state */
        assert_int_equal(run_role("refused", SOFTGPU_ENV_STATE, path), 0);
    }
    unlink(path);
    close(fd);
}

/* ---- Locks ------------------------------------------------------------------------------------------------------------------- */

/* The mapping in /proc/self/maps that begins at an address: its size, or 0. */
static uint64_t mapping_size(const void *address)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    uint64_t from, to, size = 0;
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        if (sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) == 2 && from == (uintptr_t)address)
            size = to - from;
    fclose(maps);
    return size;
}

static int lock(const struct device *device, D3DKMT_HANDLE allocation, char **data)
{
    struct D3DKMT_LOCK2 args = {.hDevice = device->device, .hAllocation = allocation};
    int result = CALL(device->fd, 0x25, &args);
    *data = args.pData;
    return result;
}

static int unlock(const struct device *device, D3DKMT_HANDLE allocation)
{
    struct D3DKMT_UNLOCK2 args = {.hDevice = device->device, .hAllocation = allocation};
    return CALL(device->fd, 0x37, &args);
}

static void a_lock_maps_real_memory_of_the_allocation_s_size(void **state)
{
    (void)state;
    struct device device = make_device(open_dxg());
    D3DKMT_HANDLE allocations[8];
    char *data[8], *again;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(create(&device, 100000, &allocations[i]), 0);
        assert_int_equal(lock(&device, allocations[i], &data[i]), 0);
        memset(data[i], i + 1, 100000);
    }
    for (int i = 0; i < 8; i++) /* each has its own, none grew together with a neighbour */
        assert_int_equal(mapping_size(data[i]), 102400);
    assert_int_equal(unlock(&device, allocations[3]), 0);
    assert_int_equal(mapping_size(data[3]), 0);
    assert_int_equal(lock(&device, allocations[3], &again), 0);
    assert_int_equal(again[99999], 4);
    assert_int_equal(destroy(&device, allocations[3]), 0);
    assert_int_equal(mapping_size(again), 0);
    close(device.fd); /* the last close takes the others away */
    for (int i = 0; i < 8; i++)
        assert_int_equal(mapping_size(data[i]), 0);
}

static void a_place_that_is_used_again_reads_as_zero(void **state)
{
    (void)state;
    struct device device = make_device(open_dxg());
    for (int i = 0; i < 200; i++) { /* 200 times 64 MiB, each touched and gone */
        D3DKMT_HANDLE allocation;
        char *data;
        assert_int_equal(create(&device, 64 << 20, &allocation), 0);
        assert_int_equal(lock(&device, allocation, &data), 0);
        assert_int_equal(data[i * 4096], 0);
        memset(data + i * 4096, 1, 65536);
        assert_int_equal(destroy(&device, allocation), 0);
    }
    close(device.fd);
}

static void a_forked_child_keeps_its_parent_s_locks(void **state)
{
    (void)state;
    struct device device = make_device(open_dxg());
    D3DKMT_HANDLE allocation;
    char *data;
    assert_int_equal(create(&device, 4096, &allocation), 0);
    assert_int_equal(lock(&device, allocation, &data), 0);
    data[0] = 1;
    pid_t child = fork();
    if (child == 0) {
        close(device.fd);
        bool good = data[0] == 1;
        data[0] = 2;
        _exit(good ? 0 : 1);
    }
    expect_child_success(child);
    assert_int_equal(data[0], 2); /* shared memory */
    assert_int_equal(unlock(&device, allocation), 0);
    close(device.fd);
}

static void a_fence_that_is_only_read_is_reached(void **state)
{
    (void)state;
    assert_int_equal(run_role("page-slowly", SOFTGPU_ENV_PAGING, "500ms"), 0);
}

int main(void)
{
    const struct CMUnitTest on_nodes_too[] = {
        cmocka_unit_test(is_there_before_constructors),
        cmocka_unit_test(looks_like_a_device),
        cmocka_unit_test(opens_as_asked),
        cmocka_unit_test(all_opens_share_one_table_until_the_last_close),
        cmocka_unit_test(duplicates_are_the_device_too),
        cmocka_unit_test(ranges_close_it),
        cmocka_unit_test(a_number_that_was_the_device_is_forgotten),
        cmocka_unit_test(a_forked_child_gets_enotty_and_may_open),
        cmocka_unit_test(a_descriptor_from_a_socket_is_enotty),
        cmocka_unit_test(bad_pointers_are_efault),
        cmocka_unit_test(memory_of_every_kind_is_reached),
        cmocka_unit_test(errno_is_left_alone),
        cmocka_unit_test(signal_handlers_may_call),
        cmocka_unit_test(threads_open_and_close_at_once),
        cmocka_unit_test(processes_share_a_named_state),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_paging_fence_can_be_read_only),
        cmocka_unit_test(a_lock_maps_real_memory_of_the_allocation_s_size),
        cmocka_unit_test(a_place_that_is_used_again_reads_as_zero),
        cmocka_unit_test(a_forked_child_keeps_its_parent_s_locks),
        cmocka_unit_test(a_fence_that_is_only_read_is_reached),
        cmocka_unit_test(what_is_not_understood_is_refused),
    };
    const char *role = getenv("SOFTGPU_ROLE");
    if (role)
        return play_role(role);
    if (getenv("SOFTGPU_NODE")) {
        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(on_nodes_too, NULL, NULL);
    }
    if (!getenv("LD_PRELOAD")) {
        char *preload;
        struct ga_error error;
        if (ga_launch_preload(GA_LAUNCH_SOFTGPU, NULL, &preload, &error) < 0) {
            fprintf(stderr, "softgpu-preload: %s\n", error.text);
            return 1;
        }
        setenv("LD_PRELOAD", preload, 1);
        execl("/proc/self/exe", "softgpu-preload", NULL);
        perror("softgpu-preload: cannot start again");
        return 1;
    }
    return cmocka_run_group_tests(on_nodes_too, NULL, NULL) + cmocka_run_group_tests(tests, NULL, NULL);
}
