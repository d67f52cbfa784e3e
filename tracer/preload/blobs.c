/* Deduplicated private data. */
#include "preload/blobs.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "preload/ops.h"
#include "schema/records.h"

enum {
    SLOTS = 65536,
    FORGET_S = 10,
};

/* A direct-mapped cache. A slot holds hash ^ salt: changing the salt empties the whole cache at once. */
static atomic_ullong sent[SLOTS];
static atomic_ullong salt = 0x9e3779b97f4a7c15u;
static atomic_llong forget_at;

void blobs_forget(void) { atomic_fetch_add(&salt, 0x9e3779b97f4a7c15u); }

static void forget_in_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    long long due = atomic_load_explicit(&forget_at, memory_order_relaxed);
    if (now.tv_sec >= due && atomic_compare_exchange_strong(&forget_at, &due, now.tv_sec + FORGET_S))
        blobs_forget();
}

static void emit(const uint64_t *words, uint32_t size, uint64_t hash)
{
    uint32_t count = (size + 7) / 8;
    for (uint32_t first = 0; first < count; first += GA_BLOB_CHUNK_WORDS) {
        uint32_t left = count - first;
        struct ga_gpualloc_blob record = {
            .hash = hash,
            .size = size,
            .offset = first * 8,
            .words_length = left < GA_BLOB_CHUNK_WORDS ? left : GA_BLOB_CHUNK_WORDS,
            .words_list = words + first,
        };
        capture_ops->emit(GA_ROW_gpualloc_blob, &record);
    }
}

uint64_t blobs_send(void *bytes, uint32_t size)
{
    uint64_t hash = XXH3_64bits(bytes, size);
    if (hash < GA_BLOB_FIRST_HASH)
        hash += GA_BLOB_FIRST_HASH;
    forget_in_time();
    /* The salt is read before sending: should a rundown come between, what is remembered is already forgotten. */
    uint64_t with = atomic_load(&salt);
    atomic_ullong *slot = &sent[hash % SLOTS];
    if (atomic_load_explicit(slot, memory_order_acquire) == (hash ^ with) || !capture_ops->enabled(GA_ROW_gpualloc_blob))
        return hash;
    memset((char *)bytes + size, 0, (8 - size % 8) % 8);
    emit(bytes, size, hash);
    atomic_store_explicit(slot, hash ^ with, memory_order_release); /* only now may another thread rely on it */
    return hash;
}
