/*
 * The walk over a call: which of its members are shown, under which names. Formats (jsonl, text) say how.
 *
 * A member that is both input and output has its input under its name and its output under NAME_out, an echo only when it
 * changed; outputs of a failed call, inactive arms of unions and members beyond the structure as passed are absent. Nested
 * structures and arrays are told as such from the members' paths.
 */
#ifndef GPUALLOC_LIST_WALK_H
#define GPUALLOC_LIST_WALK_H

#include "reader/reader.h"

/* A name in the output: name (length bytes), then suffix. A null name: an entry of an array. */
struct walk_key {
    const char *name, *suffix;
    size_t length;
};

/* What a walk tells, in order. All are required. */
struct walk_ops {
    void (*integer)(void *user, struct walk_key key, const struct ga_member *member, uint64_t value);
    /* Private data: hash may be a state (enum ga_blob_state). */
    void (*blob)(void *user, struct walk_key key, uint64_t hash);
    /* Integers, member->entry bytes each. */
    void (*words)(void *user, struct walk_key key, const struct ga_member *member, const void *words, uint32_t count);
    void (*null)(void *user, struct walk_key key);
    void (*text)(void *user, struct walk_key key, const char *text);
    /* bracket: '{' or '['; close gets its partner. */
    void (*open)(void *user, struct walk_key key, char bracket);
    void (*close)(void *user, char bracket);
};

struct walk;

/* 0 or -ENOMEM. */
int walk_create(struct walk **walk, const struct walk_ops *ops, void *user);
/* Null is fine. */
void walk_destroy(struct walk *walk);
/* The members of a call with its elements. 0 or -ENOMEM. */
int walk_call(struct walk *walk, const struct ga_call *call);

#endif
