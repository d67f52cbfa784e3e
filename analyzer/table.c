/* Tables of text with aligned columns. */
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/utf8.h"

enum { COLUMNS_MAX = 24 };

struct table {
    const struct table_column *columns;
    size_t column_count, cell_count, room;
    char **cells; /* an element is null when memory ran out */
};

char *table_clean(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c;) {
        size_t length = *c < 0x80 ? 1 : ga_utf8_length((const char *)c);
        if (*c < 0x20 || *c == 0x7f || !length || (*c == 0xc2 && c[1] < 0xa0)) { /* the last: C1 controls in UTF-8 */
            *c = '?';
            length = 1;
        }
        c += length;
    }
    return text;
}

size_t table_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += (*text & 0xc0) != 0x80;
    return width;
}

struct table *table_create(const struct table_column *columns)
{
    struct table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->columns = columns;
    while (columns[table->column_count].head && table->column_count < COLUMNS_MAX)
        table->column_count++;
    return table;
}

void table_cell(struct table *table, const char *format, ...)
{
    if (!table)
        return;
    if (ga_array_room(&table->cells, &table->room, table->cell_count + 1, sizeof *table->cells) < 0)
        return;
    char *text = NULL;
    va_list list;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = NULL;
    va_end(list);
    table->cells[table->cell_count++] = text ? table_clean(text) : NULL;
}

static const char *cell(const struct table *table, size_t row, size_t column)
{
    size_t place = row * table->column_count + column;
    return place < table->cell_count && table->cells[place] ? table->cells[place] : "";
}

/* The width of a column, 0 when it is left out. */
static size_t width_of(const struct table *table, size_t rows, size_t column)
{
    size_t width = table_width(table->columns[column].head);
    bool any = table->columns[column].kind != TABLE_RIGHT_IF_ANY;
    for (size_t row = 0; row < rows; row++) {
        const char *text = cell(table, row, column);
        if (table_width(text) > width)
            width = table_width(text);
        any = any || (*text && strcmp(text, "0"));
    }
    return any ? width : 0;
}

/* Leaves out what can be spared until the table fits. */
static void fit(const struct table *table, size_t *widths)
{
    for (;;) {
        size_t width = 0, spare = table->column_count;
        for (size_t column = 0; column < table->column_count; column++) {
            width += widths[column] ? widths[column] + 2 : 0;
            if (widths[column] &&
                table->columns[column].spare > (spare < table->column_count ? table->columns[spare].spare : 0))
                spare = column;
        }
        if (width <= TABLE_WIDTH || spare == table->column_count)
            return;
        widths[spare] = 0;
    }
}

static void print_row(const struct table *table, const size_t *widths, const char *const *cells, FILE *file)
{
    size_t owed = 0; /* spaces that are only printed when something follows */
    fputs("  ", file);
    for (size_t column = 0; column < table->column_count; column++) {
        if (!widths[column])
            continue;
        size_t space = widths[column] - table_width(cells[column]);
        bool left = table->columns[column].kind == TABLE_LEFT;
        if (*cells[column]) {
            fprintf(file, "%*s%s", (int)(owed + (left ? 0 : space)), "", cells[column]);
            owed = (left ? space : 0) + 2;
        } else {
            owed += space + 2;
        }
    }
    fputc('\n', file);
}

void table_print(struct table *table, FILE *file)
{
    if (!table)
        return;
    size_t rows = table->cell_count / table->column_count, widths[COLUMNS_MAX] = {0};
    const char *cells[COLUMNS_MAX] = {0};
    for (size_t column = 0; column < table->column_count; column++) {
        widths[column] = width_of(table, rows, column);
        cells[column] = table->columns[column].head;
    }
    fit(table, widths);
    print_row(table, widths, cells, file);
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < table->column_count; column++)
            cells[column] = cell(table, row, column);
        print_row(table, widths, cells, file);
    }
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table);
}
