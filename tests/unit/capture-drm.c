/*
 * Each request of each DRM driver, made once on the driver's fake with arguments that end at an unmapped page, and what `gpualloc
 * list` would show of it. One table for all drivers: what was passed, and the members as they must come back.
 */
#include "capture_harness.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <libdrm/drm_mode.h>

#include "analyzer/list/walk.h"
#define GA_SCHEMA_INCLUDES
#include "schema/all.inc"
#undef GA_SCHEMA_INCLUDES

/* --- the fakes: the preload library of tests/fake, called by name --------------------------------------------------------- */

static int (*fake_open)(const char *path, int flags, ...);
static int (*fake_ioctl)(int fd, unsigned long request, ...);

static const char *const drivers[] = {
    "virtio_gpu", "amdgpu",
};
enum { DRIVERS = sizeof drivers / sizeof *drivers };
static int devices[DRIVERS];

static int fake_probe(int fd, struct capture_probe *probe)
{
    char link[32], path[64] = "";
    int number;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0)
        return -EBADF;
    *probe = (struct capture_probe){.device = 1};
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
    char names[512] = "";
    for (int i = 0; i < DRIVERS; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? " " : "", drivers[i]);
    setenv("GPUALLOC_FAKE_DRM", names, 1);
    void *library = dlopen(FAKE_DRM, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    *(void **)&fake_open = dlsym(library, "open");
    *(void **)&fake_ioctl = dlsym(library, "ioctl");
    (void)harness_setup(NULL);
    capture_ops = &fake_ops;
    for (int i = 0; i < DRIVERS; i++) {
        char path[32];
        snprintf(path, sizeof path, "/dev/dri/card%d", i);
        devices[i] = fake_open(path, O_RDWR);
        assert_true(devices[i] >= 0);
    }
    return 0;
}

static int device_of(const char *driver)
{
    for (int i = 0; i < DRIVERS; i++)
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
    if (bytes)
        say("'%.*s'", (int)size, bytes);
    else
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

static void make(const struct made *made)
{
    events_clear();
    blobs_forget();
    int fd = device_of(made->driver);
    int result = fake_hooked(fd, made->number, made->argument), error = result == -1 ? errno : 0;
    if (error != made->error)
        fail_msg("%s: errno %d, not %d", made->request, error, made->error);
    assert_true(event_count > 0);
    const struct event *event = &events[event_count - 1];
    if (!ga_rows[event->row].request || strcmp(ga_rows[event->row].request, made->request) != 0)
        fail_msg("%s: recorded as %s", made->request, ga_rows[event->row].event);
    if (strcmp(last_call(), made->shown) != 0)
        fail_msg("%s:\n  %s, not\n  %s", made->request, text, made->shown);
    row_made[event->row] = 1;
}

/* A request by its name, the structure's members as designated initialisers, and what is shown. */
#define MAKE_ERROR(driver_, request_, structure, error_, shown_, ...)                                                        \
    make(&(struct made){driver_, #request_, DRM_IOCTL_##request_,                                                           \
                        tail_copy(&(structure){__VA_ARGS__}, sizeof(structure)), error_, shown_})
#define MAKE(driver_, request_, structure, shown_, ...) MAKE_ERROR(driver_, request_, structure, 0, shown_, __VA_ARGS__)

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
            "num_in_syncobjs=0 num_out_syncobjs=0 in_syncobjs=0 out_syncobjs=0",
            .flags = 4, .size = 12, .command = ROOM(12), .bo_handles = AT(uint32_t, 2, 1), .num_bo_handles = 2, .fence_fd = -1,
            .ring_idx = 3, .syncobj_stride = 16);
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

static void every_request_was_made(void **state)
{
    (void)state;
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++)
        for (int i = 0; row->kind == GA_ROW_CALL && ga_row_is_drm(row) && i < DRIVERS; i++)
            if (strcmp(row->driver, drivers[i]) == 0 && !row_made[ga_row_id(row)])
                fail_msg("%s is in the schema and not in this table", row->request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(virtio_gpu),
        cmocka_unit_test(amdgpu),
        cmocka_unit_test(amdgpu_submissions),
        cmocka_unit_test(every_request_was_made),
    };
    return cmocka_run_group_tests(tests, open_fakes, NULL);
}
