/* Threads of the trace: gaps in call numbers, and elements that wait for their call. */
#include "threads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Calls of one thread that can be open at once: signal handlers in signal handlers. What is older has lost its call. */
enum { PENDING_MAX = 8 };

static void pending_destroy(struct pending *pending)
{
    while (pending) {
        struct pending *next = pending->next;
        for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX; i++)
            free(pending->lists[i].records);
        free(pending);
        pending = next;
    }
}

void threads_release(struct threads *threads)
{
    for (struct thread_page *page = threads->pages, *next; page; page = next) {
        next = page->following;
        for (unsigned at = 0; at < THREAD_PAGE; at++)
            pending_destroy(page->pending[at]);
        free(page);
    }
    for (struct process *process = threads->processes, *next; process; process = next) {
        next = process->next;
        free(process->info.program);
        free(process->info.command_line);
        free(process->info.kernel);
        free(process->info.tracer);
        free(process->info.recording);
        free(process);
    }
    pending_destroy(threads->spare);
    ga_map_release(&threads->process_index);
    ga_map_release(&threads->page_index);
    *threads = (struct threads){0};
}

struct process *threads_process(struct threads *threads, uint64_t id)
{
    const uint64_t *found = ga_map_get(&threads->process_index, id, 0);
    if (found)
        return (struct process *)(uintptr_t)*found;
    struct process *process = calloc(1, sizeof *process);
    if (!process || ga_map_set(&threads->process_index, id, 0, (uintptr_t)process) < 0) {
        free(process);
        return NULL;
    }
    process->info.process = id;
    process->next = threads->processes;
    return threads->processes = process;
}

static struct thread_page *page_create(struct threads *threads, uint64_t id, uint32_t ordinal)
{
    struct process *process = threads_process(threads, id);
    struct thread_page *page = process ? calloc(1, sizeof *page) : NULL;
    if (!page || ga_map_set(&threads->page_index, id, ordinal >> THREAD_PAGE_BITS, (uintptr_t)page) < 0) {
        free(page);
        return NULL;
    }
    page->process = process;
    page->following = threads->pages;
    return threads->pages = page;
}

const struct thread *threads_get(struct threads *threads, uint64_t process, uint32_t ordinal)
{
    struct thread *last = &threads->last;
    if (last->page && last->ordinal == ordinal && last->page->process->info.process == process)
        return last;
    const uint64_t *found = ga_map_get(&threads->page_index, process, ordinal >> THREAD_PAGE_BITS);
    struct thread_page *page = found ? (struct thread_page *)(uintptr_t)*found : page_create(threads, process, ordinal);
    *last = (struct thread){page, ordinal & (THREAD_PAGE - 1), ordinal};
    return page ? last : NULL;
}

/* The first call of a thread counts from 1 when the process came up inside the trace. It did when it was announced beside the
   rundowns, each of which announces it once; and so did one of this recording. Otherwise calls before the session are no loss. */
static uint64_t first_of(const struct process *process, uint64_t call)
{
    return process->gapless || process->announcements > process->rundowns ? 1 : call;
}

int64_t thread_count_call(const struct thread *thread, uint64_t call)
{
    const struct process *process = thread->page->process;
    uint64_t *first = &thread->page->first[thread->at], *next = &thread->page->next[thread->at];
    uint32_t *missing = &thread->page->missing[thread->at];
    uint16_t rundowns = (uint16_t)process->rundowns;
    if (!*next)
        *first = *next = first_of(process, call);
    else if (!process->gapless && thread->page->rundowns[thread->at] != rundowns && call > *next)
        *next = call; /* a session began again: what was called meanwhile was not lost */
    thread->page->rundowns[thread->at] = rundowns;
    if (call >= *next) {
        uint64_t gap = call - *next;
        *missing = gap > UINT32_MAX - *missing ? UINT32_MAX : *missing + (uint32_t)gap;
        *next = call + 1;
        return (int64_t)gap;
    }
    if (call < *first || !*missing)
        return 0;
    --*missing;
    return -1;
}

static struct pending *pending_get(struct threads *threads, const struct thread *thread, uint64_t call)
{
    struct pending **all = &thread->page->pending[thread->at], **oldest = all, *pending;
    unsigned count = 0;
    for (struct pending **link = all; *link; link = &(*link)->next, count++) {
        if ((*link)->call == call)
            return *link;
        oldest = link;
    }
    if (count == PENDING_MAX) { /* its call was lost */
        pending = *oldest;
        *oldest = NULL;
        threads_put(threads, pending);
    }
    pending = threads->spare;
    if (pending)
        threads->spare = pending->next;
    else if (!(pending = calloc(1, sizeof *pending)))
        return NULL;
    pending->call = call;
    pending->next = *all;
    return *all = pending;
}

static int list_reserve(struct element_list *list, uint32_t count)
{
    size_t size = (size_t)count * list->row->record_size;
    if (size <= list->capacity)
        return 0;
    size_t capacity = size < 1024 ? 1024 : size * 2;
    char *bigger = realloc(list->records, capacity);
    if (!bigger)
        return -ENOMEM;
    list->records = bigger;
    list->capacity = capacity;
    return 0;
}

int element_list_fill(struct element_list *list, const struct ga_row *row, uint32_t count)
{
    list->row = row;
    if (list_reserve(list, count) < 0)
        return -ENOMEM;
    if (count > list->count)
        memset(list->records + (size_t)list->count * row->record_size, 0, (size_t)(count - list->count) * row->record_size);
    list->count = count;
    return 0;
}

int threads_add_element(struct threads *threads, const struct thread *thread, const struct ga_row *row,
                        const struct ga_element_header *element)
{
    if (element->index >= GA_ELEMENTS_MAX)
        return 0; /* no writer of ours */
    struct pending *pending = pending_get(threads, thread, element->call);
    if (!pending)
        return -ENOMEM;
    struct element_list *list = pending->lists;
    while (list->row && list->row != row)
        if (++list == pending->lists + GA_CALL_ELEMENTS_MAX)
            return 0;
    list->row = row;
    if (element->index >= list->count) {
        if (element_list_fill(list, row, element->index + 1) < 0)
            return -ENOMEM;
        list->present++;
    }
    memcpy(list->records + (size_t)element->index * row->record_size, element, row->record_size);
    return 0;
}

struct pending *thread_take(const struct thread *thread, uint64_t call)
{
    for (struct pending **link = &thread->page->pending[thread->at]; *link; link = &(*link)->next)
        if ((*link)->call == call) {
            struct pending *pending = *link;
            *link = pending->next;
            return pending;
        }
    return NULL;
}

void threads_put(struct threads *threads, struct pending *pending)
{
    if (!pending)
        return;
    for (size_t i = 0; i < GA_CALL_ELEMENTS_MAX; i++) {
        struct element_list *list = &pending->lists[i];
        *list = (struct element_list){.records = list->records, .capacity = list->capacity};
    }
    pending->next = threads->spare;
    threads->spare = pending;
}
