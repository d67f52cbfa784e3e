/* The store of private data: whole mappings of a temporary file, filled from the front. */
#include "blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "reader/temporary.h"

enum { BLOB_MISSED = 0 }; /* in the index: a call named it, and it was not there */
#define CHUNK_MIN ((size_t)1 << 20)
#define CHUNK_MAX ((size_t)64 << 20)

struct blobs_chunk {
    char *map;
    size_t size;
};

struct blob {
    uint32_t size, received; /* bytes; whole when equal */
    char data[];
};

void blobs_init(struct blobs *blobs, uint64_t budget)
{
    *blobs = (struct blobs){.fd = -1, .budget = budget};
}

void blobs_release(struct blobs *blobs)
{
    for (size_t i = 0; i < blobs->chunk_count; i++)
        munmap(blobs->chunks[i].map, blobs->chunks[i].size);
    free(blobs->chunks);
    ga_map_release(&blobs->index);
    if (blobs->fd >= 0)
        close(blobs->fd);
    blobs_init(blobs, 0);
}

/* Maps another piece of the file, with its blocks reserved: a full disk must be an error here, not a SIGBUS later. */
static int chunk_add(struct blobs *blobs, size_t needed, struct ga_error *error)
{
    if (blobs->fd < 0 && (blobs->fd = temporary_file("private data", error)) < 0)
        return blobs->fd;
    size_t size = CHUNK_MIN;
    while (size < needed || (size < CHUNK_MAX && size < blobs->file_size))
        size *= 2;
    struct blobs_chunk *chunks = realloc(blobs->chunks, (blobs->chunk_count + 1) * sizeof *chunks);
    if (!chunks)
        return ga_error_set(error, ENOMEM, "out of memory");
    blobs->chunks = chunks;
    int full = posix_fallocate(blobs->fd, (off_t)blobs->file_size, (off_t)size);
    if (full)
        return ga_error_errno(error, full, "cannot keep %zu more bytes of private data in a temporary file (see TMPDIR)", size);
    char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, blobs->fd, (off_t)blobs->file_size);
    if (map == MAP_FAILED)
        return ga_error_errno(error, errno, "cannot map %zu bytes of private data", size);
    chunks[blobs->chunk_count++] = (struct blobs_chunk){map, size};
    blobs->file_size += size;
    blobs->used = 0;
    return 0;
}

static int blob_create(struct blobs *blobs, const struct ga_gpualloc_blob *piece, struct blob **blob, struct ga_error *error)
{
    size_t needed = (sizeof **blob + piece->size + 7) & ~(size_t)7;
    if (blobs->used + needed > (blobs->chunk_count ? blobs->chunks[blobs->chunk_count - 1].size : 0)) {
        int result = chunk_add(blobs, needed, error);
        if (result < 0)
            return result;
    }
    *blob = (void *)(blobs->chunks[blobs->chunk_count - 1].map + blobs->used);
    if (ga_map_set(&blobs->index, piece->hash, 0, (uintptr_t)*blob) < 0)
        return ga_error_set(error, ENOMEM, "out of memory");
    **blob = (struct blob){.size = piece->size};
    blobs->used += needed;
    blobs->budget -= piece->size;
    return 0;
}

int blobs_add(struct blobs *blobs, const struct ga_gpualloc_blob *piece, struct ga_error *error)
{
    if (piece->hash < GA_BLOB_FIRST_HASH || piece->size > GA_BLOB_MAX)
        return 0;
    uint64_t *found = ga_map_get(&blobs->index, piece->hash, 0);
    struct blob *blob = found ? (struct blob *)(uintptr_t)*found : NULL;
    if (!blob) {
        if (piece->offset || piece->size > blobs->budget)
            return 0;
        int result = blob_create(blobs, piece, &blob, error);
        if (result < 0)
            return result;
    }
    /* Two processes may send the same blob at once: what continues it is taken, whoever sent it. */
    if (piece->size != blob->size || piece->offset != blob->received || blob->received == blob->size)
        return 0;
    uint64_t bytes = (uint64_t)piece->words_length * 8;
    uint32_t room = blob->size - blob->received, taken = bytes < room ? (uint32_t)bytes : room;
    if (taken)
        memcpy(blob->data + blob->received, piece->words_list, taken);
    blob->received += taken;
    if (blob->received == blob->size) {
        blobs->count++;
        blobs->bytes += blob->size;
    }
    return 0;
}

int blobs_find(const struct blobs *blobs, uint64_t hash, const void **data, uint32_t *size)
{
    const uint64_t *found = ga_map_get(&blobs->index, hash, 0);
    const struct blob *blob = found ? (const struct blob *)(uintptr_t)*found : NULL;
    if (!blob || blob->received < blob->size)
        return -ENOENT;
    *data = blob->data;
    *size = blob->size;
    return 0;
}

int blobs_check(struct blobs *blobs, uint64_t hash)
{
    const uint64_t *found = ga_map_get(&blobs->index, hash, 0);
    const struct blob *blob = found ? (const struct blob *)(uintptr_t)*found : NULL;
    if (found && (!blob || blob->received == blob->size))
        return 0;
    /* Not there, or pieces of it are lost: then a later sending starts afresh. */
    return ga_map_set(&blobs->index, hash, 0, BLOB_MISSED) < 0 ? -ENOMEM : 1;
}
