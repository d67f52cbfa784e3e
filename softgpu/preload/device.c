/* softgpu in this process: see device.h. */
#include "preload/device.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "abi/softgpu.h"
#include "preload/memory.h"
#include "softgpu/softgpu.h"

#define TICKET_MAGIC 0x3154454b43495453ull /* "STICKET1" */

struct ticket {
    uint64_t magic;
    uint64_t start; /* of the process, in clock ticks since boot */
    uint32_t pid;
    int32_t place;
    uint64_t spare;
};

/* Mapped once: the state, then the fences again for the program to read, then the contents, which nobody may touch there: they are
   mapped once more where they are locked. Null until the device is opened. */
static struct softgpu *state;
static uint64_t contents_size;
#define CONTENTS_OFFSET (SOFTGPU_STATE_SIZE + SOFTGPU_FENCES_SIZE)

/* Places of small descriptors, plus 1; 0 where nothing is known. On a page that fork gives to the child zeroed. */
enum { REMEMBERED = 1024 };
static int16_t *places;

/* Writes a number in decimal, with a zero byte behind it; its length. (printf may allocate.) */
static size_t put_number(char *to, uint32_t number)
{
    char digits[12];
    size_t length = 0, used = 0;
    do
        digits[length++] = (char)('0' + number % 10);
    while (number /= 10);
    while (length)
        to[used++] = digits[--length];
    to[used] = 0;
    return used;
}

/* Blocks all signals: a handler that calls ioctl must not find the state locked by the thread it interrupted. */
static uint64_t block_signals(void)
{
    uint64_t all = UINT64_MAX, before = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    return before;
}

static void restore_signals(uint64_t before)
{
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

enum { STAT_START_TIME = 22, STAT_START_BREAK = 47 }; /* fields of /proc/PID/stat, see proc(5) */

/* A number of /proc/PID/stat, its fields counted behind the last parenthesis; 0 when the process is gone or unknown. */
static uint64_t stat_field(uint32_t pid, int number)
{
    char path[32] = "/proc/", text[1024];
    memcpy(path + 6 + put_number(path + 6, pid), "/stat", 6);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    long size = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    if (size <= 0)
        return 0;
    text[size] = 0;
    const char *field = strrchr(text, ')');
    for (int at = 2; field && at < number; at++)
        field = strchr(field + 1, ' ');
    uint64_t value = 0;
    for (field += field != NULL; field && *field >= '0' && *field <= '9'; field++)
        value = value * 10 + (uint64_t)(*field - '0');
    return value;
}

static uint64_t start_time(uint32_t pid)
{
    return stat_field(pid, STAT_START_TIME);
}

/* A process that can't be looked up is held to live, unless /proc is there and it isn't in it. */
static bool is_alive(void *user, uint32_t pid, uint64_t start)
{
    (void)user;
    uint64_t now = start_time(pid);
    return now == start || (now == 0 && start_time((uint32_t)getpid()) == 0);
}

static int read_memory(void *user, void *to, uint64_t from, size_t size)
{
    (void)user;
    return memory_copy(false, to, from, size);
}

static int write_memory(void *user, uint64_t to, const void *from, size_t size)
{
    (void)user;
    return memory_copy(true, (void *)from, to, size);
}

static uint64_t fence_address(void *user, size_t offset)
{
    (void)user;
    return (uintptr_t)state + SOFTGPU_STATE_SIZE + offset;
}

/*
 * An NT handle is a datagram socket bound to an abstract name, which says what it stands for. So any process that receives it can
 * read that, and whether it is still open anywhere, even on its way through another socket, the kernel tells whoever connects to
 * the name. Names are seen within a network namespace only: its inode is noted, and from elsewhere it is held to be open.
 */
static const char share_prefix[] = "softgpu:";
enum { SHARE_PREFIX = sizeof share_prefix - 1, SHARE_KIND = 9, SHARE_SIZE = SHARE_PREFIX + SHARE_KIND + 16 + 1 + 16 + 1 + 8 };

static char *put_hex(char *to, uint64_t value, int digits)
{
    while (digits--)
        *to++ = "0123456789abcdef"[value >> 4 * digits & 15];
    return to;
}

static bool take_hex(const char **from, uint64_t *value, int digits)
{
    for (*value = 0; digits--; (*from)++) {
        char digit = **from;
        int part = digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
        if (part < 0)
            return false;
        *value = *value << 4 | (unsigned)part;
    }
    return true;
}

/* As in "\0softgpu:resource:0123456789abcdef:0123456789abcdef:01234567": state, serial, index. */
static socklen_t share_address(struct sockaddr_un *address, const struct softgpu_name *name)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    char *at = address->sun_path + 1;
    memcpy(at, share_prefix, SHARE_PREFIX);
    memcpy(at + SHARE_PREFIX, name->resource ? "resource:" : "syncobj_:", SHARE_KIND);
    at = put_hex(at + SHARE_PREFIX + SHARE_KIND, name->state, 16);
    *at++ = ':';
    at = put_hex(at, name->serial, 16);
    *at++ = ':';
    put_hex(at, name->index, 8);
    return offsetof(struct sockaddr_un, sun_path) + 1 + SHARE_SIZE;
}

static uint64_t network_namespace(void)
{
    struct stat status;
    return syscall(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/net", &status, 0) == 0 ? status.st_ino : 0;
}

static int share(void *user, struct softgpu_name *name)
{
    (void)user;
    struct sockaddr_un address;
    socklen_t size = share_address(&address, name);
    int fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (syscall(SYS_bind, fd, &address, size) == -1) {
        int error = errno;
        syscall(SYS_close, fd);
        return -error;
    }
    name->note = network_namespace();
    return fd;
}

static void unshare_descriptor(void *user, int fd)
{
    (void)user;
    syscall(SYS_close, fd);
}

static int read_shared(void *user, uint64_t descriptor, struct softgpu_name *name)
{
    (void)user;
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    uint64_t index;
    if (descriptor > INT32_MAX || syscall(SYS_getsockname, (int)descriptor, &address, &size) == -1 ||
        size != offsetof(struct sockaddr_un, sun_path) + 1 + SHARE_SIZE || address.sun_family != AF_UNIX ||
        address.sun_path[0] || memcmp(address.sun_path + 1, share_prefix, SHARE_PREFIX) != 0)
        return -EINVAL;
    const char *at = address.sun_path + 1 + SHARE_PREFIX;
    *name = (struct softgpu_name){.resource = *at == 'r'};
    at += SHARE_KIND;
    if (!take_hex(&at, &name->state, 16) || *at++ != ':' || !take_hex(&at, &name->serial, 16) || *at++ != ':' ||
        !take_hex(&at, &index, 8))
        return -EINVAL;
    name->index = (uint32_t)index;
    return 0;
}

static bool is_held(void *user, const struct softgpu_name *name)
{
    (void)user;
    struct sockaddr_un address;
    socklen_t size = share_address(&address, name);
    if (!name->note || name->note != network_namespace())
        return true;
    int fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true;
    bool held = syscall(SYS_connect, fd, &address, size) == 0 || errno != ECONNREFUSED;
    syscall(SYS_close, fd);
    return held;
}

/* A second mapping of a part of the contents: of a shared mapping, mremap makes one when it is given no old size. No descriptor of the
   file is needed, so none lies about in the program. */
static uint64_t map_content(void *user, uint64_t offset, uint64_t size)
{
    (void)user;
    if (offset > contents_size || size > contents_size - offset)
        return 0;
    long address = syscall(SYS_mremap, (char *)state + CONTENTS_OFFSET + offset, 0L, size, MREMAP_MAYMOVE, 0L);
    if (address == -1)
        return 0;
    if (syscall(SYS_mprotect, address, size, PROT_READ | PROT_WRITE) == 0)
        return (uint64_t)address;
    syscall(SYS_munmap, address, size);
    return 0;
}

static void unmap_content(void *user, uint64_t address, uint64_t size)
{
    (void)user;
    syscall(SYS_munmap, address, size);
}

/* Takes its pages out of the file. */
static void clear_content(void *user, uint64_t offset, uint64_t size)
{
    uint64_t address = map_content(user, offset, size);
    if (!address)
        return;
    syscall(SYS_madvise, address, size, MADV_REMOVE);
    syscall(SYS_munmap, address, size);
}

/* Events that the state knows by number: duplicates of the program's descriptors, which it may close. With the state locked. */
enum { EVENTS = 256 };
static int events[EVENTS]; /* descriptors; 0: none */
static uint32_t events_pid;

static bool is_event(int fd)
{
    static const char expected[] = "anon_inode:[eventfd]";
    char path[32] = "/proc/self/fd/", target[32];
    put_number(path + 14, (uint32_t)fd);
    long size = syscall(SYS_readlinkat, AT_FDCWD, path, target, sizeof target);
    return size == sizeof expected - 1 && memcmp(target, expected, sizeof expected - 1) == 0;
}

static void drop_event(void *user, int event)
{
    (void)user;
    if (event < 0 || event >= EVENTS || !events[event])
        return;
    if (is_event(events[event])) /* not what the program has there, after it closed everything */
        syscall(SYS_close, events[event]);
    events[event] = 0;
}

static void drop_all_events(void)
{
    for (int event = 0; event < EVENTS; event++)
        drop_event(NULL, event);
}

static int take_event(void *user, uint64_t descriptor)
{
    (void)user;
    if (events_pid != (uint32_t)getpid()) { /* a forked child: what its parent waits for is not its business */
        drop_all_events();
        events_pid = (uint32_t)getpid();
    }
    int event = 0, fd;
    while (event < EVENTS && events[event])
        event++;
    if (event == EVENTS || (uint32_t)descriptor > INT_MAX || !is_event((int)descriptor))
        return -EINVAL;
    fd = (int)syscall(SYS_fcntl, (int)descriptor, F_DUPFD_CLOEXEC, 512L); /* out of the way */
    if (fd < 0)
        fd = (int)syscall(SYS_fcntl, (int)descriptor, F_DUPFD_CLOEXEC, 3L);
    if (fd < 0)
        return -EINVAL;
    events[event] = fd;
    return event;
}

static void signal_event(void *user, int event)
{
    (void)user;
    uint64_t one = 1;
    if (event >= 0 && event < EVENTS && events[event] && events_pid == (uint32_t)getpid() && is_event(events[event]))
        syscall(SYS_write, events[event], &one, sizeof one);
}

static void start_tending(void);

/* Sleeps with the program's own signals, as in a system call: a handler that restarts calls goes on sleeping, another ends it. A sleep
   with a time limit would end in either case, so the thread that tends rings when the time has come. */
static int sleep_on(void *user, const uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
    const uint64_t *signals = user;
    uint64_t all = UINT64_MAX;
    if (timeout_ns != UINT64_MAX)
        start_tending();
    restore_signals(*signals);
    long result = syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
    int error = result == -1 ? errno : 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
    return error == EINTR ? -EINTR : 0;
}

static const struct softgpu_memory memory = {.read = read_memory,
                                             .write = write_memory,
                                             .fence_address = fence_address,
                                             .map = map_content,
                                             .unmap = unmap_content,
                                             .clear = clear_content,
                                             .alive = is_alive,
                                             .share = share,
                                             .unshare = unshare_descriptor,
                                             .shared = read_shared,
                                             .held = is_held,
                                             .take_event = take_event,
                                             .signal_event = signal_event,
                                             .drop_event = drop_event,
                                             .sleep = sleep_on};

/* Maps a state's file: all of it untouchable, then the state and the fences over that. Where a limit forbids room for the contents,
   without them: then nothing can be locked. */
static struct softgpu *map_state(int fd, uint64_t *contents)
{
    char *base = (char *)syscall(SYS_mmap, NULL, CONTENTS_OFFSET + *contents, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, 0L);
    if (base == MAP_FAILED && *contents) {
        *contents = 0;
        return map_state(fd, contents);
    }
    if (base == MAP_FAILED)
        return NULL;
    long whole = syscall(SYS_mmap, base, SOFTGPU_STATE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0L);
    long fences = syscall(SYS_mmap, base + SOFTGPU_STATE_SIZE, SOFTGPU_FENCES_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd,
                          (long)SOFTGPU_FENCES_OFFSET);
    long window = *contents ? syscall(SYS_mmap, base + CONTENTS_OFFSET, *contents, PROT_NONE,
                                      MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, (long)SOFTGPU_STATE_SIZE)
                            : 0;
    if (whole == -1 || fences == -1 || window == -1) {
        syscall(SYS_munmap, base, CONTENTS_OFFSET + *contents);
        return NULL;
    }
    syscall(SYS_madvise, base, CONTENTS_OFFSET + *contents, MADV_DONTDUMP);
    return (struct softgpu *)(void *)base;
}

extern void *__libc_stack_end; /* of the dynamic linker: where the kernel put argc, argv and the environment */

/* As getenv; also before the C library has been initialised, when a static initialiser of the program opens the device. */
static const char *from_environment(const char *name)
{
    uintptr_t *start = __libc_stack_end;
    char **variables = environ ? environ : (char **)(start + 1 + *start + 1);
    size_t length = strlen(name);
    for (; *variables; variables++)
        if (strncmp(*variables, name, length) == 0 && (*variables)[length] == '=')
            return *variables + length + 1;
    return NULL;
}

/* Makes a new file as long as the state and, where a limit allows it, the contents. Beyond the process's limit not even a try is
   made: it would be answered by a signal. */
static int extend(int fd, uint64_t contents)
{
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY};
    syscall(SYS_prlimit64, 0L, (long)RLIMIT_FSIZE, NULL, &limit);
    if (SOFTGPU_STATE_SIZE + contents <= limit.rlim_cur && syscall(SYS_ftruncate, fd, (long)(SOFTGPU_STATE_SIZE + contents)) == 0)
        return 0;
    return (int)syscall(SYS_ftruncate, fd, (long)SOFTGPU_STATE_SIZE);
}

/* Maps the state in fd and formats it when it is new. Null and errno: EINVAL when the file is something else. */
static struct softgpu *prepare_state(int fd, uint64_t *contents)
{
    struct softgpu_config config;
    const char *wrong;
    struct stat status;
    if (softgpu_config_read(&config, from_environment, &wrong) < 0) {
        errno = EINVAL;
        return NULL;
    }
    if (syscall(SYS_fstat, fd, &status) == -1)
        return NULL;
    bool fresh = status.st_size == 0;
    if (!fresh && status.st_size < (off_t)SOFTGPU_STATE_SIZE) {
        errno = EINVAL;
        return NULL;
    }
    if (fresh && (extend(fd, config.contents_size) == -1 || syscall(SYS_fstat, fd, &status) == -1))
        return NULL;
    *contents = config.contents_size = (uint64_t)status.st_size - SOFTGPU_STATE_SIZE;
    struct softgpu *gpu = map_state(fd, contents);
    int error = gpu && fresh ? -softgpu_init(gpu, &config) : gpu && !softgpu_is_formatted(gpu) ? EINVAL : 0;
    if (error) {
        syscall(SYS_munmap, gpu, CONTENTS_OFFSET + *contents);
        errno = error;
        return NULL;
    }
    return gpu;
}

/* The file that the environment names, locked so that one process formats it; or a memfd. */
static int open_state(void)
{
    const char *path = from_environment(SOFTGPU_ENV_STATE);
    if (!path || !*path)
        return (int)syscall(SYS_memfd_create, "softgpu:state", MFD_CLOEXEC);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && syscall(SYS_flock, fd, LOCK_EX) == -1) {
        syscall(SYS_close, fd);
        return -1;
    }
    return fd;
}

static int16_t *map_places(void)
{
    size_t size = REMEMBERED * sizeof(int16_t);
    void *page = (void *)syscall(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    if (page == MAP_FAILED)
        return NULL;
    if (syscall(SYS_madvise, page, size, MADV_WIPEONFORK) == 0)
        return page;
    syscall(SYS_munmap, page, size);
    return NULL; /* an old kernel: nothing is remembered */
}

/* The state, mapped at first use. Of threads that come at once one wins; the others let go of theirs. */
static struct softgpu *attach(void)
{
    struct softgpu *known = __atomic_load_n(&state, __ATOMIC_ACQUIRE);
    if (known)
        return known;
    int fd = open_state();
    if (fd < 0)
        return NULL;
    uint64_t contents;
    struct softgpu *fresh = prepare_state(fd, &contents);
    int error = errno;
    syscall(SYS_flock, fd, LOCK_UN); /* the mapping keeps the file open, and would keep it locked */
    syscall(SYS_close, fd);
    errno = error;
    if (fresh && !places) /* of two at once, one is lost: a page */
        __atomic_store_n(&places, map_places(), __ATOMIC_RELEASE);
    if (fresh)
        memory_init(stat_field((uint32_t)getpid(), STAT_START_BREAK));
    if (!fresh)
        return NULL;
    __atomic_store_n(&contents_size, contents, __ATOMIC_RELAXED); /* of two at once the same */
    if (!__atomic_compare_exchange_n(&state, &known, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        syscall(SYS_munmap, fresh, CONTENTS_OFFSET + contents);
        return known;
    }
    softgpu_lock(fresh);
    uint32_t pid = (uint32_t)getpid();
    softgpu_process_unlock(fresh, pid, start_time(pid)); /* what the program before an exec had locked */
    softgpu_unlock(fresh);
    return fresh;
}

bool device_in_use(void)
{
    return __atomic_load_n(&state, __ATOMIC_ACQUIRE) != NULL;
}

static bool read_ticket(int fd, struct ticket *ticket)
{
    struct stat status;
    return syscall(SYS_fstat, fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == sizeof *ticket &&
           status.st_nlink == 0 && syscall(SYS_pread64, fd, ticket, sizeof *ticket, 0L) == sizeof *ticket &&
           ticket->magic == TICKET_MAGIC;
}

static int16_t *remembered(int fd)
{
    int16_t *all = __atomic_load_n(&places, __ATOMIC_ACQUIRE);
    return all && fd >= 0 && fd < REMEMBERED ? &all[fd] : NULL;
}

int device_place(int fd)
{
    if (!device_in_use())
        return -1;
    int16_t *known = remembered(fd);
    int place = known ? __atomic_load_n(known, __ATOMIC_RELAXED) - 1 : -1;
    if (place >= 0)
        return place;
    struct ticket ticket;
    int error = errno;
    if (read_ticket(fd, &ticket) && ticket.pid == (uint32_t)getpid()) {
        place = ticket.place;
        if (known)
            __atomic_store_n(known, (int16_t)(place + 1), __ATOMIC_RELAXED);
    }
    errno = error;
    return place;
}

void device_forget(int fd)
{
    int16_t *known = remembered(fd);
    if (known)
        __atomic_store_n(known, 0, __ATOMIC_RELAXED);
}

void device_forget_all(void)
{
    for (int fd = 0; fd < REMEMBERED; fd++)
        device_forget(fd);
}

/* The memfd with the ticket in it, sealed; opened again for the access that the program asked for, on the same number. */
static int make_descriptor(const struct ticket *ticket, int flags)
{
    int fd = (int)syscall(SYS_memfd_create, SOFTGPU_MEMFD_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    if (syscall(SYS_write, fd, ticket, sizeof *ticket) != sizeof *ticket) {
        syscall(SYS_close, fd);
        errno = ENOMEM;
        return -1;
    }
    syscall(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    char path[32] = "/proc/self/fd/";
    put_number(path + 14, (uint32_t)fd);
    int wanted = flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW | O_NOCTTY);
    int again = (int)syscall(SYS_openat, AT_FDCWD, path, wanted);
    if (again >= 0) {
        syscall(SYS_dup3, again, fd, flags & O_CLOEXEC);
        syscall(SYS_close, again);
    } else if (!(flags & O_CLOEXEC)) { /* without /proc the memfd itself must do */
        syscall(SYS_fcntl, fd, F_SETFD, 0L);
    }
    return fd;
}

int device_open(int flags)
{
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) || flags & O_DIRECTORY) {
        errno = flags & O_DIRECTORY ? ENOTDIR : EEXIST;
        return -1;
    }
    int before = errno;
    uint64_t signals = block_signals();
    struct softgpu *gpu = attach();
    int fd = -1, error = errno;
    if (gpu) {
        struct ticket ticket = {.magic = TICKET_MAGIC, .pid = (uint32_t)getpid()};
        ticket.start = start_time(ticket.pid);
        softgpu_lock(gpu);
        softgpu_reap(gpu, is_alive, NULL);
        softgpu_reap_shared(gpu, &memory);
        ticket.place = softgpu_process_enter(gpu, ticket.pid, ticket.start);
        errno = ENOMEM;
        if (ticket.place >= 0)
            fd = make_descriptor(&ticket, flags);
        error = errno;
        softgpu_unlock(gpu);
    }
    restore_signals(signals);
    errno = fd < 0 ? error : before;
    return fd;
}

/* The thread that tends a process (see softgpu_tend), started when it is first needed. It has all signals blocked. A forked child
   has none and starts its own. */
static uint32_t tended_pid;

static int tended_place = -1; /* of the last call */

static void *tend(void *argument)
{
    (void)argument;
    const uint32_t *bell;
    uint32_t value;
    for (;;) {
        softgpu_lock(state);
        uint64_t next = softgpu_tend(state, __atomic_load_n(&tended_place, __ATOMIC_RELAXED), &memory, &bell, &value);
        softgpu_unlock(state);
        struct timespec until = {.tv_sec = (time_t)(next / 1000000000u), .tv_nsec = (long)(next % 1000000000u)};
        syscall(SYS_futex, bell, FUTEX_WAIT_BITSET, value, next == UINT64_MAX ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
    }
    return NULL;
}

static void start_tending(void)
{
    uint32_t pid = (uint32_t)getpid(), before = __atomic_exchange_n(&tended_pid, pid, __ATOMIC_ACQ_REL);
    pthread_attr_t attributes;
    pthread_t thread;
    if (before == pid || pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, tend, NULL) != 0)
        __atomic_store_n(&tended_pid, 0, __ATOMIC_RELEASE);
    pthread_attr_destroy(&attributes);
}

int device_ioctl(int place, unsigned long request, uint64_t argument)
{
    int error = errno;
    uint64_t signals = block_signals();
    struct softgpu_memory mine = memory;
    mine.user = &signals;
    __atomic_store_n(&tended_place, place, __ATOMIC_RELAXED);
    long result = softgpu_ioctl(state, place, request, argument, &mine);
    if (softgpu_needs_tending(state, place))
        start_tending();
    restore_signals(signals);
    errno = error;
    if (result >= -4095 && result < 0) {
        errno = (int)-result;
        return -1;
    }
    return (int)result;
}

/* Whether a descriptor of the device, opened by this process, is still there; its ticket. */
static bool find_descriptor(struct ticket *ticket)
{
    uint64_t buffer[256];
    int directory = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool found = false;
    for (int fd = 0; directory < 0 && fd < 1024 && !found; fd++) /* no /proc: as many as programs usually may have */
        found = read_ticket(fd, ticket) && ticket->pid == (uint32_t)getpid();
    if (directory < 0)
        return found;
    long size;
    while (!found && (size = syscall(SYS_getdents64, directory, buffer, sizeof buffer)) > 0) {
        for (char *at = (char *)buffer; !found && at < (char *)buffer + size; at += *(uint16_t *)(void *)(at + 16)) {
            const char *name = at + 19; /* struct linux_dirent64: d_ino, d_off, d_reclen (at 16), d_type, d_name */
            int fd = 0;
            for (; *name >= '0' && *name <= '9'; name++)
                fd = fd * 10 + (*name - '0');
            found = *name == 0 && read_ticket(fd, ticket) && ticket->pid == (uint32_t)getpid();
        }
    }
    syscall(SYS_close, directory);
    return found;
}

void device_closing_begin(struct device_closing *closing)
{
    *closing = (struct device_closing){.locked = device_in_use()};
    if (closing->locked) {
        closing->signals = block_signals();
        softgpu_lock(state);
    }
}

void device_closing_end(struct device_closing *closing)
{
    if (!closing->locked)
        return;
    int error = errno;
    struct ticket ticket;
    uint32_t pid = (uint32_t)getpid();
    if (!find_descriptor(&ticket)) {
        softgpu_process_leave(state, pid, start_time(pid));
        __atomic_store_n(&tended_place, -1, __ATOMIC_RELAXED);
        if (events_pid == pid)
            drop_all_events();
        softgpu_reap_shared(state, &memory);
        softgpu_tidy(state, &memory);
    }
    softgpu_unlock(state);
    restore_signals(closing->signals);
    errno = error;
}
