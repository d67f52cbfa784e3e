#!/usr/bin/env python3
"""same_calls.py A.jsonl B.jsonl [EVENT…]: whether two listings (gpualloc list --format jsonl) hold the same calls, thread by
thread, up to handle values, addresses and times. Prints the first difference and exits 1. Calls named EVENT are left out of the first.

A handle's name is the call that made it: thread, place in the thread, place in the call. So it does not matter how threads came
to interleave. A handle that is not alive (a failing call's) has no name: a replay passes one that no driver gives."""
import itertools
import json
import sys

# Who, when, and by which door a call was made. What it returned is its status (d3dkmt) or errno (drm).
CIRCUMSTANCES = {'ts', 'duration_ns', 'process', 'pid', 'tid', 'thread', 'call', 'layer', 'file', 'device', 'marks', 'retry', 'nested'}
HANDLES = {'hAdapter', 'hDevice', 'hResource', 'hAllocation', 'hGlobalShare', 'phAllocationList', 'handle', 'bo_handle', 'res_handle',
           'name', 'fd', 'dma_buf', 'cmd_handle', 'hContext', 'hHwContext', 'hHwQueue', 'hPagingQueue', 'hSyncObject', 'hSection',
           'AllocationList', 'HandleList', 'pResources', 'ObjectHandleArray', 'hHwQueueProgressFence', 'BroadcastContextArray',
           'BroadcastContext', 'BroadcastHwQueueArray', 'hFenceObject', 'WrittenPrimaries', 'HistoryBufferArray',
           'new_ctx_id', 'ctx_id', 'new_list_handle', 'list_handle', 'bo_list_handle', 'vm_id', 'exec_queue_id', 'obj'}
KINDS = ('hResource', 'hSyncObject', 'hHwContext', 'hContext')
# What a member names, where that is not its own name; one of KINDS, whichever it is.
NAMES = {'phAllocationList': 'hAllocation', 'AllocationList': 'hAllocation', 'HandleList': 'hAllocation',
         'WrittenPrimaries': 'hAllocation', 'HistoryBufferArray': 'hAllocation', 'pResources': 'hResource', 'bo_handle': 'handle',
         'hHwQueueProgressFence': 'hSyncObject', 'hFenceObject': 'hSyncObject', 'BroadcastContextArray': 'hContext',
         'BroadcastContext': 'hContext', 'BroadcastHwQueueArray': 'hHwQueue', 'ObjectHandleArray': KINDS, 'hHwContext': KINDS,
         'new_ctx_id': 'ctx_id',
         'new_list_handle': 'list_handle', 'bo_list_handle': 'list_handle', 'obj': 'handle'}
ADDRESSES = {'pAllocationInfo', 'pAllocationInfo2', 'pOpenAllocationInfo', 'pOpenAllocationInfo2', 'pSystemMem',
             'addr_ptr', 'offset', 'FenceValueCPUVirtualAddress', 'pData',
             'HwQueueProgressFenceCPUVirtualAddress', 'FenceValueGPUVirtualAddress', 'HwQueueProgressFenceGPUVirtualAddress',
             'SharedHandle', 'addr', 'user_ptr', 'userptr', 'data_ptr', 'bo_info_ptr',
             'next_extension', 'regions_ptr', 'vector_of_binds', 'syncs', 'instances', 'op_ptr', 'wait_ptr', 'sig_ptr'}
DESCRIPTORS = {'hAsyncEvent', 'CpuEventHandle', 'Event', 'hNtHandle', 'pSharedNtHandle'}
# Members of a union that are also shown as what they are not: a pointer as a value.
UNIONS = {'d3dkmt:wait_for_synchronization_object_from_gpu', 'd3dkmt:signal_synchronization_object_from_gpu',
          'd3dkmt:signal_synchronization_object_from_gpu2'}
# What a device says of itself at a moment: it depends on how the threads came to interleave.
MOMENTARY = {'CurrentUsage', 'timeout', 'timeout_ns', 'timeout_nsec', 'timeout_ns_out'}
LEFT_OUT = ADDRESSES | DESCRIPTORS | MOMENTARY
CREATE_RESOURCE = 1
ADDRESS_RETURNED = {'drm:mmap', 'drm:mremap'}
# A replay asks what a card is and has.
QUESTIONS = {'drm:amdgpu_info', 'drm:i915_query', 'drm:nouveau_getparam', 'drm:radeon_gem_info', 'drm:xe_device_query'}


def without_own_questions(calls):
    """A replay asks virtio_gpu's device for three parameters, on a file of its own that it asks nothing else, before it begins."""
    files = {}
    for call in calls:
        files.setdefault((call['process'], call.get('file')), []).append(call)
    own = next((f for f, of in files.items() if [c['event'] for c in of] == ['drm:virtgpu_getparam'] * 3), None)
    return [c for c in calls if (c['process'], c.get('file')) != own] if own else calls


class Names:
    """The handles that are alive: value to name, and what goes with what."""

    def __init__(self):
        self.alive = {}

    def make(self, scope, kind, value, name, owners):
        if value and (scope, kind, value) not in self.alive:
            self.alive[scope, kind, value] = (name, owners)

    def name(self, scope, kind, value):
        if not value:
            return value
        kinds = kind if isinstance(kind, tuple) else (kind,)
        return next((self.alive[scope, k, value][0] for k in kinds if (scope, k, value) in self.alive), 'none')

    def end(self, scope, kind, value):
        name = self.alive.pop((scope, kind, value), (None,))[0]
        if name:
            for key in [k for k, (_, owners) in self.alive.items() if name in owners]:
                del self.alive[key]


def kind_of(member):
    member = member.removesuffix('_out')
    return NAMES.get(member, member)


# Questions with text: bytes before it, characters, bytes behind it. wchar_t at the function, UTF-16 at the ioctl, as replay asks.
TEXTS = {1: (4, 260, 0), 2: (0, 260, 8), 8: (0, 1040, 0), 25: (8, 32, 6), 54: (0, 1040, 0), 60: (0, 40, 0), 65: (0, 4096, 0),
         66: (0, 4096, 0)}


def as_ioctl(call):
    """A call as its ioctl was or would be made."""
    head, characters, tail = TEXTS.get(call.get('Type'), (0, 0, 0))
    wide = head + 4 * characters + tail
    if call['event'] != 'd3dkmt:query_adapter_info' or call['layer'] != 'api' or call['PrivateDriverDataSize'] != wide:
        return call

    def narrow(text):
        data = bytes.fromhex(text)
        words = data[head:head + 4 * characters].decode('utf-32-le').encode('utf-16-le').ljust(2 * characters, b'\0')
        return (data[:head] + words + data[wide - tail:]).hex()

    return {**call, 'PrivateDriverDataSize': head + 2 * characters + tail,
            **{m: narrow(v) for m, v in call.items() if m.startswith('pPrivateDriverData') and isinstance(v, str)}}


def canonical(value, member, call, names, scope):
    if isinstance(value, dict) and value.get('param') == 9:  # of a context: its address space
        value = {**value, 'value': names.name(scope, 'vm_id', value['value'])}
    if isinstance(value, dict):
        return {m: canonical(v, m, call, names, scope) for m, v in value.items()
                if m not in LEFT_OUT and m != 'Flags_names' and not (m == 'pPrivateDriverData' and isinstance(v, int))}
    if isinstance(value, list) and member in HANDLES:
        return [names.name(scope, kind_of(member), v) for v in value]
    if isinstance(value, list):
        return [canonical(v, member, call, names, scope) for v in value]
    if member.removesuffix('_out') in HANDLES and isinstance(value, int):
        return names.name(scope, kind_of(member), value)
    return value


def made(call, place):
    """(kind, value, name, names of its owners' members) of each handle that a call gave."""
    event = call['event'].split(':')[1]
    for member in ('hAdapter', 'hDevice', 'hResource_out', 'handle', 'bo_handle_out', 'bo_handle', 'res_handle_out', 'res_handle',
                   'name', 'fd', 'dma_buf', 'hContext', 'hHwContext', 'hHwQueue', 'hHwQueueProgressFence', 'hPagingQueue',
                   'hSyncObject', 'hResource', 'new_ctx_id', 'ctx_id', 'new_list_handle', 'vm_id', 'exec_queue_id'):
        if member == 'hResource' and not event.startswith('open_'):
            continue
        if member in call and isinstance(call[member], int):
            yield ('hHwContext' if member == 'hHwContext' else kind_of(member)), call[member], place + (event, member), True
    for i, adapter in enumerate(call.get('pAdapters') or []):
        yield 'hAdapter', adapter['hAdapter'], place + (event, i), False
    for i, allocation in enumerate(call.get('allocations') or []):
        if 'hAllocation' in allocation:
            yield 'hAllocation', allocation['hAllocation'], place + (event, i), True


def ended(call):
    event = call['event'].split(':')[1]
    if event in ('destroy_allocation',):
        if call.get('hResource'):
            yield 'hResource', call['hResource']
        for handle in call.get('phAllocationList') or []:
            yield 'hAllocation', handle
    elif event.startswith('destroy_'):
        for member in ('hDevice', 'hContext', 'hHwContext', 'hHwQueue', 'hPagingQueue', 'hSyncObject'):
            if member in call:
                yield member, call[member]
    elif event == 'close_adapter':
        yield 'hAdapter', call['hAdapter']
    elif event in ('gem_close', 'mode_destroy_dumb'):
        yield 'handle', call['handle']


def failed(call):
    return bool(call['status'] & 0x80000000) if 'status' in call else call['ret'] == -1


def read(path, left_out=()):
    calls = [as_ioctl(json.loads(line)) for line in open(path)]
    calls = [c for c in calls if c['event'] not in left_out]
    return sorted((c for c in calls if c.get('errno') != 4), key=lambda c: int(c['ts']))  # what EINTR interrupted is repeated


def threads_of(calls):
    return list(dict.fromkeys((c['process'], c['thread']) for c in calls))


def sequences(calls, order):
    """The calls of each thread, which is named by its place in order."""
    threads, names = {}, Names()
    for call in calls:
        thread = order.index((call['process'], call['thread']))
        sequence = threads.setdefault(thread, [])
        place = (thread, len(sequence))
        scope = call.get('file', call['process'])
        drm = call['event'].startswith('drm:')
        if not failed(call):
            # what the call names is looked up before what it makes, but shown under one name: made first, ended last
            owners = {names.name(scope, k, call.get(k)) for k in ('hDevice', 'hResource') if call.get(k)} - {'none'}
            for kind, value, name, owned in made(call, place):
                where = 'device' if kind in ('name', 'dma_buf', 'fd') else scope
                names.make(where if drm else scope, kind, value, name, owners if owned else set())
                if kind == 'hResource':
                    owners = owners | {names.name(scope, kind, value)}
        shown = {}
        for member, value in call.items():
            if member in CIRCUMSTANCES or member in LEFT_OUT or member.endswith('_names'):
                continue
            if member == 'value' and 'create_info' in call:  # where it went
                continue
            if member in ('FenceValue', 'Reserved') and call['event'] in UNIONS:
                continue
            if member in ('BaseAddress', 'Commands', 'CommandBuffer') and failed(call):  # as with handles: one that is nobody's
                continue
            if member in ('ret', 'errno') and not drm:
                continue
            if member == 'ret' and call['event'] in ADDRESS_RETURNED and not failed(call):
                continue
            if member == 'value' and drm and call.get('param') == 9 and 'ctx_id' in call:  # a context's address space
                member, value = 'vm_id', value
            where = 'device' if drm and kind_of(member) in ('name', 'dma_buf', 'fd') else scope
            shown[member] = canonical(value, member, call, names, where)
        # An input that the interface does not read then, and a descriptor's number
        if shown.get('Flags', 0) & CREATE_RESOURCE and call['event'] == 'd3dkmt:create_allocation':
            shown.pop('hResource', None)
        shown.pop('fd', None)
        sequence.append(shown)
        if not failed(call):
            for kind, value in ended(call):
                names.end(scope, kind, value)
    return threads


def nothing(value):
    return value in (None, 0) or (isinstance(value, list) and all(map(nothing, value)))


def same(a, b):
    """Equal; members that only one has must be zero or empty: the older elements of D3DKMTCreateAllocation have fewer."""
    if isinstance(a, dict) and isinstance(b, dict):
        return all(same(a.get(m), b.get(m)) for m in a.keys() | b.keys())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a is None and nothing(b)) or (b is None and nothing(a))


def difference(a, b):
    """A line about the first difference of two sets of sequences, with how many calls were the same before it; or None."""
    equal = 0
    for thread in sorted(a):
        for i, (x, y) in enumerate(zip(a[thread], b[thread])):
            if not same(x, y):
                return equal, f'thread {thread}, call {i}:\n  {json.dumps(x)}\n  {json.dumps(y)}'
            equal += 1
        if len(a[thread]) != len(b[thread]):
            return equal, f'thread {thread}: {len(a[thread])} calls, and {len(b[thread])} in the second'
    return None


def main():
    a = [call for call in read(sys.argv[1]) if call['event'] not in sys.argv[3:]]
    b = without_own_questions(read(sys.argv[2], QUESTIONS))
    order_a, order_b = threads_of(a), threads_of(b)
    if len(order_a) != len(order_b):
        sys.exit(f'{len(order_a)} threads, and {len(order_b)} in the second')
    expected = sequences(a, order_a)
    # Threads that do not wait for each other may begin in another order.
    orders = itertools.permutations(order_b) if len(order_b) <= 5 else [order_b]
    found = []
    for order in orders:
        found.append(difference(expected, sequences(b, list(order))))
        if not found[-1]:
            print(len(a), 'calls of', len(order_a), 'threads are the same')
            return
    sys.exit(max(found)[1])


main()
