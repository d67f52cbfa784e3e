/* Annotations in the tracer: whatever string a program passes, what they name, and names told again at rundowns, bounded. */
#include "capture_harness.h"

#include <pthread.h>
#include <sys/stat.h>

#include "preload/annotate.h"

enum { SURFACE = 1, GEM = 2, DMA_BUF = 3 };
#define NAMED(n) (&event_find(GA_ROW_gpualloc_annotate_name, n)->record.r_gpualloc_annotate_name)

__attribute__((noinline)) static void name_it(uint32_t kind, int fd, uint64_t handle, const char *name)
{
    errno = 4711;
    annotate_name(kind, fd, handle, name, (uintptr_t)__builtin_frame_address(0));
    assert_int_equal(errno, 4711);
}

static unsigned named_count(void) { return event_number(GA_ROW_gpualloc_annotate_name); }

/* What a rundown tells of a handle: its name, or null. */
static const char *told_again(uint32_t kind, uint64_t handle)
{
    events_clear();
    annotate_rundown();
    for (unsigned i = 0; i < named_count(); i++)
        if (NAMED(i)->kind == kind && NAMED(i)->handle == handle)
            return NAMED(i)->tid ? NULL : NAMED(i)->name;
    return NULL;
}

static void a_surface_is_named_and_renamed(void **state)
{
    (void)state;
    char local[] = "shadow map";
    name_it(SURFACE, -1, 0xabc, local); /* on the stack */
    name_it(SURFACE, -1, 0xdef, "on constant memory");
    assert_int_equal(named_count(), 2);
    assert_string_equal(NAMED(0)->name, "shadow map");
    assert_int_equal(NAMED(0)->handle, 0xabc);
    assert_int_equal(NAMED(0)->kind, SURFACE);
    assert_int_equal(NAMED(0)->file, 0);
    assert_true(NAMED(0)->process == capture_process.instance);
    assert_int_equal(NAMED(0)->tid, (uint32_t)gettid());
    name_it(SURFACE, -1, 0xabc, "shadow map 2");
    assert_string_equal(told_again(SURFACE, 0xabc), "shadow map 2");
    assert_string_equal(told_again(SURFACE, 0xdef), "on constant memory");
    name_it(SURFACE, -1, 0xabc, NULL);
    assert_null(told_again(SURFACE, 0xabc));
    name_it(SURFACE, -1, 0xdef, "");
    assert_string_equal(NAMED(named_count() - 1)->name, "");
    assert_null(told_again(SURFACE, 0xdef));
}

static void strings_may_be_anything(void **state)
{
    (void)state;
    name_it(SURFACE, -1, 1, tail_copy("last bytes of a page", 21)); /* one byte more would be a fault */
    assert_string_equal(NAMED(0)->name, "last bytes of a page");
    char *endless = tail_alloc(100); /* no end: the memory ends first */
    memset(endless, 'x', 100);
    name_it(SURFACE, -1, 2, endless);
    name_it(SURFACE, -1, 3, UNREADABLE);
    assert_int_equal(named_count(), 1);
    assert_int_equal(event_number(GA_ROW_gpualloc_trouble), 2); /* 1 and 2: both due */
    static char huge[1 << 20];
    memset(huge, 'y', sizeof huge - 1);
    events_clear();
    name_it(SURFACE, -1, 4, huge);
    assert_int_equal(strlen(NAMED(0)->name), ANNOTATE_NAME_SIZE - 1);
    assert_string_equal(NAMED(0)->name + ANNOTATE_NAME_SIZE - 4, "…");
    char exact[ANNOTATE_NAME_SIZE]; /* fits, and spans pages somewhere */
    memset(exact, 'z', sizeof exact - 1);
    exact[sizeof exact - 1] = 0;
    name_it(SURFACE, -1, 5, exact);
    assert_string_equal(NAMED(1)->name, exact);
    char *crossing = (char *)tail_alloc(2 * 4096) + 4096 - 10;
    strcpy(crossing, exact);
    name_it(SURFACE, -1, 6, crossing);
    assert_string_equal(NAMED(2)->name, exact);
    name_it(SURFACE, -1, 7, "\xff\xfe no UTF-8 \x80"); /* kept as it is: readers replace what is no character */
    assert_string_equal(NAMED(3)->name, "\xff\xfe no UTF-8 \x80");
    for (size_t i = 0; i < sizeof huge - 1; i++)
        huge[i] = "ä"[i % 2];
    for (size_t shift = 0; shift < 2; shift++) { /* cut where a character begins */
        name_it(SURFACE, -1, 8, huge + 2 - 2 * shift);
        const char *name = NAMED(4 + (unsigned)shift)->name;
        assert_int_equal((strlen(name) - 3) % 2, 0);
        assert_memory_equal(name + strlen(name) - 5, "ä…", 5);
    }
}

static void gem_handles_belong_to_their_file(void **state)
{
    (void)state;
    int card = device_open("radeon-7"), other = device_open("radeon-8");
    name_it(GEM, card, 5, "vertices");
    name_it(GEM, other, 5, "indices");
    assert_int_not_equal(NAMED(0)->file, 0);
    assert_true(NAMED(0)->file == files_find(card)->id);
    assert_true(NAMED(1)->file == files_find(other)->id);
    name_it(GEM, -1, 5, "no file");
    assert_int_equal(NAMED(2)->file, 0);
    struct stat status;
    int buffer = memfd_create("a dma-buf", 0);
    assert_int_equal(fstat(buffer, &status), 0);
    name_it(DMA_BUF, buffer, 0, "scanout");
    assert_true(NAMED(3)->dma_buf == status.st_ino);
    name_it(9, -1, 0, "a newer header's kind");
    assert_int_equal(named_count(), 4);
    close(buffer);
    hooked_close(card);
    hooked_close(other);
}

static void parts_are_told_as_they_are(void **state)
{
    (void)state;
    errno = 4711;
    annotate_part(SURFACE, -1, 0x40000040, 0x7f00, 4096, 65536, 0x80000001, 5, true);
    annotate_part(SURFACE, -1, 0x40000040, 0x7f00, 4096, 65536, 0x80000001, 5, false);
    assert_int_equal(errno, 4711);
    const struct ga_gpualloc_annotate_part *r =
        &event_find(GA_ROW_gpualloc_annotate_part, 0)->record.r_gpualloc_annotate_part;
    assert_int_equal(r->mapped, 1);
    assert_int_equal(r->handle, 0x40000040);
    assert_int_equal(r->object, 0x7f00);
    assert_int_equal(r->offset, 4096);
    assert_int_equal(r->size, 65536);
    assert_true(r->usage == 0x80000001);
    assert_int_equal(r->semantic, 5);
    assert_int_equal(event_find(GA_ROW_gpualloc_annotate_part, 1)->record.r_gpualloc_annotate_part.mapped, 0);
}

/* Before a session: nothing is sent, the name is kept for it. */
static void names_wait_for_a_session(void **state)
{
    (void)state;
    row_disabled[GA_ROW_gpualloc_annotate_name] = true;
    name_it(SURFACE, -1, 0x1234, "early");
    assert_int_equal(named_count(), 0);
    annotate_rundown();
    assert_int_equal(named_count(), 0);
    row_disabled[GA_ROW_gpualloc_annotate_name] = false;
    assert_string_equal(told_again(SURFACE, 0x1234), "early");
}

static void names_kept_are_bounded_and_the_newest_stay(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 5 * ANNOTATE_NAMES; i++) {
        name_it(SURFACE, -1, 0x7f0000000000 + 64 * i, "one of many");
        events_clear();
    }
    name_it(SURFACE, -1, 0x5000, "the newest");
    assert_string_equal(told_again(SURFACE, 0x5000), "the newest");
    assert_true(named_count() <= ANNOTATE_NAMES);
    assert_true(named_count() > ANNOTATE_NAMES / 2);
}

/* A session that only one thread feels. */
static __thread bool in_session;
static bool enabled_here(enum ga_row_id row) { return in_session && test_enabled(row); }
static const struct capture_ops ops_here = {enabled_here, test_emit, test_clock, test_probe};

static atomic_bool stop_renaming;
static void *rename_often(void *letter)
{
    char name[ANNOTATE_NAME_SIZE];
    memset(name, *(const char *)letter, sizeof name - 1);
    name[sizeof name - 1] = 0;
    while (!atomic_load(&stop_renaming))
        annotate_name(SURFACE, -1, 0x6000, name, (uintptr_t)__builtin_frame_address(0));
    return NULL;
}

/* Threads that name the same surface: a rundown meanwhile tells one name or the other, never a mixture. */
static void a_rundown_among_renamings_tells_whole_names(void **state)
{
    (void)state;
    pthread_t threads[3];
    char letters[] = "abc";
    capture_ops = &ops_here;
    in_session = true;
    atomic_store(&stop_renaming, false);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, rename_often, &letters[i]), 0);
    for (unsigned round = 0; round < 1000 && atomic_load(&event_count) < EVENTS - 2 * ANNOTATE_NAMES; round++)
        annotate_rundown();
    atomic_store(&stop_renaming, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    capture_ops = &test_ops;
    for (unsigned i = 0; i < atomic_load(&event_count); i++) {
        const struct ga_gpualloc_annotate_name *r = &events[i].record.r_gpualloc_annotate_name;
        if (events[i].row != GA_ROW_gpualloc_annotate_name || r->handle != 0x6000)
            continue;
        assert_int_equal(strlen(r->name), ANNOTATE_NAME_SIZE - 1);
        assert_int_equal(strspn(r->name, (char[]){r->name[0], 0}), ANNOTATE_NAME_SIZE - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_surface_is_named_and_renamed), TEST(strings_may_be_anything),
        TEST(gem_handles_belong_to_their_file), TEST(parts_are_told_as_they_are),
        TEST(names_wait_for_a_session), TEST(names_kept_are_bounded_and_the_newest_stay),
        TEST(a_rundown_among_renamings_tells_whole_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
