/* Compare: as text for terminals, and as Markdown. */
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "replayer/compare.h"

void compare_row_name(const struct compare_row *row, char *text, size_t size)
{
    snprintf(text, size, "%.100s%s", row->name, row->failed ? " (fails)" : "");
}

void compare_sample_text(const struct compare_sample *s, char *text, size_t size)
{
    if (isnan(s->interval.low) || !(s->median > 0))
        snprintf(text, size, "%s ± ∞", ga_duration(s->median).text);
    else
        snprintf(text, size, "%s ± %.0f%%", ga_duration(s->median).text,
                 fmax(s->interval.high / s->median - 1, 1 - s->interval.low / s->median) * 100);
}

void compare_change_text(const struct comparison *c, const struct compare_row *row, char *text, size_t size)
{
    if (isnan(row->change))
        snprintf(text, size, "?");
    else if (row->significant || c->verdict == COMPARE_UNDECIDED)
        snprintf(text, size, "%+.1f%%", row->change * 100);
    else
        snprintf(text, size, "~");
}

void compare_test_text(const struct comparison *c, const struct compare_row *row, char *text, size_t size)
{
    uint32_t base = row->sides[COMPARE_BASE].count, next = row->sides[COMPARE_NEW].count;
    if (c->verdict == COMPARE_UNDECIDED)
        snprintf(text, size, "(n=%u+%u)", base, next);
    else
        snprintf(text, size, "(p=%.3f n=%u+%u)", row->corrected, base, next);
}

void compare_side_text(const struct comparison *c, enum compare_side_name name, char *text, size_t size)
{
    const struct compare_side *side = &c->sides[name];
    const struct replay_result *first = side->results;
    uint32_t runs = c->runs[name], boots = c->boots[name];
    int used = snprintf(text, size, "%s%s%s, driver %s%s, kernel %s", first->backend, *first->node ? " on " : "", first->node,
                        first->driver, first->software ? " (software, no hardware)" : "", *first->kernel ? first->kernel : "unknown");
    if (used < (int)size && c->by_boot)
        used += snprintf(text + used, size - (size_t)used, ", %u boot%s", boots, boots == 1 ? "" : "s");
    if (used < (int)size && !(c->by_boot && runs == boots))
        used += snprintf(text + used, size - (size_t)used, ", %u run%s", runs, runs == 1 ? "" : "s");
    if (used < (int)size && side->count > 1)
        snprintf(text + used, size - (size_t)used, " in %u files", side->count);
}

/* What the verdict is about. */
static void metric_text(const struct comparison *c, char *text, size_t size)
{
    const char *figure = c->options.figure == REPLAY_P50 ? "medians" : replay_figure_names[c->options.figure];
    if (strcmp(c->options.metric, "wall") == 0)
        snprintf(text, size, "a run's wall time");
    else if (strcmp(c->options.metric, "geomean") == 0)
        snprintf(text, size, "the geomean of %s", figure);
    else
        snprintf(text, size, "%.100s (%s)", c->options.metric, figure);
}

void compare_verdict_text(const struct comparison *c, char *text, size_t size)
{
    char metric[160], interval[64] = "";
    const struct compare_row *p = &c->primary;
    metric_text(c, metric, sizeof metric);
    if (!isnan(p->interval.low))
        snprintf(interval, sizeof interval, ", %.0f%% interval %+.1f%% to %+.1f%%", REPLAY_CONFIDENCE * 100, p->interval.low * 100,
                 p->interval.high * 100);
    switch (c->verdict) {
    case COMPARE_UNDECIDED:
        if (isnan(p->change))
            snprintf(text, size, "no verdict: %s cannot be compared: %s", metric, c->because);
        else
            snprintf(text, size, "no verdict: %s changed by %+.1f%%, but %s", metric, p->change * 100, c->because);
        break;
    case COMPARE_SAME:
        snprintf(text, size, "no regression of more than %.1f%%: %s did not change significantly (p=%.3f%s)",
                 c->options.threshold * 100, metric, p->p, interval);
        break;
    case COMPARE_FASTER:
        snprintf(text, size, "faster: %s is %.1f%% faster (p=%.3f%s)", metric, -p->change * 100, p->p, interval);
        break;
    case COMPARE_SLOWER:
        snprintf(text, size, "no regression of more than %.1f%%: %s is %.1f%% slower (p=%.3f%s)", c->options.threshold * 100, metric,
                 p->change * 100, p->p, interval);
        break;
    case COMPARE_REGRESSED:
        snprintf(text, size, "regressed: %s is %.1f%% slower, more than %.1f%% (p=%.3f%s)", metric, p->change * 100,
                 c->options.threshold * 100, p->p, interval);
        break;
    }
}

/* Pads by columns: µ, ± and ≤ are several bytes each. */
static int columns_of(const char *text)
{
    int columns = 0;
    for (; *text; text++)
        columns += (*text & 0xc0) != 0x80;
    return columns;
}

static void pad(FILE *out, const char *text, int width)
{
    int columns = columns_of(text);
    fprintf(out, "%s%*s", text, width > columns ? width - columns : 1, "");
}

static void print_row(const struct comparison *c, const struct compare_row *row, int width, FILE *out)
{
    char text[160];
    compare_row_name(row, text, sizeof text);
    pad(out, text, width);
    pad(out, replay_size_class_text(row->size_class).text, 12);
    for (int side = 0; side < COMPARE_SIDES; side++) {
        compare_sample_text(&row->sides[side], text, sizeof text);
        pad(out, text, 18);
    }
    compare_change_text(c, row, text, sizeof text);
    fprintf(out, "%8s ", text);
    compare_test_text(c, row, text, sizeof text);
    fprintf(out, "%s\n", text);
}

/* A sentence each, after the table. */
static void print_besides(const struct comparison *c, const char *bullet, FILE *out)
{
    for (uint32_t d = 0; d < c->difference_count; d++)
        fprintf(out, "%sdiffers: %s: %s | %s\n", bullet, c->differences[d].name, c->differences[d].values[COMPARE_BASE],
                c->differences[d].values[COMPARE_NEW]);
    for (uint32_t w = 0; w < c->warning_count; w++)
        fprintf(out, "%s%s\n", bullet, c->warnings[w]);
}

static bool any_unbounded(const struct comparison *c)
{
    return isnan(c->primary.sides[COMPARE_BASE].interval.low) || isnan(c->primary.sides[COMPARE_NEW].interval.low);
}

void comparison_print(const struct comparison *c, FILE *out)
{
    char text[1024];
    int width = 28;
    compare_side_text(c, COMPARE_BASE, text, sizeof text);
    fprintf(out, "base: %s\n", text);
    compare_side_text(c, COMPARE_NEW, text, sizeof text);
    fprintf(out, "new:  %s\n\n", text);
    for (uint32_t r = 0; r < c->row_count; r++) {
        compare_row_name(&c->rows[r], text, sizeof text);
        width = columns_of(text) + 2 > width ? columns_of(text) + 2 : width;
    }
    pad(out, "call", width);
    pad(out, "size", 12);
    pad(out, "base", 18);
    fprintf(out, "new\n");
    for (uint32_t r = 0; r < c->row_count; r++)
        print_row(c, &c->rows[r], width, out);
    print_row(c, &c->primary, width, out);
    fputc('\n', out);
    print_besides(c, "", out);
    if (any_unbounded(c))
        fprintf(out, "± ∞: less than 6 %s have no 95%% interval\n", c->by_boot ? "boots" : "runs");
    compare_verdict_text(c, text, sizeof text);
    fprintf(out, "%s\n", text);
}

/* Text in a cell or paragraph: nothing in it is Markdown or HTML. */
static void markdown_text(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (strchr("\\`*_[]<>|#~", *text))
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void markdown_row(const struct comparison *c, const struct compare_row *row, FILE *out)
{
    char text[160];
    fputs("| ", out);
    compare_row_name(row, text, sizeof text);
    markdown_text(text, out);
    fprintf(out, " | %s", replay_size_class_text(row->size_class).text);
    for (int side = 0; side < COMPARE_SIDES; side++) {
        compare_sample_text(&row->sides[side], text, sizeof text);
        fprintf(out, " | %s", text);
    }
    compare_change_text(c, row, text, sizeof text);
    fputs(row->significant ? " | **" : " | ", out);
    markdown_text(text, out);
    compare_test_text(c, row, text, sizeof text);
    fprintf(out, "%s | %s |\n", row->significant ? "**" : "", text);
}

void comparison_markdown(const struct comparison *c, FILE *out)
{
    static const char *const titles[] = {"Base", "New"};
    char text[1024];
    compare_verdict_text(c, text, sizeof text);
    fputs("**", out);
    markdown_text(text, out);
    fputs("**\n\n", out);
    for (int side = 0; side < COMPARE_SIDES; side++) {
        compare_side_text(c, (enum compare_side_name)side, text, sizeof text);
        fprintf(out, "- %s: ", titles[side]);
        markdown_text(text, out);
        fputc('\n', out);
    }
    fputs("\n| call | size | base | new | change | |\n|---|---|--:|--:|--:|---|\n", out);
    for (uint32_t r = 0; r < c->row_count; r++)
        markdown_row(c, &c->rows[r], out);
    markdown_row(c, &c->primary, out);
    if (c->difference_count) {
        fputs("\n| differs | base | new |\n|---|---|---|\n", out);
        for (uint32_t d = 0; d < c->difference_count; d++) {
            fputs("| ", out);
            markdown_text(c->differences[d].name, out);
            for (int side = 0; side < COMPARE_SIDES; side++) {
                fputs(" | ", out);
                markdown_text(c->differences[d].values[side], out);
            }
            fputs(" |\n", out);
        }
    }
    if (c->warning_count)
        fputc('\n', out);
    for (uint32_t w = 0; w < c->warning_count; w++) {
        fputs("- ", out);
        markdown_text(c->warnings[w], out);
        fputc('\n', out);
    }
}
