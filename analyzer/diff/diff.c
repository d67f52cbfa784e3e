/*
 * The verb diff: what two traces have that differs, in bytes, allocations and calls: in all, then by surface, size class, kind of call
 * and thread. It compares the JSON of the analyses, so that its figures are report's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/groups.h"
#include "analyzer/page.h"
#include "analyzer/run.h"
#include "analyzer/table.h"
#include "base/array.h"
#include "base/verb.h"

enum { SCHEMA_VERSION = 1, TOP = 8, VALUES_MAX = 4, SIDES = 2 };

static uint64_t top;
static bool as_json;

/* What is compared of an entry: members by their path in report's JSON. */
struct value {
    const char *name, *path; /* name: in diff's JSON */
    enum { COUNT, BYTES, TIME } unit;
};

static const struct value of_groups[VALUES_MAX + 1] = {
    {"made", "/made", COUNT}, {"bytes_made", "/bytes_made", BYTES}, {"peak_bytes", "/peak_bytes", BYTES},
    {"at_end_bytes", "/at_end_bytes", BYTES}, {NULL}};
static const struct value of_calls[VALUES_MAX + 1] = {
    {"calls", "/calls", COUNT}, {"failed", "/failed", COUNT}, {"duration_ns", "/duration_ns/sum", TIME},
    {"duration_ns_p99", "/duration_ns/p99", TIME}, {NULL}};
static const struct value of_threads[VALUES_MAX + 1] = {
    {"calls", "/calls", COUNT}, {"made", "/made", COUNT}, {"peak_bytes", "/peak_bytes", BYTES}, {"time_ns", "/time_ns", TIME}, {NULL}};

struct entry {
    char *name;
    bool in[SIDES], known[SIDES][VALUES_MAX];
    uint64_t values[SIDES][VALUES_MAX];
};

struct section {
    const char *name, *title; /* name: of the analysis, and in JSON */
    const struct value *values;
    size_t by; /* the value whose change orders the entries */
    /* The entry's name in both traces, allocated; null when memory ran out. */
    char *(*key)(json_object *entry, size_t side, json_object *const *traces);
    struct entry *entries;
    size_t count, room;
};

static json_object *at(json_object *object, const char *pointer)
{
    json_object *found = NULL;
    return json_pointer_get(object, pointer, &found) < 0 ? NULL : found;
}

static uint64_t number(json_object *object, const char *pointer)
{
    return json_object_get_uint64(at(object, pointer));
}

/* Which process of its trace, by the order in which they began: instances are random numbers. */
static size_t process_place(json_object *trace, json_object *entry)
{
    json_object *processes = at(trace, "/summary/processes");
    const char *id = json_object_get_string(at(entry, "/process"));
    for (size_t i = 0; id && i < json_object_array_length(processes); i++)
        if (!strcmp(json_object_get_string(at(json_object_array_get_idx(processes, i), "/process")) ?: "", id))
            return i + 1;
    return 0;
}

static struct ga_map unnamed[SIDES]; /* addresses of surfaces without a name */

static int note_unnamed(json_object *const *traces)
{
    for (size_t side = 0; side < SIDES; side++) {
        json_object *surfaces = at(traces[side], "/surface");
        for (size_t i = 0; i < json_object_array_length(surfaces); i++) {
            json_object *surface = json_object_array_get_idx(surfaces, i);
            if (!json_object_get_string(at(surface, "/name")) &&
                ga_map_set(&unnamed[side], number(surface, "/hPrivateRuntimeResourceHandle"), 0, 1) < 0)
                return -ENOMEM;
        }
    }
    return 0;
}

/* Addresses of surfaces differ from run to run: those without a name are told apart only where both traces have the address. */
static char *surface_key(json_object *entry, size_t side, json_object *const *traces)
{
    (void)traces;
    const char *name = json_object_get_string(at(entry, "/name"));
    uint64_t handle = number(entry, "/hPrivateRuntimeResourceHandle");
    char *key = NULL;
    int length;
    if (at(entry, "/others"))
        length = asprintf(&key, "all others");
    else if (name)
        length = asprintf(&key, "%s", name);
    else if (!handle)
        length = asprintf(&key, "none given");
    else if (ga_map_get(&unnamed[!side], handle, 0))
        length = asprintf(&key, "0x%" PRIx64, handle);
    else
        length = asprintf(&key, "surfaces of other addresses");
    return length < 0 ? NULL : key;
}

static char *size_key(json_object *entry, size_t side, json_object *const *traces)
{
    (void)side, (void)traces;
    bool known = json_object_get_string(at(entry, "/above")) != NULL, bounded = json_object_get_string(at(entry, "/up_to")) != NULL;
    struct group_key key = {bounded ? number(entry, "/up_to") : UINT64_MAX, !known};
    return strdup(group_size_class_text(key).text);
}

static char *call_key(json_object *entry, size_t side, json_object *const *traces)
{
    (void)side, (void)traces;
    return strdup(json_object_get_string(at(entry, "/request")) ?: "");
}

static char *thread_key(json_object *entry, size_t side, json_object *const *traces)
{
    char *key = NULL;
    int length = at(entry, "/others") ? asprintf(&key, "all others")
                                      : asprintf(&key, "process %zu thread %" PRIu64, process_place(traces[side], entry),
                                                 number(entry, "/thread"));
    return length < 0 ? NULL : key;
}

static struct section sections[] = {
    {"surface", "By surface", of_groups, 2, surface_key, NULL, 0, 0},
    {"size", "By size class", of_groups, 2, size_key, NULL, 0, 0},
    {"calls", "By kind of call", of_calls, 2, call_key, NULL, 0, 0},
    {"thread", "By thread", of_threads, 2, thread_key, NULL, 0, 0},
};
enum { SECTIONS = sizeof sections / sizeof *sections };

/* The entry of that name, made when it is new; takes the name over. */
static struct entry *entry_get(struct section *section, struct ga_map *index, char *name)
{
    uint64_t hash[2] = {14695981039346656037u, 1};
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        hash[0] = (hash[0] ^ *c) * 1099511628211u;
        hash[1] = hash[1] * 31 + *c;
    }
    uint64_t *place = ga_map_get(index, hash[0], hash[1]);
    if (place) {
        free(name);
        return &section->entries[*place - 1];
    }
    if (ga_array_room(&section->entries, &section->room, section->count + 1, sizeof *section->entries) < 0) {
        free(name);
        return NULL;
    }
    section->entries[section->count++] = (struct entry){.name = name};
    return ga_map_set(index, hash[0], hash[1], section->count) < 0 ? NULL : &section->entries[section->count - 1];
}

static uint64_t change(const struct entry *entry, size_t value)
{
    uint64_t a = entry->values[0][value], b = entry->values[1][value];
    return a > b ? a - b : b - a;
}

static size_t sort_value;
static int by_change(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    for (size_t i = 0; i < VALUES_MAX; i++) {
        size_t value = (sort_value + i) % VALUES_MAX;
        if (change(x, value) != change(y, value))
            return change(x, value) > change(y, value) ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

static int compare_section(struct section *section, json_object *const *traces)
{
    struct ga_map index = {0};
    int result = 0;
    for (size_t side = 0; side < SIDES; side++) {
        json_object *list = NULL;
        json_object_object_get_ex(traces[side], section->name, &list);
        for (size_t i = 0; !result && i < json_object_array_length(list); i++) {
            json_object *object = json_object_array_get_idx(list, i);
            char *name = section->key(object, side, traces);
            struct entry *entry = name ? entry_get(section, &index, name) : NULL;
            if (!entry) {
                result = -ENOMEM;
                break;
            }
            entry->in[side] = true;
            for (size_t v = 0; v < VALUES_MAX && section->values[v].name; v++) {
                entry->values[side][v] += number(object, section->values[v].path);
                entry->known[side][v] |= at(object, section->values[v].path) != NULL;
            }
        }
    }
    ga_map_release(&index);
    sort_value = section->by;
    if (section->count)
        qsort(section->entries, section->count, sizeof *section->entries, by_change);
    return result;
}

/* Text. */

static struct ga_text value_text(uint64_t value, const struct value *of)
{
    return of->unit == BYTES ? ga_bytes(value) : of->unit == TIME ? ga_duration((double)value) : ga_count(value);
}

static void cells(struct table *table, uint64_t a, bool a_known, uint64_t b, bool b_known, const struct value *of)
{
    struct ga_text by = value_text(a > b ? a - b : b - a, of);
    table_cell(table, "%s", b_known ? value_text(b, of).text : "unknown");
    table_cell(table, "%s", a_known ? value_text(a, of).text : "unknown");
    if (!a_known || !b_known)
        table_cell(table, "%s", a_known == b_known ? "" : "?");
    else if (a == b)
        table_cell(table, "=");
    else if (a)
        table_cell(table, "%s%s (%+.0f %%)", b > a ? "+" : "-", by.text, 100.0 * ((double)b - (double)a) / (double)a);
    else
        table_cell(table, "+%s", by.text);
}

static const char *became(const struct entry *entry)
{
    return entry->in[0] && entry->in[1] ? "" : entry->in[0] ? "vanished" : "appeared";
}

static bool differs(const struct section *section, const struct entry *entry)
{
    bool different = entry->in[0] != entry->in[1];
    for (size_t v = 0; v < VALUES_MAX && section->values[v].name; v++)
        different = different || (section->values[v].unit != TIME && change(entry, v));
    return different;
}

static void print_section(const struct section *section, const struct analysis_output *out)
{
    const struct value *main = &section->values[section->by], *count = &section->values[0];
    const struct table_column columns[] = {
        {"", TABLE_LEFT}, {"", TABLE_LEFT}, {count->name, TABLE_RIGHT}, {"before", TABLE_RIGHT}, {"change", TABLE_RIGHT},
        {main->unit == BYTES ? "peak" : "time", TABLE_RIGHT}, {"before", TABLE_RIGHT}, {"change", TABLE_RIGHT}, {NULL}};
    size_t different = 0, shown = 0;
    for (size_t i = 0; i < section->count; i++)
        different += differs(section, &section->entries[i]);
    analysis_heading(out, "%s: %zu of %zu differ", section->title, different, section->count);
    struct table *table = different ? table_create(columns) : NULL;
    for (size_t i = 0; i < section->count && shown < out->top; i++) {
        const struct entry *entry = &section->entries[i];
        if (!differs(section, entry))
            continue;
        shown++;
        table_cell(table, "%.60s", entry->name);
        table_cell(table, "%s", became(entry));
        for (size_t v = 0; v <= section->by; v += section->by)
            cells(table, entry->values[0][v], entry->known[0][v] || !entry->in[0], entry->values[1][v],
                  entry->known[1][v] || !entry->in[1], &section->values[v]);
    }
    table_print(table, out->file);
}

static const struct {
    const char *name, *title, *path;
    struct value unit;
} totals[] = {
    {"peak_bytes", "peak bytes", "/summary/memory/peak_bytes", {"", "", BYTES}},
    {"made", "allocations made", "/summary/memory/made", {"", "", COUNT}},
    {"bytes_made", "bytes made", "/summary/memory/bytes_made", {"", "", BYTES}},
    {"at_end", "alive at the end", "/summary/memory/at_end", {"", "", COUNT}},
    {"at_end_bytes", "bytes at the end", "/summary/memory/at_end_bytes", {"", "", BYTES}},
    {"unknown_size", "of unknown size", "/summary/memory/unknown_size", {"", "", COUNT}},
    {"calls", "calls", "/summary/calls", {"", "", COUNT}},
    {"failed", "failed calls", "/summary/failed", {"", "", COUNT}},
    {"findings", "findings", "", {"", "", COUNT}},
    {"span_ns", "time", "", {"", "", TIME}},
};
enum { TOTALS = sizeof totals / sizeof *totals };

/* Its value; *known: whether it has one. */
static uint64_t total(json_object *trace, size_t which, bool *known)
{
    *known = true;
    if (!strcmp(totals[which].name, "findings"))
        return json_object_array_length(at(trace, "/findings"));
    if (!strcmp(totals[which].name, "span_ns"))
        return number(trace, "/summary/last_ts") - number(trace, "/summary/first_ts");
    *known = at(trace, totals[which].path) != NULL;
    return number(trace, totals[which].path);
}

static void print_text(json_object *const *traces, const struct analysis_output *out)
{
    static const struct table_column columns[] = {
        {"", TABLE_LEFT}, {"now", TABLE_RIGHT}, {"before", TABLE_RIGHT}, {"change", TABLE_RIGHT}, {NULL}};
    analysis_heading(out, "Before %s, now %s", json_object_get_string(at(traces[0], "/trace")),
                     json_object_get_string(at(traces[1], "/trace")));
    struct table *table = table_create(columns);
    for (size_t i = 0; i < TOTALS; i++) {
        bool a_known, b_known;
        uint64_t a = total(traces[0], i, &a_known), b = total(traces[1], i, &b_known);
        table_cell(table, "%s", totals[i].title);
        cells(table, a, a_known, b, b_known, &totals[i].unit);
    }
    table_print(table, out->file);
    for (size_t side = 0; side < SIDES; side++)
        if (json_object_get_boolean(at(traces[side], "/summary/loss/lossy")) ||
            json_object_get_string(at(traces[side], "/summary/incomplete")))
            fprintf(out->file, "WARNING   %s has lost calls or data, or is damaged: its figures are too small\n",
                    json_object_get_string(at(traces[side], "/trace")));
    for (size_t i = 0; i < SECTIONS; i++) {
        fputc('\n', out->file);
        print_section(&sections[i], out);
    }
}

/* JSON. */

static json_object *values_json(const struct section *section, const struct entry *entry, size_t side)
{
    json_object *object = entry->in[side] ? json_object_new_object() : NULL;
    for (size_t v = 0; object && v < VALUES_MAX && section->values[v].name; v++)
        if (entry->known[side][v] ? json_add_uint(object, section->values[v].name, entry->values[side][v])
                                  : json_add(object, section->values[v].name, NULL)) {
            json_object_put(object);
            return NULL;
        }
    return object;
}

static int section_json(const struct section *section, json_object *object)
{
    json_object *array = json_object_new_array();
    int failed = json_add(object, section->name, array) || !array;
    for (size_t i = 0; i < section->count && !failed; i++) {
        const struct entry *entry = &section->entries[i];
        json_object *one = json_object_new_object();
        failed = !one || json_object_array_add(array, one) || json_add_string(one, "name", entry->name) ||
                 json_add(one, "differs", json_object_new_boolean(differs(section, entry))) ||
                 json_add(one, "before", values_json(section, entry, 0)) || json_add(one, "now", values_json(section, entry, 1));
    }
    return failed;
}

static int print_json(json_object *const *traces)
{
    static const char *const names[] = {"before", "now"};
    json_object *object = json_object_new_object(), *both = json_object_new_object();
    int failed = json_add(object, "schema_version", json_object_new_int(SCHEMA_VERSION)) || json_add(object, "totals", both) || !both;
    for (size_t side = 0; side < SIDES && !failed; side++) {
        json_object *one = json_object_new_object();
        failed = json_add_string(object, names[side], json_object_get_string(at(traces[side], "/trace"))) ||
                 json_add(both, names[side], one) || !one ||
                 json_add(one, "lossy", json_object_get(at(traces[side], "/summary/loss/lossy"))) ||
                 json_add(one, "incomplete", json_object_get(at(traces[side], "/summary/incomplete")));
        for (size_t i = 0; i < TOTALS && !failed; i++) {
            bool known;
            uint64_t value = total(traces[side], i, &known);
            failed = known ? json_add_uint(one, totals[i].name, value) : json_add(one, totals[i].name, NULL);
        }
    }
    for (size_t i = 0; i < SECTIONS && !failed; i++)
        failed = section_json(&sections[i], object);
    const char *text =
        failed ? NULL : json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (text)
        puts(text);
    json_object_put(object);
    return text ? 0 : -ENOMEM;
}

/* The JSON of a trace's report, as far as diff needs it. 0, -EIO (damaged: read as far as it goes), or a negative errno. */
static int read_trace(const char *path, json_object **out, struct ga_error *error)
{
    static const char *const names[] = {"size", "surface", "calls", "thread", "leaks", "churn", "va", "latency"};
    const struct analysis *chosen[PAGE_ANALYSES_MAX];
    struct analysis_run run = {.from_ns = INT64_MIN, .to_ns = INT64_MAX};
    int read = analysis_run(&run, path, chosen, page_choose(chosen, names, sizeof names / sizeof *names), error);
    int result = read < 0 && read != -EIO ? read : 0;
    if (!result && (!(*out = json_object_new_object()) || json_add_string(*out, "trace", path) || analysis_set_json(run.set, *out)))
        result = ga_error_errno(error, ENOMEM, "%s", path);
    analysis_run_end(&run);
    return result ? result : read;
}

static int run_diff(int argc, char **argv)
{
    (void)argc;
    json_object *traces[SIDES] = {NULL, NULL};
    struct ga_error errors[SIDES] = {{""}, {""}};
    int status = GA_EXIT_OK, result = 0;
    for (size_t side = 0; side < SIDES && (!result || result == -EIO); side++) {
        result = read_trace(argv[side], &traces[side], &errors[side]);
        if (result < 0) {
            ga_error_print("diff", &errors[side]);
            status = GA_EXIT_FAILURE;
        }
    }
    result = traces[0] && traces[1] ? note_unnamed(traces) : -EINVAL;
    for (size_t i = 0; i < SECTIONS && !result; i++)
        result = compare_section(&sections[i], traces);
    struct analysis_output out = {.file = stdout, .colour = page_in_colour(), .top = top ? top : TOP};
    if (!result && as_json)
        result = print_json(traces);
    else if (!result)
        print_text(traces, &out);
    struct ga_error error = {""};
    if (result == -ENOMEM)
        ga_error_errno(&error, ENOMEM, "%s", argv[1]);
    else if (!result && (fflush(stdout) != 0 || ferror(stdout)))
        ga_error_errno(&error, EIO, "standard output");
    if (*error.text)
        ga_error_print("diff", &error);
    for (size_t i = 0; i < SECTIONS; i++) {
        for (size_t e = 0; e < sections[i].count; e++)
            free(sections[i].entries[e].name);
        free(sections[i].entries);
    }
    ga_map_release(&unnamed[0]);
    ga_map_release(&unnamed[1]);
    json_object_put(traces[0]);
    json_object_put(traces[1]);
    return *error.text ? GA_EXIT_FAILURE : status;
}

static const struct ga_option options[] = {
    {"top", 'n', GA_OPTION_COUNT, "N", "rows of each table, at most (8)", &top, NULL},
    {"json", 0, GA_OPTION_FLAG, NULL, "print JSON, all rows (see docs/report.md)", &as_json, NULL},
    {NULL},
};

const struct ga_verb verb_diff = {
    .name = "diff",
    .summary = "Says what grew, shrank, appeared and vanished between two traces",
    .synopsis = "[--top N] [--json] BEFORE NOW",
    .description =
        "Totals first, then what differs by surface, size class, kind of call and thread, the largest change first. Times\n"
        "alone make no difference. Surfaces are matched by the names that the program gave them, or by their addresses where\n"
        "both traces have the same; threads by their process's place and their own. The exit status is 0 whether or not\n"
        "something differs, 1 when a trace cannot be read or is damaged.",
    .options = options,
    .min_args = 2,
    .max_args = 2,
    .run = run_diff,
};
