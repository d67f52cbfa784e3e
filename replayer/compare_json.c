/* Compare: as JSON. docs/compare.md has the members. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "replayer/compare.h"

static void add(struct json_object *to, const char *name, double value)
{
    json_object_object_add(to, name, isfinite(value) ? json_object_new_double(value) : NULL);
}

static struct json_object *interval_object(struct replay_interval interval)
{
    if (isnan(interval.low))
        return NULL;
    struct json_object *array = json_object_new_array();
    json_object_array_add(array, json_object_new_double(interval.low));
    json_object_array_add(array, json_object_new_double(interval.high));
    return array;
}

static struct json_object *sample_object(const struct compare_sample *s)
{
    struct json_object *object = json_object_new_object(), *values = json_object_new_array();
    add(object, "median_ns", s->median);
    json_object_object_add(object, "interval_ns", interval_object(s->interval));
    json_object_object_add(object, "n", json_object_new_uint64(s->count));
    json_object_object_add(object, "outliers", json_object_new_uint64(s->outliers));
    add(object, "drift", s->drift);
    if (s->modes.low_count) {
        struct json_object *modes = json_object_new_array();
        json_object_array_add(modes, json_object_new_double(s->modes.low));
        json_object_array_add(modes, json_object_new_double(s->modes.high));
        json_object_object_add(object, "modes_ns", modes);
    }
    for (uint32_t i = 0; i < s->count; i++)
        json_object_array_add(values, json_object_new_double(s->values[i]));
    json_object_object_add(object, "values_ns", values);
    return object;
}

static struct json_object *row_object(const struct comparison *c, const struct compare_row *row)
{
    struct json_object *object = json_object_new_object();
    if (row == &c->primary) {
        json_object_object_add(object, "metric", json_object_new_string(row->name));
        json_object_object_add(object, "figure", json_object_new_string(replay_figure_names[c->options.figure]));
    } else {
        json_object_object_add(object, "kind", json_object_new_string(row->name));
        json_object_object_add(object, "size_class", json_object_new_uint64(row->size_class));
        json_object_object_add(object, "failed", json_object_new_boolean(row->failed));
    }
    json_object_object_add(object, "base", sample_object(&row->sides[COMPARE_BASE]));
    json_object_object_add(object, "new", sample_object(&row->sides[COMPARE_NEW]));
    add(object, "change", row->change);
    json_object_object_add(object, "change_interval", interval_object(row->interval));
    bool tested = c->verdict != COMPARE_UNDECIDED;
    add(object, "p", tested ? row->p : NAN);
    if (row != &c->primary)
        add(object, "p_holm", tested ? row->corrected : NAN);
    json_object_object_add(object, "significant", json_object_new_boolean(row->significant));
    return object;
}

static struct json_object *side_object(const struct comparison *c, enum compare_side_name name)
{
    const struct compare_side *side = &c->sides[name];
    const struct replay_result *first = side->results;
    struct json_object *object = json_object_new_object(), *files = json_object_new_array();
    for (uint32_t r = 0; r < side->count; r++)
        json_object_array_add(files, json_object_new_string(side->results[r].path ? side->results[r].path : ""));
    json_object_object_add(object, "files", files);
    json_object_object_add(object, "backend", json_object_new_string(first->backend));
    json_object_object_add(object, "node", json_object_new_string(first->node));
    json_object_object_add(object, "driver", json_object_new_string(first->driver));
    json_object_object_add(object, "software", json_object_new_boolean(first->software));
    json_object_object_add(object, "kernel", json_object_new_string(first->kernel));
    json_object_object_add(object, "runs", json_object_new_uint64(c->runs[name]));
    json_object_object_add(object, "boots", json_object_new_uint64(c->boots[name]));
    return object;
}

static struct json_object *differences_object(const struct comparison *c)
{
    struct json_object *object = json_object_new_object();
    for (uint32_t d = 0; d < c->difference_count; d++) {
        struct json_object *values = json_object_new_object();
        json_object_object_add(values, "base", json_object_new_string(c->differences[d].values[COMPARE_BASE]));
        json_object_object_add(values, "new", json_object_new_string(c->differences[d].values[COMPARE_NEW]));
        json_object_object_add(object, c->differences[d].name, values);
    }
    return object;
}

char *comparison_json(const struct comparison *c)
{
    struct json_object *root = json_object_new_object(), *rows = json_object_new_array(), *warnings = json_object_new_array();
    const struct replay_result *first = c->sides[COMPARE_BASE].results;
    char verdict[1024];
    compare_verdict_text(c, verdict, sizeof verdict);
    json_object_object_add(root, "schema_version", json_object_new_int(2));
    json_object_object_add(root, "base", side_object(c, COMPARE_BASE));
    json_object_object_add(root, "new", side_object(c, COMPARE_NEW));
    json_object_object_add(root, "plan", json_object_new_string(first->plan));
    json_object_object_add(root, "mode", json_object_new_string(first->mode));
    json_object_object_add(root, "unit", json_object_new_string(c->by_boot ? "boot" : "run"));
    add(root, "threshold", c->options.threshold);
    json_object_object_add(root, "verdict", json_object_new_string(compare_verdict_names[c->verdict]));
    json_object_object_add(root, "text", json_object_new_string(verdict));
    json_object_object_add(root, "regressed", json_object_new_boolean(c->verdict == COMPARE_REGRESSED));
    json_object_object_add(root, "primary", row_object(c, &c->primary));
    for (uint32_t r = 0; r < c->row_count; r++)
        json_object_array_add(rows, row_object(c, &c->rows[r]));
    json_object_object_add(root, "rows", rows);
    json_object_object_add(root, "one_sided_kinds", json_object_new_uint64(c->one_sided));
    json_object_object_add(root, "differences", differences_object(c));
    for (uint32_t w = 0; w < c->warning_count; w++)
        json_object_array_add(warnings, json_object_new_string(c->warnings[w]));
    json_object_object_add(root, "warnings", warnings);
    const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE);
    char *copy = text ? malloc(strlen(text) + 2) : NULL;
    if (copy)
        strcat(strcpy(copy, text), "\n");
    json_object_put(root);
    return copy;
}
