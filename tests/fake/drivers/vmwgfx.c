/*
 * vmwgfx: buffers, surfaces with and without memory of the guest, submissions that are done at once. One surface of each kind, whose
 * handle is always the same.
 */
#include <errno.h>
#include <string.h>

#include "abi/vmwgfx.h"
#include "fake.h"

enum { CONTEXT = 2, FENCE = 8, SURFACE = 9, BACKED_SURFACE = 10, SHADER = 11 };
static struct { /* of the backed surface */
    struct drm_vmw_gb_surface_create_ext_req made;
    struct drm_vmw_gb_surface_create_rep rep;
} backed;

static int get_param(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_vmw_getparam_arg *a = argument;
    a->value = a->param == 9 ? 256 << 20 : 1;
    return a->param > 17 || a->pad64 ? EINVAL : 0;
}

static int get_3d_cap(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_vmw_get_3d_cap_arg *a = argument;
    if (a->pad64 || !a->max_size)
        return EINVAL;
    memset((void *)(uintptr_t)a->buffer, 'c', a->max_size);
    return 0;
}

static int alloc_bo(struct fake_file *file, void *argument)
{
    union drm_vmw_alloc_bo_arg *a = argument;
    struct drm_vmw_bo_rep rep = {0};
    uint64_t offset = 0;
    int error = a->req.pad64 ? EINVAL : fake_create(file, a->req.size, &rep.handle);
    if (error)
        return error;
    (void)fake_find(file, rep.handle, &offset, NULL, NULL);
    rep.map_handle = offset;
    rep.cur_gmr_id = rep.handle;
    a->rep = rep;
    return 0;
}

static int handle_close(struct fake_file *file, void *argument)
{
    struct drm_vmw_handle_close_arg *a = argument;
    return a->pad64 ? EINVAL : fake_close(file, a->handle);
}

static int synccpu(struct fake_file *file, void *argument)
{
    struct drm_vmw_synccpu_arg *a = argument;
    if (a->op > 1 || a->pad64 || a->flags & ~15u || !(a->flags & 3))
        return EINVAL;
    return fake_find(file, a->handle, NULL, NULL, NULL) ? ESRCH : 0;
}

static int create_surface(struct fake_file *file, void *argument)
{
    (void)file;
    union drm_vmw_surface_create_arg *a = argument;
    const struct drm_vmw_size *size = (const void *)(uintptr_t)a->req.size_addr;
    uint32_t levels = 0;
    for (int face = 0; face < 6; face++)
        levels += a->req.mip_levels[face];
    if (!levels || levels > 6 * 24 || a->req.shareable > 1 || a->req.scanout > 1)
        return EINVAL;
    for (uint32_t i = 0; i < levels; i++)
        if (!size[i].width || !size[i].height || !size[i].depth || size[i].pad64)
            return EINVAL;
    a->rep = (struct drm_vmw_surface_arg){.sid = SURFACE};
    return 0;
}

static int ref_surface(struct fake_file *file, void *argument)
{
    (void)file;
    union drm_vmw_surface_reference_arg *a = argument;
    if (a->req.sid != SURFACE || a->req.handle_type > 1)
        return EINVAL;
    struct drm_vmw_size *size = (void *)(uintptr_t)a->rep.size_addr;
    a->rep = (struct drm_vmw_surface_create_req){.flags = 1, .format = 2, .mip_levels = {3}, .size_addr = a->rep.size_addr};
    if (size)
        *size = (struct drm_vmw_size){64, 32, 1, 0};
    return 0;
}

static int unref_surface(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_vmw_surface_arg *a = argument;
    return a->sid == SURFACE || a->sid == BACKED_SURFACE ? 0 : EINVAL;
}

/* Its memory: the buffer that is named, a new one, or none. */
static int make_backed(struct fake_file *file, const struct drm_vmw_gb_surface_create_ext_req *req,
                       struct drm_vmw_gb_surface_create_rep *rep)
{
    const struct drm_vmw_gb_surface_create_req *base = &req->base;
    uint64_t bytes = 4ull * base->base_size.width * base->base_size.height * base->base_size.depth, offset = 0, size = 0;
    if (base->drm_surface_flags & ~15u || base->base_size.pad64 || req->must_be_zero || req->version || base->autogen_filter || !bytes)
        return EINVAL;
    uint32_t handle = base->buffer_handle;
    int error = 0;
    if (handle == VMWGFX_INVALID_ID && base->drm_surface_flags & 12) /* create_buffer or coherent */
        error = fake_create(file, bytes, &handle);
    if (error)
        return error;
    if (handle != VMWGFX_INVALID_ID && fake_find(file, handle, &offset, &size, NULL))
        return ESRCH;
    if (handle != VMWGFX_INVALID_ID && size < bytes)
        return EINVAL;
    *rep = (struct drm_vmw_gb_surface_create_rep){BACKED_SURFACE, (uint32_t)bytes, handle, (uint32_t)size, offset};
    backed.made = *req;
    backed.rep = *rep;
    return 0;
}

static int gb_surface_create(struct fake_file *file, void *argument)
{
    union drm_vmw_gb_surface_create_arg *a = argument;
    const struct drm_vmw_gb_surface_create_ext_req req = {.base = a->req};
    return make_backed(file, &req, &a->rep);
}

static int gb_surface_create_ext(struct fake_file *file, void *argument)
{
    union drm_vmw_gb_surface_create_ext_arg *a = argument;
    const struct drm_vmw_gb_surface_create_ext_req req = a->req;
    return make_backed(file, &req, &a->rep);
}

static int check_reference(const struct drm_vmw_surface_arg *req)
{
    return req->sid != BACKED_SURFACE || req->handle_type > 1 ? EINVAL : 0;
}

static int gb_surface_ref(struct fake_file *file, void *argument)
{
    (void)file;
    union drm_vmw_gb_surface_reference_arg *a = argument;
    int error = check_reference(&a->req);
    if (!error)
        a->rep = (struct drm_vmw_gb_surface_ref_rep){backed.made.base, backed.rep};
    return error;
}

static int gb_surface_ref_ext(struct fake_file *file, void *argument)
{
    (void)file;
    union drm_vmw_gb_surface_reference_ext_arg *a = argument;
    int error = check_reference(&a->req);
    if (!error)
        a->rep = (struct drm_vmw_gb_surface_ref_ext_rep){backed.made, backed.rep};
    return error;
}

static int create_context(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_vmw_context_arg *a = argument;
    a->cid = CONTEXT;
    return a->pad64 ? EINVAL : 0;
}

static int create_extended_context(struct fake_file *file, void *argument)
{
    (void)file;
    union drm_vmw_extended_context_arg *a = argument;
    if (a->req > 1 || a->rep.pad64)
        return EINVAL;
    a->rep.cid = CONTEXT;
    return 0;
}

static int unref_context(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_vmw_context_arg *a = argument;
    return a->pad64 || a->cid != CONTEXT ? EINVAL : 0;
}

static int create_shader(struct fake_file *file, void *argument)
{
    struct drm_vmw_shader_create_arg *a = argument;
    if (a->shader_type > 1)
        return EINVAL;
    a->shader_handle = SHADER;
    return a->buffer_handle != VMWGFX_INVALID_ID && fake_find(file, a->buffer_handle, NULL, NULL, NULL) ? ESRCH : 0;
}

static int unref_shader(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_vmw_shader_arg *a = argument;
    return a->pad64 || a->handle != SHADER ? EINVAL : 0;
}

static int execbuf(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_vmw_execbuf_arg *a = argument;
    struct drm_vmw_fence_rep *rep = (void *)(uintptr_t)a->fence_rep;
    if (a->version < 1 || a->version > 2 || a->flags & ~3u || a->command_size % 4)
        return EINVAL;
    if (rep)
        *rep = (struct drm_vmw_fence_rep){FENCE, 1, 77, 76, -1, 0};
    return 0;
}

static int fence_wait(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_vmw_fence_wait_arg *a = argument;
    if (a->pad64 || a->flags & ~3 || a->wait_options & ~1 || a->handle != FENCE)
        return EINVAL;
    a->cookie_valid = 1;
    a->kernel_cookie = 1000;
    return 0;
}

static int fence_signaled(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_vmw_fence_signaled_arg *a = argument;
    a->signaled = 1;
    a->passed_seqno = 77;
    a->signaled_flags = 1;
    return a->pad64 || a->flags & ~3u || a->handle != FENCE ? EINVAL : 0;
}

static int fence_unref(struct fake_file *file, void *argument)
{
    (void)file;
    struct drm_vmw_fence_arg *a = argument;
    return a->pad64 || a->handle != FENCE ? EINVAL : 0;
}

const struct fake_driver fake_driver_vmwgfx = {
    .name = "vmwgfx",
    .requests =
        (const struct fake_request[]){
            {0x40, sizeof(struct drm_vmw_getparam_arg), true, get_param},
            {0x41, sizeof(union drm_vmw_alloc_bo_arg), true, alloc_bo},
            {0x42, sizeof(struct drm_vmw_handle_close_arg), true, handle_close},
            {0x47, sizeof(struct drm_vmw_context_arg), true, create_context},
            {0x48, sizeof(struct drm_vmw_context_arg), true, unref_context},
            {0x49, sizeof(union drm_vmw_surface_create_arg), true, create_surface},
            {0x4a, sizeof(struct drm_vmw_surface_arg), true, unref_surface},
            {0x4b, sizeof(union drm_vmw_surface_reference_arg), true, ref_surface},
            {0x4c, sizeof(struct drm_vmw_execbuf_arg), true, execbuf},
            {0x4d, sizeof(struct drm_vmw_get_3d_cap_arg), true, get_3d_cap},
            {0x4e, sizeof(struct drm_vmw_fence_wait_arg), true, fence_wait},
            {0x4f, sizeof(struct drm_vmw_fence_signaled_arg), true, fence_signaled},
            {0x50, sizeof(struct drm_vmw_fence_arg), true, fence_unref},
            {0x55, sizeof(struct drm_vmw_shader_create_arg), true, create_shader},
            {0x56, sizeof(struct drm_vmw_shader_arg), true, unref_shader},
            {0x57, sizeof(union drm_vmw_gb_surface_create_arg), true, gb_surface_create},
            {0x58, sizeof(union drm_vmw_gb_surface_reference_arg), true, gb_surface_ref},
            {0x59, sizeof(struct drm_vmw_synccpu_arg), true, synccpu},
            {0x5a, sizeof(union drm_vmw_extended_context_arg), true, create_extended_context},
            {0x5b, sizeof(union drm_vmw_gb_surface_create_ext_arg), true, gb_surface_create_ext},
            {0x5c, sizeof(union drm_vmw_gb_surface_reference_ext_arg), true, gb_surface_ref_ext},
            {0},
        },
};
