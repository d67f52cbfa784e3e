/* Thunks: the outermost of a thunk and its ioctl is recorded, and nothing is lost when in doubt. */
#include "capture_harness.h"

static const struct dispatch_thunk create2 = {GA_ROW_d3dkmt_create_allocation, sizeof(struct D3DKMT_CREATEALLOCATION), false};
static const struct dispatch_thunk create_older = {GA_ROW_d3dkmt_create_allocation, sizeof(struct D3DKMT_CREATEALLOCATION), true};
static const struct dispatch_thunk destroy_older = {
    GA_ROW_d3dkmt_destroy_allocation, offsetof(struct D3DKMT_DESTROYALLOCATION2, Flags), false};

static enum ga_row_id current_row;
static uint32_t current_size;

__attribute__((noinline)) static NTSTATUS thunk_hooked(const struct dispatch_thunk *thunk, void *arguments,
                                                       dispatch_thunk_function *real)
{
    return dispatch_thunk(thunk, arguments, (uintptr_t)__builtin_frame_address(0), real);
}

static struct ga_call_header *call_header(unsigned n)
{
    return &event_find(GA_ROW_d3dkmt_create_allocation, n)->record.header;
}

/* As libdxg does it: the structure copied, the request sent, EINTR repeated, errno made a status. */
static NTSTATUS sends_a_copy(void *arguments)
{
    struct D3DKMT_CREATEALLOCATION copy = *(struct D3DKMT_CREATEALLOCATION *)arguments;
    int result;
    do
        result = hooked(dxg, CREATE, &copy);
    while (result == -1 && errno == EINTR);
    *(struct D3DKMT_CREATEALLOCATION *)arguments = copy;
    return result == -1 ? STATUS_INVALID_PARAMETER : result;
}

static int gives_resource(int fd, unsigned long request, void *argument)
{
    (void)fd;
    (void)request;
    ((struct D3DKMT_CREATEALLOCATION *)argument)->hResource = 0x33;
    return 0;
}

static void thunk_and_its_ioctl_are_one_call(void **state)
{
    (void)state;
    struct D3DKMT_CREATEALLOCATION in = {.hDevice = 1};
    answer = gives_resource;
    assert_int_equal(thunk_hooked(&create2, &in, sends_a_copy), STATUS_SUCCESS);
    assert_int_equal(in.hResource, 0x33);
    assert_int_equal(answered, 1);
    assert_int_equal(event_number(GA_ROW_d3dkmt_create_allocation), 1);
    assert_int_equal(call_header(0)->layer, GA_LAYER_API);
    assert_int_equal(call_header(0)->marks, 0);
    assert_int_equal(call_header(0)->ret, 0);
    assert_int_equal(event_find(GA_ROW_d3dkmt_create_allocation, 0)->record.r_d3dkmt_create_allocation.hResource_out, 0x33);
    /* Afterwards an ioctl of the same members is the program's own. */
    hooked(dxg, CREATE, &in);
    assert_int_equal(event_number(GA_ROW_d3dkmt_create_allocation), 2);
    assert_int_equal(call_header(1)->layer, GA_LAYER_IOCTL);
    assert_int_equal(call_header(1)->marks, 0);
}

/* While no session hears of a recording's program, its calls take numbers all the same: a thunk and its ioctl one. */
static void calls_that_no_session_wants_are_numbered_in_a_recording(void **state)
{
    (void)state;
    struct D3DKMT_CREATEALLOCATION in = {.hDevice = 1};
    answer = gives_resource;
    (void)thunk_hooked(&create2, &in, sends_a_copy);
    row_disabled[GA_ROW_d3dkmt_create_allocation] = true;
    (void)thunk_hooked(&create2, &in, sends_a_copy); /* by hand: a call of no session is none */
    capture_process.numbers_all = true;
    assert_int_equal(thunk_hooked(&create2, &in, sends_a_copy), STATUS_SUCCESS);
    assert_int_equal(hooked(dxg, CREATE, &in), 0);
    capture_process.numbers_all = false;
    row_disabled[GA_ROW_d3dkmt_create_allocation] = false;
    assert_int_equal(answered, 4);
    (void)thunk_hooked(&create2, &in, sends_a_copy);
    assert_int_equal(event_number(GA_ROW_d3dkmt_create_allocation), 2);
    assert_int_equal(call_header(1)->call - call_header(0)->call, 3);
}

static int refused(int fd, unsigned long request, void *argument)
{
    (void)fd;
    (void)request;
    (void)argument;
    errno = EINVAL;
    return -1;
}

static void a_failing_thunk_gives_its_status(void **state)
{
    (void)state;
    struct D3DKMT_CREATEALLOCATION in = {.hDevice = 1};
    answer = refused;
    assert_int_equal(thunk_hooked(&create2, &in, sends_a_copy), STATUS_INVALID_PARAMETER);
    assert_int_equal(call_header(0)->ret, STATUS_INVALID_PARAMETER);
    assert_int_equal(call_header(0)->error, 0);
    assert_true(ga_call_failed(&ga_rows[GA_ROW_d3dkmt_create_allocation], call_header(0)));
}

static int attempts;
static int interrupted_once(int fd, unsigned long request, void *argument)
{
    (void)fd;
    (void)request;
    (void)argument;
    errno = EINTR;
    return attempts++ ? 0 : -1;
}

static void repeated_attempts_inside_are_the_thunks_own(void **state)
{
    (void)state;
    struct D3DKMT_CREATEALLOCATION in = {.hDevice = 1};
    answer = interrupted_once;
    attempts = 0;
    assert_int_equal(thunk_hooked(&create2, &in, sends_a_copy), 0);
    assert_int_equal(answered, 2);
    assert_int_equal(event_number(GA_ROW_d3dkmt_create_allocation), 1);
}

static NTSTATUS sends_another_too(void *arguments)
{
    struct D3DKMT_CREATEALLOCATION other = {.hDevice = 99};
    (void)hooked(dxg, CREATE, &other); /* for another device: not the caller's */
    NTSTATUS status = sends_a_copy(arguments);
    (void)sends_a_copy(arguments); /* a second allocation like the first */
    struct D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = 1};
    (void)hooked(dxg, DESTROY, &destroy);
    return status;
}

static void in_doubt_both_are_recorded(void **state)
{
    (void)state;
    struct D3DKMT_CREATEALLOCATION in = {.hDevice = 1};
    assert_int_equal(thunk_hooked(&create2, &in, sends_another_too), 0);
    assert_int_equal(event_number(GA_ROW_d3dkmt_create_allocation), 3);
    assert_int_equal(call_header(0)->marks, GA_MARK_NESTED); /* hDevice 99 */
    assert_int_equal(call_header(1)->marks, GA_MARK_NESTED); /* after its own had succeeded */
    assert_int_equal(call_header(2)->layer, GA_LAYER_API);
    assert_int_equal(event_find(GA_ROW_d3dkmt_destroy_allocation, 0)->record.header.marks, 0); /* another request */
}

static jmp_buf back;
static NTSTATUS never_returns(void *arguments)
{
    (void)arguments;
    longjmp(back, 1);
}

static void a_thunk_left_by_longjmp_swallows_nothing(void **state)
{
    (void)state;
    struct D3DKMT_CREATEALLOCATION in = {.hDevice = 1};
    for (volatile unsigned i = 0; i < 20; i++)
        if (setjmp(back) == 0)
            (void)thunk_hooked(&create2, &in, never_returns);
    hooked(dxg, CREATE, &in);
    assert_int_equal(event_number(GA_ROW_d3dkmt_create_allocation), 1);
    assert_int_equal(call_header(0)->layer, GA_LAYER_IOCTL);
    assert_int_equal(thunk_hooked(&create2, &in, sends_a_copy), 0);
    assert_int_equal(event_number(GA_ROW_d3dkmt_create_allocation), 2);
}

/* Calls that a longjmp left must give their scratch memory back. */
static int jumps(int fd, unsigned long request, void *argument)
{
    (void)fd;
    (void)request;
    (void)argument;
    longjmp(back, 1);
}

static void calls_left_by_longjmp_leave_nothing_behind(void **state)
{
    (void)state;
    char data[8] = "content";
    struct D3DKMT_CREATEALLOCATION in = {.pPrivateDriverData = data, .PrivateDriverDataSize = 8};
    answer = jumps;
    for (volatile unsigned i = 0; i < 100; i++)
        if (setjmp(back) == 0)
            (void)hooked(dxg, CREATE, &in);
    answer = NULL;
    hooked(dxg, CREATE, &in);
    const struct ga_d3dkmt_create_allocation *r =
        &event_find(GA_ROW_d3dkmt_create_allocation, 0)->record.r_d3dkmt_create_allocation;
    assert_true(r->pPrivateDriverData_hash >= GA_BLOB_FIRST_HASH);
    assert_int_equal(event_number(GA_ROW_gpualloc_trouble), 0);
}

static NTSTATUS widens(void *arguments)
{
    struct D3DKMT_CREATEALLOCATION *in = arguments, copy = *in;
    struct D3DDDI_ALLOCATIONINFO2 wide[2] = {0};
    for (unsigned i = 0; i < 2; i++)
        memcpy(&wide[i], &in->pAllocationInfo[i], sizeof in->pAllocationInfo[i]);
    copy.pAllocationInfo2 = wide;
    int result = hooked(dxg, CREATE, &copy);
    for (unsigned i = 0; i < 2; i++)
        in->pAllocationInfo[i].hAllocation = 0x70 + i;
    return result;
}

static void older_elements_are_forty_bytes(void **state)
{
    (void)state;
    struct D3DDDI_ALLOCATIONINFO infos[2] = {{.VidPnSourceId = 1, .Flags = 1}, {.VidPnSourceId = 2, .PrivateDriverDataSize = 3}};
    char data[3] = "xyz";
    infos[1].pPrivateDriverData = tail_copy(data, 3);
    struct D3DKMT_CREATEALLOCATION in = {.hDevice = 1, .NumAllocations = 2, .pAllocationInfo = tail_copy(infos, sizeof infos)};
    assert_int_equal(thunk_hooked(&create_older, &in, widens), 0);
    assert_int_equal(event_number(GA_ROW_d3dkmt_create_allocation), 1);
    assert_int_equal(event_number(GA_ROW_d3dkmt_allocation), 2);
    const struct ga_d3dkmt_allocation *a = &event_find(GA_ROW_d3dkmt_allocation, 1)->record.r_d3dkmt_allocation;
    assert_int_equal(a->header.size, 40);
    assert_int_equal(a->hAllocation, 0x71);
    assert_int_equal(a->VidPnSourceId, 2);
    assert_blob(a->pPrivateDriverData_hash, "xyz", 3);
    assert_int_equal(a->Unused, 0);
}

static NTSTATUS succeeds(void *arguments)
{
    (void)arguments;
    return STATUS_SUCCESS;
}

static void older_destroy_has_no_flags(void **state)
{
    (void)state;
    struct D3DKMT_DESTROYALLOCATION in = {.hDevice = 1, .hResource = 5};
    const size_t meaningful = offsetof(struct D3DKMT_DESTROYALLOCATION2, Flags);
    assert_int_equal(meaningful, 20);
    assert_int_equal(thunk_hooked(&destroy_older, tail_copy(&in, meaningful), succeeds), 0);
    const struct ga_d3dkmt_destroy_allocation *r =
        &event_find(GA_ROW_d3dkmt_destroy_allocation, 0)->record.r_d3dkmt_destroy_allocation;
    assert_int_equal(r->header.size, 20);
    assert_int_equal(r->hResource, 5);
    assert_int_equal(r->Flags, 0);
}

static void without_a_real_one_it_is_not_supported(void **state)
{
    (void)state;
    struct D3DKMT_CREATEALLOCATION in = {0};
    assert_int_equal(thunk_hooked(&create2, &in, NULL), STATUS_NOT_SUPPORTED);
    assert_int_equal(event_number(GA_ROW_d3dkmt_create_allocation), 1);
    assert_int_equal(call_header(0)->layer, GA_LAYER_API);
    assert_int_equal(call_header(0)->ret, STATUS_NOT_SUPPORTED);
}

/* What a thunk library may change on the way: where structures, text and results are, and how large they are. */
static NTSTATUS sends_a_converted_copy(void *arguments)
{
    const struct ga_row *row = &ga_rows[current_row];
    union shape_abi copy;
    memcpy(&copy, arguments, current_size);
    memset(copy.bytes + current_size, 0, row->abi_size - current_size);
    for (const struct ga_member *m = row->members(); m->name; m++)
        if (m->kind == GA_ELEMENTS || m->kind == GA_BLOB || (m->kind == GA_FLAGS && !m->arm))
            memset(copy.bytes + m->offset, 0x11, m->width);
    unsigned long request = _IOC(_IOC_READ | _IOC_WRITE, DXG_IOCTL_TYPE, row->number, row->abi_size);
    return hooked(dxg, request, &copy);
}

static const struct {
    const char *name;
    struct dispatch_thunk thunk;
} table[] = {
#define THUNK(function, event, structure) {"D3DKMT" #function, {GA_ROW_d3dkmt_##event, sizeof(struct structure), false}},
#define THUNK_OLDER(function, event, size) {"D3DKMT" #function, {GA_ROW_d3dkmt_##event, size, true}},
#include "preload/thunks.inc"
};
enum { TABLE = sizeof table / sizeof *table };

/* Every argument is numbered bytes: no two members look alike. */
static void every_thunk_and_its_ioctl_are_one_call(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TABLE; i++) {
        union shape_abi in;
        char *bytes = in.bytes; /* the union's first byte; all of it is meant */
        for (unsigned b = 0; b < sizeof in; b++)
            bytes[b] = (char)(1 + b % 64);
        current_row = table[i].thunk.row;
        current_size = table[i].thunk.size;
        events_clear();
        answered = 0;
        answer = NULL;
        assert_int_equal(thunk_hooked(&table[i].thunk, &in, sends_a_converted_copy), STATUS_SUCCESS);
        assert_int_equal(answered, 1);
        if (event_number(current_row) != 1)
            fail_msg("%s: %u calls recorded", table[i].name, event_number(current_row));
        const struct ga_call_header *header = &event_find(current_row, 0)->record.header;
        assert_int_equal(header->layer, GA_LAYER_API);
        assert_int_equal(header->marks, table[i].thunk.older ? GA_MARK_OLDER : 0);
        assert_int_equal(header->size, current_size);
    }
}

/* Another call of the same request inside is not taken for the thunk's own: its first handle or count differs. */
static NTSTATUS sends_another(void *arguments)
{
    union shape_abi copy;
    memcpy(&copy, arguments, current_size);
    const struct ga_member *m = ga_rows[current_row].members();
    while (m->name && !(m->kind == GA_INT && m->direction & GA_IN && m->show != GA_BYTES && !m->arm))
        m++;
    if (!m->name) /* nothing tells them apart */
        return STATUS_NOT_SUPPORTED;
    char *bytes = copy.bytes;
    bytes[m->offset] ^= 0x55;
    return hooked(dxg, _IOC(_IOC_READ | _IOC_WRITE, DXG_IOCTL_TYPE, ga_rows[current_row].number, current_size), &copy);
}

static void another_call_inside_a_thunk_is_recorded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TABLE; i++) {
        union shape_abi in;
        memset(&in, 1, sizeof in);
        current_row = table[i].thunk.row;
        current_size = table[i].thunk.size;
        events_clear();
        NTSTATUS status = thunk_hooked(&table[i].thunk, &in, sends_another);
        if (status == STATUS_NOT_SUPPORTED)
            fail_msg("%s: no member tells its calls apart", table[i].name);
        if (event_number(current_row) != 2)
            fail_msg("%s: %u calls recorded", table[i].name, event_number(current_row));
        assert_int_equal(event_find(current_row, 0)->record.header.marks & ~GA_MARK_OLDER, GA_MARK_NESTED);
    }
}

/* Every d3dkmt request is wrapped as a function, too. */
static void every_request_has_its_thunk(void **state)
{
    (void)state;
    for (const struct ga_row *row = ga_rows; row < ga_rows + GA_ROW_COUNT; row++) {
        if (row->kind != GA_ROW_CALL || !ga_row_is_d3dkmt(row) || ga_row_id(row) == GA_ROW_d3dkmt_share_objects)
            continue; /* it has a wrapper of its own */
        bool found = false;
        for (unsigned i = 0; i < TABLE; i++)
            found |= !strcmp(table[i].name, row->request) && &ga_rows[table[i].thunk.row] == row;
        if (!found)
            fail_msg("%s is not in thunks.inc", row->request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(thunk_and_its_ioctl_are_one_call),
        TEST(calls_that_no_session_wants_are_numbered_in_a_recording),
        TEST(a_failing_thunk_gives_its_status),
        TEST(repeated_attempts_inside_are_the_thunks_own),
        TEST(in_doubt_both_are_recorded),
        TEST(a_thunk_left_by_longjmp_swallows_nothing),
        TEST(calls_left_by_longjmp_leave_nothing_behind),
        TEST(older_elements_are_forty_bytes),
        TEST(older_destroy_has_no_flags),
        TEST(without_a_real_one_it_is_not_supported),
        TEST(every_thunk_and_its_ioctl_are_one_call),
        TEST(another_call_inside_a_thunk_is_recorded),
        TEST(every_request_has_its_thunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
