/*
 * Reading memory that the program named and that may not be there.
 *
 * The calling thread's own live stack is read directly; everything else by process_vm_readv, which answers EFAULT where a load
 * would be a SIGSEGV. One system call a batch.
 */
#ifndef GPUALLOC_PRELOAD_MEMORY_H
#define GPUALLOC_PRELOAD_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { MEMORY_BATCH = 128 }; /* pieces that one system call reads */

enum memory_result {
    MEMORY_OK,
    MEMORY_UNREADABLE, /* not mapped, or not readable */
    MEMORY_REFUSED,    /* the system forbids process_vm_readv */
};

struct memory_read {
    uint64_t from;
    void *to;
    uint32_t size; /* 0 is read at once */
    uint8_t result; /* enum memory_result */
};

/* The calling thread's stack, as far as it is certainly live and mapped: from the caller's frame to the end. Equal when unknown. */
struct memory_stack {
    uintptr_t low, high;
};

/* Reads count pieces and sets each one's result; those on the given stack directly. vector is room for 2 * capacity iovecs
   (capacity at most MEMORY_BATCH). Keeps errno. */
void memory_read(struct memory_read *reads, unsigned count, struct memory_stack stack, struct iovec *vector, unsigned capacity);
/* The same for one piece. */
enum memory_result memory_read_one(uint64_t from, void *to, uint32_t size, struct memory_stack stack);

/* Finds the mapping that holds address in /proc/self/maps, without malloc: whether found. */
bool memory_mapping(uintptr_t address, uintptr_t *low, uintptr_t *high);

#endif
