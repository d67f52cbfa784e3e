/* Safe reads of the program's memory. */
#include "preload/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/process.h"

/* process_vm_readv on ourselves. In a vfork child the memory is the parent's, whose pid we keep; should that be refused (Yama),
   the child's own pid names the same memory. */
static ssize_t read_vector(struct iovec *local, struct iovec *remote, unsigned count)
{
    ssize_t got = syscall(SYS_process_vm_readv, capture_process.pid, local, (unsigned long)count, remote, (unsigned long)count, 0ul);
    if (got < 0 && (errno == EPERM || errno == ESRCH))
        got = syscall(SYS_process_vm_readv, syscall(SYS_getpid), local, (unsigned long)count, remote, (unsigned long)count, 0ul);
    return got;
}

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define COPY_BY_BYTE 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COPY_BY_BYTE 1
#endif
#endif
#ifdef COPY_BY_BYTE
/* The sanitizers know the program's objects and would stop at a structure that is smaller than its request says. */
__attribute__((no_sanitize("address", "thread"))) static void copy_stack(void *to, const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((volatile char *)to)[i] = ((const volatile char *)from)[i];
}
#else
static void copy_stack(void *to, const void *from, size_t size) { memcpy(to, from, size); }
#endif

static bool forbidden(int error) { return error == EPERM || error == ENOSYS || error == EACCES; }

/* Reads the pieces of a batch, all marked unreadable so far. A transfer stops at the first bad piece: that one keeps its mark, and
   the rest is tried again. */
static void read_batch(struct memory_read **batch, struct iovec *local, struct iovec *remote, unsigned count)
{
    unsigned done = 0;
    while (done < count) {
        ssize_t got = read_vector(local + done, remote + done, count - done);
        if (got < 0 && forbidden(errno)) {
            for (; done < count; done++)
                batch[done]->result = MEMORY_REFUSED;
            process_trouble(PROCESS_TROUBLE_READ_FORBIDDEN);
            return;
        }
        while (done < count && got >= 0 && (size_t)got >= local[done].iov_len) {
            got -= (ssize_t)local[done].iov_len;
            batch[done++]->result = MEMORY_OK;
        }
        if (done < count)
            done++; /* the one that stopped it */
    }
}

void memory_read(struct memory_read *reads, unsigned count, struct memory_stack stack, struct iovec *vector, unsigned capacity)
{
    int saved = errno;
    struct iovec *local = vector, *remote = vector + capacity;
    struct memory_read *batch[MEMORY_BATCH];
    unsigned queued = 0;
    for (unsigned i = 0; i < count; i++) {
        struct memory_read *r = &reads[i];
        if (r->size == 0) {
            r->result = MEMORY_OK;
        } else if (r->from >= stack.low && r->from < stack.high && r->size <= stack.high - r->from) {
            copy_stack(r->to, (const void *)(uintptr_t)r->from, r->size);
            r->result = MEMORY_OK;
        } else {
            r->result = MEMORY_UNREADABLE;
            local[queued] = (struct iovec){r->to, r->size};
            remote[queued] = (struct iovec){(void *)(uintptr_t)r->from, r->size};
            batch[queued++] = r;
            if (queued == capacity) {
                read_batch(batch, local, remote, queued);
                queued = 0;
            }
        }
    }
    if (queued)
        read_batch(batch, local, remote, queued);
    errno = saved;
}

enum memory_result memory_read_one(uint64_t from, void *to, uint32_t size, struct memory_stack stack)
{
    struct memory_read r = {.from = from, .to = to, .size = size};
    struct iovec vector[2];
    memory_read(&r, 1, stack, vector, 1);
    return r.result;
}

/* One line of /proc/self/maps: "low-high perms …". */
static bool line_parse(const char *line, uintptr_t *low, uintptr_t *high)
{
    uintptr_t value[2] = {0, 0};
    unsigned which = 0;
    for (; *line && which < 2; line++) {
        if (*line >= '0' && *line <= '9')
            value[which] = value[which] << 4 | (uintptr_t)(*line - '0');
        else if (*line >= 'a' && *line <= 'f')
            value[which] = value[which] << 4 | (uintptr_t)(*line - 'a' + 10);
        else
            which++;
    }
    *low = value[0];
    *high = value[1];
    return which == 2;
}

bool memory_mapping(uintptr_t address, uintptr_t *low, uintptr_t *high)
{
    int saved = errno;
    long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
    char buffer[1024], line[40]; /* the addresses are at a line's beginning; the rest of it is passed over */
    unsigned length = 0;
    bool found = false, skipping = false;
    ssize_t got;
    while (fd >= 0 && !found && (got = syscall(SYS_read, fd, buffer, sizeof buffer)) > 0) {
        for (ssize_t i = 0; i < got && !found; i++) {
            if (buffer[i] == '\n') {
                skipping = false;
                length = 0;
            } else if (!skipping) {
                line[length++] = buffer[i];
                if (buffer[i] == ' ' || length == sizeof line - 1) {
                    line[length] = '\0';
                    found = line_parse(line, low, high) && address >= *low && address < *high;
                    skipping = true;
                }
            }
        }
    }
    if (fd >= 0)
        (void)syscall(SYS_close, fd);
    errno = saved;
    return found;
}
