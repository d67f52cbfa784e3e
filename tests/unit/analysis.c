/* Analyses: their figures for calls made by hand, as JSON and as the page that report prints (tests/golden/report-by-hand.txt;
   UPDATE_GOLDEN=1 writes it anew). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/analysis.h"
#include "analyzer/groups.h"
#include "analyzer/table.h"
#include "calls.h"

enum { SOFTGPU_HASH = 100, LUID = 0x2a0 };
static const int64_t ms = 1000000;

struct run {
    struct analysis_set *set;
    struct made made;
    struct ga_reader_totals totals;
    json_object *json;
};

/* Private data of softgpu that asks for hash - SOFTGPU_HASH pages of 4 KiB. */
static int blob(void *user, uint64_t hash, const void **data, uint32_t *size)
{
    (void)user;
    static struct {
        char magic[4];
        uint32_t flags;
        uint64_t size, reserved;
        uint32_t segment, format;
    } bytes = {.magic = {'S', 'G', 'P', 'U'}};
    bytes.size = (hash - SOFTGPU_HASH) * 4096;
    *data = &bytes;
    *size = sizeof bytes;
    return 0;
}

static struct when at(uint32_t thread, int64_t begin, int64_t end)
{
    return (struct when){.process = 7, .thread = thread, .begin = (uint64_t)begin, .end = (uint64_t)end};
}

static struct when on_file(uint64_t file, int64_t begin)
{
    return (struct when){
        .process = 7, .begin = (uint64_t)begin, .end = (uint64_t)begin + 1000, .file = file, .device = 226 << 8};
}

static void feed(struct run *run, struct ga_call *call)
{
    assert_int_equal(analysis_set_call(run->set, call), 0);
    run->totals.calls++;
    run->totals.last_ns = call->end_ns;
}

/* A create whose allocations are pages large each; 0: of unknown size. */
static void create(struct run *run, struct when when, uint32_t resource_in, uint32_t resource_out, uint64_t surface,
                   uint32_t first, uint32_t count, uint32_t pages)
{
    made_create(&run->made, when, 2, resource_in, resource_out, surface, first, count);
    for (uint32_t i = 0; pages && i < count; i++)
        run->made.allocations[i].pPrivateDriverData_hash = SOFTGPU_HASH + pages;
    feed(run, &run->made.call);
}

static void announce(struct run *run)
{
    static const struct ga_gpualloc_process process = {.process = 7,
                                                       .pid = 7,
                                                       .program = "/usr/bin/scene",
                                                       .command_line = "scene --frames 3",
                                                       .kernel = "6.1.0-amd64 #1 SMP",
                                                       .tracer = "0.1.0"};
    static const struct ga_gpualloc_file files[] = {
        {.process = 7, .file = 50, .path = "/dev/dxg", .driver = "softgpu", .driver_version = ""},
        {.process = 7, .file = 60, .device = 226 << 8, .path = "/dev/dri/card0", .driver = "vgem", .driver_version = "1.0.0"},
    };
    static const struct ga_gpualloc_untraced untraced[] = {{.process = 7, .file = 60, .request = 0xc0106402, .count = 1},
                                                           {.process = 7, .file = 60, .request = 0xc0106402, .count = 8}};
    assert_int_equal(analysis_set_event(run->set, &ga_rows[GA_ROW_gpualloc_process], &process, EPOCH), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(analysis_set_event(run->set, &ga_rows[GA_ROW_gpualloc_file], &files[i], EPOCH), 0);
        assert_int_equal(analysis_set_event(run->set, &ga_rows[GA_ROW_gpualloc_untraced], &untraced[i], EPOCH), 0);
    }
}

/* Surface 0xa: 2 allocations of 4 pages, one added; surface 0xb: unknown size; 21 outlives them, 30 ends with its device. */
static void scene(struct run *run)
{
    feed(run, made_open_adapter(&run->made, at(0, 1 * ms, 1 * ms + 1000), 1, LUID));
    feed(run, made_device(&run->made, at(0, 2 * ms, 2 * ms + 2000), 1, 2));
    create(run, at(0, 3 * ms, 3 * ms + 5000), 0, 10, 0xa, 11, 2, 4);
    create(run, at(0, 4 * ms, 4 * ms + 5000), 10, 0, 0, 13, 1, 8); /* added: peak 16 pages */
    create(run, at(0, 5 * ms, 5 * ms + 5000), 0, 20, 0xb, 21, 2, 0);
    feed(run, made_failed(made_create(&run->made, at(0, 6 * ms, 6 * ms + 100), 2, 0, 0, 0, 40, 1)));
    feed(run, made_destroy(&run->made, at(0, 13 * ms + 5000, 13 * ms + 9000), 2, 10, 0, 0));
    /* 22 is freed by thread 1 while thread 0 is given the handle again, for 1 page. */
    create(run, at(0, 15 * ms, 15 * ms + 5000), 0, 0, 0xc, 22, 1, 1);
    feed(run, made_destroy(&run->made, at(1, 15 * ms - 1000, 15 * ms + 9000), 2, 0, 22, 1));
    feed(run, made_device(&run->made, at(0, 16 * ms, 16 * ms + 2000), 1, 3));
    feed(run, made_standard(&run->made, at(0, 17 * ms, 17 * ms + 2000), 3, 30, 8192));
    feed(run, made_destroy_device(&run->made, at(0, 18 * ms, 18 * ms + 2000), 3));
    feed(run, made_dumb(&run->made, on_file(60, 19 * ms), 1, 1 << 20)); /* the peak: 1 MiB and a page */
    feed(run, made_export(&run->made, on_file(60, 20 * ms), 1, 555));
    feed(run, made_import(&run->made, on_file(61, 21 * ms), 9, 555));
    feed(run, made_gem_close(&run->made, on_file(60, 22 * ms), 1)); /* the memory lives on with 9 */
    feed(run, made_gem_close(&run->made, on_file(60, 23 * ms), 77));
}

static int start(void **state)
{
    static struct run run;
    run = (struct run){.totals = {.first_ns = EPOCH, .events = 40}};
    const struct analysis *const *table = analysis_table();
    size_t count = 0;
    while (table[count])
        count++;
    *state = &run;
    return analysis_set_create(&run.set, table, count, blob, NULL, NULL);
}

static int stop(void **state)
{
    struct run *run = *state;
    analysis_set_destroy(run->set);
    json_object_put(run->json);
    return 0;
}

static struct analysis_trace finish(struct run *run)
{
    struct analysis_trace trace = {"T", &run->totals, NULL};
    assert_int_equal(analysis_set_finish(run->set, &trace), 0);
    run->json = json_object_new_object();
    assert_int_equal(analysis_set_json(run->set, run->json), 0);
    return trace;
}

/* A value by JSON pointer; a null one has the type null. */
static json_object *value(struct run *run, const char *pointer)
{
    json_object *found = NULL;
    if (json_pointer_get(run->json, pointer, &found) < 0)
        fail_msg("%s is not in the JSON", pointer);
    return found;
}

static uint64_t number(struct run *run, const char *pointer)
{
    json_object *found = value(run, pointer);
    assert_true(json_object_is_type(found, json_type_int));
    return json_object_get_uint64(found);
}

static void figures_of_a_scene(void **state)
{
    struct run *run = *state;
    announce(run);
    scene(run);
    finish(run);
    assert_int_equal(number(run, "/summary/calls"), 17);
    assert_int_equal(number(run, "/summary/failed"), 1);
    assert_int_equal(number(run, "/summary/frees_of_unseen"), 1);
    assert_int_equal(number(run, "/summary/untraced/0/count"), 8);
    assert_int_equal(number(run, "/summary/memory/made"), 8);
    assert_int_equal(number(run, "/summary/memory/imported"), 1);
    assert_int_equal(number(run, "/summary/memory/unknown_size"), 2);
    assert_int_equal(number(run, "/summary/memory/peak_bytes"), (1 << 20) + 4096);
    assert_int_equal(number(run, "/summary/memory/peak_ts"), 19 * ms + 1000 + EPOCH);
    assert_int_equal(number(run, "/summary/memory/at_end"), 3); /* 21, 22, and the buffer that handle 9 keeps */
    assert_int_equal(number(run, "/summary/memory/at_end_bytes"), (1 << 20) + 4096);
    assert_int_equal(number(run, "/summary/memory/ends/freed/count"), 5);
    assert_int_equal(number(run, "/summary/memory/ends/with_owner/bytes"), 8192);
    assert_int_equal(number(run, "/summary/memory/ends/alive/count"), 2);
    assert_int_equal(number(run, "/summary/memory/imported_at_end"), 1);
    assert_int_equal(number(run, "/summary/memory/size_origins/decoded"), 4);
}

static void surfaces_take_additions_and_never_show_unknown_as_0(void **state)
{
    struct run *run = *state;
    scene(run);
    finish(run);
    assert_int_equal(number(run, "/surface/0/hPrivateRuntimeResourceHandle"), 0xa);
    assert_int_equal(number(run, "/surface/0/made"), 3);
    assert_int_equal(number(run, "/surface/0/peak_bytes"), 16 * 4096);
    assert_int_equal(number(run, "/surface/0/at_end"), 0);
    assert_int_equal(number(run, "/surface/0/lifetime_ns/max"), 10 * ms);
    assert_int_equal(number(run, "/surface/0/lifetime_ns/count"), 3);
    assert_int_equal(number(run, "/surface/3/hPrivateRuntimeResourceHandle"), 0xb);
    assert_int_equal(number(run, "/surface/3/unknown_size"), 2);
    assert_null(value(run, "/surface/3/peak_bytes"));
    assert_null(value(run, "/surface/3/at_end_bytes"));
    assert_null(value(run, "/surface/3/ends/alive/bytes"));
    /* Of the two generations of handle 22 the older was freed: it began before the newer was made. */
    assert_int_equal(number(run, "/surface/3/ends/freed/count"), 1);
    assert_int_equal(number(run, "/surface/3/lifetime_ns/max"), 10 * ms - 6000);
    assert_int_equal(number(run, "/alive/1/handle"), 22); /* after the import, which is larger */
    assert_int_equal(number(run, "/alive/1/size"), 4096);
    assert_null(value(run, "/alive/2/size"));
}

static void devices_and_size_classes(void **state)
{
    struct run *run = *state;
    announce(run);
    scene(run);
    finish(run);
    assert_string_equal(json_object_get_string(value(run, "/device/0/name")), "DRM node 226:0"); /* by hand: no file info */
    assert_int_equal(number(run, "/device/0/device"), 226 << 8);
    assert_int_equal(number(run, "/device/0/at_end_bytes"), 1 << 20);
    assert_string_equal(json_object_get_string(value(run, "/device/1/name")), "softgpu 0:2a0");
    assert_int_equal(number(run, "/device/1/adapter_luid"), LUID);
    assert_int_equal(number(run, "/device/1/made"), 7);
    assert_int_equal(number(run, "/size/0/up_to"), 4096);
    assert_int_equal(number(run, "/size/1/up_to"), 16384);
    assert_int_equal(number(run, "/size/1/made"), 3);
    assert_int_equal(number(run, "/size/3/up_to"), 1 << 20);
    assert_null(value(run, "/size/4/up_to"));
    assert_int_equal(number(run, "/size/4/made"), 2);
}

static void calls_and_failures(void **state)
{
    struct run *run = *state;
    scene(run);
    finish(run);
    assert_string_equal(json_object_get_string(value(run, "/calls/0/request")), "D3DKMTCreateAllocation2");
    assert_int_equal(number(run, "/calls/0/calls"), 6);
    assert_int_equal(number(run, "/calls/0/failed"), 1);
    assert_int_equal(number(run, "/calls/0/duration_ns/p50"), 5000);
    assert_int_equal(number(run, "/calls/0/duration_ns/sum"), 4 * 5000 + 2000 + 100);
    assert_int_equal(number(run, "/calls/0/failures/0/count"), 1);
    assert_int_equal(number(run, "/calls/0/failures/0/status"), 0xC0000017);
}

static void an_empty_trace_has_its_page_too(void **state)
{
    struct run *run = *state;
    struct analysis_trace trace = finish(run);
    char *text = NULL;
    size_t size = 0;
    struct analysis_output out = {open_memstream(&text, &size), false, 8, &trace};
    analysis_set_text(run->set, &out);
    fclose(out.file);
    assert_non_null(strstr(text, "no allocation was made"));
    assert_non_null(strstr(text, "WARNING   no call was recorded"));
    assert_non_null(strstr(text, "Never freed: nothing"));
    assert_int_equal(number(run, "/summary/memory/made"), 0);
    free(text);
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 16);
    if (file && text)
        text[fread(text, 1, (1 << 16) - 1, file)] = 0;
    if (file)
        fclose(file);
    return text;
}

static void the_page_reads_as_agreed(void **state)
{
    struct run *run = *state;
    const char *golden = SOURCE_DIR "/tests/golden/report-by-hand.txt";
    announce(run);
    scene(run);
    struct analysis_trace trace = finish(run);
    char *text = NULL;
    size_t size = 0;
    struct analysis_output out = {open_memstream(&text, &size), false, 8, &trace};
    analysis_set_text(run->set, &out);
    fclose(out.file);
    if (getenv("UPDATE_GOLDEN")) {
        FILE *file = fopen(golden, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
    }
    for (char *copy = strdup(text), *line = strtok(copy, "\n"); line || (free(copy), false); line = strtok(NULL, "\n"))
        assert_true(table_width(line) <= 100);
    char *expected = read_file(golden);
    assert_string_equal(text, expected);
    free(expected);
    free(text);
}

static void tables_align_by_characters_and_leave_out_empty_columns(void **state)
{
    (void)state;
    const struct table_column columns[] = {{"name", TABLE_LEFT}, {"took", TABLE_RIGHT}, {"odd", TABLE_RIGHT_IF_ANY}, {NULL}};
    struct table *table = table_create(columns);
    const char *const cells[] = {"a", "1 µs", "0", "longer", "100 ns", ""};
    for (size_t i = 0; i < 6; i++)
        table_cell(table, "%s", cells[i]);
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    table_print(table, file);
    fclose(file);
    assert_string_equal(text, "  name      took\n"
                              "  a         1 µs\n"
                              "  longer  100 ns\n");
    free(text);
}

static void names_cannot_drive_a_terminal(void **state)
{
    struct run *run = *state;
    static const struct ga_gpualloc_process process = {.process = 7, .command_line = "a\033[2Jb\nWARNING c\x7f\xc2\x9b"};
    static const struct ga_gpualloc_file file = {.process = 7, .file = 50, .path = "\033]0;title\a", .driver = "x\r"};
    assert_int_equal(analysis_set_event(run->set, &ga_rows[GA_ROW_gpualloc_process], &process, EPOCH), 0);
    assert_int_equal(analysis_set_event(run->set, &ga_rows[GA_ROW_gpualloc_file], &file, EPOCH), 0);
    struct analysis_trace trace = finish(run);
    char *text = NULL;
    size_t size = 0;
    struct analysis_output out = {open_memstream(&text, &size), false, 8, &trace};
    analysis_set_text(run->set, &out);
    fclose(out.file);
    assert_non_null(strstr(text, "a?[2Jb?WARNING c??"));
    for (const char *c = text; *c; c++)
        assert_true(*c == '\n' || (unsigned char)*c >= 0x20);
    free(text);
}

static void wide_tables_leave_out_what_can_be_spared(void **state)
{
    (void)state;
    const struct table_column columns[] = {
        {"a", TABLE_LEFT}, {"b", TABLE_RIGHT, 1}, {"c", TABLE_RIGHT, 2}, {"d", TABLE_RIGHT}, {NULL}};
    struct table *table = table_create(columns);
    for (size_t i = 0; i < 4; i++)
        table_cell(table, "%030d", (int)i);
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    table_print(table, file);
    fclose(file);
    assert_null(strchr(text, 'c'));
    assert_non_null(strchr(text, 'b'));
    free(text);
}

static void keys_beyond_the_limit_are_one_group(void **state)
{
    (void)state;
    struct groups groups = {0};
    struct {
        uint32_t before;
        struct ga_memory memory; /* right before its maker */
        struct ga_life life;
    } made = {.life = {.origin = GA_SIZE_REQUESTED, .size = 10, .memory = &made.memory}};
    const struct ga_life *life = &made.life;
    assert_ptr_equal(ga_life_maker(life), life);
    for (uint64_t i = 0; i < GROUPS_MAX + 10; i++)
        assert_int_equal(groups_born(&groups, (struct group_key){i, 0}, life), 0);
    assert_int_equal(groups.count, GROUPS_MAX + 1);
    struct group_key last = {GROUPS_MAX + 9, 0};
    assert_int_equal(groups_died(&groups, last, last, life, GA_END_FREED), 0);
    groups_sort(&groups, false);
    const struct group *others = groups.list[GROUPS_MAX];
    assert_true(others->others);
    assert_int_equal(others->made, 10);
    assert_int_equal(others->live_bytes, 90);
    groups_release(&groups);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(figures_of_a_scene),
        TEST(surfaces_take_additions_and_never_show_unknown_as_0),
        TEST(devices_and_size_classes),
        TEST(calls_and_failures),
        TEST(an_empty_trace_has_its_page_too),
        TEST(the_page_reads_as_agreed),
        cmocka_unit_test(tables_align_by_characters_and_leave_out_empty_columns),
        TEST(names_cannot_drive_a_terminal),
        cmocka_unit_test(wide_tables_leave_out_what_can_be_spared),
        cmocka_unit_test(keys_beyond_the_limit_are_one_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
