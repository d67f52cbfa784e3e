/*
 * Fake DRM devices for tests, and some of their neighbours (/dev/kfd): a preload that answers for their nodes from tables, one file
 * a driver in drivers/.
 *
 * A driver's file ends in a const struct fake_driver named fake_driver_FILE. Handlers return 0 or a positive errno, that of the
 * kernel driver. They are stricter than the kernel where it is lenient: a structure of another size, a pad that is not zero and an
 * unknown flag give EINVAL, so that nobody passes rubbish unseen. All handlers run under one lock.
 */
#ifndef GPUALLOC_TESTS_FAKE_H
#define GPUALLOC_TESTS_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_file; /* an open file description */

struct fake_request {
    uint8_t number; /* _IOC_NR */
    uint16_t size;  /* bytes of its structure */
    bool render;    /* allowed on render nodes */
    int (*handle)(struct fake_file *file, void *argument);
};

struct fake_driver {
    const char *name;                    /* as DRM_IOCTL_VERSION says it */
    const struct fake_request *requests; /* its own; ends with a null handler */
    bool no_prime;
    const char *node; /* "/dev/kfd": of a device that is none of DRM's; its requests are all its own */
    char type;        /* and theirs, _IOC_TYPE; 0: DRM's */
};

/* A buffer of at least size bytes, rounded to pages: its handle, or an errno. */
int fake_create(struct fake_file *file, uint64_t size, uint32_t *handle);
/* Offset for mmap, size, and a number of the memory (the same through every handle); ENOENT. Null results are fine. */
int fake_find(struct fake_file *file, uint32_t handle, uint64_t *offset, uint64_t *size, uint32_t *resource);
/* A submission names the buffer, and has been found right: ENOENT. */
int fake_submitted(struct fake_file *file, uint32_t handle);
/* size bytes of a buffer from an offset on, as programs have written them; EFAULT beyond its end. */
int fake_read(struct fake_file *file, uint32_t handle, uint64_t from, void *bytes, uint64_t size);
/* Gives up a handle; EINVAL when it is none. */
int fake_close(struct fake_file *file, uint32_t handle);
/* A descriptor of a buffer's dma-buf, and a handle for one: ENOENT, EBADF, EINVAL, EMFILE. */
int fake_export(struct fake_file *file, uint32_t handle, bool close_on_exec, int *fd);
int fake_import(struct fake_file *file, int fd, uint32_t *handle);
/* What the ioctl returns when its handler returns 0: a descriptor, for one. */
void fake_return(int value);
/* A part of the program's memory, which may not be there: EFAULT. */
int fake_fetch(uint64_t from, void *to, size_t size);
/* Writes an answer into the program's room for it: as much as fits. */
void fake_answer(uint64_t to, uint64_t room, const void *answer, size_t size);
/* What the device gives as its own id: GPUALLOC_FAKE_DRM_IDS is added, so that a test can have other ids than the recording's. */
uint32_t fake_id(uint32_t id);

#endif
