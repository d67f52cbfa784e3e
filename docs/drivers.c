/* Prints docs/drivers.md from the schema's tables and the backends. `cmake --build build --target drivers-doc` writes it anew. */
#include <stdio.h>
#include <string.h>

#include "replayer/backend.h"
#include "replayer/objects.h"
#include "replayer/placement.h"

/* Drivers that a virtual machine has (tests/vm). Every driver with a table has a fake device (tests/fake/drivers). */
static const char *const in_machines[] = {"virtio_gpu", "radeon", "qxl", "dma_heap", "udmabuf", NULL};

static const char by_machines[] = "; VM: making, mapping, sharing and closing buffers";

static bool is_one_of(const char *const *names, const char *name)
{
    while (names && *names && strcmp(*names, name) != 0)
        names++;
    return names && *names;
}

static bool has_backend(const char *driver)
{
    for (const struct replay_backend *const *backend = replay_backends; *backend; backend++)
        if (is_one_of((*backend)->drivers, driver))
            return true;
    return false;
}

static const char *replayed(const struct ga_row *row)
{
    switch (replay_row_never(row)) {
    case REPLAY_ISSUED:
        break;
    case REPLAY_SKIP_COMMANDS:
        return "never: commands";
    case REPLAY_SKIP_QUESTION:
        return "never: asks, makes nothing";
    case REPLAY_SKIP_NO_COUNTERPART:
        return "never: only its own driver";
    case REPLAY_SKIP_NOT_YET:
        return "not yet";
    default:
        return "never: its end is not in the replay";
    }
    if (!*row->driver || has_backend(row->driver) || ga_row_is_of_heap(row))
        return "as recorded";
    switch (row->effect.kind) {
    case GA_EFFECT_CREATE:
    case GA_EFFECT_MAP:
    case GA_EFFECT_DESTROY:
        return "translated";
    default:
        return "never: only its own driver";
    }
}

/* The members, those of elements in braces behind the array's name. */
static void print_members(const struct ga_row *row)
{
    const char *before = "";
    for (const struct ga_member *member = row->members(); member->name; member++, before = ", ") {
        printf("%s%s", before, member->path);
        if (member->kind != GA_ELEMENTS)
            continue;
        printf(" {");
        print_members(&ga_rows[member->element]);
        printf("}");
    }
}

static void print_driver(const char *driver)
{
    if (*driver)
        printf("\n## %s\nTested on: fake%s.\n", driver, is_one_of(in_machines, driver) ? by_machines : "");
    else
        printf("\n## Every driver (DRM core)\nTested on: fake%s.\n", by_machines);
    puts("\n| request | captured members | replayed |\n|---|---|---|");
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        if (row->kind != GA_ROW_CALL || !ga_row_is_drm(row) || strcmp(row->driver, driver) != 0)
            continue;
        printf("| `%s` | ", row->request);
        print_members(row);
        printf(" | %s |\n", replayed(row));
    }
}

/* The drivers in whose own creates another driver's are issued. */
static void print_dialects(void)
{
    const char *before = "";
    for (const struct replay_backend *const *backend = replay_backends; *backend; backend++)
        for (const char *const *driver = (*backend)->drivers; driver && *driver; driver++)
            if (replay_dialect_of(*driver)) {
                printf("%s%s", before, *driver);
                before = ", ";
            }
    puts(".");
}

int main(void)
{
    puts("# DRM drivers\n\n"
         "Generated from `common/schema/drivers/*.def` and the replay backends; do not edit. What members mean:\n"
         "[events.md](events.md). Requests that are not listed are counted by driver and number, and named by `gpualloc info`.\n\n"
         "Replayed: *as recorded* on the same driver. On a device of another driver creates and their maps are issued as dumb\n"
         "buffers, or translated to that driver's own by size and placement class, if it is one of these:");
    print_dialects();
    puts("*Translated* alone: the recorded driver has no backend; its ends of buffers become GEM_CLOSE, and what *only its own\n"
         "driver* knows has no counterpart. *Never* and *not yet*: skipped, and counted by that reason. See\n"
         "[replay.md](replay.md#modes).\n\n"
         "Tested on: *fake*, a device of tests/fake that rejects what the kernel rejects; *VM*, the kernel's driver in a virtual\n"
         "machine; no driver has been tested on hardware.");
    const char *driver = NULL;
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        if (!ga_row_is_drm(row) || (driver && strcmp(driver, row->driver) == 0))
            continue;
        driver = row->driver;
        print_driver(driver);
    }
    return 0;
}
