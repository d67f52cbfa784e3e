/* Arguments of mmap, munmap and mremap as structures, as the kernel has those of ioctls: for the schema's rows. */
#ifndef GPUALLOC_ABI_MAPPING_H
#define GPUALLOC_ABI_MAPPING_H

#include <stdint.h>

struct ga_mmap_arguments {
    uint64_t addr, length;
    uint32_t prot, flags;
    int32_t fd;
    uint32_t pad;
    uint64_t offset;
    uint64_t dma_buf; /* inode number when fd is a dma-buf's, else 0 */
};

struct ga_munmap_arguments {
    uint64_t addr, length;
};

struct ga_mremap_arguments {
    uint64_t old_address, old_size, new_size;
    uint32_t flags, pad;
    uint64_t new_address;
};

#endif
