/* Mappings: mmap of a device's or dma-buf's descriptor is recorded, and each call that ends a part of one; nothing else is. */
#include "capture_harness.h"

#include <fcntl.h>
#include <libdrm/drm.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "preload/mappings.h"

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
enum { PROT = PROT_READ | PROT_WRITE };

__attribute__((noinline)) static void *hooked_mmap(void *addr, size_t length, int flags, int fd, off_t offset)
{
    const struct ga_mmap_arguments a = {(uintptr_t)addr, length, PROT, (uint32_t)flags, fd, 0, (uint64_t)offset, 0};
    return dispatch_maps(fd, flags) ? dispatch_mmap(&a, (uintptr_t)__builtin_frame_address(0), mmap)
                                    : mmap(addr, length, PROT, flags, fd, offset);
}

__attribute__((noinline)) static int hooked_munmap(void *addr, size_t length)
{
    const struct ga_munmap_arguments a = {(uintptr_t)addr, length};
    return mappings_any() ? dispatch_munmap(&a, (uintptr_t)__builtin_frame_address(0), munmap) : munmap(addr, length);
}

__attribute__((noinline)) static void *hooked_mremap(void *old, size_t old_size, size_t new_size, int flags, void *to)
{
    const struct ga_mremap_arguments a = {(uintptr_t)old, old_size, new_size, (uint32_t)flags, 0, (uintptr_t)to};
    return dispatch_mremap(&a, (uintptr_t)__builtin_frame_address(0), mremap);
}

static int card_open(void)
{
    int card = device_open("qxl-7");
    assert_int_equal(ftruncate(card, 1 << 20), 0);
    assert_non_null(files_find(card));
    events_clear();
    return card;
}

static const struct ga_drm_mmap *mmap_event(unsigned n)
{
    const struct event *event = event_find(GA_ROW_drm_mmap, n);
    assert_non_null(event);
    return &event->record.r_drm_mmap;
}

static void a_device_mapping_is_recorded_whole(void **state)
{
    (void)state;
    int card = card_open();
    char *at = hooked_mmap(NULL, 2 * PAGE, MAP_SHARED, card, (off_t)PAGE);
    assert_true(at != MAP_FAILED);
    const struct ga_drm_mmap *r = mmap_event(0);
    assert_int_equal(r->header.file, files_find(card)->id);
    assert_int_equal(r->header.device, 7);
    assert_int_equal(r->header.ret, (intptr_t)at);
    assert_int_equal(r->header.error, 0);
    assert_int_equal(r->length, 2 * PAGE);
    assert_int_equal(r->offset, PAGE);
    assert_int_equal(r->prot, PROT);
    assert_int_equal(r->flags, MAP_SHARED);
    assert_int_equal(r->fd, card);
    assert_int_equal(r->dma_buf, 0);
    assert_true(r->header.begin <= r->header.end && r->header.begin);
    assert_int_equal(mappings_pages, 2 * PAGE / 4096);
    assert_int_equal(hooked_munmap(at, 2 * PAGE), 0);
    assert_int_equal(event_number(GA_ROW_drm_munmap), 1);
    assert_int_equal(event_find(GA_ROW_drm_munmap, 0)->record.r_drm_munmap.addr, (uintptr_t)at);
    assert_false(mappings_any());
    hooked_close(card);
}

static void other_mappings_are_left_alone(void **state)
{
    (void)state;
    int card = card_open(), file = memfd_create("a file", 0);
    assert_int_equal(ftruncate(file, 1 << 20), 0);
    char *device = hooked_mmap(NULL, PAGE, MAP_SHARED, card, 0);
    events_clear();
    probes = 0;
    char *plain = hooked_mmap(NULL, PAGE, MAP_SHARED, file, 0), *nothing = hooked_mmap(NULL, PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *no_file = hooked_mmap(NULL, PAGE, MAP_PRIVATE | MAP_ANONYMOUS, card, 0); /* the descriptor means nothing then */
    char *soft = hooked_mmap(NULL, PAGE, MAP_PRIVATE, dxg, 0);
    assert_true(plain != MAP_FAILED && nothing != MAP_FAILED && no_file != MAP_FAILED);
    assert_int_equal(hooked_munmap(plain, PAGE) | hooked_munmap(nothing, PAGE) | hooked_munmap(no_file, PAGE), 0);
    if (soft != MAP_FAILED)
        assert_int_equal(hooked_munmap(soft, PAGE), 0);
    assert_int_equal(hooked_munmap(device, 0), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(hooked_munmap(device + 1, PAGE), -1);
    assert_int_equal(atomic_load(&event_count), 0);
    assert_int_equal(probes, 0);
    assert_int_equal(hooked_munmap(device, PAGE), 0);
    hooked_close(card);
    close(file);
}

/* As the kernel does it: what is left of a mapping stays one. */
static void parts_of_mappings_end(void **state)
{
    (void)state;
    int card = card_open();
    char *at = hooked_mmap(NULL, 8 * PAGE, MAP_SHARED, card, 0);
    assert_int_equal(hooked_munmap(at + 2 * PAGE, PAGE), 0);
    assert_int_equal(hooked_munmap(at + 2 * PAGE, PAGE), 0); /* a hole by now */
    assert_int_equal(event_number(GA_ROW_drm_munmap), 1);
    assert_int_equal(hooked_munmap(at, 8 * PAGE), 0);
    assert_int_equal(event_number(GA_ROW_drm_munmap), 2);
    assert_false(mappings_any());

    /* Two side by side end with one call. */
    char *room = mmap(NULL, 4 * PAGE, PROT, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    events_clear();
    assert_ptr_equal(hooked_mmap(room, PAGE, MAP_SHARED | MAP_FIXED, card, 0), room);
    assert_ptr_equal(hooked_mmap(room + 2 * PAGE, PAGE, MAP_SHARED | MAP_FIXED, card, 0), room + 2 * PAGE);
    assert_int_equal(event_number(GA_ROW_drm_mmap), 2);
    assert_int_equal(hooked_munmap(room, 4 * PAGE), 0);
    assert_int_equal(event_number(GA_ROW_drm_munmap), 1);
    assert_false(mappings_any());
    hooked_close(card);
}

static void what_is_mapped_over_one_is_recorded(void **state)
{
    (void)state;
    int card = card_open();
    char *at = hooked_mmap(NULL, 4 * PAGE, MAP_SHARED, card, 0);
    events_clear();
    assert_ptr_equal(hooked_mmap(at + PAGE, PAGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), at + PAGE);
    assert_int_equal(mmap_event(0)->header.file, 0);
    assert_int_equal(mmap_event(0)->fd, -1);
    assert_ptr_equal(hooked_mmap(at + PAGE, PAGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), at + PAGE);
    assert_int_equal(event_number(GA_ROW_drm_mmap), 1);
    /* One that fails takes nothing away. */
    assert_ptr_equal(hooked_mmap(at, PAGE, MAP_PRIVATE | MAP_FIXED, 12345, 0), MAP_FAILED);
    assert_int_equal(errno, EBADF);
    assert_int_equal(mmap_event(1)->header.error, EBADF);
    assert_int_equal(mappings_pages, 3 * PAGE / 4096);
    assert_int_equal(hooked_munmap(at, 4 * PAGE), 0);
    assert_false(mappings_any());
    hooked_close(card);
}

static void a_moved_mapping_is_followed(void **state)
{
    (void)state;
    int card = card_open();
    char *at = hooked_mmap(NULL, 4 * PAGE, MAP_SHARED, card, 0);
    char *room = mmap(NULL, 4 * PAGE, PROT, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_equal(hooked_mremap(at, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room), room);
    assert_int_equal(event_number(GA_ROW_drm_mremap), 1);
    assert_int_equal(event_find(GA_ROW_drm_mremap, 0)->record.header.ret, (intptr_t)room);
    assert_int_equal(mappings_pages, 2 * PAGE / 4096);
    assert_ptr_equal(hooked_mremap(room, 2 * PAGE, PAGE, 0, NULL), room);
    assert_int_equal(mappings_pages, PAGE / 4096);
    assert_ptr_equal(hooked_mremap(room, PAGE, PAGE, 8192, NULL), MAP_FAILED);
    assert_int_equal(mappings_pages, PAGE / 4096);
    assert_int_equal(hooked_munmap(room, 4 * PAGE), 0);
    assert_false(mappings_any());
    hooked_close(card);
}

static void failures_keep_their_errno(void **state)
{
    (void)state;
    int card = card_open();
    assert_ptr_equal(hooked_mmap(NULL, PAGE, 0x8, card, 0), MAP_FAILED);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(mmap_event(0)->header.error, EINVAL);
    assert_int_equal(mmap_event(0)->header.ret, -1);
    errno = 77;
    char *at = hooked_mmap(NULL, PAGE, MAP_SHARED, card, 0);
    assert_int_equal(errno, 77);
    assert_int_equal(hooked_munmap(at, PAGE), 0);
    assert_int_equal(errno, 77);
    hooked_close(card);
}

static int export_inode_fd;

static int exporting(int fd, unsigned long request, void *argument)
{
    (void)fd;
    if (_IOC_NR(request) == 0x2d)
        ((struct drm_prime_handle *)argument)->fd = export_inode_fd;
    return 0;
}

static void a_dma_buf_is_known_by_its_export(void **state)
{
    (void)state;
    int card = card_open(), dma_buf = memfd_create("dma-buf", 0);
    struct stat status;
    assert_int_equal(ftruncate(dma_buf, 1 << 20), 0);
    assert_int_equal(fstat(dma_buf, &status), 0);
    answer = exporting;
    export_inode_fd = dma_buf;
    struct drm_prime_handle prime = {.handle = 1};
    assert_int_equal(hooked(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
    int copy = dup(dma_buf);
    files_duplicated(dma_buf, copy);
    char *one = hooked_mmap(NULL, PAGE, MAP_SHARED, dma_buf, 0), *two = hooked_mmap(NULL, PAGE, MAP_SHARED, copy, 0);
    assert_int_equal(event_number(GA_ROW_drm_mmap), 2);
    assert_int_equal(mmap_event(0)->dma_buf, status.st_ino);
    assert_int_equal(mmap_event(1)->dma_buf, status.st_ino);
    assert_int_equal(mmap_event(0)->header.file, 0);
    assert_int_equal(hooked_munmap(one, PAGE) | hooked_munmap(two, PAGE), 0);
    assert_int_equal(event_number(GA_ROW_drm_munmap), 2);
    /* The number may be another file's once it was closed. */
    hooked_close(copy);
    events_clear();
    int other = memfd_create("other", 0);
    assert_int_equal(other, copy);
    assert_int_equal(ftruncate(other, 1 << 20), 0);
    one = hooked_mmap(NULL, PAGE, MAP_SHARED, other, 0);
    assert_int_equal(atomic_load(&event_count), 0);
    assert_int_equal(hooked_munmap(one, PAGE), 0);
    close(other);
    hooked_close(dma_buf);
    hooked_close(card);
}

/* A descriptor that came by other ways is asked only where files rarely reach. */
static void a_strange_descriptor_is_asked_at_device_offsets(void **state)
{
    (void)state;
    int card = device_open("qxl-9");
    assert_int_equal(ftruncate(card, (1ll << 32) + (1 << 20)), 0);
    events_clear();
    char *low = hooked_mmap(NULL, PAGE, MAP_SHARED, card, 0);
    assert_int_equal(event_number(GA_ROW_drm_mmap), 0);
    char *high = hooked_mmap(NULL, PAGE, MAP_SHARED, card, 1ll << 32);
    assert_int_equal(event_number(GA_ROW_drm_mmap), 1);
    assert_int_equal(hooked_munmap(low, PAGE) | hooked_munmap(high, PAGE), 0);
    hooked_close(card);
}

static void a_selection_without_them_records_nothing(void **state)
{
    (void)state;
    int card = card_open();
    row_disabled[GA_ROW_drm_mmap] = true;
    char *at = hooked_mmap(NULL, PAGE, MAP_SHARED, card, 0);
    assert_int_equal(hooked_munmap(at, PAGE), 0);
    row_disabled[GA_ROW_drm_mmap] = false;
    row_disabled[GA_ROW_drm_munmap] = true;
    assert_int_equal(atomic_load(&event_count), 0);
    at = hooked_mmap(NULL, PAGE, MAP_SHARED, card, 0);
    assert_int_equal(hooked_munmap(at, PAGE), 0);
    assert_int_equal(atomic_load(&event_count), 1);
    assert_false(mappings_any());
    hooked_close(card);
}

static void a_child_has_none_of_its_parents(void **state)
{
    (void)state;
    int card = card_open();
    char *at = hooked_mmap(NULL, PAGE, MAP_SHARED, card, 0);
    pid_t child = fork();
    if (child == 0) {
        process_renew();
        events_clear();
        bool none = !mappings_any() && hooked_munmap(at, PAGE) == 0 && atomic_load(&event_count) == 0;
        char *own = hooked_mmap(NULL, PAGE, MAP_SHARED, card, 0);
        _exit(none && mappings_any() && hooked_munmap(own, PAGE) == 0 && event_number(GA_ROW_drm_munmap) == 1 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(mappings_any());
    assert_int_equal(hooked_munmap(at, PAGE), 0);
    hooked_close(card);
}

static unsigned next(unsigned *seed) { return (*seed = *seed * 1103515245 + 12345) / 65536; }

/* The table alone, against one byte a page. */
static void the_table_agrees_with_a_map_of_bytes(void **state)
{
    (void)state;
    enum { SPAN = 5000 };
    static unsigned char marked[SPAN];
    const uint64_t base = (1ull << 46) - 700 * 4096;
    unsigned seed = 1;
    long count = 0;
    mappings_forget();
    for (int round = 0; round < 20000; round++) {
        unsigned first = next(&seed) % SPAN, length = 1 + next(&seed) % 900;
        bool add = seed & 1 << 20, any = false;
        if (first + length > SPAN)
            length = SPAN - first;
        for (unsigned page = first; page < first + length; page++) {
            any |= marked[page];
            count += add - marked[page];
            marked[page] = add;
        }
        if (add)
            mappings_add(base + first * 4096ull, length * 4096ull - 5);
        else
            assert_int_equal(mappings_take(base + first * 4096ull, length * 4096ull - 5), any);
        assert_int_equal(mappings_pages, count);
    }
    assert_true(mappings_take(0, 1ull << 47));
    assert_int_equal(mappings_pages, 0);
    assert_false(mappings_take(0, 1ull << 47));
    assert_false(mappings_take(4096, UINT64_MAX - 4096));
}

/* Threads that map and unmap at once, and a handler that does it in between: nothing is left, nothing is lost. */
static atomic_int maps_left;
static int shared_card;

static void map_once(void)
{
    char *at = hooked_mmap(NULL, 3 * PAGE, MAP_SHARED, shared_card, 0);
    if (at == MAP_FAILED || hooked_munmap(at + PAGE, PAGE) || hooked_munmap(at, 3 * PAGE))
        abort();
}

static void in_handler(int signal)
{
    (void)signal;
    int saved = errno;
    map_once();
    errno = saved;
}

static void *map_often(void *unused)
{
    (void)unused;
    while (atomic_fetch_sub(&maps_left, 1) > 0) {
        map_once();
        if (atomic_load(&maps_left) % 16 == 0)
            raise(SIGUSR1);
    }
    return NULL;
}

static void threads_and_handlers_map_at_once(void **state)
{
    (void)state;
    shared_card = card_open();
    signal(SIGUSR1, in_handler);
    maps_left = 1000;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, map_often, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    signal(SIGUSR1, SIG_DFL);
    assert_false(mappings_any());
    assert_true(event_number(GA_ROW_drm_mmap) >= 1000);
    assert_int_equal(event_number(GA_ROW_drm_munmap), 2 * event_number(GA_ROW_drm_mmap));
    hooked_close(shared_card);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_mapping_is_recorded_whole),
        TEST(other_mappings_are_left_alone),
        TEST(parts_of_mappings_end),
        TEST(what_is_mapped_over_one_is_recorded),
        TEST(a_moved_mapping_is_followed),
        TEST(failures_keep_their_errno),
        TEST(a_dma_buf_is_known_by_its_export),
        TEST(a_strange_descriptor_is_asked_at_device_offsets),
        TEST(a_selection_without_them_records_nothing),
        TEST(a_child_has_none_of_its_parents),
        TEST(the_table_agrees_with_a_map_of_bytes),
        TEST(threads_and_handlers_map_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
