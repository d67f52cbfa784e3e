/*
 * d3dkmt_churn [--calls N] [--rate N] [--threads N] [--private BYTES]: creates and destroys allocations, as many calls as asked for,
 * flat out or so many a second. Half of the calls are creates, half destroys. It prints how many calls it made and how fast.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/d3dkmt.h"
#include "abi/softgpu.h"
#include "d3dkmt/d3dkmt-thunks.h"

static uint64_t calls = 10000, rate, threads = 1, private_size = 64;
static D3DKMT_HANDLE device;
static atomic_ullong failures;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool ok(NTSTATUS status, const char *what)
{
    if (NT_SUCCESS(status))
        return true;
    if (atomic_fetch_add(&failures, 1) == 0)
        fprintf(stderr, "d3dkmt_churn: %s: status %#x\n", what, (unsigned)status);
    return false;
}

/* What stands for a driver's private data: softgpu's own form, then bytes that differ from call to call. */
static void fill_private(unsigned char *data, uint64_t number)
{
    memset(data, 0, private_size);
    struct softgpu_private_data own = {.magic = SOFTGPU_MAGIC, .size = 65536};
    memcpy(data, &own, private_size < sizeof own ? private_size : sizeof own);
    if (private_size >= sizeof own + sizeof number)
        memcpy(data + private_size - sizeof number, &number, sizeof number);
}

static void create_and_destroy(unsigned char *data, uint64_t number)
{
    fill_private(data, number);
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = private_size ? data : NULL,
                                          .PrivateDriverDataSize = (uint32_t)private_size};
    struct D3DKMT_CREATEALLOCATION create = {.hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    if (!ok(D3DKMTCreateAllocation2(&create), "D3DKMTCreateAllocation2"))
        return;
    struct D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = device, .phAllocationList = &info.hAllocation, .AllocationCount = 1};
    ok(D3DKMTDestroyAllocation2(&destroy), "D3DKMTDestroyAllocation2");
}

/* Each thread makes its part of the calls; paced ones sleep a millisecond whenever they are ahead. */
static void *churn(void *argument)
{
    uint64_t pairs = calls / 2 / threads, begin = now_ns();
    _Alignas(16) static _Thread_local unsigned char data[65536];
    for (uint64_t pair = 0; pair < pairs; pair++) {
        create_and_destroy(data, ((uint64_t)(uintptr_t)argument << 48) + pair % 64);
        while (rate && (now_ns() - begin) * (double)rate < 2e9 * (double)pair * (double)threads)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return NULL;
}

static bool open_device(void)
{
    struct D3DKMT_ADAPTERINFO adapters[16];
    struct D3DKMT_ENUMADAPTERS2 enumerate = {.NumAdapters = 16, .pAdapters = adapters};
    if (!ok(D3DKMTEnumAdapters2(&enumerate), "D3DKMTEnumAdapters2"))
        return false;
    if (!enumerate.NumAdapters) {
        fprintf(stderr, "d3dkmt_churn: no adapter\n");
        return false;
    }
    struct D3DKMT_CREATEDEVICE create = {.hAdapter = adapters[0].hAdapter};
    if (!ok(D3DKMTCreateDevice(&create), "D3DKMTCreateDevice"))
        return false;
    device = create.hDevice;
    return true;
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {{"calls", 1, NULL, 'c'}, {"rate", 1, NULL, 'r'}, {"threads", 1, NULL, 't'},
                                            {"private", 1, NULL, 'p'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        uint64_t value = optarg ? strtoull(optarg, NULL, 0) : 0;
        switch (c) {
        case 'c': calls = value; break;
        case 'r': rate = value; break;
        case 't': threads = value; break;
        case 'p': private_size = value; break;
        default: exit(2);
        }
    }
    if (threads < 1 || threads > 64 || private_size > 65536) {
        fprintf(stderr, "d3dkmt_churn: --threads is 1 to 64, --private at most 65536\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    if (!open_device())
        return 1;
    pthread_t ids[64];
    uint64_t begin = now_ns();
    for (uint64_t i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, churn, (void *)(uintptr_t)i);
    for (uint64_t i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    double seconds = (double)(now_ns() - begin) / 1e9;
    uint64_t made = calls / 2 / threads * threads * 2;
    printf("%llu calls in %.3f s: %.0f a second, %llu failed\n", (unsigned long long)made, seconds, (double)made / seconds,
           (unsigned long long)failures);
    struct D3DKMT_DESTROYDEVICE destroy = {.hDevice = device};
    ok(D3DKMTDestroyDevice(&destroy), "D3DKMTDestroyDevice");
    return failures ? 1 : 0;
}
