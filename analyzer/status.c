/* Names of what calls fail with. */
#include "status.h"

#include <string.h>

/* The statuses that the thunks give, as Microsoft's ntstatus.h names them. */
static const struct {
    uint32_t status;
    const char *name;
} statuses[] = {
    {0x00000102, "STATUS_TIMEOUT"},
    {0xC0000001, "STATUS_UNSUCCESSFUL"},
    {0xC0000002, "STATUS_NOT_IMPLEMENTED"},
    {0xC0000008, "STATUS_INVALID_HANDLE"},
    {0xC000000D, "STATUS_INVALID_PARAMETER"},
    {0xC0000017, "STATUS_NO_MEMORY"},
    {0xC000001D, "STATUS_ILLEGAL_INSTRUCTION"},
    {0xC0000022, "STATUS_ACCESS_DENIED"},
    {0xC0000023, "STATUS_BUFFER_TOO_SMALL"},
    {0xC0000024, "STATUS_OBJECT_TYPE_MISMATCH"},
    {0xC0000033, "STATUS_OBJECT_NAME_INVALID"},
    {0xC0000034, "STATUS_OBJECT_NAME_NOT_FOUND"},
    {0xC0000035, "STATUS_OBJECT_NAME_COLLISION"},
    {0xC00000BB, "STATUS_NOT_SUPPORTED"},
    {0xC00002B6, "STATUS_DEVICE_REMOVED"},
    {0xC01E0100, "STATUS_GRAPHICS_NO_VIDEO_MEMORY"},
    {0xC01E0102, "STATUS_GRAPHICS_ALLOCATION_BUSY"},
};

uint32_t status_of(const struct ga_call *call)
{
    return ga_row_is_d3dkmt(call->row) ? call->status : (uint32_t)call->header->error;
}

const char *status_name(const struct ga_row *row, uint32_t code)
{
    if (!ga_row_is_d3dkmt(row))
        return strerrorname_np((int)code);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].status == code)
            return statuses[i].name;
    return NULL;
}
