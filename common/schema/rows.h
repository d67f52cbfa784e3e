/* enum ga_row_id: one number a row of the schema, GA_ROW_provider_event. Included by schema.h. */
#ifndef GPUALLOC_SCHEMA_ROWS_H
#define GPUALLOC_SCHEMA_ROWS_H

#define GA_JOIN_(a, b, c) a##b##_##c
#define GA_JOIN(a, b, c) GA_JOIN_(a, b, c)

#define FLAG_NAMES(...)
#define CALL(event, ...) GA_JOIN(GA_ROW_, GA_PROVIDER, event),
#define ELEMENT(event, ...) GA_JOIN(GA_ROW_, GA_PROVIDER, event),
#define EVENT(event, ...) GA_JOIN(GA_ROW_, GA_PROVIDER, event),
enum ga_row_id {
#include "schema/all.inc"
    GA_ROW_COUNT
};
#undef FLAG_NAMES
#undef CALL
#undef ELEMENT
#undef EVENT

#endif
