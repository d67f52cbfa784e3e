/*
 * Threads of the trace: the gaps in their call numbers, and the elements that wait for their call.
 *
 * A call's number is taken at its entry, its event is sent at its end: calls that a signal handler made in between have higher
 * numbers and come first, also between the elements of the interrupted call and its own event.
 */
#ifndef GPUALLOC_READER_THREADS_H
#define GPUALLOC_READER_THREADS_H

#include "base/map.h"
#include "reader/reader.h"

/* What is known of a process instance. The public part comes first. */
struct process {
    struct ga_process_info info;
    bool known;                       /* its gpualloc:process came */
    bool foreign;                     /* of another recording */
    bool gapless;                     /* of this recording, and its calls have numbers while LTTng does not hear it, too */
    uint32_t announcements, rundowns; /* gpualloc:process and rundown_begin events */
    struct process *next;
};

/* The elements of one row that a call has sent so far. */
struct element_list {
    const struct ga_row *row; /* null: unused */
    char *records;            /* by index; ones that were lost are zeros */
    size_t capacity;          /* bytes */
    uint32_t count, present;  /* highest index + 1; those that came */
};

struct pending {
    uint64_t call;
    struct element_list lists[GA_CALL_ELEMENTS_MAX];
    struct pending *next;
};

/* Threads of a process whose ordinals are next to each other. A trace may have millions of threads. */
enum { THREAD_PAGE_BITS = 4, THREAD_PAGE = 1 << THREAD_PAGE_BITS };
struct thread_page {
    struct process *process;
    struct thread_page *following;
    uint64_t first[THREAD_PAGE], next[THREAD_PAGE]; /* lowest number that counts; the number after the highest seen, 0: none seen */
    struct pending *pending[THREAD_PAGE];
    uint32_t missing[THREAD_PAGE];                  /* numbers between them that have not come, as far as 32 bits tell */
    uint16_t rundowns[THREAD_PAGE];                 /* lowest bits of the process's, when its last call came */
};

struct thread {
    struct thread_page *page;
    unsigned at; /* in it */
    uint32_t ordinal;
};

struct threads {
    struct ga_map process_index, page_index; /* addresses; pages by process and the ordinals' upper bits */
    struct process *processes;
    struct thread_page *pages;
    struct thread last; /* the one asked for before, mostly asked for again */
    struct pending *spare;
};

void threads_release(struct threads *threads);
/* The process, made when it is new; null when memory is short. It lives as long as threads. */
struct process *threads_process(struct threads *threads, uint64_t process);
/* Likewise a thread, valid until the next is asked for. */
const struct thread *threads_get(struct threads *threads, uint64_t process, uint32_t ordinal);
/* Notes the number of a call that came; how many more calls are missing now (negative: a late one came). */
int64_t thread_count_call(const struct thread *thread, uint64_t call);
/* Keeps an element for its call: 0 or -ENOMEM. */
int threads_add_element(struct threads *threads, const struct thread *thread, const struct ga_row *row,
                        const struct ga_element_header *element);
/* Takes what waits for a call, or null. Give it back with threads_put. */
struct pending *thread_take(const struct thread *thread, uint64_t call);
void threads_put(struct threads *threads, struct pending *pending);
/* Makes a list as long as the call says it is, the missing ones zeros: 0 or -ENOMEM. */
int element_list_fill(struct element_list *list, const struct ga_row *row, uint32_t count);

#endif
