/* A hash map from two 64-bit numbers to one. */
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

enum { FREE, TAKEN, ERASED };

/* The finaliser of MurmurHash3 over both halves. */
uint64_t ga_map_hash(uint64_t a, uint64_t b)
{
    uint64_t h = a ^ (b * 0x9e3779b97f4a7c15u);
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
    return h ^ (h >> 33);
}

void ga_map_release(struct ga_map *map)
{
    free(map->slots);
    *map = (struct ga_map){0};
}

static struct ga_map_slot *find(const struct ga_map *map, uint64_t a, uint64_t b)
{
    for (size_t i = (size_t)ga_map_hash(a, b);; i++) {
        struct ga_map_slot *slot = &map->slots[i & (map->capacity - 1)];
        if (slot->state == FREE || (slot->state == TAKEN && slot->a == a && slot->b == b))
            return slot;
    }
}

static int grow(struct ga_map *map)
{
    struct ga_map bigger = {.capacity = map->capacity ? map->capacity : 16};
    while (map->count * 2 >= bigger.capacity)
        bigger.capacity *= 2;
    bigger.slots = calloc(bigger.capacity, sizeof *bigger.slots);
    if (!bigger.slots)
        return -ENOMEM;
    size_t place = 0;
    for (struct ga_map_slot *slot; (slot = ga_map_next(map, &place));)
        *find(&bigger, slot->a, slot->b) = *slot;
    bigger.count = bigger.used = map->count;
    free(map->slots);
    *map = bigger;
    return 0;
}

int ga_map_set(struct ga_map *map, uint64_t a, uint64_t b, uint64_t value)
{
    if (map->used * 4 >= map->capacity * 3 && grow(map) < 0)
        return -ENOMEM;
    struct ga_map_slot *slot = find(map, a, b);
    if (slot->state == FREE) {
        map->count++;
        map->used++;
    }
    *slot = (struct ga_map_slot){a, b, value, TAKEN};
    return 0;
}

uint64_t *ga_map_get(const struct ga_map *map, uint64_t a, uint64_t b)
{
    if (!map->capacity)
        return NULL;
    struct ga_map_slot *slot = find(map, a, b);
    return slot->state == TAKEN ? &slot->value : NULL;
}

bool ga_map_erase(struct ga_map *map, uint64_t a, uint64_t b)
{
    if (!map->capacity)
        return false;
    struct ga_map_slot *slot = find(map, a, b);
    if (slot->state != TAKEN)
        return false;
    slot->state = ERASED;
    map->count--;
    /* An erased slot only keeps a row of slots together: before a free one it can go, and so can those before it. */
    size_t last = map->capacity - 1, i = (size_t)(slot - map->slots);
    if (map->slots[(i + 1) & last].state == FREE)
        for (; map->slots[i].state == ERASED; i = (i - 1) & last) {
            map->slots[i].state = FREE;
            map->used--;
        }
    return true;
}

struct ga_map_slot *ga_map_next(const struct ga_map *map, size_t *place)
{
    while (*place < map->capacity) {
        struct ga_map_slot *slot = &map->slots[(*place)++];
        if (slot->state == TAKEN)
            return slot;
    }
    return NULL;
}
