/* Errors: one line for people beside a negative errno. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ga_error_set(struct ga_error *error, int errnum, const char *format, ...)
{
    if (error) {
        va_list list;
        va_start(list, format);
        vsnprintf(error->text, sizeof error->text, format, list);
        va_end(list);
    }
    return -errnum;
}

int ga_error_errno(struct ga_error *error, int errnum, const char *format, ...)
{
    if (error) {
        va_list list;
        va_start(list, format);
        vsnprintf(error->text, sizeof error->text, format, list);
        va_end(list);
        size_t used = strlen(error->text);
        char buffer[128];
        snprintf(error->text + used, sizeof error->text - used, ": %s", strerror_r(errnum, buffer, sizeof buffer));
    }
    return -errnum;
}

int ga_error_prefix(struct ga_error *error, int result, const char *format, ...)
{
    if (error) {
        struct ga_error inner = *error;
        va_list list;
        va_start(list, format);
        vsnprintf(error->text, sizeof error->text, format, list);
        va_end(list);
        size_t used = strlen(error->text);
        snprintf(error->text + used, sizeof error->text - used, ": %s", inner.text);
    }
    return result;
}

void ga_error_print(const char *verb, const struct ga_error *error)
{
    fprintf(stderr, "gpualloc%s%s: %s\n", verb ? " " : "", verb ? verb : "", error->text);
}
