/* Lives: which allocation a call makes, uses or ends, by intervals. */
#include "reader/lives.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "reader/decoders.h"
#include "reader/objects.h"

enum {
    PAST_SIZES = 4096, /* of dead exported memory that are remembered: a dma-buf outlives the handle that it was made from */
    CREATE_RESOURCE = 1u << 0, /* D3DKMT_CREATEALLOCATIONFLAGS */
    STANDARD_ALLOCATION = 1u << 16,
    GPU_PAGE = 4096, /* bytes of a page in MapGpuVirtualAddress, whatever the adapter's own pages are */
    OPERATION_MAP = 0, /* D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_TYPE */
    OPERATION_MAP_PROTECT = 3,
};
/* A destroy that has not come this long after its handle was given again was lost. */
static const int64_t wait_limit_ns = 10LL * 1000 * 1000 * 1000;

/* A nested call, until the thread's next one, which may be the one around it. */
struct nested {
    const struct ga_row *row;
    uint64_t begin, end;
};

struct ga_lives {
    struct ga_lives_ops ops;
    void *user;
    struct objects objects;
    uint64_t next_id;
    struct ga_map names;   /* struct object_name to the maker's object */
    struct ga_map holders; /* (file, process): 1 when it is a D3DKMT device, else 0 */
    struct ga_map held;    /* (file, 0): processes that hold a DRM file; (process, 1): its open D3DKMT files */
    struct ga_map nested;  /* (process, thread): struct nested */
    struct ga_map past;    /* (dma-buf inode, 0): bytes */
    uint64_t past_inodes[PAST_SIZES];
    size_t past_count;
    bool finishing;          /* what ends now is kept until all is destroyed */
    int64_t epoch_offset_ns; /* from the trace's clock to the epoch */
};

const char *ga_size_origin_name(enum ga_size_origin origin)
{
    static const char *const names[GA_SIZE_ORIGINS] = {"unknown", "requested", "returned", "computed", "standard",
                                                       "decoded", "imported",  "locked",   "mapped"};
    return names[origin];
}

const char *ga_life_end_name(enum ga_life_end end)
{
    static const char *const names[GA_ENDS] = {"alive", "freed", "with_owner", "closed", "lost"};
    return names[end];
}

const char *ga_object_kind_name(enum ga_object_kind kind)
{
    static const char *const names[GA_OBJECT_KINDS] = {
        [GA_OBJECT_SCOPE] = "process",           [GA_OBJECT_ADAPTER] = "adapter",
        [GA_OBJECT_DEVICE] = "device",           [GA_OBJECT_RESOURCE] = "resource",
        [GA_OBJECT_ALLOCATION] = "allocation",   [GA_OBJECT_CONTEXT] = "context",
        [GA_OBJECT_HW_CONTEXT] = "hardware context", [GA_OBJECT_HW_QUEUE] = "hardware queue",
        [GA_OBJECT_PAGING_QUEUE] = "paging queue", [GA_OBJECT_SYNC_OBJECT] = "sync object",
    };
    return names[kind];
}

int ga_lives_create(struct ga_lives **lives, const struct ga_lives_ops *ops, void *user)
{
    *lives = calloc(1, sizeof **lives);
    if (!*lives)
        return -ENOMEM;
    (*lives)->ops = *ops;
    (*lives)->user = user;
    objects_init(&(*lives)->objects, !ops->opened && !ops->closed);
    return 0;
}

void ga_lives_destroy(struct ga_lives *lives)
{
    if (!lives)
        return;
    size_t place = 0;
    for (struct ga_map_slot *slot; (slot = ga_map_next(&lives->nested, &place));)
        free((void *)(uintptr_t)slot->value);
    objects_release(&lives->objects);
    ga_map_release(&lives->names);
    ga_map_release(&lives->holders);
    ga_map_release(&lives->held);
    ga_map_release(&lives->nested);
    ga_map_release(&lives->past);
    free(lives);
}

/* The newest object of a kind that a handle meant at ns. */
static struct object *find(const struct ga_lives *lives, enum object_kind kind, uint64_t scope, uint32_t handle, int64_t ns)
{
    struct object *object = objects_at(&lives->objects, kind, scope, handle, ns);
    while (object && object->kind != kind)
        object = object_at(&lives->objects, object->older);
    return object;
}

/* The object whose memory an allocation is. */
static struct object *maker_of(const struct object *object)
{
    return object_of(ga_life_maker(&object->life));
}

struct ga_life *ga_lives_find_at(const struct ga_lives *lives, uint64_t scope, uint32_t handle, int64_t begin_ns)
{
    struct object *object = find(lives, OBJECT_ALLOCATION, scope, handle, begin_ns);
    return object ? &object->life : NULL;
}

struct ga_object *ga_lives_object_at(const struct ga_lives *lives, enum ga_object_kind kind, uint64_t process, uint32_t handle,
                                     int64_t begin_ns)
{
    struct object *object = find(lives, (enum object_kind)kind, process, handle, begin_ns);
    return object ? &object->shown : NULL;
}

struct ga_life *ga_lives_find(const struct ga_lives *lives, uint64_t scope, uint32_t handle)
{
    struct object *object = objects_newest(&lives->objects, OBJECT_ALLOCATION, scope, handle);
    return object && object->kind == OBJECT_ALLOCATION && !object->waiting ? &object->life : NULL;
}

/* Memory: what it is called outside its file, and how many handles it has. */

static void memory_forget_name(struct ga_lives *lives, struct object *maker, unsigned which)
{
    struct object_rare *rare = object_rare(&lives->objects, maker);
    struct object_name name = rare ? rare->names[which] : (struct object_name){0};
    uint64_t *place = name.a ? ga_map_get(&lives->names, name.a, name.b) : NULL;
    if (place && *place == (uintptr_t)maker)
        ga_map_erase(&lives->names, name.a, name.b);
    if (rare)
        rare->names[which] = (struct object_name){0};
}

static int memory_set_name(struct ga_lives *lives, struct object *maker, unsigned which, struct object_name name)
{
    struct object_rare *rare = name.a ? object_rare_get(&lives->objects, maker) : NULL;
    if (!rare)
        return name.a ? -ENOMEM : 0;
    if (rare->names[which].a == name.a && rare->names[which].b == name.b)
        return 0;
    memory_forget_name(lives, maker, which);
    rare->names[which] = name;
    return ga_map_set(&lives->names, name.a, name.b, (uintptr_t)maker);
}

static struct object_name dma_buf_name(uint64_t inode)
{
    return (struct object_name){inode, 0};
}

/* FLINK names are counted by each device. */
static struct object_name flink_name(uint64_t device, uint32_t name)
{
    return (struct object_name){name ? device : 0, 1ULL << 32 | name};
}

static struct object *memory_by_name(const struct ga_lives *lives, struct object_name name)
{
    uint64_t *place = name.a ? ga_map_get(&lives->names, name.a, name.b) : NULL;
    return place ? (struct object *)(uintptr_t)*place : NULL;
}

static int past_remember(struct ga_lives *lives, uint64_t inode, uint64_t size)
{
    uint64_t *place = &lives->past_inodes[lives->past_count % PAST_SIZES];
    if (ga_map_get(&lives->past, inode, 0))
        return ga_map_set(&lives->past, inode, 0, size);
    if (*place)
        ga_map_erase(&lives->past, *place, 0);
    *place = inode;
    lives->past_count++;
    return ga_map_set(&lives->past, inode, 0, size);
}

/* Frees a dead object that is nobody's maker any more, and its maker after the last handle. */
static int memory_release(struct ga_lives *lives, struct object *object)
{
    struct object *maker = maker_of(object);
    const struct object_rare *rare = object_rare(&lives->objects, maker);
    int result = 0;
    if (lives->finishing)
        return 0;
    if (maker != object)
        objects_free(&lives->objects, object);
    else if (maker->memory.handles)
        objects_keep(&lives->objects, maker);
    if (maker->memory.handles)
        return 0;
    if (maker != object)
        objects_unkeep(&lives->objects, maker);
    if (rare && rare->names[0].a && maker->life.origin != GA_SIZE_UNKNOWN)
        result = past_remember(lives, rare->names[0].a, maker->life.size);
    memory_forget_name(lives, maker, 0);
    memory_forget_name(lives, maker, 1);
    objects_free(&lives->objects, maker);
    return result;
}

/* Ends. */

static int end_allocation(struct ga_lives *lives, struct object *object, enum ga_life_end how, int64_t ns,
                          const struct ga_call *call)
{
    if (how == GA_END_NOT && object->waiting) {
        how = GA_END_LOST;
        ns = object_rare(&lives->objects, object)->given_ns;
    }
    object->life.died_ns = ns > object->life.born_ns ? ns : object->life.born_ns;
    maker_of(object)->memory.handles--;
    objects_remove(&lives->objects, object);
    int result = lives->ops.died ? lives->ops.died(lives->user, &object->life, how, call) : 0;
    int released = memory_release(lives, object);
    return result ? result : released;
}

/* Ends an object that owns nothing any more, and is no allocation. */
static int end_shown(struct ga_lives *lives, struct object *object, enum ga_life_end how, int64_t ns, const struct ga_call *call)
{
    struct ga_object *shown = &object->shown;
    int result = 0;
    objects_remove(&lives->objects, object);
    if (lives->ops.closed && (shown->row || shown->user)) {
        bool lost = how == GA_END_NOT && object->waiting;
        ns = lost ? object_rare(&lives->objects, object)->given_ns : ns;
        shown->died_ns = ns > shown->born_ns ? ns : shown->born_ns;
        result = lives->ops.closed(lives->user, shown, lost ? GA_END_LOST : how, call);
    }
    objects_free(&lives->objects, object);
    return result;
}

/* Ends an object, and before it all that it owns; goes on after a callback's error, and returns the first. */
static int end_tree(struct ga_lives *lives, struct object *object, enum ga_life_end self, enum ga_life_end owned, int64_t ns,
                    const struct ga_call *call)
{
    if (object->kind == OBJECT_ALLOCATION)
        return end_allocation(lives, object, self, ns, call);
    int result = 0;
    for (struct object *child; (child = object_at(&lives->objects, object->owned));) {
        int one = end_tree(lives, child, owned, owned, ns, call);
        result = result ? result : one;
    }
    int one = end_shown(lives, object, self, ns, call);
    return result ? result : one;
}

static int end_object(struct ga_lives *lives, struct object *object, enum ga_life_end how, int64_t ns,
                      const struct ga_call *call)
{
    return end_tree(lives, object, how, how, ns, call);
}

static int stranger(struct ga_lives *lives, const struct ga_call *call, uint32_t handle)
{
    return lives->ops.stranger ? lives->ops.stranger(lives->user, call, handle) : 0;
}

/* A call that destroys one object of a kind, if it is known. */
static int end_handle(struct ga_lives *lives, const struct ga_call *call, enum object_kind kind, uint64_t scope,
                      uint32_t handle, enum ga_life_end how)
{
    struct object *object = find(lives, kind, scope, handle, call->begin_ns);
    if (!object)
        return how == GA_END_FREED ? stranger(lives, call, handle) : 0;
    const struct object_rare *rare = object_rare(&lives->objects, object);
    if (object_born(object) > call->begin_ns || (rare && rare->renewed_ns > call->begin_ns))
        return 0; /* it ended the handle's older use; an import gave the same handle to the same buffer again */
    return end_tree(lives, object, GA_END_FREED, how, call->begin_ns, call);
}

/* Births. */

static struct object *scope_of(struct ga_lives *lives, uint64_t scope)
{
    struct object *object = objects_newest(&lives->objects, OBJECT_SCOPE, scope, 0);
    return object ? object : objects_add(&lives->objects, OBJECT_SCOPE, false, scope, 0, INT64_MIN, NULL);
}

/* Puts an object in that nothing recorded had made. */
static struct object *imply(struct ga_lives *lives, enum object_kind kind, uint64_t scope, uint32_t handle, struct object *above)
{
    struct object *object = objects_add(&lives->objects, kind, false, scope, handle, INT64_MIN, above);
    if (object) {
        object->shown.owner = above->shown.handle;
        object->shown.owner_kind = (enum ga_object_kind)above->kind;
    }
    return object;
}

/* An object that a call names as an owner; one that nothing recorded had made is put in. Null: out of memory. */
static struct object *owner_of(struct ga_lives *lives, const struct ga_call *call, enum object_kind kind, uint32_t handle,
                               struct object *above)
{
    uint64_t scope = call->header->process;
    struct object *object = find(lives, kind, scope, handle, call->begin_ns);
    if (object)
        return object;
    if (!above)
        above = scope_of(lives, scope);
    return above ? imply(lives, kind, scope, handle, above) : NULL;
}

static bool owns(const struct objects *objects, const struct object *object, const struct object *other)
{
    while (other && other != object)
        other = object_at(objects, other->owner);
    return other;
}

/* Ends the generations of a new object's handle whose destroy must have been lost. One that owns it is in use, not lost. */
static int end_lost(struct ga_lives *lives, const struct object *newest)
{
    const struct objects *objects = &lives->objects;
    int64_t limit = object_born(newest) - wait_limit_ns;
    int result = 0;
    for (struct object *object = object_at(objects, newest->older); object && !result;) {
        int64_t given = object_rare(objects, object)->given_ns;
        if (object_born(object) == INT64_MIN || given >= limit || owns(objects, object, newest)) {
            object = object_at(objects, object->older);
        } else {
            result = end_object(lives, object, GA_END_LOST, given, NULL);
            object = object_at(objects, newest->older); /* what ended may have owned an older generation */
        }
    }
    return result;
}

static struct object *add(struct ga_lives *lives, const struct ga_call *call, enum object_kind kind, uint64_t scope,
                          uint32_t handle, struct object *owner)
{
    bool drm = !ga_row_is_d3dkmt(call->row);
    return owner ? objects_add(&lives->objects, kind, drm, scope, handle, call->end_ns, owner) : NULL;
}

/* How much a size of an origin is worth: what a call or its private data say, an extent that was seen, a lower bound, nothing. */
enum { SIZE_NOT_KNOWN, SIZE_BOUND, SIZE_EXTENT, SIZE_BY_CALL };
static unsigned size_rank(enum ga_size_origin origin)
{
    return origin == GA_SIZE_UNKNOWN  ? SIZE_NOT_KNOWN
           : ga_size_is_bound(origin) ? SIZE_BOUND
           : origin == GA_SIZE_LOCKED ? SIZE_EXTENT
                                      : SIZE_BY_CALL;
}

/* Fills what every life has, joins it to its memory (maker; null: its own), and tells of it. */
static int be_born(struct ga_lives *lives, struct object *object, struct object *maker, const struct ga_call *call)
{
    const struct ga_call_header *header = call->header;
    struct ga_life *life = &object->life;
    life->id = lives->next_id++ & ((1ULL << 48) - 1);
    life->process = header->process;
    life->row = call->row;
    life->create_call = header->call;
    life->create_thread = header->thread;
    life->pid = header->pid;
    life->tid = header->tid;
    life->asked_ns = call->begin_ns;
    struct ga_known learnt;
    int known = lives->ops.known ? lives->ops.known(lives->user, life->id, &learnt) : 0;
    if (known > 0 && life->is_drm)
        object->drm.name = learnt.name;
    if (known > 0 && size_rank(life->origin) < size_rank(learnt.origin)) {
        life->size = learnt.size;
        life->origin = learnt.origin;
    }
    if (!maker) {
        object->memory = (struct ga_memory){.exported = life->imported};
    } else if (life->origin == GA_SIZE_UNKNOWN && maker->life.origin != GA_SIZE_UNKNOWN) {
        life->size = maker->life.size;
        life->origin = GA_SIZE_IMPORTED;
    }
    maker = maker ? maker : object;
    life->memory = &maker->memory;
    maker->memory.handles++;
    int result = known < 0 ? known : lives->ops.born ? lives->ops.born(lives->user, life, call) : 0;
    return result ? result : end_lost(lives, object);
}

/* Tells of a new object that is no allocation; whoever made it has filled what only some kinds have. Null: out of memory. */
static int open_object(struct ga_lives *lives, struct object *object, const struct ga_call *call)
{
    if (!object)
        return -ENOMEM;
    struct ga_object *shown = &object->shown;
    const struct object *owner = object_at(&lives->objects, object->owner);
    shown->owner = owner->shown.handle;
    shown->owner_kind = (enum ga_object_kind)owner->kind;
    if (!lives->ops.opened && !lives->ops.closed)
        return end_lost(lives, object); /* nobody is told: what follows is not there */
    shown->row = call->row;
    shown->create_call = call->header->call;
    shown->create_thread = call->header->thread;
    shown->pid = call->header->pid;
    shown->tid = call->header->tid;
    shown->asked_ns = call->begin_ns;
    int result = lives->ops.opened ? lives->ops.opened(lives->user, shown, call) : 0;
    return result ? result : end_lost(lives, object);
}

static int used(struct ga_lives *lives, struct object *object, const struct ga_call *call)
{
    return lives->ops.used ? lives->ops.used(lives->user, &object->life, call) : 0;
}

/* D3DKMT. */

static const struct ga_elements *elements_of(const struct ga_call *call, enum ga_row_id row)
{
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX; i++)
        if (call->elements[i].row == &ga_rows[row] && call->elements[i].count)
            return &call->elements[i];
    return NULL;
}

static void d3dkmt_size(struct ga_lives *lives, const struct ga_call *call, const struct ga_d3dkmt_allocation *allocation,
                        struct ga_life *life)
{
    const struct ga_d3dkmt_create_allocation *create = call->record;
    const struct ga_elements *standard = elements_of(call, GA_ROW_d3dkmt_standard_allocation);
    if (create->Flags & STANDARD_ALLOCATION) {
        const struct ga_d3dkmt_standard_allocation *record = standard ? standard->records : NULL;
        life->size = record ? record->ExistingHeapData_Size : 0;
        life->origin = life->size ? GA_SIZE_STANDARD : GA_SIZE_UNKNOWN;
        return;
    }
    const void *data;
    uint32_t size;
    if (!lives->ops.blob || allocation->pPrivateDriverData_hash < GA_BLOB_FIRST_HASH ||
        lives->ops.blob(lives->user, allocation->pPrivateDriverData_hash, &data, &size) < 0)
        return;
    if (ga_decode_size(data, size, &life->size))
        life->origin = life->size ? GA_SIZE_DECODED : GA_SIZE_UNKNOWN;
}

/* What is learnt of an allocation's size after its birth: the better origin stays, of bounds the largest. */
static int learn_size(struct ga_lives *lives, uint64_t process, uint32_t handle, int64_t ns, uint64_t size,
                      enum ga_size_origin origin)
{
    struct object *object = handle && size && lives->ops.sized ? find(lives, OBJECT_ALLOCATION, process, handle, ns) : NULL;
    if (!object)
        return 0;
    struct ga_life *life = &object->life;
    unsigned rank = size_rank(origin), before = size_rank(life->origin);
    if (rank < before || (rank == before && (rank != SIZE_BOUND || size <= life->size)))
        return 0;
    uint64_t size_before = life->size;
    enum ga_size_origin origin_before = life->origin;
    life->size = size;
    life->origin = origin;
    return lives->ops.sized(lives->user, life, size_before, origin_before);
}

/* An allocation is at least as large as the end of what was mapped of it. */
static int learn_mapped(struct ga_lives *lives, const struct ga_call *call, uint32_t handle, uint64_t offset, uint64_t size,
                        uint64_t unit)
{
    uint64_t end;
    if (!size || __builtin_add_overflow(offset, size, &end) || __builtin_mul_overflow(end, unit, &end))
        return 0;
    return learn_size(lives, call->header->process, handle, call->begin_ns, end, GA_SIZE_MAPPED);
}

static int map_gpu_virtual_address(struct ga_lives *lives, const struct ga_call *call)
{
    const struct ga_d3dkmt_map_gpu_virtual_address *map = call->record;
    return learn_mapped(lives, call, map->hAllocation, map->OffsetInPages, map->SizeInPages, GPU_PAGE);
}

static int update_gpu_virtual_address(struct ga_lives *lives, const struct ga_call *call)
{
    const struct ga_elements *elements = elements_of(call, GA_ROW_d3dkmt_gpu_virtual_address_operation);
    const struct ga_d3dkmt_gpu_virtual_address_operation *operation = elements ? elements->records : NULL;
    int result = 0;
    for (uint32_t i = 0; elements && i < elements->count && !result; i++, operation++) {
        if (!operation->header.size)
            continue; /* lost: the reader has counted it */
        if (operation->OperationType == OPERATION_MAP)
            result = learn_mapped(lives, call, operation->Map_hAllocation, operation->Map_AllocationOffsetInBytes,
                                  operation->Map_AllocationSizeInBytes, 1);
        else if (operation->OperationType == OPERATION_MAP_PROTECT)
            result = learn_mapped(lives, call, operation->MapProtect_hAllocation, operation->MapProtect_AllocationOffsetInBytes,
                                  operation->MapProtect_AllocationSizeInBytes, 1);
    }
    return result;
}

static int lock_extent(struct ga_lives *lives, const struct ga_gpualloc_lock_extent *extent, int64_t ns)
{
    if (lives->epoch_offset_ns && extent->begin)
        ns = (int64_t)extent->begin + lives->epoch_offset_ns;
    return learn_size(lives, extent->process, extent->hAllocation, ns, extent->size, GA_SIZE_LOCKED);
}

static int create_allocation(struct ga_lives *lives, const struct ga_call *call)
{
    const struct ga_d3dkmt_create_allocation *create = call->record;
    const struct ga_elements *elements = elements_of(call, GA_ROW_d3dkmt_allocation);
    bool new_resource = create->Flags & CREATE_RESOURCE;
    uint64_t process = create->header.process, surface = create->hPrivateRuntimeResourceHandle;
    uint32_t resource = new_resource ? create->hResource_out : create->hResource;
    struct object *owner = owner_of(lives, call, OBJECT_DEVICE, create->hDevice, NULL);
    uint64_t luid = owner ? owner->shown.luid : 0;
    int result = 0;
    if (resource && owner) {
        owner = new_resource ? add(lives, call, OBJECT_RESOURCE, process, resource, owner)
                             : owner_of(lives, call, OBJECT_RESOURCE, resource, owner);
        if (owner && !owner->shown.surface)
            owner->shown.surface = surface;
        if (new_resource)
            result = open_object(lives, owner, call);
        surface = owner && !surface ? owner->shown.surface : surface;
    }
    if (!owner)
        return -ENOMEM;
    const struct ga_d3dkmt_allocation *records = elements ? elements->records : NULL;
    for (uint32_t i = 0; elements && i < elements->count && !result; i++) {
        if (!records[i].hAllocation)
            continue; /* lost: the reader has counted it */
        struct object *object = add(lives, call, OBJECT_ALLOCATION, process, records[i].hAllocation, owner);
        if (!object)
            return -ENOMEM;
        object->life.owner = create->hDevice;
        object->life.device = luid;
        object->life.resource = resource;
        object->life.surface = surface;
        d3dkmt_size(lives, call, &records[i], &object->life);
        result = be_born(lives, object, NULL, call);
    }
    return result;
}

static int destroy_allocation(struct ga_lives *lives, const struct ga_call *call)
{
    const struct ga_d3dkmt_destroy_allocation *destroy = call->record;
    uint64_t process = destroy->header.process;
    if (destroy->hResource)
        return end_handle(lives, call, OBJECT_RESOURCE, process, destroy->hResource, GA_END_FREED);
    int result = 0;
    for (uint32_t i = 0; i < destroy->phAllocationList_length && !result; i++)
        result = end_handle(lives, call, OBJECT_ALLOCATION, process, destroy->phAllocationList_list[i], GA_END_FREED);
    return result;
}

/* The same handle for the same adapter is one more opening of it: it is closed as often. */
static int open_adapter(struct ga_lives *lives, const struct ga_call *call, uint32_t handle, uint32_t low, int32_t high)
{
    uint64_t process = call->header->process, luid = (uint64_t)(uint32_t)high << 32 | low;
    struct object *object = objects_newest(&lives->objects, OBJECT_ADAPTER, process, handle);
    if (!handle)
        return 0;
    if (!object || object->shown.luid != luid) {
        object = add(lives, call, OBJECT_ADAPTER, process, handle, scope_of(lives, process));
        if (!object)
            return -ENOMEM;
        object->shown.luid = luid;
        int result = open_object(lives, object, call);
        if (result)
            return result;
    }
    object->shown.opens++;
    return 0;
}

static int enum_adapters(struct ga_lives *lives, const struct ga_call *call)
{
    const struct ga_elements *elements = elements_of(call, GA_ROW_d3dkmt_adapter_info);
    const struct ga_d3dkmt_adapter_info *records = elements ? elements->records : NULL;
    int result = 0;
    for (uint32_t i = 0; elements && i < elements->count && !result; i++)
        result =
            open_adapter(lives, call, records[i].hAdapter, records[i].AdapterLuid_LowPart, records[i].AdapterLuid_HighPart);
    return result;
}

/* The kernel counts a process's openings of an adapter: its devices end with the last of them, whichever handle made them. */
static int close_adapter(struct ga_lives *lives, const struct ga_call *call)
{
    const struct ga_d3dkmt_close_adapter *record = call->record;
    struct object *object = find(lives, OBJECT_ADAPTER, record->header.process, record->hAdapter, call->begin_ns);
    if (!object || --object->shown.opens)
        return 0;
    const struct objects *objects = &lives->objects;
    struct object *other = object_at(objects, object_at(objects, object->owner)->owned);
    while (other && (other->kind != OBJECT_ADAPTER || other == object || other->shown.luid != object->shown.luid))
        other = object_at(objects, other->next);
    if (other)
        object_give(objects, object, other);
    return end_tree(lives, object, GA_END_FREED, GA_END_OWNER, call->begin_ns, call);
}

static int create_device(struct ga_lives *lives, const struct ga_call *call)
{
    const struct ga_d3dkmt_create_device *record = call->record;
    uint64_t process = record->header.process;
    struct object *owner = find(lives, OBJECT_ADAPTER, process, record->hAdapter, call->begin_ns);
    struct object *object =
        add(lives, call, OBJECT_DEVICE, process, record->hDevice, owner ? owner : scope_of(lives, process));
    if (!object)
        return -ENOMEM;
    object->shown.luid = owner ? owner->shown.luid : 0;
    return open_object(lives, object, call);
}

/* An opened resource's allocations are handles to memory that was made elsewhere. What leads from one to the other, a descriptor
   that travelled, is not in the trace. */
static int open_resource(struct ga_lives *lives, const struct ga_call *call, uint32_t device_handle, uint32_t handle)
{
    uint64_t process = call->header->process;
    struct object *device = owner_of(lives, call, OBJECT_DEVICE, device_handle, NULL);
    struct object *resource = handle ? add(lives, call, OBJECT_RESOURCE, process, handle, device) : device;
    int result = !resource ? -ENOMEM : handle ? open_object(lives, resource, call) : 0;
    const struct ga_elements *elements = elements_of(call, GA_ROW_d3dkmt_open_allocation);
    const struct ga_d3dkmt_open_allocation *records = elements ? elements->records : NULL;
    for (uint32_t i = 0; elements && i < elements->count && !result; i++) {
        if (!records[i].hAllocation)
            continue;
        struct object *object = add(lives, call, OBJECT_ALLOCATION, process, records[i].hAllocation, resource);
        if (!object)
            return -ENOMEM;
        object->life.owner = device_handle;
        object->life.device = device->shown.luid;
        object->life.resource = handle;
        object->life.imported = true;
        result = be_born(lives, object, NULL, call);
    }
    return result;
}

/* A shared resource can be opened by whoever is given the NT handle. */
static int share_objects(struct ga_lives *lives, const struct ga_call *call)
{
    const struct ga_d3dkmt_share_objects *share = call->record;
    int result = 0;
    for (uint32_t i = 0; i < share->ObjectHandleArray_length && share->ObjectHandleArray_list && !result; i++) {
        struct object *resource =
            find(lives, OBJECT_RESOURCE, call->header->process, share->ObjectHandleArray_list[i], call->begin_ns);
        struct object *object = resource ? object_at(&lives->objects, resource->owned) : NULL;
        for (; object && !result; object = object_at(&lives->objects, object->next)) {
            if (object->kind != OBJECT_ALLOCATION)
                continue;
            maker_of(object)->memory.exported = true;
            result = used(lives, object, call);
        }
    }
    return result;
}

/* Calls that make one object below another, or end one: where its handle stands in the call's record. */
struct opening {
    enum object_kind kind, owner_kind;
    uint16_t handle, owner;
    uint16_t fence; /* of a sync object that comes and goes with it */
};
#define AT(row, member) offsetof(struct ga_d3dkmt_##row, member)
static const struct opening openings[GA_ROW_COUNT] = {
    [GA_ROW_d3dkmt_create_context_virtual] = {OBJECT_CONTEXT, OBJECT_DEVICE, AT(create_context_virtual, hContext),
                                              AT(create_context_virtual, hDevice), 0},
    [GA_ROW_d3dkmt_create_hw_context] = {OBJECT_HW_CONTEXT, OBJECT_DEVICE, AT(create_hw_context, hHwContext),
                                         AT(create_hw_context, hDevice), 0},
    [GA_ROW_d3dkmt_create_hw_queue] = {OBJECT_HW_QUEUE, OBJECT_HW_CONTEXT, AT(create_hw_queue, hHwQueue),
                                       AT(create_hw_queue, hHwContext), AT(create_hw_queue, hHwQueueProgressFence)},
    [GA_ROW_d3dkmt_create_paging_queue] = {OBJECT_PAGING_QUEUE, OBJECT_DEVICE, AT(create_paging_queue, hPagingQueue),
                                           AT(create_paging_queue, hDevice), AT(create_paging_queue, hSyncObject)},
    [GA_ROW_d3dkmt_create_synchronization_object2] = {OBJECT_SYNC_OBJECT, OBJECT_DEVICE,
                                                      AT(create_synchronization_object2, hSyncObject),
                                                      AT(create_synchronization_object2, hDevice), 0},
    [GA_ROW_d3dkmt_open_sync_object_from_nt_handle2] = {OBJECT_SYNC_OBJECT, OBJECT_DEVICE,
                                                        AT(open_sync_object_from_nt_handle2, hSyncObject),
                                                        AT(open_sync_object_from_nt_handle2, hDevice), 0},
};
static const struct opening closings[GA_ROW_COUNT] = {
    [GA_ROW_d3dkmt_destroy_device] = {.kind = OBJECT_DEVICE, .handle = AT(destroy_device, hDevice)},
    [GA_ROW_d3dkmt_destroy_context] = {.kind = OBJECT_CONTEXT, .handle = AT(destroy_context, hContext)},
    [GA_ROW_d3dkmt_destroy_hw_context] = {.kind = OBJECT_HW_CONTEXT, .handle = AT(destroy_hw_context, hHwContext)},
    [GA_ROW_d3dkmt_destroy_hw_queue] = {.kind = OBJECT_HW_QUEUE, .handle = AT(destroy_hw_queue, hHwQueue)},
    [GA_ROW_d3dkmt_destroy_paging_queue] = {.kind = OBJECT_PAGING_QUEUE, .handle = AT(destroy_paging_queue, hPagingQueue)},
    [GA_ROW_d3dkmt_destroy_synchronization_object] = {.kind = OBJECT_SYNC_OBJECT,
                                                      .handle = AT(destroy_synchronization_object, hSyncObject)},
};

static uint32_t handle_at(const struct ga_call *call, uint16_t offset)
{
    return offset ? (uint32_t)ga_load((const char *)call->record + offset, sizeof(uint32_t), false) : 0;
}

static int open_below(struct ga_lives *lives, const struct ga_call *call, const struct opening *opening)
{
    uint64_t process = call->header->process;
    uint32_t handle = handle_at(call, opening->handle), fence = handle_at(call, opening->fence);
    struct object *owner = owner_of(lives, call, opening->owner_kind, handle_at(call, opening->owner), NULL);
    if (!owner || !handle)
        return owner ? 0 : -ENOMEM;
    struct object *object = add(lives, call, opening->kind, process, handle, owner);
    int result = open_object(lives, object, call);
    if (!result && fence)
        result = open_object(lives, add(lives, call, OBJECT_SYNC_OBJECT, process, fence, object), call);
    return result;
}

static int opening_call(struct ga_lives *lives, const struct ga_call *call)
{
    const struct opening *opening = &openings[ga_row_id(call->row)], *closing = &closings[ga_row_id(call->row)];
    if (opening->kind)
        return open_below(lives, call, opening);
    if (closing->kind)
        return end_handle(lives, call, closing->kind, call->header->process, handle_at(call, closing->handle), GA_END_OWNER);
    return 0;
}

static int d3dkmt_call(struct ga_lives *lives, const struct ga_call *call)
{
    switch (ga_row_id(call->row)) {
    case GA_ROW_d3dkmt_create_allocation:
        return create_allocation(lives, call);
    case GA_ROW_d3dkmt_destroy_allocation:
        return destroy_allocation(lives, call);
    case GA_ROW_d3dkmt_create_device:
        return create_device(lives, call);
    case GA_ROW_d3dkmt_open_adapter_from_luid: {
        const struct ga_d3dkmt_open_adapter_from_luid *record = call->record;
        return open_adapter(lives, call, record->hAdapter, record->AdapterLuid_LowPart, record->AdapterLuid_HighPart);
    }
    case GA_ROW_d3dkmt_enum_adapters2:
    case GA_ROW_d3dkmt_enum_adapters3:
        return enum_adapters(lives, call);
    case GA_ROW_d3dkmt_close_adapter:
        return close_adapter(lives, call);
    case GA_ROW_d3dkmt_open_resource: {
        const struct ga_d3dkmt_open_resource *record = call->record;
        return open_resource(lives, call, record->hDevice, record->hResource);
    }
    case GA_ROW_d3dkmt_open_resource_from_nt_handle: {
        const struct ga_d3dkmt_open_resource_from_nt_handle *record = call->record;
        return open_resource(lives, call, record->hDevice, record->hResource);
    }
    case GA_ROW_d3dkmt_share_objects:
        return share_objects(lives, call);
    case GA_ROW_d3dkmt_map_gpu_virtual_address:
        return map_gpu_virtual_address(lives, call);
    case GA_ROW_d3dkmt_update_gpu_virtual_address:
        return update_gpu_virtual_address(lives, call);
    default:
        return opening_call(lives, call);
    }
}

/* DRM: all from the row's effect. */

static uint64_t value_of(const struct ga_call *call, const char *name)
{
    const struct ga_member *member = ga_row_member(call->row, name);
    if (!member)
        return 0;
    return member->out != GA_NONE ? ga_member_out(member, call->record) : ga_member_in(member, call->record);
}

static void drm_size(const struct ga_call *call, struct ga_life *life)
{
    const struct ga_effect *effect = &call->row->effect;
    const struct ga_member *member = ga_row_member(call->row, effect->size);
    if (!member)
        return;
    uint64_t size = value_of(call, effect->size), times = effect->times ? value_of(call, effect->times) : 1;
    if (member->is_signed && (int64_t)size < 0)
        size = 0 - size;
    if (__builtin_mul_overflow(size, times, &life->size) || !life->size) {
        life->size = 0;
        return;
    }
    life->origin = effect->times ? GA_SIZE_COMPUTED : member->out != GA_NONE ? GA_SIZE_RETURNED : GA_SIZE_REQUESTED;
}

/* The size of a buffer whose handles have all gone, while its dma-buf lives on. */
static void size_from_past(const struct ga_lives *lives, struct object *object)
{
    uint64_t *past = ga_map_get(&lives->past, object->drm.dma_buf, 0);
    if (past && *past && object->drm.dma_buf && object->life.origin == GA_SIZE_UNKNOWN) {
        object->life.size = *past;
        object->life.origin = GA_SIZE_IMPORTED;
    }
}

/* The name space of a call's handle: the file; kfd's handles have a GPU's id above a number of that GPU's. */
static uint64_t drm_scope(const struct ga_call *call)
{
    return call->header->file ^ value_of(call, call->row->effect.handle) >> 32 << 32;
}

/* A new handle; maker is the object whose memory it is, or null when it is new, or made outside the recording: then the names that
   it came by lead the next import to it. */
static int drm_born(struct ga_lives *lives, const struct ga_call *call, uint32_t handle, struct object *maker,
                    const struct object_name names[2])
{
    struct object *object = add(lives, call, OBJECT_ALLOCATION, drm_scope(call), handle, scope_of(lives, call->header->file));
    if (!object)
        return -ENOMEM;
    object->life.device = call->header->device;
    object->drm.file = call->file;
    const struct object_rare *rare = maker ? object_rare(&lives->objects, maker) : NULL;
    object->drm.dma_buf = !maker ? names[0].a : rare ? rare->names[0].a : 0;
    object->life.imported = call->row->effect.kind == GA_EFFECT_IMPORT;
    drm_size(call, &object->life);
    if (!maker)
        size_from_past(lives, object);
    int result = 0;
    for (unsigned i = 0; i < 2 && !maker && !result; i++)
        result = memory_set_name(lives, object, i, names[i]);
    return result ? result : be_born(lives, object, maker, call);
}

/* PRIME gives a file the handle that it has for a buffer; GEM_OPEN gives a new one each time. */
static int drm_import(struct ga_lives *lives, const struct ga_call *call, uint32_t handle)
{
    uint64_t file = drm_scope(call), dma_buf = value_of(call, "dma_buf");
    struct object_name names[2] = {dma_buf_name(dma_buf)};
    if (ga_row_id(call->row) == GA_ROW_drm_gem_open) {
        names[1] = flink_name(call->header->device, (uint32_t)value_of(call, "name"));
        return drm_born(lives, call, handle, memory_by_name(lives, names[1]), names);
    }
    struct object *object = objects_newest(&lives->objects, OBJECT_ALLOCATION, file, handle);
    bool ours = object && object->kind == OBJECT_ALLOCATION && object->life.is_drm;
    if (ours && !object->waiting && (!dma_buf || object->drm.dma_buf == dma_buf)) {
        struct object_rare *rare = object_rare_get(&lives->objects, object);
        if (!rare)
            return -ENOMEM;
        rare->renewed_ns = call->end_ns > rare->renewed_ns ? call->end_ns : rare->renewed_ns;
        return used(lives, object, call);
    }
    return drm_born(lives, call, handle, memory_by_name(lives, names[0]), names);
}

static int drm_export(struct ga_lives *lives, const struct ga_call *call, struct object *object)
{
    uint64_t dma_buf = value_of(call, "dma_buf");
    uint32_t name = (uint32_t)value_of(call, "name");
    if (dma_buf && object->life.is_drm)
        object->drm.dma_buf = dma_buf;
    struct object *maker = maker_of(object);
    if (!name)
        maker->memory.exported = true;
    int result = memory_set_name(lives, maker, 0, dma_buf_name(dma_buf));
    if (!result)
        result = memory_set_name(lives, maker, 1, flink_name(call->header->device, name));
    return result ? result : used(lives, object, call);
}

/* Bytes of a dma-buf that was made without a handle: of one part, or of several. */
static uint64_t parts_size(const struct ga_call *call)
{
    uint64_t size = value_of(call, call->row->effect.size);
    for (int i = 0; i < GA_CALL_ELEMENTS_MAX && call->elements[i].row; i++)
        for (uint32_t n = 0; call->elements[i].row == &ga_rows[GA_ROW_drm_udmabuf_part] && n < call->elements[i].count; n++)
            if (__builtin_add_overflow(size, ((const struct ga_drm_udmabuf_part *)call->elements[i].records)[n].size, &size))
                return 0;
    return size;
}

static int drm_call(struct ga_lives *lives, const struct ga_call *call)
{
    const struct ga_effect *effect = &call->row->effect;
    uint32_t handle = (uint32_t)value_of(call, effect->handle);
    uint64_t file = drm_scope(call), dma_buf = value_of(call, "dma_buf");
    if (!handle && dma_buf && effect->kind == GA_EFFECT_EXPORT)
        return past_remember(lives, dma_buf, parts_size(call)); /* a dma-buf that no handle is of */
    if (!handle || handle == UINT32_MAX) /* vmwgfx's surface without memory */
        return 0;
    if (effect->kind == GA_EFFECT_CREATE)
        return drm_born(lives, call, handle, NULL, (const struct object_name[2]){0});
    if (effect->kind == GA_EFFECT_IMPORT)
        return drm_import(lives, call, handle);
    if (effect->kind == GA_EFFECT_DESTROY)
        return end_handle(lives, call, OBJECT_ALLOCATION, file, handle, GA_END_FREED);
    struct object *object = find(lives, OBJECT_ALLOCATION, file, handle, call->begin_ns);
    if (!object)
        return 0;
    return effect->kind == GA_EFFECT_EXPORT ? drm_export(lives, call, object) : used(lives, object, call);
}

/* Files: a process's D3DKMT handles end with the last close of its device, a DRM file's with the last process that closes it.
   A process that has the file and makes no call on it, as a forked child that runs something else, does not count. */

static int count_up(struct ga_map *map, uint64_t a, uint64_t b)
{
    uint64_t *count = ga_map_get(map, a, b);
    return ga_map_set(map, a, b, count ? *count + 1 : 1);
}

static int hold(struct ga_lives *lives, uint64_t file, uint64_t process, bool d3dkmt)
{
    if (ga_map_get(&lives->holders, file, process))
        return 0;
    if (ga_map_set(&lives->holders, file, process, d3dkmt) < 0)
        return -ENOMEM;
    return d3dkmt ? count_up(&lives->held, process, 1) : count_up(&lives->held, file, 0);
}

static int file_seen(struct ga_lives *lives, const struct ga_gpualloc_file *file)
{
    static const char *const d3dkmt_drivers[] = {"dxg", "softgpu"};
    for (size_t i = 0; file->driver && i < sizeof d3dkmt_drivers / sizeof *d3dkmt_drivers; i++)
        if (strcmp(file->driver, d3dkmt_drivers[i]) == 0)
            return hold(lives, file->file, file->process, true);
    return ga_map_get(&lives->held, file->file, 0) ? 0 : hold(lives, file->file, file->process, false);
}

static int file_closed(struct ga_lives *lives, const struct ga_gpualloc_file_closed *closed, int64_t ns)
{
    uint64_t *holder = ga_map_get(&lives->holders, closed->file, closed->process);
    if (!holder)
        return 0;
    uint64_t scope = *holder ? closed->process : closed->file, kind = *holder;
    ga_map_erase(&lives->holders, closed->file, closed->process);
    uint64_t *count = ga_map_get(&lives->held, scope, kind);
    if (count && --*count)
        return 0;
    ga_map_erase(&lives->held, scope, kind);
    struct object *object = objects_newest(&lives->objects, OBJECT_SCOPE, scope, 0);
    if (lives->epoch_offset_ns && closed->begin)
        ns = (int64_t)closed->begin + lives->epoch_offset_ns;
    return object ? end_object(lives, object, GA_END_CLOSED, ns, NULL) : 0;
}

bool ga_lives_file_is_open(const struct ga_lives *lives, uint64_t file)
{
    return ga_map_get(&lives->held, file, 0);
}

/* Which buffer a name is for, when it is one of DRM. */
static int name_told(struct ga_lives *lives, const struct ga_gpualloc_annotate_name *event, int64_t ns)
{
    enum { GEM = 2, DMA_BUF = 3 };
    struct object *object = NULL;
    if (event->kind == GEM && event->file)
        object = find(lives, OBJECT_ALLOCATION, event->file, (uint32_t)event->handle, ns);
    else if (event->kind == DMA_BUF)
        object = memory_by_name(lives, dma_buf_name(event->dma_buf));
    return object && lives->ops.named ? lives->ops.named(lives->user, &object->life, event->name ? event->name : "") : 0;
}

int ga_lives_event(struct ga_lives *lives, const struct ga_row *row, const void *record, int64_t ns)
{
    if (ga_row_id(row) == GA_ROW_gpualloc_file)
        return file_seen(lives, record);
    if (ga_row_id(row) == GA_ROW_gpualloc_file_closed)
        return file_closed(lives, record, ns);
    if (ga_row_id(row) == GA_ROW_gpualloc_lock_extent)
        return lock_extent(lives, record, ns);
    if (ga_row_id(row) == GA_ROW_gpualloc_annotate_name)
        return name_told(lives, record, ns);
    return 0;
}

/* Whether a call is the outer half of the nested one before it in its thread; keeps a nested one for the next. */
static int around_nested(struct ga_lives *lives, const struct ga_call *call)
{
    const struct ga_call_header *header = call->header;
    uint64_t *place = lives->nested.count ? ga_map_get(&lives->nested, header->process, header->thread) : NULL;
    struct nested *inner = place ? (struct nested *)(uintptr_t)*place : NULL;
    bool around = inner && inner->row == call->row && inner->begin >= header->begin && inner->end <= header->end;
    if (!(header->marks & GA_MARK_NESTED) || call->failed) {
        ga_map_erase(&lives->nested, header->process, header->thread);
        free(inner);
        return around;
    }
    if (!inner) {
        inner = malloc(sizeof *inner);
        if (!inner || ga_map_set(&lives->nested, header->process, header->thread, (uintptr_t)inner) < 0) {
            free(inner);
            return -ENOMEM;
        }
    }
    *inner = (struct nested){call->row, header->begin, header->end};
    return around;
}

int ga_lives_call(struct ga_lives *lives, const struct ga_call *call)
{
    bool d3dkmt = ga_row_is_d3dkmt(call->row);
    lives->epoch_offset_ns = call->begin_ns - (int64_t)call->header->begin;
    if (!d3dkmt && hold(lives, call->header->file, call->header->process, false) < 0)
        return -ENOMEM;
    int around = around_nested(lives, call);
    if (around)
        return around < 0 ? around : 0;
    if (call->failed || call->header->marks & GA_MARK_UNREADABLE)
        return 0;
    return d3dkmt ? d3dkmt_call(lives, call) : drm_call(lives, call);
}

int ga_lives_finish(struct ga_lives *lives, int64_t ns)
{
    int result = 0;
    lives->finishing = true;
    for (struct object *top; (top = object_at(&lives->objects, lives->objects.top));) {
        int one = end_object(lives, top, GA_END_NOT, ns, NULL);
        result = result ? result : one;
    }
    return result;
}
