/* Tables of text with aligned columns: widths from the cells, counted in characters, not bytes. */
#ifndef GPUALLOC_ANALYZER_TABLE_H
#define GPUALLOC_ANALYZER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum table_column_kind {
    TABLE_LEFT,
    TABLE_RIGHT,
    TABLE_RIGHT_IF_ANY, /* left out when no cell has anything to say: all are "" or "0" */
};

struct table_column {
    const char *head; /* a null head ends the columns */
    enum table_column_kind kind;
    unsigned spare; /* left out when the table is wider than TABLE_WIDTH, the largest first; 0: never */
};
enum { TABLE_WIDTH = 100 };

struct table;
/* Null: out of memory; the functions below then do nothing. */
struct table *table_create(const struct table_column *columns);
/* The next cell, row after row. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints it, indented by two, and frees it. */
void table_print(struct table *table, FILE *file);

/* Replaces control characters and what is no UTF-8: names come from the trace, and could drive a terminal. Returns text. */
char *table_clean(char *text);
/* Characters of a UTF-8 text. */
size_t table_width(const char *text);

#endif
