/* Faults on demand, and the guest driver's mapping of host statuses to errno. */
#include <errno.h>

#include "softgpu/state.h"

/* dxgkrnl's table: every status that it doesn't know becomes EINVAL, out of video memory included. */
static const struct {
    uint32_t status;
    int error;
} errors[] = {
    {(uint32_t)STATUS_OBJECT_NAME_COLLISION, EEXIST},
    {(uint32_t)STATUS_NO_MEMORY, ENOMEM},
    {(uint32_t)STATUS_INVALID_PARAMETER, EINVAL},
    {(uint32_t)STATUS_OBJECT_NAME_INVALID, ENOENT},
    {(uint32_t)STATUS_OBJECT_NAME_NOT_FOUND, ENOENT},
    {(uint32_t)STATUS_TIMEOUT, EAGAIN},
    {(uint32_t)STATUS_BUFFER_TOO_SMALL, EOVERFLOW},
    {(uint32_t)STATUS_DEVICE_REMOVED, ENODEV},
    {(uint32_t)STATUS_ACCESS_DENIED, EACCES},
    {(uint32_t)STATUS_NOT_SUPPORTED, EPERM},
    {(uint32_t)STATUS_NOT_IMPLEMENTED, EPERM},
    {(uint32_t)STATUS_ILLEGAL_INSTRUCTION, EOPNOTSUPP},
    {(uint32_t)STATUS_INVALID_HANDLE, EBADF},
    {(uint32_t)STATUS_GRAPHICS_ALLOCATION_BUSY, EINPROGRESS},
    {(uint32_t)STATUS_OBJECT_TYPE_MISMATCH, EPROTOTYPE},
};

long softgpu_status_result(uint32_t status)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].status == status)
            return -errors[i].error;
    return NT_SUCCESS(status) ? (long)status : -EINVAL;
}

static bool is_due(struct softgpu_fault *fault)
{
    fault->seen++;
    switch (fault->when) {
    case SOFTGPU_FAULT_AT:
        return fault->seen == fault->nth;
    case SOFTGPU_FAULT_FROM:
        return fault->seen >= fault->nth;
    default:
        return fault->seen % fault->nth == 0;
    }
}

int softgpu_fault_apply(struct softgpu *gpu, unsigned number, long *result, uint64_t *delay_ns)
{
    int failed = 0;
    for (uint32_t i = 0; i < gpu->config.fault_count; i++) {
        struct softgpu_fault *fault = &gpu->config.faults[i];
        if ((fault->request && fault->request != number) || !is_due(fault))
            continue;
        if (fault->kind == SOFTGPU_FAULT_DELAY) {
            *delay_ns += fault->delay_ns;
        } else if (fault->kind == SOFTGPU_FAULT_REMOVE) {
            gpu->removed = 1;
        } else if (!failed) {
            *result = softgpu_status_result(fault->status);
            failed = 1;
        }
    }
    return failed;
}
