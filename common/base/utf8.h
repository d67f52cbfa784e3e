/* UTF-8: what is a character in bytes that come from a program, and what is not. */
#ifndef GPUALLOC_BASE_UTF8_H
#define GPUALLOC_BASE_UTF8_H

#include <stddef.h>

#define GA_UTF8_REPLACEMENT "\xef\xbf\xbd" /* what stands for bytes that are no character */

/* Bytes of the well-formed sequence of two or more at text (it ends in 0), or 0. */
size_t ga_utf8_length(const char *text);
/* A copy in which each byte that belongs to no character is replaced; free it. Null: out of memory. */
char *ga_utf8_clean(const char *text);

#endif
