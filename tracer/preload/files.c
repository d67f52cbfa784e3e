/* The descriptor table. */
#include "preload/files.h"

#include <assert.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/d3dkmt.h"
#include "preload/debug.h"
#include "preload/ops.h"
#include "preload/process.h"
#include "schema/records.h"

enum {
    FILES = 1024,
    DRIVERS = 32,
    LEAF = 4096,  /* descriptors in one piece of the table */
    LEAVES = 256, /* 1,048,576 descriptors: the kernel's default limit (fs.nr_open) */
    ATTEMPTS = 4,
    /* What an entry's low bits say; from FIRST_FILE on, a slot of files[]. */
    UNKNOWN = 0,
    OTHER = 1,
    DMA_BUF = 2,
    FIRST_FILE = 3,
    STATE_BITS = 16,
    STATE_MASK = (1 << STATE_BITS) - 1,
};
static_assert((int)GA_ROW_COUNT < (int)FILES_NO_ROW, "a row's number fits struct files_driver.rows");

/* An entry is a state and, above it, a version that every change raises: who identified a descriptor while it was closed and made
   anew by another thread fails to store what it found. */
typedef atomic_ullong entry_t;
static entry_t first_leaf[LEAF];
static _Atomic(entry_t *) leaves[LEAVES];

static struct files_file files[FILES];
static struct files_driver drivers[DRIVERS];
static atomic_uint file_count; /* ids given out */
static atomic_flag locked = ATOMIC_FLAG_INIT;
static sigset_t fork_signals;

/* All signals are blocked, so that no handler can want the lock that its own thread holds. */
static void lock(sigset_t *signals)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, signals);
    while (atomic_flag_test_and_set_explicit(&locked, memory_order_acquire))
        sched_yield();
}

static void unlock(const sigset_t *signals)
{
    atomic_flag_clear_explicit(&locked, memory_order_release);
    pthread_sigmask(SIG_SETMASK, signals, NULL);
}

/* The entry of a descriptor; null when it has none (and make is false, or there is no memory, or the number is too high). */
static entry_t *entry_of(int fd, bool make)
{
    if (fd < 0 || fd >= LEAF * LEAVES)
        return NULL;
    if (fd < LEAF)
        return &first_leaf[fd];
    entry_t *leaf = atomic_load_explicit(&leaves[fd / LEAF], memory_order_acquire);
    if (!leaf && make) {
        long made = syscall(SYS_mmap, NULL, sizeof first_leaf, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
        if (made == -1)
            return NULL;
        if (atomic_compare_exchange_strong(&leaves[fd / LEAF], &leaf, (entry_t *)made))
            leaf = (entry_t *)made;
        else
            (void)syscall(SYS_munmap, made, sizeof first_leaf);
    }
    return leaf ? leaf + fd % LEAF : NULL;
}

static unsigned state_of(uint64_t word) { return (unsigned)(word & STATE_MASK); }
static uint64_t next_word(uint64_t word, unsigned state) { return ((word >> STATE_BITS) + 1) << STATE_BITS | state; }

/* Sets an entry's state and returns the one before. */
static unsigned entry_exchange(entry_t *entry, unsigned state)
{
    uint64_t word = atomic_load(entry);
    while (!atomic_compare_exchange_weak(entry, (unsigned long long *)&word, next_word(word, state)))
        ;
    return state_of(word);
}

static struct files_file *file_of(unsigned state) { return state >= FIRST_FILE ? &files[state - FIRST_FILE] : NULL; }
static unsigned state_of_file(const struct files_file *file) { return FIRST_FILE + (unsigned)(file - files); }

/* Some descriptor that leads to the file, or -1. The table is walked whole: rare. */
static int find_descriptor(const struct files_file *file)
{
    for (int leaf = 0; leaf < LEAVES; leaf++) {
        entry_t *entries = leaf ? atomic_load(&leaves[leaf]) : first_leaf;
        for (int i = 0; entries && i < LEAF; i++)
            if (state_of(atomic_load_explicit(&entries[i], memory_order_relaxed)) == state_of_file(file))
                return leaf * LEAF + i;
    }
    return -1;
}

static void emit_file(const struct files_file *file)
{
    struct ga_gpualloc_file record = {
        .process = capture_process.instance,
        .file = file->id,
        .device = file->device,
        .fd = file->fd,
        .path = file->path,
        .driver = file->driver->name,
        .driver_version = file->driver->version,
    };
    if (capture_ops->enabled(GA_ROW_gpualloc_file))
        capture_ops->emit(GA_ROW_gpualloc_file, &record);
}

/* One descriptor of the file less; the file's id when it was the last, else 0. Locked. */
static uint64_t drop(struct files_file *file, int fd)
{
    if (--file->references == 0)
        return file->id;
    if (file->fd == fd)
        file->fd = find_descriptor(file);
    return 0;
}

static void emit_closed(uint64_t id, uint64_t begin)
{
    struct ga_gpualloc_file_closed record = {.process = capture_process.instance, .file = id, .begin = begin};
    if (id && capture_ops->enabled(GA_ROW_gpualloc_file_closed))
        capture_ops->emit(GA_ROW_gpualloc_file_closed, &record);
}

static struct files_driver *driver_of(const struct capture_probe *probe)
{
    for (struct files_driver *driver = drivers; driver < drivers + DRIVERS; driver++) {
        if (driver->used && (strcmp(driver->name, probe->driver) != 0 || strcmp(driver->version, probe->version) != 0))
            continue;
        if (driver->used)
            return driver;
        memcpy(driver->name, probe->driver, sizeof driver->name);
        memcpy(driver->version, probe->version, sizeof driver->version);
        driver->dxg = probe->dxg;
        driver->type = (char)(probe->dxg ? DXG_IOCTL_TYPE : ga_driver_type(driver->name));
        for (unsigned number = 0; number < 256; number++) {
            const struct ga_row *row = probe->dxg ? ga_row_dxg(number) : ga_row_drm(driver->name, number);
            driver->rows[number] = row ? (uint16_t)ga_row_id(row) : FILES_NO_ROW;
        }
        driver->used = true;
        return driver;
    }
    return NULL;
}

/* trouble is set when the question is forbidden here: told by the caller, without the lock. */
static bool same_file(int a, int b, int *trouble)
{
    long order = syscall(SYS_kcmp, (long)capture_process.pid, (long)capture_process.pid, (long)KCMP_FILE, (long)a, (long)b);
    if (order < 0 && errno != EBADF)
        *trouble = PROCESS_TROUBLE_COMPARE_FORBIDDEN;
    return order == 0;
}

/* The file of a descriptor that was just probed: a known one, or a new one, with one reference more. Locked. */
static struct files_file *file_find_or_make(int fd, const struct capture_probe *probe, int *trouble)
{
    struct files_file *vacant = NULL;
    for (struct files_file *file = files; file < files + FILES; file++) {
        if (!file->references)
            vacant = vacant ? vacant : file;
        else if (file->fd >= 0 && file->device == probe->device && strcmp(file->driver->name, probe->driver) == 0 &&
                 same_file(fd, file->fd, trouble)) {
            file->references++;
            return file;
        }
    }
    struct files_driver *driver = driver_of(probe);
    if (!vacant || !driver) {
        *trouble = PROCESS_TROUBLE_FILES_FULL;
        return NULL;
    }
    uint64_t id = capture_process.instance ^ (atomic_fetch_add(&file_count, 1) + 1) * 0x9e3779b97f4a7c15u;
    *vacant = (struct files_file){.id = id, .device = probe->device, .driver = driver, .fd = fd, .references = 1};
    memcpy(vacant->path, probe->path, sizeof vacant->path);
    return vacant;
}

/* Tells a file before any call can name it. Another thread may do so at the same time: readers take the second for a repeat. */
static void tell(struct files_file *file)
{
    if (atomic_load_explicit(&file->told, memory_order_acquire))
        return;
    process_announce();
    emit_file(file);
    debug_log("descriptor %d is %s, driver %s", file->fd, file->path, file->driver->name);
    atomic_store_explicit(&file->told, true, memory_order_release);
}

/* Stores what a probe found (null: no GPU device), unless the entry changed meanwhile: then false. No event is sent under the lock:
   a tracepoint may wait for LTTng, and fork holds LTTng's locks while it waits for ours. */
static bool settle(int fd, entry_t *entry, uint64_t word, const struct capture_probe *probe, struct files_file **found)
{
    sigset_t signals;
    struct files_file *file = NULL;
    uint64_t closed = 0;
    int trouble = -1;
    if (probe) {
        lock(&signals);
        if (atomic_load(entry) == word)
            file = file_find_or_make(fd, probe, &trouble);
        unlock(&signals);
        if (trouble >= 0)
            process_trouble((enum process_trouble)trouble);
        if (file)
            tell(file);
    }
    bool stored = atomic_compare_exchange_strong(entry, (unsigned long long *)&word,
                                                 next_word(word, file ? state_of_file(file) : OTHER));
    if (!stored && file) {
        lock(&signals);
        closed = drop(file, fd);
        unlock(&signals);
        emit_closed(closed, capture_ops->clock());
    }
    *found = file;
    return stored;
}

static struct files_file *identify(int fd, entry_t *entry)
{
    struct files_file *found = NULL;
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        uint64_t word = atomic_load_explicit(entry, memory_order_acquire);
        if (state_of(word) != UNKNOWN && state_of(word) != DMA_BUF)
            return file_of(state_of(word));
        struct capture_probe probe;
        int result = capture_ops->probe(fd, &probe);
        if (result == -EBADF || process_is_guest())
            return NULL;
        if (result < 0)
            process_trouble(PROCESS_TROUBLE_PROBE);
        if (settle(fd, entry, word, result > 0 ? &probe : NULL, &found))
            return found;
    }
    return NULL;
}

struct files_file *files_find(int fd)
{
    int saved = errno;
    entry_t *entry = entry_of(fd, true);
    if (!entry)
        return NULL;
    unsigned state = state_of(atomic_load_explicit(entry, memory_order_acquire));
    if (state == UNKNOWN || state == DMA_BUF) { /* a dma-buf answers no such request: its close was not seen */
        struct files_file *file = identify(fd, entry);
        errno = saved;
        return file;
    }
    return file_of(state);
}

/* DRM's offsets for mmap begin beyond what 32 bits can say. */
enum { DEVICE_OFFSETS = 32 };

struct files_file *files_find_mapped(int fd, uint64_t offset)
{
    entry_t *entry = entry_of(fd, false);
    unsigned state = entry ? state_of(atomic_load_explicit(entry, memory_order_acquire)) : UNKNOWN;
    return state == UNKNOWN && offset >> DEVICE_OFFSETS ? files_find(fd) : file_of(state);
}

void files_note_dma_buf(int fd)
{
    entry_t *entry = entry_of(fd, true);
    uint64_t word = entry ? atomic_load_explicit(entry, memory_order_acquire) : DMA_BUF;
    if (state_of(word) < DMA_BUF && !process_is_guest())
        (void)atomic_compare_exchange_strong(entry, (unsigned long long *)&word, next_word(word, DMA_BUF));
}

bool files_is_dma_buf(int fd)
{
    entry_t *entry = entry_of(fd, false);
    return entry && state_of(atomic_load_explicit(entry, memory_order_acquire)) == DMA_BUF;
}

void files_closing(int fd, struct files_closing *closing)
{
    closing->file = NULL;
    entry_t *entry = entry_of(fd, false);
    if (!entry)
        return;
    if (state_of(atomic_load_explicit(entry, memory_order_acquire)) >= FIRST_FILE && process_is_guest())
        return; /* a vfork child closes its own copy of the descriptor; the table is its parent's */
    closing->begin = capture_ops->clock();
    closing->file = file_of(entry_exchange(entry, UNKNOWN));
    if (!closing->file)
        return;
    /* From now on the number may be another thread's: it no longer stands for the file when descriptors are compared. */
    sigset_t signals;
    lock(&signals);
    if (closing->file->fd == fd)
        closing->file->fd = find_descriptor(closing->file);
    unlock(&signals);
}

void files_closed(int fd, const struct files_closing *closing, bool gone)
{
    if (!closing->file)
        return;
    sigset_t signals;
    uint64_t closed = 0;
    entry_t *entry = entry_of(fd, false);
    lock(&signals);
    uint64_t word = atomic_load(entry);
    if (!gone && state_of(word) == UNKNOWN) {
        (void)entry_exchange(entry, state_of_file(closing->file));
        if (closing->file->fd < 0)
            closing->file->fd = fd;
    } else {
        /* Another thread's ioctl may have identified the number again just before it went. */
        if (gone && state_of(word) == state_of_file(closing->file)) {
            (void)entry_exchange(entry, UNKNOWN);
            (void)drop(closing->file, fd);
        }
        closed = drop(closing->file, fd);
    }
    unlock(&signals);
    emit_closed(closed, closing->begin);
}

void files_made(int fd)
{
    entry_t *entry = entry_of(fd, false);
    if (!entry || state_of(atomic_load_explicit(entry, memory_order_acquire)) == UNKNOWN)
        return;
    /* Its close was not seen (a raw system call, say). */
    struct files_closing closing;
    files_closing(fd, &closing);
    files_closed(fd, &closing, true);
}

void files_duplicated(int from, int to)
{
    files_made(to);
    entry_t *source = entry_of(from, false), *target = entry_of(to, true);
    if (!source || !target || state_of(atomic_load_explicit(source, memory_order_acquire)) < DMA_BUF || process_is_guest())
        return;
    if (files_is_dma_buf(from)) {
        files_note_dma_buf(to);
        return;
    }
    sigset_t signals;
    lock(&signals);
    struct files_file *file = file_of(state_of(atomic_load(source)));
    uint64_t word = atomic_load(target);
    if (file && file->references && state_of(word) == UNKNOWN &&
        atomic_compare_exchange_strong(target, (unsigned long long *)&word, next_word(word, state_of_file(file))))
        file->references++;
    unlock(&signals);
}

static void emit_untraced(uint64_t file, uint32_t request, uint64_t count)
{
    struct ga_gpualloc_untraced record = {
        .process = capture_process.instance, .file = file, .request = request, .count = count};
    if (capture_ops->enabled(GA_ROW_gpualloc_untraced))
        capture_ops->emit(GA_ROW_gpualloc_untraced, &record);
}

void files_untraced(struct files_file *file, uint32_t request)
{
    unsigned number = request & 0xff;
    uint64_t count = atomic_fetch_add_explicit(&file->driver->untraced[number], 1, memory_order_relaxed) + 1;
    if (process_count_due(count)) {
        atomic_store(&file->driver->untraced_request[number], request);
        emit_untraced(file->id, request, count);
    }
}

void files_rundown(void)
{
    for (struct files_file *file = files; file < files + FILES; file++) {
        sigset_t signals;
        struct files_file copy = {.references = 0};
        lock(&signals);
        if (file->references)
            memcpy(&copy, file, sizeof copy);
        unlock(&signals);
        if (copy.references)
            emit_file(&copy);
    }
}

void files_finish(void)
{
    for (struct files_driver *driver = drivers; driver < drivers + DRIVERS && driver->used; driver++) {
        uint64_t id = 0;
        for (struct files_file *file = files; file < files + FILES && !id; file++)
            id = file->references && file->driver == driver ? file->id : 0;
        for (unsigned number = 0; number < 256; number++) {
            uint64_t count = atomic_load(&driver->untraced[number]);
            if (count && !process_count_due(count))
                emit_untraced(id, atomic_load(&driver->untraced_request[number]), count);
        }
    }
}

void files_fork_prepare(void)
{
    sigset_t signals;
    lock(&signals);
    fork_signals = signals;
}

void files_fork_parent(void)
{
    sigset_t signals = fork_signals;
    unlock(&signals);
}

void files_fork_child(void)
{
    for (struct files_driver *driver = drivers; driver < drivers + DRIVERS; driver++)
        for (unsigned number = 0; number < 256; number++)
            atomic_store_explicit(&driver->untraced[number], 0, memory_order_relaxed);
    files_fork_parent();
}
