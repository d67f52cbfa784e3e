/* Asking a descriptor what device it leads to: struct capture_ops.probe of the preload library. */
#ifndef GPUALLOC_PRELOAD_PROBE_H
#define GPUALLOC_PRELOAD_PROBE_H

#include "preload/ops.h"

int probe_device(int fd, struct capture_probe *probe);

#endif
