/*
 * What the capture core needs from outside: LTTng in the preload library (sink.c), tests' own elsewhere.
 * Set once, before the first captured call; every function is async-signal-safe and callable from any thread.
 */
#ifndef GPUALLOC_PRELOAD_OPS_H
#define GPUALLOC_PRELOAD_OPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "schema/schema.h"

/* What a descriptor leads to, as files.c asks for it. */
struct capture_probe {
    char driver[32];  /* "dxg", "softgpu", or as DRM_IOCTL_VERSION names it */
    char version[96]; /* DRM: version and date; else empty */
    char path[64];    /* the node, as /proc/self/fd names it; a longer one is cut */
    uint64_t device;  /* st_rdev */
    bool dxg;         /* the requests are those of /dev/dxg */
};

struct capture_ops {
    /* Whether some session records this row's event. */
    bool (*enabled)(enum ga_row_id row);
    /* Writes an event; record is the row's own, borrowed for the call. */
    void (*emit)(enum ga_row_id row, const void *record);
    /* The trace's clock, ns. */
    uint64_t (*clock)(void);
    /* Says what a descriptor leads to: 1 a GPU device, 0 anything else, negative errno when it could not be found out. */
    int (*probe)(int fd, struct capture_probe *probe);
};

extern const struct capture_ops *capture_ops;

#endif
