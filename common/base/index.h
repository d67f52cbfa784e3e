/*
 * An index of an array by its elements' keys: a hash table of their numbers (from 1, in the order in which they were added), of four
 * bytes a slot, as the keys are the array's own. For one thread at a time.
 *
 *     for (size_t at = hash, number; (number = ga_index_at(&index, at)); at++)
 *         if (array[number - 1] has the key)
 *             return &array[number - 1];
 */
#ifndef GPUALLOC_BASE_INDEX_H
#define GPUALLOC_BASE_INDEX_H

#include <stddef.h>
#include <stdint.h>

/* Of zeros: empty. */
struct ga_index {
    uint32_t *slots;
    size_t count, capacity; /* elements; slots, a power of two or 0 */
};

/* The hash of an element's key. */
typedef uint64_t ga_index_hash(const void *array, size_t number);

/* A number that may be the wanted one, 0: it is not there. */
static inline uint32_t ga_index_at(const struct ga_index *index, size_t at)
{
    return index->capacity ? index->slots[at & (index->capacity - 1)] : 0;
}

/* Adds the array's next element, which is there already. 0, or -ENOMEM and the index as before. */
int ga_index_add(struct ga_index *index, const void *array, ga_index_hash *hash);
void ga_index_release(struct ga_index *index);

#endif
