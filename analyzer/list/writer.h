/*
 * Text out, fast: a buffer over a descriptor. Numbers and hex digits go in without stdio.
 * The first error of writing is kept and ends all further writing.
 */
#ifndef GPUALLOC_LIST_WRITER_H
#define GPUALLOC_LIST_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer {
    char *text;
    size_t used;
    int fd;
    int error; /* errno of the first failed write */
    char last; /* last byte put, 0 at the beginning */
};

/* 0 or -ENOMEM. fd stays the caller's. */
int writer_init(struct writer *writer, int fd);
/* Frees the buffer, writes nothing. */
void writer_release(struct writer *writer);
/* Writes out what is held: 0 or the negative errno of the first failed write. */
int writer_flush(struct writer *writer);
void writer_bytes(struct writer *writer, const void *bytes, size_t size);
void writer_text(struct writer *writer, const char *text);
void writer_char(struct writer *writer, char c);
void writer_unsigned(struct writer *writer, uint64_t value);
void writer_signed(struct writer *writer, int64_t value);
/* At least `digits` lower-case hex digits. */
void writer_hex(struct writer *writer, uint64_t value, unsigned digits);
/* Two hex digits a byte. */
void writer_hex_bytes(struct writer *writer, const void *bytes, size_t size);
/* A JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD. */
void writer_json_string(struct writer *writer, const char *text);

#endif
