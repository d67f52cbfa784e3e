/* JSON whose lists are made while they are written. */
#include "deferred.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FLAGS = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE };

struct deferred {
    size_t count;
    deferred_fill *fill;
    _Alignas(max_align_t) char context[];
};

static void deferred_free(json_object *array, void *deferred)
{
    (void)array;
    free(deferred);
}

json_object *deferred_list(const void *context, size_t size, size_t count, deferred_fill *fill)
{
    struct deferred *deferred = malloc(sizeof *deferred + size);
    json_object *array = deferred ? json_object_new_array_ext(1) : NULL;
    if (!array) {
        free(deferred);
        return NULL;
    }
    deferred->count = count;
    deferred->fill = fill;
    memcpy(deferred->context, context, size);
    json_object_set_userdata(array, deferred, deferred_free);
    return array;
}

/* How a deferred list makes its elements; null: any other value. */
static const struct deferred *deferred_of(json_object *value)
{
    return json_object_is_type(value, json_type_array) ? json_object_get_userdata(value) : NULL;
}

/* Null: out of memory. */
static json_object *element_make(const struct deferred *deferred, size_t i)
{
    json_object *object = json_object_new_object();
    if (object && !deferred->fill(deferred->context, i, object))
        return object;
    json_object_put(object);
    return NULL;
}

/* Writing: `{`, `"name":value,` a line each, `}`. */

static void line_begin(FILE *file, size_t place, unsigned level)
{
    fprintf(file, "%s\n%*s", place ? "," : "", (int)(2 * level), "");
}

static void line_end(FILE *file, unsigned level, char bracket)
{
    fprintf(file, "\n%*s%c", (int)(2 * level), "", bracket);
}

static int write_value(json_object *value, FILE *file, unsigned level);

static int write_scalar(json_object *value, FILE *file)
{
    const char *text = json_object_to_json_string_ext(value, FLAGS);
    if (!text)
        return -ENOMEM;
    fputs(text, file);
    return 0;
}

static int write_object(json_object *object, FILE *file, unsigned level)
{
    size_t place = 0;
    int result = 0;
    fputc('{', file);
    json_object_object_foreach(object, name, member) {
        json_object *quoted = json_object_new_string(name);
        line_begin(file, place++, level + 1);
        result = result ? result : quoted ? write_scalar(quoted, file) : -ENOMEM;
        json_object_put(quoted);
        fputc(':', file);
        result = result ? result : write_value(member, file, level + 1);
    }
    line_end(file, level, '}');
    return result;
}

static int write_array(json_object *array, FILE *file, unsigned level)
{
    const struct deferred *deferred = deferred_of(array);
    size_t count = deferred ? deferred->count : json_object_array_length(array);
    int result = 0;
    fputc('[', file);
    for (size_t i = 0; i < count && !result; i++) {
        json_object *element = deferred ? element_make(deferred, i) : json_object_array_get_idx(array, i);
        line_begin(file, i, level + 1);
        result = deferred && !element ? -ENOMEM : write_value(element, file, level + 1);
        if (deferred)
            json_object_put(element);
    }
    line_end(file, level, ']');
    return result;
}

static int write_value(json_object *value, FILE *file, unsigned level)
{
    switch (json_object_get_type(value)) {
    case json_type_object:
        return write_object(value, file, level);
    case json_type_array:
        return write_array(value, file, level);
    case json_type_int:
        if (json_object_get_int64(value) < 0)
            fprintf(file, "%" PRId64, json_object_get_int64(value));
        else
            fprintf(file, "%" PRIu64, json_object_get_uint64(value));
        return 0;
    default:
        return write_scalar(value, file);
    }
}

int deferred_write(json_object *value, FILE *file)
{
    int result = write_value(value, file, 0);
    fputc('\n', file);
    return result;
}

/* Making. */

static int make_list(json_object *array, const struct deferred *deferred)
{
    for (size_t i = 0; i < deferred->count; i++) {
        json_object *element = element_make(deferred, i);
        if (!element || json_object_array_add(array, element)) {
            json_object_put(element);
            return -ENOMEM;
        }
    }
    json_object_set_userdata(array, NULL, NULL); /* frees it */
    return 0;
}

int deferred_make(json_object *value)
{
    const struct deferred *deferred = deferred_of(value);
    int result = deferred ? make_list(value, deferred) : 0;
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value) && !result; i++)
            result = deferred_make(json_object_array_get_idx(value, i));
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member) {
            (void)name;
            result = result ? result : deferred_make(member);
        }
    }
    return result;
}
