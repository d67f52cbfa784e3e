/* The calls of an allocation's life: arrays of results and of 64-bit values, arrays in the structure, arms chosen by a value. */
#include "capture_harness.h"

#define REQUEST(event, structure) DXG_IOCTL(ga_rows[GA_ROW_d3dkmt_##event].number, struct structure)
#define FIRST(event) (&event_find(GA_ROW_d3dkmt_##event, 0)->record.r_d3dkmt_##event)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const uint32_t handles[3] = {0x40000040, 0x40000080, 0x400000c0};

/* Answers: what the device of the test does with its argument. */
static void (*device)(void *argument);

static int does(int fd, unsigned long request, void *argument)
{
    (void)fd;
    (void)request;
    device(argument);
    return 0;
}

static void call(unsigned long request, void *argument, void (*what)(void *argument))
{
    device = what;
    answer = what ? does : NULL;
    hooked(dxg, request, argument);
}

static int is_pending(int fd, unsigned long request, void *argument)
{
    (void)fd;
    (void)request;
    struct D3DDDI_MAKERESIDENT *a = argument;
    a->PagingFenceValue = 77;
    a->NumBytesToTrim = 1ull << 40;
    a->NumAllocations = 2;
    return 0x103;
}

static void make_resident_keeps_both_lists(void **state)
{
    (void)state;
    uint32_t priorities[3] = {1, 2, 3};
    struct D3DDDI_MAKERESIDENT in = {.hPagingQueue = 5, .NumAllocations = 3, .AllocationList = tail_copy(handles, sizeof handles),
                                     .PriorityList = tail_copy(priorities, sizeof priorities), .Flags = 1};
    answer = is_pending;
    assert_int_equal(hooked(dxg, REQUEST(make_resident, D3DDDI_MAKERESIDENT), &in), 0x103);
    const struct ga_d3dkmt_make_resident *r = FIRST(make_resident);
    assert_int_equal(r->header.ret, 0x103);
    assert_int_equal(r->NumAllocations, 3);
    assert_int_equal(r->NumAllocations_out, 2);
    assert_int_equal(r->AllocationList_length, 3);
    assert_memory_equal(r->AllocationList_list, handles, sizeof handles);
    assert_int_equal(r->PriorityList_length, 3);
    assert_memory_equal(r->PriorityList_list, priorities, sizeof priorities);
    assert_int_equal(r->PagingFenceValue, 77);
    assert_true(r->NumBytesToTrim == 1ull << 40);
    assert_false(ga_call_failed(&ga_rows[GA_ROW_d3dkmt_make_resident], &r->header));
}

static void tells_residency(void *argument)
{
    struct D3DKMT_QUERYALLOCATIONRESIDENCY *a = argument;
    for (uint32_t i = 0; i < (a->AllocationCount ? a->AllocationCount : 1); i++)
        a->pResidencyStatus[i] = 1 + i;
}

static void results_are_read_after_the_call(void **state)
{
    (void)state;
    struct D3DKMT_QUERYALLOCATIONRESIDENCY in = {.hDevice = 1, .phAllocationList = tail_copy(handles, sizeof handles),
                                                 .AllocationCount = 3, .pResidencyStatus = tail_alloc(12)};
    call(REQUEST(query_allocation_residency, D3DKMT_QUERYALLOCATIONRESIDENCY), &in, tells_residency);
    const struct ga_d3dkmt_query_allocation_residency *r = FIRST(query_allocation_residency);
    assert_int_equal(r->pResidencyStatus, (uintptr_t)in.pResidencyStatus);
    assert_int_equal(r->pResidencyStatus_length, 3);
    assert_memory_equal(r->pResidencyStatus_list, ((uint32_t[]){1, 2, 3}), 12);
}

/* Of a resource there is one status, and no count says so. */
static void a_resource_has_one_status(void **state)
{
    (void)state;
    struct D3DKMT_QUERYALLOCATIONRESIDENCY in = {.hDevice = 1, .hResource = 9, .pResidencyStatus = tail_alloc(4)};
    call(REQUEST(query_allocation_residency, D3DKMT_QUERYALLOCATIONRESIDENCY), &in, tells_residency);
    const struct ga_d3dkmt_query_allocation_residency *r = FIRST(query_allocation_residency);
    assert_int_equal(r->phAllocationList_length, 0);
    assert_int_equal(r->pResidencyStatus_length, 1);
    assert_int_equal(r->pResidencyStatus_list[0], 1);
}

static int fails(int fd, unsigned long request, void *argument)
{
    (void)fd;
    (void)request;
    (void)argument;
    errno = EINVAL;
    return -1;
}

static void a_failed_call_has_no_results(void **state)
{
    (void)state;
    uint32_t old = 3;
    struct D3DKMT_QUERYALLOCATIONRESIDENCY in = {.hDevice = 1, .hResource = 9, .pResidencyStatus = &old};
    answer = fails;
    hooked(dxg, REQUEST(query_allocation_residency, D3DKMT_QUERYALLOCATIONRESIDENCY), &in);
    assert_int_equal(FIRST(query_allocation_residency)->pResidencyStatus_length, 0);
    char bytes[8] = "garbage";
    struct D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = {.pPrivateRuntimeData = bytes, .PrivateRuntimeDataSize = 8};
    hooked(dxg, REQUEST(query_resource_info_from_nt_handle, D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE), &query);
    assert_int_equal(FIRST(query_resource_info_from_nt_handle)->pPrivateRuntimeData, (uintptr_t)bytes);
    assert_int_equal(FIRST(query_resource_info_from_nt_handle)->pPrivateRuntimeData_out_hash, GA_BLOB_NULL);
    assert_int_equal(event_number(GA_ROW_gpualloc_blob), 0);
}

static void fence_values_have_64_bits(void **state)
{
    (void)state;
    uint64_t values[2] = {UINT64_MAX, 1ull << 33};
    struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU in = {
        .hDevice = 1, .ObjectCount = 2, .ObjectHandleArray = tail_copy(handles, 8),
        .FenceValueArray = tail_copy(values, sizeof values), .hAsyncEvent = 12, .Flags = 1};
    call(REQUEST(wait_for_synchronization_object_from_cpu, D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU), &in, NULL);
    const struct ga_d3dkmt_wait_for_synchronization_object_from_cpu *r = FIRST(wait_for_synchronization_object_from_cpu);
    assert_int_equal(r->FenceValueArray_length, 2);
    assert_memory_equal(r->FenceValueArray_list, values, sizeof values);
    assert_int_equal(r->ObjectHandleArray_list[1], handles[1]);
    assert_int_equal(r->hAsyncEvent, 12);
}

static void unreadable_values_leave_the_handles(void **state)
{
    (void)state;
    struct D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU in = {
        .hContext = 1, .ObjectCount = 1, .ObjectHandleArray = tail_copy(handles, 4), .FenceValue = 0x1234};
    call(REQUEST(wait_for_synchronization_object_from_gpu, D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU), &in, NULL);
    const struct ga_d3dkmt_wait_for_synchronization_object_from_gpu *r = FIRST(wait_for_synchronization_object_from_gpu);
    assert_int_equal(r->MonitoredFenceValueArray_length, 0);
    assert_int_equal(r->FenceValue, 0x1234); /* a plain fence's */
    assert_int_equal(r->ObjectHandleArray_length, 1);
}

static void submission_keeps_arrays_of_the_structure(void **state)
{
    (void)state;
    struct D3DKMT_SUBMITCOMMAND in = {.Commands = 0x10000, .BroadcastContextCount = 2, .BroadcastContext = {7, 8, 9},
                                      .NumPrimaries = 99, .NumHistoryBuffers = 3,
                                      .HistoryBufferArray = tail_copy(handles, sizeof handles)};
    for (uint32_t i = 0; i < COUNT(in.WrittenPrimaries); i++)
        in.WrittenPrimaries[i] = 100 + i;
    call(REQUEST(submit_command, D3DKMT_SUBMITCOMMAND), tail_copy(&in, sizeof in), NULL);
    const struct ga_d3dkmt_submit_command *r = FIRST(submit_command);
    assert_int_equal(r->BroadcastContext_length, 2);
    assert_memory_equal(r->BroadcastContext_list, in.BroadcastContext, 8);
    assert_int_equal(r->NumPrimaries, 99);
    assert_int_equal(r->WrittenPrimaries_length, D3DDDI_MAX_WRITTEN_PRIMARIES); /* no more than there is room for */
    assert_memory_equal(r->WrittenPrimaries_list, in.WrittenPrimaries, sizeof in.WrittenPrimaries);
    assert_memory_equal(r->HistoryBufferArray_list, handles, sizeof handles);
}

static void makes_a_fence(void *argument)
{
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *a = argument;
    a->hSyncObject = 0x55;
    a->Info.MonitoredFence.FenceValueCPUVirtualAddress = (void *)(uintptr_t)0x7000;
    a->Info.MonitoredFence.FenceValueGPUVirtualAddress = 0x8000;
}

static void a_value_chooses_the_arm(void **state)
{
    (void)state;
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 in = {
        .hDevice = 1, .Info = {.Type = D3DDDI_MONITORED_FENCE, .Flags = 3, .MonitoredFence = {.InitialFenceValue = 9}}};
    call(REQUEST(create_synchronization_object2, D3DKMT_CREATESYNCHRONIZATIONOBJECT2), &in, makes_a_fence);
    const struct ga_d3dkmt_create_synchronization_object2 *r = FIRST(create_synchronization_object2);
    assert_int_equal(r->Info_MonitoredFence_InitialFenceValue, 9);
    assert_int_equal(r->Info_MonitoredFence_FenceValueCPUVirtualAddress, 0x7000);
    assert_int_equal(r->Info_MonitoredFence_FenceValueGPUVirtualAddress, 0x8000);
    assert_int_equal(r->Info_Fence_FenceValue, 0);
    assert_int_equal(r->Info_Semaphore_MaxCount, 0);
    assert_int_equal(r->Info_Reserved_length, 0);
    assert_int_equal(r->hSyncObject, 0x55);

    events_clear();
    struct D3DKMT_CREATESYNCHRONIZATIONOBJECT2 newer = {.Info = {.Type = 7, .Reserved.Reserved = {1, 2, 3, 4, 5, 6, 7, 8}}};
    call(REQUEST(create_synchronization_object2, D3DKMT_CREATESYNCHRONIZATIONOBJECT2), &newer, NULL);
    r = FIRST(create_synchronization_object2);
    assert_int_equal(r->Info_MonitoredFence_InitialFenceValue, 0);
    assert_int_equal(r->Info_Reserved_length, 8);
    assert_memory_equal(r->Info_Reserved_list, newer.Info.Reserved.Reserved, 64);
}

static void operations_are_elements_with_their_arm(void **state)
{
    (void)state;
    struct D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operations[] = {
        {.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP, .Map = {.BaseAddress = 0x10000, .SizeInBytes = 0x2000, .hAllocation = 3,
         .AllocationOffsetInBytes = 0x1000, .AllocationSizeInBytes = 0x2000}},
        {.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP, .Unmap = {.BaseAddress = 0x20000, .SizeInBytes = 1, .Protection = 8}},
        {.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY, .Copy = {.SourceAddress = 5, .SizeInBytes = 6, .DestAddress = 7}},
        {.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT, .MapProtect = {.Protection = 1, .DriverProtection = 2}}};
    struct D3DKMT_UPDATEGPUVIRTUALADDRESS in = {.hDevice = 1, .hContext = 2, .hFenceObject = 4, .NumOperations = 4,
                                                .Operations = tail_copy(operations, sizeof operations), .FenceValue = 8};
    call(REQUEST(update_gpu_virtual_address, D3DKMT_UPDATEGPUVIRTUALADDRESS), &in, NULL);
    assert_int_equal(FIRST(update_gpu_virtual_address)->Operations_captured, 4);
    const struct ga_d3dkmt_gpu_virtual_address_operation *o[4];
    for (unsigned i = 0; i < 4; i++) {
        o[i] = &event_find(GA_ROW_d3dkmt_gpu_virtual_address_operation, i)->record.r_d3dkmt_gpu_virtual_address_operation;
        assert_int_equal(o[i]->OperationType, i);
    }
    assert_int_equal(o[0]->Map_AllocationOffsetInBytes, 0x1000);
    assert_int_equal(o[0]->Unmap_BaseAddress, 0);
    assert_int_equal(o[1]->Unmap_Protection, 8);
    assert_int_equal(o[1]->Map_BaseAddress, 0);
    assert_int_equal(o[2]->Copy_DestAddress, 7);
    assert_int_equal(o[3]->MapProtect_DriverProtection, 2);
}

static void opens(void *argument)
{
    struct D3DKMT_OPENRESOURCEFROMNTHANDLE *a = argument;
    memcpy(a->pTotalPrivateDriverDataBuffer, "aabbb", 5);
    memcpy(a->pResourcePrivateDriverData, "res", 3);
    a->TotalPrivateDriverDataBufferSize = 5;
    a->hResource = 0x99;
    for (uint32_t i = 0; i < a->NumAllocations; i++)
        a->pOpenAllocationInfo2[i] = (struct D3DDDI_OPENALLOCATIONINFO2){
            .hAllocation = handles[i], .pPrivateDriverData = (char *)a->pTotalPrivateDriverDataBuffer + 2 * i,
            .PrivateDriverDataSize = 2 + i};
}

static void opening_gives_elements_and_private_data(void **state)
{
    (void)state;
    struct D3DDDI_OPENALLOCATIONINFO2 infos[2];
    struct D3DKMT_OPENRESOURCEFROMNTHANDLE in = {
        .hDevice = 1, .hNtHandle = 17, .NumAllocations = 2, .pOpenAllocationInfo2 = infos, .TotalPrivateDriverDataBufferSize = 5,
        .pTotalPrivateDriverDataBuffer = tail_alloc(5), .ResourcePrivateDriverDataSize = 3,
        .pResourcePrivateDriverData = tail_alloc(3)};
    call(REQUEST(open_resource_from_nt_handle, D3DKMT_OPENRESOURCEFROMNTHANDLE), &in, opens);
    const struct ga_d3dkmt_open_resource_from_nt_handle *r = FIRST(open_resource_from_nt_handle);
    assert_int_equal(r->hResource, 0x99);
    assert_int_equal(r->pOpenAllocationInfo2_captured, 2);
    assert_blob(r->pTotalPrivateDriverDataBuffer_out_hash, "aabbb", 5);
    assert_blob(r->pResourcePrivateDriverData_out_hash, "res", 3);
    assert_int_equal(r->pPrivateRuntimeData_out_hash, GA_BLOB_NULL);
    const struct ga_d3dkmt_open_allocation *second = &event_find(GA_ROW_d3dkmt_open_allocation, 1)->record.r_d3dkmt_open_allocation;
    assert_int_equal(second->hAllocation, handles[1]);
    assert_int_equal(second->pPrivateDriverData, (uintptr_t)in.pTotalPrivateDriverDataBuffer + 2);
    assert_int_equal(second->PrivateDriverDataSize, 3);
}

static void shares(void *argument)
{
    *((struct D3DKMT_SHAREOBJECTS *)argument)->pSharedNtHandle = 23;
}

static void sharing_gives_one_handle(void **state)
{
    (void)state;
    struct D3DKMT_SHAREOBJECTS in = {.ObjectCount = 1, .ObjectHandleArray = handles, .DesiredAccess = 0x10000000,
                                     .pSharedNtHandle = tail_alloc(8)};
    call(REQUEST(share_objects, D3DKMT_SHAREOBJECTS), &in, shares);
    assert_int_equal(FIRST(share_objects)->pSharedNtHandle_length, 1);
    assert_int_equal(FIRST(share_objects)->pSharedNtHandle_list[0], 23);
    assert_int_equal(FIRST(share_objects)->ObjectHandleArray_list[0], handles[0]);
}

static void answers(void *argument)
{
    memcpy(((struct D3DKMT_ESCAPE *)argument)->pPrivateDriverData, "pong", 4);
}

static void escape_is_kept_both_ways(void **state)
{
    (void)state;
    char bytes[4] = "ping";
    struct D3DKMT_ESCAPE in = {.hAdapter = 1, .pPrivateDriverData = bytes, .PrivateDriverDataSize = 4};
    call(REQUEST(escape, D3DKMT_ESCAPE), &in, answers);
    assert_blob(FIRST(escape)->pPrivateDriverData_hash, "ping", 4);
    assert_blob(FIRST(escape)->pPrivateDriverData_out_hash, "pong", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(make_resident_keeps_both_lists),
        TEST(results_are_read_after_the_call),
        TEST(a_resource_has_one_status),
        TEST(a_failed_call_has_no_results),
        TEST(fence_values_have_64_bits),
        TEST(unreadable_values_leave_the_handles),
        TEST(submission_keeps_arrays_of_the_structure),
        TEST(a_value_chooses_the_arm),
        TEST(operations_are_elements_with_their_arm),
        TEST(opening_gives_elements_and_private_data),
        TEST(sharing_gives_one_handle),
        TEST(escape_is_kept_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
