/* A writer of CTF 1.8 in LTTng-UST's layout. Everything is aligned to bytes and little endian. */
#include "trace/ctf.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/layout.h"

enum { HEADER_SIZE = 84 }; /* bytes of a packet's header and context */

struct packet_stream {
    int fd;
    unsigned char *packet;
    size_t used; /* 0: no packet is open */
    uint64_t begin, last, sequence, discarded, size;
    bool timed; /* an event of this packet gave the full time */
};

struct ctf {
    char *folder;
    struct ctf_options options;
    struct packet_stream *streams;
    unsigned char uuid[16];
    bool used[GA_ROW_COUNT];
};

/* Metadata. */

static void write_field(FILE *out, const struct layout_field *field)
{
    fputs("\t\t", out);
    if (field->kind == FIELD_STRING) {
        fprintf(out, "string _%s;\n", field->name);
        return;
    }
    if (field->kind == FIELD_LIST)
        fprintf(out, "integer { size = 32; align = 8; signed = 0; encoding = none; base = 10; } __%s_length;\n\t\t",
                field->name);
    fprintf(out, "integer { size = %u; align = 8; signed = %d; encoding = none; base = %u; } _%s", field->width * 8u,
            field->is_signed, field->base, field->name);
    if (field->kind == FIELD_LIST)
        fprintf(out, "[ __%s_length ]", field->name);
    fputs(";\n", out);
}

static const char preamble[] =
    "/* CTF 1.8 */\n\n"
    "typealias integer { size = 8; align = 8; signed = false; } := uint8_t;\n"
    "typealias integer { size = 16; align = 8; signed = false; } := uint16_t;\n"
    "typealias integer { size = 32; align = 8; signed = false; } := uint32_t;\n"
    "typealias integer { size = 64; align = 8; signed = false; } := uint64_t;\n"
    "typealias integer { size = 64; align = 8; signed = false; } := unsigned long;\n"
    "typealias integer { size = 5; align = 1; signed = false; } := uint5_t;\n"
    "typealias integer { size = 27; align = 1; signed = false; } := uint27_t;\n\n"
    "trace {\n\tmajor = 1;\n\tminor = 8;\n\tuuid = \"%s\";\n\tbyte_order = le;\n"
    "\tpacket.header := struct {\n\t\tuint32_t magic;\n\t\tuint8_t  uuid[16];\n\t\tuint32_t stream_id;\n"
    "\t\tuint64_t stream_instance_id;\n\t};\n};\n\n"
    "env {\n\tdomain = \"ust\";\n\ttracer_name = \"lttng-ust\";\n\ttracer_major = 2;\n\ttracer_minor = 13;\n"
    "\ttracer_buffering_scheme = \"uid\";\n\ttracer_buffering_id = 0;\n\tarchitecture_bit_width = 64;\n"
    "\ttrace_name = \"%s\";\n\thostname = \"made\";\n};\n\n"
    "clock {\n\tname = \"monotonic\";\n\tuuid = \"%s\";\n\tdescription = \"Monotonic Clock\";\n\tfreq = 1000000000;\n"
    "\toffset = %lld;\n};\n\n"
    "typealias integer {\n\tsize = 27; align = 1; signed = false;\n\tmap = clock.monotonic.value;\n} := "
    "uint27_clock_monotonic_t;\n\n"
    "typealias integer {\n\tsize = 32; align = 8; signed = false;\n\tmap = clock.monotonic.value;\n} := "
    "uint32_clock_monotonic_t;\n\n"
    "typealias integer {\n\tsize = 64; align = 8; signed = false;\n\tmap = clock.monotonic.value;\n} := "
    "uint64_clock_monotonic_t;\n\n"
    "struct packet_context {\n\tuint64_clock_monotonic_t timestamp_begin;\n\tuint64_clock_monotonic_t timestamp_end;\n"
    "\tuint64_t content_size;\n\tuint64_t packet_size;\n\tuint64_t packet_seq_num;\n\tunsigned long events_discarded;\n"
    "\tuint32_t cpu_id;\n};\n\n"
    "struct event_header_compact {\n\tenum : uint5_t { compact = 0 ... 30, extended = 31 } id;\n\tvariant <id> {\n"
    "\t\tstruct {\n\t\t\tuint27_clock_monotonic_t timestamp;\n\t\t} compact;\n"
    "\t\tstruct {\n\t\t\tuint32_t id;\n\t\t\tuint64_clock_monotonic_t timestamp;\n\t\t} extended;\n\t} v;\n} align(8);\n\n"
    "struct event_header_large {\n\tenum : uint16_t { compact = 0 ... 65534, extended = 65535 } id;\n\tvariant <id> {\n"
    "\t\tstruct {\n\t\t\tuint32_clock_monotonic_t timestamp;\n\t\t} compact;\n"
    "\t\tstruct {\n\t\t\tuint32_t id;\n\t\t\tuint64_clock_monotonic_t timestamp;\n\t\t} extended;\n\t} v;\n} align(8);\n\n"
    "stream {\n\tid = 0;\n\tevent.header := struct event_header_%s;\n\tpacket.context := struct packet_context;\n};\n\n";

static void uuid_text(const unsigned char uuid[16], char text[37])
{
    for (size_t i = 0, at = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        at += (size_t)sprintf(text + at, "%02x", uuid[i]);
    }
}

static int write_metadata(struct ctf *ctf, struct ga_error *error)
{
    char path[4096], trace[37], clock[37];
    unsigned char clock_uuid[16];
    memcpy(clock_uuid, ctf->uuid, 16);
    clock_uuid[0] ^= 0xff;
    uuid_text(ctf->uuid, trace);
    uuid_text(clock_uuid, clock);
    snprintf(path, sizeof path, "%s/metadata", ctf->folder);
    FILE *out = fopen(path, "we");
    if (!out)
        return ga_error_errno(error, errno, "%s", path);
    const char *name = ctf->options.name ? ctf->options.name : "made";
    fprintf(out, preamble, trace, name, clock, (long long)ctf->options.clock_offset, ctf->options.compact ? "compact" : "large");
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        const struct layout *layout = layout_get(row);
        if (ctf->options.used_only && !ctf->used[ga_row_id(row)])
            continue;
        fprintf(out, "event {\n\tname = \"%s:%s\";\n\tid = %u;\n\tstream_id = 0;\n\tloglevel = 13;\n\tfields := struct {\n",
                row->provider, row->event, (unsigned)ga_row_id(row));
        for (size_t i = 0; i < layout->count; i++)
            write_field(out, &layout->fields[i]);
        fputs("\t};\n};\n\n", out);
    }
    bool failed = ferror(out);
    return fclose(out) || failed ? ga_error_errno(error, errno, "%s", path) : 0;
}

/* Packets. */

static void put(unsigned char **to, uint64_t value, unsigned width)
{
    uint64_t little = htole64(value);
    memcpy(*to, &little, width);
    *to += width;
}

static uint32_t packet_size(const struct ctf *ctf)
{
    return ctf->options.packet_size ? ctf->options.packet_size : 1u << 20;
}

/* Writes the open packet, with its header filled in; LTTng pads packets of UST to the page. */
static int packet_close(struct ctf *ctf, unsigned number, struct ga_error *error)
{
    struct packet_stream *stream = &ctf->streams[number];
    if (!stream->used)
        return 0;
    size_t padded = (stream->used + 4095) & ~(size_t)4095;
    unsigned char *to = stream->packet;
    put(&to, 0xC1FC1FC1, 4);
    memcpy(to, ctf->uuid, 16);
    to += 16;
    put(&to, 0, 4);
    put(&to, number, 8);
    put(&to, stream->begin, 8);
    put(&to, stream->last, 8);
    put(&to, stream->used * 8, 8);
    put(&to, padded * 8, 8);
    put(&to, stream->sequence++, 8);
    put(&to, stream->discarded, 8);
    put(&to, number, 4);
    memset(stream->packet + stream->used, 0, padded - stream->used);
    for (size_t done = 0; done < padded;) {
        ssize_t count = write(stream->fd, stream->packet + done, padded - done);
        if (count < 0)
            return ga_error_errno(error, errno, "%s", ctf->folder);
        done += (size_t)count;
    }
    stream->size += padded;
    stream->used = 0;
    return 0;
}

static void packet_open(struct packet_stream *stream, uint64_t ticks)
{
    stream->begin = stream->last = ticks;
    stream->used = HEADER_SIZE;
    stream->timed = false;
}

static size_t event_size(const struct layout *layout, const char *record)
{
    size_t size = 14; /* the longest event header */
    for (const struct layout_field *field = layout->fields; field < layout->fields + layout->count; field++)
        if (field->kind == FIELD_INTEGER)
            size += field->width;
        else if (field->kind == FIELD_STRING)
            size += strlen(*(const char *const *)(record + field->offset) ?: "") + 1;
        else
            size += 4 + (size_t) * (const uint32_t *)(record + field->length) * field->width;
    return size;
}

/* The time is given in full at a packet's first event and when the short one would wrap. */
static void put_event_header(const struct ctf *ctf, struct packet_stream *stream, unsigned char **to, unsigned id,
                             uint64_t ticks)
{
    unsigned bits = ctf->options.compact ? 27 : 32;
    bool full = !stream->timed || (ticks - stream->last) >> bits || (ctf->options.compact && id > 30);
    if (ctf->options.compact && !full) {
        put(to, id | (ticks & ((1u << 27) - 1)) << 5, 4);
    } else if (!full) {
        put(to, id, 2);
        put(to, ticks & 0xffffffff, 4);
    } else {
        put(to, ctf->options.compact ? 31 : 65535, ctf->options.compact ? 1 : 2);
        put(to, id, 4);
        put(to, ticks, 8);
    }
    stream->timed = true;
    stream->last = ticks;
}

static void put_field(unsigned char **to, const struct layout_field *field, const char *record)
{
    const char *from = record + field->offset;
    if (field->kind == FIELD_INTEGER) {
        put(to, ga_load(from, field->width, field->is_signed), field->width);
    } else if (field->kind == FIELD_STRING) {
        const char *text = *(const char *const *)from ?: "";
        size_t size = strlen(text) + 1;
        memcpy(*to, text, size);
        *to += size;
    } else {
        uint32_t length = *(const uint32_t *)(record + field->length);
        const char *entries = *(const char *const *)from;
        put(to, length, 4);
        for (uint32_t i = 0; i < length; i++)
            put(to, ga_load(entries + (size_t)i * field->width, field->width, false), field->width);
    }
}

int ctf_write(struct ctf *ctf, unsigned number, uint64_t ticks, const struct ga_row *row, const void *record,
              struct ga_error *error)
{
    if (number >= ctf->options.streams)
        return ga_error_set(error, EINVAL, "there is no CPU %u: the trace has %u", number, ctf->options.streams);
    struct packet_stream *stream = &ctf->streams[number];
    const struct layout *layout = layout_get(row);
    if (ticks < stream->last)
        return ga_error_set(error, EINVAL, "time falls from %llu to %llu on CPU %u", (unsigned long long)stream->last,
                            (unsigned long long)ticks, number);
    size_t size = event_size(layout, record);
    if (size > packet_size(ctf) - HEADER_SIZE)
        return ga_error_set(error, E2BIG, "an event of %zu bytes does not fit a packet", size);
    if (stream->used + size > packet_size(ctf)) {
        int result = packet_close(ctf, number, error);
        if (result < 0)
            return result;
    }
    if (!stream->used)
        packet_open(stream, ticks);
    unsigned char *to = stream->packet + stream->used;
    put_event_header(ctf, stream, &to, ga_row_id(row), ticks);
    for (const struct layout_field *field = layout->fields; field < layout->fields + layout->count; field++)
        put_field(&to, field, record);
    stream->used = (size_t)(to - stream->packet);
    ctf->used[ga_row_id(row)] = true;
    return 0;
}

/* LTTng counts discarded events in the packet that is closed next, and a reader sees the difference to the packet before. */
int ctf_discard(struct ctf *ctf, unsigned number, uint64_t count, struct ga_error *error)
{
    if (number >= ctf->options.streams)
        return ga_error_set(error, EINVAL, "there is no CPU %u", number);
    struct packet_stream *stream = &ctf->streams[number];
    int result = packet_close(ctf, number, error);
    if (result < 0)
        return result;
    stream->discarded += count;
    packet_open(stream, stream->last + 1); /* never two packets of one time: readers sort them by it */
    return 0;
}

int ctf_discard_packets(struct ctf *ctf, unsigned number, uint64_t count, struct ga_error *error)
{
    if (number >= ctf->options.streams)
        return ga_error_set(error, EINVAL, "there is no CPU %u", number);
    int result = packet_close(ctf, number, error);
    ctf->streams[number].sequence += count;
    packet_open(&ctf->streams[number], ctf->streams[number].last + 1);
    return result;
}

/* The trace. */

static int make_folders(const char *path, char *folder, size_t size, struct ga_error *error)
{
    static const char *const names[] = {"", "/ust", "/ust/uid", "/ust/uid/0", "/ust/uid/0/64-bit"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if ((size_t)snprintf(folder, size, "%s%s", path, names[i]) >= size)
            return ga_error_set(error, ENAMETOOLONG, "%s: the path is too long", path);
        if (mkdir(folder, 0777) < 0)
            return ga_error_errno(error, errno, "%s", folder);
    }
    return 0;
}

static int streams_open(struct ctf *ctf, struct ga_error *error)
{
    for (unsigned i = 0; i < ctf->options.streams; i++)
        ctf->streams[i].fd = -1;
    for (unsigned i = 0; i < ctf->options.streams; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/gpualloc_%u", ctf->folder, i);
        ctf->streams[i].sequence = ctf->options.packets_before;
        ctf->streams[i].discarded = ctf->options.discarded_before;
        ctf->streams[i].fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (ctf->streams[i].fd < 0)
            return ga_error_errno(error, errno, "%s", path);
        ctf->streams[i].packet = malloc(packet_size(ctf));
        if (!ctf->streams[i].packet)
            return ga_error_set(error, ENOMEM, "out of memory");
    }
    return 0;
}

static void ctf_destroy(struct ctf *ctf)
{
    for (unsigned i = 0; ctf->streams && i < ctf->options.streams; i++) {
        free(ctf->streams[i].packet);
        if (ctf->streams[i].fd >= 0)
            close(ctf->streams[i].fd);
    }
    free(ctf->streams);
    free(ctf->folder);
    free(ctf);
}

int ctf_create(struct ctf **out, const char *path, const struct ctf_options *options, struct ga_error *error)
{
    char folder[4000];
    int result = make_folders(path, folder, sizeof folder, error);
    if (result < 0)
        return result;
    struct ctf *ctf = calloc(1, sizeof *ctf);
    if (!ctf)
        return ga_error_set(error, ENOMEM, "out of memory");
    ctf->options = *options;
    ctf->folder = strdup(folder);
    ctf->streams = calloc(options->streams, sizeof *ctf->streams);
    for (size_t i = 0; i < 16; i++)
        ctf->uuid[i] = (unsigned char)((options->seed + 1) * 0x9e3779b97f4a7c15u >> (i % 8 * 8)) ^ (unsigned char)(i * 17);
    result = ctf->folder && ctf->streams ? streams_open(ctf, error) : ga_error_set(error, ENOMEM, "out of memory");
    if (result < 0) {
        ctf_destroy(ctf);
        return result;
    }
    *out = ctf;
    return 0;
}

int ctf_finish(struct ctf *ctf, uint64_t cut, struct ga_error *error)
{
    int result = 0;
    for (unsigned i = 0; i < ctf->options.streams && result >= 0; i++)
        result = packet_close(ctf, i, error);
    if (result >= 0 && cut)
        result = ftruncate(ctf->streams[0].fd, cut < ctf->streams[0].size ? (off_t)(ctf->streams[0].size - cut) : 0) < 0
                     ? ga_error_errno(error, errno, "%s", ctf->folder)
                     : 0;
    if (result >= 0)
        result = write_metadata(ctf, error);
    ctf_destroy(ctf);
    return result;
}
