# Two processes share a resource and a fence over a socket: in one recording with both, and in two recordings of one device. list tells
# each call of both, with the creator's data where it was given and where it was read.
need python3
need_built d3dkmt_share libgpualloc-trace.so libgpualloc-softgpu.so
export GPUALLOC_SOFTGPU_STATE=$work/gpu

expect_status 0 gpualloc record --softgpu -o both -- d3dkmt_share both.sock
expect_stdout "opener: runtime data 'surface 7: 640 x 480, drawn by the first process', driver data 'one plane'"
expect_stdout 'creator: the fence is at 2'

gpualloc record --softgpu -o opener -- d3dkmt_share --open two.sock >opener.out 2>opener.err &
expect_status 0 gpualloc record --softgpu -o creator -- d3dkmt_share --create two.sock
wait $! || fail "the opener failed: $(cat opener.out opener.err)"
grep -q 'opener: the fence is at 1' opener.out || fail "the opener did not see the fence: $(cat opener.out)"

for trace in both creator opener; do gpualloc list --format jsonl "$trace" >"$trace.jsonl" 2>/dev/null; done
cat >check.py <<'PY'
import json, sys

def calls(name):
    return [json.loads(line) for line in open(name)]

def of(calls, event):
    found = [call for call in calls if call["event"] == "d3dkmt:" + event]
    assert all(call["ret"] == 0 and call["status"] == 0 for call in found), found
    return found

def one(calls, event):
    found = of(calls, event)
    assert len(found) == 1, (event, found)
    return found[0]

both, creator, opener = calls("both.jsonl"), calls("creator.jsonl"), calls("opener.jsonl")
assert len({call["pid"] for call in both}) == 2
count = lambda calls: sorted((call["event"], call["ret"]) for call in calls)
assert count(both) == count(creator + opener), "one recording of both tells other calls than one of each"
for made, used in ((both, both), (creator, opener)):
    create, opened = one(made, "create_allocation"), one(used, "open_resource_from_nt_handle")
    asked = one(used, "query_resource_info_from_nt_handle")
    assert create["pid"] != opened["pid"] == asked["pid"]
    shares = of(made, "share_objects")
    assert [share["ObjectHandleArray"] for share in shares] == [[create["hResource_out"]],
                                                                [one(made, "create_synchronization_object2")["hSyncObject"]]]
    assert opened["pPrivateRuntimeData"] == create["pPrivateRuntimeData"] != None
    assert opened["pResourcePrivateDriverData"] == create["pPrivateDriverData"] != None
    data = "".join(element["pPrivateDriverData"] for element in create["allocations"])
    assert opened["pTotalPrivateDriverDataBuffer"] == data, (opened, data)
    assert asked["NumAllocations"] == opened["NumAllocations"] == 2 == len(opened["allocations"])
    assert asked["TotalPrivateDriverDataSize"] == 64 == opened["TotalPrivateDriverDataBufferSize_out"]
    one(used, "open_sync_object_from_nt_handle2")
    assert len(of(made + used if made is not used else made, "wait_for_synchronization_object_from_cpu")) == 2
    assert len(of(made + used if made is not used else made, "signal_synchronization_object_from_cpu")) == 2
PY
python3 check.py || fail "$(head -c 3000 opener.jsonl)"
