/*
 * Processes share softgpu's device: NT handles travel as descriptors through sockets and forks, between processes that name the same
 * state or come from each other. This program starts itself again with the library preloaded; its children are the other processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/d3dkmt.h"
#include "abi/softgpu.h"
#include "base/error.h"
#include "launch/launch.h"

#define CALL(fd, number, args) ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 'G', number, sizeof *(args)), args)
#define SHARED                                                                                                              \
    (D3DKMT_CREATEALLOCATION_CreateResource | D3DKMT_CREATEALLOCATION_CreateShared | D3DKMT_CREATEALLOCATION_NtSecuritySharing)

/* ---- What both sides do; they end with what went wrong as exit status, 0 when all is well --------------------------------- */

struct device {
    int fd;
    D3DKMT_HANDLE adapter, device;
};

static int open_device(struct device *device)
{
    struct D3DKMT_ADAPTERINFO info;
    struct D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 1, .pAdapters = &info};
    device->fd = open("/dev/dxg", O_RDONLY | O_CLOEXEC);
    if (device->fd < 0 || CALL(device->fd, 0x14, &list) != 0)
        return -1;
    struct D3DKMT_CREATEDEVICE args = {.hAdapter = info.hAdapter};
    int result = CALL(device->fd, 0x02, &args);
    device->adapter = info.hAdapter;
    device->device = args.hDevice;
    return result;
}

static const char runtime_data[] = "drawn by the first process";

static int make_resource(const struct device *device, D3DKMT_HANDLE *resource)
{
    struct softgpu_private_data data = {.magic = SOFTGPU_MAGIC, .size = 1 << 20, .flags = SOFTGPU_ALLOCATION_LOCAL, .format = 87};
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &data, .PrivateDriverDataSize = sizeof data};
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = device->device,
                                           .pPrivateRuntimeData = runtime_data,
                                           .PrivateRuntimeDataSize = sizeof runtime_data,
                                           .NumAllocations = 1,
                                           .pAllocationInfo2 = &info,
                                           .Flags = SHARED};
    int result = CALL(device->fd, 0x06, &args);
    *resource = args.hResource;
    return result;
}

static int share(const struct device *device, D3DKMT_HANDLE object)
{
    uint64_t nt_handle = UINT64_MAX;
    struct D3DKMT_SHAREOBJECTS args = {.ObjectCount = 1, .ObjectHandleArray = &object, .pSharedNtHandle = &nt_handle};
    return CALL(device->fd, 0x3f, &args) == 0 ? (int)nt_handle : -1;
}

static int open_resource(const struct device *device, int nt_handle, D3DKMT_HANDLE *resource)
{
    char runtime[sizeof runtime_data];
    struct softgpu_private_data data;
    struct D3DDDI_OPENALLOCATIONINFO2 info;
    struct D3DKMT_OPENRESOURCEFROMNTHANDLE args = {.hDevice = device->device,
                                                   .hNtHandle = (uint64_t)nt_handle,
                                                   .NumAllocations = 1,
                                                   .pOpenAllocationInfo2 = &info,
                                                   .PrivateRuntimeDataSize = sizeof runtime,
                                                   .pPrivateRuntimeData = runtime,
                                                   .TotalPrivateDriverDataBufferSize = sizeof data,
                                                   .pTotalPrivateDriverDataBuffer = &data};
    if (CALL(device->fd, 0x42, &args) != 0)
        return -1;
    if (resource)
        *resource = args.hResource;
    return strcmp(runtime, runtime_data) == 0 && data.format == 87 && info.hAllocation ? 0 : -1;
}

static int destroy(const struct device *device, D3DKMT_HANDLE resource)
{
    struct D3DKMT_DESTROYALLOCATION2 args = {.hDevice = device->device, .hResource = resource};
    return CALL(device->fd, 0x13, &args);
}

/* Whether all local memory (1 GiB) can be had: whether nobody holds any. */
static bool all_is_free(const struct device *device)
{
    struct softgpu_private_data data = {.magic = SOFTGPU_MAGIC, .size = 1 << 30, .flags = SOFTGPU_ALLOCATION_LOCAL};
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &data, .PrivateDriverDataSize = sizeof data};
    struct D3DKMT_CREATEALLOCATION args = {
        .hDevice = device->device, .NumAllocations = 1, .pAllocationInfo2 = &info, .Flags = D3DKMT_CREATEALLOCATION_CreateResource};
    return CALL(device->fd, 0x06, &args) == 0 && destroy(device, args.hResource) == 0;
}

#define NT_SHARED (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_Shared | D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NtSecuritySharing)

static int make_fence(const struct device *device, D3DKMT_HANDLE *fence, const volatile uint64_t **value)
{
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {.hDevice = device->device,
                                                       .Info = {.Type = D3DDDI_MONITORED_FENCE, .Flags = NT_SHARED}};
    int result = CALL(device->fd, 0x10, &args);
    *fence = args.hSyncObject;
    *value = args.Info.MonitoredFence.FenceValueCPUVirtualAddress;
    return result;
}

static int signal_fence(const struct device *device, D3DKMT_HANDLE fence, uint64_t value)
{
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {
        .hDevice = device->device, .ObjectCount = 1, .ObjectHandleArray = &fence, .FenceValueArray = &value};
    return CALL(device->fd, 0x31, &args);
}

static int wait_fence(const struct device *device, D3DKMT_HANDLE fence, uint64_t value, int event)
{
    struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = device->device,
                                                              .ObjectCount = 1,
                                                              .ObjectHandleArray = &fence,
                                                              .FenceValueArray = &value,
                                                              .hAsyncEvent = (uint64_t)event};
    return CALL(device->fd, 0x3a, &args);
}

static int send_descriptor(int socket, int fd)
{
    char byte = 0, control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(socket, &message, 0) == 1 ? 0 : -1;
}

static int receive_descriptor(int socket)
{
    int fd = -1;
    char byte, control[CMSG_SPACE(sizeof fd)];
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

static void say(int socket) { assert_int_equal(write(socket, "", 1), 1); }

static bool hear(int socket)
{
    char byte;
    return read(socket, &byte, 1) == 1;
}

/* ---- The other processes --------------------------------------------------------------------------------------------------- */

enum { SOCKET = 100 }; /* a role's socket to this program */

static int role_opener(void)
{
    struct device device = {0};
    int nt_handle = receive_descriptor(SOCKET);
    if (open_device(&device) != 0)
        return 2;
    if (open_resource(&device, nt_handle, NULL) != 0)
        return 3;
    say(SOCKET);
    hear(SOCKET); /* until it may go */
    return 0;
}

static int role_creator(void)
{
    struct device device = {0};
    D3DKMT_HANDLE resource = 0;
    if (open_device(&device) != 0 || make_resource(&device, &resource) != 0)
        return 2;
    int nt_handle = share(&device, resource);
    return nt_handle >= 0 && send_descriptor(SOCKET, nt_handle) == 0 ? 0 : 3;
}

/* Answers each value that the fence is brought to with the next. */
static int role_player(void)
{
    struct device device = {0};
    struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 args = {.hNtHandle = (uint64_t)receive_descriptor(SOCKET)};
    if (open_device(&device) != 0)
        return 2;
    args.hDevice = device.device;
    if (CALL(device.fd, 0x40, &args) != 0)
        return 3;
    for (uint64_t value = 1; value < 40; value += 2)
        if (wait_fence(&device, args.hSyncObject, value, 0) != 0 || signal_fence(&device, args.hSyncObject, value + 1) != 0)
            return 4;
    return *(const uint64_t *)args.MonitoredFence.FenceValueCPUVirtualAddress == 40 ? 0 : 5;
}

static const struct {
    const char *name;
    int (*play)(void);
} roles[] = {{"opener", role_opener}, {"creator", role_creator}, {"player", role_player}};

static int play_role(const char *name)
{
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(roles[i].name, name) == 0)
            return roles[i].play();
    return 1;
}

/* Starts this program again in a role, unrelated but for the socket. */
static pid_t start_role(const char *name, int *end)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], SOCKET);
        setenv("SOFTGPU_ROLE", name, 1);
        execl("/proc/self/exe", "softgpu-processes", NULL);
        _exit(99);
    }
    close(ends[1]);
    *end = ends[0];
    return child;
}

static void expect_end(pid_t child, int expected)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), expected);
}

/* ---- Tests ----------------------------------------------------------------------------------------------------------------- */

static void a_resource_goes_through_a_socket(void **state)
{
    (void)state;
    struct device device = {0};
    D3DKMT_HANDLE resource = 0;
    int end;
    assert_int_equal(open_device(&device), 0);
    assert_int_equal(make_resource(&device, &resource), 0);
    int nt_handle = share(&device, resource);
    assert_true(nt_handle >= 0);
    assert_int_equal(fcntl(nt_handle, F_GETFD), FD_CLOEXEC);
    pid_t child = start_role("opener", &end);
    assert_int_equal(send_descriptor(end, nt_handle), 0);
    assert_true(hear(end));
    close(nt_handle);
    assert_int_equal(destroy(&device, resource), 0);
    assert_false(all_is_free(&device)); /* the child has it open */
    close(end);
    expect_end(child, 0);
    assert_true(all_is_free(&device)); /* and took it along when it ended */
    close(device.fd);
}

static void a_descriptor_outlives_its_creator(void **state)
{
    (void)state;
    struct device device = {0};
    D3DKMT_HANDLE resource = 0;
    int end;
    assert_int_equal(open_device(&device), 0);
    pid_t child = start_role("creator", &end);
    expect_end(child, 0); /* with the descriptor still in the socket */
    assert_false(all_is_free(&device));
    int nt_handle = receive_descriptor(end);
    assert_int_equal(open_resource(&device, nt_handle, &resource), 0);
    close(nt_handle);
    close(end);
    assert_false(all_is_free(&device));
    assert_int_equal(destroy(&device, resource), 0);
    assert_true(all_is_free(&device));
    close(device.fd);
}

static void a_forked_child_opens_what_it_inherited(void **state)
{
    (void)state;
    struct device device = {0};
    D3DKMT_HANDLE resource = 0;
    assert_int_equal(open_device(&device), 0);
    assert_int_equal(make_resource(&device, &resource), 0);
    int nt_handle = share(&device, resource);
    pid_t child = fork();
    if (child == 0) {
        struct device own = {0};
        /* The parent's descriptor of the device is another process's; a new one is the child's. */
        bool refused = open_resource(&device, nt_handle, NULL) == -1 && errno == ENOTTY;
        _exit(refused && open_device(&own) == 0 && open_resource(&own, nt_handle, NULL) == 0 ? 0 : 1);
    }
    expect_end(child, 0);
    close(nt_handle);
    close(device.fd);
}

static void a_descriptor_of_something_else_is_einval(void **state)
{
    (void)state;
    struct device device = {0};
    int ends[2];
    assert_int_equal(open_device(&device), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    int numbers[] = {device.fd, ends[0], 0, -1, 12345};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_int_equal(open_resource(&device, numbers[i], NULL), -1);
        assert_int_equal(errno, EINVAL);
    }
    close(ends[0]);
    close(ends[1]);
    close(device.fd);
}

static void processes_wake_each_other(void **state)
{
    (void)state;
    struct device device = {0};
    D3DKMT_HANDLE fence = 0;
    const volatile uint64_t *value;
    int end;
    assert_int_equal(open_device(&device), 0);
    assert_int_equal(make_fence(&device, &fence, &value), 0);
    int nt_handle = share(&device, fence);
    pid_t child = start_role("player", &end);
    assert_int_equal(send_descriptor(end, nt_handle), 0);
    for (uint64_t i = 1; i < 40; i += 2) {
        assert_int_equal(signal_fence(&device, fence, i), 0);
        assert_int_equal(wait_fence(&device, fence, i + 1, 0), 0);
    }
    assert_int_equal(*value, 40);
    expect_end(child, 0);
    close(end);
    close(nt_handle);
    close(device.fd);
}

static void an_event_comes_from_another_process(void **state)
{
    (void)state;
    struct device device = {0};
    D3DKMT_HANDLE fence = 0;
    const volatile uint64_t *value;
    int end, event = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(open_device(&device), 0);
    assert_int_equal(make_fence(&device, &fence, &value), 0);
    int nt_handle = share(&device, fence);
    assert_int_equal(wait_fence(&device, fence, 2, event), 0);
    struct pollfd poll_event = {.fd = event, .events = POLLIN};
    assert_int_equal(poll(&poll_event, 1, 0), 0);
    pid_t child = start_role("player", &end);
    assert_int_equal(send_descriptor(end, nt_handle), 0);
    assert_int_equal(signal_fence(&device, fence, 1), 0);
    assert_int_equal(poll(&poll_event, 1, 20000), 1); /* the child's 2, no call of ours */
    for (uint64_t i = 3; i < 40; i += 2) {
        assert_int_equal(wait_fence(&device, fence, i - 1, 0), 0);
        assert_int_equal(signal_fence(&device, fence, i), 0);
    }
    expect_end(child, 0);
    assert_int_equal(wait_fence(&device, fence, 1, device.fd), -1); /* no eventfd */
    assert_int_equal(errno, EINVAL);
    close(end);
    close(event);
    close(nt_handle);
    close(device.fd);
}

static int alarms;
static bool alarm_signals;
static const struct device *alarm_device;
static D3DKMT_HANDLE alarm_fence;
static void count_alarm(int number)
{
    (void)number;
    if (++alarms == 3 && alarm_signals)
        signal_fence(alarm_device, alarm_fence, 1);
}

static void start_alarms(int flags)
{
    struct sigaction action = {.sa_handler = count_alarm, .sa_flags = flags};
    struct itimerval timer = {.it_interval = {.tv_usec = 20000}, .it_value = {.tv_usec = 20000}};
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    sigaction(SIGALRM, &action, NULL);
    alarms = 0;
    alarm_signals = flags & SA_RESTART;
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void a_sleep_ends_at_signals_as_system_calls_do(void **state)
{
    (void)state;
    struct device device = {0};
    const volatile uint64_t *value;
#ifdef __SANITIZE_THREAD__
    skip(); /* the thread sanitizer puts signals off, as the library's sleep is no system call that it knows */
#endif
    assert_int_equal(open_device(&device), 0);
    assert_int_equal(make_fence(&device, &alarm_fence, &value), 0);
    alarm_device = &device;
    start_alarms(0);
    assert_int_equal(wait_fence(&device, alarm_fence, 1, 0), -1);
    assert_int_equal(errno, EINTR);
    start_alarms(SA_RESTART); /* goes on sleeping, until a handler's own call lets it go */
    assert_int_equal(wait_fence(&device, alarm_fence, 1, 0), 0);
    assert_true(alarms >= 3);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    close(device.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resource_goes_through_a_socket),
        cmocka_unit_test(a_descriptor_outlives_its_creator),
        cmocka_unit_test(a_forked_child_opens_what_it_inherited),
        cmocka_unit_test(a_descriptor_of_something_else_is_einval),
        cmocka_unit_test(processes_wake_each_other),
        cmocka_unit_test(an_event_comes_from_another_process),
        cmocka_unit_test(a_sleep_ends_at_signals_as_system_calls_do),
    };
    const char *role = getenv("SOFTGPU_ROLE");
    if (role)
        return play_role(role);
    if (!getenv("LD_PRELOAD")) {
        char *preload, name[64];
        struct ga_error error;
        if (ga_launch_preload(GA_LAUNCH_SOFTGPU, NULL, &preload, &error) < 0) {
            fprintf(stderr, "softgpu-processes: %s\n", error.text);
            return 1;
        }
        setenv("LD_PRELOAD", preload, 1);
        snprintf(name, sizeof name, "/tmp/softgpu-processes.%d", (int)getpid());
        setenv(SOFTGPU_ENV_STATE, name, 1);
        execl("/proc/self/exe", "softgpu-processes", NULL);
        perror("softgpu-processes: cannot start again");
        return 1;
    }
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(getenv(SOFTGPU_ENV_STATE));
    return result;
}
