/*
 * softgpu's driver interface: what its private driver data means, and how the environment sets it up. Public, so that programs
 * can write for softgpu as for a real driver, and tests can read what its driver answers.
 */
#ifndef GPUALLOC_ABI_SOFTGPU_H
#define GPUALLOC_ABI_SOFTGPU_H

#include <stdint.h>

/*
 * The private driver data of one allocation: these 32 bytes, then any number that softgpu keeps its hands off. Data that is
 * shorter or begins otherwise is another driver's: softgpu takes it, leaves it as it is, and makes SOFTGPU_FOREIGN_SIZE bytes.
 * On success softgpu's driver writes the two members marked out, from size and flags alone, so that equal calls get equal answers
 * (segment differs only where local memory was full).
 */
struct softgpu_private_data {
    uint32_t magic;    /* SOFTGPU_MAGIC */
    uint32_t flags;    /* SOFTGPU_ALLOCATION_ bits; others are refused (STATUS_INVALID_PARAMETER) */
    uint64_t size;     /* bytes wanted, 1 to 2^48 */
    uint64_t reserved; /* out: size rounded up to the page, what is counted as used */
    uint32_t segment;  /* out: SOFTGPU_SEGMENT_ where it was put */
    uint32_t format;   /* the program's own, not read */
};
#define SOFTGPU_MAGIC 0x55504753u /* "SGPU" */
#define SOFTGPU_ALLOCATION_SYSTEM (1u << 0) /* in system memory */
#define SOFTGPU_ALLOCATION_LOCAL (1u << 1)  /* in local memory or not at all; neither bit: local while there is room */
#define SOFTGPU_SEGMENT_LOCAL 1u
#define SOFTGPU_SEGMENT_SYSTEM 2u
#define SOFTGPU_FOREIGN_SIZE 65536u

/*
 * Environment, read when a process first opens the device. What cannot be understood makes the open fail with EINVAL.
 *   GPUALLOC_SOFTGPU_STATE=FILE    the device's state, shared by all processes that name the file; without it a process shares
 *                                  its device with its forked children only. The first to come sets the sizes and faults. Only
 *                                  processes of one device can open what the other has shared.
 *   GPUALLOC_SOFTGPU_LOCAL=SIZE    local memory of each adapter (default 1G); K, M, G, T may follow
 *   GPUALLOC_SOFTGPU_SYSTEM=SIZE   system memory that the device may use (default 4G)
 *   GPUALLOC_SOFTGPU_LOCAL_BUDGET=SIZE, GPUALLOC_SOFTGPU_SYSTEM_BUDGET=SIZE
 *                                  what each process may keep resident there (default: all there is)
 *   GPUALLOC_SOFTGPU_PAGING=TIME   how long each paging operation of a queue takes (2ms; default 0ns: done at once)
 *   GPUALLOC_SOFTGPU_ADAPTERS=N    1 to 8 (default 1)
 *   GPUALLOC_SOFTGPU_FAULTS=LIST   comma separated, each CALL:WHEN:WHAT. CALL is a D3DKMT name without that prefix
 *                                  (CreateAllocation2) or *; WHEN is N (the Nth call, from 1), N+ (from the Nth on) or /N (each
 *                                  Nth); WHAT is a host status (0xC0000017), `remove` (the adapters are gone from then on), or
 *                                  a delay (50us, 2ms, 1s).
 */
#define SOFTGPU_ENV_STATE "GPUALLOC_SOFTGPU_STATE"
#define SOFTGPU_ENV_LOCAL "GPUALLOC_SOFTGPU_LOCAL"
#define SOFTGPU_ENV_SYSTEM "GPUALLOC_SOFTGPU_SYSTEM"
#define SOFTGPU_ENV_LOCAL_BUDGET "GPUALLOC_SOFTGPU_LOCAL_BUDGET"
#define SOFTGPU_ENV_SYSTEM_BUDGET "GPUALLOC_SOFTGPU_SYSTEM_BUDGET"
#define SOFTGPU_ENV_PAGING "GPUALLOC_SOFTGPU_PAGING"
#define SOFTGPU_ENV_ADAPTERS "GPUALLOC_SOFTGPU_ADAPTERS"
#define SOFTGPU_ENV_FAULTS "GPUALLOC_SOFTGPU_FAULTS"

/* What the descriptor of the preload's /dev/dxg is called: /proc/self/fd/N reads "/memfd:softgpu:/dev/dxg (deleted)". */
#define SOFTGPU_MEMFD_NAME "softgpu:/dev/dxg"

#endif
