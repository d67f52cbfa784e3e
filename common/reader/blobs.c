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

/* A number in the table: the chunk above PLACE_BITS, below them the place in units of 8 bytes. */
enum { PLACE_BITS = 23, CHUNKS_MAX = (1 << (32 - PLACE_BITS)) - 1 };
#define CHUNK_MIN ((size_t)1 << 20)
#define CHUNK_MAX ((size_t)64 << 20)

struct blobs_chunk {
    char *map;
    size_t size;
};

struct blob {
    uint64_t hash;
    uint32_t size, received; /* bytes; whole when equal */
    char data[];
};
#define MISSED UINT32_MAX /* size of what a call named, and was not there */

void blobs_init(struct blobs *blobs, uint64_t budget)
{
    *blobs = (struct blobs){.fd = -1, .budget = budget};
}

void blobs_release(struct blobs *blobs)
{
    for (size_t i = 0; i < blobs->chunk_count; i++)
        munmap(blobs->chunks[i].map, blobs->chunks[i].size);
    free(blobs->chunks);
    free(blobs->table);
    if (blobs->fd >= 0)
        close(blobs->fd);
    blobs_init(blobs, 0);
}

/* Maps another piece of the file, with its blocks reserved: a full disk must be an error here, not a SIGBUS later. */
static int chunk_add(struct blobs *blobs, size_t needed, struct ga_error *error)
{
    if (blobs->fd < 0 && (blobs->fd = temporary_file("private data", error)) < 0)
        return blobs->fd;
    if (blobs->chunk_count == CHUNKS_MAX)
        return ga_error_set(error, EFBIG, "more than 31 GiB of private data");
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
    /* What is full is the page cache's until it is asked for again: most contents are named soon after they came, or never more. */
    for (size_t i = 0; i < blobs->chunk_count; i++)
        madvise(chunks[i].map, chunks[i].size, MADV_DONTNEED);
    chunks[blobs->chunk_count++] = (struct blobs_chunk){map, size};
    blobs->file_size += size;
    blobs->used = 0;
    return 0;
}

static struct blob *blob_at(const struct blobs *blobs, uint32_t number)
{
    return (void *)(blobs->chunks[(number >> PLACE_BITS) - 1].map + (size_t)(number & ((1u << PLACE_BITS) - 1)) * 8);
}

/* Where the number of a hash's blob is in the table, or would be. */
static uint32_t *place_of(const struct blobs *blobs, uint64_t hash)
{
    for (size_t i = (size_t)((hash * 0x9e3779b97f4a7c15u) >> 32);; i++) {
        uint32_t *place = &blobs->table[i & (blobs->capacity - 1)];
        if (!*place || blob_at(blobs, *place)->hash == hash)
            return place;
    }
}

static int table_grow(struct blobs *blobs)
{
    struct blobs bigger = *blobs;
    bigger.capacity = blobs->capacity ? 2 * blobs->capacity : 1024;
    bigger.table = calloc(bigger.capacity, sizeof *bigger.table);
    if (!bigger.table)
        return -ENOMEM;
    for (size_t i = 0; i < blobs->capacity; i++)
        if (blobs->table[i])
            *place_of(&bigger, blob_at(blobs, blobs->table[i])->hash) = blobs->table[i];
    free(blobs->table);
    *blobs = bigger;
    return 0;
}

/* Null: a call has not named it, nor did it come. */
static struct blob *find(const struct blobs *blobs, uint64_t hash)
{
    uint32_t number = blobs->capacity ? *place_of(blobs, hash) : 0;
    return number ? blob_at(blobs, number) : NULL;
}

/* Puts in a blob of so many bytes (MISSED: none), in place of one with the same hash. */
static int blob_create(struct blobs *blobs, uint64_t hash, uint32_t size, struct blob **blob, struct ga_error *error)
{
    size_t needed = (sizeof **blob + (size == MISSED ? 0 : size) + 7) & ~(size_t)7;
    if (blobs->used + needed > (blobs->chunk_count ? blobs->chunks[blobs->chunk_count - 1].size : 0)) {
        int result = chunk_add(blobs, needed, error);
        if (result < 0)
            return result;
    }
    if (blobs->index_count * 4 >= blobs->capacity * 3 && table_grow(blobs) < 0)
        return ga_error_set(error, ENOMEM, "out of memory");
    uint32_t number = (uint32_t)(blobs->chunk_count << PLACE_BITS | blobs->used / 8), *place = place_of(blobs, hash);
    blobs->index_count += !*place;
    *place = number;
    *blob = blob_at(blobs, number);
    **blob = (struct blob){.hash = hash, .size = size};
    blobs->used += needed;
    return 0;
}

int blobs_add(struct blobs *blobs, const struct ga_gpualloc_blob *piece, struct ga_error *error)
{
    if (piece->hash < GA_BLOB_FIRST_HASH || piece->size > GA_BLOB_MAX)
        return 0;
    struct blob *blob = find(blobs, piece->hash);
    if (!blob || blob->size == MISSED) {
        if (piece->offset || piece->size > blobs->budget)
            return 0;
        int result = blob_create(blobs, piece->hash, piece->size, &blob, error);
        if (result < 0)
            return result;
        blobs->budget -= piece->size;
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
    const struct blob *blob = find(blobs, hash);
    if (!blob || blob->received < blob->size)
        return -ENOENT;
    *data = blob->data;
    *size = blob->size;
    return 0;
}

int blobs_check(struct blobs *blobs, uint64_t hash, struct ga_error *error)
{
    struct blob *blob = find(blobs, hash);
    if (blob && (blob->size == MISSED || blob->received == blob->size))
        return 0;
    if (!blob) {
        int result = blob_create(blobs, hash, MISSED, &blob, error);
        return result < 0 ? result : 1;
    }
    /* Pieces of it are lost: then a later sending starts afresh. */
    blob->size = MISSED;
    blob->received = 0;
    return 1;
}
