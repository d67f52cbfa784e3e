/*
 * Writes a trace as LTTng-UST 2.13 writes ours: CTF 1.8, the same packet and event headers, the same fields. For tests and
 * benchmarks; tests/e2e/made-trace.sh holds it against LTTng.
 */
#ifndef GPUALLOC_TRACE_CTF_H
#define GPUALLOC_TRACE_CTF_H

#include "base/error.h"
#include "schema/records.h"

struct ctf_options {
    unsigned streams;     /* one a CPU, at least 1 */
    uint32_t packet_size; /* bytes, a multiple of 4096; 0: 1 MiB */
    int64_t clock_offset; /* ns from the trace's clock to the epoch */
    bool compact;         /* the short event headers that LTTng-UST keeps for channels of few event types */
    uint64_t seed;        /* of the trace's uuid */
    const char *name;     /* of the session; null: "made" */
    bool used_only;       /* the metadata describes the events that were written; LTTng describes all */
    uint64_t packets_before, discarded_before; /* a later chunk of a rotated trace goes on counting */
};

struct ctf;

/* Makes path/ust/uid/0/64-bit; the folder must not be there yet. 0 or a negative errno. */
int ctf_create(struct ctf **ctf, const char *path, const struct ctf_options *options, struct ga_error *error);
/* Writes an event. Ticks must not fall within a stream. 0 or a negative errno. */
int ctf_write(struct ctf *ctf, unsigned stream, uint64_t ticks, const struct ga_row *row, const void *record,
              struct ga_error *error);
/* Counts events that were discarded before the stream's next packet, and begins one. */
int ctf_discard(struct ctf *ctf, unsigned stream, uint64_t count, struct ga_error *error);
/* Skips packet numbers, as when packets were overwritten. */
int ctf_discard_packets(struct ctf *ctf, unsigned stream, uint64_t count, struct ga_error *error);
/* Writes out what is held, and the metadata. cut: bytes taken off the end of the first stream. Frees ctf in any case. */
int ctf_finish(struct ctf *ctf, uint64_t cut, struct ga_error *error);

#endif
