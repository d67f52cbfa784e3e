/* The CPU's mappings of buffers: see mappings.h. */
#include "reader/mappings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "schema/records.h"

enum { PAGE = 4096 };

/* A part of a mapping that lies in one range. */
struct ga_mapping_piece {
    uint64_t process, addr, end;
    struct ga_mapping *mapping; /* freed with its last byte */
};

static uint64_t whole_pages(uint64_t length) { return (length + PAGE - 1) & ~(uint64_t)(PAGE - 1); }

/* The first piece of the process that ends after addr. */
static size_t place_of(const struct ga_mappings *m, uint64_t process, uint64_t addr)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct ga_mapping_piece *piece = &m->pieces[middle];
        if (piece->process < process || (piece->process == process && piece->end <= addr))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int piece_insert(struct ga_mappings *m, size_t place, struct ga_mapping_piece piece)
{
    if (ga_array_room(&m->pieces, &m->room, m->count + 1, sizeof *m->pieces) < 0)
        return -ENOMEM;
    memmove(&m->pieces[place + 1], &m->pieces[place], (m->count++ - place) * sizeof *m->pieces);
    m->pieces[place] = piece;
    return 0;
}

static void piece_remove(struct ga_mappings *m, size_t place)
{
    memmove(&m->pieces[place], &m->pieces[place + 1], (--m->count - place) * sizeof *m->pieces);
}

struct change {
    struct ga_mappings *mappings;
    const struct ga_call *call;
    const struct ga_mappings_ops *ops;
    void *user;
};

/* Takes [addr, end) out of a piece, which may leave two; *place moves on to the piece behind. */
static int cut_piece(const struct change *change, size_t *place, uint64_t addr, uint64_t end)
{
    struct ga_mappings *m = change->mappings;
    struct ga_mapping_piece *piece = &m->pieces[*place];
    struct ga_mapping *mapping = piece->mapping;
    uint64_t from = addr > piece->addr ? addr : piece->addr, to = end < piece->end ? end : piece->end;
    struct ga_mapping_piece behind = {piece->process, to, piece->end, mapping};
    int result = 0;
    if (from == piece->addr)
        piece_remove(m, *place);
    else
        m->pieces[(*place)++].end = from;
    if (behind.addr < behind.end)
        result = piece_insert(m, *place, behind);
    mapping->bytes -= to - from;
    if (!result && change->ops->unmapped)
        result = change->ops->unmapped(change->user, mapping, to - from, change->call);
    if (!mapping->bytes)
        free(mapping);
    return result;
}

/* Ends what is mapped in a range, if it was made by then. */
static int cut(const struct change *change, uint64_t addr, uint64_t length, int64_t by_ns)
{
    struct ga_mappings *m = change->mappings;
    uint64_t process = change->call->header->process, end;
    if (__builtin_add_overflow(addr, whole_pages(length), &end))
        return 0;
    int result = 0;
    for (size_t place = place_of(m, process, addr); !result && place < m->count;) {
        struct ga_mapping_piece *piece = &m->pieces[place];
        if (piece->process != process || piece->addr >= end)
            break;
        if (piece->mapping->born_ns > by_ns)
            place++;
        else
            result = cut_piece(change, &place, addr, end);
    }
    return result;
}

static int add(const struct change *change, const struct ga_mapping *like)
{
    struct ga_mappings *m = change->mappings;
    struct ga_mapping *mapping = malloc(sizeof *mapping);
    if (!mapping)
        return -ENOMEM;
    *mapping = *like;
    mapping->bytes = mapping->length;
    struct ga_mapping_piece piece = {mapping->process, mapping->addr, mapping->addr + mapping->length, mapping};
    if (piece_insert(m, place_of(m, piece.process, piece.addr), piece) < 0) {
        free(mapping);
        return -ENOMEM;
    }
    return change->ops->mapped ? change->ops->mapped(change->user, mapping, change->call) : 0;
}

/* kfd's buffers are mapped by the device's render node: then the process knows the offset. */
static uint32_t handle_at(const struct ga_mappings *m, const struct ga_call_header *header, uint64_t offset, bool *elsewhere)
{
    const uint64_t *handle = ga_map_get(&m->offsets, header->file, offset);
    *elsewhere = !handle;
    handle = handle ? handle : ga_map_get(&m->offsets, header->process, offset);
    return handle && header->file ? (uint32_t)*handle : 0;
}

static bool fits(uint64_t addr, uint64_t length)
{
    uint64_t end;
    return length && length <= INT64_MAX && !__builtin_add_overflow(addr, whole_pages(length), &end);
}

static int on_mmap(const struct change *change)
{
    const struct ga_drm_mmap *record = change->call->record;
    const struct ga_call_header *header = &record->header;
    uint64_t addr = (uint64_t)header->ret;
    if (!fits(addr, record->length))
        return 0;
    /* What was there is gone: by MAP_FIXED, or by a munmap that is still to come. */
    int result = cut(change, addr, record->length, INT64_MAX);
    if (result || (!header->file && !record->dma_buf))
        return result;
    bool elsewhere;
    uint32_t handle = handle_at(change->mappings, header, record->offset, &elsewhere);
    return add(change, &(struct ga_mapping){
        .id = ++change->mappings->made, .process = header->process, .file = header->file, .device = header->device,
        .dma_buf = record->dma_buf, .offset = record->offset, .addr = addr, .length = whole_pages(record->length),
        .handle = handle, .elsewhere = handle && elsewhere, .pid = header->pid, .tid = header->tid, .call = header->call,
        .born_ns = change->call->end_ns, .info = change->call->file});
}

static int on_mremap(const struct change *change)
{
    const struct ga_drm_mremap *record = change->call->record;
    uint64_t process = record->header.process, addr = (uint64_t)record->header.ret;
    size_t place = place_of(change->mappings, process, record->old_address);
    const struct ga_mapping_piece *piece = place < change->mappings->count ? &change->mappings->pieces[place] : NULL;
    bool known = piece && piece->process == process && piece->addr <= record->old_address;
    struct ga_mapping moved = known ? *piece->mapping : (struct ga_mapping){0};
    if (!fits(addr, record->new_size) || !fits(record->old_address, record->old_size))
        return 0;
    int result = cut(change, record->old_address, record->old_size, INT64_MAX);
    if (!result)
        result = cut(change, addr, record->new_size, INT64_MAX);
    moved.addr = addr;
    moved.length = whole_pages(record->new_size);
    moved.born_ns = change->call->end_ns;
    return result || !known ? result : add(change, &moved);
}

/* An offset that a request gave for mmap, with the handle that it is of. */
static int note_offset(struct ga_mappings *m, const struct ga_call *call)
{
    const struct ga_row *row = call->row;
    const struct ga_member *handle = ga_row_member(row, row->effect.handle);
    for (const struct ga_member *member = handle ? row->members() : NULL; member && member->name; member++) {
        if (!member->mmap_offset || !ga_member_present(row, member, call->record, call->header->size, row, call->record))
            continue;
        uint64_t value = handle->out != GA_NONE ? ga_member_out(handle, call->record) : ga_member_in(handle, call->record);
        bool elsewhere = ga_driver_type(row->driver) != 'd';
        return ga_map_set(&m->offsets, elsewhere ? call->header->process : call->header->file, ga_member_out(member, call->record),
                          (uint32_t)value);
    }
    return 0;
}

int ga_mappings_call(struct ga_mappings *mappings, const struct ga_call *call, const struct ga_mappings_ops *ops, void *user)
{
    const struct change change = {mappings, call, ops, user};
    if (call->failed || call->header->marks & GA_MARK_UNREADABLE || !ga_row_is_drm(call->row))
        return 0;
    switch (ga_row_id(call->row)) {
    case GA_ROW_drm_mmap:
        return on_mmap(&change);
    case GA_ROW_drm_mremap:
        return on_mremap(&change);
    case GA_ROW_drm_munmap: {
        const struct ga_drm_munmap *record = call->record;
        return fits(record->addr, record->length) ? cut(&change, record->addr, record->length, call->begin_ns) : 0;
    }
    default:
        return note_offset(mappings, call);
    }
}

const struct ga_mapping *ga_mappings_next(const struct ga_mappings *mappings, size_t *place)
{
    while (*place < mappings->count) {
        size_t at = (*place)++;
        const struct ga_mapping_piece *piece = &mappings->pieces[at];
        bool first = true; /* of its pieces */
        for (size_t i = at; first && i-- > 0 && mappings->pieces[i].process == piece->process &&
                            mappings->pieces[i].addr >= piece->mapping->addr;)
            first = mappings->pieces[i].mapping != piece->mapping;
        if (first)
            return piece->mapping;
    }
    return NULL;
}

void ga_mappings_release(struct ga_mappings *mappings)
{
    for (size_t i = 0; i < mappings->count; i++) {
        struct ga_mapping *mapping = mappings->pieces[i].mapping;
        mapping->bytes -= mappings->pieces[i].end - mappings->pieces[i].addr;
        if (!mapping->bytes)
            free(mapping);
    }
    free(mappings->pieces);
    ga_map_release(&mappings->offsets);
    *mappings = (struct ga_mappings){0};
}
