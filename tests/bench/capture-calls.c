/*
 * capture-calls (ioctl | event) BYTES (distinct | same): ns a create call with BYTES of private data on /dev/dxg, or ns an LTTng
 * event of that payload: the median of rounds. Prints the number alone. Started by tests/bench/capture.
 */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "capture-calls.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "abi/d3dkmt.h"

enum { ROUNDS = 41, CALLS = 200, BYTES_MAX = 65536 };

static uint64_t data[BYTES_MAX / 8];
static int device;
static D3DKMT_HANDLE owner;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void request(unsigned long number, void *argument, const char *what)
{
    if (ioctl(device, number, argument) == 0)
        return;
    perror(what);
    exit(1);
}

static void open_device(void)
{
    struct D3DKMT_ADAPTERINFO adapters[8];
    struct D3DKMT_ENUMADAPTERS2 all = {.NumAdapters = 8, .pAdapters = adapters};
    device = open("/dev/dxg", O_RDONLY | O_CLOEXEC);
    if (device < 0) {
        perror("/dev/dxg");
        exit(1);
    }
    request(DXG_IOCTL(0x14, struct D3DKMT_ENUMADAPTERS2), &all, "EnumAdapters2");
    struct D3DKMT_CREATEDEVICE create = {.hAdapter = adapters[0].hAdapter};
    request(DXG_IOCTL(0x02, struct D3DKMT_CREATEDEVICE), &create, "CreateDevice");
    owner = create.hDevice;
}

/* ns a call of one round of creates; what they made is freed outside the measured time. */
static double round_of_creates(uint32_t bytes, int distinct)
{
    static D3DKMT_HANDLE handles[CALLS];
    static uint64_t content;
    uint64_t begin = now_ns();
    for (unsigned i = 0; i < CALLS; i++) {
        if (distinct)
            data[0] = ++content;
        struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = bytes ? data : NULL, .PrivateDriverDataSize = bytes};
        struct D3DKMT_CREATEALLOCATION create = {.hDevice = owner, .NumAllocations = 1, .pAllocationInfo2 = &info};
        request(DXG_IOCTL(0x06, struct D3DKMT_CREATEALLOCATION), &create, "CreateAllocation2");
        handles[i] = info.hAllocation;
    }
    double ns = (double)(now_ns() - begin) / CALLS;
    struct D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = owner, .phAllocationList = handles, .AllocationCount = CALLS};
    request(DXG_IOCTL(0x13, struct D3DKMT_DESTROYALLOCATION2), &destroy, "DestroyAllocation2");
    return ns;
}

static double round_of_events(uint32_t bytes)
{
    uint64_t begin = now_ns();
    for (unsigned i = 0; i < CALLS; i++)
        lttng_ust_tracepoint(gpualloc_bench, event, i, data, bytes / 8);
    return (double)(now_ns() - begin) / CALLS;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: capture-calls (ioctl | event) BYTES (distinct | same)\n");
        return 2;
    }
    uint32_t bytes = (uint32_t)atoi(argv[2]);
    int events = strcmp(argv[1], "event") == 0, distinct = strcmp(argv[3], "distinct") == 0;
    double rounds[ROUNDS];
    if (bytes > BYTES_MAX)
        return 2;
    if (!events)
        open_device();
    for (unsigned i = 0; i < ROUNDS; i++) {
        rounds[i] = events ? round_of_events(bytes) : round_of_creates(bytes, distinct);
        usleep(2000); /* the consumer has the other half of the time */
    }
    qsort(rounds, ROUNDS, sizeof *rounds, by_value);
    printf("%.0f\n", rounds[ROUNDS / 2]);
    return 0;
}
