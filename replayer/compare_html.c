/* Compare: as a page with each run as a point. Drawn here as SVG: no script, no style sheet or font from elsewhere. */
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "replayer/compare.h"

enum { STRIP_WIDTH = 420, STRIP_HEIGHT = 52, LINE_WIDTH = 1148, LINE_HEIGHT = 150, LINE_LEFT = 62, MARGIN = 8, POINTS_MAX = 2000 };

static const char style[] =
    ":root{--ink:#1c1e21;--dim:#656a73;--line:#d8dbe0;--back:#fff;--panel:#f6f7f9;--base:#2f6db3;--new:#d9730d;"
    "--bad:#b3261e;--good:#1b7f4b}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--dim:#9aa0aa;--line:#3a3f47;--back:#17191c;--panel:#202327;--base:#6aa9ee;"
    "--new:#f2a154;--bad:#ff8a80;--good:#6fd39b}}\n"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:1180px;margin:2rem auto;"
    "padding:0 1rem}\n"
    "h1{font-size:1.35rem;margin:0 0 .6rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}\n"
    ".verdict{padding:.7rem 1rem;border-left:5px solid var(--dim);background:var(--panel);font-size:1.05rem}\n"
    ".regressed{border-color:var(--bad)}.faster{border-color:var(--good)}\n"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line);"
    "vertical-align:middle}th{font-weight:600;color:var(--dim);font-size:.85rem}\n"
    "td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}th.n{text-align:right}\n"
    ".worse{color:var(--bad);font-weight:600}.better{color:var(--good);font-weight:600}.dim{color:var(--dim);font-weight:400}\n"
    "td.t{white-space:nowrap;font-size:.85rem}"
    ".b{color:var(--base);font-weight:600}.w{color:var(--new);font-weight:600}\n"
    ".wide{overflow-x:auto}.wide td:last-child{min-width:240px}.wide table td:first-child{min-width:7rem}\n"
    "svg{display:block;max-width:100%;height:auto}.wide>svg{min-width:640px}\n"
    ".axis{stroke:var(--line);stroke-width:1;fill:none}.label{fill:var(--dim);font-size:10px}\n"
    ".p0{fill:var(--base)}.p1{fill:var(--new)}.i0{stroke:var(--base)}.i1{stroke:var(--new)}circle{fill-opacity:.55}\n"
    ".course{stroke-width:1;stroke-dasharray:4 4;opacity:.6}.interval{stroke-width:2}.median{stroke-width:3}\n"
    "ul{padding-left:1.2rem}code{word-break:break-all}\n"
    "details{margin-top:2rem}summary{cursor:pointer;font-weight:600}";

static void html_text(const char *text, FILE *out)
{
    for (; *text; text++)
        switch (*text) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '"': fputs("&quot;", out); break;
        default: fputc(*text, out);
        }
}

/* Values from low to high lie from MARGIN to width - MARGIN. */
struct scale {
    double low, high, width;
};

static struct scale scale_of(const struct compare_row *row, double width)
{
    struct scale scale = {INFINITY, -INFINITY, width};
    for (int side = 0; side < COMPARE_SIDES; side++)
        if (row->sides[side].count) {
            scale.low = fmin(scale.low, row->sides[side].sorted[0]);
            scale.high = fmax(scale.high, row->sides[side].sorted[row->sides[side].count - 1]);
        }
    double least = fmax(scale.high, 1) * 0.02; /* equal values do not fill the strip with noise */
    if (!(scale.high - scale.low >= least)) {
        double middle = isfinite(scale.low) ? (scale.low + scale.high) / 2 : 0;
        scale.low = fmax(0, middle - least / 2);
        scale.high = middle + least / 2;
    }
    return scale;
}

static double place(const struct scale *scale, double value)
{
    return MARGIN + (value - scale->low) / (scale->high - scale->low) * (scale->width - 2 * MARGIN);
}

/* Which of the runs are drawn, when there are very many. */
static uint32_t step_of(const struct compare_sample *s)
{
    return s->count / POINTS_MAX + 1;
}

/* One line of points a side, with the median and its interval. The height of a point says nothing: it keeps points apart. */
static void strip(const struct compare_row *row, FILE *out)
{
    struct scale scale = scale_of(row, STRIP_WIDTH);
    fprintf(out, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"each run's value\">", STRIP_WIDTH,
            STRIP_HEIGHT, STRIP_WIDTH, STRIP_HEIGHT);
    for (int side = 0; side < COMPARE_SIDES; side++) {
        const struct compare_sample *s = &row->sides[side];
        double middle = 10 + side * 20;
        for (uint32_t i = 0; i < s->count; i += step_of(s))
            fprintf(out, "<circle class=\"p%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%s</title></circle>", side,
                    place(&scale, s->values[i]), middle + ((i * 5) % 7 - 3.0) * 1.5, ga_duration(s->values[i]).text);
        if (!isnan(s->interval.low))
            fprintf(out, "<path class=\"interval i%d\" d=\"M%.1f %.1fH%.1f\"/>", side, place(&scale, s->interval.low), middle,
                    place(&scale, s->interval.high));
        if (s->count)
            fprintf(out, "<path class=\"median i%d\" d=\"M%.1f %.1fV%.1f\"/>", side, place(&scale, s->median), middle - 8, middle + 8);
    }
    fprintf(out, "<path class=\"axis\" d=\"M%d 40H%d\"/><text class=\"label\" x=\"%d\" y=\"51\">%s</text>", MARGIN,
            STRIP_WIDTH - MARGIN, MARGIN, ga_duration(scale.low).text);
    fprintf(out, "<text class=\"label\" x=\"%d\" y=\"51\" text-anchor=\"end\">%s</text></svg>", STRIP_WIDTH - MARGIN,
            ga_duration(scale.high).text);
}

/* The primary metric in the order of time: a drift shows as a slope. */
static void course(const struct comparison *c, FILE *out)
{
    const struct compare_row *row = &c->primary;
    struct scale scale = scale_of(row, LINE_HEIGHT);
    fprintf(out, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"the metric in the order of time\">",
            LINE_WIDTH, LINE_HEIGHT, LINE_WIDTH, LINE_HEIGHT);
    fprintf(out, "<text class=\"label\" x=\"0\" y=\"12\">%s</text><text class=\"label\" x=\"0\" y=\"%d\">%s</text>",
            ga_duration(scale.high).text, LINE_HEIGHT - MARGIN, ga_duration(scale.low).text);
    fprintf(out, "<path class=\"axis\" d=\"M%d 0V%dH%d\"/>", LINE_LEFT, LINE_HEIGHT - 1, LINE_WIDTH);
    for (int side = 0; side < COMPARE_SIDES; side++) {
        const struct compare_sample *s = &row->sides[side];
        if (s->count)
            fprintf(out, "<path class=\"course i%d\" d=\"M%d %.1fH%d\"/>", side, LINE_LEFT, LINE_HEIGHT - place(&scale, s->median),
                    LINE_WIDTH);
        for (uint32_t i = 0; i < s->count; i += step_of(s))
            fprintf(out, "<circle class=\"p%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%s %u: %s</title></circle>", side,
                    LINE_LEFT + (i + 0.5) / s->count * (LINE_WIDTH - LINE_LEFT), LINE_HEIGHT - place(&scale, s->values[i]),
                    side ? "new" : "base", i + 1, ga_duration(s->values[i]).text);
    }
    fputs("</svg>\n", out);
}

static void change_cell(const struct comparison *c, const struct compare_row *row, FILE *out)
{
    char text[160];
    compare_change_text(c, row, text, sizeof text);
    fprintf(out, "<td class=\"n %s\">%s", !row->significant || isnan(row->change) ? "dim" : row->change > 0 ? "worse" : "better", text);
    if (!isnan(row->interval.low))
        fprintf(out, "<br><span class=\"dim\">%+.1f … %+.1f%%</span>", row->interval.low * 100, row->interval.high * 100);
    fputs("</td><td class=\"dim t\">", out);
    compare_test_text(c, row, text, sizeof text);
    html_text(text, out);
    fputs("</td>", out);
}

static void html_row(const struct comparison *c, const struct compare_row *row, FILE *out)
{
    char text[160];
    compare_row_name(row, text, sizeof text);
    fputs("<tr><td><strong>", out);
    html_text(text, out);
    fprintf(out, "</strong><br><span class=\"dim\">%s</span></td>", replay_size_class_text(row->size_class).text);
    for (int side = 0; side < COMPARE_SIDES; side++) {
        compare_sample_text(&row->sides[side], text, sizeof text);
        fprintf(out, "<td class=\"n\">%s</td>", text);
    }
    change_cell(c, row, out);
    fputs("<td>", out);
    strip(row, out);
    fputs("</td></tr>\n", out);
}

static void html_sides(const struct comparison *c, FILE *out)
{
    static const char *const names[] = {"base", "new"};
    char text[1024];
    for (int side = 0; side < COMPARE_SIDES; side++) {
        compare_side_text(c, (enum compare_side_name)side, text, sizeof text);
        fprintf(out, "<div><span class=\"%s\">● %s</span> ", side ? "w" : "b", names[side]);
        html_text(text, out);
        fputs("</div>\n", out);
    }
}

static void html_besides(const struct comparison *c, FILE *out)
{
    if (c->difference_count)
        fputs("<h2>What else differs</h2>\n<table><tr><th>fact</th><th>base</th><th>new</th></tr>\n", out);
    for (uint32_t d = 0; d < c->difference_count; d++) {
        const struct compare_difference *difference = &c->differences[d];
        const char *const cells[] = {difference->name, difference->values[COMPARE_BASE], difference->values[COMPARE_NEW]};
        fputs("<tr>", out);
        for (int i = 0; i < 3; i++) {
            fputs("<td>", out);
            html_text(cells[i], out);
            fputs("</td>", out);
        }
        fputs("</tr>\n", out);
    }
    if (c->difference_count)
        fputs("</table>\n", out);
    if (c->warning_count)
        fputs("<h2>Mind</h2>\n<ul>\n", out);
    for (uint32_t w = 0; w < c->warning_count; w++) {
        fputs("<li>", out);
        html_text(c->warnings[w], out);
        fputs("</li>\n", out);
    }
    if (c->warning_count)
        fputs("</ul>\n", out);
}

static void html_files(const struct comparison *c, FILE *out)
{
    fputs("<details><summary>Files, machine and methods</summary>\n<p>Medians with a 95% interval (order statistics); change of "
          "the medians with the interval of Hodges and Lehmann; p of an exact Mann-Whitney U test, in the table corrected by Holm; "
          "~ is a change that is not significant at 5%. docs/compare.md says why.</p>\n"
          "<table><tr><th>fact</th><th>base, first result</th></tr>\n", out);
    const struct replay_result *first = c->sides[COMPARE_BASE].results;
    for (uint32_t f = 0; f < first->fact_count; f++) {
        fputs("<tr><td>", out);
        html_text(first->facts[f].name, out);
        fputs("</td><td>", out);
        html_text(first->facts[f].value, out);
        fputs("</td></tr>\n", out);
    }
    fputs("</table>\n<ul>\n", out);
    for (int side = 0; side < COMPARE_SIDES; side++)
        for (uint32_t r = 0; r < c->sides[side].count; r++) {
            fprintf(out, "<li>%s: <code>", side ? "new" : "base");
            html_text(c->sides[side].results[r].path ? c->sides[side].results[r].path : "", out);
            fputs("</code></li>\n", out);
        }
    fputs("</ul></details>\n", out);
}

void comparison_html(const struct comparison *c, FILE *out)
{
    char text[1024];
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
          "<title>gpualloc compare: ", out);
    html_text(compare_verdict_names[c->verdict], out);
    fprintf(out, "</title>\n<style>\n%s\n</style></head><body>\n<h1>", style);
    html_text(c->sides[COMPARE_BASE].results->trace, out);
    fprintf(out, "</h1>\n<p class=\"verdict %s\">", compare_verdict_names[c->verdict]);
    compare_verdict_text(c, text, sizeof text);
    html_text(text, out);
    fputs("</p>\n", out);
    html_sides(c, out);
    fprintf(out, "<h2>The metric in the order of time, one point a %s; dashed: the median</h2>\n", c->by_boot ? "boot" : "run");
    fputs("<div class=\"wide\">", out); /* scrolls by itself where a window is narrow */
    course(c, out);
    fputs("</div>\n<h2>By kind of call and size</h2>\n<div class=\"wide\"><table>\n<tr><th>call</th><th class=\"n\">base</th>"
          "<th class=\"n\">new</th>"
          "<th class=\"n\">change</th><th></th><th>each run; bar: the median, line: its 95% interval</th></tr>\n", out);
    html_row(c, &c->primary, out);
    for (uint32_t r = 0; r < c->row_count; r++)
        html_row(c, &c->rows[r], out);
    fputs("</table></div>\n", out);
    html_besides(c, out);
    html_files(c, out);
    fputs("</body></html>\n", out);
}
