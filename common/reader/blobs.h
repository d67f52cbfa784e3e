/*
 * The store of private data: blobs by hash, joined from their pieces, in an unlinked temporary file that is mapped piece by
 * piece. The bytes are the page cache's to keep or to write out; memory holds only an index, of 11 bytes a blob at most.
 */
#ifndef GPUALLOC_READER_BLOBS_H
#define GPUALLOC_READER_BLOBS_H

#include "base/error.h"
#include "schema/records.h"

struct blobs {
    uint32_t *table;    /* by hash, open addressing: number of a chunk, from 1, and the place of a struct blob in it; 0: none */
    size_t index_count, capacity; /* taken of the table; its slots, a power of two or 0 */
    struct blobs_chunk *chunks;
    size_t chunk_count, used; /* bytes used of the last chunk */
    uint64_t file_size, bytes, budget;
    uint64_t count; /* whole blobs; bytes is theirs */
    int fd;
};

/* budget: bytes that pieces may lay claim to, so that a broken trace cannot fill the disk. */
void blobs_init(struct blobs *blobs, uint64_t budget);
void blobs_release(struct blobs *blobs);
/* Takes a piece in. Repeats and pieces that do not follow the last one are passed over. 0 or a negative errno. */
int blobs_add(struct blobs *blobs, const struct ga_gpualloc_blob *piece, struct ga_error *error);
/* The bytes of a whole blob, valid as long as the store: 0 or -ENOENT. */
int blobs_find(const struct blobs *blobs, uint64_t hash, const void **data, uint32_t *size);
/* Whether a hash that a call names is there or known to be missing; remembers a new miss. 1: a new miss; 0; or a negative errno. */
int blobs_check(struct blobs *blobs, uint64_t hash, struct ga_error *error);

#endif
