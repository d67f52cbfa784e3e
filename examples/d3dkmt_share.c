/*
 * d3dkmt_share: two processes share a surface and take turns, as a program and its compositor do. An example to record:
 *
 *     GPUALLOC_SOFTGPU_STATE=/tmp/gpu gpualloc record --softgpu -o T -- d3dkmt_share /tmp/share.sock
 *
 * The first creates a shared resource and a fence, makes NT handles of both (file descriptors on Linux) and sends them over a Unix
 * socket. The second, which it starts, asks what opening takes, opens both, reads the creator's data, and answers on the fence. The
 * two can also be started by hand, even on their own recordings: `d3dkmt_share --create SOCKET` and `d3dkmt_share --open SOCKET`. On
 * softgpu both must name one device (GPUALLOC_SOFTGPU_STATE). Every result it prints is the same from run to run.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/softgpu.h"
#include "d3dkmt/d3dkmt-thunks.h"

static const char runtime_data[] = "surface 7: 640 x 480, drawn by the first process", resource_data[] = "one plane";
enum { ALLOCATIONS = 2 };

static void check(NTSTATUS status, const char *what)
{
    if (NT_SUCCESS(status))
        return;
    fprintf(stderr, "d3dkmt_share: %s: status 0x%x\n", what, (unsigned)status);
    exit(1);
}

static void check_call(int result, const char *what)
{
    if (result != -1)
        return;
    fprintf(stderr, "d3dkmt_share: %s: %s\n", what, strerror(errno));
    exit(1);
}

static D3DKMT_HANDLE make_device(void)
{
    struct D3DKMT_ADAPTERINFO infos[8];
    struct D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 8, .pAdapters = infos};
    check(D3DKMTEnumAdapters2(&list), "EnumAdapters2");
    if (list.NumAdapters == 0)
        check(STATUS_DEVICE_REMOVED, "there is no adapter");
    struct D3DKMT_CREATEDEVICE args = {.hAdapter = infos[0].hAdapter};
    check(D3DKMTCreateDevice(&args), "CreateDevice");
    return args.hDevice;
}

/* ---- The socket ------------------------------------------------------------------------------------------------------------ */

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "d3dkmt_share: %s: too long for a socket's name\n", path);
        exit(2);
    }
    strcpy(address.sun_path, path);
    return address;
}

/* Passes two descriptors over the socket, or receives them. */
static void pass(int peer, int fds[2], bool send)
{
    char byte = 0, control[CMSG_SPACE(2 * sizeof *fds)] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (send) {
        *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(2 * sizeof *fds)};
        memcpy(CMSG_DATA(header), fds, 2 * sizeof *fds);
        check_call(sendmsg(peer, &message, 0) == 1 ? 0 : -1, "sending the handles");
        return;
    }
    check_call(recvmsg(peer, &message, MSG_CMSG_CLOEXEC) == 1 ? 0 : -1, "receiving the handles");
    header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_len != CMSG_LEN(2 * sizeof *fds)) {
        fprintf(stderr, "d3dkmt_share: the other process sent no handles\n");
        exit(1);
    }
    memcpy(fds, CMSG_DATA(header), 2 * sizeof *fds);
}

/* ---- The first process ----------------------------------------------------------------------------------------------------- */

static D3DKMT_HANDLE create_surface(D3DKMT_HANDLE device)
{
    struct softgpu_private_data data[ALLOCATIONS];
    struct D3DDDI_ALLOCATIONINFO2 infos[ALLOCATIONS] = {0};
    for (uint32_t i = 0; i < ALLOCATIONS; i++) {
        data[i] = (struct softgpu_private_data){.magic = SOFTGPU_MAGIC, .size = 640u * 480u * 4u >> 2 * i, .format = 28 + i};
        infos[i].pPrivateDriverData = &data[i];
        infos[i].PrivateDriverDataSize = sizeof data[i];
    }
    struct D3DKMT_CREATEALLOCATION args = {.hDevice = device,
                                           .pPrivateRuntimeData = runtime_data,
                                           .PrivateRuntimeDataSize = sizeof runtime_data,
                                           .pPrivateDriverData = resource_data,
                                           .PrivateDriverDataSize = sizeof resource_data,
                                           .NumAllocations = ALLOCATIONS,
                                           .pAllocationInfo2 = infos,
                                           .Flags = D3DKMT_CREATEALLOCATION_CreateResource | D3DKMT_CREATEALLOCATION_CreateShared |
                                                    D3DKMT_CREATEALLOCATION_NtSecuritySharing,
                                           .hPrivateRuntimeResourceHandle = 7};
    check(D3DKMTCreateAllocation2(&args), "CreateAllocation2");
    printf("creator: created a shared resource of %u allocations\n", ALLOCATIONS);
    return args.hResource;
}

static int share(D3DKMT_HANDLE object, const char *what)
{
    uint64_t nt_handle = 0;
    check(D3DKMTShareObjects(1, &object, NULL, 0x10000000, &nt_handle), "ShareObjects");
    printf("creator: shared the %s\n", what);
    return (int)nt_handle;
}

static void signal_fence(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, uint64_t value)
{
    struct D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {
        .hDevice = device, .ObjectCount = 1, .ObjectHandleArray = &fence, .FenceValueArray = &value};
    check(D3DKMTSignalSynchronizationObjectFromCpu(&args), "SignalSynchronizationObjectFromCpu");
}

static void wait_fence(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, uint64_t value)
{
    struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {
        .hDevice = device, .ObjectCount = 1, .ObjectHandleArray = &fence, .FenceValueArray = &value};
    check(D3DKMTWaitForSynchronizationObjectFromCpu(&args), "WaitForSynchronizationObjectFromCpu");
}

static void destroy(D3DKMT_HANDLE device, D3DKMT_HANDLE resource, D3DKMT_HANDLE fence)
{
    struct D3DKMT_DESTROYALLOCATION2 args = {.hDevice = device, .hResource = resource};
    check(D3DKMTDestroySynchronizationObject(&(struct D3DKMT_DESTROYSYNCHRONIZATIONOBJECT){fence}), "DestroySynchronizationObject");
    check(D3DKMTDestroyAllocation2(&args), "DestroyAllocation2");
    check(D3DKMTDestroyDevice(&(struct D3DKMT_DESTROYDEVICE){device}), "DestroyDevice");
}

static void create(int listener)
{
    D3DKMT_HANDLE device = make_device(), resource = create_surface(device);
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {
        .hDevice = device,
        .Info = {.Type = D3DDDI_MONITORED_FENCE,
                 .Flags = D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_Shared | D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NtSecuritySharing}};
    check(D3DKMTCreateSynchronizationObject2(&fence), "CreateSynchronizationObject2");
    int fds[] = {share(resource, "resource"), share(fence.hSyncObject, "fence")};
    int peer = accept(listener, NULL, NULL);
    check_call(peer, "waiting for the other process");
    pass(peer, fds, true);
    close(fds[0]);
    close(fds[1]);
    signal_fence(device, fence.hSyncObject, 1); /* drawn */
    wait_fence(device, fence.hSyncObject, 2);   /* shown */
    printf("creator: the fence is at 2\n");
    close(peer);
    destroy(device, resource, fence.hSyncObject);
}

/* ---- The second process ---------------------------------------------------------------------------------------------------- */

static D3DKMT_HANDLE open_surface(D3DKMT_HANDLE device, int nt_handle)
{
    struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE info = {.hDevice = device, .hNtHandle = (uint64_t)nt_handle};
    check(D3DKMTQueryResourceInfoFromNtHandle(&info), "QueryResourceInfoFromNtHandle");
    char *runtime = calloc(1, info.PrivateRuntimeDataSize + 1), *resource = calloc(1, info.ResourcePrivateDriverDataSize + 1);
    char *total = calloc(1, info.TotalPrivateDriverDataSize + 1);
    struct D3DDDI_OPENALLOCATIONINFO2 *elements = calloc(info.NumAllocations, sizeof *elements);
    struct D3DKMT_OPENRESOURCEFROMNTHANDLE args = {.hDevice = device,
                                                   .hNtHandle = (uint64_t)nt_handle,
                                                   .NumAllocations = info.NumAllocations,
                                                   .pOpenAllocationInfo2 = elements,
                                                   .PrivateRuntimeDataSize = info.PrivateRuntimeDataSize,
                                                   .pPrivateRuntimeData = runtime,
                                                   .ResourcePrivateDriverDataSize = info.ResourcePrivateDriverDataSize,
                                                   .pResourcePrivateDriverData = resource,
                                                   .TotalPrivateDriverDataBufferSize = info.TotalPrivateDriverDataSize,
                                                   .pTotalPrivateDriverDataBuffer = total};
    check(runtime && resource && total && elements ? 0 : STATUS_NO_MEMORY, "memory");
    check(D3DKMTOpenResourceFromNtHandle(&args), "OpenResourceFromNtHandle");
    printf("opener: runtime data '%s', driver data '%s'\n", runtime, resource);
    for (uint32_t i = 0; i < info.NumAllocations; i++)
        printf("opener: allocation %u has %u bytes of driver data\n", i, elements[i].PrivateDriverDataSize);
    free(runtime);
    free(resource);
    free(total);
    free(elements);
    return args.hResource;
}

static void open_shared(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fds[2];
    check_call(peer, "socket");
    for (int tries = 0; connect(peer, (struct sockaddr *)(void *)&address, sizeof address) == -1; tries++) {
        check_call(tries < 2400 && (errno == ENOENT || errno == ECONNREFUSED) ? 0 : -1, path);
        usleep(50000); /* the other may be started later */
    }
    pass(peer, fds, false);
    D3DKMT_HANDLE device = make_device(), resource = open_surface(device, fds[0]);
    struct D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 fence = {.hNtHandle = (uint64_t)fds[1], .hDevice = device};
    check(D3DKMTOpenSyncObjectFromNtHandle2(&fence), "OpenSyncObjectFromNtHandle2");
    close(fds[0]);
    close(fds[1]);
    wait_fence(device, fence.hSyncObject, 1);
    printf("opener: the fence is at 1\n");
    signal_fence(device, fence.hSyncObject, 2);
    close(peer);
    destroy(device, resource, fence.hSyncObject);
}

/* Listens before anything else, so that the other process finds the socket. */
static int listen_at(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check_call(listener, "socket");
    unlink(path);
    check_call(bind(listener, (struct sockaddr *)(void *)&address, sizeof address), path);
    check_call(listen(listener, 1), path);
    return listener;
}

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "--open") == 0) {
        open_shared(arguments[2]);
        return 0;
    }
    bool both = count == 2 && arguments[1][0] != '-';
    if (!both && (count != 3 || strcmp(arguments[1], "--create") != 0)) {
        fprintf(stderr, "usage: d3dkmt_share [--create | --open] SOCKET\n");
        return 2;
    }
    int listener = listen_at(arguments[count - 1]), status = 0;
    pid_t child = both ? fork() : 0;
    check_call(child, "fork");
    if (both && child == 0) {
        execl("/proc/self/exe", arguments[0], "--open", arguments[count - 1], (char *)NULL);
        _exit(127);
    }
    create(listener);
    unlink(arguments[count - 1]);
    if (both)
        check_call(waitpid(child, &status, 0), "waiting for the other process");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
