/* Choosing analyses, and printing them as a page of text or as JSON (docs/report-json.md). */
#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deferred.h"

enum { SCHEMA_VERSION = 1, TOP = 8, TOP_OF_ONE = 30 };

bool page_in_colour(void)
{
    const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && !(terminal && strcmp(terminal, "dumb") == 0);
}

static bool is_named(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(name, names[i]))
            return true;
    return !count || !strcmp(name, "summary");
}

size_t page_choose(const struct analysis **chosen, const char *const *names, size_t count)
{
    size_t chosen_count = 0;
    for (const struct analysis *const *analysis = analysis_table(); *analysis && chosen_count < PAGE_ANALYSES_MAX; analysis++)
        if (is_named((*analysis)->name, names, count))
            chosen[chosen_count++] = *analysis;
    return chosen_count;
}

static int print_json(const struct analysis_set *set, const struct analysis_trace *trace, FILE *file)
{
    json_object *object = json_object_new_object();
    int result = -ENOMEM;
    if (object && json_object_object_add(object, "schema_version", json_object_new_int(SCHEMA_VERSION)) == 0 &&
        json_object_object_add(object, "trace", json_object_new_string(trace->path)) == 0)
        result = analysis_set_json_deferred(set, object);
    if (result >= 0)
        result = deferred_write(object, file);
    json_object_put(object);
    return result;
}

int page_print(const struct analysis_set *set, const struct analysis_trace *trace, const struct page_options *options)
{
    bool few = analysis_set_count(set) <= 2; /* the summary and one more */
    struct analysis_output out = {options->file, options->colour, options->top ? options->top : few ? TOP_OF_ONE : TOP, trace};
    int result = 0;
    if (options->json)
        result = print_json(set, trace, options->file);
    else
        analysis_set_text(set, &out);
    if (result >= 0 && (fflush(options->file) != 0 || ferror(options->file)))
        result = -EIO;
    return result;
}
