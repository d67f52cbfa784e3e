/*
 * Each request of each DRM driver and its neighbours, made once on the driver's fake with arguments that end at an unmapped page, and
 * what `gpualloc list` would show of it. One table for all drivers: what was passed, and the members as they must come back. Before
 * each call it is made wrongly in every way that the schema knows of, in all that its arguments lead to, which the fake must refuse.
 */
#include "capture_harness.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <libdrm/drm_mode.h>
#include <sys/uio.h>

#include "analyzer/list/walk.h"
#define GA_SCHEMA_INCLUDES
#include "schema/all.inc"
#undef GA_SCHEMA_INCLUDES

/* --- the fakes: the preload library of tests/fake, called by name --------------------------------------------------------- */

static int (*fake_open)(const char *path, int flags, ...);
static int (*fake_ioctl)(int fd, unsigned long request, ...);
static int (*fake_close)(int fd);

enum { DRIVERS = 40 };
static const char *drivers[DRIVERS] = {"vgem"}; /* and all of the schema's */
static int driver_count = 1, devices[DRIVERS];
static const struct { /* those that are none of DRM's */
    const char *driver, *node;
} nodes[] = {{"kfd", "/dev/kfd"}, {"dma_heap", "/dev/dma_heap/system"}, {"udmabuf", "/dev/udmabuf"}};

static int fake_probe(int fd, struct capture_probe *probe)
{
    char link[32], path[64] = "";
    int number;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0)
        return -EBADF;
    *probe = (struct capture_probe){.device = 1};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        if (strncmp(path, "/memfd:", 7) == 0 && strncmp(path + 7, nodes[i].node, strlen(nodes[i].node)) == 0) {
            strcpy(probe->driver, nodes[i].driver);
            return 1;
        }
    if (sscanf(path, "/memfd:/dev/dri/card%d", &number) != 1)
        return 0;
    snprintf(probe->path, sizeof probe->path, "/dev/dri/card%d", number);
    strcpy(probe->driver, drivers[number]);
    return 1;
}

static const struct capture_ops fake_ops = {test_enabled, test_emit, test_clock, fake_probe};

static int open_fakes(void **state)
{
    (void)state;
    char names[1024] = "";
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++)
        if (ga_row_is_drm(row) && *row->driver && strcmp(row->driver, drivers[driver_count - 1]) != 0) {
            assert_true(driver_count < DRIVERS);
            drivers[driver_count++] = row->driver;
        }
    for (int i = 0; i < driver_count; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? " " : "", drivers[i]);
    setenv("GPUALLOC_FAKE_DRM", names, 1);
    void *library = dlopen(FAKE_DRM, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    *(void **)&fake_open = dlsym(library, "open");
    *(void **)&fake_ioctl = dlsym(library, "ioctl");
    *(void **)&fake_close = dlsym(library, "close");
    (void)harness_setup(NULL);
    capture_ops = &fake_ops;
    for (int i = 0; i < driver_count; i++) {
        char path[32];
        snprintf(path, sizeof path, "/dev/dri/card%d", i);
        for (size_t n = 0; n < sizeof nodes / sizeof *nodes; n++)
            if (strcmp(drivers[i], nodes[n].driver) == 0)
                strcpy(path, nodes[n].node);
        devices[i] = fake_open(path, O_RDWR);
        assert_true(devices[i] >= 0);
    }
    return 0;
}

static int device_of(const char *driver)
{
    for (int i = 0; i < driver_count; i++)
        if (strcmp(drivers[i], driver) == 0)
            return devices[i];
    fail_msg("%s: no such fake", driver);
    return -1;
}

__attribute__((noinline)) static int fake_hooked(int fd, unsigned long request, void *argument)
{
    return dispatch_ioctl(fd, request, argument, (uintptr_t)__builtin_frame_address(0), fake_ioctl);
}

/* --- a call as text: name=value… {…} […] ---------------------------------------------------------------------------------- */

static char text[8192];
static size_t text_length;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    text_length += (size_t)vsnprintf(text + text_length, sizeof text - text_length, format, list);
    va_end(list);
    assert_true(text_length < sizeof text);
}

static void say_key(struct walk_key key)
{
    if (text_length && text[text_length - 1] != '{' && text[text_length - 1] != '[')
        say(" ");
    if (key.name)
        say("%.*s%s=", (int)key.length, key.name, key.suffix);
}

/* Addresses differ from run to run: what they are is another test's affair. */
static void on_integer(void *user, struct walk_key key, const struct ga_member *member, uint64_t value)
{
    (void)user;
    say_key(key);
    if (member->kind == GA_PTR || member->kind == GA_ELEMENTS)
        say(value ? "@" : "0");
    else if (member->is_signed)
        say("%lld", (long long)value);
    else
        say("%llu", (unsigned long long)value);
}

static void on_blob(void *user, struct walk_key key, uint64_t hash)
{
    (void)user;
    say_key(key);
    uint32_t size = 0;
    char *bytes = hash < GA_BLOB_FIRST_HASH ? NULL : blob_find(hash, &size);
    bool text_alone = true;
    for (uint32_t i = 0; bytes && i < size; i++)
        text_alone &= bytes[i] >= ' ' && bytes[i] <= '~';
    if (bytes && text_alone)
        say("'%.*s'", (int)size, bytes);
    for (uint32_t i = 0; bytes && !text_alone && i < size; i++)
        say("%02x", (unsigned char)bytes[i]);
    if (!bytes)
        say("state %llu", (unsigned long long)hash);
    free(bytes);
}

static void on_words(void *user, struct walk_key key, const struct ga_member *member, const void *words, uint32_t count)
{
    (void)user;
    say_key(key);
    say("[");
    for (uint32_t i = 0; i < count; i++)
        say("%s%llu", i ? " " : "",
            (unsigned long long)ga_load((const char *)words + (size_t)i * member->entry, member->entry, false));
    say("]");
}

static void on_null(void *user, struct walk_key key)
{
    (void)user;
    say_key(key);
    say("null");
}

static void on_text(void *user, struct walk_key key, const char *value)
{
    (void)user;
    say_key(key);
    say("%s", value);
}

static void on_open(void *user, struct walk_key key, char bracket)
{
    (void)user;
    say_key(key);
    say("%c", bracket);
}

static void on_close(void *user, char bracket)
{
    (void)user;
    say("%c", bracket);
}

static const struct walk_ops walk_ops = {on_integer, on_blob, on_words, on_null, on_text, on_open, on_close};

/* The events of the last call put together, as the reader does it. */
static const char *last_call(void)
{
    static struct walk *walk;
    static char elements[GA_CALL_ELEMENTS_MAX][64 * sizeof(union ga_record)];
    const struct event *event = &events[event_count - 1];
    if (!walk)
        assert_int_equal(walk_create(&walk, &walk_ops, NULL), 0);
    struct ga_call call = {.row = &ga_rows[event->row], .header = &event->record.header, .record = &event->record};
    assert_int_equal(call.row->kind, GA_ROW_CALL);
    call.failed = ga_call_failed(call.row, call.header);
    struct ga_elements *list = call.elements;
    for (enum ga_row_id id = 0; id < GA_ROW_COUNT; id++) {
        unsigned count = ga_rows[id].kind == GA_ROW_ELEMENT ? event_number(id) : 0;
        if (!count)
            continue;
        *list = (struct ga_elements){&ga_rows[id], elements[list - call.elements], count};
        for (unsigned i = 0; i < count; i++) {
            const union ga_record *record = &event_find(id, i)->record;
            memcpy(elements[list - call.elements] + record->element.index * list->row->record_size, record, list->row->record_size);
        }
        list++;
    }
    text_length = 0;
    *text = 0;
    assert_int_equal(walk_call(walk, &call), 0);
    return text;
}

/* --- the table ------------------------------------------------------------------------------------------------------------ */

/* Arrays and structures that arguments point to, each before an unmapped page. */
#define AT(type, ...) (uintptr_t) tail_copy((const type[]){__VA_ARGS__}, sizeof((const type[]){__VA_ARGS__}))
#define ROOM(size) (uintptr_t) tail_alloc(size)

struct made {
    const char *driver, *request; /* a null request: it has no name that a message could say */
    unsigned long number;
    void *argument;
    int error;
    const char *shown;
};

static unsigned char row_made[GA_ROW_COUNT];

/* What a fake must refuse, found from the schema: another size, a member that must be 0 and is not, a flag that there is not; in the
   structure and in all that it leads to; elements of a kind that there is not, and shorter ones. The call itself succeeds, so the
   refusal is for that alone. */

/* Bits of a flags word that are no flags: a number in some of them. */
static const struct {
    const char *event, *member;
    uint64_t bits;
} numbers_in_flags[] = {
    {"amdgpu_gem_va", "flags", 15u << 5}, /* AMDGPU_VM_MTYPE_ */
    {"i915_gem_execbuffer2", "flags", 0xf0ff}, /* the engine */
    {"msm_gem_submit", "flags", 0xffff},       /* the pipe */
    {"prime_fd_to_handle", "flags", ~0ull},    /* the kernel does not look */
    {"radeon_gem_op", "value", ~0ull},         /* nor here: it takes those that it knows */
};

static void expect_refusal(const struct made *made, int fd, unsigned long number, const char *what)
{
    int result = fake_ioctl(fd, number, made->argument), error = errno;
    if (result != -1 || error != EINVAL)
        fail_msg("%s: the fake takes %s (%d, errno %d)", made->request, what, result, result == -1 ? error : 0);
}

/* Bits that no flag has and no number either: the highest of them. */
static uint64_t unknown_flag(const struct ga_row *row, const struct ga_member *member)
{
    uint64_t known = 0;
    for (const struct ga_flag_name *flag = member->flags; flag->name; flag++)
        known |= 1ull << flag->bit;
    for (size_t i = 0; i < sizeof numbers_in_flags / sizeof *numbers_in_flags; i++)
        if (strcmp(row->event, numbers_in_flags[i].event) == 0 && strcmp(member->name, numbers_in_flags[i].member) == 0)
            known |= numbers_in_flags[i].bits;
    for (int bit = member->width * 8 - 1; bit >= 0; bit--)
        if (!(known & 1ull << bit))
            return 1ull << bit;
    return 0;
}

/* A structure of a call: the argument, and what it leads to. */
struct place {
    const struct ga_row *row;
    char *at;
    uint32_t size;
    char before[512];
};
static struct place places[64];
static unsigned place_count;

static bool is_active(const struct ga_row *row, const char *at, const struct ga_member *member)
{
    const struct place *of = member->arm_of_call ? &places[0] : &(struct place){.row = row, .at = (char *)at};
    const struct ga_member *arm = ga_row_member(of->row, member->arm);
    return !arm || ga_arm_active((enum ga_arm_test)member->arm_test, ga_load(of->at + arm->offset, arm->width, false),
                                 member->arm_value);
}

/* The structures stand before unmapped pages, and an extension may be shorter than its name says. */
static bool is_readable(const char *at, uint32_t size)
{
    char bytes[512];
    assert_true(size <= sizeof bytes);
    struct iovec to = {bytes, size}, from = {(void *)at, size};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)size;
}

static void find_places(const struct ga_row *row, char *at, uint32_t size);

static void find_element(const struct ga_row *row, uint64_t at)
{
    if (at && is_readable((char *)(uintptr_t)at, row->abi_size))
        find_places(row, (char *)(uintptr_t)at, row->abi_size);
}

static uint64_t value_of(const struct ga_row *row, const char *at, const char *name)
{
    const struct ga_member *member = ga_row_member(row, name);
    return ga_load(at + member->offset, member->width, false);
}

static void find_elements(const struct ga_row *row, char *at, const struct ga_member *member)
{
    const struct ga_row *element = &ga_rows[member->element];
    bool here = member->layout == GA_LAYOUT_HERE;
    uint64_t first = here ? (uintptr_t)at + member->at : ga_load(at + member->offset, 8, false);
    if (member->layout == GA_LAYOUT_CHAIN) {
        for (int i = 0; first && i < GA_CHAIN_MAX; i++, first = ga_load((char *)(uintptr_t)first, 8, false))
            find_element(element, first);
        return;
    }
    uint64_t count = member->one ? 1 : value_of(row, at, member->count);
    uint64_t step = member->layout == GA_LAYOUT_POINTERS ? 8 : member->stride ? value_of(row, at, member->stride) : element->abi_size;
    if (member->count_unit)
        count = count * member->count_unit / element->abi_size;
    for (uint64_t i = 0; first && i < count; i++) {
        const char *place = (char *)(uintptr_t)(first + i * step);
        find_element(element, member->layout == GA_LAYOUT_POINTERS ? ga_load(place, 8, false) : (uintptr_t)place);
    }
}

static void find_places(const struct ga_row *row, char *at, uint32_t size)
{
    struct place *place = &places[place_count++];
    assert_true(place_count <= sizeof places / sizeof *places && size <= sizeof place->before);
    *place = (struct place){row, at, size, {0}};
    memcpy(place->before, at, size);
    for (const struct ga_member *member = row->members(); member->name; member++)
        if (member->kind == GA_ELEMENTS && member->direction & GA_IN && is_active(row, at, member))
            find_elements(row, at, member);
}

static unsigned refusals, nested_refusals;

/* A fake may have written into the structures before it finds what is wrong. */
static void refuses_with(const struct made *made, int fd, const struct place *place, const struct ga_member *member, uint64_t value)
{
    char what[128], *bytes = place->at + member->offset;
    memcpy(bytes, &value, member->room ? member->entry : member->width);
    snprintf(what, sizeof what, "%s.%s=%#llx", place->row->event, member->path, (unsigned long long)value);
    expect_refusal(made, fd, made->number, what);
    for (unsigned i = 0; i < place_count; i++)
        memcpy(places[i].at, places[i].before, places[i].size);
    refusals++;
    nested_refusals += place != places;
}

/* A number by which an element says what it is, when it is none of those that there are. */
static bool is_kind(const struct ga_row *row, const struct ga_member *kind)
{
    bool is = false;
    for (const struct ga_member *member = row->members(); row->kind == GA_ROW_ELEMENT && member->name; member++)
        is |= member->kind == GA_ELEMENTS && member->arm_test == GA_ARM_IS && !member->arm_of_call &&
              strcmp(member->arm, kind->name) == 0;
    return is;
}

/* Elements that are shorter than the interface's structure. */
static void refuses_short_elements(const struct made *made, int fd, const struct place *place, const struct ga_member *member)
{
    if (member->stride && value_of(place->row, place->at, member->count))
        refuses_with(made, fd, place, ga_row_member(place->row, member->stride), ga_rows[member->element].abi_size - 8u);
}

static void refuses_in(const struct made *made, int fd, const struct place *place)
{
    for (const struct ga_member *member = place->row->members(); member->name; member++) {
        if (member->offset == GA_NONE || (uint32_t)member->offset + member->width > place->size || !(member->direction & GA_IN) ||
            !is_active(place->row, place->at, member))
            continue;
        bool zero = strcmp(member->doc, "must be 0") == 0;
        uint64_t value = ga_load(place->at + member->offset, member->room ? member->entry : member->width, false);
        uint64_t bits = zero ? 1 : member->kind == GA_FLAGS ? unknown_flag(place->row, member) : 0;
        if (bits)
            refuses_with(made, fd, place, member, value | bits);
        if (is_kind(place->row, member))
            refuses_with(made, fd, place, member, 0x7e);
        refuses_short_elements(made, fd, place, member);
    }
}

static void refuses(const struct made *made, int fd)
{
    const struct ga_row *row = ga_row_drm(made->driver, _IOC_NR(made->number));
    uint32_t size = _IOC_SIZE(made->number);
    assert_non_null(row);
    expect_refusal(made, fd, _IOC(_IOC_DIR(made->number), _IOC_TYPE(made->number), _IOC_NR(made->number), size + 8), "another size");
    place_count = 0;
    find_places(row, made->argument, size);
    for (unsigned i = 0; i < place_count; i++)
        refuses_in(made, fd, &places[i]);
}

static void make(const struct made *made)
{
    events_clear();
    blobs_forget();
    int fd = device_of(made->driver);
    if (!made->error)
        refuses(made, fd);
    int result = fake_hooked(fd, made->number, made->argument), error = result == -1 ? errno : 0;
    if (error != made->error)
        fail_msg("%s: errno %d, not %d", made->request, error, made->error);
    assert_true(event_count > 0);
    const struct event *event = &events[event_count - 1];
    if (!ga_rows[event->row].request || strcmp(ga_rows[event->row].request, made->request) != 0)
        fail_msg("%s: recorded as %s", made->request, ga_rows[event->row].event);
    if (made->shown && strcmp(last_call(), made->shown) != 0)
        fail_msg("%s:\n  %s, not\n  %s", made->request, text, made->shown);
    row_made[event->row] = 1;
}

/* A request by its name, the structure's members as designated initialisers, and what is shown. */
#define MAKE_ERROR(driver_, request_, structure, error_, shown_, ...)                                                        \
    make(&(struct made){driver_, #request_, DRM_IOCTL_##request_,                                                           \
                        tail_copy(&(structure){__VA_ARGS__}, sizeof(structure)), error_, shown_})
#define MAKE(driver_, request_, structure, shown_, ...) MAKE_ERROR(driver_, request_, structure, 0, shown_, __VA_ARGS__)

/* DRM core's, on a device that has no others. */
static void core(void **state)
{
    (void)state;
#define CORE(request, structure, ...) MAKE("vgem", request, structure, __VA_ARGS__)
    CORE(MODE_CREATE_DUMB, struct drm_mode_create_dumb, "height=16 width=32 bpp=32 flags=0 handle=1 pitch=128 size=4096",
         .height = 16, .width = 32, .bpp = 32);
    CORE(MODE_MAP_DUMB, struct drm_mode_map_dumb, "handle=1 pad=0 offset=4096", .handle = 1);
    CORE(GEM_FLINK, struct drm_gem_flink, "handle=1 name=1", .handle = 1);
    CORE(GEM_OPEN, struct drm_gem_open, "name=1 handle=2 size=4096", .name = 1);
    struct drm_prime_handle *prime = tail_copy(&(struct drm_prime_handle){.handle = 1, .flags = DRM_CLOEXEC}, sizeof *prime);
    make(&(struct made){"vgem", "PRIME_HANDLE_TO_FD", DRM_IOCTL_PRIME_HANDLE_TO_FD, prime, 0, NULL});
    const struct ga_drm_prime_handle_to_fd *to_fd = (const void *)&events[event_count - 1].record;
    assert_true(to_fd->fd == prime->fd && to_fd->dma_buf != 0 && to_fd->handle == 1 && to_fd->flags == DRM_CLOEXEC);
    uint64_t dma_buf = to_fd->dma_buf;
    make(&(struct made){"vgem", "PRIME_FD_TO_HANDLE", DRM_IOCTL_PRIME_FD_TO_HANDLE, prime, 0, NULL});
    const struct ga_drm_prime_fd_to_handle *to_handle = (const void *)&events[event_count - 1].record;
    assert_true(to_handle->fd == prime->fd && to_handle->dma_buf == dma_buf && to_handle->handle == 1);
    fake_close(prime->fd);
    CORE(GEM_CLOSE, struct drm_gem_close, "handle=2 pad=0", .handle = 2);
    CORE(MODE_DESTROY_DUMB, struct drm_mode_destroy_dumb, "handle=1", .handle = 1);
    const uintptr_t two = AT(uint32_t, 31, 31), points = AT(uint64_t, 5, 6);
    CORE(SYNCOBJ_CREATE, struct drm_syncobj_create, "handle=31 flags=1", .flags = 1);
    CORE(SYNCOBJ_HANDLE_TO_FD, struct drm_syncobj_handle, "handle=31 flags=1 fd=-1 pad=0", .handle = 31, .flags = 1);
    CORE(SYNCOBJ_FD_TO_HANDLE, struct drm_syncobj_handle, "handle=0 handle_out=31 flags=0 fd=9 pad=0", .fd = 9);
    make(&(struct made){"vgem", "SYNCOBJ_WAIT", DRM_IOWR(0xc3, struct newer_drm_syncobj_wait),
                        tail_copy(&(struct newer_drm_syncobj_wait){two, 7, 2, 1, 0, 0, 8}, sizeof(struct newer_drm_syncobj_wait)), 0,
                        "handles=[31 31] timeout_nsec=7 count_handles=2 flags=1 first_signaled=1 pad=0 deadline_nsec=8"});
    CORE(SYNCOBJ_RESET, struct drm_syncobj_array, "handles=[31 31] count_handles=2 pad=0", two, 2);
    CORE(SYNCOBJ_SIGNAL, struct drm_syncobj_array, "handles=[31 31] count_handles=2 pad=0", two, 2);
    make(&(struct made){"vgem", "SYNCOBJ_TIMELINE_WAIT", DRM_IOWR(0xca, struct newer_drm_syncobj_timeline_wait),
                        tail_copy(&(struct newer_drm_syncobj_timeline_wait){two, points, 7, 2, 2, 0, 0, 8},
                                  sizeof(struct newer_drm_syncobj_timeline_wait)), 0,
                        "handles=[31 31] points=[5 6] timeout_nsec=7 count_handles=2 flags=2 first_signaled=1 pad=0 deadline_nsec=8"});
    CORE(SYNCOBJ_QUERY, struct drm_syncobj_timeline_array, "handles=[31 31] points=[100 101] count_handles=2 flags=1", two,
         ROOM(16), 2, 1);
    CORE(SYNCOBJ_TRANSFER, struct drm_syncobj_transfer, "src_handle=31 dst_handle=31 src_point=1 dst_point=2 flags=2 pad=0", 31, 31, 1,
         2, 2);
    CORE(SYNCOBJ_TIMELINE_SIGNAL, struct drm_syncobj_timeline_array, "handles=[31 31] points=[5 6] count_handles=2 flags=0", two,
         points, 2);
    CORE(SYNCOBJ_EVENTFD, struct drm_syncobj_eventfd, "handle=31 flags=4 point=3 fd=8 pad=0", 31, 4, 3, 8);
    CORE(SYNCOBJ_DESTROY, struct drm_syncobj_destroy, "handle=31 pad=0", 31);
}

static void virtio_gpu(void **state)
{
    (void)state;
#define VIRTGPU(request, structure, ...) MAKE("virtio_gpu", VIRTGPU_##request, struct drm_virtgpu_##structure, __VA_ARGS__)
    VIRTGPU(RESOURCE_CREATE, resource_create,
            "target=2 format=1 bind=3 width=64 height=32 depth=1 array_size=1 last_level=0 nr_samples=0 flags=0 bo_handle=0 "
            "bo_handle_out=1 res_handle=0 res_handle_out=1 size=8192 stride=256",
            .target = 2, .format = 1, .bind = 3, .width = 64, .height = 32, .depth = 1, .array_size = 1, .size = 8192,
            .stride = 256);
    VIRTGPU(RESOURCE_CREATE_BLOB, resource_create_blob,
            "blob_mem=1 blob_flags=3 bo_handle=2 res_handle=2 size=16384 pad=0 cmd_size=0 cmd=state 0 blob_id=9", .blob_mem = 1,
            .blob_flags = 3, .size = 16384, .blob_id = 9);
    VIRTGPU(MAP, map, "offset=4096 handle=1 pad=0", .handle = 1);
    VIRTGPU(RESOURCE_INFO, resource_info, "bo_handle=2 res_handle=2 size=16384 blob_mem=5 blob_mem_out=5", .bo_handle = 2,
            .blob_mem = 5);
    VIRTGPU(TRANSFER_TO_HOST, 3d_transfer_to_host,
            "bo_handle=1 box={x=1 y=2 z=3 w=4 h=5 d=6} level=7 offset=8 stride=9 layer_stride=10", .bo_handle = 1,
            .box = {1, 2, 3, 4, 5, 6}, .level = 7, .offset = 8, .stride = 9, .layer_stride = 10);
    VIRTGPU(TRANSFER_FROM_HOST, 3d_transfer_from_host,
            "bo_handle=2 box={x=6 y=5 z=4 w=3 h=2 d=1} level=0 offset=4096 stride=1 layer_stride=2", .bo_handle = 2,
            .box = {6, 5, 4, 3, 2, 1}, .offset = 4096, .stride = 1, .layer_stride = 2);
    VIRTGPU(WAIT, 3d_wait, "handle=1 flags=1", .handle = 1, .flags = 1);
    VIRTGPU(EXECBUFFER, execbuffer,
            "flags=4 size=12 command=@ bo_handles=[2 1] num_bo_handles=2 fence_fd=-1 ring_idx=3 syncobj_stride=16 "
            "num_in_syncobjs=2 num_out_syncobjs=1 in_syncobjs=@ waits=[{handle=31 flags=1 point=32} {handle=33 flags=0 point=34}] "
            "out_syncobjs=@ signals=[{handle=35 flags=0 point=36}]",
            .flags = 4, .size = 12, .command = ROOM(12), .bo_handles = AT(uint32_t, 2, 1), .num_bo_handles = 2, .fence_fd = -1,
            .ring_idx = 3, .syncobj_stride = 16, .num_in_syncobjs = 2, .num_out_syncobjs = 1,
            .in_syncobjs = AT(struct drm_virtgpu_execbuffer_syncobj, {31, 1, 32}, {33, 0, 34}),
            .out_syncobjs = AT(struct drm_virtgpu_execbuffer_syncobj, {35, 0, 36}));
    VIRTGPU(GETPARAM, getparam, "param=3 value=[1]", .param = 3, .value = ROOM(4));
    MAKE_ERROR("virtio_gpu", VIRTGPU_GET_CAPS, struct drm_virtgpu_get_caps, ENOSYS,
               "cap_set_id=1 cap_set_ver=2 addr=@ size=308 pad=0", .cap_set_id = 1, .cap_set_ver = 2, .addr = ROOM(308),
               .size = 308);
    VIRTGPU(CONTEXT_INIT, context_init, "num_params=2 pad=0 ctx_set_params=[{param=1 value=4} {param=2 value=64}]",
            .num_params = 2, .ctx_set_params = AT(struct drm_virtgpu_context_set_param, {1, 4}, {2, 64}));
}

static void amdgpu(void **state)
{
    (void)state;
#define AMDGPU(request, structure, ...) MAKE("amdgpu", AMDGPU_##request, structure, __VA_ARGS__)
    AMDGPU(GEM_CREATE, union drm_amdgpu_gem_create,
           "in={bo_size=65536 alignment=4096 domains=6 domain_flags=5} out={handle=1}",
           .in = {.bo_size = 65536, .alignment = 4096, .domains = 6, .domain_flags = 5});
    MAKE_ERROR("amdgpu", AMDGPU_GEM_CREATE, union drm_amdgpu_gem_create, EINVAL,
               "in={bo_size=4096 alignment=0 domains=128 domain_flags=0}", .in = {.bo_size = 4096, .domains = 128});
    AMDGPU(GEM_MMAP, union drm_amdgpu_gem_mmap, "in={handle=1 _pad=0} out={addr_ptr=4096}", .in = {.handle = 1});
    AMDGPU(GEM_USERPTR, struct drm_amdgpu_gem_userptr, "addr=@ size=8192 flags=9 handle=2", .addr = 0x40000, .size = 8192,
           .flags = 9);
    AMDGPU(GEM_VA, struct drm_amdgpu_gem_va,
           "handle=2 _pad=0 operation=4 flags=14 va_address=2097152 offset_in_bo=4096 map_size=4096", .handle = 2, .operation = 4,
           .flags = 14, .va_address = 2 << 20, .offset_in_bo = 4096, .map_size = 4096);
    static char zeros[63 * 2 + 1];
    for (int i = 0; i < 63; i++)
        memcpy(zeros + 2 * i, " 0", 2);
    char shown[512];
    snprintf(shown, sizeof shown, "handle=1 op=1 data={flags=7 tiling_info=8 data_size_bytes=4 data=[9%s]}", zeros);
    AMDGPU(GEM_METADATA, struct drm_amdgpu_gem_metadata, shown, .handle = 1, .op = 1,
           .data = {.flags = 7, .tiling_info = 8, .data_size_bytes = 4, .data = {9}});
    snprintf(shown, sizeof shown,
             "handle=1 op=2 data={flags=0 tiling_info=0 tiling_info_out=77 data_size_bytes=0 data_size_bytes_out=4 data=[88%s]}",
             zeros);
    AMDGPU(GEM_METADATA, struct drm_amdgpu_gem_metadata, shown, .handle = 1, .op = 2);
    AMDGPU(GEM_OP, struct drm_amdgpu_gem_op,
           "handle=2 op=0 value=@ create_info={bo_size=8192 alignment=4096 domains=2 domain_flags=0}", .handle = 2,
           .value = ROOM(sizeof(struct drm_amdgpu_gem_create_in)));
    AMDGPU(GEM_OP, struct drm_amdgpu_gem_op, "handle=1 op=1 value=4", .handle = 1, .op = 1, .value = 4);
    AMDGPU(GEM_WAIT_IDLE, union drm_amdgpu_gem_wait_idle, "in={handle=1 flags=0 timeout=123456789012} out={status=0 domain=4}",
           .in = {.handle = 1, .timeout = 123456789012});
    struct longer_entry { /* of a newer interface */
        struct drm_amdgpu_bo_list_entry entry;
        uint32_t more;
    };
    AMDGPU(BO_LIST, union drm_amdgpu_bo_list,
           "in={operation=0 list_handle=0 bo_number=2 bo_info_size=12 bo_info_ptr=@ bo_info=[{bo_handle=2 bo_priority=7} {bo_handle=1 "
           "bo_priority=8}]} out={list_handle=5}",
           .in = {.bo_number = 2, .bo_info_size = 12, .bo_info_ptr = AT(struct longer_entry, {{2, 7}, 9}, {{1, 8}, 9})});
    AMDGPU(BO_LIST, union drm_amdgpu_bo_list, "in={operation=1 list_handle=5 bo_number=0 bo_info_size=8 bo_info_ptr=0 bo_info=[]}",
           .in = {.operation = 1, .list_handle = 5, .bo_info_size = 8});
    AMDGPU(CTX, union drm_amdgpu_ctx, "in={op=1 flags=0 ctx_id=0 priority=-512} out={alloc={ctx_id=3}}",
           .in = {.op = 1, .priority = -512});
    AMDGPU(WAIT_CS, union drm_amdgpu_wait_cs,
           "in={handle=99 timeout=5 ip_type=1 ip_instance=2 ring=3 ctx_id=4} out={status=0}",
           .in = {.handle = 99, .timeout = 5, .ip_type = 1, .ip_instance = 2, .ring = 3, .ctx_id = 4});
    AMDGPU(WAIT_FENCES, union drm_amdgpu_wait_fences,
           "in={fences=@ fences_list=[{ctx_id=1 ip_type=2 ip_instance=3 ring=4 seq_no=5} {ctx_id=6 ip_type=7 ip_instance=8 ring=9 "
           "seq_no=10}] fence_count=2 wait_all=0 timeout_ns=11} out={status=1 first_signaled=1}",
           .in = {.fences = AT(struct drm_amdgpu_fence, {1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}), .fence_count = 2, .timeout_ns = 11});
    AMDGPU(FENCE_TO_HANDLE, union drm_amdgpu_fence_to_handle,
           "in={fence={ctx_id=3 ip_type=2 ip_instance=1 ring=4 seq_no=99} what=0 pad=0} out={handle=31}",
           .in = {.fence = {.ctx_id = 3, .ip_type = 2, .ip_instance = 1, .ring = 4, .seq_no = 99}});
    AMDGPU(INFO, struct drm_amdgpu_info,
           "return_pointer=000000040000000000000001000000000000002000000000 return_size=24 query=20 query_hw_ip={type=0 "
           "ip_instance=0}",
           .return_pointer = ROOM(24), .return_size = 24, .query = AMDGPU_INFO_VRAM_GTT);
    AMDGPU(INFO, struct drm_amdgpu_info,
           "return_pointer=0100000002000000 return_size=8 query=21 read_mmr_reg={dword_offset=9860 count=2 instance=7 flags=0}",
           .return_pointer = ROOM(8), .return_size = 8, .query = AMDGPU_INFO_READ_MMR_REG,
           .read_mmr_reg = {.dword_offset = 9860, .count = 2, .instance = 7});
    MAKE_ERROR("amdgpu", AMDGPU_INFO, struct drm_amdgpu_info, EINVAL,
               "return_size=8 query=14 query_hw_ip={type=1 ip_instance=2} query_fw={index=3}", .return_size = 8,
               .query = AMDGPU_INFO_FW_VERSION,
               .query_fw = {1, 2, 3});
    AMDGPU(VM, union drm_amdgpu_vm, "in={op=1 flags=0} out={flags=1}", .in = {.op = 1});
}

/* A submission is a tree: addresses of parts, and in each part an array of its own kind. */
static void amdgpu_submissions(void **state)
{
    (void)state;
    const struct drm_amdgpu_bo_list_in buffers = {
        .operation = ~0u, .list_handle = ~0u, .bo_number = 2, .bo_info_size = 8,
        .bo_info_ptr = AT(struct drm_amdgpu_bo_list_entry, {1, 11}, {2, 12})};
    const struct drm_amdgpu_cs_chunk chunks[] = {
        {1, 8, AT(struct drm_amdgpu_cs_chunk_ib, {.flags = 1, .va_start = 0x100000, .ib_bytes = 64, .ip_type = 2, .ring = 1})},
        {6, 6, AT(struct drm_amdgpu_bo_list_in, buffers)},
        {2, 2, AT(struct drm_amdgpu_cs_chunk_fence, {1, 16})},
        {3, 12, AT(struct drm_amdgpu_cs_chunk_dep, {1, 2, 3, 4, 5}, {6, 7, 8, 9, 10})},
        {4, 2, AT(struct drm_amdgpu_cs_chunk_sem, {21}, {22})},
        {5, 1, AT(struct drm_amdgpu_cs_chunk_sem, {23})},
        {7, 6, AT(struct drm_amdgpu_cs_chunk_dep, {11, 12, 13, 14, 15})},
        {8, 4, AT(struct drm_amdgpu_cs_chunk_syncobj, {31, 1, 32})},
        {9, 4, AT(struct drm_amdgpu_cs_chunk_syncobj, {33, 0, 34})},
        {10, 8, ROOM(32)},
    };
    enum { CHUNKS = sizeof chunks / sizeof *chunks };
    uint64_t addresses[CHUNKS];
    for (int i = 0; i < CHUNKS; i++)
        addresses[i] = (uintptr_t)tail_copy(&chunks[i], sizeof *chunks);
    AMDGPU(CS, union drm_amdgpu_cs,
           "in={ctx_id=3 bo_list_handle=0 num_chunks=10 flags=0 chunks=@ chunks_list=["
           "{chunk_id=1 length_dw=8 chunk_data=@ ib=[{_pad=0 flags=1 va_start=1048576 ib_bytes=64 ip_type=2 ip_instance=0 ring=1}]} "
           "{chunk_id=6 length_dw=6 chunk_data=@ bo_handles={operation=4294967295 list_handle=4294967295 bo_number=2 bo_info_size=8 "
           "bo_info_ptr=@ bo_info=[{bo_handle=1 bo_priority=11} {bo_handle=2 bo_priority=12}]}} "
           "{chunk_id=2 length_dw=2 chunk_data=@ fence=[{handle=1 offset=16}]} "
           "{chunk_id=3 length_dw=12 chunk_data=@ dependencies=[{ip_type=1 ip_instance=2 ring=3 ctx_id=4 handle=5} {ip_type=6 "
           "ip_instance=7 ring=8 ctx_id=9 handle=10}]} "
           "{chunk_id=4 length_dw=2 chunk_data=@ syncobj_in=[{handle=21} {handle=22}]} "
           "{chunk_id=5 length_dw=1 chunk_data=@ syncobj_out=[{handle=23}]} "
           "{chunk_id=7 length_dw=6 chunk_data=@ scheduled_dependencies=[{ip_type=11 ip_instance=12 ring=13 ctx_id=14 handle=15}]} "
           "{chunk_id=8 length_dw=4 chunk_data=@ timeline_wait=[{handle=31 flags=1 point=32}]} "
           "{chunk_id=9 length_dw=4 chunk_data=@ timeline_signal=[{handle=33 flags=0 point=34}]} "
           "{chunk_id=10 length_dw=8 chunk_data=@}]} out={handle=99}",
           .in = {.ctx_id = 3, .num_chunks = CHUNKS, .chunks = (uintptr_t)tail_copy(addresses, sizeof addresses)});
}

#define I915(request, structure, ...) MAKE("i915", I915_GEM_##request, struct drm_i915_gem_##structure, __VA_ARGS__)
#define LINK(next_, name_) {.next_extension = (next_), .name = (name_)}

static void i915(void **state)
{
    (void)state;
    I915(CREATE, create, "size=5000 size_out=8192 handle=1 pad=0", .size = 5000);
    MAKE_ERROR("i915", I915_GEM_CREATE, struct drm_i915_gem_create, EINVAL, "size=4096 pad=1", .size = 4096, .pad = 1);
    I915(USERPTR, userptr, "user_ptr=@ user_size=4096 flags=3 handle=2", .user_ptr = 0x10000, .user_size = 4096, .flags = 3);
    I915(MMAP, mmap, "handle=1 pad=0 offset=4096 size=4096 addr_ptr=@ flags=1", .handle = 1, .offset = 4096, .size = 4096, .flags = 1);
    I915(MMAP_OFFSET, mmap_offset, "handle=1 pad=0 offset=4096 flags=2 extensions=0", .handle = 1, .flags = 2);
    I915(MADVISE, madvise, "handle=1 madv=1 retained=1", .handle = 1, .madv = 1);
    I915(SET_DOMAIN, set_domain, "handle=1 read_domains=65 write_domain=64", .handle = 1, .read_domains = 65, .write_domain = 64);
    I915(SW_FINISH, sw_finish, "handle=2", .handle = 2);
    I915(PREAD, pread, "handle=1 pad=0 offset=16 size=32 data_ptr=@", .handle = 1, .offset = 16, .size = 32, .data_ptr = 1);
    I915(PWRITE, pwrite, "handle=2 pad=0 offset=48 size=64 data_ptr=@", .handle = 2, .offset = 48, .size = 64, .data_ptr = 1);
    I915(SET_TILING, set_tiling, "handle=1 tiling_mode=0 stride=512 stride_out=0 swizzle_mode=2", .handle = 1, .stride = 512);
    I915(GET_TILING, get_tiling, "handle=1 tiling_mode=1 swizzle_mode=1 phys_swizzle_mode=1", .handle = 1);
    I915(SET_CACHING, caching, "handle=1 caching=2", .handle = 1, .caching = 2);
    I915(GET_CACHING, caching, "handle=1 caching=1", .handle = 1);
    I915(BUSY, busy, "handle=2 busy=65537", .handle = 2);
    I915(WAIT, wait, "bo_handle=1 flags=0 timeout_ns=5 timeout_ns_out=4", .bo_handle = 1, .timeout_ns = 5);
    I915(VM_CREATE, vm_control, "extensions=0 flags=0 vm_id=4");
    I915(VM_DESTROY, vm_control, "extensions=0 flags=0 vm_id=4", .vm_id = 4);
    I915(CONTEXT_CREATE_EXT, context_create_ext,
         "ctx_id=6 flags=1 extensions=[{next_extension=0 name=0 flags=0 rsvd=[0 0 0 0] setparam={param={ctx_id=0 size=0 param=9 "
         "value=4}}}]",
         .flags = 1,
         .extensions = AT(struct drm_i915_gem_context_create_ext_setparam, {.param = {.param = 9, .value = 4}}));
    make(&(struct made){"i915", "I915_GEM_CONTEXT_CREATE_EXT", DRM_IOCTL_I915_GEM_CONTEXT_CREATE, tail_alloc(8), EINVAL,
                        "flags=0"}); /* the older, shorter structure; this fake knows the newer one alone */
    const uintptr_t engines = AT(uint64_t, 0, 0x100000002);
    I915(CONTEXT_SETPARAM, context_param, "ctx_id=6 size=16 param=10 value=00000000000000000200000001000000", 6, 16, 10, engines);
    I915(CONTEXT_SETPARAM, context_param, "ctx_id=6 size=0 param=9 value=4", 6, 0, 9, 4);
    I915(CONTEXT_GETPARAM, context_param, "ctx_id=6 size=0 param=3 value=281474976710656", 6, 0, 3);
    I915(CONTEXT_GETPARAM, context_param, "ctx_id=6 size=0 size_out=32 param=7 value=0", 6, 0, 7);
    I915(CONTEXT_GETPARAM, context_param,
         "ctx_id=6 size=32 param=7 value=0000000000000000010000000000000000000000000000000000000000000000", 6, 32, 7, ROOM(32));
    I915(CONTEXT_DESTROY, context_destroy, "ctx_id=6 pad=0", .ctx_id = 6);
    MAKE("i915", I915_GETPARAM, struct drm_i915_getparam, "param=4 value=[4660]", 4, (int *)ROOM(4));
    /* What it would need, the answer, and a question that is refused: its room stays as it was, and is no answer. */
    const uint64_t regions = ROOM(192);
    const struct drm_i915_query_item items[] = {{4, 0, 0, 0}, {4, 192, 0, regions}, {77, 8, 0, ROOM(8)}};
    MAKE("i915", I915_QUERY, struct drm_i915_query, NULL, 3, 0, (uintptr_t)tail_copy(items, sizeof items));
    char told[640], hex[2 * 192 + 1];
    for (int i = 0; i < 192; i++)
        snprintf(hex + 2 * (size_t)i, 3, "%02x", ((const unsigned char *)(uintptr_t)regions)[i]);
    snprintf(told, sizeof told,
             "num_items=3 flags=0 items_ptr=@ items=[{query_id=4 length=0 length_out=192 flags=0 data_ptr=state 0} {query_id=4 "
             "length=192 flags=0 data_ptr=%s} {query_id=77 length=8 length_out=-22 flags=0 data_ptr=state 1}]",
             hex);
    assert_string_equal(last_call(), told);
}

static void i915_extensions(void **state)
{
    (void)state;
    const uintptr_t unknown = AT(struct i915_user_extension, LINK(0, 1)); /* shorter than its name says: it cannot be read whole */
    const uintptr_t pat = AT(struct drm_i915_gem_create_ext_set_pat, {.base = LINK(0, 2), .pat_index = 3});
    const uintptr_t protected = AT(struct drm_i915_gem_create_ext_protected_content, {.base = LINK(pat, 1)});
    const uintptr_t regions = AT(struct drm_i915_gem_memory_class_instance, {1, 0}, {0, 0});
    I915(CREATE_EXT, create_ext,
         "size=4096 size_out=65536 handle=3 flags=1 extensions=["
         "{next_extension=@ name=0 flags=0 rsvd=[0 0 0 0] memory_regions={pad=0 num_regions=2 regions=[{memory_class=1 "
         "memory_instance=0} {memory_class=0 memory_instance=0}]}} "
         "{next_extension=@ name=1 flags=0 rsvd=[0 0 0 0] protected_content={flags=0}} "
         "{next_extension=0 name=2 flags=0 rsvd=[0 0 0 0] set_pat={pat_index=3 rsvd=0}}]",
         .size = 4096, .flags = 1,
         .extensions = AT(struct drm_i915_gem_create_ext_memory_regions,
                          {.base = LINK(protected, 0), .num_regions = 2, .regions = regions}));
    MAKE_ERROR("i915", I915_GEM_CREATE_EXT, struct drm_i915_gem_create_ext, EFAULT,
               "size=65536 flags=0 extensions=[{next_extension=0 name=1 flags=0 rsvd=[0 0 0 0] protected_content=null "
               "protected_content_error=unreadable}]",
               .size = 65536, .extensions = unknown);
    struct i915_user_extension endless = LINK((uintptr_t)&endless, 7); /* the kernel would end it: so do we */
    MAKE_ERROR("i915", I915_GEM_CREATE_EXT, struct drm_i915_gem_create_ext, EINVAL, NULL, .size = 4096,
               .extensions = (uintptr_t)&endless);
    assert_int_equal(event_number(GA_ROW_drm_i915_create_extension), GA_CHAIN_MAX);
}

static void i915_submissions(void **state)
{
    (void)state;
    const struct drm_i915_gem_exec_object2 objects[] = {
        {.handle = 2, .relocation_count = 1, .relocs_ptr = 1, .alignment = 4096, .offset = 7, .flags = 4},
        {.handle = 1, .offset = 0x200000, .flags = 16 | 32, .pad_to_size = 8192, .rsvd2 = 9},
    };
#define OBJECTS                                                                                                             \
    "buffers_ptr=@ buffers=[{handle=2 relocation_count=1 relocs_ptr=@ alignment=4096 offset=7 offset_out=65536 flags=4 "    \
    "pad_to_size=0 rsvd2=0} {handle=1 relocation_count=0 relocs_ptr=0 alignment=0 offset=2097152 flags=48 pad_to_size=8192 " \
    "rsvd2=9}] buffer_count=2 batch_start_offset=16 batch_len=32 DR1=0 DR4=0 "
    I915(EXECBUFFER2, execbuffer2,
         OBJECTS "num_cliprects=2 cliprects_ptr=@ fences=[{handle=31 flags=1} {handle=32 flags=2}] flags=524289 rsvd1=6 rsvd2=0",
         .buffers_ptr = (uintptr_t)tail_copy(objects, sizeof objects), .buffer_count = 2, .batch_start_offset = 16, .batch_len = 32,
         .num_cliprects = 2, .cliprects_ptr = AT(struct drm_i915_gem_exec_fence, {31, 1}, {32, 2}),
         .flags = I915_EXEC_FENCE_ARRAY | I915_EXEC_RENDER, .rsvd1 = 6);
    const struct drm_i915_gem_execbuffer_ext_timeline_fences fences = {
        .base = LINK(0, 0), .fence_count = 2, .handles_ptr = AT(struct drm_i915_gem_exec_fence, {41, 1}, {42, 2}),
        .values_ptr = AT(uint64_t, 51, 52)};
    I915(EXECBUFFER2, execbuffer2,
         OBJECTS "num_cliprects=0 cliprects_ptr=@ extensions=[{next_extension=0 name=0 flags=0 rsvd=[0 0 0 0] timeline_fences={"
                 "fence_count=2 handles_ptr=@ handles=[{handle=41 flags=1} {handle=42 flags=2}] values_ptr=@ values=[{value=51} "
                 "{value=52}]}}] flags=2097153 rsvd1=0 rsvd2=0",
         .buffers_ptr = (uintptr_t)tail_copy(objects, sizeof objects), .buffer_count = 2, .batch_start_offset = 16, .batch_len = 32,
         .cliprects_ptr = (uintptr_t)tail_copy(&fences, sizeof fences), .flags = I915_EXEC_USE_EXTENSIONS | I915_EXEC_RENDER);
}

static void xe(void **state)
{
    (void)state;
#define ENGINE(class) class "000000000000" "000000000000000000000000000000000000000000000000"
#define XE(request, structure, ...) MAKE("xe", XE_##request, struct drm_xe_##structure, __VA_ARGS__)
    XE(DEVICE_QUERY, device_query, "extensions=null query=1 size=0 size_out=184 data=state 0 reserved=[0 0]", .query = 1);
    XE(DEVICE_QUERY, device_query,
       "extensions=null query=0 size=72 data=0200000000000000" ENGINE("0000") ENGINE("0100") " reserved=[0 0]",
       .query = 0, .size = 72, .data = ROOM(72));
    XE(VM_CREATE, vm_create, "extensions=null flags=3 vm_id=1 reserved=[0 0]", .flags = 3);
    XE(GEM_CREATE, gem_create,
       "extensions=null size=65536 placement=2 flags=4 vm_id=1 handle=1 cpu_caching=2 pad=[0 0 0] reserved=[0 0]", .size = 65536,
       .placement = 2, .flags = 4, .vm_id = 1, .cpu_caching = 2);
    MAKE_ERROR("xe", XE_GEM_CREATE, struct drm_xe_gem_create, EINVAL,
               "extensions=null size=4096 placement=1 flags=0 vm_id=0 cpu_caching=1 pad=[0 7 0] reserved=[0 8]", .size = 4096,
               .placement = 1, .cpu_caching = 1, .pad = {0, 7, 0}, .reserved = {0, 8});
    XE(GEM_MMAP_OFFSET, gem_mmap_offset, "extensions=null handle=1 flags=0 offset=4096 reserved=[0 0]", .handle = 1);
#define SYNC "{extensions=null type=1 flags=1 handle=31 timeline_value=32 reserved=[0 0]}"
    XE(VM_BIND, vm_bind,
       "extensions=null vm_id=1 exec_queue_id=0 pad=0 num_binds=1 bind={extensions=null obj=1 pat_index=3 pad=0 obj_offset=4096 "
       "range=8192 addr=2097152 op=0 flags=8 prefetch_mem_region_instance=0 pad2=0 reserved=[0 0 0]} pad2=0 num_syncs=1 syncs=@ "
       "syncs_list=[" SYNC "] reserved=[0 0]",
       .vm_id = 1, .num_binds = 1,
       .bind = {.obj = 1, .pat_index = 3, .obj_offset = 4096, .range = 8192, .addr = 2 << 20, .flags = 8}, .num_syncs = 1,
       .syncs = AT(struct drm_xe_sync, {.type = 1, .flags = 1, .handle = 31, .timeline_value = 32}));
    XE(VM_BIND, vm_bind,
       "extensions=null vm_id=1 exec_queue_id=0 pad=0 num_binds=2 vector_of_binds=@ binds=[{extensions=null obj=1 pat_index=0 pad=0 "
       "obj_offset=0 range=4096 addr=4096 op=1 flags=0 prefetch_mem_region_instance=0 pad2=0 reserved=[0 0 0]} {extensions=null obj=0 "
       "pat_index=0 pad=0 userptr=@ range=8192 addr=8192 op=2 flags=1 prefetch_mem_region_instance=0 pad2=0 reserved=[0 0 0]}] pad2=0 "
       "num_syncs=0 syncs=0 syncs_list=[] reserved=[0 0]",
       .vm_id = 1, .num_binds = 2,
       .vector_of_binds = AT(struct drm_xe_vm_bind_op, {.obj = 1, .range = 4096, .addr = 4096, .op = 1},
                             {.userptr = 0x7000, .range = 8192, .addr = 8192, .op = 2, .flags = 1}));
    const uintptr_t second = AT(struct drm_xe_ext_set_property, {.property = 1, .value = 12});
    XE(EXEC_QUEUE_CREATE, exec_queue_create,
       "extensions=[{next_extension=@ name=0 pad=0 set_property={property=0 pad=0 value=11 reserved=[0 0]}} {next_extension=0 name=0 "
       "pad=0 set_property={property=1 pad=0 value=12 reserved=[0 0]}}] width=1 num_placements=2 vm_id=1 flags=0 exec_queue_id=2 "
       "instances=@ instances_list=[{engine_class=4 engine_instance=1 gt_id=0 pad=0} {engine_class=0 engine_instance=2 gt_id=1 pad=0}] "
       "reserved=[0 0]",
       .extensions = AT(struct drm_xe_ext_set_property, {.base.next_extension = second, .value = 11}), .width = 1,
       .num_placements = 2, .vm_id = 1, .instances = AT(struct drm_xe_engine_class_instance, {4, 1, 0, 0}, {0, 2, 1, 0}));
    XE(EXEC, exec,
       "extensions=null exec_queue_id=2 num_syncs=2 syncs=@ syncs_list=[" SYNC " {extensions=null type=2 flags=1 addr=@ "
       "timeline_value=33 reserved=[0 0]}] address=1048576 num_batch_buffer=1 pad=[0 0 0] reserved=[0 0]",
       .exec_queue_id = 2, .num_syncs = 2,
       .syncs = AT(struct drm_xe_sync, {.type = 1, .flags = 1, .handle = 31, .timeline_value = 32},
                   {.type = 2, .flags = 1, .addr = 0x1000, .timeline_value = 33}),
       .address = 1 << 20, .num_batch_buffer = 1);
    XE(EXEC, exec,
       "extensions=null exec_queue_id=2 num_syncs=0 syncs=0 syncs_list=[] address=[1048576 2097152] num_batch_buffer=2 pad=[0 0 0] "
       "reserved=[0 0]",
       .exec_queue_id = 2, .address = AT(uint64_t, 1 << 20, 2 << 20), .num_batch_buffer = 2);
    XE(WAIT_USER_FENCE, wait_user_fence,
       "extensions=null addr=@ op=3 flags=1 pad=0 value=4 mask=5 timeout=100 timeout_out=50 exec_queue_id=2 pad2=0 reserved=[0 0]",
       .addr = 0x1000, .op = 3, .flags = 1, .value = 4, .mask = 5, .timeout = 100, .exec_queue_id = 2);
    XE(EXEC_QUEUE_DESTROY, exec_queue_destroy, "exec_queue_id=2 pad=0 reserved=[0 0]", .exec_queue_id = 2);
    XE(VM_DESTROY, vm_destroy, "vm_id=1 pad=0 reserved=[0 0]", .vm_id = 1);
}

static void nouveau(void **state)
{
    (void)state;
#define NOUVEAU(request, structure, ...) MAKE("nouveau", NOUVEAU_##request, struct drm_nouveau_##structure, __VA_ARGS__)
    NOUVEAU(GEM_NEW, gem_new,
            "info={handle=1 domain=10 domain_out=2 size=5000 size_out=8192 offset=0 map_handle=4096 tile_mode=3 tile_flags=4} "
            "channel_hint=0 align=256",
            .info = {.domain = 10, .size = 5000, .tile_mode = 3, .tile_flags = 4}, .align = 256);
    NOUVEAU(GEM_INFO, gem_info, "handle=1 domain=2 size=8192 offset=131072 map_handle=4096 tile_mode=1 tile_flags=2", .handle = 1);
    NOUVEAU(GEM_CPU_PREP, gem_cpu_prep, "handle=1 flags=5", .handle = 1, .flags = 5);
    MAKE_ERROR("nouveau", NOUVEAU_GEM_CPU_PREP, struct drm_nouveau_gem_cpu_prep, EINVAL, "handle=1 flags=2", .handle = 1, .flags = 2);
    NOUVEAU(GEM_CPU_FINI, gem_cpu_fini, "handle=1", .handle = 1);
    NOUVEAU(GEM_PUSHBUF, gem_pushbuf,
            "channel=0 nr_buffers=2 buffers=@ buffers_list=[{user_priv=9 handle=1 read_domains=2 write_domains=4 valid_domains=6 "
            "presumed={valid=1 domain=2 offset=4096}} {user_priv=10 handle=1 read_domains=2 write_domains=0 valid_domains=6 "
            "presumed={valid=0 domain=0 domain_out=4 offset=0 offset_out=196608}}] nr_relocs=1 nr_push=1 relocs=@ push=@ push_list=[{"
            "bo_index=1 pad=0 offset=16 length=32}] suffix0=5 suffix1=6 vram_available=1 vram_available_out=67108864 "
            "gart_available=134217728",
            .nr_buffers = 2,
            .buffers = AT(struct drm_nouveau_gem_pushbuf_bo, {9, 1, 2, 4, 6, {1, 2, 4096}}, {10, 1, 2, 0, 6, {0}}), .nr_relocs = 1,
            .nr_push = 1, .relocs = 1, .push = AT(struct drm_nouveau_gem_pushbuf_push, {1, 0, 16, 32}), .suffix0 = 5, .suffix1 = 6,
            .vram_available = 1);
    NOUVEAU(GETPARAM, getparam, "param=8 value=67108864", .param = 8);
    NOUVEAU(CHANNEL_ALLOC, channel_alloc,
            "fb_ctxdma_handle=4294967295 tt_ctxdma_handle=1 channel=0 pushbuf_domains=6 notifier_handle=2 subchan=[3203354669 20525 "
            "0 0 0 0 0 0 0 0 0 0 0 0 0 0] nr_subchan=1",
            .fb_ctxdma_handle = ~0u, .tt_ctxdma_handle = 1);
    NOUVEAU(CHANNEL_FREE, channel_free, "channel=0", 0);
    NOUVEAU(VM_INIT, vm_init, "kernel_managed_addr=4096 kernel_managed_size=8192", 4096, 8192);
#define SYNCS                                                                                                               \
    "wait_ptr=@ waits=[{flags=0 handle=31 timeline_value=0}] sig_ptr=@ signals=[{flags=1 handle=32 timeline_value=33} {flags=0 " \
    "handle=34 timeline_value=0}] "
    const uintptr_t wait = AT(struct drm_nouveau_sync, {0, 31, 0}), signal = AT(struct drm_nouveau_sync, {1, 32, 33}, {0, 34, 0});
    NOUVEAU(VM_BIND, vm_bind,
            "op_count=2 flags=1 wait_count=1 sig_count=2 " SYNCS "op_ptr=@ ops=[{op=0 flags=256 handle=1 pad=0 addr=4096 "
            "bo_offset=8192 range=12288} {op=1 flags=6 handle=0 pad=0 addr=16384 bo_offset=0 range=4096}]",
            .op_count = 2, .flags = 1, .wait_count = 1, .sig_count = 2, .wait_ptr = wait, .sig_ptr = signal,
            .op_ptr = AT(struct drm_nouveau_vm_bind_op, {0, 256, 1, 0, 4096, 8192, 12288}, {1, 6, 0, 0, 16384, 0, 4096}));
    NOUVEAU(EXEC, exec,
            "channel=0 push_count=1 wait_count=1 sig_count=2 " SYNCS "push_ptr=@ pushes=[{va=65536 va_len=64 flags=1}]",
            .push_count = 1, .wait_count = 1, .sig_count = 2, .wait_ptr = wait, .sig_ptr = signal,
            .push_ptr = AT(struct drm_nouveau_exec_push, {65536, 64, 1}));
}

static void radeon(void **state)
{
    (void)state;
#define RADEON(request, structure, ...) MAKE("radeon", RADEON_##request, struct drm_radeon_##structure, __VA_ARGS__)
    RADEON(GEM_CREATE, gem_create, "size=5000 size_out=8192 alignment=4096 handle=1 initial_domain=4 flags=16", .size = 5000,
           .alignment = 4096, .initial_domain = 4, .flags = 16);
    RADEON(GEM_USERPTR, gem_userptr, "addr=@ size=4096 flags=5 handle=2", .addr = 0x10000, .size = 4096, .flags = 5);
    RADEON(GEM_MMAP, gem_mmap, "handle=1 pad=0 offset=0 size=8192 addr_ptr=4096", .handle = 1, .size = 8192);
    RADEON(GEM_INFO, gem_info, "gart_size=536870912 vram_size=67108864 vram_visible=33554432");
    MAKE_ERROR("radeon", RADEON_GEM_PREAD, struct drm_radeon_gem_pread, ENOSYS, "handle=1 pad=0 offset=2 size=3 data_ptr=@",
               .handle = 1, .offset = 2, .size = 3, .data_ptr = 4);
    MAKE_ERROR("radeon", RADEON_GEM_PWRITE, struct drm_radeon_gem_pwrite, ENOSYS, "handle=1 pad=0 offset=2 size=3 data_ptr=@",
               .handle = 1, .offset = 2, .size = 3, .data_ptr = 4);
    RADEON(GEM_SET_DOMAIN, gem_set_domain, "handle=1 read_domains=2 write_domain=1", .handle = 1, .read_domains = 2, .write_domain = 1);
    RADEON(GEM_WAIT_IDLE, gem_wait_idle, "handle=2 pad=0", .handle = 2);
    RADEON(GEM_BUSY, gem_busy, "handle=1 domain=4", .handle = 1);
    RADEON(GEM_SET_TILING, gem_set_tiling, "handle=1 tiling_flags=2 pitch=512", .handle = 1, .tiling_flags = 2, .pitch = 512);
    RADEON(GEM_GET_TILING, gem_get_tiling, "handle=1 tiling_flags=1 pitch=256", .handle = 1);
    RADEON(GEM_OP, gem_op, "handle=1 op=0 value=0 value_out=2", .handle = 1);
    RADEON(GEM_VA, gem_va, "handle=2 operation=1 operation_out=0 vm_id=0 flags=6 offset=65536", .handle = 2, .operation = 1, .flags = 6,
           .offset = 65536);
    const struct drm_radeon_cs_chunk chunks[] = {
        {1, 8, AT(struct drm_radeon_cs_reloc, {1, 4, 0, 3}, {2, 0, 2, 5})},
        {2, 16, ROOM(64)},
        {3, 2, AT(uint32_t, 2, 1)},
    };
    uint64_t addresses[3];
    for (int i = 0; i < 3; i++)
        addresses[i] = (uintptr_t)tail_copy(&chunks[i], sizeof *chunks);
    RADEON(CS, cs,
           "num_chunks=3 cs_id=0 chunks=@ chunks_list=[{chunk_id=1 length_dw=8 chunk_data=@ relocs=[{handle=1 read_domains=4 "
           "write_domain=0 flags=3} {handle=2 read_domains=0 write_domain=2 flags=5}]} {chunk_id=2 length_dw=16 chunk_data=@} {"
           "chunk_id=3 length_dw=2 chunk_data=@ flags=[{value=2} {value=1}]}] gart_limit=0 vram_limit=0",
           .num_chunks = 3, .chunks = (uintptr_t)tail_copy(addresses, sizeof addresses));
    RADEON(INFO, info, "request=3 pad=0 value=@", .request = 3, .value = ROOM(4));
}

static void panfrost(void **state)
{
    (void)state;
#define PANFROST(request, structure, ...) MAKE("panfrost", PANFROST_##request, struct drm_panfrost_##structure, __VA_ARGS__)
    PANFROST(CREATE_BO, create_bo, "size=8192 flags=3 handle=1 pad=0 offset=33554432", .size = 8192, .flags = 3);
    MAKE_ERROR("panfrost", PANFROST_CREATE_BO, struct drm_panfrost_create_bo, EINVAL, "size=4096 flags=0 pad=1", .size = 4096,
               .pad = 1);
    PANFROST(MMAP_BO, mmap_bo, "handle=1 flags=0 offset=4096", .handle = 1);
    PANFROST(GET_BO_OFFSET, get_bo_offset, "handle=1 pad=0 offset=33554432", .handle = 1);
    PANFROST(WAIT_BO, wait_bo, "handle=1 pad=0 timeout_ns=-5", .handle = 1, .timeout_ns = -5);
    PANFROST(MADVISE, madvise, "handle=1 madv=1 retained=1", .handle = 1, .madv = 1);
    PANFROST(GET_PARAM, get_param, "param=3 pad=0 value=2144", .param = 3);
    PANFROST(SUBMIT, submit,
             "jc=65536 in_syncs=[31 32] in_sync_count=2 out_sync=33 bo_handles=[1 1 1] bo_handle_count=3 requirements=1", .jc = 65536,
             .in_syncs = AT(uint32_t, 31, 32), .in_sync_count = 2, .out_sync = 33, .bo_handles = AT(uint32_t, 1, 1, 1),
             .bo_handle_count = 3, .requirements = 1);
}

static void v3d(void **state)
{
    (void)state;
#define V3D(request, structure, ...) MAKE("v3d", V3D_##request, struct drm_v3d_##structure, __VA_ARGS__)
    V3D(CREATE_BO, create_bo, "size=8192 flags=0 handle=1 offset=1048576", .size = 8192);
    V3D(MMAP_BO, mmap_bo, "handle=1 flags=0 offset=4096", .handle = 1);
    V3D(GET_BO_OFFSET, get_bo_offset, "handle=1 offset=1048576", .handle = 1);
    V3D(WAIT_BO, wait_bo, "handle=1 pad=0 timeout_ns=10 timeout_ns_out=5", .handle = 1, .timeout_ns = 10);
    V3D(GET_PARAM, get_param, "param=3 pad=0 value=66", .param = 3);
    const struct drm_v3d_multi_sync sync = {
        .base = {.id = 1}, .in_syncs = AT(struct drm_v3d_sem, {.handle = 31}),
        .out_syncs = AT(struct drm_v3d_sem, {.handle = 32}, {33}),
        .in_sync_count = 1, .out_sync_count = 2, .wait_stage = 1};
#define SEM(handle) "{handle=" #handle " flags=0 point=0 mbz=[0 0]}"
    V3D(SUBMIT_CL, submit_cl,
        "bcl_start=1 bcl_end=2 rcl_start=3 rcl_end=4 in_sync_bcl=5 in_sync_rcl=6 out_sync=7 qma=8 qms=9 qts=10 bo_handles=[1 1] "
        "bo_handle_count=2 flags=3 perfmon_id=0 pad=0 extensions=[{next=0 id=1 flags=0 multi_sync={in_syncs=@ waits=[" SEM(31) "] "
        "out_syncs=@ signals=[" SEM(32) " " SEM(33) "] in_sync_count=1 out_sync_count=2 wait_stage=1 pad=0}}]",
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, AT(uint32_t, 1, 1), 2, 3, 0, 0, (uintptr_t)tail_copy(&sync, sizeof sync));
    V3D(SUBMIT_TFU, submit_tfu,
        "icfg=1 iia=2 iis=3 ica=4 iua=5 ioa=6 ios=7 coef=[8 9 10 11] bo_handles=[1 1 0 0] in_sync=12 out_sync=13 flags=0 v71={ioc=14 "
        "pad=0}",
        1, 2, 3, 4, 5, 6, 7, {8, 9, 10, 11}, {1, 1}, 12, 13, 0, 0, {14, 0});
    V3D(SUBMIT_CSD, submit_csd,
        "cfg=[1 2 3 4 5 6 7] coef=[8 9 10 11] bo_handles=[1] bo_handle_count=1 in_sync=12 out_sync=13 perfmon_id=0 flags=0 pad=0",
        {1, 2, 3, 4, 5, 6, 7}, {8, 9, 10, 11}, AT(uint32_t, 1), 1, 12, 13);
}

static void msm(void **state)
{
    (void)state;
#define MSM(request, structure, ...) MAKE("msm", MSM_##request, struct drm_msm_##structure, __VA_ARGS__)
    MSM(GEM_NEW, gem_new, "size=8192 flags=131072 handle=1", .size = 8192, .flags = 1 << 17);
    MSM(GEM_INFO, gem_info, "handle=1 info=0 value=0 value_out=4096 len=0 pad=0", .handle = 1);
    MSM(GEM_CPU_PREP, gem_cpu_prep, "handle=1 op=2 timeout={tv_sec=3 tv_nsec=4}", 1, 2, {3, 4});
    MSM(GEM_CPU_FINI, gem_cpu_fini, "handle=1", 1);
    MSM(GEM_MADVISE, gem_madvise, "handle=1 madv=1 retained=1", 1, 1);
    MSM(GEM_SUBMIT, gem_submit,
        "flags=201326608 fence=0 fence_out=5 nr_bos=2 nr_cmds=1 bos=@ bos_list=[{flags=1 handle=1 presumed=0 presumed_out=1048576} "
        "{flags=2 handle=1 presumed=1048576}] cmds=@ cmds_list=[{type=1 submit_idx=1 submit_offset=16 size=32 pad=0 nr_relocs=0 "
        "relocs=0}] "
        "fence_fd=-1 queueid=3 in_syncobjs=@ waits=[{handle=31 flags=1 point=32}] out_syncobjs=@ signals=[{handle=33 flags=0 "
        "point=34}] nr_in_syncobjs=1 nr_out_syncobjs=1 syncobj_stride=16 pad=0",
        .flags = 0x0c000010, .nr_bos = 2, .nr_cmds = 1, .bos = AT(struct drm_msm_gem_submit_bo, {1, 1, 0}, {2, 1, 0x100000}),
        .cmds = AT(struct drm_msm_gem_submit_cmd, {1, 1, 16, 32}), .fence_fd = -1, .queueid = 3,
        .in_syncobjs = AT(struct drm_msm_gem_submit_syncobj, {31, 1, 32}),
        .out_syncobjs = AT(struct drm_msm_gem_submit_syncobj, {33, 0, 34}), .nr_in_syncobjs = 1, .nr_out_syncobjs = 1,
        .syncobj_stride = 16);
    MSM(WAIT_FENCE, wait_fence, "fence=5 flags=1 timeout={tv_sec=6 tv_nsec=7} queueid=3", 5, 1, {6, 7}, 3);
    MSM(SUBMITQUEUE_NEW, submitqueue, "flags=0 prio=2 id=3", 0, 2);
    MAKE("msm", MSM_SUBMITQUEUE_CLOSE, struct ga_word32, "value=3", 3);
    MAKE("msm", MSM_GET_PARAM, struct drm_msm_param, "pipe=16 param=6 value=0 value_out=1048576 len=0 pad=0", 16, 6);
}

static void qxl(void **state)
{
    (void)state;
#define QXL(request, structure, ...) MAKE("qxl", QXL_##request, struct drm_qxl_##structure, __VA_ARGS__)
    QXL(ALLOC, alloc, "size=8192 handle=1", 8192);
    QXL(ALLOC_SURF, alloc_surf, "format=32 width=16 height=8 stride=-64 handle=2 pad=0", 32, 16, 8, -64);
    QXL(MAP, map, "offset=4096 handle=1 pad=0", .handle = 1);
    const uintptr_t relocs = AT(struct drm_qxl_reloc, {1, 2, 1, 0, 1}, {3, 4, 2, 1, 2});
    QXL(EXECBUFFER, execbuffer,
        "flags=0 commands_num=2 commands=@ commands_list=[{command=@ relocs=0 relocs_list=[] type=1 command_size=16 relocs_num=0 "
        "pad=0} {command=@ relocs=@ relocs_list=[{src_offset=1 dst_offset=2 src_handle=1 dst_handle=0 reloc_type=1 pad=0} "
        "{src_offset=3 "
        "dst_offset=4 src_handle=2 dst_handle=1 reloc_type=2 pad=0}] type=2 command_size=32 relocs_num=2 pad=0}]",
        0, 2, AT(struct drm_qxl_command, {ROOM(16), 0, 1, 16, 0}, {ROOM(32), relocs, 2, 32, 2}));
    QXL(UPDATE_AREA, update_area, "handle=2 top=1 left=2 bottom=3 right=4 pad=0", 2, 1, 2, 3, 4);
    QXL(GETPARAM, getparam, "param=1 value=1024", 1);
    MAKE_ERROR("qxl", QXL_CLIENTCAP, struct drm_qxl_clientcap, ENOSYS, "index=1 pad=0", 1);
}

static void panthor(void **state)
{
    (void)state;
#define PANTHOR(request, structure, ...) MAKE("panthor", PANTHOR_##request, struct drm_panthor_##structure, __VA_ARGS__)
    PANTHOR(VM_CREATE, vm_create, "flags=0 id=1 user_va_range=0 user_va_range_out=140737488355328");
    PANTHOR(BO_CREATE, bo_create, "size=5000 size_out=8192 flags=1 exclusive_vm_id=1 handle=1 pad=0", 5000, 1, 1);
    PANTHOR(BO_MMAP_OFFSET, bo_mmap_offset, "handle=1 pad=0 offset=4096", 1);
    struct longer_sync { /* of a newer interface */
        struct drm_panthor_sync_op op;
        uint64_t more;
    };
    const uintptr_t syncs = AT(struct longer_sync, {{1u << 31, 31, 0}, 9}, {{1, 32, 33}, 9});
    const uintptr_t ops = AT(struct drm_panthor_vm_bind_op, {1, 1, 4096, 8192, 4096, {24, 2, syncs}}, {1u << 28, 0, 0, 16384, 4096});
    const uintptr_t one = AT(struct drm_panthor_sync_op, {1, 34, 35});
    const uintptr_t queues = AT(struct drm_panthor_queue_submit, {0, 64, 65536, 3, 0, {16, 1, one}},
                                {1, 128, 131072, 4, 0, {24, 2, syncs}});
#define BOTH                                                                                                                \
    "syncs={stride=24 count=2 array=@ list=[{flags=2147483648 handle=31 timeline_value=0} {flags=1 handle=32 timeline_value=33}]}"
    PANTHOR(VM_BIND, vm_bind,
            "vm_id=1 flags=1 ops={stride=48 count=2 array=@ list=[{flags=1 bo_handle=1 bo_offset=4096 va=8192 size=4096 " BOTH "} "
            "{flags=268435456 bo_handle=0 bo_offset=0 va=16384 size=4096 syncs={stride=0 count=0 array=0 list=[]}}]}",
            1, 1, {48, 2, ops});
    const uintptr_t made_of = AT(struct drm_panthor_queue_create, {3, {0}, 4096}, {15, {0}, 65536});
    PANTHOR(GROUP_CREATE, group_create,
            "queues={stride=8 count=2 array=@ list=[{priority=3 pad=[0 0 0] ringbuf_size=4096} {priority=15 pad=[0 0 0] "
            "ringbuf_size=65536}]} max_compute_cores=1 max_fragment_cores=2 max_tiler_cores=1 priority=2 pad=0 compute_core_mask=3 "
            "fragment_core_mask=7 tiler_core_mask=1 vm_id=1 group_handle=5",
            {8, 2, made_of}, 1, 2, 1, 2, 0, 3, 7, 1, 1);
    PANTHOR(DEV_QUERY, dev_query, "type=3 size=0 size_out=8 pointer=state 0", 3);
    PANTHOR(DEV_QUERY, dev_query, "type=3 size=8 pointer=0700000000000000", 3, 8, ROOM(8));
    PANTHOR(GROUP_SUBMIT, group_submit,
            "group_handle=5 pad=0 queue_submits={stride=40 count=2 array=@ list=[{queue_index=0 stream_size=64 stream_addr=65536 "
            "latest_flush=3 pad=0 syncs={stride=16 count=1 array=@ list=[{flags=1 handle=34 timeline_value=35}]}} {queue_index=1 "
            "stream_size=128 stream_addr=131072 latest_flush=4 pad=0 " BOTH "}]}",
            5, 0, {40, 2, queues});
    PANTHOR(TILER_HEAP_CREATE, tiler_heap_create,
            "vm_id=1 initial_chunk_count=2 chunk_size=4096 max_chunks=3 target_in_flight=4 handle=7 tiler_heap_ctx_gpu_va=65536 "
            "first_heap_chunk_gpu_va=131072",
            1, 2, 4096, 3, 4);
    PANTHOR(GROUP_DESTROY, group_destroy, "group_handle=5 pad=0", 5);
    PANTHOR(TILER_HEAP_DESTROY, tiler_heap_destroy, "handle=7 pad=0", 7);
    PANTHOR(VM_DESTROY, vm_destroy, "id=1 pad=0", 1);
}

static void vmwgfx(void **state)
{
    (void)state;
#define VMW(request, structure, ...) MAKE("vmwgfx", VMW_##request, structure, __VA_ARGS__)
    VMW(GET_PARAM, struct drm_vmw_getparam_arg, "value=268435456 param=9 pad64=0", .param = 9);
    VMW(GET_3D_CAP, struct drm_vmw_get_3d_cap_arg, "buffer='cccc' max_size=4 pad64=0", ROOM(4), 4);
    VMW(ALLOC_BO, union drm_vmw_alloc_bo_arg,
        "req={size=8192 pad64=0} rep={map_handle=4096 handle=1 cur_gmr_id=1 cur_gmr_offset=0 pad64=0}", .req = {.size = 8192});
    VMW(SYNCCPU, struct drm_vmw_synccpu_arg, "op=0 flags=3 handle=1 pad64=0", 0, 3, 1);
    MAKE_ERROR("vmwgfx", VMW_SYNCCPU, struct drm_vmw_synccpu_arg, ESRCH, "op=1 flags=3 handle=7 pad64=0", 1, 3, 7);
    const uintptr_t sizes = AT(struct drm_vmw_size, {64, 32, 1}, {32, 16, 1}, {16, 8, 1});
    VMW(CREATE_SURFACE, union drm_vmw_surface_create_arg,
        "req={flags=1 format=2 mip_levels=[3 0 0 0 0 0] size_addr=@ first_size={width=64 height=32 depth=1 pad64=0} "
        "shareable=0 scanout=1} rep={sid=9 handle_type=0}",
        .req = {.flags = 1, .format = 2, .mip_levels = {3}, .size_addr = sizes, .scanout = 1});
#define GB_REQ(backing) "svga3d_flags=1 format=2 mip_levels=1 drm_surface_flags=4 multisample_count=0 autogen_filter=0 buffer_handle=" \
    backing " array_size=0 base_size={width=64 height=32 depth=1 pad64=0}"
    const struct drm_vmw_gb_surface_create_req asked = {
        .svga3d_flags = 1, .format = 2, .mip_levels = 1, .drm_surface_flags = 4, .buffer_handle = VMWGFX_INVALID_ID,
        .base_size = {64, 32, 1}};
    VMW(GB_SURFACE_CREATE, union drm_vmw_gb_surface_create_arg,
        "req={" GB_REQ("4294967295") "} rep={handle=10 backup_size=8192 buffer_handle=2 buffer_size=8192 buffer_map_handle=12288}",
        .req = asked);
#define GB_REP "handle=10 backup_size=8192 buffer_handle=2 buffer_size=8192 buffer_map_handle=12288"
    VMW(GB_SURFACE_REF, union drm_vmw_gb_surface_reference_arg,
        "req={sid=10 handle_type=0} rep={creq={" GB_REQ("4294967295") "} crep={" GB_REP "}}", .req = {10, 0});
    /* In memory that is there already, whose handle comes back: it is no new buffer. */
    union drm_vmw_gb_surface_create_ext_arg more = {.req = {.base = asked, .svga3d_flags_upper_32_bits = 5, .multisample_pattern = 6,
                                                            .quality_level = 7, .buffer_byte_stride = 8}};
    more.req.base.buffer_handle = 1;
#define GB_MORE "version=0 svga3d_flags_upper_32_bits=5 multisample_pattern=6 quality_level=7 buffer_byte_stride=8 must_be_zero=0"
    make(&(struct made){"vmwgfx", "VMW_GB_SURFACE_CREATE_EXT", DRM_IOCTL_VMW_GB_SURFACE_CREATE_EXT, tail_copy(&more, sizeof more), 0,
                        "req={base={" GB_REQ("1") "} " GB_MORE "} rep={handle=10 backup_size=8192 buffer_size=8192 "
                        "buffer_map_handle=4096}"});
    VMW(GB_SURFACE_REF_EXT, union drm_vmw_gb_surface_reference_ext_arg,
        "req={sid=10 handle_type=0} rep={creq={base={" GB_REQ("1") "} " GB_MORE "} crep={handle=10 backup_size=8192 buffer_handle=1 "
        "buffer_size=8192 buffer_map_handle=4096}}",
        .req = {10, 0});
    VMW(REF_SURFACE, union drm_vmw_surface_reference_arg,
        "req={sid=9 handle_type=0} rep={flags=1 format=2 mip_levels=[3 0 0 0 0 0] size_addr=@ first_size={width=64 height=32 depth=1 "
        "pad64=0} shareable=0 scanout=0}",
        .rep = {.flags = 9, .size_addr = ROOM(16)});
    VMW(CREATE_CONTEXT, struct drm_vmw_context_arg, "cid=2 pad64=0");
    VMW(UNREF_CONTEXT, struct drm_vmw_context_arg, "cid=2 pad64=0", 2);
    VMW(CREATE_EXTENDED_CONTEXT, union drm_vmw_extended_context_arg, "req=1 rep={cid=2 pad64=0}", .req = 1);
    VMW(CREATE_SHADER, struct drm_vmw_shader_create_arg, "shader_type=1 size=64 buffer_handle=1 shader_handle=11 offset=128", 1, 64, 1,
        .offset = 128);
    VMW(UNREF_SHADER, struct drm_vmw_shader_arg, "handle=11 pad64=0", 11);
    VMW(EXECBUF, struct drm_vmw_execbuf_arg,
        "commands=@ command_size=16 throttle_us=0 fence_rep={handle=8 mask=1 seqno=77 passed_seqno=76 fd=-1 error=0} "
        "version=2 flags=2 context_handle=2 imported_fence_fd=-1",
        ROOM(16), 16, 0, ROOM(24), 2, 2, 2, -1);
    VMW(FENCE_WAIT, struct drm_vmw_fence_wait_arg,
        "handle=8 cookie_valid=0 cookie_valid_out=1 kernel_cookie=0 kernel_cookie_out=1000 timeout_us=5 lazy=1 flags=3 wait_options=1 "
        "pad64=0",
        8, 0, 0, 5, 1, 3, 1);
    VMW(FENCE_SIGNALED, struct drm_vmw_fence_signaled_arg, "handle=8 flags=1 signaled=1 passed_seqno=77 signaled_flags=1 pad64=0", 8,
        1);
    VMW(FENCE_UNREF, struct drm_vmw_fence_arg, "handle=8 pad64=0", 8);
    VMW(UNREF_SURFACE, struct drm_vmw_surface_arg, "sid=9 handle_type=0", 9);
    VMW(HANDLE_CLOSE, struct drm_vmw_handle_close_arg, "handle=2 pad64=0", 2);
}

#define OTHER(driver_, request_, structure, shown_, ...)                                                                     \
    make(&(struct made){driver_, #request_, request_, tail_copy(&(structure){__VA_ARGS__}, sizeof(structure)), 0, shown_})

/* As a program's close: capture hears of it. */
static void close_dma_buf(int fd)
{
    struct files_closing closing;
    files_closing(fd, &closing);
    files_closed(fd, &closing, fake_close(fd) == 0);
}

static void kfd(void **state)
{
    (void)state;
    enum { GPU = 0x1234 };
#define KFD(request, structure, ...) OTHER("kfd", AMDKFD_IOC_##request, struct kfd_ioctl_##structure##_args, __VA_ARGS__)
    KFD(ACQUIRE_VM, acquire_vm, "drm_fd=0 gpu_id=4660", 0, GPU);
    KFD(ALLOC_MEMORY_OF_GPU, alloc_memory_of_gpu,
        "va_addr=2097152 size=8192 handle=20014547599361 mmap_offset=4096 gpu_id=4660 flags=2147483649", 2 << 20, 8192, .gpu_id = GPU,
        .flags = 1u << 31 | 1);
    KFD(ALLOC_MEMORY_OF_GPU, alloc_memory_of_gpu,
        "va_addr=4194304 size=4096 handle=20014547599362 mmap_offset=65536 gpu_id=4660 flags=4", 4 << 20, 4096, .mmap_offset = 65536,
        .gpu_id = GPU, .flags = 4);
    const uint64_t handle = (uint64_t)GPU << 32 | 1;
    const uintptr_t gpus = AT(uint32_t, GPU, GPU);
    KFD(MAP_MEMORY_TO_GPU, map_memory_to_gpu,
        "handle=20014547599361 device_ids_array_ptr=[4660 4660] n_devices=2 n_success=0 n_success_out=2", handle, gpus, 2);
    KFD(UNMAP_MEMORY_FROM_GPU, unmap_memory_from_gpu,
        "handle=20014547599361 device_ids_array_ptr=[4660 4660] n_devices=2 n_success=1 n_success_out=2", handle, gpus, 2, 1);
    KFD(AVAILABLE_MEMORY, get_available_memory, "available=67108864 gpu_id=4660 pad=0", .gpu_id = GPU);
    struct kfd_ioctl_export_dmabuf_args *out = tail_copy(&(struct kfd_ioctl_export_dmabuf_args){handle, O_CLOEXEC}, sizeof *out);
    make(&(struct made){"kfd", "AMDKFD_IOC_EXPORT_DMABUF", AMDKFD_IOC_EXPORT_DMABUF, out, 0, NULL});
    const struct ga_drm_kfd_export_dmabuf *exported = (const void *)&events[event_count - 1].record;
    const uint64_t dma_buf = exported->dma_buf;
    assert_true(dma_buf != 0 && exported->dmabuf_fd == out->dmabuf_fd && exported->handle == handle);
    KFD(IMPORT_DMABUF, import_dmabuf, NULL, .gpu_id = GPU, .dmabuf_fd = out->dmabuf_fd);
    const struct ga_drm_kfd_import_dmabuf *imported = (const void *)&events[event_count - 1].record;
    assert_true(imported->dma_buf == dma_buf && imported->handle == handle);
    close_dma_buf((int)out->dmabuf_fd);
    KFD(FREE_MEMORY_OF_GPU, free_memory_of_gpu, "handle=20014547599361", handle);
}

static void heaps_and_memfds(void **state)
{
    (void)state;
    struct dma_heap_allocation_data *data =
        tail_copy(&(struct dma_heap_allocation_data){.len = 8192, .fd_flags = O_RDWR | O_CLOEXEC}, sizeof *data);
    make(&(struct made){"dma_heap", "DMA_HEAP_IOCTL_ALLOC", DMA_HEAP_IOCTL_ALLOC, data, 0, NULL});
    const struct ga_drm_dma_heap_alloc *heap = (const void *)&events[event_count - 1].record;
    assert_true(heap->dma_buf != 0 && heap->fd == data->fd && heap->len == 8192);
    close_dma_buf((int)data->fd);

    int memfd = memfd_create("parts", MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(memfd, 16384), 0);
    assert_int_equal(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    OTHER("udmabuf", UDMABUF_CREATE, struct udmabuf_create, NULL, (uint32_t)memfd, 1, 4096, 8192);
    const struct ga_drm_udmabuf_create *one = (const void *)&events[event_count - 1].record;
    assert_true(one->dma_buf != 0 && one->memfd == (uint32_t)memfd && one->offset == 4096 && one->size == 8192);
    close_dma_buf((int)one->header.ret);
    /* The parts stand behind the structure, up to the unmapped page. */
    struct udmabuf_create_list *list = tail_alloc(sizeof *list + 2 * sizeof *list->list);
    *list = (struct udmabuf_create_list){.flags = 1, .count = 2};
    list->list[0] = (struct udmabuf_create_item){(uint32_t)memfd, 0, 0, 4096};
    list->list[1] = (struct udmabuf_create_item){(uint32_t)memfd, 0, 8192, 8192};
    make(&(struct made){"udmabuf", "UDMABUF_CREATE_LIST", UDMABUF_CREATE_LIST, list, 0, NULL});
    const struct ga_drm_udmabuf_create_list *several = (const void *)&events[event_count - 1].record;
    assert_true(several->dma_buf != 0 && several->dma_buf != one->dma_buf);
    char shown[256];
    snprintf(shown, sizeof shown,
             "flags=1 count=2 list=[{memfd=%d __pad=0 offset=0 size=4096} {memfd=%d __pad=0 offset=8192 size=8192}] dma_buf=%llu",
             memfd, memfd, (unsigned long long)several->dma_buf);
    assert_string_equal(last_call(), shown);
    close_dma_buf((int)several->header.ret);
    close(memfd);
}

static void every_request_was_made(void **state)
{
    (void)state;
    print_message("%u refusals, %u of them of what a structure leads to\n", refusals, nested_refusals);
    assert_true(nested_refusals > 100);
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++)
        if (row->kind == GA_ROW_CALL && ga_row_is_drm(row) && !ga_row_is_mapping(row) && !row_made[ga_row_id(row)])
            fail_msg("%s is in the schema and not in this table", row->request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core),
        cmocka_unit_test(virtio_gpu),
        cmocka_unit_test(amdgpu),
        cmocka_unit_test(amdgpu_submissions),
        cmocka_unit_test(i915),
        cmocka_unit_test(i915_extensions),
        cmocka_unit_test(i915_submissions),
        cmocka_unit_test(xe),
        cmocka_unit_test(nouveau),
        cmocka_unit_test(radeon),
        cmocka_unit_test(panfrost),
        cmocka_unit_test(v3d),
        cmocka_unit_test(msm),
        cmocka_unit_test(qxl),
        cmocka_unit_test(panthor),
        cmocka_unit_test(vmwgfx),
        cmocka_unit_test(kfd),
        cmocka_unit_test(heaps_and_memfds),
        cmocka_unit_test(every_request_was_made),
    };
    return cmocka_run_group_tests(tests, open_fakes, NULL);
}
