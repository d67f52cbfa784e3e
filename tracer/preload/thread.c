/* Per-thread state. */
#include "preload/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/process.h"

extern void *__libc_stack_end; /* the dynamic linker's: the main thread's stack ends here */

enum {
    STACK_ATTEMPTS = 3, /* a thread that mostly runs on coroutine stacks shall not search again and again */
    MAIN_STACK_SPAN = 128 * 1024 * 1024, /* the kernel keeps at least this much below the main stack's end free of mappings */
};

static __thread struct capture_thread self __attribute__((tls_model("initial-exec"))) = {.retry_fd = -1};
static pthread_key_t key;
static bool key_made;

/* Thread's end: gives the scratch memory back. */
static void release(void *unused)
{
    (void)unused;
    self.has_scratch = false;
    for (unsigned i = 0; i < THREAD_SCRATCH_COUNT; i++) {
        char *memory = atomic_exchange(&self.scratch[i].memory, NULL);
        atomic_store(&self.scratch[i].owner, 0);
        if (memory)
            (void)syscall(SYS_munmap, memory, (size_t)THREAD_SCRATCH_SIZE);
    }
}

void thread_init(void) { key_made = pthread_key_create(&key, release) == 0; }

struct capture_thread *thread_self(void)
{
    if (self.instance != capture_process.instance) {
        self.ordinal = atomic_fetch_add(&capture_process.threads, 1);
        self.tid = (uint32_t)syscall(SYS_gettid);
        atomic_store_explicit(&self.calls, 0, memory_order_relaxed);
        self.retry_fd = -1;
        self.instance = capture_process.instance;
    }
    return &self;
}

/* The main thread's stack ends where the dynamic linker says, and nothing else is mapped near below it. Any other thread's
   descriptor (pthread_self) lies at the end of its stack, in the same mapping: what lies between cannot be unmapped while the
   thread lives. A frame on a signal's or a coroutine's stack fits neither. */
static void find_stack(struct capture_thread *thread, uintptr_t frame)
{
    uintptr_t main_end = (uintptr_t)__libc_stack_end, end = (uintptr_t)pthread_self(), low, high;
    if (frame < main_end && main_end - frame < MAIN_STACK_SPAN) {
        thread->stack_low = main_end - MAIN_STACK_SPAN;
        thread->stack_high = main_end;
    } else if (thread->stack_attempts < STACK_ATTEMPTS && frame < end) {
        thread->stack_attempts++;
        if (memory_mapping(frame, &low, &high) && end < high) {
            thread->stack_low = low;
            thread->stack_high = end;
        }
    }
}

static bool on_stack(const struct capture_thread *thread, uintptr_t frame)
{
    return frame >= thread->stack_low && frame < thread->stack_high;
}

struct memory_stack thread_stack(struct capture_thread *thread, uintptr_t frame)
{
    if (thread->stack_low == thread->stack_high)
        find_stack(thread, frame);
    if (!on_stack(thread, frame))
        return (struct memory_stack){0, 0};
    return (struct memory_stack){frame, thread->stack_high};
}

bool thread_is_stale(const struct capture_thread *thread, uintptr_t older, uintptr_t now)
{
    return older <= now && on_stack(thread, older) && on_stack(thread, now);
}

/* Maps the memory of a slot that the caller owns. */
static bool map_scratch(struct capture_thread *thread, struct thread_scratch *scratch)
{
    long address = syscall(SYS_mmap, NULL, (size_t)THREAD_SCRATCH_SIZE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);
    if (address == -1)
        return false;
    atomic_store(&scratch->memory, (char *)address);
    if (!thread->has_scratch && key_made) {
        thread->has_scratch = true;
        (void)pthread_setspecific(key, thread); /* without it the memory lasts until the process ends */
    }
    return true;
}

struct thread_scratch *thread_scratch_acquire(struct capture_thread *thread, uintptr_t frame)
{
    int saved = errno;
    for (unsigned i = 0; i < THREAD_SCRATCH_COUNT; i++) {
        struct thread_scratch *scratch = &thread->scratch[i];
        uintptr_t owner = atomic_load(&scratch->owner);
        /* A call that a longjmp left never gives its slot back: it is stale once a shallower frame calls. */
        if (owner && !thread_is_stale(thread, owner, frame))
            continue;
        /* A handler that runs here may take the slot, but has given it back when we go on. */
        atomic_store(&scratch->owner, frame);
        if (!atomic_load(&scratch->memory) && !map_scratch(thread, scratch)) {
            atomic_store(&scratch->owner, 0);
            break;
        }
        errno = saved;
        return scratch;
    }
    errno = saved;
    process_trouble(PROCESS_TROUBLE_NO_MEMORY);
    return NULL;
}

void thread_scratch_release(struct thread_scratch *scratch)
{
    if (scratch)
        atomic_store(&scratch->owner, 0);
}
