/* A timeline page: its columns, what they mean, and the program that draws them. Nothing of the trace is in it as text. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "analyzer/timeline/timeline.h"
#include "timeline-page.h" /* generated from body.html, page.css and page.js, with their hashes */

/* json-c takes what is added to an array or object, also when that fails: out of memory is seen at the end, as a short text. */
static void add(json_object *object, const char *name, json_object *member)
{
    json_object_object_add(object, name, member);
}

static void add_text(json_object *array, const char *text)
{
    json_object_array_add(array, json_object_new_string(text));
}

static void add_number(json_object *array, uint64_t number)
{
    json_object_array_add(array, json_object_new_uint64(number));
}

static json_object *names(const char *(*name)(unsigned number), unsigned count)
{
    json_object *array = json_object_new_array();
    for (unsigned i = 0; i < count; i++)
        add_text(array, name(i) ?: "");
    return array;
}

static const char *end_name(unsigned end)
{
    return ga_life_end_name((enum ga_life_end)end);
}

static const char *origin_name(unsigned origin)
{
    return ga_size_origin_name((enum ga_size_origin)origin);
}

static const char *errno_name(unsigned number)
{
    return strerrorname_np((int)number);
}

static json_object *label_texts(const struct timeline *timeline)
{
    json_object *array = json_object_new_array();
    for (uint32_t i = 0; i < timeline->labels.count; i++)
        add_text(array, labels_text(&timeline->labels, i));
    return array;
}

static json_object *processes(struct timeline *timeline)
{
    json_object *array = json_object_new_array();
    for (size_t i = 0; i < timeline->process_count; i++) {
        const struct timeline_process *process = &timeline->process_list[i];
        json_object *entry = json_object_new_array();
        uint32_t label, program;
        char id[17];
        if (labels_process(&timeline->labels, process->id, process->pid, &label, &program) < 0)
            label = 0;
        snprintf(id, sizeof id, "%016" PRIx64, process->id);
        add_text(entry, labels_text(&timeline->labels, label));
        add_text(entry, id);
        add_number(entry, process->pid);
        json_object_array_add(array, entry);
    }
    return array;
}

static json_object *threads(const struct timeline *timeline)
{
    json_object *array = json_object_new_array();
    for (size_t i = 0; i < timeline->thread_count; i++) {
        const struct timeline_thread *thread = &timeline->thread_list[i];
        json_object *entry = json_object_new_array();
        add_number(entry, thread->process);
        add_number(entry, thread->ordinal);
        add_number(entry, thread->tid);
        json_object_array_add(array, entry);
    }
    return array;
}

static json_object *devices(const struct timeline *timeline)
{
    json_object *array = json_object_new_array();
    for (size_t i = 0; i < timeline->device_count; i++)
        add_text(array, labels_text(&timeline->labels, timeline->device_list[i]));
    return array;
}

static json_object *kinds(const struct timeline *timeline)
{
    json_object *array = json_object_new_array();
    for (uint32_t i = 0; i < timeline->kind_count; i++) {
        const struct ga_row *row = &ga_rows[timeline->kind_rows[i]];
        json_object *entry = json_object_new_array();
        add_text(entry, row->provider);
        add_text(entry, row->request);
        json_object_array_add(array, entry);
    }
    return array;
}

static json_object *loss_text(const struct ga_reader_totals *totals)
{
    char text[256] = "";
    FILE *line = fmemopen(text, sizeof text, "w");
    if (line) {
        ga_reader_print_loss(totals, line);
        fclose(line);
    }
    text[strcspn(text, "\n")] = 0;
    return json_object_new_string(text);
}

/* What the columns refer to, and what is to be said of the trace. */
static json_object *described(struct timeline *timeline, const struct ga_reader_totals *totals, const char *incomplete)
{
    json_object *object = json_object_new_object();
    uint32_t path;
    char origin[24];
    if (labels_get(&timeline->labels, timeline->path, &path) < 0)
        path = 0;
    snprintf(origin, sizeof origin, "%" PRId64, timeline->origin_ns);
    add(object, "processes", processes(timeline)); /* may make labels */
    add(object, "threads", threads(timeline));
    add(object, "devices", devices(timeline));
    add(object, "kinds", kinds(timeline));
    add(object, "labels", label_texts(timeline));
    add(object, "ends", names(end_name, GA_ENDS));
    add(object, "origins", names(origin_name, GA_SIZE_ORIGINS));
    add(object, "classes", names(size_class_text, SIZE_CLASSES));
    add(object, "errors", names(errno_name, 134));
    add(object, "trace", json_object_new_string(labels_text(&timeline->labels, path)));
    add(object, "origin", json_object_new_string(origin));
    add(object, "end", json_object_new_int64(timeline->end_ns - timeline->origin_ns));
    add(object, "calls", json_object_new_uint64(timeline->calls));
    add(object, "allocations", json_object_new_uint64(timeline->allocations));
    add(object, "unknown", json_object_new_uint64(timeline->unknown));
    add(object, "bounds", json_object_new_uint64(timeline->bounds));
    add(object, "lossy", json_object_new_boolean(ga_reader_lossy(totals)));
    add(object, "loss", loss_text(totals));
    add(object, "incomplete", json_object_new_boolean(incomplete != NULL));
    add(object, "restFirst", json_object_new_int64(timeline->first_ns - timeline->origin_ns));
    add(object, "restLast", json_object_new_int64(timeline->last_ns - timeline->origin_ns));
    return object;
}

static void put_rest(struct timeline *timeline)
{
    if (!timeline->filtered)
        return;
    for (; timeline->rest_count + 1 < TIMELINE_RESTS; timeline->rest_count++)
        timeline->rest_peaks[timeline->rest_count + 1] = timeline->rest_bytes;
    for (size_t i = 0; i < TIMELINE_RESTS; i++)
        column_difference(&timeline->columns[TIMELINE_rest], timeline->rest_peaks[i]);
}

int timeline_write(struct timeline *timeline, const struct ga_reader_totals *totals, const char *incomplete)
{
    static const char *const ids[] = {
#define COLUMN(name) #name,
        TIMELINE_COLUMNS(COLUMN)
#undef COLUMN
    };
    json_object *object = described(timeline, totals, incomplete);
    const char *text = object ? json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN) : NULL;
    int result = text ? 0 : -ENOMEM;
    if (text)
        column_bytes(&timeline->columns[TIMELINE_text], text, strlen(text));
    put_rest(timeline);
    FILE *page = timeline->page;
    fprintf(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" "
                  "content=\"default-src 'none'; script-src '%s'; style-src '%s'; base-uri 'none'; form-action 'none'\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\n"
                  "<title>gpualloc timeline</title>\n<style>%s</style></head>\n%s\n",
            TIMELINE_JS_HASH, TIMELINE_CSS_HASH, timeline_page_css, timeline_body_html);
    for (size_t i = 0; i < TIMELINE_COLUMN_COUNT && result >= 0; i++)
        result = column_write(&timeline->columns[i], ids[i], page);
    fprintf(page, "<script>%s</script>\n</body></html>\n", timeline_page_js);
    json_object_put(object);
    return result;
}
