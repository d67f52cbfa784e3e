/*
 * What pictures call things: processes, devices, and the surfaces that allocations belong to. Text of the trace, as clean UTF-8 and
 * cut to LABEL_MAX bytes; how it is written into a file (HTML, XML, JSON) is for whoever writes it.
 */
#ifndef GPUALLOC_ANALYZER_LABELS_H
#define GPUALLOC_ANALYZER_LABELS_H

#include "base/map.h"
#include "reader/lives.h"

enum {
    LABEL_MAX = 256,       /* bytes of one, without its end */
    LABELS_MAX = 1 << 18,  /* distinct ones, at most; later ones are the empty one */
};

/* Of zeros: empty. Label 0 is "". */
struct labels {
    struct ga_map index; /* hash of 128 bits to the number */
    char **texts;        /* by number */
    size_t count, room;
    struct ga_map surfaces;  /* (hPrivateRuntimeResourceHandle, process): label of the name that it has, or had last */
    struct ga_map processes; /* (process, 0): label of "program (pid)" */
    struct ga_map programs;  /* (process, 0): label of the program's name alone */
    struct ga_map drivers;   /* (process, 0): label of the driver of its D3DKMT device */
    struct ga_map devices;   /* (device, 1 for DRM): label */
};

void labels_release(struct labels *labels);
/* The number of a text, made if it is new. 0 or -ENOMEM. */
int labels_get(struct labels *labels, const char *text, uint32_t *label);
const char *labels_text(const struct labels *labels, uint32_t label);

/* Feed every event of a reader. 0 or -ENOMEM. */
int labels_event(struct labels *labels, const struct ga_row *row, const void *record);
/* "kmscube (1234)", and "kmscube"; "process (1234)" when its event was lost. */
int labels_process(struct labels *labels, uint64_t process, uint32_t pid, uint32_t *label, uint32_t *program);
/* "amdgpu card0", "softgpu 0:1". */
int labels_device(struct labels *labels, const struct ga_life *life, uint32_t *label);
/* The name that the program gave to what an allocation belongs to; 0: it gave none. Its address is life->surface, 0 on DRM. */
int labels_surface_name(struct labels *labels, const struct ga_life *life, uint32_t *label);
/* "0x7f01 shadow map", "0x7f01", "shadow map"; "unnamed buffer", "no surface". */
void labels_surface_text(const struct labels *labels, bool d3dkmt, uint64_t surface, uint32_t name, char *text, size_t size);

/* Size classes: powers of four from 4 KiB, as report's; the last but one is "> 4 GiB", the last "unknown". */
enum { SIZE_CLASSES = 13 };
unsigned size_class_of(const struct ga_life *life);
const char *size_class_text(unsigned size_class);

#endif
