/* The wrappers that record: ioctl, and the exported D3DKMT functions. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "preload/dispatch.h"
#include "preload/export.h"
#include "preload/real.h"

/* Room for the kernel's and the C library's prototypes alike: the request is an unsigned long, the argument one word or none. */
EXPORT int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    void *argument = va_arg(args, void *);
    va_end(args);
    const struct real_functions *real = real_get();
    if (!dispatch_wants(request))
        return real->ioctl(fd, request, argument);
    return dispatch_ioctl(fd, request, argument, (uintptr_t)__builtin_frame_address(0), real->ioctl);
}

/* The next definition of a thunk, asked for anew until there is one: libdxcore may be loaded later. */
static dispatch_thunk_function *thunk_real(dispatch_thunk_function **known, const char *name)
{
    dispatch_thunk_function *real = __atomic_load_n(known, __ATOMIC_ACQUIRE);
    if (!real) {
        real = (dispatch_thunk_function *)dlsym(RTLD_NEXT, name);
        __atomic_store_n(known, real, __ATOMIC_RELEASE);
    }
    return real;
}

#define WRAPPER(function, event, size_, older_)                                                                             \
    EXPORT NTSTATUS D3DKMT##function(void *arguments);                                                                      \
    EXPORT NTSTATUS D3DKMT##function(void *arguments)                                                                       \
    {                                                                                                                       \
        static const struct dispatch_thunk thunk = {.row = GA_ROW_d3dkmt_##event, .size = size_, .older = older_};          \
        static dispatch_thunk_function *known;                                                                              \
        dispatch_thunk_function *real = thunk_real(&known, "D3DKMT" #function);                                             \
        return dispatch_thunk(&thunk, arguments, (uintptr_t)__builtin_frame_address(0), real);                              \
    }
#define THUNK(function, event, structure) WRAPPER(function, event, sizeof(struct structure), false)
#define THUNK_OLDER(function, event, size) WRAPPER(function, event, size, true)
#include "preload/thunks.inc"

/* The one whose arguments are the members of its ioctl's structure: that structure is recorded. */
typedef NTSTATUS share_objects_function(uint32_t, const D3DKMT_HANDLE *, void *, uint32_t, uint64_t *);
static dispatch_thunk_function *share_objects;

static NTSTATUS share_objects_spread(void *arguments)
{
    const struct D3DKMT_SHAREOBJECTS *a = arguments;
    void (*known)(void) = (void (*)(void))__atomic_load_n(&share_objects, __ATOMIC_ACQUIRE);
    share_objects_function *real = (share_objects_function *)known;
    return real(a->ObjectCount, a->ObjectHandleArray, a->pObjectAttributes, a->DesiredAccess, a->pSharedNtHandle);
}

EXPORT share_objects_function D3DKMTShareObjects;
EXPORT NTSTATUS D3DKMTShareObjects(uint32_t count, const D3DKMT_HANDLE *objects, void *attributes, uint32_t access, uint64_t *handle)
{
    static const struct dispatch_thunk thunk = {.row = GA_ROW_d3dkmt_share_objects, .size = sizeof(struct D3DKMT_SHAREOBJECTS)};
    struct D3DKMT_SHAREOBJECTS a = {count, objects, attributes, access, handle};
    bool there = thunk_real(&share_objects, "D3DKMTShareObjects") != NULL;
    return dispatch_thunk(&thunk, &a, (uintptr_t)__builtin_frame_address(0), there ? share_objects_spread : NULL);
}
