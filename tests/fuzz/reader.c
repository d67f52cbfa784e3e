/*
 * Fuzzes the reader, and list on top of it: a small trace of an event of each sort, with the stream's bytes and its metadata
 * changed as the input says. Whatever comes, the reader gives calls or one line of error, and nothing it says leads outside its
 * memory.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <babeltrace2/babeltrace.h>

#include "analyzer/list/format.h"
#include "trace/ctf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* babeltrace2 2.0 leaks where it fails: its packet indexes, its metadata parser. Nothing of ours calls glib. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:babeltrace-plugin-ctf\nleak:libbabeltrace2\nleak:libglib-2.0\n";
}

enum { STREAM_MAX = 1 << 16, METADATA_MAX = 1 << 17 };

struct image {
    uint8_t bytes[METADATA_MAX];
    size_t size;
};

static char folder[64];
static struct image stream_base, metadata_base, stream, metadata;

static void image_load(struct image *image, const char *name, size_t limit)
{
    char path[160];
    snprintf(path, sizeof path, "%s/base/ust/uid/0/64-bit/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, image->bytes, limit);
    if (size <= 0 || (size_t)size == limit)
        abort(); /* the harness would test nothing */
    image->size = (size_t)size;
    close(fd);
    unlink(path);
}

static void image_store(const struct image *image, const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (write(fd, image->bytes, image->size) != (ssize_t)image->size)
        abort();
    close(fd);
}

/* Of each sort of event and member one; more only make the metadata longer, which is most of a run's time. */
static const enum ga_row_id rows[] = {
    GA_ROW_gpualloc_process,
    GA_ROW_gpualloc_file,
    GA_ROW_gpualloc_file_closed,
    GA_ROW_gpualloc_blob,
    GA_ROW_gpualloc_untraced,
    GA_ROW_gpualloc_trouble,
    GA_ROW_gpualloc_rundown_begin,
    GA_ROW_gpualloc_rundown_end,
    GA_ROW_d3dkmt_adapter_info,
    GA_ROW_d3dkmt_enum_adapters2,
    GA_ROW_d3dkmt_query_adapter_info,
    GA_ROW_d3dkmt_standard_allocation,
    GA_ROW_d3dkmt_allocation,
    GA_ROW_d3dkmt_create_allocation,
    GA_ROW_d3dkmt_destroy_allocation,
    GA_ROW_d3dkmt_wait_for_synchronization_object_from_cpu,
    GA_ROW_drm_mode_create_dumb,
    GA_ROW_drm_prime_handle_to_fd,
    GA_ROW_drm_gem_close,
};

/* Something in every member, calls with their elements and private data before them. */
static void write_base(void)
{
    struct ctf_options options = {.streams = 1, .packet_size = 8192, .used_only = true, .clock_offset = 1700000000000000000};
    struct ga_error error;
    struct ctf *ctf;
    char path[100];
    static const uint64_t entries[] = {0x1111, 0x2222};
    uint64_t ticks = 1000;
    snprintf(path, sizeof path, "%s/base", folder);
    if (ctf_create(&ctf, path, &options, &error) < 0)
        abort();
    for (unsigned round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            const struct ga_row *row = &ga_rows[rows[i]];
            union ga_record record;
            memset(&record, 0, sizeof record);
            for (const struct ga_member *member = row->members(); member->name; member++) {
                char *base = (char *)&record;
                if (member->kind == GA_STR)
                    *(const char **)(base + member->in) = "text";
                if (member->kind == GA_ARRAY || member->kind == GA_WORDS) {
                    *(const void **)(base + member->in) = entries;
                    *(uint32_t *)(base + member->length) = 2;
                }
                if (member->kind == GA_BLOB && member->in != GA_NONE)
                    *(uint64_t *)(base + member->in) = 0x1234;
                if (member->kind == GA_ELEMENTS)
                    *(uint32_t *)(base + member->in) = 1;
                if (member->address != GA_NONE)
                    *(uint64_t *)(base + member->address) = 0x1000;
            }
            if (row->kind == GA_ROW_CALL)
                record.header = (struct ga_call_header){
                    .process = 1, .call = ticks, .begin = ticks, .end = ticks + 10, .size = row->abi_size};
            if (row->kind == GA_ROW_ELEMENT)
                record.element = (struct ga_element_header){.process = 1, .call = ticks + 100, .size = row->abi_size};
            if (ga_row_id(row) == GA_ROW_gpualloc_blob) {
                record.r_gpualloc_blob.hash = 0x1234;
                record.r_gpualloc_blob.size = 13;
            }
            if (ctf_write(ctf, 0, ticks += 100, row, &record, &error) < 0)
                abort();
        }
    if (ctf_finish(ctf, 0, &error) < 0)
        abort();
}

static void clean_up(void)
{
    static const char *const names[] = {
        "metadata", "stream", "base/ust/uid/0/64-bit", "base/ust/uid/0", "base/ust/uid", "base/ust", "base", ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
}

/* A reader loads and unloads the plugin; held here, it is loaded once, and the leak checker knows it by name. */
static void hold_plugin(void)
{
    const bt_plugin *plugin;
    if (bt_plugin_find("ctf", BT_TRUE, BT_FALSE, BT_TRUE, BT_FALSE, BT_FALSE, &plugin) != BT_PLUGIN_FIND_STATUS_OK)
        abort();
}

static void start(void)
{
    hold_plugin();
    strcpy(folder, access("/dev/shm", W_OK) ? "/tmp/gpualloc-fuzz-XXXXXX" : "/dev/shm/gpualloc-fuzz-XXXXXX");
    if (!mkdtemp(folder))
        abort();
    atexit(clean_up);
    write_base();
    image_load(&stream_base, "gpualloc_0", STREAM_MAX);
    image_load(&metadata_base, "metadata", METADATA_MAX);
}

/* A change is 5 bytes: what, where (2), with what (2). Metadata is text that a parser of babeltrace2's reads: it is changed in
   one of eight changes only. */
static void change(const uint8_t at[5])
{
    bool text = at[0] >> 5 == 7;
    struct image *image = text ? &metadata : &stream;
    if (!image->size)
        return;
    size_t where = ((size_t)(at[1] | at[2] << 8) * (text ? 3 : 1)) % image->size, count = at[4] % 32u;
    switch (at[0] & 7) {
    case 0:
        image->size = where; /* cut */
        break;
    case 1:
        image->bytes[where] ^= (uint8_t)(1u << (at[3] & 7));
        break;
    case 2:
        for (size_t i = 0; i < 8 && where + i < image->size; i++)
            image->bytes[where + i] = at[3]; /* an integer, whole */
        break;
    case 3:
        if (where + count < image->size) {
            memmove(image->bytes + where, image->bytes + where + count, image->size - where - count);
            image->size -= count;
        }
        break;
    case 4:
        if (where + 2 * count < image->size)
            memcpy(image->bytes + where, image->bytes + where + count, count);
        break;
    default:
        image->bytes[where] = at[3];
    }
}

static int on_call(void *user, const struct ga_call *call)
{
    struct list *list = user;
    int result = list_format_jsonl.call(list, call);
    writer_flush(&list->writer);
    return result;
}

static int on_event(void *user, const struct ga_row *row, const void *record, int64_t ns)
{
    (void)ns;
    for (const struct ga_member *member = row->members(); member->name; member++)
        if (member->kind == GA_STR)
            writer_json_string(&((struct list *)user)->writer, *(const char *const *)((const char *)record + member->in) ?: "");
    return 0;
}

static void read_it(void)
{
    static const struct ga_reader_ops ops = {on_call, on_event};
    static int nowhere = -1;
    struct list list = {0};
    struct ga_error error = {""};
    if (nowhere < 0)
        nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int result = ga_reader_open(&list.reader, folder, &error);
    if (result >= 0) {
        if (writer_init(&list.writer, nowhere) < 0 || walk_create(&list.walk, &list_format_jsonl.walk, &list) < 0)
            abort();
        result = ga_reader_run(list.reader, &ops, &list, &error);
        walk_destroy(list.walk);
        writer_release(&list.writer);
        ga_reader_close(list.reader);
    }
    if (result < 0 && (!*error.text || strchr(error.text, '\n')))
        abort(); /* an error is one line */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!*folder)
        start();
    memcpy(&stream, &stream_base, sizeof stream);
    memcpy(&metadata, &metadata_base, sizeof metadata);
    for (size_t at = 0; at + 5 <= size; at += 5)
        change(data + at);
    image_store(&stream, "stream");
    image_store(&metadata, "metadata");
    read_it();
    return 0;
}
