/* From hooks to capture. */
#include "preload/dispatch.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "preload/capture.h"
#include "preload/files.h"
#include "preload/ops.h"
#include "preload/process.h"

/*
 * Thunks and their ioctls: one call is recorded, the outermost. An inner call is the thunk's own only when its request and the
 * members below match; one of the same request that does not match is recorded too, marked nested: a duplicate is visible, a loss is
 * not. So is one that comes after the thunk's own has succeeded.
 */
enum { NEAR = 256 * 1024 /* bytes of stack between a thunk and its ioctl, at most */ };

/* The members by which a thunk and its ioctl are known to be one call (shape_step.key), folded into one number. */
static bool key_read(uint64_t *key, enum ga_row_id row, uint64_t arguments, uint32_t size, struct memory_stack stack)
{
    const struct shape *shape = &shapes[row];
    union shape_abi a;
    if (memory_read_one(arguments, &a, size, stack) != MEMORY_OK)
        return false;
    *key = 0;
    for (unsigned s = 0; s < shape->step_count; s++) {
        const struct shape_step *step = &shape->steps[s];
        if (step->key && (uint32_t)step->offset + step->width <= size)
            *key = (*key ^ ga_load(a.bytes + step->offset, step->width, false)) * 0x9e3779b97f4a7c15 + step->offset;
    }
    return true;
}

static bool is_thunk_row(enum ga_row_id row)
{
    return ga_row_is_d3dkmt(&ga_rows[row]);
}

/* The running thunk of this row that a call at frame may belong to; *own says whether it certainly does. */
static struct thread_thunk *thunk_around(struct capture_thread *thread, enum ga_row_id row, uint64_t arguments, uint32_t size,
                                         uintptr_t frame, bool *own)
{
    *own = false;
    if (!thread->thunk_count || !is_thunk_row(row))
        return NULL;
    while (thread->thunk_count && thread_is_stale(thread, thread->thunks[thread->thunk_count - 1].frame, frame))
        thread->thunk_count--; /* left by a longjmp */
    struct thread_thunk *thunk = NULL;
    for (uint32_t i = 0; i < thread->thunk_count; i++)
        if (thread->thunks[i].row == row)
            thunk = &thread->thunks[i];
    uint64_t key;
    if (thunk && !thunk->done && thunk->frame > frame && thunk->frame - frame < NEAR &&
        key_read(&key, row, arguments, size, thread_stack(thread, frame)))
        *own = key == thunk->key;
    return thunk;
}

/* Retry marks: an attempt that repeats one which was interrupted, directly after it. */

static uint8_t retry_mark(struct capture_thread *thread, int fd, unsigned long request, uint64_t argument)
{
    bool retry = thread->retry_fd == fd && thread->retry_request == request && thread->retry_argument == argument;
    thread->retry_fd = -1;
    return retry ? GA_MARK_RETRY : 0;
}

static void retry_note(struct capture_thread *thread, int fd, unsigned long request, uint64_t argument, int error)
{
    if (error != EINTR && error != EAGAIN)
        return;
    thread->retry_request = request;
    thread->retry_argument = argument;
    thread->retry_fd = fd;
}

static enum ga_row_id row_of(const struct files_file *file, unsigned long request)
{
    if (_IOC_TYPE((unsigned)request) != (unsigned char)file->driver->type)
        return GA_ROW_COUNT;
    uint16_t row = file->driver->rows[_IOC_NR((unsigned)request)];
    return row == FILES_NO_ROW ? GA_ROW_COUNT : (enum ga_row_id)row;
}

/* The real ioctl between the two halves of its capture. */
static int ioctl_captured(int fd, unsigned long request, void *argument, const struct capture_target *target,
                          dispatch_ioctl_function *real)
{
    struct capture_call call;
    capture_begin(&call, target);
    int result = real(fd, request, argument), error = errno;
    capture_end(&call, result, result == -1 ? error : 0);
    retry_note(call.thread, fd, request, target->argument, result == -1 ? error : 0);
    errno = error;
    return result;
}

int dispatch_ioctl(int fd, unsigned long request, void *argument, uintptr_t frame, dispatch_ioctl_function *real)
{
    struct files_file *file = files_find(fd);
    if (!file)
        return real(fd, request, argument);
    enum ga_row_id row = row_of(file, request);
    if (row == GA_ROW_COUNT) {
        files_untraced(file, (uint32_t)request);
        return real(fd, request, argument);
    }
    bool enabled = capture_ops->enabled(row);
    if (!enabled && !capture_process.numbers_all)
        return real(fd, request, argument);

    struct capture_thread *thread = thread_self();
    uint32_t size = _IOC_SIZE((unsigned)request), known = shapes[row].row->abi_size;
    struct capture_target target = {
        .row = row,
        .size = size < known ? size : known,
        .argument = (uint64_t)(uintptr_t)argument,
        .file = file->id,
        .device = file->device,
        .frame = frame,
        .layer = GA_LAYER_IOCTL,
    };
    bool own;
    struct thread_thunk *thunk = thunk_around(thread, row, target.argument, target.size, frame, &own);
    if (own) {
        int result = real(fd, request, argument);
        thunk->done = result != -1 && result >= 0;
        return result;
    }
    if (!enabled) {
        (void)thread_take_number(thread);
        return real(fd, request, argument);
    }
    target.marks = retry_mark(thread, fd, request, target.argument) | (thunk ? GA_MARK_NESTED : 0);
    return ioctl_captured(fd, request, argument, &target, real);
}

static NTSTATUS not_supported(void *arguments)
{
    (void)arguments;
    return STATUS_NOT_SUPPORTED;
}

NTSTATUS dispatch_thunk(const struct dispatch_thunk *thunk, void *arguments, uintptr_t frame, dispatch_thunk_function *real)
{
    if (!real)
        real = not_supported; /* the program has called it and been refused: that is in the trace, too */
    bool enabled = capture_ops->enabled(thunk->row);
    if (!enabled && !capture_process.numbers_all)
        return real(arguments);
    struct capture_thread *thread = thread_self();
    struct capture_target target = {
        .row = thunk->row,
        .size = thunk->size,
        .argument = (uint64_t)(uintptr_t)arguments,
        .frame = frame,
        .layer = GA_LAYER_API,
        .older = thunk->older,
    };
    bool own;
    struct thread_thunk *outer = thunk_around(thread, thunk->row, target.argument, target.size, frame, &own);
    if (own)
        return real(arguments); /* one thunk made of another: its ioctl is matched against the outermost */
    target.marks = outer ? GA_MARK_NESTED : 0;

    struct capture_call call;
    if (enabled)
        capture_begin(&call, &target);
    else
        (void)thread_take_number(thread);
    uint32_t place = thread->thunk_count < THREAD_THUNKS ? thread->thunk_count : THREAD_THUNKS - 1;
    struct thread_thunk *state = &thread->thunks[place];
    *state = (struct thread_thunk){.frame = frame, .row = thunk->row};
    state->done = !key_read(&state->key, thunk->row, target.argument, target.size, thread_stack(thread, frame));
    thread->thunk_count = place + 1;
    NTSTATUS status = real(arguments);
    int saved = errno;
    thread->thunk_count = place;
    if (enabled)
        capture_end(&call, status, 0);
    errno = saved;
    return status;
}

/* The CPU's mappings. */

static uint64_t inode_of(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

/* Whether the call is captured; when it is not, it takes its number at most. */
static bool begin_mapping(struct capture_call *call, enum ga_row_id row, const void *arguments, uint32_t size, uintptr_t frame,
                          const struct files_file *file)
{
    if (!capture_ops->enabled(row)) {
        if (capture_process.numbers_all)
            (void)thread_take_number(thread_self());
        return false;
    }
    const struct capture_target target = {
        .row = row,
        .size = size,
        .argument = (uint64_t)(uintptr_t)arguments,
        .file = file ? file->id : 0,
        .device = file ? file->device : 0,
        .frame = frame,
        .own = true,
    };
    capture_begin(call, &target);
    return true;
}

static void end_mapping(struct capture_call *call, const void *result, int error)
{
    capture_end(call, (int64_t)(intptr_t)result, result == MAP_FAILED ? error : 0);
}

static void *mmap_of(const struct ga_mmap_arguments *a, dispatch_mmap_function *real)
{
    return real((void *)(uintptr_t)a->addr, a->length, (int)a->prot, (int)a->flags, a->fd, (off_t)a->offset);
}

/* Recorded is what maps a device or a dma-buf, and what maps anything over one. */
void *dispatch_mmap(const struct ga_mmap_arguments *arguments, uintptr_t frame, dispatch_mmap_function *real)
{
    bool anonymous = arguments->fd < 0 || arguments->flags & MAP_ANONYMOUS;
    bool wanted = !anonymous && (capture_ops->enabled(GA_ROW_drm_mmap) || capture_process.numbers_all);
    const struct files_file *file = wanted ? files_find_mapped(arguments->fd, arguments->offset) : NULL;
    bool dma_buf = wanted && !file && files_is_dma_buf(arguments->fd), device = (file && !file->driver->dxg) || dma_buf;
    bool over = arguments->flags & MAP_FIXED && mappings_any() && mappings_take(arguments->addr, arguments->length);
    if (!device && !over)
        return mmap_of(arguments, real);

    struct capture_call call;
    struct ga_mmap_arguments recorded = *arguments;
    if (dma_buf)
        recorded.dma_buf = inode_of(arguments->fd);
    bool enabled = begin_mapping(&call, GA_ROW_drm_mmap, &recorded, sizeof recorded, frame, device ? file : NULL);
    void *result = mmap_of(arguments, real);
    int error = errno;
    if (result == MAP_FAILED && over)
        mappings_restore(arguments->addr, arguments->length);
    else if (result != MAP_FAILED && device)
        mappings_add((uint64_t)(uintptr_t)result, arguments->length);
    if (enabled)
        end_mapping(&call, result, error);
    errno = error;
    return result;
}

int dispatch_munmap(const struct ga_munmap_arguments *arguments, uintptr_t frame, dispatch_munmap_function *real)
{
    void *address = (void *)(uintptr_t)arguments->addr;
    if (!mappings_take(arguments->addr, arguments->length))
        return real(address, arguments->length);
    struct capture_call call;
    bool enabled = begin_mapping(&call, GA_ROW_drm_munmap, arguments, sizeof *arguments, frame, NULL);
    int result = real(address, arguments->length), error = errno;
    if (result != 0)
        mappings_restore(arguments->addr, arguments->length);
    if (enabled)
        capture_end(&call, result, result == -1 ? error : 0);
    errno = error;
    return result;
}

void *dispatch_mremap(const struct ga_mremap_arguments *a, uintptr_t frame, dispatch_mremap_function *real)
{
    void *from = (void *)(uintptr_t)a->old_address, *to = (void *)(uintptr_t)a->new_address;
    bool fixed = a->flags & MREMAP_FIXED;
    bool device = mappings_take(a->old_address, a->old_size), over = fixed && mappings_take(a->new_address, a->new_size);
    if (!device && !over)
        return real(from, a->old_size, a->new_size, (int)a->flags, to);
    struct capture_call call;
    bool enabled = begin_mapping(&call, GA_ROW_drm_mremap, a, sizeof *a, frame, NULL);
    void *result = real(from, a->old_size, a->new_size, (int)a->flags, to);
    int error = errno;
    if (result == MAP_FAILED && device)
        mappings_restore(a->old_address, a->old_size);
    if (result == MAP_FAILED && over)
        mappings_restore(a->new_address, a->new_size);
    if (result != MAP_FAILED && device)
        mappings_add((uint64_t)(uintptr_t)result, a->new_size);
    if (enabled)
        end_mapping(&call, result, error);
    errno = error;
    return result;
}
