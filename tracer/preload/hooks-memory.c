/*
 * The wrappers around the CPU's mappings. Programs map and unmap all the time, and other libraries do it before anything of ours is
 * ready, perhaps inside of what we call to get ready: until then the system is called directly. No GPU device is open by then.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/dispatch.h"
#include "preload/export.h"
#include "preload/real.h"

#define FRAME ((uintptr_t)__builtin_frame_address(0))

#define MMAP(name, offset_type)                                                                                             \
    EXPORT void *name(void *addr, size_t length, int prot, int flags, int fd, offset_type offset)                           \
    {                                                                                                                       \
        const struct real_functions *real = real_ready();                                                                   \
        if (!real)                                                                                                          \
            return (void *)syscall(SYS_mmap, addr, length, (long)prot, (long)flags, (long)fd, (long)offset);                \
        if (!dispatch_maps(fd, flags))                                                                                      \
            return real->name(addr, length, prot, flags, fd, offset);                                                       \
        const struct ga_mmap_arguments arguments = {.addr = (uintptr_t)addr, .length = length, .prot = (uint32_t)prot,      \
                                                    .flags = (uint32_t)flags, .fd = fd, .offset = (uint64_t)offset};        \
        return dispatch_mmap(&arguments, FRAME, real->name);                                                                \
    }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

EXPORT int munmap(void *addr, size_t length)
{
    const struct real_functions *real = real_ready();
    if (!real)
        return (int)syscall(SYS_munmap, addr, length);
    if (!mappings_any())
        return real->munmap(addr, length);
    const struct ga_munmap_arguments arguments = {(uintptr_t)addr, length};
    return dispatch_munmap(&arguments, FRAME, real->munmap);
}

EXPORT void *mremap(void *old, size_t old_size, size_t new_size, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    void *to = va_arg(args, void *); /* there only when the flags say so; rubbish is ignored otherwise */
    va_end(args);
    const struct real_functions *real = real_ready();
    if (!real)
        return (void *)syscall(SYS_mremap, old, old_size, new_size, (long)flags, to);
    if (!mappings_any())
        return real->mremap(old, old_size, new_size, flags, to);
    const struct ga_mremap_arguments arguments = {.old_address = (uintptr_t)old, .old_size = old_size, .new_size = new_size,
                                                  .flags = (uint32_t)flags, .new_address = (uintptr_t)to};
    return dispatch_mremap(&arguments, FRAME, real->mremap);
}
