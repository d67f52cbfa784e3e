/*
 * JSON whose lists are made while they are written: a list of a million entries as a tree of json-c would take a thousand bytes an
 * entry. A deferred list is an empty array that knows how to make its elements, one at a time.
 */
#ifndef GPUALLOC_ANALYZER_DEFERRED_H
#define GPUALLOC_ANALYZER_DEFERRED_H

#include <json-c/json.h>
#include <stdio.h>

/* Fills the object that is element i. context: a copy of that given to deferred_list. 0, or -ENOMEM. */
typedef int deferred_fill(const void *context, size_t i, json_object *object);

/* An array of objects; what the context points to is borrowed until the array is written, made or gone. Null: out of memory. */
json_object *deferred_list(const void *context, size_t size, size_t count, deferred_fill *fill);
/* Writes a value and a newline, indented as json-c's pretty form; of deferred lists one element is in memory at a time. 0 or -ENOMEM;
   errors of the file stay with the file. */
int deferred_write(json_object *value, FILE *file);
/* Makes the elements of all deferred lists in a value: from then on it is as any other. 0 or -ENOMEM. */
int deferred_make(json_object *value);

#endif
