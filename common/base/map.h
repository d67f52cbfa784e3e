/*
 * A hash map from two 64-bit numbers to one: open addressing, linear probing, grows by doubling.
 * For one thread at a time. Keys are copied; what a value means is the caller's.
 */
#ifndef GPUALLOC_BASE_MAP_H
#define GPUALLOC_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ga_map {
    struct ga_map_slot *slots;
    size_t count, used, capacity; /* entries; slots taken, erased ones included; slots (a power of two, or 0) */
};

struct ga_map_slot {
    uint64_t a, b, value;
    uint8_t state; /* 0 free, 1 taken, 2 erased */
};

/* Of a key; its bits are well mixed. */
uint64_t ga_map_hash(uint64_t a, uint64_t b);
/* A map of zeros is an empty map. Releases the memory and leaves an empty map. */
void ga_map_release(struct ga_map *map);
/* Sets the value of a key; 0, or -ENOMEM and the map as before. */
int ga_map_set(struct ga_map *map, uint64_t a, uint64_t b, uint64_t value);
/* The value's place, or null; valid until the next set. */
uint64_t *ga_map_get(const struct ga_map *map, uint64_t a, uint64_t b);
/* Takes a key out; whether it was there. */
bool ga_map_erase(struct ga_map *map, uint64_t a, uint64_t b);
/* Walks the entries in no order: start with *place 0; null at the end. The map must not change meanwhile, except by erasing. */
struct ga_map_slot *ga_map_next(const struct ga_map *map, size_t *place);

#endif
