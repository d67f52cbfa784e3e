/* What pictures call things. */
#include "analyzer/labels.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/array.h"
#include "base/utf8.h"

void labels_release(struct labels *labels)
{
    for (size_t i = 1; i < labels->count; i++)
        free(labels->texts[i]);
    free(labels->texts);
    ga_map_release(&labels->index);
    ga_map_release(&labels->surfaces);
    ga_map_release(&labels->processes);
    ga_map_release(&labels->programs);
    ga_map_release(&labels->drivers);
    ga_map_release(&labels->devices);
    *labels = (struct labels){0};
}

const char *labels_text(const struct labels *labels, uint32_t label)
{
    return label && label < labels->count ? labels->texts[label] : "";
}

/* Clean, without control characters, cut between characters. Null: out of memory. */
static char *clean_copy(const char *text)
{
    char *clean = ga_utf8_clean(text);
    size_t length = clean ? strlen(clean) : 0;
    if (length > LABEL_MAX) {
        for (length = LABEL_MAX - 3; length && ((unsigned char)clean[length] & 0xc0) == 0x80;)
            length--;
        strcpy(clean + length, "…");
    }
    for (char *c = clean; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    return clean;
}

int labels_get(struct labels *labels, const char *text, uint32_t *label)
{
    *label = 0;
    if (!text || !*text)
        return 0;
    XXH128_hash_t hash = XXH3_128bits(text, strlen(text));
    const uint64_t *place = ga_map_get(&labels->index, hash.low64, hash.high64);
    if (place) {
        *label = (uint32_t)*place;
        return 0;
    }
    size_t count = labels->count ? labels->count : 1;
    if (count > LABELS_MAX)
        return 0;
    if (ga_array_room(&labels->texts, &labels->room, count + 1, sizeof *labels->texts) < 0)
        return -ENOMEM;
    labels->texts[0] = NULL;
    labels->texts[count] = clean_copy(text);
    if (!labels->texts[count] || ga_map_set(&labels->index, hash.low64, hash.high64, count) < 0) {
        free(labels->texts[count]);
        return -ENOMEM;
    }
    *label = (uint32_t)count;
    labels->count = count + 1;
    return 0;
}

/* A label in one of the maps. */
static int set(struct labels *labels, struct ga_map *map, uint64_t a, uint64_t b, const char *text, uint32_t *label)
{
    int result = labels_get(labels, text, label);
    return result < 0 ? result : ga_map_set(map, a, b, *label);
}

static int process_event(struct labels *labels, uint64_t process, uint32_t pid, const char *path, uint32_t *label, uint32_t *program)
{
    char text[LABEL_MAX];
    const char *name = path && *basename(path) ? basename(path) : "process";
    snprintf(text, sizeof text, "%.200s (%u)", name, pid);
    int result = set(labels, &labels->processes, process, 0, text, label);
    return result < 0 ? result : set(labels, &labels->programs, process, 0, name, program);
}

/* Names told as taken back were the surface's all the same. */
static int name_event(struct labels *labels, const struct ga_gpualloc_annotate_name *told)
{
    enum { SURFACE = 1 };
    uint32_t label;
    if (told->kind != SURFACE || !told->name || !*told->name || labels->surfaces.count >= LABELS_MAX)
        return 0;
    return set(labels, &labels->surfaces, told->handle, told->process, told->name, &label);
}

int labels_event(struct labels *labels, const struct ga_row *row, const void *record)
{
    uint32_t label, program;
    const struct ga_gpualloc_process *process = record;
    const struct ga_gpualloc_file *file = record;
    switch (ga_row_id(row)) {
    case GA_ROW_gpualloc_process:
        return process_event(labels, process->process, process->pid, process->program, &label, &program);
    case GA_ROW_gpualloc_file:
        if (file->driver && (!strcmp(file->driver, "dxg") || !strcmp(file->driver, "softgpu")))
            return set(labels, &labels->drivers, file->process, 0, file->driver, &label);
        return 0;
    case GA_ROW_gpualloc_annotate_name:
        return name_event(labels, record);
    default:
        return 0;
    }
}

int labels_process(struct labels *labels, uint64_t process, uint32_t pid, uint32_t *label, uint32_t *program)
{
    const uint64_t *place = ga_map_get(&labels->processes, process, 0), *name = ga_map_get(&labels->programs, process, 0);
    if (!place || !name)
        return process_event(labels, process, pid, NULL, label, program);
    *label = (uint32_t)*place;
    *program = (uint32_t)*name;
    return 0;
}

static void device_text(const struct labels *labels, const struct ga_life *life, char *text, size_t size)
{
    const uint64_t *driver = ga_map_get(&labels->drivers, life->process, 0);
    const char *name = driver ? labels_text(labels, (uint32_t)*driver) : "dxg";
    const struct ga_file_info *file = ga_life_file(life);
    if (file)
        snprintf(text, size, "%s %s", *file->driver ? file->driver : "drm", basename(file->path));
    else if (ga_row_is_drm(life->row))
        snprintf(text, size, "DRM node %u:%u", major(life->device), minor(life->device));
    else if (!life->device)
        snprintf(text, size, "%s, adapter not known", name);
    else
        snprintf(text, size, "%s %" PRIx64 ":%" PRIx64, name, life->device >> 32, life->device & UINT32_MAX);
}

int labels_device(struct labels *labels, const struct ga_life *life, uint32_t *label)
{
    const uint64_t *place = ga_map_get(&labels->devices, life->device, ga_row_is_drm(life->row));
    if (place) {
        *label = (uint32_t)*place;
        return 0;
    }
    char text[LABEL_MAX];
    device_text(labels, life, text, sizeof text);
    return set(labels, &labels->devices, life->device, ga_row_is_drm(life->row), text, label);
}

int labels_surface_name(struct labels *labels, const struct ga_life *life, uint32_t *label)
{
    if (!ga_row_is_d3dkmt(life->row))
        return labels_get(labels, ga_life_name(life), label);
    const uint64_t *place = ga_map_get(&labels->surfaces, life->surface, life->process);
    *label = place ? (uint32_t)*place : 0;
    return 0;
}

void labels_surface_text(const struct labels *labels, bool d3dkmt, uint64_t surface, uint32_t name, char *text, size_t size)
{
    if (!d3dkmt)
        snprintf(text, size, "%s", name ? labels_text(labels, name) : "unnamed buffer");
    else if (!surface && !name)
        snprintf(text, size, "no surface");
    else
        snprintf(text, size, "0x%" PRIx64 "%s%s", surface, name ? " " : "", labels_text(labels, name));
}

enum { SMALLEST_BITS = 12, LARGEST_BITS = 32 };

unsigned size_class_of(const struct ga_life *life)
{
    if (life->origin == GA_SIZE_UNKNOWN)
        return SIZE_CLASSES - 1;
    unsigned size_class = 0;
    while (size_class < SIZE_CLASSES - 2 && life->size > 1ULL << (SMALLEST_BITS + 2 * size_class))
        size_class++;
    return size_class;
}

const char *size_class_text(unsigned size_class)
{
    static const char *const texts[SIZE_CLASSES] = {"≤ 4 KiB", "≤ 16 KiB", "≤ 64 KiB",  "≤ 256 KiB", "≤ 1 MiB", "≤ 4 MiB", "≤ 16 MiB",
                                                    "≤ 64 MiB", "≤ 256 MiB", "≤ 1 GiB", "≤ 4 GiB",   "> 4 GiB", "size unknown"};
    return texts[size_class];
}
