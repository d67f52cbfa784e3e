/* For tests that hold the ABI headers and the schema against the published layouts in tests/data. One program includes it once. */
#ifndef GPUALLOC_TEST_PUBLISHED_H
#define GPUALLOC_TEST_PUBLISHED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/schema.h"

struct published_member {
    char path[96];
    size_t offset, size;
    int bit, bits; /* bits 0: no bit field */
};

struct published {
    char name[64];
    size_t size, count;
    struct published_member members[80];
};

static struct published structures[512];
static size_t structure_count;

static void read_lines(const char *path, void (*take)(const char *line))
{
    char line[512];
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s: cannot be opened", path);
    while (fgets(line, sizeof line, file))
        if (line[0] != '#' && line[0] != '\n')
            take(line);
    fclose(file);
}

static void take_layout(const char *line)
{
    if (line[0] != '\t') {
        assert_true(structure_count < sizeof structures / sizeof *structures);
        struct published *structure = &structures[structure_count++];
        assert_int_equal(sscanf(line, "%*[a-z]\t%63s\t%zu", structure->name, &structure->size), 2);
        return;
    }
    struct published *structure = &structures[structure_count - 1];
    assert_true(structure->count < sizeof structure->members / sizeof *structure->members);
    struct published_member *member = &structure->members[structure->count++];
    int fields = sscanf(line, "\t%95s\t%zu\tbit %d:%d", member->path, &member->offset, &member->bit, &member->bits);
    if (fields != 4)
        assert_int_equal(sscanf(line, "\t%95s\t%zu\t%zu", member->path, &member->offset, &member->size), 3);
}

/* A request: the thunk's or the ioctl's name, its structure, number, size, and the whole value. */
struct published_request {
    char name[64], structure[64];
    unsigned number;
    size_t size;
    unsigned long request;
};

static struct published_request requests[256];
static size_t request_count;

static void take_request(const char *line)
{
    assert_true(request_count < sizeof requests / sizeof *requests);
    struct published_request *request = &requests[request_count++];
    assert_int_equal(sscanf(line, "%63s\t%x\t%63s\t%zu\t%lx", request->name, &request->number, request->structure,
                            &request->size, &request->request),
                     5);
}

static const struct published *find_structure(const char *name)
{
    for (size_t i = 0; i < structure_count; i++)
        if (strcmp(structures[i].name, name) == 0)
            return &structures[i];
    return NULL;
}

static const struct published_member *find_member(const struct published *structure, const char *path)
{
    for (size_t i = 0; i < structure->count; i++)
        if (strcmp(structure->members[i].path, path) == 0)
            return &structure->members[i];
    return NULL;
}

/* Bytes of a member in the structure. */
static size_t bytes_of(const struct ga_member *member)
{
    return member->room ? (size_t)member->room * member->entry : member->width;
}

/* Whether members of the row lie over every byte of a published member. */
static bool row_has(const struct ga_row *row, const struct published_member *known)
{
    size_t end = known->offset + (known->bits ? 4 : known->size);
    for (size_t byte = known->offset; byte < end; byte++) {
        bool covered = false;
        for (const struct ga_member *member = row->members(); member->name; member++)
            covered |= (member->offset != GA_NONE && byte >= member->offset && byte < member->offset + bytes_of(member)) ||
                       (member->at && byte >= member->at && byte < (size_t)member->at + ga_rows[member->element].abi_size);
        if (!covered)
            return false;
    }
    return true;
}

#endif
