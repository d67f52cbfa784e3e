/*
 * For tests of the capture core: a sink that keeps events in memory, devices that are memfds by name, and an ioctl that the test
 * writes. One program includes it once.
 */
#ifndef GPUALLOC_TEST_CAPTURE_HARNESS_H
#define GPUALLOC_TEST_CAPTURE_HARNESS_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/d3dkmt.h"
#include "preload/blobs.h"
#include "preload/capture.h"
#include "preload/dispatch.h"
#include "preload/fences.h"
#include "preload/files.h"
#include "preload/ops.h"
#include "preload/process.h"
#include "schema/records.h"

#define CREATE DXG_IOCTL(0x06, struct D3DKMT_CREATEALLOCATION)
#define DESTROY DXG_IOCTL(0x13, struct D3DKMT_DESTROYALLOCATION2)

/* --- the sink ------------------------------------------------------------------------------------------------------------ */

struct event {
    enum ga_row_id row;
    union ga_record record;
    void *list; /* a copy of what its first list member pointed to; the record points to the copies */
};

enum { EVENTS = 20000 };
static struct event events[EVENTS];
static atomic_uint event_count;
static bool row_disabled[GA_ROW_COUNT];

static bool test_enabled(enum ga_row_id row) { return !row_disabled[row]; }

/* Room for copies of lists. Events come from signal handlers too, so nothing here may call malloc. */
static _Alignas(8) char list_room[64 << 20];
static atomic_size_t list_used;

static void *list_copy(const void *from, size_t size)
{
    size_t place = atomic_fetch_add(&list_used, (size + 7) & ~(size_t)7);
    if (place + size > sizeof list_room)
        abort();
    return memcpy(list_room + place, from, size);
}

/* Keeps what list and text members point to: the tracer's buffer is gone when emit returns. */
static void keep_lists(struct event *event)
{
    for (const struct ga_member *m = ga_rows[event->row].members(); m->name; m++) {
        if (m->kind == GA_STR) {
            const char **text = (const char **)((char *)&event->record + m->in);
            *text = *text ? list_copy(*text, strlen(*text) + 1) : NULL;
        }
        if (m->kind != GA_WORDS && m->kind != GA_ARRAY)
            continue;
        char *record = (char *)&event->record;
        size_t size = (size_t)ga_load(record + m->length, 4, false) * m->entry;
        void *list;
        memcpy(&list, record + m->in, sizeof list);
        if (!size)
            continue;
        void *copy = list_copy(list, size);
        memcpy(record + m->in, &copy, sizeof copy);
        if (!event->list)
            event->list = copy;
    }
}

static void test_emit(enum ga_row_id row, const void *record)
{
    unsigned place = atomic_fetch_add(&event_count, 1);
    if (place >= EVENTS)
        abort();
    events[place].row = row;
    events[place].list = NULL;
    memcpy(&events[place].record, record, ga_rows[row].record_size);
    keep_lists(&events[place]);
}

static uint64_t test_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void events_clear(void)
{
    atomic_store(&event_count, 0);
    atomic_store(&list_used, 0);
}

/* The n-th event of a row from the first on, or null. */
static struct event *event_find(enum ga_row_id row, unsigned n)
{
    for (unsigned i = 0; i < atomic_load(&event_count); i++)
        if (events[i].row == row && n-- == 0)
            return &events[i];
    return NULL;
}

static unsigned event_number(enum ga_row_id row)
{
    unsigned n = 0;
    while (event_find(row, n))
        n++;
    return n;
}

/* Puts a blob's pieces together: its bytes (for the caller to free), or null when it was not sent. */
static char *blob_find(uint64_t hash, uint32_t *size)
{
    char *bytes = NULL;
    for (unsigned i = 0; i < atomic_load(&event_count); i++) {
        struct ga_gpualloc_blob *blob = &events[i].record.r_gpualloc_blob;
        if (events[i].row != GA_ROW_gpualloc_blob || blob->hash != hash)
            continue;
        if (!bytes)
            bytes = calloc(1, blob->size + 8);
        assert_true(blob->words_length <= GA_BLOB_CHUNK_WORDS);
        uint32_t length = blob->words_length * 8, left = blob->size - blob->offset;
        memcpy(bytes + blob->offset, events[i].list, length < left ? length : left);
        *size = blob->size;
    }
    return bytes;
}

static inline void assert_blob(uint64_t hash, const void *expected, uint32_t expected_size)
{
    uint32_t size = 0;
    char *bytes = blob_find(hash, &size);
    assert_non_null(bytes);
    assert_int_equal(size, expected_size);
    assert_memory_equal(bytes, expected, size);
    free(bytes);
}

/* --- devices ------------------------------------------------------------------------------------------------------------- */

static atomic_uint probes;

/* memfd:dxg is a dxg device; memfd:DRIVER-N is node N of a DRM driver. */
static int test_probe(int fd, struct capture_probe *probe)
{
    char link[32], path[64] = "";
    probes++;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0)
        return -EBADF;
    *probe = (struct capture_probe){.device = 1};
    snprintf(probe->path, sizeof probe->path, "%s", path);
    if (strncmp(path, "/memfd:dxg ", 11) == 0) {
        probe->dxg = true;
        strcpy(probe->driver, "dxg");
        return 1;
    }
    if (sscanf(path, "/memfd:%31[a-z0-9_]-%lu ", probe->driver, &probe->device) != 2)
        return 0;
    strcpy(probe->version, "1.0.0 20260101");
    return 1;
}

static const struct capture_ops test_ops = {test_enabled, test_emit, test_clock, test_probe};

static int device_open(const char *name) { return memfd_create(name, 0); }

/* As the close wrapper does it. */
static inline void hooked_close(int fd)
{
    struct files_closing closing;
    files_closing(fd, &closing);
    files_closed(fd, &closing, close(fd) == 0);
}

/* --- the real ioctl ------------------------------------------------------------------------------------------------------ */

static int (*answer)(int fd, unsigned long request, void *argument); /* set by a test; null: returns 0 */
static atomic_uint answered;

static int test_ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    void *argument = va_arg(args, void *);
    va_end(args);
    answered++;
    return answer ? answer(fd, request, argument) : 0;
}

/* Not inlined, as a hook never is: what the caller passes lies above its frame. */
__attribute__((noinline, unused)) static int hooked(int fd, unsigned long request, void *argument)
{
    return dispatch_ioctl(fd, request, argument, (uintptr_t)__builtin_frame_address(0), test_ioctl);
}

/* --- memory -------------------------------------------------------------------------------------------------------------- */

/* size bytes whose end is the end of the last readable page: reading one byte more is a fault. Never freed. */
static void *tail_alloc(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (size + page - 1) / page * page;
    char *memory = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    assert_int_equal(mprotect(memory + room, page, PROT_NONE), 0);
    return memory + room - size;
}

static inline void *tail_copy(const void *from, size_t size) { return memcpy(tail_alloc(size), from, size); }

#define UNREADABLE ((void *)(uintptr_t)0x10)

/* --- begin and end of a test --------------------------------------------------------------------------------------------- */

static int dxg = -1;

static inline int harness_setup(void **state)
{
    (void)state;
    if (capture_ops != &test_ops) {
        capture_ops = &test_ops;
        shape_init();
        thread_init();
        process_init();
    }
    if (dxg < 0)
        dxg = device_open("dxg");
    memset(row_disabled, 0, sizeof row_disabled);
    answer = NULL;
    answered = 0;
    blobs_forget();
    (void)files_find(dxg);
    process_announce();
    events_clear();
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, harness_setup)

#endif
