/* Sizes that are learnt after birth, by the dense ids of lives, in a temporary file: written by one pass, read by the next. */
#include "reader/sizes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reader/temporary.h"

enum { WINDOW = 256 }; /* entries read at once: the next pass asks in the order of ids, nearly */

struct entry {
    uint64_t size, origin; /* of zeros: not learnt */
};

struct ga_sizes {
    struct ga_lives *lives;
    int (*blob)(void *user, uint64_t hash, const void **data, uint32_t *size);
    void *blob_user;
    int fd;
    uint64_t learnt;
    uint64_t first; /* id of the window's first entry */
    bool filled;
    struct entry window[WINDOW];
};

static int blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    struct ga_sizes *sizes = user;
    return sizes->blob ? sizes->blob(sizes->blob_user, hash, data, size) : -ENOENT;
}

static int sized(void *user, struct ga_life *life, uint64_t size_before, enum ga_size_origin origin_before)
{
    (void)size_before, (void)origin_before;
    struct ga_sizes *sizes = user;
    struct entry entry = {life->size, life->origin};
    struct ga_error error;
    if (sizes->fd < 0 && (sizes->fd = temporary_file("learnt sizes", &error)) < 0)
        return sizes->fd;
    if (pwrite(sizes->fd, &entry, sizeof entry, (off_t)(life->id * sizeof entry)) != sizeof entry)
        return -ENOSPC;
    sizes->learnt++;
    return 0;
}

int ga_sizes_create(struct ga_sizes **out, int (*blob_of)(void *user, uint64_t hash, const void **data, uint32_t *size),
                    void *blob_user)
{
    static const struct ga_lives_ops ops = {.sized = sized, .blob = blob};
    struct ga_sizes *sizes = calloc(1, sizeof *sizes);
    if (!sizes)
        return -ENOMEM;
    sizes->fd = -1;
    sizes->blob = blob_of;
    sizes->blob_user = blob_user;
    int result = ga_lives_create(&sizes->lives, &ops, sizes);
    if (result < 0) {
        free(sizes);
        return result;
    }
    *out = sizes;
    return 0;
}

int ga_sizes_call(struct ga_sizes *sizes, const struct ga_call *call)
{
    return ga_lives_call(sizes->lives, call);
}

int ga_sizes_event(struct ga_sizes *sizes, const struct ga_row *row, const void *record, int64_t ns)
{
    return ga_lives_event(sizes->lives, row, record, ns);
}

uint64_t ga_sizes_learnt(const struct ga_sizes *sizes)
{
    return sizes->learnt;
}

int ga_sizes_known(void *user, uint64_t id, uint64_t *size, enum ga_size_origin *origin)
{
    struct ga_sizes *sizes = user;
    if (!sizes || sizes->fd < 0)
        return 0;
    if (!sizes->filled || id < sizes->first || id >= sizes->first + WINDOW) {
        memset(sizes->window, 0, sizeof sizes->window); /* beyond the file's end nothing was learnt */
        if (pread(sizes->fd, sizes->window, sizeof sizes->window, (off_t)(id * sizeof *sizes->window)) < 0)
            return -errno;
        sizes->first = id;
        sizes->filled = true;
    }
    const struct entry *entry = &sizes->window[id - sizes->first];
    if (!entry->size)
        return 0;
    *size = entry->size;
    *origin = (enum ga_size_origin)entry->origin;
    return 1;
}

void ga_sizes_destroy(struct ga_sizes *sizes)
{
    if (!sizes)
        return;
    if (sizes->fd >= 0)
        close(sizes->fd);
    ga_lives_destroy(sizes->lives);
    free(sizes);
}
