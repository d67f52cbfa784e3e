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

#define THUNK(name, row_, size_, older_)                                                                                    \
    EXPORT NTSTATUS name(void *arguments);                                                                                  \
    EXPORT NTSTATUS name(void *arguments)                                                                                   \
    {                                                                                                                       \
        static const struct dispatch_thunk thunk = {.row = row_, .size = size_, .older = older_};                           \
        static dispatch_thunk_function *known;                                                                              \
        return dispatch_thunk(&thunk, arguments, (uintptr_t)__builtin_frame_address(0), thunk_real(&known, #name));         \
    }

THUNK(D3DKMTCreateAllocation, GA_ROW_d3dkmt_create_allocation, sizeof(struct D3DKMT_CREATEALLOCATION), true)
THUNK(D3DKMTCreateAllocation2, GA_ROW_d3dkmt_create_allocation, sizeof(struct D3DKMT_CREATEALLOCATION), false)
/* The older structure ends before Flags: its last four bytes are padding. */
THUNK(D3DKMTDestroyAllocation, GA_ROW_d3dkmt_destroy_allocation, offsetof(struct D3DKMT_DESTROYALLOCATION2, Flags), false)
THUNK(D3DKMTDestroyAllocation2, GA_ROW_d3dkmt_destroy_allocation, sizeof(struct D3DKMT_DESTROYALLOCATION2), false)
