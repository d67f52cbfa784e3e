/* Launch: where our libraries are, and LD_PRELOAD's value. */
#include "launch/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Set for the program that ga_launch_reexec starts, so that a preload that does not work is an error and not a loop. */
#define REEXEC_MARK "GPUALLOC_REEXEC"

/* In the order of LD_PRELOAD. */
static const struct {
    unsigned bit;
    const char *name;
} libraries_known[] = {
    {GA_LAUNCH_TRACE, "libgpualloc-trace.so"},
    {GA_LAUNCH_SOFTGPU, "libgpualloc-softgpu.so"},
};
enum { LIBRARIES = sizeof libraries_known / sizeof *libraries_known };

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Index in libraries_known of the library that a path of this length names, or -1. */
static int library_index(const char *path, size_t length)
{
    for (int i = 0; i < LIBRARIES; i++) {
        size_t size = strlen(libraries_known[i].name);
        if (length >= size && !strncmp(path + length - size, libraries_known[i].name, size) &&
            (length == size || path[length - size - 1] == '/'))
            return i;
    }
    return -1;
}

/* Beside us in a build tree (bin, lib), or where they are installed, seen from where we are. */
static int library_path(const char *name, char path[PATH_MAX], struct ga_error *error)
{
    static const char *const places[] = {"../lib", GA_INSTALLED_LIBRARIES, GA_INSTALLED_LIBRARIES "/gpualloc"};
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return ga_error_errno(error, errno, "cannot find our own place: /proc/self/exe");
    self[length] = 0;
    char *slash = strrchr(self, '/');
    *slash = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char candidate[2 * PATH_MAX];
        snprintf(candidate, sizeof candidate, "%s/%s/%s", self, places[i], name);
        if (!realpath(candidate, path))
            continue;
        if (strpbrk(path, " :\t\n"))
            return ga_error_set(error, EINVAL, "%s cannot be preloaded: LD_PRELOAD allows no space or colon in a path; "
                                "move gpualloc to another directory", path);
        return 0;
    }
    return ga_error_set(error, ENOENT, "%s is neither in %s/%s nor in %s/%s; build or install it", name, self, places[0], self,
                        places[2]);
}

static int append(FILE *out, bool *first, const char *text, size_t length)
{
    int written = fprintf(out, "%s%.*s", *first ? "" : ":", (int)length, text);
    *first = false;
    return written < 0 ? -ENOMEM : 0;
}

static bool is_runtime(const char *path, size_t length)
{
    const char *name = base_name(GA_SANITIZER_RUNTIME);
    size_t size = strlen(name);
    return size && length >= size && !strncmp(path + length - size, name, size);
}

int ga_launch_preload(unsigned libraries, const char *existing, char **value, struct ga_error *error)
{
    static const char separators[] = " :\t\n";
    for (const char *at = existing ? existing : ""; *(at += strspn(at, separators));) {
        size_t length = strcspn(at, separators);
        int index = library_index(at, length);
        if (index >= 0)
            libraries |= libraries_known[index].bit;
        at += length;
    }
    size_t size;
    FILE *out = open_memstream(value, &size);
    if (!out)
        return ga_error_errno(error, ENOMEM, "LD_PRELOAD");
    bool first = true;
    int result = 0;
    if (*GA_SANITIZER_RUNTIME && libraries)
        result = append(out, &first, GA_SANITIZER_RUNTIME, strlen(GA_SANITIZER_RUNTIME));
    for (int i = 0; i < LIBRARIES && !result; i++)
        if (libraries & libraries_known[i].bit) {
            char path[PATH_MAX];
            result = library_path(libraries_known[i].name, path, error);
            if (!result)
                result = append(out, &first, path, strlen(path));
        }
    for (const char *at = existing ? existing : ""; !result && *(at += strspn(at, separators));) {
        size_t length = strcspn(at, separators);
        if (library_index(at, length) < 0 && !is_runtime(at, length))
            result = append(out, &first, at, length);
        at += length;
    }
    if (fclose(out) && !result)
        result = ga_error_errno(error, ENOMEM, "LD_PRELOAD");
    if (result) {
        free(*value);
        *value = NULL;
    }
    return result;
}

static int note_loaded(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    int index = info->dlpi_name ? library_index(info->dlpi_name, strlen(info->dlpi_name)) : -1;
    if (index >= 0)
        *(unsigned *)data |= libraries_known[index].bit;
    return 0;
}

/* Our own arguments, as the kernel keeps them: a verb sees only its part. The caller frees both. */
static int own_arguments(char ***argv, char **text, struct ga_error *error)
{
    size_t used = 0, room = 0, count = 0, got;
    FILE *file = fopen("/proc/self/cmdline", "re");
    *text = NULL;
    *argv = NULL;
    do {
        char *larger = file ? realloc(*text, room += 4096) : NULL;
        if (!larger)
            goto failed;
        *text = larger;
        got = fread(*text + used, 1, room - used - 1, file);
        used += got;
    } while (got);
    (*text)[used] = 0;
    fclose(file);
    for (size_t i = 0; i < used; i++)
        count += !(*text)[i];
    *argv = calloc(count + 1, sizeof **argv);
    if (!*argv) {
        free(*text);
        return ga_error_errno(error, ENOMEM, "arguments");
    }
    char *at = *text;
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        (*argv)[i] = at;
    return 0;
failed:
    if (file)
        fclose(file);
    free(*text);
    return ga_error_errno(error, errno, "/proc/self/cmdline");
}

int ga_launch_reexec(unsigned libraries, struct ga_error *error)
{
    unsigned loaded = 0;
    dl_iterate_phdr(note_loaded, &loaded);
    bool again = getenv(REEXEC_MARK) != NULL;
    unsetenv(REEXEC_MARK);
    if ((loaded & libraries) == libraries)
        return 0;
    if (again)
        return ga_error_set(error, ELIBACC, "the loader ignored LD_PRELOAD=%s; is gpualloc setuid?", getenv("LD_PRELOAD"));
    char *preload, *text, **argv, self[PATH_MAX];
    int result = ga_launch_preload(libraries, getenv("LD_PRELOAD"), &preload, error);
    if (result)
        return result;
    result = own_arguments(&argv, &text, error);
    if (result)
        goto free_preload;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length < 0 ? 0 : length] = 0;
    if (length < 0 || setenv("LD_PRELOAD", preload, 1) || setenv(REEXEC_MARK, "1", 1))
        result = ga_error_errno(error, errno, "cannot start again");
    else {
        fflush(NULL);
        execv(self, argv);
        result = ga_error_errno(error, errno, "cannot start %s again", self);
        unsetenv(REEXEC_MARK);
    }
    free(argv);
    free(text);
free_preload:
    free(preload);
    return result;
}
