/*
 * The functions behind our wrappers: the next definition in the search order, so that other preloads (softgpu) keep their place.
 * Resolved at the first use of any, because wrappers run before our constructor: LTTng's own constructor and threads call close.
 */
#ifndef GPUALLOC_PRELOAD_REAL_H
#define GPUALLOC_PRELOAD_REAL_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <termios.h>
#include <time.h>

struct winsize;

/* F(result, name, (parameters)) */
#define REAL_FUNCTIONS(F)                                                                                                   \
    F(int, ioctl, (int, unsigned long, ...))                                                                                \
    F(int, close, (int))                                                                                                    \
    F(void, closefrom, (int))                                                                                               \
    F(int, close_range, (unsigned, unsigned, int))                                                                          \
    F(int, dup, (int))                                                                                                      \
    F(int, dup2, (int, int))                                                                                                \
    F(int, dup3, (int, int, int))                                                                                           \
    F(int, fcntl, (int, int, ...))                                                                                          \
    F(int, fcntl64, (int, int, ...))                                                                                        \
    F(int, open, (const char *, int, ...))                                                                                  \
    F(int, open64, (const char *, int, ...))                                                                                \
    F(int, openat, (int, const char *, int, ...))                                                                           \
    F(int, openat64, (int, const char *, int, ...))                                                                         \
    F(int, __open_2, (const char *, int))                                                                                   \
    F(int, __open64_2, (const char *, int))                                                                                 \
    F(int, __openat_2, (int, const char *, int))                                                                            \
    F(int, __openat64_2, (int, const char *, int))                                                                          \
    F(ssize_t, recvmsg, (int, struct msghdr *, int))                                                                        \
    F(int, recvmmsg, (int, struct mmsghdr *, unsigned, int, struct timespec *))                                             \
    F(int, pidfd_getfd, (int, int, unsigned))                                                                               \
    F(void *, mmap, (void *, size_t, int, int, int, off_t))                                                                  \
    F(void *, mmap64, (void *, size_t, int, int, int, off64_t))                                                              \
    F(int, munmap, (void *, size_t))                                                                                        \
    F(void *, mremap, (void *, size_t, size_t, int, ...))                                                                   \
    F(pid_t, fork, (void))                                                                                                  \
    F(pid_t, forkpty, (int *, char *, const struct termios *, const struct winsize *))                                      \
    F(int, daemon, (int, int))                                                                                              \
    F(int, clone, (int (*)(void *), void *, int, void *, ...))

struct real_functions {
#define F(result, name, parameters) result(*name) parameters;
    REAL_FUNCTIONS(F)
#undef F
    bool fork_helper; /* LTTng's own liblttng-ust-fork is preloaded too: it does its work */
    bool ready;
};

/* The table, or null before its first use: for wrappers that run inside of what resolving it may call (a malloc that maps memory). */
const struct real_functions *real_ready(void);
/* The table, resolved. A function that the C library lacks is null. */
const struct real_functions *real_get(void);

#endif
