/* Capture of one call. */
#include "preload/capture.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/blobs.h"
#include "preload/extents.h"
#include "preload/fences.h"
#include "preload/ops.h"
#include "preload/process.h"

enum {
    BATCH_SIZE = 512 * 1024,          /* bytes of private data read at once */
    CALL_BUDGET = 64 * 1024 * 1024,   /* bytes of private data kept of one call: elements may all name the same 16 MiB */
};

/*
 * The reads of a stage, collected and done by one system call. It lives at the beginning of the scratch memory; behind it are the
 * call's arrays (growing), and at the end the batch, where private data stays just long enough to be hashed and sent.
 */
struct queue {
    unsigned count;
    uint32_t batch_used;
    struct memory_read reads[MEMORY_BATCH];
    uint64_t *hashes[MEMORY_BATCH]; /* private data: where its hash goes; else null */
    uint8_t *results[MEMORY_BATCH]; /* else: where the result goes */
    struct iovec vector[2 * MEMORY_BATCH];
};
#define ARRAYS_SIZE (THREAD_SCRATCH_SIZE - BATCH_SIZE)

static uint32_t align8(uint32_t size) { return (size + 7) & ~7u; }

/* The scratch memory's queue; null when there is no memory. */
static struct queue *queue_of(struct capture_call *call)
{
    if (!call->scratch) {
        call->scratch = thread_scratch_acquire(call->thread, call->stack.low ? call->stack.low : (uintptr_t)call);
        if (!call->scratch)
            return NULL;
        struct queue *queue = (struct queue *)atomic_load(&call->scratch->memory);
        queue->count = queue->batch_used = 0;
        call->used = align8(sizeof *queue);
    }
    return (struct queue *)atomic_load(&call->scratch->memory);
}

/* Room for an array in the scratch memory; null when it is full, which the caps on counts make impossible for valid calls. */
static void *take(struct capture_call *call, uint64_t size)
{
    if (!queue_of(call))
        return NULL;
    if (size > ARRAYS_SIZE - call->used) {
        process_trouble(PROCESS_TROUBLE_NO_MEMORY);
        return NULL;
    }
    void *room = atomic_load(&call->scratch->memory) + call->used;
    call->used += align8((uint32_t)size);
    return room;
}

static uint64_t state_of(enum memory_result result)
{
    return result == MEMORY_REFUSED ? GA_BLOB_REFUSED : GA_BLOB_UNREADABLE;
}

static void queue_flush(struct capture_call *call)
{
    if (!call->scratch)
        return;
    struct queue *queue = queue_of(call);
    memory_read(queue->reads, queue->count, call->stack, queue->vector, MEMORY_BATCH);
    for (unsigned i = 0; i < queue->count; i++) {
        struct memory_read *r = &queue->reads[i];
        if (!queue->hashes[i])
            *queue->results[i] = r->result;
        else
            *queue->hashes[i] = r->result == MEMORY_OK ? blobs_send(r->to, r->size) : state_of(r->result);
    }
    queue->count = queue->batch_used = 0;
}

static void queue_add(struct capture_call *call, struct memory_read r, uint64_t *hash, uint8_t *result)
{
    struct queue *queue = queue_of(call);
    if (queue->count == MEMORY_BATCH)
        queue_flush(call);
    queue->reads[queue->count] = r;
    queue->hashes[queue->count] = hash;
    queue->results[queue->count++] = result;
}

/* One blob that does not fit the batch: in memory of its own. */
static uint64_t read_large(struct capture_call *call, uint64_t from, uint32_t size)
{
    size_t room = align8(size);
    long memory = syscall(SYS_mmap, NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    if (memory == -1) {
        process_trouble(PROCESS_TROUBLE_NO_MEMORY);
        return GA_BLOB_REFUSED;
    }
    enum memory_result result = memory_read_one(from, (void *)memory, size, call->stack);
    uint64_t hash = result == MEMORY_OK ? blobs_send((void *)memory, size) : state_of(result);
    (void)syscall(SYS_munmap, memory, room);
    return hash;
}

/* Queues private data; its hash arrives with queue_flush at the latest. */
static void blob_add(struct capture_call *call, uint64_t from, uint64_t size, uint64_t *hash)
{
    *hash = GA_BLOB_REFUSED;
    if (!from || !size) {
        *hash = from ? GA_BLOB_EMPTY : GA_BLOB_NULL;
        return;
    }
    if (size > GA_BLOB_MAX || size > call->budget) {
        process_trouble(PROCESS_TROUBLE_BLOB_SIZE);
        return;
    }
    struct queue *queue = queue_of(call);
    if (!queue)
        return;
    call->budget -= size;
    if (size > BATCH_SIZE) {
        *hash = read_large(call, from, (uint32_t)size);
        return;
    }
    if (queue->count == MEMORY_BATCH || queue->batch_used + align8((uint32_t)size) > BATCH_SIZE)
        queue_flush(call);
    char *to = (char *)queue + ARRAYS_SIZE + queue->batch_used;
    queue->batch_used += align8((uint32_t)size);
    queue_add(call, (struct memory_read){.from = from, .to = to, .size = (uint32_t)size}, hash, NULL);
}

/* Private data after the call. What was no content before it (null, empty, too large) is none now. */
static void blob_add_after(struct capture_call *call, uint64_t from, uint64_t size, uint64_t before, uint64_t *hash)
{
    if (before < GA_BLOB_FIRST_HASH)
        *hash = before;
    else
        blob_add(call, from, size, hash);
}

/* Members. */

static bool is_value(const struct shape_step *step)
{
    return step->kind == GA_INT || step->kind == GA_FLAGS || step->kind == GA_PTR;
}

/* Whether the member is in a structure of this size, and its union arm the active one. */
static bool is_present(const struct shape_step *step, uint32_t size, const char *structure, const struct capture_call *call)
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

/* The count member of a pointer: 0 when it lies beyond the structure. */
static uint64_t count_of(const struct shape_step *step, const char *structure, uint32_t size)
{
    if (step->one)
        return 1;
    if (step->room && !step->count_width)
        return step->room;
    if ((uint32_t)step->count_offset + step->count_width > size)
        return 0;
    uint64_t count = ga_load(structure + step->count_offset, step->count_width, false);
    if (step->room && count > step->room)
        return step->room;
    return step->least_one && !count ? 1 : count;
}

static void store(void *record, uint16_t offset, const char *from, unsigned width)
{
    if (width == 4)
        memcpy((char *)record + offset, from, 4);
    else if (width == 8)
        memcpy((char *)record + offset, from, 8);
    else
        memcpy((char *)record + offset, from, width);
}

static void store_u64(void *record, uint16_t offset, uint64_t value) { memcpy((char *)record + offset, &value, sizeof value); }
static void store_u32(void *record, uint16_t offset, uint32_t value) { memcpy((char *)record + offset, &value, sizeof value); }

/* Before the call. */

/* The integers of an array, at a pointer or in the structure itself; before the call, or after it when they are a result. */
static void take_array(struct capture_call *call, const struct shape_step *step, const char *structure)
{
    uint64_t count = count_of(step, structure, call->size);
    uint64_t address = step->room ? 0 : ga_load(structure + step->offset, 8, false);
    if ((!address && !step->room) || !count)
        return;
    if (count > GA_ARRAY_MAX) {
        process_trouble(PROCESS_TROUBLE_ARRAY_SIZE);
        count = GA_ARRAY_MAX;
    }
    uint32_t size = (uint32_t)count * step->entry;
    char *list = take(call, size);
    if (!list || (step->room && step->offset + size > call->size))
        return;
    /* A list that cannot be read has length 0, whatever the count member says. */
    if (step->room)
        memcpy(list, structure + step->offset, size);
    if (step->room || memory_read_one(address, list, size, call->stack) == MEMORY_OK) {
        store_u32(&call->record, step->length, (uint32_t)count);
        memcpy((char *)&call->record + step->in, &list, sizeof list);
    }
}

/* The blobs of an element, before or after the call, by the pointers that the program passed. */
static void element_blobs(struct capture_call *call, struct capture_elements *elements, bool after)
{
    const struct shape *shape = &shapes[elements->step->element];
    for (unsigned s = 0; s < shape->step_count; s++) {
        const struct shape_step *step = &shape->steps[s];
        if (step->kind != GA_BLOB || (after && !(step->direction & GA_OUT)))
            continue;
        uint64_t *hashes = after ? elements->out_hashes : elements->in_hashes;
        for (uint32_t i = 0; hashes && i < elements->count; i++) {
            const char *structure = elements->in + (size_t)i * elements->size;
            uint64_t from = ga_load(structure + step->offset, 8, false), size = count_of(step, structure, elements->size);
            if (!is_present(step, elements->size, structure, call))
                hashes[i] = GA_BLOB_NULL;
            else if (after)
                blob_add_after(call, from, size, elements->in_hashes[i], &hashes[i]);
            else
                blob_add(call, from, size, &hashes[i]);
        }
    }
}

static bool has_blobs(const struct shape *shape)
{
    for (unsigned s = 0; s < shape->step_count; s++)
        if (shape->steps[s].kind == GA_BLOB)
            return true;
    return false;
}

/* Room for the elements, and their content before the call when they are an input. */
static void begin_elements(struct capture_call *call, const struct shape_step *step, uint64_t address)
{
    struct capture_elements *elements = &call->elements[step->index];
    uint64_t count = count_of(step, call->in.bytes, call->size);
    if (!address || !count || !capture_ops->enabled((enum ga_row_id)step->element))
        return;
    if (count > GA_ELEMENTS_MAX) {
        process_trouble(PROCESS_TROUBLE_ARRAY_SIZE);
        count = GA_ELEMENTS_MAX;
    }
    const struct shape *shape = &shapes[step->element];
    uint32_t size = call->older && step->older_size ? step->older_size : shape->row->abi_size;
    *elements = (struct capture_elements){.step = step, .address = address, .count = (uint32_t)count, .size = size};
    elements->in_result = elements->out_result = MEMORY_UNREADABLE;
    if (!(step->direction & GA_IN))
        return;
    elements->in = take(call, count * size);
    bool blobs = has_blobs(shape);
    if (elements->in && blobs)
        elements->in_hashes = take(call, count * sizeof(uint64_t));
    if (!elements->in || (blobs && !elements->in_hashes)) {
        elements->step = NULL; /* no memory, which was said: none captured */
        return;
    }
    queue_add(call, (struct memory_read){.from = address, .to = elements->in, .size = (uint32_t)count * size}, NULL,
              &elements->in_result);
}

static void begin_step(struct capture_call *call, const struct shape_step *step)
{
    const char *in = call->in.bytes;
    void *record = &call->record;
    if (!is_present(step, call->size, in, call))
        return;
    if (is_value(step)) {
        if (step->in != GA_NONE)
            store(record, step->in, in + step->offset, step->width);
        return;
    }
    uint64_t address = step->room ? 0 : ga_load(in + step->offset, 8, false);
    if (!step->room)
        store_u64(record, step->address, address);
    if (step->kind == GA_ARRAY && step->direction & GA_IN)
        take_array(call, step, in);
    else if (step->kind == GA_ELEMENTS)
        begin_elements(call, step, address);
    else if (step->kind == GA_BLOB && step->in != GA_NONE)
        blob_add(call, address, count_of(step, in, call->size), (uint64_t *)((char *)record + step->in));
}

static void begin_inputs(struct capture_call *call)
{
    for (unsigned s = 0; s < call->shape->step_count; s++)
        begin_step(call, &call->shape->steps[s]);
    if (!call->scratch)
        return;
    queue_flush(call);
    for (unsigned i = 0; i < SHAPE_ELEMENTS; i++)
        if (call->elements[i].in_hashes && call->elements[i].in_result == MEMORY_OK)
            element_blobs(call, &call->elements[i], false);
    queue_flush(call);
}

void capture_begin(struct capture_call *call, const struct capture_target *target)
{
    int saved = errno;
    const struct shape *shape = &shapes[target->row];
    process_announce();
    call->shape = shape;
    call->thread = thread_self();
    call->scratch = NULL;
    call->stack = thread_stack(call->thread, target->frame);
    call->argument = target->argument;
    call->size = target->size;
    call->budget = CALL_BUDGET;
    call->older = target->older;
    memset(call->elements, 0, sizeof call->elements);
    memset(&call->record, 0, shape->row->record_size);
    call->record.header = (struct ga_call_header){
        .process = capture_process.instance,
        .call = atomic_fetch_add_explicit(&call->thread->calls, 1, memory_order_relaxed) + 1,
        .pid = (uint32_t)capture_process.pid,
        .tid = call->thread->tid,
        .thread = call->thread->ordinal,
        .size = target->size,
        .layer = target->layer,
        .marks = target->marks,
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

static uint64_t inode_of(int64_t fd)
{
    struct stat status;
    return fd >= 0 && fstat((int)fd, &status) == 0 ? status.st_ino : 0;
}

/* The elements as the call left them. Outputs alone: as many as it said, within the room that the program gave. */
static void end_elements(struct capture_call *call, struct capture_elements *elements, bool failed)
{
    if (!elements->in) {
        uint64_t count = failed ? 0 : count_of(elements->step, call->out.bytes, call->size);
        elements->count = count < elements->count ? (uint32_t)count : elements->count;
        if (!elements->count)
            return;
    } else if (elements->in_result != MEMORY_OK) {
        elements->count = 0;
        return;
    }
    const struct shape *shape = &shapes[elements->step->element];
    if (!shape->reads_back && !elements->in_hashes)
        return;
    elements->out = take(call, (uint64_t)elements->count * elements->size);
    if (!elements->out)
        return;
    struct memory_read r = {.from = elements->address, .to = elements->out, .size = elements->count * elements->size};
    queue_add(call, r, NULL, &elements->out_result);
    if (elements->in_hashes && (elements->out_hashes = take(call, elements->count * sizeof(uint64_t))))
        element_blobs(call, elements, true);
}

/* A value after the call: an output only of a call that did not fail. What cannot be read back stays 0, or as it was. */
static void end_value(const struct shape_step *step, void *record, const char *in, const char *out, bool failed)
{
    if (step->out == GA_NONE || (step->direction == GA_OUT && (failed || !out)))
        return;
    store(record, step->out, (out ? out : in) + step->offset, step->width);
}

static void emit_elements(struct capture_call *call, const struct capture_elements *elements, bool failed)
{
    const struct shape *shape = &shapes[elements->step->element];
    union ga_record record;
    for (uint32_t i = 0; i < elements->count; i++) {
        const char *in = elements->in ? elements->in + (size_t)i * elements->size : NULL;
        const char *out = elements->out_result == MEMORY_OK ? elements->out + (size_t)i * elements->size : NULL;
        memset(&record, 0, shape->row->record_size);
        record.element = (struct ga_element_header){
            .process = call->record.header.process, .call = call->record.header.call,
            .thread = call->record.header.thread, .index = i, .size = elements->size};
        for (unsigned s = 0; s < shape->step_count; s++) {
            const struct shape_step *step = &shape->steps[s];
            if (!is_present(step, elements->size, in ? in : out, call))
                continue;
            if (is_value(step)) {
                if (in && step->in != GA_NONE)
                    store(&record, step->in, in + step->offset, step->width);
                end_value(step, &record, in ? in : out, out, failed);
            } else if (step->kind == GA_BLOB && in) {
                store(&record, step->address, in + step->offset, 8);
                store_u64(&record, step->in, elements->in_hashes[i]);
                if (step->out != GA_NONE)
                    store_u64(&record, step->out, elements->out_hashes ? elements->out_hashes[i] : elements->in_hashes[i]);
            }
        }
        capture_ops->emit((enum ga_row_id)elements->step->element, &record);
        if (!failed)
            extents_sent((enum ga_row_id)elements->step->element, &record);
    }
}

/* Everything that is to be read after the call. */
static void end_read(struct capture_call *call, bool failed)
{
    char *record = (char *)&call->record;
    for (unsigned s = 0; s < call->shape->step_count; s++) {
        const struct shape_step *step = &call->shape->steps[s];
        if (!is_present(step, call->size, call->in.bytes, call))
            continue;
        if (step->kind == GA_ARRAY && step->direction == GA_OUT && !failed)
            take_array(call, step, call->in.bytes);
        if (step->kind != GA_BLOB || step->out == GA_NONE || (step->in == GA_NONE && failed))
            continue;
        uint64_t from = ga_load(call->in.bytes + step->offset, 8, false), size = count_of(step, call->in.bytes, call->size);
        if (step->in == GA_NONE)
            blob_add(call, from, size, (uint64_t *)(record + step->out));
        else
            blob_add_after(call, from, size, ga_load(record + step->in, 8, false), (uint64_t *)(record + step->out));
    }
    for (unsigned i = 0; i < SHAPE_ELEMENTS; i++)
        if (call->elements[i].step)
            end_elements(call, &call->elements[i], failed);
    queue_flush(call);
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
        if (is_value(step) && is_present(step, call->size, call->in.bytes, call))
            end_value(step, &call->record, call->in.bytes, out, failed);
        else if (step->kind == GA_INODE && !failed)
            store_u64(&call->record, step->out, inode_of((int32_t)count_of(step, out, call->size)));
    }
    if (call->shape->points)
        end_read(call, failed);
    for (unsigned i = 0; i < SHAPE_ELEMENTS; i++) {
        struct capture_elements *elements = &call->elements[i];
        if (!elements->step || (!elements->in && elements->out_result != MEMORY_OK))
            continue;
        store_u32(&call->record, elements->step->in, elements->count);
        emit_elements(call, elements, failed);
    }
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
