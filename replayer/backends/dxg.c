/*
 * Backend dxg: /dev/dxg of WSL2, or softgpu in its place. Requests as recorded, private data to the byte; only handles, adapter
 * ids and addresses are the replay's own. All that a run made goes with its descriptor: the last close of the device in a process
 * destroys what the process has. Each recorded process is a worker process of the replay's, with its own descriptor and handles; with
 * --lanes they are all one.
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
#include "replayer/standard.h"

#define DXG_NODE "/dev/dxg"
enum { ADAPTERS_MAX = 64, ENUM_ADAPTERS2 = 0x14, CREATE_DEVICE = 0x02, QUERY_ADAPTER_INFO = 0x09, CLOSE_ADAPTER = 0x15 };

/* A paging queue's fence, which the driver maps for us to read and unmaps when the queue ends. */
struct queue_fence {
    _Atomic uint64_t address; /* 0: there is no queue */
    _Atomic uint32_t readers; /* lanes that look at it now: the queue's end waits for them */
};

/* What is known of a call before any run. */
enum {
    TRANSLATED = REPLAY_READY_OWN,       /* by standard */
    CLOSES = REPLAY_READY_OWN << 1,      /* ends objects, perhaps a paging queue */
    MAKES_QUEUE = REPLAY_READY_OWN << 2,
    OWN_ADDRESS = REPLAY_READY_OWN << 3, /* when its address is refused, any other will do */
};

struct replay_device {
    struct replay_requests requests;
    struct queue_fence *fences; /* by object */
    struct replay_standard standard;
    enum replay_translate translate;
    bool software;
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
    bool software = identity->software;
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
    device->software = software;
    device->translate = target->translate;
    *out = device;
    return 0;
}

/* No commands are in a trace, so none are given to a GPU. One made of software runs none. */
static enum replay_skip skip_of(const struct replay_device *device, const struct replay_call *call)
{
    if (!replay_row(call) || !ga_row_is_d3dkmt(replay_row(call)))
        return REPLAY_SKIP_OTHER_INTERFACE;
    bool submits = ga_row_id(replay_row(call)) == GA_ROW_d3dkmt_submit_command ||
                   ga_row_id(replay_row(call)) == GA_ROW_d3dkmt_submit_command_to_hw_queue;
    return submits && !device->software ? REPLAY_SKIP_COMMANDS : REPLAY_ISSUED;
}

static int list_adapters(const struct replay_device *device, int fd, struct D3DKMT_ADAPTERINFO *adapters, uint32_t *count,
                         struct ga_error *error)
{
    struct D3DKMT_ENUMADAPTERS2 all = {.NumAdapters = ADAPTERS_MAX, .pAdapters = adapters};
    errno = ENODEV;
    if (ioctl(fd, DXG_IOCTL(ENUM_ADAPTERS2, struct D3DKMT_ENUMADAPTERS2), &all) != 0 || !all.NumAdapters ||
        all.NumAdapters > ADAPTERS_MAX)
        return ga_error_errno(error, errno, "dxg: %s: listing its adapters", device->node);
    *count = all.NumAdapters;
    return 0;
}

/* Whether an adapter answers as one in the recording did. */
static bool answers_alike(int fd, D3DKMT_HANDLE adapter, const struct replay_plan *plan, uint32_t answer)
{
    const struct replay_blob *recorded = &plan->blobs[plan->answers[answer].blob];
    void *data = calloc(1, recorded->size + 1u);
    struct D3DKMT_QUERYADAPTERINFO query = {.hAdapter = adapter, .Type = plan->answers[answer].type, .pPrivateDriverData = data,
                                            .PrivateDriverDataSize = recorded->size};
    bool alike = data && ioctl(fd, DXG_IOCTL(QUERY_ADAPTER_INFO, struct D3DKMT_QUERYADAPTERINFO), &query) == 0 &&
                 memcmp(data, plan->data + recorded->offset, recorded->size) == 0;
    free(data);
    return alike;
}

/* Whether the recorded driver is certainly another one: by its name, or because no adapter here calls itself what one there did. */
static int is_other_driver(const struct replay_device *device, const struct replay_plan *plan, bool *other, struct ga_error *error)
{
    struct D3DKMT_ADAPTERINFO adapters[ADAPTERS_MAX];
    uint32_t count = 0;
    *other = *plan->dxg_driver && (strcmp(plan->dxg_driver, "softgpu") == 0) != device->software;
    if (*other || !plan->answer_count)
        return 0;
    int fd = open(device->node, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ga_error_errno(error, errno, "dxg: %s", device->node);
    int result = list_adapters(device, fd, adapters, &count, error);
    for (uint32_t i = 0; result == 0 && i < plan->answer_count; i++) {
        bool found = false;
        for (uint32_t a = 0; !found && a < count; a++)
            found = answers_alike(fd, adapters[a].hAdapter, plan, i);
        *other |= !found;
    }
    close(fd); /* and with it what the process opened */
    return result;
}

/* A plan of another interface has no verbatim form here. */
static bool is_all_d3dkmt(const struct replay_plan *plan)
{
    for (uint32_t c = 0; c < plan->call_count; c++)
        if (!replay_row(&plan->calls[c]) || !ga_row_is_d3dkmt(replay_row(&plan->calls[c])))
            return false;
    return true;
}

static int bind_standard(struct replay_device *device, const struct replay_plan *plan, struct replay_binding *binding,
                         struct ga_error *error)
{
    bool other = device->translate == REPLAY_TRANSLATE_STANDARD;
    int result = 0;
    if (device->translate == REPLAY_TRANSLATE_AUTO && !(other = !is_all_d3dkmt(plan)))
        result = is_other_driver(device, plan, &other, error);
    return result < 0 || !other ? result : replay_standard_bind(&device->standard, &device->requests, plan, binding, error);
}

static void make_ready(struct replay_device *device, const struct replay_call *call)
{
    const struct ga_row *row = replay_row(call);
    struct replay_ready *ready = replay_ready(&device->requests, call);
    ready->is |= replay_standard_translates(&device->standard, call) ? TRANSLATED : 0;
    if (!row || !ga_row_is_d3dkmt(row))
        return;
    ready->is |= row->effect.kind == GA_EFFECT_CLOSE ? CLOSES : 0;
    ready->is |= ga_row_id(row) == GA_ROW_d3dkmt_create_paging_queue ? MAKES_QUEUE : 0;
    ready->is |= call->own_address && !call->failed ? OWN_ADDRESS : 0;
    ready->request = (uint32_t)_IOC(_IOC_READ | _IOC_WRITE, DXG_IOCTL_TYPE, row->number, row->abi_size);
}

static int dxg_bind(struct replay_device *device, const struct replay_plan *plan, struct replay_binding *binding,
                    struct ga_error *error)
{
    int result = bind_standard(device, plan, binding, error);
    if (result < 0)
        return result;
    for (uint32_t c = 0; c < plan->call_count; c++)
        if (!binding->skips[c] && !binding->translated[c])
            binding->skips[c] = (uint8_t)skip_of(device, &plan->calls[c]);
    for (uint32_t o = 0; o < plan->object_count; o++)
        device->supplies |= plan->objects[o].supplied;
    device->fences = calloc(plan->object_count + 1u, sizeof *device->fences);
    if (!device->fences)
        return ga_error_errno(error, ENOMEM, "dxg");
    result = replay_requests_init(&device->requests, plan, error);
    for (uint32_t c = 0; result == 0 && c < plan->call_count; c++)
        make_ready(device, &plan->calls[c]);
    return result;
}

static int make_device(const struct replay_device *device, D3DKMT_HANDLE adapter, uint32_t *handle, struct ga_error *error)
{
    struct D3DKMT_CREATEDEVICE create = {.hAdapter = adapter};
    errno = ENODEV;
    if (ioctl(device->fd, DXG_IOCTL(CREATE_DEVICE, struct D3DKMT_CREATEDEVICE), &create) != 0)
        return ga_error_errno(error, errno, "dxg: %s: a device in place of one that the recording does not make", device->node);
    *handle = create.hDevice;
    return 0;
}

static bool is_process_of(const struct replay_plan *plan, const struct replay_crew *crew, uint64_t process)
{
    for (uint32_t l = 0; l < plan->lane_count; l++)
        if (replay_crew_has(crew, l) && plan->lanes[l].process == process)
            return true;
    return !crew;
}

/* The device's own adapters, in turn, stand for those that no recorded call told or opened; a device is made on the first. */
static int supply(struct replay_device *device, const struct replay_crew *crew, struct ga_error *error)
{
    struct D3DKMT_ADAPTERINFO adapters[ADAPTERS_MAX];
    uint32_t count = 0, handle = 0;
    const struct replay_plan *plan = device->requests.plan;
    int result = list_adapters(device, device->fd, adapters, &count, error);
    if (result == 0 && device->standard.needs_device)
        result = make_device(device, adapters[0].hAdapter, &device->standard.device, error);
    for (uint32_t s = 0, next = 0; result == 0 && s < device->requests.special_count; s++) {
        uint32_t o = device->requests.special[s];
        if (!plan->objects[o].supplied)
            continue;
        const struct D3DKMT_ADAPTERINFO *adapter = &adapters[next++ % count];
        if (plan->objects[o].kind != REPLAY_LUID && !is_process_of(plan, crew, plan->objects[o].scope))
            continue;
        uint64_t value = adapter->hAdapter;
        if (plan->objects[o].kind == REPLAY_LUID)
            memcpy(&value, &adapter->AdapterLuid, sizeof value);
        if (plan->objects[o].kind == REPLAY_DEVICE) {
            result = make_device(device, adapters[0].hAdapter, &handle, error);
            value = handle;
        }
        replay_set_value(&device->requests, o, value);
    }
    return result;
}

static void dxg_clear(struct replay_device *device)
{
    replay_requests_reset(&device->requests);
    memset(device->fences, 0, device->requests.plan->object_count * sizeof *device->fences); /* no lane runs */
}

static int connect_device(struct replay_device *device, const struct replay_crew *crew, struct ga_error *error)
{
    device->fd = open(device->node, O_RDONLY | O_CLOEXEC); /* as the thunk library does */
    if (device->fd < 0)
        return ga_error_errno(error, errno, "dxg: %s", device->node);
    return device->supplies || device->standard.needs_device ? supply(device, crew, error) : 0;
}

static int dxg_begin(struct replay_device *device, struct ga_error *error)
{
    dxg_clear(device);
    return connect_device(device, NULL, error);
}

static int dxg_enter(struct replay_device *device, const struct replay_crew *crew, struct ga_error *error)
{
    replay_requests_enter(&device->requests);
    return connect_device(device, crew, error);
}

/* The queue may end with this call: nobody looks at its fence any more. */
static void forget_fence(struct replay_device *device, uint32_t queue)
{
    atomic_store(&device->fences[queue].address, 0);
    while (atomic_load(&device->fences[queue].readers))
        ;
}

static void forget_fences(struct replay_device *device, const struct replay_call *call)
{
    const struct replay_plan *plan = device->requests.plan;
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        uint32_t object = plan->refs[r].object;
        if (plan->refs[r].role != REPLAY_ENDS || object == REPLAY_NONE)
            continue;
        if (plan->refs[r].kind == REPLAY_PAGING_QUEUE)
            forget_fence(device, object);
        for (uint32_t o = 0; plan->refs[r].kind == REPLAY_DEVICE && o < plan->object_count; o++)
            if (plan->objects[o].kind == REPLAY_PAGING_QUEUE && plan->objects[o].owner == object)
                forget_fence(device, o);
    }
}

static enum replay_skip dxg_prepare(struct replay_device *device, uint32_t lane, const struct replay_call *call,
                                    struct replay_ioctl *make)
{
    const struct replay_ready *ready = replay_ready(&device->requests, call);
    make->own = ready;
    if (ready->is & TRANSLATED)
        return replay_standard_prepare(&device->standard, lane, call);
    make->fd = device->fd;
    make->request = ready->request;
    make->argument = device->requests.scratch[lane];
    enum replay_skip skip = replay_requests_prepare(&device->requests, lane, call);
    if (ready->is & CLOSES && skip == REPLAY_ISSUED)
        forget_fences(device, call);
    return skip;
}

static bool dxg_reached(struct replay_device *device, const struct replay_call *call)
{
    struct queue_fence *fence = &device->fences[call->queue];
    atomic_fetch_add(&fence->readers, 1);
    const _Atomic uint64_t *address = (const _Atomic uint64_t *)(uintptr_t)atomic_load(&fence->address);
    bool reached = !address || atomic_load_explicit(address, memory_order_acquire) >=
                                   atomic_load_explicit(&device->requests.fence_values[call->paging], memory_order_acquire);
    atomic_fetch_sub(&fence->readers, 1);
    return reached;
}

static void dxg_issue(struct replay_device *device, uint32_t lane, const struct replay_call *call, struct replay_outcome *outcome)
{
    replay_standard_issue(&device->standard, device->fd, lane, call, outcome);
}

extern const struct replay_backend replay_backend_dxg;

/* The address that the program chose is not to be had here: any other will do. */
static void remap(struct replay_device *device, uint32_t lane, const struct replay_call *call, struct replay_outcome *outcome)
{
    static const char *const addresses[] = {"BaseAddress", "MinimumAddress", "MaximumAddress"};
    struct replay_ioctl make;
    if (dxg_prepare(device, lane, call, &make) != REPLAY_ISSUED)
        return;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        memset(device->requests.scratch[lane] + ga_row_member(replay_row(call), addresses[i])->offset, 0, sizeof(uint64_t));
    struct replay_outcome other = {.give_up = outcome->give_up};
    replay_make_ioctl(&replay_backend_dxg, &make, &other);
    if (other.failed)
        return;
    *outcome = other;
    outcome->remapped = true;
}

static void keep_fence(struct replay_device *device, uint32_t lane, const struct replay_call *call)
{
    const struct replay_plan *plan = device->requests.plan;
    struct D3DKMT_CREATEPAGINGQUEUE queue;
    memcpy(&queue, device->requests.scratch[lane], sizeof queue);
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        if (plan->refs[r].kind == REPLAY_PAGING_QUEUE && plan->refs[r].object != REPLAY_NONE)
            atomic_store(&device->fences[plan->refs[r].object].address, (uintptr_t)queue.FenceValueCPUVirtualAddress);
}

static void dxg_finish(struct replay_device *device, uint32_t lane, const struct replay_call *call, const void *own,
                       struct replay_outcome *outcome)
{
    uint32_t is = ((const struct replay_ready *)own)->is;
    if (is & TRANSLATED) {
        replay_standard_finish(&device->standard, device->fd, lane, call, outcome);
        return;
    }
    if (is & OWN_ADDRESS && outcome->failed)
        remap(device, lane, call, outcome);
    if (is & MAKES_QUEUE && !outcome->failed)
        keep_fence(device, lane, call);
    if (is & REPLAY_READY_KEEPS)
        replay_requests_finish(&device->requests, lane, call, outcome->failed);
}

static void dxg_end(struct replay_device *device)
{
    replay_requests_close_descriptors(&device->requests);
    if (device->fd >= 0)
        close(device->fd);
    device->fd = -1;
}

static void dxg_close(struct replay_device *device)
{
    if (!device)
        return;
    replay_requests_release(&device->requests);
    replay_standard_release(&device->standard);
    free(device->fences);
    free(device);
}

const struct replay_backend replay_backend_dxg = {
    .name = "dxg",
    .summary = "D3DKMT calls on /dev/dxg, or on softgpu in its place",
    .drivers = (const char *const[]){"dxg", "softgpu", NULL},
    .open = dxg_open,
    .bind = dxg_bind,
    .begin = dxg_begin,
    .clear = dxg_clear,
    .enter = dxg_enter,
    .prepare = dxg_prepare,
    .issue = dxg_issue,
    .finish = dxg_finish,
    .reached = dxg_reached,
    .end = dxg_end,
    .close = dxg_close,
};
