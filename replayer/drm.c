/* DRM: see drm.h. */
#include "replayer/drm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <libdrm/drm.h>
#include <libdrm/drm_mode.h>
#include <libdrm/i915_drm.h>
#include <xf86drm.h>

#include "replayer/capacity.h"
#include "replayer/mapped.h"
#include "replayer/populate.h"
#include "replayer/schedule.h"
#include "replayer/share.h"
#include "replayer/standard.h"

enum {
    LINE = 4096,        /* bytes of a line of a dumb buffer that stands for a buffer without lines */
    PROBE_ARGUMENT = 4096,
    LINES_MAX = 16384,  /* then lines become longer: drivers and displays know no taller ones */
};

/* How a call is issued. */
enum form {
    AS_RECORDED, AS_OF_HEAP,
    AS_CREATE_DUMB, AS_MAP_DUMB, AS_CREATE_NATIVE, AS_MAP_NATIVE, AS_GEM_CLOSE, /* translated */
    AS_CLOSE, AS_MAPPING, AS_STANDARD, /* no ioctl, or several; the last: a D3DKMT call, by size */
};

/* What is known of a call before any run. */
enum {
    SIZED = REPLAY_READY_OWN,     /* makes a buffer whose size here may be another */
    ENDS = REPLAY_READY_OWN << 1, /* ends objects */
    MAPS = REPLAY_READY_OWN << 2, /* maps by itself */
    FORM = 8,                     /* from this bit on */
};

struct replay_device {
    struct replay_requests requests;
    struct replay_drm_nodes nodes;
    char driver[32];
    bool by_size;  /* the backend has no driver of its own: other requests than DRM core's are translated */
    const struct replay_dialect *dialect; /* then of the device's driver: others' creates are said in it. Null: they are not issued */
    uint8_t places[REPLAY_PLACES]; /* what stands for each here; REPLAY_PLACES: not asked for yet */
    int64_t *more; /* by memory: bytes that it has here beyond the recorded ones; of all workers */
    atomic_bool *any_more;
    bool *has_heaps; /* by plan.files: one with a node of its own, which is here */
    uint32_t *file_lanes; /* by plan.files: a lane that uses it, with all others of its crew; REPLAY_NONE: none does */
    unsigned map_way;
    enum replay_populate populate;
    struct replay_populator *populator;
    struct replay_standard standard; /* D3DKMT calls, by size; plan null: there are none, or they are not issued */
    bool *by_size_calls;             /* by call: those */
    int own_fd;                      /* the file that their buffers are made in */
};

int replay_drm_identify(const char *node, char *driver, size_t driver_size, char *version, size_t version_size,
                        struct ga_error *error)
{
    *driver = 0;
    int fd = open(node, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return ga_error_errno(error, errno, "%s", node);
    char name[64] = "", date[64] = "";
    struct drm_version v = {.name = name, .name_len = sizeof name - 1, .date = date, .date_len = sizeof date - 1};
    int result = drmIoctl(fd, DRM_IOCTL_VERSION, &v) < 0 ? -errno : 0;
    close(fd);
    if (result < 0)
        return ga_error_set(error, ENODEV, "%s is no DRM node; 'gpualloc devices' lists what is there", node);
    snprintf(driver, driver_size, "%s", name);
    if (version)
        snprintf(version, version_size, "%d.%d.%d %s", v.version_major, v.version_minor, v.version_patchlevel, date);
    return 0;
}

bool replay_drm_is_fake(const char *version) { return strstr(version, "fake") != NULL; }

/* The kernel lists a device's nodes beside each other: /sys/dev/char/226:128/device/drm/{card0,renderD128}. */
void replay_drm_find_nodes(const char *node, struct replay_drm_nodes *nodes)
{
    snprintf(nodes->card, sizeof nodes->card, "%s", node);
    snprintf(nodes->render, sizeof nodes->render, "%s", node);
    struct stat status;
    char path[96];
    if (stat(node, &status) < 0 || !S_ISCHR(status.st_mode))
        return;
    snprintf(path, sizeof path, "/sys/dev/char/%u:%u/device/drm", major(status.st_rdev), minor(status.st_rdev));
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (strncmp(entry->d_name, "card", 4) == 0 && !strchr(entry->d_name, '-'))
            snprintf(nodes->card, sizeof nodes->card, "/dev/dri/%.40s", entry->d_name);
        else if (strncmp(entry->d_name, "renderD", 7) == 0)
            snprintf(nodes->render, sizeof nodes->render, "/dev/dri/%.40s", entry->d_name);
    }
    if (folder)
        closedir(folder);
}

static bool serves(const struct replay_backend *backend, const char *driver)
{
    for (const char *const *served = backend->drivers; served && *served; served++)
        if (strcmp(*served, driver) == 0)
            return true;
    return !backend->drivers;
}

int replay_drm_open(struct replay_device **out, const struct replay_backend *self, const struct replay_target *target,
                    struct replay_identity *identity, struct ga_error *error)
{
    if (!target->node)
        return ga_error_set(error, ENODEV, "%s: no DRM node of that driver here; name one with --device", self->name);
    struct replay_device *device = calloc(1, sizeof *device);
    if (!device)
        return ga_error_errno(error, ENOMEM, "%s", self->name);
    int result = replay_drm_identify(target->node, device->driver, sizeof device->driver, identity->version,
                                     sizeof identity->version, error);
    if (result == 0 && !serves(self, device->driver))
        result = ga_error_set(error, ENODEV, "%s: %s is of driver %s; leave --backend away, or say --backend dumb", self->name,
                              target->node, device->driver);
    if (result < 0) {
        free(device);
        return result;
    }
    device->by_size = !self->drivers;
    if (!device->by_size && target->translate != REPLAY_TRANSLATE_VERBATIM)
        device->dialect = replay_dialect_of(device->driver);
    memset(device->places, REPLAY_PLACES, sizeof device->places);
    device->populate = target->populate;
    device->own_fd = -1;
    replay_drm_find_nodes(target->node, &device->nodes);
    snprintf(identity->node, sizeof identity->node, "%s", target->node);
    snprintf(identity->driver, sizeof identity->driver, "%s", device->driver);
    identity->software = replay_drm_is_fake(identity->version);
    *out = device;
    return 0;
}

/* The call has no file of the recording's: a D3DKMT call. */
static bool is_by_size(const struct replay_device *device, const struct replay_call *call)
{
    return replay_standard_translates(&device->standard, call);
}

static bool is_core(const struct replay_call *call) { return !*replay_row(call)->driver; }

static enum replay_skip translate(const struct replay_device *device, const struct replay_call *call, enum form *form)
{
    switch (replay_row(call)->effect.kind) {
    case GA_EFFECT_CREATE:
        *form = device->dialect ? AS_CREATE_NATIVE : AS_CREATE_DUMB;
        return call->failed ? REPLAY_SKIP_NO_COUNTERPART : call->bytes ? REPLAY_ISSUED : REPLAY_SKIP_NO_SIZE;
    case GA_EFFECT_MAP:
        *form = device->dialect ? AS_MAP_NATIVE : AS_MAP_DUMB;
        return call->failed ? REPLAY_SKIP_NO_COUNTERPART : REPLAY_ISSUED;
    case GA_EFFECT_DESTROY:
        *form = AS_GEM_CLOSE;
        return call->failed ? REPLAY_SKIP_NO_COUNTERPART : REPLAY_ISSUED;
    default:
        return REPLAY_SKIP_NO_COUNTERPART;
    }
}

static enum replay_skip bind_call(const struct replay_device *device, const struct replay_call *call, enum form *form)
{
    *form = AS_RECORDED;
    if (replay_row(call) && ga_row_is_of_heap(replay_row(call))) {
        *form = AS_OF_HEAP;
        return device->has_heaps[call->file] ? REPLAY_ISSUED : REPLAY_SKIP_NO_COUNTERPART;
    }
    if (!replay_row(call)) {
        *form = AS_CLOSE;
        return REPLAY_ISSUED;
    }
    if (ga_row_is_mapping(replay_row(call)))
        *form = AS_MAPPING;
    if (!ga_row_is_drm(replay_row(call)))
        return REPLAY_SKIP_OTHER_INTERFACE;
    if (is_core(call) || (!device->by_size && strcmp(replay_row(call)->driver, device->driver) == 0))
        return REPLAY_ISSUED;
    return device->by_size || device->dialect ? translate(device, call, form) : REPLAY_SKIP_OTHER_DRIVER;
}

unsigned long replay_drm_request(const struct ga_row *row, uint32_t size)
{
    return _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE, row->number, size);
}

int replay_drm_ask_offset(int fd, const struct replay_dialect *dialect, uint32_t handle, unsigned *way, uint64_t *offset)
{
    _Alignas(8) unsigned char argument[PROBE_ARGUMENT];
    const struct ga_row *row = replay_map_row(dialect);
    for (unsigned tried = 0; tried < replay_map_ways(dialect); tried++) {
        unsigned next = (*way + tried) % replay_map_ways(dialect);
        replay_say_map(dialect, argument, handle, next);
        if (drmIoctl(fd, replay_drm_request(row, row->abi_size), argument) == 0) {
            *way = next;
            *offset = replay_said_offset(dialect, argument);
            return 0;
        }
    }
    return -errno;
}

/* Whether a small buffer can be had there. */
static bool has_place(struct replay_device *device, int fd, enum replay_place place)
{
    _Alignas(8) unsigned char argument[PROBE_ARGUMENT];
    const struct ga_row *row = replay_create_row(device->dialect);
    replay_say_create(device->dialect, argument, place, 4096, 0);
    if (drmIoctl(fd, replay_drm_request(row, row->abi_size), argument) < 0)
        return false;
    struct drm_gem_close close_it = {.handle = replay_said_handle(device->dialect, argument)};
    uint64_t offset;
    replay_drm_ask_offset(fd, device->dialect, close_it.handle, &device->map_way, &offset);
    drmIoctl(fd, DRM_IOCTL_GEM_CLOSE, &close_it);
    return true;
}

/* What stands for a class of memory on the device: the first of the likest that it gives, and that its driver can say. */
static enum replay_place find_place(struct replay_device *device, int fd, enum replay_place wanted)
{
    static const uint8_t likest[REPLAY_PLACES][REPLAY_PLACES] = {
        [REPLAY_LOCAL] = {REPLAY_LOCAL, REPLAY_VISIBLE, REPLAY_SYSTEM, REPLAY_COHERENT},
        [REPLAY_VISIBLE] = {REPLAY_VISIBLE, REPLAY_LOCAL, REPLAY_SYSTEM, REPLAY_COHERENT},
        [REPLAY_SYSTEM] = {REPLAY_SYSTEM, REPLAY_COHERENT, REPLAY_VISIBLE, REPLAY_LOCAL},
        [REPLAY_COHERENT] = {REPLAY_COHERENT, REPLAY_SYSTEM, REPLAY_VISIBLE, REPLAY_LOCAL}};
    for (int i = 0; i < REPLAY_PLACES && device->places[wanted] == REPLAY_PLACES; i++)
        if (replay_can_say(device->dialect, likest[wanted][i]) && has_place(device, fd, likest[wanted][i]))
            device->places[wanted] = likest[wanted][i];
    if (device->places[wanted] == REPLAY_PLACES) /* none, so the run will tell */
        device->places[wanted] = (uint8_t)wanted;
    return device->places[wanted];
}

static uint32_t made_by(const struct replay_plan *plan, const struct replay_call *call)
{
    uint32_t count = 0;
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        count += plan->refs[r].kind == REPLAY_ALLOCATION && plan->refs[r].role == REPLAY_MAKES && plan->refs[r].object != REPLAY_NONE;
    return count;
}

/* Where each issued create puts its buffer; what is needed of each class of memory, and is not to be had, is named before the run. */
static int find_limits(struct replay_device *device, int fd, const struct replay_plan *plan, struct replay_binding *binding)
{
    struct replay_capacity capacity;
    uint8_t *places = malloc(plan->call_count + 1u);
    if (!places)
        return -ENOMEM;
    memset(places, REPLAY_PLACES, plan->call_count + 1u);
    for (uint32_t c = 0; c < plan->call_count; c++) {
        const struct replay_call *call = &plan->calls[c];
        const struct ga_row *row = replay_row(call);
        if (!row || call->failed || binding->skips[c])
            continue;
        if (is_by_size(device, call) && row->effect.kind == GA_EFFECT_CREATE) {
            places[c] = (uint8_t)find_place(device, fd, REPLAY_SYSTEM); /* what the driver made of them, nobody knows */
            binding->unplaced[places[c]] += made_by(plan, call);
            continue;
        }
        if (!ga_row_is_drm(row) || is_core(call) || row->effect.kind != GA_EFFECT_CREATE)
            continue;
        enum replay_place place = replay_recorded_place(plan, call);
        places[c] = (uint8_t)(binding->translated[c] ? find_place(device, fd, place) : place);
        binding->moves[place][places[c]] += binding->translated[c];
    }
    replay_capacity_ask(&capacity, fd, device->driver);
    int result = replay_capacity_compare(&capacity, plan, places, device->dialect, device->nodes.card, binding);
    free(places);
    return result;
}

/* A dumb buffer of at least so many bytes, and at most a line more: drivers round to pages, and pages are lines. */
static void prepare_create_dumb(unsigned char *scratch, uint64_t bytes)
{
    struct drm_mode_create_dumb create = {.bpp = 32};
    uint64_t line = LINE, lines = (bytes + LINE - 1) / LINE;
    while (lines > LINES_MAX) {
        line *= 2;
        lines = (bytes + line - 1) / line;
    }
    create.width = (uint32_t)(line / 4);
    create.height = (uint32_t)lines;
    memcpy(scratch, &create, sizeof create);
}

/* One buffer of an allocation's size: in system memory as the device's driver says it, or a dumb one. */
static int make_buffer(void *user, int fd, uint64_t bytes, uint32_t *handle)
{
    const struct replay_device *device = user;
    _Alignas(8) unsigned char argument[PROBE_ARGUMENT];
    const struct ga_row *row = device->dialect ? replay_create_row(device->dialect) : NULL;
    if (!device->dialect)
        prepare_create_dumb(argument, bytes);
    else
        replay_say_create(device->dialect, argument, device->places[REPLAY_SYSTEM], bytes, 0);
    int result = ioctl(fd, row ? replay_drm_request(row, row->abi_size) : DRM_IOCTL_MODE_CREATE_DUMB, argument);
    struct drm_mode_create_dumb dumb;
    memcpy(&dumb, argument, sizeof dumb);
    *handle = device->dialect ? replay_said_handle(device->dialect, argument) : dumb.handle;
    return result;
}

static int end_buffer(void *user, int fd, uint32_t handle)
{
    (void)user;
    struct drm_gem_close close_it = {.handle = handle};
    return ioctl(fd, DRM_IOCTL_GEM_CLOSE, &close_it);
}

static const struct replay_ref *ref_to(const struct replay_device *device, const struct replay_call *call, uint8_t kind)
{
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        if (device->requests.plan->refs[r].kind == kind && device->requests.plan->refs[r].object != REPLAY_NONE)
            return &device->requests.plan->refs[r];
    return NULL;
}

static const struct replay_ref *buffer_of(const struct replay_device *device, const struct replay_call *call)
{
    return ref_to(device, call, REPLAY_BUFFER);
}

/* The size that the program passed tells the kernel how much it knows. Both directions: the kernel takes what it needs. */
static unsigned long request_of(const struct replay_device *device, const struct replay_call *call, enum form form)
{
    switch (form) {
    case AS_CREATE_DUMB:
        return DRM_IOCTL_MODE_CREATE_DUMB;
    case AS_MAP_DUMB:
        return DRM_IOCTL_MODE_MAP_DUMB;
    case AS_GEM_CLOSE:
        return DRM_IOCTL_GEM_CLOSE;
    case AS_CREATE_NATIVE:
        return replay_drm_request(replay_create_row(device->dialect), replay_create_row(device->dialect)->abi_size);
    case AS_MAP_NATIVE:
        return replay_drm_request(replay_map_row(device->dialect), replay_map_row(device->dialect)->abi_size);
    case AS_OF_HEAP: /* /dev/udmabuf compares all of it */
        return _IOC(ga_row_is_udmabuf(replay_row(call)) ? _IOC_WRITE : _IOC_READ | _IOC_WRITE,
                    ga_driver_type(replay_row(call)->driver), replay_row(call)->number, replay_row(call)->abi_size);
    case AS_CLOSE:
    case AS_MAPPING:
    case AS_STANDARD:
        return 0;
    default:
        break;
    }
    bool known = call->argument_size && call->argument_size <= replay_row(call)->abi_size;
    return replay_drm_request(replay_row(call), known ? call->argument_size : replay_row(call)->abi_size);
}

static enum form form_of(const struct replay_device *device, const struct replay_call *call)
{
    return (enum form)(replay_ready(&device->requests, call)->is >> FORM);
}

/* Of a dumb buffer. */
static bool is_create_dumb(const struct replay_call *call, enum form form)
{
    return form == AS_CREATE_DUMB || (replay_row(call) && ga_row_id(replay_row(call)) == GA_ROW_drm_mode_create_dumb);
}

/* Once a call's form is known. Of creates as recorded only dumb buffers' tell their size. */
static void make_ready(struct replay_device *device, const struct replay_call *call, enum form form)
{
    struct replay_ready *ready = replay_ready(&device->requests, call);
    ready->is = (ready->is & (REPLAY_READY_OWN - 1)) | (uint32_t)form << FORM;
    ready->request = (uint32_t)request_of(device, call, form);
    if (form == AS_STANDARD)
        return;
    if (buffer_of(device, call) && (form == AS_CREATE_NATIVE || is_create_dumb(call, form)))
        ready->is |= SIZED;
    if (form == AS_RECORDED && ga_row_id(replay_row(call)) == GA_ROW_drm_i915_gem_mmap)
        ready->is |= MAPS;
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        if (device->requests.refs[r].role == REPLAY_ENDS && device->requests.refs[r].object != REPLAY_NONE)
            ready->is |= ENDS;
}

/* Calls of /dev/dxg: their allocations by size, as far as it was learnt. */
static int bind_d3dkmt(struct replay_device *device, const struct replay_plan *plan, struct replay_binding *binding,
                       struct ga_error *error)
{
    static const struct replay_maker maker = {.make = make_buffer, .end = end_buffer};
    bool any = false;
    for (uint32_t c = 0; c < plan->call_count; c++)
        any |= replay_row(&plan->calls[c]) && ga_row_is_d3dkmt(replay_row(&plan->calls[c]));
    if (!any || (!device->dialect && !device->by_size))
        return 0;
    device->by_size_calls = calloc(plan->call_count + 1u, sizeof *device->by_size_calls);
    if (!device->by_size_calls)
        return ga_error_errno(error, ENOMEM, "%s", device->driver);
    device->standard.maker = &maker;
    device->standard.maker_user = device;
    for (uint32_t c = 0; c < plan->call_count; c++)
        if (binding->skips[c] == REPLAY_SKIP_OTHER_INTERFACE)
            binding->skips[c] = REPLAY_ISSUED; /* asked again */
    int result = replay_standard_bind(&device->standard, &device->requests, plan, binding, error);
    for (uint32_t c = 0; result == 0 && c < plan->call_count; c++) {
        device->by_size_calls[c] = is_by_size(device, &plan->calls[c]);
        if (!device->by_size_calls[c])
            continue;
        make_ready(device, &plan->calls[c], AS_STANDARD);
        if (!binding->skips[c])
            binding->mode = device->dialect ? REPLAY_NATIVE : REPLAY_DUMB;
    }
    binding->by_size = device->by_size_calls;
    return result;
}

static bool is_translated(enum form form) { return form >= AS_CREATE_DUMB && form <= AS_GEM_CLOSE; }

int replay_drm_bind(struct replay_device *device, const struct replay_plan *plan, struct replay_binding *binding,
                    struct ga_error *error)
{
    int result = replay_requests_init(&device->requests, plan, error);
    if (result < 0)
        return result;
    bool several = replay_plan_is_of_several(plan);
    device->more = replay_share((plan->object_count + 1u) * sizeof *device->more, several);
    device->any_more = replay_share(sizeof *device->any_more, several);
    device->has_heaps = calloc(plan->file_count + 1u, sizeof *device->has_heaps);
    device->file_lanes = malloc((plan->file_count + 1u) * sizeof *device->file_lanes);
    if (!device->more || !device->any_more || !device->has_heaps || !device->file_lanes)
        return ga_error_errno(error, ENOMEM, "%s", device->driver);
    memset(device->file_lanes, 0xff, (plan->file_count + 1u) * sizeof *device->file_lanes);
    for (uint32_t c = 0; c < plan->call_count; c++)
        if (plan->calls[c].file != REPLAY_NONE)
            device->file_lanes[plan->calls[c].file] = plan->calls[c].lane;
    for (uint32_t f = 0; f < plan->file_count; f++) {
        int fd = *plan->files[f].node ? open(plan->files[f].node, O_RDWR | O_CLOEXEC) : -1;
        device->has_heaps[f] = fd >= 0;
        if (fd >= 0)
            close(fd);
    }
    for (uint32_t c = 0; c < plan->call_count; c++) {
        enum form form;
        enum replay_skip skip = bind_call(device, &plan->calls[c], &form);
        if (!binding->skips[c])
            binding->skips[c] = (uint8_t)skip;
        binding->translated[c] = is_translated(form);
        make_ready(device, &plan->calls[c], form);
        if (binding->translated[c] && !binding->skips[c])
            binding->mode = device->dialect ? REPLAY_NATIVE : REPLAY_DUMB;
    }
    result = bind_d3dkmt(device, plan, binding, error);
    if (result < 0)
        return result;
    if (!device->by_size) {
        int fd = open(device->nodes.render, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            return ga_error_errno(error, errno, "%s", device->nodes.render);
        int found = find_limits(device, fd, plan, binding);
        close(fd);
        if (found < 0)
            return ga_error_errno(error, -found, "%s", device->driver);
    }
    return replay_populator_create(&device->populator, device->populate, device->driver, plan, error);
}

/* Files are opened on the kind of node that they were recorded on; creating dumb buffers needs the card node. */
static int open_file(const struct replay_device *device, const struct replay_file *file, struct ga_error *error)
{
    const char *node = *file->node ? file->node : file->render && !device->by_size ? device->nodes.render : device->nodes.card;
    int fd = open(node, O_RDWR | O_CLOEXEC);
    return fd < 0 ? ga_error_errno(error, errno, "%s", node) : fd;
}

void replay_drm_clear(struct replay_device *device)
{
    replay_requests_reset(&device->requests);
    memset(device->more, 0, device->requests.plan->object_count * sizeof *device->more);
    atomic_store(device->any_more, false);
}

/* The files of those lanes. */
static int open_files(struct replay_device *device, const struct replay_crew *crew, struct ga_error *error)
{
    const struct replay_plan *plan = device->requests.plan;
    for (uint32_t f = 0; f < plan->file_count; f++) {
        bool heap = *plan->files[f].node;
        if (heap && !device->has_heaps[f]) /* nothing is issued on it */
            continue;
        if (crew && (device->file_lanes[f] == REPLAY_NONE || !replay_crew_has(crew, device->file_lanes[f])))
            continue;
        int fd = open_file(device, &plan->files[f], error);
        if (fd < 0)
            return fd;
        replay_set_value(&device->requests, plan->files[f].object, (uint64_t)fd);
        replay_hold(&device->requests, plan->files[f].object);
        if (!heap)
            replay_populator_add_file(device->populator, f, fd);
    }
    if (!device->standard.plan)
        return 0;
    device->own_fd = open_file(device, &(struct replay_file){.render = true}, error);
    if (device->own_fd < 0)
        return device->own_fd;
    replay_populator_add_file(device->populator, plan->file_count, device->own_fd);
    return 0;
}

int replay_drm_begin(struct replay_device *device, struct ga_error *error)
{
    replay_drm_clear(device);
    return open_files(device, NULL, error);
}

int replay_drm_enter(struct replay_device *device, const struct replay_crew *crew, struct ga_error *error)
{
    replay_requests_enter(&device->requests);
    return open_files(device, crew, error);
}

static enum replay_skip prepare_map(struct replay_device *device, unsigned char *scratch, const struct replay_call *call)
{
    const struct replay_ref *ref = buffer_of(device, call);
    uint64_t handle = ref ? replay_value(&device->requests, ref->object) : REPLAY_ABSENT;
    if (handle == REPLAY_ABSENT)
        return REPLAY_SKIP_ABSENT;
    struct drm_mode_map_dumb map = {.handle = (uint32_t)handle};
    if (device->dialect)
        replay_say_map(device->dialect, scratch, (uint32_t)handle, device->map_way);
    else
        memcpy(scratch, &map, sizeof map);
    return REPLAY_ISSUED;
}

static enum replay_skip prepare_gem_close(struct replay_device *device, unsigned char *scratch, const struct replay_call *call)
{
    const struct replay_ref *ref = buffer_of(device, call);
    uint64_t handle = ref ? replay_value(&device->requests, ref->object) : REPLAY_ABSENT;
    struct drm_gem_close close_it = {.handle = (uint32_t)handle};
    memcpy(scratch, &close_it, sizeof close_it);
    return handle == REPLAY_ABSENT ? REPLAY_SKIP_ABSENT : REPLAY_ISSUED;
}

/* How a buffer's offset is asked for: null as a dumb one's. */
static const struct replay_dialect *dialect_of(const struct replay_device *device, const struct replay_object *buffer)
{
    const struct replay_call *maker = buffer->maker == REPLAY_NONE ? NULL : &device->requests.plan->calls[buffer->maker];
    if (maker && is_create_dumb(maker, form_of(device, maker)))
        return NULL;
    return device->dialect ? device->dialect : replay_dialect_of(device->driver);
}

/* Of the buffer that an mmap names: its offset in this run, in its file. What gave it in the recording may have made the buffer, too,
   and was translated then: the device is asked. */
static enum replay_skip prepare_mapping(struct replay_device *device, uint32_t lane, const struct replay_call *call)
{
    const struct replay_plan *plan = device->requests.plan;
    const struct replay_ref *ref = ref_to(device, call, REPLAY_OFFSET);
    const struct replay_object *place = ref ? &plan->objects[ref->object] : NULL;
    if (!ref)
        return replay_mapped_prepare(&device->requests, lane, call, -1, 0);
    const struct replay_object *buffer = place->owner == REPLAY_NONE ? NULL : &plan->objects[place->owner];
    uint32_t file = buffer && buffer->owner != REPLAY_NONE ? buffer->owner : plan->files[call->file].object; /* kfd's is another */
    uint64_t fd = replay_value(&device->requests, file), offset = replay_value(&device->requests, ref->object);
    uint64_t handle = buffer ? replay_value(&device->requests, place->owner) : REPLAY_ABSENT;
    if (fd == REPLAY_ABSENT || (buffer && handle == REPLAY_ABSENT))
        return REPLAY_SKIP_ABSENT;
    unsigned way = 0;
    if (offset == REPLAY_ABSENT &&
        (!buffer || replay_drm_ask_offset((int)fd, dialect_of(device, buffer), (uint32_t)handle, &way, &offset) < 0))
        return REPLAY_SKIP_ABSENT;
    return replay_mapped_prepare(&device->requests, lane, call, (int)fd, offset);
}

/* A request as recorded, of which nothing is to be known but its handles. */
static inline bool is_simple(const struct replay_device *device, const struct replay_ready *ready)
{
    return !(ready->is & ~(uint32_t)(REPLAY_READY_PLAIN | REPLAY_READY_KEEPS | SIZED | ENDS)) &&
           replay_is_plain(&device->requests, ready);
}

/* False: its file is not there. */
static inline bool on_file(const struct replay_device *device, uint32_t lane, const struct replay_ready *ready,
                           struct replay_ioctl *make)
{
    uint64_t fd = replay_value(&device->requests, ready->file);
    *make = (struct replay_ioctl){
        .fd = (int)fd, .request = ready->request, .argument = device->requests.scratch[lane], .own = ready};
    return fd != REPLAY_ABSENT;
}

static __attribute__((noinline)) enum replay_skip prepare_any(struct replay_device *device, uint32_t lane,
                                                              const struct replay_call *call, const struct replay_ready *ready,
                                                              struct replay_ioctl *make)
{
    const struct replay_plan *plan = device->requests.plan;
    unsigned char *scratch = device->requests.scratch[lane];
    enum form form = (enum form)(ready->is >> FORM);
    make->own = ready; /* and no ioctl */
    if (form == AS_STANDARD)
        return replay_standard_prepare(&device->standard, lane, call);
    if (form == AS_MAPPING)
        return prepare_mapping(device, lane, call);
    if (!on_file(device, lane, ready, make))
        return REPLAY_SKIP_ABSENT;
    switch (form) {
    case AS_CREATE_DUMB:
        prepare_create_dumb(scratch, call->bytes);
        return REPLAY_ISSUED;
    case AS_CREATE_NATIVE:
        replay_say_create(device->dialect, scratch, device->places[replay_recorded_place(plan, call)], call->bytes,
                          replay_recorded_alignment(plan, call));
        return REPLAY_ISSUED;
    case AS_MAP_DUMB:
    case AS_MAP_NATIVE:
        return prepare_map(device, scratch, call);
    case AS_GEM_CLOSE:
        return prepare_gem_close(device, scratch, call);
    case AS_CLOSE:
        return REPLAY_ISSUED;
    default:
        return replay_requests_prepare(&device->requests, lane, call);
    }
}

enum replay_skip replay_drm_prepare(struct replay_device *device, uint32_t lane, const struct replay_call *call,
                                    struct replay_ioctl *make)
{
    const struct replay_ready *ready = replay_ready(&device->requests, call);
    return is_simple(device, ready) && on_file(device, lane, ready, make) ? replay_plain_prepare(&device->requests, lane, ready)
                                                                          : prepare_any(device, lane, call, ready, make);
}

void replay_drm_issue(struct replay_device *device, uint32_t lane, const struct replay_call *call, struct replay_outcome *outcome)
{
    const struct replay_ready *ready = replay_ready(&device->requests, call);
    if (ready->is >> FORM == AS_STANDARD) {
        replay_standard_issue(&device->standard, device->own_fd, lane, call, outcome);
    } else if (ready->is >> FORM == AS_MAPPING) {
        replay_mapped_issue(&device->requests, lane, call, outcome);
    } else {
        int result = close((int)replay_value(&device->requests, ready->file));
        *outcome = (struct replay_outcome){.ret = result, .error = result == -1 ? errno : 0, .failed = result == -1};
    }
}

/* A request that maps by itself: what it mapped would outlive the run. */
static void unmap(const unsigned char *scratch)
{
    struct drm_i915_gem_mmap map;
    memcpy(&map, scratch, sizeof map);
    munmap((void *)(uintptr_t)map.addr_ptr, map.size);
}

/* What another driver's request for an offset has got. */
static void keep_offset(struct replay_device *device, uint32_t lane, const struct replay_call *call, bool failed)
{
    const struct replay_ref *ref = ref_to(device, call, REPLAY_OFFSET);
    if (ref && !failed)
        replay_set_value(&device->requests, ref->object, replay_said_offset(device->dialect, device->requests.scratch[lane]));
}

/* Of the dumb buffer just made. */
static inline uint64_t dumb_size(const struct replay_device *device, uint32_t lane)
{
    uint64_t size;
    memcpy(&size, device->requests.scratch[lane] + offsetof(struct drm_mode_create_dumb, size), sizeof size);
    return size;
}

/* Bytes of the buffer just made beyond the recorded ones. Drivers round a dumb buffer's lines, each in its way, and the size comes
   back; of other creates only what was asked for is known, and as recorded that is the same. */
static int64_t more_than_recorded(const struct replay_device *device, uint32_t lane, const struct replay_call *call, enum form form)
{
    uint64_t recorded = call->bytes, given;
    if (form == AS_CREATE_NATIVE)
        given = replay_said_bytes(device->dialect, device->places[replay_recorded_place(device->requests.plan, call)], recorded);
    else
        given = dumb_size(device, lane);
    return recorded && (recorded | given) <= INT64_MAX / 4 ? (int64_t)given - (int64_t)recorded : 0;
}

/* The same of what a call ends: a buffer, or a file with those that are still in it. */
static int64_t more_of_object(const struct replay_device *device, uint32_t object)
{
    const struct replay_plan *plan = device->requests.plan;
    if (plan->objects[object].kind == REPLAY_BUFFER)
        return device->more[plan->objects[object].memory];
    int64_t more = 0;
    for (uint32_t o = 0; plan->objects[object].kind == REPLAY_FILE && o < plan->object_count; o++)
        if (device->more[o] && plan->objects[o].owner == object && replay_value(&device->requests, o) != REPLAY_ABSENT)
            more += device->more[o];
    return more;
}

/* Before the handles that the call ended are forgotten. */
static void note_bytes(struct replay_device *device, uint32_t lane, const struct replay_call *call, uint32_t is,
                       struct replay_outcome *outcome)
{
    const struct replay_plan *plan = device->requests.plan;
    if (is & SIZED) {
        int64_t more = more_than_recorded(device, lane, call, (enum form)(is >> FORM));
        device->more[plan->objects[buffer_of(device, call)->object].memory] = outcome->more_bytes = more;
        if (more)
            atomic_store_explicit(device->any_more, true, memory_order_relaxed); /* calls that end it come after, by the plan */
    }
    if (!(is & ENDS) || !atomic_load_explicit(device->any_more, memory_order_relaxed))
        return;
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++)
        if (plan->refs[r].role == REPLAY_ENDS && plan->refs[r].object != REPLAY_NONE)
            outcome->more_bytes += more_of_object(device, plan->refs[r].object);
}

/* /dev/udmabuf returns the descriptor: it goes where the plan has a place for it, behind the structure. */
static void keep_returned(struct replay_device *device, uint32_t lane, const struct replay_call *call,
                          const struct replay_outcome *outcome)
{
    const struct replay_ref *ref = ref_to(device, call, REPLAY_DMA_BUF);
    int fd = (int)outcome->ret;
    if (ref && ga_row_is_udmabuf(replay_row(call)))
        memcpy(device->requests.scratch[lane] + ref->place, &fd, sizeof fd);
}

static __attribute__((noinline)) void finish_any(struct replay_device *device, uint32_t lane, const struct replay_call *call,
                                                 uint32_t is, struct replay_outcome *outcome)
{
    const struct replay_ref *buffer = buffer_of(device, call);
    struct drm_mode_create_dumb create;
    if (!outcome->failed)
        note_bytes(device, lane, call, is, outcome);
    switch (is >> FORM) {
    case AS_STANDARD:
        replay_standard_finish(&device->standard, device->own_fd, lane, call, outcome);
        return;
    case AS_MAP_DUMB:
    case AS_MAP_NATIVE: /* it names a buffer, and makes none */
        keep_offset(device, lane, call, outcome->failed);
        return;
    case AS_CREATE_DUMB:
    case AS_CREATE_NATIVE:
        memcpy(&create, device->requests.scratch[lane], sizeof create);
        if (buffer && !outcome->failed)
            replay_set_value(&device->requests, buffer->object,
                             is >> FORM == AS_CREATE_NATIVE
                                 ? replay_said_handle(device->dialect, device->requests.scratch[lane])
                                 : create.handle);
        return;
    case AS_MAPPING:
        replay_mapped_finish(&device->requests, lane, call, outcome);
        break;
    case AS_OF_HEAP:
        if (!outcome->failed)
            keep_returned(device, lane, call, outcome);
        break;
    default:
        if (is & MAPS && !outcome->failed)
            unmap(device->requests.scratch[lane]);
        break;
    }
    replay_requests_finish(&device->requests, lane, call, outcome->failed);
}

void replay_drm_finish(struct replay_device *device, uint32_t lane, const struct replay_call *call, const void *own,
                       struct replay_outcome *outcome)
{
    const struct replay_ready *ready = own;
    uint32_t is = ready->is;
    if (!is_simple(device, ready) || outcome->failed || (is & SIZED && dumb_size(device, lane) != call->bytes) ||
        (is & ENDS && atomic_load_explicit(device->any_more, memory_order_relaxed)))
        finish_any(device, lane, call, is, outcome);
    else if (is & REPLAY_READY_KEEPS)
        replay_plain_finish(&device->requests, lane, ready);
}

/* The program's own memory is the buffer. */
static bool brings_memory(const struct replay_plan *plan, const struct replay_call *call)
{
    for (uint32_t r = call->relocations; r < call->relocations + call->relocation_count; r++)
        if (plan->relocations[r].kind == REPLAY_TO_MEMORY)
            return true;
    return false;
}

/* All that a call of several made, one after the other; each is settled before the next. */
static enum replay_populate populate_allocations(struct replay_device *device, uint32_t lane, const struct replay_call *call)
{
    const struct replay_plan *plan = device->requests.plan;
    enum replay_populate done = REPLAY_POPULATE_NONE;
    for (uint32_t r = call->refs; r < call->refs + call->ref_count; r++) {
        const struct replay_ref *ref = &plan->refs[r];
        if (ref->kind != REPLAY_ALLOCATION || ref->role != REPLAY_MAKES || ref->object == REPLAY_NONE)
            continue;
        uint64_t bytes = plan->objects[ref->object].size;
        const struct replay_made made = {
            .lane = lane, .file = plan->file_count, .fd = device->own_fd, .dumb = !device->dialect,
            .handle = (uint32_t)replay_value(&device->requests, ref->object),
            .bytes = device->dialect ? replay_said_bytes(device->dialect, device->places[REPLAY_SYSTEM], bytes) : bytes};
        if (done != REPLAY_POPULATE_NONE)
            replay_populator_settle(device->populator, lane);
        enum replay_populate how = replay_populator_fill(device->populator, &made);
        done = done == REPLAY_POPULATE_FAILED ? done : how;
    }
    return done;
}

enum replay_populate replay_drm_populate(struct replay_device *device, uint32_t lane, const struct replay_call *call)
{
    const struct replay_plan *plan = device->requests.plan;
    if (device->populator && form_of(device, call) == AS_STANDARD)
        return populate_allocations(device, lane, call);
    const struct replay_ref *ref = buffer_of(device, call);
    if (!device->populator || !replay_row(call) || replay_row(call)->effect.kind != GA_EFFECT_CREATE || !ref)
        return REPLAY_POPULATE_NONE;
    uint64_t handle = replay_value(&device->requests, ref->object);
    uint64_t fd = replay_value(&device->requests, plan->files[call->file].object);
    if (handle == REPLAY_ABSENT || fd == REPLAY_ABSENT)
        return REPLAY_POPULATE_NONE;
    enum form form = form_of(device, call);
    uint64_t bytes = call->bytes;
    if (form == AS_CREATE_NATIVE)
        bytes = replay_said_bytes(device->dialect, device->places[replay_recorded_place(plan, call)], bytes);
    const struct replay_made made = {
        .lane = lane, .file = call->file, .fd = (int)fd, .handle = (uint32_t)handle, .bytes = bytes,
        .dumb = form == AS_CREATE_DUMB || (form == AS_RECORDED && is_core(call)),
        .users_memory = form == AS_RECORDED && brings_memory(plan, call)};
    return replay_populator_fill(device->populator, &made);
}

void replay_drm_settle(struct replay_device *device, uint32_t lane)
{
    if (device->populator)
        replay_populator_settle(device->populator, lane);
}

void replay_drm_end(struct replay_device *device)
{
    struct replay_requests *requests = &device->requests;
    replay_mapped_end(requests);
    replay_requests_close_descriptors(requests);
    for (uint32_t f = 0; f < requests->plan->file_count; f++) {
        uint32_t object = requests->plan->files[f].object;
        uint64_t fd = replay_value(requests, object);
        if (fd == REPLAY_ABSENT || replay_is_elsewhere(requests, object))
            continue;
        close((int)fd);
        replay_set_value(requests, object, REPLAY_ABSENT);
    }
    if (device->own_fd >= 0)
        close(device->own_fd);
    device->own_fd = -1;
}

void replay_drm_close(struct replay_device *device)
{
    if (!device)
        return;
    replay_requests_release(&device->requests);
    replay_populator_destroy(device->populator);
    replay_standard_release(&device->standard);
    free(device->by_size_calls);
    replay_unshare(device->more);
    replay_unshare(device->any_more);
    free(device->has_heaps);
    free(device->file_lanes);
    free(device);
}
