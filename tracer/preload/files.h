/*
 * Which descriptors lead to a GPU, and to which open file description.
 *
 * A descriptor is identified at its first GPU-like ioctl and remembered until it is seen closed, replaced or made anew. Handles
 * belong to the file description, so duplicates share one struct files_file: known through the dup wrappers, else found by kcmp.
 * Lookups take no lock; changes take one with all signals blocked, never across a call of the program's.
 */
#ifndef GPUALLOC_PRELOAD_FILES_H
#define GPUALLOC_PRELOAD_FILES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/schema.h"

enum { FILES_NO_ROW = 0xffff };

/* A kernel driver and the rows of its requests. Never freed. */
struct files_driver {
    char name[32], version[96];
    bool used, dxg;
    char type; /* _IOC_TYPE of its requests */
    uint16_t rows[256]; /* by _IOC_NR: enum ga_row_id, or FILES_NO_ROW */
    atomic_ullong untraced[256];
    atomic_uint untraced_request[256];
};

/* An open file description of a GPU device. */
struct files_file {
    uint64_t id;
    uint64_t device; /* dev_t of the node */
    struct files_driver *driver;
    unsigned references; /* descriptors known to lead to it; 0: slot free */
    int fd;              /* one of them; -1 while none is certain */
    atomic_bool told;    /* gpualloc:file was sent */
    char path[64];
};

/* A descriptor on its way out. */
struct files_closing {
    struct files_file *file; /* null: no GPU device as far as known */
    uint64_t begin;
};

/* The GPU file that fd leads to, or null. May ask the device once. Keeps errno. */
struct files_file *files_find(int fd);
/* The same for mmap, which programs call for every file: asks nobody, unless the offset is beyond the end of most files. */
struct files_file *files_find_mapped(int fd, uint64_t offset);
/* A descriptor that a request made or took as a dma-buf's; whether it is known as one. */
void files_note_dma_buf(int fd);
bool files_is_dma_buf(int fd);
/* Before the real call that closes or replaces fd; then after it, with whether the descriptor is gone. */
void files_closing(int fd, struct files_closing *closing);
void files_closed(int fd, const struct files_closing *closing, bool gone);
/* `to` is now a duplicate of `from`. */
void files_duplicated(int from, int to);
/* fd was made by other means than dup: what was known of the number is stale. */
void files_made(int fd);
/* A request without a row: counted, and told when the count is due. */
void files_untraced(struct files_file *file, uint32_t request);

/* Tells all open files. */
void files_rundown(void);
/* At exit: counts of untraced requests that were not told. */
void files_finish(void);
/* Around fork: the child shall find the table whole. */
void files_fork_prepare(void);
void files_fork_parent(void);
void files_fork_child(void);

#endif
