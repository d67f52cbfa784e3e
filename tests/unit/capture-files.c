/* Descriptors: identified at the first request, one file however often duplicated, forgotten when closed, whole after fork. */
#include "capture_harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

#include "preload/memory.h"

static int hooked_dup(int fd, int to)
{
    struct files_closing closing = {.file = NULL};
    if (to >= 0)
        files_closing(to, &closing);
    int result = to >= 0 ? dup2(fd, to) : dup(fd);
    files_closed(to, &closing, result >= 0);
    if (result >= 0)
        files_duplicated(fd, result);
    return result;
}

static void a_device_is_asked_once(void **state)
{
    (void)state;
    int card = device_open("qxl-7");
    probes = 0;
    struct files_file *file = files_find(card);
    assert_non_null(file);
    assert_string_equal(file->driver->name, "qxl");
    for (unsigned i = 0; i < 10; i++)
        assert_ptr_equal(files_find(card), file);
    assert_int_equal(probes, 1);
    assert_int_equal(event_number(GA_ROW_gpualloc_file), 1);
    hooked_close(card);
    assert_int_equal(event_number(GA_ROW_gpualloc_file_closed), 1);
    assert_int_equal(event_find(GA_ROW_gpualloc_file_closed, 0)->record.r_gpualloc_file_closed.file,
                     event_find(GA_ROW_gpualloc_file, 0)->record.r_gpualloc_file.file);
}

static void other_descriptors_are_left_alone(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    probes = 0;
    assert_null(files_find(ends[0]));
    assert_null(files_find(ends[0]));
    assert_int_equal(probes, 1);
    assert_null(files_find(-1));
    assert_null(files_find(INT32_MAX));
    assert_null(files_find(900000)); /* not open */
    assert_int_equal(atomic_load(&event_count), 0);
    hooked_close(ends[0]);
    hooked_close(ends[1]);
}

static void a_number_that_is_used_again_is_asked_again(void **state)
{
    (void)state;
    int card = device_open("qxl-7");
    assert_non_null(files_find(card));
    hooked_close(card);
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(pipe_ends[0], card);
    assert_null(files_find(card));
    /* A close that nobody saw, then an open that was. */
    close(pipe_ends[0]);
    int radeon = device_open("radeon-8");
    assert_int_equal(radeon, card);
    files_made(radeon);
    assert_string_equal(files_find(radeon)->driver->name, "radeon");
    close(radeon);
    int qxl = device_open("qxl-9");
    assert_int_equal(qxl, card);
    files_made(qxl);
    assert_string_equal(files_find(qxl)->driver->name, "qxl");
    assert_int_equal(event_number(GA_ROW_gpualloc_file_closed), 2);
    hooked_close(qxl);
    close(pipe_ends[1]);
}

static void duplicates_are_one_file(void **state)
{
    (void)state;
    int card = device_open("qxl-7");
    struct files_file *file = files_find(card);
    int seen = hooked_dup(card, -1), fixed = hooked_dup(card, 300), unseen = fcntl(card, F_DUPFD, 5000);
    probes = 0;
    assert_ptr_equal(files_find(seen), file);
    assert_ptr_equal(files_find(fixed), file);
    assert_int_equal(probes, 0);
    assert_ptr_equal(files_find(unseen), file); /* by kcmp */
    assert_int_equal(probes, 1);
    int second = device_open("qxl-7"); /* the same device, opened again */
    assert_ptr_not_equal(files_find(second), file);
    assert_int_equal(event_number(GA_ROW_gpualloc_file), 2);
    hooked_close(card);
    int again = fcntl(seen, F_DUPFD, 6000); /* kcmp needs a descriptor that is still open */
    assert_ptr_equal(files_find(again), file);
    hooked_close(seen);
    hooked_close(fixed);
    hooked_close(again);
    assert_int_equal(event_number(GA_ROW_gpualloc_file_closed), 0);
    hooked_close(unseen);
    assert_int_equal(event_number(GA_ROW_gpualloc_file_closed), 1);
    hooked_close(second);
}

static void dup2_over_a_device_closes_it(void **state)
{
    (void)state;
    int a = device_open("qxl-7"), b = device_open("radeon-8");
    struct files_file *file = files_find(a);
    assert_non_null(files_find(b));
    assert_int_equal(hooked_dup(a, b), b);
    assert_ptr_equal(files_find(b), file);
    assert_int_equal(event_number(GA_ROW_gpualloc_file_closed), 1);
    /* One that fails changes nothing. */
    struct files_closing closing;
    files_closing(b, &closing);
    files_closed(b, &closing, false);
    probes = 0;
    assert_ptr_equal(files_find(b), file);
    assert_int_equal(probes, 0);
    hooked_close(a);
    hooked_close(b);
    assert_int_equal(event_number(GA_ROW_gpualloc_file_closed), 2);
}

static int in_child(int card, uint64_t parent, uint64_t id)
{
    process_renew();
    files_fork_child();
    if (capture_process.parent != parent || capture_process.instance == parent || capture_process.pid != getpid())
        return 1;
    struct files_file *file = files_find(card);
    if (!file || file->id != id)
        return 2; /* the open file description is the parent's */
    struct D3DKMT_CREATEALLOCATION in = {0};
    events_clear();
    hooked(dxg, CREATE, &in);
    struct event *process = event_find(GA_ROW_gpualloc_process, 0);
    struct event *call = event_find(GA_ROW_d3dkmt_create_allocation, 0);
    if (!process || process != &events[0] || process->record.r_gpualloc_process.parent != parent)
        return 3; /* the instance is told before its first call */
    return call && call->record.header.call == 1 && call->record.header.thread == 0 &&
                   call->record.header.pid == (uint32_t)getpid() && call->record.header.tid == (uint32_t)getpid()
               ? 0
               : 4;
}

static void a_forked_child_is_another_process_with_the_same_files(void **state)
{
    (void)state;
    int card = device_open("qxl-7"), status;
    uint64_t id = files_find(card)->id;
    files_fork_prepare();
    pid_t child = fork();
    if (child == 0)
        _exit(in_child(card, capture_process.instance, id));
    files_fork_parent();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(files_find(card)->id, id);
    hooked_close(card);
}

/* What a vfork child closes is its own descriptor; the table that it sees is its parent's. Here: a child that was not renewed. */
static void a_guest_changes_nothing(void **state)
{
    (void)state;
    int card = device_open("qxl-7"), status;
    struct files_file *file = files_find(card);
    pid_t child = fork();
    if (child == 0) {
        hooked_close(card);
        _exit(file->references == 1 && event_number(GA_ROW_gpualloc_file_closed) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
    hooked_close(card);
}

static void rundown_tells_what_is_open(void **state)
{
    (void)state;
    int card = device_open("qxl-7"), gone = device_open("qxl-8");
    (void)files_find(card);
    (void)files_find(gone);
    hooked_close(gone);
    events_clear();
    process_rundown();
    unsigned count = atomic_load(&event_count);
    assert_int_equal(events[0].row, GA_ROW_gpualloc_rundown_begin);
    assert_int_equal(events[1].row, GA_ROW_gpualloc_process);
    assert_int_equal(events[count - 1].row, GA_ROW_gpualloc_rundown_end);
    assert_int_equal(event_number(GA_ROW_gpualloc_file), 2); /* dxg, and card */
    hooked_close(card);
}

/* --- threads ------------------------------------------------------------------------------------------------------------- */

enum { THREADS = 6, ROUNDS = 300 };

/* Opens, duplicates, uses and closes, while others do the same with other numbers; all share one device beside. */
static void *churns(void *unused)
{
    (void)unused;
    char data[16];
    for (unsigned i = 0; i < ROUNDS; i++) {
        int card = device_open("qxl-7"), copy;
        struct drm_gem_close close_call = {.handle = i};
        hooked(card, DRM_IOCTL_GEM_CLOSE, &close_call);
        copy = hooked_dup(card, -1);
        hooked_close(card);
        hooked(copy, DRM_IOCTL_GEM_CLOSE, &close_call);
        hooked_close(copy);
        snprintf(data, sizeof data, "%u", i % 10);
        struct D3DKMT_CREATEALLOCATION in = {.pPrivateDriverData = data, .PrivateDriverDataSize = sizeof data};
        hooked(dxg, CREATE, &in);
    }
    return NULL;
}

static void threads_number_their_calls_each(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    uint64_t last[64] = {0};
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churns, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(event_number(GA_ROW_gpualloc_file), THREADS * ROUNDS);
    assert_int_equal(event_number(GA_ROW_gpualloc_file_closed), THREADS * ROUNDS);
    assert_int_equal(event_number(GA_ROW_drm_gem_close), 2 * THREADS * ROUNDS);
    for (unsigned i = 0; i < atomic_load(&event_count); i++) {
        if (ga_rows[events[i].row].kind != GA_ROW_CALL)
            continue;
        const struct ga_call_header *header = &events[i].record.header;
        assert_true(header->thread < 64);
        assert_int_equal(header->call, last[header->thread] + 1);
        last[header->thread]++;
    }
    /* A call's two requests on one open file carry one id. */
    uint32_t size;
    for (unsigned i = 0; i < event_number(GA_ROW_d3dkmt_create_allocation); i += 97) {
        struct event *event = event_find(GA_ROW_d3dkmt_create_allocation, i);
        char *bytes = blob_find(event->record.r_d3dkmt_create_allocation.pPrivateDriverData_hash, &size);
        assert_non_null(bytes);
        free(bytes);
    }
}

static void finds_the_mapping_of_an_address(void **state)
{
    (void)state;
    uintptr_t low, high;
    char here;
    assert_true(memory_mapping((uintptr_t)&here, &low, &high));
    assert_true(low <= (uintptr_t)&here && (uintptr_t)&here < high);
    assert_false(memory_mapping(16, &low, &high));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_is_asked_once),
        TEST(other_descriptors_are_left_alone),
        TEST(a_number_that_is_used_again_is_asked_again),
        TEST(duplicates_are_one_file),
        TEST(dup2_over_a_device_closes_it),
        TEST(a_forked_child_is_another_process_with_the_same_files),
        TEST(a_guest_changes_nothing),
        TEST(rundown_tells_what_is_open),
        TEST(threads_number_their_calls_each),
        TEST(finds_the_mapping_of_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
