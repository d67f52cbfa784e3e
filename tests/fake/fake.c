/*
 * The fake DRM core and the preload: see fake.h. GPUALLOC_FAKE_DRM names the devices, "virtio_gpu radeon": the first is
 * /dev/dri/card0 and /dev/dri/renderD128, and so on; those that are none of DRM's ("kfd") have their own nodes.
 * GPUALLOC_FAKE_DRM_LOG names a file that is told what was left open: one line a closed file ("closed /dev/dri/card0 with 3
 * handles") and one at exit ("exit with 0 files and 0 dma-bufs open").
 *
 * GPUALLOC_FAKE_DRM_FILLED names a file that is told of each buffer when its last handle is closed: "card0: 3 of 4 pages, 1 batches":
 * how many of its pages were written, through the file where most were, and how many submissions named it.
 * GPUALLOC_FAKE_DRM_BYTES is how much memory a process can have of them.
 * GPUALLOC_FAKE_DRM_STUCK, "0x2e:3", names a request by its number: its third call, of all processes, does not come back until a
 * signal comes (and then fails with EINTR); with "0x2e:3:deaf" not even then. The log is told: "stuck in request 0x2e".
 *
 * A device's file is a memfd named after the node, and its buffers' mmap offsets are offsets in it, so that mmap is the kernel's.
 */
#include "fake.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <libdrm/drm_mode.h>

#include "abi/drm.h"

#define PUBLIC __attribute__((visibility("default")))
#define PAGE 4096ull
enum { FDS = 4096, HANDLES = 8192, BUFFERS = 16384, FILES = 64, DEVICES = 24 };

#define DRIVER(name) extern const struct fake_driver fake_driver_##name;
#include "generated/fake-drivers.inc"
#undef DRIVER
static const struct fake_driver *const drivers[] = {
#define DRIVER(name) &fake_driver_##name,
#include "generated/fake-drivers.inc"
#undef DRIVER
};

struct buffer {
    uint64_t size, offset;
    uint32_t holders; /* handles, and one for its dma-buf while a descriptor is open */
    uint32_t name;    /* flink, 0: none */
    ino_t inode;      /* of its dma-buf, 0: none */
    uint32_t dma_bufs; /* open descriptors */
    int device;
    uint32_t batches;
};

struct fake_file {
    bool used, render;
    int device;
    uint32_t references;
    char node[64];
    uint32_t handles[HANDLES]; /* buffer number + 1 */
};

static const struct fake_driver *devices[DEVICES];
static int device_count = -1;

/* What the kernel has: shared with forked children. */
static struct kernel {
    pthread_mutex_t mutex;
    struct fake_file files[FILES];
    struct buffer buffers[BUFFERS];
    uint64_t next_offset[DEVICES];
    uint32_t next_name;
    uint64_t alive_bytes;
    uint32_t before_stuck; /* calls that there were of the request that is to be stuck */
} *kernel;

static struct {
    struct fake_file *file;
    struct buffer *dma_buf;
} fds[FDS];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void say_to(const char *variable, const char *format, ...)
{
    const char *path = getenv(variable);
    int fd = path ? REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (fd < 0)
        return;
    va_list list;
    va_start(list, format);
    vdprintf(fd, format, list);
    va_end(list);
    REAL(close)(fd);
}

#define say(...) say_to("GPUALLOC_FAKE_DRM_LOG", __VA_ARGS__)

/* Who had it may have been killed. */
static void lock_kernel(void)
{
    if (pthread_mutex_lock(&kernel->mutex) == EOWNERDEAD)
        pthread_mutex_consistent(&kernel->mutex);
}

/* A child has each descriptor too. Counted before the fork, so that the parent cannot close the last one in between. */
static void before_fork(void)
{
    lock_kernel();
    for (int i = 0; i < FDS; i++) {
        if (fds[i].file)
            fds[i].file->references++;
        if (fds[i].dma_buf)
            fds[i].dma_buf->dma_bufs++;
    }
    pthread_mutex_unlock(&kernel->mutex);
}

static void make_kernel(void)
{
    kernel = mmap(NULL, sizeof *kernel, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (kernel == MAP_FAILED)
        abort();
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&kernel->mutex, &shared);
    kernel->next_name = 1;
    pthread_atfork(before_fork, NULL, NULL);
}

static void find_devices(void)
{
    if (device_count >= 0)
        return;
    device_count = 0;
    make_kernel();
    const char *wanted = getenv("GPUALLOC_FAKE_DRM");
    while (wanted && *wanted && device_count < DEVICES) {
        size_t length = strcspn(wanted, " ");
        for (size_t d = 0; d < sizeof drivers / sizeof *drivers; d++)
            if (strlen(drivers[d]->name) == length && strncmp(drivers[d]->name, wanted, length) == 0)
                devices[device_count++] = drivers[d];
        wanted += length + (wanted[length] == ' ');
    }
}

/* ---- Buffers ------------------------------------------------------------------------------------------------------------ */

static int fd_of(const struct fake_file *file)
{
    for (int fd = 0; fd < FDS; fd++)
        if (fds[fd].file == file)
            return fd;
    return -1;
}

static off_t written_pages(int fd, const struct buffer *buffer)
{
    off_t end = (off_t)(buffer->offset + buffer->size), pages = 0;
    for (off_t at = (off_t)buffer->offset; (at = lseek(fd, at, SEEK_DATA)) >= 0 && at < end;) {
        off_t hole = lseek(fd, at, SEEK_HOLE);
        hole = hole < 0 || hole > end ? end : hole;
        pages += (hole - at) / (off_t)PAGE;
        at = hole;
    }
    return pages;
}

static void say_filled(const struct buffer *buffer)
{
    off_t most = 0;
    for (int fd = 0; getenv("GPUALLOC_FAKE_DRM_FILLED") && fd < FDS; fd++) {
        off_t pages = fds[fd].file && fds[fd].file->device == buffer->device ? written_pages(fd, buffer) : 0;
        most = pages > most ? pages : most;
    }
    say_to("GPUALLOC_FAKE_DRM_FILLED", "card%d: %jd of %ju pages, %u batches\n", buffer->device, (intmax_t)most,
           (uintmax_t)(buffer->size / PAGE), buffer->batches);
}

static void put_buffer(struct buffer *buffer)
{
    if (--buffer->holders)
        return;
    say_filled(buffer);
    kernel->alive_bytes -= buffer->size;
    *buffer = (struct buffer){0};
}

static struct buffer *buffer_of(struct fake_file *file, uint32_t handle)
{
    return handle && handle < HANDLES && file->handles[handle] ? &kernel->buffers[file->handles[handle] - 1] : NULL;
}

static int add_handle(struct fake_file *file, struct buffer *buffer, uint32_t *handle)
{
    for (uint32_t h = 1; h < HANDLES; h++) /* the lowest that is free, as the kernel gives */
        if (!file->handles[h]) {
            file->handles[h] = (uint32_t)(buffer - kernel->buffers) + 1;
            buffer->holders++;
            *handle = h;
            return 0;
        }
    return ENOSPC;
}

int fake_create(struct fake_file *file, uint64_t size, uint32_t *handle)
{
    if (!size)
        return EINVAL;
    const char *limit = getenv("GPUALLOC_FAKE_DRM_BYTES");
    if (size > 1ull << 40 || (limit && kernel->alive_bytes + size > strtoull(limit, NULL, 10)))
        return ENOMEM;
    for (struct buffer *buffer = kernel->buffers; buffer < kernel->buffers + BUFFERS; buffer++) {
        if (buffer->holders)
            continue;
        *buffer = (struct buffer){.size = (size + PAGE - 1) & ~(PAGE - 1), .offset = kernel->next_offset[file->device] + PAGE,
                                  .device = file->device};
        kernel->next_offset[file->device] = buffer->offset + buffer->size - PAGE;
        kernel->alive_bytes += buffer->size;
        return add_handle(file, buffer, handle);
    }
    return ENOMEM;
}

int fake_find(struct fake_file *file, uint32_t handle, uint64_t *offset, uint64_t *size, uint32_t *resource)
{
    struct buffer *buffer = buffer_of(file, handle);
    if (!buffer)
        return ENOENT;
    if (offset)
        *offset = buffer->offset;
    if (size)
        *size = buffer->size;
    if (resource)
        *resource = (uint32_t)(buffer - kernel->buffers) + 1;
    return 0;
}

int fake_submitted(struct fake_file *file, uint32_t handle)
{
    struct buffer *buffer = buffer_of(file, handle);
    if (buffer)
        buffer->batches++;
    return buffer ? 0 : ENOENT;
}

int fake_read(struct fake_file *file, uint32_t handle, uint64_t from, void *bytes, uint64_t size)
{
    struct buffer *buffer = buffer_of(file, handle);
    if (!buffer || from > buffer->size || size > buffer->size - from)
        return EFAULT;
    return pread(fd_of(file), bytes, size, (off_t)(buffer->offset + from)) == (ssize_t)size ? 0 : EFAULT;
}

int fake_close(struct fake_file *file, uint32_t handle)
{
    struct buffer *buffer = buffer_of(file, handle);
    if (!buffer)
        return EINVAL;
    file->handles[handle] = 0;
    put_buffer(buffer);
    return 0;
}

int fake_fetch(uint64_t from, void *to, size_t size)
{
    struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};
    return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)size ? 0 : EFAULT;
}

void fake_answer(uint64_t to, uint64_t room, const void *answer, size_t size)
{
    memcpy((void *)(uintptr_t)to, answer, size < room ? size : room);
}

uint32_t fake_id(uint32_t id)
{
    const char *more = getenv("GPUALLOC_FAKE_DRM_IDS");
    return id + (more ? (uint32_t)strtoul(more, NULL, 10) : 0);
}

/* ---- DRM core ------------------------------------------------------------------------------------------------------------ */

static void copy_text(char *to, size_t *room, const char *text)
{
    size_t length = strlen(text);
    if (to && *room)
        memcpy(to, text, length < *room ? length : *room);
    *room = length;
}

static int core_version(struct fake_file *file, void *argument)
{
    struct drm_version *v = argument;
    v->version_major = v->version_minor = v->version_patchlevel = 0;
    size_t name = v->name_len, date = v->date_len, desc = v->desc_len;
    copy_text(v->name, &name, devices[file->device]->name);
    copy_text(v->date, &date, "fake");
    copy_text(v->desc, &desc, "a fake device for tests");
    v->name_len = name, v->date_len = date, v->desc_len = desc;
    return 0;
}

static int core_create_dumb(struct fake_file *file, void *argument)
{
    struct drm_mode_create_dumb *a = argument;
    if (!a->width || !a->height || !a->bpp || a->flags)
        return EINVAL;
    const char *longer = getenv("GPUALLOC_FAKE_DRM_LINES"); /* so many times as long as they need be */
    uint64_t pitch = (uint64_t)a->width * ((a->bpp + 7) / 8) * (longer ? strtoul(longer, NULL, 10) : 1);
    if (pitch > UINT32_MAX || pitch * a->height > UINT32_MAX)
        return EINVAL;
    a->pitch = (uint32_t)pitch;
    a->size = (pitch * a->height + PAGE - 1) & ~(PAGE - 1);
    return fake_create(file, a->size, &a->handle);
}

static int core_map_dumb(struct fake_file *file, void *argument)
{
    struct drm_mode_map_dumb *a = argument;
    return a->pad ? EINVAL : fake_find(file, a->handle, (uint64_t *)&a->offset, NULL, NULL);
}

static int core_destroy_dumb(struct fake_file *file, void *argument)
{
    return fake_close(file, ((struct drm_mode_destroy_dumb *)argument)->handle);
}

static int core_gem_close(struct fake_file *file, void *argument)
{
    struct drm_gem_close *a = argument;
    return a->pad ? EINVAL : fake_close(file, a->handle);
}

static int core_flink(struct fake_file *file, void *argument)
{
    struct drm_gem_flink *a = argument;
    struct buffer *buffer = buffer_of(file, a->handle);
    if (!buffer)
        return ENOENT;
    if (!buffer->name)
        buffer->name = kernel->next_name++;
    a->name = buffer->name;
    return 0;
}

static int core_open(struct fake_file *file, void *argument)
{
    struct drm_gem_open *a = argument;
    for (struct buffer *buffer = kernel->buffers; a->name && buffer < kernel->buffers + BUFFERS; buffer++)
        if (buffer->holders && buffer->name == a->name && buffer->device == file->device) {
            a->size = buffer->size;
            return add_handle(file, buffer, &a->handle);
        }
    return ENOENT;
}

int fake_export(struct fake_file *file, uint32_t handle, bool close_on_exec, int *to)
{
    struct buffer *buffer = buffer_of(file, handle);
    if (!buffer)
        return ENOENT;
    int fd = -1;
    for (int i = 0; buffer->dma_bufs && fd < 0 && i < FDS; i++)
        if (fds[i].dma_buf == buffer)
            fd = REAL(fcntl)(i, close_on_exec ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
    struct stat status;
    if (fd < 0)
        fd = memfd_create("fake-dmabuf", close_on_exec ? MFD_CLOEXEC : 0);
    if (fd < 0 || fd >= FDS || fstat(fd, &status) < 0 || ftruncate(fd, (off_t)buffer->size) < 0)
        return EMFILE;
    buffer->inode = status.st_ino;
    buffer->holders += !buffer->dma_bufs++;
    fds[fd].dma_buf = buffer;
    *to = fd;
    return 0;
}

static int core_export(struct fake_file *file, void *argument)
{
    struct drm_prime_handle *a = argument;
    if (devices[file->device]->no_prime)
        return ENOSYS;
    return a->flags & ~(uint32_t)(DRM_CLOEXEC | DRM_RDWR) ? EINVAL : fake_export(file, a->handle, a->flags & DRM_CLOEXEC, &a->fd);
}

/* One that came from another process, which made it after the fork, and may have closed its own: known by its inode. */
static void adopt(int fd)
{
    struct stat status;
    if (fd >= FDS || fds[fd].file || fds[fd].dma_buf || fstat(fd, &status) < 0)
        return;
    for (struct buffer *buffer = kernel->buffers; !fds[fd].dma_buf && buffer < kernel->buffers + BUFFERS; buffer++)
        if (buffer->holders && buffer->inode == status.st_ino)
            fds[fd].dma_buf = buffer;
    if (fds[fd].dma_buf)
        fds[fd].dma_buf->holders += !fds[fd].dma_buf->dma_bufs++;
}

int fake_import(struct fake_file *file, int fd, uint32_t *handle)
{
    if (fd < 0 || REAL(fcntl)(fd, F_GETFD) < 0)
        return EBADF;
    adopt(fd);
    struct buffer *buffer = fd < FDS ? fds[fd].dma_buf : NULL;
    if (!buffer)
        return EINVAL;
    for (uint32_t h = 1; h < HANDLES; h++)
        if (file->handles[h] == (uint32_t)(buffer - kernel->buffers) + 1) {
            *handle = h;
            return 0;
        }
    return add_handle(file, buffer, handle);
}

static int core_import(struct fake_file *file, void *argument)
{
    struct drm_prime_handle *a = argument;
    return devices[file->device]->no_prime ? ENOSYS : fake_import(file, a->fd, &a->handle);
}

/* Sync objects: one that is there always, and is signaled. A descriptor of it is a memfd. */
enum { SYNCOBJ = 31 };
#define SYNCOBJ_FILE "fake-syncobj"

static bool is_syncobj_fd(int fd)
{
    char link[64], name[64] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return readlink(link, name, sizeof name - 1) > 0 && strstr(name, SYNCOBJ_FILE);
}

static void say_syncobj_fds(void)
{
    unsigned open_ones = 0;
    for (int fd = 0; getenv("GPUALLOC_FAKE_DRM_LOG") && fd < FDS; fd++)
        open_ones += is_syncobj_fd(fd);
    if (open_ones)
        say("%u descriptors of sync objects are open\n", open_ones);
}

static int syncobj_create(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_syncobj_create *a = argument;
    a->handle = SYNCOBJ;
    return a->flags & ~1u ? EINVAL : 0;
}

static int syncobj_destroy(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_syncobj_destroy *a = argument;
    return a->pad || a->handle != SYNCOBJ ? EINVAL : 0;
}

static int syncobj_handle(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_syncobj_handle *a = argument;
    if (a->flags & ~1u || a->pad || (a->handle && a->handle != SYNCOBJ))
        return EINVAL;
    if (!a->handle) {
        a->handle = SYNCOBJ;
        return a->fd < 0 ? EINVAL : 0;
    }
    a->fd = a->flags ? -1 : memfd_create(SYNCOBJ_FILE, MFD_CLOEXEC); /* of a sync file nobody closes it */
    return a->flags || a->fd >= 0 ? 0 : EMFILE;
}

static int syncobjs(uint64_t handles, uint32_t count)
{
    const uint32_t *list = (const uint32_t *)(uintptr_t)handles;
    for (uint32_t i = 0; i < count; i++)
        if (list[i] != SYNCOBJ)
            return ENOENT;
    return count ? 0 : EINVAL;
}

static int syncobj_wait(struct fake_file *file, void *argument)
{
    (void)file;
    struct newer_drm_syncobj_wait *a = argument;
    a->first_signaled = a->count_handles - 1;
    return a->flags & ~15u || a->pad ? EINVAL : syncobjs(a->handles, a->count_handles);
}

static int syncobj_timeline_wait(struct fake_file *file, void *argument)
{
    (void)file;
    struct newer_drm_syncobj_timeline_wait *a = argument;
    a->first_signaled = a->count_handles - 1;
    return a->flags & ~15u || a->pad ? EINVAL : syncobjs(a->handles, a->count_handles);
}

static int syncobj_array(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_syncobj_array *a = argument;
    return a->pad ? EINVAL : syncobjs(a->handles, a->count_handles);
}

static int syncobj_query(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_syncobj_timeline_array *a = argument;
    for (uint32_t i = 0; i < a->count_handles; i++)
        ((uint64_t *)(uintptr_t)a->points)[i] = 100 + i;
    return a->flags & ~1u ? EINVAL : syncobjs(a->handles, a->count_handles);
}

static int syncobj_timeline_signal(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_syncobj_timeline_array *a = argument;
    return a->flags ? EINVAL : syncobjs(a->handles, a->count_handles);
}

static int syncobj_transfer(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_syncobj_transfer *a = argument;
    return a->pad || a->flags & ~2u ? EINVAL : a->src_handle == SYNCOBJ && a->dst_handle == SYNCOBJ ? 0 : ENOENT;
}

static int syncobj_eventfd(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_syncobj_eventfd *a = argument;
    return a->pad || a->flags & ~4u ? EINVAL : a->handle == SYNCOBJ ? 0 : ENOENT;
}

static const struct fake_request core[] = {
    {0xbf, sizeof(struct drm_syncobj_create), true, syncobj_create},
    {0xc0, sizeof(struct drm_syncobj_destroy), true, syncobj_destroy},
    {0xc1, sizeof(struct drm_syncobj_handle), true, syncobj_handle},
    {0xc2, sizeof(struct drm_syncobj_handle), true, syncobj_handle},
    {0xc3, sizeof(struct newer_drm_syncobj_wait), true, syncobj_wait},
    {0xc4, sizeof(struct drm_syncobj_array), true, syncobj_array},
    {0xc5, sizeof(struct drm_syncobj_array), true, syncobj_array},
    {0xca, sizeof(struct newer_drm_syncobj_timeline_wait), true, syncobj_timeline_wait},
    {0xcb, sizeof(struct drm_syncobj_timeline_array), true, syncobj_query},
    {0xcc, sizeof(struct drm_syncobj_transfer), true, syncobj_transfer},
    {0xcd, sizeof(struct drm_syncobj_timeline_array), true, syncobj_timeline_signal},
    {0xcf, sizeof(struct drm_syncobj_eventfd), true, syncobj_eventfd},
    {0x00, sizeof(struct drm_version), true, core_version},
    {0xb2, sizeof(struct drm_mode_create_dumb), false, core_create_dumb},
    {0xb3, sizeof(struct drm_mode_map_dumb), false, core_map_dumb},
    {0xb4, sizeof(struct drm_mode_destroy_dumb), false, core_destroy_dumb},
    {0x09, sizeof(struct drm_gem_close), true, core_gem_close},
    {0x0a, sizeof(struct drm_gem_flink), false, core_flink},
    {0x0b, sizeof(struct drm_gem_open), false, core_open},
    {0x2d, sizeof(struct drm_prime_handle), true, core_export},
    {0x2e, sizeof(struct drm_prime_handle), true, core_import},
    {0},
};

/* What the ioctl under way returns when it succeeds. */
static int returned;

void fake_return(int value) { returned = value; }

/* Every device answers DRM's question for its name: who traces cannot tell a memfd from /dev/kfd otherwise. */
static int dispatch(struct fake_file *file, unsigned long request, void *argument)
{
    const struct fake_driver *driver = devices[file->device];
    unsigned number = _IOC_NR(request);
    char type = driver->type && request != DRM_IOCTL_VERSION ? driver->type : DRM_IOCTL_BASE;
    bool own = type != DRM_IOCTL_BASE || (number >= DRM_COMMAND_BASE && number < DRM_COMMAND_END);
    returned = 0;
    for (const struct fake_request *r = own ? driver->requests : core; r->handle; r++) {
        if (r->number != number)
            continue;
        if (_IOC_TYPE(request) != (unsigned char)type || _IOC_SIZE(request) != r->size)
            return EINVAL;
        if (file->render && !r->render)
            return EACCES;
        return r->handle(file, argument);
    }
    return EINVAL;
}

/* ---- The preload --------------------------------------------------------------------------------------------------------- */

/* "/dev/dri/card1" and "/dev/dri/renderD129" are of device 1, unless that has a node of its own. */
static int device_of_node(const char *path, bool *render)
{
    static const char card[] = "/dev/dri/card", render_node[] = "/dev/dri/renderD";
    find_devices();
    *render = false;
    for (int i = 0; i < device_count; i++)
        if (devices[i]->node && strcmp(path, devices[i]->node) == 0)
            return i;
    *render = strncmp(path, render_node, sizeof render_node - 1) == 0;
    if (!*render && strncmp(path, card, sizeof card - 1) != 0)
        return -1;
    int number = *render ? atoi(path + sizeof render_node - 1) - 128 : atoi(path + sizeof card - 1);
    return number >= 0 && number < device_count && !devices[number]->node ? number : -1;
}

static int open_node(const char *path, int flags)
{
    bool render;
    int device = device_of_node(path, &render);
    if (device < 0)
        return -2;
    int fd = memfd_create(path, flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
    if (fd < 0 || fd >= FDS || ftruncate(fd, (off_t)1 << 42) < 0)
        return -1;
    lock_kernel();
    struct fake_file *file = kernel->files;
    while (file < kernel->files + FILES && file->used)
        file++;
    if (file < kernel->files + FILES) {
        *file = (struct fake_file){.used = true, .render = render, .device = device, .references = 1};
        snprintf(file->node, sizeof file->node, "%s", path);
        fds[fd].file = file;
    }
    pthread_mutex_unlock(&kernel->mutex);
    return fd;
}

static void forget(int fd)
{
    if (fd < 0 || fd >= FDS || (!fds[fd].file && !fds[fd].dma_buf))
        return;
    lock_kernel();
    struct fake_file *file = fds[fd].file;
    struct buffer *buffer = fds[fd].dma_buf;
    fds[fd].dma_buf = NULL;
    if (buffer && --buffer->dma_bufs == 0)
        put_buffer(buffer);
    if (file && --file->references == 0) {
        unsigned left = 0;
        for (uint32_t h = 1; h < HANDLES; h++)
            left += file->handles[h] && fake_close(file, h) == 0;
        say("closed %s with %u handles\n", file->node, left);
        file->used = false;
    }
    fds[fd].file = NULL;
    pthread_mutex_unlock(&kernel->mutex);
}

static void share(int from, int to)
{
    if (from < 0 || to < 0 || from >= FDS || to >= FDS || from == to)
        return;
    lock_kernel();
    fds[to] = fds[from];
    if (fds[to].file)
        fds[to].file->references++;
    if (fds[to].dma_buf)
        fds[to].dma_buf->dma_bufs++;
    pthread_mutex_unlock(&kernel->mutex);
}

#define OPEN(name)                                                                                                          \
    PUBLIC int name(const char *path, int flags, ...)                                                                       \
    {                                                                                                                       \
        va_list list;                                                                                                       \
        va_start(list, flags);                                                                                              \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;                                             \
        va_end(list);                                                                                                       \
        int fd = open_node(path, flags);                                                                                    \
        return fd != -2 ? fd : REAL(name)(path, flags, mode);                                                               \
    }
OPEN(open)
OPEN(open64)

PUBLIC int close(int fd)
{
    forget(fd);
    return REAL(close)(fd);
}

/* The kernel closes what a process leaves open. */
PUBLIC void _exit(int status)
{
    say_syncobj_fds();
    for (int fd = 0; fd < FDS; fd++)
        forget(fd);
    REAL(_exit)(status);
    __builtin_unreachable();
}

PUBLIC int dup(int fd)
{
    int copy = REAL(dup)(fd);
    share(fd, copy);
    return copy;
}

/* Whether the call is the one that does not come back, and a signal came. */
static bool is_stuck(unsigned long request)
{
    const char *stuck = getenv("GPUALLOC_FAKE_DRM_STUCK");
    char *count, *deaf;
    if (!stuck || strtoul(stuck, &count, 16) != _IOC_NR(request) || *count != ':')
        return false;
    unsigned long number = strtoul(count + 1, &deaf, 10);
    if (__atomic_add_fetch(&kernel->before_stuck, 1, __ATOMIC_SEQ_CST) != number)
        return false;
    say("stuck in request 0x%lx\n", (unsigned long)_IOC_NR(request));
    do
        pause();
    while (*deaf);
    return true;
}

PUBLIC int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (fd < 0 || fd >= FDS || !fds[fd].file)
        return REAL(ioctl)(fd, request, argument);
    if (is_stuck(request)) {
        errno = EINTR;
        return -1;
    }
    lock_kernel();
    int error = fds[fd].file ? dispatch(fds[fd].file, request, argument) : EBADF, result = returned;
    pthread_mutex_unlock(&kernel->mutex);
    if (!error)
        return result;
    errno = error;
    return -1;
}

/* Who lists /dev/dri sees the fakes: a directory of our own, whose entries are counted. */
static struct {
    int next;
    struct dirent entry;
} listing;

PUBLIC DIR *opendir(const char *path)
{
    find_devices();
    if (strcmp(path, "/dev/dri") != 0 || device_count == 0)
        return REAL(opendir)(path);
    listing.next = 0;
    return (DIR *)&listing;
}

PUBLIC struct dirent *readdir(DIR *folder)
{
    if (folder != (DIR *)&listing)
        return REAL(readdir)(folder);
    int n = listing.next++;
    while (n < 2 * device_count && devices[n / 2]->node)
        n = listing.next++;
    if (n >= 2 * device_count)
        return NULL;
    snprintf(listing.entry.d_name, sizeof listing.entry.d_name, n % 2 ? "renderD%d" : "card%d", n % 2 ? n / 2 + 128 : n / 2);
    return &listing.entry;
}

PUBLIC int closedir(DIR *folder) { return folder == (DIR *)&listing ? 0 : REAL(closedir)(folder); }

__attribute__((destructor)) static void at_exit(void)
{
    unsigned open_files = 0, dma_bufs = 0;
    for (int i = 0; i < FDS; i++) {
        open_files += fds[i].file != NULL;
        dma_bufs += fds[i].dma_buf != NULL;
    }
    say_syncobj_fds();
    if (device_count > 0)
        say("exit with %u files and %u dma-bufs open\n", open_files, dma_bufs);
}
