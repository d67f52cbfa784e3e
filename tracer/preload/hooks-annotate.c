/* What a program finds when it looks for annotations: the functions behind include/gpualloc/annotate.h. */
#include "preload/annotate.h"
#include "preload/export.h"

EXPORT void gpualloc_annotate_name(uint32_t kind, int fd, uint64_t handle, const char *name);
EXPORT void gpualloc_annotate_name(uint32_t kind, int fd, uint64_t handle, const char *name)
{
    annotate_name(kind, fd, handle, name, (uintptr_t)__builtin_frame_address(0));
}

EXPORT void gpualloc_annotate_part(uint32_t kind, int fd, uint64_t handle, uint64_t object, uint64_t offset, uint64_t size,
                                   uint32_t usage, uint32_t semantic, int mapped);
EXPORT void gpualloc_annotate_part(uint32_t kind, int fd, uint64_t handle, uint64_t object, uint64_t offset, uint64_t size,
                                   uint32_t usage, uint32_t semantic, int mapped)
{
    annotate_part(kind, fd, handle, object, offset, size, usage, semantic, mapped != 0);
}
