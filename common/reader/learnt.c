/* What is learnt after birth, by the dense ids of lives, in a temporary file: written by one pass, read by the next. */
#include "reader/learnt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/map.h"
#include "reader/temporary.h"

enum { WINDOW = 256 }; /* entries read at once: the next pass asks in the order of ids, nearly */

struct entry {
    uint64_t size;         /* 0: not learnt */
    uint32_t origin, name; /* name: in the list of names, from 1; 0: none */
};

struct ga_learnt {
    struct ga_lives *lives;
    int (*blob)(void *user, uint64_t hash, const void **data, uint32_t *size);
    void *blob_user;
    int fd;
    uint64_t count;
    char **names; /* the first one is null */
    size_t name_count;
    struct ga_map name_index; /* (hash, 0) to the place in names */
    uint64_t first;           /* id of the window's first entry */
    bool filled;
    struct entry window[WINDOW];
};

static int blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    struct ga_learnt *learnt = user;
    return learnt->blob ? learnt->blob(learnt->blob_user, hash, data, size) : -ENOENT;
}

static off_t place_of(uint64_t id)
{
    return (off_t)(id * sizeof(struct entry));
}

/* Changes the entry of an allocation. */
static int change(struct ga_learnt *learnt, const struct ga_life *life, const uint32_t *name)
{
    struct entry entry = {0};
    struct ga_error error;
    if (learnt->fd < 0 && (learnt->fd = temporary_file("what is learnt of allocations", &error)) < 0)
        return learnt->fd;
    if (pread(learnt->fd, &entry, sizeof entry, place_of(life->id)) < 0)
        return -errno;
    if (name) {
        entry.name = *name;
    } else {
        entry.size = life->size;
        entry.origin = life->origin;
    }
    if (pwrite(learnt->fd, &entry, sizeof entry, place_of(life->id)) != sizeof entry)
        return -ENOSPC;
    learnt->count++;
    return 0;
}

int ga_learnt_sized(void *user, struct ga_life *life, uint64_t size_before, enum ga_size_origin origin_before)
{
    (void)size_before, (void)origin_before;
    return change(user, life, NULL);
}

/* The place of a name in the list: 0 for none, and for those beyond the limit. */
static int name_place(struct ga_learnt *learnt, const char *name, uint32_t *out)
{
    uint64_t hash = XXH3_64bits(name, strlen(name)), *place = ga_map_get(&learnt->name_index, hash, 0);
    *out = 0;
    if (!*name || (!place && learnt->name_count > GA_LEARNT_NAMES))
        return 0;
    if (place && !strcmp(learnt->names[*place], name)) {
        *out = (uint32_t)*place;
        return 0;
    }
    size_t count = learnt->name_count ? learnt->name_count : 1;
    if (!(count & (count - 1))) { /* a power of two: full */
        char **names = realloc(learnt->names, 2 * count * sizeof *names);
        if (!names)
            return -ENOMEM;
        learnt->names = names;
        names[0] = NULL;
    }
    if (!(learnt->names[count] = strdup(name)))
        return -ENOMEM;
    learnt->name_count = count + 1;
    *out = (uint32_t)count;
    return ga_map_set(&learnt->name_index, hash, 0, count);
}

int ga_learnt_named(void *user, struct ga_life *life, const char *name)
{
    struct ga_learnt *learnt = user;
    uint32_t place;
    int result = name_place(learnt, name, &place);
    return result < 0 ? result : change(learnt, life, &place);
}

int ga_learnt_create(struct ga_learnt **out, int (*blob_of)(void *user, uint64_t hash, const void **data, uint32_t *size),
                     void *blob_user)
{
    static const struct ga_lives_ops ops = {.sized = ga_learnt_sized, .named = ga_learnt_named, .blob = blob};
    struct ga_learnt *learnt = calloc(1, sizeof *learnt);
    if (!learnt)
        return -ENOMEM;
    learnt->fd = -1;
    learnt->blob = blob_of;
    learnt->blob_user = blob_user;
    int result = ga_lives_create(&learnt->lives, &ops, learnt);
    if (result < 0) {
        free(learnt);
        return result;
    }
    *out = learnt;
    return 0;
}

int ga_learnt_call(struct ga_learnt *learnt, const struct ga_call *call)
{
    return ga_lives_call(learnt->lives, call);
}

int ga_learnt_event(struct ga_learnt *learnt, const struct ga_row *row, const void *record, int64_t ns)
{
    return ga_lives_event(learnt->lives, row, record, ns);
}

uint64_t ga_learnt_count(const struct ga_learnt *learnt)
{
    return learnt->count;
}

int ga_learnt_known(void *user, uint64_t id, struct ga_known *known)
{
    struct ga_learnt *learnt = user;
    if (!learnt || learnt->fd < 0)
        return 0;
    if (!learnt->filled || id < learnt->first || id >= learnt->first + WINDOW) {
        memset(learnt->window, 0, sizeof learnt->window); /* beyond the file's end nothing was learnt */
        if (pread(learnt->fd, learnt->window, sizeof learnt->window, place_of(id)) < 0)
            return -errno;
        learnt->first = id;
        learnt->filled = true;
    }
    const struct entry *entry = &learnt->window[id - learnt->first];
    *known = (struct ga_known){.size = entry->size,
                               .origin = entry->size ? (enum ga_size_origin)entry->origin : GA_SIZE_UNKNOWN,
                               .name = entry->name ? learnt->names[entry->name] : NULL};
    return entry->size || entry->name;
}

void ga_learnt_destroy(struct ga_learnt *learnt)
{
    if (!learnt)
        return;
    if (learnt->fd >= 0)
        close(learnt->fd);
    for (size_t i = 1; i < learnt->name_count; i++)
        free(learnt->names[i]);
    free(learnt->names);
    ga_map_release(&learnt->name_index);
    ga_lives_destroy(learnt->lives);
    free(learnt);
}
