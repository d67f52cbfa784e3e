/* Telling softgpu's /dev/dxg from the real one, where it is a character device. For the tracer and the replayer. */
#ifndef GPUALLOC_ABI_SOFTGPU_NODE_H
#define GPUALLOC_ABI_SOFTGPU_NODE_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <unistd.h>

/* Whether a program answers for a character device (CUSE). A real one is its driver's: /sys has it under another class. */
static inline bool softgpu_is_cuse_device(dev_t device)
{
    char link[64], target[256];
    snprintf(link, sizeof link, "/sys/dev/char/%u:%u", major(device), minor(device));
    ssize_t length = readlink(link, target, sizeof target - 1);
    target[length > 0 ? length : 0] = 0;
    return strstr(target, "/cuse/") != NULL;
}

#endif
