/*
 * gpualloc/annotate.h: tell gpualloc's tracer what your GPU memory is for.
 *
 * A recording knows surfaces by handles. With these functions a program or driver names them, and says which part of an allocation
 * an object uses and for what, as UMDEtwLogMapAllocation does on Windows. Names are in `gpualloc list` and `gpualloc report --by
 * surface`; docs/annotation.md has an example.
 *
 * There is nothing to link: the functions are looked up at their first use, in the library that the tracer has preloaded. Without
 * the tracer they do nothing, in about a nanosecond. They may be called from any thread, from a library that was loaded by dlopen,
 * and before the first call to the GPU. errno is kept. C99 and C++11, with GCC or Clang, on Linux.
 *
 * Names are UTF-8, of 255 bytes at most (a longer one is cut); null or "" takes a name back. Take it back when a surface ends whose
 * handle, an address perhaps, may come again.
 */
#ifndef GPUALLOC_ANNOTATE_H
#define GPUALLOC_ANNOTATE_H

#include <dlfcn.h>
#include <stdint.h>

/* A program that is linked without libdl, or statically, has no dlsym: nothing is annotated then. */
#pragma weak dlsym

#ifdef __cplusplus
extern "C" {
#endif

/* UMDETW_ALLOCATION_USAGE: bits 0 and 1; bits 16 to 31 are the driver's own. */
enum gpualloc_usage {
    GPUALLOC_USAGE_PACKED = 1 << 0,  /* a part of a larger allocation */
    GPUALLOC_USAGE_RENAMED = 1 << 1, /* one of several instances of the object */
};

/* UMDETW_ALLOCATION_SEMANTIC: what the driver itself uses the memory for. */
enum gpualloc_semantic {
    GPUALLOC_SEMANTIC_NONE = 0, /* it belongs to an object of the program */
    GPUALLOC_SEMANTIC_DMA_BUFFER = 1,
    GPUALLOC_SEMANTIC_UPLOAD_STAGING = 2,
    GPUALLOC_SEMANTIC_DOWNLOAD_STAGING = 3,
    GPUALLOC_SEMANTIC_CONTEXT_SAVE = 4,
    GPUALLOC_SEMANTIC_DRIVER_OTHER_MIN = 5, /* from here on the driver's own */
    GPUALLOC_SEMANTIC_DRIVER_OTHER_MAX = 0xffff,
};

/* What handles are of; the value of `kind` in the trace. */
enum gpualloc_kind {
    GPUALLOC_KIND_SURFACE = 1, /* name: hPrivateRuntimeResourceHandle; part: hAllocation of D3DKMT */
    GPUALLOC_KIND_GEM = 2,     /* a GEM handle of the DRM file fd */
    GPUALLOC_KIND_DMA_BUF = 3, /* the dma-buf fd */
};

/* The tracer's side: exported by libgpualloc-trace.so. Call the functions further below instead. */
typedef void gpualloc_annotate_name_function(uint32_t kind, int fd, uint64_t handle, const char *name);
typedef void gpualloc_annotate_part_function(uint32_t kind, int fd, uint64_t handle, uint64_t object, uint64_t offset,
                                             uint64_t size, uint32_t usage, uint32_t semantic, int mapped);

/* The address of a function of the tracer, kept at *known; null when there is no tracer. */
static inline void *gpualloc_annotate_find(void **known, const char *function)
{
    void *found = __atomic_load_n(known, __ATOMIC_ACQUIRE);
    if (__builtin_expect(!found, 0)) {
        found = dlsym ? dlsym((void *)0 /* RTLD_DEFAULT */, function) : (void *)0;
        if (!found)
            found = (void *)known; /* asked, and not there */
        __atomic_store_n(known, found, __ATOMIC_RELEASE);
    }
    return found == (void *)known ? (void *)0 : found;
}

static inline void gpualloc_annotate_name_by(uint32_t kind, int fd, uint64_t handle, const char *name)
{
    static void *known;
    void *found = gpualloc_annotate_find(&known, "gpualloc_annotate_name");
    if (found)
        (__extension__(gpualloc_annotate_name_function *)found)(kind, fd, handle, name);
}

static inline void gpualloc_annotate_part_by(uint32_t kind, int fd, uint64_t handle, uint64_t object, uint64_t offset,
                                             uint64_t size, uint32_t usage, uint32_t semantic, int mapped)
{
    static void *known;
    void *found = gpualloc_annotate_find(&known, "gpualloc_annotate_part");
    if (found)
        (__extension__(gpualloc_annotate_part_function *)found)(kind, fd, handle, object, offset, size, usage, semantic, mapped);
}

/* Names the surface that allocations belong to: what D3DKMT_CREATEALLOCATION has as hPrivateRuntimeResourceHandle. Before or after
   the allocations are made. */
static inline void gpualloc_name_surface(uint64_t hPrivateRuntimeResourceHandle, const char *name)
{
    gpualloc_annotate_name_by(GPUALLOC_KIND_SURFACE, -1, hPrivateRuntimeResourceHandle, name);
}

/* Names a GEM buffer of a DRM file, as long as the handle lives. */
static inline void gpualloc_name_gem(int drm_fd, uint32_t handle, const char *name)
{
    gpualloc_annotate_name_by(GPUALLOC_KIND_GEM, drm_fd, handle, name);
}

/* Names the buffer behind a dma-buf, which a recorded call has exported. */
static inline void gpualloc_name_dma_buf(int dma_buf_fd, const char *name)
{
    gpualloc_annotate_name_by(GPUALLOC_KIND_DMA_BUF, dma_buf_fd, 0, name);
}

/* Says that the object hD3DAllocation (the driver's own handle of it; 0: none, the driver uses it itself, for Semantic) is, from now
   on, in Size bytes at Offset of an allocation; Usage says why. As UMDEtwLogMapAllocation. */
static inline void gpualloc_map_allocation(uint64_t hD3DAllocation, uint32_t hAllocation, uint64_t Offset, uint64_t Size,
                                           uint32_t Usage, uint32_t Semantic)
{
    gpualloc_annotate_part_by(GPUALLOC_KIND_SURFACE, -1, hAllocation, hD3DAllocation, Offset, Size, Usage, Semantic, 1);
}

/* The end of that, with the same arguments, as UMDEtwLogUnmapAllocation. */
static inline void gpualloc_unmap_allocation(uint64_t hD3DAllocation, uint32_t hAllocation, uint64_t Offset, uint64_t Size,
                                             uint32_t Usage, uint32_t Semantic)
{
    gpualloc_annotate_part_by(GPUALLOC_KIND_SURFACE, -1, hAllocation, hD3DAllocation, Offset, Size, Usage, Semantic, 0);
}

/* The same for a part of a GEM buffer. */
static inline void gpualloc_map_gem(uint64_t object, int drm_fd, uint32_t handle, uint64_t offset, uint64_t size,
                                    uint32_t usage, uint32_t semantic)
{
    gpualloc_annotate_part_by(GPUALLOC_KIND_GEM, drm_fd, handle, object, offset, size, usage, semantic, 1);
}

static inline void gpualloc_unmap_gem(uint64_t object, int drm_fd, uint32_t handle, uint64_t offset, uint64_t size,
                                      uint32_t usage, uint32_t semantic)
{
    gpualloc_annotate_part_by(GPUALLOC_KIND_GEM, drm_fd, handle, object, offset, size, usage, semantic, 0);
}

#ifdef __cplusplus
}
#endif

#endif
