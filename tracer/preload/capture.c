/* Capture of one call. */
#include "preload/capture.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "preload/elements.h"
#include "preload/extents.h"
#include "preload/fences.h"
#include "preload/files.h"
#include "preload/ops.h"
#include "preload/process.h"
#include "preload/reads.h"

enum { CALL_BUDGET = 64 * 1024 * 1024 }; /* bytes of private data kept of one call: elements may all name the same 16 MiB */

/* Members. */

/* Whether the member is in a structure of this size, and its union arm the active one. */
bool capture_present(const struct shape_step *step, uint32_t size, const char *structure, const struct capture_call *call)
{
    if (step->offset == GA_NONE || (uint32_t)step->offset + step->width > size)
        return false;
    if (!step->arm_width)
        return true;
    const char *holder = step->arm_of_call ? call->in.bytes : structure;
    uint32_t holder_size = step->arm_of_call ? call->size : size;
    bool there = (uint32_t)step->arm_offset + step->arm_width <= holder_size;
    uint64_t value = there ? ga_load(holder + step->arm_offset, step->arm_width, false) : 0;
    return ga_arm_active((enum ga_arm_test)step->arm_test, value, step->arm_value);
}

/* Before the call. */

/* The integers of an array, at a pointer or in the structure itself; before the call, or after it when they are a result. */
static void take_array(struct capture_call *call, const struct shape_step *step, const char *structure)
{
    uint64_t count = shape_count(step, structure, call->size);
    uint64_t address = step->room ? 0 : ga_load(structure + step->offset, 8, false);
    if ((!address && !step->room) || !count)
        return;
    if (count > GA_ARRAY_MAX) {
        process_trouble(PROCESS_TROUBLE_ARRAY_SIZE);
        count = GA_ARRAY_MAX;
    }
    uint32_t size = (uint32_t)count * step->entry;
    char *list = reads_room(call, size);
    if (!list || (step->room && step->offset + size > call->size))
        return;
    /* A list that cannot be read has length 0, whatever the count member says. */
    if (step->room)
        memcpy(list, structure + step->offset, size);
    if (step->room || memory_read_one(address, list, size, call->stack) == MEMORY_OK) {
        shape_store_u32(&call->record, step->length, (uint32_t)count);
        memcpy((char *)&call->record + step->in, &list, sizeof list);
    }
}

static void begin_step(struct capture_call *call, const struct shape_step *step)
{
    const char *in = call->in.bytes;
    void *record = &call->record;
    if (step->layout == GA_LAYOUT_HERE && step->kind == GA_ELEMENTS) {
        shape_store_u64(record, step->address, call->argument + step->at);
        elements_begin(call, step);
        return;
    }
    if (!capture_present(step, call->size, in, call))
        return;
    if (shape_is_value(step)) {
        if (step->in != GA_NONE)
            shape_store(record, step->in, in + step->offset, step->width);
        return;
    }
    uint64_t address = step->room ? 0 : ga_load(in + step->offset, 8, false);
    if (!step->room)
        shape_store_u64(record, step->address, address);
    if (step->kind == GA_ARRAY && step->direction & GA_IN)
        take_array(call, step, in);
    else if (step->kind == GA_ELEMENTS)
        elements_begin(call, step);
    else if (step->kind == GA_BLOB && step->in != GA_NONE)
        reads_blob(call, address, shape_count(step, in, call->size), (uint64_t *)((char *)record + step->in));
}

static void begin_inputs(struct capture_call *call)
{
    for (unsigned s = 0; s < call->shape->step_count; s++)
        begin_step(call, &call->shape->steps[s]);
    elements_read(call);
    reads_flush(call);
}

void capture_begin(struct capture_call *call, const struct capture_target *target)
{
    int saved = errno;
    const struct shape *shape = &shapes[target->row];
    process_announce();
    call->shape = shape;
    call->thread = thread_self();
    call->scratch = NULL;
    call->stack = target->own ? (struct memory_stack){target->argument, target->argument + target->size}
                              : thread_stack(call->thread, target->frame);
    call->argument = target->argument;
    call->size = target->size;
    call->budget = CALL_BUDGET;
    call->older = target->older;
    call->elements = call->last_elements = NULL;
    memset(&call->record, 0, shape->row->record_size);
    call->record.header = (struct ga_call_header){
        .process = capture_process.instance,
        .call = thread_take_number(call->thread),
        .pid = (uint32_t)capture_process.pid,
        .tid = call->thread->tid,
        .thread = call->thread->ordinal,
        .size = target->size,
        .layer = target->layer,
        .marks = target->marks | (target->older ? GA_MARK_OLDER : 0),
        .file = target->file,
        .device = target->device,
    };
    call->readable = memory_read_one(target->argument, &call->in, target->size, call->stack) == MEMORY_OK;
    if (call->readable)
        begin_inputs(call);
    else
        call->record.header.marks |= GA_MARK_UNREADABLE;
    if (ga_row_is_d3dkmt(shape->row)) {
        fences_look();
        fences_begin(target->row, &call->record);
    }
    errno = saved;
    call->record.header.begin = capture_ops->clock();
}

/* After the call. */

/* A dma-buf's identity; its descriptor is known as one from now on. */
static uint64_t inode_of(int64_t fd)
{
    struct stat status;
    if (fd < 0 || fstat((int)fd, &status) != 0)
        return 0;
    files_note_dma_buf((int)fd);
    return status.st_ino;
}

/* A value after the call: an output only of a call that did not fail. What cannot be read back stays 0, or as it was. */
void capture_end_value(const struct shape_step *step, void *record, const char *in, const char *out, bool failed)
{
    if (step->out == GA_NONE || (step->direction == GA_OUT && (failed || !out)))
        return;
    shape_store(record, step->out, (out ? out : in) + step->offset, step->width);
}

/* Everything that is to be read after the call, which left the structure as in out. */
static void end_read(struct capture_call *call, const char *out, bool failed)
{
    char *record = (char *)&call->record;
    for (unsigned s = 0; s < call->shape->step_count; s++) {
        const struct shape_step *step = &call->shape->steps[s];
        if (!capture_present(step, call->size, call->in.bytes, call))
            continue;
        if (step->kind == GA_ARRAY && step->direction == GA_OUT && !failed)
            take_array(call, step, step->room ? call->out.bytes : call->in.bytes);
        if (step->kind != GA_BLOB || step->out == GA_NONE || (step->in == GA_NONE && failed))
            continue;
        uint64_t from = ga_load(call->in.bytes + step->offset, 8, false), size = shape_count(step, call->in.bytes, call->size);
        uint64_t *hash = (uint64_t *)(record + step->out);
        if (step->in == GA_NONE && ga_row_is_drm(call->shape->row)) /* D3DKMT's come whole, as the program sees them */
            size = shape_result_size(step, call->in.bytes, out, call->size);
        if (step->in == GA_NONE)
            reads_blob(call, from, size, hash);
        else
            reads_blob_after(call, from, size, ga_load(record + step->in, 8, false), hash);
    }
    elements_read_after(call, failed);
    reads_flush(call);
}

static void end_results(struct capture_call *call, bool failed)
{
    const char *out = call->in.bytes;
    if (call->shape->reads_back) {
        out = call->out.bytes;
        if (memory_read_one(call->argument, &call->out, call->size, call->stack) != MEMORY_OK) {
            process_trouble(PROCESS_TROUBLE_READ_BACK);
            memcpy(&call->out, &call->in, call->size);
            failed = true;
        }
    }
    for (unsigned s = 0; s < call->shape->step_count; s++) {
        const struct shape_step *step = &call->shape->steps[s];
        if (shape_is_value(step) && capture_present(step, call->size, call->in.bytes, call))
            capture_end_value(step, &call->record, call->in.bytes, out, failed);
        else if (step->kind == GA_INODE && !failed)
            shape_store_u64(&call->record, step->out,
                            inode_of(step->one ? call->record.header.ret : (int32_t)shape_count(step, out, call->size)));
    }
    if (call->shape->points)
        end_read(call, out, failed);
    elements_emit(call, failed);
}

void capture_end(struct capture_call *call, int64_t ret, int error)
{
    int saved = errno;
    struct ga_call_header *header = &call->record.header;
    header->end = capture_ops->clock();
    header->ret = ret;
    header->error = error;
    const struct ga_row *row = call->shape->row;
    bool failed = ga_call_failed(row, header);
    if (call->readable)
        end_results(call, failed);
    capture_ops->emit(ga_row_id(row), &call->record);
    if (ga_row_is_d3dkmt(row)) {
        fences_end(ga_row_id(row), &call->record, failed || !call->readable);
        fences_look();
    }
    if (!failed)
        extents_sent(ga_row_id(row), &call->record);
    thread_scratch_release(call->scratch);
    errno = saved;
}
