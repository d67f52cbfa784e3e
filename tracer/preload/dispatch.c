/* From hooks to capture. */
#include "preload/dispatch.h"

#include <errno.h>
#include <string.h>

#include "preload/capture.h"
#include "preload/files.h"
#include "preload/ops.h"

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
    unsigned type = file->driver->dxg ? DXG_IOCTL_TYPE : 'd';
    if (_IOC_TYPE((unsigned)request) != type)
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
    if (!capture_ops->enabled(row))
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
    if (!capture_ops->enabled(thunk->row))
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
    capture_begin(&call, &target);
    uint32_t place = thread->thunk_count < THREAD_THUNKS ? thread->thunk_count : THREAD_THUNKS - 1;
    struct thread_thunk *state = &thread->thunks[place];
    *state = (struct thread_thunk){.frame = frame, .row = thunk->row};
    state->done = !key_read(&state->key, thunk->row, target.argument, target.size, call.stack);
    thread->thunk_count = place + 1;
    NTSTATUS status = real(arguments);
    int saved = errno;
    thread->thunk_count = place;
    capture_end(&call, status, 0);
    errno = saved;
    return status;
}
