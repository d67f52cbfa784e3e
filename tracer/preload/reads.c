/* Reads of the program's memory, collected: see reads.h. */
#include "preload/reads.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/blobs.h"
#include "preload/process.h"

enum { BATCH_SIZE = 512 * 1024 }; /* bytes of private data read at once */

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
void *reads_room(struct capture_call *call, uint64_t size)
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

void reads_flush(struct capture_call *call)
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

void reads_add(struct capture_call *call, struct memory_read r, uint64_t *hash, uint8_t *result)
{
    struct queue *queue = queue_of(call);
    if (queue->count == MEMORY_BATCH)
        reads_flush(call);
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

/* Queues private data; its hash arrives with reads_flush at the latest. */
void reads_blob(struct capture_call *call, uint64_t from, uint64_t size, uint64_t *hash)
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
        reads_flush(call);
    char *to = (char *)queue + ARRAYS_SIZE + queue->batch_used;
    queue->batch_used += align8((uint32_t)size);
    reads_add(call, (struct memory_read){.from = from, .to = to, .size = (uint32_t)size}, hash, NULL);
}

/* Private data after the call. What was no content before it (null, empty, too large) is none now. */
void reads_blob_after(struct capture_call *call, uint64_t from, uint64_t size, uint64_t before, uint64_t *hash)
{
    if (before < GA_BLOB_FIRST_HASH)
        *hash = before;
    else
        reads_blob(call, from, size, hash);
}
