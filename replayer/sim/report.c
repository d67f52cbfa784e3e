/* Reports of the model: see report.h. */
#include "replayer/sim/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/units.h"

enum { SIM_REPORT_VERSION = 1 };

/* Parts of the simulated time. */
static const struct part {
    const char *name, *text;
    size_t spent; /* in struct sim_outcome */
} parts[] = {
    {"calls_ns", "requests", offsetof(struct sim_outcome, ns_calls)},
    {"cleared_ns", "clearing", offsetof(struct sim_outcome, ns_cleared)},
    {"copied_ns", "copying", offsetof(struct sim_outcome, ns_copied)},
    {"swapped_ns", "swapping", offsetof(struct sim_outcome, ns_swapped)},
    {"mapped_ns", "mapping", offsetof(struct sim_outcome, ns_mapped)},
};
static const struct cost {
    const char *name, *text;
    size_t place; /* in struct sim_costs */
} costs[] = {
    {"call_ns", "a request", offsetof(struct sim_costs, call)},
    {"clear_vram_page_ns", "a page cleared in device memory", offsetof(struct sim_costs, clear_vram)},
    {"clear_system_page_ns", "in system memory", offsetof(struct sim_costs, clear_system)},
    {"copy_page_ns", "copied between them", offsetof(struct sim_costs, copy)},
    {"swap_page_ns", "swapped", offsetof(struct sim_costs, swap)},
    {"map_page_ns", "mapped", offsetof(struct sim_costs, map)},
};
static const struct moved {
    const char *name, *text;
    size_t place; /* in struct sim_outcome */
} moves[] = {
    {"evicted", "evicted from device memory", offsetof(struct sim_outcome, evicted)},
    {"restored", "brought back into it", offsetof(struct sim_outcome, restored)},
    {"displaced", "left in system memory for want of room", offsetof(struct sim_outcome, displaced)},
    {"swapped_out", "swapped out", offsetof(struct sim_outcome, swapped_out)},
    {"swapped_in", "swapped in", offsetof(struct sim_outcome, swapped_in)},
    {"failed", "failed: out of memory", offsetof(struct sim_outcome, failed)},
};

static uint64_t at(const void *base, size_t place) { return *(const uint64_t *)((const char *)base + place); }

static const struct sim_count *counted(const struct sim_outcome *o, size_t place)
{
    return (const struct sim_count *)((const char *)o + place);
}

/* --- text -------------------------------------------------------------------------------------------------------------------- */

static void print_search(const struct sim_report *r, FILE *out)
{
    const struct sim_search *s = r->search;
    fprintf(out, "the smallest device memory that evicts nothing: %s (%" PRIu64 " bytes, to %s; %u size%s tried)\n",
            ga_bytes(s->size).text, s->size, ga_bytes(s->step).text, s->trials, s->trials == 1 ? "" : "s");
    if (s->exhaustive)
        fprintf(out, "  no smaller size will do: %s of it are alive at once, and all sizes between were tried\n",
                ga_bytes(r->script->local_peak).text);
    else
        fprintf(out, "  found by halving from %s, what is alive at once; not all sizes below were tried, one of them might do\n",
                ga_bytes(s->least).text);
}

static void print_segment(const struct sim_outcome *o, enum sim_segment segment, const struct sim_fragmentation *f, FILE *out)
{
    uint64_t size = o->size[segment];
    fprintf(out, "%-8s %12s %12s %12s", sim_segment_name(segment), size ? ga_bytes(size).text : "no limit",
            ga_bytes(o->peak[segment]).text, o->peak[segment] ? ga_duration((double)o->peak_ns[segment]).text : "-");
    if (f && size)
        fprintf(out, " %15s %11.1f%% %11.1f%%", ga_bytes(f->least_largest).text, f->worst * 100, f->at_end * 100);
    fputc('\n', out);
}

static const char *call_name(const struct sim_report *r, uint32_t call) { return replay_call_name(&r->plan->calls[call]); }

static void print_moves(const struct sim_report *r, FILE *out)
{
    const struct sim_outcome *o = r->outcome;
    fputc('\n', out);
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        const struct sim_count *moved = counted(o, moves[i].place);
        fprintf(out, "%-40s %10s %12s\n", moves[i].text, ga_count(moved->count).text, ga_bytes(moved->bytes).text);
    }
    const struct {
        uint32_t call;
        const char *text;
    } firsts[] = {{o->first_evicted, "the first eviction"}, {o->first_failed, "the first failure"}};
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++)
        if (firsts[i].call != REPLAY_NONE)
            fprintf(out, "%s: %s, %s after the first call\n", firsts[i].text, call_name(r, firsts[i].call),
                    ga_duration((double)r->plan->calls[firsts[i].call].begin_ns).text);
}

static void print_time(const struct sim_report *r, FILE *out)
{
    fprintf(out, "\nsimulated time %s:", ga_duration((double)sim_time(r->outcome)).text);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        fprintf(out, "%s %s %s", i ? "," : "", ga_duration((double)at(r->outcome, parts[i].spent)).text, parts[i].text);
    fputs("\nthe cost model, in ns, pages of 4 KiB:\n ", out);
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++)
        fprintf(out, "%s %s %" PRIu64, i ? "," : "", costs[i].text, at(&r->options->costs, costs[i].place));
    fputc('\n', out);
}

void sim_report_print(const struct sim_report *r, FILE *out)
{
    const struct sim_outcome *o = r->outcome;
    fprintf(out, "%s in a model (backend sim): nothing was issued and nothing measured\n", r->trace);
    fprintf(out, "%s calls in the recorded order, %s buffers; device memory by the model of %s\n", ga_count(r->script->call_count).text,
            ga_count(r->script->buffer_count).text, r->options->allocator == SIM_BUDDY ? "drm_buddy" : "drm_mm");
    if (r->script->unknown)
        fprintf(out, "%s buffer%s of a size that nobody knows, and not in the model\n", ga_count(r->script->unknown).text,
                r->script->unknown == 1 ? " is" : "s are");
    if (!r->script->local_peak)
        fputs("nothing in the recording belongs into device memory\n", out);
    if (r->search)
        print_search(r, out);
    fprintf(out, "\n%-8s %12s %12s %12s %15s %12s %12s\n", "segment", "size", "peak", "at", "largest free", "fragmented", "at the end");
    print_segment(o, SIM_VRAM, &o->vram, out);
    print_segment(o, SIM_GTT, &o->gtt, out);
    print_segment(o, SIM_SWAP, NULL, out);
    fputs("largest free: the largest free block, when it was smallest; fragmented: 1 - largest free block / free bytes, at most", out);
    if (o->vram.worst > 0)
        fprintf(out, "\n  (after %s: %s of %s free)", ga_duration((double)o->vram.worst_ns).text, ga_bytes(o->vram.worst_largest).text,
                ga_bytes(o->vram.worst_free).text);
    fputc('\n', out);
    print_moves(r, out);
    print_time(r, out);
}

/* --- JSON -------------------------------------------------------------------------------------------------------------------- */

static void add_count(struct json_object *to, const char *name, uint64_t value)
{
    json_object_object_add(to, name, json_object_new_uint64(value));
}

static void add_text(struct json_object *to, const char *name, const char *text)
{
    json_object_object_add(to, name, json_object_new_string(text));
}

static void add_ratio(struct json_object *to, const char *name, double ratio)
{
    char text[32];
    snprintf(text, sizeof text, "%.6f", ratio);
    json_object_object_add(to, name, json_object_new_double_s(ratio, text));
}

static struct json_object *fragmentation_of(const struct sim_fragmentation *f)
{
    struct json_object *object = json_object_new_object();
    add_ratio(object, "worst", f->worst);
    json_object_object_add(object, "worst_at_ns", json_object_new_int64(f->worst_ns));
    add_count(object, "worst_free_bytes", f->worst_free);
    add_count(object, "worst_largest_free_bytes", f->worst_largest);
    add_count(object, "least_largest_free_bytes", f->least_largest);
    add_ratio(object, "at_end", f->at_end);
    return object;
}

static struct json_object *segments_of(const struct sim_outcome *o)
{
    struct json_object *object = json_object_new_object();
    for (int s = 0; s < SIM_NOWHERE; s++) {
        struct json_object *segment = json_object_new_object();
        json_object_object_add(segment, "size", o->size[s] ? json_object_new_uint64(o->size[s]) : NULL);
        add_count(segment, "peak_bytes", o->peak[s]);
        json_object_object_add(segment, "peak_at_ns", json_object_new_int64(o->peak_ns[s]));
        if (s != SIM_SWAP && o->size[s])
            json_object_object_add(segment, "fragmentation", fragmentation_of(s == SIM_VRAM ? &o->vram : &o->gtt));
        json_object_object_add(object, sim_segment_name((enum sim_segment)s), segment);
    }
    return object;
}

static struct json_object *course_of(const struct sim_outcome *o)
{
    struct json_object *course = json_object_new_array();
    for (uint32_t i = 0; i < o->stretch_count; i++) {
        struct json_object *stretch = json_object_new_object();
        json_object_object_add(stretch, "at_ns", json_object_new_int64(o->stretches[i].ns));
        add_count(stretch, "used_bytes", o->stretches[i].used);
        add_count(stretch, "largest_free_bytes", o->stretches[i].largest);
        add_ratio(stretch, "fragmentation", o->stretches[i].fragmentation);
        json_object_array_add(course, stretch);
    }
    return course;
}

static struct json_object *time_of(const struct sim_report *r)
{
    struct json_object *time = json_object_new_object(), *table = json_object_new_object();
    add_count(time, "total_ns", sim_time(r->outcome));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        add_count(time, parts[i].name, at(r->outcome, parts[i].spent));
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++)
        add_count(table, costs[i].name, at(&r->options->costs, costs[i].place));
    json_object_object_add(time, "cost_model", table);
    return time;
}

static struct json_object *search_of(const struct sim_search *s)
{
    struct json_object *object = json_object_new_object();
    add_count(object, "vram", s->size);
    add_count(object, "step", s->step);
    add_count(object, "trials", s->trials);
    json_object_object_add(object, "all_smaller_tried", json_object_new_boolean(s->exhaustive));
    return object;
}

static void add_moves(struct json_object *to, const struct sim_outcome *o)
{
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        const struct sim_count *moved = counted(o, moves[i].place);
        struct json_object *object = json_object_new_object();
        add_count(object, "count", moved->count);
        add_count(object, "bytes", moved->bytes);
        json_object_object_add(to, moves[i].name, object);
    }
}

char *sim_report_json(const struct sim_report *r)
{
    struct json_object *root = json_object_new_object();
    json_object_object_add(root, "schema_version", json_object_new_int(SIM_REPORT_VERSION));
    json_object_object_add(root, "model", json_object_new_boolean(true));
    add_text(root, "backend", "sim");
    add_text(root, "trace", r->trace);
    add_text(root, "allocator", sim_allocator_names[r->options->allocator]);
    add_count(root, "calls", r->script->call_count);
    add_count(root, "buffers", r->script->buffer_count);
    add_count(root, "buffers_of_unknown_size", r->script->unknown);
    add_count(root, "local_peak_bytes", r->script->local_peak);
    if (r->search)
        json_object_object_add(root, "search", search_of(r->search));
    json_object_object_add(root, "sufficed", json_object_new_boolean(sim_sufficed(r->outcome)));
    json_object_object_add(root, "segments", segments_of(r->outcome));
    add_moves(root, r->outcome);
    json_object_object_add(root, "simulated_time", time_of(r));
    json_object_object_add(root, "vram_over_time", course_of(r->outcome));
    const char *json = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE);
    size_t size = strlen(json);
    char *text = malloc(size + 2);
    if (text) {
        memcpy(text, json, size);
        memcpy(text + size, "\n", 2);
    }
    json_object_put(root);
    return text;
}
