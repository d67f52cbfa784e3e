/* The structures that a call points to. */
#include "preload/elements.h"

#include <string.h>

#include "preload/extents.h"
#include "preload/ops.h"
#include "preload/process.h"
#include "preload/reads.h"

/* Elements that lie one behind the other. */
struct piece {
    uint64_t address;
    uint32_t parent;        /* which of the parent's elements points to it */
    uint32_t first, count;  /* its elements, among those of the node */
    uint32_t offset, stride; /* of the first in the node's bytes; from one to the next */
    uint32_t size;          /* bytes of one as passed: at most what its row knows */
    uint8_t in_result, out_result; /* enum memory_result */
};

/* The elements of one member: of the call's, or of that member of all elements of another node. */
struct capture_elements {
    const struct shape_step *step;
    struct capture_elements *parent; /* null: the call */
    struct capture_elements *next;
    struct piece *pieces;            /* in the order of the parent's elements */
    uint32_t piece_count, piece_room;
    uint32_t count, bytes;            /* elements; bytes of all */
    uint32_t base;                    /* index of the first among the call's elements of this row */
    char *in, *out;                   /* as before and after the call; null: not read */
    uint64_t *in_hashes, *out_hashes; /* one an element; null: they have no private data */
};

static bool has_blobs(const struct shape *shape)
{
    for (unsigned s = 0; s < shape->step_count; s++)
        if (shape->steps[s].kind == GA_BLOB)
            return true;
    return false;
}

/* How many more elements of this row the call may have. */
static uint32_t room_of(const struct capture_call *call, uint16_t row)
{
    uint32_t used = 0;
    for (const struct capture_elements *e = call->elements; e; e = e->next)
        used += e->step->element == row ? e->count : 0;
    return used < GA_ELEMENTS_MAX ? GA_ELEMENTS_MAX - used : 0;
}

/* An ELEMENTS member in one structure. */
struct place {
    const char *structure;
    uint64_t here;      /* the structure's own address */
    uint32_t size;      /* its bytes */
    uint32_t parent;    /* its number */
};

/* How many elements a structure says that it has, and where; 0: none. A chain's are found as it is read. */
static uint64_t elements_at(const struct capture_call *call, const struct shape_step *step, const struct place *place,
                            uint64_t *address, uint64_t *stride)
{
    const struct shape *shape = &shapes[step->element];
    struct shape_step arm = *step; /* a structure that is seen as a longer one has no pointer to it */
    arm.offset = step->layout == GA_LAYOUT_HERE ? 0 : step->offset;
    arm.width = step->layout == GA_LAYOUT_HERE ? 0 : step->width;
    if (!capture_present(&arm, place->size, place->structure, call))
        return 0;
    *address = step->layout == GA_LAYOUT_HERE ? place->here + step->at : ga_load(place->structure + step->offset, 8, false);
    *stride = call->older && step->older_size ? step->older_size : shape->row->abi_size;
    if (step->stride_width && (uint32_t)step->stride_offset + step->stride_width <= place->size)
        *stride = ga_load(place->structure + step->stride_offset, step->stride_width, false);
    if (!*address || !*stride)
        return 0;
    if (step->layout == GA_LAYOUT_CHAIN)
        return GA_CHAIN_MAX;
    uint64_t count = shape_count(step, place->structure, place->size);
    return step->count_unit ? count * step->count_unit / shape->row->abi_size : count;
}

static struct piece *add_piece(struct capture_elements *e, uint32_t parent, uint64_t address, uint32_t count, uint64_t stride)
{
    uint32_t known = shapes[e->step->element].row->abi_size;
    struct piece *piece = &e->pieces[e->piece_count++];
    *piece = (struct piece){.address = address, .parent = parent, .first = e->count, .count = count, .offset = e->bytes,
                            .stride = (uint32_t)stride, .size = stride < known ? (uint32_t)stride : known,
                            .in_result = MEMORY_UNREADABLE, .out_result = MEMORY_UNREADABLE};
    e->count += count;
    e->bytes += (uint32_t)(count * stride);
    return piece;
}

/* The addresses in an array of them. */
static void add_pointers(struct capture_call *call, struct capture_elements *e, uint32_t parent, uint64_t address, uint32_t count)
{
    uint64_t *list = reads_room(call, count * sizeof *list);
    if (!list || memory_read_one(address, list, count * (uint32_t)sizeof *list, call->stack) != MEMORY_OK)
        return;
    for (uint32_t i = 0; i < count; i++)
        add_piece(e, parent, list[i], 1, shapes[e->step->element].row->abi_size);
}

/* The links of a chain, one read each: each says where the next is. A link that cannot be read is the last, and not kept. */
static void add_chain(struct capture_call *call, struct capture_elements *e, uint32_t parent, uint64_t address, uint32_t room)
{
    for (uint32_t i = 0; i < room && address; i++) {
        uint64_t next;
        if (memory_read_one(address, &next, sizeof next, call->stack) != MEMORY_OK)
            return;
        add_piece(e, parent, address, 1, shapes[e->step->element].row->abi_size);
        address = next;
    }
    if (address)
        process_trouble(PROCESS_TROUBLE_ARRAY_SIZE);
}

/* Whether the elements of one structure are one piece. */
static bool lies_together(const struct shape_step *step)
{
    return step->layout == GA_LAYOUT_ARRAY || step->layout == GA_LAYOUT_HERE;
}

static void add_place(struct capture_call *call, struct capture_elements *e, const struct place *place, uint32_t room)
{
    uint64_t address, stride, count = elements_at(call, e->step, place, &address, &stride);
    if (!count)
        return;
    if (count > room - e->count && e->step->layout != GA_LAYOUT_CHAIN)
        process_trouble(PROCESS_TROUBLE_ARRAY_SIZE);
    count = count < room - e->count ? count : room - e->count;
    if (count > e->piece_room - e->piece_count && !lies_together(e->step))
        count = e->piece_room - e->piece_count;
    if (e->step->layout == GA_LAYOUT_POINTERS)
        add_pointers(call, e, place->parent, address, (uint32_t)count);
    else if (e->step->layout == GA_LAYOUT_CHAIN)
        add_chain(call, e, place->parent, address, (uint32_t)count);
    else if (e->bytes + count * stride <= THREAD_SCRATCH_SIZE && count * stride / stride == count)
        add_piece(e, place->parent, address, (uint32_t)count, stride);
    else
        process_trouble(PROCESS_TROUBLE_ARRAY_SIZE);
}

/* Pieces that the places can have at most. */
static uint32_t count_pieces(const struct capture_call *call, const struct shape_step *step, const struct place *places,
                             uint32_t place_count, uint32_t room)
{
    uint64_t address, stride, pieces = 0;
    for (uint32_t i = 0; i < place_count; i++) {
        uint64_t count = elements_at(call, step, &places[i], &address, &stride);
        pieces += lies_together(step) ? count > 0 : count;
        if (pieces >= room)
            return room;
    }
    return (uint32_t)pieces;
}

/* Notes the elements of one member of all these structures, and queues their reads. */
static void begin_member(struct capture_call *call, const struct shape_step *step, struct capture_elements *parent,
                         const struct place *places, uint32_t place_count)
{
    if (!capture_ops->enabled((enum ga_row_id)step->element))
        return;
    uint32_t room = room_of(call, step->element), pieces = count_pieces(call, step, places, place_count, room);
    if (!pieces)
        return;
    struct capture_elements *e = reads_room(call, sizeof *e + pieces * sizeof *e->pieces);
    if (!e)
        return;
    *e = (struct capture_elements){.step = step, .parent = parent, .pieces = (struct piece *)(e + 1), .piece_room = pieces};
    for (uint32_t i = 0; i < place_count && e->piece_count < pieces; i++)
        add_place(call, e, &places[i], room);
    if (!e->piece_count)
        return;
    if (step->direction & GA_IN) {
        bool blobs = has_blobs(&shapes[step->element]);
        e->in = reads_room(call, e->bytes);
        if (!e->in || (blobs && !(e->in_hashes = reads_room(call, e->count * sizeof(uint64_t)))))
            return; /* no memory, which was said: none captured */
        for (struct piece *p = e->pieces; p < e->pieces + e->piece_count; p++)
            reads_add(call, (struct memory_read){.from = p->address, .to = e->in + p->offset, .size = p->count * p->stride}, NULL,
                      &p->in_result);
    }
    *(call->last_elements ? &call->last_elements->next : &call->elements) = e;
    call->last_elements = e;
}

void elements_begin(struct capture_call *call, const struct shape_step *step)
{
    const struct place place = {.structure = call->in.bytes, .here = call->argument, .size = call->size};
    begin_member(call, step, NULL, &place, 1);
}

/* Drops the pieces that could not be read, and numbers the elements of the others. */
static void settle(struct capture_elements *e)
{
    uint32_t kept = 0;
    e->count = 0;
    for (uint32_t i = 0; i < e->piece_count; i++) {
        struct piece *p = &e->pieces[i];
        if (p->in_result != MEMORY_OK)
            continue;
        p->first = e->count;
        e->count += p->count;
        e->pieces[kept++] = *p;
    }
    e->piece_count = kept;
}

/* The private data of elements, before or after the call, by the pointers that the program passed. That which is a result alone is as
   long as the element then says. */
static void read_blobs(struct capture_call *call, struct capture_elements *e, const struct shape_step *step, bool after)
{
    uint64_t *hashes = after ? e->out_hashes : e->in_hashes;
    for (const struct piece *p = e->pieces; p < e->pieces + e->piece_count; p++)
        for (uint32_t i = 0; i < p->count; i++) {
            const char *structure = e->in + p->offset + (size_t)i * p->stride;
            uint64_t *hash = &hashes[p->first + i];
            *hash = GA_BLOB_NULL;
            if ((step->in == GA_NONE && !after) || !capture_present(step, p->size, structure, call))
                continue;
            uint64_t from = ga_load(structure + step->offset, 8, false), size = shape_count(step, structure, p->size);
            const char *out = p->out_result == MEMORY_OK ? e->out + p->offset + (size_t)i * p->stride : structure;
            if (step->in == GA_NONE)
                reads_blob(call, from, shape_result_size(step, structure, out, p->size), hash);
            else if (after)
                reads_blob_after(call, from, size, e->in_hashes[p->first + i], hash);
            else
                reads_blob(call, from, size, hash);
        }
}

/* The elements as structures that may have members of their own; null: no memory. */
static struct place *places_of(struct capture_call *call, const struct capture_elements *e)
{
    struct place *places = reads_room(call, e->count * sizeof *places);
    for (const struct piece *p = e->pieces; places && p < e->pieces + e->piece_count; p++)
        for (uint32_t i = 0; i < p->count; i++)
            places[p->first + i] = (struct place){.structure = e->in + p->offset + (size_t)i * p->stride,
                                                  .here = p->address + (uint64_t)i * p->stride, .size = p->size,
                                                  .parent = p->first + i};
    return places;
}

/* What elements that have been read point to. */
static void begin_members(struct capture_call *call, struct capture_elements *e)
{
    const struct shape *shape = &shapes[e->step->element];
    struct place *places = NULL;
    for (unsigned s = 0; s < shape->step_count; s++) {
        const struct shape_step *step = &shape->steps[s];
        if (step->kind == GA_BLOB)
            read_blobs(call, e, step, false);
        if (step->kind != GA_ELEMENTS || (!places && !(places = places_of(call, e))))
            continue;
        begin_member(call, step, e, places, e->count);
    }
}

void elements_read(struct capture_call *call)
{
    for (struct capture_elements *level = call->elements, *last; level; level = last->next) {
        last = call->last_elements;
        reads_flush(call);
        for (struct capture_elements *e = level;; e = e->next) {
            if (e->in)
                settle(e);
            if (e->in && e->count)
                begin_members(call, e);
            if (e == last)
                break;
        }
    }
}

/* Outputs alone: as many as the call says by now, within the room that the program gave. */
static void count_outputs(struct capture_call *call, struct capture_elements *e, bool failed)
{
    uint64_t count = failed ? 0 : shape_count(e->step, call->out.bytes, call->size);
    struct piece *p = e->pieces;
    p->count = e->count = count < p->count ? (uint32_t)count : p->count;
    e->bytes = e->count * p->stride;
}

void elements_read_after(struct capture_call *call, bool failed)
{
    for (struct capture_elements *e = call->elements; e; e = e->next) {
        const struct shape *shape = &shapes[e->step->element];
        if (!e->in)
            count_outputs(call, e, failed);
        if (!e->count || (!shape->reads_back && !e->in_hashes) || !(e->out = reads_room(call, e->bytes)))
            continue;
        for (struct piece *p = e->pieces; p < e->pieces + e->piece_count; p++)
            reads_add(call, (struct memory_read){.from = p->address, .to = e->out + p->offset, .size = p->count * p->stride}, NULL,
                      &p->out_result);
        if (!e->in_hashes || !(e->out_hashes = reads_room(call, e->count * sizeof(uint64_t))))
            continue;
        for (unsigned s = 0; s < shape->step_count; s++)
            if (shape->steps[s].kind == GA_BLOB) {
                bool result = shape->steps[s].in == GA_NONE;
                if (result)
                    reads_flush(call); /* its size may be a result, too */
                if (shape->steps[s].direction & GA_OUT && !(result && failed))
                    read_blobs(call, e, &shape->steps[s], true);
                else
                    memcpy(e->out_hashes, e->in_hashes, e->count * sizeof(uint64_t));
            }
    }
}

/* Where the elements of a member of one structure begin in the trace, and how many they are. */
static void store_share(const struct capture_call *call, const struct shape_step *step, const struct capture_elements *parent,
                        uint32_t number, void *record)
{
    const struct capture_elements *e = call->elements;
    while (e && (e->parent != parent || e->step != step))
        e = e->next;
    uint32_t first = 0, count = 0, low = 0, high = e ? e->piece_count : 0;
    while (low < high) { /* pieces come in the order of their parents */
        uint32_t middle = (low + high) / 2;
        if (e->pieces[middle].parent < number)
            low = middle + 1;
        else
            high = middle;
    }
    for (; e && low < e->piece_count && e->pieces[low].parent == number; low++) {
        first = count ? first : e->base + e->pieces[low].first;
        count += e->pieces[low].count;
    }
    shape_store_u32(record, step->in, count);
    shape_store_u32(record, step->first, first);
}

static void emit_one(const struct capture_call *call, const struct capture_elements *e, const struct piece *p, uint32_t i, bool failed)
{
    const struct shape *shape = &shapes[e->step->element];
    const char *in = e->in ? e->in + p->offset + (size_t)i * p->stride : NULL;
    const char *out = p->out_result == MEMORY_OK ? e->out + p->offset + (size_t)i * p->stride : NULL;
    uint32_t number = p->first + i;
    union ga_record record;
    memset(&record, 0, shape->row->record_size);
    record.element = (struct ga_element_header){
        .process = call->record.header.process, .call = call->record.header.call, .thread = call->record.header.thread,
        .index = e->base + number, .size = p->size};
    for (unsigned s = 0; s < shape->step_count; s++) {
        const struct shape_step *step = &shape->steps[s];
        if (step->kind == GA_ELEMENTS && step->layout == GA_LAYOUT_HERE) {
            shape_store_u64(&record, step->address, p->address + (uint64_t)i * p->stride + step->at);
            store_share(call, step, e, number, &record);
        }
        if (!capture_present(step, p->size, in ? in : out, call))
            continue;
        if (shape_is_value(step)) {
            if (in && step->in != GA_NONE)
                shape_store(&record, step->in, in + step->offset, step->width);
            capture_end_value(step, &record, in ? in : out, out, failed);
        } else if (in) {
            shape_store(&record, step->address, in + step->offset, 8);
        }
        if (step->kind == GA_ELEMENTS) {
            store_share(call, step, e, number, &record);
        } else if (step->kind == GA_BLOB && in) {
            if (step->in != GA_NONE)
                shape_store_u64(&record, step->in, e->in_hashes[number]);
            if (step->out != GA_NONE)
                shape_store_u64(&record, step->out, e->out_hashes ? e->out_hashes[number] : e->in_hashes[number]);
        }
    }
    capture_ops->emit((enum ga_row_id)e->step->element, &record);
    if (!failed)
        extents_sent((enum ga_row_id)e->step->element, &record);
}

/* Numbers through the elements of each row; drops outputs that cannot be read. */
static void number_elements(struct capture_call *call)
{
    for (struct capture_elements *e = call->elements; e; e = e->next) {
        if (!e->in && e->pieces->out_result != MEMORY_OK)
            e->pieces->count = e->count = 0;
        for (const struct capture_elements *before = call->elements; before != e; before = before->next)
            if (before->step->element == e->step->element)
                e->base = before->base + before->count;
    }
}

void elements_emit(struct capture_call *call, bool failed)
{
    if (!call->elements)
        return;
    number_elements(call);
    for (unsigned s = 0; s < call->shape->step_count; s++)
        if (call->shape->steps[s].kind == GA_ELEMENTS)
            store_share(call, &call->shape->steps[s], NULL, 0, &call->record);
    for (const struct capture_elements *e = call->elements; e; e = e->next)
        for (const struct piece *p = e->pieces; p < e->pieces + e->piece_count; p++)
            for (uint32_t i = 0; i < p->count; i++)
                emit_one(call, e, p, i, failed);
}
