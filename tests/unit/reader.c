/* The reader on traces that the writer of tests/trace makes: order, joining, private data, losses, errors, other versions. */
#include "reader/reader.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "trace/ctf.h"
#include "trace/layout.h"

#define OFFSET 1700000000000000000

/* A trace being made in a folder of its own, and what the reader said of it. */
struct fixture {
    char folder[64], path[96];
    struct ctf *ctf;
    struct ga_reader *reader;
    struct ga_reader_totals totals;
    struct ga_error error;
    int result;
    uint64_t calls[64]; /* numbers, in the order in which they came */
    unsigned call_count, processes, files, others;
    int (*check)(struct fixture *fixture, const struct ga_call *call);
};

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/gpualloc-unit-XXXXXX");
    if (!mkdtemp(f->folder))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/trace", f->folder);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ga_reader_close(f->reader);
    nftw(f->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static void begin(struct fixture *f, unsigned streams)
{
    struct ctf_options options = {.streams = streams, .clock_offset = OFFSET, .used_only = true};
    assert_int_equal(ctf_create(&f->ctf, f->path, &options, &f->error), 0);
}

static void put(struct fixture *f, unsigned stream, uint64_t ticks, enum ga_row_id row, const void *record)
{
    assert_int_equal(ctf_write(f->ctf, stream, ticks, &ga_rows[row], record, &f->error), 0);
}

static void put_process(struct fixture *f, uint64_t ticks, uint64_t process)
{
    put(f, 0, ticks, GA_ROW_gpualloc_process,
        &(struct ga_gpualloc_process){
            .process = process, .pid = 7, .program = "/bin/p", .command_line = "p", .kernel = "k", .tracer = "t"});
}

static void put_close(struct fixture *f, unsigned stream, uint64_t ticks, uint32_t thread, uint64_t number)
{
    put(f, stream, ticks, GA_ROW_d3dkmt_close_adapter,
        &(struct ga_d3dkmt_close_adapter){
            .header = {.process = 1, .thread = thread, .call = number, .begin = ticks - 20, .end = ticks - 10, .size = 4}});
}

static void put_element(struct fixture *f, unsigned stream, uint64_t ticks, uint32_t thread, uint64_t number, uint32_t index,
                        uint32_t handle)
{
    put(f, stream, ticks, GA_ROW_d3dkmt_allocation,
        &(struct ga_d3dkmt_allocation){.header = {.process = 1, .thread = thread, .call = number, .index = index, .size = 96},
                                       .hAllocation = handle});
}

static void put_create(struct fixture *f, unsigned stream, uint64_t ticks, uint32_t thread, uint64_t number, uint32_t count)
{
    put(f, stream, ticks, GA_ROW_d3dkmt_create_allocation,
        &(struct ga_d3dkmt_create_allocation){.header = {.process = 1, .thread = thread, .call = number, .size = 72},
                                              .NumAllocations = count,
                                              .pAllocationInfo2 = 0x1000,
                                              .pAllocationInfo2_captured = count});
}

static int on_call(void *user, const struct ga_call *call)
{
    struct fixture *f = user;
    assert_true(f->call_count < 64);
    f->calls[f->call_count++] = call->header->call;
    return f->check ? f->check(f, call) : 0;
}

static int on_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    struct fixture *f = user;
    (void)record;
    assert_true(ns >= OFFSET);
    f->processes += ga_row_id(row) == GA_ROW_gpualloc_process;
    f->files += ga_row_id(row) == GA_ROW_gpualloc_file;
    f->others++;
    return 0;
}

static void read_trace(struct fixture *f)
{
    static const struct ga_reader_ops ops = {on_call, on_event};
    if (f->ctf)
        assert_int_equal(ctf_finish(f->ctf, 0, &f->error), 0);
    f->ctf = NULL;
    f->result = ga_reader_open(&f->reader, f->path, &f->error);
    if (f->result < 0)
        return;
    f->result = ga_reader_run(f->reader, &ops, f, &f->error);
    f->totals = *ga_reader_totals(f->reader);
}

static void assert_lossless(const struct fixture *f)
{
    assert_int_equal(f->result, 0);
    assert_false(ga_reader_lossy(&f->totals));
}

/* Replaces a text in the trace's metadata by another of the same length. */
static void edit_metadata(struct fixture *f, const char *from, const char *to)
{
    char path[160], text[200000];
    assert_int_equal(ctf_finish(f->ctf, 0, &f->error), 0);
    f->ctf = NULL;
    snprintf(path, sizeof path, "%s/ust/uid/0/64-bit/metadata", f->path);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = 0;
    char *place = strstr(text, from);
    assert_non_null(place);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(place, to, strlen(to));
    rewind(file);
    fwrite(text, 1, size, file);
    fclose(file);
}

/* Order and time. */

static int check_time(struct fixture *f, const struct ga_call *call)
{
    (void)f;
    assert_int_equal(call->begin_ns, OFFSET + (int64_t)call->header->begin);
    assert_int_equal(call->end_ns, OFFSET + (int64_t)call->header->end);
    assert_int_equal(call->end_ns - call->begin_ns, 10);
    assert_non_null(call->process);
    assert_string_equal(call->process->program, "/bin/p");
    return 0;
}

static void test_streams_are_merged_by_time(void **state)
{
    struct fixture *f = *state;
    begin(f, 3);
    put_process(f, 1000, 1);
    for (unsigned i = 1; i <= 60; i++)
        put_close(f, i * 7 % 3, 1000 + i * 100, 0, i);
    f->check = check_time;
    read_trace(f);
    assert_lossless(f);
    assert_int_equal(f->call_count, 60);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(f->calls[i], i + 1);
    assert_int_equal(f->totals.first_ns, OFFSET + 1000);
    assert_int_equal(f->totals.last_ns, OFFSET + 7000);
}

/* Two traces below one folder, as a 32-bit and a 64-bit program of one session have. */
static void test_traces_below_a_folder_are_one(void **state)
{
    struct fixture *f = *state;
    char outer[96];
    strcpy(outer, f->path);
    for (unsigned i = 0; i < 2; i++) {
        struct ctf_options options = {.streams = 1, .clock_offset = OFFSET, .seed = i};
        snprintf(f->path, sizeof f->path, "%.60s/%u", f->folder, i);
        assert_int_equal(ctf_create(&f->ctf, f->path, &options, &f->error), 0);
        for (unsigned n = i + 1; n <= 10; n += 2)
            put_close(f, 0, 1000 + n * 100, 0, n);
        assert_int_equal(ctf_finish(f->ctf, 0, &f->error), 0);
    }
    f->ctf = NULL;
    strcpy(f->path, f->folder);
    read_trace(f);
    assert_lossless(f);
    assert_int_equal(f->call_count, 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(f->calls[i], i + 1);
}

/* Chunks of a rotated trace go on counting discarded events: they are counted once. */
static void test_chunks_of_a_trace_are_read_together(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 2; i++) {
        struct ctf_options options = {
            .streams = 1, .clock_offset = OFFSET, .seed = 5, .packets_before = i * 2, .discarded_before = i * 5};
        snprintf(f->path, sizeof f->path, "%.60s/%u", f->folder, i);
        assert_int_equal(ctf_create(&f->ctf, f->path, &options, &f->error), 0);
        put_close(f, 0, 1000 + i * 1000, 0, 2 * i + 1);
        assert_int_equal(ctf_discard(f->ctf, 0, i ? 0 : 5, &f->error), 0);
        put_close(f, 0, 1100 + i * 1000, 0, 2 * i + 2);
        assert_int_equal(ctf_finish(f->ctf, 0, &f->error), 0);
    }
    f->ctf = NULL;
    strcpy(f->path, f->folder);
    read_trace(f);
    assert_int_equal(f->result, 0);
    assert_int_equal(f->call_count, 4);
    assert_int_equal(f->totals.discarded_events, 5);
}

/* Elements. */

static int check_elements(struct fixture *f, const struct ga_call *call)
{
    (void)f;
    const struct ga_elements *standard = &call->elements[0], *allocations = &call->elements[1];
    const struct ga_d3dkmt_allocation *records = allocations->records;
    assert_string_equal(standard->row->event, "standard_allocation");
    assert_int_equal(standard->count, 0);
    assert_string_equal(allocations->row->event, "allocation");
    for (uint32_t i = 0; i < allocations->count; i++)
        assert_int_equal(records[i].hAllocation, call->header->thread * 1000 + call->header->call * 10 + i);
    return 0;
}

static void test_elements_are_joined_to_their_call(void **state)
{
    struct fixture *f = *state;
    begin(f, 2);
    put_process(f, 900, 1);
    for (uint32_t thread = 0; thread < 2; thread++) /* two threads at once, on two CPUs */
        for (uint32_t i = 0; i < 5; i++)
            put_element(f, thread, 1000 + i * 10 + thread, thread, 1, i, thread * 1000 + 10 + i);
    put_create(f, 0, 1100, 0, 1, 5);
    put_create(f, 1, 1101, 1, 1, 5);
    /* A signal handler's call comes between the elements of the call that it interrupts. */
    put_element(f, 0, 1200, 0, 2, 0, 20);
    put_element(f, 0, 1210, 0, 3, 0, 30);
    put_create(f, 0, 1220, 0, 3, 1);
    put_element(f, 0, 1230, 0, 2, 1, 21);
    put_create(f, 0, 1240, 0, 2, 2);
    f->check = check_elements;
    read_trace(f);
    assert_lossless(f);
    assert_int_equal(f->call_count, 4);
}

static int check_hole(struct fixture *f, const struct ga_call *call)
{
    (void)f;
    const struct ga_d3dkmt_allocation *records = call->elements[1].records;
    assert_int_equal(call->elements[1].count, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(records[i].header.size, i == 1 || i == 3 ? 0 : 96);
    return 0;
}

static void test_lost_elements_leave_holes(void **state)
{
    struct fixture *f = *state;
    begin(f, 1);
    for (uint64_t call = 1; call <= 20; call++) { /* the room of a call that had more is used again */
        put_element(f, 0, 1000 + call * 100, 0, call, 0, 1);
        put_element(f, 0, 1010 + call * 100, 0, call, 2, 1);
        put_create(f, 0, 1020 + call * 100, 0, call, 4);
    }
    f->check = check_hole;
    read_trace(f);
    assert_int_equal(f->result, 0);
    assert_int_equal(f->totals.missing_elements, 40);
}

/* Elements whose call was lost must neither pile up nor reach another call. */
static void test_orphans_are_forgotten(void **state)
{
    struct fixture *f = *state;
    begin(f, 1);
    for (uint64_t call = 1; call <= 1000; call++)
        put_element(f, 0, 1000 + call, 0, call, 0, 1);
    put_create(f, 0, 3000, 0, 1001, 0);
    read_trace(f);
    assert_int_equal(f->result, 0);
    assert_int_equal(f->call_count, 1);
    assert_int_equal(f->totals.missing_elements, 0);
}

/* Private data. */

enum { BIG = 100 * 1024 + 3 };

static uint64_t big_words[(BIG + 7) / 8];

static void put_piece(struct fixture *f, uint64_t ticks, uint64_t hash, uint32_t size, uint32_t offset, uint32_t words)
{
    put(f, 0, ticks, GA_ROW_gpualloc_blob,
        &(struct ga_gpualloc_blob){
            .hash = hash, .size = size, .offset = offset, .words_length = words, .words_list = big_words + offset / 8});
}

static void put_query(struct fixture *f, uint64_t ticks, uint64_t number, uint64_t in, uint64_t out)
{
    put(f, 0, ticks, GA_ROW_d3dkmt_query_adapter_info,
        &(struct ga_d3dkmt_query_adapter_info){.header = {.process = 1, .call = number, .size = 24},
                                               .pPrivateDriverData = 0x1000,
                                               .pPrivateDriverData_hash = in,
                                               .pPrivateDriverData_out_hash = out});
}

static int check_blob(struct fixture *f, const struct ga_call *call)
{
    const struct ga_d3dkmt_query_adapter_info *record = call->record;
    const void *data;
    uint32_t size;
    assert_int_equal(ga_reader_blob(f->reader, record->pPrivateDriverData_hash, &data, &size), 0);
    assert_int_equal(size, BIG);
    assert_memory_equal(data, big_words, BIG);
    assert_int_equal(ga_reader_blob(f->reader, GA_BLOB_UNREADABLE, &data, &size), -ENOENT);
    return 0;
}

static void test_pieces_are_joined(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof big_words / 8; i++)
        big_words[i] = i * 0x0101010101010101u;
    begin(f, 1);
    put_process(f, 900, 1);
    uint32_t total = sizeof big_words / 8;
    for (uint32_t at = 0; at < total; at += 1000)
        for (unsigned sender = 0; sender < 2; sender++) /* two processes send it at once */
            put_piece(f, 1000 + at, 0x1234, BIG, at * 8, total - at < 1000 ? total - at : 1000);
    put_query(f, 50000, 1, 0x1234, 0x1234);
    f->check = check_blob;
    read_trace(f);
    assert_lossless(f);
    assert_int_equal(f->totals.blobs, 1);
    assert_int_equal(f->totals.blob_bytes, BIG);
}

static void test_a_blob_without_a_piece_is_missing_once(void **state)
{
    struct fixture *f = *state;
    begin(f, 1);
    put_piece(f, 1000, 0x1234, 24, 0, 1);
    put_piece(f, 1100, 0x1234, 24, 16, 1); /* the middle was lost */
    put_query(f, 1200, 1, 0x1234, GA_BLOB_NULL);
    put_query(f, 1300, 2, 0x1234, GA_BLOB_UNREADABLE);
    put_piece(f, 1400, 0x1234, 24, 0, 3); /* sent again after a rundown */
    put_query(f, 1500, 3, 0x1234, 0x9999);
    read_trace(f);
    assert_int_equal(f->result, 0);
    assert_int_equal(f->totals.unresolved_blobs, 2);
    assert_int_equal(f->totals.blobs, 1);
}

/* A broken trace cannot make us reserve more than it holds. */
static void test_claims_of_blobs_are_bounded(void **state)
{
    struct fixture *f = *state;
    begin(f, 1);
    for (unsigned i = 0; i < 1000; i++)
        put_piece(f, 1000 + i, 0x1000 + i, GA_BLOB_MAX, 0, 1);
    put_close(f, 0, 9000, 0, 1);
    read_trace(f);
    assert_int_equal(f->result, 0);
    assert_int_equal(f->totals.blobs, 0);
}

/* Losses. */

static void test_gaps_count_from_the_first_call_of_a_process(void **state)
{
    struct fixture *f = *state;
    begin(f, 1);
    put_process(f, 900, 1);
    put_close(f, 0, 1000, 0, 4);
    put_close(f, 0, 1100, 0, 7);
    put_close(f, 0, 1200, 0, 6); /* a call that a signal handler interrupted */
    put_close(f, 0, 1300, 1, 1);
    read_trace(f);
    assert_int_equal(f->result, 0);
    assert_int_equal(f->totals.missing_calls, 4);
    assert_true(ga_reader_lossy(&f->totals));
}

static void put_rundown(struct fixture *f, uint64_t ticks)
{
    put(f, 0, ticks, GA_ROW_gpualloc_rundown_begin, &(struct ga_gpualloc_rundown_begin){.process = 1});
    put_process(f, ticks, 1);
    put(f, 0, ticks, GA_ROW_gpualloc_rundown_end, &(struct ga_gpualloc_rundown_end){.process = 1});
}

static void test_calls_outside_the_session_are_no_loss(void **state)
{
    struct fixture *f = *state;
    begin(f, 1);
    put_rundown(f, 1000); /* the program ran already */
    put_close(f, 0, 1100, 0, 1000);
    put_close(f, 0, 1200, 0, 1001);
    put_rundown(f, 1300); /* stopped and started again */
    put_close(f, 0, 1400, 0, 5000);
    read_trace(f);
    assert_lossless(f);
    assert_int_equal(f->processes, 1); /* repeats are not told */
}

static void put_recorded(struct fixture *f, uint64_t ticks, uint32_t numbers_all)
{
    struct ga_gpualloc_process process = {.process = 1, .numbers_all = numbers_all, .program = "/bin/p", .command_line = "p",
                                          .kernel = "k", .tracer = "t", .recording = "gpualloc-p-1-2"};
    put(f, 0, ticks, GA_ROW_gpualloc_rundown_begin, &(struct ga_gpualloc_rundown_begin){.process = 1});
    put(f, 0, ticks, GA_ROW_gpualloc_process, &process);
}

/* Calls 3 and 4 of thread 0 and 1 of thread 1 were made while LTTng had dropped the program. */
static void read_dropped(struct fixture *f, const char *session, uint32_t numbers_all)
{
    struct ctf_options options = {.streams = 1, .clock_offset = OFFSET, .used_only = true, .name = session};
    assert_int_equal(ctf_create(&f->ctf, f->path, &options, &f->error), 0);
    put_recorded(f, 1000, numbers_all); /* LTTng was late: call 1 came before it was ready */
    put_close(f, 0, 1100, 0, 2);
    put_recorded(f, 1200, numbers_all);
    put_close(f, 0, 1300, 0, 5);
    put_close(f, 0, 1400, 1, 2);
    read_trace(f);
    assert_int_equal(f->result, 0);
    assert_int_equal(f->call_count, 3);
}

static void test_calls_of_a_recording_that_no_session_heard_are_a_loss(void **state)
{
    struct fixture *f = *state;
    read_dropped(f, "gpualloc-p-1-2", 1);
    assert_int_equal(f->totals.missing_calls, 4);
}

/* An older tracer, or a selection of events: there were no numbers meanwhile. */
static void test_gaps_between_sessions_count_only_where_all_calls_have_numbers(void **state)
{
    struct fixture *f = *state;
    read_dropped(f, "gpualloc-p-1-2", 0);
    assert_lossless(f);
}

static void test_gaps_between_sessions_count_only_in_a_recording(void **state)
{
    struct fixture *f = *state;
    read_dropped(f, "mine", 1);
    assert_lossless(f);
}

static int check_times(struct fixture *f, const struct ga_call *call)
{
    static const uint64_t begins[] = {1000, GA_TIME_MAX, GA_TIME_MAX}, ends[] = {GA_TIME_MAX, GA_TIME_MAX, 10};
    assert_int_equal(call->header->begin, begins[f->call_count - 1]);
    assert_int_equal(call->header->end, ends[f->call_count - 1]);
    assert_in_range(call->begin_ns, 0, GA_TIME_MAX);
    assert_in_range(call->end_ns, 0, GA_TIME_MAX);
    return 0;
}

/* Behind them, any two times may be subtracted. */
static void test_times_that_no_clock_had_are_bounded(void **state)
{
    static const uint64_t begins[] = {1000, UINT64_MAX, INT64_MAX}, ends[] = {INT64_MAX, 1ull << 63, 10};
    struct fixture *f = *state;
    f->check = check_times;
    begin(f, 1);
    put_process(f, 900, 1);
    for (unsigned i = 0; i < 3; i++)
        put(f, 0, 1000 + i, GA_ROW_d3dkmt_close_adapter,
            &(struct ga_d3dkmt_close_adapter){
                .header = {.process = 1, .call = i + 1, .begin = begins[i], .end = ends[i], .size = 4}});
    read_trace(f);
    assert_lossless(f);
    assert_int_equal(f->call_count, 3);
}

static void test_discarded_events_and_packets(void **state)
{
    struct fixture *f = *state;
    begin(f, 2);
    put_close(f, 0, 1000, 0, 1);
    put_close(f, 1, 1010, 1, 1);
    ctf_discard(f->ctf, 0, 12, &f->error);
    put_close(f, 0, 1100, 0, 2);
    ctf_discard(f->ctf, 0, 30, &f->error);
    ctf_discard_packets(f->ctf, 1, 3, &f->error);
    put_close(f, 1, 1110, 1, 2);
    read_trace(f);
    assert_int_equal(f->result, 0);
    assert_int_equal(f->totals.discarded_events, 42);
    assert_int_equal(f->totals.discarded_packets, 3);
}

/* Other versions. */

static int check_other(struct fixture *f, const struct ga_call *call)
{
    (void)f;
    const struct ga_d3dkmt_create_allocation *record = call->record;
    assert_int_equal(record->hPrivateRuntimeResourceHandle, 0);
    assert_int_equal(record->hDevice, 0x40);
    return 0;
}

static void test_unknown_fields_are_passed_over(void **state)
{
    struct fixture *f = *state;
    begin(f, 1);
    put(f, 0, 1000, GA_ROW_d3dkmt_create_allocation,
        &(struct ga_d3dkmt_create_allocation){
            .header = {.process = 1, .call = 1, .size = 72}, .hDevice = 0x40, .hPrivateRuntimeResourceHandle = 0x1234});
    edit_metadata(f, "_hPrivateRuntimeResourceHandle;", "_hPrivateRuntimeResourceNewest;");
    f->check = check_other;
    read_trace(f);
    assert_lossless(f);
    assert_int_equal(f->call_count, 1);
}

static void test_unknown_events_are_counted(void **state)
{
    struct fixture *f = *state;
    begin(f, 1);
    put_close(f, 0, 1000, 0, 1);
    put_create(f, 0, 1100, 0, 2, 0);
    edit_metadata(f, "\"d3dkmt:create_allocation\"", "\"d3dkmt:create_allocatioX\"");
    read_trace(f);
    assert_int_equal(f->result, 0);
    assert_int_equal(f->call_count, 1);
    assert_int_equal(f->totals.foreign_events, 1);
}

/* Every field. */

static union ga_record filled, partner;
static unsigned compared;

/* Another value in each field of a record; lists have two entries. */
static void fill(const struct ga_row *row, union ga_record *record)
{
    static const uint64_t entries[] = {0x1122334455667788, 0x99aabbccddeeff00};
    const struct layout *layout = layout_get(row);
    uint64_t value = 0x0102030405060708u + (uint64_t)(row - ga_rows) * 0x10101;
    memset(record, 0, sizeof *record);
    for (const struct layout_field *field = layout->fields; field < layout->fields + layout->count; field++) {
        char *to = (char *)record + field->offset;
        value += 0x1010101010101;
        if (field->kind == FIELD_STRING)
            *(const char **)to = field->name;
        else if (field->kind == FIELD_LIST)
            *(const void **)to = entries;
        else
            memcpy(to, &value, field->width);
        if (field->kind == FIELD_LIST)
            *(uint32_t *)((char *)record + field->length) = 2;
    }
    for (const struct ga_member *member = row->members(); member->name; member++)
        if (member->kind == GA_ELEMENTS)
            *(uint32_t *)((char *)record + member->in) = 0;
}

static void assert_same(const struct ga_row *row, const void *found, const void *expected)
{
    const struct layout *layout = layout_get(row);
    compared++;
    for (const struct layout_field *field = layout->fields; field < layout->fields + layout->count; field++) {
        const char *a = (const char *)found + field->offset, *b = (const char *)expected + field->offset;
        if (field->kind == FIELD_STRING) {
            assert_string_equal(*(const char *const *)a, *(const char *const *)b);
        } else if (field->kind == FIELD_LIST) {
            assert_memory_equal((const char *)found + field->length, (const char *)expected + field->length, 4);
            assert_memory_equal(*(const void *const *)a, *(const void *const *)b, 2 * field->width);
        } else if (memcmp(a, b, field->width)) {
            fail_msg("%s:%s: %s", row->provider, row->event, field->name);
        }
    }
}

static int same_call(void *user, const struct ga_call *call)
{
    (void)user;
    bool any = false;
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX; i++)
        any |= call->elements[i].count > 0;
    assert_same(call->row, call->record, any ? &partner : &filled);
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX; i++)
        if (call->elements[i].count)
            assert_same(call->elements[i].row, call->elements[i].records, &filled);
    return 0;
}

static int same_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    (void)user, (void)ns;
    assert_same(row, record, &filled);
    return 0;
}

/* The first call that has such elements; none for elements of elements. */
static const struct ga_row *call_of_element(const struct ga_row *element, const struct ga_member **out)
{
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++)
        for (const struct ga_member *member = row->members(); member->name; member++)
            if (row->kind == GA_ROW_CALL && member->kind == GA_ELEMENTS && &ga_rows[member->element] == element) {
                *out = member;
                return row;
            }
    return NULL;
}

static void test_every_field_of_every_event_comes_back(void **state)
{
    static const struct ga_reader_ops ops = {same_call, same_event};
    struct fixture *f = *state;
    unsigned expected = 0;
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        struct ctf_options options = {.streams = 1, .clock_offset = OFFSET, .used_only = true};
        const struct ga_member *member;
        const struct ga_row *call = row->kind == GA_ROW_ELEMENT ? call_of_element(row, &member) : NULL;
        if (row->kind == GA_ROW_ELEMENT && !call)
            continue;
        snprintf(f->path, sizeof f->path, "%.40s/%u", f->folder, (unsigned)ga_row_id(row));
        assert_int_equal(ctf_create(&f->ctf, f->path, &options, &f->error), 0);
        fill(row, &filled);
        if (call)
            filled.element.index = 0;
        put(f, 0, 1000, ga_row_id(row), &filled);
        if (call) {
            fill(call, &partner);
            *(uint32_t *)((char *)&partner + member->in) = 1;
            *(uint32_t *)((char *)&partner + member->first) = 0;
            partner.header.process = filled.element.process;
            partner.header.thread = filled.element.thread;
            partner.header.call = filled.element.call;
            put(f, 0, 2000, ga_row_id(call), &partner);
        }
        assert_int_equal(ctf_finish(f->ctf, 0, &f->error), 0);
        f->ctf = NULL;
        assert_int_equal(ga_reader_open(&f->reader, f->path, &f->error), 0);
        assert_int_equal(ga_reader_run(f->reader, &ops, NULL, &f->error), 0);
        ga_reader_close(f->reader);
        f->reader = NULL;
        bool kept = ga_row_id(row) == GA_ROW_gpualloc_blob || ga_row_id(row) == GA_ROW_gpualloc_rundown_begin ||
                    ga_row_id(row) == GA_ROW_gpualloc_rundown_end; /* the reader keeps these to itself */
        expected += call ? 2 : !kept;
    }
    assert_int_equal(compared, expected);
    assert_true(compared > GA_ROW_COUNT / 2); /* some elements are of elements: tests/unit/capture-drm.c */
}

/* Errors. */

static void test_what_is_no_trace(void **state)
{
    struct fixture *f = *state;
    read_trace(f);
    assert_int_equal(f->result, -ENOENT);
    assert_non_null(strstr(f->error.text, f->path));
    strcpy(f->path, f->folder);
    read_trace(f);
    assert_int_equal(f->result, -EINVAL);
    assert_non_null(strstr(f->error.text, "no trace"));
    strcpy(f->path, "/dev/null");
    read_trace(f);
    assert_int_equal(f->result, -EINVAL);
}

static void test_a_trace_without_our_events(void **state)
{
    struct fixture *f = *state;
    begin(f, 1);
    put_create(f, 0, 1100, 0, 1, 0);
    edit_metadata(f, "\"d3dkmt:create_allocation\"", "\"others:create_allocation\"");
    read_trace(f);
    assert_int_equal(f->result, -ENOMSG);
    assert_non_null(strstr(f->error.text, "1 of others"));
}

static void test_damaged_metadata(void **state)
{
    struct fixture *f = *state;
    begin(f, 1);
    put_close(f, 0, 1000, 0, 1);
    edit_metadata(f, "major = 1", "major = ;");
    read_trace(f);
    assert_int_equal(f->result, -EINVAL);
    assert_null(strchr(f->error.text, '\n'));
}

/* One file is cut, the other is whole: all calls before the cut come, and all of the other's. */
static void test_a_cut_stream_is_read_up_to_the_cut(void **state)
{
    struct fixture *f = *state;
    begin(f, 2);
    for (unsigned i = 1; i <= 30; i++)
        put_close(f, i % 2, 1000 + i, i % 2, (i + 1) / 2);
    ctf_discard(f->ctf, 0, 0, &f->error);
    put_close(f, 0, 2000, 0, 16);
    assert_int_equal(ctf_finish(f->ctf, 4096 + 3000, &f->error), 0); /* into the first packet, after its events */
    f->ctf = NULL;
    read_trace(f);
    assert_int_equal(f->result, -EIO);
    assert_true(f->call_count >= 15 && f->call_count < 31);
    assert_non_null(strstr(f->error.text, "gpualloc_0 is cut off"));
}

/* babeltrace2 would make four thousand million field objects. */
static void test_an_array_length_is_not_believed(void **state)
{
    struct fixture *f = *state;
    static const uint32_t list[] = {0x11223344, 0x55667788, 0x99aabbcc};
    struct ga_d3dkmt_destroy_allocation record = {.header = {.process = 1, .call = 2, .size = 40},
                                                  .phAllocationList = 0x1000,
                                                  .phAllocationList_length = 3,
                                                  .phAllocationList_list = list};
    begin(f, 1);
    put_close(f, 0, 1000, 0, 1);
    put(f, 0, 1100, GA_ROW_d3dkmt_destroy_allocation, &record);
    assert_int_equal(ctf_finish(f->ctf, 0, &f->error), 0);
    f->ctf = NULL;
    char path[160];
    unsigned char bytes[8192];
    snprintf(path, sizeof path, "%s/ust/uid/0/64-bit/gpualloc_0", f->path);
    FILE *file = fopen(path, "r+");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    unsigned char *place = memmem(bytes, size, list, sizeof list);
    assert_non_null(place);
    memset(place - 4, 0xff, 3); /* sixteen million: should the guard fail, the machine lives */
    rewind(file);
    fwrite(bytes, 1, size, file);
    fclose(file);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    read_trace(f);
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(f->result, -EIO);
    assert_int_equal(f->call_count, 1);
    assert_non_null(strstr(f->error.text, "gpualloc_0 is broken"));
    assert_true(after.ru_maxrss - before.ru_maxrss < 200 * 1024); /* KiB */
}

static int refuse(struct fixture *f, const struct ga_call *call)
{
    (void)call;
    return f->call_count == 3 ? -ECANCELED : 0;
}

static void test_a_callback_ends_the_run(void **state)
{
    struct fixture *f = *state;
    begin(f, 2);
    for (unsigned i = 1; i <= 40; i++)
        put_close(f, i % 2, 1000 + i, 0, i);
    f->check = refuse;
    read_trace(f);
    assert_int_equal(f->result, -ECANCELED);
    assert_int_equal(f->call_count, 3);
}

static uint32_t list_handles[3000];
static uint64_t list_values[3000];

/* The n-th call has n * 1000 - 999 handles and values: the room grows between and must not move within a call. */
static int check_lists(struct fixture *f, const struct ga_call *call)
{
    const struct ga_d3dkmt_wait_for_synchronization_object_from_cpu *record = call->record;
    uint32_t count = f->call_count * 1000 - 999;
    assert_int_equal(record->ObjectHandleArray_length, count);
    assert_int_equal(record->FenceValueArray_length, count);
    assert_memory_equal(record->ObjectHandleArray_list, list_handles, count * sizeof *list_handles);
    assert_memory_equal(record->FenceValueArray_list, list_values, count * sizeof *list_values);
    return 0;
}

static void test_an_event_may_have_several_lists(void **state)
{
    struct fixture *f = *state;
    begin(f, 1);
    for (uint32_t i = 0; i < 3000; i++) {
        list_handles[i] = 0x40000000 + i;
        list_values[i] = UINT64_MAX - i;
    }
    for (uint32_t n = 1; n <= 3; n++)
        put(f, 0, 1000 * n, GA_ROW_d3dkmt_wait_for_synchronization_object_from_cpu,
            &(struct ga_d3dkmt_wait_for_synchronization_object_from_cpu){.header = {.process = 1, .call = n, .size = 40},
                                                                         .ObjectCount = n * 1000 - 999,
                                                                         .ObjectHandleArray_length = n * 1000 - 999,
                                                                         .ObjectHandleArray_list = list_handles,
                                                                         .FenceValueArray_length = n * 1000 - 999,
                                                                         .FenceValueArray_list = list_values});
    f->check = check_lists;
    read_trace(f);
    assert_int_equal(f->result, 0);
    assert_int_equal(f->call_count, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_streams_are_merged_by_time),
        TEST(test_traces_below_a_folder_are_one),
        TEST(test_chunks_of_a_trace_are_read_together),
        TEST(test_elements_are_joined_to_their_call),
        TEST(test_lost_elements_leave_holes),
        TEST(test_orphans_are_forgotten),
        TEST(test_pieces_are_joined),
        TEST(test_a_blob_without_a_piece_is_missing_once),
        TEST(test_claims_of_blobs_are_bounded),
        TEST(test_gaps_count_from_the_first_call_of_a_process),
        TEST(test_calls_outside_the_session_are_no_loss),
        TEST(test_calls_of_a_recording_that_no_session_heard_are_a_loss),
        TEST(test_gaps_between_sessions_count_only_where_all_calls_have_numbers),
        TEST(test_gaps_between_sessions_count_only_in_a_recording),
        TEST(test_times_that_no_clock_had_are_bounded),
        TEST(test_discarded_events_and_packets),
        TEST(test_unknown_fields_are_passed_over),
        TEST(test_unknown_events_are_counted),
        TEST(test_every_field_of_every_event_comes_back),
        TEST(test_what_is_no_trace),
        TEST(test_a_trace_without_our_events),
        TEST(test_damaged_metadata),
        TEST(test_a_cut_stream_is_read_up_to_the_cut),
        TEST(test_an_array_length_is_not_believed),
        TEST(test_a_callback_ends_the_run),
        TEST(test_an_event_may_have_several_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
