/*
 * libgpualloc-softgpu.so: preloaded, it gives a program a /dev/dxg made of software. It stands in for the functions by which
 * programs find, open, use and close that path, and hands everything else on to the next library (RTLD_NEXT), so that other
 * preload libraries before and behind it keep working. It says nothing on any stream.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "abi/d3dkmt.h"
#include "preload/device.h"

#define EXPORT __attribute__((visibility("default")))

/* The functions that we stand in for: result, name, parameters. The older __xstat family is for programs linked before
   glibc 2.33. */
#define FUNCTIONS(F)                                                                                                        \
    F(int, open, (const char *, int, ...))                                                                                  \
    F(int, open64, (const char *, int, ...))                                                                                \
    F(int, openat, (int, const char *, int, ...))                                                                           \
    F(int, openat64, (int, const char *, int, ...))                                                                         \
    F(int, __open_2, (const char *, int))                                                                                   \
    F(int, __open64_2, (const char *, int))                                                                                 \
    F(int, __openat_2, (int, const char *, int))                                                                            \
    F(int, __openat64_2, (int, const char *, int))                                                                          \
    F(int, ioctl, (int, unsigned long, ...))                                                                                \
    F(int, close, (int))                                                                                                    \
    F(int, dup2, (int, int))                                                                                                \
    F(int, dup3, (int, int, int))                                                                                           \
    F(int, close_range, (unsigned, unsigned, int))                                                                          \
    F(void, closefrom, (int))                                                                                               \
    F(int, stat, (const char *, struct stat *))                                                                             \
    F(int, stat64, (const char *, struct stat64 *))                                                                         \
    F(int, lstat, (const char *, struct stat *))                                                                            \
    F(int, lstat64, (const char *, struct stat64 *))                                                                        \
    F(int, fstatat, (int, const char *, struct stat *, int))                                                                \
    F(int, fstatat64, (int, const char *, struct stat64 *, int))                                                            \
    F(int, statx, (int, const char *, int, unsigned, struct statx *))                                                       \
    F(int, __xstat, (int, const char *, struct stat *))                                                                     \
    F(int, __xstat64, (int, const char *, struct stat64 *))                                                                 \
    F(int, __lxstat, (int, const char *, struct stat *))                                                                    \
    F(int, __lxstat64, (int, const char *, struct stat64 *))                                                                \
    F(int, __fxstatat, (int, int, const char *, struct stat *, int))                                                        \
    F(int, __fxstatat64, (int, int, const char *, struct stat64 *, int))                                                    \
    F(int, access, (const char *, int))                                                                                     \
    F(int, faccessat, (int, const char *, int, int))                                                                        \
    F(int, eaccess, (const char *, int))                                                                                    \
    F(int, euidaccess, (const char *, int))

/* The next library's. */
static struct {
#define F(result, name, parameters) result(*name) parameters;
    FUNCTIONS(F)
#undef F
} next;
static bool resolved;

/* Looked up as soon as we are loaded, or earlier when a wrapper is called before that; twice at once does no harm. */
__attribute__((constructor)) static void resolve(void)
{
#define F(result, name, parameters) *(void **)&next.name = dlsym(RTLD_NEXT, #name);
    FUNCTIONS(F)
#undef F
    __atomic_store_n(&resolved, true, __ATOMIC_RELEASE);
}

#define NEXT(name) (*(__atomic_load_n(&resolved, __ATOMIC_ACQUIRE) ? (void)0 : resolve(), &next.name))

static bool is_device(const char *path)
{
    return path && strcmp(path, DEVICE_PATH) == 0;
}

/* What a stat of a real /dev/dxg shows: a character device that all may read and write. */
static int fill_stat(struct stat *status)
{
    memset(status, 0, sizeof *status);
    status->st_mode = S_IFCHR | 0666;
    status->st_nlink = 1;
    status->st_ino = 1;
    status->st_rdev = makedev(10, 125); /* a misc device, with a minor number of the dynamic ones */
    status->st_blksize = 4096;
    return 0;
}

static int fill_stat64(struct stat64 *status)
{
    _Static_assert(sizeof(struct stat) == sizeof(struct stat64), "64-bit systems have one struct stat");
    return fill_stat((struct stat *)(void *)status);
}

static int check_access(int mode)
{
    if (!(mode & X_OK))
        return 0;
    errno = EACCES;
    return -1;
}

/* The mode that follows the flags of an open that may create. */
#define TAKE_MODE(mode, flags)                                                                                              \
    mode_t mode = 0;                                                                                                        \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                                                \
        va_list list;                                                                                                       \
        va_start(list, flags);                                                                                              \
        mode = va_arg(list, mode_t);                                                                                        \
        va_end(list);                                                                                                       \
    }

EXPORT int open(const char *path, int flags, ...)
{
    TAKE_MODE(mode, flags)
    return is_device(path) ? device_open(flags) : NEXT(open)(path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
    TAKE_MODE(mode, flags)
    return is_device(path) ? device_open(flags) : NEXT(open64)(path, flags, mode);
}

EXPORT int openat(int directory, const char *path, int flags, ...)
{
    TAKE_MODE(mode, flags)
    return is_device(path) ? device_open(flags) : NEXT(openat)(directory, path, flags, mode);
}

EXPORT int openat64(int directory, const char *path, int flags, ...)
{
    TAKE_MODE(mode, flags)
    return is_device(path) ? device_open(flags) : NEXT(openat64)(directory, path, flags, mode);
}

/* What _FORTIFY_SOURCE makes of an open with two arguments. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);

EXPORT int __open_2(const char *path, int flags)
{
    return is_device(path) ? device_open(flags) : NEXT(__open_2)(path, flags);
}

EXPORT int __open64_2(const char *path, int flags)
{
    return is_device(path) ? device_open(flags) : NEXT(__open64_2)(path, flags);
}

EXPORT int __openat_2(int directory, const char *path, int flags)
{
    return is_device(path) ? device_open(flags) : NEXT(__openat_2)(directory, path, flags);
}

EXPORT int __openat64_2(int directory, const char *path, int flags)
{
    return is_device(path) ? device_open(flags) : NEXT(__openat64_2)(directory, path, flags);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (_IOC_TYPE(request) == DXG_IOCTL_TYPE) {
        int place = device_place(fd);
        if (place >= 0)
            return device_ioctl(place, request, (uintptr_t)argument);
    }
    /* A descriptor of ours that another process opened (before a fork) is a file to the kernel: it answers ENOTTY, as dxgkrnl. */
    return NEXT(ioctl)(fd, request, argument);
}

EXPORT int close(int fd)
{
    if (device_place(fd) < 0)
        return NEXT(close)(fd);
    struct device_closing closing;
    device_closing_begin(&closing);
    device_forget(fd);
    int result = NEXT(close)(fd);
    device_closing_end(&closing);
    return result;
}

EXPORT int dup2(int from, int to)
{
    if (from == to || device_place(to) < 0)
        return NEXT(dup2)(from, to);
    struct device_closing closing;
    device_closing_begin(&closing);
    device_forget(to);
    int result = NEXT(dup2)(from, to);
    device_closing_end(&closing);
    return result;
}

EXPORT int dup3(int from, int to, int flags)
{
    if (from == to || device_place(to) < 0)
        return NEXT(dup3)(from, to, flags);
    struct device_closing closing;
    device_closing_begin(&closing);
    device_forget(to);
    int result = NEXT(dup3)(from, to, flags);
    device_closing_end(&closing);
    return result;
}

EXPORT int close_range(unsigned first, unsigned last, int flags)
{
    struct device_closing closing;
    device_closing_begin(&closing);
    device_forget_all();
    int result = NEXT(close_range)(first, last, flags);
    device_closing_end(&closing);
    return result;
}

EXPORT void closefrom(int first)
{
    struct device_closing closing;
    device_closing_begin(&closing);
    device_forget_all();
    NEXT(closefrom)(first);
    device_closing_end(&closing);
}

EXPORT int stat(const char *restrict path, struct stat *restrict status)
{
    return is_device(path) ? fill_stat(status) : NEXT(stat)(path, status);
}

EXPORT int stat64(const char *restrict path, struct stat64 *restrict status)
{
    return is_device(path) ? fill_stat64(status) : NEXT(stat64)(path, status);
}

EXPORT int lstat(const char *restrict path, struct stat *restrict status)
{
    return is_device(path) ? fill_stat(status) : NEXT(lstat)(path, status);
}

EXPORT int lstat64(const char *restrict path, struct stat64 *restrict status)
{
    return is_device(path) ? fill_stat64(status) : NEXT(lstat64)(path, status);
}

EXPORT int fstatat(int directory, const char *restrict path, struct stat *restrict status, int flags)
{
    return is_device(path) ? fill_stat(status) : NEXT(fstatat)(directory, path, status, flags);
}

EXPORT int fstatat64(int directory, const char *restrict path, struct stat64 *restrict status, int flags)
{
    return is_device(path) ? fill_stat64(status) : NEXT(fstatat64)(directory, path, status, flags);
}

EXPORT int statx(int directory, const char *restrict path, int flags, unsigned mask, struct statx *restrict status)
{
    if (!is_device(path))
        return NEXT(statx)(directory, path, flags, mask, status);
    *status = (struct statx){.stx_mask = STATX_BASIC_STATS, .stx_mode = S_IFCHR | 0666, .stx_nlink = 1, .stx_ino = 1,
                             .stx_blksize = 4096, .stx_rdev_major = 10, .stx_rdev_minor = 125};
    return 0;
}

int __xstat(int version, const char *path, struct stat *status);
int __xstat64(int version, const char *path, struct stat64 *status);
int __lxstat(int version, const char *path, struct stat *status);
int __lxstat64(int version, const char *path, struct stat64 *status);
int __fxstatat(int version, int directory, const char *path, struct stat *status, int flags);
int __fxstatat64(int version, int directory, const char *path, struct stat64 *status, int flags);

EXPORT int __xstat(int version, const char *path, struct stat *status)
{
    return is_device(path) ? fill_stat(status) : NEXT(__xstat)(version, path, status);
}

EXPORT int __xstat64(int version, const char *path, struct stat64 *status)
{
    return is_device(path) ? fill_stat64(status) : NEXT(__xstat64)(version, path, status);
}

EXPORT int __lxstat(int version, const char *path, struct stat *status)
{
    return is_device(path) ? fill_stat(status) : NEXT(__lxstat)(version, path, status);
}

EXPORT int __lxstat64(int version, const char *path, struct stat64 *status)
{
    return is_device(path) ? fill_stat64(status) : NEXT(__lxstat64)(version, path, status);
}

EXPORT int __fxstatat(int version, int directory, const char *path, struct stat *status, int flags)
{
    return is_device(path) ? fill_stat(status) : NEXT(__fxstatat)(version, directory, path, status, flags);
}

EXPORT int __fxstatat64(int version, int directory, const char *path, struct stat64 *status, int flags)
{
    return is_device(path) ? fill_stat64(status) : NEXT(__fxstatat64)(version, directory, path, status, flags);
}

EXPORT int access(const char *path, int mode)
{
    return is_device(path) ? check_access(mode) : NEXT(access)(path, mode);
}

EXPORT int faccessat(int directory, const char *path, int mode, int flags)
{
    return is_device(path) ? check_access(mode) : NEXT(faccessat)(directory, path, mode, flags);
}

EXPORT int eaccess(const char *path, int mode)
{
    return is_device(path) ? check_access(mode) : NEXT(eaccess)(path, mode);
}

EXPORT int euidaccess(const char *path, int mode)
{
    return is_device(path) ? check_access(mode) : NEXT(euidaccess)(path, mode);
}
