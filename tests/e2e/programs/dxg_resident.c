/* dxg_resident COUNT: makes COUNT allocations, makes each resident twice and evicts it twice, on one paging queue. */
#include "abi/softgpu.h"
#include "dxg.h"

static void call(const struct dxg *dxg, unsigned long request, void *args, int expected, const char *what)
{
    if (ioctl(dxg->fd, request, args) != expected)
        dxg_die(what);
}

int main(int argc, char **argv)
{
    uint32_t count = argc > 1 ? (uint32_t)atoi(argv[1]) : 4;
    struct dxg dxg = dxg_open();
    struct D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = dxg.device};
    call(&dxg, DXG_IOCTL(0x07, struct D3DKMT_CREATEPAGINGQUEUE), &queue, 0, "CREATEPAGINGQUEUE");
    for (uint32_t i = 0; i < count; i++) {
        struct softgpu_private_data data = {.magic = SOFTGPU_MAGIC, .size = 65536};
        D3DKMT_HANDLE allocation = dxg_create(&dxg, &data, sizeof data, 0x2000 + i);
        struct D3DDDI_MAKERESIDENT make = {.hPagingQueue = queue.hPagingQueue, .NumAllocations = 1, .AllocationList = &allocation};
        struct D3DKMT_EVICT evict = {.hDevice = dxg.device, .NumAllocations = 1, .AllocationList = &allocation};
        call(&dxg, DXG_IOCTL(0x0b, struct D3DDDI_MAKERESIDENT), &make, STATUS_PENDING, "MAKERESIDENT");
        make.NumAllocations = 1;
        while (*(volatile uint64_t *)queue.FenceValueCPUVirtualAddress < make.PagingFenceValue)
            usleep(100);
        call(&dxg, DXG_IOCTL(0x0b, struct D3DDDI_MAKERESIDENT), &make, 0, "MAKERESIDENT again");
        call(&dxg, DXG_IOCTL(0x1e, struct D3DKMT_EVICT), &evict, 0, "EVICT");
        call(&dxg, DXG_IOCTL(0x1e, struct D3DKMT_EVICT), &evict, 0, "EVICT again");
        dxg_destroy(&dxg, allocation);
    }
    struct D3DDDI_DESTROYPAGINGQUEUE destroy = {.hPagingQueue = queue.hPagingQueue};
    call(&dxg, DXG_IOCTL(0x1c, struct D3DDDI_DESTROYPAGINGQUEUE), &destroy, 0, "DESTROYPAGINGQUEUE");
    printf("made %u allocations resident\n", count);
    return 0;
}
