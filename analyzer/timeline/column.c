/* A column of whole numbers in a page. */
#include "analyzer/timeline/column.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "reader/temporary.h"

enum { LEVEL = 6, RAW = -15 /* deflate without a header, window of 32 KiB */ };

int column_init(struct column *column)
{
    struct ga_error error;
    memset(column, 0, sizeof *column);
    if (deflateInit2(&column->stream, LEVEL, Z_DEFLATED, RAW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    int fd = temporary_file("a column of the page", &error);
    column->file = fd < 0 ? NULL : fdopen(fd, "w+");
    if (column->file)
        return 0;
    deflateEnd(&column->stream);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? fd : -ENOMEM;
}

static void deflate_bytes(struct column *column, const void *bytes, size_t size, int flush)
{
    uint8_t out[8192];
    column->stream.next_in = (void *)(uintptr_t)bytes;
    column->stream.avail_in = (unsigned)size;
    do {
        column->stream.next_out = out;
        column->stream.avail_out = sizeof out;
        deflate(&column->stream, flush);
        size_t made = sizeof out - column->stream.avail_out;
        if (fwrite(out, 1, made, column->file) < made && !column->error)
            column->error = errno ? -errno : -EIO;
    } while (!column->stream.avail_out);
}

static void flush(struct column *column)
{
    deflate_bytes(column, column->bytes, column->used, Z_NO_FLUSH);
    column->used = 0;
}

void column_bytes(struct column *column, const void *bytes, size_t size)
{
    flush(column);
    deflate_bytes(column, bytes, size, Z_NO_FLUSH);
}

void column_put(struct column *column, uint64_t value)
{
    enum { LONGEST = 10 };
    if (column->used + LONGEST > sizeof column->bytes)
        flush(column);
    column->count++;
    for (; value >= 0x80; value >>= 7)
        column->bytes[column->used++] = (uint8_t)(value | 0x80);
    column->bytes[column->used++] = (uint8_t)value;
}

void column_signed(struct column *column, int64_t value)
{
    column_put(column, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

void column_difference(struct column *column, uint64_t value)
{
    column_signed(column, (int64_t)(value - column->last));
    column->last = value;
}

static void put_base64(const uint8_t *bytes, size_t size, FILE *page)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t word = (uint32_t)bytes[i] << 16 | (i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0) | (i + 2 < size ? bytes[i + 2] : 0);
        putc(digits[word >> 18], page);
        putc(digits[word >> 12 & 63], page);
        putc(i + 1 < size ? digits[word >> 6 & 63] : '=', page);
        putc(i + 2 < size ? digits[word & 63] : '=', page);
    }
}

int column_write(struct column *column, const char *name, FILE *page)
{
    uint8_t bytes[3 * 4096];
    flush(column);
    deflate_bytes(column, "", 0, Z_FINISH);
    if (fflush(column->file) != 0 && !column->error)
        column->error = -errno;
    if (column->error)
        return column->error;
    rewind(column->file);
    fprintf(page, "<script type=\"application/octet-stream\" id=\"%s\" data-count=\"%" PRIu64 "\">", name, column->count);
    for (size_t size; (size = fread(bytes, 1, sizeof bytes, column->file)) > 0;) /* whole threes but for the last */
        put_base64(bytes, size, page);
    fputs("</script>\n", page);
    return ferror(column->file) ? -EIO : 0;
}

void column_release(struct column *column)
{
    if (!column->file)
        return;
    deflateEnd(&column->stream);
    fclose(column->file);
    column->file = NULL;
}
