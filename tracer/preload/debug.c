/* The tracer's debug log. Raw system calls throughout: our own wrappers of open and close must not run here. */
#include "preload/debug.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char debug_path[512];

void debug_init(void)
{
    const char *path = secure_getenv("GPUALLOC_DEBUG");
    if (path && strlen(path) < sizeof debug_path)
        strcpy(debug_path, path);
}

void debug_log(const char *format, ...)
{
    if (!debug_path[0])
        return;
    int saved = errno;
    char line[400];
    int length = snprintf(line, sizeof line, "gpualloc-trace[%ld]: ", (long)syscall(SYS_getpid));
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + length, sizeof line - (size_t)length - 1, format, args);
    va_end(args);
    length += more < (int)sizeof line - length - 2 ? more : (int)sizeof line - length - 2;
    line[length++] = '\n';
    long fd = syscall(SYS_openat, AT_FDCWD, debug_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd >= 0) {
        (void)syscall(SYS_write, fd, line, (size_t)length);
        (void)syscall(SYS_close, fd);
    }
    errno = saved;
}
