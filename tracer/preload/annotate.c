/* Annotations: names and uses that the program itself tells. */
#include "preload/annotate.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "preload/files.h"
#include "preload/memory.h"
#include "preload/ops.h"
#include "preload/process.h"
#include "preload/thread.h"
#include "schema/records.h"

enum { KIND_SURFACE = 1, KIND_GEM = 2, KIND_DMA_BUF = 3, PAGE = 4096 };

/* A name with what it names; in words, for the table below. */
union named {
    struct {
        uint64_t handle, file, dma_buf, kind;
        char name[ANNOTATE_NAME_SIZE];
    };
    uint64_t words[4 + ANNOTATE_NAME_SIZE / 8];
};
enum { KEY_WORDS = 4, WORDS = sizeof(union named) / sizeof(uint64_t) };

/*
 * The names that hold. A slot is written while its version is odd; who finds it odd leaves it alone (a signal handler or another
 * thread is not waited for: one name fewer is kept for rundowns). A reader takes what it copied when the version has not moved:
 * who has seen a new word (acquire) sees the odd version that was stored before it (release). Fences are unknown to the thread
 * sanitizer.
 */
static struct slot {
    atomic_uint version;
    _Atomic uint64_t words[WORDS]; /* kind 0: free */
} slots[ANNOTATE_NAMES];
enum { NEAR = 8 }; /* slots that a key may be in, from its own on */

static bool slot_read(struct slot *slot, union named *named, unsigned words)
{
    unsigned version = atomic_load_explicit(&slot->version, memory_order_acquire);
    for (unsigned i = 0; i < words; i++)
        named->words[i] = atomic_load_explicit(&slot->words[i], memory_order_acquire);
    return !(version & 1) && version == atomic_load_explicit(&slot->version, memory_order_relaxed);
}

static void slot_write(struct slot *slot, const union named *named)
{
    unsigned version = atomic_load_explicit(&slot->version, memory_order_relaxed);
    if (version & 1 || !atomic_compare_exchange_strong_explicit(&slot->version, &version, version + 1, memory_order_acquire,
                                                                memory_order_relaxed))
        return;
    for (unsigned i = 0; i < WORDS; i++)
        atomic_store_explicit(&slot->words[i], named->words[i], memory_order_release);
    atomic_store_explicit(&slot->version, version + 2, memory_order_release);
}

/* Keeps a name, or forgets it when it is empty. */
static void keep(const union named *named)
{
    uint64_t hash = (named->handle ^ named->file ^ named->dma_buf << 20 ^ named->kind << 60) * 0x9e3779b97f4a7c15u;
    struct slot *own = NULL, *free_slot = NULL;
    for (unsigned i = 0; i < NEAR; i++) {
        struct slot *slot = &slots[((hash >> 40) + i) % ANNOTATE_NAMES];
        union named there;
        if (!slot_read(slot, &there, KEY_WORDS))
            continue;
        if (!memcmp(there.words, named->words, KEY_WORDS * sizeof *there.words))
            own = slot;
        else if (!there.kind && !free_slot)
            free_slot = slot;
    }
    static const union named nothing;
    if (!named->name[0]) {
        if (own)
            slot_write(own, &nothing);
        return;
    }
    slot_write(own ? own : free_slot ? free_slot : &slots[(hash >> 40) % ANNOTATE_NAMES], named);
}

/* Strings. */

static bool is_continuation(char byte) { return ((unsigned char)byte & 0xc0) == 0x80; }

/* Copies a string that may lie anywhere, cut where a character begins; false when it cannot be read. Read by pieces that end with
   a page: it may end just before memory that is not there. */
static bool read_name(char to[ANNOTATE_NAME_SIZE], const char *from, struct memory_stack stack)
{
    static const char dots[] = "…";
    uint32_t used = 0;
    while (used < ANNOTATE_NAME_SIZE) {
        uint64_t at = (uint64_t)(uintptr_t)from + used;
        uint32_t piece = PAGE - (uint32_t)(at % PAGE);
        if (piece > ANNOTATE_NAME_SIZE - used)
            piece = ANNOTATE_NAME_SIZE - used;
        if (memory_read_one(at, to + used, piece, stack) != MEMORY_OK)
            return false;
        const char *end = memchr(to + used, 0, piece);
        if (end) {
            memset(to + (end - to), 0, (size_t)(ANNOTATE_NAME_SIZE - (end - to)));
            return true;
        }
        used += piece;
    }
    uint32_t cut = ANNOTATE_NAME_SIZE - sizeof dots;
    while (cut > ANNOTATE_NAME_SIZE - sizeof dots - 4 && is_continuation(to[cut]))
        cut--;
    memset(to + cut, 0, ANNOTATE_NAME_SIZE - cut);
    memcpy(to + cut, dots, sizeof dots);
    return true;
}

static void emit_name(const union named *named, uint32_t tid)
{
    struct ga_gpualloc_annotate_name record = {
        .process = capture_process.instance,
        .tid = tid,
        .kind = (uint32_t)named->kind,
        .handle = named->handle,
        .file = named->file,
        .dma_buf = named->dma_buf,
        .name = named->name,
    };
    capture_ops->emit(GA_ROW_gpualloc_annotate_name, &record);
}

static uint64_t file_of(uint32_t kind, int fd)
{
    struct files_file *file = kind == KIND_GEM ? files_find(fd) : NULL;
    return file ? file->id : 0;
}

static uint64_t dma_buf_of(uint32_t kind, int fd)
{
    struct stat status;
    return kind == KIND_DMA_BUF && fstat(fd, &status) == 0 ? status.st_ino : 0;
}

void annotate_name(uint32_t kind, int fd, uint64_t handle, const char *name, uintptr_t frame)
{
    int saved = errno;
    struct capture_thread *thread = thread_self();
    union named named = {.handle = kind == KIND_DMA_BUF ? 0 : handle, .kind = kind};
    if (kind < KIND_SURFACE || kind > KIND_DMA_BUF) /* a newer header's */
        return;
    if (name && !read_name(named.name, name, thread_stack(thread, frame))) {
        process_trouble(PROCESS_TROUBLE_NAME);
        errno = saved;
        return;
    }
    process_announce();
    named.file = file_of(kind, fd);
    named.dma_buf = dma_buf_of(kind, fd);
    keep(&named);
    if (capture_ops->enabled(GA_ROW_gpualloc_annotate_name))
        emit_name(&named, thread->tid);
    errno = saved;
}

void annotate_part(uint32_t kind, int fd, uint64_t handle, uint64_t object, uint64_t offset, uint64_t size, uint32_t usage,
                   uint32_t semantic, bool mapped)
{
    int saved = errno;
    if (!capture_ops->enabled(GA_ROW_gpualloc_annotate_part))
        return;
    process_announce();
    struct ga_gpualloc_annotate_part record = {
        .process = capture_process.instance,
        .tid = thread_self()->tid,
        .mapped = mapped,
        .kind = kind,
        .handle = handle,
        .file = file_of(kind, fd),
        .object = object,
        .offset = offset,
        .size = size,
        .usage = usage,
        .semantic = semantic,
    };
    capture_ops->emit(GA_ROW_gpualloc_annotate_part, &record);
    errno = saved;
}

void annotate_rundown(void)
{
    if (!capture_ops->enabled(GA_ROW_gpualloc_annotate_name))
        return;
    for (unsigned i = 0; i < ANNOTATE_NAMES; i++) {
        union named named;
        if (slot_read(&slots[i], &named, WORDS) && named.kind)
            emit_name(&named, 0);
    }
}
