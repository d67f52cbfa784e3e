/* A program's own log of its calls; see rawlog.h. */
#include "rawlog.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct rawlog {
    FILE *file;
    pthread_mutex_t mutex;
};

struct block {
    char what[48];
    const unsigned char *address;
    size_t size;
    unsigned char *before;
};

struct rawlog_call {
    struct rawlog *log;
    const char *name;
    struct block *blocks; /* the first is the structure */
    size_t count, capacity;
};

struct rawlog *rawlog_open(const char *path)
{
    struct rawlog *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->file = fopen(path, "we");
    if (!log->file) {
        free(log);
        return NULL;
    }
    pthread_mutex_init(&log->mutex, NULL);
    return log;
}

int rawlog_close(struct rawlog *log)
{
    if (!log)
        return 0;
    int failed = ferror(log->file);
    failed |= fclose(log->file);
    pthread_mutex_destroy(&log->mutex);
    free(log);
    return failed ? -1 : 0;
}

static void *must(void *memory)
{
    if (!memory) {
        fputs("out of memory for the log\n", stderr);
        exit(1);
    }
    return memory;
}

struct rawlog_call *rawlog_before(struct rawlog *log, const char *name, const void *structure, size_t size)
{
    if (!log)
        return NULL;
    struct rawlog_call *call = must(calloc(1, sizeof *call));
    call->log = log;
    call->name = name;
    rawlog_memory(call, "", -1, structure, size);
    return call;
}

void rawlog_memory(struct rawlog_call *call, const char *what, int index, const void *address, size_t size)
{
    if (!call || !address)
        return;
    if (call->count == call->capacity) {
        call->capacity = call->capacity ? call->capacity * 2 : 8;
        call->blocks = must(realloc(call->blocks, call->capacity * sizeof *call->blocks));
    }
    struct block *block = &call->blocks[call->count++];
    *block = (struct block){.address = address, .size = size, .before = must(malloc(size + 1))};
    snprintf(block->what, sizeof block->what, index < 0 ? "%s" : "%s[%d]", what, index);
    memcpy(block->before, address, size);
}

static void print_hex(FILE *file, const char *key, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    fprintf(file, "\"%s\":\"", key);
    for (size_t i = 0; i < size; i++) {
        putc_unlocked(digits[bytes[i] >> 4], file);
        putc_unlocked(digits[bytes[i] & 15], file);
    }
    putc_unlocked('"', file);
}

static void print_block(FILE *file, const struct block *block)
{
    fprintf(file, "\"address\":%llu,", (unsigned long long)(uintptr_t)block->address);
    print_hex(file, "before", block->before, block->size);
    putc_unlocked(',', file);
    print_hex(file, "after", block->address, block->size);
}

void rawlog_after(struct rawlog_call *call, long ret, int error)
{
    if (!call)
        return;
    int kept = errno;
    FILE *file = call->log->file;
    pthread_mutex_lock(&call->log->mutex);
    fprintf(file, "{\"call\":\"%s\",\"tid\":%d,\"ret\":%ld,\"errno\":%d,", call->name, (int)gettid(), ret, error);
    print_block(file, &call->blocks[0]);
    fputs(",\"memory\":[", file);
    for (size_t i = 1; i < call->count; i++) {
        fprintf(file, "%s{\"what\":\"%s\",", i > 1 ? "," : "", call->blocks[i].what);
        print_block(file, &call->blocks[i]);
        putc_unlocked('}', file);
    }
    fputs("]}\n", file);
    pthread_mutex_unlock(&call->log->mutex);
    for (size_t i = 0; i < call->count; i++)
        free(call->blocks[i].before);
    free(call->blocks);
    free(call);
    errno = kept;
}
