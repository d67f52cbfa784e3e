/* Copies between softgpu and the program's memory: a bad pointer is -EFAULT, as from a kernel, and no crash. */
#ifndef GPUALLOC_SOFTGPU_MEMORY_H
#define GPUALLOC_SOFTGPU_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Learns where the program's own segments lie, and its heap: from start_of_break (0: unknown) to the present break. Before the
   first copy; more than once does no harm. */
void memory_init(uint64_t start_of_break);
/* Copies size bytes to theirs (write) or from it. 0 or -EFAULT. Async-signal-safe. */
int memory_copy(bool write, void *ours, uint64_t theirs, size_t size);

#endif
