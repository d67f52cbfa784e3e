/* Text out, fast. */
#include "analyzer/list/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

enum { CAPACITY = 256 * 1024 };

static const char digits_lower[] = "0123456789abcdef";

int writer_init(struct writer *writer, int fd)
{
    *writer = (struct writer){.fd = fd, .text = malloc(CAPACITY)};
    return writer->text ? 0 : -ENOMEM;
}

void writer_release(struct writer *writer)
{
    free(writer->text);
    *writer = (struct writer){.fd = -1};
}

int writer_flush(struct writer *writer)
{
    for (size_t done = 0; done < writer->used && !writer->error;) {
        ssize_t count = write(writer->fd, writer->text + done, writer->used - done);
        if (count >= 0)
            done += (size_t)count;
        else if (errno != EINTR)
            writer->error = errno;
    }
    writer->used = 0;
    return -writer->error;
}

/* Room for size bytes, which is far below the capacity. */
static inline char *room(struct writer *writer, size_t size)
{
    if (writer->used + size > CAPACITY)
        writer_flush(writer);
    return writer->text + writer->used;
}

static inline void took(struct writer *writer, size_t size)
{
    writer->used += size;
    if (size)
        writer->last = writer->text[writer->used - 1];
}

void writer_bytes(struct writer *writer, const void *bytes, size_t size)
{
    while (size) {
        size_t piece = size < CAPACITY ? size : CAPACITY;
        memcpy(room(writer, piece), bytes, piece);
        took(writer, piece);
        bytes = (const char *)bytes + piece;
        size -= piece;
    }
}

void writer_text(struct writer *writer, const char *text)
{
    writer_bytes(writer, text, strlen(text));
}

void writer_char(struct writer *writer, char c)
{
    *room(writer, 1) = c;
    took(writer, 1);
}

void writer_unsigned(struct writer *writer, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    writer_bytes(writer, digits + at, sizeof digits - at);
}

void writer_signed(struct writer *writer, int64_t value)
{
    if (value < 0)
        writer_char(writer, '-');
    writer_unsigned(writer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void writer_hex(struct writer *writer, uint64_t value, unsigned digits)
{
    char text[16];
    size_t at = sizeof text;
    for (; value || sizeof text - at < digits; value >>= 4)
        text[--at] = digits_lower[value & 15];
    writer_bytes(writer, text + at, sizeof text - at);
}

void writer_hex_bytes(struct writer *writer, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    while (size) {
        size_t piece = size < 4096 ? size : 4096;
        char *to = room(writer, 2 * piece);
        for (size_t i = 0; i < piece; i++) {
            to[2 * i] = digits_lower[from[i] >> 4];
            to[2 * i + 1] = digits_lower[from[i] & 15];
        }
        took(writer, 2 * piece);
        from += piece;
        size -= piece;
    }
}

void writer_json_string(struct writer *writer, const char *text)
{
    writer_char(writer, '"');
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t length = 1;
        if (*at == '"' || *at == '\\') {
            writer_char(writer, '\\');
            writer_char(writer, (char)*at);
        } else if (*at < 0x20 || *at == 0x7f) {
            writer_text(writer, "\\u");
            writer_hex(writer, *at, 4);
        } else if (*at < 0x80) {
            writer_char(writer, (char)*at);
        } else if ((length = ga_utf8_length((const char *)at))) {
            writer_bytes(writer, at, length);
        } else {
            writer_text(writer, GA_UTF8_REPLACEMENT);
            length = 1;
        }
        at += length;
    }
    writer_char(writer, '"');
}
