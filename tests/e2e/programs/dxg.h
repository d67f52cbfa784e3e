/*
 * A client of /dev/dxg in a few lines, for the end-to-end tests: raw ioctls, no thunks. Prints nothing but errors.
 */
#ifndef GPUALLOC_E2E_DXG_H
#define GPUALLOC_E2E_DXG_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "abi/d3dkmt.h"

struct dxg {
    int fd;
    D3DKMT_HANDLE adapter, device;
};

/* Ends the program: exit status 3 is 'the test could not be done'. */
static inline void dxg_die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    _exit(3);
}

static inline D3DKMT_HANDLE dxg_create_device(int fd, D3DKMT_HANDLE adapter)
{
    struct D3DKMT_CREATEDEVICE device = {.hAdapter = adapter};
    if (ioctl(fd, DXG_IOCTL(0x02, struct D3DKMT_CREATEDEVICE), &device) != 0)
        dxg_die("CREATEDEVICE");
    return device.hDevice;
}

static inline struct dxg dxg_open(void)
{
    struct dxg dxg = {.fd = open("/dev/dxg", O_RDONLY | O_CLOEXEC)};
    if (dxg.fd < 0)
        dxg_die("/dev/dxg");
    struct D3DKMT_ADAPTERINFO adapters[8];
    struct D3DKMT_ENUMADAPTERS2 all = {.NumAdapters = 8, .pAdapters = adapters};
    if (ioctl(dxg.fd, DXG_IOCTL(0x14, struct D3DKMT_ENUMADAPTERS2), &all) != 0 || all.NumAdapters == 0)
        dxg_die("ENUMADAPTERS2");
    dxg.adapter = adapters[0].hAdapter;
    dxg.device = dxg_create_device(dxg.fd, dxg.adapter);
    return dxg;
}

/* One allocation with size bytes of private data; its handle. Async-signal-safe. */
static inline D3DKMT_HANDLE dxg_create(const struct dxg *dxg, void *private_data, uint32_t size, uint64_t surface)
{
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = private_data, .PrivateDriverDataSize = size};
    struct D3DKMT_CREATEALLOCATION create = {
        .hDevice = dxg->device, .NumAllocations = 1, .pAllocationInfo2 = &info, .hPrivateRuntimeResourceHandle = surface};
    int result;
    do
        result = ioctl(dxg->fd, DXG_IOCTL(0x06, struct D3DKMT_CREATEALLOCATION), &create);
    while (result == -1 && errno == EINTR);
    if (result != 0)
        dxg_die("CREATEALLOCATION");
    return info.hAllocation;
}

static inline void dxg_destroy(const struct dxg *dxg, D3DKMT_HANDLE allocation)
{
    struct D3DKMT_DESTROYALLOCATION2 destroy = {
        .hDevice = dxg->device, .phAllocationList = &allocation, .AllocationCount = 1};
    int result;
    do
        result = ioctl(dxg->fd, DXG_IOCTL(0x13, struct D3DKMT_DESTROYALLOCATION2), &destroy);
    while (result == -1 && errno == EINTR);
    if (result != 0)
        dxg_die("DESTROYALLOCATION2");
}

#endif
