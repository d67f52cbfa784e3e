/* A file that is written as a whole or not at all. */
#include "analyzer/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader/temporary.h"

enum { BUFFER = 1 << 18 }; /* bytes */

static char unfinished[PATH_MAX]; /* to be unlinked by on_signal */
static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(int number)
{
    unlink(unfinished);
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}, before;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL) /* nohup(1) ignores one */
            sigaction(signals[i], &action, NULL);
}

static void release_signals(void)
{
    struct sigaction before;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == on_signal)
            signal(signals[i], SIG_DFL);
}

static int open_beside(struct outfile *out, struct ga_error *error)
{
    if (snprintf(out->temporary, sizeof out->temporary, "%s.XXXXXX", out->path) >= (int)sizeof out->temporary) {
        *out->temporary = 0;
        return ga_error_errno(error, ENAMETOOLONG, "%s", out->path);
    }
    int fd = mkostemp(out->temporary, O_CLOEXEC);
    if (fd < 0) {
        *out->temporary = 0;
        return ga_error_errno(error, errno, "%s: making a file in its folder", out->path);
    }
    strcpy(unfinished, out->temporary);
    catch_signals();
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    return fd;
}

int outfile_open(struct outfile *out, const char *path, struct ga_error *error)
{
    struct stat status;
    *out = (struct outfile){.path = path && strcmp(path, "-") ? path : NULL};
    bool exists = out->path && stat(out->path, &status) == 0;
    if (exists && S_ISDIR(status.st_mode))
        return ga_error_errno(error, EISDIR, "%s", path);
    bool beside = out->path && (!exists || S_ISREG(status.st_mode));
    int fd = beside ? open_beside(out, error) : temporary_file("the output", error);
    if (fd < 0)
        return fd;
    out->file = fdopen(fd, "w+");
    if (!out->file) {
        close(fd);
        return ga_error_errno(error, ENOMEM, "%s", path ? path : "standard output");
    }
    setvbuf(out->file, NULL, _IOFBF, BUFFER);
    return 0;
}

int outfile_restart(struct outfile *out)
{
    rewind(out->file); /* writes out what is held, too */
    return ftruncate(fileno(out->file), 0) < 0 ? -errno : 0;
}

/* What is in a file from its beginning, into a descriptor. */
static int copy(FILE *from, int to)
{
    static char bytes[BUFFER];
    rewind(from);
    for (size_t size; (size = fread(bytes, 1, sizeof bytes, from)) > 0;)
        for (size_t at = 0; at < size;) {
            ssize_t written = write(to, bytes + at, size - at);
            if (written < 0 && errno != EINTR)
                return -errno;
            at += written > 0 ? (size_t)written : 0;
        }
    return ferror(from) ? -EIO : 0;
}

static int copy_to_path(struct outfile *out)
{
    int fd = open(out->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    int result = fd < 0 ? -errno : copy(out->file, fd);
    if (fd >= 0 && close(fd) < 0 && result == 0)
        result = -errno;
    return result;
}

int outfile_commit(struct outfile *out, struct ga_error *error)
{
    errno = 0;
    int result = fflush(out->file) != 0 || ferror(out->file) ? (errno ? -errno : -EIO) : 0;
    if (!result && !out->path)
        result = copy(out->file, STDOUT_FILENO);
    else if (!result && !*out->temporary)
        result = copy_to_path(out);
    else if (!result && rename(out->temporary, out->path) < 0)
        result = -errno;
    if (result == 0)
        *out->temporary = 0;
    outfile_discard(out);
    if (result == -EPIPE && !out->path)
        return 0; /* the reader of our output has seen enough */
    return result < 0 ? ga_error_errno(error, -result, "%s", out->path ? out->path : "standard output") : 0;
}

void outfile_discard(struct outfile *out)
{
    if (out->file)
        fclose(out->file);
    out->file = NULL;
    if (*out->temporary)
        unlink(out->temporary);
    *out->temporary = 0;
    release_signals();
}
