/*
 * From a hooked call to capture: which device, which row, which layer; everything else goes through untouched.
 */
#ifndef GPUALLOC_PRELOAD_DISPATCH_H
#define GPUALLOC_PRELOAD_DISPATCH_H

#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "abi/d3dkmt.h"
#include "abi/mapping.h"
#include "preload/mappings.h"
#include "schema/schema.h"

typedef int dispatch_ioctl_function(int fd, unsigned long request, ...);
typedef NTSTATUS dispatch_thunk_function(void *arguments);
typedef void *dispatch_mmap_function(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
typedef int dispatch_munmap_function(void *addr, size_t length);
typedef void *dispatch_mremap_function(void *old, size_t old_size, size_t new_size, int flags, ...);

/* An exported D3DKMT function. */
struct dispatch_thunk {
    enum ga_row_id row;
    uint32_t size; /* bytes of its structure */
    bool older;    /* its elements have the older form */
};

/* Whether a request could be a GPU's at all, by its type: all that the hook does for other ioctls. */
static inline bool dispatch_wants(unsigned long request)
{
    unsigned type = _IOC_TYPE((unsigned)request);
    return type == 'd' || type == DXG_IOCTL_TYPE || type == 'K' || type == 'H' || type == 'u'; /* ga_driver_type */
}

/* Makes the call through `real` and records it when it should be. errno and result are the real call's. frame is the hook's. */
int dispatch_ioctl(int fd, unsigned long request, void *argument, uintptr_t frame, dispatch_ioctl_function *real);
/* The same for a thunk; a null `real` gives STATUS_NOT_SUPPORTED. */
NTSTATUS dispatch_thunk(const struct dispatch_thunk *thunk, void *arguments, uintptr_t frame, dispatch_thunk_function *real);
/* mmap, munmap, mremap, when dispatch_maps or mappings_any() says that they could be of a GPU device's memory. */
void *dispatch_mmap(const struct ga_mmap_arguments *arguments, uintptr_t frame, dispatch_mmap_function *real);
int dispatch_munmap(const struct ga_munmap_arguments *arguments, uintptr_t frame, dispatch_munmap_function *real);
void *dispatch_mremap(const struct ga_mremap_arguments *arguments, uintptr_t frame, dispatch_mremap_function *real);
static inline bool dispatch_maps(int fd, int flags) { return fd >= 0 || (flags & MAP_FIXED && mappings_any()); }

#endif
