/* Processes that have the device open: see callers.h. */
#include "cuse/callers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct caller {
    struct caller *next;
    uint64_t start; /* as /proc/PID/stat has it */
    pid_t pid;      /* of the thread group */
    int tasks;      /* its folder of threads, opened by path */
    int place;
    unsigned opens;
};

static struct caller *callers;
static pthread_mutex_t callers_lock = PTHREAD_MUTEX_INITIALIZER; /* taken before the state's */

/* The number behind a name at the start of a line of /proc/THREAD/status; false when there is none. */
static bool read_status(pid_t thread, const char *name, int base, uint64_t *value)
{
    char path[32], line[256];
    size_t length = strlen(name);
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/status", thread);
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        found = strncmp(line, name, length) == 0;
        if (found)
            *value = strtoull(line + length, NULL, base);
    }
    if (file)
        fclose(file);
    return found;
}

/* When a process started, in clock ticks since boot; 0 when it is not there. */
static uint64_t start_time(pid_t pid)
{
    enum { START_TIME = 22, FIRST_BEHIND_NAME = 3 };
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    char *at = strrchr(text, ')'), *rest; /* the name before it may hold anything */
    char *word = at ? strtok_r(at + 1, " ", &rest) : NULL;
    for (int field = FIRST_BEHIND_NAME; word && field < START_TIME; field++)
        word = strtok_r(NULL, " ", &rest);
    return word ? strtoull(word, NULL, 10) : 0;
}

static struct caller *find(pid_t pid, uint64_t start)
{
    struct caller *caller = callers;
    while (caller && (caller->pid != pid || caller->start != start))
        caller = caller->next;
    return caller;
}

static int open_tasks(pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static bool is_alive(void *user, uint32_t pid, uint64_t start)
{
    (void)user;
    return start_time((pid_t)pid) == start;
}

/* A process that opens the device for the first time, into the table. */
static int make(struct softgpu *gpu, pid_t pid, uint64_t start, struct caller **made)
{
    struct caller *caller = calloc(1, sizeof *caller);
    int tasks = open_tasks(pid);
    int error = caller && tasks >= 0 ? 0 : caller ? -errno : -ENOMEM;
    if (error == 0) {
        softgpu_lock(gpu);
        softgpu_reap(gpu, is_alive, NULL);
        int place = softgpu_process_enter(gpu, (uint32_t)pid, start);
        softgpu_unlock(gpu);
        *caller = (struct caller){.next = callers, .start = start, .pid = pid, .tasks = tasks, .place = place};
        error = place < 0 ? place : 0;
    }
    if (error) {
        if (tasks >= 0)
            close(tasks);
        free(caller);
        return error;
    }
    *made = callers = caller;
    return 0;
}

int caller_open(struct softgpu *gpu, pid_t thread, struct caller **caller)
{
    uint64_t pid = 0;
    if (thread <= 0 || !read_status(thread, "Tgid:", 10, &pid) || pid == 0)
        return -EPERM;
    uint64_t start = start_time((pid_t)pid);
    if (start == 0)
        return -EPERM;
    pthread_mutex_lock(&callers_lock);
    *caller = find((pid_t)pid, start);
    int result = *caller ? 0 : make(gpu, (pid_t)pid, start, caller);
    if (result == 0)
        (*caller)->opens++;
    pthread_mutex_unlock(&callers_lock);
    return result;
}

void caller_close(struct softgpu *gpu, struct caller *caller)
{
    pthread_mutex_lock(&callers_lock);
    bool last = --caller->opens == 0;
    if (last) {
        struct caller **at = &callers;
        while (*at != caller)
            at = &(*at)->next;
        *at = caller->next;
        softgpu_lock(gpu);
        softgpu_process_leave(gpu, (uint32_t)caller->pid, caller->start);
        softgpu_unlock(gpu);
    }
    pthread_mutex_unlock(&callers_lock);
    if (last) {
        close(caller->tasks);
        free(caller);
    }
}

bool caller_has(const struct caller *caller, pid_t thread)
{
    char name[16];
    struct stat status;
    snprintf(name, sizeof name, "%d", thread);
    return fstatat(caller->tasks, name, &status, 0) == 0;
}

int caller_place(const struct caller *caller)
{
    return caller->place;
}

/* Told once: each call would fail so. */
static void tell_forbidden(void)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&told))
        fprintf(stderr, "softgpu-cuse: the memory of callers cannot be reached (%s): run it as root, with "
                        "kernel.yama.ptrace_scope below 3\n", strerror(EPERM));
}

static int copied(ssize_t done, size_t size)
{
    if (done == (ssize_t)size)
        return 0;
    if (done < 0 && errno == EPERM)
        tell_forbidden();
    return -EFAULT;
}

static int read_memory(void *user, void *to, uint64_t from, size_t size)
{
    const struct caller_call *call = user;
    struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};
    return copied(process_vm_readv(call->thread, &here, 1, &there, 1, 0), size);
}

static int write_memory(void *user, uint64_t to, const void *from, size_t size)
{
    const struct caller_call *call = user;
    struct iovec here = {(void *)(uintptr_t)from, size}, there = {(void *)(uintptr_t)to, size};
    return copied(process_vm_writev(call->thread, &here, 1, &there, 1, 0), size);
}

/* The kernel tells of the first signal only. A death is seen by the SIGKILL that it leaves pending in every thread. */
static enum softgpu_signal signalled(void *user)
{
    const struct caller_call *call = user;
    uint64_t thread = 0, process = 0;
    if (call->ending(call->request))
        return SOFTGPU_SIGNAL_FATAL;
    if (!call->interrupted(call->request))
        return SOFTGPU_SIGNAL_NONE;
    bool known = read_status(call->thread, "SigPnd:", 16, &thread) && read_status(call->thread, "ShdPnd:", 16, &process);
    bool dies = !known || (thread | process) >> (SIGKILL - 1) & 1;
    return dies ? SOFTGPU_SIGNAL_FATAL : SOFTGPU_SIGNAL_ANY;
}

struct softgpu_memory caller_memory(struct caller_call *call)
{
    return (struct softgpu_memory){
        .user = call, .read = read_memory, .write = write_memory, .alive = is_alive, .signalled = signalled};
}
