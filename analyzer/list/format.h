/* Formats of list: how one call is written. A format is a file ending in a const table. */
#ifndef GPUALLOC_LIST_FORMAT_H
#define GPUALLOC_LIST_FORMAT_H

#include "analyzer/list/walk.h"
#include "analyzer/list/writer.h"
#include "reader/mappings.h"

enum list_blobs { LIST_BLOBS_HEX, LIST_BLOBS_HASH, LIST_BLOBS_NONE };

struct list {
    struct writer writer;
    struct walk *walk;
    struct ga_reader *reader;
    enum list_blobs blobs;
    struct ga_mappings mappings;
    uint32_t mapped_handle; /* GEM handle of the mapping that this call made, or 0 */
    bool u64_string; /* jsonl: 64-bit integers as decimal strings */
};

struct list_format {
    const char *name;
    /* Writes one line. 0 or a negative errno; errors of writing stay in the writer. */
    int (*call)(struct list *list, const struct ga_call *call);
    /* Writes an event that is no call. */
    void (*event)(struct list *list, const struct ga_row *row, const void *record, int64_t ns);
    struct walk_ops walk; /* user is the struct list */
};

extern const struct list_format list_format_text, list_format_jsonl;

/* Names of the set bits of a GA_FLAGS value, for each: put(user, name); what no name stands for comes back. */
uint64_t list_flag_names(const struct ga_member *member, uint64_t value, void (*put)(void *user, const char *name), void *user);
/* What the state of private data that could not be kept is called ("unreadable", "refused"); null for null, empty and kept. */
const char *list_blob_trouble(uint64_t hash);

#endif
