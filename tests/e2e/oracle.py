#!/usr/bin/env python3
"""Holds a recording against the program's own log: the oracle is the client.

    oracle.py [--ioctl] CLIENT_LOG LIST_JSONL     the recording equals the client's log
    oracle.py --same CLIENT_LOG CLIENT_LOG        two runs of the client got the same results, addresses aside

CLIENT_LOG has the raw bytes of each call, before and after (examples/support/rawlog.h). They are decoded here by the published
layout data (tests/data), without our schema, and every call, member, element and byte must be in `gpualloc list --format jsonl
--blobs hex`, and nothing else. --ioctl: the client called the device itself, not through thunks.
"""
import json
import os
import sys

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")

# ---- The published layout ------------------------------------------------------------------------------------------------------


class Structure:
    """One structure: its members as (path, offset, size, signed), and the bits of its flags words."""

    def __init__(self, size):
        self.size, self.members, self.bits = size, {}, {}

    def finish(self):
        """A word of flags is one member: called by its own name where it is an argument (Flags, Protection), else by its Value
        member; bits without a word are of the member at their place."""
        for path in [path for path in self.members if ".u." in path]:
            del self.members[path]  # halves of a word
        for path in [path for path in self.members if path.endswith(".QuadPart")]:
            self.members[path.removesuffix(".QuadPart")] = self.members.pop(path)
        for word, bits in list(self.bits.items()):
            if not word:
                place = next(iter(bits.values()))[1] if bits else None
                for path in [path for path, span in self.members.items() if span[0] == place]:
                    self.bits[path] = bits
                del self.bits[word]
                continue
            whole = self.members.get(word + ".Value")
            if whole and word.rpartition(".")[2] not in ("Flags", "Protection", "PreferredSegment"):
                self.bits[word + ".Value"] = self.bits.pop(word)
            else:
                self.members.pop(word + ".Value", None)
                self.members[word] = whole or (next(iter(bits.values()))[1], 4)
        if "Flags.Value" in self.members:  # a word whose bits have no name
            self.members["Flags"] = self.members.pop("Flags.Value")
            self.bits["Flags"] = {}


def read_layout(path):
    structures, current = {}, None
    for line in open(path, encoding="utf-8"):
        fields = line.rstrip("\n").split("\t")
        if fields[0] == "struct":
            current = structures[fields[1]] = Structure(int(fields[2]))
        elif fields[0] == "" and len(fields) == 4:
            name, offset, size = fields[1], int(fields[2]), fields[3]
            if size.startswith("bit"):
                first, count = map(int, size[4:].split(":"))
                word, _, bit = name.rpartition(".")
                bits = current.bits.setdefault(word, {})  # each word of flags, with the bits that have a name
                if not bit.startswith("Reserved") and count == 1:
                    bits[bit] = (first, offset)
            else:
                current.members[name] = (offset, int(size))
    for structure in structures.values():
        structure.finish()
    return structures


LAYOUT = read_layout(os.path.join(DATA, "d3dkmt-layout.tsv"))

# ---- What the interface's reference says of the members --------------------------------------------------------------------------

# Outputs; the rest are inputs. BOTH: an input that comes back changed. ECHO: an input that may come back changed.
OUT, BOTH, ECHO = "out", "both", "echo"
SIGNED = {"AdapterLuid.HighPart", ("D3DKMT_CREATEPAGINGQUEUE", "Priority")}

# Bits that drivers have by now, which the published header calls reserved.
NEWER_BITS = {("D3DKMT_CREATEALLOCATION", "Flags"): {"NoImplicitSynchronization": (22, 56)}}
for (name, word), bits in NEWER_BITS.items():
    LAYOUT[name].bits[word].update(bits)

# call: (event, structure, {member: direction}, {pointer: ("blob", size member) | ("handles", count member) |
#        ("structures", count member or None, element structure, JSON name)})
ALLOCATION = ({"hAllocation": OUT, "GpuVirtualAddress": ECHO}, {"pPrivateDriverData": ("blob", "PrivateDriverDataSize", BOTH)})
CREATE = {"hResource": BOTH, "hGlobalShare": BOTH, "Flags": ECHO}
ADAPTERS = {"pAdapters": ("structures", "NumAdapters", "D3DKMT_ADAPTERINFO", "pAdapters")}
CALLS = {
    "D3DKMTEnumAdapters2": ("enum_adapters2", "D3DKMT_ENUMADAPTERS2", {"NumAdapters": BOTH}, ADAPTERS),
    "D3DKMTEnumAdapters3": ("enum_adapters3", "D3DKMT_ENUMADAPTERS3", {"NumAdapters": BOTH}, ADAPTERS),
    "D3DKMTOpenAdapterFromLuid": ("open_adapter_from_luid", "D3DKMT_OPENADAPTERFROMLUID", {"hAdapter": OUT}, {}),
    "D3DKMTCloseAdapter": ("close_adapter", "D3DKMT_CLOSEADAPTER", {}, {}),
    "D3DKMTQueryAdapterInfo": ("query_adapter_info", "D3DKMT_QUERYADAPTERINFO", {},
                               {"pPrivateDriverData": ("blob", "PrivateDriverDataSize", BOTH)}),
    "D3DKMTCreateDevice": ("create_device", "D3DKMT_CREATEDEVICE",
                           {name: OUT for name in ("hDevice", "pCommandBuffer", "CommandBufferSize", "pAllocationList",
                                                   "AllocationListSize", "pPatchLocationList", "PatchLocationListSize")}, {}),
    "D3DKMTQueryVideoMemoryInfo": ("query_video_memory_info", "D3DKMT_QUERYVIDEOMEMORYINFO",
                                   {name: OUT for name in ("Budget", "CurrentUsage", "CurrentReservation",
                                                           "AvailableForReservation")}, {}),
    "D3DKMTGetDeviceState": ("get_device_state", "D3DKMT_GETDEVICESTATE",
                             {name: OUT for name in LAYOUT["D3DKMT_GETDEVICESTATE"].members
                              if name not in ("hDevice", "StateType") and not name.endswith("VidPnSourceId")}, {}),
    "D3DKMTCreateContextVirtual": ("create_context_virtual", "D3DKMT_CREATECONTEXTVIRTUAL", {"hContext": OUT},
                                   {"pPrivateDriverData": ("blob", "PrivateDriverDataSize", BOTH)}),
    "D3DKMTDestroyContext": ("destroy_context", "D3DKMT_DESTROYCONTEXT", {}, {}),
    "D3DKMTCreatePagingQueue": ("create_paging_queue", "D3DKMT_CREATEPAGINGQUEUE",
                                {name: OUT for name in ("hPagingQueue", "hSyncObject", "FenceValueCPUVirtualAddress")}, {}),
    "D3DKMTDestroyPagingQueue": ("destroy_paging_queue", "D3DDDI_DESTROYPAGINGQUEUE", {}, {}),
    "D3DKMTDestroyDevice": ("destroy_device", "D3DKMT_DESTROYDEVICE", {}, {}),
    "D3DKMTCreateAllocation2": ("create_allocation", "D3DKMT_CREATEALLOCATION", CREATE,
                                {"pPrivateRuntimeData": ("blob", "PrivateRuntimeDataSize", None),
                                 "pPrivateDriverData": ("blob", "PrivateDriverDataSize", BOTH),
                                 "pStandardAllocation": ("structure", "D3DKMT_CREATESTANDARDALLOCATION"),
                                 "pAllocationInfo2": ("structures", "NumAllocations", "D3DDDI_ALLOCATIONINFO2", "allocations")}),
    "D3DKMTDestroyAllocation2": ("destroy_allocation", "D3DKMT_DESTROYALLOCATION2", {},
                                 {"phAllocationList": ("handles", "AllocationCount")}),
    "D3DKMTDestroyAllocation": ("destroy_allocation", "D3DKMT_DESTROYALLOCATION", {},
                                {"phAllocationList": ("handles", "AllocationCount")}),
}
CALLS["D3DKMTCreateAllocation"] = CALLS["D3DKMTCreateAllocation2"][:3] + ({
    **CALLS["D3DKMTCreateAllocation2"][3],
    "pAllocationInfo": ("structures", "NumAllocations", "D3DDDI_ALLOCATIONINFO", "allocations")},)
del CALLS["D3DKMTCreateAllocation"][3]["pAllocationInfo2"]



def simple(event, structure, outputs="", both="", echoes="", **pointers):
    directions = {**dict.fromkeys(outputs.split(), OUT), **dict.fromkeys(both.split(), BOTH), **dict.fromkeys(echoes.split(), ECHO)}
    return event, structure, directions, pointers


def handles(count, width=4, direction=None, at_least=0):
    return "handles", count, width, direction, at_least


def blob(size, direction=None):
    return "blob", size, direction


OF_EACH = {"phAllocationList": handles("AllocationCount")}
FENCES = {"ObjectHandleArray": handles("ObjectCount"), "FenceValueArray": handles("ObjectCount", 8)}
ON_GPU = {"ObjectHandleArray": handles("ObjectCount"), "MonitoredFenceValueArray": handles("ObjectCount", 8)}
PRIVATE = blob("PrivateDriverDataSize", BOTH)
OPENED = {"pPrivateRuntimeData": blob("PrivateRuntimeDataSize", OUT),
          "pResourcePrivateDriverData": blob("ResourcePrivateDriverDataSize", OUT),
          "pTotalPrivateDriverDataBuffer": blob("TotalPrivateDriverDataBufferSize", OUT)}
CALLS.update({
    "D3DKMTChangeVideoMemoryReservation": simple("change_video_memory_reservation", "D3DKMT_CHANGEVIDEOMEMORYRESERVATION"),
    "D3DKMTCreateHwContext": simple("create_hw_context", "D3DKMT_CREATEHWCONTEXT", "hHwContext", pPrivateDriverData=PRIVATE),
    "D3DKMTDestroyHwContext": simple("destroy_hw_context", "D3DKMT_DESTROYHWCONTEXT"),
    "D3DKMTCreateHwQueue": simple(
        "create_hw_queue", "D3DKMT_CREATEHWQUEUE", "hHwQueue hHwQueueProgressFence HwQueueProgressFenceCPUVirtualAddress "
        "HwQueueProgressFenceGPUVirtualAddress", pPrivateDriverData=PRIVATE),
    "D3DKMTDestroyHwQueue": simple("destroy_hw_queue", "D3DKMT_DESTROYHWQUEUE"),
    "D3DKMTMakeResident": simple(
        "make_resident", "D3DDDI_MAKERESIDENT", "PagingFenceValue NumBytesToTrim", "NumAllocations",
        AllocationList=handles("NumAllocations"), PriorityList=handles("NumAllocations")),
    "D3DKMTEvict": simple("evict", "D3DKMT_EVICT", "NumBytesToTrim", AllocationList=handles("NumAllocations")),
    "D3DKMTSetAllocationPriority": simple("set_allocation_priority", "D3DKMT_SETALLOCATIONPRIORITY", **OF_EACH,
                                          pPriorities=handles("AllocationCount", at_least=1)),
    "D3DKMTGetAllocationPriority": simple("get_allocation_priority", "D3DKMT_GETALLOCATIONPRIORITY", **OF_EACH,
                                          pPriorities=handles("AllocationCount", 4, OUT, 1)),
    "D3DKMTQueryAllocationResidency": simple("query_allocation_residency", "D3DKMT_QUERYALLOCATIONRESIDENCY", **OF_EACH,
                                             pResidencyStatus=handles("AllocationCount", 4, OUT, 1)),
    "D3DKMTLock2": simple("lock2", "D3DKMT_LOCK2", "pData"),
    "D3DKMTUnlock2": simple("unlock2", "D3DKMT_UNLOCK2"),
    "D3DKMTInvalidateCache": simple("invalidate_cache", "D3DKMT_INVALIDATECACHE"),
    "D3DKMTFlushHeapTransitions": simple("flush_heap_transitions", "D3DKMT_FLUSHHEAPTRANSITIONS"),
    "D3DKMTOfferAllocations": simple("offer_allocations", "D3DKMT_OFFERALLOCATIONS", pResources=handles("NumAllocations"),
                                     HandleList=handles("NumAllocations")),
    "D3DKMTReclaimAllocations2": simple(
        "reclaim_allocations2", "D3DKMT_RECLAIMALLOCATIONS2", "PagingFenceValue", pResources=handles("NumAllocations"),
        HandleList=handles("NumAllocations"), pResults=handles("NumAllocations", 4, OUT)),
    "D3DKMTUpdateAllocationProperty": simple("update_allocation_property", "D3DDDI_UPDATEALLOCPROPERTY", "PagingFenceValue"),
    "D3DKMTMapGpuVirtualAddress": simple("map_gpu_virtual_address", "D3DDDI_MAPGPUVIRTUALADDRESS",
                                         "VirtualAddress PagingFenceValue"),
    "D3DKMTReserveGpuVirtualAddress": simple("reserve_gpu_virtual_address", "D3DDDI_RESERVEGPUVIRTUALADDRESS", "VirtualAddress",
                                             echoes="PagingFenceValue"),
    "D3DKMTFreeGpuVirtualAddress": simple("free_gpu_virtual_address", "D3DKMT_FREEGPUVIRTUALADDRESS"),
    "D3DKMTUpdateGpuVirtualAddress": simple(
        "update_gpu_virtual_address", "D3DKMT_UPDATEGPUVIRTUALADDRESS",
        Operations=("structures", "NumOperations", "D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION", "Operations")),
    "D3DKMTCreateSynchronizationObject2": simple(
        "create_synchronization_object2", "D3DKMT_CREATESYNCHRONIZATIONOBJECT2",
        " ".join("Info.%s.FenceValue%sVirtualAddress" % (arm, of) for arm in ("MonitoredFence", "PeriodicMonitoredFence")
                 for of in ("CPU", "GPU")) + " Info.SharedHandle hSyncObject"),
    "D3DKMTDestroySynchronizationObject": simple("destroy_synchronization_object", "D3DKMT_DESTROYSYNCHRONIZATIONOBJECT"),
    "D3DKMTOpenSyncObjectFromNtHandle2": simple(
        "open_sync_object_from_nt_handle2", "D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2",
        "hSyncObject MonitoredFence.FenceValueCPUVirtualAddress MonitoredFence.FenceValueGPUVirtualAddress"),
    "D3DKMTWaitForSynchronizationObjectFromCpu": simple(
        "wait_for_synchronization_object_from_cpu", "D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU", **FENCES),
    "D3DKMTSignalSynchronizationObjectFromCpu": simple(
        "signal_synchronization_object_from_cpu", "D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU", **FENCES),
    "D3DKMTWaitForSynchronizationObjectFromGpu": simple(
        "wait_for_synchronization_object_from_gpu", "D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU", **ON_GPU),
    "D3DKMTSignalSynchronizationObjectFromGpu": simple(
        "signal_synchronization_object_from_gpu", "D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU", **ON_GPU),
    "D3DKMTSignalSynchronizationObjectFromGpu2": simple(
        "signal_synchronization_object_from_gpu2", "D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2", **ON_GPU,
        BroadcastContextArray=handles("BroadcastContextCount")),
    "D3DKMTSubmitWaitForSyncObjectsToHwQueue": simple(
        "submit_wait_for_sync_objects_to_hw_queue", "D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE", **FENCES),
    "D3DKMTSubmitSignalSyncObjectsToHwQueue": simple(
        "submit_signal_sync_objects_to_hw_queue", "D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE", **FENCES,
        BroadcastHwQueueArray=handles("BroadcastHwQueueCount")),
    "D3DKMTSubmitCommand": simple("submit_command", "D3DKMT_SUBMITCOMMAND", pPrivateDriverData=blob("PrivateDriverDataSize"),
                                  HistoryBufferArray=handles("NumHistoryBuffers")),
    "D3DKMTSubmitCommandToHwQueue": simple(
        "submit_command_to_hw_queue", "D3DKMT_SUBMITCOMMANDTOHWQUEUE", pPrivateDriverData=blob("PrivateDriverDataSize"),
        WrittenPrimaries=handles("NumPrimaries")),
    "D3DKMTEscape": simple("escape", "D3DKMT_ESCAPE", pPrivateDriverData=PRIVATE),
    "D3DKMTShareObjects": simple("share_objects", "D3DKMT_SHAREOBJECTS", ObjectHandleArray=handles("ObjectCount"),
                                 pSharedNtHandle=handles(None, 8, OUT)),
    "D3DKMTShareObjectWithHost": simple("share_object_with_host", "D3DKMT_SHAREOBJECTWITHHOST", "hVailProcessNtHandle"),
    "D3DKMTQueryResourceInfo": simple(
        "query_resource_info", "D3DKMT_QUERYRESOURCEINFO", "TotalPrivateDriverDataSize ResourcePrivateDriverDataSize NumAllocations",
        "PrivateRuntimeDataSize", pPrivateRuntimeData=blob("PrivateRuntimeDataSize", OUT)),
    "D3DKMTQueryResourceInfoFromNtHandle": simple(
        "query_resource_info_from_nt_handle", "D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE",
        "TotalPrivateDriverDataSize ResourcePrivateDriverDataSize NumAllocations", "PrivateRuntimeDataSize",
        pPrivateRuntimeData=blob("PrivateRuntimeDataSize", OUT)),
    "D3DKMTOpenResource": simple(
        "open_resource", "D3DKMT_OPENRESOURCE", "hResource", "TotalPrivateDriverDataBufferSize", **OPENED,
        pOpenAllocationInfo=("structures", "NumAllocations", "D3DDDI_OPENALLOCATIONINFO", "allocations")),
    "D3DKMTOpenResource by ioctl": simple(
        "open_resource", "D3DKMT_OPENRESOURCE", "hResource", "TotalPrivateDriverDataBufferSize", **OPENED,
        pOpenAllocationInfo2=("structures", "NumAllocations", "D3DDDI_OPENALLOCATIONINFO2", "allocations")),
    "D3DKMTOpenResourceFromNtHandle": simple(
        "open_resource_from_nt_handle", "D3DKMT_OPENRESOURCEFROMNTHANDLE", "hResource hKeyedMutex hSyncObject",
        "TotalPrivateDriverDataBufferSize", **OPENED,
        pOpenAllocationInfo2=("structures", "NumAllocations", "D3DDDI_OPENALLOCATIONINFO2", "allocations"),
        pKeyedMutexPrivateRuntimeData=blob("KeyedMutexPrivateRuntimeDataSize", OUT)),
})

# Arrays in the structure itself, by the member that counts them.
INLINE = {("D3DKMT_SUBMITCOMMAND", "BroadcastContext"): "BroadcastContextCount",
          ("D3DKMT_SUBMITCOMMAND", "WrittenPrimaries"): "NumPrimaries"}

# Members that are recorded under the name of another at the same place.
ALIASES = {("D3DDDI_RESERVEGPUVIRTUALADDRESS", "Reserved0"), ("D3DDDI_RESERVEGPUVIRTUALADDRESS", "Reserved1"),
           ("D3DDDI_RESERVEGPUVIRTUALADDRESS", "Reserved2"), ("D3DKMT_RECLAIMALLOCATIONS2", "pDiscarded")}

# Calls that this version does not record, each named: a call that is in neither list fails the test.
UNRECORDED = set()

ELEMENTS = {
    "D3DKMT_ADAPTERINFO": ({name: OUT for name in LAYOUT["D3DKMT_ADAPTERINFO"].members}, {}),
    "D3DKMT_CREATESTANDARDALLOCATION": ({}, {}),
    "D3DDDI_ALLOCATIONINFO": ALLOCATION,
    "D3DDDI_ALLOCATIONINFO2": ALLOCATION,
    "D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION": ({}, {}),
    "D3DDDI_OPENALLOCATIONINFO": ({name: OUT for name in LAYOUT["D3DDDI_OPENALLOCATIONINFO"].members}, {}),
    "D3DDDI_OPENALLOCATIONINFO2": ({name: OUT for name in LAYOUT["D3DDDI_OPENALLOCATIONINFO2"].members}, {}),
}
OUT_ONLY = {"D3DKMT_ADAPTERINFO", "D3DDDI_OPENALLOCATIONINFO", "D3DDDI_OPENALLOCATIONINFO2"}

# The arms of D3DKMT_GETDEVICESTATE, by StateType.
STATES = {1: "ExecutionState", 2: "PresentState", 3: "ResetState", 4: "PresentStateDWM", 5: "PageFaultState",
          6: "PresentQueueState"}

OPERATIONS = {0: "Map", 1: "Unmap", 2: "Copy", 3: "MapProtect"}
SYNC_TYPES = {1: "SynchronizationMutex", 2: "Semaphore", 3: "Fence", 4: "CPUNotification", 5: "MonitoredFence",
              6: "PeriodicMonitoredFence"}

META = {"event", "ts", "duration_ns", "process", "pid", "tid", "thread", "call", "layer", "ret", "errno", "status"}


def union_arm(structure, path, flags, call_flags):
    """Whether this member is the arm of its union that was read; flags: the word that says so."""
    if (structure, path) in ALIASES:
        return False
    if structure == "D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION" and path != "OperationType":
        return path.split(".")[0] == OPERATIONS.get(flags)
    if structure == "D3DKMT_CREATESYNCHRONIZATIONOBJECT2" and path.count(".") == 2:
        return path.split(".")[1] == SYNC_TYPES.get(flags, "Reserved")
    if structure == "D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2":
        event = bool(flags & 1 << 1)
        return {"CpuEventHandle": event, "MonitoredFenceValueArray": not event, "FenceValue": not event}.get(path, True)
    if structure == "D3DKMT_OPENRESOURCE":
        return {"pOpenAllocationInfo": None, "pOpenAllocationInfo2": None}.get(path, True)
    if structure == "D3DKMT_CREATEALLOCATION":
        standard = bool(flags & 1 << 16)
        return {"pStandardAllocation": standard, "pPrivateDriverData": not standard, "pAllocationInfo": None,
                "pAllocationInfo2": None}.get(path, True)
    if structure.startswith("D3DDDI_ALLOCATIONINFO"):
        section, priority = bool(call_flags & 1 << 17), bool(flags & 1 << 2)
        return {"hSection": section, "pSystemMem": not section, "Priority": priority, "Unused": not priority}.get(path, True)
    if structure == "D3DKMT_CREATEDEVICE":
        return path != "pAdapter"  # for callers in the kernel
    if structure == "D3DKMT_GETDEVICESTATE" and path not in ("hDevice", "StateType"):
        return path.split(".")[0] == STATES.get(flags)
    return True


# ---- What list must say --------------------------------------------------------------------------------------------------------


class Expectation:
    """The JSON object that a structure must give, and the memory that it leads to."""

    def __init__(self, memory, failed):
        self.memory, self.failed, self.name = memory, failed, None

    def number(self, data, offset, size, path):
        return int.from_bytes(data[offset:offset + size], "little", signed=path in SIGNED or (self.name, path) in SIGNED)

    def put(self, result, path, value):
        *parents, name = path.split(".")
        for parent in parents:
            result = result.setdefault(parent, {})
        result[name] = value

    def put_value(self, result, structure, path, before, after, direction):
        if direction != OUT:
            self.put(result, path, before)
        if self.failed:
            return
        if direction == OUT:
            self.put(result, path, after)
        elif direction == BOTH or (direction == ECHO and before != after):
            self.put(result, path + "_out", after)

    def put_flags(self, result, path, value, bits):
        known = 0
        names = []
        for name, (bit, _) in sorted(bits.items(), key=lambda item: item[1]):
            known |= 1 << bit
            if value >> bit & 1:
                names.append(name)
        if value & ~known:
            names.append(hex(value & ~known))
        self.put(result, path + "_names", names)

    def structure(self, name, before, after, directions, pointers, prefix, call_flags=0):
        layout, result, self.name = LAYOUT[name], {}, name
        chooser = {"D3DKMT_GETDEVICESTATE": "StateType", "D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION": "OperationType",
                   "D3DKMT_CREATESYNCHRONIZATIONOBJECT2": "Info.Type"}.get(name, "Flags")
        flags = self.number(before, *layout.members[chooser], chooser) if chooser in layout.members else 0
        for path, (offset, size) in layout.members.items():
            arm = union_arm(name, path, flags, call_flags)
            if path in pointers and arm is not False:
                self.pointer(result, path, pointers[path], before, after, offset, layout, prefix, flags)
                continue
            if not arm:
                continue
            if size > 8:  # an array: of handles that another member counts, or of 64-bit words
                counter, width = INLINE.get((name, path)), 4 if (name, path) in INLINE else 8
                count = min(self.number(before, *layout.members[counter], counter), size // width) if counter else size // width
                if directions.get(path) != OUT or not self.failed:
                    data = after if directions.get(path) == OUT else before
                    self.put(result, path, [int.from_bytes(data[at:at + width], "little")
                                            for at in range(offset, offset + count * width, width)])
                continue
            old, new = (self.number(data, offset, size, path) for data in (before, after))
            self.put_value(result, layout, path, old, new, directions.get(path))
            output = directions.get(path) == OUT
            if path in layout.bits and not (output and self.failed):
                self.put_flags(result, path, new if output else old, layout.bits[path])
        return result

    def pointer(self, result, path, how, before, after, offset, layout, prefix, flags):
        address = self.number(before, offset, 8, path)
        kind = how[0]
        count = self.number(before, *layout.members[how[1]], path) if kind != "structure" and how[1] else 1
        what = prefix + (how[3] if kind == "structures" else path)
        blocks = self.memory.get(what)
        if kind == "blob":
            self.blob(result, path, address, count, blocks, how[2])
        elif kind == "handles":
            self.array(result, path, address, max(count, (how + (4, None, 0))[4]), blocks, *(how + (4, None))[2:4])
        elif kind == "structure":
            element = self.structure(how[1], *blocks, *ELEMENTS[how[1]], what + ".") if address else None
            self.put(result, path, element)
        else:
            self.elements(result, path, how, address, count, blocks, after, layout, what, flags)

    def array(self, result, path, address, count, blocks, width, direction):
        if direction == OUT and self.failed:
            return
        if not address or (count and not blocks):
            self.put(result, path, None)
            if address:
                self.put(result, path + "_error", "unreadable")
            return
        data = blocks[direction == OUT] if count else b""
        self.put(result, path, [int.from_bytes(data[i:i + width], "little") for i in range(0, width * count, width)])

    def blob(self, result, path, address, count, blocks, direction):
        if direction == OUT:  # what was there before is nobody's
            if not self.failed:
                self.put(result, path, blocks[1][:count].hex() if address else None)
            return
        if address and not count:
            self.put(result, path, "")
            return
        if not address:
            self.put(result, path, None)
        elif not blocks:  # the client's own log could not read it either
            self.put(result, path, None)
            self.put(result, path + "_error", "unreadable")
        else:
            self.put(result, path, blocks[0][:count].hex())
            if direction == BOTH and not self.failed and blocks[0] != blocks[1]:
                self.put(result, path + "_out", blocks[1][:count].hex())

    def elements(self, result, path, how, address, count, blocks, after, layout, what, flags):
        size = LAYOUT[how[2]].size
        out_only = how[2] in OUT_ONLY
        own_place = path == how[3]
        if not own_place:
            self.put(result, path, address)
        if out_only and self.failed:
            return
        if out_only:  # as many as came back
            count = self.number(after, *layout.members[how[1]], path)
        if not address and own_place:
            self.put(result, how[3], None)
            return
        if not address or not blocks:
            self.put(result, how[3], [])
            if address and count and not out_only:
                self.put(result, how[3] + "_error", "unreadable")
            return
        self.put(result, how[3], [
            self.structure(how[2], blocks[0][at:at + size], blocks[1][at:at + size], *ELEMENTS[how[2]],
                           "%s[%d]." % (what, at // size), flags) for at in range(0, count * size, size)])


def memory_of(record):
    """What the client logged behind pointers: name -> (before, after). "a.b[3]" becomes "a[3].b", as elements are walked."""
    memory = {}
    for block in record["memory"]:
        what = block["what"]
        if what.endswith("]") and "." in what:
            name, _, index = what[:-1].partition("[")
            parent, _, member = name.partition(".")
            what = "%s[%s].%s" % (parent, index, member)
        memory[what] = (bytes.fromhex(block["before"]), bytes.fromhex(block["after"]))
    return memory


def expected_of(record, by_ioctl):
    name = record["call"] + " by ioctl" if by_ioctl and record["call"] + " by ioctl" in CALLS else record["call"]
    event, structure, directions, pointers = CALLS[name]
    failed = record["ret"] < 0
    memory = memory_of(record)
    before, after = bytes.fromhex(record["before"]), bytes.fromhex(record["after"])
    expectation = Expectation(memory, failed)
    result = expectation.structure(structure, before, after, directions, pointers, "")
    return "d3dkmt:" + event, result


# ---- Comparing -----------------------------------------------------------------------------------------------------------------

failures = 0


def fail(where, text):
    global failures
    failures += 1
    if failures <= 20:
        print("%s: %s" % (where, text), file=sys.stderr)


def shorten(value):
    text = json.dumps(value)
    return text if len(text) <= 200 else text[:200] + "…"


def compare(where, expected, found):
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in expected:
            if key not in found:
                fail(where, "%s is missing; the client has %s" % (key, shorten(expected[key])))
            else:
                compare("%s.%s" % (where, key), expected[key], found[key])
        for key in found:
            if key not in expected:
                fail(where, "%s = %s, which the client does not have" % (key, shorten(found[key])))
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for i, (a, b) in enumerate(zip(expected, found)):
            compare("%s[%d]" % (where, i), a, b)
    elif expected != found:
        fail(where, "recorded %s, the client has %s" % (shorten(found), shorten(expected)))


def compare_result(where, record, found, by_ioctl):
    if found["layer"] not in ("api", "ioctl"):
        fail(where, "layer " + found["layer"])
    if by_ioctl:
        compare(where, {"layer": "ioctl", "ret": record["ret"], "errno": record["errno"]},
                {key: found[key] for key in ("layer", "ret", "errno")})
        return
    compare(where, {"status": record["ret"] & 0xffffffff}, {"status": found["status"]})
    expected = {"ret": record["ret"], "errno": 0}
    if found["layer"] == "ioctl" and record["ret"] < 0 and record["errno"]:  # a thunk leaves errno as the ioctl set it
        expected = {"ret": -1, "errno": record["errno"]}
    compare(where, expected, {key: found[key] for key in ("ret", "errno")})


def members_of(structure, data):
    """The bytes of the members, one structure after the other, without padding and without the addresses of this run."""
    layout = LAYOUT[structure]
    addresses = {span for path, span in layout.members.items()
                 if span[1] == 8 and (path.startswith("p") or path.endswith(("CPUVirtualAddress", "List")))}
    spans = sorted(set(layout.members.values()) - addresses)
    return [data[at + offset:at + offset + size].hex() for at in range(0, len(data), layout.size) for offset, size in spans]


def results_of(record):
    """What a call gave the program: its result, errno, and the bytes that it left."""
    _, structure, _, pointers = CALLS.get(record["call"], (None, None, None, {}))
    kinds = {"pStandardAllocation": "D3DKMT_CREATESTANDARDALLOCATION"}
    for how in pointers.values():
        if how[0] == "structures":
            kinds[how[3]] = how[2]
    result = {"ret": record["ret"], "errno": record["errno"]}
    if structure:
        result["structure"] = members_of(structure, bytes.fromhex(record["after"]))
    for block in record["memory"]:
        kind = kinds.get(block["what"])
        result[block["what"]] = members_of(kind, bytes.fromhex(block["after"])) if kind else block["after"]
    return result


def by_thread(records):
    """The calls of each thread, threads in the order in which they came."""
    threads = {}
    for record in records:
        threads.setdefault(record["tid"], []).append(record)
    return list(threads.values())


def same(first, second):
    one, other = (by_thread(read_lines(path)) for path in (first, second))
    compare("threads", [len(calls) for calls in one], [len(calls) for calls in other])
    for thread, (mine, theirs) in enumerate(zip(one, other)):
        for i, (a, b) in enumerate(zip(mine, theirs)):
            compare("thread %d call %d %s" % (thread, i + 1, a["call"]), results_of(a), results_of(b))
    if not failures:
        print("oracle: %d calls gave the same results twice" % sum(map(len, one)))
    return 1 if failures else 0


def read_lines(path, wanted=lambda record: True):
    return [record for record in (json.loads(line) for line in open(path, encoding="utf-8")) if wanted(record)]


def check_client(records):
    for record in records:
        if record["call"] not in CALLS and record["call"] not in UNRECORDED:
            fail(record["call"], "the oracle does not know this call: add it to CALLS")


def main():
    arguments = sys.argv[1:]
    if arguments[0] == "--same":
        return same(*arguments[1:])
    by_ioctl = "--ioctl" in arguments
    client_path, list_path = [argument for argument in arguments if argument != "--ioctl"]
    client = read_lines(client_path)
    check_client(client)
    client = [record for record in client if record["call"] in CALLS]
    listed = read_lines(list_path)
    compared = 0
    # Within a thread the order is the program's; between threads it is not the log's to know.
    for tid in sorted({record["tid"] for record in client} | {record["tid"] for record in listed}):
        mine = [record for record in client if record["tid"] == tid]
        theirs = [record for record in listed if record["tid"] == tid]
        if len(mine) != len(theirs):
            fail("thread %d" % tid, "%d calls recorded, the client made %d" % (len(theirs), len(mine)))
        for i, (record, found) in enumerate(zip(mine, theirs)):
            event, expected = expected_of(record, by_ioctl)
            where = "thread %d call %d %s" % (tid, i + 1, record["call"])
            if found["event"] != event:
                fail(where, "recorded as %s" % found["event"])
                break
            compare_result(where, record, found, by_ioctl)
            compare(where, expected, {key: value for key, value in found.items() if key not in META})
            compared += 1
    if failures or not compared:
        print("oracle: %d differences in %d calls" % (failures, compared), file=sys.stderr)
        return 1
    failed = sum(record["ret"] < 0 for record in client)
    blobs = sum(len(record["memory"]) for record in client)
    print("oracle: %d calls (%d of them failing, %d memory blocks) equal the client's log" % (compared, failed, blobs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
