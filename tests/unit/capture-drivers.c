/*
 * Every request of every driver, found from the schema alone, so that a new .def file is held to it without a word here: there is a
 * fake of the driver, the request is recorded as its row, and each member that a program passes and a driver answers is in the record.
 * What the requests mean is capture-drm's affair.
 */
#include "capture_harness.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <libdrm/drm.h>

static const struct ga_row *row_now;
static unsigned char passed[4096], answered_with[4096];

/* Numbers everywhere, and nothing at addresses. */
static void fill(const struct ga_row *row, unsigned char *argument)
{
    for (unsigned i = 0; i < row->abi_size; i++)
        argument[i] = (unsigned char)(i * 37 + 11);
    for (const struct ga_member *m = row->members(); m->name; m++)
        if (m->offset != GA_NONE && m->address != GA_NONE)
            memset(argument + m->offset, 0, m->width);
    memcpy(passed, argument, row->abi_size);
}

/* The driver: other numbers wherever it may write. */
static int invert_outputs(int fd, unsigned long request, void *argument)
{
    (void)fd, (void)request;
    unsigned char *bytes = argument;
    for (const struct ga_member *m = row_now->members(); m->name; m++)
        for (unsigned i = 0; m->offset != GA_NONE && m->address == GA_NONE && m->out != GA_NONE && i < m->width; i++)
            bytes[m->offset + i] = (unsigned char)(~passed[m->offset + i] ^ m->offset);
    memcpy(answered_with, argument, row_now->abi_size);
    return 0;
}

static void check_member(const struct ga_row *row, const struct ga_member *m, const char *record)
{
    if (m->kind == GA_ARRAY && m->room) {
        const void *list;
        uint32_t length = (uint32_t)ga_load(record + m->length, 4, false);
        memcpy(&list, record + m->in, sizeof list);
        if (m->direction == GA_IN && length && memcmp(list, passed + m->offset, (size_t)length * m->entry) != 0)
            fail_msg("%s.%s is not what was passed", row->event, m->path);
        if (!m->count && length != m->room)
            fail_msg("%s.%s has %u entries, not %u", row->event, m->path, length, m->room);
    }
    if (m->kind != GA_INT && m->kind != GA_FLAGS && m->kind != GA_PTR)
        return;
    if (m->in != GA_NONE && ga_member_in(m, record) != ga_load(passed + m->offset, m->width, m->is_signed))
        fail_msg("%s.%s is %#llx, which was not passed", row->event, m->path, (unsigned long long)ga_member_in(m, record));
    if (m->out != GA_NONE && ga_member_out(m, record) != ga_load(answered_with + m->offset, m->width, m->is_signed))
        fail_msg("%s.%s is %#llx, which was not answered", row->event, m->path, (unsigned long long)ga_member_out(m, record));
}

static void check_request(int fd, const struct ga_row *row)
{
    unsigned char *argument = tail_alloc(row->abi_size);
    events_clear();
    row_now = row;
    assert_true(row->abi_size <= sizeof passed);
    fill(row, argument);
    hooked(fd, _IOC(_IOC_READ | _IOC_WRITE, (unsigned)ga_driver_type(row->driver), row->number, row->abi_size), argument);
    if (event_number(ga_row_id(row)) != 1)
        fail_msg("%s is recorded %u times", row->request, event_number(ga_row_id(row)));
    const struct event *event = event_find(ga_row_id(row), 0);
    for (const struct ga_member *m = row->members(); m->name; m++)
        if (ga_member_present(row, m, &event->record, row->abi_size, NULL, NULL))
            check_member(row, m, (const char *)&event->record);
}

static void members_are_what_was_passed_and_answered(void **state)
{
    (void)state;
    unsigned checked = 0;
    answer = invert_outputs;
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        if (!ga_row_is_drm(row) || row->kind != GA_ROW_CALL || ga_row_is_mapping(row))
            continue;
        char device[64];
        snprintf(device, sizeof device, "%s-%u", *row->driver ? row->driver : "vgem", 7);
        int fd = device_open(device);
        check_request(fd, row);
        hooked_close(fd);
        checked++;
    }
    print_message("%u requests\n", checked);
    assert_true(checked > 100);
}

/* A device that is none of DRM's has a node of its own, which the fake knows: the driver's name is in it. */
static void each_driver_has_a_fake(void **state)
{
    (void)state;
    static const char *const others[] = {"/dev/%s", "/dev/%s/system"};
    void *library = dlopen(FAKE_DRM, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    int (*fake_open)(const char *, int, ...), (*fake_ioctl)(int, unsigned long, ...);
    *(void **)&fake_open = dlsym(library, "open");
    *(void **)&fake_ioctl = dlsym(library, "ioctl");
    char names[1024] = "", path[64], name[32];
    const char *driver = "";
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++)
        if (ga_row_is_drm(row) && strcmp(row->driver, driver) != 0)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", *names ? " " : "", driver = row->driver);
    setenv("GPUALLOC_FAKE_DRM", names, 1);
    int number = 0;
    for (driver = strtok(names, " "); driver; driver = strtok(NULL, " ")) {
        snprintf(path, sizeof path, "/dev/dri/card%d", number++);
        for (size_t i = 0; ga_driver_type(driver) != 'd' && i < sizeof others / sizeof *others; i++) {
            snprintf(path, sizeof path, others[i], driver);
            if (fake_open(path, O_RDWR) >= 0)
                break;
        }
        struct drm_version version = {.name = name, .name_len = sizeof name};
        int fd = fake_open(path, O_RDWR);
        memset(name, 0, sizeof name);
        if (fd < 0 || fake_ioctl(fd, DRM_IOCTL_VERSION, &version) != 0 || strncmp(name, driver, sizeof name) != 0)
            fail_msg("%s has no fake: tests/fake/drivers/%s.c", driver, driver);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(members_are_what_was_passed_and_answered),
        TEST(each_driver_has_a_fake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
