/* Objects by handle, with their older generations, in a tree of owners. */
#include "reader/objects.h"

#include <stdlib.h>

/* Adapters and scopes stand beside the one number space of all other handles. */
static uint64_t key(enum object_kind kind, uint32_t handle)
{
    uint64_t space = kind == OBJECT_SCOPE ? 2 : kind == OBJECT_ADAPTER;
    return space << 32 | handle;
}

struct object *objects_newest(const struct objects *objects, enum object_kind kind, uint64_t scope, uint32_t handle)
{
    uint64_t *place = ga_map_get(&objects->by_handle, scope, key(kind, handle));
    return place ? (struct object *)(uintptr_t)*place : NULL;
}

struct object *objects_at(const struct objects *objects, enum object_kind kind, uint64_t scope, uint32_t handle, int64_t ns)
{
    struct object *object = objects_newest(objects, kind, scope, handle);
    while (object && object->born_ns > ns)
        object = object->older;
    return object;
}

static void attach(struct object *object, struct object **list)
{
    object->previous = NULL;
    object->next = *list;
    if (object->next)
        object->next->previous = object;
    *list = object;
}

static struct object **list_of(struct objects *objects, struct object *owner)
{
    return owner ? &owner->owned : &objects->top;
}

struct object *objects_add(struct objects *objects, enum object_kind kind, uint64_t scope, uint32_t handle, int64_t born_ns,
                           struct object *owner)
{
    struct object *object = calloc(1, sizeof *object), *newer = NULL;
    if (!object)
        return NULL;
    *object = (struct object){
        .kind = kind, .scope = scope, .handle = handle, .born_ns = born_ns, .renewed_ns = born_ns, .owner = owner};
    object->older = objects_newest(objects, kind, scope, handle);
    while (object->older && object->older->born_ns > born_ns) {
        newer = object->older;
        object->older = newer->older;
    }
    if (newer) {
        newer->older = object;
        object->waiting = true;
        object->given_ns = newer->born_ns;
    } else if (ga_map_set(&objects->by_handle, scope, key(kind, handle), (uintptr_t)object) < 0) {
        free(object);
        return NULL;
    }
    if (object->older) {
        object->older->waiting = true;
        object->older->given_ns = born_ns;
    }
    attach(object, list_of(objects, owner));
    return object;
}

static void detach(struct object *object, struct object **list)
{
    if (object->previous)
        object->previous->next = object->next;
    else
        *list = object->next;
    if (object->next)
        object->next->previous = object->previous;
}

void objects_remove(struct objects *objects, struct object *object)
{
    uint64_t *place = ga_map_get(&objects->by_handle, object->scope, key(object->kind, object->handle));
    struct object *newest = (struct object *)(uintptr_t)*place;
    if (newest != object) {
        while (newest->older != object)
            newest = newest->older;
        newest->older = object->older;
    } else if (object->older) {
        *place = (uintptr_t)object->older;
    } else {
        ga_map_erase(&objects->by_handle, object->scope, key(object->kind, object->handle));
    }
    detach(object, list_of(objects, object->owner));
}

void objects_keep(struct objects *objects, struct object *object)
{
    attach(object, &objects->kept);
}

void objects_unkeep(struct objects *objects, struct object *object)
{
    detach(object, &objects->kept);
}

void object_give(struct object *from, struct object *to)
{
    while (from->owned) {
        struct object *object = from->owned;
        from->owned = object->next;
        object->owner = to;
        attach(object, &to->owned);
    }
}

/* Depth is bounded by the kinds: scope, adapter, device, hardware context, hardware queue, its fence. */
static void free_list(struct object *object)
{
    while (object) {
        struct object *next = object->next;
        free_list(object->owned);
        free(object);
        object = next;
    }
}

void objects_release(struct objects *objects)
{
    free_list(objects->top);
    free_list(objects->kept);
    ga_map_release(&objects->by_handle);
    *objects = (struct objects){0};
}
