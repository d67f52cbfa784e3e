/* Capacity: see capacity.h. */
#include "replayer/capacity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libdrm/amdgpu_drm.h>
#include <libdrm/radeon_drm.h>
#include <xf86drm.h>

#include "abi/i915.h"
#include "abi/nouveau.h"
#include "abi/virtgpu.h"
#include "abi/xe.h"
#include "base/units.h"
#include "replayer/drm.h"

#define NOUVEAU_GETPARAM DRM_IOWR(DRM_COMMAND_BASE + 0x00, struct drm_nouveau_getparam)
enum { REGIONS_MAX = 64, VIRTIO_3D = 1, VIRTIO_BLOBS = 3, VIRTIO_HOST_VISIBLE = 4 };

/* ---- the device ---------------------------------------------------------------------------------------------------------- */

static void has(struct replay_capacity *c, enum replay_place place, uint64_t bytes)
{
    c->bytes[place] = bytes;
    c->known[place] = true;
}

static void has_system(struct replay_capacity *c, uint64_t bytes)
{
    has(c, REPLAY_SYSTEM, bytes);
    has(c, REPLAY_COHERENT, bytes);
}

static void ask_amdgpu(struct replay_capacity *c, int fd)
{
    struct drm_amdgpu_memory_info memory = {0};
    struct drm_amdgpu_info info = {.return_pointer = (uintptr_t)&memory, .return_size = sizeof memory, .query = AMDGPU_INFO_MEMORY};
    if (drmIoctl(fd, DRM_IOCTL_AMDGPU_INFO, &info) < 0)
        return;
    has(c, REPLAY_LOCAL, memory.vram.total_heap_size);
    has(c, REPLAY_VISIBLE, memory.cpu_accessible_vram.total_heap_size);
    has_system(c, memory.gtt.total_heap_size);
}

static void ask_radeon(struct replay_capacity *c, int fd)
{
    struct drm_radeon_gem_info info = {0};
    if (drmIoctl(fd, DRM_IOCTL_RADEON_GEM_INFO, &info) < 0)
        return;
    has(c, REPLAY_LOCAL, info.vram_size);
    has(c, REPLAY_VISIBLE, info.vram_visible);
    has_system(c, info.gart_size);
}

static void ask_nouveau(struct replay_capacity *c, int fd)
{
    struct drm_nouveau_getparam local = {.param = NOUVEAU_GETPARAM_FB_SIZE}, shared = {.param = NOUVEAU_GETPARAM_AGP_SIZE};
    if (drmIoctl(fd, NOUVEAU_GETPARAM, &local) == 0)
        has(c, REPLAY_LOCAL, local.value);
    if (drmIoctl(fd, NOUVEAU_GETPARAM, &shared) == 0)
        has_system(c, shared.value);
}

/* Regions of one class add up: a card of several tiles. Without a region of a class the device has none. */
static void has_region(struct replay_capacity *c, bool local, uint64_t bytes, uint64_t visible)
{
    if (!local) {
        has_system(c, c->bytes[REPLAY_SYSTEM] + bytes);
        return;
    }
    has(c, REPLAY_LOCAL, c->bytes[REPLAY_LOCAL] + bytes);
    if (visible)
        has(c, REPLAY_VISIBLE, c->bytes[REPLAY_VISIBLE] + visible);
}

static void ask_i915(struct replay_capacity *c, int fd)
{
    struct drm_i915_query_item item = {.query_id = DRM_I915_QUERY_MEMORY_REGIONS};
    struct drm_i915_query query = {.num_items = 1, .items_ptr = (uintptr_t)&item};
    if (drmIoctl(fd, DRM_IOCTL_I915_QUERY, &query) < 0 || item.length <= 0)
        return; /* Linux before 5.13 */
    struct drm_i915_query_memory_regions *all = calloc(1, (size_t)item.length);
    item.data_ptr = (uintptr_t)all;
    if (all && drmIoctl(fd, DRM_IOCTL_I915_QUERY, &query) == 0 && item.length > 0) {
        has(c, REPLAY_LOCAL, 0);
        for (uint32_t i = 0; i < all->num_regions && i < REGIONS_MAX; i++) {
            const struct drm_i915_memory_region_info *region = &all->regions[i];
            bool local = region->region.memory_class == I915_MEMORY_CLASS_DEVICE; /* visible size: since Linux 6.2, else 0 */
            has_region(c, local, region->probed_size, region->probed_cpu_visible_size);
        }
    }
    free(all);
}

static void ask_xe(struct replay_capacity *c, int fd)
{
    struct drm_xe_device_query query = {.query = DRM_XE_DEVICE_QUERY_MEM_REGIONS};
    if (drmIoctl(fd, DRM_IOCTL_XE_DEVICE_QUERY, &query) < 0 || query.size < sizeof(struct drm_xe_query_mem_regions))
        return;
    struct drm_xe_query_mem_regions *all = calloc(1, query.size);
    query.data = (uintptr_t)all;
    if (all && drmIoctl(fd, DRM_IOCTL_XE_DEVICE_QUERY, &query) == 0) {
        const struct drm_xe_mem_region *regions = (const void *)(all + 1);
        uint64_t room = (query.size - sizeof *all) / sizeof *regions;
        has(c, REPLAY_LOCAL, 0);
        for (uint32_t i = 0; i < all->num_mem_regions && i < room; i++) {
            has_region(c, regions[i].mem_class == 1, regions[i].total_size, regions[i].cpu_visible_size);
            if (regions[i].mem_class == 1)
                c->local_page = regions[i].min_page_size;
        }
    }
    free(all);
}

static bool virtio_has(int fd, uint64_t what)
{
    int value = 0;
    struct drm_virtgpu_getparam parameter = {.param = what, .value = (uintptr_t)&value};
    return drmIoctl(fd, replay_drm_request(&ga_rows[GA_ROW_drm_virtgpu_getparam], sizeof parameter), &parameter) == 0 && value;
}

static void ask_virtio_gpu(struct replay_capacity *c, int fd)
{
    c->virtio = true;
    c->blobs = virtio_has(fd, VIRTIO_BLOBS);
    c->host_visible = virtio_has(fd, VIRTIO_HOST_VISIBLE);
    c->has_3d = virtio_has(fd, VIRTIO_3D);
}

void replay_capacity_ask(struct replay_capacity *c, int fd, const char *driver)
{
    static const struct {
        const char *driver;
        void (*ask)(struct replay_capacity *capacity, int fd);
    } drivers[] = {{"amdgpu", ask_amdgpu}, {"radeon", ask_radeon}, {"nouveau", ask_nouveau},
                   {"i915", ask_i915},     {"xe", ask_xe},         {"virtio_gpu", ask_virtio_gpu}};
    *c = (struct replay_capacity){0};
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
        if (strcmp(drivers[i].driver, driver) == 0)
            drivers[i].ask(c, fd);
}

/* ---- the recording ------------------------------------------------------------------------------------------------------- */

/* A create takes effect at its end, what ends an object at its begin. */
struct moment {
    int64_t ns;
    uint32_t call;
};

struct census {
    const struct replay_plan *plan;
    const uint8_t *places;
    struct replay_binding *binding;
    uint32_t *first_child, *next; /* by object */
    uint32_t *holders;            /* by object: handles of its memory */
    bool *dead;                   /* by object */
    struct moment *moments;
    uint64_t alive[REPLAY_PLACES];
};

static int by_time(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    return x->ns < y->ns ? -1 : x->ns > y->ns ? 1 : (x->call > y->call) - (x->call < y->call);
}

static bool is_memory(uint8_t kind) { return kind == REPLAY_BUFFER || kind == REPLAY_ALLOCATION; }

static enum replay_place place_of(const struct census *s, uint32_t memory)
{
    uint32_t maker = s->plan->objects[memory].maker;
    return maker == REPLAY_NONE ? REPLAY_PLACES : (enum replay_place)s->places[maker];
}

/* Visible local memory is local too, and coherent memory the system's. */
static enum replay_place all_of(enum replay_place place) { return place <= REPLAY_VISIBLE ? REPLAY_LOCAL : REPLAY_SYSTEM; }

static void add(struct census *s, enum replay_place place, uint64_t bytes)
{
    struct replay_memory_use *use = &s->binding->memory[place];
    s->alive[place] += bytes;
    if (s->alive[place] > use->peak_bytes)
        use->peak_bytes = s->alive[place];
    if (bytes > use->largest_bytes)
        use->largest_bytes = bytes;
}

static void hold(struct census *s, uint32_t object)
{
    uint32_t memory = s->plan->objects[object].memory;
    enum replay_place place = place_of(s, memory);
    if (place == REPLAY_PLACES || s->holders[memory]++)
        return;
    add(s, place, s->plan->objects[memory].size);
    if (all_of(place) != place)
        add(s, all_of(place), s->plan->objects[memory].size);
}

static void end(struct census *s, uint32_t object)
{
    uint32_t memory = s->plan->objects[object].memory;
    enum replay_place place = place_of(s, memory);
    if (s->dead[object])
        return;
    s->dead[object] = true;
    if (is_memory(s->plan->objects[object].kind) && place != REPLAY_PLACES && s->holders[memory] && --s->holders[memory] == 0) {
        s->alive[place] -= s->plan->objects[memory].size;
        if (all_of(place) != place)
            s->alive[all_of(place)] -= s->plan->objects[memory].size;
    }
    for (uint32_t child = s->first_child[object]; child != REPLAY_NONE; child = s->next[child])
        end(s, child);
}

static void take_in(struct census *s, const struct replay_call *call)
{
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &s->plan->refs[r];
        if (ref->object == REPLAY_NONE || call->failed)
            continue;
        if (ref->role == REPLAY_ENDS)
            end(s, ref->object);
        else if (ref->role == REPLAY_MAKES && is_memory(ref->kind))
            hold(s, ref->object);
    }
}

static void find_children(struct census *s)
{
    for (uint32_t o = s->plan->object_count; o-- > 0;) {
        uint32_t owner = s->plan->objects[o].owner;
        s->next[o] = REPLAY_NONE;
        if (owner == REPLAY_NONE)
            continue;
        s->next[o] = s->first_child[owner];
        s->first_child[owner] = o;
    }
}

static int take_census(struct census *s)
{
    const struct replay_plan *plan = s->plan;
    s->first_child = calloc(plan->object_count + 1u, sizeof *s->first_child);
    s->next = calloc(plan->object_count + 1u, sizeof *s->next);
    s->holders = calloc(plan->object_count + 1u, sizeof *s->holders);
    s->dead = calloc(plan->object_count + 1u, sizeof *s->dead);
    s->moments = calloc(plan->call_count + 1u, sizeof *s->moments);
    bool all = s->first_child && s->next && s->holders && s->dead && s->moments;
    if (all) {
        memset(s->first_child, 0xff, (plan->object_count + 1u) * sizeof *s->first_child); /* REPLAY_NONE */
        find_children(s);
        for (uint32_t c = 0; c < plan->call_count; c++) {
            const struct ga_row *row = replay_row(&plan->calls[c]);
            bool ends = !row || row->effect.kind == GA_EFFECT_DESTROY || row->effect.kind == GA_EFFECT_CLOSE;
            s->moments[c] = (struct moment){ends ? plan->calls[c].begin_ns : plan->calls[c].end_ns, c};
        }
        qsort(s->moments, plan->call_count, sizeof *s->moments, by_time);
        for (uint32_t c = 0; c < plan->call_count; c++)
            take_in(s, &plan->calls[s->moments[c].call]);
    }
    free(s->first_child);
    free(s->next);
    free(s->holders);
    free(s->dead);
    free(s->moments);
    return all ? 0 : -ENOMEM;
}

/* ---- what does not fit --------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void say(struct replay_binding *binding, const char *format, ...)
{
    va_list list;
    if (binding->limit_count == REPLAY_LIMITS_MAX)
        return;
    va_start(list, format);
    vsnprintf(binding->limits[binding->limit_count++], sizeof binding->limits[0], format, list);
    va_end(list);
}

static void compare_sizes(const struct replay_capacity *c, const char *node, struct replay_binding *binding)
{
    for (int p = 0; p < REPLAY_PLACES; p++) {
        const struct replay_memory_use *use = &binding->memory[p];
        const char *name = replay_place_name((enum replay_place)p);
        if (!c->known[p] || !use->peak_bytes)
            continue;
        if (!c->bytes[p])
            say(binding, "the recording has up to %s of %s memory, and %s has none", ga_bytes(use->peak_bytes).text, name, node);
        else if (use->largest_bytes > c->bytes[p])
            say(binding, "the recording has a buffer of %s in %s memory, and %s has %s of it: such buffers will be refused",
                ga_bytes(use->largest_bytes).text, name, node, ga_bytes(c->bytes[p]).text);
        else if (use->peak_bytes > c->bytes[p])
            say(binding, "the recording has up to %s of %s memory alive at once, and %s has %s: buffers will move, or be refused",
                ga_bytes(use->peak_bytes).text, name, node, ga_bytes(c->bytes[p]).text);
    }
}

/* A class of memory that the device, or its driver's words, do not have. */
static void compare_places(const char *node, struct replay_binding *binding)
{
    for (int from = 0; from < REPLAY_PLACES; from++)
        for (int to = 0; to < REPLAY_PLACES; to++)
            if (from != to && binding->moves[from][to])
                say(binding, "%s cannot be asked for %s memory: %s create%s there go%s to %s memory", node,
                    replay_place_name((enum replay_place)from), ga_count(binding->moves[from][to]).text,
                    binding->moves[from][to] == 1 ? "" : "s", binding->moves[from][to] == 1 ? "es" : "",
                    replay_place_name((enum replay_place)to));
}

static void compare_pages(const struct replay_capacity *c, const struct replay_plan *plan, const uint8_t *places, const char *node,
                          struct replay_binding *binding)
{
    uint64_t odd = 0;
    for (uint32_t i = 0; i < plan->call_count && c->local_page; i++)
        odd += places[i] <= REPLAY_VISIBLE && !binding->translated[i] && plan->calls[i].bytes % c->local_page;
    if (odd)
        say(binding, "%s create%s in local memory: of sizes that are no multiple of %s, the smallest page of %s: refused",
            ga_count(odd).text, odd == 1 ? "" : "s", ga_bytes(c->local_page).text, node);
}

/* Translated creates whose alignment the device's driver cannot be told. */
static void compare_alignment(const struct replay_plan *plan, const uint8_t *places, const struct replay_dialect *dialect,
                              const char *node, struct replay_binding *binding)
{
    uint64_t most = 0, count = 0;
    for (uint32_t i = 0; i < plan->call_count && dialect && !replay_says_alignment(dialect); i++) {
        bool issued = binding->translated[i] && places[i] != REPLAY_PLACES;
        uint64_t alignment = issued ? replay_recorded_alignment(plan, &plan->calls[i]) : 0;
        count += alignment > 4096;
        most = alignment > most ? alignment : most;
    }
    if (count)
        say(binding, "%s create%s ask%s for an alignment of up to %s, of which the driver of %s cannot be told", ga_count(count).text,
            count == 1 ? "" : "s", count == 1 ? "s" : "", ga_bytes(most).text, node);
}

static void compare_resources(const struct replay_capacity *c, const struct replay_plan *plan, const char *node,
                              struct replay_binding *binding)
{
    uint64_t blobs = 0, visible = 0, pictures = 0;
    for (uint32_t i = 0; i < plan->call_count && c->virtio; i++) {
        const struct replay_call *call = &plan->calls[i];
        const struct ga_row *row = replay_row(call);
        if (!row || call->failed || binding->skips[i] || binding->translated[i])
            continue;
        struct drm_virtgpu_resource_create_blob blob = {0};
        struct drm_virtgpu_resource_create create = {0};
        if (ga_row_id(row) == GA_ROW_drm_virtgpu_resource_create_blob)
            memcpy(&blob, plan->images + call->image, sizeof blob);
        if (ga_row_id(row) == GA_ROW_drm_virtgpu_resource_create)
            memcpy(&create, plan->images + call->image, sizeof create);
        blobs += blob.size != 0;
        visible += blob.blob_mem > VIRTGPU_BLOB_MEM_GUEST && blob.blob_flags & 1;
        pictures += create.size && (create.target != 2 || create.depth > 1 || create.nr_samples > 1 || create.last_level > 1);
    }
    if (blobs && !c->blobs)
        say(binding, "the recording makes %s blob resource%s, and the host of %s takes none", ga_count(blobs).text,
            blobs == 1 ? "" : "s", node);
    else if (visible && !c->host_visible)
        say(binding, "the recording makes %s blob resource%s that the CPU maps, and the host of %s shows none of its memory",
            ga_count(visible).text, visible == 1 ? "" : "s", node);
    if (pictures && !c->has_3d)
        say(binding, "the recording makes %s resource%s of 3D, and the host of %s has no 3D", ga_count(pictures).text,
            pictures == 1 ? "" : "s", node);
}

int replay_capacity_compare(const struct replay_capacity *c, const struct replay_plan *plan, const uint8_t *places,
                            const struct replay_dialect *dialect, const char *node, struct replay_binding *binding)
{
    struct census census = {.plan = plan, .places = places, .binding = binding};
    int result = take_census(&census);
    for (int p = 0; p < REPLAY_PLACES; p++) {
        binding->memory[p].known = c->known[p];
        binding->memory[p].device_bytes = c->bytes[p];
    }
    compare_sizes(c, node, binding);
    compare_places(node, binding);
    compare_pages(c, plan, places, node, binding);
    compare_alignment(plan, places, dialect, node, binding);
    compare_resources(c, plan, node, binding);
    return result;
}
