/*
 * d3dkmt_planted [--leak] [--churn] [--fragment] [--slow] [--all]: draws frames that it does not draw, on two threads, and has the
 * mistakes that it is told to have; without any it is the clean program. What `gpualloc report` says of it first:
 *
 *     gpualloc record --softgpu -o T -- d3dkmt_planted --all
 *     gpualloc report T
 *
 * --leak: the streaming thread forgets a texture every few frames. --churn: the drawing thread makes its scratch buffers anew in each
 * frame. --fragment: GPU addresses are given back here and there, so that nothing large fits between what stays. --slow: one create
 * takes a third of a second (softgpu is asked for it). It prints what it planted.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/d3dkmt.h"
#include "abi/softgpu.h"
#include "d3dkmt/d3dkmt-thunks.h"

enum { FRAMES = 120, STREAMED = 16, SCRATCHES = 2, ATLAS = 64, LARGE = 4, LEAK_EACH = 6 };
#define KIB ((uint64_t)1024)
#define SCRATCH_SURFACE 0xc4a00u /* surfaces as a runtime would name them */
#define STREAMED_SURFACE 0x57e00u
#define LEAKED_SURFACE 0x1ea00u
#define ATLAS_SURFACE 0xa71a00u
#define LARGE_SURFACE 0xb16000u

static bool leak, churn, fragment, slow;
static D3DKMT_HANDLE adapter, device, queue;
static pthread_barrier_t frame_ends;

static void check(NTSTATUS status, const char *what)
{
    if (NT_SUCCESS(status))
        return;
    fprintf(stderr, "d3dkmt_planted: %s: status %#x\n", what, (unsigned)status);
    exit(1);
}

static D3DKMT_HANDLE make(uint64_t surface, uint64_t size)
{
    struct softgpu_private_data data = {.magic = SOFTGPU_MAGIC, .size = size};
    struct D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &data, .PrivateDriverDataSize = sizeof data};
    struct D3DKMT_CREATEALLOCATION create = {
        .hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info, .hPrivateRuntimeResourceHandle = surface};
    check(D3DKMTCreateAllocation2(&create), "D3DKMTCreateAllocation2");
    return info.hAllocation;
}

static void destroy(D3DKMT_HANDLE allocation)
{
    struct D3DKMT_DESTROYALLOCATION2 args = {.hDevice = device, .phAllocationList = &allocation, .AllocationCount = 1};
    check(D3DKMTDestroyAllocation2(&args), "D3DKMTDestroyAllocation2");
}

static uint64_t map(D3DKMT_HANDLE allocation, uint64_t size)
{
    struct D3DDDI_MAPGPUVIRTUALADDRESS args = {.hPagingQueue = queue, .hAllocation = allocation, .SizeInPages = size / (4 * KIB)};
    args.Protection = 1; /* Write */
    check(D3DKMTMapGpuVirtualAddress(&args), "D3DKMTMapGpuVirtualAddress");
    return args.VirtualAddress;
}

static void unmap(uint64_t address, uint64_t size)
{
    struct D3DKMT_FREEGPUVIRTUALADDRESS args = {.hAdapter = adapter, .BaseAddress = address, .Size = size};
    check(D3DKMTFreeGpuVirtualAddress(&args), "D3DKMTFreeGpuVirtualAddress");
}

/* Textures come and go; each lives for some frames. */
static void *stream(void *unused)
{
    D3DKMT_HANDLE textures[STREAMED] = {0};
    unsigned leaked = 0;
    for (unsigned frame = 0; frame < FRAMES; frame++) {
        unsigned place = frame / 4 % STREAMED;
        if (frame % 4 == 0) {
            if (textures[place])
                destroy(textures[place]);
            textures[place] = make(STREAMED_SURFACE + place * 0x40, 256 * KIB);
        }
        if (leak && frame % LEAK_EACH == 0)
            make(LEAKED_SURFACE + leaked++ * 0x40, 384 * KIB);
        pthread_barrier_wait(&frame_ends);
    }
    for (unsigned i = 0; i < STREAMED; i++)
        if (textures[i])
            destroy(textures[i]);
    if (leak)
        printf("leak: %u of 384 KiB, surfaces from 0x%x on\n", leaked, LEAKED_SURFACE);
    return unused;
}

static void draw(void)
{
    D3DKMT_HANDLE scratch[SCRATCHES];
    for (unsigned frame = 0; frame < FRAMES; frame++) {
        for (unsigned i = 0; i < SCRATCHES && (churn || !frame); i++)
            scratch[i] = make(SCRATCH_SURFACE, 128 * KIB);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        for (unsigned i = 0; i < SCRATCHES && (churn || frame + 1 == FRAMES); i++)
            destroy(scratch[i]);
        pthread_barrier_wait(&frame_ends);
    }
    if (churn)
        printf("churn: %u of 128 KiB, surface 0x%x\n", SCRATCHES * FRAMES, SCRATCH_SURFACE);
}

/* Many small things are mapped; then some go, and larger ones come: of every other place, or of the upper half. */
static void load(void)
{
    D3DKMT_HANDLE atlas[ATLAS], large[LARGE];
    uint64_t places[ATLAS], large_places[LARGE];
    for (unsigned i = 0; i < ATLAS; i++)
        places[i] = map(atlas[i] = make(ATLAS_SURFACE + i * 0x40, 256 * KIB), 256 * KIB);
    for (unsigned i = 0; i < ATLAS; i++)
        if (fragment ? i % 2 : i >= ATLAS / 2) {
            unmap(places[i], 256 * KIB);
            destroy(atlas[i]);
            atlas[i] = 0;
        }
    for (unsigned i = 0; i < LARGE; i++)
        large_places[i] = map(large[i] = make(LARGE_SURFACE + i * 0x40, 1024 * KIB), 1024 * KIB);
    if (fragment)
        printf("fragmentation: %u holes of 256 KiB, surface 0x%x\n", ATLAS / 2, LARGE_SURFACE);
    for (unsigned i = 0; i < LARGE; i++) {
        unmap(large_places[i], 1024 * KIB);
        destroy(large[i]);
    }
    for (unsigned i = 0; i < ATLAS; i++)
        if (atlas[i]) {
            unmap(places[i], 256 * KIB);
            destroy(atlas[i]);
        }
}

static void open_device(void)
{
    struct D3DKMT_ADAPTERINFO adapters[16];
    struct D3DKMT_ENUMADAPTERS2 enumerate = {.NumAdapters = 16, .pAdapters = adapters};
    check(D3DKMTEnumAdapters2(&enumerate), "D3DKMTEnumAdapters2");
    if (!enumerate.NumAdapters)
        check((NTSTATUS)0xC0000001, "no adapter");
    adapter = adapters[0].hAdapter;
    struct D3DKMT_CREATEDEVICE create = {.hAdapter = adapter};
    check(D3DKMTCreateDevice(&create), "D3DKMTCreateDevice");
    device = create.hDevice;
    struct D3DKMT_CREATEPAGINGQUEUE paging = {.hDevice = device};
    check(D3DKMTCreatePagingQueue(&paging), "D3DKMTCreatePagingQueue");
    queue = paging.hPagingQueue;
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {{"leak", 0, NULL, 'l'}, {"churn", 0, NULL, 'c'}, {"fragment", 0, NULL, 'f'},
                                            {"slow", 0, NULL, 's'}, {"all", 0, NULL, 'a'},   {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        leak |= c == 'l' || c == 'a';
        churn |= c == 'c' || c == 'a';
        fragment |= c == 'f' || c == 'a';
        slow |= c == 's' || c == 'a';
        if (c == '?')
            exit(2);
    }
    if (optind < argc) {
        fprintf(stderr, "d3dkmt_planted: %s is no option; they are --leak, --churn, --fragment, --slow and --all\n", argv[optind]);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    if (slow) {
        setenv(SOFTGPU_ENV_FAULTS, "CreateAllocation2:20:333ms", 1); /* softgpu reads it when the device is opened */
        printf("slow call: create number 20, of 256 KiB, 333 ms\n");
    }
    open_device();
    load();
    pthread_t streaming;
    pthread_barrier_init(&frame_ends, NULL, 2);
    if (pthread_create(&streaming, NULL, stream, NULL) != 0)
        return 1;
    draw();
    pthread_join(streaming, NULL);
    struct D3DKMT_DESTROYDEVICE destroy_device = {.hDevice = device};
    check(D3DKMTDestroyDevice(&destroy_device), "D3DKMTDestroyDevice");
    return 0;
}
