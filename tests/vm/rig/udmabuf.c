/*
 * Preloaded into QEMU: a /dev/udmabuf that opens and can do nothing. QEMU offers virtio-gpu's blob=on only where that device is;
 * without its service the guest's blobs are as real, and only QEMU's own view of their pages for a display is not.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

typedef int open_function(const char *path, int flags, ...);

static int open_or_pretend(const char *symbol, const char *path, int flags, mode_t mode)
{
    if (strcmp(path, "/dev/udmabuf") == 0)
        return memfd_create("udmabuf", MFD_CLOEXEC);
    open_function *real = (open_function *)dlsym(RTLD_NEXT, symbol);
    return real(path, flags, mode);
}

#define WRAP(name)                                                                                                          \
    __attribute__((visibility("default"))) int name(const char *path, int flags, ...)                                       \
    {                                                                                                                       \
        va_list args;                                                                                                       \
        va_start(args, flags);                                                                                              \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;                                           \
        va_end(args);                                                                                                       \
        return open_or_pretend(#name, path, flags, mode);                                                                   \
    }
WRAP(open)
WRAP(open64)
