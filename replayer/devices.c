/* Devices: see devices.h. */
#include "replayer/devices.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/d3dkmt.h"
#include "abi/softgpu-node.h"
#include "replayer/drm.h"

#define DXG_NODE "/dev/dxg"
#define DRI_FOLDER "/dev/dri"
enum {
    ENUM_ADAPTERS2 = 0x14,
    QUERY_ADAPTER_INFO = 0x09,
    CLOSE_ADAPTER = 0x15,
    ADAPTER_REGISTRY_INFO = 8, /* KMTQAITYPE_ADAPTERREGISTRYINFO: four texts of 260 UTF-16 units, the first the adapter's name */
    REGISTRY_TEXT = 260,
};

bool replay_dxg_is_software(int fd)
{
    char link[64], target[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, target, sizeof target - 1);
    target[length > 0 ? length : 0] = 0;
    if (strstr(target, "memfd:softgpu")) /* the preload's descriptor is a memory file of that name */
        return true;
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && softgpu_is_cuse_device(status.st_rdev);
}

/* UTF-16 of plain characters to text; others become '?'. */
static void narrow(const uint16_t *wide, size_t count, char *text, size_t size)
{
    size_t i = 0;
    for (; i < count && i + 1 < size && wide[i]; i++)
        text[i] = wide[i] >= ' ' && wide[i] < 0x7f ? (char)wide[i] : '?';
    text[i] = 0;
}

static void ask_dxg(int fd, struct replay_node *node)
{
    struct D3DKMT_ADAPTERINFO adapters[REPLAY_ADAPTERS_MAX];
    struct D3DKMT_ENUMADAPTERS2 all = {.NumAdapters = REPLAY_ADAPTERS_MAX, .pAdapters = adapters};
    if (ioctl(fd, DXG_IOCTL(ENUM_ADAPTERS2, struct D3DKMT_ENUMADAPTERS2), &all) != 0 || all.NumAdapters > REPLAY_ADAPTERS_MAX)
        return;
    for (uint32_t a = 0; a < all.NumAdapters; a++) {
        uint16_t texts[4 * REGISTRY_TEXT] = {0};
        struct D3DKMT_QUERYADAPTERINFO query = {.hAdapter = adapters[a].hAdapter, .Type = ADAPTER_REGISTRY_INFO,
                                                .pPrivateDriverData = texts, .PrivateDriverDataSize = sizeof texts};
        struct D3DKMT_CLOSEADAPTER close_adapter = {adapters[a].hAdapter};
        if (ioctl(fd, DXG_IOCTL(QUERY_ADAPTER_INFO, struct D3DKMT_QUERYADAPTERINFO), &query) == 0)
            narrow(texts, REGISTRY_TEXT, node->adapters[a], sizeof node->adapters[a]);
        ioctl(fd, DXG_IOCTL(CLOSE_ADAPTER, struct D3DKMT_CLOSEADAPTER), &close_adapter);
    }
    node->adapter_count = all.NumAdapters;
}

static bool find_dxg(struct replay_node *node)
{
    int fd = open(DXG_NODE, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV))
        return false;
    *node = (struct replay_node){.node = DXG_NODE, .driver = "dxg"};
    if (fd < 0) {
        ga_error_errno(&node->error, errno, DXG_NODE);
        return true;
    }
    node->software = replay_dxg_is_software(fd);
    if (node->software)
        strcpy(node->driver, "softgpu");
    ask_dxg(fd, node);
    close(fd);
    return true;
}

static int by_node(const void *a, const void *b)
{
    return strverscmp(((const struct replay_node *)a)->node, ((const struct replay_node *)b)->node);
}

int replay_nodes_find(struct replay_nodes *nodes, struct ga_error *error)
{
    *nodes = (struct replay_nodes){.list = calloc(REPLAY_DEVICES_MAX, sizeof *nodes->list)};
    if (!nodes->list)
        return ga_error_errno(error, ENOMEM, "devices");
    nodes->count = find_dxg(&nodes->list[0]);
    uint32_t first = nodes->count;
    DIR *folder = opendir(DRI_FOLDER);
    for (struct dirent *entry; folder && (entry = readdir(folder)) && nodes->count < REPLAY_DEVICES_MAX;) {
        if (strncmp(entry->d_name, "card", 4) != 0 && strncmp(entry->d_name, "renderD", 7) != 0)
            continue;
        struct replay_node *node = &nodes->list[nodes->count++];
        snprintf(node->node, sizeof node->node, DRI_FOLDER "/%.40s", entry->d_name);
        if (replay_drm_identify(node->node, node->driver, sizeof node->driver, node->version, sizeof node->version,
                                &node->error) == 0)
            node->software = replay_drm_is_fake(node->version);
    }
    if (folder)
        closedir(folder);
    qsort(nodes->list + first, nodes->count - first, sizeof *nodes->list, by_node);
    return 0;
}

void replay_nodes_release(struct replay_nodes *nodes)
{
    free(nodes->list);
    *nodes = (struct replay_nodes){0};
}

/* The driver of the first DRM file of the plan, "" when there is none. */
static const char *recorded_driver(const struct replay_plan *plan)
{
    for (uint32_t f = 0; f < plan->file_count; f++)
        if (*plan->files[f].driver && !*plan->files[f].node) /* what makes dma-bufs alone is no device to replay on */
            return plan->files[f].driver;
    return "";
}

static bool mostly_d3dkmt(const struct replay_plan *plan)
{
    uint32_t d3dkmt = 0;
    for (uint32_t c = 0; c < plan->call_count; c++)
        d3dkmt += replay_row(&plan->calls[c]) && ga_row_is_d3dkmt(replay_row(&plan->calls[c]));
    return d3dkmt > plan->call_count - d3dkmt;
}

static bool node_suits(const struct replay_node *node, const char *driver, const struct replay_backend *backend)
{
    if (*node->error.text || strncmp(node->node, DRI_FOLDER "/", sizeof DRI_FOLDER) != 0)
        return false;
    if (backend && !backend->drivers) /* dumb buffers: a card node, of any driver */
        return strncmp(node->node, DRI_FOLDER "/card", sizeof DRI_FOLDER + 4) == 0;
    return backend ? replay_backend_for_driver(node->driver) == backend : strcmp(node->driver, driver) == 0;
}

/* The first DRM node for a backend, or for the driver of the recording. */
static int choose_drm_node(const char *driver, struct replay_choice *choice, struct ga_error *error)
{
    struct replay_nodes nodes;
    int result = replay_nodes_find(&nodes, error);
    if (result < 0)
        return result;
    for (uint32_t n = 0; n < nodes.count && !choice->target.node; n++)
        if (node_suits(&nodes.list[n], driver, choice->backend)) {
            snprintf(choice->node, sizeof choice->node, "%s", nodes.list[n].node);
            choice->target.node = choice->node;
            if (!choice->backend)
                choice->backend = replay_backend_for_driver(nodes.list[n].driver);
        }
    replay_nodes_release(&nodes);
    if (choice->target.node)
        return 0;
    if (choice->backend)
        return ga_error_set(error, ENODEV, "no device here for backend %s; 'gpualloc devices' lists what there is",
                            choice->backend->name);
    return ga_error_set(error, ENODEV, "the trace is of driver %s, and no such device is here; name another with --device "
                                       "('gpualloc devices' lists them), or --backend null", *driver ? driver : "(unknown)");
}

static int choose_by_node(const char *node, struct replay_choice *choice, struct ga_error *error)
{
    const char *slash = strrchr(node, '/');
    char driver[32] = "dxg";
    snprintf(choice->node, sizeof choice->node, "%s", node);
    choice->target.node = choice->node;
    if (strcmp(slash ? slash + 1 : node, "dxg") != 0) {
        int result = replay_drm_identify(node, driver, sizeof driver, NULL, 0, error);
        if (result < 0)
            return result;
    }
    if (!choice->backend)
        choice->backend = replay_backend_for_driver(driver);
    return 0;
}

int replay_choose(const struct replay_plan *plan, const char *node, const char *backend, bool softgpu, struct replay_choice *choice,
                  struct ga_error *error)
{
    *choice = (struct replay_choice){.backend = backend ? replay_backend_find(backend) : NULL};
    const struct replay_backend *dxg = replay_backend_find("dxg");
    if (softgpu)
        choice->backend = dxg;
    if (softgpu || choice->backend == replay_backend_find("null"))
        return 0;
    if (node)
        return choose_by_node(node, choice, error);
    if (choice->backend == dxg)
        return 0;
    if (!choice->backend && mostly_d3dkmt(plan)) {
        choice->backend = dxg;
        if (access(DXG_NODE, F_OK) < 0 && errno == ENOENT)
            return ga_error_set(error, ENODEV, "the trace is of /dev/dxg, which this machine does not have; --softgpu replays it on "
                                               "one made of software");
        return 0;
    }
    return choose_drm_node(recorded_driver(plan), choice, error);
}
