/* LTTng's buffers: how large, and whether /dev/shm has room. LTTng itself loses everything without a word when it has not. */
#ifndef GPUALLOC_RECORD_BUFFERS_H
#define GPUALLOC_RECORD_BUFFERS_H

#include "base/error.h"
#include "record/session.h"

/* An event is never cut in two: nearly all fit these. A MakeResident of 10,240 allocations with their priorities needs 128 KiB: in
   smaller sub-buffers it is lost, and counted. */
#define RECORD_SUBBUF_SIZE_MIN (32u * 1024)

/* Takes what the user asked for (0: not asked), checks it, and chooses the rest so that it fits: 8 sub-buffers of 1 MiB a CPU, less
   where /dev/shm is small or CPUs are many. -EINVAL: not possible values; -ENOSPC: /dev/shm is too small. */
int record_buffers_choose(struct record_buffers *buffers, struct ga_error *error);
/* The same for a known number of CPUs and free bytes of /dev/shm. */
int record_buffers_fit(struct record_buffers *buffers, unsigned cpus, uint64_t free_bytes, struct ga_error *error);

#endif
