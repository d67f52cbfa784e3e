/* Placement: see placement.h. */
#include "replayer/placement.h"

#include <string.h>

#include "abi/i915.h"

enum { PAGE = 4096, LARGE_PAGE = 65536, LINE = 4096, LINES_MAX = 16384 };

struct word {
    const char *member;
    uint64_t value;
};

/* Members are those of the schema's row. */
struct replay_dialect {
    const char *driver;
    uint16_t create, map; /* enum ga_row_id */
    const char *size, *alignment, *domain;
    uint64_t local;       /* bits of the domain member: device memory */
    struct word visible;  /* bits that ask for what the CPU reaches */
    struct word combined; /* bits of system memory that is not cached */
    struct word cached;   /* or of such that is */
    enum replay_place otherwise; /* of creates that say no place: the program's own memory … */
    struct word says[REPLAY_PLACES][3];
    struct word always[6];
    struct word map_says[2]; /* ways to map, the first that the device takes */
    bool regions;         /* places are i915's extension */
    bool by_lines;        /* the size in lines, too: width, height */
    bool large_pages;     /* device memory comes in 64 KiB */
};

#define ROWS(create_, map_) .create = GA_ROW_drm_##create_, .map = GA_ROW_drm_##map_
static const struct replay_dialect dialects[] = {
    {.driver = "amdgpu", ROWS(amdgpu_gem_create, amdgpu_gem_mmap), .size = "bo_size", .alignment = "alignment", .domain = "domains",
     .local = 4, .visible = {"domain_flags", 1}, .combined = {"domain_flags", 4},
     .otherwise = REPLAY_COHERENT,
     .says = {[REPLAY_LOCAL] = {{"domains", 4}}, [REPLAY_VISIBLE] = {{"domains", 4}, {"domain_flags", 1}},
              [REPLAY_SYSTEM] = {{"domains", 2}, {"domain_flags", 4}}, [REPLAY_COHERENT] = {{"domains", 2}}}},
    {.driver = "radeon", ROWS(radeon_gem_create, radeon_gem_mmap), .size = "size", .alignment = "alignment",
     .domain = "initial_domain", .local = 4, .visible = {"flags", 8}, .combined = {"flags", 6},
     .otherwise = REPLAY_COHERENT,
     .says = {[REPLAY_LOCAL] = {{"initial_domain", 4}}, [REPLAY_VISIBLE] = {{"initial_domain", 4}, {"flags", 8}},
              [REPLAY_SYSTEM] = {{"initial_domain", 2}, {"flags", 4}}, [REPLAY_COHERENT] = {{"initial_domain", 2}}}},
    {.driver = "nouveau", ROWS(nouveau_gem_new, nouveau_gem_info), .size = "size", .alignment = "align", .domain = "domain",
     .local = 2, .visible = {"domain", 8}, .cached = {"domain", 16},
     .otherwise = REPLAY_COHERENT,
     .says = {[REPLAY_LOCAL] = {{"domain", 2}}, [REPLAY_VISIBLE] = {{"domain", 2 | 8}}, [REPLAY_SYSTEM] = {{"domain", 4}},
              [REPLAY_COHERENT] = {{"domain", 4 | 16}}}},
    {.driver = "xe", ROWS(xe_gem_create, xe_gem_mmap_offset), .size = "size", .domain = "placement", .local = ~UINT64_C(1),
     .visible = {"flags", 4}, .cached = {"cpu_caching", 1}, .large_pages = true,
     .otherwise = REPLAY_COHERENT,
     .says = {[REPLAY_LOCAL] = {{"placement", 2}, {"cpu_caching", 2}},
              [REPLAY_VISIBLE] = {{"placement", 2}, {"cpu_caching", 2}, {"flags", 4}},
              [REPLAY_SYSTEM] = {{"placement", 1}, {"cpu_caching", 2}}, [REPLAY_COHERENT] = {{"placement", 1}, {"cpu_caching", 1}}}},
    {.driver = "i915", ROWS(i915_gem_create_ext, i915_gem_mmap_offset), .size = "size", .visible = {"flags", 1}, .regions = true,
     .otherwise = REPLAY_SYSTEM, .says = {[REPLAY_VISIBLE] = {{"flags", 1}}}, .large_pages = true,
     .map_says = {{"flags", 4 /* FIXED: cards */}, {"flags", 2 /* WB: chips without memory of their own */}}},
    {.driver = "virtio_gpu", ROWS(virtgpu_resource_create, virtgpu_map), .size = "size", .otherwise = REPLAY_COHERENT,
     .by_lines = true, /* a picture of 32 bits a pixel: the only kind that a device without 3D has */
     .always = {{"target", 2}, {"format", 1}, {"bind", 2}, {"depth", 1}, {"array_size", 1}, {"stride", LINE}}},
    {.driver = "qxl", ROWS(qxl_alloc, qxl_map), .size = "size", .otherwise = REPLAY_COHERENT},
};

const char *replay_place_name(enum replay_place place)
{
    static const char *const names[] = {
        [REPLAY_LOCAL] = "local", [REPLAY_VISIBLE] = "visible local", [REPLAY_SYSTEM] = "system", [REPLAY_COHERENT] = "coherent"};
    return names[place];
}

const struct replay_dialect *replay_dialect_of(const char *driver)
{
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++)
        if (strcmp(dialects[i].driver, driver) == 0)
            return &dialects[i];
    return NULL;
}

const struct ga_row *replay_create_row(const struct replay_dialect *d) { return &ga_rows[d->create]; }
const struct ga_row *replay_map_row(const struct replay_dialect *d) { return &ga_rows[d ? d->map : GA_ROW_drm_mode_map_dumb]; }

bool replay_says_alignment(const struct replay_dialect *d) { return d->alignment != NULL; }

bool replay_can_say(const struct replay_dialect *d, enum replay_place place)
{
    return d->domain || d->regions ? !d->regions || place != REPLAY_COHERENT : place == d->otherwise;
}

static uint64_t passed(const struct replay_plan *plan, const struct replay_call *call, const char *name)
{
    const struct ga_member *member = ga_row_member(replay_row(call), name);
    return member ? ga_load(plan->images + call->image + member->offset, member->width, false) : 0;
}

/* What an address in the call's image leads to: bytes into the image; 0 for nothing. */
static uint32_t lead(const struct replay_plan *plan, const struct replay_call *call, size_t place)
{
    for (uint32_t r = call->relocations; r < call->relocations + call->relocation_count; r++)
        if (plan->relocations[r].place == place && plan->relocations[r].kind == REPLAY_TO_IMAGE)
            return plan->relocations[r].target;
    return 0;
}

/* Whether the best of the regions that i915's extension names is the device's. */
static bool prefers_device(const struct replay_plan *plan, const struct replay_call *call)
{
    uint32_t at = lead(plan, call, offsetof(struct drm_i915_gem_create_ext, extensions));
    for (int i = 0; at && i < GA_CHAIN_MAX; i++) {
        struct drm_i915_gem_create_ext_memory_regions regions;
        struct drm_i915_gem_memory_class_instance first;
        memcpy(&regions.base, plan->images + call->image + at, sizeof regions.base);
        uint32_t list = lead(plan, call, at + offsetof(struct drm_i915_gem_create_ext_memory_regions, regions));
        if (list && regions.base.name == I915_GEM_CREATE_EXT_MEMORY_REGIONS) {
            memcpy(&first, plan->images + call->image + list, sizeof first);
            return first.memory_class == I915_MEMORY_CLASS_DEVICE;
        }
        at = lead(plan, call, at);
    }
    return false;
}

static bool has(const struct replay_plan *plan, const struct replay_call *call, const struct word *word)
{
    return word->member && passed(plan, call, word->member) & word->value;
}

enum replay_place replay_recorded_place(const struct replay_plan *plan, const struct replay_call *call)
{
    const struct replay_dialect *d = replay_dialect_of(replay_row(call)->driver);
    if (!d || ga_row_id(replay_row(call)) != d->create) /* the program's own memory, and what has no place */
        return d ? d->otherwise : REPLAY_COHERENT;
    bool local = d->regions ? prefers_device(plan, call) : d->domain && passed(plan, call, d->domain) & d->local;
    if (local)
        return has(plan, call, &d->visible) ? REPLAY_VISIBLE : REPLAY_LOCAL;
    if (d->combined.member)
        return has(plan, call, &d->combined) ? REPLAY_SYSTEM : REPLAY_COHERENT;
    if (d->cached.member)
        return has(plan, call, &d->cached) ? REPLAY_COHERENT : REPLAY_SYSTEM;
    return d->otherwise;
}

uint64_t replay_recorded_alignment(const struct replay_plan *plan, const struct replay_call *call)
{
    const struct replay_dialect *d = replay_dialect_of(replay_row(call)->driver);
    return d && d->alignment && ga_row_id(replay_row(call)) == d->create ? passed(plan, call, d->alignment) : 0;
}

static void say(const struct ga_row *row, unsigned char *scratch, const char *name, uint64_t value)
{
    const struct ga_member *member = name ? ga_row_member(row, name) : NULL;
    if (member)
        memcpy(scratch + member->offset, &value, member->width);
}

static void say_regions(unsigned char *scratch, enum replay_place place)
{
    struct argument {
        struct drm_i915_gem_create_ext create;
        struct drm_i915_gem_create_ext_memory_regions where;
        struct drm_i915_gem_memory_class_instance regions[2];
    } *argument = (void *)scratch;
    bool local = place == REPLAY_LOCAL || place == REPLAY_VISIBLE;
    argument->regions[0].memory_class = local ? I915_MEMORY_CLASS_DEVICE : I915_MEMORY_CLASS_SYSTEM;
    argument->regions[1].memory_class = I915_MEMORY_CLASS_SYSTEM; /* what the CPU must reach may have to move there */
    argument->where.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS;
    argument->where.num_regions = place == REPLAY_VISIBLE ? 2 : 1;
    argument->where.regions = (uintptr_t)argument->regions;
    argument->create.extensions = (uintptr_t)&argument->where;
}

/* Bytes that a create's size is a multiple of: of a line, or of the pages there. */
static uint64_t granule_of(const struct replay_dialect *d, enum replay_place place, uint64_t size)
{
    bool local = place == REPLAY_LOCAL || place == REPLAY_VISIBLE;
    uint64_t line = LINE;
    if (!d->by_lines)
        return d->large_pages && local ? LARGE_PAGE : PAGE;
    while ((size + line - 1) / line > LINES_MAX)
        line *= 2;
    return line;
}

uint64_t replay_said_bytes(const struct replay_dialect *d, enum replay_place place, uint64_t size)
{
    uint64_t granule = granule_of(d, place, size);
    return (size + granule - 1) / granule * granule;
}

void replay_say_create(const struct replay_dialect *d, unsigned char *scratch, enum replay_place place, uint64_t size,
                       uint64_t alignment)
{
    const struct ga_row *row = replay_create_row(d);
    uint64_t granule = granule_of(d, place, size);
    memset(scratch, 0, PAGE);
    if (d->by_lines) {
        say(row, scratch, "width", granule / 4);
        say(row, scratch, "height", (size + granule - 1) / granule);
    }
    for (size_t i = 0; i < sizeof d->always / sizeof *d->always; i++)
        say(row, scratch, d->always[i].member, d->always[i].value);
    if (d->by_lines)
        say(row, scratch, "stride", granule);
    for (size_t i = 0; i < sizeof d->says[0] / sizeof *d->says[0]; i++)
        say(row, scratch, d->says[place][i].member, d->says[place][i].value);
    say(row, scratch, d->size, replay_said_bytes(d, place, size));
    say(row, scratch, d->alignment, alignment ? alignment : PAGE);
    if (d->regions)
        say_regions(scratch, place);
}

void replay_say_map(const struct replay_dialect *d, unsigned char *scratch, uint32_t handle, unsigned way)
{
    const struct ga_row *row = replay_map_row(d);
    memset(scratch, 0, row->abi_size);
    say(row, scratch, row->effect.handle, handle);
    if (d)
        say(row, scratch, d->map_says[way].member, d->map_says[way].value);
}

unsigned replay_map_ways(const struct replay_dialect *d) { return d && d->map_says[1].member ? 2 : 1; }

uint64_t replay_said_offset(const struct replay_dialect *d, const unsigned char *scratch)
{
    for (const struct ga_member *m = replay_map_row(d)->members(); m->name; m++)
        if (m->mmap_offset)
            return ga_load(scratch + m->offset, m->width, false);
    return 0;
}

uint32_t replay_said_handle(const struct replay_dialect *d, const unsigned char *scratch)
{
    const struct ga_row *row = replay_create_row(d);
    return (uint32_t)ga_load(scratch + ga_row_member(row, row->effect.handle)->offset, 4, false);
}
