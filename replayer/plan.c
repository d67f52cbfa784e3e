/*
 * Plans, first half: one recorded call becomes an image with references and relocations. The trace is untrusted: every count,
 * index and size is checked here. Second half: plan_order.c.
 */
#include "replayer/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xxhash.h>

#include "abi/mapping.h"
#include "abi/query_text.h"
#include "base/array.h"
#include "base/map.h"
#include "base/units.h"
#include "replayer/curve.h"
#include "replayer/placement.h"
#include "replayer/plan_builder.h"
#include "replayer/plan_image.h"
#include "replayer/plan_walk.h"

enum {
    PAGE = 4096,
    OUT_ARRAY_MAX = 16384, /* entries of room for what a driver writes, whatever room the program gave: interfaces allow 10240 */
    CALLS_MAX = INT32_MAX,
};

static const struct {
    const char *name, *text;
} skip_words[REPLAY_SKIPS] = {
    [REPLAY_ISSUED] = {"issued", "issued"},
    [REPLAY_SKIP_RETRY] = {"retry", "an attempt that was interrupted and repeated"},
    [REPLAY_SKIP_NESTED] = {"nested", "the inner half of another recorded call"},
    [REPLAY_SKIP_UNREADABLE] = {"unreadable", "its arguments could not be read when it was recorded"},
    [REPLAY_SKIP_NO_DATA] = {"no_data", "its private data is not in the trace"},
    [REPLAY_SKIP_TOO_LARGE] = {"too_large", "it carries more than 64 MiB of data"},
    [REPLAY_SKIP_STRANGER] = {"stranger", "it names an object that was not made in the recording"},
    [REPLAY_SKIP_OUTSIDE] = {"outside", "it imports memory that something unrecorded exported"},
    [REPLAY_SKIP_MEMORY] = {"memory", "it brings memory of a size that the trace does not say"},
    [REPLAY_SKIP_OTHER_DRIVER] = {"other_driver", "a request of another driver"},
    [REPLAY_SKIP_OTHER_INTERFACE] = {"other_interface", "a request of another interface"},
    [REPLAY_SKIP_NO_SIZE] = {"no_size", "it cannot be translated: its size is not known"},
    [REPLAY_SKIP_NO_COUNTERPART] = {"no_counterpart", "it cannot be translated: the device has no such request"},
    [REPLAY_SKIP_EFFECT] = {"effect", "what it does, only the driver knows"},
    [REPLAY_SKIP_COMMANDS] = {"commands", "the commands that it submits are not in the trace"},
    [REPLAY_SKIP_NO_SIGNAL] = {"no_signal", "it would wait for ever: what it waits for is not signalled by an issued call"},
    [REPLAY_SKIP_NO_MAKER] = {"no_maker", "the call that makes its object is not issued"},
    [REPLAY_SKIP_ABSENT] = {"absent", "its object could not be made in this run"},
    [REPLAY_SKIP_STUCK] = {"stuck", "what it waited for did not come within ten seconds"},
    [REPLAY_SKIP_STOPPED] = {"stopped", "the run was stopped"},
    [REPLAY_SKIP_UNPAIRED] = {"unpaired", "it unmaps what no recorded call of its process mapped"},
    [REPLAY_SKIP_QUESTION] = {"question", "it asks, and makes nothing"},
    [REPLAY_SKIP_NOT_YET] = {"not_yet", "a kind of call that replay does not issue"},
    [REPLAY_SKIP_ASKED] = {"asked", "a call that --skip leaves out"},
    [REPLAY_SKIP_ASKED_MAKER] = {"asked_maker", "it names what a call made that --skip leaves out"},
};

static const struct {
    const char *name, *text;
} wait_words[REPLAY_WAIT_REASONS] = {
    [REPLAY_WAIT_MAKER] = {"maker", "it names what the other makes"},
    [REPLAY_WAIT_USERS] = {"users", "it ends what the other names"},
    [REPLAY_WAIT_MEMORY] = {"memory", "it makes memory, and the other freed some before"},
    [REPLAY_WAIT_FENCE] = {"fence", "it names what the other moves, or waits for its fence"},
    [REPLAY_WAIT_SHARE] = {"share", "it opens what the other shared"},
    [REPLAY_WAIT_ADDRESSES] = {"addresses", "it takes GPU addresses that the other freed or bound"},
};

const char *replay_wait_text(enum replay_wait reason) { return wait_words[reason].text; }
const char *replay_wait_name(enum replay_wait reason) { return wait_words[reason].name; }
const char *replay_skip_text(enum replay_skip skip) { return skip_words[skip].text; }
const char *replay_skip_name(enum replay_skip skip) { return skip_words[skip].name; }
uint32_t replay_fence_place(const struct ga_row *row)
{
    const struct ga_member *value = row && ga_row_is_d3dkmt(row) ? ga_row_member(row, "PagingFenceValue") : NULL;
    return value ? value->offset : 0;
}

const char *replay_call_name(const struct replay_call *call)
{
    const struct ga_row *row = replay_row(call);
    return row ? row->event : "close";
}

/* A pass over one call: where its image stands, and what came out. */
struct pass {
    struct replay_plan *plan;
    struct replay_plan_builder *b;
    const struct ga_call *call;
    struct replay_call *out;
    uint32_t scratch_size; /* of its image with its blobs */
    replay_blob_source *blobs;
    void *user;
};

static void skip(struct pass *p, enum replay_skip why)
{
    if (!p->out->skip)
        p->out->skip = (uint8_t)why;
}

/* Zeroed bytes at the end of the call's image; their place in it. */
static int image_extend(struct pass *p, size_t size, uint32_t *place)
{
    struct replay_plan *plan = p->plan;
    size = (size + 7) & ~(size_t)7;
    if (plan->images_size + size > REPLAY_PLAN_BYTES_MAX)
        return -E2BIG;
    if (ga_array_room(&plan->images, &p->b->image_room, plan->images_size + size, 1) < 0)
        return -ENOMEM;
    memset(plan->images + plan->images_size, 0, size);
    *place = p->out->image_size;
    plan->images_size += size;
    p->out->image_size += (uint32_t)size;
    p->scratch_size += (uint32_t)size;
    return 0;
}

static unsigned char *image_at(struct pass *p, uint32_t place) { return p->plan->images + p->out->image + place; }

static void image_store(struct pass *p, uint32_t place, uint64_t value, unsigned width)
{
    memcpy(image_at(p, place), &value, width); /* little endian, as every Linux that has these drivers */
}

static int add_ref(struct pass *p, const struct replay_reference *reference, uint32_t place, unsigned width, uint64_t recorded)
{
    struct replay_plan *plan = p->plan;
    if (plan->ref_count == CALLS_MAX || ga_array_room(&plan->refs, &p->b->ref_room, plan->ref_count + 1u, sizeof *plan->refs) < 0)
        return -ENOMEM;
    plan->refs[plan->ref_count++] = (struct replay_ref){
        .recorded = recorded, .place = place, .object = REPLAY_NONE, .kind = reference->kind, .role = reference->role,
        .width = (uint8_t)width};
    p->out->ref_count++;
    return 0;
}

static int add_relocation(struct pass *p, uint32_t place, enum replay_target_kind kind, uint32_t target)
{
    struct replay_plan *plan = p->plan;
    if (plan->relocation_count == CALLS_MAX ||
        ga_array_room(&plan->relocations, &p->b->relocation_room, plan->relocation_count + 1u, sizeof *plan->relocations) < 0)
        return -ENOMEM;
    plan->relocations[plan->relocation_count++] =
        (struct replay_relocation){.place = place, .target = target, .kind = (uint8_t)kind};
    p->out->relocation_count++;
    return 0;
}

/* Memory that the tracer could not read made the call fail, most likely: the replay fails at an unreadable address as well. */
static int unreadable(struct pass *p, uint32_t place)
{
    if (!p->call->failed)
        skip(p, REPLAY_SKIP_NO_DATA);
    return add_relocation(p, place, REPLAY_TO_NOWHERE, 0);
}

static uint64_t member_value(const struct ga_row *row, const char *name, const void *record)
{
    const struct ga_member *member = ga_row_member(row, name);
    return member ? ga_member_in(member, record) : 0;
}

static uint64_t load_address(const struct ga_member *member, const void *record)
{
    return ga_load((const char *)record + member->address, 8, false);
}

/* The recorded name of what a member refers to. */
static uint64_t recorded_name(const struct ga_row *row, const struct ga_member *member, const void *record,
                              const struct replay_reference *reference, bool before)
{
    if (reference->identity)
        return ga_member_out(ga_row_member(row, reference->identity), record);
    uint64_t value = before ? ga_member_in(member, record) : ga_member_out(member, record);
    if (reference->kind == REPLAY_LUID) {
        const struct ga_member *high = ga_row_member(row, "AdapterLuid_HighPart");
        value = (uint32_t)value | (before ? ga_member_in(high, record) : ga_member_out(high, record)) << 32;
    }
    return value;
}

static unsigned reference_width(const struct replay_reference *reference, const struct ga_member *member)
{
    return reference->kind == REPLAY_LUID ? 8 : member->width;
}

/* How long a wait may take: what it waits for may never come here. */
static int add_limit(struct pass *p, uint32_t place, int64_t value, bool absolute)
{
    int64_t limit = REPLAY_WAIT_MAX_NS, left = value;
    if (absolute && value > 0)
        left -= (int64_t)p->call->header->begin;
    if (value < 0 || left > limit)
        left = limit;
    if (!absolute || value == 0 || left <= 0) { /* one that is over when the call begins asks, and does not wait */
        image_store(p, place, absolute ? 0 : (uint64_t)left, 8);
        return 0;
    }
    return add_relocation(p, place, REPLAY_TO_DEADLINE, (uint32_t)(left / 1000));
}

/* A limit on how long the call may wait. */
static const struct wait_limit {
    uint16_t row;
    bool absolute; /* a time on CLOCK_MONOTONIC; else ns from now. Negative: no limit */
    const char *member;
} wait_limits[] = {
    {GA_ROW_drm_amdgpu_gem_wait_idle, true, "timeout"},
    {GA_ROW_drm_i915_gem_wait, false, "timeout_ns"},
};

static const struct wait_limit *find_limit(const struct ga_row *row, const struct ga_member *member)
{
    for (size_t i = 0; i < sizeof wait_limits / sizeof *wait_limits; i++)
        if (wait_limits[i].row == ga_row_id(row) && strcmp(wait_limits[i].member, member->name) == 0)
            return &wait_limits[i];
    return NULL;
}

static int supply_memory(struct pass *p, uint32_t place, uint64_t address, uint64_t size)
{
    struct replay_plan *plan = p->plan;
    if (ga_array_room(&plan->memories, &p->b->memory_room, plan->memory_count + 1u, sizeof *plan->memories) < 0)
        return -ENOMEM;
    if (!size || size > UINT64_MAX / 4)
        size = PAGE;
    plan->memories[plan->memory_count] = (struct replay_memory){.size = size, .skew = address % PAGE};
    return add_relocation(p, place, REPLAY_TO_MEMORY, plan->memory_count++);
}

/* An address of the program's own memory: the replayer brings memory of the same size, at the same offset in a page. */
static int add_supply(struct pass *p, const struct ga_row *row, const void *record, const struct replay_supply *supply,
                      uint32_t place, uint64_t address)
{
    uint64_t size = supply->size ? member_value(row, supply->size, record) : supply->fixed;
    if (!supply->size && !size)
        return unreadable(p, place);
    return address ? supply_memory(p, place, address, size) : 0;
}

/* A memfd, of which the trace has the number alone: what of it calls make dma-bufs of must be in it. Where the call failed the file is
   none that the kernel takes. */
static int add_memfd(struct pass *p, const struct ga_row *row, const void *record, uint32_t place, uint64_t number)
{
    struct replay_plan *plan = p->plan;
    uint64_t size, *known = ga_map_get(&p->b->memfds, p->call->header->process, number);
    bool fits = !__builtin_add_overflow(member_value(row, "offset", record), member_value(row, "size", record), &size);
    if (p->call->failed || !fits || size > INT64_MAX)
        return add_relocation(p, place, REPLAY_TO_MEMFD, REPLAY_NONE);
    if (!known) {
        if (ga_array_room(&plan->memories, &p->b->memory_room, plan->memory_count + 1u, sizeof *plan->memories) < 0 ||
            ga_map_set(&p->b->memfds, p->call->header->process, number, plan->memory_count) < 0)
            return -ENOMEM;
        plan->memories[plan->memory_count++] = (struct replay_memory){.memfd = true};
        known = ga_map_get(&p->b->memfds, p->call->header->process, number);
    }
    struct replay_memory *memory = &plan->memories[*known];
    memory->size = size > memory->size ? size : memory->size;
    return add_relocation(p, place, REPLAY_TO_MEMFD, (uint32_t)*known);
}

static int add_integer(struct pass *p, const struct ga_row *row, const struct ga_member *member, const void *record,
                       uint32_t place)
{
    struct replay_reference reference;
    int result = 0;
    if (member->in != GA_NONE) {
        uint64_t value = ga_member_in(member, record);
        const struct wait_limit *limit = ga_row_is_drm(row) ? find_limit(row, member) : NULL;
        const struct replay_supply *supply = ga_row_is_drm(row) ? replay_supply_of(row, member, record) : NULL;
        if (replay_is_memfd(row, member))
            return add_memfd(p, row, record, place, value);
        if (limit)
            return add_limit(p, place, (int64_t)value, limit->absolute);
        if (supply)
            return add_supply(p, row, record, supply, place, value);
        if (replay_reference_of(row, member, true, record, &reference)) {
            if (reference.role == REPLAY_SAME_PLACE)
                return 0;
            uint64_t name = recorded_name(row, member, record, &reference, true);
            if (name || reference.identity)
                result = add_ref(p, &reference, place, reference_width(&reference, member), name);
        } else if (strcmp(member->name, "hProcess") == 0 && value) {
            skip(p, REPLAY_SKIP_STRANGER); /* another process's handle */
        } else if (value && replay_is_event(member)) {
            result = add_relocation(p, place, REPLAY_TO_EVENT, p->call->failed && ((int32_t)value < 0 || p->out->error == EBADF));
        } else { /* a handle of something unknown never comes from the trace: -1 is none */
            image_store(p, place, strcmp(member->name, "hSection") == 0 && value ? UINT64_MAX : value, member->width);
        }
    }
    if (result < 0 || member->out == GA_NONE || !replay_reference_of(row, member, false, record, &reference))
        return result;
    uint64_t name = recorded_name(row, member, record, &reference, false);
    bool may_come = name || p->call->failed || reference.identity; /* a handle of 0 came back: there was nothing to give */
    return may_come ? add_ref(p, &reference, place, reference_width(&reference, member), name) : 0;
}

/* pSystemMem: the replayer brings memory of the same size and alignment. Only a standard allocation says a size. */
static int add_memory(struct pass *p, uint32_t place, uint64_t address)
{
    uint64_t size = 0;
    for (int i = 0; i < GA_CALL_ELEMENTS_MAX; i++)
        if (p->call->elements[i].count && p->call->elements[i].row == &ga_rows[GA_ROW_d3dkmt_standard_allocation])
            size = ((const struct ga_d3dkmt_standard_allocation *)p->call->elements[i].records)->ExistingHeapData_Size;
    if (!size && !p->call->failed)
        skip(p, REPLAY_SKIP_MEMORY);
    return supply_memory(p, place, address, size);
}

/* How a question with text was asked when it was recorded at the function, whose text is wider than the ioctl's; else null. */
static const struct query_text *asked_wide(const struct pass *p)
{
    const struct ga_d3dkmt_query_adapter_info *query = p->call->record;
    if (ga_row_id(p->call->row) != GA_ROW_d3dkmt_query_adapter_info || query->header.layer != GA_LAYER_API)
        return NULL;
    const struct query_text *text = query_text_of(query->Type);
    return text && query->PrivateDriverDataSize == query_text_wide_size(text) ? text : NULL;
}

/* The same question as the ioctl takes it, over the wide one: what is around the text. No question has text. */
static uint32_t narrow(const struct query_text *text, char *data)
{
    uint32_t size = query_text_size(text);
    memmove(data + size - text->tail, data + query_text_wide_size(text) - text->tail, text->tail);
    memset(data + text->head, 0, size - text->head - text->tail);
    return size;
}

/* The blob's number in the plan, copied there when it is new; -ENOENT when the trace does not have it. */
static int64_t find_blob(struct pass *p, uint64_t hash)
{
    struct replay_plan *plan = p->plan;
    const struct query_text *text = asked_wide(p);
    uint64_t *known = ga_map_get(&p->b->blobs, hash, text != NULL);
    if (known)
        return (int64_t)*known;
    const void *data;
    uint32_t size;
    if (!p->blobs || p->blobs(p->user, hash, &data, &size) < 0)
        return -ENOENT;
    if (plan->data_size + size > REPLAY_PLAN_BYTES_MAX)
        return -E2BIG;
    if (ga_array_room(&plan->data, &p->b->data_room, plan->data_size + size, 1) < 0 ||
        ga_array_room(&plan->blobs, &p->b->blob_room, plan->blob_count + 1u, sizeof *plan->blobs) < 0 ||
        ga_map_set(&p->b->blobs, hash, text != NULL, plan->blob_count) < 0)
        return -ENOMEM;
    char *copy = (char *)plan->data + plan->data_size;
    memcpy(copy, data, size);
    if (text && size == query_text_wide_size(text))
        size = narrow(text, copy);
    plan->blobs[plan->blob_count] = (struct replay_blob){plan->data_size, XXH3_64bits(copy, size), size};
    plan->data_size += size;
    return plan->blob_count++;
}

/* Memory that the driver alone writes: as much as the program had, aligned as the program's was. */
static int add_room(struct pass *p, uint64_t address, uint64_t size, uint32_t place)
{
    if (!address)
        return 0;
    if (size > REPLAY_CALL_DATA_MAX || p->scratch_size + size + 16 > REPLAY_CALL_DATA_MAX) {
        skip(p, REPLAY_SKIP_TOO_LARGE);
        return 0;
    }
    p->scratch_size += (uint32_t)((size + 15) & ~7ull);
    int result = add_relocation(p, place, REPLAY_TO_ROOM, (uint32_t)size);
    if (result == 0)
        p->plan->relocations[p->plan->relocation_count - 1].skew = address & 7;
    return result;
}

static int add_blob(struct pass *p, const struct ga_row *row, const struct ga_member *member, const void *record, uint32_t place)
{
    if (!(member->direction & GA_IN))
        return add_room(p, load_address(member, record), member_value(row, member->count, record), place);
    uint64_t hash = ga_member_in(member, record), size = member_value(row, member->count, record);
    const struct query_text *text = asked_wide(p);
    if (text)
        size = query_text_size(text);
    if (hash == GA_BLOB_NULL)
        return 0;
    if (hash == GA_BLOB_EMPTY)
        return add_relocation(p, place, REPLAY_TO_IMAGE, 0);
    if (hash < GA_BLOB_FIRST_HASH)
        return unreadable(p, place);
    int64_t blob = find_blob(p, hash);
    if (blob < 0 && blob != -ENOENT)
        return (int)blob;
    if (blob == -ENOENT || p->plan->blobs[blob].size < size) {
        skip(p, REPLAY_SKIP_NO_DATA);
        return 0;
    }
    uint64_t scratch = p->scratch_size + (((uint64_t)p->plan->blobs[blob].size + 7) & ~7ull);
    if (scratch > REPLAY_CALL_DATA_MAX) {
        skip(p, REPLAY_SKIP_TOO_LARGE);
        return 0;
    }
    p->scratch_size = (uint32_t)scratch;
    return add_relocation(p, place, REPLAY_TO_BLOB, (uint32_t)blob);
}

/* Values that a call waits for: those of paging queues' fences are others in each run. */
static bool is_waited_value(const struct ga_row *row, const struct ga_member *member)
{
    static const uint16_t waits[] = {GA_ROW_d3dkmt_wait_for_synchronization_object_from_cpu,
                                     GA_ROW_d3dkmt_wait_for_synchronization_object_from_gpu,
                                     GA_ROW_d3dkmt_submit_wait_for_sync_objects_to_hw_queue};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        if (ga_row_id(row) == waits[i])
            return strstr(member->name, "FenceValueArray") != NULL;
    return false;
}

/* The entries of an array: values and handles that the call reads, or handles that it gave. */
static int add_list(struct pass *p, const struct ga_row *row, const struct ga_member *member, const void *record, uint32_t place)
{
    uint32_t length = (uint32_t)ga_load((const char *)record + member->length, 4, false);
    const char *list = (const char *)(uintptr_t)ga_load((const char *)record + member->in, 8, false);
    struct replay_reference reference;
    bool before = (member->direction & GA_IN) != 0, handles = replay_reference_of(row, member, before, NULL, &reference);
    bool waited = is_waited_value(row, member);
    int result = 0;
    if (!before && handles && member->one && !length) /* it failed: a place for what it makes if it succeeds now */
        return add_ref(p, &reference, place, member->entry, 0);
    for (uint32_t i = 0; result == 0 && i < length; i++) {
        uint64_t value = ga_load(list + (size_t)i * member->entry, member->entry, false);
        uint32_t at = place + i * member->entry;
        if (!handles && before)
            image_store(p, at, value, member->entry);
        else if (handles && (value || replay_is_descriptor(reference.kind)))
            result = add_ref(p, &reference, at, member->entry, value);
        if (result == 0 && waited)
            result = add_relocation(p, at, REPLAY_TO_NOTHING, 0);
    }
    return result;
}

/* In the structure itself (inline), or at a pointer; what the driver alone writes needs only room. */
static int add_array(struct pass *p, const struct ga_row *row, const struct ga_member *member, const void *record, uint32_t place)
{
    uint32_t length = (uint32_t)ga_load((const char *)record + member->length, 4, false), array;
    bool read = (member->direction & GA_IN) != 0;
    if (length > GA_ARRAY_MAX || (member->room && length > member->room))
        return -EINVAL;
    if (member->room)
        return read ? add_list(p, row, member, record, place) : 0;
    if (!load_address(member, record))
        return 0;
    uint64_t count = member->one ? 1 : member_value(row, member->count, record);
    if (read && !length && count) /* where the interface shares the place with a value, the object's kind decides later */
        return ga_row_member(row, "FenceValue") ? add_relocation(p, place, REPLAY_TO_NOWHERE, 0) : unreadable(p, place);
    if (read && length < count && !p->call->failed)
        skip(p, REPLAY_SKIP_NO_DATA); /* more than the tracer keeps */
    if (!read && length < count)
        length = count < OUT_ARRAY_MAX ? (uint32_t)count : OUT_ARRAY_MAX;
    uint32_t captured = (uint32_t)ga_load((const char *)record + member->length, 4, false);
    int result = image_extend(p, (size_t)(length + member->least_one) * member->entry, &array);
    if (result == 0 && (captured || !read))
        result = add_list(p, row, member, record, array);
    return result < 0 ? result : add_relocation(p, place, REPLAY_TO_IMAGE, array);
}

static int add_members(struct pass *p, const struct ga_row *row, const void *record, uint32_t size, uint32_t base);

/* Bytes of one element: with an extension's own structure, which it begins. */
static uint32_t element_room(const struct ga_row *of)
{
    uint32_t room = of->abi_size;
    for (const struct ga_member *m = of->members(); m->name; m++)
        if (m->kind == GA_ELEMENTS && m->layout == GA_LAYOUT_HERE && ga_rows[m->element].abi_size > room)
            room = ga_rows[m->element].abi_size;
    return room;
}

static int add_element(struct pass *p, const struct ga_elements *elements, uint32_t i, const struct ga_row *of, uint32_t place)
{
    const void *element = (const char *)elements->records + (size_t)i * of->record_size;
    return add_members(p, of, element, ((const struct ga_element_header *)element)->size, place);
}

/* Elements that are not one behind the other: place is where the address of the first, or of their addresses, goes. */
static int add_scattered(struct pass *p, const struct ga_elements *elements, const struct ga_member *member, uint32_t place)
{
    const struct ga_row *of = &ga_rows[member->element];
    uint32_t addresses = 0, at;
    int result = 0;
    if (member->layout == GA_LAYOUT_POINTERS) {
        result = image_extend(p, (size_t)elements->count * 8, &addresses);
        if (result == 0)
            result = add_relocation(p, place, REPLAY_TO_IMAGE, addresses);
    }
    for (uint32_t i = 0; result == 0 && i < elements->count; i++) {
        result = image_extend(p, element_room(of), &at);
        if (result == 0)
            result = add_relocation(p, member->layout == GA_LAYOUT_POINTERS ? addresses + i * 8 : place, REPLAY_TO_IMAGE, at);
        if (result == 0)
            result = add_element(p, elements, i, of, at);
        place = at; /* a chain: each begins with the address of the next */
    }
    return result;
}

/* An array at the structure's end: nothing of the image comes between. */
static int add_behind(struct pass *p, const struct ga_elements *elements, uint64_t count, const struct ga_row *of)
{
    uint32_t array;
    if (elements->count < count && !p->call->failed)
        skip(p, REPLAY_SKIP_NO_DATA);
    int result = image_extend(p, (size_t)elements->count * of->abi_size, &array);
    for (uint32_t i = 0; result == 0 && i < elements->count; i++)
        result = add_element(p, elements, i, of, array + i * of->abi_size);
    return result;
}

static int add_elements(struct pass *p, const struct ga_row *row, const struct ga_member *member, const void *record,
                        uint32_t place)
{
    const struct ga_elements elements = ga_call_elements(p->call, member, record);
    const struct ga_row *of = &ga_rows[member->element];
    uint32_t captured = elements.count;
    if (captured > GA_ELEMENTS_MAX)
        return -EINVAL;
    if (member->layout == GA_LAYOUT_HERE && member->one) /* the rest of the structure that begins at place */
        return captured ? add_element(p, &elements, 0, of, place) : 0;
    if (member->layout == GA_LAYOUT_HERE)
        return add_behind(p, &elements, member_value(row, member->count, record), of);
    if (!load_address(member, record))
        return 0;
    uint64_t unit = member->count_unit ? member->count_unit : of->abi_size;
    uint64_t count = member->one ? 1 : member->count ? member_value(row, member->count, record) : captured, room = captured;
    count = count * unit / of->abi_size;
    uint64_t stride = member->stride ? member_value(row, member->stride, record) : of->abi_size;
    if (!(member->direction & GA_IN) && room < count)
        room = count < OUT_ARRAY_MAX ? count : OUT_ARRAY_MAX;
    if ((!room && count) || (captured < count && member->direction & GA_IN && !p->call->failed))
        return unreadable(p, place);
    if (member->layout != GA_LAYOUT_ARRAY)
        return captured ? add_scattered(p, &elements, member, place) : unreadable(p, place);
    if (stride > REPLAY_CALL_DATA_MAX / GA_ELEMENTS_MAX)
        return unreadable(p, place);
    uint32_t array;
    int result = image_extend(p, room * stride + (stride < of->abi_size ? of->abi_size : 0), &array);
    for (uint32_t i = 0; result == 0 && i < captured; i++)
        result = add_element(p, &elements, i, of, array + i * (uint32_t)stride);
    return result < 0 ? result : add_relocation(p, place, REPLAY_TO_IMAGE, array);
}

/* An address of nobody knows what. The next one of a chain is add_scattered's. */
static int add_unknown_address(struct pass *p, const struct ga_member *member, const void *record, uint32_t place)
{
    if (!(member->direction & GA_IN) || !ga_member_in(member, record) || strcmp(member->name, "next_extension") == 0)
        return 0;
    if (!p->call->failed)
        skip(p, REPLAY_SKIP_MEMORY);
    return add_relocation(p, place, REPLAY_TO_NOWHERE, 0);
}

static int add_members(struct pass *p, const struct ga_row *row, const void *record, uint32_t size, uint32_t base)
{
    const struct ga_call *call = p->call;
    int result = 0;
    for (const struct ga_member *member = row->members(); result == 0 && member->name; member++) {
        bool here = member->kind == GA_ELEMENTS && member->layout == GA_LAYOUT_HERE;
        if ((!here && (member->offset == GA_NONE || member->offset + member->width > row->abi_size)) ||
            !ga_member_present(row, member, record, size, call->row, call->record))
            continue;
        uint32_t place = base + (here ? member->at : member->offset);
        const struct replay_supply *supply;
        switch (member->kind) {
        case GA_INT:
        case GA_FLAGS:
            result = add_integer(p, row, member, record, place);
            break;
        case GA_PTR: /* addresses never come from the trace */
            supply = replay_supply_of(row, member, record);
            if (supply)
                result = add_supply(p, row, record, supply, place, ga_member_in(member, record));
            else if (strcmp(member->name, "pSystemMem") == 0 && ga_member_in(member, record))
                result = add_memory(p, place, ga_member_in(member, record));
            else if (ga_row_is_drm(row))
                result = add_unknown_address(p, member, record, place);
            break;
        case GA_BLOB:
            result = add_blob(p, row, member, record, place);
            break;
        case GA_ARRAY:
            result = add_array(p, row, member, record, place);
            break;
        case GA_ELEMENTS:
            result = add_elements(p, row, member, record, place);
            break;
        }
    }
    return result;
}

static int find_lane(struct replay_plan *plan, const struct ga_call_header *header, uint32_t *lane)
{
    struct replay_plan_builder *b = plan->builder;
    uint64_t *known = ga_map_get(&b->lanes, header->process, header->thread);
    if (known) {
        *lane = (uint32_t)*known;
        return 0;
    }
    if (plan->lane_count == REPLAY_LANES_MAX)
        return -EMFILE;
    if (ga_array_room(&plan->lanes, &b->lane_room, plan->lane_count + 1u, sizeof *plan->lanes) < 0 ||
        ga_map_set(&b->lanes, header->process, header->thread, plan->lane_count) < 0)
        return -ENOMEM;
    plan->lanes[plan->lane_count] =
        (struct replay_lane){.process = header->process, .thread = header->thread, .tid = header->tid};
    *lane = plan->lane_count++;
    return 0;
}

/* The node of what makes dma-bufs and is no GPU, also as a fake's memfd is named. A trace may name no other file. */
static void find_node(char *node, size_t size, const char *path)
{
    static const char heaps[] = "/dev/dma_heap/";
    path += strncmp(path, "/memfd:", 7) == 0 ? 7 : 0;
    size_t length = strcspn(path, " "), folder = sizeof heaps - 1;
    bool heap = strncmp(path, heaps, folder) == 0 && length > folder && path[folder] != '.' && !strchr(path + folder, '/');
    if (length < size && (heap || (strncmp(path, "/dev/udmabuf", length) == 0 && length == strlen("/dev/udmabuf")))) {
        memcpy(node, path, length);
        node[length] = 0;
    }
}

static void describe_file(struct replay_file *file, const char *driver, const char *path)
{
    if (driver && *driver && !*file->driver)
        strncpy(file->driver, driver, sizeof file->driver - 1);
    if (path && strstr(path, "renderD"))
        file->render = true;
    if (path)
        find_node(file->node, sizeof file->node, path);
}

static int find_file(struct replay_plan *plan, uint64_t id, uint32_t *file)
{
    struct replay_plan_builder *b = plan->builder;
    uint64_t *known = ga_map_get(&b->files, id, 0);
    if (known) {
        *file = (uint32_t)*known;
        return 0;
    }
    uint32_t object = replay_plan_new_object(plan, REPLAY_FILE);
    if (object == REPLAY_NONE || ga_array_room(&plan->files, &b->file_room, plan->file_count + 1u, sizeof *plan->files) < 0 ||
        ga_map_set(&b->files, id, 0, plan->file_count) < 0)
        return -ENOMEM;
    plan->objects[object].recorded = id;
    plan->files[plan->file_count] = (struct replay_file){.object = object};
    *file = plan->file_count++;
    return 0;
}

/* A process has the file open: forked children share it, and the file's handles live until the last of them closes it. */
static int hold_file(struct replay_plan_builder *b, uint64_t process, uint64_t file)
{
    if (ga_map_get(&b->holders, process, file))
        return 0;
    uint64_t *count = ga_map_get(&b->holder_counts, file, 0);
    if (ga_map_set(&b->holders, process, file, 1) < 0 || ga_map_set(&b->holder_counts, file, 0, count ? *count + 1 : 1) < 0)
        return -ENOMEM;
    return 0;
}

uint32_t replay_plan_new_object(struct replay_plan *plan, enum replay_object_kind kind)
{
    if (plan->object_count == CALLS_MAX ||
        ga_array_room(&plan->objects, &plan->builder->object_room, plan->object_count + 1u, sizeof *plan->objects) < 0)
        return REPLAY_NONE;
    plan->objects[plan->object_count] = (struct replay_object){
        .kind = (uint8_t)kind, .owner = REPLAY_NONE, .maker = REPLAY_NONE, .memory = plan->object_count};
    return plan->object_count++;
}

int replay_plan_begin(struct replay_plan *plan, const struct replay_plan_options *options)
{
    *plan = (struct replay_plan){.memory_order = options->order};
    plan->builder = calloc(1, sizeof *plan->builder);
    if (!plan->builder)
        return -ENOMEM;
    plan->builder->options = *options;
    return 0;
}

static int new_call(struct replay_plan *plan, struct replay_call **out)
{
    struct replay_plan_builder *b = plan->builder;
    if ((b->options.max_calls && plan->call_count >= b->options.max_calls) || plan->call_count == CALLS_MAX)
        return -EFBIG;
    if (ga_array_room(&plan->calls, &b->call_room, plan->call_count + 1u, sizeof *plan->calls) < 0)
        return -ENOMEM;
    *out = &plan->calls[plan->call_count];
    **out = (struct replay_call){.row = REPLAY_NO_ROW, .arrival = plan->call_count, .file = REPLAY_NONE, .lane = REPLAY_NONE,
                                 .queue = REPLAY_NONE, .image = plan->images_size, .refs = plan->ref_count,
                                 .relocations = plan->relocation_count};
    plan->call_count++;
    plan->recorded_count = plan->call_count;
    return 0;
}

static int add_file_ref(struct pass *p)
{
    static const struct replay_reference file = {.kind = REPLAY_FILE, .role = REPLAY_USES};
    const struct ga_call *call = p->call;
    int result = find_file(p->plan, call->header->file, &p->out->file);
    if (result == 0)
        result = hold_file(p->b, call->header->process, call->header->file);
    if (result < 0)
        return result;
    if (call->file)
        describe_file(&p->plan->files[p->out->file], call->file->driver, call->file->path);
    return add_ref(p, &file, 0, 0, call->header->file);
}

/* Requests that are never issued. What a call does outside the device's objects, nobody but the driver can tell; commands are not
   in a trace, nor does what they would signal come; what a driver is and has it says of this machine, not of the recorded one. */
static const struct {
    uint16_t row;
    uint8_t why;
} never[] = {
    {GA_ROW_d3dkmt_escape, REPLAY_SKIP_EFFECT},
    {GA_ROW_d3dkmt_share_object_with_host, REPLAY_SKIP_EFFECT},
    {GA_ROW_drm_virtgpu_execbuffer, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_amdgpu_cs, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_amdgpu_wait_cs, REPLAY_SKIP_NO_SIGNAL},
    {GA_ROW_drm_amdgpu_wait_fences, REPLAY_SKIP_NO_SIGNAL},
    {GA_ROW_drm_radeon_cs, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_i915_gem_execbuffer2, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_xe_exec, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_xe_wait_user_fence, REPLAY_SKIP_NO_SIGNAL},
    {GA_ROW_drm_nouveau_gem_pushbuf, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_nouveau_exec, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_syncobj_wait, REPLAY_SKIP_NO_SIGNAL},
    {GA_ROW_drm_syncobj_timeline_wait, REPLAY_SKIP_NO_SIGNAL},
    {GA_ROW_drm_syncobj_eventfd, REPLAY_SKIP_NO_SIGNAL},
    {GA_ROW_drm_amdgpu_fence_to_handle, REPLAY_SKIP_NO_SIGNAL},
    {GA_ROW_drm_msm_gem_submit, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_msm_wait_fence, REPLAY_SKIP_NO_SIGNAL},
    {GA_ROW_drm_panfrost_submit, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_panthor_group_submit, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_qxl_execbuffer, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_v3d_submit_cl, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_v3d_submit_tfu, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_v3d_submit_csd, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_vmwgfx_execbuf, REPLAY_SKIP_COMMANDS},
    {GA_ROW_drm_vmwgfx_fence_wait, REPLAY_SKIP_NO_SIGNAL},
    {GA_ROW_drm_vmwgfx_fence_signaled, REPLAY_SKIP_NO_SIGNAL},
    {GA_ROW_drm_vmwgfx_fence_unref, REPLAY_SKIP_NO_SIGNAL},
    {GA_ROW_drm_amdgpu_info, REPLAY_SKIP_QUESTION},
    {GA_ROW_drm_i915_getparam, REPLAY_SKIP_QUESTION},
    {GA_ROW_drm_i915_query, REPLAY_SKIP_QUESTION},
    {GA_ROW_drm_kfd_available_memory, REPLAY_SKIP_QUESTION},
    {GA_ROW_drm_msm_get_param, REPLAY_SKIP_QUESTION},
    {GA_ROW_drm_nouveau_getparam, REPLAY_SKIP_QUESTION},
    {GA_ROW_drm_panfrost_get_param, REPLAY_SKIP_QUESTION},
    {GA_ROW_drm_panthor_dev_query, REPLAY_SKIP_QUESTION},
    {GA_ROW_drm_qxl_clientcap, REPLAY_SKIP_QUESTION},
    {GA_ROW_drm_qxl_getparam, REPLAY_SKIP_QUESTION},
    {GA_ROW_drm_v3d_get_param, REPLAY_SKIP_QUESTION},
    {GA_ROW_drm_vmwgfx_get_param, REPLAY_SKIP_QUESTION},
    {GA_ROW_drm_vmwgfx_get_3d_cap, REPLAY_SKIP_QUESTION},
    {GA_ROW_drm_xe_device_query, REPLAY_SKIP_QUESTION},
};

enum replay_skip replay_row_never(const struct ga_row *row)
{
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (never[i].row == ga_row_id(row))
            return (enum replay_skip)never[i].why;
    if (replay_row_known(row))
        return REPLAY_ISSUED;
    return ga_row_is_drm(row) && *row->driver && !replay_dialect_of(row->driver) ? REPLAY_SKIP_NO_COUNTERPART : REPLAY_SKIP_NOT_YET;
}

/* A request that is issued with some arguments, and never with these. */
static enum replay_skip never_as_it_is(const struct ga_call *call)
{
    enum { SYNC_FILE = 1, ENGINES = 10 };
    switch (ga_row_id(call->row)) {
    case GA_ROW_drm_syncobj_handle_to_fd: /* a fence that a submission would signal */
    case GA_ROW_drm_syncobj_fd_to_handle:
        return member_value(call->row, "flags", call->record) & SYNC_FILE ? REPLAY_SKIP_NO_SIGNAL : REPLAY_ISSUED;
    case GA_ROW_drm_i915_gem_context_setparam: /* with an address among its bytes */
        return member_value(call->row, "param", call->record) == ENGINES ? REPLAY_SKIP_NO_DATA : REPLAY_ISSUED;
    default:
        return replay_row_never(call->row);
    }
}

static enum replay_skip skip_by_marks(const struct replay_plan_options *options, const struct ga_call *call)
{
    bool asked = options->skips[ga_row_id(call->row)];
    if (call->header->marks & GA_MARK_UNREADABLE)
        return REPLAY_SKIP_UNREADABLE;
    if (call->header->marks & GA_MARK_NESTED)
        return REPLAY_SKIP_NESTED;
    if (!asked && never_as_it_is(call))
        return never_as_it_is(call);
    bool drm = ga_row_is_drm(call->row); /* drmIoctl repeats on EAGAIN, which is an answer (timeout) on /dev/dxg */
    bool interrupted = call->header->ret == -1 && (call->header->error == EINTR || (drm && call->header->error == EAGAIN));
    return interrupted && call->header->layer == GA_LAYER_IOCTL ? REPLAY_SKIP_RETRY : asked ? REPLAY_SKIP_ASKED : REPLAY_ISSUED;
}

/* Bytes of the GPU addresses that a call maps, reserves or frees; 0 for others. */
static uint64_t range_bytes(const struct ga_call *call)
{
    uint64_t pages = 0;
    switch (ga_row_id(call->row)) {
    case GA_ROW_d3dkmt_map_gpu_virtual_address:
        pages = member_value(call->row, "SizeInPages", call->record);
        return pages > UINT64_MAX / PAGE ? UINT64_MAX : pages * PAGE;
    case GA_ROW_d3dkmt_reserve_gpu_virtual_address:
    case GA_ROW_d3dkmt_free_gpu_virtual_address:
        return member_value(call->row, "Size", call->record);
    default:
        return 0;
    }
}

/* Bytes of what the call makes, as far as its members say. */
static uint64_t made_bytes(const struct ga_call *call)
{
    const struct ga_effect *effect = &call->row->effect;
    uint64_t range = range_bytes(call);
    if (range)
        return range;
    for (int i = 0; i < GA_CALL_ELEMENTS_MAX; i++)
        if (call->elements[i].count && call->elements[i].row == &ga_rows[GA_ROW_d3dkmt_standard_allocation])
            return ((const struct ga_d3dkmt_standard_allocation *)call->elements[i].records)->ExistingHeapData_Size;
    const struct ga_member *size = ga_row_member(call->row, effect->size), *times = ga_row_member(call->row, effect->times);
    if (call->failed || !size)
        return 0;
    int64_t bytes = (int64_t)(size->in != GA_NONE ? ga_member_in(size, call->record) : ga_member_out(size, call->record));
    int64_t factor = times ? (int64_t)ga_member_in(times, call->record) : 1;
    uint64_t product;
    if (__builtin_mul_overflow((uint64_t)(bytes < 0 ? -bytes : bytes), (uint64_t)(factor < 0 ? -factor : factor), &product))
        return UINT64_MAX;
    return product;
}

/* What a resource is known by in another process: its runtime data, and how many allocations it has. */
static int note_shape(struct pass *p)
{
    static const uint16_t rows[] = {GA_ROW_d3dkmt_create_allocation, GA_ROW_d3dkmt_query_resource_info_from_nt_handle,
                                    GA_ROW_d3dkmt_open_resource_from_nt_handle};
    const struct ga_call *call = p->call;
    bool has_shape = false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        has_shape |= ga_row_id(call->row) == rows[i];
    if (!has_shape || call->failed)
        return 0;
    const struct ga_member *data = ga_row_member(call->row, "pPrivateRuntimeData");
    const struct ga_member *count = ga_row_member(call->row, "NumAllocations");
    uint64_t hash = data->in != GA_NONE ? ga_member_in(data, call->record) : ga_member_out(data, call->record);
    uint64_t allocations = count->in != GA_NONE ? ga_member_in(count, call->record) : ga_member_out(count, call->record);
    if (hash >= GA_BLOB_FIRST_HASH && ga_map_set(&p->b->shapes, p->out->arrival, 0, hash) < 0)
        return -ENOMEM;
    return ga_map_set(&p->b->shapes, p->out->arrival, 1, allocations);
}

/* What the recorded driver called itself: a replay on another one cannot use its private data. */
static int note_answer(struct pass *p)
{
    enum { ADAPTER_REGISTRY_INFO = 8 };
    const struct ga_call *call = p->call;
    struct replay_plan *plan = p->plan;
    if (ga_row_id(call->row) != GA_ROW_d3dkmt_query_adapter_info || call->failed || plan->answer_count == REPLAY_ANSWERS_MAX ||
        member_value(call->row, "Type", call->record) != ADAPTER_REGISTRY_INFO)
        return 0;
    uint64_t hash = ga_member_out(ga_row_member(call->row, "pPrivateDriverData"), call->record);
    int64_t blob = hash < GA_BLOB_FIRST_HASH ? -ENOENT : find_blob(p, hash);
    if (blob < 0)
        return blob == -ENOENT ? 0 : (int)blob;
    for (uint32_t a = 0; a < plan->answer_count; a++)
        if (plan->answers[a].blob == (uint32_t)blob)
            return 0;
    plan->answers[plan->answer_count].type = ADAPTER_REGISTRY_INFO;
    plan->answers[plan->answer_count++].blob = (uint32_t)blob;
    return 0;
}

/* Calls with the same bytes share them: handles are zero, so that many do. Not where the walk puts an address into them. */
static int share_image(struct pass *p)
{
    enum { DISTINCT_MAX = 1 << 20 };
    struct replay_plan *plan = p->plan;
    struct replay_call *out = p->out;
    if (!out->image_size || walk_changes_image(replay_row(out)))
        return 0;
    const unsigned char *bytes = plan->images + out->image;
    uint64_t hash = XXH3_64bits(bytes, out->image_size), *known = ga_map_get(&p->b->images, hash, out->image_size);
    if (!known)
        return p->b->images.count < DISTINCT_MAX ? ga_map_set(&p->b->images, hash, out->image_size, out->image) : 0;
    if (memcmp(plan->images + *known, bytes, out->image_size) != 0)
        return 0;
    plan->images_size = out->image;
    out->image = *known;
    return 0;
}

/* mmap and its like. Addresses stay in the image until the walk has found what is there. */
static int add_mapping(struct pass *p, uint32_t place)
{
    static const struct replay_reference offset = {.kind = REPLAY_OFFSET}, dma_buf = {.kind = REPLAY_DMA_BUF};
    const struct ga_call *call = p->call;
    for (const struct ga_member *m = call->row->members(); m->name; m++)
        if (m->offset != GA_NONE && m->in != GA_NONE)
            image_store(p, place + m->offset, ga_member_in(m, call->record), m->width);
    const struct ga_drm_mmap *map = call->record;
    if (ga_row_id(call->row) != GA_ROW_drm_mmap)
        return 0;
    image_store(p, place + offsetof(struct ga_mmap_arguments, fd), UINT32_MAX, 4);
    image_store(p, place + offsetof(struct ga_mmap_arguments, dma_buf), 0, 8);
    if (map->dma_buf)
        return add_ref(p, &dma_buf, place + offsetof(struct ga_mmap_arguments, fd), 4, map->dma_buf);
    if (!call->header->file)
        return 0;
    image_store(p, place + offsetof(struct ga_mmap_arguments, offset), 0, 8);
    return add_ref(p, &offset, place + offsetof(struct ga_mmap_arguments, offset), 8, map->offset);
}

/* A dma-buf whose descriptor is what the ioctl returns: it goes behind the image. */
static int add_returned(struct pass *p)
{
    static const struct replay_reference made = {.kind = REPLAY_DMA_BUF, .role = REPLAY_MAKES};
    uint32_t place;
    for (const struct ga_member *m = p->call->row->members(); m->name; m++) {
        if (m->kind != GA_INODE || !m->one)
            continue;
        int result = image_extend(p, 8, &place);
        return result < 0 ? result : add_ref(p, &made, place, 4, ga_member_out(m, p->call->record));
    }
    return 0;
}

static int add_call(struct pass *p)
{
    const struct ga_call *call = p->call;
    const struct ga_call_header *header = call->header;
    int result = new_call(p->plan, &p->out);
    if (result < 0)
        return result;
    struct replay_call *out = p->out;
    out->row = (uint16_t)ga_row_id(call->row);
    out->begin_ns = (int64_t)header->begin;
    out->end_ns = (int64_t)(header->end >= header->begin ? header->end : header->begin);
    out->argument_size = header->size;
    out->call = header->call;
    out->ret = header->ret;
    out->error = header->error;
    out->status = call->status;
    out->failed = call->failed;
    out->bytes = made_bytes(call);
    out->skip = (uint8_t)skip_by_marks(&p->b->options, call);
    if (replay_fence_place(call->row) && !call->failed && !out->skip) {
        if (ga_array_room(&p->b->fence_values, &p->b->fence_value_room, p->plan->paging_count + 2u, sizeof(uint64_t)) < 0)
            return -ENOMEM;
        out->paging = ++p->plan->paging_count;
        p->b->fence_values[out->paging] = ga_member_out(ga_row_member(call->row, "PagingFenceValue"), call->record);
    }
    result = find_lane(p->plan, header, &out->lane);
    if (result == 0)
        result = note_shape(p);
    if (result == 0)
        result = note_answer(p);
    bool drm = ga_row_is_drm(call->row);
    if (result == 0 && drm && (header->file || !ga_row_is_mapping(call->row)))
        result = add_file_ref(p);
    uint32_t place;
    if (result == 0)
        result = image_extend(p, call->row->abi_size, &place);
    uint32_t first_ref = p->plan->ref_count;
    bool submits = replay_row_never(call->row) == REPLAY_SKIP_COMMANDS; /* not issued, but the buffers in use are known */
    if (result == 0 && ga_row_is_mapping(call->row))
        result = add_mapping(p, place);
    else if (result == 0 && (submits || replay_row_known(call->row)))
        result = add_members(p, call->row, call->record, header->size, 0);
    if (result == 0)
        result = add_returned(p);
    const struct query_text *text = asked_wide(p);
    if (text)
        image_store(p, offsetof(struct D3DKMT_QUERYADAPTERINFO, PrivateDriverDataSize), query_text_size(text), 4);
    for (uint32_t i = first_ref; i < p->plan->ref_count; i++)
        p->plan->refs[i].scope = drm ? header->file : header->process;
    for (uint32_t i = first_ref; i < p->plan->ref_count; i++)
        if (p->plan->refs[i].kind == REPLAY_NAME)
            p->plan->refs[i].scope = header->device;
        else if (p->plan->refs[i].kind == REPLAY_SYNC_FD)
            p->plan->refs[i].scope = header->process;
        else if (p->plan->refs[i].kind == REPLAY_OFFSET && ga_driver_type(call->row->driver) != 'd')
            p->plan->refs[i].scope = header->process; /* another device maps its buffers */
    return result < 0 ? result : share_image(p);
}

/* Calls come in the order of their begin: for makers one pass is enough, from the first that is skipped. */
void replay_plan_spread_skips(const struct replay_plan *plan, uint8_t *skips, const bool *by_size)
{
    uint32_t first = 0;
    while (first < plan->call_count && !skips[first])
        first++;
    if (first == plan->call_count)
        return;
    for (uint32_t c = first + 1; c < plan->call_count; c++) {
        const struct replay_call *call = &plan->calls[c];
        for (uint32_t r = call->refs; !skips[c] && r < call->refs + call->ref_count; r++) {
            const struct replay_ref *ref = &plan->refs[r];
            if (ref->object == REPLAY_NONE || ref->role == REPLAY_MAKES || ref->role == REPLAY_AGAIN)
                continue;
            uint8_t kind = plan->objects[ref->object].kind;
            if (by_size && by_size[c] && kind != REPLAY_ALLOCATION && kind != REPLAY_RESOURCE)
                continue; /* its allocations are what it is issued for: the D3DKMT device that they were in has no counterpart */
            const struct replay_object *object = &plan->objects[ref->object];
            bool asked_anyway = kind == REPLAY_OFFSET && object->owner != REPLAY_NONE; /* for a buffer that is there */
            uint32_t maker = asked_anyway ? plan->objects[object->owner].maker : object->maker;
            if (maker != REPLAY_NONE && skips[maker] && !(kind == REPLAY_MAPPING && ref->place == REPLAY_PART_COVERED))
                skips[c] = REPLAY_SKIP_NO_MAKER;
        }
    }
    for (uint32_t c = 0; c < plan->call_count; c++) /* what signals may come after what waits */
        for (uint32_t i = 0; !skips[c] && i < plan->calls[c].signal_count; i++)
            if (skips[plan->signals[plan->calls[c].signals + i]])
                skips[c] = REPLAY_SKIP_NO_SIGNAL;
}

static int too_many_calls(uint64_t allowed, struct ga_error *error)
{
    return ga_error_set(error, EFBIG, "the trace has more than %" PRIu64 " calls; raise --max-calls to take it", allowed);
}

static int explain(struct replay_plan *plan, int result, struct ga_error *error)
{
    switch (result) {
    case 0:
        return 0;
    case -EFBIG:
        return too_many_calls(plan->builder->options.max_calls, error);
    case -EMFILE:
        return ga_error_set(error, EMFILE, "the trace has calls of more than %d threads; a replay has no more", REPLAY_LANES_MAX);
    case -E2BIG:
        return ga_error_set(error, E2BIG, "the plan would take more than %llu GiB of memory", REPLAY_PLAN_BYTES_MAX >> 30);
    default:
        return ga_error_errno(error, -result, "the plan, after %" PRIu32 " calls", plan->call_count);
    }
}

/* Where a range of calls begins and ends. */
static void note_number(struct replay_plan_builder *b, const struct ga_call *call)
{
    const struct replay_range *range = &b->options.range;
    uint64_t begin = call->header->begin;
    b->number++;
    if (range->unit == REPLAY_RANGE_CALLS && b->number >= range->from && !b->from_found) {
        b->from_found = true;
        b->from_ns = begin;
    }
    if (b->number <= range->to)
        b->to_ns = begin;
}

int replay_plan_add_call(struct replay_plan *plan, const struct ga_call *call, replay_blob_source *blobs, void *user,
                         struct ga_error *error)
{
    struct pass pass = {.plan = plan, .b = plan->builder, .call = call, .blobs = blobs, .user = user};
    note_number(plan->builder, call);
    return explain(plan, add_call(&pass), error);
}

int replay_plan_add_size(struct replay_plan *plan, const struct ga_life *life, struct ga_error *error)
{
    const uint64_t *lane = ga_map_get(&plan->builder->lanes, life->process, life->create_thread);
    if (!lane || life->origin == GA_SIZE_UNKNOWN || life->size >> 56)
        return 0;
    int result = ga_map_set(&plan->builder->sizes, *lane << 32 | life->handle, life->create_call, life->size << 8 | life->origin);
    return explain(plan, result, error);
}

static int add_close(struct replay_plan *plan, const struct ga_gpualloc_file_closed *closed)
{
    struct replay_plan_builder *b = plan->builder;
    uint64_t *file = ga_map_get(&b->files, closed->file, 0), *holders = ga_map_get(&b->holder_counts, closed->file, 0);
    if (!ga_map_erase(&b->holders, closed->process, closed->file) || !holders || --*holders || !file)
        return 0;
    struct pass pass = {.plan = plan, .b = b};
    int result = new_call(plan, &pass.out);
    if (result < 0)
        return result;
    static const struct replay_reference ends = {.kind = REPLAY_FILE, .role = REPLAY_ENDS};
    pass.out->begin_ns = pass.out->end_ns = (int64_t)closed->begin;
    pass.out->skip = b->options.skips[GA_ROW_COUNT] ? REPLAY_SKIP_ASKED : REPLAY_ISSUED;
    pass.out->file = (uint32_t)*file;
    return add_ref(&pass, &ends, 0, 0, closed->file);
}

int replay_plan_add_event(struct replay_plan *plan, const struct ga_row *row, const void *record, struct ga_error *error)
{
    int result = 0;
    if (row == &ga_rows[GA_ROW_gpualloc_file]) {
        const struct ga_gpualloc_file *file = record;
        result = hold_file(plan->builder, file->process, file->file);
        if (file->driver && (strcmp(file->driver, "dxg") == 0 || strcmp(file->driver, "softgpu") == 0))
            strncpy(plan->dxg_driver, file->driver, sizeof plan->dxg_driver - 1);
    } else if (row == &ga_rows[GA_ROW_gpualloc_file_closed]) {
        result = add_close(plan, record);
    }
    return explain(plan, result, error);
}

static void release_builder(struct replay_plan *plan)
{
    struct replay_plan_builder *b = plan->builder;
    if (!b)
        return;
    ga_map_release(&b->lanes);
    ga_map_release(&b->files);
    ga_map_release(&b->holders);
    ga_map_release(&b->holder_counts);
    ga_map_release(&b->blobs);
    ga_map_release(&b->shapes);
    ga_map_release(&b->sizes);
    ga_map_release(&b->images);
    ga_map_release(&b->memfds);
    free(b->fence_values);
    free(b);
    plan->builder = NULL;
}

/* Folds what is issued: rows, lanes, images, private data, and which object stands where. Recorded names and times are not in it. */
static void compute_hash(struct replay_plan *plan)
{
    uint64_t hash = (uint64_t)plan->memory_order;
    for (uint32_t i = 0; i < plan->call_count; i++) {
        const struct replay_call *call = &plan->calls[i];
        const char *name = replay_call_name(call); /* not its number, which another version of the schema changes */
        uint64_t words[] = {hash, XXH3_64bits(name, strlen(name)), call->lane, call->sequence, call->skip,
                            call->argument_size, call->failed};
        hash = XXH64(words, sizeof words, 0);
        hash = XXH64(plan->images + call->image, call->image_size, hash);
        for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
            const struct replay_ref *ref = &plan->refs[r];
            uint64_t reference[] = {hash, ref->place, ref->object, ref->role};
            hash = XXH64(reference, sizeof reference, 0);
        }
        for (uint32_t d = call->dependencies; d < call->dependencies + call->dependency_count; d++)
            hash = XXH64(&plan->dependencies[d], sizeof plan->dependencies[d], hash);
        if (call->fence_count)
            hash = XXH64(&plan->fences[call->fences], call->fence_count * sizeof *plan->fences, hash);
        for (uint32_t r = call->relocations; r < call->relocations + call->relocation_count; r++)
            if (plan->relocations[r].kind == REPLAY_TO_BLOB)
                hash = XXH64(&plan->blobs[plan->relocations[r].target].digest, sizeof(uint64_t), hash);
    }
    plan->hash = hash;
}

/* What a user does not allow, also of a plan that comes from the cache. */
int replay_plan_check(const struct replay_plan *plan, const struct replay_plan_options *options, struct ga_error *error)
{
    if (options->max_calls && plan->recorded_count > options->max_calls)
        return too_many_calls(options->max_calls, error);
    if (!options->max_bytes || plan->peak_bytes <= options->max_bytes)
        return 0;
    return ga_error_set(error, EFBIG, "the recording has %s alive at once, and --max-bytes allows %s",
                        ga_bytes(plan->peak_bytes).text, ga_bytes(options->max_bytes).text);
}

int replay_plan_finish(struct replay_plan *plan, struct ga_error *error)
{
    int result = replay_plan_resolve(plan, error);
    if (result == 0)
        result = replay_plan_check(plan, &plan->builder->options, error);
    if (result < 0)
        return result;
    compute_hash(plan);
    release_builder(plan);
    result = replay_curve_record(plan);
    if (result == 0)
        result = replay_plan_flatten(plan);
    return result < 0 ? ga_error_errno(error, -result, "the plan") : 0;
}

void replay_plan_populate(const struct replay_plan *plan)
{
    if (plan->mapping && madvise(plan->mapping, plan->mapping_size, MADV_POPULATE_READ) == 0)
        return;
    for (size_t at = 0; at < plan->mapping_size; at += PAGE) /* older than Linux 5.14 */
        (void)*((const volatile char *)plan->mapping + at);
}

void replay_plan_release(struct replay_plan *plan)
{
    release_builder(plan);
    if (plan->mapping)
        munmap(plan->mapping, plan->mapping_size);
    else
        replay_plan_free_arrays(plan);
    *plan = (struct replay_plan){0};
}
