/*
 * export --format svg: the stacks as a flame graph, largest first, each frame as wide as its bytes. One file that needs nothing else:
 * a browser shows it, enlarges the frame that is clicked, and says what is under the cursor.
 */
#include "analyzer/export/stacks.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "export-svg.h" /* generated from svg.css and svg.js */

enum { WIDTH = 1200, MARGIN = 10, ROW = 26, HEAD = 58, FOOT = 34, LEVELS = STACK_FRAMES + 1 };
static const double least_width = 0.4; /* pixels; narrower frames are left out */
static const double letter_width = 6.7;

struct node {
    const struct stack *first; /* stacks of the same frames up to this level lie one behind the other */
    size_t count;
    uint64_t bytes, allocations;
};

struct drawing {
    struct export *export;
    const struct stacks *stacks;
    uint64_t total;
};

/* Text in XML, and nothing else. */
static void put_xml(const char *text, FILE *file)
{
    for (; *text; text++)
        switch (*text) {
        case '&': fputs("&amp;", file); break;
        case '<': fputs("&lt;", file); break;
        case '>': fputs("&gt;", file); break;
        case '"': fputs("&quot;", file); break;
        default: putc(*text, file);
        }
}

static uint64_t bytes_of(const struct drawing *drawing, const struct stack *stack)
{
    return drawing->export->peak ? stack->at_peak : stack->made;
}

static struct node node_of(const struct drawing *drawing, const struct stack *first, size_t count)
{
    struct node node = {first, count, 0, 0};
    for (size_t i = 0; i < count; i++) {
        node.bytes += bytes_of(drawing, &first[i]);
        node.allocations += drawing->export->peak ? first[i].peak_count : first[i].made_count;
    }
    return node;
}

static int by_bytes(const void *a, const void *b)
{
    const struct node *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* What is in a node, largest first; count says how many. Null: out of memory. */
static struct node *children_of(const struct drawing *drawing, const struct node *node, unsigned level, size_t *count)
{
    struct node *children = calloc(node->count, sizeof *children);
    *count = 0;
    for (size_t i = 0; children && i < node->count;) {
        size_t end = i + 1;
        while (end < node->count && node->first[end].frames[level] == node->first[i].frames[level])
            end++;
        children[(*count)++] = node_of(drawing, &node->first[i], end - i);
        i = end;
    }
    if (children)
        qsort(children, *count, sizeof *children, by_bytes);
    return children;
}

/* As much of a text as fits. */
static void put_fitting(const char *text, double width, FILE *file)
{
    size_t letters = 0, room = width > 12 ? (size_t)((width - 8) / letter_width) : 0, at = 0, cut = 0;
    for (; text[at]; at++)
        if (((unsigned char)text[at] & 0xc0) != 0x80 && letters++ == (room ? room - 1 : 0))
            cut = at;
    if (room < 3)
        return;
    char part[LABEL_MAX + 8];
    snprintf(part, sizeof part, "%.*s%s", (int)(letters > room ? cut : at), text, letters > room ? "…" : "");
    put_xml(part, file);
}

static void put_frame(const struct drawing *drawing, const struct node *node, unsigned level, double x, double width)
{
    FILE *file = drawing->export->file;
    const char *name = level ? labels_text(&drawing->export->labels, node->first->frames[level - 1]) : "all";
    unsigned y = HEAD + level * ROW;
    fprintf(file, "<g class=\"f l%u\" tabindex=\"0\" data-x=\"%.3f\" data-w=\"%.3f\"><title>", level, x, width);
    put_xml(name, file);
    fprintf(file, "\n%s, %.2f %% in %s allocation%s</title>", ga_bytes(node->bytes).text,
            drawing->total ? 100.0 * (double)node->bytes / (double)drawing->total : 0, ga_count(node->allocations).text,
            node->allocations == 1 ? "" : "s");
    fprintf(file, "<rect x=\"%.3f\" y=\"%u\" width=\"%.3f\" height=\"%d\"/>", x, y, width, ROW - 2);
    fprintf(file, "<text x=\"%.3f\" y=\"%u\">", x + 4, y + 16);
    put_fitting(name, width, file);
    fputs("</text></g>\n", file);
}

static int draw(const struct drawing *drawing, const struct node *node, unsigned level, double x, double width)
{
    size_t count;
    put_frame(drawing, node, level, x, width);
    if (level == STACK_FRAMES)
        return 0;
    struct node *children = children_of(drawing, node, level, &count);
    int result = children ? 0 : -ENOMEM;
    for (size_t i = 0; i < count && result >= 0; i++) {
        double wide = width * (double)children[i].bytes / (double)node->bytes;
        if (wide < least_width)
            break;
        result = draw(drawing, &children[i], level + 1, x, wide);
        x += wide;
    }
    free(children);
    return result;
}

static void put_head(const struct drawing *drawing, int height)
{
    static const char *const levels[] = {"all", "process", "thread", "surface", "call and size class"};
    FILE *file = drawing->export->file;
    const struct stacks *stacks = drawing->stacks;
    fprintf(file, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
                  "width=\"%d\" height=\"%d\" role=\"img\">\n<style>%s</style>\n<rect class=\"back\" width=\"%d\" height=\"%d\"/>\n",
            WIDTH, height, WIDTH, height, export_svg_css, WIDTH, height);
    fprintf(file, "<text class=\"title\" x=\"%d\" y=\"24\">GPU memory %s: %s</text>\n<text class=\"note\" x=\"%d\" y=\"44\">", MARGIN,
            drawing->export->peak ? "alive at its peak" : "made in all", ga_bytes(drawing->total).text, MARGIN);
    put_xml(drawing->export->path, file);
    fputs(". Rows from above: ", file);
    for (unsigned i = 1; i < LEVELS; i++)
        fprintf(file, "%s%s", levels[i], i + 1 < LEVELS ? ", " : ". ");
    if (stacks->unknown)
        fprintf(file, "Not in it, for their size is unknown: %s allocation%s.", ga_count(stacks->unknown).text,
                stacks->unknown == 1 ? "" : "s");
    fputs("</text>\n<text class=\"reset\" tabindex=\"0\" x=\"1190\" y=\"24\" visibility=\"hidden\">all again (Esc)</text>\n", file);
}

static int on_end(struct export *export, const struct ga_reader_totals *totals)
{
    (void)totals;
    struct stacks *stacks = export->state;
    stacks_finish(stacks);
    struct drawing drawing = {export, stacks, 0};
    struct node all = node_of(&drawing, stacks->list, stacks->count);
    int height = HEAD + LEVELS * ROW + FOOT, result = 0;
    drawing.total = all.bytes;
    put_head(&drawing, height);
    if (all.bytes)
        result = draw(&drawing, &all, 0, MARGIN, WIDTH - 2 * MARGIN);
    else
        fprintf(export->file, "<text class=\"note\" x=\"%d\" y=\"%d\">No allocation of known size is in this trace.</text>\n", MARGIN,
                HEAD + ROW);
    fprintf(export->file, "<text class=\"details\" x=\"%d\" y=\"%d\"></text>\n<script><![CDATA[%s]]></script>\n</svg>\n", MARGIN,
            height - 12, export_svg_js);
    return result;
}

static int on_born(struct export *export, struct ga_life *life, const struct ga_call *call)
{
    (void)call;
    return stacks_born(export->state, export, life);
}

static int on_died(struct export *export, struct ga_life *life, enum ga_life_end how, const struct ga_call *call)
{
    (void)call;
    return stacks_died(export->state, life, how);
}

static void on_release(struct export *export)
{
    stacks_release(export->state);
}

const struct export_format export_svg = {
    .name = "svg",
    .state_size = sizeof(struct stacks),
    .born = on_born,
    .died = on_died,
    .end = on_end,
    .release = on_release,
};
