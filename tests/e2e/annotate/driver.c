/* A driver that is loaded by dlopen and includes the header, as C99. */
#include <gpualloc/annotate.h>

void driver_annotate(void *surface);
void driver_annotate(void *surface)
{
    gpualloc_name_surface((uintptr_t)surface, "named by a driver");
    gpualloc_unmap_gem(1, -1, 2, 3, 4, GPUALLOC_USAGE_RENAMED, GPUALLOC_SEMANTIC_DRIVER_OTHER_MIN);
}
