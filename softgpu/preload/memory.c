/*
 * Copies between softgpu and the program's memory. Where memory is known to be there (the calling thread's stack above us, the
 * heap below the break, the program's own data) it is copied directly; anywhere else the kernel copies, which costs a system
 * call and survives a bad pointer.
 */
#include "preload/memory.h"

#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SEGMENTS_MAX = 8, STACK_REACH = 128 * 1024 };

/* Loaded segments of the main program: never unloaded. */
static struct segment {
    uintptr_t from, to;
    bool writable;
} segments[SEGMENTS_MAX];
static int segment_count;
static uintptr_t read_only_from, read_only_to; /* part of a writable segment that the dynamic linker has sealed */
static uintptr_t heap_from; /* where the break began; 0: unknown */
static bool copies_refused; /* a sandbox forbids process_vm_readv: everything is copied directly */

extern void *__libc_stack_end; /* of the dynamic linker: top of the main thread's stack */

static int take_segments(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size, (void)user;
    int count = 0;
    for (int i = 0; i < info->dlpi_phnum && count < SEGMENTS_MAX; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_GNU_RELRO)
            read_only_from = info->dlpi_addr + header->p_vaddr, read_only_to = read_only_from + header->p_memsz;
        if (header->p_type != PT_LOAD || !(header->p_flags & PF_R))
            continue;
        uintptr_t from = info->dlpi_addr + header->p_vaddr;
        segments[count++] = (struct segment){from, from + header->p_memsz, header->p_flags & PF_W};
    }
    __atomic_store_n(&segment_count, count, __ATOMIC_RELEASE);
    return 1; /* the first is the main program */
}

void memory_init(uint64_t start_of_break)
{
    if (segment_count)
        return;
    heap_from = (uintptr_t)start_of_break;
    dl_iterate_phdr(take_segments, NULL);
}

static bool is_heap(uintptr_t from, uintptr_t to)
{
    return heap_from && from >= heap_from && to <= (uintptr_t)sbrk(0); /* the C library remembers the break: no system call */
}

/* Between our own frame and the top of this thread's stack: the thread's own data lies above it, or for the main thread what the
   kernel put there (glibc puts a thread's descriptor at the top of its stack). A stack of the program's making (sigaltstack,
   makecontext) is trusted for its next 128 KiB. */
static bool is_stack(uintptr_t from, uintptr_t to)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), thread = (uintptr_t)pthread_self();
    uintptr_t top = here < thread ? thread : (uintptr_t)__libc_stack_end;
    return from >= here && to - here <= STACK_REACH && to <= top;
}

static bool is_segment(uintptr_t from, uintptr_t to, bool write)
{
    int count = __atomic_load_n(&segment_count, __ATOMIC_ACQUIRE);
    for (int i = 0; i < count; i++)
        if (from >= segments[i].from && to <= segments[i].to)
            return !write || (segments[i].writable && (to <= read_only_from || from >= read_only_to));
    return false;
}

int memory_copy(bool write, void *ours, uint64_t theirs, size_t size)
{
    uintptr_t to;
    if (__builtin_add_overflow((uintptr_t)theirs, size, &to))
        return -EFAULT;
    bool direct = is_stack(theirs, to) || is_heap(theirs, to) || is_segment(theirs, to, write);
    if (!direct && !__atomic_load_n(&copies_refused, __ATOMIC_RELAXED)) {
        struct iovec here = {ours, size}, there = {(void *)(uintptr_t)theirs, size};
        long done = syscall(write ? SYS_process_vm_writev : SYS_process_vm_readv, (long)getpid(), &here, 1L, &there, 1L, 0L);
        if (done == (long)size)
            return 0;
        if (done >= 0 || errno == EFAULT)
            return -EFAULT;
        __atomic_store_n(&copies_refused, true, __ATOMIC_RELAXED);
    }
    if (theirs < 4096)
        return -EFAULT;
    void *address = (void *)(uintptr_t)theirs;
    memcpy(write ? address : ours, write ? ours : address, size);
    return 0;
}
