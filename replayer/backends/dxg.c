/*
 * Backend dxg: /dev/dxg of WSL2, or softgpu in its place. Requests as recorded, private data to the byte; only handles, adapter
 * ids and the addresses of memory are the replay's own. All that a run made goes with its descriptor: the last close of the
 * device in a process destroys what the process has.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "abi/d3dkmt.h"
#include "replayer/devices.h"
#include "replayer/requests.h"

#define DXG_NODE "/dev/dxg"
enum { ADAPTERS_MAX = 64, ENUM_ADAPTERS2 = 0x14, CREATE_DEVICE = 0x02 };

struct replay_device {
    struct replay_requests requests;
    const char *node;
    int fd;
    bool supplies; /* the plan has adapters or devices that were made before the recording */
};

static int dxg_open(struct replay_device **out, const struct replay_backend *self, const struct replay_target *target,
                    struct replay_identity *identity, struct ga_error *error)
{
    (void)self;
    const char *node = target->node ? target->node : DXG_NODE;
    int fd = open(node, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ga_error_errno(error, errno, "dxg: %s%s", node, errno == ENOENT ? " (--softgpu makes one of software)" : "");
    identity->software = replay_dxg_is_software(fd);
    snprintf(identity->node, sizeof identity->node, "%s", node);
    snprintf(identity->driver, sizeof identity->driver, "%s", identity->software ? "softgpu" : "dxg");
    const char *slash = strrchr(node, '/');
    bool is_dxg = identity->software || strcmp(slash ? slash + 1 : node, "dxg") == 0;
    close(fd);
    if (!is_dxg)
        return ga_error_set(error, ENODEV, "dxg: %s is no /dev/dxg; 'gpualloc devices' lists what is there", node);
    struct replay_device *device = calloc(1, sizeof *device);
    if (!device)
        return ga_error_errno(error, ENOMEM, "dxg");
    device->fd = -1;
    device->node = node;
    *out = device;
    return 0;
}

static int dxg_bind(struct replay_device *device, const struct replay_plan *plan, struct replay_binding *binding,
                    struct ga_error *error)
{
    for (uint32_t c = 0; c < plan->call_count; c++)
        if (!binding->skips[c] && (!plan->calls[c].row || !ga_row_is_d3dkmt(plan->calls[c].row)))
            binding->skips[c] = REPLAY_SKIP_OTHER_INTERFACE;
    for (uint32_t o = 0; o < plan->object_count; o++)
        device->supplies |= plan->objects[o].supplied;
    return replay_requests_init(&device->requests, plan, error);
}

/* The device's own adapters, in turn, stand for those that no recorded call told or opened; a device is made on the first. */
static int supply(struct replay_device *device, struct ga_error *error)
{
    struct D3DKMT_ADAPTERINFO adapters[ADAPTERS_MAX];
    struct D3DKMT_ENUMADAPTERS2 all = {.NumAdapters = ADAPTERS_MAX, .pAdapters = adapters};
    errno = ENODEV;
    if (ioctl(device->fd, DXG_IOCTL(ENUM_ADAPTERS2, struct D3DKMT_ENUMADAPTERS2), &all) != 0 || !all.NumAdapters ||
        all.NumAdapters > ADAPTERS_MAX)
        return ga_error_errno(error, errno, "dxg: %s: listing its adapters", device->node);
    const struct replay_plan *plan = device->requests.plan;
    for (uint32_t o = 0, next = 0; o < plan->object_count; o++) {
        if (!plan->objects[o].supplied)
            continue;
        const struct D3DKMT_ADAPTERINFO *adapter = &adapters[next++ % all.NumAdapters];
        struct D3DKMT_CREATEDEVICE create = {.hAdapter = adapters[0].hAdapter};
        uint64_t value = adapter->hAdapter;
        if (plan->objects[o].kind == REPLAY_LUID)
            memcpy(&value, &adapter->AdapterLuid, sizeof value);
        if (plan->objects[o].kind == REPLAY_DEVICE) {
            if (ioctl(device->fd, DXG_IOCTL(CREATE_DEVICE, struct D3DKMT_CREATEDEVICE), &create) != 0)
                return ga_error_errno(error, errno, "dxg: %s: a device in place of one made before the recording", device->node);
            value = create.hDevice;
        }
        replay_set_value(&device->requests, o, value);
    }
    return 0;
}

static int dxg_begin(struct replay_device *device, struct ga_error *error)
{
    replay_requests_reset(&device->requests);
    device->fd = open(device->node, O_RDONLY | O_CLOEXEC); /* as the thunk library does */
    if (device->fd < 0)
        return ga_error_errno(error, errno, "dxg: %s", device->node);
    return device->supplies ? supply(device, error) : 0;
}

static enum replay_skip dxg_prepare(struct replay_device *device, uint32_t lane, const struct replay_call *call)
{
    return replay_requests_prepare(&device->requests, lane, call);
}

static void dxg_issue(struct replay_device *device, uint32_t lane, const struct replay_call *call, struct replay_outcome *outcome)
{
    unsigned long request = _IOC(_IOC_READ | _IOC_WRITE, DXG_IOCTL_TYPE, call->row->number, call->row->abi_size);
    int result;
    do
        result = ioctl(device->fd, request, device->requests.scratch[lane]);
    while (result == -1 && errno == EINTR);
    *outcome = (struct replay_outcome){.ret = result, .error = result == -1 ? errno : 0, .failed = result < 0};
}

static void dxg_finish(struct replay_device *device, uint32_t lane, const struct replay_call *call,
                       const struct replay_outcome *outcome)
{
    replay_requests_finish(&device->requests, lane, call, outcome->failed);
}

static void dxg_end(struct replay_device *device)
{
    if (device->fd >= 0)
        close(device->fd);
    device->fd = -1;
}

static void dxg_close(struct replay_device *device)
{
    if (!device)
        return;
    replay_requests_release(&device->requests);
    free(device);
}

const struct replay_backend replay_backend_dxg = {
    .name = "dxg",
    .summary = "D3DKMT calls on /dev/dxg, or on softgpu in its place",
    .drivers = (const char *const[]){"dxg", "softgpu", NULL},
    .open = dxg_open,
    .bind = dxg_bind,
    .begin = dxg_begin,
    .prepare = dxg_prepare,
    .issue = dxg_issue,
    .finish = dxg_finish,
    .end = dxg_end,
    .close = dxg_close,
};
