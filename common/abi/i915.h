/* i915: what Debian 12's libdrm header lacks. Source: include/uapi/drm/i915_drm.h of Linux 6.12. */
#ifndef GPUALLOC_ABI_I915_H
#define GPUALLOC_ABI_I915_H

#include <libdrm/i915_drm.h>

#include "abi/words.h"

#ifndef I915_GEM_CREATE_EXT_SET_PAT
#define I915_GEM_CREATE_EXT_SET_PAT 2
struct drm_i915_gem_create_ext_set_pat {
    struct i915_user_extension base;
    __u32 pat_index, rsvd;
};
#endif

#endif
