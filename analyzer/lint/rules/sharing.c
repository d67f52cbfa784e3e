/* Names that anybody can guess: global share handles of D3DKMT, FLINK names of DRM. */
#include "analyzer/lint/lint.h"

#include <inttypes.h>

enum { GLOBAL, FLINK };
static const struct lint_rule rules[] = {
    [GLOBAL] = {"global-share", LINT_WARNING, LINT_NEEDS_CALL,
                "An object is shared by a global handle, which any process can guess and WSL2's kernel refuses",
                "Set NtSecuritySharing, and pass what ShareObjects returns to the other process"},
    [FLINK] = {"flink-name", LINT_WARNING, LINT_NEEDS_CALL,
               "A buffer is shared by a FLINK name, which any client of the device can guess",
               "Export it with PRIME_HANDLE_TO_FD, and pass the descriptor over a Unix socket"},
    {NULL},
};

enum { CREATE_RESOURCE = 1u << 0, CREATE_SHARED = 1u << 1, NT_SECURITY_SHARING = 1u << 6 }; /* D3DKMT_CREATEALLOCATIONFLAGS */
enum { SYNC_SHARED = 1u << 0, SYNC_NT_SECURITY_SHARING = 1u << 1 };                      /* D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS */

static int on_call(struct lint *lint, void *state, const struct ga_call *call)
{
    (void)state;
    struct lint_call now = lint_call_of(call);
    struct lint_what what = {0};
    switch (ga_row_id(call->row)) {
    case GA_ROW_d3dkmt_create_allocation: {
        /* Without CreateResource it is another mistake. */
        const struct ga_d3dkmt_create_allocation *create = call->record;
        const uint32_t all = CREATE_RESOURCE | CREATE_SHARED | NT_SECURITY_SHARING;
        what.surface = create->hPrivateRuntimeResourceHandle;
        if ((create->Flags & all) != (CREATE_RESOURCE | CREATE_SHARED))
            return 0;
        return lint_report(lint, &rules[GLOBAL], &now, what, "CreateShared is set without NtSecuritySharing");
    }
    case GA_ROW_d3dkmt_create_synchronization_object2: {
        const struct ga_d3dkmt_create_synchronization_object2 *create = call->record;
        if ((create->Info_Flags & (SYNC_SHARED | SYNC_NT_SECURITY_SHARING)) != SYNC_SHARED)
            return 0;
        return lint_report(lint, &rules[GLOBAL], &now, what, "Shared is set without NtSecuritySharing");
    }
    case GA_ROW_d3dkmt_open_resource:
    case GA_ROW_d3dkmt_query_resource_info:
        return lint_report(lint, &rules[GLOBAL], &now, what, "it is looked for by hGlobalShare 0x%" PRIx32,
                           lint_handle_in(call, "hGlobalShare"));
    case GA_ROW_drm_gem_flink: {
        const struct ga_drm_gem_flink *flink = call->record;
        what = (struct lint_what){.kind = GA_OBJECT_ALLOCATION, .handle = flink->handle};
        return call->failed ? 0 : lint_report(lint, &rules[FLINK], &now, what, "its name is %" PRIu32, flink->name);
    }
    default:
        return 0;
    }
}

const struct lint_family lint_family_sharing = {.rules = rules, .call = on_call};
