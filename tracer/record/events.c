/* Event patterns to event names. */
#include "record/events.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_SIZE = 128, PATTERN_MAX_SIZE = 256 };

/* "provider:event" of each row, kept for LTTng. */
static char row_names[GA_ROW_COUNT][NAME_MAX_SIZE];

static const char *const everything[] = {"gpualloc:*", "d3dkmt:*", "drm:*"};

/* A row, and those of its elements. */
static void select_row(bool selected[GA_ROW_COUNT], size_t index)
{
    if (selected[index])
        return;
    selected[index] = true;
    for (const struct ga_member *member = ga_rows[index].members(); member->name; member++)
        if (member->kind == GA_ELEMENTS)
            select_row(selected, member->element);
}

static int select_pattern(bool selected[GA_ROW_COUNT], const char *pattern, size_t length, struct ga_error *error)
{
    char text[PATTERN_MAX_SIZE];
    snprintf(text, sizeof text, "%.*s", (int)length, pattern);
    bool found = false;
    for (size_t i = 0; i < GA_ROW_COUNT; i++)
        if (!fnmatch(text, row_names[i], 0)) {
            select_row(selected, i);
            found = true;
        }
    if (!found)
        return ga_error_set(error, EINVAL, "no event matches --events '%s'; names are like d3dkmt:create_allocation or drm:*", text);
    return 0;
}

int record_events_select(struct record_events *events, const struct ga_option_list *patterns, struct ga_error *error)
{
    bool selected[GA_ROW_COUNT] = {false};
    events->count = 0;
    events->all = !patterns->count;
    if (events->all) {
        for (size_t i = 0; i < sizeof everything / sizeof *everything; i++)
            events->names[events->count++] = everything[i];
        return 0;
    }
    for (size_t i = 0; i < GA_ROW_COUNT; i++)
        snprintf(row_names[i], sizeof row_names[i], "%s:%s", ga_rows[i].provider, ga_rows[i].event);
    for (size_t i = 0; i < patterns->count; i++)
        for (const char *at = patterns->items[i];;) {
            size_t length = strcspn(at, ",");
            int result = select_pattern(selected, at, length, error);
            if (result)
                return result;
            if (!*(at += length))
                break;
            at++;
        }
    events->names[events->count++] = everything[0];
    for (size_t i = 0; i < GA_ROW_COUNT; i++)
        if (selected[i] && strcmp(ga_rows[i].provider, "gpualloc"))
            events->names[events->count++] = row_names[i];
    return 0;
}
