/* A plan that was kept is the plan that was made, and nothing else is taken for it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "plan_calls.h"
#include "replayer/plan_cache.h"

static char place[64], folder[128], trace[128];
static struct replay_plan_options options = {.order = REPLAY_ORDER_MEMORY};

static void write_to(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static const char *in_trace(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", trace, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    strcpy(place, "/tmp/gpualloc-plan-cache.XXXXXX");
    if (!mkdtemp(place))
        return -1;
    snprintf(folder, sizeof folder, "%s/cache/gpualloc/plans", place);
    snprintf(trace, sizeof trace, "%s/trace", place);
    setenv("XDG_CACHE_HOME", strcat(strcpy((char[128]){""}, place), "/cache"), 1);
    if (mkdir(trace, 0700) < 0)
        return -1;
    write_to(in_trace("metadata"), "what it is");
    write_to(in_trace("stream"), "0123456789");
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", place);
    return system(command);
}

static void make_plan(struct replay_plan *plan)
{
    struct ga_error error = {""};
    assert_int_equal(replay_plan_begin(plan, &options), 0);
    add_create_device(plan, (struct when){0, 10, 20}, 5);
    add_create(plan, (struct when){1, 30, 40}, (struct create){.device = 5, .first = 7, .count = 2, .standard_size = 4096}, NULL);
    add_destroy(plan, (struct when){0, 50, 60}, 5, 0, 7);
    if (replay_plan_finish(plan, &error) < 0)
        fail_msg("%s", error.text);
}

/* The only plan's file in the cache; null when there is none. */
static const char *kept(void)
{
    static char path[256];
    char command[256];
    snprintf(command, sizeof command, "ls '%s' 2>/dev/null | grep '[.]plan$'", folder);
    FILE *list = popen(command, "r");
    char name[128] = "";
    assert_non_null(list);
    int found = fscanf(list, "%127s", name);
    pclose(list);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return found == 1 ? path : NULL;
}

static void store(struct replay_plan *plan)
{
    struct replay_cache cache;
    replay_cache_open(&cache, trace, &options);
    make_plan(plan);
    replay_plan_seal(plan, &cache.key);
    replay_cache_store(&cache, trace, plan);
    replay_cache_close(&cache);
}

static int load(struct replay_plan *plan, const struct replay_plan_options *wanted)
{
    struct replay_cache cache;
    *plan = (struct replay_plan){0};
    replay_cache_open(&cache, trace, wanted);
    int result = replay_cache_load(&cache, plan);
    replay_cache_close(&cache);
    return result;
}

static void expect_none(const char *why)
{
    struct replay_plan plan;
    int result = load(&plan, &options);
    replay_plan_release(&plan);
    if (result != -ENOENT)
        fail_msg("a plan is taken: %s", why);
}

static void a_kept_plan_is_the_same(void **state)
{
    (void)state;
    struct replay_plan made, read;
    store(&made);
    assert_int_equal(load(&read, &options), 0);
    assert_int_equal(read.hash, made.hash);
    assert_int_equal(read.call_count, 3);
    assert_memory_equal(read.calls, made.calls, 3 * sizeof *made.calls);
    assert_memory_equal(read.refs, made.refs, made.ref_count * sizeof *made.refs);
    assert_memory_equal(read.images, made.images, made.images_size);
    assert_memory_equal(read.order, made.order, 3 * sizeof *made.order);
    assert_ptr_not_equal(read.calls, made.calls);
    replay_plan_populate(&read);
    struct stat st;
    assert_int_equal(stat(kept(), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    replay_plan_release(&made);
    replay_plan_release(&read);
}

static void another_question_has_another_plan(void **state)
{
    (void)state;
    struct replay_plan made, read;
    store(&made);
    replay_plan_release(&made);
    struct replay_plan_options other = {.order = REPLAY_ORDER_RESOURCE}, range = options, skips = options, limits = options;
    range.range = (struct replay_range){REPLAY_RANGE_CALLS, 1, 2};
    skips.skips[3] = true;
    limits.max_calls = 1; /* refuses a plan, and makes no other */
    assert_int_equal(load(&read, &other), -ENOENT);
    assert_int_equal(load(&read, &range), -ENOENT);
    assert_int_equal(load(&read, &skips), -ENOENT);
    other = options;
    other.no_cache = true;
    assert_int_equal(load(&read, &other), -ENOENT);
    assert_int_equal(load(&read, &limits), 0);
    assert_int_equal(replay_plan_check(&read, &limits, NULL), -EFBIG);
    replay_plan_release(&read);
}

/* The same size, name and time of change do not make the same trace. */
static void another_byte_is_another_trace(void **state)
{
    (void)state;
    struct replay_plan made, read;
    struct stat st;
    store(&made);
    assert_int_equal(stat(in_trace("stream"), &st), 0);
    write_to(in_trace("stream"), "0123x56789");
    utimensat(AT_FDCWD, in_trace("stream"), (struct timespec[2]){st.st_atim, st.st_mtim}, 0);
    expect_none("of another byte");
    write_to(in_trace("stream"), "0123456789");
    assert_int_equal(load(&read, &options), 0);
    replay_plan_release(&read);
    assert_int_equal(rename(in_trace("stream"), strcat(strcpy((char[256]){""}, trace), "/stream_1")), 0);
    expect_none("of another stream's name");
    replay_plan_release(&made);
}

static void a_damaged_file_is_no_plan(void **state)
{
    (void)state;
    struct replay_plan made, read;
    store(&made);
    const char *path = kept();
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    int fd = open(path, O_RDWR);
    char byte, other;
    for (off_t at = 0; at < (off_t)sizeof(struct replay_plan_header); at += 13) {
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        other = (char)(byte ^ 4);
        assert_int_equal(pwrite(fd, &other, 1, at), 1);
        expect_none("with another byte in its header");
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    assert_int_equal(load(&read, &options), 0);
    replay_plan_release(&read);
    assert_int_equal(ftruncate(fd, st.st_size - 4096), 0);
    expect_none("that is cut off");
    assert_int_equal(ftruncate(fd, 0), 0);
    expect_none("of nothing");
    close(fd);
    replay_plan_release(&made);
}

static void what_others_could_write_is_not_read(void **state)
{
    (void)state;
    struct replay_plan made;
    store(&made);
    char path[256], aside[300];
    strcpy(path, kept());
    snprintf(aside, sizeof aside, "%s/aside", place);
    assert_int_equal(chmod(path, 0620), 0);
    expect_none("that its group may write to");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(symlink(aside, path), 0);
    expect_none("through a symbolic link");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_none("that is a pipe");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rename(aside, path), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    expect_none("in a folder that everybody may write to");
    assert_int_equal(chmod(folder, 0700), 0);
    struct replay_plan read;
    assert_int_equal(load(&read, &options), 0);
    replay_plan_release(&read);
    replay_plan_release(&made);
}

static void without_a_folder_nothing_is_kept(void **state)
{
    (void)state;
    struct replay_plan made;
    setenv("XDG_CACHE_HOME", "/dev/null/nowhere", 1);
    store(&made);
    assert_int_equal(made.call_count, 3);
    replay_plan_release(&made);
    assert_null(kept());
    unsetenv("HOME");
    setenv("XDG_CACHE_HOME", "not/from/the/root", 1);
    expect_none("without a folder");
}

static void the_oldest_goes_when_there_is_no_room(void **state)
{
    (void)state;
    struct replay_plan made, read;
    struct replay_cache cache;
    store(&made);
    replay_plan_release(&made);
    utimensat(AT_FDCWD, kept(), (struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 1}}, 0);
    char stranger[256];
    snprintf(stranger, sizeof stranger, "%s/notes.txt", folder);
    write_to(stranger, "not ours to remove");
    struct replay_plan_options first = options;
    options.order = REPLAY_ORDER_RESOURCE;
    replay_cache_open(&cache, trace, &options);
    cache.max_bytes = 16384; /* room for one */
    make_plan(&made);
    replay_plan_seal(&made, &cache.key);
    assert_true(made.mapping_size <= cache.max_bytes / 2);
    replay_cache_store(&cache, trace, &made);
    assert_int_equal(load(&read, &options), 0);
    replay_plan_release(&read);
    assert_int_equal(load(&read, &first), 0); /* both fit */
    replay_plan_release(&read);
    options.skips[5] = true;
    replay_cache_close(&cache);
    replay_cache_open(&cache, trace, &options);
    cache.max_bytes = 2 * made.mapping_size; /* room for two */
    utimensat(AT_FDCWD, kept(), (struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 1}}, 0);
    replay_plan_release(&made);
    make_plan(&made);
    replay_plan_seal(&made, &cache.key);
    replay_cache_store(&cache, trace, &made);
    replay_cache_close(&cache);
    assert_int_equal(load(&read, &options), 0);
    replay_plan_release(&read);
    char command[600];
    snprintf(command, sizeof command, "test $(ls '%s' | grep -c '[.]plan$') = 2 && test -e '%s'", folder, stranger);
    assert_int_equal(system(command), 0);
    replay_plan_release(&made);
    options = first;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_kept_plan_is_the_same, set_up, clean_up),
        cmocka_unit_test_setup_teardown(another_question_has_another_plan, set_up, clean_up),
        cmocka_unit_test_setup_teardown(another_byte_is_another_trace, set_up, clean_up),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_no_plan, set_up, clean_up),
        cmocka_unit_test_setup_teardown(what_others_could_write_is_not_read, set_up, clean_up),
        cmocka_unit_test_setup_teardown(the_oldest_goes_when_there_is_no_room, set_up, clean_up),
        cmocka_unit_test_setup_teardown(without_a_folder_nothing_is_kept, set_up, clean_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
