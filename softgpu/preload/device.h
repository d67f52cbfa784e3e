/*
 * softgpu in this process: the state's mapping, and the descriptors that stand for /dev/dxg.
 *
 * A descriptor is a memfd whose content is a ticket: which process opened it. So whether a descriptor is softgpu's is asked of
 * the kernel, and however it came here (dup, fcntl) need not be watched. The answer is remembered for small numbers, until they
 * are closed; a forked child forgets it all.
 * Nothing here allocates memory or takes a lock other than the state's, and signals are blocked while that is held: ioctl and
 * close may be called from signal handlers. The kernel is called directly, so that other preload libraries don't take what is
 * done here for the program's doing.
 */
#ifndef GPUALLOC_SOFTGPU_DEVICE_H
#define GPUALLOC_SOFTGPU_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#define DEVICE_PATH "/dev/dxg"

/* A new descriptor, or -1 and errno. */
int device_open(int flags);
/* Whether fd is softgpu's, opened by this process: its place, or -1. Keeps errno. */
int device_place(int fd);
/* The ioctl, for a place from device_place; -1 and errno as ioctl does. */
int device_ioctl(int place, unsigned long request, uint64_t argument);
/* Whether this process has opened the device since it was started: if not, no descriptor can be softgpu's. */
bool device_in_use(void);
/* A number whose descriptor is about to change (close, dup2): forgets what is remembered of it. */
void device_forget(int fd);
void device_forget_all(void);
/* Around something that may close descriptors of the device: when none is left, all that the process owns is destroyed. */
struct device_closing {
    uint64_t signals;
    bool locked;
};
void device_closing_begin(struct device_closing *closing);
void device_closing_end(struct device_closing *closing);

#endif
