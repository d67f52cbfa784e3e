/* Objects by handle, with their older generations, in a tree of owners. */
#include "reader/objects.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/array.h"

/* Address sanitizer does not know of slots; it is told. */
#if defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

/* A number has its pool in the lowest bits, then the slot in its block, then the block. */
enum { POOL_BITS = 2, SLOT_BITS = 8, SLOTS = 1 << SLOT_BITS, SLOTS_MAX = 1 << (32 - POOL_BITS) };
/* Where much is alive, each look-up misses the caches, and the processor's table of pages as well unless these are large. */
enum { LARGE_PAGE = 2 << 20, SLAB = 16 * LARGE_PAGE };

void objects_init(struct objects *objects, bool brief)
{
    size_t shown = brief ? offsetof(struct ga_object, GA_OBJECT_BRIEF) : sizeof(struct ga_object);
    *objects = (struct objects){0};
    objects->pools[POOL_OTHERS].size = (uint32_t)((offsetof(struct object, shown) + shown + 7) & ~(size_t)7);
    objects->pools[POOL_D3DKMT].size = offsetof(struct object, drm);
    objects->pools[POOL_DRM].size = offsetof(struct object, drm) + sizeof(struct ga_life_drm);
    objects->pools[POOL_RARE].size = sizeof(struct object_rare);
    for (size_t i = 0; i < POOLS; i++)
        objects->pools[i].unused = 1; /* number 0 is none */
}

static void *slot(const struct objects *objects, object_number number)
{
    const struct object_pool *pool = &objects->pools[number & (POOLS - 1)];
    uint32_t place = number >> POOL_BITS;
    return number ? pool->blocks[place >> SLOT_BITS] + (size_t)(place & (SLOTS - 1)) * pool->size : NULL;
}

struct object *object_at(const struct objects *objects, object_number number)
{
    return slot(objects, number);
}

/* Memory of large pages where the system has them, to be freed as any; what is not touched takes none. */
static void *large_new(size_t size)
{
    void *memory = aligned_alloc(LARGE_PAGE, (size + LARGE_PAGE - 1) & ~(size_t)(LARGE_PAGE - 1));
    if (memory)
        madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

/* The first blocks stand alone; once they are so many that it does not matter what is left of a large page, slabs have the further
   ones. */
static bool block_add(struct object_pool *pool)
{
    size_t size = (size_t)SLOTS * pool->size;
    if (ga_array_room(&pool->blocks, &pool->room, pool->block_count + 1, sizeof *pool->blocks) < 0)
        return false;
    bool alone = pool->block_count * size < SLAB / 2;
    if (!alone && pool->slab_left < size) {
        if (ga_array_room(&pool->slabs, &pool->slab_room, pool->slab_count + 1, sizeof *pool->slabs) < 0 ||
            !(pool->slabs[pool->slab_count] = large_new(SLAB)))
            return false;
        pool->slab_count++;
        pool->slab_left = SLAB;
    }
    char *block = alone ? malloc(size) : pool->slabs[pool->slab_count - 1] + (SLAB - pool->slab_left);
    if (!block)
        return false;
    pool->alone += alone;
    pool->slab_left -= alone ? 0 : size;
    pool->blocks[pool->block_count++] = block;
    return true;
}

uint32_t ga_life_number(const struct ga_life *life)
{
    return object_of(life)->self >> POOL_BITS;
}

/* A slot of zeros; 0: out of memory. */
static object_number slot_take(struct objects *objects, unsigned which)
{
    struct object_pool *pool = &objects->pools[which];
    object_number number = pool->free;
    if (number) {
        ASAN_UNPOISON_MEMORY_REGION(slot(objects, number), pool->size);
        memcpy(&pool->free, slot(objects, number), sizeof pool->free);
    } else {
        if (pool->unused == SLOTS_MAX)
            return 0;
        if (pool->unused >> SLOT_BITS == pool->block_count && !block_add(pool))
            return 0;
        number = pool->unused++ << POOL_BITS | which;
    }
    memset(slot(objects, number), 0, pool->size);
    return number;
}

static void slot_give(struct objects *objects, object_number number)
{
    struct object_pool *pool = &objects->pools[number & (POOLS - 1)];
    if (!number)
        return;
    memcpy(slot(objects, number), &pool->free, sizeof pool->free);
    pool->free = number;
    ASAN_POISON_MEMORY_REGION(slot(objects, number), pool->size);
}

struct object_rare *object_rare(const struct objects *objects, const struct object *object)
{
    return slot(objects, object->rare);
}

struct object_rare *object_rare_get(struct objects *objects, struct object *object)
{
    if (!object->rare) {
        object->rare = slot_take(objects, POOL_RARE);
        struct object_rare *rare = object_rare(objects, object);
        if (rare)
            rare->renewed_ns = INT64_MIN;
    }
    return object_rare(objects, object);
}

/* The table: open addressing. A slot has its object's hash, so that neither another object is looked at on the way to one, nor any
   when slots move. */

/* Adapters and scopes stand beside the one number space of all other handles. */
static uint64_t key(enum object_kind kind, uint32_t handle)
{
    uint64_t space = kind == OBJECT_SCOPE ? 2 : kind == OBJECT_ADAPTER;
    return space << 32 | handle;
}

static uint64_t scope_of(const struct object *object)
{
    if (object->kind != OBJECT_ALLOCATION)
        return object->shown.process;
    return ga_life_scope(&object->life);
}

static uint64_t key_of(const struct object *object)
{
    return key(object->kind, object->kind == OBJECT_ALLOCATION ? object->life.handle : object->shown.handle);
}

/* The finaliser of MurmurHash3 over both. */
static uint32_t hash(uint64_t scope, uint64_t number)
{
    uint64_t h = scope ^ (number * 0x9e3779b97f4a7c15u);
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
    return (uint32_t)(h ^ (h >> 33));
}

/* Where the search for a hash begins: in the order of hashes, so that a larger table is filled from its beginning to its end. */
static size_t home(uint32_t hash, size_t capacity)
{
    return (size_t)((uint64_t)hash * capacity >> 32);
}

static size_t after(size_t place, size_t capacity)
{
    return place + 1 == capacity ? 0 : place + 1;
}

/* Where a handle's newest object is, or the free slot for it. The table must not be empty. */
static struct object_slot *place_of(const struct objects *objects, uint64_t scope, uint64_t number)
{
    uint32_t wanted = hash(scope, number);
    size_t place = home(wanted, objects->capacity);
    for (;; place = after(place, objects->capacity)) {
        struct object_slot *slot = &objects->table[place];
        const struct object *object = slot->hash == wanted ? object_at(objects, slot->newest) : NULL;
        if (!slot->newest || (object && scope_of(object) == scope && key_of(object) == number))
            return slot;
    }
}

/* Frees a slot: what was put behind it for want of place moves up. */
static void place_free(struct objects *objects, struct object_slot *slot)
{
    size_t capacity = objects->capacity, hole = (size_t)(slot - objects->table);
    for (size_t place = after(hole, capacity); objects->table[place].newest; place = after(place, capacity)) {
        size_t begin = home(objects->table[place].hash, capacity);
        bool stays = hole < place ? begin > hole && begin <= place : begin > hole || begin <= place;
        if (stays)
            continue;
        objects->table[hole] = objects->table[place];
        hole = place;
    }
    objects->table[hole] = (struct object_slot){0};
    objects->count--;
}

/* The old table's memory is given back while it is read: there is never that of both. */
static bool table_grow(struct objects *objects)
{
    size_t capacity = objects->capacity ? objects->capacity / 2 * 3 : 64, size = capacity * sizeof *objects->table;
    bool large = objects->capacity * sizeof *objects->table >= LARGE_PAGE;
    struct object_slot *old = objects->table, *table = size < LARGE_PAGE ? malloc(size) : large_new(size);
    if (!table)
        return false;
    memset(table, 0, size);
    for (size_t i = 0; i < objects->capacity; i++) {
        size_t place = home(old[i].hash, capacity), done = (i + 1) * sizeof *old;
        while (old[i].newest && table[place].newest)
            place = after(place, capacity);
        if (old[i].newest)
            table[place] = old[i];
        if (large && done % LARGE_PAGE == 0)
            madvise((char *)old + done - LARGE_PAGE, LARGE_PAGE, MADV_DONTNEED);
    }
    free(old);
    objects->table = table;
    objects->capacity = capacity;
    return true;
}

struct object *objects_newest(const struct objects *objects, enum object_kind kind, uint64_t scope, uint32_t handle)
{
    return objects->capacity ? object_at(objects, place_of(objects, scope, key(kind, handle))->newest) : NULL;
}

struct object *objects_at(const struct objects *objects, enum object_kind kind, uint64_t scope, uint32_t handle, int64_t ns)
{
    struct object *object = objects_newest(objects, kind, scope, handle);
    while (object && object_born(object) > ns)
        object = object_at(objects, object->older);
    return object;
}

/* The tree. */

static void attach(const struct objects *objects, struct object *object, object_number *list)
{
    struct object *next = object_at(objects, *list);
    object->previous = 0;
    object->next = *list;
    if (next)
        next->previous = object->self;
    *list = object->self;
}

static void detach(const struct objects *objects, struct object *object, object_number *list)
{
    struct object *previous = object_at(objects, object->previous), *next = object_at(objects, object->next);
    if (previous)
        previous->next = object->next;
    else
        *list = object->next;
    if (next)
        next->previous = object->previous;
}

static object_number *list_of(struct objects *objects, struct object *owner)
{
    return owner ? &owner->owned : &objects->top;
}

static struct object *object_new(struct objects *objects, enum object_kind kind, bool drm, uint64_t scope, uint32_t handle,
                                 int64_t born_ns)
{
    bool allocation = kind == OBJECT_ALLOCATION;
    object_number number = slot_take(objects, !allocation ? POOL_OTHERS : drm ? POOL_DRM : POOL_D3DKMT);
    struct object *object = object_at(objects, number);
    if (!object)
        return NULL;
    object->self = number;
    object->kind = (uint8_t)kind;
    if (!allocation) {
        object->shown.kind = (enum ga_object_kind)kind;
        object->shown.process = scope;
        object->shown.handle = handle;
        object->shown.born_ns = born_ns;
        return object;
    }
    object->life.process = scope;
    object->life.handle = handle;
    object->life.born_ns = born_ns;
    if (drm) {
        object->life.is_drm = true;
        object->drm.scope = scope;
    }
    return object;
}

struct object *objects_add(struct objects *objects, enum object_kind kind, bool drm, uint64_t scope, uint32_t handle, int64_t born_ns,
                           struct object *owner)
{
    if (objects->count >= objects->capacity / 10 * 7 && !table_grow(objects))
        return NULL;
    struct object *object = object_new(objects, kind, drm, scope, handle, born_ns), *newer = NULL;
    if (!object)
        return NULL;
    struct object_slot *place = place_of(objects, scope, key(kind, handle));
    struct object *older = object_at(objects, place->newest);
    while (older && object_born(older) > born_ns) {
        newer = older;
        older = object_at(objects, newer->older);
    }
    struct object_rare *given = newer ? object_rare_get(objects, object) : NULL;
    struct object_rare *older_given = older ? object_rare_get(objects, older) : NULL;
    if ((newer && !given) || (older && !older_given)) {
        objects_free(objects, object);
        return NULL;
    }
    object->older = older ? older->self : 0;
    if (newer) {
        newer->older = object->self;
        object->waiting = true;
        given->given_ns = object_born(newer);
    } else {
        objects->count += !older;
        *place = (struct object_slot){object->self, hash(scope, key(kind, handle))};
    }
    if (older) {
        older->waiting = true;
        older_given->given_ns = born_ns;
    }
    object->owner = owner ? owner->self : 0;
    attach(objects, object, list_of(objects, owner));
    return object;
}

void objects_remove(struct objects *objects, struct object *object)
{
    struct object_slot *place = place_of(objects, scope_of(object), key_of(object));
    struct object *newest = object_at(objects, place->newest), *older = object_at(objects, object->older);
    if (newest != object) {
        while (newest->older != object->self)
            newest = object_at(objects, newest->older);
        newest->older = object->older;
    } else if (older) {
        place->newest = older->self;
    } else {
        place_free(objects, place);
    }
    detach(objects, object, list_of(objects, object_at(objects, object->owner)));
}

void objects_free(struct objects *objects, struct object *object)
{
    slot_give(objects, object->rare);
    slot_give(objects, object->self);
}

void objects_keep(struct objects *objects, struct object *object)
{
    attach(objects, object, &objects->kept);
}

void objects_unkeep(struct objects *objects, struct object *object)
{
    detach(objects, object, &objects->kept);
}

void object_give(const struct objects *objects, struct object *from, struct object *to)
{
    for (struct object *object; (object = object_at(objects, from->owned));) {
        from->owned = object->next;
        object->owner = to->self;
        attach(objects, object, &to->owned);
    }
}

void objects_release(struct objects *objects)
{
    for (size_t i = 0; i < POOLS; i++) {
        struct object_pool *pool = &objects->pools[i];
        for (size_t block = 0; block < pool->block_count; block++) {
            ASAN_UNPOISON_MEMORY_REGION(pool->blocks[block], (size_t)SLOTS * pool->size);
            if (block < pool->alone)
                free(pool->blocks[block]);
        }
        for (size_t slab = 0; slab < pool->slab_count; slab++)
            free(pool->slabs[slab]);
        free(pool->slabs);
        free(pool->blocks);
    }
    free(objects->table);
    *objects = (struct objects){0};
}
