/*
 * Who is traced: the process instance, its announcement, the rundown, and counted troubles.
 * An instance is 64 random bits, renewed in a forked child; exec renews it by starting afresh.
 */
#ifndef GPUALLOC_PRELOAD_PROCESS_H
#define GPUALLOC_PRELOAD_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum process_trouble {
    PROCESS_TROUBLE_READ_FORBIDDEN,
    PROCESS_TROUBLE_READ_BACK,
    PROCESS_TROUBLE_BLOB_SIZE,
    PROCESS_TROUBLE_ARRAY_SIZE,
    PROCESS_TROUBLE_NO_MEMORY,
    PROCESS_TROUBLE_COMPARE_FORBIDDEN,
    PROCESS_TROUBLE_PROBE,
    PROCESS_TROUBLE_FILES_FULL,
    PROCESS_TROUBLE_NAME,
    PROCESS_TROUBLE_MAPPINGS_FULL,
    PROCESS_TROUBLE_COUNT,
};

struct capture_process {
    uint64_t instance, parent;
    uint64_t start; /* trace clock, ns */
    pid_t pid;
    bool numbers_all; /* `gpualloc record` records every call of ours: one that finds no session takes a number all the same */
    atomic_uint threads; /* ordinals given out */
    atomic_bool announced;
};

/* Read by everyone; written by process_init and process_renew only. */
extern struct capture_process capture_process;

/* Once, when the library comes up. Calls before it find an instance of 0 and no tracepoint enabled. */
void process_init(void);
/* In a forked child, on its only thread: a new instance whose parent is the old one. Counts begin again. */
void process_renew(void);
/* True in a vfork child and the like: the memory is another process's, and its tables must not be changed. */
bool process_is_guest(void);
/* Emits gpualloc:process unless this instance did. Cheap afterwards. */
void process_announce(void);
/* Tells a new session what is alive; on LTTng's own thread. */
void process_rundown(void);
/* Counts a trouble; emits gpualloc:trouble when the count reaches a power of two. */
void process_trouble(enum process_trouble trouble);
/* At exit: the counts that are no powers of two. */
void process_finish(void);

/* Whether a count is due: powers of two. */
static inline bool process_count_due(uint64_t count) { return (count & (count - 1)) == 0; }

#endif
