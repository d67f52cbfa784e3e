/* The traced process: instance, announcement, rundown, troubles. */
#include "preload/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "preload/annotate.h"
#include "preload/blobs.h"
#include "preload/debug.h"
#include "preload/fences.h"
#include "preload/files.h"
#include "preload/mappings.h"
#include "preload/ops.h"
#include "schema/records.h"

#ifndef GPUALLOC_VERSION
#define GPUALLOC_VERSION "unknown"
#endif

struct capture_process capture_process;

/* What gpualloc:process says besides; cut so that the event fits the smallest sub-buffer of use. */
static char program[1024], command_line[2048], kernel[256], recording[256];

static const char *const trouble_texts[PROCESS_TROUBLE_COUNT] = {
    [PROCESS_TROUBLE_READ_FORBIDDEN] = "process_vm_readv is forbidden here (a sandbox?): arguments outside the stack were not read",
    [PROCESS_TROUBLE_READ_BACK] = "a call's results could not be read back: its memory was gone after the call",
    [PROCESS_TROUBLE_BLOB_SIZE] = "private data beyond 16 MiB in one piece or 64 MiB in one call was not kept",
    [PROCESS_TROUBLE_ARRAY_SIZE] = "an array of more than 16384 handles or 4096 structures was cut",
    [PROCESS_TROUBLE_NO_MEMORY] = "no memory to keep a call's arrays and private data",
    [PROCESS_TROUBLE_COMPARE_FORBIDDEN] = "kcmp is forbidden here: a duplicated descriptor may look like a file of its own",
    [PROCESS_TROUBLE_PROBE] = "a DRM device did not say its driver: its calls were not recorded",
    [PROCESS_TROUBLE_FILES_FULL] = "too many GPU files open: calls on further ones were not recorded",
    [PROCESS_TROUBLE_NAME] = "a name that the program gave could not be read",
    [PROCESS_TROUBLE_MAPPINGS_FULL] = "too much is mapped of GPU devices: the unmap of some was not recorded",
};
static atomic_ullong trouble_counts[PROCESS_TROUBLE_COUNT];

static uint64_t random_instance(void)
{
    uint64_t value = 0;
    if (syscall(SYS_getrandom, &value, sizeof value, GRND_NONBLOCK) != sizeof value || value == 0) {
        /* Early boot: mix what differs between processes. */
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        value = ((uint64_t)now.tv_sec << 30 ^ (uint64_t)now.tv_nsec) * 0x9e3779b97f4a7c15u ^ (uint64_t)syscall(SYS_getpid) << 40;
    }
    return value | 1; /* never 0, which means unknown */
}

static void read_command_line(void)
{
    long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t length = syscall(SYS_read, fd, command_line, sizeof command_line - 1);
    (void)syscall(SYS_close, fd);
    while (length > 0 && command_line[length - 1] == '\0')
        length--;
    for (ssize_t i = 0; i < length; i++)
        if (command_line[i] == '\0')
            command_line[i] = ' ';
    command_line[length > 0 ? length : 0] = '\0';
}

void process_init(void)
{
    capture_process.pid = (pid_t)syscall(SYS_getpid);
    capture_process.instance = random_instance();
    capture_process.start = capture_ops->clock();
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    read_command_line();
    const char *session = getenv("GPUALLOC_RECORDING");
    snprintf(recording, sizeof recording, "%s", session ? session : "");
    const char *numbered = getenv("GPUALLOC_NUMBER_ALL");
    capture_process.numbers_all = numbered && !strcmp(numbered, "1");
    struct utsname names;
    if (uname(&names) == 0)
        snprintf(kernel, sizeof kernel, "%.100s %.150s", names.release, names.version);
}

void process_renew(void)
{
    capture_process.parent = capture_process.instance;
    capture_process.instance = random_instance();
    capture_process.pid = (pid_t)syscall(SYS_getpid);
    capture_process.start = capture_ops->clock();
    atomic_store(&capture_process.threads, 0);
    atomic_store(&capture_process.announced, false);
    for (unsigned i = 0; i < PROCESS_TROUBLE_COUNT; i++)
        atomic_store(&trouble_counts[i], 0);
    fences_forget();
    mappings_forget();
}

bool process_is_guest(void) { return (pid_t)syscall(SYS_getpid) != capture_process.pid; }

static void emit_process(void)
{
    struct ga_gpualloc_process record = {
        .process = capture_process.instance,
        .parent = capture_process.parent,
        .pid = (uint32_t)capture_process.pid,
        .schema_version = GA_SCHEMA_VERSION,
        .numbers_all = capture_process.numbers_all,
        .start = capture_process.start,
        .program = program,
        .command_line = command_line,
        .kernel = kernel,
        .tracer = GPUALLOC_VERSION,
        .recording = recording,
    };
    capture_ops->emit(GA_ROW_gpualloc_process, &record);
}

void process_announce(void)
{
    if (atomic_load_explicit(&capture_process.announced, memory_order_acquire) || !capture_ops->enabled(GA_ROW_gpualloc_process))
        return;
    emit_process();
    atomic_store_explicit(&capture_process.announced, true, memory_order_release);
}

void process_rundown(void)
{
    struct ga_gpualloc_rundown_begin begin = {.process = capture_process.instance};
    struct ga_gpualloc_rundown_end end = {.process = capture_process.instance};
    blobs_forget();
    if (capture_ops->enabled(GA_ROW_gpualloc_rundown_begin))
        capture_ops->emit(GA_ROW_gpualloc_rundown_begin, &begin);
    if (capture_ops->enabled(GA_ROW_gpualloc_process)) {
        emit_process();
        atomic_store_explicit(&capture_process.announced, true, memory_order_release);
    }
    files_rundown();
    annotate_rundown();
    if (capture_ops->enabled(GA_ROW_gpualloc_rundown_end))
        capture_ops->emit(GA_ROW_gpualloc_rundown_end, &end);
}

static void emit_trouble(enum process_trouble trouble, uint64_t count)
{
    struct ga_gpualloc_trouble record = {
        .process = capture_process.instance,
        .count = count,
        .what = trouble_texts[trouble],
    };
    if (capture_ops->enabled(GA_ROW_gpualloc_trouble))
        capture_ops->emit(GA_ROW_gpualloc_trouble, &record);
    debug_log("%s (%llu times)", trouble_texts[trouble], (unsigned long long)count);
}

void process_trouble(enum process_trouble trouble)
{
    uint64_t count = atomic_fetch_add(&trouble_counts[trouble], 1) + 1;
    if (process_count_due(count))
        emit_trouble(trouble, count);
}

void process_finish(void)
{
    for (unsigned i = 0; i < PROCESS_TROUBLE_COUNT; i++) {
        uint64_t count = atomic_load(&trouble_counts[i]);
        if (count && !process_count_due(count))
            emit_trouble(i, count);
    }
    files_finish();
}
