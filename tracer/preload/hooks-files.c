/*
 * The wrappers that follow descriptors: what is closed, duplicated, or made anew. Those that close also keep LTTng's own
 * descriptors open, as liblttng-ust-fd does: a program that closes everything would abort LTTng's threads.
 */
#define close_range libc_close_range /* the C library's prototype has other parameter types in places */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#undef close_range
#include <linux/close_range.h>

#include "preload/export.h"
#include "preload/files.h"
#include "preload/real.h"

/* LTTng-UST's, exported for this purpose; it installs no header with them. */
int lttng_ust_safe_close_fd(int fd, int (*close_function)(int fd));

/* Closing. */

static int close_safely(int fd)
{
    const struct real_functions *real = real_get();
    struct files_closing closing;
    files_closing(fd, &closing);
    /* Harmless beside liblttng-ust-fd, which does the same: the inner of two calls knows that it is inside. */
    int result = lttng_ust_safe_close_fd(fd, real->close);
    int saved = errno;
    files_closed(fd, &closing, true);
    errno = saved;
    return result;
}

EXPORT int close(int fd)
{
    pthread_testcancel(); /* close is a cancellation point; LTTng's safe close is none */
    return close_safely(fd);
}

/* Calls each(fd) for every open descriptor of [first, last], as /proc tells, without malloc. False when there is no /proc. */
static bool walk_descriptors(unsigned first, unsigned last, int (*each)(int fd))
{
    struct entry {
        uint64_t inode;
        int64_t offset;
        unsigned short length;
        unsigned char type;
        char name[];
    };
    _Alignas(struct entry) char buffer[1024];
    long directory = syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), got;
    if (directory < 0)
        return false;
    while ((got = syscall(SYS_getdents64, directory, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < got; at += ((struct entry *)(buffer + at))->length) {
            unsigned long fd = 0;
            const char *digit = ((struct entry *)(buffer + at))->name;
            for (; *digit >= '0' && *digit <= '9'; digit++)
                fd = fd * 10 + (unsigned long)(*digit - '0');
            if (*digit == '\0' && fd >= first && fd <= last && fd != (unsigned long)directory)
                (void)each((int)fd);
        }
    }
    (void)syscall(SYS_close, directory);
    return true;
}

static void close_all(unsigned first, unsigned last)
{
    if (walk_descriptors(first, last, close_safely))
        return;
    struct rlimit limit = {.rlim_cur = 1024};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    for (unsigned fd = first; fd <= last && fd < limit.rlim_cur && fd < INT_MAX; fd++)
        (void)close_safely((int)fd);
}

EXPORT int close_range(unsigned first, unsigned last, int flags);
EXPORT int close_range(unsigned first, unsigned last, int flags)
{
    const struct real_functions *real = real_get();
    const unsigned known = CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC;
    if (first > last || (unsigned)flags & ~known || (unsigned)flags & CLOSE_RANGE_CLOEXEC || !real->close_range)
        return real->close_range ? real->close_range(first, last, flags)
                                 : (int)syscall(SYS_close_range, (long)first, (long)last, (long)flags);
    if ((unsigned)flags & CLOSE_RANGE_UNSHARE && unshare(CLONE_FILES) != 0)
        return -1;
    int saved = errno;
    close_all(first, last);
    errno = saved;
    return 0;
}

EXPORT void closefrom(int first);
EXPORT void closefrom(int first)
{
    int saved = errno;
    close_all(first > 0 ? (unsigned)first : 0, UINT_MAX);
    errno = saved;
}

/* Duplicating. */

static int duplicated(int from, int to)
{
    int saved = errno;
    if (to >= 0)
        files_duplicated(from, to);
    errno = saved;
    return to;
}

EXPORT int dup(int fd) { return duplicated(fd, real_get()->dup(fd)); }

/* dup2 and dup3 close the new number first, when it is another. */
static int replace(int from, int to, int flags, bool three)
{
    const struct real_functions *real = real_get();
    struct files_closing closing = {.file = NULL};
    if (from != to)
        files_closing(to, &closing);
    int result = three ? real->dup3(from, to, flags) : real->dup2(from, to);
    int saved = errno;
    if (from != to) {
        files_closed(to, &closing, result >= 0);
        (void)duplicated(from, result);
    }
    errno = saved;
    return result;
}

EXPORT int dup2(int from, int to) { return replace(from, to, 0, false); }
EXPORT int dup3(int from, int to, int flags) { return replace(from, to, flags, true); }

static int control(int (*real)(int, int, ...), int fd, int command, void *argument)
{
    int result = real(fd, command, argument);
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? duplicated(fd, result) : result;
}

#undef fcntl
#undef fcntl64
EXPORT int fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *argument = va_arg(args, void *);
    va_end(args);
    return control(real_get()->fcntl, fd, command, argument);
}

EXPORT int fcntl64(int fd, int command, ...);
EXPORT int fcntl64(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *argument = va_arg(args, void *);
    va_end(args);
    return control(real_get()->fcntl64, fd, command, argument);
}

/* Making anew. */

static int made(int fd)
{
    int saved = errno;
    if (fd >= 0)
        files_made(fd);
    errno = saved;
    return fd;
}

/* The mode is there only when the flags say so; reading it otherwise gives rubbish that the callee ignores. */
#define OPEN(name)                                                                                                          \
    EXPORT int name(const char *path, int flags, ...);                                                                      \
    EXPORT int name(const char *path, int flags, ...)                                                                       \
    {                                                                                                                       \
        va_list args;                                                                                                       \
        va_start(args, flags);                                                                                              \
        mode_t mode = va_arg(args, mode_t);                                                                                 \
        va_end(args);                                                                                                       \
        return made(real_get()->name(path, flags, mode));                                                                   \
    }
#define OPENAT(name)                                                                                                        \
    EXPORT int name(int directory, const char *path, int flags, ...);                                                       \
    EXPORT int name(int directory, const char *path, int flags, ...)                                                        \
    {                                                                                                                       \
        va_list args;                                                                                                       \
        va_start(args, flags);                                                                                              \
        mode_t mode = va_arg(args, mode_t);                                                                                 \
        va_end(args);                                                                                                       \
        return made(real_get()->name(directory, path, flags, mode));                                                        \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* What _FORTIFY_SOURCE turns open into. */
EXPORT int __open_2(const char *path, int flags);
EXPORT int __open_2(const char *path, int flags) { return made(real_get()->__open_2(path, flags)); }
EXPORT int __open64_2(const char *path, int flags);
EXPORT int __open64_2(const char *path, int flags) { return made(real_get()->__open64_2(path, flags)); }
EXPORT int __openat_2(int directory, const char *path, int flags);
EXPORT int __openat_2(int directory, const char *path, int flags) { return made(real_get()->__openat_2(directory, path, flags)); }
EXPORT int __openat64_2(int directory, const char *path, int flags);
EXPORT int __openat64_2(int directory, const char *path, int flags)
{
    return made(real_get()->__openat64_2(directory, path, flags));
}

/* Descriptors that came with a message. The kernel has just written the control data. */
static void received(struct msghdr *message)
{
    int saved = errno;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(sizeof(int)))
            continue;
        for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            files_made(fd);
        }
    }
    errno = saved;
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    ssize_t result = real_get()->recvmsg(fd, message, flags);
    if (result >= 0)
        received(message);
    return result;
}

EXPORT int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
    int result = real_get()->recvmmsg(fd, messages, count, flags, timeout);
    for (int i = 0; i < result; i++)
        received(&messages[i].msg_hdr);
    return result;
}

EXPORT int pidfd_getfd(int pidfd, int target, unsigned flags);
EXPORT int pidfd_getfd(int pidfd, int target, unsigned flags)
{
    const struct real_functions *real = real_get();
    return made(real->pidfd_getfd ? real->pidfd_getfd(pidfd, target, flags)
                                  : (int)syscall(SYS_pidfd_getfd, (long)pidfd, (long)target, (long)flags));
}
